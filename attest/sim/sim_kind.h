/* sim_kind.h - one technology of the simulator. To add one:
 *   1. sim_X.h with `struct sim_x` (what its own keys set; no pointers) and `enum sim_x_defect`
 *      whose 0 is sound, put as a member into the union of struct sim_platform (sim.h);
 *   2. sim_X.c with `const struct sim_kind sim_x_kind = {...}`, declared at the end of this header;
 *   3. a row of sim_kinds (sim.c), and the files in attest/CMakeLists.txt.
 * Nothing else knows which technologies there are: parsing, words and errors come from the row. */
#ifndef ATTEST_SIM_SIM_KIND_H
#define ATTEST_SIM_SIM_KIND_H

#include "attest/sim/sim.h"

struct sim_kind {
    const char *technology, *vendor;
    const char *const *generations; /* words of the catalog; none: evidence that names none */
    const char *const *aliases;     /* other words for them, by index; NULL: there is none */
    unsigned generations_n;
    const char *const *defects; /* [0] is "none" */
    unsigned defects_n;
    const char *const *keys; /* its own keys, in the order in which set() wants them */
    unsigned keys_n;

    /* *p is zeroed but for kind and generation. */
    void (*init)(struct sim_platform *p);

    /* Sets what keys[key] says; generation, chip and defect are set before. */
    bool (*set)(struct sim_platform *p, unsigned key, const char *value, struct err *e);

    /* Evidence and its files into a zeroed *out, which the caller ends, also after a failure. */
    bool (*make)(const struct sim_platform *p, const uint8_t report_data[64], int64_t now_s,
                 struct sim_evidence *out, struct err *e);
};

extern const struct sim_kind *const sim_kinds[];
extern const unsigned sim_kinds_n;

/* The row of a technology's word, or NULL. */
const struct sim_kind *sim_kind_find(const char *technology);

/* An empty file of that name (a literal) in s: for make(). */
struct buf *sim_file(struct sim_evidence *s, const char *name);

/* For set(): values of keys. All end in "sim.bad-value" with field, found and expected. */
bool sim_bad_value(struct err *e, const char *key, const char *value, const char *expected);
NODISCARD bool sim_word(const char *key, const char *value, const char *const *words, size_t n,
                        unsigned *out, struct err *e); /* suggests the nearest */
NODISCARD bool sim_number(const char *key, const char *value, uint64_t max, uint64_t *out,
                          struct err *e);
NODISCARD bool sim_byte(const char *key, const char *value, uint8_t *out, struct err *e);
NODISCARD bool sim_switch(const char *key, const char *value, bool *out, struct err *e);
/* Exactly three numbers of at most 255 with dots. */
NODISCARD bool sim_dotted(const char *key, const char *value, uint8_t part[3], struct err *e);

extern const struct sim_kind sim_snp_kind, sim_tdx_kind, sim_sgx_kind, sim_nitro_kind, sim_cca_kind;

#endif
