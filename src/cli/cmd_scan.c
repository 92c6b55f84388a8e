/*
 * scan: what pickles would import and call.  Each LOCATION by itself: one that cannot be looked at
 * does not stop the others.  The exit status is that of the worst, by the order of `ranks`.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/loop.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_audit.h>
#include <pklbrowse/text.h>

#include "cli.h"

#define FILES_EACH 32                /* of an archive in a store, which is fetched again for each */
#define PIECE ((uint64_t)256 * 1024) /* bytes audited between two looks at the signals */

struct scanning {
    struct cli *c;
    int status; /* the worst so far */
};

/* From the worst: what nobody should load; what could not be looked at; what is not all known. */
static int rank(int status)
{
    static const int ranks[] = {STATUS_NO_READER, STATUS_INTERRUPTED, STATUS_NO,
                                STATUS_USAGE,     STATUS_FAILED,      STATUS_DENIED,
                                STATUS_CHANGED,   STATUS_NOT_FOUND,   STATUS_NO_PICKLE,
                                STATUS_UNKNOWN,   STATUS_OK};
    int i = 0;

    while (ranks[i] != status && ranks[i] != STATUS_OK)
        i++;
    return i;
}

static void take_status(struct scanning *s, int status)
{
    if (rank(status) < rank(s->status))
        s->status = status;
}

/* --- text ------------------------------------------------------------------------------------- */

static void put_row(struct buf *out, const struct pkl_audit *a, const struct pkl_audit_row *r)
{
    buf_printf(out, "  %-9s  ", pkl_grade_name(r->grade));
    app_audit_name(out, r);
    buf_puts(out, "  ");
    app_audit_uses(out, r);
    buf_puts(out, "  ");
    app_audit_place(out, a, r->path, r->pickle);
    if (r->why != NULL)
        buf_printf(out, "  (%s)", _(r->why));
    buf_putc(out, '\n');
}

static void put_text(struct buf *out, const struct pkl_audit *a, const char *verdict)
{
    static const enum pkl_grade order[] = {PKL_DANGEROUS, PKL_UNKNOWN, PKL_SAFE};

    buf_printf(out, ": %s\n", verdict);
    for (size_t g = 0; g < 3; g++) {
        for (size_t i = 0; i < pkl_audit_rows(a); i++) {
            if (pkl_audit_row(a, i)->grade == order[g])
                put_row(out, a, pkl_audit_row(a, i));
        }
    }
    for (size_t i = 1; i < pkl_audit_pickles(a); i++) {
        const struct pkl_audit_pickle *p = pkl_audit_pickle(a, i);

        buf_puts(out, _("  a pickle in "));
        buf_puts(out, _(pkl_audit_place_name(p->place)));
        buf_puts(out, ": ");
        app_audit_place(out, a, p->path, p->inside);
        if (p->error.code != PB_OK)
            buf_printf(out, _("; it breaks: %s"), p->error.msg);
        buf_putc(out, '\n');
    }
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void json_row(struct buf *out, const struct pkl_audit_row *r)
{
    buf_putc(out, '{');
    json_member(out, "grade", pkl_grade_name(r->grade));
    if (r->kind == PKL_AUDIT_GLOBAL) {
        json_member(out, "module", r->module);
        json_member(out, "name", r->name);
        buf_puts(out, ", \"python3\": [");
        json_text(out, r->py3_module);
        buf_puts(out, ", ");
        json_text(out, r->py3_name);
        buf_putc(out, ']');
    } else if (r->kind == PKL_AUDIT_EXTENSION) {
        buf_printf(out, ", \"extension\": %lld", (long long)r->code);
    } else {
        json_member_bool(out, "computed", true);
    }
    json_member_number(out, "imported", r->imported);
    json_member_number(out, "called", r->called);
    json_member_number(out, "built", r->built);
    json_member_number(out, "state_given", r->states);
    json_member_number(out, "result_called", r->result_called);
    json_member_number(out, "changed", r->changed);
    json_member_number(out, "offset", r->offset);
    json_member(out, "path", r->path);
    json_member_number(out, "pickle", r->pickle);
    json_member(out, "why", r->why);
    buf_putc(out, '}');
}

static void json_pickle(struct buf *out, const struct pkl_audit_pickle *p)
{
    buf_putc(out, '{');
    json_member(out, "in", pkl_audit_place_name(p->place));
    json_member_number(out, "inside", p->inside);
    json_member_number(out, "offset", p->offset);
    json_member(out, "path", p->path);
    json_member(out, "error", p->error.code != PB_OK ? p->error.msg : NULL);
    buf_putc(out, '}');
}

/* One line an object; without an audit: why there is none. */
static void put_json(struct buf *out, const struct location *loc, const struct pkl_audit *a,
                     const char *verdict, const struct error *why)
{
    struct buf text;

    buf_init(&text, BUF_MAX_TEXT);
    location_format(&text, loc);
    buf_putc(out, '{');
    json_name(out, "location");
    json_bytes(out, text.data, text.len);
    buf_release(&text);
    json_member(out, "verdict", verdict);
    json_member(out, "error", why != NULL ? why->msg : NULL);
    buf_puts(out, ", \"globals\": [");
    for (size_t i = 0; a != NULL && i < pkl_audit_rows(a); i++) {
        buf_puts(out, i > 0 ? ", " : "");
        json_row(out, pkl_audit_row(a, i));
    }
    buf_puts(out, "], \"pickles\": [");
    for (size_t i = 1; a != NULL && i < pkl_audit_pickles(a); i++) {
        buf_puts(out, i > 1 ? ", " : "");
        json_pickle(out, pkl_audit_pickle(a, i));
    }
    buf_puts(out, "]}\n");
}

/* --- one object ------------------------------------------------------------------------------- */

static enum pb_err run_audit(struct cli *c, struct pkl_audit *a, struct error *e)
{
    bool done = false;
    enum pb_err err = PB_OK;

    while (!done && err == PB_OK) {
        err = pkl_audit_step(a, PIECE, &done, e);
        if (err == PB_OK && !done)
            err = loop_turn(app_loop(c->app), 0, e);
        if (err == PB_OK && c->interrupted)
            err = error_set(e, PB_ECANCELED, "interrupted");
    }
    return err;
}

/* A pickle inside of a value that cannot be read to its end is not all known. */
static enum pkl_grade verdict_of(const struct pkl_audit *a)
{
    enum pkl_grade g = pkl_audit_verdict(a);

    for (size_t i = 1; i < pkl_audit_pickles(a) && g == PKL_SAFE; i++) {
        if (pkl_audit_pickle(a, i)->error.code != PB_OK)
            g = PKL_UNKNOWN;
    }
    return g;
}

/* Begins as a pickle does, or is packed, so that nobody has looked at what is inside. */
static bool may_be_meant(struct source *src)
{
    static const struct {
        const char *bytes;
        size_t n;
    } magic[] = {{"PK", 2},
                 {"\x1f\x8b", 2},
                 {"BZh", 3},
                 {"\xfd"
                  "7zXZ",
                  5},
                 {"\x5d\x00\x00", 3},
                 {"\x04\x22\x4d\x18", 4},
                 {"7z\xbc\xaf", 4},
                 {"\x28\xb5\x2f\xfd", 4},
                 {"x\x01", 2},
                 {"x\x5e", 2},
                 {"x\x9c", 2},
                 {"x\xda", 2},
                 {"ZF", 2},
                 {"\x93NUMPY", 6},
                 {"RENPY", 5}};
    const uint8_t *p;
    size_t n;

    if (source_view(src, 0, 512, &p, &n, NULL) != PB_OK)
        return true;
    for (size_t i = 0; i < sizeof magic / sizeof *magic; i++) {
        if (n >= magic[i].n && memcmp(p, magic[i].bytes, magic[i].n) == 0)
            return true;
    }
    return (n >= 2 && p[0] == 0x80 && p[1] <= 5) || (n >= 262 && memcmp(p + 257, "ustar", 5) == 0);
}

/* What is said of one object, and the status it counts as. */
static const char *judge(const struct pkl_audit *a, struct app_object *o, bool listed,
                         bool *harmless, int *status)
{
    static const int by_grade[] = {STATUS_OK, STATUS_UNKNOWN, STATUS_NO};
    enum pkl_grade g = verdict_of(a);
    enum app_state state = app_object_state(o);

    *harmless = false;
    *status = by_grade[g];
    if (g == PKL_DANGEROUS || state == APP_READY)
        return pkl_grade_name(g);
    *status = STATUS_NO_PICKLE;
    if (state == APP_BROKEN)
        return "broken";
    /* A listing has other things than pickles. */
    *harmless =
        listed && pkl_audit_rows(a) == 0 && !may_be_meant(pkl_doc_source(app_object_opcodes(o)));
    if (*harmless)
        *status = STATUS_OK;
    return "not a pickle";
}

static enum pb_err report(struct scanning *s, const struct location *loc, const struct pkl_audit *a,
                          const char *verdict, const struct error *why, struct error *e)
{
    struct buf out;
    enum pb_err err;

    buf_init(&out, (size_t)1 << 30);
    if (s->c->args->given[OPT_json]) {
        put_json(&out, loc, a, verdict, why);
    } else if (a != NULL) {
        app_show_location(&out, loc);
        put_text(&out, a, verdict);
    }
    err = out_buf(&s->c->out, &out, e);
    buf_release(&out);
    return err == PB_OK ? out_flush(&s->c->out, e) : err;
}

/* The object could not be looked at: said, counted, and on to the next. */
static enum pb_err skip(struct scanning *s, const struct location *loc, const struct error *why,
                        struct error *e)
{
    take_status(s, (int)status_of(why->code));
    if (why->code == PB_ECANCELED || s->c->out.reader_gone) {
        *e = *why;
        return why->code;
    }
    cli_error(why);
    return s->c->args->given[OPT_json] ? report(s, loc, NULL, NULL, why, e) : PB_OK;
}

static enum pb_err scan_below(struct scanning *s, const struct location *loc, struct error *e);

/* An archive of several files: each of them, where they need not be fetched too often; *all: that
 * was done.  Else what else is in it is not known. */
static enum pb_err scan_files(struct scanning *s, struct app_object *o, bool *all, struct error *e)
{
    const struct location *loc = app_object_location(o);
    struct location files;
    size_t count;
    enum pb_err err = PB_OK;

    *all = false;
    if (app_object_list_files(o, &files, &count, NULL) != PB_OK)
        return PB_OK;
    if (count > 1 && (loc->scheme == LOC_LOCAL || count <= FILES_EACH)) {
        *all = true;
        err = scan_below(s, &files, e);
    } else if (count > 1) {
        take_status(s, STATUS_UNKNOWN);
        cli_note(s->c, "one of %zu files is looked at; name others with !/ behind the archive",
                 count);
    }
    location_release(&files);
    return err;
}

static enum pb_err scan_object(struct scanning *s, const struct location *loc, bool listed,
                               struct error *e)
{
    struct app_object *o = NULL;
    struct pkl_audit *a = NULL;
    struct error why;
    enum pb_err whole = cli_open(s->c, loc, &o, &why), err = PB_OK;

    if (o == NULL || app_object_opcodes(o) == NULL) {
        app_object_close(o);
        return skip(s, loc, &why, e);
    }
    struct error broken = why;
    bool all;

    err = scan_files(s, o, &all, e);
    if (err != PB_OK || all) {
        app_object_close(o);
        return err;
    }
    err = pkl_audit_new(app_object_opcodes(o), &a, &why);
    if (err == PB_OK)
        err = run_audit(s->c, a, &why);
    if (err != PB_OK) {
        err = skip(s, loc, &why, e);
    } else {
        bool harmless;
        int status;
        const char *verdict = judge(a, o, listed, &harmless, &status);

        take_status(s, status);
        err = report(s, loc, a, verdict, whole != PB_OK && !harmless ? &broken : NULL, e);
        if (err == PB_OK && whole != PB_OK && !harmless)
            cli_error(&broken);
    }
    pkl_audit_free(a);
    app_object_close(o);
    return err;
}

/* --- listings --------------------------------------------------------------------------------- */

struct pager {
    bool done;
    struct store_page *page;
    struct error error;
    bool failed;
};

static void on_page(void *ctx, struct store_page *page, const struct error *e)
{
    struct pager *p = ctx;

    p->done = true;
    p->page = page;
    p->failed = e != NULL;
    if (e != NULL)
        p->error = *e;
}

static enum pb_err fetch(struct scanning *s, const struct app_spot *spot, const char *token,
                         struct store_page **page, struct error *e)
{
    struct store_list_request q = {.container = spot->container,
                                   .prefix = spot->key,
                                   .prefix_len = spot->key_len,
                                   .recursive = true,
                                   .token = token};
    const struct store_ops *ops = spot->store->ops;
    struct pager p = {.done = false};
    struct store_op *op;
    enum pb_err err;

    if (spot->container == NULL)
        op = ops->list_containers(spot->store, token, on_page, &p, e);
    else
        op = ops->list(spot->store, &q, on_page, &p, e);
    if (op == NULL)
        return e->code;
    err = cli_wait(s->c, &p.done, NULL, NULL, e);
    if (!p.done)
        store_op_cancel(op);
    if (err == PB_OK && p.failed) {
        *e = p.error;
        err = p.error.code;
    }
    if (err != PB_OK && p.page != NULL)
        store_page_free(p.page);
    else
        *page = p.page;
    return err;
}

static enum pb_err scan_below(struct scanning *s, const struct location *loc, struct error *e);

static enum pb_err scan_page(struct scanning *s, const struct location *parent,
                             const struct store_page *page, struct error *e)
{
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < page->count && err == PB_OK; i++) {
        const struct store_entry *n = &page->entries[i];
        struct location child;

        if (n->kind == STORE_PREFIX)
            continue;
        err = app_child_location(parent, n->kind, n->name, n->len, &child, e);
        if (err != PB_OK)
            break;
        if (n->kind == STORE_CONTAINER)
            err = scan_below(s, &child, e);
        else if (n->size > 0) /* an empty one is a folder's marker, and no pickle */
            err = scan_object(s, &child, true, e);
        location_release(&child);
    }
    return err;
}

static enum pb_err scan_below(struct scanning *s, const struct location *loc, struct error *e)
{
    struct app_spot spot;
    struct arena mem;
    char *token = NULL;
    struct error why;
    enum pb_err err;

    arena_init(&mem);
    err = app_resolve_folder(s->c->app, loc, &mem, &spot, &why);
    if (err == PB_OK) {
        do {
            struct store_page *page = NULL;
            char *next = NULL;

            err = fetch(s, &spot, token, &page, &why);
            if (err != PB_OK || page == NULL)
                break;
            if (page->next != NULL && (next = mem_strdup(page->next)) == NULL)
                err = error_nomem(&why);
            if (err == PB_OK && next != NULL && token != NULL && strcmp(next, token) == 0)
                err = error_set(&why, PB_ESERVER, "the server sends the same page again and again");
            if (err == PB_OK)
                err = scan_page(s, loc, page, &why);
            store_page_free(page);
            free(token);
            token = next;
        } while (err == PB_OK && token != NULL);
    }
    free(token);
    arena_release(&mem);
    return err == PB_OK ? PB_OK : skip(s, loc, &why, e);
}

/* --- the command ------------------------------------------------------------------------------ */

static enum pb_err scan_operand(struct scanning *s, const char *text, struct error *e)
{
    struct location loc = {0};
    enum pb_err err = cli_location(text, &loc, e);

    if (err != PB_OK) {
        take_status(s, (int)status_of(err));
        cli_error(e);
        return PB_OK;
    }
    if (s->c->args->given[OPT_recursive] && app_location_is_folder(&loc))
        err = scan_below(s, &loc, e);
    else
        err = scan_object(s, &loc, false, e);
    location_release(&loc);
    return err;
}

int cmd_scan(struct cli *c)
{
    struct scanning s = {c, STATUS_OK};
    struct error error;

    for (size_t i = 0; i < c->args->count; i++) {
        if (scan_operand(&s, c->args->operands[i], &error) == PB_OK)
            continue;
        return cli_fail(c, &error);
    }
    return s.status;
}
