/* The opcodes' bytes by name, for those who write or compare them: CODE_MARK, CODE_TUPLE2 ... */
#ifndef PICKLE_OPCODE_BYTES_H
#define PICKLE_OPCODE_BYTES_H

enum opcode_byte {
#define OP(name, byte, arg, kind, protocol, effect, doc) CODE_##name = byte,
#include "opcodes.def"
#undef OP
};

#endif
