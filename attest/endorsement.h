/* endorsement.h - what is this file? Vendors' certificates, revocation lists and tables, recognised
 * from their bytes and not from their names, so that operators need not know the names.
 *
 * A guess by shape, like evidence_technology(): nothing is verified here. */
#ifndef ATTEST_ENDORSEMENT_H
#define ATTEST_ENDORSEMENT_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

enum endorsement_kind {
    ENDORSEMENT_NONE = 0,
    ENDORSEMENT_SNP_ARK,
    ENDORSEMENT_SNP_ASK,
    ENDORSEMENT_SNP_ASVK,
    ENDORSEMENT_SNP_VCEK,
    ENDORSEMENT_SNP_VLEK,
    ENDORSEMENT_SNP_CRL,
    ENDORSEMENT_TCB_INFO,
    ENDORSEMENT_QE_IDENTITY,
    ENDORSEMENT_TCB_SIGNING_CHAIN,
    ENDORSEMENT_PCK_CHAIN,
    ENDORSEMENT_PCK_CRL,
    ENDORSEMENT_ROOT_CA_CRL,
    ENDORSEMENT_CCA_CPAK,
    ENDORSEMENT_KINDS
};

struct endorsement {
    enum endorsement_kind kind;
    char product[24]; /* AMD: the line in the names, "Milan"; Intel's lists: "platform",
                         "processor"; "" where there is none, as in leaves */
    int64_t issued_s; /* of certificates notBefore, of lists thisUpdate; 0: not read here */
    int64_t until_s;  /* notAfter, nextUpdate; 0: none, or not read here */
    uint64_t number;  /* of lists: their cRLNumber; 0: none */
};

/* The word for a kind ("snp-vcek"), and the name that evidence_verify() wants such a file under
 * ("vcek.der"). */
const char *endorsement_name(enum endorsement_kind k);
const char *endorsement_file(enum endorsement_kind k);

/* The kind that goes by this file name, or ENDORSEMENT_NONE. */
enum endorsement_kind endorsement_of_file(const char *file);

/* DER, PEM of one chain, or JSON. False: nothing known here; *out is then zeroed. */
bool endorsement_recognise(struct bytes bytes, struct endorsement *out);

#endif
