/* view.h - objects as operators see them: the message with its status as of now. */
#ifndef CONTROLLER_VIEW_H
#define CONTROLLER_VIEW_H

#include "controller/state.h"

/* In memory of `a`; borrows from the state: pack it before anything changes. NULL: arena full. */
Bailey__V1__Object *view_object(const struct state *st, const struct object *o, struct arena *a);
/* What holds of a node's evidence at this moment. */
Bailey__V1__NodeStatus__TrustState view_node_trust(const struct state *st, const struct node *n);

Bailey__V1__Object *view_event(const Bailey__V1__Event *ev, struct arena *a);

/* The parts that policies are about; view_policy.c. */
struct trust_object;
Bailey__V1__Object *view_trust(const struct state *st, const struct trust_object *t,
                               struct arena *a);
Bailey__V1__Object *view_keep(const struct keep *k, struct arena *a);
/* Exceptions that hold now for the workload, or all of them for NULL; a line each. False: no
 * memory. */
NODISCARD bool view_exceptions(const struct state *st, const struct workload *w, struct arena *a,
                               char ***out, size_t *n);
/* Floors that do not hold yet and that will refuse platforms where its keeps are. */
NODISCARD bool view_warnings(const struct workload *w, struct arena *a, char ***out, size_t *n);

#endif
