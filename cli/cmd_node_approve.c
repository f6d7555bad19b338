/* node approve, deny, evict, ban, unban: which nodes are let in. */
#include "bailey/v1/identity.pb-c.h"
#include "cli/identity.h"
#include "cli/rows.h"

static enum exit_code decide(struct cli *c, Bailey__V1__DecideNodeRequest__Decision decision)
{
    Bailey__V1__DecideNodeRequest req = BAILEY__V1__DECIDE_NODE_REQUEST__INIT;
    ProtobufCMessage *reply;

    if (!client_open(c))
        return exit_code_of(&c->err);
    req.decision = decision;
    req.because = text(cli_value(c, OPT_BECAUSE, ""));
    for (size_t i = 0; i < c->args.n_operands; i++) {
        req.node = text(c->args.operand[i]);
        if (!identity_call(c, "DecideNode", &req.base, &reply))
            return exit_code_of(&c->err);
        if (!identity_printed(c, reply))
            output_printf(&c->out, "node/%s %s\n", req.node,
                          ((const Bailey__V1__DecideNodeResponse *)reply)->outcome);
    }
    return EXIT_OK;
}

enum exit_code cmd_node_approve(struct cli *c)
{
    return decide(c, BAILEY__V1__DECIDE_NODE_REQUEST__DECISION__approve);
}

enum exit_code cmd_node_deny(struct cli *c)
{
    return decide(c, BAILEY__V1__DECIDE_NODE_REQUEST__DECISION__deny);
}

enum exit_code cmd_node_evict(struct cli *c)
{
    return decide(c, BAILEY__V1__DECIDE_NODE_REQUEST__DECISION__evict);
}

enum exit_code cmd_node_ban(struct cli *c)
{
    return decide(c, BAILEY__V1__DECIDE_NODE_REQUEST__DECISION__ban);
}

enum exit_code cmd_node_unban(struct cli *c)
{
    return decide(c, BAILEY__V1__DECIDE_NODE_REQUEST__DECISION__unban);
}
