/* From a path to the place it names. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/num.h>
#include <pklbrowse/pkl_lens.h>
#include <pklbrowse/text.h>

#include "form.h"
#include "key_index.h"
#include "key_near.h"
#include "lens/pd.h"
#include "path_private.h"
#include "rebuilt.h"

#define SCAN 256        /* children read at once */
#define NEAR_LEAST 4096 /* so many are not looked at one by one when that can be helped */

/* Keys of containers that were searched more than once, as the lenses show them and without. */
struct pkl_paths {
    struct pkl_view *v;
    struct {
        struct key_index *data;
        size_t len, cap;
    } indexes;
    struct idmap of[2]; /* id -> number of its index, from 2 on; 1: it was searched */
};

struct walk {
    struct pkl_paths *paths; /* NULL: for one path only */
    bool raw;                /* without lenses */
    struct pkl_view *v;
    struct pkl_child at;
    const struct path_step *step;
    struct error *e;
};

const char *path_kind_name(enum pkl_kind kind)
{
    static const char *const names[] = {
        [PKL_NONE] = "None",
        [PKL_BOOL] = N_("a bool"),
        [PKL_INT] = N_("an int"),
        [PKL_FLOAT] = N_("a float"),
        [PKL_STR] = N_("a str"),
        [PKL_BYTES] = N_("bytes"),
        [PKL_BYTEARRAY] = N_("a bytearray"),
        [PKL_PY2STR] = N_("a Python 2 str"),
        [PKL_LIST] = N_("a list"),
        [PKL_TUPLE] = N_("a tuple"),
        [PKL_DICT] = N_("a dict"),
        [PKL_SET] = N_("a set"),
        [PKL_FROZENSET] = N_("a frozenset"),
        [PKL_GLOBAL] = N_("a global"),
        [PKL_OBJECT] = N_("an object"),
        [PKL_PERSID] = N_("a persistent id"),
        [PKL_EXTENSION] = N_("an extension"),
        [PKL_BUFFER] = N_("a buffer"),
        [PKL_BROKEN] = N_("a broken pickle"),
    };

    return (size_t)kind < sizeof names / sizeof *names ? _(names[kind]) : _("a value");
}

/* Looks at the children [from, end), from the last to the first: the last of equal keys is the one
 * that counts. */
static enum pb_err search_in(struct walk *w, uint64_t from, uint64_t end, const struct literal *key,
                             enum pkl_step kind, bool *found)
{
    struct pkl_child batch[SCAN];
    enum pb_err err = PB_OK;

    while (err == PB_OK && end > from) {
        uint64_t first = end - from > SCAN ? end - SCAN : from;
        size_t got = 0;

        err = w->v->children(w->v, w->at.value.id, first, (size_t)(end - first), batch, &got, w->e);
        for (size_t i = got; err == PB_OK && i-- > 0;) {
            if (batch[i].step != kind)
                continue;
            err = path_key_equals(w->v, &batch[i].key, key, found, w->e);
            if (err == PB_OK && *found) {
                w->at = batch[i];
                return PB_OK;
            }
        }
        end = first;
    }
    return err;
}

/* A large dict may be asked by its bytes where the key can be. */
static enum pb_err ask_near(struct walk *w, uint64_t count, const struct literal *key,
                            struct key_stretches *near, bool *known)
{
    struct pkl_doc *d = w->v->dicts != NULL ? w->v->dicts(w->v) : NULL;
    pkl_id id = w->at.value.target;

    *known = false;
    if (d == NULL || count < NEAR_LEAST || w->at.value.kind != PKL_DICT || key->kind != PKL_STR ||
        PKL_ID_TAG(id) != PKL_TAG_VALUE || w->v->doc(w->v, PKL_ID_SOURCE(id)) != d)
        return PB_OK;
    return key_near(d, PKL_ID_OFFSET(id), count, key->data, key->len, near, known, w->e);
}

static enum pb_err search(struct walk *w, const struct literal *key, enum pkl_step kind,
                          bool *found)
{
    struct key_stretches near = {0};
    uint64_t count;
    bool known = false;
    enum pb_err err = w->v->count_children(w->v, w->at.value.id, &count, w->e);

    *found = false;
    if (err == PB_OK && kind == PKL_STEP_KEY)
        err = ask_near(w, count, key, &near, &known);
    for (size_t i = near.len; known && i-- > 0 && err == PB_OK && !*found;)
        err = search_in(w, near.data[i].first, near.data[i].last, key, kind, found);
    if (err == PB_OK && !known)
        err = search_in(w, 0, count, key, kind, found);
    vec_release(&near);
    return err;
}

static enum pb_err index_keys(struct walk *w, pkl_id id, struct key_index *k)
{
    struct pkl_child batch[SCAN];
    size_t got = 0;
    uint64_t at = 0, hash;
    enum pb_err err;

    do {
        err = w->v->children(w->v, id, at, SCAN, batch, &got, w->e);
        for (size_t i = 0; i < got && err == PB_OK; i++) {
            if (batch[i].key.id == 0)
                continue;
            err = key_hash(w->v, &batch[i].key, &hash, w->e);
            if (err == PB_OK && hash != 0 && !key_index_add(k, hash, at + i))
                err = error_nomem(w->e);
        }
        at += got;
    } while (err == PB_OK && got > 0);
    return err;
}

/* The second time that a container is searched its keys are noted.  *out is NULL the first time. */
static enum pb_err index_of(struct walk *w, const struct key_index **out)
{
    struct pkl_paths *p = w->paths;
    pkl_id id = w->at.value.target;
    uint64_t known;
    enum pb_err err;

    *out = NULL;
    if (!idmap_get(&p->of[w->raw], id, &known))
        return idmap_put(&p->of[w->raw], id, 1) ? PB_OK : error_nomem(w->e);
    if (known == 1) {
        if (!vec_push(&p->indexes, ((struct key_index){0})))
            return error_nomem(w->e);
        err = index_keys(w, id, &p->indexes.data[p->indexes.len - 1]);
        known = p->indexes.len + 1;
        if (err == PB_OK && !idmap_put(&p->of[w->raw], id, known))
            err = error_nomem(w->e);
        if (err != PB_OK) {
            key_index_release(&p->indexes.data[--p->indexes.len]);
            return err;
        }
    }
    *out = &p->indexes.data[known - 2];
    return PB_OK;
}

/* The entries of one hash are met from the last to the first, too. */
static enum pb_err look_up(struct walk *w, const struct key_index *k, uint64_t hash,
                           const struct literal *key, enum pkl_step kind, struct pkl_child *best,
                           bool *found)
{
    enum pb_err err = PB_OK;

    for (size_t i = key_index_first(k, hash); i != 0 && err == PB_OK;
         i = key_index_at(k, i)->next) {
        uint64_t at = key_index_at(k, i)->what;
        struct pkl_child child;
        size_t got = 0;
        bool equal = false;

        if (*found && best->position >= at)
            break;
        err = w->v->children(w->v, w->at.value.id, at, 1, &child, &got, w->e);
        if (err == PB_OK && got == 1 && child.step == kind)
            err = path_key_equals(w->v, &child.key, key, &equal, w->e);
        if (err == PB_OK && equal) {
            *best = child;
            best->position = at;
            *found = true;
        }
    }
    return err;
}

static enum pb_err find_last(struct walk *w, const struct literal *key, enum pkl_step kind,
                             bool *found)
{
    const struct key_index *k = NULL;
    uint64_t hash[KEY_HASHES];
    struct pkl_child best;
    size_t n;
    enum pb_err err = w->paths != NULL ? index_of(w, &k) : PB_OK;

    if (err != PB_OK)
        return err;
    if (k == NULL)
        return search(w, key, kind, found);
    *found = false;
    err = key_hashes(key, hash, &n, w->e);
    for (size_t i = 0; i < n && err == PB_OK; i++)
        err = look_up(w, k, hash[i], key, kind, &best, found);
    if (err == PB_OK && *found)
        w->at = best;
    return err;
}

/* Whose children the members are: of a set that an old protocol wrote as a call, its argument's. */
static enum pb_err holder(struct walk *w, pkl_id *id)
{
    struct form f;
    enum pb_err err = PB_OK;

    *id = w->at.value.id;
    if (w->at.value.kind != PKL_OBJECT)
        return PB_OK;
    form_init(&f);
    err = form_read(w->v, &w->at.value, 64, &f, w->e);
    if (err == PB_OK && (f.kind == PKL_SET || f.kind == PKL_FROZENSET) && f.items.id != 0)
        *id = f.items.target;
    form_release(&f);
    return err;
}

static enum pb_err nth(struct walk *w, uint64_t n, bool *found)
{
    struct pkl_child child;
    uint64_t count = 0;
    size_t got = 0;
    pkl_id id;
    enum pb_err err = holder(w, &id);

    *found = false;
    if (err == PB_OK)
        err = w->v->count_children(w->v, id, &count, w->e);
    if (err != PB_OK || n >= count)
        return err;
    err = w->v->children(w->v, id, n, 1, &child, &got, w->e);
    if (err == PB_OK && got == 1) {
        if (id != w->at.value.id)
            child.step = PKL_STEP_MEMBER; /* what may be put there is what a set takes */
        w->at = child;
        *found = true;
    }
    return err;
}

static enum pb_err by_name(struct walk *w, bool *found)
{
    struct literal key = {.kind = PKL_STR, .data = w->step->name, .len = w->step->name_len};
    enum pb_err err;

    *found = false;
    if (w->at.value.kind == PKL_DICT)
        return find_last(w, &key, PKL_STEP_KEY, found);
    if (w->at.value.kind != PKL_OBJECT)
        return PB_OK;
    err = find_last(w, &key, PKL_STEP_ATTR, found);
    if (err == PB_OK && !*found)
        err = find_last(w, &key, PKL_STEP_KEY, found);
    return err;
}

/* The index-th of `count` items, counted from the end when negative. */
static bool position_of(const struct literal *key, uint64_t count, uint64_t *out)
{
    int64_t i;

    if (key->kind != PKL_INT || !num_big_fits_i64((const uint8_t *)key->data, key->len, &i))
        return false;
    if (i < 0) {
        uint64_t back = 0 - (uint64_t)i;

        *out = count - back;
        return back <= count;
    }
    *out = (uint64_t)i;
    return *out < count;
}

static enum pb_err by_index(struct walk *w, bool *found)
{
    uint64_t count, i;
    enum pb_err err = w->v->count_children(w->v, w->at.value.id, &count, w->e);

    *found = false;
    if (err != PB_OK || !position_of(w->step->key, count, &i))
        return err;
    return nth(w, i, found);
}

/* A subclass of list or dict: its items when the key is an index among them, else its entries. */
static enum pb_err by_key_of_object(struct walk *w, bool *found)
{
    struct pkl_child object = w->at, items;
    enum pb_err err = PB_ENOTFOUND;
    struct error none;
    bool own_items;

    *found = false;
    if (w->step->key->kind == PKL_INT)
        err = w->v->part(w->v, object.value.id, PKL_ITEMS, &items, &none);
    if (err == PB_OK) {
        w->at = items;
        err = by_index(w, found);
        if (err != PB_OK || *found)
            return err;
        w->at = object;
    } else if (err != PB_ENOTFOUND) {
        if (w->e != NULL)
            *w->e = none;
        return err;
    }
    own_items = err == PB_OK;
    err = find_last(w, w->step->key, PKL_STEP_KEY, found);
    if (err != PB_OK || *found || own_items)
        return err;
    /* Items that a lens takes from an argument. */
    err = by_index(w, found);
    if (err == PB_OK && *found && w->at.step != PKL_STEP_INDEX) {
        w->at = object;
        *found = false;
    }
    return err;
}

/* A value of a Series by its number, where that is its label. */
static enum pb_err by_label(struct walk *w, bool *found)
{
    struct literal values = {.kind = PKL_STR, .data = "values", .len = 6};
    struct pkl_child object = w->at;
    bool counts = false;
    enum pb_err err = PB_OK;

    *found = false;
    if (w->step->key->kind == PKL_INT)
        err = pd_series_counts(w->v, &object.value, &counts, w->e);
    if (err == PB_OK && counts)
        err = search(w, &values, PKL_STEP_ATTR, found);
    if (err == PB_OK && *found)
        err = by_index(w, found);
    if (!*found)
        w->at = object;
    return err;
}

static enum pb_err by_key(struct walk *w, bool *found)
{
    enum pb_err err;


    *found = false;
    switch (w->at.value.kind) {
    case PKL_LIST:
    case PKL_TUPLE:
    case PKL_BROKEN:
        return by_index(w, found);
    case PKL_DICT:
        return find_last(w, w->step->key, PKL_STEP_KEY, found);
    case PKL_OBJECT:
        err = by_key_of_object(w, found);
        return err == PB_OK && !*found && !w->raw ? by_label(w, found) : err;
    default:
        return PB_OK;
    }
}

static enum pb_err by_part(struct walk *w, bool *found)
{
    struct pkl_child part;
    enum pb_err err;

    *found = false;
    if (w->step->part == PKL_KEY) {
        if (w->at.key.id == 0)
            return PB_OK;
        w->at.value = w->at.key;
        w->at.key = (struct pkl_node){0};
        w->at.step = PKL_STEP_PART;
        w->at.part = PKL_KEY;
        *found = true;
        return PB_OK;
    }
    err = w->v->part(w->v, w->at.value.id, w->step->part, &part, w->e);
    if (err == PB_ENOTFOUND)
        return PB_OK;
    if (err == PB_OK) {
        w->at = part;
        *found = true;
    }
    return err;
}

static enum pb_err one_step(struct walk *w, bool *found)
{
    switch (w->step->kind) {
    case PATH_NAME:
        return by_name(w, found);
    case PATH_LITERAL:
        return by_key(w, found);
    case PATH_NTH:
        return nth(w, w->step->nth, found);
    case PATH_PART:
        return by_part(w, found);
    case PATH_LAST:
        break;
    }
    *found = false;
    return error_set(w->e, PB_EUSAGE, "[] names the place behind the last item: only add takes it");
}

/* "there is no .b in .a[3], which is a list" */
static enum pb_err not_found(struct pkl_view *v, const struct pkl_path *path, size_t reached,
                             const struct pkl_node *in, struct error *e)
{
    struct pkl_child arg[REBUILT_ARGS];
    bool rebuilt = false;
    struct buf step, text;
    enum pb_err err;

    buf_init(&step, BUF_MAX_TEXT);
    buf_init(&text, BUF_MAX_TEXT);
    text_escape(&step, path->steps[reached].typed, strlen(path->steps[reached].typed));
    if (reached == 0 && path->root == 0)
        buf_puts(&text, _("the value"));
    if (path->root > 0)
        buf_printf(&text, "@%llu", (unsigned long long)path->root);
    for (size_t i = 0; i < reached; i++)
        text_escape(&text, path->steps[i].typed, strlen(path->steps[i].typed));
    err = buf_status(&step, e);
    if (err == PB_OK)
        err = buf_status(&text, e);
    if (err == PB_OK && in->kind == PKL_OBJECT)
        err = rebuilt_read(v, in->target, &rebuilt, arg, e);
    if (err == PB_OK && rebuilt)
        rebuilt = arg[2].value.kind != PKL_NONE && path->steps[reached].kind != PATH_PART;
    if (err == PB_OK)
        err = error_set(e, PB_ENOTFOUND, "there is no %s in %s, which is %s%s", step.data,
                        text.data, path_kind_name(in->kind),
                        rebuilt ? _("; what it holds stands at its @args[2]") : "");
    buf_release(&step);
    buf_release(&text);
    return err;
}

static enum pb_err no_root(const struct pkl_path *path, uint64_t roots, struct error *e)
{
    return error_set(e, PB_ENOTFOUND, "there is no @%llu: %s", (unsigned long long)path->root,
                     roots == 0   ? _("no pickle is complete")
                     : roots == 1 ? _("there is one pickle, @0")
                                  : _("there are fewer pickles than that"));
}

/* One step on; PB_ENOTFOUND says how far it got. */
static enum pb_err advance(struct walk *w, struct pkl_view *v, const struct pkl_path *path,
                           size_t i)
{
    struct pkl_view *lenses = w->v;
    struct pkl_node in = w->at.value;
    bool found = false;
    enum pb_err err;

    w->step = &path->steps[i];
    err = one_step(w, &found);
    if (err == PB_OK && !found && in.kind == PKL_OBJECT) {
        /* What a lens shows something else for is still reached: the attributes of a table. */
        w->v = v;
        w->raw = true;
        err = one_step(w, &found);
        w->v = lenses;
        w->raw = false;
    }
    return err == PB_OK && !found ? not_found(v, path, i, &in, w->e) : err;
}

/* All places of the way, or (NULL) only the last. */
static enum pb_err follow(struct pkl_view *v, struct pkl_paths *paths, const struct pkl_path *path,
                          struct pkl_child *way, struct pkl_child *last, struct error *e)
{
    struct walk w = {.paths = paths, .e = e};
    struct pkl_lenses *lenses;
    uint64_t roots = v->roots(v);
    enum pb_err err;

    if (path->root >= roots)
        return no_root(path, roots, e);
    /* A Counter's entries are found where it shows them. */
    err = pkl_lenses_new(v, &lenses, e);
    if (err != PB_OK)
        return err;
    w.v = pkl_lenses_view(lenses);
    err = v->root(v, path->root, &w.at, e);
    for (size_t i = 0; i < path->count && err == PB_OK; i++) {
        if (way != NULL)
            way[i] = w.at;
        err = advance(&w, v, path, i);
    }
    if (err == PB_OK)
        *last = w.at;
    pkl_lenses_free(lenses);
    return err;
}

enum pb_err pkl_path_follow(struct pkl_view *v, const struct pkl_path *path, struct pkl_child *out,
                            struct error *e)
{
    return follow(v, NULL, path, NULL, out, e);
}

enum pb_err pkl_paths_new(struct pkl_view *v, struct pkl_paths **out, struct error *e)
{
    *out = mem_alloc(sizeof **out);
    if (*out == NULL)
        return error_nomem(e);
    (*out)->v = v;
    return PB_OK;
}

void pkl_paths_free(struct pkl_paths *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->indexes.len; i++)
        key_index_release(&p->indexes.data[i]);
    vec_release(&p->indexes);
    idmap_release(&p->of[0]);
    idmap_release(&p->of[1]);
    free(p);
}

enum pb_err pkl_paths_way(struct pkl_paths *p, const struct pkl_path *path, struct pkl_child *way,
                          struct error *e)
{
    return follow(p->v, p, path, way, &way[path->count], e);
}
