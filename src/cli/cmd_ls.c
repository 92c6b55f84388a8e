/*
 * ls: containers, prefixes and keys, a page at a time, printed as they come.
 *
 * Names are printed from behind the last '/' of what was asked for, as other ls commands do; --json
 * has them whole.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "cli.h"

struct listing_run {
    struct cli *c;
    struct location
        where; /* what is listed: a container with a prefix, or the list of containers */
    struct app_spot spot;
    struct arena mem;
    size_t cut;         /* bytes of each name that every name has */
    const char *before; /* put in front of every name, or "" */
    uint64_t printed;
    /* of the page under way */
    bool done;
    struct store_op *op;
    struct store_page *page;
    struct error error;
    bool failed;
};

/* --- one line -----------------------------------------------------------------------------------
 */

static const char *kind_name(enum store_kind kind)
{
    switch (kind) {
    case STORE_CONTAINER:
        return "container";
    case STORE_PREFIX:
        return "prefix";
    case STORE_OBJECT:
        break;
    }
    return "object";
}

static void json_line(struct buf *out, const struct location *parent, const struct store_entry *n,
                      const char *version_id, bool versions)
{
    struct location loc;
    struct buf text;

    buf_init(&text, BUF_MAX_TEXT);
    buf_putc(out, '{');
    json_member(out, "kind", kind_name(n->kind));
    json_name(out, "name");
    json_bytes(out, n->name, n->len);
    if (app_child_location(parent, n->kind, n->name, n->len, &loc, NULL) == PB_OK) {
        location_format(&text, &loc);
        location_release(&loc);
        json_name(out, "location");
        json_bytes(out, text.data, text.len);
    }
    if (n->kind == STORE_OBJECT)
        json_member_number(out, "size", n->size);
    json_member_time(out, "time", n->mtime);
    if (n->kind == STORE_OBJECT) {
        json_member(out, "etag", n->etag);
        json_member(out, "version_id", version_id);
        json_member(out, "storage_class", n->storage_class);
    }
    if (n->kind == STORE_OBJECT && versions) {
        json_member_bool(out, "latest", n->latest);
        json_member_bool(out, "delete_marker", n->deleted);
    }
    buf_puts(out, "}\n");
    buf_release(&text);
}

/* An ETag as --if-match takes it: without its quotes there is less to escape in a shell. */
static void put_etag(struct buf *out, const char *etag)
{
    size_t n = etag != NULL ? strlen(etag) : 0;

    if (n >= 2 && etag[0] == '"' && etag[n - 1] == '"') {
        etag++;
        n -= 2;
    }
    if (n == 0)
        buf_putc(out, '-');
    else
        text_escape(out, etag, n);
}

static void long_columns(struct buf *out, const struct store_entry *n, const char *version_id)
{
    if (n->kind == STORE_OBJECT)
        buf_printf(out, "%12llu  ", (unsigned long long)n->size);
    else
        buf_printf(out, "%12s  ", "-");
    if (n->mtime != 0)
        clock_format_iso(out, n->mtime);
    else
        buf_printf(out, "%-20s", "-");
    buf_puts(out, "  ");
    put_etag(out, n->etag);
    buf_puts(out, "  ");
    put_etag(out, version_id);
    buf_puts(out, "  ");
}

static void text_line(struct buf *out, const struct listing_run *r, const struct store_entry *n,
                      const char *version_id)
{
    const char *asked = r->spot.key != NULL ? r->spot.key : "";
    size_t cut = r->cut;

    /* A server may answer with a name that does not begin with what was asked: shown whole.  So is
     * a key that is the prefix itself. */
    if (cut >= n->len || memcmp(n->name, asked, cut) != 0)
        cut = 0;
    if (r->c->args->given[OPT_long] || r->c->args->given[OPT_versions])
        long_columns(out, n, version_id);
    text_escape(out, r->before, strlen(r->before));
    text_escape(out, n->name + cut, n->len - cut);
    if (n->kind == STORE_CONTAINER)
        buf_putc(out, '/');
    if (n->deleted)
        buf_puts(out, "  (deleted)");
    else if (n->latest)
        buf_puts(out, "  (latest)");
    buf_putc(out, '\n');
}

static enum pb_err print_entry(struct listing_run *r, const struct store_entry *n,
                               const char *version_id, struct error *e)
{
    struct buf line;
    enum pb_err err;

    buf_init(&line, BUF_MAX_TEXT);
    if (r->c->args->given[OPT_json])
        json_line(&line, &r->where, n, version_id, r->c->args->given[OPT_versions]);
    else
        text_line(&line, r, n, version_id);
    err = out_buf(&r->c->out, &line, e);
    buf_release(&line);
    r->printed++;
    return err;
}

/* --- pages --------------------------------------------------------------------------------------
 */

static void on_page(void *ctx, struct store_page *page, const struct error *e)
{
    struct listing_run *r = ctx;

    r->op = NULL;
    r->done = true;
    r->page = page;
    r->failed = e != NULL;
    if (e != NULL)
        r->error = *e;
}

static enum pb_err fetch_page(struct listing_run *r, const char *token, struct error *e)
{
    struct store *s = r->spot.store;
    struct store_list_request q = {
        .container = r->spot.container,
        .prefix = r->spot.key,
        .prefix_len = r->spot.key_len,
        .recursive = r->c->args->given[OPT_recursive],
        .token = token,
    };
    struct error error;
    enum pb_err err;

    r->done = false;
    r->page = NULL;
    if (r->spot.container == NULL)
        r->op = s->ops->list_containers(s, token, on_page, r, &error);
    else if (r->c->args->given[OPT_versions] && s->ops->list_versions == NULL)
        return error_set(e, PB_EUNSUPPORTED, "local files have no versions");
    else if (r->c->args->given[OPT_versions])
        r->op = s->ops->list_versions(s, &q, on_page, r, &error);
    else
        r->op = s->ops->list(s, &q, on_page, r, &error);
    if (r->op == NULL) {
        *e = error;
        return error.code;
    }
    err = cli_wait(r->c, &r->done, NULL, NULL, e);
    if (err == PB_OK && r->failed) {
        *e = r->error;
        err = r->error.code;
    }
    return err;
}

/* What one page is used for; its entries live as long as the call. */
typedef enum pb_err (*page_fn)(struct listing_run *r, const struct store_page *page,
                               struct error *e);

static enum pb_err all_pages(struct listing_run *r, page_fn use, struct error *e)
{
    char *token = NULL;
    enum pb_err err;

    do {
        char *next = NULL;

        err = fetch_page(r, token, e);
        if (err == PB_OK)
            err = use(r, r->page, e);
        if (err == PB_OK && r->page->next != NULL) {
            next = mem_strdup(r->page->next);
            if (next == NULL)
                err = error_nomem(e);
            else if (token != NULL && strcmp(token, next) == 0)
                err = error_set(e, PB_ESERVER, "the server sends the same page again and again");
        }
        if (r->page != NULL)
            store_page_free(r->page);
        r->page = NULL;
        free(token);
        token = next;
        if (err == PB_OK)
            err = out_flush(&r->c->out, e);
    } while (err == PB_OK && token != NULL);
    free(token);
    return err;
}

static enum pb_err print_page(struct listing_run *r, const struct store_page *page, struct error *e)
{
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < page->count && err == PB_OK; i++)
        err = print_entry(r, &page->entries[i], page->entries[i].version_id, e);
    return err;
}

/* --- what is listed -----------------------------------------------------------------------------
 */

static void run_init(struct listing_run *r, struct cli *c)
{
    *r = (struct listing_run){.c = c, .before = ""};
    arena_init(&r->mem);
}

static void run_release(struct listing_run *r)
{
    if (r->op != NULL)
        store_op_cancel(r->op);
    if (r->page != NULL)
        store_page_free(r->page);
    location_release(&r->where);
    arena_release(&r->mem);
}

static size_t common_length(const char *prefix, size_t n)
{
    while (n > 0 && prefix[n - 1] != '/')
        n--;
    return n;
}

/* Takes over `where`. */
static enum pb_err list_below(struct listing_run *r, struct location *where, struct error *e)
{
    enum pb_err err;

    r->where = *where;
    *where = (struct location){0};
    err = app_resolve_folder(r->c->app, &r->where, &r->mem, &r->spot, e);
    if (err != PB_OK)
        return err;
    r->cut = common_length(r->spot.key, r->spot.key_len);
    err = all_pages(r, print_page, e);
    if (err == PB_OK && r->printed == 0 && r->where.scheme != LOC_LOCAL && r->spot.key_len > 0) {
        struct buf shown;

        buf_init(&shown, BUF_MAX_LINE);
        app_show_location(&shown, &r->where);
        err = error_set(e, PB_ENOTFOUND, "no key begins with %s", shown.data);
        buf_release(&shown);
    }
    return err;
}

/* Whose entries are containers: with -r each of them is listed. */
static bool holds_containers(const struct location *where)
{
    if (where->scheme == LOC_LOCAL || where->key_len > 0)
        return false;
    return *where->container == '\0' ||
           (where->scheme == LOC_AZ && strchr(where->container, '/') == NULL);
}

static enum pb_err list_all(struct cli *c, struct location *where, struct error *e);

/* ls -r of everything: each container in turn. */
static enum pb_err list_inside(struct listing_run *all, const struct store_page *page,
                               struct error *e)
{
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < page->count && err == PB_OK; i++) {
        const struct store_entry *n = &page->entries[i];
        struct listing_run one;
        struct location where;
        char *before;

        run_init(&one, all->c);
        err = app_child_location(&all->where, n->kind, n->name, n->len, &where, e);
        if (err != PB_OK)
            break;
        if (holds_containers(&where)) { /* an account of Azure's, from the list of them */
            err = list_all(all->c, &where, e);
            location_release(&where);
            continue;
        }
        before = arena_alloc(&one.mem, n->len + 2);
        if (before == NULL) {
            location_release(&where);
            err = error_nomem(e);
        } else {
            memcpy(before, n->name, n->len);
            before[n->len] = '/';
            one.before = before;
            err = list_below(&one, &where, e);
        }
        run_release(&one);
    }
    return err;
}

/* Takes over `where`. */
static enum pb_err list_all(struct cli *c, struct location *where, struct error *e)
{
    struct listing_run r;
    enum pb_err err;

    run_init(&r, c);
    r.where = *where;
    *where = (struct location){0};
    err = app_resolve(c->app, &r.where, &r.mem, &r.spot, e);
    if (err == PB_OK)
        err = all_pages(&r, list_inside, e);
    run_release(&r);
    return err;
}

static void on_head(void *ctx, const struct store_object *o, const struct error *e)
{
    struct listing_run *r = ctx;

    r->op = NULL;
    r->done = true;
    r->failed = e != NULL;
    if (e != NULL) {
        r->error = *e;
        return;
    }
    struct store_entry n = {
        .kind = STORE_OBJECT,
        .name = arena_strndup(&r->mem, r->spot.key, r->spot.key_len),
        .len = r->spot.key_len,
        .size = o->identity.size,
        .mtime = o->identity.mtime,
        .etag = o->identity.etag,
    };
    if (n.name == NULL)
        r->failed = error_nomem(&r->error) != PB_OK;
    else
        r->failed = print_entry(r, &n, o->identity.version_id, &r->error) != PB_OK;
}

/* A file, or a version of an object: that alone. */
static enum pb_err list_object(struct listing_run *r, struct location *where, struct error *e)
{
    const char *version = r->c->args->text[OPT_version_id];
    struct store *s;
    struct error error;
    enum pb_err err;

    r->where = *where;
    *where = (struct location){0};
    err = app_resolve(r->c->app, &r->where, &r->mem, &r->spot, e);
    if (err != PB_OK)
        return err;
    r->cut = common_length(r->spot.key, r->spot.key_len);
    s = r->spot.store;
    r->op = s->ops->head(s, r->spot.container, r->spot.key, r->spot.key_len, version, on_head, r,
                         &error);
    if (r->op == NULL) {
        *e = error;
        return error.code;
    }
    err = cli_wait(r->c, &r->done, NULL, NULL, e);
    if (err == PB_OK && r->failed) {
        *e = r->error;
        err = r->error.code;
    }
    return err;
}

/* What stands in front of a "!/" is opened: is it an archive? */
static bool open_archive(struct cli *c, const struct location *where, size_t mark)
{
    struct location archive, files;
    struct app_object *o = NULL;
    struct error error;
    bool ok;

    if (location_make(&archive, where->scheme, where->container, where->key, mark, &error) != PB_OK)
        return false;
    (void)!cli_open(c, &archive, &o, &error); /* what is no pickle may be an archive */
    ok = o != NULL && app_object_list_files(o, &files, NULL, &error) == PB_OK;
    if (ok)
        location_release(&files);
    app_object_close(o);
    location_release(&archive);
    return ok;
}

/* Nothing is there: it may be the files of an archive. */
static enum pb_err list_archive(struct listing_run *r, struct error *e)
{
    struct location where = r->where;
    bool found = false;
    enum pb_err err;

    r->where = (struct location){0};
    for (size_t i = 1; i + 1 < where.key_len && !found; i++)
        found = memcmp(where.key + i, "!/", 2) == 0 && open_archive(r->c, &where, i);
    if (!found) {
        r->where = where;
        return PB_ENOTFOUND;
    }
    err = list_below(r, &where, e);
    location_release(&where);
    return err;
}

static enum pb_err find_where(struct cli *c, struct location *where, struct error *e)
{
    if (c->args->count > 0)
        return cli_location(c->args->operands[0], where, e);
    if (c->args->given[OPT_demo])
        return location_copy(where, &app_place(c->app, 0)->where, e);
    return location_make(where, LOC_S3, "", "", 0, e);
}

int cmd_ls(struct cli *c)
{
    struct listing_run r;
    struct location where;
    struct error error;
    enum pb_err err = find_where(c, &where, &error);
    bool one;

    if (err != PB_OK)
        return cli_fail(c, &error);
    run_init(&r, c);
    one = !app_location_is_folder(&where) &&
          ((where.scheme == LOC_LOCAL && !c->args->given[OPT_versions]) ||
           c->args->given[OPT_version_id]);
    if (where.scheme == LOC_STDIO) {
        err = error_set(&error, PB_EUSAGE, "-: standard input is no place to list");
    } else if (one) {
        err = list_object(&r, &where, &error);
    } else if (holds_containers(&where) && c->args->given[OPT_recursive]) {
        err = list_all(c, &where, &error);
    } else {
        err = list_below(&r, &where, &error);
        if (err == PB_ENOTFOUND)
            err = list_archive(&r, &error);
    }
    run_release(&r);
    location_release(&where);
    return err == PB_OK ? STATUS_OK : cli_fail(c, &error);
}
