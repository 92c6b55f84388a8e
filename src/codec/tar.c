/*
 * Writing a tar archive again: one member's bytes exchanged, its header told their number, all else
 * as it was.
 */
#include <string.h>

#include "layer.h"

#define BLOCK 512u
#define RECORD 10240u
#define EXTENDED_MAX 64 /* headers in front of one member's own */
#define EXTENDED_BYTES 8192
#define SIZE_MAX_OCTAL 077777777777u

static uint64_t blocks(uint64_t n)
{
    return (n + BLOCK - 1) / BLOCK * BLOCK;
}

static bool octal(const uint8_t *p, size_t n, uint64_t *out)
{
    size_t i = 0;

    *out = 0;
    while (i < n && p[i] == ' ')
        i++;
    for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
        *out = *out * 8 + (uint64_t)(p[i] - '0');
    return i > 0 && (i == n || p[i] == ' ' || p[i] == 0);
}

/* Records of an extended header that say how long the member is. */
static enum pb_err says_size(struct source *s, uint64_t at, uint64_t len, bool *says,
                             struct error *e)
{
    static const char *const keys[] = {" size=", " GNU.sparse"};
    char records[EXTENDED_BYTES];
    enum pb_err err = PB_OK;

    *says = len > sizeof records;
    if (!*says)
        err = layer_bytes(s, at, records, (size_t)len, e);
    for (size_t i = 0; err == PB_OK && !*says && i < sizeof keys / sizeof keys[0]; i++)
        *says = memmem(records, (size_t)len, keys[i], strlen(keys[i])) != NULL;
    return err;
}

/* The member's own header behind its extended ones: *at.  *why: it says its size in another way. */
static enum pb_err find_header(struct codec_layer *l, uint8_t header[BLOCK], uint64_t *at,
                               const char **why, struct error *e)
{
    enum pb_err err = PB_OK;
    uint64_t size;
    bool says = false;

    *why = NULL;
    *at = l->at;
    for (int i = 0; i < EXTENDED_MAX; i++) {
        err = layer_bytes(l->stored, *at, header, BLOCK, e);
        if (err != PB_OK)
            return err;
        if (!octal(header + 124, 12, &size))
            break;
        if (header[156] == '0' || header[156] == 0)
            return PB_OK;
        if (header[156] == 'x')
            err = says_size(l->stored, *at + BLOCK, size, &says, e);
        if (err != PB_OK)
            return err;
        /* Long names of GNU tar say nothing of the size. */
        if (says || (header[156] != 'L' && header[156] != 'K' && header[156] != 'x'))
            break;
        *at += BLOCK + blocks(size);
    }
    *why = "a tar archive whose header says the size in another way";
    return PB_OK;
}

enum pb_err tar_check(struct codec_layer *l, const char **why, struct error *e)
{
    uint8_t header[BLOCK];
    uint64_t at, size;
    enum pb_err err = find_header(l, header, &at, why, e);

    if (err != PB_OK || *why != NULL)
        return err;
    if (!octal(header + 124, 12, &size) || size != l->plain->size)
        *why = "a tar archive with a sparse file";
    return PB_OK;
}

static void put_octal(uint8_t *field, size_t digits, uint64_t value)
{
    while (digits > 0) {
        field[--digits] = (uint8_t)('0' + (value & 7));
        value >>= 3;
    }
}

static void patch(uint8_t header[BLOCK], uint64_t size)
{
    uint32_t sum = 0;

    put_octal(header + 124, 11, size);
    header[135] = 0;
    memset(header + 148, ' ', 8);
    for (size_t i = 0; i < BLOCK; i++)
        sum += header[i];
    put_octal(header + 148, 6, sum);
    header[154] = 0;
}

/* All that is left are zeros: they fill the last record, as tar does. */
static enum pb_err only_zeros(struct source *s, uint64_t at, bool *zeros, struct error *e)
{
    uint8_t part[BLOCK];
    enum pb_err err = PB_OK;

    *zeros = s->size - at <= 2 * RECORD;
    for (; err == PB_OK && *zeros && at < s->size; at += BLOCK) {
        size_t n = s->size - at < BLOCK ? (size_t)(s->size - at) : BLOCK;

        err = layer_bytes(s, at, part, n, e);
        for (size_t i = 0; err == PB_OK && i < n; i++)
            *zeros = *zeros && part[i] == 0;
    }
    return err;
}

enum pb_err tar_parts(struct codec_layer *l, struct source *plain, struct wrap_parts *out,
                      struct error *e)
{
    uint8_t header[BLOCK];
    uint64_t at, old_end, end, fill;
    const char *why;
    bool zeros = false;
    size_t made;
    enum pb_err err = find_header(l, header, &at, &why, e);

    if (err == PB_OK && plain->size > SIZE_MAX_OCTAL)
        err = error_set(e, PB_ELIMIT, "tar: its header has no room for so many bytes");
    if (err != PB_OK)
        return err;
    old_end = at + BLOCK + blocks(l->plain->size);
    old_end = old_end < l->stored->size ? old_end : l->stored->size;
    err = only_zeros(l->stored, old_end, &zeros, e);
    if (err != PB_OK)
        return err;
    patch(header, plain->size);
    buf_append(&out->bytes, header, BLOCK);
    wrap_add(out, l->stored, 0, at);
    wrap_add_made(out, 0);
    wrap_add(out, plain, 0, plain->size);
    made = out->bytes.len;
    end = at + BLOCK + blocks(plain->size);
    fill = blocks(plain->size) - plain->size;
    if (zeros && l->stored->size % RECORD == 0)
        fill += (end + 2 * BLOCK + RECORD - 1) / RECORD * RECORD - end;
    else
        zeros = false;
    buf_fill(&out->bytes, 0, (size_t)fill);
    wrap_add_made(out, made);
    if (!zeros)
        wrap_add(out, l->stored, old_end, l->stored->size - old_end);
    return buf_status(&out->bytes, e);
}
