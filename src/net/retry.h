/*
 * When to try again, and after how long.  Pure but for the random number; knows no connection.
 */
#ifndef PKLBROWSE_NET_RETRY_H
#define PKLBROWSE_NET_RETRY_H

#include <pklbrowse/http.h>

#define RETRY_BASE_MS 1000u
#define RETRY_MOST_MS 20000u /* one wait, computed or asked for by Retry-After */

/* Answers that say "later": botocore's list. */
bool retry_status(int status);

/* Exponential with full jitter: chance (0 up to 1) of base * 2^(attempt - 1), at most
 * RETRY_MOST_MS. */
uint64_t retry_backoff_ms(unsigned attempt, unsigned base_ms, double chance);

/* What Retry-After asks for (seconds, or a date by the server's own clock), bounded; 0: nothing. */
uint64_t retry_after_ms(const struct http_headers *h, int64_t server_date);

double retry_chance(void);

#endif
