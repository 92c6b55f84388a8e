/*
 * Which opcode takes a value off the stack.
 *
 * Nearly always the next one, or the one behind the next values of the same group.  But a call may
 * stand between them of which the result is dropped, as of a function that sets the state of an
 * object; and parts of what was deleted once.
 */
#include <stdlib.h>
#include <string.h>

#include "opcode.h"
#include "opcode_bytes.h"
#include "splice_private.h"

/* So many values does an opcode take, all above a mark left out, and so many does it leave. */
static void effect_of(uint8_t code, unsigned *takes, unsigned *leaves, bool *mark)
{
    const char *p = op_info[code].effect;
    unsigned *count = takes;

    *takes = *leaves = code == CODE_DUP ? 1 : 0;
    *mark = false;
    if (op_info[code].class == OP_PUT || code == CODE_DUP || code == CODE_READONLY_BUFFER) {
        *takes = 0; /* the one on top stays */
        return;
    }
    while (*p != '\0') {
        size_t n = strcspn(p, " ");

        if (n == 2 && strncmp(p, "->", 2) == 0)
            count = leaves;
        else if (n == 4 && strncmp(p, "mark", 4) == 0)
            *mark = *mark || count == takes;
        else if (*p != '-')
            ++*count;
        p += n + strspn(p + n, " ");
    }
}

enum pb_err splice_taker(struct source *src, uint64_t from, uint64_t to, uint64_t *at,
                         struct error *e)
{
    struct {
        uint64_t *data;
        size_t len, cap;
    } marks = {NULL, 0, 0};
    uint64_t above = 0, header, payload;
    enum pb_err err = PB_OK;

    for (*at = from; *at < to; *at += header + payload) {
        unsigned takes, leaves;
        const uint8_t *p;
        bool mark;
        size_t n;

        err = source_view(src, *at, 1, &p, &n, e);
        if (err != PB_OK || n == 0)
            break;
        effect_of(*p, &takes, &leaves, &mark);
        if (*p == CODE_POP && marks.len > 0 && marks.data[marks.len - 1] == above) {
            marks.len--; /* it was the mark that was dropped */
            takes = 0;
        } else if (mark && marks.len > 0) {
            above = marks.data[--marks.len];
        } else if (mark) {
            break;
        }
        if (takes > above)
            break;
        if (*p == CODE_MARK && !vec_push(&marks, above))
            err = error_nomem(e);
        above = above - takes + leaves;
        if (err == PB_OK)
            err = pkl_opcode_length(src, *at, &header, &payload, e);
        if (err != PB_OK)
            break;
    }
    vec_release(&marks);
    return err;
}
