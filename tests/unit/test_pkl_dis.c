/* Opcodes as text: small programs, broken ones, arguments longer than any window. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_dis.h>

static enum pb_err dis(const void *bytes, size_t n, bool paths, struct buf *out)
{
    struct source *s = source_mem(bytes, n, false);
    struct pkl_dis_opts opts = {.paths = paths};
    struct sink to = sink_buf(out);
    struct pkl_doc *d;
    struct error e = {0};
    enum pb_err err;

    assert_non_null(s);
    assert_int_equal(pkl_doc_new(s, 0, NULL, &d, &e), PB_OK);
    assert_int_equal(pkl_doc_index(d, &e), PB_OK);
    err = pkl_dis(d, &opts, &to, &e);
    pkl_doc_free(d);
    source_free(s);
    return err;
}

static void check(const void *bytes, size_t n, bool paths, const char *want)
{
    struct buf out;

    buf_init(&out, BUF_MAX_TEXT);
    assert_int_equal(dis(bytes, n, paths, &out), PB_OK);
    assert_string_equal(out.data, want);
    buf_release(&out);
}
#define CHECK(literal, want) check(literal, sizeof(literal) - 1, false, want)
#define CHECK_PATHS(literal, want) check(literal, sizeof(literal) - 1, true, want)

static void test_lines(void **state)
{
    (void)state;
    CHECK("K\x01.", "    0: K    BININT1    1\n"
                    "    2: .    STOP\n"
                    "highest protocol among opcodes = 1\n");
    CHECK("(I01\nL5L\nl.", "    0: (    MARK\n"
                           "    1: I        INT        True\n"
                           "    5: L        LONG       5\n"
                           "    9: l        LIST       (MARK at 0)\n"
                           "   10: .    STOP\n"
                           "highest protocol among opcodes = 0\n");
    CHECK("\x80\x04\x96\x02\0\0\0\0\0\0\0'\"\x94.", "    0: \\x80 PROTO      4\n"
                                                    "    2: \\x96 BYTEARRAY8 bytearray(b'\\'\"')\n"
                                                    "   13: \\x94 MEMOIZE    (as 0)\n"
                                                    "   14: .    STOP\n"
                                                    "highest protocol among opcodes = 5\n");
    CHECK("cos\nsy\\x41\n.", "    0: c    GLOBAL     'os sy\\\\x41'\n"
                             "   11: .    STOP\n"
                             "highest protocol among opcodes = 0\n");
    CHECK("K\x01.N.", "    0: K    BININT1    1\n"
                      "    2: .    STOP\n"
                      "highest protocol among opcodes = 1\n"
                      "    3: N    NONE\n"
                      "    4: .    STOP\n"
                      "highest protocol among opcodes = 0\n");
    CHECK("U\x02\xe9\x80.", "    0: U    SHORT_BINSTRING '\xc3\xa9\\x80'\n"
                            "    4: .    STOP\n"
                            "highest protocol among opcodes = 1\n");
}

static void test_broken(void **state)
{
    (void)state;
    CHECK("", "");
    CHECK("\xff", "");
    CHECK("K\x01\xff", "    0: K    BININT1    1\n");
    CHECK("K\x01", "    0: K    BININT1    1\n");
    CHECK("]e.", "    0: ]    EMPTY_LIST\n"
                 "    1: e    APPENDS    no MARK exists on stack\n");
    CHECK("h\x07.", "    0: h    BINGET     7\n");
    CHECK("U\x09"
          "abc",
          "");
}

static void test_paths(void **state)
{
    (void)state;
    CHECK_PATHS("}(U\x01"
                "aK\x05U\x01"
                "b]K\x07"
                "au.",
                "    0: }    EMPTY_DICT                             ; 1 @0\n"
                "    1: (    MARK                                   ; 2 @0\n"
                "    2: U        SHORT_BINSTRING 'a'                ; 3 .a@key\n"
                "    5: K        BININT1    5                       ; 4 .a\n"
                "    7: U        SHORT_BINSTRING 'b'                ; 5 .b@key\n"
                "   10: ]        EMPTY_LIST                         ; 6 .b\n"
                "   11: K        BININT1    7                       ; 7 .b[0]\n"
                "   13: a        APPEND                             ; 6 .b\n"
                "   14: u        SETITEMS   (MARK at 1)             ; 1 @0\n"
                "   15: .    STOP                                   ; 0\n"
                "highest protocol among opcodes = 1\n");
    /* What is dropped belongs to nothing; class and arguments of a call are parts of it. */
    CHECK_PATHS("N0cm\nC\nK\x01\x85R.",
                "    0: N    NONE                                   ; 1\n"
                "    1: 0    POP                                    ; 0\n"
                "    2: c    GLOBAL     'm C'                       ; 1 @class\n"
                "    7: K    BININT1    1                           ; 2 @args[0]\n"
                "    9: \\x85 TUPLE1                                 ; 2 @args\n"
                "   10: R    REDUCE                                 ; 1 @0\n"
                "   11: .    STOP                                   ; 0\n"
                "highest protocol among opcodes = 2\n");
}

/* Longer than a piece, with a character and an escape across each border. */
static void test_long(void **state)
{
    size_t n = 300000, made = 0;
    char *bytes = malloc(n + 8);
    struct buf out;

    (void)state;
    assert_non_null(bytes);
    for (size_t shift = 0; shift < 3; shift++) {
        memcpy(bytes, "X\xe0\x93\x04\0", 5);
        memset(bytes + 5, 'x', shift);
        for (made = shift; made + 3 <= n; made += 3)
            memcpy(bytes + 5 + made, "\xed\x95\x9c", 3);
        memset(bytes + 5 + made, '\'', n - made);
        bytes[5 + n] = '.';
        buf_init(&out, BUF_MAX_TEXT);
        assert_int_equal(dis(bytes, n + 6, false, &out), PB_OK);
        /* Nothing is escaped, nothing lost: the text stands there as it is, in its quotes. */
        assert_non_null(memmem(out.data, out.len, bytes + 5, n));
        assert_null(memchr(out.data, '\\', out.len));
        buf_release(&out);
    }
    free(bytes);
}

/* Sixteen and more of every byte, and each one among those that need no escape, and do. */
static void test_bytes(void **state)
{
    enum { EACH = 64 };
    static uint8_t bytes[5 + 256 * EACH + 1];
    const size_t n = 256 * EACH;
    struct buf out, want;

    (void)state;
    for (unsigned except = 0; except < 2; except++) { /* without double quotes the others stand */
        char quote = except != 0 ? '"' : '\'';

        memcpy(bytes, "B\0\x40\0\0", 5);
        buf_init(&want, BUF_MAX_TEXT);
        for (size_t i = 0; i < n; i++) {
            uint8_t c = (uint8_t)(i / EACH), in = i % EACH < 24 || i % 16 == 5 ? c : 0x41;

            if (i % EACH >= 48 && in != c)
                in = 0xfe;
            if (in == '"' && except != 0)
                in = 'q';
            bytes[5 + i] = in;
            if (in == '\t' || in == '\n' || in == '\r')
                buf_printf(&want, "\\%c", in == '\t' ? 't' : in == '\n' ? 'n' : 'r');
            else if (in == '\\' || in == (uint8_t)quote)
                buf_printf(&want, "\\%c", in);
            else
                buf_printf(&want, in >= 0x20 && in < 0x7f ? "%c" : "\\x%02x", in);
        }
        bytes[5 + n] = '.';
        buf_init(&out, BUF_MAX_TEXT);
        assert_int_equal(dis(bytes, sizeof bytes, false, &out), PB_OK);
        assert_non_null(memmem(out.data, out.len, want.data, want.len));
        buf_release(&out);
        buf_release(&want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines), cmocka_unit_test(test_broken), cmocka_unit_test(test_paths),
        cmocka_unit_test(test_long),  cmocka_unit_test(test_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
