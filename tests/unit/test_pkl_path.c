/* Paths: what is one, where one is wrong, which place it names, and how a place is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/edit_rig.h"

static void test_parsed(void **state)
{
    static const struct {
        const char *text;
        size_t count;
        uint64_t root;
    } cases[] = {
        {"", 0, 0},
        {".a", 1, 0},
        {".a.b", 2, 0},
        {"@0", 0, 0},
        {"@12.a", 1, 12},
        {"@args", 1, 0},
        {"@0@args[0]", 2, 0},
        {"[0]", 1, 0},
        {"[-1]", 1, 0},
        {"['a b'].c", 2, 0},
        {"[\"a]b\"]", 1, 0},
        {"['it\\'s]']", 1, 0},
        {"['''a'b]''']", 1, 0},
        {"[(1, 'a]')]", 1, 0},
        {"[(1, (2, 3))][0]", 2, 0},
        {"[#3]", 1, 0},
        {"[]", 1, 0},
        {"[None][True][1.5][b'x']", 4, 0},
        {"[frozenset({1})]", 1, 0},
        {".\xc3\xa9.\xe4\xb8\xad", 2, 0},
        {"._x9@state@slots@items@entries@class@pid@key@kwargs", 9, 0},
        {"['\xc3\xa9']", 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena mem;
        struct pkl_path path;
        struct error e = {0};
        size_t at = 0;

        arena_init(&mem);
        if (pkl_path_parse(&mem, cases[i].text, strlen(cases[i].text), &path, &at, &e) != PB_OK)
            fail_msg("%s: at %zu: %s", cases[i].text, at, e.msg);
        if (path.count != cases[i].count || path.root != cases[i].root)
            fail_msg("%s: %zu steps, root %u", cases[i].text, path.count, (unsigned)path.root);
        arena_release(&mem);
    }
}

static void test_refused_with_the_place(void **state)
{
    static const struct {
        const char *text;
        size_t at;
        const char *hint;
    } cases[] = {
        {"a", 0, "begins with"},
        {".", 1, "name"},
        {".a b", 2, "['a-b']"},
        {".a-b", 2, "['a-b']"},
        {"[a]", 1, "write .a"},
        {".x[abc]", 3, "write .abc"},
        {"[1", 0, "closed"},
        {".a['b]", 2, "closed"},
        {"[1,,2]", 3, ""},
        {"[[1]]", 1, "key"},
        {"[{}]", 1, "key"},
        {"[#]", 2, "number"},
        {"[#x]", 2, "number"},
        {"[#-1]", 2, "number"},
        {"@foo", 0, "args"},
        {".a@", 2, "args"},
        {"@99999999999999999999", 1, ""},
        {".a=", 2, ""},
        {".\xff", 1, "UTF-8"},
        {".1a", 1, "name"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena mem;
        struct pkl_path path;
        struct error e = {0};
        size_t at = 99;

        arena_init(&mem);
        if (pkl_path_parse(&mem, cases[i].text, strlen(cases[i].text), &path, &at, &e) != PB_EUSAGE)
            fail_msg("%s: not refused", cases[i].text);
        if (at != cases[i].at || strstr(e.msg, cases[i].hint) == NULL)
            fail_msg("%s: at %zu: %s", cases[i].text, at, e.msg);
        arena_release(&mem);
    }
}

static void test_edits(void **state)
{
    static const struct {
        const char *text;
        enum edit_op op;
        size_t steps;
        const char *value;
    } cases[] = {
        {".a=1", EDIT_LITERAL, 1, "1"},
        {"=1", EDIT_LITERAL, 0, "1"},
        {".a=", EDIT_LITERAL, 1, ""},
        {".a:=it's = this", EDIT_TEXT, 1, "it's = this"},
        {".a:=", EDIT_TEXT, 1, ""},
        {".a=@file", EDIT_FILE, 1, "file"},
        {".a=@-", EDIT_FILE, 1, "-"},
        {"['a=b']=2", EDIT_LITERAL, 1, "2"},
        {"['a:=b'].c:=@x", EDIT_TEXT, 2, "@x"},
        {".a= '=' ", EDIT_LITERAL, 1, " '=' "},
        {"@1.a={'b': 1}", EDIT_LITERAL, 1, "{'b': 1}"},
    };
    static const char *const refused[] = {"", ".a", ".a:1", "[a]=1", ".a.=1", "a=1", ".a b=1"};
    struct arena mem;
    struct edit_arg arg;
    struct error e = {0};
    size_t at;

    (void)state;
    arena_init(&mem);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = strlen(cases[i].text);

        if (pkl_edit_parse(&mem, cases[i].text, n, &arg, &at, &e) != PB_OK)
            fail_msg("%s: %s", cases[i].text, e.msg);
        assert_int_equal(arg.op, cases[i].op);
        assert_int_equal(arg.path.count, cases[i].steps);
        assert_int_equal(arg.value_len, strlen(cases[i].value));
        assert_memory_equal(arg.value, cases[i].value, arg.value_len);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (pkl_edit_parse(&mem, refused[i], strlen(refused[i]), &arg, &at, &e) != PB_EUSAGE)
            fail_msg("%s: not refused", refused[i]);
    }
    arena_release(&mem);
}

/* {'name': 'John', 'a b': [1, 2, 3], 1: {'x': None, (1, 'k'): 2.5, None: True, b'by': 'v'},
 *  'set': {7}, 'dup': 1, 'dup': 2, 'obj': m.C(5) with state {'at': 'A', 'odd name': 2}}, then a
 * second pickle: 42 */
static const char sample[] =
    "\x80\x04}("
    "\x8c\x04name\x8c\x04John"
    "\x8c\x03"
    "a b](K\x01K\x02K\x03"
    "e"
    "K\x01}(\x8c\x01xNK\x01\x8c\x01k\x86G\x40\x04\x00\x00\x00\x00\x00\x00N\x88"
    "C\x02"
    "by\x8c\x01vu"
    "\x8c\x03set\x8f(K\x07\x90"
    "\x8c\x03"
    "dupK\x01\x8c\x03"
    "dupK\x02"
    "\x8c\x03obj\x8c\x01m\x8c\x01"
    "C\x93K\x05\x85R}(\x8c\x02"
    "at\x8c\x01"
    "A\x8c\x08odd nameK\x02ub"
    "u.\x80\x04K\x2a.";

static void test_followed(void **state)
{
    static const struct {
        const char *path;
        enum pkl_kind kind;
        const char *again, *python; /* how the place writes itself */
    } cases[] = {
        {"", PKL_DICT, "", ""},
        {"@0", PKL_DICT, "", ""},
        {"@1", PKL_INT, "@1", "@1"},
        {".name", PKL_STR, ".name", "['name']"},
        {"['name']", PKL_STR, ".name", "['name']"},
        {"['a b']", PKL_LIST, "['a b']", "['a b']"},
        {"['a b'][0]", PKL_INT, "['a b'][0]", "['a b'][0]"},
        {"['a b'][-1]", PKL_INT, "['a b'][2]", "['a b'][2]"},
        {"['a b'][#1]", PKL_INT, "['a b'][1]", "['a b'][1]"},
        {"[1].x", PKL_NONE, "[1].x", "[1]['x']"},
        {"[True]['x']", PKL_NONE, "[1].x", "[1]['x']"},
        {"[1.0][(1, 'k')]", PKL_FLOAT, "[1][(1, 'k')]", "[1][(1, 'k')]"},
        {"[1][None]", PKL_BOOL, "[1][None]", "[1][None]"},
        {"[1][b'by']", PKL_STR, "[1][b'by']", "[1][b'by']"},
        {".set[#0]", PKL_INT, ".set[#0]", "['set'][#0]"},
        {".dup", PKL_INT, ".dup", "['dup']"},
        {"[#0]", PKL_STR, ".name", "['name']"},
        {".obj", PKL_OBJECT, ".obj", "['obj']"},
        {".obj.at", PKL_STR, ".obj.at", "['obj'].at"},
        {".obj@args[0]", PKL_INT, ".obj@args[0]", "['obj']@args[0]"},
        {".obj[#2]", PKL_INT, ".obj[#2]", "['obj'][#2]"},
    };
    struct rig r;

    (void)state;
    rig_open(&r, sample, sizeof sample - 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pkl_child place;
        struct buf text;

        if (rig_find(&r, cases[i].path, &place) != PB_OK)
            fail_msg("%s: %s", cases[i].path, r.e.msg);
        if (place.value.kind != cases[i].kind)
            fail_msg("%s: kind %d", cases[i].path, (int)place.value.kind);
        buf_init(&text, 1000);
        assert_int_equal(pkl_path_of_place(r.view, &place, PATH_FORM_PATH, &text, &r.e), PB_OK);
        assert_string_equal(text.data, cases[i].again);
        buf_clear(&text);
        assert_int_equal(pkl_path_of_place(r.view, &place, PATH_FORM_PYTHON, &text, &r.e), PB_OK);
        assert_string_equal(text.data, cases[i].python);
        buf_clear(&text);
        assert_int_equal(pkl_path_of(r.view, place.value.id, PATH_FORM_PATH, &text, &r.e), PB_OK);
        assert_string_equal(text.data, cases[i].again);
        buf_release(&text);
    }
    rig_close(&r);
}

static void test_not_there(void **state)
{
    static const struct {
        const char *path;
        enum pb_err err;
        const char *says;
    } cases[] = {
        {".agee", PB_ENOTFOUND, "no .agee in the value, which is a dict"},
        {".name.x", PB_ENOTFOUND, "no .x in .name, which is a str"},
        {"['a b'][3]", PB_ENOTFOUND, "no [3] in ['a b'], which is a list"},
        {"['a b'][-4]", PB_ENOTFOUND, "no [-4]"},
        {"['a b'].x", PB_ENOTFOUND, "no .x"},
        {"['a b'][0x10000000000000000000]", PB_ENOTFOUND, "no [0x"},
        {"[1].y", PB_ENOTFOUND, "no .y in [1]"},
        {".set[7]", PB_ENOTFOUND, "a set"},
        {".obj.none", PB_ENOTFOUND, "an object"},
        {".obj@kwargs", PB_ENOTFOUND, "no @kwargs"},
        {".name@args", PB_ENOTFOUND, "no @args"},
        {"@2", PB_ENOTFOUND, "@2"},
        {"@1.x", PB_ENOTFOUND, "in @1, which is an int"},
        {"['a b'][]", PB_EUSAGE, "add"},
    };
    struct rig r;

    (void)state;
    rig_open(&r, sample, sizeof sample - 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pkl_child place;

        if (rig_find(&r, cases[i].path, &place) != cases[i].err)
            fail_msg("%s: not refused so", cases[i].path);
        if (strstr(r.e.msg, cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].path, r.e.msg);
    }
    rig_close(&r);
}

static void test_the_last_of_equal_keys(void **state)
{
    struct rig r;
    struct pkl_child place;

    (void)state;
    rig_open(&r, sample, sizeof sample - 1);
    assert_int_equal(rig_find(&r, ".dup", &place), PB_OK);
    assert_int_equal(place.index, 5);
    assert_int_equal(rig_find(&r, "[#4]", &place), PB_OK);
    assert_int_equal(place.index, 4);
    rig_close(&r);
}

/* x = []; x.append(x); t = (x,): reached only through references, a popped maker in between. */
static void test_paths_of_shared_and_recursive_values(void **state)
{
    static const char bytes[] = "\x80\x02]q\x00(K\x01h\x00\x85q\x01h\x01]q\x02h\x02"
                                "e.";
    struct rig r;
    struct pkl_child place;
    struct buf text;

    (void)state;
    rig_open(&r, bytes, sizeof bytes - 1);
    assert_int_equal(rig_find(&r, "[1][0][1][0][2]", &place), PB_OK);
    buf_init(&text, 1000);
    assert_int_equal(pkl_path_of_place(r.view, &place, PATH_FORM_PATH, &text, &r.e), PB_OK);
    assert_string_equal(text.data, "[2]");
    buf_clear(&text);
    assert_int_equal(pkl_path_of(r.view, place.value.target, PATH_FORM_PATH, &text, &r.e), PB_OK);
    assert_string_equal(text.data, "[1]");
    buf_release(&text);
    rig_close(&r);
}

/* A list of many, so that the way is found by halving; and one that has no place at all. */
static void test_paths_in_a_long_list(void **state)
{
    struct rig r;
    struct buf bytes, text;
    struct pkl_child place;

    (void)state;
    buf_init(&bytes, 1u << 20);
    buf_puts(&bytes, "\x80\x02](");
    for (int i = 0; i < 5000; i++) {
        buf_append(&bytes, "}X\x01\x00\x00\x00kM", 8);
        buf_putc(&bytes, (char)(i & 0xff));
        buf_putc(&bytes, (char)(i >> 8));
        buf_putc(&bytes, 's');
    }
    buf_puts(&bytes, "e.");
    rig_open(&r, bytes.data, bytes.len);
    assert_int_equal(rig_find(&r, "[4321].k", &place), PB_OK);
    buf_init(&text, 1000);
    assert_int_equal(pkl_path_of_place(r.view, &place, PATH_FORM_PATH, &text, &r.e), PB_OK);
    assert_string_equal(text.data, "[4321].k");
    buf_clear(&text);
    assert_int_equal(pkl_path_of(r.view, PKL_ID(0, PKL_TAG_VALUE, 1), PATH_FORM_PATH, &text, &r.e),
                     PB_ENOTFOUND);
    buf_release(&text);
    rig_close(&r);
    buf_release(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parsed),
        cmocka_unit_test(test_refused_with_the_place),
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_followed),
        cmocka_unit_test(test_not_there),
        cmocka_unit_test(test_the_last_of_equal_keys),
        cmocka_unit_test(test_paths_of_shared_and_recursive_values),
        cmocka_unit_test(test_paths_in_a_long_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
