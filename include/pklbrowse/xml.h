/* floor 0: base */
/*
 * XML as the stores speak it, through libxml2's push parser: one callback per element end and
 * start. Strict: a name is never recovered by dropping characters.  A document cut short and a
 * character that XML forbids are told apart (a listing with the latter must not be retried for
 * nothing). Entities are never expanded from outside, no DTD is loaded, depth and text are limited.
 */
#ifndef PKLBROWSE_XML_H
#define PKLBROWSE_XML_H

#include <pklbrowse/buf.h>

struct xml_handler {
    /* path is "ListBucketResult/Contents/Key" (local names, no namespaces).  start may be NULL. */
    void (*start)(void *ctx, const char *path);
    /* One of the element that has just begun, entities decoded; may be NULL. */
    void (*attribute)(void *ctx, const char *path, const char *name, const char *value, size_t len);
    /* text: the element's own text, entities decoded, not trimmed, NUL-terminated. */
    void (*end)(void *ctx, const char *path, const char *text, size_t len);
    void *ctx;
};

struct xml;
enum pb_err xml_new(const struct xml_handler *h, struct xml **out, struct error *e) PB_CHECK;
enum pb_err xml_feed(struct xml *x, const void *p, size_t n, struct error *e) PB_CHECK;
/* PB_OK, or PB_ESERVER: "cut short" / "holds a character XML forbids". */
enum pb_err xml_finish(struct xml *x, struct error *e) PB_CHECK;
bool xml_forbidden_char(const struct xml *x); /* the failure was a forbidden character */
void xml_free(struct xml *x);

/* The same of a whole document, many times as fast, when it is plain: elements and ASCII.  Elements
 * that hold others have the text "".  *plain false: it is not, and nothing was called. */
enum pb_err xml_plain(const struct xml_handler *h, const char *p, size_t n, bool *plain,
                      struct error *e) PB_CHECK;
/* No bytes but printable ASCII and blanks that XML leaves as they are; and no ']', since "]]>" is
 * not allowed. */
bool xml_is_ascii(const char *p, size_t n);

#endif
