#include "agent/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/file.h"
#include "agent/loader/logfile.h"

#define POLL_MS 150        /* looks for new output */
#define AHEAD (256u << 10) /* read from the file in one go */
#define CHUNK (32u << 10)  /* output in one message */

struct reading {
    struct logs *logs;
    uint64_t request;
    char uid[40];
    bool follow;
    struct buf text; /* records that wait to be sent, from `at` */
    size_t at;
    int fd; /* the log as far as it was read; -1: none yet */
    uv_timer_t timer;
};

bool log_record_parse(struct bytes line, int64_t *at_ms, bool *is_error, struct bytes *text)
{
    int64_t ms = 0;
    size_t i = 0;

    for (; i < line.n && i < 15 && line.p[i] >= '0' && line.p[i] <= '9'; i++)
        ms = ms * 10 + (line.p[i] - '0');
    if (i == 0 || line.n < i + 3 || line.p[i] != ' ' || line.p[i + 2] != ' ' ||
        (line.p[i + 1] != 'o' && line.p[i + 1] != 'e'))
        return false;
    *at_ms = ms;
    *is_error = line.p[i + 1] == 'e';
    *text = (struct bytes){line.p + i + 3, line.n - i - 3};
    return true;
}

size_t log_tail(struct bytes b, uint32_t lines)
{
    size_t i = b.n;

    if (lines == 0)
        return 0;
    if (i > 0 && b.p[i - 1] == '\n')
        i--;
    for (; i > 0; i--)
        if (b.p[i - 1] == '\n' && --lines == 0)
            return i;
    return 0;
}

static void on_timer_closed(uv_handle_t *h)
{
    free(h->data);
}

static void reading_end(struct reading *r)
{
    struct logs *l = r->logs;

    for (size_t i = 0; i < l->all.n; i++)
        if (l->all.v[i] == r) {
            vec_swap_out(&l->all, i);
            break;
        }
    buf_fini(&r->text);
    if (r->fd >= 0)
        (void)close(r->fd);
    uv_close((uv_handle_t *)&r->timer, on_timer_closed);
}

static bool send_end(struct logs *l, uint64_t request, const char *reason, const char *message)
{
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__LogEnd end = BAILEY__V1__LOG_END__INIT;
    Bailey__V1__Refusal refusal = BAILEY__V1__REFUSAL__INIT;

    end.request = request;
    if (reason != NULL) {
        refusal.reason = (char *)(uintptr_t)reason;
        refusal.message = (char *)(uintptr_t)message;
        end.refusal = &refusal;
    }
    m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_LOG_END;
    m.log_end = &end;
    return l->send(l->user, &m);
}

/* The next record that is complete in the text; n == 0: none. */
static struct bytes next_line(const struct reading *r, size_t from)
{
    const uint8_t *start = r->text.p + from;
    const uint8_t *end = from >= r->text.n ? NULL : memchr(start, '\n', r->text.n - from);

    return end == NULL ? (struct bytes){NULL, 0} : (struct bytes){start, (size_t)(end - start) + 1};
}

/* Lines of one stream that follow each other go together. False: no more now. */
static bool send_chunk(struct reading *r)
{
    Bailey__V1__AgentMessage m = BAILEY__V1__AGENT_MESSAGE__INIT;
    Bailey__V1__LogChunk chunk = BAILEY__V1__LOG_CHUNK__INIT;
    AUTO_BUF struct buf data = {0};
    size_t at = r->at;
    bool stream = false, error;
    struct bytes line, text;
    int64_t ms;

    while (data.n < CHUNK && (line = next_line(r, at)).n > 0) {
        if (log_record_parse(line, &ms, &error, &text)) {
            if (data.n > 0 && (error != stream || ms != chunk.at_ms))
                break;
            stream = error;
            chunk.at_ms = ms;
            buf_put(&data, text.p, text.n);
        }
        at += line.n;
    }
    if (data.n > 0) {
        chunk.request = r->request;
        chunk.stream = stream ? (char[]){"stderr"} : (char[]){"stdout"};
        chunk.data = (ProtobufCBinaryData){data.n, data.p};
        m.message_case = BAILEY__V1__AGENT_MESSAGE__MESSAGE_LOG_CHUNK;
        m.log_chunk = &chunk;
        if (!r->logs->send(r->logs->user, &m))
            return false;
    }
    if (at == r->at)
        return false;
    r->at = at;
    return true;
}

static void forget_sent(struct reading *r)
{
    if (r->at == 0)
        return;
    memmove(r->text.p, r->text.p + r->at, r->text.n - r->at);
    r->text.n -= r->at;
    r->at = 0;
}

/* Reads on where it stopped; at the end of a file that was renamed away it goes to the new one. */
static void read_more(struct reading *r, int dir_fd)
{
    static uint8_t chunk[65536];
    struct stat mine, now;
    ssize_t n = 0;

    forget_sent(r);
    if (r->fd < 0)
        r->fd = openat(dir_fd, LOGFILE_NAME, O_RDONLY | O_CLOEXEC);
    while (r->fd >= 0 && r->text.n < AHEAD && (n = read(r->fd, chunk, sizeof chunk)) > 0)
        buf_put(&r->text, chunk, (size_t)n);
    if (r->fd < 0 || n != 0 || r->text.n >= AHEAD)
        return;
    if (fstat(r->fd, &mine) == 0 && fstatat(dir_fd, LOGFILE_NAME, &now, 0) == 0 &&
        mine.st_ino != now.st_ino) {
        (void)close(r->fd);
        r->fd = openat(dir_fd, LOGFILE_NAME, O_RDONLY | O_CLOEXEC);
    }
}

static void on_timer(uv_timer_t *t)
{
    struct reading *r = t->data;
    bool ended = true;
    int dir_fd = keeps_folder(r->logs->keeps, r->uid, &ended);

    while (send_chunk(r))
        ;
    if (next_line(r, r->at).n > 0)
        return; /* the transport is full: logs_writable() */
    if (dir_fd >= 0 && (r->follow || r->fd >= 0))
        read_more(r, dir_fd);
    if (next_line(r, r->at).n > 0) {
        while (send_chunk(r))
            ;
        return;
    }
    if ((!r->follow || ended || dir_fd < 0) && send_end(r->logs, r->request, NULL, NULL))
        reading_end(r);
}

/* The end of what is there now: the last file, and the one before it if more lines are wanted. */
static void read_tail(struct reading *r, int dir_fd, uint32_t lines)
{
    AUTO_BUF struct buf b = {.limit = 4 * LOGFILE_BYTES};
    off_t size;

    (void)!file_read(dir_fd, LOGFILE_OLD, &b, NULL);
    r->fd = openat(dir_fd, LOGFILE_NAME, O_RDONLY | O_CLOEXEC);
    size = r->fd < 0 ? 0 : lseek(r->fd, 0, SEEK_END);
    if (size > 0 && size < (off_t)(2 * LOGFILE_BYTES)) {
        uint8_t *p = malloc((size_t)size);
        ssize_t n = p == NULL ? -1 : pread(r->fd, p, (size_t)size, 0);

        if (n > 0)
            buf_put(&b, p, (size_t)n);
        free(p);
    }
    r->text = b;
    b = (struct buf){0};
    r->at = log_tail(buf_bytes(&r->text), lines);
}

static struct reading *find(const struct logs *l, uint64_t request)
{
    for (size_t i = 0; i < l->all.n; i++)
        if (l->all.v[i]->request == request)
            return l->all.v[i];
    return NULL;
}

void logs_read(struct logs *l, const Bailey__V1__ReadLog *m)
{
    struct reading *r = find(l, m->request);
    bool ended;
    int dir_fd;

    if (r != NULL)
        reading_end(r);
    if (m->cancel)
        return;
    dir_fd = keeps_folder(l->keeps, m->keep_uid, &ended);
    if (dir_fd < 0) {
        (void)send_end(l, m->request, "keep.unknown", "no such keep on this node");
        return;
    }
    r = l->all.n >= LOGS_READINGS ? NULL : calloc(1, sizeof *r);
    if (r == NULL || !vec_push(&l->all, r)) {
        free(r);
        (void)send_end(l, m->request, "log.readings", "too many readers on this node");
        return;
    }
    r->logs = l;
    r->request = m->request;
    r->follow = m->follow;
    (void)memcpy(r->uid, m->keep_uid, 37); /* keeps_folder() knew it: a uid */
    read_tail(r, dir_fd, m->tail_lines);
    r->timer.data = r;
    (void)uv_timer_init(l->uv, &r->timer);
    (void)uv_timer_start(&r->timer, on_timer, 0, POLL_MS);
}

void logs_writable(struct logs *l)
{
    /* backwards: a reading that ends takes itself out, and the last one's place is looked at
     * already */
    for (size_t i = l->all.n; i > 0; i--)
        if (i <= l->all.n && next_line(l->all.v[i - 1], l->all.v[i - 1]->at).n > 0)
            on_timer(&l->all.v[i - 1]->timer);
}

void logs_drop(struct logs *l)
{
    while (l->all.n > 0)
        reading_end(l->all.v[l->all.n - 1]);
    vec_fini(&l->all);
}
