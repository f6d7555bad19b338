/* rules_code.h - rules compiled to bits and intervals. Facts are encoded once a platform class; a
 * class is then judged without comparing a text. The same verdict and deciding rule as
 * rules_judge() (rules.h), which stays the definition; tests/prop/ holds them together. */
#ifndef SCHEDULER_RULES_CODE_H
#define SCHEDULER_RULES_CODE_H

#include "base/arena.h"
#include "scheduler/rules.h"

#define CODE_WORDS 63 /* most words of one key that the rules name; bit 63 is any other word */
#define CODE_TCB 48   /* most TCB components that the rules name */

enum code_key {
    CODE_VENDOR,
    CODE_TECHNOLOGY,
    CODE_GENERATION,
    CODE_PRODUCT_LINE,
    CODE_TCB_STATUS,
    CODE_ADVISORY,
    CODE_KEYS
};

/* Rules in memory of the arena; the rules they were made of are borrowed. */
struct rules_code {
    const struct rules *rules;
    struct code_selector *v; /* every rule's, in the order of rules_list() */
    size_t n;
    const char *word[CODE_KEYS][CODE_WORDS];
    unsigned words[CODE_KEYS];
    const char *tcb[CODE_TCB];
    unsigned tcb_n;
    const struct selector_platform **platform; /* sorted, each once */
    size_t platform_n;
};

/* Facts as the rules see them: what they do not name is not told apart. */
struct facts_code {
    uint64_t word[CODE_KEYS]; /* candidates; 0: unknown. Advisories: those that apply */
    uint64_t tcb[CODE_TCB], tcb_known;
    uint64_t firmware[2]; /* four numbers as one */
    int64_t tcb_date_s;   /* 0: unknown */
    uint32_t platform;    /* index + 1; 0: unknown; UINT32_MAX: one that no rule names */
    uint32_t findings_true, findings_false;
    bool firmware_known, advisories_known;
    enum assurance assurance;
};

/* ERR_LIMIT rules.too-many-words (use rules_judge()) or rules.too-large. */
NODISCARD bool rules_compile(const struct rules *r, struct arena *a, struct rules_code *out,
                             struct err *e);

/* facts NULL: nothing was verified. */
void facts_encode(const struct rules_code *c, const struct facts *facts, struct facts_code *out);

struct judgement rules_code_judge(const struct rules_code *c, const struct facts_code *f);

#endif
