/* floor 1: pickle */
/*
 * A pickle, indexed.
 *
 * A pickle is a program for a small stack machine.  This module indexes that program; it never runs
 * it, imports nothing, and builds no objects.  One resumable pass (pkl_doc_step) validates every
 * length, mark, memo reference and the end, and keeps a record only for containers that are costly
 * to re-read, with checkpoints inside them.  Nothing is stored per leaf: children are found again
 * by re-reading from the nearest checkpoint, a leaf is decoded when it is drawn.  Depth of nesting
 * is never C-stack depth.
 *
 * It reads through `struct source` and so knows neither files nor network; it works while a
 * download goes on.  The document is immutable once indexed (internal caches aside).  Single
 * thread.
 *
 * A pickle that breaks stays browsable up to the break: its root is then the node of kind
 * PKL_BROKEN whose children are the values that stood on the stack.
 */
#ifndef PKLBROWSE_PKL_DOC_H
#define PKLBROWSE_PKL_DOC_H

#include <pklbrowse/source.h>

/* What a value is.  The kind of a reference is the kind of the value it refers to (and `ref` is
 * set). */
enum pkl_kind {
    PKL_NONE,
    PKL_BOOL,
    PKL_INT, /* of any size */
    PKL_FLOAT,
    PKL_STR,
    PKL_BYTES,
    PKL_BYTEARRAY,
    PKL_PY2STR, /* STRING, BINSTRING, SHORT_BINSTRING: bytes whose encoding nobody wrote down */
    PKL_LIST,
    PKL_TUPLE,
    PKL_DICT,
    PKL_SET,
    PKL_FROZENSET,
    PKL_GLOBAL, /* a class or function by name */
    PKL_OBJECT, /* callable, args, kwargs, state, items, entries: REDUCE, NEWOBJ(_EX), INST, OBJ,
                   BUILD */
    PKL_PERSID,
    PKL_EXTENSION,
    PKL_BUFFER, /* out-of-band */
    PKL_BROKEN  /* what stood on the stack where the pickle breaks */
};

/* Can there be something to unfold? */
static inline bool pkl_kind_has_children(enum pkl_kind kind)
{
    return (kind >= PKL_LIST && kind <= PKL_FROZENSET) || kind == PKL_OBJECT ||
           kind == PKL_PERSID || kind == PKL_BROKEN;
}

/*
 * A value's id: 64 bits of source number, tag and the offset of the opcode that *made* it (']',
 * 't', 'R', 'K' ...; BUILD and SETITEMS keep the maker).  A GET or DUP is a reference with an id of
 * its own.  Begin offsets are not unique, makers are.  0 is no id.  The tag tells apart things made
 * by one opcode: the value itself, the virtual list of an object's items, of its entries, the
 * stream, a broken end.
 */
typedef uint64_t pkl_id;
enum pkl_tag {
    PKL_TAG_VALUE = 1,
    PKL_TAG_REF,
    PKL_TAG_ITEMS,
    PKL_TAG_ENTRIES,
    PKL_TAG_STREAM,
    PKL_TAG_BROKEN,
    PKL_TAG_SLOTS,
    PKL_TAG_ARGS,   /* arguments of INST and OBJ: a tuple that is not in the file */
    PKL_TAG_CLASS,  /* class of INST: named inside the opcode */
    PKL_TAG_LENS,   /* entries that an object shows through its lens and that stand in pairs */
    PKL_TAG_ELEMENT /* element of an array: computed from its bytes; see the lenses */
};
#define PKL_ID(source, tag, offset)                                                                \
    ((uint64_t)(source) << 60 | (uint64_t)(tag) << 56 | (uint64_t)(offset))
#define PKL_ID_SOURCE(id) ((unsigned)((id) >> 60))
#define PKL_ID_TAG(id) ((enum pkl_tag)((id) >> 56 & 15u))
#define PKL_ID_OFFSET(id) ((id) & (((uint64_t)1 << 56) - 1))

struct pkl_node {
    pkl_id id;      /* of the value, or of the reference */
    pkl_id target;  /* of the value; equals id unless `ref` */
    uint64_t begin; /* bytes written for it at this place: [begin, end), memo opcodes right behind
                       it included */
    uint64_t end;
    uint64_t
        count; /* children: list, tuple, set items; dict: stored pairs; object: see
                  pkl_view.children; str, bytes, bytearray, py2 str: bytes of payload; else 0 */
    enum pkl_kind kind;
    uint8_t opcode; /* that made it (of a reference: the GET or DUP) */
    bool ref;
};

/* How one gets from a container to a child. */
enum pkl_step {
    PKL_STEP_INDEX,  /* [3]: list, tuple, items of an object */
    PKL_STEP_KEY,    /* ['k']: dict, entries of an object */
    PKL_STEP_ATTR,   /* .name: attribute, from the state of an object */
    PKL_STEP_MEMBER, /* of a set */
    PKL_STEP_PART,   /* @args and so on */
    PKL_STEP_ROOT    /* @N: the N-th pickle of the stream */
};
enum pkl_part {
    PKL_PART_NONE,
    PKL_ARGS,
    PKL_KWARGS,
    PKL_STATE,
    PKL_SLOTS,
    PKL_ITEMS,
    PKL_ENTRIES,
    PKL_CLASS,
    PKL_PID,
    PKL_KEY
};

/*
 * A child and its place.  The place (owner, index) is what an edit changes: the container that
 * really holds the value (for an attribute: the state dict, not the object) and the position among
 * what it stores.  A place is unique; a value may stand in many places.  Of an object itself index
 * 0 is its class, 1 args, 2 kwargs, 3 and up its states; its items, its entries and the arguments
 * of an INST or OBJ are places of the virtual containers (PKL_TAG_ITEMS, _ENTRIES, _ARGS).
 */
struct pkl_child {
    enum pkl_step step;
    enum pkl_part part;  /* when step is PKL_STEP_PART */
    pkl_id owner;        /* the container that holds it */
    uint64_t index;      /* among the owner's stored children */
    uint64_t position;   /* among the children of the node that was asked, as shown */
    struct pkl_node key; /* PKL_STEP_KEY, PKL_STEP_ATTR; key.id is 0 otherwise */
    struct pkl_node value;
};

struct pkl_doc;

/*
 * What printing, paths, the tree and the verifier read: a document, or a document with edits on
 * top.
 *
 * children(): the children of `id` (a reference's own id works like its target) from position
 * `first`, at most `count`, into out; *got says how many.  Of list, tuple, set: the items.  Of a
 * dict: the stored pairs.  Of an object, in this order, what is there: @args when not empty (as one
 * child, a tuple), @kwargs, then its attributes (a state that is a dict; of a 2-tuple of
 * dict-or-None those of both halves), or @state when the state is anything else; items; entries.
 * Leaves have none. count_children(): how many positions there are. part(): one part of an object
 * (PKL_CLASS: the callable), or of a pid; PB_ENOTFOUND if it has none.
 */
struct pkl_view {
    enum pb_err (*node)(struct pkl_view *v, pkl_id id, struct pkl_node *out, struct error *e);
    enum pb_err (*count_children)(struct pkl_view *v, pkl_id id, uint64_t *count, struct error *e);
    enum pb_err (*children)(struct pkl_view *v, pkl_id id, uint64_t first, size_t count,
                            struct pkl_child *out, size_t *got, struct error *e);
    enum pb_err (*part)(struct pkl_view *v, pkl_id id, enum pkl_part part, struct pkl_child *out,
                        struct error *e);
    uint64_t (*roots)(struct pkl_view *v); /* pickles in the stream */
    enum pb_err (*root)(struct pkl_view *v, uint64_t n, struct pkl_child *out, struct error *e);
    struct pkl_doc *(*doc)(struct pkl_view *v, unsigned source); /* who owns ids of that source */
    /* The object is shown without its lens (pkl_lens.h).  NULL: none is. */
    bool (*is_raw)(struct pkl_view *v, pkl_id id);
    /* The document that this view shows just as it is, edits and all else aside: what prints much
     * of it may read it directly.  NULL, or returns NULL: there is none. */
    struct pkl_doc *(*unedited)(struct pkl_view *v);
    /* The same where at least its dicts are shown just as they are. */
    struct pkl_doc *(*dicts)(struct pkl_view *v);
    unsigned py2_str; /* how previews read a Python 2 str: enum pkl_py2_str */
};

/* Limits; 0 means the default.  Exceeding one is PB_ELIMIT and names it. */
struct pkl_limits {
    uint64_t max_stack; /* values standing at once */
    uint64_t max_marks;
    uint64_t max_memo;    /* occupied slots */
    uint64_t max_records; /* containers recorded */
    uint64_t max_pickles; /* pickles in one stream */
};

/* The source is borrowed and must outlive the document.  source_no goes into every id (0 .. 15). */
enum pb_err pkl_doc_new(struct source *src, unsigned source_no, const struct pkl_limits *limits,
                        struct pkl_doc **out, struct error *e) PB_CHECK;
void pkl_doc_free(struct pkl_doc *d);

/* Indexes at most about `budget` bytes more.  *done when the end is reached, also when the pickle
 * breaks (that is not a failure of this call: see pkl_doc_error).  PB_EAGAIN: bytes are not here
 * yet.  A source that grows at its end (new values of an edit) may be stepped again after *done:
 * pickles appended since are indexed. */
enum pb_err pkl_doc_step(struct pkl_doc *d, uint64_t budget, bool *done, struct error *e) PB_CHECK;
/* All of it now. */
enum pb_err pkl_doc_index(struct pkl_doc *d, struct error *e) PB_CHECK;
uint64_t pkl_doc_indexed(const struct pkl_doc *d); /* bytes passed so far, for progress */

/* PB_OK, or why and where the pickle breaks (PB_EPICKLE, PB_ELIMIT, PB_ECHANGED ...). */
enum pb_err pkl_doc_error(const struct pkl_doc *d, struct error *e);
/* The first bytes cannot begin a pickle, or it broke so early that nobody would call it one. */
bool pkl_doc_is_pickle(const struct pkl_doc *d);

struct pkl_info {
    unsigned protocol;            /* highest PROTO seen; 0 or 1 without one, by the opcodes used */
    unsigned max_opcode_protocol; /* newest opcode in the stream */
    bool py2;                     /* has STRING-family opcodes (and no protocol above 2) */
    uint64_t pickles;             /* complete ones in the stream */
    uint64_t frames;
    uint64_t opcodes;
    uint64_t memo_puts, memo_gets;
    uint64_t end;                  /* one past the last STOP */
    uint64_t trailing;             /* bytes after it that are no pickle */
    uint64_t records, checkpoints; /* kept by the index */
    uint64_t memory;               /* bytes the index holds */
};
void pkl_doc_info(const struct pkl_doc *d, struct pkl_info *out);

struct pkl_view *pkl_doc_view(struct pkl_doc *d);
struct source *pkl_doc_source(struct pkl_doc *d);

/* Was the list or bytearray changed otherwise than by growing (SETITEM by number, APPEND on a
 * bytearray)?  Its bytes are not those of its opcode then.  Such a pickle is read, not edited. */
bool pkl_doc_altered(const struct pkl_doc *d, pkl_id id);

/* Where unpicklers differ: other versions, or Python's own beside the one in C, read it otherwise
 * or not at all; and what is hidden.  In order of the bytes; the first ones of `total`. */
struct pkl_note {
    uint64_t offset;
    const char *text; /* one sentence, static */
    uint8_t opcode;
    bool hidden; /* something that Python would load is not shown at all */
};
size_t pkl_doc_notes(const struct pkl_doc *d, const struct pkl_note **out, uint64_t *total);

/* FRAME opcodes in order: offset of the opcode, declared length. */
struct pkl_frame {
    uint64_t offset, length;
};
size_t pkl_doc_frames(const struct pkl_doc *d, const struct pkl_frame **out);

/*
 * Memo facts for the writer.  A resumable walk over the opcodes of the whole stream, in order; the
 * callback sees every memo opcode with the slot it means.
 */
enum pkl_memo_op {
    PKL_MEMO_PUT,
    PKL_MEMO_IMPLICIT, /* MEMOIZE */
    PKL_MEMO_GET,
    PKL_MEMO_FIXED /* no memo opcode, but one that cannot be left out either: PROTO, NEXT_BUFFER */
};
struct pkl_memo_event {
    enum pkl_memo_op op;
    uint64_t offset, end; /* of the opcode */
    uint64_t slot;
    uint64_t pickle; /* which pickle of the stream */
    uint64_t start;  /* where that begins */
};
struct pkl_memo_walk {
    struct pkl_doc *doc;
    uint64_t at; /* so far */
    uint64_t used, pickle, start;
    size_t logged;
};
void pkl_memo_walk_init(struct pkl_memo_walk *w, struct pkl_doc *d);
/* Before the first step: begins at or somewhat in front of an offset, when numbers can be known
 * there. */
enum pb_err pkl_memo_walk_seek(struct pkl_memo_walk *w, uint64_t at, struct error *e) PB_CHECK;
/* About `budget` bytes more.  see() returns false to end it. */
enum pb_err pkl_memo_walk_step(struct pkl_memo_walk *w, uint64_t budget,
                               bool (*see)(void *ctx, const struct pkl_memo_event *ev), void *ctx,
                               bool *done, struct error *e) PB_CHECK;

/* One opcode, for leaf decoding, disassembly and the hex view: name, argument kind, length. */
struct pkl_opcode {
    const char *name; /* NULL: no such opcode */
    uint8_t code;
    unsigned protocol; /* that introduced it */
    const char *doc;
};
const struct pkl_opcode *pkl_opcode(uint8_t code);
/* Length of the opcode at `offset` with its argument: header (opcode, number or length field) and
 * payload (bytes behind a length field; lines of text with their newlines). */
enum pb_err pkl_opcode_length(struct source *s, uint64_t offset, uint64_t *header,
                              uint64_t *payload, struct error *e) PB_CHECK;

#endif
