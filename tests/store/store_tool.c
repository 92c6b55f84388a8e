/*
 * Drives the store operations from the command line, for the tests: one JSON object a line.
 *
 *   store_tool [--local | --gs | --azure] [--project P] [--profile P] [--endpoint-url U] [--region
 * R]
 * [--addressing path|virtual]
 *              [--no-sign-request] [--stall MS] [--log FILE] COMMAND ...
 *              [--cancel TURNS]   (end what runs after so many turns of the loop, then wait a
 * while) buckets list CONTAINER PREFIX [--recursive] [--max N] [--start-after KEY] [--pages N] head
 * CONTAINER KEY links CONTAINER KEY get CONTAINER KEY FILE [--offset N] [--length N] [--etag E
 * [--size N]] [--pause] put CONTAINER KEY FILE [--etag E | --absent | --always] [--hold FILE]
 * [--same AT:FROM:LEN,...] keep DIR CONTAINER KEY FILE (history; FILE is what is to be kept)
 * versions CONTAINER PREFIX [--recursive] rm CONTAINER KEY [--etag E] [--version V]
 * copy CONTAINER KEY CONTAINER KEY [--version V] [--etag E | --always]
 *
 * Keys and prefixes are percent-encoded.  put without a condition is what an edit does: HEAD (of
 * which it keeps identity and properties), then, as soon as the file of --hold is gone, the write.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include <pklbrowse/log.h>
#include <pklbrowse/num.h>
#include <pklbrowse/store.h>

#define MOST_MS 120000 /* no test waits longer */
#define MOST_PAUSES 40

struct tool {
    struct loop *loop;
    struct http *http;
    struct store *store;
    struct aws_config *config;
    struct aws_session *session;
    struct google_setup google;
    struct google_session *google_session;
    struct azure_session *azure_session;
    bool local, gs, azure, done, failed;
    const char *words[8];
    int count;

    /* Options of the commands. */
    const char *etag, *start_after, *hold, *same, *version, *project, *url;
    bool recursive, absent, always, pause, payer;
    uint64_t max, pages, offset, length, size, stall, cancel;

    struct buf key;
    struct store_list_request list;
    char *token;
    struct store_op *op;
    int fd;
    bool paused;
    unsigned pauses;
    struct source *body;
    struct store_object keep;
    struct store_identity identity;
};

static void say(json_t *o)
{
    if (json_dumpf(o, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) != 0)
        abort();
    (void)putchar('\n');
    json_decref(o);
}

static void finish(struct tool *t, const struct error *e)
{
    if (e)
        say(json_pack("{s:s, s:s, s:i, s:s, s:s}", "error", error_name(e->code), "message", e->msg,
                      "status", e->http_status, "code", e->server_code, "detail", e->detail));
    t->op = NULL;
    t->failed = e != NULL;
    t->done = true;
}

/* Names are bytes: shown percent-encoded. */
static json_t *name_of(const char *p, size_t n)
{
    struct buf b;
    json_t *text;

    buf_init(&b, BUF_MAX_LINE);
    uri_encode(&b, p, n, true);
    text = json_string(b.data);
    buf_release(&b);
    return text;
}

static json_t *headers_of(const struct http_headers *h)
{
    json_t *o = json_object();
    size_t i;

    for (i = 0; i < h->len; i++)
        json_object_set_new(o, h->data[i].name, json_string(h->data[i].value));
    return o;
}

static json_t *identity_of(const struct store_identity *id)
{
    return json_pack("{s:s?, s:s?, s:I, s:I}", "etag", id->etag, "version", id->version_id, "size",
                     (json_int_t)id->size, "mtime", (json_int_t)id->mtime);
}

static json_t *object_of(const struct store_object *o)
{
    return json_pack("{s:o, s:o, s:o, s:i, s:i}", "identity", identity_of(&o->identity), "keep",
                     headers_of(&o->keep), "shown", headers_of(&o->shown), "tags", (int)o->tags,
                     "mode", o->mode);
}

/* ---------------------------------------------------------------------------- listing */

static void next_page(struct tool *t);

static void on_page(void *ctx, struct store_page *page, const struct error *e)
{
    static const char *const kinds[] = {"container", "prefix", "object"};
    struct tool *t = ctx;
    size_t i;

    t->op = NULL;
    if (e) {
        finish(t, e);
        return;
    }
    for (i = 0; i < page->count; i++) {
        const struct store_entry *x = &page->entries[i];

        say(json_pack("{s:s, s:o, s:I, s:I, s:s?, s:s?, s:s?, s:b, s:b}", "kind", kinds[x->kind],
                      "name", name_of(x->name, x->len), "size", (json_int_t)x->size, "mtime",
                      (json_int_t)x->mtime, "etag", x->etag, "class", x->storage_class, "version",
                      x->version_id, "latest", x->latest, "deleted", x->deleted));
    }
    say(json_pack("{s:I, s:b}", "page", (json_int_t)page->count, "more", page->next != NULL));
    free(t->token);
    t->token = page->next ? strdup(page->next) : NULL;
    store_page_free(page);
    if (t->token && (t->pages == 0 || --t->pages > 0))
        next_page(t);
    else
        finish(t, NULL);
}

static void next_page(struct tool *t)
{
    struct error e = {0};

    if (strcmp(t->words[0], "buckets") == 0) {
        t->op = t->store->ops->list_containers(t->store, t->token, on_page, t, &e);
    } else if (strcmp(t->words[0], "versions") == 0) {
        t->list.token = t->token;
        t->op = t->store->ops->list_versions(t->store, &t->list, on_page, t, &e);
    } else {
        t->list.token = t->token;
        t->op = t->store->ops->list(t->store, &t->list, on_page, t, &e);
    }
    if (!t->op)
        finish(t, &e);
}

static void start_list(struct tool *t)
{
    t->list = (struct store_list_request){.container = t->words[1],
                                          .prefix = t->key.data,
                                          .prefix_len = t->key.len,
                                          .recursive = t->recursive,
                                          .start_after = t->start_after,
                                          .max = (unsigned)t->max};
    next_page(t);
}

/* ---------------------------------------------------------------------------- reading */

static void on_links(void *ctx, const struct http_headers *rows, const struct error *e)
{
    if (!e)
        say(headers_of(rows));
    finish(ctx, e);
}

static void on_head(void *ctx, const struct store_object *o, const struct error *e)
{
    if (!e)
        say(object_of(o));
    finish(ctx, e);
}

static void resume(void *ctx)
{
    struct tool *t = ctx;

    store_op_resume(t->op);
}

static enum pb_err to_file(void *ctx, const void *p, size_t n, struct error *e)
{
    struct tool *t = ctx;
    struct sink out = sink_fd(&t->fd);

    if (t->pause && !t->paused && t->pauses < MOST_PAUSES) {
        t->paused = true;
        t->pauses++;
        if (loop_timer_start(t->loop, 50, resume, t) == 0)
            return error_nomem(e);
        return PB_EAGAIN;
    }
    t->paused = false;
    return sink_write(&out, p, n, e);
}

static enum pb_err on_begin(void *ctx, const struct store_object *o, struct error *e)
{
    (void)ctx;
    (void)e;
    say(json_pack("{s:I}", "begin", (json_int_t)o->identity.size));
    return PB_OK;
}

static void on_read(void *ctx, const struct store_object *o, const struct error *e)
{
    on_head(ctx, o, e);
}

static void start_get(struct tool *t)
{
    struct store_identity expect = {.etag = (char *)(uintptr_t)t->etag, .size = t->size};
    struct store_read_request r = {.container = t->words[1],
                                   .key = t->key.data,
                                   .key_len = t->key.len,
                                   .version_id = t->version,
                                   .expect = t->etag ? &expect : NULL,
                                   .offset = t->offset,
                                   .length = t->length,
                                   .begin = on_begin,
                                   .to = {to_file, t}};
    struct error e = {0};

    t->fd = open(t->words[3], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (t->fd < 0)
        (void)error_set(&e, PB_EIO, "cannot write the file");
    else
        t->op = t->store->ops->read(t->store, &r, on_read, t, &e);
    if (!t->op)
        finish(t, &e);
}

/* ---------------------------------------------------------------------------- writing */

static void on_written(void *ctx, const struct store_identity *now, bool unchecked,
                       const struct error *e)
{
    if (!e)
        say(json_pack("{s:o, s:b}", "saved", identity_of(now), "unchecked", unchecked));
    finish(ctx, e);
}

/* What --same says, one range after the other. */
static size_t unchanged(const struct tool *t, struct store_range *r, size_t max)
{
    const char *p = t->same;
    size_t n = 0;
    char *end;

    for (; p && *p && n < max; n++) {
        r[n].at = strtoull(p, &end, 10);
        r[n].from = strtoull(end + 1, &end, 10);
        r[n].len = strtoull(end + 1, &end, 10);
        p = *end == ',' ? end + 1 : NULL;
    }
    return n;
}

static void write_now(struct tool *t, const struct store_object *keep)
{
    struct store_range same[16];
    struct store_write_request w = {.container = t->words[1],
                                    .key = t->key.data,
                                    .key_len = t->key.len,
                                    .body = t->body,
                                    .unchanged = same,
                                    .unchanged_count = unchanged(t, same, 16),
                                    .keep = keep,
                                    .condition = t->absent   ? STORE_IF_ABSENT
                                                 : t->always ? STORE_ALWAYS
                                                             : STORE_IF_SAME,
                                    .identity = t->absent || t->always ? NULL : &t->identity};
    struct error e = {0};

    t->op = t->store->ops->write(t->store, &w, on_written, t, &e);
    if (!t->op)
        finish(t, &e);
}

static void write_when_free(void *ctx)
{
    struct tool *t = ctx;

    if (t->hold && access(t->hold, F_OK) == 0) {
        if (loop_timer_start(t->loop, 20, write_when_free, t) == 0)
            t->done = true;
        return;
    }
    write_now(t, &t->keep);
}

static void on_before(void *ctx, const struct store_object *o, const struct error *e)
{
    struct tool *t = ctx;
    struct error error = {0};

    t->op = NULL;
    if (e) {
        finish(t, e);
        return;
    }
    if (store_object_copy(&t->keep, o, &error) != PB_OK ||
        store_identity_copy(&t->identity, &o->identity, &error) != PB_OK) {
        finish(t, &error);
        return;
    }
    say(json_pack("{s:o}", "read", identity_of(&o->identity)));
    (void)fflush(stdout);
    write_when_free(t);
}

static enum pb_err open_body(struct tool *t, const char *name, struct error *e)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return error_set(e, PB_EIO, "cannot read the file");
    return source_file(fd, name, &t->body, e);
}

static void start_put(struct tool *t)
{
    struct error e = {0};

    if (open_body(t, t->words[3], &e) != PB_OK) {
        finish(t, &e);
        return;
    }
    if (t->etag)
        t->identity.etag = strdup(t->etag);
    if (t->etag || t->absent || t->always) {
        write_now(t, NULL);
        return;
    }
    t->op =
        t->store->ops->head(t->store, t->words[1], t->key.data, t->key.len, NULL, on_before, t, &e);
    if (!t->op)
        finish(t, &e);
}

/* The object that is copied is looked at first. */
static void on_source(void *ctx, const struct store_object *o, const struct error *e)
{
    struct tool *t = ctx;
    struct error error = {0};
    struct buf key;

    t->op = NULL;
    if (e) {
        finish(t, e);
        return;
    }
    if (t->etag)
        t->identity.etag = strdup(t->etag);
    buf_init(&key, BUF_MAX_LINE);
    uri_decode(&key, t->words[4], strlen(t->words[4]), false);
    {
        struct store_copy_request q = {.from_container = t->words[1],
                                       .from_key = t->key.data,
                                       .from_len = t->key.len,
                                       .version_id = t->version,
                                       .from = o,
                                       .container = t->words[3],
                                       .key = key.data,
                                       .key_len = key.len,
                                       .condition = t->etag     ? STORE_IF_SAME
                                                    : t->always ? STORE_ALWAYS
                                                                : STORE_IF_ABSENT,
                                       .identity = t->etag ? &t->identity : NULL};

        t->op = t->store->ops->copy(t->store, &q, on_written, t, &error);
    }
    buf_release(&key);
    if (!t->op)
        finish(t, &error);
}

static void on_removed(void *ctx, const char *marker, const struct error *e)
{
    if (!e)
        say(json_pack("{s:b, s:s?}", "removed", true, "marker", marker));
    finish(ctx, e);
}

static void start_remove(struct tool *t)
{
    struct store_identity identity = {.etag = (char *)(uintptr_t)t->etag};
    struct store_remove_request r = {.container = t->words[1],
                                     .key = t->key.data,
                                     .key_len = t->key.len,
                                     .version_id = t->version,
                                     .identity = t->etag ? &identity : NULL};
    struct error e = {0};

    t->op = t->store->ops->remove(t->store, &r, on_removed, t, &e);
    if (!t->op)
        finish(t, &e);
}

static void on_details(void *ctx, const struct http_headers *rows, const struct error *e)
{
    size_t i;

    for (i = 0; !e && i < rows->len; i++)
        say(json_pack("{s:s, s:s}", "detail", rows->data[i].name, "value", rows->data[i].value));
    finish(ctx, e);
}

static void run_keep(struct tool *t)
{
    struct history *h = NULL;
    struct location where = {0};
    struct store_identity id = {.etag = (char[]){"\"abc\""}, .size = 3, .mtime = 1};
    struct error e = {0};
    char *name = NULL;
    enum pb_err err = open_body(t, t->words[4], &e);

    if (err == PB_OK)
        err = history_open(t->words[1], &h, &e);
    if (err == PB_OK)
        err = location_make(&where, LOC_S3, t->words[2], t->words[3], strlen(t->words[3]), &e);
    if (err == PB_OK)
        err = history_keep(h, &where, &id, t->body, &name, &e);
    if (err == PB_OK)
        say(json_pack("{s:s?}", "kept", name));
    history_close(h);
    location_release(&where);
    free(name);
    finish(t, err == PB_OK ? NULL : &e);
}

/* ------------------------------------------------------------------------------- main */

static void start_command(struct tool *t)
{
    const char *what = t->words[0];
    struct error e = {0};

    if (t->count > 2)
        uri_decode(&t->key, t->words[2], strlen(t->words[2]), false);
    if (strcmp(what, "buckets") == 0 && t->count == 1) {
        next_page(t);
    } else if ((strcmp(what, "list") == 0 || strcmp(what, "versions") == 0) && t->count == 3) {
        start_list(t);
    } else if (strcmp(what, "get") == 0 && t->count == 4) {
        start_get(t);
    } else if (strcmp(what, "put") == 0 && t->count == 4) {
        start_put(t);
    } else if (strcmp(what, "keep") == 0 && t->count == 5) {
        run_keep(t);
    } else if (strcmp(what, "rm") == 0 && t->count == 3) {
        start_remove(t);
    } else if (strcmp(what, "details") == 0 && t->count == 3) {
        t->op = t->store->ops->details(t->store, t->words[1], t->key.data, t->key.len, t->version,
                                       on_details, t, &e);
        if (!t->op)
            finish(t, &e);
    } else if (strcmp(what, "links") == 0 && t->count == 3) {
        t->op = t->store->ops->links(t->store, t->words[1], t->key.data, t->key.len, NULL, on_links,
                                     t, &e);
        if (!t->op)
            finish(t, &e);
    } else if (strcmp(what, "copy") == 0 && t->count == 5 && t->store->ops->copy) {
        t->op = t->store->ops->head(t->store, t->words[1], t->key.data, t->key.len, t->version,
                                    on_source, t, &e);
        if (!t->op)
            finish(t, &e);
    } else if (strcmp(what, "head") == 0 && t->count == 3) {
        t->op = t->store->ops->head(t->store, t->words[1], t->key.data, t->key.len, t->version,
                                    on_head, t, &e);
        if (!t->op)
            finish(t, &e);
    } else {
        (void)error_set(&e, PB_EUSAGE, "see the head of store_tool.c");
        finish(t, &e);
    }
}

static enum pb_err number(const char *text, uint64_t *out, struct error *e)
{
    if (text && num_parse_u64(text, strlen(text), out))
        return PB_OK;
    return error_set(e, PB_EUSAGE, "a number was expected");
}

static enum pb_err parse(struct tool *t, struct aws_options *o, char **argv, struct error *e)
{
    const struct {
        const char *name;
        const char **text;
        bool *flag;
        uint64_t *value;
    } options[] = {
        {"--profile", &o->profile, NULL, NULL},
        {"--endpoint-url", &o->endpoint_url, NULL, NULL},
        {"--region", &o->region, NULL, NULL},
        {"--etag", &t->etag, NULL, NULL},
        {"--start-after", &t->start_after, NULL, NULL},
        {"--hold", &t->hold, NULL, NULL},
        {"--same", &t->same, NULL, NULL},
        {"--version", &t->version, NULL, NULL},
        {"--project", &t->project, NULL, NULL},
        {"--url", &t->url, NULL, NULL},
        {"--azure", NULL, &t->azure, NULL},
        {"--local", NULL, &t->local, NULL},
        {"--gs", NULL, &t->gs, NULL},
        {"--request-payer", NULL, &t->payer, NULL},
        {"--no-sign-request", NULL, &o->no_sign_request, NULL},
        {"--recursive", NULL, &t->recursive, NULL},
        {"--absent", NULL, &t->absent, NULL},
        {"--always", NULL, &t->always, NULL},
        {"--pause", NULL, &t->pause, NULL},
        {"--max", NULL, NULL, &t->max},
        {"--pages", NULL, NULL, &t->pages},
        {"--offset", NULL, NULL, &t->offset},
        {"--size", NULL, NULL, &t->size},
        {"--length", NULL, NULL, &t->length},
        {"--stall", NULL, NULL, &t->stall},
        {"--cancel", NULL, NULL, &t->cancel},
    };
    enum pb_err err = PB_OK;
    size_t i;

    for (argv++; err == PB_OK && *argv; argv++) {
        for (i = 0; i < sizeof options / sizeof *options; i++)
            if (strcmp(*argv, options[i].name) == 0)
                break;
        if (i < sizeof options / sizeof *options) {
            if (options[i].flag)
                *options[i].flag = true;
            else if (options[i].text)
                *options[i].text = *++argv;
            else
                err = number(*++argv, options[i].value, e);
        } else if (strcmp(*argv, "--log") == 0) {
            err = log_open(*++argv, e);
        } else if (strcmp(*argv, "--addressing") == 0) {
            o->addressing =
                strcmp(*++argv, "path") == 0 ? AWS_ADDRESSING_PATH : AWS_ADDRESSING_VIRTUAL;
        } else if (t->count == 8) {
            err = error_set(e, PB_EUSAGE, "too many words");
        } else {
            t->words[t->count++] = *argv;
        }
    }
    return err == PB_OK && t->count == 0 ? error_set(e, PB_EUSAGE, "no command") : err;
}

static enum pb_err open_s3(struct tool *t, const struct aws_options *o, struct error *e)
{
    struct http_options h = {
        .user_agent = "store_tool", .stall_ms = (unsigned)t->stall, .backoff_ms = 100};
    struct aws_setup setup = {0};
    enum pb_err err = aws_config_load(&t->config, e);

    if (err == PB_OK)
        err = aws_setup_resolve(&setup, t->config, o, e);
    if (err == PB_OK)
        err = http_new(t->loop, &h, &t->http, e);
    if (err == PB_OK && !setup.anonymous)
        err = aws_session_new(t->loop, t->http, t->config, &setup, &t->session, e);
    if (err == PB_OK)
        err = store_s3_new(t->loop, t->http, &setup, t->session, &t->store, e);
    aws_setup_release(&setup);
    return err;
}

static enum pb_err open_gs(struct tool *t, const struct aws_options *o, struct error *e)
{
    const struct http_options h = {
        .user_agent = "store_tool", .stall_ms = (unsigned)t->stall, .backoff_ms = 100};
    const struct google_options g = {
        .project = t->project, .anonymous = o->no_sign_request, .user_pays = t->payer};
    enum pb_err err = google_setup_resolve(&t->google, &g, e);

    if (err == PB_OK)
        err = http_new(t->loop, &h, &t->http, e);
    if (err == PB_OK)
        err = google_session_new(t->loop, t->http, &t->google, &t->google_session, e);
    if (err == PB_OK)
        err = store_gcs_new(t->loop, t->http, &t->google, t->google_session, &t->store, e);
    return err;
}

static enum pb_err open_azure(struct tool *t, const struct aws_options *o, struct error *e)
{
    struct http_options h = {.ca_bundle = getenv("AWS_CA_BUNDLE"),
                             .user_agent = "store_tool",
                             .stall_ms = (unsigned)t->stall,
                             .backoff_ms = 100};
    struct azure_setup setup = {0};
    enum pb_err err = azure_setup_resolve(&setup, o->no_sign_request, e);

    if (err == PB_OK)
        err = http_new(t->loop, &h, &t->http, e);
    if (err == PB_OK)
        err = azure_session_new(t->loop, t->http, setup.authority, &t->azure_session, e);
    if (err == PB_OK)
        err = store_azure_new(t->loop, t->http, &setup, t->azure_session, &t->store, e);
    if (err == PB_OK && t->url)
        err = store_azure_learn(t->store, t->url, e);
    azure_setup_release(&setup);
    return err;
}

static enum pb_err open_store(struct tool *t, const struct aws_options *o, struct error *e)
{
    if (t->local)
        return store_local_new(t->loop, &t->store, e);
    if (t->azure)
        return open_azure(t, o, e);
    return t->gs ? open_gs(t, o, e) : open_s3(t, o, e);
}

static void too_long(void *ctx)
{
    struct error e = {0};

    (void)error_set(&e, PB_ETIMEOUT, "the test took too long");
    finish(ctx, &e);
}

/* The operation is given up in the middle; nothing may call back after that. */
static enum pb_err give_up(struct tool *t, struct error *e)
{
    enum pb_err err = PB_OK;
    uint64_t turn;

    for (turn = 0; err == PB_OK && !t->done && turn < t->cancel; turn++)
        err = loop_turn(t->loop, 100, e);
    store_op_cancel(t->op);
    t->op = NULL;
    if (!t->done)
        say(json_pack("{s:b}", "cancelled", true));
    for (turn = 0; err == PB_OK && turn < 5; turn++)
        err = loop_turn(t->loop, 10, e);
    t->done = true;
    return err;
}

int main(int argc, char **argv)
{
    struct tool t = {.fd = -1};
    struct aws_options o = {0};
    struct error e = {0};
    enum pb_err err;

    (void)argc;
    buf_init(&t.key, BUF_MAX_LINE);
    store_object_init(&t.keep);
    err = loop_new(&t.loop, &e);
    if (err == PB_OK)
        err = parse(&t, &o, argv, &e);
    if (err == PB_OK)
        err = open_store(&t, &o, &e);
    if (err == PB_OK && loop_timer_start(t.loop, MOST_MS, too_long, &t) == 0)
        err = error_nomem(&e);
    if (err == PB_OK) {
        start_command(&t);
        err = t.cancel ? give_up(&t, &e) : loop_until(t.loop, &t.done, &e);
    }
    if (err != PB_OK)
        finish(&t, &e);
    store_free(t.store);
    aws_session_free(t.session);
    azure_session_free(t.azure_session);
    aws_config_free(t.config);
    google_session_free(t.google_session);
    google_setup_release(&t.google);
    http_free(t.http);
    loop_free(t.loop);
    source_free(t.body);
    store_object_release(&t.keep);
    store_identity_release(&t.identity);
    buf_release(&t.key);
    free(t.token);
    log_close();
    if (t.fd >= 0)
        (void)close(t.fd);
    return t.failed;
}
