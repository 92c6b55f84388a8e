/* floor 4: store */
/*
 * Object stores behind one table of operations: Amazon S3 and its like, Google Cloud Storage,
 * Azure's blobs, local folders.
 *
 * A *container* is a bucket or a folder root; a *key* is bytes.  Every operation starts and returns
 * a handle; its callback comes in a later turn of the loop, exactly once, unless the operation is
 * cancelled.  A listing is a pull of pages.  Knows neither pickles nor the screen.  Secrets never
 * appear in errors.
 */
#ifndef PKLBROWSE_STORE_H
#define PKLBROWSE_STORE_H

#include <pklbrowse/aws.h>
#include <pklbrowse/azure.h>
#include <pklbrowse/google.h>
#include <pklbrowse/http.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/source.h>
#include <pklbrowse/uri.h>

/* Which version of an object: what a conditional write is held against. */
struct store_identity {
    char *etag; /* as received, quotes and W/ included; local: "inode-size-mtime_ns" stamp; NULL:
                   the server gave none */
    char *version_id; /* NULL: none */
    uint64_t size;
    int64_t mtime; /* seconds, 0: not known */
};
enum pb_err store_identity_copy(struct store_identity *to, const struct store_identity *from,
                                struct error *e) PB_CHECK;
void store_identity_release(struct store_identity *id);
/* Same version?  ETags are compared without quotes; without ETags, size and time. */
bool store_identity_same(const struct store_identity *a, const struct store_identity *b);
/* --if-match's spelling against an identity: quotes optional. */
bool store_identity_matches(const struct store_identity *id, const char *etag);

enum store_kind { STORE_CONTAINER, STORE_PREFIX, STORE_OBJECT };
struct store_entry {
    enum store_kind kind;
    char *name; /* container name, or the whole key / prefix (not shortened) */
    size_t len;
    uint64_t size;
    int64_t mtime;              /* 0: not known */
    char *etag, *storage_class; /* may be NULL */
    /* Of list_versions. */
    char *version_id; /* else NULL */
    bool latest;      /* the version that the key stands for */
    bool deleted;     /* a delete marker: that the key stands for nothing */
};
/* One page; everything in it lives in `mem` and goes with the page. */
struct store_page {
    struct arena mem;
    struct store_entry *entries;
    size_t count;
    char *next; /* token of the next page; NULL: this was the last */
};

/* What of a local file a save cannot keep. */
enum store_loss {
    STORE_LOSES_LINKS = 1, /* its other names (hard links) keep the old bytes */
    STORE_LOSES_OWNER = 2  /* owner or group: only root may give files away */
};

/* All that is known of one object: identity and what an overwrite must keep. */
struct store_object {
    struct store_identity identity;
    struct http_headers keep;  /* Content-Type, x-amz-meta-*, ... to be sent again as they are */
    struct http_headers shown; /* every property worth showing a person, in order */
    unsigned tags;             /* x-amz-tagging-count */
    int mode;                  /* local: permission bits */
    unsigned loses;            /* enum store_loss */
    const char *read_only; /* why nobody can write over it, a literal; NULL: not known to be so */
};
void store_object_init(struct store_object *o);
void store_object_release(struct store_object *o);
enum pb_err store_object_copy(struct store_object *to, const struct store_object *from,
                              struct error *e) PB_CHECK;

/* The properties of an object of one kind of store, as another kind (its scheme, "s3" "az" "gs";
 * "file" keeps nothing but bytes) writes them: into `to`, which the caller releases.  What has no
 * counterpart there is named in `lost`, for a person. */
enum pb_err store_carry(const struct store_object *from, const char *scheme,
                        struct store_object *to, struct buf *lost, struct error *e) PB_CHECK;

/* How a write is held against what was read. */
enum store_condition {
    STORE_IF_SAME,   /* only if the object still has `identity` */
    STORE_IF_ABSENT, /* only if nothing is there, else PB_EEXIST */
    STORE_ALWAYS     /* the person chose to overwrite */
};

struct store_op;
struct store;

typedef void (*store_page_fn)(void *ctx, struct store_page *page,
                              const struct error *e); /* page is the caller's: store_page_free */
typedef void (*store_head_fn)(void *ctx, const struct store_object *o, const struct error *e);
/* After the last byte went into the sink.  o: what was read (identity of exactly these bytes). */
typedef void (*store_read_fn)(void *ctx, const struct store_object *o, const struct error *e);
/* unchecked: the server does not check conditions (501, or a HEAD after showed that it ignores
 * them); the write was held against a HEAD before it. */
typedef void (*store_write_fn)(void *ctx, const struct store_identity *now, bool unchecked,
                               const struct error *e);

struct store_list_request {
    const char *container;
    const char *prefix; /* "" for all */
    size_t prefix_len;
    bool recursive;          /* no delimiter */
    const char *token;       /* NULL: from the start */
    const char *start_after; /* or NULL */
    unsigned max;            /* entries a page, 0: the server's own */
    /* Called (with the ctx of done) when it is known where the next page begins before this one is
     * read: that may be asked for at once.  Not every store does.  It must not cancel this
     * operation.  May be NULL. */
    void (*more)(void *ctx, const char *token);
};
struct store_read_request {
    const char *container, *key;
    size_t key_len;
    const char *version_id;              /* or NULL */
    const struct store_identity *expect; /* PB_ECHANGED when it is no longer this, or NULL */
    uint64_t offset, length;             /* length 0: all (from offset) */
    /* Called with size before the first byte; then bytes. PB_EAGAIN from write pauses
     * (store_op_resume).  Neither may cancel the operation: an error from them ends it. */
    enum pb_err (*begin)(void *ctx, const struct store_object *o,
                         struct error *e); /* may be NULL */
    struct sink to;
};
/* Bytes [at, at + len) of what is written stand at `from` in what is there. */
struct store_range {
    uint64_t at, from, len;
};
struct store_write_request {
    const char *container, *key;
    size_t key_len;
    struct source *body; /* size known; outlives the operation */
    /* With STORE_IF_SAME: what need not be sent, ascending in `at`.  A backend may send it all the
     * same. */
    const struct store_range *unchanged;
    size_t unchanged_count;
    const struct store_object *keep; /* properties to carry over, or NULL for a new object */
    bool keep_as_given;              /* of another object (a copy): not those that are there now */
    enum store_condition condition;
    const struct store_identity *identity; /* for STORE_IF_SAME */
};

/* A copy that the service makes by itself, with properties and tags.  `from` is what head() said of
 * it: PB_ECHANGED when it is another by now. */
struct store_copy_request {
    const char *from_container, *from_key;
    size_t from_len;
    const char *version_id; /* of it, or NULL */
    const struct store_object *from;
    const char *container, *key; /* to where */
    size_t key_len;
    enum store_condition condition;
    const struct store_identity *identity; /* for STORE_IF_SAME */
};

/* What became of a removed object: marker is the version id of the delete marker that was left, or
 * NULL: it is gone. */
typedef void (*store_remove_fn)(void *ctx, const char *marker, const struct error *e);
struct store_remove_request {
    const char *container, *key;
    size_t key_len;
    const char *version_id;                /* that version for good, or NULL */
    const struct store_identity *identity; /* only if it still is this, or NULL */
};

/* readable: it was already, and stays so for as many days from now; else that has begun, and takes
 * as long as its tier says. */
typedef void (*store_thaw_fn)(void *ctx, bool readable, const struct error *e);
enum store_thaw_tier { STORE_THAW_STANDARD, STORE_THAW_BULK, STORE_THAW_EXPEDITED };
struct store_thaw_request {
    const char *container, *key;
    size_t key_len;
    const char *version_id; /* or NULL */
    unsigned days;
    enum store_thaw_tier tier;
};

/* fd: the caller's to close, -1 with e. */
typedef void (*store_open_fn)(void *ctx, int fd, const struct error *e);

/* Names and values to show a person, in order; a name may come more than once. */
typedef void (*store_details_fn)(void *ctx, const struct http_headers *rows, const struct error *e);

struct store_ops {
    const char *scheme; /* "s3", "file" */
    struct store_op *(*list_containers)(struct store *s, const char *token, store_page_fn done,
                                        void *ctx, struct error *e);
    struct store_op *(*list)(struct store *s, const struct store_list_request *r,
                             store_page_fn done, void *ctx, struct error *e);
    struct store_op *(*head)(struct store *s, const char *container, const char *key,
                             size_t key_len, const char *version_id, store_head_fn done, void *ctx,
                             struct error *e);
    struct store_op *(*read)(struct store *s, const struct store_read_request *r,
                             store_read_fn done, void *ctx, struct error *e);
    /* The whole careful write of DESIGN §5 steps 2 to 4: HEAD, conditional write, what a lost
     * answer or a 412 means, HEAD again. PB_ECHANGED: someone else was faster, nothing was written
     * (or it was, and then replaced in the same moment: the message says so).  An object that is
     * written over also keeps its tags; when those cannot be read nothing is written. */
    struct store_op *(*write)(struct store *s, const struct store_write_request *r,
                              store_write_fn done, void *ctx, struct error *e);
    /* As careful as write().  PB_EUNSUPPORTED: not this one; it is to be read and written.  NULL:
     * none. */
    struct store_op *(*copy)(struct store *s, const struct store_copy_request *r,
                             store_write_fn done, void *ctx, struct error *e);
    /* Every version and delete marker, newest first within a key; NULL: a store without versions.
     */
    struct store_op *(*list_versions)(struct store *s, const struct store_list_request *r,
                                      store_page_fn done, void *ctx, struct error *e);
    /* PB_ECHANGED: it is no longer `identity`, and still there. */
    struct store_op *(*remove)(struct store *s, const struct store_remove_request *r,
                               store_remove_fn done, void *ctx, struct error *e);
    /* What head() does not say: tags, who may do what.  NULL: there is no more. */
    struct store_op *(*details)(struct store *s, const char *container, const char *key,
                                size_t key_len, const char *version_id, store_details_fn done,
                                void *ctx, struct error *e);
    /* Other addresses of an object, to be copied, among them those that work without credentials
     * for a while: these hold secrets and are not to be shown (STORE_SECRET).  NULL: none. */
    struct store_op *(*links)(struct store *s, const char *container, const char *key,
                              size_t key_len, const char *version_id, store_details_fn done,
                              void *ctx, struct error *e);
    /* Asks for an archived object to be made readable.  NULL: nothing is archived here. */
    struct store_op *(*thaw)(struct store *s, const struct store_thaw_request *r,
                             store_thaw_fn done, void *ctx, struct error *e);
    /* A descriptor to read the object itself through, of whatever kind it is.  NULL: not here. */
    struct store_op *(*open)(struct store *s, const char *container, const char *key,
                             size_t key_len, store_open_fn done, void *ctx, struct error *e);
    void (*free)(struct store *s);
};
#define STORE_SECRET "Signed-" /* the names of such rows begin so */
struct store {
    const struct store_ops *ops;
    struct loop *loop;
    struct store_op *running; /* the first of those that have not called back yet */
};
/* What a request points to is copied where it is needed after the starting call returns, except
 * sources and what sinks and callbacks are given.  NULL is returned only when nothing could be
 * started (e says why).  When its callback is called an operation is over and its handle gone; what
 * the callback is given (but for pages) is valid during the call. */

/* A job beside the store's operations, in the same loop. */
enum pb_err store_add_job(struct store *s, struct job *j, struct error *e) PB_CHECK;
void store_remove_job(struct store *s, struct job *j); /* without calling finished */

void store_op_cancel(struct store_op *op); /* its callback is not called; NULL is fine */
void store_op_resume(struct store_op *op);
void store_op_progress(const struct store_op *op, struct http_progress *out);
void store_page_free(struct store_page *p); /* NULL is fine */
void store_free(struct store *s);           /* cancels what runs; NULL is fine */

/* session: where credentials come from; outlives the store; NULL: requests are anonymous. */
enum pb_err store_s3_new(struct loop *l, struct http *h, const struct aws_setup *setup,
                         struct aws_session *session, struct store **out, struct error *e) PB_CHECK;
/* It speaks to Google, which has no multi-part copies, wants no condition beside an AWS signature,
 * and adds to Accept-Encoding on the way.  project: whose buckets are listed, or NULL. */
enum pb_err store_s3_of_google(struct store *s, const char *project, struct error *e) PB_CHECK;
/* Azure's blobs: container is "account/container", or "account" to list its containers.  session:
 * where tokens come from; outlives the store; NULL: there are none. */
enum pb_err store_azure_new(struct loop *l, struct http *h, const struct azure_setup *setup,
                            struct azure_session *session, struct store **out,
                            struct error *e) PB_CHECK;
/* An https:// address that was typed: its host and its signature, if it has one. */
enum pb_err store_azure_learn(struct store *s, const char *url, struct error *e) PB_CHECK;
/* Google Cloud Storage by its JSON API; setup and session outlive the store. */
enum pb_err store_gcs_new(struct loop *l, struct http *h, const struct google_setup *setup,
                          struct google_session *session, struct store **out,
                          struct error *e) PB_CHECK;
/* Local folders: container is a folder's path ("/" for all), keys are paths below it.  head() of a
 * folder fails with PB_EUSAGE. */
enum pb_err store_local_new(struct loop *l, struct store **out, struct error *e) PB_CHECK;
/* The same, but every call that may hang is made by a process apart: for the screen, which must not
 * wait for a network folder.  Relative paths are those of the folder we are in at its first use. */
enum pb_err store_local_apart_new(struct loop *l, struct store **out, struct error *e) PB_CHECK;

/* The files of an archive as keys that begin with `prefix` (n bytes): to be listed, nothing else.
 */
enum pb_err store_archive_new(struct loop *l, const char *prefix, size_t n, struct store **out,
                              struct error *e) PB_CHECK;
enum pb_err store_archive_add(struct store *s, const char *name, size_t n, uint64_t size,
                              int64_t mtime, struct error *e) PB_CHECK;

/*
 * What is replaced can be brought back: kept under $XDG_STATE_HOME/pklbrowse/history (0700, files
 * 0600), the newest few of every object.  A *record* says what it was: location, ETag, version,
 * size, SHA-256; its bytes lie beside it when there are no more than HISTORY_BYTES_MAX.
 */
#define HISTORY_BYTES_MAX (64ull * 1024 * 1024)
#define HISTORY_NEWEST 5
#define HISTORY_DAYS 90                           /* older ones go, */
#define HISTORY_BYTES_ALL (1024ull * 1024 * 1024) /* and the oldest, when there are more bytes */

struct history;
enum pb_err history_open(const char *dir /* NULL: the default */, struct history **out,
                         struct error *e) PB_CHECK;
/* Another private folder (0700) beside it, made when it is not there: its path, appended. */
enum pb_err history_state_folder(const char *name, struct buf *out, struct error *e) PB_CHECK;
void history_close(struct history *h); /* NULL is fine */
/* Keeps the old bytes of `where` before they are replaced; they are on the disk when it returns.
 * *name (may be NULL) gets the path of the bytes, or of the record when those are not kept: free()
 * it. */
enum pb_err history_keep(struct history *h, const struct location *where,
                         const struct store_identity *id, struct source *old, char **name,
                         struct error *e) PB_CHECK;
/* The same as a job, for old bytes that are many.  h and old outlive it; history_job_free() also
 * ends it half-way. */
enum pb_err history_job_new(struct history *h, const struct location *where,
                            const struct store_identity *id, struct source *old, struct job **out,
                            struct error *e) PB_CHECK;
/* Before its first step: the permission bits of the local file, which come back with its bytes. */
void history_job_mode(struct job *j, int mode);
/* What is kept.  Everything in an entry is valid during the call. */
struct history_entry {
    const char *id;                         /* one word that names it among all */
    const char *location;                   /* as it would be typed */
    const char *etag, *version_id, *sha256; /* NULL: none */
    const char *file;                       /* that holds the bytes; NULL: they were too many */
    int mode;                               /* permission bits of a local file; 0: not known */
    uint64_t size;
    int64_t modified, replaced;
};
typedef enum pb_err (*history_fn)(void *ctx, const struct history_entry *x, struct error *e);
/* Each entry, the newest first; where NULL: of every object.  What cannot be read is left out and
 * logged. */
enum pb_err history_each(struct history *h, const struct location *where, history_fn fn, void *ctx,
                         struct error *e) PB_CHECK;
const char *history_job_name(const struct job *j); /* after JOB_DONE */
void history_job_free(struct job *j);

#endif
