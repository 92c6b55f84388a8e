/* floor 5: model */
/*
 * A listing as rows: pages pulled from a store, kept compactly, filtered.
 *
 * The first page is shown when it arrives; the rest on demand (listing_want) or all
 * (listing_want_all), and stopped by listing_stop or by freeing.  Knows the store's contract, not
 * the network, not curses.
 */
#ifndef PKLBROWSE_LISTING_H
#define PKLBROWSE_LISTING_H

#include <pklbrowse/store.h>

struct listing;
struct listing_row {
    enum store_kind kind;
    const char *name; /* whole name: container, prefix or key; valid until the listing changes */
    size_t len;
    const char *shown; /* the part below the folder of this listing's prefix, raw bytes: escape
                          before drawing; may be empty ("//") */
    size_t shown_len;
    uint64_t size;
    int64_t mtime;
    const char *class; /* its storage class; NULL: not known */
    bool marked;
    bool hidden; /* of listing_next_marked: it does not pass the filter */
};

/* container NULL: the list of containers.  changed(ctx) is called when rows, state or error
 * changed. */
enum pb_err listing_new(struct store *s, const char *container, const char *prefix,
                        size_t prefix_len, void (*changed)(void *ctx), void *ctx,
                        struct listing **out, struct error *e) PB_CHECK;
void listing_free(struct listing *l);

uint64_t listing_count(const struct listing *l);  /* rows that pass the filter */
uint64_t listing_loaded(const struct listing *l); /* rows loaded */
bool listing_row(const struct listing *l, uint64_t i,
                 struct listing_row *out); /* false: no such row */
bool listing_find(const struct listing *l, const char *name, size_t len, uint64_t *row);
/* The same, of the rows from that one on. */
bool listing_find_from(const struct listing *l, uint64_t from, const char *name, size_t len,
                       uint64_t *row);

bool listing_loading(const struct listing *l);
bool listing_complete(const struct listing *l);
const struct error *listing_error(
    const struct listing *l); /* NULL: none; rows loaded before it stay */

/* Asks for more pages until at least `rows` filtered rows are there (or the end). */
void listing_want(struct listing *l, uint64_t rows);
void listing_want_all(struct listing *l);
void listing_stop(
    struct listing *l); /* Esc: what is loaded stays; listing_want goes on from there */
/* Case-insensitive substring (ASCII case) of the shown part; smart-case: an upper-case letter makes
 * it exact. "" for none. */
enum pb_err listing_filter(struct listing *l, const char *text, struct error *e) PB_CHECK;

/* How the rows that are here stand, and those that come: as the store gives them, the biggest
 * first, the newest first, by storage class; what is no object stands before objects. */
enum listing_order { LISTING_BY_NAME, LISTING_BY_SIZE, LISTING_BY_TIME, LISTING_BY_CLASS };
#define LISTING_ORDERS 4
#define LISTING_SORT_MAX 10000000 /* rows; beyond it they stay as the store gives them */
enum pb_err listing_sort(struct listing *l, enum listing_order order, struct error *e) PB_CHECK;
enum listing_order listing_sorted(const struct listing *l);
/* Filter and order of very many rows take some slices of the loop: rows that pass are added
 * meanwhile, and stand in their order when it is over. */
bool listing_arranging(const struct listing *l);

/* Marks, for actions on many: only objects have one; a filter or an order takes none away.  False:
 * row i is none. */
bool listing_mark(struct listing *l, uint64_t i, bool on);
void listing_mark_all(struct listing *l, bool on); /* the rows that pass the filter */
void listing_unmark(struct listing *l);            /* the others, too */
uint64_t listing_marked(const struct listing *l, uint64_t *bytes /* may be NULL */);
/* Goes through all of them in the order in which they came: *at is 0 at first. */
bool listing_next_marked(const struct listing *l, uint64_t *at, struct listing_row *out);
/* What is marked in `from` will be here, by name, as soon as it is listed (a listing that is read
 * again). */
enum pb_err listing_mark_as(struct listing *l, const struct listing *from,
                            struct error *e) PB_CHECK;

#endif
