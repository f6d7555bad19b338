/* source_nitro.h - what the Nitro secure module is asked and answers (aws-nitro-enclaves-nsm-api,
 * docs/attestation_process.md; CBOR as Rust's serde writes it). */
#ifndef AGENT_SOURCE_NITRO_H
#define AGENT_SOURCE_NITRO_H

#include "agent/source.h"

/* {"Attestation": {"user_data": the 64 bytes, "nonce": null, "public_key": null}} */
void nitro_request(const uint8_t report_data[SOURCE_REPORT_DATA], struct buf *out);

/* The document in {"Attestation": {"document": bytes}}: borrowed from `response`. "nitro.refused"
 * for {"Error": word}, "nitro.response" or cbor.* for anything else. */
NODISCARD bool nitro_response(struct bytes response, struct bytes *document, struct err *e);

#endif
