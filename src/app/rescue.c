/*
 * Edits that are not saved when the program has to end, and making them again.
 *
 * A file for an object, SHA-256-OF-ITS-LOCATION.N in the state folder "unsaved" (0600), N the first
 * that is free: lines "key: value", values percent-encoded; at its end a line for every change:
 *
 *   change: PATH DIGEST LITERAL
 *
 * the path in the object as it was read, the SHA-256 of the repr() of what stood there ("-":
 * nothing did), and what shall; the same behind "renamed:" with the new key, "deleted:" with "-",
 * "added:" with a path in what there was in the end.  What was moved stands the same way behind
 * "other:", for a person to read; it is not made again.  A line without its end was cut off and
 * does not count.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/digest.h>
#include <pklbrowse/num.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#include "rescue.h"

#define NUMBERS 100 /* files of one object */
#define FILE_MAX ((size_t)1 << 30)

/* --- names ---------------------------------------------------------------------------------- */

static enum pb_err file_stem(const struct location *loc, struct buf *out, struct error *e)
{
    uint8_t hash[SHA256_LEN];
    struct buf where;
    enum pb_err err;

    buf_init(&where, BUF_MAX_LINE);
    location_format(&where, loc);
    err = buf_status(&where, e);
    if (err == PB_OK)
        err = sha256(where.data, where.len, hash, e);
    if (err == PB_OK)
        err = history_state_folder("unsaved", out, e);
    if (err == PB_OK) {
        buf_putc(out, '/');
        hex_encode(out, hash, 16);
        buf_putc(out, '.');
        err = buf_status(out, e);
    }
    buf_release(&where);
    return err;
}

static int open_new(struct buf *path, struct error *e)
{
    size_t stem = path->len;
    int fd = -1;

    for (unsigned n = 0; n < NUMBERS && fd < 0; n++) {
        buf_truncate(path, stem);
        buf_printf(path, "%u", n);
        fd = open(path->data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    if (fd < 0)
        (void)error_errno(e, errno, "cannot write", path->data);
    return fd;
}

/* --- writing -------------------------------------------------------------------------------- */

static void add_line(struct buf *out, const char *key, const char *value)
{
    buf_printf(out, "%s: ", key);
    uri_encode(out, value, strlen(value), true);
    buf_putc(out, '\n');
}

static void add_head(const struct app_object *o, struct buf *out)
{
    const struct store_identity *id = &o->info.identity;
    struct buf where;

    buf_init(&where, BUF_MAX_LINE);
    location_format(&where, &o->loc);
    buf_puts(out, "pklbrowse-unsaved: 1\n");
    add_line(out, "location", where.data);
    buf_release(&where);
    buf_printf(out, "when: %lld\nsize: %llu\nmtime: %lld\n", (long long)clock_now(),
               (unsigned long long)id->size, (long long)id->mtime);
    if (id->etag != NULL)
        add_line(out, "etag", id->etag);
    if (id->version_id != NULL)
        add_line(out, "version", id->version_id);
}

static const char *const keys[KEPT_KINDS] = {
    [KEPT_SET] = "change: ",  [KEPT_RENAMED] = "renamed: ", [KEPT_DELETED] = "deleted: ",
    [KEPT_ADDED] = "added: ", [KEPT_OTHER] = "other: ",
};

static enum pb_err add_node(struct pkl_view *v, const struct pkl_node *node, struct buf *out,
                            struct error *e)
{
    struct pkl_repr_opts opts = {.style = PKL_REPR_LINE};
    struct buf text;
    struct sink to = sink_buf(&text);
    enum pb_err err;

    buf_init(&text, FILE_MAX);
    err = pkl_repr(v, node, &opts, &to, e);
    if (err == PB_OK) {
        uri_encode(out, text.data, text.len, false);
        err = buf_status(out, e);
    }
    buf_release(&text);
    return err;
}

/* One line. */
static enum pb_err add_kind(struct app_object *o, const struct pkl_change *change,
                            enum kept_kind kind, struct buf *out, struct error *e)
{
    struct pkl_view *v = pkl_edit_view(o->edit);
    uint8_t hash[SHA256_LEN];
    struct buf path;
    enum pb_err err;

    buf_init(&path, BUF_MAX_TEXT);
    err = app_change_path(o, change, PATH_FORM_PATH, &path, e);
    if (err == PB_OK && change->old.id != 0)
        err = app_value_digest(pkl_edit_saved_view(o->edit), &change->old, hash, e);
    if (err == PB_OK) {
        buf_puts(out, keys[kind]);
        uri_encode(out, path.data, path.len, false);
        buf_putc(out, ' ');
        if (change->old.id != 0)
            hex_encode(out, hash, sizeof hash);
        else
            buf_putc(out, '-');
        buf_putc(out, ' ');
        if (kind == KEPT_DELETED)
            buf_putc(out, '-');
        else
            err =
                add_node(v, kind == KEPT_RENAMED ? &change->new_key : &change->place.value, out, e);
        buf_putc(out, '\n');
    }
    buf_release(&path);
    return err == PB_OK ? buf_status(out, e) : err;
}

static enum pb_err add_change(struct app_object *o, size_t i, struct buf *out, struct error *e)
{
    struct pkl_change change;
    enum pb_err err = pkl_edit_unsaved_change(o->edit, i, &change, e);
    unsigned what = change.what;

    if (err != PB_OK)
        return err;
    if (change.elsewhere || (what & PKL_CHANGE_MOVED) != 0)
        return add_kind(o, &change, KEPT_OTHER, out, e);
    if ((what & PKL_CHANGE_DELETED) != 0)
        return add_kind(o, &change, KEPT_DELETED, out, e);
    if ((what & PKL_CHANGE_ADDED) != 0)
        return add_kind(o, &change, KEPT_ADDED, out, e);
    if ((what & PKL_CHANGE_SET) != 0)
        err = add_kind(o, &change, KEPT_SET, out, e);
    if (err == PB_OK && (what & PKL_CHANGE_RENAMED) != 0)
        err = add_kind(o, &change, KEPT_RENAMED, out, e);
    return err;
}

/* One change that has no text must not cost the others: the first error is told at the end. */
enum pb_err app_rescue_keep(struct app_object *o, struct error *e)
{
    size_t n = o->edit != NULL ? pkl_edit_unsaved(o->edit) : 0;
    struct buf path, text;
    struct sink to;
    struct error later;
    enum pb_err err, first = PB_OK;
    int fd;

    if (n == 0)
        return PB_OK;
    buf_init(&path, BUF_MAX_LINE);
    buf_init(&text, FILE_MAX);
    err = file_stem(&o->loc, &path, e);
    fd = err == PB_OK ? open_new(&path, e) : -1;
    if (fd >= 0) {
        to = sink_fd(&fd);
        add_head(o, &text);
        for (size_t i = 0; i < n; i++) {
            err = add_change(o, i, &text, &later);
            if (err == PB_OK)
                err = sink_write(&to, text.data, text.len, &later);
            buf_clear(&text);
            if (err != PB_OK && first == PB_OK && e != NULL)
                *e = later;
            first = first == PB_OK ? err : first;
        }
        if (fsync(fd) != 0 && first == PB_OK)
            first = error_errno(e, errno, "cannot write", path.data);
        (void)close(fd);
    } else {
        first = err == PB_OK ? PB_EIO : err;
    }
    buf_release(&path);
    buf_release(&text);
    return first;
}

/* --- reading -------------------------------------------------------------------------------- */

static enum pb_err read_file(const char *path, struct buf *out, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char piece[16384];
    ssize_t n;

    if (fd < 0)
        return error_errno(e, errno, "cannot read", path);
    while ((n = read(fd, piece, sizeof piece)) > 0)
        buf_append(out, piece, (size_t)n);
    (void)close(fd);
    return n < 0 ? error_errno(e, EIO, "cannot read", path) : buf_status(out, e);
}

static char *decoded(const char *s, size_t n)
{
    struct buf b;
    char *text;

    buf_init(&b, FILE_MAX);
    uri_decode(&b, s, n, false);
    text = buf_status(&b, NULL) == PB_OK ? mem_strndup(b.data, b.len) : NULL;
    buf_release(&b);
    return text;
}

static bool take_change(struct rescue *r, const char *s, size_t n, enum kept_kind kind)
{
    struct kept_change c = {.kind = kind};
    size_t a = 0, b;

    while (a < n && s[a] != ' ')
        a++;
    for (b = a + 1; b < n && s[b] != ' ';)
        b++;
    if (b >= n)
        return true; /* not a line of ours */
    c.path = decoded(s, a);
    c.digest = decoded(s + a + 1, b - a - 1);
    c.literal = decoded(s + b + 1, n - b - 1);
    if (c.path != NULL && c.digest != NULL && c.literal != NULL && vec_push(&r->changes, c))
        return true;
    free(c.path);
    free(c.digest);
    free(c.literal);
    return false;
}

struct kept_head {
    uint64_t when, mtime, size;
    struct store_identity id;
};

/* The value behind a key; NULL: the line has another one. */
static const char *value_of(const char *line, size_t n, const char *key, size_t *len)
{
    size_t k = strlen(key);

    if (n < k || memcmp(line, key, k) != 0)
        return NULL;
    *len = n - k;
    return line + k;
}

static bool take_line(struct rescue *r, struct kept_head *h, const char *line, size_t n)
{
    const char *v;
    size_t len;

    for (enum kept_kind k = KEPT_SET; k < KEPT_KINDS; k++)
        if ((v = value_of(line, n, keys[k], &len)) != NULL)
            return take_change(r, v, len, k);
    if ((v = value_of(line, n, "when: ", &len)) != NULL)
        (void)num_parse_u64(v, len, &h->when);
    else if ((v = value_of(line, n, "size: ", &len)) != NULL)
        (void)num_parse_u64(v, len, &h->size);
    else if ((v = value_of(line, n, "mtime: ", &len)) != NULL)
        (void)num_parse_u64(v, len, &h->mtime);
    else if ((v = value_of(line, n, "etag: ", &len)) != NULL)
        h->id.etag = decoded(v, len);
    else if ((v = value_of(line, n, "version: ", &len)) != NULL)
        h->id.version_id = decoded(v, len);
    return true;
}

static enum pb_err parse(struct rescue *r, const struct app_object *o, const struct buf *text,
                         struct error *e)
{
    struct kept_head h = {0};
    const char *p = text->data, *end = p + text->len, *stop;
    bool ok = true;

    for (; ok && (stop = memchr(p, '\n', (size_t)(end - p))) != NULL; p = stop + 1)
        ok = take_line(r, &h, p, (size_t)(stop - p));
    h.id.size = h.size;
    h.id.mtime = (int64_t)h.mtime;
    r->pub.when = (int64_t)h.when;
    r->pub.count = r->changes.len;
    r->pub.other_version = !store_identity_same(&h.id, &o->info.identity);
    store_identity_release(&h.id);
    return ok ? PB_OK : error_nomem(e);
}

/* The newest file: the one with the highest number. */
static bool newest(struct buf *path)
{
    size_t stem = path->len;

    for (unsigned n = NUMBERS; n-- > 0;) {
        buf_truncate(path, stem);
        buf_printf(path, "%u", n);
        if (access(path->data, R_OK) == 0)
            return true;
    }
    return false;
}

enum pb_err app_rescue_find(struct app_object *o, struct app_rescue **out, struct error *e)
{
    struct rescue *r = NULL;
    struct buf path, text;
    enum pb_err err;

    *out = NULL;
    buf_init(&path, BUF_MAX_LINE);
    buf_init(&text, FILE_MAX);
    err = file_stem(&o->loc, &path, e);
    if (err == PB_OK && newest(&path)) {
        r = mem_alloc(sizeof *r);
        err = r == NULL ? error_nomem(e) : read_file(path.data, &text, e);
        if (err == PB_OK)
            err = parse(r, o, &text, e);
        if (err == PB_OK && (r->file = buf_take(&path, NULL)) == NULL)
            err = error_nomem(e);
        if (err == PB_OK)
            *out = &r->pub;
        else
            app_rescue_free(r != NULL ? &r->pub : NULL);
    }
    buf_release(&path);
    buf_release(&text);
    return err;
}

void app_rescue_free(struct app_rescue *rescue)
{
    struct rescue *r = (struct rescue *)rescue;

    if (r == NULL)
        return;
    for (size_t i = 0; i < r->changes.len; i++) {
        free(r->changes.data[i].path);
        free(r->changes.data[i].digest);
        free(r->changes.data[i].literal);
    }
    vec_release(&r->changes);
    free(r->file);
    free(r);
}

void app_rescue_forget(const struct app_rescue *rescue)
{
    (void)unlink(((const struct rescue *)rescue)->file);
}
