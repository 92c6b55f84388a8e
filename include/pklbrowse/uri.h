/* floor 0: base */
/*
 * LOCATIONs of the command line (DESIGN §7) and percent encoding.
 *
 * `s3://bucket/key`: everything after the container's '/' is the key byte for byte; '%', '?', '#',
 * '//' and a trailing '/' are its own.  `file://` is percent-decoded.  '-' is stdin or stdout.
 * Anything else is a local path.  Knows no store.
 */
#ifndef PKLBROWSE_URI_H
#define PKLBROWSE_URI_H

#include <pklbrowse/buf.h>

enum loc_scheme { LOC_LOCAL, LOC_S3, LOC_GS, LOC_AZ, LOC_HTTP, LOC_STDIO };

struct location {
    enum loc_scheme scheme;
    char *container; /* bucket; az: account/container (or account: its containers); http:
                      * https://host[:port]; local: NULL; "" means the list of containers */
    char *key;       /* key, or the local path; may be "" */
    size_t key_len;  /* keys may hold any byte but NUL in practice; key is NUL-terminated as well */
    /* http: the address as typed, which is what is sent (its query may be signed, and %2F is not
     * '/').  az: the https:// address that was typed for it, or NULL: its query may be a signature.
     * Else NULL.  Show it through log_redact_url(). */
    char *url;
};

/* https://ACCOUNT.blob.core.windows.net/container/blob, and the like in other Azure clouds, is the
 * same as az://ACCOUNT/container/blob. */
enum pb_err location_parse(struct location *loc, const char *text, struct error *e) PB_CHECK;
enum pb_err location_make(struct location *loc, enum loc_scheme scheme, const char *container,
                          const char *key, size_t key_len, struct error *e) PB_CHECK;
enum pb_err location_copy(struct location *to, const struct location *from,
                          struct error *e) PB_CHECK;
void location_release(struct location *loc);
/* As it would be typed, so that location_parse() gives the same again; unescaped bytes: pass
 * through text_escape() before showing. */
void location_format(struct buf *out, const struct location *loc);

/* RFC 3986: every byte but A-Za-z0-9-_.~ becomes %XX (upper case); '/' too unless keep_slash. */
void uri_encode(struct buf *out, const char *s, size_t n, bool keep_slash);
/* %XX decoded; with plus_is_space '+' becomes ' '.  Malformed escapes stay as they are. */
void uri_decode(struct buf *out, const char *s, size_t n, bool plus_is_space);

/* scheme://host[:port][/path] of an endpoint.  Pieces are copied; path has no trailing '/'. */
struct endpoint {
    bool https;
    char *host;    /* lower case */
    unsigned port; /* 0: the scheme's own */
    char *path;    /* "" or "/base" */
};
enum pb_err endpoint_parse(struct endpoint *ep, const char *url, struct error *e) PB_CHECK;
void endpoint_release(struct endpoint *ep);
/* Nobody between: localhost (and what is below it), 127.0.0.0/8, [::1]. */
bool endpoint_is_loopback(const struct endpoint *ep);
/* Secrets go over TLS, or stay on this machine. */
bool url_is_safe(const char *url);

#endif
