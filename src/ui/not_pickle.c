/* An object that is no pickle: what it is instead, by its first bytes, and its text or bytes. */
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/source.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "state.h"

#define LOOKED ((size_t)64 * 1024) /* bytes that say what it is */
#define LINES 12                   /* of it beside its properties */
#define LINE_BYTES 200u
#define HEX_BYTES 8u /* of a line */

struct magic {
    size_t at, len;
    const char *bytes, *what;
};
static const struct magic magics[] = {
    {0, 8, "\x89PNG\r\n\x1a\n", N_("a PNG image")},
    {0, 3, "\xff\xd8\xff", N_("a JPEG image")},
    {0, 4, "GIF8", N_("a GIF image")},
    {8, 4, "WEBP", N_("a WebP image")},
    {0, 4, "II*\0", N_("a TIFF image")},
    {0, 4, "MM\0*", N_("a TIFF image")},
    {0, 5, "%PDF-", N_("a PDF document")},
    {0, 6, "\x93NUMPY", N_("a NumPy array file (.npy)")},
    {0, 8, "\x89HDF\r\n\x1a\n", N_("an HDF5 file")},
    {0, 4, "PAR1", N_("a Parquet file")},
    {0, 15, "SQLite format 3", N_("an SQLite database")},
    {0, 4,
     "\x7f"
     "ELF",
     N_("a program (ELF)")},
};

struct content {
    struct source *source; /* borrowed from the object */
    const uint8_t *p;      /* its first bytes */
    size_t n;
    uint64_t size;    /* bytes that are here */
    const char *what; /* not translated; NULL: nothing known */
    bool text;
};

/* UTF-8 without control characters that no text has; it may be cut within a character. */
static bool is_text(const uint8_t *p, size_t n, bool whole)
{
    size_t good = utf8_check((const char *)p, n, false, NULL);

    if (good < n && (whole || n - good > 3))
        return false;
    for (size_t i = 0; i < good; i++) {
        if ((p[i] < ' ' && strchr("\t\n\r\f\x1b", p[i]) == NULL) || p[i] == 0 || p[i] == 0x7f)
            return false;
    }
    return good > 0;
}

static bool looks_like_json(const uint8_t *p, size_t n)
{
    size_t from = 0;

    while (from < n && strchr(" \t\r\n", p[from]) != NULL && p[from] != 0)
        from++;
    while (n > from && strchr(" \t\r\n", p[n - 1]) != NULL)
        n--;
    return n > from + 1 &&
           ((p[from] == '{' && p[n - 1] == '}') || (p[from] == '[' && p[n - 1] == ']'));
}

static const char *name_of(const struct content *c)
{
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        const struct magic *m = &magics[i];

        if (c->n >= m->at + m->len && memcmp(c->p + m->at, m->bytes, m->len) == 0)
            return m->what;
    }
    if (!c->text)
        return NULL;
    return looks_like_json(c->p, c->n) ? N_("JSON, by the look of it") : N_("a text");
}

static bool find_content(const struct ui *u, struct content *c)
{
    struct app_object *o = u->right.object;
    struct pkl_doc *doc =
        o != NULL && app_object_state(o) == APP_NOT_PICKLE && !app_object_is_folder(o)
            ? app_object_opcodes(o)
            : NULL;

    *c = (struct content){.source = doc != NULL ? pkl_doc_source(doc) : NULL};
    if (c->source == NULL || c->source->here == 0)
        return false;
    c->size = c->source->here;
    if (source_view(c->source, 0, c->size < LOOKED ? (size_t)c->size : LOOKED, &c->p, &c->n,
                    NULL) != PB_OK ||
        c->n == 0)
        return false;
    c->n = c->n < c->size ? c->n : (size_t)c->size;
    c->n = c->n < LOOKED ? c->n : LOOKED;
    c->text = is_text(c->p, c->n, c->n == c->source->size);
    c->what = name_of(c);
    return true;
}

bool not_pickle_readable(const struct ui *u)
{
    struct content c;

    return find_content(u, &c);
}

static void text_lines(const struct content *c, struct lines *l)
{
    struct buf line;
    size_t at = 0;

    buf_init(&line, BUF_MAX_LINE);
    for (int i = 0; i < LINES && at < c->n; i++) {
        const uint8_t *end = memchr(c->p + at, '\n', c->n - at);
        size_t n = end != NULL ? (size_t)(end - c->p) - at : c->n - at;

        buf_clear(&line);
        (void)text_escape_cols(&line, c->p + at, n < LINE_BYTES ? n : LINE_BYTES, LINE_BYTES);
        (void)lines_add(l, STYLE_VALUE, line.data);
        at += n + 1;
    }
    buf_release(&line);
}

static void hex_lines(const struct content *c, struct lines *l)
{
    struct buf line;

    buf_init(&line, BUF_MAX_LINE);
    for (size_t at = 0; at < c->n && at < LINES * HEX_BYTES; at += HEX_BYTES) {
        size_t n = c->n - at < HEX_BYTES ? c->n - at : HEX_BYTES;

        buf_clear(&line);
        for (size_t i = 0; i < HEX_BYTES; i++) {
            if (i < n)
                buf_printf(&line, "%02x ", c->p[at + i]);
            else
                buf_puts(&line, "   ");
        }
        buf_putc(&line, ' ');
        for (size_t i = 0; i < n; i++) {
            uint8_t b = c->p[at + i];

            buf_putc(&line, b >= 0x20 && b < 0x7f ? (char)b : '.');
        }
        (void)lines_add(l, STYLE_VALUE, line.data);
    }
    buf_release(&line);
}

void not_pickle_lines(struct ui *u, struct lines *l)
{
    struct content c;
    bool readable = find_content(u, &c);

    if (readable && c.what != NULL)
        (void)lines_printf(l, STYLE_WARNING, _("Not a pickle: this is %s."), _(c.what));
    else
        (void)lines_add(l, STYLE_WARNING, app_object_error(u->right.object)->msg);
    if (readable) {
        (void)lines_add(l, STYLE_DIM, _("Enter shows all of it; it is only to be read here."));
        (void)lines_add(l, STYLE_NORMAL, "");
        if (c.text)
            text_lines(&c, l);
        else
            hex_lines(&c, l);
    }
    (void)lines_add(l, STYLE_NORMAL, "");
    props_lines(u, l);
}

void not_pickle_open(struct ui *u)
{
    struct content c;
    struct buf title;

    if (!find_content(u, &c))
        return;
    buf_init(&title, BUF_MAX_LINE);
    buf_putc(&title, ' ');
    location_show_name(&title, app_object_location(u->right.object));
    buf_puts(&title, _(" \xc2\xb7 no pickle"));
    buf_printf(&title, P_(" \xc2\xb7 %s byte ", " \xc2\xb7 %s bytes ", c.size), TEXT_COUNT(c.size));
    if (c.size < c.source->size)
        buf_printf(&title, _("of %s, more was not fetched "), TEXT_COUNT(c.source->size));
    value_open_source(u, c.source, c.size, title.data, !c.text);
    buf_release(&title);
}
