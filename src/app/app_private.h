/*
 * What the files of src/app share: the insides of struct app and struct app_object.
 */
#ifndef PKLBROWSE_APP_PRIVATE_H
#define PKLBROWSE_APP_PRIVATE_H

#include <pklbrowse/app.h>
#include <pklbrowse/codec.h>
#include <pklbrowse/digest.h>

/* --- app.c ------------------------------------------------------------------------------------ */

struct app {
    struct app_options options;
    struct aws_customer_key customer; /* of --sse-c-key; key "": none */
    struct loop *loop;
    struct app_aws *aws, *first_aws; /* the one chosen; all, that of the start first */
    struct app_aws *asking;          /* whose question is open, or NULL */
    aws_ask_fn ask;                  /* of app_on_ask() */
    void *ask_ctx;
    struct app_aws *offering; /* whose command is offered, or NULL */
    aws_outside_fn offer;     /* of app_on_outside() */
    void *offer_ctx;
    struct store *local;
    struct app_azure *azure;         /* at first use */
    struct app_google *google;       /* at first use */
    struct archive_folder *archives; /* the newest first */
    struct history *history;
    struct demo *demo;
    struct { /* patterns */
        char **data;
        size_t len, cap;
    } protected;
    struct { /* each allocated, since those that ask for them remember where they are */
        struct app_place_row **data;
        size_t len, cap;
    } places;
    struct app_profiles *place_profiles; /* whose choices the places have */
};
void app_protect_nothing(struct app *a);
enum pb_err app_history(struct app *a, struct history **out, struct error *e) PB_CHECK;
enum pb_err app_store(struct app *a, enum loc_scheme scheme, struct store **out,
                      struct error *e) PB_CHECK;

/* --- aws.c ------------------------------------------------------------------------------------ */
struct app_aws;
enum pb_err app_aws_init(struct app *a, struct error *e) PB_CHECK;
void app_aws_free(struct app *a);
enum pb_err app_setup(struct app *a, const struct aws_setup **out, struct error *e) PB_CHECK;
/* NULL: nobody signs anything. */
enum pb_err app_session(struct app *a, struct aws_session **out, struct error *e) PB_CHECK;
enum pb_err app_s3_store(struct app *a, struct store **out, struct error *e) PB_CHECK;
/* Environment or files say where, or who one is. */
bool app_aws_likely(struct app *a);
/* The client of the other stores. */
enum pb_err app_http(struct app *a, struct http **out, struct error *e) PB_CHECK;

/* One for itself, with a session that asks no person for anything. */
enum pb_err app_aws_apart(struct app *a, const struct app_choice *c, struct app_aws **out,
                          struct error *e) PB_CHECK;
void app_aws_apart_free(struct app_aws *w); /* NULL is fine */
const struct aws_setup *app_aws_setup(const struct app_aws *w);
struct aws_session *app_aws_session(const struct app_aws *w); /* NULL: anonymous */
const char *app_aws_source(const struct app_aws *w);          /* aws_session_source() */

/* --- whoami.c --------------------------------------------------------------------------------- */
/* As app_whoami_start(), of somebody who need not be the one that counts; asks no person, and runs
 * no command of hers. */
enum pb_err app_whoami_apart(struct app *a, const struct app_choice *c, app_whoami_fn done,
                             void *ctx, struct app_whoami **out, struct error *e) PB_CHECK;

/* --- google.c --------------------------------------------------------------------------------- */
struct app_google;
enum pb_err app_google_setup(struct app *a, const struct google_setup **out,
                             struct error *e) PB_CHECK;
enum pb_err app_google_store(struct app *a, struct store **out, struct error *e) PB_CHECK;
void app_google_describe(struct app *a, struct buf *out);
void app_google_free(struct app *a);

/* --- azure.c ---------------------------------------------------------------------------------- */
void app_azure_free(struct app *a);
/* Asks nobody. */
enum pb_err app_azure_setup(struct app *a, const struct azure_setup **out,
                            struct error *e) PB_CHECK;
enum pb_err app_azure_store(struct app *a, struct store **out, struct error *e) PB_CHECK;
/* "key", "token": how it is known who one is. */
const char *app_azure_kind(const struct azure_setup *s);
void app_azure_describe(struct app *a, const struct location *loc, struct buf *out);

/* --- places.c --------------------------------------------------------------------------------- */
enum pb_err app_find_places(struct app *a, struct error *e) PB_CHECK;
void app_release_places(struct app *a);

/* --- place_who.c ------------------------------------------------------------------------------ */
struct place_who;
struct app_place_row {
    struct app_place pub;
    char *title;           /* owned */
    struct place_who *who; /* NULL: nobody was asked yet */
};
void place_who_free(struct place_who *w); /* also stops it; NULL is fine */

/* --- demo.c ----------------------------------------------------------------------------------- */
struct demo;
/* Copies the sample buckets into a new folder of ours. */
enum pb_err demo_new(struct demo **out, struct error *e) PB_CHECK;
void demo_free(struct demo *d);                /* removes it; NULL is fine */
const char *demo_folder(const struct demo *d); /* absolute, '/' at its end */

/* --- location_app.c --------------------------------------------------------------------------- */
/* An absolute path, "//" and "/./" collapsed, of what was typed. */
enum pb_err app_absolute_path(struct buf *out, const char *path, struct error *e) PB_CHECK;
/* An error about a location: "%s: why". */
enum pb_err app_fail(struct error *e, enum pb_err code, const struct location *loc,
                     const char *why);

/* The file itself, to be read where it is; takes over fd, also when it fails. */
enum pb_err app_local_source(const struct location *loc, int fd, struct source **out,
                             struct error *e) PB_CHECK;

/* --- archives.c */
struct archive_folder;
void archives_free(struct archive_folder *f); /* all of them; NULL is fine */

/* --- member.c: LOCATION!/FILE -------------------------------------------------------------------
 */
/* Nothing is at o->spot (o->missing says so): moves it to the next place where it may be a file in
 * an archive.  False: there is none. */
bool member_next(struct app_object *o, struct error *e);

/* --- stdin.c: standard input into a spool -------------------------------------------------------
 */
struct stdin_reader;
/* done(): at the end, or why not; the reader is still to be freed. */
enum pb_err stdin_reader_start(struct loop *l, struct source *spool,
                               void (*done)(void *ctx, const struct error *e), void *ctx,
                               struct stdin_reader **out, struct error *e) PB_CHECK;
void stdin_reader_free(struct stdin_reader *r); /* NULL is fine */

/* --- unwrap.c: from stored bytes to the pickle in them, and back --------------------------------
 */
struct unwrap;
/* stored (outlives it) may still be arriving; member (borrowed): a file of an archive, or NULL;
 * limit: of bytes that may come out of a layer, 0: the usual. */
enum pb_err unwrap_new(struct source *stored, const char *member, size_t n, uint64_t limit,
                       struct unwrap **out, struct error *e) PB_CHECK;
void unwrap_free(struct unwrap *u); /* NULL is fine; also of what it gave */
/* A little work.  PB_EAGAIN: more must arrive.  Bytes that are no such stream end it like all that
 * it holds: unwrap_error() says so. */
enum pb_err unwrap_step(struct unwrap *u, bool *done, struct error *e) PB_CHECK;
enum pb_err unwrap_error(const struct unwrap *u, struct error *e);
struct source *unwrap_plain(const struct unwrap *u); /* NULL: it is not known yet where it is */
bool unwrap_any(const struct unwrap *u);             /* there is a layer, as far as is known */
/* It has an archive in it, whose bytes are in *stored; false: it has none. */
bool unwrap_archive(const struct unwrap *u, struct source **stored, enum codec_kind *kind);
bool unwrap_unclear(const struct unwrap *u);   /* an archive of several files, none of them named */
uint64_t unwrap_taken(const struct unwrap *u); /* stored bytes that the first layer has read */
void unwrap_name(const struct unwrap *u, struct buf *out); /* "gzip", "tar in gzip" */
/* Why nothing can be written back through it, once it is done; NULL: it can. */
/* Streams that followed each other come out as one when it is written again. */
bool unwrap_joins(const struct unwrap *u);
const char *unwrap_fixed(const struct unwrap *u);

/* plain (outlives it) in all that `was` is: written again, read again, compared. */
struct rewrap;
enum pb_err rewrap_new(struct unwrap *was, struct source *stored, struct source *plain,
                       struct rewrap **out, struct error *e) PB_CHECK;
void rewrap_free(struct rewrap *r); /* NULL is fine; also of the result */
enum pb_err rewrap_step(struct rewrap *r, bool *done, struct error *e) PB_CHECK;
struct source *rewrap_result(const struct rewrap *r);
uint64_t rewrap_untouched(const struct rewrap *r); /* so many bytes begin like `stored` */
void rewrap_progress(const struct rewrap *r, uint64_t *done, uint64_t *total);

/* --- open.c ----------------------------------------------------------------------------------- */
struct index_job {
    struct job job;
    struct app_object *o;
    bool scanned; /* all of the document */
};
struct app_object {
    struct app *app;
    struct location loc;
    struct location at; /* of what is stored: without the file in an archive that loc may name */
    struct arena mem;   /* strings of spot */
    struct app_spot spot;
    const char *version_id; /* in mem; NULL: the newest */
    const char *member;     /* in mem; a file of the archive that the spot is, or NULL */
    size_t member_len;
    bool fixed; /* only to be looked at */
    void (*changed)(void *ctx, struct app_object *o);
    void *ctx;

    enum app_state state;
    struct error error;
    struct error missing;       /* why there is no such object: it may be in an archive */
    struct store_object info;   /* identity: of what the store holds as far as we know */
    struct store_op *op;        /* HEAD or read */
    struct source *source;      /* the bytes as opened */
    bool arrived;               /* all of them */
    struct stdin_reader *input; /* in place of op for "-" */
    unsigned rereads;           /* changed between HEAD and read: begun again */
    struct unwrap *unwrap;      /* of source */
    struct pkl_doc *doc;        /* of what is in it; NULL until that is known */
    struct index_job index;
    bool indexing; /* the loop has the job */
    struct pkl_edit *edit;

    struct store_op *details_op;
    struct http_headers details; /* of app_object_details() */
    bool details_asked, details_here;

    struct watch *watch;  /* of a local file, or NULL */
    const char *outdated; /* app_object_outdated() */

    struct review *reviewing; /* under way */
    struct review *stored;    /* the last one saved in place: what the store holds; or NULL */
    struct save *save;
    struct merge *merge;
};
/* app_object_open() as it is now, whatever the options say. */
enum pb_err app_object_open_now(struct app *a, const struct location *loc,
                                void (*changed)(void *ctx, struct app_object *o), void *ctx,
                                struct app_object **out, struct error *e) PB_CHECK;
/* The bytes that the store holds, as far as we know. */
struct source *app_object_stored(struct app_object *o);

/* --- watch.c */
void watch_start(struct app_object *o, int file); /* of a file that was just opened */
void watch_saved(struct app_object *o);           /* what is there now is what we wrote */
void watch_free(struct watch *w);                 /* NULL is fine */

/* --- details.c */
void details_forget(struct app_object *o); /* stops it */

/* --- review.c --------------------------------------------------------------------------------- */
/* A review is held by who asked for it and, once saved in place, by its object as well. */
struct review {
    struct job job;            /* first: plans, then verifies */
    struct job *plan, *verify; /* the one under way */
    struct app_review pub;
    struct source *plain;  /* the edited pickle; pub.result, when nothing is wrapped around it */
    struct rewrap *rewrap; /* else whose result that is */
    struct review *same;   /* or that of an earlier save: nothing was changed since */
    bool planned;
    unsigned refs;
    struct app_object *object; /* NULL once it is done */
    app_review_fn done;
    void *ctx;
};
struct review *review_of(struct app_review *r);
void review_ref(struct review *r);
void review_unref(struct review *r); /* NULL is fine */

/* --- unchanged.c ------------------------------------------------------------------------------ */
/* Where bytes of the result stand in what the store holds: the original, or (not NULL) the result
 * of an earlier save of the same original.  *out: free() it. */
enum pb_err unchanged_ranges(const struct pkl_splice *now, const struct pkl_splice *saved,
                             struct store_range **out, size_t *count, struct error *e) PB_CHECK;
/* The same where only the first `len` bytes do. */
enum pb_err unchanged_prefix(uint64_t len, struct store_range **out, size_t *count,
                             struct error *e) PB_CHECK;
/* How many bytes of the result two saves have in common with the original, in whatever order. */
enum pb_err unchanged_bytes(const struct pkl_splice *now, const struct pkl_splice *saved,
                            uint64_t *out, struct error *e) PB_CHECK;

/* --- keep.c ------------------------------------------------------------------------------------
 */
/* done: the file that holds the bytes, NULL when they were too many (HISTORY_BYTES_MAX); it lives
 * until keep_free().  `old` outlives it. */
struct keep;
typedef void (*keep_fn)(void *ctx, const char *file, const struct error *e);
enum pb_err keep_start(struct app *a, const struct location *loc, const struct store_object *was,
                       struct source *old, keep_fn done, void *ctx, struct keep **out,
                       struct error *e) PB_CHECK;
void keep_free(struct keep *k); /* stops it; NULL is fine */

/* --- replace.c: what is about to be written over is kept first ----------------------------------
 */
/* Finds out what stands at a place and keeps its bytes.  done: there says what (NULL: nothing),
 * kept the file that holds its bytes now (NULL: too many); both live until replace_free().
 * version_id: of that version (borrowed); NULL: of what is there. */
struct replace;
typedef void (*replace_fn)(void *ctx, const struct store_object *there, const char *kept,
                           const struct error *e);
enum replace_how {
    REPLACE_ANY,
    REPLACE_NOTHING, /* PB_EEXIST when something is there */
    REPLACE_SMALL    /* what is too large to be kept is not even read: there is no record of it */
};
enum pb_err replace_start(struct app *a, const struct location *loc, const struct app_spot *spot,
                          const char *version_id, enum replace_how how, replace_fn done, void *ctx,
                          struct replace **out, struct error *e) PB_CHECK;
void replace_free(struct replace *r); /* stops it; NULL is fine */
/* Whose properties (content type, metadata, mode) what is written gets: those of the object that it
 * comes from when that lives in a store of the same kind, else of what was there; NULL: neither. */
const struct store_object *replace_keep(enum loc_scheme from_scheme,
                                        const struct store_object *from, enum loc_scheme to_scheme,
                                        const struct store_object *there);

/* --- compare.c: what differs between two documents, as a job ------------------------------------
 */
struct comparer;
enum pb_err comparer_new(struct pkl_view *was, struct pkl_view *now, struct comparer **out,
                         struct error *e) PB_CHECK;
void comparer_free(struct comparer *c); /* NULL is fine */
struct job *comparer_job(struct comparer *c);
const struct app_difference *comparer_found(const struct comparer *c, size_t *kept,
                                            uint64_t *total);
void difference_release(struct app_difference *d);

/* --- save.c, merge.c -------------------------------------------------------------------------- */
void save_free(struct save *s);   /* without calling done; NULL is fine */
void merge_free(struct merge *m); /* without calling done; NULL is fine */
/* Of the repr(): equal for what Python shows alike. */
enum pb_err app_value_digest(struct pkl_view *v, const struct pkl_node *node,
                             uint8_t out[SHA256_LEN], struct error *e) PB_CHECK;

#endif
