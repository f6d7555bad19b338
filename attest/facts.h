/* facts.h - what evidence proved about a platform: the only header of this room that rules and
 * scheduling see.
 *
 * Every fact has a standing. UNKNOWN is the zero value and means just that: the evidence does not
 * say. It is neither "no" nor "none", matches no accept rule and escapes no refuse rule.
 * A fact with several values is a set of candidates: the platform is one of them, and the evidence
 * leaves open which (an SNP v2 report proves the product line only, so the generation is one of
 * genoa, bergamo, siena). */
#ifndef ATTEST_FACTS_H
#define ATTEST_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FACT_WORD 28        /* a vocabulary word with its NUL: "sapphire-rapids" */
#define FACT_CANDIDATES 6   /* most candidates of one fact */
#define FACT_ADVISORIES 48  /* Intel's oldest levels name 24 */
#define FACT_TCB_PARTS 40   /* SNP 5; TDX 16 + 16 + pcesvn + qe + module */
#define FACT_MEASUREMENT 64 /* longest measurement: SHA-512 */
#define FACT_ID 64          /* longest platform identity, bytes */
#define FACT_SOURCE 40      /* "REPORT.CPUID_FAM_ID", "PCK.FMSPC" */

enum assurance { ASSURANCE_UNKNOWN = 0, ASSURANCE_HARDWARE, ASSURANCE_SIMULATED };

/* One word out of the catalog's vocabulary, or several candidates. n == 0: unknown. */
struct fact_words {
    unsigned n;
    char word[FACT_CANDIDATES][FACT_WORD];
    char source[FACT_SOURCE]; /* which field of the evidence proves it */
};

/* A dotted version of up to four numbers; n == 0: unknown. Missing parts compare as 0. */
struct fact_version {
    unsigned n;
    uint32_t part[4];
    char source[FACT_SOURCE];
};

/* One security version number, by the catalog's name for the component ("microcode"). */
struct fact_svn {
    char name[FACT_WORD];
    uint64_t value;
    char source[FACT_SOURCE];
};

/* Things verification looked for. A finding is known true, known false, or unknown. */
enum finding {
    FINDING_DEBUG,                /* the guest may be debugged by its host */
    FINDING_MIGRATABLE,           /* the guest may be migrated by an agent of the host */
    FINDING_SMT,                  /* simultaneous multithreading is on */
    FINDING_MASKED_CHIP_ID,       /* the report hides which chip signed */
    FINDING_PROVISIONAL_FIRMWARE, /* current firmware is newer than committed: may be rolled back */
    FINDING_CIPHERTEXT_HIDING,    /* ciphertext hiding is on (good) */
    FINDING_ALIAS_CHECK,          /* memory alias check was done at boot (good; BadRAM) */
    FINDING_RAPL_DISABLED,        /* power readings are off (good) */
    FINDING_ECC,                  /* memory is ECC (good) */
    FINDING_STALE_COLLATERAL,     /* collateral was past its nextUpdate and leniently accepted */
    FINDING_REVOCATION_UNCHECKED, /* a CRL that should be looked at was not there */
    FINDING_TD_RELAUNCH_ADVISED,  /* the platform's TCB is newer than the guest's */
    FINDING_CACHED_KEYS,          /* PCK: platform caches keys */
    FINDING_DYNAMIC_PLATFORM,     /* PCK: packages may be added */
    FINDING_SEPT_VE_ENABLED,      /* TDX: SEPT_VE_DISABLE is clear */
    FINDINGS
};

struct facts {
    enum assurance assurance;
    struct fact_words vendor, technology, generation, product_line;
    struct fact_version firmware;
    struct fact_svn tcb[FACT_TCB_PARTS];
    unsigned tcb_n;
    char tcb_status[FACT_WORD * 2]; /* "" unknown; "UpToDate", "OutOfDateConfigurationNeeded" */
    int64_t tcb_date_s;             /* 0: unknown */
    bool advisories_known;          /* collateral spoke of advisories, perhaps of none */
    unsigned advisories_n;
    char advisory[FACT_ADVISORIES][FACT_WORD];
    uint8_t platform_id[FACT_ID]; /* n == 0: unknown or masked */
    unsigned platform_id_n;
    char platform_id_source[FACT_SOURCE];
    uint32_t findings_true, findings_known; /* bit (1u << enum finding) */
    uint8_t measurement[FACT_MEASUREMENT];  /* of the attested guest */
    unsigned measurement_n;
};

/* The catalog's word for a finding ("masked-chip-id"), and back (FINDINGS when there is none). */
const char *finding_name(enum finding f);
enum finding finding_parse(const char *s);

/* One proven word; and a finding that is known. For the verifiers of this room. */
void fact_set(struct fact_words *w, const char *word, const char *source);
void finding_set(struct facts *f, enum finding what, bool is);

/* "hardware", "simulated", "unknown". */
const char *assurance_name(enum assurance a);

/* True when both prove the same to every rule that does not name a single platform: all but
 * platform_id and measurement. Nodes with equal facts form one platform class. */
bool facts_same_class(const struct facts *a, const struct facts *b);

/* A line for people: "amd sev-snp genoa|bergamo 1.55.39 (simulated)". Returns out. */
const char *facts_format(const struct facts *f, char *out, size_t size);

#endif
