/*
 * The engine's editing half as a filter, for the oracle tests.
 *
 * edit_tool literal: each record of standard input is "PROTOCOL LENGTH\n" and LENGTH bytes of a
 * literal; each answer is "ok HEX" (the value as a pickle of that protocol) or "bad AT MESSAGE".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/digest.h>
#include <pklbrowse/pkl_literal.h>

static void put_pickle(struct buf *out, const struct literal *l, unsigned protocol, struct error *e)
{
    struct pkl_style style = {.protocol = protocol, .text = protocol == 0};
    struct buf bytes;

    buf_init(&bytes, SIZE_MAX / 2);
    if (protocol >= 2) {
        buf_putc(&bytes, '\x80');
        buf_putc(&bytes, (char)protocol);
    }
    if (literal_encode(l, &style, PKL_BROKEN, 0, &bytes, e) != PB_OK) {
        buf_printf(out, "bad 0 cannot be encoded: %s\n", e->msg);
    } else {
        buf_putc(&bytes, '.');
        buf_puts(out, "ok ");
        hex_encode(out, bytes.data, bytes.len);
        buf_putc(out, '\n');
    }
    buf_release(&bytes);
}

static int literals(void)
{
    struct literal *l;
    struct arena mem;
    struct buf out;
    struct error e;
    unsigned protocol;
    size_t n, at;
    char *text, line[64], *end;

    while (fgets(line, sizeof line, stdin) != NULL) {
        protocol = (unsigned)strtoul(line, &end, 10);
        n = strtoul(end, NULL, 10);
        text = malloc(n + 1);
        if (text == NULL || fread(text, 1, n, stdin) != n)
            return 1;
        arena_init(&mem);
        buf_init(&out, SIZE_MAX / 2);
        if (literal_parse(&mem, text, n, &l, &at, &e) == PB_OK)
            put_pickle(&out, l, protocol, &e);
        else
            buf_printf(&out, "bad %zu %s\n", at, e.msg);
        fwrite(out.data, 1, out.len, stdout);
        fflush(stdout);
        buf_release(&out);
        arena_release(&mem);
        free(text);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "literal") == 0)
        return literals();
    fputs("usage: edit_tool literal\n", stderr);
    return 2;
}
