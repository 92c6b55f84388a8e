/* floor 0: base */
/*
 * UTF-8, what may be shown, and how wide it is.
 *
 * Any text from a store or a pickle is untrusted.  text_escape() is the only way such text reaches
 * a terminal, an error message or a line of output: control characters, escape sequences,
 * bidirectional overrides, line separators, unassigned and invalid bytes become visible escapes.
 */
#ifndef PKLBROWSE_TEXT_H
#define PKLBROWSE_TEXT_H

#include <pklbrowse/buf.h>

/* Decodes one code point of [p, p+n), n >= 1.  Returns bytes used; 0 for an invalid sequence.
 * With surrogates true, U+D800..DFFF are accepted (Python's surrogatepass). */
size_t utf8_decode(const void *p, size_t n, uint32_t *cp, bool surrogates);
size_t utf8_encode(uint32_t cp,
                   char out[4]); /* surrogates are encoded as they stand; 0 above 10FFFF */

/* Offset of the first byte that is not UTF-8, n when all is.  *partial (may be NULL): that byte
 * begins a sequence cut short by the end, so more bytes may make it whole.  Fast on long ASCII. */
size_t utf8_check(const void *p, size_t n, bool surrogates, bool *partial);
/* Is all of it UTF-8, surrogates let pass?  For many short ones: 32 bytes behind it may be read. */
bool utf8_whole(const void *p, size_t n);
size_t utf8_count(const void *p, size_t n); /* code points of valid text */

/* Python's str.isprintable() for one code point, by Unicode 14 (Python 3.11). */
bool text_printable(uint32_t cp);
/* May be drawn in a terminal as it is: printable, not a bidi control, not zero-width format. */
bool text_drawable(uint32_t cp);
/* How many bytes of p can be copied as they stand: no control characters, no backslash, no `quote`,
 * and beyond ASCII nothing, what is printable, or what is drawable.  Stops before what is no UTF-8;
 * lone surrogates are none.  Fast. */
enum text_plain { TEXT_ASCII, TEXT_PRINTABLE, TEXT_DRAWABLE };
size_t text_plain(const void *p, size_t n, char quote, enum text_plain how);
/* The same of TEXT_PRINTABLE for what is known to be UTF-8, lone surrogates perhaps among it. */
size_t text_plain_utf8(const void *p, size_t n, char quote);

/* Columns of one code point on the terminal, by libc's wcwidth; combining 0, unknown 1. */
int text_cp_width(uint32_t cp);
/* Columns of valid, already escaped UTF-8. */
size_t text_width(const char *s, size_t n);
/* Bytes of the longest prefix of s, whole graphemes only, that fits `cols`; *used gets its columns.
 */
size_t text_fit(const char *s, size_t n, size_t cols, size_t *used);
/* Grapheme boundaries for line editing: offset of the next / previous one. */
size_t text_next(const char *s, size_t n, size_t at);
size_t text_prev(const char *s, size_t n, size_t at);

/* Appends p with everything undrawable escaped: \n \t \x1b \u202e, invalid bytes as \xff.  A
 * backslash stays single (this is for reading, not for parsing back).  What has no width of its own
 * is drawn only where it is seen: a joiner between two letters of scripts that join or two emoji, a
 * variation selector behind a character, at most four accents on a letter. */
void text_escape(struct buf *out, const void *p, size_t n);
/* The same, stopping when `cols` columns are full; returns true when something was left out. */
bool text_escape_cols(struct buf *out, const void *p, size_t n, size_t cols);

/* "1.2 kB", "61.4 MB": powers of 1000, at most 8 columns.  "2 h ago", "Nov 20", "2019-05-01". */
void text_size(struct buf *out, uint64_t bytes);
void text_age(struct buf *out, int64_t when, int64_t now);
void text_count(struct buf *out, uint64_t n); /* 1,034 */
/* The same for an argument of a format: TEXT_COUNT(n), TEXT_SIZE(bytes). */
struct text_short {
    char s[32];
};
struct text_short text_short_count(uint64_t n);
struct text_short text_short_size(uint64_t bytes);
#define TEXT_COUNT(n) text_short_count(n).s
#define TEXT_SIZE(bytes) text_short_size(bytes).s

#endif
