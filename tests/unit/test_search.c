/* Looking for a text in a value: what matches, in which order, and going on from a place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/pkl_path.h>
#include <pklbrowse/search.h>
#include <pklbrowse/seen.h>

/* {'Name': 'Anna', 'n': [10, 2.5, 'anna', b'xAnNa'], ('t', 1): None} and a second pickle, 'anna'.
 */
#define VALUE                                                                                      \
    "\x80\x03}(X\4\0\0\0NameX\4\0\0\0AnnaX\1\0\0\0n](K\x0aG@\4\0\0\0\0\0\0X\4\0\0\0annaC\5xAnNae"  \
    "X\1\0\0\0tK\1\x86Nu.X\4\0\0\0anna."

static struct pkl_doc *document(const void *p, size_t n, struct source **src)
{
    struct pkl_doc *d;
    struct error e;

    *src = source_mem(p, n, false);
    assert_non_null(*src);
    assert_int_equal(pkl_doc_new(*src, 0, NULL, &d, &e), PB_OK);
    assert_int_equal(pkl_doc_index(d, &e), PB_OK);
    return d;
}

/* The paths of all hits, each with a blank behind it. */
static void hits_of(struct pkl_view *v, const char *text, struct buf *out)
{
    struct search *s;
    struct error e;

    if (search_new(v, text, strlen(text), &s, &e) != PB_OK) {
        buf_puts(out, "!");
        return;
    }
    while (job_step(search_job(s), 1) == JOB_MORE)
        ;
    assert_int_equal(search_hits(s), search_kept(s));
    for (size_t i = 0; i < search_kept(s); i++) {
        const struct search_hit *h = search_hit(s, i);
        struct pkl_child place = {
            .owner = h->owner, .index = h->index, .step = h->step, .part = h->part};

        if (h->step == PKL_STEP_ROOT)
            buf_printf(out, "@%u", (unsigned)h->index);
        else if (pkl_path_of_place(v, &place, PATH_FORM_PATH, out, &e) != PB_OK)
            fail_msg("%s: %s", text, e.msg);
        buf_putc(out, ' ');
    }
    search_free(s);
}

static void test_matches(void **state)
{
    static const struct {
        const char *text, *hits;
    } cases[] = {
        {"anna", ".Name .n[2] .n[3] @1 "}, /* small letters: either */
        {"Anna", ".Name "},
        {"AnNa", ".n[3] "},
        {"name", ".Name "}, /* keys too */
        {"k:name", ".Name "},
        {"v:name", ""},
        {"k:anna", ""},
        {"10", ".n[0] "},
        {"2.5", ".n[1] "},
        {"none", "[('t', 1)] "},
        {"re:^a.*a$", ".Name .n[2] @1 "},
        {"re:^[0-9.]+$", ".n[0] .n[1] "},
        {"re:(", "!"},
        {"nowhere", ""},
    };
    struct source *src;
    struct pkl_doc *d = document(VALUE, sizeof VALUE - 1, &src);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf found;

        buf_init(&found, BUF_MAX_LINE);
        hits_of(pkl_doc_view(d), cases[i].text, &found);
        if (strcmp(found.data, cases[i].hits) != 0)
            fail_msg("%s: %s", cases[i].text, found.data);
        buf_release(&found);
    }
    pkl_doc_free(d);
    source_free(src);
}

static void test_next(void **state)
{
    struct source *src;
    struct pkl_doc *d = document(VALUE, sizeof VALUE - 1, &src);
    struct pkl_view *v = pkl_doc_view(d);
    struct search *s;
    struct pkl_child root, kids[3];
    struct error e;
    size_t got, hit;

    (void)state;
    assert_int_equal(search_new(v, "anna", 4, &s, &e), PB_OK);
    assert_int_equal(v->root(v, 0, &root, &e), PB_OK);
    assert_false(search_next(s, &root, false, &hit)); /* nothing is known yet */
    assert_int_equal(job_run(search_job(s), &e), PB_OK);
    assert_true(search_next(s, &root, false, &hit));
    assert_int_equal(hit, 0);
    assert_false(search_next(s, &root, true, &hit));
    assert_int_equal(v->children(v, root.value.id, 0, 3, kids, &got, &e), PB_OK);
    assert_true(search_next(s, &kids[0], false, &hit)); /* from a hit */
    assert_int_equal(hit, 1);
    assert_false(search_next(s, &kids[0], true, &hit));
    assert_true(search_next(s, &kids[1], false, &hit)); /* from a container with hits inside */
    assert_int_equal(hit, 1);
    assert_true(search_next(s, &kids[2], true, &hit));
    assert_int_equal(hit, 2);
    search_free(s);
    search_free(NULL);
    pkl_doc_free(d);
    source_free(src);
}

/* A text across the pieces in which a long value is looked through. */
static void test_long(void **state)
{
    const size_t n = 3000000;
    char *bytes = malloc(n + 11);
    struct source *src;
    struct pkl_doc *d;
    size_t places[] = {0, 262142, 262144, 1500000, 2999995};

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct buf found;

        memcpy(bytes, "\x80\x03\x42", 3);
        bytes[3] = (char)(n & 255);
        bytes[4] = (char)(n >> 8 & 255);
        bytes[5] = (char)(n >> 16 & 255);
        bytes[6] = (char)(n >> 24);
        memset(bytes + 7, 'x', n);
        memcpy(bytes + 7 + places[i], "TEXT", 4);
        bytes[7 + n] = '.';
        d = document(bytes, n + 8, &src);
        buf_init(&found, BUF_MAX_LINE);
        hits_of(pkl_doc_view(d), "text", &found);
        assert_string_equal(found.data, "@0 ");
        buf_clear(&found);
        hits_of(pkl_doc_view(d), "TEXTx", &found);
        assert_string_equal(found.data, places[i] + 4 < n ? "@0 " : "");
        buf_clear(&found);
        hits_of(pkl_doc_view(d), "TeXT", &found);
        assert_string_equal(found.data, "");
        buf_release(&found);
        pkl_doc_free(d);
        source_free(src);
    }
    free(bytes);
}

/* l = []; l.append(l): a value inside itself is looked through once. */
static void test_recursive(void **state)
{
    static const char value[] = "\x80\x02]q\0(X\1\0\0\0ah\0X\1\0\0\0ae.";
    struct source *src;
    struct pkl_doc *d = document(value, sizeof value - 1, &src);
    struct buf found;

    (void)state;
    buf_init(&found, BUF_MAX_LINE);
    hits_of(pkl_doc_view(d), "a", &found);
    assert_int_equal(strncmp(found.data, "[0] ", 4), 0);
    buf_release(&found);
    pkl_doc_free(d);
    source_free(src);
}

static void test_seen(void **state)
{
    struct seen s = {0};
    bool is_new;

    (void)state;
    assert_false(seen_has(&s, 5));
    for (uint64_t i = 0; i < 10000; i++) {
        assert_true(seen_put(&s, i * i << 20, &is_new));
        assert_true(is_new);
    }
    for (uint64_t i = 0; i < 10000; i++) {
        assert_true(seen_has(&s, i * i << 20));
        assert_true(seen_put(&s, i * i << 20, &is_new));
        assert_false(is_new);
        assert_false(seen_has(&s, (i * i << 20) + 1));
    }
    assert_int_equal(s.count, 10000);
    seen_release(&s);
    assert_false(seen_has(&s, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches),   cmocka_unit_test(test_next), cmocka_unit_test(test_long),
        cmocka_unit_test(test_recursive), cmocka_unit_test(test_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
