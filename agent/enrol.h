/* enrol.h - trades a one-use token for a certificate (DESIGN 3.1). */
#ifndef AGENT_ENROL_H
#define AGENT_ENROL_H

#include "agent/identity.h"
#include "base/buf.h"
#include "base/err.h"
#include "rpc/client.h"

/* The pin of a token "b1.<43 characters>.<64 hex>": SHA-256 of the cluster CA's
 * SubjectPublicKeyInfo. */
#define ENROL_PIN 32
NODISCARD bool enrol_pin(const char *token, uint8_t pin[ENROL_PIN], struct err *e);

/* Asks the server at "host:port" for its chain and appends to ca_pem the one CA certificate in it
 * whose key has the pin and that signed the server's certificate; until then the server is a
 * stranger. Blocks, at most about 20 s. ERR_UNAUTH "enrol.pin-mismatch" when there is none. */
NODISCARD bool enrol_fetch_ca(const char *target, const uint8_t pin[ENROL_PIN], struct buf *ca_pem,
                              struct err *e);

/* All of it: fetches the CA, joins, stores the certificate. Runs the loop until the answer. */
NODISCARD bool enrol(struct rpc_loop *l, const char *target, const char *token, const char *node,
                     struct identity *id, struct err *e);

#endif
