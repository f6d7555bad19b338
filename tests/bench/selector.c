/* selector.c - how long judging one platform class takes, by texts and compiled.
 *
 *   bench/selector [--json]
 *
 * Three sets of rules: the mission's sentence (2 rules), a policy (12 rules with TCB and firmware
 * ranges) and a cluster with 1,000 revocations by platform id. 64 classes each, in turn. CPU time
 * of one thread; the median of 9 rounds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "scheduler/rules_code.h"

#define CLASSES 64
#define ROUNDS 9
#define TIMES 200000
#define REVOCATIONS 1000

static const char *const amd = "amd", *const all[] = {"amd", "intel", "arm", "aws"};
static const char *const generations[] = {"milan", "genoa", "bergamo", "siena", "turin"};

static struct facts classes[CLASSES];
static struct rule rules[3][REVOCATIONS + 16];
static struct selector_platform ids[REVOCATIONS];
static struct selector_tcb tcb[2];
static volatile unsigned sink;

static double cpu_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void put(struct fact_words *w, const char *s)
{
    (void)snprintf(w->word[w->n++], FACT_WORD, "%s", s);
}

static void make_classes(void)
{
    static const char *const parts[] = {"bootloader", "tee", "snp", "microcode"};

    for (unsigned i = 0; i < CLASSES; i++) {
        struct facts *f = &classes[i];

        f->assurance = ASSURANCE_HARDWARE;
        put(&f->vendor, i % 8 == 7 ? "intel" : "amd");
        put(&f->technology, i % 8 == 7 ? "tdx" : "sev-snp");
        put(&f->generation, generations[i % 5]);
        if (i % 5 == 2)
            put(&f->generation, "siena");
        f->firmware.n = 3;
        f->firmware.part[0] = 1;
        f->firmware.part[1] = 55;
        f->firmware.part[2] = 20 + i;
        for (unsigned k = 0; k < 4; k++) {
            (void)snprintf(f->tcb[k].name, FACT_WORD, "%s", parts[k]);
            f->tcb[k].value = i + k;
        }
        f->tcb_n = 4;
        f->platform_id_n = 64;
        memset(f->platform_id, (int)i, 64);
        f->findings_known = (1U << FINDINGS) - 1;
    }
}

static bool make_rules(struct rules out[3])
{
    struct selector sentence = {.vendor = {all, 4}};
    struct selector milan = {.vendor = {&amd, 1}, .generation = {&generations[0], 1}};
    struct selector part = {.vendor = {&amd, 1}, .tcb = tcb, .tcb_n = 2};

    tcb[0].component = "microcode";
    tcb[1].component = "snp";
    if (!number_range_parse(">=0x20", &tcb[0].range, NULL) ||
        !number_range_parse(">=3 <60", &tcb[1].range, NULL) ||
        !version_range_parse(">=1.55.29 <2", &part.firmware, NULL))
        return false;
    for (unsigned i = 0; i < 3; i++) {
        out[i] = (struct rules){.refuse = {.v = rules[i], .n = 1},
                                .accept = {.v = rules[i] + 1, .n = 1}};
        rules[i][0] = (struct rule){.selector = milan, .name = "refuse[0]"};
        rules[i][1] = (struct rule){.selector = sentence, .name = "accept[0]"};
    }
    for (unsigned i = 0; i < 10; i++) {
        part.generation = (struct selector_words){generations + i % 4, 2};
        rules[1][2 + i] = (struct rule){.selector = part, .name = "policy"};
    }
    out[1].accept.n = 11;
    rules[1][1].selector.findings = 1U << FINDING_DEBUG;
    for (unsigned i = 0; i < REVOCATIONS; i++) {
        memset(ids[i].id, 100 + (int)i % 100, 64);
        memcpy(ids[i].id, &i, sizeof i);
        ids[i].n = 64;
        rules[2][2 + i] =
            (struct rule){.selector = {.platform = &ids[i], .platform_n = 1}, .name = "revocation"};
    }
    out[2].cluster = (struct rule_list){.v = rules[2] + 2, .n = REVOCATIONS};
    return true;
}

enum way { BY_TEXT, COMPILED, ENCODE };

static double once(enum way way, const struct rules *r, const struct rules_code *code,
                   unsigned times)
{
    static struct facts_code encoded[CLASSES];
    double from;

    for (unsigned i = 0; i < CLASSES; i++)
        facts_encode(code, &classes[i], &encoded[i]);
    from = cpu_ns();
    for (unsigned i = 0; i < times; i++) {
        unsigned k = i % CLASSES;

        if (way == BY_TEXT)
            sink += rules_judge(r, &classes[k]).verdict;
        else if (way == COMPILED)
            sink += rules_code_judge(code, &encoded[k]).verdict;
        else
            facts_encode(code, &classes[k], &encoded[k]);
    }
    return (cpu_ns() - from) / times;
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double measure(enum way way, const struct rules *r, const struct rules_code *code,
                      unsigned times)
{
    double v[ROUNDS];

    for (unsigned i = 0; i < ROUNDS; i++)
        v[i] = once(way, r, code, times);
    qsort(v, ROUNDS, sizeof v[0], order);
    return v[ROUNDS / 2];
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"sentence", "policy", "revocations"};
    bool as_json = argc > 1 && strcmp(argv[1], "--json") == 0;
    struct rules r[3];

    make_classes();
    if (!make_rules(r))
        return 1;
    for (unsigned i = 0; i < 3; i++) {
        AUTO_ARENA struct arena a;
        struct rules_code code;
        double text, compiled, encode;

        arena_init(&a, 16 << 20);
        if (!rules_compile(&r[i], &a, &code, NULL))
            return 1;
        text = measure(BY_TEXT, &r[i], &code, i == 2 ? TIMES / 50 : TIMES);
        compiled = measure(COMPILED, &r[i], &code, i == 2 ? TIMES / 50 : TIMES);
        encode = measure(ENCODE, &r[i], &code, TIMES);
        printf(as_json ? "{\"bench\": \"selector\", \"rules\": \"%s\", \"by_text_ns\": %.1f, "
                         "\"compiled_ns\": %.1f, \"encode_ns\": %.1f}\n"
                       : "%-12s by text %8.1f ns, compiled %8.1f ns, encoding a class %8.1f ns\n",
               names[i], text, compiled, encode);
    }
    return 0;
}
