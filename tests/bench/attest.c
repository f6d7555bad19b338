/* attest.c - how many SNP reports one core verifies a second, cold (certificates parsed and chain
 * checked each time), beside what OpenSSL's P-384 alone allows in the same run.
 *
 *   bench/attest [--json] [--rounds N] [--seconds S]
 *
 * Rounds of both alternate; printed are the median and the range. CPU time, one thread. */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "attest/evidence.h"
#include "attest/sim/sim.h"
#include "attest/sim/sim_kind.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"

#define ROUNDS_MAX 99

static double cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct bench {
    struct evidence_input in;
    struct evidence_options o;
    EVP_PKEY *key;
    uint8_t signature[160];
    size_t signature_n;
};

static void verify_whole(const struct bench *b)
{
    struct facts f = {0};
    struct err e = {0};

    BUG_ON(!evidence_verify(&b->in, &b->o, &f, &e));
}

/* The least that any verifier has to do: one signature over the signed part, key at hand. */
static void verify_raw(const struct bench *b)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    BUG_ON(ctx == NULL || EVP_DigestVerifyInit(ctx, NULL, EVP_sha384(), NULL, b->key) != 1);
    BUG_ON(EVP_DigestVerify(ctx, b->signature, b->signature_n, b->in.evidence.p, 0x2a0) != 1);
    EVP_MD_CTX_free(ctx);
}

static double rate(const struct bench *b, void (*one)(const struct bench *), double seconds)
{
    double begun = cpu_s(), spent;
    unsigned long n = 0;

    do {
        for (int i = 0; i < 16; i++)
            one(b);
        n += 16;
        spent = cpu_s() - begun;
    } while (spent < seconds);
    return (double)n / spent;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void prepare(struct bench *b, struct sim_evidence *s)
{
    static const uint8_t report_data[64] = {1};
    struct sim_platform p;
    struct err e = {0};
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int64_t now_s = clock_system.wall_ms(&clock_system) / 1000;

    sim_platform_init(&p, &sim_snp_kind, SIM_GENOA);
    BUG_ON(!sim_evidence(&p, report_data, now_s, s, &e));
    b->in = (struct evidence_input){.evidence = buf_bytes(&s->evidence), .files_n = s->files_n};
    for (unsigned i = 0; i < s->files_n; i++)
        b->in.files[i] = (struct evidence_file){s->files[i].name, buf_bytes(&s->files[i].bytes)};
    b->o = (struct evidence_options){
        .now_s = now_s, .report_data = report_data, .allow_simulated = true};
    b->key = EVP_EC_gen("P-384");
    b->signature_n = sizeof b->signature;
    BUG_ON(ctx == NULL || b->key == NULL ||
           EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, b->key) != 1 ||
           EVP_DigestSign(ctx, b->signature, &b->signature_n, b->in.evidence.p, 0x2a0) != 1);
    EVP_MD_CTX_free(ctx);
}

static void row(struct json *j, const char *key, const double *v, size_t n)
{
    json_key(j, key);
    json_object(j);
    json_key(j, "median");
    json_double(j, v[n / 2]);
    json_key(j, "min");
    json_double(j, v[0]);
    json_key(j, "max");
    json_double(j, v[n - 1]);
    json_object_end(j);
}

static void print_as_json(const double *whole, const double *raw, size_t n)
{
    AUTO_BUF struct buf out = {0};
    struct json j = {.out = &out, .pretty = true};

    json_object(&j);
    json_key(&j, "benchmark");
    json_str(&j, "attest");
    json_key(&j, "unit");
    json_str(&j, "verifications per CPU second, one thread");
    row(&j, "evidenceCold", whole, n);
    row(&j, "p384Alone", raw, n);
    json_key(&j, "ratio");
    json_double(&j, whole[n / 2] / raw[n / 2]);
    json_key(&j, "rounds");
    json_uint(&j, n);
    json_key(&j, "openssl");
    json_str(&j, OpenSSL_version(OPENSSL_VERSION));
    json_object_end(&j);
    puts(buf_str(&out));
}

int main(int argc, char **argv)
{
    double whole[ROUNDS_MAX], raw[ROUNDS_MAX], seconds = 1;
    struct sim_evidence s = {0};
    struct bench b = {0};
    uint64_t rounds = 5, v;
    bool json = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (i + 1 < argc && strcmp(argv[i], "--rounds") == 0 && u64_parse(argv[i + 1], &v) &&
                   v >= 1 && v <= ROUNDS_MAX) {
            rounds = v;
            i++;
        } else if (i + 1 < argc && strcmp(argv[i], "--seconds") == 0 &&
                   u64_parse(argv[i + 1], &v) && v >= 1 && v <= 60) {
            seconds = (double)v;
            i++;
        } else {
            fprintf(stderr, "usage: attest [--json] [--rounds 1-99] [--seconds 1-60]\n");
            return 2;
        }
    }
    prepare(&b, &s);
    for (size_t i = 0; i < rounds; i++) {
        whole[i] = rate(&b, verify_whole, seconds);
        raw[i] = rate(&b, verify_raw, seconds);
    }
    qsort(whole, rounds, sizeof whole[0], ascending);
    qsort(raw, rounds, sizeof raw[0], ascending);
    if (json)
        print_as_json(whole, raw, rounds);
    else
        printf("cold SNP verification %.0f/s (%.0f to %.0f), P-384 alone %.0f/s (%.0f to %.0f): "
               "%.2f of it\n",
               whole[rounds / 2], whole[0], whole[rounds - 1], raw[rounds / 2], raw[0],
               raw[rounds - 1], whole[rounds / 2] / raw[rounds / 2]);
    EVP_PKEY_free(b.key);
    sim_evidence_fini(&s);
    return 0;
}
