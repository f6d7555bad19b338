#include "agent/loader/enarx.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/file.h"
#include "agent/loader/tool.h"
#include "base/str.h"

/* TOML 1.0.0, basic strings: quotation mark, backslash and control characters are escaped. */
static void quoted(struct buf *b, const char *s)
{
    buf_putc(b, '"');
    for (; *s != '\0'; s++)
        if (*s == '"' || *s == '\\')
            buf_printf(b, "\\%c", *s);
        else if ((unsigned char)*s < 0x20 || *s == 0x7f)
            buf_printf(b, "\\u%04x", (unsigned)*s);
        else
            buf_putc(b, *s);
    buf_putc(b, '"');
}

static void variable(struct buf *b, const char *key, const char *value)
{
    quoted(b, key);
    buf_printf(b, " = ");
    quoted(b, value);
    buf_putc(b, '\n');
}

/* A key of the keep's own that is one of ours would stand twice, which TOML refuses. */
static bool ours(const char *key)
{
    return strncmp(key, "BAILEY_", 7) == 0;
}

bool enarx_config(const Bailey__V1__StartKeep *spec, struct buf *out, struct err *e)
{
    static const char *const files[] = {"stdin", "stdout", "stderr"};
    const Bailey__V1__Runtime *r = spec->runtime;

    buf_printf(out, "args = [");
    for (size_t i = 0; r != NULL && i < r->n_args; i++) {
        buf_printf(out, i == 0 ? "" : ", ");
        quoted(out, r->args[i]);
    }
    buf_printf(out, "]\n");
    for (size_t i = 0; i < 3; i++)
        buf_printf(out, "\n[[files]]\nkind = \"%s\"\n", files[i]);
    buf_printf(out, "\n[env]\n");
    for (size_t i = 0; r != NULL && i < r->n_env; i++)
        if (r->env[i]->key[0] != '\0' && !ours(r->env[i]->key))
            variable(out, r->env[i]->key, r->env[i]->value);
    variable(out, "BAILEY_KEEP", spec->name);
    variable(out, "BAILEY_KEEP_UID", spec->keep_uid);
    variable(out, "BAILEY_NAMESPACE", spec->namespace_);
    variable(out, "BAILEY_WORKLOAD", spec->workload);
    buf_printf(out, "\"BAILEY_REPLICA\" = \"%" PRIu32 "\"\n", spec->replica);
    return buf_ok(out, e);
}

struct child {
    const struct limits *limits;
    const char *config, *module;
    int out, err, status;
    uint64_t as_bytes;
    pid_t parent;
};

static void child_run(const struct child *c)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC), error;
    sigset_t none;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_DFL), (void)signal(SIGHUP, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    limits_rlimits(c->as_bytes);
    if (getppid() != c->parent || !limits_enter(c->limits) || null < 0 || dup2(null, 0) < 0 ||
        dup2(c->out, 1) < 0 || dup2(c->err, 2) < 0 ||
        close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        _exit(125);
    (void)execlp("enarx", "enarx", "run", "--wasmcfgfile", c->config, c->module, (char *)NULL);
    error = errno;
    _exit(write(c->status, &error, sizeof error) == (ssize_t)sizeof error ? 127 : 125);
}

static bool spawn(struct child *c, struct run *r, struct err *e)
{
    int p[6] = {-1, -1, -1, -1, -1, -1};
    bool ok = true;

    for (size_t i = 0; i < 6; i += 2)
        ok = ok && pipe2(p + i, O_CLOEXEC) == 0;
    c->out = p[1], c->err = p[3], c->status = p[5], c->parent = getpid();
    r->pid = ok ? fork() : -1;
    if (r->pid == 0)
        child_run(c);
    for (size_t i = 0; i < 6; i++)
        if (p[i] >= 0 && i % 2 == 1)
            (void)close(p[i]);
        else if (p[i] >= 0)
            (void)fcntl(p[i], F_SETFL, O_NONBLOCK);
    r->out_fd = p[0], r->err_fd = p[2], r->status_fd = p[4];
    if (r->pid > 0)
        return true;
    r->pid = 0;
    (void)err_errno(e, errno, "enarx.spawn", "process of the keep");
    run_discard(r);
    return false;
}

static bool start(const struct run_options *o, const struct limits *l, struct run *r, struct err *e)
{
    AUTO_BUF struct buf text = {.limit = 1u << 20};
    int folder = open(o->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char path[700];
    struct child c = {.limits = l, .config = path, .module = o->artifact, .as_bytes = o->as_bytes};
    bool ok;

    if (folder < 0)
        return err_errno(e, errno, "enarx.folder", "%s", o->folder);
    (void)snprintf(path, sizeof path, "%s/" ENARX_CONFIG, o->folder);
    ok = enarx_config(o->spec, &text, e) &&
         file_replace(folder, ENARX_CONFIG, buf_bytes(&text), 0600, e);
    (void)close(folder);
    return ok && spawn(&c, r, e);
}

/* The pipe's end without a word: enarx was executed. */
static enum run_news status(struct run *r, const char *artifact, struct err *e)
{
    int error = 0;
    ssize_t n = read(r->status_fd, &error, sizeof error);

    (void)artifact;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return RUN_NOTHING;
    (void)close(r->status_fd);
    r->status_fd = -1;
    if (n == 0)
        return RUN_RUNS;
    (void)err_errno(e, error, "enarx.not-started", "enarx");
    return RUN_FAILED;
}

static void info(struct run *r)
{
    (void)r; /* nothing comes there */
}

static bool term(struct run *r)
{
    return kill(r->pid, SIGTERM) == 0;
}

static bool probe(char *what, size_t size, struct err *e)
{
    const char *const argv[] = {"enarx", "--version", NULL};
    AUTO_BUF struct buf said = {.limit = 4096};

    if (!tool_output(argv, &said))
        return err_set(e, ERR_MISSING, "enarx.missing", "enarx is not installed");
    (void)snprintf(what, size, "%.*s; it chooses its own backend",
                   (int)strcspn(buf_str(&said), "\n"), buf_str(&said));
    return true;
}

const struct runtime runtime_enarx = {
    .name = "enarx",
    .can = 0,
    .mend = "install enarx (it is not in Debian) where the agent's PATH finds it",
    .probe = probe,
    .start = start,
    .info = info,
    .status = status,
    .term = term,
};
