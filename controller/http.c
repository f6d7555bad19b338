#include "controller/http.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"

#define DISCARD_MAX (64u << 10)

/* READING --whole head--> ANSWERING --written--> READING, or with the last answer LINGERING: our
 * side is shut, what still comes is thrown away, so that the client sees the answer and not a
 * reset (RFC 9112, 9.6). Any state goes to its end by its deadline. */
enum conn_state { CONN_READING, CONN_ANSWERING, CONN_LINGERING };

struct conn {
    uv_tcp_t tcp;
    uv_timer_t deadline;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct http_server *server;
    struct conn *next, **link; /* oldest first */
    enum conn_state state;
    unsigned pending; /* callbacks owed: two closes */
    bool keep, closing;
    size_t n, discarded;
    uint8_t in[HTTP_HEAD_MAX];
    struct buf out;
};

struct http_server {
    uv_tcp_t tcp;
    const struct http_route *routes;
    void *user;
    struct conn *first, **last;
    size_t n, open; /* connections, and those that are not closing */
    bool local;     /* listens on a loopback address */
    bool closing;
};

static void server_settle(struct http_server *s)
{
    if (s->closing && s->n == 0 && s->routes == NULL)
        free(s);
}

static void on_conn_closed(uv_handle_t *h)
{
    struct conn *c = h->data;
    struct http_server *s = c->server;

    if (--c->pending > 0)
        return;
    s->n--;
    buf_fini(&c->out);
    free(c);
    server_settle(s);
}

static void conn_close(struct conn *c)
{
    struct http_server *s = c->server;

    if (c->closing)
        return;
    c->closing = true;
    s->open--;
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
    else
        s->last = c->link;
    uv_close((uv_handle_t *)&c->tcp, on_conn_closed);
    uv_close((uv_handle_t *)&c->deadline, on_conn_closed);
}

static void on_deadline(uv_timer_t *t)
{
    conn_close(t->data);
}

static void within(struct conn *c, uint64_t ms)
{
    uv_timer_start(&c->deadline, on_deadline, ms, 0);
}

static const char *reason_phrase(unsigned status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 421:
        return "Misdirected Request";
    case 431:
        return "Request Header Fields Too Large";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Internal Server Error";
    }
}

static void read_on(struct conn *c);

static void on_shutdown(uv_shutdown_t *r, int status)
{
    (void)r;
    (void)status;
}

static void on_written(uv_write_t *w, int status)
{
    struct conn *c = w->data;

    if (c->closing)
        return;
    if (status < 0) {
        conn_close(c);
        return;
    }
    buf_clear(&c->out);
    if (c->keep) {
        c->state = CONN_READING;
        read_on(c);
        return;
    }
    c->state = CONN_LINGERING;
    c->n = 0;
    within(c, HTTP_LINGER_MS);
    if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shutdown) < 0)
        conn_close(c);
    else
        read_on(c);
}

static void answer(struct conn *c, struct http_answer *a, bool head_only)
{
    uv_buf_t b;

    if (a->body.failed) {
        buf_fini(&a->body);
        a->status = 500;
        a->type = NULL;
        buf_puts(&a->body, "the answer is too large\n");
    }
    buf_printf(&c->out,
               "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
               "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%sConnection: "
               "%s\r\n\r\n",
               a->status, reason_phrase(a->status),
               a->type == NULL ? "text/plain; charset=utf-8" : a->type, a->body.n,
               a->status == 405 ? "Allow: GET, HEAD\r\n" : "", c->keep ? "keep-alive" : "close");
    if (!head_only && a->body.n > 0)
        buf_put(&c->out, a->body.p, a->body.n);
    buf_fini(&a->body);
    uv_read_stop((uv_stream_t *)&c->tcp);
    c->state = CONN_ANSWERING;
    within(c, HTTP_WRITE_MS);
    if (!buf_ok(&c->out, NULL)) {
        conn_close(c);
        return;
    }
    b = uv_buf_init((char *)c->out.p, (unsigned)c->out.n);
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &b, 1, on_written) < 0)
        conn_close(c);
}

static void refuse(struct conn *c, unsigned status)
{
    struct http_answer a = {.status = status};

    c->keep = false;
    buf_printf(&a.body, "%u %s\n", status, reason_phrase(status));
    answer(c, &a, false);
}

static void index_page(const struct http_server *s, struct http_answer *a)
{
    buf_puts(&a->body, "bailey-controller\n\n");
    for (const struct http_route *r = s->routes; r->path != NULL; r++)
        buf_printf(&a->body, "  %-10s %s\n", r->path, r->about);
}

static void serve(struct conn *c, const struct http_request *r)
{
    const struct http_server *s = c->server;
    struct http_answer a = {.status = 200};

    /* a page under a foreign name must not read through a browser what only this machine may */
    if (s->local && r->host.n > 0 && !http_host_is_local(r->host)) {
        refuse(c, 421);
        return;
    }
    c->keep = r->keep_alive && !s->closing;
    if (bytes_equal(r->path, bytes_str("/"))) {
        index_page(s, &a);
        answer(c, &a, r->head_only);
        return;
    }
    for (const struct http_route *route = s->routes; route->path != NULL; route++)
        if (bytes_equal(r->path, bytes_str(route->path))) {
            route->answer(s->user, r, &a);
            answer(c, &a, r->head_only);
            return;
        }
    a.status = 404;
    buf_puts(&a.body, "404 Not Found\n");
    answer(c, &a, r->head_only);
}

/* Serves the head that is there, or returns false: more is needed. */
static bool step(struct conn *c)
{
    struct http_request r;
    unsigned got = http_request_read((struct bytes){c->in, c->n}, &r);

    if (got == HTTP_MORE)
        return false;
    if (got != HTTP_WHOLE) {
        refuse(c, got);
        return true;
    }
    serve(c, &r);
    memmove(c->in, c->in + r.size, c->n - r.size);
    c->n -= r.size;
    return true;
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *b)
{
    struct conn *c = h->data;

    (void)suggested;
    *b = uv_buf_init((char *)c->in + c->n, (unsigned)(sizeof c->in - c->n));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct conn *c = stream->data;

    (void)b;
    if (n == 0)
        return;
    if (n < 0) {
        conn_close(c);
        return;
    }
    if (c->state == CONN_LINGERING) {
        c->discarded += (size_t)n;
        if (c->discarded > DISCARD_MAX)
            conn_close(c);
        return;
    }
    if (c->n == 0)
        within(c, HTTP_HEAD_MS);
    c->n += (size_t)n;
    (void)step(c);
}

static void read_on(struct conn *c)
{
    if (c->state == CONN_READING) {
        within(c, c->n == 0 ? HTTP_IDLE_MS : HTTP_HEAD_MS);
        if (c->n > 0 && step(c))
            return;
    }
    if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) < 0)
        conn_close(c);
}

/* The oldest connection that only waits makes room. */
static void make_room(struct http_server *s)
{
    for (struct conn *c = s->first; c != NULL; c = c->next)
        if ((c->state == CONN_READING && c->n == 0) || c->state == CONN_LINGERING) {
            conn_close(c);
            return;
        }
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct http_server *s = stream->data;
    struct conn *c;

    if (status < 0 || s->closing)
        return;
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return;
    if (s->open >= HTTP_CONNS)
        make_room(s);
    c->server = s;
    c->pending = 2;
    c->tcp.data = c->deadline.data = c->write.data = c;
    uv_tcp_init(stream->loop, &c->tcp);
    uv_timer_init(stream->loop, &c->deadline);
    c->link = s->last;
    *s->last = c;
    s->last = &c->next;
    s->n++;
    s->open++;
    if (uv_accept(stream, (uv_stream_t *)&c->tcp) < 0 || s->open > HTTP_CONNS) {
        conn_close(c);
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    read_on(c);
}

static bool address_parse(const char *text, struct sockaddr_storage *out, bool *local,
                          struct err *e)
{
    const char *colon = strrchr(text, ':');
    size_t n = colon == NULL ? 0 : (size_t)(colon - text);
    char host[64];
    uint64_t port;
    bool six = n > 2 && text[0] == '[' && text[n - 1] == ']';
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    struct sockaddr_in *in4 = (struct sockaddr_in *)out;
    bool ok;

    snprintf(host, sizeof host, "%.*s", (int)(six ? n - 2 : n), six ? text + 1 : text);
    if (strcmp(host, "localhost") == 0)
        str_copy(host, sizeof host, "127.0.0.1");
    ok = n > 0 && n < sizeof host && u64_parse(colon + 1, &port) && port <= 65535 &&
         (six ? uv_ip6_addr(host, (int)port, in6) : uv_ip4_addr(host, (int)port, in4)) == 0;
    if (!ok)
        return err_set(e, ERR_INPUT, "http.address", "not an address to listen on: %.80s", text),
               err_expected(e, "ADDRESS:PORT: 127.0.0.1:8442, [::1]:8442, 0.0.0.0:8442");
    *local =
        six ? IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) : (ntohl(in4->sin_addr.s_addr) >> 24) == 127;
    return true;
}

static void on_server_closed(uv_handle_t *h)
{
    struct http_server *s = h->data;

    s->routes = NULL;
    server_settle(s);
}

bool http_server_new(uv_loop_t *loop, const char *address, const struct http_route *routes,
                     void *user, struct http_server **out, int *port, struct err *e)
{
    struct sockaddr_storage at = {0};
    int length = sizeof at, r;
    struct http_server *s;
    bool local;

    if (!address_parse(address, &at, &local, e))
        return false;
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(e, ERR_NOMEM, "http.memory", "no memory");
    s->routes = routes;
    s->user = user;
    s->last = &s->first;
    s->local = local;
    uv_tcp_init(loop, &s->tcp);
    s->tcp.data = s;
    r = uv_tcp_bind(&s->tcp, (struct sockaddr *)&at, 0);
    if (r == 0)
        r = uv_listen((uv_stream_t *)&s->tcp, 128, on_connection);
    if (r == 0)
        r = uv_tcp_getsockname(&s->tcp, (struct sockaddr *)&at, &length);
    if (r < 0) {
        http_server_close(s);
        return err_set(e, ERR_UNAVAIL, "http.listen", "cannot listen on %.80s: %s", address,
                       uv_strerror(r));
    }
    *port = at.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&at)->sin6_port)
                                     : ntohs(((struct sockaddr_in *)&at)->sin_port);
    *out = s;
    return true;
}

size_t http_server_connections(const struct http_server *s)
{
    return s->open;
}

void http_server_close(struct http_server *s)
{
    if (s == NULL || s->closing)
        return;
    s->closing = true;
    while (s->first != NULL)
        conn_close(s->first);
    uv_close((uv_handle_t *)&s->tcp, on_server_closed);
}
