/*
 * One long value over the panes.
 *
 * view_value.c shows its text or its bytes and looks in them; value_int.c makes an int the text of
 * its digits.  The view owns what it decoded; bytes that stand in the source are only borrowed.
 */
#ifndef UI_VALUE_H
#define UI_VALUE_H

#include <pklbrowse/num.h>

#include "flow.h"
#include "state.h"

struct value_view {
    struct view view;
    struct job job; /* lays out the text */
    struct ui *u;
    bool running;
    struct source *source; /* borrowed from the document, or `own` */
    struct source *own;
    uint64_t base, size;
    bool hex;
    uint64_t bits; /* of an int; else 0 */
    struct pkl_node number;
    struct job convert; /* to decimal, while `decimal` is there */
    struct num_decimal *decimal;
    bool is_decimal;
    bool to_end; /* of the text, once it is laid out */
    struct buf title;
    struct flow flow;
    struct list list;
    struct buf sought;
    uint64_t hit; /* byte; UINT64_MAX: none */
};

extern const struct view_ops view_value;

/* Another text in place of the one that is shown; takes it over. */
void value_show_text(struct value_view *v, struct source *text);

/* The hex digits of a long int; false: said why not. */
bool value_int_open(struct ui *u, struct value_view *v, const struct pkl_node *node);
void value_int_stop(struct value_view *v); /* also when nothing is being converted */

#endif
