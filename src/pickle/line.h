/*
 * Arguments written as lines of text: numbers in every spelling that some CPython version reads,
 * strings with their escapes.  The text is given without its newline.  Pure functions over bytes;
 * know nothing of documents.
 */
#ifndef PICKLE_LINE_H
#define PICKLE_LINE_H

#include <pklbrowse/buf.h>

/* PUT and GET: a number of a memo slot, as int() reads it, not negative, up to 2^63 + 2^62 - 1.  To
 * Python 2 the text itself is the slot: one that is no number, of at most seven bytes, gets a
 * number above INT64_MAX. */
bool line_slot(const char *s, size_t n, uint64_t *slot);
/* The text of a slot above INT64_MAX; how long it is. */
#define LINE_SLOT_TEXT 24u
size_t line_slot_text(uint64_t slot, char text[LINE_SLOT_TEXT]);

/* INT, LONG: what stands there, taken apart.  digits points into s, may hold underscores. */
struct line_int {
    const char *digits;
    size_t len;
    int base;
    bool negative;
    bool boolean; /* INT 00 and 01 */
};
bool line_int(const char *s, size_t n, struct line_int *out);
bool line_long(const char *s, size_t n, struct line_int *out);
/* Its value: int64 when it fits (*fits), else two's complement appended to big. */
enum pb_err line_int_value(const struct line_int *l, bool *fits, int64_t *value, struct buf *big,
                           struct error *e) PB_CHECK;

/* What unpicklers differ about in the text of INT, LONG, FLOAT, STRING, a PUT or a GET that is
 * good; NULL: nothing. A static sentence. */
const char *line_note(uint8_t code, const char *s, size_t n);

bool line_float(const char *s, size_t n, double *out);

/* Bytes of s between the quotes of a STRING line; false: it is not quoted. */
bool line_quoted(const char *s, size_t n, const char **inner, size_t *len);

/*
 * Escapes, fed in pieces of any size.  UNESCAPE_STRING: those of a bytes literal; UNESCAPE_UNICODE:
 * raw-unicode-escape, Latin-1 in, UTF-8 (with lone surrogates) out.  `out` may be NULL: only
 * checks. Zero the struct and set the kind to begin.
 */
enum unescape_kind { UNESCAPE_STRING, UNESCAPE_UNICODE };
struct unescape {
    enum unescape_kind kind;
    uint8_t state; /* private */
    uint8_t digits;
    uint32_t value;
};
bool unescape_feed(struct unescape *u, const char *s, size_t n, struct buf *out);
bool unescape_end(struct unescape *u, struct buf *out); /* false: an escape is cut short */

#endif
