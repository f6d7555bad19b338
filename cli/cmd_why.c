/* why: the explanation of a placement, rule by rule. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/rows.h"

static void paint(struct cli *c, enum tone tone, const char *words, struct buf *out)
{
    if (c->out.colour)
        buf_printf(out, "%s%s%s", tone_begin(tone), words, tone_end(tone));
    else
        buf_puts(out, words);
}

static enum tone tone_of(const char *outcome)
{
    if (strcmp(outcome, "true") == 0)
        return TONE_GOOD;
    return strcmp(outcome, "unknown") == 0 ? TONE_WARN : TONE_BAD;
}

/* "firmware is 1.55.30 (proven by REPORT.CURRENT), want >=1.55.39: false" */
static void condition(struct cli *c, const Bailey__V1__ConditionExplanation *k, struct buf *out)
{
    buf_printf(out, "        %s is %s", k->fact, k->seen[0] == '\0' ? "unknown" : k->seen);
    if (k->source[0] != '\0' && strcmp(k->source, "unknown") != 0)
        buf_printf(out, " (%s%s%s)", k->source, k->evidence_field[0] == '\0' ? "" : " by ",
                   k->evidence_field);
    buf_printf(out, ", rule says %s: ", k->wanted[0] == '\0' ? "-" : k->wanted);
    paint(c, tone_of(k->outcome), k->outcome, out);
    buf_putc(out, '\n');
}

static void rule(struct cli *c, const Bailey__V1__RuleExplanation *r, struct buf *out)
{
    const char *told = "holds";
    bool refuses = strcmp(r->effect, "refuse") == 0;
    bool holds = strcmp(r->outcome, "true") == 0;

    if (strcmp(r->outcome, "unknown") == 0)
        told = refuses ? "cannot be ruled out" : "is not proven";
    else if (!holds)
        told = refuses ? "does not apply" : "does not hold";
    buf_printf(out, "    %s %s: ", r->decides ? ">" : " ", r->rule);
    paint(c, refuses == holds ? TONE_BAD : TONE_GOOD, r->effect, out);
    buf_printf(out, " %s%s%s%s\n", told, r->because[0] == '\0' ? "" : " (", r->because,
               r->because[0] == '\0' ? "" : ")");
    for (size_t i = 0; i < r->n_conditions; i++)
        if (r->decides || c->out.format == OUTPUT_WIDE ||
            strcmp(r->conditions[i]->outcome, "true") != 0)
            condition(c, r->conditions[i], out);
}

/* A refusal that does not apply stands in nobody's way: it is left out unless all is asked for. */
static bool of_interest(struct cli *c, const Bailey__V1__RuleExplanation *r)
{
    return r->decides || c->out.format == OUTPUT_WIDE || strcmp(r->effect, "refuse") != 0 ||
           strcmp(r->outcome, "false") != 0;
}

static void node(struct cli *c, const Bailey__V1__NodeExplanation *n, struct buf *out)
{
    buf_printf(out, "    node %s: ", n->node);
    if (n->keeps > 0)
        buf_printf(out, "%u keep%s here%s", n->keeps, n->keeps == 1 ? "" : "s",
                   n->eligible ? ", room for more" : "");
    else
        paint(c, n->eligible ? TONE_GOOD : TONE_WARN, n->eligible ? "eligible" : "not eligible",
              out);
    if (!n->eligible && n->obstacle[0] != '\0')
        buf_printf(out, "; %s", n->obstacle);
    buf_putc(out, '\n');
    for (size_t i = 0; i < n->n_rules; i++)
        if (n->rules[i]->decides || cli_given(c, OPT_NODE))
            rule(c, n->rules[i], out);
}

static void platform_class(struct cli *c, const Bailey__V1__ClassExplanation *k, struct buf *out)
{
    buf_printf(out, "\n%s: ", k->facts[0] == '\0' ? "nothing proven" : k->facts);
    paint(c, k->admitted ? TONE_GOOD : TONE_BAD, k->admitted ? "admitted" : "refused", out);
    buf_printf(out, ", %u node%s", k->node_count, k->node_count == 1 ? "" : "s");
    if (k->evidence_age[0] != '\0')
        buf_printf(out, ", evidence %s old", k->evidence_age);
    buf_putc(out, '\n');
    for (size_t i = 0; i < k->n_rules; i++)
        if (of_interest(c, k->rules[i]))
            rule(c, k->rules[i], out);
    for (size_t i = 0; i < k->n_nodes; i++)
        node(c, k->nodes[i], out);
    if (k->n_nodes < k->node_count && !cli_given(c, OPT_NODE))
        buf_printf(out, "    and %zu more nodes of this kind\n", k->node_count - k->n_nodes);
}

static void explanation(struct cli *c, const Bailey__V1__Explanation *x, struct buf *out)
{
    buf_printf(out, "%s: %u wanted, %u placed, %u pending\n", x->workload, x->wanted, x->placed,
               x->pending);
    if (x->summary[0] != '\0')
        buf_printf(out, "%s\n", x->summary);
    for (size_t i = 0; i < x->n_classes; i++)
        platform_class(c, x->classes[i], out);
    if (x->n_near_misses > 0)
        buf_puts(out, "\nwhat would help:\n");
    for (size_t i = 0; i < x->n_near_misses; i++)
        buf_printf(out, "  %s\n", x->near_misses[i]->text);
}

enum exit_code cmd_why(struct cli *c)
{
    Bailey__V1__WhyRequest req = BAILEY__V1__WHY_REQUEST__INIT;
    const Bailey__V1__WhyResponse *r;
    AUTO_BUF struct buf out = {0};
    ProtobufCMessage *reply;
    const char *name = strchr(c->args.operand[0], '/');

    if (!client_open(c))
        return exit_code_of(&c->err);
    req.namespace_ = text(cli_value(c, OPT_NAMESPACE, "default"));
    req.name = text(name == NULL ? c->args.operand[0] : name + 1);
    req.node = text(cli_value(c, OPT_NODE, ""));
    if (!client_call(c, "Why", &req.base, &reply))
        return exit_code_of(&c->err);
    r = (const Bailey__V1__WhyResponse *)reply;
    if (r->explanation == NULL) {
        (void)err_set(&c->err, ERR_INTERNAL, "why.empty", "the controller explained nothing");
        return EXIT_ERROR;
    }
    if (c->out.format == OUTPUT_JSON || c->out.format == OUTPUT_YAML) {
        output_message(&c->out, &r->explanation->base, 0);
    } else {
        explanation(c, r->explanation, &out);
        output_put(&c->out, &out);
    }
    return r->explanation->pending > 0 ? EXIT_REFUSED : EXIT_OK;
}
