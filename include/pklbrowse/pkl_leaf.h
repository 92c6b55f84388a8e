/* floor 1: pickle */
/*
 * Decoding one leaf: from the opcode that made it to a value of C.
 *
 * A leaf is decoded each time it is drawn and kept nowhere.  Long payloads are read in part:
 * previews ask for the first bytes only.  What cannot be decoded is an error, never a guess.
 */
#ifndef PKLBROWSE_PKL_LEAF_H
#define PKLBROWSE_PKL_LEAF_H

#include <pklbrowse/pkl_doc.h>

struct pkl_leaf {
    enum pkl_kind kind;
    bool boolean;
    bool fits; /* an int that fits `integer` */
    int64_t integer;
    double real;
    bool long_suffix; /* Python 2 `long`: LONG, LONG1, LONG4 in a Python 2 stream */
    /* str: UTF-8 (lone surrogates as Python's surrogatepass writes them); bytes, bytearray, py2
     * str: as they are; int that does not fit: two's complement, little-endian; extension, buffer:
     * empty, see `integer`; persid of protocol 0: its text. */
    struct buf data;
    bool partial;   /* data holds only a first part of the payload */
    uint64_t total; /* bytes of the whole payload as stored */
};

void pkl_leaf_init(struct pkl_leaf *l);
void pkl_leaf_release(struct pkl_leaf *l);
/* Decodes `node` (of any source of `v`; a reference is followed).  At most `max` bytes of payload
 * (SIZE_MAX: all, up to 1 GiB).  Not a leaf: PB_EUSAGE. */
enum pb_err pkl_leaf_read(struct pkl_view *v, const struct pkl_node *node, size_t max,
                          struct pkl_leaf *out, struct error *e) PB_CHECK;

/* Where the bytes of a str, bytes, bytearray or Python 2 str (no reference) stand just as they are,
 * node->count of them: *at in *src, which stays the document's.  False: they do not, as of a line
 * of text or of a bytearray that was changed later; pkl_leaf_read() has them. */
bool pkl_leaf_stands(struct pkl_view *v, const struct pkl_node *node, struct source **src,
                     uint64_t *at);

/* The names of a global as stored (module, name), and as Python 3 would import them (py2 names
 * mapped). */
struct pkl_name {
    char *module, *name; /* UTF-8, free with pkl_name_release; may hold anything: escape it */
    const char *py3_module, *py3_name; /* borrowed from the same struct or a table */
};
enum pb_err pkl_name_read(struct pkl_view *v, const struct pkl_node *global, struct pkl_name *out,
                          struct error *e) PB_CHECK;
void pkl_name_release(struct pkl_name *n);

#endif
