/* A line that is typed: readline's keys, wide characters, what is seen of it. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/text.h>

#include "ui/prompt.h"
#include "ui/typed.h"

/* The text with '|' where the cursor is. */
static const char *shown(const struct prompt *p)
{
    static char text[256];

    (void)snprintf(text, sizeof text, "%.*s|%s", (int)p->at, p->text.data, p->text.data + p->at);
    return text;
}

/* Puts the text there, the cursor where '|' stands. */
static void set(struct prompt *p, const char *text)
{
    size_t at = strcspn(text, "|");
    char plain[256];

    (void)snprintf(plain, sizeof plain, "%.*s%s", (int)at, text, text + at + 1);
    prompt_set(p, plain, strlen(plain));
    p->at = at;
}

static void test_keys(void **state)
{
    static const struct {
        const char *before;
        enum prompt_op op;
        const char *after;
    } rows[] = {
        {"ab|c", PROMPT_LEFT, "a|bc"},
        {"|abc", PROMPT_LEFT, "|abc"},
        {"ab|c", PROMPT_RIGHT, "abc|"},
        {"abc|", PROMPT_RIGHT, "abc|"},
        {"작업|결과", PROMPT_LEFT, "작|업결과"},
        {"작업|결과", PROMPT_RIGHT, "작업결|과"},
        {"e\xcc\x81|x", PROMPT_LEFT, "|e\xcc\x81x"},
        {"|e\xcc\x81x", PROMPT_RIGHT, "e\xcc\x81|x"},
        {"ab|c", PROMPT_HOME, "|abc"},
        {"ab|c", PROMPT_END, "abc|"},
        {"one two|", PROMPT_WORD_LEFT, "one |two"},
        {"one |two", PROMPT_WORD_LEFT, "|one two"},
        {"one['a']|", PROMPT_WORD_LEFT, "one['|a']"},
        {"|one two", PROMPT_WORD_RIGHT, "one| two"},
        {"one| two", PROMPT_WORD_RIGHT, "one two|"},
        {"ab|c", PROMPT_BACKSPACE, "a|c"},
        {"|abc", PROMPT_BACKSPACE, "|abc"},
        {"작업|결과", PROMPT_BACKSPACE, "작|결과"},
        {"e\xcc\x81|x", PROMPT_BACKSPACE, "|x"},
        {"ab|c", PROMPT_DELETE, "ab|"},
        {"abc|", PROMPT_DELETE, "abc|"},
        {"|e\xcc\x81x", PROMPT_DELETE, "|x"},
        {"ab|c", PROMPT_KILL_START, "|c"},
        {"ab|c", PROMPT_KILL_END, "ab|"},
        {"one two|", PROMPT_KILL_WORD_BACK, "one |"},
        {"a['b']  |x", PROMPT_KILL_WORD_BACK, "|x"},
        {"|one two", PROMPT_KILL_WORD, "| two"},
        {"|", PROMPT_KILL_WORD, "|"},
        {"ab|c", PROMPT_TRANSPOSE, "acb|"},
        {"abc|", PROMPT_TRANSPOSE, "acb|"},
        {"|abc", PROMPT_TRANSPOSE, "|abc"},
        {"작|업", PROMPT_TRANSPOSE, "업작|"},
        {"a|", PROMPT_TRANSPOSE, "a|"},
        {"|", PROMPT_TRANSPOSE, "|"},
        {"|", PROMPT_YANK, "|"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct prompt p;

        prompt_init(&p, 1000);
        set(&p, rows[i].before);
        prompt_edit(&p, rows[i].op);
        assert_string_equal(shown(&p), rows[i].after);
        prompt_release(&p);
    }
}

static void test_cut_and_put_back(void **state)
{
    struct prompt p;

    (void)state;
    prompt_init(&p, 1000);
    set(&p, "one two|");
    prompt_edit(&p, PROMPT_KILL_WORD_BACK);
    prompt_edit(&p, PROMPT_HOME);
    prompt_edit(&p, PROMPT_YANK);
    assert_string_equal(shown(&p), "two|one ");
    prompt_edit(&p, PROMPT_BACKSPACE); /* is not kept */
    prompt_edit(&p, PROMPT_YANK);
    assert_string_equal(shown(&p), "twtwo|one ");
    prompt_release(&p);
}

static void test_typing(void **state)
{
    struct prompt p;

    (void)state;
    prompt_init(&p, 10);
    assert_true(prompt_insert(&p, "ab", 2));
    prompt_edit(&p, PROMPT_LEFT);
    assert_true(prompt_insert(&p, "작", 3));
    assert_string_equal(shown(&p), "a작|b");
    assert_false(prompt_insert(&p, "\xff", 1));   /* not UTF-8 */
    assert_false(prompt_insert(&p, "123456", 6)); /* no room */
    assert_string_equal(shown(&p), "a작|b");
    assert_true(prompt_insert(&p, "12345", 5)); /* just fits */
    assert_string_equal(shown(&p), "a작12345|b");
    prompt_set(&p, "0123456789ab", 12); /* too long: empty rather than half */
    assert_string_equal(shown(&p), "|");
    prompt_release(&p);
}

/* An accent that is typed joins with the letter before it; the cursor never stands inside. */
static void test_joining(void **state)
{
    struct prompt p;

    (void)state;
    prompt_init(&p, 100);
    set(&p, "e|x");
    assert_true(prompt_insert(&p, "\xcc\x81", 2));
    assert_string_equal(shown(&p), "e\xcc\x81|x");
    set(&p, "ea|\xcc\x81x"); /* deleting the letter leaves its accent to the one before */
    p.at = 1;
    prompt_edit(&p, PROMPT_DELETE);
    assert_int_equal(p.at,
                     text_next(p.text.data, p.text.len, text_prev(p.text.data, p.text.len, p.at)));
    prompt_release(&p);
}

struct seen {
    const char *text;
    int cursor;
};

static struct seen draw(struct prompt *p, struct screen *s, int width)
{
    static char text[256];
    struct region all = screen_all(s);
    struct buf b;

    screen_clear(s);
    prompt_draw(p, &all, 0, 0, width, STYLE_TYPED);
    buf_init(&b, 1000);
    screen_dump(s, &b);
    (void)snprintf(text, sizeof text, "%.*s", (int)strcspn(b.data, "\n"), b.data);
    buf_release(&b);
    return (struct seen){text, s->cursor_x};
}

static void test_what_is_seen(void **state)
{
    struct prompt p;
    struct screen s;
    struct error e;
    struct seen seen;

    (void)state;
    screen_init(&s, false);
    assert_int_equal(screen_resize(&s, 1, 20, &e), PB_OK);
    prompt_init(&p, 1000);
    prompt_set(&p, "0123456789", 10);
    seen = draw(&p, &s, 8); /* seven characters and the cursor behind them */
    assert_string_equal(seen.text, "3456789");
    assert_int_equal(seen.cursor, 7);
    prompt_edit(&p, PROMPT_HOME);
    seen = draw(&p, &s, 8);
    assert_string_equal(seen.text, "01234567");
    assert_int_equal(seen.cursor, 0);
    assert_int_equal(prompt_column(&p, &s, STYLE_TYPED, 4, 8), 4);
    assert_int_equal(prompt_column(&p, &s, STYLE_TYPED, 9, 8), -1);
    prompt_set(&p, "작업결과작업결과", 24);
    seen = draw(&p, &s, 8); /* never half of one */
    assert_string_equal(seen.text, "업결과");
    assert_int_equal(seen.cursor, 6);
    prompt_set(&p, "a\x1b[m\xe2\x80\xae", 7); /* what is pasted is seen, not obeyed */
    seen = draw(&p, &s, 20);
    assert_string_equal(seen.text, "a\\x1b[m\\u202e");
    assert_int_equal(seen.cursor, 13);
    assert_int_equal(prompt_column(&p, &s, STYLE_TYPED, 2, 20), 5);
    seen = draw(&p, &s, 1);
    assert_int_equal(seen.cursor, 0);
    prompt_release(&p);
    screen_release(&s);
}

/* Drawing a very long line costs what is seen of it, wherever the cursor jumps. */
static void test_long_line(void **state)
{
    struct prompt p;
    struct screen s;
    struct error e;
    static char text[200000];

    (void)state;
    memset(text, 'x', sizeof text);
    screen_init(&s, false);
    assert_int_equal(screen_resize(&s, 1, 20, &e), PB_OK);
    prompt_init(&p, sizeof text);
    prompt_set(&p, text, sizeof text);
    for (int i = 0; i < 200; i++) {
        prompt_edit(&p, i % 2 ? PROMPT_END : PROMPT_HOME);
        assert_int_equal(draw(&p, &s, 20).cursor, i % 2 ? 19 : 0);
    }
    prompt_release(&p);
    screen_release(&s);
}

/* Everything in any order: the text stays UTF-8 and the cursor between characters. */
static void test_walk(void **state)
{
    static const char *const typed[] = {"a",    " ", "작",   "\xcc\x81",
                                        "🥒", "'", "\x1b", "\xe2\x80\x8d"};
    struct prompt p;
    uint32_t seed = 99;

    (void)state;
    prompt_init(&p, 200);
    for (int i = 0; i < 50000; i++) {
        seed = seed * 1664525u + 1013904223u;
        if (seed >> 31) {
            const char *t = typed[(seed >> 8) % 8];

            (void)prompt_insert(&p, t, strlen(t));
        } else {
            prompt_edit(&p, (enum prompt_op)((seed >> 8) % 15));
        }
        assert_int_equal(utf8_check(p.text.data, p.text.len, false, NULL), p.text.len);
        assert_true(p.at <= p.text.len);
        assert_true(p.at == p.text.len || ((unsigned char)p.text.data[p.at] & 0xc0) != 0x80);
    }
    prompt_release(&p);
}

/* Typed: characters; the others: '<' backspace, '^' a move home, 'K' cut to the end, 'Y' put in,
 * 'R' another text, 'U' undo. */
static void test_the_way_back(void **state)
{
    static const struct {
        const char *from, *keys, *after;
    } rows[] = {
        {"", "abcU", "|"},      /* what was typed in one go goes in one go */
        {"", "ab cdU", "ab |"}, /* a word at a time */
        {"", "ab cdUU", "ab|"},   {"", "ab cdUUU", "|"},
        {"30", "<1U", "3|"},      {"30", "<1UU", "30|"},
        {"30", "<1UUUU", "30|"}, /* not before it was opened */
        {"abc", "^KU", "|abc"},   {"abc", "^KYYUU", "|"},
        {"abc", "^<<<U", "|abc"}, /* what did nothing is not a step */
        {"abc", "^<xU", "|abc"},  {"abc", "RU", "abc|"},
        {"abc", "RdUU", "abc|"},  {"한글", "<글U", "한|"},
        {"한글", "<UU", "한글|"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *k = rows[i].keys;
        struct prompt p;

        prompt_init(&p, 1000);
        prompt_set(&p, rows[i].from, strlen(rows[i].from));
        for (size_t n; *k != '\0'; k += n) {
            n = text_next(k, strlen(k), 0);
            switch (*k) {
            case '<':
                prompt_edit(&p, PROMPT_BACKSPACE);
                break;
            case '^':
                prompt_edit(&p, PROMPT_HOME);
                break;
            case 'K':
                prompt_edit(&p, PROMPT_KILL_END);
                break;
            case 'Y':
                prompt_edit(&p, PROMPT_YANK);
                break;
            case 'R':
                prompt_replace(&p, "another", 7);
                break;
            case 'U':
                prompt_edit(&p, PROMPT_UNDO);
                break;
            default:
                assert_true(prompt_insert(&p, k, n));
                break;
            }
        }
        if (strcmp(shown(&p), rows[i].after) != 0)
            fail_msg("case %zu: %s", i, shown(&p));
        prompt_release(&p);
    }
}

/* Where there is no room for more, the way back is shorter, and the text right. */
static void test_a_long_way_back(void **state)
{
    struct prompt p;

    (void)state;
    prompt_init(&p, 64);
    prompt_set(&p, "", 0);
    for (int i = 0; i < 1000; i++) {
        (void)prompt_insert(&p, i % 2 ? " " : "x", 1);
        if (p.text.len == 60)
            prompt_edit(&p, PROMPT_KILL_START);
    }
    for (int i = 0; i < 1000; i++)
        prompt_edit(&p, PROMPT_UNDO);
    assert_true(p.at <= p.text.len && p.text.len <= 64);
    assert_int_equal(p.before.len, 0);
    prompt_release(&p);
}

/* Up and Down: kinds apart, the same text once, the oldest forgotten. */
static void test_typed_before(void **state)
{
    static const char a, b; /* their addresses tell kinds apart */
    struct typed t = {0};
    char text[16];

    (void)state;
    assert_null(typed_before(&t, &a, 1));
    typed_add(&t, &a, "one", 3);
    typed_add(&t, &b, "other", 5);
    typed_add(&t, &a, "two", 3);
    typed_add(&t, &a, "one", 3);
    typed_add(&t, &a, "", 0);
    assert_string_equal(typed_before(&t, &a, 1), "one");
    assert_string_equal(typed_before(&t, &a, 2), "two");
    assert_null(typed_before(&t, &a, 3));
    assert_string_equal(typed_before(&t, &b, 1), "other");
    for (int i = 0; i < 500; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        typed_add(&t, &b, text, strlen(text));
    }
    assert_null(typed_before(&t, &a, 1));
    assert_string_equal(typed_before(&t, &b, 1), "499");
    assert_string_equal(typed_before(&t, &b, 200), "300");
    assert_null(typed_before(&t, &b, 201));
    typed_release(&t);
}

static int group_set_up(void **state)
{
    (void)state;
    return setlocale(LC_CTYPE, "C.UTF-8") != NULL ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_cut_and_put_back),
        cmocka_unit_test(test_typing),
        cmocka_unit_test(test_joining),
        cmocka_unit_test(test_what_is_seen),
        cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_the_way_back),
        cmocka_unit_test(test_a_long_way_back),
        cmocka_unit_test(test_typed_before),
    };

    return cmocka_run_group_tests(tests, group_set_up, NULL);
}
