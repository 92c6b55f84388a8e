/*
 * What the files of Google's credentials share.  Private to auth.
 *
 *   google_key.c    a credentials file
 *   google_setup.c  which of them counts, which project, which address
 *   google_jwt.c    the signed assertion of a service account
 *   google_token.c  tokens as they stand now
 */
#ifndef AUTH_GOOGLE_H
#define AUTH_GOOGLE_H

#include <pklbrowse/google.h>

#include "aws_chain.h"

#define GOOGLE_SCOPE "https://www.googleapis.com/auth/devstorage.full_control"
#define GOOGLE_TOKEN_URI "https://oauth2.googleapis.com/token"

#endif
