/*
 * Between an object's resource and a struct store_object.
 *
 * What is kept for the next write is a list of members: the content headers as they are, the others
 * as JSON, since names and values of metadata may be any text.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

#include "gcs.h"

/* A member, and how it is called in what is shown. */
static const struct member {
    const char *member, *shown;
} headers[] = {
    {"contentType", "Content-Type"},
    {"contentEncoding", "Content-Encoding"},
    {"contentDisposition", "Content-Disposition"},
    {"contentLanguage", "Content-Language"},
    {"cacheControl", "Cache-Control"},
};
static const char *const members[] = {
    "storageClass", "metadata", "customTime", "temporaryHold", "eventBasedHold",
    "retention",    "contexts", "acl",        "kmsKeyName",
};

void gcs_object_release(struct gcs_object *g)
{
    store_object_release(&g->o);
    *g = (struct gcs_object){0};
}

const char *gcs_text(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));

    return text ? text : "";
}

bool gcs_number(const json_t *o, const char *name, uint64_t *out)
{
    const char *text = gcs_text(o, name);

    return *text && num_parse_u64(text, strlen(text), out);
}

/* ------------------------------------------------------------------- for the next write */

/* What only the service sets is taken away. */
static json_t *contexts_to_send(const json_t *contexts)
{
    json_t *copy = json_deep_copy(contexts), *one;
    const char *name;

    json_object_foreach(json_object_get(copy, "custom"), name, one)
    {
        json_object_del(one, "createTime");
        json_object_del(one, "updateTime");
    }
    return copy;
}

static json_t *acl_to_send(const json_t *acl)
{
    json_t *out = json_array();
    size_t i;

    for (i = 0; i < json_array_size(acl); i++) {
        const json_t *one = json_array_get(acl, i);

        if (json_array_append_new(out, json_pack("{s:s, s:s}", "entity", gcs_text(one, "entity"),
                                                 "role", gcs_text(one, "role"))) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

/* The key, not the version of it that was used: that is the service's choice. */
static json_t *key_to_send(const json_t *name)
{
    const char *text = json_string_value(name);
    const char *version = text ? strstr(text, "/cryptoKeyVersions/") : NULL;

    if (!text)
        return NULL;
    return version ? json_stringn(text, (size_t)(version - text)) : json_string(text);
}

static bool has_ended(const json_t *retention)
{
    const char *until = gcs_text(retention, "retainUntilTime");
    int64_t when;

    return !clock_parse_iso(until, strlen(until), &when) || when <= clock_now();
}

static enum pb_err keep_member(struct store_object *o, const char *name, const json_t *value,
                               struct error *e)
{
    json_t *send;
    char *text;
    enum pb_err err;

    if (!value || (strcmp(name, "retention") == 0 && has_ended(value)))
        return PB_OK;
    if (strcmp(name, "contexts") == 0)
        send = contexts_to_send(value);
    else if (strcmp(name, "acl") == 0)
        send = acl_to_send(value);
    else if (strcmp(name, "kmsKeyName") == 0)
        send = key_to_send(value);
    else
        send = json_deep_copy(value);
    text = json_dumps(send, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
    json_decref(send);
    err = text ? http_headers_add(&o->keep, name, text, e) : error_nomem(e);
    free(text);
    return err;
}

static enum pb_err keep_all(struct store_object *o, const json_t *r, struct error *e)
{
    enum pb_err err = PB_OK;
    size_t i;

    for (i = 0; err == PB_OK && i < sizeof headers / sizeof *headers; i++) {
        const char *text = gcs_text(r, headers[i].member);

        if (*text)
            err = http_headers_add(&o->keep, headers[i].shown, text, e);
    }
    for (i = 0; err == PB_OK && i < sizeof members / sizeof *members; i++)
        err = keep_member(o, members[i], json_object_get(r, members[i]), e);
    return err;
}

/* ------------------------------------------------------------------------ for a person */

static enum pb_err show(struct store_object *o, const char *name, const char *value,
                        struct error *e)
{
    struct buf plain;
    enum pb_err err;

    if (!*value)
        return PB_OK;
    buf_init(&plain, BUF_MAX_TEXT);
    if (strpbrk(value, "\r\n"))
        text_escape(&plain, value, strlen(value));
    else
        buf_puts(&plain, value);
    err = buf_status(&plain, e);
    if (err == PB_OK)
        err = http_headers_add(&o->shown, name, plain.data, e);
    buf_release(&plain);
    return err;
}

/* "name: value": a name may be what no header's name can be. */
static enum pb_err show_pair(struct store_object *o, const char *what, const char *name,
                             const char *value, struct error *e)
{
    struct buf text;
    enum pb_err err;

    buf_init(&text, BUF_MAX_TEXT);
    buf_printf(&text, "%s: %s", name, value);
    err = buf_status(&text, e);
    if (err == PB_OK)
        err = show(o, what, text.data, e);
    buf_release(&text);
    return err;
}

static enum pb_err show_maps(struct store_object *o, const json_t *r, struct error *e)
{
    json_t *metadata = json_object_get(r, "metadata"), *one;
    json_t *custom = json_object_get(json_object_get(r, "contexts"), "custom");
    const json_t *retention = json_object_get(r, "retention");
    const char *name;
    enum pb_err err = PB_OK;

    if (retention)
        err = show_pair(o, "Retention", gcs_text(retention, "mode"),
                        gcs_text(retention, "retainUntilTime"), e);
    json_object_foreach(metadata, name, one)
    {
        if (err == PB_OK && json_is_string(one))
            err = show_pair(o, "Metadata", name, json_string_value(one), e);
    }
    json_object_foreach(custom, name, one)
    {
        if (err == PB_OK)
            err = show_pair(o, "Context", name, gcs_text(one, "value"), e);
    }
    return err;
}

static enum pb_err show_all(struct store_object *o, const json_t *r, struct error *e)
{
    static const struct member rows[] = {
        {"size", "Size"},
        {"updated", "Last-Modified"},
        {"timeCreated", "Created"},
        {"generation", "Generation"},
        {"metageneration", "Metageneration"},
        {"contentType", "Content-Type"},
        {"contentEncoding", "Content-Encoding"},
        {"contentDisposition", "Content-Disposition"},
        {"contentLanguage", "Content-Language"},
        {"cacheControl", "Cache-Control"},
        {"storageClass", "Storage-Class"},
        {"crc32c", "CRC32C"},
        {"md5Hash", "MD5"},
        {"customTime", "Custom-Time"},
        {"retentionExpirationTime", "Retention-Ends"},
        {"kmsKeyName", "KMS-Key"},
        {"timeDeleted", "Replaced"},
        {"softDeleteTime", "Soft-Deleted"},
        {"hardDeleteTime", "Gone-After"},
    };
    enum pb_err err = PB_OK;
    size_t i;

    for (i = 0; err == PB_OK && i < sizeof rows / sizeof *rows; i++)
        err = show(o, rows[i].shown, gcs_text(r, rows[i].member), e);
    if (err == PB_OK && json_is_true(json_object_get(r, "temporaryHold")))
        err = show(o, "Hold", _("temporary: it cannot be replaced or removed"), e);
    if (err == PB_OK && json_is_true(json_object_get(r, "eventBasedHold")))
        err = show(o, "Hold", _("event-based: it cannot be replaced or removed"), e);
    return err == PB_OK ? show_maps(o, r, e) : err;
}

/* ------------------------------------------------------------------------- the resource */

static enum pb_err identity_from(struct gcs_object *g, const json_t *r, struct error *e)
{
    struct store_identity *id = &g->o.identity;
    const char *generation = gcs_text(r, "generation"), *updated = gcs_text(r, "updated");
    const char *crc = gcs_text(r, "crc32c"), *sum = gcs_text(r, "md5Hash");

    if (!gcs_number(r, "generation", &g->generation) || !gcs_number(r, "size", &id->size))
        return error_set(e, PB_ESERVER, "the server's answer is no object of Cloud Storage");
    if (!gcs_number(r, "metageneration", &g->metageneration))
        g->metageneration = 0;
    if (!clock_parse_iso(updated, strlen(updated), &id->mtime))
        id->mtime = 0;
    if (strlen(crc) == 8)
        memcpy(g->crc32c, crc, 9);
    if (strlen(sum) == 24)
        memcpy(g->md5, sum, 25);
    g->gzip = strcmp(gcs_text(r, "contentEncoding"), "gzip") == 0;
    g->soft_deleted = *gcs_text(r, "softDeleteTime") != '\0';
    id->etag = mem_strdup(generation);
    id->version_id = mem_strdup(generation);
    return id->etag && id->version_id ? PB_OK : error_nomem(e);
}

enum pb_err gcs_object_from(struct gcs_object *g, const struct http_result *r, struct error *e)
{
    json_t *o = json_loadb(r->body.data, r->body.len, 0, NULL);
    enum pb_err err;

    *g = (struct gcs_object){0};
    err = identity_from(g, o, e);
    if (err == PB_OK)
        err = keep_all(&g->o, o, e);
    if (err == PB_OK)
        err = show_all(&g->o, o, e);
    json_decref(o);
    if (err != PB_OK)
        gcs_object_release(g);
    return err;
}

static const char *member_of(const char *shown)
{
    size_t i;

    for (i = 0; i < sizeof headers / sizeof *headers; i++)
        if (strcmp(headers[i].shown, shown) == 0)
            return headers[i].member;
    return NULL;
}

enum pb_err gcs_object_json(const struct cloud_request *q, const struct http_headers *keep,
                            const char *crc32c, const char *md5, char **out, struct error *e)
{
    json_t *o = json_object(), *name = json_stringn(q->key, q->key_len);
    bool ok;
    size_t i;

    *out = NULL;
    if (!name) { /* not UTF-8: jansson has none of it */
        json_decref(o);
        return cloud_error(q, PB_EUSAGE, "object names there are UTF-8", e);
    }
    ok = json_object_set_new(o, "name", name) == 0;
    if (ok && crc32c)
        ok = json_object_set_new(o, "crc32c", json_string(crc32c)) == 0;
    if (ok && md5)
        ok = json_object_set_new(o, "md5Hash", json_string(md5)) == 0;
    for (i = 0; ok && keep && i < keep->len; i++) {
        const char *value = keep->data[i].value, *member = member_of(keep->data[i].name);

        if (member)
            ok = json_object_set_new(o, member, json_string(value)) == 0;
        else
            ok = json_object_set_new(o, keep->data[i].name,
                                     json_loads(value, JSON_DECODE_ANY, NULL)) == 0;
    }
    if (ok && !json_object_get(o, "contentType"))
        ok = json_object_set_new(o, "contentType", json_string("application/octet-stream")) == 0;
    *out = ok ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    return *out ? PB_OK : error_nomem(e);
}
