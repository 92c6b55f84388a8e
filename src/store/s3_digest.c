/* Checksums of what is to be sent: SHA-256 for the signature, MD5 and CRC-32 for the server to
 * check. */
#include <stdio.h>

#include <pklbrowse/clock.h>

#include "s3.h"

#define PIECE (256u * 1024u)

static struct s3_digest *digest_of(struct job *j)
{
    return (struct s3_digest *)j;
}

static enum pb_err take_piece(struct s3_digest *d, struct error *e)
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
    err = digest_update(d->sha256, p, n, e);
    if (err == PB_OK)
        err = digest_update(d->md5, p, n, e);
    d->crc = crc32_of(d->crc, p, n);
    d->job.done += n;
    return err;
}

static enum pb_err put_text(char *to, size_t size, const struct buf *from, struct error *e)
{
    enum pb_err err = buf_status(from, e);

    if (err == PB_OK)
        (void)snprintf(to, size, "%s", from->data);
    return err;
}

static enum pb_err finish_texts(struct s3_digest *d, struct error *e)
{
    uint8_t sha[SHA256_LEN], md5sum[SHA256_LEN];
    uint8_t crc[4] = {(uint8_t)(d->crc >> 24), (uint8_t)(d->crc >> 16), (uint8_t)(d->crc >> 8),
                      (uint8_t)d->crc};
    struct digest *a = d->sha256, *b = d->md5;
    size_t n;
    struct buf text;
    enum pb_err err;

    d->sha256 = d->md5 = NULL;
    err = digest_final(a, sha, &n, e);
    if (err != PB_OK) {
        digest_free(b);
        return err;
    }
    err = digest_final(b, md5sum, &n, e);
    if (err != PB_OK)
        return err;
    buf_init(&text, BUF_MAX_LINE);
    hex_encode(&text, sha, sizeof sha);
    err = put_text(d->sha256_hex, sizeof d->sha256_hex, &text, e);
    buf_clear(&text);
    hex_encode(&text, md5sum, MD5_LEN);
    if (err == PB_OK)
        err = put_text(d->md5_hex, sizeof d->md5_hex, &text, e);
    buf_clear(&text);
    base64_encode(&text, md5sum, MD5_LEN);
    if (err == PB_OK)
        err = put_text(d->md5_base64, sizeof d->md5_base64, &text, e);
    buf_clear(&text);
    base64_encode(&text, crc, sizeof crc);
    if (err == PB_OK)
        err = put_text(d->crc_base64, sizeof d->crc_base64, &text, e);
    buf_release(&text);
    return err;
}

static enum job_state step(struct job *j, uint64_t budget_us)
{
    struct s3_digest *d = digest_of(j);
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
        err = finish_texts(d, &j->error);
    return err == PB_OK ? JOB_DONE : JOB_FAILED;
}

static void finished(struct job *j, enum job_state state)
{
    struct s3_digest *d = digest_of(j);

    d->running = false;
    d->done(d->ctx, state == JOB_DONE ? NULL : &j->error);
}

enum pb_err s3_digest_start(struct s3_digest *d, struct loop *l, struct source *body,
                            void (*done)(void *ctx, const struct error *e), void *ctx,
                            struct error *e)
{
    enum pb_err err;

    *d = (struct s3_digest){.loop = l, .body = body, .done = done, .ctx = ctx};
    d->job.step = step;
    d->job.finished = finished;
    d->job.total = body->size;
    err = digest_new(DIGEST_SHA256, &d->sha256, e);
    if (err == PB_OK)
        err = digest_new(DIGEST_MD5, &d->md5, e);
    if (err == PB_OK)
        err = loop_add_job(l, &d->job, e);
    d->running = err == PB_OK;
    return err;
}

void s3_digest_release(struct s3_digest *d)
{
    if (d->running)
        loop_remove_job(d->loop, &d->job);
    d->running = false;
    digest_free(d->sha256);
    digest_free(d->md5);
    d->sha256 = d->md5 = NULL;
}
