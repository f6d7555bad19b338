#include "controller/http_request.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static struct bytes part(struct bytes b, size_t from, size_t to)
{
    return (struct bytes){b.p + from, to - from};
}

static bool same(struct bytes b, const char *text)
{
    return b.n == strlen(text) && strncasecmp((const char *)b.p, text, b.n) == 0;
}

static size_t find(struct bytes b, char c)
{
    const uint8_t *at = b.n == 0 ? NULL : memchr(b.p, c, b.n);

    return at == NULL ? b.n : (size_t)(at - b.p);
}

static struct bytes trim(struct bytes b)
{
    while (b.n > 0 && (b.p[0] == ' ' || b.p[0] == '\t'))
        b = part(b, 1, b.n);
    while (b.n > 0 && (b.p[b.n - 1] == ' ' || b.p[b.n - 1] == '\t'))
        b.n--;
    return b;
}

/* RFC 9110, 5.6.2 */
static bool is_token(struct bytes b)
{
    for (size_t i = 0; i < b.n; i++) {
        uint8_t c = b.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!plain && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL))
            return false;
    }
    return b.n > 0;
}

/* What may stand in a target: visible ASCII. */
static bool is_visible(struct bytes b)
{
    for (size_t i = 0; i < b.n; i++)
        if (b.p[i] <= ' ' || b.p[i] >= 0x7f)
            return false;
    return b.n > 0;
}

/* "http://host/path" counts as Host and path (RFC 9112, 3.2.2). */
static unsigned read_target(struct bytes t, struct http_request *out)
{
    size_t mark;

    if (t.n > HTTP_TARGET_MAX)
        return 414;
    if (!is_visible(t))
        return 400;
    if (t.n > 7 && same(part(t, 0, 7), "http://")) {
        t = part(t, 7, t.n);
        mark = find(t, '/');
        if (mark == 0 || mark == t.n)
            return 400;
        out->host = part(t, 0, mark);
        t = part(t, mark, t.n);
    }
    if (t.p[0] != '/')
        return 400;
    mark = find(t, '?');
    out->path = part(t, 0, mark);
    if (mark < t.n)
        out->query = part(t, mark + 1, t.n);
    return HTTP_MORE;
}

static unsigned read_request_line(struct bytes line, bool *modern, struct http_request *out)
{
    size_t space = find(line, ' ');
    struct bytes method = part(line, 0, space), version;
    unsigned refused;

    if (space == line.n || !is_token(method))
        return 400;
    line = part(line, space + 1, line.n);
    space = find(line, ' ');
    if (space == line.n)
        return line.n > HTTP_TARGET_MAX ? 414 : 400;
    version = part(line, space + 1, line.n);
    if (version.n != 8 || memcmp(version.p, "HTTP/", 5) != 0)
        return 400;
    *modern = memcmp(version.p, "HTTP/1.1", 8) == 0;
    if (!*modern && memcmp(version.p, "HTTP/1.0", 8) != 0)
        return 505;
    refused = read_target(part(line, 0, space), out);
    if (refused != HTTP_MORE)
        return refused;
    out->head_only = bytes_equal(method, BYTES_LIT("HEAD"));
    return out->head_only || bytes_equal(method, BYTES_LIT("GET")) ? HTTP_MORE : 405;
}

struct fields {
    unsigned n;
    bool host, close, keep;
};

static void connection(struct bytes v, struct fields *f)
{
    while (v.n > 0) {
        size_t comma = find(v, ',');
        struct bytes word = trim(part(v, 0, comma));

        f->close = f->close || same(word, "close");
        f->keep = f->keep || same(word, "keep-alive");
        v = part(v, comma < v.n ? comma + 1 : v.n, v.n);
    }
}

static unsigned read_field(struct bytes line, struct fields *f, struct http_request *out)
{
    size_t colon = find(line, ':');
    struct bytes name = part(line, 0, colon), value;

    if (colon == line.n || !is_token(name))
        return 400;
    if (++f->n > HTTP_FIELDS_MAX)
        return 431;
    value = trim(part(line, colon + 1, line.n));
    for (size_t i = 0; i < value.n; i++)
        if ((value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 0x7f)
            return 400;
    if (same(name, "host")) {
        if (f->host || (value.n > 0 && !is_visible(value)))
            return 400;
        f->host = true;
        if (out->host.n == 0) /* a target in absolute form goes before */
            out->host = value;
    } else if (same(name, "accept") && out->accept.p == NULL) {
        out->accept = value;
    } else if (same(name, "connection")) {
        connection(value, f);
    } else if (same(name, "transfer-encoding") ||
               (same(name, "content-length") && !same(value, "0"))) {
        return 413;
    }
    return HTTP_MORE;
}

/* Up to and without the next CRLF; false: none, or a CR or LF by itself. */
static bool next_line(struct bytes *rest, struct bytes *line)
{
    size_t end = find(*rest, '\n');

    if (end == 0 || end == rest->n || rest->p[end - 1] != '\r')
        return false;
    *line = part(*rest, 0, end - 1);
    *rest = part(*rest, end + 1, rest->n);
    return find(*line, '\r') == line->n;
}

unsigned http_request_read(struct bytes in, struct http_request *out)
{
    const uint8_t *end = in.n == 0 ? NULL : memmem(in.p, in.n, "\r\n\r\n", 4);
    struct http_request got = {0};
    struct fields f = {0};
    struct bytes rest = in, line;
    bool modern = false;
    unsigned refused;

    if (end == NULL || (size_t)(end - in.p) + 4 > HTTP_HEAD_MAX)
        return end != NULL || in.n >= HTTP_HEAD_MAX ? 431 : HTTP_MORE;
    got.size = (size_t)(end - in.p) + 4;
    rest.n = got.size;
    if (!next_line(&rest, &line))
        return 400;
    refused = read_request_line(line, &modern, &got);
    while (refused == HTTP_MORE) {
        if (!next_line(&rest, &line))
            return 400;
        if (line.n == 0)
            break;
        refused = read_field(line, &f, &got);
    }
    if (refused != HTTP_MORE)
        return refused;
    if (modern && !f.host)
        return 400;
    got.keep_alive = !f.close && (modern || f.keep);
    *out = got;
    return HTTP_WHOLE;
}

bool http_host_is_local(struct bytes host)
{
    char text[64];
    uint8_t address[16];
    bool six = host.n > 0 && host.p[0] == '[';
    size_t end = six ? find(host, ']') : find(host, ':');

    if (six) {
        if (end == host.n)
            return false;
        host = part(host, 1, end);
    } else {
        host = part(host, 0, end);
    }
    if (host.n == 0 || host.n >= sizeof text)
        return false;
    snprintf(text, sizeof text, "%.*s", (int)host.n, (const char *)host.p);
    return inet_pton(six ? AF_INET6 : AF_INET, text, address) == 1 ||
           (!six && strcasecmp(text, "localhost") == 0);
}

/* "q=0", "q=0.000": not acceptable (RFC 9110, 12.4.2). */
static bool weighs_nothing(struct bytes parameters)
{
    while (parameters.n > 0) {
        size_t end = find(parameters, ';');
        struct bytes p = trim(part(parameters, 0, end));

        if (p.n >= 3 && (p.p[0] == 'q' || p.p[0] == 'Q') && p.p[1] == '=') {
            for (size_t i = 2; i < p.n; i++)
                if (p.p[i] != '0' && p.p[i] != '.')
                    return false;
            return true;
        }
        parameters = part(parameters, end < parameters.n ? end + 1 : end, parameters.n);
    }
    return false;
}

bool http_accepts(struct bytes accept, const char *type)
{
    while (accept.n > 0) {
        size_t comma = find(accept, ',');
        struct bytes range = part(accept, 0, comma);
        size_t semicolon = find(range, ';');

        if (same(trim(part(range, 0, semicolon)), type))
            return !weighs_nothing(part(range, semicolon, range.n));
        accept = part(accept, comma < accept.n ? comma + 1 : comma, accept.n);
    }
    return false;
}
