#include "attest/platforms.h"

#include <string.h>

#include "base/str.h"

/* The rows of config/catalog/platforms.yaml. */
const struct platform platforms_builtin[] = {
#include "attest/platforms_table.h"
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
