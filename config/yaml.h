/* yaml.h - YAML text from an operator to messages, within limits and with errors that point at the
 * line. A subset of YAML 1.2 on purpose: no anchors, aliases, tags, merge keys or duplicate keys; a
 * value's type comes from the schema, never from its looks, so `NO` is the text "NO" where a text
 * is wanted and an error where a bool is wanted.
 *
 * Absent numbers get the default that the schema names (replicas: 1); absent texts stay empty.
 * Fields that only the system sets (status, metadata.uid) are read over, so that what `get -o yaml`
 * prints can be applied again. */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include "base/arena.h"
#include "base/buf.h"
#include "config/schema.h"

#define YAML_TEXT_MAX (256 * 1024)
#define YAML_DEPTH_MAX 32
#define YAML_EVENTS_MAX 60000
#define YAML_DOCUMENTS_MAX 1000
#define YAML_ERRORS_MAX 20

struct yaml_error {
    unsigned line, column; /* from 1; columns count characters */
    char reason[48];       /* stable: "yaml.unknown-field" */
    char field[128];       /* "spec.trust.accept[0].vendor"; may be empty */
    char message[320];     /* in words, without the place */
    char suggestion[64];   /* the word that was probably meant; may be empty */
    char mend[192];        /* what to do about it; may be empty */
};

/* Begin with `struct yaml_errors errors = {0}`. */
struct yaml_errors {
    struct yaml_error v[YAML_ERRORS_MAX];
    size_t n;
    size_t more;       /* that there was no room for */
    const char *file;  /* borrowed, as given to the reader */
    struct bytes text; /* borrowed, as given to the reader */
};

/* Every document of the text as an object in memory of `a`: Workloads and Nodes. False when there
 * is any error; *errors then holds up to YAML_ERRORS_MAX of them and *out is untouched. Documents
 * that are empty are skipped; no document at all is an error. file: for messages, "-" for standard
 * input. */
NODISCARD bool yaml_objects(struct bytes text, const char *file, struct arena *a,
                            Bailey__V1__Object ***out, size_t *n, struct yaml_errors *errors);

/* One document as a message of `type`: "{vendor: amd}" as a Selector. */
NODISCARD bool yaml_message(struct bytes text, const char *file,
                            const ProtobufCMessageDescriptor *type, struct arena *a,
                            ProtobufCMessage **out, struct yaml_errors *errors);

/* For people: `file:line:column: message` with the source line, a caret and what to do. */
void yaml_errors_format(const struct yaml_errors *errors, struct buf *out);

/* The first error as a struct err; true when there is none. */
bool yaml_errors_err(const struct yaml_errors *errors, struct err *e);

#endif
