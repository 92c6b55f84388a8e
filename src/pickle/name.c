/* Module and name of a global, from its opcode or from the two strings it was made of. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_leaf.h>

#include "name.h"
#include "object.h"

#define NAME_MAX_BYTES (1024u * 1024u)

static const struct py2_name {
    const char *module, *name, *py3_module, *py3_name; /* name NULL: the whole module */
} py2_names[] = {
#define NAME(m, n, m3, n3) {m, n, m3, n3},
#define MODULE(m, m3) {m, NULL, m3, NULL},
#include "py2_names.def"
#undef NAME
#undef MODULE
};

static void map_names(struct pkl_name *n)
{
    n->py3_module = n->module;
    n->py3_name = n->name;
    for (size_t i = 0; i < sizeof py2_names / sizeof py2_names[0]; i++) {
        const struct py2_name *p = &py2_names[i];

        if (strcmp(p->module, n->module) != 0 || (p->name != NULL && strcmp(p->name, n->name) != 0))
            continue;
        n->py3_module = p->py3_module;
        if (p->name != NULL)
            n->py3_name = p->py3_name;
        return; /* names stand before modules */
    }
}

/* Modules of Python 2 whose names went elsewhere, but which nothing comes back to. */
static bool is_one_way(const char *module)
{
    static const char *const modules[] = {
        "CGIHTTPServer", "DocXMLRPCServer", "FileDialog", "SimpleDialog", "SimpleHTTPServer",
        "StringIO",      "UserDict",        "UserList",   "UserString",   "_elementtree",
        "cPickle",       "cStringIO",       "whichdb",
    };

    for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++) {
        if (strcmp(modules[i], module) == 0)
            return true;
    }
    return false;
}

/* Of several names the last one: unicode, not basestring. */
static const struct py2_name *python2_name(const char *module, const char *name)
{
    const struct py2_name *found = NULL;

    for (size_t i = 0; i < sizeof py2_names / sizeof py2_names[0]; i++) {
        const struct py2_name *p = &py2_names[i];
        bool named = found != NULL && found->name != NULL;

        if (strcmp(p->py3_module, module) != 0)
            continue;
        if (p->name != NULL && strcmp(p->py3_name, name) == 0 &&
            !(named && strcmp(found->name, "IterableUserDict") == 0))
            found = p;
        if (p->name == NULL && !named && !is_one_way(p->module))
            found = p;
    }
    return found;
}

void name_in_python2(bool py2, const char **module, const char **name)
{
    bool own = strcmp(*module, "builtins") == 0 &&
               (strcmp(*name, "int") == 0 || strcmp(*name, "str") == 0);
    const struct py2_name *found = python2_name(*module, *name);

    if (py2 && own) {
        *module = "__builtin__";
    } else if (found != NULL) {
        *module = found->module;
        *name = found->name != NULL ? found->name : *name;
    }
}

bool name_known_to_python2(const char *module, const char *name)
{
    static const char *const later[][2] = {
        {"datetime", "timezone"},
        {"zoneinfo", "ZoneInfo"},
        {"zoneinfo", "ZoneInfo._unpickle"},
        {"types", "SimpleNamespace"},
        {"types", "GenericAlias"},
        {"collections", "ChainMap"},
        {"collections", "UserDict"}, /* its UserDict is made in another way */
        {"builtins", "BaseExceptionGroup"},
        {"builtins", "BlockingIOError"},
        {"builtins", "BrokenPipeError"},
        {"builtins", "ChildProcessError"},
        {"builtins", "ConnectionAbortedError"},
        {"builtins", "ConnectionError"},
        {"builtins", "ConnectionRefusedError"},
        {"builtins", "ConnectionResetError"},
        {"builtins", "EncodingWarning"},
        {"builtins", "ExceptionGroup"},
        {"builtins", "FileExistsError"},
        {"builtins", "FileNotFoundError"},
        {"builtins", "InterruptedError"},
        {"builtins", "IsADirectoryError"},
        {"builtins", "ModuleNotFoundError"},
        {"builtins", "NotADirectoryError"},
        {"builtins", "PermissionError"},
        {"builtins", "ProcessLookupError"},
        {"builtins", "PythonFinalizationError"},
        {"builtins", "RecursionError"},
        {"builtins", "ResourceWarning"},
        {"builtins", "StopAsyncIteration"},
        {"builtins", "TimeoutError"}};

    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        if (strcmp(module, later[i][0]) == 0 && strcmp(name, later[i][1]) == 0)
            return false;
    }
    return true;
}

/* A name with a NUL in it is no other name: the NUL becomes two bytes that are no UTF-8, and shown
 * as such. */
static char *copy_name(const char *s, size_t n)
{
    struct buf b;
    char *copy;

    if (memchr(s, '\0', n) == NULL)
        return mem_strndup(s, n);
    buf_init(&b, NAME_MAX_BYTES * 2);
    for (size_t i = 0; i < n; i++)
        buf_append(&b, s[i] == '\0' ? "\xc0\x80" : &s[i], s[i] == '\0' ? 2 : 1);
    copy = buf_take(&b, NULL);
    buf_release(&b);
    return copy;
}

static enum pb_err from_lines(struct pkl_doc *d, uint64_t at, struct pkl_name *out, struct error *e)
{
    struct cursor c;
    struct op op;
    const char *s, *nl;
    size_t n;
    enum pb_err err;

    cursor_init(&c, pkl_doc_source(d));
    err = cursor_read(&c, at, &op, e);
    if (err != PB_OK)
        return err;
    n = (size_t)op.payload;
    s = (const char *)op.p + 1;
    nl = op.payload < op.n ? memchr(s, '\n', n) : NULL;
    if (nl == NULL)
        return error_pickle(e, at, op.code, "this is no global");
    out->module = copy_name(s, (size_t)(nl - s));
    out->name = copy_name(nl + 1, n - (size_t)(nl - s) - 2);
    return out->module != NULL && out->name != NULL ? PB_OK : error_nomem(e);
}

static enum pb_err text_of(struct pkl_view *v, struct pkl_doc *d, const struct wval *w, char **out,
                           struct error *e)
{
    struct pkl_node node = {.kind = PKL_BROKEN};
    struct pkl_leaf leaf;
    uint64_t maker;
    uint8_t opcode;
    enum pb_err err = object_deref(d, w, &maker, &node.kind, &opcode, e);

    if (err != PB_OK)
        return err;
    if (node.kind != PKL_STR && node.kind != PKL_PY2STR)
        return error_set(e, PB_EUNSUPPORTED, "a module or name that is computed");
    node.id = node.target = PKL_ID(d->no, PKL_TAG_VALUE, maker);
    pkl_leaf_init(&leaf);
    err = pkl_leaf_read(v, &node, NAME_MAX_BYTES, &leaf, e);
    if (err == PB_OK) {
        *out = copy_name(leaf.data.data, leaf.data.len);
        err = *out != NULL ? PB_OK : error_nomem(e);
    }
    pkl_leaf_release(&leaf);
    return err;
}

enum pb_err pkl_name_read(struct pkl_view *v, const struct pkl_node *global, struct pkl_name *out,
                          struct error *e)
{
    struct pkl_doc *d = v->doc(v, PKL_ID_SOURCE(global->target));
    uint64_t maker = PKL_ID_OFFSET(global->target);
    struct wval head[3];
    enum pkl_kind kind;
    uint8_t opcode;
    size_t got;
    enum pb_err err;

    *out = (struct pkl_name){.module = NULL};
    if (d == NULL || global->kind != PKL_GLOBAL)
        return error_set(e, PB_EUSAGE, "this is no global");
    err = value_kind(d, maker, &kind, &opcode, e);
    if (err != PB_OK)
        return err;
    if (opcode == 'c' || opcode == 'i') {
        err = from_lines(d, maker, out, e);
    } else {
        err = walk_list(d, maker, PH_HEAD, 0, 3, head, &got, e);
        if (err == PB_OK && got != 2)
            err = error_pickle(e, maker, opcode, "this is no global");
        if (err == PB_OK)
            err = text_of(v, d, &head[0], &out->module, e);
        if (err == PB_OK)
            err = text_of(v, d, &head[1], &out->name, e);
    }
    if (err != PB_OK) {
        pkl_name_release(out);
        return err;
    }
    if (doc_protocol_at(d, maker) < 3) {
        map_names(out);
    } else {
        out->py3_module = out->module;
        out->py3_name = out->name;
    }
    return PB_OK;
}

void pkl_name_release(struct pkl_name *n)
{
    free(n->module);
    free(n->name);
    *n = (struct pkl_name){.module = NULL};
}
