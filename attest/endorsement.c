#include "attest/endorsement.h"

#include <stdlib.h>
#include <string.h>

#include "attest/cert.h"
#include "attest/crl.h"
#include "attest/pem.h"
#include "base/str.h"

static const struct {
    const char *name, *file;
} kinds[ENDORSEMENT_KINDS] = {
    [ENDORSEMENT_NONE] = {"unknown", ""},
    [ENDORSEMENT_SNP_ARK] = {"snp-ark", "ark.der"},
    [ENDORSEMENT_SNP_ASK] = {"snp-ask", "ask.der"},
    [ENDORSEMENT_SNP_ASVK] = {"snp-asvk", "asvk.der"},
    [ENDORSEMENT_SNP_VCEK] = {"snp-vcek", "vcek.der"},
    [ENDORSEMENT_SNP_VLEK] = {"snp-vlek", "vlek.der"},
    [ENDORSEMENT_SNP_CRL] = {"snp-crl", "ark_crl.der"},
    [ENDORSEMENT_TCB_INFO] = {"tcb-info", "tcb_info.json"},
    [ENDORSEMENT_QE_IDENTITY] = {"qe-identity", "qe_identity.json"},
    [ENDORSEMENT_TCB_SIGNING_CHAIN] = {"tcb-signing-chain", "tcb_signing_chain.pem"},
    [ENDORSEMENT_PCK_CHAIN] = {"pck-chain", "pck_chain.pem"},
    [ENDORSEMENT_PCK_CRL] = {"pck-crl", "pck_crl.der"},
    [ENDORSEMENT_ROOT_CA_CRL] = {"root-ca-crl", "root_ca_crl.der"},
    [ENDORSEMENT_CCA_CPAK] = {"cca-cpak", "cpak_trust_anchor.json"},
};

const char *endorsement_name(enum endorsement_kind k)
{
    return kinds[k].name;
}

const char *endorsement_file(enum endorsement_kind k)
{
    return kinds[k].file;
}

enum endorsement_kind endorsement_of_file(const char *file)
{
    for (size_t i = 1; i < ENDORSEMENT_KINDS; i++)
        if (strcmp(kinds[i].file, file) == 0)
            return (enum endorsement_kind)i;
    return ENDORSEMENT_NONE;
}

/* A date as it is shown: 0 for what is none. */
static int64_t seconds_of(int64_t wall_s)
{
    return wall_s == INT64_MAX || wall_s == INT64_MIN ? 0 : wall_s;
}

/* The common name, cut to size; "" when there is none. */
static void common_name(struct bytes name, char *out, size_t size)
{
    str_printable(cert_common_name(name, NULL), out, size);
}

static bool begins(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

/* "Milan" of "ARK-Milan" and "ARK-Milan (SIMULATED)". */
static void product_of(const char *cn, const char *prefix, char out[24])
{
    str_copy(out, 24, cn + strlen(prefix));
    out[strcspn(out, " ")] = '\0';
}

/* AMD 57230: names tell what a certificate is; the leaves' name no line. */
static enum endorsement_kind certificate_kind(const char *cn, char product[24])
{
    static const struct {
        const char *prefix;
        enum endorsement_kind kind;
        bool product;
    } names[] = {
        {"ARK-", ENDORSEMENT_SNP_ARK, true},
        {"SEV-VLEK-", ENDORSEMENT_SNP_ASVK, true},
        {"SEV-VCEK", ENDORSEMENT_SNP_VCEK, false},
        {"SEV-VLEK", ENDORSEMENT_SNP_VLEK, false},
        {"SEV-", ENDORSEMENT_SNP_ASK, true},
        {"Intel SGX TCB Signing", ENDORSEMENT_TCB_SIGNING_CHAIN, false},
        {"Intel SGX PCK Certificate", ENDORSEMENT_PCK_CHAIN, false},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (begins(cn, names[i].prefix)) {
            if (names[i].product)
                product_of(cn, names[i].prefix, product);
            return names[i].kind;
        }
    return ENDORSEMENT_NONE;
}

static bool certificate_read(struct bytes der, struct endorsement *out)
{
    AUTO(cert) struct cert *x = NULL;
    char cn[96];

    if (!cert_parse(der, "", &x, NULL))
        return false;
    common_name(x->subject, cn, sizeof cn);
    out->kind = certificate_kind(cn, out->product);
    out->issued_s = seconds_of(x->not_before_s);
    out->until_s = seconds_of(x->not_after_s);
    return out->kind != ENDORSEMENT_NONE;
}

static bool list_read(struct bytes der, struct endorsement *out)
{
    AUTO(crl) struct crl *crl = NULL;
    char cn[96];

    if (der.n > CACHE_OBJECT_MAX || !crl_parse(der, "", &crl, NULL))
        return false;
    common_name(crl->issuer, cn, sizeof cn);
    if (begins(cn, "ARK-")) {
        out->kind = ENDORSEMENT_SNP_CRL;
        product_of(cn, "ARK-", out->product);
    } else if (begins(cn, "Intel SGX Root CA")) {
        out->kind = ENDORSEMENT_ROOT_CA_CRL;
    } else if (begins(cn, "Intel SGX PCK ")) {
        out->kind = ENDORSEMENT_PCK_CRL;
        str_copy(out->product, sizeof out->product,
                 begins(cn, "Intel SGX PCK Processor") ? "processor" : "platform");
    }
    out->issued_s = seconds_of(crl->issued_s);
    out->until_s = seconds_of(crl->next_s);
    out->number = crl->number;
    return out->kind != ENDORSEMENT_NONE;
}

/* The first certificate of a chain says what the chain is. */
static bool chain_read(struct bytes text, struct endorsement *out)
{
    struct bytes block[PEM_BLOCKS];
    uint8_t *store = text.n == 0 || text.n > 65536 ? NULL : malloc(text.n);
    unsigned n = 0;
    bool good = store != NULL && pem_certificates(text, store, block, &n, "", NULL) && n > 0 &&
                certificate_read(block[0], out);

    free(store);
    return good;
}

static bool has(struct bytes text, const char *word)
{
    return memmem(text.p, text.n, word, strlen(word)) != NULL;
}

bool endorsement_recognise(struct bytes b, struct endorsement *out)
{
    size_t at = 0;

    *out = (struct endorsement){0};
    while (at < b.n && strchr(" \t\r\n", b.p[at]) != NULL && b.p[at] != 0)
        at++;
    if (at == b.n)
        return false;
    if (b.p[at] == '{' || b.p[at] == '[') {
        out->kind = has(b, "\"tcbInfo\"")           ? ENDORSEMENT_TCB_INFO
                    : has(b, "\"enclaveIdentity\"") ? ENDORSEMENT_QE_IDENTITY
                    : has(b, "\"instance-id\"")     ? ENDORSEMENT_CCA_CPAK
                                                    : ENDORSEMENT_NONE;
    } else if (b.p[at] == '-') {
        (void)chain_read(b, out);
    } else if (!certificate_read(b, out)) {
        *out = (struct endorsement){0};
        (void)list_read(b, out);
    }
    if (out->kind == ENDORSEMENT_NONE)
        *out = (struct endorsement){0};
    return out->kind != ENDORSEMENT_NONE;
}
