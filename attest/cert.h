/* cert.h - single X.509 certificates (RFC 5280), read by a bounded reader of our own and checked by
 * hand: no store, no default paths, no clock. AMD's own quirks (leaf serial 0, no key usage in
 * leaves) keep generic chain building out; the shape of each chain is written where it is used.
 *
 * What is accepted is what the vendors' profiles need, which is stricter than OpenSSL's d2i_X509():
 * DER only; version 3; no unique identifiers; extensions, where there are any, not empty and
 * DEFAULTs left out but for FALSE; names of PrintableString, UTF8String and IA5String, compared
 * byte for byte (RFC 5280 4.1.2.4 and 4.1.2.6 have an issuer's name encoded alike in both places);
 * keys on named curves with uncompressed points, or RSA. docs/verification.md lists and justifies
 * each difference; test_cert and fuzz_cert hold this reader against OpenSSL's.
 *
 * A key is made when it is first used and kept with its certificate. Not for two threads at once:
 * counts of references are plain numbers. */
#ifndef ATTEST_CERT_H
#define ATTEST_CERT_H

#include "attest/cache.h"
#include "attest/ecdsa.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/err.h"

#define CERT_MAX 16384

/* Key usage (RFC 5280 4.2.1.3): bit N of the string is bit N here. */
#define CERT_DIGITAL_SIGNATURE (1u << 0)
#define CERT_KEY_CERT_SIGN (1u << 5)
#define CERT_USAGE_ANY UINT32_MAX /* no such extension */

/* What extensions say that more than one profile asks for. */
struct cert_extensions {
    bool unknown_critical; /* one is critical and none of the four below */
    bool invalid;          /* one of the four stands there twice or is not of its type */
    bool constraints, ca;  /* basicConstraints is there; CA:TRUE */
    int64_t path_length;   /* -1: any number */
    bool has_usage;
    uint32_t usage;
    struct bytes subject_key, authority_key; /* key identifiers; empty: none */
};

/* All runs of bytes are within `der`, which is the certificate's own copy. */
struct cert {
    unsigned references;
    struct bytes der;
    struct bytes signed_part;     /* tbsCertificate, with its tag and length */
    struct bytes algorithm[2];    /* AlgorithmIdentifiers: outside, and in the signed part */
    struct bytes signature;       /* empty: its last byte has unused bits, which no vendor's has */
    struct bytes serial;          /* the content of its INTEGER */
    struct bytes issuer, subject; /* Names, with their tags and lengths */
    struct bytes spki;            /* SubjectPublicKeyInfo, with its tag and length */
    struct bytes extensions;      /* their list, for cert_extension_take() */
    int64_t not_before_s;         /* INT64_MAX: not a time */
    int64_t not_after_s;          /* INT64_MIN: not a time */
    struct cert_extensions says;
    bool named; /* cert_open() gave it an id: SHA-256 of its bytes, for the cache */
    uint8_t id[CACHE_ID];
    bool keyed;           /* the keys below were looked for */
    struct ecdsa_key *ec; /* NULL: none, or not a point of its curve */
    struct rsa_key *rsa;
    uint8_t copy[];
};

/* Exactly one DER certificate of at most CERT_MAX bytes; *out is the caller's to cert_free(). name
 * is the file's, for messages. cert.malformed, cert.too-large. */
NODISCARD bool cert_parse(struct bytes der, const char *name, struct cert **out, struct err *e);
struct cert *cert_ref(struct cert *x);
void cert_free(struct cert *x); /* lets go of one reference; NULL is fine */

DEFINE_CLEANUP(cert, struct cert *, cert_free)

/* The same, from the cache where it has these very bytes (with their key made), which keeps what
 * was parsed. *out is a reference of the caller's own, also then. cache may be NULL. */
NODISCARD bool cert_open(struct evidence_cache *cache, struct bytes der, const char *name,
                         struct cert **out, struct err *e);

/* Its public key, borrowed; NULL: not one on P-256, P-384 or P-521. */
struct ecdsa_key *cert_key(struct cert *x);

/* One extension of a list that cert_parse() or crl_parse() has been through. */
struct cert_extension {
    struct bytes oid, value; /* contents: of the identifier, and of the OCTET STRING */
    bool critical;
};
bool cert_extension_take(struct bytes *list, struct cert_extension *out);

/* The first common name of a Name, as its bytes; empty when there is none. *count: how many. */
struct bytes cert_common_name(struct bytes name, unsigned *count);

/* The subject has exactly one common name, and it is this. cert.shape. */
NODISCARD bool cert_check_name(const struct cert *x, const char *cn, const char *name,
                               struct err *e);

/* notBefore <= now <= notAfter. cert.validity. */
NODISCARD bool cert_check_time(const struct cert *x, int64_t now_s, const char *name,
                               struct err *e);

/* A CA by its extensions: basic constraints say CA:TRUE, and key usage, where it is stated, lets it
 * sign certificates. */
bool cert_is_ca(const struct cert *x);

/* cert_is_ca(), no critical extension unknown here, and RSA with >= 4096 bits. cert.shape. */
NODISCARD bool cert_check_ca(struct cert *x, const char *name, struct err *e);

/* How a vendor signs certificates and lists; nothing else is accepted under its roots. */
enum cert_scheme {
    CERT_PSS_SHA384,   /* AMD: RSASSA-PSS, SHA-384, MGF1 of SHA-384, salt 48, trailer 1 */
    CERT_ECDSA_SHA256, /* Intel: of keys on P-256 */
    CERT_ECDSA_SHA384, /* AWS Nitro: of keys on P-384 */
};

/* Signed by issuer's key, issuer's name matches, and both AlgorithmIdentifiers say what the scheme
 * says. With a cache, and both objects out of it, a signature that was verified before is not
 * verified again; everything else is. cert.algorithm, cert.shape, cert.signature. */
NODISCARD bool cert_check_signed(struct cert *x, struct cert *issuer, enum cert_scheme scheme,
                                 struct evidence_cache *cache, const char *name, struct err *e);

/* The parts of that, for lists (crl.h). Both AlgorithmIdentifiers are the scheme's; `reason` of a
 * refusal is the caller's. */
NODISCARD bool cert_check_algorithms(enum cert_scheme scheme, const struct bytes algorithm[2],
                                     const char *reason, const char *name, struct err *e);
bool cert_key_signed(struct cert *issuer, enum cert_scheme scheme, struct bytes message,
                     struct bytes signature);

/* The name of "these bytes are signed by that issuer as that scheme says" in the cache. False: one
 * of them has no id. */
bool cert_signed_id(const uint8_t *object_id, const struct cert *issuer, enum cert_scheme scheme,
                    uint8_t id[CACHE_ID]);

#endif
