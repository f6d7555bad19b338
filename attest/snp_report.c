#include "attest/snp_report.h"

#include <inttypes.h>

#include "base/rd.h"

static bool bits_check(uint64_t v, uint64_t known, const char *field, struct err *e)
{
    if ((v & ~known) == 0)
        return true;
    return err_set(e, ERR_INPUT, "snp.reserved-bits", "%s: reserved bits are set", field),
           err_field(e, "%s", field), err_found(e, "0x%" PRIx64, v),
           err_expected(e, "no bits outside 0x%" PRIx64, known);
}

static bool check(const struct snp_report *r, struct err *e)
{
    if (r->signature_algorithm != 1)
        return err_set(e, ERR_INPUT, "snp.signature-algorithm",
                       "SIGNATURE_ALGO: got %" PRIu32 ", want 1 (ECDSA P-384 with SHA-384)",
                       r->signature_algorithm),
               err_field(e, "SIGNATURE_ALGO"), err_found(e, "%" PRIu32, r->signature_algorithm),
               err_expected(e, "1");
    if ((r->policy & SNP_POLICY_RESERVED_ONE) == 0)
        return err_set(e, ERR_INPUT, "snp.reserved-bits", "POLICY: bit 17 must be set"),
               err_field(e, "POLICY"), err_found(e, "0x%" PRIx64, r->policy);
    return bits_check(r->policy, SNP_POLICY_KNOWN, "POLICY", e) &&
           bits_check(r->platform_info, SNP_PLATFORM_KNOWN, "PLATFORM_INFO", e);
}

static bool version_check(uint32_t version, struct err *e)
{
    if (version >= 2 && version <= 5)
        return true;
    return err_set(e, ERR_INPUT, "snp.version", "VERSION: got %" PRIu32 ", want 2 to 5", version),
           err_field(e, "VERSION"), err_found(e, "%" PRIu32, version), err_expected(e, "2 to 5"),
           err_mend(e, version < 2 ? "update the SEV firmware of this host"
                                   : "update Bailey: it does not know this report version");
}

/* build comes first: the one place where the report is not major to minor */
static void version_read(struct rd *rd, struct snp_version *v, const char *field)
{
    v->build = rd_u8(rd, field);
    v->minor = rd_u8(rd, field);
    v->major = rd_u8(rd, field);
    rd_zero(rd, 1, field);
}

static void key_info_read(struct rd *rd, struct snp_report *r)
{
    uint32_t v = rd_le32(rd, "KEY_INFO");

    r->author_key = (v & 1) != 0;
    r->mask_chip_key = (v & 2) != 0;
    r->signing_key = v >> 2 & 7;
    if (v >> 5 != 0)
        rd_bad(rd, "KEY_INFO");
}

static void guest_read(struct rd *rd, struct snp_report *r)
{
    r->guest_svn = rd_le32(rd, "GUEST_SVN");
    r->policy = rd_le64(rd, "POLICY");
    rd_copy(rd, r->family_id, sizeof r->family_id, "FAMILY_ID");
    rd_copy(rd, r->image_id, sizeof r->image_id, "IMAGE_ID");
    r->vmpl = rd_le32(rd, "VMPL");
    r->signature_algorithm = rd_le32(rd, "SIGNATURE_ALGO");
    rd_copy(rd, r->current_tcb.b, 8, "CURRENT_TCB");
    r->platform_info = rd_le64(rd, "PLATFORM_INFO");
    key_info_read(rd, r);
    rd_zero(rd, 4, "RESERVED_4C");
    rd_copy(rd, r->report_data, sizeof r->report_data, "REPORT_DATA");
    rd_copy(rd, r->measurement, sizeof r->measurement, "MEASUREMENT");
    rd_copy(rd, r->host_data, sizeof r->host_data, "HOST_DATA");
    rd_copy(rd, r->id_key_digest, sizeof r->id_key_digest, "ID_KEY_DIGEST");
    rd_copy(rd, r->author_key_digest, sizeof r->author_key_digest, "AUTHOR_KEY_DIGEST");
    rd_copy(rd, r->report_id, sizeof r->report_id, "REPORT_ID");
    rd_copy(rd, r->report_id_ma, sizeof r->report_id_ma, "REPORT_ID_MA");
}

static void platform_read(struct rd *rd, struct snp_report *r)
{
    rd_copy(rd, r->reported_tcb.b, 8, "REPORTED_TCB");
    if (r->version >= 3) {
        r->cpu_family = rd_u8(rd, "CPUID_FAM_ID");
        r->cpu_model = rd_u8(rd, "CPUID_MOD_ID");
        r->cpu_stepping = rd_u8(rd, "CPUID_STEP");
        rd_zero(rd, 21, "RESERVED_18B");
    } else {
        rd_zero(rd, 24, "RESERVED_188");
    }
    rd_copy(rd, r->chip_id, sizeof r->chip_id, "CHIP_ID");
    rd_copy(rd, r->committed_tcb.b, 8, "COMMITTED_TCB");
    version_read(rd, &r->current, "CURRENT_VERSION");
    version_read(rd, &r->committed, "COMMITTED_VERSION");
    rd_copy(rd, r->launch_tcb.b, 8, "LAUNCH_TCB");
    if (r->version >= 5) {
        r->launch_mitigations = rd_le64(rd, "LAUNCH_MIT_VECTOR");
        r->current_mitigations = rd_le64(rd, "CURRENT_MIT_VECTOR");
    } else {
        rd_zero(rd, 16, "RESERVED_1F8");
    }
    rd_zero(rd, 0x98, "RESERVED_208");
}

static void signature_read(struct rd *rd, struct snp_report *r)
{
    rd_copy(rd, r->r, sizeof r->r, "SIGNATURE_R");
    rd_zero(rd, 24, "SIGNATURE_R");
    rd_copy(rd, r->s, sizeof r->s, "SIGNATURE_S");
    rd_zero(rd, 24, "SIGNATURE_S");
    rd_zero(rd, 368, "RESERVED_330");
}

bool snp_report_parse(struct bytes in, struct snp_report *out, struct err *e)
{
    struct rd rd = rd_init(in);
    struct snp_report r = {.version = rd_le32(&rd, "VERSION")};

    if (!rd_ok(&rd, e) || !version_check(r.version, e))
        return false;
    guest_read(&rd, &r);
    platform_read(&rd, &r);
    signature_read(&rd, &r);
    if (!rd_end(&rd, e) || !check(&r, e))
        return false;
    *out = r;
    return true;
}
