/*
 * The stack of an audit.  Of most values it keeps nothing but that they are there; the opcode of
 * one in a run is found again by re-reading, what a GET means by asking the index.
 */
#include "audit.h"
#include "object.h"

#define CHAIN_MAX 64u /* results of results that are followed */

bool stack_push(struct machine *m, enum tag tag, uint64_t at)
{
    struct aval *top = m->stack.len > 0 ? &m->stack.data[m->stack.len - 1] : NULL;
    struct aval v = {.at = at, .n = 1, .tag = (uint8_t)tag};

    m->open = false;
    if (top != NULL && top->tag == tag && tag != A_MARK && tag != A_LEAVES && top->at == at &&
        top->n < N_MAX) {
        top->n++;
        return true;
    }
    return vec_push(&m->stack, v);
}

bool stack_push_leaf(struct machine *m, uint64_t at, bool ref)
{
    struct aval *top = m->stack.len > 0 ? &m->stack.data[m->stack.len - 1] : NULL;

    if (m->open && top != NULL && top->tag == A_LEAVES && top->n < RUN) {
        top->refs |= (uint32_t)ref << top->n;
        top->n++;
        return true;
    }
    m->open = true;
    return vec_push(&m->stack, ((struct aval){at, ref, 1, A_LEAVES}));
}

void stack_pop(struct machine *m, uint64_t n)
{
    m->open = false;
    while (n > 0 && m->stack.len > 0) {
        struct aval *top = &m->stack.data[m->stack.len - 1];
        uint8_t take = n < top->n ? (uint8_t)n : top->n;

        top->n = (uint8_t)(top->n - take);
        n -= take;
        if (top->n == 0)
            m->stack.len--;
        else if (top->tag == A_LEAVES)
            top->refs &= ((uint32_t)1 << top->n) - 1;
    }
}

static size_t mark_index(const struct machine *m)
{
    size_t i = m->stack.len;

    while (i > 0 && m->stack.data[i - 1].tag != A_MARK)
        i--;
    return i > 0 ? i - 1 : 0;
}

void stack_pop_to_mark(struct machine *m)
{
    m->stack.len = mark_index(m);
    m->open = false;
}

/* Number `nth` of a run: its opcode is so many pushes further on. */
static enum pb_err leaf_at(struct machine *m, const struct aval *run, unsigned nth, uint64_t *at,
                           struct error *e)
{
    struct op op = {.end = run->at};

    for (;;) {
        enum pb_err err = cursor_read(&m->cursor, op.end, &op, e);
        enum op_class class;

        if (err != PB_OK)
            return err;
        class = (enum op_class)op_info[op.code].class;
        if (class == OP_PUT || class == OP_FRAME || class == OP_PROTO)
            continue;
        if (nth-- == 0)
            break;
    }
    *at = op.at;
    return PB_OK;
}

/* What the value made at `maker` is to us: a chain of results leads back to a name. */
static enum pb_err classify(struct pkl_audit *a, struct machine *m, uint64_t maker,
                            struct aval *out, struct error *e)
{
    bool made = false;

    for (unsigned steps = 0; steps < CHAIN_MAX; steps++) {
        struct wval head[3];
        enum pkl_kind kind;
        uint8_t code;
        size_t index = 0, got = 0;
        enum pb_err err = value_kind(m->doc, maker, &kind, &code, e);

        m->cursor.n = 0;
        if (err != PB_OK)
            return err;
        *out = (struct aval){.at = maker, .n = 1, .tag = A_PLAIN};
        if (kind == PKL_GLOBAL || code == 'i') {
            err = name_row(a, m, maker, &index, e);
            *out = (struct aval){.at = index, .n = 1,
                                 .tag = made || code == 'i' ? A_MADE : A_GLOBAL};
            return err;
        }
        if (kind == PKL_EXTENSION) {
            struct op op;

            err = cursor_read(&m->cursor, maker, &op, e);
            if (err == PB_OK)
                err = other_row(a, m, PKL_AUDIT_EXTENSION,
                                (int64_t)op_le(op.p + 1, op_info[op.code].header - 1u), &index, e);
            *out = (struct aval){.at = index, .n = 1, .tag = made ? A_MADE : A_GLOBAL};
            return err;
        }
        if (kind != PKL_OBJECT)
            return PB_OK;
        err = walk_list(m->doc, maker, PH_HEAD, 0, 3, head, &got, e);
        if (err == PB_OK && got > 0)
            err = object_deref(m->doc, &head[0], &maker, &kind, &code, e);
        if (err != PB_OK || got == 0)
            return err;
        made = true;
    }
    return PB_OK;
}

/* A leaf matters only when it is a GET: what it means. */
static enum pb_err resolve(struct pkl_audit *a, struct machine *m, struct aval *v, struct error *e)
{
    uint64_t maker;
    size_t i;
    enum pb_err err;

    if (v->tag != A_LEAVES || v->refs == 0)
        return PB_OK;
    err = memo_target(m->doc, v->at, &maker, e);
    m->cursor.n = 0;
    if (err != PB_OK)
        return err;
    i = (size_t)(maker * 0x9e3779b97f4a7c15u >> 56);
    if (m->known[i].value.n == 0 || m->known[i].maker != maker) {
        err = classify(a, m, maker, &m->known[i].value, e);
        m->known[i].maker = maker;
        if (err != PB_OK)
            m->known[i].value.n = 0;
    }
    *v = m->known[i].value;
    return err;
}

/* One value of an entry, counted from its last one. */
static enum pb_err one_of(struct pkl_audit *a, struct machine *m, const struct aval *entry,
                          unsigned from_last, struct aval *out, struct error *e)
{
    unsigned nth = entry->n - 1u - from_last;
    enum pb_err err = PB_OK;

    *out = *entry;
    out->n = 1;
    if (entry->tag != A_LEAVES)
        return PB_OK;
    out->refs = entry->refs >> nth & 1;
    if (nth > 0)
        err = leaf_at(m, entry, nth, &out->at, e);
    return err == PB_OK ? resolve(a, m, out, e) : err;
}

/* The value `depth` below the top; A_PLAIN where there is none. */
enum pb_err stack_peek(struct pkl_audit *a, struct machine *m, unsigned depth, struct aval *out,
                        struct error *e)
{
    size_t i = m->stack.len;

    *out = (struct aval){.n = 1, .tag = A_PLAIN};
    while (i > 0 && m->stack.data[i - 1].n <= depth)
        depth -= m->stack.data[--i].n;
    return i > 0 ? one_of(a, m, &m->stack.data[i - 1], depth, out, e) : PB_OK;
}

/* The first value above the mark. */
enum pb_err stack_first(struct pkl_audit *a, struct machine *m, struct aval *out,
                               struct error *e)
{
    size_t i = mark_index(m) + 1;

    *out = (struct aval){.n = 1, .tag = A_PLAIN};
    if (i >= m->stack.len)
        return PB_OK;
    return one_of(a, m, &m->stack.data[i], m->stack.data[i].n - 1u, out, e);
}
