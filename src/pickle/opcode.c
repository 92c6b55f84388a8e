#include "opcode.h"

#include <string.h>

#define HEADER_NONE 1
#define HEADER_U1 2
#define HEADER_U2 3
#define HEADER_U4 5
#define HEADER_I4 5
#define HEADER_U8 9
#define HEADER_F8 9
#define HEADER_LINE 1
#define HEADER_LINES 1
#define HEADER_B1 2
#define HEADER_B4 5
#define HEADER_BS4 5
#define HEADER_B8 9

const struct op_info op_info[256] = {
#define OP(name, code, arg, class, proto, effect, doc)                                             \
    [code] = {effect, ARG_##arg, OP_##class, HEADER_##arg},
#include "opcodes.def"
#undef OP
};

static const struct pkl_opcode public_info[256] = {
#define OP(name, code, arg, class, proto, effect, doc) [code] = {#name, code, proto, doc},
#include "opcodes.def"
#undef OP
};

const struct pkl_opcode *pkl_opcode(uint8_t code)
{
    return &public_info[code];
}

enum pkl_kind op_kind(uint8_t code)
{
    switch ((enum op_class)op_info[code].class) {
    case OP_NONE:
        return PKL_NONE;
    case OP_BOOL:
        return PKL_BOOL;
    case OP_INT:
        return PKL_INT;
    case OP_FLOAT:
        return PKL_FLOAT;
    case OP_STR:
        return PKL_STR;
    case OP_BYTES:
        return PKL_BYTES;
    case OP_BYTEARRAY:
        return PKL_BYTEARRAY;
    case OP_PY2STR:
        return PKL_PY2STR;
    case OP_LIST:
        return PKL_LIST;
    case OP_TUPLE:
        return PKL_TUPLE;
    case OP_DICT:
        return PKL_DICT;
    case OP_SET:
        return PKL_SET;
    case OP_GLOBAL:
        return PKL_GLOBAL;
    case OP_PERSID:
        return PKL_PERSID;
    case OP_EXTENSION:
        return PKL_EXTENSION;
    case OP_BUFFER:
        return PKL_BUFFER;
    case OP_MAKE:
        break;
    default:
        return PKL_BROKEN;
    }
    switch (code) {
    case 'l':
        return PKL_LIST;
    case 'd':
        return PKL_DICT;
    case 't':
    case 0x85:
    case 0x86:
    case 0x87:
        return PKL_TUPLE;
    case 0x91:
        return PKL_FROZENSET;
    case 0x93:
        return PKL_GLOBAL;
    case 'Q':
        return PKL_PERSID;
    default:
        return PKL_OBJECT;
    }
}

enum pb_err error_pickle(struct error *e, uint64_t offset, int opcode, const char *fmt, ...)
{
    const char *name = opcode >= 0 && opcode < 256 ? public_info[opcode].name : NULL;
    enum pb_err err;
    va_list ap;

    va_start(ap, fmt);
    err = error_opcode(e, offset, opcode, name, fmt, ap);
    va_end(ap);
    return err;
}

uint64_t op_le(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

bool op_payload(const uint8_t *p, uint64_t *payload)
{
    switch ((enum op_arg)op_info[p[0]].arg) {
    case ARG_B1:
        *payload = p[1];
        return true;
    case ARG_B4:
        *payload = op_le(p + 1, 4);
        return true;
    case ARG_BS4:
        *payload = op_le(p + 1, 4);
        return *payload <= INT32_MAX;
    case ARG_B8:
        *payload = op_le(p + 1, 8);
        return *payload <= INT64_MAX;
    default:
        *payload = 0;
        return true;
    }
}

/* Bytes of `lines` lines at off, their newlines included. */
static enum pb_err text_length(struct source *s, uint64_t off, unsigned lines, uint64_t *len,
                               struct error *e)
{
    uint64_t at = off;

    while (lines > 0) {
        const uint8_t *p, *nl;
        size_t n;
        enum pb_err err = source_view(s, at, 256, &p, &n, e);

        if (err != PB_OK && err != PB_EAGAIN)
            return err;
        if (err == PB_OK && n == 0)
            return error_pickle(e, at, -1, "the line of text has no end");
        nl = n > 0 ? memchr(p, '\n', n) : NULL;
        if (err == PB_EAGAIN && nl == NULL)
            return err;
        at += nl != NULL ? (uint64_t)(nl - p) + 1 : n;
        lines -= nl != NULL;
    }
    *len = at - off;
    return PB_OK;
}

enum pb_err pkl_opcode_length(struct source *s, uint64_t offset, uint64_t *header,
                              uint64_t *payload, struct error *e)
{
    const uint8_t *p;
    size_t n;
    enum pb_err err = source_view(s, offset, 9, &p, &n, e);

    if (err == PB_EAGAIN && n > 0 && op_info[p[0]].class != OP_BAD && n >= op_info[p[0]].header)
        err = PB_OK;
    if (err != PB_OK)
        return err;
    if (n == 0)
        return error_pickle(e, offset, -1, "the pickle ends without STOP");
    if (op_info[p[0]].class == OP_BAD)
        return error_pickle(e, offset, p[0], "there is no opcode 0x%02x", p[0]);
    if (n < op_info[p[0]].header)
        return error_pickle(e, offset, p[0], "the pickle ends inside an opcode");
    *header = op_info[p[0]].header;
    if (op_is_text(p[0]))
        return text_length(s, offset + 1, op_info[p[0]].arg == ARG_LINES ? 2 : 1, payload, e);
    if (!op_payload(p, payload))
        return error_pickle(e, offset, p[0], "negative length");
    if (p[0] == 'b' && s->gaps.len > 0)
        *payload = source_gap(s, offset); /* an array of joblib */
    return PB_OK;
}

/* What a plain opcode is passed by: its length, and whether a payload follows it; 0: not plain. */
#define LENGTH_1 16
#define LENGTH_4 32
#define STRIDE_NONE 1
#define STRIDE_U1 2
#define STRIDE_U2 3
#define STRIDE_U4 5
#define STRIDE_I4 5
#define STRIDE_U8 9
#define STRIDE_F8 9
#define STRIDE_LINE 0
#define STRIDE_LINES 0
#define STRIDE_B1 (2 | LENGTH_1)
#define STRIDE_B4 (5 | LENGTH_4)
#define STRIDE_BS4 0
#define STRIDE_B8 0
#define IS_PLAIN(class)                                                                            \
    ((class) != OP_BUFFER && (class) != OP_REF && (class) != OP_PUT && (class) != OP_STOP &&       \
     (class) != OP_PROTO && (class) != OP_FRAME)

/* An array of joblib may follow it. */
#define BUILD_CODE 0x62

static const uint8_t strides[256] = {
#define OP(name, code, arg, class, proto, effect, doc)                                             \
    [code] = IS_PLAIN(OP_##class) && code != BUILD_CODE ? STRIDE_##arg : 0,
#include "opcodes.def"
#undef OP
};

const uint8_t *op_skip_plain(const uint8_t *p, const uint8_t *end, uint64_t *over)
{
    *over = 0;
    while (p < end) {
        uint8_t n = strides[*p];
        uint64_t length;

        if ((n & (LENGTH_1 | LENGTH_4)) == 0) {
            if (n == 0)
                break;
            p += n;
            continue;
        }
        length = (n & LENGTH_1) != 0 ? 2u + p[1] : 5u + op_le(p + 1, 4);
        if (length > (uint64_t)(end - p)) {
            *over = length - (uint64_t)(end - p);
            return end;
        }
        p += length;
    }
    return p;
}
