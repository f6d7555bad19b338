/* http_request.h - the head of one HTTP/1.x request (RFC 9112), read strictly and without state.
 *
 * A reader of our own, because Debian 12 offers only http-parser, whose makers gave it up in 2022,
 * and because so little is let through: GET and HEAD, no body, a head of at most HTTP_HEAD_MAX
 * bytes. What RFC 9112 allows a server to refuse is refused: bare LF, folded fields, space before a
 * colon. */
#ifndef CONTROLLER_HTTP_REQUEST_H
#define CONTROLLER_HTTP_REQUEST_H

#include "base/bytes.h"

#define HTTP_HEAD_MAX 8192u
#define HTTP_TARGET_MAX 1024u
#define HTTP_FIELDS_MAX 64u

/* Texts are borrowed from the bytes that were read. */
struct http_request {
    bool head_only;      /* HEAD: the answer has no body */
    struct bytes path;   /* "/metrics", as it came: nothing is unescaped */
    struct bytes query;  /* after the "?", or empty */
    struct bytes host;   /* "127.0.0.1:8442", or empty (HTTP/1.0) */
    struct bytes accept; /* of the first Accept field, or empty */
    bool keep_alive;     /* the client would send more over this connection */
    size_t size;         /* bytes of the head: the next request begins after them */
};

/* What reading led to: HTTP_MORE, HTTP_WHOLE (out is filled), or the status to refuse with: 400,
 * 405 (not GET or HEAD), 413 (has a body), 414, 431, 505. */
enum { HTTP_MORE = 0, HTTP_WHOLE = 200 };
unsigned http_request_read(struct bytes in, struct http_request *out);

/* Whether Host names this machine by an address or as "localhost": a page that some other name led
 * to us (DNS rebinding) has another one. */
bool http_host_is_local(struct bytes host);

/* Whether the Accept field names the media type, parameters aside, with a weight above 0. */
bool http_accepts(struct bytes accept, const char *type);

#endif
