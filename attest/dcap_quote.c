#include "attest/dcap_quote.h"

#include <inttypes.h>

#include "base/rd.h"
#include "base/str.h"

#define KEY_ECDSA_P256 2
#define BODY_SGX 1
#define BODY_TD10 2
#define BODY_TD15 3

/* "Intel SGX QE Vendor": 939a7233-f79c-4ca9-940a-0db3957f0607 */
static const uint8_t intel_qe[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                     0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

static void sgx_read(struct rd *rd, struct sgx_body *b)
{
    rd_copy(rd, b->cpusvn, sizeof b->cpusvn, "CPUSVN");
    b->miscselect = rd_le32(rd, "MISCSELECT");
    rd_zero(rd, 12, "RESERVED_20");
    rd_copy(rd, b->isvextprodid, sizeof b->isvextprodid, "ISVEXTPRODID");
    rd_copy(rd, b->attributes, sizeof b->attributes, "ATTRIBUTES");
    rd_copy(rd, b->mrenclave, sizeof b->mrenclave, "MRENCLAVE");
    rd_zero(rd, 32, "RESERVED_96");
    rd_copy(rd, b->mrsigner, sizeof b->mrsigner, "MRSIGNER");
    rd_zero(rd, 32, "RESERVED_160");
    rd_copy(rd, b->configid, sizeof b->configid, "CONFIGID");
    b->isvprodid = rd_le16(rd, "ISVPRODID");
    b->isvsvn = rd_le16(rd, "ISVSVN");
    b->configsvn = rd_le16(rd, "CONFIGSVN");
    rd_zero(rd, 42, "RESERVED_262");
    rd_copy(rd, b->isvfamilyid, sizeof b->isvfamilyid, "ISVFAMILYID");
    rd_copy(rd, b->reportdata, sizeof b->reportdata, "REPORTDATA");
}

static void tdx_read(struct rd *rd, struct tdx_body *b)
{
    rd_copy(rd, b->tee_tcb_svn, sizeof b->tee_tcb_svn, "TEE_TCB_SVN");
    rd_copy(rd, b->mrseam, sizeof b->mrseam, "MRSEAM");
    rd_copy(rd, b->mrsignerseam, sizeof b->mrsignerseam, "MRSIGNERSEAM");
    rd_copy(rd, b->seamattributes, sizeof b->seamattributes, "SEAMATTRIBUTES");
    b->tdattributes = rd_le64(rd, "TDATTRIBUTES");
    b->xfam = rd_le64(rd, "XFAM");
    rd_copy(rd, b->mrtd, sizeof b->mrtd, "MRTD");
    rd_copy(rd, b->mrconfigid, sizeof b->mrconfigid, "MRCONFIGID");
    rd_copy(rd, b->mrowner, sizeof b->mrowner, "MROWNER");
    rd_copy(rd, b->mrownerconfig, sizeof b->mrownerconfig, "MROWNERCONFIG");
    for (unsigned i = 0; i < 4; i++)
        rd_copy(rd, b->rtmr[i], sizeof b->rtmr[i], "RTMR");
    rd_copy(rd, b->reportdata, sizeof b->reportdata, "REPORTDATA");
    if (b->td15) {
        rd_copy(rd, b->tee_tcb_svn_2, sizeof b->tee_tcb_svn_2, "TEE_TCB_SVN_2");
        rd_copy(rd, b->mrservicetd, sizeof b->mrservicetd, "MRSERVICETD");
    }
}

/* All of it read, and nothing after it; `field` is what is too long. */
static bool end_check(const struct rd *rd, const char *field, struct err *e)
{
    if (rd_end(rd, e))
        return true;
    if (rd->field == NULL)
        err_field(e, "%s", field), err_found(e, "%zu bytes too many", rd->rest.n);
    return false;
}

static bool number_bad(struct err *e, const char *reason, const char *field, uint32_t got,
                       const char *expected)
{
    return err_set(e, ERR_INPUT, reason, "%s: got %" PRIu32 ", want %s", field, got, expected),
           err_field(e, "%s", field), err_found(e, "%" PRIu32, got),
           err_expected(e, "%s", expected);
}

static bool vendor_check(struct bytes id, struct err *e)
{
    char hex[33] = "";

    if (bytes_equal(id, BYTES_OF(intel_qe)))
        return true;
    if (id.n == 16)
        hex_format(id, hex);
    return err_set(e, ERR_INPUT, "dcap.qe-vendor", "QE_VENDOR_ID: not Intel's quoting enclave"),
           err_field(e, "QE_VENDOR_ID"), err_found(e, "%s", hex),
           err_expected(e, "939a7233f79c4ca9940a0db3957f0607");
}

static bool header_read(struct rd *rd, struct dcap_quote *q, struct err *e)
{
    uint16_t key_type;
    uint32_t tee = 0;
    struct bytes vendor;

    q->version = rd_le16(rd, "VERSION");
    if (!rd_ok(rd, e))
        return false;
    if (q->version < 3 || q->version > 5)
        return number_bad(e, "dcap.version", "VERSION", q->version, "3 to 5");
    key_type = rd_le16(rd, "KEY_TYPE");
    if (q->version == 3)
        rd_zero(rd, 4, "RESERVED_4"); /* and SGX: no other technology has version 3 */
    else
        tee = rd_le32(rd, "TEE_TYPE");
    rd_take(rd, 4,
            "SVNS"); /* versions read these two numbers in either order: they prove nothing */
    vendor = rd_take(rd, 16, "QE_VENDOR_ID");
    rd_copy(rd, q->user_data, sizeof q->user_data, "USER_DATA");
    if (!rd_ok(rd, e))
        return false;
    if (key_type != KEY_ECDSA_P256)
        return number_bad(e, "dcap.key-type", "KEY_TYPE", key_type, "2 (ECDSA P-256)");
    if (tee != DCAP_TEE_SGX && tee != DCAP_TEE_TDX)
        return number_bad(e, "dcap.tee-type", "TEE_TYPE", tee, "0 (SGX) or 129 (TDX)");
    q->tee = tee == DCAP_TEE_SGX ? DCAP_TEE_SGX : DCAP_TEE_TDX;
    return vendor_check(vendor, e);
}

/* Version 5 says which body follows; all three of its statements have to agree. */
static bool body_type_read(struct rd *rd, struct dcap_quote *q, struct err *e)
{
    uint16_t type = rd_le16(rd, "BODY_TYPE");
    uint32_t size = rd_le32(rd, "BODY_SIZE"), want;

    if (!rd_ok(rd, e))
        return false;
    if (type < BODY_SGX || type > BODY_TD15 || (type == BODY_SGX) != (q->tee == DCAP_TEE_SGX))
        return number_bad(e, "dcap.body-type", "BODY_TYPE", type,
                          q->tee == DCAP_TEE_SGX ? "1 (SGX)" : "2 (TD 1.0) or 3 (TD 1.5)");
    q->tdx.td15 = type == BODY_TD15;
    want = type == BODY_SGX ? SGX_BODY_SIZE : type == BODY_TD10 ? TD10_BODY_SIZE : TD15_BODY_SIZE;
    if (size == want)
        return true;
    return number_bad(e, "dcap.body-size", "BODY_SIZE", size,
                      type == BODY_SGX    ? "384"
                      : type == BODY_TD10 ? "584"
                                          : "648");
}

static void signature_read(struct rd *rd, struct dcap_quote *q)
{
    q->signature = rd_take(rd, 64, "SIGNATURE");
    q->key = rd_take(rd, 64, "ATTESTATION_KEY");
}

/* The QE's report and what certifies it; *rd ends where they do. */
static bool qe_read(struct rd *rd, struct dcap_quote *q, struct err *e)
{
    struct rd body;

    q->qe_report = rd_take(rd, SGX_BODY_SIZE, "QE_REPORT");
    q->qe_signature = rd_take(rd, 64, "QE_SIGNATURE");
    q->qe_auth = rd_take(rd, rd_le16(rd, "QE_AUTH_SIZE"), "QE_AUTH_DATA");
    q->certification = rd_le16(rd, "CERTIFICATION_TYPE");
    q->certification_data = rd_take(rd, rd_le32(rd, "CERTIFICATION_SIZE"), "CERTIFICATION_DATA");
    if (!end_check(rd, "CERTIFICATION_DATA", e))
        return false;
    if (q->certification < DCAP_PPID_CLEAR || q->certification > DCAP_PCK_CHAIN)
        return number_bad(e, "dcap.certification-type", "CERTIFICATION_TYPE", q->certification,
                          "1 to 5");
    body = rd_init(q->qe_report);
    sgx_read(&body, &q->qe);
    if (!rd_end(&body, e))
        return err_field(e, "QE_REPORT");
    return true;
}

/* From version 4 on all that is the contents of certification data of type 6. */
static bool outer_read(struct rd *rd, struct dcap_quote *q, struct err *e)
{
    uint16_t type = rd_le16(rd, "OUTER_TYPE");
    struct bytes inner = rd_take(rd, rd_le32(rd, "OUTER_SIZE"), "OUTER_DATA");
    struct rd inside;

    if (!end_check(rd, "OUTER_DATA", e))
        return false;
    if (type != DCAP_QE_REPORT)
        return number_bad(e, "dcap.certification-type", "OUTER_TYPE", type,
                          "6 (QE report certification data)");
    inside = rd_init(inner);
    return qe_read(&inside, q, e);
}

static bool body_read(struct rd *rd, struct bytes in, struct dcap_quote *q, struct err *e)
{
    if (q->version == 5 && !body_type_read(rd, q, e))
        return false;
    if (q->tee == DCAP_TEE_SGX)
        sgx_read(rd, &q->sgx);
    else
        tdx_read(rd, &q->tdx);
    if (!rd_ok(rd, e))
        return err_field(e, "REPORT");
    q->signed_part = (struct bytes){in.p, rd->off};
    return true;
}

bool dcap_quote_parse(struct bytes in, bool lenient, struct dcap_quote *out, struct err *e)
{
    struct dcap_quote q = {0};
    struct rd rd = rd_init(in), data;
    struct bytes signature;

    if (!header_read(&rd, &q, e) || !body_read(&rd, in, &q, e))
        return false;
    signature = rd_take(&rd, rd_le32(&rd, "SIGNATURE_SIZE"), "SIGNATURE_DATA");
    if (lenient && rd_ok(&rd, NULL) && bytes_zero(rd.rest))
        rd.rest.n = 0;
    if (!end_check(&rd, "QUOTE", e))
        return false;
    data = rd_init(signature);
    signature_read(&data, &q);
    if (!rd_ok(&data, e))
        return false;
    if (!(q.version == 3 ? qe_read(&data, &q, e) : outer_read(&data, &q, e)))
        return false;
    *out = q;
    return true;
}

bool dcap_quote_looks(struct bytes in, enum dcap_tee tee)
{
    bool quote = in.n >= 5 && in.p[1] == 0 && in.p[0] >= 3 && in.p[0] <= 5 &&
                 in.p[2] == KEY_ECDSA_P256 && in.p[3] == 0;

    /* the vendor's id settles it, also where the version or the key type is wrong */
    if (in.n >= 28 && memcmp(in.p + 12, intel_qe, sizeof intel_qe) == 0)
        quote = true;
    return quote && (in.p[4] == DCAP_TEE_TDX) == (tee == DCAP_TEE_TDX);
}
