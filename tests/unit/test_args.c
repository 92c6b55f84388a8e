/* The command line: commands, options anywhere, hints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/mem.h>

#include "cli/args.h"

#define WORDS_MAX 12

/* Splits at '|': an argument may be empty or hold blanks. */
static int split(char *line, char *argv[WORDS_MAX + 1])
{
    int n = 0;

    argv[n++] = line;
    for (char *p = line; *p != '\0'; p++) {
        if (*p == '|') {
            *p = '\0';
            assert_true(n < WORDS_MAX);
            argv[n++] = p + 1;
        }
    }
    argv[n] = NULL;
    return n;
}

static enum pb_err parse(const char *line, struct args *out, char **memory, struct error *e)
{
    char *argv[WORDS_MAX + 1];
    int argc;

    *memory = mem_strdup(line);
    assert_non_null(*memory);
    argc = split(*memory, argv);
    return args_parse(out, argc, argv, e);
}

static const struct {
    const char *line;
    enum command_id command;
    const char *operands; /* joined with '|' */
} good[] = {
    {"p", CMD_screen, ""},
    {"p|s3://b/k", CMD_screen, "s3://b/k"},
    {"p|-", CMD_screen, "-"},
    {"p|./ls", CMD_screen, "./ls"},
    {"p|ls", CMD_ls, ""},
    {"p|ls|-l|-r|x", CMD_ls, "x"},
    {"p|-lr|ls|x", CMD_ls, "x"},
    {"p|ls|x|--long", CMD_ls, "x"},
    {"p|--profile|ls|ls|x", CMD_ls, "x"},
    {"p|--profile=ls|x", CMD_screen, "x"},
    {"p|--|ls", CMD_screen, "ls"},
    {"p|ls|--|-l", CMD_ls, "-l"},
    {"p|ls|--|--", CMD_ls, "--"},
    {"p|show|x|.a[0]", CMD_show, "x|.a[0]"},
    {"p|show|x|--depth|3", CMD_show, "x"},
    {"p|show|x|ls", CMD_show, "x|ls"},
    {"p|set|x|.a=1|.b:=", CMD_set, "x|.a=1|.b:="},
    {"p|set|-|.a=1|-o-", CMD_set, "-|.a=1"},
    {"p|set|-|.a=1|-no|f", CMD_set, "-|.a=1"},
    {"p|cp|-|x", CMD_cp, "-|x"},
    {"p|cp||x", CMD_cp, "|x"},
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char joined[256] = "", *memory;
        struct args a;
        struct error e;
        enum pb_err err = parse(good[i].line, &a, &memory, &e);

        if (err != PB_OK)
            fail_msg("%s: %s", good[i].line, e.msg);
        if (a.command != good[i].command)
            fail_msg("%s: command %d", good[i].line, (int)a.command);
        for (size_t k = 0, n = 0; k < a.count; k++)
            n += (size_t)snprintf(joined + n, sizeof joined - n, "%s%s", k > 0 ? "|" : "",
                                  a.operands[k]);
        if (strcmp(joined, good[i].operands) != 0)
            fail_msg("%s: operands %s", good[i].line, joined);
        args_release(&a);
        free(memory);
    }
}

static const struct {
    const char *line, *message;
} bad[] = {
    {"p|--dri-run|set|x|.a=1", "unknown option --dri-run; did you mean --dry-run?"},
    {"p|--dry-runs=1|set|x|.a=1", "unknown option --dry-runs=1; did you mean --dry-run?"},
    {"p|--nothing-like-it", "unknown option --nothing-like-it; see pklbrowse --help"},
    {"p|-z", "unknown option -z; see pklbrowse --help"},
    {"p|-lz|ls", "unknown option -lz; see pklbrowse --help"},
    {"p|shwo|x", "unknown command shwo; did you mean show?"},
    {"p|frobnicate|x", "unknown command frobnicate; see pklbrowse --help"},
    {"p|x\033[2J|y", "unknown command x\\x1b[2J; see pklbrowse --help"},
    {"p|ls|a|b", "too many operands: pklbrowse ls [LOCATION]"},
    {"p|show", "too few operands: pklbrowse show LOCATION [PATH]"},
    {"p|set|x", "too few operands: pklbrowse set LOCATION EDIT ..."},
    {"p|cp|x", "too few operands: pklbrowse cp SRC DST"},
    {"p|ls|--repr", "--repr is not an option of ls; see pklbrowse ls --help"},
    {"p|--json", "--json goes with a command; see pklbrowse --help"},
    {"p|--demo=1", "--demo takes no argument"},
    {"p|show|x|--depth", "--depth needs its N"},
    {"p|show|x|--depth|0", "--depth takes a number from 1 on"},
    {"p|show|x|--depth=-1", "--depth takes a number from 1 on"},
    {"p|show|x|--depth=1x", "--depth takes a number from 1 on"},
    {"p|show|x|--depth=99999999999999999999", "--depth takes a number from 1 on"},
    {"p|show|x|--depth=4294967296", "--depth takes a number from 1 on"},
    {"p|set|x|.a=1|-o", "-o needs its FILE"},
    {"p|--addressing=dns", "--addressing is path, virtual or auto"},
    {"p|set|-|.a=1|--output=", "--output: the FILE is empty"},
    {"p|--profile=", "--profile: the NAME is empty"},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *memory;
        struct args a;
        struct error e = {.code = PB_OK};

        if (parse(bad[i].line, &a, &memory, &e) != PB_EUSAGE)
            fail_msg("%s was taken", bad[i].line);
        if (strcmp(e.msg, bad[i].message) != 0)
            fail_msg("%s: %s", bad[i].line, e.msg);
        assert_null(a.operands);
        free(memory);
    }
}

static void test_values(void **state)
{
    struct args a;
    struct error e;
    char *memory;

    (void)state;
    assert_int_equal(parse("p|show|--depth=4294967295|x|--profile|a|--profile=b|--addressing|path",
                           &a, &memory, &e),
                     PB_OK);
    assert_int_equal(a.depth, UINT32_MAX);
    assert_string_equal(a.text[OPT_profile], "b"); /* the last one counts */
    assert_int_equal(a.addressing, AWS_ADDRESSING_PATH);
    assert_true(a.given[OPT_depth]);
    assert_false(a.given[OPT_region]);
    assert_null(a.text[OPT_region]);
    args_release(&a);
    free(memory);
}

/* --help and --version are answered whatever else is missing. */
static void test_help(void **state)
{
    static const char *const lines[] = {"p|--help", "p|set|--help", "p|-V|cp", "p|-h|set|x|--repr"};

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct args a;
        struct error e;
        char *memory;

        if (parse(lines[i], &a, &memory, &e) != PB_OK)
            fail_msg("%s: %s", lines[i], e.msg);
        assert_true(a.given[OPT_help] || a.given[OPT_version]);
        args_release(&a);
        free(memory);
    }
}

/* What the tables promise each other. */
static void test_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < OPT_COUNT; i++) {
        assert_memory_equal(options[i].name, "--", 2);
        assert_int_equal(options[i].kind == FLAG, options[i].argument == NULL);
        assert_true(options[i].where != 0);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(options[i].name, options[j].name);
            assert_true(options[i].letter == 0 || options[i].letter != options[j].letter);
        }
    }
    for (size_t i = 0; i < CMD_COUNT; i++)
        assert_true(commands[i].min <= commands[i].max);
}

static void test_no_memory(void **state)
{
    char *argv[] = {(char[]){"p"}, NULL};
    struct args a;
    struct error e;

    (void)state;
    mem_fail_after(0);
    assert_int_equal(args_parse(&a, 1, argv, &e), PB_ENOMEM);
    mem_fail_after(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),   cmocka_unit_test(test_bad),
        cmocka_unit_test(test_values), cmocka_unit_test(test_help),
        cmocka_unit_test(test_tables), cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
