/* Local folders as a store: listing, reading, careful writing. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include <pklbrowse/store.h>

/* One temporary folder, one loop, one store; what the last operation said. */
struct fixture {
    char dir[64];
    struct loop *loop;
    struct store *store;
    bool done, pause;
    struct error error;
    struct buf text; /* names of a listing, bytes of a read */
    char *next;      /* token */
    struct store_object object;
    struct store_identity now;
    struct store_op *op;
    uint64_t begun;
    unsigned pauses;
};

/* In this process, or in one apart: it is the same for whoever asks. */
static enum pb_err (*make_store)(struct loop *l, struct store **out, struct error *e);

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/test_store_local.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(loop_new(&f->loop, NULL), PB_OK);
    assert_int_equal(make_store(f->loop, &f->store, NULL), PB_OK);
    buf_init(&f->text, BUF_MAX_TEXT);
    store_object_init(&f->object);
    *state = f;
    return 0;
}

static int run(const char *program, const char *a, const char *b, const char *path)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        (void)execlp(program, program, a, b, path, (char *)NULL);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid ? status : -1;
}

/* Nothing is denied to root: the rest of the test is somebody else, who owns the folder. */
static void be_nobody(const struct fixture *f)
{
    if (geteuid() != 0)
        return;
    assert_int_equal(run("chown", "-Rh", "65534:65534", f->dir), 0);
    assert_int_equal(seteuid(65534), 0);
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (geteuid() != getuid())
        assert_int_equal(seteuid(getuid()), 0);
    store_free(f->store);
    loop_free(f->loop);
    buf_release(&f->text);
    store_object_release(&f->object);
    store_identity_release(&f->now);
    free(f->next);
    assert_int_equal(run("rm", "-rf", "--", f->dir), 0);
    free(f);
    return 0;
}

static const char *path_of(const struct fixture *f, const char *name)
{
    static char path[4096];

    (void)snprintf(path, sizeof path, "%s/%s", f->dir, name);
    return path;
}

static void put_file(const struct fixture *f, const char *name, const char *text)
{
    FILE *out = fopen(path_of(f, name), "w");

    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static void expect_file(const struct fixture *f, const char *name, const char *want)
{
    char have[256];
    FILE *in = fopen(path_of(f, name), "r");
    size_t n;

    assert_non_null(in);
    n = fread(have, 1, sizeof have - 1, in);
    have[n] = '\0';
    (void)fclose(in);
    assert_string_equal(have, want);
}

static void wait_for(struct fixture *f)
{
    assert_int_equal(loop_until(f->loop, &f->done, NULL), PB_OK);
}

static void ended(struct fixture *f, const struct error *e)
{
    f->error = e ? *e : (struct error){0};
    f->op = NULL;
    f->done = true;
}

/* ---------------------------------------------------------------------------- listing */

static void on_page(void *ctx, struct store_page *page, const struct error *e)
{
    struct fixture *f = ctx;
    size_t i;

    ended(f, e);
    free(f->next);
    f->next = NULL;
    mem_fail_after(-1);
    if (!page)
        return;
    for (i = 0; i < page->count; i++) {
        const struct store_entry *x = &page->entries[i];

        buf_printf(&f->text, "%s%s%s", f->text.len ? " " : "", x->name,
                   x->kind == STORE_PREFIX ? ""
                   : x->etag               ? ""
                                           : "!");
    }
    if (page->next)
        f->next = strdup(page->next);
    store_page_free(page);
}

static enum pb_err list(struct fixture *f, const char *prefix, bool recursive, unsigned max,
                        const char *token, const char *start_after)
{
    struct store_list_request r = {.container = f->dir,
                                   .prefix = prefix,
                                   .prefix_len = strlen(prefix),
                                   .recursive = recursive,
                                   .max = max,
                                   .token = token,
                                   .start_after = start_after};

    f->done = false;
    assert_non_null(f->store->ops->list(f->store, &r, on_page, f, NULL));
    assert_false(f->done); /* never before a later turn */
    wait_for(f);
    return f->error.code;
}

/* All pages, joined with '|'. */
static const char *list_all(struct fixture *f, const char *prefix, bool recursive, unsigned max)
{
    char *token = NULL;

    buf_clear(&f->text);
    do {
        assert_int_equal(list(f, prefix, recursive, max, token, NULL), PB_OK);
        free(token);
        token = f->next ? strdup(f->next) : NULL;
        if (token)
            buf_putc(&f->text, '|');
    } while (token);
    return f->text.data;
}

static void make_tree(struct fixture *f)
{
    assert_int_equal(mkdir(path_of(f, "a"), 0755), 0);
    assert_int_equal(mkdir(path_of(f, "a/deep"), 0755), 0);
    assert_int_equal(mkdir(path_of(f, "empty"), 0755), 0);
    put_file(f, "a/1", "x");
    put_file(f, "a/deep/2", "x");
    put_file(f, "a/z", "x");
    put_file(f, ".hidden", "x");
    put_file(f, "b.pkl", "xyz");
    put_file(f, "b\xff\x1b", "x");
    assert_int_equal(symlink("a", path_of(f, "folder-link")), 0);
    assert_int_equal(symlink("b.pkl", path_of(f, "file-link")), 0);
    assert_int_equal(symlink("nowhere", path_of(f, "broken-link")), 0);
    assert_int_equal(mkfifo(path_of(f, "pipe"), 0600), 0);
}

static void test_list(void **state)
{
    struct fixture *f = *state;

    make_tree(f);
    assert_string_equal(
        list_all(f, "", false, 0),
        ".hidden a/ b.pkl broken-link b\xff\x1b empty/ file-link folder-link/ pipe");
    assert_string_equal(list_all(f, "b", false, 0), "b.pkl broken-link b\xff\x1b");
    assert_string_equal(list_all(f, "a/", false, 0), "a/1 a/deep/ a/z");
    assert_string_equal(list_all(f, "a/d", false, 0), "a/deep/");
    assert_string_equal(list_all(f, "empty/", false, 0), "");
    assert_string_equal(list_all(f, "nothing", false, 0), "");
    assert_int_equal(list(f, "nowhere/", false, 0, NULL, NULL), PB_ENOTFOUND);
    assert_non_null(strstr(f->error.msg, "nowhere"));
}

static void test_list_pages(void **state)
{
    struct fixture *f = *state;

    make_tree(f);
    assert_string_equal(list_all(f, "", false, 2),
                        ".hidden a/| b.pkl broken-link| b\xff\x1b empty/| file-link folder-link/|"
                        " pipe");
    assert_string_equal(
        list_all(f, "", false, 9),
        ".hidden a/ b.pkl broken-link b\xff\x1b empty/ file-link folder-link/ pipe");
    buf_clear(&f->text);
    assert_int_equal(list(f, "", false, 2, NULL, "b.pkl"), PB_OK);
    assert_string_equal(f->text.data, "broken-link b\xff\x1b");
}

static void test_list_recursive(void **state)
{
    static const char all[] = ".hidden a/1 a/deep/2 a/z b.pkl broken-link b\xff\x1b file-link "
                              "folder-link/ pipe";
    struct fixture *f = *state;
    unsigned max;

    make_tree(f);
    assert_string_equal(list_all(f, "", true, 0), all);
    assert_string_equal(list_all(f, "a/", true, 0), "a/1 a/deep/2 a/z");
    for (max = 1; max < 12; max++) {
        char joined[256];
        size_t n = 0;
        const char *p = list_all(f, "", true, max);

        for (; *p; p++)
            if (*p != '|')
                joined[n++] = *p;
        joined[n] = '\0';
        assert_string_equal(joined, all);
    }
}

/* More names than a page holds, each exactly once and in order. */
static void test_list_many(void **state)
{
    struct fixture *f = *state;
    char name[32], *at, *end;
    unsigned i;

    for (i = 0; i < 2500; i++) {
        (void)snprintf(name, sizeof name, "k%04u", (i * 7919u) % 2500u);
        put_file(f, name, "");
    }
    (void)list_all(f, "k", false, 300);
    at = f->text.data;
    for (i = 0; i < 2500; i++) {
        (void)snprintf(name, sizeof name, "k%04u", i);
        at += strspn(at, " |");
        end = at + strcspn(at, " |");
        assert_int_equal(end - at, 5);
        assert_memory_equal(at, name, 5);
        at = end;
    }
    assert_string_equal(at, "");
}

static void test_list_denied_folder(void **state)
{
    struct fixture *f = *state;

    make_tree(f);
    assert_int_equal(chmod(path_of(f, "a/deep"), 0), 0);
    be_nobody(f);
    assert_string_equal(list_all(f, "a/", true, 0), "a/1 a/deep/ a/z");
    assert_int_equal(list(f, "a/deep/", false, 0, NULL, NULL), PB_EDENIED);
    assert_int_equal(chmod(path_of(f, "a/deep"), 0700), 0);
}

static void test_containers(void **state)
{
    struct fixture *f = *state;

    f->done = false;
    assert_non_null(f->store->ops->list_containers(f->store, NULL, on_page, f, NULL));
    wait_for(f);
    assert_int_equal(f->error.code, PB_OK);
    assert_string_equal(f->text.data, "/!");
    assert_null(f->next);
}

/* --------------------------------------------------------------------- head and read */

static void on_object(void *ctx, const struct store_object *o, const struct error *e)
{
    struct fixture *f = ctx;

    ended(f, e);
    store_object_release(&f->object);
    mem_fail_after(-1); /* what follows is the test's own */
    if (o)
        assert_int_equal(store_object_copy(&f->object, o, NULL), PB_OK);
}

static enum pb_err head(struct fixture *f, const char *key)
{
    f->done = false;
    assert_non_null(
        f->store->ops->head(f->store, f->dir, key, strlen(key), NULL, on_object, f, NULL));
    assert_false(f->done);
    wait_for(f);
    return f->error.code;
}

static void test_head(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    char stamp[128];

    make_tree(f);
    assert_int_equal(head(f, "b.pkl"), PB_OK);
    assert_int_equal(stat(path_of(f, "b.pkl"), &st), 0);
    (void)snprintf(stamp, sizeof stamp, "%llu-3-%lld", (unsigned long long)st.st_ino,
                   (long long)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
    assert_string_equal(f->object.identity.etag, stamp);
    assert_true(store_identity_matches(&f->object.identity, stamp));
    assert_int_equal(f->object.identity.size, 3);
    assert_int_equal(f->object.mode, st.st_mode & 07777);
    assert_string_equal(http_headers_get(&f->object.shown, "Size"), "3");
    assert_int_equal(head(f, "file-link"), PB_OK);
    assert_string_equal(f->object.identity.etag, stamp);
}

static void test_head_refuses(void **state)
{
    static const struct {
        const char *key;
        enum pb_err want;
        const char *words;
    } rows[] = {
        {"nowhere", PB_ENOTFOUND, "nowhere"}, {"broken-link", PB_ENOTFOUND, "broken-link"},
        {"b.pkl/x", PB_ENOTFOUND, "b.pkl"},   {"a", PB_EUSAGE, "folder"},
        {"pipe", PB_EUNSUPPORTED, "pipe"},    {"../../dev/null", PB_EUNSUPPORTED, "device"},
    };
    struct fixture *f = *state;
    size_t i;

    make_tree(f);
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (head(f, rows[i].key) != rows[i].want || !strstr(f->error.msg, rows[i].words))
            fail_msg("%s: %s: %s", rows[i].key, error_name(f->error.code), f->error.msg);
    }
}

static enum pb_err begin(void *ctx, const struct store_object *o, struct error *e)
{
    struct fixture *f = ctx;

    (void)e;
    f->begun = o->identity.size;
    return PB_OK;
}

static void wake(void *ctx)
{
    struct fixture *f = ctx;

    store_op_resume(f->op);
}

static enum pb_err take(void *ctx, const void *p, size_t n, struct error *e)
{
    struct fixture *f = ctx;

    if (f->pause) {
        f->pause = false;
        f->pauses++;
        assert_true(loop_timer_start(f->loop, 5, wake, f) != 0);
        return error_set(e, PB_EAGAIN, "later");
    }
    f->pause = f->pauses > 0 && f->pauses < 4;
    buf_append(&f->text, p, n);
    return buf_status(&f->text, e);
}

static enum pb_err read_some(struct fixture *f, const char *key, uint64_t offset, uint64_t length,
                             const struct store_identity *expect)
{
    struct store_read_request r = {.container = f->dir,
                                   .key = key,
                                   .key_len = strlen(key),
                                   .expect = expect,
                                   .offset = offset,
                                   .length = length,
                                   .begin = begin,
                                   .to = {take, f}};

    f->done = false;
    buf_clear(&f->text);
    f->op = f->store->ops->read(f->store, &r, on_object, f, NULL);
    assert_non_null(f->op);
    assert_false(f->done);
    wait_for(f);
    return f->error.code;
}

static void test_read(void **state)
{
    static const struct {
        uint64_t offset, length;
        const char *want;
    } rows[] = {{0, 0, "hello world"}, {0, 5, "hello"}, {6, 0, "world"}, {6, 2, "wo"},
                {6, 99, "world"},      {11, 0, ""},     {11, 4, ""},     {6, UINT64_MAX, "world"}};
    struct fixture *f = *state;
    size_t i;

    put_file(f, "x", "hello world");
    put_file(f, "nothing", "");
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(read_some(f, "x", rows[i].offset, rows[i].length, NULL), PB_OK);
        assert_string_equal(f->text.data, rows[i].want);
        assert_int_equal(f->begun, 11);
        assert_int_equal(f->object.identity.size, 11);
    }
    assert_int_equal(read_some(f, "nothing", 0, 0, NULL), PB_OK);
    assert_int_equal(f->text.len, 0);
    assert_int_equal(read_some(f, "x", 12, 0, NULL), PB_ECHANGED);
    assert_int_equal(read_some(f, "nowhere", 0, 0, NULL), PB_ENOTFOUND);
    assert_int_equal(mkfifo(path_of(f, "pipe"), 0600), 0);
    assert_int_equal(read_some(f, "pipe", 0, 0, NULL), PB_EUNSUPPORTED); /* and does not hang */
}

static void test_read_pauses(void **state)
{
    struct fixture *f = *state;
    char *text = malloc(1000001);
    size_t i;

    assert_non_null(text);
    for (i = 0; i < 1000000; i++)
        text[i] = (char)('a' + i % 26);
    text[i] = '\0';
    put_file(f, "x", text);
    f->pause = true;
    assert_int_equal(read_some(f, "x", 0, 0, NULL), PB_OK);
    assert_int_equal(f->text.len, 1000000);
    assert_memory_equal(f->text.data, text, 1000000);
    assert_int_equal(f->pauses, 4);
    free(text);
}

static void test_read_of_a_changed_file(void **state)
{
    struct fixture *f = *state;
    struct store_identity read;

    put_file(f, "x", "one");
    assert_int_equal(head(f, "x"), PB_OK);
    assert_int_equal(store_identity_copy(&read, &f->object.identity, NULL), PB_OK);
    assert_int_equal(read_some(f, "x", 0, 0, &read), PB_OK);
    put_file(f, "x", "other");
    assert_int_equal(read_some(f, "x", 0, 0, &read), PB_ECHANGED);
    assert_int_equal(f->text.len, 0);
    store_identity_release(&read);
}

static void never(void *ctx, const struct store_object *o, const struct error *e)
{
    (void)ctx;
    (void)o;
    (void)e;
    fail_msg("a cancelled operation called back");
}

static void on_open(void *ctx, int fd, const struct error *e)
{
    struct fixture *f = ctx;
    char bytes[8];
    ssize_t n = fd >= 0 ? read(fd, bytes, sizeof bytes) : 0;

    ended(f, e);
    if (n > 0)
        buf_append(&f->text, bytes, (size_t)n);
    if (fd >= 0)
        assert_int_equal(close(fd), 0);
}

/* The file itself; one that is not there; and again. */
static void test_open(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"a", "none", "a"};

    put_file(f, "a", "bytes");
    for (size_t i = 0; i < 3; i++) {
        f->done = false;
        assert_non_null(f->store->ops->open(f->store, f->dir, names[i], strlen(names[i]), on_open,
                                            f, NULL));
        wait_for(f);
        assert_int_equal(f->error.code, i != 1 ? PB_OK : PB_ENOTFOUND);
    }
    assert_string_equal(f->text.data, "bytesbytes");
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    struct store_read_request r = {.container = f->dir, .key = "x", .key_len = 1, .to = {take, f}};
    unsigned i;

    put_file(f, "x", "one");
    store_op_cancel(f->store->ops->head(f->store, f->dir, "x", 1, NULL, never, f, NULL));
    store_op_cancel(f->store->ops->read(f->store, &r, never, f, NULL));
    /* These are left to store_free(). */
    assert_non_null(f->store->ops->head(f->store, f->dir, "x", 1, NULL, never, f, NULL));
    assert_non_null(f->store->ops->read(f->store, &r, never, f, NULL));
    store_free(f->store);
    f->store = NULL;
    for (i = 0; i < 3; i++)
        assert_int_equal(loop_turn(f->loop, 0, NULL), PB_OK);
    store_op_cancel(NULL);
}

/* ---------------------------------------------------------------------------- writing */

static void on_written(void *ctx, const struct store_identity *now, bool unchecked,
                       const struct error *e)
{
    struct fixture *f = ctx;

    ended(f, e);
    assert_false(unchecked);
    mem_fail_after(-1);
    store_identity_release(&f->now);
    if (now)
        assert_int_equal(store_identity_copy(&f->now, now, NULL), PB_OK);
}

static enum pb_err write_file(struct fixture *f, const char *key, const char *text,
                              enum store_condition condition, const struct store_identity *id,
                              const struct store_object *keep)
{
    struct source *body = source_mem(text, strlen(text), false);
    struct store_write_request w = {.container = f->dir,
                                    .key = key,
                                    .key_len = strlen(key),
                                    .body = body,
                                    .keep = keep,
                                    .condition = condition,
                                    .identity = id};

    f->done = false;
    assert_non_null(body);
    assert_non_null(f->store->ops->write(f->store, &w, on_written, f, NULL));
    assert_false(f->done);
    wait_for(f);
    source_free(body);
    return f->error.code;
}

/* A process apart whose question was withdrawn tidies up when it notices. */
static void expect_no_leftovers(struct fixture *f)
{
    for (unsigned i = 0; i < 1000; i++) {
        (void)list_all(f, "", true, 0);
        if (strstr(f->text.data, ".pklbrowse-") == NULL)
            return;
        (void)usleep(10 * 1000);
    }
    fail_msg("a temporary file is left over: %s", f->text.data);
}

static void test_write_if_same(void **state)
{
    struct fixture *f = *state;
    struct store_identity read;
    struct stat before, after;

    put_file(f, "x", "one");
    assert_int_equal(chmod(path_of(f, "x"), 0640), 0);
    assert_int_equal(stat(path_of(f, "x"), &before), 0);
    assert_int_equal(head(f, "x"), PB_OK);
    assert_int_equal(store_identity_copy(&read, &f->object.identity, NULL), PB_OK);
    assert_int_equal(write_file(f, "x", "three", STORE_IF_SAME, &read, &f->object), PB_OK);
    expect_file(f, "x", "three");
    assert_int_equal(stat(path_of(f, "x"), &after), 0);
    assert_int_equal(after.st_mode, before.st_mode);
    assert_int_equal(after.st_uid, before.st_uid);
    assert_int_equal(f->now.size, 5);
    assert_int_equal(head(f, "x"), PB_OK);
    assert_true(store_identity_same(&f->now, &f->object.identity));
    /* A second save from the old state. */
    assert_int_equal(write_file(f, "x", "late", STORE_IF_SAME, &read, NULL), PB_ECHANGED);
    expect_file(f, "x", "three");
    /* Deleted meanwhile. */
    assert_int_equal(unlink(path_of(f, "x")), 0);
    assert_int_equal(write_file(f, "x", "late", STORE_IF_SAME, &f->now, NULL), PB_ECHANGED);
    assert_int_not_equal(access(path_of(f, "x"), F_OK), 0);
    store_identity_release(&read);
    expect_no_leftovers(f);
}

static void test_write_if_absent(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    mode_t mask = umask(027);

    assert_int_equal(write_file(f, "new", "n", STORE_IF_ABSENT, NULL, NULL), PB_OK);
    expect_file(f, "new", "n");
    assert_int_equal(stat(path_of(f, "new"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(write_file(f, "new", "m", STORE_IF_ABSENT, NULL, NULL), PB_EEXIST);
    expect_file(f, "new", "n");
    assert_int_equal(write_file(f, "new", "m", STORE_ALWAYS, NULL, NULL), PB_OK);
    expect_file(f, "new", "m");
    assert_int_equal(write_file(f, "empty", "", STORE_ALWAYS, NULL, NULL), PB_OK);
    expect_file(f, "empty", "");
    (void)umask(mask);
    expect_no_leftovers(f);
}

static void test_write_follows_links(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    assert_int_equal(mkdir(path_of(f, "a"), 0755), 0);
    put_file(f, "a/target", "one");
    assert_int_equal(symlink("a/target", path_of(f, "link")), 0);
    assert_int_equal(head(f, "link"), PB_OK);
    assert_int_equal(write_file(f, "link", "two", STORE_IF_SAME, &f->object.identity, NULL), PB_OK);
    expect_file(f, "a/target", "two");
    assert_int_equal(lstat(path_of(f, "link"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    expect_no_leftovers(f);
}

static void test_write_refuses(void **state)
{
    struct fixture *f = *state;

    make_tree(f);
    assert_int_equal(chmod(path_of(f, "b.pkl"), 0444), 0);
    be_nobody(f); /* from the first on: workers are who they were when they began */
    assert_int_equal(write_file(f, "a", "x", STORE_ALWAYS, NULL, NULL), PB_EUSAGE);
    assert_int_equal(write_file(f, "pipe", "x", STORE_ALWAYS, NULL, NULL), PB_EUNSUPPORTED);
    assert_int_equal(write_file(f, "new/", "x", STORE_ALWAYS, NULL, NULL), PB_EUSAGE);
    assert_int_equal(write_file(f, "no/such/folder", "x", STORE_ALWAYS, NULL, NULL), PB_ENOTFOUND);
    assert_int_equal(write_file(f, "broken-link", "x", STORE_ALWAYS, NULL, NULL), PB_ENOTFOUND);
    assert_int_equal(write_file(f, "b.pkl", "x", STORE_ALWAYS, NULL, NULL), PB_EDENIED);
    expect_file(f, "b.pkl", "xyz");
    expect_no_leftovers(f);
}

/* Whoever locks a file, by whichever of the two kinds of locks, is not written over. */
static void test_write_locked(void **state)
{
    struct fixture *f = *state;
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd;

    make_tree(f);
    for (int kind = 0; kind < 2; kind++) {
        fd = open(path_of(f, "b.pkl"), O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(kind == 0 ? flock(fd, LOCK_SH) : fcntl(fd, F_OFD_SETLK, &whole), 0);
        assert_int_equal(write_file(f, "b.pkl", "x", STORE_ALWAYS, NULL, NULL), PB_EREADONLY);
        assert_non_null(strstr(f->error.msg, "another program has locked it"));
        expect_file(f, "b.pkl", "xyz");
        expect_no_leftovers(f);
        close(fd);
    }
    assert_int_equal(write_file(f, "b.pkl", "new", STORE_ALWAYS, NULL, NULL), PB_OK);
    expect_file(f, "b.pkl", "new");
}

static void test_write_keeps_attributes(void **state)
{
    struct fixture *f = *state;
    char value[16];

    put_file(f, "x", "one");
    if (setxattr(path_of(f, "x"), "user.note", "kept", 4, 0) != 0)
        skip(); /* not on this file system */
    assert_int_equal(write_file(f, "x", "two", STORE_ALWAYS, NULL, NULL), PB_OK);
    assert_int_equal(getxattr(path_of(f, "x"), "user.note", value, sizeof value), 4);
    assert_memory_equal(value, "kept", 4);
}

static void never_written(void *ctx, const struct store_identity *now, bool unchecked,
                          const struct error *e)
{
    (void)now;
    (void)unchecked;
    never(ctx, NULL, e);
}

/* A write that is given up half-way leaves the old file and nothing else. */
static void test_write_cancelled(void **state)
{
    struct fixture *f = *state;
    size_t size = 64u * 1024 * 1024;
    char *bytes = calloc(1, size);
    struct source *body = source_mem(bytes, size, true);
    struct store_write_request w = {
        .container = f->dir, .key = "x", .key_len = 1, .body = body, .condition = STORE_ALWAYS};
    struct http_progress p;
    struct store_op *op;

    assert_non_null(bytes);
    put_file(f, "x", "one");
    op = f->store->ops->write(f->store, &w, never_written, f, NULL);
    assert_non_null(op);
    do {
        assert_int_equal(loop_turn(f->loop, 10, NULL), PB_OK);
        store_op_progress(op, &p);
        assert_int_equal(p.send_total, size);
    } while (p.sent == 0);
    assert_true(p.sent < size);
    store_op_cancel(op);
    expect_file(f, "x", "one");
    expect_no_leftovers(f);
    source_free(body);
}

/* ------------------------------------------------------------------------ without memory */

/* Starts one operation of each kind in turn; false: it could not be started. */
static bool start_one(struct fixture *f, unsigned kind, struct source *body)
{
    struct store_list_request list_all_of_it = {
        .container = f->dir, .prefix = "", .recursive = kind == 1};
    struct store_read_request r = {.container = f->dir, .key = "x", .key_len = 1, .to = {take, f}};
    struct store_write_request w = {
        .container = f->dir, .key = "y", .key_len = 1, .body = body, .condition = STORE_ALWAYS};
    const struct store_ops *ops = f->store->ops;

    f->done = false;
    f->error = (struct error){0};
    if (kind < 2)
        return ops->list(f->store, &list_all_of_it, on_page, f, &f->error) != NULL;
    if (kind == 2)
        return ops->head(f->store, f->dir, "x", 1, NULL, on_object, f, &f->error) != NULL;
    if (kind == 3)
        return ops->read(f->store, &r, on_object, f, &f->error) != NULL;
    return ops->write(f->store, &w, on_written, f, &f->error) != NULL;
}

static void test_without_memory(void **state)
{
    struct fixture *f = *state;
    struct source *body = source_mem("abc", 3, false);
    unsigned kind;

    make_tree(f);
    put_file(f, "x", "one");
    for (kind = 0; kind < 5; kind++) {
        bool succeeded = false;
        long n;

        for (n = 1; !succeeded && n < 500; n++) {
            mem_fail_after(n);
            if (!start_one(f, kind, body))
                f->done = true;
            while (!f->done)
                if (loop_turn(f->loop, 0, NULL) != PB_OK)
                    mem_fail_after(-1); /* the loop's own: it goes on */
            mem_fail_after(-1);
            succeeded = f->error.code == PB_OK;
            /* A process apart that cannot even begin just ends. */
            assert_true(succeeded || f->error.code == PB_ENOMEM ||
                        (make_store == store_local_apart_new && f->error.code == PB_EIO));
        }
        assert_true(succeeded);
    }
    source_free(body);
    store_free(f->store); /* processes apart that have inherited the failure */
    assert_int_equal(make_store(f->loop, &f->store, NULL), PB_OK);
    expect_no_leftovers(f);
}

/* --------------------------------------------------------------------------- identity */

static void test_identities(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"\"x\"", "\"x\"", true},  {"\"x\"", "x", true},       {"W/\"x\"", "\"x\"", true},
        {"\"x\"", "\"y\"", false}, {"\"x\"", "\"xx\"", false}, {"\"", "\"", true},
        {"", "\"\"", true},
    };
    struct store_identity a = {.size = 1}, b = {.size = 1};
    char left[16], right[16];
    size_t i;

    (void)state;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        (void)snprintf(left, sizeof left, "%s", rows[i].a);
        (void)snprintf(right, sizeof right, "%s", rows[i].b);
        a.etag = left;
        b.etag = right;
        assert_int_equal(store_identity_same(&a, &b), rows[i].same);
        assert_int_equal(store_identity_matches(&a, right), rows[i].same);
    }
    a.etag = NULL;
    assert_true(store_identity_same(&a, &b)); /* by size and time */
    b.mtime = 7;
    assert_false(store_identity_same(&a, &b));
    assert_false(store_identity_matches(&a, "x"));
    a.etag = b.etag;
    a.version_id = (char[]){"1"};
    assert_true(store_identity_same(&a, &b));
    b.version_id = (char[]){"2"};
    assert_false(store_identity_same(&a, &b)); /* the same bytes, stored again */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_list),
        TEST(test_list_pages),
        TEST(test_list_recursive),
        TEST(test_list_many),
        TEST(test_list_denied_folder),
        TEST(test_containers),
        TEST(test_head),
        TEST(test_head_refuses),
        TEST(test_read),
        TEST(test_read_pauses),
        TEST(test_read_of_a_changed_file),
        TEST(test_open),
        TEST(test_cancel),
        TEST(test_write_if_same),
        TEST(test_write_if_absent),
        TEST(test_write_follows_links),
        TEST(test_write_refuses),
        TEST(test_write_locked),
    TEST(test_write_keeps_attributes),
        TEST(test_write_cancelled),
        TEST(test_without_memory),
        cmocka_unit_test(test_identities),
    };

    int failed;

    make_store = store_local_new;
    failed = cmocka_run_group_tests_name("in this process", tests, NULL, NULL);
    make_store = store_local_apart_new;
    return failed + cmocka_run_group_tests_name("in one apart", tests, NULL, NULL);
}
