#include "scan_ops.h"

#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

#include "lens/lens.h"
#include "line.h"
#include "scan_hash.h"

#define NOTES_MAX 1000u /* that are kept; all are counted */

static enum pb_err wrong(struct error *e, const char *why)
{
    return error_set(e, PB_EPICKLE, "%s", _(why));
}

static const char *const kind_names[] = {
    "None",         "bool",          "int",       "float",  "str",   "bytes",     "bytearray",
    "Python 2 str", "list",          "tuple",     "dict",   "set",   "frozenset", "global",
    "object",       "persistent id", "extension", "buffer", "broken"};

const char *scan_kind_name(enum pkl_kind kind)
{
    return kind_names[kind];
}

/* Nobody but its class knows what such a value can do. */
static bool is_opaque(enum pkl_kind k)
{
    return k >= PKL_GLOBAL;
}

/* The kind of an entry; that of a reference is looked for. */
static enum pb_err kind_of(struct pkl_doc *d, const struct sval *v, enum pkl_kind *kind,
                           struct error *e)
{
    uint64_t maker;
    uint8_t opcode;
    enum pb_err err;

    *kind = (enum pkl_kind)v->kind;
    if (!(v->flags & SV_REF))
        return PB_OK;
    err = memo_target(d, v->maker, &maker, e);
    return err == PB_OK ? value_kind(d, maker, kind, &opcode, e) : err;
}

static enum pb_err known_global(struct pkl_doc *d, const struct sval *v, const char **text,
                                struct error *e);

static enum pb_err expect(struct pkl_doc *d, size_t at, enum pkl_kind want, const char *what,
                          struct error *e)
{
    const char *text = NULL;
    enum pkl_kind kind;
    enum pb_err err = kind_of(d, &d->scan.stack.data[at], &kind, e);

    /* A Python 2 str is read as a str. */
    if (err == PB_OK && want == PKL_STR && kind == PKL_PY2STR)
        return PB_OK;
    if (err == PB_OK && kind != want && !is_opaque(kind))
        return error_set(e, PB_EPICKLE, "%s is a %s, not a %s", _(what), kind_names[kind],
                         kind_names[want]);
    /* A global may be a str; those that are known are not. */
    if (err == PB_OK && want == PKL_STR && kind == PKL_GLOBAL)
        err = known_global(d, &d->scan.stack.data[at], &text, e);
    if (err == PB_OK && text != NULL)
        return error_set(e, PB_EPICKLE, "%s is %s, not a str", what, text);
    return err;
}

/* Literals cannot be called; what a reference means is not looked for. */
static enum pb_err expect_callable(const struct sval *v, struct error *e)
{
    if (!(v->flags & SV_REF) && !is_opaque((enum pkl_kind)v->kind))
        return error_set(e, PB_EPICKLE, "a %s cannot be called", kind_names[v->kind]);
    return PB_OK;
}

/* A global that is known, by the text of what it is; NULL: nobody knows. */
static enum pb_err known_global(struct pkl_doc *d, const struct sval *v, const char **text,
                                struct error *e)
{
    struct pkl_node global = {.kind = PKL_GLOBAL};
    struct pkl_name name;
    uint64_t maker = v->maker;
    enum pb_err err = PB_OK;

    *text = NULL;
    if (v->flags & SV_REF)
        err = memo_target(d, v->maker, &maker, e);
    if (err != PB_OK)
        return err;
    global.id = global.target = PKL_ID(d->no, PKL_TAG_VALUE, maker);
    err = pkl_name_read(&d->view, &global, &name, e);
    if (err == PB_EUNSUPPORTED)
        return PB_OK;
    if (err == PB_OK) {
        *text = lens_name_text(name.py3_module, name.py3_name);
        pkl_name_release(&name);
    }
    return err;
}

/* NEWOBJ makes no instance of what is known to be a function. */
static enum pb_err expect_class(struct pkl_doc *d, const struct sval *v, struct error *e)
{
    enum pkl_kind kind;
    const char *text = NULL;
    enum pb_err err = kind_of(d, v, &kind, e);

    if (err == PB_OK && kind == PKL_GLOBAL)
        err = known_global(d, v, &text, e);
    if (err == PB_OK && text != NULL && strncmp(text, "<class", 6) != 0)
        return error_set(e, PB_EPICKLE, "%s is no class", text);
    return err;
}

/* A tuple; what else can be gone through is taken by one of the two unpicklers. */
static enum pb_err expect_arguments(struct pkl_doc *d, const struct op *op, size_t at,
                                    struct error *e)
{
    enum pkl_kind kind;
    enum pb_err err = kind_of(d, &d->scan.stack.data[at], &kind, e);

    if (err == PB_OK && (kind <= PKL_FLOAT))
        return error_set(e, PB_EPICKLE, "what holds the arguments is a %s, not a tuple",
                         kind_names[kind]);
    if (err == PB_OK && kind != PKL_TUPLE && !is_opaque(kind))
        err = scan_note(d, op, "only Python's unpickler takes arguments that are no tuple", e);
    return err;
}

static uint8_t tuple_flags(const struct scan *s, size_t first)
{
    struct scan_above a = {0};

    if (first < s->stack.len) /* else there may be no stack at all */
        a = scan_look_above(s->stack.data + first, s->stack.data + s->stack.len);
    return scan_hash_tuple(&a);
}

/* Takes the topmost mark away; *first is the entry above it. */
static enum pb_err pop_mark(struct scan *s, size_t *first, uint64_t *offset, struct error *e)
{
    if (s->marks.len == 0)
        return wrong(e, "there is no MARK");
    s->marks.len--;
    *first = (size_t)s->marks.data[s->marks.len].height;
    *offset = s->marks.data[s->marks.len].offset;
    return PB_OK;
}

static enum pb_err make_marked(struct pkl_doc *d, const struct op *op, struct error *e)
{
    struct scan *s = &d->scan;
    enum pkl_kind kind = op_kind(op->code);
    enum phase phase = op->code == 'd' ? PH_PAIR : kind == PKL_OBJECT ? PH_ARG : PH_ITEM;
    uint8_t flags = 0;
    size_t first = 0, kids;
    uint64_t begin = 0;
    enum pb_err err = pop_mark(s, &first, &begin, e);

    if (err != PB_OK)
        return err;
    kids = first;
    if (op->code == 'o') {
        if (first == s->stack.len)
            return wrong(e, "no class above the MARK");
        if (s->stack.data[first].flags & SV_RUN)
            err = scan_unfold(d, first, e);
        if (err != PB_OK)
            return err;
        err = expect_callable(&s->stack.data[kids++], e);
    } else if (op->code == 'd') {
        if (scan_count(s, first) % 2 != 0)
            return wrong(e, "an odd number of keys and values");
        err = scan_hash_check(d, first, 2, e);
    } else if (op->code == 0x91) {
        err = scan_hash_check(d, first, 1, e);
    } else if (op->code == 't') {
        flags = tuple_flags(s, first);
    } else if (op->code == 'i') {
        err = scan_check_text(d, op, e);
    }
    if (err != PB_OK)
        return err;
    return scan_make(d, first, begin, (uint8_t)kind, flags, phase, kids, true, op->end, e);
}

static enum pb_err check_head(struct pkl_doc *d, const struct op *op, size_t first, struct error *e)
{
    uint8_t code = op->code;
    enum pb_err err = PB_OK;

    if (code == 'Q')
        return PB_OK;
    if (code == 0x93) {
        err = expect(d, first, PKL_STR, "the module", e);
        if (err == PB_OK)
            err = expect(d, first + 1, PKL_STR, "the name", e);
        return err == PB_OK ? scan_inline_named(d, op, &d->scan.stack.data[first],
                                                &d->scan.stack.data[first + 1], e)
                            : err;
    }
    err = expect_callable(&d->scan.stack.data[first], e);
    if (err == PB_OK && code != 'R')
        err = expect_class(d, &d->scan.stack.data[first], e);
    if (err == PB_OK)
        err = expect_arguments(d, op, first + 1, e);
    if (err == PB_OK && code == 0x92)
        err = expect(d, first + 2, PKL_DICT, "what holds the keyword arguments", e);
    return err;
}

enum pb_err scan_op_make(struct pkl_doc *d, const struct op *op, struct error *e)
{
    struct scan *s = &d->scan;
    enum phase phase = PH_HEAD;
    uint8_t flags = 0;
    size_t n = 2, first;
    enum pb_err err;

    switch (op->code) {
    case 't':
    case 'l':
    case 'd':
    case 'i':
    case 'o':
    case 0x91:
        return make_marked(d, op, e);
    case 0x85:
    case 0x86:
    case 0x87:
        n = op->code - 0x84u;
        phase = PH_ITEM;
        break;
    case 'Q':
        n = 1;
        break;
    case 0x92:
        n = 3;
        break;
    default:
        break;
    }
    err = scan_need(d, n, e);
    if (err != PB_OK)
        return err;
    first = s->stack.len - n;
    if (phase == PH_ITEM)
        flags = tuple_flags(s, first);
    else
        err = check_head(d, op, first, e);
    if (err != PB_OK)
        return err;
    return scan_make(d, first, s->stack.data[first].begin, (uint8_t)op_kind(op->code), flags, phase,
                     first, false, op->end, e);
}

/* Whether the target takes such values; into a list by number, and into a bytearray, they go at
 * once. */
static enum pb_err check_target(struct pkl_doc *d, const struct op *op, size_t target,
                                enum phase phase, struct error *e)
{
    enum pkl_kind kind, want = phase == PH_PAIR ? PKL_DICT : op->code == 0x90 ? PKL_SET : PKL_LIST;
    enum pb_err err = kind_of(d, &d->scan.stack.data[target], &kind, e);

    if (err != PB_OK || is_opaque(kind) || (phase != PH_STATE && kind == want))
        return err;
    if (op->code != 0x90 && scan_alter_is(kind, phase))
        return scan_alter(d, &d->scan.stack.data[target], kind, phase, target + 1, e);
    return error_set(e, PB_EPICKLE, "%s on a %s", pkl_opcode(op->code)->name, kind_names[kind]);
}

/* Is the leaf false, as Python asks?  What is no leaf: an empty container by its own opcode. */
static enum pb_err is_false(struct pkl_doc *d, uint64_t maker, bool *is, struct error *e)
{
    struct pkl_node node = {.id = PKL_ID(d->no, PKL_TAG_VALUE, maker)};
    struct pkl_leaf leaf;
    enum pb_err err = value_kind(d, maker, &node.kind, &node.opcode, e);

    *is = node.kind == PKL_NONE || strchr(")]}\x8f", node.opcode) != NULL;
    if (err != PB_OK || *is || node.kind > PKL_PY2STR)
        return err;
    node.target = node.id;
    pkl_leaf_init(&leaf);
    err = pkl_leaf_read(&d->view, &node, 64, &leaf, e);
    if (leaf.kind == PKL_BOOL)
        *is = !leaf.boolean;
    else if (leaf.kind == PKL_INT)
        *is = leaf.fits && leaf.integer == 0;
    else if (leaf.kind == PKL_FLOAT)
        *is = leaf.real == 0;
    else
        *is = leaf.data.len == 0 && leaf.total == 0;
    pkl_leaf_release(&leaf);
    return err;
}

/* A tuple of two that are false, each made by one opcode. */
static enum pb_err is_false_pair(struct pkl_doc *d, const struct sval *v, bool *is, struct error *e)
{
    struct cursor c;
    struct op op = {.end = v->begin};
    enum pb_err err = PB_OK;
    unsigned values = 0;
    bool good = true;

    while (err == PB_OK && good && op.end < v->maker) {
        d->viewed = true;
        cursor_init(&c, d->src);
        err = cursor_read(&c, op.end, &op, e);
        if (err != PB_OK || (op.code == '(' && op.at == v->begin))
            continue;
        good = values++ < 2 && op_info[op.code].class != OP_REF;
        if (good)
            err = is_false(d, op.at, &good, e);
    }
    *is = err == PB_OK && good && values == 2 && op.end == v->maker;
    return err;
}

/* BUILD with None changes nothing, on whatever; nor does a state that is false, or a pair of such,
 * which C's unpickler does not take but for None. */
static enum pb_err is_none_state(struct pkl_doc *d, const struct op *op, bool *none,
                                 struct error *e)
{
    const struct sval *v = &d->scan.stack.data[d->scan.stack.len - 1];
    enum pkl_kind target, state = PKL_NONE;
    enum pb_err err = kind_of(d, v - 1, &target, e);

    *none = false;
    if (err != PB_OK || is_opaque(target))
        return err;
    err = kind_of(d, v, &state, e);
    *none = state == PKL_NONE;
    if (err != PB_OK || *none || v->flags & SV_REF)
        return err;
    if (state <= PKL_PY2STR)
        err = is_false(d, v->maker, none, e);
    else if (state == PKL_TUPLE && v->begin != v->maker)
        err = is_false_pair(d, v, none, e);
    else /* made by the opcode in front: still empty */
        *none =
            v->begin == v->maker && v->maker + 1 == op->at && state >= PKL_LIST && state <= PKL_SET;
    return err == PB_OK && *none
               ? scan_note(d, op, "only Python's unpickler takes an empty state here", e)
               : err;
}

static enum pb_err group_single(struct pkl_doc *d, const struct op *op, enum phase phase,
                                struct error *e)
{
    struct scan *s = &d->scan;
    size_t kids = phase == PH_PAIR ? 2 : 1;
    enum pb_err err = scan_need(d, kids + 1, e);
    bool none = false;

    if (err != PB_OK)
        return err;
    kids = s->stack.len - kids;
    if (phase == PH_STATE)
        err = is_none_state(d, op, &none, e);
    if (err == PB_OK && none) {
        s->stack.len--;
        scan_extend(d, op->end);
        return PB_OK;
    }
    if (err == PB_OK)
        err = check_target(d, op, kids - 1, phase, e);
    if (err == PB_OK && phase == PH_PAIR)
        err = scan_hash_check(d, kids, 2, e);
    return err == PB_OK ? scan_touch(d, kids - 1, phase, kids, false, op->end, e) : err;
}

/* C's unpickler does not look at what takes the values when there are none. */
static enum pb_err take_nothing(struct pkl_doc *d, const struct op *op, size_t target,
                                struct error *e)
{
    enum pkl_kind kind;
    enum pb_err err = kind_of(d, &d->scan.stack.data[target], &kind, e);
    bool fits = op->code == 'u' || is_opaque(kind) ||
                (op->code == 'e' ? kind == PKL_LIST || kind == PKL_BYTEARRAY : kind == PKL_SET);

    scan_extend(d, op->end);
    if (err != PB_OK || fits)
        return err;
    return scan_note(d, op, "only C's unpickler adds nothing to what nothing can be added to", e);
}

enum pb_err scan_op_group(struct pkl_doc *d, const struct op *op, struct error *e)
{
    struct scan *s = &d->scan;
    enum phase phase = op->code == 's' || op->code == 'u' ? PH_PAIR
                       : op->code == 'b'                  ? PH_STATE
                                                          : PH_ITEM;
    uint64_t mark = 0;
    size_t kids = 0;
    enum pb_err err;

    if (op->code == 'a' || op->code == 's' || op->code == 'b')
        return group_single(d, op, phase, e);
    err = pop_mark(s, &kids, &mark, e);
    if (err != PB_OK)
        return err;
    if (kids <= scan_fence(s))
        return wrong(e, "nothing below the MARK takes the values");
    if (s->stack.data[kids - 1].flags & SV_RUN) {
        size_t n = s->stack.data[kids - 1].n;

        err = scan_unfold(d, kids - 1, e);
        if (err != PB_OK)
            return err;
        kids += n - 1;
    }
    if (kids == s->stack.len)
        return take_nothing(d, op, kids - 1, e);
    err = check_target(d, op, kids - 1, phase, e);
    if (err == PB_OK && phase == PH_PAIR && scan_count(s, kids) % 2 != 0)
        return wrong(e, "an odd number of keys and values");
    if (err == PB_OK && phase == PH_PAIR)
        err = scan_hash_check(d, kids, 2, e);
    if (err == PB_OK && op->code == 0x90)
        err = scan_hash_check(d, kids, 1, e);
    s->open_mark = mark;
    return err == PB_OK ? scan_touch(d, kids - 1, phase, kids, true, op->end, e) : err;
}

static enum pb_err note_memoryview(struct pkl_doc *d, const struct op *op, struct error *e)
{
    const struct sval *top = &d->scan.stack.data[d->scan.stack.len - 1];
    uint64_t maker = top->maker;
    enum pb_err err = PB_OK;

    if (top->flags & SV_REF)
        err = memo_target(d, top->maker, &maker, e);
    if (err == PB_OK)
        err = scan_alter_viewed(d, maker, op->at, e);
    return err == PB_OK ? scan_note(d, op, "what it makes of a bytearray is a memoryview", e) : err;
}

/* TUPLE2 REDUCE POP is written where a class brings a function along that sets the state of its
 * objects: it is called with the object and the state, and what it returns is dropped. */
static enum pb_err note_setter(struct pkl_doc *d, const struct op *op, struct error *e)
{
    const uint8_t *p;
    size_t n = 0;
    enum pb_err err;

    if (op->at < 2 || d->scan.stack.data[d->scan.stack.len - 1].kind != PKL_OBJECT)
        return PB_OK;
    err = source_view(d->src, op->at - 2, 2, &p, &n, e);
    d->viewed = true;
    if (err != PB_OK || n < 2 || p[0] != 0x86 || p[1] != 'R')
        return err;
    return scan_note(d, op, "a function sets the state of an object: that state is not shown", e);
}

enum pb_err scan_op_other(struct pkl_doc *d, const struct op *op, struct error *e)
{
    struct scan *s = &d->scan;
    enum pkl_kind kind;
    uint64_t mark;
    size_t first = 0;
    enum pb_err err;

    if (op->code == '1') {
        err = pop_mark(s, &first, &mark, e);
        if (err == PB_OK)
            s->stack.len = first;
        return err;
    }
    if (op->code == '0' && s->marks.len > 0 && scan_fence(s) == s->stack.len) {
        s->marks.len--;
        return PB_OK;
    }
    err = scan_need(d, 1, e);
    if (err != PB_OK)
        return err;
    if (op->code == '0') {
        err = note_setter(d, op, e);
        if (err == PB_OK)
            err = scan_alter_dropped(d, &s->stack.data[s->stack.len - 1], e);
        s->stack.len -= err == PB_OK;
        return err;
    }
    err = kind_of(d, &s->stack.data[s->stack.len - 1], &kind, e);
    if (err == PB_OK && kind != PKL_BYTES && kind != PKL_BYTEARRAY && !is_opaque(kind))
        return error_set(e, PB_EPICKLE, "a %s is no buffer", kind_names[kind]);
    if (err == PB_OK && kind == PKL_BYTEARRAY)
        err = note_memoryview(d, op, e);
    scan_extend(d, op->end);
    return err;
}

static enum pb_err note_slot(struct pkl_doc *d, const struct op *op, struct error *e)
{
    const char *note = op->code == 'p' || op->code == 'g'
                           ? line_note(op->code, (const char *)op->p + 1, (size_t)op->payload - 1)
                           : NULL;

    return scan_note(d, op, note, e);
}

#define FAR_SLOT ((uint64_t)1 << 27) /* a table up to there is a gigabyte of addresses */
static const char no_slot[] = "that is no number of a memo slot, or one above 2^63 + 2^62 - 1";

enum pb_err scan_op_ref(struct pkl_doc *d, const struct op *op, struct error *e)
{
    struct scan *s = &d->scan;
    uint8_t flags = SV_REF | SV_DOUBT;
    enum pb_err err;
    uint64_t slot;

    if (op->code == '2') {
        struct dup dup = {.offset = op->at};
        const struct sval *top;

        err = scan_need(d, 1, e);
        if (err != PB_OK)
            return err;
        top = &s->stack.data[s->stack.len - 1];
        dup.maker = top->maker;
        if (top->flags & SV_REF)
            err = memo_target(d, top->maker, &dup.maker, e);
        if (err != PB_OK)
            return err;
        if (!vec_push(&d->dups, dup))
            return error_nomem(e);
    } else {
        if (!cursor_slot(op, &slot))
            return wrong(e, no_slot);
        if (!memo_occupied(d, slot)) {
            s->slot_missing = true;
            return error_set(e, PB_EPICKLE, "memo slot %llu is empty", (unsigned long long)slot);
        }
        if (memo_is_sure(d, slot))
            flags = SV_REF;
        d->info.memo_gets++;
        err = note_slot(d, op, e);
        if (err != PB_OK)
            return err;
    }
    return scan_push(d, op->at, op->at, KIND_REF, flags) ? PB_OK : error_nomem(e);
}

enum pb_err scan_op_put(struct pkl_doc *d, const struct op *op, struct error *e)
{
    uint64_t slot = 0;
    bool good = op->code == 0x94 || cursor_slot(op, &slot); /* before the bytes may go */
    enum pb_err err = scan_need(d, 1, e);

    if (err != PB_OK)
        return err;
    if (!good)
        return wrong(e, no_slot);
    d->info.memo_puts++;
    err = note_slot(d, op, e);
    if (err == PB_OK && slot >= FAR_SLOT)
        err = scan_note(d, op, "older C unpicklers need a table of that many slots for it", e);
    if (err != PB_OK)
        return err;
    err = memo_put(d, slot, op->code == 0x94, op->at, e);
    scan_extend(d, op->end);
    return err;
}

enum pb_err scan_note(struct pkl_doc *d, const struct op *op, const char *text, struct error *e)
{
    struct pkl_note n = {op->at, text, op->code, op->code == '0'};

    if (text == NULL)
        return PB_OK;
    /* The pass may have begun again. */
    while (d->notes.len > 0 && d->notes.data[d->notes.len - 1].offset >= op->at) {
        d->notes.len--;
        d->note_count = d->notes.len;
    }
    d->note_count++;
    return d->notes.len == NOTES_MAX || vec_push(&d->notes, n) ? PB_OK : error_nomem(e);
}
