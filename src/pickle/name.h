/* floor 1: pickle */
/*
 * What Python 2 calls a global of Python 3.
 */
#ifndef PICKLE_NAME_H
#define PICKLE_NAME_H

#include <stdbool.h>

/* As Python 3 writes it below protocol 3.  In what Python 2 wrote itself (`py2`) int and str are
 * its own, not its long and unicode.  The texts are static or those given. */
void name_in_python2(bool py2, const char **module, const char **name);
/* Of what a literal can mean: has Python 2 something to make it of? */
bool name_known_to_python2(const char *module, const char *name);

#endif
