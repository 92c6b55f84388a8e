/*
 * Folding the value stack of the index pass.
 *
 * Nearly always the stack is short.  Where it is not (a tuple of ten million items) what lies deep
 * in it is folded: values that follow each other in at most a few KiB become one entry, which is
 * read again when somebody needs them one by one.  Runs begin at even places above their mark and
 * hold an even number, so that no pair is cut.
 */
#include <stdlib.h>
#include <string.h>

#include "scan_hash.h"
#include "walk.h"

#define KEEP 256u /* on top */
#define RUN_LEAST 8u

static bool foldable(const struct sval *v)
{
    return !(v->flags & (SV_RECORDED | SV_RUN | SV_UNHASHABLE | SV_STATE));
}

struct folder {
    struct scan *s;
    uint64_t grain;
    size_t in, out, end;
    size_t mark;    /* the next mark at or above `in` */
    uint64_t place; /* of `in` above its mark */
};

/* Where what follows entry i begins. */
static uint64_t following(const struct folder *f, size_t i)
{
    const struct scan *s = f->s;

    return f->mark < s->marks.len && s->marks.data[f->mark].height == i + 1
               ? s->marks.data[f->mark].offset
               : s->stack.data[i + 1].begin;
}

/* How many entries from `in` on make a run. */
static size_t run_length(const struct folder *f)
{
    const struct scan *s = f->s;
    size_t last = f->mark < s->marks.len && s->marks.data[f->mark].height < f->end
                      ? (size_t)s->marks.data[f->mark].height
                      : f->end;
    size_t i = f->in;

    if (f->place % 2 != 0)
        return 0;
    while (i < last && foldable(&s->stack.data[i]) &&
           following(f, i) - s->stack.data[f->in].begin <= f->grain)
        i++;
    return (i - f->in) & ~(size_t)1;
}

static void put_run(struct folder *f, size_t n)
{
    const struct sval *v = &f->s->stack.data[f->in];
    struct sval run = {.begin = v->begin,
                       .maker = following(f, f->in + n - 1),
                       .n = (uint32_t)n,
                       .kind = PKL_BROKEN,
                       .flags = SV_RUN};

    struct scan_above all = scan_look_above(v, v + n);

    run.flags |= all.even;
    run.flags |=
        (all.odd & SV_UNHASHABLE ? SV_UNHASHABLE_ODD : 0) | (all.odd & SV_DOUBT ? SV_DOUBT_ODD : 0);
    f->s->stack.data[f->out++] = run;
    f->in += n;
    f->place += n;
}

static void fold_from(struct folder *f)
{
    struct scan *s = f->s;

    while (f->in < f->end) {
        size_t n;

        while (f->mark < s->marks.len && s->marks.data[f->mark].height == f->in) {
            s->marks.data[f->mark++].height = f->out;
            f->place = 0;
        }
        n = run_length(f);
        if (n >= RUN_LEAST) {
            put_run(f, n);
            continue;
        }
        f->place += s->stack.data[f->in].flags & SV_RUN ? s->stack.data[f->in].n : 1;
        s->stack.data[f->out++] = s->stack.data[f->in++];
    }
}

void scan_fold(struct pkl_doc *d)
{
    struct scan *s = &d->scan;
    struct folder f = {.s = s, .grain = d->grain.checkpoint};
    size_t base = 0, rest;

    if (s->folded > s->stack.len)
        s->folded = s->stack.len;
    if (s->stack.len - s->folded < d->grain.fold)
        return;
    f.in = f.out = s->folded;
    f.end = s->stack.len - (d->grain.fold > 2 * KEEP ? KEEP : d->grain.fold / 2);
    while (f.mark < s->marks.len && s->marks.data[f.mark].height < f.in)
        base = (size_t)s->marks.data[f.mark++].height;
    for (size_t i = base; i < f.in; i++)
        f.place += s->stack.data[i].flags & SV_RUN ? s->stack.data[i].n : 1;
    fold_from(&f);
    s->folded = f.out;
    rest = s->stack.len - f.in;
    memmove(&s->stack.data[f.out], &s->stack.data[f.in], rest * sizeof *s->stack.data);
    for (; f.mark < s->marks.len; f.mark++)
        s->marks.data[f.mark].height -= f.in - f.out;
    s->stack.len = f.out + rest;
}

static struct sval entry_of(const struct wval *w)
{
    struct sval v = {.begin = w->begin, .maker = w->maker};

    v.kind = w->ref ? KIND_REF : (uint8_t)op_kind(w->opcode);
    /* Of a tuple only its run knew whether there is doubt. */
    v.flags = w->ref ? SV_REF | SV_DOUBT : v.kind == PKL_TUPLE && w->items > 0 ? SV_DOUBT : 0;
    /* What is folded is small. */
    v.n = (uint32_t)w->items;
    v.pairs = (uint16_t)w->pairs;
    return v;
}

enum pb_err scan_unfold(struct pkl_doc *d, size_t at, struct error *e)
{
    struct scan *s = &d->scan;
    struct sval run = s->stack.data[at];
    struct wval *vals;
    size_t n = run.n, above = s->stack.len - at - 1;
    enum pb_err err;

    vals = mem_realloc(NULL, n, sizeof *vals);
    if (vals == NULL || !vec_reserve(&s->stack, s->stack.len + n)) {
        free(vals);
        return error_nomem(e);
    }
    err = walk_run(d, run.begin, run.maker, vals, n, e);
    if (err == PB_OK) {
        memmove(&s->stack.data[at + n], &s->stack.data[at + 1], above * sizeof *s->stack.data);
        for (size_t i = 0; i < n; i++) {
            s->stack.data[at + i] = entry_of(&vals[i]);
            s->stack.data[at + i].flags |= i % 2 == 0 ? 0 : SV_ODD;
        }
        s->stack.len += n - 1;
        if (s->folded > at)
            s->folded = at;
    }
    free(vals);
    return err;
}
