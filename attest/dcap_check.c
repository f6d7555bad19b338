#include "attest/dcap_check.h"

#include <inttypes.h>
#include <stdlib.h>

#include "attest/binding.h"
#include "attest/dcap_case.h"
#include "attest/ecdsa.h"
#include "attest/sha.h"
#include "base/str.h"

#define CHAIN_FILE "pck_chain.pem"
#define TCB_FILE "tcb_info.json"
#define QE_FILE "qe_identity.json"
#define SIGNING_FILE "tcb_signing_chain.pem"

static void case_fini(struct dcap_case **c)
{
    if (*c == NULL)
        return;
    dcap_chain_fini(&(*c)->chain);
    dcap_chain_fini(&(*c)->signing);
    dcap_revocation_fini(&(*c)->revocation);
    dcap_tcb_info_release((*c)->tcb_info);
    dcap_identity_release((*c)->identity);
    free(*c);
}

#define AUTO_CASE __attribute__((cleanup(case_fini)))

bool tdx_sniff(struct bytes evidence)
{
    return dcap_quote_looks(evidence, DCAP_TEE_TDX);
}

bool sgx_sniff(struct bytes evidence)
{
    return dcap_quote_looks(evidence, DCAP_TEE_SGX);
}

static bool binding_check(const struct dcap_case *c, struct err *e)
{
    const uint8_t *have =
        c->quote.tee == DCAP_TEE_TDX ? c->quote.tdx.reportdata : c->quote.sgx.reportdata;
    char hex[2 * REPORT_DATA_SIZE + 1];

    if (c->o->report_data == NULL)
        return true;
    if (memcmp(c->o->report_data, have, REPORT_DATA_SIZE) == 0)
        return evidence_passed(c->o, "evidence.report-data", "REPORT.REPORTDATA"), true;
    err_set(e, ERR_INPUT, "evidence.report-data",
            "REPORTDATA: bound to another challenge, node, boot or key");
    err_field(e, "REPORT.REPORTDATA");
    hex_format((struct bytes){have, REPORT_DATA_SIZE}, hex);
    err_found(e, "%.120s", hex);
    hex_format((struct bytes){c->o->report_data, REPORT_DATA_SIZE}, hex);
    err_expected(e, "%.120s", hex);
    return err_mend(e, "answer the newest challenge with a quote taken for it");
}

/* The chain out of the quote, or out of the file beside it where the quote has none. */
static bool chain_check(struct dcap_case *c, struct err *e)
{
    const struct evidence_file *f = evidence_file(c->in, CHAIN_FILE);

    if (c->quote.certification == DCAP_PCK_CHAIN)
        return dcap_chain_pck(c->quote.certification_data, "CERTIFICATION_DATA", c->o, &c->chain,
                              e);
    if (f == NULL || f->bytes.n == 0)
        return err_set(e, ERR_INPUT, "evidence.file-missing",
                       CHAIN_FILE ": needed and not given: the quote names its PCK certificate by "
                                  "type %u only",
                       c->quote.certification),
               err_field(e, CHAIN_FILE), err_expected(e, "the PCK certificate, its CA, the root"),
               err_mend(e,
                        "fetch it at api.trustedservices.intel.com/sgx/certification/v4/pckcert");
    return dcap_chain_pck(f->bytes, CHAIN_FILE, c->o, &c->chain, e);
}

static bool extensions_read(struct dcap_case *c, struct err *e)
{
    if (!dcap_pck_read(c->chain.leaf, c->chain.name[0], &c->pck, e))
        return false;
    evidence_passed(c->o, "dcap.extension", c->chain.name[0]);
    return true;
}

/* PPID, CPUSVN, PCESVN, PCEID: the last is the one that the certificate has to repeat; its TCB may
 * be lower than the platform's, and the PPID is encrypted in two of three forms. */
static bool certification_check(const struct dcap_case *c, struct err *e)
{
    static const size_t ppid_size[] = {
        [DCAP_PPID_CLEAR] = 16, [DCAP_PPID_RSA2048] = 256, [DCAP_PPID_RSA3072] = 384};
    struct bytes d = c->quote.certification_data;

    if (c->quote.certification > DCAP_PPID_RSA3072 ||
        d.n != ppid_size[c->quote.certification] + 16 + 2 + 2)
        return true;
    if (memcmp(d.p + d.n - 2, c->pck.pceid, 2) == 0 &&
        (c->quote.certification != DCAP_PPID_CLEAR || memcmp(d.p, c->pck.ppid, 16) == 0))
        return true;
    return err_set(e, ERR_INPUT, "dcap.certification-mismatch",
                   "CERTIFICATION_DATA: of another platform than " CHAIN_FILE),
           err_field(e, "CERTIFICATION_DATA");
}

/* REPORTDATA of the quoting enclave: SHA-256 of the attestation key and what it bound beside it,
 * then zeros. */
static bool qe_binding_check(const struct dcap_case *c, struct err *e)
{
    const struct dcap_quote *q = &c->quote;
    const struct bytes bound[] = {q->key, q->qe_auth};
    uint8_t want[64] = {0};
    char hex[2 * 64 + 1];

    sha(SHA_256, bound, sizeof bound / sizeof bound[0], want);
    if (memcmp(want, q->qe.reportdata, sizeof want) == 0)
        return evidence_passed(c->o, "dcap.qe-binding", "QE_REPORT.REPORTDATA"), true;
    err_set(e, ERR_INPUT, "dcap.qe-binding",
            "QE_REPORT.REPORTDATA: the quoting enclave vouches for another attestation key");
    err_field(e, "QE_REPORT.REPORTDATA");
    hex_format(BYTES_OF(q->qe.reportdata), hex);
    err_found(e, "%.120s", hex);
    hex_format(BYTES_OF(want), hex);
    return err_expected(e, "%.120s", hex);
}

static bool signature_bad(enum ecdsa_result r, const char *reason, const char *field,
                          const char *by, struct err *e)
{
    if (r == ECDSA_NOMEM)
        return err_set(e, ERR_NOMEM, reason, "cannot verify");
    if (r == ECDSA_RANGE)
        return err_set(e, ERR_INPUT, "dcap.signature-range", "%s: R or S is out of range", field),
               err_field(e, "%s", field), err_expected(e, "1 to n-1 of P-256");
    return err_set(e, ERR_INPUT, reason, "%s: %s did not make it", field, by),
           err_field(e, "%s", field),
           err_mend(e, "give the certificate of this platform; if it is that, the quote was "
                       "altered");
}

/* A quoting enclave asks for its certificate once and signs many quotes, so that its report is
 * worth remembering. */
static bool qe_signature_check(const struct dcap_case *c, struct err *e)
{
    const struct dcap_quote *q = &c->quote;
    uint8_t by[CACHE_ID + 64], id[CACHE_ID];
    bool named = c->chain.leaf->named;
    enum ecdsa_result r;

    if (named) {
        memcpy(by, c->chain.leaf->id, CACHE_ID);
        memcpy(by + CACHE_ID, q->qe_signature.p, 64);
        cache_id("dcap-qe-report", q->qe_report, BYTES_OF(by), id);
        if (cache_knows(c->o->cache, id))
            return evidence_passed(c->o, "dcap.qe-signature", "QE_SIGNATURE"), true;
    }
    r = ecdsa_verify(cert_key(c->chain.leaf), ECDSA_P256, q->qe_report, q->qe_signature);
    if (r != ECDSA_GOOD)
        return signature_bad(r, "dcap.qe-signature", "QE_SIGNATURE", "the PCK", e);
    if (named)
        cache_learn(c->o->cache, id);
    evidence_passed(c->o, "dcap.qe-signature", "QE_SIGNATURE");
    return true;
}

static void key_drop(void *key)
{
    ecdsa_key_free(key);
}

/* The attestation key, a reference of the caller's. It lives as long as its quoting enclave, so
 * that making one again for each quote is worth saving: it costs as much as a signature. */
static struct ecdsa_key *attestation_key(const struct dcap_case *c)
{
    struct evidence_cache *cache = c->o->cache;
    uint8_t id[CACHE_ID];
    struct ecdsa_key *key;

    if (cache == NULL)
        return ecdsa_key_new(ECDSA_P256, c->quote.key);
    cache_id("p256-key", c->quote.key, (struct bytes){NULL, 0}, id);
    key = cache_object(cache, id);
    if (key == NULL) {
        key = ecdsa_key_new(ECDSA_P256, c->quote.key);
        if (key == NULL || !cache_keep(cache, id, c->quote.key.n, key, key_drop))
            return key;
    }
    return ecdsa_key_ref(key);
}

static bool quote_signature_check(const struct dcap_case *c, struct err *e)
{
    AUTO(ecdsa_key) struct ecdsa_key *key = attestation_key(c);
    enum ecdsa_result r;

    if (key == NULL)
        return err_set(e, ERR_INPUT, "dcap.attestation-key", "ATTESTATION_KEY: not on P-256"),
               err_field(e, "ATTESTATION_KEY"), err_expected(e, "X and Y of a point of P-256");
    r = ecdsa_verify(key, ECDSA_P256, c->quote.signed_part, c->quote.signature);
    if (r != ECDSA_GOOD)
        return signature_bad(r, "dcap.signature", "SIGNATURE", "the attestation key", e);
    evidence_passed(c->o, "dcap.signature", "SIGNATURE");
    return true;
}

static const struct evidence_file *collateral_need(const struct dcap_case *c, const char *name,
                                                   struct err *e)
{
    const struct evidence_file *f = evidence_file(c->in, name);

    if (f != NULL && f->bytes.n > 0)
        return f;
    err_set(e, ERR_INPUT, "dcap.collateral-missing",
            "%s: without it nobody knows what this platform's TCB is worth", name);
    err_field(e, "%s", name);
    err_expected(e, TCB_FILE ", " QE_FILE " and " SIGNING_FILE);
    err_mend(e, "give the collateral of this FMSPC, or verify signatures only");
    return NULL;
}

static bool collateral_check(struct dcap_case *c, struct err *e)
{
    enum dcap_tee tee = c->quote.tee;
    const struct evidence_file *tcb, *qe, *signing;

    if (c->o->signatures_only)
        return true;
    if ((tcb = collateral_need(c, TCB_FILE, e)) == NULL ||
        (qe = collateral_need(c, QE_FILE, e)) == NULL ||
        (signing = collateral_need(c, SIGNING_FILE, e)) == NULL)
        return false;
    if (!dcap_chain_signing(signing->bytes, SIGNING_FILE, &c->chain, c->o, &c->signing, e) ||
        !dcap_revocation_check_signing(&c->revocation, &c->signing, e) ||
        !dcap_tcb_info_open(tcb->bytes, tee, c->signing.leaf, c->o, TCB_FILE, &c->tcb_info,
                            &c->stale[0], e) ||
        !dcap_identity_open(qe->bytes, tee, c->signing.leaf, c->o, QE_FILE, &c->identity,
                            &c->stale[1], e) ||
        !dcap_match(&c->quote, &c->pck, c->tcb_info, c->identity, &c->match, e))
        return false;
    evidence_passed(c->o, "dcap.qe-mismatch", "QE_REPORT");
    if (tee == DCAP_TEE_TDX)
        evidence_passed(c->o, "dcap.module-mismatch", "REPORT.MRSIGNERSEAM");
    evidence_passed(c->o, "dcap.tcb-no-match", "PCK.TCB");
    c->judged = true;
    return true;
}

static bool td_check(const struct tdx_body *b, struct err *e)
{
    if (!bytes_zero(BYTES_OF(b->seamattributes)))
        return err_set(e, ERR_INPUT, "tdx.seam-attributes",
                       "SEAMATTRIBUTES: the TDX module is not a production module"),
               err_field(e, "REPORT.SEAMATTRIBUTES"), err_expected(e, "zero");
    if (!bytes_zero(BYTES_OF(b->mrsignerseam)))
        return err_set(e, ERR_INPUT, "tdx.seam-signer",
                       "MRSIGNERSEAM: the TDX module is not signed by Intel"),
               err_field(e, "REPORT.MRSIGNERSEAM"), err_expected(e, "zero");
    if ((b->tdattributes & ~TDX_ATTRIBUTES_KNOWN) != 0)
        return err_set(e, ERR_INPUT, "tdx.reserved-bits", "TDATTRIBUTES: reserved bits are set"),
               err_field(e, "REPORT.TDATTRIBUTES"), err_found(e, "0x%" PRIx64, b->tdattributes),
               err_expected(e, "no bits outside 0x%" PRIx64, TDX_ATTRIBUTES_KNOWN);
    return true;
}

/* What the report itself rules out; debug is the last question, so that this answer says that the
 * quote is genuine in all else. */
static bool guest_check(const struct dcap_case *c, struct err *e)
{
    const struct dcap_quote *q = &c->quote;
    bool tdx = q->tee == DCAP_TEE_TDX;
    const char *field = tdx ? "REPORT.TDATTRIBUTES" : "REPORT.ATTRIBUTES";
    bool debug = tdx ? (q->tdx.tdattributes & TDX_ATTRIBUTES_TUD) != 0
                     : (q->sgx.attributes[0] & SGX_FLAG_DEBUG) != 0;

    if (tdx && !td_check(&q->tdx, e))
        return false;
    if (!tdx && (q->sgx.attributes[0] & SGX_FLAG_INIT) == 0)
        return err_set(e, ERR_INPUT, "sgx.not-initialized", "ATTRIBUTES: not an enclave that runs"),
               err_field(e, "%s", field), err_expected(e, "bit 0 set");
    if (debug && !c->o->allow_debug)
        return err_set(e, ERR_INPUT, "dcap.debug", "the host may debug the guest"),
               err_field(e, "%s", field), err_found(e, "debug"), err_expected(e, "production"),
               err_mend(e, tdx ? "launch the TD without TD attributes 0 to 7"
                               : "sign and launch the enclave without DEBUG");
    if (!debug)
        evidence_passed(c->o, "dcap.debug", field);
    return true;
}

bool dcap_check(const struct evidence_input *in, const struct evidence_options *o,
                struct facts *out, struct err *e)
{
    AUTO_CASE struct dcap_case *c = calloc(1, sizeof *c);

    if (c == NULL)
        return err_set(e, ERR_NOMEM, "dcap.version", "no memory");
    c->in = in;
    c->o = o;
    if (!dcap_quote_parse(in->evidence, o->lenient, &c->quote, e) || !binding_check(c, e))
        return false;
    evidence_passed(o, "dcap.version", "quote");
    return chain_check(c, e) && dcap_revocation_check(in, o, &c->chain, &c->revocation, e) &&
           extensions_read(c, e) && certification_check(c, e) && qe_signature_check(c, e) &&
           qe_binding_check(c, e) && quote_signature_check(c, e) && collateral_check(c, e) &&
           guest_check(c, e) && dcap_facts_fill(c, out, e);
}
