/* Digests against published vectors, at once and in pieces; hex and base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pklbrowse/digest.h>
#include <pklbrowse/mem.h>

static void check_hex(const uint8_t *p, size_t n, const char *hex)
{
    struct buf out;

    buf_init(&out, 100);
    hex_encode(&out, p, n);
    assert_string_equal(out.data, hex);
    buf_release(&out);
}

/* FIPS 180-2 and RFC 1321; CRC-32 is that of the same text in zip. */
static const struct {
    const char *text;
    const char *sha256, *md5;
    uint32_t crc;
} vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "d41d8cd98f00b204e9800998ecf8427e", 0},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
     "900150983cd24fb0d6963f7d28e17f72", 0x352441c2},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
     "8215ef0796a20bcaaae116d3876c664a", 0x171a3f5f},
    {"123456789", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
     "25f9e794323b453885f5181f1b624d0b", 0xcbf43926},
};

static void known_digests(void **state)
{
    uint8_t out[SHA256_LEN];
    struct error e;

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        size_t n = strlen(vectors[i].text);

        assert_int_equal(sha256(vectors[i].text, n, out, &e), PB_OK);
        check_hex(out, SHA256_LEN, vectors[i].sha256);
        assert_int_equal(md5(vectors[i].text, n, out, &e), PB_OK);
        check_hex(out, MD5_LEN, vectors[i].md5);
        assert_int_equal(crc32_of(0, vectors[i].text, n), vectors[i].crc);
    }
    assert_int_equal(sha256(NULL, 0, out, &e), PB_OK);
    check_hex(out, SHA256_LEN, vectors[0].sha256);
}

static void digests_in_pieces(void **state)
{
    uint8_t out[32];
    struct digest *d;
    struct error e;
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        size_t n = strlen(vectors[i].text);
        uint32_t crc = 0;

        for (int kind = 0; kind < 2; kind++) {
            assert_int_equal(digest_new(kind == 0 ? DIGEST_SHA256 : DIGEST_MD5, &d, &e), PB_OK);
            for (size_t k = 0; k < n; k++)
                assert_int_equal(digest_update(d, vectors[i].text + k, 1, &e), PB_OK);
            assert_int_equal(digest_update(d, NULL, 0, &e), PB_OK);
            assert_int_equal(digest_final(d, out, &len, &e), PB_OK);
            assert_int_equal(len, kind == 0 ? SHA256_LEN : MD5_LEN);
            check_hex(out, len, kind == 0 ? vectors[i].sha256 : vectors[i].md5);
        }
        for (size_t k = 0; k < n; k++)
            crc = crc32_of(crc, vectors[i].text + k, 1);
        assert_int_equal(crc, vectors[i].crc);
    }
    assert_int_equal(digest_new(DIGEST_MD5, &d, &e), PB_OK);
    digest_free(d);
    digest_free(NULL);
    mem_fail_after(1);
    assert_int_equal(digest_new(DIGEST_MD5, &d, &e), PB_ENOMEM);
    mem_fail_after(-1);
    assert_null(d);
}

/* RFC 3720, B.4, and the catalogue's check value. */
static void castagnoli(void **state)
{
    uint8_t zeros[32] = {0}, ones[32], up[32], down[32], long_one[100000];
    uint32_t crc;

    (void)state;
    for (unsigned i = 0; i < 32; i++) {
        ones[i] = 0xff;
        up[i] = (uint8_t)i;
        down[i] = (uint8_t)(31 - i);
    }
    assert_int_equal(crc32c_of(0, NULL, 0), 0);
    assert_int_equal(crc32c_of(0, "a", 1), 0xc1d04330);
    assert_int_equal(crc32c_of(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c_of(0, zeros, 32), 0x8a9136aa);
    assert_int_equal(crc32c_of(0, ones, 32), 0x62a8ab43);
    assert_int_equal(crc32c_of(0, up, 32), 0x46dd794e);
    assert_int_equal(crc32c_of(0, down, 32), 0x113fdb5c);
    /* In pieces of any size and at any address it is what it is byte by byte. */
    for (size_t i = 0; i < sizeof long_one; i++)
        long_one[i] = (uint8_t)(i * i >> 3);
    crc = 0;
    for (size_t i = 0; i < sizeof long_one; i++)
        crc = crc32c_of(crc, long_one + i, 1);
    for (size_t cut = 0; cut < 40; cut++)
        assert_int_equal(
            crc32c_of(crc32c_of(0, long_one, cut), long_one + cut, sizeof long_one - cut), crc);
}

/* RFC 4231. */
static void keyed(void **state)
{
    uint8_t key[131], out[SHA256_LEN];
    struct error e;

    (void)state;
    memset(key, 0x0b, 20);
    assert_int_equal(hmac_sha256(key, 20, "Hi There", 8, out, &e), PB_OK);
    check_hex(out, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_int_equal(hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, out, &e), PB_OK);
    check_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, 131);
    assert_int_equal(hmac_sha256(key, 131, "Test Using Larger Than Block-Size Key - Hash Key First",
                                 54, out, &e),
                     PB_OK);
    check_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    assert_int_equal(hmac_sha256(NULL, 0, "", 0, out, &e), PB_OK);
    check_hex(out, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* RFC 4648. */
static void base64(void **state)
{
    static const struct {
        const char *plain, *coded;
    } good[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xfe", "+//+"},
    };
    static const char *const bad[] = {
        "Z",    "Zg",   "Zg=",  "Zg==Zg==", "Z===", "====",  "Zm9v\n",     "Zm 9",
        "Zm-_", "Zh==", "Zm9=", "=Zg=",     "Zg=a", "Zm9vZ", "\xc3\xa9==",
    };
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        buf_clear(&out);
        base64_encode(&out, good[i].plain, strlen(good[i].plain));
        assert_string_equal(out.data, good[i].coded);
        buf_clear(&out);
        assert_true(base64_decode(&out, good[i].coded, strlen(good[i].coded)));
        assert_string_equal(out.data, good[i].plain);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        buf_clear(&out);
        if (base64_decode(&out, bad[i], strlen(bad[i])))
            fail_msg("%s", bad[i]);
    }
    buf_release(&out);
    buf_init(&out, 2);
    assert_false(base64_decode(&out, "Zm9v", 4)); /* no room */
    buf_release(&out);
}

static void base64_of_every_length(void **state)
{
    uint8_t bytes[100];
    struct buf coded, plain;

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 200);
    buf_init(&coded, 200);
    buf_init(&plain, 200);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        buf_clear(&coded);
        buf_clear(&plain);
        base64_encode(&coded, bytes, n);
        assert_int_equal(coded.len, (n + 2) / 3 * 4);
        assert_true(base64_decode(&plain, coded.data, coded.len));
        assert_int_equal(plain.len, n);
        assert_memory_equal(plain.data, bytes, n);
    }
    buf_release(&coded);
    buf_release(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests), cmocka_unit_test(digests_in_pieces),
        cmocka_unit_test(castagnoli),    cmocka_unit_test(keyed),
        cmocka_unit_test(base64),        cmocka_unit_test(base64_of_every_length),
    };

    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
