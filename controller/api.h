/* api.h - the operators' service. Handlers check again all that a client may get wrong. */
#ifndef CONTROLLER_API_H
#define CONTROLLER_API_H

#include "bailey/v1/operator.pb-c.h"
#include "bailey/v1/session.pb-c.h"
#include "controller/kind.h"
#include "controller/state.h"
#include "rpc/server.h"

/* Registers the Operator service and NodeSession.FetchArtifact. */
NODISCARD bool api_serve(struct state *st, struct rpc_server *server, unsigned listeners,
                         struct err *e);

/* Handlers, by file. */
void api_apply(struct rpc_call *call, const ProtobufCMessage *req, void *user);
void api_delete(struct rpc_call *call, const ProtobufCMessage *req, void *user);
void api_get(struct rpc_call *call, const ProtobufCMessage *req, void *user);
void api_list(struct rpc_call *call, const ProtobufCMessage *req, void *user);
void api_why(struct rpc_call *call, const ProtobufCMessage *req, void *user);
void api_get_rollout(struct rpc_call *call, const ProtobufCMessage *req, void *user);
void api_change_rollout(struct rpc_call *call, const ProtobufCMessage *req, void *user);
void api_status(struct rpc_call *call, const ProtobufCMessage *req, void *user);
void api_create_token(struct rpc_call *call, const ProtobufCMessage *req, void *user);
void api_import_collateral(struct rpc_call *call, const ProtobufCMessage *req, void *user);
void api_list_collateral(struct rpc_call *call, const ProtobufCMessage *req, void *user);
void api_collateral_urls(struct rpc_call *call, const ProtobufCMessage *req, void *user);
void api_stat_artifact(struct rpc_call *call, const ProtobufCMessage *req, void *user);
void api_plan_revocation(struct rpc_call *call, const ProtobufCMessage *req, void *user);
void api_revoke(struct rpc_call *call, const ProtobufCMessage *req, void *user);
void api_lift(struct rpc_call *call, const ProtobufCMessage *req, void *user);
void api_forecast(struct rpc_call *call, const ProtobufCMessage *req, void *user);
extern const struct rpc_stream api_watch, api_events, api_logs, api_put_artifact,
    api_fetch_artifact;

/* Which objects a listing or watch is about; borrowed texts, "" or NULL: all. */
struct filter {
    enum object_kind kind;
    const char *namespace, *name, *workload, *node;
    Bailey__V1__ListRequest__LabelsEntry *const *labels;
    size_t labels_n;
    bool include_ended;
    const struct selector *where; /* NULL: any node */
    bool maybe;                   /* with where: also nodes of which it cannot be told */
    uint32_t *unsure;             /* without maybe: counts those; may be NULL */
};

/* filter.where from a request's selector (NULL: none), in memory of `a`. */
NODISCARD bool filter_where(struct filter *f, const Bailey__V1__Selector *m, bool maybe,
                            struct arena *a, struct err *e);

bool filter_matches(const struct filter *f, const Bailey__V1__Object *view);

/* The explanation of a workload's placement, in memory of `a`. node: only this one, or "". */
NODISCARD bool explain(struct state *st, const struct workload *w, const char *node,
                       uint32_t nodes_per_class, struct arena *a, Bailey__V1__Explanation **out,
                       struct err *e);

/* Whether the content store has the digest; "sha256:" and 64 hex digits. */
bool artifact_stat(const struct state *st, const char *digest, uint64_t *size);

/* What agents send for open Logs calls. */
void logs_chunk(struct state *st, struct node *n, const Bailey__V1__LogChunk *m);
void logs_end(struct state *st, struct node *n, const Bailey__V1__LogEnd *m);
void logs_node_gone(struct state *st, struct node *n);

#endif
