/* How much of a string can be copied as it stands: what a printer of long texts asks first. */
#include <string.h>

#include <pklbrowse/text.h>

#include "unicode_table.h"

#define ONES 0x0101010101010101u
#define HIGH 0x8080808080808080u

/* Has a byte of w its high bit set, is one below a blank, DEL, the quote or a backslash? */
static bool has_special(uint64_t w, uint64_t quotes)
{
    uint64_t q = w ^ quotes, b = w ^ ONES * '\\', d = w ^ ONES * 0x7f;
    uint64_t found = (w - ONES * 0x20) & ~w;

    found |= (q - ONES) & ~q;
    found |= (b - ONES) & ~b;
    found |= (d - ONES) & ~d;
    return ((found | w) & HIGH) != 0;
}

static bool is_plain(unsigned char c, char quote)
{
    return c >= 0x20 && c < 0x7f && c != '\\' && c != (unsigned char)quote;
}

/* Up to the first byte that is not plain ASCII. */
static size_t ascii_run(const unsigned char *s, size_t n, char quote)
{
    uint64_t quotes = ONES * (unsigned char)quote, w;
    size_t at = 0;

    for (; n - at >= sizeof w; at += sizeof w) {
        memcpy(&w, s + at, sizeof w);
        if (has_special(w, quotes))
            break;
    }
    while (at < n && is_plain(s[at], quote))
        at++;
    return at;
}

/* Code points around cp that are printable as it is, from the table; false: it is not. */
static bool find_range(uint32_t cp, struct unicode_range *out)
{
    size_t low = 0, high = unicode_printable_count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (cp < unicode_printable[mid].first) {
            high = mid;
        } else if (cp > unicode_printable[mid].last) {
            low = mid + 1;
        } else {
            *out = unicode_printable[mid];
            return true;
        }
    }
    return false;
}

/* What most characters of the East are; false: another length, or wrong, or a surrogate. */
static inline bool three_bytes(const unsigned char *s, size_t n, uint32_t *cp)
{
    if (n < 3 || (s[0] & 0xf0) != 0xe0 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80)
        return false;
    *cp = (uint32_t)(s[0] & 15) << 12 | (uint32_t)(s[1] & 63) << 6 | (s[2] & 63);
    return *cp >= 0x800 && (*cp < 0xd800 || *cp > 0xdfff);
}

size_t text_plain(const void *p, size_t n, char quote, enum text_plain how)
{
    const unsigned char *s = p;
    struct unicode_range in = {1, 0};
    size_t at = 0;

    while (at < n) {
        uint32_t cp;
        size_t used;

        if (s[at] < 0x80) {
            size_t run = ascii_run(s + at, n - at, quote);

            if (run == 0)
                break;
            at += run;
            continue;
        }
        if (how == TEXT_ASCII)
            break;
        used = three_bytes(s + at, n - at, &cp) ? 3 : utf8_decode(s + at, n - at, &cp, false);
        if (used == 0 || ((cp < in.first || cp > in.last) && !find_range(cp, &in)) ||
            (how == TEXT_DRAWABLE && unicode_draws_nothing(cp)))
            break;
        at += used;
    }
    return at;
}
