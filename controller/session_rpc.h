/* session_rpc.h - agents' sessions on the wire: calls session.h's step, verifies evidence in the
 * worker pool, carries commands. */
#ifndef CONTROLLER_SESSION_RPC_H
#define CONTROLLER_SESSION_RPC_H

#include "bailey/v1/session.pb-c.h"
#include "controller/state.h"
#include "rpc/server.h"

struct session;

/* Registers NodeSession.Connect on the listener with the bit `listeners`. */
NODISCARD bool session_serve(struct state *st, struct rpc_server *server, unsigned listeners,
                             struct err *e);

/* The hello was answered: commands may go. */
/* Asks for fresh evidence now, where the last was verified; it is under way otherwise. */
void session_renew(struct session *s);
bool session_ready(const struct session *s);

/* Evidence was verified within this very session, and none was refused since. What an earlier
 * session of the node proved does not vouch for who speaks now: keys can be stolen. */
bool session_proven(const struct session *s);
void session_send(struct session *s, const Bailey__V1__ControllerMessage *m);

/* Ends the session, if there is one, with that error. */
void session_end(struct session *s, const struct err *why);

#endif
