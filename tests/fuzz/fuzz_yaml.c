/* Any bytes as YAML: refused with errors that can be printed, or objects that pass their checks and
 * print to YAML that reads back as the same. */
#include <stddef.h>
#include <stdint.h>

#include "config/check.h"
#include "config/print.h"
#include "config/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_object(Bailey__V1__Object *o)
{
    AUTO_ARENA struct arena a = {0};
    AUTO_BUF struct buf first = {0}, second = {0};
    struct yaml_errors errors = {0};
    Bailey__V1__Object **again = NULL;
    size_t n = 0;

    arena_init(&a, (size_t)32 << 20);
    BUG_ON(!object_check(o, false, NULL));
    print_yaml(&o->base, &first);
    if (first.n > YAML_TEXT_MAX)
        return;
    BUG_ON(!yaml_objects(buf_bytes(&first), "again", &a, &again, &n, &errors) || n != 1);
    print_yaml(&again[0]->base, &second);
    BUG_ON(!bytes_equal(buf_bytes(&first), buf_bytes(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_ARENA struct arena a = {0};
    AUTO_BUF struct buf out = {0};
    struct yaml_errors errors = {0};
    Bailey__V1__Object **objects = NULL;
    size_t n = 0;

    arena_init(&a, (size_t)32 << 20);
    if (yaml_objects((struct bytes){data, size}, "fuzz", &a, &objects, &n, &errors))
        for (size_t i = 0; i < n; i++)
            check_object(objects[i]);
    else
        yaml_errors_format(&errors, &out);
    return 0;
}
