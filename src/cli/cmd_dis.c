/* dis: the opcodes of an object, one a line. */
#include <pklbrowse/pkl_dis.h>

#include "cli.h"

static void say_trailing(const struct cli *c, struct pkl_doc *d)
{
    struct pkl_info info;

    pkl_doc_info(d, &info);
    if (info.trailing > 0)
        cli_note(c, "%llu more bytes from byte %llu on are no pickle",
                 (unsigned long long)info.trailing, (unsigned long long)info.end);
}

int cmd_dis(struct cli *c)
{
    struct pkl_dis_opts opts = {.paths = c->args->given[OPT_paths]};
    struct sink to = out_sink(&c->out);
    struct app_object *o = NULL;
    struct location loc = {0};
    struct error error, broken;
    enum pb_err err = cli_location(c->args->operands[0], &loc, &error), whole = PB_OK;

    if (err == PB_OK)
        whole = cli_open(c, &loc, &o, &broken);
    if (err == PB_OK && o != NULL)
        err = pkl_dis(app_object_opcodes(o), &opts, &to, &error);
    /* Why the text ends before the bytes do comes after it. */
    if (err == PB_OK && whole != PB_OK && (o == NULL || out_flush(&c->out, &error) == PB_OK)) {
        error = broken;
        err = whole;
    } else if (err == PB_OK && out_flush(&c->out, &error) == PB_OK) {
        say_trailing(c, app_object_opcodes(o));
    }
    app_object_close(o);
    location_release(&loc);
    return err == PB_OK ? STATUS_OK : cli_fail(c, &error);
}
