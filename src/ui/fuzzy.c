#include "fuzzy.h"

#include <stdbool.h>
#include <stddef.h>

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static bool begins_word(const char *text, size_t i)
{
    return i == 0 || text[i - 1] == ' ' || text[i - 1] == '_' || text[i - 1] == '-';
}

/* The letters from `typed` on in `text`, the first of them at its beginning or later. */
static int score_from(const char *text, size_t at, const char *typed)
{
    int score = 0;
    bool together = false;

    for (; *typed != '\0'; typed++) {
        if (*typed == ' ') {
            together = false;
            continue;
        }
        while (text[at] != '\0' && lower(text[at]) != lower(*typed)) {
            at++;
            together = false;
        }
        if (text[at] == '\0')
            return -1;
        score += 1 + (together ? 4 : 0) + (begins_word(text, at) ? 6 : 0);
        together = true;
        at++;
    }
    return score;
}

int fuzzy_score(const char *text, const char *typed)
{
    int best = -1;

    while (*typed == ' ')
        typed++;
    if (*typed == '\0')
        return 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        int score;

        if (lower(text[i]) != lower(*typed))
            continue;
        score = score_from(text, i, typed);
        if (score < 0) /* nor from further on */
            break;
        best = score > best ? score : best;
    }
    return best;
}
