/* Errors: codes, messages that are too long, control characters, errno. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "pickle/opcode.h"

static void sets_code_and_message(void **state)
{
    struct error e;

    (void)state;
    memset(&e, 0x5a, sizeof e);
    assert_int_equal(error_set(&e, PB_EDENIED, "cannot read %s: %d", "x", 7), PB_EDENIED);
    assert_int_equal(e.code, PB_EDENIED);
    assert_string_equal(e.msg, "cannot read x: 7");
    assert_int_equal(e.opcode, -1);
    assert_int_equal(e.offset, 0);
    assert_int_equal(e.http_status, 0);
    assert_string_equal(e.server_code, "");
    assert_string_equal(e.detail, "");
    assert_int_equal(error_set(NULL, PB_ENET, "%s", "nobody reads this"), PB_ENET);
    assert_int_equal(error_nomem(&e), PB_ENOMEM);
    assert_string_equal(e.msg, "out of memory");
    assert_int_equal(error_nomem(NULL), PB_ENOMEM);
}

/* `n` copies of `unit`, which is `len` bytes of UTF-8. */
static void check_cut(const char *unit, size_t len, size_t shift)
{
    char text[2 * ERROR_MSG_MAX];
    size_t at = 0, kept;
    struct error e;

    memset(text, 'a', shift);
    for (at = shift; at + len < sizeof text; at += len)
        memcpy(text + at, unit, len);
    text[at] = '\0';
    error_set(&e, PB_EIO, "%s", text);
    kept = strlen(e.msg);
    assert_true(kept < ERROR_MSG_MAX && kept > ERROR_MSG_MAX - 8);
    assert_string_equal(e.msg + kept - 3, "\xe2\x80\xa6");
    assert_memory_equal(e.msg, text, kept - 3);
    assert_int_equal((kept - 3 - shift) % len, 0); /* no half character */
}

static void cuts_at_a_character(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        check_cut("b", 1, shift);
        check_cut("\xc3\xa9", 2, shift);
        check_cut("\xe4\xbd\xa0", 3, shift);
        check_cut("\xf0\x9f\x98\x80", 4, shift);
    }
}

static void keeps_what_fits_exactly(void **state)
{
    char text[ERROR_MSG_MAX];
    struct error e;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    error_set(&e, PB_EIO, "%s", text);
    assert_string_equal(e.msg, text);
}

static void is_one_line(void **state)
{
    struct error e;

    (void)state;
    error_set(&e, PB_EIO, "a\nb\033[2Jc\x7f%s", "\r");
    assert_string_equal(e.msg, "a b [2Jc  ");
}

static void names_errno(void **state)
{
    static const struct {
        int err;
        enum pb_err code;
    } cases[] = {
        {ENOENT, PB_ENOTFOUND}, {ENOTDIR, PB_ENOTFOUND}, {EACCES, PB_EDENIED}, {EPERM, PB_EDENIED},
        {ENOMEM, PB_ENOMEM},    {ENOSPC, PB_EIO},        {EIO, PB_EIO},        {4711, PB_EIO},
    };
    struct error e;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(error_errno(&e, cases[i].err, "cannot open", "x"), cases[i].code);
    error_errno(&e, EACCES, "cannot open", "notes.txt");
    assert_string_equal(e.msg, "cannot open notes.txt: Permission denied");
    error_errno(&e, EACCES, "cannot open", NULL);
    assert_string_equal(e.msg, "cannot open: Permission denied");
    assert_int_equal(error_errno(NULL, ENOENT, "cannot open", "x"), PB_ENOTFOUND);
}

static void says_where_a_pickle_breaks(void **state)
{
    char text[2 * ERROR_MSG_MAX];
    struct error e;

    (void)state;
    assert_int_equal(error_pickle(&e, 5000000000u, 'R', "the stack is %s", "empty"), PB_EPICKLE);
    assert_string_equal(e.msg, "byte 5000000000, REDUCE: the stack is empty");
    assert_int_equal(e.offset, 5000000000u);
    assert_int_equal(e.opcode, 'R');
    error_pickle(&e, 2, 0x95, "cut short");
    assert_string_equal(e.msg, "byte 2, FRAME: cut short");
    error_pickle(&e, 0, -1, "no bytes");
    assert_string_equal(e.msg, "byte 0: no bytes");
    assert_int_equal(e.opcode, -1);
    assert_int_equal(error_pickle(NULL, 0, -1, "no bytes"), PB_EPICKLE);
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    error_pickle(&e, 1, '.', "%s", text);
    assert_true(strlen(e.msg) < ERROR_MSG_MAX);
    assert_memory_equal(e.msg, "byte 1, STOP: yyyyyyyyyy", 23);
    assert_string_equal(e.msg + strlen(e.msg) - 4, "y\xe2\x80\xa6");
}

static void every_code_has_its_name(void **state)
{
    (void)state;
    for (int a = PB_OK; a <= PB_EAGAIN; a++) {
        assert_string_not_equal(error_name((enum pb_err)a), "unknown error");
        for (int b = PB_OK; b < a; b++)
            assert_string_not_equal(error_name((enum pb_err)a), error_name((enum pb_err)b));
    }
    assert_string_equal(error_name(PB_EDENIED), "not permitted");
    assert_string_equal(error_name((enum pb_err)(PB_EAGAIN + 1)), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_code_and_message),
        cmocka_unit_test(cuts_at_a_character),
        cmocka_unit_test(keeps_what_fits_exactly),
        cmocka_unit_test(is_one_line),
        cmocka_unit_test(names_errno),
        cmocka_unit_test(says_where_a_pickle_breaks),
        cmocka_unit_test(every_code_has_its_name),
    };

    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
