/* floor 0: base */
/* SHA-256, HMAC-SHA-256, MD5, SHA-1, CRC-32, CRC-32C, base64, hex.  Whole inputs, or streams
 * through digest_*. */
#ifndef PKLBROWSE_DIGEST_H
#define PKLBROWSE_DIGEST_H

#include <pklbrowse/buf.h>

#define SHA256_LEN 32
#define MD5_LEN 16
#define SHA1_LEN 20

enum pb_err sha256(const void *p, size_t n, uint8_t out[SHA256_LEN], struct error *e) PB_CHECK;
enum pb_err hmac_sha256(const void *key, size_t key_len, const void *p, size_t n,
                        uint8_t out[SHA256_LEN], struct error *e) PB_CHECK;
enum pb_err md5(const void *p, size_t n, uint8_t out[MD5_LEN], struct error *e) PB_CHECK;
/* For names that others have made with it, not to protect anything. */
enum pb_err sha1(const void *p, size_t n, uint8_t out[SHA1_LEN], struct error *e) PB_CHECK;
uint32_t crc32_of(uint32_t crc, const void *p,
                  size_t n); /* start with 0; the zip/gzip polynomial */
uint32_t crc32c_of(uint32_t crc, const void *p, size_t n); /* the same by Castagnoli's */

struct digest; /* a running SHA-256 or MD5 */
enum digest_kind { DIGEST_SHA256, DIGEST_MD5 };
enum pb_err digest_new(enum digest_kind kind, struct digest **out, struct error *e) PB_CHECK;
enum pb_err digest_update(struct digest *d, const void *p, size_t n, struct error *e) PB_CHECK;
/* Frees d.  out holds at least 32 bytes; *len gets the digest's length. */
enum pb_err digest_final(struct digest *d, uint8_t *out, size_t *len, struct error *e) PB_CHECK;
void digest_free(struct digest *d);

void hex_encode(struct buf *out, const void *p, size_t n); /* lower case */
/* Into 2 * n + 1 bytes. */
void hex_text(char *out, const void *p, size_t n);
/* n digits (even) of either case; false: something else stands there. */
bool hex_decode(const char *text, size_t n, uint8_t *out) PB_CHECK;
void base64_encode(struct buf *out, const void *p, size_t n);
bool base64_decode(struct buf *out, const char *s,
                   size_t n); /* strict; false leaves out unspecified */

#endif
