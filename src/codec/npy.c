/*
 * An array file of numpy: a header, then a pickle when the elements are objects.
 *
 * The header repeats the array's shape, so the pickle behind it is not written again alone.
 */
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>

#include "layer.h"

#define HEADER_MAX ((size_t)64 * 1024) /* of a header that is looked into */

/* '|O' as the whole type: what else has objects in it is a pickle as well, but never starts so. */
static bool holds_objects(const uint8_t *p, size_t n)
{
    static const char key[] = "'descr': '|O'";

    return n >= sizeof key - 1 && memmem(p, n, key, sizeof key - 1) != NULL;
}

static enum pb_err read_header(struct codec_layer *l, const uint8_t *p, size_t n, uint64_t *begin,
                               struct error *e)
{
    size_t head = p[6] == 1 ? 10 : 12, len = 0;

    if (n >= head)
        len = p[6] == 1 ? codec_le16(p + 8) : codec_le32(p + 8);
    if (n < head || len > HEADER_MAX || len > n - head)
        return codec_broken(e, "npy: its header is not valid");
    if (!holds_objects(p + head, len))
        return error_set(e, PB_EUNSUPPORTED,
                         "npy: an array of numbers or text, in which there is no pickle");
    *begin = head + len;
    l->fixed = _("an array file (npy): its header repeats what is in the pickle");
    return PB_OK;
}

enum pb_err npy_layer_step(struct codec_layer *l, struct error *e)
{
    const uint8_t *p;
    size_t n;
    uint64_t begin = 0;
    enum pb_err err;

    if (l->stored->size == SOURCE_SIZE_UNKNOWN || l->stored->here < l->stored->size)
        return PB_EAGAIN;
    err = source_view(l->stored, 0, HEADER_MAX + 12, &p, &n, e);
    if (err == PB_OK)
        err = read_header(l, p, n, &begin, e);
    if (err != PB_OK)
        return err;
    l->taken = l->stored->size;
    l->plain = source_slice(l->stored, begin, l->stored->size - begin);
    l->done = l->plain != NULL;
    return l->done ? PB_OK : error_nomem(e);
}
