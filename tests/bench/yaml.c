/* yaml.c - what the YAML front end costs on texts of the largest size that it takes (256 KiB), most
 * of them made to hurt.
 *
 *   bench/yaml [--json]
 *
 * CPU time of one thread, the median of 5 readings; bytes are what the arena of the caller gave out
 * and the largest growth of the heap while reading (malloc's own figure). */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/yaml.h"

#define ROUNDS 5
#define ARENA_MAX ((size_t)64 << 20)

static double cpu_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Repeats a unit, with %d as its number, until the text is full. */
static void fill(struct buf *b, const char *head, const char *unit, const char *tail)
{
    size_t most = YAML_TEXT_MAX - strlen(tail) - 32;
    const char *at = strstr(unit, "%d");

    buf_puts(b, head);
    for (unsigned i = 0; b->n + strlen(unit) + 8 < most; i++) {
        if (at == NULL)
            buf_puts(b, unit);
        else
            buf_printf(b, "%.*s%u%s", (int)(at - unit), unit, i, at + 2);
    }
    buf_puts(b, tail);
}

#define HEAD                                                                                       \
    "apiVersion: bailey/v1\nkind: Workload\nmetadata: {name: a}\nspec:\n  artifact: {path: ./a}\n"

static const struct shape {
    const char *name, *head, *unit, *tail;
} shapes[] = {
    {"brackets", "", "[", ""},
    {"braces", "", "{a: ", ""},
    {"dashes", "", "- ", ""},
    {"questions", "", "? ", ""},
    {"list-items", "", "- a\n", ""},
    {"documents", "", "---\na: b\n", ""},
    {"wide-map", "", "k%d: 1\n", ""},
    {"same-key", "", "k: 1\n", ""},
    {"one-line", "", "a b ", ""},
    {"long-text", HEAD "  runtime: {args: [\"", "x", "\"]}\n"},
    {"escapes", HEAD "  runtime: {args: [\"", "\\x41", "\"]}\n"},
    {"wrong-words", HEAD "  trust:\n    accept:\n", "      - {vendor: adm%d}\n", ""},
    {"wrong-fields", HEAD "  trust:\n    accept:\n", "      - {vendros%d: amd}\n", ""},
    {"wrong-ranges", HEAD "  trust:\n    accept:\n", "      - {firmware: \">=%d.x\"}\n", ""},
    {"labels", "apiVersion: bailey/v1\nkind: Node\nmetadata:\n  name: a\n  labels:\n",
     "    k%d: v\n", ""},
    {"right-rules", HEAD "  trust:\n    accept:\n",
     "      - {vendor: amd, generation: genoa, firmware: \">=1.%d\", tcb: {snp: 8}}\n", ""},
    {"right-nodes", "", "---\napiVersion: bailey/v1\nkind: Node\nmetadata: {name: n%d}\n", ""},
    {"anchors", "", "- &a%d x\n", ""},
    {"comments", "", "# nothing\n", ""},
    {"quotes", "", "\"", ""},
    {"high-bytes", "a: \"", "\xf0\x9f\x94\x91", "\"\n"},
    {"flow-keys", "", "{? [a] : b}, ", ""},
};

struct figures {
    double ms;
    size_t arena, heap, errors;
    bool taken;
};

static void once(struct bytes text, struct figures *out)
{
    AUTO_ARENA struct arena a = {0};
    struct yaml_errors *errors = calloc(1, sizeof *errors);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd, after, n = 0;
    Bailey__V1__Object **o = NULL;
    double from;

    if (errors == NULL)
        return;
    arena_init(&a, ARENA_MAX);
    from = cpu_ms();
    out->taken = yaml_objects(text, "bench", &a, &o, &n, errors);
    out->ms = cpu_ms() - from;
    after = mallinfo2().uordblks + mallinfo2().hblkhd;
    out->arena = a.used;
    out->heap = after > before ? after - before : 0;
    out->errors = errors->n + errors->more;
    free(errors);
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    bool as_json = argc > 1 && strcmp(argv[1], "--json") == 0;

    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        AUTO_BUF struct buf b = {0};
        struct figures f = {0};
        double ms[ROUNDS];

        fill(&b, shapes[i].head, shapes[i].unit, shapes[i].tail);
        for (unsigned k = 0; k < ROUNDS; k++) {
            once(buf_bytes(&b), &f);
            ms[k] = f.ms;
        }
        qsort(ms, ROUNDS, sizeof ms[0], order);
        if (as_json)
            printf("{\"bench\": \"yaml\", \"shape\": \"%s\", \"bytes\": %zu, \"ms\": %.2f, "
                   "\"ms_worst\": %.2f, \"arena_bytes\": %zu, \"heap_bytes\": %zu, \"taken\": %s, "
                   "\"errors\": %zu}\n",
                   shapes[i].name, b.n, ms[ROUNDS / 2], ms[ROUNDS - 1], f.arena, f.heap,
                   f.taken ? "true" : "false", f.errors);
        else
            printf("%-13s %7zu bytes: %7.2f ms, worst %7.2f; arena %9zu, heap left %9zu, %s, %zu "
                   "errors\n",
                   shapes[i].name, b.n, ms[ROUNDS / 2], ms[ROUNDS - 1], f.arena, f.heap,
                   f.taken ? "taken" : "refused", f.errors);
    }
    return 0;
}
