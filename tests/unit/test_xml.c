/* XML: whole, in pieces of every size, cut short, forbidden characters, attacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include <pklbrowse/mem.h>
#include <pklbrowse/xml.h>

/* Writes what the parser reports: "+path" and "-path=text". */
static void on_start(void *ctx, const char *path)
{
    buf_printf(ctx, "+%s|", path);
}

static void on_attribute(void *ctx, const char *path, const char *name, const char *value,
                         size_t len)
{
    assert_int_equal(strlen(value), len);
    buf_printf(ctx, "@%s/%s=%s|", path, name, value);
}

static void on_end(void *ctx, const char *path, const char *text, size_t len)
{
    assert_int_equal(text[len], '\0');
    buf_printf(ctx, "-%s=", path);
    buf_append(ctx, text, len);
    buf_putc(ctx, '|');
}

/* Feeds `doc` in pieces of `step` bytes and gives the result of the first failure, or of the end.
 */
static enum pb_err parse(const char *doc, size_t n, size_t step, struct buf *seen, bool *forbidden,
                         struct error *e)
{
    const struct xml_handler h = {
        .start = on_start, .attribute = on_attribute, .end = on_end, .ctx = seen};
    enum pb_err err = PB_OK;
    struct xml *x;

    buf_clear(seen);
    assert_int_equal(xml_new(&h, &x, e), PB_OK);
    for (size_t at = 0; at < n && err == PB_OK; at += step)
        err = xml_feed(x, doc + at, n - at < step ? n - at : step, e);
    if (err == PB_OK)
        err = xml_finish(x, e);
    else
        assert_int_equal(xml_finish(x, NULL), err); /* the failure stays */
    *forbidden = xml_forbidden_char(x);
    xml_free(x);
    return err;
}

static const size_t steps[] = {1, 2, 3, 7, 64, 100000};

static const struct {
    const char *doc, *seen;
} good[] = {
    {"<a/>", "+a|-a=|"},
    {"<a x='1&amp;2&lt;' n:y=\"\" xmlns:n='u'><b z='3'/></a>",
     "+a|@a/x=1&2<|@a/y=|+a/b|@a/b/z=3|-a/b=|-a=|"},
    {"<a> <b>x</b> <b>y</b>\n</a>", "+a|+a/b|-a/b=x|+a/b|-a/b=y|-a=  \n|"},
    {"<a>x<b>y</b>z</a>", "+a|+a/b|-a/b=y|-a=xz|"},
    {"<a>&lt;&amp;&gt;&quot;&apos;&#65;&#x42;&#x1F600;</a>", "+a|-a=<&>\"'AB\xf0\x9f\x98\x80|"},
    {"<a><![CDATA[<b>&amp;]]>x</a>", "+a|-a=<b>&amp;x|"},
    {"<a xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><b c=\"d\">1</b></a>",
     "+a|+a/b|@a/b/c=d|-a/b=1|-a=|"},
    {"<x:a xmlns:x=\"urn:x\"><x:b/></x:a>", "+a|+a/b|-a/b=|-a=|"},
    {"<a><!-- <b>no</b> --><?pi x?>t</a>", "+a|-a=t|"},
    {"\xef\xbb\xbf<a>\xc3\xa9\xe4\xbd\xa0</a>", "+a|-a=\xc3\xa9\xe4\xbd\xa0|"},
    {"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>\xe9</a>", "+a|-a=\xc3\xa9|"},
    {"<a>&#9;&#10;&#13;</a>", "+a|-a=\t\n\r|"},
    {"<a>a%08b</a>", "+a|-a=a%08b|"},
};

static void well_formed(void **state)
{
    struct buf seen;
    struct error e;
    bool forbidden;

    (void)state;
    buf_init(&seen, 10000);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            enum pb_err err =
                parse(good[i].doc, strlen(good[i].doc), steps[k], &seen, &forbidden, &e);

            if (err != PB_OK)
                fail_msg("%s by %zu: %s", good[i].doc, steps[k], e.msg);
            assert_string_equal(seen.data, good[i].seen);
            assert_false(forbidden);
        }
    }
    buf_release(&seen);
}

static void cut_short(void **state)
{
    static const char doc[] = "<?xml version=\"1.0\"?><r><k a=\"1\">x&amp;y</k><![CDATA[z]]></r>";
    struct buf seen;
    struct error e;
    bool forbidden;

    (void)state;
    buf_init(&seen, 10000);
    for (size_t n = 0; n < sizeof doc - 1; n++) {
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            assert_int_equal(parse(doc, n, steps[k], &seen, &forbidden, &e), PB_ESERVER);
            if (strcmp(e.msg, "the XML was cut short") != 0)
                fail_msg("cut to %.*s: %s", (int)n, doc, e.msg);
            assert_false(forbidden);
        }
    }
    buf_release(&seen);
}

static void forbidden_characters(void **state)
{
    static const char *const docs[] = {
        "<r><k>x&#x8;y</k></r>",
        "<r><k>x\by</k></r>",
        "<r><k>x&#8;</k></r>",
        "<r><k>&#xFFFE;</k></r>",
        "<r><k>x\xef\xbf\xbey</k></r>",
        "<r><k>x\xffy</k></r>",
        "<r><k>x\xc3(y</k></r>",
        "<r><k>&#xD800;</k></r>",
        "<r><k>&#0;</k></r>",
        "<r><k>\033[2J</k></r>",
        "<r><k><![CDATA[\x01]]></k></r>",
        "<r k=\"\x02\"/>",
        "<r k=\"&#x2;\"/>",
        "<?xml version=\"1.1\"?><r>&#x8;</r>",
    };
    struct buf seen;
    struct error e;
    bool forbidden;

    (void)state;
    buf_init(&seen, 10000);
    for (size_t i = 0; i < sizeof docs / sizeof *docs; i++) {
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            assert_int_equal(parse(docs[i], strlen(docs[i]), steps[k], &seen, &forbidden, &e),
                             PB_ESERVER);
            if (!forbidden || strcmp(e.msg, "the XML holds a character that XML forbids") != 0)
                fail_msg("%zu by %zu: %s", i, steps[k], e.msg);
            /* Never the element with the character left out. */
            assert_null(strstr(seen.data, "-r/k"));
        }
    }
    buf_release(&seen);
}

static void not_xml(void **state)
{
    static const char *const docs[] = {
        "hello",
        "{\"a\": 1}",
        "<a></b>",
        "<a><b></a>",
        "<a>&nbsp;</a>",
        "<a/><b/>",
        "<a b=1/>",
        "<a b=\"1\" b=\"2\"/>",
        "<1/>",
        "<a>x & y</a>",
        "<html><br></html>",
        "<a/>x",
        "  <?xml version=\"1.0\"?><a/>",
    };
    struct buf seen;
    struct error e;
    bool forbidden;

    (void)state;
    buf_init(&seen, 10000);
    for (size_t i = 0; i < sizeof docs / sizeof *docs; i++) {
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            assert_int_equal(parse(docs[i], strlen(docs[i]), steps[k], &seen, &forbidden, &e),
                             PB_ESERVER);
            assert_false(forbidden);
            if (strncmp(e.msg, "not valid XML: ", 15) != 0)
                fail_msg("%s by %zu: %s", docs[i], steps[k], e.msg);
        }
    }
    buf_release(&seen);
}

static void attacks(void **state)
{
    static const char *const docs[] = {
        "<!DOCTYPE a [<!ENTITY x \"ha\"><!ENTITY y \"&x;&x;&x;\">]><a>&y;</a>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>",
        "<!DOCTYPE a [<!ENTITY % x SYSTEM \"http://127.0.0.1:1/\"> %x;]><a/>",
        "<!DOCTYPE html><html/>",
    };
    struct buf seen;
    struct error e;
    bool forbidden;

    (void)state;
    buf_init(&seen, 10000);
    for (size_t i = 0; i < sizeof docs / sizeof *docs; i++) {
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            assert_int_equal(parse(docs[i], strlen(docs[i]), steps[k], &seen, &forbidden, &e),
                             PB_ESERVER);
            assert_string_equal(e.msg, "the XML has a document type, which no store sends");
            assert_string_equal(seen.data, "");
        }
    }
    buf_release(&seen);
}

static void limits(void **state)
{
    struct buf doc, seen;
    struct error e;
    bool forbidden;

    (void)state;
    buf_init(&doc, BUF_MAX_XML);
    buf_init(&seen, BUF_MAX_XML);
    for (int depth = 63; depth <= 65; depth++) {
        buf_clear(&doc);
        for (int i = 0; i < depth; i++)
            buf_puts(&doc, "<a>");
        for (int i = 0; i < depth; i++)
            buf_puts(&doc, "</a>");
        assert_int_equal(parse(doc.data, doc.len, 1000, &seen, &forbidden, &e),
                         depth <= 64 ? PB_OK : PB_ELIMIT);
    }
    /* Names that are long, but not too long to say them. */
    buf_clear(&doc);
    for (int i = 0; i < 30; i++) {
        buf_putc(&doc, '<');
        buf_fill(&doc, 'n', 200);
        buf_putc(&doc, '>');
    }
    assert_int_equal(parse(doc.data, doc.len, 1000, &seen, &forbidden, &e), PB_ELIMIT);
    /* One text of a few megabytes. */
    buf_clear(&doc);
    buf_puts(&doc, "<a>");
    buf_fill(&doc, 'x', 5000000);
    buf_puts(&doc, "</a>");
    assert_int_equal(parse(doc.data, doc.len, 100000, &seen, &forbidden, &e), PB_OK);
    assert_int_equal(seen.len, 3 + 3 + 5000000 + 1);
    buf_release(&doc);
    buf_release(&seen);
}

static void memory_that_runs_out(void **state)
{
    const struct xml_handler h = {.start = NULL};
    struct error e;

    (void)state;
    for (long nth = 1; nth < 10; nth++) {
        enum pb_err err;
        struct xml *x;

        mem_fail_after(nth);
        err = xml_new(&h, &x, &e);
        if (err == PB_OK)
            err = xml_feed(x, "<abc><d>text</d></abc>", 22, &e);
        if (err == PB_OK)
            err = xml_finish(x, &e);
        mem_fail_after(-1);
        xml_free(x);
        assert_int_equal(err, nth <= 3 ? PB_ENOMEM : PB_OK);
    }
}

static void a_page_of_a_listing(void **state)
{
    struct buf doc, seen;
    struct error e;
    bool forbidden;

    (void)state;
    buf_init(&doc, BUF_MAX_XML);
    buf_init(&seen, BUF_MAX_XML);
    buf_puts(&doc, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult>");
    for (int i = 0; i < 1000; i++)
        buf_printf(&doc, "<Contents><Key>k/%d</Key><Size>%d</Size></Contents>", i, i * 7);
    buf_puts(&doc, "</ListBucketResult>");
    assert_int_equal(parse(doc.data, doc.len, 1460, &seen, &forbidden, &e), PB_OK);
    assert_non_null(strstr(seen.data, "-ListBucketResult/Contents/Key=k/999|"));
    assert_non_null(strstr(seen.data, "-ListBucketResult/Contents/Size=6993|"));
    buf_release(&doc);
    buf_release(&seen);
}

/* What is plain gives what the parser gives; what is not is left to it, and nothing was told. */
static void plain_documents(void **state)
{
    static const struct {
        bool plain;
        const char *text;
    } docs[] = {
        {true, "<a/>"},
        {true, "<a></a>"},
        {true,
         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a xmlns=\"http://x/y\"><b>1</b></a>\n"},
        {true, "<a><b>x &amp; y</b><b>&lt;&gt;&quot;&apos;</b><c/></a>"},
        {true, "<ab><a>1</a><ab>2</ab><abc><a> 3 </a></abc></ab>"},
        {true, "<a><b>line\nline\ttab</b></a>"},
        {false, ""},
        {false, "text"},
        {false, "<a>"},
        {false, "<a><b></a></b>"},
        {false, "<a></b>"},
        {false, "<a></a><a></a>"},
        {false, "<a></a>x"},
        {false, "x<a></a>"},
        {false, "<a>x<b/></a>"},
        {false, "<a><b/>x</a>"},
        {false, "<a><b></a>"},
        {false, "<a>&#65;</a>"},
        {false, "<a>&nbsp;</a>"},
        {false, "<a>&amp</a>"},
        {false, "<a b=\"1\"/>"},
        {false, "<a><b xmlns=\"x\"/></a>"},
        {false, "<a xmlns=\"x&amp;\"/>"},
        {false, "<a><!-- x --></a>"},
        {false, "<a><![CDATA[x]]></a>"},
        {false, "<!DOCTYPE a><a/>"},
        {false, "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a/>"},
        {false, "<a><?pi x?></a>"},
        {false, "<a>\xc3\xa9</a>"},
        {false, "<a>\x08</a>"},
        {false, "<a>\x7f</a>"},
        {false, "<a>123456789\x01</a>"},
        {false, "<x:a/>"},
        {false, "<1/>"},
        {false, "<a"},
        {false, "<a>1</a"},
        {false, "<a>1</"},
        {false, "<>x</>"},
    };
    struct buf seen, wanted;
    struct error e;
    bool forbidden, plain;

    (void)state;
    buf_init(&seen, BUF_MAX_TEXT);
    buf_init(&wanted, BUF_MAX_TEXT);
    for (size_t i = 0; i < sizeof docs / sizeof *docs; i++) {
        const struct xml_handler h = {.start = on_start, .end = on_end, .ctx = &seen};
        size_t n = strlen(docs[i].text);

        buf_clear(&seen);
        assert_int_equal(xml_plain(&h, docs[i].text, n, &plain, &e), PB_OK);
        if (plain != docs[i].plain)
            fail_msg("%s", docs[i].text);
        if (!plain) {
            assert_int_equal(seen.len, 0);
            continue;
        }
        assert_int_equal(parse(docs[i].text, n, n, &wanted, &forbidden, &e), PB_OK);
        assert_string_equal(seen.data, wanted.data);
        for (size_t cut = 0; cut < n - 1; cut++) { /* but for a line end behind it */
            assert_int_equal(xml_plain(&h, docs[i].text, cut, &plain, &e), PB_OK);
            assert_true(!plain || docs[i].text[cut] == '\n');
        }
    }
    buf_release(&seen);
    buf_release(&wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed),
        cmocka_unit_test(plain_documents),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(forbidden_characters),
        cmocka_unit_test(not_xml),
        cmocka_unit_test(attacks),
        cmocka_unit_test(limits),
        cmocka_unit_test(memory_that_runs_out),
        cmocka_unit_test(a_page_of_a_listing),
    };

    return cmocka_run_group_tests_name("xml", tests, NULL, NULL);
}
