/*
 * Bytes that differ, as stretches of whole opcodes.
 *
 * Both sides are read opcode by opcode.  Where they part, the nearest place is looked for at which
 * a few opcodes are the same again, within a window that is all that is held.
 */
#include "diff.h"

#include <stdlib.h>
#include <string.h>

#include "dis.h"
#include "index.h"

#define LOOK_AHEAD 4096u /* opcodes */
#define AGREE 4u         /* so many must be the same again */
#define CHECK_EVERY 4096u

struct token {
    uint64_t at, len, hash;
};

struct side {
    struct source *src;
    struct cursor cursor;
    uint64_t at, end;
    struct {
        struct token *data;
        size_t len, cap;
    } ahead; /* from `first` on */
    size_t first;
};

struct spans {
    struct side side[2];
    struct pkl_diff_span open; /* a stretch that may grow */
    bool any;
    enum pb_err (*found)(void *ctx, const struct pkl_diff_span *s, struct error *e);
    void *ctx;
    struct error *e;
};

static uint64_t mix(uint64_t h, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

/* All bytes of an opcode count. */
static enum pb_err hash_op(struct side *s, const struct op *op, uint64_t *hash, struct error *e)
{
    uint64_t n = op->end - op->at, done = n < op->n ? n : op->n;

    *hash = mix(0xcbf29ce484222325u, op->p, (size_t)done);
    while (done < n) {
        size_t want = n - done < SOURCE_VIEW_MAX ? (size_t)(n - done) : SOURCE_VIEW_MAX, got;
        const uint8_t *p;
        enum pb_err err = source_view(s->src, op->at + done, want, &p, &got, e);

        if (err != PB_OK)
            return err;
        if (got == 0)
            return error_pickle(e, op->at, op->code, "the pickle ends inside an opcode");
        want = got < want ? got : want;
        *hash = mix(*hash, p, want);
        done += want;
        s->cursor.n = 0;
    }
    return PB_OK;
}

/* At least n opcodes ahead, or all there are. */
static enum pb_err look_ahead(struct side *s, size_t n, struct error *e)
{
    enum pb_err err = PB_OK;

    if (s->first > LOOK_AHEAD) {
        s->ahead.len -= s->first;
        memmove(s->ahead.data, s->ahead.data + s->first, s->ahead.len * sizeof *s->ahead.data);
        s->first = 0;
    }
    while (err == PB_OK && s->ahead.len - s->first < n && s->at < s->end) {
        struct token t = {.at = s->at};
        struct op op;

        err = cursor_read(&s->cursor, s->at, &op, e);
        if (err == PB_OK)
            err = hash_op(s, &op, &t.hash, e);
        t.len = op.end - op.at;
        if (err == PB_OK && !vec_push(&s->ahead, t))
            err = error_nomem(e);
        if (err == PB_OK)
            s->at = op.end;
    }
    return err;
}

static size_t there(const struct side *s)
{
    return s->ahead.len - s->first;
}

static const struct token *token(const struct side *s, size_t i)
{
    return &s->ahead.data[s->first + i];
}

static bool same_token(const struct spans *w, size_t i, size_t k)
{
    const struct token *x = token(&w->side[0], i), *y = token(&w->side[1], k);

    return x->hash == y->hash && x->len == y->len;
}

/* A few opcodes from here on are the same, or all up to both ends. */
static bool agree(const struct spans *w, size_t i, size_t k)
{
    size_t n = 0;

    while (n < AGREE && i + n < there(&w->side[0]) && k + n < there(&w->side[1])) {
        if (!same_token(w, i + n, k + n))
            return false;
        n++;
    }
    return n == AGREE || (n > 0 && i + n == there(&w->side[0]) && k + n == there(&w->side[1]));
}

/* The nearest opcodes at which both sides agree again; false: none within the window. */
static bool meet_again(const struct spans *w, size_t *i, size_t *k)
{
    size_t n[2] = {there(&w->side[0]), there(&w->side[1])};
    size_t most = n[0] > n[1] ? n[0] : n[1];
    uint64_t work = 0;

    for (size_t sum = 1; sum <= most * 2 && work < (uint64_t)LOOK_AHEAD * LOOK_AHEAD / 4; sum++) {
        for (size_t x = sum > n[1] ? sum - n[1] : 0; x <= sum && x <= n[0]; x++, work++) {
            if (agree(w, x, sum - x)) {
                *i = x;
                *k = sum - x;
                return true;
            }
        }
    }
    return false;
}

static void pass(struct side *s, size_t n)
{
    s->first += n;
}

static uint64_t place(const struct side *s)
{
    return there(s) > 0 ? token(s, 0)->at : s->at;
}

static enum pb_err tell(struct spans *w)
{
    enum pb_err err = PB_OK;

    if (w->any)
        err = w->found(w->ctx, &w->open, w->e);
    w->any = false;
    return err;
}

/* Takes i and k opcodes into a stretch that differs. */
static void take(struct spans *w, size_t i, size_t k)
{
    size_t n[2] = {i, k};

    for (unsigned s = 0; s < 2; s++) {
        uint64_t from = place(&w->side[s]);

        if (!w->any)
            w->open.at[s] = from;
        pass(&w->side[s], n[s]);
        w->open.len[s] = place(&w->side[s]) - w->open.at[s];
    }
    w->any = true;
}

static enum pb_err step(struct spans *w, bool *done)
{
    size_t i, k;
    enum pb_err err = look_ahead(&w->side[0], 1, w->e);

    if (err == PB_OK)
        err = look_ahead(&w->side[1], 1, w->e);
    if (err != PB_OK)
        return err;
    if (there(&w->side[0]) > 0 && there(&w->side[1]) > 0 && same_token(w, 0, 0)) {
        pass(&w->side[0], 1);
        pass(&w->side[1], 1);
        return tell(w);
    }
    *done = there(&w->side[0]) == 0 && there(&w->side[1]) == 0;
    if (*done)
        return tell(w);
    for (unsigned s = 0; s < 2 && err == PB_OK; s++)
        err = look_ahead(&w->side[s], LOOK_AHEAD, w->e);
    if (err != PB_OK)
        return err;
    if (!meet_again(w, &i, &k)) {
        i = there(&w->side[0]);
        k = there(&w->side[1]);
    }
    take(w, i, k);
    return PB_OK;
}

enum pb_err pkl_diff_bytes(struct pkl_doc *a, struct pkl_doc *b,
                           enum pb_err (*check)(void *ctx, struct error *e), void *check_ctx,
                           enum pb_err (*found)(void *ctx, const struct pkl_diff_span *s,
                                                struct error *e),
                           void *ctx, struct error *e)
{
    struct spans w = {.found = found, .ctx = ctx, .e = e};
    struct pkl_doc *docs[2] = {a, b};
    bool done = false;
    unsigned steps = 0;
    enum pb_err err = PB_OK;

    for (unsigned s = 0; s < 2; s++) {
        w.side[s].src = pkl_doc_source(docs[s]);
        w.side[s].end = docs[s]->end;
        cursor_init(&w.side[s].cursor, w.side[s].src);
        docs[s]->viewed = true;
    }
    while (err == PB_OK && !done) {
        err = step(&w, &done);
        if (err == PB_OK && check != NULL && ++steps % CHECK_EVERY == 0)
            err = check(check_ctx, e);
    }
    vec_release(&w.side[0].ahead);
    vec_release(&w.side[1].ahead);
    return err;
}

enum pb_err pkl_diff_span_text(struct pkl_doc *d, uint64_t at, uint64_t len, size_t max,
                               struct buf *out, struct error *e)
{
    struct cursor c;
    struct dis_out to;
    uint64_t end = at + len;
    size_t start = out->len;
    enum pb_err err = PB_OK;

    buf_init(&to.buf, max * 16 + BUF_MAX_LINE);
    to.to = NULL;
    cursor_init(&c, pkl_doc_source(d));
    d->viewed = true;
    while (err == PB_OK && at < end) {
        struct op op;
        bool moved = false;

        if (out->len - start > max) {
            buf_puts(out, "; \xe2\x80\xa6");
            break;
        }
        err = cursor_read(&c, at, &op, e);
        if (err != PB_OK)
            break;
        buf_puts(out, out->len > start ? "; " : "");
        buf_puts(out, pkl_opcode(op.code)->name);
        at = op.end;
        if (!dis_has_arg(op.code))
            continue;
        buf_putc(out, ' ');
        if (op.end - op.at > max) {
            buf_printf(out, "(%llu bytes)", (unsigned long long)(op.end - op.at));
            continue;
        }
        buf_clear(&to.buf);
        err = dis_arg(&to, pkl_doc_source(d), &op, &moved, e);
        buf_append(out, to.buf.data, to.buf.len);
        c.n = 0;
    }
    buf_release(&to.buf);
    return err == PB_OK ? buf_status(out, e) : err;
}
