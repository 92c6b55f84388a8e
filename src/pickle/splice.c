/* The plan: spans, cuts, frames, and from them the segments of the result. */
#include <stdlib.h>
#include <string.h>

#include "opcode_bytes.h"
#include "splice_private.h"

/* Passes memo opcodes behind a value; a FRAME may stand between the value and its MEMOIZE. */
static enum pb_err memo_end(struct source *src, uint64_t at, uint64_t *end, struct error *e)
{
    uint64_t header, payload;
    const uint8_t *p;
    size_t n;
    enum pb_err err;

    *end = at;
    for (;;) {
        err = source_view(src, at, 1, &p, &n, e);
        if (err != PB_OK || n == 0)
            return err;
        if (*p != CODE_PUT && *p != CODE_BINPUT && *p != CODE_LONG_BINPUT && *p != CODE_MEMOIZE &&
            *p != CODE_FRAME && *p != CODE_PROTO)
            return PB_OK;
        if (*p != CODE_FRAME && *p != CODE_PROTO)
            *end = UINT64_MAX;
        err = pkl_opcode_length(src, at, &header, &payload, e);
        if (err != PB_OK)
            return err;
        at += header + payload;
        if (*end == UINT64_MAX)
            *end = at;
    }
}

static enum pb_err make_span(struct splice_work *w, const struct edit_change *c)
{
    struct source *src = pkl_doc_source(w->ed->doc);
    const struct pkl_node *n = &c->old;
    uint64_t maker = PKL_ID_OFFSET(n->id), header, payload;
    struct splice_span s = {.begin = n->begin, .value = c->value, .single = maker == n->begin};
    enum pb_err err;

    /* A container is whole where the engine says; a leaf where its opcode ends. */
    err = pkl_opcode_length(src, maker, &header, &payload, w->e);
    if (err != PB_OK)
        return err;
    s.made = maker + header + payload;
    if (!n->ref && !edit_is_scalar(n->kind) && n->end > s.made) {
        s.made = n->end;
        s.single = false;
    }
    err = memo_end(src, s.made, &s.end, w->e);
    if (err != PB_OK)
        return err;
    return vec_push(&w->spans, s) ? PB_OK : error_nomem(w->e);
}

/* A buffer that is not read any more would shift all that follow, and a PROTO changes what names
 * mean. */
static enum pb_err may_go(struct splice_work *w, const struct splice_span *s)
{
    struct source *src = pkl_doc_source(w->ed->doc);
    uint64_t header, payload;
    const uint8_t *p;
    size_t n;
    enum pb_err err = PB_OK;

    for (uint64_t at = s->begin; at < s->made && !s->single && err == PB_OK;) {
        err = source_view(src, at, 1, &p, &n, w->e);
        if (err == PB_OK && n > 0 && (*p == CODE_NEXT_BUFFER || *p == CODE_PROTO))
            return error_set(w->e, PB_EREADONLY,
                             "%s at offset %llu is inside a value that was replaced; it must stay",
                             *p == CODE_PROTO ? "a PROTO" : "an out-of-band buffer",
                             (unsigned long long)at);
        if (err == PB_OK)
            err = pkl_opcode_length(src, at, &header, &payload, w->e);
        at += header + payload;
    }
    return err;
}

/* What is changed inside a value that was replaced itself is gone with it. */
static enum pb_err make_spans(struct splice_work *w)
{
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < w->ed->changes.rows.len && err == PB_OK; i++) {
        const struct edit_change *c = &w->ed->changes.rows.data[i];
        struct splice_span *outer = w->spans.len > 0 ? &w->spans.data[w->spans.len - 1] : NULL;

        if (c->what != PKL_CHANGE_SET)
            return error_set(w->e, PB_EREADONLY,
                             "only values that are replaced can be written yet");
        if (PKL_ID_SOURCE(c->place.owner) != 0)
            continue;
        if (outer != NULL && c->begin < outer->made) {
            outer->changed_inside = true;
            continue;
        }
        err = make_span(w, c);
        if (err == PB_OK)
            err = may_go(w, &w->spans.data[w->spans.len - 1]);
    }
    return err;
}

/* --------------------------------------------------------------------------- segments */

static enum pb_err add(struct splice_work *w, enum splice_kind kind, uint64_t from, uint64_t len)
{
    struct pkl_splice *p = w->plan;
    struct splice_segment *s;

    if (len == 0)
        return PB_OK;
    if ((p->count & (p->count - 1)) == 0) { /* full: room is always for a power of two */
        s = mem_realloc(p->segments, p->count == 0 ? 1 : p->count * 2, sizeof *s);
        if (s == NULL)
            return error_nomem(w->e);
        p->segments = s;
    }
    p->segments[p->count++] =
        (struct splice_segment){.kind = kind, .from = from, .len = len, .at = p->size};
    p->size += len;
    if (kind == SPLICE_COPY)
        p->untouched += len;
    return PB_OK;
}

static enum pb_err add_cut(struct splice_work *w, const struct splice_cut *c)
{
    enum pb_err err = add(w, SPLICE_DUMMY, c->from, c->before);

    if (err == PB_OK)
        err = add(w, c->frame ? SPLICE_FRAME : SPLICE_NEW, c->from + c->before, c->new);
    if (err == PB_OK)
        err = add(w, SPLICE_DUMMY, c->from + c->before + c->new, c->after);
    return err;
}

static enum pb_err segments(struct splice_work *w)
{
    uint64_t at = 0, size = w->plan->original->size;
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < w->cuts.len && err == PB_OK; i++) {
        const struct splice_cut *c = &w->cuts.data[i];

        if (c->begin < at)
            return error_set(w->e, PB_EREADONLY,
                             "two edits lie inside each other in the bytes at offset %llu",
                             (unsigned long long)c->begin);
        err = add(w, SPLICE_COPY, at, c->begin - at);
        if (err == PB_OK)
            err = add_cut(w, c);
        at = c->end;
    }
    return err == PB_OK ? add(w, SPLICE_COPY, at, size - at) : err;
}

enum pb_err pkl_splice_plan(struct pkl_edit *ed, struct pkl_splice *out, struct error *e)
{
    struct splice_work w = {.ed = ed, .plan = out, .e = e};
    enum pb_err err;

    *out = (struct pkl_splice){.original = pkl_doc_source(ed->doc)};
    buf_init(&out->bytes, SIZE_MAX / 2);
    if (out->original->size == SOURCE_SIZE_UNKNOWN)
        return error_set(e, PB_EAGAIN, "not all of the pickle is here yet");
    err = edit_collect(ed, e);
    if (err == PB_OK)
        err = make_spans(&w);
    if (err == PB_OK)
        err = splice_links(&w);
    if (err == PB_OK && w.spans.len > 0)
        err = splice_memo(&w);
    if (err == PB_OK && w.spans.len > 0)
        err = splice_cuts(&w);
    if (err == PB_OK && w.spans.len > 0)
        err = splice_frames(&w);
    if (err == PB_OK)
        err = segments(&w);
    vec_release(&w.spans);
    vec_release(&w.puts);
    vec_release(&w.gets);
    vec_release(&w.cuts);
    vec_release(&w.links);
    idmap_release(&w.link_puts);
    if (err != PB_OK)
        pkl_splice_release(out);
    return err;
}

void pkl_splice_release(struct pkl_splice *s)
{
    free(s->segments);
    s->segments = NULL;
    s->count = 0;
    buf_release(&s->bytes);
}
