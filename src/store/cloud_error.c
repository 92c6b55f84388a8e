/* What an answer that is no success says, and in which words we pass it on. */
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>
#include <pklbrowse/text.h>
#include <pklbrowse/xml.h>

#include "cloud.h"

/* --------------------------------------------------------------------------- reading */

void cloud_keep_text(char *to, size_t size, const char *text, size_t n, bool name)
{
    if (n >= size && name)
        return;
    if (n >= size) {
        n = size - 1;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
    }
    memcpy(to, text, n);
    to[n] = '\0';
}

size_t cloud_bom(const struct buf *body)
{
    return body->len >= 3 && memcmp(body->data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

void cloud_read_error_xml(const struct buf *body,
                          void (*end)(void *ctx, const char *path, const char *text, size_t len),
                          struct cloud_problem *p)
{
    struct xml_handler handler = {.end = end, .ctx = p};
    size_t bom = cloud_bom(body);
    struct xml *x = NULL;

    if (body->len == 0 || xml_new(&handler, &x, NULL) != PB_OK)
        return;
    if (xml_feed(x, body->data + bom, body->len - bom, NULL) != PB_OK ||
        xml_finish(x, NULL) != PB_OK)
        log_line("the error's body is no complete XML document");
    xml_free(x);
}

bool cloud_problem_is(const struct cloud_problem *p, const char *code)
{
    return strcmp(p->code, code) == 0;
}

/* ----------------------------------------------------------------------------- words */

/* What a status means everywhere, when the service has no word of its own for it. */
static const struct cloud_answer statuses[] = {
    {NULL, 400, PB_ESERVER, N_("the server does not accept the request")},
    {NULL, 401, PB_EDENIED, N_("access denied")},
    {NULL, 404, PB_ENOTFOUND, N_("there is no such object")},
    {NULL, 405, PB_EUNSUPPORTED, N_("the server does not do this")},
    {NULL, 409, PB_ESERVER, N_("something else is being done with it right now")},
    {NULL, 412, PB_ECHANGED, N_("it was changed by someone else")},
    {NULL, 416, PB_ECHANGED, N_("it is shorter than expected")},
    {NULL, 501, PB_EUNSUPPORTED, N_("the server does not do this")},
    {NULL, 503, PB_ESERVER, N_("the server is busy: try again later")},
    {NULL, 0, PB_OK, NULL},
};

static const struct cloud_answer *find(const struct cloud_answer *a, const struct cloud_problem *p,
                                       int status)
{
    for (; a->words; a++)
        if (a->code ? cloud_problem_is(p, a->code) : a->status == status)
            return a;
    return NULL;
}

static enum pb_err classify(const struct cloud_kind *k, const struct cloud_problem *p, int status,
                            const char **words)
{
    const struct cloud_answer *a = find(k->answers, p, status);

    if (!a)
        a = find(statuses, p, status);
    *words = a ? a->words : N_("the server answered with an error");
    return a ? a->err : PB_ESERVER;
}

static void put_detail(struct buf *out, const struct cloud_problem *p, int status)
{
    buf_printf(out, "HTTP %d", status);
    if (*p->code) {
        buf_putc(out, ' ');
        text_escape(out, p->code, strlen(p->code));
    }
    if (*p->message) {
        buf_puts(out, ": ");
        text_escape(out, p->message, strlen(p->message));
    }
    if (*p->request_id) {
        buf_puts(out, _("; request id "));
        text_escape(out, p->request_id, strlen(p->request_id));
    }
    if (*p->host_id) {
        buf_puts(out, _("; host id "));
        text_escape(out, p->host_id, strlen(p->host_id));
    }
}

enum pb_err cloud_error(const struct cloud_request *q, enum pb_err code, const char *why,
                        struct error *e)
{
    const struct cloud_kind *k = q->store->kind;
    struct buf where;

    buf_init(&where, BUF_MAX_LINE);
    k->where(q, &where);
    code = error_set(e, code, "cannot %s %s: %s", _(k->actions[q->speaks_of].what), where.data,
                     _(why));
    buf_release(&where);
    return code;
}

enum pb_err cloud_problem_error(struct cloud_problem *p, const struct cloud_request *q,
                                const struct http_result *r, struct error *e)
{
    const char *words = NULL;
    struct buf why, detail;
    enum pb_err err;

    buf_init(&why, BUF_MAX_LINE);
    buf_init(&detail, BUF_MAX_LINE);
    err = classify(q->store->kind, p, r->status, &words);
    if (!q->store->kind->words(q, p, r->status, &why, &err)) {
        buf_puts(&why, _(words));
        if (err == PB_ESERVER) {
            buf_printf(&why, " (HTTP %d%s", r->status, *p->code ? " " : "");
            text_escape(&why, p->code, strlen(p->code));
            buf_putc(&why, ')');
        }
        if (q->store->kind->quotes_message && r->status == 400 && *p->message) {
            buf_puts(&why, ": ");
            text_escape_cols(&why, p->message, strlen(p->message), 160);
        }
    }
    put_detail(&detail, p, r->status);
    err = cloud_error(q, err, why.data, e);
    if (e) {
        e->http_status = r->status;
        cloud_keep_text(e->server_code, sizeof e->server_code, p->code, strlen(p->code), true);
        cloud_keep_text(e->detail, sizeof e->detail, detail.data, detail.len, false);
    }
    buf_release(&why);
    buf_release(&detail);
    return err;
}

enum pb_err cloud_answer_error(const struct cloud_request *q, const struct http_result *r,
                               struct error *e)
{
    struct cloud_problem p;

    q->store->kind->read_problem(&p, r);
    return cloud_problem_error(&p, q, r, e);
}
