/* The view of a document: ids to nodes, nodes to children, all found by re-reading. */
#include <stdlib.h>
#include <string.h>

#include "object.h"

#define AT_ONCE 32

static struct pkl_doc *doc_of(struct pkl_view *v)
{
    return (struct pkl_doc *)v;
}

static pkl_id id_of(const struct pkl_doc *d, enum pkl_tag tag, uint64_t offset)
{
    return PKL_ID(d->no, tag, offset);
}

/* ----------------------------------------------------------------------- nodes */

static enum pb_err count_of(struct pkl_doc *d, const struct wval *v, enum pkl_kind kind,
                            uint64_t *count, struct error *e)
{
    struct object o;
    enum pb_err err;

    *count = 0;
    switch (kind) {
    case PKL_STR:
    case PKL_BYTES:
    case PKL_BYTEARRAY:
        *count = v->payload - (v->opcode == 'V' && v->payload > 0);
        if (d->alters.len > 0 && alters_end(d, v->maker) > *count)
            *count = alters_end(d, v->maker);
        return PB_OK;
    case PKL_PY2STR:
        *count = v->opcode == 'S' && v->payload >= 3 ? v->payload - 3 : v->payload;
        return PB_OK;
    case PKL_LIST:
    case PKL_TUPLE:
    case PKL_SET:
    case PKL_FROZENSET:
        *count = walk_total(d, v, PH_ITEM);
        return PB_OK;
    case PKL_DICT:
        *count = walk_total(d, v, PH_PAIR);
        return PB_OK;
    case PKL_GLOBAL:
    case PKL_OBJECT:
    case PKL_PERSID:
    case PKL_EXTENSION:
    case PKL_BUFFER:
        err = object_read(d, v, &o, e);
        *count = o.count;
        object_release(&o);
        return err;
    default:
        return PB_OK;
    }
}

enum pb_err doc_view_node(struct pkl_doc *d, const struct wval *v, struct pkl_node *out,
                          struct error *e)
{
    struct wval target = *v;
    uint64_t maker;
    uint8_t opcode;
    enum pb_err err;

    *out = (struct pkl_node){.begin = v->begin, .end = v->end, .opcode = v->opcode, .ref = v->ref};
    err = object_deref(d, v, &maker, &out->kind, &opcode, e);
    if (err != PB_OK)
        return err;
    out->target = id_of(d, PKL_TAG_VALUE, maker);
    out->id = v->ref ? id_of(d, PKL_TAG_REF, v->maker) : out->target;
    if (v->ref && out->kind > PKL_FLOAT)
        err = walk_locate(d, maker, &target, e);
    return err == PB_OK ? count_of(d, &target, out->kind, &out->count, e) : err;
}

static enum pb_err node_at(struct pkl_doc *d, uint64_t maker, struct pkl_node *out, struct error *e)
{
    struct wval v;
    enum pb_err err = walk_locate(d, maker, &v, e);

    return err == PB_OK ? doc_view_node(d, &v, out, e) : err;
}

/* Containers that are not in the file as such: an object's items, entries, direct arguments, class.
 */
static enum pb_err virtual_node(struct pkl_doc *d, enum pkl_tag tag, uint64_t maker,
                                struct pkl_node *out, struct error *e)
{
    struct wval v;
    enum pb_err err = walk_locate(d, maker, &v, e);

    if (err != PB_OK)
        return err;
    *out = (struct pkl_node){.id = id_of(d, tag, maker),
                             .target = id_of(d, tag, maker),
                             .begin = v.begin,
                             .end = v.end,
                             .opcode = v.opcode};
    switch (tag) {
    case PKL_TAG_ITEMS:
        out->kind = PKL_LIST;
        out->count = walk_total(d, &v, PH_ITEM);
        return PB_OK;
    case PKL_TAG_ENTRIES:
        out->kind = PKL_DICT;
        out->count = walk_total(d, &v, PH_PAIR);
        return PB_OK;
    case PKL_TAG_ARGS:
        out->kind = PKL_TUPLE;
        out->count = v.args;
        return PB_OK;
    default:
        out->kind = PKL_GLOBAL;
        return v.opcode == 'i' ? PB_OK : error_set(e, PB_ENOTFOUND, "there is no such value");
    }
}

static void broken_node(struct pkl_doc *d, struct pkl_node *out)
{
    *out = (struct pkl_node){.id = id_of(d, PKL_TAG_BROKEN, d->stand.begin),
                             .target = id_of(d, PKL_TAG_BROKEN, d->stand.begin),
                             .begin = d->stand.begin,
                             .end = d->stand.end,
                             .count = d->stand.items,
                             .kind = PKL_BROKEN};
}

static uint64_t view_roots(struct pkl_view *view)
{
    struct pkl_doc *d = doc_of(view);

    return d->scan.number + d->broken;
}

static enum pb_err not_here(struct error *e)
{
    return error_set(e, PB_ENOTFOUND, "there is no such value");
}

static enum pb_err check_id(const struct pkl_doc *d, pkl_id id, struct error *e)
{
    if (PKL_ID_SOURCE(id) != d->no || PKL_ID_OFFSET(id) > d->scan.at)
        return not_here(e);
    return PB_OK;
}

static enum pb_err view_node(struct pkl_view *view, pkl_id id, struct pkl_node *out,
                             struct error *e)
{
    struct pkl_doc *d = doc_of(view);
    enum pb_err err = check_id(d, id, e);

    if (err != PB_OK)
        return err;
    switch (PKL_ID_TAG(id)) {
    case PKL_TAG_VALUE:
    case PKL_TAG_REF:
        return node_at(d, PKL_ID_OFFSET(id), out, e);
    case PKL_TAG_ITEMS:
    case PKL_TAG_ENTRIES:
    case PKL_TAG_ARGS:
    case PKL_TAG_CLASS:
        return virtual_node(d, PKL_ID_TAG(id), PKL_ID_OFFSET(id), out, e);
    case PKL_TAG_STREAM:
        *out = (struct pkl_node){
            .id = id, .target = id, .end = d->scan.at, .count = view_roots(view), .kind = PKL_LIST};
        return PB_OK;
    case PKL_TAG_BROKEN:
        if (!d->broken)
            return not_here(e);
        broken_node(d, out);
        return PB_OK;
    default:
        return not_here(e);
    }
}

/* --------------------------------------------------------------------- children */

/* What is asked of a container, and where answers go. */
struct want {
    uint64_t first; /* position of the next one */
    size_t count;   /* still wanted */
    struct pkl_child *out;
    size_t got;
};

static enum pb_err put_child(struct pkl_doc *d, struct want *w, enum pkl_step step, pkl_id owner,
                             uint64_t index, const struct wval *value, struct error *e)
{
    struct pkl_child *c = &w->out[w->got];
    enum pb_err err;

    *c = (struct pkl_child){.step = step, .owner = owner, .index = index, .position = w->first};
    err = doc_view_node(d, value, &c->value, e);
    if (err == PB_OK) {
        w->got++;
        w->first++;
        w->count--;
    }
    return err;
}

/* Children from number `first` on of one phase of one container, as long as they are wanted. */
static enum pb_err put_phase(struct pkl_doc *d, struct want *w, uint64_t maker, enum phase phase,
                             enum pkl_step step, pkl_id owner, uint64_t first, uint64_t len,
                             struct error *e)
{
    struct wval v[AT_ONCE];
    size_t per = phase == PH_PAIR ? 2 : 1;
    enum pb_err err = PB_OK;

    while (err == PB_OK && w->count > 0 && len > 0) {
        size_t n = AT_ONCE / per, got;

        n = n < w->count ? n : w->count;
        n = n < len ? n : (size_t)len;
        err = phase == PH_STAND ? walk_standing(d, first, n, v, &got, e)
                                : walk_list(d, maker, phase, first, n, v, &got, e);
        if (err == PB_OK && got == 0)
            err = error_pickle(e, maker, -1, "re-reading finds too few children");
        for (size_t i = 0; i < got && err == PB_OK; i++) {
            err = put_child(d, w, step, owner, first + i, &v[i * per + per - 1], e);
            if (err == PB_OK && per == 2) {
                struct pkl_child *c = &w->out[w->got - 1];

                err = doc_view_node(d, &v[i * per], &c->key, e);
                if (step == PKL_STEP_ATTR && c->key.kind != PKL_STR && c->key.kind != PKL_PY2STR)
                    c->step = PKL_STEP_KEY;
            }
        }
        first += got;
        len -= got;
    }
    return err;
}

static enum pb_err put_part(struct pkl_doc *d, struct want *w, const struct object *o,
                            const struct wval *v, enum pkl_part part, struct error *e)
{
    pkl_id owner = id_of(d, PKL_TAG_VALUE, v->maker);
    struct pkl_child *c = &w->out[w->got];
    uint64_t index = part == PKL_ARGS ? 1 : part == PKL_KWARGS ? 2 : 0;
    enum pb_err err;

    if ((part == PKL_ARGS && (v->opcode == 'i' || v->opcode == 'o')) ||
        (part == PKL_CLASS && v->opcode == 'i')) {
        *c = (struct pkl_child){
            .step = PKL_STEP_PART, .owner = owner, .index = index, .position = w->first};
        err = virtual_node(d, part == PKL_ARGS ? PKL_TAG_ARGS : PKL_TAG_CLASS, v->maker, &c->value,
                           e);
        if (err == PB_OK)
            w->got++, w->first++, w->count--;
    } else {
        err = put_child(d, w, PKL_STEP_PART, owner, index, &o->head[index], e);
    }
    c->part = part;
    return err;
}

static enum pb_err put_stretch(struct pkl_doc *d, struct want *w, const struct object *o,
                               const struct wval *v, const struct stretch *s, uint64_t skip,
                               struct error *e)
{
    pkl_id self = id_of(d, PKL_TAG_VALUE, v->maker);
    size_t before = w->got;
    enum pb_err err;

    switch (s->kind) {
    case STRETCH_ARGS:
        return put_part(d, w, o, v, PKL_ARGS, e);
    case STRETCH_KWARGS:
        return put_part(d, w, o, v, PKL_KWARGS, e);
    case STRETCH_STATE:
        err = put_phase(d, w, v->maker, PH_STATE, PKL_STEP_PART, self, s->first, 1, e);
        if (err == PB_OK && w->got > before) {
            w->out[before].part = PKL_STATE;
            w->out[before].index += 3;
        }
        return err;
    case STRETCH_ATTRS:
        return put_phase(d, w, s->maker, PH_PAIR, PKL_STEP_ATTR, id_of(d, PKL_TAG_VALUE, s->maker),
                         skip, s->count - skip, e);
    case STRETCH_ITEMS:
        return put_phase(d, w, v->maker, PH_ITEM, PKL_STEP_INDEX, id_of(d, PKL_TAG_ITEMS, v->maker),
                         skip, s->count - skip, e);
    default:
        return put_phase(d, w, v->maker, PH_PAIR, PKL_STEP_KEY, id_of(d, PKL_TAG_ENTRIES, v->maker),
                         skip, s->count - skip, e);
    }
}

static enum pb_err put_object(struct pkl_doc *d, struct want *w, const struct wval *v,
                              struct error *e)
{
    struct object o;
    uint64_t base = 0;
    enum pb_err err = object_read(d, v, &o, e);

    for (size_t i = 0; i < o.parts.len && err == PB_OK && w->count > 0; i++) {
        const struct stretch *s = &o.parts.data[i];

        if (w->first < base + s->count)
            err = put_stretch(d, w, &o, v, s, w->first - base, e);
        base += s->count;
    }
    object_release(&o);
    return err;
}

/* Items that were set by their number stand as values of pairs. */
static enum pb_err put_alters(struct pkl_doc *d, uint64_t maker, struct pkl_child *out, size_t got,
                              struct error *e)
{
    enum pb_err err = PB_OK;
    size_t n = 0, found;
    const struct alter *a =
        got > 0 && d->alters.len > 0 ? alters_of(d, maker, out[0].index, got, &n) : NULL;

    for (size_t i = 0; i < n && err == PB_OK; i++) {
        struct wval pair[2];

        if (i + 1 < n && a[i + 1].index == a[i].index)
            continue;
        err = walk_list(d, maker, PH_PAIR, a[i].what, 1, pair, &found, e);
        if (err == PB_OK && found == 0)
            err = error_pickle(e, maker, -1, "re-reading finds too few children");
        if (err == PB_OK)
            err = doc_view_node(d, &pair[1], &out[a[i].index - out[0].index].value, e);
    }
    return err;
}

static enum pb_err put_value(struct pkl_doc *d, struct want *w, uint64_t maker, struct error *e)
{
    pkl_id self = id_of(d, PKL_TAG_VALUE, maker);
    uint64_t first = w->first, total;
    struct wval v;
    enum pb_err err = walk_locate(d, maker, &v, e);

    if (err != PB_OK)
        return err;
    switch (op_kind(v.opcode)) {
    case PKL_LIST:
    case PKL_TUPLE:
        total = walk_total(d, &v, PH_ITEM);
        if (first < total)
            err = put_phase(d, w, maker, PH_ITEM, PKL_STEP_INDEX, self, first, total - first, e);
        return err == PB_OK ? put_alters(d, maker, w->out, w->got, e) : err;
    case PKL_SET:
    case PKL_FROZENSET:
        total = walk_total(d, &v, PH_ITEM);
        return first < total
                   ? put_phase(d, w, maker, PH_ITEM, PKL_STEP_MEMBER, self, first, total - first, e)
                   : PB_OK;
    case PKL_DICT:
        total = walk_total(d, &v, PH_PAIR);
        return first < total
                   ? put_phase(d, w, maker, PH_PAIR, PKL_STEP_KEY, self, first, total - first, e)
                   : PB_OK;
    case PKL_GLOBAL:
    case PKL_OBJECT:
    case PKL_PERSID:
    case PKL_EXTENSION:
    case PKL_BUFFER:
        return put_object(d, w, &v, e);
    default:
        return PB_OK;
    }
}

static enum pb_err put_virtual(struct pkl_doc *d, struct want *w, pkl_id id, struct error *e)
{
    enum pkl_tag tag = PKL_ID_TAG(id);
    uint64_t maker = PKL_ID_OFFSET(id), total, first = w->first;
    enum phase phase = tag == PKL_TAG_ARGS ? PH_ARG : tag == PKL_TAG_ENTRIES ? PH_PAIR : PH_ITEM;
    struct wval v;
    enum pb_err err = walk_locate(d, maker, &v, e);

    if (err != PB_OK)
        return err;
    total = tag == PKL_TAG_ARGS ? v.args : walk_total(d, &v, phase);
    if (first >= total || tag == PKL_TAG_CLASS)
        return PB_OK;
    return put_phase(d, w, maker, phase, phase == PH_PAIR ? PKL_STEP_KEY : PKL_STEP_INDEX, id,
                     first, total - first, e);
}

static enum pb_err view_root(struct pkl_view *view, uint64_t n, struct pkl_child *out,
                             struct error *e);

static enum pb_err view_children(struct pkl_view *view, pkl_id id, uint64_t first, size_t count,
                                 struct pkl_child *out, size_t *got, struct error *e)
{
    struct pkl_doc *d = doc_of(view);
    struct want w = {first, count, out, 0};
    uint64_t maker = PKL_ID_OFFSET(id);
    enum pb_err err = check_id(d, id, e);

    *got = 0;
    if (err != PB_OK)
        return err;
    switch (PKL_ID_TAG(id)) {
    case PKL_TAG_REF:
        err = memo_target(d, maker, &maker, e);
        if (err == PB_OK)
            err = put_value(d, &w, maker, e);
        break;
    case PKL_TAG_VALUE:
        err = put_value(d, &w, maker, e);
        break;
    case PKL_TAG_BROKEN:
        if (d->broken && first < d->stand.items)
            err = put_phase(d, &w, d->stand.begin, PH_STAND, PKL_STEP_INDEX, id, first,
                            d->stand.items - first, e);
        break;
    case PKL_TAG_STREAM:
        while (err == PB_OK && w.count > 0 && w.first < view_roots(view)) {
            err = view_root(view, w.first++, &out[w.got], e);
            w.got += err == PB_OK;
            w.count--;
        }
        break;
    default:
        err = put_virtual(d, &w, id, e);
        break;
    }
    *got = w.got;
    return err;
}

static enum pb_err view_count(struct pkl_view *view, pkl_id id, uint64_t *count, struct error *e)
{
    struct pkl_node n;
    enum pb_err err = view_node(view, id, &n, e);

    if (err != PB_OK)
        return err;
    *count = n.kind >= PKL_STR && n.kind <= PKL_PY2STR ? 0 : n.count;
    return PB_OK;
}

/* ------------------------------------------------------------------------ parts */

static enum pb_err no_part(struct error *e)
{
    return error_set(e, PB_ENOTFOUND, "the value has no such part");
}

static enum pb_err virtual_part(struct pkl_doc *d, const struct wval *v, enum pkl_part part,
                                struct pkl_child *out, struct error *e)
{
    enum phase phase = part == PKL_ITEMS ? PH_ITEM : PH_PAIR;

    if (op_kind(v->opcode) < PKL_GLOBAL || walk_total(d, v, phase) == 0)
        return no_part(e);
    *out = (struct pkl_child){
        .step = PKL_STEP_PART, .part = part, .owner = id_of(d, PKL_TAG_VALUE, v->maker)};
    return virtual_node(d, part == PKL_ITEMS ? PKL_TAG_ITEMS : PKL_TAG_ENTRIES, v->maker,
                        &out->value, e);
}

/* @state: the last one that was set.  @slots: the second half of a state that is a pair. */
static enum pb_err state_part(struct pkl_doc *d, const struct wval *v, enum pkl_part part,
                              struct pkl_child *out, struct error *e)
{
    uint64_t n = walk_total(d, v, PH_STATE), maker, half[2];
    struct want w = {0, 1, out, 0};
    enum pkl_kind kind;
    struct wval state, pair[2];
    uint8_t opcode;
    bool split = false;
    size_t got;
    enum pb_err err;

    if (n == 0)
        return no_part(e);
    if (part == PKL_STATE) {
        err = put_phase(d, &w, v->maker, PH_STATE, PKL_STEP_PART, id_of(d, PKL_TAG_VALUE, v->maker),
                        n - 1, 1, e);
        out->part = part;
        out->index += 3;
        return err;
    }
    err = walk_list(d, v->maker, PH_STATE, n - 1, 1, &state, &got, e);
    if (err == PB_OK)
        err = object_deref(d, &state, &maker, &kind, &opcode, e);
    if (err == PB_OK && kind == PKL_TUPLE)
        err = object_halves(d, maker, &split, half, e);
    if (err == PB_OK && !split)
        return no_part(e);
    if (err == PB_OK)
        err = walk_list(d, maker, PH_ITEM, 0, 2, pair, &got, e);
    if (err == PB_OK)
        err = put_child(d, &w, PKL_STEP_PART, id_of(d, PKL_TAG_VALUE, maker), 1, &pair[1], e);
    out->part = part;
    return err;
}

static enum pb_err head_part(struct pkl_doc *d, const struct wval *v, enum pkl_part part,
                             struct pkl_child *out, struct error *e)
{
    struct want w = {0, 1, out, 0};
    enum pkl_kind kind = op_kind(v->opcode);
    bool direct = v->opcode == 'i' || v->opcode == 'o', there;
    struct object o;
    enum pb_err err;

    if (op_info[v->opcode].class != OP_MAKE)
        return no_part(e);
    err = object_read(d, v, &o, e);
    if (part == PKL_PID)
        there = kind == PKL_PERSID && o.heads == 1;
    else if (part == PKL_CLASS)
        there = kind == PKL_OBJECT && (v->opcode == 'i' || o.heads > 0);
    else if (part == PKL_ARGS)
        there = kind == PKL_OBJECT && (direct ? o.args > 0 : o.heads > 1);
    else
        there = kind == PKL_OBJECT && !direct && o.heads > 2;
    if (err == PB_OK)
        err = there ? put_part(d, &w, &o, v, part, e) : no_part(e);
    object_release(&o);
    return err;
}

static enum pb_err view_part(struct pkl_view *view, pkl_id id, enum pkl_part part,
                             struct pkl_child *out, struct error *e)
{
    struct pkl_doc *d = doc_of(view);
    uint64_t maker = PKL_ID_OFFSET(id);
    struct wval v;
    enum pb_err err = check_id(d, id, e);

    if (err != PB_OK)
        return err;
    if (PKL_ID_TAG(id) == PKL_TAG_REF)
        err = memo_target(d, maker, &maker, e);
    else if (PKL_ID_TAG(id) != PKL_TAG_VALUE)
        return no_part(e);
    if (err == PB_OK)
        err = walk_locate(d, maker, &v, e);
    if (err != PB_OK)
        return err;
    switch (part) {
    case PKL_CLASS:
    case PKL_ARGS:
    case PKL_KWARGS:
    case PKL_PID:
        return head_part(d, &v, part, out, e);
    case PKL_STATE:
    case PKL_SLOTS:
        return state_part(d, &v, part, out, e);
    case PKL_ITEMS:
    case PKL_ENTRIES:
        return virtual_part(d, &v, part, out, e);
    default:
        return no_part(e);
    }
}

static enum pb_err view_root(struct pkl_view *view, uint64_t n, struct pkl_child *out,
                             struct error *e)
{
    struct pkl_doc *d = doc_of(view);
    struct wval v;
    uint64_t start;
    enum pb_err err;

    *out = (struct pkl_child){
        .step = PKL_STEP_ROOT, .owner = id_of(d, PKL_TAG_STREAM, 0), .index = n, .position = n};
    if (n >= view_roots(view))
        return error_set(e, PB_ENOTFOUND, "there is no pickle %llu in the stream",
                         (unsigned long long)n);
    if (d->broken && n == d->scan.number) {
        broken_node(d, &out->value);
        return PB_OK;
    }
    err = walk_root(d, n, &v, &start, e);
    return err == PB_OK ? doc_view_node(d, &v, &out->value, e) : err;
}

static struct pkl_doc *view_doc(struct pkl_view *view, unsigned source)
{
    struct pkl_doc *d = doc_of(view);

    return source == d->no ? d : NULL;
}

static struct pkl_doc *view_unedited(struct pkl_view *view)
{
    struct pkl_doc *d = doc_of(view);

    return d->alters.len == 0 ? d : NULL;
}

const struct pkl_view doc_view = {
    .node = view_node,
    .count_children = view_count,
    .children = view_children,
    .part = view_part,
    .roots = view_roots,
    .root = view_root,
    .doc = view_doc,
    .unedited = view_unedited,
    .dicts = view_unedited,
};
