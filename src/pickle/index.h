/*
 * What the index pass keeps, and the state in which it can be suspended.  Private to the engine.
 *
 * Kept: records of containers that are costly to re-read, with checkpoints; memo marks; logs of
 * what is out of the ordinary (memo slots off the dense sequence, DUPs, containers changed away
 * from their own span). Not kept: anything per leaf, anything per small container, the memo.
 *
 *   records   in order of their ends; each followed (towards the front) by its descendants, so that
 *             [i - subtree + 1, i] is a recorded container with all that is recorded inside it
 *   parent    index of the innermost record around it, known after scan_settle()
 *
 * The stack of the pass (struct sval) tells apart values that may still change by staying on top
 * from those that are done; huge runs of done values are folded into one entry each few KiB.
 */
#ifndef PICKLE_INDEX_H
#define PICKLE_INDEX_H

#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_doc.h>

#include "idmap.h"
#include "opcode.h"

/* How fine the index is: what may have to be re-read at once. */
struct grain {
    uint64_t record;     /* bytes to re-read from which a container is recorded */
    uint64_t skip;       /* what skipping a recorded child counts */
    uint64_t checkpoint; /* bytes between two of them */
    uint64_t memo_mark;
    uint64_t payload; /* leaves recorded so that they are skipped */
    uint64_t fold;    /* entries of the stack from which its lower part is folded */
};
#define GRAIN_USUAL ((struct grain){4096, 64, 4096, 4096, 16384, 204800})

#define NO_RECORD UINT32_MAX
#define ARGS_UNKNOWN UINT64_MAX /* few: counted when somebody asks */
#define NO_BIAS 0xffffffu

#define KIND_REF 0xffu /* kind of a GET or DUP before anyone asked */

/* In what capacity a container takes a value. */
enum phase {
    PH_ITEM,  /* list, tuple, set; items of an object */
    PH_PAIR,  /* dict; entries of an object: two values each */
    PH_STATE, /* BUILD */
    PH_ARG,   /* INST, OBJ: arguments that are no tuple */
    PH_HEAD,  /* class, args, kwargs; module, name; pid */
    PH_STAND  /* stands on the stack where the pickle breaks */
};

/* A boundary from which reading may begin: offset << 8 | phase << 1 | group open. */
struct checkpoint {
    uint64_t at, index;
};
#define CHECKPOINT(off, phase, open)                                                               \
    ((uint64_t)(off) << 8 | (uint64_t)(phase) << 1 | (uint64_t)(open))
#define CHECKPOINT_OFFSET(c) ((c)->at >> 8)
#define CHECKPOINT_PHASE(c) ((enum phase)((c)->at >> 1 & 7))
#define CHECKPOINT_OPEN(c) (((c)->at & 1) != 0)

struct checkpoints {
    struct checkpoint *data;
    size_t len, cap;
    bool mixed; /* of several phases: not in order of their indexes */
};

struct record {
    uint64_t begin, end, maker;
    uint64_t items, pairs;
    uint64_t args; /* direct ones, of INST and OBJ */
    uint32_t states;
    uint32_t subtree, parent;
    struct checkpoints points;
};

/* An entry of the pass's value stack. */
enum sval_flags {
    SV_REF = 1,         /* GET, DUP */
    SV_RECORDED = 2,    /* n is the index of its record */
    SV_RUN = 4,         /* n values folded together, written from `begin` up to `maker` */
    SV_STATE = 8,       /* has had a BUILD */
    SV_UNHASHABLE = 16, /* cannot be a key; of a run: one at an even place */
    SV_UNHASHABLE_ODD = 32,
    SV_ODD = 64,   /* stands at an odd place above its mark; runs stand at even ones */
    SV_DOUBT = 128 /* whether it can be a key has to be looked for: a reference, a tuple with one
                      inside; of a run: one at an even place */
};
#define SV_DOUBT_ODD SV_STATE /* of a run, which has no state */
struct sval {
    uint64_t begin, maker;
    uint32_t n;     /* items so far */
    uint16_t pairs; /* so far: what is not recorded has few */
    uint8_t kind;   /* enum pkl_kind or KIND_REF */
    uint8_t flags;
};
struct smark {
    uint64_t offset, height;
};

/* (offset, memo count) every few KiB, always in front of an opcode that is not PUT, FRAME or PROTO.
 */
struct memo_mark {
    uint64_t offset;
    uint64_t count_bias; /* dense puts so far << 24 | slot of the first one */
};

/* A put off the dense sequence, or one that does not follow the opcode that made the value. */
struct memo_put {
    uint64_t slot, offset;
    uint64_t maker; /* final: never that of a GET */
    uint32_t epoch;
    uint32_t before; /* the put of the same slot before it, + 1 */
    bool dense;
    bool fresh; /* the slot was free, and is not dense */
};

struct dup {
    uint64_t offset, maker;
};

/* Values that a container got away from its own span: through a GET or DUP. */
struct extra {
    uint64_t maker;      /* of the container */
    uint64_t op;         /* the opcode that put them in */
    uint64_t begin;      /* where its group, or its single value begins */
    uint64_t own_before; /* of that phase, when it happened; UINT64_MAX: all */
    uint64_t count;
    enum phase phase;
    bool open; /* begin is a MARK */
    struct checkpoints points;
};

/* An item of a list set by its number; a byte of a bytearray set so, or put behind its end. */
struct alter {
    uint64_t maker; /* of the list or bytearray */
    uint64_t op;
    uint64_t index;
    uint64_t what; /* number of the pair that the list took; serial number << 8 | byte */
};

/* The protocol from an offset on: the last PROTO counts, and every pickle begins without one. */
struct proto_mark {
    uint64_t offset;
    unsigned protocol;
};

/* Starts of pickles: of every long one and the one behind it, else one every few KiB. */
struct pickle_mark {
    uint64_t offset, number;
    bool lengthy; /* reaches up to the next mark */
};

/* An array that joblib wrote behind the BUILD of its wrapper, while it is passed over. */
struct scan_inline {
    uint64_t at;    /* one past the BUILD; 0: none */
    uint64_t bytes; /* of the array and of what aligns it */
    uint64_t align;
    bool pickled; /* a whole pickle instead */
    bool padded;  /* what aligns it is counted */
};
struct inline_dtype {
    uint64_t maker, size;
    bool objects;
};
/* [begin, end) makes the shape or dtype of such an array. */
struct inline_sizing {
    uint64_t begin, end;
};

struct scan {
    struct scan_inline inlined;
    uint64_t at;          /* of the next opcode */
    uint64_t last;        /* the last opcode but PUT, FRAME, PROTO */
    uint64_t start;       /* of this pickle */
    uint64_t number;      /* of this pickle */
    uint64_t ops;         /* in this pickle */
    uint64_t gets_before; /* in those before it */
    size_t settled;       /* the parents of what stands in the records before that one are known */

    struct {
        struct sval *data;
        size_t len, cap;
    } stack;
    struct {
        struct smark *data;
        size_t len, cap;
    } marks;
    size_t folded; /* entries below are folded already */

    uint64_t memo_count;  /* dense puts */
    uint64_t memo_sparse; /* other slots in use */
    uint32_t memo_bias;   /* slot of the first dense put, NO_BIAS: none yet */
    uint32_t epoch;
    uint64_t next_mark;
    uint64_t frame_end; /* of the newest frame, until an opcode was met there; 0: none */
    uint64_t open_mark; /* offset of the MARK whose group is being taken */
    bool slot_missing;  /* what broke the pickle is a GET of an empty slot */
    bool shared;        /* one memo for all pickles of the stream */
    bool shared_tried;
    uint64_t shared_goal; /* where it broke without */
    int code;             /* of the opcode at `at`, -1: there is none */

    /* A long payload or line in the middle of being checked. */
    bool in_payload, in_line;
    uint64_t checked;
    unsigned protocol; /* highest PROTO */
    unsigned proto;    /* the last one, as far as it is in `protos` */
    bool opened;       /* this pickle began with a PROTO */
};

struct memo_hash {
    uint32_t *slot; /* index of the latest put + 1, 0: free */
    size_t size, used;
};

/* Memo slots that hold what can be a key: memo_sure.c. */
#define SURE_PAGE 512u
struct sure_page {
    uint64_t *bits; /* NULL: none is set */
    uint32_t read;  /* so many slots of it */
};
/* Values above a mark. */
struct sure_level {
    uint64_t last;     /* the last ones: bit 0 is the top; set: it can be a key */
    uint64_t doubtful; /* how many perhaps cannot */
    uint64_t n;
};
struct memo_sure {
    struct {
        struct sure_page *data;
        size_t len, cap;
    } pages; /* of the dense sequence */
    /* How far was read: the next opcode, UINT64_MAX: nothing was; dense PUTs in front of it. */
    uint64_t at, count;
    struct {
        struct sure_level *data;
        size_t len, cap;
    } levels;
    uint64_t from, range; /* slots from there on, so many, are sure */
    uint32_t pages_read, looks;
    bool all; /* is read, from the first slot on */
};

struct wval;
struct walk_ahead;
struct nd_book;
struct pkl_doc {
    struct pkl_view view;
    struct source *src;
    unsigned no;
    struct pkl_limits limits;
    struct grain grain;
    struct scan scan;
    bool vector; /* vector_run_works() */

    struct {
        struct record *data;
        size_t len, cap;
    } records;
    struct {
        struct memo_mark *data;
        size_t len, cap;
    } marks;
    struct {
        struct memo_put *data;
        size_t len, cap;
    } puts;
    struct {
        struct dup *data;
        size_t len, cap;
    } dups;
    struct {
        struct extra *data;
        size_t len, cap;
    } extras;
    struct idmap extra_items; /* makers + 1 to items that they got so; of the first `counted` */
    size_t extras_counted;
    struct {
        struct alter *data;
        size_t len, cap;
    } alters;             /* by maker, index and time when the pass is done */
    struct idmap altered; /* makers + 1 to pairs of a list, bytes behind the end of a bytearray */
    struct idmap viewed_as_buffer; /* makers + 1 of bytearrays to READONLY_BUFFER + 1, 0: gone */
    uint64_t alter_serial;
    struct {
        struct pickle_mark *data;
        size_t len, cap;
    } pickles;
    struct {
        struct pkl_frame *data;
        size_t len, cap;
    } frames;
    struct {
        struct proto_mark *data;
        size_t len, cap;
    } protos; /* where it changes; a PROTO at the start of a pickle that says the same is none */
    struct {
        struct pkl_note *data;
        size_t len, cap;
    } notes;
    uint64_t note_count;
    struct memo_hash hash;
    struct memo_sure sure;
    uint64_t checkpoint_count;

    bool viewed;         /* somebody else looked at the source: views are gone */
    bool seen[256];      /* opcodes */
    bool done;           /* until the source grows */
    uint64_t seen_size;  /* of the source then */
    struct error error;  /* code PB_OK: none */
    bool broken;         /* the last pickle stands in `stand` */
    struct record stand; /* begin .. end, items: what stood there, with checkpoints */
    struct pkl_info info;
    uint64_t end; /* one past the last STOP */

    struct wval *cache;           /* containers located lately */
    struct pickle_mark last_root; /* the pickle that was asked for last */
    struct walk_ahead *ahead;     /* of some containers */
    uint64_t ahead_turn;
    struct {
        uint64_t *data;
        size_t len, cap;
    } wrappers; /* makers of globals that are joblib's wrapper of arrays */
    struct {
        struct inline_dtype *data;
        size_t len, cap;
    } dtypes; /* of such arrays */
    struct {
        struct inline_sizing *data;
        size_t len, cap;
    } sizing;
    struct nd_book *book; /* of what lenses compute; see lens/nd.h */
    struct {
        uint64_t slot, maker;
        uint32_t epoch;
    } memo_cache[256];
};

/* doc_view.c */
extern const struct pkl_view doc_view;
enum pb_err doc_view_node(struct pkl_doc *d, const struct wval *v, struct pkl_node *out,
                          struct error *e) PB_CHECK;

/* doc.c: the protocol that counts at an offset; 0: there was no PROTO. */
unsigned doc_protocol_at(const struct pkl_doc *d, uint64_t at);

/* Before the first step: for tests, which meet every corner of a fine index in small files. */
void pkl_doc_set_grain(struct pkl_doc *d, const struct grain *g);

/* scan_stack.c: the value stack of the pass and the records. */
bool scan_push(struct pkl_doc *d, uint64_t begin, uint64_t maker, uint8_t kind, uint8_t flags);
/* Entries below belong to an outer mark. */
static inline size_t scan_fence(const struct scan *s)
{
    return s->marks.len > 0 ? (size_t)s->marks.data[s->marks.len - 1].height : 0;
}
/* SV_ODD if the next value will stand at an odd place above the mark, else 0. */
static inline uint8_t scan_place(const struct scan *s)
{
    uint8_t top;

    if (s->stack.len == scan_fence(s))
        return 0;
    top = s->stack.data[s->stack.len - 1].flags;
    return (uint8_t)(top & SV_RUN ? top & SV_ODD : ~top & SV_ODD);
}
/* The last n values as entries of their own (unfolds); false in e when there are not so many above
 * the mark. */
enum pb_err scan_need(struct pkl_doc *d, size_t n, struct error *e) PB_CHECK;
uint64_t scan_count(const struct scan *s, size_t first);
/* Replaces entries from `first` on by one value made of them; those from `kids` on are its
 * children.  Only where a MARK stands in front can reading begin in their midst. */
enum pb_err scan_make(struct pkl_doc *d, size_t first, uint64_t begin, uint8_t kind, uint8_t flags,
                      enum phase phase, size_t kids, bool marked, uint64_t after,
                      struct error *e) PB_CHECK;
/* Entries from `kids` on go into the entry `target`. */
enum pb_err scan_touch(struct pkl_doc *d, size_t target, enum phase phase, size_t kids, bool open,
                       uint64_t after, struct error *e) PB_CHECK;
/* What re-reading [begin, after) costs: bytes, and grain.skip for each recorded value.  Each byte
 * more, in front of it down to `edge` or behind it, is one more as long as nothing is recorded. */
uint64_t scan_cost(const struct pkl_doc *d, uint64_t begin, uint64_t after, uint64_t *edge);
/* Is that more than grain.record? */
bool scan_is_costly(const struct pkl_doc *d, uint64_t begin, uint64_t after);
/* The top's bytes now reach to `after`. */
void scan_extend(struct pkl_doc *d, uint64_t after);
/* A long leaf on top is recorded. */
enum pb_err scan_record_leaf(struct pkl_doc *d, uint64_t after, struct error *e) PB_CHECK;
/* Items that a list has at this moment; it may stand anywhere. */
enum pb_err scan_items_now(struct pkl_doc *d, uint64_t maker, uint64_t *out,
                           struct error *e) PB_CHECK;
void scan_extras_recount(struct pkl_doc *d);

/* scan_alter.c */
/* Does Python set items by number, or bytes, where the container has another way to grow? */
bool scan_alter_is(enum pkl_kind kind, enum phase phase);
/* The values from `kids` on change the target, at scan.at. */
enum pb_err scan_alter(struct pkl_doc *d, const struct sval *target, enum pkl_kind kind,
                       enum phase phase, size_t kids, struct error *e) PB_CHECK;
/* The bytearray becomes a memoryview, at `at`; such a value leaves the stack. */
enum pb_err scan_alter_viewed(struct pkl_doc *d, uint64_t maker, uint64_t at,
                              struct error *e) PB_CHECK;
enum pb_err scan_alter_dropped(struct pkl_doc *d, const struct sval *v, struct error *e) PB_CHECK;
void scan_alter_sort(struct pkl_doc *d);
void scan_alter_forget(struct pkl_doc *d, uint64_t at);
void scan_alter_release(struct pkl_doc *d);
/* Those of indexes [first, first + count), the last one of an index counts; NULL: none. */
const struct alter *alters_of(const struct pkl_doc *d, uint64_t maker, uint64_t first,
                              uint64_t count, size_t *n);
/* One past the largest index; 0: there are none. */
uint64_t alters_end(const struct pkl_doc *d, uint64_t maker);
/* scan_fold.c */
void scan_fold(struct pkl_doc *d); /* when there is much to fold */
/* The run at `at` as single entries again. */
enum pb_err scan_unfold(struct pkl_doc *d, size_t at, struct error *e) PB_CHECK;

/* scan_inline.c: does the size of an array of joblib, which stands in the pickle, depend on what is
 * made at `at`? */
bool scan_inline_sizes(const struct pkl_doc *d, uint64_t at);

/* Parents are known: when the pickle is complete, when it broke, and whenever something is re-read
 * before. */
void scan_settle(struct pkl_doc *d);
enum pb_err scan_stand(struct pkl_doc *d, uint64_t end, struct error *e) PB_CHECK;
void checkpoints_release(struct checkpoints *c);

/* memo.c */
bool memo_occupied(const struct pkl_doc *d, uint64_t slot);
/* The top is stored in a slot by the opcode at `at`. */
enum pb_err memo_put(struct pkl_doc *d, uint64_t slot, bool implicit, uint64_t at,
                     struct error *e) PB_CHECK;
/* Maker of the value that a GET at `at` of `slot` means. */
enum pb_err memo_get(struct pkl_doc *d, uint64_t at, uint64_t slot, uint64_t *maker,
                     struct error *e) PB_CHECK;
/* The slot that the PUT at `at` fills, in a pickle without puts off the dense sequence.
 * PB_ENOTFOUND: no PUT is there. */
enum pb_err memo_put_slot(struct pkl_doc *d, uint64_t at, uint64_t *slot, struct error *e) PB_CHECK;
/* Maker of what the GET or DUP at `at` refers to. */
enum pb_err memo_target(struct pkl_doc *d, uint64_t at, uint64_t *maker, struct error *e) PB_CHECK;
/* Where what the GET or DUP at `at`, the last of its slot, means was stored: the PUT when it is not
 * right behind the opcode that made the value, else 0; the DUP itself. */
enum pb_err memo_stored_at(struct pkl_doc *d, uint64_t at, uint64_t *put, struct error *e) PB_CHECK;
/* Kind of the value made at `maker`. */
enum pb_err value_kind(struct pkl_doc *d, uint64_t maker, enum pkl_kind *kind, uint8_t *opcode,
                       struct error *e) PB_CHECK;
/* Forgets puts from `at` on. */
void memo_forget(struct pkl_doc *d, uint64_t at);
/* During the pass: was the slot filled otherwise than in the dense sequence alone?  Is the PUT at
 * `at` none of that sequence?  Where to begin to count it so that a slot of it is met. */
bool memo_is_logged(const struct pkl_doc *d, uint64_t slot);
bool memo_is_sparse(const struct pkl_doc *d, uint64_t at);
void memo_mark_before(const struct pkl_doc *d, uint64_t slot, uint64_t *at, uint64_t *count);

/* memo_sure.c: during the pass; slots that hold what can be a key. */
static inline bool memo_is_sure(const struct pkl_doc *d, uint64_t slot)
{
    uint64_t place = slot - d->scan.memo_bias, page = place / SURE_PAGE;

    return page < d->sure.pages.len && d->sure.pages.data[page].bits != NULL &&
           (d->sure.pages.data[page].bits[place % SURE_PAGE / 64] >> place % 64 & 1) != 0;
}
/* Is that known by the opcodes alone?  If not, only what is in the slot tells. */
enum pb_err memo_sure_find(struct pkl_doc *d, uint64_t slot, bool *sure, struct error *e) PB_CHECK;
/* Somebody looked: it is sure. */
enum pb_err memo_sure_note(struct pkl_doc *d, uint64_t slot, struct error *e) PB_CHECK;
void memo_sure_drop(struct pkl_doc *d, uint64_t slot); /* it is filled anew */
void memo_sure_forget(struct pkl_doc *d);              /* another memo begins */
uint64_t memo_sure_memory(const struct pkl_doc *d);
/* Start and number of the pickle around `at`. */
enum pb_err pickle_around(struct pkl_doc *d, uint64_t at, struct pickle_mark *out,
                          struct error *e) PB_CHECK;

#endif
