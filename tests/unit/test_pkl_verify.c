/*
 * The verifier against planted faults: plans and results that are almost right.
 *
 * Each document is edited and planned; then the plan's segments, its bytes, or the result's bytes
 * are changed in every way a faulty splicer might get them wrong, one at a time.  Each must be
 * refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/list_rig.h"

#define B(text) text, sizeof text - 1
#define F(n) "\x95" n "\0\0\0\0\0\0\0"

struct subject {
    const char *bytes;
    size_t n;
    const char *edits[4];
    const char *path; /* a container with these children */
    struct child children[8];
};

static const struct subject subjects[] = {
    /* put in, and nothing else */
    {B("\x80\x04](K\x01)e."), {NULL}, "[1]", {ITEM("5"), STOP}},
    {B("\x80\x04]K\x01"
       "a."),
     {NULL},
     "",
     {OLD(0), ITEM("2"), STOP}},
    /* plain: a record */
    {B("\x80\x04" F("\x20") "}\x94(\x8c\x04name\x94\x8c\x04John\x94\x8c\x03"
                            "age\x94K\x1e\x8c\x01x\x94Nu."),
     {".age=3000", ".name='Ann'"},
     NULL,
     {STOP}},
    /* copy-on-write, frames, a part that stays, dummies, trailing bytes */
    {B("\x80\x04" F("\x29") "](\x8c\x01x\x94\x8c\x01y\x94h\x00]\x94(\x8c\x02zz\x94\x8c\x01w\x94"
                            "e"
                            "\x8c\x02vv\x94h\x05h\x03K\x01K\x02K\x03"
                            "e" F("\x01") ".tail"),
     {"[0]='new'", "[3]=None", "[7]=70000"},
     NULL,
     {STOP}},
    /* protocol 2, two pickles, an object with shared state */
    {B("\x80\x02"
       "cm\nC\nq\x00)\x81q\x01}q\x02(X\x01\0\0\0aq\x03X\x01\0\0\0bq\x04X\x01\0\0\0cq\x05h\x04ub."
       "\x80\x02](h\x01K\x07"
       "e."),
     {".a='q'", ".c=1.5", "@1[1]=8"},
     NULL,
     {STOP}},
    /* protocol 0 */
    {B("(dp0\nVa\np1\nVx\np2\nsVb\np3\ng2\nsVc\np4\nF1.5\ns."),
     {".a='yy'", ".b=True", ".c=2.5"},
     NULL,
     {STOP}}, /* put in, taken out, moved, in a group */
    {B("\x80\x04" F("\x17") "]\x94(\x8c\x01x\x94]\x94K\x05"
                            "aK\x07\x8c\x01y\x94h\x01h\x03"
                            "e."),
     {NULL},
     "",
     {ITEM("'n'"), OLD(0), OLD(2), OLD(1), ITEM("[8]"), OLD(3), OLD(5), STOP}},
    /* pairs one by one, a key renamed, a pair moved */
    {B("\x80\x02}q\x00X\x01\0\0\0aq\x01K\x01sX\x01\0\0\0bq\x02]q\x03K\x02"
       "as"
       "X\x01\0\0\0"
       "ch\x01s."),
     {NULL},
     "",
     {PAIR("'z'", "9"), {0, "'k'", NULL}, OLD(2), OLD(1), STOP}},
    /* a tuple that grows and is read again */
    {B("\x80\x04](K\x01K\x02\x86\x94h\0K\x03"
       "e."),
     {"[2]=4"},
     "[0]",
     {OLD(1), ITEM("5"), OLD(0), ITEM("'v'"), STOP}},
    /* protocol 0, a part of what goes stays */
    {B("(lp0\n(lp1\nVx\np2\naaI5\nag2\na."),
     {NULL},
     "",
     {ITEM("2"), OLD(1), ITEM("'w'"), OLD(2), STOP}},
    /* memo numbers that move */
    {B("\x80\x04" F("\x16") "](](\x8c\x01x\x94h\0]\x94"
                            "eh\0h\x01h\0N"
                            "e."),
     {NULL},
     "",
     {OLD(1), OLD(0), ITEM("2"), OLD(2), OLD(3), STOP}},
    {B("\x80\x02" F("\x18") "](](K\x01q\0h\0]\x94"
                            "eh\0j\x01\0\0\0h\0"
                            "e."),
     {NULL},
     "",
     {OLD(2), OLD(0), OLD(1), OLD(3), STOP}},
    /* an edit inside a part that stays, of what has no slot of its own */
    {B("\x80\x02](K\x07)\x86q\x00h\x00"
       "e."),
     {"[0]=1"},
     "[1][1]",
     {ITEM("5"), STOP}},
    /* and inside what was thrown away before: none of it has one */
    {B("\x80\x02K\x07)\x85\x86q\x00"
       "0](Nh\x00"
       "e."),
     {NULL},
     "[1][1][0]",
     {ITEM("5"), ITEM("6"), STOP}},
};

struct bench {
    struct rig r;
    struct pkl_splice plan;
    size_t planted, missed;
};

static void set_up(struct bench *b, const struct subject *s)
{
    rig_open(&b->r, s->bytes, s->n);
    assert_int_equal(pkl_doc_error(b->r.doc, &b->r.e), PB_OK);
    for (size_t k = 0; k < 4 && s->edits[k] != NULL; k++) {
        rig_must_set(&b->r, s->edits[k]);
    }
    if (s->path != NULL)
        rig_list(&b->r, s->path, s->children);
    if (pkl_splice_plan(b->r.edit, &b->plan, &b->r.e) != PB_OK)
        fail_msg("%s", b->r.e.msg);
}

static void tear_down(struct bench *b)
{
    pkl_splice_release(&b->plan);
    rig_close(&b->r);
}

static struct pkl_splice copy_plan(const struct pkl_splice *p)
{
    struct pkl_splice q = *p;

    /* Room for one segment more. */
    q.segments = malloc((p->count + 1) * sizeof *q.segments);
    assert_non_null(q.segments);
    memcpy(q.segments, p->segments, p->count * sizeof *q.segments);
    buf_init(&q.bytes, SIZE_MAX / 2);
    buf_append(&q.bytes, p->bytes.data, p->bytes.len);
    return q;
}

/* Offsets in the result follow the lengths, as a faulty splicer would still get right. */
static void lay_out(struct pkl_splice *p)
{
    uint64_t at = 0;

    for (size_t i = 0; i < p->count; i++) {
        p->segments[i].at = at;
        at += p->segments[i].len;
    }
    p->size = at;
}

static void judge(struct bench *b, struct pkl_splice *p, struct source *result, const char *fault,
                  size_t where)
{
    enum pb_err err = rig_verify(&b->r, p, result);

    b->planted++;
    if (err != PB_EREFUSED) {
        print_message("%s at %zu: %d %s\n", fault, where, (int)err, err == PB_OK ? "" : b->r.e.msg);
        b->missed++;
    }
}

static void judge_plan(struct bench *b, struct pkl_splice *p, const char *fault, size_t where)
{
    struct source *result;

    lay_out(p);
    assert_int_equal(pkl_splice_source(p, &result, &b->r.e), PB_OK);
    judge(b, p, result, fault, where);
    source_free(result);
    free(p->segments);
    buf_release(&p->bytes);
}

/* A segment as it is, but wrong in one thing. */
static void faults_of_segments(struct bench *b)
{
    for (size_t i = 0; i < b->plan.count; i++) {
        struct pkl_splice p = copy_plan(&b->plan);

        p.segments[i].len++;
        judge_plan(b, &p, "a byte too long", i);
        if (b->plan.segments[i].len > 1) {
            p = copy_plan(&b->plan);
            p.segments[i].len--;
            judge_plan(b, &p, "a byte too short", i);
        }
        if (b->plan.segments[i].len > 1) {
            p = copy_plan(&b->plan);
            p.segments[i].len--;
            p.segments[i].from++;
            judge_plan(b, &p, "its first byte missing", i);
        }
        p = copy_plan(&b->plan);
        p.segments[i].from++;
        judge_plan(b, &p, "one further", i);
        if (b->plan.segments[i].from > 0) {
            p = copy_plan(&b->plan);
            p.segments[i].from--;
            judge_plan(b, &p, "one before", i);
        }
        p = copy_plan(&b->plan);
        memmove(p.segments + i, p.segments + i + 1, (p.count - i - 1) * sizeof *p.segments);
        p.count--;
        judge_plan(b, &p, "left out", i);
        p = copy_plan(&b->plan);
        memmove(p.segments + i + 1, p.segments + i, (p.count - i) * sizeof *p.segments);
        p.count++;
        judge_plan(b, &p, "twice", i);
        p = copy_plan(&b->plan);
        p.segments[i].kind = p.segments[i].kind == SPLICE_COPY ? SPLICE_NEW : SPLICE_COPY;
        judge_plan(b, &p, "of the wrong kind", i);
    }
}

/* Changing one for the other is no fault. */
static bool same_bytes(const struct pkl_splice *p, size_t i, size_t k)
{
    const struct splice_segment *a = &p->segments[i], *b = &p->segments[k];

    return a->len == b->len &&
           memcmp(p->bytes.data + a->from, p->bytes.data + b->from, (size_t)a->len) == 0;
}

static void faults_of_order(struct bench *b)
{
    for (size_t i = 0; i + 1 < b->plan.count; i++) {
        struct pkl_splice p = copy_plan(&b->plan);
        struct splice_segment s = p.segments[i];

        p.segments[i] = p.segments[i + 1];
        p.segments[i + 1] = s;
        judge_plan(b, &p, "changed with the next", i);
        for (size_t k = i + 2; k < b->plan.count; k++) {
            if (b->plan.segments[i].kind == SPLICE_COPY ||
                b->plan.segments[k].kind != b->plan.segments[i].kind || same_bytes(&b->plan, i, k))
                continue;
            p = copy_plan(&b->plan);
            s = p.segments[i];
            p.segments[i] = p.segments[k];
            p.segments[k] = s;
            judge_plan(b, &p, "changed with another of its kind", i);
        }
    }
}

/* Offsets in the result that do not follow from the lengths. */
static void faults_of_layout(struct bench *b)
{
    for (size_t i = 0; i < b->plan.count; i++) {
        struct pkl_splice p = copy_plan(&b->plan);
        struct source *result;

        assert_int_equal(pkl_splice_source(&b->plan, &result, &b->r.e), PB_OK);
        p.segments[i].at++;
        judge(b, &p, result, "laid out wrong", i);
        source_free(result);
        free(p.segments);
        buf_release(&p.bytes);
    }
}

/* Each byte of what the plan adds: lengths, numbers, opcodes, frames, dummies. */
static void faults_of_new_bytes(struct bench *b)
{
    static const unsigned char flips[] = {0x01, 0x02, 0x80};

    for (size_t i = 0; i < b->plan.bytes.len; i++) {
        for (size_t k = 0; k < sizeof flips; k++) {
            struct pkl_splice p = copy_plan(&b->plan);

            p.bytes.data[i] = (char)(p.bytes.data[i] ^ (char)flips[k]);
            judge_plan(b, &p, "a byte of the plan changed", i);
        }
    }
}

/* The result is not what the plan says: a byte of it, its end. */
static void faults_of_the_result(struct bench *b)
{
    struct source *right, *wrong;
    struct buf bytes;
    struct sink to = sink_buf(&bytes);

    buf_init(&bytes, SIZE_MAX / 2);
    assert_int_equal(pkl_splice_source(&b->plan, &right, &b->r.e), PB_OK);
    assert_int_equal(source_copy(right, 0, right->size, &to, &b->r.e), PB_OK);
    source_free(right);
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.data[i] = (char)(bytes.data[i] ^ 1);
        wrong = source_mem(bytes.data, bytes.len, false);
        assert_non_null(wrong);
        judge(b, &b->plan, wrong, "a byte of the result changed", i);
        source_free(wrong);
        bytes.data[i] = (char)(bytes.data[i] ^ 1);
    }
    wrong = source_mem(bytes.data, bytes.len - 1, false);
    assert_non_null(wrong);
    judge(b, &b->plan, wrong, "the end missing", bytes.len);
    source_free(wrong);
    buf_release(&bytes);
}

static void test_every_fault_is_refused(void **state)
{
    size_t planted = 0;

    (void)state;
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        struct bench b = {0};

        set_up(&b, &subjects[i]);
        faults_of_segments(&b);
        faults_of_order(&b);
        faults_of_layout(&b);
        faults_of_new_bytes(&b);
        faults_of_the_result(&b);
        if (b.missed > 0)
            fail_msg("subject %zu: %zu of %zu faults were not refused", i, b.missed, b.planted);
        planted += b.planted;
        tear_down(&b);
    }
    print_message("%zu faults planted, all refused\n", planted);
    assert_true(planted > 500);
}

/* The plans themselves are right, in steps of any size. */
static void test_what_is_right_passes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        struct bench b = {0};
        struct source *result;
        struct job *job;
        enum job_state s;
        size_t steps = 0;

        set_up(&b, &subjects[i]);
        assert_int_equal(pkl_splice_source(&b.plan, &result, &b.r.e), PB_OK);
        assert_int_equal(pkl_verify_new(b.r.edit, &b.plan, result, &job, &b.r.e), PB_OK);
        do {
            uint64_t before = job->done;

            s = job_step(job, 0);
            steps++;
            assert_true(job->done >= before && job->done <= job->total);
        } while (s == JOB_MORE);
        if (s != JOB_DONE)
            fail_msg("subject %zu: %s", i, job->error.msg);
        assert_true(steps > 5);
        assert_int_equal(job->done, job->total);
        pkl_verify_free(job);
        source_free(result);
        tear_down(&b);
    }
}

/* The right plan for another set of edits. */
static void test_other_edits_are_refused(void **state)
{
    static const char *const others[] = {".age=3001", ".x=1", ".age=30", ".name=None",
                                         ".name='Ana'"};

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct bench b = {0};
        struct source *result;

        set_up(&b, &subjects[2]);
        rig_must_set(&b.r, others[i]);
        assert_int_equal(pkl_splice_source(&b.plan, &result, &b.r.e), PB_OK);
        if (rig_verify(&b.r, &b.plan, result) != PB_EREFUSED)
            fail_msg("%s: not refused", others[i]);
        source_free(result);
        tear_down(&b);
    }
}

/* Nor is the document as it was. */
static void test_the_original_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        struct bench b = {0};
        struct pkl_splice p;

        set_up(&b, &subjects[i]);
        p = copy_plan(&b.plan);
        p.segments[0] = (struct splice_segment){SPLICE_COPY, 0, subjects[i].n, 0, 0};
        p.count = 1;
        judge_plan(&b, &p, "nothing edited", i);
        assert_int_equal(b.missed, 0);
        tear_down(&b);
    }
}

/* A plan that a splicer might make that forgets one rule, written by hand; bytes of the original as
 * COPY. */
struct forged {
    const char *what;
    const char *bytes;
    size_t n;
    const char *edit;
    const char *own; /* the plan's bytes */
    size_t own_n;
    struct splice_segment segments[8];
    size_t count;
};

static const struct forged forgeries[] = {
    {"a literal that is read again, changed in its place",
     B("\x80\x02](X\x01\0\0\0xq\x00h\x00"
       "e."),
     "[0]=1",
     B("K\x01"),
     {{SPLICE_COPY, 0, 4, 0, 0}, {SPLICE_NEW, 0, 2, 0, 0}, {SPLICE_COPY, 10, 6, 0, 0}},
     3},
    {"the old value not popped",
     B("\x80\x02](X\x01\0\0\0xq\x00h\x00"
       "e."),
     "[0]=1",
     B("K\x01"),
     {{SPLICE_COPY, 0, 12, 0, 0}, {SPLICE_NEW, 0, 2, 0, 0}, {SPLICE_COPY, 12, 4, 0, 0}},
     3},
    {"a MEMOIZE too few",
     B("\x80\x04](K\x05\x94]\x94K\x07\x94h\x02"
       "e."),
     "[0]=1",
     B("K\x01"),
     {{SPLICE_COPY, 0, 4, 0, 0}, {SPLICE_NEW, 0, 2, 0, 0}, {SPLICE_COPY, 7, 9, 0, 0}},
     3},
    {"a MEMOIZE too many",
     B("\x80\x04](K\x05\x94]\x94K\x07\x94h\x02"
       "e."),
     "[0]=1",
     B("K\x01\x94"),
     {{SPLICE_COPY, 0, 4, 0, 0},
      {SPLICE_NEW, 0, 2, 0, 0},
      {SPLICE_DUMMY, 2, 1, 0, 0},
      {SPLICE_COPY, 6, 10, 0, 0}},
     4},
    {"a frame not made longer",
     B("\x80\x04" F("\x07") "](K\x05K\x06"
                            "e."),
     "[0]=300",
     B("M\x2c\x01"),
     {{SPLICE_COPY, 0, 13, 0, 0}, {SPLICE_NEW, 0, 3, 0, 0}, {SPLICE_COPY, 15, 4, 0, 0}},
     3},
    {"the new value in another place",
     B("\x80\x02](K\x05K\x05K\x05"
       "e."),
     "[0]=1",
     B("K\x01"),
     {{SPLICE_COPY, 0, 6, 0, 0}, {SPLICE_NEW, 0, 2, 0, 0}, {SPLICE_COPY, 8, 4, 0, 0}},
     3},
    {"bool for int",
     B("(lI5\naI6\na."),
     "[0]=1",
     B("I01\n"),
     {{SPLICE_COPY, 0, 2, 0, 0}, {SPLICE_NEW, 0, 4, 0, 0}, {SPLICE_COPY, 5, 6, 0, 0}},
     3},
    {"another NaN",
     B("\x80\x02G\x7f\xf8\0\0\0\0\0\1K\x01\x86."),
     "[1]=nan",
     B("G\x7f\xf8\0\0\0\0\0\1"),
     {{SPLICE_COPY, 0, 11, 0, 0}, {SPLICE_NEW, 0, 9, 0, 0}, {SPLICE_COPY, 13, 2, 0, 0}},
     3},
    {"minus zero",
     B("\x80\x02](K\x01"
       "e."),
     "[0]=-0.0",
     B("G\0\0\0\0\0\0\0\0"),
     {{SPLICE_COPY, 0, 4, 0, 0}, {SPLICE_NEW, 0, 9, 0, 0}, {SPLICE_COPY, 6, 2, 0, 0}},
     3},
    {"unicode for Python 2 str",
     B("\x80\x02](U\x01xK\x01"
       "e."),
     "[0]='y'",
     B("X\x01\0\0\0y"),
     {{SPLICE_COPY, 0, 4, 0, 0}, {SPLICE_NEW, 0, 6, 0, 0}, {SPLICE_COPY, 7, 4, 0, 0}},
     3},
    {"one too many",
     B("\x80\x02](K\x01K\x02"
       "e."),
     "[0]=9",
     B("K\x09K\x09"),
     {{SPLICE_COPY, 0, 4, 0, 0}, {SPLICE_NEW, 0, 4, 0, 0}, {SPLICE_COPY, 6, 4, 0, 0}},
     3},
    {"a key instead of its value",
     B("\x80\x02}K\x01K\x01s."),
     "[1]=9",
     B("K\x09"),
     {{SPLICE_COPY, 0, 3, 0, 0}, {SPLICE_NEW, 0, 2, 0, 0}, {SPLICE_COPY, 5, 4, 0, 0}},
     3},
    {"a setter in a popped part changed",
     B("\x80\x02](K\x01"
       "cm\nf\nK\x01\x85R0K\x02"
       "e."),
     "[0]=9",
     B("K\x09K\x09"),
     {{SPLICE_COPY, 0, 4, 0, 0},
      {SPLICE_NEW, 0, 2, 0, 0},
      {SPLICE_COPY, 6, 5, 0, 0},
      {SPLICE_NEW, 2, 2, 0, 0},
      {SPLICE_COPY, 13, 7, 0, 0}},
     5},
    {"something else in a part that stays of what goes",
     B("\x80\x02](NK\x01\x86q\x00h\x00"
       "e."),
     "[0]=9",
     B("N0K\x09"),
     {{SPLICE_COPY, 0, 5, 0, 0},
      {SPLICE_DUMMY, 0, 1, 0, 0},
      {SPLICE_COPY, 7, 3, 0, 0},
      {SPLICE_DUMMY, 1, 1, 0, 0},
      {SPLICE_NEW, 2, 2, 0, 0},
      {SPLICE_COPY, 10, 4, 0, 0}},
     6},
    {"an edit right, but not what it stands in, which only a GET reads",
     B("\x80\x02N]K\x01"
       "a\x86q\x00"
       "0]h\x00"
       "a."),
     "[0][1][0]=9",
     B("K\x09)"),
     {{SPLICE_COPY, 0, 4, 0, 0},
      {SPLICE_NEW, 0, 2, 0, 0},
      {SPLICE_COPY, 6, 1, 0, 0},
      {SPLICE_GLUE, 2, 1, 0, 0},
      {SPLICE_COPY, 7, 9, 0, 0}},
     5},
    {"trailing bytes lost",
     B("\x80\x02](K\x01"
       "e.tail"),
     "[0]=9",
     B("K\x09"),
     {{SPLICE_COPY, 0, 4, 0, 0}, {SPLICE_NEW, 0, 2, 0, 0}, {SPLICE_COPY, 6, 2, 0, 0}},
     3},
};

static void test_forged_plans_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof forgeries / sizeof *forgeries; i++) {
        const struct forged *f = &forgeries[i];
        struct bench b = {0};
        struct pkl_splice p = {.count = f->count};

        rig_open(&b.r, f->bytes, f->n);
        rig_must_set(&b.r, f->edit);
        p.original = b.r.src;
        p.segments = malloc(sizeof f->segments);
        assert_non_null(p.segments);
        memcpy(p.segments, f->segments, sizeof f->segments);
        buf_init(&p.bytes, 1000);
        buf_append(&p.bytes, f->own, f->own_n);
        judge_plan(&b, &p, f->what, i);
        if (b.missed > 0)
            fail_msg("%s: not refused", f->what);
        rig_close(&b.r);
    }
}

static void test_cancelled(void **state)
{
    struct bench b = {0};
    struct source *result;
    struct job *job;

    (void)state;
    set_up(&b, &subjects[2]);
    assert_int_equal(pkl_splice_source(&b.plan, &result, &b.r.e), PB_OK);
    assert_int_equal(pkl_verify_new(b.r.edit, &b.plan, result, &job, &b.r.e), PB_OK);
    assert_int_equal(job_step(job, 0), JOB_MORE);
    job->cancel = true;
    assert_int_equal(job_step(job, 0), JOB_FAILED);
    assert_int_equal(job->error.code, PB_ECANCELED);
    pkl_verify_free(job);
    source_free(result);
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_right_passes),
        cmocka_unit_test(test_every_fault_is_refused),
        cmocka_unit_test(test_other_edits_are_refused),
        cmocka_unit_test(test_the_original_is_refused),
        cmocka_unit_test(test_forged_plans_are_refused),
        cmocka_unit_test(test_cancelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
