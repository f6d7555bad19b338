#include "agent/source.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define BACKOFF_MS 20u
#define BACKOFF_DOUBLINGS 6u

void source_evidence_fini(struct source_evidence *s)
{
    buf_fini(&s->evidence);
    for (unsigned i = 0; i < SOURCE_FILES; i++)
        buf_fini(&s->files[i].bytes);
    s->files_n = 0;
}

struct buf *source_evidence_file(struct source_evidence *s, const char *name)
{
    struct source_file *f = &s->files[s->files_n];

    BUG_ON(s->files_n >= SOURCE_FILES);
    s->files_n++;
    (void)str_copy(f->name, sizeof f->name, name);
    f->bytes.limit = SOURCE_FILE_MAX;
    return &f->bytes;
}

bool source_open(const struct source_kind *kind, const struct source_options *o, struct source *s,
                 struct err *e)
{
    struct source made = {.kind = kind, .o = *o};

    if (!kind->probe(&made, e))
        return err_wrap(e, "%s", kind->name);
    (void)snprintf(made.name, sizeof made.name, made.detail[0] == '\0' ? "%s" : "%s (%s)",
                   kind->name, made.detail);
    *s = made;
    return true;
}

bool source_again(const struct err *e)
{
    return e->code == ERR_UNAVAIL || e->code == ERR_CONFLICT;
}

unsigned source_backoff_ms(unsigned tries)
{
    return BACKOFF_MS << (tries < BACKOFF_DOUBLINGS ? tries : BACKOFF_DOUBLINGS);
}
