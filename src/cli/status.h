/* Exit statuses: the same for every command. */
#ifndef PKLBROWSE_CLI_STATUS_H
#define PKLBROWSE_CLI_STATUS_H

#include <pklbrowse/error.h>

enum status {
    STATUS_OK = 0,
    STATUS_NO = 1,        /* the answer is no */
    STATUS_USAGE = 2,     /* wrong usage, bad PATH or LITERAL, no terminal */
    STATUS_NOT_FOUND = 3, /* no such bucket, object or path */
    STATUS_CHANGED = 4,   /* changed by someone else, or --if-match failed; nothing was written */
    STATUS_DENIED = 5,    /* not permitted, no or wrong credentials */
    STATUS_NO_PICKLE = 6, /* not a valid pickle; what could be read was printed */
    STATUS_FAILED = 7,    /* anything else */
    STATUS_UNKNOWN = 8,   /* scan: nothing dangerous, something unknown */
    STATUS_INTERRUPTED = 130,
    STATUS_NO_READER = 141 /* the reader of our output went away */
};

enum status status_of(enum pb_err code);

#endif
