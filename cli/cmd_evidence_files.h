/* cmd_evidence_files.h - evidence and what lies beside it, from files.
 *
 * A folder's evidence is the file with a known name (report.bin, quote.bin, attestation_doc.cbor,
 * cca_token.cbor, ...), or else the only file that looks like evidence. Of the other files those
 * with the names that evidence_verify() knows are taken as these, and those with other names when
 * their bytes show what they are and no file has the right name; everything else is left alone. */
#ifndef CLI_CMD_EVIDENCE_FILES_H
#define CLI_CMD_EVIDENCE_FILES_H

#include "attest/evidence.h"
#include "base/buf.h"

#define EVIDENCE_NAME 64

struct evidence_files {
    struct buf evidence; /* owned, as are the files */
    char evidence_name[256];
    struct buf file[EVIDENCE_FILES];
    char name[EVIDENCE_FILES][EVIDENCE_NAME];
    unsigned n;
};

/* path: a folder, a file, or "-". collateral: a further folder whose files go before those of path,
 * or NULL. *f is zeroed; the caller ends it, also after a failure. */
NODISCARD bool evidence_files_read(struct evidence_files *f, const char *path,
                                   const char *collateral, struct err *e);
void evidence_files_fini(struct evidence_files *f);

/* Borrowed views for evidence_verify(). */
struct evidence_input evidence_files_input(const struct evidence_files *f);

#endif
