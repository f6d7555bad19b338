/* dcap_json.h - reading members of Intel's JSON: each call says which member is
 * missing or of the wrong type. Inside of dcap_collateral*.c. */
#ifndef ATTEST_DCAP_JSON_H
#define ATTEST_DCAP_JSON_H

#include "attest/dcap_collateral.h"
#include "attest/json_value.h"

/* Where a misfit is reported. Paths are built from it: name + "." + path. */
struct dcap_reading {
    const char *name; /* of the file */
    struct err *e;
};

/* Sets dcap.collateral-malformed for a path; false. */
bool dcap_json_bad(const struct dcap_reading *r, const char *path, const char *what);

/* The member, which has to be there and of its type; `path` is what messages
 * call it. */
NODISCARD bool dcap_json_text(const struct dcap_reading *r, const struct json_value *o,
                              const char *key, const char **out);
NODISCARD bool dcap_json_number(const struct dcap_reading *r, const struct json_value *o,
                                const char *key, uint32_t most, uint32_t *out);
NODISCARD bool dcap_json_hex(const struct dcap_reading *r, const struct json_value *o,
                             const char *key, uint8_t *out, size_t n);
NODISCARD bool dcap_json_time(const struct dcap_reading *r, const struct json_value *o,
                              const char *key, int64_t *out);
NODISCARD bool dcap_json_status(const struct dcap_reading *r, const struct json_value *o,
                                bool component, enum dcap_status *out);
NODISCARD bool dcap_json_advisories(const struct dcap_reading *r, const struct json_value *o,
                                    struct dcap_advisories *out);

/* An array member with 1 to `most` objects: the first of them, and *n: how many. */
NODISCARD bool dcap_json_objects(const struct dcap_reading *r, const struct json_value *o,
                                 const char *key, unsigned most, const struct json_value **out,
                                 unsigned *n);

/* Levels of {"tcb": {"isvsvn": N}, "tcbDate", "tcbStatus", "advisoryIDs"}. */
NODISCARD bool dcap_json_svn_levels(const struct dcap_reading *r, const struct json_value *o,
                                    struct dcap_svn_level *out, unsigned *n);

/* issueDate, nextUpdate and tcbEvaluationDataNumber. */
NODISCARD bool dcap_json_document(const struct dcap_reading *r, const struct json_value *o,
                                  struct dcap_document *out);

/* The one object that these bytes are: the caller's to free(). */
NODISCARD bool dcap_json_open(const struct dcap_reading *r, struct bytes inner,
                              struct json_value **out);

#endif
