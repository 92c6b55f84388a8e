#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "aws_chain.h"

static enum pb_err keep(char **to, const char *value, struct error *e)
{
    *to = mem_strdup(value);
    return *to ? PB_OK : error_nomem(e);
}

/* A value, and the words that say where it came from. */
static enum pb_err keep_from(char **to, char **origin, const char *value, const char *where,
                             const char *profile, struct error *e)
{
    struct buf text;
    enum pb_err err;

    buf_init(&text, BUF_MAX_LINE);
    buf_puts(&text, where);
    if (profile) {
        buf_putc(&text, ' ');
        text_escape(&text, profile, strlen(profile));
    }
    err = buf_status(&text, e);
    if (err == PB_OK)
        err = keep(to, value, e);
    if (err == PB_OK)
        err = keep(origin, text.data, e);
    buf_release(&text);
    return err;
}

const char *aws_environment(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

const char *aws_setting(const struct aws_config *c, const char *profile, const char *key)
{
    const char *value = aws_config_get(c, profile, NULL, key);

    return value && *value ? value : NULL;
}

bool aws_is_true(const char *value)
{
    return value && strcasecmp(value, "true") == 0;
}

static enum pb_err choose_profile(struct aws_setup *s, const struct aws_config *c,
                                  const struct aws_options *o, struct error *e)
{
    const char *name = o->profile && *o->profile ? o->profile : NULL;
    const char *where = "--profile";
    struct buf shown;
    enum pb_err err;

    if (!name) {
        where = "AWS_DEFAULT_PROFILE";
        name = aws_environment(where);
    }
    if (!name) {
        where = "AWS_PROFILE";
        name = aws_environment(where);
    }
    s->profile_named = o->profile && *o->profile;
    if (!name || aws_config_has_profile(c, name)) {
        err = keep(&s->profile, name ? name : "default", e);
        return err == PB_OK ? keep(&s->profile_origin, name ? where : "default", e) : err;
    }
    buf_init(&shown, BUF_MAX_LINE);
    text_escape(&shown, name, strlen(name));
    err = error_set(e, PB_EUSAGE,
                    "profile %s (%s) is neither in ~/.aws/config nor in "
                    "~/.aws/credentials%s%s",
                    shown.data, where, aws_config_warning(c) ? "; " : "",
                    aws_config_warning(c) ? aws_config_warning(c) : "");
    buf_release(&shown);
    return err;
}

static enum pb_err choose_region(struct aws_setup *s, const struct aws_config *c,
                                 const struct aws_options *o, struct error *e)
{
    const char *region = o->region && *o->region ? o->region : NULL;
    const char *where = "--region", *profile = NULL;
    enum pb_err err;

    if (!region)
        region = aws_environment(where = "AWS_REGION");
    if (!region)
        region = aws_environment(where = "AWS_DEFAULT_REGION");
    if (!region && (region = aws_setting(c, s->profile, "region"))) {
        where = "profile";
        profile = s->profile;
    }
    if (!region) {
        region = "us-east-1";
        where = "default";
    }
    err = keep_from(&s->region, &s->region_origin, region, where, profile, e);
    if (err == PB_OK && !aws_region_valid(region))
        err = error_set(e, PB_EUSAGE, "the region (%s) is not a name like us-east-1",
                        s->region_origin);
    return err;
}

static bool endpoints_ignored(const struct aws_config *c, const char *profile)
{
    const char *set = aws_environment("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");

    return aws_is_true(set ? set : aws_setting(c, profile, "ignore_configured_endpoint_urls"));
}

enum pb_err aws_endpoint_check(struct buf *url, struct error *e)
{
    struct endpoint ep = {0};
    enum pb_err err;

    while (url->len > 0 && url->data[url->len - 1] == '/')
        buf_truncate(url, url->len - 1);
    err = buf_status(url, e);
    if (err == PB_OK)
        err = endpoint_parse(&ep, url->data, e);
    endpoint_release(&ep);
    return err;
}

const char *aws_configured_endpoint(const struct aws_config *c, const char *profile,
                                    const char *service, const char **where,
                                    const char **where_name)
{
    static const struct {
        const char *service, *variable;
    } variables[] = {{"s3", "AWS_ENDPOINT_URL_S3"},
                     {"sts", "AWS_ENDPOINT_URL_STS"},
                     {"sso", "AWS_ENDPOINT_URL_SSO"},
                     {"sso_oidc", "AWS_ENDPOINT_URL_SSO_OIDC"}};
    const char *url = NULL, *services;
    size_t i;

    *where_name = NULL;
    if (endpoints_ignored(c, profile))
        return NULL;
    for (i = 0; !url && i < sizeof variables / sizeof *variables; i++)
        if (strcmp(variables[i].service, service) == 0)
            url = aws_environment(*where = variables[i].variable);
    if (!url)
        url = aws_environment(*where = "AWS_ENDPOINT_URL");
    if (!url && (services = aws_setting(c, profile, "services"))) {
        url = aws_config_service(c, services, service, "endpoint_url");
        url = url && *url ? url : NULL;
        *where = "services";
        *where_name = services;
    }
    if (!url && (url = aws_setting(c, profile, "endpoint_url"))) {
        *where = "profile";
        *where_name = profile;
    }
    return url;
}

static enum pb_err choose_endpoint(struct aws_setup *s, const struct aws_config *c,
                                   const struct aws_options *o, struct error *e)
{
    const char *url = o->endpoint_url && *o->endpoint_url ? o->endpoint_url : NULL;
    const char *where = "--endpoint-url", *name = NULL;
    struct endpoint parsed = {0};
    enum pb_err err;

    if (!url)
        url = aws_configured_endpoint(c, s->profile, "s3", &where, &name);
    if (!url)
        return PB_OK;
    err = keep_from(&s->endpoint, &s->endpoint_origin, url, where, name, e);
    if (err == PB_OK)
        err = endpoint_parse(&parsed, s->endpoint, e);
    endpoint_release(&parsed);
    return err;
}

/* A switch of the environment, of the profile, or of its block for S3. */
static bool is_switched_on(const struct aws_setup *s, const struct aws_config *c,
                           const char *variable, const char *key)
{
    const char *set = aws_environment(variable);

    if (!set)
        set = aws_config_get(c, s->profile, "s3", key);
    return aws_is_true(set && *set ? set : aws_setting(c, s->profile, key));
}

/* Other hosts of Amazon's; an endpoint of one's own has none. */
static enum pb_err choose_hosts(struct aws_setup *s, const struct aws_config *c, struct error *e)
{
    const char *accelerate = aws_config_get(c, s->profile, "s3", "use_accelerate_endpoint");

    s->fips = is_switched_on(s, c, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint");
    s->dual_stack = is_switched_on(s, c, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint");
    s->accelerate = aws_is_true(accelerate);
    if (s->endpoint && (s->fips || s->dual_stack))
        return error_set(e, PB_EUSAGE, "an endpoint of one's own (%s) and %s exclude each other",
                         s->endpoint_origin,
                         s->fips ? "use_fips_endpoint" : "use_dualstack_endpoint");
    return PB_OK;
}

static enum pb_err choose_addressing(struct aws_setup *s, const struct aws_config *c,
                                     const struct aws_options *o, struct error *e)
{
    const char *style = aws_config_get(c, s->profile, "s3", "addressing_style");
    struct buf shown;
    enum pb_err err;

    s->addressing = o->addressing;
    if (o->addressing != AWS_ADDRESSING_AUTO || !style || !*style || strcmp(style, "auto") == 0)
        return PB_OK;
    if (strcmp(style, "path") == 0) {
        s->addressing = AWS_ADDRESSING_PATH;
        return PB_OK;
    }
    if (strcmp(style, "virtual") == 0) {
        s->addressing = AWS_ADDRESSING_VIRTUAL;
        return PB_OK;
    }
    buf_init(&shown, BUF_MAX_LINE);
    text_escape(&shown, s->profile, strlen(s->profile));
    err = error_set(e, PB_EUSAGE, "profile %s: addressing_style is path, virtual or auto",
                    shown.data);
    buf_release(&shown);
    return err;
}

enum pb_err aws_setup_resolve(struct aws_setup *out, const struct aws_config *c,
                              const struct aws_options *o, struct error *e)
{
    enum pb_err err;

    *out = (struct aws_setup){.anonymous = o->no_sign_request};
    err = choose_profile(out, c, o, e);
    if (err == PB_OK)
        err = choose_region(out, c, o, e);
    if (err == PB_OK)
        err = choose_endpoint(out, c, o, e);
    if (err == PB_OK)
        err = choose_addressing(out, c, o, e);
    if (err == PB_OK)
        err = choose_hosts(out, c, e);
    if (err != PB_OK)
        aws_setup_release(out);
    return err;
}

static enum pb_err copy(char **to, const char *from, struct error *e)
{
    return from ? keep(to, from, e) : PB_OK;
}

enum pb_err aws_setup_copy(struct aws_setup *to, const struct aws_setup *from, struct error *e)
{
    enum pb_err err;

    *to = *from;
    to->profile = to->profile_origin = NULL;
    to->region = to->region_origin = NULL;
    to->endpoint = to->endpoint_origin = NULL;
    err = copy(&to->profile, from->profile, e);
    if (err == PB_OK)
        err = copy(&to->profile_origin, from->profile_origin, e);
    if (err == PB_OK)
        err = copy(&to->region, from->region, e);
    if (err == PB_OK)
        err = copy(&to->region_origin, from->region_origin, e);
    if (err == PB_OK)
        err = copy(&to->endpoint, from->endpoint, e);
    if (err == PB_OK)
        err = copy(&to->endpoint_origin, from->endpoint_origin, e);
    if (err != PB_OK)
        aws_setup_release(to);
    return err;
}

void aws_setup_release(struct aws_setup *s)
{
    free(s->profile);
    free(s->profile_origin);
    free(s->region);
    free(s->region_origin);
    free(s->endpoint);
    free(s->endpoint_origin);
    *s = (struct aws_setup){0};
}
