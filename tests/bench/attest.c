/* attest.c - how much evidence of each kind one core verifies a second, beside what OpenSSL alone
 * needs for the same signatures, in the same run.
 *
 *   bench/attest [--json] [--rounds N] [--seconds S] [--kind TECHNOLOGY] [--mode cold|chain|warm]
 *
 * cold: nothing remembered, every certificate parsed and every signature verified each time.
 * chain: another chip each time; the vendor's certificates are in the cache, the chip's are not.
 * warm: the same chip again, with its certificates and collateral in the cache.
 * The bound of each is the raw verifications of the signatures that it cannot leave out, with keys
 * at hand and nothing else done. Rounds of all alternate; printed is the best. CPU time, one
 * thread. Bytes allocated are what malloc was asked for, libcrypto's part included. */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attest/evidence.h"
#include "attest/sim/sim.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"

#define ROUNDS_MAX 99
#define CHIPS 32

static size_t allocated; /* bytes asked for since the start */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && defined(__GLIBC__)
#define COUNTED __attribute__((visibility("default")))
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
COUNTED void *malloc(size_t n);
COUNTED void *calloc(size_t n, size_t size);
COUNTED void *realloc(void *p, size_t n);

void *malloc(size_t n)
{
    allocated += n;
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    allocated += n * size;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    allocated += n;
    return __libc_realloc(p, n);
}
#endif

enum raw { RSA4096_PSS, P384_SHA384, P256_SHA256, RAWS };
static const char *const raw_names[] = {"RSA-4096-PSS", "P-384", "P-256"};

/* A key of each kind and a signature of its own over bytes like those that are signed. */
static struct raw_key {
    EVP_PKEY *key;
    const EVP_MD *md;
    uint8_t signature[520];
    size_t signature_n;
} raws[RAWS];
static uint8_t message[1200];

static double cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void pss_set(EVP_PKEY_CTX *p, const struct raw_key *r)
{
    if (EVP_PKEY_get_base_id(r->key) == EVP_PKEY_RSA)
        BUG_ON(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) != 1 ||
               EVP_PKEY_CTX_set_rsa_pss_saltlen(p, 48) != 1);
}

static void raw_prepare(void)
{
    raws[RSA4096_PSS].key = EVP_RSA_gen(4096);
    raws[P384_SHA384].key = EVP_EC_gen("P-384");
    raws[P256_SHA256].key = EVP_EC_gen("P-256");
    for (size_t i = 0; i < RAWS; i++) {
        struct raw_key *r = &raws[i];
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        EVP_PKEY_CTX *p = NULL;

        r->md = i == P256_SHA256 ? EVP_sha256() : EVP_sha384();
        r->signature_n = sizeof r->signature;
        BUG_ON(ctx == NULL || r->key == NULL ||
               EVP_DigestSignInit(ctx, &p, r->md, NULL, r->key) != 1);
        pss_set(p, r);
        BUG_ON(EVP_DigestSign(ctx, r->signature, &r->signature_n, message, sizeof message) != 1);
        EVP_MD_CTX_free(ctx);
    }
}

static void raw_verify(const struct raw_key *r)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p = NULL;

    BUG_ON(ctx == NULL || EVP_DigestVerifyInit(ctx, &p, r->md, NULL, r->key) != 1);
    pss_set(p, r);
    BUG_ON(EVP_DigestVerify(ctx, r->signature, r->signature_n, message, sizeof message) != 1);
    EVP_MD_CTX_free(ctx);
}

static double raw_rate(enum raw which, double seconds)
{
    double begun = cpu_s(), spent;
    unsigned long n = 0;

    do {
        for (int i = 0; i < 8; i++)
            raw_verify(&raws[which]);
        n += 8;
        spent = cpu_s() - begun;
    } while (spent < seconds);
    return (double)n / spent;
}

enum mode { COLD, CHAIN, WARM, MODES };
static const char *const mode_names[] = {"cold", "chain", "warm"};

/* What is signed in each kind, and which of it nobody can leave out. The root never counts: it is
 * compared with its pin. Lists and collateral that came along count as `optional`. */
static const struct kind {
    const char *technology, *platform;
    unsigned count[MODES][RAWS];
    unsigned crls[RAWS]; /* for each CRL there is, when cold */
} kinds[] = {
    {"sev-snp",
     "technology=sev-snp,generation=genoa",
     {[COLD] = {[RSA4096_PSS] = 2, [P384_SHA384] = 1},
      [CHAIN] = {[RSA4096_PSS] = 1, [P384_SHA384] = 1},
      [WARM] = {[P384_SHA384] = 1}},
     {[RSA4096_PSS] = 1}},
    /* quote, QE report, PCK, its CA, the TCB signer, TCB info, QE identity; a quoting enclave's
       report is the same for all of its quotes and remembered */
    {"tdx",
     "technology=tdx,generation=sapphire-rapids",
     {[COLD] = {[P256_SHA256] = 7}, [CHAIN] = {[P256_SHA256] = 3}, [WARM] = {[P256_SHA256] = 1}},
     {[P256_SHA256] = 1}},
    {"sgx",
     "technology=sgx,generation=ice-lake-sp",
     {[COLD] = {[P256_SHA256] = 7}, [CHAIN] = {[P256_SHA256] = 3}, [WARM] = {[P256_SHA256] = 1}},
     {[P256_SHA256] = 1}},
    /* document, leaf, and the three authorities between it and the root, as AWS has them; the
       simulator issues all of them anew for each instance, so that nothing is shared but the root
     */
    {"nitro",
     "technology=nitro",
     {[COLD] = {[P384_SHA384] = 5}, [CHAIN] = {[P384_SHA384] = 5}, [WARM] = {[P384_SHA384] = 1}},
     {0}},
    /* platform and realm token; keys of platforms are not certified */
    {"cca",
     "technology=cca",
     {[COLD] = {[P384_SHA384] = 2}, [CHAIN] = {[P384_SHA384] = 2}, [WARM] = {[P384_SHA384] = 2}},
     {0}},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

struct bench {
    const struct kind *kind;
    struct sim_evidence evidence[CHIPS];
    struct evidence_input in[CHIPS];
    struct evidence_options o;
    unsigned crls;
    bool good;
    double rate[MODES][ROUNDS_MAX];
    double allocated[MODES]; /* bytes a verification */
};

static void verify(const struct bench *b, size_t chip)
{
    struct facts f = {0};
    struct err e = {0};

    if (!evidence_verify(&b->in[chip], &b->o, &f, &e)) {
        fprintf(stderr, "%s: %s (%s)\n", b->kind->technology, e.msg, e.reason);
        exit(1);
    }
}

/* One measurement; the cache's own making is not counted. */
static void measure(struct bench *b, enum mode m, double seconds, size_t round)
{
    double begun, spent = 0;
    unsigned long n = 0;
    size_t bytes = 0;

    b->o.cache = m == COLD ? NULL : evidence_cache_new(256);
    if (m != COLD)
        verify(b, 0);
    do {
        size_t before = allocated;

        begun = cpu_s();
        if (m == CHAIN)
            for (size_t i = 1; i < CHIPS; i++, n++)
                verify(b, i);
        else
            for (int i = 0; i < 8; i++, n++)
                verify(b, 0);
        spent += cpu_s() - begun;
        bytes += allocated - before;
        if (m == CHAIN) {
            evidence_cache_free(b->o.cache);
            b->o.cache = evidence_cache_new(256);
            verify(b, 0);
        }
    } while (spent < seconds);
    evidence_cache_free(b->o.cache);
    b->o.cache = NULL;
    b->rate[m][round] = (double)n / spent;
    b->allocated[m] = (double)bytes / (double)n;
}

/* What is no chip's own is the same for all: the simulator signs it anew each time. */
static void share(struct evidence_input *in, const struct evidence_input *first)
{
    static const char *const own[] = {"vcek.der", "vlek.der", "pck_chain.pem",
                                      "cpak_trust_anchor.json"};

    for (unsigned i = 0; i < in->files_n; i++) {
        const struct evidence_file *f = evidence_file(first, in->files[i].name);
        bool shared = f != NULL;

        for (size_t k = 0; k < sizeof own / sizeof own[0]; k++)
            shared = shared && strcmp(own[k], in->files[i].name) != 0;
        if (shared)
            in->files[i].bytes = f->bytes;
    }
}

/* False: the simulator or the verifier has no such kind. */
static bool prepare(struct bench *b, const struct kind *k)
{
    static const uint8_t report_data[64] = {1};
    int64_t now_s = clock_system.wall_ms(&clock_system) / 1000;
    struct facts f = {0};
    struct err e = {0};

    b->kind = k;
    b->o = (struct evidence_options){
        .now_s = now_s, .report_data = report_data, .allow_simulated = true};
    for (size_t i = 0; i < CHIPS; i++) {
        struct sim_evidence *s = &b->evidence[i];
        struct sim_platform p;

        if (!sim_platform_parse(k->platform, &p, &e))
            return false;
        p.chip = i;
        BUG_ON(!sim_evidence(&p, report_data, now_s, s, &e));
        b->in[i] =
            (struct evidence_input){.evidence = buf_bytes(&s->evidence), .files_n = s->files_n};
        for (unsigned n = 0; n < s->files_n; n++)
            b->in[i].files[n] =
                (struct evidence_file){s->files[n].name, buf_bytes(&s->files[n].bytes)};
        share(&b->in[i], &b->in[0]);
    }
    for (unsigned i = 0; i < b->in[0].files_n; i++)
        b->crls += strstr(b->in[0].files[i].name, "crl") != NULL;
    if (!evidence_verify(&b->in[0], &b->o, &f, &e)) {
        fprintf(stderr, "%s: not measured: %s (%s)\n", k->technology, e.msg, e.reason);
        return false;
    }
    return true;
}

/* Other work on the machine only ever takes away, so that the best round is nearest the truth. */
static double best(const double *v, size_t n)
{
    double most = v[0];

    for (size_t i = 1; i < n; i++)
        most = v[i] > most ? v[i] : most;
    return most;
}

/* Verifications a second that the signatures alone would allow. */
static double bound(const struct bench *b, enum mode m, const double raw[RAWS])
{
    double seconds = 0;

    for (size_t r = 0; r < RAWS; r++)
        seconds += (b->kind->count[m][r] + (m == COLD ? b->crls * b->kind->crls[r] : 0)) / raw[r];
    return 1 / seconds;
}

static void member(struct json *j, const char *key, double v)
{
    json_key(j, key);
    json_double(j, v);
}

static void print_as_json(const struct bench *all, double rates[KINDS][MODES],
                          const double raw[RAWS], size_t rounds)
{
    AUTO_BUF struct buf out = {0};
    struct json j = {.out = &out, .pretty = true};

    json_object(&j);
    json_key(&j, "benchmark");
    json_str(&j, "attest");
    json_key(&j, "unit");
    json_str(&j, "verifications per CPU second, one thread");
    json_key(&j, "raw");
    json_object(&j);
    for (size_t r = 0; r < RAWS; r++)
        member(&j, raw_names[r], raw[r]);
    json_object_end(&j);
    json_key(&j, "kinds");
    json_object(&j);
    for (size_t k = 0; k < KINDS; k++) {
        if (!all[k].good)
            continue;
        json_key(&j, kinds[k].technology);
        json_object(&j);
        for (size_t m = 0; m < MODES; m++) {
            json_key(&j, mode_names[m]);
            json_object(&j);
            member(&j, "best", rates[k][m]);
            member(&j, "bound", bound(&all[k], (enum mode)m, raw));
            member(&j, "ratio", rates[k][m] / bound(&all[k], (enum mode)m, raw));
            member(&j, "bytesAllocated", all[k].allocated[m]);
            json_object_end(&j);
        }
        json_object_end(&j);
    }
    json_object_end(&j);
    json_key(&j, "rounds");
    json_uint(&j, rounds);
    json_key(&j, "openssl");
    json_str(&j, OpenSSL_version(OPENSSL_VERSION));
    json_object_end(&j);
    puts(buf_str(&out));
}

static void print_as_text(const struct bench *all, double rates[KINDS][MODES],
                          const double raw[RAWS])
{
    for (size_t r = 0; r < RAWS; r++)
        printf("raw %-14s %9.0f/s\n", raw_names[r], raw[r]);
    printf("%-8s %-6s %12s %12s %7s %16s\n", "KIND", "MODE", "VERIFIED/S", "BOUND/S", "RATIO",
           "BYTES ALLOCATED");
    for (size_t k = 0; k < KINDS; k++)
        for (size_t m = 0; all[k].good && m < MODES; m++) {
            double most = bound(&all[k], (enum mode)m, raw);

            printf("%-8s %-6s %12.0f %12.0f %7.2f %16.0f\n", kinds[k].technology, mode_names[m],
                   rates[k][m], most, rates[k][m] / most, all[k].allocated[m]);
        }
}

int main(int argc, char **argv)
{
    static struct bench all[KINDS];
    static double raw_rates[RAWS][ROUNDS_MAX], rates[KINDS][MODES];
    double raw[RAWS], seconds = 1;
    uint64_t rounds = 5, v;
    const char *only = NULL, *mode = NULL;
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
        } else if (i + 1 < argc && strcmp(argv[i], "--kind") == 0) {
            only = argv[++i];
        } else if (i + 1 < argc && strcmp(argv[i], "--mode") == 0) {
            mode = argv[++i];
        } else {
            fprintf(stderr, "usage: attest [--json] [--rounds 1-99] [--seconds 1-60] [--kind "
                            "TECHNOLOGY] [--mode cold|chain|warm]\n");
            return 2;
        }
    }
    raw_prepare();
    for (size_t k = 0; k < KINDS; k++)
        all[k].good =
            (only == NULL || strcmp(only, kinds[k].technology) == 0) && prepare(&all[k], &kinds[k]);
    for (size_t i = 0; i < rounds; i++) {
        for (size_t r = 0; r < RAWS; r++)
            raw_rates[r][i] = raw_rate((enum raw)r, seconds);
        for (size_t k = 0; k < KINDS; k++)
            for (size_t m = 0; all[k].good && m < MODES; m++)
                if (mode == NULL || strcmp(mode, mode_names[m]) == 0)
                    measure(&all[k], (enum mode)m, seconds, i);
    }
    for (size_t r = 0; r < RAWS; r++)
        raw[r] = best(raw_rates[r], rounds);
    for (size_t k = 0; k < KINDS; k++)
        for (size_t m = 0; all[k].good && m < MODES; m++)
            rates[k][m] = best(all[k].rate[m], rounds);
    if (json)
        print_as_json(all, rates, raw, rounds);
    else
        print_as_text(all, rates, raw);
    for (size_t r = 0; r < RAWS; r++)
        EVP_PKEY_free(raws[r].key);
    for (size_t k = 0; k < KINDS; k++)
        for (size_t i = 0; i < CHIPS; i++)
            sim_evidence_fini(&all[k].evidence[i]);
    return 0;
}
