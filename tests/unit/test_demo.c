/* The demo store: copied, writable, private, gone at the end, and leading nobody elsewhere. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

#define PATH_ROOM 512

struct fixture {
    char top[PATH_ROOM];     /* all of this test's files */
    char samples[PATH_ROOM]; /* what is copied */
    char tmp[PATH_ROOM];     /* where it is copied to */
};

static const char *path(char out[PATH_ROOM], const char *folder, const char *name)
{
    int n = snprintf(out, PATH_ROOM, "%s/%s", folder, name);

    assert_true(n > 0 && n < PATH_ROOM);
    return out;
}

static void put(const char *folder, const char *name, const char *text, mode_t mode)
{
    char file[PATH_ROOM];
    int fd = open(path(file, folder, name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
}

static void expect(const char *folder, const char *name, const char *text, mode_t mode)
{
    char file[PATH_ROOM], got[256];
    int fd = open(path(file, folder, name), O_RDWR | O_CLOEXEC);
    ssize_t n;
    struct stat st;

    if (fd < 0)
        fail_msg("%s is not there, or not writable", file);
    n = read(fd, got, sizeof got);
    assert_int_equal(n, (ssize_t)strlen(text));
    assert_memory_equal(got, text, strlen(text));
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, mode);
    close(fd);
}

static bool is_there(const char *folder, const char *name)
{
    char file[PATH_ROOM];
    struct stat st;

    return lstat(path(file, folder, name), &st) == 0;
}

static size_t entries(const char *folder)
{
    DIR *dir = opendir(folder);
    size_t n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n - 2;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char name[PATH_ROOM];

    assert_non_null(f);
    snprintf(f->top, sizeof f->top, "/tmp/pklbrowse-test-demo.XXXXXX");
    assert_non_null(mkdtemp(f->top));
    path(f->samples, f->top, "samples");
    path(f->tmp, f->top, "tmp");
    assert_int_equal(mkdir(f->samples, 0755), 0);
    assert_int_equal(mkdir(f->tmp, 0755), 0);
    assert_int_equal(mkdir(path(name, f->samples, "bucket"), 0555 | S_IWUSR), 0);
    put(f->samples, "bucket/a b?\n.pkl", "one", 0444);
    put(f->samples, "notes.txt", "", 0644);
    setenv("PKLBROWSE_DEMO_DIR", f->samples, 1);
    setenv("TMPDIR", f->tmp, 1);
    *state = f;
    return 0;
}

/* A second way to remove a tree, so that the first can be tested. */
static void remove_tree(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        char name[PATH_ROOM];

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlink(path(name, folder, entry->d_name)) != 0)
            remove_tree(name);
    }
    closedir(dir);
    rmdir(folder);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    unsetenv("PKLBROWSE_DEMO_DIR");
    unsetenv("TMPDIR");
    remove_tree(f->top);
    free(f);
    return 0;
}

static void test_copy(void **state)
{
    struct fixture *f = *state;
    struct demo *d;
    struct error e;
    struct stat st;
    const char *folder;

    assert_int_equal(demo_new(&d, &e), PB_OK);
    folder = demo_folder(d);
    assert_memory_equal(folder, f->tmp, strlen(f->tmp));
    assert_int_equal(folder[strlen(folder) - 1], '/');
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(entries(folder), 2);
    expect(folder, "bucket/a b?\n.pkl", "one", 0600);
    expect(folder, "notes.txt", "", 0600);
    demo_free(d);
    assert_int_equal(entries(f->tmp), 0);
    expect(f->samples, "bucket/a b?\n.pkl", "one", 0444);
}

/* Links and pipes among the samples are not copied, and never opened. */
static void test_odd_samples(void **state)
{
    struct fixture *f = *state;
    char name[PATH_ROOM];
    struct demo *d;
    struct error e;

    assert_int_equal(symlink("/etc/passwd", path(name, f->samples, "link")), 0);
    assert_int_equal(symlink("/etc", path(name, f->samples, "folder-link")), 0);
    assert_int_equal(mkfifo(path(name, f->samples, "pipe"), 0600), 0);
    assert_int_equal(demo_new(&d, &e), PB_OK);
    assert_int_equal(entries(demo_folder(d)), 2);
    assert_false(is_there(demo_folder(d), "link"));
    demo_free(d);
    assert_int_equal(entries(f->tmp), 0);
}

/* What somebody put into the copy goes with it; what a link of theirs points to stays. */
static void test_removal(void **state)
{
    struct fixture *f = *state;
    char name[PATH_ROOM], deep[PATH_ROOM];
    struct demo *d;
    struct error e;

    assert_int_equal(mkdir(path(name, f->top, "elsewhere"), 0700), 0);
    put(name, "keep", "me", 0600);
    assert_int_equal(demo_new(&d, &e), PB_OK);
    assert_int_equal(symlink(name, path(deep, demo_folder(d), "link")), 0);
    assert_int_equal(mkdir(path(deep, demo_folder(d), "new"), 0700), 0);
    put(demo_folder(d), "new/file", "x", 0600);
    demo_free(d);
    assert_int_equal(entries(f->tmp), 0);
    expect(name, "keep", "me", 0600);
}

/* Somebody moved the folder away and put a link in its place: nothing is removed through it. */
static void test_swapped(void **state)
{
    struct fixture *f = *state;
    char other[PATH_ROOM], moved[PATH_ROOM], own[PATH_ROOM];
    struct demo *d;
    struct error e;

    assert_int_equal(mkdir(path(other, f->top, "elsewhere"), 0700), 0);
    put(other, "keep", "me", 0600);
    assert_int_equal(demo_new(&d, &e), PB_OK);
    snprintf(own, sizeof own, "%s", demo_folder(d));
    own[strlen(own) - 1] = '\0';
    assert_int_equal(rename(own, path(moved, f->top, "moved")), 0);
    assert_int_equal(symlink(other, own), 0);
    demo_free(d);
    expect(other, "keep", "me", 0600);
    assert_int_equal(entries(moved), 0); /* our own bytes are gone all the same */
}

static void test_failures(void **state)
{
    struct fixture *f = *state;
    char name[PATH_ROOM];
    struct demo *d;
    struct error e;

    setenv("PKLBROWSE_DEMO_DIR", path(name, f->top, "nowhere"), 1);
    assert_int_equal(demo_new(&d, &e), PB_ENOTFOUND);
    assert_null(d);
    assert_non_null(strstr(e.msg, "nowhere"));
    assert_int_equal(entries(f->tmp), 0);
    setenv("PKLBROWSE_DEMO_DIR", f->samples, 1);
    setenv("TMPDIR", path(name, f->top, "no-tmp"), 1);
    assert_int_equal(demo_new(&d, &e), PB_ENOTFOUND);
    assert_null(d);
    demo_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_copy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_odd_samples, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_removal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_swapped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
