/* cert_differ.h - holds the reader of certificates and lists (attest/cert.h, attest/crl.h) against
 * OpenSSL's, which knows nothing of it. What ours accepts OpenSSL has to accept, with every value
 * alike; what ours alone refuses has to be one of the differences that docs/verification.md names.
 */
#ifndef TESTS_LIB_CERT_DIFFER_H
#define TESTS_LIB_CERT_DIFFER_H

#include "base/bytes.h"

enum differ {
    DIFFER_BOTH_READ,
    DIFFER_BOTH_REFUSE,
    DIFFER_STRICTER, /* ours alone refuses, for a reason that is named */
    DIFFER_WRONG,
};

/* *what: what differs, or which named reason it was. */
enum differ cert_differ(struct bytes der, const char **what);
enum differ crl_differ(struct bytes der, const char **what);

#endif
