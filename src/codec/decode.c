/*
 * What is the same for all compressions: members that follow each other, where the stream ends,
 * how much may come out, and what is said when it breaks.
 *
 * Between two members so many bytes are held back as tell whether another one begins; they then go
 * into it first.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>

#include "codec_private.h"

enum phase { IN_MEMBER, BETWEEN, OVER };

/* What changes whenever anything does. */
struct place {
    enum phase phase;
    uint64_t taken, made, members;
    size_t held_len, held_at; /* of `held` */
};

struct codec_decoder {
    const struct codec_format *format;
    uint64_t limit;
    void *state; /* of the member */
    struct place at;
    uint64_t end;                   /* of the last whole member */
    uint8_t held[FORMAT_PROBE_MAX]; /* bytes in front of `taken` that went into no member yet */
    uint64_t zeros;                 /* in front of them */
};

enum pb_err codec_broken(struct error *e, const char *why)
{
    return error_set(e, PB_EPICKLE, "%s", _(why));
}

unsigned codec_uint(size_t n)
{
    return n > 1u << 30 ? 1u << 30 : (unsigned)n;
}

void codec_moved(struct codec_io *io, size_t taken, size_t made)
{
    io->in += taken;
    io->in_len -= taken;
    io->out += made;
    io->out_len -= made;
}

enum pb_err codec_decoder_new(enum codec_kind kind, uint64_t limit, struct codec_decoder **out,
                              struct error *e)
{
    struct codec_decoder *d = mem_alloc(sizeof *d);
    enum pb_err err;

    *out = NULL;
    if (d == NULL)
        return error_nomem(e);
    d->format = codec_format(kind);
    d->limit = limit;
    err = d->format->decode->start(&d->state, e);
    if (err != PB_OK) {
        codec_decoder_free(d);
        return err;
    }
    *out = d;
    return PB_OK;
}

void codec_decoder_free(struct codec_decoder *d)
{
    if (d == NULL)
        return;
    if (d->state != NULL)
        d->format->decode->stop(d->state);
    free(d);
}

bool codec_decoder_done(const struct codec_decoder *d)
{
    return d->at.phase == OVER;
}

uint64_t codec_decoder_end(const struct codec_decoder *d)
{
    return d->end;
}

uint64_t codec_decoder_members(const struct codec_decoder *d)
{
    return d->at.members;
}

/* Of the next byte that goes into a member. */
static uint64_t offset(const struct codec_decoder *d)
{
    return d->at.taken - (d->at.held_len - d->at.held_at);
}

/* "gzip, byte 117: its checksum is wrong" */
static enum pb_err say_where(const struct codec_decoder *d, struct error *e)
{
    struct error why = *e;

    if (why.code == PB_ENOMEM)
        return PB_ENOMEM;
    return error_set(e, why.code, "%s, byte %llu: %s", d->format->name,
                     (unsigned long long)offset(d), why.msg);
}

static enum pb_err check_limit(const struct codec_decoder *d, struct error *e)
{
    uint64_t limit = d->limit != 0 ? d->limit : CODEC_LIMIT;

    if (d->at.made <= limit || (d->limit == 0 && d->at.made / CODEC_RATIO <= d->at.taken))
        return PB_OK;
    return error_set(e, PB_ELIMIT,
                     "%s: more than %llu bytes come out of %llu (--decode-limit allows more)",
                     d->format->name, (unsigned long long)limit, (unsigned long long)d->at.taken);
}

/* --- between two members -------------------------------------------------------------------- */

static void skip_zeros(struct codec_decoder *d, struct codec_io *io)
{
    while (d->format->padded && d->at.held_len == 0 && io->in_len > 0 && *io->in == 0) {
        codec_moved(io, 1, 0);
        d->at.taken++;
        d->zeros++;
    }
}

static enum pb_err between(struct codec_decoder *d, struct codec_io *io, bool last, struct error *e)
{
    size_t want = d->format->again, n;

    skip_zeros(d, io);
    n = want - d->at.held_len < io->in_len ? want - d->at.held_len : io->in_len;
    if (n > 0)
        memcpy(d->held + d->at.held_len, io->in, n);
    d->at.held_len += n;
    d->at.taken += n;
    codec_moved(io, n, 0);
    if (d->at.held_len < want && !last)
        return PB_OK;
    if (want == 0 || d->at.held_len < want || d->zeros % 4 != 0 || !d->format->follows(d->held)) {
        d->at.phase = OVER;
        return PB_OK;
    }
    d->at.phase = IN_MEMBER;
    return d->format->decode->start(&d->state, e);
}

/* --- in a member ---------------------------------------------------------------------------- */

static void member_over(struct codec_decoder *d)
{
    d->format->decode->stop(d->state);
    d->state = NULL;
    d->at.members++;
    d->end = offset(d);
    /* What was held and not used stands in front of what comes. */
    memmove(d->held, d->held + d->at.held_at, d->at.held_len - d->at.held_at);
    d->at.held_len -= d->at.held_at;
    d->at.held_at = 0;
    d->zeros = 0;
    d->at.phase = BETWEEN;
}

static enum pb_err in_member(struct codec_decoder *d, struct codec_io *io, bool last,
                             struct error *e)
{
    bool held = d->at.held_at < d->at.held_len, ended = false;
    struct codec_io part = *io;
    size_t taken, made;
    enum pb_err err;

    if (held) {
        part.in = d->held + d->at.held_at;
        part.in_len = d->at.held_len - d->at.held_at;
    }
    taken = part.in_len;
    made = part.out_len;
    err = d->format->decode->run(d->state, &part, &ended, e);
    taken -= part.in_len;
    made -= part.out_len;
    if (held) {
        d->at.held_at += taken;
        if (d->at.held_at == d->at.held_len)
            d->at.held_at = d->at.held_len = 0;
    } else {
        d->at.taken += taken;
    }
    codec_moved(io, held ? 0 : taken, made);
    d->at.made += made;
    if (err == PB_OK && !ended && taken == 0 && made == 0 && (last || part.in_len > 0))
        err = codec_broken(e, part.in_len > 0 ? N_("nothing can be made of this")
                                              : N_("the stream is cut off here"));
    if (err != PB_OK)
        return say_where(d, e);
    if (ended)
        member_over(d);
    return check_limit(d, e);
}

static bool same_place(const struct place *a, const struct place *b)
{
    return a->phase == b->phase && a->taken == b->taken && a->made == b->made &&
           a->members == b->members && a->held_len == b->held_len && a->held_at == b->held_at;
}

enum pb_err codec_decode(struct codec_decoder *d, struct codec_io *io, bool last, struct error *e)
{
    struct error error;
    struct place before;
    enum pb_err err = PB_OK;

    do {
        before = d->at;
        if (d->at.phase == BETWEEN)
            err = between(d, io, last, &error);
        else if (d->at.phase == IN_MEMBER && io->out_len > 0)
            err = in_member(d, io, last, &error);
    } while (err == PB_OK && !same_place(&before, &d->at));
    if (err != PB_OK && e != NULL)
        *e = error;
    return err;
}
