/*
 * What a known call loads to, as Python's repr writes it.
 *
 * A table row per (module, name) names the shapes it accepts: how the object was made, how many
 * arguments, which other parts; its read() checks the payload as Python does and writes a *script*:
 * pieces of text, values, sequences. The printers run scripts on their own stack, so a lens never
 * recurses into what it holds.  Any other shape, and any class that is in no row, is raw; why is in
 * `reason`.  Knows neither printers nor the tree.
 *
 * The pieces and the text of a script lie on top of those of the scripts around it (struct lens is
 * a stack); who has read one drops it with lens_drop().
 */
#ifndef PICKLE_LENS_H
#define PICKLE_LENS_H

#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_lens.h>

#define LENS_ARGS 8u                     /* arguments a row can look at */
#define LENS_TEXT_MAX ((size_t)16 << 20) /* of one text argument */

enum lens_seq {
    LENS_LIST,  /* [a, b] */
    LENS_DICT,  /* {k: v} */
    LENS_PAIRS, /* [(k, v), (k, v)] */
    LENS_ATTRS, /* k=v, k=v */
    LENS_ITEMS, /* a, b */
    LENS_ALIAS  /* a, b as in list[a, b]: classes by their names */
};

enum lens_piece_kind { LENS_TEXT, LENS_VALUE, LENS_SEQ, LENS_ARRAY };

struct lens_piece {
    enum lens_piece_kind kind;
    enum lens_seq seq;
    size_t text, len;      /* LENS_TEXT: bytes of the script's text */
    struct pkl_node node;  /* LENS_VALUE; LENS_ARRAY: the bytes */
    pkl_id list;           /* LENS_SEQ: whose children [first, count) */
    uint64_t first, count; /* LENS_ARRAY: machine format, items */
    const char *again;     /* LENS_SEQ: written when it stands in itself; NULL: nobody looks */
    bool most_common;      /* LENS_SEQ: by value, largest first */
};

struct lens_row;

/* Children that an object shows instead of its own: elements of an array, columns of a table. */
struct lens_kids {
    enum pb_err (*count)(struct pkl_view *v, const struct pkl_node *node, uint64_t *count,
                         struct error *e);
    enum pb_err (*children)(struct pkl_view *v, const struct pkl_node *node, uint64_t first,
                            size_t count, struct pkl_child *out, size_t *got, struct error *e);
};

struct lens {
    struct {
        struct lens_piece *data;
        size_t len, cap;
    } pieces;
    struct buf text;
    /* Of the script read last: */
    const struct lens_row *row; /* NULL: the object is raw */
    size_t first, start;        /* its first piece, where its text begins */
    size_t mark;                /* text from here on is in no piece yet */
    enum pkl_kind
        kind; /* PKL_OBJECT, or the built-in value it is: bytes, bytearray, set, frozenset */
    struct pkl_node items;        /* of a set: what holds the members; id 0: there are none */
    bool partial;                 /* of bytes: not all of them are in the text */
    bool nested;                  /* holds values of any kind */
    const char *again;            /* written when the object stands in itself; NULL: nobody looks */
    pkl_id list;                  /* children of its own, 0: those of the raw object */
    const struct lens_kids *kids; /* or these; NULL: none */
    const char *type;             /* what it is shown as: that of its row, or a subclass */
    char reason[200];             /* why it is raw; "": the class is in no row */
};

void lens_init(struct lens *l);
void lens_release(struct lens *l);
void lens_drop(struct lens *l, size_t pieces, size_t text); /* back to where they were */

/* How an object was made, in parts. */
struct lens_call {
    const struct lens_row *row;
    pkl_id self;
    bool created;      /* by __new__ alone */
    uint64_t children; /* of the raw object */
    bool has_args;     /* its arguments are one of them */
    uint64_t count;    /* arguments */
    struct pkl_node arg[LENS_ARGS];
    struct pkl_node args;                  /* the tuple; id 0: none */
    struct pkl_node state, items, entries; /* id 0: not there */
};

struct lens_reader {
    struct pkl_view *view;
    size_t max;           /* bytes of payload, items of a list that are looked at */
    struct pkl_leaf leaf; /* scratch */
    struct lens_known {
        pkl_id id;
        const struct lens_row *row;
    } known[64]; /* classes met, by id */
};

void lens_reader_init(struct lens_reader *r, struct pkl_view *v);
void lens_reader_release(struct lens_reader *r);

typedef enum pb_err lens_read_fn(struct lens_reader *r, const struct lens_call *c, struct lens *out,
                                 struct error *e);

enum lens_flags {
    LENS_CALL = 1 << 0,  /* called: __new__ and __init__ */
    LENS_NEW = 1 << 1,   /* __new__ alone */
    LENS_STATE = 1 << 2, /* parts it may have */
    LENS_WITH_ITEMS = 1 << 3,
    LENS_WITH_ENTRIES = 1 << 4,
    LENS_NAMED = 1 << 5,    /* a class or function: JSON keeps the raw form */
    LENS_IS_ARRAY = 1 << 6, /* elements as nd.h knows them */
    LENS_SUMMARY = 1 << 7,  /* its text does not say all */
    LENS_BOTH = LENS_CALL | LENS_NEW
};

/* The way back, from a constructor's text to an object, is make.h. */
struct lens_row {
    const char *module, *name;
    const char *type; /* as $type and, after its last dot, in the type column */
    unsigned flags;
    unsigned min_args, max_args;
    lens_read_fn *read;
    unsigned detail; /* what read() wants to know beside */
};

struct lens_family {
    const struct lens_row *rows;
    size_t count;
};
extern const struct lens_family lens_builtins, lens_types, lens_datetime, lens_numbers,
    lens_collections, lens_array, lens_regex, lens_ipaddress, lens_pathlib, lens_exceptions,
    lens_numpy, lens_torch, lens_pandas;

const struct lens_row *lens_row_find(const char *module, const char *name);

/* A class or function in the list of known ones: its text, NULL when it is not there. */
const char *lens_name_text(const char *module, const char *name);
/* A dtype of torch: its text; NULL: it is none. */
const char *lens_torch_text(const char *module, const char *name);
/* How many of them have this text, and the last. */
unsigned lens_name_find(const char *text, size_t n, const char **module, const char **name);
/* The same of a global; *text NULL: not known. */
enum pb_err lens_global(struct lens_reader *r, const struct pkl_node *global, const char **text,
                        struct error *e) PB_CHECK;

/* An object taken apart; c->row is NULL when its class is in no row. */
enum pb_err lens_call_of(struct lens_reader *r, const struct pkl_node *node, struct lens_call *c,
                         struct error *e) PB_CHECK;
/* The row of a class (or of a getattr(CLASS, 'name') that stands for one); NULL: there is none. */
enum pb_err lens_row_of(struct lens_reader *r, const struct pkl_node *class,
                        const struct lens_row **row, struct error *e) PB_CHECK;

/* Reads the script of an object on top of `out`; out->row says whether there is one. */
enum pb_err lens_read(struct lens_reader *r, const struct pkl_node *node, size_t max,
                      struct lens *out, struct error *e) PB_CHECK;

/* ---------------------------------------------------------------- for the rows */

/* Sets the reason and returns PB_EUNSUPPORTED, which lens_read() takes for "raw". */
enum pb_err lens_refuse(struct lens *l, const char *fmt, ...) PB_PRINTF(2, 3);
bool lens_value(struct lens *l, const struct pkl_node *node);
/* A sequence of [first, count) children of `list`; the piece, to be completed; NULL: no memory. */
struct lens_piece *lens_seq(struct lens *l, enum lens_seq how, pkl_id list, uint64_t count);
bool lens_close_text(struct lens *l);

/* Arguments.  PB_EUNSUPPORTED with a reason when they are something else. */
enum pb_err lens_int(struct lens_reader *r, const struct pkl_node *n, int64_t low, int64_t high,
                     const char *what, int64_t *value, struct lens *l, struct error *e) PB_CHECK;
enum pb_err lens_leaf(struct lens_reader *r, const struct pkl_node *n, struct lens *l,
                      struct error *e) PB_CHECK;
/* A str (ASCII Python 2 str too) into r->leaf. */
enum pb_err lens_str(struct lens_reader *r, const struct pkl_node *n, const char *what,
                     struct lens *l, struct error *e) PB_CHECK;
/* Bytes in whichever form a protocol writes them, at most `max`; Latin-1 text where `text` says so.
 */
enum pb_err lens_bytes(struct lens_reader *r, const struct pkl_node *n, size_t max, bool text,
                       struct buf *data, bool *partial, struct lens *l, struct error *e) PB_CHECK;
bool lens_latin1(const char *s, size_t n, struct buf *out);
/* An int of any size in decimal. */
enum pb_err lens_put_int(struct lens_reader *r, const struct pkl_node *n, struct lens *l,
                         struct error *e) PB_CHECK;
/* Whether a global is builtins.NAME. */
enum pb_err lens_is_builtin(struct lens_reader *r, const struct pkl_node *n, const char *name,
                            bool *is, struct error *e) PB_CHECK;
/* Whether an object's class is in a row, valid or not. */
enum pb_err lens_known(struct lens_reader *r, const struct pkl_node *n, bool *known,
                       struct error *e) PB_CHECK;
/* A known object of one of these types, written into the script as a part of it; else *done false.
 */
enum pb_err lens_inline(struct lens_reader *r, const struct pkl_node *n, const char *const *types,
                        bool *done, struct lens *l, struct error *e) PB_CHECK;

/* ------------------------------------------------------------- for the printers */

/* Items [first, first + count) of an array, ", " between them. */
enum pb_err lens_array_items(struct pkl_view *v, const struct lens_piece *p, uint64_t first,
                             uint64_t count, struct buf *out, struct error *e) PB_CHECK;
/* The order in which a Counter shows `count` entries of the dict `list` (malloc; NULL: as stored);
 * `gone` are left out.  */
struct equals;
enum pb_err lens_most_common(struct pkl_view *v, pkl_id list, uint64_t count,
                             const struct equals *q, uint64_t **order, uint64_t *len,
                             struct error *e) PB_CHECK;
/* One argument of list[...]: its text, NULL when it is written as everywhere else. */
enum pb_err lens_alias_text(struct lens_reader *r, const struct pkl_node *n, struct buf *out,
                            bool *done, struct error *e) PB_CHECK;

/* A view in which ids of PKL_TAG_LENS and PKL_TAG_ELEMENT are known. */
struct lens_view {
    struct pkl_view view;
    struct pkl_view *under;
};
void lens_view_over(struct lens_view *lv, struct pkl_view *under);
/* What such a view answers, for one that answers more. */
enum pb_err lens_view_count(struct lens_view *lv, pkl_id id, uint64_t *count,
                            struct error *e) PB_CHECK;
enum pb_err lens_view_children(struct lens_view *lv, pkl_id id, uint64_t first, size_t count,
                               struct pkl_child *out, size_t *got, struct error *e) PB_CHECK;

#endif
