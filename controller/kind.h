/* kind.h - what kinds of objects there are, said once: names, where they are kept, and their
 * metadata. */
#ifndef CONTROLLER_KIND_H
#define CONTROLLER_KIND_H

#include "controller/state.h"

struct kind {
    const char *name;   /* "TrustPolicy" */
    const char *prefix; /* of its keys in the store: "policy/" */
    bool namespaced;
    const char *words[6]; /* what people call it, in small letters; ends with NULL */
};

const struct kind *kind_of(enum object_kind kind);

/* "Workload", "node", "KEEPS", "wl", ... ERR_INPUT with the kinds there are. */
NODISCARD bool kind_parse(const char *text, enum object_kind *out, struct err *e);

/* The objects of a kind by their keys; NULL for events, which are a list. */
struct map *kind_map(const struct state *st, enum object_kind kind);

/* By name, in a namespace ("" is "default") where the kind has them; NULL: there is none. */
struct object *object_find(const struct state *st, enum object_kind kind, const char *ns,
                           const char *name);

Bailey__V1__Metadata *object_meta(const struct object *o);

/* The kind and metadata of what a client sent or a view shows; false for an empty one. Metadata may
 * be absent in what a client sent. */
bool view_kind(const Bailey__V1__Object *v, enum object_kind *kind, Bailey__V1__Metadata **m);

#endif
