/* floor 1: pickle */
/*
 * Objects as protocols 0 and 1 write them: copyreg._reconstructor(class, base, state) makes
 * base.__new__(class, state).
 */
#ifndef PICKLE_REBUILT_H
#define PICKLE_REBUILT_H

#include <pklbrowse/pkl_doc.h>

#define REBUILT_ARGS 3

/* Whether an object is made so; its three arguments, as children of their tuple. */
enum pb_err rebuilt_read(struct pkl_view *v, pkl_id object, bool *is,
                         struct pkl_child arg[REBUILT_ARGS], struct error *e) PB_CHECK;

#endif
