#include "controller/verify.h"

#include <openssl/sha.h>
#include <stdlib.h>

#include "attest/binding.h"
#include "attest/evidence.h"
#include "controller/state.h"

#define CACHES 16          /* more than libuv has workers by default */
#define CACHE_ENTRIES 1024 /* of each: the vendors' chains and some hundred chips */

struct verifier {
    uv_mutex_t lock; /* of spare */
    struct evidence_cache *spare[CACHES];
    unsigned n;
    struct collateral *collateral; /* borrowed */
};

struct verify {
    uv_work_t work;
    struct verifier *verifier;
    Bailey__V1__Evidence *evidence; /* owned */
    uint8_t *parts;                 /* owned: nonce, node, boot_id, spki, one after another */
    struct binding binding;         /* points into parts */
    int64_t now_s;
    bool allow_simulated;
    struct verify_result result;
    verify_done_fn *done;
    void *data;
};

struct verifier *verifier_new(struct collateral *c)
{
    struct verifier *v = calloc(1, sizeof *v);

    if (v == NULL || uv_mutex_init(&v->lock) != 0) {
        free(v);
        return NULL;
    }
    v->collateral = c;
    return v;
}

void verifier_free(struct verifier *v)
{
    if (v == NULL)
        return;
    for (unsigned i = 0; i < v->n; i++)
        evidence_cache_free(v->spare[i]);
    uv_mutex_destroy(&v->lock);
    free(v);
}

/* A cache for one verification alone; NULL, which is as good but slower, without memory. */
static struct evidence_cache *cache_take(struct verifier *v)
{
    struct evidence_cache *c = NULL;

    uv_mutex_lock(&v->lock);
    if (v->n > 0)
        c = v->spare[--v->n];
    uv_mutex_unlock(&v->lock);
    return c != NULL ? c : evidence_cache_new(CACHE_ENTRIES);
}

static void cache_put(struct verifier *v, struct evidence_cache *c)
{
    uv_mutex_lock(&v->lock);
    if (c != NULL && v->n < CACHES) {
        v->spare[v->n++] = c;
        c = NULL;
    }
    uv_mutex_unlock(&v->lock);
    evidence_cache_free(c);
}

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

/* What of the host's files is genuine and new here. The authorities are those that the evidence was
 * verified with. */
static void learn(struct verify *v, const struct evidence_input *brought,
                  const struct evidence_input *used, const struct evidence_options *o)
{
    struct verify_result *r = &v->result;

    for (unsigned i = 0; i < brought->files_n && r->learned_n < VERIFY_LEARNED; i++) {
        struct evidence_input in = *used;
        struct verify_learned *l = &r->learned[r->learned_n];
        enum endorsement_kind kind = endorsement_of_file(brought->files[i].name);

        if (kind == ENDORSEMENT_NONE ||
            collateral_has(v->verifier->collateral, brought->files[i].bytes))
            continue;
        for (unsigned k = 0; k < in.files_n; k++)
            if (strcmp(in.files[k].name, brought->files[i].name) == 0)
                in.files[k].bytes = brought->files[i].bytes;
        if (!endorsement_check(&in, o, kind, &l->proof, NULL))
            continue;
        l->bytes = brought->files[i].bytes;
        r->learned_n++;
    }
}

static void in_worker(uv_work_t *work)
{
    struct verify *v = work->data;
    const Bailey__V1__Evidence *m = v->evidence;
    struct evidence_input brought = {.evidence = {m->evidence.data, m->evidence.len},
                                     .files_n = (unsigned)m->n_files};
    struct collateral_lent lent = {0};
    struct evidence_input in;
    uint8_t report_data[REPORT_DATA_SIZE];
    struct evidence_options o = {.now_s = v->now_s,
                                 .report_data = report_data,
                                 .allow_simulated = v->allow_simulated,
                                 .cache = cache_take(v->verifier)};
    struct verify_result *r = &v->result;

    for (size_t i = 0; i < m->n_files; i++)
        brought.files[i] = (struct evidence_file){m->files[i]->name,
                                                  {m->files[i]->data.data, m->files[i]->data.len}};
    SHA256(m->evidence.data, m->evidence.len, r->digest);
    in = brought;
    collateral_needs(&brought, &o, &r->needs);
    collateral_supply(v->verifier->collateral, &o, &in, &lent);
    o.trust_files = lent.trust_files;
    r->good = binding_report_data(&v->binding, report_data, &r->err) &&
              evidence_verify(&in, &o, &r->facts, &r->err);
    if (r->good)
        learn(v, &brought, &in, &o);
    collateral_lent_fini(&lent);
    cache_put(v->verifier, o.cache);
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
    v->verifier = o->verifier;
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
