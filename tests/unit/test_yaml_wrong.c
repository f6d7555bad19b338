/* The corpus of wrong files: every one is refused with exactly the words that stand beside it.
 *
 * tests/golden/yaml/wrong.txt holds, one after another: a line "=== name", the file, a line
 * "--- said", and what is said. BAILEY_GOLDEN_UPDATE=1 writes what is said now; read it before
 * committing it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/yaml.h"
#include "tests/lib/unit.h"

#define TEXT_MAX 400000
#define WRONG_MIN 120

static void corpus_path(char *path, size_t size)
{
    const char *source = getenv("BAILEY_SOURCE");

    (void)snprintf(path, size, "%s/tests/golden/yaml/wrong.txt", source == NULL ? "." : source);
}

static char *corpus_read(void)
{
    char path[512];
    char *text = calloc(1, TEXT_MAX);
    size_t n;
    FILE *f;

    corpus_path(path, sizeof path);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(text);
    n = fread(text, 1, TEXT_MAX - 1, f);
    assert_true(n < TEXT_MAX - 1);
    (void)fclose(f);
    return text;
}

struct wrong {
    const char *name, *yaml, *said; /* each ends where the next begins */
    size_t name_n, yaml_n, said_n;
};

/* The entry at *at; false at the end. */
static bool next(const char **at, struct wrong *w)
{
    const char *end;

    if (**at == '\0')
        return false;
    assert_true(strncmp(*at, "=== ", 4) == 0);
    w->name = *at + 4;
    w->name_n = strcspn(w->name, "\n");
    w->yaml = w->name + w->name_n + 1;
    end = strstr(w->yaml, "--- said\n");
    assert_non_null(end);
    w->yaml_n = (size_t)(end - w->yaml);
    w->said = end + 9;
    end = strstr(w->said, "\n=== ");
    *at = end == NULL ? w->said + strlen(w->said) : end + 1;
    if (strncmp(w->said, "=== ", 4) == 0)
        *at = w->said;
    w->said_n = (size_t)(*at - w->said);
    return true;
}

/* What is said; "" when the file is taken. */
static void said_of(const struct wrong *w, struct buf *out)
{
    AUTO_ARENA struct arena a = {0};
    struct yaml_errors errors = {0};
    Bailey__V1__Object **o = NULL;
    size_t n = 0;

    arena_init(&a, (size_t)4 << 20);
    if (!yaml_objects((struct bytes){(const uint8_t *)w->yaml, w->yaml_n}, "w.yaml", &a, &o, &n,
                      &errors))
        yaml_errors_format(&errors, out);
}

static void every_word(void **state)
{
    AUTO_BUF struct buf fresh = {0};
    char *text = corpus_read();
    const char *at = text;
    struct wrong w;
    size_t n = 0;

    (void)state;
    for (; next(&at, &w); n++) {
        AUTO_BUF struct buf said = {0};
        char want[8192];

        said_of(&w, &said);
        if (said.n == 0)
            fail_msg("taken: %.*s", (int)w.name_n, w.name);
        buf_printf(&fresh, "=== %.*s\n%.*s--- said\n%s", (int)w.name_n, w.name, (int)w.yaml_n,
                   w.yaml, buf_str(&said));
        if (getenv("BAILEY_GOLDEN_UPDATE") != NULL)
            continue;
        (void)snprintf(want, sizeof want, "%.*s", (int)w.said_n, w.said);
        assert_string_equal(buf_str(&said), want);
    }
    assert_true(n >= WRONG_MIN);
    if (getenv("BAILEY_GOLDEN_UPDATE") != NULL) {
        char path[512];
        FILE *f;

        corpus_path(path, sizeof path);
        f = fopen(path, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(fresh.p, 1, fresh.n, f), fresh.n);
        assert_int_equal(fclose(f), 0);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_word)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
