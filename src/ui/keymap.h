/*
 * The table of keys (keymap.def): what each does, where, and what must be there for it.
 */
#ifndef UI_KEYMAP_H
#define UI_KEYMAP_H

#include "input.h"

struct ui;

enum context {
    CTX_LIST = 1,  /* buckets, prefixes, keys */
    CTX_TREE = 2,  /* a value */
    CTX_INFO = 4,  /* the right pane without a tree: properties, progress, an error, nothing */
    CTX_PAGER = 8, /* help, messages, details */
    CTX_DIALOG = 16,
    CTX_PROMPT = 32,
    CTX_PICKER = 64, /* rows over the panes */
    CTX_FIND = 128,  /* the same, narrowed by what is typed */
    CTX_VALUE = 256, /* one long value over the panes */
    CTX_TABLE = 512,
    CTX_VERSIONS = 1024,
    CTX_PANES = 7,
    CTX_ALL = 2047
};

enum need {
    NEED_SOMETHING = 1, /* an object is open, or one is under the cursor */
    NEED_TREE = 2,
    NEED_EDIT = 4,
    NEED_ASKED = 8, /* a big object waits to be asked for */
    NEED_LISTING = 16,
    SHOW_CHANGED = 32, /* the key line shows it only then */
    SHOW_UNSAVED = 64,
    SHOW_ROW_CHANGED = 128,
    SHOW_ROW_TEXT = 256, /* the row is one that is edited as a text */
    SHOW_HERE = 512,     /* something is listed, or open, in the pane with the focus */
    SHOW_EDITOR = 1024,  /* the line is a value, which may go through the editor */
    SHOW_MARKED = 4096,  /* objects are marked */
    SHOW_INT = 2048,     /* the value that is open is an int */
    SHOW_COMPLETE = 8192 /* the line can be completed */
};

struct command {
    const char *name; /* NULL: a section of the help, `help` is its title */
    const char *keys; /* names with blanks between */
    unsigned contexts, needs;
    void (*run)(struct ui *u, int arg);
    int arg;
    const char *label, *help;
};

/* Other keys than those of the table.  All zero bytes: none. */
struct keymap {
    struct {
        struct keymap_change {
            const struct command *command;
            char *keys; /* names with blanks between */
        } * data;
        size_t len, cap;
    } changes;
};
void keymap_release(struct keymap *m);
/* NULL: no memory, no such command, or *bad (of `keys`) is no name of a key. */
const struct command *keymap_change(struct keymap *m, const char *name, const char *keys,
                                    const char **bad);

size_t keymap_count(void);
const struct command *keymap_row(size_t i);
const struct command *keymap_named(const char *name); /* NULL: none is called so */
/* The command of a key in one context; NULL: none.  A changed key goes before one of the table.
 * m NULL here and below: the table as it is. */
const struct command *keymap_find(const struct keymap *m, enum context context, uint32_t key);
/* The i-th key of a command; K_NONE behind the last. */
uint32_t keymap_key(const struct keymap *m, const struct command *c, size_t i);
/* Its keys for the help, "j, Down". */
void keymap_keys(const struct keymap *m, const struct command *c, struct buf *out);

#endif
