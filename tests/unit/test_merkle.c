/* The log's tree: the roots of RFC 9162's construction written down a second time, naively; every
 * proof of every small log; every single change of a proof refused. */
#include "attest/merkle.h"

#include <openssl/evp.h>

#include "tests/lib/unit.h"

#define LEAVES 70
#define LEVELS 8

struct log {
    struct merkle_tree tree;
    struct merkle_hash leaf[LEAVES], node[LEVELS][LEAVES], root[LEAVES + 1];
    bool have[LEVELS][LEAVES];
};

static void keep(void *user, unsigned level, uint64_t index, const struct merkle_hash *h)
{
    struct log *l = user;

    assert_true(level < LEVELS && index < LEAVES);
    assert_false(l->have[level][index]); /* a full subtree is told once, and never again */
    l->have[level][index] = true;
    l->node[level][index] = *h;
}

static bool fetch(void *user, unsigned level, uint64_t index, struct merkle_hash *out)
{
    const struct log *l = user;

    if (level >= LEVELS || index >= LEAVES || !l->have[level][index])
        return false;
    *out = l->node[level][index];
    return true;
}

/* MTH of RFC 9162 section 2.1.1, word by word. */
static void naive_root(const struct merkle_hash *leaf, size_t n, struct merkle_hash *out)
{
    uint8_t text[65] = {1};
    size_t k = 1;

    if (n == 1) {
        *out = leaf[0];
        return;
    }
    while (k * 2 < n)
        k *= 2;
    naive_root(leaf, k, out);
    memcpy(text + 1, out->b, 32);
    naive_root(leaf + k, n - k, out);
    memcpy(text + 33, out->b, 32);
    assert_int_equal(EVP_Digest(text, sizeof text, out->b, NULL, EVP_sha256(), NULL), 1);
}

static void log_make(struct log *l)
{
    *l = (struct log){0};
    merkle_root(&l->tree, &l->root[0]);
    for (unsigned i = 0; i < LEAVES; i++) {
        uint8_t entry[3] = {(uint8_t)i, 'x', (uint8_t)(i * 7)};

        merkle_leaf(BYTES_OF(entry), &l->leaf[i]);
        merkle_append(&l->tree, &l->leaf[i], keep, l);
        merkle_root(&l->tree, &l->root[i + 1]);
    }
}

static void roots_are_the_standards(void **state)
{
    static const uint8_t of_nothing[32] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                                           0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
                                           0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
                                           0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
    struct merkle_hash want;
    struct log l;

    (void)state;
    log_make(&l);
    assert_memory_equal(l.root[0].b, of_nothing, 32);
    for (unsigned n = 1; n <= LEAVES; n++) {
        naive_root(l.leaf, n, &want);
        assert_memory_equal(l.root[n].b, want.b, 32);
    }
}

static void every_inclusion_holds_and_no_changed_one(void **state)
{
    struct merkle_hash proof[MERKLE_PROOF_MAX];
    struct err e = {0};
    unsigned n, tried = 0;
    struct log l;

    (void)state;
    log_make(&l);
    for (unsigned size = 1; size <= LEAVES; size++)
        for (unsigned i = 0; i < size; i++) {
            assert_true(merkle_prove_inclusion(fetch, &l, i, size, proof, &n, &e));
            assert_true(merkle_check_inclusion(&l.leaf[i], i, size, proof, n, &l.root[size], &e));
            assert_false(merkle_check_inclusion(&l.leaf[(i + 1) % LEAVES], i, size, proof, n,
                                                &l.root[size], &e));
            if (n > 0) {
                assert_false(
                    merkle_check_inclusion(&l.leaf[i], i, size, proof, n - 1, &l.root[size], &e));
                assert_string_equal(e.reason, "merkle.length");
            }
            proof[n] = l.leaf[0];
            assert_false(
                merkle_check_inclusion(&l.leaf[i], i, size, proof, n + 1, &l.root[size], &e));
            for (unsigned k = 0; k < n; k++, tried++) {
                proof[k].b[tried % 32] ^= 1;
                assert_false(
                    merkle_check_inclusion(&l.leaf[i], i, size, proof, n, &l.root[size], &e));
                assert_string_equal(e.reason, "merkle.inclusion");
                proof[k].b[tried % 32] ^= 1;
            }
        }
    assert_true(tried > 10000);
}

static void every_consistency_holds_and_no_changed_one(void **state)
{
    struct merkle_hash proof[MERKLE_PROOF_MAX];
    struct err e = {0};
    unsigned n, tried = 0;
    struct log l;

    (void)state;
    log_make(&l);
    for (unsigned later = 1; later <= LEAVES; later++)
        for (unsigned earlier = 1; earlier <= later; earlier++) {
            const struct merkle_hash *a = &l.root[earlier], *b = &l.root[later];

            assert_true(merkle_prove_consistency(fetch, &l, earlier, later, proof, &n, &e));
            assert_true(merkle_check_consistency(earlier, a, later, b, proof, n, &e));
            assert_false(merkle_check_consistency(earlier, &l.root[0], later, b, proof, n, &e));
            if (n > 0) {
                assert_false(merkle_check_consistency(earlier, a, later, b, proof, n - 1, &e));
            }
            for (unsigned k = 0; k < n; k++, tried++) {
                proof[k].b[tried % 32] ^= 0x80;
                assert_false(merkle_check_consistency(earlier, a, later, b, proof, n, &e));
                assert_string_equal(e.reason, "merkle.consistency");
                proof[k].b[tried % 32] ^= 0x80;
            }
        }
    assert_true(tried > 5000);
}

static void wrong_questions_are_refused(void **state)
{
    struct merkle_hash proof[MERKLE_PROOF_MAX];
    struct err e = {0};
    unsigned n;
    struct log l;

    (void)state;
    log_make(&l);
    assert_false(merkle_prove_inclusion(fetch, &l, 5, 5, proof, &n, &e));
    assert_string_equal(e.reason, "merkle.range");
    assert_false(merkle_prove_consistency(fetch, &l, 0, 5, proof, &n, &e));
    assert_string_equal(e.reason, "merkle.range");
    assert_false(merkle_prove_consistency(fetch, &l, 6, 5, proof, &n, &e));
    assert_false(merkle_check_inclusion(&l.leaf[0], 0, 0, proof, 0, &l.root[0], &e));
    assert_string_equal(e.reason, "merkle.range");
    assert_false(merkle_check_consistency(0, &l.root[0], 3, &l.root[3], proof, 0, &e));
    assert_string_equal(e.reason, "merkle.range");
    l.have[0][4] = false;
    assert_false(merkle_prove_inclusion(fetch, &l, 5, 6, proof, &n, &e));
    assert_string_equal(e.reason, "merkle.node");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_are_the_standards),
        cmocka_unit_test(every_inclusion_holds_and_no_changed_one),
        cmocka_unit_test(every_consistency_holds_and_no_changed_one),
        cmocka_unit_test(wrong_questions_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
