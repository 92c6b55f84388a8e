#include <pklbrowse/clock.h>
#include <pklbrowse/text.h>

#define MINUTE 60
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* A server's clock may be ahead of ours by so much; what it wrote just now is not of the future. */
#define SKEW (5 * MINUTE)

/* A month and a day say enough for half a year, as `ls` has it. */
#define RECENT (183 * DAY)

static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

void text_age(struct buf *out, int64_t when, int64_t now)
{
    struct clock_date d;
    int64_t ago;

    if (__builtin_sub_overflow(now, when, &ago))
        ago = -DAY;
    if (ago < 0 && ago >= -SKEW)
        ago = 0;
    clock_split(when, &d);
    if (ago < 0 || ago >= RECENT)
        buf_printf(out, "%04d-%02d-%02d", d.year, d.month, d.day);
    else if (ago >= DAY)
        buf_printf(out, "%s %02d", months[d.month - 1], d.day);
    else if (ago >= HOUR)
        buf_printf(out, "%d h ago", (int)(ago / HOUR));
    else if (ago >= MINUTE)
        buf_printf(out, "%d min ago", (int)(ago / MINUTE));
    else
        buf_printf(out, "%d s ago", (int)ago);
}
