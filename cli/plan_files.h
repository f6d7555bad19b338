/* plan_files.h - plans that this person was shown, kept for a while, so that a commit that is
 * refused because the plan changed can say what changed. In $XDG_CACHE_HOME/bailey (or
 * ~/.cache/bailey), a file for each first digit of their digests; nothing depends on their being
 * there. */
#ifndef CLI_PLAN_FILES_H
#define CLI_PLAN_FILES_H

#include "bailey/v1/revocation.pb-c.h"
#include "base/arena.h"

void plan_remember(const Bailey__V1__RevocationPlan *p);

/* In memory of `a`; NULL: it is not there, or is no plan of that digest. */
const Bailey__V1__RevocationPlan *plan_recall(const char *digest, struct arena *a);

#endif
