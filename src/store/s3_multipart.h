/*
 * A large write in parts: begun, its parts copied on the server or sent, several side by side, and
 * completed under the write's condition.  Part of the careful write (s3_write.h), which asks for it
 * in the place of one PUT.  An upload that does not end in an object is aborted: also when the
 * write is cancelled, beside whatever comes next.  Private to store.
 */
#ifndef STORE_S3_MULTIPART_H
#define STORE_S3_MULTIPART_H

#include "s3_write.h"

/* From this size on unchanged bytes are not sent again: below, one PUT is faster. */
#define S3_MULTIPART_FROM ((uint64_t)32 << 20)

/* Is it to be in parts?  Then *out (else NULL). */
enum pb_err s3_multipart_new(struct write_op *w, const struct store_write_request *q,
                             struct s3_multipart **out, struct error *e) PB_CHECK;
/* NULL is fine.  Aborts the upload unless it was completed. */
void s3_multipart_free(struct s3_multipart *m);
/* The next step of it: what is there already is not done again. */
void s3_multipart_go(struct write_op *w);
/* It became an object, or nobody knows: there is nothing to be aborted. */
void s3_multipart_completed(struct s3_multipart *m);
void s3_multipart_progress(const struct s3_multipart *m, struct http_progress *out);

#endif
