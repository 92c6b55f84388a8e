/*
 * A write without a clear answer: what became of it?  What is there now is ours (size and checksum,
 * or the bytes themselves), or still what was there before, or someone else's.
 */
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>

#include "s3_write.h"

static void put_after_wait(void *ctx)
{
    struct write_op *w = ctx;

    w->c.timer = 0;
    s3_write_put(&w->c);
}

static void put_again(struct write_op *w)
{
    if (w->c.puts >= S3_PUTS_MAX) {
        cloud_write_fail(&w->c, &w->c.why);
        return;
    }
    log_line("nothing was written yet: saving again");
    cloud_write_wait(&w->c, w->c.puts, put_after_wait);
}

/* A version of its own: it is still there when another one is the newest. */
static bool stays(const struct store_identity *id)
{
    return id->version_id && strcmp(id->version_id, "null") != 0;
}

/* What is there is what was there before. */
static void still_the_old(struct write_op *w)
{
    if (w->doubt != DOUBT_REFUSED) {
        put_again(w);
    } else if (*w->generation) {
        cloud_write_conflict(&w->c); /* another generation, though of the same bytes */
    } else if (!w->other_tried && w->c.condition == STORE_IF_SAME) {
        log_line("the object is unchanged: trying the other spelling of its ETag");
        w->other_tried = true;
        w->plain_etag = !w->plain_etag;
        s3_write_put(&w->c);
    } else if (stays(&w->c.before.identity) && !w->unconditional) {
        /* Some refuse every condition in a bucket with versions; there, what is replaced stays. */
        log_line("the server refuses any condition: held against a HEAD only");
        w->unconditional = true;
        s3_write_put(&w->c);
    } else {
        cloud_write_fail_with(
            &w->c, PB_ESERVER,
            "the server refuses the condition although the object is unchanged; nothing was "
            "written");
    }
}

static enum pb_err compare_piece(void *ctx, const void *p, size_t n, struct error *e)
{
    struct write_op *w = ctx;
    const uint8_t *there = p, *ours;
    enum pb_err err = PB_OK;

    while (n > 0 && !w->differs && err == PB_OK) {
        size_t got = 0, want = n < SOURCE_VIEW_MAX ? n : SOURCE_VIEW_MAX;

        err = source_view(w->c.body, w->read_back, want, &ours, &got, e);
        got = got < want ? got : want;
        if (err != PB_OK)
            break;
        w->differs = got == 0 || memcmp(ours, there, got) != 0;
        w->read_back += got;
        there += got;
        n -= got;
    }
    return err;
}

static void read_back(void *ctx, const struct http_result *r, const struct error *e)
{
    struct write_op *w = ctx;

    if (e || r->status / 100 != 2)
        cloud_write_unknown(&w->c, e ? e->msg : _("what is there now cannot be read"));
    else if (!w->differs && w->read_back == w->c.body->size)
        s3_write_saved(&w->c, &w->found);
    else
        cloud_write_conflict(&w->c);
}

/* A new version of the right size whose ETag says nothing about its bytes: compare those. */
static void start_read_back(struct write_op *w)
{
    struct error error = {0};
    enum pb_err err = cloud_write_begin(&w->c, S3_GET, read_back, &error);

    w->request.q.on_body = compare_piece;
    w->read_back = 0;
    w->differs = false;
    if (err == PB_OK && stays(&w->found))
        err = cloud_param(&w->request.q, "versionId", w->found.version_id, &error);
    if (err == PB_OK)
        err = cloud_request_send(&w->request.q, &error);
    if (err != PB_OK)
        cloud_write_fail(&w->c, &error);
}

void s3_write_found(struct cloud_write *c, const struct store_object *o)
{
    struct write_op *w = (struct write_op *)c;
    bool same_size = o->identity.size == w->c.body->size;
    bool ours =
        same_size && *w->expect_etag && store_identity_matches(&o->identity, w->expect_etag);
    bool old = w->c.there && store_identity_same(&w->c.before.identity, &o->identity);
    struct error e = {0};

    if (old && (w->doubt != DOUBT_LOST || !ours)) {
        still_the_old(w);
    } else if (ours) {
        log_line("what is there now is what was sent: it was saved");
        s3_write_saved(&w->c, &o->identity);
    } else if (same_size && w->c.puts > 0) {
        store_identity_release(&w->found);
        if (store_identity_copy(&w->found, &o->identity, &e) != PB_OK)
            cloud_write_fail(&w->c, &e);
        else
            start_read_back(w);
    } else {
        cloud_write_conflict(&w->c);
    }
}

void s3_write_found_nothing(struct cloud_write *c)
{
    struct write_op *w = (struct write_op *)c;

    if (w->c.there)
        cloud_write_deleted(c);
    else if (w->doubt == DOUBT_REFUSED)
        cloud_write_fail_with(&w->c, PB_ESERVER,
                              "the server refuses the condition although nothing is there");
    else
        put_again(w);
}

void s3_write_find_out(struct write_op *w, enum doubt doubt, const struct error *why)
{
    w->doubt = doubt;
    cloud_write_find_out(&w->c, why);
}
