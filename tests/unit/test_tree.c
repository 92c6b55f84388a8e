/* The rows of a tree over real, hand-made pickles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/tree.h>

struct fixture {
    struct source *source;
    struct pkl_doc *doc;
    struct pkl_edit *edit;
    struct tree *tree;
    struct arena mem;
};

static void open_bytes(struct fixture *f, const void *bytes, size_t n)
{
    struct error e = {0};
    arena_init(&f->mem);
    f->source = source_mem(bytes, n, false);
    assert_non_null(f->source);
    assert_int_equal(pkl_doc_new(f->source, 0, NULL, &f->doc, &e), PB_OK);
    assert_int_equal(pkl_doc_index(f->doc, &e), PB_OK);
    assert_int_equal(pkl_doc_error(f->doc, &e), PB_OK);
    assert_int_equal(pkl_edit_new(f->doc, &f->edit, &e), PB_OK);
    assert_int_equal(tree_new(pkl_edit_view(f->edit), f->edit, &f->tree, &e), PB_OK);
}
#define OPEN(f, literal) open_bytes(f, literal, sizeof(literal) - 1)

static void close_fixture(struct fixture *f)
{
    tree_free(f->tree);
    pkl_edit_free(f->edit);
    pkl_doc_free(f->doc);
    source_free(f->source);
    arena_release(&f->mem);
}

/* All rows as text: "depth sign label|type|preview|was". */
static char *dump(struct tree *t)
{
    struct buf out;
    struct tree_row r;
    struct error e = {0};
    buf_init(&out, BUF_MAX_TEXT);
    tree_row_init(&r);
    for (uint64_t i = 0; i < tree_rows(t); i++) {
        assert_int_equal(tree_row(t, i, 60, &r, &e), PB_OK);
        buf_printf(&out, "%u%s%s%s %s|%s|%s|%s\n", r.depth,
                   r.expanded     ? "v"
                   : r.expandable ? ">"
                                  : "-",
                   r.changed ? "*" : "", r.below_changed ? "+" : "", r.label.data, r.type.data,
                   r.preview.data, r.was.data);
    }
    tree_row_release(&r);
    return buf_take(&out, NULL);
}

static void expect_rows(struct tree *t, const char *want)
{
    char *got = dump(t);
    assert_string_equal(got, want);
    free(got);
}

static void expand(struct tree *t, uint64_t row)
{
    struct error e = {0};
    assert_int_equal(tree_expand(t, row, &e), PB_OK);
}

static void expect_path(struct tree *t, uint64_t row, enum path_form form, const char *want)
{
    struct buf out;
    struct error e = {0};
    buf_init(&out, BUF_MAX_LINE);
    assert_int_equal(tree_path(t, row, form, &out, &e), PB_OK);
    assert_string_equal(out.data, want);
    buf_release(&out);
}

/* {'a': [1, 2, 3], 'b': {'c': None}} */
#define NESTED                                                                                     \
    "\x80\x04}\x94(\x8c\x01"                                                                       \
    "a\x94]\x94(K\x01K\x02K\x03"                                                                   \
    "e\x8c\x01"                                                                                    \
    "b\x94}\x94\x8c\x01"                                                                           \
    "c\x94Nsu."

static void test_expand_and_collapse(void **state)
{
    (void)state;
    struct fixture f;
    struct error e = {0};
    uint64_t row;
    bool complete;
    OPEN(&f, NESTED);
    assert_int_equal(tree_rows(f.tree), 1);
    expand(f.tree, 0);
    expand(f.tree, 1);
    expect_rows(f.tree, "0v |dict (2)|{'a': […], 'b': {…}}|\n"
                        "1v 'a'|list (3)|[1, 2, 3]|\n"
                        "2- 0|int|1|\n"
                        "2- 1|int|2|\n"
                        "2- 2|int|3|\n"
                        "1> 'b'|dict (1)|{'c': None}|\n");
    expand(f.tree, 2); /* a leaf */
    assert_int_equal(tree_rows(f.tree), 6);
    expect_path(f.tree, 4, PATH_FORM_PATH, ".a[2]");
    expect_path(f.tree, 4, PATH_FORM_PYTHON, "['a'][2]");
    expect_path(f.tree, 0, PATH_FORM_PATH, "");

    assert_true(tree_parent(f.tree, 3, &row));
    assert_int_equal(row, 1);
    assert_false(tree_parent(f.tree, 0, &row));
    assert_true(tree_sibling(f.tree, 1, 1, &row));
    assert_int_equal(row, 5);
    assert_true(tree_sibling(f.tree, 5, -1, &row));
    assert_int_equal(row, 1);
    assert_false(tree_sibling(f.tree, 5, 1, &row));

    tree_collapse(f.tree, 0);
    assert_int_equal(tree_rows(f.tree), 1);
    assert_int_equal(tree_expand_below(f.tree, 0, 100, &complete, &e), PB_OK);
    assert_true(complete);
    assert_int_equal(tree_rows(f.tree), 7);
    tree_collapse_below(f.tree, 0);
    assert_int_equal(tree_rows(f.tree), 3);
    assert_int_equal(tree_expand_below(f.tree, 0, 2, &complete, &e), PB_OK);
    assert_false(complete);
    assert_int_equal(tree_expand_level(f.tree, 1, 100, &e), PB_OK);
    assert_int_equal(tree_rows(f.tree), 3);
    assert_int_equal(tree_expand_level(f.tree, 9, 100, &e), PB_OK);
    assert_int_equal(tree_rows(f.tree), 7);
    close_fixture(&f);
}

static void test_shared_and_recursive(void **state)
{
    (void)state;
    struct fixture f;
    OPEN(&f, "\x80\x02]q\x00(]q\x01K\x01"
             "ah\x01"
             "e.");
    expand(f.tree, 0);
    expand(f.tree, 2); /* the reference opens like its target */
    expect_rows(f.tree, "0v |list (2)|[[…], […]]|\n"
                        "1> 0|list (1)|[1]|\n"
                        "1v 1|list (1)|shared → [0]|\n"
                        "2- 0|int|1|\n");
    close_fixture(&f);

    OPEN(&f, "\x80\x02]q\x00h\x00"
             "a.");
    for (uint64_t i = 0; i < 5; i++)
        expand(f.tree, i);
    assert_int_equal(tree_rows(f.tree), 6);
    expect_path(f.tree, 5, PATH_FORM_PATH, "[0][0][0][0][0]");
    struct tree_row r;
    struct error e = {0};
    tree_row_init(&r);
    assert_int_equal(tree_row(f.tree, 5, 60, &r, &e), PB_OK);
    assert_true(r.shared && r.expandable && !r.expanded);
    assert_string_equal(r.preview.data, "contains itself → the whole value");
    tree_row_release(&r);
    bool complete;
    tree_collapse(f.tree, 0);
    assert_int_equal(tree_expand_below(f.tree, 0, 1000, &complete, &e), PB_OK);
    assert_true(complete);
    assert_int_equal(tree_rows(f.tree), 2); /* references are not followed */
    close_fixture(&f);
}

static void test_stream(void **state)
{
    (void)state;
    struct fixture f;
    OPEN(&f, "K\x01.]q\x00K\x02"
             "a.");
    assert_int_equal(tree_rows(f.tree), 2);
    expand(f.tree, 1);
    expect_rows(f.tree, "0- @0|int|1|\n0v @1|list (1)|[2]|\n1- 0|int|2|\n");
    expect_path(f.tree, 2, PATH_FORM_PATH, "@1[0]");
    close_fixture(&f);
}

static void set_value(struct fixture *f, uint64_t row, const char *text)
{
    struct literal *l;
    struct pkl_child place;
    struct error e = {0};
    size_t at;
    assert_int_equal(literal_parse(&f->mem, text, strlen(text), &l, &at, &e), PB_OK);
    assert_int_equal(tree_child(f->tree, row, &place, &e), PB_OK);
    if (pkl_edit_set(f->edit, &place, l, &e) != PB_OK)
        fail_msg("%s", e.msg);
    assert_int_equal(tree_refresh(f->tree, &e), PB_OK);
}

static void test_changes_are_marked(void **state)
{
    (void)state;
    struct fixture f;
    struct error e = {0};
    OPEN(&f, NESTED);
    expand(f.tree, 0);
    expand(f.tree, 1);
    set_value(&f, 3, "'two'");
    expect_rows(f.tree, "0v+ |dict (2)|{'a': […], 'b': {…}}|\n"
                        "1v+ 'a'|list (3)|[1, 'two', 3]|\n"
                        "2- 0|int|1|\n"
                        "2-* 1|str|'two'|2\n"
                        "2- 2|int|3|\n"
                        "1> 'b'|dict (1)|{'c': None}|\n");
    assert_true(pkl_edit_undo(f.edit));
    assert_int_equal(tree_refresh(f.tree, &e), PB_OK);
    assert_int_equal(tree_rows(f.tree), 6);
    close_fixture(&f);
}

static void refresh(struct fixture *f)
{
    struct error e = {0};
    assert_int_equal(tree_refresh(f->tree, &e), PB_OK);
}

static void delete_row(struct fixture *f, uint64_t row)
{
    struct pkl_child place;
    struct error e = {0};
    assert_int_equal(tree_child(f->tree, row, &place, &e), PB_OK);
    if (pkl_edit_delete(f->edit, &place, &e) != PB_OK)
        fail_msg("%s", e.msg);
    refresh(f);
}

static void undo(struct fixture *f)
{
    assert_true(pkl_edit_undo(f->edit));
    refresh(f);
}

#define EXPANDED                                                                                   \
    "0v |list (4)|[[…], 5, […], […]]|\n1> 0|list (1)|[0]|\n1- 1|int|5|\n"                    \
    "1v 2|list (1)|[[…]]|\n2v 0|list (1)|[7]|\n3- 0|int|7|\n1v 3|list (1)|[6]|\n2- 0|int|6|\n"

/* [[0], 5, [[7]], [6]] with all but the first expanded. */
static void open_expanded(struct fixture *f)
{
    OPEN(f, "\x80\x04]\x94(]\x94K\x00"
            "aK\x05]\x94]\x94K\x07"
            "aa]\x94K\x06"
            "ae.");
    expand(f->tree, 0);
    expand(f->tree, 4);
    expand(f->tree, 3);
    expand(f->tree, 4);
    expect_rows(f->tree, EXPANDED);
}

static void test_expanded_stays(void **state)
{
    (void)state;
    struct fixture f;
    struct pkl_child place;
    struct error e = {0};
    open_expanded(&f);
    delete_row(&f, 1); /* in front of them */
    expect_rows(f.tree, "0v+ |list (3)|[5, […], […]]|\n1- 0|int|5|\n1v 1|list (1)|[[…]]|\n"
                        "2v 0|list (1)|[7]|\n3- 0|int|7|\n1v 2|list (1)|[6]|\n2- 0|int|6|\n");
    undo(&f);
    expect_rows(f.tree, EXPANDED);
    delete_row(&f, 3); /* itself, with what is in it */
    assert_int_equal(tree_rows(f.tree), 5);
    delete_row(&f, 1);
    undo(&f);
    undo(&f);
    expect_rows(f.tree, EXPANDED);
    delete_row(&f, 4); /* it is empty, so there is nothing to expand */
    assert_int_equal(tree_rows(f.tree), 6);
    undo(&f);
    expect_rows(f.tree, EXPANDED);
    set_value(&f, 3, "'x'");
    assert_int_equal(tree_rows(f.tree), 6);
    undo(&f);
    expect_rows(f.tree, EXPANDED);
    assert_int_equal(tree_child(f.tree, 6, &place, &e), PB_OK);
    assert_int_equal(pkl_edit_move(f.edit, &place, 0, &e), PB_OK);
    refresh(&f);
    assert_int_equal(tree_rows(f.tree), 8);
    undo(&f);
    expect_rows(f.tree, EXPANDED);
    delete_row(&f, 3);
    tree_collapse(f.tree, 0); /* what the user closes is closed */
    undo(&f);
    expand(f.tree, 0);
    assert_int_equal(tree_rows(f.tree), 5);
    close_fixture(&f);
}

/* What gets a copy of its own in one place is as expanded as what it is a copy of. */
static void test_expanded_copy(void **state)
{
    (void)state;
    struct fixture f;
    struct pkl_child way[3];
    struct error e = {0};
    OPEN(&f, "\x80\x04]\x94(]\x94]\x94K\x07"
             "aah\x01"
             "e.");
    expand(f.tree, 0);
    expand(f.tree, 2);
    expand(f.tree, 3);
    expand(f.tree, 1);
    expand(f.tree, 2);
    assert_int_equal(tree_rows(f.tree), 7);
    for (uint64_t i = 0; i < 2; i++)
        assert_int_equal(tree_child(f.tree, i == 0 ? 0 : 4, &way[i], &e), PB_OK);
    assert_int_equal(tree_child(f.tree, 5, &way[2], &e), PB_OK);
    assert_int_equal(pkl_edit_own(f.edit, way, 3, &e), PB_OK);
    refresh(&f);
    assert_int_equal(tree_rows(f.tree), 7);
    undo(&f);
    assert_int_equal(tree_rows(f.tree), 7);
    close_fixture(&f);
}

static void test_reveal(void **state)
{
    (void)state;
    struct fixture f;
    struct error e = {0};
    struct pkl_path path;
    size_t at;
    uint64_t row = 0;
    OPEN(&f, NESTED);
    assert_int_equal(pkl_path_parse(&f.mem, ".b.c", 4, &path, &at, &e), PB_OK);
    assert_int_equal(tree_reveal(f.tree, &path, &row, &e), PB_OK);
    assert_int_equal(row, 3);
    assert_int_equal(tree_rows(f.tree), 4);
    assert_int_equal(pkl_path_parse(&f.mem, ".b.x", 4, &path, &at, &e), PB_OK);
    assert_int_equal(tree_reveal(f.tree, &path, &row, &e), PB_ENOTFOUND);
    close_fixture(&f);
}

/* A list of 300,000 lists: any row at once, and expanded ones in the middle shift what follows. */
static void test_large(void **state)
{
    (void)state;
    struct fixture f;
    struct error e = {0};
    struct buf b;
    enum { ITEMS = 300000 };
    buf_init(&b, 16u << 20);
    buf_append(&b, "\x80\x04]\x94(", 5);
    for (int i = 0; i < ITEMS; i++)
        buf_append(&b,
                   "](K\x01K\x02"
                   "e",
                   7);
    buf_append(&b, "e.", 2);
    open_bytes(&f, b.data, b.len);
    expand(f.tree, 0);
    assert_int_equal(tree_rows(f.tree), ITEMS + 1);
    expand(f.tree, 1 + 299999);
    expand(f.tree, 1 + 150000);
    expand(f.tree, 1 + 7);
    assert_int_equal(tree_rows(f.tree), ITEMS + 1 + 6);
    expect_path(f.tree, 1 + 150000 + 2 + 2, PATH_FORM_PATH, "[150000][1]");
    expect_path(f.tree, tree_rows(f.tree) - 1, PATH_FORM_PATH, "[299999][1]");
    expect_path(f.tree, tree_rows(f.tree) - 4, PATH_FORM_PATH, "[299998]");
    struct pkl_child c;
    assert_int_equal(tree_child(f.tree, tree_rows(f.tree), &c, &e), PB_ENOTFOUND);
    tree_collapse(f.tree, 1 + 7);
    assert_int_equal(tree_rows(f.tree), ITEMS + 1 + 4);
    close_fixture(&f);
    buf_release(&b);
}

/* Objects of the standard library: type and text of what Python loads; raw when that is chosen. */
static void test_lenses(void **state)
{
    struct fixture f;
    struct error e = {0};
    bool raw = false;

    (void)state;
    OPEN(&f, "\x80\x03](cdatetime\ndate\nC\x04\x07\xe8\x01\x02\x85R"
             "ccollections\nCounter\n}(K\x01K\x02K\x03K\x05u\x85R"
             "cmylib\nC\n)Re.");
    expand(f.tree, 0);
    expect_rows(f.tree, "0v |list (3)|[datetime.date(2024, 1, 2), Counter(…), mylib.C()]|\n"
                        "1> 0|date|datetime.date(2024, 1, 2)|\n"
                        "1> 1|Counter|Counter({3: 5, 1: 2})|\n"
                        "1- 2|object|mylib.C|\n");
    expand(f.tree, 2);
    expect_rows(f.tree, "0v |list (3)|[datetime.date(2024, 1, 2), Counter(…), mylib.C()]|\n"
                        "1> 0|date|datetime.date(2024, 1, 2)|\n"
                        "1v 1|Counter|Counter({3: 5, 1: 2})|\n"
                        "2- 1|int|2|\n"
                        "2- 3|int|5|\n"
                        "1- 2|object|mylib.C|\n");
    assert_int_equal(tree_toggle_lens(f.tree, 2, &raw, &e), PB_OK);
    assert_true(raw);
    expect_rows(f.tree, "0v |list (3)|[datetime.date(2024, 1, 2), collections.Counter(…), "
                        "mylib.…|\n"
                        "1> 0|date|datetime.date(2024, 1, 2)|\n"
                        "1> 1|object|collections.Counter, 1 part|\n"
                        "1- 2|object|mylib.C|\n");
    assert_int_equal(tree_toggle_lens(f.tree, 2, &raw, &e), PB_OK);
    assert_false(raw);
    assert_int_equal(tree_toggle_lens(f.tree, 3, &raw, &e), PB_ENOTFOUND);
    close_fixture(&f);
}

/* A str of Python 2 is read in turn as what it may be. */
static void test_py2_str(void **state)
{
    struct fixture f;

    (void)state;
    OPEN(&f, "(U\x02\xc3\xa9U\x01"
             "at.");
    expect_rows(f.tree, "0> |tuple (2)|(b'\\xc3\\xa9', 'a')|\n");
    assert_string_equal(tree_next_py2_str(f.tree), "Latin-1");
    expect_rows(f.tree, "0> |tuple (2)|('Ã©', 'a')|\n");
    assert_string_equal(tree_next_py2_str(f.tree), "UTF-8, else as bytes");
    expect_rows(f.tree, "0> |tuple (2)|('é', 'a')|\n");
    assert_string_equal(tree_next_py2_str(f.tree), "bytes");
    expect_rows(f.tree, "0> |tuple (2)|(b'\\xc3\\xa9', b'a')|\n");
    assert_string_equal(tree_next_py2_str(f.tree), "ASCII, else as bytes");
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_py2_str),
        cmocka_unit_test(test_expand_and_collapse),
        cmocka_unit_test(test_shared_and_recursive),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_changes_are_marked),
        cmocka_unit_test(test_expanded_stays),
        cmocka_unit_test(test_expanded_copy),
        cmocka_unit_test(test_reveal),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_lenses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
