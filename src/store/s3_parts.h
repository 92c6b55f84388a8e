/*
 * How a large object is cut into the parts of a multipart upload.
 *
 * Parts that stand unchanged in the object as it was read are copied on the server; only those that
 * hold something new are sent.  S3 wants every part but the last to have at least 5 MiB, so a small
 * change takes some of the bytes behind it with it.  Pure arithmetic: knows no requests.
 */
#ifndef STORE_S3_PARTS_H
#define STORE_S3_PARTS_H

#include <pklbrowse/store.h>

#define S3_PART_MIN ((uint64_t)5 << 20)    /* of all but the last */
#define S3_PART_COPY ((uint64_t)256 << 20) /* copied in one request: several run side by side */
#define S3_PART_SENT                                                                               \
    ((uint64_t)16 << 20) /* sent in one request, unless there would be too many                    \
                          */
#define S3_PARTS_MAX 10000u
#define S3_OBJECT_MAX ((uint64_t)5 << 40)

struct s3_part {
    uint64_t at, len; /* of the new object */
    bool copied;
    uint64_t from; /* then: where it stands in the old one */
};
struct s3_parts {
    struct s3_part *data;
    size_t len, cap;
    uint64_t sent; /* bytes of the parts that are not copied */
};

/* `same` is ascending in `at`, does not overlap and lies within `size`; NULL with count 0: all is
 * new. PB_ELIMIT: larger than S3 can hold. */
enum pb_err s3_parts_plan(struct s3_parts *out, uint64_t size, const struct store_range *same,
                          size_t count, struct error *e) PB_CHECK;
void s3_parts_release(struct s3_parts *p);

#endif
