/* fsck.h - whether a store is whole: pages, records, what they name, and the audit log. */
#ifndef CONTROLLER_FSCK_H
#define CONTROLLER_FSCK_H

#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

struct fsck_report {
    uint64_t records, entries, heads; /* looked at */
    uint64_t faults;                  /* found; each was told to `out` in a line */
};

/* Reads the SQLite file, changes nothing. key: checks tree heads' signatures; NULL: not. False when
 * it cannot be read at all (store.*); faults are in the report. */
NODISCARD bool fsck_run(const char *file, EVP_PKEY *key, FILE *out, struct fsck_report *r,
                        struct err *e);

#endif
