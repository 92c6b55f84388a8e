/*
 * Files in a zip or tar archive, through libarchive, which reads from a source that is all here.
 *
 * Only what lies in the source is looked at: nothing is ever written to a folder, and links and
 * special files are passed over.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "codec_private.h"

#define PIECE ((size_t)64 * 1024)

struct codec_archive {
    struct archive *a;
    struct source *stored; /* borrowed */
    uint64_t at;           /* of the next byte that is read */
    uint8_t peeked[2];     /* the first bytes of the member */
    size_t peeked_len, peeked_at;
    enum pb_err failed; /* of the source */
    struct error error;
};

/* --- the source, as libarchive wants it ------------------------------------------------------- */

static la_ssize_t read_some(struct archive *a, void *ctx, const void **out)
{
    struct codec_archive *x = ctx;
    const uint8_t *p;
    size_t n;

    x->failed = source_view(x->stored, x->at, PIECE, &p, &n, &x->error);
    if (x->failed != PB_OK) {
        archive_set_error(a, EIO, "%s", "unreadable");
        return -1;
    }
    *out = p;
    x->at += n;
    return (la_ssize_t)n;
}

static la_int64_t skip_some(struct archive *a, void *ctx, la_int64_t n)
{
    struct codec_archive *x = ctx;
    uint64_t left = x->stored->size - x->at;
    uint64_t skip = n < 0 ? 0 : (uint64_t)n < left ? (uint64_t)n : left;

    (void)a;
    x->at += skip;
    return (la_int64_t)skip;
}

static la_int64_t seek_to(struct archive *a, void *ctx, la_int64_t offset, int whence)
{
    struct codec_archive *x = ctx;
    la_int64_t size = (la_int64_t)x->stored->size;
    la_int64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (la_int64_t)x->at : size;

    (void)a;
    if (offset < -base || offset > size - base)
        return ARCHIVE_FATAL;
    x->at = (uint64_t)(base + offset);
    return base + offset;
}

static enum pb_err failed(const struct codec_archive *x, struct error *e)
{
    const char *why = archive_error_string(x->a);
    struct buf shown;

    if (x->failed != PB_OK) {
        if (e != NULL)
            *e = x->error;
        return x->failed;
    }
    if (archive_errno(x->a) == ENOMEM)
        return error_nomem(e);
    buf_init(&shown, BUF_MAX_LINE);
    if (why != NULL)
        text_escape(&shown, why, strlen(why));
    error_set(e, PB_EPICKLE, "the archive cannot be read: %s",
              shown.len > 0 ? shown.data : _("it is not valid"));
    buf_release(&shown);
    return PB_EPICKLE;
}

enum pb_err codec_archive_open(struct source *stored, enum codec_kind kind,
                               struct codec_archive **out, struct error *e)
{
    struct codec_archive *x = mem_alloc(sizeof *x);
    enum pb_err err;

    *out = NULL;
    if (x == NULL)
        return error_nomem(e);
    x->stored = stored;
    x->a = archive_read_new();
    if (x->a == NULL) {
        free(x);
        return error_nomem(e);
    }
    if (kind == CODEC_ZIP)
        archive_read_support_format_zip_seekable(x->a);
    else
        archive_read_support_format_tar(x->a);
    archive_read_set_callback_data(x->a, x);
    archive_read_set_read_callback(x->a, read_some);
    archive_read_set_skip_callback(x->a, skip_some);
    archive_read_set_seek_callback(x->a, seek_to);
    if (archive_read_open1(x->a) != ARCHIVE_OK) {
        err = failed(x, e);
        codec_archive_free(x);
        return err;
    }
    *out = x;
    return PB_OK;
}

void codec_archive_free(struct codec_archive *x)
{
    if (x == NULL)
        return;
    archive_read_free(x->a);
    free(x);
}

/* --- members -------------------------------------------------------------------------------- */

/* A name in a character set of its own is given as its bytes. */
static const char *name_of(struct archive_entry *entry)
{
    const char *name = archive_entry_pathname(entry);

    return name != NULL ? name : archive_entry_pathname_utf8(entry);
}

/* Its first bytes tell whether it is a pickle, with PROTO in front as all have had for long. */
static void peek(struct codec_archive *x)
{
    la_ssize_t n = archive_read_data(x->a, x->peeked, sizeof x->peeked);

    x->peeked_at = 0;
    x->peeked_len = n > 0 ? (size_t)n : 0;
}

enum pb_err codec_archive_next(struct codec_archive *x, struct codec_member *m, bool *end,
                               struct error *e)
{
    struct archive_entry *entry;
    const char *name = NULL;
    int got;

    *end = false;
    do {
        got = archive_read_next_header(x->a, &entry);
        if (got == ARCHIVE_EOF) {
            *end = true;
            return PB_OK;
        }
        if (got != ARCHIVE_OK && got != ARCHIVE_WARN)
            return failed(x, e);
        name = archive_entry_filetype(entry) == AE_IFREG && archive_entry_hardlink(entry) == NULL
                   ? name_of(entry)
                   : NULL;
    } while (name == NULL);
    *m = (struct codec_member){.name = name, .len = strlen(name)};
    m->size = archive_entry_size_is_set(entry) ? (uint64_t)archive_entry_size(entry) : 0;
    m->mtime = archive_entry_mtime_is_set(entry) ? archive_entry_mtime(entry) : 0;
    m->at = (uint64_t)archive_read_header_position(x->a);
    peek(x);
    m->pickle =
        x->peeked_len == 2 && x->peeked[0] == 0x80 && x->peeked[1] >= 2 && x->peeked[1] <= 5;
    return PB_OK;
}

enum pb_err codec_archive_read(struct codec_archive *x, void *p, size_t n, size_t *got,
                               struct error *e)
{
    la_ssize_t more;

    *got = x->peeked_len - x->peeked_at;
    if (*got > 0) {
        *got = *got < n ? *got : n;
        memcpy(p, x->peeked + x->peeked_at, *got);
        x->peeked_at += *got;
        return PB_OK;
    }
    more = archive_read_data(x->a, p, n);
    if (more < 0)
        return failed(x, e);
    *got = (size_t)more;
    return PB_OK;
}
