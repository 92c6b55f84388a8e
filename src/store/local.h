/*
 * What the files of local folders share.  Private to store.
 *
 *   local.c        the table of operations; HEAD, and what is known of a file
 *   local_read.c   its bytes; the file itself
 *   local_list.c   pages of a folder, or of all below it
 *   local_write.c  replacing a file atomically
 *
 * Every operation but HEAD is a job beside the loop.  A call that the kernel itself blocks (a dead
 * network folder) blocks the process: the screen has another one for it (apart.h).  Only regular
 * files and folders are ever opened, and those without waiting.
 */
#ifndef STORE_LOCAL_H
#define STORE_LOCAL_H

#include <sys/stat.h>

#include "store_op.h"

/* The container's path and the key below it; the caller frees it. */
enum pb_err local_path(const char *container, const char *key, size_t key_len, char **path,
                       struct error *e) PB_CHECK;
/* To e, which says that path was denied: by whom. */
enum pb_err local_denied(enum pb_err code, const char *path, struct error *e);
/* "cannot WHAT 'PATH': why" with the path fit to be shown. */
enum pb_err local_errno(int number, const char *what, const char *path, struct error *e);
enum pb_err local_fail(enum pb_err code, const char *path, const char *why, struct error *e);
/* PB_OK for a regular file. */
enum pb_err local_regular(const struct stat *st, const char *path, struct error *e) PB_CHECK;
enum pb_err local_identity(struct store_identity *id, const struct stat *st,
                           struct error *e) PB_CHECK;
enum pb_err local_object(struct store_object *o, const struct stat *st, struct error *e) PB_CHECK;

struct store_op *local_list_containers(struct store *s, const char *token, store_page_fn done,
                                       void *ctx, struct error *e);
struct store_op *local_list(struct store *s, const struct store_list_request *r, store_page_fn done,
                            void *ctx, struct error *e);
struct store_op *local_read(struct store *s, const struct store_read_request *r, store_read_fn done,
                            void *ctx, struct error *e);
struct store_op *local_write(struct store *s, const struct store_write_request *r,
                             store_write_fn done, void *ctx, struct error *e);
struct store_op *local_open(struct store *s, const char *container, const char *key, size_t key_len,
                            store_open_fn done, void *ctx, struct error *e);
struct store_op *local_remove(struct store *s, const struct store_remove_request *r,
                              store_remove_fn done, void *ctx, struct error *e);

#endif
