/* Edit sessions: what is a change and what is none, undo across saves, what is read-only and why;
 * the pieces below; want of memory at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <pklbrowse/pkl_repr.h>

#include "pickle/idmap.h"
#include "pickle/pieces.h"
#include "support/edit_rig.h"

/* {'a': 1, 'b': 'x', 'c': [1, 2, 3], 'd': 2.5, 'e': <shared 'x'>} */
static const char sample[] = "\x80\x04}\x94(\x8c\x01"
                             "a\x94K\x01\x8c\x01"
                             "b\x94\x8c\x01x\x94\x8c\x01"
                             "c\x94]\x94(K\x01K\x02K\x03"
                             "e\x8c\x01"
                             "d\x94G\x40\x04\0\0\0\0\0\0\x8c\x01"
                             "e\x94h\x03u.";

static void open_sample(struct rig *r)
{
    rig_open(r, sample, sizeof sample - 1);
    assert_int_equal(pkl_doc_error(r->doc, &r->e), PB_OK);
}

static void test_equal_is_no_change(void **state)
{
    static const char *const none[] = {".a=1",   ".b='x'",    ".d=2.5",
                                       ".e='x'", ".c[0]=0x1", ".d=25e-1"};
    static const char *const some[] = {".a=True", ".a=1.0",   ".b=b'x'", ".d=2",
                                       ".e='y'",  ".c[0]=-1", ".a=None"};
    struct rig r;

    (void)state;
    open_sample(&r);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        rig_must_set(&r, none[i]);
        if (pkl_edit_changed(r.edit) || pkl_edit_dirty(r.edit) || pkl_edit_changes(r.edit) != 0)
            fail_msg("%s: a change", none[i]);
        assert_false(pkl_edit_undo(r.edit));
    }
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        rig_must_set(&r, some[i]);
        if (!pkl_edit_changed(r.edit) || !pkl_edit_dirty(r.edit) || pkl_edit_changes(r.edit) != 1)
            fail_msg("%s: no change", some[i]);
        rig_must_set(&r, some[i]); /* again: nothing more to undo */
        assert_true(pkl_edit_undo(r.edit));
        assert_false(pkl_edit_undo(r.edit));
        assert_false(pkl_edit_changed(r.edit));
    }
    rig_close(&r);
}

static void test_setting_back(void **state)
{
    struct rig r;

    (void)state;
    open_sample(&r);
    rig_must_set(&r, ".a=2");
    rig_must_set(&r, ".b='other'");
    assert_int_equal(pkl_edit_changes(r.edit), 2);
    rig_must_set(&r, ".a=1");
    assert_int_equal(pkl_edit_changes(r.edit), 1);
    rig_must_set(&r, ".b='x'");
    assert_int_equal(pkl_edit_changes(r.edit), 0);
    assert_false(pkl_edit_changed(r.edit));
    assert_true(pkl_edit_undo(r.edit));
    assert_int_equal(pkl_edit_changes(r.edit), 1);
    rig_close(&r);
}

static void test_negative_zero_and_nan(void **state)
{
    static const char bytes[] = "\x80\x02](G\x00\0\0\0\0\0\0\0G\xff\xf8\0\0\0\0\0\0"
                                "e.";
    struct rig r;

    (void)state;
    rig_open(&r, bytes, sizeof bytes - 1);
    rig_must_set(&r, "[0]=-0.0");
    assert_int_equal(pkl_edit_changes(r.edit), 1);
    rig_must_set(&r, "[1]=nan"); /* the one of Python 3 has another sign bit */
    assert_int_equal(pkl_edit_changes(r.edit), 2);
    rig_must_set(&r, "[1]=-nan");
    rig_must_set(&r, "[0]=0.0");
    assert_int_equal(pkl_edit_changes(r.edit), 0);
    rig_close(&r);
}

static uint64_t int_of(struct rig *r, const struct pkl_node *n)
{
    struct source *src = pkl_doc_source(r->view->doc(r->view, PKL_ID_SOURCE(n->id)));
    struct buf text;
    struct sink to = sink_buf(&text);
    uint64_t value;

    assert_int_equal(n->kind, PKL_INT);
    assert_int_equal(n->opcode, 'K');
    buf_init(&text, 100);
    assert_int_equal(source_copy(src, PKL_ID_OFFSET(n->id), 2, &to, &r->e), PB_OK);
    value = (uint8_t)text.data[1];
    buf_release(&text);
    return value;
}

static uint64_t int_at(struct rig *r, const char *path)
{
    struct pkl_child place;

    assert_int_equal(rig_find(r, path, &place), PB_OK);
    return int_of(r, &place.value);
}

static void test_undo_and_redo(void **state)
{
    struct rig r;
    char edit[32];

    (void)state;
    open_sample(&r);
    for (int i = 2; i <= 60; i++) {
        snprintf(edit, sizeof edit, ".c[%d]=%d", i % 3, i + 100);
        rig_must_set(&r, edit);
    }
    for (int i = 60; i >= 2; i--) {
        snprintf(edit, sizeof edit, ".c[%d]", i % 3);
        assert_int_equal(int_at(&r, edit), i + 100);
        assert_true(pkl_edit_undo(r.edit));
    }
    assert_false(pkl_edit_undo(r.edit));
    assert_false(pkl_edit_changed(r.edit));
    assert_int_equal(int_at(&r, ".c[2]"), 3);
    for (int i = 2; i <= 60; i++) {
        assert_true(pkl_edit_redo(r.edit));
        snprintf(edit, sizeof edit, ".c[%d]", i % 3);
        assert_int_equal(int_at(&r, edit), i + 100);
    }
    assert_false(pkl_edit_redo(r.edit));
    assert_true(pkl_edit_undo(r.edit));
    rig_must_set(&r, ".a=9"); /* what was undone is gone now */
    assert_false(pkl_edit_redo(r.edit));
    rig_close(&r);
}

static void test_groups(void **state)
{
    struct rig r;

    (void)state;
    open_sample(&r);
    rig_must_set(&r, ".a=2");
    pkl_edit_group_begin(r.edit);
    rig_must_set(&r, ".a=3");
    pkl_edit_group_begin(r.edit);
    rig_must_set(&r, ".b='y'");
    pkl_edit_group_end(r.edit);
    rig_must_set(&r, ".c[0]=7");
    pkl_edit_group_end(r.edit);
    rig_must_set(&r, ".d=1");
    assert_int_equal(pkl_edit_changes(r.edit), 4);
    assert_true(pkl_edit_undo(r.edit));
    assert_int_equal(pkl_edit_changes(r.edit), 3);
    assert_true(pkl_edit_undo(r.edit));
    assert_int_equal(pkl_edit_changes(r.edit), 1);
    assert_int_equal(int_at(&r, ".a"), 2);
    assert_true(pkl_edit_redo(r.edit));
    assert_int_equal(pkl_edit_changes(r.edit), 3);
    assert_int_equal(int_at(&r, ".a"), 3);
    rig_close(&r);
}

static void test_undo_crosses_saves(void **state)
{
    struct rig r;

    (void)state;
    open_sample(&r);
    rig_must_set(&r, ".a=2");
    rig_must_set(&r, ".b='y'");
    assert_int_equal(pkl_edit_unsaved(r.edit), 2);
    pkl_edit_mark_saved(r.edit);
    assert_false(pkl_edit_dirty(r.edit));
    assert_true(pkl_edit_changed(r.edit));
    assert_int_equal(pkl_edit_unsaved(r.edit), 0);
    assert_true(pkl_edit_undo(r.edit));
    assert_true(pkl_edit_dirty(r.edit));
    assert_int_equal(pkl_edit_unsaved(r.edit), 1);
    rig_must_set(&r, ".d=7");
    assert_int_equal(pkl_edit_unsaved(r.edit), 2);
    rig_must_set(&r, ".b='y'"); /* as it was saved, by another way */
    assert_int_equal(pkl_edit_unsaved(r.edit), 1);
    rig_must_set(&r, ".d=2.5");
    assert_false(pkl_edit_dirty(r.edit));
    rig_must_set(&r, ".a=1");
    rig_must_set(&r, ".b='x'");
    assert_false(pkl_edit_changed(r.edit));
    assert_true(pkl_edit_dirty(r.edit));
    rig_close(&r);
}

static void test_revert(void **state)
{
    struct rig r;
    struct pkl_child a, b;

    (void)state;
    open_sample(&r);
    assert_int_equal(rig_find(&r, ".a", &a), PB_OK);
    assert_int_equal(rig_find(&r, ".b", &b), PB_OK);
    assert_int_equal(pkl_edit_revert(r.edit, &a, &r.e), PB_OK);
    assert_false(pkl_edit_undo(r.edit));
    rig_must_set(&r, ".a=2");
    rig_must_set(&r, ".a=3");
    rig_must_set(&r, ".b='y'");
    assert_int_equal(pkl_edit_revert(r.edit, &a, &r.e), PB_OK);
    assert_int_equal(pkl_edit_changes(r.edit), 1);
    assert_int_equal(int_at(&r, ".a"), 1);
    assert_true(pkl_edit_undo(r.edit));
    assert_int_equal(int_at(&r, ".a"), 3);
    rig_close(&r);
}

static void test_what_is_changed_where(void **state)
{
    struct rig r;
    struct pkl_child root, c, a, place;
    struct pkl_change change;
    struct pkl_node old;

    (void)state;
    open_sample(&r);
    assert_int_equal(rig_find(&r, "", &root), PB_OK);
    assert_int_equal(rig_find(&r, ".c", &c), PB_OK);
    assert_int_equal(rig_find(&r, ".a", &a), PB_OK);
    assert_false(pkl_edit_below_changed(r.edit, &root.value));
    rig_must_set(&r, ".c[1]='new'");
    rig_must_set(&r, ".e=5");
    rig_must_set(&r, ".a=2");
    assert_true(pkl_edit_below_changed(r.edit, &root.value));
    assert_true(pkl_edit_below_changed(r.edit, &c.value));
    assert_true(pkl_edit_place_changed(r.edit, a.owner, a.index, &old));
    assert_int_equal(old.id, a.value.id);
    assert_false(pkl_edit_place_changed(r.edit, c.owner, c.index, NULL));
    /* In the order of the document, not of the edits. */
    assert_int_equal(pkl_edit_changes(r.edit), 3);
    assert_int_equal(pkl_edit_change(r.edit, 0, &change, &r.e), PB_OK);
    assert_int_equal(change.place.owner, a.owner);
    assert_int_equal(change.place.index, a.index);
    assert_int_equal(change.old.id, a.value.id);
    assert_int_equal(PKL_ID_SOURCE(change.place.value.id), 1);
    assert_int_equal(pkl_edit_change(r.edit, 1, &change, &r.e), PB_OK);
    assert_int_equal(change.place.value.kind, PKL_STR);
    assert_int_equal(pkl_edit_change(r.edit, 2, &change, &r.e), PB_OK);
    assert_true(change.old.ref);
    assert_int_equal(pkl_edit_change(r.edit, 3, &change, &r.e), PB_ENOTFOUND);
    assert_int_equal(rig_find(&r, ".b", &place), PB_OK); /* the shared string is as it was */
    assert_int_equal(place.value.kind, PKL_STR);
    assert_int_equal(PKL_ID_SOURCE(place.value.id), 0);
    rig_must_set(&r, ".c[1]=2");
    assert_false(pkl_edit_below_changed(r.edit, &c.value));
    rig_close(&r);
}

static void change_is(struct rig *r, size_t i, const char *path, uint64_t old, uint64_t now)
{
    struct pkl_change c;
    struct pkl_child place;

    assert_int_equal(pkl_edit_unsaved_change(r->edit, i, &c, &r->e), PB_OK);
    assert_int_equal(rig_find(r, path, &place), PB_OK);
    assert_int_equal(c.place.owner, place.owner);
    assert_int_equal(c.place.index, place.index);
    assert_int_equal(int_of(r, &c.old), old);
    assert_int_equal(int_of(r, &c.place.value), now);
}

/* After a save what is shown as changed is what a next save would change. */
static void test_changes_since_the_save(void **state)
{
    struct rig r;
    struct pkl_child root, a, c;
    struct pkl_node old;

    (void)state;
    open_sample(&r);
    assert_int_equal(rig_find(&r, "", &root), PB_OK);
    assert_int_equal(rig_find(&r, ".a", &a), PB_OK);
    assert_int_equal(rig_find(&r, ".c", &c), PB_OK);
    rig_must_set(&r, ".a=31");
    rig_must_set(&r, ".c[1]=7");
    assert_int_equal(pkl_edit_unsaved(r.edit), 2);
    change_is(&r, 0, ".a", 1, 31);
    pkl_edit_mark_saved(r.edit);
    assert_int_equal(pkl_edit_unsaved(r.edit), 0);
    assert_int_equal(pkl_edit_unsaved_change(r.edit, 0, &(struct pkl_change){0}, &r.e),
                     PB_ENOTFOUND);
    assert_int_equal(pkl_edit_changes(r.edit), 2);
    assert_false(pkl_edit_place_changed(r.edit, a.owner, a.index, NULL));
    assert_false(pkl_edit_below_changed(r.edit, &root.value));
    rig_must_set(&r, ".a=32");
    assert_int_equal(pkl_edit_unsaved(r.edit), 1);
    change_is(&r, 0, ".a", 31, 32);
    assert_true(pkl_edit_place_changed(r.edit, a.owner, a.index, &old));
    assert_int_equal(int_of(&r, &old), 31);
    assert_true(pkl_edit_below_changed(r.edit, &root.value));
    assert_false(pkl_edit_below_changed(r.edit, &c.value));
    assert_int_equal(pkl_edit_revert(r.edit, &a, &r.e), PB_OK);
    assert_int_equal(int_at(&r, ".a"), 31);
    assert_int_equal(pkl_edit_unsaved(r.edit), 0);
    /* Undone across the save: the original is what differs now. */
    assert_true(pkl_edit_undo(r.edit));
    assert_true(pkl_edit_undo(r.edit));
    assert_true(pkl_edit_undo(r.edit));
    assert_true(pkl_edit_undo(r.edit));
    assert_false(pkl_edit_changed(r.edit));
    assert_int_equal(pkl_edit_unsaved(r.edit), 2);
    change_is(&r, 0, ".a", 31, 1);
    assert_true(pkl_edit_below_changed(r.edit, &c.value));
    /* Inside a value that was new when it was saved. */
    rig_must_set(&r, ".a={'k': [1, 2]}");
    pkl_edit_mark_saved(r.edit);
    assert_int_equal(pkl_edit_unsaved(r.edit), 0);
    rig_must_set(&r, ".a.k[0]=5");
    assert_int_equal(pkl_edit_unsaved(r.edit), 1);
    change_is(&r, 0, ".a.k[0]", 1, 5);
    rig_must_set(&r, ".a=9");
    assert_int_equal(pkl_edit_unsaved(r.edit), 1);
    assert_int_equal(pkl_edit_changes(r.edit), 1);
    rig_close(&r);
}

static void test_new_containers(void **state)
{
    struct rig r;
    struct pkl_child place;

    (void)state;
    open_sample(&r);
    rig_must_set(&r, ".a={'k': [1, {'deep': (1, 2)}], 'l': []}");
    rig_must_set(&r, ".a.k[1].deep[0]='changed'");
    rig_must_set(&r, ".a.k[0]=[3]");
    rig_must_set(&r, ".a.k[0][0]=4");
    assert_int_equal(pkl_edit_changes(r.edit), 4);
    assert_int_equal(rig_find(&r, ".a.k", &place), PB_OK);
    assert_true(pkl_edit_below_changed(r.edit, &place.value));
    assert_int_equal(rig_find(&r, ".a.l", &place), PB_OK);
    assert_false(pkl_edit_below_changed(r.edit, &place.value));
    rig_must_set(&r, ".a.k=None"); /* what is inside it is no change any more */
    assert_int_equal(pkl_edit_changes(r.edit), 2);
    rig_must_set(&r, ".a=1");
    assert_int_equal(pkl_edit_changes(r.edit), 0);
    while (pkl_edit_undo(r.edit))
        continue;
    assert_false(pkl_edit_changed(r.edit));
    rig_close(&r);
}

#define B(text) text, sizeof text - 1

static void test_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *edit;
        enum pb_err err;
        const char *says;
    } cases[] = {
        {B("\x80\x02}K\x01K\x02s."), "[1]@key=5", PB_EREADONLY, "key"},
        {B("\x80\x02](K\x01Q\x82\x01"
           "e."),
         "[0]@pid=5", PB_EREADONLY, ""},
        {B("\x80\x02](K\x01Q\x82\x01"
           "e."),
         "[1]=5", PB_EREADONLY, "extension"},
        {B("\x80\x05](\x97K\x01"
           "e."),
         "[0]=5", PB_EREADONLY, "buffer"},
        {B("\x80\x02"
           "cm\nC\nK\x01\x85R."),
         "@class=5", PB_EUSAGE, "name"},
        {B("\x80\x02"
           "cm\nC\nK\x01\x85R."),
         "@args=5", PB_EUSAGE, "tuple"},
        {B("\x80\x02"
           "cm\nL\n)\x81(K\x01K\x02"
           "e."),
         "@items=5", PB_EREADONLY, ""},
        {B("\x80\x04\x8f(K\x01K\x02\x90."), "[#0]=2", PB_EEXIST, "already"},
        {B("\x80\x04\x8f(K\x01K\x02\x90."), "[#0]=2.0", PB_EEXIST, "already"},
        {B("\x80\x04\x8f(K\x01K\x02\x90."), "[#0]=[1]", PB_EUSAGE, "set"},
        {B("\x80\x02](K\x01K\x02"), "[0]=1", PB_EREADONLY, "broken"},
        {B("\x80\x02](K\x01K\x02"), "=1", PB_EREADONLY, "broken"},
        {B("\x80\x02](K\x01K\x02"
           "e."),
         "[7]=1", PB_ENOTFOUND, "[7]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rig r;
        enum pb_err err;

        rig_open(&r, cases[i].bytes, cases[i].n);
        err = rig_set(&r, cases[i].edit);
        if (err != cases[i].err || strstr(r.e.msg, cases[i].says) == NULL)
            fail_msg("row %zu, %s: %d %s", i, cases[i].edit, (int)err, r.e.msg);
        assert_false(pkl_edit_changed(r.edit));
        rig_close(&r);
    }
}

static void test_set_members(void **state)
{
    static const char bytes[] = "\x80\x04\x8f(K\x01K\x02\x8c\x01x\x90.";
    struct rig r;

    (void)state;
    rig_open(&r, bytes, sizeof bytes - 1);
    rig_must_set(&r, "[#0]=5");
    rig_must_set(&r, "[#1]=1"); /* free now */
    assert_int_equal(rig_set(&r, "[#2]=5"), PB_EEXIST);
    rig_must_set(&r, "[#0]=5.0"); /* itself */
    assert_int_equal(pkl_edit_changes(r.edit), 2);
    rig_close(&r);
}

/* Any allocation may fail: then the edit did not happen, or the save is an error; never half of it.
 */
static void test_out_of_memory(void **state)
{
    bool whole = false;

    (void)state;
    for (long n = 1; n < 2000 && !whole; n++) {
        static const char *const edits[] = {".a=300", ".b=[1, {'k': 2}]", ".b[1].k='v'",
                                            ".e=b'bytes'"};
        size_t done = 0;
        struct buf out;
        struct rig r;
        enum pb_err err = PB_OK;

        open_sample(&r);
        buf_init(&out, 1u << 16);
        mem_fail_after(n);
        while (done < 4 && (err = rig_set(&r, edits[done])) == PB_OK)
            done++;
        if (err == PB_OK)
            err = rig_save(&r, &out);
        mem_fail_after(-1);
        if (err != PB_OK && err != PB_ENOMEM)
            fail_msg("allocation %ld: %d %s", n, (int)err, r.e.msg);
        whole = err == PB_OK;
        buf_clear(&out);
        if (pkl_edit_changes(r.edit) != done)
            fail_msg("allocation %ld: %zu changes of %zu", n, pkl_edit_changes(r.edit), done);
        if (rig_save(&r, &out) != PB_OK)
            fail_msg("allocation %ld: after it %s", n, r.e.msg);
        for (; done < 4; done++) {
            if (rig_set(&r, edits[done]) != PB_OK)
                fail_msg("allocation %ld: after it %s: %s", n, edits[done], r.e.msg);
        }
        buf_clear(&out);
        if (rig_save(&r, &out) != PB_OK || out.len != sizeof sample - 1 + 16)
            fail_msg("allocation %ld: in the end %zu bytes, %s", n, out.len, r.e.msg);
        for (; done > 0; done--)
            assert_true(pkl_edit_undo(r.edit));
        assert_false(pkl_edit_changed(r.edit));
        buf_release(&out);
        rig_close(&r);
    }
    assert_true(whole);
}

/* ---------------------------------------------------------------------------- pieces */

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

#define MANY 300

/* Random replacements, insertions and deletions against a plain array. */
static void test_pieces_against_an_array(void **state)
{
    uint64_t seed = 88172645463325252u;

    (void)state;
    for (int round = 0; round < 200; round++) {
        uint64_t model[MANY * 2], count = next_random(&seed) % 40;
        struct pieces p, removed = {0};

        assert_true(pieces_init(&p, count));
        for (uint64_t i = 0; i < count; i++)
            model[i] = i;
        for (int step = 0; step < 40; step++) {
            uint64_t at = next_random(&seed) % (count + 1), n = next_random(&seed) % 4, add;
            struct piece with[3];

            n = n < count - at ? n : count - at;
            add = next_random(&seed) % 3;
            for (uint64_t i = 0; i < add; i++)
                with[i] = (struct piece){.count = 1, .value = (size_t)(1000 + step * 3 + (int)i)};
            removed.len = 0;
            assert_true(pieces_replace(&p, at, n, with, (size_t)add, &removed));
            memmove(model + at + add, model + at + n, (count - at - n) * sizeof *model);
            for (uint64_t i = 0; i < add; i++)
                model[at + i] = with[i].value;
            count = count - n + add;
            assert_int_equal(pieces_count(&p), count);
            for (uint64_t i = 0; i < count; i++) {
                const struct piece *x = pieces_at(&p, i);

                assert_non_null(x);
                assert_true(x->at <= i && i < x->at + x->count);
                assert_int_equal(x->value != 0 ? x->value : x->first + (i - x->at), model[i]);
            }
            assert_null(pieces_at(&p, count));
            if (step % 3 == 0) { /* and back */
                struct pieces again = {0};

                assert_true(pieces_replace(&p, at, add, removed.data, removed.len, &again));
                assert_true(pieces_replace(&p, at, n, again.data, again.len, NULL));
                vec_release(&again);
                assert_int_equal(pieces_count(&p), count);
            }
        }
        pieces_release(&p);
        vec_release(&removed);
    }
}

static void test_pieces_join(void **state)
{
    struct piece new = {.count = 1, .value = 5}, old = {.first = 3, .count = 1};
    struct pieces p, q;

    (void)state;
    assert_true(pieces_init(&p, 10) && pieces_init(&q, 10));
    assert_true(pieces_original(&p));
    assert_true(pieces_replace(&p, 3, 1, &new, 1, NULL));
    assert_int_equal(p.len, 3);
    assert_int_equal(pieces_differ(&p, &q), 1);
    assert_true(pieces_replace(&p, 3, 1, &old, 1, NULL));
    assert_int_equal(p.len, 1);
    assert_true(pieces_original(&p));
    assert_int_equal(pieces_differ(&p, &q), 0);
    pieces_release(&p);
    pieces_release(&q);
}

/* {'x': <shared {'c': 1, 'l': [1]}>, 'y': <it>, 'z': (<it>, 'c')} */
static const char shared[] = "\x80\x04}\x94(\x8c\x01x\x94}\x94(\x8c\x01"
                             "c\x94K\x01\x8c\x01l\x94]\x94K\x01"
                             "au\x8c\x01y\x94h\x02\x8c\x01z\x94h\x02h\x03\x86\x94u.";

static size_t shared_way(struct rig *r, const char *path, struct pkl_child *way)
{
    struct pkl_path p, some;
    size_t at;

    assert_int_equal(pkl_path_parse(&r->mem, path, strlen(path), &p, &at, &r->e), PB_OK);
    some = p;
    for (some.count = 0; some.count <= p.count; some.count++)
        assert_int_equal(pkl_path_follow(r->view, &some, &way[some.count], &r->e), PB_OK);
    return p.count + 1;
}

static void must_repr(struct rig *r, const char *want)
{
    struct pkl_child root;
    struct buf text;
    struct sink to = sink_buf(&text);

    buf_init(&text, 10000);
    assert_int_equal(r->view->root(r->view, 0, &root, &r->e), PB_OK);
    assert_int_equal(pkl_repr(r->view, &root.value, &(struct pkl_repr_opts){0}, &to, &r->e), PB_OK);
    assert_string_equal(text.data, want);
    buf_release(&text);
}

static void test_uses(void **state)
{
    struct pkl_child way[8];
    uint64_t uses[8];
    struct rig r;
    size_t n;

    (void)state;
    rig_open(&r, shared, sizeof shared - 1);
    n = shared_way(&r, ".y.l[0]", way);
    assert_int_equal(pkl_edit_uses(r.edit, way, n, uses, &r.e), PB_OK);
    assert_int_equal(uses[0], 1);
    assert_int_equal(uses[1], 3);
    assert_int_equal(uses[2], 1);
    assert_int_equal(uses[3], 1);
    n = shared_way(&r, ".z[1]", way); /* as a key it stands nowhere */
    assert_int_equal(pkl_edit_uses(r.edit, way, n, uses, &r.e), PB_OK);
    assert_int_equal(uses[2], 1);
    rig_close(&r);
}

static void test_here(void **state)
{
    static const struct {
        const char *path, *now;
        size_t changes;
    } cases[] = {
        {".y.c",
         "{'x': {'c': 1, 'l': [1]}, 'y': {'c': 7, 'l': [1]}, 'z': ({'c': 1, 'l': [1]}, 'c')}", 2},
        {".x.c",
         "{'x': {'c': 7, 'l': [1]}, 'y': {'c': 1, 'l': [1]}, 'z': ({'c': 1, 'l': [1]}, 'c')}", 2},
        {".x.l[0]",
         "{'x': {'c': 1, 'l': [7]}, 'y': {'c': 1, 'l': [1]}, 'z': ({'c': 1, 'l': [1]}, 'c')}", 3},
        {".z[0].l[0]",
         "{'x': {'c': 1, 'l': [1]}, 'y': {'c': 1, 'l': [1]}, 'z': ({'c': 1, 'l': [7]}, 'c')}", 3},
        {".z[1]",
         "{'x': {'c': 1, 'l': [1]}, 'y': {'c': 1, 'l': [1]}, 'z': ({'c': 1, 'l': [1]}, 7)}", 1},
        {".y", "{'x': {'c': 1, 'l': [1]}, 'y': 7, 'z': ({'c': 1, 'l': [1]}, 'c')}", 1},
    };
    struct literal *seven;
    size_t at;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pkl_child way[8];
        struct buf out;
        struct rig r;
        size_t n;

        rig_open(&r, shared, sizeof shared - 1);
        assert_int_equal(literal_parse(&r.mem, "7", 1, &seven, &at, &r.e), PB_OK);
        n = shared_way(&r, cases[i].path, way);
        pkl_edit_group_begin(r.edit);
        assert_int_equal(pkl_edit_own(r.edit, way, n, &r.e), PB_OK);
        assert_int_equal(pkl_edit_set(r.edit, &way[n - 1], seven, &r.e), PB_OK);
        pkl_edit_group_end(r.edit);
        must_repr(&r, cases[i].now);
        assert_int_equal(pkl_edit_changes(r.edit), cases[i].changes);
        buf_init(&out, 1 << 20);
        if (rig_save(&r, &out) != PB_OK)
            fail_msg("%s: %s", cases[i].path, r.e.msg);
        buf_release(&out);
        assert_true(pkl_edit_undo(r.edit));
        assert_false(pkl_edit_undo(r.edit));
        assert_false(pkl_edit_changed(r.edit));
        assert_true(pkl_edit_redo(r.edit));
        must_repr(&r, cases[i].now);
        rig_close(&r);
    }
}

static void put(struct rig *r, const char *path, const char *text)
{
    struct pkl_child place;
    struct literal *l;
    size_t at;

    assert_int_equal(literal_parse(&r->mem, text, strlen(text), &l, &at, &r->e), PB_OK);
    assert_int_equal(rig_find(r, path, &place), PB_OK);
    assert_int_equal(pkl_edit_set(r->edit, &place, l, &r->e), PB_OK);
}

/* All changes: "['x']: old > new; ". */
static void tell(struct rig *r, bool unsaved, struct buf *out)
{
    struct pkl_view *was = unsaved ? pkl_edit_saved_view(r->edit) : pkl_doc_view(r->doc);
    struct sink to = sink_buf(out);
    size_t n = unsaved ? pkl_edit_unsaved(r->edit) : pkl_edit_changes(r->edit);

    buf_clear(out);
    for (size_t i = 0; i < n; i++) {
        struct pkl_change c;

        assert_int_equal(unsaved ? pkl_edit_unsaved_change(r->edit, i, &c, &r->e)
                                 : pkl_edit_change(r->edit, i, &c, &r->e),
                         PB_OK);
        assert_int_equal(pkl_edit_change_path(r->edit, &c, PATH_FORM_PYTHON, out, &r->e), PB_OK);
        buf_puts(out, ": ");
        assert_int_equal(pkl_repr(was, &c.old, &(struct pkl_repr_opts){0}, &to, &r->e), PB_OK);
        buf_puts(out, " > ");
        assert_int_equal(pkl_repr(r->view, &c.place.value, &(struct pkl_repr_opts){0}, &to, &r->e),
                         PB_OK);
        buf_puts(out, "; ");
    }
    buf_putc(out, '\0');
}

/* What is changed inside a shared value counts as long as one of its places is left, and is told
 * there; what is replaced is told as it was stored. */
static void test_changes_of_shared(void **state)
{
    static const struct {
        const char *edits[6], *told;
    } cases[] = {
        {{".y.c", "7", ".x", "0"}, "['x']: {'c': 1, 'l': [1]} > 0; ['y']['c']: 1 > 7; "},
        {{".x", "0", ".y.l[0]", "7"}, "['x']: {'c': 1, 'l': [1]} > 0; ['y']['l'][0]: 1 > 7; "},
        {{".y.c", "7", ".x", "0", ".y", "0"},
         "['x']: {'c': 1, 'l': [1]} > 0; ['z'][0]['c']: 1 > 7; ['y']: {'c': 1, 'l': [1]} > 0; "},
        {{".y.c", "7", ".z", "0"}, "['x']['c']: 1 > 7; ['z']: ({'c': 1, 'l': [1]}, 'c') > 0; "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const *edits = cases[i].edits;
        struct buf out;
        struct rig r;

        rig_open(&r, shared, sizeof shared - 1);
        buf_init(&out, 1 << 20);
        for (size_t k = 0; k < 6 && edits[k] != NULL; k += 2)
            put(&r, edits[k], edits[k + 1]);
        tell(&r, true, &out);
        assert_string_equal(out.data, cases[i].told);
        tell(&r, false, &out);
        assert_string_equal(out.data, cases[i].told);
        buf_release(&out);
        rig_close(&r);
    }
}

/* With its last place what was changed inside it goes. */
static void test_changes_of_gone(void **state)
{
    struct buf out;
    struct rig r;

    (void)state;
    rig_open(&r, shared, sizeof shared - 1);
    buf_init(&out, 1 << 20);
    put(&r, ".y.c", "7");
    put(&r, ".x", "0");
    put(&r, ".y", "0");
    put(&r, ".z", "0");
    assert_int_equal(pkl_edit_changes(r.edit), 3);
    assert_true(pkl_edit_undo(r.edit));
    assert_int_equal(pkl_edit_changes(r.edit), 3);
    /* After a save old is what was saved. */
    pkl_edit_mark_saved(r.edit);
    put(&r, ".z[0].c", "8");
    put(&r, ".z[0].l", "9");
    tell(&r, true, &out);
    assert_string_equal(out.data, "['z'][0]['c']: 7 > 8; ['z'][0]['l']: [1] > 9; ");
    put(&r, ".z", "0");
    tell(&r, true, &out);
    assert_string_equal(out.data, "['z']: ({'c': 7, 'l': [1]}, 'c') > 0; ");
    buf_release(&out);
    rig_close(&r);
}

static void test_everywhere(void **state)
{
    struct pkl_child place;
    struct literal *l;
    struct buf out;
    struct rig r;
    size_t at;

    (void)state;
    rig_open(&r, shared, sizeof shared - 1);
    assert_int_equal(literal_parse(&r.mem, "'v'", 3, &l, &at, &r.e), PB_OK);
    assert_int_equal(rig_find(&r, ".z[0]", &place), PB_OK);
    assert_int_equal(pkl_edit_set_everywhere(r.edit, &place, l, &r.e), PB_OK);
    must_repr(&r, "{'x': 'v', 'y': 'v', 'z': ('v', 'c')}");
    assert_int_equal(pkl_edit_changes(r.edit), 3);
    buf_init(&out, 1 << 20);
    assert_int_equal(rig_save(&r, &out), PB_OK);
    buf_release(&out);
    assert_true(pkl_edit_undo(r.edit));
    assert_false(pkl_edit_changed(r.edit));
    /* Nothing shared: the place alone. */
    assert_int_equal(rig_find(&r, ".z[1]", &place), PB_OK);
    assert_int_equal(pkl_edit_set_everywhere(r.edit, &place, l, &r.e), PB_OK);
    assert_int_equal(pkl_edit_changes(r.edit), 1);
    rig_close(&r);
}

/* All of it or nothing, and what was there to be undone still is. */
static void test_everywhere_is_all_or_none(void **state)
{
    /* [<shared 'ab'>, {<it>, 'c'}, 5] */
    static const char bytes[] = "\x80\x04]\x94(\x8c\x02"
                                "ab\x94\x8f\x94(h\x01\x8c\x01"
                                "c\x94\x90K\x05"
                                "e.";
    struct pkl_child place;
    struct literal *l;
    struct rig r;
    size_t at;

    (void)state;
    rig_open(&r, bytes, sizeof bytes - 1);
    rig_must_set(&r, "[2]=6");
    assert_int_equal(literal_parse(&r.mem, "'c'", 3, &l, &at, &r.e), PB_OK);
    assert_int_equal(rig_find(&r, "[0]", &place), PB_OK);
    assert_int_equal(pkl_edit_set_everywhere(r.edit, &place, l, &r.e), PB_EEXIST);
    must_repr(&r, "['ab', {'ab', 'c'}, 6]");
    assert_int_equal(pkl_edit_changes(r.edit), 1);
    assert_true(pkl_edit_undo(r.edit));
    assert_false(pkl_edit_undo(r.edit));
    assert_int_equal(pkl_edit_set_everywhere(r.edit, &place, l, &r.e), PB_EEXIST);
    assert_false(pkl_edit_changed(r.edit));
    rig_close(&r);
}

static void test_idmap(void **state)
{
    struct idmap m = {0};
    uint64_t value;
    bool is_new;

    (void)state;
    assert_false(idmap_get(&m, 1, &value));
    for (uint64_t i = 1; i < 5000; i++)
        assert_true(idmap_put(&m, i * 0x100000001u, i));
    for (uint64_t i = 1; i < 5000; i++) {
        assert_true(idmap_get(&m, i * 0x100000001u, &value));
        assert_int_equal(value, i);
        assert_false(idmap_get(&m, i * 0x100000001u + 1, &value));
    }
    assert_int_equal(m.count, 4999);
    assert_true(idmap_put_new(&m, 0x100000001u, 7, &is_new));
    assert_false(is_new);
    assert_true(idmap_get(&m, 0x100000001u, &value));
    assert_int_equal(value, 1);
    idmap_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_is_no_change),
        cmocka_unit_test(test_setting_back),
        cmocka_unit_test(test_negative_zero_and_nan),
        cmocka_unit_test(test_undo_and_redo),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_undo_crosses_saves),
        cmocka_unit_test(test_revert),
        cmocka_unit_test(test_what_is_changed_where),
        cmocka_unit_test(test_changes_since_the_save),
        cmocka_unit_test(test_new_containers),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_set_members),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_pieces_against_an_array),
        cmocka_unit_test(test_pieces_join),
        cmocka_unit_test(test_uses),
        cmocka_unit_test(test_here),
        cmocka_unit_test(test_everywhere),
        cmocka_unit_test(test_changes_of_shared),
        cmocka_unit_test(test_changes_of_gone),
        cmocka_unit_test(test_everywhere_is_all_or_none),
        cmocka_unit_test(test_idmap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
