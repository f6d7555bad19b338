/* Any bytes as a chain in PEM, as a PCK certificate, and as the SGX extensions in one. */
#include <stdlib.h>

#include "attest/dcap_chain.h"
#include "attest/dcap_pck.h"
#include "attest/pem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void certificate(struct bytes der)
{
    AUTO(cert) struct cert *x = NULL;
    struct dcap_pck pck;
    struct err e = {0};

    if (!cert_parse(der, "fuzz", &x, &e))
        return;
    if (!dcap_pck_read(x, "fuzz", &pck, &e) && e.reason[0] == '\0')
        abort();
}

/* A certificate with nothing in it but the extension, so that its bytes are met without a
 * signature's luck. */
static void extension(struct bytes value)
{
    /* SEQUENCE { OID 1.2.840.113741.1.13.1, OCTET STRING }, all lengths in two bytes or one */
    static const uint8_t oid[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};
    size_t body = sizeof oid + 4 + value.n, at = 0;
    uint8_t *der = value.n < 256 || value.n > 60000 ? NULL : malloc(4 + body);
    struct dcap_pck pck;
    struct err e = {0};
    struct cert x = {.references = 1};

    if (der == NULL)
        return;
    der[at++] = 0x30;
    der[at++] = 0x82;
    der[at++] = (uint8_t)(body >> 8);
    der[at++] = (uint8_t)body;
    memcpy(der + at, oid, sizeof oid);
    at += sizeof oid;
    der[at++] = 0x04;
    der[at++] = 0x82;
    der[at++] = (uint8_t)(value.n >> 8);
    der[at++] = (uint8_t)value.n;
    memcpy(der + at, value.p, value.n);
    x.extensions = (struct bytes){der, 4 + body};
    if (dcap_pck_read(&x, "fuzz", &pck, &e)) {
        if (pck.sgx_type > 2)
            abort();
    } else if (e.reason[0] == '\0') {
        abort();
    }
    free(der);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct evidence_options o = {.now_s = 1795000000,
                                       .anchors = anchors_builtin,
                                       .anchors_n = anchors_builtin_n,
                                       .allow_simulated = true};
    const struct bytes in = {data, size};
    uint8_t *store = malloc(size + 1);
    struct bytes der[PEM_BLOCKS];
    struct dcap_chain chain = {0};
    unsigned n = 0;
    struct err e = {0};

    if (store != NULL && pem_certificates(in, store, der, &n, "fuzz", &e)) {
        if (n == 0 || n > PEM_BLOCKS || der[n - 1].p + der[n - 1].n > store + size)
            abort();
        for (unsigned i = 0; i < n; i++)
            certificate(der[i]);
        /* seeds are sound chains: those may pass */
        if (dcap_chain_pck(in, "fuzz", &o, &chain, &e)) {
            if (chain.anchor == NULL || chain.leaf == NULL || chain.ca == NULL)
                abort();
            dcap_chain_fini(&chain);
        } else if (e.reason[0] == '\0') {
            abort();
        }
    }
    certificate(in);
    extension(in);
    free(store);
    return 0;
}
