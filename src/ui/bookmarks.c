/*
 * Locations one comes back to, and those where one was last: kept in the state folder, one a line,
 * as they are typed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/store.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "state.h"

#define FILE_MAX (1024u * 1024u)
#define RECENT_MAX 30

struct bookmarks {
    const char *file; /* its name in the folder */
    struct {
        char **data;
        size_t len, cap;
    } all;
};

void bookmarks_free(struct bookmarks *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->all.len; i++)
        free(m->all.data[i]);
    vec_release(&m->all);
    free(m);
}

static void release(void *ctx)
{
    bookmarks_free(ctx);
}

static bool path_of(const char *file, struct buf *out, struct error *e)
{
    if (history_state_folder("bookmarks", out, e) != PB_OK)
        return false;
    buf_putc(out, '/');
    buf_puts(out, file);
    return buf_status(out, e) == PB_OK;
}

/* A file that is not there holds nothing. */
static bool read_file(const char *path, struct buf *out, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char piece[4096];
    ssize_t n;

    if (fd < 0 && errno == ENOENT)
        return true;
    if (fd < 0) {
        (void)error_errno(e, errno, "cannot read", path);
        return false;
    }
    while ((n = read(fd, piece, sizeof piece)) > 0)
        buf_append(out, piece, (size_t)n);
    (void)close(fd);
    return buf_status(out, e) == PB_OK;
}

static struct bookmarks *load(const char *file, struct error *e)
{
    struct bookmarks *m = mem_alloc(sizeof *m);
    struct buf path, text;
    bool ok = m != NULL;

    buf_init(&path, BUF_MAX_LINE);
    buf_init(&text, FILE_MAX);
    if (!ok)
        (void)error_nomem(e);
    else
        m->file = file;
    ok = ok && path_of(file, &path, e) && read_file(path.data, &text, e);
    for (const char *p = text.data; ok && *p != '\0';) {
        size_t n = strcspn(p, "\n");
        char *line = n > 0 ? mem_strndup(p, n) : NULL;

        ok = n == 0 || (line != NULL && vec_push(&m->all, line));
        if (!ok) {
            free(line);
            (void)error_nomem(e);
        }
        p += n + (p[n] == '\n');
    }
    buf_release(&path);
    buf_release(&text);
    if (ok)
        return m;
    bookmarks_free(m);
    return NULL;
}

/* All of it anew beside the old one, which it then replaces. */
static bool save(const struct bookmarks *m, struct error *e)
{
    struct buf path, temp, text;
    struct sink to;
    int fd = -1;
    bool ok;

    buf_init(&path, BUF_MAX_LINE);
    buf_init(&temp, BUF_MAX_LINE);
    buf_init(&text, FILE_MAX);
    ok = path_of(m->file, &path, e);
    buf_printf(&temp, "%s.new", path.data);
    for (size_t i = 0; i < m->all.len; i++)
        buf_printf(&text, "%s\n", m->all.data[i]);
    ok = ok && buf_status(&temp, e) == PB_OK && buf_status(&text, e) == PB_OK;
    if (ok && (fd = open(temp.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0) {
        (void)error_errno(e, errno, "cannot write", temp.data);
        ok = false;
    }
    to = sink_fd(&fd);
    ok = ok && sink_write(&to, text.data, text.len, e) == PB_OK;
    if (fd >= 0 && close(fd) == 0 && ok && rename(temp.data, path.data) != 0) {
        (void)error_errno(e, errno, "cannot write", path.data);
        ok = false;
    }
    buf_release(&path);
    buf_release(&temp);
    buf_release(&text);
    return ok;
}

struct bookmarks *bookmarks_load(bool recent, struct error *e)
{
    return load(recent ? "recent" : "list", e);
}

size_t bookmarks_count(const struct bookmarks *m)
{
    return m != NULL ? m->all.len : 0;
}

const char *bookmarks_at(const struct bookmarks *m, size_t i)
{
    return m->all.data[i];
}

static size_t find_mark(const struct bookmarks *m, const char *text)
{
    size_t i = 0;

    while (i < m->all.len && strcmp(m->all.data[i], text) != 0)
        i++;
    return i;
}

bool bookmarks_have(const struct bookmarks *m, const char *text)
{
    return m != NULL && find_mark(m, text) < m->all.len;
}

static void take_out(struct bookmarks *m, size_t i)
{
    free(m->all.data[i]);
    memmove(m->all.data + i, m->all.data + i + 1, (--m->all.len - i) * sizeof *m->all.data);
}

/* --- where one was last ---------------------------------------------------------------------- */

/* The newest first.  What cannot be kept is not: nothing depends on it. */
void recent_add(struct ui *u, const struct location *where)
{
    struct bookmarks *m;
    struct buf text;
    struct error e;
    char *copy;

    if (!u->settings.recent || where->scheme == LOC_STDIO || where->scheme == LOC_HTTP ||
        app_get_options(u->app)->demo)
        return;
    buf_init(&text, BUF_MAX_LINE);
    location_format(&text, where);
    m = text.failed == PB_OK && strchr(text.data, '\n') == NULL ? load("recent", &e) : NULL;
    if (m != NULL && (m->all.len == 0 || strcmp(m->all.data[0], text.data) != 0)) {
        size_t i = find_mark(m, text.data);

        if (i < m->all.len)
            take_out(m, i);
        while (m->all.len >= RECENT_MAX)
            take_out(m, m->all.len - 1);
        copy = mem_strdup(text.data);
        if (copy != NULL && vec_push(&m->all, copy)) {
            memmove(m->all.data + 1, m->all.data, (m->all.len - 1) * sizeof *m->all.data);
            m->all.data[0] = copy;
            if (!save(m, &e))
                log_line("%s", e.msg);
        } else {
            free(copy);
        }
    }
    bookmarks_free(m);
    buf_release(&text);
}

/* --- adding and taking away ----------------------------------------------------------------- */

/* What is under the cursor: the open object in its pane; else the row; else what is listed. */
static bool here(struct ui *u, struct buf *out)
{
    struct location where;
    enum store_kind kind;

    if (u->right_focus && u->right.object != NULL) {
        location_format(out, app_object_location(u->right.object));
    } else if (u->left.places) {
        if (places_location(u, &where)) {
            location_format(out, &where);
            location_release(&where);
        }
    } else if (left_location(u, &where, &kind)) {
        location_format(out, &where);
        location_release(&where);
    } else {
        location_format(out, &u->left.where);
    }
    return out->len > 0 && out->failed == PB_OK && strchr(out->data, '\n') == NULL;
}

void cmd_bookmark(struct ui *u, int arg)
{
    struct bookmarks *m;
    struct buf where, shown;
    struct error e;
    size_t i;
    bool removed, ok;
    char *copy;

    (void)arg;
    buf_init(&where, BUF_MAX_LINE);
    buf_init(&shown, BUF_MAX_LINE);
    m = here(u, &where) ? load("list", &e) : NULL;
    if (where.len == 0)
        ui_say(u, SAY_INFO, "There is nothing here to come back to.");
    else if (m == NULL)
        ui_error(u, &e);
    if (m != NULL) {
        i = find_mark(m, where.data);
        removed = i < m->all.len;
        copy = removed ? NULL : mem_strdup(where.data);
        if (removed)
            take_out(m, i);
        ok = removed || (copy != NULL && vec_push(&m->all, copy));
        if (!ok)
            free(copy);
        (void)text_escape_cols(&shown, where.data, where.len, 200);
        if (!ok)
            ui_say(u, SAY_ERROR, "out of memory");
        else if (!save(m, &e))
            ui_error(u, &e);
        else
            ui_say(u, SAY_INFO, "%s: %s",
                   removed ? _("No bookmark any more") : _("Bookmark, B shows all"), shown.data);
        bookmarks_free(m);
        if (u->left.places)
            places_read(u);
    }
    buf_release(&where);
    buf_release(&shown);
}

/* --- going there ---------------------------------------------------------------------------- */

static uint64_t list_count(struct ui *u, void *ctx)
{
    (void)u;
    return ((const struct bookmarks *)ctx)->all.len;
}

static void marks_draw(struct ui *u, void *ctx, uint64_t row, const struct region *r)
{
    const char *text = ((const struct bookmarks *)ctx)->all.data[row];
    struct buf shown;

    (void)u;
    buf_init(&shown, BUF_MAX_TEXT);
    text_escape(&shown, text, strlen(text));
    (void)screen_field_end(r, 0, 0, r->w, STYLE_NAME, shown.data, shown.len);
    buf_release(&shown);
}

static void marks_take(struct ui *u, void *ctx, uint64_t row)
{
    struct location where;
    struct error e;

    if (location_parse(&where, ((const struct bookmarks *)ctx)->all.data[row], &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    nav_go(u, &where);
    location_release(&where);
}

static const struct picker_ops marks_ops = {
    .count = list_count,
    .draw = marks_draw,
    .take = marks_take,
    .release = release,
    .empty = N_("No bookmarks yet; b makes one of what is under the cursor."),
};

void cmd_bookmarks(struct ui *u, int arg)
{
    struct error e;
    struct bookmarks *m = load("list", &e);

    (void)arg;
    if (m == NULL)
        ui_error(u, &e);
    else
        picker_open(u, &marks_ops, m, _("Bookmarks"));
}
