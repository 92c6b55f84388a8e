/* Strings of a JSON document.  What a terminal would act on is escaped. */
#ifndef PICKLE_JSON_TEXT_H
#define PICKLE_JSON_TEXT_H

#include <pklbrowse/buf.h>

/* Inside of a string; there must be no lone surrogates in it. */
void pkl_json_escaped(struct buf *out, const char *s, size_t n);
void pkl_json_string(struct buf *out, const char *s, size_t n);
/* A str: a string, or {"$str": ...} with its lone surrogates escaped as Python writes them. */
void pkl_json_str(struct buf *out, const char *s, size_t n);
bool pkl_json_can(const char *s, size_t n); /* no lone surrogates */

#endif
