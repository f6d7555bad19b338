#include "agent/lease.h"

void lease_hello(struct lease *l, int64_t now_ms)
{
    l->sequence = 0;
    l->acked = 0;
    l->sent_ms[0] = now_ms;
    l->session_ms = now_ms;
}

uint64_t lease_beat(struct lease *l, int64_t now_ms)
{
    l->sequence++;
    l->sent_ms[l->sequence % LEASE_OPEN] = now_ms;
    return l->sequence;
}

bool lease_ack(struct lease *l, uint64_t sequence)
{
    int64_t sent;

    if (sequence > l->sequence || l->sequence - sequence >= LEASE_OPEN || sequence < l->acked)
        return false;
    sent = l->sent_ms[sequence % LEASE_OPEN];
    l->acked = sequence;
    l->session_ms = sent;
    if (sent <= l->renewed_ms)
        return false;
    l->renewed_ms = sent;
    return true;
}

int64_t lease_deadline(const struct lease *l, int64_t stop_after_ms)
{
    return l->renewed_ms == 0 ? 0 : l->renewed_ms + stop_after_ms;
}
