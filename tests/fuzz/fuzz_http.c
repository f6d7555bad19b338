/* Any bytes as the head of an HTTP request: what is taken lies within the bytes and reads the same
 * when more follows. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "controller/http_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(struct bytes part, struct bytes whole)
{
    BUG_ON(part.n > 0 && (part.p < whole.p || part.p + part.n > whole.p + whole.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = {data, size};
    struct http_request r, again;
    unsigned got = http_request_read(in, &r);

    if (got == HTTP_MORE)
        BUG_ON(size >= HTTP_HEAD_MAX);
    if (got != HTTP_WHOLE)
        return 0;
    BUG_ON(r.size > size || r.size > HTTP_HEAD_MAX || r.path.n == 0 || r.path.p[0] != '/');
    within(r.path, in);
    within(r.query, in);
    within(r.host, in);
    within(r.accept, in);
    in.n = r.size;
    BUG_ON(http_request_read(in, &again) != HTTP_WHOLE || again.size != r.size);
    (void)http_host_is_local(r.host);
    (void)http_accepts(r.accept, "application/openmetrics-text");
    return 0;
}
