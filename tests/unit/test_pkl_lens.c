/* Lenses: texts, types and reasons of hand-made calls, valid and not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/pkl_lens.h>
#include <pklbrowse/pkl_path.h>
#include <pklbrowse/pkl_repr.h>

struct sample {
    const char *bytes;
    size_t n;
    const char *repr;   /* what --repr prints */
    const char *type;   /* of the type column */
    const char *reason; /* why it is raw; NULL: it is not, or nothing is known of it */
};
#define S(literal, repr, type)                                                                     \
    {                                                                                              \
        literal, sizeof(literal) - 1, repr, type, NULL                                             \
    }
#define RAW(literal, repr, type, reason)                                                           \
    {                                                                                              \
        literal, sizeof(literal) - 1, repr, type, reason                                           \
    }

static void open_bytes(const struct sample *s, struct source **src, struct pkl_doc **d,
                       struct pkl_child *root)
{
    struct error e = {0};
    struct pkl_view *v;

    *src = source_mem(s->bytes, s->n, false);
    assert_non_null(*src);
    assert_int_equal(pkl_doc_new(*src, 0, NULL, d, &e), PB_OK);
    assert_int_equal(pkl_doc_index(*d, &e), PB_OK);
    if (pkl_doc_error(*d, &e) != PB_OK)
        fail_msg("%s: %s", s->repr, e.msg);
    v = pkl_doc_view(*d);
    assert_int_equal(v->root(v, 0, root, &e), PB_OK);
}

static void check_sample(const struct sample *s)
{
    struct source *src;
    struct pkl_doc *d;
    struct pkl_child root;
    struct error e = {0};
    struct buf repr, type, reason;
    struct sink to = sink_buf(&repr);

    open_bytes(s, &src, &d, &root);
    buf_init(&repr, BUF_MAX_TEXT);
    buf_init(&type, BUF_MAX_LINE);
    buf_init(&reason, BUF_MAX_LINE);
    assert_int_equal(pkl_repr(pkl_doc_view(d), &root.value, NULL, &to, &e), PB_OK);
    assert_string_equal(repr.data, s->repr);
    assert_int_equal(pkl_type_name(pkl_doc_view(d), &root.value, &type, &e), PB_OK);
    assert_string_equal(type.data, s->type);
    assert_int_equal(pkl_lens_reason(pkl_doc_view(d), &root.value, &reason, &e), PB_OK);
    assert_string_equal(reason.data, s->reason != NULL ? s->reason : "");
    buf_release(&repr);
    buf_release(&type);
    buf_release(&reason);
    pkl_doc_free(d);
    source_free(src);
}

static void check_all(const struct sample *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_sample(&s[i]);
}

#define F8                                                                                         \
    "cnumpy\ndtype\n(X\x02\x00\x00\x00"                                                            \
    "f8I00\nI01\ntR(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
#define O8                                                                                         \
    "cnumpy\ndtype\n(X\x02\x00\x00\x00O8I00\nI01\ntR(K\x03X\x01\x00\x00\x00|"                      \
    "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb"
#define ND                                                                                         \
    "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85"                            \
    "C\x01"                                                                                        \
    "btR"

#define TEXT "cnumpy._core._internal\n_convert_to_stringdtype_kwargs\n"

static void test_numpy(void **state)
{
    static const struct sample all[] = {
        S("\x80\x03" ND "(K\x01K\x02\x85" F8 "I00\n"
          "C\x10\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\x40tb.",
          "<numpy.ndarray float64 (2,) [1.0, 2.0]>", "ndarray"),
        /* numpy 2, without a version, order of Fortran, data as in Python 2 */
        S("\x80\x02"
          "cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01"
          "btR"
          "(K\x01K\x02\x86" F8 "I01\nU\x10\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\x40tb.",
          "<numpy.ndarray float64 (1, 2) [1.0, 2.0]>", "ndarray"),
        S("\x80\x05"
          "cnumpy._core.numeric\n_frombuffer\n(\x96\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\xf8\x3f" F8
          ")X\x01\0\0\0Ct\x52.",
          "<numpy.ndarray float64 () 1.5>", "ndarray"),
        S("\x80\x03" ND "(K\x01K\x02\x85" O8 "I00\n](K\x01]etb.",
          "<numpy.ndarray object (2,) [1, []]>", "ndarray"),
        S("\x80\x03"
          "cnumpy.core.multiarray\nscalar\n" F8 "C\x08\0\0\0\0\0\0\xf8\x3f\x86R.",
          "<numpy.float64 1.5>", "float64"),
        S("\x80\x03" F8 ".", "dtype('float64')", "dtype"),
        RAW("\x80\x03" F8 "}K\x01K\x02sb.", "<numpy.dtype args=('f8', False, True) state={1: 2}>",
            "numpy.dtype", "its state is set more than once"),
        RAW("\x80\x03"
            "cnumpy\ndtype\n(X\x02\0\0\0i3I00\nI01\ntR.",
            "<numpy.dtype args=('i3', False, True)>", "numpy.dtype",
            "its dtype has an impossible size"),
        RAW("\x80\x03"
            "cnumpy\ndtype\n(X\x02\0\0\0z3I00\nI01\ntR.",
            "<numpy.dtype args=('z3', False, True)>", "numpy.dtype",
            "the code of its dtype is not known"),
        RAW("\x80\x03" ND "(K\x01K\x03\x85" F8
            "I00\nC\x10\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\x40tb.",
            "<numpy.core.multiarray._reconstruct args=(<global numpy.ndarray>, (0,), b'b') "
            "state=(1, (3,), dtype('float64'), False, "
            "b'\\x00\\x00\\x00\\x00\\x00\\x00\\xf0?\\x00\\x00\\x00\\x00\\x00\\x00\\x00@')>",
            "numpy.core.multiarray._reconstruct", "it has 16 bytes where its shape needs 24"),
        RAW("\x80\x03" ND "(K\x01L9223372036854775807L\nK\x04\x86" F8 "I00\nC\x00tb.",
            "<numpy.core.multiarray._reconstruct args=(<global numpy.ndarray>, (0,), b'b') "
            "state=(1, (9223372036854775807, 4), dtype('float64'), False, b'')>",
            "numpy.core.multiarray._reconstruct", "its shape is too large"),
        RAW("\x80\x03" ND "(K\x01K\x03\x85" O8 "I00\n]tb.",
            "<numpy.core.multiarray._reconstruct args=(<global numpy.ndarray>, (0,), b'b') "
            "state=(1, (3,), dtype('O'), False, [])>",
            "numpy.core.multiarray._reconstruct", "it has 0 objects where its shape needs 3"),
        RAW("\x80\x03"
            "cnumpy.core.multiarray\n_reconstruct\n(cmine\nArray\nK\x00\x85"
            "C\x01"
            "btR.",
            "<numpy.core.multiarray._reconstruct args=(<global mine.Array>, (0,), b'b')>",
            "numpy.core.multiarray._reconstruct", "it is of another class than numpy.ndarray"),
        S("\x80\x05"
          "cnumpy._core.numeric\n_frombuffer\n(\x97" F8 "K\x01\x85X\x01\0\0\0CtR.",
          "<numpy.ndarray float64 (1,) <buffer 0>>", "ndarray"),
        S("\x80\x05"
          "cnumpy.core.numeric\n_frombuffer\n(\x97\x98" F8 "K\x01\x85X\x01\0\0\0FtR.",
          "<numpy.ndarray float64 (1,) <buffer 0>>", "ndarray"),
        /* text of any length: the elements stand in a list */
        S("\x80\x03" ND "(K\x01K\x02\x85" TEXT "\x88\x85RI00\n](X\x01\0\0\0aX\0\0\0\0etb.",
          "<numpy.ndarray StringDType (2,) ['a', '']>", "ndarray"),
        S("\x80\x03" TEXT "\x88\x85R.", "StringDType()", "dtype"),
        S("\x80\x03" TEXT "\x89N\x86R.", "StringDType(na_object=None, coerce=False)", "dtype"),
        RAW("\x80\x03" TEXT "N\x85R.",
            "<numpy._core._internal._convert_to_stringdtype_kwargs args=(None,)>",
            "numpy._core._internal._convert_to_stringdtype_kwargs", "whether it coerces is no int"),
    };

    (void)state;
    check_all(all, sizeof all / sizeof all[0]);
}

#define STORE(class)                                                                               \
    "((X\x07\0\0\0storagectorch\n" class "\nX\x01\0\0\0"                                           \
                                         "7X\x03\0\0\0cpuK\x06tQ"
#define HOOKS "ccollections\nOrderedDict\n)R"
#define V2(class)                                                                                  \
    "ctorch._utils\n_rebuild_tensor_v2\n" STORE(class) "K\0K\x02\x85K\x01\x85\x89" HOOKS "tR"
#define V3(type)                                                                                   \
    "ctorch._utils\n_rebuild_tensor_v3\n" STORE(                                                   \
        "UntypedStorage") "K\0K\x02\x85K\x01\x85\x88" HOOKS "ctorch\n" type "\ntR"
#define LAYOUT(name, n) "ctorch.serialization\n_get_layout\nX" n "\0\0\0" name "\x85R"

static void test_torch(void **state)
{
    static const struct sample all[] = {
        S("\x80\x02" V2("FloatStorage") ".", "<torch.Tensor float32 (2,) storage='7' device='cpu'>",
          "Tensor"),
        S("\x80\x02" V3("uint16") ".",
          "<torch.Tensor uint16 (2,) storage='7' device='cpu' requires_grad=True>", "Tensor"),
        S("\x80\x02"
          "ctorch._utils\n_rebuild_parameter\n" V3("float8_e4m3fn") "\x89" HOOKS "\x87R.",
          "<torch.nn.Parameter float8_e4m3fn (2,) storage='7' device='cpu'>", "Parameter"),
        S("\x80\x02"
          "ctorch._utils\n_rebuild_parameter_with_state\n(" V2("HalfStorage") "\x88" HOOKS "}tR.",
          "<torch.nn.Parameter float16 (2,) storage='7' device='cpu' requires_grad=True>",
          "Parameter"),
        S("\x80\x02"
          "ctorch._utils\n_rebuild_sparse_tensor\n" LAYOUT("torch.sparse_coo", "\x10") "(" V2(
              "LongStorage") V2("FloatStorage") "ctorch\nSize\nK\x05K\x06\x86\x85RtK\x01"
                                                "0\x86R.",
          "<torch.Tensor sparse_coo float32 (5, 6) stored=2 storage='7' device='cpu'>", "Tensor"),
        S("\x80\x02"
          "ctorch._utils\n_rebuild_sparse_tensor\n" LAYOUT("torch.sparse_csr", "\x10") "(" V2(
              "LongStorage") V2("LongStorage") V2("BFloat16Storage") "K\x05K\x06\x86t\x86R.",
          "<torch.Tensor sparse_csr bfloat16 (5, 6) stored=2 storage='7' device='cpu'>", "Tensor"),
        S("\x80\x02"
          "ctorch._utils\n_rebuild_meta_tensor_no_storage\n(ctorch\nfloat16\nK\x02\x85K\x01\x85"
          "\x89tR.",
          "<torch.Tensor float16 (2,) device='meta'>", "Tensor"),
        S("\x80\x02"
          "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\nctorch\n"
          "Tensor\n" STORE("IntStorage") "K\0K\x02\x85K\x01\x85\x89" HOOKS
                                         "t}X\x01\0\0\0aK\x01stR.",
          "<torch.Tensor int32 (2,) storage='7' device='cpu'>", "Tensor"),
        S("\x80\x02" LAYOUT("torch.strided", "\x0d") ".", "torch.strided", "layout"),
        S("\x80\x02]ctorch\nbfloat16\na.", "[torch.bfloat16]", "list"),
        RAW("\x80\x02" V2("StrangeStorage") ".",
            "<torch._utils._rebuild_tensor_v2 args=(<persistent ('storage', <global "
            "torch.StrangeStorage>, '7', 'cpu', 6)>, 0, (2,), (1,), False, OrderedDict())>",
            "torch._utils._rebuild_tensor_v2", "the class of its storage is not known"),
        RAW("\x80\x02" V2("UntypedStorage") ".",
            "<torch._utils._rebuild_tensor_v2 args=(<persistent ('storage', <global "
            "torch.UntypedStorage>, '7', 'cpu', 6)>, 0, (2,), (1,), False, OrderedDict())>",
            "torch._utils._rebuild_tensor_v2", "what the bytes of its storage are is not said"),
    };

    (void)state;
    check_all(all, sizeof all / sizeof all[0]);
}

#define INDEX(class, dict)                                                                         \
    "cpandas.core.indexes.base\n_new_Index\n(cpandas.core.indexes." class "\n" dict "tR"
#define RANGE                                                                                      \
    INDEX("range\nRangeIndex", "}(X\x05\0\0\0startK\0X\x04\0\0\0stopK\x02X\x04\0\0\0stepK\x01u")
#define LABELS                                                                                     \
    INDEX("base\nIndex", "}X\x04\0\0\0data" ND "(K\x01K\x01\x85" O8 "I00\n]X\x01\0\0\0aatbs")
#define BLOCK(at)                                                                                  \
    "cpandas._libs.internals\n_unpickle_block\n(" ND "(K\x01K\x01K\x02\x86" F8 "I00\n"             \
    "C\x10\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\x40tbcbuiltins\nslice\n(K" at "K\x01K\x01tRK\x02tR"
#define FRAME(blocks)                                                                              \
    "\x80\x03"                                                                                     \
    "cpandas.core.frame\nDataFrame\n)\x81}X\x04\0\0\0_mgrcpandas.core.internals.managers\n"        \
    "BlockManager\n(" blocks "](" LABELS RANGE "etRsb."

static void test_pandas(void **state)
{
    static const struct sample all[] = {
        S(FRAME(BLOCK("\0") "\x85"),
          "<pandas.DataFrame (2, 1) {'a': float64 [1.0, 2.0]} "
          "index=RangeIndex(start=0, stop=2, step=1)>",
          "DataFrame"),
        S("\x80\x03" LABELS ".", "<pandas.Index object (1,) ['a']>", "Index"),
        S("\x80\x03" RANGE ".", "RangeIndex(start=0, stop=2, step=1)", "RangeIndex"),
    };
    static const struct {
        struct sample s;
        const char *reason;
    } raw[] = {
        {S(FRAME(")"), "", ""), "a column of it is in no block"},
        {S(FRAME("(" BLOCK("\0") BLOCK("\0") "t"), "", ""),
         "its blocks and its columns do not go together"},
        {S("\x80\x03" INDEX("range\nRangeIndex", "}") ".", "", ""), "where it stops is not said"},
        {S("\x80\x03" INDEX("base\nIndex", "}X\x04\0\0\0dataK\x01s") ".", "", ""),
         "what should be an array is none"},
        {S("\x80\x03" INDEX("mine\nMyIndex", "}") ".", "", ""),
         "its class is no index that is known"},
        {S("\x80\x03"
           "cpandas.core.frame\nDataFrame\n)\x81}X\x04\0\0\0_mgrNsb.",
           "", ""),
         "its data are not where they should be"},
    };
    struct error e = {0};

    (void)state;
    check_all(all, sizeof all / sizeof all[0]);
    for (size_t i = 0; i < sizeof raw / sizeof raw[0]; i++) {
        struct source *src;
        struct pkl_doc *d;
        struct pkl_child root;
        struct buf reason;

        open_bytes(&raw[i].s, &src, &d, &root);
        buf_init(&reason, BUF_MAX_LINE);
        assert_int_equal(pkl_lens_reason(pkl_doc_view(d), &root.value, &reason, &e), PB_OK);
        assert_string_equal(reason.data, raw[i].reason);
        buf_release(&reason);
        pkl_doc_free(d);
        source_free(src);
    }
}

static void test_datetime(void **state)
{
    static const struct sample all[] = {
        S("\x80\x03"
          "cdatetime\ndate\nC\x04\x07\xe8\x01\x02\x85R.",
          "datetime.date(2024, 1, 2)", "date"),
        /* Python 2: the payload is a str */
        S("cdatetime\ndate\n(S'\\x07\\xe8\\x01\\x02'\ntR.", "datetime.date(2024, 1, 2)", "date"),
        /* Python checks the month and nothing else */
        S("\x80\x03"
          "cdatetime\ndate\nC\x04\x07\xe8\x0c\x63\x85R.",
          "datetime.date(2024, 12, 99)", "date"),
        RAW("\x80\x03"
            "cdatetime\ndate\nC\x04\x07\xe8\x0d\x02\x85R.",
            "<datetime.date args=(b'\\x07\\xe8\\r\\x02',)>", "datetime.date",
            "month 13 is not 1 to 12"),
        RAW("\x80\x03"
            "cdatetime\ndate\nC\x05\x07\xe8\x01\x02\x03\x85R.",
            "<datetime.date args=(b'\\x07\\xe8\\x01\\x02\\x03',)>", "datetime.date",
            "its payload is not 4 bytes"),
        RAW("\x80\x03"
            "cdatetime\ndate\nK\x01K\x02\x86R.",
            "<datetime.date args=(1, 2)>", "datetime.date", "it does not take that many arguments"),
        RAW("\x80\x03"
            "cdatetime\ndate\nC\x04\x07\xe8\x01\x02\x85R}U\x01xK\x01sb.",
            "<datetime.date args=(b'\\x07\\xe8\\x01\\x02',) state={'x': 1}>", "datetime.date",
            "it has a state"),
        S("\x80\x03"
          "cdatetime\ntime\nC\x06\x97\x3b\x00\x00\x00\x00\x85R.",
          "datetime.time(23, 59, fold=1)", "time"),
        RAW("\x80\x03"
            "cdatetime\ntime\nC\x06\x18\x00\x00\x00\x00\x00\x85R.",
            "<datetime.time args=(b'\\x18\\x00\\x00\\x00\\x00\\x00',)>", "datetime.time",
            "hour 24 is not 0 to 23"),
        S("\x80\x03"
          "cdatetime\ndatetime\nC\x0a\x07\xe8\x8b\x02\x03\x04\x05\x00\x00\x07\x85R.",
          "datetime.datetime(2024, 11, 2, 3, 4, 5, 7, fold=1)", "datetime"),
        RAW("\x80\x03"
            "cdatetime\ndatetime\nC\x0a\x07\xe8\x00\x02\x03\x04\x05\x00\x00\x07\x85R.",
            "<datetime.datetime args=(b'\\x07\\xe8\\x00\\x02\\x03\\x04\\x05\\x00\\x00\\x07',)>",
            "datetime.datetime", "month 0 is not 1 to 12"),
        S("\x80\x03"
          "cdatetime\ndatetime\nC\x0a\x07\xe8\x01\x02\x00\x00\x00\x00\x00\x00"
          "cpytz\n_UTC\n)R\x86R.",
          "datetime.datetime(2024, 1, 2, 0, 0, tzinfo=<pytz._UTC>)", "datetime"),
        RAW("\x80\x03"
            "cdatetime\ntime\nC\x06\x01\x00\x00\x00\x00\x00K\x05\x86R.",
            "<datetime.time args=(b'\\x01\\x00\\x00\\x00\\x00\\x00', 5)>", "datetime.time",
            "its tzinfo is none"),
        S("\x80\x03"
          "cdatetime\ntimedelta\nK\x00K\x00K\x00\x87R.",
          "datetime.timedelta(0)", "timedelta"),
        S("\x80\x03"
          "cdatetime\ntimedelta\nK\x00J\xff\xff\xff\xffK\x00\x87R.",
          "datetime.timedelta(days=-1, seconds=86399)", "timedelta"),
        RAW("\x80\x03"
            "cdatetime\ntimedelta\nJ\x00\xca\x9a\x3b\x85R.",
            "<datetime.timedelta args=(1000000000,)>", "datetime.timedelta",
            "a timedelta has at most 999999999 days"),
        S("\x80\x03"
          "cdatetime\ntimezone\ncdatetime\ntimedelta\n)R\x85R.",
          "datetime.timezone.utc", "timezone"),
        RAW("\x80\x03"
            "cdatetime\ntimezone\ncdatetime\ntimedelta\nK\x01\x85R\x85R.",
            "<datetime.timezone args=(datetime.timedelta(days=1),)>", "datetime.timezone",
            "its offset is not less than a day"),
        S("\x80\x03"
          "cbuiltins\ngetattr\nczoneinfo\nZoneInfo\nX\x09\x00\x00\x00_unpickle\x86R"
          "X\x03\x00\x00\x00UTCK\x01\x86R.",
          "zoneinfo.ZoneInfo(key='UTC')", "ZoneInfo"),
    };

    (void)state;
    check_all(all, sizeof all / sizeof all[0]);
}

static void test_numbers(void **state)
{
    static const struct sample all[] = {
        S("\x80\x02"
          "cdecimal\nDecimal\nX\x08\x00\x00\x00-12.3400\x85R.",
          "Decimal('-12.3400')", "Decimal"),
        S("\x80\x02"
          "cdecimal\nDecimal\nX\x05\x00\x00\x00"
          "1e500\x85R.",
          "Decimal('1E+500')", "Decimal"),
        S("\x80\x02"
          "cdecimal\nDecimal\nX\x08\x00\x00\x00"
          ".0000001\x85R.",
          "Decimal('1E-7')", "Decimal"),
        S("\x80\x02"
          "cdecimal\nDecimal\nX\x05\x00\x00\x00-sNaN\x85R.",
          "Decimal('-sNaN')", "Decimal"),
        RAW("\x80\x02"
            "cdecimal\nDecimal\nX\x04\x00\x00\x00"
            "1.2.\x85R.",
            "<decimal.Decimal args=('1.2.',)>", "decimal.Decimal", "its text is no decimal number"),
        RAW("\x80\x02"
            "cdecimal\nDecimal\nX\x00\x00\x00\x00\x85R.",
            "<decimal.Decimal args=('',)>", "decimal.Decimal", "its text is no decimal number"),
        S("cfractions\nFraction\n(S'-3/7'\ntR.", "Fraction(-3, 7)", "Fraction"),
        S("\x80\x02"
          "cfractions\nFraction\nK\x06K\x04\x86R.",
          "Fraction(3, 2)", "Fraction"),
        S("\x80\x02"
          "cfractions\nFraction\nK\x06J\xfc\xff\xff\xff\x86R.",
          "Fraction(-3, 2)", "Fraction"),
        RAW("\x80\x02"
            "cfractions\nFraction\nK\x06K\x00\x86R.",
            "<fractions.Fraction args=(6, 0)>", "fractions.Fraction", "its denominator is 0"),
        RAW("\x80\x02"
            "cfractions\nFraction\n\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01K\x02\x86R.",
            "<fractions.Fraction args=(18446744073709551616, 2)>", "fractions.Fraction",
            "it is not reduced"),
        S("\x80\x02"
          "cuuid\nUUID\n)\x81}X\x03\x00\x00\x00intK\x05sb.",
          "UUID('00000000-0000-0000-0000-000000000005')", "UUID"),
        RAW("\x80\x02"
            "cuuid\nUUID\n)\x81}X\x03\x00\x00\x00intJ\xff\xff\xff\xffsb.",
            "<uuid.UUID state={'int': -1}>", "uuid.UUID", "its int is not from 0 to 2**128 - 1"),
        RAW("\x80\x02"
            "cuuid\nUUID\n)\x81}"
            "X\x03\x00\x00\x00int\x8a\x12\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0sb.",
            "<uuid.UUID state={'int': 340282366920938463463374607431768211456}>", "uuid.UUID",
            "its int is not from 0 to 2**128 - 1"),
        RAW("\x80\x02"
            "cuuid\nUUID\n)\x81.",
            "<uuid.UUID>", "uuid.UUID", "its state is not that of a UUID"),
        S("\x80\x02"
          "c__builtin__\ncomplex\nG\x3f\xf0\0\0\0\0\0\0G\x80\0\0\0\0\0\0\0\x86R.",
          "(1-0j)", "complex"),
        S("\x80\x02"
          "c__builtin__\nxrange\nK\x00K\x0cK\x03\x87R.",
          "range(0, 12, 3)", "range"),
        S("\x80\x02"
          "c__builtin__\nxrange\nK\x05\x85R.",
          "range(0, 5)", "range"),
        RAW("\x80\x02"
            "c__builtin__\nxrange\nK\x00K\x0cK\x00\x87R.",
            "<builtins.range args=(0, 12, 0)>", "builtins.range", "its step is 0"),
        S("\x80\x03"
          "cbuiltins\nslice\nNK\x01]\x87R.",
          "slice(None, 1, [])", "slice"),
    };

    (void)state;
    check_all(all, sizeof all / sizeof all[0]);
}

static void test_collections(void **state)
{
    static const struct sample all[] = {
        S("\x80\x02"
          "ccollections\nOrderedDict\n)R.",
          "OrderedDict()", "OrderedDict"),
        S("\x80\x02"
          "ccollections\nOrderedDict\n)R(K\x01K\x02K\x03K\x04u.",
          "OrderedDict([(1, 2), (3, 4)])", "OrderedDict"),
        /* Python 2, with a key twice: first place, last value */
        S("ccollections\nOrderedDict\n((lp0\n(lp1\nS'a'\naI1\naa(lS'b'\naI2\naa(lS'a'\naI3\naatR.",
          "OrderedDict([('a', 3), ('b', 2)])", "OrderedDict"),
        RAW("\x80\x02"
            "ccollections\nOrderedDict\n](K\x01K\x02"
            "e\x85R.",
            "<collections.OrderedDict args=([1, 2],)>", "collections.OrderedDict",
            "its argument is no list of pairs"),
        S("\x80\x02"
          "ccollections\nOrderedDict\n)Rq\x00K\x01h\x00s.",
          "OrderedDict([(1, ...)])", "OrderedDict"),
        S("\x80\x02"
          "ccollections\ndefaultdict\nc__builtin__\nlist\n\x85Rq\x00K\x01h\x00s.",
          "defaultdict(<class 'list'>, {1: defaultdict(<class 'list'>, {...})})", "defaultdict"),
        S("\x80\x02"
          "ccollections\ndefaultdict\n)R.",
          "defaultdict(None, {})", "defaultdict"),
        RAW("\x80\x02"
            "ccollections\ndefaultdict\nK\x05\x85R.",
            "<collections.defaultdict args=(5,)>", "collections.defaultdict",
            "its factory cannot be called"),
        S("\x80\x02"
          "ccollections\nCounter\n}(K\x01K\x02K\x03K\x05K\x04K\x02u\x85R.",
          "Counter({3: 5, 1: 2, 4: 2})", "Counter"),
        /* what cannot be ordered stands in the order of the dict */
        S("\x80\x02"
          "ccollections\nCounter\n}(K\x01K\x02K\x03NK\x04K\x07u\x85R.",
          "Counter({1: 2, 3: None, 4: 7})", "Counter"),
        RAW("\x80\x02"
            "ccollections\nCounter\n}(K\x01)K\x03)u\x85R.",
            "<collections.Counter args=({1: (), 3: ()},)>", "collections.Counter",
            "its counts are ordered by more than numbers"),
        S("\x80\x02"
          "ccollections\ndeque\n]K\x02\x86R(K\x01K\x02K\x03"
          "e.",
          "deque([2, 3], maxlen=2)", "deque"),
        S("\x80\x02"
          "ccollections\ndeque\n](K\x01K\x02"
          "e\x85R.",
          "deque([1, 2])", "deque"),
        RAW("\x80\x02"
            "ccollections\ndeque\n]J\xff\xff\xff\xff\x86R.",
            "<collections.deque args=([], -1)>", "collections.deque",
            "its maxlen is not from 0 to 9223372036854775807"),
        S("\x80\x02"
          "ccollections\ndeque\n)Rq\x00h\x00"
          "a.",
          "deque([[...]])", "deque"),
        S("\x80\x02"
          "ccollections\nChainMap\n)\x81}X\x04\x00\x00\x00maps](}}esb.",
          "ChainMap({}, {})", "ChainMap"),
        S("\x80\x02"
          "ctypes\nSimpleNamespace\n)R}X\x01\x00\x00\x00"
          "aK\x01sb.",
          "namespace(a=1)", "SimpleNamespace"),
        RAW("\x80\x02"
            "ctypes\nSimpleNamespace\n)R}X\x01\x00\x00\x00"
            "aK\x01sb}X\x01\x00\x00\x00"
            "bK\x01sb.",
            "<types.SimpleNamespace state={'b': 1}>", "types.SimpleNamespace",
            "its state is set more than once"),
        /* a subclass is nobody we know */
        S("\x80\x02"
          "cmylib\nOrderedDict\n)R.",
          "<mylib.OrderedDict>", "mylib.OrderedDict"),
    };

    (void)state;
    check_all(all, sizeof all / sizeof all[0]);
}

static void test_texts(void **state)
{
    static const struct sample all[] = {
        S("\x80\x02"
          "carray\narray\nX\x01\x00\x00\x00i](K\x01J\xfe\xff\xff\xff"
          "e\x86R.",
          "array('i', [1, -2])", "array"),
        RAW("\x80\x02"
            "carray\narray\nX\x01\x00\x00\x00"
            "b](M\x00\x01"
            "e\x86R.",
            "<array.array args=('b', [256])>", "array.array", "an item is out of range"),
        RAW("carray\narray\n(S'c'\n(lS'a'\natR.", "<array.array args=('c', ['a'])>", "array.array",
            "its type code is not one of Python 3"),
        S("\x80\x03"
          "carray\n_array_reconstructor\n(carray\narray\nX\x01\x00\x00\x00lK\x09"
          "C\x04\xff\xff\xff\xfetR.",
          "array('i', [-2])", "array"),
        RAW("\x80\x03"
            "carray\n_array_reconstructor\n(carray\narray\nX\x01\x00\x00\x00iK\x08"
            "C\x03"
            "abctR.",
            "<array._array_reconstructor args=(<class 'array.array'>, 'i', 8, b'abc')>",
            "array._array_reconstructor", "its bytes are not a whole number of items"),
        S("\x80\x03"
          "cre\n_compile\nX\x03\x00\x00\x00"
          "a+bK\x2a\x86R.",
          "re.compile('a+b', re.IGNORECASE|re.MULTILINE)", "Pattern"),
        RAW("\x80\x03"
            "cre\n_compile\nX\x01\x00\x00\x00"
            "aK\x04\x86R.",
            "<re._compile args=('a', 4)>", "re._compile", "a str cannot be matched by the locale"),
        S("\x80\x03"
          "cipaddress\nIPv4Address\n\x8a\x05\x01\x02\x03\x7f\x00\x85R.",
          "IPv4Address('127.3.2.1')", "IPv4Address"),
        RAW("\x80\x03"
            "cipaddress\nIPv4Address\n\x8a\x05\x00\x00\x00\x00\x01\x85R.",
            "<ipaddress.IPv4Address args=(4294967296,)>", "ipaddress.IPv4Address",
            "its number is too large for an address, or negative"),
        S("\x80\x03"
          "cipaddress\nIPv6Address\nX\x0d\x00\x00\x00"
          "1:0:0:2:0:0::\x85R.",
          "IPv6Address('1:0:0:2::')", "IPv6Address"),
        S("\x80\x03"
          "cipaddress\nIPv6Address\nX\x0e\x00\x00\x00::ffff:1.2.3.4\x85R.",
          "IPv6Address('::ffff:102:304')", "IPv6Address"),
        RAW("\x80\x03"
            "cipaddress\nIPv4Network\nX\x0a\x00\x00\x00"
            "10.0.0.1/8\x85R.",
            "<ipaddress.IPv4Network args=('10.0.0.1/8',)>", "ipaddress.IPv4Network",
            "the network has host bits set"),
        S("\x80\x03"
          "cipaddress\nIPv4Interface\nX\x0a\x00\x00\x00"
          "10.0.0.1/8\x85R.",
          "IPv4Interface('10.0.0.1/8')", "IPv4Interface"),
        S("\x80\x03"
          "cpathlib._local\nPurePosixPath\nX\x0c\x00\x00\x00//usr/./lib/\x85R.",
          "PurePosixPath('//usr/lib')", "PurePosixPath"),
        S("\x80\x03"
          "cpathlib\nPosixPath\n)R.",
          "PosixPath('.')", "PosixPath"),
        S("\x80\x03"
          "cpathlib\nPureWindowsPath\nX\x03\x00\x00\x00"
          "C:\\X\x01\x00\x00\x00x\x86R.",
          "PureWindowsPath('C:/x')", "PureWindowsPath"),
        S("\x80\x02"
          "cexceptions\nIOError\nK\x02X\x01\x00\x00\x00x\x86R.",
          "FileNotFoundError(2, 'x')", "OSError"),
        S("\x80\x02"
          "cexceptions\nValueError\nX\x01\x00\x00\x00x\x85R}b.",
          "ValueError('x')", "ValueError"),
        S("\x80\x02"
          "cexceptions\nValueError\n)R}X\x04\x00\x00\x00"
          "args)sb.",
          "ValueError()", "ValueError"),
        S("\x80\x03"
          "ctypes\nGenericAlias\ncbuiltins\nlist\ncbuiltins\nint\n\x85\x86R.",
          "list[int]", "GenericAlias"),
        S("\x80\x03"
          "cbuiltins\ntype\nN\x85R.",
          "<class 'NoneType'>", "type"),
    };

    (void)state;
    check_all(all, sizeof all / sizeof all[0]);
}

static void test_names(void **state)
{
    static const struct sample all[] = {
        S("\x80\x02"
          "c__builtin__\nlong\n.",
          "<class 'int'>", "class"),
        S("\x80\x03"
          "cbuiltins\nlen\n.",
          "<built-in function len>", "function"),
        S("\x80\x03"
          "cbuiltins\nEllipsis\n.",
          "Ellipsis", "ellipsis"),
        S("\x80\x03"
          "ccollections\nOrderedDict\n.",
          "<class 'collections.OrderedDict'>", "class"),
        /* names with dots are paths from protocol 4 on only */
        S("\x80\x04\x8c\x08"
          "builtins\x8c\x08str.join\x93.",
          "<method 'join' of 'str' objects>", "global"),
        S("\x80\x03"
          "cbuiltins\nstr.join\n.",
          "<global builtins.str.join>", "global"),
        S("\x80\x03"
          "cmylib\nint\n.",
          "<global mylib.int>", "global"),
        S("\x80\x03"
          "cbuiltins\nint\0\n.",
          "<global builtins.int\\xc0\\x80>", "global"),
    };

    (void)state;
    check_all(all, sizeof all / sizeof all[0]);
}

static void test_preview(void **state)
{
    static const struct {
        struct sample s;
        size_t max;
        const char *want;
    } all[] = {
        {S("\x80\x03]cdatetime\ndate\nC\x04\x07\xe8\x01\x02\x85Ra.", "", ""), 60,
         "[datetime.date(2024, 1, 2)]"},
        {S("\x80\x02"
           "ccollections\nOrderedDict\n)R(K\x01]K\x01"
           "aK\x03K\x04u.",
           "", ""),
         60, "OrderedDict([(1, […]), (3, 4)])"},
        {S("\x80\x02]ccollections\ndeque\n)RK\x01"
           "aa.",
           "", ""),
         60, "[deque(…)]"},
        {S("\x80\x02"
           "ccollections\ndeque\n)R(K\x0aK\x0bK\x0cK\x0dK\x0eK\x0fK\x10"
           "e.",
           "", ""),
         16, "deque([10, 11, 1…"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct source *src;
        struct pkl_doc *d;
        struct pkl_child root;
        struct buf out;
        struct error e = {0};

        open_bytes(&all[i].s, &src, &d, &root);
        buf_init(&out, BUF_MAX_LINE);
        assert_int_equal(pkl_preview(pkl_doc_view(d), &root.value, all[i].max, &out, &e), PB_OK);
        assert_string_equal(out.data, all[i].want);
        buf_release(&out);
        pkl_doc_free(d);
        source_free(src);
    }
}

/* Entries and items in an argument are the object's own, and paths lead there. */
static void test_children(void **state)
{
    static const struct {
        struct sample s;
        const char *path;
        uint64_t count; /* children through lenses, raw ones are 1 */
        const char *want;
    } all[] = {
        {S("\x80\x02"
           "ccollections\nCounter\n}(X\x01\x00\x00\x00kK\x02X\x01\x00\x00\x00lK\x05u\x85R.",
           "", ""),
         ".l", 2, "5"},
        {S("\x80\x02"
           "ccollections\nCounter\n}(K\x01K\x02K\x03K\x05u\x85R.",
           "", ""),
         "[1]", 2, "2"},
        {S("\x80\x02"
           "ccollections\nCounter\n}(K\x01K\x02K\x03K\x05u\x85R.",
           "", ""),
         "@args[0][3]", 2, "5"},
        {S("\x80\x02"
           "ccollections\ndeque\n](K\x07K\x08K\x09"
           "e\x85R.",
           "", ""),
         "[-1]", 3, "9"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct source *src;
        struct pkl_doc *d;
        struct pkl_child root, place;
        struct pkl_lenses *lenses;
        struct pkl_path path;
        struct arena mem;
        struct error e = {0};
        struct buf out;
        struct pkl_view *v;
        uint64_t count;
        size_t at;

        open_bytes(&all[i].s, &src, &d, &root);
        assert_int_equal(pkl_lenses_new(pkl_doc_view(d), &lenses, &e), PB_OK);
        v = pkl_lenses_view(lenses);
        assert_int_equal(v->count_children(v, root.value.id, &count, &e), PB_OK);
        assert_int_equal(count, all[i].count);
        arena_init(&mem);
        assert_int_equal(pkl_path_parse(&mem, all[i].path, strlen(all[i].path), &path, &at, &e),
                         PB_OK);
        assert_int_equal(pkl_path_follow(pkl_doc_view(d), &path, &place, &e), PB_OK);
        buf_init(&out, BUF_MAX_LINE);
        assert_int_equal(pkl_preview(v, &place.value, 60, &out, &e), PB_OK);
        assert_string_equal(out.data, all[i].want);
        assert_int_equal(pkl_lenses_set_raw(lenses, root.value.target, true, &e), PB_OK);
        assert_int_equal(v->count_children(v, root.value.id, &count, &e), PB_OK);
        assert_int_equal(count, 1);
        buf_clear(&out);
        assert_int_equal(pkl_type_name(v, &root.value, &out, &e), PB_OK);
        assert_non_null(strstr(out.data, "collections."));
        buf_release(&out);
        arena_release(&mem);
        pkl_lenses_free(lenses);
        pkl_doc_free(d);
        source_free(src);
    }
}

/* Whatever allocation fails, it is an error and nothing is lost. */
static void test_out_of_memory(void **state)
{
    static const struct sample all[] = {
        S("\x80\x02](ccollections\nOrderedDict\n)R(K\x01K\x02K\x03K\x04ucdecimal\nDecimal\n"
          "X\x03\x00\x00\x00"
          "1.5\x85Rccollections\nCounter\n}(K\x01K\x02K\x03K\x05u\x85Re.",
          "[OrderedDict([(1, 2), (3, 4)]), Decimal('1.5'), Counter({3: 5, 1: 2})]", ""),
        S(FRAME(BLOCK("\0") "\x85"),
          "<pandas.DataFrame (2, 1) {'a': float64 [1.0, 2.0]} "
          "index=RangeIndex(start=0, stop=2, step=1)>",
          ""),
    };
    struct source *src;
    struct pkl_doc *d;
    struct pkl_child root;
    struct error e = {0};
    struct buf out;
    struct sink to = sink_buf(&out);

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        enum pb_err err = PB_ENOMEM;

        open_bytes(&all[i], &src, &d, &root);
        for (long n = 0; err != PB_OK; n++) {
            assert_true(n < 10000);
            buf_init(&out, BUF_MAX_TEXT);
            mem_fail_after(n);
            err = pkl_repr(pkl_doc_view(d), &root.value, NULL, &to, &e);
            mem_fail_after(-1);
            assert_true(err == PB_OK || err == PB_ENOMEM);
            if (err == PB_OK)
                assert_string_equal(out.data, all[i].repr);
            buf_release(&out);
        }
        pkl_doc_free(d);
        source_free(src);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numpy),         cmocka_unit_test(test_torch),
        cmocka_unit_test(test_pandas),        cmocka_unit_test(test_datetime),
        cmocka_unit_test(test_numbers),       cmocka_unit_test(test_collections),
        cmocka_unit_test(test_texts),         cmocka_unit_test(test_names),
        cmocka_unit_test(test_preview),       cmocka_unit_test(test_children),
        cmocka_unit_test(test_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
