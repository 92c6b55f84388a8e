/* pklbrowse: start-up.  The only place that ends the process, and that chooses a language. */
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/intl.h>
#include <pklbrowse/ui.h>

#include "cli/cli.h"

/* Characters only: numbers never depend on where somebody lives.  In the C locale text would be
 * ASCII; nobody who sets nothing means that. */
static void set_characters(bool ascii)
{
    const char *got = setlocale(LC_CTYPE, "");

    if (ascii || (got != NULL && strcmp(nl_langinfo(CODESET), "ANSI_X3.4-1968") != 0))
        return;
    setlocale(LC_CTYPE, "C.UTF-8");
}

#ifdef ENABLE_NLS
/* "C", "C.UTF-8", "POSIX", "en", "en_GB.UTF-8": what the sources are written in. */
static bool is_english(const char *language)
{
    size_t n = strcspn(language, "_.@");

    return (n == 1 && language[0] == 'C') || strcmp(language, "POSIX") == 0 ||
           (n == 2 && memcmp(language, "en", 2) == 0);
}

/* Messages in this language, if there are any.  gettext() looks at LANGUAGE only in a locale that
 * is none of "C", and newer ones of glibc count C.UTF-8 among those: so one that is installed is
 * looked for, and used for the messages alone. */
static bool speak(const char *language)
{
    static const char *const carriers[] = {"", "C.UTF-8", "ko_KR.UTF-8", "en_US.UTF-8"};

    if (!is_english(language) && setenv("LANGUAGE", language, 1) == 0) {
        for (size_t i = 0; i < sizeof carriers / sizeof carriers[0]; i++) {
            (void)textdomain(PACKAGE); /* forgets what it found before */
            if (setlocale(LC_MESSAGES, carriers[i]) != NULL && gettext("")[0] != '\0')
                return true;
        }
    }
    (void)setlocale(LC_MESSAGES, "C");
    return is_english(language);
}

/* The first of LANGUAGE that there is, as gettext() does it; but English is a language as well. */
static void speak_as_environment(void)
{
    static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    const char *locale = NULL, *list = getenv("LANGUAGE");
    char *copy, *rest, *one;

    for (size_t i = 0; i < sizeof names / sizeof names[0] && (locale == NULL || !*locale); i++)
        locale = getenv(names[i]);
    if (locale == NULL || *locale == '\0' || strcmp(locale, "C") == 0 ||
        strcmp(locale, "POSIX") == 0)
        return;
    copy = rest = strdup(list != NULL && *list != '\0' ? list : locale);
    while (copy != NULL && (one = strsep(&rest, ":")) != NULL && !speak(one))
        ;
    free(copy);
}

/* What the command line says, else the settings, else the environment.  Whoever cannot be shown
 * more than ASCII gets English, and so does a program: JSON holds sentences, too.  PB_EUSAGE when
 * there are no messages in what was asked for. */
static enum pb_err set_language(int argc, char **argv, struct error *e)
{
    const char *folder = getenv("PKLBROWSE_LOCALE_DIR"), *language;
    char set[LANGUAGE_MAX];

    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        return PB_OK;
    (void)bindtextdomain(PACKAGE, folder != NULL && *folder != '\0' ? folder : LOCALEDIR);
    (void)bind_textdomain_codeset(PACKAGE, "UTF-8");
    language = args_early(argc, argv, OPT_lang);
    if (language != NULL)
        return speak(language) ? PB_OK
                               : error_set(e, PB_EUSAGE,
                                           "--lang: there are no messages in this "
                                           "language here; en is always there");
    if (ui_config_language(args_early(argc, argv, OPT_config), set) && speak(set))
        return PB_OK;
    speak_as_environment();
    return PB_OK;
}
#else
static enum pb_err set_language(int argc, char **argv, struct error *e)
{
    (void)argc, (void)argv, (void)e;
    return PB_OK;
}
#endif

int main(int argc, char **argv)
{
    bool ascii = args_early(argc, argv, OPT_ascii) != NULL,
         json = args_early(argc, argv, OPT_json) != NULL;
    struct args args;
    struct error error;
    int status;

    /* Both are errors of a write, told like any other. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    set_characters(ascii);
    if (!ascii && !json && set_language(argc, argv, &error) != PB_OK)
        return cli_error(&error);
    if (args_parse(&args, argc, argv, &error) != PB_OK)
        return cli_error(&error);
    status = cli_run(&args);
    args_release(&args);
    return status;
}
