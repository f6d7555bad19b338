/* api_policy.h - applying and deleting trust objects. */
#ifndef CONTROLLER_API_POLICY_H
#define CONTROLLER_API_POLICY_H

#include "bailey/v1/operator.pb-c.h"
#include "controller/effective.h"

/* Whether the object, which passed object_check(), may stand beside all others: its tests pass,
 * what it names is there. ef: as if the whole request were applied, `all` its objects. */
NODISCARD bool trust_check(const struct state *st, const struct effective *ef,
                           const Bailey__V1__Object *o, Bailey__V1__Object *const *all, size_t n,
                           struct err *e);

/* The same of the policies that a workload names. */
NODISCARD bool trust_references_check(const struct effective *ef, const Bailey__V1__Workload *w,
                                      struct err *e);

/* "created", "changed" or "unchanged": what applying it does; then it is done. */
const char *trust_outcome(const struct state *st, const Bailey__V1__Object *o);
/* effective_changed() is the caller's, after the last one. */
struct trust_object *trust_apply(struct state *st, const Bailey__V1__Object *o, const char *who);

/* One line a workload of which keeps would have to leave, or need not leave any more, under ef. */
NODISCARD bool trust_effects(const struct state *st, const struct effective *ef, struct arena *a,
                             Bailey__V1__ApplyResult *out, struct err *e);

/* ERR_CONFLICT with the names of those who name it, unless `force`. */
NODISCARD bool trust_delete(struct state *st, struct trust_object *t, bool force, const char *who,
                            struct err *e);

#endif
