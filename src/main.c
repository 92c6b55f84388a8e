/* pklbrowse: start-up. */
#include <stdio.h>

int main(void)
{
    return puts(PACKAGE_STRING) < 0 ? 7 : 0;
}
