#include "rebuilt.h"

#include <string.h>

#include <pklbrowse/pkl_leaf.h>

static enum pb_err is_reconstructor(struct pkl_view *v, const struct pkl_node *class, bool *is,
                                    struct error *e)
{
    struct pkl_name name = {0};
    enum pb_err err;

    *is = false;
    if (class->kind != PKL_GLOBAL)
        return PB_OK;
    err = pkl_name_read(v, class, &name, e);
    if (err == PB_OK)
        *is =
            strcmp(name.py3_module, "copyreg") == 0 && strcmp(name.py3_name, "_reconstructor") == 0;
    pkl_name_release(&name);
    return err == PB_EUNSUPPORTED ? PB_OK : err; /* a name that is computed */
}

enum pb_err rebuilt_read(struct pkl_view *v, pkl_id object, bool *is,
                         struct pkl_child arg[REBUILT_ARGS], struct error *e)
{
    struct pkl_child class, args;
    struct error why;
    size_t got = 0;
    enum pb_err err = v->part(v, object, PKL_CLASS, &class, &why);

    *is = false;
    if (err == PB_OK)
        err = is_reconstructor(v, &class.value, is, &why);
    if (err == PB_OK && *is)
        err = v->part(v, object, PKL_ARGS, &args, &why);
    if (err == PB_OK && *is)
        *is = args.value.kind == PKL_TUPLE;
    if (err == PB_OK && *is)
        err = v->children(v, args.value.target, 0, REBUILT_ARGS, arg, &got, &why);
    *is = *is && err == PB_OK && got == REBUILT_ARGS && arg[0].value.kind == PKL_GLOBAL &&
          arg[1].value.kind == PKL_GLOBAL;
    if (err == PB_OK || err == PB_ENOTFOUND)
        return PB_OK;
    return error_set(e, err, "%s", why.msg);
}
