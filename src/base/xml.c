#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/xmlerror.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>
#include <pklbrowse/xml.h>

#define DEPTH_MAX 64
#define PATH_MAX_BYTES 4096u

/* Where an open element begins in `path` and in `text`. */
struct level {
    size_t path, text;
};

struct xml {
    struct xml_handler handler;
    xmlParserCtxtPtr parser;
    struct buf path; /* "a/b/c" of the open elements */
    struct buf text; /* their own text, the inner after the outer */
    struct level levels[DEPTH_MAX];
    size_t depth;
    bool root_seen, ending, forbidden;
    char last; /* the last byte that was no blank */
    struct odd_bytes {
        uint32_t recent;   /* the last bytes of the document */
        unsigned need;     /* tail bytes that the character still lacks */
        uint8_t low, high; /* what the next of them may be */
        bool seen;
    } odd;
    struct error error; /* of the first failure; code PB_OK: none */
};

static void fail(struct xml *x, enum pb_err code, const char *why)
{
    if (x->error.code == PB_OK)
        error_set(&x->error, code, "%s", _(why));
    xmlStopParser(x->parser);
}

static void take_buf_failure(struct xml *x, const struct buf *b)
{
    if (b->failed == PB_ENOMEM)
        fail(x, PB_ENOMEM, "out of memory");
    else if (b->failed != PB_OK)
        fail(x, PB_ELIMIT, "an XML element is longer than this program takes");
}

/* libxml2 leaves '&' as "&#38;" in the values of attributes, and nothing else. */
static void put_value(struct buf *out, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_putc(out, p[i]);
        if (n - i >= 5 && memcmp(p + i, "&#38;", 5) == 0)
            i += 4;
    }
}

/* Five pointers each: name, prefix, namespace, and where its value begins and ends. */
static void tell_attributes(struct xml *x, int n, const xmlChar **attrs)
{
    for (int i = 0; i < n && x->error.code == PB_OK; i++, attrs += 5) {
        struct buf value;

        buf_init(&value, PATH_MAX_BYTES);
        put_value(&value, (const char *)attrs[3], (size_t)(attrs[4] - attrs[3]));
        take_buf_failure(x, &value);
        if (x->error.code == PB_OK)
            x->handler.attribute(x->handler.ctx, x->path.data, (const char *)attrs[0], value.data,
                                 value.len);
        buf_release(&value);
    }
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int namespaces, const xmlChar **ns, int attributes, int defaulted,
                     const xmlChar **attrs)
{
    struct xml *x = ctx;

    (void)prefix, (void)uri, (void)namespaces, (void)ns;
    (void)defaulted;
    if (x->error.code != PB_OK)
        return;
    if (x->depth == DEPTH_MAX) {
        fail(x, PB_ELIMIT, "XML elements lie deeper in each other than this program takes");
        return;
    }
    x->levels[x->depth++] = (struct level){x->path.len, x->text.len};
    x->root_seen = true;
    if (x->path.len > 0)
        buf_putc(&x->path, '/');
    buf_puts(&x->path, (const char *)name);
    take_buf_failure(x, &x->path);
    if (x->error.code == PB_OK && x->handler.start != NULL)
        x->handler.start(x->handler.ctx, x->path.data);
    if (x->error.code == PB_OK && x->handler.attribute != NULL)
        tell_attributes(x, attributes, attrs);
}

static void on_end(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct xml *x = ctx;
    struct level level;

    (void)name, (void)prefix, (void)uri;
    if (x->error.code != PB_OK || x->depth == 0)
        return;
    level = x->levels[--x->depth];
    if (x->handler.end != NULL)
        x->handler.end(x->handler.ctx, x->path.data, x->text.data + level.text,
                       x->text.len - level.text);
    buf_truncate(&x->text, level.text);
    buf_truncate(&x->path, level.path);
}

static void on_text(void *ctx, const xmlChar *text, int n)
{
    struct xml *x = ctx;

    if (x->error.code != PB_OK || n <= 0)
        return;
    buf_append(&x->text, text, (size_t)n);
    take_buf_failure(x, &x->text);
}

/*
 * libxml2 names a forbidden character by its own error code, but not when the character lies near
 * the end of what it was given: then it only says that something is wrong.  So the bytes are looked
 * at here as well, for the sake of the message: is there one that no UTF-8 document may hold?
 */
static void note_odd_byte(struct odd_bytes *o, uint8_t c)
{
    o->recent = o->recent << 8 | c;
    if (o->need > 0) {
        o->seen = o->seen || c < o->low || c > o->high;
        o->need--;
        o->low = 0x80;
        o->high = 0xbf;
        /* U+FFFE and U+FFFF */
        o->seen = o->seen || (o->recent & 0xfffffe) == 0xefbfbe;
    } else if (c < 0x80) {
        o->seen = o->seen || (c < 0x20 && c != '\t' && c != '\n' && c != '\r');
    } else {
        o->seen = o->seen || c < 0xc2 || c > 0xf4;
        o->need = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
        o->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
        o->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    }
}

static void look_at(struct xml *x, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        note_odd_byte(&x->odd, (uint8_t)p[i]);
        if (p[i] != ' ' && p[i] != '\n' && p[i] != '\r' && p[i] != '\t')
            x->last = p[i];
    }
}

/* Did the parser fail at the end because there should be more? */
static bool is_cut(const struct xml *x, int code)
{
    if (!x->ending || (x->root_seen && x->depth == 0))
        return false;
    return x->last != '>' || code == XML_ERR_DOCUMENT_EMPTY || code == XML_ERR_DOCUMENT_END ||
           code == XML_ERR_TAG_NOT_FINISHED || code == XML_ERR_COMMENT_NOT_FINISHED ||
           code == XML_ERR_CDATA_NOT_FINISHED || code == XML_ERR_PI_NOT_FINISHED;
}

/* No answer of a store has one, and nothing good comes from it: no entities, no expansion. */
static void on_doctype(void *ctx, const xmlChar *name, const xmlChar *external,
                       const xmlChar *system)
{
    (void)name, (void)external, (void)system;
    fail(ctx, PB_ESERVER, "the XML has a document type, which no store sends");
}

static void on_error(void *ctx, const xmlError *err)
{
    struct xml *x = ctx;
    struct buf why;

    if (x->error.code != PB_OK || err->level != XML_ERR_FATAL)
        return;
    if (err->code == XML_ERR_NO_MEMORY) {
        fail(x, PB_ENOMEM, "out of memory");
    } else if (err->code == XML_ERR_INVALID_CHAR || err->code == XML_ERR_INVALID_CHARREF ||
               err->code == XML_ERR_INVALID_ENCODING || x->odd.seen) {
        x->forbidden = true;
        fail(x, PB_ESERVER, "the XML holds a character that XML forbids");
    } else if (is_cut(x, err->code)) {
        fail(x, PB_ESERVER, "the XML was cut short");
    } else {
        buf_init(&why, BUF_MAX_LINE);
        buf_puts(&why, "not valid XML: ");
        if (err->message != NULL)
            text_escape_cols(&why, err->message, strcspn(err->message, "\n"), 200);
        fail(x, PB_ESERVER, why.data);
        buf_release(&why);
    }
}

/* libxml2 2.12 made the error const. */
#if LIBXML_VERSION < 21200
static void on_error_mutable(void *ctx, xmlErrorPtr err)
{
    on_error(ctx, err);
}
#define ON_ERROR on_error_mutable
#else
#define ON_ERROR on_error
#endif

enum pb_err xml_new(const struct xml_handler *h, struct xml **out, struct error *e)
{
    xmlSAXHandler sax;
    struct xml *x = mem_alloc(sizeof *x);

    *out = NULL;
    if (x == NULL)
        return error_nomem(e);
    x->handler = *h;
    buf_init(&x->path, PATH_MAX_BYTES);
    buf_init(&x->text, BUF_MAX_XML);
    memset(&sax, 0, sizeof sax);
    sax.initialized = XML_SAX2_MAGIC;
    sax.startElementNs = on_start;
    sax.endElementNs = on_end;
    sax.characters = on_text;
    sax.ignorableWhitespace = on_text;
    sax.cdataBlock = on_text;
    sax.internalSubset = on_doctype;
    sax.serror = ON_ERROR;
    x->parser = xmlCreatePushParserCtxt(&sax, x, NULL, 0, NULL);
    if (x->parser == NULL) {
        xml_free(x);
        return error_nomem(e);
    }
    /* Neither NOENT nor DTDLOAD, HUGE or RECOVER: strict, and bounded by libxml2's own limits. */
    xmlCtxtUseOptions(x->parser, XML_PARSE_NONET);
    *out = x;
    return PB_OK;
}

static enum pb_err result(const struct xml *x, struct error *e)
{
    if (x->error.code != PB_OK && e != NULL)
        *e = x->error;
    return x->error.code;
}

/* libxml2 counts in ints. */
#define CHUNK_MAX ((size_t)1 << 20)

enum pb_err xml_feed(struct xml *x, const void *p, size_t n, struct error *e)
{
    const char *at = p;

    while (n > 0 && x->error.code == PB_OK) {
        size_t chunk = n < CHUNK_MAX ? n : CHUNK_MAX;

        look_at(x, at, chunk);
        if (xmlParseChunk(x->parser, at, (int)chunk, 0) == XML_ERR_NO_MEMORY)
            fail(x, PB_ENOMEM, "out of memory");
        at += chunk;
        n -= chunk;
    }
    return result(x, e);
}

enum pb_err xml_finish(struct xml *x, struct error *e)
{
    if (x->error.code == PB_OK && !x->ending) {
        x->ending = true;
        if (xmlParseChunk(x->parser, NULL, 0, 1) == XML_ERR_NO_MEMORY)
            fail(x, PB_ENOMEM, "out of memory");
        /* libxml2 says so itself; but a listing that lacks its end must never pass for a whole one.
         */
        if (x->error.code == PB_OK && (!x->root_seen || x->depth > 0))
            fail(x, PB_ESERVER, "the XML was cut short");
    }
    return result(x, e);
}

bool xml_forbidden_char(const struct xml *x)
{
    return x->forbidden;
}

void xml_free(struct xml *x)
{
    if (x == NULL)
        return;
    if (x->parser != NULL)
        xmlFreeParserCtxt(x->parser);
    buf_release(&x->path);
    buf_release(&x->text);
    free(x);
}
