/* Answers that are XML: tags.  Private to store. */
#ifndef STORE_CLOUD_XML_H
#define STORE_CLOUD_XML_H

#include <pklbrowse/http.h>

/* A list of tags, ROOT/TagSet/Tag with Key and Value, as services want it in a header: a=b&c=d. */
enum pb_err cloud_tags_query(struct buf *out, const struct buf *body, const char *root,
                             struct error *e) PB_CHECK;
/* The same as rows to be shown: Tag, "a = b". */
enum pb_err cloud_tags_rows(struct http_headers *rows, const struct buf *body, const char *root,
                            struct error *e) PB_CHECK;

#endif
