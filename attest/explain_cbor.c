#include "attest/explain_cbor.h"

#include <inttypes.h>
#include <stdio.h>

#include "attest/cbor.h"
#include "attest/cert.h"
#include "attest/cose.h"
#include "base/clock.h"
#include "base/str.h"

#define SIGNED "cose.signature"
#define TAG_COLLECTION 399

enum style { PLAIN, INDEXED, LISTED, COMPONENTS, MILLISECONDS, CERTIFICATE, LIFECYCLE };

/* What a key of a map means. */
struct meaning {
    const char *text; /* the key, or NULL where it is a number */
    int64_t number;
    const char *field;
    enum style style;
    const char *meaning, *checked;
};

static const struct meaning nitro_meanings[] = {
    {"module_id", 0, "module_id", PLAIN, "parent instance and enclave", SIGNED},
    {"digest", 0, "digest", PLAIN, "digest of the registers", "nitro.digest"},
    {"timestamp", 0, "timestamp", MILLISECONDS, "when the document was made", "nitro.timestamp"},
    {"pcrs", 0, "pcrs", INDEXED, "registers; 0: the enclave's image", "nitro.pcr"},
    {"certificate", 0, "certificate", CERTIFICATE, "of the key that signed", "cert.signature"},
    {"cabundle", 0, "cabundle", LISTED, "the certificates above it, root first", "anchor.unknown"},
    {"public_key", 0, "public_key", PLAIN, "the enclave's own key; not looked at", SIGNED},
    {"user_data", 0, "user_data", PLAIN, "what the enclave bound it to", "evidence.report-data"},
    {"nonce", 0, "nonce", PLAIN, "the enclave's own; not looked at", SIGNED},
    {NULL, 0, NULL, PLAIN, NULL, NULL},
};

static const struct meaning platform_meanings[] = {
    {NULL, 265, "platform.profile", PLAIN, "which claims there are", "cca.profile"},
    {NULL, 10, "platform.challenge", PLAIN, "hash of the realm's key", "cca.rak-binding"},
    {NULL, 2396, "implementation-id", PLAIN, "kind of platform", "anchor.unknown"},
    {NULL, 256, "instance-id", PLAIN, "which platform this is", "cca.instance-id"},
    {NULL, 2401, "config", PLAIN, "how the platform is set up", SIGNED},
    {NULL, 2395, "lifecycle", LIFECYCLE, "state of the platform's security", "cca.lifecycle"},
    {NULL, 2402, "platform.hash-algorithm", PLAIN, "of the measurements", "cca.hash-algorithm"},
    {NULL, 2400, "verification-service", PLAIN, "where a verifier may be", SIGNED},
    {NULL, 2399, "components", COMPONENTS, "software that was measured", "cca.components"},
    {NULL, 0, NULL, PLAIN, NULL, NULL},
};

static const struct meaning component_meanings[] = {
    {NULL, 1, "components.type", PLAIN, "which software", SIGNED},
    {NULL, 2, "components.measurement", PLAIN, "its digest", SIGNED},
    {NULL, 4, "components.version", PLAIN, "its version", SIGNED},
    {NULL, 5, "components.signer", PLAIN, "digest of its signer's key", SIGNED},
    {NULL, 6, "components.hash", PLAIN, "of the measurement", "cca.hash-algorithm"},
    {NULL, 0, NULL, PLAIN, NULL, NULL},
};

static const struct meaning realm_meanings[] = {
    {NULL, 265, "realm.profile", PLAIN, "which claims there are", "cca.profile"},
    {NULL, 10, "realm.challenge", PLAIN, "what the realm bound it to", "evidence.report-data"},
    {NULL, 44235, "personalization", PLAIN, "what the host said at launch", SIGNED},
    {NULL, 44238, "initial-measurement", PLAIN, "digest of the realm at launch", SIGNED},
    {NULL, 44239, "extensible-measurements", PLAIN, "registers of the realm", SIGNED},
    {NULL, 44236, "realm.hash-algorithm", PLAIN, "of the measurements", "cca.hash-algorithm"},
    {NULL, 44237, "rak", PLAIN, "the realm's key", "cca.rak"},
    {NULL, 44240, "rak.hash-algorithm", PLAIN, "of the platform's challenge", "cca.rak-binding"},
    {NULL, 0, NULL, PLAIN, NULL, NULL},
};

static const struct meaning unknown = {NULL, 0, "?", PLAIN, "no field known here", SIGNED};

struct explaining {
    struct bytes all;
    size_t next; /* where the next row begins: nothing is left out */
    explain_fn *each;
    void *data;
};

static void value_put(struct explained *x, const struct cbor_item *item)
{
    if (item->type == CBOR_TEXT)
        str_printable(item->string, x->value, sizeof x->value);
    else if (item->type == CBOR_BYTES && item->string.n * 2 < sizeof x->value)
        hex_format(item->string, x->value);
    else if (item->type == CBOR_BYTES)
        snprintf(x->value, sizeof x->value, "%zu bytes", item->string.n);
    else if (item->type == CBOR_UINT)
        snprintf(x->value, sizeof x->value, "%" PRIu64, item->value);
    else if (item->type == CBOR_NEGATIVE && item->value < INT64_MAX)
        snprintf(x->value, sizeof x->value, "%" PRId64, -1 - (int64_t)item->value);
    else if (item->type == CBOR_SIMPLE)
        snprintf(x->value, sizeof x->value, "%s",
                 item->value == 22   ? "null"
                 : item->value == 21 ? "true"
                                     : "false");
    else
        snprintf(x->value, sizeof x->value, "%s", cbor_type_name(item->type));
}

static void certificate_say(struct explained *x, struct bytes der)
{
    AUTO(cert) struct cert *c = NULL;

    if (cert_parse(der, "", &c, NULL))
        str_printable(cert_common_name(c->subject, NULL), x->says, sizeof x->says);
}

static void lifecycle_say(struct explained *x, uint64_t v)
{
    static const char *const states[] = {
        "unknown", "assembly and test",         "being provisioned", "secured",
        "debug",   "recoverable debug of root", "decommissioned",
    };

    snprintf(x->says, sizeof x->says, "0x%04" PRIx64 ", %s", v,
             v >> 12 < sizeof states / sizeof states[0] && (v & 0xf00) == 0 ? states[v >> 12]
                                                                            : "no state");
}

/* A row from where the last one ended to `end`. item may be NULL. */
static void row(struct explaining *x, size_t end, const char *field, const struct meaning *m,
                const struct cbor_item *item)
{
    struct explained out = {.field = field,
                            .offset = x->next,
                            .size = end - x->next,
                            .meaning = m->meaning,
                            .checked = m->checked};

    if (item != NULL) {
        value_put(&out, item);
        if (m->style == MILLISECONDS && item->type == CBOR_UINT && item->value < UINT64_C(1) << 53)
            time_format((int64_t)(item->value / 1000), out.says);
        else if (m->style == LIFECYCLE && item->type == CBOR_UINT)
            lifecycle_say(&out, item->value);
        else if ((m->style == CERTIFICATE || m->style == LISTED) && item->type == CBOR_BYTES)
            certificate_say(&out, item->string);
    }
    x->each(&out, x->data);
    x->next = end;
}

static const struct meaning *meaning_of(const struct meaning *table, const struct cbor_item *key)
{
    for (; table->field != NULL; table++) {
        if (table->text != NULL
                ? key->type == CBOR_TEXT && bytes_equal(key->string, bytes_str(table->text))
                : key->type == CBOR_UINT && key->value == (uint64_t)table->number)
            return table;
    }
    return &unknown;
}

static bool map_walk(struct explaining *x, struct cbor *c, const struct meaning *table,
                     struct err *e);

/* The elements of a container, each a row or a map of rows. Registers have an index before them. */
static bool elements_walk(struct explaining *x, struct cbor *c, const struct meaning *m,
                          struct err *e)
{
    struct cbor_list list;

    if (!cbor_enter(c, m->style == INDEXED ? CBOR_MAP : CBOR_ARRAY, m->field, &list, e))
        return false;
    row(x, c->at, m->field, m, NULL);
    for (unsigned i = 0; cbor_more(c, &list); i++) {
        struct cbor_item item = {.value = i};
        struct cbor value;
        char name[40];

        if (m->style == COMPONENTS) {
            if (!map_walk(x, c, component_meanings, e))
                return false;
            continue;
        }
        if (m->style == INDEXED && !cbor_next(c, m->field, &item, e))
            return false;
        snprintf(name, sizeof name, "%s[%" PRIu64 "]", m->field, item.value);
        value = *c;
        if (!cbor_next(&value, m->field, &item, e) || !cbor_skip(c, m->field, e))
            return false;
        row(x, c->at, name, m, &item);
    }
    return true;
}

/* True when the value is such a container as the style wants; others are shown as they are. */
static bool has_elements(const struct meaning *m, const struct cbor *c)
{
    uint8_t type = c->at < c->all.n ? c->all.p[c->at] >> 5 : CBOR_SIMPLE;
    struct cbor inside = *c;
    struct cbor_list list;

    if (m->style == INDEXED)
        return type == CBOR_MAP;
    if (m->style == LISTED)
        return type == CBOR_ARRAY;
    if (m->style != COMPONENTS || type != CBOR_ARRAY ||
        !cbor_enter(&inside, CBOR_ARRAY, "", &list, NULL))
        return false;
    while (cbor_more(&inside, &list))
        if (inside.all.p[inside.at] >> 5 != CBOR_MAP || !cbor_skip(&inside, "", NULL))
            return false;
    return true;
}

static bool map_walk(struct explaining *x, struct cbor *c, const struct meaning *table,
                     struct err *e)
{
    struct cbor_list map;

    if (!cbor_enter(c, CBOR_MAP, "payload", &map, e))
        return false;
    while (cbor_more(c, &map)) {
        const struct meaning *m;
        struct cbor_item item;
        struct cbor value;

        if (!cbor_next(c, "payload", &item, e))
            return false;
        m = meaning_of(table, &item);
        if (has_elements(m, c)) {
            if (!elements_walk(x, c, m, e))
                return false;
            continue;
        }
        value = *c;
        if (!cbor_next(&value, "payload", &item, e) || !cbor_skip(c, "payload", e))
            return false;
        row(x, c->at, m->field, m, &item);
    }
    return true;
}

/* COSE_Sign1 at the cursor; base is where its bytes begin in the evidence. */
static bool sign1_walk(struct explaining *x, struct bytes in, const struct meaning *table,
                       struct err *e)
{
    static const struct meaning
        structure = {NULL, 0, "", PLAIN, "COSE_Sign1", "cose.shape"},
        algorithm = {NULL, 0, "", PLAIN, "how it is signed", "cose.algorithm"},
        hint = {NULL, 0, "", PLAIN, "not signed", "cose.header"},
        payload = {NULL, 0, "", PLAIN, "what is signed", SIGNED},
        signature = {NULL, 0, "", PLAIN, "over all but what is not signed", "cose.signature-range"};
    size_t base = (size_t)(in.p - x->all.p);
    struct cbor c = {.all = {x->all.p, base + in.n}, .at = base}, inside;
    struct cbor_list array;
    struct cbor_item item;

    (void)cbor_tag_is(&c, COSE_TAG_SIGN1);
    if (!cbor_enter(&c, CBOR_ARRAY, "structure", &array, e))
        return false;
    row(x, c.at, "structure", &structure, NULL);
    if (!cbor_next(&c, "protected", &item, e))
        return false;
    row(x, c.at, "protected", &algorithm, &item);
    if (!cbor_skip(&c, "unprotected", e))
        return false;
    row(x, c.at, "unprotected", &hint, NULL);
    if (!cbor_next(&c, "payload", &item, e))
        return false;
    inside = (struct cbor){.all = {x->all.p, c.at}, .at = c.at - item.string.n};
    row(x, inside.at, "payload", &payload, NULL);
    if (!map_walk(x, &inside, table, e))
        return false;
    if (!cbor_next(&c, "signature", &item, e))
        return false;
    row(x, c.at, "signature", &signature, &item);
    return true;
}

/* All that sign1_walk() takes for granted. */
static bool sign1_sound(struct bytes in, const char *field, enum cbor_form form, struct err *e)
{
    struct cose_sign1 s;
    struct cbor c;
    struct cbor_list map;

    if (!cose_parse(in, field, &s, e) || !cbor_check_all(s.payload, form, false, "payload", e))
        return false;
    c = (struct cbor){.all = s.payload};
    return cbor_enter(&c, CBOR_MAP, "payload", &map, e);
}

static void trailing(struct explaining *x)
{
    static const struct meaning after = {
        NULL, 0, "", PLAIN, "bytes after the end", "bytes.trailing"};

    if (x->next < x->all.n)
        row(x, x->all.n, "trailing", &after, NULL);
}

bool explain_nitro(struct bytes evidence, explain_fn *each, void *data, struct err *e)
{
    struct explaining x = {.all = evidence, .each = each, .data = data};
    struct bytes document = evidence;

    if (!cbor_check(evidence, CBOR_DEFINITE, "document", &document.n, e) ||
        !sign1_sound(document, "document", CBOR_OPEN_ENDED, e) ||
        !sign1_walk(&x, document, nitro_meanings, e))
        return false;
    trailing(&x);
    return true;
}

/* The two tokens, in the order in which they stand. */
static bool collection_find(struct bytes in, struct bytes token[2], bool platform[2], struct err *e)
{
    struct cbor c = {.all = in};
    struct cbor_list map;

    if (!cbor_tag_is(&c, TAG_COLLECTION) || !cbor_enter(&c, CBOR_MAP, "token", &map, NULL) ||
        map.open_ended || map.left != 2)
        return err_set(e, ERR_INPUT, "cca.collection", "token: not a collection of two"),
               err_field(e, "token");
    for (unsigned i = 0; cbor_more(&c, &map); i++) {
        uint64_t key;

        if (!cbor_uint(&c, "token", &key, e) || !cbor_bytes(&c, "token", 1, in.n, &token[i], e))
            return false;
        platform[i] = key == 44234;
    }
    return true;
}

bool explain_cca(struct bytes evidence, explain_fn *each, void *data, struct err *e)
{
    static const struct meaning head = {
        NULL, 0, "", PLAIN, "which token follows", "cca.collection"};
    struct explaining x = {.all = evidence, .each = each, .data = data};
    struct bytes in = evidence, token[2];
    bool platform[2];

    if (!cbor_check(evidence, CBOR_DEFINITE, "token", &in.n, e) ||
        !collection_find(in, token, platform, e))
        return false;
    for (unsigned i = 0; i < 2; i++)
        if (!cbor_check_all(token[i], CBOR_DEFINITE, false, "token", e) ||
            !sign1_sound(token[i], "token", CBOR_DEFINITE, e))
            return false;
    for (unsigned i = 0; i < 2; i++) {
        row(&x, (size_t)(token[i].p - evidence.p), platform[i] ? "platform token" : "realm token",
            &head, NULL);
        if (!sign1_walk(&x, token[i], platform[i] ? platform_meanings : realm_meanings, e))
            return false;
    }
    trailing(&x);
    return true;
}
