/* pathlib: parts joined as the path classes join them. */
#include "lens.h"
#include "make.h"

#include <string.h>

#include <pklbrowse/pkl_repr.h>

enum { PATH_POSIX, PATH_WINDOWS };

/* A path while parts are added: what stands before the names, and the names with '/' between them.
 */
struct joined {
    struct buf drive; /* "C:", "//host/share" */
    struct buf root;  /* "/", "//" or nothing */
    struct buf names;
};

static void add_names(struct joined *j, const char *s, size_t n)
{
    while (n > 0) {
        const char *slash = memchr(s, '/', n);
        size_t len = slash != NULL ? (size_t)(slash - s) : n;

        if (len > 0 && !(len == 1 && *s == '.')) {
            if (j->names.len > 0)
                buf_putc(&j->names, '/');
            buf_append(&j->names, s, len);
        }
        s += len + (slash != NULL);
        n -= len + (slash != NULL);
    }
}

static size_t leading_slashes(const char *s, size_t n)
{
    size_t i = 0;

    while (i < n && s[i] == '/')
        i++;
    return i;
}

static bool add_posix(struct joined *j, const char *s, size_t n)
{
    size_t slashes = leading_slashes(s, n);

    if (slashes > 0) {
        buf_clear(&j->names);
        buf_clear(&j->root);
        buf_puts(&j->root, slashes == 2 ? "//" : "/");
    }
    add_names(j, s + slashes, n - slashes);
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Bytes of "//host/share" at the start; 0: none. */
static size_t share_length(const char *s, size_t n)
{
    const char *host, *share;

    if (n < 5 || leading_slashes(s, n) != 2)
        return 0;
    host = memchr(s + 2, '/', n - 2);
    if (host == NULL || host + 1 == s + n || host[1] == '/')
        return 0;
    share = memchr(host + 1, '/', (size_t)(s + n - host - 1));
    return share != NULL ? (size_t)(share - s) : n;
}

/* `s` has '/' only.  False: a form that is not decoded here. */
static bool add_windows(struct joined *j, const char *s, size_t n)
{
    size_t drive = n >= 2 && s[1] == ':' && is_letter(s[0]) ? 2 : share_length(s, n);
    size_t slashes = leading_slashes(s + drive, n - drive);

    if (n >= 4 && s[0] == '/' && s[1] == '/' && (s[2] == '?' || s[2] == '.') && s[3] == '/')
        return false;
    if (drive == 0 && slashes >= 2)
        return false;
    if (drive > 0) {
        buf_clear(&j->drive);
        buf_append(&j->drive, s, drive);
    }
    if (drive > 0 || slashes > 0) {
        buf_clear(&j->names);
        buf_clear(&j->root);
    }
    if (slashes > 0 || drive > 2)
        buf_puts(&j->root, j->root.len == 0 ? "/" : "");
    add_names(j, s + drive + slashes, n - drive - slashes);
    return true;
}

static enum pb_err add_part(struct lens_reader *r, const struct pkl_node *part, bool windows,
                            struct joined *j, struct lens *l, struct error *e)
{
    struct buf *text = &r->leaf.data;
    bool good;
    enum pb_err err = lens_str(r, part, "a part", l, e);

    if (err != PB_OK)
        return err;
    for (size_t i = 0; windows && i < text->len; i++) {
        if (text->data[i] == '\\')
            text->data[i] = '/';
    }
    good = windows ? add_windows(j, text->data, text->len) : add_posix(j, text->data, text->len);
    return good ? PB_OK : lens_refuse(l, "a path of a device or without a share");
}

static enum pb_err put_path(struct lens_reader *r, const struct lens_call *c, struct joined *j,
                            struct lens *l, struct error *e)
{
    bool windows = c->row->detail == PATH_WINDOWS;
    struct pkl_child kids[32];
    enum pb_err err = PB_OK;

    for (uint64_t at = 0; at < c->count && err == PB_OK;) {
        size_t got;

        err = r->view->children(r->view, c->args.target, at, 32, kids, &got, e);
        if (err == PB_OK && got == 0)
            break;
        for (size_t i = 0; i < got && err == PB_OK; i++, at++)
            err = add_part(r, &kids[i].value, windows, j, l, e);
    }
    if (err != PB_OK)
        return err;
    buf_append(&j->drive, j->root.data, j->root.len);
    buf_append(&j->drive, j->names.data, j->names.len);
    if (j->drive.len == 0)
        buf_putc(&j->drive, '.');
    err = buf_status(&j->drive, e);
    if (err == PB_OK)
        err = buf_status(&j->names, e);
    buf_printf(&l->text, "%s(", c->row->name);
    pkl_repr_str(&l->text, j->drive.data, j->drive.len, false);
    buf_putc(&l->text, ')');
    return err;
}

static enum pb_err read_path(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                             struct error *e)
{
    struct joined j;
    enum pb_err err;

    buf_init(&j.drive, LENS_TEXT_MAX * 2);
    buf_init(&j.root, 16);
    buf_init(&j.names, LENS_TEXT_MAX);
    err = put_path(r, c, &j, l, e);
    buf_release(&j.drive);
    buf_release(&j.root);
    buf_release(&j.names);
    return err;
}

#define PATH(name, detail)                                                                         \
    {"pathlib", name, "pathlib." name, LENS_BOTH, 0, 4096, read_path, detail},                     \
    {                                                                                              \
        "pathlib._local", name, "pathlib." name, LENS_BOTH, 0, 4096, read_path, detail             \
    }

static const struct lens_row rows[] = {
    PATH("PurePosixPath", PATH_POSIX),
    PATH("PosixPath", PATH_POSIX),
    PATH("PureWindowsPath", PATH_WINDOWS),
    PATH("WindowsPath", PATH_WINDOWS),
};
const struct lens_family lens_pathlib = {rows, sizeof rows / sizeof rows[0]};

/* ------------------------------------------------------------------- the way back */

static enum pb_err join_args(struct maker *m, struct joined *j)
{
    bool windows = m->row->detail == PATH_WINDOWS;
    enum pb_err err = PB_OK;

    for (const struct literal *a = m->args->first; a != NULL && err == PB_OK; a = a->next) {
        char *text;

        err = make_str_arg(m, a, "a part of a path");
        if (err != PB_OK)
            break;
        text = arena_strndup(m->t->mem, a->data, a->len);
        if (text == NULL)
            return error_nomem(m->t->e);
        for (size_t i = 0; windows && i < a->len; i++)
            text[i] = text[i] == '\\' ? '/' : text[i];
        if (!(windows ? add_windows(j, text, a->len) : add_posix(j, text, a->len)))
            err = make_bad(m, a, "a path of a device or without a share");
    }
    buf_append(&j->drive, j->root.data, j->root.len);
    if (err == PB_OK)
        err = buf_status(&j->drive, m->t->e);
    return err == PB_OK ? buf_status(&j->names, m->t->e) : err;
}

/* The parts are the arguments: drive and root together, then each name. */
static enum pb_err make_path(struct maker *m, struct literal **out)
{
    struct make_chain args = make_chain(m, PKL_TUPLE);
    struct joined j;
    enum pb_err err;

    buf_init(&j.drive, LENS_TEXT_MAX * 2);
    buf_init(&j.root, 16);
    buf_init(&j.names, LENS_TEXT_MAX);
    err = join_args(m, &j);
    for (size_t i = 0; m->row->detail == PATH_WINDOWS && i < j.drive.len; i++)
        j.drive.data[i] = j.drive.data[i] == '/' ? '\\' : j.drive.data[i];
    if (j.drive.len > 0)
        make_add(m, &args, make_str(m, j.drive.data, j.drive.len));
    for (size_t at = 0; err == PB_OK && at < j.names.len;) {
        const char *slash = memchr(j.names.data + at, '/', j.names.len - at);
        size_t n = slash != NULL ? (size_t)(slash - j.names.data) - at : j.names.len - at;

        make_add(m, &args, make_str(m, j.names.data + at, n));
        at += n + 1;
    }
    if (err == PB_OK)
        err = make_done(m,
                        make_object(m, 0, make_global(m, m->row->module, m->row->name), args.node,
                                    NULL, NULL, NULL),
                        out);
    buf_release(&j.drive);
    buf_release(&j.root);
    buf_release(&j.names);
    return err;
}

static const struct make_row makers[] = {
    {"pathlib", "PurePosixPath", "", 0, MAKE_FREE, make_path, PATH_POSIX},
    {"pathlib", "PosixPath", "", 0, MAKE_FREE, make_path, PATH_POSIX},
    {"pathlib", "PureWindowsPath", "", 0, MAKE_FREE, make_path, PATH_WINDOWS},
    {"pathlib", "WindowsPath", "", 0, MAKE_FREE, make_path, PATH_WINDOWS},
};
const struct make_family make_pathlib = {makers, sizeof makers / sizeof makers[0]};
