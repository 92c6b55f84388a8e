/* floor 6: app */
/*
 * One value written to a file of this machine: as Python prints it, as JSON, or its own bytes.
 *
 * A child process of ours does it, so that neither a long value nor a slow folder keeps the screen
 * waiting; it sees the value as it was when it began.  The file appears under its name when all of
 * it is written, and what is there already is only replaced when that was asked for.  Bytes of the
 * value that are not here yet are an error.  Knows no screen.
 */
#ifndef PKLBROWSE_WRITE_OUT_H
#define PKLBROWSE_WRITE_OUT_H

#include <pklbrowse/loop.h>
#include <pklbrowse/pkl_doc.h>

enum write_form { WRITE_REPR, WRITE_JSON, WRITE_BYTES };

struct write_out;
/* Does the value have bytes of its own: a str (as UTF-8), bytes, bytearray? */
bool write_out_has_bytes(struct pkl_view *v, const struct pkl_node *value);
/* done() is called once, with how much was written or why nothing is there (PB_EEXIST: a file has
 * this name, and `replace` is false); the struct is still to be freed.  The path is copied. */
enum pb_err write_out_start(struct loop *l, struct pkl_view *v, const struct pkl_node *value,
                            enum write_form form, const char *path, bool replace,
                            void (*done)(void *ctx, uint64_t bytes, const struct error *e),
                            void *ctx, struct write_out **out, struct error *e) PB_CHECK;
uint64_t write_out_bytes(const struct write_out *w); /* so far */
/* Ends it when it still runs: then nothing is left of it.  NULL is fine. */
void write_out_free(struct write_out *w);

#endif
