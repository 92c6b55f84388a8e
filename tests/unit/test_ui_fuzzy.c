/* Which texts some letters fit, and which one best. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ui/fuzzy.h"

static void test_fits(void **state)
{
    static const struct {
        const char *text, *typed;
        int fits;
    } cases[] = {
        {"save under another name", "sun", 1},
        {"save under another name", "SAVE", 1},
        {"save under another name", "nas", 0},
        {"save", "", 1},
        {"save", "  ", 1},
        {"", "a", 0},
        {"undo the last change", "undo ch", 1},
        {"undo", "undoo", 0},
        {"a", "A", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if ((fuzzy_score(cases[i].text, cases[i].typed) >= 0) != (cases[i].fits != 0))
            fail_msg("%s in %s", cases[i].typed, cases[i].text);
    }
}

static void test_best(void **state)
{
    static const struct {
        const char *better, *worse, *typed;
    } cases[] = {
        {"save under another name", "leave as it was", "sa"},
        {"to the last row", "collapse all", "la"},
        {"go to", "grow it too", "gt"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (fuzzy_score(cases[i].better, cases[i].typed) <=
            fuzzy_score(cases[i].worse, cases[i].typed))
            fail_msg("%s: %s", cases[i].typed, cases[i].better);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fits),
        cmocka_unit_test(test_best),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
