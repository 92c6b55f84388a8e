/* Grades of globals by their names. */
#include <pklbrowse/intl.h>
#include <pklbrowse/pkl_audit.h>

#include <string.h>

enum { ROW_SAFE, ROW_UNSURE, ROW_DANGER, ROW_WHOLE };

static const struct grade_row {
    const char *module, *names, *why;
    int kind;
} table[] = {
#define SAFE(module, names) {module, names, NULL, ROW_SAFE},
#define UNSURE(module, names) {module, names, NULL, ROW_UNSURE},
#define DANGER(module, names, why) {module, names, why, ROW_DANGER},
#define WHOLE(module, why) {module, NULL, why, ROW_WHOLE},
#include "audit_grades.def"
#undef SAFE
#undef UNSURE
#undef DANGER
#undef WHOLE
};
#define ROWS (sizeof table / sizeof *table)

const char *pkl_grade_name(enum pkl_grade g)
{
    static const char *const names[] = {N_("safe"), N_("unknown"), N_("dangerous")};

    return names[g];
}

/* Is `name` one of the words? */
static bool has_word(const char *words, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = words; n > 0 && (p = strstr(p, name)) != NULL; p += n) {
        if ((p == words || p[-1] == ' ') && (p[n] == '\0' || p[n] == ' '))
            return true;
    }
    return false;
}

/* Python 2's names of modules that went elsewhere. */
static const char *modern(const char *module)
{
    if (strcmp(module, "__builtin__") == 0 || strcmp(module, "exceptions") == 0)
        return "builtins";
    if (strcmp(module, "copy_reg") == 0)
        return "copyreg";
    return module;
}

static bool is_whole(const char *module, size_t n, const char **why)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (table[i].kind == ROW_WHOLE && strlen(table[i].module) == n &&
            memcmp(table[i].module, module, n) == 0) {
            *why = table[i].why;
            return true;
        }
    }
    return false;
}

/* The module, or one that it lies in. */
static bool in_whole(const char *module, const char **why)
{
    for (size_t n = strcspn(module, ".");; n += 1 + strcspn(module + n + 1, ".")) {
        if (is_whole(module, n, why))
            return true;
        if (module[n] == '\0')
            return false;
    }
}

/* Modules that a library often keeps as an attribute of its own: reached through any of them. */
static bool reaches(const char *part, size_t n, const char **why)
{
    static const char *const words[] = {"os",       "posix",      "nt",          "sys",
                                        "builtins", "subprocess", "__builtin__", "__builtins__",
                                        "socket",   "shutil",     "importlib",   "ctypes",
                                        "pty",      "runpy",      "pickle",      "_pickle"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i]) == n && memcmp(words[i], part, n) == 0) {
            *why = "reaches a module that runs code through another";
            return true;
        }
    }
    return false;
}

static bool is_dunder(const char *part, size_t n)
{
    static const char *const harmless[] = {"__newobj__", "__newobj_ex__", "__main__"};

    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
        if (strlen(harmless[i]) == n && memcmp(harmless[i], part, n) == 0)
            return false;
    }
    return n > 4 && part[0] == '_' && part[1] == '_' && part[n - 1] == '_' && part[n - 2] == '_';
}

/* A dotted name is a chain of attributes: of a module's module, of a function's globals ... */
static bool dotted_danger(const char *module, const char *name, const char **why)
{
    bool dotted = strchr(name, '.') != NULL;

    for (const char *p = module; (p = strchr(p, '.')) != NULL;) {
        p++;
        if (reaches(p, strcspn(p, "."), why))
            return true;
    }
    for (const char *p = name;; p += strcspn(p, ".") + 1) {
        size_t n = strcspn(p, ".");

        if (reaches(p, n, why) || (dotted && is_whole(p, n, why)))
            return true;
        if (dotted && is_dunder(p, n)) {
            *why = "reaches into what Python keeps inside of objects";
            return true;
        }
        if (p[n] == '\0')
            return false;
    }
}

enum pkl_grade pkl_audit_grade(const char *module, const char *name, const char **why)
{
    const char *known = modern(module);

    *why = NULL;
    for (size_t i = 0; i < ROWS; i++) {
        if (table[i].kind == ROW_WHOLE || strcmp(table[i].module, known) != 0 ||
            !has_word(table[i].names, name))
            continue;
        *why = table[i].why;
        return table[i].kind == ROW_SAFE     ? PKL_SAFE
               : table[i].kind == ROW_UNSURE ? PKL_UNKNOWN
                                             : PKL_DANGEROUS;
    }
    if (in_whole(known, why) || dotted_danger(known, name, why))
        return PKL_DANGEROUS;
    /* "collections" "OrderedDict.pop.x": what a dangerous name leads to is no better. */
    for (size_t i = 0; i < ROWS; i++) {
        char first[64];
        size_t n = strcspn(name, ".");

        if (table[i].kind != ROW_DANGER || name[n] == '\0' || n >= sizeof first ||
            strcmp(table[i].module, known) != 0)
            continue;
        memcpy(first, name, n);
        first[n] = '\0';
        if (has_word(table[i].names, first)) {
            *why = table[i].why;
            return PKL_DANGEROUS;
        }
    }
    return PKL_UNKNOWN;
}
