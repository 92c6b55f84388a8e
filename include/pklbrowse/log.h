/* floor 0: base */
/*
 * The log file (--log-file).  Off unless opened.  Secrets never reach it: header values named
 * Authorization, x-amz-security-token and the like, and query parameters X-Amz-Signature,
 * X-Amz-Credential, X-Amz-Security-Token, sig are replaced by "[redacted]" by log_url() and
 * log_header(), which are the only ways to log either.
 */
#ifndef PKLBROWSE_LOG_H
#define PKLBROWSE_LOG_H

#include <pklbrowse/buf.h>

enum pb_err log_open(const char *path, struct error *e) PB_CHECK; /* appends; mode 0600 */
void log_close(void);
bool log_enabled(void);
void log_line(const char *fmt, ...)
    PB_PRINTF(1, 2); /* adds time and newline; escapes control characters */
void log_url(const char *method, const char *url);
void log_header(char direction, const char *name, const char *value); /* '>' sent, '<' received */

/* The redaction itself, for error details: appends url without its secrets. */
void log_redact_url(struct buf *out, const char *url);

#endif
