/* The log file: what is in a line, and that no secret ever is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pklbrowse/log.h>

#define SECRET "s3cr3t"

/* A log file in a temporary place; the clock stands still. */
static int start(void **state)
{
    char *path = calloc(1, 64);
    int fd;

    if (path == NULL)
        return -1;
    snprintf(path, 64, "/tmp/pklbrowse-log-XXXXXX");
    fd = mkstemp(path);
    *state = path;
    if (fd < 0 || unlink(path) != 0 || setenv("PKLBROWSE_NOW", "1795341723", 1) != 0)
        return -1;
    close(fd);
    return 0;
}

static int stop(void **state)
{
    log_close();
    unsetenv("PKLBROWSE_NOW");
    unlink(*state);
    free(*state);
    return 0;
}

/* What the log file holds now; valid until the next call. */
static const char *content(const char *path)
{
    static char text[1 << 17];
    int fd = open(path, O_RDONLY);
    ssize_t n;

    assert_true(fd >= 0);
    n = read(fd, text, sizeof text - 1);
    assert_true(n >= 0);
    text[n] = '\0';
    close(fd);
    return text;
}

static void writes_lines(void **state)
{
    struct stat st;
    struct error e;

    assert_false(log_enabled());
    log_line("nobody hears %s", "this");
    assert_int_equal(log_open(*state, &e), PB_OK);
    assert_true(log_enabled());
    assert_int_equal(stat(*state, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    log_line("one %d", 1);
    log_line("a\nfaked line\033[2J %s", "\xff");
    log_close();
    log_close();
    assert_false(log_enabled());
    log_line("nobody hears this either");
    assert_string_equal(content(*state), "2026-11-22T10:02:03Z one 1\n"
                                         "2026-11-22T10:02:03Z a\\nfaked line\\x1b[2J \\xff\n");
    assert_int_equal(log_open(*state, &e), PB_OK); /* appends */
    log_line("two");
    assert_non_null(strstr(content(*state), " one 1\n"));
    assert_non_null(strstr(content(*state), " two\n"));
}

static void cuts_long_lines(void **state)
{
    char text[5000];
    const char *seen;
    struct error e;

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    assert_int_equal(log_open(*state, &e), PB_OK);
    log_line("%s", text);
    seen = content(*state);
    assert_true(strlen(seen) < 3000);
    assert_non_null(strstr(seen, "xxxx [cut]\n"));
}

static void cannot_be_opened(void **state)
{
    struct error e;

    (void)state;
    assert_int_equal(log_open("/nowhere/\033x", &e), PB_ENOTFOUND);
    assert_string_equal(e.msg,
                        "cannot open the log file /nowhere/\\x1bx: No such file or directory");
    assert_false(log_enabled());
}

static void redacts_addresses(void **state)
{
    static const struct {
        const char *url, *shown;
    } cases[] = {
        {"", ""},
        {"https://h/p", "https://h/p"},
        {"https://h/p?list-type=2&prefix=a%20b&delimiter=%2F",
         "https://h/p?list-type=2&prefix=a%20b&delimiter=%2F"},
        {"https://h/p?X-Amz-Signature=" SECRET "&x=1",
         "https://h/p?X-Amz-Signature=[redacted]&x=1"},
        {"https://h/p?X-Amz-Credential=" SECRET "%2F20260101&X-Amz-Security-Token=" SECRET,
         "https://h/p?X-Amz-Credential=[redacted]&X-Amz-Security-Token=[redacted]"},
        {"https://h/p?x-amz-signature=" SECRET, "https://h/p?x-amz-signature=[redacted]"},
        {"https://h/p?X%2DAmz-Signature=" SECRET, "https://h/p?X%2DAmz-Signature=[redacted]"},
        {"https://h/p?sv=1&sig=" SECRET "#x", "https://h/p?sv=1&sig=[redacted]#x"},
        {"https://h/p?sig=" SECRET "=" SECRET, "https://h/p?sig=[redacted]"},
        {"https://h/p?sig=" SECRET ";sig=" SECRET, "https://h/p?sig=[redacted];sig=[redacted]"},
        {"https://h/p?sig=" SECRET "?sig=" SECRET, "https://h/p?sig=[redacted]?sig=[redacted]"},
        {"https://h/p#access_token=" SECRET, "https://h/p#access_token=[redacted]"},
        {"https://h/p?signature=" SECRET "&AWSAccessKeyId=" SECRET,
         "https://h/p?signature=[redacted]&AWSAccessKeyId=[redacted]"},
        {"https://h/p?X-Goog-Signature=" SECRET, "https://h/p?X-Goog-Signature=[redacted]"},
        {"https://h/p?sigma=1&design=2", "https://h/p?sigma=1&design=2"},
        {"https://h/p?sig", "https://h/p?sig"},
        {"https://h/p?sig=", "https://h/p?sig=[redacted]"},
        {"https://user:" SECRET "@h/p@q", "https://[redacted]@h/p@q"},
        {"https://user:" SECRET "@x@h?y", "https://[redacted]@h?y"},
        {"https://h/p?next=https://u:" SECRET "@h", "https://h/p?next=[redacted]"},
        {"https://h/p?next=https%3A%2F%2Fh%2Fk%3FX-Amz-Signature%3D" SECRET "&x=1",
         "https://h/p?next=[redacted]&x=1"},
        {"/bucket/key?versionId=7", "/bucket/key?versionId=7"},
        {"https://h/?", "https://h/?"},
        {"https://h/?&&", "https://h/?&&"},
    };
    struct error e;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out;

        buf_init(&out, 1000);
        log_redact_url(&out, cases[i].url);
        assert_string_equal(out.data, cases[i].shown);
        buf_release(&out);
    }
    assert_int_equal(log_open(*state, &e), PB_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        log_url("GET", cases[i].url);
    assert_null(strstr(content(*state), SECRET));
    assert_non_null(strstr(content(*state), "Z GET https://h/p\n"));
}

static void redacts_headers(void **state)
{
    static const char *const secret[] = {
        "Authorization",
        "AUTHORIZATION",
        "authorization",
        "X-Amz-Security-Token",
        "Set-Cookie",
        "Cookie",
        "Proxy-Authorization",
        "x-amz-server-side-encryption-customer-key",
        "X-aws-ec2-metadata-token",
        "x-identity-header",
        "x-ms-copy-source-authorization",
        "x-goog-encryption-key",
    };
    struct error e;

    assert_int_equal(log_open(*state, &e), PB_OK);
    for (size_t i = 0; i < sizeof secret / sizeof *secret; i++)
        log_header('>', secret[i], "AWS4-HMAC-SHA256 Credential=" SECRET);
    log_header('<', "Location", "https://h/p?X-Amz-Signature=" SECRET);
    log_header('>', "x-amz-copy-source", "/b/k?versionId=7");
    log_header('<', "ETag", "\"abc\"\r\nfaked: 1");
    log_header('>', "x-amz-date", "20261122T100203Z");
    const char *seen = content(*state);
    assert_null(strstr(seen, SECRET));
    assert_non_null(strstr(seen, "Z > Authorization: [redacted]\n"));
    assert_non_null(strstr(seen, "Z < Location: https://h/p?X-Amz-Signature=[redacted]\n"));
    assert_non_null(strstr(seen, "Z > x-amz-copy-source: /b/k?versionId=7\n"));
    assert_non_null(strstr(seen, "Z < ETag: \"abc\"\\r\\nfaked: 1\n"));
    assert_non_null(strstr(seen, "Z > x-amz-date: 20261122T100203Z\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_lines, start, stop),
        cmocka_unit_test_setup_teardown(cuts_long_lines, start, stop),
        cmocka_unit_test_setup_teardown(cannot_be_opened, start, stop),
        cmocka_unit_test_setup_teardown(redacts_addresses, start, stop),
        cmocka_unit_test_setup_teardown(redacts_headers, start, stop),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
