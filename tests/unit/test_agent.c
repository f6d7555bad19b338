/* The agent's memory: epochs that never go back, the key, the token, the log's records. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/enrol.h"
#include "agent/epochs.h"
#include "agent/file.h"
#include "agent/logs.h"
#include "agent/source.h"

static char folder[64];
static int folder_fd = -1;

static int setup(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/bailey-test-agent-XXXXXX");
    assert_non_null(mkdtemp(folder));
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder_fd < 0;
}

static int teardown(void **state)
{
    char command[128];

    (void)state;
    (void)close(folder_fd);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static bool admit(struct epochs *p, const char *uid, uint64_t controller, uint64_t policy,
                  uint64_t epoch, struct err *e)
{
    Bailey__V1__StartKeep s = BAILEY__V1__START_KEEP__INIT;

    s.keep_uid = (char *)(uintptr_t)uid;
    s.namespace_ = (char[]){"finance"}, s.workload = (char[]){"payroll"}, s.replica = 2;
    s.controller_epoch = controller, s.policy_revision = policy, s.epoch = epoch;
    return epochs_admit(p, &s, e);
}

#define UID_A "11111111-1111-4111-8111-111111111111"
#define UID_B "22222222-2222-4222-8222-222222222222"

static void test_epochs_never_go_back(void **state)
{
    struct epochs p;
    struct err e = {0};

    (void)state;
    assert_true(epochs_load(&p, folder_fd, &e));
    assert_true(admit(&p, UID_A, 3, 7, 5, &e));
    assert_true(admit(&p, UID_A, 3, 7, 5, &e)); /* the same again */
    assert_false(admit(&p, UID_B, 3, 7, 5, &e));
    assert_string_equal(e.reason, "epoch.keep-stale");
    assert_false(admit(&p, UID_B, 3, 7, 4, &e));
    assert_string_equal(e.reason, "epoch.keep-stale");
    assert_false(admit(&p, UID_B, 2, 7, 6, &e));
    assert_string_equal(e.reason, "epoch.controller-stale");
    assert_false(admit(&p, UID_B, 3, 6, 6, &e));
    assert_string_equal(e.reason, "epoch.policy-stale");
    assert_true(epochs_policy(&p, 9, &e));
    assert_true(epochs_policy(&p, 8, &e)); /* seen, and lower: nothing */
    epochs_fini(&p);
    assert_true(epochs_load(&p, folder_fd, &e)); /* the same after a restart */
    assert_int_equal(p.controller, 3);
    assert_int_equal(p.policy, 9);
    assert_false(admit(&p, UID_B, 3, 8, 6, &e));
    assert_string_equal(e.reason, "epoch.policy-stale");
    assert_false(admit(&p, UID_B, 3, 9, 5, &e));
    assert_true(admit(&p, UID_B, 4, 9, 6, &e));
    assert_false(epochs_controller(&p, 3, &e));
    epochs_fini(&p);
    assert_int_equal(unlinkat(folder_fd, "epochs", 0), 0);
}

static off_t journal_size(void)
{
    struct stat st;

    assert_int_equal(fstatat(folder_fd, "epochs", &st, 0), 0);
    return st.st_size;
}

/* A power cut in the middle of the last append, which nobody was told of: at every byte of it the
 * earlier lines count, and the journal can be written on. One bit inside is not forgiven. */
static void test_torn_epochs(void **state)
{
    AUTO_BUF struct buf whole = {0};
    struct epochs p;
    struct err e = {0};
    off_t before;

    (void)state;
    assert_true(epochs_load(&p, folder_fd, &e));
    assert_true(admit(&p, UID_A, 3, 7, 5, &e));
    before = journal_size();
    assert_true(admit(&p, UID_B, 3, 7, 6, &e));
    epochs_fini(&p);
    assert_true(file_read(folder_fd, "epochs", &whole, &e));
    assert_true((size_t)before < whole.n);
    for (size_t n = (size_t)before + 1; n < whole.n; n++) {
        assert_true(file_write(folder_fd, "epochs", (struct bytes){whole.p, n}, 0600, &e));
        assert_true(epochs_load(&p, folder_fd, &e));
        assert_false(admit(&p, UID_B, 3, 7, 5, &e));
        assert_true(admit(&p, UID_B, 3, 7, 6, &e));
        epochs_fini(&p);
        assert_true(epochs_load(&p, folder_fd, &e));
        assert_false(admit(&p, UID_A, 3, 7, 6, &e));
        epochs_fini(&p);
    }
    for (size_t i = 0; i < whole.n; i++) {
        whole.p[i] ^= 1;
        assert_true(file_write(folder_fd, "epochs", buf_bytes(&whole), 0600, &e));
        assert_true(!epochs_load(&p, folder_fd, &e) || i + 1 == whole.n);
        epochs_fini(&p);
        whole.p[i] ^= 1;
    }
    assert_int_equal(unlinkat(folder_fd, "epochs", 0), 0);
}

/* Thousands of changes leave a short file. */
static void test_epochs_stay_short(void **state)
{
    struct epochs p;
    struct err e = {0};

    (void)state;
    assert_true(epochs_load(&p, folder_fd, &e));
    for (uint64_t i = 1; i <= 500; i++)
        assert_true(admit(&p, UID_A, 3, 7, i, &e));
    epochs_fini(&p);
    assert_in_range(journal_size(), 100, 20000);
    assert_true(epochs_load(&p, folder_fd, &e));
    assert_false(admit(&p, UID_B, 3, 7, 500, &e));
    epochs_fini(&p);
    assert_int_equal(unlinkat(folder_fd, "epochs", 0), 0);
}

static void test_damaged_epochs_are_an_error(void **state)
{
    static const char *const bad[] = {"controller x\n", "nonsense\n", "keep 1 a\n", "policy\n",
                                      "controller 1\nkeep -1 a b\n"};
    struct epochs p;
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(file_write(folder_fd, "epochs", bytes_str(bad[i]), 0600, &e));
        assert_false(epochs_load(&p, folder_fd, &e));
        assert_string_equal(e.reason, "epochs.damaged");
        epochs_fini(&p);
    }
    assert_int_equal(unlinkat(folder_fd, "epochs", 0), 0);
}

static void test_identity_is_made_once(void **state)
{
    struct identity one, two;
    struct stat st;
    struct err e = {0};

    (void)state;
    assert_true(identity_open(&one, folder_fd, "n1", &e));
    assert_true(identity_open(&two, folder_fd, "n1", &e));
    assert_true(bytes_equal(buf_bytes(&one.spki), buf_bytes(&two.spki)));
    assert_true(one.csr.n > 0 && one.not_after_s == 0);
    assert_int_equal(fstatat(folder_fd, IDENTITY_KEY, &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_false(identity_store(&one, "no certificate", "", &e));
    identity_fini(&one);
    identity_fini(&two);
}

static void test_token_pin(void **state)
{
    static const char good[] = "b1.VhRkkZIb7ihOTJ1kAfvc6tLP9EiJ9ju7H1Q96cvvi4Y."
                               "d38e350d287a0615fa0496a8e20b4ff35e5df7940762d616d900868deee734d7";
    uint8_t pin[ENROL_PIN];
    char cut[sizeof good];

    (void)state;
    assert_true(enrol_pin(good, pin, NULL));
    assert_int_equal(pin[0], 0xd3);
    for (size_t n = 0; n < sizeof good - 1; n++) {
        memcpy(cut, good, n);
        cut[n] = '\0';
        assert_false(enrol_pin(cut, pin, NULL));
    }
    memcpy(cut, good, sizeof cut);
    cut[60] = 'x';
    assert_false(enrol_pin(cut, pin, NULL));
}

static void evidence_of(const char *text, const char *node, struct source_evidence *out)
{
    static const uint8_t report_data[SOURCE_REPORT_DATA] = {7};
    const struct source_options o = {.simulate = text, .node = node};
    struct source source;
    struct err e = {0};

    if (!source_open(&source_sim, &o, &source, &e) ||
        !source.kind->collect(&source, report_data, out, &e))
        fail_msg("%s", e.msg);
}

/* The chip id of an SNP report: 64 bytes at 1A0h (AMD 56860, table 23). */
static const uint8_t *chip(const struct source_evidence *v)
{
    assert_true(v->evidence.n >= 0x1a0 + 64);
    return v->evidence.p + 0x1a0;
}

static void test_a_simulated_node_is_its_own_chip(void **state)
{
    static const char milan[] = "vendor=amd,generation=milan";
    static const char fixed[] = "vendor=amd,generation=milan,chip=7";
    struct source_evidence a = {0}, b = {0}, again = {0}, c = {0}, d = {0};

    (void)state;
    evidence_of(milan, "n1", &a);
    evidence_of(milan, "n2", &b);
    evidence_of(milan, "n1", &again);
    evidence_of(fixed, "n1", &c);
    evidence_of(fixed, "n2", &d);
    assert_memory_not_equal(chip(&a), chip(&b), 64);
    assert_memory_equal(chip(&a), chip(&again), 64);
    assert_memory_equal(chip(&c), chip(&d), 64);
    assert_memory_not_equal(chip(&a), chip(&c), 64);
    source_evidence_fini(&a), source_evidence_fini(&b), source_evidence_fini(&again);
    source_evidence_fini(&c), source_evidence_fini(&d);
}

static void test_log_records(void **state)
{
    const struct bytes b = BYTES_LIT("1 o a\n2 e b\n3 o c\n");
    struct bytes text;
    int64_t ms;
    bool error;

    (void)state;
    assert_true(log_record_parse(BYTES_LIT("1732390000123 e hello \xff\n"), &ms, &error, &text));
    assert_true(error && ms == 1732390000123 && bytes_equal(text, BYTES_LIT("hello \xff\n")));
    assert_true(log_record_parse(BYTES_LIT("1 o "), &ms, &error, &text) && text.n == 0);
    assert_false(log_record_parse(BYTES_LIT(""), &ms, &error, &text));
    assert_false(log_record_parse(BYTES_LIT("12"), &ms, &error, &text));
    assert_false(log_record_parse(BYTES_LIT("12 x y"), &ms, &error, &text));
    assert_false(log_record_parse(BYTES_LIT("1234567890123456 o y"), &ms, &error, &text));
    assert_int_equal(log_tail(b, 0), 0);
    assert_int_equal(log_tail(b, 1), 12);
    assert_int_equal(log_tail(b, 2), 6);
    assert_int_equal(log_tail(b, 3), 0);
    assert_int_equal(log_tail(b, 99), 0);
    assert_int_equal(log_tail(BYTES_LIT(""), 5), 0);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_epochs_never_go_back),
        cmocka_unit_test(test_damaged_epochs_are_an_error),
        cmocka_unit_test(test_torn_epochs),
        cmocka_unit_test(test_epochs_stay_short),
        cmocka_unit_test(test_identity_is_made_once),
        cmocka_unit_test(test_token_pin),
        cmocka_unit_test(test_a_simulated_node_is_its_own_chip),
        cmocka_unit_test(test_log_records),
    };

    return cmocka_run_group_tests(all, setup, teardown);
}
