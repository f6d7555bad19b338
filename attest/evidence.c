#include "attest/evidence.h"

#include <string.h>

#include "attest/cca_check.h"
#include "attest/dcap_check.h"
#include "attest/nitro_check.h"
#include "attest/snp_check.h"
#include "base/str.h"

/* One row a technology: a new one is a row here and a file that checks it. */
static const struct format {
    const char *technology;
    bool (*sniff)(struct bytes evidence);
    bool (*check)(const struct evidence_input *, const struct evidence_options *, struct facts *,
                  struct err *);
} formats[] = {
    {"cca", cca_sniff, cca_check},
    {"nitro", nitro_sniff, nitro_check}, /* before the one that sniffs by length */
    {"tdx", tdx_sniff, dcap_check},
    {"sgx", sgx_sniff, dcap_check},
    {"sev-snp", snp_sniff, snp_check},
};

static const struct format *format_find(struct bytes evidence)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (formats[i].sniff(evidence))
            return &formats[i];
    return NULL;
}

const char *evidence_technology(struct bytes evidence)
{
    const struct format *f = format_find(evidence);

    return f == NULL ? NULL : f->technology;
}

const struct evidence_file *evidence_file(const struct evidence_input *in, const char *name)
{
    for (unsigned i = 0; i < in->files_n && i < EVIDENCE_FILES; i++)
        if (strcmp(in->files[i].name, name) == 0)
            return &in->files[i];
    return NULL;
}

void evidence_passed(const struct evidence_options *o, const char *reason, const char *subject)
{
    struct evidence_checked *c;

    if (o->checks == NULL || o->checks->n == EVIDENCE_CHECKS)
        return;
    c = &o->checks->check[o->checks->n++];
    str_copy(c->reason, sizeof c->reason, reason);
    str_copy(c->subject, sizeof c->subject, subject);
}

static bool too_large(struct err *e, const char *name, size_t got, size_t most)
{
    return err_set(e, ERR_LIMIT, "evidence.too-large", "%s: got %zu, want at most %zu", name, got,
                   most),
           err_field(e, "%s", name), err_found(e, "%zu", got), err_expected(e, "<= %zu", most);
}

static bool sizes_check(const struct evidence_input *in, struct err *e)
{
    if (in->evidence.n == 0)
        return err_set(e, ERR_INPUT, "evidence.empty", "no evidence"), err_field(e, "evidence");
    if (in->evidence.n > EVIDENCE_MAX)
        return too_large(e, "evidence", in->evidence.n, EVIDENCE_MAX);
    if (in->files_n > EVIDENCE_FILES)
        return too_large(e, "files", in->files_n, EVIDENCE_FILES);
    for (unsigned i = 0; i < in->files_n; i++)
        if (in->files[i].bytes.n > EVIDENCE_FILE_MAX)
            return too_large(e, in->files[i].name, in->files[i].bytes.n, EVIDENCE_FILE_MAX);
    return true;
}

bool evidence_verify(const struct evidence_input *in, const struct evidence_options *o,
                     struct facts *out, struct err *e)
{
    struct evidence_options with = *o;
    const struct format *f;

    if (!sizes_check(in, e))
        return false;
    if (with.anchors == NULL) {
        with.anchors = anchors_builtin;
        with.anchors_n = anchors_builtin_n;
    }
    if (with.platforms == NULL) {
        with.platforms = platforms_builtin;
        with.platforms_n = platforms_builtin_n;
    }
    f = format_find(in->evidence);
    if (f == NULL)
        return err_set(e, ERR_INPUT, "evidence.unknown-format",
                       "%zu bytes that look like no evidence known here", in->evidence.n),
               err_field(e, "evidence"),
               err_expected(e,
                            "an SEV-SNP report, an Intel quote, a CCA token or a Nitro document");
    return f->check(in, &with, out, e);
}
