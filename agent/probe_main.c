/* bailey-probe - the one program of a probe keep: a guest that boots, is asked once over a serial
 * port, returns its evidence, and turns itself off. Static; it runs as the guest's init:
 *
 *   kernel -initrd initrd       the initrd made by deploy/probe-initrd
 *   bailey.port=/dev/ttyS1      on the kernel's command line: that port, and not the virtio port
 *                               called org.bailey.probe
 *   bailey.simulate=PLATFORM    simulated evidence; only in the build for tests
 *
 * Nobody logs in, nothing is mounted but what the kernel itself gives, no network is there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "agent/probe_wire.h"
#include "base/clock.h"
#include "base/str.h"

#define PATIENCE_MS 30000
#define MODULES "/modules"
#define PORTS "/sys/class/virtio-ports"
#define COMMAND_LINE 4096

static void say(const char *what, const char *detail)
{
    (void)fprintf(stderr, "bailey-probe: %s%s%s\n", what, detail[0] == '\0' ? "" : ": ", detail);
}

static int64_t now_ms(void)
{
    return clock_system.mono_ms(&clock_system);
}

static void mount_one(const char *type, const char *where)
{
    (void)mkdir(where, 0755);
    if (mount(type, where, type, MS_NOSUID | MS_NOEXEC, NULL) != 0 && errno != EBUSY)
        say(where, strerror(errno));
}

/* The initrd has what this kernel does not have built in, named so that the order is the
 * alphabet's.
 */
static void modules_load(void)
{
    struct dirent **names;
    int n = scandir(MODULES, &names, NULL, alphasort);

    for (int i = 0; i < n; i++) {
        char path[300];
        int fd;

        (void)snprintf(path, sizeof path, MODULES "/%.255s", names[i]->d_name);
        fd = names[i]->d_name[0] == '.' ? -1 : open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST)
            say(path, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        free(names[i]);
    }
    if (n >= 0)
        free(names);
}

static void system_begin(void)
{
    mount_one("devtmpfs", "/dev");
    mount_one("proc", "/proc");
    mount_one("sysfs", "/sys");
    modules_load();
    if (access("/sys/kernel/config", F_OK) == 0)
        mount_one("configfs", "/sys/kernel/config");
}

/* The value of key= on the kernel's command line; false when it is not there. */
static bool told(const char *key, char *out, size_t size)
{
    static char line[COMMAND_LINE];
    int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    char *save = NULL;

    if (fd >= 0)
        (void)close(fd);
    line[n < 0 ? 0 : n] = '\0';
    for (char *w = strtok_r(line, " \n", &save); w != NULL; w = strtok_r(NULL, " \n", &save))
        if (strncmp(w, key, strlen(key)) == 0 && w[strlen(key)] == '=')
            return str_copy(out, size, w + strlen(key) + 1);
    return false;
}

/* The device of the virtio port with our name: "/dev/vport0p1". */
static bool port_named(char *out, size_t size)
{
    DIR *d = opendir(PORTS);
    const struct dirent *entry;
    bool found = false;

    while (d != NULL && !found && (entry = readdir(d)) != NULL) {
        char path[320], name[64] = "";
        int fd;

        (void)snprintf(path, sizeof path, PORTS "/%.200s/name", entry->d_name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (read(fd, name, sizeof name - 1) > 0)
            name[strcspn(name, "\n")] = '\0';
        (void)close(fd);
        found = strcmp(name, PROBE_PORT) == 0 &&
                snprintf(out, size, "/dev/%.200s", entry->d_name) < (int)size;
    }
    if (d != NULL)
        (void)closedir(d);
    return found;
}

/* A serial line changes bytes unless it is told not to. */
static void raw(int fd)
{
    struct termios t;

    if (tcgetattr(fd, &t) != 0)
        return;
    cfmakeraw(&t);
    (void)tcsetattr(fd, TCSANOW, &t);
}

/* Waits for the port: the kernel tells of new devices. */
static int port_open(void)
{
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK, .nl_groups = 1};
    int64_t end = now_ms() + PATIENCE_MS;
    int news = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT), fd = -1;
    char path[256], event[4096];
    bool fixed = told("bailey.port", path, sizeof path);

    if (news >= 0)
        (void)bind(news, (const struct sockaddr *)&kernel, sizeof kernel);
    for (;;) {
        struct pollfd p = {.fd = news, .events = POLLIN};
        int64_t left = end - now_ms();

        if (fixed || port_named(path, sizeof path))
            fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0 || left <= 0)
            break;
        if (poll(&p, 1, (int)left) > 0)
            (void)recv(news, event, sizeof event, 0);
    }
    if (news >= 0)
        (void)close(news);
    if (fd < 0)
        say("no port", fixed ? path : PROBE_PORT);
    else
        raw(fd);
    return fd;
}

/* Exactly n bytes before the end. A virtio port whose other side is not there yet says POLLHUP and
 * reads nothing; its poll is then no wait, so that the pause is a plain one. */
static bool read_all(int fd, uint8_t *to, size_t n, int64_t end)
{
    size_t have = 0;

    while (have < n) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = end - now_ms();
        ssize_t got;

        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            return false;
        got = (p.revents & POLLIN) == 0 ? 0 : read(fd, to + have, n - have);
        if (got < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        if (got <= 0)
            (void)poll(NULL, 0, 10);
        else
            have += (size_t)got;
    }
    return true;
}

static bool write_all(int fd, struct bytes b)
{
    while (b.n > 0) {
        ssize_t n = write(fd, b.p, b.n);

        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        if (n > 0)
            b = (struct bytes){b.p + n, b.n - (size_t)n};
    }
    return true;
}

static bool open_any(struct source *s, const struct source_options *o, struct err *e)
{
    struct err unused = {0};

#ifdef PROBE_SIMULATES
    if (o->simulate != NULL)
        return source_open(&source_sim, o, s, e);
#endif
    if (source_open(&source_tsm, o, s, e))
        return true;
    return source_open(&source_sev_guest, o, s, &unused); /* the newer way's reason is worth more */
}

static bool collect(const struct probe_question *q, struct source *s, struct source_evidence *out,
                    struct err *e)
{
    static char platform[400];
    struct source_options o = {.node = "probe", .privlevel = q->privlevel};
    int64_t end = now_ms() + PATIENCE_MS;

    if (told("bailey.simulate", platform, sizeof platform))
        o.simulate = platform;
    if (!open_any(s, &o, e))
        return false;
    for (unsigned tries = 0; !s->kind->collect(s, q->report_data, out, e); tries++) {
        if (!source_again(e) || now_ms() > end)
            return false;
        (void)poll(NULL, 0, (int)source_backoff_ms(tries));
    }
    return true;
}

static void answer(int port)
{
    AUTO_SOURCE_EVIDENCE struct source_evidence got = {0};
    AUTO_BUF struct buf out = {.limit = PROBE_ANSWER_MAX};
    uint8_t question[PROBE_QUESTION];
    struct probe_question q;
    struct source s = {0};
    struct err e = {0};

    if (!read_all(port, question, sizeof question, now_ms() + PATIENCE_MS) ||
        !probe_question_parse(BYTES_OF(question), &q, &e)) {
        say("no question", e.msg);
        return;
    }
    if (collect(&q, &s, &got, &e))
        probe_answer_put(s.name, &got, NULL, &out);
    else
        probe_answer_put("", NULL, &e, &out);
    if (!buf_ok(&out, &e) || !write_all(port, buf_bytes(&out)))
        say("no answer", e.msg);
    (void)tcdrain(port);
    /* the host ends the guest when it has all; this is for hosts that do not */
    (void)read_all(port, question, 1, now_ms() + PATIENCE_MS / 3);
}

int main(void)
{
    bool init = getpid() == 1;
    int port;

    if (init)
        system_begin();
    port = port_open();
    if (port >= 0)
        answer(port);
    if (init)
        (void)reboot(RB_POWER_OFF);
    return port < 0;
}
