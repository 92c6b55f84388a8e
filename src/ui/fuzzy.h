/*
 * How well some typed letters fit a text: all of them stand in it, in this order.
 *
 * Pure.  ASCII letters match either case; blanks in what is typed only separate.
 */
#ifndef UI_FUZZY_H
#define UI_FUZZY_H

/* -1: they do not.  Else the higher the better: letters that begin words, and that stand together.
 */
int fuzzy_score(const char *text, const char *typed);

#endif
