/*
 * The careful write, between its files: gcs_write.c (what happens after what) and gcs_upload.c (the
 * requests of an upload).  Private to store.
 */
#ifndef STORE_GCS_WRITE_H
#define STORE_GCS_WRITE_H

#include "cloud_write.h"
#include "gcs.h"

struct gcs_write_op {
    struct cloud_write c;       /* first */
    struct gcs_request request; /* the one that runs */
    bool no_acl;                /* who may do what cannot be read, and is not carried over */

    /* The upload. */
    char *upload;       /* its address, which is a secret */
    char *json;         /* the resource */
    struct source *out; /* what the running request sends */
    uint64_t sent;      /* bytes that the service has for certain */
    unsigned begun, fruitless;
};

/* The resource, the conditions: an upload begins. */
enum pb_err gcs_upload_begin(struct gcs_write_op *w, cloud_answer_fn done,
                             struct error *e) PB_CHECK;
/* Its address, from the answer. */
enum pb_err gcs_upload_take(struct gcs_write_op *w, const struct http_result *r,
                            struct error *e) PB_CHECK;
/* Everything from w->sent on. */
enum pb_err gcs_upload_send(struct gcs_write_op *w, cloud_answer_fn done, struct error *e) PB_CHECK;
enum pb_err gcs_upload_ask(struct gcs_write_op *w, cloud_answer_fn done, struct error *e) PB_CHECK;
/* w->sent from the answer of an upload that goes on (308); false: it makes no sense. */
bool gcs_upload_progress(struct gcs_write_op *w, const struct http_result *r);
void gcs_upload_forget(struct gcs_write_op *w);

#endif
