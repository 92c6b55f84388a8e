#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/log.h>
#include <pklbrowse/text.h>
#include <pklbrowse/uri.h>

#define REDACTED "[redacted]"

/* The one log of the process; -1: none. */
static int log_fd = -1;

enum pb_err log_open(const char *path, struct error *e)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, S_IRUSR | S_IWUSR);
    int why = errno;
    struct buf shown;
    enum pb_err err;

    if (fd >= 0) {
        log_close();
        log_fd = fd;
        return PB_OK;
    }
    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, path, strlen(path), 200);
    err = error_errno(e, why, "cannot open the log file", shown.data);
    buf_release(&shown);
    return err;
}

void log_close(void)
{
    if (log_fd >= 0)
        close(log_fd);
    log_fd = -1;
}

bool log_enabled(void)
{
    return log_fd >= 0;
}

/* One write a line.  A log on a full disk is no reason to stop the program. */
static void put_line(const struct buf *text)
{
    struct sink to = sink_fd(&log_fd);
    struct buf line;
    enum pb_err err;

    buf_init(&line, BUF_MAX_TEXT);
    clock_format_iso(&line, clock_now());
    buf_putc(&line, ' ');
    text_escape(&line, text->data, text->len);
    if (text->failed != PB_OK)
        buf_puts(&line, " [cut]");
    buf_putc(&line, '\n');
    err = buf_status(&line, NULL);
    if (err == PB_OK)
        err = sink_write(&to, line.data, line.len, NULL);
    (void)err;
    buf_release(&line);
}

void log_line(const char *fmt, ...)
{
    char space[2048];
    struct buf text;
    va_list ap;
    int n;

    if (!log_enabled())
        return;
    va_start(ap, fmt);
    n = vsnprintf(space, sizeof space, fmt, ap);
    va_end(ap);
    buf_init(&text, sizeof space);
    if (n > 0)
        buf_append(&text, space, (size_t)n < sizeof space ? (size_t)n : sizeof space - 1);
    if ((size_t)n >= sizeof space)
        text.failed = PB_ELIMIT;
    put_line(&text);
    buf_release(&text);
}

static bool is_one_of(const char *name, size_t n, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strlen(*names) == n && strncasecmp(*names, name, n) == 0)
            return true;
    }
    return false;
}

/* Names are compared decoded: "X%2DAmz-Signature" is the same to a server. */
static bool is_secret_name(const char *name, size_t n)
{
    static const char *const names[] = {
        "x-amz-signature",
        "x-amz-credential",
        "x-amz-security-token",
        "signature",
        "awsaccesskeyid",
        "x-goog-signature",
        "x-goog-credential",
        "googleaccessid",
        "sig",
        "token",
        "access_token",
        "upload_id",
        "refresh_token",
        "id_token",
        "client_secret",
        "assertion",
        "code",
        "key",
        "api_key",
        "password",
        NULL,
    };
    struct buf plain;
    bool secret;

    buf_init(&plain, BUF_MAX_LINE);
    uri_decode(&plain, name, n, true);
    /* What cannot even be looked at is not written either. */
    secret = plain.failed != PB_OK || is_one_of(plain.data, plain.len, names);
    buf_release(&plain);
    return secret;
}

/* An address in an address may hold a password or a signature of its own. */
static bool is_address(const char *value, size_t n)
{
    struct buf plain;
    bool found;

    buf_init(&plain, BUF_MAX_LINE);
    uri_decode(&plain, value, n, true);
    found = plain.failed != PB_OK || memmem(plain.data, plain.len, "://", 3) != NULL;
    buf_release(&plain);
    return found;
}

/* One "name=value" of a query or a fragment. */
static void put_parameter(struct buf *out, const char *s, size_t n)
{
    const char *equals = memchr(s, '=', n);
    size_t name = equals != NULL ? (size_t)(equals - s) : n;

    if (equals != NULL && (is_secret_name(s, name) || is_address(equals + 1, n - name - 1))) {
        buf_append(out, s, name + 1);
        buf_puts(out, REDACTED);
    } else {
        buf_append(out, s, n);
    }
}

void log_redact_url(struct buf *out, const char *url)
{
    const char *authority = strstr(url, "://");
    const char *at = url + strcspn(url, "?#");

    authority = authority != NULL && authority < at ? authority + 3 : url;
    if (authority != url) {
        size_t n = strcspn(authority, "/?#");
        const char *user = memrchr(authority, '@', n);

        buf_append(out, url, (size_t)(authority - url));
        if (user != NULL) {
            buf_puts(out, REDACTED "@");
            authority = user + 1;
        }
    }
    buf_append(out, authority, (size_t)(at - authority));
    while (*at != '\0') {
        size_t n = strcspn(at + 1, "?&;#");

        buf_putc(out, *at);
        put_parameter(out, at + 1, n);
        at += 1 + n;
    }
}

void log_url(const char *method, const char *url)
{
    struct buf text;

    if (!log_enabled())
        return;
    buf_init(&text, BUF_MAX_LINE);
    buf_puts(&text, method);
    buf_putc(&text, ' ');
    log_redact_url(&text, url);
    put_line(&text);
    buf_release(&text);
}

static bool is_secret_header(const char *name)
{
    static const char *const names[] = {
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "x-amz-security-token",
        "x-amz-s3session-token",
        "x-aws-ec2-metadata-token",
        "x-amz-sso_bearer_token",
        "x-amz-server-side-encryption-customer-key",
        "x-amz-copy-source-server-side-encryption-customer-key",
        "x-goog-encryption-key",
        "x-guploader-uploadid", /* of an upload it is what allows to go on with it */
        "x-goog-copy-source-encryption-key",
        "x-identity-header",
        "x-ms-encryption-key",
        "x-ms-copy-source-authorization",
        "x-ms-source-encryption-key",
        NULL,
    };

    return is_one_of(name, strlen(name), names);
}

void log_header(char direction, const char *name, const char *value)
{
    struct buf text;

    if (!log_enabled())
        return;
    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text, "%c %s: ", direction, name);
    if (is_secret_header(name))
        buf_puts(&text, REDACTED);
    else /* it may hold an address: Location, x-amz-copy-source */
        log_redact_url(&text, value);
    put_line(&text);
    buf_release(&text);
}
