/* A long int over the panes: the text of its hex digits; its decimal ones are found by a job, when
 * they are asked for. */
#include <stdlib.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/loop.h>
#include <pklbrowse/pkl_int.h>
#include <pklbrowse/pkl_leaf.h>

#include "commands.h"
#include "value.h"

bool value_int_open(struct ui *u, struct value_view *v, const struct pkl_node *node)
{
    struct pkl_view *view = tree_view(u->right.tree);
    struct error e;

    v->number = *node;
    if (pkl_int_long_bits(view, node, &v->bits, &e) != PB_OK ||
        pkl_int_hex(view, node, &v->own, &e) != PB_OK) {
        ui_error(u, &e);
        return false;
    }
    v->source = v->own;
    v->size = v->own->size;
    return true;
}

void value_int_stop(struct value_view *v)
{
    if (v->decimal == NULL)
        return;
    loop_remove_job(v->u->loop, &v->convert);
    num_decimal_free(v->decimal);
    v->decimal = NULL;
}

static struct value_view *converting_view(struct job *j)
{
    return (struct value_view *)(void *)((char *)j - offsetof(struct value_view, convert));
}

static enum job_state convert_step(struct job *j, uint64_t budget_us)
{
    struct value_view *v = converting_view(j);
    uint64_t until = clock_mono_us() + budget_us;

    do {
        if (num_decimal_step(v->decimal))
            return JOB_DONE;
    } while (clock_mono_us() < until);
    ui_changed(v->u);
    return JOB_MORE;
}

static void convert_finished(struct job *j, enum job_state state)
{
    struct value_view *v = converting_view(j);
    struct source *text = NULL;
    size_t len;
    char *digits;

    if (state == JOB_DONE) {
        digits = num_decimal_take(v->decimal, &len);
        text = source_mem(digits, len, true);
        if (text == NULL) {
            free(digits);
            ui_say(v->u, SAY_ERROR, "out of memory");
        }
    }
    num_decimal_free(v->decimal);
    v->decimal = NULL;
    if (text == NULL)
        return;
    v->is_decimal = true;
    value_show_text(v, text);
}

static bool convert(struct ui *u, struct value_view *v, struct error *e)
{
    struct pkl_leaf leaf;
    enum pb_err err;

    if (v->bits / 8 >= NUM_DECIMAL_BYTES) {
        err = error_set(e, PB_ELIMIT, "an int of more than %u MiB is not made decimal",
                        NUM_DECIMAL_BYTES >> 20);
        return false;
    }
    pkl_leaf_init(&leaf);
    err = pkl_leaf_read(tree_view(u->right.tree), &v->number, SIZE_MAX, &leaf, e);
    if (err == PB_OK)
        err = num_decimal_new((const uint8_t *)leaf.data.data, leaf.data.len, &v->decimal, e);
    pkl_leaf_release(&leaf);
    v->convert.step = convert_step;
    v->convert.finished = convert_finished;
    if (err == PB_OK)
        err = loop_add_job(u->loop, &v->convert, e);
    if (err != PB_OK) {
        num_decimal_free(v->decimal);
        v->decimal = NULL;
    }
    return err == PB_OK;
}

void cmd_value_decimal(struct ui *u, int arg)
{
    struct value_view *v = (struct value_view *)u->over;
    struct source *text;
    struct error e;

    (void)arg;
    if (v->bits == 0) {
        ui_say(u, SAY_INFO, "Only long ints are shown in hex or in decimal.");
    } else if (v->decimal != NULL) {
        value_int_stop(v);
        ui_say(u, SAY_INFO, "Not made decimal.");
    } else if (v->is_decimal) {
        if (pkl_int_hex(tree_view(u->right.tree), &v->number, &text, &e) != PB_OK) {
            ui_error(u, &e);
            return;
        }
        v->is_decimal = false;
        value_show_text(v, text);
    } else if (!convert(u, v, &e)) {
        ui_error(u, &e);
    }
}

bool value_is_int(const struct ui *u)
{
    return u->over != NULL && u->over->ops == &view_value &&
           ((const struct value_view *)u->over)->bits > 0;
}
