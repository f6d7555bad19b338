/* yaml_int.h - YAML text to a tree of nodes within limits; what yaml.c and catalog.c build on. */
#ifndef CONFIG_YAML_INT_H
#define CONFIG_YAML_INT_H

#include "config/yaml.h"

#define YAML_PATH 256

enum yaml_shape { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_shape shape;
    bool plain;            /* a scalar without quotes */
    unsigned line, column; /* from 1 */
    const char *text;      /* of a scalar; UTF-8 without NUL */
    size_t length;
    struct yaml_node *key;          /* of a map's member; always a scalar */
    struct yaml_node *first, *last; /* members of a list or map */
    struct yaml_node *next;
    size_t n;
};

/* Where the reader stands; errors go to *errors with the path so far. */
struct yaml_reader {
    struct arena *arena; /* of the nodes or messages */
    struct yaml_errors *errors;
    char path[YAML_PATH];
};

/* The documents of the text as a list node in memory of r->arena. False after any error that makes
 * the rest unreadable; others are in r->errors alone. */
NODISCARD bool yaml_read(struct yaml_reader *r, struct bytes text, struct yaml_node *documents);

/* Adds an error at a node's place; returns false. The second puts one that a check found. */
bool yaml_fail(struct yaml_reader *r, const struct yaml_node *at, const char *reason,
               const char *fmt, ...) PRINTFLIKE(4, 5);
bool yaml_fail_err(struct yaml_reader *r, const struct yaml_node *at, const struct err *e);

/* What to do about the error added last, or the word that was meant; NULL does nothing. */
void yaml_mend(struct yaml_reader *r, const char *fmt, ...) PRINTFLIKE(2, 3);
void yaml_suggest(struct yaml_reader *r, const char *word);

/* p itself; where it is NULL an error says that the text needs too much memory. */
void *yaml_need(struct yaml_reader *r, const struct yaml_node *at, void *p);

/* Adds "want ..., got ..."; returns false. */
bool yaml_wrong_type(struct yaml_reader *r, const struct yaml_node *at, const char *want);

/* Plain `~`, `null` and nothing at all: YAML's ways to say nothing. */
bool yaml_is_null(const struct yaml_node *at);

/* One single value by the type of its field at `to`, without the field's rules. */
NODISCARD bool yaml_scalar(struct yaml_reader *r, const struct yaml_node *at,
                           const ProtobufCFieldDescriptor *f, void *to);

/* The member of a map, NULL if there is none. */
const struct yaml_node *yaml_member(const struct yaml_node *map, const char *key);

/* "a text", "a list", "a map". */
const char *yaml_shape_name(enum yaml_shape shape);

/* The node's text on one line, cut to size; "a list" for one that is none. Returns out. */
const char *yaml_shown(const struct yaml_node *node, char *out, size_t size);

#endif
