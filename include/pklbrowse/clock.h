/* floor 0: base */
/*
 * Time.  Monotonic for waiting, wall clock for dates.  Tests freeze the wall clock with
 * PKLBROWSE_NOW=<seconds since 1970> so that screens and signatures are the same every time.
 */
#ifndef PKLBROWSE_CLOCK_H
#define PKLBROWSE_CLOCK_H

#include <pklbrowse/buf.h>

uint64_t clock_mono_us(void);
int64_t clock_now(void); /* seconds since 1970, UTC */

struct clock_date { /* UTC, proleptic Gregorian */
    int year, month, day, hour, minute, second;
};
void clock_split(int64_t t, struct clock_date *out);
int64_t clock_join(const struct clock_date *d);

bool clock_parse_iso(const char *s, size_t n, int64_t *out); /* 2026-11-22T10:02:03.000Z */
/* Sun, 22 Nov 2026 10:02:03 GMT, and the two older forms that HTTP knows. */
bool clock_parse_http(const char *s, size_t n, int64_t *out);
void clock_format_iso(struct buf *out, int64_t t);   /* 2026-11-22T10:02:03Z */
void clock_format_http(struct buf *out, int64_t t);  /* Sun, 22 Nov 2026 10:02:03 GMT */
void clock_format_basic(struct buf *out, int64_t t); /* 20261122T100203Z */

#endif
