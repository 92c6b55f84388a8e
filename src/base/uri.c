#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>
#include <pklbrowse/text.h>
#include <pklbrowse/uri.h>

static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

void uri_encode(struct buf *out, const char *s, size_t n, bool keep_slash)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];

        if (is_unreserved(c) || (c == '/' && keep_slash)) {
            buf_putc(out, s[i]);
        } else {
            char escaped[3] = {'%', hex[c >> 4], hex[c & 0xf]};

            buf_append(out, escaped, sizeof escaped);
        }
    }
}

void uri_decode(struct buf *out, const char *s, size_t n, bool plus_is_space)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '%' && n - i > 2 && num_digit(s[i + 1]) < 16 && num_digit(s[i + 2]) < 16) {
            buf_putc(out, (char)(num_digit(s[i + 1]) * 16 + num_digit(s[i + 2])));
            i += 2;
        } else {
            buf_putc(out, s[i] == '+' && plus_is_space ? ' ' : s[i]);
        }
    }
}

/* Does a shared access signature stand where az:// has none? */
static bool az_signed(const char *rest)
{
    const char *query = strchr(rest, '?');

    return query != NULL && (memchr(rest, '/', (size_t)(query - rest)) == NULL ||
                             strstr(query, "?sig=") != NULL || strstr(query, "&sig=") != NULL);
}

/* A message with a piece of what was typed in it, but never the query of an address: it may be
 * signed. */
static enum pb_err bad(struct error *e, const char *text, const char *why)
{
    bool query = strncasecmp(text, "http", 4) == 0 || strncasecmp(text, "az:", 3) == 0;
    size_t n = query ? strcspn(text, "?") : strlen(text);
    struct buf shown;
    enum pb_err err;

    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, text, n, 200);
    err = error_set(e, PB_EUSAGE, "%s%s: %s", shown.data, text[n] == '?' ? "?…" : "", why);
    buf_release(&shown);
    return err;
}

struct scheme {
    const char *prefix;
    enum loc_scheme scheme;
};

static const struct scheme schemes[] = {
    {"s3://", LOC_S3},      {"gs://", LOC_GS},     {"az://", LOC_AZ},
    {"https://", LOC_HTTP}, {"http://", LOC_HTTP}, {"file://", LOC_LOCAL},
};

static const struct scheme *find_scheme(const char *text)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (strncasecmp(text, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
            return &schemes[i];
    }
    return NULL;
}

static enum pb_err make_url(struct location *loc, struct error *e)
{
    struct buf url;
    enum pb_err err;

    buf_init(&url, BUF_MAX_LINE);
    buf_puts(&url, loc->container);
    buf_putc(&url, '/');
    uri_encode(&url, loc->key, loc->key_len, true);
    err = buf_status(&url, e);
    loc->url = buf_take(&url, NULL);
    if (err == PB_OK && loc->url == NULL)
        err = error_nomem(e);
    if (err != PB_OK)
        location_release(loc);
    return err;
}

enum pb_err location_make(struct location *loc, enum loc_scheme scheme, const char *container,
                          const char *key, size_t key_len, struct error *e)
{
    memset(loc, 0, sizeof *loc);
    loc->scheme = scheme;
    if (scheme != LOC_LOCAL && scheme != LOC_STDIO) {
        loc->container = mem_strdup(container != NULL ? container : "");
        if (loc->container == NULL)
            return error_nomem(e);
    }
    loc->key = mem_strndup(key, key_len);
    if (loc->key == NULL) {
        location_release(loc);
        return error_nomem(e);
    }
    loc->key_len = key_len;
    if (scheme == LOC_HTTP)
        return make_url(loc, e);
    return PB_OK;
}

/* "container/key"; with two parts "account/container/key". */
static enum pb_err parse_store(struct location *loc, enum loc_scheme scheme, const char *text,
                               const char *rest, int parts, struct error *e)
{
    const char *end = rest + strcspn(rest, "/");
    bool missing = end == rest && *end == '/';
    char *container;
    enum pb_err err;

    if (scheme == LOC_AZ && az_signed(rest))
        return bad(e, text,
                   "a signature goes with the https:// address of the blob, or into "
                   "AZURE_STORAGE_SAS_TOKEN");
    if (parts == 2 && *end == '/' && end[1] != '\0') {
        size_t n = strcspn(end + 1, "/");

        missing = missing || n == 0;
        end += 1 + n;
    }
    if (missing)
        return bad(e, text, "the container's name before the '/' is missing");
    container = mem_strndup(rest, (size_t)(end - rest));
    if (container == NULL)
        return error_nomem(e);
    if (*end == '/')
        end++;
    err = location_make(loc, scheme, container, end, strlen(end), e);
    free(container);
    return err;
}

/* The key is what a person reads; `url` is what is sent. */
static enum pb_err parse_http(struct location *loc, const char *text, const char *rest,
                              struct error *e)
{
    const char *path = rest + strcspn(rest, "/?#"), *end = path + strcspn(path, "?#");
    char *container = NULL;
    struct buf key;
    enum pb_err err;

    if (path == rest)
        return bad(e, text, "the host's name is missing");
    buf_init(&key, BUF_MAX_LINE);
    if (*path == '/')
        uri_decode(&key, path + 1, (size_t)(end - path - 1), false);
    err = buf_status(&key, e);
    if (err == PB_OK && memchr(key.data, '\0', key.len) != NULL)
        err = bad(e, text, "no path holds a %00");
    if (err != PB_OK)
        goto out;
    container = mem_strndup(text, (size_t)(path - text));
    if (container == NULL) {
        err = error_nomem(e);
        goto out;
    }
    err = location_make(loc, LOC_HTTP, container, key.data, key.len, e);
    if (err == PB_OK) {
        free(loc->url);
        loc->url = mem_strdup(text);
        if (loc->url == NULL) {
            location_release(loc);
            err = error_nomem(e);
        }
    }
out:
    free(container);
    buf_release(&key);
    return err;
}

/* Length of ACCOUNT in the host name of an Azure blob service, or 0. */
static size_t azure_account(const char *host, size_t n)
{
    static const char *const services[] = {
        ".blob.core.windows.net", ".blob.core.chinacloudapi.cn", ".blob.core.usgovcloudapi.net",
        ".blob.core.cloudapi.de", ".blob.storage.azure.net",
    };
    size_t account = strcspn(host, ".:/?#");

    for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
        size_t len = strlen(services[i]);

        if (n > len && strncasecmp(host + n - len, services[i], len) == 0 && account > 0)
            return account;
    }
    return 0;
}

/* rest begins with the host, `account` bytes of which name the account. */
static enum pb_err parse_azure(struct location *loc, const char *text, const char *rest,
                               size_t account, struct error *e)
{
    const char *path = rest + strcspn(rest, "/?#"), *end = path + strcspn(path, "?#");
    struct buf plain;
    enum pb_err err;

    buf_init(&plain, BUF_MAX_LINE);
    for (size_t i = 0; i < account; i++)
        buf_putc(&plain, rest[i] >= 'A' && rest[i] <= 'Z' ? (char)(rest[i] + 32) : rest[i]);
    uri_decode(&plain, path, (size_t)(end - path), false);
    err = buf_status(&plain, e);
    if (err == PB_OK && memchr(plain.data, '\0', plain.len) != NULL)
        err = bad(e, text, "no path holds a %00");
    if (err == PB_OK)
        err = parse_store(loc, LOC_AZ, text, plain.data, 2, e);
    if (err == PB_OK) {
        loc->url = mem_strdup(text);
        if (loc->url == NULL) {
            location_release(loc);
            err = error_nomem(e);
        }
    }
    buf_release(&plain);
    return err;
}

static enum pb_err parse_file(struct location *loc, const char *text, const char *rest,
                              struct error *e)
{
    struct buf path;
    enum pb_err err;

    if (strncasecmp(rest, "localhost/", 10) == 0)
        rest += 9;
    if (*rest != '/')
        return bad(e, text, "a file:// address names a path on this machine (file:///…)");
    buf_init(&path, BUF_MAX_LINE);
    uri_decode(&path, rest, strlen(rest), false);
    err = buf_status(&path, e);
    if (err == PB_OK && memchr(path.data, '\0', path.len) != NULL)
        err = bad(e, text, "no path holds a %00");
    if (err == PB_OK)
        err = location_make(loc, LOC_LOCAL, NULL, path.data, path.len, e);
    buf_release(&path);
    return err;
}

enum pb_err location_parse(struct location *loc, const char *text, struct error *e)
{
    const struct scheme *scheme = find_scheme(text);
    const char *rest = scheme != NULL ? text + strlen(scheme->prefix) : text;
    size_t account;

    memset(loc, 0, sizeof *loc);
    if (*text == '\0')
        return error_set(e, PB_EUSAGE, "an empty location");
    if (strcmp(text, "-") == 0)
        return location_make(loc, LOC_STDIO, NULL, "-", 1, e);
    if (scheme == NULL)
        return location_make(loc, LOC_LOCAL, NULL, text, strlen(text), e);
    switch (scheme->scheme) {
    case LOC_LOCAL:
        return parse_file(loc, text, rest, e);
    case LOC_HTTP:
        account = azure_account(rest, strcspn(rest, ":/?#"));
        return account > 0 ? parse_azure(loc, text, rest, account, e)
                           : parse_http(loc, text, rest, e);
    case LOC_S3:
    case LOC_GS:
        return parse_store(loc, scheme->scheme, text, rest, 1, e);
    case LOC_AZ:
        return parse_store(loc, scheme->scheme, text, rest, 2, e);
    case LOC_STDIO:
        break;
    }
    return bad(e, text, "no such kind of location");
}

enum pb_err location_copy(struct location *to, const struct location *from, struct error *e)
{
    enum pb_err err = location_make(to, from->scheme, from->container, from->key, from->key_len, e);

    if (err == PB_OK && from->url != NULL) {
        free(to->url);
        to->url = mem_strdup(from->url);
        if (to->url == NULL) {
            location_release(to);
            err = error_nomem(e);
        }
    }
    return err;
}

void location_release(struct location *loc)
{
    free(loc->container);
    free(loc->key);
    free(loc->url);
    memset(loc, 0, sizeof *loc);
}

static const char *prefix_of(enum loc_scheme scheme)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (schemes[i].scheme == scheme)
            return schemes[i].prefix;
    }
    return "";
}

void location_format(struct buf *out, const struct location *loc)
{
    switch (loc->scheme) {
    case LOC_STDIO:
        buf_putc(out, '-');
        break;
    case LOC_HTTP:
        buf_puts(out, loc->url);
        break;
    case LOC_LOCAL:
        /* A file's name may look like another kind of location. */
        if (strcmp(loc->key, "-") == 0 || find_scheme(loc->key) != NULL)
            buf_puts(out, "./");
        buf_append(out, loc->key, loc->key_len);
        break;
    case LOC_S3:
    case LOC_GS:
    case LOC_AZ:
        buf_puts(out, prefix_of(loc->scheme));
        buf_puts(out, loc->container);
        if (loc->key_len > 0) {
            buf_putc(out, '/');
            buf_append(out, loc->key, loc->key_len);
        }
        break;
    }
}
