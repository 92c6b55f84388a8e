/* floor 0: base */
/*
 * What a person reads, in her language.
 *
 * Texts stand in the sources in English and are exchanged where they are used: _("text"), or, in a
 * table, N_("text") and _(row->text) where it is drawn; P_("%zu row", "%zu rows", n) where a number
 * decides.  What formats a message for many callers (error_set(), ui_say() and the like) exchanges
 * the format itself, and Makefile.am tells xgettext so: their callers pass plain literals.
 *
 * Nothing that a program reads is ever marked: JSON, what ls, show, diff and dis print, words of a
 * protocol, the log, names of opcodes, of keys and of types of Python.
 *
 * Knows no language.  Only main() chooses one; until then, and without libintl, everything is in
 * English.  What these return is never freed and lives as long as the program.
 */
#ifndef PKLBROWSE_INTL_H
#define PKLBROWSE_INTL_H

#ifdef ENABLE_NLS
#include <libintl.h>

/* The empty text is no message: gettext() would answer with the head of its catalogue. */
__attribute__((format_arg(1))) static inline const char *intl_text(const char *text)
{
    return text[0] != '\0' ? gettext(text) : text;
}
#define _(text) intl_text(text)
#define P_(one, many, n) ngettext(one, many, (unsigned long)(n))
#else
#define _(text) (text)
#define P_(one, many, n) ((n) == 1 ? (one) : (many))
#endif

#define N_(text) text

#endif
