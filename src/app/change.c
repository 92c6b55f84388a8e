#include "app_private.h"

enum pb_err app_place_path(struct pkl_view *v, const struct pkl_child *place, enum path_form form,
                           struct buf *out, struct error *e)
{
    enum pb_err err;

    if (place->step == PKL_STEP_ROOT) {
        buf_printf(out, "@%llu", (unsigned long long)place->index);
        return buf_status(out, e);
    }
    err = pkl_path_of(v, place->owner, form, out, e);
    if (err == PB_OK)
        err = pkl_path_step_text(v, place, form, out, e);
    return err == PB_OK ? buf_status(out, e) : err;
}

enum pb_err app_change_path(struct app_object *o, const struct pkl_change *change,
                            enum path_form form, struct buf *out, struct error *e)
{
    bool inside_new = PKL_ID_SOURCE(change->place.owner) != 0;

    return app_place_path(inside_new ? pkl_edit_view(o->edit) : pkl_doc_view(o->doc),
                          &change->place, form, out, e);
}
