/* sim.h - evidence of platforms that do not exist: bit-exact reports, quotes and tokens with all
 * certificates and collateral, under simulated vendor roots whose private keys are compiled in, so
 * everybody can sign. Verifiers accept them only when told to, and mark the facts as simulated. For
 * demonstrations, tests, and clusters without TEE hardware.
 *
 * One row a technology (sim_kinds); how to add one: sim_kind.h. */
#ifndef ATTEST_SIM_SIM_H
#define ATTEST_SIM_SIM_H

#include <stddef.h>
#include <stdint.h>

#include "attest/sim/sim_cca.h"
#include "attest/sim/sim_dcap.h"
#include "attest/sim/sim_nitro.h"
#include "attest/sim/sim_snp.h"
#include "base/buf.h"
#include "base/err.h"

struct sim_kind;

/* A platform, and what is wrong with it. */
struct sim_platform {
    const struct sim_kind *kind;
    unsigned generation; /* index into kind->generations; 0 where a technology has none */
    unsigned defect;     /* index into kind->defects; 0: sound */
    uint64_t chip;       /* seed of everything that is one chip's own: id, keys */
    union {              /* what else the technology's keys set */
        struct sim_snp snp;
        struct sim_dcap dcap; /* TDX and SGX */
        struct sim_nitro nitro;
        struct sim_cca cca;
    };
};

/* A sound platform of that generation with firmware of its day. */
void sim_platform_init(struct sim_platform *p, const struct sim_kind *kind, unsigned generation);

/* "technology=sev-snp,generation=milan,firmware=1.55.39,snp=0x17,defect=debug". Keys of every
 * technology: vendor, technology, generation, chip (a number), defect; the others are the
 * technology's own. The order is free. Without technology it is the first of sim_kinds that has the
 * vendor and the generation. Errors "sim.*" name the key and suggest the nearest word. */
NODISCARD bool sim_platform_parse(const char *text, struct sim_platform *out, struct err *e);

/* Words: "sev-snp", "amd", "milan" ("" where a technology has no generations), "none". */
const char *sim_technology_name(const struct sim_platform *p);
const char *sim_vendor_name(const struct sim_platform *p);
const char *sim_generation_name(const struct sim_platform *p);
const char *sim_defect_name(const struct sim_platform *p);

#define SIM_FILES 16
struct sim_evidence {
    struct buf evidence; /* owned, as are the files' bytes */
    struct {
        const char *name; /* "vcek.der" */
        struct buf bytes;
    } files[SIM_FILES];
    unsigned files_n;
};
void sim_evidence_fini(struct sim_evidence *s); /* fine on a zeroed one */
#define AUTO_SIM_EVIDENCE __attribute__((cleanup(sim_evidence_fini)))

/* Evidence that the platform gives for these 64 bytes at that time. *out is zeroed or fini'd; the
 * caller ends it with sim_evidence_fini(). Costs a few signatures (some milliseconds). */
NODISCARD bool sim_evidence(const struct sim_platform *p, const uint8_t report_data[64],
                            int64_t now_s, struct sim_evidence *out, struct err *e);

#endif
