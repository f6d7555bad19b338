/* access.h - who is known to the cluster besides its nodes: users and their certificates, trust
 * changes that wait for a second person, bans, how often each may call. Part of struct state.
 *
 * A user's certificate counts only while its serial number stands in the user's record and is not
 * revoked there: a list of what is allowed, so that a lost record locks out instead of letting in.
 */
#ifndef CONTROLLER_ACCESS_H
#define CONTROLLER_ACCESS_H

#include "controller/rate.h"
#include "controller/state.h"
#include "rpc/server.h"

struct authorities;

struct access {
    struct map users;     /* of Bailey__V1__UserRecord, by name */
    struct map approvals; /* of Bailey__V1__ApprovalRecord, by id */
    struct map bans;      /* of Bailey__V1__BanRecord, by node */
    struct map chips;     /* of struct chip, by chip id, then once more by node */
    struct map chips_by_node;
    struct rate *rate;
    struct rpc_server *server; /* NULL: none, in tests */
    /* Makes the server's certificate anew, signed by ca; NULL: nothing is served. */
    bool (*reissue)(void *user, const struct ca *ca, int64_t now_s, struct err *e);
    void *reissue_user;
    struct authorities *authorities; /* authorities.h; NULL: none, in tests */
    uv_timer_t timer;                /* certificates of open sessions */
    bool timing;
};

NODISCARD bool access_init(struct state *st, struct err *e);
NODISCARD bool access_load(struct state *st, struct err *e);
void access_fini(struct state *st);

/* From here on, open streams are cut when their peers may no more; looks every few seconds. */
void access_watch(struct state *st, struct rpc_server *server);
void access_unwatch(struct state *st);

/* Ends open streams whose peers may no more: after a revocation, eviction, or when time passed. */
void access_recheck(struct state *st);

/* Which node has a chip, by the hex of its id. NULL: none. */
const char *chips_holder(const struct access *a, const char *chip);
void chips_bind(struct access *a, const char *chip, const char *node);
void chips_release(struct access *a, const char *node);

/* Users, users.c. */
#define USER_CERT_S (90 * 86400)
#define USER_CERT_MAX_S (365 * 86400)
#define USERS_MAX 10000
#define USER_CERTS_MAX 64 /* of one user; the oldest that ended make room */
#define USER_NAMESPACES_MAX 256

Bailey__V1__User *user_find(const struct state *st, const char *name); /* NULL: there is none */

/* The certificate of the folder's first operator: entered as user "admin" where there is none of
 * that name; changes the open batch. */
NODISCARD bool user_adopt(struct state *st, struct bytes cert_pem, struct err *e);

/* Makes the user or changes it, and signs. user.*: what is wrong with the request. */
NODISCARD bool user_create(struct state *st, const Bailey__V1__CreateUserRequest *r, const char *by,
                           Bailey__V1__User **out, struct buf *pem, struct err *e);
NODISCARD bool user_revoke(struct state *st, const char *name, const char *serial, const char *by,
                           Bailey__V1__User **out, struct err *e);

/* The certificate with that serial number, in force at the moment; NULL: there is none. */
const Bailey__V1__UserCertificate *user_certificate(const Bailey__V1__User *u, const char *serial);

/* How many admins there are that have not ended. */
size_t users_admins(const struct state *st);

/* The certificates of all authorities that are believed, PEM. */
const char *cluster_bundle(const struct state *st);

/* The cluster's settings, never NULL. */
const Bailey__V1__ClusterSettings *settings_of(const struct state *st);

/* Registers bailey.v1.Identity; identity_api.c. */
NODISCARD bool identity_serve(struct state *st, struct rpc_server *server, unsigned listeners,
                              struct err *e);

#endif
