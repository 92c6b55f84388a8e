/* floor 5: model */
/*
 * Looking for a text in a whole value, as a job.
 *
 * The text is looked for in keys and in values: in what strings and bytes hold, in the text of
 * numbers, in the names of classes.  Small letters match capitals as well; with a capital in it the
 * text is meant exactly.  "re:" in front makes it an extended regular expression, "k:" looks in
 * keys only, "v:" in values only.  Places are visited in the order of the tree's rows; a shared
 * container once.  Knows no screen.  The view is borrowed and must not change while the search
 * lives.
 */
#ifndef PKLBROWSE_SEARCH_H
#define PKLBROWSE_SEARCH_H

#include <pklbrowse/job.h>
#include <pklbrowse/pkl_doc.h>

#define SEARCH_KEPT 1000000 /* hits; more are only counted */

struct search;
struct search_hit {
    pkl_id owner; /* the place: as in struct pkl_child */
    uint64_t index;
    uint64_t begin; /* of the value: places further down lie further on, with few exceptions */
    enum pkl_step step;
    enum pkl_part part;
};

/* PB_EUSAGE: not a regular expression. */
enum pb_err search_new(struct pkl_view *v, const char *text, size_t n, struct search **out,
                       struct error *e) PB_CHECK;
void search_free(struct search *s); /* NULL is fine */
struct job *search_job(struct search *s);
uint64_t search_hits(const struct search *s); /* so far */
size_t search_kept(const struct search *s);
const struct search_hit *search_hit(const struct search *s, size_t i);
/* The first kept hit behind (or, backwards, the last before) a place: by number when the place is a
 * hit itself, else by where its bytes are.  False: none is known. */
bool search_next(const struct search *s, const struct pkl_child *from, bool backwards, size_t *hit);

#endif
