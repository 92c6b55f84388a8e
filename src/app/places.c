#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "app_private.h"

static enum pb_err add_place(struct app *a, struct buf *title, enum loc_scheme scheme,
                             const char *key, struct error *e)
{
    struct app_place_row *row = mem_alloc(sizeof *row);
    enum pb_err err = buf_status(title, e);

    if (row == NULL || !vec_push(&a->places, row)) {
        free(row);
        return error_nomem(e);
    }
    row->pub.who = "";
    if (err == PB_OK)
        err = location_make(&row->pub.where, scheme, "", key, strlen(key), e);
    if (err == PB_OK) {
        row->title = buf_take(title, NULL);
        row->pub.title = row->title;
        if (row->title == NULL)
            err = error_nomem(e);
    }
    return err;
}

static struct app_place *last_place(struct app *a)
{
    return &a->places.data[a->places.len - 1]->pub;
}

static enum pb_err add_demo(struct app *a, struct error *e)
{
    struct buf title;
    enum pb_err err;

    buf_init(&title, BUF_MAX_LINE);
    buf_puts(&title, _("demo"));
    err = add_place(a, &title, LOC_LOCAL, demo_folder(a->demo), e);
    buf_release(&title);
    return err;
}

/* A folder that is gone or may not be named is no place to offer; the rest is. */
static enum pb_err add_current_folder(struct app *a, struct error *e)
{
    struct buf path, title;
    enum pb_err err;

    buf_init(&path, BUF_MAX_LINE);
    buf_init(&title, BUF_MAX_LINE);
    err = app_absolute_path(&path, "./", NULL);
    if (err == PB_OK) {
        buf_puts(&title, _("folder "));
        text_escape(&title, path.data, path.len > 1 ? path.len - 1 : 1);
        err = add_place(a, &title, LOC_LOCAL, path.data, e);
    } else if (err != PB_ENOMEM) {
        err = PB_OK;
    } else {
        err = error_nomem(e);
    }
    buf_release(&path);
    buf_release(&title);
    return err;
}

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && *value != '\0';
}

/* Somebody who wants S3 has said so in one of these ways. */
static bool s3_is_named(const struct app *a)
{
    const struct aws_options *o = &a->options.aws;
    static const char *const names[] = {
        "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL",  "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID",
    };

    if (a->aws != a->first_aws || o->profile != NULL || o->endpoint_url != NULL ||
        o->region != NULL || o->no_sign_request)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (is_set(names[i]))
            return true;
    }
    return false;
}

static void name_s3(struct buf *title, const struct aws_setup *s)
{
    const char *what = s->endpoint != NULL ? s->endpoint : s->region;

    buf_puts(title, "  ");
    text_escape(title, what, strlen(what));
    if (s->anonymous) {
        buf_puts(title, _(" (anonymous)"));
    } else if (strcmp(s->profile, "default") != 0) {
        buf_puts(title, _(" (profile "));
        text_escape(title, s->profile, strlen(s->profile));
        buf_putc(title, ')');
    }
}

/* A configuration that cannot be read is told when the place is opened, not by refusing to start.
 */
static enum pb_err add_s3(struct app *a, struct error *e)
{
    const struct aws_setup *s = NULL;
    bool usable = app_setup(a, &s, NULL) == PB_OK;
    struct buf title;
    enum pb_err err;

    if (!s3_is_named(a) && !app_aws_likely(a))
        return PB_OK;
    buf_init(&title, BUF_MAX_LINE);
    buf_puts(&title, "s3");
    if (usable)
        name_s3(&title, s);
    err = add_place(a, &title, LOC_S3, "", e);
    buf_release(&title);
    return err;
}

static enum pb_err add_profile(struct app *a, const struct app_profile *p, struct error *e)
{
    struct buf title;
    enum pb_err err;

    buf_init(&title, BUF_MAX_LINE);
    buf_puts(&title, "s3");
    if (p->wrong == NULL) {
        name_s3(&title, p->setup);
    } else {
        buf_puts(&title, _(" (profile "));
        text_escape(&title, p->choice.profile, strlen(p->choice.profile));
        buf_putc(&title, ')');
    }
    err = add_place(a, &title, LOC_S3, "", e);
    if (err == PB_OK)
        last_place(a)->choice = &p->choice;
    buf_release(&title);
    return err;
}

/* Those of the files that one could be instead. */
static enum pb_err add_profiles(struct app *a, struct error *e)
{
    const struct aws_setup *now = NULL;
    enum pb_err err = PB_OK;

    if (app_setup(a, &now, NULL) != PB_OK ||
        app_profiles_load(a, &a->place_profiles, NULL) != PB_OK)
        return PB_OK; /* told when S3 is opened */
    for (size_t i = 0; err == PB_OK && i < app_profiles_count(a->place_profiles); i++) {
        const struct app_profile *p = app_profiles_row(a->place_profiles, i);

        if (p->choice.profile != NULL &&
            (now->anonymous || strcmp(p->choice.profile, now->profile)))
            err = add_profile(a, p, e);
    }
    return err;
}

/* Only what is said without asking anybody: the metadata server counts where there must be one. */
static enum pb_err add_google(struct app *a, struct error *e)
{
    const struct google_setup *s = NULL;
    struct buf title;
    enum pb_err err = app_google_setup(a, &s, e);

    if (err != PB_OK || !(s->named || s->at_google))
        return err;
    buf_init(&title, BUF_MAX_LINE);
    buf_puts(&title, "gs  ");
    app_google_describe(a, &title);
    err = add_place(a, &title, LOC_GS, "", e);
    buf_release(&title);
    return err;
}

/* Only what environment and files name: nobody is asked. */
static enum pb_err add_azure(struct app *a, struct error *e)
{
    const struct azure_setup *s = NULL;
    struct buf title;
    enum pb_err err;

    if (app_azure_setup(a, &s, NULL) != PB_OK) {
        if (!is_set("AZURE_STORAGE_CONNECTION_STRING") && !is_set("AZURE_STORAGE_ACCOUNT"))
            return PB_OK;
        s = NULL; /* why it cannot be used is told when it is opened */
    } else if (!azure_setup_likely(s)) {
        return PB_OK;
    }
    buf_init(&title, BUF_MAX_LINE);
    buf_puts(&title, "azure");
    if (s != NULL && s->account != NULL) {
        buf_puts(&title, "  ");
        text_escape(&title, s->account, strlen(s->account));
    }
    if (s != NULL)
        buf_printf(&title, " · %s", app_azure_kind(s));
    err = add_place(a, &title, LOC_AZ, "", e);
    if (err == PB_OK && s != NULL && s->account != NULL) {
        struct location *where = &last_place(a)->where;

        location_release(where);
        err = location_make(where, LOC_AZ, s->account, "", 0, e);
    }
    buf_release(&title);
    return err;
}

enum pb_err app_find_places(struct app *a, struct error *e)
{
    enum pb_err err = PB_OK;

    if (a->demo != NULL)
        err = add_demo(a, e);
    if (err == PB_OK)
        err = add_current_folder(a, e);
    if (err == PB_OK)
        err = add_s3(a, e);
    if (err == PB_OK)
        err = add_profiles(a, e);
    if (err == PB_OK)
        err = add_google(a, e);
    if (err == PB_OK)
        err = add_azure(a, e);
    return err;
}

void app_release_places(struct app *a)
{
    for (size_t i = 0; i < a->places.len; i++) {
        struct app_place_row *row = a->places.data[i];

        place_who_free(row->who);
        free(row->title);
        location_release(&row->pub.where);
        free(row);
    }
    vec_release(&a->places);
    app_profiles_free(a->place_profiles);
    a->place_profiles = NULL;
}

enum pb_err app_places_again(struct app *a, struct error *e)
{
    app_release_places(a);
    return app_find_places(a, e);
}

size_t app_places(struct app *a)
{
    return a->places.len;
}

const struct app_place *app_place(struct app *a, size_t i)
{
    return i < a->places.len ? &a->places.data[i]->pub : NULL;
}
