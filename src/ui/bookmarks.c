/*
 * Locations one comes back to: kept in the state folder, one a line, as they are typed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/store.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "state.h"

#define FILE_MAX (1024u * 1024u)

struct marks {
    struct {
        char **data;
        size_t len, cap;
    } all;
};

static void release(void *ctx)
{
    struct marks *m = ctx;

    for (size_t i = 0; i < m->all.len; i++)
        free(m->all.data[i]);
    vec_release(&m->all);
    free(m);
}

static bool path_of(struct buf *out, struct error *e)
{
    if (history_state_folder("bookmarks", out, e) != PB_OK)
        return false;
    buf_puts(out, "/list");
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

static struct marks *load(struct error *e)
{
    struct marks *m = mem_alloc(sizeof *m);
    struct buf path, text;
    bool ok = m != NULL;

    buf_init(&path, BUF_MAX_LINE);
    buf_init(&text, FILE_MAX);
    if (!ok)
        (void)error_nomem(e);
    ok = ok && path_of(&path, e) && read_file(path.data, &text, e);
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
    if (m != NULL)
        release(m);
    return NULL;
}

/* All of it anew beside the old one, which it then replaces. */
static bool save(const struct marks *m, struct error *e)
{
    struct buf path, temp, text;
    struct sink to;
    int fd = -1;
    bool ok;

    buf_init(&path, BUF_MAX_LINE);
    buf_init(&temp, BUF_MAX_LINE);
    buf_init(&text, FILE_MAX);
    ok = path_of(&path, e);
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

/* --- adding and taking away ----------------------------------------------------------------- */

/* What is under the cursor: the open object in its pane; else the row; else what is listed. */
static bool here(struct ui *u, struct buf *out)
{
    struct location where;
    enum store_kind kind;

    if (u->right_focus && u->right.object != NULL) {
        location_format(out, app_object_location(u->right.object));
    } else if (left_location(u, &where, &kind)) {
        location_format(out, &where);
        location_release(&where);
    } else if (!u->left.places) {
        location_format(out, &u->left.where);
    }
    return out->len > 0 && out->failed == PB_OK && strchr(out->data, '\n') == NULL;
}

void cmd_bookmark(struct ui *u, int arg)
{
    struct marks *m;
    struct buf where, shown;
    struct error e;
    size_t i = 0;
    bool removed, ok;
    char *copy;

    (void)arg;
    buf_init(&where, BUF_MAX_LINE);
    buf_init(&shown, BUF_MAX_LINE);
    m = here(u, &where) ? load(&e) : NULL;
    if (where.len == 0)
        ui_say(u, SAY_INFO, "There is nothing here to come back to.");
    else if (m == NULL)
        ui_error(u, &e);
    if (m != NULL) {
        while (i < m->all.len && strcmp(m->all.data[i], where.data) != 0)
            i++;
        removed = i < m->all.len;
        copy = removed ? m->all.data[i] : mem_strdup(where.data);
        if (removed)
            memmove(m->all.data + i, m->all.data + i + 1, (--m->all.len - i) * sizeof *m->all.data);
        ok = copy != NULL && (removed || vec_push(&m->all, copy));
        if (removed || !ok)
            free(copy);
        (void)text_escape_cols(&shown, where.data, where.len, 200);
        if (!ok)
            ui_say(u, SAY_ERROR, "out of memory");
        else if (!save(m, &e))
            ui_error(u, &e);
        else
            ui_say(u, SAY_INFO, "%s: %s",
                   removed ? _("No bookmark any more") : _("Bookmark, B shows all"), shown.data);
        release(m);
    }
    buf_release(&where);
    buf_release(&shown);
}

/* --- going there ---------------------------------------------------------------------------- */

static uint64_t marks_count(struct ui *u, void *ctx)
{
    (void)u;
    return ((const struct marks *)ctx)->all.len;
}

static void marks_draw(struct ui *u, void *ctx, uint64_t row, const struct region *r)
{
    const char *text = ((const struct marks *)ctx)->all.data[row];
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

    if (location_parse(&where, ((const struct marks *)ctx)->all.data[row], &e) != PB_OK) {
        ui_error(u, &e);
        return;
    }
    nav_go(u, &where);
    location_release(&where);
}

static const struct picker_ops marks_ops = {
    .count = marks_count,
    .draw = marks_draw,
    .take = marks_take,
    .release = release,
    .empty = N_("No bookmarks yet; b makes one of what is under the cursor."),
};

void cmd_bookmarks(struct ui *u, int arg)
{
    struct error e;
    struct marks *m = load(&e);

    (void)arg;
    if (m == NULL)
        ui_error(u, &e);
    else
        picker_open(u, &marks_ops, m, _("Bookmarks"));
}
