/* convert_revocation.h - a Revocation message as what the controller works with. */
#ifndef CONFIG_CONVERT_REVOCATION_H
#define CONFIG_CONVERT_REVOCATION_H

#include "bailey/v1/revocation.pb-c.h"
#include "base/arena.h"
#include "base/err.h"
#include "scheduler/rules.h"

#define REVOCATION_GRACE_DEFAULT_MS (INT64_C(600) * 1000) /* RevocationSpec.grace */

/* In order of strictness: where several revocations name a platform, the strictest holds. */
enum revocation_action { REVOCATION_HOLD, REVOCATION_DRAIN, REVOCATION_STOP };

struct revocation {
    const char *name;
    enum revocation_action action;
    int64_t grace_ms;
    bool canary, proposed;
    struct rule_list rules; /* one a selector, each named "revocation NAME"; sealed */
};

/* In memory of `a`, borrowing the message's texts; it is checked again. ERR_INPUT with the path in
 * the object ("spec.platforms[0].generation"), ERR_LIMIT when the arena is full. */
NODISCARD bool revocation_from_message(const Bailey__V1__Revocation *m, struct arena *a,
                                       struct revocation *out, struct err *e);

const char *revocation_action_name(enum revocation_action action); /* "hold", "drain", "stop" */

#endif
