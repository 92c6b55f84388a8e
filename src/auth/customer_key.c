/* The key of --sse-c-key. */
#include <string.h>

#include <pklbrowse/digest.h>
#include <pklbrowse/text.h>

#include "aws_chain.h"

#define KEY_LEN 32 /* AES256 is the only kind there is */

/* The bytes themselves, or their base64 with or without an end of line. */
static bool key_bytes(const struct buf *file, struct buf *key)
{
    size_t n = file->len;

    if (n == KEY_LEN) {
        buf_append(key, file->data, n);
        return buf_status(key, NULL) == PB_OK;
    }
    while (n > 0 && strchr("\r\n", file->data[n - 1]))
        n--;
    return n > 0 && base64_decode(key, file->data, n) && key->len == KEY_LEN;
}

static void put_base64(char *to, size_t size, const void *p, size_t n, struct buf *room)
{
    buf_clear(room);
    base64_encode(room, p, n);
    if (buf_status(room, NULL) == PB_OK && room->len < size)
        memcpy(to, room->data, room->len + 1);
}

static void wipe(struct buf *b)
{
    if (b->len > 0)
        explicit_bzero(b->data, b->len);
    buf_release(b);
}

enum pb_err aws_customer_key_read(const char *path, struct aws_customer_key *out, struct error *e)
{
    struct buf file, key, text, shown;
    uint8_t sum[MD5_LEN];
    enum pb_err err;

    *out = (struct aws_customer_key){0};
    buf_init(&file, BUF_MAX_LINE);
    buf_init(&key, BUF_MAX_LINE);
    buf_init(&text, BUF_MAX_LINE);
    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, path, strlen(path), 200);
    err = aws_read_file(path, &file, e);
    if (err == PB_OK && !key_bytes(&file, &key))
        err = error_set(e, PB_EUSAGE, "%s holds no key: 32 bytes, or those in base64", shown.data);
    if (err == PB_OK)
        err = md5(key.data, key.len, sum, e);
    if (err == PB_OK) {
        put_base64(out->key, sizeof out->key, key.data, key.len, &text);
        put_base64(out->md5, sizeof out->md5, sum, sizeof sum, &text);
    }
    if (err == PB_OK && (!*out->key || !*out->md5))
        err = error_nomem(e);
    wipe(&file);
    wipe(&key);
    wipe(&text);
    buf_release(&shown);
    return err;
}
