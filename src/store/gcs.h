/*
 * What the files of the Google Cloud Storage backend share.  Private to store.
 *
 *   gcs.c          the store and its table of operations
 *   gcs_request.c  one request of the JSON API, with the token of the moment
 *   gcs_error.c    what an answer that is no success says, and in which words we pass it on
 *   gcs_object.c   between an object's resource and a struct store_object
 *   gcs_list.c     buckets, pages of objects, of generations, of what is soft-deleted
 *   gcs_read.c     metadata and media
 *   gcs_copy.c     rewrite and restore
 *   gcs_write.c    the careful write (gcs_upload.c: its requests)
 *
 * An object's identity is its generation: a new one for every write, and only for that.  Metadata
 * that change alone change the metageneration; they are read anew before each write, and it is held
 * to both.
 */
#ifndef STORE_GCS_H
#define STORE_GCS_H

#include <jansson.h>

#include <pklbrowse/google.h>

#include "cloud.h"
#include "cloud_digest.h"

struct gcs_store {
    struct cloud_store c; /* first */
    const struct google_setup *setup;
    struct google_session *session;
};

/* -------------------------------------------------------------------- gcs_request.c */

enum gcs_action {
    GCS_LIST_BUCKETS,
    GCS_LIST,
    GCS_HEAD, /* metadata */
    GCS_GET,
    GCS_BEGIN, /* of an upload; harmless to repeat */
    GCS_SEND,  /* into an upload: its address is all the permission that it needs */
    GCS_ASK,   /* how far an upload is */
    GCS_REWRITE,
    GCS_RESTORE, /* of what is soft-deleted */
    GCS_DELETE
};

struct gcs_request {
    struct cloud_request q; /* first */
    const char *upload;     /* the address of GCS_SEND and GCS_ASK, borrowed */
    const char *source;     /* of GCS_REWRITE: its path, borrowed */
    char *token;            /* of the last attempt, or NULL */
};

extern const struct cloud_kind gcs_kind;
extern const struct cloud_action gcs_actions[];
extern const struct cloud_copy_kind gcs_copies;
extern const struct cloud_detail gcs_parts_of_details[];

static inline struct gcs_store *gcs_of(const struct cloud_request *r)
{
    return (struct gcs_store *)r->store;
}

/* ---------------------------------------------------------------------- gcs_error.c */

void gcs_problem_read(struct cloud_problem *p, const struct http_result *r);
/* For gcs_kind. */
extern const struct cloud_answer gcs_answers[];
void gcs_where(const struct cloud_request *r, struct buf *out);
bool gcs_words(const struct cloud_request *q, struct cloud_problem *p, int status, struct buf *why,
               enum pb_err *err);

/* --------------------------------------------------------------------- gcs_object.c */

struct gcs_object {
    struct store_object o;
    uint64_t generation, metageneration;
    char crc32c[9], md5[25]; /* base64 as the service says it; "": it does not */
    bool gzip;               /* stored so: it would be unpacked on the way unless told not to */
    bool soft_deleted;
};
void gcs_object_release(struct gcs_object *g);
/* The answer's body is an object's resource. */
enum pb_err gcs_object_from(struct gcs_object *g, const struct http_result *r,
                            struct error *e) PB_CHECK;
/* A member of type string that is a number ("generation"). */
bool gcs_number(const json_t *o, const char *name, uint64_t *out);
const char *gcs_text(const json_t *o, const char *name); /* "" when absent */
/* The resource of what is to be written: name, these properties, these checksums (or NULL).
 * malloc()ed. */
enum pb_err gcs_object_json(const struct cloud_request *q, const struct http_headers *keep,
                            const char *crc32c, const char *md5, char **out,
                            struct error *e) PB_CHECK;

/* ----------------------------------------------------------------------- operations */

struct store_op *gcs_list_containers(struct store *s, const char *token, store_page_fn done,
                                     void *ctx, struct error *e);
struct store_op *gcs_list(struct store *s, const struct store_list_request *r, store_page_fn done,
                          void *ctx, struct error *e);
struct store_op *gcs_list_versions(struct store *s, const struct store_list_request *r,
                                   store_page_fn done, void *ctx, struct error *e);
struct store_op *gcs_read(struct store *s, const struct store_read_request *r, store_read_fn done,
                          void *ctx, struct error *e);
struct store_op *gcs_write(struct store *s, const struct store_write_request *r,
                           store_write_fn done, void *ctx, struct error *e);

#endif
