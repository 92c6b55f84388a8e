/* floor 1: pickle */
/*
 * A Python literal typed by a person: parsed, and encoded as opcodes.
 *
 * Accepts what ast.literal_eval accepts: numbers in all spellings, strings and bytes with every
 * prefix and escape, adjacent literals joined, triple quotes, tuples, lists, dicts, sets, None,
 * True, False, signs, complex sums; and besides inf, nan, set(), frozenset({...}),
 * bytearray(b'...'), and what the lenses print: calls of the standard library's classes
 * (datetime.date(2024, 1, 2), Decimal('1.10'), deque([1], maxlen=3) ...) with the arguments that
 * Python would take, and <class 'int'>.  Nothing is called: such a text becomes what Python's
 * pickler would write for that object.  Any other call is refused.  No recursion in C: nesting is
 * limited by memory only.  Knows nothing of documents.
 */
#ifndef PKLBROWSE_PKL_LITERAL_H
#define PKLBROWSE_PKL_LITERAL_H

#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_doc.h>

/* An object as it is pickled. */
enum literal_parts {
    LITERAL_NEW = 1 << 0, /* made by __new__ alone, else by a call */
    LITERAL_ITEMS = 1 << 1,
    LITERAL_ENTRIES = 1 << 2,
    LITERAL_STATE = 1 << 3,
    LITERAL_FOLD = 1 << 4 /* its bytes hold a fold, of which Python 2 knows nothing */
};
/* Where an object is written in another way. */
enum literal_where { LITERAL_BELOW_3 /* protocols 0 to 2 */, LITERAL_PY2 /* by Python 2 */ };

struct literal {
    /* NONE BOOL INT FLOAT STR BYTES BYTEARRAY LIST TUPLE DICT SET FROZENSET GLOBAL OBJECT */
    enum pkl_kind kind;
    bool complex_number; /* kind is FLOAT: real + imag j */
    bool boolean;
    bool
        unhashable; /* of a tuple: it holds something that cannot be a key; an object that cannot */
    double real, imag;
    const char
        *data; /* str: UTF-8 with surrogatepass; bytes; int: two's complement, little-endian */
    size_t len;
    struct literal *first,
        *next;           /* children in order (dict: key, value, key, value ...) and sibling */
    uint64_t count;      /* children; of a dict: pairs */
    size_t at;           /* where it stands in the text */
    const char *keyword; /* of an argument that was given by name */
    /* GLOBAL: its name in Python 3, which may have dots.  OBJECT: its class, as its constructor is
     * called. */
    const char *module, *name;
    /* OBJECT: the children are what is called, its arguments (a tuple), and those of items (a
     * list), entries (a dict) and state that `parts` says are there. */
    unsigned parts; /* enum literal_parts */
    enum literal_where elsewhere_in;
    const struct literal *elsewhere; /* how it is written there; NULL: in the same way */
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
/* The same for all that are equal; never 0. */
enum pb_err literal_hash(const struct literal *l, uint64_t *hash, struct error *e) PB_CHECK;
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
