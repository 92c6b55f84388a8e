/* Edits of what objects are made from, the arguments of copyreg._reconstructor() above all: an
 * object that would not load, or of another class, must not come of it. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>

#include "edit_private.h"
#include "lens/lens.h"
#include "opcode_bytes.h"
#include "rebuilt.h"

/* The opcode at *at or behind the PUTs there; *code 0: the bytes end. */
static enum pb_err opcode_behind_puts(struct pkl_edit *ed, pkl_id id, uint64_t *at, uint8_t *code,
                                      struct error *e)
{
    struct source *src = PKL_ID_SOURCE(id) == 0 ? pkl_doc_source(ed->doc) : ed->bytes;
    uint64_t header = 0, payload = 0;
    const uint8_t *op;
    size_t got = 0;

    for (*code = 0; *at < src->size; *at += header + payload) {
        enum pb_err err = source_view(src, *at, 1, &op, &got, e);

        if (err != PB_OK || got == 0)
            return err;
        *code = *op;
        if (*op != CODE_PUT && *op != CODE_BINPUT && *op != CODE_LONG_BINPUT && *op != CODE_MEMOIZE)
            return PB_OK;
        err = pkl_opcode_length(src, *at, &header, &payload, e);
        if (err != PB_OK)
            return err;
    }
    *code = 0;
    return PB_OK;
}

/* The object that the opcode `call` makes right behind a tuple or dict; id 0: there is none. */
static enum pb_err object_of(struct pkl_edit *ed, pkl_id last, uint8_t call, pkl_id *object,
                             struct error *e)
{
    struct pkl_node n;
    uint64_t at;
    uint8_t code = 0;
    enum pb_err err = ed->view.node(&ed->view, last, &n, e);

    *object = 0;
    if (err != PB_OK || (n.kind != PKL_TUPLE && n.kind != PKL_DICT))
        return err;
    at = n.end;
    err = opcode_behind_puts(ed, last, &at, &code, e);
    if (err == PB_OK && code == call)
        *object = PKL_ID(PKL_ID_SOURCE(last), PKL_TAG_VALUE, at);
    return err;
}

/* Whether the children of `list` are those arguments. */
static enum pb_err are_arguments(struct pkl_edit *ed, pkl_id list, bool *are,
                                 struct pkl_child arg[REBUILT_ARGS], struct error *e)
{
    pkl_id object = 0;
    enum pb_err err = PB_OK;

    *are = false;
    if (PKL_ID_TAG(list) == PKL_TAG_VALUE)
        err = object_of(ed, list, CODE_REDUCE, &object, e);
    if (err == PB_OK && object != 0)
        err = rebuilt_read(&ed->view, object, are, arg, e);
    *are = *are && arg[0].owner == list;
    return err;
}

enum pb_err edit_class_place(struct pkl_edit *ed, const struct pkl_child *place,
                             const struct literal *value, struct pkl_child *at, bool *named,
                             struct error *e)
{
    struct pkl_child arg[REBUILT_ARGS];
    bool rebuilt = false;
    enum pb_err err = PB_OK;

    *at = *place;
    *named = false;
    if (value->kind != PKL_STR || place->part != PKL_CLASS)
        return PB_OK;
    *named = true;
    err = rebuilt_read(&ed->view, place->owner, &rebuilt, arg, e);
    if (err == PB_OK && rebuilt)
        *at = arg[0];
    return err;
}

/* What base.__new__() takes. */
static bool fits(const char *base, const struct literal *value)
{
    enum pkl_kind k = value->kind;
    bool whole = k == PKL_INT || k == PKL_BOOL;

    if (strcmp(base, "complex") == 0)
        return value->complex_number || whole || k == PKL_FLOAT;
    if (value->complex_number)
        return false;
    return strcmp(base, "int") == 0     ? whole
           : strcmp(base, "float") == 0 ? whole || k == PKL_FLOAT
           : strcmp(base, "str") == 0   ? k == PKL_STR
           : strcmp(base, "bytes") == 0 ? k == PKL_BYTES
           : strcmp(base, "tuple") == 0 ? k == PKL_TUPLE || k == PKL_LIST
           : strcmp(base, "list") == 0  ? k == PKL_TUPLE || k == PKL_LIST
           : strcmp(base, "dict") == 0  ? k == PKL_DICT
                                        : k == PKL_NONE || strcmp(base, "object") != 0;
}

static enum pb_err state_may_be(struct pkl_edit *ed, const struct pkl_node *base,
                                const struct literal *value, struct error *e)
{
    static const char *const names[] = {"complex", "int",  "float", "str",   "bytes",
                                        "tuple",   "list", "dict",  "object"};
    struct lens_reader r;
    enum pb_err err = PB_OK;

    lens_reader_init(&r, &ed->view);
    for (size_t i = 0; i < sizeof names / sizeof names[0] && err == PB_OK; i++) {
        bool is = false;

        err = lens_is_builtin(&r, base, names[i], &is, e);
        if (err != PB_OK || !is || fits(names[i], value))
            continue;
        if (strcmp(names[i], "object") == 0)
            err = error_set(e, PB_EREADONLY, "an object is made from nothing: this stays None");
        else
            err = error_set(e, PB_EREADONLY, "the object is made from %s%s: this is none",
                            strchr("aeio", names[i][0]) != NULL ? "an " : "a ", names[i]);
    }
    lens_reader_release(&r);
    return err;
}

enum pb_err edit_argument_may_be(struct pkl_edit *ed, const struct pkl_child *place,
                                 const struct literal *value, struct error *e)
{
    struct pkl_child arg[REBUILT_ARGS];
    bool rebuilt = false;
    enum pb_err err;

    if (place->step == PKL_STEP_PART && place->part == PKL_ARGS) {
        err = rebuilt_read(&ed->view, place->owner, &rebuilt, arg, e);
        return err == PB_OK && rebuilt
                   ? error_set(e, PB_EREADONLY,
                               "these arguments say the class and how the object is made: set "
                               "@class, or @args[2]")
                   : err;
    }
    if (place->step != PKL_STEP_INDEX)
        return PB_OK;
    err = are_arguments(ed, place->owner, &rebuilt, arg, e);
    if (err != PB_OK || !rebuilt)
        return err;
    if (place->index == 2)
        return state_may_be(ed, &arg[1].value, value, e);
    if (place->index == 0 && value->kind == PKL_GLOBAL)
        return PB_OK;
    return error_set(e, PB_EREADONLY,
                     place->index == 0
                         ? _("this is the class of the object: it is set by @class='module.Name'")
                         : _("the object is made from this type: it is what @args[2] is"));
}

enum pb_err edit_arguments_stay(struct pkl_edit *ed, pkl_id list, struct error *e)
{
    struct pkl_child arg[REBUILT_ARGS];
    bool rebuilt;
    enum pb_err err = are_arguments(ed, list, &rebuilt, arg, e);

    return err == PB_OK && rebuilt
               ? error_set(e, PB_EREADONLY,
                           "copyreg._reconstructor takes a class, a type and a value: none of "
                           "them can come, go or move; @args[2] is what the object holds")
               : err;
}

enum pb_err edit_keyword_may_be(struct pkl_edit *ed, pkl_id list, const struct literal *key,
                                struct error *e)
{
    pkl_id object = 0;
    enum pb_err err = PB_OK;

    if (key->kind != PKL_STR && PKL_ID_TAG(list) == PKL_TAG_VALUE)
        err = object_of(ed, list, CODE_NEWOBJ_EX, &object, e);
    return err == PB_OK && object != 0
               ? error_set(e, PB_EUSAGE, "keyword arguments are a dict whose keys are str")
               : err;
}

/* The state of two dicts one of which this is; id 0: there is none.  The second one stands right
 * behind the first, and TUPLE2 and BUILD behind that. */
static enum pb_err split_state(struct pkl_edit *ed, pkl_id dict, pkl_id *state, struct error *e)
{
    struct pkl_node n;
    uint64_t at = 0;
    uint8_t code = CODE_EMPTY_DICT;
    pkl_id id = dict;
    enum pb_err err = PB_OK;

    *state = 0;
    for (unsigned i = 0; i < 2 && err == PB_OK && code == CODE_EMPTY_DICT; i++) {
        err = ed->view.node(&ed->view, id, &n, e);
        if (err != PB_OK || n.kind != PKL_DICT)
            return err;
        at = n.end;
        err = opcode_behind_puts(ed, id, &at, &code, e);
        id = PKL_ID(PKL_ID_SOURCE(dict), PKL_TAG_VALUE, at);
    }
    if (err != PB_OK || code != CODE_TUPLE2)
        return err;
    at++;
    err = opcode_behind_puts(ed, dict, &at, &code, e);
    if (err == PB_OK && code == CODE_BUILD)
        *state = id;
    return err;
}

enum pb_err edit_other_half_is_free(struct pkl_edit *ed, pkl_id half, const struct literal *name,
                                    struct error *e)
{
    struct pkl_child halves[2];
    struct edit_positions found = {0};
    pkl_id state = 0;
    size_t got = 0;
    enum pb_err err = PB_OK;

    if (PKL_ID_TAG(half) == PKL_TAG_VALUE)
        err = split_state(ed, half, &state, e);
    if (err == PB_OK && state != 0)
        err = ed->view.children(&ed->view, state, 0, 2, halves, &got, e);
    for (size_t i = 0; i < got && err == PB_OK; i++) {
        if (halves[i].value.kind == PKL_DICT && halves[i].value.target != half)
            err = edit_find_equal(ed, halves[i].value.target, true, name, 0, &found, e);
    }
    if (err == PB_OK && found.len > 0)
        err = error_set(e, PB_EEXIST,
                        "there is such an attribute already, in the other half of "
                        "the state (@state)");
    vec_release(&found);
    return err;
}
