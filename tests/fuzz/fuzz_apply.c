/* Any bytes as an ApplyRequest, from the wire to what the controller does first: unpack, strip,
 * check, and for sound objects turn the rules into the core's and print. */
#include <stddef.h>
#include <stdint.h>

#include "bailey/v1/operator.pb-c.h"
#include "config/check.h"
#include "config/convert_policy.h"
#include "config/convert_rules.h"
#include "config/print.h"
#include "config/yaml.h"
#include "proto/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_object(Bailey__V1__Object *o, struct arena *a)
{
    struct trust_rules rules;
    struct selector_advisory advisory;
    struct exception exception;
    struct policy policy;

    object_strip(o);
    if (!object_check(o, true, NULL))
        return;
    if (o->kind_case == BAILEY__V1__OBJECT__KIND_WORKLOAD) /* what passed its check converts */
        BUG_ON(!trust_from_message(o->workload->spec->trust, a, &rules, NULL));
    if (o->kind_case == BAILEY__V1__OBJECT__KIND_TRUST_POLICY)
        BUG_ON(!policy_from_message(o->trust_policy, a, &policy, NULL));
    if (o->kind_case == BAILEY__V1__OBJECT__KIND_EXCEPTION)
        BUG_ON(!exception_from_message(o->exception, a, &exception, NULL));
    if (o->kind_case == BAILEY__V1__OBJECT__KIND_ADVISORY)
        BUG_ON(!advisory_from_message(o->advisory, a, &advisory, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_ARENA struct arena a = {0}, rules = {0};
    AUTO_BUF struct buf json = {0}, yaml = {0};
    ProtobufCMessage *m = NULL;
    const Bailey__V1__ApplyRequest *r;

    arena_init(&a, (size_t)4 << 20);
    arena_init(&rules, (size_t)64 << 20);
    if (!proto_unpack(&bailey__v1__apply_request__descriptor, (struct bytes){data, size}, &a, &m,
                      NULL))
        return 0;
    r = (const Bailey__V1__ApplyRequest *)(const void *)m;
    print_json(m, &json, true);
    print_yaml(m, &yaml);
    for (size_t i = 0; i < r->n_objects; i++)
        use_object(r->objects[i], &rules);
    return 0;
}
