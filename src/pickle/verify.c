/* The job, phase by phase. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>

#include "verify.h"

#define INDEX_STEP (1u << 20)

enum pb_err verify_refuse(struct verify *v, const char *fmt, ...)
{
    struct buf text;
    va_list ap;
    struct error why;
    enum pb_err err;

    va_start(ap, fmt);
    error_vset(&why, PB_EREFUSED, fmt, ap);
    va_end(ap);
    buf_init(&text, BUF_MAX_LINE);
    buf_printf(&text, _("the result is not what was edited: %s"), why.msg);
    err = error_set(v->e, PB_EREFUSED, "%s", text.data);
    buf_release(&text);
    return err;
}

enum pb_err verify_same_bytes(struct source *a, uint64_t a_at, struct source *b, uint64_t b_at,
                              uint64_t n, bool *same, struct error *e)
{
    *same = true;
    while (n > 0 && *same) {
        size_t want = n < SOURCE_VIEW_MAX ? (size_t)n : SOURCE_VIEW_MAX, x, y;
        const uint8_t *p, *q;
        enum pb_err err = source_view(a, a_at, want, &p, &x, e);

        if (err == PB_OK)
            err = source_view(b, b_at, want, &q, &y, e);
        if (err != PB_OK)
            return err;
        want = x < want ? x : want;
        want = y < want ? y : want;
        *same = want > 0 && memcmp(p, q, want) == 0;
        a_at += want;
        b_at += want;
        n -= want;
    }
    return PB_OK;
}

/* The result must be as whole a pickle as the original, and say the same of itself. */
static enum pb_err index_result(struct verify *v, bool *done)
{
    struct pkl_info was, is;
    struct error why = {0};
    enum pb_err err = PB_OK;

    if (v->fresh == NULL)
        err = pkl_doc_new(v->result, 0, NULL, &v->fresh, v->e);
    if (err == PB_OK)
        err = pkl_doc_step(v->fresh, INDEX_STEP, done, v->e);
    if (err != PB_OK || !*done)
        return err;
    if (pkl_doc_error(v->fresh, &why) != PB_OK)
        return verify_refuse(v, "it breaks: %s", why.msg);
    pkl_doc_info(v->doc, &was);
    pkl_doc_info(v->fresh, &is);
    if (was.pickles != is.pickles || was.trailing != is.trailing || was.frames != is.frames)
        return verify_refuse(v, "pickles, frames or bytes behind the end were lost or added");
    if (is.max_opcode_protocol > was.max_opcode_protocol && is.max_opcode_protocol > was.protocol)
        return verify_refuse(v, "it has opcodes of protocol %u", is.max_opcode_protocol);
    return PB_OK;
}

static enum pb_err work(struct verify *v, bool *done)
{
    switch (v->phase) {
    case VERIFY_OLD:
        return verify_old(v, done);
    case VERIFY_ACCOUNT:
        return verify_account(v, done);
    case VERIFY_BYTES:
        return verify_bytes(v, done);
    case VERIFY_INDEX:
        return index_result(v, done);
    case VERIFY_FRAMES:
        return verify_frames(v, done);
    case VERIFY_MEMO:
        return verify_memo(v, done);
    case VERIFY_MEMO_ON:
        return verify_memo_on(v, done);
    case VERIFY_VALUES:
        return verify_values(v, done);
    case VERIFY_DONE:
        break;
    }
    *done = true;
    return PB_OK;
}

/* Progress in bytes of the result: a share for each pass over them. */
static void progress(struct verify *v)
{
    uint64_t size = v->job.total, done = 0;

    switch (v->phase) {
    case VERIFY_OLD:
    case VERIFY_ACCOUNT:
        break;
    case VERIFY_BYTES:
        done = v->at / 4;
        break;
    case VERIFY_INDEX:
        done = size / 4 + (v->fresh != NULL ? pkl_doc_indexed(v->fresh) / 4 : 0);
        break;
    case VERIFY_FRAMES:
        done = size / 2;
        break;
    case VERIFY_MEMO:
    case VERIFY_MEMO_ON:
        done = size / 2 + v->at / 4;
        break;
    case VERIFY_VALUES:
        done = size / 4 * 3;
        break;
    case VERIFY_DONE:
        done = size;
        break;
    }
    if (done > v->job.done)
        v->job.done = done;
}

static enum job_state step(struct job *j, uint64_t budget_us)
{
    struct verify *v = (struct verify *)(void *)j;
    uint64_t until = clock_mono_us() + budget_us;

    do {
        bool done = false;
        enum pb_err err = v->stamp == edit_stamp(v->ed)
                              ? work(v, &done)
                              : error_set(v->e, PB_ECANCELED, "it was edited meanwhile");

        if (err == PB_EAGAIN)
            return JOB_WAITING;
        if (err != PB_OK)
            return JOB_FAILED;
        if (done) {
            v->phase++;
            v->at = 0;
            v->segment = 0;
        }
        progress(v);
        if (v->phase == VERIFY_DONE)
            return JOB_DONE;
    } while (clock_mono_us() < until);
    return JOB_MORE;
}

enum pb_err pkl_verify_new(struct pkl_edit *ed, const struct pkl_splice *s, struct source *result,
                           struct job **out, struct error *e)
{
    struct verify *v = mem_alloc(sizeof *v);

    if (v == NULL)
        return error_nomem(e);
    v->job.step = step;
    v->stamp = edit_stamp(ed);
    v->inner = VERIFY_NOBODY;
    v->job.total = result->size;
    v->e = &v->job.error;
    v->ed = ed;
    v->doc = pkl_edit_view(ed)->doc(pkl_edit_view(ed), 0);
    v->plan = s;
    v->original = pkl_doc_source(v->doc);
    v->result = result;
    *out = &v->job;
    return PB_OK;
}

void pkl_verify_free(struct job *j)
{
    struct verify *v = (struct verify *)(void *)j;

    if (v == NULL)
        return;
    pkl_doc_free(v->fresh);
    vec_release(&v->gone);
    vec_release(&v->edited);
    free(v->order);
    free(v->placed);
    idmap_release(&v->was.sparse);
    idmap_release(&v->is.sparse);
    idmap_release(&v->differ[0]);
    idmap_release(&v->differ[1]);
    vec_release(&v->shifts);
    vec_release(&v->renumbered);
    idmap_release(&v->kept);
    vec_release(&v->readers);
    idmap_release(&v->there);
    idmap_release(&v->back);
    idmap_release(&v->met);
    idmap_release(&v->climbed);
    vec_release(&v->todo);
    vec_release(&v->open);
    free(v);
}
