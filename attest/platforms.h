/* platforms.h - which processor generations a signed processor number or product line may mean. */
#ifndef ATTEST_PLATFORMS_H
#define ATTEST_PLATFORMS_H

#include <stddef.h>
#include <stdint.h>

#include "attest/facts.h"

#define PLATFORM_GENERATIONS 3

/* One row: CPUID family and a range of models (extended and base combined), the product line whose
 * certificates such chips have, the generations that the number leaves open, and the steppings
 * where generations share a model. */
struct platform {
    const char *vendor;
    uint16_t family;
    uint8_t model_first, model_last;
    const char *product; /* "Milan": the vendor's word in certificates; "": it has none */
    const char *generation[PLATFORM_GENERATIONS];
    uint8_t stepping_first, stepping_last; /* both 0: any */
};

extern const struct platform platforms_builtin[];
extern const size_t platforms_builtin_n;

/* The row of a processor, or NULL when no row knows it. */
const struct platform *platform_find(const struct platform *p, size_t n, const char *vendor,
                                     uint16_t family, uint8_t model);

/* The row of Intel's processor by its FMSPC ("Family-Model-Stepping-Platform-CustomSKU"), or NULL.
 * Its digits 2 to 6 are CPUID(1).EAX without stepping; where a model's steppings matter, the next
 * digit is the stepping. */
const struct platform *platform_find_fmspc(const struct platform *p, size_t n,
                                           const uint8_t fmspc[6]);

/* Adds the generations of a row to *out, each once. */
void platform_generations(const struct platform *row, struct fact_words *out);

/* Adds the generations of every row of the product line: all that the line alone can mean. */
void platform_product_generations(const struct platform *p, size_t n, const char *vendor,
                                  const char *product, struct fact_words *out);

#endif
