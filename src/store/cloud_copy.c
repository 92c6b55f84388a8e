#include "cloud_copy.h"

#include <stdlib.h>
#include <string.h>

#include <pklbrowse/log.h>

#define PUTS_MAX 5
#define LOOKS_MAX 600 /* of a copy that the service is still at */

static const struct cloud_copy_kind *kind_of(const struct cloud_copy *c)
{
    return ((const struct cloud_store *)c->c.op.store)->kind->copies;
}

static void release(struct cloud_write *w)
{
    struct cloud_copy *c = (struct cloud_copy *)w;

    free(w->request);
    source_free(c->payload);
    free(c->from_container);
    free(c->from_key);
    free(c->version_id);
    free(c->token);
    free(c->text);
}

static void progress(const struct cloud_write *w, struct http_progress *out)
{
    out->sent = ((const struct cloud_copy *)w)->copied;
    out->send_total = w->size;
}

static void saved(struct cloud_write *w, const struct store_identity *now)
{
    bool checked = kind_of((struct cloud_copy *)w)->is_checked(w->op.store);

    cloud_write_saved(w, now, !checked && w->condition != STORE_ALWAYS);
}

static void source_changed(struct cloud_write *w)
{
    cloud_write_fail_with(w, PB_ECHANGED,
                          "what is copied was changed by someone else; nothing was written");
}

/* --------------------------------------------------------------------------- asking */

static void answered(void *ctx, const struct http_result *r, const struct error *e);

static void send(struct cloud_write *w)
{
    struct cloud_copy *c = (struct cloud_copy *)w;
    struct error e = {0};
    enum pb_err err = cloud_write_begin(w, kind_of(c)->action, answered, &e);

    w->puts++;
    if (err == PB_OK)
        err = kind_of(c)->fill(c, &e);
    if (err == PB_OK)
        err = cloud_request_send(w->request, &e);
    if (err != PB_OK)
        cloud_write_fail(w, &e);
}

static void refused(struct cloud_write *w, const struct http_result *r)
{
    struct error e = {0};
    enum pb_err err = cloud_answer_error(w->request, r, &e);

    if (err == PB_ECHANGED || err == PB_EEXIST || r->status == 409 || r->status == 429 ||
        (r->status >= 500 && r->status != 501))
        cloud_write_find_out(w, &e);
    else
        cloud_write_fail(w, &e);
}

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct cloud_write *w = ctx;
    struct error error = {0};

    if (e) {
        cloud_write_broken(w, r, e);
        return;
    }
    if (r->status / 100 != 2) {
        refused(w, r);
        return;
    }
    switch (kind_of((struct cloud_copy *)w)->answered((struct cloud_copy *)w, r, &error)) {
    case CLOUD_COPIED:
        cloud_write_look_after(w);
        break;
    case CLOUD_GO_ON:
        w->puts = 0;
        send(w);
        break;
    case CLOUD_UNCLEAR:
        cloud_write_find_out(w, &error);
        break;
    case CLOUD_FAILED:
        cloud_write_fail(w, &error);
        break;
    }
}

/* -------------------------------------------------------------------------- afterwards */

static void look_again(void *ctx)
{
    struct cloud_write *w = ctx;

    w->timer = 0;
    cloud_write_look_after(w);
}

static void compare(struct cloud_write *w, const struct store_object *now)
{
    struct cloud_copy *c = (struct cloud_copy *)w;
    enum cloud_copied state = kind_of(c)->state ? kind_of(c)->state(now) : CLOUD_COPIED;
    bool known = w->put.etag && now->identity.etag && c->looks == 0;

    if (state == CLOUD_FAILED)
        cloud_write_fail_with(w, PB_ESERVER, "the server gave the copy up");
    else if (state == CLOUD_GO_ON && c->looks++ < LOOKS_MAX)
        cloud_write_wait(w, c->looks, look_again);
    else if (known && !store_identity_matches(&w->put, now->identity.etag))
        cloud_write_fail_with(w, PB_ECHANGED,
                              "it was saved, but someone else replaced it in the same moment");
    else if (now->identity.size != w->size)
        cloud_write_fail_with(w, PB_ESERVER,
                              "the server stored another number of bytes than there are");
    else
        saved(w, &now->identity);
}

/* --------------------------------------------------------------- what became of it? */

static void send_after_wait(void *ctx)
{
    struct cloud_write *w = ctx;

    w->timer = 0;
    send(w);
}

/* Nothing was written yet. */
static void once_more(struct cloud_write *w)
{
    if (w->why.code == PB_ECHANGED)
        source_changed(w);
    else if (w->puts >= PUTS_MAX)
        cloud_write_fail(w, &w->why);
    else
        cloud_write_wait(w, w->puts, send_after_wait);
}

static void found(struct cloud_write *w, const struct store_object *now)
{
    struct cloud_copy *c = (struct cloud_copy *)w;

    if (w->there && store_identity_same(&w->before.identity, &now->identity)) {
        once_more(w);
    } else if (now->identity.size == w->size && kind_of(c)->same_bytes(&w->keep, now)) {
        log_line("what is there now is what was copied: it was saved");
        saved(w, &now->identity);
    } else {
        cloud_write_conflict(w);
    }
}

static void found_nothing(struct cloud_write *w)
{
    if (w->there)
        cloud_write_deleted(w);
    else
        once_more(w);
}

/* ------------------------------------------------------------------------------ before */

static bool absent(const struct cloud_write *w, const struct http_result *r)
{
    (void)w;
    return r->status == 404;
}

static const struct cloud_write_kind write_kind = {
    .release = release,
    .progress = progress,
    .absent = absent,
    .send = send,
    .saved = saved,
    .compare = compare,
    .found = found,
    .found_nothing = found_nothing,
};

static enum pb_err copy_request(struct cloud_copy *c, const struct store_copy_request *q,
                                struct error *e)
{
    c->from_container = mem_strdup(q->from_container);
    c->from_key = mem_strndup(q->from_key, q->from_len);
    c->from_len = q->from_len;
    if (q->version_id)
        c->version_id = mem_strdup(q->version_id);
    if (!c->from_container || !c->from_key || (q->version_id && !c->version_id))
        return error_nomem(e);
    c->c.size = q->from->identity.size;
    return kind_of(c)->check ? kind_of(c)->check(c, e) : PB_OK;
}

static enum pb_err begin(struct cloud_copy *c, const struct store_copy_request *q, struct error *e)
{
    const struct store_write_request w = {.container = q->container,
                                          .key = q->key,
                                          .key_len = q->key_len,
                                          .keep = q->from,
                                          .keep_as_given = true,
                                          .condition = q->condition,
                                          .identity = q->identity};
    struct store *s = c->c.op.store;
    const struct cloud_kind *k = ((const struct cloud_store *)s)->kind;
    struct cloud_request *room = mem_alloc(k->request_size);
    enum pb_err err;

    if (!room)
        return error_nomem(e);
    err = cloud_write_init(&c->c, s, &write_kind, room, &w, e);
    c->c.speaks_of = room->speaks_of = k->copies->action;
    if (err == PB_OK)
        err = copy_request(c, q, e);
    if (err == PB_OK && q->from->tags > 0 && k->copies->reads_tags)
        return cloud_write_read_tags(&c->c, c->from_container, c->from_key, c->from_len,
                                     c->version_id, e);
    return err == PB_OK ? cloud_write_start(&c->c, 0, e) : err;
}

struct store_op *cloud_copy(struct store *s, const struct store_copy_request *q,
                            store_write_fn done, void *ctx, struct error *e)
{
    struct cloud_copy *c = mem_alloc(sizeof *c);
    enum pb_err err;

    if (!c) {
        (void)error_nomem(e);
        return NULL;
    }
    c->c.op.store = s;
    c->c.done = done;
    c->c.ctx = ctx;
    err = begin(c, q, e);
    if (err == PB_OK)
        return &c->c.op;
    if (c->c.kind)
        cloud_write_free(&c->c);
    else
        free(c);
    return NULL;
}
