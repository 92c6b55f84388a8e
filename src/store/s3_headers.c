/* Between the headers of an answer and what is known of an object. */
#include <string.h>
#include <strings.h>

#include "s3.h"

/* An overwrite loses these unless they are sent again. */
static const char *const kept[] = {
    "Content-Type",
    "Content-Encoding",
    "Content-Disposition",
    "Content-Language",
    "Cache-Control",
    "Expires",
    "x-amz-storage-class",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-context",
    "x-amz-server-side-encryption-bucket-key-enabled",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-website-redirect-location",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-object-lock-legal-hold",
};

static const char *const hidden[] = {
    "x-amz-request-id",
    "x-amz-id-2",
    "x-amz-version-id",
    NULL,
};

static bool is_kept(const char *name)
{
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (strcasecmp(kept[i], name) == 0)
            return true;
    return strncasecmp(name, "x-amz-meta-", 11) == 0;
}

/*
 * "aws-chunked" in Content-Encoding says how the object was once sent; a careless server stored the
 * word. What is left of the list without it.
 */
static void without_aws_chunked(struct buf *out, const char *value)
{
    while (*value) {
        size_t n = strcspn(value, ","), begin = strspn(value, " \t"), end = n;

        while (end > begin && (value[end - 1] == ' ' || value[end - 1] == '\t'))
            end--;
        if (end > begin &&
            !(end - begin == 11 && strncasecmp(value + begin, "aws-chunked", 11) == 0)) {
            if (out->len > 0)
                buf_puts(out, ", ");
            buf_append(out, value + begin, end - begin);
        }
        value += n + (value[n] == ',');
    }
}

static enum pb_err keep(struct store_object *o, const struct http_headers *all,
                        const struct http_header *h, struct error *e)
{
    struct buf cleaned;
    enum pb_err err;

    (void)all;
    if (!is_kept(h->name))
        return PB_OK;
    if (strcasecmp(h->name, "Content-Encoding") != 0)
        return http_headers_add(&o->keep, h->name, h->value, e);
    buf_init(&cleaned, BUF_MAX_LINE);
    without_aws_chunked(&cleaned, h->value);
    err = buf_status(&cleaned, e);
    if (err == PB_OK && cleaned.len > 0)
        err = http_headers_add(&o->keep, h->name, cleaned.data, e);
    buf_release(&cleaned);
    return err;
}

enum pb_err s3_object_from(struct store_object *o, const struct http_result *r, struct error *e)
{
    static const struct cloud_names names = {"x-amz-version-id", "x-amz-tagging-count", hidden,
                                             keep};

    return cloud_object_from(o, r, &names, e);
}
