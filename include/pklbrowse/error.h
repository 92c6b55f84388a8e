/* floor 0: base */
/*
 * Errors are values that travel with a message a person can act on: what, where, why.
 *
 * Every function that can fail returns `enum pb_err` and takes a `struct error *` last (NULL is
 * allowed).  On PB_OK the struct is untouched.  The first error wins: whoever passes one on adds
 * nothing to it.  An error owns no memory; copy it by assignment.  This module knows nothing else.
 */
#ifndef PKLBROWSE_ERROR_H
#define PKLBROWSE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PB_CHECK __attribute__((warn_unused_result))
#define PB_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum pb_err {
    PB_OK = 0,
    PB_ENOMEM,       /* out of memory */
    PB_EUSAGE,       /* wrong usage of the program, bad PATH or LITERAL */
    PB_ENOTFOUND,    /* no such bucket, object, file, path in the value */
    PB_ECHANGED,     /* changed by someone else; a condition failed; nothing was written */
    PB_EDENIED,      /* not permitted, no or wrong credentials */
    PB_EPICKLE,      /* not a valid pickle */
    PB_ELIMIT,       /* one of our limits; the message names it */
    PB_EEXIST,       /* it is there already */
    PB_EREADONLY,    /* this place cannot be edited; the message says why */
    PB_EREFUSED,     /* our own verification refused the result; nothing was written */
    PB_EIO,          /* the local system: files, terminal, processes */
    PB_ENET,         /* the connection failed or was lost */
    PB_ETIMEOUT,     /* nothing arrived for too long */
    PB_ESERVER,      /* the server answered with an error, or with something we cannot read */
    PB_EUNSUPPORTED, /* a thing this program or that server does not do */
    PB_ECANCELED,    /* the person cancelled */
    PB_EAGAIN        /* not an error: the bytes are not here yet, ask again later */
};

#define ERROR_MSG_MAX 512
#define ERROR_DETAIL_MAX 768

struct error {
    enum pb_err code;
    uint64_t offset;         /* of the opcode, when code is PB_EPICKLE */
    int opcode;              /* its byte, or -1 */
    int http_status;         /* what a server answered, or 0 */
    char server_code[64];    /* its own word: "NoSuchKey", or "" */
    char msg[ERROR_MSG_MAX]; /* one line, complete, no newline at its end, escaped for display */
    char detail[ERROR_DETAIL_MAX]; /* request id and the server's own words, or "" */
};

/* Fills *e (when not NULL) and returns `code`.  A message that is too long is cut at a character
 * and ends in "…". Everything in it that came from outside must be escaped by the caller;
 * control characters that were not become blanks. */
enum pb_err error_set(struct error *e, enum pb_err code, const char *fmt, ...) PB_PRINTF(3, 4);
enum pb_err error_vset(struct error *e, enum pb_err code, const char *fmt, va_list ap)
    PB_PRINTF(3, 0);

/* "out of memory", without allocating. */
enum pb_err error_nomem(struct error *e);

/* PB_EIO, PB_ENOTFOUND, PB_EDENIED or PB_ENOMEM from an errno value: "cannot open notes.txt:
 * Permission denied".  `where` may be NULL. */
enum pb_err error_errno(struct error *e, int err, const char *what, const char *where);

/* A pickle that breaks: where, at which opcode (-1: none; name NULL: there is no such), why.  The
 * message says all three: "byte 17, REDUCE: the stack is empty".  The engine, which knows the
 * names, calls it. */
enum pb_err error_opcode(struct error *e, uint64_t offset, int opcode, const char *name,
                         const char *fmt, va_list ap) PB_PRINTF(5, 0);

/* The code's name in plain words ("not permitted"), never NULL. */
const char *error_name(enum pb_err code);

#endif
