/* roles.h - who may make which call, as the rule beside the call's definition says it (extension
 * bailey.v1.rule, proto/bailey/v1/access.proto). A call without a rule is open to nobody; calls of
 * packages that are not ours (health, reflection) are for every member of the cluster. */
#ifndef CONTROLLER_ROLES_H
#define CONTROLLER_ROLES_H

#include <protobuf-c/protobuf-c.h>

#include "bailey/v1/access.pb-c.h"
#include "base/err.h"

#define ROLE(r) BAILEY__V1__ROLE__##r
#define CHANGE(c) BAILEY__V1__TRUST_CHANGE__##c

/* NULL: it has none. Lives as long as the process. */
const Bailey__V1__CallRule *call_rule(const ProtobufCServiceDescriptor *service,
                                      const char *method);

/* Whether `have` is enough: `viewer` stands for every user, `admin` may what any user may. A node
 * is no user, and nobody is a node by its role. */
bool role_suffices(Bailey__V1__Role have, const Bailey__V1__Role *wanted, size_t n);
bool role_is_user(Bailey__V1__Role role);

/* "operator or security-officer"; returns out. */
const char *roles_format(const Bailey__V1__Role *roles, size_t n, char *out, size_t size);
const char *role_name(Bailey__V1__Role role); /* "security-officer" */
const char *change_name(Bailey__V1__TrustChange change);

#endif
