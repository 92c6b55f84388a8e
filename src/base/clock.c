#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/num.h>

#define DAY 86400

/* Beyond these the year does not fit an int. */
#define FIRST_SECOND (-67768040609740800)
#define LAST_SECOND 67767976233532799

uint64_t clock_mono_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

int64_t clock_now(void)
{
    const char *frozen = getenv("PKLBROWSE_NOW");
    struct timespec t;
    int64_t now;

    if (frozen != NULL && num_parse_i64(frozen, strlen(frozen), &now))
        return now;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec;
}

/* Days from 1970-01-01, and back.  Years begin in March, so that the odd day comes last; an era is
 * the 400 years after which the calendar repeats. */
static int64_t days_of(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

void clock_split(int64_t t, struct clock_date *out)
{
    int64_t days, rest, era, doe, yoe, doy, mp;

    if (t < FIRST_SECOND)
        t = FIRST_SECOND;
    if (t > LAST_SECOND)
        t = LAST_SECOND;
    days = (t >= 0 ? t : t - (DAY - 1)) / DAY;
    rest = t - days * DAY;
    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    doe = days - era * 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    out->day = (int)(doy - (153 * mp + 2) / 5 + 1);
    out->month = (int)(mp < 10 ? mp + 3 : mp - 9);
    out->year = (int)(yoe + era * 400 + (out->month <= 2));
    out->hour = (int)(rest / 3600);
    out->minute = (int)(rest / 60 % 60);
    out->second = (int)(rest % 60);
}

int64_t clock_join(const struct clock_date *d)
{
    return days_of(d->year, d->month, d->day) * DAY + d->hour * 3600 + d->minute * 60 + d->second;
}

/* A reader of fixed formats: `ok` stays false once something did not fit. */
struct scan {
    const char *s;
    size_t n;
    bool ok;
};

static int take_number(struct scan *in, size_t digits)
{
    uint64_t value = 0;

    if (!in->ok || in->n < digits || !num_parse_u64(in->s, digits, &value)) {
        in->ok = false;
        return 0;
    }
    in->s += digits;
    in->n -= digits;
    return (int)value;
}

static bool next_is(const struct scan *in, const char *text)
{
    size_t len = strlen(text);

    return in->ok && in->n >= len && memcmp(in->s, text, len) == 0;
}

static void take(struct scan *in, const char *text)
{
    if (!next_is(in, text)) {
        in->ok = false;
        return;
    }
    in->s += strlen(text);
    in->n -= strlen(text);
}

static bool is_date(const struct clock_date *d)
{
    static const int length[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = d->year % 4 == 0 && (d->year % 100 != 0 || d->year % 400 == 0);

    return d->month >= 1 && d->month <= 12 && d->day >= 1 &&
           d->day <= length[d->month - 1] + (leap && d->month == 2) && d->hour <= 23 &&
           d->minute <= 59 && d->second <= 60; /* a leap second */
}

static void take_time(struct scan *in, struct clock_date *d)
{
    d->hour = take_number(in, 2);
    take(in, ":");
    d->minute = take_number(in, 2);
    take(in, ":");
    d->second = take_number(in, 2);
}

/* "Z", or the distance from UTC in seconds. */
static int take_zone(struct scan *in)
{
    bool west = next_is(in, "-");
    int hours, minutes;

    if (next_is(in, "Z")) {
        take(in, "Z");
        return 0;
    }
    take(in, west ? "-" : "+");
    hours = take_number(in, 2);
    if (next_is(in, ":"))
        take(in, ":");
    minutes = take_number(in, 2);
    in->ok = in->ok && hours <= 23 && minutes <= 59;
    return (west ? -60 : 60) * (hours * 60 + minutes);
}

/* Two digits; *bad when they are none. */
static int two(const char *s, bool *bad)
{
    unsigned a = (unsigned char)s[0] - (unsigned)'0', b = (unsigned char)s[1] - (unsigned)'0';

    *bad |= a > 9 || b > 9;
    return (int)(a * 10 + b);
}

/* "2026-11-22T10:02:03Z" and "2026-11-22T10:02:03.000Z", of which listings hold millions. */
static bool parse_usual(const char *s, size_t n, struct clock_date *d)
{
    bool bad = false;

    if ((n != 20 && n != 24) || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' ||
        s[16] != ':' || s[n - 1] != 'Z')
        return false;
    if (n == 24) {
        bad = s[19] != '.';
        (void)two(s + 20, &bad);
        (void)two(s + 21, &bad);
    }
    d->year = two(s, &bad) * 100 + two(s + 2, &bad);
    d->month = two(s + 5, &bad);
    d->day = two(s + 8, &bad);
    d->hour = two(s + 11, &bad);
    d->minute = two(s + 14, &bad);
    d->second = two(s + 17, &bad);
    return !bad;
}

bool clock_parse_iso(const char *s, size_t n, int64_t *out)
{
    struct scan in = {s, n, true};
    struct clock_date d;
    int zone;

    if (parse_usual(s, n, &d) && is_date(&d)) {
        *out = clock_join(&d);
        return true;
    }
    d.year = take_number(&in, 4);
    take(&in, "-");
    d.month = take_number(&in, 2);
    take(&in, "-");
    d.day = take_number(&in, 2);
    take(&in, "T");
    take_time(&in, &d);
    if (next_is(&in, ".")) {
        take(&in, ".");
        take_number(&in, 1);
        while (in.ok && in.n > 0 && in.s[0] >= '0' && in.s[0] <= '9')
            take_number(&in, 1);
    }
    zone = take_zone(&in);
    if (!in.ok || in.n > 0 || !is_date(&d))
        return false;
    *out = clock_join(&d) - zone;
    return true;
}

static int take_month(struct scan *in)
{
    static const char names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

    for (int i = 0; i < 12; i++) {
        if (next_is(in, names[i])) {
            take(in, names[i]);
            return i + 1;
        }
    }
    in->ok = false;
    return 0;
}

/* The weekday says nothing that the date does not. */
static void skip_weekday(struct scan *in)
{
    size_t n = 0;

    while (n < in->n && n < 9 && ((in->s[n] | 0x20) >= 'a' && (in->s[n] | 0x20) <= 'z'))
        n++;
    in->ok = n >= 3;
    in->s += n;
    in->n -= n;
}

/* "Nov  6 08:49:37 1994", as asctime() writes it. */
static void take_asctime(struct scan *in, struct clock_date *d)
{
    d->month = take_month(in);
    take(in, " ");
    if (next_is(in, " ")) {
        take(in, " ");
        d->day = take_number(in, 1);
    } else {
        d->day = take_number(in, 2);
    }
    take(in, " ");
    take_time(in, d);
    take(in, " ");
    d->year = take_number(in, 4);
}

/* "06 Nov 1994 08:49:37 GMT", or with hyphens and a year of two digits as RFC 850 has it. */
static void take_http_date(struct scan *in, struct clock_date *d)
{
    const char *between;
    bool old;

    d->day = take_number(in, 2);
    old = next_is(in, "-");
    between = old ? "-" : " ";
    take(in, between);
    d->month = take_month(in);
    take(in, between);
    d->year = take_number(in, old ? 2 : 4);
    if (old)
        d->year += d->year < 70 ? 2000 : 1900;
    take(in, " ");
    take_time(in, d);
    take(in, " GMT");
}

/* The three forms that RFC 9110 has a recipient read. */
bool clock_parse_http(const char *s, size_t n, int64_t *out)
{
    struct scan in = {s, n, true};
    struct clock_date d;

    skip_weekday(&in);
    if (next_is(&in, ", ")) {
        take(&in, ", ");
        take_http_date(&in, &d);
    } else {
        take(&in, " ");
        take_asctime(&in, &d);
    }
    if (!in.ok || in.n > 0 || !is_date(&d))
        return false;
    *out = clock_join(&d);
    return true;
}

void clock_format_iso(struct buf *out, int64_t t)
{
    struct clock_date d;

    clock_split(t, &d);
    buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", d.year, d.month, d.day, d.hour, d.minute,
               d.second);
}

void clock_format_basic(struct buf *out, int64_t t)
{
    struct clock_date d;

    clock_split(t, &d);
    buf_printf(out, "%04d%02d%02dT%02d%02d%02dZ", d.year, d.month, d.day, d.hour, d.minute,
               d.second);
}

/* 1970-01-01 was a Thursday. */
void clock_format_http(struct buf *out, int64_t t)
{
    static const char days[] = "ThuFriSatSunMonTueWed";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int64_t day = t / DAY - (t % DAY < 0), weekday = (day % 7 + 7) % 7;
    struct clock_date d;

    clock_split(t, &d);
    buf_printf(out, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * weekday, d.day,
               months + 3 * (d.month - 1), d.year, d.hour, d.minute, d.second);
}
