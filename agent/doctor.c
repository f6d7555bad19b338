#include "agent/doctor.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/doctor_int.h"
#include "agent/loader/entry.h"
#include "agent/loader/limits.h"
#include "agent/loader/sandbox.h"
#include "agent/source.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

#define FREE_BYTES (1ull << 30) /* less than that is said */

static const char usage[] =
    "usage: bailey-agent doctor [--data DIR] [--leftovers] [--tsm-path DIR] [-o table|json]\n"
    "\n"
    "Says what of this host works for keeps, what does not, and how to mend it.\n"
    "\n"
    "  --data DIR    the agent's folder\n"
    "  --tsm-path DIR  where configfs-tsm stands (/sys/kernel/config/tsm/report)\n"
    "  --leftovers   only what no keep owns any more; needs --data\n"
    "  -o FORMAT     table (default) or json\n";

void finding_add(struct findings *f, enum finding_state state, const char *name, const char *what,
                 const char *mend)
{
    struct finding x = {.state = state};

    (void)str_copy(x.name, sizeof x.name, name);
    (void)str_copy(x.what, sizeof x.what, what);
    (void)str_copy(x.mend, sizeof x.mend, mend);
    BUG_ON(!vec_push(&f->all, x));
}

static void look_runtimes(struct findings *f)
{
    const struct runtime *r;

    for (size_t i = 0; (r = runtime_at(i)) != NULL; i++) {
        char what[160] = "";
        struct err e = {0};

        if (r->probe(what, sizeof what, &e))
            finding_add(f, FINDING_OK, r->name, what, "");
        else /* most workloads want the first */
            finding_add(f, i == 0 ? FINDING_BROKEN : FINDING_ABSENT, r->name, e.msg, r->mend);
    }
}

static void look_limits(struct findings *f)
{
    struct limits l;
    char name[LIMITS_NAME], text[160];

    (void)snprintf(name, sizeof name, "doctor-%d", (int)getpid());
    limits_make(&l, name);
    limits_set(&l, 1000, 64u << 20);
    (void)limits_format(&l, text, sizeof text);
    limits_remove(&l);
    finding_add(f, l.memory && l.pids && l.cpu ? FINDING_OK : FINDING_ABSENT, "limits", text,
                l.memory && l.pids && l.cpu
                    ? ""
                    : "run the agent as root or with delegated cgroups (systemd: Delegate=yes)");
    if (l.kill)
        finding_add(f, FINDING_OK, "cgroup.kill", "ends a whole keep at once", "");
    else
        finding_add(f, FINDING_ABSENT, "cgroup.kill",
                    "not there: keeps are ended by their process namespace",
                    "Linux 5.14 or newer with the cgroup2 file system mounted");
}

static void look_landlock(struct findings *f)
{
    char text[64];
    int abi = landlock_abi();

    (void)snprintf(text, sizeof text, "ABI %d%s", abi,
                   abi >= 6 ? "" : ": abstract sockets and signals are not scoped (6 does)");
    if (abi > 0)
        finding_add(f, FINDING_OK, "landlock", text, "");
    else
        finding_add(f, FINDING_ABSENT, "landlock", "the kernel has none, or it is off",
                    "CONFIG_SECURITY_LANDLOCK, and landlock in the kernel's lsm= list");
}

static void look_seccomp(struct findings *f)
{
    struct err e = {0};
    int fd;

    if (seccomp_filter(&fd, &e)) {
        (void)close(fd);
        finding_add(f, FINDING_OK, "seccomp", "the system call filter can be made", "");
    } else {
        finding_add(f, FINDING_BROKEN, "seccomp", e.msg, "a kernel with CONFIG_SECCOMP_FILTER");
    }
}

/* Devices and files of TEEs: being there is not proof that they work, and nothing here is trusted.
 */
static void look_tee(struct findings *f)
{
    static const struct {
        const char *path, *name, *what;
    } tees[] = {
        {"/dev/tdx_guest", "tdx-guest", "reports of TDX guests of older kernels"},
        {"/dev/sgx_enclave", "sgx", "enclaves of this host"},
        {"/dev/sev", "sev", "starts SEV-SNP guests"},
        {"/dev/kvm", "kvm", "virtual machines"},
    };

    for (size_t i = 0; i < sizeof tees / sizeof tees[0]; i++) {
        char text[128];
        bool there = access(tees[i].path, F_OK) == 0;

        (void)snprintf(text, sizeof text, "%s%s (%s)", there ? "" : "no ", tees[i].path,
                       tees[i].what);
        finding_add(f, there ? FINDING_OK : FINDING_ABSENT, tees[i].name, text, "");
    }
}

/* Every source of evidence that looking can find, by a trial. */
static void look_sources(struct findings *f, const char *tsm_path)
{
    const struct source_options o = {.tsm_path = tsm_path, .privlevel = -1};
    struct source_finding found[SOURCE_KINDS];
    unsigned n = source_probe_all(&o, found);

    for (unsigned i = 0; i < n; i++) {
        char name[64];

        if (strcmp(found[i].why.reason, "source.not-asked") == 0)
            continue;
        (void)snprintf(name, sizeof name, "source %s", found[i].kind->word);
        finding_add(f, found[i].works ? FINDING_OK : FINDING_ABSENT, name,
                    found[i].works ? found[i].name : found[i].why.msg,
                    found[i].works ? "" : found[i].why.mend);
    }
}

static void look_data(struct findings *f, const char *data)
{
    struct statvfs v;
    char text[128];

    if (access(data, W_OK) != 0 || statvfs(data, &v) != 0) {
        finding_add(f, FINDING_BROKEN, "data", "the folder cannot be written", "see --data");
        return;
    }
    (void)snprintf(text, sizeof text, "%llu MiB free",
                   (unsigned long long)v.f_bavail * v.f_frsize >> 20);
    if ((unsigned long long)v.f_bavail * v.f_frsize >= FREE_BYTES)
        finding_add(f, FINDING_OK, "data", text, "");
    else
        finding_add(f, FINDING_BROKEN, "data", text, "make room: artifacts and logs go there");
}

static const char *const state_words[] = {"ok", "absent", "broken", "left"};

static void print_json(const struct findings *f)
{
    AUTO_BUF struct buf out = {0};
    struct json j = {.out = &out, .pretty = true};

    json_object(&j);
    json_key(&j, "findings");
    json_array(&j);
    for (size_t i = 0; i < f->all.n; i++) {
        json_object(&j);
        json_key(&j, "name"), json_str(&j, f->all.v[i].name);
        json_key(&j, "state"), json_str(&j, state_words[f->all.v[i].state]);
        json_key(&j, "what"), json_str(&j, f->all.v[i].what);
        json_key(&j, "mend"), json_str(&j, f->all.v[i].mend);
        json_object_end(&j);
    }
    json_array_end(&j);
    json_object_end(&j);
    (void)printf("%s\n", buf_str(&out));
}

static void print_table(const struct findings *f, bool leftovers)
{
    if (leftovers && f->all.n == 0)
        (void)puts("nothing is left over");
    for (size_t i = 0; i < f->all.n; i++) {
        const struct finding *x = &f->all.v[i];

        (void)printf("%-7s %-14s %s\n", state_words[x->state], x->name, x->what);
        if (x->mend[0] != '\0')
            (void)printf("%-22s mend: %s\n", "", x->mend);
    }
}

int doctor_main(int argc, char **argv)
{
    static const struct option options[] = {
        {"data", required_argument, NULL, 'd'},     {"leftovers", no_argument, NULL, 'l'},
        {"tsm-path", required_argument, NULL, 't'}, {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},           {0}};
    struct findings f = {0};
    const char *data = NULL, *tsm_path = NULL;
    bool left = false, json = false, bad = false;
    int c;

    while ((c = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        if (c == 'd')
            data = optarg;
        else if (c == 't')
            tsm_path = optarg;
        else if (c == 'l')
            left = true;
        else if (c == 'o' && (strcmp(optarg, "json") == 0 || strcmp(optarg, "table") == 0))
            json = optarg[0] == 'j';
        else
            return (void)fputs(usage, c == 'h' ? stdout : stderr), c == 'h' ? 0 : 2;
    }
    if (optind != argc || (left && data == NULL))
        return (void)fputs(usage, stderr), 2;
    if (left) {
        doctor_leftovers(&f, data);
    } else {
        look_runtimes(&f), look_seccomp(&f), look_landlock(&f), look_limits(&f), look_tee(&f),
            look_sources(&f, tsm_path);
        if (data != NULL)
            look_data(&f, data);
    }
    for (size_t i = 0; i < f.all.n; i++)
        bad = bad || f.all.v[i].state >= FINDING_BROKEN;
    if (json)
        print_json(&f);
    else
        print_table(&f, left);
    vec_fini(&f.all);
    return bad ? 1 : 0;
}
