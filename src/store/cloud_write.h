/*
 * The careful write, as far as it is the same everywhere.  Private to store.
 *
 *   1  digest   checksums of what is to be sent
 *   2  look     is it still what was read?  Its tags are read, if it has any.
 *   3  put      under a condition; the store's own
 *   4  look     is what is there now what was sent?
 *
 * A write whose answer was lost is never simply repeated: what is there is looked at first
 * (cloud_write_find_out()).  Each end takes the operation with it.
 */
#ifndef STORE_CLOUD_WRITE_H
#define STORE_CLOUD_WRITE_H

#include "cloud.h"
#include "cloud_digest.h"

#define CLOUD_WAIT_MS 200 /* doubled each time */

struct cloud_write;

/* What a store does its own way. */
struct cloud_write_kind {
    void (*release)(struct cloud_write *w);
    void (*progress)(const struct cloud_write *w, struct http_progress *out);
    /* What is asked beyond a HEAD in step 2, and whether it is to be asked again after that answer.
     * Both may be NULL. */
    enum pb_err (*look)(struct cloud_write *w, struct error *e);
    bool (*look_again)(struct cloud_write *w, const struct http_result *r);
    /* An answer without success: nothing is there, or whoever may not look may write all the same
     * (the condition holds it). */
    bool (*absent)(const struct cloud_write *w, const struct http_result *r);
    /* What an overwrite would lose and cannot be sent again.  What is read-only is refused before
     * this is asked.  May be NULL. */
    enum pb_err (*check)(const struct cloud_write *w, struct error *e);
    bool keeps_tags;                     /* of what is there */
    void (*send)(struct cloud_write *w); /* 3 */
    /* It is there, as `now`: ends in cloud_write_saved(). */
    void (*saved)(struct cloud_write *w, const struct store_identity *now);
    /* 4: what is there now. */
    void (*compare)(struct cloud_write *w, const struct store_object *now);
    /* In doubt: what is there, or nothing. */
    void (*found)(struct cloud_write *w, const struct store_object *now);
    void (*found_nothing)(struct cloud_write *w);
};

struct cloud_write {
    struct store_op op; /* first */
    const struct cloud_write_kind *kind;
    struct cloud_request *request; /* the one that runs; a part of the store's own struct */
    unsigned speaks_of;
    struct cloud_digest digest;
    loop_timer timer;

    /* What was asked for. */
    char *container, *key;
    size_t key_len;
    struct source *body; /* NULL: the service has the bytes */
    uint64_t size;       /* of what is to be there */
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
    struct store_identity put;

    struct error why; /* of the doubt */
    unsigned puts;
};

/* The store's own struct begins with w, whose kind, done and ctx are set; request is where.  What
 * was begun is released by cloud_write_free(). */
enum pb_err cloud_write_init(struct cloud_write *w, struct store *s,
                             const struct cloud_write_kind *kind, struct cloud_request *request,
                             const struct store_write_request *q, struct error *e) PB_CHECK;
void cloud_write_free(struct cloud_write *w);
/* Reads the tags of an object that is copied, then 2 and on. */
enum pb_err cloud_write_read_tags(struct cloud_write *w, const char *container, const char *key,
                                  size_t key_len, const char *version_id, struct error *e) PB_CHECK;
/* 1, then 2 and on. */
enum pb_err cloud_write_start(struct cloud_write *w, unsigned checks, struct error *e) PB_CHECK;

void cloud_write_fail(struct cloud_write *w, const struct error *e);
void cloud_write_fail_with(struct cloud_write *w, enum pb_err code, const char *why);
void cloud_write_fail_answer(struct cloud_write *w, const struct http_result *r);
void cloud_write_conflict(struct cloud_write *w);
void cloud_write_deleted(struct cloud_write *w); /* by someone else, before anything was written */
void cloud_write_unknown(struct cloud_write *w, const char *why); /* what became of it */
void cloud_write_saved(struct cloud_write *w, const struct store_identity *now, bool unchecked);
/* An error of the request that writes: was it sent? */
void cloud_write_broken(struct cloud_write *w, const struct http_result *r, const struct error *e);

/* A request in place of the last one. */
enum pb_err cloud_write_begin(struct cloud_write *w, unsigned action, cloud_answer_fn done,
                              struct error *e) PB_CHECK;
void cloud_write_look(struct cloud_write *w, cloud_answer_fn done);
void cloud_write_look_before(struct cloud_write *w); /* 2 */
void cloud_write_look_after(struct cloud_write *w);  /* 4 */
void cloud_write_find_out(struct cloud_write *w, const struct error *why);
void cloud_write_wait(struct cloud_write *w, unsigned times, loop_fn fn);
/* Of the answer to what was put. */
void cloud_write_take_identity(struct cloud_write *w, const struct http_result *r, const char *etag,
                               const char *version_header);
/* What is to be sent again of the object: as it is on the server now, when that is what was read
 * (nothing that changed since is set back), or when nobody said which. */
const struct http_headers *cloud_write_properties(const struct cloud_write *w);

#endif
