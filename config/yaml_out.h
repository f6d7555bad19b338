/* yaml_out.h - writes block YAML into a buf: two spaces a level, texts quoted where any YAML reader
 * could take them for something else. */
#ifndef CONFIG_YAML_OUT_H
#define CONFIG_YAML_OUT_H

#include "base/buf.h"

#define YAML_OUT_DEPTH 32

struct yaml_out {
    struct buf *out; /* borrowed */
    unsigned depth;
    struct {
        bool list, joined; /* joined: begun behind "- " on the same line, or at the very top */
        unsigned indent;
        size_t n;
    } level[YAML_OUT_DEPTH];
};

void yaml_out_begin(struct yaml_out *y, bool list); /* a list or a map */
void yaml_out_end(struct yaml_out *y);
void yaml_out_key(struct yaml_out *y, const char *key);
void yaml_out_text(struct yaml_out *y, const char *s); /* UTF-8; quoted where needed */
void yaml_out_word(struct yaml_out *y, const char *s); /* as it stands: numbers, true, enum words */

#endif
