/*
 * What the files of the Azure backend share.  Private to store.
 *
 *   azure.c          the store: setup, session, the table of operations
 *   azure_request.c  one authorized request; corrects a skewed clock, renews a token, once each
 *   azure_error.c    what an answer that is no success says, and in which words we pass it on
 *   azure_list.c     accounts, containers, pages of blobs, of versions and snapshots
 *   azure_headers.c  between an answer's headers and a struct store_object
 *   azure_copy.c     Copy Blob
 *   azure_write.c    the careful write (azure_put.c)
 *   azure_blocks.c   the same of a large blob, in blocks (azure_plan.c)
 */
#ifndef STORE_AZURE_H
#define STORE_AZURE_H

#include <pklbrowse/azure.h>

#include "cloud.h"
#include "cloud_digest.h"

struct azure_store {
    struct cloud_store c; /* first */
    struct azure_setup setup;
    struct azure_session *session; /* NULL: nobody gives tokens */
    int64_t skew;                  /* the server's clock less ours, once it complained */
    bool no_copy;                  /* does not put blocks from an address */
};

/* A version is known by what the service calls it; a snapshot by this and its time; the blob
 * itself, where there are no versions, by the last. */
#define AZURE_SNAPSHOT "snapshot:"
#define AZURE_CURRENT "current"
/* What is soft-deleted has a row that begins so, as a delete marker has elsewhere: to remove it is
 * to undelete the blob, with all of its versions and snapshots that are soft-deleted. */
#define AZURE_DELETED "deleted"
/* Of a blob that is deleted while its versions are not: nothing is undeleted, one of them is to be
 * copied over it. */
#define AZURE_VERSIONS_ONLY AZURE_DELETED "-with-versions"

/* ------------------------------------------------------------------- azure_request.c */

enum azure_action {
    AZURE_LIST_CONTAINERS,
    AZURE_LIST,
    AZURE_LIST_VERSIONS,
    AZURE_HEAD,
    AZURE_GET,
    AZURE_TAGS,
    AZURE_PUT,
    AZURE_DELETE,
    AZURE_UNDELETE,
    AZURE_COPY_BLOB,
    AZURE_GET_BLOCKS,
    AZURE_BLOCK, /* may be repeated: the last one of an id counts */
    AZURE_PUT_BLOCKS
};

struct azure_request {
    struct cloud_request q; /* first; its container is "account/container" */
    struct azure_spot spot; /* of that */
    enum azure_auth auth;
    const char *sas;
    bool skewed;      /* once already */
    char *sent_token; /* of the last attempt */
};

extern const struct cloud_kind azure_kind;
extern const struct cloud_action azure_actions[];
extern const struct cloud_copy_kind azure_copies;

static inline struct azure_store *azure_of(const struct cloud_request *r)
{
    return (struct azure_store *)r->store;
}
/* The address and authorization with which the service itself may read the blob of r:
 * x-ms-copy-source and what goes with it, as headers of r. */
enum pb_err azure_request_source(struct azure_request *r, struct error *e) PB_CHECK;
/* The address of what is copied, as the service is told it with r. */
enum pb_err azure_copy_source(struct azure_request *r, const char *where, const char *key,
                              size_t key_len, const char *version_id, struct error *e) PB_CHECK;
/* Does the answer say something (the clock) that makes another attempt worth its while?  Requests
 * that only read ask this themselves. */
bool azure_request_learn(struct azure_request *r, const struct http_result *answer);

/* --------------------------------------------------------------------- azure_error.c */

void azure_problem_read(struct cloud_problem *p, const struct http_result *r);
/* For azure_kind. */
extern const struct cloud_answer azure_answers[];
void azure_where(const struct cloud_request *r, struct buf *out);
bool azure_words(const struct cloud_request *q, struct cloud_problem *p, int status,
                 struct buf *why, enum pb_err *err);

/* ------------------------------------------------------------------- azure_headers.c */

enum pb_err azure_object_from(struct store_object *o, const struct http_result *r,
                              struct error *e) PB_CHECK;
/* The headers of a write: what is kept, as the service wants it. */
enum pb_err azure_put_kept(struct azure_request *r, const struct http_headers *keep,
                           struct error *e) PB_CHECK;

/* ------------------------------------------------------------------------ operations */

struct store_op *azure_list_containers(struct store *s, const char *token, store_page_fn done,
                                       void *ctx, struct error *e);
struct store_op *azure_list(struct store *s, const struct store_list_request *r, store_page_fn done,
                            void *ctx, struct error *e);
struct store_op *azure_list_versions(struct store *s, const struct store_list_request *r,
                                     store_page_fn done, void *ctx, struct error *e);
struct store_op *azure_write(struct store *s, const struct store_write_request *r,
                             store_write_fn done, void *ctx, struct error *e);

#endif
