/* CRC-32C and MD5, as the service writes them. */
#include <stdio.h>

#include <pklbrowse/clock.h>

#include "gcs.h"

#define PIECE (256u * 1024u)

enum pb_err gcs_sums_begin(struct gcs_sums *s, struct error *e)
{
    s->crc = 0;
    return digest_new(DIGEST_MD5, &s->md5, e);
}

enum pb_err gcs_sums_add(struct gcs_sums *s, const void *p, size_t n, struct error *e)
{
    s->crc = crc32c_of(s->crc, p, n);
    return digest_update(s->md5, p, n, e);
}

static enum pb_err put(char *to, size_t size, const void *p, size_t n, struct error *e)
{
    struct buf text;
    enum pb_err err;

    buf_init(&text, size);
    base64_encode(&text, p, n);
    err = buf_status(&text, e);
    if (err == PB_OK)
        (void)snprintf(to, size, "%s", text.data);
    buf_release(&text);
    return err;
}

enum pb_err gcs_sums_end(struct gcs_sums *s, char crc32c[9], char md5[25], struct error *e)
{
    uint8_t sum[SHA256_LEN], crc[4] = {(uint8_t)(s->crc >> 24), (uint8_t)(s->crc >> 16),
                                       (uint8_t)(s->crc >> 8), (uint8_t)s->crc};
    struct digest *d = s->md5;
    size_t n;
    enum pb_err err;

    s->md5 = NULL;
    err = digest_final(d, sum, &n, e);
    if (err == PB_OK)
        err = put(md5, 25, sum, MD5_LEN, e);
    return err == PB_OK ? put(crc32c, 9, crc, sizeof crc, e) : err;
}

void gcs_sums_release(struct gcs_sums *s)
{
    digest_free(s->md5);
    s->md5 = NULL;
}

/* ---------------------------------------------------------------------------- the job */

static enum pb_err take_piece(struct gcs_digest *d, struct error *e)
{
    const uint8_t *p = NULL;
    size_t n = 0;
    enum pb_err err = source_view(d->body, d->job.done, PIECE, &p, &n, e);

    if (err != PB_OK)
        return err;
    if (n == 0)
        return error_set(e, PB_EIO, "what is to be saved is shorter than it was");
    if (n > PIECE)
        n = PIECE;
    d->job.done += n;
    return gcs_sums_add(&d->sums, p, n, e);
}

static enum job_state step(struct job *j, uint64_t budget_us)
{
    struct gcs_digest *d = (struct gcs_digest *)j;
    uint64_t end = clock_mono_us() + budget_us;
    enum pb_err err = PB_OK;

    while (err == PB_OK && j->done < j->total) {
        err = take_piece(d, &j->error);
        if (err == PB_OK && j->done < j->total && clock_mono_us() >= end)
            return JOB_MORE;
    }
    if (err == PB_EAGAIN)
        return JOB_WAITING;
    if (err == PB_OK)
        err = gcs_sums_end(&d->sums, d->crc32c, d->md5, &j->error);
    return err == PB_OK ? JOB_DONE : JOB_FAILED;
}

static void finished(struct job *j, enum job_state state)
{
    struct gcs_digest *d = (struct gcs_digest *)j;

    d->running = false;
    d->done(d->ctx, state == JOB_DONE ? NULL : &j->error);
}

enum pb_err gcs_digest_start(struct gcs_digest *d, struct loop *l, struct source *body,
                             void (*done)(void *ctx, const struct error *e), void *ctx,
                             struct error *e)
{
    enum pb_err err;

    *d = (struct gcs_digest){.loop = l, .body = body, .done = done, .ctx = ctx};
    d->job.step = step;
    d->job.finished = finished;
    d->job.total = body->size;
    err = gcs_sums_begin(&d->sums, e);
    if (err == PB_OK)
        err = loop_add_job(l, &d->job, e);
    d->running = err == PB_OK;
    return err;
}

void gcs_digest_release(struct gcs_digest *d)
{
    if (d->running)
        loop_remove_job(d->loop, &d->job);
    d->running = false;
    gcs_sums_release(&d->sums);
}
