/*
 * The opcodes of the open object over the panes: offset, bytes, name, argument.
 *
 * Every so many opcodes one offset is kept, found beside everything else; a row is read from the
 * nearest one.  So a pickle of any size costs little, also one that breaks: it ends there.
 */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/intl.h>
#include <pklbrowse/loop.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>
#include <pklbrowse/text.h>

#include "commands.h"
#include "state.h"

#define STRIDE 64    /* opcodes from one kept offset to the next */
#define ARGUMENT 200 /* bytes of one that are looked at */
#define HEX_MOST 8

struct opcodes_view {
    struct view view;
    struct job job;
    struct ui *u;
    bool running;
    struct source *source; /* borrowed */
    struct {
        uint64_t *data; /* offsets of opcode 0, STRIDE, 2 * STRIDE ... */
        size_t len, cap;
    } kept;
    uint64_t at, count; /* passed: bytes, opcodes */
    bool over;
    bool to_end;     /* the cursor goes to the last one once that is known */
    uint64_t wanted; /* the opcode at this byte gets the cursor; UINT64_MAX: it has it */
    struct list list;
};

static struct opcodes_view *job_view(struct job *j)
{
    return (struct opcodes_view *)(void *)((char *)j - offsetof(struct opcodes_view, job));
}

/* --- finding them --------------------------------------------------------------------------- */

static bool length_at(const struct opcodes_view *o, uint64_t at, uint64_t *header, uint64_t *n)
{
    uint64_t payload;

    if (at >= o->source->here ||
        pkl_opcode_length(o->source, at, header, &payload, NULL) != PB_OK ||
        payload > o->source->here - at || *header > o->source->here - at - payload)
        return false;
    *n = *header + payload;
    return *n > 0;
}

/* One more; false: that was all. */
static bool pass_one(struct opcodes_view *o)
{
    uint64_t header, n;

    if (o->count % STRIDE == 0 && !vec_push(&o->kept, o->at))
        return false;
    if (!length_at(o, o->at, &header, &n))
        return false;
    if (o->at <= o->wanted && o->wanted < o->at + n) {
        list_set_count(&o->list, o->count + 1);
        list_go(&o->list, o->count);
        o->wanted = UINT64_MAX;
    }
    o->at += n;
    o->count++;
    return true;
}

static enum job_state opcodes_step(struct job *j, uint64_t budget_us)
{
    struct opcodes_view *o = job_view(j);
    uint64_t until = clock_mono_us() + budget_us;

    do {
        for (unsigned i = 0; i < 64 && !o->over; i++)
            o->over = !pass_one(o);
    } while (!o->over && clock_mono_us() < until);
    ui_changed(o->u);
    return o->over ? JOB_DONE : JOB_MORE;
}

static void opcodes_finished(struct job *j, enum job_state state)
{
    struct opcodes_view *o = job_view(j);

    (void)state;
    o->running = false;
    list_set_count(&o->list, o->count);
    if (o->to_end)
        list_move(&o->list, MOVE_LAST);
    o->to_end = false;
    o->u->dirty = true;
}

static bool offset_of(const struct opcodes_view *o, uint64_t row, uint64_t *at)
{
    uint64_t header, n;

    if (row / STRIDE >= o->kept.len)
        return false;
    *at = o->kept.data[row / STRIDE];
    for (uint64_t i = row % STRIDE; i > 0; i--) {
        if (!length_at(o, *at, &header, &n))
            return false;
        *at += n;
    }
    return true;
}

/* --- drawing -------------------------------------------------------------------------------- */

/* A number as the opcode holds it, or the text or bytes behind its length. */
static void argument(const uint8_t *p, uint64_t header, uint64_t n, size_t here, struct buf *out)
{
    uint64_t number = 0;

    if (n > header) { /* text or bytes */
        const uint8_t *from = p + (header < here ? header : here);

        (void)text_escape_cols(out, from, here - (size_t)(from - p), ARGUMENT);
        return;
    }
    if (p[0] == 'G' && here >= 9) {
        double real;

        for (int i = 1; i <= 8; i++)
            number = number << 8 | p[i];
        memcpy(&real, &number, sizeof real);
        num_repr_double(out, real);
        return;
    }
    for (size_t i = here; i-- > 1;)
        number = number << 8 | p[i];
    if (header > 1 && p[0] == 'J')
        buf_printf(out, "%ld", (long)(int32_t)(uint32_t)number);
    else if (header > 1)
        buf_printf(out, "%llu", (unsigned long long)number);
}

static void draw_opcode(const struct opcodes_view *o, uint64_t at, const struct region *r, int y)
{
    bool wide = r->w >= 60;
    uint64_t header = 1, n = 1;
    const struct pkl_opcode *op;
    const uint8_t *p;
    struct buf text;
    size_t here;
    int x = 10;

    if (source_view(o->source, at, ARGUMENT, &p, &here, NULL) != PB_OK || here == 0)
        return;
    buf_init(&text, 16 * ARGUMENT);
    buf_printf(&text, "%8llx", (unsigned long long)at);
    (void)screen_puts(r, y, 0, STYLE_DIM, text.data);
    if (!length_at(o, at, &header, &n)) {
        (void)screen_puts(r, y, x, STYLE_ERROR, _("no opcode that ends here"));
        buf_release(&text);
        return;
    }
    /* Looking for the length may have moved the window. */
    if (source_view(o->source, at, ARGUMENT, &p, &here, NULL) != PB_OK || here == 0) {
        buf_release(&text);
        return;
    }
    here = n < here ? (size_t)n : here;
    here = here < ARGUMENT ? here : ARGUMENT;
    if (wide) {
        buf_clear(&text);
        for (size_t i = 0; i < here && i < HEX_MOST; i++)
            buf_printf(&text, "%02x ", p[i]);
        if (n > HEX_MOST)
            buf_puts(&text, "\xe2\x80\xa6");
        (void)screen_puts(r, y, x, STYLE_VALUE, text.data);
        x += 3 * HEX_MOST + 2;
    }
    op = pkl_opcode(p[0]);
    if (op != NULL && op->name != NULL)
        (void)screen_field(r, y, x, 17, STYLE_TYPE, op->name, strlen(op->name));
    buf_clear(&text);
    argument(p, header, n, here, &text);
    x += 18;
    if (x < r->w)
        (void)screen_field(r, y, x, r->w - x, STYLE_LABEL, text.data, text.len);
    buf_release(&text);
}

static void opcodes_draw(struct ui *u, struct view *view, const struct region *r, bool focus)
{
    struct opcodes_view *o = (struct opcodes_view *)view;
    struct region box = region_part(r, 1, 0, r->h - 3, r->w), inner;
    uint64_t at = 0, header, n;
    struct buf text;
    bool found;

    (void)u;
    (void)focus;
    screen_frame(&box, _(" Opcodes "), strlen(_(" Opcodes ")));
    inner = region_part(&box, 1, 1, box.h - 2, box.w - 2);
    o->view.at = inner;
    list_set_count(&o->list, o->count);
    list_set_height(&o->list, (unsigned)(inner.h > 0 ? inner.h : 1));
    found = offset_of(o, o->list.top, &at);
    for (uint64_t i = o->list.top; found && i < list_end(&o->list); i++) {
        struct region row = region_part(&inner, (int)(i - o->list.top), 1, 1, inner.w - 1);

        draw_opcode(o, at, &row, 0);
        if (i == o->list.cur)
            screen_mark(&inner, (int)(i - o->list.top), 0, inner.w, MARK_CURSOR);
        found = length_at(o, at, &header, &n);
        at += n;
    }
    buf_init(&text, 100);
    buf_putc(&text, ' ');
    buf_printf(&text, _("%s of %s%s"), TEXT_COUNT(o->count > 0 ? o->list.cur + 1 : 0),
               TEXT_COUNT(o->count), o->over ? "" : "+");
    buf_putc(&text, ' ');
    screen_puts_end(&box, box.h - 1, box.w - 2, STYLE_NORMAL, text.data);
    buf_release(&text);
}

/* --- keys ----------------------------------------------------------------------------------- */

static enum context opcodes_context(const struct ui *u)
{
    (void)u;
    return CTX_PICKER;
}

static void opcodes_move(struct ui *u, struct view *view, enum move m)
{
    struct opcodes_view *o = (struct opcodes_view *)view;

    (void)u;
    o->wanted = UINT64_MAX;
    o->to_end = m == MOVE_LAST && !o->over;
    list_move(&o->list, m);
}

static void opcodes_click(struct ui *u, struct view *view, int y, int x, bool twice)
{
    struct opcodes_view *o = (struct opcodes_view *)view;

    (void)u;
    (void)x;
    (void)twice;
    list_go(&o->list, o->list.top + (uint64_t)y);
}

static void opcodes_cancel(struct ui *u, struct view *view)
{
    ui_pop(u, view);
}

static void opcodes_free(struct ui *u, struct view *view)
{
    struct opcodes_view *o = (struct opcodes_view *)view;

    if (o->running)
        loop_remove_job(u->loop, &o->job);
    vec_release(&o->kept);
    free(o);
}

/* What an opcode does, in words. */
static void opcodes_take(struct ui *u, struct view *view)
{
    struct opcodes_view *o = (struct opcodes_view *)view;
    const struct pkl_opcode *op;
    const uint8_t *p;
    uint64_t at;
    size_t n;

    if (!offset_of(o, o->list.cur, &at) || source_view(o->source, at, 1, &p, &n, NULL) != PB_OK ||
        n == 0)
        return;
    op = pkl_opcode(p[0]);
    if (op != NULL && op->name != NULL)
        ui_say(u, SAY_INFO, "%s: %s (protocol %u)", op->name, op->doc, op->protocol);
}

static const struct view_ops view_opcodes = {
    .context = opcodes_context,
    .draw = opcodes_draw,
    .move = opcodes_move,
    .cancel = opcodes_cancel,
    .take = opcodes_take,
    .click = opcodes_click,
    .free = opcodes_free,
};

void cmd_opcodes(struct ui *u, int arg)
{
    struct right *r = &u->right;
    struct pkl_doc *doc = r->object != NULL ? app_object_opcodes(r->object) : NULL;
    struct opcodes_view *o;
    struct pkl_child place;
    struct error e;

    (void)arg;
    if (doc == NULL) {
        ui_say(u, SAY_INFO, "Open an object first.");
        return;
    }
    o = mem_alloc(sizeof *o);
    if (o == NULL) {
        ui_say(u, SAY_ERROR, "out of memory");
        return;
    }
    o->view.ops = &view_opcodes;
    o->u = u;
    o->source = pkl_doc_source(doc);
    o->job.step = opcodes_step;
    o->job.finished = opcodes_finished;
    o->wanted = UINT64_MAX;
    list_init(&o->list);
    /* The opcodes of the value under the cursor; of a new one there are none yet. */
    if (r->tree != NULL && tree_child(r->tree, r->list.cur, &place, NULL) == PB_OK &&
        PKL_ID_SOURCE(place.value.id) == 0)
        o->wanted = place.value.begin;
    o->running = loop_add_job(u->loop, &o->job, &e) == PB_OK;
    ui_push(u, &o->view);
}
