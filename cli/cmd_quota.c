/* quota list, set, delete; placement, placement set: what namespaces may hold, and how places are
 * chosen for all. Both are settings of the cluster: read, changed and written back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bailey/v1/identity.pb-c.h"
#include "base/str.h"
#include "cli/identity.h"
#include "cli/rows.h"
#include "config/quantity.h"

static bool settings_get(struct cli *c, Bailey__V1__ClusterSettings *out)
{
    Bailey__V1__GetSettingsRequest req = BAILEY__V1__GET_SETTINGS_REQUEST__INIT;
    ProtobufCMessage *reply;

    if (!client_open(c) || !identity_call(c, "GetSettings", &req.base, &reply))
        return false;
    *out = *((const Bailey__V1__GetSettingsResponse *)reply)->settings;
    return true;
}

static bool settings_put(struct cli *c, Bailey__V1__ClusterSettings *s)
{
    Bailey__V1__SetSettingsRequest req = BAILEY__V1__SET_SETTINGS_REQUEST__INIT;
    ProtobufCMessage *reply;

    req.settings = s;
    return identity_call(c, "SetSettings", &req.base, &reply);
}

static bool number_parse(const char *s, uint64_t *out, struct err *e)
{
    char *end;

    errno = 0;
    *out = strtoull(s, &end, 10);
    if (s[0] < '0' || s[0] > '9' || *end != '\0' || errno != 0)
        return err_set(e, ERR_INPUT, "usage.number", "not a number: %.40s", s);
    return true;
}

/* The value of "key=value"; NULL: another key. */
static const char *value_of(const char *operand, const char *key)
{
    size_t n = strlen(key);

    return strncmp(operand, key, n) == 0 && operand[n] == '=' ? operand + n + 1 : NULL;
}

static bool quota_word(struct cli *c, const char *operand, Bailey__V1__Quota *q)
{
    const char *v;

    if ((v = value_of(operand, "keeps")) != NULL)
        return number_parse(v, &q->keeps, &c->err);
    if ((v = value_of(operand, "tee-slots")) != NULL)
        return number_parse(v, &q->tee_slots, &c->err);
    if ((v = value_of(operand, "cpu")) != NULL)
        return cpu_parse(v, &q->cpu_milli, &c->err);
    if ((v = value_of(operand, "memory")) != NULL)
        return bytes_parse(v, &q->memory_bytes, &c->err);
    if ((v = value_of(operand, "epc")) != NULL)
        return bytes_parse(v, &q->epc_bytes, &c->err);
    return err_set(&c->err, ERR_INPUT, "usage.quota", "not a limit: %.40s", operand),
           err_expected(&c->err, "keeps=N, cpu=N, memory=SIZE, tee-slots=N, epc=SIZE");
}

static const char *or_none(uint64_t n, const char *formatted)
{
    return n == 0 ? "-" : formatted;
}

enum exit_code cmd_quota_list(struct cli *c)
{
    static const struct column columns[] = {{"NAMESPACE", false}, {"KEEPS", false},
                                            {"CPU", false},       {"MEMORY", false},
                                            {"TEE SLOTS", false}, {"EPC", false}};
    Bailey__V1__ClusterSettings s;
    AUTO_BUF struct buf out = {0};
    struct table t;

    if (!settings_get(c, &s))
        return exit_code_of(&c->err);
    if (identity_printed(c, &s.base))
        return EXIT_OK;
    table_init(&t, columns, sizeof columns / sizeof columns[0], c->out.format == OUTPUT_WIDE);
    for (size_t i = 0; i < s.n_quotas; i++) {
        const Bailey__V1__Quota *q = s.quotas[i];
        char keeps[24], slots[24], cpu[QUANTITY_TEXT], memory[QUANTITY_TEXT], epc[QUANTITY_TEXT];

        snprintf(keeps, sizeof keeps, "%llu", (unsigned long long)q->keeps);
        snprintf(slots, sizeof slots, "%llu", (unsigned long long)q->tee_slots);
        table_cell(&t, TONE_PLAIN, "%s", q->namespace_);
        table_cell(&t, TONE_PLAIN, "%s", or_none(q->keeps, keeps));
        table_cell(&t, TONE_PLAIN, "%s", or_none(q->cpu_milli, cpu_format(q->cpu_milli, cpu)));
        table_cell(&t, TONE_PLAIN, "%s",
                   or_none(q->memory_bytes, bytes_format(q->memory_bytes, memory)));
        table_cell(&t, TONE_PLAIN, "%s", or_none(q->tee_slots, slots));
        table_cell(&t, TONE_PLAIN, "%s", or_none(q->epc_bytes, bytes_format(q->epc_bytes, epc)));
    }
    table_print(&t, c->out.colour, true, &out);
    output_put(&c->out, &out);
    table_fini(&t);
    return EXIT_OK;
}

/* The settings without the namespace's quota, and room for one. */
static bool without(struct cli *c, const char *ns, Bailey__V1__ClusterSettings *s, bool *was)
{
    Bailey__V1__Quota **v;
    size_t n = 0;

    *was = false;
    if (!settings_get(c, s))
        return false;
    v = arena_array(&c->client->arena, s->n_quotas + 1, sizeof(Bailey__V1__Quota *));
    if (v == NULL)
        return err_set(&c->err, ERR_NOMEM, "cli.memory", "no memory");
    for (size_t i = 0; i < s->n_quotas; i++)
        if (strcmp(s->quotas[i]->namespace_, ns) == 0)
            *was = true;
        else
            v[n++] = s->quotas[i];
    s->quotas = v;
    s->n_quotas = n;
    return true;
}

enum exit_code cmd_quota_set(struct cli *c)
{
    Bailey__V1__Quota q = BAILEY__V1__QUOTA__INIT;
    Bailey__V1__ClusterSettings s;
    bool was;

    q.namespace_ = text(c->args.operand[0]);
    for (size_t i = 1; i < c->args.n_operands; i++)
        if (!quota_word(c, c->args.operand[i], &q))
            return EXIT_USAGE;
    if (!without(c, q.namespace_, &s, &was))
        return exit_code_of(&c->err);
    s.quotas[s.n_quotas++] = &q;
    if (!settings_put(c, &s))
        return exit_code_of(&c->err);
    output_printf(&c->out, "quota of namespace %s %s\n", q.namespace_, was ? "changed" : "created");
    return EXIT_OK;
}

enum exit_code cmd_quota_delete(struct cli *c)
{
    Bailey__V1__ClusterSettings s;
    bool was;

    if (!without(c, c->args.operand[0], &s, &was))
        return exit_code_of(&c->err);
    if (!was) {
        err_set(&c->err, ERR_MISSING, "quota.none", "namespace %.63s has no quota",
                c->args.operand[0]);
        return exit_code_of(&c->err);
    }
    if (!settings_put(c, &s))
        return exit_code_of(&c->err);
    output_printf(&c->out, "quota of namespace %s deleted\n", c->args.operand[0]);
    return EXIT_OK;
}

static void show(struct cli *c, const Bailey__V1__PlacementSettings *p)
{
    output_printf(&c->out, "strategy  %s\nreserve   %llu\n",
                  p == NULL || p->strategy[0] == '\0' ? "pack" : p->strategy,
                  p == NULL ? 0 : (unsigned long long)p->reserve);
}

enum exit_code cmd_placement(struct cli *c)
{
    Bailey__V1__ClusterSettings s;

    if (!settings_get(c, &s))
        return exit_code_of(&c->err);
    if (!identity_printed(c, &s.base))
        show(c, s.placement);
    return EXIT_OK;
}

enum exit_code cmd_placement_set(struct cli *c)
{
    Bailey__V1__PlacementSettings p = BAILEY__V1__PLACEMENT_SETTINGS__INIT;
    Bailey__V1__ClusterSettings s;

    if (!settings_get(c, &s))
        return exit_code_of(&c->err);
    if (s.placement != NULL)
        p = *s.placement;
    for (size_t i = 0; i < c->args.n_operands; i++) {
        const char *strategy = value_of(c->args.operand[i], "strategy");
        const char *reserve = value_of(c->args.operand[i], "reserve");

        if (strategy != NULL)
            p.strategy = text(strategy);
        else if (reserve == NULL)
            return cli_usage(c, "want strategy=pack|spread or reserve=N, found \"%.40s\"",
                             c->args.operand[i]);
        else if (!number_parse(reserve, &p.reserve, &c->err))
            return EXIT_USAGE;
    }
    s.placement = &p;
    if (!settings_put(c, &s))
        return exit_code_of(&c->err);
    show(c, &p);
    return EXIT_OK;
}
