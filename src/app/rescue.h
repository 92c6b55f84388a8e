/*
 * What a file of unsaved edits holds: read by rescue.c, made again by rescue_apply.c.
 */
#ifndef PKLBROWSE_APP_RESCUE_H
#define PKLBROWSE_APP_RESCUE_H

#include "app_private.h"

/* In the order in which they are made again. */
enum kept_kind { KEPT_SET, KEPT_RENAMED, KEPT_DELETED, KEPT_ADDED, KEPT_OTHER, KEPT_KINDS };
struct kept_change {
    enum kept_kind kind;
    char *path, *digest, *literal; /* owned */
};
struct rescue {
    struct app_rescue pub; /* first */
    char *file;
    struct {
        struct kept_change *data;
        size_t len, cap;
    } changes;
};

#endif
