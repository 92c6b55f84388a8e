/* Built-in exceptions: the name of the class that comes out, and the arguments. */
#include "lens.h"
#include "make.h"

#include <string.h>

enum exception {
    EXC_PLAIN,
    EXC_OS,
    EXC_OS_EXACT,
    EXC_BLOCKING,
    EXC_ENCODE,
    EXC_DECODE,
    EXC_TRANSLATE,
    EXC_GROUP
};

#define STATE_MAX 256u /* attributes that are looked at */
#define AT_ONCE 32

/* OSError(errno, ...) makes one of these: errno as Linux counts. */
static const struct by_errno {
    int number;
    const char *name;
} by_errno[] = {
    {1, "PermissionError"},          {2, "FileNotFoundError"},  {3, "ProcessLookupError"},
    {4, "InterruptedError"},         {10, "ChildProcessError"}, {11, "BlockingIOError"},
    {13, "PermissionError"},         {17, "FileExistsError"},   {20, "NotADirectoryError"},
    {21, "IsADirectoryError"},       {32, "BrokenPipeError"},   {103, "ConnectionAbortedError"},
    {104, "ConnectionResetError"},   {108, "BrokenPipeError"},  {110, "TimeoutError"},
    {111, "ConnectionRefusedError"}, {114, "BlockingIOError"},  {115, "BlockingIOError"},
};

/* Attributes are set one by one; some would change what is shown: the class, and the arguments,
 * which AttributeError and others of Python 3.12 on have there once more. */
static enum pb_err check_state(struct lens_reader *r, const struct lens_call *c,
                               struct pkl_node *args, struct lens *l, struct error *e)
{
    struct pkl_child kids[AT_ONCE];
    enum pb_err err = PB_OK;

    if (c->state.id == 0 || c->state.kind == PKL_NONE)
        return PB_OK;
    if (c->state.kind != PKL_DICT)
        return lens_refuse(l, "its state is no dict");
    if (c->state.count > STATE_MAX)
        return lens_refuse(l, "it has too many attributes");
    for (uint64_t at = 0; at < c->state.count && err == PB_OK;) {
        size_t got;

        err = r->view->children(r->view, c->state.target, at, AT_ONCE, kids, &got, e);
        if (err == PB_OK && got == 0)
            break;
        for (size_t i = 0; i < got && err == PB_OK; i++, at++) {
            err = lens_str(r, &kids[i].key, "a name in its state", l, e);
            if (err != PB_OK)
                break;
            if (strcmp(r->leaf.data.data, "args") == 0 && kids[i].value.kind == PKL_TUPLE &&
                c->row->detail == EXC_PLAIN)
                *args = kids[i].value;
            else if (strcmp(r->leaf.data.data, "args") == 0 ||
                     strcmp(r->leaf.data.data, "__class__") == 0)
                err = lens_refuse(l, "its state changes its arguments or its class");
        }
    }
    return err;
}

/* The class that OSError chooses by its first argument. */
static enum pb_err os_name(struct lens_reader *r, const struct lens_call *c, const char **name,
                           struct lens *l, struct error *e)
{
    double number;
    enum pb_err err;

    if (c->count < 2 || c->count > 5 || c->arg[0].kind < PKL_BOOL || c->arg[0].kind > PKL_FLOAT)
        return PB_OK;
    err = lens_leaf(r, &c->arg[0], l, e);
    /* The first argument is looked up as a key: 2, 2.0. */
    number = r->leaf.kind == PKL_FLOAT  ? r->leaf.real
             : r->leaf.kind == PKL_BOOL ? (double)r->leaf.boolean
             : r->leaf.fits             ? (double)r->leaf.integer
                                        : 0;
    for (size_t i = 0; err == PB_OK && i < sizeof by_errno / sizeof by_errno[0]; i++) {
        if (by_errno[i].number == number)
            *name = by_errno[i].name;
    }
    return err;
}

/* Bytes or a bytearray, in whichever form a protocol writes them. */
static enum pb_err is_binary(struct lens_reader *r, const struct pkl_node *n, bool *is,
                             struct error *e)
{
    struct lens inner;
    enum pb_err err = PB_OK;

    *is = n->kind == PKL_BYTES || n->kind == PKL_BYTEARRAY;
    if (n->kind != PKL_OBJECT)
        return PB_OK;
    lens_init(&inner);
    err = lens_read(r, n, 0, &inner, e);
    if (err == PB_OK && inner.row != NULL)
        *is = inner.kind == PKL_BYTES || inner.kind == PKL_BYTEARRAY;
    lens_release(&inner);
    return err;
}

/* Arguments are those of a text in an encoding: kinds as Python demands them. */
static enum pb_err unicode_args(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                struct error *e)
{
    static const char *const wanted[] = {"ssiis", "sbiis", "siis"}; /* str, bytes, int */
    const char *w = wanted[c->row->detail - EXC_ENCODE];
    bool fits = c->count == strlen(w);
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < c->count && fits && err == PB_OK; i++) {
        if (w[i] == 'i')
            fits = c->arg[i].kind == PKL_INT;
        else if (w[i] == 'b')
            err = is_binary(r, &c->arg[i], &fits, e);
        else
            err = lens_str(r, &c->arg[i], "an argument", l, e);
    }
    if (err != PB_OK)
        return err;
    return fits ? PB_OK : lens_refuse(l, "its arguments are not those Python demands");
}

static enum pb_err check_args(struct lens_reader *r, const struct lens_call *c, const char **name,
                              bool *two, struct lens *l, struct error *e)
{
    switch ((enum exception)c->row->detail) {
    case EXC_OS_EXACT:
        *two = c->count >= 3 && c->count <= 5 && c->arg[2].kind != PKL_NONE;
        return os_name(r, c, name, l, e);
    case EXC_BLOCKING:
        if (c->count > 2)
            return lens_refuse(l, "its third argument is a number of characters");
        return PB_OK;
    case EXC_OS:
        *two = c->count >= 3 && c->count <= 5 && c->arg[2].kind != PKL_NONE;
        return PB_OK;
    case EXC_ENCODE:
    case EXC_DECODE:
    case EXC_TRANSLATE:
        return unicode_args(r, c, l, e);
    case EXC_GROUP:
        if (c->count != 2 || c->arg[0].kind != PKL_STR || c->arg[1].count == 0 ||
            (c->arg[1].kind != PKL_LIST && c->arg[1].kind != PKL_TUPLE))
            return lens_refuse(l, "its arguments are not a message and exceptions");
        return PB_OK;
    default:
        return PB_OK;
    }
}

/* repr(args) behind the name; one argument stands alone. */
static enum pb_err read_exception(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                  struct error *e)
{
    const char *name = c->row->type;
    struct pkl_node args = c->args;
    struct pkl_child shown[2];
    size_t got = 0;
    bool two = false;
    enum pb_err err = check_args(r, c, &name, &two, l, e);

    if (err == PB_OK)
        err = check_state(r, c, &args, l, e);
    if (err == PB_OK && (two || args.count == 1))
        err = r->view->children(r->view, args.target, 0, two ? 2 : 1, shown, &got, e);
    if (err != PB_OK)
        return err;
    l->nested = true;
    buf_puts(&l->text, name);
    if (got == 0 && args.count > 0)
        return lens_value(l, &args) ? PB_OK : error_nomem(e);
    buf_putc(&l->text, '(');
    for (size_t i = 0; i < got; i++) {
        buf_puts(&l->text, i > 0 ? ", " : "");
        if (!lens_value(l, &shown[i].value))
            return error_nomem(e);
    }
    buf_putc(&l->text, ')');
    return PB_OK;
}

#define ROW(name, type, detail)                                                                    \
    {                                                                                              \
        "builtins", name, type, LENS_BOTH | LENS_STATE, 0, UINT32_MAX, read_exception, detail      \
    }
#define PLAIN(name) ROW(name, name, EXC_PLAIN)
#define OS(name) ROW(name, name, EXC_OS)

static const struct lens_row rows[] = {
    PLAIN("BaseException"),
    PLAIN("Exception"),
    PLAIN("ArithmeticError"),
    PLAIN("AssertionError"),
    PLAIN("AttributeError"),
    PLAIN("BufferError"),
    PLAIN("EOFError"),
    PLAIN("FloatingPointError"),
    PLAIN("GeneratorExit"),
    PLAIN("ImportError"),
    PLAIN("IndentationError"),
    PLAIN("IndexError"),
    PLAIN("KeyError"),
    PLAIN("KeyboardInterrupt"),
    PLAIN("LookupError"),
    PLAIN("MemoryError"),
    PLAIN("ModuleNotFoundError"),
    PLAIN("NameError"),
    PLAIN("NotImplementedError"),
    PLAIN("OverflowError"),
    PLAIN("RecursionError"),
    PLAIN("ReferenceError"),
    PLAIN("RuntimeError"),
    PLAIN("StopAsyncIteration"),
    PLAIN("StopIteration"),
    PLAIN("SyntaxError"),
    PLAIN("SystemError"),
    PLAIN("SystemExit"),
    PLAIN("TabError"),
    PLAIN("TypeError"),
    PLAIN("UnboundLocalError"),
    PLAIN("UnicodeError"),
    PLAIN("ValueError"),
    PLAIN("ZeroDivisionError"),
    PLAIN("BytesWarning"),
    PLAIN("DeprecationWarning"),
    PLAIN("EncodingWarning"),
    PLAIN("FutureWarning"),
    PLAIN("ImportWarning"),
    PLAIN("PendingDeprecationWarning"),
    PLAIN("ResourceWarning"),
    PLAIN("RuntimeWarning"),
    PLAIN("SyntaxWarning"),
    PLAIN("UnicodeWarning"),
    PLAIN("UserWarning"),
    PLAIN("Warning"),
    ROW("OSError", "OSError", EXC_OS_EXACT),
    ROW("IOError", "OSError", EXC_OS_EXACT),
    ROW("EnvironmentError", "OSError", EXC_OS_EXACT),
    ROW("BlockingIOError", "BlockingIOError", EXC_BLOCKING),
    OS("BrokenPipeError"),
    OS("ChildProcessError"),
    OS("ConnectionAbortedError"),
    OS("ConnectionError"),
    OS("ConnectionRefusedError"),
    OS("ConnectionResetError"),
    OS("FileExistsError"),
    OS("FileNotFoundError"),
    OS("InterruptedError"),
    OS("IsADirectoryError"),
    OS("NotADirectoryError"),
    OS("PermissionError"),
    OS("ProcessLookupError"),
    OS("TimeoutError"),
    ROW("UnicodeEncodeError", "UnicodeEncodeError", EXC_ENCODE),
    ROW("UnicodeDecodeError", "UnicodeDecodeError", EXC_DECODE),
    ROW("UnicodeTranslateError", "UnicodeTranslateError", EXC_TRANSLATE),
    ROW("ExceptionGroup", "ExceptionGroup", EXC_GROUP),
};
const struct lens_family lens_exceptions = {rows, sizeof rows / sizeof rows[0]};

/* ------------------------------------------------------------------- the way back */

/* Kinds of arguments as for unicode_args(). */
static bool made_unicode_args(const struct maker *m)
{
    static const char *const wanted[] = {"ssiis", "sbiis", "siis"};
    const char *w = wanted[m->row->detail - EXC_ENCODE];
    size_t i = 0;

    for (const struct literal *a = m->args->first; a != NULL; a = a->next, i++) {
        enum pkl_kind k = a->kind;

        if (w[i] == '\0' || (w[i] == 'i'   ? k != PKL_INT
                             : w[i] == 'b' ? k != PKL_BYTES
                                           : k != PKL_STR))
            return false;
    }
    return w[i] == '\0';
}

static bool made_group_args(const struct maker *m)
{
    const struct literal *message = m->args->first;
    const struct literal *list = message != NULL ? message->next : NULL;

    if (m->args->count != 2 || message->kind != PKL_STR || list->count == 0 ||
        (list->kind != PKL_LIST && list->kind != PKL_TUPLE))
        return false;
    for (const struct literal *x = list->first; x != NULL; x = x->next) {
        if (x->kind != PKL_OBJECT || strcmp(x->module, "builtins") != 0 ||
            make_find(x->name, strlen(x->name))->make != m->row->make)
            return false;
    }
    return true;
}

static enum pb_err make_exception(struct maker *m, struct literal **out)
{
    enum exception kind = (enum exception)m->row->detail;

    if (kind >= EXC_ENCODE && kind <= EXC_TRANSLATE && !made_unicode_args(m))
        return make_bad(m, NULL, "its arguments are not those Python demands");
    if (kind == EXC_GROUP && !made_group_args(m))
        return make_bad(m, NULL, "its arguments are not a message and exceptions");
    return make_done(
        m,
        make_object(m, 0, make_global(m, m->row->module, m->row->name), m->args, NULL, NULL, NULL),
        out);
}

#define MAKE(name, detail)                                                                         \
    {                                                                                              \
        "builtins", name, "", 0, MAKE_FREE, make_exception, detail                                 \
    }
static const struct make_row makers[] = {
    MAKE("BaseException", EXC_PLAIN),
    MAKE("Exception", EXC_PLAIN),
    MAKE("ArithmeticError", EXC_PLAIN),
    MAKE("AssertionError", EXC_PLAIN),
    MAKE("AttributeError", EXC_PLAIN),
    MAKE("BufferError", EXC_PLAIN),
    MAKE("EOFError", EXC_PLAIN),
    MAKE("FloatingPointError", EXC_PLAIN),
    MAKE("GeneratorExit", EXC_PLAIN),
    MAKE("ImportError", EXC_PLAIN),
    MAKE("IndentationError", EXC_PLAIN),
    MAKE("IndexError", EXC_PLAIN),
    MAKE("KeyError", EXC_PLAIN),
    MAKE("KeyboardInterrupt", EXC_PLAIN),
    MAKE("LookupError", EXC_PLAIN),
    MAKE("MemoryError", EXC_PLAIN),
    MAKE("ModuleNotFoundError", EXC_PLAIN),
    MAKE("NameError", EXC_PLAIN),
    MAKE("NotImplementedError", EXC_PLAIN),
    MAKE("OverflowError", EXC_PLAIN),
    MAKE("RecursionError", EXC_PLAIN),
    MAKE("ReferenceError", EXC_PLAIN),
    MAKE("RuntimeError", EXC_PLAIN),
    MAKE("StopAsyncIteration", EXC_PLAIN),
    MAKE("StopIteration", EXC_PLAIN),
    MAKE("SyntaxError", EXC_PLAIN),
    MAKE("SystemError", EXC_PLAIN),
    MAKE("SystemExit", EXC_PLAIN),
    MAKE("TabError", EXC_PLAIN),
    MAKE("TypeError", EXC_PLAIN),
    MAKE("UnboundLocalError", EXC_PLAIN),
    MAKE("UnicodeError", EXC_PLAIN),
    MAKE("ValueError", EXC_PLAIN),
    MAKE("ZeroDivisionError", EXC_PLAIN),
    MAKE("BytesWarning", EXC_PLAIN),
    MAKE("DeprecationWarning", EXC_PLAIN),
    MAKE("EncodingWarning", EXC_PLAIN),
    MAKE("FutureWarning", EXC_PLAIN),
    MAKE("ImportWarning", EXC_PLAIN),
    MAKE("PendingDeprecationWarning", EXC_PLAIN),
    MAKE("ResourceWarning", EXC_PLAIN),
    MAKE("RuntimeWarning", EXC_PLAIN),
    MAKE("SyntaxWarning", EXC_PLAIN),
    MAKE("UnicodeWarning", EXC_PLAIN),
    MAKE("UserWarning", EXC_PLAIN),
    MAKE("Warning", EXC_PLAIN),
    MAKE("OSError", EXC_PLAIN),
    MAKE("IOError", EXC_PLAIN),
    MAKE("EnvironmentError", EXC_PLAIN),
    MAKE("BlockingIOError", EXC_PLAIN),
    MAKE("BrokenPipeError", EXC_PLAIN),
    MAKE("ChildProcessError", EXC_PLAIN),
    MAKE("ConnectionAbortedError", EXC_PLAIN),
    MAKE("ConnectionError", EXC_PLAIN),
    MAKE("ConnectionRefusedError", EXC_PLAIN),
    MAKE("ConnectionResetError", EXC_PLAIN),
    MAKE("FileExistsError", EXC_PLAIN),
    MAKE("FileNotFoundError", EXC_PLAIN),
    MAKE("InterruptedError", EXC_PLAIN),
    MAKE("IsADirectoryError", EXC_PLAIN),
    MAKE("NotADirectoryError", EXC_PLAIN),
    MAKE("PermissionError", EXC_PLAIN),
    MAKE("ProcessLookupError", EXC_PLAIN),
    MAKE("TimeoutError", EXC_PLAIN),
    MAKE("UnicodeEncodeError", EXC_ENCODE),
    MAKE("UnicodeDecodeError", EXC_DECODE),
    MAKE("UnicodeTranslateError", EXC_TRANSLATE),
    MAKE("ExceptionGroup", EXC_GROUP),
};
const struct make_family make_exceptions = {makers, sizeof makers / sizeof makers[0]};
