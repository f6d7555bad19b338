#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/nsfs.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>

#include "agent/loader/entry.h"
#include "agent/loader/health.h"
#include "agent/loader/sandbox.h"

#define FILTER_MAX 4096 /* instructions: the kernel's limit */

/* The checker's last word: the reason for the loader, then its end. */
static void say(int code, const char *what, const char *why)
{
    char text[HEALTH_TEXT];
    int n = snprintf(text, sizeof text, "%s%s%s", what, why[0] == '\0' ? "" : ": ", why);

    if (n > 0 && write(1, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1) < 0)
        code = 1;
    _exit(code);
}

static int namespace_open(pid_t pid, const char *name)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* The program itself is the sandbox's first process' child; it stands in the innermost user
 * namespace. */
static pid_t first_child(pid_t pid)
{
    char path[64];
    int child = 0;
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    f = fopen(path, "re");
    if (f != NULL && fscanf(f, "%d", &child) != 1)
        child = 0;
    if (f != NULL)
        (void)fclose(f);
    return (pid_t)child;
}

static bool join(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fds[i] >= 0 && setns(fds[i], 0) != 0)
            return false;
    return true;
}

/* Into the keep's namespaces. Its user namespace owns none of the others (bubblewrap makes it last,
 * inside the one that does), so it comes last; an unprivileged loader first needs its parent. */
static void enter(pid_t pid, bool host_network, bool all)
{
    static const char *const names[] = {"net", "ipc", "uts", "cgroup", "pid", "mnt"};
    int fds[6] = {-1, -1, -1, -1, -1, -1}, user, parent;
    size_t n = all ? 6 : 1;

    pid = first_child(pid);
    if (pid == 0)
        say(1, "the program is not there", "");
    user = namespace_open(pid, "user");
    for (size_t i = 0; i < n; i++)
        if (i > 0 || !host_network)
            fds[i] = namespace_open(pid, names[i]);
    parent = user < 0 ? -1 : ioctl(user, NS_GET_PARENT);
    if (geteuid() != 0 && parent >= 0)
        (void)setns(parent, CLONE_NEWUSER);
    if (user < 0 || !join(fds, n) || setns(user, CLONE_NEWUSER) != 0)
        say(1, "cannot enter the keep", strerror(errno));
}

static int connect_loopback(uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v6.sin6_addr = in6addr_loopback;
    if (fd >= 0 && connect(fd, (struct sockaddr *)&v4, sizeof v4) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&v6, sizeof v6) == 0)
        return fd;
    return -1;
}

static void check_tcp(const Bailey__V1__Health *h)
{
    if (connect_loopback((uint16_t)h->port) < 0)
        say(1, "tcp", strerror(errno));
    _exit(0);
}

static void check_http(const Bailey__V1__Health *h)
{
    int fd = connect_loopback((uint16_t)h->port), code = 0;
    char line[64] = "", status[32];
    size_t have = 0;
    ssize_t n;

    if (fd < 0)
        say(1, "http", strerror(errno));
    (void)dprintf(fd,
                  "GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\nUser-Agent: bailey-health\r\n"
                  "Connection: close\r\n\r\n",
                  h->path[0] == '\0' ? "/" : h->path);
    while (have < sizeof line - 1 && strchr(line, '\n') == NULL &&
           (n = read(fd, line + have, sizeof line - 1 - have)) > 0)
        have += (size_t)n;
    if (strncmp(line, "HTTP/1.", 7) != 0 || sscanf(line + 7, "%*c %d", &code) != 1)
        say(1, "http", "the answer is not HTTP");
    if (code >= 200 && code < 400)
        _exit(0);
    (void)snprintf(status, sizeof status, "answered %d", code);
    say(1, "http", status);
}

/* What is forbidden to the program is forbidden to its check. */
static bool confine(int filter_fd)
{
    static struct sock_filter code[FILTER_MAX];
    ssize_t n = read(filter_fd, code, sizeof code);
    struct sock_fprog prog = {(unsigned short)((size_t)n / sizeof code[0]), code};

    return n > 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && landlock_enter() &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

static void check_exec(const Bailey__V1__Health *h, int filter_fd)
{
    char path[] = "PATH=/usr/bin:/bin", home[] = "HOME=/tmp", *environment[] = {path, home, NULL};
    char **argv = calloc(h->n_command + 1, sizeof *argv);
    int status, null;
    pid_t pid = fork(); /* only a child is in the new process namespace */

    if (pid != 0) {
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        if (pid < 0)
            say(1, "exec", strerror(errno));
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (argv == NULL || chdir("/tmp") != 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 2) < 0 ||
        close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) != 0 || !confine(filter_fd))
        say(1, "exec", "the check's sandbox could not be made");
    memcpy(argv, h->command, h->n_command * sizeof *argv);
    environ = environment;
    (void)execvp(argv[0], argv);
    say(1, argv[0], strerror(errno));
}

static void checker_run(const Bailey__V1__Health *h, pid_t pid, bool host_network,
                        const struct limits *l, int filter_fd)
{
    bool exec = strcmp(h->kind, "exec") == 0;
    sigset_t none;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_IGN), (void)signal(SIGHUP, SIG_DFL);
    if (exec && !limits_enter(l))
        say(1, "exec", "cannot join the keep's cgroups");
    if (exec || !host_network)
        enter(pid, host_network, exec);
    if (exec)
        check_exec(h, filter_fd);
    else if (strcmp(h->kind, "tcp") == 0)
        check_tcp(h);
    else
        check_http(h);
    _exit(1);
}

bool health_check(const Bailey__V1__Health *spec, pid_t pid, bool host_network,
                  const struct limits *l, pid_t *checker, int *out_fd, struct err *e)
{
    int p[2], filter = -1;
    pid_t child;

    if (strcmp(spec->kind, "exec") == 0 && !seccomp_filter(&filter, e))
        return false;
    child = pipe2(p, O_CLOEXEC) == 0 ? fork() : -1;
    if (child == 0) {
        if (dup2(p[1], 1) < 0)
            _exit(1);
        checker_run(spec, pid, host_network, l, filter);
    }
    if (filter >= 0)
        (void)close(filter);
    if (child < 0)
        return err_errno(e, errno, "health.check", "process of the check");
    (void)close(p[1]);
    (void)fcntl(p[0], F_SETFL, O_NONBLOCK);
    *checker = child;
    *out_fd = p[0];
    return true;
}
