/* Differences between small pickles, by path; memory that is not there; spans of bytes.  Random
 * pairs are compared in tests/oracle/test_diff.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_diff.h>

struct side {
    struct source *src;
    struct pkl_doc *doc;
};

static enum pb_err open_side(struct side *s, const char *bytes, size_t n, struct error *e)
{
    enum pb_err err;

    s->doc = NULL;
    s->src = source_mem(bytes, n, false);
    if (s->src == NULL)
        return error_nomem(e);
    err = pkl_doc_new(s->src, 0, NULL, &s->doc, e);
    if (err == PB_OK)
        err = pkl_doc_index(s->doc, e);
    return err == PB_OK ? pkl_doc_error(s->doc, e) : err;
}

static void close_side(struct side *s)
{
    pkl_doc_free(s->doc);
    source_free(s->src);
}

/* "~['a'] +[3] -[1];" and so on. */
static enum pb_err note(void *ctx, const struct pkl_difference *d, struct error *e)
{
    struct buf *out = ctx;
    enum pb_err err;

    buf_putc(out, "~-+"[d->kind]);
    err = pkl_diff_path(d, d->kind == PKL_DIFF_ADDED, PATH_FORM_PYTHON, out, e);
    buf_putc(out, ' ');
    return err == PB_OK ? buf_status(out, e) : err;
}

static enum pb_err run(const char *a, size_t a_len, const char *b, size_t b_len, struct buf *out,
                       struct error *e)
{
    struct pkl_diff_opts o = {.found = note, .ctx = out};
    struct side x = {0}, y = {0};
    enum pb_err err = open_side(&x, a, a_len, e);

    if (err == PB_OK)
        err = open_side(&y, b, b_len, e);
    if (err == PB_OK)
        err = pkl_diff(pkl_doc_view(x.doc), pkl_doc_view(y.doc), &o, e);
    close_side(&x);
    close_side(&y);
    return err;
}

#define P(a, b, want)                                                                              \
    {                                                                                              \
        a, sizeof a - 1, b, sizeof b - 1, want                                                     \
    }
static const struct pair {
    const char *a;
    size_t a_len;
    const char *b;
    size_t b_len;
    const char *want;
} pairs[] = {
    P("K\x01.", "K\x01.", ""),
    P("K\x01.", "I1\n.", ""),
    P("K\x01.", "\x88.", "~ "),
    P("K\x01.", "G\x3f\xf0\0\0\0\0\0\0.", "~ "),
    P("N.N.", "N.", "-@1 "),
    P("N.", "N.K\x01.", "+@1 "),
    /* lists: changed, put in, taken out, moved to the end */
    P("](K\x01K\x02K\x03"
      "e.",
      "](K\x01K\x05K\x03"
      "e.",
      "~[1] "),
    P("](K\x01K\x02K\x03"
      "e.",
      "](K\x01K\x03"
      "e.",
      "-[1] "),
    P("](K\x01K\x02K\x03"
      "e.",
      "](K\x09K\x01K\x02K\x03"
      "e.",
      "+[0] "),
    P("](K\x01K\x02K\x03"
      "e.",
      "](K\x02K\x03K\x01"
      "e.",
      "-[0] +[2] "),
    P("].",
      "](K\x01K\x02"
      "e.",
      "+[0] +[1] "),
    P("](K\x01K\x02"
      "e.",
      "].", "-[0] -[1] "),
    P("](K\x01K\x02K\x03K\x04"
      "e.",
      "](K\x07K\x02K\x03K\x04K\x05"
      "e.",
      "~[0] +[4] "),
    P("(K\x01K\x02t.", "(K\x01K\x03t.", "~[1] "),
    P("(K\x01K\x02t.",
      "](K\x01K\x02"
      "e.",
      "~ "),
    /* dicts: by key, in any order; 1 and True are one key, the last of equal ones counts */
    P("}(K\x01K\x05K\x02K\x06u.", "}(K\x02K\x06K\x01K\x05u.", ""),
    P("}(K\x01K\x05K\x02K\x06u.", "}(K\x02K\x07K\x03K\x05u.", "-[1] ~[2] +[3] "),
    P("}(K\x01K\x05u.", "}(\x88K\x05u.", ""),
    P("}(K\x02K\x09K\x01K\x05u.", "}(K\x01K\x04K\x02K\x09K\x01K\x05u.", ""),
    /* sets */
    P("\x8f(K\x01K\x02\x90.", "\x8f(K\x02K\x01\x90.", ""),
    P("\x8f(K\x01K\x02\x90.", "\x8f(K\x02K\x03\x90.", "-[#0] +[#1] "),
    P("c__builtin__\nset\n(](K\x01K\x02"
      "etR.",
      "\x80\x04\x8f(K\x02K\x01\x90.", ""),
    /* spelling: text of Python 2, memo, sharing, bytes by a call */
    P("U\x01"
      "a.",
      "X\x01\0\0\0"
      "a.",
      ""),
    P("U\x01\xff.", "X\x02\0\0\0\xc3\xbf.", "~ "),
    P("](]q\x01h\x01"
      "e.",
      "](]]e.", ""),
    P("](]q\x01(K\x01"
      "eh\x01"
      "e.",
      "](]q\x01(K\x02"
      "eh\x01"
      "e.",
      "~[0][0] "),
    P("c_codecs\nencode\n(X\x02\0\0\0\xc3\xbfX\x06\0\0\0latin1tR.",
      "\x80\x04"
      "C\x01\xff.",
      ""),
    P("]q\0h\0"
      "a.",
      "](]q\0h\0"
      "ae.",
      ""),
    /* what a POP left in the bytes is fetched later: what changed in it is told there, once */
    P("\x80\x04}(K\x01]q\x01(K\x05K\x06"
      "e0K\x07K\x02h\x01K\x03h\x01u.",
      "\x80\x04}(K\x01]q\x01(K\x09K\x06"
      "e0K\x07K\x02h\x01K\x03h\x01u.",
      "~[2][0] "),
    P("\x80\x04}(K\x01(K\x05K\x06tq\x01"
      "0K\x07K\x02h\x01\x85K\x03h\x01\x85u.",
      "\x80\x04}(K\x01(K\x09K\x06tq\x01"
      "0K\x07K\x02h\x01\x85K\x03h\x01\x85u.",
      "~[2][0][0] "),
    /* a list that holds a tuple that holds it, popped: the tuple is another one, too */
    P("\x80\x04}(K\x01]q\x01(h\x01\x85q\x02K\x06"
      "e0K\x07K\x02h\x02\x85u.",
      "\x80\x04}(K\x01]q\x01(h\x01\x85q\x02K\x08"
      "e0K\x07K\x02h\x02\x85u.",
      "~[2][0][0][1] "),
    /* a key that a changed tuple stands in is another key */
    P("\x80\x04](K\x05K\x06\x86q\x01}h\x01\x85K\x01se.",
      "\x80\x04](K\x05K\x09\x86q\x01}h\x01\x85K\x01se.",
      "~[0][1] -[1][((5, 6),)] +[1][((5, 9),)] "),
    /* objects: class, attributes, items; as protocol 0 makes them */
    P("\x80\x02"
      "cm\nA\n)\x81}X\x01\0\0\0aK\x01sb.",
      "\x80\x02"
      "cm\nA\n)\x81}X\x01\0\0\0aK\x02sb.",
      "~.a "),
    P("\x80\x02"
      "cm\nA\n)\x81}X\x01\0\0\0aK\x01sb.",
      "\x80\x02"
      "cm\nB\n)\x81}X\x01\0\0\0aK\x01sb.",
      "~ "),
    P("ccopy_reg\n_reconstructor\n(cm\nA\nc__builtin__\nobject\nNtR(dVa\nI1\nsb.",
      "\x80\x02"
      "cm\nA\n)\x81}X\x01\0\0\0aK\x01sb.",
      ""),
    P("\x80\x02"
      "cm\nA\n)\x81}X\x01\0\0\0aK\x01sb.",
      "\x80\x02"
      "cm\nA\n)\x81.",
      "-.a "),
    P("\x80\x02"
      "cm\nA\n)R(K\x01K\x02"
      "e.",
      "\x80\x02"
      "cm\nA\n)R(K\x01K\x02K\x03"
      "e.",
      "+[2] "),
    P("\x80\x02"
      "cm\nA\n(K\x01tR.",
      "\x80\x02"
      "cm\nA\n(K\x02tR.",
      "~@args[0] "),
    P("\x80\x02"
      "cm\nA\n)\x81K\x01"
      "b.",
      "\x80\x02"
      "cm\nA\n)\x81K\x02"
      "b.",
      "~@state "),
    P("cdatetime\ndate\n(C\x04\x07\xe8\x01\x02tR.", "cdatetime\ndate\n(C\x04\x07\xe8\x01\x03tR.",
      "~ "),
    P("cm\na\n.", "cm\nb\n.", "~ "),
    P("Pa\n.", "Pb\n.", "~ "),
    P("K\x01Q.", "K\x02Q.", "~@pid "),
    P("K\x01Q.", "I1\nQ.", ""),
    P("\x82\x01.", "\x82\x02.", "~ "),
};

static void test_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const struct pair *p = &pairs[i];
        struct error e = {0};
        struct buf out;

        buf_init(&out, BUF_MAX_LINE);
        if (run(p->a, p->a_len, p->b, p->b_len, &out, &e) != PB_OK ||
            strcmp(out.len > 0 ? out.data : "", p->want) != 0)
            fail_msg("pair %zu: '%s', wanted '%s' %s", i, out.len > 0 ? out.data : "", p->want,
                     e.msg);
        buf_release(&out);
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const struct pair *p = &pairs[i];
        bool done = false;

        for (long n = 1; n < 2000 && !done; n++) {
            struct error e = {0};
            struct buf out;
            enum pb_err err;

            buf_init(&out, BUF_MAX_LINE);
            mem_fail_after(n);
            err = run(p->a, p->a_len, p->b, p->b_len, &out, &e);
            mem_fail_after(-1);
            done = err == PB_OK;
            if (!done && err != PB_ENOMEM)
                fail_msg("pair %zu, allocation %ld: %d %s", i, n, (int)err, e.msg);
            buf_release(&out);
        }
        assert_true(done);
    }
}

static enum pb_err cancelled(void *ctx, struct error *e)
{
    (void)ctx;
    return error_set(e, PB_ECANCELED, "stop");
}

/* 600 items that are not the same: asked in between whether to go on. */
static void test_cancel(void **state)
{
    char a[1300], b[1300];
    struct pkl_diff_opts o = {.check = cancelled, .found = note};
    struct side x, y;
    struct error e = {0};
    struct buf out;
    size_t n = 0;

    (void)state;
    a[n] = b[n] = ']', n++;
    a[n] = b[n] = '(', n++;
    for (int i = 0; i < 600; i++) {
        a[n] = b[n] = 'K', n++;
        a[n] = 1, b[n] = 2, n++;
    }
    a[n] = b[n] = 'e', n++;
    a[n] = b[n] = '.', n++;
    buf_init(&out, BUF_MAX_TEXT);
    o.ctx = &out;
    assert_int_equal(open_side(&x, a, n, &e), PB_OK);
    assert_int_equal(open_side(&y, b, n, &e), PB_OK);
    assert_int_equal(pkl_diff(pkl_doc_view(x.doc), pkl_doc_view(y.doc), &o, &e), PB_ECANCELED);
    close_side(&x);
    close_side(&y);
    buf_release(&out);
}

/* ------------------------------------------------------------------------- bytes */

static enum pb_err note_span(void *ctx, const struct pkl_diff_span *s, struct error *e)
{
    buf_printf(ctx, "%llu+%llu %llu+%llu; ", (unsigned long long)s->at[0],
               (unsigned long long)s->len[0], (unsigned long long)s->at[1],
               (unsigned long long)s->len[1]);
    return buf_status(ctx, e);
}

static void test_spans(void **state)
{
    static const struct pair cases[] = {
        P("K\x01.", "K\x01.", ""),
        P("K\x01.", "K\x02.", "0+2 0+2; "),
        P("](K\x01K\x02K\x03K\x04K\x05"
          "e.",
          "](K\x01K\x03K\x04K\x05"
          "e.",
          "4+2 4+0; "),
        P("](K\x01K\x03K\x04K\x05K\x06"
          "e.",
          "](K\x01M\x02\0K\x03K\x04K\x05K\x06"
          "e.",
          "4+0 4+3; "),
        P("N.", "N.N.", "2+0 2+2; "),
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct side x, y;
        struct error e = {0};
        struct buf out;

        buf_init(&out, BUF_MAX_LINE);
        assert_int_equal(open_side(&x, cases[i].a, cases[i].a_len, &e), PB_OK);
        assert_int_equal(open_side(&y, cases[i].b, cases[i].b_len, &e), PB_OK);
        assert_int_equal(pkl_diff_bytes(x.doc, y.doc, NULL, NULL, note_span, &out, &e), PB_OK);
        assert_string_equal(out.len > 0 ? out.data : "", cases[i].want);
        buf_clear(&out);
        assert_int_equal(pkl_diff_span_text(x.doc, 0, 2, 100, &out, &e), PB_OK);
        assert_true(out.len > 0);
        buf_release(&out);
        close_side(&x);
        close_side(&y);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_spans),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
