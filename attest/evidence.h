/* evidence.h - evidence bytes to facts, or a precise refusal. The only door of this room.
 *
 * Pure: the time is a parameter, nothing is fetched, read or written; the same input gives the same
 * answer for ever. A refusal is an err with code ERR_INPUT (ERR_LIMIT for sizes), a stable reason,
 * and field, found, expected and mend filled where they say something.
 *
 * Reasons of every technology:
 *   evidence.empty, evidence.too-large, evidence.unknown-format, evidence.file-missing,
 *   evidence.report-data (bound to another challenge, node, boot or key), evidence.simulated,
 *   cert.malformed, cert.too-large, cert.signature, cert.algorithm (not RSA-PSS as AMD signs),
 *   cert.validity, cert.shape (name or place in the chain), anchor.unknown,
 *   crl.malformed, crl.algorithm, crl.signature, crl.validity
 * Reasons of SEV-SNP: see snp_report.h and snp_check.h; of SGX and TDX: dcap_check.h; of AWS Nitro:
 * nitro_check.h; of Arm CCA: cca_check.h; of what both are made of: cbor.h, cose.h.
 * bytes.truncated, bytes.trailing and bytes.reserved-not-zero come from parsing; field names where.
 */
#ifndef ATTEST_EVIDENCE_H
#define ATTEST_EVIDENCE_H

#include "attest/anchors.h"
#include "attest/cache.h"
#include "attest/facts.h"
#include "attest/platforms.h"
#include "base/bytes.h"
#include "base/err.h"

#define EVIDENCE_MAX 65536 /* bytes of the evidence itself */
#define EVIDENCE_FILE_MAX 65536
#define EVIDENCE_FILES 16

/* What comes beside the evidence. SEV-SNP: "vcek.der" or "vlek.der", "ask.der" or "asvk.der",
 * "ark.der", and "ark_crl.der" where there is one; or "auxblob", the certificate table that the
 * kernel's report interface gives, for those of them that stand in no file of their own. Files of
 * other names are left alone.
 * SGX and TDX: "tcb_info.json", "qe_identity.json" and "tcb_signing_chain.pem", without which a
 * quote is refused unless o->signatures_only; "pck_crl.der" and "root_ca_crl.der", without which
 * revocation is a finding; "pck_chain.pem", where the quote has no chain of its own.
 * Arm CCA: "cpak_trust_anchor.json", "cpak.pem" or "cpak.der" (cca_cpak.h). AWS Nitro: nothing. */
struct evidence_file {
    const char *name; /* borrowed */
    struct bytes bytes;
};

struct evidence_input {
    struct bytes evidence; /* a report, quote, token or document */
    struct evidence_file files[EVIDENCE_FILES];
    unsigned files_n;
};

/* The checks that evidence passed, in order, each by the reason that failing it would have had, and
 * what it looked at: {"cert.signature", "ask.der"}. A check that was not made is not here. */
#define EVIDENCE_CHECKS 64
struct evidence_checks {
    unsigned n;
    struct evidence_checked {
        char reason[40], subject[40];
    } check[EVIDENCE_CHECKS];
};

struct evidence_options {
    int64_t now_s;              /* certificates and lists are judged at this time */
    const uint8_t *report_data; /* 64 bytes that must stand in it; NULL: not checked (offline) */
    bool allow_simulated;       /* accept evidence under a simulated vendor root, marked so */
    bool allow_debug; /* looking, not trusting: a finding instead of a refusal (offline) */
    bool lenient;     /* accept revocation lists and collateral past their date, with a finding, and
                         zero bytes after a quote */
    bool trust_files; /* files that are trust anchors by their kind (a CCA platform's CPAK) are the
                         caller's own (offline); false: they came with the evidence, and count only
                         when `anchors` has them */
    bool signatures_only;           /* leave out what needs collateral: its facts stay unknown */
    uint32_t tcb_evaluation_floor;  /* lowest tcbEvaluationDataNumber of Intel's to go by; 0: any */
    struct evidence_cache *cache;   /* what earlier verifications found; NULL: none. Borrowed */
    struct evidence_checks *checks; /* where to note what was checked; NULL: nowhere. Borrowed */
    const struct anchor *anchors;   /* NULL: the built-in ones */
    size_t anchors_n;
    const struct platform *platforms; /* the generation table; NULL: the built-in one */
    size_t platforms_n;
};

/* True: the evidence is genuine and *out holds what it proves. False: *e says why not, and *out is
 * untouched. Trust rules are not judged here. */
NODISCARD bool evidence_verify(const struct evidence_input *in, const struct evidence_options *o,
                               struct facts *out, struct err *e);

/* The technology's word that the bytes look like ("sev-snp"), or NULL. A guess by shape. */
const char *evidence_technology(struct bytes evidence);

/* Notes a passed check in o->checks, where there is one. */
void evidence_passed(const struct evidence_options *o, const char *reason, const char *subject);

/* The file of that name, or NULL. */
const struct evidence_file *evidence_file(const struct evidence_input *in, const char *name);

#endif
