/* What history.c (keeping) and history_list.c (finding again) share.  Private to store. */
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include <dirent.h>

#include <pklbrowse/store.h>

#define HISTORY_NAME_SIZE 48     /* of the parts of a file's name */
#define HISTORY_FOLDER_DIGITS 32 /* of the SHA-256 of a location */

struct history {
    char *dir;
};

/* The name of the folder of one object. */
enum pb_err history_folder_name(const char *location, struct buf *out, struct error *e) PB_CHECK;
int history_is_record(const struct dirent *d); /* for scandir */
/* What is too old, or too much in all, goes. */
void history_limit(const struct history *h);

#endif
