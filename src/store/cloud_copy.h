/*
 * A copy that the service makes by itself, as careful as a write: the request is held to what is
 * copied and to what is there, and what became of a lost answer is looked at.  Private to store.
 */
#ifndef STORE_CLOUD_COPY_H
#define STORE_CLOUD_COPY_H

#include "cloud_write.h"

enum cloud_copied {
    CLOUD_COPIED,  /* c->put says as what, as far as the answer does */
    CLOUD_GO_ON,   /* the same request once more (c->token) */
    CLOUD_UNCLEAR, /* it is looked at */
    CLOUD_FAILED   /* e says why */
};

struct cloud_copy {
    struct cloud_write c; /* first; its `keep` is the object that is copied */
    char *from_container, *from_key, *version_id; /* the last may be NULL */
    size_t from_len;
    char *token;            /* of a copy that goes on, or NULL */
    struct source *payload; /* of the request, or NULL */
    char *text;             /* whatever the request borrows */
    uint64_t copied;
    unsigned looks;
};

struct cloud_copy_kind {
    unsigned action;
    bool (*is_checked)(const struct store *s); /* the service holds it to what is there */
    /* May it be asked for at all?  PB_EUNSUPPORTED. */
    enum pb_err (*check)(const struct cloud_copy *c, struct error *e);
    bool reads_tags; /* the service does not copy them */
    /* Into c->c.request, which was begun as `action`. */
    enum pb_err (*fill)(struct cloud_copy *c, struct error *e);
    /* Of an answer with success. */
    enum cloud_copied (*answered)(struct cloud_copy *c, const struct http_result *r,
                                  struct error *e);
    /* Of what is there afterwards: is the service still at it?  May be NULL. */
    enum cloud_copied (*state)(const struct store_object *now);
    bool (*same_bytes)(const struct store_object *a, const struct store_object *b);
};

struct store_op *cloud_copy(struct store *s, const struct store_copy_request *q,
                            store_write_fn done, void *ctx, struct error *e);

#endif
