/* Entries, tree heads and receipts: one form each, and a change of any line is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "attest/audit_check.h"
#include "attest/receipt.h"

#define CLUSTER "5a2d9c1e-0000-4000-8000-000000000001"
#define ENTRIES 7
#define SIGNED_S 1795435200L
#define PLACED 4 /* which of them places a keep */

static EVP_PKEY *ca_key, *key, *other;
static X509 *ca;
static uint8_t der[4096];
static size_t der_n;
static struct buf entries[ENTRIES];
static struct merkle_hash leaves[ENTRIES], nodes[3][ENTRIES];
static struct tree_head head;

static X509 *certify(EVP_PKEY *subject, EVP_PKEY *issuer, const char *uri)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);

    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    ASN1_TIME_set(X509_getm_notBefore(x), SIGNED_S - 3600);
    ASN1_TIME_set(X509_getm_notAfter(x), SIGNED_S + 86400L * 3650);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_set_pubkey(x, subject);
    if (uri != NULL) {
        char text[160];
        X509_EXTENSION *ext;

        snprintf(text, sizeof text, "URI:%s", uri);
        ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, text);
        assert_non_null(ext);
        X509_add_ext(x, ext, -1);
        X509_EXTENSION_free(ext);
    }
    assert_true(X509_sign(x, issuer, EVP_sha256()) > 0);
    return x;
}

static void entry_text(unsigned i, struct buf *out)
{
    char number[8];
    struct audit_entry en = {.v = {[AUDIT_SEQUENCE] = number,
                                   [AUDIT_TIME] = "2026-11-23T12:00:00Z",
                                   [AUDIT_CLUSTER] = CLUSTER,
                                   [AUDIT_REVISION] = "17",
                                   [AUDIT_ACTOR] = "controller",
                                   [AUDIT_ACTION] = i == PLACED ? "keep.placed" : "node.cordoned",
                                   [AUDIT_OBJECT] = "Keep default/pay-0-abcde",
                                   [AUDIT_BECAUSE] = "two\nlines, a \\ and \xff"}};

    snprintf(number, sizeof number, "%u", i);
    if (i == PLACED) {
        en.v[AUDIT_KEEP] = "11111111-2222-4333-8444-555555555555";
        en.v[AUDIT_WORKLOAD] = "default/pay generation 1 replica 0";
        en.v[AUDIT_ARTIFACT] = "sha256:aa";
        en.v[AUDIT_NODE] = "n1";
        en.v[AUDIT_FACTS] = "amd sev-snp genoa 1.55.39";
        en.v[AUDIT_POLICY] = "0123";
        en.v[AUDIT_EPOCH] = "9";
    }
    audit_entry_format(&en, out);
}

static void keep_node(void *user, unsigned level, uint64_t index, const struct merkle_hash *hash)
{
    (void)user;
    nodes[level][index] = *hash;
}

static bool read_node(void *user, unsigned level, uint64_t index, struct merkle_hash *out)
{
    (void)user;
    *out = nodes[level][index];
    return true;
}

static void seal(struct tree_head *h, const struct merkle_tree *t)
{
    memset(h, 0, sizeof *h);
    snprintf(h->cluster, sizeof h->cluster, CLUSTER);
    h->size = t->n;
    h->at_ms = SIGNED_S * 1000;
    merkle_root(t, &h->root);
    assert_true(tree_head_sign(h, key, NULL));
}

static int setup(void **unused)
{
    struct merkle_tree t = {0};
    uint8_t *p = der;
    X509 *x;

    (void)unused;
    ca_key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    other = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    ca = certify(ca_key, ca_key, NULL);
    x = certify(key, ca_key, "bailey://" CLUSTER "/audit");
    der_n = (size_t)i2d_X509(x, &p);
    X509_free(x);
    for (unsigned i = 0; i < ENTRIES; i++) {
        entry_text(i, &entries[i]);
        merkle_leaf(buf_bytes(&entries[i]), &leaves[i]);
        merkle_append(&t, &leaves[i], keep_node, NULL);
    }
    seal(&head, &t);
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i < ENTRIES; i++)
        buf_fini(&entries[i]);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    X509_free(ca);
    return 0;
}

static void make(enum receipt_kind kind, unsigned entry, struct buf *out)
{
    struct merkle_hash proof[MERKLE_PROOF_MAX];
    struct receipt_parts p = {.kind = kind,
                              .entry = buf_bytes(&entries[entry]),
                              .head = &head,
                              .inclusion = proof,
                              .certificate = {der, der_n}};

    assert_true(
        merkle_prove_inclusion(read_node, NULL, entry, ENTRIES, proof, &p.inclusion_n, NULL));
    assert_true(receipt_make(&p, key, out, NULL));
}

static bool verify(const char *text, struct err *e)
{
    struct receipt_trust trust = {.ca = &ca, .ca_n = 1};
    struct receipt r;
    AUTO_ARENA struct arena a;

    memset(e, 0, sizeof *e);
    arena_init(&a, 1 << 20);
    return receipt_verify(bytes_str(text), &trust, &a, &r, e);
}

static void test_good(void **unused)
{
    struct receipt_trust by_ca = {.ca = &ca, .ca_n = 1}, by_key = {.key = key},
                         by_other = {.key = other};
    AUTO_BUF struct buf text = {0};
    struct receipt r;
    struct err e = {0};
    AUTO_ARENA struct arena a;

    (void)unused;
    arena_init(&a, 1 << 20);
    make(RECEIPT_PLACEMENT, PLACED, &text);
    assert_true(receipt_verify(buf_bytes(&text), &by_ca, &a, &r, &e));
    assert_string_equal(r.entry.v[AUDIT_NODE], "n1");
    assert_string_equal(r.entry.v[AUDIT_BECAUSE], "two\nlines, a \\ and \xff");
    assert_int_equal(r.head.size, ENTRIES);
    assert_true(receipt_verify(buf_bytes(&text), &by_key, &a, &r, &e));
    assert_false(receipt_verify(buf_bytes(&text), &by_other, &a, &r, &e));
    assert_string_equal(e.reason, "receipt.certificate");
    for (unsigned i = 0; i < ENTRIES; i++) {
        AUTO_BUF struct buf proof = {0};

        make(RECEIPT_PROOF, i, &proof);
        assert_true(receipt_verify(buf_bytes(&proof), &by_ca, &a, &r, &e));
    }
}

/* The name of the line that holds the byte at `at`; a digest's line is named by what it is of. */
static void line_name(const char *text, size_t at, char *out, size_t size)
{
    const char *from = text + at, *colon;

    while (from > text && from[-1] != '\n')
        from--;
    if (strncmp(from, "digest.", 7) == 0)
        from += 7;
    colon = strstr(from, ": ");
    assert_non_null(colon);
    snprintf(out, size, "%.*s", (int)(colon - from), from);
}

/* Every single character of every line, name and value: refused, and where a value was changed the
 * line is named. */
static void test_every_character(void **unused)
{
    AUTO_BUF struct buf text = {0};
    char *copy, name[128];
    struct err e;
    size_t n, lines = 0;

    (void)unused;
    make(RECEIPT_PLACEMENT, PLACED, &text);
    n = text.n;
    copy = strdup(buf_str(&text));
    assert_non_null(copy);
    for (size_t i = 0; i < n; i++) {
        char was = copy[i];
        const char *line = copy + i, *value;

        if (was == '\n') {
            lines++;
            continue;
        }
        while (line > copy && line[-1] != '\n')
            line--;
        value = strstr(line, ": ");
        line_name(copy, i < 20 ? 20 : i, name, sizeof name);
        copy[i] = was == '0' ? '1' : '0';
        if (verify(copy, &e))
            fail_msg("byte %zu of line %s may be changed", i, name);
        if (i >= 20 && value != NULL && copy + i > value + 1 && strcmp(e.field, name) != 0)
            fail_msg("a change of %s is said to be of \"%s\": %s", name, e.field, e.msg);
        copy[i] = was;
    }
    assert_true(verify(copy, &e));
    assert_true(lines > 30);
    free(copy);
}

/* Whole lines left out, put twice, or added. */
static void test_lines(void **unused)
{
    AUTO_BUF struct buf text = {0};
    struct err e;

    (void)unused;
    make(RECEIPT_PLACEMENT, PLACED, &text);
    for (const char *line = buf_str(&text), *end; *line != '\0'; line = end) {
        AUTO_BUF struct buf less = {0}, twice = {0};

        end = strchr(line, '\n') + 1;
        buf_put(&less, text.p, (size_t)(line - (const char *)text.p));
        buf_puts(&less, end);
        assert_false(verify(buf_str(&less), &e));
        buf_put(&twice, text.p, (size_t)(end - (const char *)text.p));
        buf_puts(&twice, line);
        assert_false(verify(buf_str(&twice), &e));
    }
    for (size_t cut = 0; cut < text.n; cut += 97) {
        AUTO_BUF struct buf part = {0};

        buf_put(&part, text.p, cut);
        assert_false(verify(buf_str(&part), &e));
    }
}

/* Signed anew with another key, of another cluster's certificate, or for a proof's entry. */
static void test_forged(void **unused)
{
    struct merkle_hash proof[MERKLE_PROOF_MAX];
    struct receipt_parts p = {.kind = RECEIPT_PLACEMENT,
                              .entry = buf_bytes(&entries[PLACED]),
                              .head = &head,
                              .inclusion = proof,
                              .certificate = {der, der_n}};
    AUTO_BUF struct buf forged = {0}, moved = {0}, wrong = {0};
    struct err e;

    (void)unused;
    assert_true(
        merkle_prove_inclusion(read_node, NULL, PLACED, ENTRIES, proof, &p.inclusion_n, NULL));
    assert_true(receipt_make(&p, other, &forged, NULL));
    assert_false(verify(buf_str(&forged), &e));
    assert_string_equal(e.reason, "audit.signature");
    p.entry =
        buf_bytes(&entries[PLACED - 1]); /* the audit key signs, but the tree says otherwise */
    assert_true(receipt_make(&p, key, &moved, NULL));
    assert_false(verify(buf_str(&moved), &e));
    assert_string_equal(e.field, "inclusion.proof");
    make(RECEIPT_PLACEMENT, PLACED - 1, &wrong);
    assert_false(verify(buf_str(&wrong), &e));
    assert_string_equal(e.reason, "receipt.kind");
}

static void test_entry_form(void **unused)
{
    static const char *const bad[] = {
        "",
        "bailey-audit-entry-v2\nsequence: 1\n",
        "bailey-audit-entry-v1\ntime: x\nsequence: 1\n", /* out of order */
        "bailey-audit-entry-v1\nsequence: 1\nsequence: 1\n",
        "bailey-audit-entry-v1\nsequence: \n",
        "bailey-audit-entry-v1\nunknown: 1\n",
        "bailey-audit-entry-v1\nsequence: 1",
        "bailey-audit-entry-v1\nsequence: \\x41\n", /* an A needs no escape */
        "bailey-audit-entry-v1\nsequence: a\\b\n",
    };
    struct audit_entry got;
    struct err e = {0};
    AUTO_ARENA struct arena a;

    (void)unused;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(audit_entry_parse(bytes_str(bad[i]), &a, &got, &e));
        assert_string_equal(e.reason, "audit.entry-form");
    }
    for (size_t n = 0; n < entries[PLACED].n; n++)
        if (audit_entry_parse((struct bytes){entries[PLACED].p, n}, &a, &got, &e))
            assert_int_equal(entries[PLACED].p[n - 1], '\n');
}

/* A value that is too long is cut at a character, and the text still has one form. */
static void test_entry_cut(void **unused)
{
    AUTO_BUF struct buf value = {0}, text = {0};
    struct audit_entry en = {0}, got;
    AUTO_ARENA struct arena a;

    (void)unused;
    arena_init(&a, 1 << 20);
    for (unsigned i = 0; i < 1000; i++)
        buf_puts(&value, i % 3 == 0 ? "\xc3\xa4" : i % 3 == 1 ? "\x01" : "z");
    en.v[AUDIT_BECAUSE] = buf_str(&value);
    audit_entry_format(&en, &text);
    assert_true(text.n < AUDIT_VALUE_MAX + 64);
    assert_true(audit_entry_parse(buf_bytes(&text), &a, &got, NULL));
}

static void test_head_form(void **unused)
{
    AUTO_BUF struct buf text = {0};
    struct tree_head got, fork = head;
    struct err e = {0};

    (void)unused;
    tree_head_format(&head, &text);
    assert_true(tree_head_parse(buf_bytes(&text), &got, &e));
    assert_true(tree_head_check(&got, key, &e));
    assert_false(tree_head_check(&got, other, &e));
    assert_string_equal(e.reason, "audit.key");
    for (size_t i = 0; i < text.n; i++) {
        uint8_t was = text.p[i];

        text.p[i] = was == '0' ? '1' : '0';
        if (tree_head_parse(buf_bytes(&text), &got, &e) && tree_head_check(&got, key, &e))
            fail_msg("byte %zu of a head may be changed", i);
        text.p[i] = was;
    }
    assert_true(tree_head_same(&head, &fork, &e));
    fork.root.b[0] ^= 1;
    assert_false(tree_head_same(&head, &fork, &e));
    assert_string_equal(e.reason, "audit.fork");
}

static bool check_log(const struct tree_head *heads, size_t n, unsigned from, unsigned to,
                      const struct buf *changed, struct err *e)
{
    struct audit_check c = {.heads = heads, .heads_n = n};
    struct audit_entry en;

    memset(e, 0, sizeof *e);
    for (unsigned i = from; i < to; i++) {
        AUTO_ARENA struct arena a;

        arena_init(&a, 1 << 20);
        if (!audit_check_entry(&c, buf_bytes(changed != NULL && i == 2 ? changed : &entries[i]), &a,
                               &en, e))
            return false;
    }
    return audit_check_end(&c, e);
}

static void test_whole_log(void **unused)
{
    struct merkle_tree t = {0};
    struct tree_head heads[2];
    AUTO_BUF struct buf changed = {0};
    struct err e;
    char *at;

    (void)unused;
    for (unsigned i = 0; i < 2; i++)
        merkle_append(&t, &leaves[i], NULL, NULL);
    seal(&heads[0], &t);
    heads[1] = head;
    assert_true(check_log(heads, 2, 0, ENTRIES, NULL, &e));
    assert_false(check_log(heads, 2, 1, ENTRIES, NULL, &e));
    assert_string_equal(e.reason, "audit.sequence");
    assert_false(check_log(heads, 2, 0, ENTRIES - 1, NULL, &e));
    assert_string_equal(e.reason, "audit.shorter");
    buf_puts(&changed, buf_str(&entries[2]));
    at = strstr(buf_str(&changed), "cordoned");
    assert_non_null(at);
    memcpy(at, "reloaded", 8);
    assert_false(check_log(heads, 2, 0, ENTRIES, &changed, &e));
    assert_string_equal(e.reason, "audit.root");
    assert_string_equal(e.found, "changed: one of the entries 2 to 6");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),       cmocka_unit_test(test_every_character),
        cmocka_unit_test(test_lines),      cmocka_unit_test(test_forged),
        cmocka_unit_test(test_entry_form), cmocka_unit_test(test_entry_cut),
        cmocka_unit_test(test_head_form),  cmocka_unit_test(test_whole_log),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
