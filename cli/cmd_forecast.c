/* forecast: what falls out by itself, when, and what would mend it. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/files.h"
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

#define FILES_MOST 64
#define FILE_LIMIT (512 * 1024)

struct given {
    Bailey__V1__CollateralFile file[FILES_MOST], *list[FILES_MOST];
    struct buf bytes[FILES_MOST];
    size_t n;
};

static int is_file(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

/* Every file of the folder; what is no collateral, the controller leaves alone. */
static bool read_folder(struct cli *c, const char *folder, struct given *g)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, is_file, alphasort);
    bool ok = n >= 0 || err_errno(&c->err, errno, "file.open", "%s", folder);

    for (int i = 0; i < n; i++) {
        char path[4096];

        if (ok && g->n == FILES_MOST)
            ok = err_set(&c->err, ERR_LIMIT, "forecast.files", "%s has more than %d files", folder,
                         FILES_MOST);
        if (ok &&
            snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) >= (int)sizeof path)
            ok = err_set(&c->err, ERR_LIMIT, "file.open", "%s: path is too long", folder);
        if (ok && (ok = file_read(path, FILE_LIMIT, &g->bytes[g->n], &c->err))) {
            Bailey__V1__CollateralFile *m = &g->file[g->n];

            bailey__v1__collateral_file__init(m);
            m->name = strdup(entries[i]->d_name);
            BUG_ON(m->name == NULL);
            m->data.data = (uint8_t *)(uintptr_t)buf_str(&g->bytes[g->n]);
            m->data.len = g->bytes[g->n].n;
            g->list[g->n++] = m;
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return ok;
}

static void given_fini(struct given *g)
{
    for (size_t i = 0; i < g->n; i++) {
        free(g->file[i].name);
        buf_fini(&g->bytes[i]);
    }
}

static enum exit_code forecast(struct cli *c, const struct given *g)
{
    Bailey__V1__ForecastRequest req = BAILEY__V1__FORECAST_REQUEST__INIT;
    const char *at = cli_value(c, OPT_AT, "");
    const Bailey__V1__ForecastResponse *r;
    ProtobufCMessage *reply;

    req.at = text(at);
    req.node = text(cli_value(c, OPT_NODE, ""));
    req.collateral = (Bailey__V1__CollateralFile **)(uintptr_t)g->list;
    req.n_collateral = g->n;
    if (!client_open(c) || !client_call(c, "Forecast", &req.base, &reply))
        return exit_code_of(&c->err);
    r = (const Bailey__V1__ForecastResponse *)reply;
    if (c->out.format == OUTPUT_JSON || c->out.format == OUTPUT_YAML)
        output_message(&c->out, reply, 0);
    else
        show(c, r);
    return r->n_changes > 0 ? EXIT_REFUSED : EXIT_OK;
}

enum exit_code cmd_forecast(struct cli *c)
{
    static struct given g;
    enum exit_code code;

    memset(&g, 0, sizeof g);
    if (cli_given(c, OPT_COLLATERAL) && !read_folder(c, cli_value(c, OPT_COLLATERAL, ""), &g))
        code = exit_code_of(&c->err);
    else
        code = forecast(c, &g);
    given_fini(&g);
    return code;
}
