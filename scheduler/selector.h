/* selector.h - naming platforms by what their evidence proved: a conjunction of conditions, each
 * true, false or unknown.
 *
 * Unknown never helps: in the sense of accepting a selector matches only when it is surely true; in
 * the sense of refusing it matches unless it is surely false. A fact may be a set of candidates: a
 * condition is true when every candidate satisfies it, false when none does, else unknown. */
#ifndef SCHEDULER_SELECTOR_H
#define SCHEDULER_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attest/facts.h"
#include "base/arena.h"
#include "base/err.h"

enum truth { TRUTH_NO, TRUTH_YES, TRUTH_UNKNOWN };
enum sense { SENSE_ACCEPT, SENSE_REFUSE };

#define RANGE_BOUNDS 4 /* most comparisons in one range */

enum compare { COMPARE_EQ, COMPARE_NE, COMPARE_LT, COMPARE_LE, COMPARE_GT, COMPARE_GE };

/* All bounds must hold. text: the range in the operator's words, borrowed; "" or NULL with n == 0.
 */
struct version_range {
    unsigned n;
    struct {
        enum compare op;
        uint32_t part[4]; /* missing parts are 0 */
    } bound[RANGE_BOUNDS];
    const char *text;
};

struct number_range {
    unsigned n;
    struct {
        enum compare op;
        uint64_t value;
    } bound[RANGE_BOUNDS];
    const char *text;
};

struct time_range {
    unsigned n;
    struct {
        enum compare op;
        int64_t wall_s;
    } bound[RANGE_BOUNDS];
    const char *text;
};

struct selector_words { /* any of these; n == 0: no condition */
    const char *const *v;
    size_t n;
};

struct selector_tcb {
    const char *component; /* the catalog's name: "microcode" */
    struct number_range range;
};

struct selector_platform {
    uint8_t id[FACT_ID];
    unsigned n;
};

/* What an Advisory says about the platforms it affects. None of these selectors has `unless` or
 * `known`. */
struct selector_fix {
    const struct selector *platforms, *minimum; /* there, from these versions on, it is mended */
};
struct selector_advisory {
    const char *id;                  /* as rules name it: "AMD-SB-3019" */
    const struct selector *affected; /* any of these */
    size_t affected_n;
    const struct selector_fix *fixed;
    size_t fixed_n;
};

/* A refusing selector does not match where this one surely does: the minimum of a floor, or the
 * platforms of an exception. Its assurance counts only where it names one. */
struct selector_unless {
    const struct selector *selector; /* without `unless` and `known` of its own */
    const char *name;                /* "minimum", "exception fra1-until-march" */
    bool exception;
};

/* A zeroed one has no conditions. Everything pointed to is borrowed (usually one arena) and
 * outlives the selector. That words, components and findings are in the catalog was checked before.
 */
struct selector {
    struct selector_words vendor, technology, generation, product_line;
    struct version_range firmware;
    const struct selector_tcb *tcb; /* all must hold */
    size_t tcb_n;
    struct selector_words tcb_status;
    struct time_range tcb_date;
    struct selector_words advisory;
    const struct selector_platform *platform; /* any of these */
    size_t platform_n;
    bool assurance_named; /* false: the options decide about simulated evidence */
    bool assurance_hardware, assurance_simulated;
    uint32_t findings;   /* bit (1u << enum finding): any of these; 0: no condition */
    const char *because; /* NULL or "": none */
    /* Advisories that this selector names and objects describe: beside what collateral says. */
    const struct selector_advisory *const *known;
    size_t known_n;
    const struct selector_unless *unless; /* only in refusing selectors */
    size_t unless_n;
};

/* ">=1.55.29 <2", "1.55.39", ">1.2, !=1.3". Comparisons =, !=, <, <=, >, >=, none meaning =,
 * separated by spaces or commas; at least one, at most RANGE_BOUNDS. ERR_INPUT selector.bad-range.
 * text is borrowed by *out. A range that nothing can satisfy is an error too
 * (selector.empty-range). */
NODISCARD bool version_range_parse(const char *text, struct version_range *out, struct err *e);
/* The same with decimal or 0x numbers. */
NODISCARD bool number_range_parse(const char *text, struct number_range *out, struct err *e);
/* The same with dates "2025-05-14" (the whole day, UTC) or times "2025-05-14T00:00:00Z". */
NODISCARD bool time_range_parse(const char *text, struct time_range *out, struct err *e);

/* One version of up to four numbers, missing ones 0. ERR_INPUT selector.bad-version. */
NODISCARD bool version_parse(const char *text, uint32_t part[4], struct err *e);
/* A time, or the first second of a date (UTC). ERR_INPUT selector.bad-moment. */
NODISCARD bool moment_parse(const char *text, int64_t *wall_s, struct err *e);

bool version_range_holds(const struct version_range *r, const uint32_t part[4]);
bool number_range_holds(const struct number_range *r, uint64_t value);
bool time_range_holds(const struct time_range *r, int64_t wall_s);

/* What accepting selectors do with simulated evidence. Refusing ones see no difference, unless they
 * name an assurance. */
enum simulated {
    SIMULATED_NEVER,  /* not even selectors that name it */
    SIMULATED_NAMED,  /* those that name assurance simulated */
    SIMULATED_DEFAULT /* those, and all that name no assurance */
};

/* True when the selector has no condition at all: always a mistake, never a rule. */
bool selector_empty(const struct selector *s);

/* The conjunction: NO when any condition is, else UNKNOWN when any is, else YES. Refusing ones are
 * NO as well where one of `unless` is YES. An empty selector is UNKNOWN: it accepts nothing and
 * refuses everything. */
enum truth selector_eval(const struct selector *s, const struct facts *f, enum sense sense,
                         enum simulated simulated);

/* What the truth means to a rule of that sense. */
static inline bool truth_matches(enum truth t, enum sense sense)
{
    return t == TRUTH_YES || (sense == SENSE_REFUSE && t == TRUTH_UNKNOWN);
}

/* The `unless` that surely holds, or NULL. */
const struct selector_unless *selector_passed(const struct selector *s, const struct facts *f);

/* One condition with texts for people; owned by the arena. */
struct condition {
    const char *fact;   /* "firmware", "tcb.microcode" */
    const char *seen;   /* "1.55.29", "genoa or bergamo", "unknown" */
    const char *wanted; /* ">=1.55.39", "milan or genoa" */
    const char *source; /* proven, unknown; declared for labels and capacity */
    const char *field;  /* of the evidence: "REPORT.CPUID_FAM_ID"; "" when it names none */
    enum truth outcome;
};

/* Every condition in the order of the proto's fields, in *out of the arena. The same outcome as
 * selector_eval(), which is returned by way of *truth. ERR_LIMIT when the arena is full. */
NODISCARD bool selector_explain(const struct selector *s, const struct facts *f, enum sense sense,
                                enum simulated simulated, struct arena *a, struct condition **out,
                                size_t *n, enum truth *truth, struct err *e);

const char *truth_name(enum truth t); /* "false", "true", "unknown" */

#endif
