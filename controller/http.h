/* http.h - a small HTTP/1.1 server on the loop, for programs that watch: metrics and health.
 *
 * GET and HEAD only, no TLS, no credentials: so nothing is changed through it, nothing secret is
 * told, and it listens only where the operator says (main.c). Bounded by construction: HTTP_CONNS
 * connections (an idle one makes room for a new one), a head of HTTP_HEAD_MAX bytes, and a time
 * for every step, after which the connection is cut. */
#ifndef CONTROLLER_HTTP_H
#define CONTROLLER_HTTP_H

#include <uv.h>

#include "base/buf.h"
#include "base/err.h"
#include "controller/http_request.h"

#define HTTP_CONNS 64u
#define HTTP_HEAD_MS 5000   /* from a request's first byte to its last */
#define HTTP_IDLE_MS 120000 /* between requests; Prometheus asks once a minute or so */
#define HTTP_WRITE_MS 10000 /* for the client to take the answer */
#define HTTP_LINGER_MS 1000 /* for the client to see the last answer before the end */

/* What a route fills; status 200 and text/plain if it does not say. */
struct http_answer {
    unsigned status;
    const char *type; /* Content-Type; borrowed */
    struct buf body;
};

struct http_route {
    const char *path;  /* whole: "/metrics" */
    const char *about; /* a line for the page at "/" */
    void (*answer)(void *user, const struct http_request *r, struct http_answer *a);
};

struct http_server;

/* Listens on "HOST:PORT", HOST an address or "localhost", port 0 any free one; *port is the real
 * one. routes ends with a NULL path and lives as long as the server. http.address, http.listen. */
NODISCARD bool http_server_new(uv_loop_t *loop, const char *address,
                               const struct http_route *routes, void *user,
                               struct http_server **out, int *port, struct err *e);

size_t http_server_connections(const struct http_server *s);

/* Cuts all connections; memory goes in the close callbacks. NULL is fine. */
void http_server_close(struct http_server *s);

#endif
