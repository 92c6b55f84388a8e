/* What is sent to STS, and what it answers. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>
#include <pklbrowse/xml.h>

#include "aws_chain.h"

#define BODY_MAX ((size_t)128 * 1024) /* a web identity's token may have 20 kB */

void aws_sts_answer_release(struct aws_sts_answer *a)
{
    aws_wipe(&a->access_key);
    aws_wipe(&a->secret_key);
    aws_wipe(&a->session_token);
    free(a->account);
    free(a->arn);
    free(a->user_id);
    *a = (struct aws_sts_answer){0};
}

struct reader {
    struct aws_sts_answer *answer;
    char code[64], message[256];
    bool nomem;
};

static bool ends_in(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);

    return n >= m && strcmp(path + n - m, end) == 0;
}

static void on_end(void *ctx, const char *path, const char *text, size_t len)
{
    struct reader *r = ctx;
    struct aws_sts_answer *a = r->answer;
    const struct {
        const char *end;
        char **to;
    } members[] = {{"/Credentials/AccessKeyId", &a->access_key},
                   {"/Credentials/SecretAccessKey", &a->secret_key},
                   {"/Credentials/SessionToken", &a->session_token},
                   {"/GetCallerIdentityResult/Account", &a->account},
                   {"/GetCallerIdentityResult/Arn", &a->arn},
                   {"/GetCallerIdentityResult/UserId", &a->user_id}};
    size_t i;

    for (i = 0; i < sizeof members / sizeof *members; i++) {
        if (!ends_in(path, members[i].end))
            continue;
        aws_wipe(members[i].to);
        *members[i].to = mem_strndup(text, len);
        r->nomem |= !*members[i].to;
    }
    if (ends_in(path, "/Credentials/Expiration") && !clock_parse_iso(text, len, &a->expires))
        a->expires = 0;
    else if (ends_in(path, "Error/Code") && len < sizeof r->code)
        memcpy(r->code, text, len + 1);
    else if (ends_in(path, "Error/Message") && !*r->message)
        (void)snprintf(r->message, sizeof r->message, "%.*s", (int)strcspn(text, "\r\n"), text);
}

/* In whose words: ours for what everybody meets, else the server's first line.  (What follows may
 * be all that was signed, the token among it.) */
static enum pb_err refused(const struct reader *r, int status, const char *what, struct error *e)
{
    static const struct {
        const char *code, *words;
    } known[] = {
        {"InvalidClientTokenId", N_("the access key is not known there")},
        {"SignatureDoesNotMatch", N_("the secret key is wrong, or this machine's clock is")},
        {"ExpiredToken", N_("the session has expired")},
        {"ExpiredTokenException", N_("the token has expired")},
        {"RequestExpired", N_("this machine's clock is wrong")},
        {"IDPCommunicationError", N_("STS does not reach the identity provider")},
    };
    enum pb_err code = status / 100 == 4 ? PB_EDENIED : PB_ESERVER;
    const char *words = NULL;
    struct buf shown;
    size_t i;

    for (i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(r->code, known[i].code) == 0)
            words = known[i].words;
    buf_init(&shown, BUF_MAX_LINE);
    if (words)
        buf_puts(&shown, _(words));
    else if (*r->message)
        text_escape_cols(&shown, r->message, strlen(r->message), 200);
    else
        buf_printf(&shown, _("the server answered %d"), status);
    if (*r->code) {
        buf_puts(&shown, " (");
        text_escape(&shown, r->code, strlen(r->code));
        buf_putc(&shown, ')');
    }
    (void)error_set(e, code, "%s: %s", what, shown.data);
    buf_release(&shown);
    if (e) {
        e->http_status = status;
        (void)snprintf(e->server_code, sizeof e->server_code, "%s", r->code);
    }
    return code;
}

enum pb_err aws_sts_read(struct aws_sts_answer *a, const struct http_result *r, const char *what,
                         struct error *e)
{
    struct reader reader = {.answer = a};
    struct xml_handler handler = {.end = on_end, .ctx = &reader};
    struct xml *x = NULL;
    enum pb_err err;

    *a = (struct aws_sts_answer){0};
    err = xml_new(&handler, &x, e);
    if (err != PB_OK)
        return err;
    err = xml_feed(x, r->body.data, r->body.len, e);
    if (err == PB_OK)
        err = xml_finish(x, e);
    xml_free(x);
    if (reader.nomem)
        err = error_nomem(e);
    else if (r->status / 100 != 2)
        err = refused(&reader, r->status, what, e);
    else if (err != PB_OK)
        err = error_set(e, PB_ESERVER, "%s: the answer is no XML document", what);
    if (err != PB_OK)
        aws_sts_answer_release(a);
    return err;
}

static enum pb_err endpoint(struct buf *out, const struct aws_session *s, const char **region,
                            struct error *e)
{
    const char *where, *name;
    const char *url = aws_configured_endpoint(s->config, s->profile, "sts", &where, &name);

    *region = aws_signing_region(s->region);
    if (url)
        buf_puts(out, url);
    else if (s->fips)
        buf_printf(out, "https://sts-fips.%s.%s", *region, aws_partition_domain(*region));
    else if (!s->region_named || strcmp(s->region, "aws-global") == 0)
        buf_puts(out, "https://sts.amazonaws.com");
    else
        buf_printf(out, "https://sts.%s.%s", *region, aws_partition_domain(*region));
    return aws_endpoint_check(out, e);
}

enum pb_err aws_role_read(struct aws_sts_answer *a, const struct http_result *r,
                          const struct error *failed, const char *what, struct error *e)
{
    enum pb_err err;

    if (failed)
        return error_set(e, failed->code, "%s: %s", what, failed->msg);
    err = aws_sts_read(a, r, what, e);
    if (err == PB_OK && (!a->access_key || !a->secret_key || !a->session_token))
        err = error_set(e, PB_ESERVER, "%s: the answer holds no credentials", what);
    return err;
}

enum pb_err aws_sts_request(struct aws_request *r, struct aws_session *s, const char *action,
                            struct aws_query *p, struct error *e)
{
    const char *region;
    struct buf base, body;
    enum pb_err err;

    buf_init(&base, BUF_MAX_LINE);
    buf_init(&body, BODY_MAX);
    aws_request_init(r, s->http, "POST");
    r->service = "sts";
    r->skew = &s->renewal.skew;
    err = endpoint(&base, s, &region, e);
    if (err == PB_OK) {
        r->region = region;
        err = aws_request_url(r, e, "%s/", base.data);
    }
    if (err == PB_OK)
        err = aws_query_add(p, "Action", action, strlen(action), e);
    if (err == PB_OK)
        err = aws_query_add(p, "Version", "2011-06-15", 10, e);
    if (err == PB_OK)
        err = aws_query_format(p, &body, e);
    if (err == PB_OK)
        err = aws_request_body(r, &body, "application/x-www-form-urlencoded; charset=utf-8", e);
    aws_query_release(p);
    aws_wipe_buf(&body);
    buf_release(&base);
    return err;
}
