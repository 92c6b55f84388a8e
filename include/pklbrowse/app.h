/* floor 6: app */
/*
 * What a person asks for, without a screen and without argv: places, opening an object, saving it.
 *
 * The screen and the batch commands call exactly this.  Operations start here and report through
 * callbacks from the loop.  `struct app` owns the loop, the HTTP client, the stores and the
 * history; objects belong to whoever opened them until app_object_close.
 */
#ifndef PKLBROWSE_APP_H
#define PKLBROWSE_APP_H

#include <pklbrowse/pkl_audit.h>
#include <pklbrowse/pkl_edit.h>
#include <pklbrowse/pkl_path.h>
#include <pklbrowse/pkl_splice.h>
#include <pklbrowse/store.h>

struct app_options { /* from the command line; strings are borrowed for the life of the app */
    struct aws_options aws;
    bool demo;
    bool read_only;
    bool insecure;
    bool request_payer;
    bool screen; /* a person waits: local folders that hang must not */
    const char *version_id;
    const char *project;   /* Google's */
    const char *sse_c_key; /* file of a key that objects are encrypted with, or NULL */
    uint64_t decode_limit; /* bytes that may come out of a compression; 0: as CODEC_LIMIT says */
    uint64_t big; /* objects above this many bytes are fetched only when asked for; 0: APP_BIG */
};
#define APP_BIG (64u * 1024u * 1024u)

struct app;
enum pb_err app_new(const struct app_options *o, struct app **out, struct error *e) PB_CHECK;
void app_free(struct app *a); /* removes the demo copy */

struct loop *app_loop(struct app *a);
/* Locations that match the pattern (as of a shell; * also takes '/') are not written to, by nobody:
 * PB_EREADONLY. */
enum pb_err app_protect(struct app *a, const char *pattern, struct error *e) PB_CHECK;
bool app_protected(const struct app *a, const struct location *where);
enum pb_err app_check_protected(const struct app *a, const struct location *where,
                                struct error *e) PB_CHECK;
const struct app_options *app_get_options(const struct app *a);
/* "prod · us-west-2 · read-write" for the title line of a location's store; safe to draw. */
void app_describe(struct app *a, const struct location *loc, struct buf *out);

/* Who am I: done() comes once.  With e, who still says what is known (credentials: NULL when there
 * are none; identity NULL: nobody says).  Everything in it is valid during the call. */
struct app_who {
    const struct aws_setup *setup;
    const struct aws_credentials *credentials; /* their secrets are not to be shown */
    const struct aws_identity *identity;
};
typedef void (*app_whoami_fn)(void *ctx, const struct app_who *who, const struct error *e);
struct app_whoami;
enum pb_err app_whoami_start(struct app *a, app_whoami_fn done, void *ctx, struct app_whoami **out,
                             struct error *e) PB_CHECK;
void app_whoami_free(struct app_whoami *w); /* also stops it; NULL is fine */
/* The same of Google: account, project NULL: not known; expires 0: not said. */
struct app_google_who {
    const struct google_setup *setup;
    const char *account, *project;
    int64_t expires;
    bool anonymous; /* as it turned out */
};
typedef void (*app_google_who_fn)(void *ctx, const struct app_google_who *who,
                                  const struct error *e);
struct app_google_whoami;
enum pb_err app_google_whoami_start(struct app *a, app_google_who_fn done, void *ctx,
                                    struct app_google_whoami **out, struct error *e) PB_CHECK;
void app_google_whoami_free(struct app_google_whoami *w); /* also stops it; NULL is fine */
/* The same of Azure: token NULL: there is none, or none is needed. */
struct app_azure_who {
    const struct azure_setup *setup;
    const struct azure_token *token; /* its text is not to be shown */
};
typedef void (*app_azure_who_fn)(void *ctx, const struct app_azure_who *who, const struct error *e);
struct app_azure_whoami;
enum pb_err app_azure_whoami_start(struct app *a, app_azure_who_fn done, void *ctx,
                                   struct app_azure_whoami **out, struct error *e) PB_CHECK;
void app_azure_whoami_free(struct app_azure_whoami *w); /* also stops it; NULL is fine */
/* Whom to ask for a code that only the person knows (aws_session_on_ask), and her answer. */
void app_on_ask(struct app *a, aws_ask_fn ask, void *ctx);
void app_answer(struct app *a, const char *answer);
/* Whom to offer a command to that only helps at a terminal (aws_session_on_outside). */
void app_on_outside(struct app *a, aws_outside_fn offer, void *ctx);
void app_outside_done(struct app *a, bool ok, struct buf *out);

/* Who to be on S3, and through which endpoint, as if asked for on the command line beside what was.
 * All NULL: as it was started.  Strings are borrowed. */
struct app_choice {
    const char *profile, *endpoint;
    bool anonymous;
};
struct app_profile {
    struct app_choice choice; /* lives as long as the list */
    const struct aws_setup *setup;
    const char *source; /* of credentials, as the aws command line calls it; NULL: none */
    const char *wrong;  /* why it cannot be chosen, or NULL */
    bool current;
};
/* As started, every profile of the files as they are now, anonymous.  Asks nobody. */
struct app_profiles;
enum pb_err app_profiles_load(struct app *a, struct app_profiles **out, struct error *e) PB_CHECK;
void app_profiles_free(struct app_profiles *p); /* NULL is fine */
size_t app_profiles_count(const struct app_profiles *p);
const struct app_profile *app_profiles_row(const struct app_profiles *p, size_t i);
/* From now on; what runs ends as it began.  An object that is open stays with whom it was opened
 * with until app_object_follow(), which is right when the server is the same one. */
enum pb_err app_choose(struct app *a, const struct app_choice *c, struct error *e) PB_CHECK;
enum pb_err app_choice_same_server(struct app *a, const struct app_choice *c, bool *same,
                                   struct error *e) PB_CHECK;
struct app_choice app_chosen(const struct app *a); /* lives as long as the app */

/* With no LOCATION: the demo store if asked for, the current folder, S3 as who one is there and as
 * every other profile, Google, Azure. */
enum app_place_state {
    APP_PLACE_UNASKED,
    APP_PLACE_ASKING,
    APP_PLACE_LATE,  /* no answer for APP_PLACE_SECONDS; one that comes is still taken */
    APP_PLACE_KNOWN, /* who says what authenticates there */
    APP_PLACE_WRONG  /* who says why nothing does */
};
#define APP_PLACE_SECONDS 4
struct app_place {
    /* "demo", "folder /home/u/models", "s3  http://127.0.0.1:7480 (profile prod)": safe to draw */
    const char *title;
    struct location where;
    const struct app_choice *choice; /* who to be there; NULL: as who one is */
    enum app_place_state state;
    const char *who; /* safe to draw, "" while it is not known */
};
size_t app_places(struct app *a);
const struct app_place *app_place(struct app *a, size_t i);
/* What authenticates there is asked for, beside everything else and the other places; changed()
 * comes whenever more is known.  Once it was asked there is nothing more to do. */
void app_place_ask(struct app *a, size_t i, void (*changed)(void *ctx), void *ctx);
/* Environment and files as they are now; nobody was asked. */
enum pb_err app_places_again(struct app *a, struct error *e) PB_CHECK;

/* The store a location lives in (made at first use, owned by the app) and its coordinates there.
 * For a local path the container is "/" and the key the absolute path without its leading '/'.  The
 * strings live as long as `mem`. */
struct app_spot {
    struct store *store;
    const char *container; /* NULL: the list of containers */
    const char *key;       /* key, or prefix when it is empty or ends in '/' */
    size_t key_len;
};
enum pb_err app_resolve(struct app *a, const struct location *loc, struct arena *mem,
                        struct app_spot *out, struct error *e) PB_CHECK;
/* The same for what is to be listed, which may be an archive (app_object_list_files). */
enum pb_err app_resolve_folder(struct app *a, const struct location *loc, struct arena *mem,
                               struct app_spot *out, struct error *e) PB_CHECK;
/* The location of a row of a listing under `parent`, and of the level above (false: there is none).
 */
enum pb_err app_child_location(const struct location *parent, enum store_kind kind,
                               const char *name, size_t len, struct location *out,
                               struct error *e) PB_CHECK;
bool app_parent_location(const struct location *loc, struct location *out);
/* The same location, a local one made absolute. */
enum pb_err app_absolute_location(struct location *out, const struct location *loc,
                                  struct error *e) PB_CHECK;
/* With a '/' at its end. */
enum pb_err app_as_folder(struct location *out, const struct location *loc,
                          struct error *e) PB_CHECK;
/* The same location, a local one made absolute and with a '/' at its end when a folder is there. */
enum pb_err app_canonical_location(const struct location *loc, struct location *out,
                                   struct error *e) PB_CHECK;
/* The same for the screen, which must not wait: done() comes once, later, and may free the look. */
struct app_look;
typedef void (*app_look_fn)(void *ctx, const struct location *where, bool folder);
enum pb_err app_look_start(struct app *a, const struct location *loc, app_look_fn done, void *ctx,
                           struct app_look **out, struct error *e) PB_CHECK;
void app_look_free(struct app_look *k); /* also stops it; NULL is fine */
/* Names a place to list (a container, a prefix, a folder), not an object. */
bool app_location_is_folder(const struct location *loc);
/* As typed, safe to draw and to print. */
void app_show_location(struct buf *out, const struct location *loc);

/* --- opening ---------------------------------------------------------------------------------- */
enum app_state {
    APP_HEAD,     /* asking what it is */
    APP_BIG_ASK,  /* bigger than options.big: waits for app_object_fetch */
    APP_FETCHING, /* bytes are arriving; the index follows them */
    APP_INDEXING, /* all bytes are here */
    APP_READY,    /* a pickle: view, edit */
    APP_BROKEN,   /* a pickle that breaks: browsable up to the break, read only; error says where */
    APP_NOT_PICKLE, /* its properties can be shown */
    APP_FAILED      /* error says why */
};
struct app_object;
enum pb_err app_object_open(struct app *a, const struct location *loc,
                            void (*changed)(void *ctx, struct app_object *o), void *ctx,
                            struct app_object **out, struct error *e) PB_CHECK;
/* One version of it (NULL: as it is now), only to be looked at. */
enum pb_err app_object_look(struct app *a, const struct location *loc, const char *version_id,
                            void (*changed)(void *ctx, struct app_object *o), void *ctx,
                            struct app_object **out, struct error *e) PB_CHECK;
void app_object_fetch(struct app_object *o);  /* APP_BIG_ASK: yes */
void app_object_follow(struct app_object *o); /* app_choose() */
/* Stops what runs; the state becomes APP_FAILED with PB_ECANCELED (changed() is called later). */
void app_object_cancel(struct app_object *o);
void app_object_close(struct app_object *o); /* NULL is fine */
/* A local file that somebody else changed or removed while it was open: "changed", "removed" (not
 * translated), else NULL.  changed() is called when that is noticed. */
const char *app_object_outdated(const struct app_object *o);
void app_object_glance(struct app_object *o); /* the person came back to it: look whether it is */

enum app_state app_object_state(const struct app_object *o);
/* Of APP_FAILED, APP_BROKEN, APP_NOT_PICKLE. */
const struct error *app_object_error(const struct app_object *o);
const struct location *app_object_location(const struct app_object *o);
/* Identity and properties, from APP_BIG_ASK on. */
const struct store_object *app_object_info(const struct app_object *o);
/* Tags, who may do what: asked for when first looked at, and changed() is called when they are
 * here.  NULL: not here yet, or there are none. */
const struct http_headers *app_object_details(struct app_object *o);
void app_object_progress(const struct app_object *o, struct http_progress *out);
/* What is wrapped around the pickle: "gzip", "tar in xz"; appends nothing when nothing is. */
void app_object_wrapping(const struct app_object *o, struct buf *out);
/* Why an object that is ready cannot be written again although nobody asked for that; or NULL. */
const char *app_object_fixed(const struct app_object *o);
/* APP_NOT_PICKLE, because it is an archive of several files. */
bool app_object_is_folder(const struct app_object *o);
/* An archive's files can be listed from now on, at *out ("...!/"; location_release() it); *count
 * (may be NULL): how many.  PB_ENOTFOUND: it is none, or one of its files was opened by name. */
enum pb_err app_object_list_files(struct app_object *o, struct location *out, size_t *count,
                                  struct error *e) PB_CHECK;
/* Is it a folder of an archive whose files were not listed yet, as far as its name says?  *front:
 * how many bytes of the key are that archive's. */
bool app_maybe_archive(const struct app *a, const struct location *loc, size_t *front);
struct pkl_doc *app_object_doc(struct app_object *o); /* APP_READY, APP_BROKEN */
/* The same, and of APP_NOT_PICKLE what was read until that was known. */
struct pkl_doc *app_object_opcodes(struct app_object *o);
struct pkl_edit *app_object_edit(struct app_object *o); /* APP_READY and not read only; else NULL */
struct pkl_view *app_object_view(struct app_object *o); /* the edited view, or the document's */

/* Where a change is, by its place in the document as it was opened. */
enum pb_err app_change_path(struct app_object *o, const struct pkl_change *change,
                            enum path_form form, struct buf *out, struct error *e) PB_CHECK;

/* --- saving ----------------------------------------------------------------------------------- */
/* Plans and verifies (a job).  done: e is NULL and *r says what a save would write; r lives until
 * the review is released or the object edited. */
#define APP_NOTES_MAX 3
struct app_review {
    struct pkl_splice splice;
    struct source *result;                               /* what will be stored */
    uint64_t size_before, size_after, untouched;         /* of what is stored */
    uint64_t plain_before, plain_after, plain_untouched; /* of the pickle in it */
    bool nothing;                                        /* no change: nothing will be written */
    const char *sends_all; /* why even so much that is untouched is sent again; NULL: it is not */
    const char *notes[APP_NOTES_MAX]; /* what becomes otherwise by it, translated; NULL: no more */
};
typedef void (*app_review_fn)(void *ctx, struct app_review *r, const struct error *e);
enum pb_err app_review_start(struct app_object *o, app_review_fn done, void *ctx,
                             struct error *e) PB_CHECK;
void app_review_release(struct app_review *r); /* NULL is fine */
void app_review_cancel(struct app_object *o);  /* done() of the review under way is not called */
/* Bytes verified, and in all, of the review under way; 0 and 0 without one. */
void app_review_progress(const struct app_object *o, uint64_t *done, uint64_t *total);
void app_save_progress(const struct app_object *o, struct http_progress *out);

enum app_outcome {
    APP_SAVED,
    APP_SAVED_UNCHECKED, /* the server checks no conditions: held against a HEAD before and after */
    APP_NOTHING,         /* no change, nothing written */
    APP_CONFLICT,        /* changed by someone else; nothing was written; error says so */
    APP_NOT_SAVED        /* error says why; edits are kept */
};
struct app_saved {
    enum app_outcome outcome;
    const struct store_identity *now;  /* of what was written, else NULL */
    const struct store_object *theirs; /* APP_CONFLICT: what is there; NULL: nothing is any more */
    const char *kept;                  /* file that holds the old bytes, or NULL */
    bool not_kept; /* something was replaced whose bytes were too many to keep */
};
typedef void (*app_saved_fn)(void *ctx, const struct app_saved *s, const struct error *e);
/* Keeps the old bytes, writes r->result (from a review of this object), reads the identity again.
 * where: NULL saves in place; else a new object (PB_EEXIST when one is there, unless overwrite).
 * overwrite: the person chose to write over theirs, whose bytes are then kept.  After APP_SAVED in
 * place the object continues from what was written: the mark in its undo log is moved.  The review
 * may be released in done() or later. */
enum pb_err app_save_start(struct app_object *o, struct app_review *r, const struct location *where,
                           bool overwrite, app_saved_fn done, void *ctx, struct error *e) PB_CHECK;
/* What was sent may have arrived: done() says APP_NOT_SAVED with why. */
void app_save_cancel(struct app_object *o);

/* Somebody else was faster.  Reads the object as it is now (kept for app_merge_start) and says what
 * they changed since `mine` was read or saved, what mine changes, and where the two meet: what
 * stands there now is neither what I changed nor what I changed it to, or nobody can tell which
 * item was meant.  Previews and paths (Python form) are safe to draw. */
struct app_difference {
    char *path;
    char *was, *now; /* NULL: nothing */
};
struct app_clash {
    char *path, *was, *mine, *theirs; /* all but path NULL: nothing stands there */
    char *why;                        /* "was changed by both" */
};
struct app_comparison {
    const struct app_difference *theirs, *mine;
    size_t their_count, mine_count; /* that are told in words */
    uint64_t their_total, mine_total;
    const struct app_clash *clashes;
    size_t clash_count;
};
typedef void (*app_compared_fn)(void *ctx, const struct app_comparison *c, const struct error *e);
/* e: it could not be compared (gone, no pickle any more).  The comparison lives until the merge is
 * started or cancelled. */
enum pb_err app_compare_start(struct app_object *mine, app_compared_fn done, void *ctx,
                              struct error *e) PB_CHECK;
/* "[ Put my changes on theirs ]": applies the edits of `mine` by path to the object as it is now
 * (read again unless it was just compared), refused (PB_ECHANGED) when there is a clash.  done gets
 * a new, ready object; `mine` stays as it is. */
typedef void (*app_merged_fn)(void *ctx, struct app_object *merged, const struct error *e);
enum pb_err app_merge_start(struct app_object *mine, app_merged_fn done, void *ctx,
                            struct error *e) PB_CHECK;
void app_merge_cancel(struct app_object *mine); /* done() of either is not called */

/* --- edits that outlive the program --------------------------------------------------------------
 */
/* Writes what is unsaved (path, digest of what stood there, literal) to a private file of the state
 * directory; nothing when nothing is.  One change that has no literal form does not cost the
 * others: the error is then about that one. */
enum pb_err app_rescue_keep(struct app_object *o, struct error *e) PB_CHECK;
/* What was kept of this object last, or NULL. */
struct app_rescue {
    int64_t when;
    size_t count;       /* changes */
    bool other_version; /* the object is not the one they were made to */
};
enum pb_err app_rescue_find(struct app_object *o, struct app_rescue **out,
                            struct error *e) PB_CHECK;
/* Makes the changes again, as one step of undo, each where what it replaced still stands.  Returns
 * how many could not be made; *e says why the first of them. */
size_t app_rescue_apply(struct app_object *o, const struct app_rescue *r, struct error *e);
void app_rescue_forget(const struct app_rescue *r); /* its file is removed */
void app_rescue_free(struct app_rescue *r);         /* NULL is fine */

/* --- the audit in words (safe to draw)
 * ------------------------------------------------------------
 */
void app_audit_name(struct buf *out, const struct pkl_audit_row *r); /* "os.system" */
void app_audit_uses(struct buf *out, const struct pkl_audit_row *r); /* "called 2 times, changed" */
/* ".a of a pickle in base64 at .b"; path NULL: it is in no part of the value. */
void app_audit_place(struct buf *out, const struct pkl_audit *a, const char *path, size_t pickle);

/* What was replaced or removed and is kept (history_each); where NULL: of every object. */
enum pb_err app_history_each(struct app *a, const struct location *where, history_fn fn, void *ctx,
                             struct error *e) PB_CHECK;

/* Objects below a place, counted page by page beside everything else; changed() after each and at
 * the end, which is when it is no longer running. */
enum app_age {
    APP_AGE_DAY, /* changed less than a day ago */
    APP_AGE_WEEK,
    APP_AGE_MONTH, /* 30 days */
    APP_AGE_YEAR,
    APP_AGE_OLDER,
    APP_AGE_UNKNOWN
};
#define APP_AGES 6
struct app_sum {
    uint64_t objects, bytes;
};
struct app_tally_class {
    const char *name; /* as the store gives it; "": not said */
    struct app_sum sum;
};
struct app_tally {
    struct app_sum all, ages[APP_AGES];
    const struct app_tally_class *classes;
    size_t class_count;
    bool running, stopped, failed; /* failed: error; what was counted stays */
    struct error error;
};
struct app_count;
enum pb_err app_count_start(struct app *a, const struct location *where, void (*changed)(void *ctx),
                            void *ctx, struct app_count **out, struct error *e) PB_CHECK;
void app_count_stop(struct app_count *c); /* what was counted stays */
const struct app_tally *app_count_tally(const struct app_count *c);
const struct location *app_count_location(const struct app_count *c);
void app_count_free(struct app_count *c); /* NULL is fine */

/* Asks for an archived object to be made readable (store.h: thaw).  done() comes once. */
typedef void (*app_thaw_fn)(void *ctx, bool readable, const struct error *e);
struct app_thaw;
enum pb_err app_thaw_start(struct app *a, const struct location *loc, const char *version_id,
                           unsigned days, enum store_thaw_tier tier, app_thaw_fn done, void *ctx,
                           struct app_thaw **out, struct error *e) PB_CHECK;
void app_thaw_free(struct app_thaw *t); /* also stops it; NULL is fine */

/* Other addresses of an object, by name (store.h: links); those that hold secrets say so.  done()
 * comes once; PB_EUNSUPPORTED: its store has none. */
typedef void (*app_links_fn)(void *ctx, const struct http_headers *rows, const struct error *e);
struct app_links;
enum pb_err app_links_start(struct app *a, const struct location *loc, const char *version_id,
                            app_links_fn done, void *ctx, struct app_links **out,
                            struct error *e) PB_CHECK;
void app_links_free(struct app_links *l); /* also stops it; NULL is fine */

/* --- versions ------------------------------------------------------------------------------- */
/* Versions of an object: those that the store has, newest first, then the bytes that were kept here
 * (of a store without versions: the object that is there, then those).  Of a place to list: the
 * delete markers of the keys in it that are deleted.  changed(ctx) is called when rows came, and
 * when all are there. */
struct app_version {
    const char *name; /* in the container; NULL: that of the object */
    size_t name_len;
    const char *version_id, *etag, *storage_class; /* NULL: none */
    const char *file;                              /* that holds the bytes kept here; else NULL */
    uint64_t size;
    int64_t when;     /* it was written; 0: not known */
    int64_t replaced; /* of what is kept here */
    bool in_store, latest, deleted;
};
struct app_versions;
enum pb_err app_versions_start(struct app *a, const struct location *loc,
                               void (*changed)(void *ctx), void *ctx, struct app_versions **out,
                               struct error *e) PB_CHECK;
const struct location *app_versions_of(const struct app_versions *v);
size_t app_versions_count(const struct app_versions *v);
const struct app_version *app_versions_row(const struct app_versions *v, size_t i); /* or NULL */
bool app_versions_loading(const struct app_versions *v);
bool app_versions_limited(const struct app_versions *v); /* there are more than anyone looks at */
const struct error *app_versions_error(const struct app_versions *v); /* NULL: none */
/* Where its bytes are: with its version_id, they are those of exactly this version. */
enum pb_err app_version_place(const struct app_versions *v, const struct app_version *row,
                              struct location *where, struct error *e) PB_CHECK;
void app_versions_free(struct app_versions *v); /* NULL is fine */

/* What differs between two versions of a pickle.  done() comes once; what it is given lives until
 * app_contrast_free(). */
struct app_version_at {
    const struct location *where;
    const char *version_id;
};
typedef void (*app_contrasted_fn)(void *ctx, const struct app_difference *d, size_t count,
                                  uint64_t total, const struct error *e);
struct app_contrast;
enum pb_err app_contrast_start(struct app *a, const struct app_version_at *was,
                               const struct app_version_at *now, app_contrasted_fn done, void *ctx,
                               struct app_contrast **out, struct error *e) PB_CHECK;
void app_contrast_progress(const struct app_contrast *c, struct http_progress *out);
void app_contrast_free(struct app_contrast *c); /* also stops it; NULL is fine */

/* --- whole objects ---------------------------------------------------------------------------- */
/* Copies the bytes of `from` over `to`, which is replaced (its old bytes are kept) or made; with
 * `to` "-" they go into *out, whose PB_EAGAIN means: offer the same again a little later.
 * Properties go along between stores of the same kind; else those of what was there stay. */
struct app_copy;
struct app_copied {
    uint64_t size;
    const struct store_identity *now;
    const char *kept; /* file that holds the bytes that were there, or NULL */
    bool not_kept;    /* something was there whose bytes were too many to keep */
    bool unchecked;
    const char *lost; /* what of its properties could not be carried over, in words; or NULL */
};
typedef void (*app_copied_fn)(void *ctx, const struct app_copied *c, const struct error *e);
enum pb_err app_copy_start(struct app *a, const struct location *from, const struct location *to,
                           const struct sink *out, app_copied_fn done, void *ctx,
                           struct app_copy **copy, struct error *e) PB_CHECK;
/* The same, of one version: so an older one is brought back, as a new version. */
enum pb_err app_copy_version_start(struct app *a, const struct location *from,
                                   const char *version_id, const struct location *to,
                                   app_copied_fn done, void *ctx, struct app_copy **copy,
                                   struct error *e) PB_CHECK;
/* The same, but what is at `to` already is not replaced: PB_EEXIST. */
enum pb_err app_copy_new_start(struct app *a, const struct location *from,
                               const struct location *to, app_copied_fn done, void *ctx,
                               struct app_copy **copy, struct error *e) PB_CHECK;
/* As app_copy_start, and then `from` is removed, if it is still what was copied. */
enum pb_err app_move_start(struct app *a, const struct location *from, const struct location *to,
                           app_copied_fn done, void *ctx, struct app_copy **copy,
                           struct error *e) PB_CHECK;
/* Right after it was started: a new local file gets these permission bits, not those of `from`. */
void app_copy_mode(struct app_copy *c, int mode);
void app_copy_progress(const struct app_copy *c, struct http_progress *out);
/* Also stops it when it still runs: done() is then not called.  NULL is fine. */
void app_copy_free(struct app_copy *c);

/* Removes an object whose bytes are kept first, or one version of it for good (a delete marker,
 * too: the object is then there again). */
struct app_remove;
struct app_removed {
    const char *kept;   /* file that holds the bytes, or NULL */
    bool not_kept;      /* they were too many */
    const char *marker; /* of the delete marker that hides the versions now, or NULL: gone */
};
typedef void (*app_removed_fn)(void *ctx, const struct app_removed *r, const struct error *e);
enum pb_err app_remove_start(struct app *a, const struct location *loc, const char *version_id,
                             app_removed_fn done, void *ctx, struct app_remove **out,
                             struct error *e) PB_CHECK;
void app_remove_free(struct app_remove *r); /* also stops it; NULL is fine */

/* Many objects removed, or copied into a folder where nothing is yet under their names, a few at a
 * time.  One that fails stops no other.  changed(ctx) is called when something moved, at last when
 * it is over; it must not free it. */
struct app_many;
struct app_many_state {
    size_t all, done, failed;
    size_t running;  /* when it was stopped: these may be done or not */
    size_t not_kept; /* removed, but too large for their bytes to be kept */
    uint64_t bytes;
    bool over; /* done + failed == all, or there is no memory to go on */
};
enum pb_err app_many_new(struct app *a, void (*changed)(void *ctx), void *ctx,
                         struct app_many **out, struct error *e) PB_CHECK;
/* name: of its copy in the folder. */
enum pb_err app_many_add(struct app_many *m, const struct location *where, const char *name,
                         size_t len, uint64_t size, struct error *e) PB_CHECK;
/* Another name for the only one. */
enum pb_err app_many_rename(struct app_many *m, const char *name, size_t len,
                            struct error *e) PB_CHECK;
/* to NULL: they are removed. */
enum pb_err app_many_start(struct app_many *m, const struct location *to, struct error *e) PB_CHECK;
void app_many_stop(struct app_many *m); /* at once; changed() is not called any more */
void app_many_state(const struct app_many *m, struct app_many_state *out);
const struct location *app_many_object(const struct app_many *m, size_t i); /* NULL: no such */
/* What became of those that failed, in a line each. */
const char *app_many_failures(const struct app_many *m);
bool app_many_failed(const struct app_many *m, size_t i);
void app_many_free(struct app_many *m); /* also stops it; NULL is fine */

#endif
