/* floor 3: auth */
/*
 * Who am I on Amazon S3 and everything that speaks its API: configuration, credentials, signatures.
 *
 * The signer's stages are exposed so that each can be held against public vectors.  S3's rules: the
 * path is not normalised and is encoded once; a header value is trimmed and inner runs of blanks
 * collapse.  Knows no listing and no object.
 */
#ifndef PKLBROWSE_AWS_H
#define PKLBROWSE_AWS_H

#include <pklbrowse/buf.h>
#include <pklbrowse/http.h>
#include <pklbrowse/uri.h>

struct aws_credentials {
    char *access_key, *secret_key, *session_token; /* token may be NULL */
    char *origin; /* "environment", "credentials file, profile prod": for people, no secret */
    const char *provider; /* as the aws command line calls it: "env", "assume-role"; a literal */
    int64_t expires;      /* 0: not said */
};
void aws_credentials_release(struct aws_credentials *c); /* wipes the secrets */

/* ~/.aws/config and ~/.aws/credentials, by the public rules (AWS_CONFIG_FILE and
 * AWS_SHARED_CREDENTIALS_FILE name others). */
struct aws_config;
/* Missing files are empty. */
enum pb_err aws_config_load(struct aws_config **out, struct error *e) PB_CHECK;
/* Adds the text of one file.  Errors name file (name) and line. */
enum pb_err aws_config_parse(struct aws_config *c, const char *text, size_t n,
                             bool credentials_file, const char *name, struct error *e) PB_CHECK;
enum pb_err aws_config_new(struct aws_config **out, struct error *e) PB_CHECK;
void aws_config_free(struct aws_config *c);
/* NULL when absent.  nested: the block under an empty key ("s3" / "addressing_style"), or NULL. */
const char *aws_config_get(const struct aws_config *c, const char *profile, const char *nested,
                           const char *key);
/* The same, and which file said it: true for the credentials file. */
const char *aws_config_find(const struct aws_config *c, const char *profile, const char *nested,
                            const char *key, bool *credentials_file);
const char *aws_config_service(const struct aws_config *c, const char *services,
                               const char *service, const char *key);
/* A key of [sso-session NAME]; NULL when absent. */
const char *aws_config_sso(const struct aws_config *c, const char *session, const char *key);
bool aws_config_has_sso(const struct aws_config *c, const char *session);
/* Of one of the two files alone. */
const char *aws_config_of(const struct aws_config *c, const char *profile, const char *key,
                          bool credentials_file);
/* A file that is there but could not be read, in words, or NULL. */
const char *aws_config_warning(const struct aws_config *c);
enum pb_err aws_config_warn(struct aws_config *c, const char *text, struct error *e) PB_CHECK;
bool aws_config_has_profile(const struct aws_config *c, const char *profile);
size_t aws_config_profiles(const struct aws_config *c);
const char *aws_config_profile(const struct aws_config *c, size_t i);

enum aws_addressing { AWS_ADDRESSING_AUTO, AWS_ADDRESSING_PATH, AWS_ADDRESSING_VIRTUAL };

/* What options, environment and profile add up to.  Every value says where it came from. */
struct aws_options { /* from the command line; NULL: not given */
    const char *profile, *region, *endpoint_url;
    enum aws_addressing addressing;
    bool no_sign_request;
};
/* A key of the person's own, that objects are encrypted with (SSE-C); base64, as headers say it. */
struct aws_customer_key {
    char key[48], md5[28];
};
/* The file holds 32 bytes, or those in base64.  What it holds is in no message. */
enum pb_err aws_customer_key_read(const char *path, struct aws_customer_key *out,
                                  struct error *e) PB_CHECK;

struct aws_setup {
    char *profile, *profile_origin;
    bool profile_named;               /* on the command line: the environment's keys do not count */
    char *region, *region_origin;     /* never NULL; "us-east-1" by default */
    char *endpoint, *endpoint_origin; /* URL, or NULL: Amazon's own */
    enum aws_addressing addressing;
    bool fips, dual_stack, accelerate; /* other hosts of Amazon's */
    bool anonymous;
    bool request_payer; /* signed requests agree to pay; set by whoever reads the options */
    const struct aws_customer_key *customer; /* borrowed, or NULL; set by the same */
};
/* A profile that is not in the files is PB_EUSAGE.  out is empty when it fails. */
enum pb_err aws_setup_resolve(struct aws_setup *out, const struct aws_config *c,
                              const struct aws_options *o, struct error *e) PB_CHECK;
enum pb_err aws_setup_copy(struct aws_setup *to, const struct aws_setup *from,
                           struct error *e) PB_CHECK;
void aws_setup_release(struct aws_setup *s);

/*
 * Credentials as they stand now.  Providers are asked in the order of the aws command line, beside
 * the loop, when somebody waits for credentials; again before they expire, and when a server said
 * that they have.  What is found stays until it is replaced.  Nothing is asked before it is needed.
 *
 * The loop, the client and the configuration outlive the session; waiting ends with it without a
 * call.
 */
struct aws_session;
enum pb_err aws_session_new(struct loop *l, struct http *h, const struct aws_config *c,
                            const struct aws_setup *setup, struct aws_session **out,
                            struct error *e) PB_CHECK;
/* With credentials that are what they are: nobody is asked for others.  Takes them, also when it
 * fails. */
enum pb_err aws_session_new_fixed(struct loop *l, struct aws_credentials *c,
                                  struct aws_session **out, struct error *e) PB_CHECK;
void aws_session_free(struct aws_session *s); /* NULL is fine */
/* What was found last, or NULL.  Valid until the next turn of the loop. */
const struct aws_credentials *aws_session_credentials(const struct aws_session *s);
/* They can be used as they are; a renewal that is due soon is begun.  false: wait for them. */
bool aws_session_ready(struct aws_session *s);
/* ready() comes once, in a later turn: e is NULL when there are credentials.  PB_EDENIED: nobody
 * has any, or whoever should gives none, or half of a pair. */
typedef void (*aws_ready_fn)(void *ctx, const struct error *e);
enum pb_err aws_session_wait(struct aws_session *s, aws_ready_fn ready, void *ctx,
                             struct error *e) PB_CHECK;
void aws_session_forget(struct aws_session *s, void *ctx); /* no longer waits */
/* A server said that these have expired or are not known: unless there are others already, the
 * files are read and the providers asked again before the session is ready. */
void aws_session_refuse(struct aws_session *s, const char *access_key);
/* What of the environment or the profile says anything about credentials ("sso"; a literal), or
 * NULL.  Asks nobody. */
const char *aws_session_source(const struct aws_config *c, const struct aws_setup *setup);

/* A code that only the person knows (MFA): ask() is called from a turn of the loop and answered
 * later by aws_session_answer(), with NULL when she does not want to; question is fit to be shown.
 * Without ask such a profile is an error.  close: the question is no longer open. */
typedef void (*aws_ask_fn)(void *ctx, const char *question, bool close);
void aws_session_on_ask(struct aws_session *s, aws_ask_fn ask, void *ctx);
void aws_session_answer(struct aws_session *s, const char *answer);

/* A command that only helps at a terminal (a sign-on has expired; a credential_process asks the
 * person): offer() is called from a turn of the loop and answered later by
 * aws_session_outside_done(): whether it was run and ended with 0, and with `capture` what it wrote
 * to stdout (wiped).  Then what waits for credentials goes on; else, and without offer, it gets the
 * error.  what NULL: nobody waits for the answer any more. */
struct aws_outside {
    char *const *argv; /* file first, NULL at its end; run without a shell */
    bool capture;
    const char *why;   /* an error's sentence */
    const char *shown; /* the command, fit to be shown */
};
typedef void (*aws_outside_fn)(void *ctx, const struct aws_outside *what);
void aws_session_on_outside(struct aws_session *s, aws_outside_fn offer, void *ctx);
void aws_session_outside_done(struct aws_session *s, bool ok, struct buf *out);

/* Whom the credentials belong to, as STS says it (GetCallerIdentity).  An endpoint of our own asks
 * that one; endpoint NULL: what is configured for STS, else Amazon's. */
struct aws_identity {
    const char *account, *arn, *user_id; /* may be "" */
};
struct aws_identify;
typedef void (*aws_identify_fn)(void *ctx, const struct aws_identity *id, const struct error *e);
enum pb_err aws_identify_start(struct aws_session *s, const char *endpoint, aws_identify_fn done,
                               void *ctx, struct aws_identify **out, struct error *e) PB_CHECK;
void aws_identify_free(struct aws_identify *i); /* also stops it; NULL is fine */

/* A region becomes part of a host name: one DNS label, or it is refused. */
bool aws_region_valid(const char *region);
const char *aws_signing_region(const char *region); /* aws-global signs as us-east-1 */

/* Where a bucket's requests go.  path is the encoded path to send and sign. */
struct aws_url {
    struct buf url;  /* https://host[:port]/path[?query] */
    struct buf host; /* as signed: lower case, port only if not the scheme's own */
    struct buf path; /* encoded once, never normalised */
};
void aws_url_init(struct aws_url *u);
void aws_url_release(struct aws_url *u);
/* bucket NULL: the service itself.  key NULL: the bucket itself.  query: already canonical
 * (aws_query_*), or "".  Names that are no plain bucket (ARNs and the like): PB_EUNSUPPORTED. */
enum pb_err aws_url_make(struct aws_url *out, const struct aws_setup *s, const char *region,
                         const char *bucket, const char *key, size_t key_len, const char *query,
                         struct error *e) PB_CHECK;

/* Query parameters, collected in any order, sorted by encoded name then value. */
struct aws_query {
    struct aws_param {
        char *name, *value; /* encoded */
    } * data;
    size_t len, cap;
};
enum pb_err aws_query_add(struct aws_query *q, const char *name, const char *value,
                          size_t value_len, struct error *e); /* value NULL: "name=" */
enum pb_err aws_query_format(struct aws_query *q, struct buf *out, struct error *e) PB_CHECK;
void aws_query_release(struct aws_query *q);

/* Signature version 4, in stages. */
struct sigv4 {
    const struct aws_credentials *credentials;
    const char *region, *service;
    int64_t time; /* seconds since 1970, clock offset of the endpoint applied */
    const char *method;
    const char *path;                   /* canonical: as sent */
    const char *query;                  /* canonical */
    const struct http_headers *headers; /* everything to be sent, Host included */
    const char *payload_hash;           /* hex SHA-256, or UNSIGNED-PAYLOAD */
    bool goog4;                         /* GOOG4-HMAC-SHA256, for Google's XML API; not a query */
};
enum pb_err sigv4_canonical_request(const struct sigv4 *s, struct buf *out,
                                    struct buf *signed_headers, struct error *e) PB_CHECK;
enum pb_err sigv4_string_to_sign(const struct sigv4 *s, const struct buf *canonical,
                                 struct buf *out, struct error *e) PB_CHECK;
enum pb_err sigv4_signature(const struct sigv4 *s, const struct buf *string_to_sign,
                            struct buf *out_hex, struct error *e) PB_CHECK;
/* A query that carries the signature instead of a header, good for so many seconds: q (what else
 * the query says) and then X-Amz-Signature.  s->headers are those that must be sent (Host);
 * s->query is not read.  The result holds the session token. */
enum pb_err sigv4_presign(const struct sigv4 *s, struct aws_query *q, unsigned seconds,
                          struct buf *out, struct error *e) PB_CHECK;
/* The Authorization header's value. */
enum pb_err sigv4_authorization(const struct sigv4 *s, struct buf *out, struct error *e) PB_CHECK;

#endif
