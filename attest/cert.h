/* cert.h - single certificates and revocation lists, checked by hand: no store, no default paths,
 * no clock. AMD's own quirks (leaf serial 0, no key usage in leaves) keep generic chain building
 * out; the shape of each chain is written where it is used. */
#ifndef ATTEST_CERT_H
#define ATTEST_CERT_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "attest/cache.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"

DEFINE_CLEANUP(x509, X509 *, X509_free)
DEFINE_CLEANUP(crl, X509_CRL *, X509_CRL_free)
DEFINE_CLEANUP(pkey, EVP_PKEY *, EVP_PKEY_free)

#define CERT_MAX 16384

/* Exactly one DER certificate of at most CERT_MAX bytes; *out is the caller's to X509_free(). name
 * is the file's, for messages. cert.malformed, cert.too-large. */
NODISCARD bool cert_parse(struct bytes der, const char *name, X509 **out, struct err *e);
NODISCARD bool crl_parse(struct bytes der, const char *name, X509_CRL **out, struct err *e);

/* The same, from the cache where it has these very bytes (with their key decoded), which keeps what
 * was parsed. *out is a reference of the caller's own, also then. cache may be NULL. */
NODISCARD bool cert_open(struct evidence_cache *cache, struct bytes der, const char *name,
                         X509 **out, struct err *e);
NODISCARD bool crl_open(struct evidence_cache *cache, struct bytes der, const char *name,
                        X509_CRL **out, struct err *e);

/* The subject has exactly one common name, and it is this. cert.shape. */
NODISCARD bool cert_check_name(const X509 *x, const char *cn, const char *name, struct err *e);

/* notBefore <= now <= notAfter. cert.validity. */
NODISCARD bool cert_check_time(const X509 *x, int64_t now_s, const char *name, struct err *e);

/* A CA certificate by its extensions: CA:TRUE, may sign certificates; a root of RSA with >= 4096
 * bits. cert.shape. */
NODISCARD bool cert_check_ca(X509 *x, const char *name, struct err *e);

/* How a vendor signs certificates and lists; nothing else is accepted under its roots. */
enum cert_scheme {
    CERT_PSS_SHA384,   /* AMD: RSASSA-PSS, SHA-384, MGF1 of SHA-384, salt 48, trailer 1 */
    CERT_ECDSA_SHA256, /* Intel */
    CERT_ECDSA_SHA384, /* AWS Nitro */
};

/* Signed by issuer's key, issuer's name matches, and both AlgorithmIdentifiers say what the scheme
 * says. With a cache, and both objects out of it, a signature that was verified before is not
 * verified again; everything else is. cert.algorithm, cert.shape, cert.signature. */
NODISCARD bool cert_check_signed(X509 *x, X509 *issuer, enum cert_scheme scheme,
                                 struct evidence_cache *cache, const char *name, struct err *e);
NODISCARD bool crl_check_signed(X509_CRL *crl, X509 *issuer, enum cert_scheme scheme,
                                struct evidence_cache *cache, const char *name, struct err *e);

/* thisUpdate <= now, or crl.validity. *stale: nextUpdate is past or missing. */
NODISCARD bool crl_check_time(const X509_CRL *crl, int64_t now_s, bool *stale, const char *name,
                              struct err *e);
bool crl_lists(X509_CRL *crl, X509 *x);

#endif
