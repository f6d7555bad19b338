/* anchors.h - the vendor roots that evidence may end in, by fingerprint. */
#ifndef ATTEST_ANCHORS_H
#define ATTEST_ANCHORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct anchor {
    const char *name;   /* for SEV-SNP the product line as its certificates spell it: "Milan" */
    const char *vendor; /* "amd" */
    const char *kind;   /* "snp-ark", "sgx-root", "nitro-root", "cca-cpak" */
    uint8_t sha256[32]; /* of the certificate's DER; of sgx-root, of which there are two with one
                           key, and of a CPAK: of its SubjectPublicKeyInfo */
    bool simulated;     /* everybody has the key; facts under it are never hardware's */
};

/* The built-in anchors, real and simulated. */
extern const struct anchor anchors_builtin[];
extern const size_t anchors_builtin_n;

/* The anchor of that kind whose certificate this is, or NULL. */
const struct anchor *anchor_find(const struct anchor *a, size_t n, const char *kind,
                                 struct bytes der);

#endif
