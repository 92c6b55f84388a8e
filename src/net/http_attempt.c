/* One attempt: what curl is told, and what it calls. */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/log.h>
#include <pklbrowse/num.h>

#include "http_internal.h"

#define BUFFER_BYTES (256L * 1024L)
/* Of an answer that says its length, room is made for no more than that before it comes. */
#define RESERVED_MOST (1024u * 1024u)

/* ------------------------------------------------------------------------ what is noted of it */

void http_attempt_reset(struct http_call *c)
{
    curl_slist_free_all(c->lines);
    c->lines = NULL;
    c->curl_says[0] = '\0';
    c->requested = c->head_begun = c->head_over = c->body_full = c->paused = c->starved = false;
    c->head_bytes = 0;
    c->read_at = c->sent = c->received = c->receive_total = 0;
    c->opened = 0;
    c->socket = CURL_SOCKET_BAD;
    c->unsent = 0;
    c->rate_len = 0;
    c->result.status = 0;
    c->result.body_bytes = 0;
    c->result.date = 0;
    http_headers_clear(&c->result.headers);
    buf_clear(&c->result.body);
}

void http_attempt_moved(struct http_call *c)
{
    uint64_t now = clock_mono_us(), bytes = c->sent + c->received;

    c->moved_us = now;
    if (c->rate_len > 0 && now - c->rate[c->rate_len - 1].us < RATE_STEP_US)
        return;
    if (c->rate_len == RATE_SAMPLES)
        memmove(&c->rate[0], &c->rate[1], (--c->rate_len) * sizeof c->rate[0]);
    c->rate[c->rate_len].us = now;
    c->rate[c->rate_len++].bytes = bytes;
}

/* The kernel takes megabytes at once and sends them for minutes on a slow line: as long as its
 * queue gets shorter, something moves. */
bool http_attempt_unsent_moved(struct http_call *c)
{
    int unsent = 0, before = c->unsent;

    if (c->socket == CURL_SOCKET_BAD || ioctl(c->socket, SIOCOUTQ, &unsent) != 0)
        return false;
    c->unsent = unsent;
    return unsent < before;
}

/* Over TLS curl counts what the library took whole, which may be less than what has left; without,
 * the count is exact. */
bool http_attempt_left(const struct http_call *c)
{
    long bytes = 0;

    if (!c->requested)
        return false;
    return c->https ||
           curl_easy_getinfo(c->transfer.easy, CURLINFO_REQUEST_SIZE, &bytes) != CURLE_OK ||
           bytes > 0;
}

/* Nobody wants to hear of it any more, though curl has not noticed yet. */
static bool over(const struct http_call *c)
{
    return c->cancelled || c->state != CALL_RUNNING;
}

/* ------------------------------------------------------------------------------ the connection */

static curl_socket_t on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *addr)
{
    struct http_call *c = ctx;
    curl_socket_t fd;

    (void)purpose;
    fd = socket(addr->family, addr->socktype | SOCK_CLOEXEC, addr->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    c->sockets[c->opened++ % (sizeof c->sockets / sizeof *c->sockets)] = fd;
    return fd;
}

static int local_port(curl_socket_t fd)
{
    struct sockaddr_storage addr;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    socklen_t n = sizeof addr;

    if (getsockname(fd, (struct sockaddr *)&addr, &n) != 0)
        return -1;
    memcpy(&v4, &addr, sizeof v4);
    memcpy(&v6, &addr, sizeof v6);
    return addr.ss_family == AF_INET    ? ntohs(v4.sin_port)
           : addr.ss_family == AF_INET6 ? ntohs(v6.sin6_port)
                                        : -1;
}

/*
 * A connection stands (TLS and proxy included) and the request is about to be written.
 *
 * This is also where a second request is stopped.  When a connection that was kept from before dies
 * without an answer, curl sends the request once more by itself, though the server may have done it
 * the first time.  So a write never uses a kept connection (CURLOPT_FRESH_CONNECT), its body cannot
 * be rewound (on_seek), and if curl should find yet another reason, it must come through here.
 */
static int on_request(void *ctx, char *remote_ip, char *local_ip, int remote_port, int port)
{
    struct http_call *c = ctx;
    unsigned count = sizeof c->sockets / sizeof *c->sockets;

    (void)local_ip;
    if (over(c))
        return CURL_PREREQFUNC_ABORT;
    if (c->requested && c->req.retry == HTTP_WRITE) {
        error_set(&c->error, PB_ENET, "the connection to %s was lost while writing", c->host);
        return CURL_PREREQFUNC_ABORT;
    }
    log_line("connected to %s port %d", remote_ip, remote_port);
    c->requested = true;
    c->socket = CURL_SOCKET_BAD;
    for (unsigned i = 0; i < count && i < c->opened; i++) {
        if (local_port(c->sockets[i]) == port)
            c->socket = c->sockets[i];
    }
    http_attempt_moved(c);
    return CURL_PREREQFUNC_OK;
}

static int on_progress(void *ctx, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal,
                       curl_off_t ulnow)
{
    struct http_call *c = ctx;

    (void)dltotal;
    (void)dlnow;
    (void)ultotal;
    if (ulnow >= 0 && (uint64_t)ulnow != c->sent) {
        c->sent = (uint64_t)ulnow;
        http_attempt_moved(c);
    }
    return over(c) ? 1 : 0;
}

/* ----------------------------------------------------------------------------- what is sent */

static size_t on_read(char *to, size_t size, size_t count, void *ctx)
{
    struct http_call *c = ctx;
    struct source *s = c->req.body;
    uint64_t left = s == NULL ? 0 : s->size - c->read_at;
    size_t want = size * count, n = 0;
    const uint8_t *p = NULL;
    enum pb_err rc;

    if (over(c))
        return CURL_READFUNC_ABORT;
    if (want > left)
        want = (size_t)left;
    if (want > SOURCE_VIEW_MAX)
        want = SOURCE_VIEW_MAX;
    if (want == 0)
        return 0;
    rc = source_view(s, c->read_at, want, &p, &n, &c->error);
    if (rc == PB_EAGAIN && n == 0) {
        c->error.code = PB_OK;
        http_call_starved(c);
        return CURL_READFUNC_PAUSE;
    }
    if (rc == PB_EAGAIN)
        c->error.code = rc = PB_OK;
    if (rc == PB_OK && n == 0)
        rc = error_set(&c->error, PB_EIO, "what is to be sent ends before its size is reached");
    if (rc != PB_OK)
        return CURL_READFUNC_ABORT;
    if (n > want)
        n = want;
    memcpy(to, p, n);
    c->read_at += n;
    http_attempt_moved(c);
    return n;
}

static int on_seek(void *ctx, curl_off_t offset, int origin)
{
    struct http_call *c = ctx;

    if (c->req.retry == HTTP_WRITE || c->req.body == NULL || origin != SEEK_SET || offset < 0 ||
        (uint64_t)offset > c->req.body->size)
        return CURL_SEEKFUNC_FAIL;
    c->read_at = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* ---------------------------------------------------------------------------- what is received */

static void trim(const char **s, size_t *n)
{
    while (*n > 0 && ((*s)[*n - 1] == ' ' || (*s)[*n - 1] == '\t'))
        --*n;
    while (*n > 0 && (**s == ' ' || **s == '\t')) {
        ++*s;
        --*n;
    }
}

static enum pb_err begin_head(struct http_call *c, const char *line, size_t n, struct error *e)
{
    const char *sp = memchr(line, ' ', n);
    uint64_t status = 0;

    http_headers_clear(&c->result.headers);
    c->head_begun = true;
    if (sp == NULL || (size_t)(sp - line) + 4 > n || !num_parse_u64(sp + 1, 3, &status))
        return error_set(e, PB_ESERVER, "%s answers with a status that is no number", c->host);
    c->result.status = (int)status;
    return PB_OK;
}

/* A value that goes on in the next line (obsolete, but legal to receive). */
static enum pb_err fold(struct http_headers *h, const char *line, size_t n, struct error *e)
{
    struct http_header *last = &h->data[h->len - 1];
    struct buf whole;
    enum pb_err rc;

    buf_init(&whole, HTTP_HEADERS_MAX_BYTES);
    buf_printf(&whole, "%s ", last->value);
    buf_append(&whole, line, n);
    rc = buf_status(&whole, e);
    if (rc == PB_OK) {
        free(last->value);
        last->value = buf_take(&whole, NULL);
    }
    buf_release(&whole);
    return rc;
}

static enum pb_err add_line(struct http_call *c, const char *line, size_t n, struct error *e)
{
    struct http_headers *h = &c->result.headers;
    bool folded = line[0] == ' ' || line[0] == '\t';
    const char *colon = memchr(line, ':', n), *value;
    size_t name_len, value_len;

    if (folded) {
        trim(&line, &n);
        return h->len > 0 ? fold(h, line, n, e) : PB_OK;
    }
    if (colon == NULL)
        return PB_OK;
    name_len = (size_t)(colon - line);
    value = colon + 1;
    value_len = n - name_len - 1;
    trim(&line, &name_len);
    trim(&value, &value_len);
    if (!http_token(line, name_len)) /* nobody will ask for it */
        return PB_OK;
    if (h->len >= HTTP_HEADERS_MAX_COUNT)
        return error_set(e, PB_ESERVER, "%s answers with more than %u headers", c->host,
                         HTTP_HEADERS_MAX_COUNT);
    return http_headers_add_raw(h, line, name_len, value, value_len, e);
}

static void end_head(struct http_call *c)
{
    const struct http_headers *h = &c->result.headers;
    const char *length = http_headers_get(h, "Content-Length");
    const char *date = http_headers_get(h, "Date");

    log_line("< %d from %s", c->result.status, c->host);
    for (size_t i = 0; log_enabled() && i < h->len; i++)
        log_header('<', h->data[i].name, h->data[i].value);
    if (c->result.status < 200) /* 100, 103: the answer is still to come */
        return;
    c->head_over = true;
    if (length == NULL || !num_parse_u64(length, strlen(length), &c->receive_total))
        c->receive_total = 0;
    if (date == NULL || !clock_parse_http(date, strlen(date), &c->result.date))
        c->result.date = 0;
    /* At once what will be needed; without memory the bytes themselves will say so. */
    if (c->req.on_body == NULL && c->result.status / 100 == 2 && c->receive_total < RESERVED_MOST &&
        strcmp(c->message.method, "HEAD") != 0)
        (void)buf_room(&c->result.body, (size_t)c->receive_total);
}

static size_t on_header(char *line, size_t size, size_t count, void *ctx)
{
    struct http_call *c = ctx;
    size_t whole = size * count, n = whole;
    enum pb_err rc = PB_OK;

    if (over(c))
        return 0;
    http_attempt_moved(c);
    if (c->head_over) /* trailers, after a chunked body */
        return whole;
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        n--;
    c->head_bytes += whole;
    if (c->head_bytes > HTTP_HEADERS_MAX_BYTES)
        rc = error_set(&c->error, PB_ESERVER, "the headers that %s answers with are too large",
                       c->host);
    else if (n >= 5 && memcmp(line, "HTTP/", 5) == 0)
        rc = begin_head(c, line, n, &c->error);
    else if (n == 0)
        end_head(c);
    else
        rc = add_line(c, line, n, &c->error);
    return rc == PB_OK ? whole : 0;
}

static bool good(const struct http_call *c)
{
    return c->result.status / 100 == 2;
}

enum pb_err http_attempt_tell_head(struct http_call *c, struct error *e)
{
    if (c->head_told)
        return PB_OK;
    c->head_told = true;
    return c->req.on_head == NULL ? PB_OK : c->req.on_head(c->req.ctx, &c->result, e);
}

/* Bytes of an answer that is no 2xx: as many as tell what happened. */
static size_t collect_error(struct http_call *c, const void *p, size_t n)
{
    size_t room = HTTP_ERROR_MAX - c->result.body.len;

    buf_append(&c->result.body, p, n < room ? n : room);
    if (buf_status(&c->result.body, &c->error) != PB_OK)
        return 0;
    c->result.body_bytes = c->received;
    c->body_full = n > room;
    return c->body_full ? 0 : n;
}

static size_t on_body(char *p, size_t size, size_t count, void *ctx)
{
    struct http_call *c = ctx;
    size_t n = size * count;
    enum pb_err rc;

    if (over(c))
        return 0;
    c->received += n;
    http_attempt_moved(c);
    c->http->loop->ran = c->http->loop->wake = true;
    if (!good(c))
        return collect_error(c, p, n);
    if (c->req.on_body == NULL) {
        buf_append(&c->result.body, p, n);
        if (c->result.body.failed == PB_ELIMIT)
            error_set(&c->error, PB_ELIMIT, "the answer of %s is larger than %zu bytes", c->host,
                      c->result.body.max);
        else if (buf_status(&c->result.body, &c->error) == PB_OK)
            c->result.body_bytes += n;
        return c->error.code == PB_OK ? n : 0;
    }
    rc = http_attempt_tell_head(c, &c->error);
    if (rc == PB_OK && !over(c))
        rc = c->req.on_body(c->req.ctx, p, n, &c->error);
    if (over(c))
        return 0;
    if (rc == PB_EAGAIN) {
        c->error.code = PB_OK;
        c->received -= n; /* curl keeps them and brings them again */
        c->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (rc != PB_OK && c->error.code == PB_OK)
        c->error.code = rc;
    c->result.body_bytes += rc == PB_OK ? n : 0;
    return rc == PB_OK ? n : 0;
}

/* ------------------------------------------------------------------------------------ options */

/* What curl makes itself, from the URL and the body's size. */
static bool ours(const char *name)
{
    static const char *const names[] = {"Host",    "Content-Length", "Expect",  "Transfer-Encoding",
                                        "Upgrade", "Connection",     "Trailer", "TE"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcasecmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static bool add_header(struct http_call *c, const char *line)
{
    struct curl_slist *list = curl_slist_append(c->lines, line);

    if (list != NULL)
        c->lines = list;
    return list != NULL;
}

static enum pb_err make_headers(struct http_call *c, struct error *e)
{
    const struct http_headers *h = &c->message.headers;
    struct buf line;
    bool ok;
    enum pb_err rc = PB_OK;

    buf_init(&line, HTTP_HEADERS_MAX_BYTES);
    /* An S3 server's "100 Continue" may come late or never; a refusal is read while we send anyway.
     */
    ok = add_header(c, "Expect:");
    for (size_t i = 0; ok && rc == PB_OK && i < h->len; i++) {
        const struct http_header *header = &h->data[i];

        if (ours(header->name))
            continue;
        log_header('>', header->name, header->value);
        buf_clear(&line);
        /* "Name;" is how curl is told of a header with an empty value. */
        buf_printf(&line, header->value[0] == '\0' ? "%s;" : "%s: %s", header->name, header->value);
        rc = buf_status(&line, e);
        ok = add_header(c, line.data);
    }
    buf_release(&line);
    if (rc == PB_OK && !ok)
        rc = error_nomem(e);
    return rc;
}

/* curl would drop what follows a '#', and sends blanks as they are. */
static enum pb_err check_url(const struct http_call *c, struct error *e)
{
    const struct buf *url = &c->message.url;

    for (size_t i = 0; i < url->len; i++) {
        unsigned char ch = (unsigned char)url->data[i];

        if (ch <= ' ' || ch >= 0x7f || ch == '#')
            return error_set(e, PB_EUSAGE, "the address of %s is not percent-encoded", c->host);
    }
    return buf_status(url, e);
}

/* Every option that is not the same for each request. */
static bool set_message(struct http_call *c)
{
    CURL *h = c->transfer.easy;
    const char *method = c->message.method;
    bool send = c->req.body != NULL || strcmp(method, "PUT") == 0 || strcmp(method, "POST") == 0;
    curl_off_t size = c->req.body == NULL ? 0 : (curl_off_t)c->req.body->size;
    bool ok = curl_easy_setopt(h, CURLOPT_URL, c->message.url.data) == CURLE_OK;

    ok = ok && curl_easy_setopt(h, CURLOPT_HTTPHEADER, c->lines) == CURLE_OK;
    if (send) { /* with the size set it is never chunked; an empty one has Content-Length: 0 */
        ok = ok && curl_easy_setopt(h, CURLOPT_UPLOAD, 1L) == CURLE_OK;
        ok = ok && curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE, size) == CURLE_OK;
    } else if (strcmp(method, "HEAD") == 0) {
        return ok && curl_easy_setopt(h, CURLOPT_NOBODY, 1L) == CURLE_OK;
    }
    return ok && curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
}

static bool set_callbacks(struct http_call *c)
{
    CURL *h = c->transfer.easy;
    bool ok = true;

    ok = ok && curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->curl_says) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_HEADERDATA, c) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_WRITEDATA, c) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_READFUNCTION, on_read) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_READDATA, c) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_SEEKFUNCTION, on_seek) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_SEEKDATA, c) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_PREREQFUNCTION, on_request) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_PREREQDATA, c) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, on_socket) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, c) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_XFERINFODATA, c) == CURLE_OK;
    return ok && curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
}

/* Redirects are not followed, content is not decoded, credentials are not taken from URL or .netrc:
 * curl's defaults, but for what could come in with a URL or a later version. */
static bool set_common(struct http_call *c)
{
    const struct http *http = c->http;
    CURL *h = c->transfer.easy;
    long verify = http->insecure ? 0L : 1L;
    bool ok = true;

    ok = ok && curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_HTTP_CONTENT_DECODING, 0L) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    /* Without it, taking away a transfer waits for its look-up thread: seconds. */
    ok = ok && curl_easy_setopt(h, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)http->connect_ms) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_BUFFERSIZE, BUFFER_BYTES) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER_BYTES) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, verify) == CURLE_OK;
    ok = ok && curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 2 * verify) == CURLE_OK;
    ok = ok && http_trust_set(http, h);
    ok = ok && curl_easy_setopt(h, CURLOPT_USERAGENT, http->user_agent) == CURLE_OK;
    if (http->direct)
        ok = ok && curl_easy_setopt(h, CURLOPT_PROXY, "") == CURLE_OK;
    if (c->req.retry == HTTP_WRITE) /* see on_request */
        ok = ok && curl_easy_setopt(h, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
    return ok;
}

enum pb_err http_attempt_setup(struct http_call *c, struct error *e)
{
    enum pb_err rc = check_url(c, e);

    if (rc != PB_OK)
        return rc;
    if (c->req.body != NULL && c->req.body->size > INT64_MAX) /* SOURCE_SIZE_UNKNOWN as well */
        return error_set(e, PB_EIO, "the size of what is to be sent is not known");
    log_url(c->message.method, c->message.url.data);
    rc = make_headers(c, e);
    if (rc != PB_OK)
        return rc;
    /* A new one each time: one that has failed does not take every option again (CURLOPT_BUFFERSIZE
     * while it still has its buffer). */
    curl_easy_cleanup(c->transfer.easy);
    c->transfer.easy = curl_easy_init();
    if (c->transfer.easy == NULL || !set_common(c) || !set_callbacks(c) || !set_message(c))
        return error_nomem(e);
    return PB_OK;
}
