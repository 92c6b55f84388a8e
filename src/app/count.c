/* Objects below a place, counted page by page while something else goes on. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/mem.h>

#include "app_private.h"

#define CLASSES_MOST 32 /* there are a dozen; what is more counts as not said */
#define DAY ((int64_t)24 * 3600)

struct app_count {
    struct location where;
    struct arena mem; /* of spot */
    struct app_spot spot;
    struct app_tally tally;
    struct app_tally_class classes[CLASSES_MOST + 1];
    char *names[CLASSES_MOST + 1];
    int64_t now;
    void (*changed)(void *ctx);
    void *ctx;
    struct ask { /* a page under way, or the one that was asked for before it came */
        struct app_count *c;
        struct store_op *op;
        char *token; /* it was asked for with; NULL: the first */
        bool came;
        struct store_page *page; /* NULL: error */
        struct error error;
    } asks[2];
    unsigned turn; /* which of them comes first */
};

static void add(struct app_sum *s, uint64_t bytes)
{
    s->objects++;
    s->bytes = s->bytes + bytes < bytes ? UINT64_MAX : s->bytes + bytes;
}

static struct app_sum *sum_of_class(struct app_count *c, const char *name)
{
    struct app_tally *t = &c->tally;
    char *copy;

    if (name == NULL)
        name = "";
    for (size_t i = 0; i < t->class_count; i++)
        if (strcmp(c->classes[i].name, name) == 0)
            return &c->classes[i].sum;
    if (t->class_count == CLASSES_MOST)
        name = "";
    copy = mem_strdup(name);
    if (copy == NULL || t->class_count > CLASSES_MOST) {
        free(copy);
        return NULL;
    }
    c->names[t->class_count] = copy;
    c->classes[t->class_count] = (struct app_tally_class){.name = copy};
    return &c->classes[t->class_count++].sum;
}

static enum app_age age_of(int64_t seconds)
{
    return seconds < DAY         ? APP_AGE_DAY
           : seconds < 7 * DAY   ? APP_AGE_WEEK
           : seconds < 30 * DAY  ? APP_AGE_MONTH
           : seconds < 365 * DAY ? APP_AGE_YEAR
                                 : APP_AGE_OLDER;
}

static enum pb_err count_page(struct app_count *c, const struct store_page *page, struct error *e)
{
    struct app_sum *class = NULL;
    const char *last = NULL;

    for (size_t i = 0; i < page->count; i++) {
        const struct store_entry *x = &page->entries[i];

        if (x->kind != STORE_OBJECT)
            continue;
        if (class == NULL || x->storage_class != last) {
            class = sum_of_class(c, x->storage_class);
            last = x->storage_class;
        }
        if (class == NULL)
            return error_nomem(e);
        add(class, x->size);
        add(&c->tally.all, x->size);
        add(&c->tally.ages[x->mtime != 0 ? age_of(c->now - x->mtime) : APP_AGE_UNKNOWN], x->size);
    }
    return PB_OK;
}

/* --- pages ---------------------------------------------------------------------------------- */

static void ask_end(struct ask *a)
{
    store_op_cancel(a->op);
    store_page_free(a->page);
    free(a->token);
    *a = (struct ask){.c = a->c};
}

static enum pb_err ask(struct app_count *c, struct ask *a, const char *token, struct error *e);

static void end(struct app_count *c, const struct error *e)
{
    ask_end(&c->asks[0]);
    ask_end(&c->asks[1]);
    c->tally.running = false;
    if (e != NULL) {
        c->tally.failed = true;
        c->tally.error = *e;
    }
}

/* The page whose turn it is; what was asked for ahead is the next, or is left. */
static void take(struct app_count *c, struct ask *a)
{
    struct ask *ahead = &c->asks[a == c->asks];
    struct store_page *page = a->page;
    struct error e = a->error;
    enum pb_err err = page != NULL ? count_page(c, page, &e) : e.code;

    a->page = NULL;
    ask_end(a);
    if (err != PB_OK || page->next == NULL) {
        end(c, err != PB_OK ? &e : NULL);
    } else if (ahead->token != NULL && strcmp(ahead->token, page->next) == 0) {
        c->turn = 1 - c->turn;
    } else {
        ask_end(ahead);
        if (ask(c, a, page->next, &e) != PB_OK)
            end(c, &e);
    }
    store_page_free(page);
}

static void on_page(void *ctx, struct store_page *page, const struct error *e)
{
    struct ask *a = ctx;
    struct app_count *c = a->c;

    a->op = NULL;
    a->came = true;
    a->page = page;
    if (e != NULL)
        a->error = *e;
    while (c->asks[c->turn].came)
        take(c, &c->asks[c->turn]);
    c->changed(c->ctx);
}

static void on_more(void *ctx, const char *token)
{
    struct ask *a = ctx, *ahead = &a->c->asks[a == a->c->asks];

    if (ahead->op == NULL && !ahead->came && ask(a->c, ahead, token, NULL) != PB_OK)
        ask_end(ahead); /* then in its turn */
}

static enum pb_err ask(struct app_count *c, struct ask *a, const char *token, struct error *e)
{
    struct store_list_request r = {.container = c->spot.container,
                                   .prefix = c->spot.key,
                                   .prefix_len = c->spot.key_len,
                                   .recursive = true,
                                   .token = token,
                                   .more = on_more};
    struct error error;

    if (token != NULL && (a->token = mem_strdup(token)) == NULL)
        return error_nomem(e);
    r.token = a->token;
    a->op = c->spot.store->ops->list(c->spot.store, &r, on_page, a, &error);
    if (a->op == NULL && e != NULL)
        *e = error;
    return a->op != NULL ? PB_OK : error.code;
}

/* --- from outside --------------------------------------------------------------------------- */

enum pb_err app_count_start(struct app *a, const struct location *where, void (*changed)(void *ctx),
                            void *ctx, struct app_count **out, struct error *e)
{
    struct app_count *c = mem_alloc(sizeof *c);
    struct error error;
    enum pb_err err;

    *out = NULL;
    if (c == NULL)
        return error_nomem(e);
    arena_init(&c->mem);
    c->asks[0].c = c->asks[1].c = c;
    c->changed = changed;
    c->ctx = ctx;
    c->now = clock_now();
    c->tally.classes = c->classes;
    c->tally.running = true;
    err = location_copy(&c->where, where, &error);
    if (err == PB_OK)
        err = app_resolve_folder(a, &c->where, &c->mem, &c->spot, &error);
    if (err == PB_OK && c->spot.container == NULL)
        err = error_set(&error, PB_EUSAGE, "objects are counted below a bucket or a folder");
    if (err == PB_OK)
        err = ask(c, &c->asks[0], NULL, &error);
    if (err == PB_OK) {
        *out = c;
        return PB_OK;
    }
    app_count_free(c);
    if (e != NULL)
        *e = error;
    return err;
}

void app_count_stop(struct app_count *c)
{
    if (!c->tally.running)
        return;
    end(c, NULL);
    c->tally.stopped = true;
}

const struct app_tally *app_count_tally(const struct app_count *c)
{
    return &c->tally;
}

const struct location *app_count_location(const struct app_count *c)
{
    return &c->where;
}

void app_count_free(struct app_count *c)
{
    if (c == NULL)
        return;
    end(c, NULL);
    for (size_t i = 0; i < c->tally.class_count; i++)
        free(c->names[i]);
    location_release(&c->where);
    arena_release(&c->mem);
    free(c);
}
