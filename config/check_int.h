/* check_int.h - private to check.c and check_whole.c. */
#ifndef CONFIG_CHECK_INT_H
#define CONFIG_CHECK_INT_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

/* True when the field of m has any content: not zero, not empty. */
bool field_given(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f);

#endif
