/* Reports by ioctl: the bytes that /dev/sev-guest and /dev/nsm are given, and what is made of every
 * answer. The kernel is played by a function that reads what it is pointed at. */
#include <errno.h>
#include <string.h>

#include "agent/source.h"
#include "agent/source_nitro.h"
#include "tests/lib/unit.h"

#define SNP_GET_REPORT 0xc0205300ul     /* linux/sev-guest.h */
#define SNP_GET_EXT_REPORT 0xc0205302ul /* as compiled from it */
#define NSM_IOCTL_RAW 0xc0200a00ul      /* linux/nsm.h */

static uint8_t data[SOURCE_REPORT_DATA];

/* What the played kernel does, and what it saw. */
static struct {
    int errors[4];      /* errno of each call; 0: it answers */
    uint64_t exits[4];  /* exit_info of each call */
    uint32_t status;    /* MSG_REPORT_RSP's */
    uint32_t size;      /* of the report, as it says */
    uint8_t table[512]; /* certificates */
    size_t table_n;
    unsigned long requests[4];
    uint32_t vmpl;
    unsigned calls;
    struct buf nsm; /* answer */
    uint64_t nsm_size;
    struct buf nsm_request;
} kernel;

static void play(void)
{
    buf_fini(&kernel.nsm), buf_fini(&kernel.nsm_request);
    memset(&kernel, 0, sizeof kernel);
    kernel.size = 1184;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i + 1);
}

static uint64_t word(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;

    while (n-- > 0)
        v = v << 8 | p[n];
    return v;
}

/* By offsets, as a C compiler lays out the kernel's structures on every 64-bit machine. */
static int sev(int fd, unsigned long request, void *argument)
{
    uint8_t *g = argument;
    const uint8_t *in = (const uint8_t *)(uintptr_t)word(g + 8, 8);
    uint8_t *out = (uint8_t *)(uintptr_t)word(g + 16, 8);
    unsigned i = kernel.calls++;

    assert_true(fd >= 0 && i < 4);
    assert_int_equal(g[0], 1);
    kernel.requests[i] = request;
    kernel.vmpl = (uint32_t)word(in + 64, 4);
    assert_memory_equal(in, data, 64);
    memcpy(g + 24, &kernel.exits[i], 8);
    if (kernel.errors[i] != 0)
        return errno = kernel.errors[i], -1;
    memcpy(out, &kernel.status, 4);
    memcpy(out + 4, &kernel.size, 4);
    for (unsigned k = 0; k < 1184; k++)
        out[32 + k] = (uint8_t)k;
    if (request == SNP_GET_EXT_REPORT) {
        uint8_t *certificates = (uint8_t *)(uintptr_t)word(in + 96, 8);

        assert_int_equal(word(in + 104, 4), 0x4000);
        assert_int_equal((uintptr_t)certificates % 4096, 0);
        memcpy(certificates, kernel.table, kernel.table_n);
    }
    return 0;
}

static bool ask(const struct source_kind *kind, source_ioctl *call, int privlevel,
                struct source_evidence *out, struct err *e)
{
    struct source s = {.kind = kind,
                       .o = {.sev_device = "/dev/null",
                             .nsm_device = "/dev/null",
                             .privlevel = privlevel,
                             .ioctl = call}};

    *e = (struct err){0};
    return kind->collect(&s, data, out, e);
}

static void table_entry(unsigned i, uint8_t guid, uint32_t offset, uint32_t length)
{
    memset(kernel.table + 24 * (size_t)i, guid, 16);
    memcpy(kernel.table + 24 * (size_t)i + 16, &offset, 4);
    memcpy(kernel.table + 24 * (size_t)i + 20, &length, 4);
    memset(kernel.table + offset, 0xaa, length);
    kernel.table_n = offset + length;
}

static void test_sev_report_with_certificates(void **state)
{
    AUTO_SOURCE_EVIDENCE struct source_evidence got = {0};
    struct err e;

    (void)state;
    play();
    table_entry(0, 0x11, 72, 100);
    table_entry(1, 0x22, 172, 30);
    assert_true(ask(&source_sev_guest, sev, 3, &got, &e));
    assert_int_equal(kernel.calls, 1);
    assert_int_equal(kernel.requests[0], SNP_GET_EXT_REPORT);
    assert_int_equal(kernel.vmpl, 3);
    assert_int_equal(got.evidence.n, 1184);
    assert_int_equal(got.evidence.p[5], 5);
    assert_int_equal(got.files_n, 1);
    assert_string_equal(got.files[0].name, "auxblob");
    assert_int_equal(got.files[0].bytes.n, 202); /* without the page's rest */
    assert_memory_equal(got.files[0].bytes.p, kernel.table, 202);
}

static void test_sev_host_without_certificates(void **state)
{
    AUTO_SOURCE_EVIDENCE struct source_evidence got = {0}, plain = {0}, large = {0};
    struct err e;

    (void)state;
    play(); /* an empty table */
    assert_true(ask(&source_sev_guest, sev, -1, &got, &e));
    assert_int_equal(got.files_n, 0);
    assert_int_equal(kernel.vmpl, 0);
    play(); /* a host that does not know the request */
    kernel.errors[0] = EIO;
    assert_true(ask(&source_sev_guest, sev, -1, &plain, &e));
    assert_int_equal(kernel.calls, 2);
    assert_int_equal(kernel.requests[1], SNP_GET_REPORT);
    assert_int_equal(plain.evidence.n, 1184);
    assert_int_equal(plain.files_n, 0);
    play(); /* its table is larger than a guest may ask for */
    kernel.errors[0] = EIO;
    kernel.exits[0] = 1ull << 32;
    assert_true(ask(&source_sev_guest, sev, -1, &large, &e));
    assert_int_equal(large.files_n, 0);
}

static void test_sev_failures(void **state)
{
    AUTO_SOURCE_EVIDENCE struct source_evidence got = {0};
    static const struct {
        int error;
        uint64_t exit;
        uint32_t status, size;
        const char *reason;
        bool again;
    } rows[] = {
        {EIO, 2ull << 32, 0, 1184, "sev-guest.busy", true},
        {EAGAIN, 0, 0, 1184, "sev-guest.busy", true},
        {EINTR, 0, 0, 1184, "sev-guest.busy", true},
        {EIO, 0x16, 0, 1184, "sev-guest.refused", false}, /* INVALID_PARAM of the firmware */
        {0, 0, 0x16, 0, "sev-guest.refused", false},
        {0, 0, 0, 0, "sev-guest.response", false},
        {0, 0, 0, 4000, "sev-guest.response", false},
        {0, 0, 0, 0xffffffff, "sev-guest.response", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct err e;

        play();
        kernel.errors[0] = kernel.errors[1] = rows[i].error;
        kernel.exits[0] = kernel.exits[1] = rows[i].exit;
        kernel.status = rows[i].status;
        kernel.size = rows[i].size;
        assert_false(ask(&source_sev_guest, sev, -1, &got, &e));
        assert_string_equal(e.reason, rows[i].reason);
        assert_int_equal(source_again(&e), rows[i].again);
        assert_int_equal(got.evidence.n, 0);
    }
}

/* A table whose entries lie is carried whole: the verifier says what is wrong with it. */
static void test_sev_broken_table(void **state)
{
    AUTO_SOURCE_EVIDENCE struct source_evidence got = {0};
    uint32_t far = 0xfffffff0;
    struct err e;

    (void)state;
    play();
    table_entry(0, 0x11, 72, 100);
    memcpy(kernel.table + 16, &far, 4);
    assert_true(ask(&source_sev_guest, sev, -1, &got, &e));
    assert_int_equal(got.files_n, 1);
    assert_int_equal(got.files[0].bytes.n, 0x4000);
}

static void test_absent_devices_say_so(void **state)
{
    const struct source_options o = {
        .sev_device = "/nothing/sev", .nsm_device = "/nothing/nsm", .tsm_path = "/nothing/tsm"};
    const struct source_kind *kinds[] = {&source_sev_guest, &source_nitro, &source_tsm};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct source s;
        struct err e = {0};

        assert_false(source_open(kinds[i], &o, &s, &e));
        assert_string_equal(e.reason, "source.absent");
        assert_true(strstr(e.msg, "/nothing/") != NULL && e.mend[0] != '\0');
    }
}

static int nsm(int fd, unsigned long request, void *argument)
{
    uint8_t *m = argument;
    const uint8_t *in = (const uint8_t *)(uintptr_t)word(m, 8);
    uint8_t *out = (uint8_t *)(uintptr_t)word(m + 16, 8);
    uint64_t size = kernel.nsm_size != 0 ? kernel.nsm_size : kernel.nsm.n;

    assert_true(fd >= 0);
    assert_int_equal(request, NSM_IOCTL_RAW);
    assert_int_equal(word(m + 24, 8), 0x3000);
    buf_put(&kernel.nsm_request, in, (size_t)word(m + 8, 8));
    if (kernel.errors[kernel.calls] != 0)
        return errno = kernel.errors[kernel.calls++], -1;
    memcpy(out, kernel.nsm.p, kernel.nsm.n);
    memcpy(m + 24, &size, 8);
    return 0;
}

static void test_nitro_request_bytes(void **state)
{
    static const uint8_t head[] = "\xa1\x6b"
                                  "Attestation\xa3\x69user_data\x58\x40";
    static const uint8_t tail[] = "\x65nonce\xf6\x6apublic_key\xf6";
    AUTO_BUF struct buf b = {0};

    (void)state;
    play();
    nitro_request(data, &b);
    assert_int_equal(b.n, sizeof head - 1 + 64 + sizeof tail - 1);
    assert_memory_equal(b.p, head, sizeof head - 1);
    assert_memory_equal(b.p + sizeof head - 1, data, 64);
    assert_memory_equal(b.p + sizeof head - 1 + 64, tail, sizeof tail - 1);
}

#define ANSWER                                                                                     \
    "\xa1\x6b"                                                                                     \
    "Attestation\xa1\x68"                                                                          \
    "document\x45hello"

static void test_nitro_document(void **state)
{
    AUTO_SOURCE_EVIDENCE struct source_evidence got = {0};
    AUTO_BUF struct buf wanted = {0};
    struct err e;

    (void)state;
    play();
    buf_put(&kernel.nsm, ANSWER, sizeof ANSWER - 1);
    assert_true(ask(&source_nitro, nsm, -1, &got, &e));
    nitro_request(data, &wanted);
    assert_int_equal(kernel.nsm_request.n, wanted.n);
    assert_memory_equal(kernel.nsm_request.p, wanted.p, wanted.n);
    assert_int_equal(got.evidence.n, 5);
    assert_memory_equal(got.evidence.p, "hello", 5);
    play();
}

static void test_nitro_failures(void **state)
{
    AUTO_SOURCE_EVIDENCE struct source_evidence got = {0};
    static const struct {
        struct bytes answer;
        const char *reason;
    } rows[] = {
        {BYTES_INIT("\xa1\x65"
                    "Error\x6fInvalidArgument"),
         "nitro.refused"},
        {BYTES_INIT("\xa1\x6b"
                    "DescribeNSM\xa0"),
         "nitro.response"},
        {BYTES_INIT("\xa1\x6b"
                    "Attestation\xa0"),
         "nitro.response"},
        {BYTES_INIT("\xa1\x6b"
                    "Attestation\xa1\x68"
                    "document\xf6"),
         "cbor.type"},
        {BYTES_INIT("\xa1\x6b"
                    "Attestation\xa1\x68"
                    "document\x45hell"),
         "cbor.truncated"},
        {BYTES_INIT("\xa0"), "nitro.response"},
        {BYTES_INIT("\x6b"
                    "DescribeNSM"),
         "cbor.type"},
        {BYTES_INIT(ANSWER "!"), "bytes.trailing"},
    };
    struct err e;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        play();
        buf_put(&kernel.nsm, rows[i].answer.p, rows[i].answer.n);
        assert_false(ask(&source_nitro, nsm, -1, &got, &e));
        assert_string_equal(e.reason, rows[i].reason);
    }
    for (size_t n = 0; n < sizeof ANSWER - 1; n++) {
        struct bytes document = {0};

        assert_false(nitro_response((struct bytes){(const uint8_t *)ANSWER, n}, &document, &e));
    }
    play();
    kernel.nsm_size = 0x3001;
    buf_put(&kernel.nsm, ANSWER, sizeof ANSWER - 1);
    assert_false(ask(&source_nitro, nsm, -1, &got, &e));
    assert_string_equal(e.reason, "nitro.response");
    play();
    kernel.errors[0] = EBUSY;
    assert_false(ask(&source_nitro, nsm, -1, &got, &e));
    assert_true(source_again(&e));
    play();
    kernel.errors[0] = ENOTTY;
    assert_false(ask(&source_nitro, nsm, -1, &got, &e));
    assert_string_equal(e.reason, "nitro.io");
    play();
}

static void test_choosing(void **state)
{
    struct source_finding findings[SOURCE_KINDS];
    struct source s;
    struct source_options o = {
        .sev_device = "/nothing/sev", .nsm_device = "/nothing/nsm", .tsm_path = "/nothing/tsm"};
    struct err e = {0};
    unsigned n;

    (void)state;
    assert_true(source_choose(&o, &s, findings, &n, &e)); /* nothing works: said, not an error */
    assert_null(s.kind);
    assert_true(n >= 4);
    for (unsigned i = 0; i < n; i++)
        assert_true(!findings[i].works && findings[i].why.msg[0] != '\0');
    assert_string_equal(findings[0].kind->word, "tsm");
    o.simulate = "vendor=amd,generation=milan";
    assert_true(source_choose(&o, &s, findings, &n, &e));
    assert_string_equal(s.name, "simulator");
    assert_int_equal(n, 1);
    o.want = "tsm";
    assert_false(source_choose(&o, &s, findings, &n, &e));
    assert_string_equal(e.reason, "source.simulate");
    o.simulate = NULL;
    assert_false(source_choose(&o, &s, findings, &n, &e));
    assert_string_equal(e.reason, "source.absent");
    o.want = "stars";
    assert_false(source_choose(&o, &s, findings, &n, &e));
    assert_string_equal(e.reason, "source.unknown");
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_sev_report_with_certificates),
        cmocka_unit_test(test_sev_host_without_certificates),
        cmocka_unit_test(test_sev_failures),
        cmocka_unit_test(test_sev_broken_table),
        cmocka_unit_test(test_absent_devices_say_so),
        cmocka_unit_test(test_nitro_request_bytes),
        cmocka_unit_test(test_nitro_document),
        cmocka_unit_test(test_nitro_failures),
        cmocka_unit_test(test_choosing),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
