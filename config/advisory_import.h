/* advisory_import.h - what vendors say is wrong with platforms, to objects: Advisory objects, and
 * revocations that are proposed because of them. Nothing is verified and nothing is decided here:
 * a proposal refuses nothing until an operator commits it.
 *
 * Three forms, told apart by what stands in them:
 *  - the catalog's (config/catalog/advisories.yaml): `advisory:` with an entry an id. Floors that
 * are not confirmed by the vendor's own text become nothing, and the note says so;
 *  - Intel's TCB info (PCS API v3 and v4, JSON): the advisories that its levels name. Intel's
 *    evidence shows by itself which of them a platform is open to, so no Advisory is made;
 *  - documents with `kind: Advisory`. */
#ifndef CONFIG_ADVISORY_IMPORT_H
#define CONFIG_ADVISORY_IMPORT_H

#include "config/yaml.h"

#define ADVISORIES_MOST 512

struct advisory_found {
    const char *id;                   /* "AMD-SB-3045" */
    Bailey__V1__Advisory *advisory;   /* NULL: none to store */
    Bailey__V1__Revocation *proposal; /* spec.proposed is set; NULL: none, and note says why */
    const char *note;                 /* "" or a sentence */
    bool mends;                       /* without proposal: somebody can mend what note says */
};

/* All that the text tells, in memory of `a`, in its order. False: *errors has at least one. */
NODISCARD bool advisory_import(struct bytes text, const char *file, struct arena *a,
                               struct advisory_found **out, size_t *n, struct yaml_errors *errors);

#endif
