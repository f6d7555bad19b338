/* Cutting a signed document: which bytes were signed, without understanding them. */
#include "attest/dcap_collateral.h"
#include "base/str.h"

struct cutter {
    struct bytes rest;
};

static void skip_space(struct cutter *c)
{
    while (c->rest.n > 0 && (c->rest.p[0] == ' ' || c->rest.p[0] == '\t' || c->rest.p[0] == '\r' ||
                             c->rest.p[0] == '\n'))
        c->rest = (struct bytes){c->rest.p + 1, c->rest.n - 1};
}

static bool take(struct cutter *c, uint8_t what)
{
    skip_space(c);
    if (c->rest.n == 0 || c->rest.p[0] != what)
        return false;
    c->rest = (struct bytes){c->rest.p + 1, c->rest.n - 1};
    return true;
}

/* A text without escapes: names and signatures have none. */
static bool text(struct cutter *c, struct bytes *out)
{
    size_t n = 0;

    if (!take(c, '"'))
        return false;
    while (n < c->rest.n && c->rest.p[n] != '"' && c->rest.p[n] != '\\' && c->rest.p[n] >= ' ')
        n++;
    if (n == c->rest.n || c->rest.p[n] != '"')
        return false;
    *out = (struct bytes){c->rest.p, n};
    c->rest = (struct bytes){c->rest.p + n + 1, c->rest.n - n - 1};
    return true;
}

/* From a brace to its own closing one; braces inside of texts do not count. */
static bool object(struct cutter *c, struct bytes *out)
{
    size_t depth = 0;
    bool quoted = false;

    skip_space(c);
    if (c->rest.n == 0 || c->rest.p[0] != '{')
        return false;
    for (size_t i = 0; i < c->rest.n; i++) {
        uint8_t b = c->rest.p[i];

        if (quoted && b == '\\')
            i++;
        else if (b == '"')
            quoted = !quoted;
        else if (!quoted && b == '{')
            depth++;
        else if (!quoted && b == '}' && --depth == 0) {
            *out = (struct bytes){c->rest.p, i + 1};
            c->rest = (struct bytes){c->rest.p + i + 1, c->rest.n - i - 1};
            return true;
        }
    }
    return false;
}

static bool signature_read(struct bytes hex, uint8_t out[64])
{
    char copy[129];
    size_t n = 0;

    if (hex.n != 128)
        return false;
    memcpy(copy, hex.p, 128);
    copy[128] = '\0';
    return hex_parse(copy, out, 64, &n, NULL) && n == 64;
}

/* The two members in either order, and nothing else. */
static bool cut(struct bytes in, const char *key, struct bytes *inner, uint8_t signature[64])
{
    struct cutter c = {in};
    bool has_inner = false, has_signature = false;
    struct bytes name, value;

    if (!take(&c, '{'))
        return false;
    for (unsigned i = 0; i < 2; i++) {
        if ((i > 0 && !take(&c, ',')) || !text(&c, &name) || !take(&c, ':'))
            return false;
        if (!has_inner && bytes_equal(name, bytes_str(key)))
            has_inner = object(&c, inner);
        else if (!has_signature && bytes_equal(name, BYTES_LIT("signature")))
            has_signature = text(&c, &value) && signature_read(value, signature);
        else
            return false;
    }
    if (!has_inner || !has_signature || !take(&c, '}'))
        return false;
    skip_space(&c);
    return c.rest.n == 0;
}

bool dcap_document_cut(struct bytes in, const char *key, const char *name, struct bytes *inner,
                       uint8_t signature[64], struct err *e)
{
    if (cut(in, key, inner, signature))
        return true;
    return err_set(e, ERR_INPUT, "dcap.collateral-malformed", "%s: not a signed document", name),
           err_field(e, "%s", name),
           err_expected(e, "{\"%s\": {...}, \"signature\": \"128 hex digits\"}", key),
           err_mend(e, "keep the document as Intel's service sent it, byte for byte");
}
