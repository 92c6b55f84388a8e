#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#define MINUTE 60
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* A server's clock may be ahead of ours by so much; what it wrote just now is not of the future. */
#define SKEW (5 * MINUTE)

/* A month and a day say enough for half a year, as `ls` has it. */
#define RECENT (183 * DAY)

static const char *const months[12] = {N_("Jan"), N_("Feb"), N_("Mar"), N_("Apr"),
                                       N_("May"), N_("Jun"), N_("Jul"), N_("Aug"),
                                       N_("Sep"), N_("Oct"), N_("Nov"), N_("Dec")};

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
        buf_printf(out, _("%s %02d"), _(months[d.month - 1]), d.day);
    else if (ago >= HOUR)
        buf_printf(out, _("%d h ago"), (int)(ago / HOUR));
    else if (ago >= MINUTE)
        buf_printf(out, _("%d min ago"), (int)(ago / MINUTE));
    else
        buf_printf(out, _("%d s ago"), (int)ago);
}
