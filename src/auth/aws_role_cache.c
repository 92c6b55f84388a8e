/*
 * Assumed roles that are kept between runs, where and as the aws command line keeps them:
 * ~/.aws/cli/cache/SHA1.json, of the arguments as sorted JSON.  So nobody types a code twice.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/digest.h>
#include <pklbrowse/log.h>

#include "aws_chain.h"

#define WINDOW_S 900 /* what ends sooner is not worth beginning with */
#define FILE_MAX ((size_t)64 * 1024)

static bool set_text(json_t *o, const char *name, const char *value)
{
    return !value || json_object_set_new(o, name, json_string(value)) == 0;
}

static enum pb_err file_of(const struct aws_role_key *key, struct buf *path, struct error *e)
{
    json_t *o = json_object();
    bool ok = o && set_text(o, "RoleArn", key->role_arn) &&
              set_text(o, "RoleSessionName", key->session_name) &&
              set_text(o, "SerialNumber", key->serial) &&
              set_text(o, "ExternalId", key->external_id) &&
              (key->duration == 0 ||
               json_object_set_new(o, "DurationSeconds", json_integer(key->duration)) == 0);
    char *text = ok ? json_dumps(o, JSON_SORT_KEYS | JSON_ENSURE_ASCII) : NULL;
    uint8_t hash[SHA1_LEN];
    struct buf name;
    enum pb_err err;

    json_decref(o);
    if (!text)
        return error_nomem(e);
    buf_init(&name, BUF_MAX_LINE);
    err = sha1(text, strlen(text), hash, e);
    free(text);
    if (err == PB_OK) {
        buf_puts(&name, "cli/cache/");
        hex_encode(&name, hash, sizeof hash);
        buf_puts(&name, ".json");
        err = buf_status(&name, e);
    }
    if (err == PB_OK) {
        aws_home_file(path, name.data);
        err = path->len > 0 ? buf_status(path, e)
                            : error_set(e, PB_ENOTFOUND, "there is no home folder");
    }
    buf_release(&name);
    return err;
}

static enum pb_err take(const json_t *o, struct aws_sts_answer *out, struct error *e)
{
    const json_t *c = json_object_get(o, "Credentials");
    const char *access = aws_json_text(c, "AccessKeyId");
    const char *secret = aws_json_text(c, "SecretAccessKey");
    const char *token = aws_json_text(c, "SessionToken");
    int64_t expires;

    if (!access || !secret || !token || !aws_json_time(c, "Expiration", &expires) ||
        expires < clock_now() + WINDOW_S)
        return error_set(e, PB_ENOTFOUND, "no credentials that last are kept");
    *out = (struct aws_sts_answer){.access_key = mem_strdup(access),
                                   .secret_key = mem_strdup(secret),
                                   .session_token = mem_strdup(token),
                                   .expires = expires};
    if (out->access_key && out->secret_key && out->session_token)
        return PB_OK;
    aws_sts_answer_release(out);
    return error_nomem(e);
}

enum pb_err aws_role_cache_read(const struct aws_role_key *key, struct aws_sts_answer *out,
                                struct error *e)
{
    struct buf path, text;
    json_t *o = NULL;
    enum pb_err err;

    *out = (struct aws_sts_answer){0};
    buf_init(&path, BUF_MAX_LINE);
    buf_init(&text, FILE_MAX);
    err = file_of(key, &path, e);
    if (err == PB_OK && aws_read_file(path.data, &text, NULL) != PB_OK)
        err = error_set(e, PB_ENOTFOUND, "no credentials are kept");
    if (err == PB_OK) {
        o = aws_json_object(text.data, text.len);
        err = take(o, out, e);
    }
    json_decref(o);
    aws_wipe_buf(&text);
    buf_release(&path);
    return err;
}

/* The folders above the file, as the aws command line makes them. */
static void make_folders(char *path)
{
    char *slash = strstr(path, "/cli/cache/");

    if (!slash)
        return;
    for (int i = 0; i < 2 && slash; i++) {
        slash = strchr(slash + 1, '/');
        if (!slash)
            return;
        *slash = '\0';
        if (mkdir(path, 0700) != 0 && i == 1)
            log_line("the folder for kept credentials is there, or cannot be made");
        *slash = '/';
    }
}

void aws_role_cache_write(const struct aws_role_key *key, const struct aws_sts_answer *a)
{
    struct error e = {0};
    struct buf path, when;
    json_t *o = NULL;
    char *text = NULL;
    enum pb_err err;

    buf_init(&path, BUF_MAX_LINE);
    buf_init(&when, BUF_MAX_LINE);
    clock_format_iso(&when, a->expires);
    err = buf_status(&when, &e);
    if (err == PB_OK)
        err = file_of(key, &path, &e);
    if (err == PB_OK) {
        o = json_pack("{s:{s:s, s:s, s:s, s:s}}", "Credentials", "AccessKeyId", a->access_key,
                      "SecretAccessKey", a->secret_key, "SessionToken", a->session_token,
                      "Expiration", when.data);
        text = o ? json_dumps(o, 0) : NULL;
        err = text ? PB_OK : error_nomem(&e);
    }
    if (err == PB_OK) {
        make_folders(path.data);
        err = aws_write_file(path.data, text, strlen(text), &e);
    }
    if (err != PB_OK)
        log_line("the role's credentials are not kept: %s", e.msg);
    aws_wipe(&text);
    json_decref(o);
    buf_release(&when);
    buf_release(&path);
}
