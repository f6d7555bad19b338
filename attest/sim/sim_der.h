/* sim_der.h - the little of DER that the simulator's certificate extensions need. */
#ifndef ATTEST_SIM_SIM_DER_H
#define ATTEST_SIM_SIM_DER_H

#include <openssl/x509.h>

#include "base/buf.h"

#define DER_BOOLEAN 0x01
#define DER_INTEGER 0x02
#define DER_BIT_STRING 0x03
#define DER_OCTET_STRING 0x04
#define DER_OID 0x06
#define DER_ENUMERATED 0x0a
#define DER_SEQUENCE 0x30

/* Tag, length, value; at most 65535 bytes of value. */
void sim_der(struct buf *out, uint8_t tag, struct bytes value);

/* A non-negative INTEGER or ENUMERATED. */
void sim_der_number(struct buf *out, uint8_t tag, uint32_t v);

/* Adds an extension whose value is that DER. */
NODISCARD bool sim_extend(X509 *x, const char *oid, bool critical, struct bytes der);
NODISCARD bool sim_extend_crl(X509_CRL *crl, const char *oid, struct bytes der);

#endif
