#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>

#include "azure.h"
#include "cloud_xml.h"

/* The service takes 15 minutes; what is nearer was refused for another reason. */
#define SKEW_SUSPECT_S 600
/* How long the service may read what it is to copy. */
#define SOURCE_S 3600

static struct azure_request *own(struct cloud_request *r)
{
    return (struct azure_request *)r;
}

static enum pb_err init(struct cloud_request *q, struct error *e)
{
    struct azure_request *r = own(q);

    if (!azure_spot_split(&r->spot, q->container))
        return cloud_error(q, PB_EUSAGE, "that is not the name of a storage account", e);
    if (q->action != AZURE_LIST_CONTAINERS && (!r->spot.container || !*r->spot.container))
        return cloud_error(q, PB_EUSAGE, "the container is missing (az://account/container/blob)",
                           e);
    if (r->spot.container && strchr(r->spot.container, '/'))
        return cloud_error(q, PB_EUSAGE, "that is not the name of a container", e);
    return azure_setup_auth(&azure_of(q)->setup, r->spot.account, r->spot.container, &r->auth,
                            &r->sas, e);
}

static void release(struct cloud_request *q)
{
    struct azure_request *r = own(q);

    if (r->sent_token)
        explicit_bzero(r->sent_token, strlen(r->sent_token));
    free(r->sent_token);
}

/* Nothing was made then: what is soft-deleted has no bytes, whatever its name stands for now. */
#define NO_SNAPSHOT "1601-01-01T00:00:00.0000000Z"

static enum pb_err name_version(struct aws_query *q, const char *version_id, struct error *e)
{
    size_t n = strlen(AZURE_SNAPSHOT);

    if (strcmp(version_id, AZURE_CURRENT) == 0)
        return PB_OK;
    if (strncmp(version_id, AZURE_DELETED, strlen(AZURE_DELETED)) == 0)
        return aws_query_add(q, "snapshot", NO_SNAPSHOT, sizeof NO_SNAPSHOT - 1, e);
    if (strncmp(version_id, AZURE_SNAPSHOT, n) == 0)
        return aws_query_add(q, "snapshot", version_id + n, strlen(version_id + n), e);
    return aws_query_add(q, "versionid", version_id, strlen(version_id), e);
}

static enum pb_err ask_version(struct cloud_request *r, const char *version_id, struct error *e)
{
    if (r->action == AZURE_DELETE && strcmp(version_id, AZURE_VERSIONS_ONLY) == 0)
        return cloud_error(r, PB_EUNSUPPORTED,
                           "its versions are still there: bring one of them back instead", e);
    if (r->action == AZURE_DELETE &&
        strncmp(version_id, AZURE_DELETED, strlen(AZURE_DELETED)) == 0) {
        r->action = r->speaks_of = AZURE_UNDELETE;
        return cloud_param(r, "comp", "undelete", e);
    }
    return name_version(&r->params, version_id, e);
}

/* ------------------------------------------------------------------------ authorizing */

/* Of a role: whose holder may do it. */
#define READER "Storage Blob Data Reader"
#define CONTRIBUTOR "Storage Blob Data Contributor"
#define OWNER "Storage Blob Data Owner"

const struct cloud_action azure_actions[] = {
    [AZURE_LIST_CONTAINERS] = {"GET", HTTP_READ, N_("list the containers of"), READER},
    [AZURE_LIST] = {"GET", HTTP_READ, N_("list"), READER},
    [AZURE_LIST_VERSIONS] = {"GET", HTTP_READ, N_("list the versions in"), READER},
    [AZURE_HEAD] = {"HEAD", HTTP_READ, N_("look at"), READER},
    [AZURE_GET] = {"GET", HTTP_READ, N_("read"), READER},
    [AZURE_TAGS] = {"GET", HTTP_READ, N_("read the tags of"), OWNER},
    [AZURE_PUT] = {"PUT", HTTP_WRITE, N_("save"), CONTRIBUTOR},
    [AZURE_DELETE] = {"DELETE", HTTP_READ, N_("remove"), CONTRIBUTOR},
    [AZURE_UNDELETE] = {"PUT", HTTP_READ, N_("undelete"), CONTRIBUTOR},
    [AZURE_COPY_BLOB] = {"PUT", HTTP_WRITE, N_("copy to"), CONTRIBUTOR},
    [AZURE_GET_BLOCKS] = {"GET", HTTP_READ, N_("save"), CONTRIBUTOR},
    [AZURE_BLOCK] = {"PUT", HTTP_READ, N_("save"), CONTRIBUTOR},
    [AZURE_PUT_BLOCKS] = {"PUT", HTTP_WRITE, N_("save"), CONTRIBUTOR},
};

static enum pb_err put_url(const struct azure_request *r, struct azure_url *url, struct error *e)
{
    return azure_url_make(url, &azure_of(&r->q)->setup, r->spot.account, r->spot.container,
                          r->q.key, r->q.key_len, e);
}

static enum pb_err sign(const struct azure_request *r, const struct azure_url *url,
                        struct http_message *m, struct error *e)
{
    struct azure_signing s = {.account = r->spot.account,
                              .key = azure_of(&r->q)->setup.key,
                              .method = m->method,
                              .path = url->path.data,
                              .query = &r->q.params,
                              .headers = &m->headers,
                              .content_length = r->q.body ? r->q.body->size : 0};
    struct buf value;
    enum pb_err err;

    buf_init(&value, BUF_MAX_LINE);
    err = azure_authorization(&s, &value, e);
    if (err == PB_OK)
        err = http_headers_set(&m->headers, "Authorization", value.data, e);
    buf_release(&value);
    return err;
}

static enum pb_err bear(struct azure_request *r, struct http_message *m, struct error *e)
{
    const struct azure_token *t = azure_session_token(azure_of(&r->q)->session);

    if (!t)
        return error_set(e, PB_EDENIED, "there are no credentials any more");
    if (strncasecmp(m->url.data, "https://", 8) != 0)
        return cloud_error(&r->q, PB_EDENIED, "a token is not sent without https", e);
    free(r->sent_token);
    r->sent_token = mem_strdup(t->text);
    if (!r->sent_token)
        return error_nomem(e);
    return cloud_add_bearer(m, t->text, e);
}

static enum pb_err add_headers(const struct azure_request *r, struct http_message *m,
                               struct error *e)
{
    struct buf date;
    enum pb_err err = http_headers_set(&m->headers, "x-ms-version", AZURE_VERSION, e);

    buf_init(&date, BUF_MAX_LINE);
    clock_format_http(&date, clock_now() + azure_of(&r->q)->skew);
    if (err == PB_OK)
        err = buf_status(&date, e);
    if (err == PB_OK && r->auth != AZURE_ANONYMOUS)
        err = http_headers_set(&m->headers, "x-ms-date", date.data, e);
    buf_release(&date);
    return err == PB_OK ? cloud_add_headers(&r->q, m, e) : err;
}

static enum pb_err prepare(struct cloud_request *q, struct http_message *out, struct error *e)
{
    struct azure_request *r = own(q);
    struct azure_url url;
    enum pb_err err;

    azure_url_init(&url);
    err = put_url(r, &url, e);
    buf_append(&out->url, url.url.data, url.url.len);
    if (q->query.len > 0)
        buf_printf(&out->url, "?%s", q->query.data);
    if (r->auth == AZURE_SAS)
        buf_printf(&out->url, "%c%s", q->query.len > 0 ? '&' : '?', r->sas);
    if (err == PB_OK)
        err = buf_status(&out->url, e);
    if (err == PB_OK)
        err = add_headers(r, out, e);
    if (err == PB_OK && r->auth == AZURE_KEY)
        err = sign(r, &url, out, e);
    else if (err == PB_OK && r->auth == AZURE_TOKEN)
        err = bear(r, out, e);
    azure_url_release(&url);
    return err;
}

enum pb_err azure_copy_source(struct azure_request *r, const char *where, const char *key,
                              size_t key_len, const char *version_id, struct error *e)
{
    struct azure_spot spot;
    struct aws_query q = {0};
    struct azure_url url;
    char *copy = mem_strdup(where);
    enum pb_err err = copy ? PB_OK : error_nomem(e);

    azure_url_init(&url);
    if (err == PB_OK && !azure_spot_split(&spot, copy))
        err = cloud_error(&r->q, PB_EUSAGE, "that is not the name of a storage account", e);
    if (err == PB_OK)
        err = azure_url_make(&url, &azure_of(&r->q)->setup, spot.account, spot.container, key,
                             key_len, e);
    if (err == PB_OK && version_id)
        err = name_version(&q, version_id, e);
    if (err == PB_OK && (q.len > 0 || r->auth == AZURE_SAS))
        buf_putc(&url.url, '?');
    if (err == PB_OK)
        err = aws_query_format(&q, &url.url, e);
    if (err == PB_OK && r->auth == AZURE_SAS)
        buf_printf(&url.url, "%s%s", q.len > 0 ? "&" : "", r->sas);
    if (err == PB_OK)
        err = buf_status(&url.url, e);
    if (err == PB_OK)
        err = cloud_header(&r->q, "x-ms-copy-source", url.url.data, e);
    aws_query_release(&q);
    azure_url_release(&url);
    free(copy);
    return err;
}

enum pb_err azure_request_source(struct azure_request *r, struct error *e)
{
    const struct azure_setup *s = &azure_of(&r->q)->setup;
    const struct azure_token *t =
        r->auth == AZURE_TOKEN ? azure_session_token(azure_of(&r->q)->session) : NULL;
    struct azure_url url;
    struct buf bearer;
    enum pb_err err;

    azure_url_init(&url);
    buf_init(&bearer, BUF_MAX_LINE);
    err = put_url(r, &url, e);
    if (err == PB_OK && r->auth == AZURE_SAS)
        buf_printf(&url.url, "?%s", r->sas);
    if (err == PB_OK && r->auth == AZURE_KEY) {
        buf_putc(&url.url, '?');
        err = azure_read_sas(r->spot.account, s->key, r->spot.container, r->q.key, r->q.key_len,
                             clock_now() + azure_of(&r->q)->skew + SOURCE_S, &url.url, e);
    }
    if (err == PB_OK)
        err = buf_status(&url.url, e);
    if (err == PB_OK)
        err = cloud_header(&r->q, "x-ms-copy-source", url.url.data, e);
    if (err == PB_OK && t) {
        buf_printf(&bearer, "Bearer %s", t->text);
        err = buf_status(&bearer, e);
        if (err == PB_OK)
            err = cloud_header(&r->q, "x-ms-copy-source-authorization", bearer.data, e);
    }
    azure_url_release(&url);
    buf_release(&bearer);
    return err;
}

/* ---------------------------------------------------------------------------- learning */

bool azure_request_learn(struct azure_request *r, const struct http_result *a)
{
    int64_t off = a->date - clock_now() - azure_of(&r->q)->skew;

    if (r->skewed || a->date == 0 || a->status != 403 ||
        (r->auth != AZURE_KEY && r->auth != AZURE_TOKEN) ||
        (off <= SKEW_SUSPECT_S && off >= -SKEW_SUSPECT_S))
        return false;
    r->skewed = true;
    azure_of(&r->q)->skew += off;
    log_line("the server's clock is %lld s ahead of ours", (long long)azure_of(&r->q)->skew);
    return true;
}

static bool again(struct cloud_request *r, const struct http_result *a)
{
    return azure_request_learn(own(r), a);
}

/* ----------------------------------------------------------------------------- sending */

static bool waits(const struct cloud_request *r)
{
    return ((const struct azure_request *)r)->auth == AZURE_TOKEN &&
           !azure_session_ready(azure_of(r)->session);
}

static enum pb_err wait(struct cloud_request *r, void (*ready)(void *ctx, const struct error *e),
                        struct error *e)
{
    return azure_session_wait(azure_of(r)->session, ready, r, e);
}

static void forget(struct cloud_request *r)
{
    azure_session_forget(azure_of(r)->session, r);
}

/* A token that has ended or was taken back: once more with another one. */
static bool refused(struct cloud_request *q, const struct http_result *a)
{
    struct azure_request *r = own(q);

    if (r->auth != AZURE_TOKEN || a->status != 401 || !r->sent_token)
        return false;
    log_line("the token is refused: another one is asked for");
    azure_session_refuse(azure_of(q)->session, r->sent_token);
    return true;
}

static enum pb_err check(struct cloud_request *r, struct error *e)
{
    if (own(r)->auth == AZURE_TOKEN && !azure_of(r)->session)
        return cloud_error(r, PB_EDENIED, "there are no credentials", e);
    return PB_OK;
}

static enum pb_err read_tags(struct http_headers *rows, const struct buf *body, struct error *e)
{
    return cloud_tags_rows(rows, body, "Tags", e);
}

static const struct cloud_detail parts_of_details[] = {
    {AZURE_TAGS, "comp", "tags", "Tags", NULL, false, read_tags},
    {0},
};

static enum pb_err hold(struct cloud_request *r, const struct store_identity *identity,
                        struct error *e)
{
    return cloud_header(r, "If-Match", identity->etag, e);
}

static const struct cloud_tagging tagging = {AZURE_TAGS, "comp", "tags", "Tags"};

const struct cloud_kind azure_kind = {
    .actions = azure_actions,
    .head = AZURE_HEAD,
    .get = AZURE_GET,
    .put = AZURE_PUT,
    .remove = AZURE_DELETE,
    .request_size = sizeof(struct azure_request),
    .init = init,
    .release = release,
    .check = check,
    .prepare = prepare,
    .again = again,
    .waits = waits,
    .wait = wait,
    .forget = forget,
    .refused = refused,
    .where = azure_where,
    .read_problem = azure_problem_read,
    .answers = azure_answers,
    .words = azure_words,
    .object_from = azure_object_from,
    .version = ask_version,
    .details = parts_of_details,
    .tagging = &tagging,
    .copies = &azure_copies,
    .hold = hold,
};
