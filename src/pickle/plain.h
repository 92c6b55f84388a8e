/*
 * Plain values printed straight from a tape.
 *
 * Nearly all of a pickle is leaves and containers written where they stand: these are printed here,
 * without asking the view for each.  Whatever needs more is *hard* and left to the printers, which
 * walk by pkl_view: references to containers (recursion, sharing), known classes (lenses), equal
 * keys, long or odd leaves, values that are recorded or were changed from elsewhere.  What the text
 * looks like is in a table (struct plain_form), one for repr and one for JSON.
 *
 * A value that turns out to be hard half-way is taken back from the buffer, and remembered so.
 */
#ifndef PICKLE_PLAIN_H
#define PICKLE_PLAIN_H

#include <pklbrowse/pkl_repr.h>

#include "idmap.h"
#include "lens/lens.h"
#include "tape.h"

#define PLAIN_LEAF_MAX 65536u /* bytes of payload */

struct plain_brackets {
    const char *open, *close, *empty;
};

enum plain_shape {
    PLAIN_LIST,
    PLAIN_TUPLE,
    PLAIN_DICT,
    PLAIN_SET,
    PLAIN_FROZENSET,
    PLAIN_PAIRS, /* JSON: a dict whose keys are not all strings */
    PLAIN_OBJECT
};

struct plain;
struct plain_form {
    struct plain_brackets brackets[PLAIN_OBJECT + 1];
    const char *args, *kwargs, *state; /* in front of an object's parts */
    const char *none, *true_, *false_;
    bool json; /* strings, bytes and large numbers; dicts by their keys; no comma in (1,) */
};
extern const struct plain_form plain_repr, plain_json;

/* A leaf that references lead to, met lately; where it is kept, the node of a reference says. */
#define PLAIN_WORDS 32768u /* power of two */
#define PLAIN_WORD_MAX 52u
struct plain_word {
    uint64_t maker; /* + 1 */
    uint64_t len;   /* bytes of its payload */
    uint64_t key;   /* as plain_key() has it, 0: not known */
    uint8_t code;
    bool name;    /* JSON: can name a member of an object */
    uint8_t used; /* of text, 0: too long */
    char text[PLAIN_WORD_MAX + 1];
};

#define PLAIN_CLASSES 64u
struct plain_class {
    uint64_t maker; /* + 1 */
    bool raw;       /* no lens knows it */
    size_t text, len;
};

struct plain_frame {
    uint32_t node, kid;
    uint8_t shape, stage;
    bool any;
};

struct plain {
    const struct plain_form *form;
    struct pkl_view *view;
    struct lens_reader *reader;
    struct buf *out;
    unsigned *indent; /* NULL: all on one line */
    bool ascii;
    enum pkl_py2_str py2_str;
    struct tapes tapes;
    struct idmap shared; /* JSON: makers + 1 of containers that references lead to */
    struct {
        struct plain_frame *data;
        size_t len, cap;
    } stack;
    struct plain_word *words;
    struct plain_class classes[PLAIN_CLASSES];
    struct buf names, scratch;
    struct {
        uint64_t *data; /* hash set of keys */
        size_t len, cap, used;
    } keys;
    const uint8_t *bytes; /* of the source, from `off` on */
    uint64_t off;
    size_t have;
};

/* Begins: plain values are printed only when the view is a document's own. */
void plain_init(struct plain *w, const struct plain_form *form, struct pkl_view *under,
                struct pkl_view *lensed, struct lens_reader *reader, struct buf *out);
void plain_release(struct plain *w);
/* Finds what is shared, before `node` is printed as JSON. */
enum pb_err plain_find_shared(struct plain *w, const struct pkl_node *node,
                              struct error *e) PB_CHECK;
static inline bool plain_on(const struct plain *w)
{
    return w->tapes.doc != NULL;
}

/* Appends the value of a node and returns true; or appends nothing. */
bool plain_put(struct plain *w, struct tape *t, uint32_t node);
/* Appends leaves that follow each other in a container, from child `node` on, `between` in front of
 * each (of the first, too, if there were any before), as long as they are not hard.  How many, and
 * in *node the child behind them. */
size_t plain_put_leaves(struct plain *w, struct tape *t, uint32_t *node, enum phase phase, bool any,
                        const char *between);
/* A leaf as key, what stands between, and the value behind it on the tape. */
bool plain_put_pair(struct plain *w, struct tape *t, uint32_t key, const char *between);
void plain_new_line(struct plain *w);
/* The source was looked at by somebody else since. */
static inline void plain_forget_view(struct plain *w)
{
    w->have = 0;
}

/* plain_leaf.c: a node that is no container; false: it is hard. */
bool plain_leaf(struct plain *w, const struct tape_node *n);
/* A string's text, UTF-8 or bytes, until the next call; NULL: not to be had so. */
const char *plain_text(struct plain *w, const struct tape_node *n, size_t *len);
const uint8_t *plain_bytes(struct plain *w, uint64_t at, size_t n);
/* Of a reference: the leaf behind it as a word; NULL: hard. */
const struct plain_word *plain_word(struct plain *w, const struct tape_node *n);

/* plain_key.c: keys of a dict or members of a set are added one by one; false: it equals one before
 * it, or may. */
bool plain_keys_begin(struct plain *w, uint64_t count);
bool plain_keys_add(struct plain *w, const struct tape_node *n, bool *name);
/* All those of a container that is on a tape; *names: all could name members of a JSON object. */
bool plain_keys_node(struct plain *w, const struct tape *t, const struct tape_node *n, bool *names);
/* Of one that may have many; *distinct false: unknown. */
enum pb_err plain_keys_all(struct plain *w, uint64_t maker, enum phase phase, uint64_t count,
                           bool *distinct, bool *names, struct error *e) PB_CHECK;
/* A number for a key: equal keys have the same, and nearly all others another one; 0: unknown. */
uint64_t plain_key(struct plain *w, const struct tape_node *n, bool *name);

#endif
