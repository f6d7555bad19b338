/* Selectors as they are typed: what is understood, and the words with which the rest is refused. */
#include "tests/lib/unit.h"

#include "config/convert_rules.h"
#include "config/print.h"
#include "config/selector_text.h"

static const char *read_text(const char *text, struct buf *out, struct err *e)
{
    Bailey__V1__Selector m = BAILEY__V1__SELECTOR__INIT;
    AUTO_ARENA struct arena a;

    arena_init(&a, 1 << 20);
    buf_clear(out);
    *e = (struct err){0};
    if (!selector_text_parse(text, &a, &m, e))
        return NULL;
    print_json(&m.base, out, false);
    return buf_str(out);
}

static void understood(void **unused)
{
    static const char *const table[][2] = {
        {"vendor=amd", "{\"vendor\":[\"amd\"]}"},
        {" vendor = amd | intel ", "{\"vendor\":[\"amd\",\"intel\"]}"},
        {"vendor=amd|intel,generation=milan",
         "{\"vendor\":[\"amd\",\"intel\"],\"generation\":[\"milan\"]}"},
        {"vendor=amd,vendor=intel", "{\"vendor\":[\"amd\",\"intel\"]}"},
        {"firmware<1.55.39", "{\"firmware\":\"<1.55.39\"}"},
        {"firmware>=1.55,firmware<2", "{\"firmware\":\">=1.55 <2\"}"},
        {"firmware=1.55.39", "{\"firmware\":\"1.55.39\"}"},
        {"tcb.microcode<0x54", "{\"tcb\":{\"microcode\":\"<0x54\"}}"},
        {"microcode >= 0x48, microcode < 0x54", "{\"tcb\":{\"microcode\":\">=0x48 <0x54\"}}"},
        {"product-line=SEV-Genoa", "{\"productLine\":[\"SEV-Genoa\"]}"},
        {"tcbStatus=UpToDate|OutOfDate,tcb_date<2025-05-14",
         "{\"tcbStatus\":[\"UpToDate\",\"OutOfDate\"],\"tcbDate\":\"<2025-05-14\"}"},
        {"finding=smt,assurance=simulated",
         "{\"assurance\":[\"simulated\"],\"finding\":[\"smt\"]}"},
    };
    AUTO_BUF struct buf out = {0};
    struct err e;

    (void)unused;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *got = read_text(table[i][0], &out, &e);

        if (got == NULL)
            fail_msg("%s: %s (%s)", table[i][0], e.msg, e.field);
        assert_string_equal(got, table[i][1]);
    }
}

static void refused(void **unused)
{
    static const struct {
        const char *text, *reason, *mend;
    } table[] = {
        {"", "selector.condition", ""},
        {"amd", "selector.condition", ""},
        {"vendor=", "selector.condition", ""},
        {"vendor=amd,", "selector.condition", ""},
        {"=amd", "selector.condition", ""},
        {"vendor<amd", "selector.comparison", "|"},
        {"firmware<<2", "selector.condition", ""},
        {"firmware!2", "selector.condition", ""},
        {"vendros=amd", "selector.unknown-fact", "vendor"},
        {"vendor=amd||intel", "selector.words", ""},
        {"generation=milann", "check.unknown-word", "milan"},
        {"firmware<abc", "", ""},
        {"firmware<1,firmware>2", "", ""},
        {"tcb.microcodes<3", "check.unknown-word", "microcode"},
    };
    AUTO_BUF struct buf out = {0};
    struct err e;

    (void)unused;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (read_text(table[i].text, &out, &e) != NULL)
            fail_msg("\"%s\" was taken: %s", table[i].text, buf_str(&out));
        assert_int_equal(e.code, ERR_INPUT);
        if (table[i].reason[0] != '\0')
            assert_string_equal(e.reason, table[i].reason);
        if (strstr(e.mend, table[i].mend) == NULL)
            fail_msg("\"%s\": mend is \"%s\"", table[i].text, e.mend);
    }
}

/* Options of a command, and that both forms are one selector. */
static void options(void **unused)
{
    Bailey__V1__Selector m = BAILEY__V1__SELECTOR__INIT;
    AUTO_BUF struct buf out = {0}, typed = {0};
    AUTO_ARENA struct arena a;
    struct err e = {0};

    (void)unused;
    arena_init(&a, 1 << 20);
    assert_true(selector_text_add("vendor", "amd,intel", &a, &m, &e));
    assert_true(selector_text_add("firmware", ">=1.55 <2", &a, &m, &e));
    assert_true(selector_text_add("tcb", "microcode<0x54,snp>=23", &a, &m, &e));
    assert_false(selector_text_add("tcb", "microcode", &a, &m, &e));
    assert_false(selector_text_add("vendor", "", &a, &m, &e));
    print_json(&m.base, &out, false);
    assert_non_null(
        read_text("vendor=amd|intel,firmware>=1.55,firmware<2,microcode<0x54,snp>=23", &typed, &e));
    assert_string_equal(buf_str(&out), buf_str(&typed));
}

/* Every prefix of a good text and every byte changed: taken or refused, never more. */
static void mangled(void **unused)
{
    static const char good[] = "vendor=amd|intel, generation=milan,firmware>=1.55,microcode<0x54";
    AUTO_BUF struct buf out = {0};
    char text[sizeof good];
    struct err e;

    (void)unused;
    for (size_t n = 0; n < sizeof good; n++) {
        memcpy(text, good, sizeof good);
        text[n] = '\0';
        if (read_text(text, &out, &e) == NULL)
            assert_int_equal(e.code, ERR_INPUT);
        for (int c = 1; c < 256; c++) {
            memcpy(text, good, sizeof good);
            text[n] = (char)c;
            text[sizeof good - 1] = '\0';
            if (read_text(text, &out, &e) == NULL)
                assert_int_equal(e.code, ERR_INPUT);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(understood),
        cmocka_unit_test(refused),
        cmocka_unit_test(options),
        cmocka_unit_test(mangled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
