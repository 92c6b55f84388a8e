/* What an answer that is no success says, and in which words we pass it on. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/log.h>
#include <pklbrowse/text.h>
#include <pklbrowse/xml.h>

#include "azure.h"

/* ----------------------------------------------------------------------------- reading */

/* The service's messages end in its request id and time, a line each. */
static void on_end(void *ctx, const char *path, const char *text, size_t len)
{
    struct cloud_problem *p = ctx;

    if (strcmp(path, "Error/Code") == 0)
        cloud_keep_text(p->code, sizeof p->code, text, len, true);
    else if (strcmp(path, "Error/Message") == 0)
        cloud_keep_text(p->message, sizeof p->message, text, strcspn(text, "\r\n"), false);
}

void azure_problem_read(struct cloud_problem *p, const struct http_result *r)
{
    const char *code = http_headers_get(&r->headers, "x-ms-error-code");
    const char *id = http_headers_get(&r->headers, "x-ms-request-id");

    *p = (struct cloud_problem){0};
    cloud_read_error_xml(&r->body, on_end, p);
    if (code && *code)
        cloud_keep_text(p->code, sizeof p->code, code, strlen(code), true);
    if (id)
        cloud_keep_text(p->request_id, sizeof p->request_id, id, strlen(id), false);
}

/* ------------------------------------------------------------------------------- words */

#define LEASED N_("somebody has leased it: it can be changed when the lease ends")
#define IMMUTABLE N_("it is kept from change by an immutability policy or a legal hold")

const struct cloud_answer azure_answers[] = {
    {"ContainerNotFound", 0, PB_ENOTFOUND, N_("there is no such container")},
    {"ContainerBeingDeleted", 0, PB_ENOTFOUND, N_("the container is being deleted")},
    {"ContainerDisabled", 0, PB_EDENIED, N_("the container is switched off")},
    {"BlobNotFound", 0, PB_ENOTFOUND, N_("there is no such object")},
    {"ResourceNotFound", 0, PB_ENOTFOUND, N_("there is no such container or object")},
    {"AccountIsDisabled", 0, PB_EDENIED, N_("the account is switched off")},
    {"AuthenticationFailed", 0, PB_EDENIED,
     N_("the key or signature is wrong, or has ended, or this machine's clock is wrong")},
    {"InvalidAuthenticationInfo", 0, PB_EDENIED,
     N_("the credentials are not valid there: sign in again")},
    {"NoAuthenticationInformation", 0, PB_EDENIED, N_("access denied without credentials")},
    {"PublicAccessNotPermitted", 0, PB_EDENIED, N_("access denied without credentials")},
    {"KeyBasedAuthenticationNotPermitted", 0, PB_EDENIED,
     N_("the account takes no keys: set AZURE_STORAGE_AUTH_MODE=login")},
    {"AuthorizationProtocolMismatch", 0, PB_EDENIED, N_("the signature is for https only")},
    {"AuthorizationSourceIPMismatch", 0, PB_EDENIED,
     N_("the signature is for other addresses than ours")},
    {"AuthorizationServiceMismatch", 0, PB_EDENIED, N_("the signature is not for blobs")},
    {"AuthorizationResourceTypeMismatch", 0, PB_EDENIED,
     N_("the signature is not for this kind of thing (one of a container cannot list containers)")},
    {"BlobArchived", 0, PB_EUNSUPPORTED,
     N_("it is archived and must be rehydrated before it can be read")},
    {"BlobBeingRehydrated", 0, PB_EUNSUPPORTED, N_("it is being rehydrated from the archive")},
    {"ConditionNotMet", 0, PB_ECHANGED, N_("it was changed by someone else")},
    {"TargetConditionNotMet", 0, PB_ECHANGED, N_("it was changed by someone else")},
    {"SourceConditionNotMet", 0, PB_ECHANGED, N_("it was changed by someone else")},
    {"BlobAlreadyExists", 0, PB_EEXIST, N_("there is an object of that name already")},
    {"UnauthorizedBlobOverwrite", 0, PB_EDENIED,
     N_("the credentials may make it, but not write over it")},
    {"LeaseIdMissing", 0, PB_EREADONLY, LEASED},
    {"LeaseIdMismatchWithBlobOperation", 0, PB_EREADONLY, LEASED},
    {"LeaseLost", 0, PB_EREADONLY, LEASED},
    {"BlobImmutableDueToPolicy", 0, PB_EREADONLY, IMMUTABLE},
    {"BlobImmutableDueToLegalHold", 0, PB_EREADONLY, IMMUTABLE},
    {"InvalidBlobType", 0, PB_EREADONLY, N_("it is a blob of another type (append or page)")},
    {"SnapshotsPresent", 0, PB_EDENIED,
     N_("it has snapshots, which would be lost: remove those first (ls --versions)")},
    {"OperationNotAllowedOnRootBlob", 0, PB_EUNSUPPORTED,
     N_("it is the version that the name stands for")},
    {"ServerBusy", 0, PB_ESERVER, N_("the server asks for fewer requests: try again later")},
    {"InvalidResourceName", 0, PB_EUSAGE, N_("that is no name of a container or blob")},
    {"OutOfRangeInput", 0, PB_EUSAGE, N_("that is no name of a container or blob")},
    {"RequestBodyTooLarge", 0, PB_ELIMIT, N_("it is larger than the server takes in one piece")},
    {"Md5Mismatch", 0, PB_ESERVER, N_("the bytes were damaged on the way")},
    {"Crc64Mismatch", 0, PB_ESERVER, N_("the bytes were damaged on the way")},
    {"InvalidMd5", 0, PB_ESERVER, N_("the server does not take the checksum")},
    {"APINotImplemented", 0, PB_EUNSUPPORTED, N_("the server does not do this")},
    {NULL, 0, PB_OK, NULL},
};

static void put_denied(struct buf *out, const struct azure_request *q)
{
    switch (q->auth) {
    case AZURE_ANONYMOUS:
        buf_puts(out, _("access denied without credentials"));
        break;
    case AZURE_TOKEN:
        buf_printf(out, _("access denied (needs the role %s)"), azure_actions[q->q.action].needs);
        break;
    case AZURE_SAS:
        buf_puts(out, _("access denied: the signature does not permit it, has ended, or is not one "
                        "of this account"));
        break;
    case AZURE_KEY:
        buf_puts(out,
                 _("access denied: the account's key is wrong, or the network may not reach it"));
        break;
    }
    if (q->q.action == AZURE_LIST_CONTAINERS && q->auth != AZURE_KEY)
        buf_puts(out, _("; open a container by its name"));
}

void azure_where(const struct cloud_request *q, struct buf *out)
{
    store_show(out, "az", q->container ? q->container : "", q->key, q->key_len);
}

static bool is_denied(const struct cloud_problem *p, int status)
{
    return cloud_problem_is(p, "AuthorizationFailure") ||
           cloud_problem_is(p, "AuthorizationPermissionMismatch") ||
           cloud_problem_is(p, "InsufficientAccountPermissions") || (!*p->code && status == 403);
}

bool azure_words(const struct cloud_request *q, struct cloud_problem *p, int status,
                 struct buf *why, enum pb_err *err)
{
    const struct azure_request *r = (const struct azure_request *)q;

    if (is_denied(p, status)) {
        *err = PB_EDENIED;
        put_denied(why, r);
    } else if (!*p->code && status == 404 && !q->key) {
        buf_puts(why, _("there is no such container"));
    } else if (cloud_problem_is(p, "ResourceNotFound") && r->auth == AZURE_ANONYMOUS) {
        buf_puts(why, _("there is no such container or object, or it is not public"));
    } else {
        return false;
    }
    return true;
}
