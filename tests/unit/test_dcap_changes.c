/* Every field of real quotes, certificates, lists and collateral changed, one at a time: each
 * change is refused, and by the check that the field belongs to. */
#include <stdio.h>
#include <stdlib.h>

#include "attest/dcap_quote.h"
#include "attest/evidence.h"
#include "tests/lib/quotes.h"
#include "tests/lib/unit.h"
#include "tests/lib/vectors.h"

#define ARENA_MAX (4u << 20)

/* One quote of each version and body, the first of its kind among the vectors. */
enum shape { SGX_V3, TDX_V4, TDX_V5, SHAPES };
static struct vector_row base[SHAPES];
static bool have[SHAPES];
static unsigned cases;

static void base_keep(const struct vector_row *r)
{
    AUTO_ARENA struct arena a = {0};
    struct evidence_input in;
    enum shape s;

    arena_init(&a, ARENA_MAX);
    quotes_input(&a, r, &in);
    s = in.evidence.p[0] == 3 ? SGX_V3 : in.evidence.p[0] == 4 ? TDX_V4 : TDX_V5;
    if (have[s] || strcmp(r->expect, "valid") != 0 || quotes_file(&in, "pck_crl.der") == NULL ||
        in.evidence.p[0] < 3 || in.evidence.p[0] > 5)
        return;
    have[s] = true;
    base[s] = *r;
}

static bool bases_here(void)
{
    if (!vectors_here())
        return false;
    vectors_each("sgx-quote+collateral", base_keep);
    vectors_each("tdx-quote+collateral", base_keep);
    for (unsigned s = 0; s < SHAPES; s++)
        assert_true(have[s]);
    return true;
}

/* One word of "a|b|c". */
static bool one_of(const char *words, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = strstr(words, word); p != NULL; p = strstr(p + 1, word))
        if ((p == words || p[-1] == '|') && (p[n] == '\0' || p[n] == '|'))
            return true;
    return false;
}

static void assert_refused(const struct evidence_input *in, enum shape s, const char *reasons,
                           const char *what, size_t at)
{
    const struct evidence_options o = {.now_s = vector_time(&base[s], 0), .allow_debug = true};
    struct facts f;
    struct err e = {0};

    cases++;
    if (evidence_verify(in, &o, &f, &e))
        fail_msg("%s, byte %zu of %s: valid; want %s", base[s].path, at, what, reasons);
    if (!one_of(reasons, e.reason))
        fail_msg("%s, byte %zu of %s: got %s (%s), want %s", base[s].path, at, what, e.reason,
                 e.msg, reasons);
    assert_true(e.field[0] != '\0' && e.code != ERR_INTERNAL && e.code != ERR_NOMEM);
}

struct field {
    const char *name;
    size_t size;
    const char *reasons;
};

#define SIZE "bytes.truncated|bytes.trailing"
#define QUOTE "dcap.signature"
#define QE "dcap.qe-signature"
#define ZERO "bytes.reserved-not-zero"

static const struct field header_v3[] = {
    {"VERSION", 2, "dcap.version"},
    {"KEY_TYPE", 2, "dcap.key-type"},
    {"RESERVED_4", 4, ZERO},
    {"SVNS", 4, QUOTE},
    {"QE_VENDOR_ID", 16, "dcap.qe-vendor"},
    {"USER_DATA", 20, QUOTE},
};

static const struct field header_v4[] = {
    {"VERSION", 2, "dcap.version"},         {"KEY_TYPE", 2, "dcap.key-type"},
    {"TEE_TYPE", 4, "dcap.tee-type"},       {"SVNS", 4, QUOTE},
    {"QE_VENDOR_ID", 16, "dcap.qe-vendor"}, {"USER_DATA", 20, QUOTE},
};

static const struct field body_v5[] = {
    {"BODY_TYPE", 2, "dcap.body-type"},
    {"BODY_SIZE", 4, "dcap.body-size"},
};

/* What a change of a signed field means depends on whose report it is. */
static const struct field sgx_body[] = {
    {"CPUSVN", 16, NULL},       {"MISCSELECT", 4, NULL},    {"RESERVED_20", 12, ZERO},
    {"ISVEXTPRODID", 16, NULL}, {"ATTRIBUTES", 16, NULL},   {"MRENCLAVE", 32, NULL},
    {"RESERVED_96", 32, ZERO},  {"MRSIGNER", 32, NULL},     {"RESERVED_160", 32, ZERO},
    {"CONFIGID", 64, NULL},     {"ISVPRODID", 2, NULL},     {"ISVSVN", 2, NULL},
    {"CONFIGSVN", 2, NULL},     {"RESERVED_262", 42, ZERO}, {"ISVFAMILYID", 16, NULL},
    {"REPORTDATA", 64, NULL},
};

static const struct field td10_body[] = {
    {"TEE_TCB_SVN", 16, QUOTE},   {"MRSEAM", 48, QUOTE},      {"MRSIGNERSEAM", 48, QUOTE},
    {"SEAMATTRIBUTES", 8, QUOTE}, {"TDATTRIBUTES", 8, QUOTE}, {"XFAM", 8, QUOTE},
    {"MRTD", 48, QUOTE},          {"MRCONFIGID", 48, QUOTE},  {"MROWNER", 48, QUOTE},
    {"MROWNERCONFIG", 48, QUOTE}, {"RTMR0", 48, QUOTE},       {"RTMR1", 48, QUOTE},
    {"RTMR2", 48, QUOTE},         {"RTMR3", 48, QUOTE},       {"REPORTDATA", 64, QUOTE},
};

static const struct field td15_body[] = {
    {"TEE_TCB_SVN_2", 16, QUOTE},
    {"MRSERVICETD", 48, QUOTE},
};

static const struct field signature[] = {
    {"SIGNATURE_SIZE", 4, SIZE},
    {"SIGNATURE_R", 32, QUOTE "|dcap.signature-range"},
    {"SIGNATURE_S", 32, QUOTE "|dcap.signature-range"},
    {"ATTESTATION_KEY_X", 32, "dcap.qe-binding"},
    {"ATTESTATION_KEY_Y", 32, "dcap.qe-binding"},
};

static const struct field outer[] = {
    {"OUTER_TYPE", 2, "dcap.certification-type"},
    {"OUTER_SIZE", 4, SIZE},
};

static const struct field after_qe[] = {
    {"QE_SIGNATURE_R", 32, QE "|dcap.signature-range"},
    {"QE_SIGNATURE_S", 32, QE "|dcap.signature-range"},
    {"QE_AUTH_SIZE", 2, SIZE "|dcap.certification-type"},
    {"QE_AUTH_DATA", 32, "dcap.qe-binding"},
    {"CERTIFICATION_TYPE", 2, "dcap.certification-type"},
    {"CERTIFICATION_SIZE", 4, SIZE},
};

/* Bit 7 of up to five bytes of each field, the first and the last among them. */
static void fields_change(struct evidence_input *in, enum shape s, size_t *at,
                          const struct field *f, size_t n, const char *otherwise)
{
    uint8_t *p = (uint8_t *)(uintptr_t)in->evidence.p;

    for (; n > 0; *at += f->size, f++, n--)
        for (size_t i = 0; i < 5; i++) {
            size_t k = i * (f->size - 1) / 4;

            if (f->size < 5 && i >= f->size)
                break;
            k = f->size < 5 ? i : k;
            p[*at + k] ^= 0x80;
            assert_refused(in, s, f->reasons != NULL ? f->reasons : otherwise, f->name, k);
            p[*at + k] ^= 0x80;
        }
}

static void quote_changes(enum shape s)
{
    AUTO_ARENA struct arena a = {0};
    struct evidence_input in;
    size_t at = 0;

    arena_init(&a, ARENA_MAX);
    quotes_input(&a, &base[s], &in);
    quotes_own(&a, &in.evidence);
    if (s == SGX_V3)
        fields_change(&in, s, &at, header_v3, COUNT(header_v3), NULL);
    else
        fields_change(&in, s, &at, header_v4, COUNT(header_v4), NULL);
    if (s == TDX_V5)
        fields_change(&in, s, &at, body_v5, COUNT(body_v5), NULL);
    if (s == SGX_V3)
        fields_change(&in, s, &at, sgx_body, COUNT(sgx_body), QUOTE);
    else
        fields_change(&in, s, &at, td10_body, COUNT(td10_body), NULL);
    if (s == TDX_V5)
        fields_change(&in, s, &at, td15_body, COUNT(td15_body), NULL);
    fields_change(&in, s, &at, signature, COUNT(signature), NULL);
    if (s != SGX_V3)
        fields_change(&in, s, &at, outer, COUNT(outer), NULL);
    fields_change(&in, s, &at, sgx_body, COUNT(sgx_body), QE);
    fields_change(&in, s, &at, after_qe, COUNT(after_qe), NULL);
    assert_memory_equal(in.evidence.p + at, "-----BEGIN", 10); /* the tables fit to the byte */
}

static void every_field_of_quotes(void **state)
{
    (void)state;
    if (!bases_here())
        skip();
    cases = 0;
    for (unsigned s = 0; s < SHAPES; s++)
        quote_changes((enum shape)s);
    print_message("%u changed fields of quotes are refused\n", cases);
    assert_true(cases >= 500);
}

/* Certificates, also those inside of a quote: whatever bit of the text, it is noticed. */
#define CERT                                                                                       \
    "cert.malformed|cert.signature|cert.shape|cert.validity|cert.algorithm|anchor.unknown|"        \
    "dcap.certificate-key|dcap.extension"

static void text_changes(struct evidence_input *in, enum shape s, struct bytes *text, size_t from,
                         size_t step, const char *reasons, const char *name)
{
    AUTO_ARENA struct arena a = {0};
    uint8_t *p;

    arena_init(&a, ARENA_MAX);
    p = quotes_own(&a, text);
    for (size_t i = from; i < text->n; i += step) {
        p[i] ^= 1;
        assert_refused(in, s, reasons, name, i);
        p[i] ^= 1;
    }
    for (size_t cut = 3; cut < 200; cut += 23) { /* more is missing than the last line feed */
        text->n -= cut;
        assert_refused(in, s, reasons, name, text->n);
        text->n += cut;
    }
}

static void every_byte_of_certificates(void **state)
{
    AUTO_ARENA struct arena a = {0};
    struct evidence_input in;
    struct bytes quote;
    size_t pem = 0;

    (void)state;
    if (!bases_here())
        skip();
    arena_init(&a, ARENA_MAX);
    cases = 0;
    for (unsigned s = 0; s < SHAPES; s++) {
        uint8_t *p;

        quotes_input(&a, &base[s], &in);
        p = quotes_own(&a, &in.evidence);
        quote = in.evidence;
        for (pem = 0; memcmp(p + pem, "-----BEGIN", 10) != 0; pem++)
            ;
        for (size_t i = pem; i < quote.n; i += 19) {
            p[i] ^= 1;
            assert_refused(&in, (enum shape)s, CERT, "CERTIFICATION_DATA", i - pem);
            p[i] ^= 1;
        }
        text_changes(&in, (enum shape)s, &quotes_file(&in, "tcb_signing_chain.pem")->bytes, 0, 31,
                     CERT, "tcb_signing_chain.pem");
    }
    print_message("%u changed bytes of certificates are refused\n", cases);
}

static void every_byte_of_collateral(void **state)
{
    static const char reasons[] = "dcap.collateral-malformed|dcap.collateral-signature";

    (void)state;
    if (!bases_here())
        skip();
    cases = 0;
    for (unsigned s = 0; s < SHAPES; s++) {
        AUTO_ARENA struct arena a = {0};
        struct evidence_input in;

        arena_init(&a, ARENA_MAX);
        quotes_input(&a, &base[s], &in);
        text_changes(&in, (enum shape)s, &quotes_file(&in, "tcb_info.json")->bytes, 0, 41, reasons,
                     "tcb_info.json");
        quotes_input(&a, &base[s], &in);
        text_changes(&in, (enum shape)s, &quotes_file(&in, "qe_identity.json")->bytes, 0, 7,
                     reasons, "qe_identity.json");
    }
    print_message("%u changed bytes of collateral are refused\n", cases);
    assert_true(cases >= 500);
}

/* A list that was changed is never taken for the authority's: it is refused, or, where the change
 * makes it name another key, it counts as not given, which the facts then say. */
static void list_changes(enum shape s, const char *name)
{
    const struct evidence_options o = {.now_s = vector_time(&base[s], 0), .allow_debug = true};
    AUTO_ARENA struct arena a = {0};
    struct evidence_input in;
    struct evidence_file *f;
    unsigned ignored = 0;
    uint8_t *p;

    arena_init(&a, ARENA_MAX);
    quotes_input(&a, &base[s], &in);
    f = quotes_file(&in, name);
    p = quotes_own(&a, &f->bytes);
    for (size_t i = 0; i < f->bytes.n; i += 5) {
        struct facts facts = {0};
        struct err e = {0};

        p[i] ^= 1;
        if (evidence_verify(&in, &o, &facts, &e)) {
            assert_true((facts.findings_true & 1u << FINDING_REVOCATION_UNCHECKED) != 0);
            ignored++;
        } else if (!one_of("crl.malformed|crl.signature|crl.algorithm|crl.validity", e.reason)) {
            fail_msg("%s, byte %zu: got %s", name, i, e.reason);
        }
        p[i] ^= 1;
        cases++;
    }
    assert_true(ignored <= 12); /* the octets that name the key, and their framing */
}

static void every_byte_of_lists(void **state)
{
    (void)state;
    if (!bases_here())
        skip();
    cases = 0;
    for (unsigned s = 0; s < SHAPES; s++) {
        list_changes((enum shape)s, "pck_crl.der");
        list_changes((enum shape)s, "root_ca_crl.der");
    }
    print_message("%u changed bytes of revocation lists are noticed\n", cases);
}

static void every_prefix_is_refused(void **state)
{
    (void)state;
    if (!bases_here())
        skip();
    cases = 0;
    for (unsigned s = 0; s < SHAPES; s++) {
        AUTO_ARENA struct arena a = {0};
        struct evidence_input in;
        struct dcap_quote q;
        struct bytes whole;

        arena_init(&a, ARENA_MAX);
        quotes_input(&a, &base[s], &in);
        whole = in.evidence;
        for (size_t n = 1; n < whole.n; n += n < 2000 ? 1 : 37) {
            uint8_t *exact = malloc(n); /* so that sanitizers see a read past the end */

            assert_non_null(exact);
            memcpy(exact, whole.p, n);
            assert_false(dcap_quote_parse((struct bytes){exact, n}, true, &q, NULL));
            in.evidence = (struct bytes){exact, n};
            if (n >= 5)
                assert_refused(&in, (enum shape)s, "bytes.truncated", "prefix", n);
            free(exact);
        }
    }
}

static void padding_is_for_the_lenient(void **state)
{
    (void)state;
    if (!bases_here())
        skip();
    for (unsigned s = 0; s < SHAPES; s++) {
        struct evidence_options o = {.now_s = vector_time(&base[s], 0), .allow_debug = true};
        AUTO_ARENA struct arena a = {0};
        struct evidence_input in;
        struct facts f;
        struct err e = {0};
        uint8_t *p;

        arena_init(&a, ARENA_MAX);
        quotes_input(&a, &base[s], &in);
        p = arena_alloc(&a, in.evidence.n + 70);
        assert_non_null(p);
        memcpy(p, in.evidence.p, in.evidence.n);
        in.evidence = (struct bytes){p, in.evidence.n + 70};
        assert_refused(&in, (enum shape)s, "bytes.trailing", "padded", 0);
        o.lenient = true;
        assert_true(evidence_verify(&in, &o, &f, &e));
        p[in.evidence.n - 1] = 1;
        assert_false(evidence_verify(&in, &o, &f, &e));
        assert_string_equal(e.reason, "bytes.trailing");
    }
}

/* R and S of the quote's signature and of the quoting enclave's: 0, the order of the group, all
 * ones. */
static void signature_numbers_have_a_range(void **state)
{
    static const uint8_t values[][32] = {
        {0},
        {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
         0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51},
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
    };

    (void)state;
    if (!bases_here())
        skip();
    for (unsigned s = 0; s < SHAPES; s++) {
        AUTO_ARENA struct arena a = {0};
        struct evidence_input in;
        struct dcap_quote q;

        arena_init(&a, ARENA_MAX);
        quotes_input(&a, &base[s], &in);
        quotes_own(&a, &in.evidence);
        assert_true(dcap_quote_parse(in.evidence, false, &q, NULL));
        for (unsigned k = 0; k < 4 * COUNT(values); k++) {
            const uint8_t *number =
                (k % 2 == 0 ? q.signature.p : q.qe_signature.p) + k / 2 % 2 * 32;
            uint8_t *at = (uint8_t *)(uintptr_t)number, old[32];

            memcpy(old, at, 32);
            memcpy(at, values[k / 4], 32);
            assert_refused(&in, (enum shape)s, "dcap.signature-range", "R or S", k);
            memcpy(at, old, 32);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_of_quotes),
        cmocka_unit_test(every_byte_of_certificates),
        cmocka_unit_test(every_byte_of_collateral),
        cmocka_unit_test(every_byte_of_lists),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(padding_is_for_the_lenient),
        cmocka_unit_test(signature_numbers_have_a_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
