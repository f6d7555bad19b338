#include "agent/loader/control.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/rd.h"
#include "base/str.h"

#define MAGIC 0x31796c42u /* "Bly1" */

void control_pack(const struct control *c, uint8_t out[CONTROL_REQUEST])
{
    const uint32_t head[2] = {MAGIC, (uint32_t)c->kind};

    memset(out, 0, CONTROL_REQUEST);
    for (size_t i = 0; i < 8; i++) {
        out[i] = (uint8_t)(head[i / 4] >> (8 * (i % 4)));
        out[8 + i] = (uint8_t)((uint64_t)c->value >> (8 * i));
    }
    (void)str_copy((char *)out + 16, CONTROL_TEXT, c->text);
}

bool control_parse(struct bytes in, struct control *out, struct err *e)
{
    struct rd r = rd_init(in);
    struct control c = {0};
    uint32_t kind;

    if (rd_le32(&r, "magic") != MAGIC)
        rd_bad(&r, "magic");
    kind = rd_le32(&r, "kind");
    if (kind < CONTROL_INFO || kind > CONTROL_DEADLINE)
        rd_bad(&r, "kind");
    c.kind = (enum control_kind)kind;
    c.value = (int64_t)rd_le64(&r, "value");
    rd_copy(&r, c.text, sizeof c.text, "text");
    if (c.text[CONTROL_TEXT - 1] != '\0')
        rd_bad(&r, "text");
    if (!rd_end(&r, e))
        return false;
    *out = c;
    return true;
}

#define BEGIN_MAGIC 0x32796c42u /* "Bly2" */

static void put_le(uint8_t *out, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(v >> (8 * i));
}

size_t control_begin_pack(const struct control_begin *c, uint8_t out[CONTROL_BEGIN])
{
    size_t dir = strlen(c->dir), artifact = strlen(c->artifact);

    put_le(out, BEGIN_MAGIC, 4);
    put_le(out + 4, (uint64_t)c->deadline_ms, 8);
    put_le(out + 12, dir, 2);
    put_le(out + 14, artifact, 2);
    memcpy(out + 16, c->dir, dir);
    memcpy(out + 16 + dir, c->artifact, artifact);
    return 16 + dir + artifact;
}

bool control_begin_parse(struct bytes in, struct control_begin *out, struct err *e)
{
    struct rd r = rd_init(in);
    struct control_begin c = {0};
    size_t dir, artifact;

    if (rd_le32(&r, "magic") != BEGIN_MAGIC)
        rd_bad(&r, "magic");
    c.deadline_ms = (int64_t)rd_le64(&r, "deadline");
    dir = rd_le16(&r, "dir");
    artifact = rd_le16(&r, "artifact");
    if (dir >= sizeof c.dir || artifact >= sizeof c.artifact)
        rd_bad(&r, "dir");
    rd_copy(&r, c.dir, dir, "dir");
    rd_copy(&r, c.artifact, artifact, "artifact");
    if (!rd_end(&r, e))
        return false;
    *out = c;
    return true;
}

static bool address(int dir_fd, struct sockaddr_un *a, int *fd, struct err *e)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(a->sun_path, sizeof a->sun_path, "/proc/self/fd/%d/%s", dir_fd, CONTROL_SOCKET);
    *fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0)
        return err_errno(e, errno, "control.socket", "control socket");
    return true;
}

bool control_listen(int dir_fd, int *out, struct err *e)
{
    struct sockaddr_un a;
    int fd, saved;

    if (!address(dir_fd, &a, &fd, e))
        return false;
    (void)unlinkat(dir_fd, CONTROL_SOCKET, 0);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 8) == 0) {
        *out = fd;
        return true;
    }
    saved = errno;
    (void)close(fd);
    return err_errno(e, saved, "control.listen", "control socket");
}

bool control_connect(int dir_fd, int *out, struct err *e)
{
    struct sockaddr_un a;
    int fd, saved;

    if (!address(dir_fd, &a, &fd, e))
        return false;
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) {
        *out = fd;
        return true;
    }
    saved = errno;
    (void)close(fd);
    return err_errno(e, saved, "control.connect", "control socket");
}

bool control_send(int fd, const struct control *c, struct err *e)
{
    uint8_t packet[CONTROL_REQUEST];

    control_pack(c, packet);
    if (send(fd, packet, sizeof packet, MSG_NOSIGNAL) != (ssize_t)sizeof packet)
        return err_errno(e, errno, "control.send", "control socket");
    return true;
}
