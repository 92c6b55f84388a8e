/* What an edit does to the bytes: each recipe, exactly; memo numbers, frames, families. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/edit_rig.h"

#define B(text) text, sizeof text - 1
#define F(n) "\x95" n "\0\0\0\0\0\0\0"

struct recipe {
    const char *name;
    const char *bytes;
    size_t n;
    const char *edits[4];
    const char *want;
    size_t want_n;
};

static const struct recipe recipes[] = {
    /* Literals that nobody reads again: in their place, memo opcodes untouched. */
    {"one byte",
     B("\x80\x04" F("\x0b") "}\x94\x8c\x03"
                            "ageK\x1es."),
     {".age=31"},
     B("\x80\x04" F("\x0b") "}\x94\x8c\x03"
                            "ageK\x1fs.")},
    {"p4 list item, memoized, not read",
     B("\x80\x04]\x94(\x8c\x01x\x94\x8c\x01y\x94h\x01"
       "e."),
     {"[1]='n'"},
     B("\x80\x04]\x94(\x8c\x01x\x94\x8c\x01n\x94h\x01"
       "e.")},
    {"another kind keeps the MEMOIZE",
     B("\x80\x04]\x94(\x8c\x01x\x94\x8c\x01y\x94h\x01"
       "e."),
     {"[1]=None"},
     B("\x80\x04]\x94(\x8c\x01x\x94N\x94h\x01"
       "e.")},
    /* R1: a literal that is read again. */
    {"p2 the one that defines",
     B("\x80\x02}q\x00(X\x01\x00\x00\x00"
       "aq\x01X\x01\x00\x00\x00xq\x02X\x01\x00\x00\x00"
       "bq\x03h\x02u."),
     {".a='yy'"},
     B("\x80\x02}q\x00(X\x01\x00\x00\x00"
       "aq\x01X\x01\x00\x00\x00xq\x02"
       "0X\x02\x00\x00\x00yyX\x01\x00"
       "\x00\x00"
       "bq\x03h\x02u.")},
    {"p0 the one that defines",
     B("(dp0\nVa\np1\nVx\np2\nsVb\np3\ng2\ns."),
     {".a='yy'"},
     B("(dp0\nVa\np1\nVx\np2\n0Vyy\nsVb\np3\ng2\ns.")},
    {"p4 the one that defines",
     B("\x80\x04]\x94(\x8c\x01x\x94\x8c\x01y\x94h\x01"
       "e."),
     {"[0]=5"},
     B("\x80\x04]\x94(\x8c\x01x\x94"
       "0K\x05\x8c\x01y\x94h\x01"
       "e.")},
    {"gaps in numbering",
     B("\x80\x02]q\x07(X\x01\x00\x00\x00xq\x09h\x09"
       "e."),
     {"[0]='z'"},
     B("\x80\x02]q\x07(X\x01\x00\x00\x00xq\x09"
       "0X\x01\x00\x00\x00zh\x09"
       "e.")},
    {"BINPUT inside p4",
     B("\x80\x04]\x94(\x8c\x01xq\x64h\x64"
       "e."),
     {"[0]=1"},
     B("\x80\x04]\x94(\x8c\x01xq\x64"
       "0K\x01h\x64"
       "e.")},
    {"MEMOIZE counts slots, not numbers",
     B("\x80\x04]\x94(\x8c\x01xr\xe8\x03\0\0\x8c\x01y\x94h\x02"
       "e."),
     {"[1]=1", "[0]=2"},
     B("\x80\x04]\x94(K\x02r\xe8\x03\0\0\x8c\x01y\x94"
       "0K\x01h\x02"
       "e.")},
    {"read as the name of a class",
     B("\x80\x04](\x8c\x01m\x94h\x00\x8c\x01"
       "C\x93"
       "e."),
     {"[0]='n'"},
     B("\x80\x04](\x8c\x01m\x94"
       "0\x8c\x01nh\x00\x8c\x01"
       "C\x93"
       "e.")},
    {"read as a key",
     B("\x80\x04](\x8c\x01k\x94}h\x00K\x01s"
       "e."),
     {"[0]=7", "[1].k=2"},
     B("\x80\x04](\x8c\x01k\x94"
       "0K\x07}h\x00K\x02s"
       "e.")},
    {"a slot defined again is another one",
     B("\x80\x02](K\x01q\x00K\x02q\x00h\x00"
       "e."),
     {"[0]=8"},
     B("\x80\x02](K\x08q\x00K\x02q\x00h\x00"
       "e.")},
    {"the last definition before the GET",
     B("\x80\x02](K\x01q\x00h\x00K\x02q\x00"
       "e."),
     {"[0]=8", "[2]=9"},
     B("\x80\x02](K\x01q\x00"
       "0K\x08h\x00K\x09q\x00"
       "e.")},
    {"a GET that is replaced reads nothing",
     B("\x80\x02](K\x01q\x00h\x00"
       "e."),
     {"[0]=8", "[1]=9"},
     B("\x80\x02](K\x08q\x00K\x09"
       "e.")},
    /* R2: the use. */
    {"p2 the one that reads",
     B("\x80\x02}q\x00(X\x01\x00\x00\x00"
       "aq\x01X\x01\x00\x00\x00xq\x02X\x01\x00\x00\x00"
       "bq\x03h\x02u."),
     {".b='yy'"},
     B("\x80\x02}q\x00(X\x01\x00\x00\x00"
       "aq\x01X\x01\x00\x00\x00xq\x02X\x01\x00\x00\x00"
       "bq\x03X\x02"
       "\x00\x00\x00yyu.")},
    {"p0 the one that reads",
     B("(lp0\nVx\np1\nag1\na."),
     {"[1]=True"},
     B("(lp0\nVx\np1\naI01\na.")},
    {"a reference memoized again",
     B("\x80\x02](K\x01q\x00h\x00q\x05h\x05"
       "e."),
     {"[1]=9"},
     B("\x80\x02](K\x01q\x00h\x00q\x05"
       "0K\x09h\x05"
       "e.")},
    /* Spelling: R9, R10, T8. */
    {"p0 int one is no bool", B("I5\n."), {"=1"}, B("I1\n.")},
    {"p0 bool", B("I5\n."), {"=True"}, B("I01\n.")},
    {"p0 long stays", B("L5L\n."), {"=1"}, B("L1L\n.")},
    {"p0 big", B("I5\n."), {"=2147483648"}, B("L2147483648L\n.")},
    {"p1 big",
     B("](K\x01"
       "e."),
     {"[0]=2147483648"},
     B("](L2147483648L\n"
       "e.")},
    {"p4 negative", B("\x80\x04K\x01."), {"=-1"}, B("\x80\x04J\xff\xff\xff\xff.")},
    {"p4 beyond 32 bits", B("\x80\x04K\x01."), {"=2147483648"}, B("\x80\x04\x8a\x05\0\0\0\x80\0.")},
    {"p3 bytes",
     B("\x80\x03K\x01."),
     {"=b'ab'"},
     B("\x80\x03"
       "C\x02"
       "ab.")},
    {"p2 bytes by a call",
     B("\x80\x02K\x01."),
     {"=b'ab'"},
     B("\x80\x02"
       "c_codecs\nencode\nX\x02\0\0\0"
       "abX\x06\0\0\0latin1\x86R.")},
    {"Python 2 str stays",
     B("\x80\x02U\x01x."),
     {"='ab'"},
     B("\x80\x02U\x02"
       "ab.")},
    {"Python 2 bytes are str",
     B("\x80\x02](U\x01xK\x01"
       "e."),
     {"[1]=b'\\xff'"},
     B("\x80\x02](U\x01xU\x01\xff"
       "e.")},
    {"Python 2 text beyond ASCII",
     B("\x80\x02U\x01x."),
     {"='\\xe9'"},
     B("\x80\x02X\x02\0\0\0\xc3\xa9.")},
    {"no SHORT_BINUNICODE in p2",
     B("\x80\x02X\x01\0\0\0"
       "a."),
     {"='b'"},
     B("\x80\x02X\x01\0\0\0"
       "b.")},
    /* Places of every kind. */
    {"tuple item",
     B("\x80\x04K\x01K\x02K\x03\x87\x94."),
     {"[2]=9"},
     B("\x80\x04K\x01K\x02K\x09\x87\x94.")},
    {"frozenset member",
     B("\x80\x04(K\x01K\x05\x91\x94."),
     {"[#1]=6"},
     B("\x80\x04(K\x01K\x06\x91\x94.")},
    {"the last of equal keys",
     B("\x80\x04}(\x8c\x01"
       "aK\x01\x8c\x01"
       "bK\x02\x8c\x01"
       "aK\x03u."),
     {".a=4"},
     B("\x80\x04}(\x8c\x01"
       "aK\x01\x8c\x01"
       "bK\x02\x8c\x01"
       "aK\x04u.")},
    {"lone APPEND and SETITEM",
     B("\x80\x04]}K\x01K\x02sa."),
     {"[0][1]=3"},
     B("\x80\x04]}K\x01K\x03sa.")},
    {"attribute",
     B("\x80\x02"
       "cm\nC\n)\x81}X\x01\0\0\0zK\x01sb."),
     {".z=2"},
     B("\x80\x02"
       "cm\nC\n)\x81}X\x01\0\0\0zK\x02sb.")},
    {"slot",
     B("\x80\x02"
       "cm\nC\n)\x81N}X\x01\0\0\0zK\x01s\x86"
       "b."),
     {".z=2"},
     B("\x80\x02"
       "cm\nC\n)\x81N}X\x01\0\0\0zK\x02s\x86"
       "b.")},
    {"argument",
     B("\x80\x02"
       "cm\nf\nK\x01K\x02\x86R."),
     {"@args[1]=3"},
     B("\x80\x02"
       "cm\nf\nK\x01K\x03\x86R.")},
    {"argument of INST", B("(I1\nim\nC\n."), {"@args[0]=2"}, B("(I2\nim\nC\n.")},
    {"argument of OBJ", B("(cm\nC\nK\x01o."), {"@args[0]=2"}, B("(cm\nC\nK\x02o.")},
    {"state that is no dict",
     B("\x80\x02"
       "cm\nC\n)\x81K\x01"
       "b."),
     {"@state=2"},
     B("\x80\x02"
       "cm\nC\n)\x81K\x02"
       "b.")},
    {"item of a list subclass",
     B("\x80\x02"
       "cm\nL\n)\x81(K\x01K\x02"
       "e."),
     {"[1]=3"},
     B("\x80\x02"
       "cm\nL\n)\x81(K\x01K\x03"
       "e.")},
    {"entry of a dict subclass",
     B("\x80\x02"
       "cm\nD\n)\x81K\x01K\x02s."),
     {"[1]=3"},
     B("\x80\x02"
       "cm\nD\n)\x81K\x01K\x03s.")},
    {"below a reference: the maker",
     B("\x80\x02](]q\x00K\x01"
       "ah\x00"
       "e."),
     {"[1][0]=2"},
     B("\x80\x02](]q\x00K\x02"
       "ah\x00"
       "e.")},
    {"in itself",
     B("\x80\x02]q\x00(K\x01h\x00"
       "e."),
     {"[1][1][0]=2"},
     B("\x80\x02]q\x00(K\x02h\x00"
       "e.")},
    {"second of DUP",
     B("\x80\x02K\x01"
       "2\x86."),
     {"[1]=5"},
     B("\x80\x02K\x01K\x05\x86.")},
    {"first of DUP",
     B("\x80\x02K\x01"
       "2\x86."),
     {"[0]=5"},
     B("\x80\x02K\x05K\x01\x86.")},
    {"the midst of DUPs",
     B("\x80\x02K\x01"
       "22\x87."),
     {"[1]=5"},
     B("\x80\x02K\x01K\x05K\x01\x87.")},
    {"a list of DUP, both",
     B("\x80\x02]K\x01"
       "a2\x86."),
     {"[1]=5", "[0]=6"},
     B("\x80\x02K\x06K\x05\x86.")},
    {"a list that stays at the DUP",
     B("\x80\x02]K\x01"
       "a2\x86."),
     {"[0]=5"},
     B("\x80\x02K\x05]K\x01"
       "a\x86.")},
    {"pickles and trailing bytes", B("K\x01.K\x02.rest"), {"@1=3", "=4"}, B("K\x04.K\x03.rest")},
    {"a memo shared by pickles",
     B("\x80\x02X\x01\0\0\0xq\x00.\x80\x02h\x00."),
     {"=1", "@1=2"},
     B("\x80\x02K\x01q\x00.\x80\x02K\x02.")},
    {"only the first of them",
     B("\x80\x02X\x01\0\0\0xq\x00.\x80\x02h\x00."),
     {"=1"},
     B("\x80\x02X\x01\0\0\0xq\x00"
       "0K\x01.\x80\x02h\x00.")},
    /* Frames. */
    {"frame grows",
     B("\x80\x04" F("\x08") "]\x94\x8c\x01"
                            "aK\x01\x86."),
     {"[0]='abc'"},
     B("\x80\x04" F("\x0a") "]\x94\x8c\x03"
                            "abcK\x01\x86.")},
    {"two frames",
     B("\x80\x04" F("\x04") "]\x94K\x01" F("\x02") "a."),
     {"[0]=300"},
     B("\x80\x04" F("\x05") "]\x94M\x2c\x01" F("\x02") "a.")},
    {"a frame in a frame",
     B("\x80\x04" F("\x11") "](" F("\x06") "K\x01K\x02"
                                           "e."),
     {"[0]=300"},
     B("\x80\x04" F("\x12") "](" F("\x07") "M\x2c\x01K\x02"
                                           "e.")},
    {"in front of a frame in a frame",
     B("\x80\x04" F("\x11") "](K\x01" F("\x04") "K\x02"
                                                "e."),
     {"[0]=300"},
     B("\x80\x04" F("\x12") "](M\x2c\x01" F("\x04") "K\x02"
                                                    "e.")},
    {"frame ends amid a group",
     B("\x80\x04" F("\x05") "]\x94(K\x01" F("\x04") "K\x02"
                                                    "e."),
     {"[1]=300"},
     B("\x80\x04" F("\x05") "]\x94(K\x01" F("\x05") "M\x2c\x01"
                                                    "e.")},
    {"frame, then none",
     B("\x80\x04" F("\x02") "]\x94K\x01"
                            "a."),
     {"[0]=300"},
     B("\x80\x04" F("\x02") "]\x94M\x2c\x01"
                            "a.")},
    {"no frame at all",
     B("\x80\x04]\x94K\x01"
       "a."),
     {"[0]=300"},
     B("\x80\x04]\x94M\x2c\x01"
       "a.")},
    {"MEMOIZE in the next frame",
     B("\x80\x04](\x8c\x01x" F("\x05") "\x94K\x02"
                                       "e."),
     {"[0]='yy'"},
     B("\x80\x04](\x8c\x02yy" F("\x05") "\x94K\x02"
                                        "e.")},
    {"read, with its MEMOIZE in the next frame",
     B("\x80\x04](\x8c\x01x" F("\x05") "\x94h\x00"
                                       "e."),
     {"[0]=1"},
     B("\x80\x04](\x8c\x01x" F("\x08") "\x94"
                                       "0K\x01h\x00"
                                       "e.")},
    {"put in at the end of a frame",
     B("\x80\x04" F("\x06") "](\x8c\x01x\x94" F("\x04") "h\x00"
                                                        "e."),
     {"[0]=1"},
     B("\x80\x04" F("\x09") "](\x8c\x01x\x94"
                            "0K\x01" F("\x04") "h\x00"
                                               "e.")},
    {"a header in the frame, its payload behind",
     B("\x80\x04" F("\x04") "](\x8c\x03"
                            "abcK\x01"
                            "e."),
     {"[0]='x'"},
     B("\x80\x04" F("\x05") "](\x8c\x01xK\x01"
                            "e.")},
    {"a wrong frame elsewhere stays",
     B("\x80\x04" F("\x02") "K\x01." F("\x09") "K\x02.."),
     {"=3"},
     B("\x80\x04" F("\x02") "K\x03." F("\x09") "K\x02..")},
    /* Containers. */
    {"a container goes with its slots",
     B("\x80\x02](]q\x00(K\x01K\x02"
       "eK\x03"
       "e."),
     {"[0]=None"},
     B("\x80\x02](NK\x03"
       "e.")},
    {"numbers kept for a later MEMOIZE",
     B("\x80\x04](]\x94(\x8c\x01"
       "a\x94K\x02"
       "e\x8c\x01x\x94h\x02"
       "e."),
     {"[0]=None"},
     B("\x80\x04](N\x94\x94\x8c\x01x\x94h\x02"
       "e.")},
    {"a part is read later",
     B("\x80\x02](]q\x00(X\x01\0\0\0xq\x01K\x02"
       "eh\x01"
       "e."),
     {"[0]=None"},
     B("\x80\x02](X\x01\0\0\0xq\x01"
       "0Nh\x01"
       "e.")},
    {"a part is read later, by number",
     B("\x80\x04](]\x94(\x8c\x01x\x94\x8c\x01y\x94"
       "eh\x01\x8c\x01z\x94h\x03"
       "e."),
     {"[0]=None"},
     B("\x80\x04](N\x94"
       "0\x8c\x01x\x94"
       "0N\x94"
       "0Nh\x01\x8c\x01z\x94h\x03"
       "e.")},
    {"all of it is read later",
     B("\x80\x02](]q\x00K\x01"
       "ah\x00"
       "e."),
     {"[0]=7"},
     B("\x80\x02](]q\x00K\x01"
       "a0K\x07h\x00"
       "e.")},
    {"what stays reads what would go",
     B("\x80\x02](](K\x09q\x01]q\x02h\x01"
       "aeh\x02"
       "e."),
     {"[0]=7"},
     B("\x80\x02](K\x09q\x01"
       "0]q\x02h\x01"
       "a0K\x07h\x02"
       "e.")},
    {"old bytes share what they call",
     B("\x80\x02](c_codecs\nencode\nq\x00X\x01\0\0\0"
       "aX\x06\0\0\0latin1q\x01\x86Rq\x02h\x00X\x01\0\0\0"
       "bh\x01\x86R"
       "e."),
     {"[0]=1"},
     B("\x80\x02](c_codecs\nencode\nq\x00"
       "0X\x06\0\0\0latin1q\x01"
       "0K\x01h\x00X\x01\0\0\0"
       "bh\x01\x86R"
       "e.")},
    {"a new container, edited inside",
     B("\x80\x04](K\x01K\x02"
       "e."),
     {"[0]={'a': [1, 2]}", "[0].a[1]='x'", "[0].a[1]=5"},
     B("\x80\x04](}\x8c\x01"
       "a](K\x01K\x05"
       "esK\x02"
       "e.")},
    {"edited inside, its place replaced, and still read",
     B("\x80\x02](]q\x00K\x01"
       "ah\x00"
       "e."),
     {"[0][0]=2", "[0]=1"},
     B("\x80\x02](]q\x00K\x02"
       "a0K\x01h\x00"
       "e.")},
    {"and replaced after",
     B("\x80\x04](K\x01K\x02"
       "e."),
     {"[0]=[1, 2]", "[0][1]=5", "[0]=8"},
     B("\x80\x04](K\x08K\x02"
       "e.")},
};

static void test_recipes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        const struct recipe *c = &recipes[i];
        struct buf out;
        struct rig r;

        rig_open(&r, c->bytes, c->n);
        for (size_t k = 0; k < 4 && c->edits[k] != NULL; k++) {
            if (rig_set(&r, c->edits[k]) != PB_OK)
                fail_msg("%s: %s: %s", c->name, c->edits[k], r.e.msg);
        }
        buf_init(&out, 1u << 20);
        if (rig_save(&r, &out) != PB_OK)
            fail_msg("%s: %s", c->name, r.e.msg);
        if (out.len != c->want_n || memcmp(out.data, c->want, out.len) != 0) {
            for (size_t k = 0; k < out.len; k++)
                print_message("%02x ", (unsigned char)out.data[k]);
            fail_msg("%s: other bytes than these were wanted", c->name);
        }
        while (pkl_edit_undo(r.edit))
            continue;
        buf_clear(&out);
        if (rig_save(&r, &out) != PB_OK || out.len != c->n || memcmp(out.data, c->bytes, c->n) != 0)
            fail_msg("%s: undone, but not as it was", c->name);
        buf_release(&out);
        rig_close(&r);
    }
}

static void test_no_change_is_one_copy(void **state)
{
    static const char bytes[] = "\x80\x04]\x94(\x8c\x01x\x94K\x01"
                                "e.trailing";
    struct pkl_splice plan;
    struct rig r;

    (void)state;
    rig_open(&r, bytes, sizeof bytes - 1);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(pkl_splice_plan(r.edit, &plan, &r.e), PB_OK);
        assert_int_equal(plan.count, 1);
        assert_int_equal(plan.segments[0].kind, SPLICE_COPY);
        assert_int_equal(plan.size, sizeof bytes - 1);
        assert_int_equal(plan.untouched, sizeof bytes - 1);
        pkl_splice_release(&plan);
        rig_must_set(&r, "[1]=2");
        assert_true(pkl_edit_undo(r.edit));
    }
    rig_close(&r);
}

static void test_what_is_refused_when_planned(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *edits[2];
        const char *says;
    } cases[] = {
        {B("\x80\x04" F("\x20") "](K\x01K\x02"
                                "e.trailing bytes that the frame covers"),
         {"[0]=300"},
         "beyond the end"},
        {B("\x80\x04" F("\x0d") "](" F("\x04") "K\x01K\x02"
                                               "e.trailing"),
         {"[0]=300"},
         "ends behind it"},
        {B("\x80\x04" F("\x06") "](K\x01\x8c\x03"
                                "abc"
                                "e."),
         {"[0]=300"},
         ""},
        {B("\x80\x05](](\x97"
           "eK\x01"
           "e."),
         {"[0]=1"},
         "buffer"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pkl_splice plan;
        struct rig r;
        enum pb_err err;

        rig_open(&r, cases[i].bytes, cases[i].n);
        for (size_t k = 0; k < 2 && cases[i].edits[k] != NULL; k++) {
            if (rig_set(&r, cases[i].edits[k]) != PB_OK)
                fail_msg("row %zu: %s", i, r.e.msg);
        }
        err = pkl_splice_plan(r.edit, &plan, &r.e);
        if (i == 2) { /* the frame ends between a length and what it counts: that is allowed */
            assert_int_equal(err, PB_OK);
            pkl_splice_release(&plan);
        } else if (err != PB_EREADONLY || strstr(r.e.msg, cases[i].says) == NULL) {
            fail_msg("row %zu: %d %s", i, (int)err, r.e.msg);
        }
        rig_close(&r);
    }
}

/* Long literals stand outside frames; a new one may stand in one. */
/* The array behind a wrapper of joblib is as long as its shape and dtype say. */
static void test_what_says_how_long_an_array_is(void **state)
{
    static const char bytes[] = "\x80\x02](cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}("
                                "X\x05\0\0\0shapeK\x02\x85"
                                "X\x05\0\0\0dtypecnumpy\ndtype\nX\x02\0\0\0u1\x85R"
                                "X\x05\0\0\0orderX\x01\0\0\0Cub"
                                "hiK\x07"
                                "e.";
    static const char *const refused[] = {"[0].shape[0]=3", "[0].shape=(3,)", "[0].dtype=None",
                                          "[0].dtype@args[0]='u2'"};
    static const char *const taken[] = {"[1]=8", "[0].order='F'", "[0]=None"};
    struct rig r;

    (void)state;
    rig_open(&r, bytes, sizeof bytes - 1);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (rig_set(&r, refused[i]) != PB_EREADONLY || strstr(r.e.msg, "depends on") == NULL)
            fail_msg("%s: %s", refused[i], r.e.msg);
    }
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        rig_must_set(&r, taken[i]);
    rig_close(&r);
}

static void test_long_literals(void **state)
{
    struct buf bytes, edit, out, want;
    struct rig r;

    (void)state;
    buf_init(&bytes, 1u << 20);
    buf_init(&edit, 1u << 20);
    buf_init(&out, 1u << 20);
    buf_init(&want, 1u << 20);
    buf_append(&bytes, B("\x80\x04](B\x70\x11\x01\x00"));
    buf_fill(&bytes, 'y', 70000);
    buf_append(&bytes, B(F("\x05") "\x94K\x01"
                                   "e."));
    rig_open(&r, bytes.data, bytes.len);
    rig_must_set(&r, "[0]=b'z'");
    assert_int_equal(rig_save(&r, &out), PB_OK);
    buf_append(&want, B("\x80\x04](C\x01z" F("\x05") "\x94K\x01"
                                                     "e."));
    assert_int_equal(out.len, want.len);
    assert_memory_equal(out.data, want.data, want.len);

    buf_puts(&edit, "[1]='");
    buf_fill(&edit, 'w', 70000);
    buf_putc(&edit, '\'');
    rig_must_set(&r, edit.data);
    buf_clear(&out);
    assert_int_equal(rig_save(&r, &out), PB_OK);
    assert_int_equal(out.len, want.len - 2 + 70005);
    assert_memory_equal(out.data + 7, "\x95\x78\x11\x01\0\0\0\0\0\x94X\x70\x11\x01\0w", 16);
    rig_close(&r);
    buf_release(&bytes);
    buf_release(&edit);
    buf_release(&out);
    buf_release(&want);
}

/* Reading the result in windows of every size and place gives the same bytes. */
static void test_the_result_as_a_source(void **state)
{
    static const char bytes[] = "\x80\x04](\x8c\x01x\x94K\x01K\x02\x8c\x03"
                                "abch\x00"
                                "e.and more behind it";
    struct source *result;
    struct pkl_splice plan;
    struct buf whole;
    struct sink to = sink_buf(&whole);
    struct rig r;

    (void)state;
    rig_open(&r, bytes, sizeof bytes - 1);
    rig_must_set(&r, "[0]='long enough'");
    rig_must_set(&r, "[2]=70000");
    rig_must_set(&r, "[3]='q'");
    assert_int_equal(pkl_splice_plan(r.edit, &plan, &r.e), PB_OK);
    assert_int_equal(pkl_splice_source(&plan, &result, &r.e), PB_OK);
    buf_init(&whole, 1000);
    assert_int_equal(source_copy(result, 0, result->size, &to, &r.e), PB_OK);
    assert_int_equal(whole.len, plan.size);
    for (size_t off = 0; off <= whole.len; off++) {
        for (size_t want = 0; want <= whole.len + 1; want++) {
            const uint8_t *p;
            size_t n, least = want < whole.len - off ? want : whole.len - off;

            assert_int_equal(source_view(result, off, want, &p, &n, &r.e), PB_OK);
            assert_true(n >= least && n <= whole.len - off);
            assert_memory_equal(p, whole.data + off, n);
        }
    }
    buf_release(&whole);
    source_free(result);
    pkl_splice_release(&plan);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recipes),
        cmocka_unit_test(test_no_change_is_one_copy),
        cmocka_unit_test(test_what_is_refused_when_planned),
        cmocka_unit_test(test_what_says_how_long_an_array_is),
        cmocka_unit_test(test_long_literals),
        cmocka_unit_test(test_the_result_as_a_source),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
