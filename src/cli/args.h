/*
 * The command line: which command, which options, which operands.  Knows no store and prints
 * nothing. Commands and options are rows of commands.def and options.def.
 */
#ifndef PKLBROWSE_CLI_ARGS_H
#define PKLBROWSE_CLI_ARGS_H

#include <pklbrowse/aws.h>

enum command_id {
#define COMMAND(id, name, min, max, operands, help) CMD_##id,
#include "commands.def"
#undef COMMAND
    CMD_COUNT,
    CMD_screen = CMD_COUNT /* no command: the screen */
};
enum option_id {
#define OPTION(id, name, letter, kind, argument, where, help) OPT_##id,
#include "options.def"
#undef OPTION
    OPT_COUNT
};
enum option_kind { FLAG, TEXT, NUMBER, SIZE, ADDRESSING };

struct command {
    const char *name;
    size_t min, max; /* operands */
    const char *operands, *help;
};
struct option {
    const char *name; /* with its dashes */
    char letter;      /* 0: none */
    enum option_kind kind;
    const char *argument;
    unsigned where; /* bits of enum command_id */
    const char *help;
};
extern const struct command commands[CMD_COUNT];
extern const struct option options[OPT_COUNT];

struct args {
    enum command_id command;
    const char **operands; /* borrowed from argv, in order */
    size_t count;
    bool given[OPT_COUNT];
    const char *text[OPT_COUNT]; /* of all but FLAG */
    uint64_t depth;              /* --depth */
    uint64_t decode_limit;       /* --decode-limit */
    enum aws_addressing addressing;
};

/* PB_EUSAGE with a hint: unknown option or command, argument missing or wrong, option of another
 * command, too few or too many operands.  With --help or --version operands are not counted. */
enum pb_err args_parse(struct args *out, int argc, char *const argv[], struct error *e) PB_CHECK;
/* What a long option says, before anything is checked: for what must be known to say anything at
 * all.  The last one counts; "" is a flag, NULL none. */
const char *args_early(int argc, char *const argv[], enum option_id id);
void args_release(struct args *a);

#endif
