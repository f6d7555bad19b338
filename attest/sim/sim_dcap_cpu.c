#include "attest/sim/sim_dcap_cpu.h"

#include "base/err.h"

#define LEN(array) (sizeof(array) / sizeof(array)[0])

#define UTD SIM_DCAP_UP_TO_DATE
#define SWH SIM_DCAP_SW_HARDENING
#define CSWH SIM_DCAP_CONFIGURATION_SW_HARDENING
#define OOD SIM_DCAP_OUT_OF_DATE
#define OODC SIM_DCAP_OUT_OF_DATE_CONFIGURATION

const char *const sim_dcap_statuses[SIM_DCAP_STATUSES] = {
    [SIM_DCAP_NEWEST] = "",
    [SIM_DCAP_UP_TO_DATE] = "UpToDate",
    [SIM_DCAP_SW_HARDENING] = "SWHardeningNeeded",
    [SIM_DCAP_CONFIGURATION] = "ConfigurationNeeded",
    [SIM_DCAP_CONFIGURATION_SW_HARDENING] = "ConfigurationAndSWHardeningNeeded",
    [SIM_DCAP_OUT_OF_DATE] = "OutOfDate",
    [SIM_DCAP_OUT_OF_DATE_CONFIGURATION] = "OutOfDateConfigurationNeeded",
    [SIM_DCAP_REVOKED] = "Revoked",
};

static const struct sim_level coffee_lake[] = {
    {{22, 22, 2, 4, 1, 128, 14}, 13, {0}, SWH, "2025-05-14", "00334 00615"},
    {{22, 22, 2, 4, 1, 128}, 13, {0}, CSWH, "2025-05-14", "00219 00289 00334 00615"},
    {{21, 21, 2, 4, 1, 128, 14}, 13, {0}, OOD, "2024-11-13", "01153 00219 00289 00334 00615"},
    {{21, 21, 2, 4, 1, 128}, 13, {0}, OODC, "2024-11-13", "00219 00289 01153 00334 00615"},
    {{20, 20, 2, 4, 1, 128, 14}, 13, {0}, OOD, "2023-02-15", "00828 00219 00289 01153 00334 00615"},
    {{19, 19, 2, 4, 1, 128, 6},
     13,
     {0},
     OOD,
     "2021-11-10",
     "00614 00617 00219 00289 00828 01153 00334 00615"},
    {{17, 17, 2, 4, 1, 128, 6},
     11,
     {0},
     OOD,
     "2021-11-10",
     "00614 00617 00161 00219 00289 00828 01153 00334 00615"},
};

static const struct sim_level rocket_lake[] = {
    {{11, 11, 2, 2, 255, 1, 12}, 13, {0}, SWH, "2024-03-13", "00615"},
    {{11, 11, 2, 2, 255, 1}, 13, {0}, CSWH, "2024-03-13", "00289 00615"},
    {{10, 10, 2, 2, 255, 1, 12}, 13, {0}, OOD, "2023-02-15", "00828 00289 00615"},
    {{10, 10, 2, 2, 255, 1}, 13, {0}, OODC, "2023-02-15", "00289 00828 00615"},
    {{9, 9, 2, 2, 255, 1, 12}, 13, {0}, OOD, "2022-11-09", "00657 00767 00289 00828 00615"},
    {{9, 9, 2, 2, 255, 1}, 13, {0}, OODC, "2022-11-09", "00289 00657 00767 00828 00615"},
    {{5, 5, 2, 2, 255, 1},
     5,
     {0},
     OOD,
     "2018-01-04",
     "00106 00115 00135 00203 00220 00233 00270 00293 00320 00329 00381 00389 00477 00289 00614 "
     "00617 00657 00767 00828 00615"},
};

static const struct sim_level icelake[] = {
    {{14, 14, 3, 3, 255, 255, 1}, 13, {0}, SWH, "2024-03-13", "00615"},
    {{14, 14, 3, 3, 255, 255}, 13, {0}, CSWH, "2024-03-13", "00657 00767 00615"},
    {{12, 12, 3, 3, 255, 255, 1}, 13, {0}, OOD, "2023-08-09", "00960 00657 00767 00615"},
    {{12, 12, 3, 3, 255, 255}, 13, {0}, OODC, "2023-08-09", "00657 00767 00960 00615"},
    {{11, 11, 3, 3, 255, 255, 1},
     13,
     {0},
     OOD,
     "2023-02-15",
     "00828 00837 00657 00767 00960 00615"},
    {{7, 9, 3, 3, 255, 255, 1},
     13,
     {0},
     OOD,
     "2022-08-10",
     "00657 00730 00738 00767 00828 00837 00960 00615"},
    {{4, 4, 3, 3, 255, 255},
     11,
     {0},
     OOD,
     "2021-11-10",
     "00586 00614 00615 00657 00730 00738 00767 00828 00837 00960"},
    {{4, 4, 3, 3, 255, 255},
     5,
     {0},
     OOD,
     "2018-01-04",
     "00106 00115 00135 00203 00220 00233 00270 00293 00320 00329 00381 00389 00477 00586 00614 "
     "00615 00657 00730 00738 00767 00828 00837 00960"},
};

static const struct sim_level icelake_client[] = {
    {{15, 15, 2, 2, 2, 1, 12}, 13, {0}, SWH, "2022-11-09", "00615 00657"},
    {{15, 15, 2, 2, 2, 1}, 13, {0}, CSWH, "2022-11-09", "00289 00615 00657"},
    {{10, 10, 2, 2, 2, 1, 4}, 11, {0}, OOD, "2021-11-10", "00614 00617 00289 00615 00657"},
    {{10, 10, 2, 2, 2, 1}, 11, {0}, OODC, "2021-11-10", "00289 00614 00617 00615 00657"},
    {{6, 6, 2, 2, 2, 1, 4},
     10,
     {0},
     OOD,
     "2020-06-10",
     "00381 00389 00477 00289 00614 00617 00615 00657"},
};

static const struct sim_level sapphire_rapids[] = {
    {{8, 8, 2, 2, 4, 1, 0, 6}, 11, {5, 0, 8}, UTD, "2025-05-14", ""},
    {{7, 7, 2, 2, 3, 1, 0, 3},
     11,
     {5, 0, 7},
     OOD,
     "2024-03-13",
     "01010 01036 01076 01079 01099 01103 01111"},
    {{6, 6, 2, 2, 3, 1, 0, 3},
     11,
     {3, 0, 6},
     OOD,
     "2023-08-09",
     "00960 00982 00986 01010 01036 01076 01079 01099 01103 01111"},
    {{5, 5, 2, 2, 3, 1, 0, 3},
     11,
     {3, 0, 5},
     OOD,
     "2023-02-15",
     "00837 00960 00982 00986 01010 01036 01076 01079 01099 01103 01111"},
    {{5, 5, 2, 2, 3, 1, 0, 3},
     5,
     {3, 0, 5},
     OOD,
     "2018-01-04",
     "00106 00115 00135 00203 00220 00233 00270 00293 00320 00329 00381 00389 00477 00837 00960 "
     "00982 00986 01010 01036 01076 01079 01099 01103 01111"},
};

static const struct sim_level emerald_rapids[] = {
    {{3, 3, 2, 2, 4, 1, 0, 5}, 13, {5, 0, 3}, UTD, "2025-05-14", ""},
    {{2, 2, 2, 2, 3, 1, 0, 5}, 13, {5, 0, 2}, OOD, "2024-03-13", "01036 01079 01099 01103 01111"},
    {{2, 2, 2, 2, 3, 1, 0, 5},
     5,
     {5, 0, 2},
     OOD,
     "2018-01-04",
     "00106 00115 00135 00203 00220 00233 00270 00293 00320 00329 00381 00389 00477 00837 01036 "
     "01079 01099 01103 01111"},
};

static const struct sim_level granite_rapids[] = {
    {{2, 2, 2, 2, 4, 1, 0, 2}, 13, {5, 0, 2}, UTD, "2024-11-13", ""},
    {{2, 2, 2, 2, 4, 1, 0, 2}, 5, {5, 0, 2}, OOD, "2018-01-04", ""},
};

static const struct sim_level sierra_forest[] = {
    {{2, 2, 2, 2, 2, 255, 0, 2}, 13, {5, 0, 2}, UTD, "2024-03-13", ""},
    {{2, 2, 2, 2, 2, 255, 0, 2}, 5, {5, 0, 2}, OOD, "2018-01-04", ""},
};

const struct sim_cpu sim_cpus[SIM_CPUS] = {
    [SIM_COFFEE_LAKE] = {{0x00, 0x90, 0x6e, 0xd5}, 0, true, coffee_lake, LEN(coffee_lake)},
    [SIM_ROCKET_LAKE] = {{0x00, 0xa0, 0x67, 0x11}, 0, true, rocket_lake, LEN(rocket_lake)},
    [SIM_ICELAKE] = {{0x00, 0x60, 0x6a}, 1, false, icelake, LEN(icelake)},
    [SIM_ICELAKE_CLIENT] = {{0x00, 0x70, 0x6e, 0x47}, 0, true, icelake_client, LEN(icelake_client)},
    [SIM_SAPPHIRE_RAPIDS] =
        {{0x00, 0x80, 0x6f, 0x05}, 1, false, sapphire_rapids, LEN(sapphire_rapids)},
    [SIM_EMERALD_RAPIDS] = {{0x90, 0xc0, 0x6f}, 1, false, emerald_rapids, LEN(emerald_rapids)},
    [SIM_GRANITE_RAPIDS] =
        {{0x00, 0xa0, 0x6d, 0x08}, 2, false, granite_rapids, LEN(granite_rapids)},
    [SIM_SIERRA_FOREST] = {{0x20, 0xa0, 0x6f}, 1, false, sierra_forest, LEN(sierra_forest)},
};

static const struct sim_svn_level module_1[] = {
    {6, UTD, "2025-05-14", ""},
    {4, OOD, "2024-03-13", "01036 01099"},
    {2, OOD, "2023-08-09", "01036 01099"},
};
static const struct sim_svn_level module_3[] = {{3, UTD, "2025-05-14", ""}};
const struct sim_module sim_modules[] = {
    {"TDX_03", module_3, LEN(module_3)},
    {"TDX_01", module_1, LEN(module_1)},
};
const size_t sim_modules_n = LEN(sim_modules);

const struct sim_svn_level sim_qe_levels[] = {
    {8, UTD, "2024-03-13", ""},
    {6, OOD, "2021-11-10", "00615"},
    {5, OOD, "2020-11-11", "00477 00615"},
    {4, OOD, "2019-11-13", "00334 00477 00615"},
    {2, OOD, "2019-05-15", "00219 00293 00334 00477 00615"},
};
const size_t sim_qe_levels_n = LEN(sim_qe_levels);

/* Intel's has had one level so far; the second is here so that an old one can be played. */
const struct sim_svn_level sim_td_qe_levels[] = {
    {4, UTD, "2024-03-13", ""},
    {2, OOD, "2023-08-09", ""},
};
const size_t sim_td_qe_levels_n = LEN(sim_td_qe_levels);

static bool has_status(const struct sim_cpu *cpu, enum sim_dcap_status status)
{
    for (size_t i = 0; i < cpu->levels_n; i++)
        if (cpu->levels[i].status == status)
            return true;
    return false;
}

size_t sim_levels(const struct sim_cpu *cpu, struct sim_level out[SIM_LEVELS_MAX], size_t *newest)
{
    static const enum sim_dcap_status below[] = {
        SIM_DCAP_SW_HARDENING,
        SIM_DCAP_CONFIGURATION,
        SIM_DCAP_CONFIGURATION_SW_HARDENING,
        SIM_DCAP_OUT_OF_DATE_CONFIGURATION,
        SIM_DCAP_REVOKED,
    };
    uint8_t pcesvn = LEN(below); /* Intel's oldest have 5 or more */
    size_t n = 0;

    if (!has_status(cpu, SIM_DCAP_UP_TO_DATE)) {
        out[n] = cpu->levels[0];
        out[n].pcesvn++;
        out[n].status = SIM_DCAP_UP_TO_DATE;
        out[n++].advisories = "";
    }
    *newest = n;
    for (size_t i = 0; i < cpu->levels_n; i++)
        out[n++] = cpu->levels[i];
    for (size_t i = 0; i < LEN(below); i++) {
        pcesvn--;
        if (has_status(cpu, below[i]))
            continue;
        out[n] = cpu->levels[0];
        out[n].pcesvn = pcesvn;
        out[n].status = below[i];
        out[n].date = "2018-01-04";
        out[n++].advisories = "";
    }
    BUG_ON(n > SIM_LEVELS_MAX); /* the tables are ours */
    return n;
}
