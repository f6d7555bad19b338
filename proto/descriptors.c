#include "proto/descriptors.h"

extern const unsigned char proto_descriptor_set[];
extern const unsigned long proto_descriptor_set_size;

struct bytes proto_descriptors(void)
{
    return (struct bytes){proto_descriptor_set, proto_descriptor_set_size};
}
