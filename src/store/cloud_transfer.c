/* Bytes that come in pieces, perhaps over several answers, from where the last one broke off. */
#include <string.h>

#include <pklbrowse/log.h>
#include <pklbrowse/num.h>

#include "cloud_read.h"

#define FRUITLESS_MAX 3 /* broken transfers in a row that brought nothing */

uint64_t cloud_transfer_wanted(const struct cloud_transfer *t, uint64_t size)
{
    uint64_t all = size - t->offset;

    return t->length && t->length < all ? t->length : all;
}

enum pb_err cloud_transfer_ask(struct cloud_transfer *t, struct cloud_request *r, struct error *e)
{
    uint64_t first = t->offset + t->given, last = 0;
    struct buf value;
    enum pb_err err;

    t->given_before = t->given;
    if (first == 0 && t->length == 0)
        return PB_OK;
    if (t->length && !num_add(t->offset, t->length - 1, &last))
        return error_set(e, PB_EUSAGE, "the range to read goes beyond every size");
    buf_init(&value, BUF_MAX_LINE);
    buf_printf(&value, "bytes=%llu-", (unsigned long long)first);
    if (t->length)
        buf_printf(&value, "%llu", (unsigned long long)last);
    err = buf_status(&value, e);
    if (err == PB_OK)
        err = cloud_header(r, "Range", value.data, e);
    buf_release(&value);
    return err;
}

bool cloud_transfer_head(struct cloud_transfer *t, const struct http_result *a)
{
    const char *range = http_headers_get(&a->headers, "Content-Range");
    uint64_t first = 0, want = t->offset + t->given;
    size_t n;

    t->part = a->status == 206;
    if (t->part) {
        n = range && strncmp(range, "bytes ", 6) == 0 ? strcspn(range + 6, "-") : 0;
        if (!n || !num_parse_u64(range + 6, n, &first) || first > want)
            return false;
    }
    /* 200: a server that knows no ranges sends all of it. */
    t->skip = want - first;
    return true;
}

enum pb_err cloud_transfer_take(struct cloud_transfer *t, const void *p, size_t n, struct error *e)
{
    const char *at = p;
    size_t before = t->skip < n ? (size_t)t->skip : n;
    uint64_t left = t->length ? t->length - t->given : UINT64_MAX;
    size_t use = n - before;
    enum pb_err err = PB_OK;

    if (use > left)
        use = (size_t)left;
    if (use > 0)
        err = sink_write(&t->to, at + before, use, e);
    if (err == PB_OK) { /* else, after PB_EAGAIN, the same bytes come again */
        t->skip -= before;
        t->given += use;
    }
    return err;
}

bool cloud_transfer_goes_on(struct cloud_transfer *t, const struct error *e)
{
    if (e->code != PB_ENET && e->code != PB_ETIMEOUT)
        return false;
    t->fruitless = t->given > t->given_before ? 0 : t->fruitless + 1;
    if (t->fruitless >= FRUITLESS_MAX)
        return false;
    log_line("the transfer broke off after %llu bytes and is continued",
             (unsigned long long)t->given);
    return true;
}
