#include "s3_page.h"

#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/log.h>
#include <pklbrowse/num.h>
#include <pklbrowse/xml.h>

#include "store_op.h"

/* A name or a text with its length. */
struct piece {
    const char *p;
    size_t n;
};

static bool is(struct piece t, const char *word, size_t n)
{
    return t.n == n && memcmp(t.p, word, n) == 0;
}
#define IS(t, word) is((t), "" word, sizeof(word) - 1)

void s3_page_init(struct s3_page *p, struct store_page *page, const char *prefix, size_t prefix_len,
                  bool buckets)
{
    *p = (struct s3_page){
        .page = page, .prefix = prefix, .prefix_len = prefix_len, .buckets = buckets};
}

/* --------------------------------------------------------------------------- elements */

static void keep(struct s3_page *p, char **to, size_t *len, struct piece text)
{
    *to = arena_strndup(&p->page->mem, text.p, text.n);
    if (len)
        *len = text.n;
    if (!*to)
        p->nomem = true;
}

static void keep_class(struct s3_page *p, struct piece text)
{
    if (!p->class || !is(text, p->class, p->class_len)) {
        keep(p, &p->storage_class, &p->class_len, text);
        p->class = p->storage_class;
    }
    p->storage_class = p->class;
}

static void forget_element(struct s3_page *p)
{
    p->name = p->etag = p->storage_class = NULL;
    p->size = 0;
    p->mtime = 0;
}

/* As received: whether names are encoded may be said after them. */
static void add_entry(struct s3_page *p, enum store_kind kind)
{
    struct store_entry *entry;

    if (!p->name)
        return;
    entry = store_page_take(p->page, &p->cap, kind, p->name, p->name_len);
    if (entry) {
        entry->size = p->size;
        entry->mtime = p->mtime;
        entry->etag = p->etag;
        entry->storage_class = p->storage_class;
    } else {
        p->nomem = true;
    }
    forget_element(p);
}

/* What an element of an object is to us. */
enum member { MEMBER_OTHER, MEMBER_KEY, MEMBER_SIZE, MEMBER_TIME, MEMBER_ETAG, MEMBER_CLASS };

static enum member member_named(struct piece name)
{
    return IS(name, "Key")            ? MEMBER_KEY
           : IS(name, "Size")         ? MEMBER_SIZE
           : IS(name, "LastModified") ? MEMBER_TIME
           : IS(name, "ETag")         ? MEMBER_ETAG
           : IS(name, "StorageClass") ? MEMBER_CLASS
                                      : MEMBER_OTHER;
}

static void object_element(struct s3_page *p, enum member m, struct piece text)
{
    switch (m) {
    case MEMBER_KEY:
        keep(p, &p->name, &p->name_len, text);
        break;
    case MEMBER_SIZE:
        if (!num_parse_u64(text.p, text.n, &p->size))
            p->size = 0;
        break;
    case MEMBER_TIME:
        if (!clock_parse_iso(text.p, text.n, &p->mtime))
            p->mtime = 0;
        break;
    case MEMBER_ETAG:
        keep(p, &p->etag, NULL, text);
        break;
    case MEMBER_CLASS:
        keep_class(p, text);
        break;
    case MEMBER_OTHER:
        break;
    }
}

static void list_element(struct s3_page *p, struct piece name, struct piece text)
{
    if (IS(name, "IsTruncated"))
        p->truncated = IS(text, "true");
    else if (IS(name, "EncodingType"))
        p->url_encoded = IS(text, "url");
    else if (IS(name, "KeyCount"))
        p->key_count = true;
    else if (IS(name, "NextContinuationToken"))
        keep(p, &p->next_token, &p->next_token_len, text);
    else if (IS(name, "NextMarker"))
        keep(p, &p->next_marker, &p->next_marker_len, text);
}

static void bucket_element(struct s3_page *p, struct piece name, struct piece text)
{
    if (IS(name, "Buckets/Bucket/Name"))
        keep(p, &p->name, &p->name_len, text);
    else if (IS(name, "Buckets/Bucket/CreationDate") && !clock_parse_iso(text.p, text.n, &p->mtime))
        p->mtime = 0;
    else if (IS(name, "Buckets/Bucket"))
        add_entry(p, STORE_CONTAINER);
    else if (IS(name, "ContinuationToken") && text.n > 0)
        keep(p, &p->next_token, &p->next_token_len, text);
}

void s3_page_element(void *ctx, const char *path, const char *text, size_t len)
{
    struct s3_page *p = ctx;
    const char *root = p->buckets ? "ListAllMyBucketsResult" : "ListBucketResult";
    size_t n = strlen(root);
    struct piece name, value = {text, len};

    if (p->nomem || strncmp(path, root, n) != 0)
        return;
    if (path[n] == '\0')
        p->known_root = true;
    if (path[n] != '/')
        return;
    name = (struct piece){path + n + 1, strlen(path + n + 1)};
    if (p->buckets)
        bucket_element(p, name, value);
    else if (name.n > 9 && memcmp(name.p, "Contents/", 9) == 0)
        object_element(p, member_named((struct piece){name.p + 9, name.n - 9}), value);
    else if (IS(name, "Contents"))
        add_entry(p, STORE_OBJECT);
    else if (IS(name, "CommonPrefixes/Prefix"))
        keep(p, &p->name, &p->name_len, value);
    else if (IS(name, "CommonPrefixes"))
        add_entry(p, STORE_PREFIX);
    else
        list_element(p, name, value);
}

/* -------------------------------------------------------------------------- the quick way */

/*
 * Elements without attributes, of plain text: what is anything else ends the reading.
 *
 * A server writes one object like the other.  What stood between the texts of the last one is
 * looked for as a whole in the next: that takes a third of the time of looking at every tag.
 */
#define SHAPE_MEMBERS 8
struct quick {
    const char *at, *end;
    struct s3_page *p;
    bool empty; /* the tag that was opened last is closed as well: "<Prefix/>" */
    struct shape {
        size_t count;                              /* 0: not known */
        struct piece before[SHAPE_MEMBERS], after; /* a text */
        enum member member[SHAPE_MEMBERS];
    } shape;
    char decoded[256]; /* the text with entities that was asked for last */
};

static void skip_blanks(struct quick *q)
{
    while (q->at < q->end && (*q->at == '\n' || *q->at == ' ' || *q->at == '\t'))
        q->at++;
}

static bool take(struct quick *q, struct piece word)
{
    if ((size_t)(q->end - q->at) < word.n || memcmp(q->at, word.p, word.n) != 0)
        return false;
    q->at += word.n;
    return true;
}
#define TAKE(q, word) take((q), (struct piece){word, sizeof(word) - 1})

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "<Name>" or "<Name/>" */
static bool open_tag(struct quick *q, struct piece *name)
{
    const char *p;

    skip_blanks(q);
    if (q->end - q->at < 3 || q->at[0] != '<')
        return false;
    p = ++q->at;
    while (p < q->end && is_letter(*p))
        p++;
    *name = (struct piece){q->at, (size_t)(p - q->at)};
    q->empty = p < q->end && *p == '/';
    p += q->empty;
    if (name->n == 0 || p == q->end || *p != '>')
        return false;
    q->at = p + 1;
    return true;
}

/* "</Name>" */
static bool close_tag(struct quick *q, struct piece name)
{
    return TAKE(q, "</") && take(q, name) && TAKE(q, ">");
}

/* Texts with entities are short here: an ETag in quotes. */
static bool decode(struct quick *q, struct piece *text)
{
    static const struct {
        struct piece name;
        char means;
    } entities[] = {
        {{"&quot;", 6}, '"'}, {{"&amp;", 5}, '&'}, {{"&lt;", 4}, '<'}, {{"&gt;", 4}, '>'}};
    const char *p = text->p, *end = text->p + text->n, *amp;
    size_t n = 0, i;

    if (text->n > sizeof q->decoded)
        return false;
    while ((amp = memchr(p, '&', (size_t)(end - p))) != NULL) {
        size_t left = (size_t)(end - amp);

        memcpy(q->decoded + n, p, (size_t)(amp - p));
        n += (size_t)(amp - p);
        for (i = 0; i < sizeof entities / sizeof *entities; i++) {
            if (left >= entities[i].name.n &&
                memcmp(amp, entities[i].name.p, entities[i].name.n) == 0)
                break;
        }
        if (i == sizeof entities / sizeof *entities)
            return false;
        q->decoded[n++] = entities[i].means;
        p = amp + entities[i].name.n;
    }
    memcpy(q->decoded + n, p, (size_t)(end - p));
    *text = (struct piece){q->decoded, n + (size_t)(end - p)};
    return true;
}

/* The text of the element just opened if it holds no other, and its end.  *inner: it holds others.
 */
static bool leaf_text(struct quick *q, struct piece name, struct piece *text, bool *inner)
{
    const char *lt;

    *inner = false;
    *text = (struct piece){q->at, 0};
    if (q->empty)
        return true;
    lt = memchr(q->at, '<', (size_t)(q->end - q->at));
    if (!lt || q->end - lt < 2)
        return false;
    text->n = (size_t)(lt - q->at);
    *inner = lt[1] != '/';
    if (*inner)
        return true;
    q->at = lt;
    if (!close_tag(q, name))
        return false;
    return !memchr(text->p, '&', text->n) || decode(q, text);
}

/* The text at [from, to) is the next of an object of this shape; what stood before it began where
 * the last one ended. */
static void note_member(struct quick *q, const char *since, const char *from, enum member m)
{
    struct shape *s = &q->shape;

    if (s->count == SHAPE_MEMBERS)
        return;
    s->before[s->count] = (struct piece){since, (size_t)(from - since)};
    s->member[s->count++] = m;
}

/* One more object that is written like the last.  False: it is not, and nothing has happened. */
static bool quick_alike(struct quick *q)
{
    const struct shape *s = &q->shape;
    const char *begin = q->at;
    struct s3_page *p = q->p;

    for (size_t i = 0; i < s->count; i++) {
        const char *lt =
            take(q, s->before[i]) ? memchr(q->at, '<', (size_t)(q->end - q->at)) : NULL;
        struct piece text = {q->at, lt ? (size_t)(lt - q->at) : 0};

        q->at = lt;
        if (!lt || (memchr(text.p, '&', text.n) && !decode(q, &text)))
            goto other;
        object_element(p, s->member[i], text);
    }
    if (s->count == 0 || !take(q, s->after))
        goto other;
    add_entry(p, STORE_OBJECT);
    return true;
other:
    q->at = begin;
    forget_element(p);
    return false;
}

/* What is inside of an element that says nothing to us: of its own elements none holds others. */
static bool skip_inner(struct quick *q, struct piece outer)
{
    struct piece name, text;
    bool inner;

    for (;;) {
        skip_blanks(q);
        if (q->end - q->at >= 2 && q->at[1] == '/')
            return close_tag(q, outer);
        if (!open_tag(q, &name) || !leaf_text(q, name, &text, &inner) || inner)
            return false;
    }
}

/* An object, behind its opening tag. */
static bool quick_object(struct quick *q, struct piece outer)
{
    const char *since = outer.p - 1; /* its '<' */
    struct piece name, text;
    bool inner, closed = q->empty, plain = !closed;

    q->shape.count = 0;
    while (!closed) {
        const char *from;

        skip_blanks(q);
        if (q->end - q->at >= 2 && q->at[1] == '/')
            break;
        if (!open_tag(q, &name))
            return false;
        from = q->at;
        plain = plain && !q->empty && q->shape.count < SHAPE_MEMBERS;
        if (!leaf_text(q, name, &text, &inner) || (inner && !skip_inner(q, name)))
            return false;
        plain = plain && !inner;
        if (inner)
            continue;
        object_element(q->p, member_named(name), text);
        note_member(q, since, from, member_named(name));
        since = memchr(from, '<', (size_t)(q->end - from));
    }
    add_entry(q->p, STORE_OBJECT);
    if (!closed && !close_tag(q, outer))
        return false;
    if (plain && since)
        q->shape.after = (struct piece){since, (size_t)(q->at - since)};
    else
        q->shape.count = 0;
    return true;
}

static bool quick_prefix(struct quick *q, struct piece outer)
{
    struct piece name, text;
    bool inner, closed = q->empty;

    while (!closed) {
        skip_blanks(q);
        if (q->end - q->at >= 2 && q->at[1] == '/')
            break;
        if (!open_tag(q, &name) || !leaf_text(q, name, &text, &inner) || inner)
            return false;
        if (IS(name, "Prefix"))
            keep(q->p, &q->p->name, &q->p->name_len, text);
    }
    add_entry(q->p, STORE_PREFIX);
    return closed || close_tag(q, outer);
}

static bool quick_element(struct quick *q, struct piece name)
{
    struct piece text;
    bool inner;

    if (IS(name, "Contents"))
        return quick_object(q, name);
    if (IS(name, "CommonPrefixes"))
        return quick_prefix(q, name);
    if (!leaf_text(q, name, &text, &inner) || inner)
        return false;
    list_element(q->p, name, text);
    return true;
}

static bool quick_elements(struct quick *q)
{
    static const struct piece root = {"ListBucketResult", 16};
    struct piece name;

    for (;;) {
        skip_blanks(q);
        if (quick_alike(q))
            continue;
        if (q->end - q->at >= 2 && q->at[1] == '/')
            return close_tag(q, root);
        if (!open_tag(q, &name) || !quick_element(q, name))
            return false;
    }
}

/* The root's tag: of attributes it may have a default namespace. */
static bool quick_root(struct quick *q)
{
    char mark;

    skip_blanks(q);
    if (!TAKE(q, "<ListBucketResult"))
        return false;
    if (TAKE(q, " xmlns=") && q->at < q->end && ((mark = *q->at) == '"' || mark == '\'')) {
        const char *from = ++q->at, *to = memchr(from, mark, (size_t)(q->end - from));

        if (!to || memchr(from, '<', (size_t)(to - from)) || memchr(from, '&', (size_t)(to - from)))
            return false;
        q->at = to + 1;
    }
    return TAKE(q, ">");
}

static bool quick_begin(struct quick *q)
{
    return TAKE(q, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>") && quick_root(q);
}

bool s3_page_quick(struct s3_page *p, const char *body, size_t n)
{
    struct quick q = {.at = body, .end = body + n, .p = p};

    if (p->buckets || !xml_is_ascii(body, n) || !quick_begin(&q) || !quick_elements(&q) || p->nomem)
        return false;
    skip_blanks(&q);
    p->known_root = true;
    return q.at == q.end;
}

bool s3_page_whole(const char *body, size_t n)
{
    static const char end[] = "</ListBucketResult>";
    const size_t len = sizeof end - 1;
    struct quick q = {.at = body, .end = body + n};

    while (n > 0 && (body[n - 1] == '\n' || body[n - 1] == ' '))
        n--;
    return n > len && memcmp(body + n - len, end, len) == 0 && quick_begin(&q);
}

/* It stands in front of the entries, or behind them. */
#define PEEK_BYTES 4096

bool s3_page_peek(const char *body, size_t n, char token[S3_TOKEN_MAX + 1])
{
    static const char more[] = "<IsTruncated>true</IsTruncated>", tag[] = "<NextContinuationToken>";
    size_t some = n < PEEK_BYTES ? n : PEEK_BYTES;
    const char *last = body + n - some, *from, *to;

    if (!memmem(body, some, more, sizeof more - 1) && !memmem(last, some, more, sizeof more - 1))
        return false;
    from = memmem(body, some, tag, sizeof tag - 1);
    if (!from)
        from = memmem(last, some, tag, sizeof tag - 1);
    if (!from)
        return false;
    from += sizeof tag - 1;
    to = memchr(from, '<', (size_t)(body + n - from));
    if (!to || to == from || to - from > S3_TOKEN_MAX || memchr(from, '&', (size_t)(to - from)) ||
        memchr(from, '\0', (size_t)(to - from)))
        return false;
    memcpy(token, from, (size_t)(to - from));
    token[to - from] = '\0';
    return true;
}

/* ------------------------------------------------------------------------- after the last */

static bool below_prefix(const struct s3_page *p, const char *name, size_t n)
{
    return n >= p->prefix_len && memcmp(name, p->prefix, p->prefix_len) == 0;
}

/* In a url-encoded listing '+' is a blank; a real plus comes as %2B.  Decoding never makes it
 * longer. */
static void decode_name(const struct s3_page *p, struct store_entry *entry, struct buf *room)
{
    if (!memchr(entry->name, '%', entry->len) && !memchr(entry->name, '+', entry->len))
        return;
    buf_clear(room);
    uri_decode(room, entry->name, entry->len, true);
    /* Some servers leave the folders of an encoded listing as they are. */
    if (room->failed != PB_OK || room->len > entry->len ||
        (entry->kind == STORE_PREFIX && !below_prefix(p, room->data, room->len)))
        return;
    memcpy(entry->name, room->data, room->len);
    entry->name[room->len] = '\0';
    entry->len = room->len;
}

enum pb_err s3_page_settle(struct s3_page *p, struct error *e)
{
    struct store_page *page = p->page;
    struct buf room;
    size_t kept = 0;
    enum pb_err err;

    buf_init(&room, BUF_MAX_TEXT);
    for (size_t i = 0; i < page->count; i++) {
        struct store_entry *entry = &page->entries[i];

        if (p->url_encoded)
            decode_name(p, entry, &room);
        if (!below_prefix(p, entry->name, entry->len)) {
            log_line("left out: a name in a listing that is not below its prefix");
            continue;
        }
        if (kept != i)
            page->entries[kept] = *entry;
        kept++;
    }
    page->count = kept;
    err = buf_status(&room, e);
    buf_release(&room);
    return err;
}

const struct store_entry *s3_page_last(const struct s3_page *p)
{
    const struct store_entry *last = NULL;

    for (size_t i = 0; i < p->page->count; i++) {
        const struct store_entry *entry = &p->page->entries[i];

        if (!last || strcmp(entry->name, last->name) > 0)
            last = entry;
    }
    return last;
}
