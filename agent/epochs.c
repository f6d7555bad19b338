#include "agent/epochs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/file.h"
#include "base/str.h"

#define FILE_NAME "epochs"

static bool bad_line(const char *line, size_t n, struct err *e)
{
    char shown[80];

    (void)str_printable((struct bytes){(const uint8_t *)line, n}, shown, sizeof shown);
    return err_set(e, ERR_INPUT, "epochs.damaged", "epochs: cannot read \"%s\"", shown),
           err_mend(e, "restore the file, or enrol this node anew with an empty folder");
}

/* CRC-32 (IEEE 802.3): finds what a torn or damaged write leaves, not what an attacker does. */
static uint32_t checksum(const char *s, size_t n)
{
    uint32_t crc = ~0u;

    for (size_t i = 0; i < n; i++) {
        crc ^= (uint8_t)s[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
    }
    return ~crc;
}

static struct epoch_entry *find(struct epochs *p, const char *replica)
{
    for (size_t i = 0; i < p->keeps.n; i++)
        if (strcmp(p->keeps.v[i].replica, replica) == 0)
            return &p->keeps.v[i];
    return NULL;
}

/* The entry of a replica, made where there is none. NULL: no memory. */
static struct epoch_entry *entry(struct epochs *p, const char *replica)
{
    struct epoch_entry *x = find(p, replica), fresh = {0};

    if (x != NULL)
        return x;
    fresh.replica = strdup(replica);
    if (fresh.replica == NULL || !vec_push(&p->keeps, fresh)) {
        free(fresh.replica);
        return NULL;
    }
    return &p->keeps.v[p->keeps.n - 1];
}

static bool line_parse(struct epochs *p, char *line, struct err *e)
{
    char *save = NULL, *kind = strtok_r(line, " ", &save);
    char *a = strtok_r(NULL, " ", &save), *b = strtok_r(NULL, " ", &save);
    char *c = strtok_r(NULL, " ", &save);
    struct epoch_entry *x;
    uint64_t epoch;

    if (kind == NULL || a == NULL)
        return bad_line(line, strlen(line), e);
    if (strcmp(kind, "controller") == 0)
        return u64_parse(a, &p->controller) || bad_line(line, strlen(line), e);
    if (strcmp(kind, "policy") == 0)
        return u64_parse(a, &p->policy) || bad_line(line, strlen(line), e);
    if (strcmp(kind, "keep") != 0 || b == NULL || c == NULL || !u64_parse(a, &epoch) ||
        strlen(b) >= sizeof x->uid)
        return bad_line(line, strlen(line), e);
    x = entry(p, c);
    if (x == NULL)
        return err_set(e, ERR_NOMEM, "memory", "no memory for epochs");
    x->epoch = epoch;
    return str_copy(x->uid, sizeof x->uid, b) || bad_line(line, strlen(line), e);
}

/* Takes the checksum off a line of n bytes; false when it is not the line's. */
static bool line_whole(char *line, size_t n)
{
    char want[12];

    if (n < 10 || memchr(line, '\0', n) != NULL)
        return false;
    (void)snprintf(want, sizeof want, " #%08" PRIx32, checksum(line, n - 10));
    if (memcmp(line + n - 10, want, 10) != 0)
        return false;
    line[n - 10] = '\0';
    return true;
}

static bool save(struct epochs *p, struct err *e);

bool epochs_load(struct epochs *p, int dir_fd, struct err *e)
{
    AUTO_BUF struct buf text = {0};
    struct err read = {0};
    bool torn = false;

    *p = (struct epochs){.dir_fd = dir_fd, .fd = -1};
    if (!file_read(dir_fd, FILE_NAME, &text, &read)) {
        if (read.code == ERR_MISSING)
            return true;
        if (e != NULL)
            *e = read;
        return false;
    }
    while (text.n > 0 && text.p[text.n - 1] == '\0')
        torn = true, text.n--; /* room that the file system had given and nobody filled */
    for (char *line = (char *)text.p, *end = line + text.n; line < end;) {
        char *newline = memchr(line, '\n', (size_t)(end - line));

        if (newline == NULL && line != (char *)text.p) {
            torn = true; /* the last one; the first ones are written as a whole file */
            break;
        }
        if (newline == NULL || !line_whole(line, (size_t)(newline - line)))
            return bad_line(line, (size_t)((newline == NULL ? end : newline) - line), e);
        if (!line_parse(p, line, e))
            return false;
        line = newline + 1;
    }
    return !torn || save(p, e);
}

void epochs_fini(struct epochs *p)
{
    for (size_t i = 0; i < p->keeps.n; i++)
        free(p->keeps.v[i].replica);
    vec_fini(&p->keeps);
    if (p->fd >= 0)
        (void)close(p->fd);
    p->fd = -1;
}

PRINTFLIKE(2, 3) static void put_line(struct buf *b, const char *fmt, ...)
{
    char line[300];
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    BUG_ON(n < 0 || (size_t)n >= sizeof line);
    buf_printf(b, "%s #%08" PRIx32 "\n", line, checksum(line, (size_t)n));
}

static void put_keep(struct buf *b, const struct epoch_entry *x)
{
    put_line(b, "keep %" PRIu64 " %s %s", x->epoch, x->uid, x->replica);
}

/* All of it, anew: the journal's first lines. */
static bool save(struct epochs *p, struct err *e)
{
    AUTO_BUF struct buf b = {0};

    put_line(&b, "controller %" PRIu64, p->controller);
    put_line(&b, "policy %" PRIu64, p->policy);
    for (size_t i = 0; i < p->keeps.n; i++)
        put_keep(&b, &p->keeps.v[i]);
    if (!buf_ok(&b, e) || !file_write(p->dir_fd, FILE_NAME, buf_bytes(&b), 0600, e))
        return false;
    if (p->fd >= 0)
        (void)close(p->fd);
    p->fd = openat(p->dir_fd, FILE_NAME, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    p->lines = p->keeps.n + 2;
    return p->fd >= 0 || err_errno(e, errno, "file.open", "%s", FILE_NAME);
}

/* What changed, in one write and one wait for the disk. x NULL: no keep did. */
static bool note(struct epochs *p, const struct epoch_entry *x, struct err *e)
{
    AUTO_BUF struct buf b = {0};

    if (p->fd < 0 || p->lines > 4 * (p->keeps.n + 16))
        return save(p, e);
    put_line(&b, "controller %" PRIu64, p->controller);
    put_line(&b, "policy %" PRIu64, p->policy);
    if (x != NULL)
        put_keep(&b, x);
    if (!buf_ok(&b, e))
        return false;
    p->lines += 3;
    if (write(p->fd, b.p, b.n) == (ssize_t)b.n && fdatasync(p->fd) == 0)
        return true;
    (void)err_errno(e, errno, "file.write", "%s", FILE_NAME);
    (void)close(p->fd);
    p->fd = -1; /* it may end in the middle of a line: the next time it is written anew */
    return false;
}

static bool stale(struct err *e, const char *reason, const char *what, uint64_t got, uint64_t seen)
{
    return err_set(e, ERR_CONFLICT, reason,
                   "%s %" PRIu64 " is older than %" PRIu64 ", which this node has seen", what, got,
                   seen);
}

bool epochs_controller(struct epochs *p, uint64_t epoch, struct err *e)
{
    uint64_t before = p->controller;

    if (epoch < before)
        return stale(e, "epoch.controller-stale", "controller epoch", epoch, before);
    if (epoch == before)
        return true;
    p->controller = epoch;
    if (note(p, NULL, e))
        return true;
    p->controller = before;
    return false;
}

bool epochs_policy(struct epochs *p, uint64_t revision, struct err *e)
{
    uint64_t before = p->policy;

    if (revision <= before)
        return true;
    p->policy = revision;
    if (note(p, NULL, e))
        return true;
    p->policy = before;
    return false;
}

/* The keep's epoch and the policy's revision, which it may raise. */
static bool record(struct epochs *p, const char *replica, const Bailey__V1__StartKeep *s,
                   struct err *e)
{
    struct epoch_entry *x = entry(p, replica), before;
    uint64_t policy = p->policy;

    if (x == NULL)
        return err_set(e, ERR_NOMEM, "memory", "no memory for epochs");
    before = *x;
    x->epoch = s->epoch;
    (void)str_copy(x->uid, sizeof x->uid, s->keep_uid);
    if (s->policy_revision > p->policy)
        p->policy = s->policy_revision;
    if (note(p, x, e))
        return true;
    *x = before;
    p->policy = policy;
    return false;
}

bool epochs_admit(struct epochs *p, const Bailey__V1__StartKeep *s, struct err *e)
{
    char replica[192];
    const struct epoch_entry *x;

    if (!name_check(s->namespace_, "namespace", e) || !name_check(s->workload, "workload", e) ||
        !epochs_controller(p, s->controller_epoch, e))
        return false;
    (void)snprintf(replica, sizeof replica, "%s/%s/%" PRIu32, s->namespace_, s->workload,
                   s->replica);
    x = find(p, replica);
    if (x != NULL && x->epoch == s->epoch && strcmp(x->uid, s->keep_uid) == 0)
        return s->policy_revision >= p->policy ||
               stale(e, "epoch.policy-stale", "policy revision", s->policy_revision, p->policy);
    if (s->policy_revision < p->policy)
        return stale(e, "epoch.policy-stale", "policy revision", s->policy_revision, p->policy);
    if (x != NULL && s->epoch <= x->epoch)
        return stale(e, "epoch.keep-stale", "keep epoch", s->epoch, x->epoch);
    return record(p, replica, s, e);
}
