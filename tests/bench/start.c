/* From "begin" to "running", per runtime: a real loader that waits as a spare, as the agent has it,
 * from the packet that gives it a keep to its report that the program was executed. Beside it, in
 * turns in the same run, the bare tool up to the same point. What is left is our overhead.
 *
 * start [--count N] [--json]    needs root; runtimes whose tools are not here are left out */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/file.h"
#include "agent/loader/control.h"
#include "agent/loader/entry.h"
#include "agent/loader/keep.h"
#include "agent/loader/oci.h"
#include "agent/loader/oci_config.h"
#include "agent/runtime.h"
#include "base/json.h"
#include "base/rand.h"
#include "base/str.h"
#include "proto/unpack.h"

#define COUNT_MAX 1000
#define READY_MS                                                                                   \
    150 /* a spare waits longer than that for its keep; not part of what is measured               \
         */

static struct {
    char dir[64], bin[PATH_MAX / 2], image[128];
} bench;

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "start: %s: %s\n", what, why);
    exit(1);
}

static double now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void end(void)
{
    char command[128];

    (void)snprintf(command, sizeof command, "rm -rf '%s'", bench.dir);
    if (bench.dir[0] != '\0' && system(command) != 0)
        (void)fputs("start: the temporary folder is left\n", stderr);
}

/* A program that only waits. */
static void spec_fill(Bailey__V1__StartKeep *s, Bailey__V1__Runtime *r, Bailey__V1__Capacity *c,
                      const char *kind, char *uid)
{
    static char sleep_path[] = "/bin/sleep", seconds[] = "1000";
    static char *args[] = {seconds, NULL}, *shell[] = {sleep_path, seconds, NULL};

    bailey__v1__start_keep__init(s), bailey__v1__runtime__init(r), bailey__v1__capacity__init(c);
    c->cpu_milli = 1000, c->memory_bytes = 256u << 20;
    r->kind = (char *)(uintptr_t)kind;
    r->args = strcmp(kind, "oci") == 0 ? shell : args;
    r->n_args = strcmp(kind, "oci") == 0 ? 2 : 1;
    s->keep_uid = uid, s->name = uid, s->epoch = 1;
    s->runtime = r, s->limits = c;
}

static pid_t loader_start(int theirs, const char *group)
{
    char path[PATH_MAX];
    pid_t pid;

    (void)snprintf(path, sizeof path, "%s/bailey-loader", bench.bin);
    pid = fork();
    if (pid == 0) {
        if (dup2(theirs, 3) < 0 || fcntl(3, F_SETFD, 0) != 0)
            _exit(126);
        (void)execl(path, path, "--spare", "--control-fd", "3", "--group", group, "--log-level",
                    "error", (char *)NULL);
        _exit(127);
    }
    return pid;
}

static bool says_running(int control)
{
    uint8_t packet[CONTROL_REPORT];
    struct pollfd p = {control, POLLIN, 0};
    struct arena a;
    ProtobufCMessage *m;
    int state = -1;
    ssize_t n;

    while (state < BAILEY__V1__KEEP_STATUS__STATE__running) {
        if (poll(&p, 1, 30000) != 1 || (n = recv(control, packet, sizeof packet, 0)) <= 0)
            return false;
        arena_init(&a, 65536);
        if (proto_unpack(&bailey__v1__keep_report__descriptor, (struct bytes){packet, (size_t)n},
                         &a, &m, NULL))
            state = (int)((const Bailey__V1__KeepReport *)m)->state;
        arena_fini(&a);
    }
    return state == BAILEY__V1__KEEP_STATUS__STATE__running;
}

static void folder_make(const char *kind, const char *artifact, struct control_begin *begin,
                        char *uid)
{
    AUTO_BUF struct buf packed = {0};
    Bailey__V1__StartKeep s;
    Bailey__V1__Runtime r;
    Bailey__V1__Capacity c;
    int fd;

    spec_fill(&s, &r, &c, kind, uid);
    proto_pack(&s.base, &packed);
    (void)snprintf(begin->dir, sizeof begin->dir, "%s/%s", bench.dir, uid);
    (void)str_copy(begin->artifact, sizeof begin->artifact, artifact);
    if (!file_dir(AT_FDCWD, begin->dir, &fd, NULL) ||
        !file_write(fd, KEEP_SPEC, buf_bytes(&packed), 0600, NULL))
        die(begin->dir, "cannot be written");
    (void)close(fd);
}

static double ours_once(const char *kind, const char *artifact)
{
    struct control_begin begin = {.deadline_ms = 0};
    struct control stop = {.kind = CONTROL_STOP, .value = 0};
    uint8_t packet[CONTROL_BEGIN];
    char uid[UUID_TEXT], group[LIMITS_NAME];
    double begun, took;
    int fds[2];
    size_t n;
    pid_t pid;

    rand_uuid(uid);
    (void)snprintf(group, sizeof group, "bench-%.20s", uid);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        die("socket", strerror(errno));
    folder_make(kind, artifact, &begin, uid);
    pid = loader_start(fds[1], group);
    (void)close(fds[1]);
    (void)poll(NULL, 0, READY_MS);
    n = control_begin_pack(&begin, packet);
    begun = now_ms();
    if (send(fds[0], packet, n, MSG_NOSIGNAL) != (ssize_t)n || !says_running(fds[0]))
        die(kind, "the keep did not start");
    took = now_ms() - begun;
    if (!control_send(fds[0], &stop, NULL))
        die(kind, "the keep cannot be stopped");
    (void)waitpid(pid, NULL, 0);
    (void)close(fds[0]);
    return took;
}

/* bubblewrap with the same namespaces, until its program was executed. */
static double bwrap_once(void)
{
    char entry[PATH_MAX];
    double begun = now_ms(), took;
    int fds[2];
    char byte;
    pid_t pid;

    (void)snprintf(entry, sizeof entry, "%s/bailey-entry", bench.bin);
    if (pipe2(fds, O_CLOEXEC) != 0)
        die("pipe", strerror(errno));
    pid = fork();
    if (pid < 0)
        die("fork", strerror(errno));
    if (pid == 0) {
        (void)dup2(fds[1], ENTRY_STATUS_FD);
        (void)execlp("bwrap", "bwrap", "--unshare-user", "--unshare-pid", "--unshare-ipc",
                     "--unshare-uts", "--unshare-net", "--unshare-cgroup", "--die-with-parent",
                     "--new-session", "--cap-drop", "ALL", "--ro-bind", "/", "/", "--proc", "/proc",
                     "--dev", "/dev", entry, "/bin/true", (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    if (read(fds[0], &byte, 1) != 1 || read(fds[0], &byte, 1) != 0)
        die("bwrap", "its program was not executed");
    took = now_ms() - begun;
    (void)close(fds[0]);
    (void)waitpid(pid, NULL, 0);
    return took;
}

PRINTFLIKE(1, 2)
static int run(const char *format, ...)
{
    char command[900];
    va_list v;

    va_start(v, format);
    (void)vsnprintf(command, sizeof command, format, v);
    va_end(v);
    return system(command);
}

/* runc with the configuration that the loader gives it. */
static double runc_once(void)
{
    static const char *const argv[] = {"runc",     "--root", NULL,    "run", "--detach",
                                       "--bundle", NULL,     "bench", NULL};
    char root[128], bundle[160], *args[9];
    double begun, took;
    int status, null = open("/dev/null", O_RDWR | O_CLOEXEC);
    pid_t pid;

    (void)snprintf(root, sizeof root, "%s/runc", bench.dir);
    (void)snprintf(bundle, sizeof bundle, "%s/bare", bench.dir);
    for (size_t i = 0; i < 9; i++)
        args[i] = (char *)(uintptr_t)argv[i];
    args[2] = root, args[6] = bundle;
    begun = now_ms();
    pid = fork();
    if (pid == 0) {
        (void)dup2(null, 0), (void)dup2(null, 1), (void)dup2(null, 2);
        (void)execvp("runc", args);
        _exit(127);
    }
    (void)waitpid(pid, &status, 0);
    took = now_ms() - begun;
    (void)close(null);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        die("runc", "no container was started");
    if (run("runc --root '%s' delete -f bench", root) != 0)
        die("runc", "its container cannot be deleted");
    return took;
}

/* An image as the agent has it unpacked, and the same for bare runc. */
static bool image_make(void)
{
    AUTO_BUF struct buf translated = {0}, config = {0};
    struct oci_config c = {.image = bytes_str("{}")};
    Bailey__V1__StartKeep s;
    Bailey__V1__Runtime r;
    Bailey__V1__Capacity l;
    struct err e = {0};
    char rootfs[200];
    int fd;

    (void)snprintf(bench.image, sizeof bench.image, "%s/image", bench.dir);
    if (run("d='%s'; set -e; mkdir -p $d/bundle/rootfs/bin $d/bundle/rootfs/tmp "
            "$d/bundle/rootfs/proc $d/bundle/rootfs/dev $d/../bare; "
            "cp /bin/busybox $d/bundle/rootfs/bin/; ln -s busybox $d/bundle/rootfs/bin/sleep; "
            "printf '{}' > $d/image.json; printf '{\"process\": {\"user\": {\"uid\": 0, \"gid\": "
            "0}, \"args\": [\"/bin/sleep\"], \"env\": [\"PATH=/bin\"], \"cwd\": \"/\"}}' "
            "> $d/bundle/config.json; chown -R 1610612736:1610612736 $d/bundle/rootfs",
            bench.image) != 0)
        return false;
    fd = open(bench.image, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)snprintf(rootfs, sizeof rootfs, "%s/" OCI_ROOTFS, bench.image);
    spec_fill(&s, &r, &l, "oci", (char[]){"bench"});
    c.spec = &s, c.rootfs = rootfs;
    if (!file_read(fd, OCI_TRANSLATED, &translated, &e))
        die("image", e.msg);
    (void)close(fd);
    c.translated = buf_bytes(&translated);
    (void)snprintf(rootfs, sizeof rootfs, "%s/" OCI_ROOTFS, bench.image);
    if (!oci_config(&c, &config, &e))
        die("image", e.msg);
    (void)snprintf(rootfs, sizeof rootfs, "%s/bare", bench.dir);
    fd = open(rootfs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!file_write(fd, "config.json", buf_bytes(&config), 0600, &e))
        die("image", e.msg);
    (void)close(fd);
    return true;
}

static int by_size(const void *a, const void *b)
{
    double x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static double median(double *v, unsigned n)
{
    qsort(v, n, sizeof *v, by_size);
    return v[n / 2];
}

static void measure(struct json *j, const char *kind, const char *artifact, double (*bare)(void),
                    unsigned count)
{
    static double ours[COUNT_MAX], theirs[COUNT_MAX];
    double a, b;

    for (unsigned i = 0; i < count; i++) { /* in turns, so that both see the same machine */
        theirs[i] = bare();
        ours[i] = ours_once(kind, artifact);
    }
    a = median(ours, count), b = median(theirs, count);
    json_key(j, kind);
    json_object(j);
    json_key(j, "start_p50_ms"), json_double(j, a);
    json_key(j, "bare_tool_p50_ms"), json_double(j, b);
    json_key(j, "overhead_ms"), json_double(j, a - b);
    json_object_end(j);
    (void)fprintf(stderr, "%-8s start %6.2f ms, the bare tool %6.2f ms, our overhead %6.2f ms\n",
                  kind, a, b, a - b);
}

int main(int argc, char **argv)
{
    AUTO_BUF struct buf out = {0};
    struct json j = {.out = &out, .pretty = true};
    bool json = false;
    unsigned count = 20;
    char what[160];
    uint64_t v;
    ssize_t n = readlink("/proc/self/exe", bench.bin, sizeof bench.bin - 8);

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--count") == 0 && i + 1 < argc && u64_parse(argv[++i], &v) &&
                 v > 0 && v <= COUNT_MAX)
            count = (unsigned)v;
        else
            die("usage", "start [--count N] [--json]");
    bench.bin[n > 0 ? n : 0] = '\0';
    for (int i = 0; i < 2 && strrchr(bench.bin, '/') != NULL; i++)
        *strrchr(bench.bin, '/') = '\0';
    (void)strncat(bench.bin, "/bin", sizeof bench.bin - strlen(bench.bin) - 1);
    (void)str_copy(bench.dir, sizeof bench.dir, "/tmp/bailey-start.XXXXXX");
    if (mkdtemp(bench.dir) == NULL || chmod(bench.dir, 0711) != 0)
        die("temporary folder", strerror(errno));
    (void)atexit(end);
    json_object(&j);
    json_key(&j, "count"), json_uint(&j, count);
    if (runtime_find("sandbox")->probe(what, sizeof what, NULL))
        measure(&j, "sandbox", "/bin/sleep", bwrap_once, count);
    if (runtime_find("oci")->probe(what, sizeof what, NULL) && image_make())
        measure(&j, "oci", bench.image, runc_once, count);
    json_object_end(&j);
    if (json)
        (void)printf("%s\n", buf_str(&out));
    return 0;
}
