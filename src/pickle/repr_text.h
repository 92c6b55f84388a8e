/*
 * The text of single values, as Python writes them, and the words around others.  Shared by repr,
 * JSON and preview.
 */
#ifndef PICKLE_REPR_TEXT_H
#define PICKLE_REPR_TEXT_H

#include <pklbrowse/pkl_repr.h>

/* A leaf that has been read. */
enum pb_err repr_leaf(struct buf *out, const struct pkl_leaf *l, bool ascii, enum pkl_py2_str how,
                      struct error *e) PB_CHECK;
void repr_py2_str(struct buf *out, const char *s, size_t n, bool ascii, enum pkl_py2_str how);
/* An int in decimal, above Python's limit of digits in hex. */
enum pb_err repr_big(struct buf *out, const struct pkl_leaf *l, struct error *e) PB_CHECK;
/* "module.name" of a global, escaped; what is computed as "?". */
enum pb_err repr_name(struct pkl_view *v, const struct pkl_node *global, struct buf *out,
                      struct error *e) PB_CHECK;
/* Parts of what stands between the quotes: of a str whole characters. */
void repr_str_piece(struct buf *out, const char *utf8, size_t n, char quote, bool ascii);
/* Of a bytes value or, `array`, a bytearray: what each byte is written as, found out once for all
 * parts and when that pays. */
struct byte_texts {
    uint64_t of[256]; /* the length above, four bytes of text as they lie in memory below */
    char quote;
    bool array, filled;
};
void byte_texts_init(struct byte_texts *t, char quote, bool array);
void repr_bytes_piece(struct buf *out, const void *p, size_t n, struct byte_texts *t);
bool repr_is_ascii(const struct buf *b);

#endif
