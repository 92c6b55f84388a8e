/* whoami: what is in force for a store, and why; each cloud's in a file of its own. */
#ifndef PKLBROWSE_CLI_WHOAMI_H
#define PKLBROWSE_CLI_WHOAMI_H

#include "cli.h"

int whoami_azure(struct cli *c);
int whoami_google(struct cli *c);

/* --- what they have in common ----------------------------------------------------------------- */

struct whoami {
    struct cli *c;
    bool done;
    struct error error;  /* of the credentials: there are none */
    struct error nobody; /* nobody says whose they are */
    enum pb_err printed;
    struct error output; /* when printing failed */
};

/* "name: value (why)"; nothing without a value, no "(why)" when that is NULL. */
void whoami_line(struct buf *out, const char *name, const char *value, const char *why);
void whoami_expires(struct buf *out, int64_t when); /* nothing for 0 */
/* A member of a JSON object, after a comma unless it is the first; null without a value. */
void whoami_member(struct buf *out, const char *name, const char *value);
/* The answer is there: its text is printed and released. */
void whoami_print(struct whoami *w, struct buf *text);
/* The status, after waiting for the answer came to `err`. */
int whoami_end(struct whoami *w, enum pb_err err, const struct error *e);

#endif
