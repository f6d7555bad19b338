#include "tests/lib/vectors.h"

#include "tests/lib/unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"

#define FILE_MAX 65536

static char root[512];

bool vectors_here(void)
{
    const char *env = getenv("BAILEY_VECTORS"), *source = getenv("BAILEY_SOURCE");
    struct stat st;

    if (env != NULL && env[0] != '\0')
        snprintf(root, sizeof root, "%s", env);
    else
        snprintf(root, sizeof root, "%s/../shared/vectors", source == NULL ? "." : source);
    if (stat(root, &st) == 0)
        return true;
    /* not to standard output: that may be read by a program */
    fprintf(stderr, "SKIPPED: no vectors at %s; set BAILEY_VECTORS to their folder\n", root);
    return false;
}

unsigned vectors_each(const char *kind, void (*each)(const struct vector_row *))
{
    char path[600], line[2048];
    unsigned n = 0;
    FILE *f;

    snprintf(path, sizeof path, "%s/expected.tsv", root);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL) {
        struct vector_row r = {0};

        if (line[0] == '#')
            continue;
        if (sscanf(line,
                   "%159[^\t]\t%31[^\t]\t%23[^\t]\t%47[^\t]\t%31[^\t]\t%31[^\t]\t%*[^\t]\t"
                   "%511[^\n]",
                   r.path, r.kind, r.expect, r.status, r.generation, r.verify_at, r.verdict) != 7)
            fail_msg("a row that cannot be read: %s", line); /* never left out in silence */
        if (strcmp(r.kind, kind) != 0)
            continue;
        each(&r);
        n++;
    }
    fclose(f);
    return n;
}

struct bytes vector_file(struct arena *a, const char *folder, const char *name)
{
    char path[1400];
    uint8_t *p;
    size_t n;
    FILE *f;

    snprintf(path, sizeof path, "%s/%s/%s", root, folder, name);
    f = fopen(path, "rb");
    if (f == NULL)
        return (struct bytes){NULL, 0};
    p = arena_alloc(a, FILE_MAX + 1);
    assert_non_null(p);
    n = fread(p, 1, FILE_MAX + 1, f);
    fclose(f);
    return (struct bytes){p, n};
}

int64_t vector_time(const struct vector_row *r, int64_t otherwise)
{
    int64_t now = otherwise;
    struct err e = {0};

    if (strcmp(r->verify_at, "-") != 0 && !time_parse(r->verify_at, &now, &e))
        fail_msg("%s: %s", r->path, r->verify_at);
    return now;
}
