/* bailey-entry - see entry.h. Started by bailey-loader only: bailey-entry PROGRAM [ARGUMENT ...] */
#include "agent/loader/entry.h"

#include <errno.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

static void fail(int error)
{
    const struct entry_failure f = {.error = error};

    _exit(write(ENTRY_STATUS_FD, &f, sizeof f) == (ssize_t)sizeof f ? 126 : 125);
}

int main(int argc, char **argv)
{
    const char ready = ENTRY_READY;

    if (argc < 2)
        return 2;
    if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) != 0 || !landlock_enter())
        return 125;
    if (write(ENTRY_STATUS_FD, &ready, 1) != 1)
        return 125;
    (void)execve(argv[1], argv + 1, environ);
    fail(errno);
}
