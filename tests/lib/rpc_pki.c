#include "tests/lib/rpc_pki.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "test certificates: %s failed\n", what);
    abort();
}

const char *pki_path(const char *dir, const char *name, const char *suffix)
{
    static char paths[16][512];
    static unsigned next;
    char *out = paths[next++ % 16];

    must((size_t)snprintf(out, sizeof paths[0], "%s/%s%s", dir, name, suffix) < sizeof paths[0],
         "path");
    return out;
}

static void extension(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    must(ext != NULL && X509_add_ext(x, ext, -1) == 1, value);
    X509_EXTENSION_free(ext);
}

static X509 *cert_new(const char *name, EVP_PKEY *key)
{
    static long serial = 1;
    X509 *x = X509_new();

    must(x != NULL && X509_set_version(x, 2) == 1 &&
             ASN1_INTEGER_set(X509_get_serialNumber(x), (serial += 1) + (long)random()) == 1 &&
             X509_gmtime_adj(X509_getm_notBefore(x), -60) != NULL &&
             X509_gmtime_adj(X509_getm_notAfter(x), 86400) != NULL &&
             X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                                        (const unsigned char *)name, -1, -1, 0) == 1 &&
             X509_set_pubkey(x, key) == 1,
         "certificate");
    return x;
}

static void write_pair(const char *dir, const char *name, X509 *x, EVP_PKEY *key)
{
    FILE *f = fopen(pki_path(dir, name, ".pem"), "w");

    must(f != NULL && PEM_write_X509(f, x) == 1 && fclose(f) == 0, "certificate file");
    f = fopen(pki_path(dir, name, ".key"), "w");
    must(f != NULL && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1 &&
             fclose(f) == 0,
         "key file");
}

void pki_ca(const char *dir, const char *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = cert_new(name, key);

    must(X509_set_issuer_name(x, X509_get_subject_name(x)) == 1, "issuer");
    extension(x, x, NID_basic_constraints, "critical,CA:TRUE");
    extension(x, x, NID_key_usage, "critical,keyCertSign,cRLSign");
    extension(x, x, NID_subject_key_identifier, "hash");
    must(X509_sign(x, key, EVP_sha256()) != 0, "signature");
    write_pair(dir, name, x, key);
    X509_free(x);
    EVP_PKEY_free(key);
}

void pki_leaf(const char *dir, const char *ca, const char *name, const char *san)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *ca_key;
    X509 *x = cert_new(name, key), *issuer;
    FILE *f = fopen(pki_path(dir, ca, ".pem"), "r");

    issuer = f == NULL ? NULL : PEM_read_X509(f, NULL, NULL, NULL);
    must(issuer != NULL && fclose(f) == 0, "CA");
    f = fopen(pki_path(dir, ca, ".key"), "r");
    ca_key = f == NULL ? NULL : PEM_read_PrivateKey(f, NULL, NULL, NULL);
    must(ca_key != NULL && fclose(f) == 0, "CA key");
    must(X509_set_issuer_name(x, X509_get_subject_name(issuer)) == 1, "issuer");
    extension(x, issuer, NID_basic_constraints, "critical,CA:FALSE");
    extension(x, issuer, NID_ext_key_usage, "serverAuth,clientAuth");
    extension(x, issuer, NID_subject_alt_name, san);
    extension(x, issuer, NID_authority_key_identifier, "keyid");
    must(X509_sign(x, ca_key, EVP_sha256()) != 0, "signature");
    write_pair(dir, name, x, key);
    X509_free(x);
    X509_free(issuer);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
}
