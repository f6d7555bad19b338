/* Writes simulated quotes with their collateral as folders of files, for verifiers of other makers.
 * Usage: evidence_make FOLDER SECONDS. One folder below FOLDER for each case, and FOLDER/cases.tsv:
 * path, technology, what the simulator was told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "attest/sim/sim.h"
#include "attest/sim/sim_dcap_cpu.h"
#include "attest/sim/sim_dcap_keys.h"
#include "attest/sim/sim_kind.h"

struct work {
    const char *folder;
    int64_t now_s;
    FILE *cases;
    unsigned n;
};

static const uint8_t report_data[64] = "what a challenger asked for";

static void fail(const char *what)
{
    fprintf(stderr, "evidence_make: %s\n", what);
    exit(1);
}

static void write_file(const char *folder, const char *name, struct bytes b)
{
    char path[512];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "wb");
    if (f == NULL || fwrite(b.p, 1, b.n, f) != b.n || fclose(f) != 0)
        fail(path);
}

/* One case: text is what --simulate would say. */
static void make(struct work *w, const char *text)
{
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    struct sim_platform p;
    struct err e = {0};
    char folder[256], name[32];

    if (!sim_platform_parse(text, &p, &e) || !sim_evidence(&p, report_data, w->now_s, &s, &e))
        fail(e.msg);
    (void)snprintf(name, sizeof name, "%04u", w->n++);
    (void)snprintf(folder, sizeof folder, "%s/%s", w->folder, name);
    if (mkdir(folder, 0777) != 0)
        fail(folder);
    write_file(folder, "quote.bin", buf_bytes(&s.evidence));
    for (unsigned i = 0; i < s.files_n; i++)
        write_file(folder, s.files[i].name, buf_bytes(&s.files[i].bytes));
    fprintf(w->cases, "%s\t%s\t%s\n", name, sim_technology_name(&p), text);
}

/* Every generation with every defect, and with every status where the technology has one. */
static void make_all(struct work *w, const struct sim_kind *k, const char *variant, bool statuses)
{
    char text[256];

    for (unsigned g = 0; g < k->generations_n; g++) {
        for (unsigned d = 0; d < k->defects_n; d++) {
            (void)snprintf(text, sizeof text, "technology=%s,generation=%s,%s,defect=%s",
                           k->technology, k->generations[g], variant, k->defects[d]);
            make(w, text);
        }
        for (unsigned s = SIM_DCAP_NEWEST + 1; statuses && s < SIM_DCAP_STATUSES; s++) {
            (void)snprintf(text, sizeof text, "technology=%s,generation=%s,%s,tcb=%s",
                           k->technology, k->generations[g], variant, sim_dcap_statuses[s]);
            make(w, text);
        }
    }
}

int main(int argc, char **argv)
{
    struct work w = {0};
    char path[512];

    if (argc != 3)
        fail("usage: evidence_make FOLDER SECONDS");
    w.folder = argv[1];
    w.now_s = strtoll(argv[2], NULL, 10);
    (void)snprintf(path, sizeof path, "%s/cases.tsv", w.folder);
    w.cases = fopen(path, "w");
    if (w.cases == NULL)
        fail(path);
    make_all(&w, &sim_tdx_kind, "version=4", true);
    make_all(&w, &sim_tdx_kind, "version=5", false);
    make_all(&w, &sim_sgx_kind, "version=3", true);
    write_file(w.folder, "root.pem", bytes_str(sim_dcap_root.cert));
    if (fclose(w.cases) != 0)
        fail(path);
    printf("%u cases\n", w.n);
    return 0;
}
