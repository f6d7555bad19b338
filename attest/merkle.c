#include "attest/merkle.h"

#include <openssl/evp.h>

static void digest(const uint8_t *p, size_t n, struct merkle_hash *out)
{
    /* of memory that is there: it fails only when libcrypto is broken */
    BUG_ON(EVP_Digest(p, n, out->b, NULL, EVP_sha256(), NULL) != 1);
}

void merkle_leaf(struct bytes entry, struct merkle_hash *out)
{
    static const uint8_t prefix = 0;
    EVP_MD_CTX *c = EVP_MD_CTX_new();

    BUG_ON(c == NULL || EVP_DigestInit_ex(c, EVP_sha256(), NULL) != 1 ||
           EVP_DigestUpdate(c, &prefix, 1) != 1 || EVP_DigestUpdate(c, entry.p, entry.n) != 1 ||
           EVP_DigestFinal_ex(c, out->b, NULL) != 1);
    EVP_MD_CTX_free(c);
}

/* SHA-256(0x01 || left || right); out may be either of them. */
static void join(const struct merkle_hash *left, const struct merkle_hash *right,
                 struct merkle_hash *out)
{
    uint8_t text[1 + 2 * sizeof left->b] = {1};

    memcpy(text + 1, left->b, sizeof left->b);
    memcpy(text + 1 + sizeof left->b, right->b, sizeof right->b);
    digest(text, sizeof text, out);
}

void merkle_append(struct merkle_tree *t, const struct merkle_hash *leaf, merkle_write_fn *write,
                   void *user)
{
    struct merkle_hash h = *leaf;
    unsigned level = 0;

    BUG_ON(t->n >= (uint64_t)1 << 63);
    if (write != NULL)
        write(user, 0, t->n, &h);
    while (((t->n >> level) & 1) != 0) {
        join(&t->peak[level], &h, &h);
        level++;
        if (write != NULL)
            write(user, level, t->n >> level, &h);
    }
    t->peak[level] = h;
    t->n++;
}

void merkle_root(const struct merkle_tree *t, struct merkle_hash *out)
{
    struct merkle_hash h;
    bool any = false;

    if (t->n == 0) {
        digest((const uint8_t *)"", 0, out);
        return;
    }
    for (unsigned level = 0; level < 64; level++) {
        if (((t->n >> level) & 1) == 0)
            continue;
        if (any)
            join(&t->peak[level], &h, &h);
        else
            h = t->peak[level];
        any = true;
    }
    *out = h;
}

/* Where a proof's hashes come from and go to. */
struct prover {
    merkle_read_fn *read;
    void *user;
    struct merkle_hash *out;
    unsigned n;
    struct err *e;
};

/* The level of the largest power of two below n; n is at least 2. */
static unsigned split_level(uint64_t n)
{
    return 63U - (unsigned)__builtin_clzll(n - 1);
}

static bool node_read(struct prover *p, unsigned level, uint64_t first, struct merkle_hash *out)
{
    if (!p->read(p->user, level, first >> level, out))
        return err_set(p->e, ERR_MISSING, "merkle.node",
                       "the log's hash at level %u, index %llu is not stored", level,
                       (unsigned long long)(first >> level)),
               err_mend(p->e, "check the store: bailey-controller fsck");
    return true;
}

/* The hash over the leaves [first, first + n); first is a multiple of a power of two >= n. */
static bool range_hash(struct prover *p, uint64_t first, uint64_t n, struct merkle_hash *out)
{
    struct merkle_hash part[64];
    unsigned parts = 0;

    while (n > 0) { /* from the left: the largest full subtree that fits */
        unsigned level = 63U - (unsigned)__builtin_clzll(n);

        if (!node_read(p, level, first, &part[parts++]))
            return false;
        first += (uint64_t)1 << level;
        n -= (uint64_t)1 << level;
    }
    *out = part[--parts];
    while (parts > 0)
        join(&part[--parts], out, out);
    return true;
}

static bool range_add(struct prover *p, uint64_t first, uint64_t n)
{
    BUG_ON(p->n >= MERKLE_PROOF_MAX);
    return range_hash(p, first, n, &p->out[p->n++]);
}

static void reverse(struct merkle_hash *h, unsigned n)
{
    for (unsigned i = 0; i < n / 2; i++) {
        struct merkle_hash t = h[i];

        h[i] = h[n - 1 - i];
        h[n - 1 - i] = t;
    }
}

static bool range_refused(struct err *e, const char *what, uint64_t got, uint64_t most)
{
    return err_set(e, ERR_INPUT, "merkle.range", "%s %llu of a log of %llu entries", what,
                   (unsigned long long)got, (unsigned long long)most),
           err_field(e, "%s", what), err_found(e, "%llu", (unsigned long long)got);
}

bool merkle_prove_inclusion(merkle_read_fn *read, void *user, uint64_t index, uint64_t size,
                            struct merkle_hash out[MERKLE_PROOF_MAX], unsigned *n, struct err *e)
{
    struct prover p = {read, user, out, 0, e};
    uint64_t first = 0, count = size;

    if (index >= size)
        return range_refused(e, "index", index, size);
    while (count > 1) { /* from the root down: at each fork the side that the leaf is not on */
        uint64_t half = (uint64_t)1 << split_level(count);
        bool left = index < first + half;

        if (!(left ? range_add(&p, first + half, count - half) : range_add(&p, first, half)))
            return false;
        first += left ? 0 : half;
        count = left ? half : count - half;
    }
    reverse(out, p.n);
    *n = p.n;
    return true;
}

bool merkle_prove_consistency(merkle_read_fn *read, void *user, uint64_t earlier, uint64_t later,
                              struct merkle_hash out[MERKLE_PROOF_MAX], unsigned *n, struct err *e)
{
    struct prover p = {read, user, out, 0, e};
    uint64_t first = 0, count = later, want = earlier;

    if (earlier == 0 || earlier > later)
        return range_refused(e, "earlier", earlier, later);
    while (want != count) { /* RFC 9162 2.1.4.1, SUBPROOF, from the root down */
        uint64_t half = (uint64_t)1 << split_level(count);
        bool left = want <= half;

        if (!(left ? range_add(&p, first + half, count - half) : range_add(&p, first, half)))
            return false;
        first += left ? 0 : half;
        want -= left ? 0 : half;
        count = left ? half : count - half;
    }
    if (first != 0 && !range_add(&p, first, count)) /* when 0, it is the earlier root itself */
        return false;
    reverse(out, p.n);
    *n = p.n;
    return true;
}

static bool length_refused(struct err *e, unsigned n)
{
    return err_set(e, ERR_INPUT, "merkle.length", "a proof of %u hashes is of another size of log",
                   n),
           err_field(e, "proof"), err_found(e, "%u hashes", n);
}

static bool hash_equal(const struct merkle_hash *a, const struct merkle_hash *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

bool merkle_check_inclusion(const struct merkle_hash *leaf, uint64_t index, uint64_t size,
                            const struct merkle_hash *proof, unsigned n,
                            const struct merkle_hash *root, struct err *e)
{
    uint64_t fn = index, sn = size - 1;
    struct merkle_hash r = *leaf;

    if (index >= size)
        return range_refused(e, "index", index, size);
    for (unsigned i = 0; i < n; i++) {
        if (sn == 0)
            return length_refused(e, n);
        if ((fn & 1) != 0 || fn == sn) {
            join(&proof[i], &r, &r);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            join(&r, &proof[i], &r);
        }
        fn >>= 1;
        sn >>= 1;
    }
    if (sn != 0)
        return length_refused(e, n);
    if (!hash_equal(&r, root))
        return err_set(e, ERR_INPUT, "merkle.inclusion",
                       "entry %llu is not in the log of this root", (unsigned long long)index),
               err_field(e, "proof");
    return true;
}

/* The walk of RFC 9162 2.1.4.2, steps 4 to 6: both roots from one proof. */
static bool consistency_walk(uint64_t fn, uint64_t sn, const struct merkle_hash *proof, unsigned n,
                             struct merkle_hash *fr, struct merkle_hash *sr)
{
    while ((fn & 1) != 0) {
        fn >>= 1;
        sn >>= 1;
    }
    for (unsigned i = 0; i < n; i++) {
        if (sn == 0)
            return false;
        if ((fn & 1) != 0 || fn == sn) {
            join(&proof[i], fr, fr);
            join(&proof[i], sr, sr);
            while ((fn & 1) == 0 && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            join(sr, &proof[i], sr);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0;
}

bool merkle_check_consistency(uint64_t earlier, const struct merkle_hash *earlier_root,
                              uint64_t later, const struct merkle_hash *later_root,
                              const struct merkle_hash *proof, unsigned n, struct err *e)
{
    struct merkle_hash fr, sr;
    bool whole = (earlier & (earlier - 1)) == 0; /* the earlier log is one full subtree */

    if (earlier == 0 || earlier > later)
        return range_refused(e, "earlier", earlier, later);
    if (earlier == later) {
        if (n != 0)
            return length_refused(e, n);
        fr = sr = *earlier_root;
    } else {
        if (!whole && n == 0)
            return length_refused(e, n);
        fr = sr = whole ? *earlier_root : proof[0];
        if (!consistency_walk(earlier - 1, later - 1, proof + (whole ? 0 : 1), n - (whole ? 0 : 1),
                              &fr, &sr))
            return length_refused(e, n);
    }
    if (!hash_equal(&fr, earlier_root) || !hash_equal(&sr, later_root))
        return err_set(e, ERR_INPUT, "merkle.consistency",
                       "the log of %llu entries does not continue the one of %llu entries",
                       (unsigned long long)later, (unsigned long long)earlier),
               err_field(e, "proof"),
               err_mend(e, "entries were changed or taken out after they had been signed");
    return true;
}
