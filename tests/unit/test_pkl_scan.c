/* The index pass and the view: hand-made pickles with every oddity, in pieces, cut off, at every
 * grain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/pkl_repr.h>

#include "pickle/index.h"
#include "support/pkl_samples.h"

/* -------------------------------------------------------------- what a document says */

static void add_text(struct pkl_doc *d, struct buf *out)
{
    struct pkl_view *v = pkl_doc_view(d);
    struct error e;
    struct sink to = sink_buf(out);
    enum pb_err broken = pkl_doc_error(d, &e);
    struct pkl_child root;

    for (uint64_t i = 0; i < v->roots(v); i++) {
        if (i > 0)
            buf_putc(out, ';');
        assert_int_equal(v->root(v, i, &root, &e), PB_OK);
        if (root.value.kind == PKL_BROKEN && root.value.count == 0)
            continue;
        assert_int_equal(pkl_repr(v, &root.value, NULL, &to, &e), PB_OK);
    }
    broken = pkl_doc_error(d, &e);
    if (broken != PB_OK) {
        assert_int_equal(broken, PB_EPICKLE);
        assert_true(strlen(e.msg) > 0);
        buf_printf(out, "!%llu", (unsigned long long)e.offset);
    }
}

static void add_node(const struct pkl_node *n, struct buf *out)
{
    buf_printf(out, "%llx>%llx [%llu,%llu) %llu %d ", (unsigned long long)n->id,
               (unsigned long long)n->target, (unsigned long long)n->begin,
               (unsigned long long)n->end, (unsigned long long)n->count, (int)n->kind);
}

/* Every value that can be reached, each container once, with everything that is known of it. */
static void describe(struct pkl_doc *d, struct buf *out)
{
    struct pkl_view *v = pkl_doc_view(d);
    pkl_id todo[512], id;
    size_t len = 0, at = 0;
    struct pkl_child kids[3];

    todo[len++] = PKL_ID(0, PKL_TAG_STREAM, 0);
    while (at < len) {
        uint64_t count, first = 0;

        id = todo[at++];
        assert_int_equal(v->count_children(v, id, &count, NULL), PB_OK);
        while (first < count) {
            size_t got;

            assert_int_equal(v->children(v, id, first, 3, kids, &got, NULL), PB_OK);
            assert_true(got > 0);
            for (size_t i = 0; i < got; i++, first++) {
                const struct pkl_node *met[2] = {&kids[i].key, &kids[i].value};
                struct pkl_node again;

                assert_int_equal(kids[i].position, first);
                add_node(&kids[i].key, out);
                add_node(&kids[i].value, out);
                buf_printf(out, "%llx/%llu\n", (unsigned long long)kids[i].owner,
                           (unsigned long long)kids[i].index);
                assert_int_equal(v->node(v, kids[i].value.id, &again, NULL), PB_OK);
                assert_true(again.begin == kids[i].value.begin && again.end == kids[i].value.end);
                for (int m = 0; m < 2; m++) {
                    size_t k = 0;

                    while (k < len && todo[k] != met[m]->target)
                        k++;
                    if (met[m]->id != 0 && k == len && len < 512)
                        todo[len++] = met[m]->target;
                }
            }
        }
    }
    assert_int_equal(buf_status(out, NULL), PB_OK);
}

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

static void test_samples(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, BUF_MAX_TEXT);
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct sample *s = &samples[i];

        for (size_t g = 0; g < sizeof grains / sizeof grains[0]; g++) {
            struct source *src = source_mem(s->bytes, s->n, false);
            struct pkl_doc *d = index_at_once(src, &grains[g]);
            const char *shown;

            buf_clear(&text);
            add_text(d, &text);
            /* What stood there is given only where the sample is about it. */
            shown = s->text[0] == '!' ? strrchr(text.data, '!') : text.data;
            if (shown == NULL || strcmp(shown, s->text) != 0)
                fail_msg("%s: %s instead of %s", s->what, text.data, s->text);
            pkl_doc_free(d);
            source_free(src);
        }
    }
    buf_release(&text);
}

static void test_pieces(void **state)
{
    struct buf want, got;

    (void)state;
    buf_init(&want, BUF_MAX_TEXT);
    buf_init(&got, BUF_MAX_TEXT);
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct sample *s = &samples[i];
        struct source *src = source_mem(s->bytes, s->n, false), *spool;
        struct pkl_doc *d = index_at_once(src, &usual);

        buf_clear(&want);
        describe(d, &want);
        add_text(d, &want);
        pkl_doc_free(d);
        source_free(src);
        for (size_t k = 0; k < 3 * sizeof grains / sizeof grains[0]; k++) {
            d = index_in_pieces(&spool, s->bytes, s->n, k % 3, &grains[k / 3]);
            buf_clear(&got);
            describe(d, &got);
            add_text(d, &got);
            if (strcmp(want.data, got.data) != 0)
                fail_msg("%s, in pieces of %zu: %s instead of %s", s->what, k % 3, got.data,
                         want.data);
            pkl_doc_free(d);
            source_free(spool);
        }
    }
    buf_release(&want);
    buf_release(&got);
}

/* All is there, but the pass is left after every opcode. */
static void test_suspended(void **state)
{
    struct buf want, got;

    (void)state;
    buf_init(&want, BUF_MAX_TEXT);
    buf_init(&got, BUF_MAX_TEXT);
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct sample *s = &samples[i];
        struct source *src = source_mem(s->bytes, s->n, false);

        for (size_t g = 0; g < sizeof grains / sizeof grains[0]; g++) {
            struct pkl_doc *d = index_at_once(src, &grains[g]);
            bool done = false;

            buf_clear(&want);
            describe(d, &want);
            add_text(d, &want);
            pkl_doc_free(d);
            assert_int_equal(pkl_doc_new(src, 0, NULL, &d, NULL), PB_OK);
            pkl_doc_set_grain(d, &grains[g]);
            while (!done)
                assert_int_equal(pkl_doc_step(d, 1, &done, NULL), PB_OK);
            buf_clear(&got);
            describe(d, &got);
            add_text(d, &got);
            if (strcmp(want.data, got.data) != 0)
                fail_msg("%s, suspended: %s instead of %s", s->what, got.data, want.data);
            pkl_doc_free(d);
        }
        source_free(src);
    }
    buf_release(&want);
    buf_release(&got);
}

/* Cut at every byte, what stands is browsable. */
static void test_cut(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, BUF_MAX_TEXT);
    for (size_t i = 0; i < SAMPLES; i++) {
        for (size_t n = 0; n < samples[i].n; n++) {
            char *copy = malloc(n + 1); /* so that a sanitizer sees the end */
            struct source *src;
            struct pkl_doc *d;

            assert_non_null(copy);
            memcpy(copy, samples[i].bytes, n);
            src = source_mem(copy, n, false);
            d = index_at_once(src, &grains[(i + n) % 4]);
            buf_clear(&text);
            describe(d, &text);
            add_text(d, &text);
            pkl_doc_free(d);
            source_free(src);
            free(copy);
        }
    }
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_suspended),
        cmocka_unit_test(test_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
