/* What evidence lacks, or brought in an older issue, out of what the controller keeps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/dcap_chain.h"
#include "attest/dcap_pck.h"
#include "attest/dcap_quote.h"
#include "attest/pem.h"
#include "attest/snp_files.h"
#include "attest/snp_report.h"
#include "attest/snp_tcb.h"
#include "base/str.h"
#include "controller/collateral.h"

struct supply {
    struct collateral *c;
    const struct evidence_options *o;
    struct evidence_input *in;
    struct collateral_lent *lent;
};

void collateral_lent_fini(struct collateral_lent *l)
{
    for (unsigned i = 0; i < l->n; i++)
        buf_fini(&l->bytes[i]);
    l->n = 0;
}

static struct evidence_file *slot(struct evidence_input *in, const char *name)
{
    for (unsigned i = 0; i < in->files_n; i++)
        if (strcmp(in->files[i].name, name) == 0)
            return &in->files[i];
    return NULL;
}

/* Puts what is kept under the key in the place of the file, unless the host's own is newer: that
 * one is then verified like everything else, and if it is genuine it is kept from then on. `has`:
 * what the host brought, also inside of a certificate table. */
static void give(struct supply *s, const char *name, const char *key, struct bytes has)
{
    struct evidence_file *f = slot(s->in, name);
    struct endorsement ours = {0}, theirs = {0};
    struct buf *copy = &s->lent->bytes[s->lent->n];

    if (s->lent->n == EVIDENCE_FILES || (f == NULL && s->in->files_n == EVIDENCE_FILES))
        return;
    if (!collateral_copy(s->c, key, copy, &ours)) {
        buf_fini(copy);
        return;
    }
    if (has.n > 0 && endorsement_recognise(has, &theirs) && endorsement_newer(&theirs, &ours)) {
        buf_fini(copy);
        return;
    }
    s->lent->n++;
    if (f == NULL)
        f = &s->in->files[s->in->files_n++];
    *f = (struct evidence_file){name, buf_bytes(copy)};
}

/* For what orders by dates inside of signed JSON, which is not read before it is verified: ours, if
 * the host's is not already known to be newer by having been kept. */
static void give_document(struct supply *s, const char *name, const char *key)
{
    struct evidence_file *f = slot(s->in, name);
    struct endorsement_proof theirs = {0};
    struct endorsement ours = {0};
    AUTO_BUF struct buf probe = {0};

    if (f != NULL && collateral_copy(s->c, key, &probe, &ours) &&
        endorsement_check(s->in, s->o, endorsement_of_file(name), &theirs, NULL) &&
        endorsement_newer(&theirs.what, &ours))
        return;
    give(s, name, key, (struct bytes){NULL, 0});
}

static const char *mark(bool simulated)
{
    return simulated ? "simulated/" : "";
}

/* The line by the root that the host brought; without one by the processor that signed. */
static const char *snp_line(const struct supply *s, const struct snp_report *r, bool *simulated)
{
    const struct anchor *a = NULL;
    const struct platform *p;
    struct bytes ark = {NULL, 0};

    *simulated = false;
    if (!snp_file_find(s->in, "ark.der", &ark, NULL))
        return NULL;
    if (ark.n > 0)
        a = anchor_find(anchors_builtin, anchors_builtin_n, "snp-ark", ark);
    if (a != NULL) {
        *simulated = a->simulated;
        return a->name;
    }
    p = r->version < 3 ? NULL
                       : platform_find(platforms_builtin, platforms_builtin_n, "amd", r->cpu_family,
                                       r->cpu_model);
    return p == NULL ? NULL : p->product;
}

static void give_snp(struct supply *s, const char *name, const char *key)
{
    struct bytes has = {NULL, 0};

    if (snp_file_find(s->in, name, &has, NULL))
        give(s, name, key, has);
}

/* ids of lines with an FMC have 8 bytes (AMD 57230) */
static void vcek_key(const char *line, bool simulated, const struct snp_report *r,
                     char key[ENDORSEMENT_KEY])
{
    const struct snp_layout *layout = snp_layout_find(line);
    size_t n = layout != NULL && layout->at[SNP_FMC] >= 0 ? 8 : sizeof r->chip_id;

    endorsement_vcek_key(line, simulated, (struct bytes){r->chip_id, n},
                         BYTES_OF(r->reported_tcb.b), key);
}

/* A host that brought no root leaves open whether its chip is a simulated one; a certificate of
 * this very chip that is kept says it. */
static bool chip_simulated(const struct supply *s, const char *line, const struct snp_report *r)
{
    AUTO_BUF struct buf copy = {0};
    char key[ENDORSEMENT_KEY];
    struct endorsement what;
    struct bytes ark = {NULL, 0};

    if (!s->o->allow_simulated || !snp_file_find(s->in, "ark.der", &ark, NULL) || ark.n > 0)
        return false;
    vcek_key(line, true, r, key);
    return collateral_copy(s->c, key, &copy, &what);
}

static void supply_snp(struct supply *s)
{
    static const char *const files[][2] = {
        {"ark.der", "ark"}, {"ask.der", "ask"}, {"asvk.der", "asvk"}, {"ark_crl.der", "crl"}};
    char key[ENDORSEMENT_KEY];
    struct snp_report r;
    const char *line;
    bool simulated;

    if (!snp_report_parse(s->in->evidence, &r, NULL))
        return;
    line = snp_line(s, &r, &simulated);
    if (line == NULL)
        return;
    simulated = simulated || chip_simulated(s, line, &r);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(key, sizeof key, "%samd/snp/%s/%s", mark(simulated), line, files[i][1]);
        give_snp(s, files[i][0], key);
    }
    if (r.signing_key != SNP_KEY_VCEK || bytes_zero(BYTES_OF(r.chip_id)))
        return;
    vcek_key(line, simulated, &r, key);
    give_snp(s, "vcek.der", key);
}

static bool pck_of(const struct supply *s, const struct dcap_quote *q, struct dcap_chain *chain,
                   struct dcap_pck *pck)
{
    const struct evidence_file *f = evidence_file(s->in, "pck_chain.pem");
    struct bytes pem = q->certification == DCAP_PCK_CHAIN ? q->certification_data
                       : f != NULL                        ? f->bytes
                                                          : (struct bytes){NULL, 0};
    struct evidence_options o = *s->o;

    o.anchors = anchors_builtin;
    o.anchors_n = anchors_builtin_n;
    o.checks = NULL;
    return pem.n > 0 && dcap_chain_pck(pem, "pck_chain.pem", &o, chain, NULL) &&
           dcap_pck_read(chain->leaf, "pck_chain.pem", pck, NULL);
}

static void supply_intel(struct supply *s)
{
    AUTO_DCAP_CHAIN struct dcap_chain chain = {0};
    struct dcap_quote q;
    struct dcap_pck pck;
    char key[ENDORSEMENT_KEY], fmspc[13];
    const char *tee, *prefix;
    const struct evidence_file *f;

    if (!dcap_quote_parse(s->in->evidence, true, &q, NULL) || !pck_of(s, &q, &chain, &pck))
        return;
    prefix = mark(chain.anchor->simulated);
    tee = q.tee == DCAP_TEE_TDX ? "tdx" : "sgx";
    hex_format(BYTES_OF(pck.fmspc), fmspc);
    snprintf(key, sizeof key, "%sintel/tcb-info/%s/%s", prefix, tee, fmspc);
    give_document(s, "tcb_info.json", key);
    snprintf(key, sizeof key, "%sintel/qe-identity/%s", prefix, tee);
    give_document(s, "qe_identity.json", key);
    snprintf(key, sizeof key, "%sintel/tcb-signing-chain", prefix);
    f = evidence_file(s->in, "tcb_signing_chain.pem");
    give(s, "tcb_signing_chain.pem", key, f == NULL ? (struct bytes){NULL, 0} : f->bytes);
    snprintf(key, sizeof key, "%sintel/pck-crl/%s", prefix, dcap_chain_ca(&chain));
    f = evidence_file(s->in, "pck_crl.der");
    give(s, "pck_crl.der", key, f == NULL ? (struct bytes){NULL, 0} : f->bytes);
    snprintf(key, sizeof key, "%sintel/root-ca-crl", prefix);
    f = evidence_file(s->in, "root_ca_crl.der");
    give(s, "root_ca_crl.der", key, f == NULL ? (struct bytes){NULL, 0} : f->bytes);
}

static void take_away(struct evidence_input *in, const char *name)
{
    struct evidence_file *f = slot(in, name);

    if (f == NULL)
        return;
    *f = in->files[--in->files_n];
    in->files[in->files_n] = (struct evidence_file){0};
}

/* A platform's key that nobody signed is the operator's to trust: where operators imported such
 * keys, these alone count. Otherwise the host's file may show which of the pinned ones it is. */
static void supply_cca(struct supply *s)
{
    unsigned before = s->lent->n;

    give(s, "cpak_trust_anchor.json", "arm/cca/cpak", (struct bytes){NULL, 0});
    if (s->lent->n == before)
        return;
    take_away(s->in, "cpak.pem");
    take_away(s->in, "cpak.der");
    s->lent->trust_files = true;
}

void collateral_supply(struct collateral *c, const struct evidence_options *o,
                       struct evidence_input *in, struct collateral_lent *lent)
{
    struct supply s = {c, o, in, lent};
    const char *technology = evidence_technology(in->evidence);

    if (technology == NULL)
        return;
    if (strcmp(technology, "sev-snp") == 0)
        supply_snp(&s);
    else if (strcmp(technology, "tdx") == 0 || strcmp(technology, "sgx") == 0)
        supply_intel(&s);
    else if (strstr(technology, "cca") != NULL)
        supply_cca(&s);
}
