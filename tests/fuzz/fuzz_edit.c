/*
 * Any valid pickle, any values of it set: the splice must pass the verifier, which shares nothing
 * with the splicer, and be a pickle; undoing everything must give the bytes that came in.
 *
 * The first eight bytes of the input choose the places and the values.
 */
#include <string.h>

#include <pklbrowse/pkl_splice.h>
#include <pklbrowse/source.h>

#include "fuzz.h"

static const char *const values[] = {
    "0",    "-1",       "70000", "'s'", "'\\u20ac'",      "b'\\x00'", "None",  "True",
    "1.5",  "[]",       "{}",    "()",  "{1: [2, (3,)]}", "{1, 2}",   "'x'*0", "frozenset({7})",
    "1e99", "'\\ud800'"};

static bool set_some(struct pkl_edit *ed, struct arena *mem, uint64_t *seed)
{
    size_t edits = fuzz_random(seed) % 4 + 1, done = 0;

    for (size_t i = 0; i < edits; i++) {
        const char *text = values[fuzz_random(seed) % (sizeof values / sizeof values[0])];
        struct pkl_child place;
        struct literal *value;
        struct error e;
        size_t at;

        if (!fuzz_go_down(pkl_edit_view(ed), seed, &place) ||
            literal_parse(mem, text, strlen(text), &value, &at, &e) != PB_OK)
            continue;
        done += pkl_edit_set(ed, &place, value, &e) == PB_OK;
    }
    return done > 0;
}

static void check_splice(struct pkl_edit *ed)
{
    struct pkl_splice plan;
    struct source *result = NULL;
    struct job *job = NULL;
    struct pkl_doc *again;
    struct error e = {0};
    enum pb_err err = pkl_splice_plan(ed, &plan, &e);

    if (err != PB_OK) {
        MUST(err == PB_EUNSUPPORTED || err == PB_EREADONLY || err == PB_ELIMIT, e.msg);
        return;
    }
    MUST(pkl_splice_source(&plan, &result, &e) == PB_OK, e.msg);
    MUST(pkl_verify_new(ed, &plan, result, &job, &e) == PB_OK, e.msg);
    err = job_run(job, &e);
    /* Of a broken-minded pickle (BUILD on a built-in, a FRAME in a FRAME, a class whose name is
     * computed) an edit may be refused at the end. Of a real one never. */
    MUST(err == PB_OK || (!fuzz_real && (err == PB_EREFUSED || err == PB_EUNSUPPORTED)), e.msg);
    if (err != PB_OK)
        goto out;
    again = fuzz_index(result, UINT64_MAX);
    MUST(pkl_doc_error(again, &e) == PB_OK, e.msg);
    pkl_doc_free(again);
out:
    pkl_verify_free(job);
    source_free(result);
    pkl_splice_release(&plan);
}

static void check_undone(struct pkl_edit *ed, const uint8_t *data, size_t size)
{
    struct pkl_splice plan;
    struct source *result = NULL;
    struct buf bytes;
    struct sink to = sink_buf(&bytes);
    struct error e = {0};

    while (pkl_edit_undo(ed))
        continue;
    MUST(!pkl_edit_changed(ed), "everything was undone");
    MUST(pkl_splice_plan(ed, &plan, &e) == PB_OK, e.msg);
    MUST(pkl_splice_source(&plan, &result, &e) == PB_OK, e.msg);
    buf_init(&bytes, SIZE_MAX / 2);
    MUST(source_copy(result, 0, result->size, &to, &e) == PB_OK, e.msg);
    MUST(bytes.len == size && memcmp(bytes.data, data, size) == 0, "undone, yet other bytes");
    buf_release(&bytes);
    source_free(result);
    pkl_splice_release(&plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t seed;
    struct source *src;
    struct pkl_doc *d;
    struct pkl_edit *ed;
    struct arena mem;
    struct error e;

    if (size <= sizeof seed)
        return 0;
    memcpy(&seed, data, sizeof seed);
    seed |= 1;
    data += sizeof seed;
    size -= sizeof seed;
    src = fuzz_source(data, size);
    d = fuzz_index(src, UINT64_MAX);
    if (pkl_doc_error(d, &e) == PB_OK) {
        arena_init(&mem);
        MUST(pkl_edit_new(d, &ed, &e) == PB_OK, e.msg);
        if (set_some(ed, &mem, &seed))
            check_splice(ed);
        check_undone(ed, data, size);
        pkl_edit_free(ed);
        arena_release(&mem);
    }
    pkl_doc_free(d);
    source_free(src);
    return 0;
}
