/* The index pass and the view: hand-made pickles with every oddity, in pieces, cut off, at every grain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/pkl_repr.h>

#include "pickle/index.h"

#define BYTES(s) s, sizeof(s) - 1

/* Text: what repr says of every pickle of the stream, joined by ';'; a break as "!offset". */
struct sample {
    const char *what;
    const char *bytes;
    size_t n;
    const char *text;
};

static const struct sample samples[] = {
    {"one int", BYTES("K\x05."), "5"},
    {"protocol 4 dict", BYTES("\x80\x04\x95\x0e\0\0\0\0\0\0\0}\x94(\x8c\x01" "a\x94K\x01\x8c\x01" "bK\x02u."),
     "{'a': 1, 'b': 2}"},
    {"opcodes without PROTO", BYTES("\x8c\x01x\x94."), "'x'"},
    {"protocol 4 opcodes in protocol 2", BYTES("\x80\x02\x8c\x01x."), "'x'"},
    {"PROTO repeats, anywhere", BYTES("\x80\x02]\x80\x04K\x01\x80\x01" "a."), "[1]"},
    {"protocol 6", BYTES("\x80\x06N."), "!0"},
    {"bool lines", BYTES("(I00\nI01\nI1\nI0\nt."), "(False, True, 1, 0)"},
    {"dup is the same object", BYTES("]2K\x01" "a\x86."), "([1], [1])"},
    {"POP", BYTES("K\x01K\x02" "0."), "1"},
    {"POP removes a mark", BYTES("K\x01(0."), "1"},
    {"POP_MARK", BYTES("K\x01(K\x02K\x03" "1."), "1"},
    {"POP_MARK without a mark", BYTES("K\x01" "1."), "!2"},
    {"STOP with more on the stack", BYTES("K\x01K\x02."), "2"},
    {"STOP above an open mark", BYTES("K\x01(K\x02."), "2"},
    {"STOP right above a mark", BYTES("K\x01(."), "!3"},
    {"empty file", BYTES(""), "!0"},
    {"no STOP", BYTES("K\x01"), "!2"},
    {"unknown opcode", BYTES("K\x01\xff."), "!2"},
    {"list in itself", BYTES("]q\0h\0a."), "[[...]]"},
    {"dict in itself", BYTES("}q\0K\x01h\0s."), "{1: {...}}"},
    {"tuple in itself", BYTES("]q\0h\0\x85q\1a0h\1."), "([(...)],)"},
    {"long tuple in itself", BYTES("(K\x01K\x02K\x03]q\0(K\x01K\x02K\x03h\0tq\1" "a1h\1."),
     "(1, 2, 3, [(...)])"},
    {"PUT out of order", BYTES("(K\x01q\x07K\x02q\x03h\x07h\x03t."), "(1, 2, 1, 2)"},
    {"PUT twice: the last one before counts", BYTES("(K\x01q\0h\0K\x02q\0h\0t."), "(1, 1, 2, 2)"},
    {"PUT of a text number", BYTES("(Vx\np010\ng10\nt."), "('x', 'x')"},
    {"PUT negative", BYTES("Vx\np-1\n."), "!3"},
    {"MEMOIZE counts occupied slots", BYTES("(K\x01r\xe8\x03\0\0\x8c\x01y\x94h\1t."), "(1, 'y', 'y')"},
    {"MEMOIZE over an occupied slot", BYTES("(K\x01q\x01K\x02\x94h\1t."), "(1, 2, 2)"},
    {"PUT of a value that was made earlier", BYTES("(K\x01K\x02" "0q\0h\0t."), "(1, 1)"},
    {"PUT behind FRAME", BYTES("(\x8c\x01z\x95\x04\0\0\0\0\0\0\0\x94h\0t."), "('z', 'z')"},
    {"PUT of a reference", BYTES("(]q\0h\0q\1h\1K\x01" "at."), "([1], [1], [1])"},
    {"memo slots from 1", BYTES("(U\x01" "aq\1U\x01" "bq\2h\1h\2t."), "('a', 'b', 'a', 'b')"},
    {"GET of an empty slot", BYTES("h\x05."), "!0"},
    {"PUT on nothing", BYTES("q\0."), "!0"},
    {"PUT on a mark", BYTES("K\1(q\0."), "!3"},
    {"empty groups", BYTES("](e."), "[]"},
    {"an empty group asks nothing of what it goes into", BYTES("N(u."), "None"},
    {"groups of one", BYTES("](K\1e(K\2e."), "[1, 2]"},
    {"APPEND and APPENDS", BYTES("]K\1a(K\2K\3eK\4a."), "[1, 2, 3, 4]"},
    {"a list grows through GET", BYTES("]q\0(K\1e(h\0K\2a1."), "[1, 2]"},
    {"it grows while its own group is open", BYTES("]q\0(K\5h\0K\1aK\2e."), "[1, 5, [...], 2]"},
    {"a dict grows through DUP", BYTES("}2K\1K\2s0K\3K\4s."), "{1: 2, 3: 4}"},
    {"APPEND on a dict", BYTES("}K\1a."), "!3"},
    {"SETITEM on a list", BYTES("]K\1K\2s."), "!5"},
    {"SETITEMS odd", BYTES("}(K\1u."), "!4"},
    {"ADDITEMS on a list", BYTES("](K\1\x90."), "!4"},
    {"DICT odd", BYTES("(K\1d."), "!3"},
    {"a list as key", BYTES("}]K\1s."), "!4"},
    {"a tuple with a list as key", BYTES("}]\x85K\1s."), "!5"},
    {"a set as member", BYTES("\x8f(\x8f\x90."), "!3"},
    {"equal keys", BYTES("}(K\1Va\nG?\xf0\0\0\0\0\0\0Vb\n\x88Vc\nVk\nNu."), "{1: 'c', 'k': None}"},
    {"equal members", BYTES("\x8f(K\1\x88K\2\x90."), "{1, 2}"},
    {"TUPLE1 above a mark", BYTES("K\1(\x85."), "!3"},
    {"TUPLE2 of one", BYTES("K\1\x86."), "!2"},
    {"DUP of nothing", BYTES("2."), "!0"},
    {"REDUCE", BYTES("cm\nf\n(K\1tR."), "<m.f args=(1,)>"},
    {"REDUCE without a tuple", BYTES("cm\nf\nNR."), "!6"},
    {"REDUCE of a literal", BYTES("K\1)R."), "!3"},
    {"NEWOBJ and state", BYTES("cm\nC\n)\x81}Va\nK\1sb."), "<m.C state={'a': 1}>"},
    {"NEWOBJ_EX", BYTES("cm\nC\nK\1\x85}Vk\nK\2s\x92."), "<m.C args=(1,) kwargs={'k': 2}>"},
    {"a 2-tuple state", BYTES("cm\nC\n)\x81N}Va\nK\1s\x86" "b."), "<m.C state=(None, {'a': 1})>"},
    {"a state that is a list", BYTES("cm\nC\n)\x81]K\1ab."), "<m.C state=[1]>"},
    {"items and entries", BYTES("cm\nC\n)\x81(K\1K\2e(K\3K\4u."), "<m.C items=[1, 2] entries={3: 4}>"},
    {"BUILD with None on a list", BYTES("]Nb."), "[]"},
    {"BUILD on a list", BYTES("]K\1b."), "!3"},
    {"INST", BYTES("(K\1im\nC\n."), "<m.C args=(1,)>"},
    {"OBJ", BYTES("(cm\nC\nK\1K\2o."), "<m.C args=(1, 2)>"},
    {"OBJ without class", BYTES("(o."), "!1"},
    {"six-tuple reduce: called, dropped", BYTES("cm\nC\n)\x81q\0cm\nset\nh\0K\1\x86R0."), "<m.C>"},
    {"object in its own arguments", BYTES("cm\nC\n]q\0\x85q\1Rq\2h\0h\2a0."), "<m.C args=([<...>],)>"},
    {"STACK_GLOBAL", BYTES("\x8c\x01m\x8c\x01g\x93."), "<global m.g>"},
    {"STACK_GLOBAL of None", BYTES("\x8c\x01mN\x93."), "!4"},
    {"names as Python 3 has them", BYTES("c__builtin__\nxrange_\n."), "<global builtins.xrange_>"},
    {"GLOBAL without a name", BYTES("cm\n\n."), "!0"},
    {"persistent ids", BYTES("Pabc\n."), "<persistent 'abc'>"},
    {"a persistent id that is an object", BYTES("Va\nK\1\x86Q."), "<persistent ('a', 1)>"},
    {"extension", BYTES("\x82\xf0."), "<extension 240>"},
    {"extension 0", BYTES("\x82\0."), "!0"},
    {"extension negative", BYTES("\x84\xff\xff\xff\xff."), "!0"},
    {"buffers", BYTES("\x97\x97\x98\x86."), "(<buffer 0>, <buffer 1>)"},
    {"READONLY_BUFFER of an int", BYTES("K\1\x98."), "!2"},
    {"FRAME too long", BYTES("\x95\x09\0\0\0\0\0\0\0N."), "!0"},
    {"FRAME that nests and straddles", BYTES("\x95\x0c\0\0\0\0\0\0\0\x95\1\0\0\0\0\0\0\0K\1."), "1"},
    {"FRAME 0", BYTES("\x95\0\0\0\0\0\0\0\0K\1."), "1"},
    {"FRAME of all the world", BYTES("\x95\xff\xff\xff\xff\xff\xff\xff\xff."), "!0"},
    {"BINUNICODE8 of all the world", BYTES("\x8d\xff\xff\xff\xff\xff\xff\xff\x7fx."), "!0"},
    {"BINBYTES beyond the end", BYTES("B\x10\0\0\0x."), "!0"},
    {"BINSTRING negative", BYTES("T\xff\xff\xff\xffx."), "!0"},
    {"invalid UTF-8", BYTES("X\2\0\0\0\xc3(."), "!0"},
    {"a lone surrogate", BYTES("X\3\0\0\0\xed\xa0\x80."), "'\\ud800'"},
    {"two pickles", BYTES("K\1.K\2."), "1;2"},
    {"each with a memo of its own", BYTES("]q\0(h\0h\0e.]q\0K\1a(h\0e."),
     "[[...], [...]];[1, [...]]"},
    {"one memo for all", BYTES("\x80\2Vx\nq\0.\x80\2(h\0h\0t."), "'x';('x', 'x')"},
    {"one memo for all, MEMOIZE", BYTES("\x80\4\x8c\1x\x94.\x80\4\x8c\1y\x94h\0h\1\x87."),
     "'x';('y', 'x', 'y')"},
    {"bytes behind it", BYTES("K\1.\0\0\0"), "1"},
    {"text behind it", BYTES("K\1.abc\n"), "1"},
    {"a broken pickle behind it", BYTES("K\1.\x80\2K\1K\2\xff"), "1;<broken [1, 2]>!9"},
    {"a break shows what stood", BYTES("}q\0(Va\nK\1Vb\n"), "<broken [{}, 'a', 1, 'b']>!12"},
    {"a break inside a list", BYTES("\x80\4](K\1K\2eK"), "<broken [[1, 2]]>!9"},
};

/* -------------------------------------------------------------- what a document says */

static void add_text(struct pkl_doc *d, struct buf *out)
{
    struct pkl_view *v = pkl_doc_view(d);
    struct error e;
    struct sink to = sink_buf(out);
    enum pb_err broken = pkl_doc_error(d, &e);
    struct pkl_child root;

    for (uint64_t i = 0; i < v->roots(v); i++) {
        if (i > 0)
            buf_putc(out, ';');
        assert_int_equal(v->root(v, i, &root, &e), PB_OK);
        if (root.value.kind == PKL_BROKEN && root.value.count == 0)
            continue;
        assert_int_equal(pkl_repr(v, &root.value, NULL, &to, &e), PB_OK);
    }
    broken = pkl_doc_error(d, &e);
    if (broken != PB_OK) {
        assert_int_equal(broken, PB_EPICKLE);
        assert_true(strlen(e.msg) > 0);
        buf_printf(out, "!%llu", (unsigned long long)e.offset);
    }
}

static void add_node(const struct pkl_node *n, struct buf *out)
{
    buf_printf(out, "%llx>%llx [%llu,%llu) %llu %d ", (unsigned long long)n->id,
               (unsigned long long)n->target, (unsigned long long)n->begin,
               (unsigned long long)n->end, (unsigned long long)n->count, (int)n->kind);
}

/* Every value that can be reached, each container once, with everything that is known of it. */
static void describe(struct pkl_doc *d, struct buf *out)
{
    struct pkl_view *v = pkl_doc_view(d);
    pkl_id todo[512], id;
    size_t len = 0, at = 0;
    struct pkl_child kids[3];

    todo[len++] = PKL_ID(0, PKL_TAG_STREAM, 0);
    while (at < len) {
        uint64_t count, first = 0;

        id = todo[at++];
        assert_int_equal(v->count_children(v, id, &count, NULL), PB_OK);
        while (first < count) {
            size_t got;

            assert_int_equal(v->children(v, id, first, 3, kids, &got, NULL), PB_OK);
            assert_true(got > 0);
            for (size_t i = 0; i < got; i++, first++) {
                const struct pkl_node *met[2] = {&kids[i].key, &kids[i].value};
                struct pkl_node again;

                assert_int_equal(kids[i].position, first);
                add_node(&kids[i].key, out);
                add_node(&kids[i].value, out);
                buf_printf(out, "%llx/%llu\n", (unsigned long long)kids[i].owner,
                           (unsigned long long)kids[i].index);
                assert_int_equal(v->node(v, kids[i].value.id, &again, NULL), PB_OK);
                assert_true(again.begin == kids[i].value.begin && again.end == kids[i].value.end);
                for (int m = 0; m < 2; m++) {
                    size_t k = 0;

                    while (k < len && todo[k] != met[m]->target)
                        k++;
                    if (met[m]->id != 0 && k == len && len < 512)
                        todo[len++] = met[m]->target;
                }
            }
        }
    }
    assert_int_equal(buf_status(out, NULL), PB_OK);
}

static const struct grain usual = {4096, 64, 4096, 4096, 16384, 65536};
static const struct grain grains[] = {
    {4096, 64, 4096, 4096, 16384, 65536}, {1, 0, 1, 1, 1, 12}, {3, 1, 2, 2, 2, 12}, {8, 1, 4, 4, 16, 16},
};

static struct pkl_doc *index_at_once(struct source *src, const struct grain *g)
{
    struct pkl_doc *d;

    assert_non_null(src);
    assert_int_equal(pkl_doc_new(src, 0, NULL, &d, NULL), PB_OK);
    pkl_doc_set_grain(d, g);
    assert_int_equal(pkl_doc_index(d, NULL), PB_OK);
    return d;
}

/* As bytes arrive, `piece` at a time (0: of changing sizes), stepping as far as they go. */
static struct pkl_doc *index_in_pieces(struct source **src, const char *bytes, size_t n, size_t piece,
                                       const struct grain *g)
{
    struct pkl_doc *d;
    struct error e;
    unsigned random = 12345;
    bool done = false;

    assert_int_equal(source_spool(SOURCE_SIZE_UNKNOWN, src, NULL), PB_OK);
    assert_int_equal(pkl_doc_new(*src, 0, NULL, &d, NULL), PB_OK);
    pkl_doc_set_grain(d, g);
    for (size_t at = 0; at < n;) {
        size_t step = piece;

        random = random * 1103515245u + 12345u;
        if (step == 0)
            step = 1 + (random >> 16) % 9;
        step = step < n - at ? step : n - at;
        assert_int_equal(source_spool_append(*src, bytes + at, step, NULL), PB_OK);
        at += step;
        for (int i = 0; i < 3 && !done; i++) {
            enum pb_err err = pkl_doc_step(d, 1 + random % 5, &done, &e);

            assert_true(err == PB_OK || err == PB_EAGAIN);
        }
    }
    source_spool_done(*src);
    while (!done)
        assert_int_equal(pkl_doc_step(d, 3, &done, &e), PB_OK);
    return d;
}

static void test_samples(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, BUF_MAX_TEXT);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        const struct sample *s = &samples[i];

        for (size_t g = 0; g < sizeof grains / sizeof grains[0]; g++) {
            struct source *src = source_mem(s->bytes, s->n, false);
            struct pkl_doc *d = index_at_once(src, &grains[g]);
            const char *shown;

            buf_clear(&text);
            add_text(d, &text);
            /* What stood there is given only where the sample is about it. */
            shown = s->text[0] == '!' ? strrchr(text.data, '!') : text.data;
            if (shown == NULL || strcmp(shown, s->text) != 0)
                fail_msg("%s: %s instead of %s", s->what, text.data, s->text);
            pkl_doc_free(d);
            source_free(src);
        }
    }
    buf_release(&text);
}

static void test_pieces(void **state)
{
    struct buf want, got;

    (void)state;
    buf_init(&want, BUF_MAX_TEXT);
    buf_init(&got, BUF_MAX_TEXT);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        const struct sample *s = &samples[i];
        struct source *src = source_mem(s->bytes, s->n, false), *spool;
        struct pkl_doc *d = index_at_once(src, &usual);

        buf_clear(&want);
        describe(d, &want);
        add_text(d, &want);
        pkl_doc_free(d);
        source_free(src);
        for (size_t k = 0; k < 3 * sizeof grains / sizeof grains[0]; k++) {
            d = index_in_pieces(&spool, s->bytes, s->n, k % 3, &grains[k / 3]);
            buf_clear(&got);
            describe(d, &got);
            add_text(d, &got);
            if (strcmp(want.data, got.data) != 0)
                fail_msg("%s, in pieces of %zu: %s instead of %s", s->what, k % 3, got.data,
                         want.data);
            pkl_doc_free(d);
            source_free(spool);
        }
    }
    buf_release(&want);
    buf_release(&got);
}

/* Cut at every byte, what stands is browsable. */
static void test_cut(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, BUF_MAX_TEXT);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        for (size_t n = 0; n < samples[i].n; n++) {
            char *copy = malloc(n + 1); /* so that a sanitizer sees the end */
            struct source *src;
            struct pkl_doc *d;

            assert_non_null(copy);
            memcpy(copy, samples[i].bytes, n);
            src = source_mem(copy, n, false);
            d = index_at_once(src, &grains[(i + n) % 4]);
            buf_clear(&text);
            describe(d, &text);
            add_text(d, &text);
            pkl_doc_free(d);
            source_free(src);
            free(copy);
        }
    }
    buf_release(&text);
}

static void expect_repr(struct pkl_doc *d, uint64_t root, const char *want)
{
    struct pkl_view *v = pkl_doc_view(d);
    struct pkl_child c;
    struct buf text;
    struct sink to = sink_buf(&text);

    buf_init(&text, BUF_MAX_TEXT);
    assert_int_equal(v->root(v, root, &c, NULL), PB_OK);
    assert_int_equal(pkl_repr(v, &c.value, NULL, &to, NULL), PB_OK);
    assert_string_equal(text.data, want);
    buf_release(&text);
}

/* New values of an edit: pickles appended to a source that was indexed to its end. */
static void test_growing(void **state)
{
    struct source *src = source_mem_growing(1 << 20);
    struct pkl_doc *d;
    bool done;

    (void)state;
    assert_non_null(src);
    assert_int_equal(pkl_doc_new(src, 1, NULL, &d, NULL), PB_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(source_mem_append(src, "]q\0K\1a.", 7, NULL), PB_OK);
        done = false;
        while (!done)
            assert_int_equal(pkl_doc_step(d, 100, &done, NULL), PB_OK);
        assert_int_equal(pkl_doc_view(d)->roots(pkl_doc_view(d)), i + 1);
        expect_repr(d, (uint64_t)i, "[1]");
    }
    pkl_doc_free(d);
    source_free(src);
}

static void test_info(void **state)
{
    static const char bytes[] = "\x80\x04\x95\x05\0\0\0\0\0\0\0]\x94K\x01" "a.\x80\x02U\x01xq\0h\0\x86.\0\0";
    struct source *src = source_mem(bytes, sizeof bytes - 1, false);
    struct pkl_doc *d = index_at_once(src, &usual);
    const struct pkl_frame *frames;
    struct pkl_info info;

    (void)state;
    pkl_doc_info(d, &info);
    assert_int_equal(info.protocol, 4);
    assert_int_equal(info.max_opcode_protocol, 4);
    assert_int_equal(info.pickles, 2);
    assert_int_equal(info.trailing, 2);
    assert_int_equal(info.end, sizeof bytes - 3);
    assert_int_equal(info.memo_puts, 2);
    assert_int_equal(info.memo_gets, 1);
    assert_int_equal(info.opcodes, 13);
    assert_int_equal(pkl_doc_frames(d, &frames), 1);
    assert_int_equal(frames[0].offset, 2);
    assert_int_equal(frames[0].length, 5);
    assert_true(pkl_doc_is_pickle(d));
    pkl_doc_free(d);
    source_free(src);
}

static void test_is_pickle(void **state)
{
    static const struct {
        const char *bytes;
        bool is;
    } cases[] = {
        {"N.", true}, {"", false}, {"Hello, world", false}, {"{\"a\": 1}", false}, {"\x80\x04K\x01", true},
        {"(this is no pickle at all", false}, {"\x89PNG\r\n\x1a\n", false}, {"\x1f\x8b\x08", false},
        {"<html>", false}, {"PK\x03\x04", false}, {"(dp0\nVa\np1\nI1\nsVb\np2\nI2\nsVc", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct source *src = source_mem(cases[i].bytes, strlen(cases[i].bytes), false);
        struct pkl_doc *d = index_at_once(src, &usual);

        if (pkl_doc_is_pickle(d) != cases[i].is)
            fail_msg("%s", cases[i].bytes);
        pkl_doc_free(d);
        source_free(src);
    }
}

struct events {
    struct pkl_memo_event ev[32];
    size_t n;
};

static bool note(void *ctx, const struct pkl_memo_event *ev)
{
    struct events *es = ctx;

    assert_true(es->n < 32);
    es->ev[es->n++] = *ev;
    return true;
}

static void test_memo_walk(void **state)
{
    static const char bytes[] = "(K\1r\xe8\3\0\0K\2\x94K\3\x94p1\nh\2t.(K\1\x94h\0t.";
    static const struct {
        enum pkl_memo_op op;
        unsigned offset, slot, pickle;
    } want[] = {
        {PKL_MEMO_PUT, 3, 1000, 0}, {PKL_MEMO_IMPLICIT, 10, 1, 0}, {PKL_MEMO_IMPLICIT, 13, 2, 0},
        {PKL_MEMO_PUT, 14, 1, 0}, {PKL_MEMO_GET, 17, 2, 0}, {PKL_MEMO_IMPLICIT, 24, 0, 1},
        {PKL_MEMO_GET, 25, 0, 1},
    };
    struct source *src = source_mem(bytes, sizeof bytes - 1, false);
    struct pkl_doc *d = index_at_once(src, &usual);
    struct events es = {.n = 0};

    (void)state;
    assert_int_equal(pkl_doc_memo_walk(d, note, &es, NULL), PB_OK);
    assert_int_equal(es.n, sizeof want / sizeof want[0]);
    for (size_t i = 0; i < es.n; i++) {
        assert_int_equal(es.ev[i].op, want[i].op);
        assert_int_equal(es.ev[i].offset, want[i].offset);
        assert_int_equal(es.ev[i].slot, want[i].slot);
        assert_int_equal(es.ev[i].pickle, want[i].pickle);
    }
    pkl_doc_free(d);
    source_free(src);
}

static void test_limits(void **state)
{
    static const struct {
        const char *bytes;
        struct pkl_limits limits;
        const char *name;
    } cases[] = {
        {"NNNNNNNNNt.", {.max_stack = 4}, "max_stack"},
        {"((((((((N.", {.max_marks = 4}, "max_marks"},
        {"N\x94N\x94N\x94N\x94N\x94.", {.max_memo = 3}, "max_memo"},
        {"N.N.N.N.N.N.", {.max_pickles = 3}, "max_pickles"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct source *src = source_mem(cases[i].bytes, strlen(cases[i].bytes), false);
        struct pkl_doc *d;
        struct error e;

        assert_int_equal(pkl_doc_new(src, 0, &cases[i].limits, &d, NULL), PB_OK);
        assert_int_equal(pkl_doc_index(d, NULL), PB_OK);
        assert_int_equal(pkl_doc_error(d, &e), PB_ELIMIT);
        assert_non_null(strstr(e.msg, cases[i].name));
        pkl_doc_free(d);
        source_free(src);
    }
}

/* ------------------------------------------------------------------------- large ones */

static void test_deep(void **state)
{
    const size_t depth = 200000;
    char *bytes = malloc(depth * 2);
    struct pkl_child kid;
    struct pkl_view *v;
    struct source *src;
    struct pkl_doc *d;
    struct pkl_info info;
    size_t got;

    (void)state;
    assert_non_null(bytes);
    memset(bytes, ']', depth);
    memset(bytes + depth, 'a', depth - 1);
    bytes[2 * depth - 1] = '.';
    src = source_mem(bytes, 2 * depth, true);
    d = index_at_once(src, &usual);
    v = pkl_doc_view(d);
    pkl_doc_info(d, &info);
    assert_true(info.records < 400);
    assert_int_equal(v->root(v, 0, &kid, NULL), PB_OK);
    for (size_t i = 1; i < depth; i += 1) {
        assert_int_equal(kid.value.count, 1);
        assert_int_equal(v->children(v, kid.value.id, 0, 1, &kid, &got, NULL), PB_OK);
        assert_int_equal(kid.value.begin, i);
        if (i == 20000) /* the way down is the same all along */
            break;
    }
    pkl_doc_free(d);
    source_free(src);
}

/* A tuple whose million items stand on the stack at once: folded, and any of them is found. */
static void test_wide(void **state)
{
    const size_t n = 1000000;
    uint8_t *bytes = malloc(n * 3 + 3);
    struct pkl_child kids[50];
    struct pkl_view *v;
    struct source *src;
    struct pkl_doc *d;
    struct pkl_info info;
    size_t got, at = 0;

    (void)state;
    assert_non_null(bytes);
    bytes[at++] = '(';
    for (size_t i = 0; i < n; i++) {
        bytes[at++] = 'M';
        bytes[at++] = (uint8_t)i;
        bytes[at++] = (uint8_t)(i >> 8);
    }
    bytes[at++] = 't';
    bytes[at++] = '.';
    src = source_mem(bytes, at, true);
    d = index_at_once(src, &usual);
    v = pkl_doc_view(d);
    pkl_doc_info(d, &info);
    assert_true(info.memory < 3 * 1024 * 1024);
    assert_int_equal(v->root(v, 0, kids, NULL), PB_OK);
    assert_int_equal(kids[0].value.count, n);
    for (size_t first = 0; first < n; first += 99991) {
        size_t want = n - first < 50 ? n - first : 50;

        assert_int_equal(v->children(v, kids[0].value.id, first, 50, kids, &got, NULL), PB_OK);
        assert_int_equal(got, want);
        for (size_t i = 0; i < got; i++)
            assert_int_equal(kids[i].value.begin, 1 + 3 * (first + i));
        assert_int_equal(v->root(v, 0, kids, NULL), PB_OK);
    }
    pkl_doc_free(d);
    source_free(src);
}

/* A long str is checked piece by piece, whatever arrives. */
static void test_long_str(void **state)
{
    const size_t n = 3 * 1024 * 1024 + 1;
    struct pkl_child root;
    struct pkl_view *v;

    (void)state;
    for (int bad = 0; bad < 2; bad++) {
        uint8_t *bytes = malloc(n * 2 + 6);
        struct source *src;
        struct pkl_doc *d;
        struct error e;
        uint32_t len = (uint32_t)n * 2;

        assert_non_null(bytes);
        bytes[0] = 'X';
        for (int i = 0; i < 4; i++)
            bytes[1 + i] = (uint8_t)(len >> (8 * i));
        for (size_t i = 0; i < n; i++)
            memcpy(bytes + 5 + 2 * i, "\xc3\xa9", 2);
        if (bad)
            bytes[5 + n] = 'x';
        bytes[5 + len] = '.';
        d = index_in_pieces(&src, (const char *)bytes, len + 6, 300001, &usual);
        assert_int_equal(pkl_doc_error(d, &e), bad ? PB_EPICKLE : PB_OK);
        if (!bad) {
            v = pkl_doc_view(d);
            assert_int_equal(v->root(v, 0, &root, NULL), PB_OK);
            assert_int_equal(root.value.count, len);
        }
        pkl_doc_free(d);
        source_free(src);
        free(bytes);
    }
}

/* A line of text longer than a view. */
static void test_long_line(void **state)
{
    const size_t n = 2 * 1024 * 1024;
    char *bytes = malloc(n + 3);
    struct pkl_child root;
    struct pkl_view *v;
    struct pkl_leaf leaf;
    struct source *src;
    struct pkl_doc *d;

    (void)state;
    assert_non_null(bytes);
    bytes[0] = 'V';
    memset(bytes + 1, 'y', n);
    memcpy(bytes + n - 5, "\\u00e9", 6);
    bytes[n + 1] = '\n';
    bytes[n + 2] = '.';
    d = index_in_pieces(&src, bytes, n + 3, 70001, &usual);
    v = pkl_doc_view(d);
    assert_int_equal(pkl_doc_error(d, NULL), PB_OK);
    assert_int_equal(v->root(v, 0, &root, NULL), PB_OK);
    pkl_leaf_init(&leaf);
    assert_int_equal(pkl_leaf_read(v, &root.value, SIZE_MAX, &leaf, NULL), PB_OK);
    assert_int_equal(leaf.data.len, n - 4);
    assert_memory_equal(leaf.data.data + leaf.data.len - 2, "\xc3\xa9", 2);
    pkl_leaf_release(&leaf);
    pkl_doc_free(d);
    source_free(src);
    free(bytes);
}

/* Whichever allocation fails: an error, and nothing is lost. */
static void test_no_memory(void **state)
{
    static const char bytes[] = "(]q\5(h\5K\1a2e}(Vk\nNu\x85tq\1" "0(h\5h\1t.";
    struct error e = {.code = PB_OK};

    (void)state;
    for (long fail = 1; fail < 200; fail++) {
        struct source *src = source_mem(bytes, sizeof bytes - 1, false);
        struct pkl_doc *d = NULL;
        enum pb_err err;

        mem_fail_after(fail);
        err = pkl_doc_new(src, 0, NULL, &d, &e);
        if (err == PB_OK) {
            pkl_doc_set_grain(d, &grains[1]);
            err = pkl_doc_index(d, &e);
        }
        mem_fail_after(-1);
        assert_true(err == PB_OK || err == PB_ENOMEM);
        pkl_doc_free(d);
        source_free(src);
        if (err == PB_OK)
            return;
    }
    fail_msg("the index never came through");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),  cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_cut),      cmocka_unit_test(test_growing),
        cmocka_unit_test(test_info),     cmocka_unit_test(test_is_pickle),
        cmocka_unit_test(test_memo_walk), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_deep),     cmocka_unit_test(test_wide),
        cmocka_unit_test(test_long_str), cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
