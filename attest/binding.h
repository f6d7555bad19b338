/* binding.h - what a node's evidence has to be about: this challenge, this node, this boot, this
 * key.
 *
 * report_data = SHA-512( f("bailey-evidence-v1") f(nonce) f(node name) f(boot id) f(SPKI DER of the
 * node's key) ), where f(x) is x's length as 4 big-endian bytes, then x: no two inputs give the
 * same run of bytes. The TEE signs the 64 bytes; both sides compute them from what they know. */
#ifndef ATTEST_BINDING_H
#define ATTEST_BINDING_H

#include "base/bytes.h"
#include "base/err.h"

#define REPORT_DATA_SIZE 64
#define BINDING_NONCE_SIZE 32

struct binding {
    struct bytes nonce; /* BINDING_NONCE_SIZE bytes of the controller's challenge */
    struct bytes node;  /* the node's name */
    struct bytes boot_id;
    struct bytes spki; /* DER of the node key's SubjectPublicKeyInfo */
};

/* ERR_INPUT "binding.empty" when a part is missing or the nonce has another size. */
NODISCARD bool binding_report_data(const struct binding *b, uint8_t out[REPORT_DATA_SIZE],
                                   struct err *e);

#endif
