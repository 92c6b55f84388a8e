#include "cloud_digest.h"

#include <stdio.h>

#include <pklbrowse/clock.h>

#define PIECE (256u * 1024u)

enum pb_err cloud_sums_begin(struct cloud_sums *s, unsigned which, struct error *e)
{
    enum pb_err err = PB_OK;

    *s = (struct cloud_sums){.which = which};
    if (which & CLOUD_SHA256)
        err = digest_new(DIGEST_SHA256, &s->sha256, e);
    if (err == PB_OK && (which & CLOUD_MD5))
        err = digest_new(DIGEST_MD5, &s->md5, e);
    return err;
}

enum pb_err cloud_sums_add(struct cloud_sums *s, const void *p, size_t n, struct error *e)
{
    enum pb_err err = PB_OK;

    if (s->sha256)
        err = digest_update(s->sha256, p, n, e);
    if (err == PB_OK && s->md5)
        err = digest_update(s->md5, p, n, e);
    if (s->which & CLOUD_CRC32)
        s->crc32 = crc32_of(s->crc32, p, n);
    if (s->which & CLOUD_CRC32C)
        s->crc32c = crc32c_of(s->crc32c, p, n);
    return err;
}

static enum pb_err put_base64(char *to, size_t size, const void *p, size_t n, struct error *e)
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

static enum pb_err put_crc(char to[9], uint32_t crc, struct error *e)
{
    const uint8_t bytes[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8),
                              (uint8_t)crc};

    return put_base64(to, 9, bytes, sizeof bytes, e);
}

/* Takes the digest with it. */
static enum pb_err finish(struct digest **d, uint8_t sum[SHA256_LEN], struct error *e)
{
    struct digest *taken = *d;
    size_t n;

    *d = NULL;
    return digest_final(taken, sum, &n, e);
}

enum pb_err cloud_sums_end(struct cloud_sums *s, struct cloud_checks *out, struct error *e)
{
    uint8_t sum[SHA256_LEN];
    enum pb_err err = PB_OK;

    *out = (struct cloud_checks){.md5 = ""};
    if (s->sha256) {
        err = finish(&s->sha256, sum, e);
        if (err == PB_OK)
            hex_text(out->sha256_hex, sum, SHA256_LEN);
    }
    if (err == PB_OK && s->md5) {
        err = finish(&s->md5, sum, e);
        if (err == PB_OK)
            hex_text(out->md5_hex, sum, MD5_LEN);
        if (err == PB_OK)
            err = put_base64(out->md5, sizeof out->md5, sum, MD5_LEN, e);
    }
    if (err == PB_OK && (s->which & CLOUD_CRC32))
        err = put_crc(out->crc32, s->crc32, e);
    if (err == PB_OK && (s->which & CLOUD_CRC32C))
        err = put_crc(out->crc32c, s->crc32c, e);
    return err;
}

void cloud_sums_release(struct cloud_sums *s)
{
    digest_free(s->sha256);
    digest_free(s->md5);
    s->sha256 = s->md5 = NULL;
}

/* ---------------------------------------------------------------------------- the job */

static enum pb_err take_piece(struct cloud_digest *d, struct error *e)
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
    return cloud_sums_add(&d->sums, p, n, e);
}

static enum job_state step(struct job *j, uint64_t budget_us)
{
    struct cloud_digest *d = (struct cloud_digest *)j;
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
        err = cloud_sums_end(&d->sums, &d->checks, &j->error);
    return err == PB_OK ? JOB_DONE : JOB_FAILED;
}

static void finished(struct job *j, enum job_state state)
{
    struct cloud_digest *d = (struct cloud_digest *)j;

    d->running = false;
    d->done(d->ctx, state == JOB_DONE ? NULL : &j->error);
}

enum pb_err cloud_digest_start(struct cloud_digest *d, unsigned which, struct loop *l,
                               struct source *body, void (*done)(void *ctx, const struct error *e),
                               void *ctx, struct error *e)
{
    enum pb_err err;

    *d = (struct cloud_digest){.loop = l, .body = body, .done = done, .ctx = ctx};
    d->job.step = step;
    d->job.finished = finished;
    d->job.total = body->size;
    err = cloud_sums_begin(&d->sums, which, e);
    if (err == PB_OK)
        err = loop_add_job(l, &d->job, e);
    d->running = err == PB_OK;
    return err;
}

void cloud_digest_release(struct cloud_digest *d)
{
    if (d->running)
        loop_remove_job(d->loop, &d->job);
    d->running = false;
    cloud_sums_release(&d->sums);
}
