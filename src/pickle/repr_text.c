#include "repr_text.h"

#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

/* Bits of the largest int with NUM_DECIMAL_DIGITS digits. */
#define DECIMAL_BITS 14285u

static char quote_for(const char *p, size_t n)
{
    return memchr(p, '\'', n) != NULL && memchr(p, '"', n) == NULL ? '"' : '\'';
}

static const char hex[] = "0123456789abcdef";

/* A byte's escape at `to`; its length, at most 4. */
static size_t put_byte_escape(char *to, uint8_t c)
{
    to[0] = '\\';
    switch (c) {
    case '\t':
        to[1] = 't';
        return 2;
    case '\n':
        to[1] = 'n';
        return 2;
    case '\r':
        to[1] = 'r';
        return 2;
    case '\\':
    case '\'':
    case '"':
        to[1] = (char)c;
        return 2;
    default:
        to[1] = 'x';
        to[2] = hex[c >> 4];
        to[3] = hex[c & 15];
        return 4;
    }
}

/* A code point that does not stand for itself. */
static void put_escape(struct buf *out, uint32_t cp)
{
    char to[4];

    if (cp < 0x100)
        buf_append(out, to, put_byte_escape(to, (uint8_t)cp));
    else
        buf_printf(out, cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp);
}

void repr_str_piece(struct buf *out, const char *utf8, size_t n, char quote, bool ascii)
{
    size_t at = 0;

    while (at < n) {
        uint32_t cp;
        size_t run = text_plain(utf8 + at, n - at, quote, ascii ? TEXT_ASCII : TEXT_PRINTABLE);
        size_t used;

        buf_append(out, utf8 + at, run);
        at += run;
        if (at == n)
            break;
        used = utf8_decode(utf8 + at, n - at, &cp, true);
        if (used == 0) {
            cp = (uint8_t)utf8[at];
            used = 1;
        }
        put_escape(out, cp);
        at += used;
    }
}

void pkl_repr_str(struct buf *out, const char *utf8, size_t n, bool ascii)
{
    char quote = n > 0 ? quote_for(utf8, n) : '\'';

    buf_putc(out, quote);
    repr_str_piece(out, utf8, n, quote, ascii);
    buf_putc(out, quote);
}

#define BYTES_AT_ONCE 16384u
#define BYTES_MANY 4096u /* for which a table pays */

static bool stands_for_itself(uint8_t c, char quote, bool array)
{
    return c >= 0x20 && c < 0x7f && c != '\\' && c != (uint8_t)quote && !(array && c == '\'');
}

void byte_texts_init(struct byte_texts *t, char quote, bool array)
{
    t->quote = quote;
    t->array = array;
    t->filled = false;
}

static void fill_texts(struct byte_texts *t)
{
    for (unsigned c = 0; c < 256; c++) {
        bool itself = stands_for_itself((uint8_t)c, t->quote, t->array);
        char text[4] = {(char)c};
        size_t n = itself ? 1 : put_byte_escape(text, (uint8_t)c);
        uint32_t four;

        memcpy(&four, text, sizeof four);
        t->of[c] = four | (uint64_t)n << 32;
    }
    t->filled = true;
}

#define BLOCK 32u
#define MIXED 128u /* bytes written one by one before blocks are tried again */

#ifdef __x86_64__

#define WIDE __attribute__((target("avx2")))

WIDE static inline __m256i is(__m256i v, char c)
{
    return _mm256_cmpeq_epi8(v, _mm256_set1_epi8(c));
}

/* As \xNN, one behind the other. */
WIDE static inline void put_hex_block(char *to, __m256i v)
{
    const __m256i digits =
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)"0123456789abcdef"));
    const __m256i start = _mm256_set1_epi16('\\' | 'x' << 8), nibble = _mm256_set1_epi8(15);
    __m256i high = _mm256_shuffle_epi8(digits, _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble));
    __m256i low = _mm256_shuffle_epi8(digits, _mm256_and_si256(v, nibble));
    /* Of bytes 0 to 7 and 16 to 23, and of the others: unpacking leaves the halves apart. */
    __m256i first = _mm256_unpacklo_epi8(high, low), second = _mm256_unpackhi_epi8(high, low);
    __m256i a = _mm256_unpacklo_epi16(start, first), b = _mm256_unpackhi_epi16(start, first);
    __m256i c = _mm256_unpacklo_epi16(start, second), d = _mm256_unpackhi_epi16(start, second);

    _mm256_storeu_si256((void *)to, _mm256_permute2x128_si256(a, b, 0x20));
    _mm256_storeu_si256((void *)(to + BLOCK), _mm256_permute2x128_si256(c, d, 0x20));
    _mm256_storeu_si256((void *)(to + 2 * BLOCK), _mm256_permute2x128_si256(a, b, 0x31));
    _mm256_storeu_si256((void *)(to + 3 * BLOCK), _mm256_permute2x128_si256(c, d, 0x31));
}

/* Blocks of bytes that all stand for themselves, or are all written as \xNN, up to the first whose
 * bytes are not alike; how many bytes those were. */
WIDE static size_t put_alike(char **to, const uint8_t *s, size_t n, const struct byte_texts *t)
{
    const __m256i other = _mm256_set1_epi8(t->array ? '\'' : t->quote);
    size_t at = 0;

    for (; n - at >= BLOCK; at += BLOCK) {
        __m256i v = _mm256_loadu_si256((const void *)(s + at)), special;
        /* Below a blank, and above 0x7f: signed. */
        __m256i outside =
            _mm256_or_si256(_mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), v), is(v, 0x7f));

        if (_mm256_testz_si256(outside, outside)) {
            special = _mm256_or_si256(_mm256_cmpeq_epi8(v, other),
                                      _mm256_or_si256(is(v, '\\'), is(v, t->quote)));
            if (!_mm256_testz_si256(special, special))
                break;
            _mm256_storeu_si256((void *)*to, v);
            *to += BLOCK;
            continue;
        }
        special = _mm256_or_si256(is(v, '\t'), _mm256_or_si256(is(v, '\n'), is(v, '\r')));
        if (_mm256_movemask_epi8(_mm256_andnot_si256(special, outside)) != -1)
            break;
        put_hex_block(*to, v);
        *to += 4 * (size_t)BLOCK;
    }
    return at;
}

static bool alike_works(void)
{
    return __builtin_cpu_supports("avx2");
}

#else

static size_t put_alike(char **to, const uint8_t *s, size_t n, const struct byte_texts *t)
{
    (void)to, (void)s, (void)n, (void)t;
    return 0;
}

static bool alike_works(void)
{
    return false;
}

#endif

/* Each byte on its own: four are written whatever it takes, the next ones over them. */
static char *put_each(char *to, const uint8_t *s, size_t n, const struct byte_texts *t)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t of = t->of[s[i]];
        uint32_t four = (uint32_t)of;

        memcpy(to, &four, sizeof four);
        to += of >> 32;
    }
    return to;
}

static size_t put_many(char *to, const uint8_t *s, size_t n, const struct byte_texts *t)
{
    bool wide = alike_works();
    char *end = to;

    while (n > 0) {
        size_t used = wide ? put_alike(&end, s, n, t) : 0, block;

        s += used;
        n -= used;
        /* Where some bytes are not alike, those behind them hardly are. */
        block = n < MIXED ? n : MIXED;
        end = put_each(end, s, block, t);
        s += block;
        n -= block;
    }
    return (size_t)(end - to);
}

void repr_bytes_piece(struct buf *out, const void *p, size_t n, struct byte_texts *t)
{
    const uint8_t *s = p;
    bool many = n >= BYTES_MANY || t->filled;

    if (many && !t->filled)
        fill_texts(t);
    while (n > 0) {
        size_t piece = n < BYTES_AT_ONCE ? n : BYTES_AT_ONCE, used = 0;
        char *to = buf_room(out, piece * 4);

        if (to == NULL)
            return;
        if (many)
            used = put_many(to, s, piece, t);
        for (size_t i = 0; !many && i < piece; i++) {
            if (stands_for_itself(s[i], t->quote, t->array))
                to[used++] = (char)s[i];
            else
                used += put_byte_escape(to + used, s[i]);
        }
        out->len += used;
        s += piece;
        n -= piece;
    }
}

/* A bytearray's repr has a backslash before every "'", whatever the quotes are. */
static void put_bytes(struct buf *out, const void *p, size_t n, bool array)
{
    char quote = n > 0 ? quote_for(p, n) : '\'';
    struct byte_texts texts;

    byte_texts_init(&texts, quote, array);
    buf_putc(out, 'b');
    buf_putc(out, quote);
    repr_bytes_piece(out, p, n, &texts);
    buf_putc(out, quote);
}

void pkl_repr_bytes(struct buf *out, const void *p, size_t n)
{
    put_bytes(out, p, n, false);
}

static bool is_ascii(const char *s, size_t n)
{
    unsigned char any = 0;

    for (size_t i = 0; i < n; i++)
        any |= (unsigned char)s[i];
    return any < 0x80;
}

bool repr_is_ascii(const struct buf *b)
{
    return is_ascii(b->data, b->len);
}

enum pb_err repr_big(struct buf *out, const struct pkl_leaf *l, struct error *e)
{
    const uint8_t *le = (const uint8_t *)l->data.data;
    size_t before = out->len;
    struct error why;
    enum pb_err err;

    if (l->fits) {
        buf_printf(out, "%lld", (long long)l->integer);
        return PB_OK;
    }
    if (num_big_bits(le, l->data.len) > DECIMAL_BITS)
        return num_big_to_hex(out, le, l->data.len, e);
    err = num_big_to_decimal(out, le, l->data.len, &why);
    if (err == PB_ELIMIT) { /* one digit too many: the bits alone do not tell */
        buf_truncate(out, before);
        return num_big_to_hex(out, le, l->data.len, e);
    }
    if (err != PB_OK && e != NULL)
        *e = why;
    return err;
}

static void put_latin1(struct buf *out, const char *s, size_t n, bool ascii)
{
    struct buf text;
    char utf8[4];

    buf_init(&text, SIZE_MAX / 2);
    for (size_t i = 0; i < n; i++)
        buf_append(&text, utf8, utf8_encode((uint8_t)s[i], utf8));
    pkl_repr_str(out, text.data, text.len, ascii);
    if (text.failed != PB_OK)
        out->failed = text.failed;
    buf_release(&text);
}

void repr_py2_str(struct buf *out, const char *s, size_t n, bool ascii, enum pkl_py2_str how)
{
    if (how != PKL_PY2_BYTES && is_ascii(s, n))
        pkl_repr_str(out, s, n, ascii);
    else if (how == PKL_PY2_LATIN1)
        put_latin1(out, s, n, ascii);
    else if (how == PKL_PY2_UTF8 && utf8_check(s, n, false, NULL) == n)
        pkl_repr_str(out, s, n, ascii);
    else
        pkl_repr_bytes(out, s, n);
}

enum pb_err repr_leaf(struct buf *out, const struct pkl_leaf *l, bool ascii, enum pkl_py2_str how,
                      struct error *e)
{
    const char *s = l->data.data;
    size_t n = l->data.len;

    switch (l->kind) {
    case PKL_NONE:
        buf_puts(out, "None");
        break;
    case PKL_BOOL:
        buf_puts(out, l->boolean ? "True" : "False");
        break;
    case PKL_INT:
        return repr_big(out, l, e);
    case PKL_FLOAT:
        num_repr_double(out, l->real);
        break;
    case PKL_BYTEARRAY:
        buf_puts(out, "bytearray(");
        put_bytes(out, s, n, true);
        buf_putc(out, ')');
        break;
    case PKL_BYTES:
        pkl_repr_bytes(out, s, n);
        break;
    case PKL_PY2STR:
        repr_py2_str(out, s, n, ascii, how);
        break;
    case PKL_STR:
        pkl_repr_str(out, s, n, ascii);
        break;
    case PKL_EXTENSION:
        buf_printf(out, "extension %lld", (long long)l->integer);
        break;
    case PKL_BUFFER:
        buf_printf(out, "buffer %lld", (long long)l->integer);
        break;
    default:
        buf_puts(out, "persistent ");
        if (utf8_check(s, n, false, NULL) == n)
            pkl_repr_str(out, s, n, ascii);
        else
            pkl_repr_bytes(out, s, n);
        break;
    }
    return buf_status(out, e);
}

enum pb_err repr_name(struct pkl_view *v, const struct pkl_node *global, struct buf *out,
                      struct error *e)
{
    struct pkl_name name;
    enum pb_err err = pkl_name_read(v, global, &name, e);

    if (err == PB_EUNSUPPORTED) {
        buf_puts(out, "?");
        return buf_status(out, e);
    }
    if (err != PB_OK)
        return err;
    text_escape(out, name.py3_module, strlen(name.py3_module));
    buf_putc(out, '.');
    text_escape(out, name.py3_name, strlen(name.py3_name));
    pkl_name_release(&name);
    return buf_status(out, e);
}
