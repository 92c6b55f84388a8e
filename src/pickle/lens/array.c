/* array.array: a list of items (protocols 0 to 2), or bytes in a machine format. */
#include "lens.h"
#include "make.h"

#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/num.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/source.h>
#include <pklbrowse/text.h>

#define AT_ONCE 64
#define SHOWN_CHECKED 128u /* items of a list that are checked for a preview */

enum item { ITEM_INT, ITEM_FLOAT, ITEM_TEXT };

/* The machine formats of array._array_reconstructor, by number. */
static const struct format {
    enum item item;
    uint8_t size;
    bool is_signed, big;
} formats[] = {
    {ITEM_INT, 1, false, false},  {ITEM_INT, 1, true, false},   {ITEM_INT, 2, false, false},
    {ITEM_INT, 2, false, true},   {ITEM_INT, 2, true, false},   {ITEM_INT, 2, true, true},
    {ITEM_INT, 4, false, false},  {ITEM_INT, 4, false, true},   {ITEM_INT, 4, true, false},
    {ITEM_INT, 4, true, true},    {ITEM_INT, 8, false, false},  {ITEM_INT, 8, false, true},
    {ITEM_INT, 8, true, false},   {ITEM_INT, 8, true, true},    {ITEM_FLOAT, 4, true, false},
    {ITEM_FLOAT, 4, true, true},  {ITEM_FLOAT, 8, true, false}, {ITEM_FLOAT, 8, true, true},
    {ITEM_TEXT, 2, false, false}, {ITEM_TEXT, 2, false, true},  {ITEM_TEXT, 4, false, false},
    {ITEM_TEXT, 4, false, true},
};

/* Type codes where Python runs as a 64-bit program on Linux: the format of each is that of its own
 * machine. */
static const struct code {
    char code;
    uint8_t format;
} codes[] = {
    {'b', 1},  {'B', 0},  {'u', 20}, {'h', 4},  {'H', 2},  {'i', 8},  {'I', 6},
    {'l', 12}, {'L', 10}, {'q', 12}, {'Q', 10}, {'f', 14}, {'d', 16},
};

static const struct code *code_of(char c)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].code == c)
            return &codes[i];
    }
    return NULL;
}

/* Of a foreign format Python takes the last code of that size and sign. */
static char foreign_code(const struct format *f, char wanted)
{
    if (f->item == ITEM_INT) {
        for (size_t i = sizeof codes / sizeof codes[0]; i-- > 0;) {
            const struct format *own = &formats[codes[i].format];

            if (own->item == ITEM_INT && own->size == f->size && own->is_signed == f->is_signed)
                return codes[i].code;
        }
    }
    if (f->item == ITEM_FLOAT)
        return wanted == 'f' || wanted == 'd' ? wanted : '\0';
    return wanted == 'u' ? 'u' : '\0';
}

/* ---------------------------------------------------------------------- items */

static uint64_t bits_of(const struct format *f, const uint8_t *p)
{
    uint64_t v = 0;

    for (size_t i = 0; i < f->size; i++)
        v = v << 8 | p[f->big ? i : f->size - 1u - i];
    return v;
}

static double float_of(const struct format *f, const uint8_t *p)
{
    uint64_t bits = bits_of(f, p);
    uint32_t half = (uint32_t)bits;
    double d;
    float single;

    if (f->size == 8) {
        memcpy(&d, &bits, sizeof d);
        return d;
    }
    memcpy(&single, &half, sizeof single);
    return (double)single;
}

static void put_item(const struct format *f, bool to_single, const uint8_t *p, struct buf *out)
{
    uint64_t v;

    if (f->item == ITEM_FLOAT) {
        double d = float_of(f, p);

        num_repr_double(out, to_single ? (double)(float)d : d);
        return;
    }
    v = bits_of(f, p);
    if (!f->is_signed)
        buf_printf(out, "%llu", (unsigned long long)v);
    else
        buf_printf(out, "%lld",
                   (long long)(int64_t)(v << (64 - 8 * f->size)) >> (64 - 8 * f->size));
}

/* A piece's `first` is its format; `seq` says whether doubles become singles. */
enum pb_err lens_array_items(struct pkl_view *v, const struct lens_piece *p, uint64_t first,
                             uint64_t count, struct buf *out, struct error *e)
{
    const struct format *f = &formats[p->first];
    struct pkl_doc *d = v->doc(v, PKL_ID_SOURCE(p->node.target));
    struct source *src;
    uint64_t header, payload, at, end;
    enum pb_err err;

    if (d == NULL)
        return error_set(e, PB_EUSAGE, "this is no array");
    src = pkl_doc_source(d);
    err = pkl_opcode_length(src, PKL_ID_OFFSET(p->node.target), &header, &payload, e);
    if (err != PB_OK)
        return err;
    at = PKL_ID_OFFSET(p->node.target) + header + first * f->size;
    end = at + count * f->size;
    while (at < end) {
        size_t want = end - at < SOURCE_VIEW_MAX ? (size_t)(end - at) : SOURCE_VIEW_MAX, n;
        const uint8_t *bytes;

        err = source_view(src, at, want, &bytes, &n, e);
        if (err != PB_OK)
            return err;
        n = (n < want ? n : want) / f->size;
        if (n == 0)
            return error_set(e, PB_EPICKLE, "the array is shorter than it says");
        for (size_t i = 0; i < n; i++) {
            if (first > 0 || i > 0)
                buf_puts(out, ", ");
            put_item(f, p->most_common, bytes + i * f->size, out);
        }
        at += n * f->size;
        first += n;
    }
    return buf_status(out, e);
}

/* ---------------------------------------------------------------- from a list */

/* Whether the array would hold the very item, and Python would not refuse it. */
static bool item_fits(const struct format *f, enum pkl_kind kind, const struct pkl_leaf *leaf)
{
    int64_t v = leaf->kind == PKL_BOOL ? 1 : leaf->integer;

    if (f->item == ITEM_FLOAT)
        return kind == PKL_FLOAT && (f->size == 8 || leaf->real != leaf->real ||
                                     (double)(float)leaf->real == leaf->real);
    if (kind != PKL_INT || leaf->kind != PKL_INT)
        return false;
    if (!leaf->fits)
        return f->size == 8 && !f->is_signed && leaf->data.len <= 9 && leaf->data.len > 0 &&
               (leaf->data.data[leaf->data.len - 1] & 0x80) == 0;
    if (f->size == 8)
        return f->is_signed || v >= 0;
    if (f->is_signed)
        return v >= -((int64_t)1 << (8 * f->size - 1)) && v < (int64_t)1 << (8 * f->size - 1);
    return v >= 0 && v < (int64_t)1 << 8 * f->size;
}

static enum pb_err check_items(struct lens_reader *r, const struct pkl_node *list,
                               const struct format *f, struct buf *text, struct lens *l,
                               struct error *e)
{
    struct pkl_child kids[AT_ONCE];
    uint64_t most = r->max == SIZE_MAX || f->item == ITEM_TEXT || list->count < SHOWN_CHECKED
                        ? list->count
                        : SHOWN_CHECKED;
    enum pb_err err = PB_OK;

    for (uint64_t at = 0; at < most && err == PB_OK;) {
        size_t got;

        err = r->view->children(r->view, list->target, at, AT_ONCE, kids, &got, e);
        if (err == PB_OK && got == 0)
            break;
        for (size_t i = 0; i < got && err == PB_OK; i++, at++) {
            const struct pkl_node *n = &kids[i].value;

            if (n->kind != (f->item == ITEM_TEXT    ? PKL_STR
                            : f->item == ITEM_FLOAT ? PKL_FLOAT
                                                    : PKL_INT))
                return lens_refuse(l, "an item is of another type");
            err = lens_leaf(r, n, l, e);
            if (err == PB_OK && f->item == ITEM_TEXT &&
                utf8_count(r->leaf.data.data, r->leaf.data.len) != 1)
                err = lens_refuse(l, "an item is not one character");
            else if (err == PB_OK && f->item != ITEM_TEXT && !item_fits(f, n->kind, &r->leaf))
                err = lens_refuse(l, "an item is out of range");
            if (err == PB_OK && f->item == ITEM_TEXT)
                buf_append(text, r->leaf.data.data, r->leaf.data.len);
        }
    }
    return err == PB_OK ? buf_status(text, e) : err;
}

static enum pb_err put_text(struct lens *l, const struct buf *text)
{
    buf_puts(&l->text, "array('u', ");
    pkl_repr_str(&l->text, text->data, text->len, false);
    buf_putc(&l->text, ')');
    return PB_OK;
}

static enum pb_err type_code(struct lens_reader *r, const struct pkl_node *n, char *code,
                             struct lens *l, struct error *e)
{
    enum pb_err err = lens_str(r, n, "its type code", l, e);

    if (err != PB_OK)
        return err;
    *code = r->leaf.data.len == 1 ? r->leaf.data.data[0] : '\0';
    return code_of(*code) != NULL ? PB_OK : lens_refuse(l, "its type code is not one of Python 3");
}

static enum pb_err put_list(struct lens_reader *r, const struct pkl_node *list, char code,
                            struct lens *l, struct error *e)
{
    const struct code *known = code_of(code);
    const struct format *f = known != NULL ? &formats[known->format] : NULL;
    struct lens_piece *p;
    struct buf text;
    enum pb_err err;

    if (f == NULL)
        return lens_refuse(l, "its type code is not one of Python 3");
    buf_init(&text, LENS_TEXT_MAX);
    err = check_items(r, list, f, &text, l, e);
    if (err == PB_OK && f->item == ITEM_TEXT) {
        err = put_text(l, &text);
    } else if (err == PB_OK) {
        buf_printf(&l->text, "array('%c', ", code);
        p = lens_seq(l, LENS_LIST, list->target, list->count);
        l->nested = false;
        err = p != NULL ? PB_OK : error_nomem(e);
        buf_putc(&l->text, ')');
    }
    buf_release(&text);
    return err;
}

static enum pb_err read_array(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                              struct error *e)
{
    char code;
    enum pb_err err = type_code(r, &c->arg[0], &code, l, e);

    if (err != PB_OK)
        return err;
    if (c->count == 2 && c->arg[1].kind != PKL_LIST)
        return lens_refuse(l, "its items are in no list");
    if (c->count == 2 && c->arg[1].count > 0)
        return put_list(r, &c->arg[1], code, l, e);
    buf_printf(&l->text, "array('%c')", code);
    return PB_OK;
}

/* ---------------------------------------------------------------- from bytes */

static bool decode_text(const struct format *f, const struct buf *data, struct buf *out)
{
    bool native = f->size == 4 && !f->big; /* copied, not decoded */

    for (size_t i = 0; i < data->len;) {
        uint32_t cp = (uint32_t)bits_of(f, (const uint8_t *)data->data + i), low;
        char utf8[4];

        i += f->size;
        if (cp > 0x10ffff)
            return false;
        if (f->size == 2 && cp >= 0xd800 && cp < 0xdc00 && i < data->len) {
            low = (uint32_t)bits_of(f, (const uint8_t *)data->data + i);
            if (low < 0xdc00 || low > 0xdfff)
                return false;
            cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
            i += f->size;
        } else if (cp >= 0xd800 && cp < 0xe000 && !native) {
            return false;
        }
        buf_append(out, utf8, utf8_encode(cp, utf8));
    }
    return true;
}

static enum pb_err put_decoded(struct lens_reader *r, const struct pkl_node *bytes,
                               const struct format *f, struct lens *l, struct error *e)
{
    struct buf text;
    enum pb_err err = lens_leaf(r, bytes, l, e);

    if (err != PB_OK)
        return err;
    buf_init(&text, LENS_TEXT_MAX * 2);
    if (!decode_text(f, &r->leaf.data, &text))
        err = lens_refuse(l, "its bytes are no text");
    else
        err = put_text(l, &text);
    if (err == PB_OK)
        err = buf_status(&text, e);
    buf_release(&text);
    return err;
}

static enum pb_err put_bytes(struct lens_reader *r, const struct pkl_node *bytes, char code,
                             size_t format, struct lens *l, struct error *e)
{
    const struct format *f = &formats[format];
    const struct code *known = code_of(code);
    struct lens_piece p = {.kind = LENS_ARRAY,
                           .node = *bytes,
                           .first = format,
                           .count = bytes->count / f->size,
                           .most_common = code == 'f'};

    if (bytes->count % f->size != 0)
        return lens_refuse(l, "its bytes are not a whole number of items");
    if (known == NULL || known->format != format)
        code = foreign_code(f, code);
    if (code == '\0')
        return lens_refuse(l, "its type code and its machine format do not go together");
    if (bytes->count == 0) {
        buf_printf(&l->text, "array('%c')", code);
        return PB_OK;
    }
    if (f->item == ITEM_TEXT)
        return put_decoded(r, bytes, f, l, e);
    buf_printf(&l->text, "array('%c', [", code);
    if (!lens_close_text(l) || !vec_push(&l->pieces, p))
        return error_nomem(e);
    buf_puts(&l->text, "])");
    return PB_OK;
}

/* array._array_reconstructor(array.array, type code, machine format, bytes) */
static enum pb_err read_reconstructor(struct lens_reader *r, const struct lens_call *c,
                                      struct lens *l, struct error *e)
{
    const char *class = NULL;
    char code = '\0';
    int64_t format = 0;
    enum pb_err err = PB_OK;

    if (c->arg[0].kind == PKL_GLOBAL)
        err = lens_global(r, &c->arg[0], &class, e);
    if (err == PB_OK && (class == NULL || strcmp(class, "<class 'array.array'>") != 0))
        err = lens_refuse(l, "it is of another class than array.array");
    if (err == PB_OK)
        err = type_code(r, &c->arg[1], &code, l, e);
    if (err == PB_OK)
        err = lens_int(r, &c->arg[2], 0, (int64_t)(sizeof formats / sizeof formats[0]) - 1,
                       "its machine format", &format, l, e);
    if (err == PB_OK && c->arg[3].kind != PKL_BYTES)
        err = lens_refuse(l, "its items are no bytes");
    return err == PB_OK ? put_bytes(r, &c->arg[3], code, (size_t)format, l, e) : err;
}

static const struct lens_row rows[] = {
    {"array", "array", "array.array", LENS_BOTH, 1, 2, read_array, 0},
    {"array", "_array_reconstructor", "array.array", LENS_CALL, 4, 4, read_reconstructor, 0},
};
const struct lens_family lens_array = {rows, sizeof rows / sizeof rows[0]};

/* ------------------------------------------------------------------- the way back */

/* An item in the machine's format. */
static enum pb_err pack_item(struct maker *m, const struct literal *item, const struct format *f,
                             struct buf *out)
{
    uint64_t bits = 0;
    int64_t v = 0;
    double real = item->real;
    float half;

    if (item->kind == PKL_INT && f->size == 8 && !f->is_signed && f->item == ITEM_INT) {
        size_t n = item->len;

        while (n > 8 && item->data[n - 1] == 0)
            n--;
        if (n > 8 || num_big_bits((const uint8_t *)item->data, item->len) > 64 ||
            (item->len > 0 && (item->data[item->len - 1] & 0x80) != 0))
            return make_bad(m, item, "this does not fit an item of this array");
        for (size_t i = 0; i < n; i++)
            bits |= (uint64_t)(uint8_t)item->data[i] << 8 * i;
    } else if (item->kind == PKL_INT) {
        bool fits = num_big_fits_i64((const uint8_t *)item->data, item->len, &v);

        real = (double)v;
        bits = (uint64_t)v;
        if (!fits || (f->item == ITEM_INT && f->size < 8 &&
                      (f->is_signed ? v < -((int64_t)1 << (8 * f->size - 1)) ||
                                          v >= (int64_t)1 << (8 * f->size - 1)
                                    : v < 0 || v >= (int64_t)1 << 8 * f->size)))
            return make_bad(m, item, "this does not fit an item of this array");
    } else if (item->kind != PKL_FLOAT || item->complex_number || f->item != ITEM_FLOAT) {
        return make_bad(m, item, "an item of this array is %s",
                        f->item == ITEM_FLOAT ? _("a number") : _("a whole number"));
    }
    if (f->item == ITEM_FLOAT && f->size == 4) {
        uint32_t bits32;

        half = (float)real;
        memcpy(&bits32, &half, sizeof bits32);
        bits = bits32;
    } else if (f->item == ITEM_FLOAT) {
        memcpy(&bits, &real, sizeof bits);
    }
    for (size_t i = 0; i < f->size; i++)
        buf_putc(out, (char)(bits >> 8 * i & 0xff));
    return PB_OK;
}

/* The characters of a text, each on its own and packed. */
static enum pb_err pack_text(struct maker *m, const struct literal *text, struct buf *out,
                             struct make_chain *list)
{
    for (size_t at = 0; at < text->len;) {
        uint32_t cp;
        size_t n = utf8_decode(text->data + at, text->len - at, &cp, true);

        if (n == 0)
            return make_bad(m, text, "this is not UTF-8");
        for (unsigned i = 0; i < 4; i++)
            buf_putc(out, (char)(cp >> 8 * i & 0xff));
        make_add(m, list, make_str(m, text->data + at, n));
        at += n;
    }
    return PB_OK;
}

static enum pb_err pack_list(struct maker *m, const struct literal *items, const struct format *f,
                             struct buf *out, struct make_chain *list)
{
    enum pb_err err = PB_OK;

    for (const struct literal *x = items->first; x != NULL && err == PB_OK; x = x->next) {
        const struct literal *as = x;
        int64_t v;

        err = pack_item(m, x, f, out);
        if (f->item == ITEM_FLOAT && x->kind == PKL_INT &&
            num_big_fits_i64((const uint8_t *)x->data, x->len, &v))
            as = make_float(m, (double)v);
        make_add(m, list, as);
    }
    return err;
}

/* By the machine's bytes, and by a list for protocols without bytes. */
static enum pb_err made_array(struct maker *m, const struct code *code, const struct buf *packed,
                              struct literal *list, struct literal **out)
{
    struct literal *args[4], *old[2], *o, *other;

    args[0] = make_global(m, "array", "array");
    args[1] = old[0] = make_str(m, &code->code, 1);
    args[2] = make_int(m, code->format);
    args[3] = make_bytes(m, packed->data, packed->len);
    old[1] = list;
    o = make_object(m, 0, make_global(m, "array", "_array_reconstructor"), make_tuple(m, 4, args),
                    NULL, NULL, NULL);
    other = make_object(m, 0, make_global(m, "array", "array"), make_tuple(m, 2, old), NULL, NULL,
                        NULL);
    if (o == NULL || other == NULL)
        return error_nomem(m->t->e);
    o->elsewhere = other;
    o->elsewhere_in = LITERAL_BELOW_3;
    *out = o;
    return PB_OK;
}

static enum pb_err make_array_of(struct maker *m, struct literal **out)
{
    const struct literal *name = m->arg[0], *items = m->arg[1];
    const struct code *code = NULL;
    struct make_chain list = make_chain(m, PKL_LIST);
    struct buf packed;
    bool text;
    enum pb_err err = make_str_arg(m, name, "a type code");

    if (err == PB_OK)
        code = name->len == 1 ? code_of(name->data[0]) : NULL;
    if (err != PB_OK)
        return err;
    if (code == NULL)
        return make_bad(m, name, "this is no type code of Python 3");
    text = formats[code->format].item == ITEM_TEXT;
    if (items != NULL && items->kind != (text ? PKL_STR : PKL_LIST))
        return make_bad(m, items, "its items stand in a %s", text ? _("text in quotes") : "list");
    buf_init(&packed, SIZE_MAX / 2);
    if (items != NULL && text)
        err = pack_text(m, items, &packed, &list);
    else if (items != NULL)
        err = pack_list(m, items, &formats[code->format], &packed, &list);
    if (err == PB_OK)
        err = buf_status(&packed, m->t->e);
    if (err == PB_OK)
        err = made_array(m, code, &packed, list.node, out);
    buf_release(&packed);
    return err;
}

static const struct make_row makers[] = {
    {"array", "array", "typecode items", 1, MAKE_UNHASHABLE, make_array_of, 0},
};
const struct make_family make_array = {makers, sizeof makers / sizeof makers[0]};
