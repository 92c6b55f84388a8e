#include <string.h>

#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

#include "input.h"

static const struct {
    uint32_t key;
    const char *name;
} names[] = {
    {K_TAB, "Tab"},
    {K_ENTER, "Enter"},
    {K_ESC, "Esc"},
    {K_SPACE, "Space"},
    {K_UP, "Up"},
    {K_DOWN, "Down"},
    {K_LEFT, "Left"},
    {K_RIGHT, "Right"},
    {K_PGUP, "PgUp"},
    {K_PGDN, "PgDn"},
    {K_HOME, "Home"},
    {K_END, "End"},
    {K_INSERT, "Ins"},
    {K_DELETE, "Del"},
    {K_BACKSPACE, "Backspace"},
    {K_BACKTAB, "S-Tab"},
    {K_PASTE_BEGIN, "PasteBegin"},
    {K_PASTE_END, "PasteEnd"},
};

uint32_t key_from_name(const char *name, size_t n)
{
    uint32_t cp;
    uint64_t number;

    if (n > 2 && memcmp(name, "M-", 2) == 0) {
        cp = key_from_name(name + 2, n - 2);
        return cp == K_NONE ? K_NONE : cp | K_META;
    }
    if (n == 2 && name[0] == '^' && name[1] >= '@' && name[1] <= '_')
        return K_CTRL(name[1]);
    if (n >= 2 && name[0] == 'F' && num_parse_u64(name + 1, n - 1, &number) && number >= 1 &&
        number <= 12)
        return K_FUNCTION + (uint32_t)number;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i].name) == n && memcmp(names[i].name, name, n) == 0)
            return names[i].key;
    }
    if (n > 0 && utf8_decode(name, n, &cp, false) == n && cp > K_SPACE)
        return cp;
    return K_NONE;
}

void key_show(uint32_t key, struct buf *out)
{
    char utf8[4];

    if (key & K_META)
        buf_puts(out, "M-");
    key &= ~K_META;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].key == key) {
            buf_puts(out, names[i].name);
            return;
        }
    }
    if (key > K_FUNCTION && key <= K_FUNCTION_LAST)
        buf_printf(out, "F%u", (unsigned)(key - K_FUNCTION));
    else if (key < K_SPACE)
        buf_printf(out, "^%c", (char)(key + '@'));
    else if (key < K_FIRST)
        text_escape(out, utf8, utf8_encode(key, utf8));
    else
        buf_puts(out, "(unknown key)");
}

bool key_is_text(uint32_t key)
{
    return key >= K_SPACE && key < K_FIRST && key != 0x7f;
}
