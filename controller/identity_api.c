/* bailey.v1.Identity: users, approvals, settings. The CA's part is in ca_api.c, the nodes' in
 * admission.c. */
#include <stdlib.h>

#include "bailey/v1/identity.pb-c.h"
#include "base/log.h"
#include "base/str.h"
#include "config/convert_rules.h"
#include "controller/access.h"
#include "controller/admission.h"
#include "controller/approval.h"
#include "controller/authorities.h"
#include "controller/authorize.h"
#include "controller/ca_api.h"
#include "controller/reply.h"
#include "controller/share.h"
#include "controller/txn.h"

static const char *who(const struct state *st, struct rpc_call *call)
{
    return peer_user(st, rpc_call_peer(call));
}

const char *cluster_bundle(const struct state *st)
{
    return st->access->authorities == NULL ? ca_pem(st->ca)
                                           : buf_str(&st->access->authorities->bundle);
}

static void create_user(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    Bailey__V1__CreateUserResponse out = BAILEY__V1__CREATE_USER_RESPONSE__INIT;
    struct state *st = user;
    AUTO_BUF struct buf pem = {0};
    struct err e = {0};

    if (!user_create(st, (const Bailey__V1__CreateUserRequest *)base, who(st, call), &out.user,
                     &pem, &e)) {
        rpc_fail(call, &e);
        return;
    }
    out.certificate = (char *)(uintptr_t)buf_str(&pem);
    out.ca = (char *)(uintptr_t)cluster_bundle(st);
    reply_settled(st, call, &out.base);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(Bailey__V1__User *const *)a)->name, (*(Bailey__V1__User *const *)b)->name);
}

static void list_users(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    Bailey__V1__ListUsersResponse out = BAILEY__V1__LIST_USERS_RESPONSE__INIT;
    struct state *st = user;
    const Bailey__V1__UserRecord *m;
    struct err e = {0};

    (void)base;
    out.users = arena_array(rpc_call_arena(call), st->access->users.n + 1, sizeof *out.users);
    if (out.users == NULL) {
        err_set(&e, ERR_LIMIT, "api.memory", "too many users for one answer");
        rpc_fail(call, &e);
        return;
    }
    for (size_t i = 0; (m = map_next(&st->access->users, &i)) != NULL;)
        out.users[out.n_users++] = m->user;
    qsort(out.users, out.n_users, sizeof *out.users, by_name);
    reply_settled(st, call, &out.base);
}

static void revoke_user(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__RevokeUserRequest *r = (const Bailey__V1__RevokeUserRequest *)base;
    Bailey__V1__RevokeUserResponse out = BAILEY__V1__REVOKE_USER_RESPONSE__INIT;
    struct state *st = user;
    struct err e = {0};

    if (!user_revoke(st, r->name, r->serial, who(st, call), &out.user, &e)) {
        rpc_fail(call, &e);
        return;
    }
    reply_settled(st, call, &out.base);
}

static void who_am_i(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    Bailey__V1__WhoAmIResponse out = BAILEY__V1__WHO_AM_IRESPONSE__INIT;
    struct state *st = user;

    (void)base;
    out.user = user_find(st, who(st, call));
    out.serial = (char *)(uintptr_t)rpc_call_peer(call)->serial;
    out.ca = (char *)(uintptr_t)cluster_bundle(st);
    reply_settled(st, call, &out.base);
}

static int by_number(const void *a, const void *b)
{
    const char *x = (*(Bailey__V1__Approval *const *)a)->id,
               *y = (*(Bailey__V1__Approval *const *)b)->id;
    unsigned long n = strtoul(x + 2, NULL, 10), m = strtoul(y + 2, NULL, 10);

    return n < m ? -1 : n > m;
}

static void list_approvals(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__ListApprovalsRequest *r = (const Bailey__V1__ListApprovalsRequest *)base;
    Bailey__V1__ListApprovalsResponse out = BAILEY__V1__LIST_APPROVALS_RESPONSE__INIT;
    struct state *st = user;
    const Bailey__V1__ApprovalRecord *m;
    struct err e = {0};

    approval_sweep(st);
    out.approvals =
        arena_array(rpc_call_arena(call), st->access->approvals.n + 1, sizeof *out.approvals);
    if (out.approvals == NULL) {
        err_set(&e, ERR_LIMIT, "api.memory", "too many approvals for one answer");
        rpc_fail(call, &e);
        return;
    }
    for (size_t i = 0; (m = map_next(&st->access->approvals, &i)) != NULL;)
        if (r->all || strcmp(m->approval->state, "pending") == 0 ||
            strcmp(m->approval->state, "approved") == 0)
            out.approvals[out.n_approvals++] = m->approval;
    qsort(out.approvals, out.n_approvals, sizeof *out.approvals, by_number);
    reply_settled(st, call, &out.base);
}

static void decide_approval(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__DecideApprovalRequest *r = (const Bailey__V1__DecideApprovalRequest *)base;
    Bailey__V1__DecideApprovalResponse out = BAILEY__V1__DECIDE_APPROVAL_RESPONSE__INIT;
    struct state *st = user;
    struct err e = {0};

    if (!approval_decide(st, r->id, r->approve, who(st, call), &out.approval, &e)) {
        rpc_fail(call, &e);
        return;
    }
    reply_settled(st, call, &out.base);
}

static void get_settings(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    Bailey__V1__GetSettingsResponse out = BAILEY__V1__GET_SETTINGS_RESPONSE__INIT;
    struct state *st = user;

    (void)base;
    out.settings = (Bailey__V1__ClusterSettings *)(uintptr_t)settings_of(st);
    reply_settled(st, call, &out.base);
}

static bool settings_check(const struct state *st, const Bailey__V1__ClusterSettings *s,
                           struct arena *a, struct err *e)
{
    struct selector selector;

    if (s == NULL)
        return err_set(e, ERR_INPUT, "settings.missing", "no settings"), err_field(e, "settings");
    if (!share_settings_check(s, e))
        return false;
    if (s->n_require_approval > 16 || s->n_auto_approve > 64)
        return err_set(e, ERR_LIMIT, "settings.too-many", "too many entries"),
               err_field(e, "settings");
    for (size_t i = 0; i < s->n_require_approval; i++)
        if (s->require_approval[i] == CHANGE(NO_CHANGE) ||
            protobuf_c_enum_descriptor_get_value(&bailey__v1__trust_change__descriptor,
                                                 (int)s->require_approval[i]) == NULL)
            return err_set(e, ERR_INPUT, "settings.change", "no such trust change"),
                   err_field(e, "settings.require_approval[%zu]", i),
                   err_expected(e, "revocation, lift, policy, exception, node-approval, user or "
                                   "settings");
    for (size_t i = 0; i < s->n_auto_approve; i++)
        if (!selector_from_message(s->auto_approve[i], a, &selector, e))
            return err_field(e, "settings.auto_approve[%zu]", i);
    if (s->n_require_approval > 0 && users_admins(st) < 2)
        return err_set(e, ERR_CONFLICT, "settings.alone",
                       "one admin alone could never take this back"),
               err_field(e, "settings.require_approval"), err_found(e, "%zu", users_admins(st)),
               err_expected(e, "at least 2 users who are admin"),
               err_mend(e, "bailey user create NAME --role admin");
    return true;
}

static void set_settings(struct rpc_call *call, const ProtobufCMessage *base, void *user)
{
    const Bailey__V1__SetSettingsRequest *r = (const Bailey__V1__SetSettingsRequest *)base;
    Bailey__V1__SetSettingsResponse out = BAILEY__V1__SET_SETTINGS_RESPONSE__INIT;
    struct state *st = user;
    ProtobufCMessage *copy;
    struct err e = {0};

    if (!settings_check(st, r->settings, rpc_call_arena(call), &e)) {
        rpc_fail(call, &e);
        return;
    }
    copy = message_clone(&r->settings->base);
    BUG_ON(copy == NULL);
    message_free(st->cluster->settings == NULL ? NULL : &st->cluster->settings->base);
    st->cluster->settings = (Bailey__V1__ClusterSettings *)copy;
    txn_put(st, "cluster", &st->cluster->base);
    event_add(st, NULL, "normal", "settings.changed", who(st, call),
              "%zu kinds of trust change need a second person; nodes are approved %s",
              st->cluster->settings->n_require_approval,
              st->cluster->settings->approve_nodes ? "by hand or rule" : "by their token");
    admission_settings_changed(st);
    share_settings_changed(st);
    out.settings = st->cluster->settings;
    reply_settled(st, call, &out.base);
}

bool identity_serve(struct state *st, struct rpc_server *server, unsigned listeners, struct err *e)
{
    const struct rpc_method methods[] = {
        {.name = "CreateUser", .unary = create_user},
        {.name = "ListUsers", .unary = list_users},
        {.name = "RevokeUser", .unary = revoke_user},
        {.name = "WhoAmI", .unary = who_am_i},
        {.name = "DecideNode", .unary = admission_decide},
        {.name = "ListApprovals", .unary = list_approvals},
        {.name = "DecideApproval", .unary = decide_approval},
        {.name = "GetSettings", .unary = get_settings},
        {.name = "SetSettings", .unary = set_settings},
        {.name = "CaStatus", .unary = ca_status},
        {.name = "CaRotate", .unary = ca_rotate},
    };

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        struct rpc_method m = methods[i];

        m.service = &bailey__v1__identity__descriptor;
        m.listeners = listeners;
        m.user = st;
        if (!rpc_server_method(server, &m, e))
            return false;
    }
    return true;
}
