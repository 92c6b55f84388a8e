/*
 * What the files of auth about Azure share.  Private.
 *
 *   azure_setup.c       environment, ~/.azure/config: which account, which credentials
 *   azure_connection.c  connection strings
 *   azure_config.c      ~/.azure/config
 *   azure_url.c         addresses, and what typed ones say
 *   azure_key.c         Shared Key signatures
 *   azure_session.c     tokens as they stand now (renewal.c: who waits, when they are renewed)
 *   azure_token.c       the sources of tokens, one after the other
 *   azure_identity.c    whom a token belongs to
 */
#ifndef AUTH_AZURE_CHAIN_H
#define AUTH_AZURE_CHAIN_H

#include <pklbrowse/azure.h>
#include <pklbrowse/mem.h>

#include "aws_chain.h" /* requests, JSON, wiping */

/* NULL when it was NULL; false: no memory. */
bool azure_copy(char **to, const char *from);

/* PB_EUSAGE: it is no base64 text; the caller says which one. */
enum pb_err azure_key_check(const char *key, struct error *e) PB_CHECK;

/* ~/.azure/config: a value of [section] key, or NULL.  A file that is not there is empty. */
struct azure_config;
enum pb_err azure_config_load(struct azure_config **out, struct error *e) PB_CHECK;
/* The text of the file; name is for messages. */
enum pb_err azure_config_parse(const char *text, size_t n, struct azure_config **out,
                               struct error *e) PB_CHECK;
const char *azure_config_get(const struct azure_config *c, const char *section, const char *key);
void azure_config_free(struct azure_config *c);
/* $AZURE_CONFIG_DIR/NAME or ~/.azure/NAME; nothing without a home folder. */
void azure_home_file(struct buf *out, const char *name);

/* ------------------------------------------------------------------------- azure_token.c */

struct azure_session {
    struct loop *loop;
    struct http *http;     /* of Microsoft Entra */
    struct http *metadata; /* at first use: no proxy, short limits */
    char *authority;
    struct azure_token now; /* text NULL: none */
    struct auth_renewal renewal;
    struct azure_lookup *lookup;     /* running */
    uint64_t metadata_dead_until_us; /* nobody answers there: not asked again before */
};

/* One walk along the sources.  done() comes once, perhaps at once, unless it could not be started;
 * then the walk is the receiver's to free.  found->text NULL: nobody has one. */
struct azure_lookup;
typedef void (*azure_lookup_fn)(struct azure_session *s, struct azure_token *found,
                                const struct error *e);
struct azure_lookup *azure_lookup_new(struct azure_session *s, azure_lookup_fn done);
void azure_lookup_start(struct azure_lookup *k);
void azure_lookup_free(struct azure_lookup *k);  /* also while it runs; NULL is fine */
void azure_token_release(struct azure_token *t); /* wipes it */

#endif
