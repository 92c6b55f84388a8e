/* floor 1: pickle */
/*
 * The opcodes of a pickle as text, one a line: offset, opcode, argument.
 *
 * The text is that of `python3 -m pickletools` (3.11), byte for byte, wherever that one gets: the
 * indentation counts open marks, an opcode that takes a mark says where it was, MEMOIZE says which
 * slot it fills.  Beyond it: all pickles of a stream, one below the other; broken ones up to and
 * with the opcode that breaks; memo slots used twice; a stack that is not empty at STOP; ints of
 * any size (above Python's limit of digits in hex); Python 2 strings of any bytes, as Latin-1.  One
 * thing is shown as it is, not as pickletools reads it: a backslash in the name of a global.
 *
 * Streams: neither the pickle nor a long argument is ever held.  Nothing is run.
 */
#ifndef PKLBROWSE_PKL_DIS_H
#define PKLBROWSE_PKL_DIS_H

#include <pklbrowse/pkl_doc.h>

struct pkl_dis_opts {
    /* Behind each opcode: "; DEPTH PATH", how many values and marks stand on the stack after it,
     * and the innermost value it belongs to (what stands in no value of the tree has none). */
    bool paths;
};
/* The document must be indexed to its end; whether it breaks is pkl_doc_error's to say. */
enum pb_err pkl_dis(struct pkl_doc *d, const struct pkl_dis_opts *o, const struct sink *to,
                    struct error *e) PB_CHECK;

#endif
