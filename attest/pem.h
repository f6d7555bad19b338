/* pem.h - certificates as text (RFC 7468), strictly: blocks "CERTIFICATE" and white space between
 * them, nothing else. NUL bytes may follow the last block: Intel's quoting library leaves one. */
#ifndef ATTEST_PEM_H
#define ATTEST_PEM_H

#include "base/bytes.h"
#include "base/err.h"

#define PEM_BLOCKS 4 /* longest chain of any vendor here */

/* Decodes every block. The DER of block i is out[i], which points into store: at most text.n / 4 *
 * 3 bytes are written there, and the caller's store has to have room for text.n. *n: how many.
 * cert.malformed; name is the file's or the field's, for messages. */
NODISCARD bool pem_certificates(struct bytes text, uint8_t *store, struct bytes out[PEM_BLOCKS],
                                unsigned *n, const char *name, struct err *e);

#endif
