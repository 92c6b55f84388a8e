/* A page of a listing, as far as it is the same everywhere.  Private to store. */
#ifndef STORE_CLOUD_LIST_H
#define STORE_CLOUD_LIST_H

#include "cloud.h"

struct xml_handler;

struct cloud_list {
    struct store_op op; /* first */
    struct cloud_request *request;
    char *prefix, *token, *start_after; /* the last two may be NULL */
    size_t prefix_len;
    bool recursive;
    unsigned max;
    struct buf body;         /* of an answer that is read later */
    struct store_page *page; /* of the last answer */
    store_page_fn done;
    void (*more)(void *ctx, const char *token); /* may be NULL */
    void *ctx;
};

/* l is the beginning of a struct of `size` bytes.  With a request that is not sent yet, whose
 * answer goes to answered(l, ...); r NULL: of containers.  NULL: nothing was begun. */
struct cloud_list *cloud_list_new(size_t size, struct store *s, unsigned action,
                                  const char *container, const struct store_list_request *r,
                                  const char *token, cloud_answer_fn answered, store_page_fn done,
                                  void *ctx, struct error *e);
void cloud_list_free(struct cloud_list *l);
/* Its end: with e, or with l->page.  Takes the operation with it. */
void cloud_list_finish(struct cloud_list *l, const struct error *e);
/* Sent: the operation, or NULL, when err or sending it fails. */
struct store_op *cloud_list_send(struct cloud_list *l, enum pb_err err, struct error *e);

/* A new page, instead of the one that was there. */
enum pb_err cloud_list_page(struct cloud_list *l, struct error *e) PB_CHECK;
/* The whole body; what cannot be read is told as the listing's error, and *again: the next answer
 * may be better. */
enum pb_err cloud_list_xml(struct cloud_list *l, const struct buf *body,
                           const struct xml_handler *handler, bool *again,
                           struct error *e) PB_CHECK;
/* page->next is where the next page begins: it must move on. */
enum pb_err cloud_list_check_next(struct cloud_list *l, struct error *e) PB_CHECK;
bool cloud_list_under_prefix(const struct cloud_list *l, const char *name, size_t n);
enum pb_err cloud_list_aimless(struct cloud_list *l, struct error *e); /* goes on, but where? */

#endif
