/* collateral import, list, urls: what vendors signed, as the controller keeps it. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/client.h"
#include "cli/files.h"
#include "cli/rows.h"

#define FILES 64 /* of one request */
#define FILE_MOST ((size_t)512 * 1024)

/* What one import sends. */
struct batch {
    Bailey__V1__CollateralFile file[FILES];
    Bailey__V1__CollateralFile *list[FILES];
    struct buf bytes[FILES];
    char name[FILES][256];
    size_t n;
};

static bool add_file(struct batch *b, const char *path, const char *name, struct err *e)
{
    if (b->n == FILES)
        return err_set(e, ERR_LIMIT, "collateral.too-many", "more than %d files: import in parts",
                       FILES);
    if (!file_read(path, FILE_MOST, &b->bytes[b->n], e))
        return false;
    snprintf(b->name[b->n], sizeof b->name[0], "%s", name);
    bailey__v1__collateral_file__init(&b->file[b->n]);
    b->file[b->n].name = b->name[b->n];
    b->file[b->n].data = (ProtobufCBinaryData){b->bytes[b->n].n, b->bytes[b->n].p};
    b->list[b->n] = &b->file[b->n];
    b->n++;
    return true;
}

static int visible(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static bool add_folder(struct batch *b, const char *folder, struct err *e)
{
    struct dirent **entries = NULL;
    int n = scandir(folder, &entries, visible, alphasort);
    bool good = true;
    char path[4096];
    struct stat st;

    if (n < 0)
        return err_errno(e, errno, "collateral.open", "%s", folder);
    for (int i = 0; i < n; i++) {
        if (good &&
            snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) < (int)sizeof path &&
            stat(path, &st) == 0 && S_ISREG(st.st_mode))
            good = add_file(b, path, entries[i]->d_name, e);
        free(entries[i]);
    }
    free(entries);
    return good;
}

static bool add_path(struct batch *b, const char *path, struct err *e)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return err_errno(e, errno, "collateral.open", "%s", path);
    return S_ISDIR(st.st_mode) ? add_folder(b, path, e) : add_file(b, path, path, e);
}

static bool is_refused(const Bailey__V1__ImportedCollateral *m)
{
    return strcmp(m->outcome, "refused") == 0;
}

static void show_import(struct cli *c, const Bailey__V1__ImportCollateralResponse *r)
{
    AUTO_BUF struct buf out = {0};

    for (size_t i = 0; i < r->n_results; i++) {
        const Bailey__V1__ImportedCollateral *m = r->results[i];

        buf_printf(&out, "%s: %s", m->name, m->outcome);
        if (is_refused(m))
            buf_printf(&out, " (%s): %s\n", m->reason, m->message);
        else
            buf_printf(&out, ": %s%s\n", m->collateral == NULL ? "" : m->collateral->key,
                       m->collateral != NULL && strcmp(m->collateral->freshness, "expired") == 0
                           ? ", past its date"
                           : "");
    }
    output_put(&c->out, &out);
}

static enum exit_code import(struct cli *c, struct batch *b)
{
    Bailey__V1__ImportCollateralRequest req = BAILEY__V1__IMPORT_COLLATERAL_REQUEST__INIT;
    const Bailey__V1__ImportCollateralResponse *r;
    ProtobufCMessage *reply;

    for (size_t i = 0; i < c->args.n_operands; i++)
        if (!add_path(b, c->args.operand[i], &c->err))
            return exit_code_of(&c->err);
    req.files = b->list;
    req.n_files = b->n;
    if (!client_open(c) || !client_call(c, "ImportCollateral", &req.base, &reply))
        return exit_code_of(&c->err);
    r = (const Bailey__V1__ImportCollateralResponse *)reply;
    if (c->out.format == OUTPUT_JSON || c->out.format == OUTPUT_YAML)
        output_message(&c->out, reply, 0);
    else
        show_import(c, r);
    for (size_t i = 0; i < r->n_results; i++)
        if (is_refused(r->results[i]))
            return EXIT_REFUSED;
    return EXIT_OK;
}

enum exit_code cmd_collateral_import(struct cli *c)
{
    static struct batch b;
    enum exit_code code = import(c, &b);

    for (size_t i = 0; i < FILES; i++)
        buf_fini(&b.bytes[i]);
    return code;
}

static enum tone tone_of(const char *freshness)
{
    return strcmp(freshness, "fresh") == 0                                          ? TONE_GOOD
           : strcmp(freshness, "expired") == 0 || strcmp(freshness, "missing") == 0 ? TONE_BAD
                                                                                    : TONE_WARN;
}

static void print(struct cli *c, const struct table *t)
{
    AUTO_BUF struct buf out = {0};

    table_print(t, c->out.colour, !cli_given(c, OPT_NO_TITLES), &out);
    output_put(&c->out, &out);
}

enum exit_code cmd_collateral_list(struct cli *c)
{
    static const struct column columns[] = {
        {"KEY", false},    {"FRESHNESS", false}, {"NEXT UPDATE", false}, {"NUMBER", true},
        {"SOURCE", false}, {"STORED", true},     {"SHA256", true}};
    Bailey__V1__ListCollateralRequest req = BAILEY__V1__LIST_COLLATERAL_REQUEST__INIT;
    const Bailey__V1__ListCollateralResponse *r;
    ProtobufCMessage *reply;
    struct table t;

    if (!client_open(c) || !client_call(c, "ListCollateral", &req.base, &reply))
        return exit_code_of(&c->err);
    r = (const Bailey__V1__ListCollateralResponse *)reply;
    if (c->out.format == OUTPUT_JSON || c->out.format == OUTPUT_YAML) {
        output_message(&c->out, reply, 0);
        return EXIT_OK;
    }
    table_init(&t, columns, sizeof columns / sizeof columns[0], c->out.format == OUTPUT_WIDE);
    for (size_t i = 0; i < r->n_collateral; i++) {
        const Bailey__V1__Collateral *m = r->collateral[i];

        table_cell(&t, TONE_PLAIN, "%s", m->key);
        table_cell(&t, tone_of(m->freshness), "%s", m->freshness);
        table_cell(&t, TONE_PLAIN, "%s", m->next_update);
        table_cell(&t, TONE_DIM, "%llu", (unsigned long long)m->number);
        table_cell(&t, TONE_PLAIN, "%s", m->source);
        table_cell(&t, TONE_DIM, "%s", m->stored_at);
        table_cell(&t, TONE_DIM, "%s", m->sha256);
    }
    print(c, &t);
    table_fini(&t);
    return EXIT_OK;
}

enum exit_code cmd_collateral_urls(struct cli *c)
{
    static const struct column columns[] = {
        {"KIND", false}, {"NODE", false}, {"HELD", false}, {"URL", false}};
    Bailey__V1__CollateralUrlsRequest req = BAILEY__V1__COLLATERAL_URLS_REQUEST__INIT;
    const Bailey__V1__CollateralUrlsResponse *r;
    ProtobufCMessage *reply;
    struct table t;

    if (c->args.n_operands > 0)
        req.node = text(c->args.operand[0]);
    if (!client_open(c) || !client_call(c, "CollateralUrls", &req.base, &reply))
        return exit_code_of(&c->err);
    r = (const Bailey__V1__CollateralUrlsResponse *)reply;
    if (c->out.format == OUTPUT_JSON || c->out.format == OUTPUT_YAML) {
        output_message(&c->out, reply, 0);
        return EXIT_OK;
    }
    table_init(&t, columns, sizeof columns / sizeof columns[0], c->out.format == OUTPUT_WIDE);
    for (size_t i = 0; i < r->n_urls; i++) {
        table_cell(&t, TONE_PLAIN, "%s", r->urls[i]->kind);
        table_cell(&t, TONE_PLAIN, "%s", r->urls[i]->node);
        table_cell(&t, tone_of(r->urls[i]->held), "%s", r->urls[i]->held);
        table_cell(&t, TONE_PLAIN, "%s", r->urls[i]->url);
    }
    print(c, &t);
    table_fini(&t);
    return EXIT_OK;
}
