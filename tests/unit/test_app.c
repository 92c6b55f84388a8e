/* Opening, reviewing, saving, merging, copying: on local files, through the loop. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <pklbrowse/loop.h>
#include <pklbrowse/pkl_literal.h>
#include <pklbrowse/pkl_repr.h>

#include "app/app_private.h"

#define ROOM 512
#define TURNS_MAX 100000

/* {'a': 1, 'b': 2, 'l': [5, 6]} in protocol 2, written by hand. */
#define DICT "\x80\x02}(X\1\0\0\0aK\1X\1\0\0\0bK\2X\1\0\0\0l](K\5K\6eu."
#define DICT_B3 "\x80\x02}(X\1\0\0\0aK\1X\1\0\0\0bK\3X\1\0\0\0l](K\5K\6eu."
#define DICT_A9 "\x80\x02}(X\1\0\0\0aK\x09X\1\0\0\0bK\2X\1\0\0\0l](K\5K\6eu."
#define DICT_A7 "\x80\x02}(X\1\0\0\0aK\7X\1\0\0\0bK\2X\1\0\0\0l](K\5K\6eu."
#define DICT_LONGER "\x80\x02}(X\1\0\0\0aK\1X\1\0\0\0bK\2X\1\0\0\0l](K\4K\5K\6eu."
#define DICT_C3 "\x80\x02}(X\1\0\0\0aK\1X\1\0\0\0bK\2X\1\0\0\0l](K\5K\6eX\1\0\0\0cK\3u."
#define DICT_NO_A "\x80\x02}(X\1\0\0\0bK\2u."

struct fixture {
    char top[ROOM], file[ROOM];
    struct app *app;
    struct app_options options;
};

/* --- files ------------------------------------------------------------------------------------ */

static const char *name(char out[ROOM], const struct fixture *f, const char *file)
{
    int n = snprintf(out, ROOM, "%s/%s", f->top, file);

    assert_true(n > 0 && n < ROOM);
    return out;
}

/* Writes as an editor does: a new file in place of the old one. */
static void put(const char *file, const void *bytes, size_t n)
{
    char temp[ROOM + 8];
    FILE *out;

    snprintf(temp, sizeof temp, "%s.new", file);
    out = fopen(temp, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(rename(temp, file), 0);
}

static void expect_bytes(const char *file, const void *bytes, size_t n)
{
    char got[4096];
    FILE *in = fopen(file, "rb");

    assert_non_null(in);
    assert_int_equal(fread(got, 1, sizeof got, in), n);
    assert_memory_equal(got, bytes, n);
    fclose(in);
}

#define PUT(file, text) put(file, text, sizeof text - 1)
#define EXPECT(file, text) expect_bytes(file, text, sizeof text - 1)

static void remove_tree(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        char path[2 * ROOM];

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (unlink(path) != 0)
            remove_tree(path);
    }
    closedir(dir);
    rmdir(folder);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char path[ROOM];
    struct error e;

    assert_non_null(f);
    snprintf(f->top, sizeof f->top, "/tmp/pklbrowse-test-app.XXXXXX");
    assert_non_null(mkdtemp(f->top));
    name(f->file, f, "data.pkl");
    setenv("XDG_STATE_HOME", name(path, f, "state"), 1);
    PUT(f->file, DICT);
    assert_int_equal(app_new(&f->options, &f->app, &e), PB_OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    app_free(f->app);
    unsetenv("XDG_STATE_HOME");
    remove_tree(f->top);
    free(f);
    return 0;
}

static void use_options(struct fixture *f, struct app_options o)
{
    struct error e;

    app_free(f->app);
    f->options = o;
    assert_int_equal(app_new(&f->options, &f->app, &e), PB_OK);
}

/* --- turning ---------------------------------------------------------------------------------- */

static void turn_until(struct fixture *f, const bool *done)
{
    struct error e;

    for (unsigned i = 0; !*done; i++) {
        assert_true(i < TURNS_MAX);
        assert_int_equal(loop_turn(app_loop(f->app), 100, &e), PB_OK);
    }
}

static bool settled(const struct app_object *o)
{
    enum app_state s = app_object_state(o);

    return s != APP_HEAD && s != APP_FETCHING && s != APP_INDEXING;
}

static void on_changed(void *ctx, struct app_object *o)
{
    if (settled(o))
        *(bool *)ctx = true;
}

static struct app_object *start_open(struct fixture *f, const char *path, bool *done)
{
    struct location loc;
    struct app_object *o;
    struct error e;

    *done = false;
    assert_int_equal(location_parse(&loc, path, &e), PB_OK);
    if (app_object_open(f->app, &loc, on_changed, done, &o, &e) != PB_OK)
        fail_msg("%s", e.msg);
    location_release(&loc);
    return o;
}

static struct app_object *opened(struct fixture *f, const char *path)
{
    static bool done; /* outlives the call, as the object does */
    struct app_object *o = start_open(f, path, &done);

    turn_until(f, &done);
    return o;
}

/* --- editing ---------------------------------------------------------------------------------- */

static void set(struct app_object *o, const char *path, const char *text)
{
    struct arena mem;
    struct pkl_path p;
    struct pkl_child place;
    struct literal *value;
    struct error e;
    size_t at;

    arena_init(&mem);
    assert_int_equal(pkl_path_parse(&mem, path, strlen(path), &p, &at, &e), PB_OK);
    assert_int_equal(pkl_path_follow(app_object_view(o), &p, &place, &e), PB_OK);
    assert_int_equal(literal_parse(&mem, text, strlen(text), &value, &at, &e), PB_OK);
    assert_int_equal(pkl_edit_set(app_object_edit(o), &place, value, &e), PB_OK);
    arena_release(&mem);
}

static void check_value(struct app_object *o, const char *want)
{
    struct pkl_repr_opts opts = {.style = PKL_REPR_LINE};
    struct pkl_view *v = app_object_view(o);
    struct pkl_child root;
    struct buf got;
    struct sink to = sink_buf(&got);
    struct error e;

    buf_init(&got, BUF_MAX_TEXT);
    assert_int_equal(v->root(v, 0, &root, &e), PB_OK);
    assert_int_equal(pkl_repr(v, &root.value, &opts, &to, &e), PB_OK);
    assert_string_equal(got.data, want);
    buf_release(&got);
}

struct reviewed {
    bool done;
    struct app_review *review;
    struct error error;
};

static void on_review(void *ctx, struct app_review *r, const struct error *e)
{
    struct reviewed *w = ctx;

    w->done = true;
    w->review = r;
    w->error = e != NULL ? *e : (struct error){.code = PB_OK};
}

static struct app_review *reviewed(struct fixture *f, struct app_object *o)
{
    struct reviewed w = {0};
    struct error e;

    assert_int_equal(app_review_start(o, on_review, &w, &e), PB_OK);
    assert_false(w.done); /* never from inside */
    turn_until(f, &w.done);
    if (w.error.code != PB_OK)
        fail_msg("%s", w.error.msg);
    return w.review;
}

struct saved {
    bool done;
    enum app_outcome outcome;
    enum pb_err code;
    char etag[128], kept[2 * ROOM], theirs[128], msg[ERROR_MSG_MAX];
    struct app_object *close; /* closed from inside done() */
};

static void on_saved(void *ctx, const struct app_saved *s, const struct error *e)
{
    struct saved *w = ctx;

    w->done = true;
    w->outcome = s->outcome;
    w->code = e != NULL ? e->code : PB_OK;
    snprintf(w->msg, sizeof w->msg, "%s", e != NULL ? e->msg : "");
    snprintf(w->etag, sizeof w->etag, "%s", s->now != NULL ? s->now->etag : "");
    snprintf(w->kept, sizeof w->kept, "%s", s->kept != NULL ? s->kept : "");
    snprintf(w->theirs, sizeof w->theirs, "%s", s->theirs != NULL ? s->theirs->identity.etag : "");
    app_object_close(w->close);
}

static struct saved save(struct fixture *f, struct app_object *o, const char *where, bool overwrite)
{
    struct saved w = {0};
    struct app_review *r = reviewed(f, o);
    struct location loc;
    struct error e;

    if (where != NULL)
        assert_int_equal(location_parse(&loc, where, &e), PB_OK);
    assert_int_equal(app_save_start(o, r, where != NULL ? &loc : NULL, overwrite, on_saved, &w, &e),
                     PB_OK);
    app_review_release(r); /* the save holds it */
    if (where != NULL)
        location_release(&loc);
    assert_false(w.done);
    turn_until(f, &w.done);
    return w;
}

/* --- opening ---------------------------------------------------------------------------------- */

static void test_states(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        enum app_state state;
    } rows[] = {
        {DICT, sizeof DICT - 1, APP_READY},
        {"N.", 2, APP_READY},
        {"", 0, APP_NOT_PICKLE},
        {"just some words", 15, APP_NOT_PICKLE},
        {"\x80\x02](K\1K\2K\3", 9, APP_BROKEN},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct app_object *o;

        put(f->file, rows[i].bytes, rows[i].n);
        o = opened(f, f->file);
        assert_int_equal(app_object_state(o), rows[i].state);
        assert_int_equal(app_object_info(o)->identity.size, rows[i].n);
        assert_int_equal(app_object_edit(o) != NULL, rows[i].state == APP_READY);
        assert_int_equal(app_object_view(o) != NULL,
                         rows[i].state == APP_READY || rows[i].state == APP_BROKEN);
        if (rows[i].state != APP_READY)
            assert_int_equal(app_object_error(o)->code, PB_EPICKLE);
        app_object_close(o);
    }
}

static void test_not_there(void **state)
{
    struct fixture *f = *state;
    char path[ROOM];
    struct app_object *o = opened(f, name(path, f, "nothing"));

    assert_int_equal(app_object_state(o), APP_FAILED);
    assert_int_equal(app_object_error(o)->code, PB_ENOTFOUND);
    assert_null(app_object_view(o));
    app_object_close(o);
    app_object_close(NULL);
}

static void test_not_an_object(void **state)
{
    static const char *const places[] = {"s3://", "s3://b", "/", "gs://", "gs://b"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct location loc;
        struct app_object *o;
        struct error e;

        assert_int_equal(location_parse(&loc, places[i], &e), PB_OK);
        assert_int_not_equal(app_object_open(f->app, &loc, NULL, NULL, &o, &e), PB_OK);
        assert_null(o);
        location_release(&loc);
    }
}

static void test_read_only(void **state)
{
    struct fixture *f = *state;
    struct app_object *o;
    struct error e;

    use_options(f, (struct app_options){.read_only = true});
    o = opened(f, f->file);
    assert_int_equal(app_object_state(o), APP_READY);
    assert_null(app_object_edit(o));
    assert_int_equal(app_review_start(o, on_review, NULL, &e), PB_EREADONLY);
    app_object_close(o);
}

/* Closed, or cancelled, at any moment: nothing is called afterwards. */
static void test_closed_while_opening(void **state)
{
    struct fixture *f = *state;
    struct error e;

    for (unsigned turns = 0; turns < 8; turns++) {
        bool done;
        struct app_object *o = start_open(f, f->file, &done);

        for (unsigned i = 0; i < turns; i++)
            assert_int_equal(loop_turn(app_loop(f->app), 0, &e), PB_OK);
        app_object_close(o);
        done = false;
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(loop_turn(app_loop(f->app), 0, &e), PB_OK);
        assert_false(done);
    }
}

static void test_cancelled_while_opening(void **state)
{
    struct fixture *f = *state;
    bool done;
    struct app_object *o = start_open(f, f->file, &done);

    app_object_cancel(o);
    assert_false(done);
    turn_until(f, &done);
    assert_int_equal(app_object_state(o), APP_FAILED);
    assert_int_equal(app_object_error(o)->code, PB_ECANCELED);
    app_object_close(o);
}

/* --- saving ----------------------------------------------------------------------------------- */

static void test_save(void **state)
{
    struct fixture *f = *state;
    struct app_object *o = opened(f, f->file);
    char first[128];
    struct saved w;

    set(o, ".b", "3");
    assert_int_equal(pkl_edit_unsaved(app_object_edit(o)), 1);
    w = save(f, o, NULL, false);
    assert_int_equal(w.outcome, APP_SAVED);
    EXPECT(f->file, DICT_B3);
    EXPECT(w.kept, DICT);
    assert_string_equal(w.etag, app_object_info(o)->identity.etag);
    assert_int_equal(pkl_edit_unsaved(app_object_edit(o)), 0);
    check_value(o, "{'a': 1, 'b': 3, 'l': [5, 6]}"); /* still read from what was opened */
    snprintf(first, sizeof first, "%s", w.etag);

    /* Nothing more to save. */
    w = save(f, o, NULL, false);
    assert_int_equal(w.outcome, APP_NOTHING);
    assert_string_equal(w.kept, "");

    /* Undo crosses the save, and is itself saved; what was saved first is kept. */
    assert_true(pkl_edit_undo(app_object_edit(o)));
    w = save(f, o, NULL, false);
    assert_int_equal(w.outcome, APP_SAVED);
    assert_string_not_equal(w.etag, first);
    EXPECT(f->file, DICT);
    EXPECT(w.kept, DICT_B3);
    app_object_close(o);
}

static void test_save_conflict(void **state)
{
    struct fixture *f = *state;
    struct app_object *o = opened(f, f->file), *again;
    struct saved w;

    PUT(f->file, DICT_A9);
    set(o, ".b", "3");
    w = save(f, o, NULL, false);
    assert_int_equal(w.outcome, APP_CONFLICT);
    assert_int_equal(w.code, PB_ECHANGED);
    EXPECT(f->file, DICT_A9);
    assert_int_equal(pkl_edit_unsaved(app_object_edit(o)), 1); /* the edit is not lost */
    again = opened(f, f->file);
    assert_string_equal(w.theirs, app_object_info(again)->identity.etag);
    app_object_close(again);

    /* The person chose to write over it: what is lost there is kept. */
    w = save(f, o, NULL, true);
    assert_int_equal(w.outcome, APP_SAVED);
    EXPECT(f->file, DICT_B3);
    EXPECT(w.kept, DICT_A9);
    assert_int_equal(pkl_edit_unsaved(app_object_edit(o)), 0);

    /* And it goes on from there. */
    set(o, ".b", "2");
    w = save(f, o, NULL, false);
    assert_int_equal(w.outcome, APP_SAVED);
    EXPECT(f->file, DICT);
    app_object_close(o);
}

static void test_save_gone(void **state)
{
    struct fixture *f = *state;
    struct app_object *o = opened(f, f->file);
    struct saved w;

    set(o, ".b", "3");
    assert_int_equal(unlink(f->file), 0);
    w = save(f, o, NULL, false);
    assert_int_equal(w.outcome, APP_CONFLICT);
    assert_string_equal(w.theirs, "");
    assert_int_not_equal(access(f->file, F_OK), 0);
    w = save(f, o, NULL, true);
    assert_int_equal(w.outcome, APP_SAVED);
    EXPECT(f->file, DICT_B3);
    app_object_close(o);
}

static void test_save_as(void **state)
{
    struct fixture *f = *state;
    struct app_object *o = opened(f, f->file);
    char path[ROOM];
    struct stat st;
    struct saved w;

    assert_int_equal(chmod(f->file, 0640), 0);
    app_object_close(o);
    o = opened(f, f->file);
    set(o, ".b", "3");
    w = save(f, o, name(path, f, "new.pkl"), false);
    assert_int_equal(w.outcome, APP_SAVED);
    EXPECT(path, DICT_B3);
    EXPECT(f->file, DICT);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(pkl_edit_unsaved(app_object_edit(o)), 1); /* here it is not saved */

    PUT(path, "other");
    w = save(f, o, path, false);
    assert_int_equal(w.outcome, APP_NOT_SAVED);
    assert_int_equal(w.code, PB_EEXIST);
    EXPECT(path, "other");
    w = save(f, o, path, true);
    assert_int_equal(w.outcome, APP_SAVED);
    EXPECT(path, DICT_B3);
    EXPECT(w.kept, "other");

    /* Its own name is in place. */
    w = save(f, o, f->file, false);
    assert_int_equal(w.outcome, APP_SAVED);
    assert_int_equal(pkl_edit_unsaved(app_object_edit(o)), 0);

    /* Without a change it is a copy. */
    w = save(f, o, name(path, f, "copy.pkl"), false);
    assert_int_equal(w.outcome, APP_SAVED);
    EXPECT(path, DICT_B3);
    app_object_close(o);
}

static void test_save_refused(void **state)
{
    static const char *const places[] = {"-", "/tmp/", "s3://b"};
    struct fixture *f = *state;
    struct app_object *o = opened(f, f->file);
    struct app_review *r = reviewed(f, o);

    assert_true(r->nothing);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct location loc;
        struct error e;

        assert_int_equal(location_parse(&loc, places[i], &e), PB_OK);
        assert_int_equal(app_save_start(o, r, &loc, true, on_saved, NULL, &e), PB_EUSAGE);
        location_release(&loc);
    }
    app_review_release(r);
    app_object_close(o);
}

/* Bytes that cannot be kept are not replaced. */
static void test_save_without_history(void **state)
{
    struct fixture *f = *state;
    struct app_object *o = opened(f, f->file);
    char path[ROOM];
    struct saved w;

    PUT(name(path, f, "state"), "no folder");
    set(o, ".b", "3");
    w = save(f, o, NULL, false);
    assert_int_equal(w.outcome, APP_NOT_SAVED);
    EXPECT(f->file, DICT);
    assert_int_equal(pkl_edit_unsaved(app_object_edit(o)), 1);
    app_object_close(o);
}

static void test_save_cancelled(void **state)
{
    struct fixture *f = *state;

    for (unsigned turns = 0; turns < 6; turns++) {
        struct app_object *o;
        struct app_review *r;
        struct saved w = {0};
        struct error e;

        PUT(f->file, DICT);
        o = opened(f, f->file);
        set(o, ".b", "3");
        r = reviewed(f, o);
        assert_int_equal(app_save_start(o, r, NULL, false, on_saved, &w, &e), PB_OK);
        assert_int_equal(app_save_start(o, r, NULL, false, on_saved, &w, &e), PB_EUSAGE);
        for (unsigned i = 0; i < turns && !w.done; i++)
            assert_int_equal(loop_turn(app_loop(f->app), 0, &e), PB_OK);
        app_save_cancel(o);
        turn_until(f, &w.done);
        if (w.outcome != APP_SAVED) {
            assert_int_equal(w.outcome, APP_NOT_SAVED);
            assert_int_equal(w.code, PB_ECANCELED);
        }
        app_review_release(r);
        app_object_close(o);
    }
}

static void test_save_and_close(void **state)
{
    struct fixture *f = *state;
    struct error e;

    for (unsigned turns = 0; turns < 6; turns++) {
        struct app_object *o;
        struct app_review *r;
        struct saved w = {0};

        PUT(f->file, DICT);
        o = opened(f, f->file);
        set(o, ".b", "3");
        r = reviewed(f, o);
        assert_int_equal(app_save_start(o, r, NULL, false, on_saved, &w, &e), PB_OK);
        app_review_release(r);
        if (turns == 5) {
            w.close = o; /* from inside its last callback */
            turn_until(f, &w.done);
            continue;
        }
        for (unsigned i = 0; i < turns && !w.done; i++)
            assert_int_equal(loop_turn(app_loop(f->app), 0, &e), PB_OK);
        app_object_close(o);
        w.done = false;
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(loop_turn(app_loop(f->app), 0, &e), PB_OK);
        assert_false(w.done);
    }
}

static void test_review_replaced(void **state)
{
    struct fixture *f = *state;
    struct app_object *o = opened(f, f->file);
    struct reviewed first = {0};
    struct app_review *r;
    struct error e;

    set(o, ".b", "3");
    assert_int_equal(app_review_start(o, on_review, &first, &e), PB_OK);
    r = reviewed(f, o); /* the first one is dropped */
    assert_false(first.done);
    assert_false(r->nothing);
    assert_int_equal(r->size_before, sizeof DICT - 1);
    assert_int_equal(r->size_after, sizeof DICT - 1);
    app_review_release(r);
    app_review_release(NULL);
    assert_int_equal(app_review_start(o, on_review, &first, &e), PB_OK);
    app_object_close(o);
    assert_int_equal(loop_turn(app_loop(f->app), 0, &e), PB_OK);
    assert_false(first.done);
}

/* --- kept for the next time ------------------------------------------------------------------- */

static struct app_rescue *kept(struct app_object *o)
{
    struct app_rescue *r;
    struct error e;

    if (app_rescue_find(o, &r, &e) != PB_OK)
        fail_msg("%s", e.msg);
    return r;
}

static void test_rescue(void **state)
{
    struct fixture *f = *state;
    struct app_object *o = opened(f, f->file);
    struct app_rescue *r;
    struct error e;

    assert_int_equal(app_rescue_keep(o, &e), PB_OK); /* nothing to keep */
    assert_null(kept(o));
    set(o, ".b", "'line\\n \\u1234 %'");
    set(o, ".l[1]", "[1, {2: None}]");
    assert_int_equal(app_rescue_keep(o, &e), PB_OK);
    app_object_close(o);

    o = opened(f, f->file);
    r = kept(o);
    assert_non_null(r);
    assert_int_equal(r->count, 2);
    assert_false(r->other_version);
    assert_int_equal(app_rescue_apply(o, r, &e), 0);
    check_value(o, "{'a': 1, 'b': 'line\\n \u1234 %', 'l': [5, [1, {2: None}]]}");
    assert_true(pkl_edit_undo(app_object_edit(o))); /* all of it at once */
    check_value(o, "{'a': 1, 'b': 2, 'l': [5, 6]}");
    app_rescue_free(r);
    app_object_close(o);

    PUT(f->file, DICT_B3); /* one of the two places holds something else now */
    o = opened(f, f->file);
    r = kept(o);
    assert_true(r->other_version);
    assert_int_equal(app_rescue_apply(o, r, &e), 1);
    assert_string_equal(e.msg, ".b: something else stands there now");
    check_value(o, "{'a': 1, 'b': 3, 'l': [5, [1, {2: None}]]}");
    assert_int_equal(app_rescue_apply(o, r, &e), 1); /* what is there already is no clash */
    app_rescue_forget(r);
    app_rescue_free(r);
    assert_null(kept(o));
    app_object_close(o);
    app_rescue_free(NULL);
}

static struct pkl_child place_of(struct app_object *o, const char *text)
{
    struct pkl_path path;
    struct pkl_child place;
    struct arena mem;
    struct error e;
    size_t at;

    arena_init(&mem);
    assert_int_equal(pkl_path_parse(&mem, text, strlen(text), &path, &at, &e), PB_OK);
    assert_int_equal(pkl_path_follow(app_object_view(o), &path, &place, &e), PB_OK);
    arena_release(&mem);
    return place;
}

static struct literal *literal_of(struct arena *mem, const char *text)
{
    struct literal *l;
    struct error e;
    size_t at;

    assert_int_equal(literal_parse(mem, text, strlen(text), &l, &at, &e), PB_OK);
    return l;
}

/* What came, went and was renamed is made again; what was moved is told. */
static void test_rescue_structure(void **state)
{
    struct fixture *f = *state;
    struct app_object *o = opened(f, f->file);
    struct pkl_edit *ed = app_object_edit(o);
    struct app_rescue *r;
    struct pkl_child p;
    struct arena mem;
    struct error e;

    arena_init(&mem);
    p = place_of(o, ".l");
    for (uint64_t i = 0; i < 2; i++) /* [7, 5, 6, 8] */
        assert_int_equal(pkl_edit_insert(ed, &p.value, PKL_STEP_INDEX, i == 0 ? 0 : UINT64_MAX,
                                         NULL, literal_of(&mem, i == 0 ? "7" : "8"), &e),
                         PB_OK);
    p = place_of(o, ".l[1]");
    assert_int_equal(pkl_edit_delete(ed, &p, &e), PB_OK); /* [7, 6, 8] */
    set(o, ".l[1]", "60");
    p = place_of(o, ".b");
    assert_int_equal(pkl_edit_rename(ed, &p, literal_of(&mem, "'c d'"), &e), PB_OK);
    set(o, "['c d']", "3");
    p = place_of(o, ".a");
    assert_int_equal(pkl_edit_delete(ed, &p, &e), PB_OK);
    p = place_of(o, "");
    assert_int_equal(pkl_edit_insert(ed, &p.value, PKL_STEP_KEY, UINT64_MAX,
                                     literal_of(&mem, "'n'"), literal_of(&mem, "{1: 'x'}"), &e),
                     PB_OK);
    check_value(o, "{'c d': 3, 'l': [7, 60, 8], 'n': {1: 'x'}}");
    assert_int_equal(app_rescue_keep(o, &e), PB_OK);
    app_object_close(o);

    o = opened(f, f->file);
    r = kept(o);
    assert_false(r->other_version);
    if (app_rescue_apply(o, r, &e) != 0)
        fail_msg("%s", e.msg);
    check_value(o, "{'c d': 3, 'l': [7, 60, 8], 'n': {1: 'x'}}");
    assert_true(pkl_edit_undo(app_object_edit(o))); /* all of it at once */
    check_value(o, "{'a': 1, 'b': 2, 'l': [5, 6]}");
    app_object_close(o);

    app_rescue_free(r);
    PUT(f->file, DICT_B3); /* b holds something else now, and the list may be another one */
    o = opened(f, f->file);
    r = kept(o);
    assert_true(r->other_version);
    assert_int_equal(app_rescue_apply(o, r, &e), 3);
    check_value(o, "{'b': 3, 'l': [60], 'n': {1: 'x'}}");
    arena_release(&mem);
    app_rescue_forget(r);
    app_rescue_free(r);
    app_object_close(o);
}

static void test_rescue_moved(void **state)
{
    struct fixture *f = *state;
    struct app_object *o = opened(f, f->file);
    struct pkl_child p = place_of(o, ".l[1]");
    struct app_rescue *r;
    struct error e;

    set(o, ".b", "3");
    assert_int_equal(pkl_edit_move(app_object_edit(o), &p, 0, &e), PB_OK);
    assert_int_equal(app_rescue_keep(o, &e), PB_OK);
    app_object_close(o);
    o = opened(f, f->file);
    r = kept(o);
    assert_true(app_rescue_apply(o, r, &e) > 0);
    assert_non_null(strstr(e.msg, "do it again"));
    check_value(o, "{'a': 1, 'b': 3, 'l': [5, 6]}");
    app_rescue_forget(r);
    app_rescue_free(r);
    app_object_close(o);
}

/* The newest of several is offered first; a file that was cut off counts as far as it goes. */
static void test_rescue_files(void **state)
{
    struct fixture *f = *state;
    struct app_object *o = opened(f, f->file);
    char folder[ROOM], path[2 * ROOM];
    const struct dirent *entry;
    struct app_rescue *r;
    struct stat st;
    struct error e;
    DIR *dir;

    set(o, ".b", "3");
    assert_int_equal(app_rescue_keep(o, &e), PB_OK);
    set(o, ".a", "4");
    assert_int_equal(app_rescue_keep(o, &e), PB_OK);
    app_object_close(o);
    o = opened(f, f->file);
    r = kept(o);
    assert_int_equal(r->count, 2);
    app_rescue_forget(r);
    app_rescue_free(r);
    r = kept(o);
    assert_int_equal(r->count, 1);
    app_rescue_free(r);
    dir = opendir(name(folder, f, "state/pklbrowse/unsaved"));
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(truncate(path, st.st_size - 1), 0);
    }
    closedir(dir);
    r = kept(o);
    assert_int_equal(r->count, 0);
    assert_int_equal(app_rescue_apply(o, r, &e), 0);
    app_rescue_free(r);
    app_object_close(o);
}

/* --- merging ---------------------------------------------------------------------------------- */

struct merged {
    bool done;
    struct app_object *object;
    struct error error;
};

static void on_merged(void *ctx, struct app_object *o, const struct error *e)
{
    struct merged *w = ctx;

    w->done = true;
    w->object = o;
    w->error = e != NULL ? *e : (struct error){.code = PB_OK};
}

static struct merged merge(struct fixture *f, struct app_object *mine)
{
    struct merged w = {0};
    struct error e;

    assert_int_equal(app_merge_start(mine, on_merged, &w, &e), PB_OK);
    assert_false(w.done);
    turn_until(f, &w.done);
    return w;
}

static void test_merge(void **state)
{
    struct fixture *f = *state;
    struct app_object *mine = opened(f, f->file);
    struct merged m;
    struct saved w;

    set(mine, ".b", "3");
    set(mine, ".l[1]", "'six'");
    PUT(f->file, DICT_A9);
    m = merge(f, mine);
    if (m.object == NULL)
        fail_msg("%s", m.error.msg);
    check_value(m.object, "{'a': 9, 'b': 3, 'l': [5, 'six']}");
    assert_int_equal(pkl_edit_unsaved(app_object_edit(m.object)), 2);
    check_value(mine, "{'a': 1, 'b': 3, 'l': [5, 'six']}");
    app_object_close(mine);
    w = save(f, m.object, NULL, false);
    assert_int_equal(w.outcome, APP_SAVED);
    EXPECT(w.kept, DICT_A9);
    assert_true(pkl_edit_undo(app_object_edit(m.object))); /* all of it at once */
    check_value(m.object, "{'a': 9, 'b': 2, 'l': [5, 6]}");
    app_object_close(m.object);
}

static const struct {
    const char *path, *value; /* mine */
    const char *bytes;        /* theirs; NULL: gone */
    size_t n;
    enum pb_err code; /* PB_OK: `result` */
    const char *result;
} merges[] = {
    {".a", "7", DICT_A9, sizeof DICT_A9 - 1, PB_ECHANGED, NULL},
    {".a", "9", DICT_A9, sizeof DICT_A9 - 1, PB_OK, "{'a': 9, 'b': 2, 'l': [5, 6]}"},
    {".a", "7", DICT_NO_A, sizeof DICT_NO_A - 1, PB_ECHANGED, NULL},
    {".l[0]", "7", DICT_LONGER, sizeof DICT_LONGER - 1, PB_ECHANGED, NULL},
    {".l", "[]", DICT_LONGER, sizeof DICT_LONGER - 1, PB_ECHANGED, NULL},
    {".l", "[]", DICT_A9, sizeof DICT_A9 - 1, PB_OK, "{'a': 9, 'b': 2, 'l': []}"},
    {".a", "7", DICT_LONGER, sizeof DICT_LONGER - 1, PB_OK, "{'a': 7, 'b': 2, 'l': [4, 5, 6]}"},
    {"@0", "7", DICT_A9, sizeof DICT_A9 - 1, PB_ECHANGED, NULL},
    {"@0", "7", DICT, sizeof DICT - 1, PB_OK, "7"},
    {".a", "7", "words", 5, PB_EPICKLE, NULL},
    {".a", "7", NULL, 0, PB_ENOTFOUND, NULL},
};

/* What I did to {'a': 1, 'b': 2, 'l': [5, 6]}: "+ PATH = VALUE", "- PATH", "> PATH = KEY", or a
 * value that is set. */
static void change(struct app_object *o, const char *what)
{
    struct pkl_edit *ed = app_object_edit(o);
    struct arena mem;
    struct edit_arg arg;
    struct literal *value = NULL;
    struct pkl_child place;
    struct pkl_spot spot;
    struct error e;
    size_t at = 0;
    const char *text = what[1] == ' ' ? what + 2 : what;

    arena_init(&mem);
    if (*what == '-') {
        assert_int_equal(pkl_path_parse(&mem, text, strlen(text), &arg.path, &at, &e), PB_OK);
    } else {
        assert_int_equal(pkl_edit_parse(&mem, text, strlen(text), &arg, &at, &e), PB_OK);
        assert_int_equal(literal_parse(&mem, arg.value, arg.value_len, &value, &at, &e), PB_OK);
    }
    if (*what == '+') {
        arg.path.count--;
        assert_int_equal(pkl_path_follow(pkl_edit_view(ed), &arg.path, &place, &e), PB_OK);
        assert_int_equal(
            pkl_edit_spot(ed, &mem, &place.value, &arg.path.steps[arg.path.count], &spot, &e),
            PB_OK);
        assert_int_equal(
            pkl_edit_insert(ed, &spot.into, spot.step, spot.index, spot.key, value, &e), PB_OK);
    } else {
        assert_int_equal(pkl_path_follow(pkl_edit_view(ed), &arg.path, &place, &e), PB_OK);
        assert_int_equal(*what == '-'   ? pkl_edit_delete(ed, &place, &e)
                         : *what == '>' ? pkl_edit_rename(ed, &place, value, &e)
                                        : pkl_edit_set(ed, &place, value, &e),
                         PB_OK);
    }
    arena_release(&mem);
}

/* Keys and items that came and went. */
static const struct {
    const char *mine[4], *bytes;
    size_t n;
    const char *result; /* or what is said when it cannot be put on theirs */
} structural[] = {
#define THEIRS(bytes) bytes, sizeof(bytes) - 1
    {{"+ .c=3"}, THEIRS(DICT_A9), "{'a': 9, 'b': 2, 'l': [5, 6], 'c': 3}"},
    {{"+ .c=3", "+ .d=4"}, THEIRS(DICT_LONGER), "{'a': 1, 'b': 2, 'l': [4, 5, 6], 'c': 3, 'd': 4}"},
    {{"+ .c=3", ".a=7"}, THEIRS(DICT_C3), "{'a': 7, 'b': 2, 'l': [5, 6], 'c': 3}"},
    {{"+ .c=4"}, THEIRS(DICT_C3), ".c was added by both"},
    {{"- .b"}, THEIRS(DICT_A9), "{'a': 9, 'l': [5, 6]}"},
    {{"- .a"}, THEIRS(DICT_A9), ".a was changed by both"},
    {{"- .a"}, THEIRS(DICT_NO_A), "{'b': 2}"},
    {{"- .l"}, THEIRS(DICT_LONGER), ".l was changed by both"},
    {{"> .b='z'"}, THEIRS(DICT_A9), "{'a': 9, 'z': 2, 'l': [5, 6]}"},
    {{"> .b='z'", ".z=8"}, THEIRS(DICT_A9), "{'a': 9, 'z': 8, 'l': [5, 6]}"},
    {{"> .a='z'"}, THEIRS(DICT_A9), ".a was changed by both"},
    {{"> .a='z'"}, THEIRS(DICT_NO_A), ".a is not there any more"},
    {{"+ .l[]=7", "+ .l[0]=4"}, THEIRS(DICT_A9), "{'a': 9, 'b': 2, 'l': [4, 5, 6, 7]}"},
    {{"+ .l[1]=0", "+ .l[1]=1", ".l[3]='six'"},
     THEIRS(DICT_A9),
     "{'a': 9, 'b': 2, 'l': [5, 1, 0, 'six']}"},
    {{"- .l[0]", "+ .l[]=7"}, THEIRS(DICT_A9), "{'a': 9, 'b': 2, 'l': [6, 7]}"},
    {{"- .l[1]", "+ .l[0]=4", ".l[1]=50"}, THEIRS(DICT_A9), "{'a': 9, 'b': 2, 'l': [4, 50]}"},
    {{"+ .l[]=7"}, THEIRS(DICT_LONGER), ".l[2] may be another item now"},
    {{"- .l[1]"}, THEIRS(DICT_LONGER), ".l[1] may be another item now"},
    {{"+ .a2=1", "+ .l[]={1: [2]}", "- .b"},
     THEIRS(DICT_A9),
     "{'a': 9, 'l': [5, 6, {1: [2]}], 'a2': 1}"},
    {{"+ .l[]=7"}, THEIRS(DICT_NO_A), ".l[2] is not there any more"},
#undef THEIRS
};

static void test_structural_merges(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof structural / sizeof *structural; i++) {
        struct app_object *mine;
        struct merged m;

        PUT(f->file, DICT);
        mine = opened(f, f->file);
        for (size_t k = 0; k < 4 && structural[i].mine[k] != NULL; k++)
            change(mine, structural[i].mine[k]);
        put(f->file, structural[i].bytes, structural[i].n);
        m = merge(f, mine);
        if ((m.object != NULL) != (*structural[i].result == '{'))
            fail_msg("row %zu: %s", i, m.error.msg);
        if (m.object != NULL)
            check_value(m.object, structural[i].result);
        else
            assert_non_null(strstr(m.error.msg, structural[i].result));
        app_object_close(m.object);
        app_object_close(mine);
    }
}

static void test_merges(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof merges / sizeof *merges; i++) {
        struct app_object *mine;
        struct merged m;

        PUT(f->file, DICT);
        mine = opened(f, f->file);
        set(mine, merges[i].path, merges[i].value);
        if (merges[i].bytes != NULL)
            put(f->file, merges[i].bytes, merges[i].n);
        else
            assert_int_equal(unlink(f->file), 0);
        m = merge(f, mine);
        if (m.error.code != merges[i].code)
            fail_msg("row %zu: %s", i, m.error.msg);
        assert_int_equal(m.object != NULL, merges[i].code == PB_OK);
        if (m.object != NULL)
            check_value(m.object, merges[i].result);
        assert_int_equal(pkl_edit_unsaved(app_object_edit(mine)), 1);
        app_object_close(m.object);
        app_object_close(mine);
    }
}

/* --- comparing -------------------------------------------------------------------------------- */

static const struct {
    const char *name, *was, *now, *differences;
} comparisons[] = {
    {"keys in another order", "(dVa\nI1\nsVb\nI2\nsVc\n(lI1\nas.",
     "(dVc\n(lI1\nasVa\nI1\nsVb\nI2\ns.", ""},
    {"gone, new, changed", "(dVa\nI1\nsVb\nI2\nsVc\nI3\ns.", "(dVb\nI2\nsVd\nI4\nsVa\nI9\ns.",
     "['a'] 1>9;['c'] 3>-;['d'] ->4;"},
    {"deep", "(dVx\n(l(dVy\n(I1\nI2\ntsas.", "(dVx\n(l(dVy\n(I1\nI3\ntsas.",
     "['x'][0]['y'][1] 2>3;"},
    {"longer list", "(lI1\naI2\na.", "(lI1\naI2\naI3\naI4\na.", "[2] ->3;[3] ->4;"},
    {"shorter list", "(lI1\naI2\naI3\na.", "(lI1\na.", "[1] 2>-;[2] 3>-;"},
    {"another kind", "(lI1\na(dVk\n(tsa.", "(lI01\na(dVk\n(lsa.", "[0] 1>True;[1]['k'] ()>[];"},
    {"the whole value", "I1\n.", "V1\n.", " 1>'1';"},
    {"sets", "(dVs\nc__builtin__\nfrozenset\n((lI1\naI2\natRs.",
     "(dVs\nc__builtin__\nfrozenset\n((lI1\naI3\natRs.",
     "['s'] frozenset({1, 2})>frozenset({1, 3});"},
    {"equal keys of other types", "(dI1\nVa\ns.", "(dF1.0\nVa\ns.", "[1] 'a'>-;[1.0] ->'a';"},
    {"floats", "(lF0.0\naF2.5\na.", "(lF-0.0\naF2.5\na.", "[0] 0.0>-0.0;"},
    {"dates", "cdatetime\ntimedelta\n(I1\nI0\nI0\ntR.", "cdatetime\ntimedelta\n(I2\nI0\nI0\ntR.",
     " datetime.timedelta(days=1)>datetime.timedelta(days=2);"},
    {"class", "(lcdatetime\ntimedelta\n(I1\nI0\nI0\ntRa.",
     "(lc__builtin__\nfrozenset\n((lI1\natRa.", "[0] datetime.timedelta(days=1)>frozenset({1});"},
    {"shared is told once", "(l(lp0\nI1\naag0\na.", "(l(lp0\nI2\naag0\na.", "[0][0] 1>2;"},
    {"recursive", "(lp0\nI1\nag0\na.", "(lp0\nI2\nag0\na.", "[0] 1>2;"},
    {"several pickles", "I1\n.I2\n.", "I1\n.I3\n.I4\n.", "@1 2>3;@2 ->4;"},
};

struct compared {
    bool done;
    struct buf text;
    size_t mine, clashes;
    struct error error;
};

static void on_compared(void *ctx, const struct app_comparison *c, const struct error *e)
{
    struct compared *w = ctx;

    w->done = true;
    w->error = e != NULL ? *e : (struct error){.code = PB_OK};
    for (size_t i = 0; c != NULL && i < c->their_count; i++) {
        const struct app_difference *d = &c->theirs[i];

        buf_printf(&w->text, "%s %s>%s;", d->path, d->was != NULL ? d->was : "-",
                   d->now != NULL ? d->now : "-");
    }
    w->mine = c != NULL ? c->mine_count : 0;
    w->clashes = c != NULL ? c->clash_count : 0;
}

static void compare(struct fixture *f, struct app_object *mine, struct compared *w)
{
    struct error e;

    *w = (struct compared){0};
    buf_init(&w->text, BUF_MAX_TEXT);
    assert_int_equal(app_compare_start(mine, on_compared, w, &e), PB_OK);
    turn_until(f, &w->done);
}

static void test_compare(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons; i++) {
        struct app_object *mine;
        struct compared w;

        put(f->file, comparisons[i].was, strlen(comparisons[i].was));
        mine = opened(f, f->file);
        put(f->file, comparisons[i].now, strlen(comparisons[i].now));
        compare(f, mine, &w);
        if (strcmp(w.text.data, comparisons[i].differences) != 0)
            fail_msg("%s: %s %s", comparisons[i].name, w.text.data, w.error.msg);
        assert_int_equal(w.mine, 0);
        buf_release(&w.text);
        app_object_close(mine);
    }
}

/* Many differences are counted; a clash is told; what was compared is merged without reading it
 * again; and all can be closed half-way. */
static void test_compare_and_merge(void **state)
{
    struct fixture *f = *state;
    struct app_object *mine = opened(f, f->file);
    struct compared w;
    struct merged m = {0};
    struct error e;

    set(mine, ".b", "7");
    PUT(f->file, DICT_B3);
    compare(f, mine, &w);
    assert_string_equal(w.text.data, "['b'] 2>3;");
    assert_int_equal(w.mine, 1);
    assert_int_equal(w.clashes, 1);
    buf_release(&w.text);
    PUT(f->file, DICT_A9);
    compare(f, mine, &w);
    assert_string_equal(w.text.data, "['a'] 1>9;");
    assert_int_equal(w.clashes, 0);
    buf_release(&w.text);
    PUT(f->file, DICT_NO_A); /* what is merged is what was compared */
    assert_int_equal(app_merge_start(mine, on_merged, &m, &e), PB_OK);
    assert_false(m.done);
    turn_until(f, &m.done);
    assert_non_null(m.object);
    check_value(m.object, "{'a': 9, 'b': 7, 'l': [5, 6]}");
    app_object_close(m.object);
    for (unsigned turns = 0; turns < 8; turns++) {
        w.done = false;
        assert_int_equal(app_compare_start(mine, on_compared, &w, &e), PB_OK);
        for (unsigned i = 0; i < turns && !w.done; i++)
            assert_int_equal(loop_turn(app_loop(f->app), 0, &e), PB_OK);
        app_merge_cancel(mine);
        buf_release(&w.text);
    }
    app_object_close(mine);
}

static void test_merge_and_close(void **state)
{
    struct fixture *f = *state;
    struct error e;

    for (unsigned turns = 0; turns < 6; turns++) {
        struct app_object *mine = opened(f, f->file);
        struct merged w = {0};

        set(mine, ".b", "3");
        assert_int_equal(app_merge_start(mine, on_merged, &w, &e), PB_OK);
        for (unsigned i = 0; i < turns && !w.done; i++)
            assert_int_equal(loop_turn(app_loop(f->app), 0, &e), PB_OK);
        app_object_close(w.object);
        app_object_close(mine);
        w.done = false;
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(loop_turn(app_loop(f->app), 0, &e), PB_OK);
        assert_false(w.done);
    }
}

/* --- copying ---------------------------------------------------------------------------------- */

struct copied {
    bool done;
    uint64_t size;
    char kept[2 * ROOM];
    struct error error;
};

static void on_copied(void *ctx, const struct app_copied *c, const struct error *e)
{
    struct copied *w = ctx;

    w->done = true;
    w->error = e != NULL ? *e : (struct error){.code = PB_OK};
    w->size = c != NULL ? c->size : 0;
    snprintf(w->kept, sizeof w->kept, "%s", c != NULL && c->kept != NULL ? c->kept : "");
}

/* A reader that takes a piece only every third time. */
struct slow {
    struct buf got;
    unsigned asked;
};

static enum pb_err take_slowly(void *ctx, const void *p, size_t n, struct error *e)
{
    struct slow *s = ctx;

    if (++s->asked % 3 != 0)
        return PB_EAGAIN;
    buf_append(&s->got, p, n);
    return buf_status(&s->got, e);
}

static enum pb_err copy(struct fixture *f, const char *from, const char *to, struct slow *slow,
                        struct copied *w)
{
    struct location a, b;
    struct sink out = {take_slowly, slow};
    struct app_copy *c;
    struct error e;
    enum pb_err err;

    *w = (struct copied){0};
    assert_int_equal(location_parse(&a, from, &e), PB_OK);
    assert_int_equal(location_parse(&b, to, &e), PB_OK);
    err = app_copy_start(f->app, &a, &b, &out, on_copied, w, &c, &e);
    location_release(&a);
    location_release(&b);
    if (err != PB_OK)
        return err;
    turn_until(f, &w->done);
    app_copy_free(c);
    return w->error.code;
}

static void test_copy(void **state)
{
    struct fixture *f = *state;
    struct slow slow = {.asked = 0};
    struct copied w;
    char to[ROOM], missing[ROOM];

    assert_int_equal(copy(f, f->file, name(to, f, "copy"), NULL, &w), PB_OK);
    assert_int_equal(w.size, sizeof DICT - 1);
    assert_string_equal(w.kept, "");
    EXPECT(to, DICT);
    PUT(to, "before");
    assert_int_equal(copy(f, f->file, to, NULL, &w), PB_OK);
    EXPECT(to, DICT);
    EXPECT(w.kept, "before");
    assert_int_equal(copy(f, f->file, f->file, NULL, &w), PB_EUSAGE);
    assert_int_equal(copy(f, name(missing, f, "nothing"), to, NULL, &w), PB_ENOTFOUND);
    assert_int_equal(copy(f, f->file, "s3://b", NULL, &w), PB_EUSAGE);
    EXPECT(to, DICT);

    buf_init(&slow.got, BUF_MAX_TEXT);
    assert_int_equal(copy(f, f->file, "-", &slow, &w), PB_OK);
    assert_int_equal(slow.got.len, sizeof DICT - 1);
    assert_memory_equal(slow.got.data, DICT, sizeof DICT - 1);
    assert_int_equal(w.size, sizeof DICT - 1);
    buf_release(&slow.got);
}

/* --- without memory --------------------------------------------------------------------------- */

/* Opens, edits and saves as far as it goes; true when all of it was done. */
static bool whole_way(struct fixture *f)
{
    bool done = false;
    struct reviewed r = {0};
    struct saved w = {0};
    struct location loc;
    struct app_object *o = NULL;
    struct app *a = NULL;
    struct error e;
    bool ok = false;

    if (app_new(&f->options, &a, &e) != PB_OK)
        return false;
    if (location_parse(&loc, f->file, &e) != PB_OK)
        goto out;
    if (app_object_open(a, &loc, on_changed, &done, &o, &e) == PB_OK) {
        for (unsigned i = 0; i < 100 && !done; i++)
            ok = loop_turn(app_loop(a), 0, &e) == PB_OK;
        ok = ok && done && app_object_state(o) == APP_READY;
    }
    location_release(&loc);
    if (ok && app_review_start(o, on_review, &r, &e) == PB_OK) {
        for (unsigned i = 0; i < 100 && !r.done; i++)
            ok = loop_turn(app_loop(a), 0, &e) == PB_OK;
    }
    ok = ok && r.review != NULL;
    if (ok && app_save_start(o, r.review, NULL, true, on_saved, &w, &e) == PB_OK) {
        for (unsigned i = 0; i < 1000 && !w.done; i++)
            ok = loop_turn(app_loop(a), 0, &e) == PB_OK;
    }
    ok = ok && w.done && w.outcome == APP_SAVED;
out:
    app_review_release(r.review);
    app_object_close(o);
    app_free(a);
    return ok;
}

/* Whatever allocation fails: no crash, no leak, and the file is what it was. */
static void test_no_memory(void **state)
{
    struct fixture *f = *state;
    long n = 0;
    bool ok;

    do {
        mem_fail_after(n++);
        ok = whole_way(f);
        mem_fail_after(-1);
        EXPECT(f->file, DICT);
        assert_true(n < 10000);
    } while (!ok);
    assert_true(n > 50); /* there was something to fail */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(test_states),
        TEST(test_not_there),
        TEST(test_not_an_object),
        TEST(test_read_only),
        TEST(test_closed_while_opening),
        TEST(test_cancelled_while_opening),
        TEST(test_save),
        TEST(test_save_conflict),
        TEST(test_save_gone),
        TEST(test_save_as),
        TEST(test_save_refused),
        TEST(test_save_without_history),
        TEST(test_save_cancelled),
        TEST(test_save_and_close),
        TEST(test_review_replaced),
        TEST(test_rescue),
        TEST(test_rescue_files),
        TEST(test_rescue_moved),
        TEST(test_rescue_structure),
        TEST(test_compare),
        TEST(test_compare_and_merge),
        TEST(test_merge),
        TEST(test_merges),
        TEST(test_structural_merges),
        TEST(test_merge_and_close),
        TEST(test_copy),
        TEST(test_no_memory),
#undef TEST
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
