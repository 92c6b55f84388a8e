/*
 * Memo reads of the result against those of the original, in step.
 *
 * Where bytes are copied both do the same, so one of them is read.  Where they are not, the slots
 * that either side stores into are noted: their definitions do not correspond from then on, until
 * both store there again.  A copied GET must not read such a slot.  A MEMOIZE stores into the slot
 * that is the number of those in use, which is counted on both sides.  GETs that were not copied
 * are compared as values.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/digest.h>
#include <pklbrowse/num.h>

#include "index.h"
#include "opcode_bytes.h"
#include "verify.h"

#define OPCODES_AT_ONCE 50000
#define WINDOW (64u << 10)

/* ---------------------------------------------------------------------------- opcodes */

struct opcode {
    uint8_t code;
    uint64_t end, slot;
};

/* A view of a source that is read on. */
struct reading {
    struct source *src;
    const uint8_t *p;
    uint64_t off;
    size_t n;
};

/* Python 2 takes any text as the name of a slot. */
static uint64_t text_slot(const uint8_t *p, size_t n)
{
    uint64_t slot;

    while (n > 0 && (p[n - 1] == '\n' || p[n - 1] == '\r' || p[n - 1] == ' '))
        n--;
    if (num_parse_u64((const char *)p, n, &slot) && slot < (uint64_t)1 << 62)
        return slot;
    return (uint64_t)1 << 62 | crc32_of(0, p, n);
}

/* Opcodes at the end of a view, and long ones. */
static enum pb_err read_slowly(struct reading *r, uint64_t at, struct opcode *op, struct error *e)
{
    uint64_t header, payload;
    const uint8_t *p;
    size_t n;
    bool memo;
    enum pb_err err = pkl_opcode_length(r->src, at, &header, &payload, e);

    r->n = 0;
    op->slot = 0;
    if (err == PB_OK)
        err = source_view(r->src, at, 1, &p, &n, e);
    if (err != PB_OK)
        return err;
    op->code = *p;
    op->end = at + header + payload;
    memo = op_info[op->code].class == OP_PUT || op_info[op->code].class == OP_REF;
    if (!memo || op->end == at + 1)
        return PB_OK;
    err = source_view(r->src, at, (size_t)(op->end - at), &p, &n, e);
    if (err == PB_OK)
        op->slot = op_is_text(op->code) ? text_slot(p + 1, (size_t)(op->end - at) - 1)
                                        : op_le(p + 1, (size_t)(op->end - at) - 1);
    return err;
}

static enum pb_err read_opcode(struct reading *r, uint64_t at, struct opcode *op, struct error *e)
{
    const struct op_info *info;
    const uint8_t *p;
    uint64_t payload = 0;
    enum pb_err err;

    if (r->n == 0 || at < r->off || at - r->off + 16 > r->n) {
        err = source_view(r->src, at, WINDOW, &r->p, &r->n, e);
        r->off = at;
        if (err != PB_OK)
            return err;
        r->n = r->n < WINDOW ? r->n : WINDOW; /* a step ends some time */
        if (r->n < 16)
            return read_slowly(r, at, op, e);
    }
    p = r->p + (at - r->off);
    info = &op_info[*p];
    if (info->class == OP_BAD || op_is_text(*p) || (*p == CODE_BUILD && r->src->gaps.len > 0))
        return read_slowly(r, at, op, e);
    if (info->arg >= ARG_B1 && !op_payload(p, &payload))
        return read_slowly(r, at, op, e);
    op->code = *p;
    op->end = at + info->header + payload;
    op->slot = (info->class == OP_PUT || info->class == OP_REF) && info->header > 1
                   ? op_le(p + 1, info->header - 1u)
                   : 0;
    return PB_OK;
}

/* ------------------------------------------------------------------------------ slots */

static bool occupy(struct verify *v, struct verify_slots *s, uint64_t slot)
{
    uint64_t there;

    if (!v->count_slots || slot < s->dense)
        return true;
    if (slot != s->dense) {
        if (idmap_get(&s->sparse, slot + 1, &there) && there != 0)
            return true;
        s->count++;
        return idmap_put(&s->sparse, slot + 1, 1);
    }
    do {
        s->count += !(idmap_get(&s->sparse, s->dense + 1, &there) && there != 0);
        s->dense++;
    } while (s->sparse.count > 0 && idmap_get(&s->sparse, s->dense + 1, &there) && there != 0);
    return true;
}

static void forget(struct verify_slots *s)
{
    idmap_release(&s->sparse);
    *s = (struct verify_slots){0};
}

/* What the slot of one side holds corresponds to something of the other from now on, or does not.
 */
static bool mark(struct verify *v, int side, uint64_t slot, bool differs)
{
    uint64_t was = 0;

    if (v->differs == 0 && !differs)
        return true;
    (void)idmap_get(&v->differ[side], slot + 1, &was);
    if ((was != 0) == differs)
        return true;
    v->differs = differs ? v->differs + 1 : v->differs - 1;
    return idmap_put(&v->differ[side], slot + 1, differs);
}

static bool marked(const struct verify *v, int side, uint64_t slot)
{
    uint64_t was;

    return v->differs > 0 && idmap_get(&v->differ[side], slot + 1, &was) && was != 0;
}

static bool is_dense(const struct verify_slots *s)
{
    return s->count == s->dense && s->sparse.count == 0;
}

static uint64_t shifted(const struct verify *v, uint64_t slot)
{
    size_t low = vec_upper(&v->shifts, from, slot);

    return low > 0 ? slot + v->shifts.data[low - 1].by : slot;
}

/* Both store into a slot that neither had: the next one of each, or one of the same number.  Only
 * where there are opcodes with other numbers may something that is read be in another slot. */
static bool first_stored(struct verify *v, uint64_t was, uint64_t is)
{
    struct verify_shift s = {was, is - was};
    uint64_t last = v->shifts.len > 0 ? v->shifts.data[v->shifts.len - 1].by : 0;

    if (v->renumbered.len > 0 && is_dense(&v->was) && is_dense(&v->is) && was == v->was.count &&
        is == v->is.count)
        return s.by == last || vec_push(&v->shifts, s);
    if (was != is && v->drift > was)
        v->drift = was < is ? was : is;
    return true;
}

/* Does slot `is` of the result hold what slot `was` of the original does? */
static bool differs(const struct verify *v, uint64_t was, uint64_t is)
{
    return was >= v->drift || shifted(v, was) != is || marked(v, 0, was) || marked(v, 1, is);
}

static void forget_all(struct verify *v)
{
    forget(&v->was);
    forget(&v->is);
    idmap_release(&v->differ[0]);
    idmap_release(&v->differ[1]);
    idmap_release(&v->kept);
    v->differs = 0;
    v->shifts.len = 0;
    v->kept_unread = 0;
    v->drift = UINT64_MAX;
}

static void next_pickle(struct verify *v)
{
    if (!v->doc->scan.shared && !v->goes_on)
        forget_all(v);
}

/* The range of what went that holds an offset of the original, or is the next one; NULL: none.
 * Offsets only grow. */
static const struct verify_range *next_gone(struct verify *v, uint64_t off)
{
    while (v->gone_at < v->gone.len && v->gone.data[v->gone_at].end <= off)
        v->gone_at++;
    return v->gone_at < v->gone.len ? &v->gone.data[v->gone_at] : NULL;
}

/* A copied PUT: what it stores is a part of something that went, or is not. */
static bool stored_part(struct verify *v, uint64_t slot)
{
    const struct verify_range *gone = next_gone(v, v->off);
    bool part = gone != NULL && gone->begin <= v->off;
    uint64_t was = 0;

    (void)(v->kept_unread > 0 && idmap_get(&v->kept, slot + 1, &was));
    if ((was != 0) == part)
        return true;
    v->kept_unread = part ? v->kept_unread + 1 : v->kept_unread - 1;
    return idmap_put(&v->kept, slot + 1, part);
}

/* A copied GET: whether that part was copied whole is seen when the values are compared. */
static bool read_part(struct verify *v, uint64_t slot, uint64_t at)
{
    struct verify_range reader = {v->off, at};
    uint64_t was = 0;

    if (v->kept_unread == 0 || !idmap_get(&v->kept, slot + 1, &was) || was == 0)
        return true;
    v->kept_unread--;
    return idmap_put(&v->kept, slot + 1, 0) && (v->goes_on || vec_push(&v->readers, reader));
}

/* ------------------------------------------------------------------------------ steps */

/* What leaves the stack as it is. */
static bool is_still(enum op_class class)
{
    return class == OP_PUT || class == OP_FRAME || class == OP_PROTO;
}

/* A copied PUT stores what the opcode in front of it made.  Where that is not the same opcode, the
 * slot holds something else: unless both are what makes the same edited container. */
static enum pb_err stored(struct verify *v, bool *same)
{
    pkl_id a = PKL_ID(0, PKL_TAG_VALUE, v->last[0]), b = PKL_ID(0, PKL_TAG_VALUE, v->last[1]);
    uint64_t known;

    *same = !v->apart;
    if (!v->apart || !v->made[0] || !v->made[1] || edit_container_of(v->ed, a) == NULL)
        return PB_OK;
    *same = !idmap_get(&v->there, a, &known) || known == b;
    return !*same || (idmap_put(&v->there, a, b) && idmap_put(&v->back, b, a)) ? PB_OK
                                                                               : error_nomem(v->e);
}

/* Both store what they made into a slot. */
static enum pb_err both_put(struct verify *v, const struct opcode *op, uint64_t is)
{
    uint64_t slot = op->slot, known;
    bool same, ok, again;
    enum pb_err err = stored(v, &same);

    if (err != PB_OK)
        return err;
    if (op->code == CODE_MEMOIZE) {
        slot = v->was.count;
        is = v->is.count;
    }
    again = v->count_slots
                ? slot < v->was.dense || (idmap_get(&v->was.sparse, slot + 1, &known) && known != 0)
                : slot == is;
    ok = again || first_stored(v, slot, is);
    /* Into one that was stored into before: of the result it must be that one. */
    same = same && slot < v->drift && shifted(v, slot) == is;
    ok = ok && occupy(v, &v->is, is) && occupy(v, &v->was, slot) && mark(v, 0, slot, !same) &&
         mark(v, 1, is, !same) && stored_part(v, slot);
    return ok ? PB_OK : error_nomem(v->e);
}

/* An opcode that both sides have, at `at` of the result, and there with the slot `is`. */
static enum pb_err both(struct verify *v, const struct opcode *op, uint64_t at, uint64_t is)
{
    enum op_class class = (enum op_class)op_info[op->code].class;

    if (!is_still(class))
        v->apart = false;
    if (class == OP_STOP) {
        next_pickle(v);
    } else if (class == OP_REF && op->code != CODE_DUP) {
        if (differs(v, op->slot, is) && v->goes_on)
            return error_set(v->e, PB_EREADONLY,
                             "the pickles may be meant for one Unpickler: then the one at offset "
                             "%llu would read something else than it does now",
                             (unsigned long long)v->off);
        if (differs(v, op->slot, is))
            return verify_refuse(v,
                                 "a memo slot read at offset %llu of the original would hold "
                                 "something else",
                                 (unsigned long long)v->off);
        return read_part(v, op->slot, at) ? PB_OK : error_nomem(v->e);
    } else if (class == OP_PUT) {
        return both_put(v, op, is);
    }
    return PB_OK;
}

/* An opcode that one side has. */
static enum pb_err one(struct verify *v, const struct opcode *op, uint64_t at, bool old)
{
    enum op_class class = (enum op_class)op_info[op->code].class;
    struct verify_slots *s = old ? &v->was : &v->is;
    uint64_t slot = op->code == CODE_MEMOIZE ? s->count : op->slot;

    if (!is_still(class)) {
        v->apart = true;
        v->last[!old] = at;
        v->made[!old] = class == OP_MAKE || class == OP_TUPLE;
    }

    if (old && (class == OP_STOP || class == OP_PROTO || class == OP_BUFFER))
        return verify_refuse(v, "an opcode that must stay is missing");
    if (class != OP_PUT)
        return PB_OK;
    return occupy(v, s, slot) && mark(v, !old, slot, true) ? PB_OK : error_nomem(v->e);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Opcodes that both sides have and that leave the memo alone, and MEMOIZEs as long as both count
 * the same: most of what there is. */
static uint64_t quickly(struct verify *v, const struct reading *r, uint64_t at, uint64_t end)
{
    const uint8_t *p = r->p + (at - r->off), *first = p, *stop = r->p + r->n - 16;
    bool even = v->was.dense == v->is.dense && v->was.count == v->was.dense &&
                v->is.count == v->is.dense && v->was.sparse.count == 0 && v->is.sparse.count == 0 &&
                v->drift == UINT64_MAX && v->shifts.len == 0;
    uint64_t over = 0, memoized = 0;

    if (end - at < (uint64_t)(stop - p))
        stop = p + (end - at);
    while (p < stop) {
        const uint8_t *from = p;

        p = op_skip_plain(p, stop, &over);
        if (p > from || over > 0)
            v->apart = false;
        if (over > 0 || p >= stop || *p != CODE_MEMOIZE || v->apart || !even)
            break;
        memoized++;
        p++;
    }
    v->was.dense += memoized;
    v->was.count += memoized;
    v->is.dense += memoized;
    v->is.count += memoized;
    return at + (uint64_t)(p - first) + over;
}

/* Opcodes [*at, end) of one side. */
static enum pb_err pass(struct verify *v, struct reading *r, uint64_t *at, uint64_t end, int which,
                        int *budget)
{
    const struct splice_segment *s = which == 0 ? &v->plan->segments[v->segment] : NULL;
    enum pb_err err = PB_OK;
    struct opcode op;

    while (*at<end && * budget> 0 && err == PB_OK) {
        const struct verify_range *gone = which == 0 ? next_gone(v, *at) : NULL;

        if (which == 0 && (gone == NULL || *at < gone->begin) && r->n > 16 && *at >= r->off &&
            *at - r->off + 16 < r->n) {
            uint64_t from = *at;

            *at = quickly(v, r, *at, gone != NULL ? min_u64(end, gone->begin) : end);
            *budget -= (int)(min_u64(*at - from, WINDOW) / 4);
            if (*at >= end)
                break;
        }
        err = read_opcode(r, *at, &op, v->e);
        if (err != PB_OK)
            break;
        if (which == 0)
            err = both(v, &op, s->at + (*at - s->from), op.slot);
        else
            err = one(v, &op, *at, which < 0);
        *at = op.end;
        --*budget;
    }
    return err == PB_OK && *at > end
               ? verify_refuse(v, "an opcode is cut at offset %llu", (unsigned long long)end)
               : err;
}

static uint64_t next_placed(const struct verify *v, size_t from, size_t *index)
{
    for (*index = from; *index < v->plan->count; ++*index) {
        const struct splice_segment *s = &v->plan->segments[*index];

        if (v->placed[*index])
            return s->kind == SPLICE_COPY ? s->from : s->instead;
    }
    return v->original->size;
}

/* Nothing more can differ: the rest is copied as it stands. */
static bool settled(const struct verify *v)
{
    return v->segment + 1 == v->plan->count && v->plan->segments[v->segment].kind == SPLICE_COPY &&
           v->placed[v->segment] && v->differs == 0 && v->was.count == v->is.count &&
           v->drift == UINT64_MAX && v->shifts.len == 0 && v->kept_unread == 0 && !v->apart &&
           v->off >= v->plan->segments[v->segment].from;
}

/* What is missing of the original, then what the result has instead: its own segments, and copies
 * of what was moved, which must leave the memo alone. */
static enum pb_err gap(struct verify *v, struct reading *old, struct reading *new, int *budget)
{
    size_t next;
    uint64_t from = next_placed(v, v->segment, &next), end = v->ends[0];
    uint64_t upto = next < v->plan->count ? v->plan->segments[next].at : v->result->size;
    enum pb_err err;

    if (!v->gap_begun)
        v->made[0] = v->made[1] = false;
    v->gap_begun = true;
    from = from < end ? from : end;
    upto = upto < v->ends[1] ? upto : v->ends[1];
    err = pass(v, old, &v->off, from, -1, budget);
    if (err == PB_OK && v->off >= from)
        err = pass(v, new, &v->at, upto, 1, budget);
    old->n = 0; /* it may be the same source that was looked at */
    if (err == PB_OK && v->off >= from && v->at >= upto) {
        v->segment = next;
        v->in_gap = v->gap_begun = false;
    }
    return err;
}

/* Memo opcodes in what was moved would store and read in another order. */
static enum pb_err check_moved(struct verify *v, size_t *segment)
{
    struct reading r = {.src = v->original};
    enum pb_err err = PB_OK;
    struct opcode op;

    for (; *segment < v->plan->count && err == PB_OK; ++*segment) {
        const struct splice_segment *s = &v->plan->segments[*segment];

        if (s->kind != SPLICE_COPY || v->placed[*segment])
            continue;
        for (uint64_t at = s->from; at < s->from + s->len && err == PB_OK; at = op.end) {
            err = read_opcode(&r, at, &op, v->e);
            if (err == PB_OK && (op_info[op.code].class == OP_PUT ||
                                 (op_info[op.code].class == OP_REF && op.code != CODE_DUP)))
                err = verify_refuse(v, "what was moved has opcodes of the memo");
        }
    }
    return err;
}

/* The same memo opcode with another number. */
static enum pb_err renumbered(struct verify *v, struct reading *old, struct reading *new)
{
    struct opcode was, is;
    enum pb_err err = read_opcode(old, v->off, &was, v->e);

    old->n = 0; /* it may be the same source that is looked at now */
    if (err == PB_OK)
        err = read_opcode(new, v->at, &is, v->e);
    new->n = 0;
    if (err == PB_OK)
        err = both(v, &was, v->at, is.slot);
    if (err != PB_OK)
        return err;
    v->off = was.end;
    v->at = is.end;
    return PB_OK;
}

static void begin(struct verify *v)
{
    struct pkl_info was, is;

    pkl_doc_info(v->doc, &was);
    pkl_doc_info(v->fresh, &is);
    v->ends[0] = was.end;
    v->ends[1] = is.end;
    v->count_slots = v->doc->seen[CODE_MEMOIZE] || v->fresh->seen[CODE_MEMOIZE];
    v->drift = UINT64_MAX;
    v->in_gap = true;
    v->off = 0;
    v->begun = true;
}

enum pb_err verify_memo(struct verify *v, bool *done)
{
    struct reading old = {.src = v->original}, new = {.src = v->result};
    int budget = OPCODES_AT_ONCE;
    size_t first = 0;
    enum pb_err err = PB_OK;

    if (!v->begun) {
        begin(v);
        err = check_moved(v, &first);
    }
    while (err == PB_OK && budget > 0 && v->segment < v->plan->count) {
        const struct splice_segment *s = &v->plan->segments[v->segment];
        uint64_t end;

        if (v->in_gap) {
            err = gap(v, &old, &new, &budget);
            continue;
        }
        if (s->kind == SPLICE_RENUMBER) {
            err = renumbered(v, &old, &new);
            v->segment++;
            v->in_gap = true;
            budget--;
            continue;
        }
        end = s->from + s->len < v->ends[0] ? s->from + s->len : v->ends[0];
        if (settled(v))
            v->off = end;
        err = pass(v, &old, &v->off, end, 0, &budget);
        if (err != PB_OK || v->off < end)
            break;
        v->at = s->at + s->len < v->ends[1] ? s->at + s->len : v->ends[1];
        v->segment++;
        v->in_gap = true;
    }
    if (err == PB_OK && v->in_gap && v->segment == v->plan->count && budget > 0)
        err = gap(v, &old, &new, &budget);
    *done = err == PB_OK && v->segment == v->plan->count && v->off >= v->ends[0];
    return err;
}

enum pb_err verify_memo_on(struct verify *v, bool *done)
{
    struct pkl_info info;

    pkl_doc_info(v->doc, &info);
    if (!v->goes_on) {
        *done = info.pickles < 2 || v->doc->scan.shared || !v->doc->seen[CODE_MEMOIZE];
        if (*done)
            return PB_OK;
        forget_all(v);
        v->goes_on = true;
        v->begun = v->gap_begun = v->apart = false;
        v->gone_at = 0;
    }
    return verify_memo(v, done);
}
