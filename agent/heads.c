#include "agent/heads.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/file.h"
#include "proto/unpack.h"

#define FILE_NAME "tree-head"
#define BEFORE "tree-head.before-rollback"

static bool same(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static bool replace(struct heads *h, struct bytes packed, struct err *e)
{
    ProtobufCMessage *m =
        protobuf_c_message_unpack(&bailey__v1__tree_head__descriptor, NULL, packed.n, packed.p);

    if (m == NULL)
        return err_set(e, ERR_INPUT, "heads.damaged", "%s cannot be read", FILE_NAME),
               err_mend(e, "restore the file, or enrol this node anew with an empty folder");
    heads_fini(h);
    h->highest = (Bailey__V1__TreeHead *)m;
    return true;
}

bool heads_load(struct heads *h, int dir_fd, struct err *e)
{
    AUTO_BUF struct buf b = {.limit = 4096};
    AUTO_ARENA struct arena a;
    ProtobufCMessage *m;
    struct err read = {0};

    *h = (struct heads){.dir_fd = dir_fd};
    if (!file_read(dir_fd, FILE_NAME, &b, &read)) {
        if (read.code == ERR_MISSING)
            return true;
        if (e != NULL)
            *e = read;
        return false;
    }
    arena_init(&a, 1 << 16);
    if (!proto_unpack(&bailey__v1__tree_head__descriptor, buf_bytes(&b), &a, &m, &read) ||
        ((const Bailey__V1__TreeHead *)m)->size == 0)
        return err_set(e, ERR_INPUT, "heads.damaged", "%s cannot be read", FILE_NAME),
               err_mend(e, "restore the file, or enrol this node anew with an empty folder");
    return replace(h, buf_bytes(&b), e);
}

void heads_fini(struct heads *h)
{
    if (h->highest != NULL)
        protobuf_c_message_free_unpacked(&h->highest->base, NULL);
    h->highest = NULL;
}

bool heads_take(struct heads *h, const Bailey__V1__TreeHead *m, struct err *e)
{
    AUTO_BUF struct buf packed = {.limit = 4096};

    if (h->highest != NULL && m->size < h->highest->size)
        return err_set(e, ERR_CONFLICT, "heads.lower",
                       "the controller's audit log has %" PRIu64 " entries, it had %" PRIu64,
                       m->size, h->highest->size),
               err_mend(e, "was the controller's store put back?");
    if (h->highest != NULL && m->size == h->highest->size) {
        if (same(&m->root, &h->highest->root))
            return true;
        return err_set(e, ERR_CONFLICT, "heads.fork",
                       "the controller's audit log of %" PRIu64 " entries is another one now",
                       m->size);
    }
    if (m->size == 0)
        return true;
    proto_pack(&m->base, &packed);
    return buf_ok(&packed, e) && file_write(h->dir_fd, FILE_NAME, buf_bytes(&packed), 0600, e) &&
           replace(h, buf_bytes(&packed), e);
}

bool heads_forget(struct heads *h, struct err *e)
{
    if (h->highest == NULL)
        return true;
    if (renameat(h->dir_fd, FILE_NAME, h->dir_fd, BEFORE) != 0 && errno != ENOENT)
        return err_errno(e, errno, "heads.forget", "%s", FILE_NAME);
    if (fsync(h->dir_fd) != 0)
        return err_errno(e, errno, "heads.forget", "the folder of %s", FILE_NAME);
    heads_fini(h);
    return true;
}
