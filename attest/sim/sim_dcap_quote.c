#include "attest/sim/sim_dcap_quote.h"

#include <openssl/err.h>
#include <string.h>

#include "attest/sim/sim_dcap_json.h"
#include "attest/sim/sim_ec.h"
#include "base/cleanup.h"

DEFINE_CLEANUP(pkey, EVP_PKEY *, EVP_PKEY_free)

#define BODY_MAX 648
#define SGX_BODY 384
#define TD10_BODY 584
#define TD15_BODY 648

static const uint8_t qe_vendor[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                      0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

static bool crypto_failed(struct err *e)
{
    ERR_clear_error();
    return err_set(e, ERR_INTERNAL, "sim.crypto", "simulator: making a quote failed");
}

static void le64(uint8_t *at, uint64_t v)
{
    for (size_t i = 0; i < 8; i++)
        at[i] = (uint8_t)(v >> 8 * i);
}

static size_t body_size(const struct sim_dcap_chip *c)
{
    return !c->tdx ? SGX_BODY : c->p->dcap.td15 ? TD15_BODY : TD10_BODY;
}

static void header_put(const struct sim_dcap_chip *c, struct buf *out)
{
    uint8_t vendor[16], user[20] = {0};
    const struct sim_dcap *d = &c->p->dcap;

    memcpy(vendor, qe_vendor, sizeof vendor);
    if (c->defect == SIM_DCAP_QE_VENDOR)
        vendor[0] ^= 0xff;
    memcpy(user, "simulated QE  id", 16);
    buf_le(out, d->version, 2);
    buf_le(out, c->defect == SIM_DCAP_KEY_TYPE ? 3 : 2, 2);
    buf_le(out, c->tdx ? 0x81 : 0, 4);
    buf_le(out, d->version == 3 ? c->qe_svn : 0, 2); /* version 4 and 5 leave both zero */
    buf_le(out, d->version == 3 ? c->pck.pcesvn : 0, 2);
    buf_put(out, vendor, sizeof vendor);
    buf_put(out, user, sizeof user);
    if (d->version == 5) { /* body type and size */
        buf_le(out, !c->tdx ? 1 : d->td15 ? 3 : 2, 2);
        buf_le(out, body_size(c), 4);
    }
}

/* REPORT of an enclave (Intel SDM volume 3D). */
static bool enclave_fill(const struct sim_dcap_chip *c, const char *what, uint8_t b[SGX_BODY])
{
    memset(b, 0, SGX_BODY);
    memcpy(b, c->pck.comps, 16); /* CPUSVN */
    b[48] = 0x05;                /* INIT, MODE64BIT */
    b[56] = 0xe7;                /* XFRM */
    return sim_digest(what, c->tdx, EVP_sha256(), b + 64);
}

static bool sgx_body(const struct sim_dcap_chip *c, const uint8_t report_data[64],
                     uint8_t b[SGX_BODY])
{
    if (!enclave_fill(c, "bailey simulated enclave", b) ||
        !sim_digest("bailey simulated signer", 0, EVP_sha256(), b + 128))
        return false;
    if (c->defect == SIM_DCAP_DEBUG)
        b[48] |= 0x02;
    b[256] = 1; /* ISVPRODID */
    b[258] = 1; /* ISVSVN */
    memcpy(b + 320, report_data, 64);
    return true;
}

static uint64_t td_attributes(enum sim_dcap_defect defect)
{
    uint64_t sept_ve_disable = UINT64_C(1) << 28;

    switch ((unsigned)defect) {
    case SIM_DCAP_DEBUG:
        return sept_ve_disable | 1;
    case SIM_DCAP_MIGRATABLE:
        return sept_ve_disable | UINT64_C(1) << 29;
    case SIM_DCAP_RESERVED_ATTRIBUTE:
        return sept_ve_disable | UINT64_C(1) << 40;
    case SIM_DCAP_NO_SEPT_VE_DISABLE:
        return 0;
    default:
        return sept_ve_disable;
    }
}

/* TDREPORT_STRUCT's TDINFO and TEE_TCB_INFO as the quote carries them (TDX DCAP, appendix A). */
static bool td_body(const struct sim_dcap_chip *c, const uint8_t report_data[64],
                    uint8_t b[BODY_MAX])
{
    const struct sim_dcap *d = &c->p->dcap;

    memset(b, 0, BODY_MAX);
    memcpy(b, c->tee_tcb_svn, 16);
    if (!sim_digest("bailey simulated TDX module",
                    c->tee_tcb_svn[0] | (uint64_t)c->tee_tcb_svn[1] << 8, EVP_sha384(), b + 16) ||
        !sim_digest("bailey simulated trust domain", 0, EVP_sha384(), b + 136))
        return false;
    if (c->defect == SIM_DCAP_MODULE_MISMATCH)
        b[64] = 1; /* MRSIGNERSEAM */
    le64(b + 120, td_attributes(c->defect));
    le64(b + 128, 0x0602e7); /* XFAM: x87, SSE, AVX, AVX-512, PKRU, AMX */
    for (unsigned i = 0; i < 4; i++)
        if (!sim_digest("bailey simulated RTMR", i, EVP_sha384(), b + 328 + (size_t)i * 48))
            return false;
    memcpy(b + 520, report_data, 64);
    if (d->td15)
        memcpy(b + 584, c->tee_tcb_svn_2, 16);
    return true;
}

static bool body_put(const struct sim_dcap_chip *c, const uint8_t report_data[64], struct buf *out)
{
    uint8_t b[BODY_MAX], data[64];

    memcpy(data, report_data, sizeof data);
    if (c->defect == SIM_DCAP_STALE_REPORT_DATA)
        for (size_t i = 0; i < sizeof data; i++)
            data[i] ^= 0xff;
    if (c->tdx ? !td_body(c, data, b) : !sgx_body(c, data, b))
        return false;
    buf_put(out, b, body_size(c));
    return true;
}

/* What the quoting enclave reports: the digest of the key that it made, and what it put beside. */
static bool qe_report(const struct sim_dcap_chip *c, const uint8_t key[64], struct bytes auth,
                      uint8_t b[SGX_BODY])
{
    uint8_t bound[64 + 32];

    memcpy(bound, key, 64);
    memcpy(bound + 64, auth.p, 32);
    if (c->defect == SIM_DCAP_QE_REPORT_DATA)
        bound[0] ^= 1;
    if (!enclave_fill(c, "bailey simulated quoting enclave", b) ||
        EVP_Digest(bound, sizeof bound, b + 320, NULL, EVP_sha256(), NULL) != 1)
        return false;
    b[48] |= 0x10; /* PROVISION_KEY */
    if (c->defect == SIM_DCAP_QE_DEBUG)
        b[48] |= 0x02;
    memcpy(b + 128, c->tdx ? sim_td_qe_signer : sim_qe_signer, 32);
    if (c->defect == SIM_DCAP_QE_IDENTITY_MISMATCH)
        b[128] ^= 0xff;
    b[256] = c->tdx ? 2 : 1; /* ISVPRODID */
    b[258] = c->qe_svn;
    return true;
}

static EVP_PKEY *pck_signer(const struct sim_dcap_chip *c)
{
    struct sim_pck pck = c->pck;

    if (c->defect == SIM_DCAP_WRONG_PCK)
        pck.chip++;
    return sim_pck_key(&pck);
}

/* Type 5: the chain. Type 3: PPID encrypted with RSA-3072 (here: bytes that look so), then CPUSVN,
 * PCESVN and PCE-ID in the open. */
static bool certification_put(const struct sim_dcap_chip *c, struct bytes chain, struct buf *out)
{
    uint8_t ppid[384];

    if (chain.n > 0) {
        buf_le(out, 5, 2);
        buf_le(out, chain.n + 1, 4);
        buf_put(out, chain.p, chain.n);
        buf_zero(out, 1); /* Intel's library leaves the text's NUL */
        return true;
    }
    for (size_t i = 0; i < sizeof ppid; i += 32)
        if (!sim_digest("bailey simulated encrypted PPID", c->pck.chip + i, EVP_sha256(), ppid + i))
            return false;
    buf_le(out, 3, 2);
    buf_le(out, sizeof ppid + 20, 4);
    buf_put(out, ppid, sizeof ppid);
    buf_put(out, c->pck.comps, 16);
    buf_le(out, c->pck.pcesvn, 2);
    buf_le(out, 0, 2);
    return true;
}

/* QE report, the PCK's signature over it, authentication data, certification data. */
static bool qe_part(const struct sim_dcap_chip *c, const uint8_t key[64], struct bytes chain,
                    struct buf *out)
{
    uint8_t auth[32], report[SGX_BODY], signature[64];
    AUTO(pkey) EVP_PKEY *pck = pck_signer(c);

    for (uint8_t i = 0; i < sizeof auth; i++)
        auth[i] = i; /* so does Intel's quoting enclave */
    if (pck == NULL || !qe_report(c, key, BYTES_OF(auth), report) ||
        !sim_ec_sign(pck, SIM_P256, BYTES_OF(report), signature))
        return false;
    if (c->defect == SIM_DCAP_QE_SIGNATURE)
        report[64] ^= 1; /* MRENCLAVE, which no identity names */
    buf_put(out, report, sizeof report);
    buf_put(out, signature, sizeof signature);
    buf_le(out, sizeof auth, 2);
    buf_put(out, auth, sizeof auth);
    return certification_put(c, chain, out);
}

static void signature_data_put(const struct sim_dcap_chip *c, const uint8_t signature[64],
                               const uint8_t key[64], struct bytes qe, struct buf *out)
{
    bool wrapped = c->p->dcap.version >= 4; /* certification data of type 6 */
    size_t wrap_n = wrapped ? 6 : 0;

    buf_le(out, 128 + wrap_n + qe.n, 4);
    buf_put(out, signature, 64);
    buf_put(out, key, 64);
    if (wrapped) {
        buf_le(out, 6, 2);
        buf_le(out, qe.n, 4);
    }
    buf_put(out, qe.p, qe.n);
}

/* The quoting enclave makes its key once for a platform. */
static EVP_PKEY *attestation_key(uint64_t chip)
{
    uint8_t seed[8];

    le64(seed, chip);
    return sim_ec_key(SIM_P256, "bailey simulated attestation key", BYTES_OF(seed));
}

bool sim_dcap_quote(const struct sim_dcap_chip *c, const uint8_t report_data[64],
                    struct bytes chain, struct buf *out, struct err *e)
{
    AUTO(pkey) EVP_PKEY *key = attestation_key(c->pck.chip);
    AUTO(pkey) EVP_PKEY *signer = attestation_key(c->pck.chip + (c->defect == SIM_DCAP_WRONG_KEY));
    AUTO_BUF struct buf qe = {0};
    uint8_t point[64], signature[64];
    size_t signed_n;

    header_put(c, out);
    if (key == NULL || signer == NULL || !body_put(c, report_data, out) || !buf_ok(out, e) ||
        !sim_ec_point(key, SIM_P256, point) ||
        !sim_ec_sign(signer, SIM_P256, buf_bytes(out), signature) ||
        !qe_part(c, point, chain, &qe) || !buf_ok(&qe, e))
        return crypto_failed(e);
    signed_n = out->n;
    signature_data_put(c, signature, point, buf_bytes(&qe), out);
    if (c->defect == SIM_DCAP_BAD_SIGNATURE)
        out->p[signed_n - body_size(c) + (c->tdx ? 136 : 64)] ^= 1; /* MRTD, MRENCLAVE */
    if (c->defect == SIM_DCAP_TRAILING)
        buf_puts(out, "more");
    if (!buf_ok(out, e))
        return false;
    if (c->defect == SIM_DCAP_TRUNCATED)
        out->n -= 100;
    return true;
}
