/* pklbrowse: start-up.  The only place that ends the process. */
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

/* Characters only: numbers and messages never depend on where somebody lives.  In the C locale text
 * would be ASCII; nobody who sets nothing means that. */
static void set_locale(bool ascii)
{
    const char *got = setlocale(LC_CTYPE, "");

    if (ascii || (got != NULL && strcmp(nl_langinfo(CODESET), "ANSI_X3.4-1968") != 0))
        return;
    setlocale(LC_CTYPE, "C.UTF-8");
}

int main(int argc, char **argv)
{
    struct args args;
    struct error error;
    int status;

    /* Both are errors of a write, told like any other. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (args_parse(&args, argc, argv, &error) != PB_OK)
        return cli_error(&error);
    set_locale(args.given[OPT_ascii]);
    status = cli_run(&args);
    args_release(&args);
    return status;
}
