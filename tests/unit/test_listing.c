/* The listing model against a store that answers when the test says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/listing.h>
#include <pklbrowse/loop.h>
#include <pklbrowse/mem.h>

#include "../../src/model/rank.h"
#include "../../src/store/store_op.h"

/* --- a store under the test's hand --------------------------------------------------------- */

struct fake {
    struct store store;
    store_page_fn done;
    void *ctx;
    unsigned asked;
    char token[32], container[32], prefix[64];
    bool refuse;
    /* Of a store that says early where it goes on: what it was asked for; done NULL: over. */
    bool early;
    void (*more)(void *ctx, const char *token);
    struct ahead {
        struct store_op op; /* first */
        store_page_fn done;
        void *ctx;
        char token[32];
    } ops[16];
    size_t begun;
};

static struct store_op *start(struct fake *f, const char *token, store_page_fn done, void *ctx,
                              struct error *e)
{
    if (f->refuse) {
        error_set(e, PB_EDENIED, "Access denied");
        return NULL;
    }
    assert_null(f->done); /* one page at a time */
    f->asked++;
    f->done = done;
    f->ctx = ctx;
    snprintf(f->token, sizeof(f->token), "%s", token ? token : "");
    return (struct store_op *)(void *)f;
}

static void drop_ahead(struct store_op *op)
{
    ((struct ahead *)op)->done = NULL;
}

static const struct store_op_class ahead_class = {.stop = drop_ahead};

static struct store_op *start_ahead(struct fake *f, const struct store_list_request *r,
                                    store_page_fn done, void *ctx)
{
    struct ahead *x = &f->ops[f->begun++];

    assert_true(f->begun <= sizeof f->ops / sizeof *f->ops);
    *x = (struct ahead){.op = {.cls = &ahead_class}, .done = done, .ctx = ctx};
    (void)snprintf(x->token, sizeof x->token, "%s", r->token ? r->token : "");
    f->more = r->more;
    return &x->op;
}

static struct store_op *fake_containers(struct store *s, const char *token, store_page_fn done,
                                        void *ctx, struct error *e)
{
    return start((struct fake *)(void *)s, token, done, ctx, e);
}

static struct store_op *fake_list(struct store *s, const struct store_list_request *r,
                                  store_page_fn done, void *ctx, struct error *e)
{
    struct fake *f = (struct fake *)(void *)s;
    snprintf(f->container, sizeof(f->container), "%s", r->container);
    snprintf(f->prefix, sizeof(f->prefix), "%.*s", (int)r->prefix_len, r->prefix);
    assert_false(r->recursive);
    if (f->early)
        return start_ahead(f, r, done, ctx);
    return start(f, r->token, done, ctx, e);
}

static const struct store_ops fake_ops = {
    .scheme = "fake", .list_containers = fake_containers, .list = fake_list};

static struct store_page *make_page(const char *const *names, size_t n, const char *next)
{
    struct store_page *p = mem_alloc(sizeof(*p));
    arena_init(&p->mem);
    p->entries = arena_alloc(&p->mem, n * sizeof(*p->entries) + 1);
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(names[i]);
        bool prefix = len > 0 && names[i][len - 1] == '/';
        p->entries[i] = (struct store_entry){
            .kind = prefix ? STORE_PREFIX : STORE_OBJECT,
            .name = arena_strndup(&p->mem, names[i], len),
            .len = len,
            .size = prefix ? 0 : 100 + i,
            .mtime = prefix ? 0 : names[i][0],
        };
    }
    p->count = n;
    p->next = next ? arena_strndup(&p->mem, next, strlen(next)) : NULL;
    return p;
}

static void answer(struct fake *f, const char *const *names, size_t n, const char *next)
{
    store_page_fn done = f->done;

    f->done = NULL;
    done(f->ctx, make_page(names, n, next), NULL);
}

static void answer_ahead(struct fake *f, size_t i, const char *name, const char *next)
{
    store_page_fn done = f->ops[i].done;

    assert_non_null(done);
    f->ops[i].done = NULL;
    done(f->ops[i].ctx, make_page(&name, 1, next), NULL);
}

/* The tokens of what is under way. */
static void ahead_are(const struct fake *f, const char *expected)
{
    char have[64] = "";

    for (size_t i = 0; i < f->begun; i++)
        if (f->ops[i].done != NULL) {
            size_t n = strlen(have);
            (void)snprintf(have + n, sizeof have - n, "%s ", f->ops[i].token);
        }
    assert_string_equal(have, expected);
}

static void count_change(void *ctx)
{
    ++*(unsigned *)ctx;
}

static struct listing *open_listing(struct fake *f, unsigned *changes, const char *container,
                                    const char *prefix)
{
    struct listing *l;
    struct error e;
    *f = (struct fake){.store = {.ops = &fake_ops}};
    *changes = 0;
    assert_int_equal(
        listing_new(&f->store, container, prefix, strlen(prefix), count_change, changes, &l, &e),
        PB_OK);
    return l;
}

/* A listing that is loading when it is freed would cancel an operation this store never made. */
static void close_listing(struct fake *f, struct listing *l)
{
    if (f->done)
        answer(f, NULL, 0, NULL);
    listing_free(l);
}

static void names_are(const struct listing *l, const char *expected)
{
    struct listing_row row;
    char got[200] = "";
    size_t at = 0;
    for (uint64_t i = 0; listing_row(l, i, &row); i++)
        at += (size_t)snprintf(got + at, sizeof got - at, "%s ", row.name);
    assert_string_equal(got, expected);
}

/* The rows that come later find their place too; names keep theirs among equals. */
/* --- tests --------------------------------------------------------------------------------- */

static void test_pages_on_demand(void **state)
{
    (void)state;
    struct fake f;
    unsigned changes;
    struct listing *l = open_listing(&f, &changes, "b", "p/");
    struct listing_row row;

    assert_true(listing_loading(l));
    assert_string_equal(f.prefix, "p/");
    answer(&f, (const char *[]){"p/a", "p/b/"}, 2, "t1");
    assert_int_equal(changes, 1);
    assert_int_equal(listing_count(l), 2);
    assert_false(listing_complete(l));
    assert_false(listing_loading(l)); /* nobody wants more */
    assert_true(listing_row(l, 1, &row));
    assert_int_equal(row.kind, STORE_PREFIX);
    assert_string_equal(row.shown, "b/");
    assert_int_equal(row.shown_len, 2);

    listing_want(l, 3);
    assert_string_equal(f.token, "t1");
    answer(&f, NULL, 0, "t2"); /* a page may be empty and still not the last */
    assert_string_equal(f.token, "t2");
    answer(&f, (const char *[]){"p/c"}, 1, NULL);
    assert_true(listing_complete(l));
    assert_int_equal(listing_count(l), 3);
    listing_want_all(l);
    assert_int_equal(f.asked, 3);
    uint64_t at;
    assert_true(listing_find(l, "p/c", 3, &at));
    assert_int_equal(at, 2);
    assert_false(listing_find(l, "p/", 2, &at));
    close_listing(&f, l);
}

/* Pages that are asked for before the one in front of them is here stay in order. */
static void test_pages_ahead(void **state)
{
    struct fake f;
    unsigned changes;
    struct listing *l = open_listing(&f, &changes, "b", "");
    const struct error why = {.code = PB_ENET, .msg = "gone"};

    (void)state;
    answer(&f, (const char *[]){"a"}, 1, "t1");
    f.early = true;
    listing_want(l, 3);
    f.more(f.ops[0].ctx, "t2"); /* not all are wanted: one at a time */
    ahead_are(&f, "t1 ");
    listing_want_all(l);
    f.more(f.ops[0].ctx, "t2");
    ahead_are(&f, "t1 t2 ");
    /* The second answers first. */
    answer_ahead(&f, 1, "c", "t3");
    assert_int_equal(listing_count(l), 1);
    answer_ahead(&f, 0, "b", "t2");
    names_are(l, "a b c ");
    ahead_are(&f, "t3 ");
    /* What was asked for ahead is not what comes next: left, and the right one asked for. */
    f.more(f.ops[2].ctx, "wrong");
    ahead_are(&f, "t3 wrong ");
    answer_ahead(&f, 2, "d", "t4");
    ahead_are(&f, "t4 ");
    /* Both are cancelled, and it goes on where it was. */
    f.more(f.ops[4].ctx, "t5");
    ahead_are(&f, "t4 t5 ");
    listing_stop(l);
    ahead_are(&f, "");
    assert_false(listing_loading(l));
    listing_want_all(l);
    ahead_are(&f, "t4 ");
    /* A failure takes what was asked for behind it along. */
    f.more(f.ops[6].ctx, "t5");
    f.ops[6].done(f.ops[6].ctx, NULL, &why);
    f.ops[6].done = NULL;
    ahead_are(&f, "");
    assert_string_equal(listing_error(l)->msg, "gone");
    names_are(l, "a b c d ");
    listing_free(l);
}

static void test_odd_names(void **state)
{
    (void)state;
    struct fake f;
    unsigned changes;
    struct listing *l = open_listing(&f, &changes, "b", "p/");
    struct listing_row row;
    /* Another prefix than asked, an empty segment, the folder's own marker with content. */
    answer(&f, (const char *[]){"x", "p//", "p/.."}, 3, NULL);
    assert_true(listing_row(l, 0, &row));
    assert_string_equal(row.shown, "x");
    assert_true(listing_row(l, 1, &row));
    assert_string_equal(row.shown, "/");
    assert_true(listing_row(l, 2, &row));
    assert_string_equal(row.shown, "..");
    close_listing(&f, l);
}

static void test_sort(void **state)
{
    (void)state;
    struct fake f;
    unsigned changes;
    struct listing *l = open_listing(&f, &changes, "b", "");
    struct error e;
    assert_int_equal(listing_sorted(l), LISTING_BY_NAME);
    answer(&f, (const char *[]){"a", "b", "c/"}, 3, "t");
    assert_int_equal(listing_sort(l, LISTING_BY_SIZE, &e), PB_OK);
    assert_int_equal(listing_sorted(l), LISTING_BY_SIZE);
    names_are(l, "c/ b a ");
    listing_want(l, 100);
    answer(&f, (const char *[]){"d", "ee"}, 2, NULL);
    names_are(l, "c/ b ee a d ");
    assert_int_equal(listing_filter(l, "e", &e), PB_OK);
    names_are(l, "ee ");
    assert_int_equal(listing_filter(l, "", &e), PB_OK);
    assert_int_equal(listing_sort(l, LISTING_BY_TIME, &e), PB_OK);
    names_are(l, "c/ ee d b a ");
    assert_int_equal(listing_sort(l, LISTING_BY_NAME, &e), PB_OK);
    names_are(l, "a b c/ d ee ");
    close_listing(&f, l);
}

static void test_sort_by_class(void **state)
{
    static const struct {
        const char *name, *class;
    } rows[] = {{"a", "STANDARD"}, {"b", "GLACIER"},  {"c", NULL},
                {"d", "GLACIER"},  {"e", "STANDARD"}, {"f", "DEEP_ARCHIVE"}};
    struct fake f;
    unsigned changes;
    struct listing *l = open_listing(&f, &changes, "b", "");
    struct store_page *p = make_page((const char *[]){"a", "b", "c", "d", "e", "f"}, 6, NULL);
    struct listing_row row;
    struct error e;

    (void)state;
    for (size_t i = 0; i < 6; i++)
        if (rows[i].class != NULL)
            p->entries[i].storage_class =
                arena_strndup(&p->mem, rows[i].class, strlen(rows[i].class));
    f.done(f.ctx, p, NULL);
    f.done = NULL;
    assert_int_equal(listing_sort(l, LISTING_BY_CLASS, &e), PB_OK);
    names_are(l, "c f b d a e ");
    assert_true(listing_row(l, 0, &row));
    assert_null(row.class);
    assert_true(listing_row(l, 2, &row));
    assert_string_equal(row.class, "GLACIER");
    close_listing(&f, l);
}

#define MANY 400000

static void many_names(struct fake *f, size_t from, size_t to, const char *next)
{
    static char texts[MANY / 8][24];
    static const char *names[MANY / 8];

    for (size_t i = from; i < to; i++) {
        (void)snprintf(texts[i - from], sizeof texts[0], "%07zu", i);
        names[i - from] = texts[i - from];
    }
    answer(f, names, to - from, next);
}

static void settle(struct loop *loop, const struct listing *l)
{
    while (listing_arranging(l))
        assert_int_equal(loop_turn(loop, 0, NULL), PB_OK);
}

/* Very many rows are looked at in slices, while others come and the text goes on being typed. */
static void test_slices(void **state)
{
    struct loop *loop;
    struct fake f;
    unsigned changes;
    struct listing *l = open_listing(&f, &changes, "b", "");
    struct listing_row row;
    uint64_t size = UINT64_MAX;
    struct error e;

    (void)state;
    assert_int_equal(loop_new(&loop, &e), PB_OK);
    f.store.loop = loop;
    listing_want_all(l);
    for (size_t i = 0; i < 7; i++)
        many_names(&f, i * MANY / 8, (i + 1) * MANY / 8, "t");
    assert_int_equal(listing_filter(l, "7", &e), PB_OK);
    assert_true(listing_arranging(l));
    many_names(&f, 7 * (MANY / 8), MANY, NULL); /* meanwhile */
    assert_int_equal(listing_filter(l, "77", &e), PB_OK);
    settle(loop, l);
    assert_int_equal(listing_count(l), 14764);
    for (uint64_t i = 1; i < listing_count(l); i++) {
        char before[16];

        assert_true(listing_row(l, i - 1, &row));
        (void)snprintf(before, sizeof before, "%s", row.name);
        assert_true(listing_row(l, i, &row));
        assert_true(strcmp(before, row.name) < 0);
    }
    /* In another order, which narrowing keeps; and away with it, in the middle of the work. */
    assert_int_equal(listing_filter(l, "", &e), PB_OK);
    assert_int_equal(listing_sort(l, LISTING_BY_SIZE, &e), PB_OK);
    assert_true(listing_arranging(l));
    settle(loop, l);
    assert_int_equal(listing_count(l), MANY);
    assert_int_equal(listing_filter(l, "9", &e), PB_OK);
    settle(loop, l);
    assert_int_equal(listing_filter(l, "99", &e), PB_OK);
    settle(loop, l);
    assert_int_equal(listing_count(l), 14764);
    for (uint64_t i = 0; i < listing_count(l); i++) {
        assert_true(listing_row(l, i, &row));
        assert_true(row.size <= size);
        size = row.size;
    }
    assert_int_equal(listing_sort(l, LISTING_BY_TIME, &e), PB_OK);
    assert_int_equal(listing_filter(l, "", &e), PB_OK);
    assert_int_equal(listing_sort(l, LISTING_BY_NAME, &e), PB_OK);
    assert_false(listing_arranging(l));
    assert_int_equal(listing_count(l), MANY);
    assert_int_equal(listing_sort(l, LISTING_BY_SIZE, &e), PB_OK);
    listing_free(l); /* in the middle of it */
    loop_free(loop);
}

static int by_key_then_row(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;

    if ((x->row ^ y->row) & RANK_BEHIND)
        return x->row & RANK_BEHIND ? 1 : -1;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Keys of every width, with many equals: as a sort by comparing puts them, which is stable here. */
static void test_ranks(void **state)
{
    static struct rank a[5000], room[5000], expected[5000];
    uint64_t seed = 12345;
    static struct rank_work work;

    (void)state;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        size_t n = shift == 0 ? 0 : 71 * shift;

        for (size_t i = 0; i < n; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            a[i] = (struct rank){seed >> shift >> (i % 3 * 8 % (64 - shift)),
                                 i | (i % 5 == 0 ? RANK_BEHIND : 0)};
        }
        memcpy(expected, a, sizeof a);
        qsort(expected, n, sizeof *expected, by_key_then_row);
        rank_begin(&work, a, room, n);
        while (!rank_step(&work, 97))
            ;
        assert_memory_equal(work.a, expected, n * sizeof *a);
    }
}

/* Typing on narrows what passed; taking letters away, another letter or a capital begins anew. */
static void test_filter_typed(void **state)
{
    static const struct {
        const char *typed, *rows;
    } steps[] = {{"a", "Alpha beta alps gamma "},
                 {"al", "Alpha alps "},
                 {"alp", "Alpha alps "},
                 {"alps", "alps "},
                 {"alp", "Alpha alps "},
                 {"lp", "Alpha alps "},
                 {"bet", "beta "},
                 {"beT", ""},
                 {"Al", "Alpha "},
                 {"Alp", "Alpha "},
                 {"a", "Alpha beta alps gamma "},
                 {"zz", ""},
                 {"", "Alpha beta alps gamma "}};
    struct fake f;
    unsigned changes;
    struct listing *l = open_listing(&f, &changes, "b", "");
    struct error e;

    (void)state;
    answer(&f, (const char *[]){"Alpha", "beta", "alps", "gamma"}, 4, NULL);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        assert_int_equal(listing_filter(l, steps[i].typed, &e), PB_OK);
        names_are(l, steps[i].rows);
    }
    close_listing(&f, l);
}

static void test_filter(void **state)
{
    (void)state;
    struct fake f;
    unsigned changes;
    struct listing *l = open_listing(&f, &changes, "b", "");
    struct listing_row row;
    struct error e;
    answer(&f, (const char *[]){"Alpha", "beta", "alps", "gamma"}, 4, "t");
    assert_int_equal(listing_filter(l, "al", &e), PB_OK);
    assert_int_equal(listing_count(l), 2);
    assert_int_equal(listing_filter(l, "Al", &e), PB_OK); /* a capital makes it exact */
    assert_int_equal(listing_count(l), 1);
    assert_true(listing_row(l, 0, &row));
    assert_string_equal(row.name, "Alpha");
    listing_want(l, 2); /* pages until two rows pass */
    answer(&f, (const char *[]){"nothing"}, 1, "t2");
    answer(&f, (const char *[]){"AlAl"}, 1, "t3");
    assert_false(listing_loading(l));
    assert_int_equal(listing_count(l), 2);
    assert_int_equal(listing_loaded(l), 6);
    assert_int_equal(listing_filter(l, "", &e), PB_OK);
    assert_int_equal(listing_count(l), 6);
    close_listing(&f, l);
}

static void test_failure_keeps_rows(void **state)
{
    (void)state;
    struct fake f;
    unsigned changes;
    struct listing *l = open_listing(&f, &changes, NULL, "");
    struct error e;
    answer(&f, (const char *[]){"bucket"}, 1, "t");
    listing_want_all(l);
    error_set(&e, PB_ENET, "connection lost");
    store_page_fn done = f.done;
    f.done = NULL;
    done(f.ctx, NULL, &e);
    assert_int_equal(listing_count(l), 1);
    assert_non_null(listing_error(l));
    assert_int_equal(listing_error(l)->code, PB_ENET);
    assert_false(listing_complete(l));
    listing_free(l);

    f = (struct fake){.store = {.ops = &fake_ops}, .refuse = true};
    assert_int_equal(listing_new(&f.store, "b", "", 0, count_change, &changes, &l, &e), PB_OK);
    assert_int_equal(listing_error(l)->code, PB_EDENIED);
    listing_free(l);
}

static void test_marks(void **state)
{
    (void)state;
    struct fake f, g;
    unsigned changes;
    struct listing *l = open_listing(&f, &changes, "b", "p/"), *again;
    struct listing_row row;
    uint64_t bytes, at = 0;
    struct error e;

    answer(&f, (const char *[]){"p/a", "p/b/", "p/c", "p/bb"}, 4, "more");
    assert_true(listing_mark(l, 0, true));
    assert_true(listing_mark(l, 0, true));  /* twice is once */
    assert_false(listing_mark(l, 1, true)); /* no object */
    assert_false(listing_mark(l, 9, true)); /* no such row */
    assert_int_equal(listing_marked(l, &bytes), 1);
    assert_int_equal(bytes, 100);
    assert_true(listing_row(l, 0, &row) && row.marked);

    /* A filter and an order hide and move, and take no mark away. */
    assert_int_equal(listing_filter(l, "b", &e), PB_OK);
    listing_mark_all(l, true);
    assert_int_equal(listing_marked(l, &bytes), 2);
    assert_int_equal(bytes, 203);
    assert_int_equal(listing_sort(l, LISTING_BY_SIZE, &e), PB_OK);
    assert_true(listing_next_marked(l, &at, &row) && row.hidden);
    assert_string_equal(row.shown, "a");
    assert_true(listing_next_marked(l, &at, &row) && !row.hidden);
    assert_string_equal(row.shown, "bb");
    assert_false(listing_next_marked(l, &at, &row));

    /* Read again: what has come and what still comes. */
    again = open_listing(&g, &changes, "b", "p/");
    answer(&g, (const char *[]){"p/a", "p/b/"}, 2, "more");
    assert_int_equal(listing_mark_as(again, l, &e), PB_OK);
    assert_int_equal(listing_marked(again, NULL), 1);
    listing_want_all(again);
    answer(&g, (const char *[]){"p/bb", "p/c"}, 2, NULL);
    assert_int_equal(listing_marked(again, &bytes), 2);
    assert_int_equal(bytes, 200);

    listing_mark_all(l, false); /* those that pass the filter */
    assert_int_equal(listing_marked(l, NULL), 1);
    listing_unmark(l);
    assert_int_equal(listing_marked(l, &bytes), 0);
    assert_int_equal(bytes, 0);
    close_listing(&g, again);
    close_listing(&f, l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_on_demand),
        cmocka_unit_test(test_odd_names),
        cmocka_unit_test(test_pages_ahead),
        cmocka_unit_test(test_sort_by_class),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_filter_typed),
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_failure_keeps_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
