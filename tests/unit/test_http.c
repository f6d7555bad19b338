/* The head of an HTTP request, and metrics as text. */
#include "tests/lib/unit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "controller/exposition.h"
#include "controller/http_request.h"

struct head {
    const char *text;
    const char *path, *query, *host;
    bool keep, head_only;
};

static const struct head heads[] = {
    {"GET /metrics HTTP/1.1\r\nHost: h:1\r\n\r\n", "/metrics", "", "h:1", true, false},
    {"GET / HTTP/1.0\r\n\r\n", "/", "", "", false, false},
    {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "/", "", "", true, false},
    {"HEAD /a?b=c HTTP/1.1\r\nhost:\t h \r\nConnection: x, Close\r\n\r\n", "/a", "b=c", "h", false,
     true},
    {"GET http://h:1/metrics?x HTTP/1.1\r\nHost: other\r\n\r\n", "/metrics", "x", "h:1", true,
     false},
    {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "/", "", "h", true, false},
};

static const struct {
    const char *text;
    unsigned status;
} refused[] = {
    {"GET / HTTP/1.1\r\nHost: h\r\n", 0},
    {"GET", 0},
    {"", 0},
    {"POST / HTTP/1.1\r\nHost: h\r\n\r\n", 405},
    {"HEADHEADHEADHEAD / HTTP/1.1\r\nHost: h\r\n\r\n", 405},
    {"GETX / HTTP/1.1\r\nHost: h\r\n\r\n", 405},
    {"GE T / HTTP/1.1\r\nHost: h\r\n\r\n", 400},
    {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
    {"GET / HTTP/1.1\r\n\r\n", 400},                        /* no Host */
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},  /* two */
    {"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400},            /* space before the colon */
    {"GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400},  /* RFC 9112, 5.2 */
    {"GET / HTTP/1.1\nHost: h\r\n\r\n", 400},               /* bare LF */
    {"GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n", 400},  /* bare CR */
    {"GET / HTTP/1.1\r\nHost: h\r\nA: b\x01\r\n\r\n", 400}, /* control character */
    {"GET /\x80 HTTP/1.1\r\nHost: h\r\n\r\n", 400},         /* not ASCII */
    {"GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400},             /* no path */
    {"GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n", 400},     /* no host in it */
    {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n", 413},
    {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 413},
};

static void check_text(struct bytes got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    if (got.n > 0)
        assert_memory_equal(got.p, want, got.n);
}

static void heads_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(heads); i++) {
        const struct head *h = &heads[i];
        struct http_request r = {0};

        assert_int_equal(http_request_read(bytes_str(h->text), &r), HTTP_WHOLE);
        check_text(r.path, h->path);
        check_text(r.query, h->query);
        check_text(r.host, h->host);
        assert_int_equal(r.keep_alive, h->keep);
        assert_int_equal(r.head_only, h->head_only);
        assert_int_equal(r.size, strlen(h->text));
    }
}

static void heads_are_refused(void **state)
{
    struct http_request r;

    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++)
        assert_int_equal(http_request_read(bytes_str(refused[i].text), &r), refused[i].status);
}

/* Every prefix of a good head wants more; what follows is left alone. */
static void prefixes_want_more(void **state)
{
    static const char text[] = "GET /metrics HTTP/1.1\r\nHost: h\r\nAccept: a/b\r\n\r\nGET / ";
    size_t whole = (size_t)(strstr(text, "\r\n\r\n") + 4 - text);
    struct http_request r;

    (void)state;
    for (size_t n = 0; n < sizeof text - 1; n++)
        assert_int_equal(http_request_read((struct bytes){(const uint8_t *)text, n}, &r),
                         n < whole ? HTTP_MORE : HTTP_WHOLE);
    assert_int_equal(r.size, whole);
    check_text(r.accept, "a/b");
}

static void heads_have_limits(void **state)
{
    struct http_request r;
    static char text[HTTP_HEAD_MAX + 200];
    size_t n;

    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text, "GET /", 5);
    assert_int_equal(http_request_read((struct bytes){(uint8_t *)text, HTTP_HEAD_MAX - 1}, &r),
                     HTTP_MORE);
    assert_int_equal(http_request_read((struct bytes){(uint8_t *)text, HTTP_HEAD_MAX}, &r), 431);
    memcpy(text + 5 + HTTP_TARGET_MAX, " HTTP/1.1\r\nHost: h\r\n\r\n", 23);
    assert_int_equal(http_request_read(bytes_str(text), &r), 414);
    n = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (unsigned i = 0; i < HTTP_FIELDS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "A%u: b\r\n", i);
    snprintf(text + n, sizeof text - n, "\r\n");
    assert_int_equal(http_request_read(bytes_str(text), &r), 431);
}

static void hosts_and_types(void **state)
{
    static const char openmetrics[] = "application/openmetrics-text";

    (void)state;
    assert_true(http_host_is_local(bytes_str("127.0.0.1:8442")));
    assert_true(http_host_is_local(bytes_str("LOCALHOST")));
    assert_true(http_host_is_local(bytes_str("[::1]:8442")));
    assert_false(http_host_is_local(bytes_str("evil.example:8442")));
    assert_false(http_host_is_local(bytes_str("127.0.0.1.evil.example")));
    assert_false(http_host_is_local(bytes_str("[::1")));
    assert_false(http_host_is_local(bytes_str("")));
    assert_true(http_accepts(
        bytes_str("text/html, application/openmetrics-text;version=1.0.0;q=0.5"), openmetrics));
    assert_false(http_accepts(bytes_str("application/openmetrics-text;q=0.0,*/*"), openmetrics));
    assert_false(http_accepts(bytes_str("text/plain;version=0.0.4"), openmetrics));
    assert_false(http_accepts((struct bytes){0}, openmetrics));
}

static void formats_differ_in_counters_only(void **state)
{
    AUTO_BUF struct buf text = {0};
    struct exposition x = {.out = &text};

    (void)state;
    for (int i = 0; i < 2; i++) {
        x.openmetrics = i == 1;
        exposition_one(&x, "a_seconds", "Say \"a\\b\"\nso.", 0.25);
        exposition_counter(&x, "b", "B.");
        exposition_sample(&x, "", (const struct tag[]){{"k", "q\"\\\n"}, {"l", ""}, {NULL, NULL}},
                          12345678901.0);
        exposition_sample(&x, "", NULL, (double)INFINITY);
        exposition_end(&x);
    }
    assert_string_equal(buf_str(&text), "# HELP a_seconds Say \"a\\\\b\"\\nso.\n"
                                        "# TYPE a_seconds gauge\na_seconds 0.25\n"
                                        "# HELP b_total B.\n# TYPE b_total counter\n"
                                        "b_total{k=\"q\\\"\\\\\\n\",l=\"\"} 12345678901\n"
                                        "b_total +Inf\n"
                                        "# HELP a_seconds Say \\\"a\\\\b\\\"\\nso.\n"
                                        "# TYPE a_seconds gauge\na_seconds 0.25\n"
                                        "# HELP b B.\n# TYPE b counter\n"
                                        "b_total{k=\"q\\\"\\\\\\n\",l=\"\"} 12345678901\n"
                                        "b_total +Inf\n# EOF\n");
}

/* Buckets are cumulative, and the last one has all. */
static void histograms_add_up(void **state)
{
    AUTO_BUF struct buf text = {0};
    struct exposition x = {.out = &text};
    struct histogram h = {0};

    (void)state;
    histogram_observe(&h, 100); /* a bound belongs to its bucket */
    histogram_observe(&h, 101);
    histogram_observe(&h, 3000000);
    exposition_histogram(&x, "t_seconds", "T.");
    exposition_observations(&x, (const struct tag[]){{"m", "n"}, {NULL, NULL}}, &h);
    assert_non_null(strstr(buf_str(&text), "t_seconds_bucket{m=\"n\",le=\"0.0001\"} 1\n"));
    assert_non_null(strstr(buf_str(&text), "t_seconds_bucket{m=\"n\",le=\"0.00025\"} 2\n"));
    assert_non_null(strstr(buf_str(&text), "t_seconds_bucket{m=\"n\",le=\"2.5\"} 2\n"));
    assert_non_null(strstr(buf_str(&text), "t_seconds_bucket{m=\"n\",le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(buf_str(&text), "t_seconds_sum{m=\"n\"} 3.000201\n"));
    assert_non_null(strstr(buf_str(&text), "t_seconds_count{m=\"n\"} 3\n"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_read),     cmocka_unit_test(heads_are_refused),
        cmocka_unit_test(prefixes_want_more), cmocka_unit_test(heads_have_limits),
        cmocka_unit_test(hosts_and_types),    cmocka_unit_test(formats_differ_in_counters_only),
        cmocka_unit_test(histograms_add_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
