/* sim_files - writes the certificates and collateral of a simulated platform into a folder, as an
 * operator would have them from its vendor:  sim_files PLATFORM FOLDER */
#include <stdio.h>

#include "attest/sim/sim.h"
#include "base/clock.h"

static bool put(const char *folder, const char *name, struct bytes b)
{
    char path[512];
    FILE *f;
    bool good;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "wbe");
    if (f == NULL)
        return false;
    good = fwrite(b.p, 1, b.n, f) == b.n;
    return fclose(f) == 0 && good;
}

int main(int argc, char **argv)
{
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    const uint8_t report_data[64] = {0};
    struct sim_platform p;
    struct err e = {0};

    if (argc != 3) {
        (void)fprintf(stderr, "usage: sim_files PLATFORM FOLDER\n");
        return 2;
    }
    if (!sim_platform_parse(argv[1], &p, &e) ||
        !sim_evidence(&p, report_data, clock_system.wall_ms(&clock_system) / 1000, &s, &e)) {
        (void)fprintf(stderr, "sim_files: %s\n", e.msg);
        return 1;
    }
    for (unsigned i = 0; i < s.files_n; i++)
        if (!put(argv[2], s.files[i].name, buf_bytes(&s.files[i].bytes))) {
            perror(argv[2]);
            return 1;
        }
    return 0;
}
