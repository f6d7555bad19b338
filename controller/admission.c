#include "controller/admission.h"

#include <stdio.h>
#include <stdlib.h>

#include "bailey/v1/identity.pb-c.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "config/convert_rules.h"
#include "controller/access.h"
#include "controller/authorize.h"
#include "controller/reconcile.h"
#include "controller/reply.h"
#include "controller/session_rpc.h"
#include "controller/txn.h"

#define CHIP_TEXT (2 * FACT_ID + 1)
#define DECISION(d) BAILEY__V1__DECIDE_NODE_REQUEST__DECISION__##d

bool node_admitted(const struct node *n)
{
    const char *a = n->msg->status->approval;

    return a[0] == '\0' || strcmp(a, "approved") == 0;
}

static bool is(const struct node *n, const char *state)
{
    return strcmp(n->msg->status->approval, state) == 0;
}

/* The chip's id as hex; false: unknown or masked. */
static bool chip_of(const struct facts *f, char out[CHIP_TEXT])
{
    if (f->platform_id_n == 0)
        return false;
    hex_format((struct bytes){f->platform_id, f->platform_id_n}, out);
    return true;
}

static void approval_set(struct state *st, struct node *n, const char *state, const char *who,
                         const char *because)
{
    char reason[48];

    text_set(&n->msg->status->approval, state);
    text_set(&n->msg->status->approval_because, because);
    snprintf(reason, sizeof reason, "node.%s", state);
    event_add(st, &n->object, strcmp(state, "approved") == 0 ? "normal" : "warning", reason, who,
              "%s", because);
    txn_touch(st, &n->object);
    node_publish(st, n);
    reconcile_capacity(st);
    reconcile_node(st, n);
}

bool admission_join(const struct state *st, const char *node, const char *key_hex, struct err *e)
{
    const Bailey__V1__BanRecord *b;

    for (size_t i = 0; (b = map_next(&st->access->bans, &i)) != NULL;) {
        bool key = strcmp(b->key_fingerprint, key_hex) == 0;

        if (strcmp(b->node, node) != 0 && !key)
            continue;
        return err_set(e, ERR_DENIED, key ? "enrol.banned-key" : "enrol.banned-name",
                       "node %s was banned by %s at %s%s%s", b->node, b->by, b->at,
                       b->because[0] == '\0' ? "" : ": ", b->because),
               err_field(e, key ? "csr" : "node"), err_found(e, "%.63s", node),
               err_mend(e, "bailey node unban %s lets it come back with a new token", b->node);
    }
    return true;
}

void admission_joined(struct state *st, struct node *n)
{
    if (settings_of(st)->approve_nodes)
        approval_set(st, n, "pending", "controller", "new nodes wait for approval");
    else if (n->msg->status->approval[0] != '\0') /* it was evicted and is back */
        approval_set(st, n, "approved", "controller", "it joined again with a new token");
}

bool admission_evidence(struct state *st, struct node *n, const struct facts *facts, struct err *e)
{
    const Bailey__V1__BanRecord *b;
    const char *holder;
    char chip[CHIP_TEXT];

    if (!chip_of(facts, chip)) {
        admission_forget(st, n);
        return true;
    }
    for (size_t i = 0; (b = map_next(&st->access->bans, &i)) != NULL;)
        if (strcmp(b->platform_id, chip) == 0)
            return err_set(e, ERR_DENIED, "evidence.chip-banned",
                           "this chip came with node %s, which was banned by %s", b->node, b->by),
                   err_field(e, "platform_id"), err_found(e, "%.32s...", chip),
                   err_mend(e, "bailey node unban %s", b->node);
    holder = chips_holder(st->access, chip);
    if (holder != NULL && strcmp(holder, n->object.key) != 0) {
        err_set(e, ERR_DENIED, "evidence.chip-bound", "this chip is node %s's", holder);
        err_field(e, "platform_id");
        err_found(e, "%.32s...", chip);
        err_mend(e, "evict or delete node %s if the machine has another name now", holder);
        return false;
    }
    if (holder == NULL) {
        admission_forget(st, n);
        chips_bind(st->access, chip, n->object.key);
    }
    return true;
}

void admission_forget(struct state *st, const struct node *n)
{
    chips_release(st->access, n->object.key);
}

static bool rule_approves(const struct state *st, const struct node *n)
{
    const Bailey__V1__ClusterSettings *s = settings_of(st);
    AUTO_ARENA struct arena a;

    arena_init(&a, 1 << 20);
    for (size_t i = 0; n->has_facts && i < s->n_auto_approve; i++) {
        struct selector selector;

        if (selector_from_message(s->auto_approve[i], &a, &selector, NULL) &&
            selector_eval(&selector, &n->facts, SENSE_ACCEPT, SIMULATED_DEFAULT) == TRUTH_YES)
            return true;
    }
    return false;
}

void admission_facts(struct state *st, struct node *n)
{
    if (!is(n, "pending"))
        return;
    if (!settings_of(st)->approve_nodes)
        approval_set(st, n, "approved", "controller", "the settings ask for no approval any more");
    else if (rule_approves(st, n))
        approval_set(st, n, "approved", "controller", "its evidence proves what a rule approves");
}

void admission_settings_changed(struct state *st)
{
    struct node *n;

    for (size_t i = 0; (n = map_next(&st->nodes, &i)) != NULL;)
        admission_facts(st, n);
}

static void ban_put(struct state *st, const struct node *n, const char *who, const char *because)
{
    Bailey__V1__BanRecord m = BAILEY__V1__BAN_RECORD__INIT, *copy, *old;
    const Bailey__V1__NodeStatus *status = n->msg->status;
    char key[96], chip[CHIP_TEXT] = "", at[TIME_TEXT];

    if (n->has_facts)
        (void)chip_of(&n->facts, chip);
    m.node = n->object.key;
    m.key_fingerprint = status->key_fingerprint;
    m.platform_id = chip[0] != '\0' || status->facts == NULL ? chip : status->facts->platform_id;
    m.because = (char *)(uintptr_t)because;
    m.by = (char *)(uintptr_t)who;
    m.at = (char *)(uintptr_t)time_format(state_wall_ms(st) / 1000, at);
    copy = (Bailey__V1__BanRecord *)message_clone(&m.base);
    BUG_ON(copy == NULL);
    old = map_remove(&st->access->bans, bytes_str(copy->node));
    message_free(old == NULL ? NULL : &old->base);
    BUG_ON(!map_put(&st->access->bans, bytes_str(copy->node), copy));
    snprintf(key, sizeof key, "ban/%s", copy->node);
    txn_put(st, key, &copy->base);
}

/* Its certificate is worth nothing from now on; its keeps end with its lease. */
static void put_out(struct state *st, struct node *n, const char *state, const char *who,
                    const char *because)
{
    Bailey__V1__NodeStatus *status = n->msg->status;
    struct err e = {0};

    text_set(&status->key_fingerprint, "");
    n->has_facts = false;
    n->cert_until_s = 0;
    message_free(status->facts == NULL ? NULL : &status->facts->base);
    status->facts = NULL;
    status->trust = NODE_TRUST(unattested);
    admission_forget(st, n);
    approval_set(st, n, state, who, because);
    err_set(&e, ERR_DENIED, "session.put-out", "node %s was %s", n->object.key, state);
    session_end(n->session, &e);
}

static bool decide(struct state *st, const Bailey__V1__DecideNodeRequest *r, const char *who,
                   const char **outcome, struct err *e)
{
    struct node *n = state_node(st, r->node);
    Bailey__V1__BanRecord *b = map_get(&st->access->bans, bytes_str(r->node));
    const char *because = r->because[0] == '\0' ? "no reason was given" : r->because;
    bool out = n != NULL && (is(n, "evicted") || is(n, "banned"));
    char key[96];

    if (strlen(r->because) > 1000)
        return err_set(e, ERR_LIMIT, "node.because", "the reason is too long"),
               err_field(e, "because"), err_expected(e, "at most 1000 bytes");
    if (r->decision == DECISION(unban)) {
        if (b == NULL)
            return err_set(e, ERR_MISSING, "node.not-banned", "node %.63s is not banned", r->node);
        snprintf(key, sizeof key, "ban/%s", b->node);
        txn_delete(st, key);
        map_remove(&st->access->bans, bytes_str(b->node));
        message_free(&b->base);
        if (n != NULL)
            approval_set(st, n, "evicted", who, because);
        *outcome = "unbanned";
        return true;
    }
    if (n == NULL)
        return err_set(e, ERR_MISSING, "api.no-such-object", "there is no node %.63s", r->node);
    if (out && r->decision != DECISION(ban))
        return err_set(e, ERR_CONFLICT, "node.put-out", "node %s is %s", r->node,
                       n->msg->status->approval),
               err_mend(e, b == NULL ? "it may join again with a new token"
                                     : "bailey node unban first, then a new token");
    switch (r->decision) {
    case DECISION(approve):
        *outcome = "approved";
        approval_set(st, n, *outcome, who, because);
        return true;
    case DECISION(deny):
        *outcome = "denied";
        approval_set(st, n, *outcome, who, because);
        return true;
    case DECISION(evict):
        *outcome = "evicted";
        put_out(st, n, *outcome, who, because);
        return true;
    case DECISION(ban):
        *outcome = "banned";
        if (!is(n, "banned"))
            ban_put(st, n, who, because);
        put_out(st, n, *outcome, who, because);
        return true;
    case DECISION(unban): /* above */
    case DECISION(DECISION_UNSPECIFIED):
    default:
        return err_set(e, ERR_INPUT, "node.decision", "no such decision"), err_field(e, "decision"),
               err_expected(e, "approve, deny, evict, ban or unban");
    }
}

void admission_decide(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    Bailey__V1__DecideNodeResponse out = BAILEY__V1__DECIDE_NODE_RESPONSE__INIT;
    struct state *st = user;
    const char *outcome = "";
    struct err e = {0};

    if (!decide(st, (const Bailey__V1__DecideNodeRequest *)base, peer_user(st, rpc_call_peer(call)),
                &outcome, &e)) {
        rpc_fail(call, &e);
        return;
    }
    out.outcome = (char *)(uintptr_t)outcome;
    reply_settled(st, call, &out.base);
}
