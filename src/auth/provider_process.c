/* credential_process: a command of the profile, run without a shell, prints credentials as JSON. */
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/loop.h>
#include <pklbrowse/text.h>

#include "aws_chain.h"

#define OUTPUT_MAX ((size_t)256 * 1024)
/* It may open a browser and wait for a person there. */
#define PROCESS_MS 300000

struct process {
    struct loop *loop;
    struct loop_child *child;
    struct aws_words words;
    struct buf joined; /* one word that is being read */
};

static bool configured(const struct aws_lookup *k)
{
    return aws_lookup_setting(k, "credential_process") != NULL;
}

static void stop(struct aws_lookup *k)
{
    struct process *p = k->state;

    if (p->child)
        loop_kill(p->loop, p->child);
    aws_words_release(&p->words);
    aws_wipe_buf(&p->joined);
    free(p);
}

/* One word as a shell would take it apart, and nothing else that a shell does.  false: a quote or a
 * backslash is left open. */
static bool take_word(const char **at, struct buf *word)
{
    const char *s = *at;
    char quote = '\0';

    for (; *s && (quote || !strchr(" \t\r\n", *s)); s++) {
        if (*s == '\\' && quote != '\'') {
            if (!s[1])
                return false;
            /* In double quotes it stands for itself but before these. */
            if (quote && !strchr("\"\\", s[1]))
                buf_putc(word, *s);
            buf_putc(word, *++s);
        } else if (quote ? *s == quote : *s == '\'' || *s == '"') {
            quote = quote ? '\0' : *s;
        } else {
            buf_putc(word, *s);
        }
    }
    *at = s;
    return !quote;
}

static enum pb_err split(const struct aws_lookup *k, struct process *p, const char *line,
                         struct error *e)
{
    for (;;) {
        enum pb_err err;

        line += strspn(line, " \t\r\n");
        if (!*line)
            break;
        buf_clear(&p->joined);
        if (!take_word(&line, &p->joined))
            return aws_lookup_error(k, e, PB_EUSAGE,
                                    "a quote is left open in its credential_process");
        err = buf_status(&p->joined, e);
        if (err == PB_OK)
            err = aws_words_add(&p->words, p->joined.data, e);
        if (err != PB_OK)
            return err;
    }
    return aws_words_add(&p->words, NULL, e);
}

/* The first line that it wrote to stderr, for a person. */
static void put_complaint(struct buf *out, const struct process *p)
{
    const struct buf *err = loop_child_stderr(p->child);
    const char *text = err->data;
    size_t n = err->len, line;

    while (n > 0 && strchr(" \t\r\n", *text)) {
        text++;
        n--;
    }
    for (line = 0; line < n && text[line] != '\n' && text[line] != '\r'; line++)
        continue;
    if (line > 0) {
        buf_puts(out, ": ");
        text_escape_cols(out, text, line, 200);
    }
}

static enum pb_err read_output(struct aws_lookup *k, const struct buf *out, struct error *e)
{
    json_t *o = aws_json_object(out->data, out->len);
    char origin[512];
    struct buf shown;
    enum pb_err err;

    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, k->profile, strlen(k->profile), 100);
    (void)snprintf(origin, sizeof origin, "credential_process of profile %s", shown.data);
    buf_release(&shown);
    if (!o)
        return error_set(e, PB_ESERVER, "the %s printed no JSON object", origin);
    if (json_integer_value(json_object_get(o, "Version")) != 1)
        err = error_set(e, PB_ESERVER, "the %s printed another Version than 1", origin);
    else
        err = aws_json_take(k, o, "SessionToken", false, origin, e, origin);
    json_decref(o);
    return err;
}

/* At a terminal it may be able to ask the person.  Its words may hold what is not to be shown. */
static void offer_outside(struct aws_lookup *k, const struct process *p, struct error *e)
{
    struct buf shown;

    buf_init(&shown, BUF_MAX_LINE);
    text_escape_cols(&shown, p->words.data[0], strlen(p->words.data[0]), 100);
    if (p->words.len > 2)
        buf_puts(&shown, " \xe2\x80\xa6");
    if (aws_lookup_outside(k, &p->words, shown.data, e) != PB_OK)
        aws_words_release(&k->outside.words);
    buf_release(&shown);
}

static void ended(void *ctx, int status, const struct buf *out, const struct error *e)
{
    struct aws_lookup *k = ctx;
    struct process *p = k->state;
    struct error why = {0};
    struct buf text;

    buf_init(&text, BUF_MAX_LINE);
    if (e) {
        why = *e;
    } else if (status != 0) {
        put_complaint(&text, p);
        offer_outside(k, p, &why);
        (void)aws_lookup_error(k, &why, PB_EDENIED, "its credential_process ended with status %d%s",
                               status, text.data);
    } else {
        (void)read_output(k, out, &why);
    }
    if (out->len > 0)
        explicit_bzero(out->data, out->len);
    buf_release(&text);
    p->child = NULL;
    aws_lookup_end(k, why.code == PB_OK ? AWS_FOUND : AWS_FAILED, &why);
}

static enum pb_err captured(struct aws_lookup *k, const struct buf *out, struct error *e)
{
    return read_output(k, out, e);
}

static enum aws_verdict ask(struct aws_lookup *k, struct error *e)
{
    struct process *p = mem_alloc(sizeof *p);
    enum pb_err err;

    if (!p) {
        (void)error_nomem(e);
        return AWS_FAILED;
    }
    k->state = p;
    p->loop = k->session->loop;
    buf_init(&p->joined, BUF_MAX_LINE);
    err = split(k, p, aws_lookup_setting(k, "credential_process"), e);
    if (err == PB_OK && (p->words.len == 1 || !*p->words.data[0]))
        err = aws_lookup_error(k, e, PB_EUSAGE, "its credential_process names no command");
    if (err == PB_OK)
        err = loop_spawn(p->loop, p->words.data, OUTPUT_MAX, PROCESS_MS, ended, k, &p->child, e);
    return err == PB_OK ? AWS_LATER : AWS_FAILED;
}

const struct aws_provider aws_by_process = {.name = "custom-process",
                                            .of_profile = true,
                                            .configured = configured,
                                            .ask = ask,
                                            .stop = stop,
                                            .captured = captured};
