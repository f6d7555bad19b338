/* control.h - what agent and loader say to each other over <keep folder>/control, a Unix
 * SOCK_SEQPACKET socket: one packet is one message.
 *
 * To the loader: a fixed request. From it: the keep's bailey.v1.KeepReport, at once after
 * connecting and after every change. */
#ifndef LOADER_CONTROL_H
#define LOADER_CONTROL_H

#include "base/bytes.h"
#include "base/err.h"

enum control_kind {
    CONTROL_INFO = 1,     /* report now */
    CONTROL_STOP = 2,     /* value: grace in milliseconds; text: why */
    CONTROL_DEADLINE = 3, /* value: CLOCK_BOOTTIME milliseconds; only ever moves later */
};

#define CONTROL_TEXT 96
#define CONTROL_REQUEST (8 + 8 + CONTROL_TEXT) /* bytes: magic, kind, value, text with NULs */
#define CONTROL_REPORT 4096                    /* the most a report takes */
#define CONTROL_SOCKET "control"

struct control {
    enum control_kind kind;
    int64_t value;
    char text[CONTROL_TEXT];
};

/* The first packet to a loader that was started before there was a keep for it (keep.h). */
#define CONTROL_BEGIN 1400 /* the most it has */
struct control_begin {
    int64_t deadline_ms;
    char dir[640], artifact[640]; /* the keep's folder, the program's file */
};

size_t control_begin_pack(const struct control_begin *c, uint8_t out[CONTROL_BEGIN]);
NODISCARD bool control_begin_parse(struct bytes in, struct control_begin *out, struct err *e);

void control_pack(const struct control *c, uint8_t out[CONTROL_REQUEST]);
NODISCARD bool control_parse(struct bytes in, struct control *out, struct err *e);

/* The keep folder's socket, however long the folder's path: names go through /proc/self/fd, for a
 * socket address holds 107 bytes. Both are non-blocking and close-on-exec. */
NODISCARD bool control_listen(int dir_fd, int *out, struct err *e);
NODISCARD bool control_connect(int dir_fd, int *out, struct err *e);
NODISCARD bool control_send(int fd, const struct control *c, struct err *e);

#endif
