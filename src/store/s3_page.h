/*
 * What a page of S3's listings says: entries, and what is needed to ask for the next.  Private to
 * store.
 *
 * Read the quick way when it is written as nearly all servers write it, else element by element as
 * an XML parser tells them: both give the same.
 */
#ifndef STORE_S3_PAGE_H
#define STORE_S3_PAGE_H

#include <pklbrowse/store.h>

struct s3_page {
    struct store_page *page; /* where entries go to; not owned */
    const char *prefix;      /* that was asked for; not owned */
    size_t prefix_len;
    bool buckets; /* it is a list of buckets */
    size_t cap;
    bool known_root, url_encoded, truncated, key_count;
    /* Of the element that is open; decoded at its end. */
    char *name, *etag, *storage_class;
    size_t name_len;
    uint64_t size;
    int64_t mtime;
    char *next_token, *next_marker; /* as received; NULL: none */
    size_t next_token_len, next_marker_len;
    char *class; /* the last one, which most others are like */
    size_t class_len;
    bool nomem;
};

void s3_page_init(struct s3_page *p, struct store_page *page, const char *prefix, size_t prefix_len,
                  bool buckets);
/* The whole body.  False: it holds something odd, perhaps an error; the page has to be begun anew.
 */
bool s3_page_quick(struct s3_page *p, const char *body, size_t n);
/* Does it begin and end like one?  What is between may still be anything. */
bool s3_page_whole(const char *body, size_t n);
/* Where the next page begins, found without reading this one: false when it is not plain to see. */
#define S3_TOKEN_MAX 2048
bool s3_page_peek(const char *body, size_t n, char token[S3_TOKEN_MAX + 1]);
/* xml_handler.end; ctx is the page. */
void s3_page_element(void *ctx, const char *path, const char *text, size_t len);
/* After the last element: names are decoded, strangers left out. */
enum pb_err s3_page_settle(struct s3_page *p, struct error *e) PB_CHECK;
/* The greatest name of what is left; NULL: there is none. */
const struct store_entry *s3_page_last(const struct s3_page *p);

#endif
