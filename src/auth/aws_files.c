#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pklbrowse/text.h>

#include "aws_chain.h"

/* The home folder: $HOME, or the one of the password file. */
static const char *home(struct passwd *pw, char *room, size_t size)
{
    const char *dir = getenv("HOME");
    struct passwd *found = NULL;

    if (dir && *dir)
        return dir;
    return getpwuid_r(getuid(), pw, room, size, &found) == 0 && found ? found->pw_dir : NULL;
}

/* The file named by the variable ("~/" is the home folder), else ~/.aws/NAME; nothing without a
 * home. */
static void file_name(struct buf *out, const char *variable, const char *name)
{
    const char *given = getenv(variable), *dir;
    char room[4096];
    struct passwd pw;

    if (given && *given && strncmp(given, "~/", 2) != 0) {
        buf_puts(out, given);
        return;
    }
    dir = home(&pw, room, sizeof room);
    if (!dir)
        return;
    if (given && *given)
        buf_printf(out, "%s%s", dir, given + 1);
    else
        buf_printf(out, "%s/.aws/%s", dir, name);
}

void aws_home_file(struct buf *out, const char *name)
{
    char room[4096];
    struct passwd pw;
    const char *dir = home(&pw, room, sizeof room);

    if (dir)
        buf_printf(out, "%s/.aws/%s", dir, name);
}

static enum pb_err read_all(int fd, struct buf *out, const char *path, struct error *e)
{
    char piece[4096];
    enum pb_err err;
    ssize_t n;

    while (buf_status(out, NULL) == PB_OK && (n = read(fd, piece, sizeof piece)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err = error_errno(e, errno, "cannot read", path);
            explicit_bzero(piece, sizeof piece);
            return err;
        }
        buf_append(out, piece, (size_t)n);
    }
    explicit_bzero(piece, sizeof piece);
    return buf_status(out, e);
}

enum pb_err aws_read_file(const char *path, struct buf *out, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct buf shown;
    enum pb_err err;

    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, path, strlen(path), 200);
    if (fd < 0) {
        err = error_errno(e, errno, "cannot read", shown.data);
    } else {
        err = read_all(fd, out, shown.data, e);
        (void)close(fd);
    }
    buf_release(&shown);
    return err;
}

static enum pb_err write_all(int fd, const char *p, size_t n, const char *path, struct error *e)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_errno(e, errno, "cannot write", path);
        p += done;
        n -= (size_t)done;
    }
    return PB_OK;
}

enum pb_err aws_write_file(const char *path, const void *p, size_t n, struct error *e)
{
    struct buf part;
    enum pb_err err;
    int fd;

    buf_init(&part, BUF_MAX_LINE);
    buf_printf(&part, "%s.XXXXXX", path);
    err = buf_status(&part, e);
    if (err != PB_OK) {
        buf_release(&part);
        return err;
    }
    fd = mkostemp(part.data, O_CLOEXEC); /* 0600 */
    if (fd < 0) {
        err = error_errno(e, errno, "cannot write", path);
    } else {
        err = write_all(fd, p, n, path, e);
        if (close(fd) != 0 && err == PB_OK)
            err = error_errno(e, errno, "cannot write", path);
        if (err == PB_OK && rename(part.data, path) != 0)
            err = error_errno(e, errno, "cannot write", path);
        if (err != PB_OK)
            (void)unlink(part.data);
    }
    buf_release(&part);
    return err;
}

/* One that is not there is empty; one that cannot be read is a warning: other ways may still do. */
static enum pb_err load_file(struct aws_config *c, const char *path, bool credentials_file,
                             struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct error why = {0};
    struct buf text;
    enum pb_err err;

    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return PB_OK;
        (void)error_errno(&why, errno, "cannot read", path);
        return aws_config_warn(c, why.msg, e);
    }
    buf_init(&text, BUF_MAX_TEXT);
    err = read_all(fd, &text, path, &why);
    if (err == PB_OK)
        err = aws_config_parse(c, text.data, text.len, credentials_file, path, e);
    else
        err = aws_config_warn(c, why.msg, e);
    if (text.len > 0)
        explicit_bzero(text.data, text.len);
    buf_release(&text);
    (void)close(fd);
    return err;
}

static enum pb_err load_named(struct aws_config *c, const char *variable, const char *name,
                              bool credentials_file, struct error *e)
{
    struct buf path;
    enum pb_err err;

    buf_init(&path, BUF_MAX_LINE);
    file_name(&path, variable, name);
    err = buf_status(&path, e);
    if (err == PB_OK && path.len > 0)
        err = load_file(c, path.data, credentials_file, e);
    buf_release(&path);
    return err;
}

enum pb_err aws_config_load(struct aws_config **out, struct error *e)
{
    struct aws_config *c = NULL;
    enum pb_err err = aws_config_new(&c, e);

    if (err == PB_OK)
        err = load_named(c, "AWS_CONFIG_FILE", "config", false, e);
    if (err == PB_OK)
        err = load_named(c, "AWS_SHARED_CREDENTIALS_FILE", "credentials", true, e);
    if (err != PB_OK) {
        aws_config_free(c);
        c = NULL;
    }
    *out = c;
    return err;
}
