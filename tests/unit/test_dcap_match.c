/* TCB levels, TDX modules and quoting enclaves: which level is reached, what the merged status is,
 * and what the documents themselves may say. Documents are written here, so that every edge of a
 * comparison is met from both sides; signatures are other tests' point. */
#include <stdio.h>

#include "attest/dcap_match.h"
#include "attest/dcap_pck.h"
#include "base/buf.h"
#include "tests/lib/unit.h"

#define Z16 "00000000000000000000000000000000"
#define Z48 Z16 Z16 Z16
#define HEAD                                                                                       \
    "\"issueDate\":\"2025-01-01T00:00:00Z\",\"nextUpdate\":\"2025-02-01T00:00:00Z\","              \
    "\"tcbEvaluationDataNumber\":17,"

/* Levels of {first SGX component, PCESVN, TDX components 0, 1 and 2, status, year}. */
struct level {
    unsigned sgx, pcesvn, tdx[3];
    const char *status, *year, *advisory;
};

static void components(struct buf *b, const char *key, const unsigned *first, unsigned n)
{
    buf_printf(b, "\"%s\":[", key);
    for (unsigned i = 0; i < 16; i++)
        buf_printf(b, "%s{\"svn\":%u}", i > 0 ? "," : "", i < n ? first[i] : 0);
    buf_puts(b, "]");
}

static void level_put(struct buf *b, const struct level *l, bool tdx)
{
    buf_puts(b, "{\"tcb\":{");
    components(b, "sgxtcbcomponents", &l->sgx, 1);
    buf_printf(b, ",\"pcesvn\":%u", l->pcesvn);
    if (tdx) {
        buf_puts(b, ",");
        components(b, "tdxtcbcomponents", l->tdx, 3);
    }
    buf_printf(b, "},\"tcbDate\":\"%s-01-01T00:00:00Z\",\"tcbStatus\":\"%s\"", l->year, l->status);
    if (l->advisory != NULL)
        buf_printf(b, ",\"advisoryIDs\":[\"%s\"]", l->advisory);
    buf_puts(b, "}");
}

static const char modules[] =
    "\"tdxModule\":{\"mrsigner\":\"" Z48 "\",\"attributes\":\"0000000000000000\","
    "\"attributesMask\":\"FFFFFFFFFFFFFFFF\"},"
    "\"tdxModuleIdentities\":[{\"id\":\"TDX_03\",\"mrsigner\":\"" Z48
    "\",\"attributes\":\"0000000000000000\",\"attributesMask\":\"FFFFFFFFFFFFFFFF\","
    "\"tcbLevels\":[{\"tcb\":{\"isvsvn\":3},\"tcbDate\":\"2024-05-01T00:00:00Z\","
    "\"tcbStatus\":\"UpToDate\"},{\"tcb\":{\"isvsvn\":2},\"tcbDate\":\"2022-01-01T00:00:00Z\","
    "\"tcbStatus\":\"OutOfDate\",\"advisoryIDs\":[\"INTEL-SA-3\"]},{\"tcb\":{\"isvsvn\":1},"
    "\"tcbDate\":\"2021-01-01T00:00:00Z\",\"tcbStatus\":\"Revoked\"}]}],";

static void tcb_info(const struct level *l, size_t n, bool tdx, struct dcap_tcb_info *out)
{
    AUTO_BUF struct buf b = {0};
    struct err e = {0};

    buf_printf(&b,
               "{\"id\":\"%s\",\"version\":3,\"tcbType\":0," HEAD
               "\"fmspc\":\"00806f050000\",\"pceId\":\"0000\",%s\"tcbLevels\":[",
               tdx ? "TDX" : "SGX", tdx ? modules : "");
    for (size_t i = 0; i < n; i++) {
        buf_puts(&b, i > 0 ? "," : "");
        level_put(&b, &l[i], tdx);
    }
    buf_puts(&b, "]}");
    if (!dcap_tcb_info_read(buf_bytes(&b), tdx ? DCAP_TEE_TDX : DCAP_TEE_SGX, "t", out, &e))
        fail_msg("%s", e.msg);
}

static const char qe_text[] =
    "{\"id\":\"%s\",\"version\":2," HEAD "\"miscselect\":\"00000000\",\"miscselectMask\":"
    "\"FFFFFFFF\",\"attributes\":\"11000000000000000000000000000000\",\"attributesMask\":"
    "\"FBFFFFFFFFFFFFFF0000000000000000\",\"mrsigner\":\"" Z16 Z16 "\",\"isvprodid\":2,"
    "\"tcbLevels\":[{\"tcb\":{\"isvsvn\":4},\"tcbDate\":\"2024-01-01T00:00:00Z\",\"tcbStatus\":"
    "\"UpToDate\"},{\"tcb\":{\"isvsvn\":2},\"tcbDate\":\"2020-01-01T00:00:00Z\",\"tcbStatus\":"
    "\"OutOfDate\",\"advisoryIDs\":[\"INTEL-SA-2\"]},{\"tcb\":{\"isvsvn\":1},\"tcbDate\":"
    "\"2019-01-01T00:00:00Z\",\"tcbStatus\":\"Revoked\"}]}";

static void identity(bool tdx, struct dcap_identity *out)
{
    AUTO_BUF struct buf b = {0};
    struct err e = {0};

    buf_printf(&b, qe_text, tdx ? "TD_QE" : "QE");
    if (!dcap_identity_read(buf_bytes(&b), tdx ? DCAP_TEE_TDX : DCAP_TEE_SGX, "q", out, &e))
        fail_msg("%s", e.msg);
}

static struct dcap_pck platform(unsigned sgx, unsigned pcesvn)
{
    return (struct dcap_pck){.component = {(uint8_t)sgx},
                             .pcesvn = (uint16_t)pcesvn,
                             .fmspc = {0x00, 0x80, 0x6f, 0x05, 0x00, 0x00}};
}

static struct dcap_quote quote(bool tdx)
{
    return (struct dcap_quote){.tee = tdx ? DCAP_TEE_TDX : DCAP_TEE_SGX,
                               .qe = {.attributes = {0x15}, .isvprodid = 2, .isvsvn = 4}};
}

static const struct level sgx_levels[] = {
    {5, 13, {0}, "UpToDate", "2024", NULL},
    {5, 11, {0}, "ConfigurationNeeded", "2024", "INTEL-SA-1"},
    {4, 11, {0}, "SWHardeningNeeded", "2023", NULL},
    {3, 11, {0}, "ConfigurationAndSWHardeningNeeded", "2023", NULL},
    {2, 11, {0}, "OutOfDate", "2022", NULL},
    {2, 5, {0}, "OutOfDateConfigurationNeeded", "2021", NULL},
    {1, 5, {0}, "Revoked", "2018", NULL},
};

/* SVNs of platform and quoting enclave, and the status of both together. */
static void sgx_levels_and_statuses(void **state)
{
    static const struct {
        unsigned sgx, pcesvn, qe;
        const char *status; /* or the reason */
    } rows[] = {
        {5, 13, 4, "UpToDate"},
        {9, 99, 9, "UpToDate"},
        {5, 12, 4, "ConfigurationNeeded"},
        {5, 11, 4, "ConfigurationNeeded"},
        {5, 10, 4, "OutOfDateConfigurationNeeded"},
        {4, 99, 4, "SWHardeningNeeded"},
        {3, 99, 4, "ConfigurationAndSWHardeningNeeded"},
        {2, 11, 4, "OutOfDate"},
        {2, 10, 4, "OutOfDateConfigurationNeeded"},
        {1, 10, 4, "Revoked"},
        {1, 4, 4, "dcap.tcb-no-match"},
        {0, 99, 4, "dcap.tcb-no-match"},
        {5, 13, 3, "OutOfDate"},
        {5, 13, 2, "OutOfDate"},
        {5, 11, 3, "OutOfDateConfigurationNeeded"},
        {4, 11, 3, "OutOfDate"},
        {3, 11, 3, "OutOfDateConfigurationNeeded"},
        {2, 11, 3, "OutOfDate"},
        {2, 5, 3, "OutOfDateConfigurationNeeded"},
        {1, 5, 3, "Revoked"},
        {5, 13, 1, "Revoked"},
        {5, 13, 0, "dcap.qe-no-match"},
    };
    struct dcap_tcb_info t;
    struct dcap_identity i;

    (void)state;
    tcb_info(sgx_levels, COUNT(sgx_levels), false, &t);
    identity(false, &i);
    for (size_t r = 0; r < COUNT(rows); r++) {
        struct dcap_pck p = platform(rows[r].sgx, rows[r].pcesvn);
        struct dcap_quote q = quote(false);
        struct dcap_match m;
        struct err e = {0};
        bool good;

        q.qe.isvsvn = (uint16_t)rows[r].qe;
        good = dcap_match(&q, &p, &t, &i, &m, &e);
        if (strcmp(good ? dcap_status_name(m.status) : e.reason, rows[r].status) != 0)
            fail_msg("row %zu: got %s, want %s", r, good ? dcap_status_name(m.status) : e.reason,
                     rows[r].status);
        assert_true(good || e.field[0] != '\0');
    }
    dcap_tcb_info_fini(&t);
    dcap_identity_fini(&i);
}

static const struct level tdx_levels[] = {
    {5, 13, {5, 0, 8}, "UpToDate", "2025", NULL},
    {5, 13, {4, 0, 7}, "SWHardeningNeeded", "2024", NULL},
    {4, 13, {5, 0, 6}, "OutOfDate", "2023", "INTEL-SA-1"},
};

/* The report's SVNs with and without a major version of the module. */
static void tdx_levels_and_modules(void **state)
{
    static const struct {
        unsigned sgx, svn[3];
        const char *status;
    } rows[] = {
        /* no major version: all of the report's SVNs count, and no module identity */
        {5, {5, 0, 8}, "UpToDate"},
        {5, {4, 0, 8}, "SWHardeningNeeded"},
        {5, {3, 0, 8}, "dcap.tcb-no-match"},
        {5, {5, 0, 7}, "SWHardeningNeeded"},
        {5, {5, 0, 6}, "OutOfDate"},
        {5, {5, 0, 5}, "dcap.tcb-no-match"},
        {4, {5, 0, 8}, "OutOfDate"},
        {3, {5, 0, 8}, "dcap.tcb-no-match"},
        /* major version 3: its bytes are the module's, the rest from the third on */
        {5, {3, 3, 8}, "UpToDate"},
        {5, {3, 3, 7}, "SWHardeningNeeded"},
        {5, {2, 3, 8}, "OutOfDate"},
        {5, {2, 3, 7}, "OutOfDate"},
        {5, {1, 3, 8}, "Revoked"},
        {5, {0, 3, 8}, "dcap.module-no-match"},
        {5, {3, 3, 5}, "dcap.tcb-no-match"},
        {5, {9, 2, 8}, "dcap.module-unknown"},
        {5, {9, 4, 8}, "dcap.module-unknown"},
    };
    struct dcap_tcb_info t;
    struct dcap_identity i;

    (void)state;
    tcb_info(tdx_levels, COUNT(tdx_levels), true, &t);
    identity(true, &i);
    for (size_t r = 0; r < COUNT(rows); r++) {
        struct dcap_pck p = platform(rows[r].sgx, 13);
        struct dcap_quote q = quote(true);
        struct dcap_match m;
        struct err e = {0};
        bool good;

        for (unsigned k = 0; k < 3; k++)
            q.tdx.tee_tcb_svn[k] = (uint8_t)rows[r].svn[k];
        good = dcap_match(&q, &p, &t, &i, &m, &e);
        if (strcmp(good ? dcap_status_name(m.status) : e.reason, rows[r].status) != 0)
            fail_msg("row %zu: got %s, want %s", r, good ? dcap_status_name(m.status) : e.reason,
                     rows[r].status);
    }
    dcap_tcb_info_fini(&t);
    dcap_identity_fini(&i);
}

/* A TD under which the platform was updated: only launching it again is left to do. */
static void relaunch_is_advised(void **state)
{
    static const struct level levels[][2] = {
        {{5, 13, {5, 0, 8}, "UpToDate", "2025", NULL},
         {4, 13, {5, 0, 6}, "OutOfDate", "2023", NULL}},
        {{5, 13, {5, 0, 8}, "ConfigurationNeeded", "2025", NULL},
         {4, 13, {5, 0, 6}, "OutOfDate", "2023", NULL}},
    };
    static const struct {
        unsigned table, sgx, qe, svn[3], now[3];
        bool td15;
        const char *status;
    } rows[] = {
        {0, 5, 4, {2, 3, 8}, {3, 3, 8}, true, "TdRelaunchAdvised"},
        {0, 5, 4, {2, 3, 6}, {3, 3, 8}, true, "TdRelaunchAdvised"},
        {0, 5, 4, {2, 3, 8}, {5, 0, 8}, true, "TdRelaunchAdvised"},
        {1, 5, 4, {2, 3, 8}, {3, 3, 8}, true, "TdRelaunchAdvisedConfigurationNeeded"},
        {0, 5, 4, {2, 3, 8}, {3, 3, 8}, false, "OutOfDate"}, /* TD 1.0 cannot say so */
        {0, 5, 4, {2, 3, 8}, {2, 3, 8}, true, "OutOfDate"},  /* nothing was updated */
        {0, 5, 4, {2, 3, 8}, {3, 3, 7}, true, "OutOfDate"},
        {0, 5, 4, {2, 3, 8}, {4, 0, 8}, true, "OutOfDate"},
        {0, 5, 4, {2, 3, 8}, {9, 7, 8}, true, "OutOfDate"}, /* a module that nobody knows */
        {0, 5, 3, {2, 3, 8}, {3, 3, 8}, true, "OutOfDate"}, /* the enclave is old as well */
        {0, 4, 4, {2, 3, 8}, {3, 3, 8}, true, "OutOfDate"}, /* the processor is */
        {0, 5, 4, {3, 3, 8}, {3, 3, 8}, true, "UpToDate"},
        {0, 5, 4, {3, 3, 6}, {3, 3, 8}, true, "OutOfDate"}, /* the module is not */
    };
    struct dcap_identity i;

    (void)state;
    identity(true, &i);
    for (size_t r = 0; r < COUNT(rows); r++) {
        struct dcap_pck p = platform(rows[r].sgx, 13);
        struct dcap_quote q = quote(true);
        struct dcap_tcb_info t;
        struct dcap_match m;
        struct err e = {0};
        bool good;

        tcb_info(levels[rows[r].table], 2, true, &t);
        q.qe.isvsvn = (uint16_t)rows[r].qe;
        q.tdx.td15 = rows[r].td15;
        for (unsigned k = 0; k < 3; k++) {
            q.tdx.tee_tcb_svn[k] = (uint8_t)rows[r].svn[k];
            q.tdx.tee_tcb_svn_2[k] = (uint8_t)rows[r].now[k];
        }
        good = dcap_match(&q, &p, &t, &i, &m, &e);
        if (strcmp(good ? dcap_status_name(m.status) : e.reason, rows[r].status) != 0)
            fail_msg("row %zu: got %s, want %s", r, good ? dcap_status_name(m.status) : e.reason,
                     rows[r].status);
        if (good)
            assert_int_equal(m.relaunch, strncmp(rows[r].status, "TdRelaunch", 10) == 0);
        dcap_tcb_info_fini(&t);
    }
    dcap_identity_fini(&i);
}

/* One byte of what has to be equal, and how the refusal is called. */
static void identities_have_to_fit(void **state)
{
    enum { FMSPC, PCEID, MRSIGNER, PRODUCT, MISC, DEBUG, MODE64, SEAM_SIGNER, SEAM_ATTRIBUTES };
    static const struct {
        int what;
        const char *reason, *field;
    } rows[] = {
        {FMSPC, "dcap.fmspc-mismatch", "PCK.FMSPC"},
        {PCEID, "dcap.pceid-mismatch", "PCK.PCEID"},
        {MRSIGNER, "dcap.qe-mismatch", "QE_REPORT.MRSIGNER"},
        {PRODUCT, "dcap.qe-mismatch", "QE_REPORT.ISVPRODID"},
        {MISC, "dcap.qe-mismatch", "QE_REPORT.MISCSELECT"},
        {DEBUG, "dcap.qe-mismatch", "QE_REPORT.ATTRIBUTES"},
        {MODE64, "", ""}, /* under the mask */
        {SEAM_SIGNER, "dcap.module-mismatch", "REPORT.MRSIGNERSEAM"},
        {SEAM_ATTRIBUTES, "dcap.module-mismatch", "REPORT.SEAMATTRIBUTES"},
    };
    struct dcap_tcb_info t;
    struct dcap_identity i;

    (void)state;
    tcb_info(tdx_levels, COUNT(tdx_levels), true, &t);
    identity(true, &i);
    for (size_t r = 0; r < COUNT(rows); r++) {
        struct dcap_pck p = platform(5, 13);
        struct dcap_quote q = quote(true);
        uint8_t *const byte[] = {&p.fmspc[5],
                                 &p.pceid[0],
                                 &q.qe.mrsigner[31],
                                 (uint8_t *)&q.qe.isvprodid,
                                 (uint8_t *)&q.qe.miscselect,
                                 &q.qe.attributes[0],
                                 &q.qe.attributes[0],
                                 &q.tdx.mrsignerseam[0],
                                 &q.tdx.seamattributes[7]};
        struct dcap_match m;
        struct err e = {0};

        q.tdx.tee_tcb_svn[0] = q.tdx.tee_tcb_svn[1] = 3;
        q.tdx.tee_tcb_svn[2] = 8;
        *byte[rows[r].what] ^= rows[r].what == DEBUG ? 2 : 4;
        assert_int_equal(dcap_match(&q, &p, &t, &i, &m, &e), rows[r].reason[0] == '\0');
        assert_string_equal(e.reason, rows[r].reason);
        assert_string_equal(e.field, rows[r].field);
    }
    dcap_tcb_info_fini(&t);
    dcap_identity_fini(&i);
}

/* The merged date is the oldest, and both documents' advisories are kept apart from each other. */
static void dates_and_advisories(void **state)
{
    struct dcap_pck p = platform(4, 13);
    struct dcap_quote q = quote(true);
    struct dcap_tcb_info t;
    struct dcap_identity i;
    struct dcap_match m;

    (void)state;
    tcb_info(tdx_levels, COUNT(tdx_levels), true, &t);
    identity(true, &i);
    q.qe.isvsvn = 2;
    q.tdx.tee_tcb_svn[0] = 2;
    q.tdx.tee_tcb_svn[1] = 3;
    q.tdx.tee_tcb_svn[2] = 8;
    assert_true(dcap_match(&q, &p, &t, &i, &m, NULL));
    assert_int_equal(m.date_s, INT64_C(1577836800)); /* the enclave's: 2020 */
    assert_int_equal(dcap_advisories_count(m.platform->advisories), 1);
    assert_string_equal(dcap_advisory(m.platform->advisories, 0), "INTEL-SA-1");
    assert_string_equal(dcap_advisory(m.module->advisories, 0), "INTEL-SA-3");
    assert_string_equal(dcap_advisory(m.qe->advisories, 0), "INTEL-SA-2");
    assert_int_equal(dcap_advisories_count(t.level[0].advisories), 0);
    dcap_tcb_info_fini(&t);
    dcap_identity_fini(&i);
}

/* `what` of a sound identity replaced by `with`, once. */
static void replace(const char *what, const char *with, struct buf *out)
{
    char whole[sizeof qe_text + 8];
    const char *at;

    snprintf(whole, sizeof whole, qe_text, "QE");
    at = strstr(whole, what);
    if (at == NULL)
        fail_msg("no %s", what);
    buf_put(out, whole, (size_t)(at - whole));
    buf_puts(out, with);
    buf_puts(out, at + strlen(what));
}

static void documents_are_read_strictly(void **state)
{
    static const struct {
        const char *what, *with, *reason;
    } rows[] = {
        {"\"version\":2", "\"version\":3", "dcap.collateral-kind"},
        {"\"version\":2", "\"version\":\"2\"", "dcap.collateral-malformed"},
        {"\"version\":2", "\"version\":2.0", "dcap.collateral-malformed"},
        {"\"version\":2", "\"version\":-2", "dcap.collateral-malformed"},
        {"\"version\":2,", "", "dcap.collateral-malformed"},
        {"\"version\":2,", "\"version\":2,\"version\":2,", "dcap.collateral-malformed"},
        {"\"id\":\"QE\"", "\"id\":\"QVE\"", "dcap.collateral-kind"},
        {"\"id\":\"QE\"", "\"id\":\"TD_QE\"", "dcap.collateral-kind"},
        {"\"id\":\"QE\"", "\"id\":\"QE\\u0000\"", "dcap.collateral-malformed"},
        {"2025-01-01T00:00:00Z", "2025-13-01T00:00:00Z", "dcap.collateral-malformed"},
        {"2025-02-01T00:00:00Z", "tomorrow", "dcap.collateral-malformed"},
        {"\"tcbEvaluationDataNumber\":17", "\"tcbEvaluationDataNumber\":4294967296",
         "dcap.collateral-malformed"},
        {"\"miscselect\":\"00000000\"", "\"miscselect\":\"000000\"", "dcap.collateral-malformed"},
        {"\"miscselect\":\"00000000\"", "\"miscselect\":\"0000000g\"", "dcap.collateral-malformed"},
        {"\"isvprodid\":2", "\"isvprodid\":65536", "dcap.collateral-malformed"},
        {"\"isvsvn\":4", "\"isvsvn\":65536", "dcap.collateral-malformed"},
        {"\"tcbStatus\":\"OutOfDate\"", "\"tcbStatus\":\"OutOfdate\"", "dcap.collateral-malformed"},
        {"\"tcbStatus\":\"OutOfDate\"", "\"tcbStatus\":\"ConfigurationNeeded\"",
         "dcap.collateral-malformed"},
        {"\"tcbStatus\":\"OutOfDate\"", "\"tcbStatus\":\"\"", "dcap.collateral-malformed"},
        {"[\"INTEL-SA-2\"]", "\"INTEL-SA-2\"", "dcap.collateral-malformed"},
        {"[\"INTEL-SA-2\"]", "[\"INTEL-SA-0000000000000000000\"]", "dcap.collateral-malformed"},
        {"[\"INTEL-SA-2\"]", "[\"INTEL SA\"]", "dcap.collateral-malformed"},
        {"[\"INTEL-SA-2\"]", "[7]", "dcap.collateral-malformed"},
        {"\"tcb\":{\"isvsvn\":4}", "\"tcb\":4", "dcap.collateral-malformed"},
        {"\"tcbLevels\"", "\"levels\"", "dcap.collateral-malformed"},
        {"}]}", "}]", "dcap.collateral-malformed"},
        {"}]}", "}]}x", "dcap.collateral-malformed"},
    };
    struct dcap_identity i;

    (void)state;
    for (size_t r = 0; r < COUNT(rows); r++) {
        AUTO_BUF struct buf b = {0};
        struct err e = {0};

        replace(rows[r].what, rows[r].with, &b);
        if (dcap_identity_read(buf_bytes(&b), DCAP_TEE_SGX, "q", &i, &e))
            fail_msg("%s: read", rows[r].with);
        assert_string_equal(e.reason, rows[r].reason);
        assert_true(e.field[0] != '\0');
    }
}

/* Where the signed bytes begin and end. */
static void documents_are_cut_exactly(void **state)
{
#define HEX32 "0123456789abcdef0123456789abcdef"
#define SIGNATURE "\"signature\":\"" HEX32 HEX32 HEX32 HEX32 "\""
    static const struct {
        const char *text, *inner; /* NULL: refused */
    } rows[] = {
        {"{\"tcbInfo\":{}," SIGNATURE "}", "{}"},
        {"{\"tcbInfo\":{\"a\": 1 }," SIGNATURE "}", "{\"a\": 1 }"},
        {"{" SIGNATURE ",\"tcbInfo\":{\"a\":{\"b\":{}}}}", "{\"a\":{\"b\":{}}}"},
        {" {\n\"tcbInfo\" :\t{\"a\":\"}\"} ,\r\n" SIGNATURE " } \n", "{\"a\":\"}\"}"},
        {"{\"tcbInfo\":{\"a\":\"\\\"}\"}," SIGNATURE "}", "{\"a\":\"\\\"}\"}"},
        {"{\"tcbInfo\":{\"a\":\"\\\\\"}," SIGNATURE "}", "{\"a\":\"\\\\\"}"},
        {"{\"tcbInfo\":{}," SIGNATURE "}x", NULL},
        {"{\"tcbInfo\":{}," SIGNATURE, NULL},
        {"{\"tcbInfo\":{}}", NULL},
        {"{" SIGNATURE "}", NULL},
        {"{\"tcbInfo\":{},\"tcbInfo\":{}}", NULL},
        {"{" SIGNATURE "," SIGNATURE "}", NULL},
        {"{\"tcbInfo\":{}," SIGNATURE ",\"x\":1}", NULL},
        {"{\"tcbinfo\":{}," SIGNATURE "}", NULL},
        {"{\"tcbInfo\":[]," SIGNATURE "}", NULL},
        {"{\"tcbInfo\":{," SIGNATURE "}", NULL},
        {"{\"tcbInfo\":{\"a\":\"," SIGNATURE "}", NULL},
        {"{\"tcbInfo\":{\"a\":\"\\", NULL},
        {"{\"tcbInfo\":{},\"signature\":\"" HEX32 "\"}", NULL},
        {"{\"tcbInfo\":{},\"signature\":7}", NULL},
        {"{\"tcbInfo\":{} " SIGNATURE "}", NULL},
        {"[]", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t r = 0; r < COUNT(rows); r++) {
        struct bytes inner = {NULL, 0};
        uint8_t signature[64];
        struct err e = {0};
        bool good =
            dcap_document_cut(bytes_str(rows[r].text), "tcbInfo", "t", &inner, signature, &e);

        if (good != (rows[r].inner != NULL))
            fail_msg("%s: %d", rows[r].text, good);
        if (!good) {
            assert_string_equal(e.reason, "dcap.collateral-malformed");
            continue;
        }
        assert_true(bytes_equal(inner, bytes_str(rows[r].inner)));
        assert_int_equal(signature[0], 0x01);
        assert_int_equal(signature[63], 0xef);
    }
}

static void processors_by_fmspc(void **state)
{
    static const struct {
        uint8_t fmspc[6];
        const char *generation; /* NULL: unknown */
    } rows[] = {
        {{0x00, 0x60, 0x6a, 0, 0, 0}, "ice-lake-sp"},
        {{0x30, 0x60, 0x6a, 0, 0, 0}, "ice-lake-sp"},
        {{0x00, 0x70, 0x6e, 0x47, 0, 0}, "ice-lake-client"},
        {{0xc0, 0x80, 0x6f, 0, 0, 0}, "sapphire-rapids"},
        {{0x90, 0xc0, 0x6f, 0, 0, 0}, "emerald-rapids"},
        {{0x00, 0xa0, 0x6d, 0x08, 0, 0}, "granite-rapids"},
        {{0x20, 0xa0, 0x6f, 0, 0, 0}, "sierra-forest"},
        {{0x00, 0x90, 0x6e, 0xa1, 0, 0}, "coffee-lake"},
        {{0x00, 0x90, 0x6e, 0xd5, 0, 0}, "coffee-lake"},
        {{0x00, 0x90, 0x6e, 0x91, 0, 0}, NULL}, /* Kaby Lake: the stepping counts */
        {{0x00, 0xa0, 0x67, 0x11, 0, 0}, "rocket-lake"},
        {{0x00, 0x70, 0x7f, 0, 0, 0}, NULL},
        {{0x00, 0x61, 0x6a, 0, 0, 0}, NULL}, /* another processor type */
        {{0x01, 0x60, 0xfa, 0, 0, 0}, NULL}, /* family 16 */
        {{0x00, 0x00, 0x00, 0, 0, 0}, NULL},
    };

    (void)state;
    for (size_t r = 0; r < COUNT(rows); r++) {
        const struct platform *p =
            platform_find_fmspc(platforms_builtin, platforms_builtin_n, rows[r].fmspc);

        if ((p == NULL) != (rows[r].generation == NULL))
            fail_msg("row %zu", r);
        if (p != NULL)
            assert_string_equal(p->generation[0], rows[r].generation);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sgx_levels_and_statuses),   cmocka_unit_test(tdx_levels_and_modules),
        cmocka_unit_test(relaunch_is_advised),       cmocka_unit_test(identities_have_to_fit),
        cmocka_unit_test(dates_and_advisories),      cmocka_unit_test(documents_are_read_strictly),
        cmocka_unit_test(documents_are_cut_exactly), cmocka_unit_test(processors_by_fmspc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
