/*
 * Preloaded into the program: every call on a path below $SLOW_FOLDER takes $SLOW_SECONDS, as on a
 * network folder whose server does not answer.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void hang(const char *path)
{
    const char *slow = getenv("SLOW_FOLDER"), *seconds = getenv("SLOW_SECONDS");

    if (slow && seconds && strncmp(path, slow, strlen(slow)) == 0)
        sleep((unsigned)strtoul(seconds, NULL, 10));
}

static mode_t mode_of(int flags, va_list ap)
{
    return flags & O_CREAT ? (mode_t)va_arg(ap, int) : 0;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        int (*next)(const char *, int, ...) =                                                      \
            (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name);                              \
        va_list ap;                                                                                \
        mode_t mode;                                                                               \
                                                                                                   \
        va_start(ap, flags);                                                                       \
        mode = mode_of(flags, ap);                                                                 \
        va_end(ap);                                                                                \
        hang(path);                                                                                \
        return next(path, flags, mode);                                                            \
    }

#define STAT(name, type)                                                                           \
    int name(const char *restrict path, type *restrict st)                                         \
    {                                                                                              \
        int (*next)(const char *, type *) =                                                        \
            (int (*)(const char *, type *))dlsym(RTLD_NEXT, #name);                                \
                                                                                                   \
        hang(path);                                                                                \
        return next(path, st);                                                                     \
    }

OPEN(open)
OPEN(open64)
STAT(stat, struct stat)
STAT(stat64, struct stat64)
