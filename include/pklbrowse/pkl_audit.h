/* floor 1: pickle */
/*
 * What a pickle would import and call, without importing or calling any of it.
 *
 * One pass over the opcodes with a real stack; what a GET means comes from the index.  So it does
 * not matter how a name got onto the stack, how memo slots were numbered, or whether a result is
 * thrown away.  Every global is listed with how it is used, where, and a grade:
 *   safe       known to build plain data (audit_grades.def),
 *   dangerous  runs code, opens files or sockets, imports by name; or the pickle changes it,
 *   unknown    anything else.
 * A pickle that breaks is audited up to where it breaks: what was called until then was called.
 * Pickles inside of strings and bytes (also in base64 and hex), and behind the end, are audited
 * too.
 */
#ifndef PKLBROWSE_PKL_AUDIT_H
#define PKLBROWSE_PKL_AUDIT_H

#include <pklbrowse/pkl_doc.h>

enum pkl_grade { PKL_SAFE, PKL_UNKNOWN, PKL_DANGEROUS };
const char *pkl_grade_name(enum pkl_grade g);

/* The grade of a global by its names alone; either spelling of Python 2 and 3 is known.  *why (a
 * static text) says what makes it dangerous, else NULL. */
enum pkl_grade pkl_audit_grade(const char *module, const char *name, const char **why);

enum pkl_audit_kind {
    PKL_AUDIT_GLOBAL,
    PKL_AUDIT_EXTENSION, /* a class of the extension registry: `code` */
    PKL_AUDIT_COMPUTED   /* what is imported or called is computed while loading: anything at all */
};
struct pkl_audit_row {
    enum pkl_audit_kind kind;
    char *module, *name;         /* as stored: UTF-8, not escaped; NULL for the other kinds */
    char *py3_module, *py3_name; /* as Python 3 would import it */
    int64_t code;
    enum pkl_grade grade;
    const char *why; /* static, or NULL */
    /* How often: named; called (REDUCE, INST, OBJ); an instance made without a call (NEWOBJ); state
     * given to what it made (BUILD); itself changed; what it returned called. */
    uint64_t imported, called, built, states, changed, result_called;
    uint64_t offset; /* of the first and most telling use */
    char *path;      /* of the value it stands in; NULL: in none that is part of the result */
    size_t pickle;   /* index of the pickle it stands in */
    uint8_t telling; /* private: what kind of use `offset` is */
};

/* The pickle itself is number 0; those inside of it follow. */
enum pkl_audit_place {
    PKL_AUDIT_WHOLE,
    PKL_AUDIT_BYTES, /* bytes, bytearray or Python 2 str */
    PKL_AUDIT_TEXT,  /* a str, character by byte */
    PKL_AUDIT_BASE64,
    PKL_AUDIT_HEX,
    PKL_AUDIT_TRAILING /* behind the last STOP */
};
const char *pkl_audit_place_name(enum pkl_audit_place p);
struct pkl_audit_pickle {
    enum pkl_audit_place place;
    size_t inside;      /* index of the pickle it was found in */
    uint64_t offset;    /* there, of the opcode that holds it */
    char *path;         /* there; NULL: in no value that is part of the result */
    struct error error; /* why it could not be read to the end; code PB_OK: it was */
};

struct pkl_audit;
/* The document is borrowed, must be indexed to its end and outlive the audit. */
enum pb_err pkl_audit_new(struct pkl_doc *d, struct pkl_audit **out, struct error *e) PB_CHECK;
void pkl_audit_free(struct pkl_audit *a); /* NULL is fine */
/* About `budget` bytes more. */
enum pb_err pkl_audit_step(struct pkl_audit *a, uint64_t budget, bool *done,
                           struct error *e) PB_CHECK;
uint64_t pkl_audit_passed(const struct pkl_audit *a); /* bytes of the document, for progress */

/* Rows in the order in which names first appear. */
size_t pkl_audit_rows(const struct pkl_audit *a);
const struct pkl_audit_row *pkl_audit_row(const struct pkl_audit *a, size_t i);
size_t pkl_audit_pickles(const struct pkl_audit *a);
const struct pkl_audit_pickle *pkl_audit_pickle(const struct pkl_audit *a, size_t i);
/* The worst grade of all rows. */
enum pkl_grade pkl_audit_verdict(const struct pkl_audit *a);

#endif
