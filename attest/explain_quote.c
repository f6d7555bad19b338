#include "attest/explain_quote.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "attest/cert.h"
#include "attest/dcap_pck.h"
#include "attest/dcap_quote.h"
#include "attest/pem.h"
#include "attest/platforms.h"
#include "base/str.h"

enum kind { BYTES, NUMBER, RESERVED, SGX_FLAGS, TD_FLAGS, TEE_SVN, TEE_TYPE, BODY_TYPE };

struct field {
    const char *name;
    uint16_t size;
    enum kind kind;
    const char *meaning, *checked;
};

#define ZERO "bytes.reserved-not-zero"
#define QUOTE "dcap.signature"
#define QE "dcap.qe-signature"

#define HEADER_BEGIN                                                                               \
    {"VERSION", 2, NUMBER, "version of this quote's layout", "dcap.version"},                      \
    {                                                                                              \
        "KEY_TYPE", 2, NUMBER, "kind of the attestation key; 2: ECDSA on P-256", "dcap.key-type"   \
    }
#define HEADER_END                                                                                 \
    {"SVNS", 4, BYTES, "versions of the QE and the PCE, in no reliable order: not used", QUOTE},   \
        {"QE_VENDOR_ID", 16, BYTES, "whose quoting enclave made this quote", "dcap.qe-vendor"},    \
    {                                                                                              \
        "USER_DATA", 20, BYTES, "the quoting enclave's own; the first 16 name the platform", QUOTE \
    }

static const struct field header_v3[] = {
    HEADER_BEGIN, {"RESERVED_4", 4, RESERVED, "must be zero: SGX", ZERO}, HEADER_END};
static const struct field header_v4[] = {
    HEADER_BEGIN, {"TEE_TYPE", 4, TEE_TYPE, "which technology", "dcap.tee-type"}, HEADER_END};
static const struct field body_v5[] = {
    {"BODY_TYPE", 2, BODY_TYPE, "which report follows", "dcap.body-type"},
    {"BODY_SIZE", 4, NUMBER, "its size", "dcap.body-size"}};

/* An enclave's report, of the guest and of the quoting enclave: names begin with P, and `identity`
 * is what looks at those of the fields that the collateral speaks of. */
#define ENCLAVE(P, guard, identity, svn, attributes, bound)                                        \
    {P "CPUSVN", 16, BYTES, "security versions of the processor when it was made", guard},         \
        {P "MISCSELECT", 4, BYTES, "what is saved when the enclave stops", identity},              \
        {P "RESERVED_20", 12, RESERVED, "must be zero", ZERO},                                     \
        {P "ISVEXTPRODID", 16, BYTES, "the maker's product, extended", guard},                     \
        {P "ATTRIBUTES", 16, SGX_FLAGS, "how the enclave runs", attributes},                       \
        {P "MRENCLAVE", 32, BYTES, "digest of the enclave as it was built", guard},                \
        {P "RESERVED_96", 32, RESERVED, "must be zero", ZERO},                                     \
        {P "MRSIGNER", 32, BYTES, "digest of the key that signed the enclave", identity},          \
        {P "RESERVED_160", 32, RESERVED, "must be zero", ZERO},                                    \
        {P "CONFIGID", 64, BYTES, "what the enclave was configured with", guard},                  \
        {P "ISVPRODID", 2, NUMBER, "the maker's product", identity},                               \
        {P "ISVSVN", 2, NUMBER, "the maker's security version of it", svn},                        \
        {P "CONFIGSVN", 2, NUMBER, "security version of the configuration", guard},                \
        {P "RESERVED_262", 42, RESERVED, "must be zero", ZERO},                                    \
        {P "ISVFAMILYID", 16, BYTES, "the maker's family of products", guard},                     \
    {                                                                                              \
        P "REPORTDATA", 64, BYTES, "what the enclave bound the report to", bound                   \
    }

static const struct field enclave[] = {
    ENCLAVE("", QUOTE, QUOTE, QUOTE, "dcap.debug", "evidence.report-data")};
static const struct field quoting_enclave[] = {ENCLAVE(
    "QE_", QE, "dcap.qe-mismatch", "dcap.qe-no-match", "dcap.qe-mismatch", "dcap.qe-binding")};

static const struct field td10[] = {
    {"TEE_TCB_SVN", 16, TEE_SVN, "security versions of the TDX module and what is below it",
     "dcap.tcb-no-match"},
    {"MRSEAM", 48, BYTES, "digest of the TDX module", QUOTE},
    {"MRSIGNERSEAM", 48, BYTES, "who signed the TDX module; zero: Intel", "tdx.seam-signer"},
    {"SEAMATTRIBUTES", 8, BYTES, "zero for a production module", "tdx.seam-attributes"},
    {"TDATTRIBUTES", 8, TD_FLAGS, "what the TD lets its host do", "dcap.debug"},
    {"XFAM", 8, BYTES, "processor features of the TD", QUOTE},
    {"MRTD", 48, BYTES, "digest of the TD as it was built", QUOTE},
    {"MRCONFIGID", 48, BYTES, "the owner's configuration of the TD", QUOTE},
    {"MROWNER", 48, BYTES, "the owner of the TD", QUOTE},
    {"MROWNERCONFIG", 48, BYTES, "the owner's own configuration", QUOTE},
    {"RTMR0", 48, BYTES, "measured while it ran: firmware", QUOTE},
    {"RTMR1", 48, BYTES, "measured while it ran: boot loader, kernel", QUOTE},
    {"RTMR2", 48, BYTES, "measured while it ran: operating system", QUOTE},
    {"RTMR3", 48, BYTES, "measured while it ran: for the TD's own use", QUOTE},
    {"REPORTDATA", 64, BYTES, "what the TD bound the report to", "evidence.report-data"}};
static const struct field td15[] = {
    {"TEE_TCB_SVN_2", 16, TEE_SVN, "the same, of the platform as it is now", "dcap.signature"},
    {"MRSERVICETD", 48, BYTES, "digest of the service TDs bound to it", QUOTE}};

static const struct field signature[] = {
    {"SIGNATURE_SIZE", 4, NUMBER, "of all that follows", "bytes.truncated"},
    {"SIGNATURE_R", 32, BYTES, "of header and report, by the attestation key", QUOTE},
    {"SIGNATURE_S", 32, BYTES, "of header and report, by the attestation key", QUOTE},
    {"ATTESTATION_KEY_X", 32, BYTES, "the quoting enclave's key", "dcap.qe-binding"},
    {"ATTESTATION_KEY_Y", 32, BYTES, "the quoting enclave's key", "dcap.qe-binding"}};
static const struct field outer[] = {
    {"OUTER_TYPE", 2, NUMBER, "6: certification by a QE report", "dcap.certification-type"},
    {"OUTER_SIZE", 4, NUMBER, "of all that follows", "bytes.truncated"}};
static const struct field after_report[] = {
    {"QE_SIGNATURE_R", 32, BYTES, "of the QE's report, by the PCK", QE},
    {"QE_SIGNATURE_S", 32, BYTES, "of the QE's report, by the PCK", QE},
    {"QE_AUTH_SIZE", 2, NUMBER, "of the QE's own data", "bytes.truncated"}};
static const struct field auth_data = {"QE_AUTH_DATA", 0, BYTES, "what the QE bound beside its key",
                                       "dcap.qe-binding"};
static const struct field certification[] = {
    {"CERTIFICATION_TYPE", 2, NUMBER, "how the PCK is named; 5: its chain is here",
     "dcap.certification-type"},
    {"CERTIFICATION_SIZE", 4, NUMBER, "of all that follows", "bytes.truncated"}};
static const struct field certification_data = {
    "CERTIFICATION_DATA", 0, BYTES, "which PCK certifies the QE", "dcap.certification-mismatch"};
static const struct field certificate[] = {
    {"PCK_CERTIFICATE", 0, BYTES, "certifies this platform", "dcap.extension"},
    {"PCK_CA_CERTIFICATE", 0, BYTES, "certifies platforms", "cert.signature"},
    {"ROOT_CERTIFICATE", 0, BYTES, "Intel's root", "anchor.unknown"}};

struct walk {
    struct bytes quote;
    size_t at;
    explain_fn *each;
    void *data;
    bool cut;
};

static uint64_t number(struct bytes b)
{
    uint64_t v = 0;

    for (size_t i = b.n < 8 ? b.n : 8; i > 0; i--)
        v = v << 8 | b.p[i - 1];
    return v;
}

static void say(struct explained *x, const char *word)
{
    size_t at = strlen(x->says);

    snprintf(x->says + at, sizeof x->says - at, "%s%s", at > 0 ? ", " : "", word);
}

static void say_td(struct explained *x, uint64_t v)
{
    static const struct {
        uint64_t bit;
        const char *name;
    } flags[] = {{TDX_ATTRIBUTE_DEBUG, "DEBUG"},
                 {TDX_ATTRIBUTES_TUD & ~TDX_ATTRIBUTE_DEBUG, "UNDER DEBUG"},
                 {UINT64_C(1) << 27, "LASS"},
                 {TDX_ATTRIBUTE_SEPT_VE_DISABLE, "SEPT_VE_DISABLE"},
                 {TDX_ATTRIBUTE_MIGRATABLE, "MIGRATABLE"},
                 {UINT64_C(1) << 30, "PKS"},
                 {UINT64_C(1) << 31, "KL"},
                 {UINT64_C(1) << 63, "PERFMON"},
                 {~TDX_ATTRIBUTES_KNOWN, "RESERVED BITS"}};

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if ((v & flags[i].bit) != 0)
            say(x, flags[i].name);
}

static void say_sgx(struct explained *x, uint8_t v)
{
    static const char *const flags[] = {"INIT",         "DEBUG",         "MODE64", NULL,
                                        "PROVISIONKEY", "EINITTOKENKEY", NULL,     "KSS"};

    for (unsigned i = 0; i < 8; i++)
        if ((v >> i & 1) != 0 && flags[i] != NULL)
            say(x, flags[i]);
}

static void say_value(struct explained *x, enum kind kind, struct bytes b)
{
    char text[64];

    if (kind == SGX_FLAGS)
        say_sgx(x, b.p[0]);
    else if (kind == TD_FLAGS)
        say_td(x, number(b));
    else if (kind == TEE_TYPE)
        say(x, number(b) == DCAP_TEE_SGX ? "SGX" : number(b) == DCAP_TEE_TDX ? "TDX" : "unknown");
    else if (kind == BODY_TYPE)
        say(x, b.p[0] == 1   ? "SGX enclave"
               : b.p[0] == 2 ? "TD report 1.0"
               : b.p[0] == 3 ? "TD report 1.5"
                             : "unknown");
    else if (kind == TEE_SVN) {
        snprintf(text, sizeof text, "module TDX_%02X, its SVN %u, SEAM loader %u", b.p[1], b.p[0],
                 b.p[2]);
        say(x, text);
    }
}

static void value_put(struct explained *x, enum kind kind, struct bytes b)
{
    char hex[2 * 64 + 1];

    if (kind == RESERVED) {
        snprintf(x->value, sizeof x->value, "%s", bytes_zero(b) ? "zero" : "NOT ZERO");
    } else if (kind == NUMBER || kind == TEE_TYPE || kind == BODY_TYPE) {
        snprintf(x->value, sizeof x->value, "%" PRIu64, number(b));
    } else if (b.n > 64 || b.n == 0) {
        snprintf(x->value, sizeof x->value, "%zu bytes", b.n);
    } else {
        hex_format(b, hex);
        snprintf(x->value, sizeof x->value, "%s", hex);
    }
}

/* The next `size` bytes as that field; fewer when the quote ends, which ends the walk. */
static struct bytes step_says(struct walk *w, const struct field *f, size_t size, const char *says)
{
    struct bytes b = {w->quote.p + w->at, size};
    struct explained x = {
        .field = f->name, .offset = w->at, .meaning = f->meaning, .checked = f->checked};

    if (w->cut || size == 0)
        return (struct bytes){NULL, 0};
    if (size > w->quote.n - w->at) {
        w->cut = true;
        b.n = w->quote.n - w->at;
        if (b.n == 0)
            return b;
        snprintf(x.value, sizeof x.value, "CUT OFF: %zu of %zu bytes", b.n, size);
    } else {
        value_put(&x, f->kind, b);
        say_value(&x, f->kind, b);
        if (says != NULL)
            say(&x, says);
    }
    x.size = b.n;
    w->at += b.n;
    w->each(&x, w->data);
    return w->cut ? (struct bytes){NULL, 0} : b;
}

static struct bytes step(struct walk *w, const struct field *f)
{
    return step_says(w, f, f->size, NULL);
}

/* Returns the last field's number. */
static uint64_t steps(struct walk *w, const struct field *f, size_t n)
{
    struct bytes b = {NULL, 0};

    for (size_t i = 0; i < n; i++)
        b = step(w, &f[i]);
    return number(b);
}

#define STEPS(w, table) steps(w, table, sizeof(table) / sizeof(table)[0])

static void say_pck(struct bytes pem, char *out, size_t size)
{
    uint8_t *store = malloc(pem.n + 1);
    struct bytes der[PEM_BLOCKS];
    AUTO(cert) struct cert *x = NULL;
    const struct platform *row;
    struct dcap_pck pck;
    unsigned n = 0;
    char fmspc[13];

    snprintf(out, size, "UNREADABLE");
    if (store != NULL && pem_certificates(pem, store, der, &n, "", NULL) &&
        cert_parse(der[0], "", &x, NULL) && dcap_pck_read(x, "", &pck, NULL)) {
        hex_format(BYTES_OF(pck.fmspc), fmspc);
        row = platform_find_fmspc(platforms_builtin, platforms_builtin_n, pck.fmspc);
        snprintf(out, size, "FMSPC %s (%s), PCESVN %u, SVNs %u %u %u %u %u %u %u %u", fmspc,
                 row == NULL ? "generation unknown" : row->generation[0], pck.pcesvn,
                 pck.component[0], pck.component[1], pck.component[2], pck.component[3],
                 pck.component[4], pck.component[5], pck.component[6], pck.component[7]);
    }
    free(store);
}

/* Where the next certificate begins after the first byte, or the end. */
static size_t pem_next(struct bytes b)
{
    static const char line[] = "-----BEGIN ";

    for (size_t i = 1; i + sizeof line - 1 <= b.n; i++)
        if (memcmp(b.p + i, line, sizeof line - 1) == 0)
            return i;
    return b.n;
}

/* Each certificate of the chain is a field of its own. */
static void chain_walk(struct walk *w, size_t size)
{
    char says[128];

    for (unsigned i = 0; size > 0 && !w->cut; i++) {
        struct bytes rest = {w->quote.p + w->at, size};
        size_t n = i < 2 ? pem_next(rest) : size;

        says[0] = '\0';
        if (i == 0)
            say_pck((struct bytes){rest.p, n}, says, sizeof says);
        step_says(w, &certificate[i < 2 ? i : 2], n, says[0] == '\0' ? NULL : says);
        size -= n;
    }
}

static void certification_walk(struct walk *w)
{
    struct bytes type;
    uint64_t size, left;

    step_says(w, &auth_data, (size_t)STEPS(w, after_report), NULL);
    type = step(w, &certification[0]);
    size = number(step(w, &certification[1]));
    left = w->quote.n - w->at;
    if (number(type) == DCAP_PCK_CHAIN && size <= left)
        chain_walk(w, (size_t)size);
    else
        step_says(w, &certification_data, (size_t)size, NULL);
}

static void body_walk(struct walk *w, uint64_t version, bool tdx)
{
    bool has15 = false;

    if (version == 5) {
        struct bytes type = step(w, &body_v5[0]);

        step(w, &body_v5[1]);
        has15 = number(type) == 3;
    }
    if (!tdx) {
        STEPS(w, enclave);
        return;
    }
    STEPS(w, td10);
    if (has15)
        STEPS(w, td15);
}

bool quote_explains(struct bytes evidence)
{
    return dcap_quote_looks(evidence, DCAP_TEE_TDX) || dcap_quote_looks(evidence, DCAP_TEE_SGX);
}

void quote_explain(struct bytes quote, explain_fn *each, void *data)
{
    static const struct field rest = {"TRAILING", 0, RESERVED, "does not belong to the quote",
                                      "bytes.trailing"};
    struct walk w = {.quote = quote, .each = each, .data = data};
    uint64_t version = number((struct bytes){quote.p, 2});
    bool tdx = dcap_quote_looks(quote, DCAP_TEE_TDX);

    if (version == 3)
        STEPS(&w, header_v3);
    else
        STEPS(&w, header_v4);
    body_walk(&w, version, tdx);
    STEPS(&w, signature);
    if (version != 3)
        STEPS(&w, outer);
    STEPS(&w, quoting_enclave);
    certification_walk(&w);
    step_says(&w, &rest, quote.n - w.at, NULL);
}
