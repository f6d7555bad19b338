/* Prints Nitro documents and what we say of them, for another maker's verifier: a JSON array of
 * {"name", "at" (seconds), "root" (SHA-256 that the chain has to end in), "ours" ("valid" or our
 * reason), "document" (base64)}. Simulated ones, sound and with every defect, and the shared
 * vectors where there are any. Debug mode and the challenge are left out: the other one knows
 * neither. */
#include "tests/lib/unit.h"
#include <stdio.h>
#include <stdlib.h>

#include "attest/evidence.h"
#include "attest/nitro_doc.h"
#include "attest/sim/sim.h"
#include "attest/sim/sim_kind.h"
#include "base/json.h"
#include "tests/lib/vectors.h"

#define NOW INT64_C(1795000000)

static const char aws_root[] = "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b";
static const char simulated_root[] =
    "54c1a847eb7aca55025afd3c5a3203954f6aa2ca103f573957a2662eeb395957";

static struct buf text;
static struct json json = {.out = &text, .pretty = true};

static void member(const char *key, const char *value)
{
    json_key(&json, key);
    json_str(&json, value);
}

static void print(const char *name, int64_t now_s, const char *anchor, struct bytes document)
{
    const struct evidence_input in = {.evidence = document};
    const struct evidence_options o = {
        .now_s = now_s, .allow_simulated = true, .allow_debug = true};
    struct facts f;
    struct err e = {0};
    bool good = evidence_verify(&in, &o, &f, &e);

    json_object(&json);
    member("name", name);
    json_key(&json, "at");
    json_int(&json, now_s);
    member("root", anchor);
    member("ours", good ? "valid" : e.reason);
    json_key(&json, "document");
    json_base64(&json, document);
    json_object_end(&json);
}

static void print_vector(const struct vector_row *r)
{
    AUTO_ARENA struct arena a;
    struct nitro_doc d;
    struct bytes document;

    arena_init(&a, 1 << 20);
    document = vector_file(&a, r->path, "attestation_doc.cbor");
    if (nitro_doc_parse(document, false, &d, NULL))
        print(r->path, vector_time(r, (int64_t)(d.timestamp_ms / 1000) + 30), aws_root, document);
}

static void print_simulated(const char *form, const char *defect)
{
    static const uint8_t report_data[64];
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    struct sim_platform p;
    struct err e = {0};
    char name[120];

    snprintf(name, sizeof name, "technology=nitro%s,defect=%s", form, defect);
    if (!sim_platform_parse(name, &p, &e) || !sim_evidence(&p, report_data, NOW, &s, &e)) {
        fprintf(stderr, "%s: %s\n", name, e.msg);
        exit(1);
    }
    print(name, NOW, simulated_root, buf_bytes(&s.evidence));
}

int main(void)
{
    static const char *const forms[] = {"", ",open-ended=on", ",chip=7"};

    json_array(&json);
    for (size_t i = 0; i < COUNT(forms); i++)
        for (unsigned d = 0; d < sim_nitro_kind.defects_n; d++)
            print_simulated(forms[i], sim_nitro_kind.defects[d]);
    if (getenv("BAILEY_VECTORS") != NULL && vectors_here())
        vectors_each("nitro-document", print_vector);
    json_array_end(&json);
    if (!buf_ok(&text, NULL) || fwrite(text.p, 1, text.n, stdout) != text.n)
        return 1;
    buf_fini(&text);
    return 0;
}
