/* The probe guest's protocol and command lines; Intel's libraries, played; jobs on a loop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/probe_wire.h"
#include "agent/source_job.h"
#include "agent/source_probe.h"
#include "tests/lib/unit.h"

static void test_question(void **state)
{
    struct probe_question q = {.privlevel = -1}, got;
    AUTO_BUF struct buf b = {0};

    (void)state;
    for (unsigned i = 0; i < 64; i++)
        q.report_data[i] = (uint8_t)i;
    probe_question_put(&q, &b);
    assert_int_equal(b.n, PROBE_QUESTION);
    assert_memory_equal(b.p, "BAILEYQ1\0\1\2", 11);
    assert_int_equal(b.p[72], 0xff);
    assert_true(probe_question_parse(buf_bytes(&b), &got, NULL));
    assert_memory_equal(&got, &q, sizeof q);
    for (size_t n = 0; n < b.n; n++)
        assert_false(probe_question_parse((struct bytes){b.p, n}, &got, NULL));
    b.p[72] = 4;
    assert_false(probe_question_parse(buf_bytes(&b), &got, NULL));
    b.p[72] = 3, b.p[79] = 1;
    assert_false(probe_question_parse(buf_bytes(&b), &got, NULL));
    b.p[79] = 0;
    assert_true(probe_question_parse(buf_bytes(&b), &got, NULL) && got.privlevel == 3);
    b.p[0] = 'b';
    assert_false(probe_question_parse(buf_bytes(&b), &got, NULL));
}

static void sample(struct buf *out)
{
    AUTO_SOURCE_EVIDENCE struct source_evidence s = {0};

    buf_puts(&s.evidence, "report");
    buf_puts(source_evidence_file(&s, "auxblob"), "table");
    buf_puts(source_evidence_file(&s, "empty"), "");
    probe_answer_put("configfs-tsm (sev_guest)", &s, NULL, out);
}

static void test_answer(void **state)
{
    AUTO_SOURCE_EVIDENCE struct source_evidence got = {0};
    AUTO_BUF struct buf b = {0};
    char source[64];
    size_t size;

    (void)state;
    sample(&b);
    assert_true(probe_answer_size(b.p, &size, NULL) && size == b.n);
    assert_true(probe_answer_parse(buf_bytes(&b), source, &got, NULL));
    assert_string_equal(source, "configfs-tsm (sev_guest)");
    assert_memory_equal(got.evidence.p, "report", 6);
    assert_int_equal(got.files_n, 2);
    assert_string_equal(got.files[0].name, "auxblob");
    assert_memory_equal(got.files[0].bytes.p, "table", 5);
    assert_int_equal(got.files[1].bytes.n, 0);
}

/* A guest is not trusted with the host's memory: cut short, and with every byte changed. */
static void test_answer_damaged(void **state)
{
    AUTO_BUF struct buf b = {0};
    struct err e = {0};
    char source[64];
    size_t size;

    (void)state;
    sample(&b);
    for (size_t n = 0; n < b.n; n++) {
        AUTO_SOURCE_EVIDENCE struct source_evidence got = {0};

        assert_false(probe_answer_parse((struct bytes){b.p, n}, source, &got, &e));
        assert_string_equal(e.reason, "probe.answer");
    }
    for (size_t i = 0; i < b.n; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            AUTO_SOURCE_EVIDENCE struct source_evidence got = {0};

            b.p[i] ^= (uint8_t)(1u << bit);
            if (!probe_answer_parse(buf_bytes(&b), source, &got, &e))
                assert_int_equal(got.evidence.n, 0);
            b.p[i] ^= (uint8_t)(1u << bit);
        }
    memcpy(b.p + 8, "\xff\xff\xff\xff", 4);
    assert_false(probe_answer_size(b.p, &size, &e));
}

static void test_refusal(void **state)
{
    AUTO_SOURCE_EVIDENCE struct source_evidence got = {0};
    AUTO_BUF struct buf b = {0};
    struct err e = {0}, why = {0};
    char source[64];

    (void)state;
    err_set(&why, ERR_MISSING, "source.absent", "no folder\n here");
    probe_answer_put("", NULL, &why, &b);
    assert_false(probe_answer_parse(buf_bytes(&b), source, &got, &e));
    assert_string_equal(e.reason, "probe.refused");
    assert_non_null(strstr(e.msg, "no folder\\x0a here"));
}

static void test_command_lines(void **state)
{
    static const char common[] =
        " -m 256M -kernel K -initrd I -append console=ttyS0 quiet panic=-1"
        " no_timer_check a=b -chardev socket,id=probe,fd=3 -device virtio-serial-pci"
        " -device virtserialport,chardev=probe,name=org.bailey.probe"
        " -monitor none -serial none";
    static const struct {
        const char *machine, *begin;
    } rows[] = {
        {"plain", "Q -nodefaults -no-user-config -nographic -no-reboot"
                  " -machine q35 -accel tcg -cpu max"},
        {"tdx", "Q -nodefaults -no-user-config -nographic -no-reboot -machine q35,kernel-irqchip="
                "split,confidential-guest-support=tee,memory-backend=ram -cpu host -accel kvm"
                " -object memory-backend-memfd,id=ram,size=256M,share=on"
                " -object tdx-guest,id=tee -bios F"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct source_options o = {.probe_kernel = "K",
                                         .probe_initrd = "I",
                                         .probe_qemu = "Q",
                                         .probe_append = "a=b",
                                         .probe_firmware = "F",
                                         .probe_machine = rows[i].machine};
        AUTO_BUF struct buf b = {0};
        struct probe_command c;

        probe_command(&o, &c);
        for (unsigned k = 0; k < c.n; k++)
            buf_printf(&b, "%s%s", k == 0 ? "" : " ", c.argument[k]);
        assert_int_equal(strncmp(buf_str(&b), rows[i].begin, strlen(rows[i].begin)), 0);
        assert_string_equal(buf_str(&b) + strlen(rows[i].begin), common);
    }
    {
        const struct source_options o = {
            .probe_kernel = "K", .probe_initrd = "I", .probe_machine = "snp"};
        struct probe_command c;
        unsigned cbit = 0, reduced = 0;

        probe_command(&o, &c);
        assert_int_equal(
            sscanf(c.tee, "sev-snp-guest,id=tee,cbitpos=%u,reduced-phys-bits=%u", &cbit, &reduced),
            2);
        assert_true(cbit < 64 && reduced < 64 && strstr(c.tee, "kernel-hashes=on") != NULL);
    }
}

/* A guest that ends without a word, and one that says something else. */
static void test_wrong_guests(void **state)
{
    static const struct {
        const char *qemu, *reason;
    } rows[] = {
        {"/bin/true", "probe.ended"},
        {"/nothing/qemu", "probe.not-started"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct source_options o = {.probe_kernel = "/dev/null",
                                         .probe_initrd = "/dev/null",
                                         .probe_qemu = rows[i].qemu,
                                         .probe_machine = "plain"};
        struct source s;
        struct err e = {0};

        assert_false(source_open(&source_probe, &o, &s, &e));
        assert_string_equal(e.reason, rows[i].reason);
    }
}

static char folder[] = "/tmp/bailey-test-source-XXXXXX";

static void put(const char *name, const char *text)
{
    char path[128];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "we");
    assert_non_null(f);
    (void)fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void test_dcap(void **state)
{
    const uint8_t data[SOURCE_REPORT_DATA] = {'d', 'a', 't', 'a'};
    struct source_options o = {
        .dcap_tdx = getenv("DCAP_LIBRARY"), .dcap_sgx = "/nothing.so", .dcap_files = folder};
    AUTO_SOURCE_EVIDENCE struct source_evidence got = {0}, sgx = {0};
    char report[433];
    struct source s;
    struct err e = {0};

    (void)state;
    assert_non_null(o.dcap_tdx);
    if (!source_open(&source_dcap, &o, &s, &e) || !s.kind->collect(&s, data, &got, &e))
        fail_msg("%s", e.msg);
    assert_string_equal(s.name, "dcap (tdx)");
    assert_int_equal(got.evidence.n, 66);
    assert_memory_equal(got.evidence.p, "<data\0", 6);
    (void)setenv("DCAP_PLAYED", "9", 1);
    assert_false(s.kind->collect(&s, data, &sgx, &e));
    assert_true(source_again(&e));
    (void)setenv("DCAP_PLAYED", "7", 1);
    assert_false(s.kind->collect(&s, data, &sgx, &e));
    assert_string_equal(e.reason, "dcap.refused");
    (void)unsetenv("DCAP_PLAYED");

    o.dcap_sgx = o.dcap_tdx, o.dcap_tdx = "/nothing.so";
    assert_false(source_open(&source_dcap, &o, &s, &e)); /* no enclave around us */
    assert_string_equal(e.reason, "dcap.files");
    memset(report, 'r', 432);
    report[432] = '\0';
    put("target_info", ""), put("user_report_data", ""), put("report", report);
    if (!source_open(&source_dcap, &o, &s, &e) || !s.kind->collect(&s, data, &sgx, &e))
        fail_msg("%s", e.msg);
    assert_string_equal(s.name, "dcap (sgx)");
    assert_int_equal(sgx.evidence.n, 434);
    assert_memory_equal(sgx.evidence.p, "<rr", 3);

    o.dcap_sgx = "/nothing.so";
    assert_false(source_open(&source_dcap, &o, &s, &e));
    assert_string_equal(e.reason, "source.absent");
}

/* A source that fails some times, and one that waits until it is let go. */
static unsigned failures_left, answers, tries;
static enum err_code failure;
static struct err answered;
static uv_sem_t hold;
static bool holds;

static bool play_collect(const struct source *s, const uint8_t report_data[SOURCE_REPORT_DATA],
                         struct source_evidence *out, struct err *e)
{
    (void)s;
    tries++;
    if (holds)
        uv_sem_wait(&hold);
    if (failures_left > 0) {
        failures_left--;
        return err_set(e, failure, "played", "played");
    }
    buf_put(&out->evidence, report_data, SOURCE_REPORT_DATA);
    return true;
}

static const struct source_kind played = {"played", "played", NULL, play_collect};

static void on_done(void *user, const struct source_evidence *evidence, const struct err *e)
{
    uint8_t *first = user;

    answers++;
    answered = evidence == NULL ? *e : (struct err){0};
    *first = evidence == NULL ? 0 : evidence->evidence.p[0];
}

static void test_jobs(void **state)
{
    const uint8_t one[SOURCE_REPORT_DATA] = {1}, two[SOURCE_REPORT_DATA] = {2};
    const struct source s = {.kind = &played};
    struct source_job j;
    uint8_t first = 0;
    uv_loop_t uv;

    (void)state;
    assert_int_equal(uv_loop_init(&uv), 0);
    assert_int_equal(uv_sem_init(&hold, 0), 0);
    source_job_init(&j, &uv, &s, on_done, &first);

    failures_left = 3, failure = ERR_UNAVAIL; /* passes */
    source_job_ask(&j, one, 60000);
    (void)uv_run(&uv, UV_RUN_DEFAULT);
    assert_true(answers == 1 && tries == 4 && first == 1);

    failures_left = 1, failure = ERR_IO; /* does not */
    source_job_ask(&j, one, 60000);
    (void)uv_run(&uv, UV_RUN_DEFAULT);
    assert_true(answers == 2 && tries == 5);
    assert_string_equal(answered.reason, "played");

    failures_left = 1u << 20, failure = ERR_CONFLICT; /* never passes */
    source_job_ask(&j, one, 200);
    (void)uv_run(&uv, UV_RUN_DEFAULT);
    assert_true(answers == 3);
    assert_string_equal(answered.reason, "source.timeout");
    failures_left = 0;

    holds = true; /* a newer question takes the place of one that a thread is busy with */
    source_job_ask(&j, one, 60000);
    source_job_ask(&j, two, 60000);
    uv_sem_post(&hold), uv_sem_post(&hold);
    (void)uv_run(&uv, UV_RUN_DEFAULT);
    assert_true(answers == 4 && first == 2);

    source_job_ask(&j, one, 1); /* firmware holds the thread; the answer comes without it */
    (void)uv_run(&uv, UV_RUN_ONCE);
    while (answers == 4)
        (void)uv_run(&uv, UV_RUN_ONCE);
    assert_string_equal(answered.reason, "source.timeout");
    source_job_ask(&j, two, 60000); /* begins when it is back */
    uv_sem_post(&hold), uv_sem_post(&hold);
    (void)uv_run(&uv, UV_RUN_DEFAULT);
    assert_true(answers == 6 && first == 2);

    source_job_ask(&j, one, 60000); /* the agent ends meanwhile */
    source_job_close(&j);
    uv_sem_post(&hold);
    (void)uv_run(&uv, UV_RUN_DEFAULT);
    assert_int_equal(answers, 6);
    assert_int_equal(uv_loop_close(&uv), 0);
    uv_sem_destroy(&hold);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_question),       cmocka_unit_test(test_answer),
        cmocka_unit_test(test_answer_damaged), cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_command_lines),  cmocka_unit_test(test_wrong_guests),
        cmocka_unit_test(test_dcap),           cmocka_unit_test(test_jobs),
    };
    static const char *const files[] = {"target_info", "user_report_data", "report"};
    char path[128];
    int failed;

    if (mkdtemp(folder) == NULL)
        return 1;
    failed = cmocka_run_group_tests(all, NULL, NULL);
    for (size_t i = 0; i < COUNT(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(folder);
    return failed;
}
