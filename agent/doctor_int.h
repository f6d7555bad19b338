/* doctor_int.h - what the parts of the doctor share: the list of what was found. */
#ifndef AGENT_DOCTOR_INT_H
#define AGENT_DOCTOR_INT_H

#include "base/vec.h"

enum finding_state {
    FINDING_OK,
    FINDING_ABSENT, /* works without */
    FINDING_BROKEN, /* no keep runs without */
    FINDING_LEFT,   /* a leftover */
};

struct finding {
    enum finding_state state;
    char name[64], what[224], mend[160];
};

struct findings {
    VEC(struct finding) all;
};

void finding_add(struct findings *f, enum finding_state state, const char *name, const char *what,
                 const char *mend);

/* doctor_leftovers.c: keeps without a loader, cgroups without a keep, transfers without an agent.
 * data: the agent's folder. */
void doctor_leftovers(struct findings *f, const char *data);

#endif
