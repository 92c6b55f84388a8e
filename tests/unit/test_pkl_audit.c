/* Grades of names; uses of globals; audits in small steps, without memory, of what is nested. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_audit.h>

static void test_grades(void **state)
{
    static const struct {
        const char *module, *name;
        enum pkl_grade grade;
    } cases[] = {
        {"os", "system", PKL_DANGEROUS},
        {"os.path", "join", PKL_DANGEROUS},
        {"ospath", "x", PKL_UNKNOWN},
        {"", "", PKL_UNKNOWN},
        {".", ".", PKL_UNKNOWN},
        {"builtins", "set", PKL_SAFE},
        {"builtins", "eval", PKL_DANGEROUS},
        {"builtins", "type", PKL_UNKNOWN},
        {"builtins", "se", PKL_DANGEROUS}, /* part of a word is no word */
        {"__builtin__", "set", PKL_SAFE},
        {"__builtin__", "apply", PKL_DANGEROUS},
        {"exceptions", "ValueError", PKL_SAFE},
        {"copy_reg", "_reconstructor", PKL_SAFE},
        {"collections", "OrderedDict", PKL_SAFE},
        {"collections", "OrderedDict.fromkeys", PKL_UNKNOWN},
        {"collections", "OrderedDict.__init__", PKL_DANGEROUS},
        {"collections", "abc.sys.modules", PKL_DANGEROUS},
        {"types", "SimpleNamespace", PKL_SAFE},
        {"types", "CodeType", PKL_DANGEROUS},
        {"uuid", "UUID", PKL_SAFE},
        {"uuid", "_get_command_stdout", PKL_DANGEROUS},
        {"numpy", "ndarray", PKL_SAFE},
        {"numpy", "load.x", PKL_DANGEROUS},
        {"torch.serialization", "_get_layout", PKL_SAFE},
        {"joblib.numpy_pickle", "NumpyArrayWrapper", PKL_UNKNOWN},
        {"joblib", "load", PKL_DANGEROUS},
        {"mylib.types", "Thing", PKL_UNKNOWN},
        {"mylib", "Thing", PKL_UNKNOWN},
        {"six.moves.builtins", "eval", PKL_DANGEROUS},
    };
    const char *why;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum pkl_grade g = pkl_audit_grade(cases[i].module, cases[i].name, &why);

        if (g != cases[i].grade)
            print_error("%s.%s\n", cases[i].module, cases[i].name);
        assert_int_equal(g, cases[i].grade);
        assert_true((why != NULL) == (g == PKL_DANGEROUS));
    }
}

/* Rows as text: "grade module.name i/c/b/s/x/r path|". */
static enum pb_err audit(const void *bytes, size_t n, uint64_t budget, struct buf *out)
{
    static const char letter[] = "su!";
    struct source *s = source_mem(bytes, n, false);
    struct pkl_doc *d = NULL;
    struct pkl_audit *a = NULL;
    struct error e = {0};
    bool done = false;
    enum pb_err err = s != NULL ? pkl_doc_new(s, 0, NULL, &d, &e) : PB_ENOMEM;

    if (err == PB_OK)
        err = pkl_doc_index(d, &e);
    if (err == PB_OK)
        err = pkl_audit_new(d, &a, &e);
    for (size_t steps = 0; err == PB_OK && !done && steps < 100000; steps++)
        err = pkl_audit_step(a, budget, &done, &e);
    for (size_t i = 0; err == PB_OK && i < pkl_audit_rows(a); i++) {
        const struct pkl_audit_row *r = pkl_audit_row(a, i);

        buf_printf(out, "%c %s.%s %d%d%d%d%d%d %s#%d|", letter[r->grade],
                   r->module != NULL ? r->module : "?", r->name != NULL ? r->name : "?",
                   (int)r->imported, (int)r->called, (int)r->built, (int)r->states,
                   (int)r->changed, (int)r->result_called, r->path != NULL ? r->path : "-",
                   (int)r->pickle);
    }
    pkl_audit_free(a);
    pkl_doc_free(d);
    source_free(s);
    return err;
}

static const struct sample {
    const char *bytes;
    size_t n;
    const char *want;
} samples[] = {
#define SAMPLE(literal, want) {literal, sizeof(literal) - 1, want}
    SAMPLE("N.", ""),
    SAMPLE("", ""),
    SAMPLE("cos\nsystem\n(S'id'\ntR.", "! os.system 110000 @0#0|"),
    SAMPLE("cos\nsystem\n(S'id'\ntR0N.", "! os.system 110000 -#0|"),
    SAMPLE("cos\nsystem\n(S'id'\ntR\xff", "! os.system 110000 [0]#0|"),
    SAMPLE("(cos\nsystem\nq\x01]h\x01"
           "al.",
           "! os.system 100000 [0]#0|"),
    SAMPLE("cm\nC\nq\x01)\x81}bh\x01)\x81\x86.", "u m.C 102100 [0]#0|"),
    SAMPLE("cm\nC\n)R)R.", "u m.C 110001 @class#0|"),
    SAMPLE("cm\nC\n}b.", "! m.C 100010 @0#0|"),
    SAMPLE("ccopy_reg\n_reconstructor\n(cm\nC\nc__builtin__\nobject\nNtR.",
           "s copy_reg._reconstructor 110000 @0#0|u m.C 101000 @0#0|s __builtin__.object 100000 "
           "@args[1]#0|"),
    SAMPLE("\x80\x02\x82\x05)R.", "u ?.? 110000 @0#0|"),
    SAMPLE("Pid\n)R.", "u ?.? 010000 @0#0|"),
    SAMPLE("}U\x01"
           "aU\x0b"
           "cm\nC\n)R.....s.",
           "u m.C 110000 @0#1|"),
    SAMPLE("cm\nC\nq\x01(\x97\x98h\x01K\x01\x97\x98h\x01)R1.", "u m.C 110000 -#0|"),
    SAMPLE("K\x01.cm\nC\n)R\xff", "u m.C 110000 [0]#1|"),
    SAMPLE("U\x0c"
           "cat\ndog\nbird.",
           ""),
};

static void test_uses(void **state)
{
    static const uint64_t budgets[] = {UINT64_MAX, 1, 7};

    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        for (size_t b = 0; b < 3; b++) {
            struct buf out;

            buf_init(&out, BUF_MAX_TEXT);
            assert_int_equal(audit(samples[i].bytes, samples[i].n, budgets[b], &out), PB_OK);
            assert_string_equal(out.data, samples[i].want);
            buf_release(&out);
        }
    }
}

/* Every allocation fails once: an error, or the whole answer, never less. */
static void test_no_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        enum pb_err err = PB_ENOMEM;

        for (long n = 0; err != PB_OK && n < 2000; n++) {
            struct buf out;

            buf_init(&out, BUF_MAX_TEXT);
            buf_fill(&out, ' ', 4096);
            buf_truncate(&out, 0);
            mem_fail_after(n);
            err = audit(samples[i].bytes, samples[i].n, UINT64_MAX, &out);
            mem_fail_after(-1);
            if (err == PB_OK)
                assert_string_equal(out.data, samples[i].want);
            buf_release(&out);
        }
        assert_int_equal(err, PB_OK);
    }
}

/* A pickle in a pickle in a pickle ...: looked into so far and no further. */
static void test_deep(void **state)
{
    static const char core[] = "\x80\x02" "cm\nC\n)R.";
    char bytes[1024];
    size_t n = sizeof core - 1;
    struct buf out;

    (void)state;
    memcpy(bytes, core, n);
    for (int level = 0; level < 40; level++) {
        memmove(bytes + 7, bytes, n);
        memcpy(bytes, "\x80\x03" "B", 3);
        bytes[3] = (char)(n & 255);
        bytes[4] = (char)(n >> 8);
        bytes[5] = bytes[6] = 0;
        bytes[7 + n] = '.';
        n += 8;
    }
    buf_init(&out, BUF_MAX_TEXT);
    assert_int_equal(audit(bytes, n, UINT64_MAX, &out), PB_OK);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grades),
        cmocka_unit_test(test_uses),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_deep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
