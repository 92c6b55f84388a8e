#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/store_pages.h>

struct ask { /* for a page: it is under way, or it has come before its turn */
    struct store_pages *pages;
    struct store_op *op; /* NULL: none, or it has come */
    char *token;         /* that it was asked for with; NULL: the first */
    bool came;
    struct store_page *page; /* NULL: error */
    struct error error;
};

struct store_pages {
    struct store *store;
    struct store_list_request request;
    struct store_pages_user user;
    struct ask asks[2];
    unsigned turn; /* which of them comes first */
    char *next;    /* token of the next page; NULL: the first */
    bool complete, all;
};

static void ask_end(struct ask *a)
{
    store_op_cancel(a->op);
    store_page_free(a->page);
    free(a->token);
    *a = (struct ask){.pages = a->pages};
}

/* The page whose turn it is.  What was asked for ahead is the next one, or is left. */
static void take(struct store_pages *p)
{
    struct ask *a = &p->asks[p->turn], *ahead = &p->asks[1 - p->turn];
    struct store_page *page = a->page;
    struct error e = a->error;
    bool follows = page != NULL && page->next != NULL && ahead->token != NULL &&
                   strcmp(ahead->token, page->next) == 0;

    a->page = NULL;
    if (page != NULL) {
        free(p->next);
        p->next = page->next != NULL ? mem_strdup(page->next) : NULL;
        p->complete = page->next == NULL;
        if (page->next != NULL && p->next == NULL) { /* never the first page again */
            (void)error_nomem(&e);
            store_page_free(page);
            page = NULL;
            p->complete = true;
        }
    }
    ask_end(a);
    if (follows)
        p->turn = 1 - p->turn;
    else
        ask_end(ahead);
    p->user.take(p->user.ctx, page, page != NULL ? NULL : &e);
    store_page_free(page);
}

static void on_page(void *ctx, struct store_page *page, const struct error *e)
{
    struct ask *a = ctx;
    struct store_pages *p = a->pages;

    a->op = NULL;
    a->came = true;
    a->page = page;
    if (e != NULL)
        a->error = *e;
    while (p->asks[p->turn].came)
        take(p);
    p->user.taken(p->user.ctx);
}

static enum pb_err ask(struct ask *a, const char *token, struct error *e);

static void on_more(void *ctx, const char *token)
{
    struct ask *a = ctx, *ahead = &a->pages->asks[a == a->pages->asks];
    struct error e;

    if (a->pages->all && ahead->op == NULL && !ahead->came && ask(ahead, token, &e) != PB_OK)
        ask_end(ahead); /* then in its turn */
}

static enum pb_err ask(struct ask *a, const char *token, struct error *e)
{
    struct store_pages *p = a->pages;
    const struct store_ops *ops = p->store->ops;
    struct store_list_request r = p->request;

    if (token != NULL && (a->token = mem_strdup(token)) == NULL)
        return error_nomem(e);
    r.token = a->token;
    r.more = on_more;
    a->op = r.container != NULL ? ops->list(p->store, &r, on_page, a, e)
                                : ops->list_containers(p->store, r.token, on_page, a, e);
    return a->op != NULL ? PB_OK : e->code;
}

enum pb_err store_pages_new(struct store *s, const struct store_list_request *r,
                            const struct store_pages_user *user, struct store_pages **out,
                            struct error *e)
{
    struct store_pages *p = mem_alloc(sizeof *p);

    *out = p;
    if (p == NULL)
        return error_nomem(e);
    p->store = s;
    p->request = *r;
    p->user = *user;
    p->asks[0].pages = p->asks[1].pages = p;
    return PB_OK;
}

void store_pages_free(struct store_pages *p)
{
    if (p == NULL)
        return;
    store_pages_stop(p);
    free(p->next);
    free(p);
}

enum pb_err store_pages_next(struct store_pages *p, bool all, struct error *e)
{
    struct ask *a = &p->asks[p->turn];
    struct error error;

    p->all = all;
    if (p->complete || a->op != NULL || ask(a, p->next, &error) == PB_OK)
        return PB_OK;
    ask_end(a);
    if (e != NULL)
        *e = error;
    return error.code;
}

void store_pages_stop(struct store_pages *p)
{
    ask_end(&p->asks[0]);
    ask_end(&p->asks[1]);
}

bool store_pages_running(const struct store_pages *p)
{
    return p->asks[0].op != NULL || p->asks[1].op != NULL;
}

bool store_pages_complete(const struct store_pages *p)
{
    return p->complete;
}
