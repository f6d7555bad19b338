/* Revocations as metrics: how far each is, and what it costs until it is through. */
#include "controller/metrics_int.h"
#include "controller/policy_state.h"

/* As of now: the object's count is as of its last change. */
static double exposure_s(const struct state *st, const Bailey__V1__RevocationStatus *s)
{
    uint64_t ms = s->exposure_ms;
    int64_t now = state_wall_ms(st);

    if (s->lifted_at[0] == '\0' && s->exposure_at_ms != 0 && now > s->exposure_at_ms)
        ms += (uint64_t)(now - s->exposure_at_ms) * s->keeps_remaining;
    return (double)ms / 1e3;
}

typedef bool value_fn(const struct state *st, const Bailey__V1__RevocationStatus *s, double *out);

static bool take_exposure(const struct state *st, const Bailey__V1__RevocationStatus *s,
                          double *out)
{
    *out = exposure_s(st, s);
    return s->committed_at_ms != 0;
}

static bool take_remaining(const struct state *st, const Bailey__V1__RevocationStatus *s,
                           double *out)
{
    (void)st;
    *out = s->keeps_remaining;
    return s->committed_at_ms != 0;
}

static bool take_nodes(const struct state *st, const Bailey__V1__RevocationStatus *s, double *out)
{
    (void)st;
    *out = s->nodes;
    return true;
}

static bool take_away(const struct state *st, const Bailey__V1__RevocationStatus *s, double *out)
{
    (void)st;
    *out = s->nodes_away;
    return true;
}

static bool take_unplaceable(const struct state *st, const Bailey__V1__RevocationStatus *s,
                             double *out)
{
    (void)st;
    *out = (double)s->n_unplaceable;
    return s->committed_at_ms != 0;
}

static bool take_committed(const struct state *st, const Bailey__V1__RevocationStatus *s,
                           double *out)
{
    (void)st;
    *out = (double)s->committed_at_ms / 1e3;
    return s->committed_at_ms != 0;
}

static bool take_fenced(const struct state *st, const Bailey__V1__RevocationStatus *s, double *out)
{
    (void)st;
    *out = s->fenced_after_ms / 1e3;
    return s->fenced_at[0] != '\0';
}

static bool take_half(const struct state *st, const Bailey__V1__RevocationStatus *s, double *out)
{
    (void)st;
    *out = (double)s->half_after_ms / 1e3;
    return s->half_at[0] != '\0';
}

static bool take_zero(const struct state *st, const Bailey__V1__RevocationStatus *s, double *out)
{
    (void)st;
    *out = (double)s->zero_after_ms / 1e3;
    return s->zero_at[0] != '\0';
}

static const struct {
    const char *name, *help;
    value_fn *take; /* false: there is no such value (yet) */
} values[] = {
    {"bailey_revocation_exposure_seconds",
     "How long keeps ran on revoked platforms after the commit, all together.", take_exposure},
    {"bailey_revocation_keeps_remaining", "Keeps that still run on revoked platforms.",
     take_remaining},
    {"bailey_revocation_keeps_unplaceable",
     "Keeps on revoked platforms that have no other place, or were stopped without one.",
     take_unplaceable},
    {"bailey_revocation_nodes", "Nodes that the revocation names now.", take_nodes},
    {"bailey_revocation_nodes_away", "Of these, nodes that cannot be reached now.", take_away},
    {"bailey_revocation_committed_timestamp_seconds", "When it was committed, since 1970.",
     take_committed},
    {"bailey_revocation_fenced_seconds",
     "From the commit until every connected agent concerned had been told.", take_fenced},
    {"bailey_revocation_half_seconds", "From the commit until half of the keeps had left.",
     take_half},
    {"bailey_revocation_zero_seconds", "From the commit until the last of the keeps had left.",
     take_zero},
};

/* One series for each revocation and state, 1 for the state that it is in. */
static void format_states(struct state *st, struct exposition *x)
{
    static const char *const states[] = {"proposed", "canary", "moving",
                                         "holding",  "done",   "lifted"};
    const struct trust_object *t;

    exposition_gauge(x, "bailey_revocation_state", "1 for the state that the revocation is in.");
    for (size_t i = 0; (t = map_next(&st->revocations, &i)) != NULL;) {
        const Bailey__V1__RevocationStatus *s = t->revocation->status;

        for (size_t j = 0; s != NULL && j < sizeof states / sizeof states[0]; j++)
            exposition_sample(x, "",
                              (const struct tag[]){{"revocation", t->object.key},
                                                   {"state", states[j]},
                                                   {NULL, NULL}},
                              strcmp(s->state, states[j]) == 0);
    }
}

void metrics_revocations(struct state *st, struct exposition *x)
{
    const struct trust_object *t;
    double v;

    format_states(st, x);
    for (size_t j = 0; j < sizeof values / sizeof values[0]; j++) {
        exposition_gauge(x, values[j].name, values[j].help);
        for (size_t i = 0; (t = map_next(&st->revocations, &i)) != NULL;)
            if (t->revocation->status != NULL && values[j].take(st, t->revocation->status, &v))
                exposition_sample(
                    x, "", (const struct tag[]){{"revocation", t->object.key}, {NULL, NULL}}, v);
    }
}
