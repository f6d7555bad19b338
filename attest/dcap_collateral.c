#include "attest/dcap_collateral.h"

#include <stdio.h>
#include <stdlib.h>

#include "attest/dcap_json.h"
#include "attest/ecdsa.h"
#include "base/clock.h"
#include "base/str.h"

static bool kind_bad(const struct dcap_reading *r, const char *path, const char *found,
                     const char *expected)
{
    return err_set(r->e, ERR_INPUT, "dcap.collateral-kind", "%s: %s is %s, want %s", r->name, path,
                   found, expected),
           err_field(r->e, "%s.%s", r->name, path), err_found(r->e, "%s", found),
           err_expected(r->e, "%s", expected);
}

static bool components_read(const struct dcap_reading *r, const struct json_value *tcb,
                            const char *key, uint8_t out[16])
{
    const struct json_value *list = NULL;
    uint32_t svn = 0;
    unsigned n = 0;

    if (!dcap_json_objects(r, tcb, key, 16, &list, &n))
        return false;
    if (n != 16)
        return dcap_json_bad(r, key, "want 16 components");
    for (unsigned i = 0; i < 16; i++, list = json_value_next(list)) {
        if (!dcap_json_number(r, list, "svn", 0xff, &svn))
            return false;
        out[i] = (uint8_t)svn;
    }
    return true;
}

/* Version 2 spells the components one by one. */
static bool components_read_v2(const struct dcap_reading *r, const struct json_value *tcb,
                               uint8_t out[16])
{
    char key[24];
    uint32_t svn = 0;

    for (unsigned i = 0; i < 16; i++) {
        snprintf(key, sizeof key, "sgxtcbcomp%02usvn", i + 1);
        if (!dcap_json_number(r, tcb, key, 0xff, &svn))
            return false;
        out[i] = (uint8_t)svn;
    }
    return true;
}

static bool level_read(const struct dcap_reading *r, const struct json_value *o, unsigned version,
                       enum dcap_tee tee, struct dcap_level *out)
{
    const struct json_value *tcb = json_value_member(o, "tcb");
    uint32_t pcesvn = 0;

    if (!json_value_is(tcb, VALUE_OBJECT))
        return dcap_json_bad(r, "tcb", "missing");
    if (version == 2 ? !components_read_v2(r, tcb, out->sgx)
                     : !components_read(r, tcb, "sgxtcbcomponents", out->sgx))
        return false;
    if (tee == DCAP_TEE_TDX && !components_read(r, tcb, "tdxtcbcomponents", out->tdx))
        return false;
    if (!dcap_json_number(r, tcb, "pcesvn", 0xffff, &pcesvn) ||
        !dcap_json_time(r, o, "tcbDate", &out->date_s) ||
        !dcap_json_status(r, o, false, &out->status) ||
        !dcap_json_advisories(r, o, &out->advisories))
        return false;
    out->pcesvn = (uint16_t)pcesvn;
    return true;
}

static bool module_read(const struct dcap_reading *r, const struct json_value *o,
                        struct dcap_module *out)
{
    return dcap_json_hex(r, o, "mrsigner", out->mrsigner, sizeof out->mrsigner) &&
           dcap_json_hex(r, o, "attributes", out->attributes, sizeof out->attributes) &&
           dcap_json_hex(r, o, "attributesMask", out->mask, sizeof out->mask);
}

/* "TDX_03": the major version in hex. */
static bool module_version(const char *id, uint8_t *out)
{
    size_t n = 0;

    return strncmp(id, "TDX_", 4) == 0 && hex_parse(id + 4, out, 1, &n, NULL) && n == 1;
}

static bool modules_read(const struct dcap_reading *r, const struct json_value *o,
                         struct dcap_tcb_info *t)
{
    const struct json_value *module = json_value_member(o, "tdxModule"), *list = NULL;
    const char *id;

    if (!json_value_is(module, VALUE_OBJECT))
        return dcap_json_bad(r, "tdxModule", "missing");
    t->has_module = true;
    if (!module_read(r, module, &t->module))
        return false;
    if (json_value_member(o, "tdxModuleIdentities") == NULL)
        return true; /* as before modules had a major version */
    if (!dcap_json_objects(r, o, "tdxModuleIdentities", DCAP_MODULES, &list, &t->modules_n))
        return false;
    for (unsigned i = 0; i < t->modules_n; i++, list = json_value_next(list)) {
        struct dcap_module *m = &t->identity[i];

        if (!dcap_json_text(r, list, "id", &id))
            return false;
        if (!module_version(id, &m->version))
            return dcap_json_bad(r, "tdxModuleIdentities.id", "not TDX_ and two hex digits");
        if (!module_read(r, list, m) || !dcap_json_svn_levels(r, list, m->level, &m->levels_n))
            return false;
    }
    return true;
}

/* Version 2 is of SGX and has no id. */
static bool tcb_info_kind(const struct dcap_reading *r, const struct json_value *o,
                          enum dcap_tee tee, struct dcap_tcb_info *t)
{
    const char *want = tee == DCAP_TEE_SGX ? "SGX" : "TDX", *id;
    uint32_t version = 0, type = 0;
    char found[16];

    if (!dcap_json_number(r, o, "version", UINT32_MAX, &version) ||
        !dcap_json_number(r, o, "tcbType", UINT32_MAX, &type))
        return false;
    snprintf(found, sizeof found, "%u", (unsigned)version);
    if (version != 3 && (version != 2 || tee == DCAP_TEE_TDX))
        return kind_bad(r, "version", found, tee == DCAP_TEE_SGX ? "2 or 3" : "3");
    snprintf(found, sizeof found, "%u", (unsigned)type);
    if (type != 0)
        return kind_bad(r, "tcbType", found, "0");
    t->version = version;
    if (version == 2)
        return true;
    if (!dcap_json_text(r, o, "id", &id))
        return false;
    return strcmp(id, want) == 0 || kind_bad(r, "id", id, want);
}

static bool tcb_info_fill(const struct dcap_reading *r, const struct json_value *o,
                          enum dcap_tee tee, struct dcap_tcb_info *t)
{
    const struct json_value *list = NULL;

    if (!tcb_info_kind(r, o, tee, t) || !dcap_json_document(r, o, &t->document) ||
        !dcap_json_hex(r, o, "fmspc", t->fmspc, sizeof t->fmspc) ||
        !dcap_json_hex(r, o, "pceId", t->pceid, sizeof t->pceid) ||
        (tee == DCAP_TEE_TDX && !modules_read(r, o, t)) ||
        !dcap_json_objects(r, o, "tcbLevels", DCAP_LEVELS, &list, &t->levels_n))
        return false;
    for (unsigned i = 0; i < t->levels_n; i++, list = json_value_next(list))
        if (!level_read(r, list, t->version, tee, &t->level[i]))
            return false;
    return true;
}

bool dcap_tcb_info_read(struct bytes inner, enum dcap_tee tee, const char *name,
                        struct dcap_tcb_info *out, struct err *e)
{
    const struct dcap_reading r = {name, e};
    struct json_value *root = NULL;

    memset(out, 0, sizeof *out);
    if (!dcap_json_open(&r, inner, &root))
        return false;
    out->json = root;
    if (tcb_info_fill(&r, root, tee, out))
        return true;
    dcap_tcb_info_fini(out);
    return false;
}

void dcap_tcb_info_fini(struct dcap_tcb_info *t)
{
    free(t->json);
    t->json = NULL;
}

static bool identity_fill(const struct dcap_reading *r, const struct json_value *o,
                          enum dcap_tee tee, struct dcap_identity *i)
{
    const char *want = tee == DCAP_TEE_SGX ? "QE" : "TD_QE", *id;
    uint32_t version = 0, product = 0;
    char found[16];

    if (!dcap_json_number(r, o, "version", UINT32_MAX, &version) ||
        !dcap_json_text(r, o, "id", &id))
        return false;
    snprintf(found, sizeof found, "%u", (unsigned)version);
    if (version != 2)
        return kind_bad(r, "version", found, "2");
    if (strcmp(id, want) != 0)
        return kind_bad(r, "id", id, want);
    if (!dcap_json_document(r, o, &i->document) ||
        !dcap_json_hex(r, o, "miscselect", i->miscselect, sizeof i->miscselect) ||
        !dcap_json_hex(r, o, "miscselectMask", i->miscselect_mask, sizeof i->miscselect_mask) ||
        !dcap_json_hex(r, o, "attributes", i->attributes, sizeof i->attributes) ||
        !dcap_json_hex(r, o, "attributesMask", i->attributes_mask, sizeof i->attributes_mask) ||
        !dcap_json_hex(r, o, "mrsigner", i->mrsigner, sizeof i->mrsigner) ||
        !dcap_json_number(r, o, "isvprodid", 0xffff, &product) ||
        !dcap_json_svn_levels(r, o, i->level, &i->levels_n))
        return false;
    i->isvprodid = (uint16_t)product;
    return true;
}

bool dcap_identity_read(struct bytes inner, enum dcap_tee tee, const char *name,
                        struct dcap_identity *out, struct err *e)
{
    const struct dcap_reading r = {name, e};
    struct json_value *root = NULL;

    memset(out, 0, sizeof *out);
    if (!dcap_json_open(&r, inner, &root))
        return false;
    out->json = root;
    if (identity_fill(&r, root, tee, out))
        return true;
    dcap_identity_fini(out);
    return false;
}

void dcap_identity_fini(struct dcap_identity *i)
{
    free(i->json);
    i->json = NULL;
}

/* The name of "this document, verified by that certificate and read for that
 * technology". False: the certificate is not out of the cache. */
static bool object_id(const struct cert *signing, enum dcap_tee tee, struct bytes text,
                      uint8_t id[CACHE_ID])
{
    uint8_t by[CACHE_ID + 1];

    if (!signing->named)
        return false;
    memcpy(by, signing->id, CACHE_ID);
    by[CACHE_ID] = (uint8_t)tee;
    cache_id("dcap-document", text, BYTES_OF(by), id);
    return true;
}

static bool signature_check(struct bytes inner, const uint8_t signature[64], struct cert *signing,
                            const char *name, struct err *e)
{
    if (ecdsa_verify(cert_key(signing), ECDSA_P256, inner, (struct bytes){signature, 64}) ==
        ECDSA_GOOD)
        return true;
    return err_set(e, ERR_INPUT, "dcap.collateral-signature",
                   "%s: the TCB signing key did not make its signature", name),
           err_field(e, "%s.signature", name),
           err_mend(e, "keep the document as Intel's service sent it, byte for byte");
}

/* now within issueDate and nextUpdate, and not older than the evaluation asked
 * for. */
static bool document_check(const struct dcap_document *d, const struct evidence_options *o,
                           const char *name, bool *stale, struct err *e)
{
    char when[TIME_TEXT];

    evidence_passed(o, "dcap.collateral-signature", name);
    if (d->issued_s > o->now_s)
        return err_set(e, ERR_INPUT, "dcap.collateral-validity", "%s: not issued yet", name),
               err_field(e, "%s.issueDate", name),
               err_found(e, "%s", time_format(d->issued_s, when)),
               err_mend(e, "check this machine's clock");
    *stale = d->next_update_s < o->now_s;
    if (*stale && !o->lenient)
        return err_set(e, ERR_INPUT, "dcap.collateral-validity", "%s: past its next update", name),
               err_field(e, "%s.nextUpdate", name),
               err_found(e, "%s", time_format(d->next_update_s, when)),
               err_mend(e, "fetch the current one at api.trustedservices.intel.com");
    if (d->evaluation < o->tcb_evaluation_floor)
        return err_set(e, ERR_INPUT, "dcap.collateral-floor",
                       "%s: of an older TCB evaluation than asked for", name),
               err_field(e, "%s.tcbEvaluationDataNumber", name),
               err_found(e, "%u", (unsigned)d->evaluation),
               err_expected(e, "at least %u", (unsigned)o->tcb_evaluation_floor),
               err_mend(e, "fetch it with update=early");
    evidence_passed(o, "dcap.collateral-validity", name);
    return true;
}

void dcap_tcb_info_release(struct dcap_tcb_info *t)
{
    if (t == NULL || --t->document.references > 0)
        return;
    dcap_tcb_info_fini(t);
    free(t);
}

void dcap_identity_release(struct dcap_identity *i)
{
    if (i == NULL || --i->document.references > 0)
        return;
    dcap_identity_fini(i);
    free(i);
}

static void tcb_info_drop(void *t)
{
    dcap_tcb_info_release(t);
}

static void identity_drop(void *i)
{
    dcap_identity_release(i);
}

static bool no_memory(const char *name, struct err *e)
{
    return err_set(e, ERR_NOMEM, "dcap.collateral-malformed", "%s: no memory", name);
}

bool dcap_tcb_info_open(struct bytes text, enum dcap_tee tee, struct cert *signing,
                        const struct evidence_options *o, const char *name,
                        struct dcap_tcb_info **out, bool *stale, struct err *e)
{
    uint8_t signature[64], id[CACHE_ID];
    struct dcap_tcb_info *t = NULL;
    struct bytes inner;
    bool named;

    named = object_id(signing, tee, text, id);
    if (named && (t = cache_object(o->cache, id)) != NULL) {
        t->document.references++;
    } else {
        if (!dcap_document_cut(text, "tcbInfo", name, &inner, signature, e) ||
            !signature_check(inner, signature, signing, name, e))
            return false;
        t = malloc(sizeof *t);
        if (t == NULL)
            return no_memory(name, e);
        if (!dcap_tcb_info_read(inner, tee, name, t, e)) {
            free(t);
            return false;
        }
        t->document.references = 2; /* this one, and the cache's */
        if (!named || !cache_keep(o->cache, id, text.n, t, tcb_info_drop))
            t->document.references = 1;
    }
    if (document_check(&t->document, o, name, stale, e)) {
        *out = t;
        return true;
    }
    dcap_tcb_info_release(t);
    return false;
}

bool dcap_identity_open(struct bytes text, enum dcap_tee tee, struct cert *signing,
                        const struct evidence_options *o, const char *name,
                        struct dcap_identity **out, bool *stale, struct err *e)
{
    uint8_t signature[64], id[CACHE_ID];
    struct dcap_identity *i = NULL;
    struct bytes inner;
    bool named;

    named = object_id(signing, tee, text, id);
    if (named && (i = cache_object(o->cache, id)) != NULL) {
        i->document.references++;
    } else {
        if (!dcap_document_cut(text, "enclaveIdentity", name, &inner, signature, e) ||
            !signature_check(inner, signature, signing, name, e))
            return false;
        i = malloc(sizeof *i);
        if (i == NULL)
            return no_memory(name, e);
        if (!dcap_identity_read(inner, tee, name, i, e)) {
            free(i);
            return false;
        }
        i->document.references = 2;
        if (!named || !cache_keep(o->cache, id, text.n, i, identity_drop))
            i->document.references = 1;
    }
    if (document_check(&i->document, o, name, stale, e)) {
        *out = i;
        return true;
    }
    dcap_identity_release(i);
    return false;
}
