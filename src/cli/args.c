#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

#include "args.h"

#define ANYWHERE (~0u)
enum {
#define COMMAND(id, name, min, max, operands, help) IN_##id = 1 << CMD_##id,
#include "commands.def"
#undef COMMAND
    IN_edit = IN_set | IN_add | IN_del | IN_rename
};

const struct command commands[CMD_COUNT] = {
#define COMMAND(id, name, min, max, operands, help) [CMD_##id] = {name, min, max, operands, help},
#include "commands.def"
#undef COMMAND
};
const struct option options[OPT_COUNT] = {
#define OPTION(id, name, letter, kind, argument, where, help)                                      \
    [OPT_##id] = {name, letter, kind, argument, where, help},
#include "options.def"
#undef OPTION
};

/* --- what was meant? ----------------------------------------------------------------------------
 */

#define WORD_MAX 31

/* Letters to insert, delete or replace to make b of a. */
static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b), row[WORD_MAX + 1];

    if (n > WORD_MAX || m > WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

static void consider(const char *typed, const char *name, const char **best, size_t *least)
{
    size_t d = distance(typed, name);

    if (d < *least && d <= strlen(name) / 3 + 1) {
        *least = d;
        *best = name;
    }
}

static const char *nearest_option(const char *typed)
{
    const char *best = NULL;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < OPT_COUNT; i++)
        consider(typed, options[i].name, &best, &least);
    return best;
}

static const char *nearest_command(const char *typed)
{
    const char *best = NULL;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < CMD_COUNT; i++)
        consider(typed, commands[i].name, &best, &least);
    return best;
}

/* "unknown option --dri-run; did you mean --dry-run?" */
static enum pb_err unknown(struct error *e, const char *what, const char *typed,
                           const char *nearest)
{
    struct buf shown;

    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, typed, strlen(typed), 100);
    if (nearest != NULL)
        error_set(e, PB_EUSAGE, "unknown %s %s; did you mean %s?", _(what), shown.data, nearest);
    else
        error_set(e, PB_EUSAGE, "unknown %s %s; see pklbrowse --help", _(what), shown.data);
    buf_release(&shown);
    return PB_EUSAGE;
}

/* --- options ------------------------------------------------------------------------------------
 */

static bool find_command(const char *name, enum command_id *out)
{
    for (size_t i = 0; i < CMD_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            *out = (enum command_id)i;
            return true;
        }
    }
    return false;
}

/* "4096", "500M": K, M, G and T are powers of 1024. */
static bool take_size(const char *value, uint64_t *out)
{
    static const char units[] = "KMGT";
    size_t n = strlen(value);
    const char *unit = n > 0 ? strchr(units, value[n - 1]) : NULL;
    unsigned shift = unit != NULL ? 10 * (unsigned)(unit - units + 1) : 0;

    if (!num_parse_u64(value, unit != NULL ? n - 1 : n, out) || *out == 0 ||
        *out > UINT64_MAX >> shift)
        return false;
    *out <<= shift;
    return true;
}

static enum pb_err take_value(struct args *a, size_t id, const char *value, struct error *e)
{
    const char *name = options[id].name;

    a->given[id] = true;
    a->text[id] = value;
    switch (options[id].kind) {
    case FLAG:
        break;
    case TEXT:
        if (*value == '\0')
            return error_set(e, PB_EUSAGE, "%s: the %s is empty", name, options[id].argument);
        break;
    case NUMBER:
        if (!num_parse_u64(value, strlen(value), &a->depth) || a->depth == 0 ||
            a->depth > UINT32_MAX)
            return error_set(e, PB_EUSAGE, "%s takes a number from 1 on", name);
        break;
    case SIZE:
        if (!take_size(value, &a->decode_limit))
            return error_set(e, PB_EUSAGE, "%s takes a number of bytes, like 500M or 8G", name);
        break;
    case ADDRESSING:
        if (strcmp(value, "path") == 0)
            a->addressing = AWS_ADDRESSING_PATH;
        else if (strcmp(value, "virtual") == 0)
            a->addressing = AWS_ADDRESSING_VIRTUAL;
        else if (strcmp(value, "auto") == 0)
            a->addressing = AWS_ADDRESSING_AUTO;
        else
            return error_set(e, PB_EUSAGE, "%s is path, virtual or auto", name);
        break;
    }
    return PB_OK;
}

/* "--name", "--name=value", "--name value": *i moves to the last argument taken. */
static enum pb_err take_long(struct args *a, int argc, char *const argv[], int *i, struct error *e)
{
    const char *arg = argv[*i];
    size_t n = strcspn(arg, "=");

    for (size_t id = 0; id < OPT_COUNT; id++) {
        const char *name = options[id].name;

        if (strlen(name) != n || memcmp(name, arg, n) != 0)
            continue;
        if (options[id].kind == FLAG && arg[n] == '=')
            return error_set(e, PB_EUSAGE, "%s takes no argument", name);
        if (options[id].kind == FLAG || arg[n] == '=')
            return take_value(a, id, arg[n] == '=' ? arg + n + 1 : NULL, e);
        if (*i + 1 >= argc)
            return error_set(e, PB_EUSAGE, "%s needs its %s", name, options[id].argument);
        return take_value(a, id, argv[++*i], e);
    }
    return unknown(e, N_("option"), arg, nearest_option(arg));
}

/* "-lr", "-oFILE", "-o FILE". */
static enum pb_err take_short(struct args *a, int argc, char *const argv[], int *i, struct error *e)
{
    for (const char *p = argv[*i] + 1; *p != '\0'; p++) {
        size_t id = 0;
        enum pb_err err;

        while (id < OPT_COUNT && options[id].letter != *p)
            id++;
        if (id == OPT_COUNT)
            return unknown(e, N_("option"), argv[*i], NULL);
        if (options[id].kind != FLAG && p[1] != '\0')
            return take_value(a, id, p + 1, e);
        if (options[id].kind != FLAG && *i + 1 >= argc)
            return error_set(e, PB_EUSAGE, "-%c needs its %s", *p, options[id].argument);
        err = take_value(a, id, options[id].kind == FLAG ? NULL : argv[++*i], e);
        if (err != PB_OK || options[id].kind != FLAG)
            return err;
    }
    return PB_OK;
}

/* --- the whole ----------------------------------------------------------------------------------
 */

static enum pb_err split(struct args *a, int argc, char *const argv[], struct error *e)
{
    bool only_operands = false, first = true;

    for (int i = 1; i < argc; i++) {
        enum pb_err err = PB_OK;

        if (!only_operands && strcmp(argv[i], "--") == 0)
            only_operands = true;
        else if (!only_operands && strncmp(argv[i], "--", 2) == 0)
            err = take_long(a, argc, argv, &i, e);
        else if (!only_operands && argv[i][0] == '-' && argv[i][1] != '\0')
            err = take_short(a, argc, argv, &i, e);
        else if (first && !only_operands && find_command(argv[i], &a->command))
            first = false;
        else {
            a->operands[a->count++] = argv[i];
            first = false;
        }
        if (err != PB_OK)
            return err;
    }
    return PB_OK;
}

static enum pb_err check_options(const struct args *a, struct error *e)
{
    for (size_t id = 0; id < OPT_COUNT; id++) {
        if (!a->given[id] || (options[id].where & 1u << a->command))
            continue;
        if (a->command == CMD_screen)
            return error_set(e, PB_EUSAGE, "%s goes with a command; see pklbrowse --help",
                             options[id].name);
        return error_set(e, PB_EUSAGE, "%s is not an option of %s; see pklbrowse %s --help",
                         options[id].name, commands[a->command].name, commands[a->command].name);
    }
    return PB_OK;
}

static enum pb_err check_operands(const struct args *a, struct error *e)
{
    const struct command *c;

    if (a->command == CMD_screen) {
        if (a->count <= 1)
            return PB_OK;
        return unknown(e, N_("command"), a->operands[0], nearest_command(a->operands[0]));
    }
    c = &commands[a->command];
    if (a->count >= c->min && a->count <= c->max)
        return PB_OK;
    return error_set(e, PB_EUSAGE,
                     a->count < c->min ? _("too few operands: pklbrowse %s %s")
                                       : _("too many operands: pklbrowse %s %s"),
                     c->name, c->operands);
}

const char *args_early(int argc, char *const argv[], enum option_id id)
{
    const char *name = options[id].name, *found = NULL;
    size_t n = strlen(name);

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], name, n) != 0)
            continue;
        if (argv[i][n] == '=')
            found = argv[i] + n + 1;
        else if (argv[i][n] == '\0')
            found = options[id].kind == FLAG || i + 1 == argc ? "" : argv[i + 1];
    }
    return found;
}

enum pb_err args_parse(struct args *out, int argc, char *const argv[], struct error *e)
{
    enum pb_err err;

    *out = (struct args){.command = CMD_screen};
    out->operands = mem_realloc(NULL, argc > 0 ? (size_t)argc : 1, sizeof *out->operands);
    if (out->operands == NULL)
        return error_nomem(e);
    err = split(out, argc, argv, e);
    if (err == PB_OK && !out->given[OPT_help] && !out->given[OPT_version]) {
        err = check_options(out, e);
        if (err == PB_OK)
            err = check_operands(out, e);
    }
    if (err != PB_OK)
        args_release(out);
    return err;
}

void args_release(struct args *a)
{
    free(a->operands);
    a->operands = NULL;
    a->count = 0;
}
