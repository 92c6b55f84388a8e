/*
 * The opcodes one a line.  A crude machine keeps count of values and marks, as pickletools has one;
 * everything that is checked has been checked by the index pass.
 */
#include <pklbrowse/pkl_dis.h>

#include <stdlib.h>
#include <string.h>

#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

#include "dis.h"
#include "index.h"
#include "where.h"

#define LINE_MAX_BYTES (8u * 1024 * 1024)
#define PATHS_AT 50 /* column */
#define INDENT 4
#define INDENT_MAX 4096 /* marks that are shown by it */
#define OFFSET_WIDTH 5u
#define CODE_WIDTH 5u
#define NAME_WIDTH 10u /* at least, when something follows */
#define NAME_MAX_BYTES 24u
#define HEAD_MOST (64u + NUM_TEXT_MAX)

/* What an opcode does to the height of the stack. */
struct effect {
    uint8_t pops, pushes;
    bool mark; /* takes everything down to the mark first */
};

struct shown {
    char code[8], name[NAME_MAX_BYTES];
    uint8_t name_len;
};

struct dis {
    struct pkl_doc *d;
    struct dis_out out;
    struct cursor cursor;
    struct where *where; /* NULL: no paths */
    struct {
        struct open_mark {
            uint64_t at, height;
        } * data;
        size_t len, cap;
    } marks;
    uint64_t height;
    uint64_t slots; /* of the memo in use */
    size_t logged;  /* entries of the index's log of puts that are behind us */
    unsigned protocol;
    struct num_count offsets, memoized, marked;
    struct effect effects[256];
    struct shown shown[256];
};

/* "list mark -> list": one value below the mark goes, one comes. */
static struct effect parse_effect(const char *s)
{
    struct effect f = {0};
    bool after = false;

    while (*s != '\0') {
        size_t n = strcspn(s, " ");

        if (n == 2 && memcmp(s, "->", 2) == 0)
            after = true;
        else if (n == 4 && memcmp(s, "mark", 4) == 0 && !after)
            f.mark = true;
        else if (n != 1 || *s != '-')
            after ? f.pushes++ : f.pops++;
        s += n;
        s += strspn(s, " ");
    }
    return f;
}

/* ------------------------------------------------------------------------ a line */

/* What stands in front of the marks' indent, and behind it, of every opcode. */
static void make_shown(struct shown *s, uint8_t code)
{
    static const char hex[] = "0123456789abcdef";
    const char *name = pkl_opcode(code)->name;

    memset(s, ' ', sizeof *s);
    if (code < 0x80) {
        s->code[0] = (char)code;
    } else {
        memcpy(s->code, "\\x", 2);
        s->code[2] = hex[code >> 4];
        s->code[3] = hex[code & 15];
    }
    s->name_len = (uint8_t)(name != NULL ? strnlen(name, NAME_MAX_BYTES) : 0);
    memcpy(s->name, name != NULL ? name : "", s->name_len);
}

/* Offset, opcode, name; `padded` so that something can follow. */
static void put_head(struct dis *x, uint64_t at, uint8_t code, bool padded)
{
    const struct shown *s = &x->shown[code];
    size_t marks = x->marks.len < INDENT_MAX ? x->marks.len : INDENT_MAX, indent = INDENT * marks;
    size_t name = padded && s->name_len < NAME_WIDTH ? NAME_WIDTH : s->name_len, n, pad;
    char *to = buf_room(&x->out.buf, HEAD_MOST + indent);

    if (to == NULL)
        return;
    n = num_put_count(&x->offsets, to, at);
    if (n < OFFSET_WIDTH) {
        pad = OFFSET_WIDTH - n;
        memmove(to + pad, to, n);
        memset(to, ' ', pad);
        n = OFFSET_WIDTH;
    }
    memcpy(to + n, ": ", 2);
    n += 2;
    memcpy(to + n, s->code, sizeof s->code);
    n += CODE_WIDTH;
    if (indent > 0)
        memset(to + n, ' ', indent);
    n += indent;
    memcpy(to + n, s->name, sizeof s->name);
    n += name;
    to[n] = ' '; /* in front of an argument */
    x->out.buf.len += n + dis_has_arg(code);
}

/* What a line may end with, in brackets. */
static void put_note(struct buf *out, struct num_count *c, const char *what, uint64_t v)
{
    size_t n = strlen(what);
    char *to = buf_room(out, n + NUM_TEXT_MAX + 1);

    if (to == NULL)
        return;
    memcpy(to, what, n);
    n += num_put_count(c, to + n, v);
    to[n++] = ')';
    out->len += n;
}

static bool takes_mark(const struct dis *x, uint8_t code)
{
    if (code == '0')
        return x->marks.len > 0 && x->marks.data[x->marks.len - 1].height + 1 == x->height;
    return x->effects[code].mark;
}

/* Which slot a MEMOIZE fills is said by how many are in use, so every put is counted. */
static uint64_t count_put(struct dis *x, uint64_t at)
{
    const struct pkl_doc *d = x->d;
    const struct memo_put *p = x->logged < d->puts.len ? &d->puts.data[x->logged] : NULL;
    bool logged = p != NULL && p->offset == at;
    uint64_t slot = x->slots;

    x->slots += !logged || p->dense || p->fresh;
    x->logged += logged;
    return slot;
}

static enum pb_err put_argument(struct dis *x, const struct op *op, uint64_t slot, bool mark,
                                struct error *e)
{
    struct buf *out = &x->out.buf;
    bool moved = false;
    enum pb_err err = PB_OK;

    if (dis_has_arg(op->code))
        err = dis_arg(&x->out, x->d->src, op, &moved, e);
    if (moved)
        x->cursor.n = 0;
    if (mark && x->marks.len > 0)
        put_note(out, &x->marked, " (MARK at ", x->marks.data[x->marks.len - 1].at);
    else if (mark)
        buf_puts(out, " no MARK exists on stack");
    if (op->code == 0x94)
        put_note(out, &x->memoized, " (as ", slot);
    return err;
}

static enum pb_err put_path(struct dis *x, const struct op *op, size_t line, struct error *e)
{
    struct buf *out = &x->out.buf;
    const char *path;
    enum pb_err err = where_path(x->where, op->at, &path, e);
    size_t used = out->len - line;

    x->cursor.n = 0;
    if (err != PB_OK)
        return err;
    /* What a long argument has left of its line says nothing about columns. */
    if (line <= out->len && used < PATHS_AT)
        buf_fill(out, ' ', PATHS_AT - used);
    buf_printf(out, " ; %llu", (unsigned long long)x->height);
    if (path != NULL) {
        buf_putc(out, ' ');
        text_escape(out, path, strlen(path));
    }
    return PB_OK;
}

/* ---------------------------------------------------------------------- a machine */

static enum pb_err apply(struct dis *x, const struct op *op, struct error *e)
{
    const struct effect *f = &x->effects[op->code];
    uint64_t pops = f->pops;

    if (takes_mark(x, op->code) && x->marks.len > 0) {
        x->height = x->marks.data[--x->marks.len].height;
        if (op->code == '0')
            pops = 0;
    }
    x->height -= pops < x->height ? pops : x->height;
    if (op->code == '(' && !vec_push(&x->marks, ((struct open_mark){op->at, x->height})))
        return error_nomem(e);
    x->height += f->pushes;
    return PB_OK;
}

static void end_pickle(struct dis *x)
{
    buf_printf(&x->out.buf, "highest protocol among opcodes = %u\n", x->protocol);
    x->protocol = 0;
    x->height = 0;
    x->marks.len = 0;
    if (!x->d->scan.shared)
        x->slots = 0;
}

static enum pb_err one(struct dis *x, const struct op *op, bool breaks, struct error *e)
{
    size_t line = x->out.buf.len;
    bool mark = takes_mark(x, op->code), more = dis_has_arg(op->code) || mark || op->code == 0x94;
    uint64_t slot = 0;
    enum pb_err err = PB_OK;

    if (op_info[op->code].class == OP_PUT)
        slot = count_put(x, op->at);
    if (pkl_opcode(op->code)->protocol > x->protocol)
        x->protocol = pkl_opcode(op->code)->protocol;
    x->out.checked = !breaks;
    put_head(x, op->at, op->code, more);
    if (more)
        err = put_argument(x, op, slot, mark, e);
    if (err == PB_OK && !breaks)
        err = apply(x, op, e);
    if (err == PB_OK && x->where != NULL)
        err = put_path(x, op, line, e);
    buf_putc(&x->out.buf, '\n');
    if (op->code == '.' && !breaks)
        end_pickle(x);
    return err == PB_OK ? dis_flush(&x->out, false, e) : err;
}

/* The opcode at which the pickle breaks, when it is all there. */
static enum pb_err last_one(struct dis *x, struct error *e)
{
    struct error ignored;
    struct op op;

    if (x->d->error.code == PB_OK ||
        cursor_read(&x->cursor, x->d->scan.at, &op, &ignored) != PB_OK || op.end > x->d->src->size)
        return PB_OK;
    return one(x, &op, true, e);
}

enum pb_err pkl_dis(struct pkl_doc *d, const struct pkl_dis_opts *o, const struct sink *to,
                    struct error *e)
{
    struct dis x = {.d = d, .out.to = to};
    struct op op = {.end = 0};
    enum pb_err err = PB_OK;

    if (o->paths)
        err = where_new(d, &x.where, e);
    for (size_t i = 0; i < 256; i++) {
        if (op_info[i].effect != NULL)
            x.effects[i] = parse_effect(op_info[i].effect);
        make_shown(&x.shown[i], (uint8_t)i);
    }
    buf_init(&x.out.buf, LINE_MAX_BYTES);
    cursor_init(&x.cursor, d->src);
    while (err == PB_OK && op.end < d->scan.at) {
        err = cursor_read(&x.cursor, op.end, &op, e);
        if (err == PB_OK)
            err = one(&x, &op, false, e);
    }
    if (err == PB_OK)
        err = last_one(&x, e);
    if (err == PB_OK)
        err = dis_flush(&x.out, true, e);
    else if (dis_flush(&x.out, true, NULL) != PB_OK)
        buf_clear(&x.out.buf);
    where_free(x.where);
    vec_release(&x.marks);
    buf_release(&x.out.buf);
    return err;
}
