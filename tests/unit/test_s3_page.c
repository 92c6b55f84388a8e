/* Pages of S3's listings: the quick way says what libxml2 says, or leaves it to that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/xml.h>

#include "store/s3_page.h"
#include "store/store_op.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
#define ROOT "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
#define END "</ListBucketResult>"
#define TIME "<LastModified>2026-01-02T10:00:00.000Z</LastModified>"

/* All that a page says. */
static void dump(struct buf *out, const struct s3_page *p)
{
    const struct store_entry *last = s3_page_last(p);

    buf_clear(out);
    buf_printf(out, "%d%d%d%d token=%s marker=%s last=%s\n", p->known_root, p->url_encoded,
               p->truncated, p->key_count, p->next_token ? p->next_token : "-",
               p->next_marker ? p->next_marker : "-", last ? last->name : "-");
    for (size_t i = 0; i < p->page->count; i++) {
        const struct store_entry *x = &p->page->entries[i];

        buf_printf(out, "%d ", x->kind);
        buf_append(out, x->name, x->len);
        buf_printf(out, " %llu %lld %s %s\n", (unsigned long long)x->size, (long long)x->mtime,
                   x->etag ? x->etag : "-", x->storage_class ? x->storage_class : "-");
    }
}

static bool read_quick(const char *doc, size_t n, const char *prefix, struct buf *out)
{
    struct store_page *page = store_page_new();
    struct s3_page p;
    bool ok;

    s3_page_init(&p, page, prefix, strlen(prefix), false);
    ok = s3_page_quick(&p, doc, n);
    if (ok) {
        assert_int_equal(s3_page_settle(&p, NULL), PB_OK);
        dump(out, &p);
    }
    store_page_free(page);
    return ok;
}

static bool read_xml(const char *doc, size_t n, const char *prefix, struct buf *out)
{
    struct store_page *page = store_page_new();
    struct s3_page p;
    struct xml_handler h = {.end = s3_page_element, .ctx = &p};
    struct xml *x;
    bool ok;

    s3_page_init(&p, page, prefix, strlen(prefix), false);
    assert_int_equal(xml_new(&h, &x, NULL), PB_OK);
    ok = xml_feed(x, doc, n, NULL) == PB_OK && xml_finish(x, NULL) == PB_OK;
    xml_free(x);
    if (ok) {
        assert_int_equal(s3_page_settle(&p, NULL), PB_OK);
        dump(out, &p);
    }
    store_page_free(page);
    return ok;
}

static const struct {
    bool quick;
    const char *doc, *prefix, *says;
} pages[] = {
    {true, HEAD ROOT END, "", "1000 token=- marker=- last=-\n"},
    {true, HEAD "\n" ROOT "<Name>b</Name><Prefix/><KeyCount>0</KeyCount>" END "\n", "",
     "1001 token=- marker=- last=-\n"},
    {true,
     HEAD ROOT "<Contents><Key>a</Key>" TIME
               "<ETag>&quot;e1&quot;</ETag><Size>5</Size><StorageClass>STANDARD</StorageClass>"
               "</Contents><Contents><Key>b</Key>" TIME
               "<ETag>&quot;e2&quot;</ETag><Size>6</Size><StorageClass>GLACIER</StorageClass>"
               "</Contents><Contents><Key>c</Key>" TIME
               "<ETag>\"e3\"</ETag><Size>x</Size><StorageClass>GLACIER</StorageClass>"
               "</Contents>" END,
     "",
     "1000 token=- marker=- last=c\n2 a 5 1767348000 \"e1\" STANDARD\n"
     "2 b 6 1767348000 \"e2\" GLACIER\n2 c 0 1767348000 \"e3\" GLACIER\n"},
    {true,
     HEAD ROOT "<Contents><Key>p/a+b</Key><Size>1</Size></Contents>"
               "<Contents><Key>p/a%2Bb</Key><Size>2</Size></Contents>"
               "<Contents><Key>other</Key><Size>3</Size></Contents>"
               "<EncodingType>url</EncodingType>"
               "<CommonPrefixes><Prefix>p/x%20y/</Prefix></CommonPrefixes>" END,
     "p/",
     "1100 token=- marker=- last=p/x y/\n2 p/a b 1 0 - -\n2 p/a+b 2 0 - -\n1 p/x y/ 0 0 - -\n"},
    {true,
     HEAD ROOT "<IsTruncated>true</IsTruncated><NextContinuationToken>a/%2F+=</"
               "NextContinuationToken><NextMarker>m</NextMarker>\n <Contents>\n <Key>k</Key>\n "
               "<Owner><ID>1</ID><DisplayName>d</DisplayName></Owner>\n<Type>Normal</Type> "
               "</Contents>\n <Contents/>" END,
     "", "1010 token=a/%2F+= marker=m last=k\n2 k 0 0 - -\n"},
    /* The second object is not written like the first. */
    {true,
     HEAD ROOT "<Contents><Key>a</Key><Size>1</Size></Contents>"
               "<Contents><Size>2</Size><Key>b</Key></Contents>"
               "<Contents><Size>3</Size><Key/></Contents>"
               "<Contents><Key>c</Key></Contents>" END,
     "", "1000 token=- marker=- last=c\n2 a 1 0 - -\n2 b 2 0 - -\n2  3 0 - -\n2 c 0 0 - -\n"},
    {true, HEAD ROOT "<Contents><Key>&lt;a&gt;&amp;</Key></Contents>" END, "",
     "1000 token=- marker=- last=<a>&\n2 <a>& 0 0 - -\n"},
    /* What is left to libxml2. */
    {false, HEAD ROOT "<Contents><Key>&#97;</Key></Contents>" END, "",
     "1000 token=- marker=- last=a\n2 a 0 0 - -\n"},
    {false, HEAD ROOT "<Contents><Key>\xc3\xa9</Key></Contents>" END, "",
     "1000 token=- marker=- last=\xc3\xa9\n2 \xc3\xa9 0 0 - -\n"},
    {false, HEAD ROOT "<Contents><Key><![CDATA[a<b]]></Key></Contents>" END, "",
     "1000 token=- marker=- last=a<b\n2 a<b 0 0 - -\n"},
    {false, HEAD ROOT "<Contents><Key x='1'>a</Key></Contents><!-- no -->" END, "",
     "1000 token=- marker=- last=a\n2 a 0 0 - -\n"},
    {false,
     "<x:ListBucketResult xmlns:x='u'><x:Contents><x:Key>a</x:Key></x:Contents>"
     "</x:ListBucketResult>",
     "", "1000 token=- marker=- last=a\n2 a 0 0 - -\n"},
    {false, HEAD "<Error><Code>InternalError</Code></Error>", "", "0000 token=- marker=- last=-\n"},
};

static void both_ways(void **state)
{
    struct buf quick, slow;

    (void)state;
    buf_init(&quick, BUF_MAX_TEXT);
    buf_init(&slow, BUF_MAX_TEXT);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        size_t n = strlen(pages[i].doc);

        assert_true(read_xml(pages[i].doc, n, pages[i].prefix, &slow));
        assert_string_equal(slow.data, pages[i].says);
        assert_int_equal(read_quick(pages[i].doc, n, pages[i].prefix, &quick), pages[i].quick);
        if (pages[i].quick)
            assert_string_equal(quick.data, pages[i].says);
    }
    buf_release(&quick);
    buf_release(&slow);
}

/* Cut anywhere it is never taken for a page. */
static void cut_short(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, BUF_MAX_TEXT);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        size_t n = strlen(pages[i].doc);

        for (size_t cut = 0; cut + 1 < n; cut++) {
            char *copy = mem_strndup(pages[i].doc, cut);

            assert_false(read_quick(copy, cut, "", &out));
            assert_false(s3_page_whole(copy, cut));
            free(copy);
        }
    }
    buf_release(&out);
}

static uint64_t random_state;

static size_t random_below(size_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)(random_state % n);
}

static void mutate(struct buf *doc)
{
    static const char *const words[] = {
        "<",         ">",     "&",      "&quot;",  "&#8;",       "]]>",
        "<!-- -->",  "<Key>", "</Key>", "<Key/>",  "<Contents>", "</Contents>",
        "<a b='c'>", "\x08",  "\xff",   "\n",      " ",          "+",
        "%2",        "<?x?>", "<Size>", "</Size>", "1",          "\xc3\xa9",
        "/",         "",      END,      ROOT,
    };
    size_t at = random_below(doc->len + 1), n = random_below(8);
    const char *word = words[random_below(sizeof words / sizeof *words)];
    char *rest;
    size_t tail;

    if (n > doc->len - at)
        n = doc->len - at;
    if (random_below(2) == 0)
        n = 0;
    tail = doc->len - at - n;
    rest = mem_strndup(doc->data + at + n, tail);
    buf_truncate(doc, at);
    buf_puts(doc, word);
    buf_append(doc, rest, tail);
    free(rest);
}

/* Whatever is taken the quick way is what libxml2 would have said. */
static void mutated(void **state)
{
    const char *seed = getenv("PKLBROWSE_SEED");
    struct buf doc, quick, slow;
    size_t taken = 0;

    (void)state;
    random_state = 88172645463325252u + (seed != NULL ? strtoull(seed, NULL, 10) : 1) * 7919u;
    buf_init(&doc, BUF_MAX_TEXT);
    buf_init(&quick, BUF_MAX_TEXT);
    buf_init(&slow, BUF_MAX_TEXT);
    for (int i = 0; i < 20000; i++) {
        const char *base = pages[random_below(7)].doc;

        buf_clear(&doc);
        buf_puts(&doc, base);
        for (size_t k = random_below(4); k > 0; k--)
            mutate(&doc);
        if (!read_quick(doc.data, doc.len, "", &quick))
            continue;
        taken++;
        if (!read_xml(doc.data, doc.len, "", &slow) || strcmp(quick.data, slow.data) != 0)
            fail_msg("%s\nquick: %s\nlibxml2: %s", doc.data, quick.data, slow.data);
    }
    assert_true(taken > 5000);
    buf_release(&doc);
    buf_release(&quick);
    buf_release(&slow);
}

static void without_memory(void **state)
{
    const char *doc = pages[2].doc;
    bool ok = false;
    long n;

    (void)state;
    for (n = 1; !ok && n < 1000; n++) {
        struct store_page *page = store_page_new();
        struct s3_page p;

        s3_page_init(&p, page, "", 0, false);
        mem_fail_after(n);
        ok = s3_page_quick(&p, doc, strlen(doc));
        mem_fail_after(-1);
        store_page_free(page);
    }
    assert_true(ok && n > 2);
}

static void peeked(void **state)
{
    static const struct {
        const char *doc, *token;
    } docs[] = {
        {"<IsTruncated>true</IsTruncated><NextContinuationToken>x/+=</NextContinuationToken>",
         "x/+="},
        {"<IsTruncated>false</IsTruncated><NextContinuationToken>x</NextContinuationToken>", NULL},
        {"<NextContinuationToken>x</NextContinuationToken>", NULL},
        {"<IsTruncated>true</IsTruncated>", NULL},
        {"<IsTruncated>true</IsTruncated><NextContinuationToken></NextContinuationToken>", NULL},
        {"<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b</NextContinuationToken>",
         NULL},
        {"<IsTruncated>true</IsTruncated><NextContinuationToken>cut", NULL},
        {"", NULL},
    };
    char token[S3_TOKEN_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof docs / sizeof *docs; i++) {
        bool found = s3_page_peek(docs[i].doc, strlen(docs[i].doc), token);

        assert_int_equal(found, docs[i].token != NULL);
        if (found)
            assert_string_equal(token, docs[i].token);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),      cmocka_unit_test(cut_short), cmocka_unit_test(mutated),
        cmocka_unit_test(without_memory), cmocka_unit_test(peeked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
