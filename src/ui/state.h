/*
 * The state of the screen, shared by its views.
 *
 * `struct ui` owns everything here.  Two panes are always there; what lies over them (help, a
 * dialog, a line that is typed) is a chain of views, the topmost of which has the keys.  Every view
 * is an ops table.  Callbacks of the app only change state and call ui_changed(): drawing happens
 * once a turn, in ui.c.
 */
#ifndef UI_STATE_H
#define UI_STATE_H

#include <pklbrowse/listing.h>
#include <pklbrowse/tree.h>
#include <pklbrowse/ui.h>

#include "keymap.h"
#include "lines.h"
#include "list.h"
#include "prompt.h"
#include "screen.h"
#include "typed.h"

struct audit;
struct completer;
struct completion;
struct find;
struct script;
struct term;
struct ui;
struct uses;
struct value_writer;
struct view;

struct view_ops {
    enum context (*context)(const struct ui *u);
    void (*draw)(struct ui *u, struct view *v, const struct region *r, bool focus);
    void (*move)(struct ui *u, struct view *v, enum move m);
    /* A key that no row of the table takes.  False: it means nothing here either.  May be NULL. */
    bool (*key)(struct ui *u, struct view *v, uint32_t key);
    /* Esc.  A view that lies over the panes closes itself (ui_pop). */
    void (*cancel)(struct ui *u, struct view *v);
    /* Enter on a row over the panes; of CTX_PICKER and CTX_FIND. */
    void (*take)(struct ui *u, struct view *v);
    /* A click into the view, at a place of `at`; twice: again at the same place.  May be NULL. */
    void (*click)(struct ui *u, struct view *v, int y, int x, bool twice);
    void (*free)(struct ui *u, struct view *v); /* NULL: a pane */
};
struct view {
    const struct view_ops *ops;
    struct view *below;
    struct region at; /* where its rows were drawn last */
};

/* --- the panes ------------------------------------------------------------------------------ */

/* Left: the places, or a listing. */
struct left {
    struct view view;
    bool places;
    struct bookmarks *bookmarks, *recent; /* of the places; NULL: none */
    struct location where;                /* of the listing */
    struct arena mem;                     /* what `spot` points to */
    struct app_spot spot;
    struct listing *listing; /* NULL: the places, or it could not be made */
    struct list list;
    struct buf filter;
    enum listing_order order; /* of all listings */
    char *wanted;             /* the name the cursor goes to as soon as it is listed, or NULL */
    size_t wanted_len;
    uint64_t wanted_from; /* rows before this one are other ones */
    unsigned wanted_line; /* and the line of the window it shall stand on */
    bool to_end;          /* G in a listing that is still read */
    uint64_t to_end_said; /* the message that says so */
    bool error_said;
    bool accepted;  /* a filter whose rows are not all found yet */
    uint64_t since; /* reading since, for the spinner */
};

/* Right: an object: its value, its properties, or what became of it. */
struct right {
    struct view view;
    struct app_object *object; /* NULL: none */
    struct app_object *mine;   /* set aside while `object` shows another version of it */
    char version[48];          /* `object` is this one, only to be looked at; "": what is there */
    struct tree *tree;         /* when there is something to browse */
    struct audit *audit;       /* of what it imports, or NULL */
    struct uses *uses;         /* counts where its values stand, or NULL */
    struct find *find;         /* the last search in it, or NULL */
    struct buf sought;         /* what was looked for last, in any object */
    struct buf doubts;         /* of its changes, lines; each is said once */
    struct list list;          /* rows of the tree */
    struct list_stuck stuck;   /* and those that stay in sight */
    struct tree_row row;
    bool properties;    /* shown although there is a tree */
    struct lines lines; /* properties, progress, error */
    struct list lines_list;
    enum app_state seen; /* the state last reacted to */
    char *wanted;        /* path the cursor goes to once it is read, or NULL */
    unsigned wanted_line;
    bool folder_next;          /* when it is not there: perhaps a folder is meant */
    struct app_rescue *rescue; /* edits of it that an end of the program kept, or NULL */
    bool rescued;              /* they were made again: not needed once these are saved */
    const char *outdated;      /* app_object_outdated(), as far as it was said */
    uint64_t since;
};

/* Where one has been. */
struct place {
    enum { PLACE_START, PLACE_LISTING, PLACE_OBJECT } kind;
    struct location where;
};
struct nav {
    struct {
        struct place *data;
        size_t len, cap;
    } all;
    size_t at;             /* of the place that is shown; all.len > 0 */
    struct app_look *look; /* what is at the path that was typed, or NULL */
    struct location inside; /* a folder of the archive that is being opened, or nothing */
};

/* What a dialog about unsaved edits was asked for. */
struct pending {
    enum { PENDING_NONE, PENDING_OPEN, PENDING_QUIT, PENDING_RELOAD, PENDING_CHOICE } what;
    struct location where;
    bool properties;
    struct { /* of PENDING_CHOICE: a struct app_choice of our own */
        char *profile, *endpoint;
        bool anonymous;
    } choice;
};

/* What the object under the cursor of the listing holds, after a rest. */
struct preview {
    bool wanted; /* of an object, which is at */
    struct location of;
    loop_timer rest;           /* until it is opened */
    struct app_object *object; /* NULL: not yet */
    struct tree *tree;
    struct list list;
    struct list_stuck stuck;
    struct tree_row row;
};

/* --- messages ------------------------------------------------------------------------------- */

enum say { SAY_INFO, SAY_WARNING, SAY_ERROR };
struct message {
    enum say kind;
    int64_t when;
    char *text, *detail; /* detail may be NULL */
};
struct messages {
    struct {
        struct message *data;
        size_t len, cap;
    } all;
    bool shown;    /* the last one stands in the status line */
    bool fresh;    /* and no key was pressed since */
    bool cut;      /* and there was no room for all of it */
    uint64_t said; /* messages so far: the number of the last one */
};

/* --- saving --------------------------------------------------------------------------------- */

enum save_step { SAVE_IDLE, SAVE_CHECKING, SAVE_ASKING, SAVE_WRITING, SAVE_MERGING };
struct saving {
    enum save_step step;
    struct app_review *review;
    struct location where; /* save as */
    bool elsewhere;
    struct dialog *conflict;      /* while it is open */
    bool mergeable;               /* it offers to put mine on theirs */
    struct store_identity theirs; /* what it is about */
    struct app_rescue *kept;      /* what is being written, for the next start, or NULL */
    uint64_t since;
};

/* --- many objects --------------------------------------------------------------------------- */

struct many {
    struct app_many *work;  /* what is chosen, running, or over; NULL: none */
    struct location listed; /* where they were chosen */
    uint64_t objects, bytes, hidden, too_large;
    bool copying;
    uint64_t since; /* running since; 0: it does not */
};

/* --- an archived object --------------------------------------------------------------------- */

struct thaw {
    struct app_thaw *work; /* being asked for, or NULL */
    struct location where;
    char *version; /* NULL: the one that is there */
    unsigned days;
};

/* --- typed ahead ---------------------------------------------------------------------------- */

#define AHEAD_MOST 64 /* keys */

/* Keys typed while a dialog is on its way that a key asked for wait for it.  They go to that dialog
 * or nowhere; and a dialog that nobody could expect takes no key that was meant for what it
 * covers. */
struct ahead {
    bool open; /* keys wait */
    uint64_t since;
    uint32_t keys[AHEAD_MOST];
    size_t len;
    uint64_t last_key;   /* when the last key was pressed, monotonic us */
    uint64_t deaf_until; /* the dialog takes no key before; 0: it does */
};

/* --- mouse ---------------------------------------------------------------------------------- */

#define HINTS 32
struct pointer {
    int divider;   /* columns of the left pane as dragged; 0: as they come */
    bool dragging; /* the divider */
    int y, x;      /* of the last press, */
    uint64_t when; /* and when it was; 0: never */
    struct {       /* the keys of the last line */
        int from, to;
        uint32_t key;
    } hints[HINTS];
    size_t hint_count;
    struct { /* the path in the status line: its columns, and how many are cut at its beginning */
        int from, to, cut;
    } path;
};

/* --- settings ------------------------------------------------------------------------------- */

struct settings {
    bool no_colour, ascii, no_mouse;
    bool preview;
    bool recent; /* where one was is kept */
};

/* Of outside.c: a command that is offered. */
struct outside {
    struct ui *ui;
    struct aws_outside offer;
    const struct aws_outside *what; /* NULL: none */
    struct dialog *dialog;
};

/* --- all of it ------------------------------------------------------------------------------ */

struct ui {
    struct app *app;
    struct loop *loop;
    const struct ui_options *options;
    struct settings settings;
    struct keymap keymap;
    struct theme_style styles[STYLE_COUNT];
    struct term *term;     /* NULL: a screen nobody sees, driven by a script */
    struct script *script; /* or NULL */
    struct screen screen;
    bool right_focus;
    struct left left;
    struct right right;
    struct preview preview;
    struct view *over; /* topmost view over the panes, or NULL */
    struct nav nav;
    struct messages messages;
    struct typed typed; /* into lines before */
    struct pending pending;
    struct saving saving;
    struct many many;
    struct app_links *links; /* being made, or NULL */
    struct thaw thaw;
    struct app_count *count; /* of a place, running or over; NULL: none */
    struct location links_of;
    struct value_writer *writer; /* of a value to a file: asked, or written; or NULL */
    struct completer *completer; /* reads a folder for a line that is typed, or NULL */
    struct asked_where *asked;   /* an edit that waits for an answer, or NULL */
    struct ahead ahead;
    struct pointer pointer;
    bool mouse_off; /* by the person */
    uint32_t key;   /* that is being handled */
    bool pasting;   /* between the marks of a bracketed paste */
    bool dirty;     /* a frame is due now */
    bool stale;     /* something moved: a frame is due soon */
    uint64_t drawn; /* when the last frame was drawn, monotonic us */
    loop_timer tick;
    unsigned spin;
    bool quit;
    enum pb_err ended;       /* why, when it was not the person's wish */
    char code_question[512]; /* of code.c */
    struct outside outside;
};

/* ui.c */
void ui_key(struct ui *u, uint32_t key);
void ui_changed(struct ui *u);              /* something that came from outside: a frame soon */
struct view *ui_top(struct ui *u);          /* the view that has the keys */
void ui_push(struct ui *u, struct view *v); /* takes it over */
void ui_pop(struct ui *u, struct view *v);  /* closes v and what lies over it */
bool ui_busy(const struct ui *u);           /* something runs that Esc stops */
bool ui_resize(struct ui *u, int rows, int cols);

struct ask_note;
struct ask_ops;

/* config.c */
/* Options first, then the file; what is wrong in it is said, with its line, and left out. */
void config_load(struct ui *u);
void config_release(struct ui *u);
bool config_read_only(const struct ui *u, const struct location *where);

/* ahead.c */
void ahead_begin(struct ui *u); /* a dialog was asked for and is being prepared */
void ahead_end(struct ui *u,
               bool keep);      /* it is there: it gets what was typed, or that is dropped */
void ahead_guard(struct ui *u); /* a dialog comes unasked */
bool ahead_takes(struct ui *u, uint32_t key); /* true: the key waits, or is dropped */

/* mouse.c */
void ui_mouse(struct ui *u, const struct mouse *m);

/* layout.c */
void layout_draw(struct ui *u);
int layout_left_width(const struct ui *u); /* columns of the left one of two panes */
bool layout_narrow(const struct ui *u);
const char *ui_spinner(const struct ui *u);
/* What is said on line y about what is typed on the line beside it, from x on; a caret under
 * `column`, unless that is -1. */
void layout_note(const struct region *r, int typed, int y, int x, const struct ask_note *note,
                 int column);
/* "12 s" once `since` is two seconds ago, else nothing. */
void ui_seconds(struct buf *out, uint64_t since);
/* Bytes, rate and time left of a transfer, and a bar. */
void progress_text(struct buf *out, uint64_t done, uint64_t total, double rate);
void progress_bar(const struct region *r, int y, int x, int width, uint64_t done, uint64_t total);

/* message.c */
void ui_say(struct ui *u, enum say kind, const char *fmt, ...) PB_PRINTF(3, 4);
void ui_say_detail(struct ui *u, enum say kind, const char *detail, const char *fmt, ...)
    PB_PRINTF(4, 5);
void ui_error(struct ui *u, const struct error *e);
void ui_unsay(struct ui *u, uint64_t said); /* takes that message away if it still stands there */
const struct message *ui_message(const struct ui *u); /* the one in the status line, or NULL */
void messages_release(struct messages *m);
/* A text over the panes; takes over the lines. */
void pager_open(struct ui *u, const char *title, struct lines *lines);
void message_details(struct ui *u);

/* command.c */
const char *need_missing(const struct ui *u, unsigned needs); /* NULL: nothing is missing */
bool need_shown(const struct ui *u, const struct command *c);
/* Closing what is open would lose edits: asks, and does it later.  True: asked. */
bool guard_unsaved(struct ui *u, const char *doing);
void pending_choice(struct ui *u, const struct app_choice *c); /* asks, then profiles_chosen() */
void pending_release(struct ui *u);
void ui_copy(struct ui *u, const char *what, const struct buf *text);
void ui_copy_secret(struct ui *u, const char *what, const struct buf *text); /* not shown */

/* marks.c */
void marks_text(struct buf *out, uint64_t objects, uint64_t bytes); /* "3 objects, 1.2 kB" */
bool marks_clear(struct ui *u);                                     /* false: nothing was marked */
bool marks_copy_names(struct ui *u);
bool many_running(const struct ui *u);
void many_cancel(struct ui *u);
void many_stop(struct ui *u);
void many_status(const struct ui *u, struct buf *out);

/* bookmarks.c: locations as they are typed. */
struct bookmarks;
struct bookmarks *bookmarks_load(bool recent, struct error *e); /* NULL: said in e */
void bookmarks_free(struct bookmarks *m);                       /* NULL is fine */
size_t bookmarks_count(const struct bookmarks *m);              /* NULL: 0 */
const char *bookmarks_at(const struct bookmarks *m, size_t i);
bool bookmarks_have(const struct bookmarks *m, const char *text);
void recent_add(struct ui *u, const struct location *where); /* one is there now */

/* profiles.c: from now on one is somebody else on S3, or goes through another endpoint. */
void profiles_chosen(struct ui *u, const struct app_choice *choice);
void profiles_choose(struct ui *u, const struct app_choice *choice); /* asks first, if need be */

/* links.c */
void links_stop(struct ui *u);

/* thaw.c */
void thaw_stop(struct ui *u);

/* count.c */
bool count_running(const struct ui *u);
void count_stop(struct ui *u);

/* code.c: asks for a code when credentials need it. */
void code_init(struct ui *u);
void code_release(struct ui *u);

/* outside.c: runs a command that has the terminal until it ends, without a shell.  Its status, -1
 * when it was killed or could not be started; out: what it wrote to stdout, or NULL. */
int outside_run(struct ui *u, const char *file, char *const argv[], struct buf *out);
void outside_init(struct ui *u); /* offers those that credentials need */
void outside_release(struct ui *u);

/* editor.c: a text in $VISUAL or $EDITOR, outside the screen, until it is taken or left as it was.
 */
void editor_open(struct ui *u, const struct ask_ops *ops, const char *text, size_t n, void *ctx);

/* edit_share.c: sets a value, or asks where when it is shared.  The last of the way is its place.
 */
struct asked_where;
enum pb_err edit_set_shared(struct ui *u, const struct pkl_child *way, size_t n,
                            const struct literal *value, const char *text, size_t len,
                            struct error *e) PB_CHECK;
void asked_where_free(struct asked_where *a); /* NULL is fine */

/* The same for an edit of what a container holds: way[n - 1] is the place, or (into) the container
 * that something is put into.  apply() is called at once or after the answer. */
struct shared_edit {
    enum pb_err (*apply)(struct ui *u, const struct pkl_child *place, const struct shared_edit *x,
                         struct error *e);
    bool into;
    int arg;
    enum pkl_step step;
    uint64_t index;
    const char *text; /* borrowed */
    size_t len;
};
enum pb_err edit_shared(struct ui *u, const struct pkl_child *way, size_t n,
                        const struct shared_edit *x, struct error *e) PB_CHECK;
/* The places from the root down to that of a row; free() them. */
enum pb_err edit_way(struct ui *u, uint64_t row, struct pkl_child **way, size_t *n,
                     struct error *e) PB_CHECK;

/* edit.c */
/* The value at the end of a way becomes a line; takes over the way. */
void edit_open(struct ui *u, struct pkl_child *way, size_t n);
bool edit_has_text(const struct pkl_node *v); /* is edited as one text */

/* ask.c: one line asked for, at the bottom or in the line of a value. */
struct ask_note {
    bool wrong;
    size_t at; /* the byte where it is wrong */
    struct buf text;
};
struct ask_ops {
    const char *label;
    bool inline_value; /* drawn by the tree, in the line of the value */
    bool secret;       /* what is typed is not kept for the next time */
    bool unasked;      /* also while something is being saved, which waits for it */
    /* What to say about the text as it stands.  May be NULL. */
    void (*check)(struct ui *u, const char *text, size_t n, struct ask_note *note);
    /* After every change.  May be NULL. */
    void (*changed)(struct ui *u, const char *text, size_t n);
    /* Enter.  False: stays open (a message or note says why). */
    bool (*accept)(struct ui *u, const char *text, size_t n, void *ctx, struct ask_note *note);
    /* Tab: what may stand in place of the text before the cursor.  May be NULL. */
    void (*complete)(struct ui *u, struct completion *c);
    /* May be NULL: the text cannot go through the editor.  Else: what the editor shows, and taking
     * what it wrote (false: wrong at *at). */
    void (*long_text)(struct ui *u, const char *text, size_t n, void *ctx, struct buf *out);
    bool (*take)(struct ui *u, const char *text, size_t n, void *ctx, size_t *at, struct error *e);
    void (*cancelled)(struct ui *u); /* may be NULL */
    void (*release)(void *ctx);      /* may be NULL */
};
struct ask {
    struct view view;
    const struct ask_ops *ops;
    struct prompt prompt;
    struct ask_note note;
    size_t back;    /* the text is the one typed so many times before; 0: it is a new one, */
    struct buf now; /* which waits here meanwhile */
    bool offered;   /* the note is about what Tab found */
    void *ctx;
};
/* Takes over ctx, also when there is no memory. */
void ask_open(struct ui *u, const struct ask_ops *ops, void *ctx, const char *text, size_t n);
struct ask *ask_top(const struct ui *u);       /* the topmost view, when it is one */
void ask_changed(struct ui *u, struct ask *a); /* its text was */
void ask_draw(struct ui *u, struct ask *a, const struct region *r, int y, int x, int width);

/* dialog.c */
struct dialog_button {
    uint32_t key; /* takes it at once; K_NONE: none */
    const char *label;
};
struct dialog {
    struct view view;
    char *title;
    struct lines head, tail;
    struct { /* rows between head and tail, made when they are drawn */
        uint64_t count;
        void (*draw)(struct ui *u, uint64_t row, const struct region *r, int y);
    } rows;
    const struct dialog_button *buttons; /* borrowed */
    size_t button_count, chosen;
    struct list scroll;
    bool danger;
    bool touched; /* another choice was marked by hand */
    /* button: -1 for Esc.  The dialog is closed already. */
    void (*done)(struct ui *u, int button);
};
/* NULL: no memory (said).  Filled by the caller, then dialog_open. */
struct dialog *dialog_new(struct ui *u, const char *title, const struct dialog_button *buttons,
                          size_t count, size_t chosen, void (*done)(struct ui *u, int button));
void dialog_open(struct ui *u, struct dialog *d);

/* view_picker.c: rows over the panes, one of which is taken. */
struct picker_ops {
    uint64_t (*count)(struct ui *u, void *ctx);
    void (*draw)(struct ui *u, void *ctx, uint64_t row, const struct region *r); /* one line */
    /* What is said about the row of the cursor.  May be NULL. */
    void (*note)(struct ui *u, void *ctx, uint64_t row, struct lines *out);
    /* Enter.  The picker is closed already. */
    void (*take)(struct ui *u, void *ctx, uint64_t row);
    /* Not NULL: a line is typed above the rows, and this is called when it changed. */
    void (*typed)(struct ui *u, void *ctx, const char *text, size_t n);
    void (*release)(void *ctx); /* may be NULL */
    const char *empty;
};
struct picker {
    struct view view;
    const struct picker_ops *ops;
    void *ctx;
    struct buf title;
    struct prompt prompt;
    struct list list;
};
/* Takes over ctx, also when there is no memory. */
void picker_open(struct ui *u, const struct picker_ops *ops, void *ctx, const char *title);

/* view_value.c: strings, bytes and long ints as they are, over the panes. */
bool value_can_open(struct ui *u, const struct pkl_node *n);
bool value_is_int(const struct ui *u); /* the one that is open */
void value_open(struct ui *u);         /* of the row of the cursor */
/* Bytes of a source that outlives the view. */
void value_open_source(struct ui *u, struct source *s, uint64_t size, const char *title, bool hex);

/* not_pickle.c: of an object that is none. */
bool not_pickle_readable(const struct ui *u); /* something of it is here */
void not_pickle_lines(struct ui *u, struct lines *l);
void not_pickle_open(struct ui *u);

/* write_value.c */
bool write_value_running(const struct ui *u);
void write_value_stop(struct ui *u);
void write_value_cancel(struct ui *u);
void write_value_status(const struct ui *u, struct buf *out);

/* view_versions.c */
bool versions_busy(const struct ui *u);

/* find.c */
bool find_running(const struct ui *u);
void find_cancel(struct ui *u);
void find_drop(struct ui *u); /* the value changed or goes away */
void find_status(struct ui *u, struct buf *out);

/* view_audit.c */
void audit_start(struct ui *u); /* looks through the open pickle, beside everything else */
void audit_stop(struct ui *u);
/* uses.c: how often a value of the open pickle stands somewhere; false: it is being counted. */
bool uses_known(struct ui *u, pkl_id target, uint64_t *count);
void uses_stop(struct ui *u);
/* "safe", "unknown", "dangerous"; NULL: not known yet.  Alarming: anything but safe. */
const char *audit_grade(const struct ui *u, bool *alarming);

/* view_places.c, view_listing.c */
extern const struct view_ops view_left;
void places_draw(struct ui *u, const struct region *r, bool focus);
void places_read(struct ui *u); /* bookmarks and where one was, as they are kept now */
void places_release(struct ui *u);
bool places_location(struct ui *u, struct location *out); /* of the cursor's row */
bool places_choose(struct ui *u); /* goes there as who one is to be; false: as who one is */
void places_status(struct ui *u, struct buf *out);
void left_init(struct ui *u);
void left_release(struct ui *u);
void left_show_places(struct ui *u);
/* name: the row the cursor goes to, or NULL. */
void left_show(struct ui *u, const struct location *where, const char *name, size_t len);
void left_reload(struct ui *u);
/* The location of the row under the cursor. */
bool left_location(struct ui *u, struct location *out, enum store_kind *kind);
void left_title(struct ui *u, struct buf *name, struct buf *position);
void left_status(struct ui *u, struct buf *out);
void left_frame(struct ui *u, unsigned height); /* asks for rows that will be seen */

/* view_object.c, view_tree.c, view_props.c */
extern const struct view_ops view_right;
void right_init(struct ui *u);
void right_release(struct ui *u);
/* Opens; what was open is closed.  The caller has asked about unsaved edits. */
void right_open(struct ui *u, const struct location *where, bool properties);
/* An object that is being opened is the pane's from now on; what is there was let go of. */
void right_take(struct ui *u, struct app_object *o, const char *label);
/* Opens one version (NULL: none), only to be looked at; label: what it is called in the title.
 * When `of` is what is open, that is set aside until Esc comes back to it. */
void right_look(struct ui *u, const struct location *of, const struct location *where,
                const char *version_id, const char *label);
void right_reload(struct ui *u); /* the cursor stays where it is */
/* An object that is open already (merged, or kept). */
void right_adopt(struct ui *u, struct app_object *o);
void right_object_changed(void *ctx, struct app_object *o);
void right_refresh(struct ui *u); /* after an edit */
bool right_unsaved(const struct ui *u);
bool right_loading(const struct ui *u);
/* What is most worth saying in so many columns. */
void right_title(struct ui *u, struct buf *name, struct buf *state, int width);
/* The bytes at the beginning that are a path: it is cut at its beginning, for its end says most. */
size_t right_status(struct ui *u, struct buf *out);
struct pkl_edit *right_edit(const struct ui *u); /* NULL: read only, or nothing */
void tree_draw(struct ui *u, const struct region *r, bool focus);
void tree_move(struct ui *u, enum move m);
void tree_click(struct ui *u, int y, int x, bool twice);
size_t tree_status(struct ui *u, struct buf *out);
/* A click on a column of that path: goes to what it names up to there. */
void tree_click_path(struct ui *u, int column);
/* Puts the cursor there, opening what hides it. */
bool tree_show_path(struct ui *u, const char *text, size_t n, struct error *e);
void tree_go_path(struct ui *u, const char *text, size_t n); /* the same, or says why not */
void props_lines(struct ui *u, struct lines *out);

/* preview.c */
void preview_init(struct ui *u);
void preview_release(struct ui *u);
void preview_follow(struct ui *u); /* before a frame: the cursor may have moved */
void preview_now(struct ui *u);    /* without a rest */
void preview_drop(struct ui *u);   /* to be read anew */
bool preview_shown(const struct ui *u);
void preview_title(struct ui *u, struct buf *name, struct buf *state);
void preview_draw(struct ui *u, const struct region *r);

/* nav.c */
void nav_release(struct ui *u);
void nav_start(struct ui *u, const struct location *start);
void nav_places(struct ui *u);
/* What was opened is an archive whose files are `files`, or (NULL) nothing: shows the folder in it
 * that was asked for.  false: none was. */
bool nav_inside(struct ui *u, const struct location *files);
void nav_list(struct ui *u, const struct location *where, const char *name, size_t len);
/* Opens an object and shows its folder on the left unless that stands there. */
void nav_open(struct ui *u, const struct location *where, bool properties, bool show_folder);
void nav_go(struct ui *u, const struct location *where); /* folder or object, whichever is there */
void nav_stop(struct ui *u);                             /* does not go on to look what is there */
bool location_same(const struct location *a, const struct location *b);
void location_show_name(struct buf *out, const struct location *where); /* its last part */

/* save.c, view_review.c, view_conflict.c */
void save_start(struct ui *u);
void save_write(struct ui *u, const struct location *where, bool overwrite);
void save_as_ask(struct ui *u);
void save_merge(struct ui *u);
void save_dropped(struct ui *u); /* releases the review */
void save_cancel(struct ui *u);
void save_status(struct ui *u, struct buf *out); /* while it runs */
void review_open(struct ui *u);
void conflict_open(struct ui *u, const struct app_saved *s);
void theirs_show(struct ui *u);
bool theirs_back(struct ui *u); /* to one's own; false: nothing is set aside */
/* Sets aside what is open while `o` is looked at. */
void aside_show(struct ui *u, struct app_object *o, const char *label);
void identity_text(struct buf *out, const struct store_identity *id, enum loc_scheme scheme);

/* rescue.c */
void rescue_offer(struct ui *u);                 /* an object was opened */
void rescue_close(struct ui *u);                 /* it is closed */
void rescue_keep(struct ui *u, struct buf *out); /* the screen ends although something is unsaved */

/* script.c */
bool script_next(struct ui *u); /* one step; false: there is nothing to do now */
enum pb_err script_open(const char *path, struct script **out, struct error *e) PB_CHECK;
enum pb_err script_status(const struct script *s, struct error *e);
void script_free(struct script *s);

#endif
