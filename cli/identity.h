/* identity.h - what the commands about users, nodes' admission, approvals and the CA share. */
#ifndef CLI_IDENTITY_H
#define CLI_IDENTITY_H

#include "cli/client.h"

/* One call of bailey.v1.Identity; as client_call(). */
NODISCARD bool identity_call(struct cli *c, const char *method, const ProtobufCMessage *req,
                             ProtobufCMessage **reply);

/* Shows the answer where JSON or YAML is wanted; false: a person reads. */
bool identity_printed(struct cli *c, const ProtobufCMessage *reply);

/* Cuts "a,b,c" into words; returns how many. */
size_t identity_list(char *text, char **list, size_t max);

#endif
