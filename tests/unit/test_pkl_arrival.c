/*
 * One index, however the bytes arrive: at once, one at a time, in random pieces, and when the pass
 * is left after every opcode.  Compared is all that the index holds, not what is shown of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/buf.h>
#include <pklbrowse/num.h>

#include "pickle/walk.h"
#include "support/pkl_samples.h"

#define FILE_MOST 24000u

static uint64_t random_state;

static uint64_t random_below(uint64_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % n;
}

/* ------------------------------------------------------------------- what it holds */

static void add(struct buf *out, const char *what, const uint64_t *values, size_t n)
{
    buf_puts(out, what);
    for (size_t i = 0; i < n; i++)
        buf_printf(out, " %llu", (unsigned long long)values[i]);
    buf_putc(out, '\n');
}
#define ADD(out, what, ...)                                                                        \
    add((out), (what), (const uint64_t[]){__VA_ARGS__},                                            \
        sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* Children as they are found again: which checkpoints help with that is up to the index, so any few
 * of them, from behind. */
static void add_children(struct pkl_doc *d, uint64_t maker, enum phase phase, uint64_t total,
                         struct buf *out)
{
    uint64_t step = total / 16 + 3;
    struct wval kids[2 * 4];

    for (uint64_t left = total; left > 0; left -= left < step ? left : step) {
        size_t per = phase == PH_PAIR ? 2 : 1, got;

        assert_int_equal(walk_list(d, maker, phase, left - 1, 4, kids, &got, NULL), PB_OK);
        assert_true(got > 0);
        for (size_t i = 0; i < got * per; i++)
            ADD(out, "  kid", left - 1 + i / per, kids[i].begin, kids[i].end, kids[i].maker,
                kids[i].items, kids[i].pairs, kids[i].states, kids[i].payload, kids[i].ref);
    }
}

static void add_containers(struct pkl_doc *d, struct buf *out)
{
    for (size_t i = 0; i < d->records.len; i++) {
        const struct record *r = &d->records.data[i];
        struct wval v;

        ADD(out, "record", r->begin, r->end, r->maker, r->items, r->pairs, r->states, r->subtree,
            r->parent);
        assert_int_equal(walk_locate(d, r->maker, &v, NULL), PB_OK);
        if (v.ref)
            continue;
        add_children(d, v.maker, PH_ITEM, walk_total(d, &v, PH_ITEM), out);
        add_children(d, v.maker, PH_PAIR, walk_total(d, &v, PH_PAIR), out);
        add_children(d, v.maker, PH_STATE, walk_total(d, &v, PH_STATE), out);
        add_children(d, v.maker, PH_ARG, walk_total(d, &v, PH_ARG), out);
    }
    for (size_t i = 0; i < d->extras.len; i++) {
        const struct extra *x = &d->extras.data[i];

        ADD(out, "extra", x->maker, x->op, x->begin, x->own_before, x->count, x->phase, x->open);
    }
    for (size_t i = 0; i < d->alters.len; i++) {
        const struct alter *a = &d->alters.data[i];

        ADD(out, "alter", a->maker, a->op, a->index, a->what);
    }
    if (d->broken)
        ADD(out, "stand", d->stand.begin, d->stand.end, d->stand.items);
}

static bool see(void *ctx, const struct pkl_memo_event *ev)
{
    ADD(ctx, "event", ev->op, ev->offset, ev->end, ev->slot, ev->pickle, ev->start);
    return true;
}

static void add_memo(struct pkl_doc *d, struct buf *out)
{
    struct pkl_memo_walk w;
    bool done = false;

    for (size_t i = 0; i < d->marks.len; i++)
        ADD(out, "mark", d->marks.data[i].offset, d->marks.data[i].count_bias);
    for (size_t i = 0; i < d->puts.len; i++) {
        const struct memo_put *p = &d->puts.data[i];

        ADD(out, "put", p->slot, p->offset, p->maker, p->epoch, p->before, p->dense, p->fresh);
    }
    for (size_t i = 0; i < d->dups.len; i++)
        ADD(out, "dup", d->dups.data[i].offset, d->dups.data[i].maker);
    pkl_memo_walk_init(&w, d);
    while (!done && pkl_memo_walk_step(&w, 4096, see, out, &done, NULL) == PB_OK)
        continue;
}

static void add_stream(const struct pkl_doc *d, struct buf *out)
{
    const struct source *src = d->src;

    for (size_t i = 0; i < d->pickles.len; i++)
        ADD(out, "pickle", d->pickles.data[i].offset, d->pickles.data[i].number,
            d->pickles.data[i].lengthy);
    for (size_t i = 0; i < d->frames.len; i++)
        ADD(out, "frame", d->frames.data[i].offset, d->frames.data[i].length);
    for (size_t i = 0; i < d->protos.len; i++)
        ADD(out, "proto", d->protos.data[i].offset, d->protos.data[i].protocol);
    for (size_t i = 0; i < d->notes.len; i++)
        buf_printf(out, "note %llu %s\n", (unsigned long long)d->notes.data[i].offset,
                   d->notes.data[i].text);
    for (size_t i = 0; i < src->gaps.len; i++)
        ADD(out, "gap", src->gaps.data[i].at, src->gaps.data[i].len);
}

static void dump(struct pkl_doc *d, struct buf *out)
{
    struct pkl_info i;
    struct error e = {0};
    enum pb_err err = pkl_doc_error(d, &e);

    buf_clear(out);
    pkl_doc_info(d, &i);
    ADD(out, "info", i.protocol, i.max_opcode_protocol, i.py2, i.pickles, i.frames, i.opcodes,
        i.memo_puts, i.memo_gets, i.end, i.trailing, i.records);
    buf_printf(out, "error %d %llu %d %s\n", (int)err, (unsigned long long)e.offset, e.opcode,
               e.msg);
    add_containers(d, out);
    add_memo(d, out);
    add_stream(d, out);
    assert_int_equal(buf_status(out, NULL), PB_OK);
}

/* -------------------------------------------------------------------- how it arrives */

enum arrival { AT_ONCE, EVERY_OPCODE, BYTE_BY_BYTE, RANDOM_PIECES, ARRIVALS };
static const char *const arrival_names[] = {"at once", "left after every opcode", "byte by byte",
                                            "in random pieces"};

static struct pkl_doc *new_doc(struct source *src, const struct grain *g)
{
    struct pkl_doc *d;

    assert_non_null(src);
    assert_int_equal(pkl_doc_new(src, 0, NULL, &d, NULL), PB_OK);
    pkl_doc_set_grain(d, g);
    return d;
}

static struct pkl_doc *arrive(enum arrival how, const char *bytes, size_t n, const struct grain *g,
                              struct source **src)
{
    uint64_t budget = how == AT_ONCE ? UINT64_MAX : 1;
    bool done = false;
    struct pkl_doc *d;

    if (how < BYTE_BY_BYTE) {
        *src = source_mem(bytes, n, false);
        d = new_doc(*src, g);
        while (!done)
            assert_int_equal(pkl_doc_step(d, budget, &done, NULL), PB_OK);
        return d;
    }
    assert_int_equal(source_spool(SOURCE_SIZE_UNKNOWN, src, NULL), PB_OK);
    d = new_doc(*src, g);
    for (size_t at = 0; at < n;) {
        size_t step = how == BYTE_BY_BYTE    ? 1
                      : random_below(4) == 0 ? 1 + random_below(4000)
                                             : 1 + random_below(40);

        step = step < n - at ? step : n - at;
        assert_int_equal(source_spool_append(*src, bytes + at, step, NULL), PB_OK);
        at += step;
        if (!done) {
            enum pb_err err =
                pkl_doc_step(d, random_below(2) ? UINT64_MAX : 1 + random_below(200), &done, NULL);

            assert_true(err == PB_OK || err == PB_EAGAIN);
        }
    }
    source_spool_done(*src);
    while (!done)
        assert_int_equal(pkl_doc_step(d, 1 + random_below(3000), &done, NULL), PB_OK);
    return d;
}

static const struct grain grains[] = {
    GRAIN_USUAL,
    {1, 0, 1, 1, 1, 12},
    {64, 4, 32, 48, 100, 24},
};

static void compare(const char *what, const char *bytes, size_t n)
{
    static struct buf want, got;
    struct source *src;

    buf_init(&want, BUF_MAX_TEXT);
    buf_init(&got, BUF_MAX_TEXT);
    for (size_t g = 0; g < sizeof grains / sizeof grains[0]; g++) {
        for (int how = AT_ONCE; how < ARRIVALS; how++) {
            struct pkl_doc *d = arrive((enum arrival)how, bytes, n, &grains[g], &src);
            struct buf *to = how == AT_ONCE ? &want : &got;
            size_t at = 0;

            dump(d, to);
            pkl_doc_free(d);
            source_free(src);
            if (how == AT_ONCE || strcmp(want.data, got.data) == 0)
                continue;
            while (want.data[at] == got.data[at])
                at++;
            while (at > 0 && want.data[at - 1] != '\n')
                at--;
            fail_msg("%s, grain %zu, %s: %.120s instead of %.120s", what, g, arrival_names[how],
                     got.data + at, want.data + at);
        }
    }
    buf_release(&want);
    buf_release(&got);
}

static void test_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++)
        compare(samples[i].what, samples[i].bytes, samples[i].n);
}

/* ---------------------------------------------------------- shapes that picklers write */

static void le(struct buf *b, uint64_t value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_putc(b, (char)(value >> 8 * i & 0xff));
}

static void text(struct buf *b, uint64_t n, bool memo)
{
    char s[24];
    size_t len = (size_t)snprintf(s, sizeof s, "text %llu", (unsigned long long)n);

    buf_putc(b, '\x8c');
    le(b, len, 1);
    buf_append(b, s, len);
    if (memo)
        buf_putc(b, '\x94');
}

static void get(struct buf *b, uint64_t slot)
{
    buf_putc(b, slot < 256 ? 'h' : 'j');
    le(b, slot, slot < 256 ? 1 : 4);
}

static void ints(struct buf *b)
{
    buf_puts(b, "\x80\x04]\x94(");
    for (unsigned i = 0; i < 2500; i++) {
        buf_putc(b, i % 3 == 0 ? 'K' : i % 3 == 1 ? 'M' : 'J');
        le(b, i, i % 3 == 0 ? 1 : i % 3 == 1 ? 2 : 4);
        if (i % 1000 == 999)
            buf_puts(b, "e(");
    }
    buf_puts(b, "e.");
}

static void long_tuple(struct buf *b)
{
    buf_puts(b, "\x80\x04(");
    for (unsigned i = 0; i < 3000; i++) {
        if (i % 50 == 0)
            buf_puts(b, "](K\1K\2e");
        else
            buf_puts(b, i % 7 == 0 ? "N" : "K\5");
    }
    buf_puts(b, "t\x94.");
}

static void records(struct buf *b)
{
    buf_puts(b, "\x80\x04]\x94(");
    for (unsigned i = 0; i < 200; i++) {
        buf_puts(b, "}\x94(");
        for (unsigned k = 0; k < 5; k++) {
            if (i == 0)
                text(b, k, true);
            else
                get(b, 2 + k);
            if (k == 3)
                buf_puts(b, "](K\1K\2e\x94");
            else if (k == 4)
                text(b, i * 10 + k, false);
            else
                buf_puts(b, "G?\xf0\1\2\3\4\5\6");
        }
        buf_puts(b, "u");
    }
    buf_puts(b, "e.");
}

/* Keys and members through the memo, many of them. */
static void fetched(struct buf *b)
{
    buf_puts(b, "\x80\x04(](");
    for (unsigned i = 0; i < 700; i++)
        text(b, i, true);
    buf_puts(b, "e}(");
    for (unsigned i = 0; i < 700; i++) {
        get(b, i);
        buf_puts(b, "K\1");
    }
    buf_puts(b, "u\x8f(");
    for (unsigned i = 0; i < 700; i++)
        get(b, i * 7 % 700);
    buf_puts(b, "\x90](");
    for (unsigned i = 0; i < 300; i++) {
        get(b, i);
        buf_puts(b, "K\1\x86\x94");
    }
    buf_puts(b, "e}(");
    for (unsigned i = 0; i < 300; i++) {
        get(b, 700 + i);
        buf_puts(b, "N");
    }
    buf_puts(b, "ut.");
}

static void nest(struct buf *b)
{
    buf_puts(b, "\x80\x04");
    for (unsigned i = 0; i < 900; i++)
        buf_puts(b, "]\x94");
    for (unsigned i = 1; i < 900; i++)
        buf_puts(b, "a");
    buf_puts(b, ".");
}

static void lines(struct buf *b)
{
    buf_puts(b, "(lp0\n");
    for (unsigned i = 0; i < 150; i++) {
        buf_printf(b, "(dp%u\n", i * 2 + 3);
        buf_puts(b, i == 0 ? "Vname\np1\n" : "g1\n");
        buf_printf(b, "I%u\ns", i);
        buf_puts(b, i == 0 ? "Vother\np2\n" : "g2\n");
        buf_printf(b, "Vtext %u\np%u\nsa", i, i * 2 + 4);
    }
    buf_puts(b, ".");
}

static void objects(struct buf *b)
{
    buf_puts(b, "\x80\x04]\x94(");
    for (unsigned i = 0; i < 200; i++) {
        buf_puts(b, i == 0 ? "\x8c\1m\x94\x8c\1C\x94\x93\x94" : "h\3");
        buf_puts(b, ")\x81\x94}\x94(");
        buf_puts(b, i == 0 ? "\x8c\1a\x94K\1\x8c\1bNu" : "h\6K\1K\2Nu");
        buf_puts(b, "b");
    }
    buf_puts(b, "e.");
}

static void long_texts(struct buf *b)
{
    buf_puts(b, "\x80\x04](");
    for (unsigned i = 0; i < 3; i++) {
        size_t n = 5000 + i * 3001;

        buf_putc(b, i == 1 ? 'B' : 'X');
        le(b, n / 3 * 3, 4);
        for (size_t k = 0; k < n / 3; k++)
            buf_puts(b, "\xea\xb0\x80");
    }
    buf_puts(b, "e.");
}

static const struct {
    const char *what;
    void (*write)(struct buf *b);
} shapes[] = {
    {"ints", ints},       {"a long tuple", long_tuple},
    {"records", records}, {"fetched", fetched},
    {"a nest", nest},     {"lines", lines},
    {"objects", objects}, {"long texts", long_texts},
};

static void test_shapes(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, BUF_MAX_TEXT);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        buf_clear(&b);
        shapes[i].write(&b);
        assert_int_equal(buf_status(&b, NULL), PB_OK);
        compare(shapes[i].what, b.data, b.len);
        compare(shapes[i].what, b.data, b.len - 1 - random_below(b.len / 2)); /* cut */
    }
    buf_release(&b);
}

/* ------------------------------------------------------------------------ the corpus */

static char *read_file(const char *path, size_t *n)
{
    char *data = malloc(FILE_MOST + 1);
    FILE *f = fopen(path, "rb");

    assert_non_null(data);
    *n = f != NULL ? fread(data, 1, FILE_MOST + 1, f) : 0;
    if (f != NULL)
        fclose(f);
    return data;
}

/* The first file of every kind and protocol, and others at random. */
static void test_corpus(void **state)
{
    const char *top = getenv("PKLBROWSE_CORPUS");
    char line[2048], path[4096], kinds[8192] = "";
    size_t tried = 0;
    FILE *index;

    (void)state;
    snprintf(path, sizeof path, "%s/INDEX.tsv", top != NULL ? top : "../../shared/corpus");
    index = fopen(path, "r");
    if (index == NULL) {
        print_message("%s: no corpus\n", path);
        skip();
    }
    while (fgets(line, sizeof line, index) != NULL) {
        char *field[11], *save = line, kind[128];
        size_t n = 0, len;
        char *data;

        while (n < 11 && (field[n] = strsep(&save, "\t")) != NULL)
            n++;
        if (n < 9 || strcmp(field[6], "raw") != 0 || strlen(field[3]) > 5)
            continue;
        snprintf(kind, sizeof kind, "|%s %s|", field[5], field[4]);
        if (strstr(kinds, kind) != NULL && random_below(100) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", top != NULL ? top : "../../shared/corpus", field[0]);
        data = read_file(path, &len);
        if (len > 0 && len <= FILE_MOST) {
            if (strlen(kinds) + strlen(kind) < sizeof kinds)
                memcpy(kinds + strlen(kinds), kind, strlen(kind) + 1);
            compare(field[0], data, len);
            tried++;
        }
        free(data);
    }
    fclose(index);
    print_message("%zu files\n", tried);
    assert_true(tried > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_corpus),
    };
    const char *seed = getenv("PKLBROWSE_SEED");
    unsigned long long number = seed != NULL ? strtoull(seed, NULL, 10) : 1;

    print_message("seed %llu\n", number);
    random_state = 88172645463325252u + number * 7919u;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
