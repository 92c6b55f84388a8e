/*
 * The layer of an archive: which of its files is meant, and its bytes.
 *
 * With a name: that one.  Without: the only file, or the only one that is a pickle.  An archive is
 * read from where it says what is in it, which may be its end: it has to be here as a whole.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "layer.h"

#define HEADERS 64 /* looked at in one step */
#define TOLD 5     /* names, when it is not clear which is meant */

static bool is_meant(const struct codec_layer *l, const struct codec_member *m)
{
    size_t dot = m->len > 2 && memcmp(m->name, "./", 2) == 0 ? 2 : 0; /* tar's usual way */

    if (l->member == NULL)
        return false;
    if (m->len == l->member_len && memcmp(m->name, l->member, m->len) == 0)
        return true;
    return dot > 0 && m->len - dot == l->member_len &&
           memcmp(m->name + dot, l->member, l->member_len) == 0;
}

static void tell(struct codec_layer *l, const struct codec_member *m)
{
    if (l->pickles > TOLD || (!m->pickle && l->files > TOLD))
        return;
    if (m->pickle && l->pickles == 1)
        buf_clear(&l->names); /* from here on only those count */
    if (l->pickles > 0 && !m->pickle)
        return;
    if (l->names.len > 0)
        buf_puts(&l->names, ", ");
    (void)text_escape_cols(&l->names, m->name, m->len, 60);
}

static enum pb_err take_name(struct codec_layer *l, const struct codec_member *m, struct error *e)
{
    free(l->member);
    l->member = mem_strndup(m->name, m->len);
    l->member_len = m->len;
    return l->member != NULL ? PB_OK : error_nomem(e);
}

static enum pb_err unclear(const struct codec_layer *l, struct error *e)
{
    if (l->named) {
        struct buf shown;

        buf_init(&shown, BUF_MAX_LINE);
        (void)text_escape_cols(&shown, l->member, l->member_len, 200);
        error_set(e, PB_ENOTFOUND, "%s: there is no file %s in it", codec_name(l->kind),
                  shown.data);
        buf_release(&shown);
        return PB_ENOTFOUND;
    }
    if (l->files == 0)
        return error_set(e, PB_EPICKLE, "%s: there is no file in it", codec_name(l->kind));
    return error_set(e, PB_EUNSUPPORTED,
                     "%s: there are %zu files in it; name one with !/ behind the archive (%s%s)",
                     codec_name(l->kind), l->files, l->names.data,
                     (l->pickles > 0 ? l->pickles : l->files) > TOLD ? ", ..." : "");
}

/* Once through, until it is known which one is meant; then to that one. */
static enum pb_err one_header(struct codec_layer *l, struct error *e)
{
    struct codec_member m;
    bool end;
    enum pb_err err = codec_archive_next(l->archive, &m, &end, e);

    if (err != PB_OK)
        return err;
    if (!end && is_meant(l, &m) && (l->named || l->files == SIZE_MAX)) {
        l->found = true;
        l->at = m.at;
        return PB_OK;
    }
    if (!end && l->files != SIZE_MAX) {
        l->files++;
        l->pickles += m.pickle;
        tell(l, &m);
        if (l->named || (l->files > 1 && (!m.pickle || l->pickles > 1)))
            return PB_OK;
        return take_name(l, &m, e);
    }
    if (!end)
        return PB_OK;
    if (l->named || l->files == SIZE_MAX || (l->files != 1 && l->pickles != 1))
        return unclear(l, e);
    l->files = SIZE_MAX; /* the second time */
    codec_archive_free(l->archive);
    return codec_archive_open(l->stored, l->kind, &l->archive, e);
}

static enum pb_err check_limit(const struct codec_layer *l, struct error *e)
{
    uint64_t limit = l->limit != 0 ? l->limit : CODEC_LIMIT;

    if (l->plain->here <= limit ||
        (l->limit == 0 && l->plain->here / CODEC_RATIO <= l->stored->size))
        return PB_OK;
    return error_set(e, PB_ELIMIT, "%s: more than %llu bytes come out (--decode-limit allows more)",
                     codec_name(l->kind), (unsigned long long)limit);
}

static enum pb_err extract(struct codec_layer *l, size_t piece, struct error *e)
{
    uint8_t *room = mem_alloc(piece);
    size_t got = 0;
    enum pb_err err = room != NULL ? PB_OK : error_nomem(e);

    if (err == PB_OK)
        err = codec_archive_read(l->archive, room, piece, &got, e);
    if (err == PB_OK && got > 0)
        err = source_spool_append(l->plain, room, got, e);
    free(room);
    if (err == PB_OK)
        err = check_limit(l, e);
    if (err == PB_OK && got == 0) {
        l->done = true;
        codec_archive_free(l->archive);
        l->archive = NULL;
        source_spool_done(l->plain);
        err = l->kind == CODEC_TAR ? tar_check(l, &l->fixed, e) : zip_check(l, &l->fixed, e);
    }
    return err;
}

enum pb_err archive_layer_step(struct codec_layer *l, size_t piece, struct error *e)
{
    enum pb_err err = PB_OK;

    if (l->stored->size == SOURCE_SIZE_UNKNOWN || l->stored->here < l->stored->size)
        return PB_EAGAIN;
    l->taken = l->stored->size;
    if (l->archive == NULL)
        err = codec_archive_open(l->stored, l->kind, &l->archive, e);
    for (int i = 0; i < HEADERS && err == PB_OK && !l->found; i++)
        err = one_header(l, e);
    return err == PB_OK && l->found ? extract(l, piece, e) : err;
}
