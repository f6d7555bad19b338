#include "cli/rows.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "cli/output.h"
#include "config/schema.h"

static const struct {
    const char *kind, *lower, *plural, *alias[3];
    bool namespaced;
} kinds[] = {
    {"Workload", "workload", "workloads", {"wl"}, true},
    {"Node", "node", "nodes", {"no"}, false},
    {"Keep", "keep", "keeps", {"k"}, true},
    {"Event", "event", "events", {"ev"}, true},
    {"TrustPolicy", "trustpolicy", "trustpolicies", {"tp", "policy", "policies"}, false},
    {"Advisory", "advisory", "advisories", {"adv"}, false},
    {"Exception", "exception", "exceptions", {"exc"}, true},
    {"Revocation", "revocation", "revocations", {"rev"}, false},
};

#define KINDS (sizeof kinds / sizeof kinds[0])

const char *kind_of(const char *word)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (strcasecmp(word, kinds[i].lower) == 0 || strcasecmp(word, kinds[i].plural) == 0)
            return kinds[i].kind;
        for (size_t j = 0; j < 3 && kinds[i].alias[j] != NULL; j++)
            if (strcasecmp(word, kinds[i].alias[j]) == 0)
                return kinds[i].kind;
    }
    return NULL;
}

const char *kind_lower(const char *kind)
{
    for (size_t i = 0; i < KINDS; i++)
        if (strcasecmp(kind, kinds[i].kind) == 0)
            return kinds[i].lower;
    return kind;
}

const char *kind_plural(const char *kind)
{
    for (size_t i = 0; i < KINDS; i++)
        if (strcasecmp(kind, kinds[i].kind) == 0)
            return kinds[i].plural;
    return kind;
}

bool kind_namespaced(const char *kind)
{
    for (size_t i = 0; i < KINDS; i++)
        if (strcasecmp(kind, kinds[i].kind) == 0)
            return kinds[i].namespaced;
    return true;
}

static const struct column workload_columns[] = {
    {"NAMESPACE", false}, {"NAME", false},  {"WANT", false},  {"RUNNING", false},
    {"PENDING", false},   {"PHASE", false}, {"AGE", false},   {"EXCEPTIONS", false},
    {"ARTIFACT", true},   {"NOTES", false}, {"CHANGE", false}};
static const struct column node_columns[] = {
    {"NAME", false},  {"TRUST", false},    {"PLATFORM", false}, {"FIRMWARE", false},
    {"LINK", false},  {"KEEPS", false},    {"AGE", false},      {"CPU", true},
    {"MEMORY", true}, {"MICROCODE", true}, {"REASON", true},    {"CHANGE", false}};
static const struct column keep_columns[] = {
    {"NAMESPACE", false}, {"NAME", false},     {"WORKLOAD", false}, {"NODE", false},
    {"STATE", false},     {"RESTARTS", false}, {"AGE", false},      {"EXCEPTION", false},
    {"PID", true},        {"EPOCH", true},     {"REASON", true},    {"CHANGE", false}};
static const struct column policy_columns[] = {
    {"NAME", false},      {"DEFAULT", false}, {"RULES", false},  {"FLOORS", false},
    {"WORKLOADS", false}, {"REFUSED", false}, {"WARNED", false}, {"NEXT CHANGE", false},
    {"AGE", false},       {"STAGES", true},   {"CHANGE", false}};
static const struct column advisory_columns[] = {
    {"NAME", false},  {"ID", false},  {"SEVERITY", false}, {"OPEN", false},
    {"FIXED", false}, {"AGE", false}, {"TITLE", true},     {"CHANGE", false}};
static const struct column exception_columns[] = {
    {"NAMESPACE", false}, {"NAME", false},  {"WORKLOAD", false}, {"PASSES", false},
    {"UNTIL", false},     {"PHASE", false}, {"KEEPS", false},    {"NODES", false},
    {"WHO", false},       {"WHY", true},    {"CHANGE", false}};
static const struct column revocation_columns[] = {
    {"NAME", false},   {"STATE", false},  {"ACTION", false},   {"NODES", false},
    {"KEEPS", false},  {"FENCED", false}, {"EXPOSURE", false}, {"AGE", false},
    {"BECAUSE", true}, {"CHANGE", false}};
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
    else if (strcmp(kind, "TrustPolicy") == 0)
        choose(r, policy_columns, COUNT(policy_columns), wide, namespaces);
    else if (strcmp(kind, "Advisory") == 0)
        choose(r, advisory_columns, COUNT(advisory_columns), wide, namespaces);
    else if (strcmp(kind, "Exception") == 0)
        choose(r, exception_columns, COUNT(exception_columns), wide, namespaces);
    else if (strcmp(kind, "Revocation") == 0)
        choose(r, revocation_columns, COUNT(revocation_columns), wide, namespaces);
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

static void listed(char *const *v, size_t n, const char *between, struct buf *out)
{
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s%s", i == 0 ? "" : between, v[i]);
}

static void workload_notes(const Bailey__V1__WorkloadStatus *s, struct buf *out)
{
    if (s->moving > 0)
        buf_printf(out, "%u moving; ", s->moving);
    buf_printf(out, "%s%s", s->pending_reason,
               s->pending_reason[0] != '\0' && s->n_warnings > 0 ? "; " : "");
    listed(s->warnings, s->n_warnings, "; ", out);
}

static void workload_row(struct table *t, const Bailey__V1__Workload *w)
{
    static const Bailey__V1__WorkloadStatus none = BAILEY__V1__WORKLOAD_STATUS__INIT;
    const Bailey__V1__WorkloadStatus *s = w->status == NULL ? &none : w->status;
    const Bailey__V1__WorkloadSpec *spec = w->spec;
    const Bailey__V1__Artifact *a = spec == NULL ? NULL : spec->artifact;
    uint32_t want = spec == NULL ? 0 : spec->replicas;
    AUTO_BUF struct buf exceptions = {0}, notes = {0};
    char age[AGE_TEXT];

    listed(s->exceptions, s->n_exceptions, ", ", &exceptions);
    workload_notes(s, &notes);

    table_cell(t, TONE_PLAIN, "%s", w->metadata->namespace_);
    table_cell(t, TONE_PLAIN, "%s", w->metadata->name);
    table_cell(t, TONE_PLAIN, "%u", want);
    table_cell(t, s->running >= want ? TONE_GOOD : TONE_WARN, "%u", s->running);
    table_cell(t, s->pending > 0 ? TONE_BAD : TONE_PLAIN, "%u", s->pending);
    table_cell(t, strcmp(s->phase, "running") == 0 ? TONE_GOOD : TONE_WARN, "%s", s->phase);
    table_cell(t, TONE_PLAIN, "%s", age_since(w->metadata->created_at, age));
    table_cell(t, TONE_WARN, "%s", buf_str(&exceptions));
    table_cell(t, TONE_PLAIN, "%.19s", a == NULL ? "" : a->digest);
    table_cell(t, TONE_PLAIN, "%s", buf_str(&notes));
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
               n->spec != NULL && n->spec->drain != NULL ? " (draining)"
               : n->spec != NULL && n->spec->cordoned    ? " (cordoned)"
                                                         : "");
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
    bool moves = s->move != NULL && s->state == BAILEY__V1__KEEP_STATUS__STATE__running;
    char age[AGE_TEXT];

    table_cell(t, TONE_PLAIN, "%s", k->metadata->namespace_);
    table_cell(t, TONE_PLAIN, "%s", k->metadata->name);
    table_cell(t, TONE_PLAIN, "%s", spec->workload);
    table_cell(t, TONE_PLAIN, "%s", spec->node);
    table_cell(t, s->state == BAILEY__V1__KEEP_STATUS__STATE__running ? TONE_GOOD : TONE_WARN,
               "%s%s", state == NULL ? "unknown" : state, moves ? " (moving)" : "");
    table_cell(t, s->restarts > 0 ? TONE_WARN : TONE_PLAIN, "%u", s->restarts);
    table_cell(t, TONE_PLAIN, "%s", age_since(k->metadata->created_at, age));
    table_cell(t, TONE_WARN, "%s", s->n_exceptions == 0 ? "" : s->exceptions[0]);
    table_cell(t, TONE_PLAIN, "%u", s->pid);
    table_cell(t, TONE_PLAIN, "%llu", (unsigned long long)spec->epoch);
    table_cell(t, TONE_PLAIN, "%s", moves ? s->move->why : s->reason);
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

static void policy_row(struct table *t, const Bailey__V1__TrustPolicy *p)
{
    static const Bailey__V1__TrustPolicyStatus none = BAILEY__V1__TRUST_POLICY_STATUS__INIT;
    static const Bailey__V1__TrustPolicySpec nothing = BAILEY__V1__TRUST_POLICY_SPEC__INIT;
    const Bailey__V1__TrustPolicyStatus *s = p->status == NULL ? &none : p->status;
    const Bailey__V1__TrustPolicySpec *spec = p->spec == NULL ? &nothing : p->spec;
    AUTO_BUF struct buf stages = {0};
    char age[AGE_TEXT];

    listed(s->floors, s->n_floors, ", ", &stages);
    table_cell(t, TONE_PLAIN, "%s", p->metadata->name);
    table_cell(t, TONE_PLAIN, "%s", spec->cluster_default ? "yes" : "no");
    table_cell(t, TONE_PLAIN, "%zu", spec->n_accept + spec->n_refuse);
    table_cell(t, TONE_PLAIN, "%zu", spec->n_floors);
    table_cell(t, TONE_PLAIN, "%u", s->workloads);
    table_cell(t, s->nodes_refused > 0 ? TONE_BAD : TONE_PLAIN, "%u", s->nodes_refused);
    table_cell(t, s->nodes_warned > 0 ? TONE_WARN : TONE_PLAIN, "%u", s->nodes_warned);
    table_cell(t, TONE_PLAIN, "%s", s->next_change_at);
    table_cell(t, TONE_PLAIN, "%s", age_since(p->metadata->created_at, age));
    table_cell(t, TONE_PLAIN, "%s", buf_str(&stages));
}

static void advisory_row(struct table *t, const Bailey__V1__Advisory *v)
{
    static const Bailey__V1__AdvisoryStatus none = BAILEY__V1__ADVISORY_STATUS__INIT;
    static const Bailey__V1__AdvisorySpec nothing = BAILEY__V1__ADVISORY_SPEC__INIT;
    const Bailey__V1__AdvisoryStatus *s = v->status == NULL ? &none : v->status;
    const Bailey__V1__AdvisorySpec *spec = v->spec == NULL ? &nothing : v->spec;
    char age[AGE_TEXT];

    table_cell(t, TONE_PLAIN, "%s", v->metadata->name);
    table_cell(t, TONE_PLAIN, "%s", spec->id);
    table_cell(t, TONE_PLAIN, "%s", spec->severity);
    table_cell(t, s->nodes_open > 0 ? TONE_WARN : TONE_PLAIN, "%u", s->nodes_open);
    table_cell(t, TONE_PLAIN, "%u", s->nodes_fixed);
    table_cell(t, TONE_PLAIN, "%s", age_since(v->metadata->created_at, age));
    table_cell(t, TONE_PLAIN, "%s", spec->title);
}

static void exception_row(struct table *t, const Bailey__V1__Exception *x)
{
    static const Bailey__V1__ExceptionStatus none = BAILEY__V1__EXCEPTION_STATUS__INIT;
    static const Bailey__V1__ExceptionSpec nothing = BAILEY__V1__EXCEPTION_SPEC__INIT;
    const Bailey__V1__ExceptionStatus *s = x->status == NULL ? &none : x->status;
    const Bailey__V1__ExceptionSpec *spec = x->spec == NULL ? &nothing : x->spec;
    const Bailey__V1__Passed *p = spec->passes;
    bool ended = strcmp(s->phase, "ended") == 0;

    table_cell(t, TONE_PLAIN, "%s", x->metadata->namespace_);
    table_cell(t, TONE_PLAIN, "%s", x->metadata->name);
    table_cell(t, TONE_PLAIN, "%s", spec->workload);
    if (p == NULL || p->revocation[0] != '\0')
        table_cell(t, TONE_PLAIN, "revocation %s", p == NULL ? "" : p->revocation);
    else
        table_cell(t, TONE_PLAIN, "policy %s%s%s", p->policy, p->rule[0] == '\0' ? "" : " ",
                   p->rule);
    table_cell(t, TONE_PLAIN, "%s", spec->until);
    table_cell(t, ended ? TONE_DIM : TONE_WARN, "%s", s->phase);
    table_cell(t, TONE_PLAIN, "%u", s->keeps);
    table_cell(t, TONE_PLAIN, "%u", s->nodes);
    table_cell(t, TONE_PLAIN, "%s", spec->who);
    table_cell(t, TONE_PLAIN, "%s", spec->why);
}

static void revocation_row(struct table *t, const Bailey__V1__Revocation *v)
{
    static const Bailey__V1__RevocationStatus none = BAILEY__V1__REVOCATION_STATUS__INIT;
    static const Bailey__V1__RevocationSpec nothing = BAILEY__V1__REVOCATION_SPEC__INIT;
    const Bailey__V1__RevocationStatus *s = v->status == NULL ? &none : v->status;
    const Bailey__V1__RevocationSpec *spec = v->spec == NULL ? &nothing : v->spec;
    char age[AGE_TEXT];

    table_cell(t, TONE_PLAIN, "%s", v->metadata->name);
    table_cell(t, TONE_PLAIN, "%s", s->state);
    table_cell(t, TONE_PLAIN, "%s", spec->action[0] == '\0' ? "drain" : spec->action);
    table_cell(t, TONE_PLAIN, "%u", s->nodes);
    table_cell(t, s->keeps_remaining > 0 ? TONE_WARN : TONE_PLAIN, "%u", s->keeps_remaining);
    table_cell(t, TONE_PLAIN, "%s", s->fenced_at);
    table_cell(t, TONE_PLAIN, "%llu keep-s", (unsigned long long)s->exposure_keep_seconds);
    table_cell(t, TONE_PLAIN, "%s", age_since(v->metadata->created_at, age));
    table_cell(t, TONE_PLAIN, "%s", spec->because);
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
        policy_row(&r->table, o->trust_policy);
        break;
    case BAILEY__V1__OBJECT__KIND_ADVISORY:
        advisory_row(&r->table, o->advisory);
        break;
    case BAILEY__V1__OBJECT__KIND_EXCEPTION:
        exception_row(&r->table, o->exception);
        break;
    case BAILEY__V1__OBJECT__KIND_REVOCATION:
        revocation_row(&r->table, o->revocation);
        break;
    case BAILEY__V1__OBJECT__KIND__NOT_SET:
    default:
        return;
    }
    table_cell(&r->table, TONE_DIM, "%s", change);
}
