/* What is kept is limited: by age, and by the bytes of all of it.  The oldest goes first. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/log.h>
#include <pklbrowse/mem.h>

#include "history.h"

#define DAY_S (24 * 60 * 60)

struct kept {
    char folder[HISTORY_FOLDER_DIGITS + 1];
    char stem[HISTORY_NAME_SIZE];
    uint64_t bytes;
};
struct all_kept {
    struct kept *data;
    size_t len, cap;
};

static int is_folder(const struct dirent *d)
{
    return strlen(d->d_name) == HISTORY_FOLDER_DIGITS &&
           strspn(d->d_name, "0123456789abcdef") == HISTORY_FOLDER_DIGITS;
}

static void file_name(char *out, size_t size, const struct kept *k, const char *ending)
{
    (void)snprintf(out, size, "%s/%s%s", k->folder, k->stem, ending);
}

static bool add(struct all_kept *all, int top, const char *folder, const char *record)
{
    size_t stem = strlen(record) - strlen(".record");
    char path[HISTORY_FOLDER_DIGITS + HISTORY_NAME_SIZE + 16];
    struct kept k = {.bytes = 0};
    struct stat st;

    if (stem >= sizeof k.stem)
        return true;
    memcpy(k.folder, folder, HISTORY_FOLDER_DIGITS); /* is_folder() has looked */
    (void)snprintf(k.stem, sizeof k.stem, "%.*s", (int)stem, record);
    file_name(path, sizeof path, &k, ".bytes");
    if (fstatat(top, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0)
        k.bytes = (uint64_t)st.st_size;
    return vec_push(all, k);
}

static bool add_folder(struct all_kept *all, int top, const char *folder)
{
    struct dirent **list = NULL;
    int n = scandirat(top, folder, &list, history_is_record, NULL);
    bool ok = true;

    for (int i = 0; i < n; i++) {
        ok = ok && add(all, top, folder, list[i]->d_name);
        free(list[i]);
    }
    free(list);
    return ok;
}

static bool collect(struct all_kept *all, int top)
{
    struct dirent **list = NULL;
    int n = scandirat(top, ".", &list, is_folder, NULL);
    bool ok = n >= 0;

    for (int i = 0; i < n; i++) {
        ok = ok && add_folder(all, top, list[i]->d_name);
        free(list[i]);
    }
    free(list);
    return ok;
}

/* A name begins with the time. */
static int newest_first(const void *a, const void *b)
{
    return strcmp(((const struct kept *)b)->stem, ((const struct kept *)a)->stem);
}

static void forget(int top, const struct kept *k)
{
    char path[HISTORY_FOLDER_DIGITS + HISTORY_NAME_SIZE + 16];

    /* The record first: bytes without one are nobody's. */
    file_name(path, sizeof path, k, ".record");
    if (unlinkat(top, path, 0) != 0 && errno != ENOENT)
        log_line("something old could not be removed from the history");
    file_name(path, sizeof path, k, ".bytes");
    if (unlinkat(top, path, 0) != 0 && errno != ENOENT)
        log_line("old bytes could not be removed from the history");
}

void history_limit(const struct history *h)
{
    int top = open(h->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct all_kept all = {0};
    struct buf oldest;
    uint64_t bytes = 0;

    if (top < 0)
        return;
    buf_init(&oldest, BUF_MAX_LINE);
    clock_format_basic(&oldest, clock_now() - HISTORY_DAYS * DAY_S);
    if (collect(&all, top) && oldest.failed == PB_OK && all.len > 0) {
        qsort(all.data, all.len, sizeof *all.data, newest_first);
        for (size_t i = 0; i < all.len; i++) {
            bytes += all.data[i].bytes;
            /* What was just kept stays, however large. */
            if (i > 0 && (bytes > HISTORY_BYTES_ALL || strcmp(all.data[i].stem, oldest.data) < 0))
                forget(top, &all.data[i]);
        }
    }
    buf_release(&oldest);
    vec_release(&all);
    (void)close(top);
}
