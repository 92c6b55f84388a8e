/* A document: made, released, and what is known of it as a whole. */
#include <stdlib.h>

#include "index.h"
#include "lens/nd.h"
#include "scan_vector.h"

static uint64_t or_default(uint64_t limit, uint64_t usual)
{
    return limit > 0 ? limit : usual;
}

enum pb_err pkl_doc_new(struct source *src, unsigned source_no, const struct pkl_limits *limits,
                        struct pkl_doc **out, struct error *e)
{
    static const struct pkl_limits none;
    struct pkl_doc *d = mem_alloc(sizeof *d);

    *out = d;
    if (d == NULL)
        return error_nomem(e);
    if (limits == NULL)
        limits = &none;
    d->view = doc_view;
    d->src = src;
    d->no = source_no;
    d->limits.max_stack = or_default(limits->max_stack, (uint64_t)1 << 28);
    d->limits.max_marks = or_default(limits->max_marks, (uint64_t)1 << 26);
    d->limits.max_memo = or_default(limits->max_memo, (uint64_t)1 << 32);
    d->limits.max_records = or_default(limits->max_records, (uint64_t)1 << 26);
    d->limits.max_pickles = or_default(limits->max_pickles, (uint64_t)1 << 26);
    d->scan.memo_bias = NO_BIAS;
    d->scan.code = -1;
    d->vector = vector_run_works();
    pkl_doc_set_grain(d, &GRAIN_USUAL);
    return PB_OK;
}

void pkl_doc_set_grain(struct pkl_doc *d, const struct grain *g)
{
    d->grain = *g;
    d->scan.next_mark = g->memo_mark;
}

void pkl_doc_free(struct pkl_doc *d)
{
    if (d == NULL)
        return;
    for (size_t i = 0; i < d->records.len; i++)
        checkpoints_release(&d->records.data[i].points);
    for (size_t i = 0; i < d->extras.len; i++)
        checkpoints_release(&d->extras.data[i].points);
    checkpoints_release(&d->stand.points);
    vec_release(&d->records);
    vec_release(&d->marks);
    vec_release(&d->puts);
    vec_release(&d->dups);
    vec_release(&d->extras);
    scan_extras_recount(d);
    scan_alter_release(d);
    vec_release(&d->pickles);
    vec_release(&d->frames);
    vec_release(&d->protos);
    vec_release(&d->notes);
    vec_release(&d->scan.stack);
    vec_release(&d->scan.marks);
    free(d->hash.slot);
    memo_sure_forget(d);
    free(d->cache);
    free(d->ahead);
    nd_book_free(d->book);
    vec_release(&d->wrappers);
    vec_release(&d->dtypes);
    vec_release(&d->sizing);
    free(d);
}

uint64_t pkl_doc_indexed(const struct pkl_doc *d)
{
    return d->scan.at;
}

enum pb_err pkl_doc_error(const struct pkl_doc *d, struct error *e)
{
    if (d->error.code != PB_OK && e != NULL)
        *e = d->error;
    return d->error.code;
}

bool pkl_doc_is_pickle(const struct pkl_doc *d)
{
    if (d->scan.number > 0)
        return true;
    /* Ten opcodes in a row are no accident; behind a PROTO two will do. */
    return d->scan.ops >= (d->scan.protocol >= 2 ? 2u : 10u);
}

void pkl_doc_info(const struct pkl_doc *d, struct pkl_info *out)
{
    uint64_t memory = sizeof *d;

    *out = d->info;
    /* How many they are may become known after they were found to be no pickle. */
    if (d->done && !d->broken && d->src->size != SOURCE_SIZE_UNKNOWN)
        out->trailing = d->src->size - d->end;
    memory += d->records.cap * sizeof *d->records.data + d->marks.cap * sizeof *d->marks.data;
    memory += d->puts.cap * sizeof *d->puts.data + d->dups.cap * sizeof *d->dups.data;
    memory += d->extras.cap * sizeof *d->extras.data + d->pickles.cap * sizeof *d->pickles.data;
    memory +=
        d->frames.cap * sizeof *d->frames.data + d->scan.stack.cap * sizeof *d->scan.stack.data;
    memory += d->scan.marks.cap * sizeof *d->scan.marks.data + d->hash.size * sizeof *d->hash.slot;
    memory += d->protos.cap * sizeof *d->protos.data;
    memory += memo_sure_memory(d) + d->alters.cap * sizeof *d->alters.data;
    for (size_t i = 0; i < d->records.len; i++)
        memory += d->records.data[i].points.cap * sizeof *d->records.data[i].points.data;
    out->memory = memory;
}

unsigned doc_protocol_at(const struct pkl_doc *d, uint64_t at)
{
    size_t low = vec_upper(&d->protos, offset, at);

    return low > 0 ? d->protos.data[low - 1].protocol : 0;
}

struct pkl_view *pkl_doc_view(struct pkl_doc *d)
{
    return &d->view;
}

struct source *pkl_doc_source(struct pkl_doc *d)
{
    return d->src;
}

size_t pkl_doc_notes(const struct pkl_doc *d, const struct pkl_note **out, uint64_t *total)
{
    *out = d->notes.data;
    *total = d->note_count;
    return d->notes.len;
}

size_t pkl_doc_frames(const struct pkl_doc *d, const struct pkl_frame **out)
{
    *out = d->frames.data;
    return d->frames.len;
}
