/* descriptors.h - the FileDescriptorSet of every .proto file, with comments, as bytes. Parse it
 * with google/protobuf/descriptor.pb-c.h: reflection, YAML, JSON, schema, `explain` and manuals
 * read it. */
#ifndef PROTO_DESCRIPTORS_H
#define PROTO_DESCRIPTORS_H

#include "base/bytes.h"

struct bytes proto_descriptors(void); /* lives as long as the process */

#endif
