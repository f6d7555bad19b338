#include "attest/tree_head.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

DEFINE_CLEANUP(md, EVP_MD_CTX *, EVP_MD_CTX_free)

static bool fail(struct err *e, const char *what)
{
    ERR_clear_error();
    return err_set(e, ERR_INPUT, "audit.key", "%s", what), err_expected(e, "an Ed25519 key");
}

bool audit_key_id(EVP_PKEY *key, uint8_t out[32], struct err *e)
{
    uint8_t *der = NULL;
    int n = i2d_PUBKEY(key, &der);

    if (n <= 0)
        return fail(e, "the key has no public half");
    SHA256(der, (size_t)n, out);
    OPENSSL_free(der);
    return true;
}

bool audit_sign(EVP_PKEY *key, struct bytes text, uint8_t out[TREE_HEAD_SIGNATURE], struct err *e)
{
    AUTO(md) EVP_MD_CTX *md = EVP_MD_CTX_new();
    size_t n = TREE_HEAD_SIGNATURE;

    if (md == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519 ||
        EVP_DigestSignInit(md, NULL, NULL, NULL, key) != 1 ||
        EVP_DigestSign(md, out, &n, text.p, text.n) != 1 || n != TREE_HEAD_SIGNATURE)
        return fail(e, "cannot sign with the audit key");
    return true;
}

bool audit_check_signature(EVP_PKEY *key, struct bytes text, struct bytes signature, struct err *e)
{
    AUTO(md) EVP_MD_CTX *md = EVP_MD_CTX_new();

    if (md == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519 ||
        EVP_DigestVerifyInit(md, NULL, NULL, NULL, key) != 1)
        return fail(e, "this key cannot verify an audit log");
    if (signature.n == TREE_HEAD_SIGNATURE &&
        EVP_DigestVerify(md, signature.p, signature.n, text.p, text.n) == 1)
        return true;
    ERR_clear_error();
    return err_set(e, ERR_INPUT, "audit.signature", "the signature is not the audit key's"),
           err_field(e, "signature");
}

void tree_head_text(const struct tree_head *h, struct buf *out)
{
    buf_printf(out, "bailey-tree-head-v1\ncluster: %s\nsize: %" PRIu64 "\nroot: ", h->cluster,
               h->size);
    buf_hex(out, BYTES_OF(h->root.b));
    buf_printf(out, "\ntime-ms: %" PRId64 "\nkey: ", h->at_ms);
    buf_hex(out, BYTES_OF(h->key_id));
    buf_putc(out, '\n');
}

void tree_head_format(const struct tree_head *h, struct buf *out)
{
    tree_head_text(h, out);
    buf_puts(out, "signature: ");
    buf_hex(out, BYTES_OF(h->signature));
    buf_putc(out, '\n');
}

/* The value of the line `name: ` at *at; moves behind it. */
static bool take_value(const char **at, const char *name, char *out, size_t size)
{
    size_t n = strlen(name);
    const char *end = strchr(*at, '\n');

    if (end == NULL || strncmp(*at, name, n) != 0 || (size_t)(end - *at) - n >= size ||
        (size_t)(end - *at) < n)
        return false;
    memcpy(out, *at + n, (size_t)(end - *at) - n);
    out[(size_t)(end - *at) - n] = '\0';
    *at = end + 1;
    return true;
}

static bool take_hex(const char **at, const char *name, uint8_t *out, size_t want)
{
    char hex[2 * TREE_HEAD_SIGNATURE + 1];
    size_t n;

    return take_value(at, name, hex, sizeof hex) && hex_parse(hex, out, want, &n, NULL) &&
           n == want;
}

bool tree_head_parse(struct bytes text, struct tree_head *out, struct err *e)
{
    char copy[1024], size[24], ms[24];
    const char *at = copy;
    struct tree_head h = {0};
    uint64_t at_ms = 0;
    AUTO_BUF struct buf again = {0};
    bool ok = text.n < sizeof copy;

    if (ok) {
        memcpy(copy, text.p, text.n);
        copy[text.n] = '\0';
        ok = take_value(&at, "bailey-tree-head-v1", size, sizeof size) &&
             take_value(&at, "cluster: ", h.cluster, sizeof h.cluster) &&
             take_value(&at, "size: ", size, sizeof size) && u64_parse(size, &h.size) &&
             take_hex(&at, "root: ", h.root.b, sizeof h.root.b) &&
             take_value(&at, "time-ms: ", ms, sizeof ms) && u64_parse(ms, &at_ms) &&
             at_ms <= INT64_MAX && take_hex(&at, "key: ", h.key_id, sizeof h.key_id) &&
             take_hex(&at, "signature: ", h.signature, sizeof h.signature);
    }
    h.at_ms = (int64_t)at_ms;
    if (ok) {
        tree_head_format(&h, &again);
        ok = buf_ok(&again, NULL) && bytes_equal(buf_bytes(&again), text);
    }
    if (!ok)
        return err_set(e, ERR_INPUT, "audit.head-form", "not a tree head in its one form");
    *out = h;
    return true;
}

bool tree_head_sign(struct tree_head *h, EVP_PKEY *key, struct err *e)
{
    AUTO_BUF struct buf text = {0};
    struct tree_head made = *h;

    if (!audit_key_id(key, made.key_id, e))
        return false;
    tree_head_text(&made, &text);
    if (!buf_ok(&text, e) || !audit_sign(key, buf_bytes(&text), made.signature, e))
        return false;
    *h = made;
    return true;
}

bool tree_head_check(const struct tree_head *h, EVP_PKEY *key, struct err *e)
{
    AUTO_BUF struct buf text = {0};
    uint8_t id[32];

    if (!audit_key_id(key, id, e))
        return false;
    if (memcmp(id, h->key_id, sizeof id) != 0)
        return err_set(e, ERR_INPUT, "audit.key", "the head is signed with another key"),
               err_field(e, "key");
    tree_head_text(h, &text);
    return buf_ok(&text, e) &&
           audit_check_signature(key, buf_bytes(&text), BYTES_OF(h->signature), e);
}

bool tree_head_same(const struct tree_head *a, const struct tree_head *b, struct err *e)
{
    if (strcmp(a->cluster, b->cluster) != 0)
        return err_set(e, ERR_INPUT, "audit.cluster", "the heads are of two clusters"),
               err_field(e, "cluster"), err_found(e, "%s", a->cluster),
               err_expected(e, "%s", b->cluster);
    if (a->size == b->size && memcmp(a->root.b, b->root.b, sizeof a->root.b) != 0)
        return err_set(e, ERR_INPUT, "audit.fork",
                       "two signed heads of %" PRIu64 " entries have two roots: the log was "
                       "rewritten",
                       a->size),
               err_field(e, "root");
    return true;
}
