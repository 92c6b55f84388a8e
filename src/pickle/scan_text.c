/* Arguments that are lines of text: what no unpickler takes, what only some take. */
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "line.h"
#include "scan_ops.h"

static enum pb_err wrong(struct error *e, const char *why)
{
    return error_set(e, PB_EPICKLE, "%s", _(why));
}

static enum pb_err check_names(const char *s, size_t n, struct error *e)
{
    const char *nl = memchr(s, '\n', n);
    size_t module = nl != NULL ? (size_t)(nl - s) : n;

    if (module == 0 || module + 2 >= n)
        return wrong(e, "an empty module or name");
    if (utf8_check(s, n, false, NULL) != n)
        return wrong(e, "a module or name that is not UTF-8");
    return PB_OK;
}

static enum pb_err check_text(const struct op *op, struct error *e)
{
    const char *s = (const char *)op->p + 1;
    size_t n = (size_t)op->payload - 1;
    struct unescape u = {.kind = UNESCAPE_UNICODE};
    struct line_int number;
    double real;

    switch (op->code) {
    case 'I':
        return line_int(s, n, &number) ? PB_OK : wrong(e, "the text is no int");
    case 'L':
        return line_long(s, n, &number) ? PB_OK : wrong(e, "the text is no int");
    case 'F':
        return line_float(s, n, &real) ? PB_OK : wrong(e, "the text is no float");
    case 'c':
    case 'i':
        return check_names(s, n + 1, e);
    case 'S':
        u.kind = UNESCAPE_STRING;
        if (!line_quoted(s, n, &s, &n))
            return wrong(e, "the text is not quoted");
        break;
    case 'V':
        break;
    default:
        return PB_OK;
    }
    return unescape_feed(&u, s, n, NULL) && unescape_end(&u, NULL)
               ? PB_OK
               : wrong(e, "an escape in the text is not complete");
}

/* Python's find_class() looks for the parts of a dotted name one in the other from protocol 4 on.
 */
static bool has_dotted_name(const struct op *op)
{
    const char *s = (const char *)op->p + 1, *nl;
    size_t n = (size_t)op->payload;

    if (op->code != 'c' && op->code != 'i')
        return false;
    nl = memchr(s, '\n', n);
    return nl != NULL && memchr(nl, '.', n - (size_t)(nl - s)) != NULL;
}

enum pb_err scan_check_text(struct pkl_doc *d, const struct op *op, struct error *e)
{
    enum pb_err err = check_text(op, e);

    if (err != PB_OK)
        return err;
    if (d->scan.proto < 4 && has_dotted_name(op))
        return scan_note(d, op, "below protocol 4 no unpickler finds a name with a dot in it", e);
    return scan_note(d, op, line_note(op->code, (const char *)op->p + 1, (size_t)op->payload - 1),
                     e);
}
