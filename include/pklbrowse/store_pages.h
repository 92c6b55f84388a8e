/* floor 4: store */
/*
 * The pages of a listing, taken in their order.
 *
 * Where all of them are wanted, the next one is asked for as soon as the store knows where it
 * begins: the server makes it while this one is being read.  One that turns out not to be the next
 * is left.  Knows nothing of what the entries are for.  Single thread.
 */
#ifndef PKLBROWSE_STORE_PAGES_H
#define PKLBROWSE_STORE_PAGES_H

#include <pklbrowse/store.h>

struct store_pages;

struct store_pages_user {
    /* A page, which is given back after the call, or why there is none.  May stop the pages, but
     * not free them. */
    void (*take)(void *ctx, const struct store_page *page, const struct error *e);
    /* After everything that came was taken: here the next page is asked for, or all is freed. */
    void (*taken)(void *ctx);
    void *ctx;
};

/* Copies the request, whose strings must outlive it; its token and more() are not used.  container
 * NULL: the list of containers.  Nothing is asked for yet. */
enum pb_err store_pages_new(struct store *s, const struct store_list_request *r,
                            const struct store_pages_user *user, struct store_pages **out,
                            struct error *e) PB_CHECK;
void store_pages_free(struct store_pages *p); /* NULL is fine */

/* Asks for the next page; nothing when it is under way already or there is none.  all: those behind
 * it are wanted as well. */
enum pb_err store_pages_next(struct store_pages *p, bool all, struct error *e) PB_CHECK;
/* What is under way is dropped; store_pages_next() asks for it again. */
void store_pages_stop(struct store_pages *p);

bool store_pages_running(const struct store_pages *p);
bool store_pages_complete(const struct store_pages *p); /* the last one was taken */

#endif
