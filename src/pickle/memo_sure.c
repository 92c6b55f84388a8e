/*
 * Which memo slots hold what can be a key, known by the opcodes alone.
 *
 * Nothing is kept about slots while they are filled.  When keys are fetched from some, the stretch
 * of the pickle that filled those around them is read again, and a bit a slot is kept.  When that
 * happens more often, everything is read again, once, and read on from there.
 */
#include <stdlib.h>

#include "walk_machine.h"

/* Then everything is read: pages asked for, slots that had to be looked into. */
#define PAGES_MOST 4u
#define LOOKS_MOST 16u

void memo_sure_forget(struct pkl_doc *d)
{
    struct memo_sure *s = &d->sure;

    for (size_t i = 0; i < s->pages.len; i++)
        free(s->pages.data[i].bits);
    vec_release(&s->pages);
    vec_release(&s->levels);
    *s = (struct memo_sure){.at = UINT64_MAX};
}

uint64_t memo_sure_memory(const struct pkl_doc *d)
{
    uint64_t n = d->sure.pages.cap * sizeof *d->sure.pages.data;

    for (size_t i = 0; i < d->sure.pages.len; i++)
        n += d->sure.pages.data[i].bits != NULL ? SURE_PAGE / 8 : 0;
    return n + d->sure.levels.cap * sizeof *d->sure.levels.data;
}

static struct sure_page *page_at(struct memo_sure *s, uint64_t number)
{
    size_t len = s->pages.len;

    if (number < len)
        return &s->pages.data[number];
    if (!vec_reserve(&s->pages, (size_t)number + 1))
        return NULL;
    memset(&s->pages.data[len], 0, ((size_t)number + 1 - len) * sizeof *s->pages.data);
    s->pages.len = (size_t)number + 1;
    return &s->pages.data[number];
}

static bool set_bit(struct sure_page *p, uint64_t place)
{
    if (p->bits == NULL)
        p->bits = mem_alloc(SURE_PAGE / 8);
    if (p->bits == NULL)
        return false;
    p->bits[place / 64] |= (uint64_t)1 << place % 64;
    return true;
}

enum pb_err memo_sure_note(struct pkl_doc *d, uint64_t slot, struct error *e)
{
    struct memo_sure *s = &d->sure;
    uint64_t place = slot - d->scan.memo_bias;

    s->looks++;
    if (memo_is_logged(d, slot) || place / SURE_PAGE >= s->pages.len)
        return PB_OK;
    return set_bit(&s->pages.data[place / SURE_PAGE], place % SURE_PAGE) ? PB_OK : error_nomem(e);
}

void memo_sure_drop(struct pkl_doc *d, uint64_t slot)
{
    struct memo_sure *s = &d->sure;
    uint64_t place = slot - d->scan.memo_bias;

    if (!memo_is_sure(d, slot))
        return;
    s->pages.data[place / SURE_PAGE].bits[place % SURE_PAGE / 64] &= ~((uint64_t)1 << place % 64);
    s->range = 0;
}

/* ------------------------------------------------- which values on the stack can be keys */

static bool push(struct memo_sure *s, bool sure)
{
    static const struct sure_level bottom = {0, 0, 0};
    struct sure_level *l;

    if (s->levels.len == 0 && !vec_push(&s->levels, bottom))
        return false;
    l = &s->levels.data[s->levels.len - 1];
    l->last = l->last << 1 | sure;
    l->doubtful += !sure;
    l->n++;
    return true;
}

/* False when one of them cannot be a key, or is not known. */
static bool pop(struct memo_sure *s, size_t n)
{
    struct sure_level *l = s->levels.len > 0 ? &s->levels.data[s->levels.len - 1] : NULL;
    bool sure = l != NULL && l->n >= n;

    for (; l != NULL && n > 0 && l->n > 0; n--) {
        sure = sure && (l->last & 1) != 0;
        l->doubtful -= (l->last & 1) == 0 && l->doubtful > 0;
        l->last >>= 1;
        l->n--;
    }
    return sure;
}

/* Down to the last mark.  Where none is known, what lies below is not either. */
static bool pop_level(struct memo_sure *s)
{
    bool known = s->levels.len > 1, sure = known && s->levels.data[s->levels.len - 1].doubtful == 0;

    if (known)
        s->levels.len--;
    else
        s->levels.len = 0;
    return sure;
}

static bool make(struct memo_sure *s, const struct op *op)
{
    enum pkl_kind kind = op_kind(op->code);
    bool sure = walk_is_marked(op->code) ? pop_level(s) : pop(s, walk_takes(op->code));

    return push(s, kind == PKL_TUPLE ? sure : kind != PKL_LIST && kind != PKL_DICT);
}

static bool mark(struct memo_sure *s)
{
    static const struct sure_level level = {0, 0, 0};

    return (s->levels.len > 0 || vec_push(&s->levels, level)) && vec_push(&s->levels, level);
}

static bool follow(struct pkl_doc *d, const struct op *op)
{
    struct memo_sure *s = &d->sure;
    const struct sure_level *top;
    uint64_t slot;

    switch (op->code) {
    case '(':
        return mark(s);
    case '0':
        top = s->levels.len > 1 ? &s->levels.data[s->levels.len - 1] : NULL;
        return top != NULL && top->n == 0 ? (pop_level(s), true) : (pop(s, 1), true);
    case '1':
    case 'e':
    case 'u':
    case 0x90:
        return pop_level(s), true;
    case 'a':
    case 'b':
        return pop(s, 1), true;
    case 's':
        return pop(s, 2), true;
    case '.':
        s->levels.len = 0;
        return true;
    case '2':
        return push(s, s->levels.len > 0 && s->levels.data[s->levels.len - 1].last & 1);
    case 'g':
    case 'h':
    case 'j':
        return push(s, cursor_slot(op, &slot) && memo_is_sure(d, slot));
    case ']':
    case '}':
    case 0x8f:
    case 0x96:
        return push(s, false);
    default:
        if (op_info[op->code].class == OP_MAKE)
            return make(s, op);
        return op_info[op->code].class > OP_BUFFER || push(s, true);
    }
}

/* ------------------------------------------------------------------- what filled slots */

/* The next dense PUT. */
static bool note_put(struct pkl_doc *d)
{
    struct memo_sure *s = &d->sure;
    struct sure_page *p = page_at(s, s->count / SURE_PAGE);
    uint64_t place = s->count++ % SURE_PAGE;

    if (p == NULL)
        return false;
    if (p->read != place)
        return true;
    p->read++;
    return s->levels.len == 0 || (s->levels.data[s->levels.len - 1].last & 1) == 0 ||
           memo_is_logged(d, s->count - 1 + d->scan.memo_bias) || set_bit(p, place);
}

/* Reads on until so many dense PUTs are passed. */
static enum pb_err read_to(struct pkl_doc *d, uint64_t count, struct error *e)
{
    struct memo_sure *s = &d->sure;
    struct cursor c;
    struct op op;

    d->viewed = true;
    cursor_init(&c, d->src);
    for (; s->count < count && s->at < d->scan.at; s->at = op.end) {
        enum pb_err err = cursor_read(&c, s->at, &op, e);
        bool good;

        if (err != PB_OK)
            return err;
        if (op_info[op.code].class == OP_PUT)
            good = memo_is_sparse(d, op.at) || note_put(d);
        else
            good = follow(d, &op);
        if (!good)
            return error_nomem(e);
    }
    return PB_OK;
}

/* Goes to where the page begins, or on from there where the last reading ended; at last everything
 * is read. */
static enum pb_err read_page(struct pkl_doc *d, uint64_t number, struct error *e)
{
    struct memo_sure *s = &d->sure;
    const struct sure_page *p = page_at(s, number);
    uint64_t first = number * SURE_PAGE, end = first + SURE_PAGE, next;

    if (p == NULL)
        return error_nomem(e);
    next = first + p->read;
    if (!s->all && (s->pages_read >= PAGES_MOST || s->looks >= LOOKS_MOST)) {
        for (size_t i = 0; i < s->pages.len; i++)
            s->pages.data[i].read = 0;
        memo_mark_before(d, 0, &s->at, &s->count);
        s->levels.len = 0;
        s->all = true;
    } else if (s->at == UINT64_MAX || s->count > next || next - s->count > SURE_PAGE) {
        memo_mark_before(d, first + d->scan.memo_bias, &s->at, &s->count);
        s->levels.len = 0;
    }
    s->pages_read++;
    if (s->all || end > d->scan.memo_count)
        end = d->scan.memo_count;
    return read_to(d, end, e);
}

/* The slots around one that are sure as well: for a quick comparison. */
static void set_range(struct memo_sure *s, uint64_t slot, uint64_t place)
{
    const uint64_t *bits = s->pages.data[place / SURE_PAGE].bits;
    uint64_t low = place % SURE_PAGE, high = low;

    while (low > 0 && (bits[(low - 1) / 64] >> (low - 1) % 64 & 1) != 0)
        low--;
    while (high < SURE_PAGE && (bits[high / 64] >> high % 64 & 1) != 0)
        high++;
    s->from = slot - (place % SURE_PAGE - low);
    s->range = high - low;
}

enum pb_err memo_sure_find(struct pkl_doc *d, uint64_t slot, bool *sure, struct error *e)
{
    struct memo_sure *s = &d->sure;
    uint64_t place = slot - d->scan.memo_bias;
    enum pb_err err = PB_OK;

    *sure = memo_is_sure(d, slot);
    if (!*sure && !memo_is_logged(d, slot) &&
        (place / SURE_PAGE >= s->pages.len ||
         s->pages.data[place / SURE_PAGE].read <= place % SURE_PAGE ||
         (!s->all && s->looks >= LOOKS_MOST))) {
        err = read_page(d, place / SURE_PAGE, e);
        *sure = err == PB_OK && memo_is_sure(d, slot);
    }
    if (*sure && slot - s->from >= s->range && (slot < 256 || s->range == 0 || s->from >= 256))
        set_range(s, slot, place);
    return err;
}
