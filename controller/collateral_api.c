/* The operators' calls about collateral. Verifying an import takes some milliseconds of the loop
 * thread: a few signatures a file, at most FILES files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attest/cca_cpak.h"
#include "attest/pem.h"
#include "controller/api.h"
#include "controller/authorize.h"
#include "controller/collateral.h"
#include "controller/reply.h"
#include "controller/txn.h"

#define FILES 64
#define FILE_MOST (512 * 1024)
#define PIECES (FILES * PEM_BLOCKS)

/* One thing to be imported: a file, or a certificate out of an AMD chain in PEM. */
struct part {
    const char *name; /* the file's */
    struct bytes bytes;
    struct endorsement what;
};

struct import {
    struct state *st;
    struct arena *arena;
    const char *source;
    struct part part[PIECES];
    unsigned n;
};

static char *text(const char *s)
{
    return (char *)(uintptr_t)s;
}

/* AMD serves ASK and ARK together as PEM; Intel's chains are kept as they are. */
static bool split(struct import *im, const char *name, struct bytes bytes)
{
    struct bytes block[PEM_BLOCKS];
    uint8_t *store;
    unsigned n = 0;

    if (bytes.n == 0 || bytes.p[0] != '-')
        return false;
    store = arena_alloc(im->arena, bytes.n);
    if (store == NULL || !pem_certificates(bytes, store, block, &n, name, NULL))
        return false;
    for (unsigned i = 0; i < n; i++) {
        struct part p = {.name = name, .bytes = block[i]};

        if (!endorsement_recognise(block[i], &p.what) || p.what.kind > ENDORSEMENT_SNP_VLEK)
            return false;
        im->part[im->n++] = p;
    }
    return true;
}

static void gather(struct import *im, const Bailey__V1__ImportCollateralRequest *r)
{
    for (size_t i = 0; i < r->n_files && i < FILES; i++) {
        struct part p = {.name = r->files[i]->name,
                         .bytes = {r->files[i]->data.data, r->files[i]->data.len}};
        unsigned before = im->n;

        if (split(im, p.name, p.bytes))
            continue;
        im->n = before; /* a chain of which only a part was known */
        (void)endorsement_recognise(p.bytes, &p.what);
        im->part[im->n++] = p;
    }
}

static bool same_line(const struct endorsement *a, const struct endorsement *b)
{
    return a->product[0] == '\0' || b->product[0] == '\0' || strcmp(a->product, b->product) == 0;
}

/* Files that are authorities to others, each from the import or from what is kept. A leaf names no
 * line, so that every line is tried in turn. */
static const char *const lines[] = {"Milan", "Genoa", "Turin"};
#define LINES (sizeof lines / sizeof lines[0])

struct authorities {
    struct evidence_input in;
    struct buf kept[8];
    unsigned kept_n;
};

static void add_authority(struct import *im, struct authorities *a, enum endorsement_kind kind,
                          const struct endorsement *of, const char *key)
{
    struct buf *b = &a->kept[a->kept_n];
    struct endorsement ignored;
    const char *file = endorsement_file(kind);

    if (evidence_file(&a->in, file) != NULL || a->in.files_n == EVIDENCE_FILES)
        return;
    for (unsigned i = 0; i < im->n; i++)
        if (im->part[i].what.kind == kind && same_line(&im->part[i].what, of)) {
            a->in.files[a->in.files_n++] = (struct evidence_file){file, im->part[i].bytes};
            return;
        }
    if (key == NULL || !collateral_copy(im->st->collateral, key, b, &ignored))
        return;
    a->kept_n++;
    a->in.files[a->in.files_n++] = (struct evidence_file){file, buf_bytes(b)};
}

static void snp_authorities(struct import *im, struct authorities *a, const struct endorsement *of,
                            bool simulated)
{
    static const struct {
        enum endorsement_kind kind;
        const char *part;
    } needed[] = {
        {ENDORSEMENT_SNP_ARK, "ark"}, {ENDORSEMENT_SNP_ASK, "ask"}, {ENDORSEMENT_SNP_ASVK, "asvk"}};
    char key[ENDORSEMENT_KEY];

    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        snprintf(key, sizeof key, "%samd/snp/%s/%s", simulated ? "simulated/" : "", of->product,
                 needed[i].part);
        add_authority(im, a, needed[i].kind, of, key);
    }
}

static void intel_authorities(struct import *im, struct authorities *a,
                              const struct endorsement *of, bool simulated)
{
    add_authority(im, a, ENDORSEMENT_TCB_SIGNING_CHAIN, of,
                  simulated ? "simulated/intel/tcb-signing-chain" : "intel/tcb-signing-chain");
    add_authority(im, a, ENDORSEMENT_PCK_CHAIN, of, NULL);
}

static bool check_with(struct import *im, const struct part *p, const struct endorsement *line,
                       bool simulated, struct endorsement_proof *proof, struct err *e)
{
    struct evidence_options o = {.now_s = state_wall_ms(im->st) / 1000,
                                 .allow_simulated = im->st->options.allow_simulated};
    struct authorities a = {0};
    bool good;

    a.in.files[a.in.files_n++] = (struct evidence_file){endorsement_file(p->what.kind), p->bytes};
    if (p->what.kind <= ENDORSEMENT_SNP_CRL)
        snp_authorities(im, &a, line, simulated);
    else
        intel_authorities(im, &a, line, simulated);
    good = endorsement_check(&a.in, &o, p->what.kind, proof, e);
    for (unsigned i = 0; i < a.kept_n; i++)
        buf_fini(&a.kept[i]);
    return good;
}

/* With the real vendors' authorities first, and then with simulated ones; leaves with each line's.
 */
static bool check(struct import *im, const struct part *p, struct endorsement_proof *proof,
                  struct err *e)
{
    struct err first = {0}, later = {0};
    bool leaf = p->what.kind == ENDORSEMENT_SNP_VCEK || p->what.kind == ENDORSEMENT_SNP_VLEK;

    for (int simulated = 0; simulated < (im->st->options.allow_simulated ? 2 : 1); simulated++)
        for (size_t i = 0; i < (leaf ? LINES : 1); i++) {
            struct endorsement line = p->what;
            struct err *why = first.reason[0] == '\0' ? &first : &later;

            if (leaf)
                snprintf(line.product, sizeof line.product, "%s", lines[i]);
            if (check_with(im, p, &line, simulated == 1, proof, why))
                return true;
            /* what another line's authority refused says less than what is missing */
            if (why == &later && strcmp(first.reason, "evidence.file-missing") == 0)
                first = later;
        }
    *e = first;
    return false;
}

/* A CPAK is trusted because an operator says so: nobody signs it. But it has to be one. */
static bool take_cpak(const struct part *p, struct endorsement_proof *proof, struct err *e)
{
    if (!cca_cpak_check(p->bytes, e))
        return false;
    *proof = (struct endorsement_proof){.what = p->what};
    snprintf(proof->key, sizeof proof->key, "arm/cca/cpak");
    return true;
}

static void import_part(struct import *im, const struct part *p,
                        Bailey__V1__ImportedCollateral *out)
{
    struct arena *a = im->arena;
    enum collateral_outcome outcome = COLLATERAL_UNCHANGED;
    struct endorsement_proof proof = {0};
    struct err e = {0};
    bool good;

    out->name = text(p->name);
    good = p->what.kind == ENDORSEMENT_NONE
               ? err_set(&e, ERR_INPUT, "endorsement.unknown",
                         "%s: not collateral that is known here", p->name)
           : p->what.kind == ENDORSEMENT_PCK_CHAIN
               ? endorsement_check(
                     &(struct evidence_input){.files = {{"pck_chain.pem", p->bytes}}, .files_n = 1},
                     &(struct evidence_options){0}, p->what.kind, &proof, &e)
           : p->what.kind == ENDORSEMENT_CCA_CPAK ? take_cpak(p, &proof, &e)
                                                  : check(im, p, &proof, &e);
    if (good)
        good = collateral_offer(im->st, &proof, p->bytes, im->source, &outcome, &e);
    out->outcome = text(good ? collateral_outcome_name(outcome) : "refused");
    if (good) {
        out->collateral = arena_alloc(a, sizeof *out->collateral);
        if (out->collateral == NULL)
            return;
        bailey__v1__collateral__init(out->collateral);
        out->collateral->key = arena_strndup(a, proof.key, strlen(proof.key));
        out->collateral->kind = text(endorsement_name(proof.what.kind));
        out->collateral->freshness =
            text(collateral_freshness(proof.what.until_s, state_wall_ms(im->st) / 1000));
    } else {
        out->reason = arena_strndup(a, e.reason, strlen(e.reason));
        out->message = arena_strndup(a, e.msg, strlen(e.msg));
    }
}

static bool request_check(const Bailey__V1__ImportCollateralRequest *r, struct err *e)
{
    if (r->n_files > FILES)
        return err_set(e, ERR_LIMIT, "collateral.too-many", "%zu files, want at most %d",
                       r->n_files, FILES);
    for (size_t i = 0; i < r->n_files; i++)
        if (r->files[i]->data.len > FILE_MOST)
            return err_set(e, ERR_LIMIT, "collateral.too-large", "%s: more than %d KiB",
                           r->files[i]->name, FILE_MOST / 1024);
    return true;
}

void api_import_collateral(struct rpc_call *call, const ProtobufCMessage *req, void *user)
{
    const Bailey__V1__ImportCollateralRequest *r = (const Bailey__V1__ImportCollateralRequest *)req;
    Bailey__V1__ImportCollateralResponse out = BAILEY__V1__IMPORT_COLLATERAL_RESPONSE__INIT;
    struct arena *a = rpc_call_arena(call);
    struct import *im = arena_alloc(a, sizeof *im);
    char source[160];
    struct err e = {0};

    if (im == NULL || !request_check(r, &e)) {
        rpc_fail(call, &e);
        return;
    }
    *im = (struct import){.st = user, .arena = a, .source = source};
    snprintf(source, sizeof source, "imported by %s", peer_user(user, rpc_call_peer(call)));
    gather(im, r);
    out.results = arena_alloc(a, sizeof *out.results * (im->n + 1));
    for (unsigned i = 0; out.results != NULL && i < im->n; i++) {
        Bailey__V1__ImportedCollateral *m = arena_alloc(a, sizeof *m);

        if (m == NULL)
            break;
        bailey__v1__imported_collateral__init(m);
        import_part(im, &im->part[i], m);
        out.results[out.n_results++] = m;
    }
    reply_settled(user, call, &out.base);
}

bool collateral_import(struct state *st, const char *source, const char *name, struct bytes bytes,
                       struct err *e)
{
    Bailey__V1__CollateralFile file = BAILEY__V1__COLLATERAL_FILE__INIT, *list = &file;
    Bailey__V1__ImportCollateralRequest req = BAILEY__V1__IMPORT_COLLATERAL_REQUEST__INIT;
    AUTO_ARENA struct arena a;
    struct import *im;

    arena_init(&a, (size_t)4 << 20);
    im = arena_alloc(&a, sizeof *im);
    if (im == NULL)
        return err_set(e, ERR_NOMEM, "collateral.memory", "no memory");
    file.name = text(name);
    file.data = (ProtobufCBinaryData){bytes.n, (uint8_t *)(uintptr_t)bytes.p};
    req.files = &list;
    req.n_files = 1;
    *im = (struct import){.st = st, .arena = &a, .source = source};
    gather(im, &req);
    for (unsigned i = 0; i < im->n; i++) {
        Bailey__V1__ImportedCollateral out = BAILEY__V1__IMPORTED_COLLATERAL__INIT;

        import_part(im, &im->part[i], &out);
        if (strcmp(out.outcome, "refused") == 0)
            return err_set(e, ERR_INPUT, "collateral.refused", "%s: %s (%s)", name, out.message,
                           out.reason);
    }
    return true;
}

struct urls {
    struct state *st;
    struct arena *arena;
    const char *node;
    VEC(Bailey__V1__CollateralUrl *) all;
};

static void add_urls(void *data, const char *node, const struct collateral_needs *needs)
{
    struct urls *u = data;

    if (u->node[0] != '\0' && strcmp(u->node, node) != 0)
        return;
    for (unsigned i = 0; i < needs->n; i++) {
        Bailey__V1__CollateralUrl *m = arena_alloc(u->arena, sizeof *m);
        bool known = false;

        for (size_t k = 0; k < u->all.n && !known; k++)
            known = strcmp(u->all.v[k]->url, needs->need[i].url) == 0;
        if (known || m == NULL)
            continue;
        bailey__v1__collateral_url__init(m);
        m->url = text(needs->need[i].url);
        m->kind = text(needs->need[i].kind);
        m->node = text(node);
        m->held = text(collateral_held(u->st, needs->need[i].key));
        if (!vec_push(&u->all, m))
            return;
    }
}

static int by_url(const void *a, const void *b)
{
    const Bailey__V1__CollateralUrl *const *x = a, *const *y = b;

    return strcmp((*x)->url, (*y)->url);
}

void api_collateral_urls(struct rpc_call *call, const ProtobufCMessage *req, void *user)
{
    const Bailey__V1__CollateralUrlsRequest *r = (const Bailey__V1__CollateralUrlsRequest *)req;
    Bailey__V1__CollateralUrlsResponse out = BAILEY__V1__COLLATERAL_URLS_RESPONSE__INIT;
    struct urls u = {.st = user, .arena = rpc_call_arena(call), .node = r->node};
    struct err e = {0};

    if (r->node[0] != '\0' && state_node(user, r->node) == NULL) {
        err_set(&e, ERR_MISSING, "node.missing", "there is no node %s", r->node);
        rpc_fail(call, &e);
        return;
    }
    collateral_noted(user, add_urls, &u);
    if (u.all.n > 0)
        qsort(u.all.v, u.all.n, sizeof u.all.v[0], by_url);
    out.urls = u.all.v;
    out.n_urls = u.all.n;
    reply_settled(user, call, &out.base);
    vec_fini(&u.all);
}

struct listing {
    struct rpc_call *call;
    const Bailey__V1__ListCollateralRequest *r;
    Bailey__V1__ListCollateralResponse out;
    VEC(Bailey__V1__Collateral *) all;
};

static bool list_one(void *data, const Bailey__V1__Collateral *m)
{
    struct listing *l = data;
    Bailey__V1__Collateral *copy;

    if ((l->r->vendor[0] != '\0' && strcmp(l->r->vendor, m->vendor) != 0) ||
        (l->r->expiring && strcmp(m->freshness, "fresh") == 0))
        return true;
    copy = arena_alloc(rpc_call_arena(l->call), sizeof *copy);
    if (copy == NULL)
        return false;
    *copy = *m; /* texts are borrowed until the answer was copied */
    copy->data = (ProtobufCBinaryData){0, NULL};
    return vec_push(&l->all, copy);
}

void api_list_collateral(struct rpc_call *call, const ProtobufCMessage *req, void *user)
{
    struct listing l = {.call = call,
                        .r = (const Bailey__V1__ListCollateralRequest *)req,
                        .out = BAILEY__V1__LIST_COLLATERAL_RESPONSE__INIT};

    collateral_each(user, list_one, &l);
    l.out.collateral = l.all.v;
    l.out.n_collateral = l.all.n;
    reply_settled(user, call, &l.out.base);
    vec_fini(&l.all);
}
