/*
 * A file in an archive as a location: LOCATION!/FILE.
 *
 * A key's bytes are its own, "!/" too: an object of the whole name comes first.  Only when there is
 * none, the archive is looked for in front of the first "!/", then of the next.
 */
#include <string.h>

#include <pklbrowse/mem.h>

#include "app_private.h"

/* Offset of the next "!/" with something behind it; n: there is none. */
static size_t find_mark(const char *key, size_t from, size_t n)
{
    for (size_t i = from; i + 2 < n; i++) {
        if (key[i] == '!' && key[i + 1] == '/')
            return i;
    }
    return n;
}

static enum pb_err move_to(struct app_object *o, const char *key, size_t mark, size_t n,
                           struct error *e)
{
    char *archive = arena_strndup(&o->mem, key, mark);
    char *member = arena_strndup(&o->mem, key + mark + 2, n - mark - 2);
    struct location at;
    struct buf path;
    enum pb_err err;

    if (archive == NULL || member == NULL)
        return error_nomem(e);
    buf_init(&path, BUF_MAX_LINE);
    if (o->loc.scheme == LOC_LOCAL)
        buf_putc(&path, '/'); /* of which a local spot's key says nothing */
    buf_append(&path, key, mark);
    err = buf_status(&path, e);
    if (err == PB_OK)
        err = location_make(&at, o->loc.scheme, o->loc.container, path.data, path.len, e);
    buf_release(&path);
    if (err != PB_OK)
        return err;
    location_release(&o->at);
    o->at = at;
    o->spot.key = archive;
    o->spot.key_len = mark;
    o->member = member;
    o->member_len = n - mark - 2;
    return PB_OK;
}

bool member_next(struct app_object *o, struct error *e)
{
    /* What was looked for is the spot's key, or that and the member. */
    size_t from = o->member != NULL ? o->spot.key_len + 1 : 1;
    const char *member = o->member;
    struct buf key;
    size_t mark;
    bool found;

    if (o->loc.scheme == LOC_HTTP)
        return false;
    buf_init(&key, BUF_MAX_LINE);
    buf_append(&key, o->spot.key, o->spot.key_len);
    if (member != NULL)
        buf_printf(&key, "!/%s", member);
    mark = buf_status(&key, NULL) == PB_OK ? find_mark(key.data, from, key.len) : key.len;
    found = mark < key.len && move_to(o, key.data, mark, key.len, e) == PB_OK;
    buf_release(&key);
    return found;
}
