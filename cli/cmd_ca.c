/* ca status, rotate, trust: the cluster's certificate authorities. */
#include <string.h>

#include "bailey/v1/identity.pb-c.h"
#include "cli/files.h"
#include "cli/identity.h"
#include "cli/rows.h"

static void show(struct cli *c, const Bailey__V1__CaStatusResponse *r)
{
    static const struct column columns[] = {
        {"PIN", false},          {"STATE", false}, {"KNOWN BY", false}, {"NODES SIGNED", false},
        {"USERS SIGNED", false}, {"UNTIL", false}, {"KEY", true}};
    AUTO_BUF struct buf out = {0};
    struct table t;

    table_init(&t, columns, sizeof columns / sizeof columns[0], c->out.format == OUTPUT_WIDE);
    for (size_t i = 0; i < r->n_authorities; i++) {
        const Bailey__V1__CaAuthority *a = r->authorities[i];
        bool wide = c->out.format == OUTPUT_WIDE;

        table_cell(&t, TONE_PLAIN, "%.*s", wide ? 64 : 16, a->pin);
        table_cell(&t, strcmp(a->state, "active") == 0 ? TONE_GOOD : TONE_PLAIN, "%s", a->state);
        table_cell(&t, TONE_PLAIN, "%u", a->nodes_know);
        table_cell(&t, TONE_PLAIN, "%u", a->nodes_signed);
        table_cell(&t, TONE_PLAIN, "%u", a->users_signed);
        table_cell(&t, TONE_PLAIN, "%s", a->expires_at);
        table_cell(&t, TONE_DIM, "%s", a->key);
    }
    table_print(&t, c->out.colour, true, &out);
    buf_printf(&out, "next: %s", r->next);
    for (size_t i = 0; i < r->n_waits_for; i++)
        buf_printf(&out, "%s%s", i == 0 ? ", which waits for " : ", ", r->waits_for[i]);
    buf_puts(&out, "\n");
    output_put(&c->out, &out);
    table_fini(&t);
}

static bool status(struct cli *c, ProtobufCMessage **reply)
{
    Bailey__V1__CaStatusRequest req = BAILEY__V1__CA_STATUS_REQUEST__INIT;

    return identity_call(c, "CaStatus", &req.base, reply);
}

enum exit_code cmd_ca_status(struct cli *c)
{
    ProtobufCMessage *reply;

    if (!client_open(c) || !status(c, &reply))
        return exit_code_of(&c->err);
    if (!identity_printed(c, reply))
        show(c, (const Bailey__V1__CaStatusResponse *)reply);
    return EXIT_OK;
}

/* Over the connection that the authorities of now vouch for, the ones to believe from now on. */
static bool learn(struct cli *c)
{
    Bailey__V1__WhoAmIRequest req = BAILEY__V1__WHO_AM_IREQUEST__INIT;
    ProtobufCMessage *reply;

    return identity_call(c, "WhoAmI", &req.base, &reply) &&
           file_put(c->client->context.ca, 0644,
                    bytes_str(((const Bailey__V1__WhoAmIResponse *)reply)->ca), &c->err);
}

enum exit_code cmd_ca_rotate(struct cli *c)
{
    Bailey__V1__CaRotateRequest req = BAILEY__V1__CA_ROTATE_REQUEST__INIT;
    const Bailey__V1__CaRotateResponse *r;
    ProtobufCMessage *reply;

    if (!client_open(c) || !status(c, &reply))
        return exit_code_of(&c->err);
    req.step = c->args.n_operands > 0 ? text(c->args.operand[0])
                                      : ((const Bailey__V1__CaStatusResponse *)reply)->next;
    req.force = cli_given(c, OPT_FORCE);
    /* this context learns with every step, so that it knows the new one before it is used */
    if (!identity_call(c, "CaRotate", &req.base, &reply) || !learn(c))
        return exit_code_of(&c->err);
    r = (const Bailey__V1__CaRotateResponse *)reply;
    if (!identity_printed(c, reply)) {
        output_printf(&c->out, "ca/%s done\n", req.step);
        show(c, r->status);
    }
    return EXIT_OK;
}

enum exit_code cmd_ca_trust(struct cli *c)
{
    if (!client_open(c) || !learn(c))
        return exit_code_of(&c->err);
    output_printf(&c->out, "%s\n", c->client->context.ca);
    return EXIT_OK;
}
