/*
 * The careful write, between its files: gcs_write.c (what happens after what) and gcs_upload.c (the
 * requests of an upload).  Private to store.
 */
#ifndef STORE_GCS_WRITE_H
#define STORE_GCS_WRITE_H

#include "gcs.h"

struct gcs_write_op {
    struct store_op op;         /* first */
    struct gcs_request request; /* the one that runs */
    struct cloud_digest digest;
    loop_timer timer;

    /* What was asked for. */
    char *bucket, *key;
    size_t key_len;
    struct source *body;
    bool has_keep, keep_as_given;
    struct store_object keep;
    enum store_condition condition;
    struct store_identity identity;
    store_write_fn done;
    void *ctx;

    /* What was found. */
    bool there; /* something was there before */
    struct gcs_object before;
    bool no_acl; /* who may do what cannot be read, and is not carried over */

    /* The upload. */
    char *upload;        /* its address, which is a secret */
    char *json;          /* the resource */
    struct source *out;  /* what the running request sends */
    uint64_t sent;       /* bytes that the service has for certain */
    uint64_t generation; /* of what was written; 0: not yet */
    unsigned begun, fruitless;
    struct error why; /* of the doubt */
};

typedef void (*gcs_answer_fn)(void *ctx, const struct http_result *r, const struct error *e);
/* Into w->request, in place of the last one. */
enum pb_err gcs_write_begin(struct gcs_write_op *w, enum gcs_action action, gcs_answer_fn done,
                            struct error *e) PB_CHECK;

/* The resource, the conditions: an upload begins. */
enum pb_err gcs_upload_begin(struct gcs_write_op *w, gcs_answer_fn done, struct error *e) PB_CHECK;
/* Its address, from the answer. */
enum pb_err gcs_upload_take(struct gcs_write_op *w, const struct http_result *r,
                            struct error *e) PB_CHECK;
/* Everything from w->sent on. */
enum pb_err gcs_upload_send(struct gcs_write_op *w, gcs_answer_fn done, struct error *e) PB_CHECK;
enum pb_err gcs_upload_ask(struct gcs_write_op *w, gcs_answer_fn done, struct error *e) PB_CHECK;
/* w->sent from the answer of an upload that goes on (308); false: it makes no sense. */
bool gcs_upload_progress(struct gcs_write_op *w, const struct http_result *r);
void gcs_upload_forget(struct gcs_write_op *w);

#endif
