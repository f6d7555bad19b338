/* tls.h - credentials from PEM files, and who is at the other end. TLS 1.2 and newer with forward
 * secrecy and AEAD ciphers only. */
#ifndef RPC_TLS_H
#define RPC_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Paths of PEM files; read when a listener or client is made (and on reload), not kept open. */
struct rpc_tls {
    const char *ca;          /* whom to believe; a client: the servers' CA */
    const char *certificate; /* chain, own certificate first; a client without one: NULL */
    const char *key;         /* matches the certificate */
};

enum rpc_client_cert {
    RPC_CLIENT_CERT_REQUIRE, /* no handshake without a certificate of the CA */
    RPC_CLIENT_CERT_NONE,    /* enrolment: none is asked for */
};

/* The other end as the TLS handshake proved it. Texts are empty when absent or longer than fits. */
struct rpc_peer {
    bool authenticated;   /* showed a certificate that chains to the listener's CA */
    char uri[160];        /* URI SAN "bailey://<cluster>/node/<name>"; empty unless exactly one */
    char common_name[64]; /* for logs, not for decisions */
    const char *pem;      /* its certificate; lives as long as the call; NULL: none */
    char serial[64];      /* of the certificate, lower-case hex */
    char issuer_key[64];  /* its authority key identifier, lower-case hex; empty: it has none */
    uint8_t key_pin[32];  /* SHA-256 of its SubjectPublicKeyInfo */
    int64_t not_before_s, not_after_s; /* seconds since 1970 */
};

#endif
