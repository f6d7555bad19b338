/* The hash map, against a plain array that cannot be wrong. */
#include "base/map.h"

#include <stdio.h>

#include "base/rand.h"
#include "tests/lib/unit.h"

static const uint64_t seed[2] = {1, 2};

#define KEYS 300

struct entry {
    char key[16];
    bool in;
};

static struct bytes key_of(const struct entry *e)
{
    return bytes_str(e->key);
}

/* Everything the map says must be what the array says. */
static void agree(const struct map *m, struct entry *model)
{
    size_t n = 0, walked = 0;
    struct entry *e;

    for (size_t k = 0; k < KEYS; k++) {
        assert_ptr_equal(map_get(m, key_of(&model[k])), model[k].in ? &model[k] : NULL);
        n += model[k].in;
    }
    assert_int_equal(m->n, n);
    for (size_t i = 0; (e = map_next(m, &i)) != NULL; walked++)
        assert_true(e->in);
    assert_int_equal(walked, n);
}

static void random_puts_and_removes_agree_with_a_model(void **state)
{
    struct entry model[KEYS] = {0};
    struct map m;
    struct prng r;

    (void)state;
    for (size_t k = 0; k < KEYS; k++)
        (void)snprintf(model[k].key, sizeof model[k].key, "key-%zu", k);
    for (uint64_t run = 0; run < 20; run++) {
        prng_seed(&r, run);
        map_init(&m, seed);
        for (size_t k = 0; k < KEYS; k++)
            model[k].in = false;
        for (int step = 0; step < 2000; step++) {
            struct entry *e = &model[prng_below(&r, KEYS)];

            if (prng_below(&r, 100) < (step < 1000 ? 60u : 35u)) {
                assert_true(map_put(&m, key_of(e), e));
                e->in = true;
            } else {
                assert_ptr_equal(map_remove(&m, key_of(e)), e->in ? e : NULL);
                e->in = false;
            }
            if (step % 97 == 0)
                agree(&m, model);
        }
        agree(&m, model);
        map_fini(&m);
    }
}

static void a_second_put_replaces_value_and_key(void **state)
{
    char old_key[] = "node", new_key[] = "node";
    int one = 1, two = 2;
    struct map m;

    (void)state;
    map_init(&m, seed);
    assert_null(map_get(&m, BYTES_LIT("node")));
    assert_null(map_remove(&m, BYTES_LIT("node")));
    assert_true(map_put(&m, bytes_str(old_key), &one));
    assert_true(map_put(&m, bytes_str(new_key), &two));
    memset(old_key, 'x', 4); /* the map must no longer look at these bytes */
    assert_ptr_equal(map_get(&m, BYTES_LIT("node")), &two);
    assert_int_equal(m.n, 1);
    map_fini(&m);
}

static void keys_are_bytes_not_texts(void **state)
{
    int a = 0, b = 0, empty = 0;
    struct map m;

    (void)state;
    map_init(&m, seed);
    assert_true(map_put(&m, BYTES_LIT("k\0a"), &a));
    assert_true(map_put(&m, BYTES_LIT("k\0b"), &b));
    assert_true(map_put(&m, (struct bytes){NULL, 0}, &empty));
    assert_ptr_equal(map_get(&m, BYTES_LIT("k\0a")), &a);
    assert_ptr_equal(map_get(&m, BYTES_LIT("k\0b")), &b);
    assert_ptr_equal(map_get(&m, BYTES_LIT("")), &empty);
    assert_null(map_get(&m, BYTES_LIT("k")));
    map_fini(&m);
}

/* SipHash-1-3 with the key 00 01 .. 0f over the bytes 00 01 .. of each length: the series of the
 * reference implementation's vectors, computed apart from this code. */
static const struct {
    size_t n;
    uint64_t want;
} vectors[] = {
    {0, 0xabac0158050fc4dc},  {1, 0xc9f49bf37d57ca93},  {7, 0xd3927d989bb11140},
    {8, 0x369095118d299a8e},  {15, 0xd320d86d2a519956}, {16, 0xcc4fdd1a7d908b66},
    {63, 0x9d199062b7bbb3a8},
};

static void the_hash_is_siphash_1_3(void **state)
{
    static const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    uint8_t in[64];

    (void)state;
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)i;
    for (size_t i = 0; i < COUNT(vectors); i++)
        assert_true(siphash13(key, (struct bytes){in, vectors[i].n}) == vectors[i].want);
}

static void the_hash_depends_on_every_bit_of_seed_and_input(void **state)
{
    uint8_t in[24] = {0};
    uint64_t plain = siphash13(seed, BYTES_OF(in)), key[2];

    (void)state;
    for (size_t bit = 0; bit < 8 * sizeof in; bit++) {
        in[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_true(siphash13(seed, BYTES_OF(in)) != plain);
        in[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 128; bit++) {
        memcpy(key, seed, sizeof key);
        key[bit / 64] ^= (uint64_t)1 << bit % 64;
        assert_true(siphash13(key, BYTES_OF(in)) != plain);
    }
    for (size_t n = 0; n < sizeof in; n++) /* lengths of zeros differ too */
        assert_true(siphash13(seed, (struct bytes){in, n}) != plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_puts_and_removes_agree_with_a_model),
        cmocka_unit_test(a_second_put_replaces_value_and_key),
        cmocka_unit_test(keys_are_bytes_not_texts),
        cmocka_unit_test(the_hash_is_siphash_1_3),
        cmocka_unit_test(the_hash_depends_on_every_bit_of_seed_and_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
