/* ca.h - the cluster's certificate authority: ECDSA P-256 throughout. Signs the controller's server
 * certificate, operators' client certificates and nodes' short ones. Does no I/O; times are given.
 */
#ifndef CONTROLLER_CA_H
#define CONTROLLER_CA_H

#include <openssl/evp.h>

#include "base/buf.h"

struct ca;

#define PIN_SIZE 32 /* SHA-256 of a SubjectPublicKeyInfo, DER */

/* A new authority for a cluster; valid from an hour before now_s for ten years. */
NODISCARD bool ca_new(const char *cluster_id, int64_t now_s, struct ca **out, struct err *e);
/* The same with a key that is there; key is taken, also on failure. */
NODISCARD bool ca_make(EVP_PKEY *key, const char *cluster_id, int64_t now_s, struct ca **out,
                       struct err *e);
NODISCARD bool ca_from(EVP_PKEY *key, struct bytes cert_pem, struct ca **out, struct err *e);
/* From the PEM texts that ca_export() wrote. */
NODISCARD bool ca_load(struct bytes key_pem, struct bytes cert_pem, struct ca **out, struct err *e);
void ca_free(struct ca *ca);

NODISCARD bool ca_export(const struct ca *ca, struct buf *key_pem, struct buf *cert_pem,
                         struct err *e);
/* The CA certificate's text; lives as long as ca. */
const char *ca_pem(const struct ca *ca);
/* Its subject key identifier, lower-case hex: certificates name their issuer by it. */
bool ca_key_id(const struct ca *ca, char *out, size_t size);
/* The hash that tokens pin. */
void ca_pin(const struct ca *ca, uint8_t out[PIN_SIZE]);

enum cert_use { CERT_SERVER, CERT_CLIENT };

/* What a certificate is to say. */
struct cert_order {
    const char *common_name;
    const char *organization; /* role of an operator; NULL: none */
    const char *uri;          /* the identity: bailey://<cluster>/... */
    const char *const *hosts; /* DNS names and IP addresses, for servers */
    size_t hosts_n;
    enum cert_use use;
    int64_t not_before_s, not_after_s;
};

/* Signs a certificate for the public half of key; appends PEM. */
NODISCARD bool ca_issue(const struct ca *ca, EVP_PKEY *key, const struct cert_order *order,
                        struct buf *pem, struct err *e);

/* The key out of a PKCS#10 request whose own signature holds; only P-256 passes (csr.*). The
 * subject and any wished extensions are ignored. *out is the caller's. */
NODISCARD bool csr_key(struct bytes der, EVP_PKEY **out, struct err *e);

NODISCARD bool key_new(EVP_PKEY **out, struct err *e);
NODISCARD bool key_from_pem(struct bytes pem, EVP_PKEY **out, struct err *e);
/* The first private key behind a URI of OpenSSL's store API: "file:/...", "pkcs11:..." and whatever
 * else the configured providers serve. */
NODISCARD bool key_from_uri(const char *uri, EVP_PKEY **out, struct err *e);
NODISCARD bool key_pem(EVP_PKEY *key, struct buf *out, struct err *e);
NODISCARD bool key_spki(EVP_PKEY *key, struct buf *out, struct err *e); /* DER */
NODISCARD bool key_pin(EVP_PKEY *key, uint8_t out[PIN_SIZE], struct err *e);
/* Same, of the first certificate in a PEM text. */
NODISCARD bool cert_pin(struct bytes pem, uint8_t out[PIN_SIZE], struct err *e);
NODISCARD bool cert_spki(struct bytes pem, struct buf *out, struct err *e);
/* Its serial number, lower-case hex. */
#define CERT_SERIAL_TEXT 64
NODISCARD bool cert_serial(struct bytes pem, char out[CERT_SERIAL_TEXT], struct err *e);
/* When the first certificate in a PEM text ends. */
NODISCARD bool cert_not_after(struct bytes pem, int64_t *wall_s, struct err *e);

DEFINE_CLEANUP(pkey, EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(ca, struct ca *, ca_free)

#endif
