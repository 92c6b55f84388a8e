#include "where.h"

#include <stdlib.h>
#include <string.h>

#include "object.h"

#define BATCH 64u
#define KEEP 256u /* levels that keep what they fetched */
#define PATH_MAX_BYTES (1024u * 1024u)

/* Children of a level that lie in the order of their bytes. */
struct track {
    uint64_t first, count;
    struct pkl_child *batch; /* children pos .. pos + n: all there are in [from, to) */
    uint64_t pos, from, to;
    size_t n;
};

struct level {
    pkl_id id;
    uint64_t begin, end;
    struct track *tracks;
    size_t count;
    struct pkl_child part; /* class or pid; step PKL_STEP_ROOT: there is none */
    bool leaf;
    size_t path; /* bytes of the path down to here */
};

struct where {
    struct pkl_doc *d;
    struct pkl_view *v;
    struct {
        struct level *data;
        size_t len, cap;
    } way;
    uint64_t root; /* number of the pickle looked at last */
    struct buf path;
};

enum pb_err where_new(struct pkl_doc *d, struct where **out, struct error *e)
{
    struct where *w = mem_alloc(sizeof *w);

    *out = w;
    if (w == NULL)
        return error_nomem(e);
    w->d = d;
    w->v = pkl_doc_view(d);
    buf_init(&w->path, PATH_MAX_BYTES);
    return PB_OK;
}

static void drop_batches(struct level *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free(l->tracks[i].batch);
        l->tracks[i].batch = NULL;
        l->tracks[i].n = 0;
        l->tracks[i].from = l->tracks[i].to = 0;
    }
}

static void leave(struct where *w)
{
    struct level *l = &w->way.data[--w->way.len];

    drop_batches(l);
    free(l->tracks);
    buf_truncate(&w->path, w->way.len > 0 ? w->way.data[w->way.len - 1].path : 0);
}

void where_free(struct where *w)
{
    if (w == NULL)
        return;
    while (w->way.len > 0)
        leave(w);
    vec_release(&w->way);
    buf_release(&w->path);
    free(w);
}

/* ------------------------------------------------------------------- a level */

static bool is_leaf(const struct pkl_node *n)
{
    return n->ref || !pkl_kind_has_children(n->kind);
}

/* What an object shows comes from several places, each in an order of its own. */
static enum pb_err object_tracks(struct where *w, struct level *l, struct error *e)
{
    struct object o = {.count = 0};
    struct wval v;
    uint64_t base = 0;
    enum pb_err err = walk_locate(w->d, PKL_ID_OFFSET(l->id), &v, e);

    if (err == PB_OK)
        err = object_read(w->d, &v, &o, e);
    if (err == PB_OK && o.parts.len > 0) {
        l->tracks = mem_alloc(o.parts.len * sizeof *l->tracks);
        if (l->tracks == NULL)
            err = error_nomem(e);
    }
    for (size_t i = 0; i < o.parts.len && err == PB_OK; i++) {
        l->tracks[i].first = base;
        l->tracks[i].count = o.parts.data[i].count;
        base += o.parts.data[i].count;
        l->count++;
    }
    object_release(&o);
    return err;
}

static enum pb_err find_part(struct where *w, struct level *l, const struct pkl_node *n,
                             struct error *e)
{
    enum pkl_part part = n->kind == PKL_PERSID ? PKL_PID : PKL_CLASS;
    struct error why;
    enum pb_err err = w->v->part(w->v, l->id, part, &l->part, &why);

    if (err != PB_OK && err != PB_ENOTFOUND) {
        if (e != NULL)
            *e = why;
        return err;
    }
    /* The class of INST stands in the opcode that makes the object. */
    if (err == PB_ENOTFOUND || PKL_ID_TAG(l->part.value.id) == PKL_TAG_CLASS)
        l->part.step = PKL_STEP_ROOT;
    return PB_OK;
}

static enum pb_err fill_level(struct where *w, struct level *l, const struct pkl_node *n,
                              struct error *e)
{
    enum pb_err err = PB_OK;
    bool object =
        (n->kind == PKL_OBJECT || n->kind == PKL_PERSID) && PKL_ID_TAG(n->id) == PKL_TAG_VALUE;

    *l = (struct level){.id = n->id, .begin = n->begin, .end = n->end, .leaf = is_leaf(n)};
    l->part.step = PKL_STEP_ROOT;
    if (l->leaf)
        return PB_OK;
    if (object) {
        err = find_part(w, l, n, e);
        return err == PB_OK ? object_tracks(w, l, e) : err;
    }
    l->tracks = mem_alloc(sizeof *l->tracks);
    if (l->tracks == NULL)
        return error_nomem(e);
    l->tracks[0].count = n->count;
    l->count = 1;
    return PB_OK;
}

/* Goes down into a child: a step of the path, and what may follow it. */
static enum pb_err enter(struct where *w, const struct pkl_child *c, const struct pkl_node *n,
                         const char *suffix, struct error *e)
{
    struct level l;
    enum pb_err err;

    if (c->step == PKL_STEP_PART && (c->part == PKL_CLASS || c->part == PKL_PID))
        buf_puts(&w->path, c->part == PKL_CLASS ? "@class" : "@pid");
    else if (pkl_path_step_text(w->v, c, PATH_FORM_PATH, &w->path, e) != PB_OK)
        buf_printf(&w->path, "[#%llu]", (unsigned long long)c->position);
    buf_puts(&w->path, suffix);
    err = buf_status(&w->path, e);
    if (err == PB_OK)
        err = fill_level(w, &l, n, e);
    if (err != PB_OK)
        return err;
    l.path = w->path.len;
    if (!vec_push(&w->way, l)) {
        drop_batches(&l);
        free(l.tracks);
        return error_nomem(e);
    }
    if (w->way.len > KEEP)
        drop_batches(&w->way.data[w->way.len - 1 - KEEP]);
    return PB_OK;
}

/* ------------------------------------------------------------------ children */

static uint64_t child_begin(const struct pkl_child *c)
{
    bool key = c->key.id != 0 && c->key.begin < c->value.begin;

    return key ? c->key.begin : c->value.begin;
}

static enum pb_err fetch(struct where *w, const struct level *l, struct track *t, uint64_t pos,
                         struct error *e)
{
    size_t want = t->count - pos < BATCH ? (size_t)(t->count - pos) : BATCH;
    enum pb_err err;

    if (t->batch == NULL) {
        size_t room = t->count < BATCH ? (size_t)t->count : BATCH;

        t->batch = mem_realloc(NULL, room, sizeof *t->batch);
        if (t->batch == NULL)
            return error_nomem(e);
    }
    err = w->v->children(w->v, l->id, t->first + pos, want, t->batch, &t->n, e);
    t->pos = pos;
    return err;
}

/* The position of the last child that begins at `off` or before. */
static enum pb_err seek(struct where *w, const struct level *l, struct track *t, uint64_t off,
                        uint64_t *pos, struct error *e)
{
    uint64_t low = 0, high = t->count;

    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        struct pkl_child c;
        size_t got;
        enum pb_err err = w->v->children(w->v, l->id, t->first + middle, 1, &c, &got, e);

        if (err != PB_OK)
            return err;
        if (got != 1 || child_begin(&c) > off)
            high = middle;
        else
            low = middle;
    }
    *pos = low;
    return PB_OK;
}

/* Makes the batch cover `off`. */
static enum pb_err cover(struct where *w, const struct level *l, struct track *t, uint64_t off,
                         struct error *e)
{
    uint64_t pos = 0, from = 0;
    enum pb_err err = PB_OK;

    if (t->n > 0 && off >= t->from && off < t->to)
        return PB_OK;
    if (t->n > 0 && off >= t->to) { /* most often: the next ones */
        from = t->to;
        pos = t->pos + t->n;
    }
    if (pos < t->count)
        err = fetch(w, l, t, pos, e);
    if (err == PB_OK && t->n > 0 && pos + t->n < t->count && off >= t->batch[t->n - 1].value.end) {
        err = seek(w, l, t, off, &pos, e);
        from = pos == 0 ? 0 : off;
        if (err == PB_OK)
            err = fetch(w, l, t, pos, e);
    }
    if (err != PB_OK || t->n == 0)
        return err;
    t->from = from;
    t->to = t->pos + t->n >= t->count ? UINT64_MAX : t->batch[t->n - 1].value.end;
    return PB_OK;
}

static bool holds(const struct pkl_node *n, uint64_t off)
{
    return n->begin <= off && off < n->end;
}

/* The child of a track that holds `off`; *key: in its key. */
static enum pb_err in_track(struct where *w, const struct level *l, struct track *t, uint64_t off,
                            const struct pkl_child **out, bool *key, struct error *e)
{
    enum pb_err err = cover(w, l, t, off, e);
    size_t low = 0, high = t->n;

    *out = NULL;
    if (err != PB_OK || t->n == 0)
        return err;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (child_begin(&t->batch[middle]) > off)
            high = middle;
        else
            low = middle;
    }
    *key = t->batch[low].key.id != 0 && holds(&t->batch[low].key, off);
    if (*key || holds(&t->batch[low].value, off))
        *out = &t->batch[low];
    return PB_OK;
}

/* One level further down; *deeper: there was one. */
static enum pb_err descend(struct where *w, uint64_t off, bool *deeper, struct error *e)
{
    size_t here = w->way.len - 1;
    const struct pkl_child *found = NULL;
    bool in_key = false;

    *deeper = false;
    if (w->way.data[here].leaf)
        return PB_OK;
    if (w->way.data[here].part.step == PKL_STEP_PART && holds(&w->way.data[here].part.value, off)) {
        struct pkl_child part = w->way.data[here].part;

        *deeper = true;
        return enter(w, &part, &part.value, "", e);
    }
    for (size_t i = 0; i < w->way.data[here].count; i++) {
        const struct pkl_child *c;
        bool key = false;
        enum pb_err err =
            in_track(w, &w->way.data[here], &w->way.data[here].tracks[i], off, &c, &key, e);

        if (err != PB_OK)
            return err;
        if (c == NULL || (found != NULL && PKL_ID_TAG(c->value.id) == PKL_TAG_ARGS))
            continue;
        /* Arguments of INST and OBJ claim all bytes of the object: anything else knows better. */
        if (found == NULL || PKL_ID_TAG(found->value.id) == PKL_TAG_ARGS) {
            found = c;
            in_key = key;
        }
    }
    *deeper = found != NULL;
    if (found == NULL)
        return PB_OK;
    struct pkl_child child = *found;
    return enter(w, &child, in_key ? &child.key : &child.value, in_key ? "@key" : "", e);
}

/* The pickle whose value holds `off`; the way stays empty when none does. */
static enum pb_err find_root(struct where *w, uint64_t off, struct error *e)
{
    uint64_t roots = w->v->roots(w->v), n = w->root;
    bool back = false;

    while (n < roots) {
        struct pkl_child c;
        enum pb_err err = w->v->root(w->v, n, &c, e);

        if (err != PB_OK)
            return err;
        if (holds(&c.value, off)) {
            w->root = n;
            return enter(w, &c, &c.value, "", e);
        }
        if (off < c.value.begin) {
            if (back || n == 0 || n != w->root)
                return PB_OK; /* between two, or in front of all */
            back = true;
            n = w->root = 0;
            continue;
        }
        w->root = n++;
    }
    return PB_OK;
}

/* Is the innermost level no place for `off` any more?  Arguments that are no tuple in the file
 * have no bytes of their own: they are entered again each time. */
static bool is_past(const struct where *w, uint64_t off)
{
    const struct level *l = &w->way.data[w->way.len - 1];

    return off < l->begin || off >= l->end || PKL_ID_TAG(l->id) == PKL_TAG_ARGS;
}

enum pb_err where_path(struct where *w, uint64_t off, const char **path, struct error *e)
{
    bool deeper = true;
    enum pb_err err = PB_OK;

    *path = NULL;
    while (w->way.len > 0 && is_past(w, off))
        leave(w);
    if (w->way.len == 0)
        err = find_root(w, off, e);
    while (err == PB_OK && deeper && w->way.len > 0)
        err = descend(w, off, &deeper, e);
    if (err == PB_OK && w->way.len > 0)
        *path = w->path.len > 0 ? w->path.data : "@0";
    return err;
}
