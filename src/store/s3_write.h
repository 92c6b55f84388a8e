/*
 * The careful write, between its files: s3_write.c (what happens after what), s3_doubt.c (when the
 * outcome is not clear) and s3_put.c (what a PUT carries).  Private to store.
 */
#ifndef STORE_S3_WRITE_H
#define STORE_S3_WRITE_H

#include "s3.h"

/* Why it must be looked at before anything is said about the outcome. */
enum doubt {
    DOUBT_LOST,    /* no clear answer: it may have been written */
    DOUBT_REFUSED, /* 412: changed, or the ETag's other spelling is wanted */
    DOUBT_RACE     /* 409: someone writes at the same time */
};

#define S3_PUTS_MAX 5

struct s3_multipart;

struct write_op {
    struct store_op op;             /* first */
    struct s3_request request;      /* the one that runs */
    struct cloud_digest digest;     /* of one that goes in one piece */
    struct s3_multipart *multipart; /* else NULL */
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
    struct store_object before;
    struct buf tagging;     /* a=b&c=d */
    struct buf tagging_xml; /* the same as the server said it */
    struct source *tagging_source;
    char tagging_hash[2 * SHA256_LEN + 1];
    struct store_identity put, found;
    char expect_etag[2 * MD5_LEN + 8]; /* of what is sent, where ETags are MD5; "": not known */
    uint64_t read_back; /* bytes of what is there now that were compared with those sent */
    bool differs;       /* and are others */

    /* How far it is. */
    bool plain_etag;    /* the other spelling than received is sent */
    bool other_tried;   /* both were */
    bool unconditional; /* the server does not do conditions */
    enum doubt doubt;
    struct error why; /* of the doubt */
    unsigned puts, looks;
};

static inline struct s3_store *s3_write_store(const struct write_op *w)
{
    return (struct s3_store *)w->op.store;
}

/* The ends: each takes the operation with it. */
void s3_write_fail(struct write_op *w, const struct error *e);
void s3_write_fail_with(struct write_op *w, enum pb_err code, const char *why);
void s3_write_conflict(struct write_op *w);
void s3_write_saved(struct write_op *w, const struct store_identity *now);

/* The steps: each goes on by itself, or ends it. */
typedef void (*s3_answer_fn)(void *ctx, const struct http_result *r, const struct error *e);
enum pb_err s3_write_begin(struct write_op *w, enum s3_action action, s3_answer_fn done,
                           struct error *e) PB_CHECK;
void s3_write_look(struct write_op *w, s3_answer_fn done);
void s3_write_wait(struct write_op *w, unsigned times, loop_fn fn);
void s3_write_put(struct write_op *w);
void s3_write_find_out(struct write_op *w, enum doubt doubt, const struct error *why);

/* The answer to the request that writes (a PUT, or what completes an upload). */
void s3_write_put_answered(struct write_op *w, const struct http_result *r, const struct error *e);
/* It says that it was written, as `etag` ("" or NULL: not said). */
void s3_write_put_done(struct write_op *w, const struct http_result *r, const char *etag);

/* Headers into w->request, which was begun for it: all of a PUT's, or those of the object, or the
 * condition. */
enum pb_err s3_put_headers(struct write_op *w, struct error *e) PB_CHECK;
enum pb_err s3_put_properties(struct write_op *w, struct error *e) PB_CHECK;
enum pb_err s3_put_condition(struct write_op *w, struct error *e) PB_CHECK;
/* PB_OK, or what an overwrite would lose and we cannot send again. */
enum pb_err s3_put_check(const struct write_op *w, struct error *e) PB_CHECK;
/* Sets the tags of what was just written again, as `now`; ends in saved. */
void s3_put_tags(struct write_op *w, const struct store_identity *now);
/* The body of a GetObjectTagging as x-amz-tagging wants it. */
enum pb_err s3_tagging_from(struct buf *out, const struct buf *body, struct error *e) PB_CHECK;

#endif
