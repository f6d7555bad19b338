/* bailey-agent - joins this host to a cluster and runs its keeps. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/doctor.h"
#include "agent/enrol.h"
#include "agent/file.h"
#include "agent/inventory.h"
#include "agent/session_rpc.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "config/quantity.h"

DEFINE_CLEANUP(str, char *, free)
#define DATA_PATH_MAX 380 /* leaves room for the names below it */

static const char usage[] =
    "usage: bailey-agent --data DIR --controller HOST:PORT --name NAME [option ...]\n"
    "       bailey-agent doctor [--help]\n"
    "\n"
    "Joins this host to a cluster and runs its keeps; or says what of this host works for that.\n"
    "\n"
    "  --data DIR              key, certificate, keeps and artifacts; made if it is not there\n"
    "  --controller HOST:PORT  the controller's API\n"
    "  --name NAME             this node's name: a-z, 0-9, '-'\n"
    "\n"
    "To join, once:\n"
    "  --enrol HOST:PORT       the controller's enrolment address\n"
    "  --token TOKEN           from `bailey token create`; seen in process lists, so better:\n"
    "  --token-file FILE       the token is the file's first line\n"
    "\n"
    "  --source SOURCE         of evidence: auto (default), tsm, sev-guest, nitro, dcap, probe, "
    "sim\n"
    "  --tsm-path DIR          where configfs-tsm stands (/sys/kernel/config/tsm/report)\n"
    "  --privlevel N           SEV-SNP: the VMPL to ask for (default: the lowest that may)\n"
    "  --probe-kernel FILE     of the guest that answers for this host, with --probe-initrd FILE;\n"
    "                          --probe-machine snp, tdx or plain; --probe-append TEXT for its "
    "command\n"
    "                          line; --probe-qemu FILE and --probe-firmware FILE\n"
    "  --simulate PLATFORM     give simulated evidence: \"vendor=amd,generation=milan,...\"\n"
    "  --label KEY=VALUE       may be given again\n"
    "  --cpu AMOUNT            what keeps may use: 4, 500m (default: all processors)\n"
    "  --memory AMOUNT         what keeps may use: 8Gi (default: all memory)\n"
    "  --oci-layouts DIR       folder of OCI image layouts that workloads may name as layout:NAME\n"
    "  --artifact-quota AMOUNT disk for artifacts; the least recently used go first (default: "
    "16Gi)\n"
    "  --tee-slots N           TEE instances that fit here\n"
    "  --epc SIZE              enclave memory of an SGX host\n"
    "  --log-level LEVEL       debug, info, warn or error\n"
    "  --help\n";

struct options {
    const char *data, *controller, *name, *enrol, *token, *token_file, *oci_layouts;
    struct source_options source;
    struct inventory_options inventory;
    char *labels[64];
    enum log_level level;
    uint64_t quota;
};

struct program {
    struct options o;
    uv_loop_t uv;
    struct rpc_loop rpc;
    struct rpc_client *client;
    char data[400]; /* absolute */
    int data_fd;
    struct arena arena;
    struct identity identity;
    struct epochs epochs;
    struct revoked revoked;
    struct heads heads;
    struct lease lease;
    struct artifacts artifacts;
    struct images images;
    struct keeps keeps;
    struct logs logs;
    struct source source;
    struct session session;
    uv_signal_t term, interrupt;
    char token[160];
};

enum {
    OPT_DATA = 256,
    OPT_CONTROLLER,
    OPT_NAME,
    OPT_ENROL,
    OPT_TOKEN,
    OPT_TOKEN_FILE,
    OPT_SOURCE,
    OPT_TSM_PATH,
    OPT_SIMULATE,
    OPT_LAYOUTS,
    OPT_PROBE_KERNEL,
    OPT_PROBE_INITRD,
    OPT_PROBE_QEMU,
    OPT_PROBE_APPEND,
    OPT_PROBE_FIRMWARE,
    OPT_PROBE_MACHINE,
    OPT_PRIVLEVEL,
    OPT_LABEL,
    OPT_CPU,
    OPT_MEMORY,
    OPT_SLOTS,
    OPT_QUOTA,
    OPT_EPC,
    OPT_LEVEL,
    OPT_HELP
};

static const struct option long_options[] = {
    {"data", required_argument, NULL, OPT_DATA},
    {"controller", required_argument, NULL, OPT_CONTROLLER},
    {"name", required_argument, NULL, OPT_NAME},
    {"enrol", required_argument, NULL, OPT_ENROL},
    {"token", required_argument, NULL, OPT_TOKEN},
    {"token-file", required_argument, NULL, OPT_TOKEN_FILE},
    {"source", required_argument, NULL, OPT_SOURCE},
    {"tsm-path", required_argument, NULL, OPT_TSM_PATH},
    {"simulate", required_argument, NULL, OPT_SIMULATE},
    {"oci-layouts", required_argument, NULL, OPT_LAYOUTS},
    {"probe-kernel", required_argument, NULL, OPT_PROBE_KERNEL},
    {"probe-initrd", required_argument, NULL, OPT_PROBE_INITRD},
    {"probe-qemu", required_argument, NULL, OPT_PROBE_QEMU},
    {"probe-append", required_argument, NULL, OPT_PROBE_APPEND},
    {"probe-firmware", required_argument, NULL, OPT_PROBE_FIRMWARE},
    {"probe-machine", required_argument, NULL, OPT_PROBE_MACHINE},
    {"privlevel", required_argument, NULL, OPT_PRIVLEVEL},
    {"label", required_argument, NULL, OPT_LABEL},
    {"cpu", required_argument, NULL, OPT_CPU},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"artifact-quota", required_argument, NULL, OPT_QUOTA},
    {"tee-slots", required_argument, NULL, OPT_SLOTS},
    {"epc", required_argument, NULL, OPT_EPC},
    {"log-level", required_argument, NULL, OPT_LEVEL},
    {"help", no_argument, NULL, OPT_HELP},
    {0}};

static bool option_take(struct options *o, int c, char *value, struct err *e)
{
    const char **texts[] = {&o->data,
                            &o->controller,
                            &o->name,
                            &o->enrol,
                            &o->token,
                            &o->token_file,
                            &o->source.want,
                            &o->source.tsm_path,
                            &o->source.simulate,
                            &o->oci_layouts,
                            &o->source.probe_kernel,
                            &o->source.probe_initrd,
                            &o->source.probe_qemu,
                            &o->source.probe_append,
                            &o->source.probe_firmware,
                            &o->source.probe_machine};
    uint64_t number;

    if (c >= OPT_DATA && c <= OPT_PROBE_MACHINE) {
        *texts[c - OPT_DATA] = value;
        return true;
    }
    if (c == OPT_LABEL) {
        if (o->inventory.labels_n == sizeof o->labels / sizeof o->labels[0])
            return err_set(e, ERR_LIMIT, "agent.labels", "more than 64 labels");
        o->labels[o->inventory.labels_n++] = value;
        return true;
    }
    if (c == OPT_CPU)
        return cpu_parse(value, &o->inventory.cpu_milli, e) || err_wrap(e, "--cpu");
    if (c == OPT_QUOTA)
        return bytes_parse(value, &o->quota, e) || err_wrap(e, "--artifact-quota");
    if (c == OPT_MEMORY)
        return bytes_parse(value, &o->inventory.memory_bytes, e) || err_wrap(e, "--memory");
    if (c == OPT_EPC)
        return bytes_parse(value, &o->inventory.epc_bytes, e) || err_wrap(e, "--epc");
    if (c == OPT_SLOTS)
        return u64_parse(value, &o->inventory.tee_slots) ||
               err_set(e, ERR_INPUT, "agent.option", "--tee-slots %s: want a number", value);
    if (c == OPT_PRIVLEVEL) {
        if (!u64_parse(value, &number) || number > 3)
            return err_set(e, ERR_INPUT, "agent.option", "--privlevel %s: want 0 to 3", value);
        o->source.privlevel = (int)number;
        return true;
    }
    return (c == OPT_LEVEL && log_level_parse(value, &o->level)) ||
           err_set(e, ERR_INPUT, "agent.option", "see --help");
}

static bool options_parse(struct options *o, int argc, char **argv, struct err *e)
{
    int c;

    o->level = LOG_INFO;
    o->quota = 16ull << 30;
    o->source.privlevel = -1;
    o->inventory.labels = o->labels;
    while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (c == OPT_HELP) {
            (void)fputs(usage, stdout);
            exit(0);
        }
        if (!option_take(o, c, optarg, e))
            return false;
    }
    if (optind != argc || o->data == NULL || o->controller == NULL || o->name == NULL)
        return err_set(e, ERR_INPUT, "agent.option",
                       "--data, --controller and --name are needed; see --help");
    return name_check(o->name, "--name", e);
}

/* One agent a folder: two would fight over the keeps. */
static bool data_open(struct program *p, struct err *e)
{
    AUTO(str) char *path = NULL;
    int lock;

    if (!file_dir(AT_FDCWD, p->o.data, &p->data_fd, e))
        return false;
    path = realpath(p->o.data, NULL);
    if (path == NULL || !str_copy(p->data, DATA_PATH_MAX, path))
        return err_set(e, ERR_INPUT, "agent.data", "--data %.200s: path too long", p->o.data);
    lock = openat(p->data_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0)
        return err_set(e, ERR_EXISTS, "agent.running", "another agent uses %s", p->data);
    return true;
}

static bool token_read(struct program *p, struct err *e)
{
    AUTO_BUF struct buf b = {.limit = 4096};

    if (p->o.token != NULL)
        return str_copy(p->token, sizeof p->token, p->o.token) ||
               err_set(e, ERR_INPUT, "enrol.token", "not an enrolment token");
    if (p->o.token_file == NULL || p->o.enrol == NULL)
        return err_set(e, ERR_UNAUTH, "agent.not-enrolled", "this node has no certificate yet"),
               err_mend(e, "give --enrol HOST:PORT and --token-file FILE");
    if (!file_read(AT_FDCWD, p->o.token_file, &b, e))
        return false;
    (void)str_copy(p->token, sizeof p->token, buf_str(&b));
    p->token[strcspn(p->token, " \r\n")] = '\0';
    return true;
}

static bool join(struct program *p, struct err *e)
{
    if (p->identity.not_after_s != 0)
        return true;
    if (!token_read(p, e))
        return false;
    if (p->o.enrol == NULL)
        return err_set(e, ERR_INPUT, "agent.option", "--token without --enrol HOST:PORT");
    return enrol(&p->rpc, p->o.enrol, p->token, p->o.name, &p->identity, e);
}

static bool client_make(struct program *p, struct err *e)
{
    static char ca[512], certificate[512], key[512];
    struct rpc_client_options o = {.target = p->o.controller,
                                   .tls = {ca, certificate, key},
                                   .backoff_ms = 500,
                                   .backoff_max_ms = 4000};

    (void)snprintf(ca, sizeof ca, "%s/%s", p->data, IDENTITY_CA);
    (void)snprintf(certificate, sizeof certificate, "%s/%s", p->data, IDENTITY_CERT);
    (void)snprintf(key, sizeof key, "%s/%s", p->data, IDENTITY_KEY);
    return rpc_client_new(&p->rpc, &o, &p->client, e);
}

static void on_rpc_closed(struct rpc_loop *l, void *user)
{
    struct program *p = user;

    (void)l;
    uv_stop(&p->uv);
}

static void on_signal(uv_signal_t *s, int number)
{
    struct program *p = s->data;

    log_info("ending; keeps go on until their leases end", LOG_INT("signal", number));
    (void)uv_signal_stop(&p->term), (void)uv_signal_stop(&p->interrupt);
    session_close(&p->session);
    images_close(&p->images);
    keeps_close(&p->keeps);
    rpc_client_free(p->client);
    rpc_loop_close(&p->rpc, on_rpc_closed, p);
}

/* Which source gives evidence, and why others do not: in the log and in the inventory. */
static bool source_find(struct program *p, struct err *e)
{
    unsigned n;

    p->o.source.node = p->o.name;
    if (!source_choose(&p->o.source, &p->source, p->o.inventory.sources, &n, e))
        return false;
    p->o.inventory.sources_n = n;
    for (unsigned i = 0; i < n; i++) {
        const struct source_finding *f = &p->o.inventory.sources[i];

        if (f->works)
            log_info("evidence comes from", LOG_STR("source", f->name));
        else
            log_info("no evidence from", LOG_STR("source", f->kind->word), LOG_ERR(&f->why),
                     LOG_STR("mend", f->why.mend));
    }
    if (p->source.kind == NULL)
        log_warn("this host has no source of evidence: no rule about evidence will accept it");
    return true;
}

static bool begin(struct program *p, struct err *e)
{
    const struct source *source;
    Bailey__V1__Declared *declared;

    if (!data_open(p, e) || !source_find(p, e))
        return false;
    source = p->source.kind == NULL ? NULL : &p->source;
    if (!inventory(&p->o.inventory, &p->arena, &declared, e) ||
        !identity_open(&p->identity, p->data_fd, p->o.name, e) ||
        !epochs_load(&p->epochs, p->data_fd, e) || !revoked_load(&p->revoked, p->data_fd, e) ||
        !heads_load(&p->heads, p->data_fd, e) || !rpc_loop_init(&p->rpc, &p->uv, e) ||
        !join(p, e) || !client_make(p, e) ||
        !artifacts_init(&p->artifacts, &p->uv, p->data_fd, p->data, e) ||
        !images_init(&p->images, &p->uv, p->data_fd, p->data, p->o.oci_layouts, e))
        return false;
    p->artifacts.client = p->client;
    p->artifacts.store.quota = p->o.quota;
    p->artifacts.store.needed = keeps_need;
    p->artifacts.store.user = &p->keeps;
    p->keeps.artifacts = &p->artifacts;
    p->keeps.images = &p->images;
    p->keeps.epochs = &p->epochs;
    p->keeps.revoked = &p->revoked;
    p->keeps.lease = &p->lease;
    p->logs = (struct logs){.uv = &p->uv, .keeps = &p->keeps};
    p->session = (struct session){.uv = &p->uv,
                                  .client = p->client,
                                  .node = p->o.name,
                                  .declared = declared,
                                  .source = source,
                                  .identity = &p->identity,
                                  .epochs = &p->epochs,
                                  .revoked = &p->revoked,
                                  .heads = &p->heads,
                                  .lease = &p->lease,
                                  .keeps = &p->keeps,
                                  .logs = &p->logs};
    if (!keeps_init(&p->keeps, &p->uv, p->data_fd, p->data, e) || !session_begin(&p->session, e))
        return false;
    (void)uv_signal_init(&p->uv, &p->term), p->term.data = p;
    (void)uv_signal_init(&p->uv, &p->interrupt), p->interrupt.data = p;
    (void)uv_signal_start(&p->term, on_signal, SIGTERM);
    (void)uv_signal_start(&p->interrupt, on_signal, SIGINT);
    log_info("agent runs", LOG_STR("node", p->o.name), LOG_STR("data", p->data),
             LOG_INT("keeps", keeps_count(&p->keeps)));
    return true;
}

int main(int argc, char **argv)
{
    static struct program p;
    struct err e = {0};

    (void)signal(SIGPIPE, SIG_IGN);
    (void)umask(0077);
    if (argc > 1 && strcmp(argv[1], "doctor") == 0) {
        log_init("agent", LOG_ERROR, LOG_AUTO);
        return doctor_main(argc - 1, argv + 1);
    }
    if (!options_parse(&p.o, argc, argv, &e)) {
        (void)fprintf(stderr, "bailey-agent: %s\n", e.msg);
        return 2;
    }
    log_init("agent", p.o.level, LOG_AUTO);
    arena_init(&p.arena, 4u << 20);
    (void)uv_loop_init(&p.uv);
    if (!begin(&p, &e)) {
        log_error("agent not started", LOG_ERR(&e), LOG_STR("mend", e.mend));
        return 1;
    }
    (void)uv_run(&p.uv, UV_RUN_DEFAULT);
    epochs_fini(&p.epochs);
    revoked_fini(&p.revoked);
    heads_fini(&p.heads);
    identity_fini(&p.identity);
    arena_fini(&p.arena);
    return 0;
}
