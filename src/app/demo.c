/*
 * The demo store: a copy of the sample buckets that may be changed at will, gone at the end.
 *
 * Everything is done through descriptors of folders that were opened without following symbolic
 * links, so nobody who can write to the temporary folder can lead the copy or the removal
 * elsewhere.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "app_private.h"

#define DEMO_DEPTH 32 /* the samples are three folders deep */
#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct demo {
    char *path; /* '/' at its end */
    int fd;     /* the folder itself */
};

static enum pb_err fail_sample(struct error *e, const char *what, const char *name)
{
    int why = errno;
    struct buf shown;
    enum pb_err err;

    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, name, strlen(name), 200);
    err = error_errno(e, why, what, shown.data);
    buf_release(&shown);
    return err;
}

static enum pb_err copy_bytes(int from, int to, const char *name, struct error *e)
{
    char piece[32 * 1024];
    struct sink sink = sink_fd(&to);

    for (;;) {
        ssize_t n = read(from, piece, sizeof piece);
        enum pb_err err;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_sample(e, N_("cannot read the sample"), name);
        if (n == 0)
            return PB_OK;
        err = sink_write(&sink, piece, (size_t)n, e);
        if (err != PB_OK)
            return err;
    }
}

static enum pb_err copy_file(int from, int to, const char *name, struct error *e)
{
    int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int out = -1;
    enum pb_err err;

    if (in < 0)
        return fail_sample(e, N_("cannot read the sample"), name);
    out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    err =
        out < 0 ? fail_sample(e, N_("cannot copy the sample"), name) : copy_bytes(in, out, name, e);
    close(in);
    if (out >= 0 && close(out) != 0 && err == PB_OK)
        err = fail_sample(e, N_("cannot copy the sample"), name);
    return err;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static enum pb_err copy_folder(int from, int to, unsigned depth, struct error *e);

static enum pb_err copy_below(int from, int to, const char *name, unsigned depth, struct error *e)
{
    int in = openat(from, name, FOLDER_FLAGS), out;
    enum pb_err err;

    if (in < 0)
        return fail_sample(e, N_("cannot read the sample folder"), name);
    if (mkdirat(to, name, 0700) != 0 || (out = openat(to, name, FOLDER_FLAGS)) < 0) {
        err = fail_sample(e, N_("cannot copy the sample folder"), name);
        close(in);
        return err;
    }
    err = copy_folder(in, out, depth + 1, e);
    close(out);
    return err;
}

static enum pb_err copy_entry(int from, int to, const char *name, unsigned depth, struct error *e)
{
    struct stat st;

    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return fail_sample(e, N_("cannot read the sample"), name);
    if (S_ISREG(st.st_mode))
        return copy_file(from, to, name, e);
    if (S_ISDIR(st.st_mode) && depth < DEMO_DEPTH)
        return copy_below(from, to, name, depth, e);
    return PB_OK;
}

/* Takes over `from`. */
static enum pb_err copy_folder(int from, int to, unsigned depth, struct error *e)
{
    DIR *dir = fdopendir(from);
    enum pb_err err = PB_OK;
    const struct dirent *entry;

    if (dir == NULL) {
        err = fail_sample(e, N_("cannot read the samples"), "");
        close(from);
        return err;
    }
    while (err == PB_OK && (errno = 0, entry = readdir(dir)) != NULL) {
        if (!is_dots(entry->d_name))
            err = copy_entry(dirfd(dir), to, entry->d_name, depth, e);
    }
    if (err == PB_OK && errno != 0)
        err = fail_sample(e, N_("cannot read the samples"), "");
    closedir(dir);
    return err;
}

/* Takes over fd.  What cannot be removed stays: at the end there is nobody left to tell. */
static void empty_folder(int fd, unsigned depth)
{
    DIR *dir = fdopendir(fd);
    const struct dirent *entry;

    if (dir == NULL) {
        close(fd);
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        int below;

        if (is_dots(entry->d_name) || unlinkat(dirfd(dir), entry->d_name, 0) == 0)
            continue;
        below = depth < PATH_MAX / 2 ? openat(dirfd(dir), entry->d_name, FOLDER_FLAGS) : -1;
        if (below >= 0)
            empty_folder(below, depth + 1);
        unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    }
    closedir(dir);
}

/* In a build tree the samples are in the sources beside it. */
static bool build_tree_samples(struct buf *out)
{
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    struct stat st;
    char *slash;

    if (n <= 0)
        return false;
    exe[n] = '\0';
    slash = strrchr(exe, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    buf_printf(out, "%s/config.status", exe);
    if (stat(out->data, &st) == 0) {
        buf_clear(out);
        buf_printf(out, "%s/../docs/demo", exe);
        if (stat(out->data, &st) == 0 && S_ISDIR(st.st_mode))
            return true;
    }
    buf_clear(out);
    return false;
}

static void find_samples(struct buf *out)
{
    const char *named = getenv("PKLBROWSE_DEMO_DIR");

    if (named != NULL && *named != '\0')
        buf_puts(out, named);
    else if (!build_tree_samples(out))
        buf_puts(out, PKGDATADIR "/demo");
}

static enum pb_err make_folder(struct demo *d, struct error *e)
{
    struct buf path, absolute;
    enum pb_err err;

    buf_init(&path, BUF_MAX_LINE);
    buf_init(&absolute, BUF_MAX_LINE);
    buf_printf(&path, "%s/pklbrowse-demo.XXXXXX", source_temp_folder());
    err = buf_status(&path, e);
    if (err == PB_OK)
        err = app_absolute_path(&absolute, path.data, e);
    if (err == PB_OK && mkdtemp(absolute.data) == NULL)
        err = fail_sample(e, N_("cannot make the demo's folder"), absolute.data);
    if (err != PB_OK)
        goto out;
    buf_putc(&absolute, '/');
    d->path = buf_take(&absolute, NULL);
    if (d->path == NULL) {
        err = error_nomem(e);
        goto out;
    }
    d->fd = open(d->path, FOLDER_FLAGS);
    if (d->fd < 0)
        err = fail_sample(e, N_("cannot open the demo's folder"), d->path);
out:
    buf_release(&path);
    buf_release(&absolute);
    return err;
}

enum pb_err demo_new(struct demo **out, struct error *e)
{
    struct demo *d = mem_alloc(sizeof *d);
    struct buf samples;
    enum pb_err err;
    int from;

    *out = NULL;
    if (d == NULL)
        return error_nomem(e);
    d->fd = -1;
    buf_init(&samples, BUF_MAX_LINE);
    find_samples(&samples);
    err = buf_status(&samples, e);
    if (err != PB_OK)
        goto out;
    from = open(samples.data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from < 0) {
        err = fail_sample(e, N_("cannot open the demo's samples"), samples.data);
        goto out;
    }
    err = make_folder(d, e);
    if (err == PB_OK)
        err = copy_folder(from, d->fd, 0, e);
    else
        close(from);
out:
    buf_release(&samples);
    if (err != PB_OK)
        demo_free(d);
    else
        *out = d;
    return err;
}

void demo_free(struct demo *d)
{
    if (d == NULL)
        return;
    if (d->fd >= 0)
        empty_folder(d->fd, 0);
    /* rmdir() removes no symbolic link and nothing that is not empty. */
    if (d->path != NULL) {
        d->path[strlen(d->path) - 1] = '\0';
        rmdir(d->path);
    }
    free(d->path);
    free(d);
}

const char *demo_folder(const struct demo *d)
{
    return d->path;
}
