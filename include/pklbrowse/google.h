/* floor 3: auth */
/*
 * Who am I on Google Cloud Storage: application default credentials, and the access tokens that
 * they give.
 *
 * What the environment and the files say is read by google_setup_resolve(), which asks nobody.
 * Tokens are got beside the loop, when somebody waits for one, and again before they end.  Nothing
 * secret is in an error or a log.  Knows no bucket and no object.
 */
#ifndef PKLBROWSE_GOOGLE_H
#define PKLBROWSE_GOOGLE_H

#include <pklbrowse/buf.h>
#include <pklbrowse/http.h>

#define GOOGLE_STORAGE "https://storage.googleapis.com"

enum google_kind {
    GOOGLE_ANONYMOUS,
    GOOGLE_TOKEN,           /* given as it is: how long it lives is not known */
    GOOGLE_SERVICE_ACCOUNT, /* a key: an assertion signed with it is exchanged for a token */
    GOOGLE_USER,            /* a refresh token */
    GOOGLE_IMPERSONATED,    /* the token of another account, asked for with that of a source */
    GOOGLE_MACHINE,         /* the metadata server, if there is one; else anonymous */
    GOOGLE_HMAC             /* a key for the S3 API of the same service: no token at all */
};

/* What a credentials file says. */
struct google_key {
    enum google_kind kind;
    char *account; /* its e-mail, or NULL */
    char *token_uri;
    char *private_key, *key_id;                      /* service account */
    char *client_id, *client_secret, *refresh_token; /* user */
    char *impersonate;                               /* the address to ask */
    char *delegates;                                 /* JSON, or NULL */
    char *project, *quota_project;
    struct google_key *source; /* of an impersonated one */
};
/* name: for errors, fit to be shown.  PB_EUNSUPPORTED: a kind we do not know, and what to do. */
enum pb_err google_key_parse(const char *text, size_t n, const char *name, struct google_key **out,
                             struct error *e) PB_CHECK;
void google_key_free(struct google_key *k); /* wipes the secrets; NULL is fine */

struct google_options { /* from the command line; NULL: not given */
    const char *project;
    bool anonymous, user_pays;
};
struct google_setup {
    enum google_kind kind;
    char *origin;                     /* "service account a@b (GOOGLE_APPLICATION_CREDENTIALS)" */
    char *project, *project_origin;   /* NULL: not known (yet) */
    char *endpoint, *endpoint_origin; /* no '/' at its end; origin NULL: Google's own */
    char *user_project;               /* who pays for requests, or NULL: the bucket's owner */
    char *token;                      /* of GOOGLE_TOKEN */
    struct google_key *key;
    char *hmac_key, *hmac_secret;
    bool named;           /* somebody said something about Google */
    bool at_google;       /* this machine is one of Google's, as far as it can be told unasked */
    struct error problem; /* why the credentials that were named cannot be used */
};
/* What is wrong with credentials goes into out->problem; an error is want of memory. */
enum pb_err google_setup_resolve(struct google_setup *out, const struct google_options *o,
                                 struct error *e) PB_CHECK;
void google_setup_release(struct google_setup *s);
/* "access token", "service account", ... */
const char *google_kind_name(enum google_kind kind);

/* RFC 7523: what is exchanged for a token.  pem: an RSA key without a passphrase. */
struct google_claims {
    const char *issuer, *scope, *audience;
    const char *key_id; /* or NULL */
    int64_t now;
};
enum pb_err google_jwt(struct buf *out, const struct google_claims *claims, const char *pem,
                       struct error *e) PB_CHECK;

/* The loop, the client and the setup outlive the session; waiting ends with it without a call. */
struct google_session;
enum pb_err google_session_new(struct loop *l, struct http *h, const struct google_setup *setup,
                               struct google_session **out, struct error *e) PB_CHECK;
void google_session_free(struct google_session *s); /* NULL is fine */
/* A token can be used, or it is known that there is none; a renewal that is due is begun. */
bool google_session_ready(struct google_session *s);
/* NULL: requests are anonymous.  Valid until the next turn of the loop. */
const char *google_session_token(const struct google_session *s);
/* ready() comes once, in a later turn. */
typedef void (*google_ready_fn)(void *ctx, const struct error *e);
enum pb_err google_session_wait(struct google_session *s, google_ready_fn ready, void *ctx,
                                struct error *e) PB_CHECK;
void google_session_forget(struct google_session *s, void *ctx); /* no longer waits */
/* A server does not take this token (any more): another one is asked for, where that is possible
 * (false: it is not). */
bool google_session_refuse(struct google_session *s, const char *token);
/* For people; by now the metadata server may have said something.  May be NULL. */
const char *google_session_project(const struct google_session *s);
const char *google_session_account(const struct google_session *s);
int64_t google_session_expires(const struct google_session *s); /* 0: not known */

#endif
