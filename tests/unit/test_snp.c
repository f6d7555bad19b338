/* Every byte of a report means something: none may be changed without being noticed, and what is
 * noticed has a name. Reports come from the simulator, signed again after the change where the
 * signature is not the point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "attest/evidence.h"
#include "attest/explain.h"
#include "attest/sim/sim.h"
#include "attest/snp_files.h"
#include "attest/snp_report.h"
#include "attest/snp_tcb.h"

#define NOW INT64_C(1795000000)

static const uint8_t report_data[64] = {1, 2, 3};

static void make(const char *text, struct sim_evidence *s)
{
    struct sim_platform p;
    struct err e = {0};

    assert_true(sim_platform_parse(text, &p, &e));
    assert_true(sim_evidence(&p, report_data, NOW, s, &e));
}

static struct evidence_input input_of(const struct sim_evidence *s)
{
    struct evidence_input in = {.evidence = buf_bytes(&s->evidence), .files_n = s->files_n};

    for (unsigned i = 0; i < s->files_n; i++)
        in.files[i] = (struct evidence_file){s->files[i].name, buf_bytes(&s->files[i].bytes)};
    return in;
}

static bool verify(const struct evidence_input *in, struct err *e)
{
    const struct evidence_options o = {
        .now_s = NOW, .report_data = report_data, .allow_simulated = true};
    struct facts f = {0};

    return evidence_verify(in, &o, &f, e);
}

static void assert_refused(const struct evidence_input *in, const char *reason)
{
    struct err e = {0};

    if (verify(in, &e))
        fail_msg("valid; want %s", reason);
    if (strcmp(e.reason, reason) != 0)
        fail_msg("got %s (%s), want %s", e.reason, e.msg, reason);
}

/* One changed byte, and how the refusal is called. Several versions, since what is reserved in one
 * is a field in the next. */
static void changed_fields_are_named(void **state)
{
    static const struct {
        const char *platform;
        size_t at;
        uint8_t value;
        const char *reason, *field;
    } rows[] = {
        {"generation=genoa", 0x000, 0, "snp.version", "VERSION"},
        {"generation=genoa", 0x000, 1, "snp.version", "VERSION"},
        {"generation=genoa", 0x000, 6, "snp.version", "VERSION"},
        {"generation=genoa", 0x003, 1, "snp.version", "VERSION"},
        {"generation=genoa", 0x004, 9, "snp.signature", "SIGNATURE"},
        {"generation=genoa", 0x00a, 1, "snp.reserved-bits", "POLICY"},
        {"generation=genoa", 0x00f, 0x80, "snp.reserved-bits", "POLICY"},
        {"generation=genoa", 0x010, 1, "snp.signature", "SIGNATURE"},
        {"generation=genoa", 0x030, 3, "snp.signature", "SIGNATURE"},
        {"generation=genoa", 0x030, 4, "snp.reserved-bits", "VMPL"},
        {"generation=genoa", 0x034, 2, "snp.signature-algorithm", "SIGNATURE_ALGO"},
        {"generation=genoa", 0x03f, 0xff, "snp.signature", "SIGNATURE"},
        {"generation=genoa", 0x041, 1, "snp.reserved-bits", "PLATFORM_INFO"},
        {"generation=genoa", 0x048, 0x04, "evidence.file-missing", "vlek.der"},
        {"generation=genoa", 0x048, 0x08, "snp.signing-key", "KEY_INFO.SIGNING_KEY"},
        {"generation=genoa", 0x048, 0x1c, "snp.unsigned", "KEY_INFO.SIGNING_KEY"},
        {"generation=genoa", 0x048, 0x20, "bytes.reserved-not-zero", "KEY_INFO"},
        {"generation=genoa", 0x04c, 1, "bytes.reserved-not-zero", "RESERVED_4C"},
        {"generation=genoa", 0x050, 9, "evidence.report-data", "REPORT_DATA"},
        {"generation=genoa", 0x08f, 9, "evidence.report-data", "REPORT_DATA"},
        {"generation=genoa", 0x090, 9, "snp.signature", "SIGNATURE"},
        {"generation=genoa", 0x180, 9, "snp.signature", "SIGNATURE"},
        {"generation=genoa", 0x188, 0x1a, "snp.signature", "SIGNATURE"},
        {"generation=genoa", 0x18b, 1, "bytes.reserved-not-zero", "RESERVED_18B"},
        {"generation=genoa", 0x1a0, 0, "snp.signature", "SIGNATURE"},
        {"generation=genoa", 0x1eb, 1, "bytes.reserved-not-zero", "CURRENT_VERSION"},
        {"generation=genoa", 0x1ef, 1, "bytes.reserved-not-zero", "COMMITTED_VERSION"},
        {"generation=genoa", 0x1f8, 1, "bytes.reserved-not-zero", "RESERVED_1F8"},
        {"generation=genoa", 0x207, 1, "bytes.reserved-not-zero", "RESERVED_1F8"},
        {"generation=genoa", 0x208, 1, "bytes.reserved-not-zero", "RESERVED_208"},
        {"generation=genoa", 0x29f, 1, "bytes.reserved-not-zero", "RESERVED_208"},
        {"generation=genoa", 0x2d0, 1, "bytes.reserved-not-zero", "SIGNATURE_R"},
        {"generation=genoa", 0x2e7, 1, "bytes.reserved-not-zero", "SIGNATURE_R"},
        {"generation=genoa", 0x318, 1, "bytes.reserved-not-zero", "SIGNATURE_S"},
        {"generation=genoa", 0x330, 1, "bytes.reserved-not-zero", "RESERVED_330"},
        {"generation=genoa", 0x49f, 1, "bytes.reserved-not-zero", "RESERVED_330"},
        {"generation=genoa,version=2", 0x188, 0x19, "bytes.reserved-not-zero", "RESERVED_188"},
        {"generation=genoa,version=4", 0x200, 1, "bytes.reserved-not-zero", "RESERVED_1F8"},
        {"generation=turin", 0x1f8, 1, "snp.signature", "SIGNATURE"},
        {"generation=turin", 0x200, 1, "snp.signature", "SIGNATURE"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
        struct evidence_input in;
        struct err e = {0};

        make(rows[i].platform, &s);
        assert_int_not_equal(s.evidence.p[rows[i].at], rows[i].value);
        s.evidence.p[rows[i].at] = rows[i].value;
        in = input_of(&s);
        if (verify(&in, &e) || strcmp(e.reason, rows[i].reason) != 0 ||
            strcmp(e.field, rows[i].field) != 0)
            fail_msg("%s, byte 0x%zx: got %s in %s, want %s in %s", rows[i].platform, rows[i].at,
                     e.reason, e.field, rows[i].reason, rows[i].field);
    }
}

/* The whole report, not only the fields that came to mind. */
static void no_bit_can_change(void **state)
{
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    struct evidence_input in;

    (void)state;
    make("generation=genoa", &s);
    for (size_t i = 0; i < SNP_REPORT_SIZE; i++) {
        struct err e = {0};

        s.evidence.p[i] ^= (uint8_t)(1u << i % 8);
        in = input_of(&s);
        if (verify(&in, &e))
            fail_msg("byte 0x%zx changed and nobody noticed", i);
        assert_true(e.reason[0] != '\0');
        s.evidence.p[i] ^= (uint8_t)(1u << i % 8);
    }
    in = input_of(&s);
    assert_true(verify(&in, NULL));
}

static void every_prefix_is_refused(void **state)
{
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    struct snp_report r;
    struct evidence_input in;

    (void)state;
    make("generation=turin", &s);
    in = input_of(&s);
    for (size_t n = 0; n < SNP_REPORT_SIZE; n++) {
        uint8_t *exact = malloc(n == 0 ? 1 : n); /* so that sanitizers see a read past the end */
        struct err e = {0};

        memcpy(exact, s.evidence.p, n);
        in.evidence = (struct bytes){exact, n};
        assert_false(verify(&in, &e));
        assert_false(snp_report_parse(in.evidence, &r, &e));
        assert_string_equal(e.reason, "bytes.truncated");
        free(exact);
    }
    buf_putc(&s.evidence, '\0');
    in.evidence = buf_bytes(&s.evidence);
    assert_refused(&in, "bytes.trailing");
}

static void set_le(uint8_t *at, const uint8_t *be, size_t n)
{
    for (size_t i = 0; i < n; i++)
        at[i] = be[n - 1 - i];
}

static void signature_numbers_have_a_range(void **state)
{
    static const uint8_t order[48] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                      0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37,
                                      0x2d, 0xdf, 0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a,
                                      0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73};

    (void)state;
    for (unsigned which = 0; which < 2; which++)
        for (unsigned kind = 0; kind < 3; kind++) {
            AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
            struct evidence_input in;
            uint8_t *at;

            make("generation=milan", &s);
            at = s.evidence.p + 0x2a0 + (which == 0 ? 0 : 72);
            memset(at, kind == 2 ? 0xff : 0, 48);
            if (kind == 1)
                set_le(at, order, 48);
            in = input_of(&s);
            assert_refused(&in, "snp.signature-range");
        }
}

static struct evidence_file *file(struct evidence_input *in, const char *name)
{
    for (unsigned i = 0; i < in->files_n; i++)
        if (strcmp(in->files[i].name, name) == 0)
            return &in->files[i];
    fail_msg("no %s", name);
    return NULL;
}

static void certificates_are_checked_one_by_one(void **state)
{
    AUTO_SIM_EVIDENCE struct sim_evidence a = {0}, b = {0}, turin = {0};
    struct evidence_input in, other, far;
    uint8_t copy[8192];
    struct bytes good;

    (void)state;
    make("generation=genoa,chip=1", &a);
    make("generation=genoa,chip=2", &b);
    make("generation=turin", &turin);
    in = input_of(&a);
    other = input_of(&b);
    far = input_of(&turin);
    for (unsigned i = 0; i < in.files_n; i++) { /* each is needed, whole and alone */
        good = in.files[i].bytes;
        in.files[i].bytes.n = 0;
        assert_refused(&in, "evidence.file-missing");
        in.files[i].bytes.n = good.n - 1;
        assert_refused(&in, "cert.malformed");
        memcpy(copy, good.p, good.n);
        copy[good.n] = 0;
        in.files[i].bytes = (struct bytes){copy, good.n + 1};
        assert_refused(&in, "cert.malformed");
        in.files[i].bytes = (struct bytes){copy, good.n};
        copy[good.n - 9] ^= 1; /* in the signature */
        assert_refused(&in, i == 2 ? "anchor.unknown" : "cert.signature");
        in.files[i].bytes = good;
    }
    assert_true(verify(&in, NULL));
    good = file(&in, "vcek.der")->bytes;
    file(&in, "vcek.der")->bytes = file(&other, "vcek.der")->bytes;
    assert_refused(&in, "snp.signature");
    file(&in, "vcek.der")->bytes = file(&in, "ask.der")->bytes;
    assert_refused(&in, "cert.shape");
    file(&in, "vcek.der")->bytes = file(&far, "vcek.der")->bytes;
    assert_refused(&in, "cert.shape");
    file(&in, "vcek.der")->bytes = good;
    file(&in, "ask.der")->bytes = file(&in, "ark.der")->bytes;
    assert_refused(&in, "cert.shape");
    file(&in, "ask.der")->bytes = file(&far, "ask.der")->bytes;
    assert_refused(&in, "cert.shape");
    in.files_n = 17;
    assert_refused(&in, "evidence.too-large");
}

static void put_entry(struct buf *b, const char *guid_bytes, size_t offset, size_t length)
{
    buf_put(b, guid_bytes, 16);
    buf_le(b, offset, 4);
    buf_le(b, length, 4);
}

/* The host's table instead of files, good and broken. */
static void certificates_come_in_a_table(void **state)
{
    static const char vcek[] = "\x63\xda\x75\x8d\xe6\x64\x45\x64\xad\xc5\xf4\xb9\x3b\xe8\xac\xcd";
    static const char ask[] = "\x4a\xb7\xb3\x79\xbb\xac\x4f\xe4\xa0\x2f\x05\xae\xf3\x27\xc7\x82";
    static const char ark[] = "\xc0\xb4\x06\xa4\xa8\x03\x49\x52\x97\x43\x3f\xb6\x01\x4c\xd0\xae";
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    AUTO_BUF struct buf table = {0};
    struct evidence_input in;
    size_t n[3], at = 4 * 24;

    (void)state;
    make("generation=genoa", &s);
    for (unsigned i = 0; i < 3; i++)
        n[i] = s.files[i].bytes.n;
    put_entry(&table, vcek, at, n[0]);
    put_entry(&table, ask, at + n[0], n[1]);
    put_entry(&table, ark, at + n[0] + n[1], n[2]);
    buf_zero(&table, 24);
    for (unsigned i = 0; i < 3; i++)
        buf_put(&table, s.files[i].bytes.p, n[i]);
    in = (struct evidence_input){.evidence = buf_bytes(&s.evidence),
                                 .files = {{"auxblob", buf_bytes(&table)}},
                                 .files_n = 1};
    assert_true(verify(&in, NULL));
    in.files[0].bytes.n--; /* the last one sticks out */
    assert_refused(&in, "snp.cert-table");
    in.files[0].bytes = (struct bytes){table.p + 72, 23}; /* no end */
    assert_refused(&in, "snp.cert-table");
    in.files[0].bytes = (struct bytes){table.p + 72, 24}; /* nothing in it */
    assert_refused(&in, "evidence.file-missing");
    in.files[0].bytes.n = 0;
    assert_refused(&in, "evidence.file-missing");
    memset(table.p + 16, 0xff, 8); /* offset + length would wrap */
    in.files[0].bytes = buf_bytes(&table);
    assert_refused(&in, "snp.cert-table");
}

static void tcbs_have_two_layouts(void **state)
{
    const struct snp_tcb_raw raw = {{1, 2, 3, 4, 0, 0, 0, 5}};
    const struct snp_tcb_raw old = {{1, 2, 0, 0, 0, 0, 4, 5}};
    struct snp_tcb a, b, min;
    enum snp_part which = SNP_FMC;
    struct err e = {0};

    (void)state;
    assert_null(snp_layout_find("Venice"));
    assert_true(snp_tcb_read(snp_layout_find("Turin"), raw, "T", &a, &e));
    assert_true(a.part[SNP_FMC] == 1 && a.part[SNP_BOOTLOADER] == 2 && a.part[SNP_TEE] == 3 &&
                a.part[SNP_SNP] == 4 && a.part[SNP_MICROCODE] == 5);
    assert_false(snp_tcb_read(snp_layout_find("Genoa"), raw, "T", &b, &e));
    assert_string_equal(e.reason, "snp.tcb-reserved");
    assert_true(snp_tcb_read(snp_layout_find("Genoa"), old, "T", &a, &e));
    assert_false(a.has[SNP_FMC]);
    b = a;
    b.part[SNP_SNP] = 9;
    b.part[SNP_MICROCODE] = 1;
    min = snp_tcb_min(&a, &b); /* neither is the lower one as a whole */
    assert_true(min.part[SNP_SNP] == 4 && min.part[SNP_MICROCODE] == 1);
    assert_false(snp_tcb_equal(&a, &b, &which));
    assert_int_equal(which, SNP_SNP);
    assert_true(
        snp_version_compare((struct snp_version){1, 55, 9}, (struct snp_version){1, 55, 40}) < 0);
    assert_true(
        snp_version_compare((struct snp_version){2, 0, 0}, (struct snp_version){1, 55, 40}) > 0);
}

static void formats_are_told_by_shape(void **state)
{
    const uint8_t noise[100] = {9, 9, 9};
    struct evidence_input in = {.evidence = BYTES_OF(noise)};

    (void)state;
    assert_refused(&in, "evidence.unknown-format");
    in.evidence.n = 0;
    assert_refused(&in, "evidence.empty");
    in.evidence.n = EVIDENCE_MAX + 1;
    assert_refused(&in, "evidence.too-large");
}

struct walk {
    size_t next;
    unsigned n;
    char tcb[160], family[160], version[144];
};

static void walk_field(const struct explained *x, void *data)
{
    struct walk *w = data;

    assert_int_equal(x->offset, w->next); /* no gap, no overlap */
    assert_true(x->size > 0 && x->value[0] != '\0' && x->meaning[0] != '\0');
    if (strcmp(x->field, "REPORTED_TCB") == 0)
        memcpy(w->tcb, x->says, sizeof w->tcb);
    if (strcmp(x->field, "CPUID_FAM_ID") == 0)
        memcpy(w->family, x->says, sizeof w->family);
    if (strcmp(x->field, "CURRENT_VERSION") == 0)
        memcpy(w->version, x->value, sizeof w->version);
    w->next += x->size;
    w->n++;
}

static void every_byte_is_explained(void **state)
{
    static const struct {
        const char *platform, *tcb, *family, *version;
    } rows[] = {
        {"generation=milan,version=2", "bootloader 0x04, tee 0x00, snp 0x18, microcode 0xdb", "",
         "1.55.29"},
        {"generation=genoa", "bootloader 0x0a, tee 0x00, snp 0x17, microcode 0x54", "genoa",
         "1.55.40"},
        {"generation=siena,version=4", "bootloader 0x0a, tee 0x00, snp 0x1b, microcode 0x1b",
         "bergamo, siena", "1.55.49"},
        {"generation=turin", "fmc 0x01, bootloader 0x01, tee 0x01, snp 0x04, microcode 0x51",
         "turin", "1.55.65"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
        struct walk w = {0};
        struct err e = {0};

        make(rows[i].platform, &s);
        assert_true(evidence_explain(buf_bytes(&s.evidence), walk_field, &w, &e));
        assert_int_equal(w.next, SNP_REPORT_SIZE);
        assert_string_equal(w.tcb, rows[i].tcb);
        assert_string_equal(w.family, rows[i].family);
        assert_string_equal(w.version, rows[i].version);
        s.evidence.p[0] = 6;
        w.n = 0;
        assert_false(evidence_explain(buf_bytes(&s.evidence), walk_field, &w, &e));
        assert_string_equal(e.reason, "evidence.unknown-format");
        assert_int_equal(w.n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changed_fields_are_named),
        cmocka_unit_test(no_bit_can_change),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(signature_numbers_have_a_range),
        cmocka_unit_test(certificates_are_checked_one_by_one),
        cmocka_unit_test(certificates_come_in_a_table),
        cmocka_unit_test(tcbs_have_two_layouts),
        cmocka_unit_test(formats_are_told_by_shape),
        cmocka_unit_test(every_byte_is_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
