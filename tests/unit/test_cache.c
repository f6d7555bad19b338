/* What the cache may remember, and what it must not: a verdict is the same with it and without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "attest/cache.h"
#include "attest/evidence.h"
#include "attest/sim/sim.h"
#include "base/str.h"

#define NOW INT64_C(1795000000)

static const uint8_t report_data[64] = {7};
static unsigned destroyed;

static void destroy(void *p)
{
    destroyed++;
    free(p);
}

static void id_of(unsigned n, uint8_t id[CACHE_ID])
{
    char text[16];

    snprintf(text, sizeof text, "%u", n);
    cache_id("test", bytes_str(text), (struct bytes){NULL, 0}, id);
}

static void objects_make_room(void **state)
{
    struct evidence_cache *c = evidence_cache_new(16);
    uint8_t id[CACHE_ID];
    unsigned kept = 0;

    (void)state;
    destroyed = 0;
    for (unsigned i = 0; i < 1000; i++) {
        char *p = malloc(1);

        id_of(i, id);
        assert_true(cache_keep(c, id, 1, p, destroy));
        assert_ptr_equal(cache_object(c, id), p);
    }
    for (unsigned i = 0; i < 1000; i++) {
        id_of(i, id);
        kept += cache_object(c, id) != NULL;
    }
    assert_in_range(kept, 1, 16);
    assert_int_equal(destroyed, 1000 - kept);
    id_of(999, id); /* the newest is there, and in place of itself */
    assert_true(cache_keep(c, id, 1, malloc(1), destroy));
    assert_int_equal(destroyed, 1001 - kept);
    assert_false(cache_keep(c, id, CACHE_OBJECT_MAX + 1, c, destroy));
    evidence_cache_free(c);
    assert_int_equal(destroyed, 1001);
}

/* Ids say where one part ends and the next begins, and what kind it is. */
static void ids_are_unambiguous(void **state)
{
    uint8_t a[CACHE_ID], b[CACHE_ID];
    struct evidence_cache *c = evidence_cache_new(16);

    (void)state;
    cache_id("x", bytes_str("ab"), bytes_str("c"), a);
    cache_id("x", bytes_str("a"), bytes_str("bc"), b);
    assert_memory_not_equal(a, b, CACHE_ID);
    cache_id("y", bytes_str("ab"), bytes_str("c"), b);
    assert_memory_not_equal(a, b, CACHE_ID);
    cache_id("x", bytes_str("ab"), bytes_str("c"), b);
    assert_memory_equal(a, b, CACHE_ID);
    assert_false(cache_knows(c, a));
    cache_learn(c, a);
    assert_true(cache_knows(c, a));
    assert_false(cache_knows(NULL, a));
    cache_learn(NULL, a);
    evidence_cache_free(c);
}

struct given {
    struct sim_evidence s;
    struct evidence_input in;
    struct evidence_options o;
};

static void make(struct given *g, const char *text, struct evidence_cache *c)
{
    struct sim_platform p;
    struct err e = {0};

    *g = (struct given){0};
    if (!sim_platform_parse(text, &p, &e) || !sim_evidence(&p, report_data, NOW, &g->s, &e))
        fail_msg("%s: %s", text, e.msg);
    g->in = (struct evidence_input){.evidence = buf_bytes(&g->s.evidence), .files_n = g->s.files_n};
    for (unsigned i = 0; i < g->s.files_n; i++)
        g->in.files[i] =
            (struct evidence_file){g->s.files[i].name, buf_bytes(&g->s.files[i].bytes)};
    g->o = (struct evidence_options){
        .now_s = NOW, .report_data = report_data, .allow_simulated = true, .cache = c};
}

static const char *verdict(const struct given *g, struct err *e)
{
    struct facts f = {0};

    *e = (struct err){0};
    return evidence_verify(&g->in, &g->o, &f, e) ? "verified" : e->reason;
}

static const char *const kinds[] = {"technology=sev-snp,generation=genoa",
                                    "technology=sev-snp,generation=turin",
                                    "technology=tdx,generation=sapphire-rapids",
                                    "technology=sgx,generation=ice-lake-sp",
                                    "technology=nitro",
                                    "technology=cca"};

/* The second time is answered from memory, the answer is the same, and dates still count. */
static void warm_is_as_strict_as_cold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct evidence_cache *c = evidence_cache_new(128);
        struct cache_counts cold, warm;
        char late[48], early[48];
        struct given g;
        struct err e;

        make(&g, kinds[i], c);
        assert_string_equal(verdict(&g, &e), "verified");
        cold = evidence_cache_counts(c);
        assert_string_equal(verdict(&g, &e), "verified");
        warm = evidence_cache_counts(c);
        assert_int_equal(warm.misses, cold.misses);
        for (int way = 0; way < 2; way++) { /* with the cache, and without */
            g.o.cache = way == 0 ? c : NULL;
            g.o.now_s = NOW + INT64_C(40) * 365 * 86400;
            str_copy(way == 0 ? late : early, sizeof late, verdict(&g, &e));
        }
        assert_string_equal(late, early);
        if (strcmp(kinds[i], "technology=cca") != 0) /* which has no dates */
            assert_string_not_equal(late, "verified");
        sim_evidence_fini(&g.s);
        evidence_cache_free(c);
    }
}

/* A changed byte anywhere in anything gives the same refusal (or none) with a warm cache. */
static void changes_are_seen_through_the_cache(void **state)
{
    unsigned tried = 0;

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct evidence_cache *c = evidence_cache_new(128);
        struct given g;
        struct err e;

        make(&g, kinds[i], c);
        assert_string_equal(verdict(&g, &e), "verified");
        for (unsigned f = 0; f <= g.s.files_n; f++) {
            struct buf *b = f == 0 ? &g.s.evidence : &g.s.files[f - 1].bytes;

            for (size_t at = b->n % 7; at < b->n; at += b->n / 12 + 1, tried++) {
                char warm[48];

                b->p[at] ^= 0x10;
                g.o.cache = c;
                str_copy(warm, sizeof warm, verdict(&g, &e));
                g.o.cache = NULL;
                if (strcmp(warm, verdict(&g, &e)) != 0)
                    fail_msg("%s, file %u, byte %zu: %s with the cache, %s without", kinds[i], f,
                             at, warm, e.reason);
                b->p[at] ^= 0x10;
            }
        }
        g.o.cache = c;
        assert_string_equal(verdict(&g, &e), "verified");
        sim_evidence_fini(&g.s);
        evidence_cache_free(c);
    }
    print_message("%u changes\n", tried);
    assert_true(tried > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_make_room),
        cmocka_unit_test(ids_are_unambiguous),
        cmocka_unit_test(warm_is_as_strict_as_cold),
        cmocka_unit_test(changes_are_seen_through_the_cache),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
