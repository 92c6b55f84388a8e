/* Curses is used for what it is good at (keys, capabilities, sending only what differs); the layout
 * is ours, so it gets whole rows of cells.  Static state: curses has one screen, and a fatal signal
 * must find what restores the terminal without asking anybody. */
#define NCURSES_WIDECHAR 1
#define NCURSES_NOMACROS 1
#include <curses.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/text.h>

#include "term.h"

#define ESCAPE_MS 25
#define COPY_MAX 74994u /* bytes; what xterm takes of one OSC 52 */

struct term {
    FILE *in, *out;
    bool own_in, own_out;
    SCREEN *curses;
    WINDOW *keys;       /* a pad: reading from it never refreshes the screen */
    struct screen last; /* what was sent */
    bool whole;         /* the next frame is sent whole */
    bool modern;        /* takes synchronized output and OSC 52 unasked */
    bool colour;
    bool mouse;
    bool pressed; /* a button of it is down */
    struct mouse last_mouse;
    uint32_t pending; /* a key read behind an Escape that does not belong to it */
    attr_t attrs[STYLE_COUNT];
    short pairs[STYLE_COUNT];
};

/* --- given back on every way out ------------------------------------------------------------ */

static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
#define FATAL_COUNT (sizeof fatal / sizeof fatal[0])

static struct {
    bool active;
    int fd;
    struct termios modes;
    char bytes[256]; /* what makes the terminal usable again */
    size_t len;
    struct sigaction old[FATAL_COUNT];
    char stack[64 * 1024];
    stack_t old_stack;
} rescue;

static void write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);

        if (done < 0 && errno != EINTR)
            return;
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        }
    }
}

/* Async-signal-safe: write, tcsetattr, sigaction, raise. */
static void on_fatal(int signo, siginfo_t *info, void *context)
{
    (void)context;
    if (rescue.active) {
        rescue.active = false;
        write_all(rescue.fd, rescue.bytes, rescue.len);
        (void)tcsetattr(rescue.fd, TCSANOW, &rescue.modes);
    }
    for (size_t i = 0; i < FATAL_COUNT; i++) {
        if (fatal[i] == signo)
            (void)sigaction(signo, &rescue.old[i], NULL);
    }
    /* A fault happens again by itself, with its own cause for the core; a signal that was sent does
     * not. */
    if (info == NULL || info->si_code <= 0)
        (void)raise(signo);
}

static void rescue_add(const char *s)
{
    size_t n = s == NULL || s == (const char *)-1 ? 0 : strlen(s);

    if (n == 0 || n > sizeof rescue.bytes - rescue.len)
        return;
    memcpy(rescue.bytes + rescue.len, s, n);
    rescue.len += n;
}

static const char *capability(const char *name)
{
    char copy[16];

    (void)snprintf(copy, sizeof copy, "%s", name); /* curses takes no const */
    return tigetstr(copy);
}

static void rescue_arm(struct term *t)
{
    struct sigaction sa = {.sa_sigaction = on_fatal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t stack = {.ss_sp = rescue.stack, .ss_size = sizeof rescue.stack};

    rescue.fd = fileno(t->out);
    rescue.len = 0;
    if (t->modern)
        rescue_add("\033[?2026l\033[?2004l\033[?1002l\033[?1000l\033[?1006l");
    rescue_add(capability("sgr0"));
    rescue_add(capability("cnorm"));
    rescue_add(capability("rmkx"));
    rescue_add(capability("rmcup"));
    (void)sigaltstack(&stack, &rescue.old_stack);
    (void)sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < FATAL_COUNT; i++)
        (void)sigaction(fatal[i], &sa, &rescue.old[i]);
    rescue.active = true;
}

static void rescue_disarm(void)
{
    if (!rescue.active)
        return;
    rescue.active = false;
    for (size_t i = 0; i < FATAL_COUNT; i++)
        (void)sigaction(fatal[i], &rescue.old[i], NULL);
    (void)sigaltstack(&rescue.old_stack, NULL);
}

/* --- opening -------------------------------------------------------------------------------- */

static FILE *stream(int standard, const char *mode, bool *own, struct error *e)
{
    FILE *f;
    int fd;

    *own = !isatty(standard);
    if (!*own)
        fd = fcntl(standard, F_DUPFD_CLOEXEC, 3);
    else
        fd =
            open("/dev/tty", (standard == STDIN_FILENO ? O_RDONLY : O_RDWR) | O_NOCTTY | O_CLOEXEC);
    f = fd >= 0 ? fdopen(fd, mode) : NULL;
    if (f == NULL) {
        (void)error_set(e, PB_EUSAGE,
                        "there is no terminal to show the screen on; "
                        "see --help for the commands that need none");
        if (fd >= 0)
            (void)close(fd);
    }
    return f;
}

static bool is_modern(const char *name)
{
    static const char *const old[] = {"linux", "vt", "dumb", "ansi", "cons", "sun", "wsvt"};

    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++) {
        if (strncmp(name, old[i], strlen(old[i])) == 0)
            return false;
    }
    return true;
}

static attr_t attributes(unsigned attrs)
{
    attr_t a = A_NORMAL;

    if (attrs & THEME_BOLD)
        a |= A_BOLD;
    if (attrs & THEME_DIM)
        a |= A_DIM;
    if (attrs & THEME_REVERSE)
        a |= A_REVERSE;
    if (attrs & THEME_UNDERLINE)
        a |= A_UNDERLINE;
    return a;
}

static void init_styles(struct term *t, const struct theme_style *styles)
{
    short pair = 1;

    t->colour = t->colour && has_colors() && start_color() == OK && use_default_colors() == OK;
    for (int i = 0; i < STYLE_COUNT; i++) {
        const struct theme_style *st = &styles[i];

        t->attrs[i] = attributes(t->colour ? st->attrs : st->mono);
        if (!t->colour || (st->fg == THEME_DEFAULT && st->bg == THEME_DEFAULT))
            continue;
        if (st->fg >= COLORS || st->bg >= COLORS)
            continue; /* the terminal has no such colour */
        if (pair < COLOR_PAIRS && init_pair(pair, (short)st->fg, (short)st->bg) == OK)
            t->pairs[i] = pair++;
    }
}

/* Pasted text is told from typed keys where the terminal can say so. */
static void paste_reports(const struct term *t, bool on)
{
    if (t->modern)
        write_all(fileno(t->out), on ? "\033[?2004h" : "\033[?2004l", 8);
}

/* Clicks, the wheel, and moving with a button down. */
void term_use_mouse(struct term *t, bool on)
{
    mmask_t all = BUTTON1_PRESSED | BUTTON1_RELEASED | BUTTON1_CLICKED | BUTTON1_DOUBLE_CLICKED |
                  BUTTON1_TRIPLE_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED |
                  REPORT_MOUSE_POSITION;

    if (!t->modern)
        return;
    t->mouse = on;
    t->pressed = false;
    (void)mousemask(on ? all : 0, NULL);
    (void)mouseinterval(0); /* clicks are put together by us */
    write_all(fileno(t->out), on ? "\033[?1002h" : "\033[?1002l", 8);
}

/* Spellings of keys that terminals send although their description says otherwise. */
static void define_more_keys(void)
{
    static const struct {
        const char *sequence;
        int key;
    } more[] = {
        {"\033[200~", KEY_MAX - 1}, {"\033[201~", KEY_MAX - 2}, /* the marks of a paste */
        {"\033[1~", KEY_HOME},      {"\033[4~", KEY_END},       {"\033[7~", KEY_HOME},
        {"\033[8~", KEY_END},       {"\033[H", KEY_HOME},       {"\033[F", KEY_END},
        {"\033OH", KEY_HOME},       {"\033OF", KEY_END},        {"\033[A", KEY_UP},
        {"\033[B", KEY_DOWN},       {"\033[C", KEY_RIGHT},      {"\033[D", KEY_LEFT},
        {"\033[11~", KEY_F(1)},     {"\033[Z", KEY_BTAB},
    };

    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++)
        (void)define_key(more[i].sequence, more[i].key);
}

static void take_keys(struct term *t)
{
    (void)raw();
    (void)noecho();
    (void)nonl();
    (void)set_escdelay(ESCAPE_MS);
    (void)keypad(t->keys, TRUE);
    (void)nodelay(t->keys, TRUE);
    define_more_keys();
}

static enum pb_err start_curses(struct term *t, struct error *e)
{
    const char *name = getenv("TERM");
    const char *move;

    t->curses = newterm(NULL, t->out, t->in);
    if (t->curses == NULL) {
        struct buf shown;

        buf_init(&shown, BUF_MAX_LINE);
        text_escape(&shown, name != NULL ? name : "", name != NULL ? strlen(name) : 0);
        (void)error_set(e, PB_EUSAGE, "the terminal type '%.40s' (TERM) is not known here",
                        shown.data);
        buf_release(&shown);
        return PB_EUSAGE;
    }
    move = capability("cup");
    t->keys = newpad(1, 1);
    if (t->keys == NULL)
        return error_nomem(e);
    if (move == NULL || move == (const char *)-1)
        return error_set(e, PB_EUSAGE, "this type of terminal (TERM) cannot place its cursor");
    t->modern = name != NULL && is_modern(name);
    return PB_OK;
}

enum pb_err term_open(const struct term_options *o, struct term **out, struct error *e)
{
    struct termios modes;
    struct term *t = mem_alloc(sizeof *t);
    enum pb_err err;

    if (t == NULL)
        return error_nomem(e);
    screen_init(&t->last, false);
    t->colour = o->colour;
    t->in = stream(STDIN_FILENO, "r", &t->own_in, e);
    t->out = t->in != NULL ? stream(STDOUT_FILENO, "w", &t->own_out, e) : NULL;
    if (t->out == NULL) {
        term_close(t);
        return PB_EUSAGE;
    }
    (void)tcgetattr(fileno(t->in), &modes);
    err = start_curses(t, e);
    rescue.modes = modes;
    if (err != PB_OK) {
        term_close(t);
        return err;
    }
    init_styles(t, o->styles);
    take_keys(t);
    rescue_arm(t);
    paste_reports(t, true);
    if (o->mouse)
        term_use_mouse(t, true);
    term_resized(t);
    *out = t;
    return PB_OK;
}

void term_close(struct term *t)
{
    if (t == NULL)
        return;
    if (t->curses != NULL) {
        const char *leave = capability("rmcup");

        paste_reports(t, false);
        if (t->mouse)
            term_use_mouse(t, false);
        if (leave == NULL || leave == (const char *)-1) { /* nothing brings back what was there */
            (void)werase(stdscr);
            (void)wrefresh(stdscr);
        }
        if (t->keys != NULL)
            (void)delwin(t->keys);
        (void)endwin();
        rescue_disarm();
        delscreen(t->curses);
    }
    if (t->in != NULL)
        (void)fclose(t->in);
    if (t->out != NULL)
        (void)fclose(t->out);
    screen_release(&t->last);
    free(t);
}

/* --- keys ----------------------------------------------------------------------------------- */

int term_fd(const struct term *t)
{
    return fileno(t->in);
}

bool term_gone(const struct term *t)
{
    struct pollfd p = {.fd = fileno(t->in), .events = POLLIN};

    return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

static uint32_t special_key(wint_t c)
{
    static const struct {
        wint_t curses;
        uint32_t key;
    } keys[] = {
        {KEY_UP, K_UP},
        {KEY_DOWN, K_DOWN},
        {KEY_LEFT, K_LEFT},
        {KEY_RIGHT, K_RIGHT},
        {KEY_PPAGE, K_PGUP},
        {KEY_NPAGE, K_PGDN},
        {KEY_HOME, K_HOME},
        {KEY_END, K_END},
        {KEY_IC, K_INSERT},
        {KEY_DC, K_DELETE},
        {KEY_BACKSPACE, K_BACKSPACE},
        {KEY_BTAB, K_BACKTAB},
        {KEY_ENTER, K_ENTER},
        {KEY_FIND, K_HOME},
        {KEY_SELECT, K_END},
        {KEY_MAX - 1, K_PASTE_BEGIN},
        {KEY_MAX - 2, K_PASTE_END},
    };

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (keys[i].curses == c)
            return keys[i].key;
    }
    if (c >= (wint_t)KEY_F(1) && c <= (wint_t)KEY_F(12))
        return K_FUNCTION + (uint32_t)(c - (wint_t)KEY_F(1)) + 1;
    return K_UNKNOWN;
}

/* What the mouse did, or K_NONE: something nobody asked for. */
static uint32_t read_mouse(struct term *t)
{
    MEVENT ev;

    const mmask_t clicks = BUTTON1_CLICKED | BUTTON1_DOUBLE_CLICKED | BUTTON1_TRIPLE_CLICKED;

    if (getmouse(&ev) != OK)
        return K_NONE;
    t->last_mouse.twice = (ev.bstate & (BUTTON1_DOUBLE_CLICKED | BUTTON1_TRIPLE_CLICKED)) != 0;
    t->last_mouse.y = ev.y;
    t->last_mouse.x = ev.x;
    if ((ev.bstate & BUTTON4_PRESSED) != 0)
        t->last_mouse.act = MOUSE_WHEEL_UP;
    else if ((ev.bstate & BUTTON5_PRESSED) != 0)
        t->last_mouse.act = MOUSE_WHEEL_DOWN;
    else if ((ev.bstate & clicks) != 0) /* came and went in one piece */
        t->last_mouse.act = MOUSE_PRESS;
    else if ((ev.bstate & BUTTON1_RELEASED) != 0)
        t->last_mouse.act = MOUSE_RELEASE;
    else if ((ev.bstate & BUTTON1_PRESSED) != 0)
        t->last_mouse.act = t->pressed ? MOUSE_DRAG : MOUSE_PRESS;
    else if (t->pressed)
        t->last_mouse.act = MOUSE_DRAG;
    else
        return K_NONE;
    t->pressed = (ev.bstate & clicks) == 0 &&
                 (t->last_mouse.act == MOUSE_PRESS || t->last_mouse.act == MOUSE_DRAG);
    return K_MOUSE;
}

void term_mouse(const struct term *t, struct mouse *out)
{
    *out = t->last_mouse;
}

static uint32_t read_one(struct term *t)
{
    wint_t c;
    int kind;

    do {
        kind = wget_wch(t->keys, &c);
    } while (kind == KEY_CODE_YES && c == KEY_RESIZE); /* resizeterm's echo */
    if (kind == ERR)
        return K_NONE;
    if (kind == KEY_CODE_YES && c == KEY_MOUSE) {
        uint32_t key = read_mouse(t);

        return key != K_NONE ? key : read_one(t);
    }
    if (kind == KEY_CODE_YES)
        return special_key(c);
    if (c == 0x7f || c == K_CTRL('H'))
        return K_BACKSPACE;
    if (c == '\n')
        return K_ENTER;
    if (c >= 0x80 && MB_CUR_MAX == 1) /* bytes of who knows what: no characters */
        return K_UNKNOWN;
    return c == 0 ? K_UNKNOWN : (uint32_t)c;
}

uint32_t term_read(struct term *t)
{
    uint32_t key = t->pending != K_NONE ? t->pending : read_one(t), next;

    t->pending = K_NONE;
    if (key != K_ESC)
        return key;
    next = read_one(t);
    if (next == K_NONE)
        return key;
    if (key_is_text(next) || next == K_BACKSPACE)
        return next | K_META;
    t->pending = next;
    return key;
}

/* --- size ----------------------------------------------------------------------------------- */

void term_resized(struct term *t)
{
    struct winsize size;

    if (ioctl(fileno(t->out), TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
        (void)resizeterm(size.ws_row, size.ws_col);
    t->whole = true;
}

void term_size(const struct term *t, int *rows, int *cols)
{
    (void)t;
    *rows = getmaxy(stdscr);
    *cols = getmaxx(stdscr);
}

/* --- frames --------------------------------------------------------------------------------- */

static void cell_to_curses(const struct term *t, const struct cell *c, cchar_t *out)
{
    wchar_t text[CCHARW_MAX + 1];
    size_t n = 0, at = 0;
    attr_t attrs = t->attrs[c->style];

    while (at < c->len && n < CCHARW_MAX) {
        uint32_t cp;
        size_t used = utf8_decode(c->text + at, c->len - at, &cp, false);

        if (used == 0)
            break;
        text[n++] = (wchar_t)cp;
        at += used;
    }
    text[n] = L'\0';
    if (c->mark == MARK_CURSOR)
        attrs ^= A_REVERSE;
    else if (c->mark == MARK_CURSOR_AWAY)
        attrs |= A_BOLD;
    else if (c->mark == MARK_EDGE)
        attrs |= A_UNDERLINE;
    if (setcchar(out, text, attrs, t->pairs[c->style], NULL) != OK)
        (void)setcchar(out, L"?", attrs, t->pairs[c->style], NULL);
}

static bool send_row(const struct term *t, const struct screen *s, int y)
{
    const struct cell *row = &s->cells[y * s->cols];

    if (!t->whole && memcmp(row, &t->last.cells[y * s->cols], (size_t)s->cols * sizeof *row) == 0)
        return false;
    for (int x = 0; x<s->cols; x += row[x].width> 0 ? row[x].width : 1) {
        cchar_t c;

        if (row[x].len == 0)
            continue;
        cell_to_curses(t, &row[x], &c);
        /* In the last corner this is an error of curses, for it cannot move on; the cell is set. */
        (void)wmove(stdscr, y, x);
        (void)wadd_wch(stdscr, &c);
    }
    return true;
}

static bool send_cursor(struct term *t, const struct screen *s)
{
    bool shown = s->cursor_y >= 0;

    if (!t->whole && s->cursor_y == t->last.cursor_y && s->cursor_x == t->last.cursor_x)
        return false;
    (void)curs_set(shown ? 1 : 0);
    return true;
}

void term_flush(struct term *t, const struct screen *s)
{
    bool differs;
    int rows = getmaxy(stdscr), cols = getmaxx(stdscr);

    if (t->last.rows != s->rows || t->last.cols != s->cols) {
        t->whole = true;
        if (screen_resize(&t->last, s->rows, s->cols, NULL) != PB_OK)
            return;
    }
    differs = send_cursor(t, s);
    for (int y = 0; y < s->rows && y < rows && s->cols <= cols; y++)
        differs = send_row(t, s, y) || differs;
    if (!differs && !t->whole)
        return;
    if (t->whole)
        (void)clearok(curscr, TRUE);
    (void)wmove(stdscr, s->cursor_y >= 0 ? s->cursor_y : 0, s->cursor_y >= 0 ? s->cursor_x : 0);
    (void)wnoutrefresh(stdscr);
    if (t->modern)
        write_all(fileno(t->out), "\033[?2026h", 8);
    (void)doupdate();
    if (t->modern)
        write_all(fileno(t->out), "\033[?2026l", 8);
    memcpy(t->last.cells, s->cells, (size_t)s->rows * (size_t)s->cols * sizeof *s->cells);
    t->last.cursor_y = s->cursor_y;
    t->last.cursor_x = s->cursor_x;
    t->whole = false;
}

void term_redraw(struct term *t)
{
    t->whole = true;
}

void term_suspend(struct term *t)
{
    struct sigaction def = {.sa_handler = SIG_DFL}, old;
    sigset_t stop, before;
    bool mouse = t->mouse;

    paste_reports(t, false);
    if (mouse)
        term_use_mouse(t, false);
    (void)endwin();
    (void)sigemptyset(&def.sa_mask);
    (void)sigaction(SIGTSTP, &def, &old);
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTSTP);
    (void)sigprocmask(SIG_UNBLOCK, &stop, &before);
    (void)kill(0, SIGTSTP);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)sigaction(SIGTSTP, &old, NULL);
    take_keys(t);
    paste_reports(t, true);
    if (mouse)
        term_use_mouse(t, true);
    term_resized(t);
}

void term_leave(struct term *t)
{
    paste_reports(t, false);
    (void)endwin();
}

void term_return(struct term *t)
{
    take_keys(t);
    paste_reports(t, true);
    term_resized(t);
    t->whole = true;
}

/* --- clipboard ------------------------------------------------------------------------------ */

static void base64(struct buf *out, const char *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)(unsigned char)p[i] << 16;

        if (i + 1 < n)
            v |= (uint32_t)(unsigned char)p[i + 1] << 8;
        if (i + 2 < n)
            v |= (unsigned char)p[i + 2];
        buf_putc(out, digits[v >> 18]);
        buf_putc(out, digits[v >> 12 & 63]);
        buf_putc(out, i + 1 < n ? digits[v >> 6 & 63] : '=');
        buf_putc(out, i + 2 < n ? digits[v & 63] : '=');
    }
}

bool term_copy(struct term *t, const char *text, size_t n)
{
    struct buf b;
    bool done;

    if (!t->modern || n > COPY_MAX)
        return false;
    buf_init(&b, 4 * COPY_MAX);
    buf_puts(&b, "\033]52;c;");
    base64(&b, text, n);
    buf_puts(&b, "\a");
    if (getenv("TMUX") != NULL) { /* for the terminal around it, where tmux lets that through */
        buf_puts(&b, "\033Ptmux;\033\033]52;c;");
        base64(&b, text, n);
        buf_puts(&b, "\a\033\\");
    }
    done = b.failed == PB_OK;
    if (done)
        write_all(fileno(t->out), b.data, b.len);
    buf_release(&b);
    return done;
}
