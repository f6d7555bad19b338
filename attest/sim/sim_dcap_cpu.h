/* sim_dcap_cpu.h - Intel processors as the simulator plays them: FMSPC and TCB levels.
 *
 * Source: Intel's signed TCB Info documents, the newest found for each FMSPC; levels between the
 * newest and the oldest are left out where there are many. */
#ifndef ATTEST_SIM_SIM_DCAP_CPU_H
#define ATTEST_SIM_SIM_DCAP_CPU_H

#include <stddef.h>

#include "attest/sim/sim_dcap.h"

/* The components that the tables leave out are zero. */
struct sim_level {
    uint8_t sgx[8];
    uint8_t pcesvn;
    uint8_t tdx[3]; /* compared with TEE_TCB_SVN; TDX only */
    enum sim_dcap_status status;
    const char *date;       /* "2024-11-13" */
    const char *advisories; /* "00615 00657": INTEL-SA- left out; "" none */
};

/* A level of the TDX module or of the quoting enclave. */
struct sim_svn_level {
    uint8_t isvsvn;
    enum sim_dcap_status status;
    const char *date, *advisories;
};

struct sim_module {
    const char *id; /* "TDX_01" */
    const struct sim_svn_level *levels;
    size_t levels_n;
};

enum sim_cpu_name {
    SIM_COFFEE_LAKE,
    SIM_ROCKET_LAKE,
    SIM_ICELAKE,
    SIM_ICELAKE_CLIENT,
    SIM_SAPPHIRE_RAPIDS,
    SIM_EMERALD_RAPIDS,
    SIM_GRANITE_RAPIDS,
    SIM_SIERRA_FOREST,
    SIM_CPUS
};

struct sim_cpu {
    uint8_t fmspc[6];
    uint8_t sgx_type;  /* 0 Standard, 1 Scalable, 2 ScalableWithIntegrity */
    bool processor_ca; /* the PCK's issuer: Processor CA, else Platform CA */
    const struct sim_level *levels;
    size_t levels_n;
};
extern const struct sim_cpu sim_cpus[SIM_CPUS];

/* "UpToDate"; by enum sim_dcap_status. [SIM_DCAP_NEWEST] is "". */
extern const char *const sim_dcap_statuses[SIM_DCAP_STATUSES];

extern const struct sim_module sim_modules[];
extern const size_t sim_modules_n;

/* Of the quoting enclaves of SGX and of TDX. */
extern const struct sim_svn_level sim_qe_levels[], sim_td_qe_levels[];
extern const size_t sim_qe_levels_n, sim_td_qe_levels_n;

/* All levels of the processor in the order of TCB Info: Intel's own, and for every status that they
 * lack one more, so that each can be played: UpToDate above all others, the rest below them with a
 * PCESVN that Intel's tables do not reach. *newest is the index of Intel's newest. */
#define SIM_LEVELS_MAX 16
size_t sim_levels(const struct sim_cpu *cpu, struct sim_level out[SIM_LEVELS_MAX], size_t *newest);

#endif
