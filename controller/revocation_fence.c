/* Telling agents which revocations name their platform, after the commit; and until when. */
#include <stdlib.h>

#include "base/str.h"
#include "controller/failpoint.h"
#include "controller/revocation.h"
#include "controller/revocation_int.h"
#include "controller/session_rpc.h"
#include "controller/txn.h"
#include "proto/unpack.h"

#define MESSAGE_LIMIT (1u << 20)
#define NAMED_MAX 64 /* revocations that name one node */

/* Workloads with an exception that surely passes it on this platform. */
static bool put_except(const struct state *st, const struct node *n, const struct revocation *r,
                       struct arena *a, Bailey__V1__NodeRevocation *m)
{
    const struct effective *ef = st->effective;
    int64_t now_s = state_wall_ms(st) / 1000;

    m->except = arena_array(a, ef->exceptions_n + 1, sizeof *m->except);
    for (size_t i = 0; m->except != NULL && i < ef->exceptions_n; i++) {
        const struct exception *x = &ef->exceptions[i];
        bool there = false;

        if (now_s >= x->until_s || strcmp(x->revocation, r->name) != 0)
            continue;
        for (size_t k = 0; k < x->platforms_n && !there; k++)
            there = selector_eval(&x->platforms[k], &n->facts, SENSE_ACCEPT, SIMULATED_DEFAULT) ==
                    TRUTH_YES;
        if (!there)
            continue;
        m->except[m->n_except] = arena_printf(a, "%s/%s", x->namespace, x->workload);
        if (m->except[m->n_except++] == NULL)
            return false;
    }
    return m->except != NULL;
}

Bailey__V1__NodeRevocations *revocation_message(const struct state *st, const struct node *n,
                                                struct arena *a)
{
    Bailey__V1__NodeRevocations *all = arena_alloc(a, sizeof *all);
    uint32_t of[NAMED_MAX];
    size_t found = revocations_of(st, n, of, NAMED_MAX);
    Bailey__V1__NodeRevocation *v = arena_array(a, found + 1, sizeof *v);

    if (all == NULL || v == NULL)
        return NULL;
    bailey__v1__node_revocations__init(all);
    all->policy_revision = st->policy_committed;
    all->in_force = arena_array(a, found + 1, sizeof *all->in_force);
    for (size_t i = 0; all->in_force != NULL && i < found; i++) {
        const struct revocation *r = &st->effective->revocations[of[i]];

        bailey__v1__node_revocation__init(&v[i]);
        v[i].name = (char *)(uintptr_t)r->name;
        v[i].because = revocation_object(st, r)->revocation->spec->because;
        v[i].stop = r->action == REVOCATION_STOP;
        if (!put_except(st, n, r, a, &v[i]))
            return NULL;
        all->in_force[all->n_in_force++] = &v[i];
    }
    return all->in_force == NULL ? NULL : all;
}

/* FNV-1a of what it says, apart from the revision. Never 0. */
static uint64_t print_of(Bailey__V1__NodeRevocations *m)
{
    AUTO_BUF struct buf packed = {0};
    uint64_t revision = m->policy_revision, h = UINT64_C(0xcbf29ce484222325);

    m->policy_revision = 0;
    proto_pack(&m->base, &packed);
    m->policy_revision = revision;
    for (size_t i = 0; i < packed.n; i++)
        h = (h ^ packed.p[i]) * UINT64_C(0x100000001b3);
    return h | 1;
}

void revocation_tell(struct state *st, struct node *n)
{
    Bailey__V1__ControllerMessage m = BAILEY__V1__CONTROLLER_MESSAGE__INIT;
    AUTO_ARENA struct arena a;
    uint64_t print;

    arena_init(&a, MESSAGE_LIMIT);
    if (n->session == NULL || !session_ready(n->session))
        return;
    m.revocations = revocation_message(st, n, &a);
    BUG_ON(m.revocations == NULL);
    print = print_of(m.revocations);
    if (print == n->told_print)
        return;
    n->told_print = print;
    n->awaits = m.revocations->policy_revision;
    m.message_case = BAILEY__V1__CONTROLLER_MESSAGE__MESSAGE_REVOCATIONS;
    session_send(n->session, &m);
    if (m.revocations->n_in_force > 0)
        failpoint(FAIL_TOLD_FIRST);
}

static void tell_all(struct state *st, void *data)
{
    uint64_t *revision = data;
    struct node *n;

    if (*revision > st->policy_committed)
        st->policy_committed = *revision;
    free(revision);
    for (size_t i = 0; (n = map_next(&st->nodes, &i)) != NULL;)
        revocation_tell(st, n);
    if (st->effective->revocations_n > 0)
        failpoint(FAIL_TOLD_ALL);
    revocation_fenced(st);
}

void revocation_tell_later(struct state *st)
{
    uint64_t *revision = malloc(sizeof *revision);

    BUG_ON(revision == NULL);
    *revision = st->cluster->policy_revision;
    txn_after(st, tell_all, revision);
}

void revocation_kept(struct state *st, struct node *n, uint64_t revision)
{
    if (n->awaits == 0 || revision < n->awaits)
        return;
    n->awaits = 0;
    if (st->effective->revocations_n > 0)
        failpoint(FAIL_KEPT_FIRST);
    revocation_fenced(st);
}

void revocation_session(struct node *n)
{
    n->awaits = 0;
    n->told_print = 0;
}

uint32_t revocation_unfenced(const struct state *st, const struct trust_object *t)
{
    const struct effective *ef = st->effective;
    uint32_t open = 0;
    const struct node *n;

    for (size_t i = 0; i < ef->revocations_n; i++) {
        if (strcmp(ef->revocations[i].name, t->object.key) != 0)
            continue;
        for (size_t k = 0; (n = map_next(&st->nodes, &k)) != NULL;)
            open += n->awaits != 0 && n->known && node_connected(st, n) &&
                    rules_refusing(&ef->revocations[i].rules, &n->facts, SIMULATED_DEFAULT, NULL) !=
                        NULL;
    }
    return open;
}

/* Agents answer one by one: nothing is looked through while any of them is awaited. */
void revocation_fenced(struct state *st)
{
    int64_t wall = state_wall_ms(st);
    bool open = false;
    const struct node *n;

    for (size_t i = 0; i < st->effective->revocations_n; i++) {
        const Bailey__V1__RevocationStatus *s =
            revocation_object(st, &st->effective->revocations[i])->revocation->status;

        open |= s->fenced_at[0] == '\0' && s->revision <= st->policy_committed;
    }
    if (!open)
        return;
    for (size_t k = 0; (n = map_next(&st->nodes, &k)) != NULL;)
        if (n->awaits != 0 && node_connected(st, n))
            return;
    if (state_now_ms(st) < st->started_ms + st->options.lease_ms && !revoker_began(st))
        return; /* after a restart agents have a lease's time to come back */
    for (size_t i = 0; i < st->effective->revocations_n; i++) {
        struct trust_object *t = revocation_object(st, &st->effective->revocations[i]);
        Bailey__V1__RevocationStatus *s = trust_revocation_status(t);

        if (s->fenced_at[0] != '\0' || s->revision > st->policy_committed)
            continue;
        text_set_time(&s->fenced_at, wall / 1000);
        s->fenced_after_ms = (uint32_t)(wall - s->committed_at_ms);
        txn_touch(st, &t->object);
        event_add(st, &t->object, "normal", "revocation.fenced", "controller",
                  "every connected agent of %u nodes refuses it; %u away", s->nodes, s->nodes_away);
        failpoint(FAIL_FENCED);
    }
}
