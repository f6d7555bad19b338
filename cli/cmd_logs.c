/* logs: what keeps wrote; their standard output to ours, their standard error to ours. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/rows.h"
#include "config/print.h"

struct reading_logs {
    const char *name; /* as asked for: a keep's, or a workload's */
};

/* Where a workload was asked for, every line says whose it is. */
static void write_lines(struct output *o, const char *keep, struct bytes data)
{
    AUTO_BUF struct buf out = {0};

    while (data.n > 0) {
        const uint8_t *end = memchr(data.p, '\n', data.n);
        size_t n = end == NULL ? data.n : (size_t)(end - data.p);

        buf_printf(&out, "%s: ", keep);
        buf_put(&out, data.p, n);
        buf_putc(&out, '\n');
        n += end != NULL;
        data = (struct bytes){data.p + n, data.n - n};
    }
    output_put(o, &out);
}

static bool take(struct cli *c, const ProtobufCMessage *m, void *user)
{
    const Bailey__V1__LogsResponse *r = (const Bailey__V1__LogsResponse *)m;
    struct bytes data = {r->data.data, r->data.len};
    struct reading_logs *l = user;
    AUTO_BUF struct buf line = {0};

    if (c->out.format == OUTPUT_JSON) {
        print_json(m, &line, false);
        buf_putc(&line, '\n');
        output_put(&c->out, &line);
        return true;
    }
    if (strcmp(r->stream, "stderr") == 0)
        fwrite(data.p, 1, data.n, stderr);
    else if (strcmp(r->keep, l->name) != 0)
        write_lines(&c->out, r->keep, data);
    else {
        buf_put(&line, data.p, data.n);
        output_put(&c->out, &line);
    }
    return true;
}

enum exit_code cmd_logs(struct cli *c)
{
    Bailey__V1__LogsRequest req = BAILEY__V1__LOGS_REQUEST__INIT;
    const char *operand = c->args.operand[0];
    const char *slash = strchr(operand, '/');
    struct reading_logs l = {0};
    int64_t timeout_ms = cli_given(c, OPT_FOLLOW) ? 0 : 30000;
    uint64_t tail = 0;

    if (!cli_number(c, OPT_TAIL, 1000000, &tail) || !cli_duration(c, OPT_TIMEOUT, &timeout_ms))
        return EXIT_USAGE;
    l.name = slash == NULL ? operand : slash + 1;
    if (!client_open(c))
        return exit_code_of(&c->err);
    req.namespace_ = text(cli_value(c, OPT_NAMESPACE, "default"));
    req.name = text(l.name);
    req.follow = cli_given(c, OPT_FOLLOW);
    req.tail_lines = (uint32_t)tail;
    if (!client_stream(c, "Logs", &req.base, timeout_ms, take, &l))
        return exit_code_of(&c->err);
    return EXIT_OK;
}
