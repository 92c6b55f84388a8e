/*
 * One walk along the providers of credentials, for one profile.  A provider that has to ask
 * somebody else answers later; one that needs another profile's credentials first starts a walk of
 * its own.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>
#include <pklbrowse/text.h>

#include "aws_chain.h"

/* In the order of the aws command line. */
static const struct aws_provider *const providers[] = {
    &aws_by_environment,      &aws_by_role,     &aws_by_web_identity, &aws_by_sso,
    &aws_by_credentials_file, &aws_by_login,    &aws_by_process,      &aws_by_config_file,
    &aws_by_container,        &aws_by_metadata,
};
#define PROVIDERS (sizeof providers / sizeof *providers)

const struct aws_provider *aws_provider_of_source(const char *name)
{
    size_t i;

    for (i = 0; i < PROVIDERS; i++)
        if (providers[i]->source && strcasecmp(providers[i]->source, name) == 0)
            return providers[i];
    return NULL;
}

struct aws_lookup *aws_lookup_new(struct aws_session *s, const char *profile)
{
    struct aws_lookup *k = mem_alloc(sizeof *k);

    if (k) {
        k->session = s;
        k->config = s->config;
        k->profile = profile;
        k->use_environment = !s->profile_named;
        buf_init(&k->outside.shown, BUF_MAX_LINE);
    }
    return k;
}

static void stop(struct aws_lookup *k)
{
    if (k->asked && k->asked->stop && k->state)
        k->asked->stop(k);
    k->state = NULL;
}

void aws_lookup_free(struct aws_lookup *k)
{
    if (!k)
        return;
    stop(k);
    if (k->session->offered == k) {
        k->session->offered = NULL;
        if (k->session->offer)
            k->session->offer(k->session->offer_ctx, NULL);
    }
    aws_words_release(&k->outside.words);
    buf_release(&k->outside.shown);
    aws_credentials_release(&k->found);
    free(k);
}

/* --------------------------------------------------------------- what only a person can do */

void aws_words_release(struct aws_words *w)
{
    size_t i;

    for (i = 0; i < w->len; i++)
        free(w->data[i]);
    vec_release(w);
}

enum pb_err aws_words_add(struct aws_words *w, const char *word, struct error *e)
{
    char *copy = word ? mem_strdup(word) : NULL;

    if ((!word || copy) && vec_push(w, copy))
        return PB_OK;
    free(copy);
    return error_nomem(e);
}

enum pb_err aws_lookup_outside(struct aws_lookup *k, const struct aws_words *words,
                               const char *shown, struct error *e)
{
    enum pb_err err = PB_OK;
    size_t i;

    aws_words_release(&k->outside.words);
    for (i = 0; i < words->len && err == PB_OK; i++)
        err = aws_words_add(&k->outside.words, words->data[i], e);
    buf_clear(&k->outside.shown);
    buf_puts(&k->outside.shown, shown);
    return err == PB_OK ? buf_status(&k->outside.shown, e) : err;
}

/* true: asked; the walk goes on when the person has answered. */
static bool offer(struct aws_lookup *k, const struct error *e)
{
    struct aws_session *s = k->session;
    struct aws_outside what = {.argv = k->outside.words.data,
                               .capture = k->asked && k->asked->captured,
                               .why = k->outside.why.msg,
                               .shown = k->outside.shown.data};

    if (!s->offer || s->offered || k->outside.asked || k->outside.words.len < 2)
        return false;
    k->outside.asked = true;
    k->outside.why = *e;
    s->offered = k;
    s->offer(s->offer_ctx, &what);
    return true;
}

void aws_session_on_outside(struct aws_session *s, aws_outside_fn fn, void *ctx)
{
    s->offer = fn;
    s->offer_ctx = ctx;
}

static void finish(struct aws_lookup *k, const struct error *e)
{
    struct error copy = e ? *e : (struct error){0};

    stop(k);
    if (e && offer(k, &copy))
        return;
    if (!e && k->found.access_key) {
        k->found.provider = k->asked->name;
        log_line("credentials: %s", k->found.origin);
    }
    k->done(k->ctx, k, e ? &copy : NULL);
}

static void walk(struct aws_lookup *k);

/* The same provider once more: its files may say something else by now. */
static void go_on(struct aws_lookup *k)
{
    k->at--;
    walk(k);
}

void aws_session_outside_done(struct aws_session *s, bool ok, struct buf *out)
{
    struct aws_lookup *k = s->offered;
    struct error e = {0};

    s->offered = NULL;
    if (k && !ok)
        finish(k, &k->outside.why);
    else if (k && !k->asked->captured)
        go_on(k);
    else if (k)
        finish(k, k->asked->captured(k, out, &e) == PB_OK ? NULL : &e);
    if (out)
        aws_wipe_buf(out);
}

/* Those of a profile alone are asked when another one's role needs them. */
static bool is_asked(const struct aws_lookup *k, const struct aws_provider *p)
{
    if (k->only)
        return k->only == p;
    return !k->parent || p->of_profile;
}

static void walk(struct aws_lookup *k)
{
    while (k->at < PROVIDERS) {
        const struct aws_provider *p = providers[k->at++];
        struct error e = {0};

        if (!is_asked(k, p) || !p->configured(k))
            continue;
        k->asked = p;
        switch (p->ask(k, &e)) {
        case AWS_FOUND:
            finish(k, NULL);
            return;
        case AWS_FAILED:
            finish(k, &e);
            return;
        case AWS_LATER:
            return;
        case AWS_NOT_MINE:
            stop(k);
            break;
        }
    }
    finish(k, NULL);
}

void aws_lookup_start(struct aws_lookup *k)
{
    walk(k);
}

void aws_lookup_end(struct aws_lookup *k, enum aws_verdict verdict, const struct error *e)
{
    if (verdict == AWS_NOT_MINE) {
        stop(k);
        walk(k);
    } else {
        finish(k, verdict == AWS_FAILED ? e : NULL);
    }
}

const char *aws_lookup_source(const struct aws_lookup *k)
{
    size_t i;

    for (i = 0; i < PROVIDERS; i++)
        if (is_asked(k, providers[i]) && !providers[i]->guess && providers[i]->configured(k))
            return providers[i]->name;
    return NULL;
}

const char *aws_lookup_setting(const struct aws_lookup *k, const char *key)
{
    return aws_setting(k->config, k->profile, key);
}

enum pb_err aws_lookup_take(struct aws_lookup *k, const char *access, const char *secret,
                            const char *token, int64_t expires, struct error *e, const char *fmt,
                            ...)
{
    struct aws_credentials c = {.expires = expires};
    char origin[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(origin, sizeof origin, fmt, ap);
    va_end(ap);
    c.access_key = mem_strdup(access);
    c.secret_key = mem_strdup(secret);
    c.session_token = token ? mem_strdup(token) : NULL;
    c.origin = mem_strdup(origin);
    if (!c.access_key || !c.secret_key || !c.origin || (token && !c.session_token)) {
        aws_credentials_release(&c);
        return error_nomem(e);
    }
    aws_credentials_release(&k->found);
    k->found = c;
    return PB_OK;
}

enum pb_err aws_lookup_error(const struct aws_lookup *k, struct error *e, enum pb_err code,
                             const char *fmt, ...)
{
    char why[1024];
    struct buf shown;
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(why, sizeof why, _(fmt), ap);
    va_end(ap);
    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, k->profile, strlen(k->profile), 100);
    (void)error_set(e, code, "profile %s: %s", shown.data, why);
    buf_release(&shown);
    return code;
}
