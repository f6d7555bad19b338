/* sim_keys.h - the simulated vendor's keys and certificates; see sim_keys.c for the warning. */
#ifndef ATTEST_SIM_SIM_KEYS_H
#define ATTEST_SIM_SIM_KEYS_H

extern const char sim_ark_key_pem[], sim_ask_key_pem[];

struct sim_line {
    const char *product;          /* "Milan" */
    const char *ark, *ask, *asvk; /* PEM */
};
enum { SIM_LINE_MILAN, SIM_LINE_GENOA, SIM_LINE_TURIN, SIM_LINES };
extern const struct sim_line sim_lines[SIM_LINES];

#endif
