/* dcap_quote.h - Intel quotes as bytes: header, report body, signature data. Shape only; what the
 * values mean is judged in dcap_check.c.
 *
 * Layouts: "Intel SGX Data Center Attestation Primitives: ECDSA Quote Library API", appendix A
 * (version 3); "Intel TDX DCAP: Quote Generation Library and Quote Verification Library", appendix
 * A (versions 4 and 5). SGX report body: Intel SDM volume 3D, table "Layout of REPORT"; TD report:
 * Intel TDX module ABI, TDREPORT_STRUCT.
 *
 * Reasons: "dcap.version", "dcap.key-type", "dcap.tee-type", "dcap.qe-vendor", "dcap.body-type",
 * "dcap.body-size", "dcap.certification-type", and those of parsing. */
#ifndef ATTEST_DCAP_QUOTE_H
#define ATTEST_DCAP_QUOTE_H

#include "base/bytes.h"
#include "base/err.h"

#define DCAP_HEADER_SIZE 48
#define SGX_BODY_SIZE 384
#define TD10_BODY_SIZE 584
#define TD15_BODY_SIZE 648

enum dcap_tee { DCAP_TEE_SGX = 0, DCAP_TEE_TDX = 0x81 };

/* Certification data types that can say which PCK signed. */
enum dcap_certification {
    DCAP_PPID_CLEAR = 1,
    DCAP_PPID_RSA2048 = 2,
    DCAP_PPID_RSA3072 = 3,
    DCAP_PCK_LEAF = 4,  /* PEM */
    DCAP_PCK_CHAIN = 5, /* PEM: leaf, intermediate, root */
    DCAP_QE_REPORT = 6, /* version 4 and 5: wraps what stands in the open in version 3 */
};

/* REPORT without its MAC: of an enclave, or of the quoting enclave. */
struct sgx_body {
    uint8_t cpusvn[16];
    uint32_t miscselect;
    uint8_t isvextprodid[16];
    uint8_t attributes[16]; /* FLAGS, XFRM */
    uint8_t mrenclave[32];
    uint8_t mrsigner[32];
    uint8_t configid[64];
    uint16_t isvprodid, isvsvn, configsvn;
    uint8_t isvfamilyid[16];
    uint8_t reportdata[64];
};

#define SGX_FLAG_INIT 0x01u  /* of attributes[0] */
#define SGX_FLAG_DEBUG 0x02u /* of attributes[0] */

struct tdx_body {
    uint8_t tee_tcb_svn[16];
    uint8_t mrseam[48], mrsignerseam[48];
    uint8_t seamattributes[8];
    uint64_t tdattributes, xfam;
    uint8_t mrtd[48], mrconfigid[48], mrowner[48], mrownerconfig[48];
    uint8_t rtmr[4][48];
    uint8_t reportdata[64];
    bool td15;
    uint8_t tee_tcb_svn_2[16]; /* only where td15 */
    uint8_t mrservicetd[48];
};

#define TDX_ATTRIBUTE_DEBUG (UINT64_C(1) << 0)
#define TDX_ATTRIBUTES_TUD UINT64_C(0xff) /* "TD under debug": all zero in production */
#define TDX_ATTRIBUTE_SEPT_VE_DISABLE (UINT64_C(1) << 28)
#define TDX_ATTRIBUTE_MIGRATABLE (UINT64_C(1) << 29)
/* beside those: performance and HGS+ profiling (16 to 18), LASS 27, PKS 30, KL 31, TPA 62, PERFMON
 * 63; every other bit is reserved */
#define TDX_ATTRIBUTES_KNOWN UINT64_C(0xc0000000f80700ff)

struct dcap_quote {
    uint16_t version; /* 3, 4 or 5 */
    enum dcap_tee tee;
    uint8_t user_data[20];
    struct sgx_body sgx; /* tee says which */
    struct tdx_body tdx;
    /* all borrowed from the input */
    struct bytes signed_part;  /* header to the end of the body */
    struct bytes signature;    /* 64 bytes: R, S */
    struct bytes key;          /* 64 bytes: X, Y of the attestation key */
    struct bytes qe_report;    /* 384 bytes, as signed by the PCK */
    struct bytes qe_signature; /* 64 bytes */
    struct bytes qe_auth;      /* what the QE bound beside the key */
    struct sgx_body qe;        /* qe_report, read */
    uint16_t certification;    /* enum dcap_certification, never DCAP_QE_REPORT */
    struct bytes certification_data;
};

/* lenient: zero bytes may follow the quote. *out is whole only on true. */
NODISCARD bool dcap_quote_parse(struct bytes in, bool lenient, struct dcap_quote *out,
                                struct err *e);

/* A guess by the first bytes: DCAP_TEE_SGX or DCAP_TEE_TDX. */
bool dcap_quote_looks(struct bytes in, enum dcap_tee tee);

#endif
