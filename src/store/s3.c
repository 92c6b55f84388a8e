#include <stdlib.h>
#include <string.h>

#include "cloud_copy.h"
#include "s3.h"

static void s3_free(struct store *base)
{
    struct s3_store *s = (struct s3_store *)base;
    size_t i;

    for (i = 0; i < s->buckets.len; i++) {
        struct s3_bucket *b = s->buckets.data[i];

        free(b->name);
        free(b->region);
        free(b->endpoint);
        free(b);
    }
    vec_release(&s->buckets);
    aws_setup_release(&s->setup);
    free(s->project);
    free(s);
}

static const struct store_ops s3_ops = {
    .scheme = "s3",
    .list_containers = s3_list_containers,
    .list = s3_list,
    .head = cloud_head,
    .read = cloud_read,
    .write = s3_write,
    .copy = cloud_copy,
    .list_versions = s3_list_versions,
    .remove = cloud_remove,
    .details = cloud_details,
    .links = s3_links,
    .thaw = s3_thaw,
    .free = s3_free,
};

struct s3_bucket *s3_bucket(struct s3_store *s, const char *name)
{
    struct s3_bucket *b;
    size_t i;

    for (i = 0; i < s->buckets.len; i++)
        if (strcmp(s->buckets.data[i]->name, name) == 0)
            return s->buckets.data[i];
    b = mem_alloc(sizeof *b);
    if (b)
        b->name = mem_strdup(name);
    if (!b || !b->name || !vec_push(&s->buckets, b)) {
        if (b)
            free(b->name);
        free(b);
        return NULL;
    }
    return b;
}

enum pb_err store_s3_new(struct loop *l, struct http *h, const struct aws_setup *setup,
                         struct aws_session *session, struct store **out, struct error *e)
{
    struct s3_store *s = mem_alloc(sizeof *s);
    enum pb_err err;

    *out = NULL;
    if (!s)
        return error_nomem(e);
    s->c = (struct cloud_store){{.ops = &s3_ops, .loop = l}, &s3_kind, h};
    s->amazon = !setup->endpoint || strstr(setup->endpoint, ".amazonaws.com") != NULL;
    s->session = session;
    err = aws_setup_copy(&s->setup, setup, e);
    s->setup.anonymous |= session == NULL;
    if (err != PB_OK) {
        s3_free(&s->c.base);
        return err;
    }
    *out = &s->c.base;
    return PB_OK;
}

enum pb_err store_s3_of_google(struct store *base, const char *project, struct error *e)
{
    struct s3_store *s = (struct s3_store *)base;

    s->google = true;
    if (project && !(s->project = mem_strdup(project)))
        return error_nomem(e);
    return PB_OK;
}
