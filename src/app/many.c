/*
 * The same thing done with many objects, a few at a time: removing them, or copying them into a
 * folder.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/loop.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "app_private.h"

#define AT_ONCE 4
#define FAILURES_MAX (256u * 1024u) /* bytes of words about them */

struct one {
    struct location where;
    char *name; /* of its copy */
    size_t len;
    bool failed;
};

struct worker {
    struct app_many *many;
    size_t at; /* of the object */
    bool busy;
    struct app_remove *remove;
    struct app_copy *copy;
};

struct app_many {
    struct app *app;
    bool copying;
    struct location to;
    void (*changed)(void *ctx);
    void *ctx;
    struct {
        struct one *data;
        size_t len, cap;
    } all;
    size_t next; /* to be begun */
    struct worker workers[AT_ONCE];
    struct app_many_state state;
    struct buf failures;
};

/* --- what becomes of one -------------------------------------------------------------------- */

static void add_failure(struct app_many *m, const struct one *x, const struct error *e)
{
    struct buf name;

    buf_init(&name, BUF_MAX_LINE);
    text_escape(&name, x->name, x->len);
    if (m->failures.len > 0)
        buf_putc(&m->failures, '\n');
    if (strstr(e->msg, name.data) == NULL) /* most errors name it */
        buf_printf(&m->failures, "%s: ", name.data);
    buf_puts(&m->failures, e->msg);
    buf_release(&name);
}

static void ended(struct app_many *m, struct one *x, const struct error *e)
{
    x->failed = e != NULL;
    m->state.failed += e != NULL;
    m->state.done += e == NULL;
    m->state.over = m->state.done + m->state.failed == m->state.all;
    if (e != NULL)
        add_failure(m, x, e);
}

static void go_on(void *ctx);

/* The next one begins in a later turn: what has just called is still at work. */
static void worker_ended(struct worker *w, const struct error *e)
{
    struct app_many *m = w->many;

    w->busy = false;
    m->state.running--;
    ended(m, &m->all.data[w->at], e);
    if (loop_post(m->app->loop, go_on, m, NULL) != PB_OK)
        m->state.over = true; /* without memory it ends here; the rest is not done */
    m->changed(m->ctx);
}

static void on_removed(void *ctx, const struct app_removed *r, const struct error *e)
{
    struct worker *w = ctx;

    w->many->state.not_kept += e == NULL && r->not_kept;
    worker_ended(w, e);
}

static void on_copied(void *ctx, const struct app_copied *c, const struct error *e)
{
    (void)c;
    worker_ended(ctx, e);
}

/* --- beginning one -------------------------------------------------------------------------- */

static enum pb_err copy_of(const struct app_many *m, const struct one *x, struct location *out,
                           struct error *e)
{
    struct buf key;
    enum pb_err err;
    bool local = m->to.scheme == LOC_LOCAL;

    if (local && (x->len == 0 || memchr(x->name, '/', x->len) != NULL ||
                  strcmp(x->name, ".") == 0 || strcmp(x->name, "..") == 0))
        return app_fail(e, PB_EUNSUPPORTED, &x->where, "no file can have this name");
    buf_init(&key, BUF_MAX_TEXT);
    buf_append(&key, m->to.key, m->to.key_len);
    buf_append(&key, x->name, x->len);
    err = buf_status(&key, e);
    if (err == PB_OK)
        err = location_make(out, m->to.scheme, m->to.container, key.data, key.len, e);
    buf_release(&key);
    return err;
}

static enum pb_err start_copy(struct app_many *m, struct worker *w, const struct one *x,
                              struct error *e)
{
    struct location to;
    enum pb_err err = copy_of(m, x, &to, e);

    if (err != PB_OK)
        return err;
    err = app_copy_new_start(m->app, &x->where, &to, on_copied, w, &w->copy, e);
    location_release(&to);
    return err;
}

static void clear(struct worker *w)
{
    app_remove_free(w->remove);
    app_copy_free(w->copy);
    w->remove = NULL;
    w->copy = NULL;
}

/* False: it failed before it began. */
static bool begin(struct app_many *m, struct worker *w)
{
    struct one *x;
    struct error e;
    enum pb_err err;

    clear(w);
    w->at = m->next++;
    x = &m->all.data[w->at];
    if (m->copying)
        err = start_copy(m, w, x, &e);
    else
        err = app_remove_start(m->app, &x->where, NULL, on_removed, w, &w->remove, &e);
    if (err != PB_OK) {
        ended(m, x, &e);
        return false;
    }
    w->busy = true;
    m->state.running++;
    return true;
}

static void go_on(void *ctx)
{
    struct app_many *m = ctx;
    bool over = m->state.over;

    for (size_t i = 0; i < AT_ONCE; i++) {
        struct worker *w = &m->workers[i];

        if (!w->busy)
            clear(w);
        while (!w->busy && m->next < m->all.len)
            (void)begin(m, w);
    }
    if (!over && m->state.over)
        m->changed(m->ctx);
}

/* --- for the owner -------------------------------------------------------------------------- */

enum pb_err app_many_new(struct app *a, void (*changed)(void *ctx), void *ctx,
                         struct app_many **out, struct error *e)
{
    struct app_many *m = mem_alloc(sizeof *m);

    *out = NULL;
    if (m == NULL)
        return error_nomem(e);
    m->app = a;
    m->changed = changed;
    m->ctx = ctx;
    buf_init(&m->failures, FAILURES_MAX);
    for (size_t i = 0; i < AT_ONCE; i++)
        m->workers[i].many = m;
    *out = m;
    return PB_OK;
}

enum pb_err app_many_add(struct app_many *m, const struct location *where, const char *name,
                         size_t len, uint64_t size, struct error *e)
{
    struct one x = {.name = mem_strndup(name, len), .len = len};
    enum pb_err err = x.name != NULL ? location_copy(&x.where, where, e) : error_nomem(e);

    if (err == PB_OK && !vec_push(&m->all, x)) {
        location_release(&x.where);
        err = error_nomem(e);
    }
    if (err != PB_OK) {
        free(x.name);
        return err;
    }
    m->state.all++;
    m->state.bytes += size;
    return PB_OK;
}

enum pb_err app_many_rename(struct app_many *m, const char *name, size_t len, struct error *e)
{
    char *copy = mem_strndup(name, len);

    if (copy == NULL)
        return error_nomem(e);
    if (m->all.len != 1) {
        free(copy);
        return error_set(e, PB_EUSAGE, "one name is not enough for %zu objects", m->all.len);
    }
    free(m->all.data[0].name);
    m->all.data[0].name = copy;
    m->all.data[0].len = len;
    return PB_OK;
}

enum pb_err app_many_start(struct app_many *m, const struct location *to, struct error *e)
{
    m->copying = to != NULL;
    m->state.over = m->all.len == 0;
    if (to != NULL && location_copy(&m->to, to, e) != PB_OK)
        return error_nomem(e);
    return loop_post(m->app->loop, go_on, m, e);
}

void app_many_stop(struct app_many *m)
{
    loop_unpost(m->app->loop, m);
    for (size_t i = 0; i < AT_ONCE; i++)
        clear(&m->workers[i]);
    m->next = m->all.len;
}

void app_many_state(const struct app_many *m, struct app_many_state *out)
{
    *out = m->state;
}

const struct location *app_many_object(const struct app_many *m, size_t i)
{
    return i < m->all.len ? &m->all.data[i].where : NULL;
}

const char *app_many_failures(const struct app_many *m)
{
    return m->failures.data;
}

bool app_many_failed(const struct app_many *m, size_t i)
{
    return i < m->all.len && m->all.data[i].failed;
}

void app_many_free(struct app_many *m)
{
    if (m == NULL)
        return;
    app_many_stop(m);
    for (size_t i = 0; i < m->all.len; i++) {
        location_release(&m->all.data[i].where);
        free(m->all.data[i].name);
    }
    vec_release(&m->all);
    location_release(&m->to);
    buf_release(&m->failures);
    free(m);
}
