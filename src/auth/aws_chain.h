/* Private to auth: the providers of credentials, in the order in which they are asked. */
#ifndef AUTH_AWS_CHAIN_H
#define AUTH_AWS_CHAIN_H

#include <pklbrowse/aws.h>

/*
 * Fills s->credentials and s->has_credentials for s->profile, else s->looked_at.
 * use_environment is false when the person named the profile on the command line.
 */
enum pb_err aws_chain_resolve(struct aws_setup *s, const struct aws_config *c, bool use_environment,
                              struct error *e) PB_CHECK;

/* An environment variable; NULL when it is not set or empty. */
const char *aws_environment(const char *name);

#endif
