/*
 * Under the history's folder there is one folder an object, named by a digest of its location.  In
 * it, for each time that it was replaced:
 *
 *   20261122T100203Z-000.record   lines "key: value", values percent-encoded
 *   20261122T100203Z-000.bytes    what it was, unless that was too much
 *
 * Both are complete under their names or not there.  A record without bytes says why.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/digest.h>
#include <pklbrowse/log.h>
#include <pklbrowse/num.h>

#include "history.h"

#define PIECE (256u * 1024u)
#define NAME_SIZE HISTORY_NAME_SIZE
#define FILE_SIZE (NAME_SIZE + 16) /* with an ending */
#define NUMBERS 1000               /* of stems within a second */
#define TRIES 1000                 /* for one that no other program takes at the same time */
#define PART ".part"
#define RECORD_PART ".record-part" /* another's PART may stand there for a moment */

/* ---------------------------------------------------------------------------- folders */

static enum pb_err make_folder(const char *path, struct error *e)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return PB_OK;
    return error_errno(e, errno, "cannot create the folder", path);
}

/* Every folder of the path that is not there yet. */
static enum pb_err make_folders(char *path, struct error *e)
{
    enum pb_err err = PB_OK;
    char *p;

    for (p = path + 1; err == PB_OK && *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        err = make_folder(path, e);
        *p = '/';
    }
    return err == PB_OK ? make_folder(path, e) : err;
}

static enum pb_err default_folder(const char *name, struct buf *out, struct error *e)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (state && *state == '/')
        buf_printf(out, "%s/pklbrowse/%s", state, name);
    else if (home && *home == '/')
        buf_printf(out, "%s/.local/state/pklbrowse/%s", home, name);
    else
        return error_set(e, PB_EIO,
                         "there is no place to keep what is replaced: neither "
                         "XDG_STATE_HOME nor HOME is set");
    return buf_status(out, e);
}

/* It holds copies of what may be secret. */
static enum pb_err make_private(char *path, struct error *e)
{
    enum pb_err err = make_folders(path, e);

    if (err == PB_OK && chmod(path, 0700) != 0)
        err = error_errno(e, errno, "cannot close to others the folder", path);
    return err;
}

enum pb_err history_state_folder(const char *name, struct buf *out, struct error *e)
{
    enum pb_err err = default_folder(name, out, e);

    return err == PB_OK ? make_private(out->data, e) : err;
}

enum pb_err history_open(const char *dir, struct history **out, struct error *e)
{
    struct buf path;
    struct history *h = NULL;
    enum pb_err err = PB_OK;

    *out = NULL;
    buf_init(&path, BUF_MAX_LINE);
    if (dir)
        buf_puts(&path, dir);
    else
        err = default_folder("history", &path, e);
    if (err == PB_OK)
        err = buf_status(&path, e);
    if (err == PB_OK)
        err = make_private(path.data, e);
    if (err == PB_OK) {
        h = mem_alloc(sizeof *h);
        if (h)
            h->dir = mem_strdup(path.data);
        if (!h || !h->dir)
            err = error_nomem(e);
    }
    if (err == PB_OK)
        *out = h;
    else
        free(h);
    buf_release(&path);
    return err;
}

void history_close(struct history *h)
{
    if (h)
        free(h->dir);
    free(h);
}

/* -------------------------------------------------------------------------------- job */

struct keep_job {
    struct job job; /* first */
    struct history *history;
    struct source *old;
    char *location; /* as it would be typed */
    struct store_identity id;
    int mode;     /* permission bits of a local file, 0: none */
    char *folder; /* of the object */
    int dir, fd;
    char stem[NAME_SIZE]; /* 20261122T100203Z-000 */
    bool begun, with_bytes;
    const char *temporary; /* ending of the file that is being written, NULL: none is */
    struct digest *sha256;
    char *name;
};

static struct keep_job *keep_of(struct job *j)
{
    return (struct keep_job *)j;
}

static enum pb_err failed(const struct keep_job *k, const char *what, struct error *e)
{
    return error_errno(e, errno, what, k->folder);
}

static void file_name(const struct keep_job *k, const char *ending, char *out, size_t size)
{
    (void)snprintf(out, size, "%s%s", k->stem, ending);
}

enum pb_err history_folder_name(const char *location, struct buf *out, struct error *e)
{
    uint8_t hash[SHA256_LEN];
    enum pb_err err = sha256(location, strlen(location), hash, e);

    if (err != PB_OK)
        return err;
    hex_encode(out, hash, HISTORY_FOLDER_DIGITS / 2);
    return buf_status(out, e);
}

static enum pb_err object_folder(struct keep_job *k, struct error *e)
{
    struct buf path;
    enum pb_err err;

    buf_init(&path, BUF_MAX_LINE);
    buf_printf(&path, "%s/", k->history->dir);
    err = history_folder_name(k->location, &path, e);
    if (err == PB_OK)
        k->folder = buf_take(&path, NULL);
    buf_release(&path);
    return err;
}

/* What a stem says.  Stems sort by time: what is kept last must come last, also when the clock went
 * back or many are kept in a second. */
struct moment {
    int64_t second;
    unsigned number; /* below NUMBERS */
};

static struct moment behind(struct moment m)
{
    struct moment next = {m.second, m.number + 1};

    if (next.number == NUMBERS)
        next = (struct moment){m.second + 1, 0};
    return next;
}

static bool is_before(struct moment a, struct moment b)
{
    return a.second != b.second ? a.second < b.second : a.number < b.number;
}

/* 20261122T100203Z-000 with what follows */
static bool read_stem(const char *s, struct moment *out)
{
    char iso[sizeof "2026-11-22T10:02:03Z"];
    uint64_t number;

    if (strlen(s) < sizeof "20261122T100203Z-000" - 1 || s[8] != 'T' || s[15] != 'Z' ||
        s[16] != '-' || !num_parse_u64(s + 17, 3, &number))
        return false;
    (void)snprintf(iso, sizeof iso, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", s, s + 4, s + 6, s + 9,
                   s + 11, s + 13);
    out->number = (unsigned)number;
    return clock_parse_iso(iso, sizeof iso - 1, &out->second);
}

static void take_name(struct keep_job *k, struct moment m)
{
    struct buf second;

    buf_init(&second, BUF_MAX_LINE);
    clock_format_basic(&second, m.second);
    (void)snprintf(k->stem, sizeof k->stem, "%s-%03u", second.data ? second.data : "", m.number);
    buf_release(&second);
}

/* m, or what comes after the newest record when that is later. */
static struct moment behind_newest(const struct keep_job *k, struct moment m)
{
    struct dirent **list = NULL;
    struct moment newest;
    int n = scandirat(k->dir, ".", &list, history_is_record, alphasort);

    for (int i = n; i-- > 0;) {
        if (read_stem(list[i]->d_name, &newest) && !is_before(newest, m))
            m = behind(newest);
        free(list[i]);
    }
    free(list);
    return m;
}

static enum pb_err begin_file(struct keep_job *k, const char *ending)
{
    char name[FILE_SIZE];

    file_name(k, ending, name, sizeof name);
    k->fd = openat(k->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    k->temporary = k->fd >= 0 ? ending : NULL;
    return k->fd >= 0 ? PB_OK : PB_EIO;
}

static void drop_file(struct keep_job *k)
{
    char name[FILE_SIZE];

    if (k->fd >= 0)
        (void)close(k->fd);
    k->fd = -1;
    if (k->temporary == NULL)
        return;
    file_name(k, k->temporary, name, sizeof name);
    if (unlinkat(k->dir, name, 0) != 0)
        log_line("a temporary file is left over in the history");
    k->temporary = NULL;
}

static bool has_file(const struct keep_job *k, const char *ending)
{
    char name[FILE_SIZE];

    file_name(k, ending, name, sizeof name);
    return faccessat(k->dir, name, F_OK, 0) == 0;
}

/* A stem that no file has yet; its bytes (or its record) are begun under a temporary name.  Who has
 * that file owns the stem, unless another had it before and is further: then there are bytes.  Or
 * it was even removed again, as one of the oldest: then there are newer ones by now. */
static enum pb_err take_stem(struct keep_job *k, struct error *e)
{
    struct moment own = behind_newest(k, (struct moment){clock_now(), 0});

    for (unsigned i = 0; i < TRIES; i++) {
        struct moment next = own;

        take_name(k, own);
        if (begin_file(k, PART) == PB_OK) {
            next = behind_newest(k, own);
            if (!is_before(own, next) && !has_file(k, ".record") && !has_file(k, ".bytes"))
                return PB_OK;
            drop_file(k);
            errno = EEXIST;
        } else if (errno != EEXIST) {
            break;
        }
        own = is_before(own, next) ? next : behind(own);
    }
    return failed(k, "cannot keep what is replaced in", e);
}

static enum pb_err begin(struct keep_job *k, struct error *e)
{
    enum pb_err err = object_folder(k, e);

    k->begun = true;
    if (err == PB_OK)
        err = make_folder(k->folder, e);
    if (err != PB_OK)
        return err;
    k->dir = open(k->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (k->dir < 0)
        return failed(k, "cannot open", e);
    err = take_stem(k, e);
    return err == PB_OK ? digest_new(DIGEST_SHA256, &k->sha256, e) : err;
}

static enum pb_err write_all(const struct keep_job *k, const void *data, size_t n, struct error *e)
{
    const char *p = data;

    while (n > 0) {
        ssize_t put = write(k->fd, p, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return failed(k, "cannot keep what is replaced in", e);
        p += put;
        n -= (size_t)put;
    }
    return PB_OK;
}

static enum pb_err take_piece(struct keep_job *k, struct error *e)
{
    const uint8_t *p = NULL;
    size_t n = 0;
    enum pb_err err = source_view(k->old, k->job.done, PIECE, &p, &n, e);

    if (err != PB_OK)
        return err;
    if (n == 0)
        return error_set(e, PB_EIO, "what is to be replaced is shorter than it was");
    if (n > PIECE)
        n = PIECE;
    err = digest_update(k->sha256, p, n, e);
    if (err == PB_OK && k->with_bytes)
        err = write_all(k, p, n, e);
    k->job.done += n;
    return err;
}

/* The open temporary file is complete: onto the disk, and under its name. */
static enum pb_err seal(struct keep_job *k, const char *ending, struct error *e)
{
    char part[FILE_SIZE], name[FILE_SIZE];
    int fd = k->fd;

    file_name(k, k->temporary, part, sizeof part);
    file_name(k, ending, name, sizeof name);
    k->fd = -1;
    if (fsync(fd) != 0) {
        enum pb_err err = failed(k, "cannot bring to the disk what is kept in", e);

        (void)close(fd);
        return err;
    }
    if (close(fd) != 0 || renameat(k->dir, part, k->dir, name) != 0)
        return failed(k, "cannot keep what is replaced in", e);
    k->temporary = NULL;
    return PB_OK;
}

static void put_line(struct buf *out, const char *key, const char *value)
{
    buf_printf(out, "%s: ", key);
    uri_encode(out, value, strlen(value), true);
    buf_putc(out, '\n');
}

static enum pb_err record_text(struct keep_job *k, struct buf *out, struct error *e)
{
    struct digest *d = k->sha256;
    uint8_t hash[SHA256_LEN];
    size_t n;
    enum pb_err err;

    k->sha256 = NULL;
    err = digest_final(d, hash, &n, e);
    if (err != PB_OK)
        return err;
    put_line(out, "location", k->location);
    if (k->id.etag)
        put_line(out, "etag", k->id.etag);
    if (k->id.version_id)
        put_line(out, "version", k->id.version_id);
    if (k->mode != 0)
        buf_printf(out, "mode: %o\n", (unsigned)k->mode);
    buf_printf(out, "size: %llu\nmodified: ", (unsigned long long)k->job.total);
    clock_format_iso(out, k->id.mtime);
    buf_puts(out, "\nreplaced: ");
    clock_format_iso(out, clock_now());
    buf_puts(out, "\nsha256: ");
    hex_encode(out, hash, sizeof hash);
    if (k->with_bytes)
        buf_printf(out, "\nbytes: %s.bytes\n", k->stem);
    else
        buf_printf(out, "\nbytes: not kept, more than %llu\n", HISTORY_BYTES_MAX);
    return buf_status(out, e);
}

static enum pb_err write_record(struct keep_job *k, struct error *e)
{
    struct buf text;
    enum pb_err err;

    buf_init(&text, BUF_MAX_TEXT);
    err = record_text(k, &text, e);
    if (err == PB_OK && k->fd < 0 && begin_file(k, RECORD_PART) != PB_OK)
        err = failed(k, "cannot keep what is replaced in", e);
    if (err == PB_OK)
        err = write_all(k, text.data, text.len, e);
    if (err == PB_OK)
        err = seal(k, ".record", e);
    buf_release(&text);
    return err;
}

/* ------------------------------------------------------------------------------ newest */

int history_is_record(const struct dirent *d)
{
    size_t n = strlen(d->d_name);

    return n > 7 && n < NAME_SIZE && strcmp(d->d_name + n - 7, ".record") == 0;
}

/* Stems sort by time.  What cannot be removed stays: more is kept than asked for. */
static void forget_oldest(const struct keep_job *k)
{
    struct dirent **list = NULL;
    int i, n = scandirat(k->dir, ".", &list, history_is_record, alphasort);

    for (i = 0; i < n; i++) {
        char bytes[NAME_SIZE + 8];
        size_t stem = strlen(list[i]->d_name) - 7;

        if (i < n - HISTORY_NEWEST) {
            (void)snprintf(bytes, sizeof bytes, "%.*s.bytes", (int)stem, list[i]->d_name);
            if (unlinkat(k->dir, list[i]->d_name, 0) != 0 ||
                (unlinkat(k->dir, bytes, 0) != 0 && errno != ENOENT))
                log_line("something old could not be removed from the history");
        }
        free(list[i]);
    }
    free(list);
}

static enum pb_err set_name(struct keep_job *k, struct error *e)
{
    struct buf path;
    enum pb_err err;

    buf_init(&path, BUF_MAX_LINE);
    buf_printf(&path, "%s/%s%s", k->folder, k->stem, k->with_bytes ? ".bytes" : ".record");
    err = buf_status(&path, e);
    if (err == PB_OK)
        k->name = buf_take(&path, NULL);
    buf_release(&path);
    return err;
}

static enum pb_err finish(struct keep_job *k, struct error *e)
{
    enum pb_err err = k->with_bytes ? seal(k, ".bytes", e) : PB_OK;

    if (err == PB_OK)
        err = write_record(k, e);
    if (err == PB_OK && fsync(k->dir) != 0 && errno != EINVAL)
        err = failed(k, "cannot bring to the disk", e);
    if (err == PB_OK)
        err = set_name(k, e);
    if (err == PB_OK) {
        forget_oldest(k);
        history_limit(k->history);
    }
    return err;
}

static enum job_state step(struct job *j, uint64_t budget_us)
{
    struct keep_job *k = keep_of(j);
    uint64_t end_us = clock_mono_us() + budget_us;
    enum pb_err err = PB_OK;

    if (!k->begun)
        err = begin(k, &j->error);
    while (err == PB_OK && j->done < j->total) {
        err = take_piece(k, &j->error);
        if (err == PB_OK && j->done < j->total && clock_mono_us() >= end_us)
            return JOB_MORE;
    }
    if (err == PB_EAGAIN)
        return JOB_WAITING;
    if (err == PB_OK)
        err = finish(k, &j->error);
    return err == PB_OK ? JOB_DONE : JOB_FAILED;
}

void history_job_mode(struct job *j, int mode)
{
    keep_of(j)->mode = mode & 07777;
}

enum pb_err history_job_new(struct history *h, const struct location *where,
                            const struct store_identity *id, struct source *old, struct job **out,
                            struct error *e)
{
    struct keep_job *k;
    struct buf text;
    enum pb_err err;

    *out = NULL;
    if (old->size == SOURCE_SIZE_UNKNOWN)
        return error_set(e, PB_EIO, "what is to be replaced has not arrived yet");
    k = mem_alloc(sizeof *k);
    if (!k)
        return error_nomem(e);
    k->job.step = step;
    k->job.total = old->size;
    k->history = h;
    k->old = old;
    k->dir = k->fd = -1;
    k->with_bytes = old->size <= HISTORY_BYTES_MAX;
    buf_init(&text, BUF_MAX_LINE);
    location_format(&text, where);
    err = buf_status(&text, e);
    if (err == PB_OK)
        k->location = buf_take(&text, NULL);
    if (err == PB_OK)
        err = store_identity_copy(&k->id, id, e);
    buf_release(&text);
    if (err == PB_OK)
        *out = &k->job;
    else
        history_job_free(&k->job);
    return err;
}

const char *history_job_name(const struct job *j)
{
    return ((const struct keep_job *)j)->name;
}

void history_job_free(struct job *j)
{
    struct keep_job *k;

    if (!j)
        return;
    k = keep_of(j);
    drop_file(k);
    if (k->dir >= 0)
        (void)close(k->dir);
    digest_free(k->sha256);
    store_identity_release(&k->id);
    free(k->location);
    free(k->folder);
    free(k->name);
    free(k);
}

enum pb_err history_keep(struct history *h, const struct location *where,
                         const struct store_identity *id, struct source *old, char **name,
                         struct error *e)
{
    struct job *j = NULL;
    enum pb_err err = history_job_new(h, where, id, old, &j, e);

    if (err != PB_OK)
        return err;
    err = job_run(j, e);
    if (err == PB_OK && name) {
        *name = keep_of(j)->name;
        keep_of(j)->name = NULL;
    }
    history_job_free(j);
    return err;
}
