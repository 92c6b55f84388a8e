/* What went wrong, in sentences that name the host and say what can be done.  Never a URL: it may
 * hold a signature; hosts are enough. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "http_internal.h"

/* host[:port] of the message's URL, for people. */
void http_error_host(struct http_call *c)
{
    CURLU *u = curl_url();
    char *host = NULL, *port = NULL, *scheme = NULL;
    struct buf shown;

    buf_init(&shown, sizeof c->host - 1);
    if (u != NULL && curl_url_set(u, CURLUPART_URL, c->message.url.data, 0) == CURLUE_OK) {
        if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK)
            c->https = strcmp(scheme, "https") == 0;
        if (curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK)
            text_escape_cols(&shown, host, strlen(host), 260);
        if (curl_url_get(u, CURLUPART_PORT, &port, 0) == CURLUE_OK)
            buf_printf(&shown, ":%s", port);
    }
    snprintf(c->host, sizeof c->host, "%s", shown.len > 0 ? shown.data : _("the server"));
    buf_release(&shown);
    curl_free(host);
    curl_free(port);
    curl_free(scheme);
    curl_url_cleanup(u);
}

/* Advice goes where the details of an error go: the line itself stays short. */
static enum pb_err advise(struct error *e, const char *advice)
{
    snprintf(e->detail, sizeof e->detail, "%s", _(advice));
    return e->code;
}

/* curl names whom it could not reach: not our host, then a proxy. */
static bool by_proxy(const struct http_call *c)
{
    const char *host = c->host;
    size_t n = strcspn(host, ":");

    if (host[0] == '[') { /* an IPv6 address: curl says it without brackets */
        host++;
        n = strcspn(host, "]");
    }
    return c->curl_says[0] != '\0' && memmem(c->curl_says, strlen(c->curl_says), host, n) == NULL;
}

static enum pb_err not_connected(const struct http_call *c, const char *says, struct error *e)
{
    long code = 0;

    if (by_proxy(c)) {
        error_set(e, PB_ENET, "cannot connect to %s through a proxy: %s", c->host, says);
        return advise(e, "The environment names the proxy: http_proxy, https_proxy, all_proxy; "
                         "no_proxy lists hosts that need none.");
    }
    if (curl_easy_getinfo(c->transfer.easy, CURLINFO_OS_ERRNO, &code) == CURLE_OK && code != 0)
        says = strerror((int)code);
    error_set(e, PB_ENET, "cannot connect to %s: %s", c->host, says);
    return advise(e, "Is the server running there? Check the endpoint's address and port.");
}

static enum pb_err too_late(const struct http_call *c, struct error *e)
{
    double seconds = (double)c->http->connect_ms / 1000;
    curl_off_t found = 0;

    if (curl_easy_getinfo(c->transfer.easy, CURLINFO_NAMELOOKUP_TIME_T, &found) == CURLE_OK &&
        found == 0) {
        error_set(e, PB_ETIMEOUT, "the name of %s could not be looked up within %.3g s", c->host,
                  seconds);
        return advise(e, "Check the network and its name server.");
    }
    error_set(e, PB_ETIMEOUT, "no connection to %s within %.3g s", c->host, seconds);
    return advise(e, "Check the endpoint's address and port, the network and its firewall.");
}

static enum pb_err tls_failed(const struct http_call *c, CURLcode code, const char *says,
                              struct error *e)
{
    if (code == CURLE_SSL_CACERT_BADFILE) {
        error_set(e, PB_EIO, "cannot read the CA certificates: %s", says);
        return advise(e, "Check the file that is named as CA bundle.");
    }
    if (code == CURLE_PEER_FAILED_VERIFICATION) {
        error_set(e, PB_ENET, "the certificate of %s is not trusted: %s", c->host, says);
        return advise(e, "If it is a server of your own, name its CA certificate as CA bundle.");
    }
    error_set(e, PB_ENET, "cannot agree on TLS with %s: %s", c->host, says);
    return advise(e, "Does the endpoint speak https on this port?");
}

static enum pb_err not_http(const struct http_call *c, const char *says, struct error *e)
{
    error_set(e, PB_ESERVER, "what %s answers is not HTTP: %s", c->host, says);
    return advise(e, "Check the endpoint: its port, and whether it is http or https.");
}

static enum pb_err sentence(const struct http_call *c, CURLcode code, const char *says,
                            bool *transient, struct error *e)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        *transient = true;
        error_set(e, PB_ENET, "no address is known for %s", c->host);
        return advise(e, "Check the spelling of the endpoint or bucket, and the network.");
    case CURLE_COULDNT_RESOLVE_PROXY:
        *transient = true;
        error_set(e, PB_ENET, "cannot reach %s: no address is known for the proxy: %s", c->host,
                  says);
        return advise(e, "The environment names it: http_proxy, https_proxy, all_proxy.");
    case CURLE_COULDNT_CONNECT:
        *transient = true;
        return not_connected(c, says, e);
    case CURLE_OPERATION_TIMEDOUT:
        *transient = true;
        return too_late(c, e);
    case CURLE_SSL_CONNECT_ERROR:
        *transient = true;
        return tls_failed(c, code, says, e);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CIPHER:
        return tls_failed(c, code, says, e);
    case CURLE_GOT_NOTHING:
        *transient = true;
        return error_set(e, PB_ENET, "%s closed the connection without an answer", c->host);
    case CURLE_PARTIAL_FILE:
        *transient = true;
        return http_error_cut(c, e);
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        *transient = true;
        if (!c->requested) /* a proxy that does not let us through, for one */
            return error_set(e, PB_ENET, "cannot connect to %s: %s", c->host, says);
        return error_set(e, PB_ENET, "the connection to %s was lost: %s", c->host, says);
    case CURLE_OUT_OF_MEMORY:
        /* curl says the same of a header line above its limit of 100 kB. */
        if (c->head_begun && !c->head_over)
            return error_set(e, PB_ESERVER, "the headers that %s answers with are too large",
                             c->host);
        return error_nomem(e);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        if (c->requested)
            return not_http(c, says, e);
        return error_set(e, PB_EUNSUPPORTED, "cannot talk to %s: %s", c->host, says);
    case CURLE_LOGIN_DENIED:
        return error_set(e, PB_EUSAGE, "the address of %s must not hold a name and password",
                         c->host);
    case CURLE_URL_MALFORMAT:
        return error_set(e, PB_EUSAGE, "the address of %s is malformed: %s", c->host, says);
    default:
        return error_set(e, PB_ENET, "the request to %s failed: %s", c->host, says);
    }
}

enum pb_err http_error_curl(const struct http_call *c, CURLcode code, bool *transient,
                            struct error *e)
{
    const char *says = c->curl_says[0] != '\0' ? c->curl_says : curl_easy_strerror(code);
    struct buf shown;
    enum pb_err rc;

    *transient = false;
    buf_init(&shown, ERROR_MSG_MAX);
    text_escape_cols(&shown, says, strlen(says), 200);
    rc = sentence(c, code, shown.data, transient, e);
    buf_release(&shown);
    return rc;
}

enum pb_err http_error_stalled(const struct http_call *c, struct error *e)
{
    double seconds = (double)c->http->stall_ms / 1000;

    if (c->starved)
        error_set(e, PB_ETIMEOUT, "the bytes to send to %s did not come for %.3g s", c->host,
                  seconds);
    else if (c->req.body != NULL && c->sent < c->req.body->size)
        error_set(e, PB_ETIMEOUT, "%s took nothing for %.3g s", c->host, seconds);
    else
        error_set(e, PB_ETIMEOUT, "%s sent nothing for %.3g s", c->host, seconds);
    return advise(e, "Check the network; the server may also be overloaded.");
}

enum pb_err http_error_cut(const struct http_call *c, struct error *e)
{
    if (c->receive_total == 0)
        return error_set(e, PB_ENET, "%s closed the connection in the middle of its answer",
                         c->host);
    return error_set(e, PB_ENET, "%s closed the connection after %llu of %llu bytes", c->host,
                     (unsigned long long)c->received, (unsigned long long)c->receive_total);
}
