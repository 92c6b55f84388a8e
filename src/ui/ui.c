/* The turn of the screen: keys in, state changed, one frame out. */
#include <langinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/clock.h>
#include <pklbrowse/log.h>
#include <pklbrowse/loop.h>
#include <pklbrowse/mem.h>
#include <pklbrowse/num.h>

#include "state.h"
#include "term.h"

#define FRAME_US 100000 /* between frames that nobody asked for with a key */
#define FRAME_MS 100

/* --- views over the panes ------------------------------------------------------------------- */

struct view *ui_top(struct ui *u)
{
    if (u->over != NULL)
        return u->over;
    return u->right_focus ? &u->right.view : &u->left.view;
}

void ui_push(struct ui *u, struct view *v)
{
    v->below = u->over;
    u->over = v;
    u->dirty = true;
}

void ui_pop(struct ui *u, struct view *v)
{
    struct view *top;

    do {
        top = u->over;
        u->over = top->below;
        top->ops->free(u, top);
    } while (top != v && u->over != NULL);
    u->dirty = true;
}

/* --- keys ----------------------------------------------------------------------------------- */

static bool pasted(struct ui *u, uint32_t key)
{
    if (key == K_PASTE_BEGIN || key == K_PASTE_END) {
        u->pasting = key == K_PASTE_BEGIN;
        if (u->pasting && ask_top(u) == NULL)
            ui_say(u, SAY_WARNING, "Pasted text is taken only where a line is typed.");
        return true;
    }
    if (!u->pasting)
        return false;
    /* Text, never commands; a line break ends no line that was not finished by hand. */
    if (ask_top(u) != NULL && (key_is_text(key) || key == K_TAB || key == K_ENTER))
        (void)u->over->ops->key(u, u->over, key == K_TAB || key == K_ENTER ? K_SPACE : key);
    return true;
}

static void say_unknown(struct ui *u, uint32_t key)
{
    struct buf name;

    buf_init(&name, 64);
    key_show(key, &name);
    ui_say(u, SAY_INFO, "%s does nothing here; ? shows the keys.", name.data);
    buf_release(&name);
}

/* Commands, never what is typed into a line. */
static void log_command(uint32_t key, const struct command *c, const char *missing)
{
    struct buf name;

    if (!log_enabled())
        return;
    buf_init(&name, 64);
    key_show(key, &name);
    log_line("key %s: %s%s", name.data, c->name, missing != NULL ? ", which is not possible" : "");
    buf_release(&name);
}

static void dispatch(struct ui *u, uint32_t key)
{
    struct view *top = ui_top(u);
    enum context context = top->ops->context(u);
    const struct command *c = keymap_find(&u->keymap, context, key);
    const char *missing;

    u->key = key;
    if (c != NULL) {
        missing = need_missing(u, c->needs);
        log_command(key, c, missing);
        if (missing != NULL)
            ui_say(u, SAY_INFO, "%s", missing);
        else
            c->run(u, c->arg);
    } else if (top->ops->key != NULL && top->ops->key(u, top, key)) {
        return;
    } else if ((key & K_META) != 0) {
        dispatch(u, K_ESC); /* Escape and the next key pressed too fast to tell */
        dispatch(u, key & ~K_META);
    } else if (key != K_UNKNOWN) {
        say_unknown(u, key);
    }
}

void ui_key(struct ui *u, uint32_t key)
{
    const struct message *m = ui_message(u);
    bool more = m != NULL && u->messages.fresh && (m->detail != NULL || u->messages.cut);

    u->dirty = true;
    if (ahead_takes(u, key) || pasted(u, key))
        return;
    if (key == K_ENTER && more && u->over == NULL) {
        message_details(u);
        return;
    }
    u->messages.shown = u->messages.fresh = false;
    dispatch(u, key);
}

static void on_end(void *ctx)
{
    struct ui *u = ctx;

    u->quit = true;
    u->ended = PB_ECANCELED;
}

static void on_input(void *ctx)
{
    struct ui *u = ctx;
    uint32_t key = K_NONE;
    bool some = false;

    while (!u->quit && (key = term_read(u->term)) != K_NONE) {
        struct mouse mouse;

        some = true;
        if (key != K_MOUSE) {
            ui_key(u, key);
            continue;
        }
        term_mouse(u->term, &mouse);
        ui_mouse(u, &mouse);
    }
    if (!some && term_gone(u->term))
        on_end(u);
}

/* --- frames --------------------------------------------------------------------------------- */

void ui_changed(struct ui *u)
{
    u->stale = true;
}

bool ui_busy(const struct ui *u)
{
    return (u->left.listing != NULL &&
            (listing_loading(u->left.listing) || listing_arranging(u->left.listing))) ||
           right_loading(u) || u->nav.look != NULL || find_running(u) || versions_busy(u) ||
           u->links != NULL || count_running(u) || u->thaw.work != NULL ||
           write_value_running(u) || many_running(u) || u->saving.step == SAVE_CHECKING ||
           u->saving.step == SAVE_WRITING || u->saving.step == SAVE_MERGING;
}

static void on_tick(void *ctx)
{
    struct ui *u = ctx;

    u->tick = 0;
    u->spin++;
    u->dirty = true;
}

static void draw_frame(struct ui *u)
{
    preview_follow(u);
    layout_draw(u);
    if (u->term != NULL)
        term_flush(u->term, &u->screen);
    u->dirty = u->stale = false;
    u->drawn = clock_mono_us();
}

static void draw_if_due(struct ui *u)
{
    bool settled = u->script != NULL && loop_idle(u->loop);

    if (u->dirty || (u->stale && (settled || clock_mono_us() - u->drawn >= FRAME_US)))
        draw_frame(u);
    if ((u->stale || ui_busy(u)) && u->tick == 0)
        u->tick = loop_timer_start(u->loop, FRAME_MS, on_tick, u);
}

bool ui_resize(struct ui *u, int rows, int cols)
{
    struct error e;

    if (screen_resize(&u->screen, rows, cols, &e) != PB_OK) {
        ui_error(u, &e);
        return false;
    }
    u->dirty = true;
    return true;
}

/* --- signals -------------------------------------------------------------------------------- */

static void on_resize(void *ctx)
{
    struct ui *u = ctx;
    int rows, cols;

    term_resized(u->term);
    term_size(u->term, &rows, &cols);
    (void)ui_resize(u, rows, cols);
}

static void on_suspend(void *ctx)
{
    struct ui *u = ctx;

    term_suspend(u->term);
    on_resize(u);
}

static void on_continue(void *ctx)
{
    struct ui *u = ctx;

    term_redraw(u->term);
    on_resize(u);
    if (u->right.object != NULL)
        app_object_glance(u->right.object);
}

/* Before curses starts: it would handle those that nobody handles in its own way, and end the
 * program from inside. */
static enum pb_err watch_signals(struct ui *u, struct error *e)
{
    static const struct {
        int signo;
        loop_fn fn;
    } signals[] = {
        {SIGTERM, on_end},     {SIGHUP, on_end},      {SIGINT, on_end},
        {SIGWINCH, on_resize}, {SIGTSTP, on_suspend}, {SIGCONT, on_continue},
    };
    enum pb_err err = PB_OK;

    for (size_t i = 0; i < sizeof signals / sizeof signals[0] && err == PB_OK; i++)
        err = loop_on_signal(u->loop, signals[i].signo, signals[i].fn, u, e);
    return err;
}

static void unwatch_signals(struct ui *u)
{
    static const int signals[] = {SIGTERM, SIGHUP, SIGINT, SIGWINCH, SIGTSTP, SIGCONT};

    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        enum pb_err err = loop_on_signal(u->loop, signals[i], NULL, NULL, NULL);

        (void)err; /* taking one back needs no memory */
    }
}

/* --- start and end -------------------------------------------------------------------------- */

/* LC_CTYPE is set at start-up; what is not UTF-8 can draw ASCII at least. */
static bool only_ascii(bool asked)
{
    return asked || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
}

/* The size of a screen nobody sees. */
static bool off_screen_size(int *rows, int *cols)
{
    const char *lines = getenv("LINES"), *columns = getenv("COLUMNS");
    uint64_t h, w;

    if (lines == NULL || columns == NULL || !num_parse_u64(lines, strlen(lines), &h) ||
        !num_parse_u64(columns, strlen(columns), &w) || h > 2000 || w > 2000)
        return false;
    *rows = (int)h;
    *cols = (int)w;
    return true;
}

static enum pb_err open_screen(struct ui *u, struct error *e)
{
    struct term_options o = {.colour = theme_wants_colour(u->settings.no_colour),
                             .mouse = !u->settings.no_mouse,
                             .styles = u->styles};
    int rows, cols;
    enum pb_err err = PB_OK;

    if (u->options->script != NULL) {
        err = script_open(u->options->script, &u->script, e);
        if (err != PB_OK)
            return err;
    }
    if (u->script == NULL || !off_screen_size(&rows, &cols)) {
        err = watch_signals(u, e);
        if (err == PB_OK)
            err = term_open(&o, &u->term, e);
        if (err == PB_OK) {
            term_size(u->term, &rows, &cols);
            err = loop_watch_fd(u->loop, term_fd(u->term), on_input, u, e);
        }
    }
    return err == PB_OK ? screen_resize(&u->screen, rows, cols, e) : err;
}

/* The end came from outside: what is not saved must not be lost with it. */
static enum pb_err ended_by_force(struct ui *u, struct error *e)
{
    struct buf kept;
    enum pb_err err;

    buf_init(&kept, BUF_MAX_LINE);
    rescue_keep(u, &kept);
    err = error_set(e, u->ended, "ended by a signal%s", kept.data);
    buf_release(&kept);
    return err;
}

static enum pb_err run(struct ui *u, struct error *e)
{
    while (!u->quit) {
        enum pb_err err;
        int wait = -1;

        draw_if_due(u);
        if (u->script != NULL) {
            while (!u->quit && !u->dirty && script_next(u))
                ;
            wait = u->dirty ? 0 : 20;
        }
        if (u->quit)
            break;
        err = loop_turn(u->loop, wait, e);
        if (err != PB_OK) {
            struct buf kept;

            u->ended = err;
            buf_init(&kept, BUF_MAX_LINE);
            rescue_keep(u, &kept);
            buf_release(&kept);
            return err;
        }
    }
    return u->ended != PB_OK ? ended_by_force(u, e) : PB_OK;
}

static void release(struct ui *u)
{
    code_release(u);
    outside_release(u);
    while (u->over != NULL)
        ui_pop(u, u->over);
    save_dropped(u);
    location_release(&u->saving.where);
    pending_release(u);
    links_stop(u);
    write_value_stop(u);
    count_stop(u);
    thaw_stop(u);
    many_stop(u);
    preview_release(u);
    right_release(u);
    left_release(u);
    nav_release(u);
    loop_timer_stop(u->loop, u->tick);
    if (u->term != NULL) {
        loop_unwatch_fd(u->loop, term_fd(u->term));
        term_close(u->term);
    }
    unwatch_signals(u); /* now that whoever dies of one leaves a terminal in order */
    script_free(u->script);
    messages_release(&u->messages);
    typed_release(&u->typed);
    screen_release(&u->screen);
    config_release(u);
    free(u);
}

enum pb_err ui_run(struct app *a, const struct ui_options *o, const struct location *start,
                   struct error *e)
{
    struct ui *u = mem_alloc(sizeof *u);
    enum pb_err err;

    if (u == NULL)
        return error_nomem(e);
    u->app = a;
    u->loop = app_loop(a);
    u->options = o;
    left_init(u);
    right_init(u);
    preview_init(u);
    config_load(u);
    screen_init(&u->screen, only_ascii(u->settings.ascii));
    err = open_screen(u, e);
    if (err == PB_OK) {
        if (o->insecure)
            ui_say(u, SAY_WARNING, "Certificates of servers are not checked (--no-verify-ssl).");
        code_init(u);
        outside_init(u);
        nav_start(u, start);
        u->dirty = true;
        err = run(u, e);
    }
    if (err == PB_OK && u->script != NULL)
        err = script_status(u->script, e);
    release(u);
    return err;
}
