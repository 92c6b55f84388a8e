/* Piece lists as bytes: what is put in, taken out, moved and changed in containers of every kind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/pickle/index.h"
#include "../../src/pickle/opcode_bytes.h"
#include "support/list_rig.h"

#define B(text) text, sizeof text - 1
#define F(n) "\x95" n "\0\0\0\0\0\0\0"

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
    {"a class, without its slot, which nobody reads",
     B("\x80\x02](cm\nC\nq\0K\x02"
       "e."),
     "",
     {OLD(1), OLD(0), STOP},
     B("\x80\x02](K\x02"
       "cm\nC\n"
       "e."),
     NULL},
    {"a class that is read",
     B("\x80\x02](cm\nC\nq\0K\x02h\0e."),
     "",
     {OLD(1), OLD(0), OLD(2), STOP},
     B("\x80\x02](cm\nC\nq\0000K\x02h\0h\0e."),
     NULL},
    {"a bytearray, without its slot",
     B("\x80\x05](\x96\x01\0\0\0\0\0\0\0b\x94K\x02"
       "e."),
     "",
     {OLD(1), OLD(0), STOP},
     B("\x80\x05](K\x02\x96\x01\0\0\0\0\0\0\0b"
       "e."),
     NULL},
    {"a persistent object with a state",
     B("\x80\x02](Pid\n}q\0bK\x02"
       "e."),
     "",
     {OLD(1), OLD(0), STOP},
     B("\x80\x02](Pid\nq\x01}q\0b0K\x02h\x01"
       "e."),
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

static void open_list(struct rig *r, const struct list *l)
{
    rig_open(r, l->bytes, l->n);
    if (pkl_doc_error(r->doc, &r->e) != PB_OK)
        fail_msg("%s: %s", l->name, r->e.msg);
}

/* Saves it, as it should be or refused, and closes. */
static void must_save(struct rig *r, const struct list *l)
{
    struct buf out;
    enum pb_err err;

    buf_init(&out, 1u << 20);
    err = rig_save(r, &out);
    if (l->says != NULL) {
        if (err != PB_EREADONLY || strstr(r->e.msg, l->says) == NULL)
            fail_msg("%s: %d %s", l->name, (int)err, r->e.msg);
    } else {
        if (err != PB_OK)
            fail_msg("%s: %s", l->name, r->e.msg);
        must_be(l, &out);
    }
    rig_close(r);
    buf_release(&out);
}

static void test_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct rig r;

        open_list(&r, &lists[i]);
        rig_list(&r, lists[i].path, lists[i].children);
        must_save(&r, &lists[i]);
    }
}

/* --------------------------------------------------------------------------------- slots */

/* [4] is copied to [3], and [2], a GET, moved behind it: what the copy shares takes a slot that
 * nobody reads any more. */
static const struct list slots[] = {
    {"not that of a GET which comes to stand at the same place",
     B("\x80\x04](\x8c\x01x\x94\x8c\x01z\x94h\0\x8c\x01y](]\x94h\x02"
       "ee."),
     "",
     {STOP},
     B("\x80\x04](\x8c\x01x\x94\x8c\x01z\x94](]q\x01h\x01"
       "eh\0](]\x94h\x02"
       "ee."),
     NULL},
    {"there is no other, so the next one, and numbers behind it move",
     B("\x80\x04](\x8c\x01x\x94K\x01h\0\x8c\x01y](]\x94h\x01"
       "ee."),
     "",
     {STOP},
     B("\x80\x04](\x8c\x01x\x94K\x01](]q\x01h\x01"
       "eh\0](]\x94h\x02"
       "ee."),
     NULL},
};

static void copy_and_move(struct rig *r)
{
    struct pkl_child from, to, third;

    assert_int_equal(rig_find(r, "[4]", &from), PB_OK);
    assert_int_equal(rig_find(r, "[3]", &to), PB_OK);
    assert_int_equal(pkl_edit_set_copy(r->edit, &to, r->view, &from.value, &r->e), PB_OK);
    assert_int_equal(rig_find(r, "[2]", &third), PB_OK);
    assert_int_equal(pkl_edit_move(r->edit, &third, 3, &r->e), PB_OK);
}

static void test_slots(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        struct rig r;

        open_list(&r, &slots[i]);
        copy_and_move(&r);
        must_save(&r, &slots[i]);
    }
}

/* ------------------------------------------------------------------------------ at random */

struct rig_dice {
    uint64_t state;
};

static uint64_t dice(struct rig_dice *d, uint64_t n)
{
    d->state = d->state * 6364136223846793005u + 1442695040888963407u;
    return n == 0 ? 0 : (d->state >> 33) % n;
}

/* Containers met on random ways from the root. */
static pkl_id any_owner(struct rig *r, struct rig_dice *d)
{
    static const enum pkl_tag tags[] = {PKL_TAG_ITEMS, PKL_TAG_ENTRIES, PKL_TAG_VALUE};
    struct pkl_child c;
    struct pkl_node n;
    pkl_id owner = 0;
    size_t got;

    assert_int_equal(r->edit->base->root(r->edit->base, 0, &c, &r->e), PB_OK);
    n = c.value;
    for (int depth = 0; depth < 12; depth++) {
        uint64_t count;
        pkl_id id = n.target;

        assert_int_equal(r->edit->base->count_children(r->edit->base, id, &count, &r->e), PB_OK);
        if (n.kind >= PKL_LIST && n.kind <= PKL_FROZENSET && dice(d, 3) == 0)
            return id;
        if (n.kind == PKL_OBJECT && n.opcode != CODE_INST && dice(d, 8) == 0)
            return PKL_ID(0, tags[dice(d, 2)], PKL_ID_OFFSET(id));
        if (n.kind >= PKL_LIST && n.kind <= PKL_FROZENSET)
            owner = id;
        if (count == 0)
            break;
        assert_int_equal(
            r->edit->base->children(r->edit->base, id, dice(d, count), 1, &c, &got, &r->e), PB_OK);
        n = got == 1 && c.key.id != 0 && dice(d, 6) == 0 ? c.key : c.value;
    }
    return owner;
}

static size_t any_value(struct rig *r, struct rig_dice *d)
{
    static const char *const texts[] = {"None",  "7",          "'text'",  "[1, [2]]", "(3, 'x')",
                                        "2.5",   "{'k': [9]}", "()",      "'é'",      "70000",
                                        "b'by'", "True",       "[[], {}]"};

    return rig_number(r, texts[dice(d, sizeof texts / sizeof *texts)]);
}

/* A new order of some children, with others between them. */
static void shuffle(struct rig *r, struct rig_dice *d, pkl_id owner)
{
    struct pkl_view *v = r->edit->base;
    struct edit_container c = {.owner = owner};
    bool pairs, orderly = dice(d, 2) == 0;
    struct pkl_node n;
    uint64_t count;

    if (owner == 0 || edit_container_of(r->edit, owner) != NULL)
        return;
    assert_int_equal(v->node(v, owner, &n, &r->e), PB_OK);
    assert_int_equal(v->count_children(v, owner, &count, &r->e), PB_OK);
    pairs = n.kind == PKL_DICT;
    if (count > 200)
        return;
    assert_true(pieces_init(&c.now, count) && pieces_init(&c.saved, count));
    for (uint64_t i = dice(d, 4) + 1; i-- > 0;) {
        uint64_t len = pieces_count(&c.now), at = dice(d, len + 1), to;
        struct piece p = {.first = PIECE_NEW + r->edit->serial++, .count = 1};
        struct pieces cut = {0};

        switch (dice(d, 4)) {
        case 0: /* put in */
            p.value = any_value(r, d);
            p.key = pairs ? any_value(r, d) : 0;
            assert_true(pieces_replace(&c.now, at, 0, &p, 1, NULL));
            break;
        case 1: /* take out */
            if (at < len)
                assert_true(pieces_replace(&c.now, at, 1, NULL, 0, NULL));
            break;
        case 2: /* change */
            if (at == len)
                break;
            p.first = pieces_at(&c.now, at)->first;
            if (!piece_is_new(pieces_at(&c.now, at)))
                p.first += at - pieces_at(&c.now, at)->at;
            p.value = dice(d, 2) == 0 || !pairs ? any_value(r, d) : 0;
            p.key = pairs && (p.value == 0 || piece_is_new(pieces_at(&c.now, at))) ? any_value(r, d)
                                                                                   : 0;
            if (piece_is_new(pieces_at(&c.now, at)) && p.value == 0)
                p.value = any_value(r, d);
            assert_true(pieces_replace(&c.now, at, 1, &p, 1, NULL));
            break;
        default: /* move */
            if (at == len || orderly)
                break;
            assert_true(pieces_replace(&c.now, at, 1, NULL, 0, &cut));
            p = cut.data[0];
            to = dice(d, len);
            assert_true(pieces_replace(&c.now, to, 0, &p, 1, NULL));
            pieces_release(&cut);
            break;
        }
    }
    assert_true(vec_push(&r->edit->containers, c));
    assert_true(idmap_put(&r->edit->by_owner, owner, r->edit->containers.len));
    r->edit->fresh = false;
}

static bool may_refuse(const char *msg)
{
    return strstr(msg, "in front of its place") != NULL || strstr(msg, "has no room") != NULL ||
           strstr(msg, "it must stay") != NULL || strstr(msg, "taken apart") != NULL ||
           strstr(msg, "unhashable") != NULL; /* an edit would not have allowed that */
}

/* What is written must be what was meant, says the proof, or it is refused for a known reason. */
static void shake(const char *bytes, size_t n, uint64_t seed, size_t *saved, size_t *refused)
{
    struct rig_dice d = {seed * 2654435761u + n};
    struct buf out;
    struct rig r;
    enum pb_err err;

    rig_open(&r, bytes, n);
    if (pkl_doc_error(r.doc, &r.e) != PB_OK || r.doc->dups.len > 0) {
        rig_close(&r);
        return;
    }
    for (uint64_t i = dice(&d, 3) + 1; i-- > 0;)
        shuffle(&r, &d, any_owner(&r, &d));
    buf_init(&out, SIZE_MAX / 2);
    err = rig_save(&r, &out);
    if (err == PB_OK)
        ++*saved;
    else if ((err == PB_EREADONLY || err == PB_EREFUSED) && may_refuse(r.e.msg))
        ++*refused;
    else
        fail_msg("seed %llu, %zu bytes: %d %s", (unsigned long long)seed, n, (int)err, r.e.msg);
    buf_release(&out);
    rig_close(&r);
}

/* A value with much sharing and recursion in protocols 0 to 5, two of them without unread slots,
 * and a list of records. */
static const struct {
    const char *bytes;
    size_t n;
} samples[] = {
    {B("(lp0\012(dp1\012Vk\012p2\012(lp3\012I1\012aVx\012p4\012aF2.5\012ag3\012asVl\012p5"
       "\012(lp6\012g3\012a(Vt\012p7\012g3\012tp8\012asI3\012NsVr\012p9\012g1\012sa(g3\012g1"
       "\012tp10\012ag3\012ag4\012ag4\012ag10\012a(ta(I1\012tp11\012a((I2\012tp12\012tp13"
       "\012ac__builtin__\012frozenset\012p14\012((lp15\012I1\012ag12\012atp16\012Rp17\012ac"
       "__builtin__\012set\012p18\012((lp19\012I1\012aVq\012p20\012atp21\012Rp22\012ac_codec"
       "s\012encode\012p23\012(Vbytes\012p24\012Vlatin1\012p25\012tp26\012Rp27\012a(dp28\012"
       "g2\012(dp29\012g2\012(lp30\012ssa(lp31\012ag0\012accollections\012OrderedDict\012p32"
       "\012(tRp33\012Va\012p34\012g3\012sVb\012p35\012(lp36\012I1\012asaccollections\012deq"
       "ue\012p37\012(tRp38\012I1\012a(lp39\012I2\012aag3\012aaccollections\012Counter\012p4"
       "0\012((dp41\012Vh\012p42\012I1\012sVe\012p43\012I1\012sVl\012p44\012I2\012sVo\012p45"
       "\012I1\012stp46\012Rp47\012accollections\012defaultdict\012p48\012(c__builtin__\012l"
       "ist\012p49\012tp50\012Rp51\012Vz\012p52\012(lp53\012I1\012asacexceptions\012ValueErr"
       "or\012p54\012(Vv\012p55\012(lp56\012I1\012atp57\012Rp58\012ac__builtin__\012complex"
       "\012p59\012(F1.0\012F2.0\012tp60\012Rp61\012a.")},
    {B("]q\000(}q\001(X\001\000\000\000kq\002]q\003(K\001X\001\000\000\000xq\004G@\004\000"
       "\000\000\000\000\000h\003eX\001\000\000\000lq\005]q\006(h\003(X\001\000\000\000tq"
       "\007h\003tq\010eK\003NX\001\000\000\000rq\011h\001u(h\003h\001tq\012h\003h\004h\004h"
       "\012)(K\001tq\013((K\002tq\014tq\015c__builtin__\012frozenset\012q\016(]q\017(K\001h"
       "\014etq\020Rq\021c__builtin__\012set\012q\022(]q\023(K\001X\001\000\000\000qq\024etq"
       "\025Rq\026c_codecs\012encode\012q\027(X\005\000\000\000bytesq\030X\006\000\000\000la"
       "tin1q\031tq\032Rq\033}q\034h\002}q\035h\002]q\036ss]q\037h\000ccollections\012Ordere"
       "dDict\012q )Rq!(X\001\000\000\000aq\042h\003X\001\000\000\000bq#]q$K\001auccollectio"
       "ns\012deque\012q%)Rq&(K\001]q'K\002ah\003eccollections\012Counter\012q((}q)(X\001"
       "\000\000\000hq*K\001X\001\000\000\000eq+K\001X\001\000\000\000lq,K\002X\001\000\000"
       "\000oq-K\001utq.Rq/ccollections\012defaultdict\012q0(c__builtin__\012list\012q1tq2Rq"
       "3X\001\000\000\000zq4]q5K\001ascexceptions\012ValueError\012q6(X\001\000\000\000vq7]"
       "q8K\001atq9Rq:c__builtin__\012complex\012q;(G\077\360\000\000\000\000\000\000G@\000"
       "\000\000\000\000\000\000tq<Rq=e.")},
    {B("\200\002]q\000(}q\001(X\001\000\000\000kq\002]q\003(K\001X\001\000\000\000xq\004G@"
       "\004\000\000\000\000\000\000h\003eX\001\000\000\000lq\005]q\006(h\003X\001\000\000"
       "\000tq\007h\003\206q\010eK\003NX\001\000\000\000rq\011h\001uh\003h\001\206q\012h\003"
       "h\004h\004h\012)K\001\205q\013K\002\205q\014\205q\015c__builtin__\012frozenset\012q"
       "\016]q\017(K\001h\014e\205q\020Rq\021c__builtin__\012set\012q\022]q\023(K\001X\001"
       "\000\000\000qq\024e\205q\025Rq\026c_codecs\012encode\012q\027X\005\000\000\000bytesq"
       "\030X\006\000\000\000latin1q\031\206q\032Rq\033}q\034h\002}q\035h\002]q\036ss]q\037h"
       "\000ccollections\012OrderedDict\012q )Rq!(X\001\000\000\000aq\042h\003X\001\000\000"
       "\000bq#]q$K\001auccollections\012deque\012q%)Rq&(K\001]q'K\002ah\003eccollections"
       "\012Counter\012q(}q)(X\001\000\000\000hq*K\001X\001\000\000\000eq+K\001X\001\000\000"
       "\000lq,K\002X\001\000\000\000oq-K\001u\205q.Rq/ccollections\012defaultdict\012q0c__b"
       "uiltin__\012list\012q1\205q2Rq3X\001\000\000\000zq4]q5K\001ascexceptions\012ValueErr"
       "or\012q6X\001\000\000\000vq7]q8K\001a\206q9Rq:c__builtin__\012complex\012q;G\077\360"
       "\000\000\000\000\000\000G@\000\000\000\000\000\000\000\206q<Rq=e.")},
    {B("\200\003]q\000(}q\001(X\001\000\000\000kq\002]q\003(K\001X\001\000\000\000xq\004G@"
       "\004\000\000\000\000\000\000h\003eX\001\000\000\000lq\005]q\006(h\003X\001\000\000"
       "\000tq\007h\003\206q\010eK\003NX\001\000\000\000rq\011h\001uh\003h\001\206q\012h\003"
       "h\004h\004h\012)K\001\205q\013K\002\205q\014\205q\015cbuiltins\012frozenset\012q\016"
       "]q\017(K\001h\014e\205q\020Rq\021cbuiltins\012set\012q\022]q\023(K\001X\001\000\000"
       "\000qq\024e\205q\025Rq\026C\005bytesq\027}q\030h\002}q\031h\002]q\032ss]q\033h\000cc"
       "ollections\012OrderedDict\012q\034)Rq\035(X\001\000\000\000aq\036h\003X\001\000\000"
       "\000bq\037]q K\001auccollections\012deque\012q!)Rq\042(K\001]q#K\002ah\003eccollecti"
       "ons\012Counter\012q$}q%(X\001\000\000\000hq&K\001X\001\000\000\000eq'K\001X\001\000"
       "\000\000lq(K\002X\001\000\000\000oq)K\001u\205q*Rq+ccollections\012defaultdict\012q,"
       "cbuiltins\012list\012q-\205q.Rq/X\001\000\000\000zq0]q1K\001ascbuiltins\012ValueErro"
       "r\012q2X\001\000\000\000vq3]q4K\001a\206q5Rq6cbuiltins\012complex\012q7G\077\360\000"
       "\000\000\000\000\000G@\000\000\000\000\000\000\000\206q8Rq9e.")},
    {B("\200\004\225o\001\000\000\000\000\000\000]\224(}\224(\214\001k\224]\224(K\001\214"
       "\001x\224G@\004\000\000\000\000\000\000h\003e\214\001l\224]\224(h\003\214\001t\224h"
       "\003\206\224eK\003N\214\001r\224h\001uh\003h\001\206\224h\003h\004h\004h\012)K\001"
       "\205\224K\002\205\224\205\224(K\001h\014\221\224\217\224(K\001\214\001q\224\220C\005"
       "bytes\224}\224h\002}\224h\002]\224ss]\224h\000\214\013collections\224\214\013Ordered"
       "Dict\224\223\224)R\224(\214\001a\224h\003\214\001b\224]\224K\001auh\026\214\005deque"
       "\224\223\224)R\224(K\001]\224K\002ah\003eh\026\214\007Counter\224\223\224}\224(\214"
       "\001h\224K\001\214\001e\224K\001\214\001l\224K\002\214\001o\224K\001u\205\224R\224h"
       "\026\214\013defaultdict\224\223\224\214\010builtins\224\214\004list\224\223\224\205"
       "\224R\224\214\001z\224]\224K\001ash,\214\012ValueError\224\223\224\214\001v\224]\224"
       "K\001a\206\224R\224h,\214\007complex\224\223\224G\077\360\000\000\000\000\000\000G@"
       "\000\000\000\000\000\000\000\206\224R\224e.")},
    {B("\200\005\225o\001\000\000\000\000\000\000]\224(}\224(\214\001k\224]\224(K\001\214"
       "\001x\224G@\004\000\000\000\000\000\000h\003e\214\001l\224]\224(h\003\214\001t\224h"
       "\003\206\224eK\003N\214\001r\224h\001uh\003h\001\206\224h\003h\004h\004h\012)K\001"
       "\205\224K\002\205\224\205\224(K\001h\014\221\224\217\224(K\001\214\001q\224\220C\005"
       "bytes\224}\224h\002}\224h\002]\224ss]\224h\000\214\013collections\224\214\013Ordered"
       "Dict\224\223\224)R\224(\214\001a\224h\003\214\001b\224]\224K\001auh\026\214\005deque"
       "\224\223\224)R\224(K\001]\224K\002ah\003eh\026\214\007Counter\224\223\224}\224(\214"
       "\001h\224K\001\214\001e\224K\001\214\001l\224K\002\214\001o\224K\001u\205\224R\224h"
       "\026\214\013defaultdict\224\223\224\214\010builtins\224\214\004list\224\223\224\205"
       "\224R\224\214\001z\224]\224K\001ash,\214\012ValueError\224\223\224\214\001v\224]\224"
       "K\001a\206\224R\224h,\214\007complex\224\223\224G\077\360\000\000\000\000\000\000G@"
       "\000\000\000\000\000\000\000\206\224R\224e.")},
    {B("\200\004\225;\001\000\000\000\000\000\000]\224(}\224(\214\001k\224]\224(K\001\214"
       "\001x\224G@\004\000\000\000\000\000\000h\003e\214\001l](h\003\214\001th\003\206eK"
       "\003N\214\001rh\001uh\003h\001\206\224h\003h\004h\004h\005)K\001\205K\002\205\224"
       "\205(K\001h\006\221\217(K\001\214\001q\220C\005bytes}h\002}h\002]ss]h\000\214\013col"
       "lections\224\214\013OrderedDict\223)R(\214\001ah\003\214\001b]K\001auh\007\214\005de"
       "que\223)R(K\001]K\002ah\003eh\007\214\007Counter\223}(\214\001hK\001\214\001eK\001"
       "\214\001lK\002\214\001oK\001u\205Rh\007\214\013defaultdict\223\214\010builtins\224"
       "\214\004list\223\205R\214\001z]K\001ash\010\214\012ValueError\223\214\001v]K\001a"
       "\206Rh\010\214\007complex\223G\077\360\000\000\000\000\000\000G@\000\000\000\000\000"
       "\000\000\206Re.")},
    {B("\200\002]q\000(}q\001(X\001\000\000\000kq\002]q\003(K\001X\001\000\000\000xq\004G@"
       "\004\000\000\000\000\000\000h\003eX\001\000\000\000l](h\003X\001\000\000\000th\003"
       "\206eK\003NX\001\000\000\000rh\001uh\003h\001\206q\005h\003h\004h\004h\005)K\001\205"
       "K\002\205q\006\205c__builtin__\012frozenset\012](K\001h\006e\205Rc__builtin__\012set"
       "\012](K\001X\001\000\000\000qe\205Rc_codecs\012encode\012X\005\000\000\000bytesX\006"
       "\000\000\000latin1\206R}h\002}h\002]ss]h\000ccollections\012OrderedDict\012)R(X\001"
       "\000\000\000ah\003X\001\000\000\000b]K\001auccollections\012deque\012)R(K\001]K\002a"
       "h\003eccollections\012Counter\012}(X\001\000\000\000hK\001X\001\000\000\000eK\001X"
       "\001\000\000\000lK\002X\001\000\000\000oK\001u\205Rccollections\012defaultdict\012c_"
       "_builtin__\012list\012\205RX\001\000\000\000z]K\001ascexceptions\012ValueError\012X"
       "\001\000\000\000v]K\001a\206Rc__builtin__\012complex\012G\077\360\000\000\000\000"
       "\000\000G@\000\000\000\000\000\000\000\206Re.")},
    {B("\200\004\225\231\003\000\000\000\000\000\000]\224(}\224(\214\001i\224K\000\214\001n"
       "\224\214\002n0\224\214\001v\224]\224K\000au}\224(h\002K\001h\003\214\002n1\224h\005]"
       "\224K\001au}\224(h\002K\002h\003\214\002n2\224h\005]\224K\002au}\224(h\002K\003h\003"
       "\214\002n3\224h\005]\224K\003au}\224(h\002K\004h\003\214\002n4\224h\005]\224K\004au}"
       "\224(h\002K\005h\003\214\002n5\224h\005]\224K\005au}\224(h\002K\006h\003\214\002n6"
       "\224h\005]\224K\006au}\224(h\002K\007h\003\214\002n7\224h\005]\224K\007au}\224(h\002"
       "K\010h\003\214\002n8\224h\005]\224K\010au}\224(h\002K\011h\003\214\002n9\224h\005]"
       "\224K\011au}\224(h\002K\012h\003\214\003n10\224h\005]\224K\012au}\224(h\002K\013h"
       "\003\214\003n11\224h\005]\224K\013au}\224(h\002K\014h\003\214\003n12\224h\005]\224K"
       "\014au}\224(h\002K\015h\003\214\003n13\224h\005]\224K\015au}\224(h\002K\016h\003\214"
       "\003n14\224h\005]\224K\016au}\224(h\002K\017h\003\214\003n15\224h\005]\224K\017au}"
       "\224(h\002K\020h\003\214\003n16\224h\005]\224K\020au}\224(h\002K\021h\003\214\003n17"
       "\224h\005]\224K\021au}\224(h\002K\022h\003\214\003n18\224h\005]\224K\022au}\224(h"
       "\002K\023h\003\214\003n19\224h\005]\224K\023au}\224(h\002K\024h\003\214\003n20\224h"
       "\005]\224K\024au}\224(h\002K\025h\003\214\003n21\224h\005]\224K\025au}\224(h\002K"
       "\026h\003\214\003n22\224h\005]\224K\026au}\224(h\002K\027h\003\214\003n23\224h\005]"
       "\224K\027au}\224(h\002K\030h\003\214\003n24\224h\005]\224K\030au}\224(h\002K\031h"
       "\003\214\003n25\224h\005]\224K\031au}\224(h\002K\032h\003\214\003n26\224h\005]\224K"
       "\032au}\224(h\002K\033h\003\214\003n27\224h\005]\224K\033au}\224(h\002K\034h\003\214"
       "\003n28\224h\005]\224K\034au}\224(h\002K\035h\003\214\003n29\224h\005]\224K\035au}"
       "\224(h\002K\036h\003\214\003n30\224h\005]\224K\036au}\224(h\002K\037h\003\214\003n31"
       "\224h\005]\224K\037au}\224(h\002K h\003\214\003n32\224h\005]\224K au}\224(h\002K!h"
       "\003\214\003n33\224h\005]\224K!au}\224(h\002K\042h\003\214\003n34\224h\005]\224K\042"
       "au}\224(h\002K#h\003\214\003n35\224h\005]\224K#au}\224(h\002K$h\003\214\003n36\224h"
       "\005]\224K$au}\224(h\002K%h\003\214\003n37\224h\005]\224K%au}\224(h\002K&h\003\214"
       "\003n38\224h\005]\224K&au}\224(h\002K'h\003\214\003n39\224h\005]\224K'aue.")},
};

static void test_at_random(void **state)
{
    static const uint64_t rounds = 60;
    size_t saved = 0, refused = 0;

    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        for (uint64_t seed = 0; seed < rounds; seed++)
            shake(samples[i].bytes, samples[i].n, seed, &saved, &refused);
    }
    print_message("%zu saved, %zu refused\n", saved, refused);
    assert_true(refused * 5 < saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_at_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
