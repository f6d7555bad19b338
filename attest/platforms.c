#include "attest/platforms.h"

#include <string.h>

#include "base/str.h"

/* AMD: which families and models are which part: AMD 57230 (KDS) for the product lines; A0h is both
 * Bergamo and Siena, and the signed stepping does not tell them apart. The certificates of all 19h
 * parts from 10h on are of the Genoa line. */
const struct platform platforms_builtin[] = {
    {"amd", 0x19, 0x00, 0x0f, "Milan", {"milan"}, 0, 0},
    {"amd", 0x19, 0x10, 0x1f, "Genoa", {"genoa"}, 0, 0},
    {"amd", 0x19, 0xa0, 0xaf, "Genoa", {"bergamo", "siena"}, 0, 0},
    {"amd", 0x1a, 0x00, 0x11, "Turin", {"turin"}, 0, 0},
    /* Intel: the FMSPCs of public evidence, with the processors that it came from. Model 9Eh is
     * Kaby Lake as well, below stepping Ah. */
    {"intel", 6, 0x6a, 0x6a, "", {"ice-lake-sp"}, 0, 0},
    {"intel", 6, 0x7e, 0x7e, "", {"ice-lake-client"}, 0, 0},
    {"intel", 6, 0x8f, 0x8f, "", {"sapphire-rapids"}, 0, 0},
    {"intel", 6, 0x9e, 0x9e, "", {"coffee-lake"}, 0xa, 0xd},
    {"intel", 6, 0xa7, 0xa7, "", {"rocket-lake"}, 0, 0},
    {"intel", 6, 0xad, 0xad, "", {"granite-rapids"}, 0, 0},
    {"intel", 6, 0xaf, 0xaf, "", {"sierra-forest"}, 0, 0},
    {"intel", 6, 0xcf, 0xcf, "", {"emerald-rapids"}, 0, 0},
};
const size_t platforms_builtin_n = sizeof platforms_builtin / sizeof platforms_builtin[0];

const struct platform *platform_find(const struct platform *p, size_t n, const char *vendor,
                                     uint16_t family, uint8_t model)
{
    for (size_t i = 0; i < n; i++)
        if (p[i].family == family && model >= p[i].model_first && model <= p[i].model_last &&
            strcmp(p[i].vendor, vendor) == 0)
            return &p[i];
    return NULL;
}

const struct platform *platform_find_fmspc(const struct platform *p, size_t n,
                                           const uint8_t fmspc[6])
{
    unsigned base = fmspc[2] >> 4, family = base == 15 ? base + (fmspc[0] & 15u) : base;
    unsigned model = (unsigned)(fmspc[1] & 0xf0) | (fmspc[2] & 15u), stepping = fmspc[3] >> 4;
    const struct platform *row;

    if ((fmspc[1] & 15u) != 0) /* a processor type other than the original one */
        return NULL;
    row = platform_find(p, n, "intel", (uint16_t)family, (uint8_t)model);
    if (row == NULL || (row->stepping_first == 0 && row->stepping_last == 0))
        return row;
    return stepping >= row->stepping_first && stepping <= row->stepping_last ? row : NULL;
}

static void add_word(struct fact_words *out, const char *word)
{
    for (unsigned i = 0; i < out->n; i++)
        if (strcmp(out->word[i], word) == 0)
            return;
    BUG_ON(out->n >= FACT_CANDIDATES); /* the tables are ours */
    str_copy(out->word[out->n++], FACT_WORD, word);
}

void platform_generations(const struct platform *row, struct fact_words *out)
{
    for (unsigned i = 0; i < PLATFORM_GENERATIONS && row->generation[i] != NULL; i++)
        add_word(out, row->generation[i]);
}

void platform_product_generations(const struct platform *p, size_t n, const char *vendor,
                                  const char *product, struct fact_words *out)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(p[i].vendor, vendor) == 0 && strcmp(p[i].product, product) == 0)
            platform_generations(&p[i], out);
}
