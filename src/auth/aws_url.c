#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/text.h>

#include "aws_chain.h"

#define URL_MAX (64u * 1024u)

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool aws_region_valid(const char *region)
{
    size_t i, n = strlen(region);

    if (n == 0 || n > 63 || region[0] == '-' || region[n - 1] == '-')
        return false;
    for (i = 0; i < n; i++)
        if (!is_alnum(region[i]) && region[i] != '-')
            return false;
    return true;
}

const char *aws_signing_region(const char *region)
{
    return strcmp(region, "aws-global") == 0 ? "us-east-1" : region;
}

/* The domain that Amazon's hosts of a region are under. */
const char *aws_partition_domain(const char *region)
{
    static const struct {
        const char *prefix, *domain;
    } table[] = {
        {"cn-", "amazonaws.com.cn"},    {"us-iso-", "c2s.ic.gov"},
        {"us-isob-", "sc2s.sgov.gov"},  {"us-isof-", "csp.hci.ic.gov"},
        {"eu-isoe-", "cloud.adc-e.uk"}, {"eusc-", "amazonaws.eu"},
    };
    size_t i;

    for (i = 0; i < sizeof table / sizeof *table; i++)
        if (strncmp(region, table[i].prefix, strlen(table[i].prefix)) == 0)
            return table[i].domain;
    return "amazonaws.com";
}

/* May the bucket be the first label of a host name?  dots: more than one label is fine. */
static bool is_host_label(const char *bucket, bool dots)
{
    size_t i, n = strlen(bucket);

    if (n < 3 || n > 63)
        return false;
    for (i = 0; i < n; i++) {
        char c = bucket[i];
        bool edge = i == 0 || i == n - 1 || bucket[i - 1] == '.' || bucket[i + 1] == '.';

        if (c == '.') {
            if (!dots || edge)
                return false;
        } else if (c == '-') {
            if (edge)
                return false;
        } else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) {
            return false;
        }
    }
    return true;
}

/* An address instead of a name: nothing can be put in front of it. */
static bool is_address(const char *host)
{
    return strchr(host, ':') != NULL || strspn(host, "0123456789.") == strlen(host);
}

static bool ends_in(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n > m && strcmp(s + n - m, end) == 0;
}

/* Names that are no plain bucket on Amazon and need other requests than ours. */
static enum pb_err check_bucket(const char *bucket, bool amazon, struct error *e)
{
    struct buf shown;
    const char *what = NULL;
    enum pb_err err = PB_OK;

    if (strncmp(bucket, "arn:", 4) == 0)
        what = _("an ARN (access point or outpost): open the bucket by its name");
    else if (amazon && (ends_in(bucket, "--x-s3") || ends_in(bucket, "--xa-s3")))
        what = _("a directory bucket (S3 Express), which is not supported");
    else if (amazon && ends_in(bucket, "--op-s3"))
        what = _("an Outposts alias, which is not supported");
    else if (amazon && ends_in(bucket, ".mrap"))
        what = _("a multi-region access point, which is not supported");
    if (!what && bucket[0] != '\0' && !strchr(bucket, '/') && strcmp(bucket, ".") != 0 &&
        strcmp(bucket, "..") != 0)
        return PB_OK;
    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, bucket, strlen(bucket), 100);
    if (what)
        err = error_set(e, PB_EUNSUPPORTED, "%s is %s", shown.data, what);
    else
        err = error_set(e, PB_EUSAGE, "'%s' is not the name of a bucket", shown.data);
    buf_release(&shown);
    return err;
}

static bool in_china(const char *region)
{
    return strncmp(region, "cn-", 3) == 0;
}

/* Which of Amazon's other hosts there are. */
static enum pb_err check_hosts(const struct aws_setup *s, const char *region, const char *bucket,
                               struct error *e)
{
    bool accelerate = s->accelerate && bucket;

    if (s->endpoint && (s->fips || s->dual_stack || accelerate))
        return error_set(
            e, PB_EUSAGE,
            "an endpoint of one's own excludes FIPS, dual-stack and accelerated hosts");
    if (s->fips && in_china(region))
        return error_set(e, PB_EUSAGE, "Amazon has no FIPS hosts in China");
    if (accelerate && s->fips)
        return error_set(e, PB_EUSAGE, "accelerated hosts and FIPS exclude each other");
    if (accelerate && in_china(region))
        return error_set(e, PB_EUSAGE, "Amazon has no accelerated hosts in China");
    if (accelerate && (s->addressing == AWS_ADDRESSING_PATH || !is_host_label(bucket, false)))
        return error_set(e, PB_EUSAGE,
                         "an accelerated host begins with the bucket's name: no path style, and "
                         "none for this bucket");
    return PB_OK;
}

/* Amazon's own endpoint of a region; bucket: by whose name it may have to be another one. */
static enum pb_err amazon_endpoint(const struct aws_setup *s, const char *region,
                                   const char *bucket, struct endpoint *ep, struct error *e)
{
    bool global = strcmp(region, "aws-global") == 0;
    const char *dual = s->dual_stack ? ".dualstack" : "";
    struct buf url;
    enum pb_err err;

    buf_init(&url, BUF_MAX_LINE);
    if (s->accelerate && bucket)
        buf_printf(&url, "https://s3-accelerate%s%s.%s", dual,
                   global && s->dual_stack ? ".us-east-1" : "", aws_partition_domain(region));
    else if (global && !s->fips && !s->dual_stack)
        buf_puts(&url, "https://s3.amazonaws.com");
    else
        buf_printf(&url, "https://s3%s%s.%s.%s", s->fips ? "-fips" : "", dual,
                   aws_signing_region(region), aws_partition_domain(region));
    err = buf_status(&url, e);
    if (err == PB_OK)
        err = endpoint_parse(ep, url.data, e);
    buf_release(&url);
    return err;
}

static bool use_host(const struct aws_setup *s, const struct endpoint *ep, const char *bucket)
{
    if (s->addressing == AWS_ADDRESSING_PATH || is_address(ep->host))
        return false;
    if (s->addressing == AWS_ADDRESSING_AUTO && s->endpoint)
        return false;
    /* A certificate for *.s3.amazonaws.com does not cover a.b.s3.amazonaws.com. */
    return is_host_label(bucket, !ep->https);
}

static enum pb_err fill(struct aws_url *out, const struct aws_setup *s, const struct endpoint *ep,
                        const char *bucket, const char *key, size_t key_len, const char *query,
                        struct error *e)
{
    bool by_host = bucket && use_host(s, ep, bucket);
    enum pb_err err;

    if (by_host)
        buf_printf(&out->host, "%s.", bucket);
    buf_puts(&out->host, ep->host);
    if (ep->port != 0 && ep->port != (ep->https ? 443u : 80u))
        buf_printf(&out->host, ":%u", ep->port);

    buf_puts(&out->path, ep->path);
    if (bucket && !by_host) {
        buf_putc(&out->path, '/');
        uri_encode(&out->path, bucket, strlen(bucket), false);
    }
    if (key || out->path.len == 0)
        buf_putc(&out->path, '/');
    if (key)
        uri_encode(&out->path, key, key_len, true);

    buf_printf(&out->url, "%s://%s%s", ep->https ? "https" : "http", out->host.data,
               out->path.data);
    if (query && *query)
        buf_printf(&out->url, "?%s", query);
    err = buf_status(&out->host, e);
    if (err == PB_OK)
        err = buf_status(&out->path, e);
    return err == PB_OK ? buf_status(&out->url, e) : err;
}

void aws_url_init(struct aws_url *u)
{
    buf_init(&u->url, URL_MAX);
    buf_init(&u->host, BUF_MAX_LINE);
    buf_init(&u->path, URL_MAX);
}

void aws_url_release(struct aws_url *u)
{
    buf_release(&u->url);
    buf_release(&u->host);
    buf_release(&u->path);
}

enum pb_err aws_url_make(struct aws_url *out, const struct aws_setup *s, const char *region,
                         const char *bucket, const char *key, size_t key_len, const char *query,
                         struct error *e)
{
    struct endpoint ep = {0};
    enum pb_err err;

    buf_clear(&out->url);
    buf_clear(&out->host);
    buf_clear(&out->path);
    if (!region || !aws_region_valid(region))
        return error_set(e, PB_EUSAGE, "the region is not a name like us-east-1");
    if (bucket && (err = check_bucket(bucket, !s->endpoint, e)) != PB_OK)
        return err;
    err = check_hosts(s, region, bucket, e);
    if (err == PB_OK)
        err = s->endpoint ? endpoint_parse(&ep, s->endpoint, e)
                          : amazon_endpoint(s, region, bucket, &ep, e);
    if (err == PB_OK)
        err = fill(out, s, &ep, bucket, key, key_len, query, e);
    endpoint_release(&ep);
    return err;
}
