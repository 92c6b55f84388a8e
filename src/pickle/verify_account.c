/* Every byte of the result is a copied span, a new value, a dummy or a FRAME; and what is missing
 * of the original is the old value of a changed place or a FRAME. */
#include <stdlib.h>
#include <string.h>

#include "opcode_bytes.h"
#include "verify.h"

#define FRAME_SIZE 9
#define BYTES_AT_ONCE (1u << 20)

/* What may be missing: the bytes of a changed value with the memo opcodes behind it. */
struct gone {
    uint64_t begin, end;
    uint64_t new_bytes; /* put there */
    pkl_id id;          /* of what was put there */
};

struct ledger {
    struct verify *v;
    struct gone *gone;
    size_t count;
    const struct pkl_frame *frames;
    size_t frame_count;
};

/* Memo opcodes, and FRAMEs in front of them. */
static enum pb_err behind(struct verify *v, uint64_t at, uint64_t *end)
{
    uint64_t header, payload;
    const uint8_t *p;
    size_t n;

    *end = at;
    for (;;) {
        enum pb_err err = source_view(v->original, at, 1, &p, &n, v->e);
        uint8_t code = err == PB_OK && n > 0 ? *p : CODE_STOP;
        bool memo = code == CODE_PUT || code == CODE_BINPUT || code == CODE_LONG_BINPUT ||
                    code == CODE_MEMOIZE;

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

/* Changes come in document order, an outer one in front of what is inside it. */
static enum pb_err list_gone(struct ledger *l)
{
    struct verify *v = l->v;
    size_t n = pkl_edit_changes(v->ed);
    struct pkl_change c;
    enum pb_err err = PB_OK;

    l->gone = mem_realloc(NULL, n, sizeof *l->gone);
    if (l->gone == NULL)
        return error_nomem(v->e);
    for (size_t i = 0; i < n && err == PB_OK; i++) {
        struct gone g;

        err = pkl_edit_change(v->ed, i, &c, v->e);
        if (err != PB_OK || PKL_ID_SOURCE(c.place.owner) != 0)
            continue;
        if (l->count > 0 && c.old.begin < l->gone[l->count - 1].end)
            continue;
        g = (struct gone){.begin = c.old.begin, .id = c.place.value.id};
        err = behind(v, c.old.end, &g.end);
        l->gone[l->count++] = g;
    }
    return err;
}

/* The changed value that covers an offset of the original; its two borders count. */
static struct gone *gone_at(struct ledger *l, uint64_t off)
{
    size_t low = 0, high = l->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (l->gone[middle].end < off)
            low = middle + 1;
        else
            high = middle;
    }
    return low < l->count && l->gone[low].begin <= off ? &l->gone[low] : NULL;
}

/* The one that begins where this one ends. */
static struct gone *neighbour(const struct ledger *l, struct gone *g)
{
    return g + 1 < l->gone + l->count && g[1].begin == g->end ? g + 1 : NULL;
}

/* Offset of the first FRAME at or behind an offset of the original; UINT64_MAX: none. */
static uint64_t next_frame(const struct ledger *l, uint64_t off)
{
    size_t low = 0, high = l->frame_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (l->frames[middle].offset < off)
            low = middle + 1;
        else
            high = middle;
    }
    return low < l->frame_count ? l->frames[low].offset : UINT64_MAX;
}

/* [from, to) of the original is not in the result. */
static enum pb_err missing(struct ledger *l, uint64_t from, uint64_t to)
{
    struct gone *g = from < to ? gone_at(l, from) : NULL;

    if (from == to)
        return PB_OK;
    while (g != NULL && to > g->end)
        g = neighbour(l, g);
    if (g == NULL)
        return verify_refuse(l->v, "bytes at offset %llu are missing", (unsigned long long)from);
    if (next_frame(l, from) < to)
        return verify_refuse(l->v, "a FRAME is missing");
    return PB_OK;
}

/* Dummies leave the stack as it is: POP, and None with memo opcodes. */
static enum pb_err check_dummy(struct verify *v, const struct splice_segment *s)
{
    const char *p = v->plan->bytes.data + s->from;

    for (uint64_t at = 0; at < s->len; at++) {
        switch ((uint8_t)p[at]) {
        case CODE_POP:
        case CODE_NONE:
        case CODE_MEMOIZE:
            break;
        case CODE_BINPUT:
            at += 1;
            break;
        case CODE_LONG_BINPUT:
            at += 4;
            break;
        case CODE_PUT:
            while (at < s->len && p[at] != '\n')
                at++;
            break;
        default:
            return verify_refuse(v, "a dummy is no dummy");
        }
    }
    return PB_OK;
}

/* A FRAME replaces the next one of the original; *off moves behind that. */
static enum pb_err check_frame(struct ledger *l, const struct splice_segment *s, uint64_t *off)
{
    uint64_t old = next_frame(l, *off);
    enum pb_err err;

    if (s->len != FRAME_SIZE || (uint8_t)l->v->plan->bytes.data[s->from] != CODE_FRAME ||
        old == UINT64_MAX)
        return verify_refuse(l->v, "there is a FRAME where none was");
    err = missing(l, *off, old);
    *off = old + FRAME_SIZE;
    return err;
}

/* A segment of the plan's own bytes, where the original is read up to *off. */
static enum pb_err own_segment(struct ledger *l, const struct splice_segment *s, uint64_t *off)
{
    struct gone *g;

    if (s->from > l->v->plan->bytes.len || s->len > l->v->plan->bytes.len - s->from)
        return verify_refuse(l->v, "a segment lies outside the plan");
    if (s->kind == SPLICE_FRAME)
        return check_frame(l, s, off);
    g = gone_at(l, *off);
    if (g == NULL)
        return verify_refuse(l->v, "bytes were added at offset %llu", (unsigned long long)*off);
    if (s->kind == SPLICE_DUMMY)
        return check_dummy(l->v, s);
    while (g != NULL && g->new_bytes > 0)
        g = neighbour(l, g);
    if (g == NULL)
        return verify_refuse(l->v, "a value was put in twice");
    g->new_bytes = s->len;
    return PB_OK;
}

static enum pb_err walk_segments(struct ledger *l)
{
    struct verify *v = l->v;
    uint64_t at = 0, size = v->original->size, off = 0; /* the original is settled up to `off` */
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < v->plan->count && err == PB_OK; i++) {
        const struct splice_segment *s = &v->plan->segments[i];

        if (s->at != at || s->len == 0 || s->len > UINT64_MAX - at)
            return verify_refuse(v, "segment %zu is out of place", i);
        at += s->len;
        if (s->kind != SPLICE_COPY) {
            err = own_segment(l, s, &off);
            continue;
        }
        if (s->from < off || s->from > size || s->len > size - s->from)
            return verify_refuse(v, "segment %zu copies what is not next", i);
        err = missing(l, off, s->from);
        off = s->from + s->len;
    }
    if (err == PB_OK)
        err = missing(l, off, size);
    if (err == PB_OK && (at != v->plan->size || at != v->result->size))
        err = verify_refuse(v, "its size is not that of its segments");
    return err;
}

/* A new value is there as often as it was put in: once a place. */
static enum pb_err all_new(struct ledger *l)
{
    for (size_t i = 0; i < l->count; i++) {
        if (l->gone[i].new_bytes == 0)
            return verify_refuse(l->v, "the new value of offset %llu is missing",
                                 (unsigned long long)l->gone[i].begin);
    }
    return PB_OK;
}

enum pb_err verify_account(struct verify *v, bool *done)
{
    struct ledger l = {.v = v};
    enum pb_err err = list_gone(&l);

    l.frame_count = pkl_doc_frames(v->doc, &l.frames);
    if (err == PB_OK)
        err = walk_segments(&l);
    if (err == PB_OK)
        err = all_new(&l);
    free(l.gone);
    *done = true;
    return err;
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
