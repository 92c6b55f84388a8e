/*
 * The metadata service of an EC2 instance: a token (version 2), the role's name, its credentials.
 * Asked last, with short limits, and not again for a while when nobody answers there: most machines
 * are no instance.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/log.h>
#include <pklbrowse/num.h>

#include "aws_chain.h"

#define TOKEN_PATH "/latest/api/token"
#define ROLE_PATH "/latest/meta-data/iam/security-credentials/"
#define DEAD_US 60000000ull
#define EXTENDED_S 600
#define LIMIT_S 1u
#define LIMIT_MAX_S 60u

enum step { STEP_TOKEN, STEP_ROLE, STEP_CREDENTIALS };

struct metadata {
    struct aws_request request;
    enum step step;
    char *token, *role;
};

static bool configured(const struct aws_lookup *k)
{
    (void)k;
    return !aws_is_true(aws_environment("AWS_EC2_METADATA_DISABLED"));
}

static void stop(struct aws_lookup *k)
{
    struct metadata *m = k->state;

    aws_request_release(&m->request);
    aws_wipe(&m->token);
    free(m->role);
    free(m);
}

/* From the environment, or else the profile. */
static const char *option(const struct aws_lookup *k, const char *variable, const char *key)
{
    const char *value = aws_environment(variable);

    return value ? value : aws_setting(k->config, k->session->profile, key);
}

static uint64_t number(const struct aws_lookup *k, const char *variable, const char *key,
                       uint64_t otherwise, uint64_t most)
{
    const char *text = option(k, variable, key);
    uint64_t n;

    if (!text || !num_parse_u64(text, strlen(text), &n) || n == 0)
        return otherwise;
    return n < most ? n : most;
}

static enum pb_err client(struct aws_lookup *k, struct error *e)
{
    unsigned limit = (unsigned)number(k, "AWS_METADATA_SERVICE_TIMEOUT", "metadata_service_timeout",
                                      LIMIT_S, LIMIT_MAX_S);
    const struct http_options o = {.direct = true,
                                   .connect_ms = limit * 1000,
                                   .stall_ms = limit * 1000,
                                   .attempts =
                                       (unsigned)number(k, "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
                                                        "metadata_service_num_attempts", 1, 10),
                                   .user_agent = "pklbrowse/" PACKAGE_VERSION};

    return k->session->metadata ? PB_OK : http_new(k->session->loop, &o, &k->session->metadata, e);
}

static const char *base(const struct aws_lookup *k)
{
    const char *given =
        option(k, "AWS_EC2_METADATA_SERVICE_ENDPOINT", "ec2_metadata_service_endpoint");
    const char *mode =
        option(k, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode");

    if (given)
        return given;
    return mode && strcasecmp(mode, "ipv6") == 0 ? "http://[fd00:ec2::254]"
                                                 : "http://169.254.169.254";
}

static void answered(void *ctx, const struct http_result *r, const struct error *e);

static enum pb_err send(struct aws_lookup *k, enum step step, struct error *e)
{
    struct metadata *m = k->state;
    const char *where = base(k);
    size_t n = strlen(where);
    enum pb_err err;

    while (n > 0 && where[n - 1] == '/')
        n--;
    m->step = step;
    aws_request_release(&m->request);
    aws_request_init(&m->request, k->session->metadata, step == STEP_TOKEN ? "PUT" : "GET");
    m->request.done = answered;
    m->request.ctx = k;
    err = aws_request_url(&m->request, e, "%.*s%s%s", (int)n, where,
                          step == STEP_TOKEN ? TOKEN_PATH : ROLE_PATH,
                          step == STEP_CREDENTIALS ? m->role : "");
    if (err == PB_OK && step == STEP_TOKEN)
        err = aws_request_header(&m->request, "x-aws-ec2-metadata-token-ttl-seconds", "21600", e);
    else if (err == PB_OK && m->token)
        err = aws_request_header(&m->request, "x-aws-ec2-metadata-token", m->token, e);
    return err == PB_OK ? aws_request_send(&m->request, e) : err;
}

/* A header's value or a part of an address: one line of plain characters, or nothing. */
static char *one_word(const struct buf *body)
{
    size_t n = 0;

    while (n < body->len && body->data[n] > ' ' && body->data[n] < 0x7f)
        n++;
    if (n == 0 || (n < body->len && body->data[n] != '\n' && body->data[n] != '\r'))
        return NULL;
    return mem_strndup(body->data, n);
}

/* When the service cannot renew a role it goes on handing out what it has, and so do we: servers
 * take them for longer than they say.  We look again soon. */
static bool extend(json_t *o)
{
    int64_t until, now = clock_now();
    struct buf text;
    bool ok = true;

    if (!aws_json_time(o, "Expiration", &until) || until > now)
        return true;
    log_line("the instance's credentials have ended: used on, for want of others");
    buf_init(&text, BUF_MAX_LINE);
    clock_format_iso(&text, now + EXTENDED_S);
    ok = text.failed == PB_OK && json_object_set_new(o, "Expiration", json_string(text.data)) == 0;
    buf_release(&text);
    return ok;
}

static enum aws_verdict take_credentials(struct aws_lookup *k, const struct http_result *r,
                                         struct error *e)
{
    json_t *o = aws_json_object(r->body.data, r->body.len);
    enum pb_err err;

    if (!o || !aws_json_text(o, "AccessKeyId")) { /* it says why in "Code" and "Message" */
        log_line("the instance's role gives no credentials");
        json_decref(o);
        return AWS_NOT_MINE;
    }
    err = !extend(o) ? error_nomem(e)
                     : aws_json_take(k, o, "Token", true, "the instance's metadata service", e,
                                     "EC2 instance metadata");
    json_decref(o);
    return err == PB_OK ? AWS_FOUND : AWS_FAILED;
}

/* Version 1 needs no token; it may be switched off. */
static bool version_1_allowed(const struct aws_lookup *k)
{
    return !aws_is_true(option(k, "AWS_EC2_METADATA_V1_DISABLED", "ec2_metadata_v1_disabled"));
}

static enum aws_verdict next(struct aws_lookup *k, const struct http_result *r,
                             const struct error *e, struct error *why)
{
    struct metadata *m = k->state;

    if (m->step == STEP_TOKEN) {
        bool refused = !e && (r->status == 403 || r->status == 404 || r->status == 405);
        bool silent = e && e->code == PB_ETIMEOUT;

        if (!e && r->status == 200) {
            m->token = one_word(&r->body);
            if (!m->token)
                return AWS_NOT_MINE;
        } else if (!(refused || silent) || !version_1_allowed(k)) {
            return AWS_NOT_MINE;
        }
        return send(k, STEP_ROLE, why) == PB_OK ? AWS_LATER : AWS_FAILED;
    }
    if (e || r->status != 200)
        return AWS_NOT_MINE;
    if (m->step == STEP_CREDENTIALS)
        return take_credentials(k, r, why);
    m->role = one_word(&r->body);
    if (!m->role)
        return AWS_NOT_MINE;
    return send(k, STEP_CREDENTIALS, why) == PB_OK ? AWS_LATER : AWS_FAILED;
}

static void answered(void *ctx, const struct http_result *r, const struct error *e)
{
    struct aws_lookup *k = ctx;
    struct error why = {0};
    enum aws_verdict verdict;

    if (e && e->code == PB_ECANCELED) {
        aws_lookup_end(k, AWS_FAILED, e);
        return;
    }
    verdict = next(k, r, e, &why);
    if (verdict == AWS_NOT_MINE && e)
        k->session->metadata_dead_until_us = clock_mono_us() + DEAD_US;
    if (verdict != AWS_LATER)
        aws_lookup_end(k, verdict, &why);
}

static enum aws_verdict ask(struct aws_lookup *k, struct error *e)
{
    struct metadata *m;

    if (clock_mono_us() < k->session->metadata_dead_until_us)
        return AWS_NOT_MINE;
    m = mem_alloc(sizeof *m);
    if (!m) {
        (void)error_nomem(e);
        return AWS_FAILED;
    }
    k->state = m;
    if (client(k, e) != PB_OK || send(k, STEP_TOKEN, e) != PB_OK)
        return AWS_FAILED;
    return AWS_LATER;
}

const struct aws_provider aws_by_metadata = {.name = "iam-role",
                                             .source = "Ec2InstanceMetadata",
                                             .guess = true,
                                             .configured = configured,
                                             .ask = ask,
                                             .stop = stop};
