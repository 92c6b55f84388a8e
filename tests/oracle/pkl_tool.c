/*
 * Drives the reading half of the pickle engine from the oracle tests, many files a process.
 *
 *   pkl_tool COMMAND FILE ...     (FILE `-`: paths are read from standard input, one a line)
 *
 * Commands: repr, indent, json, tree, check (accept or refuse, one line), walk (every value is
 * reached and found again by its id), spans (every value with its bytes and place), shown (what
 * stands below the root through lenses: path and repr, every child found again by its id).  Each
 * file's output ends with a line "-- ok" or "-- CODE MESSAGE". PKL_GRAIN=N in the environment: an
 * index of N bytes' grain.  PKL_PIECE=N: the file arrives N bytes at a time, and is indexed
 * meanwhile.
 * PKL_ASK: printing asks the view for every value and takes none straight.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_lens.h>
#include <pklbrowse/pkl_path.h>
#include <pklbrowse/pkl_repr.h>

#include "pickle/idmap.h"
#include "pickle/index.h"

static enum pb_err to_stdout(void *ctx, const void *p, size_t n, struct error *e)
{
    (void)ctx;
    if (fwrite(p, 1, n, stdout) != n)
        return error_set(e, PB_EIO, "cannot write");
    return PB_OK;
}

static const struct sink out = {to_stdout, NULL};

static enum pb_err each_root(struct pkl_doc *d, const char *command, struct error *e)
{
    struct pkl_view *v = pkl_doc_view(d);
    struct pkl_repr_opts opts = {.style = strcmp(command, "indent") == 0 ? PKL_REPR_INDENT
                                                                         : PKL_REPR_LINE};
    enum pb_err err = PB_OK;

    for (uint64_t i = 0; i < v->roots(v) && err == PB_OK; i++) {
        struct pkl_child root;

        err = v->root(v, i, &root, e);
        if (err != PB_OK)
            break;
        if (strcmp(command, "json") == 0)
            err = pkl_json(v, &root.value, &out, e);
        else
            err = pkl_repr(v, &root.value, &opts, &out, e);
        putchar('\n');
    }
    return err;
}

struct step {
    pkl_id id;
    unsigned depth;
};

/* What must hold of every child, whoever found it. */
static enum pb_err check_child(struct pkl_view *v, const struct pkl_child *c, struct error *e)
{
    struct pkl_node again;
    enum pb_err err = v->node(v, c->value.id, &again, e);

    if (err != PB_OK)
        return err;
    if (again.id != c->value.id || again.target != c->value.target ||
        again.begin != c->value.begin || again.end != c->value.end ||
        again.count != c->value.count || again.kind != c->value.kind || again.ref != c->value.ref)
        return error_set(e, PB_EREFUSED,
                         "node %llx: [%llu, %llu) %llu children, as a child [%llu, %llu) %llu",
                         (unsigned long long)c->value.id, (unsigned long long)again.begin,
                         (unsigned long long)again.end, (unsigned long long)again.count,
                         (unsigned long long)c->value.begin, (unsigned long long)c->value.end,
                         (unsigned long long)c->value.count);
    return PB_OK;
}

/* Depth first; shared values at each place when not in themselves, up to a number of lines. */
static enum pb_err walk(struct pkl_doc *d, bool print, struct error *e)
{
    struct pkl_view *v = pkl_doc_view(d);
    struct {
        struct step *data;
        size_t len, cap;
    } todo = {0};
    struct buf text;
    struct pkl_child kids[7];
    unsigned long lines = 0;
    enum pb_err err = PB_OK;

    buf_init(&text, BUF_MAX_TEXT);
    for (uint64_t i = v->roots(v); i > 0; i--) {
        struct pkl_child root;
        struct step s = {0, 0};

        err = v->root(v, i - 1, &root, e);
        if (err != PB_OK)
            break;
        s.id = root.value.id;
        if (!vec_push(&todo, s))
            err = error_nomem(e);
    }
    while (todo.len > 0 && err == PB_OK && lines < 20000) {
        struct step s = todo.data[--todo.len];
        uint64_t count, at = 0;

        err = v->count_children(v, s.id, &count, e);
        while (err == PB_OK && at < count) {
            size_t got;

            err = v->children(v, s.id, at, sizeof kids / sizeof kids[0], kids, &got, e);
            if (err == PB_OK && got == 0)
                err = error_set(e, PB_EREFUSED, "too few children");
            for (size_t i = 0; i < got && err == PB_OK; i++, at++, lines++) {
                struct step next = {kids[i].value.id, s.depth + 1};

                if (kids[i].position != at)
                    err = error_set(e, PB_EREFUSED, "a child at the wrong position");
                if (err == PB_OK)
                    err = check_child(v, &kids[i], e);
                buf_clear(&text);
                if (err == PB_OK)
                    err = pkl_type_name(v, &kids[i].value, &text, e);
                buf_putc(&text, ' ');
                if (err == PB_OK)
                    err = pkl_preview(v, &kids[i].value, 60, &text, e);
                if (print)
                    printf("%*s%s\n", (int)s.depth * 2, "", text.data);
                if (err == PB_OK && !kids[i].value.ref && !vec_push(&todo, next))
                    err = error_nomem(e);
            }
        }
    }
    vec_release(&todo);
    buf_release(&text);
    return err;
}

/* Depth first, through lenses. */
static enum pb_err shown_below(struct pkl_view *v, pkl_id id, const char *path, unsigned *left,
                               struct error *e)
{
    struct pkl_child kids[7];
    uint64_t count, at = 0;
    size_t got;
    enum pb_err err = v->count_children(v, id, &count, e);

    while (err == PB_OK && at<count && * left> 0) {
        err = v->children(v, id, at, sizeof kids / sizeof kids[0], kids, &got, e);
        if (err == PB_OK && got == 0)
            err = error_set(e, PB_EREFUSED, "too few children");
        for (size_t i = 0; err == PB_OK && i<got && * left> 0; i++, at++, (*left)--) {
            const struct pkl_node *n = &kids[i].value;
            struct buf text;

            buf_init(&text, BUF_MAX_TEXT);
            buf_puts(&text, path);
            err = check_child(v, &kids[i], e);
            if (err == PB_OK)
                err = pkl_path_step_text(v, &kids[i], PATH_FORM_PYTHON, &text, e);
            printf("%s = ", text.data);
            if (err == PB_OK)
                err = pkl_repr(v, n, NULL, &out, e);
            putchar('\n');
            if (err == PB_OK && (n->kind >= PKL_LIST) && !n->ref)
                err = shown_below(v, n->id, text.data, left, e);
            buf_release(&text);
        }
    }
    return err;
}

static enum pb_err shown(struct pkl_doc *d, struct error *e)
{
    struct pkl_lenses *l;
    struct pkl_child root;
    unsigned left = 3000;
    struct pkl_view *v;
    enum pb_err err = pkl_lenses_new(pkl_doc_view(d), &l, e);

    if (err != PB_OK)
        return err;
    v = pkl_lenses_view(l);
    err = v->root(v, 0, &root, e);
    if (err == PB_OK)
        err = shown_below(v, root.value.id, "", &left, e);
    pkl_lenses_free(l);
    return err;
}

static void print_node(const struct pkl_node *n)
{
    printf("%d:%llu:%d [%llu,%llu) %llu ref=%d>%llu", (int)PKL_ID_TAG(n->id),
           (unsigned long long)PKL_ID_OFFSET(n->id), (int)n->kind, (unsigned long long)n->begin,
           (unsigned long long)n->end, (unsigned long long)n->count, n->ref,
           (unsigned long long)PKL_ID_OFFSET(n->target));
}

static void print_child(const struct pkl_child *c)
{
    printf(" %d %d %d:%llu/%llu ", (int)c->step, (int)c->part, (int)PKL_ID_TAG(c->owner),
           (unsigned long long)PKL_ID_OFFSET(c->owner), (unsigned long long)c->index);
    if (c->key.id != 0) {
        print_node(&c->key);
        printf(" = ");
    }
    print_node(&c->value);
    putchar('\n');
}

/* Every value with its bytes and place, each container once, in the order in which they are met. */
static enum pb_err spans(struct pkl_doc *d, struct error *e)
{
    struct pkl_view *v = pkl_doc_view(d);
    struct {
        pkl_id *data;
        size_t len, cap;
    } todo = {0};
    struct idmap seen = {0};
    struct pkl_child kids[5];
    enum pb_err err = PB_OK;

    if (!vec_push(&todo, PKL_ID(0, PKL_TAG_STREAM, 0)))
        err = error_nomem(e);
    for (size_t i = 0; i < todo.len && err == PB_OK; i++) {
        uint64_t count, at = 0;

        printf("%d:%llu\n", (int)PKL_ID_TAG(todo.data[i]),
               (unsigned long long)PKL_ID_OFFSET(todo.data[i]));
        err = v->count_children(v, todo.data[i], &count, e);
        while (err == PB_OK && at < count) {
            size_t got, n = count - at < 5 ? (size_t)(count - at) : 5;

            err = v->children(v, todo.data[i], at, n, kids, &got, e);
            if (err == PB_OK && got != n)
                err = error_set(e, PB_EREFUSED, "too few children");
            for (size_t k = 0; err == PB_OK && k < got; k++, at++) {
                const struct pkl_node *met[2] = {&kids[k].key, &kids[k].value};

                print_child(&kids[k]);
                for (int m = 0; m < 2 && err == PB_OK; m++) {
                    bool is_new;

                    if (met[m]->id == 0 || met[m]->count == 0 || met[m]->kind <= PKL_PY2STR)
                        continue;
                    if (!idmap_put_new(&seen, met[m]->target, 1, &is_new) ||
                        (is_new && !vec_push(&todo, met[m]->target)))
                        err = error_nomem(e);
                }
            }
        }
    }
    vec_release(&todo);
    idmap_release(&seen);
    return err;
}

/* Every corner of the index in small files. */
static void set_grain(struct pkl_doc *d, uint64_t n)
{
    struct grain g = {n, n / 8, n, n, n * 4, n < 256 ? 12 : 64};

    pkl_doc_set_grain(d, &g);
}

/* The index of a file that arrives piece by piece, each looked at before the next is there. */
static enum pb_err arrive(struct source *from, size_t piece, struct source *spool,
                          struct pkl_doc *d, struct error *e)
{
    enum pb_err err = PB_OK;
    bool done = false;

    for (uint64_t at = 0; at < from->size && err == PB_OK;) {
        uint64_t left = from->size - at;
        size_t n = left < piece ? (size_t)left : piece, got;
        const uint8_t *p;

        err = source_view(from, at, n, &p, &got, e);
        if (err == PB_OK)
            err = source_spool_append(spool, p, n, e);
        at += n;
        while (err == PB_OK && !done)
            err = pkl_doc_step(d, 1000, &done, e);
        if (err == PB_EAGAIN)
            err = PB_OK;
    }
    source_spool_done(spool);
    while (err == PB_OK && !done)
        err = pkl_doc_step(d, 1000, &done, e);
    return err;
}

static enum pb_err one_file(const char *command, const char *path, struct error *e)
{
    struct source *src = NULL, *spool = NULL;
    struct pkl_doc *d = NULL;
    const char *piece = getenv("PKL_PIECE");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum pb_err err =
        fd >= 0 ? source_file(fd, path, &src, e) : error_set(e, PB_EIO, "cannot open");

    if (err == PB_OK && piece != NULL)
        err = source_spool(SOURCE_SIZE_UNKNOWN, &spool, e);
    if (err == PB_OK)
        err = pkl_doc_new(spool != NULL ? spool : src, 0, NULL, &d, e);
    if (err == PB_OK && getenv("PKL_GRAIN") != NULL)
        set_grain(d, strtoull(getenv("PKL_GRAIN"), NULL, 10));
    if (err == PB_OK && getenv("PKL_ASK") != NULL)
        pkl_doc_view(d)->unedited = NULL;
    if (err == PB_OK)
        err = piece == NULL ? pkl_doc_index(d, e)
                            : arrive(src, strtoull(piece, NULL, 10), spool, d, e);
    if (err == PB_OK && strcmp(command, "walk") == 0)
        err = walk(d, false, e);
    else if (err == PB_OK && strcmp(command, "spans") == 0)
        err = spans(d, e);
    else if (err == PB_OK && strcmp(command, "shown") == 0)
        err = shown(d, e);
    else if (err == PB_OK && strcmp(command, "tree") == 0)
        err = walk(d, true, e);
    else if (err == PB_OK && strcmp(command, "check") != 0)
        err = each_root(d, command, e);
    if (err == PB_OK)
        err = pkl_doc_error(d, e);
    if (err == PB_OK && strcmp(command, "check") == 0) {
        struct pkl_info info;

        pkl_doc_info(d, &info);
        printf("pickles %llu end %llu opcodes %llu puts %llu gets %llu protocol %u %u%s\n",
               (unsigned long long)info.pickles, (unsigned long long)info.end,
               (unsigned long long)info.opcodes, (unsigned long long)info.memo_puts,
               (unsigned long long)info.memo_gets, info.protocol, info.max_opcode_protocol,
               info.py2 ? " py2" : "");
    }
    pkl_doc_free(d);
    source_free(spool);
    source_free(src);
    return err;
}

static void report(const char *command, const char *path)
{
    struct error e = {.code = PB_OK};

    if (one_file(command, path, &e) == PB_OK)
        printf("-- ok\n");
    else
        printf("-- %s: %s\n", error_name(e.code), e.msg);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    char line[4096];

    if (argc < 3) {
        fprintf(stderr, "usage: pkl_tool COMMAND FILE ...\n");
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "-") != 0) {
            report(argv[1], argv[i]);
            continue;
        }
        while (fgets(line, sizeof line, stdin) != NULL) {
            line[strcspn(line, "\n")] = '\0';
            report(argv[1], line);
        }
    }
    return 0;
}
