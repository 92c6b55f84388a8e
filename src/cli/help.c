#include <string.h>

#include <pklbrowse/intl.h>

#include "cli.h"

static void option_line(struct buf *out, const struct option *o)
{
    size_t start = out->len, width;

    if (o->letter != 0)
        buf_printf(out, "  -%c, %s", o->letter, o->name);
    else
        buf_printf(out, "      %s", o->name);
    if (o->argument != NULL)
        buf_printf(out, " %s", o->argument);
    width = out->len - start;
    buf_fill(out, ' ', width < 28 ? 28 - width : 1);
    buf_puts(out, _(o->help));
    buf_putc(out, '\n');
}

static bool is_common(const struct option *o)
{
    return o->where >> CMD_screen & 1u;
}

static void option_lines(struct buf *out, unsigned where, bool common)
{
    for (size_t i = 0; i < OPT_COUNT; i++) {
        if (is_common(&options[i]) == common && (options[i].where & where))
            option_line(out, &options[i]);
    }
}

void help_program(struct buf *out)
{
    buf_puts(out, _("pklbrowse: browse object stores and edit the Python pickles in them\n\n"
                    "Usage: pklbrowse [OPTION]... [LOCATION]     the screen\n"
                    "       pklbrowse COMMAND [OPTION]... ...\n\nCommands:\n"));
    for (size_t i = 0; i < CMD_COUNT; i++) {
        size_t start = out->len, width;

        buf_printf(out, "  %s %s", commands[i].name, commands[i].operands);
        width = out->len - start;
        buf_fill(out, ' ', width < 28 ? 28 - width : 1);
        buf_printf(out, "%s\n", _(commands[i].help));
    }
    buf_puts(out, _("\nOptions:\n"));
    option_lines(out, 1u << CMD_screen, true);
    buf_puts(
        out,
        _("\nLOCATION: s3://bucket/key, a path, ARCHIVE!/FILE, or - (stdin, stdout)\n"
          "EDIT:     PATH=LITERAL, PATH:=TEXT (a str as it stands), PATH=@FILE\n"
          "PATH:     .name  [3]  [-1]  ['key']  [#2]  @args  and so on, one after the other\n"
          "Exit:     0 done, 2 usage, 3 not found, 4 changed by someone else, 5 not permitted,\n"
          "          6 not a valid pickle, 7 other failures, 130 interrupted\n"
          "\nNothing in a pickle is ever executed.  See also: man pklbrowse\n"));
}

void help_command(struct buf *out, enum command_id id)
{
    if (id == CMD_screen) {
        help_program(out);
        return;
    }
    buf_printf(out, _("Usage: pklbrowse %s [OPTION]... %s\n\n%s\n"), commands[id].name,
               commands[id].operands, _(commands[id].help));
    buf_puts(out, _("\nOptions:\n"));
    option_lines(out, 1u << id, false);
    buf_puts(out, _("\nAnd of every command:\n"));
    option_lines(out, 1u << id, true);
}
