/* Places that the settings protect: nothing writes there or removes anything. */
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>

#include "app_private.h"

enum pb_err app_protect(struct app *a, const char *pattern, struct error *e)
{
    char *copy = mem_strdup(pattern);

    if (copy != NULL && vec_push(&a->protected, copy))
        return PB_OK;
    free(copy);
    return error_nomem(e);
}

void app_protect_nothing(struct app *a)
{
    for (size_t i = 0; i < a->protected.len; i++)
        free(a->protected.data[i]);
    vec_release(&a->protected);
}

static bool matches(const struct app *a, const char *text)
{
    bool found = false;

    for (size_t i = 0; i < a->protected.len && !found; i++)
        found = fnmatch(a->protected.data[i], text, 0) == 0;
    return found;
}

/* As it is typed with a scheme, also when an address of another kind was. */
static enum pb_err spell(const struct location *where, struct buf *out, struct error *e)
{
    struct location plain;
    enum pb_err err;

    if (where->scheme == LOC_LOCAL || where->scheme == LOC_HTTP)
        err = app_absolute_location(&plain, where, e);
    else
        err = location_make(&plain, where->scheme, where->container, where->key, where->key_len, e);
    if (err != PB_OK)
        return err;
    location_format(out, &plain);
    location_release(&plain);
    return buf_status(out, e);
}

/* A file in an archive is written with the archive. */
static bool archive_matches(const struct app *a, struct buf *text)
{
    char *inside = strstr(text->data, "!/");

    if (inside == NULL)
        return false;
    *inside = '\0';
    return matches(a, text->data);
}

/* By another way: links, and "..".  A file that is not there yet is where its folder is. */
static bool real_path_matches(const struct app *a, const char *path)
{
    char *copy = mem_strdup(path), *slash = copy != NULL ? strrchr(copy, '/') : NULL;
    char real[PATH_MAX];
    struct buf text;
    bool found = true;

    if (slash == NULL) {
        free(copy);
        return copy == NULL;
    }
    *slash = '\0';
    buf_init(&text, BUF_MAX_LINE);
    if (realpath(path, real) != NULL)
        buf_puts(&text, real);
    else if (realpath(*copy != '\0' ? copy : "/", real) != NULL)
        buf_printf(&text, "%s/%s", strcmp(real, "/") != 0 ? real : "", slash + 1);
    found = text.len > 0 && (matches(a, text.data) || buf_status(&text, NULL) != PB_OK);
    buf_release(&text);
    free(copy);
    return found;
}

bool app_protected(const struct app *a, const struct location *where)
{
    struct buf text;
    bool found;

    if (a->protected.len == 0 || where->scheme == LOC_STDIO)
        return false;
    buf_init(&text, BUF_MAX_LINE);
    /* Rather not changed than not known. */
    found = spell(where, &text, NULL) != PB_OK || matches(a, text.data);
    /* The screen asks no folder that may hang. */
    if (!found && where->scheme == LOC_LOCAL && !a->options.screen)
        found = real_path_matches(a, text.data);
    found = found || archive_matches(a, &text);
    buf_release(&text);
    return found;
}

enum pb_err app_check_protected(const struct app *a, const struct location *where, struct error *e)
{
    if (!app_protected(a, where))
        return PB_OK;
    return app_fail(e, PB_EREADONLY, where, N_("the settings say that it is read-only"));
}
