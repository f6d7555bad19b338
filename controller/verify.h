/* verify.h - evidence verification off the loop, in libuv's worker pool. */
#ifndef CONTROLLER_VERIFY_H
#define CONTROLLER_VERIFY_H

#include <uv.h>

#include "attest/facts.h"
#include "bailey/v1/session.pb-c.h"
#include "base/bytes.h"
#include "base/err.h"
#include "controller/collateral.h"

/* What workers share: the collateral that is kept, and one cache of verified signatures for each
 * verification that runs at a time. */
struct verifier;

/* Borrows the collateral. NULL: no memory. To be freed after the last verification ended. */
struct verifier *verifier_new(struct collateral *c);
void verifier_free(struct verifier *v);

/* What the evidence has to be about; all are copied. */
struct verify_order {
    struct verifier *verifier;
    const Bailey__V1__Evidence *evidence;
    struct bytes nonce, node, boot_id, spki;
    int64_t now_s;
    bool allow_simulated;
};

#define VERIFY_LEARNED 12

struct verify_result {
    bool good;
    struct facts facts; /* when good */
    struct err err;     /* when not */
    uint8_t digest[32]; /* SHA-256 of the evidence */
    /* Genuine collateral that the host brought and that is not kept yet, for collateral_offer(). */
    struct verify_learned {
        struct endorsement_proof proof;
        struct bytes bytes; /* good until done() returns */
    } learned[VERIFY_LEARNED];
    unsigned learned_n;
    struct collateral_needs needs; /* also of what was refused */
};

/* done runs on the loop thread, exactly once, also when the loop is about to stop. */
typedef void verify_done_fn(void *data, const struct verify_result *r);
NODISCARD bool verify_start(uv_loop_t *loop, const struct verify_order *o, verify_done_fn *done,
                            void *data, struct err *e);

#endif
