/* Any bytes as a chain in PEM, as a PCK certificate, and as the SGX extensions in one. */
#include <stdlib.h>

#include "attest/dcap_chain.h"
#include "attest/dcap_pck.h"
#include "attest/pem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void certificate(struct bytes der)
{
    AUTO(x509) X509 *x = NULL;
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
    AUTO(x509) X509 *x = X509_new();
    ASN1_OBJECT *oid = OBJ_txt2obj("1.2.840.113741.1.13.1", 1);
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    X509_EXTENSION *ext = NULL;
    struct dcap_pck pck;
    struct err e = {0};

    if (x != NULL && oid != NULL && octets != NULL && value.n < 65536 &&
        ASN1_OCTET_STRING_set(octets, value.p, (int)value.n) == 1)
        ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, octets);
    if (ext != NULL && X509_add_ext(x, ext, -1) == 1) {
        if (dcap_pck_read(x, "fuzz", &pck, &e)) {
            if (pck.sgx_type > 2)
                abort();
        } else if (e.reason[0] == '\0') {
            abort();
        }
    }
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(octets);
    ASN1_OBJECT_free(oid);
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
