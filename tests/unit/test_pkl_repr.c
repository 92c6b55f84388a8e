/* Values as text: the forms that Python has no text for, indentation, limits, previews, type names,
 * JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/pkl_repr.h>

#define BYTES(s) s, sizeof(s) - 1

struct loaded {
    struct source *src;
    struct pkl_doc *d;
    struct pkl_view *v;
    struct pkl_child root;
};

static void load(struct loaded *l, const char *bytes, size_t n)
{
    l->src = source_mem(bytes, n, false);
    assert_non_null(l->src);
    assert_int_equal(pkl_doc_new(l->src, 0, NULL, &l->d, NULL), PB_OK);
    assert_int_equal(pkl_doc_index(l->d, NULL), PB_OK);
    l->v = pkl_doc_view(l->d);
    assert_int_equal(l->v->root(l->v, 0, &l->root, NULL), PB_OK);
}

static void unload(struct loaded *l)
{
    pkl_doc_free(l->d);
    source_free(l->src);
}

struct sample {
    const char *bytes;
    size_t n;
    const char *text;
};

static void each(const struct sample *s, size_t n, const struct pkl_repr_opts *opts)
{
    for (size_t i = 0; i < n; i++) {
        struct loaded l;
        struct buf text;
        struct sink to = sink_buf(&text);

        buf_init(&text, BUF_MAX_TEXT);
        load(&l, s[i].bytes, s[i].n);
        assert_int_equal(pkl_repr(l.v, &l.root.value, opts, &to, NULL), PB_OK);
        assert_string_equal(text.data, s[i].text);
        buf_release(&text);
        unload(&l);
    }
}

static void test_forms(void **state)
{
    static const struct sample s[] = {
        {BYTES("c_codecs\nencode\n(Va\\u00ff\nVlatin1\ntR."), "b'a\\xff'"},
        {BYTES("c_codecs\nencode\n(V\\u0100\nVlatin1\ntR."),
         "<_codecs.encode args=('Ā', 'latin1')>"},
        {BYTES("c_codecs\nencode\n(Va\nVutf8\ntR."), "<_codecs.encode args=('a', 'utf8')>"},
        {BYTES("c__builtin__\nbytes\n)R."), "b''"},
        {BYTES("c__builtin__\nbytearray\n)R."), "bytearray(b'')"},
        {BYTES("c__builtin__\nbytearray\n(Vx\nVlatin-1\ntR."), "bytearray(b'x')"},
        {BYTES("cbuiltins\nbytearray\nC\1y\x85R."), "bytearray(b'y')"},
        {BYTES("c__builtin__\nset\n](K\1K\2e\x85R."), "{1, 2}"},
        {BYTES("c__builtin__\nset\n]\x85R."), "set()"},
        {BYTES("c__builtin__\nfrozenset\n]K\1a\x85R."), "frozenset({1})"},
        {BYTES("c__builtin__\nset\nK\1\x85R."), "<builtins.set args=(1,)>"},
        {BYTES("c__builtin__\nset\n]\x85R}Va\nK\1sb."), "<builtins.set args=([],) state={'a': 1}>"},
        {BYTES("cmy\nset\n]\x85R."), "<my.set args=([],)>"},
    };

    (void)state;
    each(s, sizeof s / sizeof s[0], NULL);
}

static void test_line(void **state)
{
    static const struct sample s[] = {
        {BYTES("K\1\x85."), "(1,)"},
        {BYTES(")."), "()"},
        {BYTES("\x8f."), "set()"},
        {BYTES("(\x91."), "frozenset()"},
        {BYTES("(K\1\x91."), "frozenset({1})"},
        {BYTES("}(K\1]u."), "{1: []}"},
        {BYTES("}(K\1Va\n\x88Vb\nu."), "{1: 'b'}"},
        {BYTES("}(L18446744073709551616L\nVa\nF18446744073709551616.0\nVb\nu."),
         "{18446744073709551616: 'b'}"},
        {BYTES("}(U\1aK\1Va\nK\2u."), "{'a': 2}"},
        {BYTES("}(K\1\x85K\1\x88\x85K\2u."), "{(1,): 2}"},
        {BYTES("}(Fnan\nK\1Fnan\nK\2u."), "{nan: 1, nan: 2}"},
        {BYTES("\x8f(K\1F1.0\n\x88\x90."), "{1}"},
        {BYTES("\x8fq\0(cm\nC\nh\0\x85R\x90."), "{<m.C args=(set(...),)>}"},
        {BYTES("]q\0(h\0h\0e."), "[[...], [...]]"},
        {BYTES("(]q\0h\0t."), "([], [])"},
        {BYTES("V'\n."), "\"'\""},
        {BYTES("V'\"\n."), "'\\'\"'"},
        {BYTES("V\\u0085\\u200b\\u3000\\U000e0001\n."), "'\\x85\\u200b\\u3000\\U000e0001'"},
        {BYTES("V\x7f\x01\t\n."), "'\\x7f\\x01\\t'"},
    };

    (void)state;
    each(s, sizeof s / sizeof s[0], NULL);
}

static void test_ascii(void **state)
{
    static const struct sample s[] = {
        {BYTES("V\xe9\\u20ac\\U0001f600\n."), "'\\xe9\\u20ac\\U0001f600'"},
    };
    struct pkl_repr_opts opts = {.ascii = true};

    (void)state;
    each(s, 1, &opts);
}

static void test_py2_str(void **state)
{
    static const char bytes[] = "(lp0\nS'abc'\naS'caf\\xc3\\xa9'\naU\1\xff"
                                "aU\2'\"a}U\2\xc3\xa9Nsa.";
    static const struct {
        enum pkl_py2_str how;
        const char *text;
    } cases[] = {
        {PKL_PY2_ASCII, "['abc', b'caf\\xc3\\xa9', b'\\xff', '\\'\"', {b'\\xc3\\xa9': None}]"},
        {PKL_PY2_LATIN1, "['abc', 'caf\xc3\x83\xc2\xa9', '\xc3\xbf', '\\'\"', "
                         "{'\xc3\x83\xc2\xa9': None}]"},
        {PKL_PY2_UTF8, "['abc', 'caf\xc3\xa9', b'\\xff', '\\'\"', {'\xc3\xa9': None}]"},
        {PKL_PY2_BYTES, "[b'abc', b'caf\\xc3\\xa9', b'\\xff', b'\\'\"', {b'\\xc3\\xa9': None}]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sample s = {bytes, sizeof bytes - 1, cases[i].text};
        struct pkl_repr_opts opts = {.py2_str = cases[i].how}, asked = opts;

        asked.depth = 100; /* every value asked of the view */
        each(&s, 1, &opts);
        each(&s, 1, &asked);
    }
}

/* Longer than what is read at once, with a character across every border. */
static void test_long(void **state)
{
    enum { MANY = 300001 };
    static char bytes[2 * MANY + 8], text[2 * MANY + 8];
    struct sample s = {bytes, 2 * MANY + 8, text};

    (void)state;
    memcpy(bytes, "X\x44\x27\x09\x00\"'", 7);
    for (unsigned i = 0; i < 4; i++)
        bytes[1 + i] = (char)((2u * MANY + 2) >> (8 * i) & 0xff);
    memcpy(text, "'\"\\'", 4);
    for (size_t i = 0; i < MANY; i++) {
        memcpy(bytes + 7 + 2 * i, "\xc3\xa9", 2);
        memcpy(text + 4 + 2 * i, "\xc3\xa9", 2);
    }
    bytes[2 * MANY + 7] = '.';
    text[2 * MANY + 4] = '\'';
    each(&s, 1, NULL);
}

static void test_indent(void **state)
{
    static const struct sample s[] = {
        {BYTES("K\1."), "1"},
        {BYTES("]."), "[]"},
        {BYTES("}(Va\n](K\1K\2eVb\nK\1\x85Vc\n}u."),
         "{\n    'a': [\n        1,\n        2,\n    ],\n    'b': (\n        1,\n    ),\n    'c': "
         "{},\n}"},
        {BYTES("cm\nC\n)\x81}Va\nK\1sb."), "<m.C state={\n    'a': 1,\n}>"},
    };
    struct pkl_repr_opts opts = {.style = PKL_REPR_INDENT};

    (void)state;
    each(s, sizeof s / sizeof s[0], &opts);
}

static void test_depth(void **state)
{
    static const struct sample s[] = {
        {BYTES("](](K\1]ee."), "[[1, []]]"},
        {BYTES("](](K\1]K\2aee."), "[[1, [...]]]"},
    };
    struct pkl_repr_opts opts = {.depth = 2};

    (void)state;
    each(s, sizeof s / sizeof s[0], &opts);
}

/* Shared lists doubled thirty times: the text would have a billion items. */
static void test_limit(void **state)
{
    char bytes[200];
    size_t n = 0;
    struct pkl_repr_opts opts = {.max_output = 100000};
    struct loaded l;
    struct buf text;
    struct sink to = sink_buf(&text);
    struct error e;

    (void)state;
    bytes[n++] = 'N';
    for (int i = 0; i < 30; i++) {
        bytes[n++] = '2';
        bytes[n++] = '\x86';
    }
    bytes[n++] = '.';
    buf_init(&text, BUF_MAX_TEXT);
    load(&l, bytes, n);
    assert_int_equal(pkl_repr(l.v, &l.root.value, &opts, &to, &e), PB_ELIMIT);
    assert_int_equal(text.len, 100000);
    buf_release(&text);
    unload(&l);
}

static enum pb_err refuse(void *ctx, const void *p, size_t n, struct error *e)
{
    (void)ctx;
    (void)p;
    (void)n;
    return error_set(e, PB_EIO, "no room");
}

static void test_sink_fails(void **state)
{
    struct sink to = {refuse, NULL};
    struct loaded l;
    struct error e;

    (void)state;
    load(&l, BYTES("](K\1K\2e."));
    assert_int_equal(pkl_repr(l.v, &l.root.value, NULL, &to, &e), PB_EIO);
    assert_string_equal(e.msg, "no room");
    assert_int_equal(pkl_json(l.v, &l.root.value, &to, NULL), PB_EIO);
    unload(&l);
}

static void test_preview(void **state)
{
    static const struct {
        const char *bytes;
        size_t n, max;
        const char *text, *type;
    } cases[] = {
        {BYTES("K\1."), 40, "1", "int"},
        {BYTES("N."), 40, "None", "NoneType"},
        {BYTES("Vabcdefghijklmnop\n."), 8, "'abcdefg…", "str"},
        {BYTES("}(Va\nK\1Vb\n]K\1au."), 40, "{'a': 1, 'b': […]}", "dict"},
        {BYTES("](K\1K\2K\3K\4K\5e."), 8, "[1, 2, 3…", "list"},
        {BYTES("\x8c\x04\x1b[2J."), 40, "'\\x1b[2J'", "str"},
        {BYTES("cm\nC\n)\x81}Va\nK\1sb."), 40, "m.C(a=1)", "m.C"},
        {BYTES("cm\nC\n."), 40, "m.C", "global"},
        {BYTES("ccopy_reg\n_reconstructor\n(cm\nC\nc__builtin__\nobject\nNtR(dVa\nI1\nsb."), 40,
         "m.C(args=(…), a=1)", "m.C"},
        {BYTES("ccopy_reg\n_reconstructor\n(cm\nC\nNtR."), 40, "copyreg._reconstructor(args=(…))",
         "copyreg._reconstructor"},
        {BYTES("c__builtin__\nset\n]K\1a\x85R."), 40, "{1}", "set"},
        {BYTES("U\1s."), 40, "'s'", "py2 str"},
        {BYTES("K\1K\2"), 40, "broken: 1, 2", "broken"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct loaded l;
        struct buf text;

        buf_init(&text, BUF_MAX_TEXT);
        load(&l, cases[i].bytes, cases[i].n);
        assert_int_equal(pkl_preview(l.v, &l.root.value, cases[i].max, &text, NULL), PB_OK);
        assert_string_equal(text.data, cases[i].text);
        buf_clear(&text);
        assert_int_equal(pkl_type_name(l.v, &l.root.value, &text, NULL), PB_OK);
        assert_string_equal(text.data, cases[i].type);
        buf_release(&text);
        unload(&l);
    }
}

static void test_json(void **state)
{
    static const struct sample s[] = {
        {BYTES("(NI01\nK\1F1.5\nVa\"\\u0007\nt."),
         "{\"$tuple\": [null, true, 1, 1.5, \"a\\\"\\u0007\"]}"},
        {BYTES("L9007199254740993L\n."), "{\"$int\": \"9007199254740993\"}"},
        {BYTES("Fnan\n."), "{\"$float\": \"nan\"}"},
        {BYTES("V\\ud800\n."), "{\"$str\": \"'\\\\ud800'\"}"},
        {BYTES("C\2\0\xff."), "{\"$bytes\": \"AP8=\"}"},
        {BYTES("\x96\1\0\0\0\0\0\0\0z."), "{\"$bytearray\": \"eg==\"}"},
        {BYTES("}(Va\nK\1Vb\n]u."), "{\"a\": 1, \"b\": []}"},
        {BYTES("}(K\1K\2K\3K\4u."), "{\"$dict\": [[1, 2], [3, 4]]}"},
        {BYTES("}V$x\nK\1s."), "{\"$dict\": [[\"$x\", 1]]}"},
        {BYTES("}(K\1K\2\x88K\4u."), "{\"$dict\": [[1, 4]]}"},
        {BYTES("\x8f(K\1\x90."), "{\"$set\": [1]}"},
        {BYTES("(K\1\x91."), "{\"$frozenset\": [1]}"},
        {BYTES("]q\0h\0a."), "[{\"$ref\": \"@0\"}]"},
        {BYTES("(]q\1K\1ah\1t."), "{\"$tuple\": [[1], {\"$ref\": \"[0]\"}]}"},
        {BYTES("cm\nC\nK\1\x85R."), "{\"$object\": \"m.C\", \"args\": {\"$tuple\": [1]}}"},
        {BYTES("cm\nC\n)\x81}Va\nK\1sb."), "{\"$object\": \"m.C\", \"state\": {\"a\": 1}}"},
        {BYTES("cm\nf\n."), "{\"$global\": \"m.f\"}"},
        {BYTES("Pid\n."), "{\"$persistent\": \"id\"}"},
        {BYTES("K\1Q."), "{\"$persistent\": 1}"},
        {BYTES("\x82\x07."), "{\"$extension\": 7}"},
        {BYTES("\x97."), "{\"$buffer\": 0}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof s / sizeof s[0]; i++) {
        struct loaded l;
        struct buf text;
        struct sink to = sink_buf(&text);

        buf_init(&text, BUF_MAX_TEXT);
        load(&l, s[i].bytes, s[i].n);
        assert_int_equal(pkl_json(l.v, &l.root.value, &to, NULL), PB_OK);
        assert_string_equal(text.data, s[i].text);
        buf_release(&text);
        unload(&l);
    }
}

/* Twenty thousand levels, written without recursion. */
static void test_deep(void **state)
{
    const size_t depth = 20000;
    char *bytes = malloc(2 * depth);
    struct loaded l;
    struct buf text;
    struct sink to = sink_buf(&text);

    (void)state;
    assert_non_null(bytes);
    memset(bytes, ']', depth);
    memset(bytes + depth, 'a', depth - 1);
    bytes[2 * depth - 1] = '.';
    buf_init(&text, BUF_MAX_TEXT);
    load(&l, bytes, 2 * depth);
    assert_int_equal(pkl_repr(l.v, &l.root.value, NULL, &to, NULL), PB_OK);
    assert_int_equal(text.len, 2 * depth);
    buf_release(&text);
    unload(&l);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),      cmocka_unit_test(test_line),
        cmocka_unit_test(test_ascii),      cmocka_unit_test(test_py2_str),
        cmocka_unit_test(test_long),       cmocka_unit_test(test_indent),
        cmocka_unit_test(test_depth),      cmocka_unit_test(test_limit),
        cmocka_unit_test(test_sink_fails), cmocka_unit_test(test_preview),
        cmocka_unit_test(test_json),       cmocka_unit_test(test_deep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
