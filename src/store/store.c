#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/text.h>

#include "store_op.h"

#define SHOWN_COLUMNS 160
#define FAREWELL_US ((uint64_t)3 * 1000 * 1000)

/* ------------------------------------------------------------------------- operations */

void store_op_begin(struct store_op *op, const struct store_op_class *cls, struct store *s)
{
    op->cls = cls;
    op->store = s;
    op->prev = NULL;
    op->next = s->running;
    if (s->running)
        s->running->prev = op;
    s->running = op;
}

void store_op_end(struct store_op *op)
{
    if (op->prev)
        op->prev->next = op->next;
    else
        op->store->running = op->next;
    if (op->next)
        op->next->prev = op->prev;
    op->prev = op->next = NULL;
}

void store_op_cancel(struct store_op *op)
{
    if (op)
        op->cls->stop(op);
}

void store_op_resume(struct store_op *op)
{
    if (op->cls->resume)
        op->cls->resume(op);
}

void store_op_progress(const struct store_op *op, struct http_progress *out)
{
    *out = (struct http_progress){0};
    if (op->cls->progress)
        op->cls->progress(op, out);
}

static bool has_farewell(const struct store *s)
{
    for (const struct store_op *op = s->running; op; op = op->next)
        if (op->cls->farewell)
            return true;
    return false;
}

/* Everything else is stopped first. */
static void say_farewell(struct store *s)
{
    uint64_t end = clock_mono_us() + FAREWELL_US;
    struct store_op *next;

    for (struct store_op *op = s->running; op; op = next) {
        next = op->next;
        if (!op->cls->farewell) {
            store_op_cancel(op);
            next = s->running;
        }
    }
    while (has_farewell(s) && clock_mono_us() < end)
        if (loop_turn(s->loop, 100, NULL) != PB_OK)
            break;
}

void store_free(struct store *s)
{
    if (!s)
        return;
    say_farewell(s);
    while (s->running)
        store_op_cancel(s->running);
    s->ops->free(s);
}

enum pb_err store_add_job(struct store *s, struct job *j, struct error *e)
{
    return loop_add_job(s->loop, j, e);
}

void store_remove_job(struct store *s, struct job *j)
{
    loop_remove_job(s->loop, j);
}

void store_show(struct buf *out, const char *scheme, const char *container, const char *key,
                size_t key_len)
{
    if (scheme)
        buf_printf(out, "%s://", scheme);
    if (container)
        text_escape_cols(out, container, strlen(container), SHOWN_COLUMNS);
    if (key && key_len > 0) {
        if (container && (*container == '\0' || container[strlen(container) - 1] != '/'))
            buf_putc(out, '/');
        text_escape_cols(out, key, key_len, SHOWN_COLUMNS);
    }
}

/* --------------------------------------------------------------------------- identity */

static enum pb_err copy_text(char **to, const char *from, struct error *e)
{
    *to = NULL;
    if (!from)
        return PB_OK;
    *to = mem_strdup(from);
    return *to ? PB_OK : error_nomem(e);
}

enum pb_err store_identity_copy(struct store_identity *to, const struct store_identity *from,
                                struct error *e)
{
    enum pb_err err;

    *to = (struct store_identity){.size = from->size, .mtime = from->mtime};
    err = copy_text(&to->etag, from->etag, e);
    if (err == PB_OK)
        err = copy_text(&to->version_id, from->version_id, e);
    if (err != PB_OK)
        store_identity_release(to);
    return err;
}

void store_identity_release(struct store_identity *id)
{
    free(id->etag);
    free(id->version_id);
    *id = (struct store_identity){0};
}

/* The text of an ETag: without the mark of a weak one and without quotes. */
static const char *etag_text(const char *etag, size_t *n)
{
    if (strncmp(etag, "W/", 2) == 0)
        etag += 2;
    *n = strlen(etag);
    if (*n >= 2 && etag[0] == '"' && etag[*n - 1] == '"') {
        etag++;
        *n -= 2;
    }
    return etag;
}

static bool same_etag(const char *a, const char *b)
{
    size_t n, m;

    a = etag_text(a, &n);
    b = etag_text(b, &m);
    return n == m && memcmp(a, b, n) == 0;
}

bool store_identity_same(const struct store_identity *a, const struct store_identity *b)
{
    if (a->version_id && b->version_id && strcmp(a->version_id, b->version_id) != 0)
        return false;
    if (a->etag && b->etag)
        return same_etag(a->etag, b->etag);
    return a->size == b->size && a->mtime == b->mtime;
}

bool store_identity_matches(const struct store_identity *id, const char *etag)
{
    return id->etag && same_etag(id->etag, etag);
}

/* ---------------------------------------------------------------------------- objects */

void store_object_init(struct store_object *o)
{
    *o = (struct store_object){0};
}

void store_object_release(struct store_object *o)
{
    store_identity_release(&o->identity);
    http_headers_release(&o->keep);
    http_headers_release(&o->shown);
    store_object_init(o);
}

static enum pb_err copy_headers(struct http_headers *to, const struct http_headers *from,
                                struct error *e)
{
    enum pb_err err = PB_OK;
    size_t i;

    for (i = 0; err == PB_OK && i < from->len; i++)
        err = http_headers_add(to, from->data[i].name, from->data[i].value, e);
    return err;
}

enum pb_err store_object_copy(struct store_object *to, const struct store_object *from,
                              struct error *e)
{
    enum pb_err err;

    store_object_init(to);
    to->tags = from->tags;
    to->mode = from->mode;
    to->loses = from->loses;
    to->read_only = from->read_only;
    err = store_identity_copy(&to->identity, &from->identity, e);
    if (err == PB_OK)
        err = copy_headers(&to->keep, &from->keep, e);
    if (err == PB_OK)
        err = copy_headers(&to->shown, &from->shown, e);
    if (err != PB_OK)
        store_object_release(to);
    return err;
}

/* ------------------------------------------------------------------------------ pages */

struct store_page *store_page_new(void)
{
    struct store_page *p = mem_alloc(sizeof *p);

    if (p)
        arena_init(&p->mem);
    return p;
}

struct store_entry *store_page_take(struct store_page *p, size_t *cap, enum store_kind kind,
                                    char *name, size_t len)
{
    struct store_entry *entry;

    if (p->count == *cap) {
        size_t want = *cap ? *cap * 4 : 64; /* pages have a thousand */
        struct store_entry *more = arena_alloc(&p->mem, want * sizeof *more);

        if (!more)
            return NULL;
        if (p->count > 0)
            memcpy(more, p->entries, p->count * sizeof *more);
        p->entries = more;
        *cap = want;
    }
    entry = &p->entries[p->count++];
    *entry = (struct store_entry){.kind = kind, .name = name, .len = len};
    return entry;
}

struct store_entry *store_page_add(struct store_page *p, size_t *cap, enum store_kind kind,
                                   const char *name, size_t len)
{
    char *copy = arena_strndup(&p->mem, name, len);

    return copy ? store_page_take(p, cap, kind, copy, len) : NULL;
}

void store_page_free(struct store_page *p)
{
    if (!p)
        return;
    arena_release(&p->mem);
    free(p);
}
