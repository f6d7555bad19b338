#include "cli/selector_flags.h"

#include "config/check.h"
#include "config/selector_text.h"

static const struct {
    enum option_id option;
    const char *fact;
} flags[] = {
    {OPT_VENDOR, "vendor"},         {OPT_TECHNOLOGY, "technology"},
    {OPT_GENERATION, "generation"}, {OPT_PRODUCT_LINE, "productLine"},
    {OPT_FIRMWARE, "firmware"},     {OPT_TCB, "tcb"},
    {OPT_TCB_STATUS, "tcbStatus"},  {OPT_TCB_DATE, "tcbDate"},
    {OPT_ADVISORY, "advisory"},     {OPT_PLATFORM_ID, "platformId"},
    {OPT_ASSURANCE, "assurance"},   {OPT_FINDING, "finding"},
};

bool selector_flags(struct cli *c, struct arena *a, Bailey__V1__Selector **out)
{
    Bailey__V1__Selector *m = arena_alloc(a, sizeof *m);
    bool given = false;

    *out = NULL;
    if (m == NULL)
        return err_set(&c->err, ERR_NOMEM, "cli.memory", "no memory");
    bailey__v1__selector__init(m);
    if (cli_given(c, OPT_WHERE)) {
        given = true;
        if (!selector_text_parse(cli_value(c, OPT_WHERE, ""), a, m, &c->err))
            return err_wrap(&c->err, "--where");
    }
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (!cli_given(c, flags[i].option))
            continue;
        given = true;
        if (!selector_text_add(flags[i].fact, cli_value(c, flags[i].option, ""), a, m, &c->err))
            return err_wrap(&c->err, "--%s", option_table[flags[i].option].name);
    }
    if (!given)
        return true;
    if (!message_check(&m->base, &c->err))
        return false;
    *out = m;
    return true;
}
