/* COSE_Sign1: our own signatures with every algorithm, and what must not pass. */
#include "tests/lib/unit.h"
#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "attest/cbor.h"
#include "attest/cose.h"
#include "attest/sim/sim_cbor.h"

struct curve {
    int64_t algorithm;
    const char *group;
    size_t half;
    const EVP_MD *(*md)(void);
};

static const struct curve curves[] = {
    {COSE_ES256, "P-256", 32, EVP_sha256},
    {COSE_ES384, "P-384", 48, EVP_sha384},
    {COSE_ES512, "P-521", 66, EVP_sha512},
};

static EVP_PKEY *key_make(const struct curve *c)
{
    EVP_PKEY *key = EVP_EC_gen(c->group);

    assert_non_null(key);
    return key;
}

/* With the key as the library has it: none of a key that is not on its curves. */
static bool verify(const struct cose_sign1 *s, EVP_PKEY *key, const char *field, const char *name,
                   struct err *e)
{
    AUTO(ecdsa_key) struct ecdsa_key *own = NULL;
    uint8_t *spki = NULL;
    int n = key == NULL ? 0 : i2d_PUBKEY(key, &spki);
    enum ecdsa_curve curve;
    struct bytes xy;

    if (n > 0 && ecdsa_spki_read((struct bytes){spki, (size_t)n}, &curve, &xy))
        own = ecdsa_key_new(curve, xy);
    OPENSSL_free(spki);
    return cose_verify(s, own, field, name, e);
}

/* Signs by hand, apart from the code under test: RFC 9052, 4.4. */
static void sign(const struct curve *c, EVP_PKEY *key, int64_t stated, bool tagged,
                 struct bytes payload, struct buf *out)
{
    AUTO_BUF struct buf header = {0}, text = {0};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t der[160], raw[132];
    const uint8_t *p = der;
    size_t n = sizeof der;
    ECDSA_SIG *sig;

    sim_cbor_head(&header, 5, 1);
    sim_cbor_int(&header, 1);
    sim_cbor_int(&header, stated);
    sim_cbor_head(&text, 4, 4);
    sim_cbor_text(&text, "Signature1");
    sim_cbor_bytes(&text, buf_bytes(&header));
    sim_cbor_head(&text, 2, 0);
    sim_cbor_bytes(&text, payload);
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, c->md(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, der, &n, text.p, text.n), 1);
    sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, (int)c->half), (int)c->half);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + c->half, (int)c->half),
                     (int)c->half);
    if (tagged)
        sim_cbor_head(out, 6, 18);
    sim_cbor_head(out, 4, 4);
    sim_cbor_bytes(out, buf_bytes(&header));
    sim_cbor_head(out, 5, 0);
    sim_cbor_bytes(out, payload);
    sim_cbor_bytes(out, (struct bytes){raw, 2 * c->half});
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(ctx);
}

static void every_algorithm_verifies(void **state)
{
    static uint8_t large[70000];
    static const size_t sizes[] = {1, 23, 24, 255, 256, 65535, 65536, 70000};

    (void)state;
    for (size_t c = 0; c < COUNT(curves); c++) {
        EVP_PKEY *key = key_make(&curves[c]), *other = key_make(&curves[c]);

        for (size_t i = 0; i < COUNT(sizes); i++) {
            AUTO_BUF struct buf made = {0};
            struct cose_sign1 s;
            struct err e = {0};

            sign(&curves[c], key, curves[c].algorithm, i % 2 == 0, (struct bytes){large, sizes[i]},
                 &made);
            assert_true(cbor_check_all(buf_bytes(&made), CBOR_DEFINITE, false, "thing", &e));
            assert_true(cose_parse(buf_bytes(&made), "thing", &s, &e));
            assert_int_equal(s.tagged, i % 2 == 0);
            assert_int_equal(s.payload.n, sizes[i]);
            if (!verify(&s, key, "thing", "key", &e))
                fail_msg("%s: %s", curves[c].group, e.msg);
            assert_false(verify(&s, other, "thing", "key", &e));
            assert_string_equal(e.reason, "cose.signature");
            assert_string_equal(e.field, "thing.signature");
        }
        EVP_PKEY_free(key);
        EVP_PKEY_free(other);
    }
}

/* A signature is for one algorithm, one key, one payload, in one form. */
static void nothing_is_mixed(void **state)
{
    (void)state;
    for (size_t c = 0; c < COUNT(curves); c++) {
        const struct curve *next = &curves[(c + 1) % COUNT(curves)];
        EVP_PKEY *key = key_make(&curves[c]), *other = key_make(next), *rsa = EVP_RSA_gen(1024);
        AUTO_BUF struct buf made = {0};
        struct cose_sign1 s, t;
        struct err e = {0};

        sign(&curves[c], key, curves[c].algorithm, false, BYTES_LIT("payload"), &made);
        assert_true(cose_parse(buf_bytes(&made), "thing", &s, &e));
        assert_false(verify(&s, other, "thing", "key", &e));
        assert_string_equal(e.reason, "cose.key");
        assert_false(verify(&s, rsa, "thing", "key", &e));
        assert_string_equal(e.reason, "cose.key");
        assert_false(verify(&s, NULL, "thing", "key", &e));
        assert_string_equal(e.reason, "cose.key");
        t = s;
        t.payload.n--;
        assert_false(verify(&t, key, "thing", "key", &e));
        assert_string_equal(e.reason, "cose.signature");
        t = s;
        t.signature.n--;
        assert_false(verify(&t, key, "thing", "key", &e));
        assert_string_equal(e.reason, "cose.signature-range");
        EVP_PKEY_free(key);
        EVP_PKEY_free(other);
        EVP_PKEY_free(rsa);
    }
}

static void numbers_have_a_range(void **state)
{
    EVP_PKEY *key = key_make(&curves[1]);

    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        AUTO_BUF struct buf made = {0};
        struct cose_sign1 s;
        struct err e = {0};

        sign(&curves[1], key, COSE_ES384, false, BYTES_LIT("payload"), &made);
        memset(made.p + made.n - (kind % 2 == 0 ? 96 : 48), kind < 2 ? 0 : 0xff, 48);
        assert_true(cose_parse(buf_bytes(&made), "thing", &s, &e));
        assert_false(verify(&s, key, "thing", "key", &e));
        assert_string_equal(e.reason, "cose.signature-range");
    }
    EVP_PKEY_free(key);
}

static void shapes_are_judged(void **state)
{
    static const struct {
        struct bytes in;
        const char *reason;
    } rows[] = {
        {BYTES_INIT("\x84\x43\xa1\x01\x26\xa0\x41p\x41s"), NULL},
        {BYTES_INIT("\xd2\x84\x43\xa1\x01\x26\xa0\x41p\x41s"), NULL},
        {BYTES_INIT("\x84\x44\xa1\x01\x38\x22\xa1\x04\x41k\x41p\x41s"), NULL},
        {BYTES_INIT("\xd1\x84\x43\xa1\x01\x26\xa0\x41p\x41s"), "cbor.type"},
        {BYTES_INIT("\x83\x43\xa1\x01\x26\xa0\x41p"), "cose.shape"},
        {BYTES_INIT("\x85\x43\xa1\x01\x26\xa0\x41p\x41s\x00"), "cose.shape"},
        {BYTES_INIT("\xa2\x43\xa1\x01\x26\xa0\x41p\x41s"), "cbor.type"},
        {BYTES_INIT("\x84\x40\xa0\x41p\x41s"), "cbor.size"},
        {BYTES_INIT("\x84\xa1\x01\x26\xa0\x41p\x41s"), "cbor.type"},
        {BYTES_INIT("\x84\x41\xa0\xa0\x41p\x41s"), "cose.header"},
        {BYTES_INIT("\x84\x43\xa1\x02\x26\xa0\x41p\x41s"), "cose.header"},
        {BYTES_INIT("\x84\x45\xa2\x01\x26\x02\x80\xa0\x41p\x41s"), "cose.header"}, /* crit */
        {BYTES_INIT("\x84\x43\xa1\x01\x60\xa0\x41p\x41s"), "cbor.type"},
        {BYTES_INIT("\x84\x43\xa1\x01\x27\xa0\x41p\x41s"), "cose.algorithm"}, /* EdDSA */
        {BYTES_INIT("\x84\x44\xa1\x01\x26\x00\xa0\x41p\x41s"), "bytes.trailing"},
        {BYTES_INIT("\x84\x42\xa1\x01\xa0\x41p\x41s"), "cbor.truncated"},
        {BYTES_INIT("\x84\x43\xa1\x01\x26\xa1\x01\x26\x41p\x41s"), "cose.header"},
        {BYTES_INIT("\x84\x43\xa1\x01\x26\xa1\x04\x61k\x41p\x41s"), "cbor.type"},
        {BYTES_INIT("\x84\x43\xa1\x01\x26\x80\x41p\x41s"), "cbor.type"},
        {BYTES_INIT("\x84\x43\xa1\x01\x26\xa0\xf6\x41s"), "cbor.type"}, /* detached */
        {BYTES_INIT("\x84\x43\xa1\x01\x26\xa0\x40\x41s"), "cbor.size"},
        {BYTES_INIT("\x84\x43\xa1\x01\x26\xa0\x41p\xf6"), "cbor.type"},
        {BYTES_INIT("\x84\x43\xa1\x01\x26\xa0\x41p\x40"), "cbor.size"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct cose_sign1 s;
        struct err e = {0};
        bool good = cose_parse(rows[i].in, "thing", &s, &e);

        if (good != (rows[i].reason == NULL) || (!good && strcmp(e.reason, rows[i].reason) != 0))
            fail_msg("row %zu: got %s (%s)", i, good ? "sound" : e.reason, e.msg);
        if (!good)
            assert_int_equal(strncmp(e.field, "thing", 5), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_verifies),
        cmocka_unit_test(nothing_is_mixed),
        cmocka_unit_test(numbers_have_a_range),
        cmocka_unit_test(shapes_are_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
