/* lease.h - which heartbeats were acknowledged, and what that is worth. Pure; times are
 * CLOCK_BOOTTIME milliseconds. A keep may run until the moment its last acknowledged heartbeat was
 * SENT plus its stopAfter: the controller counts from a later moment, so it never replaces early.
 */
#ifndef AGENT_LEASE_H
#define AGENT_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#define LEASE_OPEN 32 /* heartbeats that wait for their acknowledgement */

struct lease {
    uint64_t sequence;           /* of the last heartbeat sent in this session */
    int64_t sent_ms[LEASE_OPEN]; /* by sequence modulo LEASE_OPEN; 0 is the Hello */
    uint64_t acked;              /* highest sequence acknowledged */
    int64_t session_ms; /* when this session's last sign from the controller was asked for */
    int64_t renewed_ms; /* over all sessions: the send time that counts; 0: never */
};

void lease_hello(struct lease *l, int64_t now_ms);    /* a new session begins */
uint64_t lease_beat(struct lease *l, int64_t now_ms); /* the sequence to send */
/* True when the deadlines move. sequence 0: the Welcome. An acknowledgement of what was never sent,
 * or was sent too long ago to know when, moves nothing. */
bool lease_ack(struct lease *l, uint64_t sequence);

/* When a keep must be over; 0: the controller was never heard of. */
int64_t lease_deadline(const struct lease *l, int64_t stop_after_ms);

#endif
