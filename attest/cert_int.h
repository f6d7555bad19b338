/* cert_int.h - what the readers of certificates and of revocation lists share. */
#ifndef ATTEST_CERT_INT_H
#define ATTEST_CERT_INT_H

#include "attest/cert.h"

/* An AlgorithmIdentifier: SEQUENCE { OID, anything }. */
NODISCARD bool cert_algorithm_take(struct bytes *in, struct bytes *whole);

/* A Name (RFC 5280 4.1.2.4): attributes with text, of the kinds cert.h names. */
NODISCARD bool cert_name_take(struct bytes *in, struct bytes *whole);

/* UTCTime or GeneralizedTime; `bad` stands for one that is no time. */
NODISCARD bool cert_time_take(struct bytes *in, int64_t bad, int64_t *out);

/* A BIT STRING of whole bytes; empty: one with unused bits. */
NODISCARD bool cert_bits_take(struct bytes *in, struct bytes *out);

/* SEQUENCE OF Extension, not empty; *list is its content. */
NODISCARD bool cert_extensions_take(struct bytes *in, struct bytes *list);

/* The key identifier of an AuthorityKeyIdentifier (RFC 5280 4.2.1.1); empty: it has none. */
NODISCARD bool cert_authority_key(struct bytes value, struct bytes *key);

#define CERT_OID_AUTHORITY_KEY "\x55\x1d\x23"
#define CERT_OID_CRL_NUMBER "\x55\x1d\x14"

static inline bool cert_oid_is(struct bytes oid, const char arcs[3])
{
    return oid.n == 3 && memcmp(oid.p, arcs, 3) == 0;
}

#endif
