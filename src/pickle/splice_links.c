/*
 * Links: what a new value refers to is read from the slot where the original keeps it.
 *
 * A value can be read where its slot was put and has not been put again.  Everything else about a
 * link is refused.
 */
#include "index.h"
#include "opcode_bytes.h"
#include "splice_private.h"

/* Where the memo opcode of a value would stand; a FRAME may come between. */
static enum pb_err put_behind(struct splice_work *w, uint64_t maker, uint64_t *at)
{
    struct source *src = pkl_doc_source(w->ed->doc);
    uint64_t header, payload;
    const uint8_t *p;
    size_t n;
    enum pb_err err;

    *at = maker;
    do {
        err = pkl_opcode_length(src, *at, &header, &payload, w->e);
        if (err != PB_OK)
            return err;
        *at += header + payload;
        err = source_view(src, *at, 1, &p, &n, w->e);
    } while (err == PB_OK && n > 0 && (*p == CODE_FRAME || *p == CODE_PROTO));
    return err;
}

enum pb_err splice_links(struct splice_work *w)
{
    const struct edit_links *links = &w->ed->links;
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < links->len && err == PB_OK; i++) {
        struct splice_link l = {.target = links->data[i].target};

        if (!edit_is_live(w->ed, links->data[i].offset))
            continue;
        if (PKL_ID_SOURCE(l.target) != 0 || PKL_ID_TAG(l.target) != PKL_TAG_VALUE)
            return error_set(w->e, PB_EREADONLY,
                             "a new value in several places cannot be written yet as one");
        err = put_behind(w, PKL_ID_OFFSET(l.target), &l.put);
        if (err == PB_OK &&
            (!vec_push(&w->links, l) || !idmap_put(&w->link_puts, l.put + 1, w->links.len)))
            err = error_nomem(w->e);
    }
    return err;
}

/* The slot in which a GET at `at` of the original would find the target. */
static enum pb_err slot_of(struct splice_work *w, pkl_id target, uint64_t at, uint64_t *slot)
{
    uint64_t put, number, maker = UINT64_MAX;
    enum pb_err err = put_behind(w, PKL_ID_OFFSET(target), &put);

    if (err != PB_OK)
        return err;
    if (idmap_get(&w->link_puts, put + 1, &number) && w->links.data[number - 1].found && put < at) {
        *slot = w->links.data[number - 1].slot;
        err = memo_get(w->ed->doc, at, *slot, &maker, w->e);
    }
    if (err == PB_OK && maker != PKL_ID_OFFSET(target))
        err = error_set(w->e, PB_EREADONLY,
                        "a part of the copy cannot be shared with the original: the pickle does "
                        "not keep it where it could be read again");
    return err;
}

static void put_get(struct splice_work *w, uint64_t slot)
{
    struct buf *out = &w->plan->bytes;

    if (w->ed->style.text) {
        buf_printf(out, "g%llu\n", (unsigned long long)slot);
        return;
    }
    buf_putc(out, (char)(slot < 256 ? CODE_BINGET : CODE_LONG_BINGET));
    for (int i = 0; i < (slot < 256 ? 1 : 4); i++)
        buf_putc(out, (char)(slot >> (8 * i) & 0xff));
}

enum pb_err splice_copy_new(struct splice_work *w, uint64_t from, uint64_t to, uint64_t at)
{
    const struct edit_links *links = &w->ed->links;
    struct sink sink = sink_buf(&w->plan->bytes);
    size_t low = 0, high = links->len;
    enum pb_err err = PB_OK;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (links->data[middle].offset < from)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < links->len && links->data[low].offset < to && err == PB_OK; low++) {
        const struct edit_link *l = &links->data[low];
        uint64_t slot = 0;

        err = source_copy(w->ed->bytes, from, l->offset - from, &sink, w->e);
        if (err == PB_OK)
            err = slot_of(w, l->target, at, &slot);
        if (err == PB_OK)
            put_get(w, slot);
        from = l->offset + EDIT_LINK_SIZE;
    }
    return err == PB_OK ? source_copy(w->ed->bytes, from, to - from, &sink, w->e) : err;
}
