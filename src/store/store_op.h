/*
 * What every running operation of every backend begins with.  Private to store.
 *
 * An operation is linked into its store from store_op_begin() to store_op_end().  The backend ends
 * it, and frees it, before it calls the caller back, so that the callback may start, cancel and
 * free whatever it likes.  stop() does the same without calling back.
 */
#ifndef STORE_STORE_OP_H
#define STORE_STORE_OP_H

#include <pklbrowse/store.h>

struct store_op_class {
    void (*stop)(struct store_op *op);   /* ends what runs and frees the operation */
    void (*resume)(struct store_op *op); /* NULL: it never pauses */
    void (*progress)(const struct store_op *op, struct http_progress *out); /* NULL: none */
    bool farewell; /* nobody's: the store waits for it, a little, before it goes away */
};

struct store_op {
    const struct store_op_class *cls;
    struct store *store;
    struct store_op *prev, *next;
};

void store_op_begin(struct store_op *op, const struct store_op_class *cls, struct store *s);
void store_op_end(struct store_op *op);

/* "s3://bucket/key", fit to be shown in an error. */
void store_show(struct buf *out, const char *scheme, const char *container, const char *key,
                size_t key_len);

/* An empty page; NULL: no memory. */
struct store_page *store_page_new(void);
/* A new entry at the end of the page, its name copied into the page; NULL: no memory. */
struct store_entry *store_page_add(struct store_page *p, size_t *cap, enum store_kind kind,
                                   const char *name, size_t len);
/* The same; the name is the page's already. */
struct store_entry *store_page_take(struct store_page *p, size_t *cap, enum store_kind kind,
                                    char *name, size_t len);

#endif
