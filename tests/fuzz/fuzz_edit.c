/*
 * Any valid pickle, edits of every kind: the splice must pass the verifier, which shares nothing
 * with the splicer, and be a pickle; undoing everything must give the bytes that came in.
 *
 * The first eight bytes of the input choose the edits, the places and the values.
 */
#include <string.h>

#include <pklbrowse/pkl_splice.h>
#include <pklbrowse/source.h>

#include "fuzz.h"

static const char *const values[] = {
    "0",    "-1",       "70000", "'s'", "'\\u20ac'",      "b'\\x00'", "None",  "True",
    "1.5",  "[]",       "{}",    "()",  "{1: [2, (3,)]}", "{1, 2}",   "'x'*0", "frozenset({7})",
    "1e99", "'\\ud800'"};

static uint64_t children_of(struct pkl_view *v, const struct pkl_node *n)
{
    struct error e;
    uint64_t count;

    return v->count_children(v, n->id, &count, &e) == PB_OK ? count : 0;
}

/* A new item, pair, attribute or member of what stands at the place. */
static enum pb_err insert(struct pkl_edit *ed, const struct pkl_child *into,
                          const struct literal *value, uint64_t *seed, struct error *e)
{
    static const enum pkl_step steps[] = {PKL_STEP_INDEX, PKL_STEP_KEY, PKL_STEP_ATTR,
                                          PKL_STEP_MEMBER};
    struct literal name = {.kind = PKL_STR, .data = "new name", .len = 8};
    enum pkl_step step = into->value.kind == PKL_DICT   ? PKL_STEP_KEY
                         : into->value.kind <= PKL_LIST ? PKL_STEP_INDEX
                                                        : steps[fuzz_random(seed) % 4];
    uint64_t count = children_of(pkl_edit_view(ed), &into->value);
    uint64_t index = fuzz_random(seed) % 2 != 0 ? UINT64_MAX : fuzz_random(seed) % (count + 1);

    return pkl_edit_insert(ed, &into->value, step, index, &name, value, e);
}

/* One edit of any kind; whether it is one that can be done is for the engine to say. */
static enum pb_err edit_one(struct pkl_edit *ed, const struct pkl_child *place,
                            const struct literal *value, uint64_t *seed, struct error *e)
{
    struct pkl_view *v = pkl_edit_view(ed);
    struct pkl_child other, parent;

    switch (fuzz_random(seed) % 12) {
    case 0:
        return pkl_edit_delete(ed, place, e);
    case 1:
        return pkl_edit_rename(ed, place, value, e);
    case 2:
        return pkl_edit_move(ed, place, fuzz_random(seed) % 8, e);
    case 3:
        return pkl_edit_duplicate(ed, place, e);
    case 4:
        return pkl_edit_convert(ed, place, (enum pkl_kind)(fuzz_random(seed) % PKL_BROKEN), e);
    case 5:
    case 6:
        if (!fuzz_go_down(v, seed, &other))
            return PB_ENOTFOUND;
        return fuzz_random(seed) % 2 != 0 ? pkl_edit_set_copy(ed, place, v, &other.value, e)
                                          : insert(ed, &other, value, seed, e);
    case 7:
        return insert(ed, place, value, seed, e);
    case 8:
        return pkl_edit_set_everywhere(ed, place, value, e);
    case 9:
        parent = *place;
        return pkl_edit_own(ed, &parent, 1, e);
    case 10:
        return pkl_edit_revert(ed, place, e);
    default:
        return pkl_edit_set(ed, place, value, e);
    }
}

static bool edit_some(struct pkl_edit *ed, struct arena *mem, uint64_t *seed)
{
    size_t edits = fuzz_random(seed) % 6 + 1, done = 0;

    for (size_t i = 0; i < edits; i++) {
        const char *text = values[fuzz_random(seed) % (sizeof values / sizeof values[0])];
        struct pkl_child place;
        struct literal *value;
        struct error e;
        size_t at;

        if (fuzz_random(seed) % 8 == 0)
            pkl_edit_undo(ed);
        if (fuzz_random(seed) % 16 == 0)
            pkl_edit_mark_saved(ed);
        if (!fuzz_go_down(pkl_edit_view(ed), seed, &place) ||
            literal_parse(mem, text, strlen(text), &value, &at, &e) != PB_OK)
            continue;
        done += edit_one(ed, &place, value, seed, &e) == PB_OK;
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
        if (edit_some(ed, &mem, &seed))
            check_splice(ed);
        check_undone(ed, data, size);
        pkl_edit_free(ed);
        arena_release(&mem);
    }
    pkl_doc_free(d);
    source_free(src);
    return 0;
}
