/* Linux' configfs-tsm (Documentation/ABI/testing/configfs-tsm-report): a folder a question.
 *
 * mkdir makes an entry with its attributes; inblob takes the report data, privlevel the VMPL;
 * reading outblob makes the report, auxblob is what came with it (SEV-SNP: the host's table of
 * certificates). Every write raises `generation`: when it has not grown by exactly our writes after
 * the reading, somebody else wrote into our entry and the report may be theirs.
 *
 * An entry is locked (flock) while its maker lives, so that what a killed agent left can be told
 * from what is in use, also across process namespaces. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/source.h"
#include "base/str.h"

#define ROOT "/sys/kernel/config/tsm/report"
#define PREFIX "bailey-"
#define ATTRIBUTE_MAX 128 /* a number or a word */

static const char *const providers[] = {"sev_guest", "tdx_guest", "arm_cca_guest"};

struct entry {
    int root, dir; /* -1: not open */
    char name[64]; /* "" : not made */
    uint64_t generation;
};

/* errno of a call on `what` in the words of this room; the names of the ABI's errors say whether
 * another try may help. */
static bool failed(struct err *e, int error, const char *what)
{
    if (error == EBUSY || error == EAGAIN || error == ETIMEDOUT || error == EINTR)
        return err_set(e, ERR_UNAVAIL, "tsm.busy", "%s: %s", what, strerror(error));
    if (error == ENXIO)
        return err_set(e, ERR_MISSING, "tsm.no-provider", "%s: the kernel has no provider", what),
               err_mend(e, "load the guest's module: sev-guest, tdx-guest or arm-cca-guest");
    if (error == ENOENT)
        return err_set(e, ERR_CONFLICT, "tsm.entry-gone", "%s: the entry went away", what);
    return err_errno(e, error, "tsm.io", "%s", what);
}

static void entry_close(struct entry *t)
{
    if (t->name[0] != '\0')
        (void)unlinkat(t->root, t->name, AT_REMOVEDIR);
    if (t->dir >= 0)
        (void)close(t->dir);
    if (t->root >= 0)
        (void)close(t->root);
}
#define AUTO_ENTRY __attribute__((cleanup(entry_close)))

static bool root_open(const struct source *s, int *out, struct err *e)
{
    const char *path = s->o.tsm_path == NULL ? ROOT : s->o.tsm_path;

    *out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*out >= 0)
        return true;
    if (errno == ENOENT || errno == ENOTDIR)
        return err_set(e, ERR_MISSING, "source.absent", "no folder %.100s", path),
               err_mend(e, "in a guest with Linux 6.7 or newer: mount -t configfs none "
                           "/sys/kernel/config, and load the guest's module");
    return err_errno(e, errno, "tsm.io", "%.100s", path),
           err_mend(e, "the agent needs root to ask for reports");
}

static bool entry_make(const struct source *s, struct entry *t, struct err *e)
{
    static atomic_uint counter;
    char name[sizeof t->name];

    if (!root_open(s, &t->root, e))
        return false;
    (void)snprintf(name, sizeof name, PREFIX "%d-%u", (int)getpid(), atomic_fetch_add(&counter, 1));
    if (mkdirat(t->root, name, 0700) != 0)
        return errno == EEXIST ? err_set(e, ERR_CONFLICT, "tsm.entry-gone", "%s stands", name)
                               : failed(e, errno, "mkdir");
    (void)str_copy(t->name, sizeof t->name, name);
    t->dir = openat(t->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (t->dir < 0 || flock(t->dir, LOCK_EX | LOCK_NB) != 0)
        return failed(e, errno, "entry");
    return true;
}

/* The whole attribute, however many reads it takes. */
static bool attribute_read(const struct entry *t, const char *name, struct buf *out, struct err *e)
{
    int fd = openat(t->dir, name, O_RDONLY | O_CLOEXEC);
    uint8_t part[4096];
    ssize_t n = 0;
    int error;

    if (fd < 0)
        return failed(e, errno, name);
    do {
        n = read(fd, part, sizeof part);
        if (n > 0)
            buf_put(out, part, (size_t)n);
    } while ((n > 0 && !out->failed) || (n < 0 && errno == EINTR));
    error = errno;
    (void)close(fd);
    return n < 0 ? failed(e, error, name) : buf_ok(out, e) || err_wrap(e, "%s", name);
}

/* Attributes take one write whole; a second one would be another value. */
static bool attribute_write(struct entry *t, const char *name, struct bytes value, struct err *e)
{
    int fd = openat(t->dir, name, O_WRONLY | O_CLOEXEC);
    ssize_t n;
    int error;

    if (fd < 0)
        return failed(e, errno, name);
    n = write(fd, value.p, value.n);
    error = errno;
    if (close(fd) != 0 && n >= 0) { /* binary attributes are taken at the close */
        error = errno;
        n = -1;
    }
    if (n < 0)
        return failed(e, error, name);
    if ((size_t)n != value.n)
        return err_set(e, ERR_IO, "tsm.io", "%s: took %zd of %zu bytes", name, n, value.n);
    t->generation++;
    return true;
}

static bool text_read(const struct entry *t, const char *name, char out[ATTRIBUTE_MAX],
                      struct err *e)
{
    AUTO_BUF struct buf b = {.limit = ATTRIBUTE_MAX - 1};

    if (!attribute_read(t, name, &b, e))
        return false;
    (void)str_copy(out, ATTRIBUTE_MAX, buf_str(&b));
    out[strcspn(out, "\n")] = '\0';
    return true;
}

static bool number_read(const struct entry *t, const char *name, uint64_t *out, struct err *e)
{
    char text[ATTRIBUTE_MAX];

    return text_read(t, name, text, e) &&
           (u64_parse(text, out) ||
            err_set(e, ERR_INPUT, "tsm.attribute", "%s: %.40s is no number", name, text));
}

/* Asks for the lowest privilege level that may ask, or for the one that was told; attributes that
 * are not there are a kernel or a technology without levels. */
static bool privlevel_set(const struct source *s, struct entry *t, struct err *e)
{
    uint64_t floor = 0, level;
    char text[24];
    struct err why = {0};

    if (faccessat(t->dir, "privlevel", F_OK, 0) != 0)
        return s->o.privlevel < 0 ||
               err_set(e, ERR_INPUT, "tsm.privlevel", "this host's TEE has no privilege levels");
    if (!number_read(t, "privlevel_floor", &floor, &why) && why.code != ERR_CONFLICT)
        return *e = why, false;
    if (s->o.privlevel < 0 && floor == 0)
        return true;
    level = s->o.privlevel < 0 ? floor : (uint64_t)s->o.privlevel;
    if (level < floor)
        return err_set(e, ERR_INPUT, "tsm.privlevel", "--privlevel %u: the lowest here is %u",
                       (unsigned)level, (unsigned)floor);
    (void)snprintf(text, sizeof text, "%u", (unsigned)level);
    return attribute_write(t, "privlevel", bytes_str(text), e);
}

static bool generation_check(const struct entry *t, struct err *e)
{
    uint64_t now;

    if (!number_read(t, "generation", &now, e))
        return false;
    return now == t->generation ||
           err_set(e, ERR_CONFLICT, "tsm.raced", "generation %llu, want %llu: another one wrote",
                   (unsigned long long)now, (unsigned long long)t->generation);
}

static bool collect(const struct source *s, const uint8_t report_data[SOURCE_REPORT_DATA],
                    struct source_evidence *out, struct err *e)
{
    AUTO_ENTRY struct entry t = {.root = -1, .dir = -1};
    AUTO_SOURCE_EVIDENCE struct source_evidence got = {.evidence.limit = SOURCE_FILE_MAX};
    struct bytes in = {report_data, SOURCE_REPORT_DATA};
    AUTO_BUF struct buf aux = {.limit = SOURCE_FILE_MAX};
    char provider[ATTRIBUTE_MAX];

    if (!entry_make(s, &t, e) || !number_read(&t, "generation", &t.generation, e) ||
        !privlevel_set(s, &t, e) || !attribute_write(&t, "inblob", in, e) ||
        !generation_check(&t, e) || !text_read(&t, "provider", provider, e) ||
        !attribute_read(&t, "outblob", &got.evidence, e))
        return false;
    if (got.evidence.n == 0)
        return err_set(e, ERR_UNAVAIL, "tsm.empty", "outblob is empty");
    if (strcmp(provider, s->detail) != 0)
        return err_set(e, ERR_CONFLICT, "tsm.provider", "the provider is %.40s now, it was %s",
                       provider, s->detail);
    if (faccessat(t.dir, "auxblob", F_OK, 0) == 0 && !attribute_read(&t, "auxblob", &aux, e))
        return false;
    if (!generation_check(&t, e))
        return false;
    if (aux.n > 0) {
        struct buf *file = source_evidence_file(&got, "auxblob");

        buf_put(file, aux.p, aux.n);
        if (!buf_ok(file, e))
            return false;
    }
    *out = got;
    got = (struct source_evidence){0};
    return true;
}

/* Removes entries of agents that are no more: nobody holds their locks. */
static void leftovers_remove(int root)
{
    int copy = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *entry;

    if (d == NULL && copy >= 0)
        (void)close(copy);
    while (d != NULL && (entry = readdir(d)) != NULL) {
        int fd = strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0
                     ? -1
                     : openat(root, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
            continue;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            (void)unlinkat(root, entry->d_name, AT_REMOVEDIR);
        (void)close(fd);
    }
    if (d != NULL)
        (void)closedir(d);
}

static bool probe(struct source *s, struct err *e)
{
    AUTO_ENTRY struct entry t = {.root = -1, .dir = -1};
    char provider[ATTRIBUTE_MAX], shown[64];
    int root;

    if (!root_open(s, &root, e))
        return false;
    leftovers_remove(root);
    (void)close(root);
    if (!entry_make(s, &t, e) || !text_read(&t, "provider", provider, e))
        return false;
    for (unsigned i = 0; i < sizeof providers / sizeof providers[0]; i++)
        if (strcmp(providers[i], provider) == 0)
            return str_copy(s->detail, sizeof s->detail, provider);
    return err_set(e, ERR_INPUT, "tsm.unknown-provider", "provider %s",
                   str_printable(bytes_str(provider), shown, sizeof shown)),
           err_expected(e, "sev_guest, tdx_guest or arm_cca_guest");
}

const struct source_kind source_tsm = {"tsm", "configfs-tsm", probe, collect};
