/*
 * Every byte of the result is a copied span, a new value, a dummy, a FRAME, or holds the children
 * of an edited container together; and what is missing of the original is a value that went, or
 * held such children together.
 */
#include <stdlib.h>
#include <string.h>

#include "opcode_bytes.h"
#include "opcode.h"
#include "verify.h"

#define FRAME_SIZE 9
#define BYTES_AT_ONCE (1u << 20)
#define CHILDREN_AT_ONCE 64

/* ------------------------------------------------------------------------ what may be missing */

/* Memo opcodes behind a value, and FRAMEs in front of them. */
static enum pb_err behind(struct verify *v, uint64_t at, uint64_t *end)
{
    uint64_t header, payload;
    const uint8_t *p;
    size_t n;

    *end = at;
    for (;;) {
        enum pb_err err = source_view(v->original, at, 1, &p, &n, v->e);
        uint8_t code = err == PB_OK && n > 0 ? *p : CODE_STOP;
        bool memo = op_info[code].class == OP_PUT;

        if (err != PB_OK || (!memo && code != CODE_FRAME && code != CODE_PROTO))
            return err;
        err = pkl_opcode_length(v->original, at, &header, &payload, v->e);
        if (err != PB_OK)
            return err;
        at += header + payload;
        if (memo)
            *end = at;
    }
}

static enum pb_err gone(struct verify *v, uint64_t begin, uint64_t end)
{
    struct verify_range r = {begin, end};
    enum pb_err err = behind(v, end, &r.end);

    if (err != PB_OK)
        return err;
    return vec_push(&v->gone, r) ? PB_OK : error_nomem(v->e);
}

static enum pb_err child_gone(struct verify *v, pkl_id owner, uint64_t index, bool key, bool value)
{
    struct pkl_child c;
    enum pb_err err = verify_kid(v, 0, v->ed->base, owner, index, &c);

    if (err == PB_OK && key && c.key.id != 0)
        err = gone(v, c.key.begin, c.key.end);
    return err == PB_OK && value ? gone(v, c.value.begin, c.value.end) : err;
}

/* A part of an object, or the value of a pickle. */
static enum pb_err place_gone(struct verify *v, const struct edit_container *c, uint64_t index)
{
    struct pkl_view *base = v->ed->base;
    struct pkl_child place;
    uint64_t states = 0;
    enum pb_err err = PB_OK;

    if (PKL_ID_TAG(c->owner) == PKL_TAG_STREAM) {
        err = base->root(base, index, &place, v->e);
    } else {
        err = edit_states(v->ed, c->owner, &states, v->e);
        if (err == PB_OK && index >= 3 + states) {
            v->builds++;
            return PB_OK;
        }
        if (err == PB_OK)
            err = edit_original(v->ed, (size_t)(c - v->ed->containers.data), index, &place, v->e);
    }
    return err == PB_OK ? gone(v, place.value.begin, place.value.end) : err;
}

static bool has_list(const struct edit_container *c, const struct pkl_node *n)
{
    enum pkl_tag tag = PKL_ID_TAG(c->owner);

    return tag != PKL_TAG_STREAM && (tag != PKL_TAG_VALUE || n->kind < PKL_GLOBAL);
}

/* What stays where it was comes behind all that stood in front of it. */
static enum pb_err one_piece(struct verify *v, const struct edit_container *c, bool list)
{
    const struct piece *p = v->piece < c->now.len ? &c->now.data[v->piece] : NULL;
    uint64_t first = p != NULL ? p->first : c->now.originals;
    enum pb_err err = PB_OK;

    if (!list && p != NULL) {
        v->piece++;
        return p->value != 0 ? place_gone(v, c, p->first) : PB_OK;
    }
    if (p != NULL && (piece_is_new(p) || p->first < v->next)) {
        v->piece++;
        return PB_OK;
    }
    for (int i = 0; i < CHILDREN_AT_ONCE && v->next < first && err == PB_OK; i++)
        err = child_gone(v, c->owner, v->next++, true, true);
    if (err != PB_OK || v->next < first || p == NULL)
        return err;
    if (!piece_is_run(p))
        err = child_gone(v, c->owner, p->first, p->key != 0, p->value != 0);
    v->next = p->first + p->count;
    v->piece++;
    return err;
}

enum pb_err verify_old(struct verify *v, bool *done)
{
    const struct edit_container *c;
    struct pkl_node n;
    struct verify_range r;
    bool list;
    enum pb_err err;

    *done = v->container == v->ed->containers.len;
    if (*done) {
        verify_join(&v->gone);
        verify_join(&v->edited);
        v->container = 0;
        return PB_OK;
    }
    c = &v->ed->containers.data[v->container];
    if (PKL_ID_SOURCE(c->owner) != 0 || pieces_original(&c->now)) {
        v->container++;
        return PB_OK;
    }
    err = v->ed->base->node(v->ed->base, c->owner, &n, v->e);
    if (err != PB_OK)
        return err;
    list = has_list(c, &n);
    if (v->piece < c->now.len || (list && v->next < c->now.originals))
        return one_piece(v, c, list);
    v->container++;
    v->piece = 0;
    v->next = 0;
    r = (struct verify_range){n.begin, n.end};
    if (PKL_ID_TAG(c->owner) == PKL_TAG_STREAM)
        return PB_OK;
    err = behind(v, n.end, &r.end);
    return err != PB_OK || vec_push(&v->edited, r) ? err : error_nomem(v->e);
}

/* --------------------------------------------------------------------------- own segments */

/* Dummies leave the stack as it is: POP, and None with memo opcodes. */
static bool is_dummy(uint8_t code)
{
    return code == CODE_POP || code == CODE_NONE || op_info[code].class == OP_PUT;
}

static bool is_glue(uint8_t code)
{
    switch (code) {
    case CODE_MARK:
    case CODE_APPEND:
    case CODE_APPENDS:
    case CODE_SETITEM:
    case CODE_SETITEMS:
    case CODE_ADDITEMS:
    case CODE_EMPTY_TUPLE:
    case CODE_TUPLE1:
    case CODE_TUPLE2:
    case CODE_TUPLE3:
    case CODE_TUPLE:
        return true;
    default:
        return false;
    }
}

/* These may be put in, but not be missing. */
static bool is_own_glue(uint8_t code)
{
    return is_glue(code) || code == CODE_BUILD || code == CODE_INST ||
           op_info[code].class == OP_PUT || (op_info[code].class == OP_REF && code != CODE_DUP);
}

/* Bytes of an opcode of the plan; 0: it does not end there. */
static size_t length(const uint8_t *p, size_t n)
{
    const struct op_info *info = &op_info[*p];
    size_t lines = info->arg == ARG_LINES ? 2 : info->arg == ARG_LINE ? 1 : 0, len = 1;

    if (lines == 0)
        return info->header <= n ? info->header : 0;
    for (; lines > 0; lines--) {
        const uint8_t *nl = memchr(p + len, '\n', n - len);

        if (nl == NULL)
            return 0;
        len = (size_t)(nl - p) + 1;
    }
    return len;
}

static enum pb_err check_opcodes(struct verify *v, const struct splice_segment *s, size_t *builds)
{
    const uint8_t *p = (const uint8_t *)v->plan->bytes.data + s->from;
    size_t n = (size_t)s->len, len;

    for (; n > 0; p += len, n -= len) {
        bool ok = s->kind == SPLICE_DUMMY ? is_dummy(*p) : is_own_glue(*p);

        len = length(p, n);
        if (!ok || len == 0)
            return verify_refuse(v, "at %llu there is an opcode that should not be there",
                                 (unsigned long long)s->at);
        *builds += *p == CODE_BUILD;
    }
    return PB_OK;
}

/* What is linked is stored right behind its maker, wherever that is. */
static bool only_put(const struct verify *v, const struct splice_segment *s)
{
    const uint8_t *p = (const uint8_t *)v->plan->bytes.data + s->from;

    return s->kind == SPLICE_GLUE && op_info[*p].class == OP_PUT &&
           length(p, (size_t)s->len) == s->len;
}

/* A GET or PUT with a number in it. */
static bool is_numbered(uint8_t code)
{
    enum op_class class = (enum op_class)op_info[code].class;

    return (class == OP_PUT && code != CODE_MEMOIZE) || (class == OP_REF && code != CODE_DUP);
}

/* One such opcode for another one that does the same; which number it must have is seen when the
 * memo is compared.  The original is passed up to *off. */
static enum pb_err renumbered(struct verify *v, const struct splice_segment *s, uint64_t *off)
{
    const uint8_t *p = (const uint8_t *)v->plan->bytes.data + s->from, *q;
    uint64_t header, payload;
    size_t n;
    enum pb_err err;

    if (s->instead < *off || s->instead >= v->original->size)
        return verify_refuse(v, "an opcode at %llu is out of place", (unsigned long long)s->at);
    err = source_view(v->original, s->instead, 1, &q, &n, v->e);
    if (err == PB_OK)
        err = pkl_opcode_length(v->original, s->instead, &header, &payload, v->e);
    if (err != PB_OK)
        return err;
    if (!is_numbered(*p) || length(p, (size_t)s->len) != s->len || !is_numbered(*q) ||
        op_info[*p].class != op_info[*q].class || op_is_text(*p) != op_is_text(*q))
        return verify_refuse(v, "an opcode at %llu is not one with another number",
                             (unsigned long long)s->at);
    *off = s->instead + header + payload;
    return vec_push(&v->renumbered, s->instead) ? PB_OK : error_nomem(v->e);
}

static bool is_renumbered(const struct verify *v, uint64_t at)
{
    size_t low = 0, high = v->renumbered.len;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (v->renumbered.data[middle] < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->renumbered.len && v->renumbered.data[low] == at;
}

static size_t frames_before(const struct verify *v, uint64_t at)
{
    const struct pkl_frame *frames;
    size_t low = 0, high = pkl_doc_frames(v->doc, &frames);

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (frames[middle].offset < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool in_plan(const struct verify *v, const struct splice_segment *s)
{
    return s->from <= v->plan->bytes.len && s->len <= v->plan->bytes.len - s->from;
}

/* A segment of the plan's own bytes, where the original is copied up to `off` and goes on at
 * `next`.
 */
static enum pb_err own_segment(struct verify *v, const struct splice_segment *s, uint64_t off,
                               uint64_t next, size_t *builds)
{
    const struct pkl_splice *plan = v->plan;
    bool in_gone = verify_range_in(&v->gone, off, next) != NULL;

    if (!in_plan(v, s))
        return verify_refuse(v, "a segment lies outside the plan");
    switch (s->kind) {
    case SPLICE_FRAME:
        return s->len == FRAME_SIZE && (uint8_t)plan->bytes.data[s->from] == CODE_FRAME
                   ? PB_OK
                   : verify_refuse(v, "a FRAME is none");
    case SPLICE_NEW:
        v->new_bytes += s->len;
        break;
    case SPLICE_DUMMY:
        if (!in_gone)
            return verify_refuse(v, "there is a dummy where nothing went");
        return check_opcodes(v, s, builds);
    default:
        break;
    }
    if (!in_gone && verify_range_in(&v->edited, off, next) == NULL && !only_put(v, s))
        return verify_refuse(v, "bytes were added at offset %llu", (unsigned long long)off);
    return s->kind == SPLICE_GLUE ? check_opcodes(v, s, builds) : PB_OK;
}

/* ------------------------------------------------------------------------ all segments */

/* [from, to) of the original is not in the result. */
static enum pb_err missing(struct verify *v, uint64_t from, uint64_t to)
{
    uint64_t header, payload;
    const uint8_t *p;
    size_t n;

    while (from < to) {
        const struct verify_range *g = verify_range_in(&v->gone, from, from);
        enum pb_err err;

        if (g != NULL && g->end > from) {
            from = g->end;
            continue;
        }
        err = source_view(v->original, from, 1, &p, &n, v->e);
        if (err == PB_OK && (n == 0 || !((is_glue(*p) && verify_range_in(&v->edited, from, from)) ||
                                         *p == CODE_FRAME || is_renumbered(v, from))))
            err = verify_refuse(v, "bytes at offset %llu are missing", (unsigned long long)from);
        if (err == PB_OK)
            err = pkl_opcode_length(v->original, from, &header, &payload, v->e);
        if (err != PB_OK)
            return err;
        from += header + payload;
    }
    return PB_OK;
}

static int by_from(const void *a, const void *b, void *ctx)
{
    const struct splice_segment *s = ctx;
    uint64_t x = s[*(const size_t *)a].from, y = s[*(const size_t *)b].from;

    return (x > y) - (x < y);
}

/* A FRAME stands for the next one. */
static uint64_t behind_frame(const struct verify *v, uint64_t off)
{
    const struct pkl_frame *frames;
    size_t n = pkl_doc_frames(v->doc, &frames), i = frames_before(v, off);

    return i < n ? frames[i].offset + FRAME_SIZE : off;
}

/* Copied spans do not overlap; what lies between them is missing. */
static enum pb_err check_missing(struct verify *v)
{
    uint64_t at = 0, size = v->original->size;
    size_t frames = 0, own = 0;
    enum pb_err err = PB_OK;

    for (size_t i = 0; i <= v->copied && err == PB_OK; i++) {
        const struct splice_segment *s = i < v->copied ? &v->plan->segments[v->order[i]] : NULL;
        uint64_t from = s != NULL ? s->from : size;

        if (from < at)
            return verify_refuse(v, "bytes at offset %llu are there twice",
                                 (unsigned long long)from);
        err = missing(v, at, from);
        frames += frames_before(v, from) - frames_before(v, at);
        at = s != NULL ? from + s->len : size;
    }
    for (size_t i = 0; i < v->plan->count; i++)
        own += v->plan->segments[i].kind == SPLICE_FRAME;
    return err == PB_OK && frames != own ? verify_refuse(v, "a FRAME is missing or added") : err;
}

/* Where the original is copied again. */
static uint64_t next_copied(const struct verify *v, size_t i, uint64_t off)
{
    for (; i < v->plan->count; i++) {
        const struct splice_segment *s = &v->plan->segments[i];

        if (s->kind == SPLICE_COPY && s->from >= off)
            return s->from;
        if (s->kind == SPLICE_RENUMBER && s->instead >= off)
            return s->instead;
    }
    return v->original->size;
}

static enum pb_err walk_segments(struct verify *v)
{
    uint64_t at = 0, size = v->original->size, off = 0; /* the original is copied up to `off` */
    size_t builds = 0;
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < v->plan->count && err == PB_OK; i++) {
        const struct splice_segment *s = &v->plan->segments[i];

        if (s->at != at || s->len == 0 || s->len > UINT64_MAX - at)
            return verify_refuse(v, "segment %zu is out of place", i);
        at += s->len;
        if (s->kind == SPLICE_RENUMBER) {
            v->placed[i] = true;
            err = in_plan(v, s) ? renumbered(v, s, &off)
                                : verify_refuse(v, "a segment lies outside the plan");
            continue;
        }
        if (s->kind != SPLICE_COPY) {
            err = own_segment(v, s, off, next_copied(v, i, off), &builds);
            off = s->kind == SPLICE_FRAME ? behind_frame(v, off) : off;
            continue;
        }
        if (s->from > size || s->len > size - s->from)
            return verify_refuse(v, "segment %zu copies what is not there", i);
        v->order[v->copied++] = i;
        v->placed[i] = s->from >= off;
        if (v->placed[i])
            off = s->from + s->len;
        else if (verify_range_in(&v->gone, s->from, s->from) == NULL ||
                 verify_range_in(&v->gone, s->from, s->from)->end < s->from + s->len)
            err = verify_refuse(v, "segment %zu copies what was not moved", i);
    }
    if (err == PB_OK && (at != v->plan->size || at != v->result->size))
        err = verify_refuse(v, "its size is not that of its segments");
    /* One may have been added to an object that is gone since. */
    if (err == PB_OK && builds > v->builds)
        err = verify_refuse(v, "a state was added");
    return err;
}

enum pb_err verify_account(struct verify *v, bool *done)
{
    enum pb_err err;

    *done = true;
    v->order = mem_realloc(NULL, v->plan->count + 1, sizeof *v->order);
    v->placed = mem_alloc(v->plan->count + 1);
    if (v->order == NULL || v->placed == NULL)
        return error_nomem(v->e);
    err = walk_segments(v);
    if (err == PB_OK && v->copied > 1)
        qsort_r(v->order, v->copied, sizeof *v->order, by_from, v->plan->segments);
    return err == PB_OK ? check_missing(v) : err;
}

enum pb_err verify_bytes(struct verify *v, bool *done)
{
    const struct splice_segment *s;
    uint64_t skip, n;
    const uint8_t *p;
    size_t got;
    bool same = true;
    enum pb_err err;

    *done = v->segment == v->plan->count;
    if (*done)
        return PB_OK;
    s = &v->plan->segments[v->segment];
    skip = v->at - s->at;
    n = s->len - skip < BYTES_AT_ONCE ? s->len - skip : BYTES_AT_ONCE;
    if (s->kind == SPLICE_COPY) {
        err = verify_same_bytes(v->original, s->from + skip, v->result, v->at, n, &same, v->e);
    } else {
        err = source_view(v->result, v->at, (size_t)n, &p, &got, v->e);
        same = err == PB_OK && got >= n &&
               memcmp(p, v->plan->bytes.data + s->from + skip, (size_t)n) == 0;
    }
    if (err != PB_OK)
        return err;
    if (!same)
        return verify_refuse(v, "its bytes at offset %llu are not those of the plan",
                             (unsigned long long)v->at);
    v->at += n;
    if (v->at == s->at + s->len)
        v->segment++;
    return PB_OK;
}
