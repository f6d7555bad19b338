#include "agent/epochs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/file.h"
#include "base/str.h"

#define FILE_NAME "epochs"

static bool bad_line(const char *line, struct err *e)
{
    return err_set(e, ERR_INPUT, "epochs.damaged", "epochs: cannot read \"%.80s\"", line),
           err_mend(e, "restore the file, or enrol this node anew with an empty folder");
}

static bool line_parse(struct epochs *p, char *line, struct err *e)
{
    char *save = NULL, *kind = strtok_r(line, " ", &save);
    char *a = strtok_r(NULL, " ", &save), *b = strtok_r(NULL, " ", &save);
    char *c = strtok_r(NULL, " ", &save);
    struct epoch_entry entry = {0};

    if (kind == NULL || a == NULL)
        return bad_line(line, e);
    if (strcmp(kind, "controller") == 0)
        return u64_parse(a, &p->controller) || bad_line(line, e);
    if (strcmp(kind, "policy") == 0)
        return u64_parse(a, &p->policy) || bad_line(line, e);
    if (strcmp(kind, "keep") != 0 || b == NULL || c == NULL || !u64_parse(a, &entry.epoch) ||
        !str_copy(entry.uid, sizeof entry.uid, b))
        return bad_line(line, e);
    entry.replica = strdup(c);
    if (entry.replica == NULL || !vec_push(&p->keeps, entry)) {
        free(entry.replica);
        return err_set(e, ERR_NOMEM, "memory", "no memory for epochs");
    }
    return true;
}

bool epochs_load(struct epochs *p, int dir_fd, struct err *e)
{
    AUTO_BUF struct buf text = {0};
    char *save = NULL;
    struct err read = {0};

    *p = (struct epochs){.dir_fd = dir_fd};
    if (!file_read(dir_fd, FILE_NAME, &text, &read)) {
        if (read.code == ERR_MISSING)
            return true;
        if (e != NULL)
            *e = read;
        return false;
    }
    (void)buf_str(&text);
    for (char *line = strtok_r((char *)text.p, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save))
        if (!line_parse(p, line, e))
            return false;
    return true;
}

void epochs_fini(struct epochs *p)
{
    for (size_t i = 0; i < p->keeps.n; i++)
        free(p->keeps.v[i].replica);
    vec_fini(&p->keeps);
}

static bool save(const struct epochs *p, struct err *e)
{
    AUTO_BUF struct buf b = {0};

    buf_printf(&b, "controller %" PRIu64 "\npolicy %" PRIu64 "\n", p->controller, p->policy);
    for (size_t i = 0; i < p->keeps.n; i++)
        buf_printf(&b, "keep %" PRIu64 " %s %s\n", p->keeps.v[i].epoch, p->keeps.v[i].uid,
                   p->keeps.v[i].replica);
    return buf_ok(&b, e) && file_write(p->dir_fd, FILE_NAME, buf_bytes(&b), 0600, e);
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
    if (save(p, e))
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
    if (save(p, e))
        return true;
    p->policy = before;
    return false;
}

static struct epoch_entry *find(struct epochs *p, const char *replica)
{
    for (size_t i = 0; i < p->keeps.n; i++)
        if (strcmp(p->keeps.v[i].replica, replica) == 0)
            return &p->keeps.v[i];
    return NULL;
}

static bool record(struct epochs *p, const char *replica, const Bailey__V1__StartKeep *s,
                   struct err *e)
{
    struct epoch_entry *x = find(p, replica);
    struct epoch_entry fresh = {0}, before;

    if (x == NULL) {
        fresh.replica = strdup(replica);
        if (fresh.replica == NULL || !vec_push(&p->keeps, fresh)) {
            free(fresh.replica);
            return err_set(e, ERR_NOMEM, "memory", "no memory for epochs");
        }
        x = &p->keeps.v[p->keeps.n - 1];
    }
    before = *x;
    x->epoch = s->epoch;
    (void)str_copy(x->uid, sizeof x->uid, s->keep_uid);
    if (save(p, e))
        return true;
    *x = before;
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
    return epochs_policy(p, s->policy_revision, e) && record(p, replica, s, e);
}
