/* Documents as a whole: sources that grow, what is known, memo walks, limits, large ones, want of
 * memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/pkl_repr.h>

#include "pickle/index.h"

static const struct grain usual = {4096, 64, 4096, 4096, 16384, 65536};
static const struct grain grains[] = {
    {4096, 64, 4096, 4096, 16384, 65536},
    {1, 0, 1, 1, 1, 12},
    {3, 1, 2, 2, 2, 12},
    {8, 1, 4, 4, 16, 16},
};

static struct pkl_doc *index_at_once(struct source *src, const struct grain *g)
{
    struct pkl_doc *d;

    assert_non_null(src);
    assert_int_equal(pkl_doc_new(src, 0, NULL, &d, NULL), PB_OK);
    pkl_doc_set_grain(d, g);
    assert_int_equal(pkl_doc_index(d, NULL), PB_OK);
    return d;
}

/* As bytes arrive, `piece` at a time (0: of changing sizes), stepping as far as they go. */
static struct pkl_doc *index_in_pieces(struct source **src, const char *bytes, size_t n,
                                       size_t piece, const struct grain *g)
{
    struct pkl_doc *d;
    struct error e;
    unsigned random = 12345;
    bool done = false;

    assert_int_equal(source_spool(SOURCE_SIZE_UNKNOWN, src, NULL), PB_OK);
    assert_int_equal(pkl_doc_new(*src, 0, NULL, &d, NULL), PB_OK);
    pkl_doc_set_grain(d, g);
    for (size_t at = 0; at < n;) {
        size_t step = piece;

        random = random * 1103515245u + 12345u;
        if (step == 0)
            step = 1 + (random >> 16) % 9;
        step = step < n - at ? step : n - at;
        assert_int_equal(source_spool_append(*src, bytes + at, step, NULL), PB_OK);
        at += step;
        for (int i = 0; i < 3 && !done; i++) {
            enum pb_err err = pkl_doc_step(d, 1 + random % 5, &done, &e);

            assert_true(err == PB_OK || err == PB_EAGAIN);
        }
    }
    source_spool_done(*src);
    while (!done)
        assert_int_equal(pkl_doc_step(d, 3, &done, &e), PB_OK);
    return d;
}

static void expect_repr(struct pkl_doc *d, uint64_t root, const char *want)
{
    struct pkl_view *v = pkl_doc_view(d);
    struct pkl_child c;
    struct buf text;
    struct sink to = sink_buf(&text);

    buf_init(&text, BUF_MAX_TEXT);
    assert_int_equal(v->root(v, root, &c, NULL), PB_OK);
    assert_int_equal(pkl_repr(v, &c.value, NULL, &to, NULL), PB_OK);
    assert_string_equal(text.data, want);
    buf_release(&text);
}

/* New values of an edit: pickles appended to a source that was indexed to its end. */
static void test_growing(void **state)
{
    struct source *src = source_mem_growing(1 << 20);
    struct pkl_doc *d;
    bool done;

    (void)state;
    assert_non_null(src);
    assert_int_equal(pkl_doc_new(src, 1, NULL, &d, NULL), PB_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(source_mem_append(src, "]q\0K\1a.", 7, NULL), PB_OK);
        done = false;
        while (!done)
            assert_int_equal(pkl_doc_step(d, 100, &done, NULL), PB_OK);
        assert_int_equal(pkl_doc_view(d)->roots(pkl_doc_view(d)), i + 1);
        expect_repr(d, (uint64_t)i, "[1]");
    }
    pkl_doc_free(d);
    source_free(src);
}

static void test_info(void **state)
{
    static const char bytes[] = "\x80\x04\x95\x05\0\0\0\0\0\0\0]\x94K\x01"
                                "a.\x80\x02U\x01xq\0h\0\x86.\0\0";
    struct source *src = source_mem(bytes, sizeof bytes - 1, false);
    struct pkl_doc *d = index_at_once(src, &usual);
    const struct pkl_frame *frames;
    struct pkl_info info;

    (void)state;
    pkl_doc_info(d, &info);
    assert_int_equal(info.protocol, 4);
    assert_int_equal(info.max_opcode_protocol, 4);
    assert_int_equal(info.pickles, 2);
    assert_int_equal(info.trailing, 2);
    assert_int_equal(info.end, sizeof bytes - 3);
    assert_int_equal(info.memo_puts, 2);
    assert_int_equal(info.memo_gets, 1);
    assert_int_equal(info.opcodes, 13);
    assert_int_equal(pkl_doc_frames(d, &frames), 1);
    assert_int_equal(frames[0].offset, 2);
    assert_int_equal(frames[0].length, 5);
    assert_true(pkl_doc_is_pickle(d));
    pkl_doc_free(d);
    source_free(src);
}

/* A call that sets the state of an object is noted, other calls are not. */
static void test_setter(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        uint64_t notes, at;
    } cases[] = {
#define CASE(bytes, notes, at) {bytes, sizeof bytes - 1, notes, at}
        CASE("\x80\x02"
             "cm\nC\n)Rq\0cm\nset\nh\0}X\x01\0\0\0aK\x01s\x86R0.",
             1, 32),
        CASE("cm\nC\n(tRp0\ncm\nset\ng0\nI1\n\x86R0.", 1, 26),
        CASE("\x80\x02"
             "cm\nC\nK\x01\x85R0K\x01.",
             0, 0),
        CASE("\x80\x02K\x01K\x02\x86"
             "0K\x01.",
             0, 0),
        CASE("K\x01"
             "0K\x02.",
             0, 0),
#undef CASE
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct source *src;
        struct pkl_doc *d = index_in_pieces(&src, cases[i].bytes, cases[i].n, 1, &usual);
        const struct pkl_note *note;
        uint64_t total;
        size_t n = pkl_doc_notes(d, &note, &total);

        assert_int_equal(pkl_doc_error(d, NULL), PB_OK);
        assert_int_equal(n, cases[i].notes);
        assert_int_equal(total, cases[i].notes);
        assert_true(n == 0 || note[0].hidden);
        assert_int_equal(n == 0 ? 0 : note[0].offset, cases[i].at);
        pkl_doc_free(d);
        source_free(src);
    }
}

static void test_is_pickle(void **state)
{
    static const struct {
        const char *bytes;
        bool is;
    } cases[] = {
        {"N.", true},
        {"", false},
        {"Hello, world", false},
        {"{\"a\": 1}", false},
        {"\x80\x04K\x01", true},
        {"(this is no pickle at all", false},
        {"\x89PNG\r\n\x1a\n", false},
        {"\x1f\x8b\x08", false},
        {"<html>", false},
        {"PK\x03\x04", false},
        {"(dp0\nVa\np1\nI1\nsVb\np2\nI2\nsVc", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct source *src = source_mem(cases[i].bytes, strlen(cases[i].bytes), false);
        struct pkl_doc *d = index_at_once(src, &usual);

        if (pkl_doc_is_pickle(d) != cases[i].is)
            fail_msg("%s", cases[i].bytes);
        pkl_doc_free(d);
        source_free(src);
    }
}

struct events {
    struct pkl_memo_event ev[32];
    size_t n;
};

static bool note(void *ctx, const struct pkl_memo_event *ev)
{
    struct events *es = ctx;

    assert_true(es->n < 32);
    es->ev[es->n++] = *ev;
    return true;
}

static void test_memo_walk(void **state)
{
    static const char bytes[] = "(K\1r\xe8\3\0\0K\2\x94K\3\x94p1\nh\2t.(K\1\x94h\0t.";
    static const struct {
        enum pkl_memo_op op;
        unsigned offset, slot, pickle;
    } want[] = {
        {PKL_MEMO_PUT, 3, 1000, 0}, {PKL_MEMO_IMPLICIT, 10, 1, 0}, {PKL_MEMO_IMPLICIT, 13, 2, 0},
        {PKL_MEMO_PUT, 14, 1, 0},   {PKL_MEMO_GET, 17, 2, 0},      {PKL_MEMO_IMPLICIT, 24, 0, 1},
        {PKL_MEMO_GET, 25, 0, 1},
    };
    struct source *src = source_mem(bytes, sizeof bytes - 1, false);
    struct pkl_doc *d = index_at_once(src, &usual);
    struct events es = {.n = 0};
    struct pkl_memo_walk walk;
    bool done = false;

    (void)state;
    pkl_memo_walk_init(&walk, d);
    for (size_t steps = 0; !done; steps++) {
        assert_in_range(steps, 0, sizeof bytes);
        assert_int_equal(pkl_memo_walk_step(&walk, 1, note, &es, &done, NULL), PB_OK);
    }
    assert_int_equal(es.n, sizeof want / sizeof want[0]);
    for (size_t i = 0; i < es.n; i++) {
        assert_int_equal(es.ev[i].op, want[i].op);
        assert_int_equal(es.ev[i].offset, want[i].offset);
        assert_int_equal(es.ev[i].slot, want[i].slot);
        assert_int_equal(es.ev[i].pickle, want[i].pickle);
    }
    pkl_doc_free(d);
    source_free(src);
}

static void test_limits(void **state)
{
    static const struct {
        const char *bytes;
        struct pkl_limits limits;
        const char *name;
    } cases[] = {
        {"NNNNNNNNNt.", {.max_stack = 4}, "max_stack"},
        {"((((((((N.", {.max_marks = 4}, "max_marks"},
        {"N\x94N\x94N\x94N\x94N\x94.", {.max_memo = 3}, "max_memo"},
        {"N.N.N.N.N.N.", {.max_pickles = 3}, "max_pickles"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct source *src = source_mem(cases[i].bytes, strlen(cases[i].bytes), false);
        struct pkl_doc *d;
        struct error e;

        assert_int_equal(pkl_doc_new(src, 0, &cases[i].limits, &d, NULL), PB_OK);
        assert_int_equal(pkl_doc_index(d, NULL), PB_OK);
        assert_int_equal(pkl_doc_error(d, &e), PB_ELIMIT);
        assert_non_null(strstr(e.msg, cases[i].name));
        pkl_doc_free(d);
        source_free(src);
    }
}

/* ------------------------------------------------------------------------- large ones */

static void test_deep(void **state)
{
    const size_t depth = 200000;
    char *bytes = malloc(depth * 2);
    struct pkl_child kid;
    struct pkl_view *v;
    struct source *src;
    struct pkl_doc *d;
    struct pkl_info info;
    size_t got;

    (void)state;
    assert_non_null(bytes);
    memset(bytes, ']', depth);
    memset(bytes + depth, 'a', depth - 1);
    bytes[2 * depth - 1] = '.';
    src = source_mem(bytes, 2 * depth, true);
    d = index_at_once(src, &usual);
    v = pkl_doc_view(d);
    pkl_doc_info(d, &info);
    assert_true(info.records < 400);
    assert_int_equal(v->root(v, 0, &kid, NULL), PB_OK);
    for (size_t i = 1; i < depth; i += 1) {
        assert_int_equal(kid.value.count, 1);
        assert_int_equal(v->children(v, kid.value.id, 0, 1, &kid, &got, NULL), PB_OK);
        assert_int_equal(kid.value.begin, i);
        if (i == 20000) /* the way down is the same all along */
            break;
    }
    pkl_doc_free(d);
    source_free(src);
}

/* A tuple whose million items stand on the stack at once: folded, and any of them is found. */
static void test_wide(void **state)
{
    const size_t n = 1000000;
    uint8_t *bytes = malloc(n * 3 + 3);
    struct pkl_child kids[50];
    struct pkl_view *v;
    struct source *src;
    struct pkl_doc *d;
    struct pkl_info info;
    size_t got, at = 0;

    (void)state;
    assert_non_null(bytes);
    bytes[at++] = '(';
    for (size_t i = 0; i < n; i++) {
        bytes[at++] = 'M';
        bytes[at++] = (uint8_t)i;
        bytes[at++] = (uint8_t)(i >> 8);
    }
    bytes[at++] = 't';
    bytes[at++] = '.';
    src = source_mem(bytes, at, true);
    d = index_at_once(src, &usual);
    v = pkl_doc_view(d);
    pkl_doc_info(d, &info);
    assert_true(info.memory < 3 * 1024 * 1024);
    assert_int_equal(v->root(v, 0, kids, NULL), PB_OK);
    assert_int_equal(kids[0].value.count, n);
    for (size_t first = 0; first < n; first += 99991) {
        size_t want = n - first < 50 ? n - first : 50;

        assert_int_equal(v->children(v, kids[0].value.id, first, 50, kids, &got, NULL), PB_OK);
        assert_int_equal(got, want);
        for (size_t i = 0; i < got; i++)
            assert_int_equal(kids[i].value.begin, 1 + 3 * (first + i));
        assert_int_equal(v->root(v, 0, kids, NULL), PB_OK);
    }
    pkl_doc_free(d);
    source_free(src);
}

/* A long str is checked piece by piece, whatever arrives. */
static void test_long_str(void **state)
{
    const size_t n = 3 * 1024 * 1024 + 1;
    struct pkl_child root;
    struct pkl_view *v;

    (void)state;
    for (int bad = 0; bad < 2; bad++) {
        uint8_t *bytes = malloc(n * 2 + 6);
        struct source *src;
        struct pkl_doc *d;
        struct error e;
        uint32_t len = (uint32_t)n * 2;

        assert_non_null(bytes);
        bytes[0] = 'X';
        for (int i = 0; i < 4; i++)
            bytes[1 + i] = (uint8_t)(len >> (8 * i));
        for (size_t i = 0; i < n; i++)
            memcpy(bytes + 5 + 2 * i, "\xc3\xa9", 2);
        if (bad)
            bytes[5 + n] = 'x';
        bytes[5 + len] = '.';
        d = index_in_pieces(&src, (const char *)bytes, len + 6, 300001, &usual);
        assert_int_equal(pkl_doc_error(d, &e), bad ? PB_EPICKLE : PB_OK);
        if (!bad) {
            v = pkl_doc_view(d);
            assert_int_equal(v->root(v, 0, &root, NULL), PB_OK);
            assert_int_equal(root.value.count, len);
        }
        pkl_doc_free(d);
        source_free(src);
        free(bytes);
    }
}

/* A line of text longer than a view. */
static void test_long_line(void **state)
{
    const size_t n = 2 * 1024 * 1024;
    char *bytes = malloc(n + 3);
    struct pkl_child root;
    struct pkl_view *v;
    struct pkl_leaf leaf;
    struct source *src;
    struct pkl_doc *d;

    (void)state;
    assert_non_null(bytes);
    bytes[0] = 'V';
    memset(bytes + 1, 'y', n);
    memcpy(bytes + n - 5, "\\u00e9", 6);
    bytes[n + 1] = '\n';
    bytes[n + 2] = '.';
    d = index_in_pieces(&src, bytes, n + 3, 70001, &usual);
    v = pkl_doc_view(d);
    assert_int_equal(pkl_doc_error(d, NULL), PB_OK);
    assert_int_equal(v->root(v, 0, &root, NULL), PB_OK);
    pkl_leaf_init(&leaf);
    assert_int_equal(pkl_leaf_read(v, &root.value, SIZE_MAX, &leaf, NULL), PB_OK);
    assert_int_equal(leaf.data.len, n - 4);
    assert_memory_equal(leaf.data.data + leaf.data.len - 2, "\xc3\xa9", 2);
    pkl_leaf_release(&leaf);
    pkl_doc_free(d);
    source_free(src);
    free(bytes);
}

/* Whichever allocation fails: an error, and nothing is lost. */
static void test_no_memory(void **state)
{
    static const char bytes[] = "(]q\5(h\5K\1a2e}(Vk\nNu\x85tq\1"
                                "0(h\5h\1t.";
    struct error e = {.code = PB_OK};

    (void)state;
    for (long fail = 1; fail < 200; fail++) {
        struct source *src = source_mem(bytes, sizeof bytes - 1, false);
        struct pkl_doc *d = NULL;
        enum pb_err err;

        mem_fail_after(fail);
        err = pkl_doc_new(src, 0, NULL, &d, &e);
        if (err == PB_OK) {
            pkl_doc_set_grain(d, &grains[1]);
            err = pkl_doc_index(d, &e);
        }
        mem_fail_after(-1);
        assert_true(err == PB_OK || err == PB_ENOMEM);
        pkl_doc_free(d);
        source_free(src);
        if (err == PB_OK)
            return;
    }
    fail_msg("the index never came through");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growing),   cmocka_unit_test(test_info),
        cmocka_unit_test(test_setter),    cmocka_unit_test(test_is_pickle),
        cmocka_unit_test(test_memo_walk), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_deep),      cmocka_unit_test(test_wide),
        cmocka_unit_test(test_long_str),  cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
