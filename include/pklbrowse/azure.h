/* floor 3: auth */
/*
 * Who am I on Azure Blob Storage: what environment, ~/.azure/config and connection strings say,
 * addresses of the service, Shared Key signatures, tokens of Microsoft Entra.
 *
 * The signer's stages are exposed so that each can be held against known vectors.  Knows no listing
 * and no blob.
 */
#ifndef PKLBROWSE_AZURE_H
#define PKLBROWSE_AZURE_H

#include <pklbrowse/aws.h> /* struct aws_query */
#include <pklbrowse/buf.h>
#include <pklbrowse/http.h>

#define AZURE_VERSION "2021-12-02" /* of the service's REST interface: x-ms-version */

/* ------------------------------------------------------------------------------- set up */

/* A connection string, taken apart; what it does not say is NULL. */
struct azure_connection {
    char *account, *key, *sas, *endpoint, *suffix;
    bool http; /* DefaultEndpointsProtocol=http */
};
/* PB_EUSAGE: it makes no sense; the message holds no secret. */
enum pb_err azure_connection_parse(struct azure_connection *out, const char *text,
                                   struct error *e) PB_CHECK;
void azure_connection_release(struct azure_connection *c); /* wipes the secrets */

enum azure_auth {
    AZURE_ANONYMOUS,
    AZURE_KEY,  /* Shared Key: every request is signed */
    AZURE_SAS,  /* a signature that somebody made for us, part of every address, as it was given */
    AZURE_TOKEN /* of a session */
};

/* What a typed https:// address said about an account. */
struct azure_place {
    char *account, *container; /* container NULL: about all of them */
    char *endpoint;            /* https://ACCOUNT.blob...; never NULL */
    char *sas;                 /* or NULL */
};
struct azure_setup {
    char *account, *account_origin; /* NULL: none is named */
    char *endpoint;  /* of the account's blob service, "http://127.0.0.1:10000/acct"; NULL: made of
                        account and suffix */
    char *suffix;    /* "core.windows.net" */
    char *authority; /* "https://login.microsoftonline.com" */
    bool http;
    enum azure_auth auth;
    char *key, *sas; /* key: base64 */
    char *origin;    /* of the credentials: for people, no secret */
    struct {
        struct azure_place *data;
        size_t len, cap;
    } places;
};
/* From the environment (AZURE_STORAGE_*, AZURE_CLOUD_NAME) and ~/.azure/config (AZURE_CONFIG_DIR),
 * as the az command line reads them.  anonymous: credentials do not count.  PB_EUSAGE: a setting
 * makes no sense.  out is empty when it fails. */
enum pb_err azure_setup_resolve(struct azure_setup *out, bool anonymous, struct error *e) PB_CHECK;
enum pb_err azure_setup_copy(struct azure_setup *to, const struct azure_setup *from,
                             struct error *e) PB_CHECK;
void azure_setup_release(struct azure_setup *s);
/* Has anybody named an account or given credentials?  Asks nobody. */
bool azure_setup_likely(const struct azure_setup *s);
/* Takes host and signature (if it has one) of an address of a blob service that was typed. */
enum pb_err azure_setup_learn(struct azure_setup *s, const char *url, struct error *e) PB_CHECK;

/* Which credentials go with a container (NULL: the account itself): *sas is set for AZURE_SAS.
 * PB_EDENIED: those that there are belong to another account. */
enum pb_err azure_setup_auth(const struct azure_setup *s, const char *account,
                             const char *container, enum azure_auth *auth, const char **sas,
                             struct error *e) PB_CHECK;

/* "account/container" of a location, or "account" alone.  false: the account is no name of one. */
struct azure_spot {
    char account[64];
    const char *container; /* in what was split; NULL: none */
};
bool azure_spot_split(struct azure_spot *out, const char *where);

struct azure_url {
    struct buf url;  /* as sent, without a query */
    struct buf path; /* its path, as signed */
};
void azure_url_init(struct azure_url *u);
void azure_url_release(struct azure_url *u);
/* container NULL: the account; key NULL: the container. */
enum pb_err azure_url_make(struct azure_url *out, const struct azure_setup *s, const char *account,
                           const char *container, const char *key, size_t key_len,
                           struct error *e) PB_CHECK;

/* -------------------------------------------------------------------------- Shared Key */

struct azure_signing {
    const char *account, *key; /* key: base64 */
    const char *method;
    const char *path;                   /* as sent: account twice when it is part of the path */
    const struct aws_query *query;      /* encoded; decoded for signing */
    const struct http_headers *headers; /* everything to be sent but Content-Length */
    uint64_t content_length;
};
enum pb_err azure_string_to_sign(const struct azure_signing *s, struct buf *out,
                                 struct error *e) PB_CHECK;
/* The Authorization header's value.  PB_EUSAGE: the key is no base64. */
enum pb_err azure_authorization(const struct azure_signing *s, struct buf *out,
                                struct error *e) PB_CHECK;
/* The query of a signature that lets whoever has it read one blob until `end`. */
enum pb_err azure_read_sas(const char *account, const char *key_base64, const char *container,
                           const char *key, size_t key_len, int64_t end, struct buf *out,
                           struct error *e) PB_CHECK;

/* ------------------------------------------------------------------------------ tokens */

struct azure_token {
    char *text;           /* secret */
    char *origin;         /* "client secret of AZURE_CLIENT_ID 0000...": for people */
    const char *provider; /* "environment", "workload-identity", "managed-identity", "az" */
    int64_t expires;      /* 0: not said */
};
/*
 * The token as it stands now.  Its sources are asked in the order of the SDKs, but the metadata
 * service of a virtual machine, which may be nowhere, last; beside the loop, when somebody waits
 * for a token, again before it ends, and when a server refused it.
 *
 * The loop and the client outlive the session.
 */
struct azure_session;
enum pb_err azure_session_new(struct loop *l, struct http *h, const char *authority,
                              struct azure_session **out, struct error *e) PB_CHECK;
void azure_session_free(struct azure_session *s);                             /* NULL is fine */
const struct azure_token *azure_session_token(const struct azure_session *s); /* or NULL */
bool azure_session_ready(struct azure_session *s);
typedef void (*azure_ready_fn)(void *ctx, const struct error *e);
/* ready() comes once, in a later turn.  PB_EDENIED: nobody gives one. */
enum pb_err azure_session_wait(struct azure_session *s, azure_ready_fn ready, void *ctx,
                               struct error *e) PB_CHECK;
void azure_session_forget(struct azure_session *s, void *ctx); /* no longer waits */
/* A server refused this token: unless there is another one already, it is asked for anew. */
void azure_session_refuse(struct azure_session *s, const char *token);

/* Whom a token belongs to, as it says itself: "" where it does not say. */
struct azure_identity {
    char name[256], object[64], tenant[64], client[64];
};
void azure_token_identity(const char *token, struct azure_identity *out);

#endif
