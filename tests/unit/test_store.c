/* What every store must do, run against the interface; and that what it called durable survives a
 * process that is killed. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "controller/store.h"

static char dir[64], path[96];
static uv_loop_t loop;
static unsigned done_n, done_order[64];

static void on_done(void *data)
{
    done_order[done_n++ % 64] = *(unsigned *)data;
}

static struct store *open_store(void)
{
    struct store *s = NULL;
    struct err e = {0};

    if (!store_open_sqlite(&loop, path, &s, &e))
        fail_msg("%s", e.msg);
    return s;
}

static void close_store(struct store *s)
{
    store_close(s);
    uv_run(&loop, UV_RUN_DEFAULT);
}

static void put(struct store *s, const char *key, const char *value, unsigned *number)
{
    struct store_batch *b = store_batch_new();

    assert_true(store_batch_put(b, bytes_str(key), bytes_str(value)));
    store_commit(s, b, number == NULL ? NULL : on_done, number);
}

static bool collect(void *data, struct bytes key, struct bytes value, struct err *e)
{
    char *out = data;

    (void)e;
    snprintf(out + strlen(out), 256 - strlen(out), "%.*s=%.*s ", (int)key.n, (const char *)key.p,
             (int)value.n, (const char *)value.p);
    return true;
}

static bool stop_early(void *data, struct bytes key, struct bytes value, struct err *e)
{
    (void)key;
    (void)value;
    ++*(unsigned *)data;
    return err_set(e, ERR_INPUT, "test.stop", "enough");
}

static void wait_for(unsigned n)
{
    while (done_n < n)
        uv_run(&loop, UV_RUN_ONCE);
}

static void test_batches_in_order(void **unused)
{
    struct store *s = open_store();
    unsigned numbers[20];
    char got[256] = "";

    (void)unused;
    done_n = 0;
    for (unsigned i = 0; i < 20; i++) {
        char value[8];

        numbers[i] = i;
        snprintf(value, sizeof value, "%u", i);
        put(s, "order/a", value, &numbers[i]);
    }
    assert_int_equal(done_n, 0); /* never from within commit */
    wait_for(20);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(done_order[i], i);
    assert_true(store_each(s, bytes_str("order/"), collect, got, NULL));
    assert_string_equal(got, "order/a=19 ");
    close_store(s);
}

static void test_prefix_and_delete(void **unused)
{
    struct store *s = open_store();
    struct store_batch *b = store_batch_new();
    char got[256] = "";
    unsigned one = 1, calls = 0;
    struct err e = {0};

    (void)unused;
    done_n = 0;
    assert_true(store_batch_put(b, bytes_str("p/b"), bytes_str("2")));
    assert_true(store_batch_put(b, bytes_str("p/a"), bytes_str("1")));
    assert_true(store_batch_put(b, bytes_str("p/c"), bytes_str("")));
    assert_true(store_batch_put(b, bytes_str("p/d"), bytes_str("x")));
    assert_true(store_batch_delete(b, bytes_str("p/d")));
    assert_true(store_batch_put(b, bytes_str("q/a"), bytes_str("9")));
    assert_int_equal(store_batch_count(b), 6);
    store_commit(s, b, on_done, &one);
    wait_for(1);
    assert_true(store_each(s, bytes_str("p/"), collect, got, NULL));
    assert_string_equal(got, "p/a=1 p/b=2 p/c= ");
    assert_false(store_each(s, bytes_str("p/"), stop_early, &calls, &e));
    assert_string_equal(e.reason, "test.stop");
    assert_int_equal(calls, 1);
    got[0] = '\0';
    assert_true(store_each(s, bytes_str("none/"), collect, got, NULL));
    assert_string_equal(got, "");
    close_store(s);
}

static void test_close_is_durable(void **unused)
{
    struct store *s = open_store();
    char got[256] = "";
    unsigned one = 1;

    (void)unused;
    done_n = 0;
    put(s, "close/a", "1", &one);
    close_store(s);
    assert_int_equal(done_n, 1);
    s = open_store();
    assert_true(store_each(s, bytes_str("close/"), collect, got, NULL));
    assert_string_equal(got, "close/a=1 ");
    close_store(s);
}

static int report_fd;

static void on_child_done(void *data)
{
    uint32_t number = *(uint32_t *)data;

    if (write(report_fd, &number, sizeof number) != sizeof number)
        _exit(1);
    free(data);
}

/* Commits for ever, each batch two records that belong together, and says what is durable. */
static void child(void)
{
    struct store *s;

    uv_loop_init(&loop);
    s = open_store();
    for (uint32_t i = 1;; i++) {
        struct store_batch *b = store_batch_new();
        uint32_t *number = malloc(sizeof *number);
        char value[16];

        *number = i;
        snprintf(value, sizeof value, "%u", i);
        if (!store_batch_put(b, bytes_str("kill/a"), bytes_str(value)) ||
            !store_batch_put(b, bytes_str("kill/b"), bytes_str(value)))
            _exit(1);
        store_commit(s, b, on_child_done, number);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
}

static void kill_once(unsigned after_us)
{
    int fds[2];
    pid_t pid;
    uint32_t acknowledged = 0, number;
    unsigned a = 0, b = 0;
    char got[256] = "";
    struct store *s;

    assert_int_equal(pipe(fds), 0);
    pid = fork();
    if (pid == 0) {
        report_fd = fds[1];
        close(fds[0]);
        child();
    }
    close(fds[1]);
    usleep(after_us);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    while (read(fds[0], &number, sizeof number) == sizeof number)
        acknowledged = number;
    close(fds[0]);
    s = open_store();
    assert_true(store_each(s, bytes_str("kill/"), collect, got, NULL));
    close_store(s);
    if (acknowledged == 0)
        return; /* killed before the first commit */
    assert_int_equal(sscanf(got, "kill/a=%u kill/b=%u", &a, &b), 2);
    assert_int_equal(a, b);
    assert_true(a >= acknowledged);
}

static void test_kill(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i < 8; i++)
        kill_once(20000 + i * 23000);
}

static void test_not_a_store(void **unused)
{
    char other[96];
    struct store *s = NULL;
    struct err e = {0};
    FILE *f;

    (void)unused;
    snprintf(other, sizeof other, "%s/other", dir);
    f = fopen(other, "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database. ", f);
    fclose(f);
    assert_false(store_open_sqlite(&loop, other, &s, &e));
    assert_string_equal(e.reason, "store.format");
    assert_null(s);
}

static int setup(void **unused)
{
    (void)unused;
    snprintf(dir, sizeof dir, "/tmp/bailey-store-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/store.db", dir);
    return uv_loop_init(&loop);
}

static int teardown(void **unused)
{
    char command[128];

    (void)unused;
    assert_int_equal(uv_loop_close(&loop), 0);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_in_order),
        cmocka_unit_test(test_prefix_and_delete),
        cmocka_unit_test(test_close_is_durable),
        cmocka_unit_test(test_not_a_store),
        cmocka_unit_test(test_kill),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
