/* Frames and memo reads of the result against those of the original, opcode by opcode. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/digest.h>
#include <pklbrowse/num.h>

#include "index.h"
#include "opcode_bytes.h"
#include "verify.h"

#define FRAME_HEADER 9
#define OPCODES_AT_ONCE 2000

static const struct splice_segment *segment_at(const struct pkl_splice *p, uint64_t off, size_t *i)
{
    size_t low = 0, high = p->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (p->segments[middle].at + p->segments[middle].len <= off)
            low = middle + 1;
        else
            high = middle;
    }
    *i = low;
    return low < p->count ? &p->segments[low] : NULL;
}

/* ---------------------------------------------------------------------------- frames */

/* A frame lies in one copied span, so it is as right or wrong as it was. */
static bool untouched(const struct verify *v, const struct pkl_frame *f)
{
    size_t i;
    const struct splice_segment *s = segment_at(v->plan, f->offset, &i);

    return s != NULL && s->kind == SPLICE_COPY &&
           f->length <= UINT64_MAX - f->offset - FRAME_HEADER &&
           f->offset + FRAME_HEADER + f->length <= s->at + s->len;
}

/* The place in the original to which an offset of the result belongs: [*low, *high], one place
 * unless bytes are missing just there. */
static void original_of(const struct verify *v, uint64_t off, uint64_t *low, uint64_t *high)
{
    size_t i, k;
    const struct splice_segment *s = segment_at(v->plan, off, &i);

    if (s != NULL && s->kind == SPLICE_COPY && s->at < off) {
        *low = *high = s->from + (off - s->at);
        return;
    }
    for (*low = 0, k = i; k-- > 0;) {
        if (v->plan->segments[k].kind == SPLICE_COPY) {
            *low = v->plan->segments[k].from + v->plan->segments[k].len;
            break;
        }
    }
    for (*high = v->original->size, k = i; k < v->plan->count; k++) {
        if (v->plan->segments[k].kind == SPLICE_COPY) {
            *high = v->plan->segments[k].from;
            break;
        }
    }
}

static enum pb_err frame_ends(struct verify *v, const struct pkl_frame *f,
                              const struct pkl_frame *was, const struct pkl_frame *next)
{
    uint64_t end = f->offset + FRAME_HEADER + f->length, low, high;
    struct pkl_info info;

    pkl_doc_info(v->fresh, &info);
    if (f->length > info.end || end > info.end)
        return verify_refuse(v, "the FRAME at %llu reaches beyond the end",
                             (unsigned long long)f->offset);
    if (next != NULL && next->offset < end)
        return verify_refuse(v, "a FRAME begins inside the one at %llu",
                             (unsigned long long)f->offset);
    original_of(v, end, &low, &high);
    if (was->offset + FRAME_HEADER + was->length < low ||
        was->offset + FRAME_HEADER + was->length > high)
        return verify_refuse(v, "the FRAME at %llu does not end where it did",
                             (unsigned long long)f->offset);
    return PB_OK;
}

enum pb_err verify_frames(struct verify *v, bool *done)
{
    const struct pkl_frame *is, *was, *f;
    size_t n = pkl_doc_frames(v->fresh, &is);
    uint64_t header = 0, payload = 0, before, end;
    enum pb_err err = PB_OK;

    *done = v->frame == n;
    if (*done || pkl_doc_frames(v->doc, &was) != n)
        return *done ? PB_OK : verify_refuse(v, "it has another number of FRAMEs");
    f = &is[v->frame];
    if (untouched(v, f)) {
        v->frame++;
        v->at = 0;
        return PB_OK;
    }
    err = frame_ends(v, f, &was[v->frame], v->frame + 1 < n ? f + 1 : NULL);
    end = f->offset + FRAME_HEADER + f->length;
    before = v->at = v->at == 0 ? f->offset + FRAME_HEADER : v->at;
    for (int i = 0; i < OPCODES_AT_ONCE && v->at < end && err == PB_OK; i++) {
        before = v->at;
        err = pkl_opcode_length(v->result, v->at, &header, &payload, v->e);
        v->at += header + payload;
    }
    if (err != PB_OK || v->at < end)
        return err;
    if (v->at != end && before + header != end)
        return verify_refuse(v, "the FRAME at %llu ends inside an opcode",
                             (unsigned long long)f->offset);
    v->frame++;
    v->at = 0;
    return PB_OK;
}

/* ------------------------------------------------------------------------- memo reads */

/* Python 2 takes any text as the name of a slot. */
static uint64_t text_slot(const uint8_t *p, size_t n)
{
    uint64_t slot;

    while (n > 0 && (p[n - 1] == '\n' || p[n - 1] == '\r' || p[n - 1] == ' '))
        n--;
    if (num_parse_u64((const char *)p, n, &slot) && slot < (uint64_t)1 << 62)
        return slot;
    return (uint64_t)1 << 63 | crc32_of(0, p, n);
}

static uint64_t little_endian(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = n; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

static bool is_get(uint8_t code)
{
    return code == CODE_GET || code == CODE_BINGET || code == CODE_LONG_BINGET;
}

static bool is_put(uint8_t code)
{
    return code == CODE_PUT || code == CODE_BINPUT || code == CODE_LONG_BINPUT;
}

/* Passes one opcode; *get says that it read a slot (m->read). */
static enum pb_err pass(struct verify *v, struct verify_memo *m, bool shared, bool *get)
{
    uint64_t header, payload, slot;
    const uint8_t *p;
    uint8_t code;
    size_t n;
    enum pb_err err = pkl_opcode_length(m->src, m->at, &header, &payload, v->e);

    *get = false;
    m->slot = 0;
    if (err == PB_OK)
        err = source_view(m->src, m->at, 1, &p, &n, v->e);
    if (err != PB_OK)
        return err;
    code = *p;
    if (is_get(code) || is_put(code)) {
        bool text = code == CODE_GET || code == CODE_PUT;

        err = source_view(m->src, m->at, (size_t)(header + payload), &p, &n, v->e);
        if (err != PB_OK)
            return err;
        slot = text ? text_slot(p + 1, (size_t)(header + payload) - 1)
                    : little_endian(p + 1, (size_t)(header + payload) - 1);
        *get = is_get(code);
        if (*get && !idmap_get(&m->slots, slot + 1, &m->read))
            return verify_refuse(v, "a slot that is read at %llu is empty",
                                 (unsigned long long)m->at);
        m->slot = *get ? 0 : slot + 1;
    } else if (code == CODE_MEMOIZE) {
        m->slot = m->slots.count + 1;
    } else if (code == CODE_STOP && !shared) {
        idmap_release(&m->slots);
    }
    if (m->slot != 0 && !idmap_put(&m->slots, m->slot, m->at + 1))
        return error_nomem(v->e);
    m->at += header + payload;
    return PB_OK;
}

/* The original up to, and not including, the opcode at `off`. */
static enum pb_err catch_up(struct verify *v, uint64_t off)
{
    bool get;
    enum pb_err err = PB_OK;

    while (v->was.at < off && err == PB_OK)
        err = pass(v, &v->was, v->doc->scan.shared, &get);
    if (err == PB_OK && v->was.at != off)
        err = verify_refuse(v, "an opcode of the original is cut at %llu", (unsigned long long)off);
    return err;
}

/* Both sides read the opcode that was copied. */
static enum pb_err same_definition(struct verify *v)
{
    uint64_t here = v->is.read - 1, was = v->was.read - 1;
    size_t i;
    const struct splice_segment *s = segment_at(v->plan, here, &i);

    if (v->moved || s == NULL || s->kind != SPLICE_COPY || s->from + (here - s->at) != was)
        return verify_refuse(v, "a memo slot read at %llu holds something else",
                             (unsigned long long)v->is.at);
    return PB_OK;
}

static enum pb_err one_opcode(struct verify *v)
{
    size_t i;
    const struct splice_segment *s;
    uint64_t off;
    bool get, was_get;
    enum pb_err err;

    while (v->segment < v->plan->count &&
           v->plan->segments[v->segment].at + v->plan->segments[v->segment].len <= v->is.at)
        v->segment++;
    i = v->segment;
    s = i < v->plan->count ? &v->plan->segments[i] : NULL;
    if (s == NULL || s->kind != SPLICE_COPY)
        return pass(v, &v->is, v->doc->scan.shared, &get);
    off = s->from + (v->is.at - s->at);
    err = catch_up(v, off);
    if (err == PB_OK)
        err = pass(v, &v->was, v->doc->scan.shared, &was_get);
    if (err == PB_OK)
        err = pass(v, &v->is, v->doc->scan.shared, &get);
    if (err == PB_OK && get != was_get)
        err = verify_refuse(v, "a copied opcode is not the one it was");
    v->moved = v->moved || v->is.slot != v->was.slot;
    return err == PB_OK && get ? same_definition(v) : err;
}

enum pb_err verify_memo(struct verify *v, bool *done)
{
    enum pb_err err = PB_OK;

    if (v->is.src == NULL) {
        struct pkl_info was, is;

        pkl_doc_info(v->doc, &was);
        pkl_doc_info(v->fresh, &is);
        v->was = (struct verify_memo){.src = v->original, .end = was.end};
        v->is = (struct verify_memo){.src = v->result, .end = is.end};
    }
    for (int i = 0; i < OPCODES_AT_ONCE && v->is.at < v->is.end && err == PB_OK; i++)
        err = one_opcode(v);
    *done = v->is.at >= v->is.end;
    return err;
}
