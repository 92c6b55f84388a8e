/*
 * The memo, without a memo.
 *
 * Nearly all pickles put slot 0, 1, 2, ... (or from another first one on), each right behind the
 * opcode that made the value: the dense sequence.  Of it only (offset, count) is kept every few
 * KiB; a slot is found by counting puts from the nearest such mark.  Everything else is logged.  A
 * slot in the log was either never put densely, or the dense put came first; so the latest logged
 * put before a GET wins, and without one the dense one.
 */
#include <stdlib.h>

#include "cursor.h"
#include "index.h"
#include "line.h"

static size_t hash_of(const struct memo_hash *h, uint64_t slot, uint32_t epoch)
{
    uint64_t x = (slot + 1) * 0x9e3779b97f4a7c15u ^ ((uint64_t)epoch + 1) * 0xc2b2ae3d27d4eb4fu;

    return (size_t)(x ^ x >> 29) & (h->size - 1);
}

/* Latest logged put of the slot, NULL: none. */
static const struct memo_put *latest(const struct pkl_doc *d, uint64_t slot, uint32_t epoch)
{
    if (d->hash.used == 0)
        return NULL;
    for (size_t i = hash_of(&d->hash, slot, epoch); d->hash.slot[i] != 0;
         i = (i + 1) & (d->hash.size - 1)) {
        const struct memo_put *p = &d->puts.data[d->hash.slot[i] - 1];

        if (p->slot == slot && p->epoch == epoch)
            return p;
    }
    return NULL;
}

static void hash_set(struct pkl_doc *d, uint32_t index)
{
    const struct memo_put *p = &d->puts.data[index];
    size_t i = hash_of(&d->hash, p->slot, p->epoch);

    for (; d->hash.slot[i] != 0; i = (i + 1) & (d->hash.size - 1)) {
        const struct memo_put *q = &d->puts.data[d->hash.slot[i] - 1];

        if (p->slot == q->slot && p->epoch == q->epoch) {
            d->hash.slot[i] = index + 1;
            return;
        }
    }
    d->hash.slot[i] = index + 1;
    d->hash.used++;
}

static bool hash_grow(struct pkl_doc *d)
{
    struct memo_hash old = d->hash;
    size_t size = old.size == 0 ? 64 : old.size * 2;

    if (old.used * 4 < old.size * 3)
        return true;
    d->hash.slot = mem_alloc(size * sizeof *d->hash.slot);
    if (d->hash.slot == NULL) {
        d->hash = old;
        return false;
    }
    d->hash.size = size;
    d->hash.used = 0;
    for (size_t i = 0; i < old.size; i++) {
        if (old.slot[i] != 0)
            hash_set(d, old.slot[i] - 1);
    }
    free(old.slot);
    return true;
}

static bool dense_has(const struct scan *s, uint64_t slot)
{
    return s->memo_bias != NO_BIAS && slot >= s->memo_bias && slot - s->memo_bias < s->memo_count;
}

bool memo_occupied(const struct pkl_doc *d, uint64_t slot)
{
    return dense_has(&d->scan, slot) || latest(d, slot, d->scan.epoch) != NULL;
}

bool memo_is_logged(const struct pkl_doc *d, uint64_t slot)
{
    return !dense_has(&d->scan, slot) || latest(d, slot, d->scan.epoch) != NULL;
}

static enum pb_err log_put(struct pkl_doc *d, uint64_t slot, uint64_t at, bool dense, bool fresh,
                           struct error *e)
{
    struct scan *s = &d->scan;
    const struct sval *top = &s->stack.data[s->stack.len - 1];
    const struct memo_put *before = latest(d, slot, s->epoch);
    struct memo_put p = {slot,
                         at,
                         top->maker,
                         s->epoch,
                         before != NULL ? (uint32_t)(before - d->puts.data) + 1 : 0,
                         dense,
                         fresh};

    if (d->puts.len >= UINT32_MAX - 1)
        return error_set(e, PB_ELIMIT, "too many memo entries out of order");
    if (top->flags & SV_REF) {
        enum pb_err err = memo_target(d, top->maker, &p.maker, e);

        if (err != PB_OK)
            return err;
    }
    if (!vec_push(&d->puts, p) || !hash_grow(d))
        return error_nomem(e);
    hash_set(d, (uint32_t)(d->puts.len - 1));
    return PB_OK;
}

enum pb_err memo_put(struct pkl_doc *d, uint64_t slot, bool implicit, uint64_t at, struct error *e)
{
    struct scan *s = &d->scan;
    const struct sval *top = &s->stack.data[s->stack.len - 1];
    bool logged, fresh;

    if (implicit)
        slot = s->memo_count + s->memo_sparse;
    logged = latest(d, slot, s->epoch) != NULL;
    if (s->memo_count + s->memo_sparse >= d->limits.max_memo)
        return error_set(e, PB_ELIMIT, "more than %llu memo entries (limit max_memo)",
                         (unsigned long long)d->limits.max_memo);
    if (s->memo_bias == NO_BIAS && s->memo_sparse == 0 && slot < NO_BIAS)
        s->memo_bias = (uint32_t)slot;
    if (s->memo_bias != NO_BIAS && slot == s->memo_bias + s->memo_count && !logged) {
        s->memo_count++;
        if (top->maker == s->last && !(top->flags & (SV_REF | SV_RUN)))
            return PB_OK;
        return log_put(d, slot, at, true, false, e);
    }
    fresh = !logged && !dense_has(s, slot);
    if (!fresh)
        memo_sure_drop(d, slot);
    s->memo_sparse += fresh;
    return log_put(d, slot, at, false, fresh, e);
}

void memo_forget(struct pkl_doc *d, uint64_t at)
{
    while (d->puts.len > 0 && d->puts.data[d->puts.len - 1].offset >= at)
        d->puts.len--;
    for (size_t i = 0; i < d->hash.size; i++)
        d->hash.slot[i] = 0;
    d->hash.used = 0;
    for (size_t i = 0; i < d->puts.len; i++)
        hash_set(d, (uint32_t)i);
    for (size_t i = 0; i < sizeof d->memo_cache / sizeof d->memo_cache[0]; i++)
        d->memo_cache[i].maker = 0;
}

/* Is the put at `at` in the log as one off the dense sequence? */
bool memo_is_sparse(const struct pkl_doc *d, uint64_t at)
{
    size_t low = vec_lower(&d->puts, offset, at);

    return low < d->puts.len && d->puts.data[low].offset == at && !d->puts.data[low].dense;
}

/* The last memo mark in [from, at) with a count of dense puts not above that of `slot`. */
static struct memo_mark mark_before(const struct pkl_doc *d, uint64_t from, uint64_t at,
                                    uint64_t slot)
{
    struct memo_mark start = {from, NO_BIAS};
    size_t low = 0, high = d->marks.len;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct memo_mark *m = &d->marks.data[mid];
        uint64_t count = m->count_bias >> 24, bias = m->count_bias & NO_BIAS;

        if (m->offset < from || (m->offset < at && (bias == NO_BIAS || bias + count <= slot)))
            low = mid + 1;
        else
            high = mid;
    }
    return low > 0 && d->marks.data[low - 1].offset >= from ? d->marks.data[low - 1] : start;
}

void memo_mark_before(const struct pkl_doc *d, uint64_t slot, uint64_t *at, uint64_t *count)
{
    const struct scan *s = &d->scan;
    struct memo_mark m = mark_before(d, s->shared ? 0 : s->start, s->at, slot);

    *at = m.offset;
    *count = m.count_bias >> 24;
}

/* Counts dense puts from a mark to that of `slot`. */
static enum pb_err count_to(struct pkl_doc *d, const struct memo_mark *from, uint64_t at,
                            uint64_t slot, uint64_t *maker, struct error *e)
{
    uint64_t count = from->count_bias >> 24, bias = from->count_bias & NO_BIAS;
    uint64_t last = from->offset, pos = from->offset, put;
    struct cursor c;
    struct op op;

    cursor_init(&c, d->src);
    for (; pos < at; pos = op.end) {
        enum pb_err err = cursor_read(&c, pos, &op, e);
        enum op_class class;

        if (err != PB_OK)
            return err;
        class = (enum op_class)op_info[op.code].class;
        if (class != OP_PUT) {
            if (class != OP_FRAME && class != OP_PROTO)
                last = pos;
            continue;
        }
        if (memo_is_sparse(d, pos))
            continue;
        put = count;
        if (op.code != 0x94 && !cursor_slot(&op, &put))
            break;
        if (bias == NO_BIAS)
            bias = put;
        if (bias + count == slot) {
            *maker = last;
            return PB_OK;
        }
        count++;
    }
    return error_pickle(e, at, -1, "memo slot %llu is not found again", (unsigned long long)slot);
}

enum pb_err memo_get(struct pkl_doc *d, uint64_t at, uint64_t slot, uint64_t *maker,
                     struct error *e)
{
    struct pickle_mark in = {0, 0, false};
    enum pb_err err = PB_OK;
    const struct memo_put *p;
    struct memo_mark from;
    uint32_t epoch;
    size_t box = (size_t)(slot & 255);

    if (!d->scan.shared)
        err = pickle_around(d, at, &in, e);
    if (err != PB_OK)
        return err;
    epoch = (uint32_t)in.number;
    p = latest(d, slot, epoch);
    while (p != NULL && p->offset >= at)
        p = p->before > 0 ? &d->puts.data[p->before - 1] : NULL;
    if (p != NULL) {
        *maker = p->maker;
        return PB_OK;
    }
    if (d->memo_cache[box].maker != 0 && d->memo_cache[box].slot == slot &&
        d->memo_cache[box].epoch == epoch) {
        *maker = d->memo_cache[box].maker - 1;
        return PB_OK;
    }
    from = mark_before(d, in.offset, at, slot);
    err = count_to(d, &from, at, slot, maker, e);
    if (err == PB_OK) {
        d->memo_cache[box].slot = slot;
        d->memo_cache[box].epoch = epoch;
        d->memo_cache[box].maker = *maker + 1;
    }
    return err;
}

enum pb_err memo_put_slot(struct pkl_doc *d, uint64_t at, uint64_t *slot, struct error *e)
{
    size_t low = vec_upper(&d->marks, offset, at);
    uint64_t count = 0;
    struct op op = {.end = 0};
    struct cursor c;

    if (low > 0) {
        op.end = d->marks.data[low - 1].offset;
        count = d->marks.data[low - 1].count_bias >> 24;
    }
    cursor_init(&c, d->src);
    while (op.end <= at) {
        enum pb_err err = cursor_read(&c, op.end, &op, e);

        if (err != PB_OK)
            return err;
        if (op_info[op.code].class != OP_PUT)
            continue;
        *slot = count++;
        if (op.at == at)
            return op.code == 0x94 || cursor_slot(&op, slot)
                       ? PB_OK
                       : error_set(e, PB_ENOTFOUND, "no memo slot");
    }
    return error_set(e, PB_ENOTFOUND, "no PUT is here");
}

static const struct dup *find_dup(const struct pkl_doc *d, uint64_t at)
{
    size_t low = vec_lower(&d->dups, offset, at);

    return low < d->dups.len && d->dups.data[low].offset == at ? &d->dups.data[low] : NULL;
}

enum pb_err memo_target(struct pkl_doc *d, uint64_t at, uint64_t *maker, struct error *e)
{
    const struct dup *dup = d->dups.len > 0 ? find_dup(d, at) : NULL;
    struct cursor c;
    struct op op;
    uint64_t slot;
    enum pb_err err;

    if (dup != NULL) {
        *maker = dup->maker;
        return PB_OK;
    }
    d->viewed = true;
    cursor_init(&c, d->src);
    err = cursor_read(&c, at, &op, e);
    if (err != PB_OK)
        return err;
    if (op_info[op.code].class != OP_REF || op.code == '2' || !cursor_slot(&op, &slot))
        return error_pickle(e, at, op.code, "this is no reference");
    return memo_get(d, at, slot, maker, e);
}

enum pb_err memo_stored_at(struct pkl_doc *d, uint64_t at, uint64_t *put, struct error *e)
{
    const struct memo_put *p;
    uint64_t slot = UINT64_MAX;
    struct cursor c;
    struct op op;
    enum pb_err err;

    d->viewed = true;
    cursor_init(&c, d->src);
    err = cursor_read(&c, at, &op, e);
    *put = at;
    if (err != PB_OK || op.code == '2' || !cursor_slot(&op, &slot))
        return err;
    p = latest(d, slot, d->scan.epoch);
    *put = p != NULL ? p->offset : 0;
    return PB_OK;
}

enum pb_err value_kind(struct pkl_doc *d, uint64_t maker, enum pkl_kind *kind, uint8_t *opcode,
                       struct error *e)
{
    struct line_int line;
    const uint8_t *p;
    size_t n;
    enum pb_err err;

    d->viewed = true;
    err = source_view(d->src, maker, 1, &p, &n, e);
    if (err != PB_OK)
        return err;
    if (n == 0)
        return error_pickle(e, maker, -1, "there is no value here");
    *opcode = p[0];
    *kind = op_kind(p[0]);
    if (p[0] == 'I') {
        err = source_view(d->src, maker, 4, &p, &n, e);
        if (err == PB_OK && n >= 4 && p[3] == '\n' && p[1] != '\n' && p[2] != '\n' &&
            line_int((const char *)p + 1, 2, &line) && line.boolean)
            *kind = PKL_BOOL;
    }
    return err;
}

enum pb_err pickle_around(struct pkl_doc *d, uint64_t at, struct pickle_mark *out, struct error *e)
{
    size_t low = 0, high = d->pickles.len;
    struct cursor c;
    struct op op;
    uint64_t pos;

    if (at >= d->scan.start) {
        *out = (struct pickle_mark){d->scan.start, d->scan.number, false};
        return PB_OK;
    }
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (d->pickles.data[mid].offset <= at)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == 0)
        return error_pickle(e, at, -1, "this is outside of every pickle");
    *out = d->pickles.data[low - 1];
    if (out->lengthy)
        return PB_OK;
    cursor_init(&c, d->src);
    for (pos = out->offset; pos < at; pos = op.end) {
        enum pb_err err = cursor_read(&c, pos, &op, e);

        if (err != PB_OK)
            return err;
        if (op.code == '.' && op.end <= at) {
            out->offset = op.end;
            out->number++;
        }
    }
    return PB_OK;
}
