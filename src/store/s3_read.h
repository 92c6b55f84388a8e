/* One GET (s3_object.c), and many of them for one object (s3_ranges.c).  Private to store. */
#ifndef STORE_S3_READ_H
#define STORE_S3_READ_H

#include "s3.h"

struct store_op *s3_read_one(struct store *s, const struct store_read_request *r,
                             store_read_fn done, void *ctx, struct error *e);
/* Of a running one, from its begin() on: the server sends the part that was asked for, not all. */
bool s3_read_is_part(const struct store_op *op);
/* What comes is wanted to its end, not only the part that was asked for. */
void s3_read_to_the_end(struct store_op *op);

#endif
