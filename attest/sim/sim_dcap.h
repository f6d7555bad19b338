/* sim_dcap.h - simulated Intel TDX and SGX: quotes with their PCK chain, and with the collateral
 * that Intel's provisioning certification service would give: TCB Info v3, QE identity v2, their
 * signers' chain and both revocation lists, everything valid around the given time.
 *
 * Own keys of both technologies:
 *   version     3, 4 or 5 of the quote: TDX 4 and 5, SGX all three
 *   tcb         UpToDate, SWHardeningNeeded, ... : the platform stands on the first level of that
 *               status. Without it, on the newest level of Intel's own table for that processor
 *   pcesvn      the PCE's version, whatever the level says
 *   qe          the quoting enclave's ISVSVN
 *   fmspc       12 hex digits instead of the processor's usual ones
 *   smt, cached, dynamic   on, off: the configuration flags of a Platform CA's certificate
 *   chain       quote (inside it, type 5) or file ("pck_chain.pem", with type 3 in the quote)
 *   collateral  on, off: whether files come with it
 * TDX only:
 *   module      the TDX module: 1.0.x, 1.5.x or 2.0.x
 *   body        1.0 or 1.5: which TD report; 1.5 in quotes of version 5 only */
#ifndef ATTEST_SIM_SIM_DCAP_H
#define ATTEST_SIM_SIM_DCAP_H

#include <stdbool.h>
#include <stdint.h>

enum sim_dcap_defect {
    SIM_DCAP_SOUND = 0,
    SIM_DCAP_STALE_REPORT_DATA,     /* "stale-report-data": as if an older answer were replayed */
    SIM_DCAP_WRONG_KEY,             /* "wrong-key": signed by another attestation key */
    SIM_DCAP_BAD_SIGNATURE,         /* "bad-signature": body changed after signing */
    SIM_DCAP_DEBUG,                 /* "debug": the host may look inside */
    SIM_DCAP_KEY_TYPE,              /* "wrong-key-type": P-384 said, P-256 used */
    SIM_DCAP_QE_VENDOR,             /* "wrong-qe-vendor": the header names another vendor's QE */
    SIM_DCAP_QE_REPORT_DATA,        /* "qe-report-data": the QE vouches for another key */
    SIM_DCAP_QE_SIGNATURE,          /* "qe-signature": QE report changed after signing */
    SIM_DCAP_WRONG_PCK,             /* "wrong-pck": QE report signed by another chip's PCK */
    SIM_DCAP_QE_IDENTITY_MISMATCH,  /* "qe-identity-mismatch": another signer's QE */
    SIM_DCAP_QE_DEBUG,              /* "qe-debug": the QE runs in debug mode */
    SIM_DCAP_OLD_QE,                /* "old-qe": the QE's level is OutOfDate */
    SIM_DCAP_ANCIENT_QE,            /* "ancient-qe": older than every level of its identity */
    SIM_DCAP_OLD_TCB,               /* "old-tcb": the platform's level is OutOfDate */
    SIM_DCAP_NO_LEVEL,              /* "no-level": below every level */
    SIM_DCAP_REVOKED_PCK,           /* "revoked-pck": the PCK list names the leaf */
    SIM_DCAP_REVOKED_CA,            /* "revoked-ca": the root's list names the PCK's issuer */
    SIM_DCAP_REVOKED_SIGNER,        /* "revoked-signer": the root's list names the TCB signer */
    SIM_DCAP_EXPIRED_PCK,           /* "expired-pck" */
    SIM_DCAP_EXPIRED_COLLATERAL,    /* "expired-collateral": nextUpdate is past */
    SIM_DCAP_FUTURE_COLLATERAL,     /* "future-collateral": issueDate is to come */
    SIM_DCAP_EXPIRED_CRL,           /* "expired-crl": both lists' nextUpdate is past */
    SIM_DCAP_FOREIGN_FMSPC,         /* "foreign-fmspc": TCB Info of another processor */
    SIM_DCAP_WRONG_PCEID,           /* "wrong-pceid": TCB Info of another PCE */
    SIM_DCAP_WRONG_TEE,             /* "wrong-tee": TCB Info of SGX for TDX, or the reverse */
    SIM_DCAP_WRONG_QE_ID,           /* "wrong-qe-id": QE identity of the other quoting enclave */
    SIM_DCAP_TCB_INFO_SIGNATURE,    /* "tcb-info-signature": a digit changed after signing */
    SIM_DCAP_QE_IDENTITY_SIGNATURE, /* "qe-identity-signature" */
    SIM_DCAP_FOREIGN_ROOT,          /* "foreign-root": the PCK chain ends in nobody's root */
    SIM_DCAP_FOREIGN_CRL,           /* "foreign-crl": the PCK list is signed by another key */
    SIM_DCAP_TRUNCATED,             /* "truncated": the quote's last 100 bytes are missing */
    SIM_DCAP_TRAILING,              /* "trailing": bytes after the quote */
    SIM_DCAP_SGX_DEFECTS,           /* TDX has those below besides */
    SIM_DCAP_MODULE_MISMATCH = SIM_DCAP_SGX_DEFECTS, /* "module-mismatch": another signer's */
    SIM_DCAP_UNKNOWN_MODULE,     /* "unknown-module": a major version that TCB Info lacks */
    SIM_DCAP_OLD_MODULE,         /* "old-module": the module's level is OutOfDate */
    SIM_DCAP_MIGRATABLE,         /* "migratable" */
    SIM_DCAP_NO_SEPT_VE_DISABLE, /* "no-sept-ve-disable" */
    SIM_DCAP_RESERVED_ATTRIBUTE, /* "reserved-attribute": a TD attribute that nobody defined */
    SIM_DCAP_RELAUNCH_ADVISED,   /* "relaunch-advised": the platform was updated under the TD;
                                    sound where the body is 1.0, which cannot say so */
    SIM_DCAP_TDX_DEFECTS
};

/* As in Intel's TCB Info; 0: whatever the newest level is. */
enum sim_dcap_status {
    SIM_DCAP_NEWEST = 0,
    SIM_DCAP_UP_TO_DATE,
    SIM_DCAP_SW_HARDENING,
    SIM_DCAP_CONFIGURATION,
    SIM_DCAP_CONFIGURATION_SW_HARDENING,
    SIM_DCAP_OUT_OF_DATE,
    SIM_DCAP_OUT_OF_DATE_CONFIGURATION,
    SIM_DCAP_REVOKED,
    SIM_DCAP_STATUSES
};

struct sim_dcap {
    uint8_t version;   /* of the quote */
    bool td15;         /* which TD report */
    uint8_t status;    /* enum sim_dcap_status */
    int32_t pcesvn;    /* -1: the level's */
    int32_t qe;        /* -1: the newest */
    uint8_t module[2]; /* TEE_TCB_SVN[0], [1]: minor (ISVSVN), major */
    uint8_t fmspc[6];
    bool smt, cached, dynamic;
    bool chain_file, collateral;
};

#endif
