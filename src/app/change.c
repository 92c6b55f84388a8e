#include "app_private.h"

enum pb_err app_change_path(struct app_object *o, const struct pkl_change *change,
                            enum path_form form, struct buf *out, struct error *e)
{
    return pkl_edit_change_path(o->edit, change, form, out, e);
}
