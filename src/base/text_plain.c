/* How much of a string can be copied as it stands: what a printer of long texts asks first. */
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

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

#define FEW 64u /* bytes for which vectors do not pay */

#ifdef __x86_64__

#define AT_ONCE 32768u /* bytes checked twice in a row */

static inline __m128i load(const unsigned char *p)
{
    return _mm_loadu_si128((const void *)p);
}

/* low <= v <= high, as unsigned bytes */
static inline __m128i between(__m128i v, int low, int high)
{
    __m128i up = _mm_max_epu8(v, _mm_set1_epi8((char)low));

    return _mm_cmpeq_epi8(_mm_min_epu8(up, _mm_set1_epi8((char)high)), v);
}

/* Half bytes, by bits: what is good by itself (ASCII, tails, leads e5 to e9, eb, ec), and the leads
 * ea and ed, with which it depends on the byte behind them. */
enum { ANY = 1, BELOW_DEL = 2, LEAD = 4, LEAD_EA = 8, LEAD_ED = 16 };
static const unsigned char high_halves[16] = {
    0, 0, ANY, ANY, ANY, ANY, ANY, BELOW_DEL, ANY, ANY, ANY, ANY, 0, 0, LEAD | LEAD_EA | LEAD_ED, 0,
};
#define USUAL (ANY | BELOW_DEL)
static const unsigned char low_halves[16] = {
    USUAL,        USUAL,           USUAL,        USUAL,        USUAL,           USUAL | LEAD,
    USUAL | LEAD, USUAL | LEAD,    USUAL | LEAD, USUAL | LEAD, USUAL | LEAD_EA, USUAL | LEAD,
    USUAL | LEAD, USUAL | LEAD_ED, USUAL,        ANY,
};

#define WIDE __attribute__((target("avx2")))

WIDE static inline __m256i twice(const unsigned char p[16])
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)p));
}

/* The beginning of what east_asian_run() does, by tables, up to the last syllable, U+D7A3; true:
 * *run is all of it. */
WIDE static bool wide_run(const unsigned char *s, size_t n, char quote, size_t *run)
{
    const __m256i high = twice(high_halves), low = twice(low_halves), half = _mm256_set1_epi8(15);
    const __m256i quotes = _mm256_set1_epi8(quote), slash = _mm256_set1_epi8('\\');

    for (; n - *run > 33; *run += 32) {
        __m256i v = _mm256_loadu_si256((const void *)(s + *run));
        __m256i next = _mm256_loadu_si256((const void *)(s + *run + 1));
        __m256i third = _mm256_loadu_si256((const void *)(s + *run + 2));
        __m256i class = _mm256_and_si256(
            _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(v, 4), half)),
            _mm256_shuffle_epi8(low, _mm256_and_si256(v, half)));
        /* Compared as signed numbers: b0 to bf, and 80 to 9e; 9e a4 is behind the last syllable. */
        __m256i ea = _mm256_and_si256(_mm256_cmpgt_epi8(next, _mm256_set1_epi8((char)0xaf)),
                                      _mm256_set1_epi8(LEAD_EA));
        __m256i last = _mm256_and_si256(_mm256_cmpeq_epi8(next, _mm256_set1_epi8((char)0x9e)),
                                        _mm256_cmpgt_epi8(third, _mm256_set1_epi8((char)0xa3)));
        __m256i ed = _mm256_and_si256(_mm256_cmpgt_epi8(_mm256_set1_epi8((char)0x9f), next),
                                      _mm256_set1_epi8(LEAD_ED));
        __m256i good = _mm256_or_si256(_mm256_or_si256(ea, _mm256_andnot_si256(last, ed)),
                                       _mm256_set1_epi8(USUAL | LEAD));
        __m256i bad = _mm256_or_si256(_mm256_cmpeq_epi8(v, quotes), _mm256_cmpeq_epi8(v, slash));
        unsigned wrong;

        bad = _mm256_or_si256(
            bad, _mm256_cmpeq_epi8(_mm256_and_si256(class, good), _mm256_setzero_si256()));
        wrong = (unsigned)_mm256_movemask_epi8(bad);
        if (wrong != 0) {
            *run += (unsigned)__builtin_ctz(wrong);
            return true;
        }
    }
    return false;
}

/* Bytes in front of the first that is neither plain ASCII, nor of a letter of East Asia of which
 * the first two bytes tell that it is printable, if this is UTF-8 at all: U+4E00 to U+9FFF and
 * U+AC00 to U+D77F without a few at the edges. */
static size_t east_asian_run(const unsigned char *s, size_t n, char quote)
{
    const __m128i quotes = _mm_set1_epi8(quote), slash = _mm_set1_epi8('\\');
    size_t at = 0;

    if (__builtin_cpu_supports("avx2") && wide_run(s, n, quote, &at))
        return at;
    for (; n - at > 16; at += 16) {
        __m128i v = load(s + at), next = load(s + at + 1);
        __m128i bad = _mm_or_si128(_mm_cmpeq_epi8(v, quotes), _mm_cmpeq_epi8(v, slash));
        __m128i good = _mm_or_si128(between(v, 0x20, 0x7e), between(v, 0x80, 0xbf));
        __m128i ea =
            _mm_and_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8((char)0xea)), between(next, 0xb0, 0xbf));
        __m128i ed =
            _mm_and_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8((char)0xed)), between(next, 0x80, 0x9d));
        unsigned wrong;

        good = _mm_or_si128(good, _mm_or_si128(between(v, 0xe5, 0xe9), between(v, 0xeb, 0xec)));
        good = _mm_andnot_si128(bad, _mm_or_si128(good, _mm_or_si128(ea, ed)));
        wrong = (unsigned)_mm_movemask_epi8(good) ^ 0xffff;
        if (wrong != 0)
            return at + (unsigned)__builtin_ctz(wrong);
    }
    return at;
}

static size_t quick_run(const unsigned char *s, size_t n, char quote, bool utf8)
{
    size_t run = n < FEW ? 0 : east_asian_run(s, utf8 || n < AT_ONCE ? n : AT_ONCE, quote);

    if (run < FEW / 2)
        return 0;
    if (!utf8)
        return utf8_check(s, run, false, NULL);
    while (run > 0 && (s[run] & 0xc0) == 0x80)
        run--;
    return run;
}

#else

static size_t quick_run(const unsigned char *s, size_t n, char quote, bool utf8)
{
    (void)s, (void)n, (void)quote, (void)utf8;
    return 0;
}

#endif

static inline size_t plain_run(const void *p, size_t n, char quote, enum text_plain how, bool utf8)
{
    const unsigned char *s = p;
    struct unicode_range in = {1, 0};
    size_t at = 0, tried = 0; /* up to there the quick way is not tried again */

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
        if (at >= tried) {
            used = quick_run(s + at, n - at, quote, utf8);
            at += used;
            /* Where it got far, one letter stopped it: behind that it goes on. */
            tried = used > 0 ? at + 1 : at + FEW;
            if (used > 0)
                continue;
        }
        used = three_bytes(s + at, n - at, &cp) ? 3 : utf8_decode(s + at, n - at, &cp, false);
        if (used == 0 || ((cp < in.first || cp > in.last) && !find_range(cp, &in)) ||
            (how == TEXT_DRAWABLE && unicode_draws_nothing(cp)))
            break;
        at += used;
    }
    return at;
}

size_t text_plain(const void *p, size_t n, char quote, enum text_plain how)
{
    return plain_run(p, n, quote, how, false);
}

size_t text_plain_utf8(const void *p, size_t n, char quote)
{
    return plain_run(p, n, quote, TEXT_PRINTABLE, true);
}
