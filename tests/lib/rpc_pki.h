/* rpc_pki.h - for tests: a small CA and certificates of it, as PEM files in a directory. */
#ifndef TESTS_RPC_PKI_H
#define TESTS_RPC_PKI_H

#include <stdbool.h>

/* Writes <dir>/<name>.pem and <dir>/<name>.key, both P-256: a CA of its own. Ends the program when
 * anything fails, as the other one does. */
void pki_ca(const char *dir, const char *name);

/* A certificate of <dir>/<ca>; san as OpenSSL writes it: "URI:bailey://c1/node/n1" or
 * "DNS:localhost,IP:127.0.0.1". The common name is `name`. */
void pki_leaf(const char *dir, const char *ca, const char *name, const char *san);

/* <dir>/<name><suffix> in one of a few static buffers. */
const char *pki_path(const char *dir, const char *name, const char *suffix);

#endif
