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

    w->timer = 0;
    s3_write_put(w);
}

static void put_again(struct write_op *w)
{
    if (w->puts >= S3_PUTS_MAX) {
        s3_write_fail(w, &w->why);
        return;
    }
    log_line("nothing was written yet: saving again");
    s3_write_wait(w, w->puts, put_after_wait);
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
    } else if (!w->other_tried && w->condition == STORE_IF_SAME) {
        log_line("the object is unchanged: trying the other spelling of its ETag");
        w->other_tried = true;
        w->plain_etag = !w->plain_etag;
        s3_write_put(w);
    } else if (stays(&w->before.identity) && !w->unconditional) {
        /* Some refuse every condition in a bucket with versions; there, what is replaced stays. */
        log_line("the server refuses any condition: held against a HEAD only");
        w->unconditional = true;
        s3_write_put(w);
    } else {
        s3_write_fail_with(
            w, PB_ESERVER,
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

        err = source_view(w->body, w->read_back, want, &ours, &got, e);
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

static void unknown_outcome(struct write_op *w, const char *why)
{
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text, _("the connection was lost and it is not known whether it was saved (%s)"),
               why);
    s3_write_fail_with(w, PB_ENET, text.data);
    buf_release(&text);
}

static void read_back(void *ctx, const struct http_result *r, const struct error *e)
{
    struct write_op *w = ctx;

    if (e || r->status / 100 != 2)
        unknown_outcome(w, e ? e->msg : _("what is there now cannot be read"));
    else if (!w->differs && w->read_back == w->body->size)
        s3_write_saved(w, &w->found);
    else
        s3_write_conflict(w);
}

/* A new version of the right size whose ETag says nothing about its bytes: compare those. */
static void start_read_back(struct write_op *w)
{
    struct error error = {0};
    enum pb_err err = s3_write_begin(w, S3_GET, read_back, &error);

    w->request.q.on_body = compare_piece;
    w->read_back = 0;
    w->differs = false;
    if (err == PB_OK && stays(&w->found))
        err = cloud_param(&w->request.q, "versionId", w->found.version_id, &error);
    if (err == PB_OK)
        err = cloud_request_send(&w->request.q, &error);
    if (err != PB_OK)
        s3_write_fail(w, &error);
}

static void found_object(struct write_op *w, const struct store_object *o)
{
    bool same_size = o->identity.size == w->body->size;
    bool ours =
        same_size && *w->expect_etag && store_identity_matches(&o->identity, w->expect_etag);
    bool old = w->there && store_identity_same(&w->before.identity, &o->identity);
    struct error e = {0};

    if (old && (w->doubt != DOUBT_LOST || !ours)) {
        still_the_old(w);
    } else if (ours) {
        log_line("what is there now is what was sent: it was saved");
        s3_write_saved(w, &o->identity);
    } else if (same_size && w->puts > 0) {
        store_identity_release(&w->found);
        if (store_identity_copy(&w->found, &o->identity, &e) != PB_OK)
            s3_write_fail(w, &e);
        else
            start_read_back(w);
    } else {
        s3_write_conflict(w);
    }
}

static void found_nothing(struct write_op *w)
{
    if (w->there)
        s3_write_fail_with(w, PB_ECHANGED, "it was deleted by someone else; nothing was written");
    else if (w->doubt == DOUBT_REFUSED)
        s3_write_fail_with(w, PB_ESERVER,
                           "the server refuses the condition although nothing is there");
    else
        put_again(w);
}

static void found_out(void *ctx, const struct http_result *r, const struct error *e)
{
    struct write_op *w = ctx;
    struct store_object o;
    struct error error = {0};

    if (e) {
        unknown_outcome(w, e->msg);
    } else if (r->status == 404) {
        found_nothing(w);
    } else if (r->status / 100 != 2) {
        (void)cloud_answer_error(&w->request.q, r, &error);
        unknown_outcome(w, error.msg);
    } else if (s3_object_from(&o, r, &error) != PB_OK) {
        s3_write_fail(w, &error);
    } else {
        found_object(w, &o);
        store_object_release(&o);
    }
}

void s3_write_find_out(struct write_op *w, enum doubt doubt, const struct error *why)
{
    w->doubt = doubt;
    w->why = *why;
    log_line("what became of it? %s", why->msg);
    s3_write_look(w, found_out);
}
