/* Checksums of bytes that come in pieces, and of a whole source as a job.  Private to store. */
#ifndef STORE_CLOUD_DIGEST_H
#define STORE_CLOUD_DIGEST_H

#include <pklbrowse/digest.h>
#include <pklbrowse/job.h>
#include <pklbrowse/loop.h>
#include <pklbrowse/source.h>

/* Which ones: or-ed. */
enum {
    CLOUD_SHA256 = 1,
    CLOUD_MD5 = 2,
    CLOUD_CRC32 = 4,
    CLOUD_CRC32C = 8,
};

/* As services write them: base64, unless the name says hex.  "": not asked for. */
struct cloud_checks {
    char sha256_hex[2 * SHA256_LEN + 1], md5_hex[2 * MD5_LEN + 1];
    char md5[25], crc32[9], crc32c[9];
};

struct cloud_sums {
    unsigned which;
    struct digest *sha256, *md5;
    uint32_t crc32, crc32c;
};
enum pb_err cloud_sums_begin(struct cloud_sums *s, unsigned which, struct error *e) PB_CHECK;
enum pb_err cloud_sums_add(struct cloud_sums *s, const void *p, size_t n, struct error *e) PB_CHECK;
enum pb_err cloud_sums_end(struct cloud_sums *s, struct cloud_checks *out,
                           struct error *e) PB_CHECK;
void cloud_sums_release(struct cloud_sums *s); /* at any time */

/* Of what is to be sent, beside the loop. */
struct cloud_digest {
    struct job job;
    struct loop *loop;
    struct source *body;
    struct cloud_sums sums;
    struct cloud_checks checks; /* when it is done */
    bool running;
    void (*done)(void *ctx, const struct error *e);
    void *ctx;
};
enum pb_err cloud_digest_start(struct cloud_digest *d, unsigned which, struct loop *l,
                               struct source *body, void (*done)(void *ctx, const struct error *e),
                               void *ctx, struct error *e) PB_CHECK;
void cloud_digest_release(struct cloud_digest *d); /* also while it runs */

#endif
