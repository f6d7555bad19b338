/* approval list, approve, deny; settings: second persons for trust changes. */
#include <stdio.h>
#include <string.h>

#include "bailey/v1/identity.pb-c.h"
#include "base/str.h"
#include "cli/identity.h"
#include "cli/rows.h"
#include "cli/selector_flags.h"
#include "config/selector_text.h"

static const char *change_word(Bailey__V1__TrustChange change)
{
    const ProtobufCEnumValue *v =
        protobuf_c_enum_descriptor_get_value(&bailey__v1__trust_change__descriptor, (int)change);

    return change == BAILEY__V1__TRUST_CHANGE__node_approval ? "node-approval"
           : v == NULL                                       ? "unknown"
                                                             : v->name;
}

enum exit_code cmd_approval_list(struct cli *c)
{
    static const struct column columns[] = {
        {"ID", false},         {"STATE", false}, {"CHANGE", false}, {"ASKED BY", false},
        {"DECIDED BY", false}, {"UNTIL", false}, {"WHAT", false}};
    Bailey__V1__ListApprovalsRequest req = BAILEY__V1__LIST_APPROVALS_REQUEST__INIT;
    const Bailey__V1__ListApprovalsResponse *r;
    AUTO_BUF struct buf out = {0};
    ProtobufCMessage *reply;
    struct table t;

    req.all = cli_given(c, OPT_ALL);
    if (!client_open(c) || !identity_call(c, "ListApprovals", &req.base, &reply))
        return exit_code_of(&c->err);
    r = (const Bailey__V1__ListApprovalsResponse *)reply;
    if (identity_printed(c, reply))
        return EXIT_OK;
    table_init(&t, columns, sizeof columns / sizeof columns[0], c->out.format == OUTPUT_WIDE);
    for (size_t i = 0; i < r->n_approvals; i++) {
        const Bailey__V1__Approval *a = r->approvals[i];

        table_cell(&t, TONE_PLAIN, "%s", a->id);
        table_cell(&t, strcmp(a->state, "pending") == 0 ? TONE_WARN : TONE_PLAIN, "%s", a->state);
        table_cell(&t, TONE_PLAIN, "%s", change_word(a->change));
        table_cell(&t, TONE_PLAIN, "%s", a->requested_by);
        table_cell(&t, TONE_PLAIN, "%s", a->decided_by);
        table_cell(&t, TONE_DIM, "%s", a->expires_at);
        table_cell(&t, TONE_PLAIN, "%s", a->summary);
    }
    table_print(&t, c->out.colour, true, &out);
    output_put(&c->out, &out);
    table_fini(&t);
    return EXIT_OK;
}

static enum exit_code decide(struct cli *c, bool approve)
{
    Bailey__V1__DecideApprovalRequest req = BAILEY__V1__DECIDE_APPROVAL_REQUEST__INIT;
    const Bailey__V1__DecideApprovalResponse *r;
    ProtobufCMessage *reply;

    req.id = text(c->args.operand[0]);
    req.approve = approve;
    if (!client_open(c) || !identity_call(c, "DecideApproval", &req.base, &reply))
        return exit_code_of(&c->err);
    r = (const Bailey__V1__DecideApprovalResponse *)reply;
    if (identity_printed(c, reply))
        return EXIT_OK;
    output_printf(&c->out, "approval/%s %s\n", r->approval->id, r->approval->state);
    if (approve)
        output_say(&c->out, "%s may now repeat the command, once, until %s",
                   r->approval->requested_by, r->approval->expires_at);
    return EXIT_OK;
}

enum exit_code cmd_approval_approve(struct cli *c)
{
    return decide(c, true);
}

enum exit_code cmd_approval_deny(struct cli *c)
{
    return decide(c, false);
}

static void show_settings(struct cli *c, const Bailey__V1__ClusterSettings *s)
{
    AUTO_BUF struct buf out = {0};

    buf_puts(&out, "second person for:");
    for (size_t i = 0; i < s->n_require_approval; i++)
        buf_printf(&out, "%s %s", i == 0 ? "" : ",", change_word(s->require_approval[i]));
    buf_printf(&out, "%s\nnew nodes:         %s\n", s->n_require_approval == 0 ? " nothing" : "",
               !s->approve_nodes        ? "let in by their token"
               : s->n_auto_approve == 0 ? "wait for bailey node approve"
                                        : "wait for bailey node approve, or a rule");
    buf_printf(&out, "rules:             %zu\n", s->n_auto_approve);
    output_put(&c->out, &out);
}

enum exit_code cmd_settings(struct cli *c)
{
    Bailey__V1__GetSettingsRequest req = BAILEY__V1__GET_SETTINGS_REQUEST__INIT;
    ProtobufCMessage *reply;

    if (!client_open(c) || !identity_call(c, "GetSettings", &req.base, &reply))
        return exit_code_of(&c->err);
    if (!identity_printed(c, reply))
        show_settings(c, ((const Bailey__V1__GetSettingsResponse *)reply)->settings);
    return EXIT_OK;
}

static bool parse_changes(struct cli *c, char *words, Bailey__V1__TrustChange *out, size_t *n)
{
    char *list[16];
    size_t words_n = identity_list(words, list, 16);

    *n = 0;
    for (size_t i = 0; i < words_n; i++) {
        Bailey__V1__TrustChange change = BAILEY__V1__TRUST_CHANGE__revocation;

        if (strcmp(list[i], "none") == 0)
            continue;
        while (change <= BAILEY__V1__TRUST_CHANGE__settings &&
               strcmp(list[i], change_word(change)) != 0)
            change++;
        if (change > BAILEY__V1__TRUST_CHANGE__settings)
            return err_set(&c->err, ERR_INPUT, "usage.change", "no such trust change: %.40s",
                           list[i]),
                   err_expected(&c->err,
                                "revocation, lift, policy, exception, node-approval, user, "
                                "settings, or none");
        out[(*n)++] = change;
    }
    return true;
}

enum exit_code cmd_settings_set(struct cli *c)
{
    Bailey__V1__GetSettingsRequest get = BAILEY__V1__GET_SETTINGS_REQUEST__INIT;
    Bailey__V1__SetSettingsRequest req = BAILEY__V1__SET_SETTINGS_REQUEST__INIT;
    Bailey__V1__TrustChange changes[16];
    Bailey__V1__Selector *rules[1] = {NULL};
    Bailey__V1__ClusterSettings s;
    ProtobufCMessage *reply;
    char words[512];
    const char *nodes = cli_value(c, OPT_APPROVE_NODES, "");

    if (!client_open(c) || !identity_call(c, "GetSettings", &get.base, &reply))
        return exit_code_of(&c->err);
    s = *((const Bailey__V1__GetSettingsResponse *)reply)->settings;
    if (cli_given(c, OPT_REQUIRE_APPROVAL)) {
        if (!str_copy(words, sizeof words, cli_value(c, OPT_REQUIRE_APPROVAL, "")))
            return cli_usage(c, "--require-approval: too long");
        s.require_approval = changes;
        if (!parse_changes(c, words, changes, &s.n_require_approval))
            return EXIT_USAGE;
    }
    if (nodes[0] != '\0' && strcmp(nodes, "on") != 0 && strcmp(nodes, "off") != 0)
        return cli_usage(c, "--approve-nodes: on or off");
    if (nodes[0] != '\0')
        s.approve_nodes = strcmp(nodes, "on") == 0;
    if (cli_given(c, OPT_WHERE)) {
        if (!selector_flags(c, &c->client->arena, &rules[0]))
            return EXIT_USAGE;
        s.auto_approve = rules;
        s.n_auto_approve = 1;
    }
    req.settings = &s;
    if (!identity_call(c, "SetSettings", &req.base, &reply))
        return exit_code_of(&c->err);
    if (!identity_printed(c, reply))
        show_settings(c, ((const Bailey__V1__SetSettingsResponse *)reply)->settings);
    return EXIT_OK;
}
