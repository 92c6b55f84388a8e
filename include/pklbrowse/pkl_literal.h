/* floor 1: pickle */
/*
 * A Python literal typed by a person: parsed, and encoded as opcodes.
 *
 * Accepts what ast.literal_eval accepts: numbers in all spellings, strings and bytes with every
 * prefix and escape, adjacent literals joined, triple quotes, tuples, lists, dicts, sets, None,
 * True, False, signs, complex sums; and besides inf, nan, set(), frozenset({...}),
 * bytearray(b'...').  No recursion in C: nesting is limited by memory only.  Knows nothing of
 * documents.
 */
#ifndef PKLBROWSE_PKL_LITERAL_H
#define PKLBROWSE_PKL_LITERAL_H

#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_doc.h>

struct literal {
    enum pkl_kind kind;  /* NONE BOOL INT FLOAT STR BYTES BYTEARRAY LIST TUPLE DICT SET FROZENSET */
    bool complex_number; /* kind is FLOAT: real + imag j */
    bool boolean;
    bool unhashable; /* of a tuple: it holds something that cannot be a key */
    double real, imag;
    const char
        *data; /* str: UTF-8 with surrogatepass; bytes; int: two's complement, little-endian */
    size_t len;
    struct literal *first,
        *next;      /* children in order (dict: key, value, key, value ...) and sibling */
    uint64_t count; /* children; of a dict: pairs */
};

/* Parses the whole of text.  On PB_EUSAGE *at is the byte where it is wrong (for the caret).  The
 * result lives in `mem`. */
enum pb_err literal_parse(struct arena *mem, const char *text, size_t n, struct literal **out,
                          size_t *at, struct error *e) PB_CHECK;
/* A str as it stands (`:=`). */
enum pb_err literal_text(struct arena *mem, const char *text, size_t n, struct literal **out,
                         struct error *e) PB_CHECK;
/* Equal as Python compares dictionary keys: 1 == 1.0 == True. */
bool literal_equal(const struct literal *a, const struct literal *b);
bool literal_hashable(const struct literal *l);

/* How a stream spells values, so that new ones follow it. */
struct pkl_style {
    unsigned protocol; /* highest protocol new opcodes may come from */
    bool text;         /* protocol 0 spelling: INT, FLOAT, UNICODE lines */
    bool py2;          /* written by Python 2: int/long apart, str is py2 str */
};
void pkl_style_of(const struct pkl_info *info, struct pkl_style *out);

/* The opcodes of a new value, without PUT or MEMOIZE and without STOP.  `was` is the kind and
 * opcode of the value it replaces (family kept: py2 str stays py2 str when ASCII, LONG stays LONG),
 * PKL_BROKEN/0 for none. */
enum pb_err literal_encode(const struct literal *l, const struct pkl_style *style,
                           enum pkl_kind was, uint8_t was_opcode, struct buf *out,
                           struct error *e) PB_CHECK;

#endif
