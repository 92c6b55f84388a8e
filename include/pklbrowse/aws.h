/* floor 3: auth */
/*
 * Who am I on Amazon S3 and everything that speaks its API: configuration, credentials, signatures.
 *
 * The signer's stages are exposed so that each can be held against public vectors.  S3's rules: the
 * path is not normalised and is encoded once; a header value is trimmed and inner runs of blanks
 * collapse.  Knows no listing and no object; sends nothing.
 */
#ifndef PKLBROWSE_AWS_H
#define PKLBROWSE_AWS_H

#include <pklbrowse/buf.h>
#include <pklbrowse/http.h>
#include <pklbrowse/uri.h>

struct aws_credentials {
    char *access_key, *secret_key, *session_token; /* token may be NULL */
    char *origin; /* "environment", "credentials file, profile prod": for people, no secret */
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
struct aws_setup {
    char *profile;
    char *region, *region_origin;     /* never NULL; "us-east-1" by default */
    char *endpoint, *endpoint_origin; /* URL, or NULL: Amazon's own */
    enum aws_addressing addressing;
    bool anonymous;
    bool request_payer; /* signed requests agree to pay; set by whoever reads the options */
    bool has_credentials;
    struct aws_credentials credentials;
    char *looked_at; /* without credentials: where they were looked for, for a message */
};
/* No credentials at all is not an error here: has_credentials is false.  Half of a pair is one
 * (PB_EDENIED), and so is a profile that is not in the files (PB_EUSAGE) or that gets its
 * credentials in a way that is not supported (PB_EUNSUPPORTED).  out is empty when it fails. */
enum pb_err aws_setup_resolve(struct aws_setup *out, const struct aws_config *c,
                              const struct aws_options *o, struct error *e) PB_CHECK;
void aws_setup_release(struct aws_setup *s);

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
};
enum pb_err sigv4_canonical_request(const struct sigv4 *s, struct buf *out,
                                    struct buf *signed_headers, struct error *e) PB_CHECK;
enum pb_err sigv4_string_to_sign(const struct sigv4 *s, const struct buf *canonical,
                                 struct buf *out, struct error *e) PB_CHECK;
enum pb_err sigv4_signature(const struct sigv4 *s, const struct buf *string_to_sign,
                            struct buf *out_hex, struct error *e) PB_CHECK;
/* The Authorization header's value. */
enum pb_err sigv4_authorization(const struct sigv4 *s, struct buf *out, struct error *e) PB_CHECK;

#endif
