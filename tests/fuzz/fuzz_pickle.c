/*
 * Any bytes as a pickle: indexed at once and a few bytes at a time, walked, printed in every form,
 * disassembled, audited.  Both indexes must agree, and a node found as a child must be found again
 * by its id.
 */
#include <string.h>

#include <pklbrowse/pkl_audit.h>
#include <pklbrowse/pkl_dis.h>
#include <pklbrowse/pkl_doc.h>
#include <pklbrowse/pkl_lens.h>
#include <pklbrowse/pkl_repr.h>
#include <pklbrowse/source.h>

#include "fuzz.h"

static enum pb_err swallow(void *ctx, const void *p, size_t n, struct error *e)
{
    uint64_t *left = ctx;

    (void)p;
    if (n > *left)
        return error_set(e, PB_ELIMIT, "enough");
    *left -= n;
    return PB_OK;
}

static void same_index(struct pkl_doc *a, struct pkl_doc *b)
{
    struct pkl_info x, y;
    struct error ea = {0}, eb = {0};
    enum pb_err of_a = pkl_doc_error(a, &ea), of_b = pkl_doc_error(b, &eb);

    pkl_doc_info(a, &x);
    pkl_doc_info(b, &y);
    MUST(of_a == of_b, ea.msg);
    MUST(strcmp(ea.msg, eb.msg) == 0, eb.msg);
    MUST(x.pickles == y.pickles && x.opcodes == y.opcodes && x.end == y.end, ea.msg);
    MUST(x.memo_puts == y.memo_puts && x.memo_gets == y.memo_gets, ea.msg);
}

static void print(struct pkl_view *v, const struct pkl_node *node)
{
    struct pkl_repr_opts opts = {.max_output = FUZZ_OUTPUT};
    uint64_t left = FUZZ_OUTPUT;
    struct sink to = {swallow, &left};
    struct error e;
    enum pb_err err;

    for (int style = PKL_REPR_LINE; style <= PKL_REPR_INDENT; style++) {
        opts.style = (enum pkl_repr_style)style;
        left = FUZZ_OUTPUT;
        err = pkl_repr(v, node, &opts, &to, &e);
        (void)err; /* a limit, or a place that is not readable: both are answers */
    }
    left = FUZZ_OUTPUT;
    err = pkl_json(v, node, &to, &e);
    (void)err;
}

static void look(struct pkl_view *v, const struct pkl_node *node)
{
    struct pkl_node again;
    struct buf text;
    struct error e = {0};
    enum pb_err err = v->node(v, node->id, &again, &e);

    MUST(err == PB_OK || err == PB_ENOMEM, e.msg);
    MUST(again.begin == node->begin && again.end == node->end && again.kind == node->kind &&
             again.count == node->count && again.target == node->target,
         "a node is not found again by its id");
    buf_init(&text, BUF_MAX_LINE);
    err = pkl_type_name(v, node, &text, &e);
    if (err == PB_OK)
        err = pkl_preview(v, node, 60, &text, &e);
    buf_release(&text);
}

static void walk(struct pkl_doc *d, struct pkl_view *v, uint64_t seed)
{
    struct pkl_child place;

    for (int i = 0; i < 16; i++) {
        if (!fuzz_go_down(v, &seed, &place))
            continue;
        look(v, &place.value);
        print(v, &place.value);
    }
    (void)d;
}

static void audit(struct pkl_doc *d)
{
    struct pkl_audit *a = NULL;
    bool done = false;
    struct error e;

    if (pkl_audit_new(d, &a, &e) != PB_OK)
        return;
    while (!done && pkl_audit_step(a, 512, &done, &e) == PB_OK)
        continue;
    pkl_audit_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pkl_dis_opts dis = {0};
    struct source *src = fuzz_source(data, size);
    struct pkl_doc *once = fuzz_index(src, UINT64_MAX), *steps = fuzz_index(src, 3);
    struct pkl_lenses *lenses = NULL;
    uint64_t left = FUZZ_OUTPUT;
    struct sink to = {swallow, &left};
    struct error e;
    enum pb_err err;

    same_index(once, steps);
    walk(steps, pkl_doc_view(steps), size * 2 + 1);
    if (pkl_lenses_new(pkl_doc_view(once), &lenses, &e) == PB_OK)
        walk(once, pkl_lenses_view(lenses), size * 2 + 1);
    pkl_lenses_free(lenses);
    err = pkl_dis(once, &dis, &to, &e);
    (void)err;
    audit(once);
    pkl_doc_free(once);
    pkl_doc_free(steps);
    source_free(src);
    return 0;
}
