#include "tests/lib/json_read.h"

#include <jansson.h>
#include <string.h>

bool json_read_first(const char *text, char *out, size_t size, size_t *n)
{
    json_t *root = json_loads(text, JSON_ALLOW_NUL, NULL);
    json_t *item = json_array_get(root, 0);
    size_t len = json_string_length(item);
    bool ok = json_is_string(item) && len <= size;

    if (ok) {
        memcpy(out, json_string_value(item), len);
        *n = len;
    }
    json_decref(root);
    return ok;
}
