/*
 * The opcode table, as tables by byte.  Made from opcodes.def; knows nothing of documents.
 */
#ifndef PICKLE_OPCODE_H
#define PICKLE_OPCODE_H

#include <pklbrowse/pkl_doc.h>

/* How the argument is written: nothing, a fixed number of bytes, lines of text, a length and bytes.
 */
enum op_arg {
    ARG_NONE,
    ARG_U1,
    ARG_U2,
    ARG_U4,
    ARG_I4,
    ARG_U8,
    ARG_F8,
    ARG_LINE,
    ARG_LINES,
    ARG_B1,
    ARG_B4,
    ARG_BS4,
    ARG_B8
};

/* What an opcode does.  A value up to OP_BUFFER is a leaf of that kind or an empty container,
 * pushed without looking at the stack. */
enum op_class {
    OP_BAD,
    OP_NONE,
    OP_BOOL,
    OP_INT,
    OP_FLOAT,
    OP_STR,
    OP_BYTES,
    OP_BYTEARRAY,
    OP_PY2STR,
    OP_LIST,
    OP_TUPLE,
    OP_DICT,
    OP_SET,
    OP_GLOBAL,
    OP_PERSID,
    OP_EXTENSION,
    OP_BUFFER,
    OP_REF, /* GET, DUP */
    OP_PUT,
    OP_MAKE,  /* takes values from the stack and pushes one made of them */
    OP_GROUP, /* puts values from the stack into the one below */
    OP_MARK,
    OP_STOP,
    OP_PROTO,
    OP_FRAME,
    OP_OTHER
};

struct op_info {
    const char *effect;
    uint8_t arg;    /* enum op_arg */
    uint8_t class;  /* enum op_class */
    uint8_t header; /* bytes of the opcode with its fixed argument or length field */
};
extern const struct op_info op_info[256];

/* The kind of the value made by an opcode; PKL_BROKEN: it makes none (or a reference).  An INT line
 * may be a bool: only its text says so. */
enum pkl_kind op_kind(uint8_t code);

/* Is the argument text that ends in a newline? */
static inline bool op_is_text(uint8_t code)
{
    return op_info[code].arg == ARG_LINE || op_info[code].arg == ARG_LINES;
}

/* A pickle that breaks: where, at which opcode (-1: none), why. */
enum pb_err error_pickle(struct error *e, uint64_t offset, int opcode, const char *fmt, ...)
    PB_PRINTF(4, 5);

/* Little-endian numbers of n bytes, 1 <= n <= 8. */
uint64_t op_le(const uint8_t *p, size_t n);

static inline uint32_t op_le32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Payload length declared in the header at p (op_info.header bytes present). False: negative. */
bool op_payload(const uint8_t *p, uint64_t *payload);

/* Passes opcodes without text that have nothing to do with memo, frames or the stream: from p on,
 * as long as they begin in front of `end`, behind which nine bytes can be read.  *over: bytes of
 * the last one's payload that lie behind `end`. */
const uint8_t *op_skip_plain(const uint8_t *p, const uint8_t *end, uint64_t *over);

#endif
