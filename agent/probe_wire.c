#include "agent/probe_wire.h"

#include <string.h>

#include "base/rd.h"
#include "base/str.h"

#define QUESTION "BAILEYQ1"
#define ANSWER "BAILEYA1"
#define MAGIC 8
#define LOWEST 0xff

void probe_question_put(const struct probe_question *q, struct buf *out)
{
    buf_puts(out, QUESTION);
    buf_put(out, q->report_data, sizeof q->report_data);
    buf_le(out, q->privlevel < 0 ? LOWEST : (uint64_t)q->privlevel, 1);
    buf_zero(out, 7);
}

bool probe_question_parse(struct bytes in, struct probe_question *out, struct err *e)
{
    struct rd r = rd_init(in);
    struct bytes magic = rd_take(&r, MAGIC, "question");
    struct probe_question q;
    uint8_t level;

    rd_copy(&r, q.report_data, sizeof q.report_data, "report data");
    level = rd_u8(&r, "level");
    rd_zero(&r, 7, "reserved");
    if (!rd_end(&r, e))
        return false;
    if (!bytes_equal(magic, bytes_str(QUESTION)) || (level > 3 && level != LOWEST))
        return err_set(e, ERR_INPUT, "probe.question", "not a question to a probe");
    q.privlevel = level == LOWEST ? -1 : level;
    *out = q;
    return true;
}

/* A short text or name, cut to what one byte counts. */
static void text_put(struct buf *b, const char *s)
{
    size_t n = strlen(s) < 255 ? strlen(s) : 255;

    buf_le(b, n, 1);
    buf_put(b, s, n);
}

static void bytes_put(struct buf *b, const struct buf *from)
{
    buf_le(b, from->n, 4);
    buf_put(b, from->p, from->n);
}

void probe_answer_put(const char *source, const struct source_evidence *got, const struct err *why,
                      struct buf *out)
{
    AUTO_BUF struct buf b = {.limit = PROBE_ANSWER_MAX};

    buf_le(&b, got == NULL, 1);
    if (got == NULL) {
        text_put(&b, why->msg);
    } else {
        text_put(&b, source);
        bytes_put(&b, &got->evidence);
        buf_le(&b, got->files_n, 1);
        for (unsigned i = 0; i < got->files_n; i++) {
            text_put(&b, got->files[i].name);
            bytes_put(&b, &got->files[i].bytes);
        }
    }
    buf_puts(out, ANSWER);
    buf_le(out, b.n, 4);
    buf_put(out, b.p, b.n);
}

static bool wrong(struct err *e, const char *what)
{
    return err_set(e, ERR_IO, "probe.answer", "not the answer of a probe: %s", what);
}

bool probe_answer_size(const uint8_t head[PROBE_HEAD], size_t *size, struct err *e)
{
    struct rd r = rd_init((struct bytes){head, PROBE_HEAD});
    struct bytes magic = rd_take(&r, MAGIC, "answer");
    uint32_t n = rd_le32(&r, "length");

    if (!bytes_equal(magic, bytes_str(ANSWER)))
        return wrong(e, "its first bytes");
    if (n > PROBE_ANSWER_MAX - PROBE_HEAD)
        return wrong(e, "it is too long");
    *size = PROBE_HEAD + (size_t)n;
    return true;
}

static bool text_take(struct rd *r, char *out, size_t size)
{
    struct bytes b = rd_take(r, rd_u8(r, "length"), "text");

    if (b.n >= size || !utf8_ok(b))
        return false;
    memset(out, 0, size);
    if (b.n > 0)
        memcpy(out, b.p, b.n);
    return true;
}

static bool bytes_take(struct rd *r, struct buf *out)
{
    struct bytes b = rd_take(r, rd_le32(r, "length"), "bytes");

    out->limit = SOURCE_FILE_MAX;
    buf_put(out, b.p, b.n);
    return buf_ok(out, NULL);
}

static bool refusal(struct rd *r, struct err *e)
{
    char text[256], shown[300];

    if (!text_take(r, text, sizeof text) || !rd_end(r, NULL))
        return wrong(e, "a refusal without words");
    return err_set(e, ERR_IO, "probe.refused", "the guest says: %s",
                   str_printable(bytes_str(text), shown, sizeof shown));
}

bool probe_answer_parse(struct bytes in, char source[64], struct source_evidence *out,
                        struct err *e)
{
    AUTO_SOURCE_EVIDENCE struct source_evidence got = {0};
    struct rd r = rd_init(in);
    char name[64], file[sizeof got.files[0].name];
    size_t size;
    unsigned status, files;

    if (in.n < PROBE_HEAD || !probe_answer_size(in.p, &size, e))
        return in.n < PROBE_HEAD ? wrong(e, "it is too short") : false;
    (void)rd_take(&r, PROBE_HEAD, "head");
    status = rd_u8(&r, "status");
    if (size != in.n || status > 1)
        return wrong(e, "its length or its status");
    if (status == 1)
        return refusal(&r, e);
    if (!text_take(&r, name, sizeof name) || !bytes_take(&r, &got.evidence) || got.evidence.n == 0)
        return wrong(e, "its evidence");
    files = rd_u8(&r, "files");
    if (files > SOURCE_FILES)
        return wrong(e, "too many files");
    for (unsigned i = 0; i < files; i++)
        if (!text_take(&r, file, sizeof file) || strchr(file, '/') != NULL ||
            !bytes_take(&r, source_evidence_file(&got, file)))
            return wrong(e, "a file");
    if (!rd_end(&r, NULL))
        return wrong(e, "its end");
    (void)str_copy(source, 64, name);
    *out = got;
    got = (struct source_evidence){0};
    return true;
}
