#include "agent/revoked.h"

#include <stdio.h>
#include <string.h>

#include "agent/file.h"
#include "proto/unpack.h"

#define FILE_NAME "revocations"
#define SET_MAX (256u << 10) /* bytes of a set */

static const Bailey__V1__NodeRevocations none = BAILEY__V1__NODE_REVOCATIONS__INIT;

bool revoked_load(struct revoked *r, int dir_fd, struct err *e)
{
    AUTO_BUF struct buf b = {.limit = SET_MAX};
    struct err read = {0};
    ProtobufCMessage *m;

    *r = (struct revoked){.dir_fd = dir_fd, .now = &none};
    arena_init(&r->arena, 4 * SET_MAX);
    if (!file_read(dir_fd, FILE_NAME, &b, &read)) {
        if (read.code == ERR_MISSING)
            return true;
        if (e != NULL)
            *e = read;
        return false;
    }
    if (!proto_unpack(&bailey__v1__node_revocations__descriptor, buf_bytes(&b), &r->arena, &m, e))
        return err_wrap(e, "%s", FILE_NAME),
               err_mend(e, "restore the file, or enrol this node anew with an empty folder");
    r->now = (const Bailey__V1__NodeRevocations *)m;
    return true;
}

void revoked_fini(struct revoked *r)
{
    arena_fini(&r->arena);
    r->now = &none;
}

static void pack(const Bailey__V1__NodeRevocations *m, struct buf *out)
{
    out->limit = SET_MAX;
    proto_pack(&m->base, out);
}

bool revoked_take(struct revoked *r, const Bailey__V1__NodeRevocations *m, struct err *e)
{
    AUTO_BUF struct buf was = {0};
    AUTO_BUF struct buf is = {0};
    struct arena fresh;
    ProtobufCMessage *copy;

    if (m->policy_revision < r->now->policy_revision)
        return true;
    pack(r->now, &was);
    pack(m, &is);
    if (!buf_ok(&is, e))
        return false;
    if (bytes_equal(buf_bytes(&was), buf_bytes(&is)))
        return true;
    arena_init(&fresh, 4 * SET_MAX);
    if (!proto_unpack(m->base.descriptor, buf_bytes(&is), &fresh, &copy, e) ||
        !file_write(r->dir_fd, FILE_NAME, buf_bytes(&is), 0600, e)) {
        arena_fini(&fresh);
        return false;
    }
    arena_fini(&r->arena);
    r->arena = fresh;
    r->now = (const Bailey__V1__NodeRevocations *)copy;
    return true;
}

static bool excepted(const Bailey__V1__NodeRevocation *v, const char *ns, const char *workload)
{
    char name[192];

    (void)snprintf(name, sizeof name, "%s/%s", ns, workload);
    for (size_t i = 0; i < v->n_except; i++)
        if (strcmp(v->except[i], name) == 0)
            return true;
    return false;
}

bool revoked_admits(const struct revoked *r, const Bailey__V1__StartKeep *s, struct err *e)
{
    for (size_t i = 0; i < r->now->n_in_force; i++) {
        const Bailey__V1__NodeRevocation *v = r->now->in_force[i];

        if (!excepted(v, s->namespace_, s->workload))
            return err_set(e, ERR_DENIED, "keep.revoked", "revoked by %.63s: %.120s", v->name,
                           v->because);
    }
    return true;
}

const char *revoked_stops(const struct revoked *r, const char *ns, const char *workload)
{
    for (size_t i = 0; i < r->now->n_in_force; i++)
        if (r->now->in_force[i]->stop && !excepted(r->now->in_force[i], ns, workload))
            return r->now->in_force[i]->name;
    return NULL;
}
