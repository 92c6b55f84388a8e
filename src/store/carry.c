/*
 * An object's properties, from one kind of store to another.  Each kind keeps its own rows for the
 * next write; what they mean alike is few: the content's headers, and names with values.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/store.h>
#include <pklbrowse/text.h>

struct carry {
    const char *prefix; /* of a name of metadata, or NULL: they are one row of JSON */
    struct store_object *to;
    bool file; /* which has none of all this */
    json_t *metadata;
    struct buf *lost;
    enum pb_err err;
    struct error *e;
};

static bool is_said(const struct buf *lost, const char *what)
{
    size_t n = strlen(what);
    const char *at = lost->len > 0 ? lost->data : NULL;

    for (; at && (at = strstr(at, what)) != NULL; at++)
        if ((at == lost->data || at[-1] == ' ') && (at[n] == '\0' || at[n] == ','))
            return true;
    return false;
}

static void lose(struct carry *c, const char *what)
{
    if (is_said(c->lost, what))
        return;
    if (c->lost->len > 0)
        buf_puts(c->lost, ", ");
    buf_puts(c->lost, what);
}

static void add(struct carry *c, const char *name, const char *value)
{
    if (c->err == PB_OK)
        c->err = http_headers_add(&c->to->keep, name, value, c->e);
}

/* May it be a header's name, or, where names are identifiers, one of those? */
static bool is_name(const char *name, bool identifier)
{
    size_t i;

    for (i = 0; name[i]; i++) {
        char ch = name[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_';
        bool digit = ch >= '0' && ch <= '9';

        if (!letter && !(digit && (i > 0 || !identifier)) &&
            (identifier || !strchr("-.~!#$%&'*+^`|", ch)))
            return false;
    }
    return i > 0;
}

static bool is_value(const char *value)
{
    for (; *value; value++)
        if (*value < ' ' || *value > '~')
            return false;
    return true;
}

static void carry_metadata(struct carry *c, const char *name, const char *value)
{
    bool identifier = c->prefix && strcmp(c->prefix, "x-ms-meta-") == 0;
    struct buf row;

    if (!c->prefix && !c->file && utf8_check(value, strlen(value), false, NULL) == strlen(value)) {
        if (json_object_set_new(c->metadata, name, json_string(value)) != 0)
            c->err = error_nomem(c->e);
        return;
    }
    buf_init(&row, BUF_MAX_LINE);
    if (c->prefix && is_name(name, identifier) && is_value(value)) {
        buf_printf(&row, "%s%s", c->prefix, name);
        if (c->err == PB_OK)
            c->err = buf_status(&row, c->e);
        add(c, row.data, value);
    } else {
        buf_printf(&row, _("metadata %s"), name);
        if (c->err == PB_OK)
            c->err = buf_status(&row, c->e);
        if (c->err == PB_OK)
            lose(c, row.data);
    }
    buf_release(&row);
}

/* A row of JSON. */
static void carry_map(struct carry *c, const char *text)
{
    json_t *map = json_loads(text, 0, NULL), *one;
    const char *name;

    json_object_foreach(map, name, one)
    {
        if (json_is_string(one))
            carry_metadata(c, name, json_string_value(one));
    }
    json_decref(map);
}

/* What is what it would be anyway is not lost. */
static const struct {
    const char *row, *unless, *words;
} others[] = {
    {"x-amz-storage-class", "STANDARD", N_("storage class")},
    {"x-ms-access-tier", "Hot", N_("storage class")},
    {"storageClass", "\"STANDARD\"", N_("storage class")},
    {"x-amz-server-side-encryption", "AES256", N_("encryption")},
    {"x-amz-server-side-encryption-customer-algorithm", NULL, N_("encryption")},
    {"x-ms-encryption-scope", "$account-encryption-key", N_("encryption")},
    {"kmsKeyName", NULL, N_("encryption")},
    {"x-amz-website-redirect-location", NULL, N_("redirect")},
    {"x-amz-object-lock-mode", NULL, N_("retention")},
    {"x-amz-object-lock-legal-hold", "OFF", N_("legal hold")},
    {"x-ms-immutability-policy-until-date", NULL, N_("retention")},
    {"x-ms-legal-hold", "false", N_("legal hold")},
    {"retention", NULL, N_("retention")},
    {"temporaryHold", "false", N_("hold")},
    {"eventBasedHold", "false", N_("hold")},
    {"contexts", NULL, N_("contexts")},
    {"customTime", NULL, N_("custom time")},
    {"Expires", NULL, N_("Expires")},
};

static void lose_other(struct carry *c, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcasecmp(others[i].row, name) == 0 &&
            (!others[i].unless || strcasecmp(others[i].unless, value) != 0))
            lose(c, _(others[i].words));
}

/* A file has neither; that it is stored with a type means nothing there. */
static void leave_behind(struct carry *c, const char *name, const char *value)
{
    static const char *const prefixes[] = {"x-amz-meta-", "x-ms-meta-"};

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncasecmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            carry_metadata(c, name + strlen(prefixes[i]), value);
    if (strcmp(name, "metadata") == 0)
        carry_map(c, value);
}

static void carry_row(struct carry *c, const char *name, const char *value)
{
    static const char *const alike[] = {"Content-Type", "Content-Encoding", "Content-Disposition",
                                        "Content-Language", "Cache-Control"};

    for (size_t i = 0; i < sizeof alike / sizeof *alike; i++)
        if (strcasecmp(alike[i], name) == 0) {
            add(c, alike[i], value);
            return;
        }
    if (strncasecmp(name, "x-amz-meta-", 11) == 0)
        carry_metadata(c, name + 11, value);
    else if (strncasecmp(name, "x-ms-meta-", 10) == 0)
        carry_metadata(c, name + 10, value);
    else if (strcmp(name, "metadata") == 0)
        carry_map(c, value);
    else
        lose_other(c, name, value);
}

enum pb_err store_carry(const struct store_object *from, const char *scheme,
                        struct store_object *to, struct buf *lost, struct error *e)
{
    struct carry c = {.to = to, .lost = lost, .e = e, .metadata = json_object()};
    char *text = NULL;

    store_object_init(to);
    c.prefix = strcmp(scheme, "s3") == 0   ? "x-amz-meta-"
               : strcmp(scheme, "az") == 0 ? "x-ms-meta-"
                                           : NULL;
    c.file = strcmp(scheme, "file") == 0;
    if (!c.metadata)
        return error_nomem(e);
    for (size_t i = 0; c.err == PB_OK && i < from->keep.len; i++)
        if (c.file)
            leave_behind(&c, from->keep.data[i].name, from->keep.data[i].value);
        else
            carry_row(&c, from->keep.data[i].name, from->keep.data[i].value);
    if (from->tags > 0)
        lose(&c, _("tags"));
    if (c.err == PB_OK && json_object_size(c.metadata) > 0) {
        text = json_dumps(c.metadata, JSON_COMPACT | JSON_ENSURE_ASCII);
        if (text)
            add(&c, "metadata", text);
        else
            c.err = error_nomem(e);
    }
    free(text);
    json_decref(c.metadata);
    if (c.err == PB_OK)
        c.err = buf_status(lost, e);
    if (c.err != PB_OK)
        store_object_release(to);
    return c.err;
}
