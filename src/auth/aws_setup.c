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

static const char *setting(const struct aws_config *c, const struct aws_setup *s, const char *key)
{
    const char *value = aws_config_get(c, s->profile, NULL, key);

    return value && *value ? value : NULL;
}

static bool is_true(const char *value)
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
    if (!name)
        return keep(&s->profile, "default", e);
    if (aws_config_has_profile(c, name))
        return keep(&s->profile, name, e);
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
    if (!region && (region = setting(c, s, "region"))) {
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

static bool endpoints_ignored(const struct aws_setup *s, const struct aws_config *c)
{
    const char *set = aws_environment("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");

    return is_true(set ? set : setting(c, s, "ignore_configured_endpoint_urls"));
}

static enum pb_err choose_endpoint(struct aws_setup *s, const struct aws_config *c,
                                   const struct aws_options *o, struct error *e)
{
    const char *url = o->endpoint_url && *o->endpoint_url ? o->endpoint_url : NULL;
    const char *where = "--endpoint-url", *profile = NULL, *services;
    struct endpoint parsed = {0};
    enum pb_err err;

    if (!url && endpoints_ignored(s, c))
        return PB_OK;
    if (!url)
        url = aws_environment(where = "AWS_ENDPOINT_URL_S3");
    if (!url)
        url = aws_environment(where = "AWS_ENDPOINT_URL");
    if (!url && (services = setting(c, s, "services"))) {
        url = aws_config_service(c, services, "s3", "endpoint_url");
        url = url && *url ? url : NULL;
        where = "services";
        profile = services;
    }
    if (!url && (url = setting(c, s, "endpoint_url"))) {
        where = "profile";
        profile = s->profile;
    }
    if (!url)
        return PB_OK;
    err = keep_from(&s->endpoint, &s->endpoint_origin, url, where, profile, e);
    if (err == PB_OK)
        err = endpoint_parse(&parsed, s->endpoint, e);
    endpoint_release(&parsed);
    return err;
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
    bool named = o->profile && *o->profile;
    enum pb_err err;

    *out = (struct aws_setup){.anonymous = o->no_sign_request};
    err = choose_profile(out, c, o, e);
    if (err == PB_OK)
        err = choose_region(out, c, o, e);
    if (err == PB_OK)
        err = choose_endpoint(out, c, o, e);
    if (err == PB_OK)
        err = choose_addressing(out, c, o, e);
    if (err == PB_OK && !out->anonymous)
        err = aws_chain_resolve(out, c, !named, e);
    if (err != PB_OK)
        aws_setup_release(out);
    return err;
}

void aws_setup_release(struct aws_setup *s)
{
    aws_credentials_release(&s->credentials);
    free(s->profile);
    free(s->region);
    free(s->region_origin);
    free(s->endpoint);
    free(s->endpoint_origin);
    free(s->looked_at);
    *s = (struct aws_setup){0};
}
