/*
 * Writing a zip archive again: one member's bytes exchanged; its local header, its row of the
 * directory and the places of what moved are told so; all else is as it was.
 *
 *   members ... [local header, data, descriptor] ... members, directory, end
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "layer.h"

#define LOCAL 30u
#define ROW 46u
#define END 22u
#define DESCRIPTOR 16u
#define DIRECTORY_MAX ((uint64_t)256 << 20)
#define FLAG_ENCRYPTED 1u
#define FLAG_DESCRIPTOR 8u
#define ALIGNED_ID 0x4246u /* "FB": what torch fills with, so that data begin at 64 bytes */

struct place {
    uint64_t local, data, csize, next; /* offsets; next: behind data and descriptor */
    uint32_t method, flags;
    uint64_t directory, directory_size, end;
    size_t row; /* in the directory */
};

uint32_t zip_crc(uint32_t crc, const void *p, size_t n)
{
    return (uint32_t)crc32_z(crc, p, n);
}

static void put_le32(uint8_t *p, uint64_t v)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

/* The end record, with a comment behind it that ends where the archive does. */
static enum pb_err find_end(struct source *s, struct place *z, const char **why, struct error *e)
{
    uint64_t at = s->size >= END ? s->size - END + 1 : 0;
    uint64_t least = s->size > END + 65535u ? s->size - END - 65535u : 0;
    uint8_t end[END];

    while (at-- > least) {
        enum pb_err err = layer_bytes(s, at, end, END, e);

        if (err != PB_OK)
            return err;
        if (memcmp(end, "PK\5\6", 4) != 0 || at + END + codec_le16(end + 20) != s->size)
            continue;
        z->end = at;
        z->directory = codec_le32(end + 16);
        z->directory_size = codec_le32(end + 12);
        if (codec_le16(end + 10) == 0xffff || z->directory == UINT32_MAX ||
            z->directory_size == UINT32_MAX || z->directory + z->directory_size != at)
            *why = "a zip archive of 64 bits, or with more in front of it";
        else if (z->directory_size > DIRECTORY_MAX)
            *why = "a zip archive with too many files";
        return PB_OK;
    }
    *why = "a zip archive whose end is not where it should be";
    return PB_OK;
}

/* The directory's bytes: free() them. */
static enum pb_err read_directory(struct source *s, const struct place *z, uint8_t **out,
                                  struct error *e)
{
    enum pb_err err;

    *out = malloc((size_t)z->directory_size + 1);
    if (*out == NULL)
        return error_nomem(e);
    err = layer_bytes(s, z->directory, *out, (size_t)z->directory_size, e);
    if (err != PB_OK)
        free(*out);
    return err;
}

/* The row behind this one; 0: it does not end in the directory. */
static size_t next_row(const uint8_t *rows, size_t at, size_t size)
{
    size_t len;

    if (size - at < ROW || memcmp(rows + at, "PK\1\2", 4) != 0)
        return 0;
    len = ROW + (size_t)codec_le16(rows + at + 28) + codec_le16(rows + at + 30) +
          codec_le16(rows + at + 32);
    return len <= size - at ? at + len : 0;
}

static enum pb_err find_row(struct codec_layer *l, struct place *z, const char **why,
                            struct error *e)
{
    size_t found = 0, size = (size_t)z->directory_size, next;
    uint8_t *rows;
    enum pb_err err = read_directory(l->stored, z, &rows, e);

    if (err != PB_OK)
        return err;
    for (size_t at = 0; at < size; at = next) {
        const uint8_t *row = rows + at;

        next = next_row(rows, at, size);
        if (next == 0)
            break;
        if (codec_le16(row + 28) != l->member_len ||
            memcmp(row + ROW, l->member, l->member_len) != 0)
            continue;
        found++;
        z->row = at;
        z->flags = codec_le16(row + 8);
        z->method = codec_le16(row + 10);
        z->csize = codec_le32(row + 20);
        z->local = codec_le32(row + 42);
        if (codec_le32(row + 24) != l->plain->size || z->csize == UINT32_MAX)
            found++; /* not the one that was read, or of 64 bits */
    }
    free(rows);
    if (found != 1)
        *why = "a zip archive with two files of one name, or of 64 bits";
    return PB_OK;
}

/* What the header in front of the data says is what the directory's row says. */
static bool same_header(const struct place *z, const uint8_t *local)
{
    const uint32_t seen = FLAG_ENCRYPTED | FLAG_DESCRIPTOR;
    uint32_t flags = codec_le16(local + 6);

    return ((flags ^ z->flags) & seen) == 0 && codec_le16(local + 8) == z->method &&
           ((flags & FLAG_DESCRIPTOR) != 0 || codec_le32(local + 18) == z->csize);
}

static enum pb_err find_data(struct codec_layer *l, struct place *z, const char **why,
                             struct error *e)
{
    uint8_t local[LOCAL], tail[DESCRIPTOR];
    enum pb_err err = layer_bytes(l->stored, z->local, local, LOCAL, e);

    if (err != PB_OK)
        return err;
    z->data = z->local + LOCAL + codec_le16(local + 26) + codec_le16(local + 28);
    z->next = z->data + z->csize;
    if (memcmp(local, "PK\3\4", 4) != 0 || z->next > z->directory || !same_header(z, local))
        *why = "a zip archive whose directory is wrong";
    else if ((z->flags & FLAG_ENCRYPTED) != 0 || (z->method != 0 && z->method != Z_DEFLATED))
        *why = "a zip archive with another compression than deflate";
    if (*why != NULL || (z->flags & FLAG_DESCRIPTOR) == 0)
        return PB_OK;
    err = layer_bytes(l->stored, z->next, tail, DESCRIPTOR, e);
    if (err == PB_OK && (memcmp(tail, "PK\7\10", 4) != 0 || codec_le32(tail + 8) != z->csize ||
                         codec_le32(tail + 12) != l->plain->size))
        *why = "a zip archive with a descriptor of another kind";
    z->next += DESCRIPTOR;
    return err;
}

/*
 * The member of one row. Members whose data are aligned would have to be moved by whole steps;
 * where one lies in another, none of the two can be exchanged.
 */
static enum pb_err look_at_member(struct codec_layer *l, const struct place *z, const uint8_t *row,
                                  const char **why, struct error *e)
{
    uint64_t begin = codec_le32(row + 42), extra, data;
    uint8_t local[LOCAL], id[2];
    enum pb_err err;

    if (begin + LOCAL + 2 > z->directory) {
        *why = "a zip archive whose directory is wrong";
        return PB_OK;
    }
    err = layer_bytes(l->stored, begin, local, LOCAL, e);
    if (err != PB_OK)
        return err;
    extra = begin + LOCAL + codec_le16(local + 26);
    data = extra + codec_le16(local + 28);
    if (begin < z->local ? data + codec_le32(row + 20) > z->local
                         : begin > z->local && begin < z->next)
        *why = "a zip archive whose files overlap";
    if (*why != NULL || data - extra < 4)
        return PB_OK;
    err = layer_bytes(l->stored, extra, id, sizeof id, e);
    if (err == PB_OK && codec_le16(id) == ALIGNED_ID)
        *why = "a zip archive whose files are aligned, as torch wants them";
    return err;
}

static enum pb_err look_at_members(struct codec_layer *l, const struct place *z, const char **why,
                                   struct error *e)
{
    size_t size = (size_t)z->directory_size;
    uint8_t *rows;
    enum pb_err err = read_directory(l->stored, z, &rows, e);

    if (err != PB_OK)
        return err;
    for (size_t at = 0, next; at < size && err == PB_OK && *why == NULL; at = next) {
        next = next_row(rows, at, size);
        if (next == 0)
            *why = "a zip archive whose directory is wrong";
        else
            err = look_at_member(l, z, rows + at, why, e);
    }
    free(rows);
    return err;
}

static enum pb_err find(struct codec_layer *l, struct place *z, const char **why, struct error *e)
{
    enum pb_err err;

    *why = NULL;
    *z = (struct place){0};
    err = find_end(l->stored, z, why, e);
    if (err == PB_OK && *why == NULL)
        err = find_row(l, z, why, e);
    if (err == PB_OK && *why == NULL)
        err = find_data(l, z, why, e);
    return err;
}

enum pb_err zip_check(struct codec_layer *l, const char **why, struct error *e)
{
    struct place z;
    enum pb_err err = find(l, &z, why, e);

    if (err == PB_OK && *why == NULL)
        err = look_at_members(l, &z, why, e);
    return err;
}

/* Bits 1 and 2 of the flags: normal, best, fast, fastest. */
enum pb_err zip_level(struct codec_layer *l, int *level, struct error *e)
{
    static const int levels[] = {6, 9, 3, 1};
    const char *why;
    struct place z;
    enum pb_err err = find(l, &z, &why, e);

    if (err == PB_OK && why != NULL)
        err = error_set(e, PB_EREADONLY, "%s", why);
    if (err == PB_OK)
        *level = z.method == 0 ? 0 : levels[z.flags >> 1 & 3];
    return err;
}

static void put_sizes(uint8_t *p, uint32_t crc, uint64_t csize, uint64_t size)
{
    put_le32(p, crc);
    put_le32(p + 4, csize);
    put_le32(p + 8, size);
}

/* The directory and the end, with what has moved by `delta` where it is now. */
static enum pb_err add_directory(struct codec_layer *l, const struct place *z, uint64_t delta,
                                 uint32_t crc, uint64_t csize, uint64_t size,
                                 struct wrap_parts *out, struct error *e)
{
    size_t n = (size_t)z->directory_size, made = out->bytes.len;
    uint8_t end[END], *rows;
    enum pb_err err = read_directory(l->stored, z, &rows, e);

    if (err != PB_OK)
        return err;
    for (size_t at = 0, next; at < n; at = next) {
        uint64_t local = codec_le32(rows + at + 42);

        next = next_row(rows, at, n);
        if (next == 0) {
            err = error_set(e, PB_EREFUSED, "zip: its directory is wrong");
            goto out;
        }
        if (local > z->local)
            put_le32(rows + at + 42, local + delta);
        if (at == z->row)
            put_sizes(rows + at + 16, crc, csize, size);
    }
    err = layer_bytes(l->stored, z->end, end, END, e);
    if (err != PB_OK)
        goto out;
    put_le32(end + 16, z->directory + delta);
    buf_append(&out->bytes, rows, n);
    buf_append(&out->bytes, end, END);
    wrap_add_made(out, made);
    wrap_add(out, l->stored, z->end + END, l->stored->size - z->end - END);
    err = buf_status(&out->bytes, e);
out:
    free(rows);
    return err;
}

enum pb_err zip_parts(struct codec_layer *l, struct source *body, uint64_t len, uint64_t size,
                      uint32_t crc, struct wrap_parts *out, struct error *e)
{
    uint8_t local[LOCAL], tail[DESCRIPTOR] = {'P', 'K', 7, 8};
    const char *why;
    struct place z;
    uint64_t delta;
    size_t made;
    enum pb_err err = find(l, &z, &why, e);

    delta = len - z.csize; /* modulo 2^64 */
    if (err == PB_OK &&
        (size >= UINT32_MAX || len >= UINT32_MAX || l->stored->size + delta >= UINT32_MAX))
        err = error_set(e, PB_ELIMIT, "zip: more than 4 GiB");
    if (err == PB_OK)
        err = layer_bytes(l->stored, z.local, local, LOCAL, e);
    if (err != PB_OK)
        return err;
    if ((z.flags & FLAG_DESCRIPTOR) == 0)
        put_sizes(local + 14, crc, len, size);
    buf_append(&out->bytes, local, LOCAL);
    wrap_add(out, l->stored, 0, z.local);
    wrap_add_made(out, 0);
    wrap_add(out, l->stored, z.local + LOCAL, z.data - z.local - LOCAL);
    wrap_add(out, body, 0, len);
    if ((z.flags & FLAG_DESCRIPTOR) != 0) {
        made = out->bytes.len;
        put_sizes(tail + 4, crc, len, size);
        buf_append(&out->bytes, tail, DESCRIPTOR);
        wrap_add_made(out, made);
    }
    wrap_add(out, l->stored, z.next, z.directory - z.next);
    return add_directory(l, &z, delta, crc, len, size, out, e);
}
