/* diff: what differs between two pickles, by path; or which of their bytes. */
#include <langinfo.h>
#include <string.h>

#include <pklbrowse/pkl_diff.h>
#include <pklbrowse/pkl_leaf.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/text.h>

#include "cli.h"

#define VALUE_BYTES 200  /* of a value in the text */
#define OPCODE_BYTES 200 /* of the opcodes of a span */

struct comparison {
    struct cli *c;
    struct app_object *o[2];
    uint64_t count;
};

static const char *arrow(const struct cli *c)
{
    bool ascii = c->args->given[OPT_ascii] || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;

    return ascii ? "->" : "\xe2\x86\x92";
}

static enum pb_err check(void *ctx, struct error *e)
{
    const struct comparison *w = ctx;

    return w->c->out.check != NULL ? w->c->out.check(w->c->out.ctx, e) : PB_OK;
}

/* ------------------------------------------------------------------------- values */

static enum pb_err put_path(const struct pkl_difference *d, bool second, struct buf *out,
                            struct error *e)
{
    enum pb_err err = pkl_diff_path(d, second, PATH_FORM_PYTHON, out, e);

    if (err == PB_OK && out->len == 0)
        buf_puts(out, "@0");
    return err;
}

static bool is_text(enum pkl_kind k)
{
    return k >= PKL_STR && k <= PKL_PY2STR;
}

/* "from character 5000 on" */
static enum pb_err where_text(struct pkl_view *const v[2], const struct pkl_difference *d,
                              struct buf *out, struct error *e)
{
    const struct pkl_node *n[2] = {&d->old, &d->new};
    const char *unit = d->old.kind == PKL_STR ? "character" : "byte";
    struct pkl_leaf leaf[2];
    size_t at = 0, count = 0;
    enum pb_err err = PB_OK;

    for (unsigned s = 0; s < 2; s++)
        pkl_leaf_init(&leaf[s]);
    for (unsigned s = 0; s < 2 && err == PB_OK; s++)
        err = pkl_leaf_read(v[s], n[s], SIZE_MAX, &leaf[s], e);
    while (err == PB_OK && at < leaf[0].data.len && at < leaf[1].data.len &&
           leaf[0].data.data[at] == leaf[1].data.data[at]) {
        at++;
        /* A character that begins the same is not the same. */
        count += d->old.kind != PKL_STR || at >= leaf[0].data.len ||
                 ((unsigned char)leaf[0].data.data[at] & 0xc0) != 0x80;
    }
    if (err == PB_OK)
        buf_printf(out, "from %s %zu on", unit, count);
    for (unsigned s = 0; s < 2; s++)
        pkl_leaf_release(&leaf[s]);
    return err;
}

/* What is shown of both is the same: what differs in words. */
static enum pb_err alike_text(struct comparison *w, const struct pkl_difference *d, struct buf *out,
                              struct error *e)
{
    struct pkl_view *v[2] = {pkl_doc_view(app_object_doc(w->o[0])),
                             pkl_doc_view(app_object_doc(w->o[1]))};
    const struct pkl_node *n[2] = {&d->old, &d->new};
    struct buf type[2];
    enum pb_err err = PB_OK;

    for (unsigned s = 0; s < 2; s++)
        buf_init(&type[s], BUF_MAX_LINE);
    for (unsigned s = 0; s < 2 && err == PB_OK; s++)
        err = pkl_type_name(v[s], n[s], &type[s], e);
    if (err == PB_OK && strcmp(type[0].data, type[1].data) != 0)
        buf_printf(out, "%s %s %s", type[0].data, arrow(w->c), type[1].data);
    else if (err == PB_OK && d->old.kind == d->new.kind &&is_text(d->old.kind))
        err = where_text(v, d, out, e);
    else if (err == PB_OK)
        buf_puts(out, "in what is not shown");
    for (unsigned s = 0; s < 2; s++)
        buf_release(&type[s]);
    return err;
}

/* Appends how two values differ that are shown as the same; nothing when they are not. */
static enum pb_err add_alike(struct comparison *w, const struct pkl_difference *d,
                             const struct buf shown[2], const char *before, const char *behind,
                             struct buf *out, struct error *e)
{
    struct buf words;
    enum pb_err err;

    if (d->kind != PKL_DIFF_CHANGED || shown[0].len != shown[1].len ||
        memcmp(shown[0].data, shown[1].data, shown[0].len) != 0)
        return PB_OK;
    buf_init(&words, BUF_MAX_TEXT);
    err = alike_text(w, d, &words, e);
    if (err == PB_OK) {
        buf_puts(out, before);
        if (behind == NULL)
            json_bytes(out, words.data, words.len);
        else
            text_escape(out, words.data, words.len);
        buf_puts(out, behind != NULL ? behind : "");
    }
    buf_release(&words);
    return err;
}

static enum pb_err previews(struct comparison *w, const struct pkl_difference *d,
                            struct buf shown[2], struct error *e)
{
    const struct pkl_node *n[2] = {&d->old, &d->new};
    enum pb_err err = PB_OK;

    for (unsigned s = 0; s < 2; s++)
        buf_init(&shown[s], BUF_MAX_TEXT);
    for (unsigned s = 0; s < 2 && err == PB_OK; s++) {
        if (n[s]->id == 0)
            buf_puts(&shown[s], s == 0 ? "(new)" : "(gone)");
        else
            err =
                pkl_preview(pkl_doc_view(app_object_doc(w->o[s])), n[s], VALUE_BYTES, &shown[s], e);
    }
    return err;
}

/* "['age']  30 -> 31", "['new']  (new) -> 5", "['b']  b'a' -> b'a'  (bytes -> str2)" */
static enum pb_err text_line(struct comparison *w, const struct pkl_difference *d, struct buf *out,
                             struct error *e)
{
    struct buf path, shown[2];
    enum pb_err err = previews(w, d, shown, e);

    buf_init(&path, BUF_MAX_TEXT);
    if (err == PB_OK)
        err = put_path(d, d->kind == PKL_DIFF_ADDED, &path, e);
    text_escape(out, path.data, path.len);
    buf_puts(out, "  ");
    buf_append(out, shown[0].data, shown[0].len);
    buf_printf(out, " %s ", arrow(w->c));
    buf_append(out, shown[1].data, shown[1].len);
    if (err == PB_OK)
        err = add_alike(w, d, shown, "  (", ")", out, e);
    buf_putc(out, '\n');
    buf_release(&path);
    buf_release(&shown[0]);
    buf_release(&shown[1]);
    return err;
}

/* Paths in the first and, where they are others, in the second. */
static enum pb_err json_paths(const struct pkl_difference *d, struct buf *out, struct error *e)
{
    struct buf path[2];
    enum pb_err err;

    buf_init(&path[0], BUF_MAX_TEXT);
    buf_init(&path[1], BUF_MAX_TEXT);
    err = put_path(d, d->kind == PKL_DIFF_ADDED, &path[0], e);
    if (err == PB_OK && d->kind == PKL_DIFF_CHANGED)
        err = put_path(d, true, &path[1], e);
    if (err == PB_OK) {
        buf_putc(out, '{');
        json_name(out, "path");
        json_bytes(out, path[0].data, path[0].len);
        if (path[1].len > 0 &&
            (path[0].len != path[1].len || memcmp(path[0].data, path[1].data, path[0].len) != 0)) {
            json_name(out, "new_path");
            json_bytes(out, path[1].data, path[1].len);
        }
    }
    buf_release(&path[0]);
    buf_release(&path[1]);
    return err;
}

static enum pb_err json_line(struct comparison *w, const struct pkl_difference *d, struct buf *out,
                             struct error *e)
{
    static const char *const kinds[] = {"changed", "removed", "added"};
    struct sink to = sink_buf(out);
    struct buf shown[2];
    enum pb_err err = json_paths(d, out, e);

    json_member(out, "change", kinds[d->kind]);
    if (err == PB_OK && d->old.id != 0) {
        json_name(out, "old");
        err = pkl_json(pkl_doc_view(app_object_doc(w->o[0])), &d->old, &to, e);
    }
    if (err == PB_OK && d->new.id != 0) {
        json_name(out, "new");
        err = pkl_json(pkl_doc_view(app_object_doc(w->o[1])), &d->new, &to, e);
    }
    if (err == PB_OK && d->kind == PKL_DIFF_CHANGED) {
        err = previews(w, d, shown, e);
        if (err == PB_OK)
            err = add_alike(w, d, shown, ", \"how\": ", NULL, out, e);
        buf_release(&shown[0]);
        buf_release(&shown[1]);
    }
    buf_putc(out, '}');
    return err;
}

static enum pb_err on_difference(void *ctx, const struct pkl_difference *d, struct error *e)
{
    struct comparison *w = ctx;
    bool json = w->c->args->given[OPT_json];
    struct buf line;
    enum pb_err err;

    buf_init(&line, SIZE_MAX / 2);
    if (json)
        buf_puts(&line, w->count > 0 ? ",\n" : "[");
    w->count++;
    err = json ? json_line(w, d, &line, e) : text_line(w, d, &line, e);
    if (err == PB_OK)
        err = out_buf(&w->c->out, &line, e);
    buf_release(&line);
    return err;
}

/* -------------------------------------------------------------------------- bytes */

static enum pb_err span_side(struct comparison *w, const struct pkl_diff_span *s, unsigned side,
                             struct buf *out, struct error *e)
{
    return s->len[side] > 0 ? pkl_diff_span_text(app_object_doc(w->o[side]), s->at[side],
                                                 s->len[side], OPCODE_BYTES, out, e)
                            : PB_OK;
}

static enum pb_err span_text(struct comparison *w, const struct pkl_diff_span *s, struct buf *out,
                             struct error *e)
{
    enum pb_err err = PB_OK;

    for (unsigned side = 0; side < 2 && err == PB_OK; side++) {
        struct buf ops;

        buf_init(&ops, BUF_MAX_TEXT);
        err = span_side(w, s, side, &ops, e);
        buf_printf(out, "%c 0x%llx  %llu bytes%s", side == 0 ? '-' : '+',
                   (unsigned long long)s->at[side], (unsigned long long)s->len[side],
                   ops.len > 0 ? "  " : "");
        text_escape(out, ops.data, ops.len);
        buf_putc(out, '\n');
        buf_release(&ops);
    }
    return err;
}

static enum pb_err span_json(struct comparison *w, const struct pkl_diff_span *s, struct buf *out,
                             struct error *e)
{
    static const char *const names[] = {"old", "new"};
    enum pb_err err = PB_OK;

    buf_putc(out, '{');
    for (unsigned side = 0; side < 2 && err == PB_OK; side++) {
        struct buf ops;

        buf_init(&ops, BUF_MAX_TEXT);
        err = span_side(w, s, side, &ops, e);
        buf_printf(out, "%s\"%s\": {\"offset\": %llu, \"bytes\": %llu, \"opcodes\": ",
                   side > 0 ? ", " : "", names[side], (unsigned long long)s->at[side],
                   (unsigned long long)s->len[side]);
        json_bytes(out, ops.data, ops.len);
        buf_putc(out, '}');
        buf_release(&ops);
    }
    buf_putc(out, '}');
    return err;
}

static enum pb_err on_span(void *ctx, const struct pkl_diff_span *s, struct error *e)
{
    struct comparison *w = ctx;
    bool json = w->c->args->given[OPT_json];
    struct buf line;
    enum pb_err err;

    buf_init(&line, BUF_MAX_TEXT);
    if (json)
        buf_puts(&line, w->count > 0 ? ",\n" : "[");
    w->count++;
    err = json ? span_json(w, s, &line, e) : span_text(w, s, &line, e);
    if (err == PB_OK)
        err = out_buf(&w->c->out, &line, e);
    buf_release(&line);
    return err;
}

/* -------------------------------------------------------------------- the command */

static enum pb_err open_both(struct comparison *w, struct error *e)
{
    enum pb_err err = PB_OK;

    if (strcmp(w->c->args->operands[0], "-") == 0 && strcmp(w->c->args->operands[1], "-") == 0)
        return error_set(e, PB_EUSAGE, "standard input can be one of them only");
    for (unsigned s = 0; s < 2 && err == PB_OK; s++) {
        struct location loc = {0};

        err = cli_location(w->c->args->operands[s], &loc, e);
        if (err == PB_OK)
            err = cli_open(w->c, &loc, &w->o[s], e);
        location_release(&loc);
    }
    return err;
}

static enum pb_err compare(struct comparison *w, struct error *e)
{
    struct pkl_diff_opts o = {.check = check, .check_ctx = w, .found = on_difference, .ctx = w};
    bool json = w->c->args->given[OPT_json];
    enum pb_err err;

    if (w->c->args->given[OPT_bytes])
        err = pkl_diff_bytes(app_object_doc(w->o[0]), app_object_doc(w->o[1]), check, w, on_span, w,
                             e);
    else
        err = pkl_diff(pkl_doc_view(app_object_doc(w->o[0])), pkl_doc_view(app_object_doc(w->o[1])),
                       &o, e);
    if (err == PB_OK && json)
        err = out_write(&w->c->out, w->count > 0 ? "]\n" : "[]\n", w->count > 0 ? 2 : 3, e);
    return err == PB_OK ? out_flush(&w->c->out, e) : err;
}

int cmd_diff(struct cli *c)
{
    struct comparison w = {.c = c};
    struct error error;
    enum pb_err err = open_both(&w, &error);

    if (err == PB_OK)
        err = compare(&w, &error);
    app_object_close(w.o[0]);
    app_object_close(w.o[1]);
    if (err != PB_OK)
        return cli_fail(c, &error);
    return w.count > 0 ? STATUS_NO : STATUS_OK;
}
