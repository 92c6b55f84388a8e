/* Connection strings: name=value;name=value, names in any case, '=' in values allowed. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/text.h>

#include "azure_chain.h"

/* The account and the key that Microsoft publishes for its emulators. */
#define EMULATOR_ACCOUNT "devstoreaccount1"
#define EMULATOR_KEY                                                                               \
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
#define EMULATOR_PORT 10000

bool azure_copy(char **to, const char *from)
{
    *to = from ? mem_strdup(from) : NULL;
    return !from || *to;
}

void azure_connection_release(struct azure_connection *c)
{
    aws_wipe(&c->key);
    aws_wipe(&c->sas);
    free(c->account);
    free(c->endpoint);
    free(c->suffix);
    *c = (struct azure_connection){0};
}

struct part {
    const char *name, *value;
    size_t name_len, value_len;
};

/* false: it was the last one.  name_len 0: there is no '='. */
static bool next_part(const char **at, struct part *p)
{
    const char *s = *at + strspn(*at, "; \t\r\n"), *equals;
    size_t n = strcspn(s, ";");

    if (*s == '\0')
        return false;
    *at = s + n;
    equals = memchr(s, '=', n);
    while (n > 0 && strchr(" \t\r\n", s[n - 1]))
        n--;
    *p = (struct part){.name = s};
    if (equals) {
        p->name_len = (size_t)(equals - s);
        p->value = equals + 1;
        p->value_len = n > p->name_len + 1 ? n - p->name_len - 1 : 0;
    }
    return true;
}

static bool is(const struct part *p, const char *name)
{
    return p->name_len == strlen(name) && strncasecmp(p->name, name, p->name_len) == 0;
}

static bool value_is(const struct part *p, const char *value)
{
    return p->value_len == strlen(value) && strncasecmp(p->value, value, p->value_len) == 0;
}

static enum pb_err take(char **to, const struct part *p, struct error *e)
{
    aws_wipe(to);
    *to = mem_strndup(p->value, p->value_len);
    return *to ? PB_OK : error_nomem(e);
}

/* A signature is used without the '?' that it is often copied with. */
static enum pb_err take_sas(char **to, struct part p, struct error *e)
{
    if (p.value_len > 0 && *p.value == '?') {
        p.value++;
        p.value_len--;
    }
    return take(to, &p, e);
}

struct emulator {
    bool used;
    char *proxy; /* "http://host", or NULL */
};

static enum pb_err take_part(struct azure_connection *c, struct emulator *em, const struct part *p,
                             struct error *e)
{
    if (p->name_len == 0)
        return error_set(e, PB_EUSAGE, "a part of it has no '='");
    if (is(p, "AccountName"))
        return take(&c->account, p, e);
    if (is(p, "AccountKey"))
        return take(&c->key, p, e);
    if (is(p, "SharedAccessSignature"))
        return take_sas(&c->sas, *p, e);
    if (is(p, "BlobEndpoint"))
        return take(&c->endpoint, p, e);
    if (is(p, "EndpointSuffix"))
        return take(&c->suffix, p, e);
    if (is(p, "DevelopmentStorageProxyUri"))
        return take(&em->proxy, p, e);
    if (is(p, "UseDevelopmentStorage")) {
        em->used = value_is(p, "true");
    } else if (is(p, "DefaultEndpointsProtocol")) {
        c->http = value_is(p, "http");
        if (!c->http && !value_is(p, "https"))
            return error_set(e, PB_EUSAGE,
                             "its DefaultEndpointsProtocol is neither http nor https");
    }
    return PB_OK; /* queues, files and tables are none of our business */
}

static enum pb_err be_emulator(struct azure_connection *c, const struct emulator *em,
                               struct error *e)
{
    struct endpoint ep = {0};
    struct buf url;
    enum pb_err err = endpoint_parse(&ep, em->proxy ? em->proxy : "http://127.0.0.1", e);

    if (err != PB_OK)
        return err;
    buf_init(&url, BUF_MAX_LINE);
    buf_printf(&url, "%s://%s:%u/%s", ep.https ? "https" : "http", ep.host,
               ep.port ? ep.port : (unsigned)EMULATOR_PORT,
               c->account ? c->account : EMULATOR_ACCOUNT);
    endpoint_release(&ep);
    err = buf_status(&url, e);
    if (!c->endpoint)
        c->endpoint = buf_take(&url, NULL);
    buf_release(&url);
    if (err == PB_OK &&
        ((!c->account && !azure_copy(&c->account, EMULATOR_ACCOUNT)) ||
         (!c->key && !c->sas && !azure_copy(&c->key, EMULATOR_KEY)) || !c->endpoint))
        err = error_nomem(e);
    return err;
}

/* Without AccountName the endpoint names the account: the last part of its path, or else the first
 * of its host. */
static enum pb_err name_account(struct azure_connection *c, struct error *e)
{
    struct endpoint ep = {0};
    enum pb_err err;

    if (c->account)
        return PB_OK;
    if (!c->endpoint)
        return error_set(e, PB_EUSAGE, "it names no account (AccountName)");
    err = endpoint_parse(&ep, c->endpoint, e);
    if (err != PB_OK)
        return err;
    c->account = *ep.path ? mem_strdup(strrchr(ep.path, '/') + 1)
                          : mem_strndup(ep.host, strcspn(ep.host, "."));
    endpoint_release(&ep);
    return c->account ? PB_OK : error_nomem(e);
}

static enum pb_err check(struct azure_connection *c, struct error *e)
{
    struct azure_spot spot;
    struct endpoint ep = {0};
    enum pb_err err = PB_OK;

    if (!azure_spot_split(&spot, c->account) || spot.container)
        return error_set(e, PB_EUSAGE, "its AccountName is not the name of an account");
    if (c->key)
        err = azure_key_check(c->key, e);
    if (err == PB_EUSAGE)
        return error_set(e, PB_EUSAGE, "its AccountKey is no base64 text");
    if (err == PB_OK && c->endpoint)
        err = endpoint_parse(&ep, c->endpoint, e);
    endpoint_release(&ep);
    if (err == PB_EUSAGE)
        return error_set(e, PB_EUSAGE, "its BlobEndpoint is no http:// or https:// address");
    return err;
}

enum pb_err azure_connection_parse(struct azure_connection *out, const char *text, struct error *e)
{
    struct emulator em = {0};
    struct error why = {0};
    struct part p;
    enum pb_err err = PB_OK;

    *out = (struct azure_connection){0};
    while (err == PB_OK && next_part(&text, &p))
        err = take_part(out, &em, &p, &why);
    if (err == PB_OK && em.used)
        err = be_emulator(out, &em, &why);
    if (err == PB_OK)
        err = name_account(out, &why);
    if (err == PB_OK)
        err = check(out, &why);
    free(em.proxy);
    if (err == PB_OK)
        return PB_OK;
    azure_connection_release(out);
    return err == PB_ENOMEM
               ? error_nomem(e)
               : error_set(e, err, "the connection string cannot be used: %s", why.msg);
}
