/* The families of rows, and the list of known classes and functions. */
#include "lens.h"

#include <string.h>

static const struct lens_family *const families[] = {
    &lens_builtins, &lens_types, &lens_datetime,  &lens_numbers, &lens_collections,
    &lens_array,    &lens_regex, &lens_ipaddress, &lens_pathlib, &lens_exceptions,
    &lens_numpy,    &lens_torch, &lens_pandas,
};

const struct lens_row *lens_row_find(const char *module, const char *name)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        for (size_t k = 0; k < families[i]->count; k++) {
            const struct lens_row *row = &families[i]->rows[k];

            if (strcmp(row->name, name) == 0 && strcmp(row->module, module) == 0)
                return row;
        }
    }
    return NULL;
}

/* In the order of module and name; made by tests/oracle/make_lens_names.py from Python 3.11. */
static const struct known_name {
    const char *module, *name, *text;
} names[] = {
#define NAME(module, name, text) {module, name, text},
#include "names.def"
#undef NAME
};

const char *lens_name_text(const char *module, const char *name)
{
    size_t low = 0, high = sizeof names / sizeof names[0];

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(names[mid].module, module);

        if (order == 0)
            order = strcmp(names[mid].name, name);
        if (order == 0)
            return names[mid].text;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return lens_torch_text(module, name);
}

unsigned lens_name_find(const char *text, size_t n, const char **module, const char **name)
{
    unsigned found = 0;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i].text) == n && memcmp(names[i].text, text, n) == 0) {
            *module = names[i].module;
            *name = names[i].name;
            found++;
        }
    }
    return found;
}
