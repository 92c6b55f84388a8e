/* One request to a store: made anew for every attempt, once more with other credentials. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloud.h"

static const struct cloud_kind *kind_of(const struct cloud_request *r)
{
    return r->store->kind;
}

enum pb_err cloud_request_init(struct cloud_request *r, struct store *s, unsigned action,
                               const char *container, const char *key, size_t key_len,
                               struct error *e)
{
    struct cloud_store *store = (struct cloud_store *)s;

    memset(r, 0, store->kind->request_size);
    r->store = store;
    r->action = r->speaks_of = action;
    r->key_len = key_len;
    buf_init(&r->query, BUF_MAX_LINE);
    if (container && !(r->container = mem_strdup(container)))
        return error_nomem(e);
    if (key && !(r->key = mem_strndup(key, key_len)))
        return error_nomem(e);
    return store->kind->init ? store->kind->init(r, e) : PB_OK;
}

void cloud_request_release(struct cloud_request *r)
{
    const struct cloud_kind *k;

    if (!r->store)
        return;
    k = kind_of(r);
    if (r->call)
        http_cancel(r->call);
    if (r->waiting)
        k->forget(r);
    if (k->release)
        k->release(r);
    free(r->container);
    free(r->key);
    aws_query_release(&r->params);
    http_headers_release(&r->headers);
    buf_release(&r->query);
    memset(r, 0, k->request_size);
}

enum pb_err cloud_request_new(struct cloud_request **out, struct store *s, unsigned action,
                              const char *container, const char *key, size_t key_len,
                              struct error *e)
{
    *out = mem_alloc(((const struct cloud_store *)s)->kind->request_size);
    if (!*out)
        return error_nomem(e);
    return cloud_request_init(*out, s, action, container, key, key_len, e);
}

void cloud_request_free(struct cloud_request *r)
{
    if (!r)
        return;
    cloud_request_release(r);
    free(r);
}

enum pb_err cloud_header(struct cloud_request *r, const char *name, const char *value,
                         struct error *e)
{
    return http_headers_add(&r->headers, name, value, e);
}

enum pb_err cloud_param(struct cloud_request *r, const char *name, const char *value,
                        struct error *e)
{
    return aws_query_add(&r->params, name, value, value ? strlen(value) : 0, e);
}

enum pb_err cloud_param_number(struct cloud_request *r, const char *name, uint64_t value,
                               struct error *e)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    return cloud_param(r, name, text, e);
}

enum pb_err cloud_version(struct cloud_request *r, const char *version_id, struct error *e)
{
    return version_id ? kind_of(r)->version(r, version_id, e) : PB_OK;
}

/* --------------------------------------------------------------------------- attempts */

enum pb_err cloud_add_headers(const struct cloud_request *r, struct http_message *out,
                              struct error *e)
{
    enum pb_err err = PB_OK;

    for (size_t i = 0; err == PB_OK && i < r->headers.len; i++)
        err = http_headers_add(&out->headers, r->headers.data[i].name, r->headers.data[i].value, e);
    return err;
}

enum pb_err cloud_add_bearer(struct http_message *out, const char *token, struct error *e)
{
    struct buf value;
    enum pb_err err;

    buf_init(&value, BUF_MAX_LINE);
    buf_printf(&value, "Bearer %s", token);
    err = buf_status(&value, e);
    if (err == PB_OK)
        err = http_headers_set(&out->headers, "Authorization", value.data, e);
    if (value.len > 0)
        explicit_bzero(value.data, value.len);
    buf_release(&value);
    return err;
}

static enum pb_err prepare(void *ctx, unsigned attempt, struct http_message *out, struct error *e)
{
    struct cloud_request *r = ctx;

    (void)attempt;
    out->method = kind_of(r)->actions[r->action].method;
    return kind_of(r)->prepare(r, out, e);
}

static bool again(void *ctx, const struct http_result *a)
{
    struct cloud_request *r = ctx;

    if (a->status / 100 == 2)
        return r->reject && r->reject(r->ctx, a);
    return kind_of(r)->again(r, a);
}

static enum pb_err on_head(void *ctx, const struct http_result *a, struct error *e)
{
    const struct cloud_request *r = ctx;

    return r->on_head(r->ctx, a, e);
}

static enum pb_err on_body(void *ctx, const void *p, size_t n, struct error *e)
{
    const struct cloud_request *r = ctx;

    return r->on_body(r->ctx, p, n, e);
}

/* ---------------------------------------------------------------------------- sending */

static enum pb_err start(struct cloud_request *r, struct error *e);

static void on_ready(void *ctx, const struct error *e)
{
    struct cloud_request *r = ctx;
    struct http_result none = {.status = 0};
    struct error why = {0};

    r->waiting = false;
    if (e)
        why = *e;
    else if (start(r, &why) == PB_OK)
        return;
    r->done(r->ctx, &none, &why);
}

/* Now, or when there are credentials. */
static enum pb_err go(struct cloud_request *r, struct error *e)
{
    enum pb_err err;

    if (!kind_of(r)->waits(r))
        return start(r, e);
    err = kind_of(r)->wait(r, on_ready, e);
    r->waiting = err == PB_OK;
    return err;
}

static void done(void *ctx, const struct http_result *a, const struct error *e)
{
    struct cloud_request *r = ctx;

    r->call = NULL;
    if (!e && !r->renewed && kind_of(r)->refused(r, a)) {
        r->renewed = true;
        if (go(r, NULL) == PB_OK)
            return;
    }
    r->done(r->ctx, a, e);
}

static enum pb_err start(struct cloud_request *r, struct error *e)
{
    struct http_request q = {
        .retry = kind_of(r)->actions[r->action].retry,
        .prepare = prepare,
        .on_head = r->on_head ? on_head : NULL,
        .on_body = r->on_body ? on_body : NULL,
        .again = again,
        .done = done,
        .ctx = r,
        .body = r->body,
        .farewell = r->farewell,
    };

    return http_start(r->store->http, &q, &r->call, e);
}

enum pb_err cloud_request_send(struct cloud_request *r, struct error *e)
{
    enum pb_err err = kind_of(r)->check ? kind_of(r)->check(r, e) : PB_OK;

    buf_clear(&r->query);
    if (err == PB_OK)
        err = aws_query_format(&r->params, &r->query, e);
    return err == PB_OK ? go(r, e) : err;
}
