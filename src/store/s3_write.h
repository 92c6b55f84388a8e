/*
 * The careful write, between its files: s3_write.c (what happens after what), s3_doubt.c (when the
 * outcome is not clear) and s3_put.c (what a PUT carries).  Private to store.
 */
#ifndef STORE_S3_WRITE_H
#define STORE_S3_WRITE_H

#include "cloud_write.h"
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
    struct cloud_write c;           /* first */
    struct s3_request request;      /* the one that runs */
    struct s3_multipart *multipart; /* or NULL: it goes in one piece */

    struct source *tagging_source;
    char tagging_hash[2 * SHA256_LEN + 1];
    struct store_identity found;
    char expect_etag[2 * MD5_LEN + 8]; /* of what is sent, where ETags are MD5; "": not known */
    uint64_t read_back; /* bytes of what is there now that were compared with those sent */
    bool differs;       /* and are others */

    /* How far it is. */
    bool plain_etag;             /* the other spelling than received is sent */
    bool other_tried;            /* both were */
    bool unconditional;          /* the server does not do conditions */
    char generation[CLOUD_SEEN]; /* of what was there, in Google's store; "": not known */
    bool generations_refused;    /* it does not take them */
    enum doubt doubt;
    unsigned looks;
};

static inline struct s3_store *s3_write_store(const struct write_op *w)
{
    return (struct s3_store *)w->c.op.store;
}

/* The steps: each goes on by itself, or ends it. */
void s3_write_put(struct cloud_write *c);
void s3_write_find_out(struct write_op *w, enum doubt doubt, const struct error *why);
/* In Google's dialect (s3_google.c).  Notes the generation of what was looked at; always false. */
bool s3_google_note(struct cloud_write *c, const struct http_result *r);
enum pb_err s3_google_condition(struct write_op *w, struct error *e) PB_CHECK;
/* The server does not take such a condition: it is to be written without, held against a HEAD. */
bool s3_google_refused(struct write_op *w, const struct http_result *r);
/* For the table of hooks. */
void s3_write_saved(struct cloud_write *c, const struct store_identity *now);
void s3_write_found(struct cloud_write *c, const struct store_object *o);
void s3_write_found_nothing(struct cloud_write *c);

/* The answer to the request that writes (a PUT, or what completes an upload). */
void s3_write_put_answered(struct write_op *w, const struct http_result *r, const struct error *e);
/* It says that it was written, as `etag` ("" or NULL: not said). */
void s3_write_put_done(struct write_op *w, const struct http_result *r, const char *etag);

/* Headers into w->request, which was begun for it: all of a PUT's, or those of the object, or the
 * condition. */
enum pb_err s3_put_headers(struct write_op *w, struct error *e) PB_CHECK;
enum pb_err s3_put_properties(struct write_op *w, struct error *e) PB_CHECK;
enum pb_err s3_put_condition(struct write_op *w, struct error *e) PB_CHECK;
/* Is it encrypted with a key of the person's? */
bool s3_put_has_customer(const struct write_op *w);
/* PB_OK, or what an overwrite would lose and we cannot send again. */
enum pb_err s3_put_check(const struct cloud_write *c, struct error *e) PB_CHECK;
/* Sets the tags of what was just written again, as `now`; ends in saved. */
void s3_put_tags(struct write_op *w, const struct store_identity *now);
#endif
