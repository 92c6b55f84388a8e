/*
 * Google's dialect of the S3 client.
 *
 * Its XML API takes HMAC keys with Amazon's signature, and then knows no condition for writes: that
 * is a header of its own, x-goog-if-generation-match, which may not stand beside Amazon's.  So what
 * is held to a generation is signed in Google's way (GOOG4, which differs in its names alone), and
 * says everything in Google's words.  Who shows no generations (other servers behind the same
 * option) is held against a HEAD only.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pklbrowse/log.h>

#include "s3_write.h"

/* Google says this with every answer, also where nothing is. */
static bool is_google(const struct http_result *r)
{
    return http_headers_get(&r->headers, "X-GUploader-UploadID") != NULL;
}

/* The generation in an answer: CLOUD_SEEN bytes; "": none. */
static void read_generation(const struct http_result *r, char *out)
{
    const char *generation = http_headers_get(&r->headers, "x-goog-generation");
    size_t n = generation ? strlen(generation) : 0;

    memset(out, 0, CLOUD_SEEN);
    if (n > 0 && n < CLOUD_SEEN && strspn(generation, "0123456789") == n)
        memcpy(out, generation, n);
}

void s3_google_seen(const struct cloud_request *r, const struct http_result *looked, char *out)
{
    *out = '\0';
    if (s3_of(r)->google)
        read_generation(looked, out);
}

enum pb_err s3_google_hold(struct cloud_request *r, const char *generation, struct error *e)
{
    ((struct s3_request *)r)->goog4 = true;
    return cloud_header(r, "x-goog-if-generation-match", generation, e);
}

bool s3_google_note(struct cloud_write *c, const struct http_result *r)
{
    struct write_op *w = (struct write_op *)c;

    if (!s3_write_store(w)->google || w->generations_refused)
        return false;
    read_generation(r, w->generation);
    if (!*w->generation && r->status == 404 && is_google(r))
        w->generation[0] = '0'; /* there must be nothing */
    w->unconditional = !*w->generation;
    return false;
}

enum pb_err s3_google_condition(struct write_op *w, struct error *e)
{
    return s3_google_hold(&w->request.q, w->generation, e);
}

bool s3_google_refused(struct write_op *w, const struct http_result *r)
{
    if (!w->request.goog4 || (r->status != 400 && r->status != 403))
        return false;
    log_line("the server does not take Google's signature: held against a HEAD only");
    w->generations_refused = w->unconditional = true;
    return true;
}

enum pb_err s3_google_words(struct http_headers *h, struct error *e)
{
    for (size_t i = 0; i < h->len; i++) {
        const char *name = h->data[i].name;
        struct buf ours;
        char *copy;

        if (strncasecmp(name, "x-amz-", 6) != 0)
            continue;
        buf_init(&ours, BUF_MAX_LINE);
        buf_printf(&ours, "x-goog-%s", name + 6);
        copy = buf_status(&ours, NULL) == PB_OK ? mem_strdup(ours.data) : NULL;
        buf_release(&ours);
        if (!copy)
            return error_nomem(e);
        free(h->data[i].name);
        h->data[i].name = copy;
    }
    return PB_OK;
}
