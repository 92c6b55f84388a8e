/* Children that come and go: what the view then shows, what is refused, what the changes are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <pklbrowse/pkl_repr.h>

#include "pickle/pieces.h"
#include "support/edit_rig.h"

#define B(text) text, sizeof text - 1

/* {'a': 1, 'l': [1, 2, 3], 't': (1, 2), 's': {1, 2}, 1: 'one'} */
static const char sample[] = "\x80\x04}\x94(\x8c\x01"
                             "a\x94K\x01\x8c\x01l\x94]\x94(K\x01K\x02K\x03"
                             "e\x8c\x01t\x94K\x01K\x02\x86\x94\x8c\x01s\x94\x8f\x94(K\x01K\x02"
                             "\x90K\x01\x8c\x03"
                             "one\x94u.";

static char *shown(struct rig *r, struct buf *text)
{
    struct pkl_child root;
    struct sink to = sink_buf(text);

    buf_init(text, 100000);
    assert_int_equal(r->view->root(r->view, 0, &root, &r->e), PB_OK);
    assert_int_equal(
        pkl_repr(r->view, &root.value, &(struct pkl_repr_opts){.style = PKL_REPR_LINE}, &to, &r->e),
        PB_OK);
    return text->data;
}

static enum pb_err add(struct rig *r, const struct pkl_path *path, const struct literal *value)
{
    struct pkl_path into = *path;
    struct pkl_child place;
    struct pkl_spot spot;
    enum pb_err err;

    into.count--;
    err = pkl_path_follow(r->view, &into, &place, &r->e);
    if (err == PB_OK)
        err = pkl_edit_spot(r->edit, &r->mem, &place.value, &path->steps[into.count], &spot, &r->e);
    return err == PB_OK
               ? pkl_edit_insert(r->edit, &spot.into, spot.step, spot.index, spot.key, value, &r->e)
               : err;
}

/* "+PATH=LIT" add, "-PATH" delete, "~PATH=LIT" rename, "=PATH=LIT" set, ">PATH=N" move, "2PATH"
 * duplicate, "#PATH=N" convert to a kind */
static enum pb_err edit(struct rig *r, const char *text)
{
    struct edit_arg arg = {.value_len = 0};
    struct literal *value = NULL;
    struct pkl_child place;
    size_t at, n = strlen(text + 1);
    bool bare = *text == '-' || *text == '2';
    enum pb_err err = bare ? pkl_path_parse(&r->mem, text + 1, n, &arg.path, &at, &r->e)
                           : pkl_edit_parse(&r->mem, text + 1, n, &arg, &at, &r->e);

    if (err == PB_OK && !bare)
        err = literal_parse(&r->mem, arg.value, arg.value_len, &value, &at, &r->e);
    if (err == PB_OK && *text == '+')
        return add(r, &arg.path, value);
    if (err == PB_OK)
        err = pkl_path_follow(r->view, &arg.path, &place, &r->e);
    if (err != PB_OK)
        return err;
    switch (*text) {
    case '-':
        return pkl_edit_delete(r->edit, &place, &r->e);
    case '2':
        return pkl_edit_duplicate(r->edit, &place, &r->e);
    case '~':
        return pkl_edit_rename(r->edit, &place, value, &r->e);
    case '>':
        return pkl_edit_move(r->edit, &place, strtoull(arg.value, NULL, 10), &r->e);
    case '#':
        return pkl_edit_convert(r->edit, &place, (enum pkl_kind)strtoul(arg.value, NULL, 10),
                                &r->e);
    default:
        return pkl_edit_set(r->edit, &place, value, &r->e);
    }
}

static void test_edits(void **state)
{
    static const struct {
        const char *edits[6], *now;
        size_t changes;
    } cases[] = {
        {{"+.l[]=4"}, "{'a': 1, 'l': [1, 2, 3, 4], 't': (1, 2), 's': {1, 2}, 1: 'one'}", 1},
        {{"+.l[0]=0"}, "{'a': 1, 'l': [0, 1, 2, 3], 't': (1, 2), 's': {1, 2}, 1: 'one'}", 1},
        {{"+.l[-1]=0"}, "{'a': 1, 'l': [1, 2, 0, 3], 't': (1, 2), 's': {1, 2}, 1: 'one'}", 1},
        {{"+.l[3]=0", "=.l[3]=9"},
         "{'a': 1, 'l': [1, 2, 3, 9], 't': (1, 2), 's': {1, 2}, 1: 'one'}",
         1},
        {{"+.t[1]=[]", "+.t[1][]=5"},
         "{'a': 1, 'l': [1, 2, 3], 't': (1, [5], 2), 's': {1, 2}, 1: 'one'}",
         2},
        {{"+.s[]=3"}, "{'a': 1, 'l': [1, 2, 3], 't': (1, 2), 's': {1, 2, 3}, 1: 'one'}", 1},
        {{"+.b={'x': None}", "+.b.y=2", "-.b.x"},
         "{'a': 1, 'l': [1, 2, 3], 't': (1, 2), 's': {1, 2}, 1: 'one', 'b': {'y': 2}}",
         3},
        {{"-.a"}, "{'l': [1, 2, 3], 't': (1, 2), 's': {1, 2}, 1: 'one'}", 1},
        {{"-.l[1]", "-.l[0]"}, "{'a': 1, 'l': [3], 't': (1, 2), 's': {1, 2}, 1: 'one'}", 2},
        {{"-.l[0]", "-.l[0]", "-.l[0]"},
         "{'a': 1, 'l': [], 't': (1, 2), 's': {1, 2}, 1: 'one'}",
         3},
        {{"-.t[0]", "-.t[0]", "+.t[]=7"},
         "{'a': 1, 'l': [1, 2, 3], 't': (7,), 's': {1, 2}, 1: 'one'}",
         3},
        {{"-.s[#0]"}, "{'a': 1, 'l': [1, 2, 3], 't': (1, 2), 's': {2}, 1: 'one'}", 1},
        {{"=.l[0]=5", "-.l"}, "{'a': 1, 't': (1, 2), 's': {1, 2}, 1: 'one'}", 1},
        {{"~.a='b'"}, "{'b': 1, 'l': [1, 2, 3], 't': (1, 2), 's': {1, 2}, 1: 'one'}", 1},
        {{"~.a='b'", "=.b=2"}, "{'b': 2, 'l': [1, 2, 3], 't': (1, 2), 's': {1, 2}, 1: 'one'}", 1},
        {{"~.a='b'", "~.b='a'"}, "{'a': 1, 'l': [1, 2, 3], 't': (1, 2), 's': {1, 2}, 1: 'one'}", 0},
        {{"~[1]=True"}, "{'a': 1, 'l': [1, 2, 3], 't': (1, 2), 's': {1, 2}, True: 'one'}", 1},
        {{"~.a=(1, None)"},
         "{(1, None): 1, 'l': [1, 2, 3], 't': (1, 2), 's': {1, 2}, 1: 'one'}",
         1},
        {{">.l[0]=2"}, "{'a': 1, 'l': [2, 3, 1], 't': (1, 2), 's': {1, 2}, 1: 'one'}", 1},
        {{">.l[2]=0"}, "{'a': 1, 'l': [3, 1, 2], 't': (1, 2), 's': {1, 2}, 1: 'one'}", 1},
        {{">.l[0]=2", ">.l[2]=0"},
         "{'a': 1, 'l': [1, 2, 3], 't': (1, 2), 's': {1, 2}, 1: 'one'}",
         0},
        {{">.a=1"}, "{'l': [1, 2, 3], 'a': 1, 't': (1, 2), 's': {1, 2}, 1: 'one'}", 1},
        {{">.l[0]=1", "=.l[1]=7"},
         "{'a': 1, 'l': [2, 7, 3], 't': (1, 2), 's': {1, 2}, 1: 'one'}",
         1},
        {{"2.l[0]"}, "{'a': 1, 'l': [1, 1, 2, 3], 't': (1, 2), 's': {1, 2}, 1: 'one'}", 1},
        {{"+.l[]=[8]", "2.l[3]", "=.l[4][0]=9"},
         "{'a': 1, 'l': [1, 2, 3, [8], [9]], 't': (1, 2), 's': {1, 2}, 1: 'one'}",
         3},
        {{"#.a=4"}, "{'a': '1', 'l': [1, 2, 3], 't': (1, 2), 's': {1, 2}, 1: 'one'}", 1},
        {{"#.a=3"}, "{'a': 1.0, 'l': [1, 2, 3], 't': (1, 2), 's': {1, 2}, 1: 'one'}", 1},
        {{"#.l=9"}, "{'a': 1, 'l': (1, 2, 3), 't': (1, 2), 's': {1, 2}, 1: 'one'}", 1},
        {{"+.l[]=2.0", "#.l=11"},
         "{'a': 1, 'l': {1, 2, 3}, 't': (1, 2), 's': {1, 2}, 1: 'one'}",
         1},
        {{"#.s=8"}, "{'a': 1, 'l': [1, 2, 3], 't': (1, 2), 's': [1, 2], 1: 'one'}", 1},
        {{"#.t=12"}, "{'a': 1, 'l': [1, 2, 3], 't': frozenset({1, 2}), 's': {1, 2}, 1: 'one'}", 1},
    };
    struct buf text, first;
    struct rig r;

    (void)state;
    rig_open(&r, sample, sizeof sample - 1);
    shown(&r, &first);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = 0;

        for (; n < 6 && cases[i].edits[n] != NULL; n++) {
            if (edit(&r, cases[i].edits[n]) != PB_OK)
                fail_msg("row %zu, %s: %s", i, cases[i].edits[n], r.e.msg);
        }
        if (strcmp(shown(&r, &text), cases[i].now) != 0)
            fail_msg("row %zu: %s", i, text.data);
        buf_release(&text);
        if (pkl_edit_changes(r.edit) != cases[i].changes)
            fail_msg("row %zu: %zu changes", i, pkl_edit_changes(r.edit));
        assert_int_equal(pkl_edit_changed(r.edit), cases[i].changes > 0);
        for (size_t k = 0; k < n; k++)
            assert_true(pkl_edit_undo(r.edit));
        assert_false(pkl_edit_undo(r.edit));
        assert_string_equal(shown(&r, &text), first.data);
        buf_release(&text);
        assert_int_equal(pkl_edit_changes(r.edit), 0);
        for (size_t k = 0; k < n; k++)
            assert_true(pkl_edit_redo(r.edit));
        assert_string_equal(shown(&r, &text), cases[i].now);
        buf_release(&text);
        while (pkl_edit_undo(r.edit))
            continue;
    }
    buf_release(&first);
    rig_close(&r);
}

/* What is read-only itself may get another name. */
static void test_rename_of_what_stays(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *now;
        enum pb_err goes; /* ... or may be replaced */
    } cases[] = {
#define CASE(bytes, now, goes) {bytes, sizeof bytes - 1, now, goes}
        CASE("\x80\x05}(X\x01\0\0\0a\x97X\x01\0\0\0b\x97u.", "{'c': <buffer 0>, 'b': <buffer 1>}",
             PB_EREADONLY),
        CASE("\x80\x02}X\x01\0\0\0aK\x01Qs.", "{'c': <persistent 1>}", PB_OK),
        CASE("}Va\nPpid\ns.", "{'c': <persistent 'pid'>}", PB_OK),
        CASE("\x80\x02}X\x01\0\0\0a\x82\x01s.", "{'c': <extension 1>}", PB_EREADONLY),
#undef CASE
    };
    struct buf text;
    struct rig r;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rig_open(&r, cases[i].bytes, cases[i].n);
        assert_int_equal(edit(&r, "~.a='c'"), PB_OK);
        assert_string_equal(shown(&r, &text), cases[i].now);
        buf_release(&text);
        assert_int_equal(edit(&r, "=.c=5"), cases[i].goes);
        if (cases[i].goes == PB_OK)
            assert_true(pkl_edit_undo(r.edit));
        assert_int_equal(edit(&r, "-.c"), cases[i].goes);
        rig_close(&r);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *edit;
        enum pb_err err;
    } cases[] = {
        {"+.a=5", PB_EEXIST},       {"+[1.0]=5", PB_EEXIST},     {"+[True]=5", PB_EEXIST},
        {"+.s[]=2.0", PB_EEXIST},   {"+.s[]=[1]", PB_EUSAGE},    {"+[[1]]=5", PB_EUSAGE},
        {"+.l.x=1", PB_EUSAGE},     {"+.l[9]=1", PB_ENOTFOUND},  {"+.l[-4]=1", PB_ENOTFOUND},
        {"+.a[]=1", PB_EUSAGE},     {"+[]=1", PB_EUSAGE},        {"+.nobody.x=1", PB_ENOTFOUND},
        {"-.nobody", PB_ENOTFOUND}, {"-.l[7]", PB_ENOTFOUND},    {"~.a='l'", PB_EEXIST},
        {"~.a=1", PB_EEXIST},       {"~.a=[1]", PB_EUSAGE},      {"~.l[0]=5", PB_EREADONLY},
        {">.l[0]=3", PB_ENOTFOUND}, {">.s[#0]=1", PB_EREADONLY}, {"2.a", PB_EREADONLY},
        {"2.s[#0]", PB_EREADONLY},  {"#[1]=2", PB_EUSAGE},       {"#.l=2", PB_EUSAGE},
        {"#.a=8", PB_EUSAGE},
    };
    struct rig r;

    (void)state;
    rig_open(&r, sample, sizeof sample - 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum pb_err err = edit(&r, cases[i].edit);

        if (err != cases[i].err)
            fail_msg("row %zu, %s: %d %s", i, cases[i].edit, (int)err, r.e.msg);
        assert_false(pkl_edit_changed(r.edit));
        assert_false(pkl_edit_undo(r.edit));
    }
    rig_close(&r);
}

/* {1: 'a', True: 'b', 2: 'c'}: equal keys are set once, deleted and renamed together. */
static void test_equal_keys(void **state)
{
    static const char bytes[] = "\x80\x02}(K\x01U\x01"
                                "aK\x02U\x01"
                                "c\x88U\x01"
                                "bu.";
    struct buf text;
    struct rig r;

    (void)state;
    rig_open(&r, bytes, sizeof bytes - 1);
    assert_string_equal(shown(&r, &text), "{1: 'b', 2: 'c'}");
    buf_release(&text);
    assert_int_equal(edit(&r, "=[1]='x'"), PB_OK);
    assert_string_equal(shown(&r, &text), "{1: 'x', 2: 'c'}");
    buf_release(&text);
    assert_int_equal(pkl_edit_changes(r.edit), 1);
    assert_int_equal(edit(&r, "~[1]=5"), PB_OK);
    assert_string_equal(shown(&r, &text), "{5: 'x', 2: 'c'}");
    buf_release(&text);
    assert_int_equal(edit(&r, "~[5]=2"), PB_EEXIST);
    assert_int_equal(edit(&r, "-[5]"), PB_OK);
    assert_string_equal(shown(&r, &text), "{2: 'c'}");
    buf_release(&text);
    assert_true(pkl_edit_undo(r.edit)); /* all of them at once */
    assert_string_equal(shown(&r, &text), "{5: 'x', 2: 'c'}");
    buf_release(&text);
    rig_close(&r);
}

/* Objects: attributes in a dict, in two halves, in none; items and entries. */
static void test_objects(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *edits[4], *now;
    } cases[] = {
        {B("\x80\x02"
           "cm\nC\n)\x81}U\x01"
           "xK\x01sb."),
         {"+.y=2", "~.x='z'"},
         "<m.C state={'z': 1, 'y': 2}>"},
        {B("\x80\x02"
           "cm\nC\n)\x81}U\x01"
           "xK\x01sb."),
         {"-.x"},
         "<m.C state={}>"},
        {B("\x80\x02"
           "cm\nC\n)\x81."),
         {"+.y=2", "+.z=3", "-.y"},
         "<m.C state={'z': 3}>"},
        {B("\x80\x02"
           "cm\nC\n)\x81}U\x01xK\x01s}U\x01yK\x02s\x86"
           "b."),
         {"-.x", "-.y", "+.z=1"},
         "<m.C state=({'z': 1}, {})>"},
        {B("\x80\x02"
           "cm\nC\n)\x81N}U\x01yK\x02s\x86"
           "b."),
         {"+.z=1"},
         "<m.C state=(None, {'y': 2, 'z': 1})>"},
        {B("\x80\x02"
           "cm\nC\n)\x81(K\x01K\x02"
           "e."),
         {"+[1]=5", "+[]=6", "-[0]"},
         "<m.C items=[5, 2, 6]>"},
        {B("\x80\x02"
           "cm\nC\n)\x81."),
         {"+[]=6", "+['k']=7"},
         "<m.C items=[6] entries={'k': 7}>"},
        {B("\x80\x02"
           "cm\nC\nK\x01\x85R."),
         {"+@args[]=2", "=@args[0]=0"},
         "<m.C args=(0, 2)>"},
        {B("\x80\x02"
           "cm\nC\nK\x01\x85R."),
         {"=@args=(7, 8)", "=@class='n.o.D'"},
         "<n.o.D args=(7, 8)>"},
        {B("\x80\x02"
           "cm\nC\nK\x01\x85R."),
         {"-@args[0]"},
         "<m.C>"},
    };
    struct buf text;
    struct rig r;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rig_open(&r, cases[i].bytes, cases[i].n);
        for (size_t n = 0; n < 4 && cases[i].edits[n] != NULL; n++) {
            if (edit(&r, cases[i].edits[n]) != PB_OK)
                fail_msg("row %zu, %s: %s", i, cases[i].edits[n], r.e.msg);
        }
        if (strcmp(shown(&r, &text), cases[i].now) != 0)
            fail_msg("row %zu: %s", i, text.data);
        buf_release(&text);
        while (pkl_edit_undo(r.edit))
            continue;
        assert_false(pkl_edit_changed(r.edit));
        rig_close(&r);
    }
}

static void must_be(struct rig *r, size_t i, unsigned what, const char *path)
{
    struct pkl_change c;
    struct buf text;

    buf_init(&text, 1000);
    assert_int_equal(pkl_edit_change(r->edit, i, &c, &r->e), PB_OK);
    assert_int_equal(c.what, what);
    assert_int_equal(c.old.id != 0, what != PKL_CHANGE_ADDED);
    assert_int_equal(pkl_edit_change_path(r->edit, &c, PATH_FORM_PATH, &text, &r->e), PB_OK);
    assert_string_equal(text.data, path);
    buf_release(&text);
}

static void test_changes(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, sample, sizeof sample - 1);
    assert_int_equal(edit(&r, "-.l[0]"), PB_OK);
    assert_int_equal(edit(&r, "=.l[1]=9"), PB_OK); /* [2] as it was read */
    assert_int_equal(edit(&r, "+.l[0]=0"), PB_OK);
    assert_int_equal(edit(&r, "~.a='z'"), PB_OK);
    assert_int_equal(edit(&r, ">.z=4"), PB_OK);
    assert_int_equal(edit(&r, "+.new=1"), PB_OK);
    assert_int_equal(pkl_edit_changes(r.edit), 5);
    must_be(&r, 0, PKL_CHANGE_RENAMED | PKL_CHANGE_MOVED, ".a");
    must_be(&r, 1, PKL_CHANGE_ADDED, ".new"); /* behind what is in front of it */
    must_be(&r, 2, PKL_CHANGE_ADDED, ".l[0]");
    must_be(&r, 3, PKL_CHANGE_DELETED, ".l[0]");
    must_be(&r, 4, PKL_CHANGE_SET, ".l[2]");
    pkl_edit_mark_saved(r.edit);
    assert_int_equal(pkl_edit_unsaved(r.edit), 0);
    assert_true(pkl_edit_undo(r.edit));
    assert_int_equal(pkl_edit_unsaved(r.edit), 1);
    assert_int_equal(pkl_edit_changes(r.edit), 4);
    while (pkl_edit_undo(r.edit))
        continue;
    assert_int_equal(pkl_edit_changes(r.edit), 0);
    assert_int_equal(pkl_edit_unsaved(r.edit), 5);
    rig_close(&r);
}

static void test_revert(void **state)
{
    struct pkl_child place;
    struct buf text;
    struct rig r;

    (void)state;
    rig_open(&r, sample, sizeof sample - 1);
    assert_int_equal(edit(&r, "-.l[0]"), PB_OK);
    assert_int_equal(edit(&r, "+.l[]=5"), PB_OK);
    assert_int_equal(edit(&r, "=.t[0]=5"), PB_OK);
    assert_int_equal(rig_find(&r, ".l[2]", &place), PB_OK); /* a new one goes away */
    assert_int_equal(pkl_edit_revert(r.edit, &place, &r.e), PB_OK);
    assert_string_equal(shown(&r, &text),
                        "{'a': 1, 'l': [2, 3], 't': (5, 2), 's': {1, 2}, 1: 'one'}");
    buf_release(&text);
    assert_int_equal(rig_find(&r, ".l", &place), PB_OK); /* all that is inside */
    assert_int_equal(pkl_edit_revert(r.edit, &place, &r.e), PB_OK);
    assert_string_equal(shown(&r, &text),
                        "{'a': 1, 'l': [1, 2, 3], 't': (5, 2), 's': {1, 2}, 1: 'one'}");
    buf_release(&text);
    assert_true(pkl_edit_undo(r.edit));
    assert_string_equal(shown(&r, &text),
                        "{'a': 1, 'l': [2, 3], 't': (5, 2), 's': {1, 2}, 1: 'one'}");
    buf_release(&text);
    rig_close(&r);
}

/* Copies of this pickle and of one of another protocol: sharing and recursion inside them stay. */
static void test_copies(void **state)
{
    /* [[<itself>], (<shared [1]>, <it>), {1}] of protocol 2 */
    static const char other[] = "\x80\x02]q\x00(]q\x01h\x01"
                                "a]q\x02K\x01"
                                "ah\x02\x86q\x03"
                                "c__builtin__\nset\nq\x04]q\x05K\x01"
                                "a\x85q\x06Rq\x07"
                                "e.";
    static const char *const from[] = {"[0]", "[1]", "[2]", ""};
    static const char *const now[] = {"[[...]]", "([1], [1])", "{1}", "[[[...]], ([1], [1]), {1}]"};
    struct rig a, b;

    (void)state;
    rig_open(&a, sample, sizeof sample - 1);
    rig_open(&b, other, sizeof other - 1);
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        struct pkl_child to, source, x, y;
        struct sink sink;
        struct buf text;
        size_t got;

        assert_int_equal(rig_find(&a, ".a", &to), PB_OK);
        assert_int_equal(rig_find(&b, from[i], &source), PB_OK);
        assert_int_equal(pkl_edit_set_copy(a.edit, &to, b.view, &source.value, &a.e), PB_OK);
        assert_int_equal(rig_find(&a, ".a", &to), PB_OK);
        buf_init(&text, 10000);
        sink = sink_buf(&text);
        assert_int_equal(pkl_repr(a.view, &to.value,
                                  &(struct pkl_repr_opts){.style = PKL_REPR_LINE}, &sink, &a.e),
                         PB_OK);
        assert_string_equal(text.data, now[i]);
        buf_release(&text);
        if (i == 1) { /* one list, twice */
            assert_int_equal(a.view->children(a.view, to.value.id, 0, 1, &x, &got, &a.e), PB_OK);
            assert_int_equal(a.view->children(a.view, to.value.id, 1, 1, &y, &got, &a.e), PB_OK);
            assert_true(x.value.target == y.value.target);
            assert_true(y.value.ref);
        }
    }
    rig_close(&a);
    rig_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edits),   cmocka_unit_test(test_rename_of_what_stays),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_equal_keys),
        cmocka_unit_test(test_objects), cmocka_unit_test(test_changes),
        cmocka_unit_test(test_revert),  cmocka_unit_test(test_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
