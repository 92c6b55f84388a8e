/* Where a location is: parents, children, absolute paths, the store and the key in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "app/app_private.h"

#define ROOM 512

static char here[ROOM]; /* a folder of this test, and the current one */

static void parsed(struct location *loc, const char *text)
{
    struct error e;

    if (location_parse(loc, text, &e) != PB_OK)
        fail_msg("%s: %s", text, e.msg);
}

/* Text with "HERE" at its start replaced by the test's folder. */
static const char *local(char out[ROOM], const char *text)
{
    bool named = strncmp(text, "HERE", 4) == 0;

    snprintf(out, ROOM, "%s%s", named ? here : "", named ? text + 4 : text);
    return out;
}

static void expect_location(const struct location *loc, const char *text, const char *about)
{
    char want[ROOM];
    struct buf got;

    buf_init(&got, BUF_MAX_LINE);
    location_format(&got, loc);
    if (strcmp(got.data, local(want, text)) != 0)
        fail_msg("%s: %s", about, got.data);
    buf_release(&got);
}

static const struct {
    const char *from, *to; /* to NULL: there is none */
} parents[] = {
    {"s3://b/a/b/c.pkl", "s3://b/a/b/"},
    {"s3://b/a/b/", "s3://b/a/"},
    {"s3://b/a/", "s3://b"},
    {"s3://b/a", "s3://b"},
    {"s3://b/a//", "s3://b/a/"},
    {"s3://b//x", "s3://b//"},
    {"s3://b//", "s3://b"},
    {"s3://b", "s3://"},
    {"s3://", NULL},
    {"gs://b/a", "gs://b"},
    {"az://acc/c/a/b", "az://acc/c/a/"},
    {"/a/b/c", "/a/b/"},
    {"/a/b/", "/a/"},
    {"/a", "/"},
    {"/a//b///", "/a/"},
    {"/a/./b/.", "/a/"},
    {"/", NULL},
    {"//", NULL},
    {"-", NULL},
    {"x", "HERE/"},
    {"./x", "HERE/"},
    {"sub/", "HERE/"},
    {"sub/x", "HERE/sub/"},
    {"link/..", "/"}, /* link leads to /usr/bin: ".." of that, not of the link */
    {"..a/x", "HERE/..a/"},
};

static void test_parents(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++) {
        struct location loc, up;

        parsed(&loc, parents[i].from);
        if (app_parent_location(&loc, &up) != (parents[i].to != NULL))
            fail_msg("%s: %s parent", parents[i].from, parents[i].to ? "no" : "a");
        if (parents[i].to != NULL) {
            expect_location(&up, parents[i].to, parents[i].from);
            location_release(&up);
        }
        location_release(&loc);
    }
}

/* Going up from anywhere ends. */
static void test_parents_end(void **state)
{
    static const char *const from[] = {"s3://b/a//b///c/", "/a/../b/./c//", "sub/../x", "."};

    (void)state;
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        struct location loc, up;
        unsigned steps = 0;

        parsed(&loc, from[i]);
        while (app_parent_location(&loc, &up)) {
            location_release(&loc);
            loc = up;
            assert_true(++steps < 50);
        }
        location_release(&loc);
    }
}

static const struct {
    const char *parent;
    enum store_kind kind;
    const char *name, *to;
} children[] = {
    {"s3://", STORE_CONTAINER, "b", "s3://b"},
    {"s3://b", STORE_PREFIX, "a/", "s3://b/a/"},
    {"s3://b/a/", STORE_OBJECT, "a/ %?#.pkl", "s3://b/a/ %?#.pkl"},
    {"s3://b/a/", STORE_OBJECT, "a//\xff", "s3://b/a//\xff"},
    {"gs://b", STORE_OBJECT, "k", "gs://b/k"},
    {"/", STORE_PREFIX, "tmp/", "/tmp/"},
    {"/tmp/", STORE_OBJECT, "tmp/x", "/tmp/x"},
    {".", STORE_OBJECT, "home/x", "/home/x"},
};

static void test_children(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof children / sizeof *children; i++) {
        struct location parent, child;
        struct error e;

        parsed(&parent, children[i].parent);
        assert_int_equal(app_child_location(&parent, children[i].kind, children[i].name,
                                            strlen(children[i].name), &child, &e),
                         PB_OK);
        expect_location(&child, children[i].to, children[i].parent);
        location_release(&child);
        location_release(&parent);
    }
}

static const struct {
    const char *from, *to;
    bool folder;
} canonical[] = {
    {"s3://b/sub", "s3://b/sub", false},
    {"s3://b", "s3://b", true},
    {"s3://b/x/", "s3://b/x/", true},
    {"s3://", "s3://", true},
    {"-", "-", false},
    {".", "HERE/", true},
    {"sub", "HERE/sub/", true},
    {"sub/", "HERE/sub/", true},
    {"./sub//./", "HERE/sub/", true},
    {"file", "HERE/file", false},
    {"file/", "HERE/file/", true},
    {"missing", "HERE/missing", false},
    {"link", "HERE/link/", true},
    {"/", "/", true},
    {"/.", "/", true},
    {"sub/../file", "HERE/sub/../file", false},
};

static void test_canonical(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof canonical / sizeof *canonical; i++) {
        struct location loc, got;
        struct error e;

        parsed(&loc, canonical[i].from);
        assert_int_equal(app_canonical_location(&loc, &got, &e), PB_OK);
        expect_location(&got, canonical[i].to, canonical[i].from);
        if (app_location_is_folder(&got) != canonical[i].folder)
            fail_msg("%s: folder?", canonical[i].from);
        location_release(&got);
        location_release(&loc);
    }
}

static const struct {
    const char *text;
    enum pb_err err;
    const char *container, *key;
} spots[] = {
    {"s3://", PB_OK, NULL, ""},
    {"s3://b", PB_OK, "b", ""},
    {"s3://b/", PB_OK, "b", ""},
    {"s3://b//k%20", PB_OK, "b", "/k%20"},
    {"/", PB_OK, "/", ""},
    {"/a//b/", PB_OK, "/", "a/b/"},
    {"/a/../b", PB_OK, "/", "a/../b"},
    {"gs://b//k%20", PB_OK, "b", "/k%20"},
    {"gs://", PB_OK, NULL, ""},
    {"az://a/c/k", PB_OK, "a/c", "k"},
    {"az://a", PB_OK, "a", ""},
    {"https://h/x", PB_EUNSUPPORTED, NULL, NULL},
    {"-", PB_EUSAGE, NULL, NULL},
};

static void test_resolve(void **state)
{
    static const struct app_options none;
    struct app *a;
    struct error e;

    (void)state;
    assert_int_equal(app_new(&none, &a, &e), PB_OK);
    for (size_t i = 0; i < sizeof spots / sizeof *spots; i++) {
        struct location loc;
        struct arena mem;
        struct app_spot spot = {0};

        arena_init(&mem);
        parsed(&loc, spots[i].text);
        if (app_resolve(a, &loc, &mem, &spot, &e) != spots[i].err)
            fail_msg("%s: %s", spots[i].text, e.msg);
        location_release(&loc); /* the strings are the arena's */
        if (spots[i].err == PB_OK) {
            assert_non_null(spot.store);
            assert_int_equal(spot.container == NULL, spots[i].container == NULL);
            if (spot.container != NULL)
                assert_string_equal(spot.container, spots[i].container);
            assert_string_equal(spot.key, spots[i].key);
            assert_int_equal(spot.key_len, strlen(spots[i].key));
        }
        arena_release(&mem);
    }
    app_free(a);
}

/* --- places and titles ------------------------------------------------------------------------ */

static void clear_environment(void)
{
    static const char *const names[] = {
        "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL",      "AWS_PROFILE", "AWS_DEFAULT_PROFILE",
        "AWS_ACCESS_KEY_ID",   "AWS_SECRET_ACCESS_KEY", "AWS_REGION",  "AWS_DEFAULT_REGION",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    setenv("AWS_CONFIG_FILE", "/nonexistent/config", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials", 1);
}

static void test_places(void **state)
{
    struct app_options o = {.read_only = true};
    struct location loc;
    struct buf title;
    struct app *a;
    struct error e;
    char want[ROOM + 8];

    (void)state;
    clear_environment();
    assert_int_equal(app_new(&o, &a, &e), PB_OK);
    assert_int_equal(app_places(a), 1);
    snprintf(want, sizeof want, "folder %s", here);
    assert_string_equal(app_place(a, 0)->title, want);
    expect_location(&app_place(a, 0)->where, "HERE/", "current folder");
    assert_null(app_place(a, 1));
    app_free(a);

    setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:7480", 1);
    o.aws.region = "eu-west-1";
    assert_int_equal(app_new(&o, &a, &e), PB_OK);
    assert_int_equal(app_places(a), 2);
    assert_string_equal(app_place(a, 1)->title, "s3  http://127.0.0.1:7480");
    expect_location(&app_place(a, 1)->where, "s3://", "s3");
    buf_init(&title, BUF_MAX_LINE);
    app_describe(a, &app_place(a, 1)->where, &title);
    assert_string_equal(title.data, "http://127.0.0.1:7480 · eu-west-1 · read-only");
    buf_clear(&title);
    parsed(&loc, "/x");
    app_describe(a, &loc, &title);
    assert_string_equal(title.data, "local · read-only");
    location_release(&loc);
    buf_release(&title);
    app_free(a);

    /* A profile that is nowhere is no reason not to start: it is told when the place is opened. */
    o.aws.profile = "nobody";
    assert_int_equal(app_new(&o, &a, &e), PB_OK);
    assert_int_equal(app_places(a), 2);
    assert_string_equal(app_place(a, 1)->title, "s3");
    app_free(a);
    clear_environment();
}

static int set_up(void **state)
{
    static char made[] = "/tmp/pklbrowse-test-location.XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(made));
    assert_int_equal(chdir(made), 0);
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(mkdir("sub", 0700), 0);
    assert_int_equal(symlink("/usr/bin", "link"), 0);
    fclose(fopen("file", "w"));
    clear_environment();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink("file");
    unlink("link");
    rmdir("sub");
    return chdir("/") != 0 || rmdir(here) != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parents),  cmocka_unit_test(test_parents_end),
        cmocka_unit_test(test_children), cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_resolve),  cmocka_unit_test(test_places),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
