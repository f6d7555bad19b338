/* command.h - commands to agents. They follow from the state of settled keeps, so a lost one is
 * simply sent again in the next session. */
#ifndef CONTROLLER_COMMAND_H
#define CONTROLLER_COMMAND_H

#include "bailey/v1/session.pb-c.h"
#include "controller/state.h"

/* Sends what the keep's state asks for once that state is durable. */
void command_later(struct state *st, struct keep *k);

/* Sends what all keeps of the node ask for: a session became ready, or its node trusted. */
void command_node(struct state *st, struct node *n);

/* The agent runs something that nobody wants. */
void command_stop_unknown(struct state *st, struct node *n, const Bailey__V1__KeepReport *r);

#endif
