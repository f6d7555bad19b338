#include "controller/authorize.h"

#include "bailey/v1/enrolment.pb-c.h"
#include "bailey/v1/operator.pb-c.h"
#include "bailey/v1/session.pb-c.h"
#include "base/str.h"
#include "controller/ca.h"

enum who { WHO_ANYBODY, WHO_USER, WHO_NODE, WHO_MEMBER };

/* What is not here (health, reflection) is for every member of the cluster. */
static const struct {
    const ProtobufCServiceDescriptor *service;
    enum who who;
} table[] = {
    {&bailey__v1__operator__descriptor, WHO_USER},
    {&bailey__v1__node_session__descriptor, WHO_NODE},
    {&bailey__v1__enrolment__descriptor, WHO_ANYBODY},
};

/* The name after "bailey://<cluster>/<kind>/", or NULL. */
static const char *name_in_uri(const struct state *st, const struct rpc_peer *peer,
                               const char *kind)
{
    const char *at = peer->uri;
    const char *const parts[] = {"bailey://", st->cluster->cluster_id, "/", kind, "/"};

    if (!peer->authenticated)
        return NULL;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t n = strlen(parts[i]);

        if (strncmp(at, parts[i], n) != 0)
            return NULL;
        at += n;
    }
    return name_check(at, "name", NULL) ? at : NULL;
}

const char *peer_user(const struct state *st, const struct rpc_peer *peer)
{
    return name_in_uri(st, peer, "user");
}

struct node *peer_node(const struct state *st, const struct rpc_peer *peer)
{
    const char *name = name_in_uri(st, peer, "node");
    struct node *n = name == NULL ? NULL : state_node(st, name);
    uint8_t pin[PIN_SIZE];
    char hex[2 * PIN_SIZE + 1];

    if (n == NULL || peer->pem == NULL || !cert_pin(bytes_str(peer->pem), pin, NULL))
        return NULL;
    hex_format(BYTES_OF(pin), hex);
    return strcmp(hex, n->msg->status->key_fingerprint) == 0 ? n : NULL;
}

static enum who needed(const struct rpc_method *m)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (m->service == table[i].service)
            return table[i].who;
    return WHO_MEMBER;
}

bool authorize(struct rpc_call *call, const struct rpc_method *m, void *user, struct err *e)
{
    const struct state *st = user;
    const struct rpc_peer *peer = rpc_call_peer(call);

    switch (needed(m)) {
    case WHO_ANYBODY:
        return true;
    case WHO_USER:
        if (peer_user(st, peer) != NULL)
            return true;
        return err_set(e, ERR_DENIED, "auth.not-an-operator",
                       "this service is for operators of this cluster"),
               err_found(e, "%s", peer->uri),
               err_expected(e, "bailey://%s/user/NAME", st->cluster->cluster_id);
    case WHO_NODE:
        if (peer_node(st, peer) != NULL)
            return true;
        return err_set(e, ERR_DENIED, "auth.not-a-node",
                       "this service is for enrolled nodes of this cluster, each with its own key"),
               err_found(e, "%s", peer->uri), err_mend(e, "enrol the node again if it was deleted");
    case WHO_MEMBER:
        break;
    }
    return peer_user(st, peer) != NULL || peer_node(st, peer) != NULL ||
           err_set(e, ERR_DENIED, "auth.not-a-member", "this is for members of this cluster");
}
