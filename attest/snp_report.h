/* snp_report.h - the SEV-SNP attestation report, versions 2 to 5 (AMD 56860, ATTESTATION_REPORT).
 *
 * Parsing checks shape only and knows no product: what a TCB field's bytes mean depends on the
 * product line, which the certificates tell (snp_tcb.h). Reasons: "snp.version",
 * "snp.signature-algorithm", "snp.reserved-bits", "bytes.*". */
#ifndef ATTEST_SNP_REPORT_H
#define ATTEST_SNP_REPORT_H

#include "base/bytes.h"
#include "base/err.h"

#define SNP_REPORT_SIZE 1184
#define SNP_SIGNED_SIZE 0x2A0
#define SNP_CHIP_ID_SIZE 64

#define SNP_POLICY_RESERVED_ONE (UINT64_C(1) << 17)
#define SNP_POLICY_MIGRATE_MA (UINT64_C(1) << 18)
#define SNP_POLICY_DEBUG (UINT64_C(1) << 19)
#define SNP_POLICY_KNOWN (UINT64_C(0x3ffffff))

#define SNP_PLATFORM_SMT (UINT64_C(1) << 0)
#define SNP_PLATFORM_TSME (UINT64_C(1) << 1)
#define SNP_PLATFORM_ECC (UINT64_C(1) << 2)
#define SNP_PLATFORM_RAPL_DISABLED (UINT64_C(1) << 3)
#define SNP_PLATFORM_CIPHERTEXT_HIDING (UINT64_C(1) << 4)
#define SNP_PLATFORM_ALIAS_CHECK (UINT64_C(1) << 5)
#define SNP_PLATFORM_KNOWN (UINT64_C(0xff))

#define SNP_VMPL_HOST UINT32_C(0xffffffff)

enum snp_signing_key { SNP_KEY_VCEK = 0, SNP_KEY_VLEK = 1, SNP_KEY_NONE = 7 };

struct snp_tcb_raw { /* eight bytes whose layout the product decides */
    uint8_t b[8];
};

struct snp_version {
    uint8_t major, minor, build;
};

struct snp_report {
    uint32_t version, guest_svn, vmpl, signature_algorithm;
    uint64_t policy, platform_info;
    bool author_key, mask_chip_key;
    unsigned signing_key; /* enum snp_signing_key; 2 to 6 are undefined */
    uint8_t family_id[16], image_id[16];
    uint8_t report_data[64], measurement[48], host_data[32];
    uint8_t id_key_digest[48], author_key_digest[48], report_id[32], report_id_ma[32];
    struct snp_tcb_raw current_tcb, reported_tcb, committed_tcb, launch_tcb;
    uint16_t cpu_family; /* CPUID fields: version 3 and later, zero before */
    uint8_t cpu_model, cpu_stepping;
    uint8_t chip_id[SNP_CHIP_ID_SIZE];
    struct snp_version current, committed;
    uint64_t launch_mitigations, current_mitigations; /* version 5 */
    uint8_t r[48], s[48];                             /* little-endian, as in the report */
};

NODISCARD bool snp_report_parse(struct bytes in, struct snp_report *out, struct err *e);

#endif
