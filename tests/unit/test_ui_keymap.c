/* The table of keys: nothing twice, nothing without help, names that read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/text.h>
#include <pklbrowse/ui.h>

#include "ui/keymap.h"

static void test_every_row_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < keymap_count(); i++) {
        const struct command *c = keymap_row(i);

        assert_true(c->help != NULL && strlen(c->help) > 3);
        if (c->name == NULL)
            continue;
        assert_non_null(c->run);
        assert_true(c->contexts != 0 && (c->contexts & ~(unsigned)CTX_ALL) == 0);
        if (keymap_key(NULL, c, 0) == K_NONE)
            fail_msg("%s has no key", c->name);
    }
}

static void test_every_key_has_a_name_that_reads_back(void **state)
{
    struct buf name;

    (void)state;
    buf_init(&name, 64);
    for (size_t i = 0; i < keymap_count(); i++) {
        const struct command *c = keymap_row(i);
        size_t words = 0;

        for (const char *p = c->keys; p != NULL && *p != '\0';
             p += strcspn(p, " "), p += strspn(p, " "))
            words++;
        for (size_t k = 0; k < words; k++) {
            uint32_t key = keymap_key(NULL, c, k);

            if (key == K_NONE)
                fail_msg("%s: key %zu of \"%s\" is none", c->name, k, c->keys);
            buf_clear(&name);
            key_show(key, &name);
            assert_int_equal(key_from_name(name.data, name.len), key);
        }
    }
    buf_release(&name);
}

static void test_no_key_twice_in_a_context(void **state)
{
    (void)state;
    for (unsigned context = 1; context <= CTX_PROMPT; context <<= 1) {
        for (size_t i = 0; i < keymap_count(); i++) {
            const struct command *c = keymap_row(i);
            uint32_t key;

            if (c->name == NULL || (c->contexts & context) == 0)
                continue;
            for (size_t k = 0; (key = keymap_key(NULL, c, k)) != K_NONE; k++) {
                const struct command *found = keymap_find(NULL, (enum context)context, key);

                if (found != c)
                    fail_msg("context %u: %s and %s have the same key", context, found->name,
                             c->name);
            }
        }
    }
}

/* In a line that is typed, what can be typed is text. */
static void test_prompt_keys_are_no_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < keymap_count(); i++) {
        const struct command *c = keymap_row(i);
        uint32_t key;

        if (c->name == NULL || (c->contexts & CTX_PROMPT) == 0)
            continue;
        for (size_t k = 0; (key = keymap_key(NULL, c, k)) != K_NONE; k++)
            assert_false(key_is_text(key));
    }
}

/* Wherever one is there is a way out, and help can be had or is on the screen. */
static void test_a_way_out_of_everywhere(void **state)
{
    (void)state;
    for (unsigned context = 1; context <= CTX_PROMPT; context <<= 1) {
        assert_non_null(keymap_find(NULL, (enum context)context, K_ESC));
        assert_non_null(keymap_find(NULL, (enum context)context, K_CTRL('C')));
        assert_non_null(keymap_find(NULL, (enum context)context, K_CTRL('L')));
        if (context != CTX_PROMPT)
            assert_non_null(keymap_find(NULL, (enum context)context, '?'));
    }
    assert_null(keymap_find(NULL, CTX_LIST, 'Q'));
}

static void test_names(void **state)
{
    static const struct {
        const char *name;
        uint32_t key;
    } rows[] = {
        {"j", 'j'},
        {"Space", ' '},
        {"Enter", 13},
        {"^A", 1},
        {"^_", 31},
        {"^", '^'},
        {"F1", K_FUNCTION + 1},
        {"F12", K_FUNCTION + 12},
        {"F", 'F'},
        {"M-b", K_META | 'b'},
        {"M-Backspace", K_META | K_BACKSPACE},
        {"작", 0xc791},
        {"Up", K_UP},
        {"F13", K_NONE},
        {"F0", K_NONE},
        {"", K_NONE},
        {"xy", K_NONE},
        {"\xff", K_NONE},
        {"M-", K_NONE},
        {"^a", K_NONE},
    };
    struct buf b;

    (void)state;
    buf_init(&b, 64);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(key_from_name(rows[i].name, strlen(rows[i].name)), rows[i].key);
        if (rows[i].key == K_NONE)
            continue;
        buf_clear(&b);
        key_show(rows[i].key, &b);
        assert_string_equal(b.data, rows[i].name);
    }
    buf_clear(&b);
    key_show(0x1b5b, &b);
    assert_int_equal(utf8_check(b.data, b.len, false, NULL), b.len);
    buf_release(&b);
}

static void test_printed_for_the_manual(void **state)
{
    struct buf b;
    struct sink to;
    struct error e;

    (void)state;
    buf_init(&b, BUF_MAX_TEXT);
    to = sink_buf(&b);
    assert_int_equal(ui_print_keys(&to, &e), PB_OK);
    for (size_t i = 0; i < keymap_count(); i++)
        assert_non_null(strstr(b.data, keymap_row(i)->help));
    buf_release(&b);
}

/* Other keys take the place of those of the table, and win where both are pressed. */
static void test_changes(void **state)
{
    struct keymap m = {0};
    const struct command *c;
    const char *bad;

    (void)state;
    c = keymap_change(&m, "save", "w ^S", &bad);
    assert_non_null(c);
    assert_ptr_equal(keymap_find(&m, CTX_TREE, 'w'), c);
    assert_ptr_equal(keymap_find(&m, CTX_TREE, K_CTRL('S')), c);
    assert_null(keymap_find(&m, CTX_TREE, 's'));
    assert_non_null(keymap_find(NULL, CTX_TREE, 's'));
    assert_int_equal(keymap_key(&m, c, 1), K_CTRL('S'));
    assert_int_equal(keymap_key(NULL, c, 0), 's');
    assert_non_null(keymap_change(&m, "undo", "w", &bad));
    assert_string_equal(keymap_find(&m, CTX_TREE, 'w')->name, "undo"); /* the last one wins */
    assert_null(keymap_change(&m, "no_such_command", "w", &bad));
    assert_null(bad);
    assert_null(keymap_change(&m, "save", "w Nokey x", &bad));
    assert_string_equal(bad, "Nokey x");
    assert_ptr_equal(keymap_change(&m, "save", "", &bad), c); /* no key at all */
    assert_int_equal(keymap_key(&m, c, 0), K_NONE);
    keymap_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_is_whole),
        cmocka_unit_test(test_every_key_has_a_name_that_reads_back),
        cmocka_unit_test(test_no_key_twice_in_a_context),
        cmocka_unit_test(test_prompt_keys_are_no_text),
        cmocka_unit_test(test_a_way_out_of_everywhere),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_printed_for_the_manual),
        cmocka_unit_test(test_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
