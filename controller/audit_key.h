/* audit_key.h - the key that signs tree heads and receipts: DIR/pki/audit.key, PEM, mode 0600, made
 * at the first start; DIR/pki/audit.pem is its certificate by the cluster's CA. */
#ifndef CONTROLLER_AUDIT_KEY_H
#define CONTROLLER_AUDIT_KEY_H

#include "controller/ca.h"

/* Makes what is missing; a certificate that is not the key's, or that ends, is made anew. *key is
 * the caller's; der is appended to. init.permissions, init.key. */
NODISCARD bool audit_key_open(const char *dir, const struct ca *ca, const char *cluster_id,
                              int64_t now_s, EVP_PKEY **key, struct buf *der, struct err *e);

#endif
