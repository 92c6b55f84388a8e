/* What the tests of editing share: a document in memory with an edit session on top, edits given as
 * text, results as verified bytes.  Include after cmocka.h. */
#ifndef EDIT_RIG_H
#define EDIT_RIG_H

#include <stdlib.h>
#include <string.h>

#include <pklbrowse/pkl_path.h>
#include <pklbrowse/pkl_splice.h>

struct rig {
    struct source *src;
    struct pkl_doc *doc;
    struct pkl_edit *edit;
    struct pkl_view *view;
    struct arena mem;
    struct error e;
};

static inline void rig_open(struct rig *r, const void *bytes, size_t n)
{
    memset(r, 0, sizeof *r);
    arena_init(&r->mem);
    r->src = source_mem(bytes, n, false);
    assert_non_null(r->src);
    assert_int_equal(pkl_doc_new(r->src, 0, NULL, &r->doc, &r->e), PB_OK);
    assert_int_equal(pkl_doc_index(r->doc, &r->e), PB_OK);
    assert_int_equal(pkl_edit_new(r->doc, &r->edit, &r->e), PB_OK);
    r->view = pkl_edit_view(r->edit);
}

static inline void rig_close(struct rig *r)
{
    pkl_edit_free(r->edit);
    pkl_doc_free(r->doc);
    source_free(r->src);
    arena_release(&r->mem);
}

static inline enum pb_err rig_find(struct rig *r, const char *path, struct pkl_child *place)
{
    struct pkl_path p;
    size_t at;

    if (pkl_path_parse(&r->mem, path, strlen(path), &p, &at, &r->e) != PB_OK)
        return r->e.code;
    return pkl_path_follow(r->view, &p, place, &r->e);
}

/* "PATH=LITERAL" */
static inline enum pb_err rig_set(struct rig *r, const char *edit)
{
    struct edit_arg arg;
    struct literal *value;
    struct pkl_child place;
    size_t at;
    enum pb_err err = pkl_edit_parse(&r->mem, edit, strlen(edit), &arg, &at, &r->e);

    if (err == PB_OK)
        err = literal_parse(&r->mem, arg.value, arg.value_len, &value, &at, &r->e);
    if (err == PB_OK)
        err = pkl_path_follow(r->view, &arg.path, &place, &r->e);
    return err == PB_OK ? pkl_edit_set(r->edit, &place, value, &r->e) : err;
}

static inline void rig_must_set(struct rig *r, const char *edit)
{
    if (rig_set(r, edit) != PB_OK)
        fail_msg("%s: %s", edit, r->e.msg);
}

static inline enum pb_err rig_verify(struct rig *r, const struct pkl_splice *plan,
                                     struct source *result)
{
    struct job *job = NULL;
    enum pb_err err = pkl_verify_new(r->edit, plan, result, &job, &r->e);

    if (err == PB_OK)
        err = job_run(job, &r->e);
    pkl_verify_free(job);
    return err;
}

/* The bytes of the result, when it could be planned and verified. */
static inline enum pb_err rig_save(struct rig *r, struct buf *out)
{
    struct pkl_splice plan;
    struct source *result = NULL;
    struct sink to = sink_buf(out);
    enum pb_err err = pkl_splice_plan(r->edit, &plan, &r->e);

    if (err != PB_OK)
        return err;
    err = pkl_splice_source(&plan, &result, &r->e);
    if (err == PB_OK)
        err = rig_verify(r, &plan, result);
    if (err == PB_OK)
        err = source_copy(result, 0, result->size, &to, &r->e);
    source_free(result);
    pkl_splice_release(&plan);
    return err;
}

#endif
