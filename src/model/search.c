#include <pklbrowse/search.h>

#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>
#include <pklbrowse/pkl_leaf.h>
#include <pklbrowse/pkl_lens.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/seen.h>
#include <pklbrowse/text.h>

#define BATCH 16       /* children read at once while there are containers among them */
#define BATCH_MOST 512 /* scalars */
#define KNOWN 1024
#define DEEP 64                   /* levels that read so many children at once */
#define WHOLE (64u * 1024u)       /* bytes of a payload that are read at once */
#define WINDOW (256u * 1024u)     /* of longer ones, as they stand in the source */
#define TEXT_MAX (1024u * 1024u)  /* of what is looked for in one value that is no plain bytes */
#define PATTERN_MAX (64u * 1024u) /* bytes of what is looked for */

struct level {
    pkl_id id;
    uint64_t count, at, from;
    struct pkl_child *kids;
    size_t got, room;
};

/* Whether a value that is referred to matches. */
struct known {
    pkl_id id;
    bool matches;
};

struct search {
    struct job job; /* first */
    struct pkl_view *v;
    bool keys, values, exact, compiled;
    bool number; /* it may be part of a number */
    struct known known[KNOWN];
    struct buf wanted; /* folded when not exact */
    regex_t regex;
    struct {
        struct level *data;
        size_t len, cap;
    } levels;
    uint64_t root; /* next pickle of the stream */
    struct seen seen;
    struct {
        struct search_hit *data;
        size_t len, cap;
    } hits;
    uint64_t total;
    struct pkl_leaf leaf;
    struct buf text, folded;
    /* A long payload that is being looked through. */
    struct pkl_child place;
    struct source *source;
    uint64_t at, end;
};

/* --- matching ------------------------------------------------------------------------------- */

/* Small letters; what is no UTF-8 stays as it is. */
static void fold(struct buf *out, const char *p, size_t n)
{
    char small[64];
    size_t ascii = 0;

    buf_clear(out);
    while (ascii < n && ascii < sizeof small && (unsigned char)p[ascii] < 0x80) {
        small[ascii] = (char)(p[ascii] >= 'A' && p[ascii] <= 'Z' ? p[ascii] + 32 : p[ascii]);
        ascii++;
    }
    buf_append(out, small, ascii);
    for (size_t i = ascii; i < n;) {
        unsigned char c = (unsigned char)p[i];
        uint32_t cp;
        size_t used;
        char utf8[4];

        if (c < 0x80) {
            buf_putc(out, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
            i++;
            continue;
        }
        used = utf8_decode(p + i, n - i, &cp, true);
        if (used == 0)
            buf_putc(out, p[i]);
        else
            buf_append(out, utf8, utf8_encode((uint32_t)towlower((wint_t)cp), utf8));
        i += used > 0 ? used : 1;
    }
}

static bool matches_regex(struct search *s, const char *p, size_t n)
{
    regmatch_t whole = {.rm_so = 0, .rm_eo = (regoff_t)n};

    return regexec(&s->regex, p, 1, &whole, REG_STARTEND) == 0;
}

static bool matches(struct search *s, const char *p, size_t n)
{
    if (s->compiled)
        return matches_regex(s, p, n);
    if (n < s->wanted.len / 4) /* folding may change the length of a letter */
        return false;
    if (!s->exact) {
        fold(&s->folded, p, n);
        p = s->folded.data;
        n = s->folded.len;
    }
    return memmem(p, n, s->wanted.data, s->wanted.len) != NULL;
}

/* The text of what is no string: numbers, names, what a lens shows. */
static bool matches_text(struct search *s, const struct pkl_node *n)
{
    struct pkl_repr_opts o = {.style = PKL_REPR_LINE, .max_output = TEXT_MAX};
    struct sink to = sink_buf(&s->text);
    const char *lens = NULL;

    buf_clear(&s->text);
    if (n->kind == PKL_OBJECT) {
        if (pkl_lens_type(s->v, n, &lens, NULL) != PB_OK)
            lens = NULL;
        if (lens == NULL || n->count > 0 ? pkl_type_name(s->v, n, &s->text, NULL) != PB_OK
                                         : pkl_repr(s->v, n, &o, &to, NULL) != PB_OK)
            return false;
    } else if (pkl_repr(s->v, n, &o, &to, NULL) != PB_OK) {
        return false;
    }
    return matches(s, s->text.data, s->text.len);
}

/* Numbers are written with few characters; most of what is looked for has others. */
static bool may_be_number(const struct search *s)
{
    return s->compiled || strspn(s->wanted.data, "0123456789.+-eEinfaINFA") == s->wanted.len;
}

static bool matches_number(struct search *s, const struct pkl_node *n)
{
    if (!s->number || pkl_leaf_read(s->v, n, TEXT_MAX, &s->leaf, NULL) != PB_OK)
        return false;
    if (n->kind == PKL_INT && !s->leaf.fits)
        return matches_text(s, n);
    buf_clear(&s->text);
    if (n->kind == PKL_INT)
        buf_printf(&s->text, "%lld", (long long)s->leaf.integer);
    else
        num_repr_double(&s->text, s->leaf.real);
    return matches(s, s->text.data, s->text.len);
}

static bool matches_word(struct search *s, const struct pkl_node *n)
{
    const char *word = "None";

    if (n->kind == PKL_BOOL) {
        if (pkl_leaf_read(s->v, n, 1, &s->leaf, NULL) != PB_OK)
            return false;
        word = s->leaf.boolean ? "True" : "False";
    }
    return matches(s, word, strlen(word));
}

static bool has_payload(enum pkl_kind k)
{
    return k == PKL_STR || k == PKL_BYTES || k == PKL_BYTEARRAY || k == PKL_PY2STR;
}

/* A payload that stands in the source as it is (its length says so): *p points to it. */
static bool plain_payload(struct search *s, const struct pkl_node *n, const uint8_t **p)
{
    struct source *src;
    uint64_t at;
    size_t got;

    return n->count <= WHOLE && n->kind != PKL_PY2STR && pkl_leaf_stands(s->v, n, &src, &at) &&
           source_view(src, at, (size_t)n->count, p, &got, NULL) == PB_OK && got >= n->count;
}

static bool matches_fresh(struct search *s, const struct pkl_node *n)
{
    const uint8_t *p;

    if (n->kind == PKL_INT || n->kind == PKL_FLOAT)
        return matches_number(s, n);
    if (n->kind == PKL_NONE || n->kind == PKL_BOOL)
        return matches_word(s, n);
    if (!has_payload(n->kind))
        return matches_text(s, n);
    if (plain_payload(s, n, &p))
        return matches(s, (const char *)p, (size_t)n->count);
    if (pkl_leaf_read(s->v, n, TEXT_MAX, &s->leaf, NULL) != PB_OK)
        return false;
    return matches(s, s->leaf.data.data, s->leaf.data.len);
}

/* What cannot be decoded matches nothing.  Keys are mostly references to the same few strings. */
static bool matches_node(struct search *s, const struct pkl_node *n)
{
    struct known *k = &s->known[PKL_ID_OFFSET(n->target) % KNOWN];

    if (!n->ref)
        return matches_fresh(s, n);
    if (k->id != n->target)
        *k = (struct known){n->target, matches_fresh(s, n)};
    return k->matches;
}

/* --- long payloads -------------------------------------------------------------------------- */

/* A payload that stands in the source as it is, and is long. */
static bool begin_long(struct search *s, const struct pkl_child *c)
{
    struct pkl_node n = c->value;

    if (!has_payload(n.kind) || n.count <= WHOLE || s->compiled)
        return false;
    if (n.ref && s->v->node(s->v, n.target, &n, NULL) != PB_OK)
        return false;
    if (!pkl_leaf_stands(s->v, &n, &s->source, &s->at))
        return false;
    s->place = *c;
    s->end = s->at + n.count;
    return true;
}

static enum pb_err add_hit(struct search *s, const struct pkl_child *c, struct error *e)
{
    struct search_hit h = {c->owner, c->index, c->value.begin, c->step, c->part};

    s->total++;
    if (s->hits.len >= SEARCH_KEPT || vec_push(&s->hits, h))
        return PB_OK;
    return error_nomem(e);
}

static enum pb_err go_on_long(struct search *s, struct error *e)
{
    const uint8_t *p;
    size_t n, overlap = s->wanted.len * 4 < WINDOW / 2 ? s->wanted.len * 4 : WINDOW / 2;
    size_t want = s->end - s->at < WINDOW ? (size_t)(s->end - s->at) : WINDOW;
    enum pb_err err = source_view(s->source, s->at, want, &p, &n, e);

    if (err != PB_OK)
        return err;
    n = n < want ? n : want;
    if (matches(s, (const char *)p, n)) {
        s->source = NULL;
        return add_hit(s, &s->place, e);
    }
    s->job.done += n;
    if (s->at + n >= s->end || n <= overlap)
        s->source = NULL;
    else
        s->at += n - overlap;
    return PB_OK;
}

/* --- walking -------------------------------------------------------------------------------- */

static enum pb_err descend(struct search *s, const struct pkl_node *n, struct error *e)
{
    struct level l = {.id = n->id, .room = s->levels.len < DEEP ? BATCH : 1};
    bool is_new = true;
    enum pb_err err;

    if (n->ref && !seen_put(&s->seen, n->target, &is_new))
        return error_nomem(e);
    if (!is_new)
        return PB_OK;
    err = s->v->count_children(s->v, n->id, &l.count, e);
    if (err != PB_OK || l.count == 0)
        return err;
    if (l.room > l.count)
        l.room = (size_t)l.count;
    l.kids = mem_realloc(NULL, l.room, sizeof *l.kids);
    if (l.kids == NULL || !vec_push(&s->levels, l)) {
        free(l.kids);
        return error_nomem(e);
    }
    return PB_OK;
}

static bool may_hold(enum pkl_kind k)
{
    return (k >= PKL_LIST && k <= PKL_FROZENSET) || k == PKL_OBJECT || k == PKL_BROKEN;
}

static bool empty_or_object(const struct pkl_node *n)
{
    return n->kind == PKL_OBJECT || !may_hold(n->kind);
}

/* One place: its key, its value, and what is inside. */
static enum pb_err visit(struct search *s, const struct pkl_child *c, struct error *e)
{
    bool hit = s->keys && c->key.id != 0 && matches_node(s, &c->key);
    enum pb_err err = PB_OK;

    if (!hit && s->values && begin_long(s, c))
        return PB_OK;
    if (!hit && s->values && empty_or_object(&c->value))
        hit = matches_node(s, &c->value);
    if (hit)
        err = add_hit(s, c, e);
    if (err == PB_OK && may_hold(c->value.kind))
        err = descend(s, &c->value, e);
    return err;
}

/* Containers are found again quickly only right behind their being read; of scalars many are read
 * at once. */
static enum pb_err more_room(const struct search *s, struct level *l, struct error *e)
{
    size_t room = l->room < BATCH_MOST ? l->room * 4 : l->room;
    struct pkl_child *kids;

    if (l->got == 0 || s->levels.len > DEEP || room == l->room)
        return PB_OK;
    for (size_t i = 0; i < l->got; i++) {
        if (may_hold(l->kids[i].value.kind))
            return PB_OK;
    }
    kids = mem_realloc(l->kids, room, sizeof *kids);
    if (kids == NULL)
        return error_nomem(e);
    l->kids = kids;
    l->room = room;
    return PB_OK;
}

static enum pb_err step(struct search *s, bool *done, struct error *e)
{
    struct level *l;
    struct pkl_child c;
    enum pb_err err;

    if (s->source != NULL)
        return go_on_long(s, e);
    if (s->levels.len == 0) {
        *done = s->root >= s->v->roots(s->v);
        err = *done ? PB_OK : s->v->root(s->v, s->root++, &c, e);
        return err == PB_OK && !*done ? visit(s, &c, e) : err;
    }
    l = &s->levels.data[s->levels.len - 1];
    if (l->at >= l->count) {
        free(l->kids);
        s->levels.len--;
        return PB_OK;
    }
    if (l->got == 0 || l->at < l->from || l->at >= l->from + l->got) {
        l->from = l->at;
        err = more_room(s, l, e);
        if (err == PB_OK)
            err = s->v->children(s->v, l->id, l->at, l->room, l->kids, &l->got, e);
        if (err != PB_OK)
            return err;
        if (l->got == 0) { /* fewer than it says: as the tree shows it */
            l->at = l->count;
            return PB_OK;
        }
    }
    c = l->kids[l->at++ - l->from];
    s->job.done++;
    return visit(s, &c, e);
}

static enum job_state search_step(struct job *j, uint64_t budget_us)
{
    struct search *s = (struct search *)j;
    uint64_t until = clock_mono_us() + budget_us;
    bool done = false;

    do {
        for (unsigned i = 0; i < 16 && !done; i++) {
            if (step(s, &done, &j->error) != PB_OK)
                return JOB_FAILED;
        }
    } while (!done && clock_mono_us() < until);
    return done ? JOB_DONE : JOB_MORE;
}

/* --- asking --------------------------------------------------------------------------------- */

static bool has_capital(const char *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        size_t used = utf8_decode(p + i, n - i, &cp, true);

        if (used > 0 && iswupper((wint_t)cp))
            return true;
        i += used > 0 ? used : 1;
    }
    return false;
}

static bool prefixed(const char **text, size_t *n, const char *prefix)
{
    size_t len = strlen(prefix);

    if (*n < len || memcmp(*text, prefix, len) != 0)
        return false;
    *text += len;
    *n -= len;
    return true;
}

static enum pb_err compile(struct search *s, const char *text, size_t n, struct error *e)
{
    char *pattern = mem_strndup(text, n), why[200];
    int failed;

    if (pattern == NULL)
        return error_nomem(e);
    failed = regcomp(&s->regex, pattern, REG_EXTENDED | REG_NOSUB | (s->exact ? 0 : REG_ICASE));
    free(pattern);
    s->compiled = failed == 0;
    if (failed == 0)
        return PB_OK;
    (void)regerror(failed, &s->regex, why, sizeof why);
    return error_set(e, PB_EUSAGE, "not a regular expression: %s", why);
}

enum pb_err search_new(struct pkl_view *v, const char *text, size_t n, struct search **out,
                       struct error *e)
{
    struct search *s = mem_alloc(sizeof *s);
    enum pb_err err = PB_OK;

    *out = NULL;
    if (s == NULL)
        return error_nomem(e);
    s->v = v;
    s->job.step = search_step;
    s->keys = s->values = true;
    pkl_leaf_init(&s->leaf);
    buf_init(&s->wanted, PATTERN_MAX);
    buf_init(&s->text, TEXT_MAX);
    buf_init(&s->folded, 4 * TEXT_MAX);
    if (prefixed(&text, &n, "k:"))
        s->values = false;
    else if (prefixed(&text, &n, "v:"))
        s->keys = false;
    if (prefixed(&text, &n, "re:")) {
        s->exact = has_capital(text, n);
        err = compile(s, text, n, e);
    } else {
        s->exact = has_capital(text, n);
        if (s->exact)
            buf_append(&s->wanted, text, n);
        else
            fold(&s->wanted, text, n);
        err = buf_status(&s->wanted, e);
    }
    if (err != PB_OK) {
        search_free(s);
        return err;
    }
    s->number = may_be_number(s);
    *out = s;
    return PB_OK;
}

void search_free(struct search *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->levels.len; i++)
        free(s->levels.data[i].kids);
    vec_release(&s->levels);
    vec_release(&s->hits);
    seen_release(&s->seen);
    pkl_leaf_release(&s->leaf);
    buf_release(&s->wanted);
    buf_release(&s->text);
    buf_release(&s->folded);
    if (s->compiled)
        regfree(&s->regex);
    free(s);
}

struct job *search_job(struct search *s)
{
    return &s->job;
}

uint64_t search_hits(const struct search *s)
{
    return s->total;
}

size_t search_kept(const struct search *s)
{
    return s->hits.len;
}

const struct search_hit *search_hit(const struct search *s, size_t i)
{
    return &s->hits.data[i];
}

static bool is_place(const struct search_hit *h, const struct pkl_child *c)
{
    return h->owner == c->owner && h->index == c->index && h->step == c->step;
}

bool search_next(const struct search *s, const struct pkl_child *from, bool backwards, size_t *hit)
{
    size_t n = s->hits.len, after = n;

    for (size_t i = 0; i < n; i++) {
        const struct search_hit *h = &s->hits.data[i];

        if (is_place(h, from)) {
            *hit = backwards ? i - 1 : i + 1;
            return backwards ? i > 0 : i + 1 < n;
        }
        if (after == n && h->begin > from->value.begin)
            after = i;
    }
    *hit = backwards ? after - 1 : after;
    return backwards ? after > 0 : after < n;
}
