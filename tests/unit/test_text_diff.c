/* Unified diffs: their exact form, and that patching the old text with one gives the new. */
#include "tests/lib/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/text_diff.h"

static void exact(void **unused)
{
    AUTO_BUF struct buf out = {0};

    (void)unused;
    assert_false(text_diff("a", "one\ntwo\n", "b", "one\ntwo\n", false, &out));
    assert_int_equal(out.n, 0);
    assert_true(text_diff("a", "one\ntwo\nthree\n", "b", "one\n2\nthree\n", false, &out));
    assert_string_equal(buf_str(&out), "--- a\n+++ b\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n");
    buf_clear(&out);
    assert_true(text_diff("a", "", "b", "new\n", false, &out));
    assert_string_equal(buf_str(&out), "--- a\n+++ b\n@@ -0,0 +1,1 @@\n+new\n");
    buf_clear(&out);
    assert_true(text_diff("a", "gone\n", "b", "", false, &out));
    assert_string_equal(buf_str(&out), "--- a\n+++ b\n@@ -1,1 +0,0 @@\n-gone\n");
}

/* Two changes far apart are two hunks; near ones are one. */
static void hunks(void **unused)
{
    const char *old_text = "a\n1\n2\n3\n4\n5\n6\n7\nb\n";
    AUTO_BUF struct buf out = {0};

    (void)unused;
    assert_true(text_diff("a", old_text, "b", "A\n1\n2\n3\n4\n5\n6\n7\nB\n", false, &out));
    assert_string_equal(buf_str(&out), "--- a\n+++ b\n@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n"
                                       "@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n");
    buf_clear(&out);
    assert_true(text_diff("a", "a\n1\n2\nb\n", "b", "A\n1\n2\nB\n", false, &out));
    assert_string_equal(buf_str(&out), "--- a\n+++ b\n@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n-b\n+B\n");
}

/* Applies a diff of ours; every line of context and every old line must be where it says. */
static void patch(const char *old_text, const char *diff, struct buf *out)
{
    const char *at = old_text, *d = diff;
    size_t line = 1;

    buf_clear(out);
    while (*d != '\0') {
        size_t n = strcspn(d, "\n") + 1;
        size_t from, count, len = strcspn(at, "\n") + 1;

        if (strncmp(d, "---", 3) == 0 || strncmp(d, "+++", 3) == 0) {
            d += n;
            continue;
        }
        if (d[0] == '@') {
            assert_int_equal(sscanf(d, "@@ -%zu,%zu", &from, &count), 2);
            for (from += count == 0; line < from; line++) {
                len = strcspn(at, "\n") + 1;
                buf_put(out, at, len);
                at += len;
            }
        } else if (d[0] == '+') {
            buf_put(out, d + 1, n - 1);
        } else {
            assert_memory_equal(d + 1, at, n - 1);
            if (d[0] == ' ')
                buf_put(out, at, len);
            at += len;
            line++;
        }
        d += n;
    }
    buf_puts(out, at);
}

static void random_text(char *out, unsigned lines)
{
    *out = '\0';
    for (unsigned i = 0; i < lines; i++) {
        *out++ = (char)('a' + rand() % 5);
        *out++ = '\n';
    }
    *out = '\0';
}

static void patches(void **unused)
{
    AUTO_BUF struct buf diff = {0}, got = {0};
    char was[256], is[256];

    (void)unused;
    srand(7);
    for (unsigned i = 0; i < 20000; i++) {
        random_text(was, (unsigned)rand() % 24);
        random_text(is, (unsigned)rand() % 24);
        buf_clear(&diff);
        assert_int_equal(text_diff("a", was, "b", is, false, &diff), strcmp(was, is) != 0);
        patch(was, buf_str(&diff), &got);
        assert_string_equal(buf_str(&got), is);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact),
        cmocka_unit_test(hunks),
        cmocka_unit_test(patches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
