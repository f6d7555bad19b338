#include "attest/explain.h"

#include <inttypes.h>
#include <stdio.h>

#include "attest/cca_check.h"
#include "attest/explain_cbor.h"
#include "attest/explain_quote.h"
#include "attest/nitro_check.h"
#include "attest/platforms.h"
#include "attest/snp_report.h"
#include "attest/snp_tcb.h"
#include "base/str.h"

enum kind { BYTES, NUMBER, POLICY, PLATFORM, KEY, VMPL, TCB, VERSION3, FAMILY, RESERVED };

#define SIGNED "snp.signature"

static const struct field {
    const char *name;
    uint16_t offset, size;
    uint8_t first, last; /* report versions that have it */
    enum kind kind;
    const char *meaning, *checked;
} fields[] = {
    {"VERSION", 0x000, 4, 2, 5, NUMBER, "version of this report's layout", "snp.version"},
    {"GUEST_SVN", 0x004, 4, 2, 5, NUMBER, "the guest owner's version of the guest", SIGNED},
    {"POLICY", 0x008, 8, 2, 5, POLICY, "what the guest lets its host do", "snp.debug"},
    {"FAMILY_ID", 0x010, 16, 2, 5, BYTES, "the guest owner's id, from the id block", SIGNED},
    {"IMAGE_ID", 0x020, 16, 2, 5, BYTES, "the guest owner's id, from the id block", SIGNED},
    {"VMPL", 0x030, 4, 2, 5, VMPL, "privilege level that asked for the report",
     "snp.host-requested"},
    {"SIGNATURE_ALGO", 0x034, 4, 2, 5, NUMBER, "1: ECDSA on P-384 with SHA-384",
     "snp.signature-algorithm"},
    {"CURRENT_TCB", 0x038, 8, 2, 5, TCB, "versions that run now", "snp.tcb-reserved"},
    {"PLATFORM_INFO", 0x040, 8, 2, 5, PLATFORM, "how the machine is set up", "snp.reserved-bits"},
    {"KEY_INFO", 0x048, 4, 2, 5, KEY, "which key signed", "snp.signing-key"},
    {"RESERVED_4C", 0x04c, 4, 2, 5, RESERVED, "must be zero", "bytes.reserved-not-zero"},
    {"REPORT_DATA", 0x050, 64, 2, 5, BYTES, "what the guest bound the report to",
     "evidence.report-data"},
    {"MEASUREMENT", 0x090, 48, 2, 5, BYTES, "digest of the guest as it was launched", SIGNED},
    {"HOST_DATA", 0x0c0, 32, 2, 5, BYTES, "what the host said at launch", SIGNED},
    {"ID_KEY_DIGEST", 0x0e0, 48, 2, 5, BYTES, "key that signed the id block", SIGNED},
    {"AUTHOR_KEY_DIGEST", 0x110, 48, 2, 5, BYTES, "key that certified the id key", SIGNED},
    {"REPORT_ID", 0x140, 32, 2, 5, BYTES, "id of this guest", SIGNED},
    {"REPORT_ID_MA", 0x160, 32, 2, 5, BYTES, "id of its migration agent; all ones: none", SIGNED},
    {"REPORTED_TCB", 0x180, 8, 2, 5, TCB, "versions the signing key is derived from",
     "snp.tcb-mismatch"},
    {"CPUID_FAM_ID", 0x188, 1, 3, 5, FAMILY, "processor family", "snp.product-mismatch"},
    {"CPUID_MOD_ID", 0x189, 1, 3, 5, NUMBER, "processor model", "snp.product-mismatch"},
    {"CPUID_STEP", 0x18a, 1, 3, 5, NUMBER, "processor stepping", SIGNED},
    {"RESERVED_18B", 0x18b, 21, 3, 5, RESERVED, "must be zero", "bytes.reserved-not-zero"},
    {"RESERVED_188", 0x188, 24, 2, 2, RESERVED, "must be zero", "bytes.reserved-not-zero"},
    {"CHIP_ID", 0x1a0, 64, 2, 5, BYTES, "which chip this is; all zero: hidden",
     "snp.chip-id-mismatch"},
    {"COMMITTED_TCB", 0x1e0, 8, 2, 5, TCB, "versions that cannot be rolled back",
     "snp.tcb-reserved"},
    {"CURRENT_VERSION", 0x1e8, 4, 2, 5, VERSION3, "SEV firmware that runs now",
     "bytes.reserved-not-zero"},
    {"COMMITTED_VERSION", 0x1ec, 4, 2, 5, VERSION3, "SEV firmware that cannot be rolled back",
     "bytes.reserved-not-zero"},
    {"LAUNCH_TCB", 0x1f0, 8, 2, 5, TCB, "versions when the guest was launched", "snp.tcb-reserved"},
    {"LAUNCH_MIT_VECTOR", 0x1f8, 8, 5, 5, NUMBER, "mitigations that were on at launch", SIGNED},
    {"CURRENT_MIT_VECTOR", 0x200, 8, 5, 5, NUMBER, "mitigations that are on now", SIGNED},
    {"RESERVED_1F8", 0x1f8, 16, 2, 4, RESERVED, "must be zero", "bytes.reserved-not-zero"},
    {"RESERVED_208", 0x208, 0x98, 2, 5, RESERVED, "must be zero", "bytes.reserved-not-zero"},
    {"SIGNATURE_R", 0x2a0, 72, 2, 5, BYTES, "little-endian; the last 24 bytes are zero",
     "snp.signature-range"},
    {"SIGNATURE_S", 0x2e8, 72, 2, 5, BYTES, "little-endian; the last 24 bytes are zero",
     "snp.signature-range"},
    {"RESERVED_330", 0x330, 368, 2, 5, RESERVED, "must be zero", "bytes.reserved-not-zero"},
};

struct flag {
    uint64_t bit;
    const char *name;
};

static const struct flag policy_flags[] = {
    {UINT64_C(1) << 16, "SMT allowed"},       {SNP_POLICY_MIGRATE_MA, "migration agent allowed"},
    {SNP_POLICY_DEBUG, "DEBUG allowed"},      {UINT64_C(1) << 20, "single socket"},
    {UINT64_C(1) << 21, "CXL allowed"},       {UINT64_C(1) << 22, "AES-256-XTS required"},
    {UINT64_C(1) << 23, "RAPL off required"}, {UINT64_C(1) << 24, "ciphertext hiding required"},
    {UINT64_C(1) << 25, "page swap off"},     {0, NULL},
};

static const struct flag platform_flags[] = {
    {SNP_PLATFORM_SMT, "SMT"},
    {SNP_PLATFORM_TSME, "TSME"},
    {SNP_PLATFORM_ECC, "ECC"},
    {SNP_PLATFORM_RAPL_DISABLED, "RAPL off"},
    {SNP_PLATFORM_CIPHERTEXT_HIDING, "ciphertext hiding"},
    {SNP_PLATFORM_ALIAS_CHECK, "alias check done"},
    {UINT64_C(1) << 7, "TIO"},
    {0, NULL},
};

static uint64_t number(struct bytes b)
{
    uint64_t v = 0;

    for (size_t i = b.n; i > 0; i--)
        v = v << 8 | b.p[i - 1];
    return v;
}

/* Appends ", word" or "word", cut at the end of the room. */
static void say(struct explained *x, const char *word)
{
    size_t at = strlen(x->says);

    snprintf(x->says + at, sizeof x->says - at, "%s%s", at > 0 ? ", " : "", word);
}

static void say_flags(struct explained *x, const struct flag *f, uint64_t v)
{
    for (; f->name != NULL; f++)
        if ((v & f->bit) != 0)
            say(x, f->name);
}

static void say_key(struct explained *x, uint64_t v)
{
    uint64_t key = v >> 2 & 7;

    say(x, key == SNP_KEY_VCEK   ? "signed by the VCEK"
           : key == SNP_KEY_VLEK ? "signed by the VLEK"
           : key == SNP_KEY_NONE ? "NOT SIGNED"
                                 : "signed by an unknown key");
    if ((v & 1) != 0)
        say(x, "author key given");
    if ((v & 2) != 0)
        say(x, "chip key masked");
}

/* Only certificates prove which layout holds; the processor's number tells it well enough here, and
 * version 2 reports are older than Turin. */
static void say_tcb(struct explained *x, struct bytes report, struct bytes value)
{
    bool turin = report.p[0] >= 3 && report.p[0x188] >= 0x1a;
    struct snp_tcb_raw raw;
    struct snp_tcb t;
    char part[40];

    memcpy(raw.b, value.p, sizeof raw.b);
    if (!snp_tcb_read(snp_layout_find(turin ? "Turin" : "Milan"), raw, x->field, &t, NULL)) {
        say(x, "reserved bytes are set");
        return;
    }
    for (int p = 0; p < SNP_PARTS; p++)
        if (t.has[p]) {
            snprintf(part, sizeof part, "%s 0x%02x", snp_part_name((enum snp_part)p), t.part[p]);
            say(x, part);
        }
}

static void say_family(struct explained *x, struct bytes report)
{
    const struct platform *row = platform_find(platforms_builtin, platforms_builtin_n, "amd",
                                               report.p[0x188], report.p[0x189]);
    struct fact_words w = {0};

    if (row == NULL) {
        say(x, "no generation known for this processor");
        return;
    }
    platform_generations(row, &w);
    for (unsigned i = 0; i < w.n; i++)
        say(x, w.word[i]);
}

static void value_bytes(struct explained *x, struct bytes b)
{
    char hex[2 * 72 + 1];

    if (b.n > 72) {
        snprintf(x->value, sizeof x->value, "%s", bytes_zero(b) ? "zero" : "NOT ZERO");
        return;
    }
    hex_format(b, hex);
    snprintf(x->value, sizeof x->value, "%.*s", (int)sizeof x->value - 1, hex);
}

static void explain_one(const struct field *f, struct bytes report, struct explained *x)
{
    struct bytes b = {report.p + f->offset, f->size};

    *x = (struct explained){.field = f->name,
                            .offset = f->offset,
                            .size = f->size,
                            .meaning = f->meaning,
                            .checked = f->checked};
    if (f->kind == VERSION3)
        snprintf(x->value, sizeof x->value, "%u.%u.%u", b.p[2], b.p[1], b.p[0]);
    else if (f->kind == RESERVED)
        snprintf(x->value, sizeof x->value, "%s", bytes_zero(b) ? "zero" : "NOT ZERO");
    else if (f->kind == BYTES || f->kind == TCB)
        value_bytes(x, b);
    else
        snprintf(x->value, sizeof x->value, "0x%" PRIx64, number(b));
    if (f->kind == POLICY)
        say_flags(x, policy_flags, number(b));
    else if (f->kind == PLATFORM)
        say_flags(x, platform_flags, number(b));
    else if (f->kind == KEY)
        say_key(x, number(b));
    else if (f->kind == VMPL && number(b) == SNP_VMPL_HOST)
        say(x, "ASKED FOR BY THE HOST");
    else if (f->kind == TCB)
        say_tcb(x, report, b);
    else if (f->kind == FAMILY)
        say_family(x, report);
}

bool evidence_explain(struct bytes evidence, explain_fn *each, void *data, struct err *e)
{
    uint64_t version;

    if (nitro_sniff(evidence))
        return explain_nitro(evidence, each, data, e);
    if (cca_sniff(evidence))
        return explain_cca(evidence, each, data, e);
    if (quote_explains(evidence)) {
        quote_explain(evidence, each, data);
        return true;
    }
    if (evidence.n != SNP_REPORT_SIZE)
        return err_set(e, ERR_INPUT, "evidence.unknown-format",
                       "%zu bytes: want an SEV-SNP report of %d, or an Intel quote", evidence.n,
                       SNP_REPORT_SIZE);
    version = number((struct bytes){evidence.p, 4});
    if (version < 2 || version > 5)
        return err_set(e, ERR_INPUT, "evidence.unknown-format",
                       "an SEV-SNP report has version 2 to 5, this has %" PRIu64, version);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        struct explained x;

        if (version < fields[i].first || version > fields[i].last)
            continue;
        explain_one(&fields[i], evidence, &x);
        each(&x, data);
    }
    return true;
}
