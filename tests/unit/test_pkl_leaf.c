/* Leaves: every spelling that some CPython reads, with its value; what none reads is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/num.h>
#include <pklbrowse/pkl_int.h>
#include <pklbrowse/pkl_repr.h>

#define BYTES(s) s, sizeof(s) - 1

/* The leaf alone; STOP is added.  value: its repr; NULL: refused. */
struct sample {
    const char *bytes;
    size_t n;
    enum pkl_kind kind;
    const char *value;
};

static const struct sample samples[] = {
    {BYTES("N"), PKL_NONE, "None"},
    {BYTES("\x88"), PKL_BOOL, "True"},
    {BYTES("\x89"), PKL_BOOL, "False"},
    /* INT */
    {BYTES("I5\n"), PKL_INT, "5"},
    {BYTES("I-5\n"), PKL_INT, "-5"},
    {BYTES("I01\n"), PKL_BOOL, "True"},
    {BYTES("I00\n"), PKL_BOOL, "False"},
    {BYTES("I1\n"), PKL_INT, "1"},
    {BYTES("I001\n"), PKL_INT, "1"},
    {BYTES("I 1\n"), PKL_BOOL, "True"},
    {BYTES("I+0\n"), PKL_BOOL, "False"},
    {BYTES("I-1\n"), PKL_INT, "-1"},
    {BYTES("I0x10\n"), PKL_INT, "16"},
    {BYTES("I010\n"), PKL_INT, "8"},
    {BYTES("I0o17\n"), PKL_INT, "15"},
    {BYTES("I0b11\n"), PKL_INT, "3"},
    {BYTES("I1_000\n"), PKL_INT, "1000"},
    {BYTES("I1__0\n"), PKL_INT, NULL},
    {BYTES("I_1\n"), PKL_INT, NULL},
    {BYTES("I5\r\n"), PKL_INT, "5"},
    {BYTES("I5\0x\n"), PKL_INT, "5"},
    {BYTES("I5L\n"), PKL_INT, "5"},
    {BYTES("I5LL\n"), PKL_INT, NULL},
    {BYTES("I\n"), PKL_INT, NULL},
    {BYTES("Ix\n"), PKL_INT, NULL},
    {BYTES("I5"), PKL_INT, NULL},
    {BYTES("I2147483648\n"), PKL_INT, "2147483648"},
    {BYTES("I-9223372036854775808\n"), PKL_INT, "-9223372036854775808"},
    {BYTES("I9223372036854775808\n"), PKL_INT, "9223372036854775808"},
    /* LONG */
    {BYTES("L5L\n"), PKL_INT, "5"},
    {BYTES("L5\n"), PKL_INT, "5"},
    {BYTES("L0x10L\n"), PKL_INT, "16"},
    {BYTES("L-0L\n"), PKL_INT, "0"},
    {BYTES("L00L\n"), PKL_INT, "0"},
    {BYTES("L010L\n"), PKL_INT, NULL},
    {BYTES("LL\n"), PKL_INT, NULL},
    {BYTES("L123456789012345678901234567890L\n"), PKL_INT, "123456789012345678901234567890"},
    {BYTES("L-0xffffffffffffffffffL\n"), PKL_INT, "-4722366482869645213695"},
    /* binary ints */
    {BYTES("K\xff"), PKL_INT, "255"},
    {BYTES("M\xff\xff"), PKL_INT, "65535"},
    {BYTES("J\xff\xff\xff\xff"), PKL_INT, "-1"},
    {BYTES("J\0\0\0\x80"), PKL_INT, "-2147483648"},
    {BYTES("\x8a\0"), PKL_INT, "0"},
    {BYTES("\x8a\3\1\0\0"), PKL_INT, "1"},
    {BYTES("\x8a\1\xff"), PKL_INT, "-1"},
    {BYTES("\x8a\x09\0\0\0\0\0\0\0\0\1"), PKL_INT, "18446744073709551616"},
    {BYTES("\x8b\2\0\0\0\0\x80"), PKL_INT, "-32768"},
    {BYTES("\x8b\0\0\0\0"), PKL_INT, "0"},
    {BYTES("\x8b\xff\xff\xff\xff"), PKL_INT, NULL},
    /* floats */
    {BYTES("F1.5\n"), PKL_FLOAT, "1.5"},
    {BYTES("F-0\n"), PKL_FLOAT, "-0.0"},
    {BYTES("F1e999\n"), PKL_FLOAT, "inf"},
    {BYTES("F-inf\n"), PKL_FLOAT, "-inf"},
    {BYTES("FInfinity\n"), PKL_FLOAT, "inf"},
    {BYTES("Fnan\n"), PKL_FLOAT, "nan"},
    {BYTES("F 1.5\n"), PKL_FLOAT, "1.5"},
    {BYTES("F1_0.5\n"), PKL_FLOAT, "10.5"},
    {BYTES("F1__0\n"), PKL_FLOAT, NULL},
    {BYTES("F0x1p3\n"), PKL_FLOAT, NULL},
    {BYTES("F\n"), PKL_FLOAT, NULL},
    {BYTES("G\x3f\xf8\0\0\0\0\0\0"), PKL_FLOAT, "1.5"},
    {BYTES("G\xff\xf8\0\0\0\0\0\0"), PKL_FLOAT, "nan"},
    {BYTES("G\0\0\0\0\0\0\0\1"), PKL_FLOAT, "5e-324"},
    {BYTES("G\x3f"), PKL_FLOAT, NULL},
    /* STRING */
    {BYTES("S'abc'\n"), PKL_PY2STR, "'abc'"},
    {BYTES("S\"a'b\"\n"), PKL_PY2STR, "\"a'b\""},
    {BYTES("S''\n"), PKL_PY2STR, "''"},
    {BYTES("S'a'b'\n"), PKL_PY2STR, "\"a'b\""},
    {BYTES("S'\\x41\\101\\0\\n\\\\\\'\\q'\n"), PKL_PY2STR, "\"AA\\x00\\n\\\\'\\\\q\""},
    {BYTES("S'\\1234'\n"), PKL_PY2STR, "'S4'"},
    {BYTES("S'\\xff'\n"), PKL_PY2STR, "b'\\xff'"},
    {BYTES("S'\xe9'\n"), PKL_PY2STR, "b'\\xe9'"},
    {BYTES("S'\\x4'\n"), PKL_PY2STR, NULL},
    {BYTES("S'abc\n"), PKL_PY2STR, NULL},
    {BYTES("S'abc\"\n"), PKL_PY2STR, NULL},
    {BYTES("Sabc\n"), PKL_PY2STR, NULL},
    {BYTES("S'\n"), PKL_PY2STR, NULL},
    {BYTES("S\n"), PKL_PY2STR, NULL},
    {BYTES("S'abc' \n"), PKL_PY2STR, "'abc'"},
    {BYTES("S'abc\\'\n"), PKL_PY2STR, NULL},
    {BYTES("T\3\0\0\0abc"), PKL_PY2STR, "'abc'"},
    {BYTES("U\3a\0b"), PKL_PY2STR, "'a\\x00b'"},
    /* UNICODE */
    {BYTES("Vabc\n"), PKL_STR, "'abc'"},
    {BYTES("V\n"), PKL_STR, "''"},
    {BYTES("V\xe9\r\n"), PKL_STR, "'é\\r'"},
    {BYTES("V\\u20ac\\U0001f600\n"), PKL_STR, "'€😀'"},
    {BYTES("V\\\\u0041\n"), PKL_STR, "'\\\\\\\\u0041'"},
    {BYTES("V\\n\n"), PKL_STR, "'\\\\n'"},
    {BYTES("Vx\\\n"), PKL_STR, "'x\\\\'"},
    {BYTES("V\\ud800\n"), PKL_STR, "'\\ud800'"},
    {BYTES("V\\ud83d\\ude00\n"), PKL_STR, "'\\ud83d\\ude00'"},
    {BYTES("V\\u12\n"), PKL_STR, NULL},
    {BYTES("V\\U00110000\n"), PKL_STR, NULL},
    /* binary strings */
    {BYTES("X\2\0\0\0\xc3\xa9"), PKL_STR, "'é'"},
    {BYTES("\x8c\3\xed\xa0\x80"), PKL_STR, "'\\ud800'"},
    {BYTES("\x8c\2\xc0\x80"), PKL_STR, NULL},
    {BYTES("\x8c\4\xf4\x90\x80\x80"), PKL_STR, NULL},
    {BYTES("\x8d\1\0\0\0\0\0\0\0z"), PKL_STR, "'z'"},
    {BYTES("C\2\0\xff"), PKL_BYTES, "b'\\x00\\xff'"},
    {BYTES("B\2\0\0\0'\""), PKL_BYTES, "b'\\'\"'"},
    {BYTES("\x8e\1\0\0\0\0\0\0\0'"), PKL_BYTES, "b\"'\""},
    {BYTES("\x96\1\0\0\0\0\0\0\0z"), PKL_BYTEARRAY, "bytearray(b'z')"},
};

static struct pkl_doc *index_of(const char *bytes, size_t n, struct source **src)
{
    struct pkl_doc *d;
    char *copy = malloc(n + 1);

    assert_non_null(copy);
    memcpy(copy, bytes, n);
    copy[n] = '.';
    *src = source_mem(copy, n + 1, true);
    assert_non_null(*src);
    assert_int_equal(pkl_doc_new(*src, 0, NULL, &d, NULL), PB_OK);
    assert_int_equal(pkl_doc_index(d, NULL), PB_OK);
    return d;
}

static void check(const struct sample *s)
{
    struct source *src;
    struct pkl_doc *d = index_of(s->bytes, s->n, &src);
    struct pkl_view *v = pkl_doc_view(d);
    struct pkl_child root;
    struct pkl_leaf leaf;
    struct buf text;
    struct sink to = sink_buf(&text);

    buf_init(&text, BUF_MAX_TEXT);
    pkl_leaf_init(&leaf);
    if (s->value == NULL) {
        if (pkl_doc_error(d, NULL) != PB_EPICKLE)
            fail_msg("%.*s is accepted", (int)s->n, s->bytes);
    } else {
        if (pkl_doc_error(d, NULL) != PB_OK)
            fail_msg("%.*s is refused", (int)s->n, s->bytes);
        assert_int_equal(v->root(v, 0, &root, NULL), PB_OK);
        assert_int_equal(root.value.kind, s->kind);
        assert_int_equal(pkl_leaf_read(v, &root.value, SIZE_MAX, &leaf, NULL), PB_OK);
        assert_int_equal(leaf.kind, s->kind);
        assert_false(leaf.partial);
        assert_int_equal(pkl_repr(v, &root.value, NULL, &to, NULL), PB_OK);
        assert_string_equal(text.data, s->value);
    }
    pkl_leaf_release(&leaf);
    buf_release(&text);
    pkl_doc_free(d);
    source_free(src);
}

static void test_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        check(&samples[i]);
}

/* Previews read a part, and never half a character. */
static void test_partial(void **state)
{
    static const struct {
        const char *bytes;
        size_t n, max;
        const char *data;
        size_t total;
    } cases[] = {
        {BYTES("X\6\0\0\0\xc3\xa9\xc3\xa9\xc3\xa9"), 3, "\xc3\xa9", 6},
        {BYTES("X\6\0\0\0\xc3\xa9\xc3\xa9\xc3\xa9"), 0, "", 6},
        {BYTES("Vabc\\u00e9def\n"), 4, "abc", 12},
        {BYTES("Vabc\\u00e9def\n"), 5, "abc\xc3\xa9", 12},
        {BYTES("S'a\\nbcdef'\n"), 3, "a\nb", 8},
        {BYTES("C\5hello"), 2, "he", 5},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct source *src;
        struct pkl_doc *d = index_of(cases[i].bytes, cases[i].n, &src);
        struct pkl_view *v = pkl_doc_view(d);
        struct pkl_child root;
        struct pkl_leaf leaf;

        pkl_leaf_init(&leaf);
        assert_int_equal(v->root(v, 0, &root, NULL), PB_OK);
        assert_int_equal(pkl_leaf_read(v, &root.value, cases[i].max, &leaf, NULL), PB_OK);
        assert_true(leaf.partial);
        assert_string_equal(leaf.data.data, cases[i].data);
        assert_int_equal(leaf.total, cases[i].total);
        pkl_leaf_release(&leaf);
        pkl_doc_free(d);
        source_free(src);
    }
}

/* What is read straight from the source is what decoding gives. */
static void test_stands(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *data; /* NULL: it must be decoded */
    } cases[] = {
        {BYTES("\x8c\3abc"), "abc"},
        {BYTES("X\3\0\0\0abc"), "abc"},
        {BYTES("\x8d\3\0\0\0\0\0\0\0abc"), "abc"},
        {BYTES("C\3abc"), "abc"},
        {BYTES("B\3\0\0\0abc"), "abc"},
        {BYTES("\x8e\3\0\0\0\0\0\0\0abc"), "abc"},
        {BYTES("\x96\3\0\0\0\0\0\0\0abc"), "abc"},
        {BYTES("\x96\3\0\0\0\0\0\0\0abcK\0Kxs"), NULL}, /* a byte of it was set */
        {BYTES("\x96\3\0\0\0\0\0\0\0abcKxa"), NULL},    /* or one was added */
        {BYTES("Vabc\n"), NULL},
        {BYTES("Va\\u00e9\n"), NULL},
        {BYTES("S'abc'\n"), NULL},
        {BYTES("U\3abc"), "abc"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct source *src, *at_src = NULL;
        struct pkl_doc *d = index_of(cases[i].bytes, cases[i].n, &src);
        struct pkl_view *v = pkl_doc_view(d);
        struct pkl_child root;
        const uint8_t *p;
        uint64_t at = 0;
        size_t n;

        assert_int_equal(pkl_doc_error(d, NULL), PB_OK);
        assert_int_equal(v->root(v, 0, &root, NULL), PB_OK);
        if (pkl_leaf_stands(v, &root.value, &at_src, &at) != (cases[i].data != NULL))
            fail_msg("case %zu", i);
        if (cases[i].data != NULL) {
            assert_ptr_equal(at_src, src);
            assert_int_equal(root.value.count, strlen(cases[i].data));
            assert_int_equal(source_view(src, at, (size_t)root.value.count, &p, &n, NULL), PB_OK);
            assert_memory_equal(p, cases[i].data, root.value.count);
        }
        pkl_doc_free(d);
        source_free(src);
    }
}

static void test_values(void **state)
{
    struct source *src;
    struct pkl_doc *d = index_of(BYTES("(U\1sL7L\nG\x7f\xf8\0\0\0\0\0\1\x83\x34\x12t"), &src);
    struct pkl_view *v = pkl_doc_view(d);
    struct pkl_child root, kids[4];
    struct pkl_leaf leaf;
    struct error e;
    uint64_t bits;
    size_t got;

    (void)state;
    pkl_leaf_init(&leaf);
    assert_int_equal(v->root(v, 0, &root, NULL), PB_OK);
    assert_int_equal(v->children(v, root.value.id, 0, 4, kids, &got, NULL), PB_OK);
    assert_int_equal(pkl_leaf_read(v, &kids[1].value, SIZE_MAX, &leaf, NULL), PB_OK);
    assert_true(leaf.long_suffix && leaf.fits);
    assert_int_equal(leaf.integer, 7);
    assert_int_equal(pkl_leaf_read(v, &kids[2].value, SIZE_MAX, &leaf, NULL), PB_OK);
    memcpy(&bits, &leaf.real, sizeof bits);
    assert_true(isnan(leaf.real) && bits == 0x7ff8000000000001u);
    assert_int_equal(pkl_leaf_read(v, &kids[3].value, SIZE_MAX, &leaf, NULL), PB_OK);
    assert_int_equal(leaf.integer, 0x1234);
    assert_int_equal(pkl_leaf_read(v, &root.value, SIZE_MAX, &leaf, &e), PB_EUSAGE);
    pkl_leaf_release(&leaf);
    pkl_doc_free(d);
    source_free(src);
}

/* Old names as Python 3 imports them, only below protocol 3. */
static void test_names(void **state)
{
    static const struct {
        const char *bytes;
        const char *module, *name, *py3_module, *py3_name;
    } cases[] = {
        {"c__builtin__\nset\n", "__builtin__", "set", "builtins", "set"},
        {"c__builtin__\nxrange\n", "__builtin__", "xrange", "builtins", "range"},
        {"ccopy_reg\n_reconstructor\n", "copy_reg", "_reconstructor", "copyreg", "_reconstructor"},
        {"citertools\nizip\n", "itertools", "izip", "builtins", "zip"},
        {"cUserDict\nIterableUserDict\n", "UserDict", "IterableUserDict", "collections",
         "UserDict"},
        {"cmylib\nThing\n", "mylib", "Thing", "mylib", "Thing"},
        {"\x80\x03"
         "ccopy_reg\nx\n",
         "copy_reg", "x", "copy_reg", "x"},
        {"\x8c\1m\x94\x8c\3a.b\x93", "m", "a.b", "m", "a.b"},
        {"\x8c\1mq\1h\1\x93", "m", "m", "m", "m"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct source *src;
        struct pkl_doc *d = index_of(cases[i].bytes, strlen(cases[i].bytes), &src);
        struct pkl_view *v = pkl_doc_view(d);
        struct pkl_child root;
        struct pkl_name name;

        assert_int_equal(v->root(v, 0, &root, NULL), PB_OK);
        assert_int_equal(pkl_name_read(v, &root.value, &name, NULL), PB_OK);
        assert_string_equal(name.module, cases[i].module);
        assert_string_equal(name.name, cases[i].name);
        assert_string_equal(name.py3_module, cases[i].py3_module);
        assert_string_equal(name.py3_name, cases[i].py3_name);
        pkl_name_release(&name);
        pkl_doc_free(d);
        source_free(src);
    }
}

/* An int of n bytes, all `fill` but byte `at`; text (its beginning) and bits of what is long. */
static void test_long_ints(void **state)
{
    static const struct {
        size_t n, at;
        uint8_t fill, byte;
        uint64_t bits;
        const char *text;
    } cases[] = {
        {1787, 1786, 0x11, 0x1f, 14293, "0x1f111111"},
        {1786, 1785, 0x11, 0x0f, 0, NULL},
        {5000, 4999, 0x11, 0x7f, 39999, "0x7f111111"},
        {5000, 4999, 0x11, 0x80, 39999, "-0x7feeeeee"},
        {5000, 0, 0xff, 0xff, 0, NULL}, /* -1 */
        {5000, 0, 0x00, 0x05, 0, NULL}, /* 5 */
        {5000, 0, 0x00, 0x00, 0, NULL}, /* 0 */
        {5000, 4000, 0, 1, 32001, "0x10000000"},
        {5000, 4999, 0, 0x80, 40000, "-0x80000000"},
        {5000, 4999, 0, 0xff, 39993, "-0x10000000"},
        {5000, 4000, 0xff, 0xfe, 32001, "-0x10000000"},
        {70001, 70000, 0, 0xff, 560001, "-0x10000000"},
        {70001, 69999, 0xff, 0, 560000, "-0xff000000"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t n = cases[i].n;
        char *bytes = malloc(n + 5);
        struct source *src, *hex;
        struct pkl_child root;
        struct pkl_doc *d;
        struct buf whole;
        const uint8_t *p;
        uint64_t bits;
        struct error e;
        size_t got;

        assert_non_null(bytes);
        bytes[0] = (char)0x8b;
        for (size_t k = 0; k < 4; k++)
            bytes[1 + k] = (char)(n >> 8 * k & 0xff);
        memset(bytes + 5, cases[i].fill, n);
        bytes[5 + cases[i].at] = (char)cases[i].byte;
        d = index_of(bytes, n + 5, &src);
        assert_int_equal(pkl_doc_view(d)->root(pkl_doc_view(d), 0, &root, NULL), PB_OK);
        assert_int_equal(pkl_int_long_bits(pkl_doc_view(d), &root.value, &bits, &e), PB_OK);
        assert_int_equal(bits, cases[i].bits);
        if (cases[i].text == NULL) {
            assert_int_equal(pkl_int_hex(pkl_doc_view(d), &root.value, &hex, &e), PB_EUSAGE);
        } else {
            /* Piece by piece it is what all at once is by other code. */
            buf_init(&whole, 1000000);
            assert_int_equal(num_big_to_hex(&whole, (uint8_t *)bytes + 5, n, NULL), PB_OK);
            assert_int_equal(pkl_int_hex(pkl_doc_view(d), &root.value, &hex, &e), PB_OK);
            assert_int_equal(hex->size, whole.len);
            assert_memory_equal(whole.data, cases[i].text, strlen(cases[i].text));
            for (size_t at = 0; at < whole.len; at += 997) {
                size_t want = whole.len - at < 1013 ? whole.len - at : 1013;

                assert_int_equal(source_view(hex, at, 1013, &p, &got, NULL), PB_OK);
                assert_int_equal(got, want);
                assert_memory_equal(p, whole.data + at, got);
            }
            assert_int_equal(source_view(hex, whole.len, 1, &p, &got, NULL), PB_OK);
            assert_int_equal(got, 0);
            source_free(hex);
            buf_clear(&whole);
            assert_int_equal(pkl_preview(pkl_doc_view(d), &root.value, 10, &whole, &e), PB_OK);
            assert_memory_equal(whole.data, cases[i].text, 10);
            buf_release(&whole);
        }
        pkl_doc_free(d);
        source_free(src);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples), cmocka_unit_test(test_partial),
        cmocka_unit_test(test_stands),  cmocka_unit_test(test_values),
        cmocka_unit_test(test_names),   cmocka_unit_test(test_long_ints),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
