/* rules_code_int.h - one selector in bits; private to rules_code*.c. */
#ifndef SCHEDULER_RULES_CODE_INT_H
#define SCHEDULER_RULES_CODE_INT_H

#include "scheduler/rules_code.h"

struct code_tcb {
    unsigned slot; /* of facts_code.tcb */
    const struct number_range *range;
};

struct code_selector {
    const struct selector *from;
    uint64_t word[CODE_KEYS];
    uint32_t has; /* bit (1u << enum code_key): there is such a condition */
    bool empty;
    unsigned tcb_n;
    const struct code_tcb *tcb;
    const uint32_t *platform; /* as facts_code.platform, sorted */
    uint32_t platform_n;
    struct code_selector *unless;
    size_t unless_n;
    struct code_advisory *known;
    size_t known_n;
    uint64_t known_bits;
};

struct code_advisory {
    uint64_t bit;
    struct code_selector *affected;
    size_t affected_n;
    struct code_selector *fixed; /* pairs: platforms, minimum */
    size_t fixed_n;
};

#endif
