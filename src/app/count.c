/* Objects below a place, counted page by page while something else goes on. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/store_pages.h>

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
    struct store_pages *pages;
};

static void add(struct app_sum *s, uint64_t bytes)
{
    s->objects++;
    s->bytes = s->bytes + bytes < bytes ? UINT64_MAX : s->bytes + bytes;
}

static struct app_sum *find_class(struct app_count *c, const char *name)
{
    for (size_t i = 0; i < c->tally.class_count; i++)
        if (strcmp(c->classes[i].name, name) == 0)
            return &c->classes[i].sum;
    return NULL;
}

static struct app_sum *sum_of_class(struct app_count *c, const char *name)
{
    struct app_tally *t = &c->tally;
    struct app_sum *sum = find_class(c, name != NULL ? name : "");
    char *copy;

    if (sum == NULL && t->class_count >= CLASSES_MOST)
        sum = find_class(c, name = "");
    if (sum != NULL)
        return sum;
    copy = mem_strdup(name != NULL ? name : "");
    if (copy == NULL)
        return NULL;
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

static void end(struct app_count *c, const struct error *e)
{
    if (c->pages != NULL)
        store_pages_stop(c->pages);
    c->tally.running = false;
    if (e != NULL) {
        c->tally.failed = true;
        c->tally.error = *e;
    }
}

static void take_page(void *ctx, const struct store_page *page, const struct error *why)
{
    struct app_count *c = ctx;
    struct error e;

    if (page == NULL)
        end(c, why);
    else if (count_page(c, page, &e) != PB_OK)
        end(c, &e);
    else if (page->next == NULL)
        end(c, NULL);
}

static void pages_taken(void *ctx)
{
    struct app_count *c = ctx;
    struct error e;

    if (c->tally.running && store_pages_next(c->pages, true, &e) != PB_OK)
        end(c, &e);
    c->changed(c->ctx);
}

static enum pb_err begin(struct app_count *c, struct error *e)
{
    struct store_list_request r = {.container = c->spot.container,
                                   .prefix = c->spot.key,
                                   .prefix_len = c->spot.key_len,
                                   .recursive = true};
    struct store_pages_user user = {take_page, pages_taken, c};
    enum pb_err err = store_pages_new(c->spot.store, &r, &user, &c->pages, e);

    return err == PB_OK ? store_pages_next(c->pages, true, e) : err;
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
        err = begin(c, &error);
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
    store_pages_free(c->pages);
    for (size_t i = 0; i < c->tally.class_count; i++)
        free(c->names[i]);
    location_release(&c->where);
    arena_release(&c->mem);
    free(c);
}
