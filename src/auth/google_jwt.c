/* A JSON web token, signed with RS256 (RFC 7515, 7518): what a service account proves itself by. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/digest.h>

#include "google.h"

#define LIFE_S 3600

/* Without '=' at its end, '-' and '_' in place of '+' and '/'. */
static void put_base64url(struct buf *out, const void *p, size_t n)
{
    size_t i = out->len;

    base64_encode(out, p, n);
    for (; i < out->len; i++) {
        if (out->data[i] == '+')
            out->data[i] = '-';
        else if (out->data[i] == '/')
            out->data[i] = '_';
        else if (out->data[i] == '=')
            buf_truncate(out, i);
    }
}

/* Takes the reference. */
static enum pb_err put_part(struct buf *out, json_t *o, struct error *e)
{
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

    json_decref(o);
    if (!text)
        return error_nomem(e);
    put_base64url(out, text, strlen(text));
    free(text);
    return PB_OK;
}

/* Nobody is asked for a passphrase. */
static int no_passphrase(char *to, int size, int writing, void *ctx)
{
    (void)to;
    (void)size;
    (void)writing;
    (void)ctx;
    return -1;
}

static EVP_PKEY *read_key(const char *pem)
{
    BIO *from = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = from ? PEM_read_bio_PrivateKey(from, NULL, no_passphrase, NULL) : NULL;

    BIO_free(from);
    if (key && EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    ERR_clear_error();
    return key;
}

static enum pb_err put_signature(struct buf *out, EVP_PKEY *key, struct error *e)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char *signature = NULL;
    size_t n = 0;
    bool ok;

    ok = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
         EVP_DigestSign(ctx, NULL, &n, (const unsigned char *)out->data, out->len) == 1 &&
         (signature = mem_alloc(n)) != NULL &&
         EVP_DigestSign(ctx, signature, &n, (const unsigned char *)out->data, out->len) == 1;
    if (ok) {
        buf_putc(out, '.');
        put_base64url(out, signature, n);
    }
    free(signature);
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok ? buf_status(out, e) : error_set(e, PB_EDENIED, "OpenSSL cannot sign with the key");
}

enum pb_err google_jwt(struct buf *out, const struct google_claims *c, const char *pem,
                       struct error *e)
{
    EVP_PKEY *key = read_key(pem);
    json_t *head;
    enum pb_err err;

    if (!key)
        return error_set(e, PB_EDENIED, "its private_key is no RSA key in PEM form");
    head = json_pack("{s:s, s:s, s:s*}", "alg", "RS256", "typ", "JWT", "kid", c->key_id);
    err = put_part(out, head, e);
    buf_putc(out, '.');
    if (err == PB_OK)
        err = put_part(out,
                       json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", c->issuer, "scope", c->scope,
                                 "aud", c->audience, "iat", (json_int_t)c->now, "exp",
                                 (json_int_t)(c->now + LIFE_S)),
                       e);
    if (err == PB_OK)
        err = buf_status(out, e);
    if (err == PB_OK)
        err = put_signature(out, key, e);
    EVP_PKEY_free(key);
    return err;
}
