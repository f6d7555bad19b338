/* api_apply.h - applying one workload for another call than Apply. */
#ifndef CONTROLLER_API_APPLY_H
#define CONTROLLER_API_APPLY_H

#include "controller/state.h"

/* Checks the workload as Apply does, and makes it so; m may be changed. */
NODISCARD bool apply_one_workload(struct state *st, Bailey__V1__Workload *m, const char *who,
                                  struct err *e);

#endif
