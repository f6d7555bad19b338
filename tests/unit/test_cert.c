/* The reader of certificates beside OpenSSL's: every certificate and list of simulated evidence and
 * of the vectors, and each of them changed in every byte. */
#include "tests/lib/unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "attest/cert.h"
#include "attest/crl.h"
#include "attest/der.h"
#include "attest/nitro_doc.h"
#include "attest/pem.h"
#include "attest/sim/sim.h"
#include "tests/lib/cert_differ.h"
#include "tests/lib/vectors.h"

#define NOW INT64_C(1795000000)
#define MANY 512

/* What was met, by its bytes; each once. */
static struct item {
    struct buf der;
    bool list;
} items[MANY];
static size_t items_n;
static unsigned count[DIFFER_WRONG];

static void item_add(struct bytes der, bool list)
{
    for (size_t i = 0; i < items_n; i++)
        if (bytes_equal(buf_bytes(&items[i].der), der))
            return;
    assert_true(items_n < MANY);
    items[items_n].list = list;
    buf_put(&items[items_n++].der, der.p, der.n);
}

static void item_forget(void)
{
    for (size_t i = 0; i < items_n; i++)
        buf_fini(&items[i].der);
    memset(items, 0, sizeof items);
    items_n = 0;
}

static void pem_add(struct bytes text)
{
    uint8_t *store = malloc(text.n + 1);
    struct bytes der[PEM_BLOCKS];
    unsigned n = 0;

    assert_non_null(store);
    if (pem_certificates(text, store, der, &n, "", NULL))
        for (unsigned i = 0; i < n; i++)
            item_add(der[i], false);
    free(store);
}

/* By what the name says it is. */
static void file_add(const char *name, struct bytes b)
{
    const char *end = strrchr(name, '.');

    if (end == NULL || b.n == 0)
        return;
    if (strcmp(end, ".pem") == 0 && strncmp(name, "cpak", 4) != 0)
        pem_add(b);
    else if (strcmp(end, ".der") == 0 && strncmp(name, "cpak", 4) != 0)
        item_add(b, strstr(name, "crl") != NULL);
}

static void simulated_add(const char *text, uint64_t chip)
{
    static const uint8_t report_data[64] = {7};
    struct sim_evidence s = {0};
    struct sim_platform p;
    struct nitro_doc d;
    struct err e = {0};

    assert_true(sim_platform_parse(text, &p, &e));
    p.chip = chip;
    assert_true(sim_evidence(&p, report_data, NOW, &s, &e));
    for (unsigned i = 0; i < s.files_n; i++)
        file_add(s.files[i].name, buf_bytes(&s.files[i].bytes));
    if (nitro_doc_parse(buf_bytes(&s.evidence), false, &d, NULL)) {
        item_add(d.certificate, false);
        for (unsigned i = 0; i < d.bundle_n; i++)
            item_add(d.bundle[i], false);
    }
    sim_evidence_fini(&s);
}

static void all_simulated(void)
{
    simulated_add("technology=sev-snp,generation=milan", 1);
    simulated_add("technology=sev-snp,generation=genoa", 2);
    simulated_add("technology=sev-snp,generation=turin", 3);
    simulated_add("technology=tdx,generation=sapphire-rapids", 4);
    simulated_add("technology=sgx,generation=ice-lake-sp", 5);
    simulated_add("technology=nitro", 6);
    assert_true(items_n >= 12);
}

static enum differ item_try(struct bytes der, bool list)
{
    const char *what = "";
    enum differ d = list ? crl_differ(der, &what) : cert_differ(der, &what);

    if (d == DIFFER_WRONG) {
        const char *dump = getenv("CERT_DUMP"); /* where to put the bytes, to look at them */
        FILE *f = dump == NULL ? NULL : fopen(dump, "wb");

        if (f != NULL) {
            fwrite(der.p, 1, der.n, f);
            fclose(f);
        }
    }
    if (d == DIFFER_WRONG)
        fail_msg("%s of %zu bytes: %s", list ? "list" : "certificate", der.n, what);
    count[d]++;
    return d;
}

static void what_vendors_sign_is_read(void **state)
{
    (void)state;
    all_simulated();
    for (size_t i = 0; i < items_n; i++)
        assert_int_equal(item_try(buf_bytes(&items[i].der), items[i].list), DIFFER_BOTH_READ);
    item_forget();
}

/* Every byte in several ways, every length, and one byte more or less at each place. */
static void changed(struct bytes der, bool list)
{
    static const uint8_t flips[] = {0x01, 0x20, 0x80};
    uint8_t *copy = malloc(der.n + 1);

    assert_non_null(copy);
    for (size_t at = 0; at < der.n; at++) {
        for (size_t f = 0; f < COUNT(flips); f++) {
            memcpy(copy, der.p, der.n);
            copy[at] ^= flips[f];
            item_try((struct bytes){copy, der.n}, list);
        }
        if (at % 8 == 0) {
            assert_int_equal(item_try((struct bytes){der.p, at}, list), DIFFER_BOTH_REFUSE);
            memcpy(copy, der.p, at);
            memcpy(copy + at, der.p + at + 1, der.n - at - 1);
            item_try((struct bytes){copy, der.n - 1}, list);
        }
    }
    memcpy(copy, der.p, der.n);
    copy[der.n] = 0;
    assert_int_equal(item_try((struct bytes){copy, der.n + 1}, list), DIFFER_BOTH_REFUSE);
    free(copy);
}

static void changed_bytes_are_read_alike(void **state)
{
    (void)state;
    memset(count, 0, sizeof count);
    simulated_add("technology=sev-snp,generation=genoa", 2);
    simulated_add("technology=tdx,generation=sapphire-rapids", 4);
    simulated_add("technology=nitro", 6);
    for (size_t i = 0; i < items_n; i++)
        changed(buf_bytes(&items[i].der), items[i].list);
    print_message("%zu certificates and lists, changed: both read %u, both refuse %u, only ours "
                  "refuses %u (for a named reason)\n",
                  items_n, count[DIFFER_BOTH_READ], count[DIFFER_BOTH_REFUSE],
                  count[DIFFER_STRICTER]);
    assert_true(count[DIFFER_BOTH_READ] > 1000);
    assert_true(count[DIFFER_BOTH_REFUSE] > 1000);
    item_forget();
}

static void folder_add(const char *root, const char *folder, unsigned depth)
{
    char path[1024], name[512];
    DIR *d;
    struct dirent *f;
    struct stat st;

    snprintf(path, sizeof path, "%s/%s", root, folder);
    d = opendir(path);
    while (d != NULL && (f = readdir(d)) != NULL) {
        snprintf(path, sizeof path, "%s/%s/%s", root, folder, f->d_name);
        snprintf(name, sizeof name, "%s/%s", folder, f->d_name);
        if (f->d_name[0] == '.' || stat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode)) {
            if (depth < 5)
                folder_add(root, name, depth + 1);
        } else if (items_n < MANY) {
            AUTO_ARENA struct arena a;

            arena_init(&a, 1 << 22);
            file_add(f->d_name, vector_file(&a, folder, f->d_name));
        }
    }
    if (d != NULL)
        closedir(d);
}

static void vectors_are_read(void **state)
{
    (void)state;
    if (!vectors_here())
        skip();
    memset(count, 0, sizeof count);
    folder_add(getenv("BAILEY_VECTORS"), ".", 0);
    for (size_t i = 0; i < items_n; i++) {
        const char *what = "";
        struct bytes der = buf_bytes(&items[i].der);

        if (item_try(der, items[i].list) == DIFFER_STRICTER) {
            (void)(items[i].list ? crl_differ(der, &what) : cert_differ(der, &what));
            fail_msg("a vector of %zu bytes is refused: %s", der.n, what);
        }
    }
    print_message("%zu certificates and lists of the vectors: both read %u, both refuse %u\n",
                  items_n, count[DIFFER_BOTH_READ], count[DIFFER_BOTH_REFUSE]);
    assert_true(items_n == 0 || count[DIFFER_BOTH_READ] > 0);
    item_forget();
}

static void times_are_strict(void **state)
{
    static const struct {
        const char *text;
        uint8_t tag;
        bool good;
        int64_t at;
    } rows[] = {
        {"700101000000Z", DER_UTC_TIME, true, 0},
        {"500101000000Z", DER_UTC_TIME, true, -631152000},
        {"491231235959Z", DER_UTC_TIME, true, 2524607999},
        {"000229000000Z", DER_UTC_TIME, true, 951782400},
        {"010229000000Z", DER_UTC_TIME, false, 0},
        {"700101000060Z", DER_UTC_TIME, false, 0},
        {"7001010000Z", DER_UTC_TIME, false, 0},
        {"700101000000+0000", DER_UTC_TIME, false, 0},
        {"700101000000z", DER_UTC_TIME, false, 0},
        {"701301000000Z", DER_UTC_TIME, false, 0},
        {"700100000000Z", DER_UTC_TIME, false, 0},
        {"700101240000Z", DER_UTC_TIME, false, 0},
        {"70010100 000Z", DER_UTC_TIME, false, 0},
        {"19700101000000Z", DER_GENERALIZED_TIME, true, 0},
        {"20991231235959Z", DER_GENERALIZED_TIME, true, 4102444799},
        {"21000229000000Z", DER_GENERALIZED_TIME, false, 0},
        {"99991231235959Z", DER_GENERALIZED_TIME, true, 253402300799},
        {"00000101000000Z", DER_GENERALIZED_TIME, true, -62167219200},
        {"20260101000000.5Z", DER_GENERALIZED_TIME, false, 0},
        {"", DER_GENERALIZED_TIME, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t at = 0;
        bool good = der_time(rows[i].tag, bytes_str(rows[i].text), &at);

        if (good != rows[i].good || (good && at != rows[i].at))
            fail_msg("%s: %d, %lld", rows[i].text, good, (long long)at);
    }
}

static void identifiers_are_spelled(void **state)
{
    static const uint8_t amd[] = {0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, 0x03, 0x08};
    static const uint8_t wide[] = {0x88, 0x37, 0xff, 0xff, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
    char text[64], small[8];

    (void)state;
    assert_string_equal(der_oid_text(BYTES_OF(amd), text, sizeof text), "1.3.6.1.4.1.3704.1.3.8");
    assert_string_equal(der_oid_text(BYTES_OF(amd), small, sizeof small), "1.3.6.1");
    assert_string_equal(der_oid_text(BYTES_OF(wide), text, sizeof text), "2.999.?");
    assert_false(der_oid_ok((struct bytes){amd, 6})); /* ends within an arc */
    assert_false(der_oid_ok((struct bytes){(const uint8_t *)"\x2b\x80\x01", 3}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_vendors_sign_is_read), cmocka_unit_test(changed_bytes_are_read_alike),
        cmocka_unit_test(vectors_are_read),          cmocka_unit_test(times_are_strict),
        cmocka_unit_test(identifiers_are_spelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
