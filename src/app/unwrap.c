/*
 * From stored bytes to the pickle in them, through all that is wrapped around it, and back.
 *
 * Layers are found one after another, each by the first bytes that come out of the one before; all
 * of them go on side by side while the outermost bytes arrive.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/codec.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>

#include "app_private.h"

#define LAYERS 4
#define PIECE ((size_t)64 * 1024)

struct unwrap {
    struct source *stored; /* borrowed */
    uint64_t limit;
    const char *member; /* borrowed: of the first archive; NULL: the one that it is about */
    size_t member_len;
    bool entered;                       /* that archive has been found */
    struct codec_layer *layers[LAYERS]; /* from the outside */
    bool over[LAYERS];                  /* done, or failed */
    size_t count;
    bool known; /* what comes out of the last one is no further wrapping */
    enum pb_err failed;
    struct error error; /* of the outermost layer that failed */
};

enum pb_err unwrap_new(struct source *stored, const char *member, size_t n, uint64_t limit,
                       struct unwrap **out, struct error *e)
{
    *out = mem_alloc(sizeof **out);
    if (*out == NULL)
        return error_nomem(e);
    (*out)->stored = stored;
    (*out)->member = member;
    (*out)->member_len = n;
    (*out)->limit = limit;
    return PB_OK;
}

void unwrap_free(struct unwrap *u)
{
    if (u == NULL)
        return;
    while (u->count > 0)
        codec_layer_free(u->layers[--u->count]);
    free(u);
}

static struct source *innermost(const struct unwrap *u)
{
    return u->count > 0 ? codec_layer_plain(u->layers[u->count - 1]) : u->stored;
}

struct source *unwrap_plain(const struct unwrap *u)
{
    return u->known ? innermost(u) : NULL;
}

bool unwrap_any(const struct unwrap *u)
{
    return u->count > 0;
}

uint64_t unwrap_taken(const struct unwrap *u)
{
    return u->count > 0 ? codec_layer_taken(u->layers[0]) : 0;
}

enum pb_err unwrap_error(const struct unwrap *u, struct error *e)
{
    if (u->failed != PB_OK && e != NULL)
        *e = u->error;
    return u->failed;
}

bool unwrap_archive(const struct unwrap *u, struct source **stored, enum codec_kind *kind)
{
    for (size_t i = 0; i < u->count; i++) {
        *kind = codec_layer_kind(u->layers[i]);
        *stored = i == 0 ? u->stored : codec_layer_plain(u->layers[i - 1]);
        if ((*kind == CODEC_ZIP || *kind == CODEC_TAR) && *stored != NULL)
            return true;
    }
    return false;
}

bool unwrap_unclear(const struct unwrap *u)
{
    struct source *stored;
    enum codec_kind kind;

    return u->failed == PB_EUNSUPPORTED && unwrap_archive(u, &stored, &kind) &&
           codec_layer_kind(u->layers[u->count - 1]) == kind;
}

void unwrap_name(const struct unwrap *u, struct buf *out)
{
    for (size_t i = u->count; i-- > 0;) {
        buf_puts(out, codec_name(codec_layer_kind(u->layers[i])));
        if (i > 0)
            buf_puts(out, " in ");
    }
}

const char *unwrap_fixed(const struct unwrap *u)
{
    const char *why = NULL;

    for (size_t i = 0; i < u->count && why == NULL; i++)
        why = codec_layer_fixed(u->layers[i]);
    return why;
}

bool unwrap_joins(const struct unwrap *u)
{
    for (size_t i = 0; i < u->count; i++)
        if (codec_layer_members(u->layers[i]) > 1)
            return true;
    return false;
}

/* What begins behind the last layer? */
static enum pb_err look(struct unwrap *u, struct error *e)
{
    const uint8_t *p;
    size_t n;
    enum codec_kind kind;
    enum pb_err err = PB_EAGAIN;
    bool enter;

    if (innermost(u) == NULL)
        return err;
    err = source_view(innermost(u), 0, CODEC_PROBE, &p, &n, e);
    if (err != PB_OK && err != PB_EAGAIN)
        return err;
    kind = codec_detect(p, n, err == PB_OK && n < CODEC_PROBE);
    if (kind == CODEC_UNDECIDED)
        return PB_EAGAIN;
    if (kind == CODEC_NONE) {
        u->known = true;
        if (u->member != NULL && !u->entered && u->failed == PB_OK)
            return error_set(e, PB_ENOTFOUND, "it is no archive, so there are no files in it");
        return PB_OK;
    }
    if (u->count == LAYERS) {
        u->known = true;
        u->failed = error_set(&u->error, PB_ELIMIT, "more than %u wrappings are around it", LAYERS);
        return PB_OK;
    }
    enter = u->member != NULL && !u->entered && (kind == CODEC_ZIP || kind == CODEC_TAR);
    err = codec_layer_new(innermost(u), kind, enter ? u->member : NULL, u->member_len, u->limit,
                          &u->layers[u->count], e);
    u->count += err == PB_OK;
    u->entered = u->entered || enter;
    return err;
}

/* What is wrong with the bytes ends this layer, and is told at the end. */
static bool is_about_bytes(enum pb_err err)
{
    return err == PB_EPICKLE || err == PB_ELIMIT || err == PB_EUNSUPPORTED;
}

static enum pb_err step_layers(struct unwrap *u, bool *moved, struct error *e)
{
    for (size_t i = 0; i < u->count; i++) {
        struct error error;
        enum pb_err err;

        if (u->over[i])
            continue;
        err = codec_layer_step(u->layers[i], PIECE, &u->over[i], &error);
        if (err == PB_EAGAIN)
            continue;
        *moved = true;
        if (err == PB_OK)
            continue;
        if (!is_about_bytes(err)) {
            *e = error;
            return err;
        }
        u->over[i] = true;
        if (u->failed == PB_OK) {
            u->failed = err;
            u->error = error;
        }
    }
    return PB_OK;
}

enum pb_err unwrap_step(struct unwrap *u, bool *done, struct error *e)
{
    struct error error;
    enum pb_err err = PB_OK;
    bool moved = false;

    *done = u->known && (u->count == 0 || u->over[u->count - 1]);
    if (*done)
        return PB_OK;
    if (!u->known) {
        err = look(u, &error);
        moved = err == PB_OK;
    }
    if (err == PB_OK || err == PB_EAGAIN)
        err = step_layers(u, &moved, &error);
    *done = u->known && (u->count == 0 || u->over[u->count - 1]);
    if (err != PB_OK && e != NULL)
        *e = error;
    return err == PB_OK && !moved ? PB_EAGAIN : err;
}

/* --- and back ------------------------------------------------------------------------------- */

enum rewrap_phase { REWRAP_ENCODE, REWRAP_DECODE, REWRAP_SAME, REWRAP_UNTOUCHED, REWRAP_DONE };

struct rewrap {
    struct unwrap *was; /* borrowed, like plain and stored */
    struct source *plain, *stored;
    struct codec_wrap *wraps[LAYERS]; /* from the inside */
    size_t count;
    enum rewrap_phase phase;
    struct unwrap *again;   /* what will be stored, read again */
    struct source *decoded; /* so */
    uint64_t at;            /* bytes compared */
    uint64_t untouched;
};

enum pb_err rewrap_new(struct unwrap *was, struct source *stored, struct source *plain,
                       struct rewrap **out, struct error *e)
{
    *out = mem_alloc(sizeof **out);
    if (*out == NULL)
        return error_nomem(e);
    (*out)->was = was;
    (*out)->stored = stored;
    (*out)->plain = plain;
    return PB_OK;
}

void rewrap_free(struct rewrap *r)
{
    if (r == NULL)
        return;
    unwrap_free(r->again);
    while (r->count > 0)
        codec_wrap_free(r->wraps[--r->count]);
    free(r);
}

struct source *rewrap_result(const struct rewrap *r)
{
    return r->count > 0 ? codec_wrap_result(r->wraps[r->count - 1]) : r->plain;
}

uint64_t rewrap_untouched(const struct rewrap *r)
{
    return r->untouched;
}

void rewrap_progress(const struct rewrap *r, uint64_t *done, uint64_t *total)
{
    *total = 3 * r->plain->size;
    *done = r->phase == REWRAP_ENCODE   ? r->count > 0 ? codec_wrap_taken(r->wraps[0]) : 0
            : r->phase == REWRAP_DECODE ? r->plain->size
            : r->phase == REWRAP_SAME   ? 2 * r->plain->size + r->at
                                        : *total;
}

static enum pb_err encode(struct rewrap *r, struct error *e)
{
    bool done = r->count == 0;
    enum pb_err err = PB_OK;

    if (r->count > 0)
        err = codec_wrap_step(r->wraps[r->count - 1], PIECE, &done, e);
    if (err != PB_OK || !done)
        return err;
    if (r->count == r->was->count) {
        r->phase = REWRAP_DECODE;
        return unwrap_new(rewrap_result(r), r->was->member, r->was->member_len, UINT64_MAX,
                          &r->again, e);
    }
    err = codec_wrap_new(r->was->layers[r->was->count - 1 - r->count], rewrap_result(r),
                         &r->wraps[r->count], e);
    r->count += err == PB_OK;
    return err;
}

static enum pb_err refuse(const struct rewrap *r, const char *why, struct error *e)
{
    struct buf name;

    buf_init(&name, BUF_MAX_LINE);
    unwrap_name(r->was, &name);
    error_set(e, PB_EREFUSED, "%s: what was written again %s; nothing was saved", name.data,
              _(why));
    buf_release(&name);
    return PB_EREFUSED;
}

static enum pb_err decode(struct rewrap *r, struct error *e)
{
    struct error why;
    bool done;
    enum pb_err err = unwrap_step(r->again, &done, e);

    if (err != PB_OK || !done)
        return err;
    if (unwrap_error(r->again, &why) != PB_OK)
        return refuse(r, why.msg, e);
    r->decoded = unwrap_plain(r->again);
    if (r->again->count != r->was->count || r->decoded == NULL ||
        r->decoded->size != r->plain->size)
        return refuse(r, "decodes to something else", e);
    r->phase = REWRAP_SAME;
    return PB_OK;
}

/* How many of the next bytes are the same in both; *n: how many were compared, 0 at the end of
 * one. */
static enum pb_err compare(struct source *a, struct source *b, uint64_t at, size_t *same, size_t *n,
                           struct error *e)
{
    const uint8_t *p, *q;
    size_t m;
    enum pb_err err = source_view(a, at, PIECE, &p, n, e);

    if (err == PB_OK)
        err = source_view(b, at, PIECE, &q, &m, e);
    if (err != PB_OK)
        return err;
    *n = *n < m ? *n : m;
    *n = *n < PIECE ? *n : PIECE;
    for (*same = 0; *same < *n && p[*same] == q[*same];)
        ++*same;
    return PB_OK;
}

static enum pb_err check_same(struct rewrap *r, struct error *e)
{
    size_t same, n;
    enum pb_err err = compare(r->plain, r->decoded, r->at, &same, &n, e);

    if (err != PB_OK)
        return err;
    if (same < n)
        return refuse(r, "decodes to something else", e);
    r->at += n;
    if (n == 0) {
        r->at = 0;
        r->phase = REWRAP_UNTOUCHED;
    }
    return PB_OK;
}

/* What the store holds may have been changed by someone else: the save finds out. */
static void count_untouched(struct rewrap *r)
{
    size_t same, n;
    struct error error;
    enum pb_err err = compare(r->stored, rewrap_result(r), r->untouched, &same, &n, &error);

    if (err == PB_OK)
        r->untouched += same;
    if (err != PB_OK || same < n || n == 0)
        r->phase = REWRAP_DONE;
}

enum pb_err rewrap_step(struct rewrap *r, bool *done, struct error *e)
{
    enum pb_err err = PB_OK;

    switch (r->phase) {
    case REWRAP_ENCODE:
        err = encode(r, e);
        break;
    case REWRAP_DECODE:
        err = decode(r, e);
        break;
    case REWRAP_SAME:
        err = check_same(r, e);
        break;
    case REWRAP_UNTOUCHED:
        count_untouched(r);
        break;
    case REWRAP_DONE:
        break;
    }
    *done = r->phase == REWRAP_DONE;
    return err;
}
