/*
 * Where the rows of a long text begin, found a piece at a time.
 *
 * Bytes of UTF-8 (or of anything: what is none is drawn as escapes) are laid out in rows of so many
 * columns; a line break ends a row.  Pure: bytes in, offsets out; draws nothing.
 */
#ifndef UI_FLOW_H
#define UI_FLOW_H

#include <pklbrowse/buf.h>

struct flow_row {
    uint64_t from; /* byte */
    uint64_t line; /* number of its line; its first row has `first` */
    bool first;
};
struct flow {
    int width;
    struct {
        struct flow_row *data;
        size_t len, cap;
    } rows;
    uint64_t at;   /* bytes laid out */
    uint64_t line; /* lines so far */
    int column;    /* of the row that is not full yet */
    bool failed;   /* no memory: what is there is all there will be */
};

void flow_begin(struct flow *f, int width);
void flow_release(struct flow *f);
/* The next bytes.  Returns how many were taken: a character cut off by the end of the piece is left
 * for the next one unless `last`. */
size_t flow_add(struct flow *f, const uint8_t *p, size_t n, bool last);
/* The row that holds a byte that was laid out. */
size_t flow_row_of(const struct flow *f, uint64_t byte);
/* Columns of the character at p as it is drawn (escaped where it must be); *used its bytes. */
int flow_cell(const uint8_t *p, size_t n, size_t *used);

#endif
