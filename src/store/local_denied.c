/* Why the system said no: whose the file is and who may do what with it, or which folder above it
 * may not be entered. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "local.h"

static void put_user(struct buf *out, uid_t uid)
{
    const struct passwd *p = getpwuid(uid);

    if (p && p->pw_name && *p->pw_name)
        store_show(out, NULL, p->pw_name, NULL, 0);
    else
        buf_printf(out, "%lu", (unsigned long)uid);
}

/* "rw------- root" */
static void put_rights(struct buf *out, const struct stat *st)
{
    static const char letters[] = "rwxrwxrwx";

    for (size_t i = 0; i < sizeof letters - 1; i++)
        buf_putc(out, st->st_mode & (0400u >> i) ? letters[i] : '-');
    buf_puts(out, " ");
    put_user(out, st->st_uid);
}

static bool may_enter(const char *folder)
{
    return faccessat(AT_FDCWD, folder, X_OK, AT_EACCESS) == 0 || errno != EACCES;
}

/* path up to the first folder above it that may not be entered; false: all of them may. */
static bool closed_folder(struct buf *path)
{
    for (size_t i = 1; i < path->len; i++) {
        bool may;

        if (path->data[i] != '/')
            continue;
        path->data[i] = '\0';
        may = may_enter(path->data);
        path->data[i] = '/';
        if (!may) {
            buf_truncate(path, i);
            return true;
        }
    }
    return false;
}

/* What is not there yet is up to its folder. */
static bool what_counts(struct buf *path, struct stat *st)
{
    const char *slash;

    if (stat(path->data, st) == 0)
        return true;
    slash = strrchr(path->data, '/');
    if (errno != ENOENT || !slash)
        return false;
    buf_truncate(path, slash == path->data ? 1 : (size_t)(slash - path->data));
    return stat(path->data, st) == 0;
}

enum pb_err local_denied(enum pb_err code, const char *path, struct error *e)
{
    struct buf at, why;
    struct stat st;
    struct error old;

    if (!e)
        return code;
    buf_init(&at, BUF_MAX_LINE);
    buf_init(&why, BUF_MAX_LINE);
    buf_puts(&at, path);
    if (buf_status(&at, NULL) == PB_OK && closed_folder(&at)) {
        store_show(&why, NULL, at.data, NULL, 0);
        if (stat(at.data, &st) == 0) {
            buf_puts(&why, " ");
            put_rights(&why, &st);
        }
    } else if (buf_status(&at, NULL) == PB_OK && what_counts(&at, &st)) {
        if (strcmp(at.data, path) != 0) {
            store_show(&why, NULL, at.data, NULL, 0);
            buf_puts(&why, " ");
        }
        put_rights(&why, &st);
    }
    if (why.len > 0) {
        struct buf user;

        buf_init(&user, BUF_MAX_LINE);
        put_user(&user, geteuid());
        old = *e;
        if (buf_status(&why, NULL) == PB_OK && buf_status(&user, NULL) == PB_OK)
            code = error_set(e, code, "%s (%s; this is %s)", old.msg, why.data, user.data);
        buf_release(&user);
    }
    buf_release(&at);
    buf_release(&why);
    return code;
}
