/* Whom a token belongs to: the claims of its second part.  Nothing is checked: the server does. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/digest.h>

#include "azure_chain.h"

/* base64url without its padding, as base64 has it. */
static bool decode_part(const char *p, size_t n, struct buf *out)
{
    struct buf text;
    bool ok;

    buf_init(&text, BUF_MAX_LINE);
    for (size_t i = 0; i < n; i++)
        buf_putc(&text, p[i] == '-' ? '+' : p[i] == '_' ? '/' : p[i]);
    while (text.len % 4 != 0)
        buf_putc(&text, '=');
    ok = text.failed == PB_OK && base64_decode(out, text.data, text.len);
    aws_wipe_buf(&text);
    return ok;
}

static void take(char *to, size_t size, const json_t *o, const char *key)
{
    const char *text = aws_json_text(o, key);

    if (text && !*to)
        (void)snprintf(to, size, "%s", text);
}

void azure_token_identity(const char *token, struct azure_identity *out)
{
    const char *part = strchr(token, '.');
    struct buf claims;
    json_t *o = NULL;

    *out = (struct azure_identity){.name = ""};
    if (!part)
        return;
    part++;
    buf_init(&claims, BUF_MAX_LINE);
    if (decode_part(part, strcspn(part, "."), &claims))
        o = aws_json_object(claims.data, claims.len);
    if (o) {
        take(out->name, sizeof out->name, o, "upn");
        take(out->name, sizeof out->name, o, "unique_name");
        take(out->name, sizeof out->name, o, "app_displayname");
        take(out->object, sizeof out->object, o, "oid");
        take(out->tenant, sizeof out->tenant, o, "tid");
        take(out->client, sizeof out->client, o, "appid");
        take(out->client, sizeof out->client, o, "azp");
    }
    json_decref(o);
    aws_wipe_buf(&claims);
}
