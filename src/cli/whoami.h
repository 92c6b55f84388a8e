/* whoami of other stores than S3, each in a file of its own. */
#ifndef PKLBROWSE_CLI_WHOAMI_H
#define PKLBROWSE_CLI_WHOAMI_H

struct cli;

int whoami_azure(struct cli *c);
int whoami_google(struct cli *c);

#endif
