/* admission.h - which nodes are let in: approval of new ones, eviction, bans, and the binding of
 * chips to nodes. A node that is not let in is enrolled, shows evidence, and runs nothing. */
#ifndef CONTROLLER_ADMISSION_H
#define CONTROLLER_ADMISSION_H

#include "controller/state.h"
#include "rpc/server.h"

bool node_admitted(const struct node *n); /* not waiting, denied, evicted or banned */

/* Before a node is enrolled: enrol.banned-name, enrol.banned-key. */
NODISCARD bool admission_join(const struct state *st, const char *node, const char *key_hex,
                              struct err *e);
/* It was enrolled, anew or again: it waits for approval where the settings ask for one. */
void admission_joined(struct state *st, struct node *n);

/* Evidence was verified. False: it is another node's chip (evidence.chip-bound) or a banned one
 * (evidence.chip-banned), and the evidence is to be refused. Otherwise the chip is the node's from
 * now on, until the node is deleted, evicted or shows another. Masked and unknown chip ids are
 * bound to nobody. */
NODISCARD bool admission_evidence(struct state *st, struct node *n, const struct facts *facts,
                                  struct err *e);

/* After the facts were recorded: a node that waits is approved if a rule of the settings says so.
 */
void admission_facts(struct state *st, struct node *n);

/* The settings changed: nodes that wait may be approved by them. */
void admission_settings_changed(struct state *st);

/* The chip that the node held is free again. */
void admission_forget(struct state *st, const struct node *n);

/* Identity.DecideNode. */
void admission_decide(struct rpc_call *call, const ProtobufCMessage *base, void *user);

#endif
