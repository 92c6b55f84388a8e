/* Who may do what with an object. */
#include <string.h>

#include <pklbrowse/intl.h>

#include "gcs.h"

static enum pb_err read_acl(struct http_headers *rows, const struct buf *body, struct error *e)
{
    json_t *o = json_loadb(body->data, body->len, 0, NULL);
    const json_t *acl = json_object_get(o, "acl");
    struct buf text;
    enum pb_err err = PB_OK;
    size_t i;

    buf_init(&text, BUF_MAX_LINE);
    for (i = 0; err == PB_OK && i < json_array_size(acl); i++) {
        const json_t *one = json_array_get(acl, i);

        buf_clear(&text);
        buf_printf(&text, "%s: %s", gcs_text(one, "entity"), gcs_text(one, "role"));
        err = buf_status(&text, e);
        if (err == PB_OK && !strpbrk(text.data, "\r\n"))
            err = http_headers_add(rows, "Access", text.data, e);
    }
    buf_release(&text);
    json_decref(o);
    return err;
}

const struct cloud_detail gcs_parts_of_details[] = {
    {GCS_HEAD, "projection", "full", "Access", N_("these credentials may not read who has it"),
     true, read_acl},
    {0},
};
