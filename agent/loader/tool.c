#include "agent/loader/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static void child(const char *const *argv, int out)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(null, 2) < 0)
        _exit(126);
    (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

bool tool_output(const char *const *argv, struct buf *out)
{
    char chunk[4096];
    int p[2], status = -1;
    ssize_t n;
    pid_t pid;

    if (pipe2(p, O_CLOEXEC) != 0)
        return false;
    pid = fork();
    if (pid == 0)
        child(argv, p[1]);
    (void)close(p[1]);
    while (pid > 0 && ((n = read(p[0], chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0)
            buf_put(out, chunk, (size_t)n);
    (void)close(p[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
