#include "controller/kind.h"

#include <stdio.h>
#include <strings.h>

#include "base/str.h"

static const struct kind kinds[OBJECT_KINDS] = {
    [OBJECT_WORKLOAD] = {"Workload", "workload/", true, {"workload", "workloads", "wl"}},
    [OBJECT_NODE] = {"Node", "node/", false, {"node", "nodes", "no"}},
    [OBJECT_KEEP] = {"Keep", "keep/", true, {"keep", "keeps", "k"}},
    [OBJECT_EVENT] = {"Event", "event/", true, {"event", "events", "ev"}},
    [OBJECT_POLICY] = {"TrustPolicy",
                       "policy/",
                       false,
                       {"trustpolicy", "trustpolicies", "policy", "policies", "tp"}},
    [OBJECT_ADVISORY] = {"Advisory", "advisory/", false, {"advisory", "advisories", "adv"}},
    [OBJECT_EXCEPTION] = {"Exception", "exception/", true, {"exception", "exceptions", "exc"}},
    [OBJECT_REVOCATION] = {"Revocation",
                           "revocation/",
                           false,
                           {"revocation", "revocations", "rev"}},
};

const struct kind *kind_of(enum object_kind kind)
{
    return &kinds[kind];
}

bool kind_parse(const char *text, enum object_kind *out, struct err *e)
{
    const char *names[OBJECT_KINDS], *near;

    for (size_t i = 0; i < OBJECT_KINDS; i++) {
        names[i] = kinds[i].words[0];
        for (const char *const *w = kinds[i].words; *w != NULL; w++)
            if (strcasecmp(text, *w) == 0) {
                *out = (enum object_kind)i;
                return true;
            }
    }
    err_set(e, ERR_INPUT, "api.unknown-kind", "no such kind: %.40s", text);
    err_field(e, "kind");
    err_found(e, "%.40s", text);
    err_expected(e, "Workload, Node, Keep, Event, TrustPolicy, Advisory, Exception or Revocation");
    near = str_nearest(text, names, OBJECT_KINDS);
    if (near != NULL)
        err_mend(e, "did you mean %s?", near);
    return false;
}

struct map *kind_map(const struct state *st, enum object_kind kind)
{
    switch (kind) {
    case OBJECT_WORKLOAD:
        return (struct map *)(uintptr_t)&st->workloads;
    case OBJECT_NODE:
        return (struct map *)(uintptr_t)&st->nodes;
    case OBJECT_KEEP:
        return (struct map *)(uintptr_t)&st->keeps;
    case OBJECT_POLICY:
        return (struct map *)(uintptr_t)&st->policies;
    case OBJECT_ADVISORY:
        return (struct map *)(uintptr_t)&st->advisories;
    case OBJECT_EXCEPTION:
        return (struct map *)(uintptr_t)&st->exceptions;
    case OBJECT_REVOCATION:
        return (struct map *)(uintptr_t)&st->revocations;
    case OBJECT_EVENT:
    case OBJECT_KINDS:
    default:
        return NULL;
    }
}

struct object *object_find(const struct state *st, enum object_kind kind, const char *ns,
                           const char *name)
{
    const struct map *m = kind_map(st, kind);
    char key[2 * NAME_MAX_LEN + 2];
    int n = kinds[kind].namespaced
                ? snprintf(key, sizeof key, "%s/%s", ns[0] == '\0' ? "default" : ns, name)
                : snprintf(key, sizeof key, "%s", name);

    if (m == NULL || n < 0 || (size_t)n >= sizeof key)
        return NULL;
    return map_get(m, (struct bytes){(const uint8_t *)key, (size_t)n});
}

Bailey__V1__Metadata *object_meta(const struct object *o)
{
    switch (o->kind) {
    case OBJECT_WORKLOAD:
        return ((Bailey__V1__Workload *)o->msg)->metadata;
    case OBJECT_NODE:
        return ((Bailey__V1__Node *)o->msg)->metadata;
    case OBJECT_KEEP:
        return ((Bailey__V1__Keep *)o->msg)->metadata;
    case OBJECT_POLICY:
        return ((Bailey__V1__TrustPolicy *)o->msg)->metadata;
    case OBJECT_ADVISORY:
        return ((Bailey__V1__Advisory *)o->msg)->metadata;
    case OBJECT_EXCEPTION:
        return ((Bailey__V1__Exception *)o->msg)->metadata;
    case OBJECT_REVOCATION:
        return ((Bailey__V1__Revocation *)o->msg)->metadata;
    case OBJECT_EVENT:
    case OBJECT_KINDS:
    default:
        BUG_ON(true);
        return NULL;
    }
}

bool view_kind(const Bailey__V1__Object *v, enum object_kind *kind, Bailey__V1__Metadata **m)
{
    switch (v->kind_case) {
    case BAILEY__V1__OBJECT__KIND_WORKLOAD:
        *kind = OBJECT_WORKLOAD;
        *m = v->workload->metadata;
        return true;
    case BAILEY__V1__OBJECT__KIND_NODE:
        *kind = OBJECT_NODE;
        *m = v->node->metadata;
        return true;
    case BAILEY__V1__OBJECT__KIND_KEEP:
        *kind = OBJECT_KEEP;
        *m = v->keep->metadata;
        return true;
    case BAILEY__V1__OBJECT__KIND_EVENT:
        *kind = OBJECT_EVENT;
        *m = v->event->metadata;
        return true;
    case BAILEY__V1__OBJECT__KIND_TRUST_POLICY:
        *kind = OBJECT_POLICY;
        *m = v->trust_policy->metadata;
        return true;
    case BAILEY__V1__OBJECT__KIND_ADVISORY:
        *kind = OBJECT_ADVISORY;
        *m = v->advisory->metadata;
        return true;
    case BAILEY__V1__OBJECT__KIND_EXCEPTION:
        *kind = OBJECT_EXCEPTION;
        *m = v->exception->metadata;
        return true;
    case BAILEY__V1__OBJECT__KIND_REVOCATION:
        *kind = OBJECT_REVOCATION;
        *m = v->revocation->metadata;
        return true;
    case BAILEY__V1__OBJECT__KIND__NOT_SET:
    default:
        return false;
    }
}
