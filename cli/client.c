#include "cli/client.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define ANSWERS_MAX ((size_t)256 << 20)
#define CALL_MS 30000
#define PIECE ((size_t)256 << 10)

#define SERVICE (&bailey__v1__operator__descriptor)

static bool timeout_of(struct cli *c, int64_t *ms)
{
    return cli_duration(c, OPT_TIMEOUT, ms);
}

bool client_open(struct cli *c)
{
    struct client *cl = calloc(1, sizeof *cl);
    struct rpc_client_options o;

    if (cl == NULL)
        return err_set(&c->err, ERR_NOMEM, "client.memory", "no memory");
    if (!context_load(cli_value(c, OPT_CONTEXT, NULL), &cl->context, &c->err)) {
        free(cl);
        return false;
    }
    if (uv_loop_init(&cl->uv) != 0 || !rpc_loop_init(&cl->loop, &cl->uv, &c->err)) {
        free(cl);
        return err_wrap(&c->err, "client");
    }
    c->client = cl;
    arena_init(&cl->arena, ANSWERS_MAX);
    o = (struct rpc_client_options){
        .target = cl->context.server,
        .tls = {cl->context.ca, cl->context.certificate, cl->context.key},
        .max_message_bytes = (size_t)16 << 20,
        .max_arena_bytes = (size_t)64 << 20,
        .connect_timeout_ms = 10000,
    };
    if (cl->context.certificate[0] == '\0')
        o.tls.certificate = o.tls.key = NULL;
    if (!rpc_client_new(&cl->loop, &o, &cl->rpc, &c->err))
        return err_wrap(&c->err, "context %s", cl->context.file);
    return true;
}

void client_close(struct cli *c)
{
    struct client *cl = c->client;

    if (cl == NULL)
        return;
    if (cl->rpc != NULL)
        rpc_client_free(cl->rpc);
    rpc_loop_close(&cl->loop, NULL, NULL);
    uv_run(&cl->uv, UV_RUN_DEFAULT);
    uv_loop_close(&cl->uv);
    arena_fini(&cl->arena);
    free(cl);
    c->client = NULL;
}

/* Failures below the cluster's own words name the server. */
static bool failed(struct cli *c)
{
    if (c->err.code == ERR_UNAVAIL && c->err.mend[0] == '\0') {
        (void)err_wrap(&c->err, "%s", c->client->context.server);
        (void)err_mend(&c->err, "is the controller running, and is the context (%s) its own?",
                       c->client->context.file);
    }
    return false;
}

bool client_call(struct cli *c, const char *method, const ProtobufCMessage *req,
                 ProtobufCMessage **reply)
{
    return client_call_of(c, SERVICE, method, req, reply);
}

bool client_call_of(struct cli *c, const ProtobufCServiceDescriptor *service, const char *method,
                    const ProtobufCMessage *req, ProtobufCMessage **reply)
{
    struct rpc_call_options o = {.deadline_ms = CALL_MS, .wait_for_ready = c->client->patient};

    if (!timeout_of(c, &o.deadline_ms))
        return false;
    if (!rpc_client_call_wait(c->client->rpc, service, method, req, &o, &c->client->arena, reply,
                              &c->err))
        return failed(c);
    return true;
}

struct reading {
    struct cli *cli;
    client_take take;
    void *user;
    bool enough, over, well;
};

static void on_message(struct rpc_call *call, const ProtobufCMessage *m, void *user)
{
    struct reading *r = user;

    if (r->enough)
        return;
    r->enough = !r->take(r->cli, m, r->user);
    if (r->enough)
        rpc_cancel(call);
}

static void on_closed(struct rpc_call *call, bool cancelled, void *user)
{
    struct reading *r = user;

    (void)cancelled;
    r->over = true;
    r->well = r->enough || rpc_call_status(call, &r->cli->err);
}

bool client_stream(struct cli *c, const char *method, const ProtobufCMessage *req,
                   int64_t timeout_ms, client_take take, void *user)
{
    static const struct rpc_stream callbacks = {.on_message = on_message, .on_closed = on_closed};
    struct rpc_call_options o = {.deadline_ms = timeout_ms, .wait_for_ready = c->client->patient};
    struct reading r = {.cli = c, .take = take, .user = user};
    struct rpc_call *call = rpc_stream_open(c->client->rpc, SERVICE, method, &o, &callbacks, &r);

    if (call == NULL)
        return err_set(&c->err, ERR_NOMEM, "client.memory", "%s: no memory", method);
    (void)rpc_send(call, req);
    rpc_half_close(call);
    while (!r.over)
        uv_run(&c->client->uv, UV_RUN_ONCE);
    return r.well || failed(c);
}

struct upload {
    struct cli *cli;
    const char *digest, *name;
    int fd;
    uint64_t offset, size;
    bool first, sent, over, well;
    uint8_t *piece;
};

/* Sends pieces until enough of them wait to go out. */
static void feed(struct rpc_call *call, struct upload *u)
{
    while (!u->sent && rpc_pending(call) < 4 * PIECE) {
        Bailey__V1__PutArtifactRequest m = BAILEY__V1__PUT_ARTIFACT_REQUEST__INIT;
        ssize_t n = pread(u->fd, u->piece, PIECE, (off_t)u->offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || (n == 0 && u->offset < u->size)) {
            (void)err_errno(&u->cli->err, n < 0 ? errno : EIO, "artifact.read", "%s", u->name);
            u->sent = true;
            rpc_cancel(call);
            return;
        }
        if (u->first) {
            m.digest = (char *)(uintptr_t)u->digest;
            m.size = u->size;
            m.offset = u->offset;
            u->first = false;
        }
        m.data = (ProtobufCBinaryData){(size_t)n, u->piece};
        u->offset += (uint64_t)n;
        if (!rpc_send(call, &m.base))
            return;
        if (u->offset >= u->size) {
            u->sent = true;
            rpc_half_close(call);
        }
    }
    output_progress(&u->cli->out, u->name, u->offset, u->size);
}

static void upload_writable(struct rpc_call *call, void *user)
{
    feed(call, user);
}

static void upload_closed(struct rpc_call *call, bool cancelled, void *user)
{
    struct upload *u = user;
    struct err e = {0};

    (void)cancelled;
    u->over = true;
    u->well = rpc_call_status(call, &e);
    if (!u->well && u->cli->err.code == ERR_NONE)
        u->cli->err = e;
}

static bool put(struct cli *c, struct upload *u)
{
    static const struct rpc_stream callbacks = {.on_writable = upload_writable,
                                                .on_closed = upload_closed};
    struct rpc_call *call;

    u->piece = malloc(PIECE);
    if (u->piece == NULL)
        return err_set(&c->err, ERR_NOMEM, "client.memory", "no memory");
    call = rpc_stream_open(c->client->rpc, SERVICE, "PutArtifact", NULL, &callbacks, u);
    if (call != NULL) {
        feed(call, u);
        while (!u->over)
            uv_run(&c->client->uv, UV_RUN_ONCE);
    }
    output_progress_end(&c->out);
    free(u->piece);
    return call != NULL && (u->well || failed(c));
}

bool client_upload(struct cli *c, int fd, const char *digest, uint64_t size, const char *name)
{
    Bailey__V1__StatArtifactRequest req = BAILEY__V1__STAT_ARTIFACT_REQUEST__INIT;
    const Bailey__V1__StatArtifactResponse *stat;
    struct upload u = {
        .cli = c, .digest = digest, .name = name, .fd = fd, .size = size, .first = true};
    ProtobufCMessage *reply;

    req.digest = (char *)(uintptr_t)digest;
    if (!client_call(c, "StatArtifact", &req.base, &reply))
        return false;
    stat = (const Bailey__V1__StatArtifactResponse *)reply;
    if (stat->present)
        return true;
    u.offset = stat->partial < size ? stat->partial : 0;
    return put(c, &u) || err_wrap(&c->err, "upload of %s", name);
}
