/* probe_wire.h - what a host and the probe in its guest say to each other over a serial port; see
 * source_probe.c. All numbers are little-endian.
 *
 *   question (80 bytes)  "BAILEYQ1", 64 bytes of report data, level (1 byte; ff: the lowest that
 *                        may), 7 zero bytes
 *   answer               "BAILEYA1", length of the rest (4), status (1), then
 *     status 0: source's name (1 + n), evidence (4 + n), files (1), each a name (1 + n), bytes (4 +
 * n) status 1: the reason in words (1 + n)
 *
 * Neither side trusts the other: the guest's owner judges by the signature, and the host's memory
 * is bounded. */
#ifndef AGENT_PROBE_WIRE_H
#define AGENT_PROBE_WIRE_H

#include "agent/source.h"
#include "base/bytes.h"

#define PROBE_QUESTION 80
#define PROBE_HEAD 12             /* of an answer: what says how long it is */
#define PROBE_ANSWER_MAX 0x110000 /* SOURCE_FILES and the evidence at their largest */
#define PROBE_PORT "org.bailey.probe"

struct probe_question {
    uint8_t report_data[SOURCE_REPORT_DATA];
    int privlevel; /* -1: the lowest that may */
};

void probe_question_put(const struct probe_question *q, struct buf *out);
NODISCARD bool probe_question_parse(struct bytes in, struct probe_question *out, struct err *e);

/* An answer with evidence from that source; or, with `got` NULL, the reason why there is none. */
void probe_answer_put(const char *source, const struct source_evidence *got, const struct err *why,
                      struct buf *out);

/* How long the answer with this head is, head included. "probe.answer". */
NODISCARD bool probe_answer_size(const uint8_t head[PROBE_HEAD], size_t *size, struct err *e);

/* A whole answer. source: at least 64 bytes. ERR_IO "probe.refused" with the guest's words, or
 * "probe.answer" when it is none; *out is untouched then. */
NODISCARD bool probe_answer_parse(struct bytes in, char source[64], struct source_evidence *out,
                                  struct err *e);

#endif
