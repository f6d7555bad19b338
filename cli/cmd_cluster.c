/* status, token create: the cluster as a whole. */
#include <stdio.h>

#include "cli/client.h"
#include "cli/rows.h"

static void show_status(struct cli *c, const Bailey__V1__StatusResponse *s)
{
    AUTO_BUF struct buf out = {0};
    char age[AGE_TEXT];

    buf_printf(&out, "cluster     %s\n", s->cluster_id);
    buf_printf(&out, "controller  %s, up %s, epoch %llu, revision %llu\n", s->controller_version,
               age_since(s->started_at, age), (unsigned long long)s->epoch,
               (unsigned long long)s->revision);
    buf_printf(&out, "nodes       %u, %u connected, %u verified\n", s->nodes, s->nodes_connected,
               s->nodes_verified);
    buf_printf(&out, "workloads   %u\n", s->workloads);
    buf_printf(&out, "keeps       %u running, %u pending\n", s->keeps_running, s->keeps_pending);
    if (s->suspended[0] != '\0')
        buf_printf(&out, "SUSPENDED   %s\n", s->suspended);
    if (s->keeps_moving > 0)
        buf_printf(&out, "moving      %u keeps have to leave their nodes\n", s->keeps_moving);
    if (s->nodes_cordoned > 0)
        buf_printf(&out, "cordoned    %u nodes\n", s->nodes_cordoned);
    buf_printf(&out, "policies    %u, revision %llu\n", s->policies,
               (unsigned long long)s->policy_revision);
    for (size_t i = 0; i < s->n_exceptions; i++)
        buf_printf(&out, "exception   %s\n", s->exceptions[i]);
    if (s->allow_simulated)
        buf_puts(&out, "evidence    SIMULATED evidence may count: not for production\n");
    if (s->collateral_expired + s->collateral_expiring > 0)
        buf_printf(&out, "collateral  %u past their date, %u within seven days of it\n",
                   s->collateral_expired, s->collateral_expiring);
    for (size_t i = 0; i < s->n_reserve_short; i++)
        buf_printf(&out, "reserve     %s\n", s->reserve_short[i]);
    for (size_t i = 0; i < s->n_classes; i++)
        buf_printf(&out, "%s%5u  %s\n", i == 0 ? "platforms\n" : "", s->classes[i]->nodes,
                   s->classes[i]->facts);
    output_put(&c->out, &out);
}

enum exit_code cmd_status(struct cli *c)
{
    Bailey__V1__StatusRequest req = BAILEY__V1__STATUS_REQUEST__INIT;
    ProtobufCMessage *reply;

    if (!client_open(c) || !client_call(c, "Status", &req.base, &reply))
        return exit_code_of(&c->err);
    if (c->out.format == OUTPUT_JSON || c->out.format == OUTPUT_YAML)
        output_message(&c->out, reply, 0);
    else
        show_status(c, (const Bailey__V1__StatusResponse *)reply);
    return EXIT_OK;
}

enum exit_code cmd_token_create(struct cli *c)
{
    Bailey__V1__CreateTokenRequest req = BAILEY__V1__CREATE_TOKEN_REQUEST__INIT;
    const Bailey__V1__CreateTokenResponse *r;
    ProtobufCMessage *reply;
    int64_t ttl_ms = 0;

    if (!cli_duration(c, OPT_TTL, &ttl_ms))
        return EXIT_USAGE;
    if (cli_given(c, OPT_TTL) && (ttl_ms < 1000 || ttl_ms > INT64_C(7) * 86400 * 1000))
        return cli_usage(c, "--ttl: want 1s to 7d");
    if (!client_open(c))
        return exit_code_of(&c->err);
    req.node = text(cli_value(c, OPT_NODE, ""));
    req.ttl_s = (uint32_t)(ttl_ms / 1000);
    if (!client_call(c, "CreateToken", &req.base, &reply))
        return exit_code_of(&c->err);
    r = (const Bailey__V1__CreateTokenResponse *)reply;
    if (c->out.format == OUTPUT_JSON || c->out.format == OUTPUT_YAML) {
        output_message(&c->out, reply, 0);
        return EXIT_OK;
    }
    output_printf(&c->out, "%s\n", r->token);
    output_say(&c->out, "one node%s%s can join with it until %s; it is a secret",
               req.node[0] == '\0' ? "" : ", ", req.node, r->expires_at);
    return EXIT_OK;
}
