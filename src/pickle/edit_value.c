/* New values: encoded, appended to the second source, indexed; and where one may be put. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/digest.h>
#include <pklbrowse/pkl_leaf.h>

#include "edit_private.h"
#include "index.h"
#include "index.h"
#include "lens/lens.h"
#include "opcode_bytes.h"
#include "path_private.h"

bool edit_is_scalar(enum pkl_kind kind)
{
    return kind <= PKL_BYTES || kind == PKL_PY2STR;
}

/* ------------------------------------------------------------------------ new values */

static enum pb_err bytes_equal(struct pkl_edit *ed, const struct pkl_node *n, const struct buf *b,
                               bool *equal, struct error *e)
{
    uint64_t len = n->end - n->begin;

    *equal = len == b->len;
    for (size_t at = 0; *equal && at < b->len;) {
        size_t want = b->len - at < SOURCE_VIEW_MAX ? b->len - at : SOURCE_VIEW_MAX, got;
        const uint8_t *p;
        enum pb_err err = source_view(ed->bytes, n->begin + at, want, &p, &got, e);

        if (err != PB_OK)
            return err;
        got = got < want ? got : want;
        *equal = got > 0 && memcmp(p, b->data + at, got) == 0;
        at += got;
    }
    return PB_OK;
}

/* The number of an equal scalar that is there already, or 0. */
static enum pb_err find_equal(struct pkl_edit *ed, uint64_t hash, const struct buf *b,
                              size_t *number, struct error *e)
{
    uint64_t first = 0;
    bool equal = false;
    enum pb_err err = PB_OK;

    *number = idmap_get(&ed->by_hash, hash, &first) ? (size_t)first : 0;
    while (err == PB_OK && *number != 0) {
        const struct edit_value *v = &ed->values.data[*number - 1];

        err = bytes_equal(ed, &v->node, b, &equal, e);
        if (equal)
            return err;
        *number = v->same_hash;
    }
    return err;
}

static enum pb_err index_second(struct pkl_doc *news, struct error *e)
{
    bool done = false;
    enum pb_err err = PB_OK;

    while (err == PB_OK && !done)
        err = pkl_doc_step(news, UINT64_MAX, &done, e);
    return err == PB_OK ? pkl_doc_error(news, e) : err;
}

/* A document that could not be indexed to its end (for want of memory) stays so.  It still shows
 * what it knows, until a new one has read the same bytes without the last value. */
static enum pb_err renew_second(struct pkl_edit *ed, struct error *e)
{
    struct pkl_doc *news = NULL;
    enum pb_err err;

    if (!ed->stale)
        return PB_OK;
    source_mem_truncate(ed->bytes, ed->good);
    err = pkl_doc_new(ed->bytes, 1, NULL, &news, e);
    if (err == PB_OK && ed->good > 0)
        err = index_second(news, e);
    if (err != PB_OK) {
        pkl_doc_free(news);
        return err;
    }
    pkl_doc_free(ed->news);
    ed->news = news;
    ed->second = pkl_doc_view(news);
    ed->stale = false;
    return PB_OK;
}

/* PROTO in front, so that names mean what they mean in the document; STOP behind. */
static enum pb_err append(struct pkl_edit *ed, const struct buf *b, struct error *e)
{
    uint8_t proto[2] = {CODE_PROTO, (uint8_t)ed->style.protocol}, stop = CODE_STOP;
    enum pb_err err = renew_second(ed, e);

    if (err != PB_OK)
        return err;
    if (ed->style.protocol >= 2)
        err = source_mem_append(ed->bytes, proto, sizeof proto, e);
    if (err == PB_OK)
        err = source_mem_append(ed->bytes, b->data, b->len, e);
    if (err == PB_OK)
        err = source_mem_append(ed->bytes, &stop, 1, e);
    if (err == PB_OK)
        err = index_second(ed->news, e);
    ed->stale = err != PB_OK;
    return err;
}

/* Links of a draft, where its bytes stand now.  There is room. */
static void enter_links(struct pkl_edit *ed, const struct edit_links *links, uint64_t begin)
{
    for (size_t i = 0; i < links->len; i++) {
        struct edit_link l = links->data[i];

        l.offset += begin;
        if (PKL_ID_SOURCE(l.target) == EDIT_INNER)
            l.target = PKL_ID(1, PKL_TAG_VALUE, begin + PKL_ID_OFFSET(l.target));
        ed->links.data[ed->links.len++] = l;
    }
}

/* hash 0: nobody will find it by that. */
static enum pb_err enter(struct pkl_edit *ed, const struct buf *b, const struct edit_links *links,
                         uint64_t hash, size_t *number, struct error *e)
{
    struct edit_value v = {0};
    struct pkl_child root;
    bool scalar;
    uint64_t first = 0;
    enum pb_err err;

    if (!vec_reserve(&ed->values, ed->values.len + 1) ||
        !vec_reserve(&ed->links, ed->links.len + links->len))
        return error_nomem(e);
    err = append(ed, b, e);
    if (err == PB_OK)
        err = ed->second->root(ed->second, ed->second->roots(ed->second) - 1, &root, e);
    ed->stale = err != PB_OK;
    if (err != PB_OK)
        return err;
    v.node = root.value;
    scalar = hash != 0 && edit_is_scalar(v.node.kind);
    if (scalar && idmap_get(&ed->by_hash, hash, &first))
        v.same_hash = (size_t)first;
    *number = ed->values.len + 1;
    if (scalar && !idmap_put(&ed->by_hash, hash, *number))
        return error_nomem(e);
    ed->values.data[ed->values.len++] = v;
    enter_links(ed, links, v.node.begin);
    ed->good = ed->bytes->size;
    return PB_OK;
}

enum pb_err edit_add_value(struct pkl_edit *ed, const struct literal *l, const struct pkl_node *was,
                           bool apart, size_t *number, struct error *e)
{
    static const struct edit_links none;
    uint64_t hash;
    struct buf b;
    enum pb_err err;

    buf_init(&b, SIZE_MAX / 2);
    *number = 0;
    err = literal_encode(l, &ed->style, was->kind, was->opcode, &b, e);
    hash = apart ? 0 : crc32_of(0, b.data, b.len) | (uint64_t)1 << 32;
    if (err == PB_OK && !apart)
        err = find_equal(ed, hash, &b, number, e);
    if (err == PB_OK && *number == 0)
        err = enter(ed, &b, &none, hash, number, e);
    if (err == PB_OK && apart)
        ed->values.data[*number - 1].apart = true;
    buf_release(&b);
    return err;
}

enum pb_err edit_add_draft(struct pkl_edit *ed, const struct edit_draft *d, size_t *number,
                           struct error *e)
{
    uint64_t hash;
    enum pb_err err = buf_status(&d->bytes, e);

    *number = 0;
    if (err != PB_OK)
        return err;
    hash = crc32_of(0, d->bytes.data, d->bytes.len) | (uint64_t)1 << 32;
    if (d->links.len == 0)
        err = find_equal(ed, hash, &d->bytes, number, e);
    return err == PB_OK && *number == 0 ? enter(ed, &d->bytes, &d->links, hash, number, e) : err;
}

static bool same_leaf(const struct pkl_leaf *a, const struct pkl_leaf *b)
{
    if (a->kind != b->kind || a->long_suffix != b->long_suffix || a->boolean != b->boolean ||
        a->partial || b->partial || memcmp(&a->real, &b->real, sizeof a->real) != 0)
        return false;
    if (a->kind == PKL_INT && a->fits && b->fits)
        return a->integer == b->integer;
    return a->data.len == b->data.len &&
           (a->data.len == 0 || memcmp(a->data.data, b->data.data, a->data.len) == 0);
}

/* A script that says all that a value is: bytes that an old protocol writes as a call, a date. */
static bool says_all(const struct lens *l)
{
    return l->row != NULL && !l->nested && !l->partial &&
           (l->kind == PKL_BYTES ||
            (l->kind == PKL_OBJECT && l->pieces.len == 1 && l->pieces.data[0].kind == LENS_TEXT &&
             strcmp(l->row->type, "re.Pattern") != 0));
}

static enum pb_err same_call(struct pkl_edit *ed, const struct pkl_node *a,
                             const struct pkl_node *b, bool *same, struct error *e)
{
    struct lens_reader r;
    struct lens x, y;
    enum pb_err err;

    lens_reader_init(&r, &ed->view);
    lens_init(&x);
    lens_init(&y);
    err = lens_read(&r, a, SIZE_MAX, &x, e);
    if (err == PB_OK)
        err = lens_read(&r, b, SIZE_MAX, &y, e);
    if (err == PB_OK)
        *same = says_all(&x) && says_all(&y) && x.kind == y.kind &&
                (x.kind == PKL_BYTES || strcmp(x.row->type, y.row->type) == 0) &&
                x.text.len == y.text.len &&
                (x.text.len == 0 || memcmp(x.text.data, y.text.data, x.text.len) == 0);
    lens_release(&x);
    lens_release(&y);
    lens_reader_release(&r);
    return err;
}

/* One whose name is computed is like no other. */
static enum pb_err same_name(struct pkl_edit *ed, const struct pkl_node *a,
                             const struct pkl_node *b, bool *same, struct error *e)
{
    struct pkl_name x = {0}, y = {0};
    enum pb_err err = pkl_name_read(&ed->view, a, &x, e);

    if (err == PB_OK)
        err = pkl_name_read(&ed->view, b, &y, e);
    *same = err == PB_OK && strcmp(x.module, y.module) == 0 && strcmp(x.name, y.name) == 0;
    pkl_name_release(&x);
    pkl_name_release(&y);
    return err == PB_EUNSUPPORTED ? PB_OK : err;
}

enum pb_err edit_same_scalar(struct pkl_edit *ed, const struct pkl_node *a,
                             const struct pkl_node *b, bool *same, struct error *e)
{
    struct pkl_leaf x, y;
    enum pb_err err;

    *same = false;
    if (a->kind == PKL_OBJECT && b->kind == PKL_OBJECT)
        return same_call(ed, a, b, same, e);
    if (a->kind == PKL_GLOBAL && b->kind == PKL_GLOBAL)
        return same_name(ed, a, b, same, e);
    if (a->kind != b->kind || !edit_is_scalar(a->kind))
        return PB_OK;
    pkl_leaf_init(&x);
    pkl_leaf_init(&y);
    err = pkl_leaf_read(&ed->view, a, SIZE_MAX, &x, e);
    if (err == PB_OK)
        err = pkl_leaf_read(&ed->view, b, SIZE_MAX, &y, e);
    if (err == PB_OK)
        *same = same_leaf(&x, &y);
    pkl_leaf_release(&x);
    pkl_leaf_release(&y);
    /* What is too large to be read is not what was typed. */
    return err == PB_ELIMIT ? PB_OK : err;
}

/* ---------------------------------------------------------------------- may it be put */

enum pb_err edit_whole(struct pkl_edit *ed, struct error *e)
{
    struct error why = {0};

    if (pkl_doc_error(ed->doc, &why) == PB_OK)
        return PB_OK;
    return error_set(e, PB_EREADONLY, "a broken pickle is read-only: %s", why.msg);
}

static bool are_keywords(const struct literal *value)
{
    const struct literal *key = value->kind == PKL_DICT ? value->first : NULL;

    while (key != NULL && key->kind == PKL_STR && key->next != NULL)
        key = key->next->next;
    return value->kind == PKL_DICT && key == NULL;
}

/* Arguments are a tuple, names are set as names. */
static enum pb_err part_may_go(const struct pkl_child *place, const struct literal *value,
                               struct error *e)
{
    if (place->step != PKL_STEP_PART)
        return PB_OK;
    switch (place->part) {
    case PKL_ARGS:
        return value->kind == PKL_TUPLE ? PB_OK : error_set(e, PB_EUSAGE, "arguments are a tuple");
    case PKL_KWARGS:
        return are_keywords(value)
                   ? PB_OK
                   : error_set(e, PB_EUSAGE, "keyword arguments are a dict whose keys are str");
    case PKL_STATE:
        return PB_OK;
    case PKL_CLASS:
        return value->kind == PKL_GLOBAL
                   ? PB_OK
                   : error_set(e, PB_EUSAGE, "a class is set by its name, 'module.Name'");
    default:
        return error_set(e, PB_EREADONLY, "this part of an object is set by what is inside it");
    }
}

static enum pb_err kind_may_go(const struct pkl_child *place, struct error *e)
{
    if (place->part == PKL_KEY)
        return error_set(e, PB_EREADONLY, "this is a key: it is renamed, not set");
    if (place->value.kind == PKL_EXTENSION || place->value.kind == PKL_BUFFER ||
        place->value.kind == PKL_BROKEN)
        return error_set(e, PB_EREADONLY, "%s is read-only", path_kind_name(place->value.kind));
    /* The class of an INST is a name inside that opcode. */
    if (PKL_ID_TAG(place->value.id) != PKL_TAG_VALUE &&
        PKL_ID_TAG(place->value.id) != PKL_TAG_REF && place->part != PKL_CLASS)
        return error_set(e, PB_EREADONLY, "%s that is no value of its own is read-only",
                         path_kind_name(place->value.kind));
    return PB_OK;
}

/* READONLY_BUFFER takes what stands on top, and only a buffer. */
static enum pb_err stays_buffer(const struct pkl_edit *ed, const struct pkl_node *value,
                                const struct literal *to, struct error *e)
{
    struct source *src = pkl_doc_source(ed->doc);
    uint64_t at = value->end, header, payload;
    const uint8_t *op;
    size_t n;
    enum pb_err err = PB_OK;

    if (PKL_ID_SOURCE(value->id) != 0 || to->kind == PKL_BYTES || to->kind == PKL_BYTEARRAY)
        return PB_OK;
    while (err == PB_OK && at < src->size) {
        err = source_view(src, at, 1, &op, &n, e);
        if (err != PB_OK || n == 0)
            break;
        if (*op == CODE_READONLY_BUFFER)
            return error_set(e, PB_EREADONLY,
                             "the pickle makes this value a read-only buffer: only bytes can be");
        if (*op != CODE_PUT && *op != CODE_BINPUT && *op != CODE_LONG_BINPUT && *op != CODE_MEMOIZE)
            break;
        err = pkl_opcode_length(src, at, &header, &payload, e);
        at += header + payload;
    }
    return err;
}

static enum pb_err member_is_new(struct pkl_edit *ed, const struct pkl_child *place,
                                 const struct literal *value, struct error *e)
{
    struct edit_positions found = {0};
    enum pb_err err = PB_OK;

    if (!literal_hashable(value))
        return error_set(e, PB_EUSAGE, "a list, dict, set or bytearray cannot be in a set");
    err = edit_find_equal(ed, place->owner, false, value, 0, &found, e);
    if (err == PB_OK && (found.len > 1 || (found.len == 1 && found.data[0] != place->index)))
        err = error_set(e, PB_EEXIST, "the set has this member already");
    vec_release(&found);
    return err;
}

/* What the document has at a place; what stands there now when that is nothing. */
static enum pb_err first_stood(struct pkl_edit *ed, const struct pkl_child *place,
                               struct pkl_child *out, struct error *e)
{
    const struct edit_container *c = edit_container_of(ed, place->owner);
    const struct piece *p = c != NULL ? pieces_at(&c->now, place->index) : NULL;
    struct error why;
    enum pb_err err;

    *out = *place;
    if (p == NULL || piece_is_run(p) || piece_is_new(p))
        return PB_OK;
    err = edit_original(ed, (size_t)(c - ed->containers.data), p->first, out, &why);
    if (err == PB_ENOTFOUND)
        *out = *place;
    else if (err != PB_OK)
        return error_set(e, err, "%s", why.msg);
    out->part = place->part;
    return PB_OK;
}

enum pb_err edit_keeps_arrays(const struct pkl_edit *ed, pkl_id id, struct error *e)
{
    if (PKL_ID_SOURCE(id) != 0 || !scan_inline_sizes(ed->doc, PKL_ID_OFFSET(id)))
        return PB_OK;
    return error_set(e, PB_EREADONLY,
                     "how many bytes of the array stand behind it in the file depends on this");
}

/* May a pair or an item get anything else than what stands there?  *first is what stood there. */
static enum pb_err may_change(struct pkl_edit *ed, const struct pkl_child *place,
                              struct pkl_child *first, struct error *e)
{
    enum pb_err err = edit_whole(ed, e);

    if (err == PB_OK && place->owner == 0)
        err = error_set(e, PB_EREADONLY, "this is no place of a value");
    if (err == PB_OK && PKL_ID_TAG(place->owner) == PKL_TAG_ELEMENT)
        err = error_set(e, PB_EREADONLY,
                        "what is shown of an array is computed from its bytes: it is read-only");
    if (err == PB_OK && place->part == PKL_KEY)
        err = kind_may_go(place, e);
    if (err == PB_OK)
        err = first_stood(ed, place, first, e);
    if (err == PB_OK && PKL_ID_TAG(place->owner) != PKL_TAG_STREAM)
        err = edit_keeps_arrays(ed, first->value.id, e);
    return err;
}

enum pb_err edit_may_put(struct pkl_edit *ed, const struct pkl_child *place, struct error *e)
{
    struct pkl_child first;
    enum pb_err err = may_change(ed, place, &first, e);

    return err == PB_OK ? kind_may_go(&first, e) : err;
}

enum pb_err edit_may_rename(struct pkl_edit *ed, const struct pkl_child *place, struct error *e)
{
    struct pkl_child first;
    enum pb_err err = may_change(ed, place, &first, e);

    if (err == PB_OK && place->key.id == 0)
        err = error_set(e, PB_EREADONLY, "only keys and attributes have a name");
    return err;
}

enum pb_err edit_may_set(struct pkl_edit *ed, const struct pkl_child *place,
                         const struct literal *value, struct error *e)
{
    struct pkl_child first;
    enum pb_err err = edit_may_put(ed, place, e);

    if (err == PB_OK)
        err = part_may_go(place, value, e);
    if (err == PB_OK)
        err = edit_argument_may_be(ed, place, value, e);
    if (err == PB_OK)
        err = first_stood(ed, place, &first, e);
    if (err == PB_OK)
        err = stays_buffer(ed, &first.value, value, e);
    if (err == PB_OK && place->step == PKL_STEP_MEMBER)
        err = member_is_new(ed, place, value, e);
    return err;
}
