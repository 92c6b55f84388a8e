/* Piece lists as bytes: what is put in, taken out, moved and changed in containers of every kind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/pickle/edit_private.h"
#include "support/edit_rig.h"

#define B(text) text, sizeof text - 1
#define F(n) "\x95" n "\0\0\0\0\0\0\0"

/* One child of the new list: an original by its number, or a new one; of pairs with a new key. */
struct child {
    int from; /* or NEW, END */
    const char *key, *value;
};
#define NEW (-1)
#define END (-2)
#define OLD(n)                                                                                     \
    {                                                                                              \
        n, NULL, NULL                                                                              \
    }
#define ITEM(value)                                                                                \
    {                                                                                              \
        NEW, NULL, value                                                                           \
    }
#define PAIR(key, value)                                                                           \
    {                                                                                              \
        NEW, key, value                                                                            \
    }
#define STOP                                                                                       \
    {                                                                                              \
        END, NULL, NULL                                                                            \
    }

struct list {
    const char *name;
    const char *bytes;
    size_t n;
    const char *path; /* of the container; @items and so on after a space */
    struct child children[12];
    const char *want;
    size_t want_n;
    const char *says; /* it is refused */
};

static size_t number_of(struct rig *r, const char *text)
{
    struct pkl_node none = {.kind = PKL_BROKEN};
    struct literal *l;
    size_t at, number;

    if (text == NULL)
        return 0;
    if (literal_parse(&r->mem, text, strlen(text), &l, &at, &r->e) != PB_OK ||
        edit_add_value(r->edit, l, &none, &number, &r->e) != PB_OK)
        fail_msg("%s: %s", text, r->e.msg);
    return number;
}

static pkl_id owner_of(struct rig *r, const char *path)
{
    const char *space = strchr(path, ' ');
    struct pkl_child place;
    char head[64];
    enum pkl_tag tag = PKL_TAG_VALUE;

    if (space == NULL)
        space = path + strlen(path);
    else
        tag = strcmp(space, " items") == 0     ? PKL_TAG_ITEMS
              : strcmp(space, " entries") == 0 ? PKL_TAG_ENTRIES
                                               : PKL_TAG_ARGS;
    assert_true((size_t)(space - path) < sizeof head);
    memcpy(head, path, (size_t)(space - path));
    head[space - path] = '\0';
    if (rig_find(r, head, &place) != PB_OK)
        fail_msg("%s: %s", path, r->e.msg);
    return PKL_ID(PKL_ID_SOURCE(place.value.target), tag, PKL_ID_OFFSET(place.value.target));
}

/* As an edit leaves them. */
static void set_list(struct rig *r, const struct list *l)
{
    struct edit_container c = {.owner = owner_of(r, l->path)};
    struct pkl_view *v = PKL_ID_SOURCE(c.owner) == 0 ? r->edit->base : r->edit->second;
    uint64_t count;

    assert_int_equal(v->count_children(v, c.owner, &count, &r->e), PB_OK);
    assert_true(pieces_init(&c.now, 0) && pieces_init(&c.saved, count));
    c.now.originals = count;
    for (size_t i = 0; l->children[i].from != END; i++) {
        const struct child *k = &l->children[i];
        struct piece p = {.first = k->from == NEW ? PIECE_NEW + i : (uint64_t)k->from,
                          .count = 1,
                          .key = number_of(r, k->key),
                          .value = number_of(r, k->value)};

        assert_true(pieces_replace(&c.now, i, 0, &p, 1, NULL));
    }
    assert_true(vec_push(&r->edit->containers, c));
    assert_true(idmap_put(&r->edit->by_owner, c.owner, r->edit->containers.len));
    r->edit->fresh = false;
}

static void must_be(const struct list *l, const struct buf *out)
{
    if (out->len != l->want_n || memcmp(out->data, l->want, l->want_n) != 0) {
        for (size_t i = 0; i < out->len; i++)
            print_message("%s%02x", i % 16 == 0 ? "\n  " : " ", (unsigned char)out->data[i]);
        fail_msg("%s: other bytes", l->name);
    }
}

static const struct list lists[] = {
    /* R6: insert and append. */
    {"into an empty list, behind its MEMOIZE",
     B("\x80\x04]\x94."),
     "",
     {ITEM("5"), STOP},
     B("\x80\x04]\x94K\x05"
       "a."),
     NULL},
    {"several into an empty list",
     B("\x80\x04]\x94."),
     "",
     {ITEM("5"), ITEM("6"), STOP},
     B("\x80\x04]\x94(K\x05K\x06"
       "e."),
     NULL},
    {"at the head of a group",
     B("\x80\x04]\x94(K\x01K\x02"
       "e."),
     "",
     {ITEM("0"), OLD(0), OLD(1), STOP},
     B("\x80\x04]\x94(K\0K\x01K\x02"
       "e."),
     NULL},
    {"amid a group, slots untouched",
     B("\x80\x04]\x94(\x8c\x01x\x94\x8c\x01y\x94h\x01"
       "e."),
     "",
     {OLD(0), ITEM("'n'"), OLD(1), OLD(2), STOP},
     B("\x80\x04]\x94(\x8c\x01x\x94\x8c\x01n\x8c\x01y\x94h\x01"
       "e."),
     NULL},
    {"at the end of a group",
     B("\x80\x04]\x94(K\x01K\x02"
       "e."),
     "",
     {OLD(0), OLD(1), ITEM("3"), STOP},
     B("\x80\x04]\x94(K\x01K\x02K\x03"
       "e."),
     NULL},
    {"behind a lone one",
     B("\x80\x04]\x94K\x01"
       "a."),
     "",
     {OLD(0), ITEM("2"), STOP},
     B("\x80\x04]\x94K\x01"
       "aK\x02"
       "a."),
     NULL},
    {"in front of a lone one",
     B("\x80\x04]\x94K\x01"
       "a."),
     "",
     {ITEM("0"), OLD(0), STOP},
     B("\x80\x04]\x94K\0aK\x01"
       "a."),
     NULL},
    {"text: one APPEND each",
     B("(lp0\nI1\na."),
     "",
     {OLD(0), ITEM("2"), ITEM("3"), STOP},
     B("(lp0\nI1\naI2\naI3\na."),
     NULL},
    {"into MARK LIST",
     B("(I1\nI2\nl."),
     "",
     {OLD(0), ITEM("5"), OLD(1), ITEM("6"), STOP},
     B("(I1\nI5\nI2\nI6\nl."),
     NULL},
    {"into an empty MARK LIST", B("(lp0\n."), "", {ITEM("5"), STOP}, B("(I5\nlp0\n."), NULL},
    /* R4, R5: delete. */
    {"a read one: POP",
     B("\x80\x04]\x94(\x8c\x01x\x94\x8c\x01y\x94h\x01"
       "e."),
     "",
     {OLD(1), OLD(2), STOP},
     B("\x80\x04]\x94(\x8c\x01x\x94"
       "0\x8c\x01y\x94h\x01"
       "e."),
     NULL},
    {"an unread one whose number counts",
     B("\x80\x04]\x94(\x8c\x01x\x94\x8c\x01y\x94\x8c\x01z\x94h\x03"
       "e."),
     "",
     {OLD(0), OLD(2), OLD(3), STOP},
     B("\x80\x04]\x94(\x8c\x01x\x94N\x94"
       "0\x8c\x01z\x94h\x03"
       "e."),
     NULL},
    {"several slots",
     B("\x80\x04]\x94(]\x94(\x8c\x01"
       "a\x94\x8c\x01"
       "b\x94"
       "e\x8c\x01z\x94h\x04"
       "e."),
     "",
     {OLD(1), OLD(2), STOP},
     B("\x80\x04]\x94(N\x94\x94\x94"
       "0\x8c\x01z\x94h\x04"
       "e."),
     NULL},
    {"a part of it is read",
     B("\x80\x02](]q\x00(X\x01\0\0\0xq\x01K\x02"
       "eh\x01"
       "e."),
     "",
     {OLD(1), STOP},
     B("\x80\x02](X\x01\0\0\0xq\x01"
       "0h\x01"
       "e."),
     NULL},
    {"a lone one goes with its APPEND",
     B("\x80\x04]\x94K\x01"
       "a."),
     "",
     {STOP},
     B("\x80\x04]\x94."),
     NULL},
    {"a read lone one",
     B("\x80\x02]X\x01\0\0\0xq\x01"
       "ah\x01"
       "a."),
     "",
     {OLD(1), STOP},
     B("\x80\x02]X\x01\0\0\0xq\x01"
       "0h\x01"
       "a."),
     NULL},
    {"all of a group",
     B("\x80\x04]\x94(K\x01K\x02"
       "e."),
     "",
     {STOP},
     B("\x80\x04]\x94("
       "e."),
     NULL},
    {"all of MARK LIST", B("(I1\nI2\nl."), "", {STOP}, B("(l."), NULL},
    {"with a frame",
     B("\x80\x04" F("\x0b") "]\x94(K\x01K\x02K\x03"
                            "e."),
     "",
     {OLD(0), OLD(2), ITEM("'ab'"), STOP},
     B("\x80\x04" F("\x0d") "]\x94(K\x01K\x03\x8c\x02"
                            "ab"
                            "e."),
     NULL},
    {"where a frame ends",
     B("\x80\x04" F("\x05") "]\x94(K\x01" F("\x04") "K\x02"
                                                    "e."),
     "",
     {OLD(0), ITEM("7"), OLD(1), STOP},
     B("\x80\x04" F("\x05") "]\x94(K\x01" F("\x06") "K\x07K\x02"
                                                    "e."),
     NULL},
    {"what stands in front of a frame",
     B("\x80\x04" F("\x05") "]\x94(K\x01" F("\x04") "K\x02"
                                                    "e."),
     "",
     {OLD(1), STOP},
     B("\x80\x04" F("\x03") "]\x94(" F("\x04") "K\x02"
                                               "e."),
     NULL},
    /* Dicts. */
    {"a pair into an empty dict",
     B("\x80\x04}\x94."),
     "",
     {PAIR("'a'", "1"), STOP},
     B("\x80\x04}\x94\x8c\x01"
       "aK\x01s."),
     NULL},
    {"pairs into an empty dict",
     B("\x80\x04}\x94."),
     "",
     {PAIR("'a'", "1"), PAIR("2", "3"), STOP},
     B("\x80\x04}\x94(\x8c\x01"
       "aK\x01K\x02K\x03u."),
     NULL},
    {"a lone pair deleted",
     B("\x80\x04}\x94\x8c\x01"
       "a\x94K\x01s."),
     "",
     {STOP},
     B("\x80\x04}\x94."),
     NULL},
    {"a lone pair whose key is read",
     B("\x80\x04](}\x8c\x01"
       "a\x94K\x01sh\0e."),
     "[0]",
     {STOP},
     B("\x80\x04](}\x8c\x01"
       "a\x94"
       "0h\0e."),
     NULL},
    {"a pair of a group",
     B("\x80\x04}\x94(\x8c\x01"
       "a\x94K\x01\x8c\x01"
       "b\x94K\x02u."),
     "",
     {OLD(1), STOP},
     B("\x80\x04}\x94(\x8c\x01"
       "b\x94K\x02u."),
     NULL},
    {"a key renamed",
     B("\x80\x04}\x94(\x8c\x01"
       "a\x94K\x01\x8c\x01"
       "b\x94K\x02u."),
     "",
     {{0, "'c'", NULL}, OLD(1), STOP},
     B("\x80\x04}\x94(\x8c\x01"
       "c\x94K\x01\x8c\x01"
       "b\x94K\x02u."),
     NULL},
    {"a key renamed that is read elsewhere",
     B("\x80\x04](}\x8c\x01"
       "a\x94K\x01s}h\0K\x02s"
       "e."),
     "[0]",
     {{0, "'c'", NULL}, STOP},
     B("\x80\x04](}\x8c\x01"
       "a\x94"
       "0\x8c\x01"
       "cK\x01s}h\0K\x02s"
       "e."),
     NULL},
    {"a read key renamed here",
     B("\x80\x04](}\x8c\x01"
       "a\x94K\x01s}h\0K\x02s"
       "e."),
     "[1]",
     {{0, "'c'", "3"}, STOP},
     B("\x80\x04](}\x8c\x01"
       "a\x94K\x01s}\x8c\x01"
       "cK\x03s"
       "e."),
     NULL},
    {"text: pairs",
     B("(dp0\nVa\np1\nI1\ns."),
     "",
     {PAIR("'b'", "2"), OLD(0), PAIR("'c'", "3"), STOP},
     B("(dp0\nVb\nI2\nsVa\np1\nI1\nsVc\nI3\ns."),
     NULL},
    {"MARK DICT",
     B("(I1\nI2\nd."),
     "",
     {OLD(0), PAIR("3", "4"), STOP},
     B("(I1\nI2\nI3\nI4\nd."),
     NULL},
    /* R7: tuples. */
    {"TUPLE2 to TUPLE3",
     B("\x80\x04K\x01K\x02\x86\x94."),
     "",
     {OLD(0), ITEM("5"), OLD(1), STOP},
     B("\x80\x04K\x01K\x05K\x02\x87\x94."),
     NULL},
    {"TUPLE3 to MARK TUPLE",
     B("\x80\x04K\x01K\x02K\x03\x87\x94."),
     "",
     {OLD(0), OLD(1), OLD(2), ITEM("4"), STOP},
     B("\x80\x04(K\x01K\x02K\x03K\x04t\x94."),
     NULL},
    {"TUPLE1 to EMPTY_TUPLE", B("\x80\x04K\x01\x85."), "", {STOP}, B("\x80\x04)."), NULL},
    {"EMPTY_TUPLE to TUPLE1",
     B("\x80\x04)."),
     "",
     {ITEM("5"), STOP},
     B("\x80\x04K\x05\x85."),
     NULL},
    {"EMPTY_TUPLE to MARK TUPLE",
     B("](K\x01)e."),
     "[1]",
     {ITEM("5"), STOP},
     B("](K\x01(K\x05t"
       "e."),
     NULL},
    {"MARK TUPLE emptied", B("(I1\nt."), "", {STOP}, B("(t."), NULL},
    {"an empty MARK TUPLE filled", B("(tp0\n."), "", {ITEM("5"), STOP}, B("(I5\ntp0\n."), NULL},
    {"a tuple of tuples",
     B("\x80\x04K\x01\x85\x94K\x02\x86\x94."),
     "[0]",
     {ITEM("7"), OLD(0), STOP},
     B("\x80\x04K\x07K\x01\x86\x94K\x02\x86\x94."),
     NULL},
    {"a tuple read later grows",
     B("\x80\x04](K\x01\x85\x94h\0e."),
     "[0]",
     {OLD(0), ITEM("2"), STOP},
     B("\x80\x04](K\x01K\x02\x86\x94h\0e."),
     NULL},
    /* Sets. */
    {"a member into an empty set",
     B("\x80\x04\x8f\x94."),
     "",
     {ITEM("1"), STOP},
     B("\x80\x04\x8f\x94(K\x01\x90."),
     NULL},
    {"a member",
     B("\x80\x04\x8f\x94(K\x01K\x02\x90."),
     "",
     {OLD(1), ITEM("3"), STOP},
     B("\x80\x04\x8f\x94(K\x02K\x03\x90."),
     NULL},
    {"a member of a frozenset",
     B("\x80\x04(K\x01\x91\x94."),
     "",
     {OLD(0), ITEM("5"), STOP},
     B("\x80\x04(K\x01K\x05\x91\x94."),
     NULL},
    /* Objects. */
    {"an attribute",
     B("\x80\x02"
       "cm\nC\n)\x81}X\x01\0\0\0zK\x01sb."),
     "@state",
     {OLD(0), PAIR("'y'", "2"), STOP},
     B("\x80\x02"
       "cm\nC\n)\x81}X\x01\0\0\0zK\x01sX\x01\0\0\0yK\x02sb."),
     NULL},
    {"an argument",
     B("\x80\x02"
       "cm\nf\nK\x01\x85q\x00Rq\x01."),
     "@args",
     {OLD(0), ITEM("2"), STOP},
     B("\x80\x02"
       "cm\nf\nK\x01K\x02\x86q\x00Rq\x01."),
     NULL},
    {"an argument of INST",
     B("(im\nC\np0\n."),
     " args",
     {ITEM("2"), STOP},
     B("(I2\nim\nC\np0\n."),
     NULL},
    {"an argument of OBJ",
     B("(cm\nC\nK\x01oq\x00."),
     " args",
     {ITEM("2"), OLD(0), STOP},
     B("(cm\nC\nK\x02K\x01oq\x00."),
     NULL},
    {"items of an object that has none",
     B("\x80\x02"
       "cm\nC\n)\x81q\x00}X\x01\0\0\0zK\x01sb."),
     " items",
     {ITEM("7"), ITEM("8"), STOP},
     B("\x80\x02"
       "cm\nC\n)\x81q\x00(K\x07K\x08"
       "e}X\x01\0\0\0zK\x01sb."),
     NULL},
    {"an entry of an object that has none",
     B("\x80\x02"
       "cm\nC\n)\x81q\x00."),
     " entries",
     {PAIR("1", "2"), STOP},
     B("\x80\x02"
       "cm\nC\n)\x81q\x00K\x01K\x02s."),
     NULL},
    {"an entry",
     B("\x80\x02"
       "cm\nD\n)\x81(K\x01K\x02K\x03K\x04u."),
     " entries",
     {OLD(1), PAIR("5", "6"), STOP},
     B("\x80\x02"
       "cm\nD\n)\x81(K\x03K\x04K\x05K\x06u."),
     NULL},
    /* Moved. */
    {"a leaf, to the end",
     B("\x80\x04](K\x01K\x02K\x03"
       "e."),
     "",
     {OLD(1), OLD(2), OLD(0), STOP},
     B("\x80\x04](K\x02K\x03K\x01"
       "e."),
     NULL},
    {"a leaf, to the front",
     B("\x80\x04](K\x01K\x02K\x03"
       "e."),
     "",
     {OLD(2), OLD(0), OLD(1), STOP},
     B("\x80\x04](K\x03K\x01K\x02"
       "e."),
     NULL},
    {"a leaf that is read",
     B("\x80\x04](\x8c\x01x\x94\x8c\x01y\x94h\0e."),
     "",
     {OLD(1), OLD(0), OLD(2), STOP},
     B("\x80\x04](\x8c\x01x\x94"
       "0\x8c\x01y\x94h\0h\0e."),
     NULL},
    {"a container, through its slot",
     B("\x80\x04](]\x94K\x01"
       "aK\x02"
       "e."),
     "",
     {OLD(1), OLD(0), STOP},
     B("\x80\x04](]\x94K\x01"
       "a0K\x02h\0e."),
     NULL},
    {"a container without slots, bytewise",
     B("\x80\x04](]K\x01"
       "aK\x02"
       "e."),
     "",
     {OLD(1), OLD(0), STOP},
     B("\x80\x04](K\x02]K\x01"
       "ae."),
     NULL},
    {"a reference",
     B("\x80\x04](]\x94h\0K\x01"
       "e."),
     "",
     {OLD(0), OLD(2), OLD(1), STOP},
     B("\x80\x04](]\x94K\x01h\0e."),
     NULL},
    {"lone ones",
     B("\x80\x04]]\x94K\x01"
       "aaK\x02"
       "a."),
     "",
     {OLD(1), OLD(0), STOP},
     B("\x80\x04]]\x94K\x01"
       "a0K\x02"
       "ah\0a."),
     NULL},
    {"a pair",
     B("\x80\x04}(K\x01K\x02K\x03K\x04u."),
     "",
     {OLD(1), OLD(0), STOP},
     B("\x80\x04}(K\x03K\x04K\x01K\x02u."),
     NULL},
    {"a pair with a new value",
     B("\x80\x04}(K\x01K\x02K\x03K\x04u."),
     "",
     {OLD(1), {0, NULL, "9"}, STOP},
     B("\x80\x04}(K\x03K\x04K\x01K\x09u."),
     NULL},
    {"a container whose slot is stored into again",
     B("\x80\x02](]q\0K\x01"
       "aK\x05q\0h\0e."),
     "",
     {OLD(1), OLD(2), OLD(0), STOP},
     B("\x80\x02](]q\0q\x01K\x01"
       "a0K\x05q\0h\0h\x01"
       "e."),
     NULL},
};

static void test_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const struct list *l = &lists[i];
        struct buf out;
        struct rig r;
        enum pb_err err;

        buf_init(&out, 1u << 20);
        rig_open(&r, l->bytes, l->n);
        if (pkl_doc_error(r.doc, &r.e) != PB_OK)
            fail_msg("%s: %s", l->name, r.e.msg);
        set_list(&r, l);
        err = rig_save(&r, &out);
        if (l->says != NULL) {
            if (err != PB_EREADONLY || strstr(r.e.msg, l->says) == NULL)
                fail_msg("%s: %d %s", l->name, (int)err, r.e.msg);
        } else {
            if (err != PB_OK)
                fail_msg("%s: %s", l->name, r.e.msg);
            must_be(l, &out);
        }
        rig_close(&r);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
