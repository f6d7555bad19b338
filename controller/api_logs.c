/* Logs: passes on what agents read from their keeps. */
#include <stdlib.h>

#include "controller/api.h"
#include "controller/session_rpc.h"

/* One reading of one keep's output at its node. */
struct reading {
    struct logs *logs;
    struct node *node;
    uint64_t request;
    char *keep; /* owned: its name */
    struct reading *next, **link;
};

struct logs { /* one call */
    struct rpc_call *call;
    struct state *st;
    size_t open; /* readings */
};

static struct reading *readings; /* of the loop thread, like everything here */
static uint64_t last_request;

static void reading_drop(struct reading *r)
{
    *r->link = r->next;
    if (r->next != NULL)
        r->next->link = r->link;
    free(r->keep);
    free(r);
}

static void send_read(struct node *n, Bailey__V1__ReadLog *m)
{
    Bailey__V1__ControllerMessage out = BAILEY__V1__CONTROLLER_MESSAGE__INIT;

    out.message_case = BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_READ_LOG;
    out.read_log = m;
    if (n->session != NULL && session_ready(n->session))
        session_send(n->session, &out);
}

static void reading_begin(struct logs *l, const struct keep *k, const Bailey__V1__LogsRequest *q)
{
    struct reading *r = calloc(1, sizeof *r);
    Bailey__V1__ReadLog m = BAILEY__V1__READ_LOG__INIT;

    BUG_ON(r == NULL);
    r->logs = l;
    r->node = k->node;
    r->request = ++last_request;
    r->keep = strdup(k->msg->metadata->name);
    BUG_ON(r->keep == NULL);
    r->next = readings;
    r->link = &readings;
    if (r->next != NULL)
        r->next->link = &r->next;
    readings = r;
    l->open++;
    m.request = r->request;
    m.keep_uid = k->msg->metadata->uid;
    m.tail_lines = q->tail_lines;
    m.follow = q->follow;
    send_read(k->node, &m);
}

static bool reachable(const struct keep *k)
{
    return k->node != NULL && k->node->session != NULL && session_ready(k->node->session);
}

static void ended_begin(struct logs *l, const struct workload *w, const Bailey__V1__LogsRequest *q)
{
    for (size_t i = 0; i < w->keeps.n; i++)
        if (!keep_live(w->keeps.v[i]) && reachable(w->keeps.v[i]))
            reading_begin(l, w->keeps.v[i], q);
}

static void on_message(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__LogsRequest *q = (const Bailey__V1__LogsRequest *)base;
    struct state *st = user;
    struct keep *k = state_keep(st, q->namespace_, q->name);
    struct workload *w = k == NULL ? state_workload(st, q->namespace_, q->name) : NULL;
    struct logs *l;
    struct err e = {0};

    if (rpc_call_user(call) != NULL)
        return;
    l = calloc(1, sizeof *l);
    BUG_ON(l == NULL);
    l->call = call;
    l->st = st;
    rpc_call_set_user(call, l);
    if (k == NULL && w == NULL) {
        err_set(&e, ERR_MISSING, "api.no-such-object", "there is no workload or keep %.64s",
                q->name);
        rpc_finish(call, &e);
        return;
    }
    if (k != NULL && reachable(k))
        reading_begin(l, k, q);
    for (size_t i = 0; w != NULL && i < w->keeps.n; i++)
        if (keep_live(w->keeps.v[i]) && reachable(w->keeps.v[i]))
            reading_begin(l, w->keeps.v[i], q);
    /* a workload that runs no more: what it wrote last */
    if (w != NULL && l->open == 0)
        ended_begin(l, w, q);
    if (l->open == 0 && w != NULL && w->keeps.n == 0) {
        err_set(&e, ERR_MISSING, "logs.no-keep", "workload %.64s has had no keep", q->name);
        rpc_finish(call, &e);
    } else if (l->open == 0) {
        err_set(&e, ERR_UNAVAIL, "logs.node-away", "no node that has the output is connected");
        rpc_finish(call, &e);
    }
}

static void on_closed(struct rpc_call *call, bool cancelled, void *user)
{
    struct logs *l = rpc_call_user(call);
    struct reading *next;

    (void)cancelled;
    (void)user;
    if (l == NULL)
        return;
    for (struct reading *r = readings; r != NULL; r = next) {
        Bailey__V1__ReadLog m = BAILEY__V1__READ_LOG__INIT;

        next = r->next;
        if (r->logs != l)
            continue;
        m.request = r->request;
        m.cancel = true;
        send_read(r->node, &m);
        reading_drop(r);
    }
    free(l);
}

/* The open reading with that number, if it is this node's to answer. */
static struct reading *find(const struct node *n, uint64_t request)
{
    for (struct reading *r = readings; r != NULL; r = r->next)
        if (r->request == request && r->node == n)
            return r;
    return NULL;
}

void logs_chunk(struct state *st, struct node *n, const Bailey__V1__LogChunk *m)
{
    struct reading *r = find(n, m->request);
    Bailey__V1__LogsResponse out = BAILEY__V1__LOGS_RESPONSE__INIT;

    (void)st;
    if (r == NULL)
        return;
    out.keep = r->keep;
    out.stream = m->stream;
    out.data = m->data;
    out.at_ms = m->at_ms;
    (void)rpc_send(r->logs->call, &out.base);
}

static void reading_over(struct reading *r, const struct err *e)
{
    struct logs *l = r->logs;

    reading_drop(r);
    if (--l->open == 0)
        rpc_finish(l->call, e);
}

void logs_end(struct state *st, struct node *n, const Bailey__V1__LogEnd *m)
{
    struct reading *r = find(n, m->request);
    struct err e = {0};

    (void)st;
    if (r == NULL)
        return;
    if (m->refusal != NULL)
        err_set(&e, ERR_UNAVAIL, "logs.refused", "%s", m->refusal->message);
    reading_over(r, m->refusal == NULL ? NULL : &e);
}

void logs_node_gone(struct state *st, struct node *n)
{
    struct reading *next;
    struct err e = {0};

    (void)st;
    err_set(&e, ERR_UNAVAIL, "logs.node-away", "the connection to node %s was lost", n->object.key);
    for (struct reading *r = readings; r != NULL; r = next) {
        next = r->next;
        if (r->node == n)
            reading_over(r, &e);
    }
}

static void on_open(struct rpc_call *call, void *user)
{
    (void)user;
    rpc_call_set_user(call, NULL);
}

const struct rpc_stream api_logs = {
    .on_open = on_open, .on_message = on_message, .on_closed = on_closed};
