#include "cloud_list.h"

#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/xml.h>

void cloud_list_free(struct cloud_list *l)
{
    store_op_end(&l->op);
    loop_unpost(l->op.store->loop, l);
    cloud_request_free(l->request);
    store_page_free(l->page);
    buf_release(&l->body);
    free(l->prefix);
    free(l->token);
    free(l->start_after);
    free(l);
}

static void list_stop(struct store_op *op)
{
    cloud_list_free((struct cloud_list *)op);
}

static void list_progress(const struct store_op *op, struct http_progress *out)
{
    const struct cloud_list *l = (const struct cloud_list *)op;

    if (l->request && l->request->call)
        http_progress(l->request->call, out);
}

static const struct store_op_class list_class = {.stop = list_stop, .progress = list_progress};

void cloud_list_finish(struct cloud_list *l, const struct error *e)
{
    struct error copy = e ? *e : (struct error){0};
    struct store_page *page = e ? NULL : l->page;
    store_page_fn done = l->done;
    void *ctx = l->ctx;

    if (page)
        l->page = NULL;
    cloud_list_free(l);
    done(ctx, page, e ? &copy : NULL);
}

static enum pb_err copy_request(struct cloud_list *l, const struct store_list_request *r,
                                const char *token, struct error *e)
{
    l->prefix = mem_strndup(r ? r->prefix : "", r ? r->prefix_len : 0);
    l->prefix_len = r ? r->prefix_len : 0;
    l->recursive = r && r->recursive;
    l->max = r ? r->max : 0;
    l->more = r ? r->more : NULL;
    if (token)
        l->token = mem_strdup(token);
    if (r && r->start_after)
        l->start_after = mem_strdup(r->start_after);
    if (!l->prefix || (token && !l->token) || (r && r->start_after && !l->start_after))
        return error_nomem(e);
    return PB_OK;
}

struct cloud_list *cloud_list_new(size_t size, struct store *s, unsigned action,
                                  const char *container, const struct store_list_request *r,
                                  const char *token, cloud_answer_fn answered, store_page_fn done,
                                  void *ctx, struct error *e)
{
    struct cloud_list *l = mem_alloc(size);
    enum pb_err err;

    if (!l) {
        (void)error_nomem(e);
        return NULL;
    }
    store_op_begin(&l->op, &list_class, s);
    buf_init(&l->body, BUF_MAX_XML);
    l->done = done;
    l->ctx = ctx;
    err = copy_request(l, r, token, e);
    if (err == PB_OK && answered)
        err = cloud_request_new(&l->request, s, action, container, NULL, 0, e);
    if (err == PB_OK && answered) {
        l->request->done = answered;
        l->request->ctx = l;
    }
    if (err == PB_OK)
        return l;
    cloud_list_free(l);
    return NULL;
}

struct store_op *cloud_list_send(struct cloud_list *l, enum pb_err err, struct error *e)
{
    if (err == PB_OK)
        err = cloud_request_send(l->request, e);
    if (err == PB_OK)
        return &l->op;
    cloud_list_free(l);
    return NULL;
}

/* ----------------------------------------------------------------------------- a page */

enum pb_err cloud_list_page(struct cloud_list *l, struct error *e)
{
    store_page_free(l->page);
    l->page = store_page_new();
    return l->page ? PB_OK : error_nomem(e);
}

static enum pb_err broken_xml(struct cloud_list *l, bool forbidden, const struct error *why,
                              struct error *e)
{
    struct buf text;
    enum pb_err err;

    if (forbidden)
        return cloud_error(l->request, PB_ESERVER,
                           "a name on this page of the listing holds a character that XML forbids, "
                           "and the server does not encode names",
                           e);
    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text, _("the server's answer cannot be read: %s"), why->msg);
    err = cloud_error(l->request, why->code, text.data, e);
    buf_release(&text);
    return err;
}

enum pb_err cloud_list_xml(struct cloud_list *l, const struct buf *body,
                           const struct xml_handler *handler, bool *again, struct error *e)
{
    size_t bom = cloud_bom(body);
    struct error why = {0};
    struct xml *x = NULL;
    bool plain = false, forbidden;
    enum pb_err err = PB_OK;

    *again = false;
    if (!handler->attribute)
        err = xml_plain(handler, body->data + bom, body->len - bom, &plain, &why);
    if (err == PB_OK && plain)
        return PB_OK;
    if (err == PB_OK)
        err = xml_new(handler, &x, &why);
    if (err == PB_OK)
        err = xml_feed(x, body->data + bom, body->len - bom, &why);
    if (err == PB_OK)
        err = xml_finish(x, &why);
    forbidden = err != PB_OK && x && xml_forbidden_char(x);
    xml_free(x);
    if (err == PB_OK)
        return PB_OK;
    *again = err == PB_ESERVER && !forbidden;
    return broken_xml(l, forbidden, &why, e);
}

enum pb_err cloud_list_check_next(struct cloud_list *l, struct error *e)
{
    if (!l->token || !l->page->next || strcmp(l->token, l->page->next) != 0)
        return PB_OK;
    return cloud_error(l->request, PB_ESERVER,
                       "the server sends the same page of the listing again and again", e);
}

enum pb_err cloud_list_aimless(struct cloud_list *l, struct error *e)
{
    return cloud_error(l->request, PB_ESERVER,
                       "the listing goes on, but the server does not say where", e);
}

bool cloud_list_under_prefix(const struct cloud_list *l, const char *name, size_t n)
{
    return n >= l->prefix_len && memcmp(name, l->prefix, l->prefix_len) == 0;
}
