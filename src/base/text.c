#include <string.h>

#include <pklbrowse/text.h>

#include "unicode_table.h"

bool text_printable(uint32_t cp)
{
    size_t low = 0, high = unicode_printable_count;

    if (cp < 0x7f)
        return cp >= 0x20;
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (cp < unicode_printable[mid].first)
            high = mid;
        else if (cp > unicode_printable[mid].last)
            low = mid + 1;
        else
            return true;
    }
    return false;
}

/* Letters and marks that Unicode calls printable although nothing is drawn for them: with one of
 * these, two different names look the same. */
bool unicode_draws_nothing(uint32_t cp)
{
    switch (cp) {
    case 0x034f:
    case 0x115f:
    case 0x1160:
    case 0x17b4:
    case 0x17b5:
    case 0x3164:
    case 0xffa0:
        return true;
    default:
        return false;
    }
}

bool text_drawable(uint32_t cp)
{
    return text_printable(cp) && !unicode_draws_nothing(cp);
}

static void with_unit(struct buf *out, uint64_t value, uint64_t unit, const char *name)
{
    uint64_t whole = value / unit, tenth = (value % unit + unit / 20) / (unit / 10);

    if (tenth == 10) {
        whole++;
        tenth = 0;
    }
    if (tenth == 0)
        buf_printf(out, "%llu %s", (unsigned long long)whole, name);
    else
        buf_printf(out, "%llu.%llu %s", (unsigned long long)whole, (unsigned long long)tenth, name);
}

void text_size(struct buf *out, uint64_t bytes)
{
    static const char *const names[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    uint64_t unit = 1000;
    size_t i = 0;

    if (bytes < 1000) {
        buf_printf(out, "%llu B", (unsigned long long)bytes);
        return;
    }
    /* 999,950 is already "1 MB": with one digit after the point it would read 1000 kB. */
    while (i + 1 < sizeof names / sizeof *names && bytes >= unit * 1000 - unit / 20) {
        unit *= 1000;
        i++;
    }
    with_unit(out, bytes, unit, names[i]);
}

void text_count(struct buf *out, uint64_t n)
{
    char digits[32]; /* 20 digits and 6 commas at most */
    size_t at = sizeof digits;

    for (unsigned i = 0; i == 0 || n > 0; i++) {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
        if (n > 0 && i % 3 == 2)
            digits[--at] = ',';
    }
    buf_append(out, digits + at, sizeof digits - at);
}

/* What `put` writes of n. */
static struct text_short shortly(void (*put)(struct buf *out, uint64_t n), uint64_t n)
{
    struct text_short out = {""};
    struct buf b;

    buf_init(&b, sizeof out.s);
    put(&b, n);
    if (b.failed == PB_OK && b.len < sizeof out.s)
        memcpy(out.s, b.data, b.len);
    buf_release(&b);
    return out;
}

struct text_short text_short_count(uint64_t n)
{
    return shortly(text_count, n);
}

struct text_short text_short_size(uint64_t bytes)
{
    return shortly(text_size, bytes);
}
