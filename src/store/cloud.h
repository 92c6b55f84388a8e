/*
 * What the stores that speak HTTP share.  Private to store.
 *
 *   cloud_request.c  one request: made anew for every attempt, waits for credentials, is sent once
 *                    more with others
 *   cloud_error.c    what an answer that is no success says, and in which words we pass it on
 *   cloud_headers.c  between an answer's headers and a struct store_object
 *   cloud_list.c     a page of a listing, as far as it is the same everywhere
 *   cloud_read.c     HEAD and GET
 *   cloud_ranges.c   GET of a large object, in ranges side by side
 *   cloud_write.c    the careful write, as far as it is the same everywhere
 *   cloud_pieces.c   the same of a large object, in pieces side by side
 *   cloud_copy.c     a copy that the service makes by itself
 *   cloud_remove.c   DELETE
 *   cloud_details.c  tags and access lists (cloud_tags.c)
 *   cloud_digest.c   checksums of what is sent and read
 *   cloud_reading.c  a read on its way, whatever requests it takes
 *   cloud_transfer.c what these and other reads do with the bytes that come
 *
 * What is a store's own is in one table (struct cloud_kind).  These files know no store by name.
 */
#ifndef STORE_CLOUD_H
#define STORE_CLOUD_H

#include "store_op.h"

struct cloud_request;
typedef void (*cloud_answer_fn)(void *ctx, const struct http_result *r, const struct error *e);

/* What can be done, by a number of the store's own. */
struct cloud_action {
    const char *method;
    enum http_retry retry;    /* what changes something is repeated only where that is harmless */
    const char *what, *needs; /* "cannot WHAT s3://b/k"; which permission it takes */
};

/* What an answer that is no success says of itself. */
struct cloud_problem {
    char code[64]; /* the service's word for it */
    char message[256];
    char region[64];
    char request_id[128], host_id[128];
    int64_t server_time; /* 0: not said */
};

/* What a code is in our words.  code NULL: of the status. */
struct cloud_answer {
    const char *code;
    int status;
    enum pb_err err;
    const char *words;
};

/* What is known of an object beyond its properties. */
struct cloud_detail {
    unsigned action;
    const char *param, *value; /* what is asked with it; value NULL: the name alone */
    const char *name;          /* of the row that says that it cannot be read */
    const char *denied;        /* and of that in words, or NULL */
    bool must;                 /* whatever else goes wrong with it is an error */
    enum pb_err (*read)(struct http_headers *rows, const struct buf *body, struct error *e);
};

/* How tags are read. */
struct cloud_tagging {
    unsigned action;
    const char *param, *value; /* as in struct cloud_detail */
    const char *root;          /* of the answer */
};
struct cloud_copy_kind;

/* All but actions, request_size, prepare, again, where and those of errors and objects may be NULL.
 */
#define CLOUD_SEEN 24
struct cloud_kind {
    const struct cloud_action *actions;
    unsigned head; /* the action that asks for an object's properties */
    unsigned get, put, remove;
    size_t request_size; /* of the store's own struct, which begins with a struct cloud_request */

    enum pb_err (*init)(struct cloud_request *r, struct error *e);
    void (*release)(struct cloud_request *r);
    /* Before it is sent. */
    enum pb_err (*check)(struct cloud_request *r, struct error *e);
    /* Of one attempt: URL and headers (cloud_add_headers()), authorized. */
    enum pb_err (*prepare)(struct cloud_request *r, struct http_message *out, struct error *e);
    /* Is an answer without success worth another attempt? */
    bool (*again)(struct cloud_request *r, const struct http_result *a);

    /* Credentials: is there something to wait for?  ready() comes in a later turn. */
    bool (*waits)(const struct cloud_request *r);
    enum pb_err (*wait)(struct cloud_request *r, void (*ready)(void *ctx, const struct error *e),
                        struct error *e);
    void (*forget)(struct cloud_request *r);
    /* Were those it was sent with refused, and may there be others?  (Asked once.) */
    bool (*refused)(struct cloud_request *r, const struct http_result *a);

    void (*where)(const struct cloud_request *r, struct buf *out);
    void (*read_problem)(struct cloud_problem *p, const struct http_result *r);
    const struct cloud_answer *answers; /* the last one has no words */
    bool quotes_message;                /* what is said of a 400 is told as well */
    /* Words that hang on more than the code: true, and *err.  May take from p what nobody is to
     * see. */
    bool (*words)(const struct cloud_request *r, struct cloud_problem *p, int status,
                  struct buf *why, enum pb_err *err);

    /* Of the answer to `head` or `get`. */
    enum pb_err (*object_from)(struct store_object *o, const struct http_result *r,
                               struct error *e);
    /* Asks for that version (not NULL). */
    enum pb_err (*version)(struct cloud_request *r, const char *version_id, struct error *e);
    /* Asks for a version, which is not there, where else it may be; NULL: nowhere. */
    enum pb_err (*deeper)(struct cloud_request *r, struct error *e);

    const struct cloud_detail *details; /* the last one has no name */
    const struct cloud_tagging *tagging;
    const struct cloud_copy_kind *copies;
    /* Holds the removal of an object to what was read; NULL: the service cannot. */
    enum pb_err (*hold)(struct cloud_request *r, const struct store_identity *identity,
                        struct error *e);
    /* What a look tells that a removal can be held to (CLOUD_SEEN bytes; "": nothing), and so that
     * it is.  A service that does not take that is asked once more, without.  NULL: none. */
    void (*seen)(const struct cloud_request *r, const struct http_result *looked, char *out);
    enum pb_err (*hold_seen)(struct cloud_request *r, const char *seen, struct error *e);
    /* The version id of the delete marker that a removal left, or NULL: none. */
    const char *(*marker)(const struct http_result *r);
};

struct cloud_store {
    struct store base; /* first */
    const struct cloud_kind *kind;
    struct http *http;
};

/* ------------------------------------------------------------------ cloud_request.c */

struct cloud_request {
    struct cloud_store *store;  /* NULL: not begun */
    unsigned action, speaks_of; /* what is done; what errors say it is part of */
    char *container, *key;      /* key NULL: the container; container NULL: the service */
    size_t key_len;
    struct aws_query params;
    struct http_headers headers; /* beyond those that authorizing adds */
    struct source *body;
    /* As in struct http_request; r outlives the call.  All but done may be NULL. */
    enum pb_err (*on_head)(void *ctx, const struct http_result *r, struct error *e);
    enum pb_err (*on_body)(void *ctx, const void *p, size_t n, struct error *e);
    bool (*reject)(void *ctx, const struct http_result *r); /* a 2xx that is to be tried again */
    cloud_answer_fn done;
    void *ctx;
    bool farewell; /* is sent even after an interruption */

    struct buf query;       /* params, as they are sent */
    struct http_call *call; /* NULL: not running */
    bool waiting;           /* for credentials */
    bool renewed;           /* those it was first sent with were refused */
};

/* Copies container and key.  The request stays where it is until cloud_request_release(). */
enum pb_err cloud_request_init(struct cloud_request *r, struct store *s, unsigned action,
                               const char *container, const char *key, size_t key_len,
                               struct error *e) PB_CHECK;
void cloud_request_release(struct cloud_request *r); /* cancels it */
/* The same, with room of its own: for what does not know the store. */
enum pb_err cloud_request_new(struct cloud_request **out, struct store *s, unsigned action,
                              const char *container, const char *key, size_t key_len,
                              struct error *e) PB_CHECK;
void cloud_request_free(struct cloud_request *r); /* NULL is fine */
enum pb_err cloud_header(struct cloud_request *r, const char *name, const char *value,
                         struct error *e) PB_CHECK;
/* value NULL: the name alone. */
enum pb_err cloud_param(struct cloud_request *r, const char *name, const char *value,
                        struct error *e) PB_CHECK;
enum pb_err cloud_param_number(struct cloud_request *r, const char *name, uint64_t value,
                               struct error *e) PB_CHECK;
/* Of that version; NULL: of the one that the key stands for. */
enum pb_err cloud_version(struct cloud_request *r, const char *version_id,
                          struct error *e) PB_CHECK;
enum pb_err cloud_request_send(struct cloud_request *r, struct error *e) PB_CHECK;
/* For prepare(). */
enum pb_err cloud_add_headers(const struct cloud_request *r, struct http_message *out,
                              struct error *e) PB_CHECK;
/* "Authorization: Bearer TOKEN" */
enum pb_err cloud_add_bearer(struct http_message *out, const char *token, struct error *e) PB_CHECK;

/* -------------------------------------------------------------------- cloud_error.c */

/* For read_problem(): what does not fit is for people, and cut at a character; a name that does not
 * fit is no name. */
void cloud_keep_text(char *to, size_t size, const char *text, size_t n, bool name);
/* <Error> with what `end` takes of it; a body that is no XML, or not all of it, just says less. */
void cloud_read_error_xml(const struct buf *body,
                          void (*end)(void *ctx, const char *path, const char *text, size_t len),
                          struct cloud_problem *p);
bool cloud_problem_is(const struct cloud_problem *p, const char *code);
enum pb_err cloud_problem_error(struct cloud_problem *p, const struct cloud_request *q,
                                const struct http_result *r, struct error *e);
/* Read and told, for an answer without success. */
enum pb_err cloud_answer_error(const struct cloud_request *q, const struct http_result *r,
                               struct error *e);
/* "cannot save s3://b/k: WHY" */
enum pb_err cloud_error(const struct cloud_request *q, enum pb_err code, const char *why,
                        struct error *e);
/* Some services begin their XML with a byte order mark. */
size_t cloud_bom(const struct buf *body);

/* ------------------------------------------------------------------ cloud_headers.c */

/* How a service that tells an object's properties in headers calls them. */
struct cloud_names {
    const char *version, *tag_count;
    const char *const *hidden; /* not to be shown, beyond what is in every answer; NULL ends it */
    /* Puts h into o->keep, if an overwrite would lose it; of all the headers of the answer. */
    enum pb_err (*keep)(struct store_object *o, const struct http_headers *all,
                        const struct http_header *h, struct error *e);
};
enum pb_err cloud_object_from(struct store_object *o, const struct http_result *r,
                              const struct cloud_names *names, struct error *e) PB_CHECK;

/* ----------------------------------------------------------------------- operations */

struct store_op *cloud_head(struct store *s, const char *container, const char *key, size_t key_len,
                            const char *version_id, store_head_fn done, void *ctx, struct error *e);
struct store_op *cloud_read(struct store *s, const struct store_read_request *r, store_read_fn done,
                            void *ctx, struct error *e);
struct store_op *cloud_remove(struct store *s, const struct store_remove_request *r,
                              store_remove_fn done, void *ctx, struct error *e);
struct store_op *cloud_details(struct store *s, const char *container, const char *key,
                               size_t key_len, const char *version_id, store_details_fn done,
                               void *ctx, struct error *e);

#endif
