/* datetime and zoneinfo.  Payloads are checked as far as Python checks them: a day 99 it lets pass.
 */
#include "lens.h"
#include "make.h"

#include <string.h>

#include <pklbrowse/num.h>
#include <pklbrowse/pkl_repr.h>

#define DAYS_MAX 999999999

enum { FOLD_BIT = 0x80 };

static enum pb_err payload(struct lens_reader *r, const struct lens_call *c, size_t size,
                           uint8_t *out, struct lens *l, struct error *e)
{
    struct buf data;
    bool partial;
    enum pb_err err;

    buf_init(&data, 64);
    err = lens_bytes(r, &c->arg[0], size + 1, true, &data, &partial, l, e);
    if (err == PB_OK && (partial || data.len != size))
        err = lens_refuse(l, "its payload is not %zu bytes", size);
    if (err == PB_OK)
        memcpy(out, data.data, size);
    buf_release(&data);
    return err;
}

static enum pb_err check_month(unsigned month, struct lens *l)
{
    if (month < 1 || month > 12)
        return lens_refuse(l, "month %u is not 1 to 12", month);
    return PB_OK;
}

/* ", tzinfo=...", when there is one: of a known class, or an object of an unknown one. */
static enum pb_err put_tzinfo(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                              struct error *e)
{
    static const char *const zones[] = {"datetime.timezone", "zoneinfo.ZoneInfo", NULL};
    bool done, known;
    enum pb_err err;

    if (c->count < 2 || c->arg[1].kind == PKL_NONE)
        return PB_OK;
    if (c->arg[1].kind != PKL_OBJECT)
        return lens_refuse(l, "its tzinfo is none");
    buf_puts(&l->text, ", tzinfo=");
    err = lens_inline(r, &c->arg[1], zones, &done, l, e);
    if (err != PB_OK || done)
        return err;
    err = lens_known(r, &c->arg[1], &known, e);
    if (err == PB_OK && known)
        return lens_refuse(l, "its tzinfo is none");
    if (err == PB_OK && !lens_value(l, &c->arg[1]))
        err = error_nomem(e);
    return err;
}

static uint32_t micro(const uint8_t *p)
{
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static void put_time(struct buf *out, const uint8_t *p, unsigned hour)
{
    uint32_t us = micro(p + 3);

    buf_printf(out, "%u, %u", hour, p[1]);
    if (p[2] > 0 || us > 0)
        buf_printf(out, ", %u", p[2]);
    if (us > 0)
        buf_printf(out, ", %u", us);
}

static enum pb_err read_date(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                             struct error *e)
{
    uint8_t p[4];
    enum pb_err err = payload(r, c, sizeof p, p, l, e);

    if (err == PB_OK)
        err = check_month(p[2], l);
    if (err == PB_OK)
        buf_printf(&l->text, "datetime.date(%u, %u, %u)", p[0] * 256u + p[1], p[2], p[3]);
    return err;
}

static enum pb_err read_time(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                             struct error *e)
{
    uint8_t p[6];
    enum pb_err err = payload(r, c, sizeof p, p, l, e);

    if (err == PB_OK && (p[0] & ~FOLD_BIT) >= 24)
        err = lens_refuse(l, "hour %u is not 0 to 23", p[0] & ~(unsigned)FOLD_BIT);
    if (err != PB_OK)
        return err;
    buf_puts(&l->text, "datetime.time(");
    put_time(&l->text, p, p[0] & ~(unsigned)FOLD_BIT);
    err = put_tzinfo(r, c, l, e);
    buf_puts(&l->text, p[0] & FOLD_BIT ? ", fold=1)" : ")");
    return err;
}

static enum pb_err read_datetime(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                 struct error *e)
{
    uint8_t p[10];
    enum pb_err err = payload(r, c, sizeof p, p, l, e);

    if (err == PB_OK)
        err = check_month(p[2] & ~(unsigned)FOLD_BIT, l);
    if (err != PB_OK)
        return err;
    buf_printf(&l->text, "datetime.datetime(%u, %u, %u, ", p[0] * 256u + p[1],
               p[2] & ~(unsigned)FOLD_BIT, p[3]);
    put_time(&l->text, p + 4, p[4]);
    if (p[2] & FOLD_BIT)
        buf_puts(&l->text, ", fold=1");
    err = put_tzinfo(r, c, l, e);
    buf_putc(&l->text, ')');
    return err;
}

struct delta {
    int64_t days, seconds, us;
};

static int64_t floor_div(int64_t a, int64_t b, int64_t *rest)
{
    int64_t q = a / b;

    *rest = a % b;
    if (*rest < 0) {
        *rest += b;
        q--;
    }
    return q;
}

static enum pb_err delta_of(struct lens_reader *r, const struct lens_call *c, struct delta *d,
                            struct lens *l, struct error *e)
{
    static const char *const names[] = {"days", "seconds", "microseconds"};
    const int64_t most = (int64_t)1 << 52;
    int64_t v[3] = {0}, seconds;
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < c->count && err == PB_OK; i++)
        err = lens_int(r, &c->arg[i], -most, most, names[i], &v[i], l, e);
    if (err != PB_OK)
        return err;
    seconds = v[1] + floor_div(v[2], 1000000, &d->us);
    d->days = v[0] + floor_div(seconds, 86400, &d->seconds);
    if (d->days > DAYS_MAX || d->days < -DAYS_MAX)
        return lens_refuse(l, "a timedelta has at most %d days", DAYS_MAX);
    return PB_OK;
}

static enum pb_err read_timedelta(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                  struct error *e)
{
    struct delta d;
    const char *comma = "";
    enum pb_err err = delta_of(r, c, &d, l, e);

    if (err != PB_OK)
        return err;
    buf_puts(&l->text, "datetime.timedelta(");
    if (d.days != 0) {
        buf_printf(&l->text, "days=%lld", (long long)d.days);
        comma = ", ";
    }
    if (d.seconds != 0) {
        buf_printf(&l->text, "%sseconds=%lld", comma, (long long)d.seconds);
        comma = ", ";
    }
    if (d.us != 0)
        buf_printf(&l->text, "%smicroseconds=%lld", comma, (long long)d.us);
    else if (*comma == '\0')
        buf_putc(&l->text, '0');
    buf_putc(&l->text, ')');
    return PB_OK;
}

/* Between a day before and a day behind UTC, as the text of the timedelta says. */
static bool offset_in_a_day(const char *text)
{
    return strncmp(text, "datetime.timedelta(days=", 24) != 0 ||
           (strncmp(text, "datetime.timedelta(days=-1, ", 28) == 0);
}

static enum pb_err read_timezone(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                 struct error *e)
{
    static const char *const deltas[] = {"datetime.timedelta", NULL};
    size_t start = l->text.len, from;
    bool done;
    enum pb_err err;

    buf_puts(&l->text, "datetime.timezone(");
    from = l->text.len;
    err = lens_inline(r, &c->arg[0], deltas, &done, l, e);
    if (err == PB_OK && !done)
        err = lens_refuse(l, "its offset is no timedelta");
    if (err == PB_OK)
        err = buf_status(&l->text, e);
    if (err != PB_OK)
        return err;
    if (!offset_in_a_day(l->text.data + from))
        return lens_refuse(l, "its offset is not less than a day");
    if (c->count == 1 && strcmp(l->text.data + from, "datetime.timedelta(0)") == 0) {
        buf_truncate(&l->text, start);
        buf_puts(&l->text, "datetime.timezone.utc");
        return PB_OK;
    }
    if (c->count == 2) {
        err = lens_str(r, &c->arg[1], "its name", l, e);
        if (err != PB_OK)
            return err;
        buf_puts(&l->text, ", ");
        pkl_repr_str(&l->text, r->leaf.data.data, r->leaf.data.len, false);
    }
    buf_putc(&l->text, ')');
    return PB_OK;
}

/* Which zones there are depends on the machine; what a key can look like does not. */
static bool is_zone_key(const char *s, size_t n)
{
    static const char good[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/.";

    return n > 0 && s[0] != '/' && strspn(s, good) == n && strstr(s, "..") == NULL;
}

static enum pb_err read_zoneinfo(struct lens_reader *r, const struct lens_call *c, struct lens *l,
                                 struct error *e)
{
    int64_t cached = 0;
    enum pb_err err = PB_OK;

    if (c->count == 2)
        err = lens_int(r, &c->arg[1], 0, 1, "whether it is cached", &cached, l, e);
    if (err == PB_OK)
        err = lens_str(r, &c->arg[0], "its key", l, e);
    if (err != PB_OK)
        return err;
    if (!is_zone_key(r->leaf.data.data, r->leaf.data.len))
        return lens_refuse(l, "its key names no zone");
    buf_puts(&l->text, "zoneinfo.ZoneInfo(key=");
    pkl_repr_str(&l->text, r->leaf.data.data, r->leaf.data.len, false);
    buf_putc(&l->text, ')');
    return PB_OK;
}

static const struct lens_row rows[] = {
    {"datetime", "date", "datetime.date", LENS_BOTH, 1, 1, read_date, 0},
    {"datetime", "time", "datetime.time", LENS_BOTH, 1, 2, read_time, 0},
    {"datetime", "datetime", "datetime.datetime", LENS_BOTH, 1, 2, read_datetime, 0},
    {"datetime", "timedelta", "datetime.timedelta", LENS_BOTH, 0, 3, read_timedelta, 0},
    {"datetime", "timezone", "datetime.timezone", LENS_BOTH, 1, 2, read_timezone, 0},
    {"zoneinfo", "ZoneInfo._unpickle", "zoneinfo.ZoneInfo", LENS_CALL, 2, 2, read_zoneinfo, 0},
    {"zoneinfo", "ZoneInfo", "zoneinfo.ZoneInfo", LENS_CALL, 1, 1, read_zoneinfo, 0},
};
const struct lens_family lens_datetime = {rows, sizeof rows / sizeof rows[0]};

/* ------------------------------------------------------------------- the way back */

static unsigned days_in(int64_t year, int64_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

static enum pb_err day_args(struct maker *m, uint8_t *p)
{
    int64_t year, month, day;
    enum pb_err err = make_int_arg(m, m->arg[0], 1, 9999, 1, "a year", &year);

    if (err == PB_OK)
        err = make_int_arg(m, m->arg[1], 1, 12, 1, "a month", &month);
    if (err == PB_OK)
        err = make_int_arg(m, m->arg[2], 1, days_in(year, month), 1, "a day of this month", &day);
    if (err != PB_OK)
        return err;
    p[0] = (uint8_t)(year >> 8);
    p[1] = (uint8_t)year;
    p[2] = (uint8_t)month;
    p[3] = (uint8_t)day;
    return PB_OK;
}

/* hour, minute, second, microsecond, tzinfo, fold, from the argument number `at` on. */
static enum pb_err time_args(struct maker *m, size_t at, uint8_t *p, bool *fold)
{
    static const char *const what[] = {"an hour", "a minute", "a second", "a microsecond", "fold"};
    static const int64_t most[] = {23, 59, 59, 999999, 1};
    const struct literal *zone = m->arg[at + 4];
    int64_t v[5];
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < 5 && err == PB_OK; i++)
        err = make_int_arg(m, m->arg[at + (i < 4 ? i : 5)], 0, most[i], 0, what[i], &v[i]);
    if (err != PB_OK)
        return err;
    if (zone != NULL && zone->kind != PKL_NONE && !make_is(zone, "datetime", "timezone") &&
        !make_is(zone, "zoneinfo", "ZoneInfo"))
        return make_bad(m, zone, "tzinfo is a datetime.timezone or zoneinfo.ZoneInfo");
    for (size_t i = 0; i < 3; i++) {
        p[i] = (uint8_t)v[i];
        p[3 + i] = (uint8_t)(v[3] >> (16 - 8 * i));
    }
    *fold = v[4] != 0;
    return PB_OK;
}

static enum pb_err make_packed(struct maker *m, const uint8_t *p, size_t n, struct literal *zone,
                               bool fold, struct literal **out)
{
    struct literal *args[2] = {make_bytes(m, p, n), zone};
    enum pb_err err = make_called(m, zone != NULL && zone->kind != PKL_NONE ? 2 : 1, args, out);

    if (err == PB_OK && fold)
        (*out)->parts |= LITERAL_FOLD;
    return err;
}

static enum pb_err make_date(struct maker *m, struct literal **out)
{
    uint8_t p[4];
    enum pb_err err = day_args(m, p);

    return err == PB_OK ? make_packed(m, p, sizeof p, NULL, false, out) : err;
}

static enum pb_err make_time(struct maker *m, struct literal **out)
{
    uint8_t p[6];
    bool fold;
    enum pb_err err = time_args(m, 0, p, &fold);

    if (err != PB_OK)
        return err;
    p[0] |= fold ? FOLD_BIT : 0;
    return make_packed(m, p, sizeof p, m->arg[4], fold, out);
}

static enum pb_err make_datetime_of(struct maker *m, struct literal **out)
{
    uint8_t p[10];
    bool fold;
    enum pb_err err = day_args(m, p);

    if (err == PB_OK)
        err = time_args(m, 3, p + 4, &fold);
    if (err != PB_OK)
        return err;
    p[2] |= fold ? FOLD_BIT : 0;
    return make_packed(m, p, sizeof p, m->arg[7], fold, out);
}

/* days, seconds, microseconds, milliseconds, minutes, hours, weeks */
static enum pb_err make_timedelta(struct maker *m, struct literal **out)
{
    static const int64_t us_of[] = {0, 1000000, 1, 1000, 60000000, 3600000000, 0};
    const int64_t most = (int64_t)1 << 40;
    int64_t days = 0, v, us;
    __int128 rest = 0;
    struct literal *args[3];

    for (size_t i = 0; i < sizeof us_of / sizeof us_of[0]; i++) {
        enum pb_err err = make_int_arg(m, m->arg[i], -most, most, 0, "this", &v);

        if (err != PB_OK)
            return err;
        rest += (__int128)v * us_of[i];
        days += us_of[i] == 0 ? v * (i == 0 ? 1 : 7) : 0;
    }
    days += (int64_t)(rest / ((__int128)86400 * 1000000));
    us = (int64_t)(rest % ((__int128)86400 * 1000000));
    days -= us < 0;
    us += us < 0 ? (int64_t)86400 * 1000000 : 0;
    if (days > DAYS_MAX || days < -DAYS_MAX)
        return make_bad(m, NULL, "a timedelta has at most %d days", DAYS_MAX);
    args[0] = make_int(m, days);
    args[1] = make_int(m, us / 1000000);
    args[2] = make_int(m, us % 1000000);
    return make_called(m, 3, args, out);
}

/* Days, seconds and microseconds that make_timedelta() has written. */
static bool delta_within_a_day(const struct literal *delta)
{
    const struct literal *arg = delta->first->next->first;
    int64_t v[3] = {0};

    for (size_t i = 0; i < 3 && arg != NULL; i++, arg = arg->next)
        (void)num_big_fits_i64((const uint8_t *)arg->data, arg->len, &v[i]);
    return v[0] == 0 || (v[0] == -1 && (v[1] > 0 || v[2] > 0));
}

static enum pb_err make_timezone(struct maker *m, struct literal **out)
{
    enum pb_err err = make_str_arg(m, m->arg[1], "a name");

    if (err != PB_OK)
        return err;
    if (!make_is(m->arg[0], "datetime", "timedelta"))
        return make_bad(m, m->arg[0], "the offset is a datetime.timedelta");
    if (!delta_within_a_day(m->arg[0]))
        return make_bad(m, m->arg[0], "an offset is less than a day");
    return make_called(m, m->arg[1] != NULL ? 2 : 1, m->arg, out);
}

/* Made by a method of the class; True: it may be one that is there already. */
static enum pb_err make_zoneinfo(struct maker *m, struct literal **out)
{
    struct literal *args[2] = {m->arg[0], make_int(m, 1)};
    enum pb_err err = make_str_arg(m, m->arg[0], "a key");

    if (err != PB_OK)
        return err;
    if (!is_zone_key(m->arg[0]->data, m->arg[0]->len))
        return make_bad(m, m->arg[0], "no zone can have this key");
    return make_done(m,
                     make_object(m, 0, make_global(m, "zoneinfo", "ZoneInfo._unpickle"),
                                 make_tuple(m, 2, args), NULL, NULL, NULL),
                     out);
}

static const struct make_row makers[] = {
    {"datetime", "date", "year month day", 3, 0, make_date, 0},
    {"datetime", "time", "hour minute second microsecond tzinfo fold", 0, 0, make_time, 0},
    {"datetime", "datetime", "year month day hour minute second microsecond tzinfo fold", 3, 0,
     make_datetime_of, 0},
    {"datetime", "timedelta", "days seconds microseconds milliseconds minutes hours weeks", 0, 0,
     make_timedelta, 0},
    {"datetime", "timezone", "offset name", 1, 0, make_timezone, 0},
    {"zoneinfo", "ZoneInfo", "key", 1, 0, make_zoneinfo, 0},
};
const struct make_family make_datetime = {makers, sizeof makers / sizeof makers[0]};
