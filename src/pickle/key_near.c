#include "key_near.h"

#include <stdlib.h>
#include <string.h>

#include "cursor.h"
#include "opcode_bytes.h"
#include "walk_machine.h"

#define PLACES_MOST 64u /* more are not worth it */
#define TEXT_LEAST 3u   /* shorter ones are everywhere */
#define TEXT_MOST 4096u

struct places {
    uint64_t at[PLACES_MOST];
    size_t n;
    bool many; /* some are left out */
};

struct near {
    struct pkl_doc *d;
    const struct record *r; /* of the dict */
    struct places fetched;  /* GETs, or what looks like one, and keys: in the dict */
    bool unknown;
    struct error *e;
};

/* Adds where these bytes stand in [from, to). */
static enum pb_err find(struct near *f, uint64_t from, uint64_t to, const void *bytes, size_t n,
                        struct places *out)
{
    while (!out->many && from < to && to - from >= n) {
        const uint8_t *p, *hit;
        size_t have, used = 0;
        enum pb_err err = source_view(f->d->src, from, n, &p, &have, f->e);

        if (err != PB_OK)
            return err;
        if (have > to - from)
            have = (size_t)(to - from);
        if (have < n)
            break;
        while ((hit = memmem(p + used, have - used, bytes, n)) != NULL && !out->many) {
            used = (size_t)(hit - p) + 1;
            out->many = out->n == PLACES_MOST;
            if (!out->many)
                out->at[out->n++] = from + (size_t)(hit - p);
        }
        from += have - n + 1;
    }
    return PB_OK;
}

/* The opcode of the text whose bytes stand at `at`: where its header says that it is so long. */
static enum pb_err opcode_before(struct near *f, uint64_t at, size_t n, uint64_t *begin)
{
    static const struct {
        uint8_t code, header;
    } forms[] = {{CODE_SHORT_BINUNICODE, 2},
                 {CODE_SHORT_BINSTRING, 2},
                 {CODE_BINUNICODE, 5},
                 {CODE_BINSTRING, 5},
                 {CODE_BINUNICODE8, 9}};

    *begin = UINT64_MAX;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const uint8_t *p;
        uint64_t payload = 0;
        size_t have;
        enum pb_err err;

        if (at < forms[i].header)
            continue;
        err = source_view(f->d->src, at - forms[i].header, forms[i].header, &p, &have, f->e);
        if (err != PB_OK)
            return err;
        if (have < forms[i].header || p[0] != forms[i].code || !op_payload(p, &payload) ||
            payload != n)
            continue;
        /* One of the two has these bytes by chance. */
        f->unknown = f->unknown || *begin != UINT64_MAX;
        *begin = at - forms[i].header;
    }
    return PB_OK;
}

/* Notes what may fetch from the slot in the dict. */
static enum pb_err add_gets(struct near *f, uint64_t slot)
{
    const bool *seen = f->d->seen;
    uint8_t get[5] = {CODE_LONG_BINGET, (uint8_t)slot, (uint8_t)(slot >> 8), (uint8_t)(slot >> 16),
                      (uint8_t)(slot >> 24)};
    uint8_t short_get[2] = {CODE_BINGET, (uint8_t)slot};
    enum pb_err err = PB_OK;

    if (seen[CODE_LONG_BINGET] && slot <= UINT32_MAX)
        err = find(f, f->r->begin, f->r->end, get, sizeof get, &f->fetched);
    if (err == PB_OK && seen[CODE_BINGET] && slot <= UINT8_MAX)
        err = find(f, f->r->begin, f->r->end, short_get, sizeof short_get, &f->fetched);
    return err;
}

/* The slots that the text ending at `end` is put into.  What looked like a text may be none: then
 * whatever is behind it does not matter. */
static enum pb_err add_slots(struct near *f, uint64_t end)
{
    struct cursor c;
    struct op op = {.end = end};
    enum pb_err err = PB_OK;

    while (err == PB_OK && !f->unknown) {
        uint64_t slot;

        cursor_init(&c, f->d->src);
        err = cursor_read(&c, op.end, &op, f->e);
        if (err != PB_OK)
            return err == PB_EPICKLE ? PB_OK : err;
        if (op_info[op.code].class != OP_PUT) {
            /* Behind these may stand a PUT of it, too. */
            f->unknown = op.code == CODE_FRAME || op.code == CODE_PROTO;
            break;
        }
        err = memo_put_slot(f->d, op.at, &slot, f->e);
        if (err == PB_ENOTFOUND)
            return PB_OK;
        if (err == PB_OK)
            err = add_gets(f, slot);
    }
    return err;
}

/* One of the places where the text's bytes are. */
static enum pb_err add_text(struct near *f, uint64_t at, size_t n)
{
    uint64_t begin;
    enum pb_err err = opcode_before(f, at, n, &begin);

    if (err != PB_OK || begin == UINT64_MAX || f->unknown)
        return err;
    f->fetched.many = f->fetched.many || f->fetched.n == PLACES_MOST;
    if (!f->fetched.many && begin >= f->r->begin && begin < f->r->end)
        f->fetched.at[f->fetched.n++] = begin;
    return add_slots(f, at + n);
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* The children between the checkpoints around each place. */
static enum pb_err stretches(struct near *f, uint64_t count, struct key_stretches *out)
{
    const struct checkpoints *c = &f->r->points;

    qsort(f->fetched.at, f->fetched.n, sizeof *f->fetched.at, compare);
    for (size_t i = 0; i < f->fetched.n; i++) {
        size_t after = walk_point_after(c, f->fetched.at[i]);
        struct key_stretch s = {after > 0 ? c->data[after - 1].index : 0,
                                after < c->len ? c->data[after].index : count};

        if (out->len > 0 && out->data[out->len - 1].first == s.first)
            continue;
        if (!vec_push(out, s))
            return error_nomem(f->e);
    }
    return PB_OK;
}

/* Could a str be written, or be fetched, in a way that is not looked for? */
static bool is_plain(const struct pkl_doc *d, uint64_t maker)
{
    const bool *seen = d->seen;

    return d->done && !d->broken && d->scan.number == 1 && d->puts.len == 0 && d->dups.len == 0 &&
           !seen[CODE_UNICODE] && !seen[CODE_STRING] && !seen[CODE_GET] && !walk_changed(d, maker);
}

enum pb_err key_near(struct pkl_doc *d, uint64_t maker, uint64_t count, const char *text, size_t n,
                     struct key_stretches *out, bool *known, struct error *e)
{
    uint32_t index = walk_enclosing(d, maker);
    struct near f = {.d = d, .e = e};
    struct places texts = {.n = 0};
    enum pb_err err;

    *known = false;
    if (n < TEXT_LEAST || n > TEXT_MOST || !is_plain(d, maker) || index == NO_RECORD ||
        d->records.data[index].maker != maker)
        return PB_OK;
    f.r = &d->records.data[index];
    if (f.r->points.len == 0 || f.r->points.mixed ||
        CHECKPOINT_PHASE(&f.r->points.data[0]) != PH_PAIR)
        return PB_OK;
    err = find(&f, 0, f.r->end, text, n, &texts);
    if (texts.many)
        return err;
    for (size_t i = 0; i < texts.n && err == PB_OK && !f.unknown && !f.fetched.many; i++)
        err = add_text(&f, texts.at[i], n);
    if (err != PB_OK || f.unknown || f.fetched.many)
        return err;
    *known = true;
    return stretches(&f, count, out);
}
