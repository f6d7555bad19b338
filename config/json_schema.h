/* json_schema.h - the JSON Schema (2020-12) of what operators write, for editors and other tools.
 * From the same table as the YAML reader: what it says wrong about a file, the reader says as well.
 * It is the looser of the two where JSON Schema cannot express a rule, and the stricter one about
 * aliases of catalog words and their letter case. */
#ifndef CONFIG_JSON_SCHEMA_H
#define CONFIG_JSON_SCHEMA_H

#include "base/buf.h"

/* Pretty JSON, no newline at the end. */
void json_schema(struct buf *out);

#endif
