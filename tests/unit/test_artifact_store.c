/* Room for artifacts: who goes first, who never goes, and which bytes are believed. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/artifact_store.h"
#include "agent/file.h"

static char dir[64];
static const char *held = ""; /* a file that a keep needs */

static bool needed(void *user, const char *name)
{
    (void)user;
    return strcmp(name, held) == 0;
}

static void begin(struct artifact_store *s, uint64_t quota)
{
    char command[128];

    (void)snprintf(dir, sizeof dir, "/tmp/bailey-store-%d", (int)getpid());
    (void)snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
    *s = (struct artifact_store){.quota = quota, .needed = needed};
    assert_true(file_dir(AT_FDCWD, dir, &s->dir_fd, NULL));
    held = "";
}

static void end(struct artifact_store *s)
{
    char command[128];

    vec_fini(&s->known);
    (void)close(s->dir_fd);
    (void)snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

/* A file of 64 KiB. */
static void put(struct artifact_store *s, const char *name, bool used)
{
    static uint8_t bytes[65536];
    struct stat st;

    memset(bytes, name[strlen(name) - 1], sizeof bytes);
    assert_true(file_write(s->dir_fd, name, BYTES_OF(bytes), 0600, NULL));
    assert_int_equal(fstatat(s->dir_fd, name, &st, 0), 0);
    if (used)
        artifact_store_add(s, name, &st);
}

static bool there(const struct artifact_store *s, const char *name)
{
    return faccessat(s->dir_fd, name, F_OK, 0) == 0;
}

static void test_least_recently_used_goes(void **state)
{
    struct artifact_store s;
    struct stat st;
    struct err e = {0};

    (void)state;
    begin(&s, 3 * 65536);
    put(&s, "sha256-a", true), put(&s, "sha256-b", true), put(&s, "sha256-c", true);
    assert_int_equal(fstatat(s.dir_fd, "sha256-a", &st, 0), 0);
    assert_true(artifact_store_fresh(&s, "sha256-a", &st)); /* used again: b is the oldest now */
    assert_true(artifact_store_room(&s, 0, &e));
    assert_true(there(&s, "sha256-b"));
    assert_true(artifact_store_room(&s, 65536, &e));
    assert_false(there(&s, "sha256-b"));
    assert_true(there(&s, "sha256-a") && there(&s, "sha256-c"));
    end(&s);
}

static void test_what_nobody_used_goes_first(void **state)
{
    struct artifact_store s;

    (void)state;
    begin(&s, 3 * 65536);
    put(&s, "sha256-a", true), put(&s, "sha256-b", true), put(&s, ".part-c", false);
    assert_true(artifact_store_room(&s, 1, NULL));
    assert_false(there(&s, ".part-c"));
    assert_true(there(&s, "sha256-a") && there(&s, "sha256-b"));
    end(&s);
}

static void test_what_is_needed_stays(void **state)
{
    struct artifact_store s;
    struct err e = {0};

    (void)state;
    begin(&s, 2 * 65536);
    put(&s, "sha256-a", true), put(&s, "sha256-b", true), put(&s, "other", false);
    held = "sha256-a";
    assert_false(artifact_store_room(&s, 2 * 65536, &e));
    assert_string_equal(e.reason, "artifact.quota");
    assert_true(there(&s, "sha256-a") && there(&s, "other")); /* it is not ours */
    assert_false(there(&s, "sha256-b"));
    end(&s);
}

static void test_no_quota(void **state)
{
    struct artifact_store s;

    (void)state;
    begin(&s, 0);
    put(&s, "sha256-a", false);
    assert_true(artifact_store_room(&s, UINT64_MAX, NULL));
    assert_true(there(&s, "sha256-a"));
    end(&s);
}

static void test_a_changed_file_is_not_believed(void **state)
{
    struct artifact_store s;
    struct stat st;
    char hex[65];
    int fd;

    (void)state;
    begin(&s, 0);
    put(&s, "sha256-a", true);
    assert_int_equal(fstatat(s.dir_fd, "sha256-a", &st, 0), 0);
    assert_true(artifact_store_fresh(&s, "sha256-a", &st));
    assert_false(artifact_store_fresh(&s, "sha256-b", &st));
    put(&s, "sha256-a", false); /* the same bytes, but another file */
    assert_int_equal(fstatat(s.dir_fd, "sha256-a", &st, 0), 0);
    assert_false(artifact_store_fresh(&s, "sha256-a", &st));
    assert_true(file_write(s.dir_fd, "abc", bytes_str("abc"), 0600, NULL));
    fd = openat(s.dir_fd, "abc", O_RDONLY | O_CLOEXEC);
    assert_true(artifact_hash(fd, hex)); /* FIPS 180-2, B.1 */
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    (void)close(fd);
    assert_false(artifact_hash(-1, hex));
    end(&s);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_least_recently_used_goes),
        cmocka_unit_test(test_what_nobody_used_goes_first),
        cmocka_unit_test(test_what_is_needed_stays),
        cmocka_unit_test(test_no_quota),
        cmocka_unit_test(test_a_changed_file_is_not_believed),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
