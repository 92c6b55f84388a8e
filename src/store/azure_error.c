/* What an answer that is no success says, and in which words we pass it on. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/log.h>
#include <pklbrowse/text.h>
#include <pklbrowse/xml.h>

#include "azure.h"

/* ----------------------------------------------------------------------------- reading */

/* What does not fit is for people, and cut at a character; a name that does not fit is no name. */
static void keep_text(char *to, size_t size, const char *text, size_t n, bool name)
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

/* The service's messages end in its request id and time, a line each. */
static void on_end(void *ctx, const char *path, const char *text, size_t len)
{
    struct azure_problem *p = ctx;

    if (strcmp(path, "Error/Code") == 0)
        keep_text(p->code, sizeof p->code, text, len, true);
    else if (strcmp(path, "Error/Message") == 0)
        keep_text(p->message, sizeof p->message, text, strcspn(text, "\r\n"), false);
}

void azure_problem_read(struct azure_problem *p, const struct http_result *r)
{
    struct xml_handler handler = {.end = on_end, .ctx = p};
    const char *code = http_headers_get(&r->headers, "x-ms-error-code");
    const char *id = http_headers_get(&r->headers, "x-ms-request-id");
    struct xml *x = NULL;
    size_t bom = r->body.len >= 3 && memcmp(r->body.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

    *p = (struct azure_problem){0};
    /* A body that is no XML, or not all of it, just says less. */
    if (r->body.len > 0 && xml_new(&handler, &x, NULL) == PB_OK) {
        if (xml_feed(x, r->body.data + bom, r->body.len - bom, NULL) != PB_OK ||
            xml_finish(x, NULL) != PB_OK)
            log_line("the error's body is no complete XML document");
        xml_free(x);
    }
    if (code && *code)
        keep_text(p->code, sizeof p->code, code, strlen(code), true);
    if (id)
        keep_text(p->request_id, sizeof p->request_id, id, strlen(id), false);
}

bool azure_problem_is(const struct azure_problem *p, const char *code)
{
    return strcmp(p->code, code) == 0;
}

/* ------------------------------------------------------------------------------- words */

static const struct {
    const char *what, *role; /* role: whose holder may do it */
} actions[] = {
    [AZURE_LIST_CONTAINERS] = {"list the containers of", "Storage Blob Data Reader"},
    [AZURE_LIST] = {"list", "Storage Blob Data Reader"},
    [AZURE_LIST_VERSIONS] = {"list the versions in", "Storage Blob Data Reader"},
    [AZURE_HEAD] = {"look at", "Storage Blob Data Reader"},
    [AZURE_GET] = {"read", "Storage Blob Data Reader"},
    [AZURE_TAGS] = {"read the tags of", "Storage Blob Data Owner"},
    [AZURE_PUT] = {"save", "Storage Blob Data Contributor"},
    [AZURE_DELETE] = {"remove", "Storage Blob Data Contributor"},
    [AZURE_GET_BLOCKS] = {"save", "Storage Blob Data Contributor"},
    [AZURE_BLOCK] = {"save", "Storage Blob Data Contributor"},
    [AZURE_PUT_BLOCKS] = {"save", "Storage Blob Data Contributor"},
};

#define LEASED "somebody has leased it: it can be changed when the lease ends"
#define IMMUTABLE "it is kept from change by an immutability policy or a legal hold"

/* code NULL: by status alone. */
static const struct {
    const char *code;
    int status;
    enum pb_err err;
    const char *words;
} answers[] = {
    {"ContainerNotFound", 0, PB_ENOTFOUND, "there is no such container"},
    {"ContainerBeingDeleted", 0, PB_ENOTFOUND, "the container is being deleted"},
    {"ContainerDisabled", 0, PB_EDENIED, "the container is switched off"},
    {"BlobNotFound", 0, PB_ENOTFOUND, "there is no such object"},
    {"ResourceNotFound", 0, PB_ENOTFOUND, "there is no such container or object"},
    {"AccountIsDisabled", 0, PB_EDENIED, "the account is switched off"},
    {"AuthenticationFailed", 0, PB_EDENIED,
     "the key or signature is wrong, or has ended, or this machine's clock is wrong"},
    {"InvalidAuthenticationInfo", 0, PB_EDENIED,
     "the credentials are not valid there: sign in again"},
    {"NoAuthenticationInformation", 0, PB_EDENIED, "access denied without credentials"},
    {"PublicAccessNotPermitted", 0, PB_EDENIED, "access denied without credentials"},
    {"KeyBasedAuthenticationNotPermitted", 0, PB_EDENIED,
     "the account takes no keys: set AZURE_STORAGE_AUTH_MODE=login"},
    {"AuthorizationProtocolMismatch", 0, PB_EDENIED, "the signature is for https only"},
    {"AuthorizationSourceIPMismatch", 0, PB_EDENIED,
     "the signature is for other addresses than ours"},
    {"AuthorizationServiceMismatch", 0, PB_EDENIED, "the signature is not for blobs"},
    {"AuthorizationResourceTypeMismatch", 0, PB_EDENIED,
     "the signature is not for this kind of thing (one of a container cannot list containers)"},
    {"BlobArchived", 0, PB_EUNSUPPORTED,
     "it is archived and must be rehydrated before it can be read"},
    {"BlobBeingRehydrated", 0, PB_EUNSUPPORTED, "it is being rehydrated from the archive"},
    {"ConditionNotMet", 0, PB_ECHANGED, "it was changed by someone else"},
    {"TargetConditionNotMet", 0, PB_ECHANGED, "it was changed by someone else"},
    {"SourceConditionNotMet", 0, PB_ECHANGED, "it was changed by someone else"},
    {"BlobAlreadyExists", 0, PB_EEXIST, "there is an object of that name already"},
    {"UnauthorizedBlobOverwrite", 0, PB_EDENIED,
     "the credentials may make it, but not write over it"},
    {"LeaseIdMissing", 0, PB_EREADONLY, LEASED},
    {"LeaseIdMismatchWithBlobOperation", 0, PB_EREADONLY, LEASED},
    {"LeaseLost", 0, PB_EREADONLY, LEASED},
    {"BlobImmutableDueToPolicy", 0, PB_EREADONLY, IMMUTABLE},
    {"BlobImmutableDueToLegalHold", 0, PB_EREADONLY, IMMUTABLE},
    {"InvalidBlobType", 0, PB_EREADONLY, "it is a blob of another type (append or page)"},
    {"SnapshotsPresent", 0, PB_EDENIED,
     "it has snapshots, which would be lost: remove those first (ls --versions)"},
    {"OperationNotAllowedOnRootBlob", 0, PB_EUNSUPPORTED,
     "it is the version that the name stands for"},
    {"ServerBusy", 0, PB_ESERVER, "the server asks for fewer requests: try again later"},
    {"InvalidResourceName", 0, PB_EUSAGE, "that is no name of a container or blob"},
    {"OutOfRangeInput", 0, PB_EUSAGE, "that is no name of a container or blob"},
    {"RequestBodyTooLarge", 0, PB_ELIMIT, "it is larger than the server takes in one piece"},
    {"Md5Mismatch", 0, PB_ESERVER, "the bytes were damaged on the way"},
    {"Crc64Mismatch", 0, PB_ESERVER, "the bytes were damaged on the way"},
    {"InvalidMd5", 0, PB_ESERVER, "the server does not take the checksum"},
    {"APINotImplemented", 0, PB_EUNSUPPORTED, "the server does not do this"},
    {NULL, 400, PB_ESERVER, "the server does not accept the request"},
    {NULL, 401, PB_EDENIED, "access denied"},
    {NULL, 404, PB_ENOTFOUND, "there is no such object"},
    {NULL, 405, PB_EUNSUPPORTED, "the server does not do this"},
    {NULL, 409, PB_ESERVER, "something else is being done with it right now"},
    {NULL, 412, PB_ECHANGED, "it was changed by someone else"},
    {NULL, 416, PB_ECHANGED, "it is shorter than expected"},
    {NULL, 501, PB_EUNSUPPORTED, "the server does not do this"},
    {NULL, 503, PB_ESERVER, "the server is busy: try again later"},
};

static enum pb_err classify(const struct azure_problem *p, int status, const char **words)
{
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        if (answers[i].code ? !azure_problem_is(p, answers[i].code) : answers[i].status != status)
            continue;
        *words = answers[i].words;
        return answers[i].err;
    }
    *words = "the server answered with an error";
    return PB_ESERVER;
}

static void put_denied(struct buf *out, const struct azure_request *q)
{
    switch (q->auth) {
    case AZURE_ANONYMOUS:
        buf_puts(out, "access denied without credentials");
        break;
    case AZURE_TOKEN:
        buf_printf(out, "access denied (needs the role %s)", actions[q->action].role);
        break;
    case AZURE_SAS:
        buf_puts(out, "access denied: the signature does not permit it, has ended, or is not one "
                      "of this account");
        break;
    case AZURE_KEY:
        buf_puts(out, "access denied: the account's key is wrong, or the network may not reach it");
        break;
    }
    if (q->action == AZURE_LIST_CONTAINERS && q->auth != AZURE_KEY)
        buf_puts(out, "; open a container by its name");
}

static void put_where(struct buf *out, const struct azure_request *q)
{
    store_show(out, "az", q->where ? q->where : "", q->key, q->key_len);
}

static void put_detail(struct buf *out, const struct azure_problem *p, int status)
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
        buf_puts(out, "; request id ");
        text_escape(out, p->request_id, strlen(p->request_id));
    }
}

enum pb_err azure_error(const struct azure_request *q, enum pb_err code, const char *why,
                        struct error *e)
{
    struct buf where;

    buf_init(&where, BUF_MAX_LINE);
    put_where(&where, q);
    code = error_set(e, code, "cannot %s %s: %s", actions[q->speaks_of].what, where.data, why);
    buf_release(&where);
    return code;
}

static bool is_denied(const struct azure_problem *p, int status)
{
    return azure_problem_is(p, "AuthorizationFailure") ||
           azure_problem_is(p, "AuthorizationPermissionMismatch") ||
           azure_problem_is(p, "InsufficientAccountPermissions") || (!*p->code && status == 403);
}

enum pb_err azure_problem_error(const struct azure_problem *p, const struct azure_request *q,
                                const struct http_result *r, struct error *e)
{
    const char *words = NULL;
    struct buf why, detail;
    enum pb_err err;

    buf_init(&why, BUF_MAX_LINE);
    buf_init(&detail, BUF_MAX_LINE);
    err = classify(p, r->status, &words);
    if (is_denied(p, r->status)) {
        err = PB_EDENIED;
        put_denied(&why, q);
    } else if (!*p->code && r->status == 404 && !q->key) {
        buf_puts(&why, "there is no such container");
    } else if (azure_problem_is(p, "ResourceNotFound") && q->auth == AZURE_ANONYMOUS) {
        buf_puts(&why, "there is no such container or object, or it is not public");
    } else {
        buf_puts(&why, words);
        if (err == PB_ESERVER) {
            buf_printf(&why, " (HTTP %d%s", r->status, *p->code ? " " : "");
            text_escape(&why, p->code, strlen(p->code));
            buf_putc(&why, ')');
        }
    }
    put_detail(&detail, p, r->status);
    err = azure_error(q, err, why.data, e);
    if (e) {
        e->http_status = r->status;
        keep_text(e->server_code, sizeof e->server_code, p->code, strlen(p->code), true);
        keep_text(e->detail, sizeof e->detail, detail.data, detail.len, false);
    }
    buf_release(&why);
    buf_release(&detail);
    return err;
}

enum pb_err azure_answer_error(const struct azure_request *q, const struct http_result *r,
                               struct error *e)
{
    struct azure_problem p;

    azure_problem_read(&p, r);
    return azure_problem_error(&p, q, r, e);
}
