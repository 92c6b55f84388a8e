#include <pklbrowse/listing.h>

#include <stdlib.h>
#include <string.h>

#include "listing_internal.h"

#define CLASSES_MOST 256

/* --- rows ---------------------------------------------------------------------------------- */

uint64_t listing_loaded(const struct listing *l)
{
    return l->loaded;
}

uint64_t listing_count(const struct listing *l)
{
    return listing_indexed(l) ? l->matches.len : l->loaded;
}

bool listing_loading(const struct listing *l)
{
    return store_pages_running(l->pages);
}

bool listing_complete(const struct listing *l)
{
    return l->complete;
}

const struct error *listing_error(const struct listing *l)
{
    return l->failed ? &l->error : NULL;
}

bool listing_below_prefix(const struct listing *l, const char *name, size_t len)
{
    return len >= l->prefix_len && memcmp(name, l->prefix, l->prefix_len) == 0;
}

static void fill_row(const struct listing *l, const struct record *r, struct listing_row *out)
{
    /* A server may answer with a name that does not begin with what was asked: shown whole, never
     * cut blindly. */
    size_t cut = listing_below_prefix(l, r->name, r->len) ? l->folder_len : 0;
    *out = (struct listing_row){
        .kind = (enum store_kind)r->kind,
        .name = r->name,
        .len = r->len,
        .shown = r->name + cut,
        .shown_len = r->len - cut,
        .size = r->size,
        .mtime = r->mtime,
        .marked = r->marked != 0,
        .class = r->class > 0 ? l->classes.data[r->class - 1] : NULL,
    };
}

bool listing_row(const struct listing *l, uint64_t i, struct listing_row *out)
{
    if (i >= listing_count(l))
        return false;
    fill_row(l, record_at(l, listing_indexed(l) ? l->matches.data[i] : i), out);
    return true;
}

bool listing_find(const struct listing *l, const char *name, size_t len, uint64_t *row)
{
    return listing_find_from(l, 0, name, len, row);
}

bool listing_find_from(const struct listing *l, uint64_t from, const char *name, size_t len,
                       uint64_t *row)
{
    for (uint64_t i = from; i < listing_count(l); i++) {
        const struct record *r = record_at(l, listing_indexed(l) ? l->matches.data[i] : i);
        if (r->len == len && memcmp(r->name, name, len) == 0) {
            *row = i;
            return true;
        }
    }
    return false;
}

/* --- marks --------------------------------------------------------------------------------- */

static void set_mark(struct listing *l, struct record *r, bool on)
{
    if (r->kind != STORE_OBJECT || (r->marked != 0) == on)
        return;
    r->marked = on ? 1 : 0;
    l->marked += on ? 1 : UINT64_MAX; /* one more or less */
    l->marked_bytes += on ? r->size : 0 - r->size;
}

bool listing_mark(struct listing *l, uint64_t i, bool on)
{
    struct record *r;

    if (i >= listing_count(l))
        return false;
    r = record_at(l, listing_indexed(l) ? l->matches.data[i] : i);
    set_mark(l, r, on);
    return r->kind == STORE_OBJECT;
}

void listing_mark_all(struct listing *l, bool on)
{
    for (uint64_t i = 0; i < listing_count(l); i++)
        (void)listing_mark(l, i, on);
}

void listing_unmark(struct listing *l)
{
    for (size_t i = 0; i < l->loaded && l->marked > 0; i++)
        set_mark(l, record_at(l, i), false);
}

uint64_t listing_marked(const struct listing *l, uint64_t *bytes)
{
    if (bytes != NULL)
        *bytes = l->marked_bytes;
    return l->marked;
}

bool listing_next_marked(const struct listing *l, uint64_t *at, struct listing_row *out)
{
    while (*at < l->loaded) {
        const struct record *r = record_at(l, (*at)++);

        if (r->marked == 0)
            continue;
        fill_row(l, r, out);
        out->hidden = !listing_passes(l, r);
        return true;
    }
    return false;
}

static int by_bytes(const char *a, size_t na, const char *b, size_t nb)
{
    int order = memcmp(a, b, na < nb ? na : nb);

    return order != 0 ? order : (na > nb) - (na < nb);
}

static int names_order(const void *a, const void *b)
{
    const struct name *x = a, *y = b;

    return by_bytes(x->name, x->len, y->name, y->len);
}

static bool to_mark_again(const struct listing *l, const struct record *r)
{
    size_t from = 0, to = l->again.len;

    while (from < to) {
        size_t mid = from + (to - from) / 2;
        const struct name *n = &l->again.data[mid];
        int order = by_bytes(r->name, r->len, n->name, n->len);

        if (order == 0)
            return true;
        if (order < 0)
            to = mid;
        else
            from = mid + 1;
    }
    return false;
}

static bool again(struct listing *l, const char *name, size_t len)
{
    struct name n = {mem_strndup(name, len), len};

    if (n.name != NULL && vec_push(&l->again, n))
        return true;
    free(n.name);
    return false;
}

/* Also those that are still to be marked there. */
enum pb_err listing_mark_as(struct listing *l, const struct listing *from, struct error *e)
{
    bool ok = true;

    for (size_t i = 0; i < from->loaded && ok; i++) {
        const struct record *r = record_at(from, i);

        ok = r->marked == 0 || again(l, r->name, r->len);
    }
    for (size_t i = 0; !from->complete && i < from->again.len && ok; i++)
        ok = again(l, from->again.data[i].name, from->again.data[i].len);
    if (l->again.len > 1)
        qsort(l->again.data, l->again.len, sizeof *l->again.data, names_order);
    for (size_t i = 0; i < l->loaded; i++)
        if (to_mark_again(l, record_at(l, i)))
            set_mark(l, record_at(l, i), true);
    return ok ? PB_OK : error_nomem(e);
}

/* --- pages --------------------------------------------------------------------------------- */

static char *keep_name(struct listing *l, const char *name, size_t len)
{
    char *copy;

    if (len + 1 > NAMES / 16)
        return arena_strndup(&l->names, name, len);
    if (len + 1 > l->names_left) {
        l->names_at = arena_alloc(&l->names, NAMES);
        l->names_left = l->names_at != NULL ? NAMES : 0;
    }
    copy = l->names_at;
    if (copy == NULL)
        return NULL;
    memcpy(copy, name, len);
    copy[len] = '\0';
    l->names_at += len + 1;
    l->names_left -= len + 1;
    return copy;
}

static bool keep_record(struct listing *l, const struct record *r)
{
    if (l->loaded == l->chunks.len * CHUNK) {
        struct record *more = mem_alloc(CHUNK * sizeof *more);

        if (more == NULL || !vec_push(&l->chunks, more)) {
            free(more);
            return false;
        }
    }
    *record_at(l, l->loaded++) = *r;
    return true;
}

/* There are few, and most rows are like the one before them.  Too many, or no memory: none is
 * known.
 */
static uint16_t keep_class(struct listing *l, const char *class)
{
    uint16_t last = l->loaded > 0 ? record_at(l, l->loaded - 1)->class : 0;
    char *copy;

    if (class == NULL || *class == '\0')
        return 0;
    if (last > 0 && strcmp(l->classes.data[last - 1], class) == 0)
        return last;
    for (size_t i = 0; i < l->classes.len; i++)
        if (strcmp(l->classes.data[i], class) == 0)
            return (uint16_t)(i + 1);
    copy = l->classes.len < CLASSES_MOST ? mem_strdup(class) : NULL;
    if (copy == NULL || !vec_push(&l->classes, copy)) {
        free(copy);
        return 0;
    }
    return (uint16_t)l->classes.len;
}

static enum pb_err add_entry(struct listing *l, const struct store_entry *entry, struct error *e)
{
    /* The folder's own zero-byte marker is not a row of the folder; with content it is a real
     * object. */
    if (entry->kind == STORE_OBJECT && entry->size == 0 && entry->len == l->prefix_len &&
        l->prefix_len > 0 && listing_below_prefix(l, entry->name, entry->len))
        return PB_OK;
    if (entry->len > UINT32_MAX)
        return error_set(e, PB_ELIMIT, "a name of %zu bytes is too long to list", entry->len);
    struct record r = {
        .name = keep_name(l, entry->name, entry->len),
        .len = (uint32_t)entry->len,
        .kind = (uint8_t)entry->kind,
        .class = keep_class(l, entry->storage_class),
        .size = entry->size,
        .mtime = entry->mtime,
    };
    if (!r.name || !keep_record(l, &r))
        return error_nomem(e);
    if (to_mark_again(l, &r))
        set_mark(l, record_at(l, l->loaded - 1), true);
    return PB_OK;
}

void listing_fail(struct listing *l, const struct error *e)
{
    l->failed = true;
    l->error = *e;
}

static void take_page(void *ctx, const struct store_page *page, const struct error *why)
{
    struct listing *l = ctx;
    enum pb_err err = PB_OK;
    struct error e;

    if (!page) {
        listing_fail(l, why);
        return;
    }
    for (size_t i = 0; err == PB_OK && i < page->count; i++)
        err = add_entry(l, &page->entries[i], &e);
    l->complete = page->next == NULL;
    arrange_page(l);
    if (err == PB_OK)
        return;
    store_pages_stop(l->pages);
    listing_fail(l, &e);
}

/* Asks for the next page when rows are wanted that are not here. */
static void pull(struct listing *l)
{
    struct error e;

    if (l->complete || l->failed || listing_count(l) >= l->wanted)
        return;
    if (store_pages_next(l->pages, l->wanted == UINT64_MAX, &e) != PB_OK)
        listing_fail(l, &e);
}

static void pages_taken(void *ctx)
{
    struct listing *l = ctx;

    pull(l);
    l->changed(l->ctx);
}

/* --- making and steering ------------------------------------------------------------------- */

static enum pb_err make_pages(struct listing *l)
{
    struct store_list_request r = {
        .container = l->container, .prefix = l->prefix, .prefix_len = l->prefix_len};
    struct store_pages_user user = {take_page, pages_taken, l};

    return store_pages_new(l->store, &r, &user, &l->pages, NULL);
}

enum pb_err listing_new(struct store *s, const char *container, const char *prefix,
                        size_t prefix_len, void (*changed)(void *ctx), void *ctx,
                        struct listing **out, struct error *e)
{
    struct listing *l = mem_alloc(sizeof(*l));
    if (!l)
        return error_nomem(e);
    arena_init(&l->names);
    l->store = s;
    l->changed = changed;
    l->ctx = ctx;
    l->prefix = mem_strndup(prefix, prefix_len);
    l->prefix_len = l->folder_len = prefix_len;
    while (l->folder_len > 0 && prefix[l->folder_len - 1] != '/')
        l->folder_len--;
    l->container = container ? mem_strdup(container) : NULL;
    if (!l->prefix || (container && !l->container) || make_pages(l) != PB_OK) {
        listing_free(l);
        return error_nomem(e);
    }
    listing_want(l, 1);
    *out = l;
    return PB_OK;
}

void listing_free(struct listing *l)
{
    if (!l)
        return;
    store_pages_free(l->pages);
    arrange_free(l);
    arena_release(&l->names);
    for (size_t i = 0; i < l->chunks.len; i++)
        free(l->chunks.data[i]);
    vec_release(&l->chunks);
    for (size_t i = 0; i < l->classes.len; i++)
        free(l->classes.data[i]);
    vec_release(&l->classes);
    for (size_t i = 0; i < l->again.len; i++)
        free(l->again.data[i].name);
    vec_release(&l->again);
    free(l->container);
    free(l->prefix);
    free(l);
}

void listing_want(struct listing *l, uint64_t rows)
{
    if (rows > l->wanted)
        l->wanted = rows;
    pull(l);
}

void listing_want_all(struct listing *l)
{
    listing_want(l, UINT64_MAX);
}

void listing_stop(struct listing *l)
{
    store_pages_stop(l->pages);
    l->wanted = 0;
}
