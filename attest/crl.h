/* crl.h - revocation lists (RFC 5280, section 5): complete lists of one issuer.
 *
 * Read as certificates are (cert.h). A list with a critical extension in an entry is refused: that
 * would be an indirect list, or something that changes what an entry means. */
#ifndef ATTEST_CRL_H
#define ATTEST_CRL_H

#include "attest/cert.h"

/* All runs of bytes are within the list's own copy. */
struct crl {
    unsigned references;
    bool named; /* as cert.named */
    uint8_t id[CACHE_ID];
    struct bytes signed_part;  /* tbsCertList, with its tag and length */
    struct bytes algorithm[2]; /* outside, and in the signed part */
    struct bytes signature;
    struct bytes issuer;  /* a Name, with its tag and length */
    struct bytes entries; /* the content of revokedCertificates */
    struct bytes extensions;
    struct bytes authority_key; /* empty: none, or unreadable */
    bool critical;              /* an extension of the list is critical */
    uint64_t number;            /* cRLNumber; 0: none that fits */
    int64_t issued_s;           /* thisUpdate; INT64_MAX: not a time */
    int64_t next_s;             /* nextUpdate; INT64_MIN: none, or not a time */
    uint8_t copy[];
};

/* Exactly one DER list; *out is the caller's to crl_free(). crl.malformed. */
NODISCARD bool crl_parse(struct bytes der, const char *name, struct crl **out, struct err *e);
struct crl *crl_ref(struct crl *c);
void crl_free(struct crl *c);

DEFINE_CLEANUP(crl, struct crl *, crl_free)

/* The same, from the cache: see cert_open(). */
NODISCARD bool crl_open(struct evidence_cache *cache, struct bytes der, const char *name,
                        struct crl **out, struct err *e);

/* As cert_check_signed(). crl.algorithm, crl.signature (also for another issuer's). */
NODISCARD bool crl_check_signed(struct crl *crl, struct cert *issuer, enum cert_scheme scheme,
                                struct evidence_cache *cache, const char *name, struct err *e);

/* thisUpdate <= now, or crl.validity. *stale: nextUpdate is past or missing. */
NODISCARD bool crl_check_time(const struct crl *crl, int64_t now_s, bool *stale, const char *name,
                              struct err *e);

/* The certificate's serial number is in the list. */
bool crl_lists(const struct crl *crl, const struct cert *x);

#endif
