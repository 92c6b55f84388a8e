#include "cloud_pieces.h"

static void slot_release(struct cloud_slot *s)
{
    cloud_request_free(s->request);
    s->request = NULL;
    cloud_digest_release(&s->digest);
    source_free(s->body);
    s->body = NULL;
    s->busy = false;
}

void cloud_pieces_init(struct cloud_pieces *p, const struct cloud_pieces_kind *kind,
                       struct cloud_write *w)
{
    *p = (struct cloud_pieces){.kind = kind, .w = w};
    for (size_t i = 0; i < CLOUD_SIDE_BY_SIDE; i++)
        p->slots[i].all = p;
}

void cloud_pieces_reset(struct cloud_pieces *p, size_t count, uint64_t to_send)
{
    for (size_t i = 0; i < CLOUD_SIDE_BY_SIDE; i++)
        slot_release(&p->slots[i]);
    p->count = count;
    p->next = p->done = 0;
    p->sent = 0;
    p->to_send = to_send;
}

void cloud_pieces_progress(const struct cloud_pieces *p, struct http_progress *out)
{
    *out = (struct http_progress){.sent = p->sent, .send_total = p->to_send};
    for (size_t i = 0; i < CLOUD_SIDE_BY_SIDE; i++) {
        const struct cloud_slot *s = &p->slots[i];
        struct http_progress one;

        if (!s->request || !s->request->call)
            continue;
        http_progress(s->request->call, &one);
        out->rate += one.rate;
        out->sent += one.sent; /* of a copy: nothing */
        if (one.attempt > out->attempt)
            out->attempt = one.attempt;
    }
}

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct cloud_slot *s = ctx;
    struct cloud_pieces *p = s->all;
    struct cloud_piece piece;

    if (e) {
        cloud_write_fail(p->w, e);
    } else if (p->kind->answered(s, r)) {
        piece = p->kind->piece(p->w, s->piece);
        p->done++;
        p->sent += piece.sent ? piece.len : 0;
        slot_release(s);
        cloud_pieces_go(p);
    }
}

static enum pb_err send(struct cloud_slot *s, struct error *e)
{
    const struct cloud_write *w = s->all->w;
    enum pb_err err;

    err = cloud_request_new(&s->request, w->op.store, s->all->kind->action, w->container, w->key,
                            w->key_len, e);
    if (err != PB_OK)
        return err;
    s->request->speaks_of = w->speaks_of;
    s->request->done = answered;
    s->request->ctx = s;
    err = s->all->kind->ask(s, e);
    return err == PB_OK ? cloud_request_send(s->request, e) : err;
}

static void digested(void *ctx, const struct error *e)
{
    struct cloud_slot *s = ctx;
    struct error error = {0};

    if (e)
        cloud_write_fail(s->all->w, e);
    else if (send(s, &error) != PB_OK)
        cloud_write_fail(s->all->w, &error);
}

static enum pb_err begin(struct cloud_slot *s, struct error *e)
{
    const struct cloud_write *w = s->all->w;
    struct cloud_piece piece = s->all->kind->piece(w, s->piece);

    s->busy = true;
    if (!piece.summed)
        return send(s, e);
    s->body = source_slice(w->body, piece.at, piece.len);
    if (!s->body)
        return error_nomem(e);
    return cloud_digest_start(&s->digest, s->all->kind->checks, w->op.store->loop, s->body,
                              digested, s, e);
}

static void pass_those_there(struct cloud_pieces *p)
{
    while (p->next < p->count && p->kind->piece(p->w, p->next).there) {
        p->next++;
        p->done++;
    }
}

void cloud_pieces_go(struct cloud_pieces *p)
{
    struct error e = {0};

    for (size_t i = 0; i < CLOUD_SIDE_BY_SIDE; i++) {
        struct cloud_slot *s = &p->slots[i];

        pass_those_there(p);
        if (s->busy || p->next == p->count)
            continue;
        s->piece = p->next++;
        if (begin(s, &e) != PB_OK) {
            cloud_write_fail(p->w, &e);
            return;
        }
    }
    pass_those_there(p);
    if (p->done == p->count)
        p->kind->all_there(p->w);
}
