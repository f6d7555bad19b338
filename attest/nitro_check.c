#include "attest/nitro_check.h"

#include <inttypes.h>

#include "attest/binding.h"
#include "attest/nitro_chain.h"
#include "base/clock.h"
#include "base/str.h"

#define CLOCK_SLACK_S 300 /* how far the hypervisor's clock may be from ours */

bool nitro_sniff(struct bytes evidence)
{
    size_t tag = evidence.n > 0 && evidence.p[0] == 0xd2 ? 1 : 0; /* COSE_Sign1's tag, or none */

    /* an array of four that begins with a byte string of headers, a map of one */
    return evidence.n >= tag + 3 && evidence.p[tag] == 0x84 &&
           (evidence.p[tag + 1] & 0xe0) == 0x40 && evidence.p[tag + 2] == 0xa1;
}

static bool binding_check(const struct nitro_doc *d, const struct evidence_options *o,
                          struct err *e)
{
    char hex[2 * REPORT_DATA_SIZE + 1];
    struct bytes want = {o->report_data, REPORT_DATA_SIZE};

    if (o->report_data == NULL)
        return true;
    if (bytes_equal(d->user_data, want)) {
        evidence_passed(o, "evidence.report-data", "user_data");
        return true;
    }
    err_set(e, ERR_INPUT, "evidence.report-data",
            "user_data: bound to another challenge, node, boot or key");
    err_field(e, "user_data");
    if (d->user_data.n == REPORT_DATA_SIZE) {
        hex_format(d->user_data, hex);
        err_found(e, "%.120s", hex);
    } else {
        err_found(e, "%zu bytes", d->user_data.n);
    }
    hex_format(want, hex);
    err_expected(e, "%.120s", hex);
    return err_mend(e, "answer the newest challenge with a document made for it");
}

/* In the leaf's life, and not in our future. That the leaf's life is not over is checked with the
 * chain, so that a document is never older than three hours. */
static bool timestamp_check(const struct nitro_doc *d, const struct nitro_chain *c,
                            const struct evidence_options *o, struct err *e)
{
    uint64_t made_s = d->timestamp_ms / 1000;
    bool early = made_s > INT64_MAX / 2 || (int64_t)made_s > o->now_s + CLOCK_SLACK_S;
    bool outside = !early && c->leaf->not_before_s > (int64_t)made_s + CLOCK_SLACK_S;
    char now[TIME_TEXT];

    if (!early && !outside) {
        evidence_passed(o, "nitro.timestamp", "timestamp");
        return true;
    }
    time_format(o->now_s, now);
    return err_set(e, ERR_INPUT, "nitro.timestamp", "timestamp: %s",
                   early ? "in the future" : "before the certificate's time"),
           err_field(e, "timestamp"), err_found(e, "%" PRIu64 " ms", d->timestamp_ms),
           err_expected(e, "milliseconds since 1970, judged at %s", now),
           err_mend(e, "check this machine's clock");
}

static bool debugged(const struct nitro_doc *d)
{
    return bytes_zero(d->pcr[0]);
}

static bool debug_check(const struct nitro_doc *d, const struct evidence_options *o, struct err *e)
{
    if (!debugged(d)) {
        evidence_passed(o, "nitro.debug", "pcrs[0]");
        return true;
    }
    if (o->allow_debug)
        return true;
    return err_set(e, ERR_INPUT, "nitro.debug", "the enclave runs in debug mode"),
           err_field(e, "pcrs[0]"), err_found(e, "zero"),
           err_expected(e, "the enclave image's digest"),
           err_mend(e, "run the enclave without --debug-mode");
}

/* The certificate's common name is the module's id and where it stands: "<id>.us-east-1.aws". */
static bool module_certified(const struct nitro_doc *d, const struct cert *leaf)
{
    struct bytes cn = cert_common_name(leaf->subject, NULL), id = d->module_id;

    return cn.n > id.n && bytes_equal((struct bytes){cn.p, id.n}, id) && cn.p[id.n] == '.';
}

/* The instance is the platform, as far as AWS tells: "i-0827e799ec9232d44" of
 * "i-0827e799ec9232d44-enc019b5640fdf630d6". Not a fact where the certificate says otherwise. */
static void platform_fill(const struct nitro_doc *d, const struct cert *leaf, struct facts *f)
{
    size_t n = 0;

    if (!module_certified(d, leaf))
        return;
    while (n < d->module_id.n && !(n >= 2 && d->module_id.p[n] == '-'))
        n++;
    if (n > FACT_ID)
        return;
    memcpy(f->platform_id, d->module_id.p, n);
    f->platform_id_n = (unsigned)n;
    str_copy(f->platform_id_source, FACT_SOURCE, "DOCUMENT.module_id");
}

static void facts_fill(const struct nitro_doc *d, const struct nitro_chain *c, struct facts *f)
{
    f->assurance = c->anchor->simulated ? ASSURANCE_SIMULATED : ASSURANCE_HARDWARE;
    fact_set(&f->vendor, c->anchor->vendor, "CABUNDLE.ROOT");
    fact_set(&f->technology, "nitro", "DOCUMENT");
    platform_fill(d, c->leaf, f);
    finding_set(f, FINDING_DEBUG, debugged(d));
    /* AWS: no lists are to be looked at; certificates below the root live three hours to 20 days */
    finding_set(f, FINDING_REVOCATION_UNCHECKED, false);
    f->measurement_n = NITRO_PCR_SIZE;
    memcpy(f->measurement, d->pcr[0].p, NITRO_PCR_SIZE);
}

bool nitro_check(const struct evidence_input *in, const struct evidence_options *o,
                 struct facts *out, struct err *e)
{
    __attribute__((cleanup(nitro_chain_fini))) struct nitro_chain c = {0};
    struct nitro_doc d;
    struct facts f = {0};

    if (!nitro_doc_parse(in->evidence, o->lenient, &d, e))
        return false;
    evidence_passed(o, "nitro.digest", "digest");
    if (!binding_check(&d, o, e) || !nitro_chain_check(&d, o, &c, e) ||
        !cose_verify(&d.cose, cert_key(c.leaf), "document", "certificate", e))
        return false;
    evidence_passed(o, "cose.signature", "document");
    if (!timestamp_check(&d, &c, o, e) || !debug_check(&d, o, e))
        return false;
    facts_fill(&d, &c, &f);
    *out = f;
    return true;
}
