#include <stdlib.h>
#include <string.h>

#include <pklbrowse/aws.h>
#include <pklbrowse/mem.h>

/* A key of 1,024 bytes is three times as long when encoded; continuation tokens are longer. */
#define PARAM_MAX (64u * 1024u)

static enum pb_err encoded(char **out, const char *s, size_t n, struct error *e)
{
    struct buf b;
    enum pb_err err;

    buf_init(&b, PARAM_MAX);
    uri_encode(&b, s, n, false);
    err = buf_status(&b, e);
    if (err == PB_OK) {
        *out = b.len == 0 ? mem_strdup("") : buf_take(&b, NULL);
        if (!*out)
            err = error_nomem(e);
    }
    buf_release(&b);
    return err;
}

enum pb_err aws_query_add(struct aws_query *q, const char *name, const char *value,
                          size_t value_len, struct error *e)
{
    struct aws_param p = {NULL, NULL};
    enum pb_err err = encoded(&p.name, name, strlen(name), e);

    if (err == PB_OK)
        err = encoded(&p.value, value ? value : "", value ? value_len : 0, e);
    if (err == PB_OK && !vec_push(q, p))
        err = error_nomem(e);
    if (err != PB_OK) {
        free(p.name);
        free(p.value);
    }
    return err;
}

/* By encoded name, then by encoded value: both are plain ASCII. */
static int by_name_and_value(const void *a, const void *b)
{
    const struct aws_param *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order ? order : strcmp(x->value, y->value);
}

enum pb_err aws_query_format(struct aws_query *q, struct buf *out, struct error *e)
{
    size_t i;

    if (q->len > 1)
        qsort(q->data, q->len, sizeof *q->data, by_name_and_value);
    for (i = 0; i < q->len; i++) {
        if (i > 0)
            buf_putc(out, '&');
        buf_puts(out, q->data[i].name);
        buf_putc(out, '=');
        buf_puts(out, q->data[i].value);
    }
    return buf_status(out, e);
}

void aws_query_release(struct aws_query *q)
{
    size_t i;

    for (i = 0; i < q->len; i++) {
        free(q->data[i].name);
        free(q->data[i].value);
    }
    vec_release(q);
}
