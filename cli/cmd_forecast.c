/* forecast: what falls out by itself, when, and what would mend it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "cli/client.h"
#include "cli/rows.h"

static const struct column columns[] = {
    {"NODE", false}, {"PLATFORM", false}, {"LACKS", false}, {"MEND", false}};

static void show_change(struct cli *c, const Bailey__V1__ForecastChange *x, struct buf *out)
{
    struct table t;

    buf_printf(out, "\n%s  %s: %s, %zu node%s", x->at, x->what, x->effect, x->n_nodes,
               x->n_nodes == 1 ? "" : "s");
    if (x->n_keeps > 0) {
        size_t placed = 0;

        for (size_t i = 0; i < x->n_keeps; i++)
            placed += x->keeps[i]->has_place ? 1 : 0;
        buf_printf(out, ", %zu keep%s to move, %zu of them without another place", x->n_keeps,
                   x->n_keeps == 1 ? "" : "s", x->n_keeps - placed);
    }
    buf_putc(out, '\n');
    table_init(&t, columns, sizeof columns / sizeof columns[0], false);
    for (size_t i = 0; i < x->n_nodes; i++) {
        table_cell(&t, TONE_PLAIN, "%s", x->nodes[i]->node);
        table_cell(&t, TONE_PLAIN, "%s", x->nodes[i]->facts);
        table_cell(&t, TONE_WARN, "%s", x->nodes[i]->lacks);
        table_cell(&t, TONE_PLAIN, "%s", x->nodes[i]->mend);
    }
    table_print(&t, c->out.colour, true, out);
    table_fini(&t);
    for (size_t i = 0; i < x->n_keeps; i++)
        buf_printf(out, "  keep %s on %s: %s\n", x->keeps[i]->keep, x->keeps[i]->node,
                   x->keeps[i]->has_place ? "has another place" : "has no other place");
}

static void show(struct cli *c, const Bailey__V1__ForecastResponse *r)
{
    AUTO_BUF struct buf out = {0};

    if (r->n_changes == 0)
        buf_printf(&out, "nothing falls out until %s\n", r->until);
    else
        buf_printf(&out, "from %s until %s:\n", r->from, r->until);
    for (size_t i = 0; i < r->n_changes; i++)
        show_change(c, r->changes[i], &out);
    output_put(&c->out, &out);
}

enum exit_code cmd_forecast(struct cli *c)
{
    Bailey__V1__ForecastRequest req = BAILEY__V1__FORECAST_REQUEST__INIT;
    const char *at = cli_value(c, OPT_AT, "");
    const Bailey__V1__ForecastResponse *r;
    ProtobufCMessage *reply;

    req.at = text(at);
    req.node = text(cli_value(c, OPT_NODE, ""));
    if (!client_open(c) || !client_call(c, "Forecast", &req.base, &reply))
        return exit_code_of(&c->err);
    r = (const Bailey__V1__ForecastResponse *)reply;
    if (c->out.format == OUTPUT_JSON || c->out.format == OUTPUT_YAML)
        output_message(&c->out, reply, 0);
    else
        show(c, r);
    return r->n_changes > 0 ? EXIT_REFUSED : EXIT_OK;
}
