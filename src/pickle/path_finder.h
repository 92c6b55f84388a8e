/* floor 1: pickle */
/*
 * Paths of many places, one after the other: what stands in document order is found from the way to
 * the one before.  All zero bytes is a finder that has found nothing yet.  It belongs to one view
 * in one state.
 */
#ifndef PKLBROWSE_PATH_FINDER_H
#define PKLBROWSE_PATH_FINDER_H

#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_path.h>

struct path_chain {
    struct pkl_child *data;
    size_t len, cap;
};

struct path_finder {
    struct path_chain chain; /* the way to what was found last */
    size_t by_bytes;         /* of so many each lies in the bytes of the one before */
};

/* As pkl_path_of_place().  begin: where the bytes are of what the document has there; NULL: that is
 * not known. */
enum pb_err path_of_place(struct path_finder *f, struct pkl_view *v, const struct pkl_child *place,
                          const uint64_t *begin, enum path_form form, struct buf *out,
                          struct error *e) PB_CHECK;
/* f->chain becomes the way to the child `index` of `owner`; UINT64_MAX: to that itself. */
enum pb_err path_way_to(struct path_finder *f, struct pkl_view *v, pkl_id owner, uint64_t index,
                        struct error *e) PB_CHECK;
/* The same for a child of what holds the one that was found last. */
enum pb_err path_beside(struct path_finder *f, struct pkl_view *v, pkl_id owner, uint64_t index,
                        bool *found, struct error *e) PB_CHECK;
/* f->chain goes on to something inside of what it leads to, down through what holds the bytes. */
enum pb_err path_go_on(struct path_finder *f, struct pkl_view *v, pkl_id owner, uint64_t index,
                       bool *found, struct error *e) PB_CHECK;
/* What f->chain says. */
enum pb_err path_chain_text(const struct path_finder *f, struct pkl_view *v, enum path_form form,
                            struct buf *out, struct error *e) PB_CHECK;
/* Does everything on the way to a place of the document stand where its bytes are? */
enum pb_err path_in_bytes(struct path_finder *f, struct pkl_view *v, const struct pkl_child *place,
                          bool *in, struct error *e) PB_CHECK;
void path_finder_release(struct path_finder *f);

#endif
