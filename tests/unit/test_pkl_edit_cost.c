/* What many edits of one pickle cost: bytes that are read, not time.  Twice as many edits in a
 * container twice as large read about twice as much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/edit_rig.h"

/* A source that gives what was asked for, and no more, and counts it. */
struct counting {
    struct source base; /* first */
    struct source *whole;
    uint64_t bytes;
};

static enum pb_err view(struct source *s, uint64_t off, size_t want, const uint8_t **p, size_t *n,
                        struct error *e)
{
    struct counting *c = (struct counting *)(void *)s;
    enum pb_err err = source_view(c->whole, off, want, p, n, e);

    *n = *n < want ? *n : want;
    c->bytes += *n;
    return err;
}

static const struct source_ops counted = {view, NULL};

struct pickle {
    struct buf bytes;
    struct counting src;
    struct pkl_doc *doc;
    struct pkl_edit *edit;
    struct arena mem;
    struct error e;
};

static void put(struct buf *b, const char *bytes, size_t n)
{
    buf_append(b, bytes, n);
}

static void put_key(struct buf *b, const char *stem, unsigned i)
{
    put(b, "\x8c\x08", 2);
    buf_printf(b, "%s%07u", stem, i);
}

/* So much that the pickle is larger than what is read at once. */
static void put_filler(struct buf *b)
{
    put(b, "C\x20", 2);
    for (int i = 0; i < 32; i++)
        buf_putc(b, '-');
}

static void begin(struct pickle *p, unsigned many, void (*write)(struct buf *b, unsigned many))
{
    *p = (struct pickle){0};
    arena_init(&p->mem);
    buf_init(&p->bytes, 1u << 28);
    write(&p->bytes, many);
    assert_int_equal(buf_status(&p->bytes, &p->e), PB_OK);
    p->src.whole = source_mem(p->bytes.data, p->bytes.len, false);
    assert_non_null(p->src.whole);
    p->src.base.ops = &counted;
    p->src.base.size = p->src.base.here = p->bytes.len;
    assert_int_equal(pkl_doc_new(&p->src.base, 0, NULL, &p->doc, &p->e), PB_OK);
    assert_int_equal(pkl_doc_index(p->doc, &p->e), PB_OK);
    assert_int_equal(pkl_edit_new(p->doc, &p->edit, &p->e), PB_OK);
    p->src.bytes = 0;
}

/* Lists the changes by path and plans the result, as a command does.  Returns what all was. */
static uint64_t end(struct pickle *p, size_t changes)
{
    struct pkl_splice plan;
    struct pkl_change c;
    uint64_t bytes;
    struct buf path;

    assert_int_equal(pkl_edit_changes(p->edit), changes);
    buf_init(&path, BUF_MAX_TEXT);
    for (size_t i = 0; i < changes; i++) {
        buf_clear(&path);
        assert_int_equal(pkl_edit_change(p->edit, i, &c, &p->e), PB_OK);
        assert_int_equal(pkl_edit_change_path(p->edit, &c, PATH_FORM_PATH, &path, &p->e), PB_OK);
        assert_true(path.len > 0);
    }
    buf_release(&path);
    assert_int_equal(pkl_splice_plan(p->edit, &plan, &p->e), PB_OK);
    pkl_splice_release(&plan);
    bytes = p->src.bytes;
    pkl_edit_free(p->edit);
    pkl_doc_free(p->doc);
    source_free(p->src.whole);
    vec_release(&p->src.base.gaps);
    buf_release(&p->bytes);
    arena_release(&p->mem);
    return bytes;
}

static void one_dict(struct buf *b, unsigned many)
{
    put(b, "\x80\x04}(", 4);
    for (unsigned i = 0; i < many; i++) {
        put_key(b, "k", i);
        put_filler(b);
    }
    put(b, "u.", 2);
}

static void find(struct pickle *p, struct pkl_paths *paths, const char *text,
                 struct pkl_child way[2])
{
    struct pkl_path path;
    size_t at;

    assert_int_equal(pkl_path_parse(&p->mem, text, strlen(text), &path, &at, &p->e), PB_OK);
    assert_int_equal(path.count, 1);
    assert_int_equal(pkl_paths_way(paths, &path, way, &p->e), PB_OK);
}

/* What a command does: finds all places, sets every second key, takes others away and adds some. */
static uint64_t in_one_dict(unsigned many)
{
    struct literal two = {.kind = PKL_INT, .data = "\x02", .len = 1};
    struct pkl_child(*way)[2] = test_calloc(many, sizeof *way), root;
    struct pkl_paths *paths;
    struct pickle p;
    char text[32];

    begin(&p, many, one_dict);
    assert_int_equal(pkl_paths_new(pkl_edit_view(p.edit), &paths, &p.e), PB_OK);
    for (unsigned i = 0; i < many; i += 2) {
        (void)snprintf(text, sizeof text, ".k%07u", i);
        find(&p, paths, text, way[i]);
    }
    pkl_paths_free(paths);
    pkl_edit_group_begin(p.edit);
    for (unsigned i = 0; i < many; i += 2) {
        assert_true(pkl_edit_find(p.edit, way[i][1].owner, way[i][1].index, &way[i][1].index));
        if (i % 4 == 0)
            assert_int_equal(pkl_edit_set(p.edit, &way[i][1], &two, &p.e), PB_OK);
        else
            assert_int_equal(pkl_edit_delete(p.edit, &way[i][1], &p.e), PB_OK);
    }
    root = way[0][0];
    for (unsigned i = 0; i < many / 4; i++) {
        struct literal key = {.kind = PKL_STR, .data = text};

        key.len = (size_t)snprintf(text, sizeof text, "n%07u", i);
        assert_int_equal(
            pkl_edit_insert(p.edit, &root.value, PKL_STEP_KEY, UINT64_MAX, &key, &two, &p.e),
            PB_OK);
        assert_int_equal(
            pkl_edit_insert(p.edit, &root.value, PKL_STEP_KEY, UINT64_MAX, &key, &two, &p.e),
            PB_EEXIST);
    }
    pkl_edit_group_end(p.edit);
    test_free(way);
    return end(&p, many / 2 + many / 4);
}

/* Dicts in a list, all with one string. */
static void many_uses(struct buf *b, unsigned many)
{
    put(b, "\x80\x04](\x8c\x02ok\x94", 9);
    for (unsigned i = 0; i < many; i++) {
        put(b, "}\x8c\x01s", 4);
        put(b, "h\x00s", 3);
        put(b, "\x8c\x01t", 3);
        put_filler(b);
        put(b, "s", 1);
    }
    put(b, "e.", 2);
}

static uint64_t everywhere(unsigned many)
{
    struct literal bad = {.kind = PKL_STR, .data = "bad", .len = 3};
    struct pkl_child place, root;
    struct pickle p;
    size_t got;

    begin(&p, many, many_uses);
    assert_int_equal(pkl_edit_view(p.edit)->root(pkl_edit_view(p.edit), 0, &root, &p.e), PB_OK);
    assert_int_equal(pkl_edit_view(p.edit)->children(pkl_edit_view(p.edit), root.value.id, 0, 1,
                                                     &place, &got, &p.e),
                     PB_OK);
    assert_int_equal(pkl_edit_set_everywhere(p.edit, &place, &bad, &p.e), PB_OK);
    return end(&p, many + 1);
}

/* Lists in a list, each with one and the same list in it. */
static void one_shared(struct buf *b, unsigned many)
{
    put(b, "\x80\x04](](K\x01K\x02\x65\x94\x30", 13);
    for (unsigned i = 0; i < many; i++) {
        put(b, "](h\x00", 4);
        put_filler(b);
        put(b, "e", 1);
    }
    put(b, "e.", 2);
}

/* The shared list is changed in every place, for that place alone. */
static uint64_t here(unsigned many)
{
    struct literal bad = {.kind = PKL_STR, .data = "bad", .len = 3};
    struct pkl_child(*way)[4] = test_calloc(many, sizeof *way);
    struct pkl_uses *uses;
    struct pickle p;

    begin(&p, many, one_shared);
    assert_int_equal(pkl_uses_new(p.edit, &uses, &p.e), PB_OK);
    for (unsigned i = 0; i < many; i++) {
        struct pkl_view *v = pkl_edit_view(p.edit);
        size_t got;

        assert_int_equal(v->root(v, 0, &way[i][0], &p.e), PB_OK);
        for (size_t k = 1; k < 4; k++)
            assert_int_equal(
                v->children(v, way[i][k - 1].value.id, k == 1 ? i : 0, 1, &way[i][k], &got, &p.e),
                PB_OK);
        assert_int_equal(pkl_uses_add(uses, way[i], 4, false, &p.e), PB_OK);
    }
    assert_int_equal(pkl_uses_count(uses, &p.e), PB_OK);
    pkl_edit_group_begin(p.edit);
    for (unsigned i = 0; i < many; i++) {
        assert_int_equal(pkl_uses_own(uses, way[i], 4, false, &p.e), PB_OK);
        assert_int_equal(pkl_edit_set(p.edit, &way[i][3], &bad, &p.e), PB_OK);
    }
    pkl_edit_group_end(p.edit);
    pkl_uses_free(uses);
    test_free(way);
    return end(&p, 2 * (size_t)many - 1);
}

static void test_linear(void **state)
{
    static uint64_t (*const work[])(unsigned many) = {in_one_dict, everywhere, here};

    (void)state;
    for (size_t i = 0; i < sizeof work / sizeof *work; i++) {
        uint64_t once = work[i](2000), twice = work[i](4000);

        if (twice > once * 5 / 2)
            fail_msg("work %zu: %llu bytes are read, for twice as much %llu", i,
                     (unsigned long long)once, (unsigned long long)twice);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
