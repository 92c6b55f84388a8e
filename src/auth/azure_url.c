/* Addresses: of what is asked for, and what one that a person typed says. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/text.h>

#include "azure_chain.h"

bool azure_spot_split(struct azure_spot *out, const char *where)
{
    size_t n = strcspn(where, "/");

    *out = (struct azure_spot){.container = where[n] == '/' ? where + n + 1 : NULL};
    if (n == 0 || n >= sizeof out->account)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = where[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && i > 0)))
            return false;
    }
    memcpy(out->account, where, n);
    return true;
}

void azure_url_init(struct azure_url *u)
{
    buf_init(&u->url, BUF_MAX_LINE);
    buf_init(&u->path, BUF_MAX_LINE);
}

void azure_url_release(struct azure_url *u)
{
    buf_release(&u->url);
    buf_release(&u->path);
}

/* The endpoint of one account is the model for that of another, when the account is in it. */
static enum pb_err put_like(struct buf *out, const struct azure_setup *s, const char *account,
                            struct error *e)
{
    struct endpoint ep = {0};
    size_t n = strlen(s->account);
    const char *last;
    enum pb_err err = endpoint_parse(&ep, s->endpoint, e);

    if (err != PB_OK)
        return err;
    last = strrchr(ep.path, '/');
    buf_printf(out, "%s://", ep.https ? "https" : "http");
    if (last && strcmp(last + 1, s->account) == 0) {
        buf_puts(out, ep.host);
        if (ep.port)
            buf_printf(out, ":%u", ep.port);
        buf_append(out, ep.path, (size_t)(last - ep.path));
        buf_printf(out, "/%s", account);
    } else if (strncmp(ep.host, s->account, n) == 0 && ep.host[n] == '.') {
        buf_printf(out, "%s%s", account, ep.host + n);
        if (ep.port)
            buf_printf(out, ":%u", ep.port);
    } else { /* a domain of one's own */
        buf_clear(out);
        buf_printf(out, "https://%s.blob.%s", account, s->suffix);
    }
    endpoint_release(&ep);
    return PB_OK;
}

/* scheme://host[:port][/path] of the account's blob service. */
static enum pb_err put_base(struct buf *out, const struct azure_setup *s, const char *account,
                            struct error *e)
{
    bool own = s->account && strcmp(s->account, account) == 0;

    for (size_t i = s->places.len; i > 0; i--) {
        const struct azure_place *p = &s->places.data[i - 1];

        if (strcmp(p->account, account) == 0 && !(own && s->endpoint)) {
            buf_puts(out, p->endpoint);
            return PB_OK;
        }
    }
    if (s->endpoint && (own || !s->account))
        buf_puts(out, s->endpoint);
    else if (s->endpoint)
        return put_like(out, s, account, e);
    else
        buf_printf(out, "%s://%s.blob.%s", s->http ? "http" : "https", account, s->suffix);
    while (out->len > 0 && out->data[out->len - 1] == '/')
        buf_truncate(out, out->len - 1);
    return PB_OK;
}

enum pb_err azure_url_make(struct azure_url *out, const struct azure_setup *s, const char *account,
                           const char *container, const char *key, size_t key_len, struct error *e)
{
    struct endpoint ep = {0};
    size_t base;
    enum pb_err err = put_base(&out->url, s, account, e);

    if (err == PB_OK)
        err = buf_status(&out->url, e);
    if (err == PB_OK)
        err = endpoint_parse(&ep, out->url.data, e);
    if (err != PB_OK)
        return err;
    base = out->url.len - strlen(ep.path);
    endpoint_release(&ep);
    buf_putc(&out->url, '/');
    if (container && *container == '$') /* $root, $web, $logs: sent as they are */
        buf_putc(&out->url, '$');
    if (container)
        uri_encode(&out->url, container + (*container == '$'),
                   strlen(container) - (*container == '$'), false);
    if (key) {
        buf_putc(&out->url, '/');
        uri_encode(&out->url, key, key_len, true);
    }
    err = buf_status(&out->url, e);
    if (err == PB_OK) {
        buf_puts(&out->path, out->url.data + base);
        err = buf_status(&out->path, e);
    }
    return err;
}

/* --------------------------------------------------------------------- what was typed */

static void place_release(struct azure_place *p)
{
    free(p->account);
    free(p->container);
    free(p->endpoint);
    aws_wipe(&p->sas);
}

/* What an address may ask for beside its signature. */
static bool is_request(const char *p, size_t n)
{
    static const char *const names[] = {"restype",   "comp",       "prefix",     "delimiter",
                                        "marker",    "maxresults", "include",    "snapshot",
                                        "versionid", "timeout",    "api-version"};
    size_t name = strcspn(p, "=&#");

    name = name < n ? name : n;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == name && strncasecmp(p, names[i], name) == 0)
            return true;
    return false;
}

/* The signature in a query, every parameter of it as it was given; "" when there is none. */
static void put_sas(struct buf *out, const char *query, bool *of_account)
{
    bool signature = false;

    *of_account = false;
    while (*query && *query != '#') {
        size_t n = strcspn(query, "&#");

        if (n > 0 && !is_request(query, n)) {
            if (out->len > 0)
                buf_putc(out, '&');
            buf_append(out, query, n);
            signature |= strncasecmp(query, "sig=", 4) == 0;
            *of_account |= strncasecmp(query, "srt=", 4) == 0;
        }
        query += n + (query[n] == '&');
    }
    if (!signature)
        buf_clear(out);
}

static enum pb_err make_place(struct azure_place *p, const char *url, struct error *e)
{
    const char *host = strstr(url, "://") + 3, *end = host + strcspn(host, "/?#");
    const char *query = end + strcspn(end, "?#");
    const char *name = *end == '/' ? end + 1 : end;
    struct buf base, sas;
    bool of_account = false;
    enum pb_err err;

    buf_init(&base, BUF_MAX_LINE);
    buf_init(&sas, BUF_MAX_LINE);
    buf_append(&base, url, (size_t)(end - url));
    if (*query == '?')
        put_sas(&sas, query + 1, &of_account);
    err = buf_status(&base, e);
    if (err == PB_OK)
        err = buf_status(&sas, e);
    if (err == PB_OK) {
        p->account = mem_strndup(host, strcspn(host, "."));
        p->endpoint = buf_take(&base, NULL);
        if (sas.len > 0)
            p->sas = mem_strdup(sas.data);
        /* A signature of the account goes for all of it, another one for its container. */
        if (sas.len > 0 && !of_account && strcspn(name, "/?#") > 0)
            p->container = mem_strndup(name, strcspn(name, "/?#"));
        if (!p->account || !p->endpoint || (sas.len > 0 && !p->sas))
            err = error_nomem(e);
    }
    for (char *c = p->account; c && *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
    buf_release(&base);
    aws_wipe_buf(&sas);
    return err;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

enum pb_err azure_setup_learn(struct azure_setup *s, const char *url, struct error *e)
{
    struct azure_place p = {0};
    enum pb_err err;

    if (!strstr(url, "://"))
        return PB_OK;
    err = make_place(&p, url, e);
    for (size_t i = 0; err == PB_OK && i < s->places.len; i++) {
        struct azure_place *old = &s->places.data[i];

        if (!same_text(old->account, p.account) || !same_text(old->container, p.container) ||
            (old->sas && !p.sas))
            continue;
        place_release(old);
        *old = p;
        return PB_OK;
    }
    if (err == PB_OK && !vec_push(&s->places, p))
        err = error_nomem(e);
    if (err != PB_OK)
        place_release(&p);
    return err;
}

static const char *typed_sas(const struct azure_setup *s, const char *account,
                             const char *container)
{
    const char *found = NULL;

    for (size_t i = 0; i < s->places.len; i++) {
        const struct azure_place *p = &s->places.data[i];

        if (!p->sas || strcmp(p->account, account) != 0)
            continue;
        if (p->container && container && strcmp(p->container, container) == 0)
            return p->sas;
        if (!p->container)
            found = p->sas;
    }
    return found;
}

enum pb_err azure_setup_auth(const struct azure_setup *s, const char *account,
                             const char *container, enum azure_auth *auth, const char **sas,
                             struct error *e)
{
    *auth = s->auth;
    *sas = typed_sas(s, account, container);
    if (*sas) {
        *auth = AZURE_SAS;
        return PB_OK;
    }
    if ((s->auth == AZURE_KEY || s->auth == AZURE_SAS) && s->account &&
        strcmp(s->account, account) != 0)
        return error_set(e, PB_EDENIED,
                         "the credentials (%s) are those of the account %s, not of %s; what is "
                         "public can be read with --no-sign-request",
                         s->origin, s->account, account);
    if (s->auth == AZURE_SAS)
        *sas = s->sas;
    return PB_OK;
}

static enum pb_err copy_places(struct azure_setup *to, const struct azure_setup *from,
                               struct error *e)
{
    for (size_t i = 0; i < from->places.len; i++) {
        const struct azure_place *p = &from->places.data[i];
        struct azure_place copy = {0};
        bool ok = azure_copy(&copy.account, p->account) &&
                  azure_copy(&copy.container, p->container) &&
                  azure_copy(&copy.endpoint, p->endpoint) && azure_copy(&copy.sas, p->sas);

        if (!ok || !vec_push(&to->places, copy)) {
            place_release(&copy);
            return error_nomem(e);
        }
    }
    return PB_OK;
}

enum pb_err azure_setup_copy(struct azure_setup *to, const struct azure_setup *from,
                             struct error *e)
{
    bool ok;

    *to = (struct azure_setup){.http = from->http, .auth = from->auth};
    ok = azure_copy(&to->account, from->account) &&
         azure_copy(&to->account_origin, from->account_origin) &&
         azure_copy(&to->endpoint, from->endpoint) && azure_copy(&to->suffix, from->suffix) &&
         azure_copy(&to->authority, from->authority) && azure_copy(&to->key, from->key) &&
         azure_copy(&to->sas, from->sas) && azure_copy(&to->origin, from->origin);
    if (ok && copy_places(to, from, e) == PB_OK)
        return PB_OK;
    azure_setup_release(to);
    return error_nomem(e);
}

void azure_setup_release(struct azure_setup *s)
{
    free(s->account);
    free(s->account_origin);
    free(s->endpoint);
    free(s->suffix);
    free(s->authority);
    free(s->origin);
    aws_wipe(&s->key);
    aws_wipe(&s->sas);
    for (size_t i = 0; i < s->places.len; i++)
        place_release(&s->places.data[i]);
    vec_release(&s->places);
    *s = (struct azure_setup){0};
}
