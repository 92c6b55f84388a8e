/* Header lists: in order, names compared without case. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "http_internal.h"

bool http_token(const char *s, size_t n)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < n; i++) {
        char c = s[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) &&
            (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return n > 0;
}

/* What would end the line early, and so make a header of the next one. */
static enum pb_err check(const char *name, const char *value, struct error *e)
{
    struct buf shown;
    enum pb_err rc = PB_OK;

    if (http_token(name, strlen(name)) && strpbrk(value, "\r\n") == NULL)
        return PB_OK;
    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, name, strlen(name), 60);
    rc =
        error_set(e, PB_EUNSUPPORTED, "the header \"%s\" cannot be sent: %s", shown.data,
                  strpbrk(value, "\r\n") != NULL ? _("its value has a line break")
                                                 : _("its name has other than letters and digits"));
    buf_release(&shown);
    return rc;
}

enum pb_err http_headers_add_raw(struct http_headers *h, const char *name, size_t name_len,
                                 const char *value, size_t value_len, struct error *e)
{
    struct http_header new = {mem_strndup(name, name_len), mem_strndup(value, value_len)};

    if (new.name == NULL || new.value == NULL || !vec_push(h, new)) {
        free(new.name);
        free(new.value);
        return error_nomem(e);
    }
    return PB_OK;
}

enum pb_err http_headers_add(struct http_headers *h, const char *name, const char *value,
                             struct error *e)
{
    enum pb_err rc = check(name, value, e);

    return rc != PB_OK ? rc : http_headers_add_raw(h, name, strlen(name), value, strlen(value), e);
}

static void drop(struct http_headers *h, size_t i)
{
    free(h->data[i].name);
    free(h->data[i].value);
    h->len--;
    memmove(&h->data[i], &h->data[i + 1], (h->len - i) * sizeof *h->data);
}

/* The first one of the name gets the value and keeps its place; further ones go. */
enum pb_err http_headers_set(struct http_headers *h, const char *name, const char *value,
                             struct error *e)
{
    enum pb_err rc = check(name, value, e);
    bool found = false;
    char *copy;

    if (rc != PB_OK)
        return rc;
    if (http_headers_get(h, name) == NULL)
        return http_headers_add(h, name, value, e);
    copy = mem_strdup(value);
    if (copy == NULL)
        return error_nomem(e);
    for (size_t i = 0; i < h->len;) {
        if (strcasecmp(h->data[i].name, name) != 0) {
            i++;
        } else if (found) {
            drop(h, i);
        } else {
            free(h->data[i].value);
            h->data[i++].value = copy;
            found = true;
        }
    }
    return PB_OK;
}

const char *http_headers_get(const struct http_headers *h, const char *name)
{
    for (size_t i = 0; i < h->len; i++) {
        if (strcasecmp(h->data[i].name, name) == 0)
            return h->data[i].value;
    }
    return NULL;
}

void http_headers_clear(struct http_headers *h)
{
    for (size_t i = 0; i < h->len; i++) {
        free(h->data[i].name);
        free(h->data[i].value);
    }
    h->len = 0;
}

void http_headers_release(struct http_headers *h)
{
    http_headers_clear(h);
    vec_release(h);
}
