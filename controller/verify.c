#include "controller/verify.h"

#include <openssl/sha.h>
#include <stdlib.h>

#include "attest/binding.h"
#include "attest/evidence.h"
#include "controller/state.h"

struct verify {
    uv_work_t work;
    Bailey__V1__Evidence *evidence; /* owned */
    uint8_t *parts;                 /* owned: nonce, node, boot_id, spki, one after another */
    struct binding binding;         /* points into parts */
    int64_t now_s;
    bool allow_simulated;
    struct verify_result result;
    verify_done_fn *done;
    void *data;
};

static bool shape_check(const Bailey__V1__Evidence *m, struct err *e)
{
    if (m->evidence.len > EVIDENCE_MAX)
        return err_set(e, ERR_LIMIT, "evidence.too-large", "evidence has %zu bytes",
                       m->evidence.len),
               err_field(e, "evidence"), err_expected(e, "at most %d bytes", EVIDENCE_MAX);
    if (m->n_files > EVIDENCE_FILES)
        return err_set(e, ERR_LIMIT, "evidence.too-many-files", "%zu files", m->n_files),
               err_field(e, "files"), err_expected(e, "at most %d", EVIDENCE_FILES);
    for (size_t i = 0; i < m->n_files; i++)
        if (m->files[i]->data.len > EVIDENCE_FILE_MAX)
            return err_set(e, ERR_LIMIT, "evidence.too-large", "file has %zu bytes",
                           m->files[i]->data.len),
                   err_field(e, "files[%zu]", i),
                   err_expected(e, "at most %d bytes", EVIDENCE_FILE_MAX);
    return true;
}

static void in_worker(uv_work_t *work)
{
    struct verify *v = work->data;
    const Bailey__V1__Evidence *m = v->evidence;
    struct evidence_input in = {.evidence = {m->evidence.data, m->evidence.len},
                                .files_n = (unsigned)m->n_files};
    uint8_t report_data[REPORT_DATA_SIZE];
    struct evidence_options o = {
        .now_s = v->now_s, .report_data = report_data, .allow_simulated = v->allow_simulated};
    struct verify_result *r = &v->result;

    for (size_t i = 0; i < m->n_files; i++)
        in.files[i] = (struct evidence_file){m->files[i]->name,
                                             {m->files[i]->data.data, m->files[i]->data.len}};
    SHA256(m->evidence.data, m->evidence.len, r->digest);
    r->good = binding_report_data(&v->binding, report_data, &r->err) &&
              evidence_verify(&in, &o, &r->facts, &r->err);
}

static void on_worked(uv_work_t *work, int status)
{
    struct verify *v = work->data;

    if (status != 0) {
        v->result.good = false;
        err_set(&v->result.err, ERR_UNAVAIL, "evidence.not-verified", "verification was cancelled");
    }
    v->done(v->data, &v->result);
    message_free(&v->evidence->base);
    free(v->parts);
    free(v);
}

static struct bytes part(uint8_t **at, struct bytes src)
{
    struct bytes copy = {*at, src.n};

    if (src.n != 0)
        memcpy(*at, src.p, src.n);
    *at += src.n;
    return copy;
}

bool verify_start(uv_loop_t *loop, const struct verify_order *o, verify_done_fn *done, void *data,
                  struct err *e)
{
    struct verify *v;
    uint8_t *at;

    if (!shape_check(o->evidence, e))
        return false;
    v = calloc(1, sizeof *v);
    at = malloc(o->nonce.n + o->node.n + o->boot_id.n + o->spki.n + 1);
    if (v != NULL)
        v->evidence = (Bailey__V1__Evidence *)message_clone(&o->evidence->base);
    if (v == NULL || at == NULL || v->evidence == NULL) {
        free(at);
        free(v);
        return err_set(e, ERR_NOMEM, "evidence.memory", "no memory");
    }
    v->work.data = v;
    v->parts = at;
    v->binding.nonce = part(&at, o->nonce);
    v->binding.node = part(&at, o->node);
    v->binding.boot_id = part(&at, o->boot_id);
    v->binding.spki = part(&at, o->spki);
    v->now_s = o->now_s;
    v->allow_simulated = o->allow_simulated;
    v->done = done;
    v->data = data;
    BUG_ON(uv_queue_work(loop, &v->work, in_worker, on_worked) != 0);
    return true;
}
