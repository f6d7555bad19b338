/* identity.h - who this node is: a P-256 key made here that never leaves the folder, and the
 * cluster's certificate for it. Files: key.pem (0600), node.pem, ca.pem. */
#ifndef AGENT_IDENTITY_H
#define AGENT_IDENTITY_H

#include <openssl/evp.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define IDENTITY_KEY "key.pem"
#define IDENTITY_CERT "node.pem"
#define IDENTITY_CA "ca.pem"

struct identity {
    int dir_fd; /* borrowed */
    EVP_PKEY *key;
    struct buf spki;                   /* DER */
    struct buf csr;                    /* DER, subject CN = the node's name */
    int64_t not_before_s, not_after_s; /* of the certificate; 0: there is none */
};

/* Loads the key, or makes one; reads the certificate where there is one. */
NODISCARD bool identity_open(struct identity *id, int dir_fd, const char *node, struct err *e);
void identity_fini(struct identity *id);

/* Stores what the cluster gave. Refuses a certificate of another key. */
NODISCARD bool identity_store(struct identity *id, const char *cert_pem, const char *ca_pem,
                              struct err *e);

/* Keeps the cluster's authorities, PEM; what is no certificate is refused, and what was there
 * stays.
 */
NODISCARD bool identity_trust(struct identity *id, const char *ca_pem, struct err *e);

/* When to ask for the next certificate: at two thirds of this one's life. */
int64_t identity_renew_s(const struct identity *id);

#endif
