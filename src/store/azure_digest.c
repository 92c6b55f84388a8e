/* MD5 of what is to be sent: the service checks it, keeps it, and says it again. */
#include <stdio.h>

#include <pklbrowse/clock.h>

#include "azure.h"

#define PIECE (256u * 1024u)

static struct azure_digest *digest_of(struct job *j)
{
    return (struct azure_digest *)j;
}

static enum pb_err take_piece(struct azure_digest *d, struct error *e)
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
    err = digest_update(d->md5, p, n, e);
    d->job.done += n;
    return err;
}

static enum pb_err finish_text(struct azure_digest *d, struct error *e)
{
    uint8_t sum[SHA256_LEN];
    struct digest *md5 = d->md5;
    struct buf text;
    size_t n;
    enum pb_err err;

    d->md5 = NULL;
    err = digest_final(md5, sum, &n, e);
    if (err != PB_OK)
        return err;
    buf_init(&text, BUF_MAX_LINE);
    base64_encode(&text, sum, MD5_LEN);
    err = buf_status(&text, e);
    if (err == PB_OK)
        (void)snprintf(d->base64, sizeof d->base64, "%s", text.data);
    buf_release(&text);
    return err;
}

static enum job_state step(struct job *j, uint64_t budget_us)
{
    struct azure_digest *d = digest_of(j);
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
        err = finish_text(d, &j->error);
    return err == PB_OK ? JOB_DONE : JOB_FAILED;
}

static void finished(struct job *j, enum job_state state)
{
    struct azure_digest *d = digest_of(j);

    d->running = false;
    d->done(d->ctx, state == JOB_DONE ? NULL : &j->error);
}

enum pb_err azure_digest_start(struct azure_digest *d, struct loop *l, struct source *body,
                               void (*done)(void *ctx, const struct error *e), void *ctx,
                               struct error *e)
{
    enum pb_err err;

    *d = (struct azure_digest){.loop = l, .body = body, .done = done, .ctx = ctx};
    d->job.step = step;
    d->job.finished = finished;
    d->job.total = body->size;
    err = digest_new(DIGEST_MD5, &d->md5, e);
    if (err == PB_OK)
        err = loop_add_job(l, &d->job, e);
    d->running = err == PB_OK;
    return err;
}

void azure_digest_release(struct azure_digest *d)
{
    if (d->running)
        loop_remove_job(d->loop, &d->job);
    d->running = false;
    digest_free(d->md5);
    d->md5 = NULL;
}
