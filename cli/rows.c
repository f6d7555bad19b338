#include "cli/rows.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "cli/output.h"
#include "config/schema.h"

static const struct {
    const char *kind, *lower, *plural, *alias;
} kinds[] = {
    {"Workload", "workload", "workloads", "wl"},
    {"Node", "node", "nodes", "no"},
    {"Keep", "keep", "keeps", "k"},
    {"Event", "event", "events", "ev"},
};

const char *kind_of(const char *word)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcasecmp(word, kinds[i].lower) == 0 || strcasecmp(word, kinds[i].plural) == 0 ||
            strcasecmp(word, kinds[i].alias) == 0)
            return kinds[i].kind;
    return NULL;
}

const char *kind_lower(const char *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcasecmp(kind, kinds[i].kind) == 0)
            return kinds[i].lower;
    return kind;
}

static const struct column workload_columns[] = {
    {"NAMESPACE", false}, {"NAME", false},  {"WANT", false}, {"RUNNING", false},
    {"PENDING", false},   {"PHASE", false}, {"AGE", false},  {"ARTIFACT", true},
    {"REASON", false},    {"CHANGE", false}};
static const struct column node_columns[] = {
    {"NAME", false},  {"TRUST", false},    {"PLATFORM", false}, {"FIRMWARE", false},
    {"LINK", false},  {"KEEPS", false},    {"AGE", false},      {"CPU", true},
    {"MEMORY", true}, {"MICROCODE", true}, {"REASON", true},    {"CHANGE", false}};
static const struct column keep_columns[] = {
    {"NAMESPACE", false}, {"NAME", false},     {"WORKLOAD", false}, {"NODE", false},
    {"STATE", false},     {"RESTARTS", false}, {"AGE", false},      {"PID", true},
    {"EPOCH", true},      {"REASON", true},    {"CHANGE", false}};
static const struct column event_columns[] = {
    {"NAMESPACE", false}, {"AGE", false},     {"TYPE", false}, {"REASON", false},
    {"OBJECT", false},    {"MESSAGE", false}, {"ACTOR", true}, {"CHANGE", false}};

/* A column that is not wanted hides like a wide one; wide ones that are wanted stop being wide. */
static void choose(struct rows *r, const struct column *from, unsigned n, bool wide,
                   bool namespaces)
{
    for (unsigned i = 0; i < n; i++) {
        r->columns[i] = from[i];
        r->columns[i].wide = from[i].wide && !wide;
        if (strcmp(from[i].title, "NAMESPACE") == 0)
            r->columns[i].wide = !namespaces;
        if (strcmp(from[i].title, "CHANGE") == 0)
            r->columns[i].wide = !r->changes;
    }
    table_init(&r->table, r->columns, n, false);
}

#define COUNT(a) ((unsigned)(sizeof(a) / sizeof((a)[0])))

void rows_init(struct rows *r, const char *kind, bool wide, bool namespaces, bool changes)
{
    *r = (struct rows){.changes = changes};
    if (strcmp(kind, "Workload") == 0)
        choose(r, workload_columns, COUNT(workload_columns), wide, namespaces);
    else if (strcmp(kind, "Node") == 0)
        choose(r, node_columns, COUNT(node_columns), wide, namespaces);
    else if (strcmp(kind, "Keep") == 0)
        choose(r, keep_columns, COUNT(keep_columns), wide, namespaces);
    else
        choose(r, event_columns, COUNT(event_columns), wide, namespaces);
}

void rows_fini(struct rows *r)
{
    table_fini(&r->table);
}

void rows_flush(struct rows *r, bool colour, bool titles, struct buf *out)
{
    table_print(&r->table, colour, titles, out);
    buf_clear(&r->table.cells);
    r->table.rows = 0;
}

static void words(char *const *word, size_t n, struct buf *out)
{
    if (n > 0 && out->n > 0)
        buf_putc(out, ' ');
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s%s", i == 0 ? "" : "|", word[i]);
}

void facts_line(const Bailey__V1__Facts *f, struct buf *out)
{
    if (f == NULL)
        return;
    words(f->vendor, f->n_vendor, out);
    words(f->technology, f->n_technology, out);
    words(f->generation, f->n_generation, out);
    if (f->n_generation == 0)
        words(f->product_line, f->n_product_line, out);
}

enum tone trust_line(const Bailey__V1__NodeStatus *s, struct buf *out)
{
    static const enum tone tones[] = {TONE_DIM, TONE_GOOD, TONE_WARN, TONE_BAD, TONE_BAD};
    Bailey__V1__NodeStatus__TrustState state =
        s == NULL ? BAILEY__V1__NODE_STATUS__TRUST_STATE__unattested : s->trust;
    const char *word =
        schema_enum_word(&bailey__v1__node_status__trust_state__descriptor, (int)state);
    char age[AGE_TEXT];

    buf_puts(out, word == NULL ? "unknown" : word);
    if (s == NULL)
        return TONE_DIM;
    if (state == BAILEY__V1__NODE_STATUS__TRUST_STATE__verified ||
        state == BAILEY__V1__NODE_STATUS__TRUST_STATE__stale)
        buf_printf(out, " %s", age_since(s->verified_at, age));
    if (s->facts != NULL && strcmp(s->facts->assurance, "simulated") == 0)
        buf_puts(out, " (simulated)");
    return (size_t)state < COUNT(tones) ? tones[state] : TONE_WARN;
}

static void workload_row(struct table *t, const Bailey__V1__Workload *w)
{
    static const Bailey__V1__WorkloadStatus none = BAILEY__V1__WORKLOAD_STATUS__INIT;
    const Bailey__V1__WorkloadStatus *s = w->status == NULL ? &none : w->status;
    const Bailey__V1__WorkloadSpec *spec = w->spec;
    const Bailey__V1__Artifact *a = spec == NULL ? NULL : spec->artifact;
    uint32_t want = spec == NULL ? 0 : spec->replicas;
    char age[AGE_TEXT];

    table_cell(t, TONE_PLAIN, "%s", w->metadata->namespace_);
    table_cell(t, TONE_PLAIN, "%s", w->metadata->name);
    table_cell(t, TONE_PLAIN, "%u", want);
    table_cell(t, s->running >= want ? TONE_GOOD : TONE_WARN, "%u", s->running);
    table_cell(t, s->pending > 0 ? TONE_BAD : TONE_PLAIN, "%u", s->pending);
    table_cell(t, strcmp(s->phase, "running") == 0 ? TONE_GOOD : TONE_WARN, "%s", s->phase);
    table_cell(t, TONE_PLAIN, "%s", age_since(w->metadata->created_at, age));
    table_cell(t, TONE_PLAIN, "%.19s", a == NULL ? "" : a->digest);
    table_cell(t, TONE_PLAIN, "%s", s->pending_reason);
}

static void amounts(struct table *t, const Bailey__V1__NodeStatus *s)
{
    static const Bailey__V1__Capacity none = BAILEY__V1__CAPACITY__INIT;
    const Bailey__V1__Capacity *used = s->used == NULL ? &none : s->used;
    const Bailey__V1__Capacity *all =
        s->declared == NULL || s->declared->capacity == NULL ? &none : s->declared->capacity;

    table_cell(t, TONE_PLAIN, "%.1f/%.1f", (double)used->cpu_milli / 1e3,
               (double)all->cpu_milli / 1e3);
    table_cell(t, TONE_PLAIN, "%.1f/%.1fGi", (double)used->memory_bytes / (1 << 30),
               (double)all->memory_bytes / (1 << 30));
}

static void node_row(struct table *t, const Bailey__V1__Node *n)
{
    static const Bailey__V1__NodeStatus none = BAILEY__V1__NODE_STATUS__INIT;
    const Bailey__V1__NodeStatus *s = n->status == NULL ? &none : n->status;
    const char *link = schema_enum_word(&bailey__v1__node_status__link__descriptor, (int)s->link);
    AUTO_BUF struct buf trust = {0}, facts = {0}, svn = {0};
    char age[AGE_TEXT];
    enum tone tone = trust_line(s, &trust);

    facts_line(s->facts, &facts);
    for (size_t i = 0; s->facts != NULL && i < s->facts->n_tcb; i++)
        if (strcmp(s->facts->tcb[i]->key, "microcode") == 0)
            buf_printf(&svn, "0x%llx", (unsigned long long)s->facts->tcb[i]->value);
    table_cell(t, TONE_PLAIN, "%s%s", n->metadata->name,
               n->spec != NULL && n->spec->cordoned ? " (cordoned)" : "");
    table_cell(t, tone, "%s", buf_str(&trust));
    table_cell(t, TONE_PLAIN, "%s", buf_str(&facts));
    table_cell(t, TONE_PLAIN, "%s", s->facts == NULL ? "" : s->facts->firmware);
    table_cell(t, s->link == BAILEY__V1__NODE_STATUS__LINK__connected ? TONE_GOOD : TONE_WARN, "%s",
               link == NULL ? "unknown" : link);
    table_cell(t, TONE_PLAIN, "%u", s->keeps);
    table_cell(t, TONE_PLAIN, "%s", age_since(n->metadata->created_at, age));
    amounts(t, s);
    table_cell(t, TONE_PLAIN, "%s", buf_str(&svn));
    table_cell(t, TONE_PLAIN, "%s", s->refusal == NULL ? "" : s->refusal->message);
}

static void keep_row(struct table *t, const Bailey__V1__Keep *k)
{
    static const Bailey__V1__KeepStatus none = BAILEY__V1__KEEP_STATUS__INIT;
    static const Bailey__V1__KeepSpec nothing = BAILEY__V1__KEEP_SPEC__INIT;
    const Bailey__V1__KeepStatus *s = k->status == NULL ? &none : k->status;
    const Bailey__V1__KeepSpec *spec = k->spec == NULL ? &nothing : k->spec;
    const char *state =
        schema_enum_word(&bailey__v1__keep_status__state__descriptor, (int)s->state);
    char age[AGE_TEXT];

    table_cell(t, TONE_PLAIN, "%s", k->metadata->namespace_);
    table_cell(t, TONE_PLAIN, "%s", k->metadata->name);
    table_cell(t, TONE_PLAIN, "%s", spec->workload);
    table_cell(t, TONE_PLAIN, "%s", spec->node);
    table_cell(t, s->state == BAILEY__V1__KEEP_STATUS__STATE__running ? TONE_GOOD : TONE_WARN, "%s",
               state == NULL ? "unknown" : state);
    table_cell(t, s->restarts > 0 ? TONE_WARN : TONE_PLAIN, "%u", s->restarts);
    table_cell(t, TONE_PLAIN, "%s", age_since(k->metadata->created_at, age));
    table_cell(t, TONE_PLAIN, "%u", s->pid);
    table_cell(t, TONE_PLAIN, "%llu", (unsigned long long)spec->epoch);
    table_cell(t, TONE_PLAIN, "%s", s->reason);
}

static void event_row(struct table *t, const Bailey__V1__Event *v)
{
    bool warning = strcmp(v->type, "warning") == 0;
    char age[AGE_TEXT];

    table_cell(t, TONE_PLAIN, "%s", v->metadata == NULL ? "" : v->metadata->namespace_);
    table_cell(t, TONE_DIM, "%s", age_since(v->at, age));
    table_cell(t, warning ? TONE_WARN : TONE_PLAIN, "%s", v->type);
    table_cell(t, TONE_PLAIN, "%s", v->reason);
    table_cell(t, TONE_PLAIN, "%s/%s", kind_lower(v->object_kind), v->object_name);
    table_cell(t, TONE_PLAIN, "%s", v->message);
    table_cell(t, TONE_PLAIN, "%s", v->actor);
}

void rows_add(struct rows *r, const Bailey__V1__Object *o, const char *change)
{
    if (object_body(o) == NULL ||
        (object_metadata(o) == NULL && o->kind_case != BAILEY__V1__OBJECT__KIND_EVENT))
        return;
    switch (o->kind_case) {
    case BAILEY__V1__OBJECT__KIND_WORKLOAD:
        workload_row(&r->table, o->workload);
        break;
    case BAILEY__V1__OBJECT__KIND_NODE:
        node_row(&r->table, o->node);
        break;
    case BAILEY__V1__OBJECT__KIND_KEEP:
        keep_row(&r->table, o->keep);
        break;
    case BAILEY__V1__OBJECT__KIND_EVENT:
        event_row(&r->table, o->event);
        break;
    case BAILEY__V1__OBJECT__KIND_TRUST_POLICY:
    case BAILEY__V1__OBJECT__KIND_ADVISORY:
    case BAILEY__V1__OBJECT__KIND_EXCEPTION:
    case BAILEY__V1__OBJECT__KIND__NOT_SET:
    default:
        return;
    }
    table_cell(&r->table, TONE_DIM, "%s", change);
}
