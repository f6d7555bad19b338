#include "tests/lib/quotes.h"

#include "tests/lib/unit.h"
#include <stdio.h>

static void file_add(struct arena *a, struct evidence_input *in, const char *folder,
                     const char *name)
{
    struct bytes b = vector_file(a, folder, name);

    if (b.p != NULL)
        in->files[in->files_n++] = (struct evidence_file){name, b};
}

void quotes_input(struct arena *a, const struct vector_row *r, struct evidence_input *in)
{
    static const char *const beside[] = {"tcb_info.json", "qe_identity.json",
                                         "tcb_signing_chain.pem", "pck_crl.der", "root_ca_crl.der"};
    size_t n = strlen(r->path);
    char folder[200];

    memset(in, 0, sizeof *in);
    snprintf(folder, sizeof folder, "%s", r->path);
    if (n > 4 && strcmp(r->path + n - 4, ".bin") == 0) { /* a quote of its own */
        in->evidence = vector_file(a, ".", r->path);
        return;
    }
    if (strstr(r->kind, "+collateral") != NULL) {
        for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++)
            file_add(a, in, r->path, beside[i]);
        *strrchr(folder, '/') = '\0';
    }
    in->evidence = vector_file(a, folder, "quote.bin");
    file_add(a, in, folder, "pck_chain.pem");
    if (in->evidence.n == 0)
        fail_msg("%s: no quote", r->path);
}

struct evidence_file *quotes_file(struct evidence_input *in, const char *name)
{
    for (unsigned i = 0; i < in->files_n; i++)
        if (strcmp(in->files[i].name, name) == 0)
            return &in->files[i];
    return NULL;
}

uint8_t *quotes_own(struct arena *a, struct bytes *b)
{
    uint8_t *p = arena_alloc(a, b->n + 1);

    assert_non_null(p);
    memcpy(p, b->p, b->n);
    b->p = p;
    return p;
}
