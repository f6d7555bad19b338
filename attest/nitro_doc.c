#include "attest/nitro_doc.h"

#include <inttypes.h>

#include "attest/cbor.h"
#include "base/str.h"

enum key {
    KEY_MODULE_ID,
    KEY_DIGEST,
    KEY_TIMESTAMP,
    KEY_PCRS,
    KEY_CERTIFICATE,
    KEY_CABUNDLE,
    KEY_PUBLIC_KEY,
    KEY_USER_DATA,
    KEY_NONCE,
    KEYS
};

static const char *const keys[KEYS] = {
    "module_id", "digest",     "timestamp", "pcrs",  "certificate",
    "cabundle",  "public_key", "user_data", "nonce",
};

static bool digest_read(struct cbor *c, struct err *e)
{
    char shown[40];
    struct bytes digest;

    if (!cbor_text(c, "digest", 1, 16, &digest, e))
        return false;
    if (bytes_equal(digest, BYTES_LIT("SHA384")))
        return true;
    return err_set(e, ERR_INPUT, "nitro.digest", "digest: not SHA384"), err_field(e, "digest"),
           err_found(e, "%s", str_printable(digest, shown, sizeof shown)),
           err_expected(e, "SHA384");
}

static bool pcr_bad(struct err *e, uint64_t index, const char *what)
{
    return err_set(e, ERR_INPUT, "nitro.pcr", "pcrs[%" PRIu64 "]: %s", index, what),
           err_field(e, "pcrs[%" PRIu64 "]", index), err_found(e, "%s", what),
           err_expected(e, "0 to 31, each of 48 bytes");
}

static bool pcrs_read(struct cbor *c, struct nitro_doc *d, struct err *e)
{
    struct cbor_list map;

    if (!cbor_enter(c, CBOR_MAP, "pcrs", &map, e))
        return false;
    while (cbor_more(c, &map)) {
        struct bytes value;
        uint64_t index;

        if (!cbor_uint(c, "pcrs", &index, e))
            return false;
        if (index >= NITRO_PCRS)
            return pcr_bad(e, index, "no such register");
        if (!cbor_bytes(c, "pcrs", 0, c->all.n, &value, e))
            return false;
        if (value.n != NITRO_PCR_SIZE)
            return pcr_bad(e, index, "not the size of a SHA-384 digest");
        d->pcr[index] = value;
    }
    if (d->pcr[0].n == 0)
        return err_set(e, ERR_INPUT, "nitro.missing-field", "pcrs[0]: missing"),
               err_field(e, "pcrs[0]");
    return true;
}

static bool bundle_read(struct cbor *c, struct nitro_doc *d, struct err *e)
{
    struct cbor_list array;

    if (!cbor_enter(c, CBOR_ARRAY, "cabundle", &array, e))
        return false;
    while (cbor_more(c, &array)) {
        if (d->bundle_n == NITRO_BUNDLE_MAX)
            return err_set(e, ERR_LIMIT, "nitro.bundle-length", "cabundle: too many certificates"),
                   err_field(e, "cabundle"), err_expected(e, "1 to %d", NITRO_BUNDLE_MAX);
        if (!cbor_bytes(c, "cabundle", 1, NITRO_CERT_MAX, &d->bundle[d->bundle_n], e))
            return false;
        d->bundle_n++;
    }
    if (d->bundle_n == 0)
        return err_set(e, ERR_INPUT, "nitro.bundle-length", "cabundle: empty"),
               err_field(e, "cabundle"), err_found(e, "0"),
               err_expected(e, "1 to %d", NITRO_BUNDLE_MAX);
    return true;
}

static bool timestamp_read(struct cbor *c, struct nitro_doc *d, struct err *e)
{
    if (!cbor_uint(c, "timestamp", &d->timestamp_ms, e))
        return false;
    if (d->timestamp_ms == 0)
        return err_set(e, ERR_INPUT, "nitro.timestamp", "timestamp: zero"),
               err_field(e, "timestamp"), err_found(e, "0"),
               err_expected(e, "milliseconds since 1970");
    return true;
}

static bool optional_read(struct cbor *c, const char *field, size_t max, struct bytes *out,
                          struct err *e)
{
    return cbor_null_is(c) || cbor_bytes(c, field, 0, max, out, e);
}

static bool value_read(struct cbor *c, enum key key, struct nitro_doc *d, struct err *e)
{
    switch (key) {
    case KEY_MODULE_ID:
        return cbor_text(c, "module_id", 1, 128, &d->module_id, e);
    case KEY_DIGEST:
        return digest_read(c, e);
    case KEY_TIMESTAMP:
        return timestamp_read(c, d, e);
    case KEY_PCRS:
        return pcrs_read(c, d, e);
    case KEY_CERTIFICATE:
        return cbor_bytes(c, "certificate", 1, NITRO_CERT_MAX, &d->certificate, e);
    case KEY_CABUNDLE:
        return bundle_read(c, d, e);
    case KEY_PUBLIC_KEY:
        return optional_read(c, "public_key", 1024, &d->public_key, e);
    case KEY_USER_DATA:
        return optional_read(c, "user_data", 512, &d->user_data, e);
    case KEY_NONCE:
        return optional_read(c, "nonce", 512, &d->nonce, e);
    case KEYS:
        break;
    }
    return true;
}

static bool key_read(struct cbor *c, enum key *out, struct err *e)
{
    struct bytes name;
    char shown[40];

    if (!cbor_text(c, "payload", 0, c->all.n, &name, e))
        return false;
    for (unsigned k = 0; k < KEYS; k++)
        if (bytes_equal(name, bytes_str(keys[k])))
            return *out = (enum key)k, true;
    str_printable(name, shown, sizeof shown);
    return err_set(e, ERR_INPUT, "nitro.unknown-field", "%s: not a field of the document", shown),
           err_field(e, "%s", name.n == 0 ? "payload" : shown), err_found(e, "\"%s\"", shown),
           err_expected(e, "the fields that AWS names");
}

static bool payload_read(struct nitro_doc *d, struct err *e)
{
    struct cbor c = {.all = d->cose.payload};
    struct cbor_list map;
    unsigned seen = 0;

    if (!cbor_check_all(d->cose.payload, CBOR_OPEN_ENDED, false, "payload", e) ||
        !cbor_enter(&c, CBOR_MAP, "payload", &map, e))
        return false;
    while (cbor_more(&c, &map)) {
        enum key key;

        if (!key_read(&c, &key, e) || !value_read(&c, key, d, e))
            return false;
        seen |= 1u << key;
    }
    for (unsigned k = 0; k <= KEY_CABUNDLE; k++)
        if ((seen & 1u << k) == 0)
            return err_set(e, ERR_INPUT, "nitro.missing-field", "%s: missing", keys[k]),
                   err_field(e, "%s", keys[k]);
    return true;
}

bool nitro_doc_parse(struct bytes in, bool padded, struct nitro_doc *out, struct err *e)
{
    struct nitro_doc d = {0};

    if (!cbor_check_all(in, CBOR_DEFINITE, padded, "document", e) ||
        !cose_parse(in, "document", &d.cose, e))
        return false;
    if (d.cose.algorithm != COSE_ES384)
        return err_set(e, ERR_INPUT, "nitro.algorithm", "document: signed with %s",
                       cose_algorithm_name(d.cose.algorithm)),
               err_field(e, "document.protected.alg"),
               err_found(e, "%s", cose_algorithm_name(d.cose.algorithm)), err_expected(e, "ES384");
    if (!payload_read(&d, e))
        return false;
    *out = d;
    return true;
}
