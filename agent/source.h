/* source.h - where evidence comes from. An agent asks its TEE and carries the answer; it judges
 * nothing.
 *
 * Kinds, in the order in which they are tried:
 *   tsm        Linux' configfs-tsm: SEV-SNP, TDX and CCA guests (source_tsm.c)
 *   sev-guest  /dev/sev-guest: SEV-SNP guests of older kernels (source_sev_guest.c)
 *   nitro      /dev/nsm: AWS Nitro enclaves (source_nitro.c)
 *   dcap       Intel's quote libraries, where they are installed (source_dcap.c)
 *   probe      a confidential guest of this host that answers for it (source_probe.c)
 *   sim        the simulator (source_sim.c)
 * The last two are never found by looking: somebody has to say what to start or to simulate.
 *
 * Nothing here needs an event loop: what bailey-probe, the program inside of a guest, does is the
 * same code. source_job.h asks from a loop. */
#ifndef AGENT_SOURCE_H
#define AGENT_SOURCE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define SOURCE_REPORT_DATA 64
#define SOURCE_FILES 16
#define SOURCE_FILE_MAX 65536 /* of the evidence, too: what the controller takes */

/* What one question brought. */
struct source_evidence {
    struct buf evidence; /* owned, as are the files' bytes */
    struct source_file {
        char name[32]; /* "auxblob", "vcek.der" */
        struct buf bytes;
    } files[SOURCE_FILES];
    unsigned files_n;
};
void source_evidence_fini(struct source_evidence *s); /* fine on a zeroed one */
#define AUTO_SOURCE_EVIDENCE __attribute__((cleanup(source_evidence_fini)))

/* The next file, to be written into; at most SOURCE_FILES. */
struct buf *source_evidence_file(struct source_evidence *s, const char *name);

/* How ioctl(2) looks to a source; tests give one of their own. `fd` is the source's device. */
typedef int source_ioctl(int fd, unsigned long request, void *argument);

struct source_options {     /* texts are borrowed for the source's life; NULL or 0: the default */
    const char *want;       /* "auto" or a kind's word */
    const char *node;       /* its name, which makes simulated chips differ */
    const char *simulate;   /* see attest/sim/sim.h; makes "auto" the simulator */
    const char *tsm_path;   /* /sys/kernel/config/tsm/report */
    const char *sev_device; /* /dev/sev-guest */
    const char *nsm_device; /* /dev/nsm */
    const char *dcap_tdx;   /* libtdx_attest.so.1 */
    const char *dcap_sgx;   /* libsgx_dcap_ql.so.1 */
    const char *dcap_files; /* /dev/attestation: where an enclave's files stand */
    const char *probe_kernel, *probe_initrd; /* of the guest that answers; both or none */
    const char *probe_qemu;                  /* qemu-system-x86_64 */
    const char *probe_append;                /* more of its kernel's command line */
    const char *probe_firmware;              /* OVMF.fd, for snp and tdx */
    const char *probe_machine;               /* "snp" (default), "tdx" or "plain" */
    int privlevel;                           /* VMPL to ask for; -1: the lowest that may */
    source_ioctl *ioctl;                     /* the system's */
};

struct source;
struct source_kind {
    const char *word; /* "tsm" */
    const char *name; /* "configfs-tsm" */
    /* Whether it works here, by trying; fills s->detail. May wait for firmware. */
    bool (*probe)(struct source *s, struct err *e);
    /* One try, which may block. ERR_UNAVAIL and ERR_CONFLICT: another one may succeed. Called from
     * one thread at a time; leaves nothing behind, whatever its answer. */
    bool (*collect)(const struct source *s, const uint8_t report_data[SOURCE_REPORT_DATA],
                    struct source_evidence *out, struct err *e);
};

struct source {
    const struct source_kind *kind;
    struct source_options o;
    char detail[64]; /* "sev_guest": which of the kind's ways it is */
    char name[96];   /* "configfs-tsm (sev_guest)": after a probe that succeeded */
    void *state;     /* the kind's own, for ever */
};

/* One kind, as this program finds it. */
struct source_finding {
    const struct source_kind *kind;
    bool works;
    char name[96];  /* as in struct source, when it works */
    struct err why; /* when not: source.absent, tsm.*, ... with a mend where there is one */
};
#define SOURCE_KINDS 6

extern const struct source_kind source_tsm, source_sev_guest, source_nitro, source_dcap,
    source_probe, source_sim;

/* Tries every kind, in their order; returns how many stand in `out`. */
unsigned source_probe_all(const struct source_options *o, struct source_finding out[SOURCE_KINDS]);

/* The wanted kind, or with "auto" the first that works (the simulator when o->simulate is given).
 * Every kind that was tried stands in findings, *findings_n of them. True with out->kind == NULL:
 * "auto", and none works. source.unknown when there is no such word; the kind's own reason when the
 * wanted one does not work. */
NODISCARD bool source_choose(const struct source_options *o, struct source *out,
                             struct source_finding findings[SOURCE_KINDS], unsigned *findings_n,
                             struct err *e);

/* Makes s one of that kind and tries it. */
NODISCARD bool source_open(const struct source_kind *kind, const struct source_options *o,
                           struct source *s, struct err *e);

/* True when another try may succeed. */
bool source_again(const struct err *e);

/* How long to wait before the next try after `tries` of them, in milliseconds: 20, 40, ... 1280. */
unsigned source_backoff_ms(unsigned tries);

#endif
