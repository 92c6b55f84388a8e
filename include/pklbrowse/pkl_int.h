/* floor 1: pickle */
/*
 * Ints too long for decimal digits, read where they stand: their bits, and their text in hex.
 *
 * Nothing is copied and nothing is read but what is looked at, however long they are.  What cannot
 * be known from a few MiB (of a negative int, which byte is the lowest that is not 0) is PB_ELIMIT.
 */
#ifndef PKLBROWSE_PKL_INT_H
#define PKLBROWSE_PKL_INT_H

#include <pklbrowse/pkl_doc.h>

/* From so many on it may have more digits than Python makes of an int; then repr is hex. */
#define PKL_INT_LONG_BITS 14285u

/* int.bit_length(), of one that has at least PKL_INT_LONG_BITS of them; any other: 0. */
enum pb_err pkl_int_long_bits(struct pkl_view *v, const struct pkl_node *node, uint64_t *bits,
                              struct error *e) PB_CHECK;
/* The text of such an int, "-0x1f…": a source over the one it stands in, which must outlive it. */
enum pb_err pkl_int_hex(struct pkl_view *v, const struct pkl_node *node, struct source **out,
                        struct error *e) PB_CHECK;

#endif
