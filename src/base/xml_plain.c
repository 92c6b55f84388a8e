/*
 * The plain part of XML, in which stores write listings: elements without attributes (but a default
 * namespace of the first), printable ASCII, the five entities.  Read twice: the first time without
 * telling anyone, so that whatever is not plain is left, whole, to the parser that knows it all.
 */
#include <pklbrowse/xml.h>

#include <string.h>

#define DEPTH_MOST 12
#define PATH_MOST 200

struct plain {
    const struct xml_handler *h;
    const char *at, *end;
    bool tell;               /* the second time */
    char path[PATH_MOST];    /* of the open elements, "a/b" */
    size_t ends[DEPTH_MOST]; /* where each ends in it */
    size_t depth;
    bool leaf; /* nothing but text since the last element began */
    struct buf decoded;
};

bool xml_is_ascii(const char *p, size_t n)
{
    const uint64_t highs = 0x8080808080808080u, blanks = 0x2020202020202020u;
    size_t i = 0;

    for (; i < n; i++) {
        uint64_t w[4];
        unsigned char c;

        for (; i + sizeof w <= n; i += sizeof w) {
            memcpy(w, p + i, sizeof w);
            if (((w[0] | w[1] | w[2] | w[3] | (w[0] - blanks) | (w[1] - blanks) | (w[2] - blanks) |
                  (w[3] - blanks)) &
                 highs) != 0)
                break;
        }
        if (i >= n)
            break;
        c = (unsigned char)p[i];
        if (c >= 0x7f || (c < 0x20 && c != '\n' && c != '\t'))
            return false;
    }
    return memchr(p, ']', n) == NULL && memchr(p, 0x7f, n) == NULL;
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool blank(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\t'))
        p++;
    return p == end;
}

/* Of the text [p, end): false when there is something else behind a '&'. */
static bool decode(struct plain *x, const char *p, const char *end)
{
    static const struct {
        const char *name;
        char means;
    } entities[] = {
        {"&quot;", '"'}, {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&apos;", '\''}};
    const char *amp;

    if (x->tell)
        buf_clear(&x->decoded);
    while ((amp = memchr(p, '&', (size_t)(end - p))) != NULL) {
        size_t i = 0, n = 0;

        for (; i < sizeof entities / sizeof *entities; i++) {
            n = strlen(entities[i].name);
            if ((size_t)(end - amp) >= n && memcmp(amp, entities[i].name, n) == 0)
                break;
        }
        if (i == sizeof entities / sizeof *entities)
            return false;
        if (x->tell) {
            buf_append(&x->decoded, p, (size_t)(amp - p));
            buf_putc(&x->decoded, entities[i].means);
        }
        p = amp + n;
    }
    if (x->tell)
        buf_append(&x->decoded, p, (size_t)(end - p));
    return true;
}

static bool begin(struct plain *x, const char *name, size_t n)
{
    size_t at = x->depth > 0 ? x->ends[x->depth - 1] : 0;

    if (n == 0 || (name[0] >= '0' && name[0] <= '9') || x->depth == DEPTH_MOST ||
        at + n + 2 > PATH_MOST)
        return false;
    if (at > 0)
        x->path[at++] = '/';
    memcpy(x->path + at, name, n);
    x->path[at + n] = '\0';
    x->ends[x->depth++] = at + n;
    x->leaf = true;
    if (x->tell && x->h->start != NULL)
        x->h->start(x->h->ctx, x->path);
    return true;
}

static bool finish(struct plain *x, const char *text, const char *text_end)
{
    size_t outer = x->depth > 1 ? x->ends[x->depth - 2] : 0;

    if (!decode(x, text, text_end))
        return false;
    if (x->tell && x->h->end != NULL)
        x->h->end(x->h->ctx, x->path, x->decoded.data, x->decoded.len);
    x->depth--;
    x->path[outer] = '\0';
    x->leaf = false;
    return x->decoded.failed == PB_OK;
}

/* What stands in front of the '<' at x->at, and the tag itself. */
static bool closing(struct plain *x, const char *before)
{
    size_t outer, n;
    const char *name;

    if (x->depth == 0)
        return false;
    outer = x->depth > 1 ? x->ends[x->depth - 2] + 1 : 0;
    n = x->ends[x->depth - 1] - outer;
    name = x->at + 2;
    if ((size_t)(x->end - name) <= n || memcmp(name, x->path + outer, n) != 0 || name[n] != '>')
        return false;
    x->at = name + n + 1;
    /* The text of what holds elements is not told: it may be blanks alone. */
    if (!x->leaf && !blank(before, name - 2))
        return false;
    return finish(x, before, x->leaf ? name - 2 : before);
}

static bool opening(struct plain *x, const char *before)
{
    static const char space[] = " xmlns=\"";
    const char *tag = x->at, *name = tag + 1, *p = name;

    if (!blank(before, tag))
        return false;
    while (p < x->end && is_name(*p))
        p++;
    if (!begin(x, name, (size_t)(p - name)))
        return false;
    if (x->depth == 1 && (size_t)(x->end - p) > sizeof space &&
        memcmp(p, space, sizeof space - 1) == 0) {
        const char *value = p + sizeof space - 1;

        p = memchr(value, '"', (size_t)(x->end - value));
        if (p == NULL || memchr(value, '<', (size_t)(p - value)) != NULL ||
            memchr(value, '&', (size_t)(p - value)) != NULL)
            return false;
        p++;
    }
    if (x->end - p >= 2 && p[0] == '/' && p[1] == '>') {
        x->at = p + 2;
        return finish(x, p, p);
    }
    x->at = p + 1;
    return p < x->end && *p == '>';
}

static bool prolog(struct plain *x)
{
    static const char *const lines[] = {
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "<?xml version=\"1.0\" encoding=\"utf-8\"?>",
        "<?xml version='1.0' encoding='UTF-8'?>", "<?xml version=\"1.0\"?>"};

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        size_t n = strlen(lines[i]);

        if ((size_t)(x->end - x->at) >= n && memcmp(x->at, lines[i], n) == 0) {
            x->at += n;
            return true;
        }
    }
    return (size_t)(x->end - x->at) < 2 || x->at[1] != '?';
}

static bool read_all(struct plain *x)
{
    bool begun = false;

    if (!prolog(x))
        return false;
    while (x->at < x->end) {
        const char *before = x->at, *tag = memchr(before, '<', (size_t)(x->end - before));

        if (tag == NULL)
            break;
        if (x->depth == 0 && (begun || !blank(before, tag)))
            return false;
        x->at = tag;
        begun = true;
        if (x->end - tag < 3 || !(tag[1] == '/' ? closing(x, before) : opening(x, before)))
            return false;
    }
    return begun && x->depth == 0 && blank(x->at, x->end);
}

enum pb_err xml_plain(const struct xml_handler *h, const char *p, size_t n, bool *plain,
                      struct error *e)
{
    struct plain x = {.h = h, .at = p, .end = p + n};
    enum pb_err err;

    *plain = n > 0 && xml_is_ascii(p, n) && read_all(&x);
    if (!*plain)
        return PB_OK;
    x = (struct plain){.h = h, .at = p, .end = p + n, .tell = true};
    buf_init(&x.decoded, n + 1);
    /* It has been read once: out of memory is all that can go wrong. */
    err = read_all(&x) ? PB_OK : error_nomem(e);
    buf_release(&x.decoded);
    return err;
}
