#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>
#include <pklbrowse/text.h>
#include <pklbrowse/uri.h>

static enum pb_err bad(struct error *e, const char *url, const char *why)
{
    struct buf shown;
    enum pb_err err;

    /* Not the address itself when it holds a password. */
    if (strchr(url, '@') != NULL)
        return error_set(e, PB_EUSAGE, "the endpoint's address: %s", _(why));
    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, url, strlen(url), 200);
    err = error_set(e, PB_EUSAGE, "%s: %s", shown.data, why);
    buf_release(&shown);
    return err;
}

static bool is_host_char(char c, bool ipv6)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '.')
        return true;
    return ipv6 ? c == ':' : (c > 'f' && c <= 'z') || c == '-' || c == '_';
}

/* Length of the host at s, its brackets included; 0 when there is none that makes sense. */
static size_t host_length(const char *s)
{
    bool ipv6 = s[0] == '[';
    size_t n = ipv6 ? strcspn(s, "]") : strcspn(s, ":/");

    for (size_t i = ipv6; i < n; i++) {
        char c = s[i];

        if (!is_host_char(c >= 'A' && c <= 'Z' ? (char)(c + 32) : c, ipv6))
            return 0;
    }
    if (!ipv6)
        return n;
    return s[n] == ']' && n > 2 ? n + 1 : 0;
}

/* ":port", or nothing.  *s moves behind it. */
static bool take_port(const char **s, unsigned *port)
{
    uint64_t value;
    size_t n;

    *port = 0;
    if (**s != ':')
        return true;
    n = strcspn(*s + 1, "/");
    if (!num_parse_u64(*s + 1, n, &value) || value < 1 || value > 65535)
        return false;
    *port = (unsigned)value;
    *s += 1 + n;
    return true;
}

enum pb_err endpoint_parse(struct endpoint *ep, const char *url, struct error *e)
{
    const char *rest;
    size_t host, path;

    memset(ep, 0, sizeof *ep);
    ep->https = strncasecmp(url, "https://", 8) == 0;
    if (!ep->https && strncasecmp(url, "http://", 7) != 0)
        return bad(e, url, "an endpoint begins with http:// or https://");
    rest = url + (ep->https ? 8 : 7);
    if (strpbrk(rest, "@?#") != NULL)
        return bad(e, url, "an endpoint has no user name, no query and no fragment");
    host = host_length(rest);
    if (host == 0)
        return bad(e, url, "an endpoint needs a host's name or address");
    ep->host = mem_strndup(rest, host);
    rest += host;
    if (!take_port(&rest, &ep->port) || (*rest != '\0' && *rest != '/')) {
        endpoint_release(ep);
        return bad(e, url, "a port is a number from 1 to 65535");
    }
    path = strlen(rest);
    while (path > 0 && rest[path - 1] == '/')
        path--;
    ep->path = mem_strndup(rest, path);
    if (ep->host == NULL || ep->path == NULL) {
        endpoint_release(ep);
        return error_nomem(e);
    }
    for (char *p = ep->host; *p != '\0'; p++) {
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 32);
    }
    return PB_OK;
}

bool endpoint_is_loopback(const struct endpoint *ep)
{
    static const char local[] = "localhost";
    size_t n = strlen(ep->host), len = sizeof local - 1;

    if (n >= len && strcmp(ep->host + n - len, local) == 0)
        return n == len || ep->host[n - len - 1] == '.';
    return strcmp(ep->host, "[::1]") == 0 || strcmp(ep->host, "::1") == 0 ||
           (strncmp(ep->host, "127.", 4) == 0 && strspn(ep->host, "0123456789.") == n);
}

void endpoint_release(struct endpoint *ep)
{
    free(ep->host);
    free(ep->path);
    memset(ep, 0, sizeof *ep);
}

bool url_is_safe(const char *url)
{
    const char *host = strstr(url, "://");
    struct endpoint ep = {0};
    struct buf base;
    bool safe;

    if (!host)
        return false;
    buf_init(&base, BUF_MAX_LINE);
    buf_append(&base, url, (size_t)(host - url) + 3 + strcspn(host + 3, "/?#"));
    safe = buf_status(&base, NULL) == PB_OK && endpoint_parse(&ep, base.data, NULL) == PB_OK;
    buf_release(&base);
    if (!safe)
        return false;
    safe = ep.https || endpoint_is_loopback(&ep);
    endpoint_release(&ep);
    return safe;
}
