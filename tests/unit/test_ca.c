/* The authority: what it signs holds, and only sound requests are signed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "controller/ca.h"

#define NOW 1795000000

static X509 *parse(const struct buf *pem)
{
    BIO *bio = BIO_new_mem_buf(pem->p, (int)pem->n);
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    BIO_free(bio);
    assert_non_null(x);
    return x;
}

static bool chains(X509 *leaf, const char *ca_text, int64_t at_s, int purpose)
{
    BIO *bio = BIO_new_mem_buf(ca_text, -1);
    X509 *root = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool ok;

    X509_STORE_add_cert(store, root);
    X509_STORE_CTX_init(ctx, store, leaf, NULL);
    X509_STORE_CTX_set_time(ctx, 0, (time_t)at_s);
    X509_STORE_CTX_set_purpose(ctx, purpose);
    ok = X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    X509_free(root);
    BIO_free(bio);
    return ok;
}

static void test_issue(void **unused)
{
    static const char *const hosts[] = {"localhost", "10.0.0.7", "::1"};
    AUTO(ca) struct ca *ca = NULL;
    AUTO(pkey) EVP_PKEY *key = NULL;
    AUTO_BUF struct buf server = {0};
    AUTO_BUF struct buf node = {0};
    struct err e = {0};
    struct cert_order o = {.common_name = "bailey-controller",
                           .uri = "bailey://c/controller",
                           .hosts = hosts,
                           .hosts_n = 3,
                           .use = CERT_SERVER,
                           .not_before_s = NOW - 3600,
                           .not_after_s = NOW + 86400};
    int64_t end;
    X509 *x;

    (void)unused;
    assert_true(ca_new("c", NOW, &ca, &e));
    assert_true(key_new(&key, &e));
    assert_true(ca_issue(ca, key, &o, &server, &e));
    x = parse(&server);
    assert_true(chains(x, ca_pem(ca), NOW, X509_PURPOSE_SSL_SERVER));
    assert_false(chains(x, ca_pem(ca), NOW, X509_PURPOSE_SSL_CLIENT));
    assert_int_equal(X509_check_host(x, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_ip_asc(x, "10.0.0.7", 0), 1);
    assert_int_equal(X509_check_ip_asc(x, "::1", 0), 1);
    assert_int_equal(X509_check_host(x, "elsewhere", 0, 0, NULL), 0);
    X509_free(x);

    o = (struct cert_order){.common_name = "n1",
                            .uri = "bailey://c/node/n1",
                            .use = CERT_CLIENT,
                            .not_before_s = NOW - 3600,
                            .not_after_s = NOW + 86400};
    assert_true(ca_issue(ca, key, &o, &node, &e));
    x = parse(&node);
    assert_true(chains(x, ca_pem(ca), NOW, X509_PURPOSE_SSL_CLIENT));
    assert_false(chains(x, ca_pem(ca), NOW, X509_PURPOSE_SSL_SERVER));
    assert_false(chains(x, ca_pem(ca), NOW + 86401, X509_PURPOSE_SSL_CLIENT));
    X509_free(x);
    assert_true(cert_not_after(buf_bytes(&node), &end, &e));
    assert_int_equal(end, NOW + 86400);
}

static void test_export_and_load(void **unused)
{
    AUTO(ca) struct ca *ca = NULL;
    AUTO(ca) struct ca *again = NULL;
    AUTO(ca) struct ca *other = NULL;
    AUTO_BUF struct buf key = {0};
    AUTO_BUF struct buf cert = {0};
    AUTO_BUF struct buf other_key = {0};
    AUTO_BUF struct buf other_cert = {0};
    uint8_t a[PIN_SIZE], b[PIN_SIZE];
    struct err e = {0};

    (void)unused;
    assert_true(ca_new("c", NOW, &ca, &e) && ca_export(ca, &key, &cert, &e));
    assert_true(ca_load(buf_bytes(&key), buf_bytes(&cert), &again, &e));
    ca_pin(ca, a);
    ca_pin(again, b);
    assert_memory_equal(a, b, PIN_SIZE);
    assert_true(cert_pin(buf_bytes(&cert), b, &e));
    assert_memory_equal(a, b, PIN_SIZE);
    assert_true(ca_new("d", NOW, &other, &e) && ca_export(other, &other_key, &other_cert, &e));
    ca_free(STEAL(again));
    assert_false(ca_load(buf_bytes(&other_key), buf_bytes(&cert), &again, &e));
    assert_string_equal(e.reason, "ca.files");
}

static void request(EVP_PKEY *subject, EVP_PKEY *signer, uint8_t **der, size_t *n)
{
    X509_REQ *req = X509_REQ_new();
    int size;

    *der = NULL;
    X509_REQ_set_pubkey(req, subject);
    X509_REQ_sign(req, signer, EVP_sha256());
    size = i2d_X509_REQ(req, der);
    assert_true(size > 0);
    *n = (size_t)size;
    X509_REQ_free(req);
}

static void check_refused(struct bytes der, const char *reason)
{
    EVP_PKEY *out = NULL;
    struct err e = {0};

    assert_false(csr_key(der, &out, &e));
    assert_null(out);
    assert_string_equal(e.reason, reason);
}

static void test_requests(void **unused)
{
    AUTO(pkey) EVP_PKEY *key = NULL;
    AUTO(pkey) EVP_PKEY *other = NULL;
    AUTO(pkey) EVP_PKEY *rsa = EVP_RSA_gen(2048);
    AUTO(pkey) EVP_PKEY *p384 = EVP_EC_gen("P-384");
    AUTO(pkey) EVP_PKEY *got = NULL;
    uint8_t *der;
    size_t n;
    struct err e = {0};

    (void)unused;
    assert_true(key_new(&key, &e) && key_new(&other, &e));
    request(key, key, &der, &n);
    assert_true(csr_key((struct bytes){der, n}, &got, &e));
    assert_int_equal(EVP_PKEY_eq(got, key), 1);
    for (size_t i = 0; i < n; i++)
        check_refused((struct bytes){der, i}, "csr.malformed");
    OPENSSL_free(der);
    request(key, other, &der, &n);
    check_refused((struct bytes){der, n}, "csr.signature");
    OPENSSL_free(der);
    request(rsa, rsa, &der, &n);
    check_refused((struct bytes){der, n}, "csr.key-kind");
    OPENSSL_free(der);
    request(p384, p384, &der, &n);
    check_refused((struct bytes){der, n}, "csr.key-kind");
    OPENSSL_free(der);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_issue),
        cmocka_unit_test(test_export_and_load),
        cmocka_unit_test(test_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
