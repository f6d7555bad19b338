/* check_whole.c - what the fields of one message must fulfil together. */
#include <inttypes.h>

#include "config/catalog.h"
#include "config/check.h"
#include "config/check_int.h"
#include "scheduler/selector.h"

bool field_given(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
    const char *at = (const char *)m + f->offset;
    uint32_t which, number;
    const char *p;
    size_t n;

    if (f->label == PROTOBUF_C_LABEL_REPEATED) {
        memcpy(&n, (const char *)m + f->quantifier_offset, sizeof n);
        return n > 0;
    }
    if ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        memcpy(&which, (const char *)m + f->quantifier_offset, sizeof which);
        return which == f->id;
    }
    if (f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_MESSAGE) {
        memcpy(&p, at, sizeof p);
        return p != NULL && (f->type == PROTOBUF_C_TYPE_MESSAGE || p[0] != '\0');
    }
    if (f->type == PROTOBUF_C_TYPE_BYTES) {
        ProtobufCBinaryData bin;

        memcpy(&bin, at, sizeof bin);
        return bin.len > 0;
    }
    memcpy(&number, at, sizeof number);
    return number != 0;
}

/* The catalog's vendors as bits; a word that belongs to none belongs to all. */
static unsigned vendor_bits(const char *vocabulary, const char *word)
{
    size_t n;
    const char *const *all = catalog_words("vendor", &n);
    const char *vendor = strcmp(vocabulary, "vendor") == 0 ? catalog_resolve(vocabulary, word)
                                                           : catalog_vendor(vocabulary, word);

    for (size_t i = 0; vendor != NULL && i < n; i++)
        if (strcmp(all[i], vendor) == 0)
            return 1U << i;
    return ~0U;
}

/* Narrows *left to the vendors that the words leave possible. A word of a vendor that is not among
 * them can never match, so it is a mistake and not a rule. */
static bool vendors_narrow(const char *vocabulary, size_t n, char *const *words, unsigned *left,
                           struct err *e)
{
    unsigned these = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned bits = vendor_bits(vocabulary, words[i]);

        if ((bits & *left) == 0)
            return err_set(e, ERR_INPUT, "check.contradiction",
                           "%s %.40s cannot match here: it is of vendor %s", vocabulary, words[i],
                           catalog_vendor(vocabulary, words[i])),
                   err_mend(e, "write a selector for each vendor");
        these |= bits;
    }
    if (n > 0)
        *left &= these;
    return true;
}

/* What one vendor's evidence alone speaks of: a condition on it can match no other's. */
static bool vendor_only(const char *vendor, bool given, const char *what, unsigned left,
                        struct err *e)
{
    if (!given || (vendor_bits("vendor", vendor) & left) != 0)
        return true;
    return err_set(e, ERR_INPUT, "check.contradiction",
                   "%s cannot match here: only %s platforms have it", what, vendor),
           err_mend(e, "write a selector for each vendor");
}

/* Security version numbers are bytes, but for the PCE's (AMD 56860 2.2, Intel SGX PCK profile). */
static bool svn_fits(const char *component, const char *text, struct err *e)
{
    uint64_t most = strcmp(component, "pcesvn") == 0 ? UINT16_MAX : UINT8_MAX;
    struct number_range r;
    bool any = false;

    if (!number_range_parse(text, &r, NULL))
        return true; /* said elsewhere */
    for (uint64_t v = 0; v <= most && !any; v++)
        any = number_range_holds(&r, v);
    return any ||
           (err_set(e, ERR_INPUT, "check.contradiction",
                    "no %.40s is \"%.40s\": it goes from 0 to %" PRIu64, component, text, most),
            err_field(e, "tcb.%.40s", component));
}

static bool vendors_agree(const Bailey__V1__Selector *s, struct err *e)
{
    unsigned left = ~0U;

    if (!vendors_narrow("vendor", s->n_vendor, s->vendor, &left, e) ||
        !vendors_narrow("technology", s->n_technology, s->technology, &left, e) ||
        !vendors_narrow("generation", s->n_generation, s->generation, &left, e) ||
        !vendors_narrow("product-line", s->n_product_line, s->product_line, &left, e) ||
        !vendors_narrow("tcb-status", s->n_tcb_status, s->tcb_status, &left, e) ||
        !vendors_narrow("advisory", s->n_advisory, s->advisory, &left, e))
        return false;
    for (size_t i = 0; i < s->n_tcb; i++) {
        const char *name = catalog_resolve("tcb-component", s->tcb[i]->key);

        if (!vendors_narrow("tcb-component", 1, &s->tcb[i]->key, &left, e) ||
            (name != NULL && !svn_fits(name, s->tcb[i]->value, e)))
            return false;
    }
    return vendor_only("intel", s->n_tcb_status > 0, "tcbStatus", left, e) &&
           vendor_only("intel", s->tcb_date[0] != '\0', "tcbDate", left, e);
}

static bool selector_whole(const Bailey__V1__Selector *s, struct err *e)
{
    bool any = false;

    for (unsigned i = 0; i < s->base.descriptor->n_fields && !any; i++) {
        const ProtobufCFieldDescriptor *f = &s->base.descriptor->fields[i];

        any = strcmp(f->name, "because") != 0 && field_given(&s->base, f);
    }
    if (!any)
        return err_set(e, ERR_INPUT, "check.empty-selector", "a selector without any condition"),
               err_mend(e, "name at least one of vendor, technology, generation, ...");
    return vendors_agree(s, e);
}

const char *artifact_digest(const Bailey__V1__Artifact *a)
{
    const char *at = a->oci[0] == '\0' ? NULL : strchr(a->oci, '@');

    return a->oci[0] == '\0' ? a->digest : at == NULL ? "" : at + 1;
}

#define OCI_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@+"

static bool artifact_whole(const Bailey__V1__Artifact *a, struct err *e)
{
    int names = (a->path[0] != '\0') + (a->digest[0] != '\0') + (a->oci[0] != '\0');
    const char *at = strstr(a->oci, "@sha256:");

    if (names != 1)
        return err_set(e, ERR_INPUT, "check.artifact",
                       "an artifact needs either path, digest or oci, got %s",
                       names == 0   ? "none"
                       : names == 2 ? "both"
                                    : "all"),
               err_expected(e, "path, digest or oci");
    if (a->oci[0] != '\0' && (at == NULL || at == a->oci || strlen(at + 8) != 64 ||
                              strspn(at + 8, "0123456789abcdef") != 64 ||
                              a->oci[strspn(a->oci, OCI_LETTERS)] != '\0' || a->oci[0] == '-'))
        return err_set(e, ERR_INPUT, "check.artifact", "the image is not named by its digest"),
               err_field(e, "oci"), err_found(e, "%.120s", a->oci),
               err_expected(e, "REGISTRY/NAME@sha256: and 64 hexadecimal digits");
    return true;
}

/* What is named agrees with how it is to be run. */
static bool workload_spec_whole(const Bailey__V1__WorkloadSpec *s, struct err *e)
{
    const char *kind = s->runtime == NULL ? "" : s->runtime->kind;
    bool oci = strcmp(kind, "oci") == 0;

    if (s->artifact != NULL && oci != (s->artifact->oci[0] != '\0'))
        return err_set(e, ERR_INPUT, "check.runtime",
                       oci ? "the runtime oci needs an image" : "an image needs the runtime oci"),
               err_field(e, oci ? "artifact.oci" : "runtime.kind"), err_expected(e, "oci");
    if (s->runtime != NULL && s->runtime->initrd != NULL &&
        (strcmp(kind, "vm") != 0 || s->runtime->initrd->oci[0] != '\0'))
        return err_set(e, ERR_INPUT, "check.runtime",
                       "an initial file system is a file for the runtime vm"),
               err_field(e, "runtime.initrd");
    return true;
}

static bool health_whole(const Bailey__V1__Health *h, struct err *e)
{
    if (strcmp(h->kind, "exec") == 0)
        return (h->n_command > 0 && h->command[0][0] != '\0') ||
               (err_set(e, ERR_INPUT, "check.health",
                        "a health check of kind exec needs a command"),
                err_field(e, "command"));
    if (h->port == 0)
        return err_set(e, ERR_INPUT, "check.health", "a health check of kind %.8s needs a port",
                       h->kind),
               err_field(e, "port");
    return h->path[0] == '\0' || h->path[0] == '/' ||
           (err_set(e, ERR_INPUT, "check.health", "the path \"%.60s\" does not begin with '/'",
                    h->path),
            err_field(e, "path"));
}

static bool policy_whole(const Bailey__V1__TrustPolicySpec *s, struct err *e)
{
    if (s->n_accept > 0 || s->n_refuse > 0 || s->n_floors > 0)
        return true;
    return err_set(e, ERR_INPUT, "check.empty-policy", "a policy without any rule"),
           err_mend(e, "name at least one of accept, refuse, floors");
}

static bool minimum_whole(const Bailey__V1__Minimum *m, struct err *e)
{
    if (m->firmware[0] == '\0' && m->n_tcb == 0 && m->tcb_date[0] == '\0')
        return err_set(e, ERR_INPUT, "check.empty-minimum", "a minimum without any version"),
               err_mend(e, "name at least one of firmware, tcb, tcbDate");
    for (size_t i = 0; i < m->n_tcb; i++) {
        const char *name = catalog_resolve("tcb-component", m->tcb[i]->key);

        if (name != NULL && !svn_fits(name, m->tcb[i]->value, e))
            return false;
    }
    return true;
}

/* A minimum of parts that the platforms cannot have would refuse all of them. */
static bool minimum_agrees(const Bailey__V1__Selector *platforms, const Bailey__V1__Minimum *m,
                           struct err *e)
{
    Bailey__V1__Selector all;
    Bailey__V1__Selector__TcbEntry *tcb[64];
    size_t n = 0;

    if (platforms == NULL || m == NULL)
        return true; /* said elsewhere */
    all = *platforms;
    for (size_t i = 0; i < m->n_tcb && n < 64; i++)
        tcb[n++] = (Bailey__V1__Selector__TcbEntry *)(void *)m->tcb[i];
    all.n_tcb = n;
    all.tcb = tcb;
    if (m->tcb_date[0] != '\0')
        all.tcb_date = m->tcb_date;
    return vendors_agree(&all, e) || err_field(e, "minimum");
}

static bool passed_whole(const Bailey__V1__Passed *p, struct err *e)
{
    if ((p->policy[0] == '\0') == (p->revocation[0] == '\0'))
        return err_set(e, ERR_INPUT, "check.passes",
                       "an exception passes either a policy or a revocation, got %s",
                       p->policy[0] == '\0' ? "none" : "both"),
               err_expected(e, "policy or revocation");
    if (p->rule[0] != '\0' && p->policy[0] == '\0')
        return err_set(e, ERR_INPUT, "check.passes", "a rule is of a policy, not of a revocation"),
               err_field(e, "rule");
    return strncmp(p->rule, "accept", 6) != 0 ||
           (err_set(e, ERR_INPUT, "check.passes", "an exception never passes an accept list"),
            err_field(e, "rule"), err_expected(e, "refuse[0], floors[0] or the name of a floor"));
}

/* What an advisory affects is said by facts, not by advisories. */
static bool advisory_whole(const Bailey__V1__AdvisorySpec *s, struct err *e)
{
    for (size_t i = 0; i < s->n_affected; i++)
        if (s->affected[i]->n_advisory > 0)
            return err_set(e, ERR_INPUT, "check.advisory",
                           "an advisory cannot affect platforms by advisories"),
                   err_field(e, "affected[%zu].advisory", i);
    return true;
}

static bool policy_part_whole(const ProtobufCMessage *m, struct err *e)
{
    const void *type = m->descriptor, *at = m;
    const Bailey__V1__FixedVersion *fixed = at;
    const Bailey__V1__Floor *f = at;

    if (type == &bailey__v1__trust_policy_spec__descriptor)
        return policy_whole(at, e);
    if (type == &bailey__v1__minimum__descriptor)
        return minimum_whole(at, e);
    if (type == &bailey__v1__passed__descriptor)
        return passed_whole(at, e);
    if (type == &bailey__v1__advisory_spec__descriptor)
        return advisory_whole(at, e);
    if (type == &bailey__v1__floor__descriptor)
        return minimum_agrees(f->platforms, f->minimum, e);
    if (type == &bailey__v1__fixed_version__descriptor)
        return minimum_agrees(fixed->platforms, fixed->minimum, e);
    return true;
}

bool message_check_whole(const ProtobufCMessage *m, struct err *e)
{
    const struct schema_message *s = schema_of(m->descriptor);

    for (size_t i = 0; i < s->n; i++)
        if (s->fields[i].rules->required && !field_given(m, s->fields[i].field))
            return err_set(e, ERR_INPUT, "check.required", "\"%s\" is missing",
                           s->fields[i].json_name),
                   err_field(e, "%s", s->fields[i].json_name);
    if (m->descriptor == &bailey__v1__selector__descriptor)
        return selector_whole((const Bailey__V1__Selector *)(const void *)m, e);
    if (m->descriptor == &bailey__v1__workload_spec__descriptor)
        return workload_spec_whole((const Bailey__V1__WorkloadSpec *)(const void *)m, e);
    if (m->descriptor == &bailey__v1__artifact__descriptor)
        return artifact_whole((const Bailey__V1__Artifact *)(const void *)m, e);
    if (m->descriptor == &bailey__v1__health__descriptor)
        return health_whole((const Bailey__V1__Health *)(const void *)m, e);
    return policy_part_whole(m, e);
}
