/*
 * What takes more children, and the list they come into.
 *
 * Python puts items and entries that stand behind an object into it with its append(), extend() and
 * __setitem__(), which a pickle does not tell.  What is known to have none is given none; of an
 * unknown class edit_doubt.c says what it must have.
 */
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/pkl_lens.h>

#include "edit_private.h"
#include "form.h"
#include "lens/lens.h"
#include "path_private.h"
#include "rebuilt.h"

#define BATCH 64

static const char *things(enum pkl_step step)
{
    static const char *const what[] = {[PKL_STEP_INDEX] = N_("items"),
                                       [PKL_STEP_KEY] = N_("keys"),
                                       [PKL_STEP_ATTR] = N_("attributes"),
                                       [PKL_STEP_MEMBER] = N_("members")};

    return step <= PKL_STEP_MEMBER ? _(what[step]) : _("values");
}

static enum pb_err no_room(const struct pkl_node *into, enum pkl_step step, struct error *e)
{
    return error_set(e, PB_EREADONLY, "%s takes no %s", path_kind_name(into->kind), things(step));
}

/* PB_ENOTFOUND is an answer: *there. */
static enum pb_err part(struct pkl_edit *ed, pkl_id id, enum pkl_part which, struct pkl_child *out,
                        bool *there, struct error *e)
{
    struct error why;
    enum pb_err err = ed->view.part(&ed->view, id, which, out, &why);

    *there = err == PB_OK;
    if (err == PB_OK || err == PB_ENOTFOUND)
        return PB_OK;
    return error_set(e, err, "%s", why.msg);
}

/* ------------------------------------------------------------------------ attributes */

/* They go into the dict of the last state; when there is none, a state is added. */
static enum pb_err attributes(struct pkl_edit *ed, const struct pkl_node *into,
                              struct edit_target *t, struct error *e)
{
    struct pkl_child state, slots, half;
    bool there, split = false;
    size_t got = 0;
    enum pb_err err = part(ed, into->target, PKL_STATE, &state, &there, e);

    t->list = 0;
    t->kind = PKL_DICT;
    if (err != PB_OK || !there)
        return err;
    if (state.value.kind == PKL_DICT) {
        t->list = state.value.target;
        return PB_OK;
    }
    if (state.value.kind == PKL_TUPLE)
        err = part(ed, into->target, PKL_SLOTS, &slots, &split, e);
    if (err == PB_OK && !split)
        return error_set(e, PB_EREADONLY, "the state of this object is no dict of attributes");
    if (err == PB_OK)
        err = ed->view.children(&ed->view, state.value.target, 0, 1, &half, &got, e);
    if (err == PB_OK)
        t->list = got == 1 && half.value.kind == PKL_DICT ? half.value.target : slots.value.target;
    return err;
}

/* ------------------------------------------------------------------ items and entries */

/* How else something comes into a value of a known type. */
static const struct type {
    const char *type;
    bool items, keys; /* it takes them behind its own */
    const char *instead;
} types[] = {
    {"collections.deque", true, false, ""},
    {"collections.OrderedDict", false, true, ""},
    {"collections.defaultdict", false, true, ""},
    {"collections.Counter", false, true, ""},
    {"array.array", false, false,
     N_(" one by one: set it as a whole, to array.array('i', [1, 2]) with its own type code")},
    {"collections.ChainMap", false, false, N_(" itself: add to one of its maps, .maps[0]['key']")},
    {"collections.UserDict", false, false, N_(" itself: add to what it wraps, .data['key']")},
    {"collections.UserList", false, false, N_(" itself: add to what it wraps, .data[]")},
    {"types.SimpleNamespace", false, false, N_(": an attribute is added as .name")},
};

/* Arrays and tables: shown is what their bytes are computed to. */
static bool is_computed(const char *type)
{
    return strncmp(type, "numpy.", 6) == 0 || strncmp(type, "pandas.", 7) == 0 ||
           strncmp(type, "torch.", 6) == 0;
}

static enum pb_err known_type(const char *type, enum pkl_step step, struct error *e)
{
    const char *instead = N_(": set it as a whole");

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(type, types[i].type) != 0)
            continue;
        if (step == PKL_STEP_INDEX ? types[i].items : types[i].keys)
            return PB_OK;
        instead = types[i].instead;
    }
    if (is_computed(type))
        instead = N_(": how much it holds is decided by its shape, and most of it is computed from "
                     "its bytes");
    return error_set(e, PB_EREADONLY, "%s takes no %s%s", type, things(step), _(instead));
}

/* A class or function of the standard library that no lens shows here; *text NULL: unknown. */
static enum pb_err known_name(struct pkl_edit *ed, const struct pkl_node *into, const char **text,
                              struct error *e)
{
    static const char *const takers[] = {"<class 'collections.deque'>",
                                         "<class 'collections.OrderedDict'>",
                                         "<class 'collections.defaultdict'>",
                                         "<class 'collections.Counter'>",
                                         "<class 'list'>",
                                         "<class 'dict'>"};
    struct pkl_child class;
    struct lens_reader r;
    bool there;
    enum pb_err err = part(ed, into->target, PKL_CLASS, &class, &there, e);

    *text = NULL;
    if (err != PB_OK || !there || class.value.kind != PKL_GLOBAL)
        return err;
    lens_reader_init(&r, &ed->view);
    err = lens_global(&r, &class.value, text, e);
    lens_reader_release(&r);
    for (size_t i = 0; *text != NULL && i < sizeof takers / sizeof *takers; i++)
        *text = strcmp(*text, takers[i]) == 0 ? NULL : *text;
    return err;
}

/* What subclasses of built-in types are made from, as Python writes them: __new__ with the value of
 * a tuple, a str, a number; a call with the list of a set, or with the dict of a Counter. */
static enum pb_err by_arguments(struct pkl_edit *ed, const struct pkl_node *into,
                                enum pkl_step step, struct error *e)
{
    struct pkl_node self = *into;
    struct pkl_child args, arg;
    bool there, created;
    size_t got = 0;
    enum pb_err err = part(ed, into->target, PKL_ARGS, &args, &there, e);

    if (err == PB_OK && into->ref)
        err = ed->view.node(&ed->view, into->target, &self, e);
    if (err != PB_OK || !there || args.value.kind != PKL_TUPLE || args.value.count == 0)
        return err;
    created = self.opcode == 0x81 || self.opcode == 0x92; /* NEWOBJ, NEWOBJ_EX */
    if (created)
        return error_set(e, PB_EREADONLY,
                         "a kind of tuple, str or number takes no %s: what this is made from "
                         "stands in its @args",
                         things(step));
    if (args.value.count != 1)
        return PB_OK;
    err = ed->view.children(&ed->view, args.value.target, 0, 1, &arg, &got, e);
    if (err != PB_OK || got == 0 || (arg.value.kind != PKL_LIST && arg.value.kind != PKL_DICT))
        return err;
    return error_set(e, PB_EREADONLY,
                     "what this is made from stands in its @args[0]: add it there");
}

enum pb_err edit_rebuilt_holds(struct pkl_edit *ed, const struct pkl_node *object,
                               struct pkl_node *holds, bool *there, struct error *e)
{
    struct pkl_child arg[REBUILT_ARGS];
    enum pb_err err;

    *there = false;
    if (object->kind != PKL_OBJECT || PKL_ID_TAG(object->target) != PKL_TAG_VALUE)
        return PB_OK;
    err = rebuilt_read(&ed->view, object->target, there, arg, e);
    if (err == PB_OK && *there)
        *holds = arg[2].value;
    return err;
}

/* Of what the object may be.  t->list is another one when it takes them in its arguments. */
static enum pb_err takes_more(struct pkl_edit *ed, const struct pkl_node *into,
                              struct edit_target *t, struct error *e)
{
    const char *type = NULL;
    struct pkl_node holds;
    bool rebuilt = false;
    enum pb_err err = pkl_lens_type(&ed->view, into, &type, e);

    if (err == PB_OK && type != NULL)
        return known_type(type, t->step, e);
    if (err == PB_OK)
        err = edit_rebuilt_holds(ed, into, &holds, &rebuilt, e);
    if (err == PB_OK && rebuilt && holds.kind != PKL_NONE) {
        if (holds.kind != t->kind)
            return error_set(e, PB_EREADONLY,
                             "%s in its @args[2] is what this holds: it takes no %s",
                             path_kind_name(holds.kind), things(t->step));
        t->list = holds.target;
        return PB_OK;
    }
    if (err == PB_OK && !rebuilt)
        err = known_name(ed, into, &type, e);
    if (err == PB_OK && type != NULL)
        return error_set(e, PB_EREADONLY, "what %s makes takes no %s", type, things(t->step));
    return err == PB_OK && !rebuilt ? by_arguments(ed, into, t->step, e) : err;
}

/* What has items in the pickle is a kind of list, what has entries a kind of dict. */
static enum pb_err has_others(struct pkl_edit *ed, const struct pkl_node *into, enum pkl_step step,
                              struct error *e)
{
    struct pkl_view *v = edit_base_of(ed, into->target);
    struct pkl_child other;
    struct error why;
    enum pb_err err =
        v->part(v, into->target, step == PKL_STEP_INDEX ? PKL_ENTRIES : PKL_ITEMS, &other, &why);

    if (err == PB_ENOTFOUND)
        return PB_OK;
    if (err != PB_OK)
        return error_set(e, err, "%s", why.msg);
    return error_set(e, PB_EREADONLY,
                     step == PKL_STEP_INDEX
                         ? _("this object has keys, it takes no items: a key is added as ['key']")
                         : _("this object has items, it takes no keys: an item is added with [] or "
                             "in front of an index"));
}

/* Where an object shows its items or entries: it may take them from an argument. */
static enum pb_err shown_list(struct pkl_edit *ed, const struct pkl_node *into,
                              struct edit_target *t, struct error *e)
{
    enum pkl_part which = t->step == PKL_STEP_INDEX ? PKL_ITEMS : PKL_ENTRIES;
    struct pkl_child kids[BATCH];
    struct pkl_lenses *lenses;
    struct pkl_view *v;
    const char *type = NULL;
    size_t got = 0;
    bool there, shown = false;
    enum pb_err err = part(ed, into->target, which, &kids[0], &there, e);

    if (err == PB_OK)
        err = pkl_lens_type(&ed->view, into, &type, e);
    if (err == PB_OK && type != NULL && is_computed(type))
        return known_type(type, t->step, e);
    t->list =
        PKL_ID(PKL_ID_SOURCE(into->target), which == PKL_ITEMS ? PKL_TAG_ITEMS : PKL_TAG_ENTRIES,
               PKL_ID_OFFSET(into->target));
    if (err != PB_OK || there)
        return err;
    err = has_others(ed, into, t->step, e);
    if (err == PB_OK)
        err = pkl_lenses_new(&ed->view, &lenses, e);
    if (err != PB_OK)
        return err;
    v = pkl_lenses_view(lenses);
    err = v->children(v, into->target, 0, BATCH, kids, &got, e);
    for (size_t i = 0; err == PB_OK && i < got; i++) {
        if (kids[i].step == t->step && PKL_ID_TAG(kids[i].owner) != PKL_TAG_ELEMENT) {
            t->list = kids[i].owner;
            shown = true;
        }
    }
    pkl_lenses_free(lenses);
    return err == PB_OK && !shown ? takes_more(ed, into, t, e) : err;
}

/* A set that an old protocol writes as a call of a list. */
static enum pb_err set_by_call(struct pkl_edit *ed, const struct pkl_node *into,
                               struct edit_target *t, struct error *e)
{
    struct form f;
    enum pb_err err;

    form_init(&f);
    err = form_read(&ed->view, into, 0, &f, e);
    if (err == PB_OK && f.kind != PKL_SET && f.kind != PKL_FROZENSET)
        err = no_room(into, t->step, e);
    else if (err == PB_OK && f.items.id == 0)
        err = error_set(e, PB_EREADONLY, "a set that is empty in this protocol is set as a whole");
    t->list = f.items.target;
    t->kind = PKL_SET;
    form_release(&f);
    return err;
}

enum pb_err edit_takes(struct pkl_edit *ed, const struct pkl_node *into, enum pkl_step step,
                       struct edit_target *t, struct error *e)
{
    bool object = into->kind == PKL_OBJECT && PKL_ID_TAG(into->target) == PKL_TAG_VALUE;

    *t = (struct edit_target){.list = into->target, .step = step, .kind = into->kind};
    if (object && step == PKL_STEP_ATTR)
        return attributes(ed, into, t, e);
    if (object && step == PKL_STEP_MEMBER)
        return set_by_call(ed, into, t, e);
    if (object && (step == PKL_STEP_INDEX || step == PKL_STEP_KEY)) {
        t->kind = step == PKL_STEP_INDEX ? PKL_LIST : PKL_DICT;
        return shown_list(ed, into, t, e);
    }
    if ((step == PKL_STEP_INDEX && (into->kind == PKL_LIST || into->kind == PKL_TUPLE)) ||
        (step == PKL_STEP_KEY && into->kind == PKL_DICT) ||
        (step == PKL_STEP_MEMBER && (into->kind == PKL_SET || into->kind == PKL_FROZENSET)))
        return PB_OK;
    return no_room(into, step, e);
}
