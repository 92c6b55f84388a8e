/*
 * A large write in blocks: which ones the blob has, those that must be sent or copied, several side
 * by side, and the list that makes them a blob, under the write's condition.
 *
 * Blocks without a list are no harm: the service forgets them after a week, and with the next list
 * at once.  All ids of a blob have the same length, so ours are as long as those that are there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/log.h>
#include <pklbrowse/num.h>
#include <pklbrowse/xml.h>

#include "azure_plan.h"
#include "azure_write.h"
#include "cloud_pieces.h"

#define ID_BYTES 24 /* of new ids, where there are none yet */
#define ID_BYTES_MAX 64
#define ID_BYTES_MIN 16 /* shorter ones leave no room for what tells ours from them */
#define WHOLE_MAX ((uint64_t)4000 << 20) /* that goes in one piece */
#define ID_TEXT_MAX 96

struct old_block {
    char *id; /* base64 */
    uint64_t size;
};

struct azure_blocks {
    struct azure_write_op *w;
    bool listed, planned, copies;
    struct {
        struct old_block *data;
        size_t len, cap;
    } old;
    size_t id_bytes;
    char nonce[2 * ID_BYTES_MAX + 1];
    struct azure_plan plan;
    struct cloud_pieces pieces; /* the blocks of the plan, as they are made */
    struct source *nothing;     /* the body of a copy */
    struct buf list;
    struct source *list_source;
};

static void make_plan(struct azure_write_op *w);
static const struct cloud_pieces_kind blocks_kind;

/* ----------------------------------------------------------------------------- its life */

static void forget_old(struct azure_blocks *b)
{
    for (size_t i = 0; i < b->old.len; i++)
        free(b->old.data[i].id);
    b->old.len = 0;
}

void azure_blocks_free(struct azure_blocks *b)
{
    if (!b)
        return;
    cloud_pieces_reset(&b->pieces, 0, 0);
    forget_old(b);
    vec_release(&b->old);
    azure_plan_release(&b->plan);
    source_free(b->nothing);
    source_free(b->list_source);
    buf_release(&b->list);
    free(b);
}

enum pb_err azure_blocks_new(struct azure_write_op *w, struct azure_blocks **out, struct error *e)
{
    struct azure_blocks *b = mem_alloc(sizeof *b);

    *out = NULL;
    if (!b)
        return error_nomem(e);
    b->w = w;
    b->id_bytes = ID_BYTES;
    b->copies = !azure_write_store(w)->no_copy;
    buf_init(&b->list, SIZE_MAX / 2);
    cloud_pieces_init(&b->pieces, &blocks_kind, &w->c);
    b->nothing = source_mem("", 0, false);
    if (!b->nothing) {
        azure_blocks_free(b);
        return error_nomem(e);
    }
    *out = b;
    return PB_OK;
}

void azure_blocks_progress(const struct azure_blocks *b, struct http_progress *out)
{
    cloud_pieces_progress(&b->pieces, out);
}

/* ------------------------------------------------------------------ the blocks there are */

struct parse {
    struct azure_blocks *b;
    char id[ID_TEXT_MAX];
    uint64_t size;
    bool failed;
};

static void on_end(void *ctx, const char *path, const char *text, size_t len)
{
    struct parse *p = ctx;
    struct old_block block = {.size = p->size};

    if (strcmp(path, "BlockList/CommittedBlocks/Block/Name") == 0) {
        p->failed |= len >= sizeof p->id;
        (void)snprintf(p->id, sizeof p->id, "%s", text);
    } else if (strcmp(path, "BlockList/CommittedBlocks/Block/Size") == 0) {
        p->failed |= !num_parse_u64(text, len, &p->size);
    } else if (strcmp(path, "BlockList/CommittedBlocks/Block") == 0 && !p->failed) {
        block.id = mem_strdup(p->id);
        if (block.id && vec_push(&p->b->old, block))
            return;
        free(block.id);
        p->failed = true;
    }
}

/* What cannot be read or used is as if there were none: everything is sent. */
static bool read_list(struct azure_blocks *b, const struct http_result *r)
{
    const char *etag = http_headers_get(&r->headers, "ETag");
    struct parse p = {.b = b};
    struct xml_handler handler = {.end = on_end, .ctx = &p};
    size_t bom = r->body.len >= 3 && memcmp(r->body.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    uint64_t sum = 0;
    struct xml *x = NULL;
    bool good = etag && store_identity_matches(&b->w->c.before.identity, etag) &&
                xml_new(&handler, &x, NULL) == PB_OK;

    good = good && xml_feed(x, r->body.data + bom, r->body.len - bom, NULL) == PB_OK &&
           xml_finish(x, NULL) == PB_OK && !p.failed;
    xml_free(x);
    for (size_t i = 0; good && i < b->old.len; i++)
        good = num_add(sum, b->old.data[i].size, &sum);
    return good && sum == b->w->c.before.identity.size;
}

/* How long the ids are that are to be kept; false: ours cannot be like them. */
static bool take_id_length(struct azure_blocks *b)
{
    const char *id = b->old.len > 0 ? b->old.data[0].id : NULL;
    struct buf plain;
    bool good = true;

    buf_init(&plain, BUF_MAX_LINE);
    if (id)
        good = base64_decode(&plain, id, strlen(id)) && plain.len >= ID_BYTES_MIN &&
               plain.len <= ID_BYTES_MAX;
    if (id && good)
        b->id_bytes = plain.len;
    buf_release(&plain);
    return good;
}

/* The blob has blocks that ours do not go with: it is written in one piece. */
static bool go_whole(struct azure_write_op *w)
{
    if (w->c.body->size > WHOLE_MAX)
        return false;
    log_line("the blob has blocks of another kind: all of it is sent");
    azure_blocks_free(w->blocks);
    w->blocks = NULL;
    azure_write_whole(w);
    return true;
}

static void listed(void *ctx, const struct http_result *r, const struct error *e)
{
    struct azure_write_op *w = ctx;
    struct azure_blocks *b = w->blocks;

    if (e) {
        cloud_write_fail(&w->c, e);
        return;
    }
    b->listed = true;
    if (r->status / 100 != 2 || !read_list(b, r)) {
        log_line("the blocks of the blob are not known: none is kept");
        forget_old(b);
    }
    if (!take_id_length(b)) {
        forget_old(b);
        if (go_whole(w))
            return;
    }
    make_plan(w);
}

static void ask_list(struct azure_write_op *w)
{
    struct error error = {0};
    enum pb_err err = cloud_write_begin(&w->c, AZURE_GET_BLOCKS, listed, &error);

    if (err == PB_OK)
        err = cloud_param(&w->request.q, "comp", "blocklist", &error);
    if (err == PB_OK)
        err = cloud_param(&w->request.q, "blocklisttype", "committed", &error);
    if (err == PB_OK)
        err = cloud_request_send(&w->request.q, &error);
    if (err != PB_OK)
        cloud_write_fail(&w->c, &error);
}

/* --------------------------------------------------------------------------- the plan */

/* New for each write, so that nobody else's block has our id. */
static enum pb_err make_nonce(struct azure_blocks *b, struct error *e)
{
    uint8_t hash[SHA256_LEN];
    struct buf seed;
    enum pb_err err;

    buf_init(&seed, BUF_MAX_LINE);
    buf_printf(&seed, "%lld %llu %ld %s", (long long)clock_now(),
               (unsigned long long)clock_mono_us(), (long)getpid(), b->w->c.digest.checks.md5);
    err = buf_status(&seed, e);
    if (err == PB_OK)
        err = sha256(seed.data, seed.len, hash, e);
    if (err == PB_OK)
        hex_text(b->nonce, hash, sizeof hash);
    buf_release(&seed);
    return err;
}

static void make_plan(struct azure_write_op *w)
{
    struct azure_blocks *b = w->blocks;
    uint64_t *sizes = mem_alloc((b->old.len + 1) * sizeof *sizes);
    struct error e = {0};
    enum pb_err err = sizes ? PB_OK : error_nomem(&e);

    for (size_t i = 0; err == PB_OK && i < b->old.len; i++)
        sizes[i] = b->old.data[i].size;
    azure_plan_release(&b->plan);
    if (err == PB_OK)
        err = azure_plan_make(&b->plan, w->c.body->size, sizes, b->old.len, w->unchanged,
                              w->unchanged_count, b->copies, &e);
    free(sizes);
    if (err == PB_OK)
        err = make_nonce(b, &e);
    if (err != PB_OK) {
        cloud_write_fail(&w->c, &e);
        return;
    }
    b->planned = true;
    cloud_pieces_reset(&b->pieces, b->plan.len, b->plan.sent);
    cloud_pieces_go(&b->pieces);
}

/* The id of a piece of ours: a number and enough of the nonce, as long as the others. */
static void put_id(struct buf *out, const struct azure_blocks *b, size_t piece)
{
    char id[ID_BYTES_MAX + 1];
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text, "%05zx%s%s", piece, b->nonce, b->nonce);
    (void)snprintf(id, sizeof id, "%s", text.data);
    base64_encode(out, id, b->id_bytes);
    buf_release(&text);
}

/* -------------------------------------------------------------------------- the pieces */

static struct azure_write_op *write_of(const struct cloud_slot *s)
{
    return (struct azure_write_op *)s->all->w;
}

static const struct azure_piece *block_of(const struct cloud_slot *s)
{
    return &write_of(s)->blocks->plan.data[s->piece];
}

static void send_everything(struct azure_write_op *w, const char *why)
{
    struct azure_blocks *b = w->blocks;

    log_line("%s: it is sent instead", why);
    azure_write_store(w)->no_copy = true;
    b->copies = false;
    cloud_pieces_reset(&b->pieces, 0, 0);
    make_plan(w);
}

/* Takes the whole write with it. */
static void block_failed(struct cloud_slot *s, const struct http_result *r)
{
    struct azure_write_op *w = write_of(s);
    const struct azure_piece *piece = block_of(s);
    struct cloud_problem p;
    struct error e = {0};

    azure_problem_read(&p, r);
    (void)cloud_problem_error(&p, s->request, r, &e);
    if (piece->kind == AZURE_COPY && cloud_problem_is(&p, "SourceConditionNotMet"))
        cloud_write_conflict(&w->c);
    else if (piece->kind == AZURE_COPY && r->status / 100 != 2)
        send_everything(w, "the server does not copy blocks");
    else if (!(cloud_problem_is(&p, "InvalidBlobOrBlock") && go_whole(w)))
        cloud_write_fail(&w->c, &e);
}

static bool block_answered(struct cloud_slot *s, const struct http_result *r)
{
    if (r->status / 100 == 2)
        return true;
    block_failed(s, r);
    return false;
}

static enum pb_err copy_headers(struct cloud_slot *s, struct error *e)
{
    const struct store_identity *old = &s->all->w->before.identity;
    const struct azure_piece *piece = block_of(s);
    struct buf text;
    enum pb_err err = azure_request_source((struct azure_request *)s->request, e);

    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text, "bytes=%llu-%llu", (unsigned long long)piece->from,
               (unsigned long long)(piece->from + piece->len - 1));
    if (err == PB_OK)
        err = buf_status(&text, e);
    if (err == PB_OK)
        err = cloud_header(s->request, "x-ms-source-range", text.data, e);
    if (err == PB_OK && old->etag)
        err = cloud_header(s->request, "x-ms-source-if-match", old->etag, e);
    if (err == PB_OK)
        err = cloud_header(s->request, "x-ms-source-content-md5", s->digest.checks.md5, e);
    buf_release(&text);
    return err;
}

static enum pb_err ask_block(struct cloud_slot *s, struct error *e)
{
    const struct azure_blocks *b = write_of(s)->blocks;
    bool copied = block_of(s)->kind == AZURE_COPY;
    struct buf id;
    enum pb_err err;

    s->request->body = copied ? b->nothing : s->body;
    buf_init(&id, BUF_MAX_LINE);
    put_id(&id, b, s->piece);
    err = buf_status(&id, e);
    if (err == PB_OK)
        err = cloud_param(s->request, "comp", "block", e);
    if (err == PB_OK)
        err = cloud_param(s->request, "blockid", id.data, e);
    buf_release(&id);
    if (err != PB_OK)
        return err;
    return copied ? copy_headers(s, e)
                  : cloud_header(s->request, "Content-MD5", s->digest.checks.md5, e);
}

static struct cloud_piece piece_of(const struct cloud_write *c, size_t i)
{
    const struct azure_piece *p = &((const struct azure_write_op *)c)->blocks->plan.data[i];

    return (struct cloud_piece){.at = p->at,
                                .len = p->len,
                                .there = p->kind == AZURE_REUSE,
                                .sent = p->kind == AZURE_SEND,
                                .summed = true};
}

static void blocks_there(struct cloud_write *c)
{
    azure_blocks_go((struct azure_write_op *)c);
}

static const struct cloud_pieces_kind blocks_kind = {.action = AZURE_BLOCK,
                                                     .checks = CLOUD_MD5,
                                                     .piece = piece_of,
                                                     .ask = ask_block,
                                                     .answered = block_answered,
                                                     .all_there = blocks_there};

/* ----------------------------------------------------------------------------- its end */

static enum pb_err make_list(struct azure_blocks *b, struct error *e)
{
    enum pb_err err;

    buf_clear(&b->list);
    buf_puts(&b->list, "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
    for (size_t i = 0; i < b->plan.len; i++) {
        const struct azure_piece *piece = &b->plan.data[i];
        const char *kind = piece->kind == AZURE_REUSE ? "Committed" : "Uncommitted";

        buf_printf(&b->list, "<%s>", kind);
        if (piece->kind == AZURE_REUSE)
            buf_puts(&b->list, b->old.data[piece->block].id);
        else
            put_id(&b->list, b, i);
        buf_printf(&b->list, "</%s>", kind);
    }
    buf_puts(&b->list, "</BlockList>");
    err = buf_status(&b->list, e);
    source_free(b->list_source);
    b->list_source = err == PB_OK ? source_mem(b->list.data, b->list.len, false) : NULL;
    return err == PB_OK && !b->list_source ? error_nomem(e) : err;
}

static void put_list(struct azure_write_op *w)
{
    struct azure_blocks *b = w->blocks;
    bool skewed = w->request.skewed;
    struct error e = {0};
    enum pb_err err = cloud_write_begin(&w->c, AZURE_PUT_BLOCKS, azure_write_answered, &e);

    w->request.skewed = skewed;
    if (err == PB_OK)
        err = make_list(b, &e);
    w->request.q.body = b->list_source;
    if (err == PB_OK)
        err = cloud_param(&w->request.q, "comp", "blocklist", &e);
    if (err == PB_OK)
        err = azure_put_headers(w, &e);
    if (err == PB_OK)
        err = cloud_request_send(&w->request.q, &e);
    if (err != PB_OK)
        cloud_write_fail(&w->c, &e);
}

void azure_blocks_go(struct azure_write_op *w)
{
    struct azure_blocks *b = w->blocks;

    if (!b->listed && w->c.there && w->unchanged_count > 0)
        ask_list(w);
    else if (!b->planned)
        make_plan(w);
    else if (b->pieces.done < b->pieces.count)
        cloud_pieces_go(&b->pieces);
    else
        put_list(w);
}
