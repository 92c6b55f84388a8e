/*
 * Items of a list set by their number, bytes of a bytearray set or put behind its end.
 *
 * No pickler writes that, but Python does it.  The values stay where they are: of a list as pairs
 * that it took, so that they are found again like a dict's; a list's items are looked up here
 * afterwards.  A bytearray's bytes are kept.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/pkl_leaf.h>

#include "scan_ops.h"
#include "walk.h"

/* An int as Python takes one for a number; a bool is one, too. */
static enum pb_err read_int(struct pkl_doc *d, const struct sval *v, bool *is, int64_t *value,
                            struct error *e)
{
    struct pkl_node node = {.kind = (enum pkl_kind)v->kind};
    uint64_t maker = v->maker;
    struct pkl_leaf leaf;
    enum pb_err err = PB_OK;

    *is = false;
    if (v->flags & SV_REF)
        err = memo_target(d, v->maker, &maker, e);
    if (err == PB_OK)
        err = value_kind(d, maker, &node.kind, &node.opcode, e);
    if (err != PB_OK)
        return err;
    if (node.kind >= PKL_GLOBAL)
        return error_set(e, PB_EPICKLE,
                         "only the class of an object says what number it stands for");
    if (node.kind != PKL_INT && node.kind != PKL_BOOL)
        return PB_OK;
    d->viewed = true;
    node.id = node.target = PKL_ID(d->no, PKL_TAG_VALUE, maker);
    pkl_leaf_init(&leaf);
    err = pkl_leaf_read(&d->view, &node, 256, &leaf, e);
    *is = err == PB_OK && (leaf.kind == PKL_BOOL || leaf.fits);
    *value = leaf.kind == PKL_BOOL ? leaf.boolean : leaf.integer;
    pkl_leaf_release(&leaf);
    return err;
}

static enum pb_err read_byte(struct pkl_doc *d, const struct sval *v, uint8_t *byte,
                             struct error *e)
{
    int64_t value = -1;
    bool is;
    enum pb_err err = read_int(d, v, &is, &value, e);

    if (err == PB_OK && (!is || value < 0 || value > 255))
        return error_set(e, PB_EPICKLE, "what goes into a bytearray is no int from 0 to 255");
    *byte = (uint8_t)value;
    return err;
}

/* How many items the list has, or bytes the bytearray, at this moment. */
static enum pb_err length_now(struct pkl_doc *d, uint64_t maker, enum pkl_kind kind, uint64_t *out,
                              struct error *e)
{
    uint64_t more = 0;
    struct cursor c;
    struct op op;
    enum pb_err err;

    if (kind == PKL_LIST)
        return scan_items_now(d, maker, out, e);
    d->viewed = true;
    cursor_init(&c, d->src);
    err = cursor_read(&c, maker, &op, e);
    idmap_get(&d->altered, maker + 1, &more);
    *out = err == PB_OK ? op.payload + more : 0;
    return err;
}

static enum pb_err note_alter(struct pkl_doc *d, uint64_t maker, uint64_t index, uint64_t what,
                              struct error *e)
{
    struct alter a = {maker, d->scan.at, index, what};

    if (d->alters.len >= d->limits.max_records)
        return error_set(e, PB_ELIMIT,
                         "more than %llu items set by their number (limit max_records)",
                         (unsigned long long)d->limits.max_records);
    return vec_push(&d->alters, a) ? PB_OK : error_nomem(e);
}

static enum pb_err set_item(struct pkl_doc *d, uint64_t maker, enum pkl_kind kind,
                            const struct sval *key, const struct sval *value, struct error *e)
{
    uint64_t length, count = 0, what;
    int64_t index = 0;
    uint8_t byte = 0;
    bool is;
    enum pb_err err = read_int(d, key, &is, &index, e);

    if (err == PB_OK && !is)
        return error_set(e, PB_EPICKLE, "the number of an item is no int");
    if (err == PB_OK)
        err = length_now(d, maker, kind, &length, e);
    if (err == PB_OK && kind == PKL_BYTEARRAY)
        err = read_byte(d, value, &byte, e);
    if (err != PB_OK)
        return err;
    if (index < 0 ? (uint64_t) - (index + 1) >= length : (uint64_t)index >= length)
        return error_set(e, PB_EPICKLE, "there is no item %lld", (long long)index);
    idmap_get(&d->altered, maker + 1, &count);
    what = kind == PKL_LIST ? count : d->alter_serial++ << 8 | byte;
    err = note_alter(d, maker, index < 0 ? length - (uint64_t)-index : (uint64_t)index, what, e);
    if (err == PB_OK && !idmap_put(&d->altered, maker + 1, count + (kind == PKL_LIST)))
        err = error_nomem(e);
    return err;
}

static enum pb_err add_byte(struct pkl_doc *d, uint64_t maker, const struct sval *value,
                            struct error *e)
{
    uint64_t length = 0, count = 0;
    uint8_t byte = 0;
    enum pb_err err = read_byte(d, value, &byte, e);

    if (err == PB_OK)
        err = length_now(d, maker, PKL_BYTEARRAY, &length, e);
    if (err == PB_OK)
        err = note_alter(d, maker, length, d->alter_serial++ << 8 | byte, e);
    idmap_get(&d->altered, maker + 1, &count);
    if (err == PB_OK && !idmap_put(&d->altered, maker + 1, count + 1))
        err = error_nomem(e);
    return err;
}

enum pb_err scan_alter_viewed(struct pkl_doc *d, uint64_t maker, uint64_t at, struct error *e)
{
    return idmap_put(&d->viewed_as_buffer, maker + 1, at + 1) ? PB_OK : error_nomem(e);
}

enum pb_err scan_alter_dropped(struct pkl_doc *d, const struct sval *v, struct error *e)
{
    uint64_t at = 0;

    if (d->viewed_as_buffer.count == 0 || v->flags & SV_REF ||
        !idmap_get(&d->viewed_as_buffer, v->maker + 1, &at) || at == 0)
        return PB_OK;
    for (size_t i = d->puts.len; i > 0 && d->puts.data[i - 1].offset >= at; i--) {
        if (d->puts.data[i - 1].maker == v->maker)
            return PB_OK;
    }
    return idmap_put(&d->viewed_as_buffer, v->maker + 1, 0) ? PB_OK : error_nomem(e);
}

/* READONLY_BUFFER made a memoryview of the bytearray: is that the target, or the bytearray itself,
 * fetched as it was stored before? */
static enum pb_err check_view(struct pkl_doc *d, const struct sval *target, uint64_t maker,
                              enum phase phase, struct error *e)
{
    uint64_t at = 0, put = UINT64_MAX;
    enum pb_err err = PB_OK;

    if (!idmap_get(&d->viewed_as_buffer, maker + 1, &at) || at == 0)
        return PB_OK;
    if (target->flags & SV_REF)
        err = memo_stored_at(d, target->maker, &put, e);
    if (err == PB_OK && put >= at)
        return error_set(e, PB_EPICKLE, "a memoryview that cannot be written");
    if (err == PB_OK && phase == PH_ITEM)
        return error_set(e, PB_EPICKLE, "a bytearray cannot grow while a memoryview shows it");
    return err;
}

bool scan_alter_is(enum pkl_kind kind, enum phase phase)
{
    return (kind == PKL_LIST && phase == PH_PAIR) ||
           (kind == PKL_BYTEARRAY && (phase == PH_PAIR || phase == PH_ITEM));
}

enum pb_err scan_alter(struct pkl_doc *d, const struct sval *target, enum pkl_kind kind,
                       enum phase phase, size_t kids, struct error *e)
{
    struct scan *s = &d->scan;
    size_t per = phase == PH_PAIR ? 2 : 1;
    uint64_t maker = target->maker;
    enum pb_err err = PB_OK;

    if (target->flags & SV_REF)
        err = memo_target(d, target->maker, &maker, e);
    if (err == PB_OK)
        err = check_view(d, target, maker, phase, e);
    for (size_t i = kids; i < s->stack.len && err == PB_OK; i++) {
        if (s->stack.data[i].flags & SV_RUN)
            err = scan_unfold(d, i, e);
    }
    for (size_t i = kids; i + per <= s->stack.len && err == PB_OK; i += per) {
        const struct sval *v = &s->stack.data[i];

        err = per == 2 ? set_item(d, maker, kind, v, v + 1, e) : add_byte(d, maker, v, e);
    }
    if (err != PB_OK)
        scan_alter_forget(d, s->at);
    return err;
}

static int compare(const void *a, const void *b)
{
    const struct alter *x = a, *y = b;

    if (x->maker != y->maker)
        return x->maker < y->maker ? -1 : 1;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return x->what < y->what ? -1 : x->what > y->what;
}

void scan_alter_sort(struct pkl_doc *d)
{
    if (d->alters.len > 1)
        qsort(d->alters.data, d->alters.len, sizeof *d->alters.data, compare);
}

void scan_alter_forget(struct pkl_doc *d, uint64_t at)
{
    size_t kept = 0;

    for (size_t i = 0; i < d->alters.len; i++) {
        if (d->alters.data[i].op < at)
            d->alters.data[kept++] = d->alters.data[i];
    }
    d->alters.len = kept;
    if (at == 0) {
        idmap_release(&d->altered);
        idmap_release(&d->viewed_as_buffer);
    }
}

void scan_alter_release(struct pkl_doc *d)
{
    scan_alter_forget(d, 0);
    vec_release(&d->alters);
}

/* The first one at or behind an index. */
static size_t first_alter(const struct pkl_doc *d, uint64_t maker, uint64_t index)
{
    size_t low = 0, high = d->alters.len;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct alter *a = &d->alters.data[mid];

        if (a->maker < maker || (a->maker == maker && a->index < index))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const struct alter *alters_of(const struct pkl_doc *d, uint64_t maker, uint64_t first,
                              uint64_t count, size_t *n)
{
    size_t low = first_alter(d, maker, first), end = low;

    while (end < d->alters.len && d->alters.data[end].maker == maker &&
           d->alters.data[end].index - first < count)
        end++;
    *n = end - low;
    return *n > 0 ? &d->alters.data[low] : NULL;
}

uint64_t alters_end(const struct pkl_doc *d, uint64_t maker)
{
    size_t behind = first_alter(d, maker + 1, 0);

    return behind > 0 && d->alters.data[behind - 1].maker == maker
               ? d->alters.data[behind - 1].index + 1
               : 0;
}

bool pkl_doc_altered(const struct pkl_doc *d, pkl_id id)
{
    return d->alters.len > 0 && alters_end(d, PKL_ID_OFFSET(id)) > 0;
}
