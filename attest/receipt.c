#include "attest/receipt.h"

#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "attest/cert.h"
#include "base/str.h"

DEFINE_CLEANUP(x509, X509 *, X509_free)
DEFINE_CLEANUP(pkey, EVP_PKEY *, EVP_PKEY_free)

static const char *const first_lines[] = {"bailey-receipt-v1\n", "bailey-proof-v1\n"};

/* --- making --- */

static void put_digest(struct buf *digests, const char *line, size_t n)
{
    const char *colon = memchr(line, ':', n);
    uint8_t hash[32];

    SHA256((const uint8_t *)line, n, hash);
    buf_puts(digests, "digest.");
    buf_put(digests, line, colon == NULL ? n : (size_t)(colon - line));
    buf_puts(digests, ": ");
    buf_hex(digests, BYTES_OF(hash));
    buf_putc(digests, '\n');
}

static void put_statement(struct buf *out, struct bytes entry)
{
    const uint8_t *end = memchr(entry.p, '\n', entry.n);

    while (end != NULL && (size_t)(++end - entry.p) < entry.n) {
        size_t left = entry.n - (size_t)(end - entry.p);
        const uint8_t *stop = memchr(end, '\n', left);
        size_t n = stop == NULL ? left : (size_t)(stop - end);

        buf_puts(out, "statement.");
        buf_put(out, end, n);
        buf_putc(out, '\n');
        end = stop;
    }
}

static void put_head(struct buf *out, const struct tree_head *h)
{
    buf_printf(out, "head.cluster: %s\nhead.size: %" PRIu64 "\nhead.root: ", h->cluster, h->size);
    buf_hex(out, BYTES_OF(h->root.b));
    buf_printf(out, "\nhead.time-ms: %" PRId64 "\nhead.key: ", h->at_ms);
    buf_hex(out, BYTES_OF(h->key_id));
    buf_puts(out, "\nhead.signature: ");
    buf_hex(out, BYTES_OF(h->signature));
    buf_putc(out, '\n');
}

/* The lines of `from` that were put since `start`, as digests. */
static void put_digests(struct buf *digests, struct buf *from)
{
    const char *p = buf_str(from), *end;

    for (; (end = strchr(p, '\n')) != NULL; p = end + 1)
        put_digest(digests, p, (size_t)(end - p));
}

bool receipt_make(const struct receipt_parts *p, EVP_PKEY *key, struct buf *out, struct err *e)
{
    AUTO_BUF struct buf lines = {0};
    AUTO_BUF struct buf digests = {0};
    uint8_t signature[TREE_HEAD_SIGNATURE];

    put_statement(&lines, p->entry);
    put_head(&lines, p->head);
    for (unsigned i = 0; i < p->inclusion_n; i++) {
        buf_printf(&lines, "inclusion.%u: ", i);
        buf_hex(&lines, BYTES_OF(p->inclusion[i].b));
        buf_putc(&lines, '\n');
    }
    buf_puts(&digests, first_lines[p->kind]);
    put_digests(&digests, &lines);
    if (!buf_ok(&lines, e) || !buf_ok(&digests, e) ||
        !audit_sign(key, buf_bytes(&digests), signature, e))
        return false;
    buf_puts(out, first_lines[p->kind]);
    buf_put(out, lines.p, lines.n);
    buf_puts(out, buf_str(&digests) + strlen(first_lines[p->kind]));
    buf_puts(out, "signature: ");
    buf_hex(out, BYTES_OF(signature));
    buf_puts(out, "\ncertificate: ");
    buf_hex(out, p->certificate);
    buf_putc(out, '\n');
    return buf_ok(out, e);
}

/* --- reading --- */

struct line {
    const char *name, *value; /* in the arena */
    size_t n;                 /* bytes of the line */
    const char *whole;        /* NUL-terminated, without the newline */
};

struct reading {
    enum receipt_kind kind;
    VEC(struct line) lines;
    struct arena *a;
    struct err *e;
};

static bool form(struct err *e, const char *field, const char *what)
{
    return err_set(e, ERR_INPUT, "receipt.form", "not a receipt or proof: %s", what),
           err_field(e, "%s", field);
}

static bool split(struct reading *r, struct bytes text)
{
    size_t at;

    if (text.n > RECEIPT_MAX || text.n == 0 || text.p[text.n - 1] != '\n' ||
        memchr(text.p, '\0', text.n) != NULL)
        return form(r->e, "", "too long, or not text");
    for (r->kind = 0; r->kind <= RECEIPT_PROOF; r->kind++) {
        at = strlen(first_lines[r->kind]);
        if (text.n >= at && memcmp(text.p, first_lines[r->kind], at) == 0)
            break;
    }
    if (r->kind > RECEIPT_PROOF)
        return form(r->e, "version", "its first line is another");
    while (at < text.n) {
        const uint8_t *end = memchr(text.p + at, '\n', text.n - at);
        size_t n = (size_t)(end - text.p) - at;
        char *whole = arena_strndup(r->a, (const char *)text.p + at, n);
        char *name = whole == NULL ? NULL : arena_strdup(r->a, whole);
        char *colon = name == NULL ? NULL : strstr(name, ": ");

        if (colon == NULL || colon == name)
            return form(r->e, name == NULL ? "" : name, "a line is not \"name: value\"");
        *colon = '\0';
        if (!vec_push(&r->lines, ((struct line){name, colon + 2, n, whole})))
            return err_set(r->e, ERR_NOMEM, "receipt.memory", "no memory");
        at += n + 1;
    }
    return true;
}

static bool has_prefix(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* Every line before the digests has its digest, in order, and there is no other. */
static bool check_digests(struct reading *r, struct buf *signed_text, size_t *signature_at)
{
    size_t first = 0, n;

    while (first < r->lines.n && !has_prefix(r->lines.v[first].name, "digest."))
        first++;
    n = first;
    buf_puts(signed_text, first_lines[r->kind]);
    for (size_t i = 0; i < n; i++) {
        const struct line *l = &r->lines.v[i];
        const struct line *d = first + i < r->lines.n ? &r->lines.v[first + i] : NULL;
        AUTO_BUF struct buf want = {0};

        put_digest(&want, l->whole, l->n);
        buf_putc(&want, '\0');
        if (!buf_ok(&want, r->e))
            return false;
        want.p[want.n - 2] = '\0';
        if (d == NULL || strcmp((const char *)want.p, d->whole) != 0)
            return err_set(r->e, ERR_INPUT, "receipt.altered",
                           "the line is not the one that was signed"),
                   err_field(r->e, "%s", l->name), err_found(r->e, "%s", l->value);
        buf_puts(signed_text, d->whole);
        buf_putc(signed_text, '\n');
    }
    *signature_at = 2 * n;
    return true;
}

static const char *find(const struct reading *r, const char *name)
{
    for (size_t i = 0; i < r->lines.n; i++)
        if (strcmp(r->lines.v[i].name, name) == 0)
            return r->lines.v[i].value;
    return NULL;
}

static bool hex_field(const struct reading *r, const char *name, uint8_t *out, size_t want)
{
    const char *v = find(r, name);
    size_t n = 0;

    return (v != NULL && hex_parse(v, out, want, &n, NULL) && n == want) ||
           form(r->e, name, "missing, or not so many hex digits");
}

static bool read_head(const struct reading *r, struct tree_head *h)
{
    const char *cluster = find(r, "head.cluster"), *size = find(r, "head.size");
    const char *at = find(r, "head.time-ms");
    uint64_t ms;

    if (cluster == NULL || !str_copy(h->cluster, sizeof h->cluster, cluster))
        return form(r->e, "head.cluster", "missing or too long");
    if (size == NULL || !u64_parse(size, &h->size))
        return form(r->e, "head.size", "missing or no number");
    if (at == NULL || !u64_parse(at, &ms) || ms > INT64_MAX)
        return form(r->e, "head.time-ms", "missing or no number");
    h->at_ms = (int64_t)ms;
    return hex_field(r, "head.root", h->root.b, sizeof h->root.b) &&
           hex_field(r, "head.key", h->key_id, sizeof h->key_id) &&
           hex_field(r, "head.signature", h->signature, sizeof h->signature);
}

static bool read_entry(const struct reading *r, struct buf *text)
{
    buf_puts(text, "bailey-audit-entry-v1\n");
    for (size_t i = 0; i < r->lines.n; i++)
        if (has_prefix(r->lines.v[i].name, "statement."))
            buf_printf(text, "%s\n", r->lines.v[i].whole + strlen("statement."));
    return buf_ok(text, r->e);
}

static bool check_inclusion(const struct reading *r, const struct audit_entry *en,
                            struct bytes text, const struct tree_head *h)
{
    struct merkle_hash leaf, proof[MERKLE_PROOF_MAX];
    const char *number = en->v[AUDIT_SEQUENCE];
    unsigned n = 0;
    uint64_t index;
    char name[32];

    if (number == NULL || !u64_parse(number, &index))
        return form(r->e, "statement.sequence", "missing or no number");
    while (n < MERKLE_PROOF_MAX) {
        snprintf(name, sizeof name, "inclusion.%u", n);
        if (find(r, name) == NULL)
            break;
        if (!hex_field(r, name, proof[n].b, sizeof proof[n].b))
            return false;
        n++;
    }
    merkle_leaf(text, &leaf);
    return merkle_check_inclusion(&leaf, index, h->size, proof, n, &h->root, r->e) ||
           err_field(r->e, "inclusion");
}

/* --- whom to believe --- */

static bool certificate_bad(struct err *e, const char *what)
{
    ERR_clear_error();
    return err_set(e, ERR_INPUT, "receipt.certificate", "%s", what), err_field(e, "certificate");
}

static bool names_audit_key(X509 *x, const char *cluster)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    char want[128];
    bool found = false;

    snprintf(want, sizeof want, "bailey://%s/audit", cluster);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        const ASN1_IA5STRING *s = g->type == GEN_URI ? g->d.uniformResourceIdentifier : NULL;

        found |= s != NULL && bytes_equal((struct bytes){ASN1_STRING_get0_data(s),
                                                         (size_t)ASN1_STRING_length(s)},
                                          bytes_str(want));
    }
    GENERAL_NAMES_free(names);
    return found;
}

static bool signed_by_any(X509 *x, const struct receipt_trust *t)
{
    for (size_t i = 0; i < t->ca_n; i++)
        if (X509_verify(x, X509_get0_pubkey(t->ca[i])) == 1)
            return true;
    ERR_clear_error();
    return false;
}

bool audit_key_from(struct bytes certificate, const struct receipt_trust *trust,
                    const char *cluster, int64_t at_s, EVP_PKEY **out, struct err *e)
{
    AUTO(cert) struct cert *bounded = NULL;
    AUTO(x509) X509 *x = NULL;
    const uint8_t *at = certificate.p;
    EVP_PKEY *key;

    if (!cert_parse(certificate, "certificate", &bounded, e))
        return false;
    x = d2i_X509(NULL, &at, (long)certificate.n);
    key = x == NULL ? NULL : X509_get0_pubkey(x);
    if (key == NULL)
        return certificate_bad(e, "its key cannot be read");
    if (trust->key != NULL && EVP_PKEY_eq(trust->key, key) == 1) {
        EVP_PKEY_up_ref(key);
        *out = key;
        return true;
    }
    if (trust->ca_n == 0)
        return certificate_bad(e, "it is of another key than the one that is trusted");
    if (!signed_by_any(x, trust))
        return certificate_bad(e, "it is not signed by the cluster's CA");
    if (!names_audit_key(x, cluster))
        return certificate_bad(e, "it is not for the audit key of this cluster");
    if (!cert_check_time(bounded, at_s, "certificate", e))
        return false;
    EVP_PKEY_up_ref(key);
    *out = key;
    return true;
}

static bool open_key(const struct reading *r, const struct receipt_trust *trust,
                     const struct tree_head *h, EVP_PKEY **out)
{
    const char *hex = find(r, "certificate");
    size_t n = 0, room = hex == NULL ? 0 : strlen(hex) / 2;
    uint8_t *der = arena_alloc(r->a, room + 1);

    if (hex == NULL || der == NULL || !hex_parse(hex, der, room, &n, NULL))
        return certificate_bad(r->e, "missing, or not hex digits");
    return audit_key_from((struct bytes){der, n}, trust, h->cluster, h->at_ms / 1000, out, r->e);
}

static bool verify(struct reading *r, const struct receipt_trust *trust, struct receipt *out)
{
    AUTO_BUF struct buf signed_text = {0};
    AUTO_BUF struct buf entry = {0};
    AUTO(pkey) EVP_PKEY *key = NULL;
    uint8_t signature[TREE_HEAD_SIGNATURE];
    struct receipt got = {.kind = r->kind};
    size_t at = 0;

    if (!check_digests(r, &signed_text, &at) ||
        !hex_field(r, "signature", signature, sizeof signature))
        return false;
    if (r->lines.n != at + 2 || strcmp(r->lines.v[at].name, "signature") != 0 ||
        strcmp(r->lines.v[at + 1].name, "certificate") != 0)
        return form(r->e, at < r->lines.n ? r->lines.v[at].name : "signature",
                    "lines are missing or too many");
    if (!read_head(r, &got.head) || !open_key(r, trust, &got.head, &key))
        return false;
    if (!buf_ok(&signed_text, r->e) ||
        !audit_check_signature(key, buf_bytes(&signed_text), BYTES_OF(signature), r->e))
        return false;
    if (!tree_head_check(&got.head, key, r->e))
        return err_field(r->e, "head");
    if (!read_entry(r, &entry) || !audit_entry_parse(buf_bytes(&entry), r->a, &got.entry, r->e))
        return err_field(r->e, "statement");
    if (!check_inclusion(r, &got.entry, buf_bytes(&entry), &got.head))
        return false;
    if (got.kind == RECEIPT_PLACEMENT && (got.entry.v[AUDIT_ACTION] == NULL ||
                                          strcmp(got.entry.v[AUDIT_ACTION], "keep.placed") != 0))
        return err_set(r->e, ERR_INPUT, "receipt.kind", "the entry does not place a keep"),
               err_field(r->e, "statement.action");
    *out = got;
    return true;
}

bool receipt_verify(struct bytes text, const struct receipt_trust *trust, struct arena *a,
                    struct receipt *out, struct err *e)
{
    struct reading r = {.a = a, .e = e};
    bool ok = split(&r, text) && verify(&r, trust, out);

    vec_fini(&r.lines);
    return ok;
}
