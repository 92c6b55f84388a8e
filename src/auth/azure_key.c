/*
 * Shared Key: HMAC-SHA-256, with the account's key, of what is sent.
 *
 * The service sorts header names as .NET compares words: '-' does not count, and '_' comes before
 * digits and letters.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/digest.h>

#include "azure_chain.h"

/* ----------------------------------------------------------------------------- headers */

static int weight(char c)
{
    if (c >= 'A' && c <= 'Z')
        c = (char)(c - 'A' + 'a');
    return c == '_' ? 1 : (unsigned char)c + 1;
}

static int compare_words(const char *a, const char *b)
{
    const char *x = a, *y = b;

    for (;; x++, y++) {
        while (*x == '-')
            x++;
        while (*y == '-')
            y++;
        if (!*x || !*y || weight(*x) != weight(*y))
            break;
    }
    if (*x || *y)
        return !*x ? -1 : !*y ? 1 : weight(*x) - weight(*y);
    return strcasecmp(a, b);
}

static int by_name(const void *a, const void *b)
{
    const struct http_header *x = a, *y = b;

    return compare_words(x->name, y->name);
}

static void put_lower(struct buf *out, const char *s)
{
    for (; *s; s++)
        buf_putc(out, *s >= 'A' && *s <= 'Z' ? (char)(*s - 'A' + 'a') : *s);
}

/* Without the blanks at its ends; line ends never get this far. */
static void put_trimmed(struct buf *out, const char *s)
{
    size_t n;

    s += strspn(s, " \t");
    n = strlen(s);
    while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
        n--;
    buf_append(out, s, n);
}

static enum pb_err put_ms_headers(const struct http_headers *h, struct buf *out, struct error *e)
{
    struct http_header *list = mem_alloc((h->len + 1) * sizeof *list);
    size_t i, n = 0;

    if (!list)
        return error_nomem(e);
    for (i = 0; i < h->len; i++)
        if (strncasecmp(h->data[i].name, "x-ms-", 5) == 0)
            list[n++] = h->data[i];
    qsort(list, n, sizeof *list, by_name);
    for (i = 0; i < n; i++) {
        put_lower(out, list[i].name);
        buf_putc(out, ':');
        put_trimmed(out, list[i].value);
        buf_putc(out, '\n');
    }
    free(list);
    return PB_OK;
}

/* -------------------------------------------------------------------------------- query */

struct param {
    struct buf name, value; /* decoded, the name in lower case */
};

static int by_param(const void *a, const void *b)
{
    const struct param *x = a, *y = b;
    int order = strcmp(x->name.data, y->name.data);

    return order ? order : strcmp(x->value.data, y->value.data);
}

/* "\nname:value,value" each. */
static enum pb_err put_query(const struct aws_query *q, struct buf *out, struct error *e)
{
    struct param *list;
    enum pb_err err = PB_OK;
    size_t i;

    if (!q || q->len == 0)
        return PB_OK;
    list = mem_alloc(q->len * sizeof *list);
    if (!list)
        return error_nomem(e);
    for (i = 0; i < q->len; i++) {
        struct buf plain;

        buf_init(&plain, BUF_MAX_LINE);
        buf_init(&list[i].name, BUF_MAX_LINE);
        buf_init(&list[i].value, BUF_MAX_LINE);
        uri_decode(&plain, q->data[i].name, strlen(q->data[i].name), false);
        put_lower(&list[i].name, plain.data);
        uri_decode(&list[i].value, q->data[i].value, strlen(q->data[i].value), false);
        if (err == PB_OK)
            err = buf_status(&list[i].name, e);
        if (err == PB_OK)
            err = buf_status(&list[i].value, e);
        buf_release(&plain);
    }
    qsort(list, q->len, sizeof *list, by_param);
    for (i = 0; i < q->len; i++) {
        if (i > 0 && strcmp(list[i].name.data, list[i - 1].name.data) == 0)
            buf_printf(out, ",%s", list[i].value.data);
        else
            buf_printf(out, "\n%s:%s", list[i].name.data, list[i].value.data);
    }
    for (i = 0; i < q->len; i++) {
        buf_release(&list[i].name);
        buf_release(&list[i].value);
    }
    free(list);
    return err;
}

/* ------------------------------------------------------------------------------ signing */

enum pb_err azure_string_to_sign(const struct azure_signing *s, struct buf *out, struct error *e)
{
    /* Date is empty: x-ms-date says it. */
    static const char *const after_length[] = {
        "Content-MD5",   "Content-Type",        NULL,   "If-Modified-Since", "If-Match",
        "If-None-Match", "If-Unmodified-Since", "Range"};
    const char *encoding = http_headers_get(s->headers, "Content-Encoding");
    const char *language = http_headers_get(s->headers, "Content-Language");
    enum pb_err err;

    buf_printf(out, "%s\n%s\n%s\n", s->method, encoding ? encoding : "", language ? language : "");
    if (s->content_length > 0)
        buf_printf(out, "%llu", (unsigned long long)s->content_length);
    buf_putc(out, '\n');
    for (size_t i = 0; i < sizeof after_length / sizeof *after_length; i++) {
        const char *value = after_length[i] ? http_headers_get(s->headers, after_length[i]) : NULL;

        if (value)
            put_trimmed(out, value);
        buf_putc(out, '\n');
    }
    err = put_ms_headers(s->headers, out, e);
    if (err != PB_OK)
        return err;
    buf_printf(out, "/%s%s", s->account, s->path);
    err = put_query(s->query, out, e);
    return err == PB_OK ? buf_status(out, e) : err;
}

static enum pb_err sign(const char *key_base64, const struct buf *text, struct buf *out,
                        struct error *e)
{
    uint8_t mac[SHA256_LEN];
    struct buf key;
    enum pb_err err = PB_OK;

    buf_init(&key, BUF_MAX_LINE);
    if (!base64_decode(&key, key_base64, strlen(key_base64)) || key.len == 0)
        err = error_set(e, PB_EUSAGE, "the account's key is no base64 text");
    if (err == PB_OK)
        err = hmac_sha256(key.data, key.len, text->data, text->len, mac, e);
    if (err == PB_OK) {
        base64_encode(out, mac, sizeof mac);
        err = buf_status(out, e);
    }
    aws_wipe_buf(&key);
    return err;
}

enum pb_err azure_key_check(const char *key, struct error *e)
{
    struct buf plain;
    enum pb_err err = PB_OK;

    buf_init(&plain, BUF_MAX_LINE);
    if (!base64_decode(&plain, key, strlen(key)) || plain.len == 0)
        err = plain.failed == PB_ENOMEM ? error_nomem(e)
                                        : error_set(e, PB_EUSAGE, "the key is no base64 text");
    aws_wipe_buf(&plain);
    return err;
}

enum pb_err azure_authorization(const struct azure_signing *s, struct buf *out, struct error *e)
{
    struct buf text;
    enum pb_err err;

    buf_init(&text, BUF_MAX_TEXT);
    err = azure_string_to_sign(s, &text, e);
    buf_printf(out, "SharedKey %s:", s->account);
    if (err == PB_OK)
        err = sign(s->key, &text, out, e);
    buf_release(&text);
    return err;
}

/* A service SAS of this version's form: sp, st, se, resource, si, sip, spr, sv, sr, snapshot,
 * encryption scope, and five headers. */
enum pb_err azure_read_sas(const char *account, const char *key_base64, const char *container,
                           const char *key, size_t key_len, int64_t end, struct buf *out,
                           struct error *e)
{
    struct buf text, when, signature;
    enum pb_err err;

    buf_init(&text, BUF_MAX_LINE);
    buf_init(&when, BUF_MAX_LINE);
    buf_init(&signature, BUF_MAX_LINE);
    clock_format_iso(&when, end);
    buf_printf(&text, "r\n\n%s\n/blob/%s/%s/", when.data, account, container);
    buf_append(&text, key, key_len);
    buf_puts(&text, "\n\n\n\n" AZURE_VERSION "\nb\n\n\n\n\n\n\n");
    err = buf_status(&text, e);
    if (err == PB_OK)
        err = sign(key_base64, &text, &signature, e);
    if (err == PB_OK) {
        buf_puts(out, "sv=" AZURE_VERSION "&sr=b&sp=r&se=");
        uri_encode(out, when.data, when.len, false);
        buf_puts(out, "&sig=");
        uri_encode(out, signature.data, signature.len, false);
        err = buf_status(out, e);
    }
    buf_release(&text);
    buf_release(&when);
    buf_release(&signature);
    return err;
}
