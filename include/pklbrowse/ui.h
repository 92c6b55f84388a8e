/* floor 7: ui */
/*
 * The screen.  Knows which keys were pressed and what is drawn where; not which store it is.
 * Only src/ui/term.c touches curses.
 */
#ifndef PKLBROWSE_UI_H
#define PKLBROWSE_UI_H

#include <pklbrowse/app.h>

struct ui_options {
    bool no_color, ascii, no_mouse;
    const char *config; /* file of settings; NULL: the usual place */
    const char *script; /* PKLBROWSE_SCRIPT: keys and :commands are read from this file (tests) */
    bool insecure;      /* a standing warning */
};

/* Runs until the person quits.  start NULL: the places.  A location that names an object opens it
 * in the tree, its folder on the left.  Restores the terminal on every way out. */
enum pb_err ui_run(struct app *a, const struct ui_options *o, const struct location *start,
                   struct error *e) PB_CHECK;
/* For the man page and --help: the table of keys, one line each, to the sink. */
enum pb_err ui_print_keys(const struct sink *to, struct error *e) PB_CHECK;

#define LANGUAGE_MAX 32
/* Without a screen, and before anything is said: the language that the settings ask for (config
 * NULL: those at the usual place).  False: none, they cannot be read, or say that only ASCII is
 * shown. */
bool ui_config_language(const char *config, char out[LANGUAGE_MAX]);
/* For batch commands: what the settings say that is read-only is protected (app_protect).  Settings
 * that are there and cannot be read are an error. */
enum pb_err ui_config_protect(const char *config, struct app *a, struct error *e) PB_CHECK;

#endif
