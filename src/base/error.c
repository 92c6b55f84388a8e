#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <pklbrowse/error.h>
#include <pklbrowse/intl.h>

static const char ellipsis[] = "\xe2\x80\xa6";

/* Makes text that was cut to `size` end at a character and in "…". */
static void mark_cut(char *text, size_t size)
{
    size_t at = size - sizeof ellipsis;

    while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
        at--;
    memcpy(text + at, ellipsis, sizeof ellipsis);
}

/* A message is one line: whatever a caller forgot to escape must not move the cursor. */
static void blank_controls(char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c == 0x7f)
            *text = ' ';
    }
}

PB_PRINTF(3, 0)
static void format_message(struct error *e, size_t at, const char *fmt, va_list ap)
{
    size_t room = sizeof e->msg - at;
    int n = vsnprintf(e->msg + at, room, _(fmt), ap);

    if (n < 0)
        e->msg[at] = '\0';
    else if ((size_t)n >= room)
        mark_cut(e->msg, sizeof e->msg);
    blank_controls(e->msg);
}

static void start(struct error *e, enum pb_err code)
{
    memset(e, 0, sizeof *e);
    e->code = code;
    e->opcode = -1;
}

enum pb_err error_vset(struct error *e, enum pb_err code, const char *fmt, va_list ap)
{
    if (e != NULL) {
        start(e, code);
        format_message(e, 0, fmt, ap);
    }
    return code;
}

enum pb_err error_set(struct error *e, enum pb_err code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    error_vset(e, code, fmt, ap);
    va_end(ap);
    return code;
}

enum pb_err error_nomem(struct error *e)
{
    return error_set(e, PB_ENOMEM, "out of memory");
}

static enum pb_err code_of_errno(int err)
{
    switch (err) {
    case ENOENT:
    case ENOTDIR:
        return PB_ENOTFOUND;
    case EACCES:
    case EPERM:
        return PB_EDENIED;
    case ENOMEM:
        return PB_ENOMEM;
    default:
        return PB_EIO;
    }
}

enum pb_err error_errno(struct error *e, int err, const char *what, const char *where)
{
    char space[128];
    const char *why = strerror_r(err, space, sizeof space);

    if (where == NULL || *where == '\0')
        return error_set(e, code_of_errno(err), "%s: %s", _(what), why);
    return error_set(e, code_of_errno(err), "%s %s: %s", _(what), where, why);
}

enum pb_err error_opcode(struct error *e, uint64_t offset, int opcode, const char *name,
                         const char *fmt, va_list ap)
{
    unsigned long long byte = offset;
    int at;

    if (e == NULL)
        return PB_EPICKLE;
    start(e, PB_EPICKLE);
    e->offset = offset;
    e->opcode = opcode;
    if (opcode < 0)
        at = snprintf(e->msg, sizeof e->msg, _("byte %llu: "), byte);
    else if (name != NULL)
        at = snprintf(e->msg, sizeof e->msg, _("byte %llu, %s: "), byte, name);
    else
        at = snprintf(e->msg, sizeof e->msg, _("byte %llu, opcode 0x%02x: "), byte,
                      (unsigned)opcode);
    format_message(e, at < 0 ? 0 : (size_t)at, fmt, ap);
    return PB_EPICKLE;
}

const char *error_name(enum pb_err code)
{
    switch (code) {
    case PB_OK:
        return _("no error");
    case PB_ENOMEM:
        return _("out of memory");
    case PB_EUSAGE:
        return _("wrong usage");
    case PB_ENOTFOUND:
        return _("not found");
    case PB_ECHANGED:
        return _("changed by someone else");
    case PB_EDENIED:
        return _("not permitted");
    case PB_EPICKLE:
        return _("not a valid pickle");
    case PB_ELIMIT:
        return _("a limit was reached");
    case PB_EEXIST:
        return _("exists already");
    case PB_EREADONLY:
        return _("read-only");
    case PB_EREFUSED:
        return _("refused by our own verification");
    case PB_EIO:
        return _("local system error");
    case PB_ENET:
        return _("connection failed");
    case PB_ETIMEOUT:
        return _("timed out");
    case PB_ESERVER:
        return _("server error");
    case PB_EUNSUPPORTED:
        return _("not supported");
    case PB_ECANCELED:
        return _("cancelled");
    case PB_EAGAIN:
        return _("not here yet");
    }
    return _("unknown error");
}
