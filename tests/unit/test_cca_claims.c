/* Claims sets of CCA tokens that others judge, in their JSON form: written as the CBOR that they
 * stand for, then parsed. One of them is valid; each of the others is wrong in one claim, and what
 * is wrong says the file's name. */
#include "tests/lib/unit.h"

#include <jansson.h>
#include <openssl/evp.h>

#include "attest/cca_token.h"
#include "attest/sim/sim_cbor.h"
#include "base/arena.h"
#include "tests/lib/vectors.h"

enum style { TEXT, BYTES, NUMBER, ARRAY, COMPONENTS };

static const struct claim {
    const char *name;
    int64_t key;
    enum style style;
} claims[] = {
    {"cca-platform-profile", 265, TEXT},
    {"cca-platform-challenge", 10, BYTES},
    {"cca-platform-implementation-id", 2396, BYTES},
    {"cca-platform-instance-id", 256, BYTES},
    {"cca-platform-config", 2401, BYTES},
    {"cca-platform-lifecycle", 2395, NUMBER},
    {"cca-platform-sw-components", 2399, COMPONENTS},
    {"cca-platform-service-indicator", 2400, TEXT},
    {"cca-platform-hash-algo-id", 2402, TEXT},
    {"cca-realm-challenge", 10, BYTES},
    {"cca-realm-personalization-value", 44235, BYTES},
    {"cca-realm-initial-measurement", 44238, BYTES},
    {"cca-realm-extensible-measurements", 44239, ARRAY},
    {"cca-realm-hash-algo-id", 44236, TEXT},
    {"cca-realm-public-key", 44237, BYTES},
    {"cca-realm-public-key-hash-algo-id", 44240, TEXT},
};

static const struct claim parts[] = {
    {"measurement-type", 1, TEXT}, {"measurement-value", 2, BYTES},      {"version", 4, TEXT},
    {"signer-id", 5, BYTES},       {"measurement-description", 6, TEXT},
};

/* False: not base64, which a CBOR token cannot even say. */
static bool put_base64(struct buf *b, const json_t *v)
{
    uint8_t out[512];
    const char *text = json_string_value(v);
    int n = text == NULL || strlen(text) > 600
                ? -1
                : EVP_DecodeBlock(out, (const unsigned char *)text, (int)strlen(text));

    if (n < 0)
        return false;
    for (size_t at = strlen(text); at > 0 && text[at - 1] == '='; at--)
        n--;
    sim_cbor_bytes(b, (struct bytes){out, (size_t)n});
    return true;
}

static bool put_map(struct buf *b, json_t *map, const struct claim *table, size_t n);

static bool put_value(struct buf *b, json_t *v, enum style style)
{
    bool good = true;

    switch (style) {
    case TEXT:
        sim_cbor_text(b, json_string_value(v));
        break;
    case BYTES:
        return put_base64(b, v);
    case NUMBER:
        sim_cbor_int(b, json_integer_value(v));
        break;
    case ARRAY:
    case COMPONENTS:
        sim_cbor_head(b, 4, json_array_size(v));
        for (size_t i = 0; good && i < json_array_size(v); i++)
            good = style == ARRAY ? put_base64(b, json_array_get(v, i))
                                  : put_map(b, json_array_get(v, i), parts, COUNT(parts));
    }
    return good;
}

static bool put_map(struct buf *b, json_t *map, const struct claim *table, size_t n)
{
    const char *key;
    json_t *value;

    sim_cbor_head(b, 5, json_object_size(map));
    json_object_foreach(map, key, value)
    {
        size_t i = 0;

        while (i < n && strcmp(table[i].name, key) != 0)
            i++;
        if (i == n)
            fail_msg("no claim %s", key);
        sim_cbor_int(b, table[i].key);
        if (!put_value(b, value, table[i].style))
            return false;
    }
    return true;
}

static void claims_get_their_verdicts(void **state)
{
    static const struct {
        const char *file, *reason, *field; /* reason NULL: valid; "": no CBOR can say it */
    } rows[] = {
        {"platform/test-config-missing.json", "cca.missing-claim", "config"},
        {"platform/test-hash-algid-invalid.json", "cca.hash-algorithm", "platform.hash-algorithm"},
        {"platform/test-implementation-id-invalid-long.json", "cbor.size", "implementation-id"},
        {"platform/test-implementation-id-invalid-missing.json", "cca.missing-claim",
         "implementation-id"},
        {"platform/test-instance-id-missing.json", "cca.missing-claim", "instance-id"},
        {"platform/test-invalid-profile.json", "cca.profile", "profile"},
        {"platform/test-lifecycle-invalid.json", "cca.lifecycle", "lifecycle"},
        {"platform/test-no-sw-components.json", "cca.missing-claim", "components"},
        {"platform/test-sw-components-invalid-combo.json", "", ""},
        {"platform/test-sw-components-invalid-missing.json", "cca.missing-claim", "components"},
        {"platform/test-vsi-invalid-empty.json", "cbor.size", "verification-service"},
        {"realm/test-cca-claims-all-valid.json", NULL, ""},
        {"realm/test-invalid-extended-meas.json", "cbor.size", "extensible-measurements"},
        {"realm/test-invalid-nonce.json", "cbor.size", "realm.challenge"},
        {"realm/test-invalid-personalization-val.json", "cbor.size", "personalization"},
        {"realm/test-missing-extended-meas.json", "cca.missing-claim", "extensible-measurements"},
        {"realm/test-missing-hash-alg-id.json", "cca.missing-claim", "realm.hash-algorithm"},
        {"realm/test-missing-nonce.json", "cca.missing-claim", "realm.challenge"},
        {"realm/test-missing-personalization-val.json", "cca.missing-claim", "personalization"},
        {"realm/test-missing-public-key.json", "cca.missing-claim", "rak"},
    };

    (void)state;
    if (!vectors_here())
        skip();
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO_ARENA struct arena a = {0};
        AUTO_BUF struct buf cbor = {0};
        struct bytes text;
        struct cca_platform p;
        struct cca_realm r;
        struct err e = {0};
        json_t *root;
        bool good, said;

        arena_init(&a, 1 << 20);
        text = vector_file(&a, "cca/claims-json", rows[i].file);
        root = json_loadb((const char *)text.p, text.n, 0, NULL);
        assert_non_null(root);
        said = put_map(&cbor, root, claims, COUNT(claims));
        json_decref(root);
        if (rows[i].reason != NULL && rows[i].reason[0] == '\0') {
            assert_false(said);
            continue;
        }
        assert_true(said);
        good = rows[i].file[0] == 'p' ? cca_platform_parse(buf_bytes(&cbor), &p, &e)
                                      : cca_realm_parse(buf_bytes(&cbor), &r, &e);
        if (good != (rows[i].reason == NULL) || (!good && (strcmp(e.reason, rows[i].reason) != 0 ||
                                                           strcmp(e.field, rows[i].field) != 0)))
            fail_msg("%s: got %s in %s (%s)", rows[i].file, good ? "valid" : e.reason, e.field,
                     e.msg);
    }
    print_message("%zu claims sets got their verdicts\n", COUNT(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(claims_get_their_verdicts)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
