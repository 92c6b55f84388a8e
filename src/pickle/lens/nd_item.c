/* One element of an array, from its bytes. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/num.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#include "nd.h"

static uint64_t bits_of(const uint8_t *p, size_t n, bool big)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[big ? i : n - 1 - i];
    return v;
}

static int64_t signed_of(const uint8_t *p, size_t n, bool big)
{
    uint64_t v = bits_of(p, n, big);
    unsigned drop = 64 - 8 * (unsigned)n;

    return (int64_t)(v << drop) >> drop;
}

/* ----------------------------------------------------------------------- floats */

static double half_of(uint16_t h)
{
    unsigned exponent = h >> 10 & 31u, fraction = h & 1023u;
    double d = exponent == 0    ? ldexp((double)fraction, -24)
               : exponent == 31 ? (fraction != 0 ? (double)NAN : (double)INFINITY)
                                : ldexp((double)(fraction + 1024u), (int)exponent - 25);

    return h >> 15 ? -d : d;
}

static uint16_t half_bits(double d)
{
    int exponent;
    double m = frexp(fabs(d), &exponent); /* 0.5 <= m < 1 */
    uint16_t sign = signbit(d) ? 0x8000 : 0;

    if (m <= 0)
        return sign;
    if (exponent < -13) /* denormal: units of 2^-24 */
        return (uint16_t)(sign | (uint16_t)nearbyint(ldexp(fabs(d), 24)));
    m = nearbyint(ldexp(m, 11)); /* 1024 .. 2048 */
    if (m >= 2048) {
        m /= 2;
        exponent++;
    }
    if (exponent > 16)
        return (uint16_t)(sign | 0x7c00);
    return (uint16_t)(sign | (unsigned)(exponent + 14) << 10 | ((unsigned)m & 1023u));
}

/* The double whose shortest text is that of the number in its own precision. */
static double shortest(double d, size_t size)
{
    char text[40];

    if (!isfinite(d) || size == 8)
        return d;
    for (int digits = 1; digits <= 9; digits++) {
        double back;
        int n = snprintf(text, sizeof text, "%.*e", digits - 1, d);

        if (n > 0 && num_parse_double(text, (size_t)n, &back) &&
            (size == 4 ? !((float)back < (float)d) && !((float)back > (float)d)
                       : half_bits(back) == half_bits(d)))
            return back;
    }
    return d;
}

static double float_of(const uint8_t *p, size_t size, bool big)
{
    uint64_t bits = bits_of(p, size, big);
    uint32_t low = (uint32_t)bits;
    double d;
    float f;

    if (size == 2)
        return shortest(half_of((uint16_t)bits), 2);
    if (size == 4) {
        memcpy(&f, &low, sizeof f);
        return shortest((double)f, 4);
    }
    memcpy(&d, &bits, sizeof d);
    return d;
}

/* The x87 format, where this machine has it; else what its bytes are. */
static void put_long_double(const uint8_t *p, size_t size, bool big, struct buf *out)
{
#if LDBL_MANT_DIG == 64
    uint8_t bytes[sizeof(long double)] = {0};
    long double v, back;
    char text[64];

    for (size_t i = 0; i < 10; i++)
        bytes[i] = big ? p[size - 1 - i] : p[i];
    memcpy(&v, bytes, sizeof v);
    for (int digits = 17; digits <= 21; digits++) {
        (void)snprintf(text, sizeof text, "%.*Lg", digits, v);
        back = strtold(text, NULL);
        if (!(back < v) && !(back > v))
            break;
    }
    buf_puts(out, text);
#else
    (void)big;
    buf_puts(out, "0x");
    for (size_t i = 0; i < size; i++)
        buf_printf(out, "%02x", p[i]);
#endif
}

static void put_float(const uint8_t *p, size_t size, bool big, struct buf *out)
{
    if (size > 8)
        put_long_double(p, size, big, out);
    else
        num_repr_double(out, float_of(p, size, big));
}

/* A part without the ".0" of a whole number. */
static void put_part(const uint8_t *p, size_t size, bool big, struct buf *out)
{
    put_float(p, size, big, out);
    if (out->len > 2 && memcmp(out->data + out->len - 2, ".0", 2) == 0)
        buf_truncate(out, out->len - 2);
}

/* As Python writes a complex. */
static void put_complex(const struct nd_type *t, const uint8_t *p, struct buf *out)
{
    size_t half = (size_t)t->size / 2, from = out->len;
    bool bare;

    buf_putc(out, '(');
    put_part(p, half, t->big, out);
    bare = out->len == from + 2 && out->data[from + 1] == '0';
    if (bare)
        buf_truncate(out, from);
    from = out->len;
    put_part(p + half, half, t->big, out);
    if (!bare && out->len > from && out->data[from] != '-')
        buf_splice(out, from, 0, "+", 1);
    buf_puts(out, bare ? "j" : "j)");
}

/* ------------------------------------------------------------------------ times */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && a < 0);
}

static void put_date(int64_t days, struct buf *out)
{
    int64_t z = days + 719468, era = floor_div(z, 146097), day = z - era * 146097;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t of_year = day - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;

    day = of_year - (153 * month + 2) / 5 + 1;
    month += month < 10 ? 3 : -9;
    year += era * 400 + (month <= 2);
    buf_printf(out, "%04lld-%02lld-%02lld", (long long)year, (long long)month, (long long)day);
}

/* Digits behind the point of the seconds; -1: hours, -2: minutes; -3: a unit of days or more. */
static int digits_of(const char *unit)
{
    static const char *const below[] = {"s", "ms", "us", "ns", "ps", "fs", "as"};

    for (int i = 0; i < 7; i++) {
        if (strcmp(unit, below[i]) == 0)
            return 3 * i;
    }
    return strcmp(unit, "h") == 0 ? -1 : strcmp(unit, "m") == 0 ? -2 : -3;
}

static void put_time(int64_t v, int digits, struct buf *out)
{
    int64_t per = 1, seconds, rest, days;

    for (int i = 0; i < digits; i++)
        per *= 10;
    seconds = digits == -1 ? v * 3600 : digits == -2 ? v * 60 : floor_div(v, per);
    rest = digits > 0 ? v - seconds * per : 0;
    days = floor_div(seconds, 86400);
    seconds -= days * 86400;
    put_date(days, out);
    buf_printf(out, "T%02lld", (long long)(seconds / 3600));
    if (digits != -1)
        buf_printf(out, ":%02lld", (long long)(seconds / 60 % 60));
    if (digits >= 0)
        buf_printf(out, ":%02lld", (long long)(seconds % 60));
    if (digits > 0)
        buf_printf(out, ".%0*lld", digits, (long long)rest);
}

/* '2024-01-02T03:04:05', 'NaT'; a number where numpy itself gives up. */
static void put_datetime(const struct nd_type *t, int64_t v, struct buf *out)
{
    const int64_t far = (int64_t)1 << 50;
    int digits = digits_of(t->unit);
    int64_t steps;

    if (v == INT64_MIN) {
        buf_puts(out, "'NaT'");
        return;
    }
    if (t->unit[0] == '\0' || __builtin_mul_overflow(v, t->step, &steps) ||
        (digits <= 0 && (steps > far || steps < -far))) {
        buf_printf(out, "%lld", (long long)v);
        return;
    }
    buf_putc(out, '\'');
    if (digits != -3) {
        put_time(steps, digits, out);
    } else if (t->unit[0] == 'D') {
        put_date(steps, out);
    } else if (t->unit[0] == 'W') {
        put_date(steps * 7, out);
    } else {
        int64_t year = 1970 + (t->unit[0] == 'Y' ? steps : floor_div(steps, 12));

        buf_printf(out, "%04lld", (long long)year);
        if (t->unit[0] == 'M')
            buf_printf(out, "-%02lld", (long long)(steps - floor_div(steps, 12) * 12 + 1));
    }
    buf_putc(out, '\'');
}

/* ------------------------------------------------------------------------- text */

/* Without the NULs that fill it up. */
static size_t filled(const uint8_t *p, size_t n, size_t unit)
{
    size_t end = n;

    while (end > 0 && p[end - 1] == 0)
        end--;
    return (end + unit - 1) / unit * unit;
}

/* False: it holds what is no character. */
static bool decode_text(const struct nd_type *t, const uint8_t *p, size_t n, struct buf *out)
{
    for (size_t i = 0; i + 4 <= n; i += 4) {
        uint32_t cp = (uint32_t)bits_of(p + i, 4, t->big);
        char utf8[4];

        if (cp > 0x10ffff)
            return false;
        buf_append(out, utf8, utf8_encode(cp, utf8));
    }
    return true;
}

static void put_text(const struct nd_type *t, const uint8_t *p, size_t n, struct buf *out)
{
    struct buf text;

    if (t->kind == 'S') {
        pkl_repr_bytes(out, p, filled(p, n, 1));
        return;
    }
    buf_init(&text, LENS_TEXT_MAX);
    if (decode_text(t, p, filled(p, n, 4), &text))
        pkl_repr_str(out, text.data != NULL ? text.data : "", text.len, false);
    else
        buf_puts(out, "<no text>");
    buf_release(&text);
}

static void put_part_of(const struct nd_types *t, uint32_t index, uint64_t offset, const uint8_t *p,
                        size_t n, struct buf *out)
{
    uint64_t left = offset < n ? n - offset : 0, size = t->type.data[index].size;

    if (left < size && size <= ND_ITEM_MAX)
        buf_puts(out, "…");
    else
        nd_put_item(t, index, p + (left > 0 ? offset : 0), (size_t)(left < size ? left : size),
                    out);
}

/* [[1, 2], [3, 4]] */
static void put_subarray(const struct nd_types *t, const struct nd_type *type, const uint8_t *p,
                         size_t n, struct buf *out)
{
    const uint64_t *dim = t->dim.data + type->dim;
    uint64_t count = 1, size = t->type.data[type->base].size;

    for (uint32_t i = 0; i < type->dims; i++)
        count *= dim[i];
    if (count == 0)
        buf_puts(out, "[]");
    for (uint64_t i = 0; i < count; i++) {
        uint64_t inner = 1;

        if (i > 0)
            buf_puts(out, ", ");
        if (i > 0 && i * size >= ND_ITEM_MAX) {
            buf_puts(out, "…]");
            return;
        }
        for (uint32_t k = type->dims; k-- > 0;) {
            inner *= dim[k];
            if (i % inner == 0)
                buf_putc(out, '[');
        }
        put_part_of(t, type->base, i * size, p, n, out);
        inner = 1;
        for (uint32_t k = type->dims; k-- > 0;) {
            inner *= dim[k];
            if ((i + 1) % inner == 0)
                buf_putc(out, ']');
        }
    }
}

static void put_fields(const struct nd_types *t, const struct nd_type *type, const uint8_t *p,
                       size_t n, struct buf *out)
{
    buf_putc(out, '(');
    for (uint32_t i = 0; i < type->fields; i++) {
        const struct nd_field *f = &t->field.data[type->field + i];

        buf_puts(out, i > 0 ? ", " : "");
        put_part_of(t, f->type, f->offset, p, n, out);
    }
    buf_puts(out, type->fields == 1 ? ",)" : ")");
}

void nd_put_item(const struct nd_types *t, uint32_t index, const uint8_t *p, size_t n,
                 struct buf *out)
{
    const struct nd_type *type = &t->type.data[index];
    size_t size = (size_t)type->size;

    if (type->dims > 0) {
        put_subarray(t, type, p, n, out);
        return;
    }
    if (type->fields > 0) {
        put_fields(t, type, p, n, out);
        return;
    }
    switch (type->kind) {
    case 'b':
        buf_puts(out, p[0] != 0 ? "True" : "False");
        break;
    case 'i':
        buf_printf(out, "%lld", (long long)signed_of(p, size, type->big));
        break;
    case 'u':
        buf_printf(out, "%llu", (unsigned long long)bits_of(p, size, type->big));
        break;
    case 'f':
        put_float(p, size, type->big, out);
        break;
    case 'c':
        put_complex(type, p, out);
        break;
    case 'M':
        put_datetime(type, signed_of(p, 8, type->big), out);
        break;
    case 'm':
        if (signed_of(p, 8, type->big) == INT64_MIN)
            buf_puts(out, "'NaT'");
        else
            buf_printf(out, "%lld", (long long)signed_of(p, 8, type->big));
        break;
    case 'S':
    case 'U':
        put_text(type, p, n, out);
        if (n < size)
            buf_puts(out, "…");
        break;
    case 'O':
        buf_puts(out, "<object>");
        break;
    default:
        pkl_repr_bytes(out, p, n);
        if (n < size)
            buf_puts(out, "…");
    }
}

enum pkl_kind nd_item_kind(const struct nd_type *t)
{
    if (t->dims > 0 || t->fields > 0)
        return PKL_OBJECT;
    switch (t->kind) {
    case 'b':
        return PKL_BOOL;
    case 'i':
    case 'u':
        return PKL_INT;
    case 'f':
        return t->size <= 8 ? PKL_FLOAT : PKL_OBJECT;
    case 'S':
        return PKL_BYTES;
    case 'U':
        return PKL_STR;
    default:
        return PKL_OBJECT;
    }
}

static enum pb_err integer_leaf(const struct nd_type *t, const uint8_t *p, struct pkl_leaf *out,
                                struct error *e)
{
    uint64_t v = bits_of(p, (size_t)t->size, t->big);

    out->fits = t->kind == 'i' || v <= INT64_MAX;
    if (t->kind == 'i')
        out->integer = signed_of(p, (size_t)t->size, t->big);
    else if (out->fits)
        out->integer = (int64_t)v;
    for (unsigned i = 0; !out->fits && i < 9; i++)
        buf_putc(&out->data, i < 8 ? (char)(v >> 8 * i) : '\0');
    return buf_status(&out->data, e);
}

enum pb_err nd_item_leaf(const struct nd_type *t, const uint8_t *p, size_t n, size_t max,
                         struct pkl_leaf *out, struct error *e)
{
    size_t unit = t->kind == 'U' ? 4 : 1, len;

    out->kind = nd_item_kind(t);
    out->total = t->size;
    switch (out->kind) {
    case PKL_BOOL:
        out->boolean = p[0] != 0;
        return PB_OK;
    case PKL_INT:
        return integer_leaf(t, p, out, e);
    case PKL_FLOAT:
        out->real = float_of(p, (size_t)t->size, t->big);
        return PB_OK;
    case PKL_BYTES:
    case PKL_STR:
        len = filled(p, n, unit);
        out->partial = n < t->size || len / unit > max;
        len = len / unit > max ? max * unit : len;
        if (t->kind == 'S')
            buf_append(&out->data, p, len);
        else if (!decode_text(t, p, len, &out->data))
            return error_set(e, PB_EPICKLE, "this element is no text");
        return buf_status(&out->data, e);
    default:
        return error_set(e, PB_EUSAGE, "this is no single value");
    }
}
