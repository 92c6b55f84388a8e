#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/aws.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

/*
 * A file of the aws command line is sections of "key = value" lines.  Entries are kept in the order
 * read; a look-up takes the last one, and one of the credentials file before one of the config
 * file. [profile default] hides [default].
 */
enum section_kind { SECTION_PROFILE, SECTION_SERVICES, SECTION_SSO };

struct entry {
    char *key, *value;
    char *block; /* the empty key that this line is indented under, or NULL */
    bool credentials_file;
    bool bare_default; /* written under [default] of the config file */
};

struct section {
    enum section_kind kind;
    char *name;
    bool prefixed; /* [profile default] was seen */
    struct {
        struct entry *data;
        size_t len, cap;
    } entries;
};

struct aws_config {
    struct {
        struct section **data;
        size_t len, cap;
    } sections;
    char *warning;
};

/* Where the parser is. */
struct parser {
    struct aws_config *c;
    const char *file;
    size_t line;
    bool credentials_file;
    bool in_section;       /* any [...] was seen */
    struct section *where; /* NULL: a section that is ignored */
    bool bare_default;
    bool after_entry; /* an indented line belongs to the line before it */
    bool ignoring;    /* ... which was ignored */
    char *block;      /* key of the last entry when its value is empty */
    struct error *e;
};

struct span {
    const char *p;
    size_t n;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct span trimmed(struct span s)
{
    while (s.n > 0 && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

static bool span_is(struct span s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

/* Letters, digits and what the public rules allow in a name. */
static bool valid_name(struct span s, const char *others)
{
    size_t i;

    for (i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) &&
            (c == '\0' || !strchr(others, c)))
            return false;
    }
    return s.n > 0;
}

static enum pb_err complain(struct parser *p, const char *what)
{
    struct buf shown;
    enum pb_err err;

    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, p->file, strlen(p->file), 200);
    err = error_set(p->e, PB_EUSAGE, "%s, line %zu: %s", shown.data, p->line, _(what));
    buf_release(&shown);
    return err;
}

static struct section *find_section(const struct aws_config *c, enum section_kind kind,
                                    struct span name)
{
    size_t i;

    for (i = 0; i < c->sections.len; i++) {
        struct section *s = c->sections.data[i];

        if (s->kind == kind && span_is(name, s->name))
            return s;
    }
    return NULL;
}

static enum pb_err open_section(struct parser *p, enum section_kind kind, struct span name)
{
    struct section *s = find_section(p->c, kind, name);

    if (!s) {
        s = mem_alloc(sizeof *s);
        if (!s)
            return error_nomem(p->e);
        s->kind = kind;
        s->name = mem_strndup(name.p, name.n);
        if (!s->name || !vec_push(&p->c->sections, s)) {
            free(s->name);
            free(s);
            return error_nomem(p->e);
        }
    }
    p->where = s;
    return PB_OK;
}

/* "profile x", "sso-session x", "services x": the word, with the name left in *s. */
static bool take_word(struct span *s, const char *word)
{
    size_t n = strlen(word);

    if (s->n <= n || memcmp(s->p, word, n) != 0 || !is_blank(s->p[n]))
        return false;
    *s = trimmed((struct span){s->p + n, s->n - n});
    return true;
}

/* [profile "x y"]: quotes may stand around a name, and then blanks are allowed in it. */
static struct span unquoted(struct span s, bool *quoted)
{
    *quoted = s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0];
    if (*quoted)
        return (struct span){s.p + 1, s.n - 2};
    return s;
}

static enum pb_err section_line(struct parser *p, struct span line)
{
    const char *close = memchr(line.p, ']', line.n);
    enum section_kind kind = SECTION_PROFILE;
    bool prefixed = false, quoted;
    struct span name, rest;
    enum pb_err err;

    p->in_section = true;
    p->where = NULL;
    p->after_entry = p->bare_default = false;
    p->block = NULL;
    if (!close)
        return complain(p, "the ']' of the section's name is missing");
    rest = trimmed((struct span){close + 1, (size_t)(line.p + line.n - close - 1)});
    if (rest.n > 0 && rest.p[0] != '#' && rest.p[0] != ';')
        return complain(p, "only a comment may follow the section's name");
    name = trimmed((struct span){line.p + 1, (size_t)(close - line.p - 1)});
    if (!p->credentials_file) {
        if (take_word(&name, "profile"))
            prefixed = true;
        else if (take_word(&name, "services"))
            kind = SECTION_SERVICES;
        else if (take_word(&name, "sso-session"))
            kind = SECTION_SSO;
        else if (!span_is(name, "default"))
            return PB_OK; /* plugins, preview ... and what newer tools may add */
    }
    name = unquoted(name, &quoted);
    if (!valid_name(name, quoted ? "_-/.%@:+ " : "_-/.%@:+"))
        return PB_OK;
    err = open_section(p, kind, name);
    if (err == PB_OK && kind == SECTION_PROFILE) {
        p->where->prefixed |= prefixed && span_is(name, "default");
        p->bare_default = !p->credentials_file && !prefixed;
    }
    return err;
}

static void entry_release(struct entry *e)
{
    free(e->key);
    if (e->value)
        explicit_bzero(e->value, strlen(e->value));
    free(e->value);
    free(e->block);
}

static enum pb_err add_entry(struct parser *p, const char *block, struct span key,
                             struct span value)
{
    struct entry e = {0};
    size_t i;

    e.key = mem_strndup(key.p, key.n);
    e.value = mem_strndup(value.p, value.n);
    e.block = block ? mem_strdup(block) : NULL;
    e.credentials_file = p->credentials_file;
    e.bare_default = p->bare_default;
    if (!e.key || !e.value || (block && !e.block) || !vec_push(&p->where->entries, e)) {
        entry_release(&e);
        return error_nomem(p->e);
    }
    for (i = 0; i < key.n; i++)
        if (e.key[i] >= 'A' && e.key[i] <= 'Z')
            e.key[i] = (char)(e.key[i] - 'A' + 'a');
    return PB_OK;
}

/* A comment in a value begins with # or ; after a blank. */
static struct span without_comment(struct span value)
{
    size_t i;

    for (i = 0; i < value.n; i++)
        if ((value.p[i] == '#' || value.p[i] == ';') && (i == 0 || is_blank(value.p[i - 1])))
            return trimmed((struct span){value.p, i});
    return value;
}

static bool split_entry(struct span line, struct span *key, struct span *value)
{
    const char *eq = memchr(line.p, '=', line.n);

    if (!eq)
        return false;
    *key = trimmed((struct span){line.p, (size_t)(eq - line.p)});
    *value = trimmed((struct span){eq + 1, (size_t)(line.p + line.n - eq - 1)});
    return true;
}

static enum pb_err entry_line(struct parser *p, struct span line)
{
    struct span key, value;
    enum pb_err err;

    p->after_entry = true;
    p->block = NULL;
    if (!split_entry(line, &key, &value))
        return complain(p, "'key = value' was expected");
    if (key.n == 0)
        return complain(p, "the key before '=' is missing");
    p->ignoring = !p->where || !valid_name(key, "_-/.%@:+");
    if (p->ignoring)
        return PB_OK;
    value = without_comment(value);
    err = add_entry(p, NULL, key, value);
    if (err == PB_OK && value.n == 0)
        p->block = p->where->entries.data[p->where->entries.len - 1].key;
    return err;
}

/* An indented line: inside a block, or more text of the value before it. */
static enum pb_err indented_line(struct parser *p, struct span line)
{
    struct span key, value;
    struct entry *last;
    struct buf joined;
    enum pb_err err;
    char *text;

    if (p->ignoring)
        return PB_OK;
    if (p->block) {
        if (!split_entry(line, &key, &value))
            return complain(p, "'key = value' was expected in the indented block");
        if (key.n == 0)
            return complain(p, "the key before '=' is missing");
        return add_entry(p, p->block, key, without_comment(value));
    }
    last = &p->where->entries.data[p->where->entries.len - 1];
    buf_init(&joined, BUF_MAX_TEXT);
    buf_puts(&joined, last->value);
    buf_putc(&joined, '\n');
    buf_append(&joined, line.p, line.n);
    err = buf_status(&joined, p->e);
    if (err == PB_OK) {
        text = buf_take(&joined, NULL);
        explicit_bzero(last->value, strlen(last->value));
        free(last->value);
        last->value = text;
    }
    buf_release(&joined);
    return err;
}

static enum pb_err one_line(struct parser *p, struct span raw)
{
    struct span line = trimmed(raw);
    bool indented = raw.n > 0 && is_blank(raw.p[0]);

    if (line.n == 0)
        return PB_OK;
    if (memchr(line.p, '\0', line.n))
        return complain(p, "this is not text");
    if (line.p[0] == '#' || line.p[0] == ';')
        return PB_OK;
    if (line.p[0] == '[' && !(indented && p->after_entry))
        return section_line(p, line);
    if (!p->in_section)
        return complain(p, "a section like [default] was expected");
    if (indented && p->after_entry)
        return indented_line(p, line);
    if (indented && !memchr(line.p, '=', line.n))
        return complain(p, "'key = value' was expected, not a continuation");
    return entry_line(p, line);
}

enum pb_err aws_config_parse(struct aws_config *c, const char *text, size_t n,
                             bool credentials_file, const char *name, struct error *e)
{
    struct parser p = {.c = c, .file = name, .credentials_file = credentials_file, .e = e};
    enum pb_err err = PB_OK;
    size_t at = 0;

    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        at = 3;
    while (err == PB_OK && at < n) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t len = end ? (size_t)(end - (text + at)) : n - at;

        p.line++;
        err = one_line(&p, (struct span){text + at, len});
        at += len + 1;
    }
    return err;
}

enum pb_err aws_config_new(struct aws_config **out, struct error *e)
{
    *out = mem_alloc(sizeof **out);
    return *out ? PB_OK : error_nomem(e);
}

void aws_config_free(struct aws_config *c)
{
    size_t i, k;

    if (!c)
        return;
    for (i = 0; i < c->sections.len; i++) {
        struct section *s = c->sections.data[i];

        for (k = 0; k < s->entries.len; k++)
            entry_release(&s->entries.data[k]);
        vec_release(&s->entries);
        free(s->name);
        free(s);
    }
    vec_release(&c->sections);
    free(c->warning);
    free(c);
}

/* ---------------------------------------------------------------------------- look-up */

static bool same_block(const char *a, const char *b)
{
    return (!a && !b) || (a && b && strcasecmp(a, b) == 0);
}

static const struct entry *find_entry(const struct section *s, const char *block, const char *key)
{
    const struct entry *found = NULL;
    size_t i;

    for (i = 0; i < s->entries.len; i++) {
        const struct entry *e = &s->entries.data[i];

        if (e->bare_default && s->prefixed)
            continue;
        if (strcasecmp(e->key, key) != 0 || !same_block(e->block, block))
            continue;
        if (!found || e->credentials_file || !found->credentials_file)
            found = e;
    }
    return found;
}

const char *aws_config_find(const struct aws_config *c, const char *profile, const char *nested,
                            const char *key, bool *credentials_file)
{
    struct section *s = find_section(c, SECTION_PROFILE, (struct span){profile, strlen(profile)});
    const struct entry *e = s ? find_entry(s, nested, key) : NULL;

    if (!e)
        return NULL;
    *credentials_file = e->credentials_file;
    return e->value;
}

const char *aws_config_get(const struct aws_config *c, const char *profile, const char *nested,
                           const char *key)
{
    bool credentials_file;

    return aws_config_find(c, profile, nested, key, &credentials_file);
}

const char *aws_config_service(const struct aws_config *c, const char *services,
                               const char *service, const char *key)
{
    struct span name = {services, strlen(services)};
    struct section *s = find_section(c, SECTION_SERVICES, name);
    const struct entry *e = s ? find_entry(s, service, key) : NULL;

    return e ? e->value : NULL;
}

const char *aws_config_sso(const struct aws_config *c, const char *session, const char *key)
{
    struct section *s = find_section(c, SECTION_SSO, (struct span){session, strlen(session)});
    const struct entry *e = s ? find_entry(s, NULL, key) : NULL;

    return e ? e->value : NULL;
}

bool aws_config_has_sso(const struct aws_config *c, const char *session)
{
    return find_section(c, SECTION_SSO, (struct span){session, strlen(session)}) != NULL;
}

const char *aws_config_of(const struct aws_config *c, const char *profile, const char *key,
                          bool credentials_file)
{
    struct section *s = find_section(c, SECTION_PROFILE, (struct span){profile, strlen(profile)});
    const char *found = NULL;
    size_t i;

    for (i = 0; s && i < s->entries.len; i++) {
        const struct entry *e = &s->entries.data[i];

        if (e->credentials_file == credentials_file && !e->block &&
            !(e->bare_default && s->prefixed) && strcasecmp(e->key, key) == 0)
            found = e->value;
    }
    return found;
}

enum pb_err aws_config_warn(struct aws_config *c, const char *text, struct error *e)
{
    char *copy = mem_strdup(text);

    if (!copy)
        return error_nomem(e);
    free(c->warning);
    c->warning = copy;
    return PB_OK;
}

const char *aws_config_warning(const struct aws_config *c)
{
    return c->warning;
}

bool aws_config_has_profile(const struct aws_config *c, const char *profile)
{
    return find_section(c, SECTION_PROFILE, (struct span){profile, strlen(profile)}) != NULL;
}

size_t aws_config_profiles(const struct aws_config *c)
{
    size_t i, n = 0;

    for (i = 0; i < c->sections.len; i++)
        n += c->sections.data[i]->kind == SECTION_PROFILE;
    return n;
}

const char *aws_config_profile(const struct aws_config *c, size_t at)
{
    size_t i;

    for (i = 0; i < c->sections.len; i++)
        if (c->sections.data[i]->kind == SECTION_PROFILE && at-- == 0)
            return c->sections.data[i]->name;
    return NULL;
}
