#include "agent/loader/exec_error.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/str.h"

#if defined(__x86_64__)
#define HERE EM_X86_64
#elif defined(__aarch64__)
#define HERE EM_AARCH64
#elif defined(__riscv)
#define HERE EM_RISCV
#else
#define HERE EM_NONE
#endif

struct start { /* of the program's file */
    char b[256];
    size_t n;
};

static void start_read(const char *path, struct start *s)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, s->b, sizeof s->b - 1);

    s->n = n > 0 ? (size_t)n : 0;
    s->b[s->n] = '\0';
    if (fd >= 0)
        (void)close(fd);
}

/* "/usr/bin/python9" out of "#! /usr/bin/python9 -u"; false: no script. */
static bool interpreter(const struct start *s, char *out, size_t size)
{
    size_t from, n;

    if (s->n < 3 || memcmp(s->b, "#!", 2) != 0)
        return false;
    from = 2 + strspn(s->b + 2, " \t");
    n = strcspn(s->b + from, " \t\r\n");
    (void)str_printable((struct bytes){(const uint8_t *)s->b + from, n}, out, size);
    return true;
}

static bool missing(const struct start *s, struct err *e)
{
    char name[128];

    if (interpreter(s, name, sizeof name))
        return err_set(e, ERR_INPUT, "exec.interpreter-missing",
                       "its first line names %s, which the sandbox does not have", name);
    return err_set(
        e, ERR_INPUT, "exec.interpreter-missing",
        "its dynamic loader is not in the sandbox: link it statically, or for this system");
}

static bool format(const struct start *s, struct err *e)
{
    uint16_t machine = 0;

    if (s->n < 20 || memcmp(s->b, ELFMAG, SELFMAG) != 0)
        return err_set(e, ERR_INPUT, "exec.format",
                       "neither an ELF program nor a script that begins with #!");
    memcpy(&machine, s->b + 18, sizeof machine);
    if (s->b[EI_CLASS] == ELFCLASS64 && machine == HERE)
        return err_set(e, ERR_INPUT, "exec.format", "a damaged ELF program");
    return err_set(e, ERR_INPUT, "exec.wrong-architecture",
                   "built for another processor (ELF machine %u, this host's is %d)",
                   (unsigned)machine, HERE);
}

bool exec_error(int error, const char *artifact, struct err *e)
{
    struct start s;

    start_read(artifact, &s);
    if (error == ENOENT)
        return missing(&s, e);
    if (error == ENOEXEC || error == ELIBBAD)
        return format(&s, e);
    if (error == EACCES || error == EPERM)
        return err_set(e, ERR_INPUT, "exec.not-permitted", "the kernel refused: %s",
                       strerror(error));
    return err_set(e, ERR_UNAVAIL, "exec.failed", "the kernel refused: %s", strerror(error));
}
