/* cca_token.h - the Arm CCA attestation token: a collection (CBOR tag 399) of a platform token,
 * signed by the platform's CPAK, and a realm token, signed by the realm's RAK, both COSE_Sign1
 * (Arm, Realm Management Monitor specification, "Attestation"; draft-ffm-rats-cca-token).
 *
 * Parsing checks shape only. Claims that nobody here knows are passed over, as EAT asks (RFC 9711,
 * section 4); the collection itself holds the two tokens and nothing else.
 * Reasons: cca.collection, cca.missing-claim, cca.profile, cca.hash-algorithm, cca.instance-id,
 * cca.components, cca.lifecycle (no state there is), and those of cbor.h and cose.h. */
#ifndef ATTEST_CCA_TOKEN_H
#define ATTEST_CCA_TOKEN_H

#include "attest/cose.h"
#include "base/bytes.h"
#include "base/err.h"

#define CCA_COMPONENTS 64
#define CCA_EXTENSIBLE 4
#define CCA_IMPLEMENTATION_SIZE 32
#define CCA_INSTANCE_SIZE 33 /* an EAT UEID of kind RAND: begins with 0x01 */
#define CCA_CHALLENGE_SIZE 64

/* Everything is borrowed from the input; n == 0: a claim that may be missing and is. */
struct cca_component {
    struct bytes type;        /* "RMM" */
    struct bytes measurement; /* 32, 48 or 64 bytes, as is signer */
    struct bytes version, signer, hash;
};

struct cca_platform {
    struct cose_sign1 cose;
    struct bytes profile;   /* "http://arm.com/CCA-SSD/1.0.0", or the tag URI of 2023 */
    struct bytes challenge; /* the hash of the RAK */
    struct bytes implementation_id, instance_id, config, verification_service, hash_algorithm;
    uint16_t lifecycle;
    struct cca_component component[CCA_COMPONENTS];
    unsigned components_n;
};

struct cca_realm {
    struct cose_sign1 cose;
    struct bytes profile; /* missing in tokens before 2023's profile */
    struct bytes challenge, personalization, measurement;
    struct bytes extensible[CCA_EXTENSIBLE];
    struct bytes hash_algorithm, rak, rak_hash_algorithm;
};

struct cca_token {
    struct cca_platform platform;
    struct cca_realm realm;
};

/* padded: zeros may follow the token. *out is large (a few kilobytes). */
NODISCARD bool cca_token_parse(struct bytes in, bool padded, struct cca_token *out, struct err *e);

/* The payload of one token alone; cose is left zero. */
NODISCARD bool cca_platform_parse(struct bytes claims, struct cca_platform *out, struct err *e);
NODISCARD bool cca_realm_parse(struct bytes claims, struct cca_realm *out, struct err *e);

#endif
