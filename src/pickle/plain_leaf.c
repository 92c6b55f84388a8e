/* Leaves, from their bytes to their text. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/digest.h>
#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

#include "json_text.h"
#include "line.h"
#include "plain.h"
#include "repr_text.h"

#define VIEW_AHEAD 4096u
#define SAFE_INT ((int64_t)1 << 53) /* larger ones do not survive a double */

const uint8_t *plain_bytes(struct plain *w, uint64_t at, size_t n)
{
    size_t want = n > VIEW_AHEAD ? n : VIEW_AHEAD;

    if (w->have == 0 || at < w->off || at - w->off > w->have ||
        n > w->have - (size_t)(at - w->off)) {
        if (n > PLAIN_LEAF_MAX * 2 ||
            source_view(w->tapes.doc->src, at, want, &w->bytes, &w->have, NULL) != PB_OK ||
            w->have < n) {
            w->have = 0;
            return NULL;
        }
        w->off = at;
    }
    return w->bytes + (at - w->off);
}

/* ------------------------------------------------------------------------ numbers */

static bool put_int(struct plain *w, int64_t v)
{
    char *to;

    if (w->form->json && (v > SAFE_INT || v < -SAFE_INT))
        return false;
    to = buf_room(w->out, NUM_TEXT_MAX);
    if (to != NULL)
        w->out->len += num_put_int(to, v);
    return to != NULL;
}

static bool int_line(struct plain *w, const struct tape_node *n, const char *s)
{
    size_t len = (size_t)n->len - 1;
    struct line_int line;
    int64_t v;
    bool fits = false;

    if (len > 18 || !(n->code == 'I' ? line_int(s, len, &line) : line_long(s, len, &line)) ||
        line.boolean || line_int_value(&line, &fits, &v, &w->scratch, NULL) != PB_OK || !fits)
        return false;
    return put_int(w, v);
}

static bool leaf_int(struct plain *w, const struct tape_node *n)
{
    const uint8_t *p = plain_bytes(w, n->at, (size_t)(n->end - n->at < 16 ? n->end - n->at : 16));
    uint64_t v = 0;

    if (p == NULL)
        return false;
    switch (n->code) {
    case 'K':
        return put_int(w, p[1]);
    case 'M':
        return put_int(w, (int64_t)op_le(p + 1, 2));
    case 'J':
        return put_int(w, (int32_t)op_le(p + 1, 4));
    case 0x8a:
        if (n->len == 0 || n->len > 8)
            return n->len == 0 && put_int(w, 0);
        v = op_le(p + 2, (size_t)n->len);
        if (n->len < 8 && (p[1 + n->len] & 0x80) != 0)
            v |= UINT64_MAX << (8 * n->len);
        return put_int(w, (int64_t)v);
    case 'I':
    case 'L':
        p = plain_bytes(w, n->at, (size_t)n->len + 1);
        return p != NULL && int_line(w, n, (const char *)p + 1);
    default:
        return false;
    }
}

static bool leaf_float(struct plain *w, const struct tape_node *n)
{
    const uint8_t *p = n->len < 256 ? plain_bytes(w, n->at, (size_t)n->len + 9) : NULL;
    uint64_t bits = 0;
    double d;
    char *to;

    if (n->len > 0)
        p = n->len < 256 ? plain_bytes(w, n->at, (size_t)n->len + 1) : NULL;
    if (p == NULL)
        return false;
    if (n->code == 'G') {
        for (size_t i = 1; i <= 8; i++)
            bits = bits << 8 | p[i];
        memcpy(&d, &bits, sizeof d);
    } else if (!line_float((const char *)p + 1, (size_t)n->len - 1, &d)) {
        return false;
    }
    if (w->form->json && !isfinite(d))
        return false;
    to = buf_room(w->out, NUM_TEXT_MAX);
    if (to != NULL)
        w->out->len += num_put_double(to, d);
    return to != NULL;
}

static bool leaf_bool(struct plain *w, const struct tape_node *n)
{
    bool value = n->code == 0x88;
    struct line_int line;

    if (n->code == 'I') {
        const uint8_t *p = plain_bytes(w, n->at, (size_t)n->len + 1);

        if (p == NULL || !line_int((const char *)p + 1, (size_t)n->len - 1, &line) || line.len == 0)
            return false;
        value = line.digits[line.len - 1] == '1';
    }
    buf_puts(w->out, value ? w->form->true_ : w->form->false_);
    return true;
}

/* ------------------------------------------------------------------------ strings */

/* Text of a line: as it stands, or unescaped into the scratch buffer. */
static const char *line_text(struct plain *w, const struct tape_node *n, const char *s, size_t *len)
{
    struct unescape u = {.kind = n->code == 'S' ? UNESCAPE_STRING : UNESCAPE_UNICODE};
    size_t size = (size_t)n->len - 1;

    if (n->code == 'S' && !line_quoted(s, size, &s, &size))
        return NULL;
    *len = size;
    if (text_plain(s, size, '\\', TEXT_ASCII) == size)
        return s;
    buf_clear(&w->scratch);
    if (!unescape_feed(&u, s, size, &w->scratch) || !unescape_end(&u, &w->scratch) ||
        w->scratch.failed != PB_OK)
        return NULL;
    *len = w->scratch.len;
    return w->scratch.data;
}

const char *plain_text(struct plain *w, const struct tape_node *n, size_t *len)
{
    size_t header = op_info[n->code].header;
    const uint8_t *p;

    if (n->len > PLAIN_LEAF_MAX)
        return NULL;
    p = plain_bytes(w, n->at, header + (size_t)n->len);
    if (p == NULL)
        return NULL;
    if (n->code == 'S' || n->code == 'V')
        return line_text(w, n, (const char *)p + 1, len);
    *len = (size_t)n->len;
    return (const char *)p + header;
}

static void put_base64(struct plain *w, const char *what, const char *s, size_t n)
{
    buf_puts(w->out, "{\"$");
    buf_puts(w->out, what);
    buf_puts(w->out, "\": \"");
    base64_encode(w->out, s, n);
    buf_puts(w->out, "\"}");
}

static bool leaf_text(struct plain *w, const struct tape_node *n)
{
    size_t len;
    const char *s = plain_text(w, n, &len);
    bool json = w->form->json;

    if (s == NULL)
        return false;
    switch ((enum pkl_kind)n->kind) {
    case PKL_BYTES:
        if (json)
            put_base64(w, "bytes", s, len);
        else
            pkl_repr_bytes(w->out, s, len);
        return true;
    case PKL_PY2STR:
        if (!json)
            repr_py2_str(w->out, s, len, w->ascii, w->py2_str);
        else if (text_plain(s, len, '"', TEXT_ASCII) == len)
            pkl_json_string(w->out, s, len);
        else
            return false;
        return true;
    case PKL_STR:
        if (json)
            pkl_json_str(w->out, s, len);
        else
            pkl_repr_str(w->out, s, len, w->ascii);
        return true;
    default:
        return false;
    }
}

static bool put_leaf(struct plain *w, const struct tape_node *n)
{
    switch ((enum pkl_kind)n->kind) {
    case PKL_NONE:
        buf_puts(w->out, w->form->none);
        return true;
    case PKL_BOOL:
        return leaf_bool(w, n);
    case PKL_INT:
        return leaf_int(w, n);
    case PKL_FLOAT:
        return leaf_float(w, n);
    default:
        return leaf_text(w, n);
    }
}

/* --------------------------------------------------------------------- references */

static void target_of(const struct tape_node *n, const struct plain_word *word,
                      struct tape_node *out)
{
    *out = (struct tape_node){.at = n->target,
                              .end = n->target + op_info[word->code].header + word->len,
                              .len = word->len,
                              .code = word->code,
                              .kind = n->kind};
}

static bool read_word(struct plain *w, const struct tape_node *n, struct plain_word *out)
{
    size_t before = w->out->len;
    struct tape_node target;
    struct cursor c;
    struct op op;

    cursor_init(&c, w->tapes.doc->src);
    plain_forget_view(w);
    if (cursor_read(&c, n->target, &op, NULL) != PB_OK || op.code != n->code)
        return false;
    *out = (struct plain_word){.maker = n->target + 1, .len = op.payload, .code = op.code};
    target_of(n, out, &target);
    out->key = plain_key(w, &target, &out->name);
    if (op.payload > PLAIN_WORD_MAX)
        return true;
    if (put_leaf(w, &target) && w->out->failed == PB_OK &&
        w->out->len - before <= sizeof out->text) {
        out->used = (uint8_t)(w->out->len - before);
        memcpy(out->text, w->out->data + before, out->used);
    }
    if (w->out->failed == PB_OK)
        buf_truncate(w->out, before);
    return w->out->failed == PB_OK;
}

const struct plain_word *plain_word(struct plain *w, const struct tape_node *n)
{
    struct plain_word *box;

    if (w->words == NULL)
        w->words = mem_alloc(PLAIN_WORDS * sizeof *w->words);
    if (w->words == NULL)
        return NULL;
    box = &w->words[n->box & (PLAIN_WORDS - 1)];
    if (box->maker == n->target + 1)
        return box;
    box->maker = 0;
    return read_word(w, n, box) ? box : NULL;
}

bool plain_leaf(struct plain *w, const struct tape_node *n)
{
    const struct plain_word *word;
    struct tape_node target;

    if (!(n->flags & TAPE_REF))
        return put_leaf(w, n);
    word = plain_word(w, n);
    if (word == NULL)
        return false;
    if (word->used > 0) {
        buf_append(w->out, word->text, word->used);
        return true;
    }
    target_of(n, word, &target);
    return put_leaf(w, &target);
}
