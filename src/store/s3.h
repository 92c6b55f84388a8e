/*
 * What the files of the S3 backend share.  Private to store.
 *
 *   s3.c          the store: options, what was learned about buckets, the table of operations
 *   s3_request.c  one signed request; follows another region and a skewed clock once each
 *   s3_error.c    what an answer that is no success says, and in which words we pass it on
 *   s3_list.c     containers and pages
 *   s3_versions.c pages of versions
 *   s3_details.c  tags and access lists
 *   s3_links.c    addresses of an object, signed ones among them
 *   s3_google.c   Google's dialect: writes held to a generation
 *   s3_headers.c  between an answer's headers and a struct store_object
 *   s3_copy.c     CopyObject
 *   s3_customer.c keys of one's own that objects are encrypted with
 *   s3_thaw.c     RestoreObject
 *   s3_write.c    the careful write (s3_put.c, s3_doubt.c)
 *   s3_multipart.c  the same of a large object, in parts (s3_parts.c, s3_abort.c)
 */
#ifndef STORE_S3_H
#define STORE_S3_H

#include "cloud.h"
#include "cloud_digest.h"

#define S3_PUT_MAX (5ull * 1024 * 1024 * 1024) /* Amazon's limit of one PUT */

/* What answers taught us about a bucket. */
struct s3_bucket {
    char *name;
    char *region;    /* where it is, or NULL: as configured */
    char *endpoint;  /* where a redirect pointed to, or NULL */
    bool by_host;    /* that address had the bucket in its host name */
    bool list_v1;    /* knows only the first version of listings */
    bool plain_etag; /* If-Match of a PUT matches only without quotes */
    bool bare;       /* the last object there was read without the key of --sse-c-key */
};

struct s3_store {
    struct cloud_store c; /* first */
    struct aws_setup setup;
    struct aws_session *session; /* NULL: anonymous */
    struct {
        struct s3_bucket **data;
        size_t len, cap;
    } buckets;
    int64_t skew; /* the server's clock less ours, once it complained */
    bool amazon;  /* Amazon's own endpoint */
    bool google;
    char *project; /* of Google's, or NULL */
};

/* Never NULL but for want of memory. */
struct s3_bucket *s3_bucket(struct s3_store *s, const char *name);

/* --------------------------------------------------------------------- s3_request.c */

/* Where a bucket (NULL: the service) is by all that is known; borrows from the store. */
struct aws_setup s3_view(struct s3_store *s, const char *bucket);

enum s3_action {
    S3_LIST_BUCKETS,
    S3_LIST,
    S3_LIST_VERSIONS,
    S3_HEAD,
    S3_GET,
    S3_TAGS,
    S3_ACL,
    S3_PUT,
    S3_DELETE,
    S3_CREATE_UPLOAD,
    S3_PART, /* may be repeated: the last one of a number counts */
    S3_COMPLETE,
    S3_COPY,
    S3_PUT_TAGS,
    S3_RESTORE,
    S3_ABORT
};

struct s3_request {
    struct cloud_request q;   /* first */
    const char *payload_hash; /* hex; NULL: no body */
    bool goog4;               /* signed and said in Google's way, not Amazon's */
    bool moved, skewed;       /* followed once already */
    bool bare;                /* of what reads: without the key of --sse-c-key */
    unsigned turns;           /* how often that was changed */
    char signed_by[132];      /* the access key of the last attempt */
};

extern const struct cloud_kind s3_kind;
extern const struct cloud_action s3_actions[];
extern const struct cloud_copy_kind s3_copies;
extern const struct cloud_detail s3_parts_of_details[];

static inline struct s3_store *s3_of(const struct cloud_request *r)
{
    return (struct s3_store *)r->store;
}
/* Does the answer say something (region, address, clock) that makes another attempt worth its
 * while? Requests that only read ask this themselves. */
bool s3_request_learn(struct s3_request *r, const struct http_result *answer);

/* ----------------------------------------------------------------------- s3_google.c */

/* The generation that a look told (CLOUD_SEEN bytes), and a request held to it. */
void s3_google_seen(const struct cloud_request *r, const struct http_result *looked, char *out);
enum pb_err s3_google_hold(struct cloud_request *r, const char *generation,
                           struct error *e) PB_CHECK;
/* Amazon's words in them become Google's. */
enum pb_err s3_google_words(struct http_headers *h, struct error *e) PB_CHECK;

/* ----------------------------------------------------------------------- s3_error.c */

void s3_problem_read(struct cloud_problem *p, const struct http_result *r);
/* The root element of a 2xx body is <Error>. */
bool s3_is_error_body(const struct buf *body);
/* The text of one element of an answer; "" when there is none. */
void s3_read_element(const struct http_result *r, const char *path, char *text, size_t size);
/* For s3_kind. */
extern const struct cloud_answer s3_answers[];
void s3_where(const struct cloud_request *r, struct buf *out);
bool s3_words(const struct cloud_request *q, struct cloud_problem *p, int status, struct buf *why,
              enum pb_err *err);

/* ----------------------------------------------------------------------- s3_copy.c */

/* What is copied, and on which condition, into the headers of r. */
enum pb_err s3_copy_source(struct cloud_request *r, const char *bucket, const char *key,
                           size_t key_len, const struct store_identity *id, bool customer,
                           struct error *e) PB_CHECK;

/* ------------------------------------------------------------------- s3_customer.c */

/* Is it encrypted with a key of the person's? */
bool s3_customer_has(const struct http_headers *keep);
/* Is what is to be written: something new, and there is a key? */
bool s3_customer_new(const struct s3_store *s, bool there);
/* A header that says another encryption: it cannot stand beside. */
bool s3_customer_instead(const char *name);
/* What is written is (source: what is copied from); the key comes when it is sent. */
enum pb_err s3_customer_say(struct cloud_request *r, bool source, struct error *e) PB_CHECK;
/* For s3_kind: the keys into the message of one attempt; what reads is tried with and without. */
void s3_customer_begin(struct s3_request *r);
enum pb_err s3_customer_prepare(const struct s3_request *r, struct http_message *m,
                                struct error *e) PB_CHECK;
bool s3_customer_again(struct s3_request *r, const struct http_result *a);
bool s3_customer_words(const struct s3_request *r, const struct cloud_problem *p, int status,
                       struct buf *why);

/* --------------------------------------------------------------------- s3_headers.c */

enum pb_err s3_object_from(struct store_object *o, const struct http_result *r,
                           struct error *e) PB_CHECK;

/* ----------------------------------------------------------------------- operations */

struct store_op *s3_list_containers(struct store *s, const char *token, store_page_fn done,
                                    void *ctx, struct error *e);
struct store_op *s3_list(struct store *s, const struct store_list_request *r, store_page_fn done,
                         void *ctx, struct error *e);
struct store_op *s3_list_versions(struct store *s, const struct store_list_request *r,
                                  store_page_fn done, void *ctx, struct error *e);
struct store_op *s3_links(struct store *s, const char *container, const char *key, size_t key_len,
                          const char *version_id, store_details_fn done, void *ctx,
                          struct error *e);
struct store_op *s3_write(struct store *s, const struct store_write_request *r, store_write_fn done,
                          void *ctx, struct error *e);

struct store_op *s3_thaw(struct store *s, const struct store_thaw_request *q, store_thaw_fn done,
                         void *ctx, struct error *e);

/* Beside whatever comes next; nobody is told. */
void s3_abort_upload(struct s3_store *s, const char *bucket, const char *key, size_t key_len,
                     const char *upload);

#endif
