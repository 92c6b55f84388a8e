/*
 * What the files of auth share: the providers of credentials, and a walk along them.  Private.
 *
 *   aws_session.c        credentials as they stand now
 *   renewal.c            who waits for those of any cloud, when they are renewed
 *   aws_lookup.c         one walk along the table of providers, for one profile
 *   provider_*.c         a provider each: a row of the table
 *   aws_role_request.c   AssumeRole and its like: what is sent to STS, what comes back
 *   aws_role_cache.c     the aws command line's cache of assumed roles
 *   aws_sso_token.c      the cached token of a sign-on, and a new one for it
 *   aws_request.c        one HTTP request to STS, SSO or a metadata service
 *   aws_json.c           credentials written as JSON
 */
#ifndef AUTH_AWS_CHAIN_H
#define AUTH_AWS_CHAIN_H

#include <jansson.h>

#include <pklbrowse/aws.h>
#include <pklbrowse/mem.h>

#include "renewal.h"

/* An environment variable; NULL when it is not set or empty. */
const char *aws_environment(const char *name);
/* A key of a profile; NULL when absent or empty. */
const char *aws_setting(const struct aws_config *c, const char *profile, const char *key);
bool aws_is_true(const char *text);
/* ~/.aws/NAME; nothing without a home folder. */
void aws_home_file(struct buf *out, const char *name);
/* A whole file of at most max bytes. */
enum pb_err aws_read_file(const char *path, struct buf *out, struct error *e) PB_CHECK;
/* Written beside and renamed, 0600. */
enum pb_err aws_write_file(const char *path, const void *p, size_t n, struct error *e) PB_CHECK;
/* The address that is configured for a service ("s3", "sts", "sso", "sso_oidc"), and where; NULL:
 * Amazon's own. */
const char *aws_configured_endpoint(const struct aws_config *c, const char *profile,
                                    const char *service, const char **where,
                                    const char **where_name);
/* An address without the slashes at its end, once it is whole; what is wrong with it else. */
enum pb_err aws_endpoint_check(struct buf *url, struct error *e) PB_CHECK;
/* The domain that Amazon's hosts of a region are under. */
const char *aws_partition_domain(const char *region);
/* Frees a string after wiping it. */
void aws_wipe(char **secret);
void aws_wipe_buf(struct buf *b);

/* ------------------------------------------------------------------------- aws_session.c */

struct aws_session {
    struct loop *loop;
    struct http *http;                 /* STS and SSO */
    struct http *metadata, *container; /* at first use: no proxy, short limits */
    const struct aws_config *config;
    struct aws_config *reread; /* the files as they were later; config then points to it */
    char *profile, *region;
    bool profile_named, region_named, fips;
    bool fixed; /* the credentials: there are no others */

    struct aws_credentials now;
    struct auth_renewal renewal;     /* its skew: STS's clock less ours */
    struct aws_lookup *lookup;       /* running */
    uint64_t metadata_dead_until_us; /* nobody answers there: not asked again before */

    aws_ask_fn ask; /* NULL: nobody can be asked */
    void *ask_ctx;
    struct aws_lookup *asking;
    void (*answered)(struct aws_lookup *k, const char *answer);

    aws_outside_fn offer; /* NULL: there is no terminal to offer it at */
    void *offer_ctx;
    struct aws_lookup *offered;
};

/* Asks the person; answered() comes when she has answered, NULL: she does not want to. */
enum pb_err aws_session_question(struct aws_session *s, struct aws_lookup *k, const char *question,
                                 void (*answered)(struct aws_lookup *k, const char *answer),
                                 struct error *e) PB_CHECK;
/* Nobody waits for the answer any more. */
void aws_session_question_close(struct aws_session *s, const struct aws_lookup *k);

/* -------------------------------------------------------------------------- aws_lookup.c */

enum aws_verdict {
    AWS_NOT_MINE, /* it has none: ask the next */
    AWS_FOUND,    /* lookup->found */
    AWS_FAILED,   /* it is the one, and cannot */
    AWS_LATER     /* aws_lookup_end() comes */
};

struct aws_provider {
    const char *name;   /* as the aws command line calls it */
    const char *source; /* as a credential_source, or NULL */
    bool of_profile;    /* also asked for the profile that another one's role comes from */
    bool guess;         /* may be there without being configured */
    bool (*configured)(const struct aws_lookup *k);
    enum aws_verdict (*ask)(struct aws_lookup *k, struct error *e);
    void (*stop)(struct aws_lookup *k); /* frees k->state; NULL: it never has any */
    /* What the command wrote that was run outside; NULL: it is asked again instead. */
    enum pb_err (*captured)(struct aws_lookup *k, const struct buf *out, struct error *e);
};

extern const struct aws_provider aws_by_environment, aws_by_role, aws_by_web_identity, aws_by_sso,
    aws_by_credentials_file, aws_by_login, aws_by_process, aws_by_config_file, aws_by_container,
    aws_by_metadata;

struct aws_words { /* a command; NULL at its end */
    char **data;
    size_t len, cap;
};
void aws_words_release(struct aws_words *w);
enum pb_err aws_words_add(struct aws_words *w, const char *word,
                          struct error *e); /* NULL: ends it */

struct aws_lookup {
    struct aws_session *session;
    const struct aws_config *config;
    const char *profile; /* of the configuration or the session: outlives the walk */
    bool use_environment;
    const struct aws_lookup *parent;  /* whose role needs these, or NULL */
    const struct aws_provider *only;  /* credential_source, or NULL */
    const struct aws_provider *asked; /* whose turn it is */
    size_t at;
    void *state;                  /* of the provider that answers later */
    struct aws_credentials found; /* access_key NULL: none */
    struct {                      /* the command that may help, once in a walk */
        struct aws_words words;
        struct buf shown;
        bool asked;
        struct error why; /* what it is when it does not */
    } outside;
    /* Once, at the end, then the lookup is the receiver's to free. */
    void (*done)(void *ctx, struct aws_lookup *k, const struct error *e);
    void *ctx;
};

struct aws_lookup *aws_lookup_new(struct aws_session *s, const char *profile);
void aws_lookup_start(struct aws_lookup *k); /* done() may come at once */
void aws_lookup_free(struct aws_lookup *k);  /* also while it runs; NULL is fine */
/* The verdict of a provider that said AWS_LATER. */
void aws_lookup_end(struct aws_lookup *k, enum aws_verdict verdict, const struct error *e);
const struct aws_provider *aws_provider_of_source(const char *name);
/* Is any provider but the guesses configured? */
const char *aws_lookup_source(const struct aws_lookup *k);
const char *aws_lookup_setting(const struct aws_lookup *k, const char *key);

/* Before it fails: this command may help, at a terminal.  Copies; the words end with NULL. */
enum pb_err aws_lookup_outside(struct aws_lookup *k, const struct aws_words *words,
                               const char *shown, struct error *e) PB_CHECK;
/* Copies; token may be NULL.  origin: FMT, for people; what is not ours in it must be escaped. */
enum pb_err aws_lookup_take(struct aws_lookup *k, const char *access, const char *secret,
                            const char *token, int64_t expires, struct error *e, const char *fmt,
                            ...) PB_PRINTF(7, 8) PB_CHECK;
/* "profile x: FMT", the name escaped. */
enum pb_err aws_lookup_error(const struct aws_lookup *k, struct error *e, enum pb_err code,
                             const char *fmt, ...) PB_PRINTF(4, 5);

/* ------------------------------------------------------------------------- aws_request.c */

struct aws_request {
    struct http *http;
    const char *method; /* a literal */
    enum http_retry retry;
    char *url;
    struct http_headers headers;
    char *body; /* NULL: none */
    size_t body_len;
    const struct aws_credentials *credentials; /* signs with them; NULL: not signed */
    const char *service, *region;              /* of the signature */
    int64_t *skew;                             /* of the server's clock; NULL: not corrected */
    /* Once; e is NULL when there was an answer of any status. */
    void (*done)(void *ctx, const struct http_result *r, const struct error *e);
    void *ctx;

    struct source *source;
    struct http_call *call;
    bool skewed;
};
void aws_request_init(struct aws_request *r, struct http *h, const char *method);
enum pb_err aws_request_header(struct aws_request *r, const char *name, const char *value,
                               struct error *e) PB_CHECK;
enum pb_err aws_request_url(struct aws_request *r, struct error *e, const char *fmt, ...)
    PB_PRINTF(3, 4) PB_CHECK;
/* Takes the buffer's bytes. */
enum pb_err aws_request_body(struct aws_request *r, struct buf *body, const char *type,
                             struct error *e) PB_CHECK;
enum pb_err aws_request_send(struct aws_request *r, struct error *e) PB_CHECK;
void aws_request_release(struct aws_request *r); /* cancels it; wipes what was sent */

/* ---------------------------------------------------------------------------- aws_json.c */

/* What a body or a process printed; NULL: no JSON object.  json_decref() it. */
json_t *aws_json_object(const char *text, size_t n);
/* NULL: absent, null, empty or no string. */
const char *aws_json_text(const json_t *o, const char *key);
/* A moment in ISO 8601. */
bool aws_json_time(const json_t *o, const char *key, int64_t *out);
/* The names of the four members differ: "Token" or "SessionToken".  what: who wrote it, for the
 * message.  PB_ESERVER when it is not as it should be. */
enum pb_err aws_json_take(struct aws_lookup *k, const json_t *o, const char *token_name,
                          bool must_expire, const char *what, struct error *e,
                          const char *origin) PB_CHECK;

/* -------------------------------------------------------------------- aws_role_request.c */

/* One call of STS that gives credentials. */
struct aws_sts_answer {
    char *access_key, *secret_key, *session_token;
    char *account, *arn, *user_id;
    int64_t expires;
};
void aws_sts_answer_release(struct aws_sts_answer *a);
/* Reads an answer of 2xx, or fills e with what the server says instead. */
enum pb_err aws_sts_read(struct aws_sts_answer *a, const struct http_result *r, const char *what,
                         struct error *e) PB_CHECK;
/* The same of a role's answer, or of why there is none: it holds credentials. */
enum pb_err aws_role_read(struct aws_sts_answer *a, const struct http_result *r,
                          const struct error *failed, const char *what, struct error *e) PB_CHECK;
/* The request with everything but the parameters beyond Action and Version; p is emptied. */
enum pb_err aws_sts_request(struct aws_request *r, struct aws_session *s, const char *action,
                            struct aws_query *p, struct error *e) PB_CHECK;

/* ---------------------------------------------------------------------- aws_role_cache.c */

/* What an assumed role is kept under, by its arguments as the aws command line does it. */
struct aws_role_key {
    const char *role_arn, *session_name, *serial, *external_id;
    int64_t duration; /* 0: not given */
};
/* PB_ENOTFOUND: none, or about to expire. */
enum pb_err aws_role_cache_read(const struct aws_role_key *key, struct aws_sts_answer *out,
                                struct error *e) PB_CHECK;
/* Failing is no harm: it is logged. */
void aws_role_cache_write(const struct aws_role_key *key, const struct aws_sts_answer *a);

/* ----------------------------------------------------------------------- aws_sso_token.c */

struct aws_sso {
    const char *session, *start_url, *region, *role, *account; /* session NULL: the older form */
};
struct aws_sso_token;
/* done: token NULL when e says why.  Sign in again: PB_EDENIED with the command to run. */
typedef void (*aws_sso_token_fn)(void *ctx, const char *token, const struct error *e);
enum pb_err aws_sso_token_get(struct aws_lookup *k, const struct aws_sso *sso,
                              aws_sso_token_fn done, void *ctx, struct aws_sso_token **out,
                              struct error *e) PB_CHECK;
void aws_sso_token_free(struct aws_sso_token *t); /* NULL is fine */
/* "the sign-on has expired: run `aws sso login --profile x`" */
enum pb_err aws_sso_login_error(struct aws_lookup *k, const char *why, struct error *e);
/* https://NAME.REGION.amazonaws.com, or what is configured for the service. */
enum pb_err aws_sso_endpoint(struct buf *out, const struct aws_lookup *k, const char *service,
                             const char *host, const char *region, struct error *e) PB_CHECK;

#endif
