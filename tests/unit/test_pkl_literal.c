/* Typed literals: where a wrong one is wrong, equality as dictionaries see it, and how each stream
 * spells a new value. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pklbrowse/pkl_literal.h>

static struct literal *parse(struct arena *mem, const char *text)
{
    struct literal *l = NULL;
    struct error e = {0};
    size_t at = 0;

    if (literal_parse(mem, text, strlen(text), &l, &at, &e) != PB_OK)
        fail_msg("%s: refused at %zu: %s", text, at, e.msg);
    return l;
}

static void test_refused_with_the_place(void **state)
{
    static const struct {
        const char *text;
        size_t at;
    } cases[] = {
        {"", 0},
        {"  ", 2},
        {"[1,,2]", 3},
        {"[1 2]", 3},
        {"{1:2,3}", 6},
        {"{1,2:3}", 4},
        {"(1", 0},
        {"[(1]", 3},
        {"1]", 1},
        {"'abc", 0},
        {"[1, 'ab", 4},
        {"b'\xc3\xa9'", 2},
        {"'\\x4'", 1},
        {"'\\U00110000'", 1},
        {"'a\\N{DOT}'", 2},
        {"1_", 2},
        {"12abc", 2},
        {"0x", 2},
        {"0o8", 2},
        {"1e", 2},
        {"[0777]", 1},
        {"--1", 1},
        {"-'a'", 0},
        {"1+2", 1},
        {"1 +", 3},
        {"abc", 0},
        {"{[1]: 2}", 1},
        {"{1, {2}}", 4},
        {"{(1, [2])}", 1},
        {"set([1])", 4},
        {"frozenset(1)", 10},
        {"'a' b'b'", 0},
        {"1\n2", 2},
        {"1 \\ ", 2},
        {"f'a'", 0},
        {"{1:}", 3},
        {"{1: 2: 3}", 5},
        {"\xff", 0},
        {"'\xff'", 1},
        {"[,]", 1},
        {"set", 3},
        {"bytearray('a')", 10},
        {"1 if 2", 2},
        {"None()", 4},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena mem;
        struct literal *l;
        struct error e = {0};
        size_t at = 99;

        arena_init(&mem);
        if (literal_parse(&mem, cases[i].text, strlen(cases[i].text), &l, &at, &e) != PB_EUSAGE)
            fail_msg("%s: not refused", cases[i].text);
        if (at != cases[i].at || e.code != PB_EUSAGE || e.msg[0] == '\0')
            fail_msg("%s: at %zu, not %zu (%s)", cases[i].text, at, cases[i].at, e.msg);
        arena_release(&mem);
    }
}

static void test_nul_is_refused(void **state)
{
    struct arena mem;
    struct literal *l;
    size_t at = 0;

    (void)state;
    arena_init(&mem);
    assert_int_equal(literal_parse(&mem, "'a\0b'", 5, &l, &at, NULL), PB_EUSAGE);
    assert_int_equal(at, 2);
    arena_release(&mem);
}

static void test_values(void **state)
{
    struct arena mem;
    struct literal *l;
    struct error e;

    (void)state;
    arena_init(&mem);
    l = parse(&mem, " -0x80 # a byte\n");
    assert_int_equal(l->kind, PKL_INT);
    assert_int_equal(l->len, 1);
    assert_memory_equal(l->data, "\x80", 1);
    l = parse(&mem, "'\\ud83d\\ude00'");
    assert_int_equal(l->len, 6);
    assert_memory_equal(l->data, "\xed\xa0\xbd\xed\xb8\x80", 6);
    l = parse(&mem, "'a' \"b\" '''c\r\nd'''");
    assert_string_equal(l->data, "abc\nd");
    l = parse(&mem, "-0.0");
    assert_true(l->real == 0 && signbit(l->real));
    l = parse(&mem, "3 - 4j");
    assert_true(l->complex_number && l->real == 3 && l->imag == -4);
    l = parse(&mem, "{1: 'a', True: 'b', 2: 'c', 1.0: 'd'}");
    assert_int_equal(l->kind, PKL_DICT);
    assert_int_equal(l->count, 2);
    assert_int_equal(l->first->kind, PKL_INT);
    assert_string_equal(l->first->next->data, "d");
    assert_int_equal(l->first->next->next->kind, PKL_INT);
    assert_string_equal(l->first->next->next->next->data, "c");
    assert_null(l->first->next->next->next->next);
    assert_int_equal(literal_text(&mem, "it's", 4, &l, &e), PB_OK);
    assert_int_equal(l->kind, PKL_STR);
    assert_string_equal(l->data, "it's");
    assert_int_equal(literal_text(&mem, "\xff", 1, &l, &e), PB_EUSAGE);
    arena_release(&mem);
}

static void test_equality(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"1", "True", true},
        {"1", "1.0", true},
        {"0", "-0.0", true},
        {"0.0", "0j", true},
        {"1+0j", "True", true},
        {"1+1j", "1", false},
        {"1e300", "2", false},
        {"0x10000000000000000", "18446744073709551616.0", true},
        {"-0x10000000000000000", "-18446744073709551616.0", true},
        {"9007199254740993", "9007199254740992.0", false},
        {"-128", "-128.0", true},
        {"128", "-128", false},
        {"255", "-1", false},
        {"0.5", "0.5", true},
        {"inf", "inf", true},
        {"inf", "-inf", false},
        {"nan", "nan", false},
        {"(nan,)", "(nan,)", false},
        {"'a'", "'a'", true},
        {"'a'", "b'a'", false},
        {"''", "b''", false},
        {"None", "False", false},
        {"(1, 2)", "(1.0, True)", false},
        {"(1, 2)", "(1.0, 2)", true},
        {"(1, (2,))", "((1, 2),)", false},
        {"()", "[]", false},
        {"frozenset({1, 2, 'x'})", "frozenset({'x', 2.0, True})", true},
        {"frozenset({1, frozenset({2, 3})})", "frozenset({frozenset({3, 2}), 1})", true},
        {"frozenset({1, 2})", "frozenset({1, 3})", false},
        {"frozenset({(1, 2)})", "frozenset({(2, 1)})", false},
        {"{1, 2}", "frozenset({2, 1})", true},
        {"{1: 2, 3: 4}", "{3: 4, 1: 2}", true},
        {"{1: 2, 3: 4}", "{1: 4, 3: 2}", false},
        {"[1, [2]]", "[1, [2]]", true},
        {"'\\x01i'", "'i\\x01'", false},
        {"('a', 'b')", "('ab', '')", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena mem;
        struct literal *a, *b;

        arena_init(&mem);
        a = parse(&mem, cases[i].a);
        b = parse(&mem, cases[i].b);
        if (literal_equal(a, b) != cases[i].equal || literal_equal(b, a) != cases[i].equal)
            fail_msg("%s and %s", cases[i].a, cases[i].b);
        arena_release(&mem);
    }
}

static void test_hashable(void **state)
{
    static const struct {
        const char *text;
        bool hashable;
    } cases[] = {
        {"1", true},
        {"'a'", true},
        {"()", true},
        {"(1, (2, 3))", true},
        {"(1, ([],), 3)", false},
        {"((1, 2), {})", false},
        {"[]", false},
        {"{}", false},
        {"{1}", false},
        {"frozenset({1})", true},
        {"bytearray(b'')", false},
        {"(frozenset({1}), b'')", true},
        {"(((1, 2), 3), {4})", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena mem;

        arena_init(&mem);
        if (literal_hashable(parse(&mem, cases[i].text)) != cases[i].hashable)
            fail_msg("%s", cases[i].text);
        arena_release(&mem);
    }
}

/* ------------------------------------------------------------------------ spelling */

#define P0                                                                                         \
    {                                                                                              \
        0, true, false                                                                             \
    }
#define P1                                                                                         \
    {                                                                                              \
        1, false, false                                                                            \
    }
#define P2                                                                                         \
    {                                                                                              \
        2, false, false                                                                            \
    }
#define P3                                                                                         \
    {                                                                                              \
        3, false, false                                                                            \
    }
#define P4                                                                                         \
    {                                                                                              \
        4, false, false                                                                            \
    }
#define P5                                                                                         \
    {                                                                                              \
        5, false, false                                                                            \
    }
#define PY0                                                                                        \
    {                                                                                              \
        0, true, true                                                                              \
    }
#define PY1                                                                                        \
    {                                                                                              \
        1, false, true                                                                             \
    }
#define PY2                                                                                        \
    {                                                                                              \
        2, false, true                                                                             \
    }

struct spelling {
    const char *text;
    struct pkl_style style;
    enum pkl_kind was;
    int opcode;
    const char *bytes;
    size_t n;
};
#define S(text, style, was, opcode, bytes)                                                         \
    {                                                                                              \
        text, style, was, opcode, bytes, sizeof bytes - 1                                          \
    }

static const struct spelling spellings[] = {
    S("1", P0, PKL_INT, 'I', "I1\n"),
    S("0", P0, PKL_BOOL, 'I', "I0\n"),
    S("True", P0, PKL_INT, 'I', "I01\n"),
    S("False", P1, PKL_INT, 'K', "I00\n"),
    S("True", P2, PKL_INT, 'K', "\x88"),
    S("None", P4, PKL_INT, 'K', "N"),
    S("5", P0, PKL_INT, 'L', "L5L\n"),
    S("-5", P0, PKL_INT, 'I', "I-5\n"),
    S("2147483647", P0, PKL_INT, 'I', "I2147483647\n"),
    S("2147483648", P0, PKL_INT, 'I', "L2147483648L\n"),
    S("2147483648", PY0, PKL_INT, 'I', "I2147483648\n"),
    S("9223372036854775808", PY0, PKL_INT, 'I', "L9223372036854775808L\n"),
    S("255", P2, PKL_INT, 'K', "K\xff"),
    S("256", P2, PKL_INT, 'K', "M\x00\x01"),
    S("65535", P2, PKL_INT, 'K', "M\xff\xff"),
    S("65536", P2, PKL_INT, 'K', "J\x00\x00\x01\x00"),
    S("-1", P2, PKL_INT, 'K', "J\xff\xff\xff\xff"),
    S("-2147483648", P2, PKL_INT, 'K', "J\x00\x00\x00\x80"),
    S("2147483648", P2, PKL_INT, 'K', "\x8a\x05\x00\x00\x00\x80\x00"),
    S("2147483648", P1, PKL_INT, 'K', "L2147483648L\n"),
    S("2147483648", PY1, PKL_INT, 'K', "I2147483648\n"),
    /* Objects: what Python's pickler writes (the oracle test has them all). */
    S("datetime.date(2024, 1, 2)", P2, PKL_BROKEN, 0,
      "cdatetime\ndate\nc_codecs\nencode\nX\x05\0\0\0\x07\xc3\xa8\x01\x02X\x06\0\0\0latin1\x86R"
      "\x85R"),
    S("Decimal('1.10')", P4, PKL_BROKEN, 0,
      "\x8c\x07"
      "decimal\x8c\x07"
      "Decimal\x93\x8c\x04"
      "1.10\x85R"),
    S("UUID('00000000-0000-0000-0000-000000000005')", P4, PKL_BROKEN, 0,
      "\x8c\x04uuid\x8c\x04UUID\x93)\x81}\x8c\x03intK\x05sb"),
    S("UUID('00000000-0000-0000-0000-000000000005')", P0, PKL_BROKEN, 0,
      "ccopy_reg\n_reconstructor\n(cuuid\nUUID\nc__builtin__\nobject\nNtR(dVint\nI5\nsb"),
    S("OrderedDict([('a', 1)])", P2, PKL_BROKEN, 0,
      "ccollections\nOrderedDict\n)RX\x01\0\0\0aK\x01s"),
    S("OrderedDict([('a', 1)])", PY2, PKL_BROKEN, 0,
      "ccollections\nOrderedDict\n]](U\x01"
      "aK\x01"
      "ea\x85R"),
    S("deque([1, 2], maxlen=3)", P4, PKL_BROKEN, 0,
      "\x8c\x0b"
      "collections\x8c\x05"
      "deque\x93)K\x03\x86R(K\x01K\x02"
      "e"),
    S("<class 'int'>", P2, PKL_BROKEN, 0, "c__builtin__\nlong\n"),
    S("<class 'int'>", PY2, PKL_BROKEN, 0, "c__builtin__\nint\n"),
    S("2147483648", PY2, PKL_INT, 'K', "I2147483648\n"),
    S("5", PY2, PKL_INT, 0x8a, "\x8a\x01\x05"),
    S("0", PY2, PKL_INT, 0x8a, "\x8a\x00"),
    S("5", PY1, PKL_INT, 'L', "L5L\n"),
    S("5", P1, PKL_INT, 'L', "K\x05"),
    S("5", P4, PKL_INT, 0x8a, "K\x05"),
    S("-0x8000000000000000", P4, PKL_INT, 0x8a, "\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80"),
    S("0.1", P0, PKL_FLOAT, 'F', "F0.1\n"),
    S("-inf", P0, PKL_FLOAT, 'F', "F-inf\n"),
    S("1.5", P1, PKL_FLOAT, 'G', "G\x3f\xf8\x00\x00\x00\x00\x00\x00"),
    S("-0.0", P4, PKL_INT, 'K', "G\x80\x00\x00\x00\x00\x00\x00\x00"),
    S("nan", P4, PKL_INT, 'K', "G\x7f\xf8\x00\x00\x00\x00\x00\x00"),
    S("'a'", P4, PKL_STR, 0x8c,
      "\x8c\x01"
      "a"),
    S("'a'", P3, PKL_STR, 'X',
      "X\x01\x00\x00\x00"
      "a"),
    S("'\\ud800'", P4, PKL_STR, 0x8c, "\x8c\x03\xed\xa0\x80"),
    S("'a\\\\\\n\\r\\0\\x1a\\xe9\\u20ac\\U0001f600'", P0, PKL_STR, 'V',
      "Va\\u005c\\u000a\\u000d\\u0000\\u001a\xe9\\u20ac\\U0001f600\n"),
    S("'ab'", PY2, PKL_PY2STR, 'U',
      "U\x02"
      "ab"),
    S("'ab'", PY2, PKL_STR, 'X',
      "X\x02\x00\x00\x00"
      "ab"),
    S("'ab'", PY2, PKL_INT, 'K',
      "U\x02"
      "ab"),
    S("'\\xe9'", PY2, PKL_PY2STR, 'U', "X\x02\x00\x00\x00\xc3\xa9"),
    S("'ab'", P2, PKL_PY2STR, 'U',
      "U\x02"
      "ab"),
    S("'it\\'s\\n\\x7f'", PY0, PKL_PY2STR, 'S', "S\"it's\\n\\x7f\"\n"),
    S("'\\'\"\\\\'", PY0, PKL_PY2STR, 'S', "S'\\'\"\\\\'\n"),
    S("b'\\xff'", PY2, PKL_PY2STR, 'U', "U\x01\xff"),
    S("b'\\xff'", PY0, PKL_NONE, 'N', "S'\\xff'\n"),
    S("b'\\xff'", P3, PKL_INT, 'K', "C\x01\xff"),
    S("b'\\xff'", P2, PKL_INT, 'K',
      "c_codecs\nencode\nX\x02\x00\x00\x00\xc3\xbfX\x06\x00\x00\x00latin1\x86R"),
    S("b'a'", P1, PKL_INT, 'K',
      "c_codecs\nencode\n(X\x01\x00\x00\x00"
      "aX\x06\x00\x00\x00latin1tR"),
    S("b'a'", P0, PKL_INT, 'I', "c_codecs\nencode\n(Va\nVlatin1\ntR"),
    S("b''", P2, PKL_INT, 'K', "c__builtin__\nbytes\n)R"),
    S("b''", P0, PKL_INT, 'I', "c__builtin__\nbytes\n(tR"),
    S("bytearray(b'a')", P5, PKL_INT, 'K',
      "\x96\x01\x00\x00\x00\x00\x00\x00\x00"
      "a"),
    S("bytearray(b'a')", P4, PKL_INT, 'K',
      "\x8c\x08"
      "builtins\x8c\x09"
      "bytearray\x93"
      "C\x01"
      "a\x85R"),
    S("1j", P3, PKL_INT, 'K',
      "cbuiltins\ncomplex\nG\x00\x00\x00\x00\x00\x00\x00\x00G\x3f\xf0\x00\x00\x00\x00\x00\x00\x86"
      "R"),
    S("[]", P2, PKL_BROKEN, 0, "]"),
    S("[1]", P2, PKL_BROKEN, 0,
      "]K\x01"
      "a"),
    S("[1, 2]", P2, PKL_BROKEN, 0,
      "](K\x01K\x02"
      "e"),
    S("[1, 2]", P0, PKL_BROKEN, 0, "(lI1\naI2\na"),
    S("()", P0, PKL_BROKEN, 0, "(t"),
    S("()", P1, PKL_BROKEN, 0, ")"),
    S("(1,)", P1, PKL_BROKEN, 0, "(K\x01t"),
    S("(1, 2, 3)", P2, PKL_BROKEN, 0, "K\x01K\x02K\x03\x87"),
    S("(1, 2, 3, 4)", P2, PKL_BROKEN, 0, "(K\x01K\x02K\x03K\x04t"),
    S("{1: 2}", P2, PKL_BROKEN, 0, "}K\x01K\x02s"),
    S("{1: [2], 3: {}}", P2, PKL_BROKEN, 0,
      "}(K\x01]K\x02"
      "aK\x03}u"),
    S("{1: 2}", P0, PKL_BROKEN, 0, "(dI1\nI2\ns"),
    S("{1}", P4, PKL_BROKEN, 0, "\x8f(K\x01\x90"),
    S("set()", P4, PKL_BROKEN, 0, "\x8f"),
    S("frozenset({1})", P4, PKL_BROKEN, 0, "(K\x01\x91"),
    S("frozenset()", P4, PKL_BROKEN, 0, "(\x91"),
    S("{1}", P2, PKL_BROKEN, 0,
      "c__builtin__\nset\n]K\x01"
      "a\x85R"),
    S("set()", P0, PKL_BROKEN, 0, "c__builtin__\nset\n((ltR"),
    S("frozenset({1, 2})", P3, PKL_BROKEN, 0,
      "cbuiltins\nfrozenset\n](K\x01K\x02"
      "e\x85R"),
};

static void test_spelling(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        const struct spelling *s = &spellings[i];
        struct arena mem;
        struct buf out;
        struct error e = {0};

        arena_init(&mem);
        buf_init(&out, 1u << 20);
        if (literal_encode(parse(&mem, s->text), &s->style, s->was, (uint8_t)s->opcode, &out, &e) !=
            PB_OK)
            fail_msg("%s: %s", s->text, e.msg);
        if (out.len != s->n || memcmp(out.data, s->bytes, s->n) != 0)
            fail_msg("%s (protocol %u, row %zu): %s", s->text, s->style.protocol, i, out.data);
        buf_release(&out);
        arena_release(&mem);
    }
}

static void test_long_strings(void **state)
{
    static const struct {
        size_t n, header;
        struct pkl_style style;
        enum pkl_kind was;
        uint8_t opcode;
    } cases[] = {
        {255, 2, P4, PKL_STR, 0x8c},    {256, 5, P4, PKL_STR, 'X'},
        {255, 2, PY2, PKL_PY2STR, 'U'}, {256, 5, PY2, PKL_PY2STR, 'T'},
        {70000, 5, P4, PKL_STR, 'X'},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = malloc(cases[i].n);
        struct literal *l;
        struct arena mem;
        struct buf out;

        assert_non_null(text);
        memset(text, 'x', cases[i].n);
        arena_init(&mem);
        buf_init(&out, 1u << 20);
        assert_int_equal(literal_text(&mem, text, cases[i].n, &l, NULL), PB_OK);
        assert_int_equal(literal_encode(l, &cases[i].style, cases[i].was, 0, &out, NULL), PB_OK);
        assert_int_equal(out.len, cases[i].n + cases[i].header);
        assert_int_equal((uint8_t)out.data[0], cases[i].opcode);
        buf_release(&out);
        arena_release(&mem);
        free(text);
    }
}

static void test_style(void **state)
{
    struct pkl_info info = {.protocol = 0};
    struct pkl_style s;

    (void)state;
    pkl_style_of(&info, &s);
    assert_true(s.text && s.protocol == 0 && !s.py2);
    info.max_opcode_protocol = 1;
    pkl_style_of(&info, &s);
    assert_true(!s.text && s.protocol == 1);
    info.protocol = 2;
    info.py2 = true;
    pkl_style_of(&info, &s);
    assert_true(!s.text && s.protocol == 2 && s.py2);
    info.max_opcode_protocol = 4;
    pkl_style_of(&info, &s);
    assert_true(s.protocol == 4 && !s.py2);
}

/* Whatever allocation fails, the answer is an error or the value, and nothing leaks. */
static void sweep(const char *text)
{
    int ok = 0;

    for (long n = 1; n < 3000 && ok == 0; n++) {
        struct pkl_style style = P2;
        struct arena mem;
        struct literal *l;
        struct buf out;
        struct error e = {0};
        enum pb_err err;

        arena_init(&mem);
        buf_init(&out, 1u << 20);
        mem_fail_after(n);
        err = literal_parse(&mem, text, strlen(text), &l, NULL, &e);
        if (err == PB_OK)
            err = literal_encode(l, &style, PKL_BROKEN, 0, &out, &e);
        mem_fail_after(-1);
        if (err == PB_OK)
            ok++;
        else
            assert_int_equal(err == PB_ENOMEM ? 0 : n, 0);
        buf_release(&out);
        arena_release(&mem);
    }
    assert_int_equal(ok, 1);
}

static void test_out_of_memory(void **state)
{
    static const char *const texts[] = {
        "{'a': [1, 2.5, 0 + 3j], (1, 'x' 'y'): {frozenset({1, 2}), frozenset({2, 1})}, "
        "-0x1f: b'c'}",
        "[datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc), Decimal('1e5'), "
        "Fraction(2, 4), UUID('00000000-0000-0000-0000-000000000005'), IPv4Address('1.2.3.4')]",
        "[OrderedDict([(1, 2), (1, 3)]), defaultdict(<class 'list'>, {1: 2}), Counter({1: 2}), "
        "deque([1], maxlen=5), ChainMap({}), namespace(a=1, b=2)]",
        "[PosixPath('/a/b'), re.compile('x', re.I | re.M), array('u', 'ab'), array('d', [1, 2.5]), "
        "list[int, ...], ValueError('x'), ZoneInfo(key='UTC'), range(3)]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        sweep(texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_with_the_place),
        cmocka_unit_test(test_nul_is_refused),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_equality),
        cmocka_unit_test(test_hashable),
        cmocka_unit_test(test_spelling),
        cmocka_unit_test(test_long_strings),
        cmocka_unit_test(test_style),
        cmocka_unit_test(test_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
