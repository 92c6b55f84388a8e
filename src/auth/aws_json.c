/* Credentials as JSON: what a process prints, a container's or an instance's metadata say. */
#include <string.h>

#include <pklbrowse/clock.h>

#include "aws_chain.h"

json_t *aws_json_object(const char *text, size_t n)
{
    json_t *o = json_loadb(text, n, 0, NULL);

    if (o && !json_is_object(o)) {
        json_decref(o);
        o = NULL;
    }
    return o;
}

const char *aws_json_text(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));

    return text && *text ? text : NULL;
}

bool aws_json_time(const json_t *o, const char *key, int64_t *out)
{
    const char *text = aws_json_text(o, key);

    return text && clock_parse_iso(text, strlen(text), out);
}

enum pb_err aws_json_take(struct aws_lookup *k, const json_t *o, const char *token_name,
                          bool must_expire, const char *what, struct error *e, const char *origin)
{
    const char *access = aws_json_text(o, "AccessKeyId");
    const char *secret = aws_json_text(o, "SecretAccessKey");
    const char *token = aws_json_text(o, token_name);
    const json_t *when = json_object_get(o, "Expiration");
    bool said = when && !json_is_null(when);
    int64_t expires = 0;

    if (!access || !secret)
        return error_set(e, PB_ESERVER, "%s gave no %s", what,
                         access ? "SecretAccessKey" : "AccessKeyId");
    if ((said || must_expire) && !aws_json_time(o, "Expiration", &expires))
        return error_set(e, PB_ESERVER, "%s gave an Expiration that is no time", what);
    if (said && expires <= clock_now())
        return error_set(e, PB_EDENIED, "%s gave credentials that have expired already", what);
    return aws_lookup_take(k, access, secret, token, expires, e, "%s", origin);
}
