/* bailey-controller: options, start, graceful end. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "controller/access.h"
#include "controller/api.h"
#include "controller/audit.h"
#include "controller/audit_key.h"
#include "controller/authorities.h"
#include "controller/authorize.h"
#include "controller/backup.h"
#include "controller/collateral_fetch.h"
#include "controller/enrol.h"
#include "controller/failpoint.h"
#include "controller/http.h"
#include "controller/init.h"
#include "controller/metrics.h"
#include "controller/reconcile.h"
#include "controller/rollback.h"
#include "controller/session_rpc.h"
#include "controller/txn.h"
#include "rpc/server.h"

/* For calls that wait for a commit; watches are cut, and clients begin anew. */
#define STOP_GRACE_MS 200

static const char usage[] =
    "Usage: bailey-controller --data DIR [OPTION]...\n"
    "       bailey-controller backup|restore|fsck --help\n"
    "Decides which keeps run on which nodes. The first start makes the cluster in DIR.\n"
    "\n"
    "  --data DIR               where the cluster lives (required)\n"
    "  --listen HOST:PORT       operators and agents, mutual TLS (127.0.0.1:8440)\n"
    "  --enrol-listen HOST:PORT new nodes, by token (127.0.0.1:8441)\n"
    "  --http-listen ADDR:PORT  metrics for Prometheus and health, plain HTTP, to be read by "
    "whoever\n"
    "                           can connect: 127.0.0.1:8442 (none: nothing listens)\n"
    "  --advertise HOST         the name or address others reach this host by\n"
    "  --allow-simulated        simulated evidence may count, marked everywhere\n"
    "  --lease TIME             a node is lost without a heartbeat for this long (10s)\n"
    "  --evidence-renew TIME    nodes show fresh evidence this often (5m)\n"
    "  --move-grace TIME        a keep that its rules refuse waits so long for its replacement to "
    "be\n"
    "                           healthy, then it is stopped without one (10m)\n"
    "  --guard-max-nodes-percent N\n"
    "                           a revocation of more of the nodes needs an override (50)\n"
    "  --collateral-fetch CMD   run CMD URL for vendors' collateral that is missing or expires; "
    "what\n"
    "                           it prints is verified like an import (none: nothing is fetched)\n"
    "  --accept-rollback        serve although agents have seen a newer store: what it held is "
    "lost\n"
    "  --ca-key URI             the key of the next CA is what OpenSSL's store API opens there "
    "(a new\n"
    "                           file); see bailey ca rotate\n"
    "  --log-level LEVEL        debug, info, warn or error (info)\n"
    "  --ready-fd N             write READY to this descriptor when serving\n"
    "  --help                   this text\n"
    "  --version                the version\n"
    "\n"
    "Port 0 is any free port; the real ones stand in DIR/endpoint. The first operator's\n"
    "credentials are in DIR/admin: bailey --context DIR/admin/context.yaml status\n";

struct command_line {
    const char *data, *listen, *enrol, *http, *advertise, *fetch, *ca_key;
    struct options options;
    enum log_level level;
    int ready_fd;
    bool accept_rollback;
};

struct program {
    struct init init;
    struct state state;
    struct rpc_loop rpc;
    struct rpc_server *server;
    uv_loop_t *loop;
    uv_signal_t sigterm, sigint;
    struct store *store;
    struct collateral_keeper *keeper;
    struct http_server *http; /* NULL: nothing listens */
};

static int wrong(const char *what, const char *value)
{
    fprintf(stderr, "bailey-controller: %s%s%s\nTry 'bailey-controller --help'.\n", what,
            value == NULL ? "" : ": ", value == NULL ? "" : value);
    return 2;
}

static bool time_option(const char *text, int64_t min_ms, int64_t max_ms, int64_t *out)
{
    int64_t v;

    if (!duration_parse(text, &v, NULL) || v < min_ms || v > max_ms)
        return false;
    *out = v;
    return true;
}

enum {
    OPT_DATA = 256,
    OPT_LISTEN,
    OPT_ENROL,
    OPT_HTTP,
    OPT_ADVERTISE,
    OPT_SIM,
    OPT_LEASE,
    OPT_RENEW,
    OPT_MOVE_GRACE,
    OPT_GUARD,
    OPT_FAILPOINTS,
    OPT_FETCH,
    OPT_CA_KEY,
    OPT_ACCEPT_ROLLBACK,
    OPT_LEVEL,
    OPT_READY,
    OPT_HELP,
    OPT_VERSION
};

static const struct option longopts[] = {
    {"data", required_argument, NULL, OPT_DATA},
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"enrol-listen", required_argument, NULL, OPT_ENROL},
    {"http-listen", required_argument, NULL, OPT_HTTP},
    {"advertise", required_argument, NULL, OPT_ADVERTISE},
    {"allow-simulated", no_argument, NULL, OPT_SIM},
    {"lease", required_argument, NULL, OPT_LEASE},
    {"evidence-renew", required_argument, NULL, OPT_RENEW},
    {"move-grace", required_argument, NULL, OPT_MOVE_GRACE},
    {"guard-max-nodes-percent", required_argument, NULL, OPT_GUARD},
    {"failpoints", no_argument, NULL, OPT_FAILPOINTS},
    {"collateral-fetch", required_argument, NULL, OPT_FETCH},
    {"ca-key", required_argument, NULL, OPT_CA_KEY},
    {"accept-rollback", no_argument, NULL, OPT_ACCEPT_ROLLBACK},
    {"log-level", required_argument, NULL, OPT_LEVEL},
    {"ready-fd", required_argument, NULL, OPT_READY},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

/* -1: go on; otherwise the exit code. */
static int take_option(int c, struct command_line *o)
{
    uint64_t fd;

    switch (c) {
    case OPT_DATA:
        o->data = optarg;
        return -1;
    case OPT_LISTEN:
        o->listen = optarg;
        return -1;
    case OPT_ENROL:
        o->enrol = optarg;
        return -1;
    case OPT_HTTP:
        o->http = optarg;
        return -1;
    case OPT_ADVERTISE:
        o->advertise = optarg;
        return -1;
    case OPT_ACCEPT_ROLLBACK:
        o->accept_rollback = true;
        return -1;
    case OPT_SIM:
        o->options.allow_simulated = true;
        return -1;
    case OPT_LEASE:
        return time_option(optarg, 1000, 600000, &o->options.lease_ms)
                   ? -1
                   : wrong("--lease wants a time from 1s to 10m", optarg);
    case OPT_RENEW:
        return time_option(optarg, 1000, 86400000, &o->options.renew_ms)
                   ? -1
                   : wrong("--evidence-renew wants a time from 1s to 1d", optarg);
    case OPT_MOVE_GRACE:
        return time_option(optarg, 0, 86400000, &o->options.move_grace_ms)
                   ? -1
                   : wrong("--move-grace wants a time from 0s to 1d", optarg);
    case OPT_GUARD:
        if (!u64_parse(optarg, &fd) || fd > 100)
            return wrong("--guard-max-nodes-percent wants a number from 0 to 100", optarg);
        o->options.guard_percent = (uint32_t)fd;
        return -1;
    case OPT_FAILPOINTS: /* for tests, and not in the usage */
        failpoint_list(stdout);
        return 0;
    case OPT_CA_KEY:
        o->ca_key = optarg;
        return -1;
    case OPT_FETCH:
        o->fetch = optarg;
        return -1;
    case OPT_LEVEL:
        return log_level_parse(optarg, &o->level)
                   ? -1
                   : wrong("--log-level wants debug, info, warn or error", optarg);
    case OPT_READY:
        if (!u64_parse(optarg, &fd) || fd > 65535)
            return wrong("--ready-fd wants a file descriptor", optarg);
        o->ready_fd = (int)fd;
        return -1;
    case OPT_HELP:
        fputs(usage, stdout);
        return 0;
    case OPT_VERSION:
        puts("bailey-controller " BAILEY_VERSION);
        return 0;
    default:
        fputs("Try 'bailey-controller --help'.\n", stderr);
        return 2;
    }
}

static int parse_options(int argc, char **argv, struct command_line *o)
{
    int c, code;

    while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1)
        if ((code = take_option(c, o)) >= 0)
            return code;
    if (optind < argc)
        return wrong("unexpected argument", argv[optind]);
    if (o->data == NULL)
        return wrong("--data DIR is required", NULL);
    return -1;
}

/* "[::1]:8440" or "host:8440": the host without brackets. */
static bool split_host(const char *address, char *host, size_t size, struct err *e)
{
    const char *colon = strrchr(address, ':');
    size_t n = colon == NULL ? 0 : (size_t)(colon - address);

    if (n > 1 && address[0] == '[' && address[n - 1] == ']') {
        address++;
        n -= 2;
    }
    if (n == 0 || n >= size)
        return err_set(e, ERR_INPUT, "listen.address", "not an address to listen on: %s", address),
               err_expected(e, "HOST:PORT");
    memcpy(host, address, n);
    host[n] = '\0';
    return true;
}

static const char *reachable(const char *host, const char *advertise)
{
    if (advertise != NULL)
        return advertise;
    if (strcmp(host, "0.0.0.0") == 0)
        return "127.0.0.1";
    return strcmp(host, "::") == 0 ? "::1" : host;
}

static void endpoint(char *out, size_t size, const char *host, int port)
{
    snprintf(out, size, strchr(host, ':') == NULL ? "%s:%d" : "[%s]:%d", host, port);
}

/* The address stands in DIR/endpoint as well, on its third line. */
static bool listen_http(struct program *p, const char *address, char *at, size_t size,
                        struct err *e)
{
    char host[256];
    int port;

    at[0] = '\0';
    if (address == NULL)
        return true;
    if (!split_host(address, host, sizeof host, e) ||
        !http_server_new(p->loop, address, metrics_routes, &p->state, &p->http, &port, e))
        return false;
    endpoint(at, size, reachable(host, NULL), port);
    return true;
}

/* Who may, and whether the store is one to decide on. */
static bool admit(struct rpc_call *call, const struct rpc_method *m, void *user, struct err *e)
{
    return authorize(call, m, user, e) && rollback_admits(user, m, e);
}

static bool listen_on(struct program *p, const struct command_line *o, struct err *e)
{
    char host[256], enrol_host[256], own[256] = "localhost", server[640], key[640], ca[640];
    char api_at[300], enrol_at[300], http_at[300];
    const char *hosts[] = {"localhost", "127.0.0.1", "::1", own, host, enrol_host, o->advertise};
    struct rpc_listener l = {.address = o->listen,
                             .tls = {ca, server, key},
                             .client_cert = RPC_CLIENT_CERT_REQUIRE,
                             .authorize = admit,
                             .inspect = authorize_request,
                             .user = &p->state};
    int port, enrol_port;

    if (!split_host(o->listen, host, sizeof host, e) ||
        !split_host(o->enrol, enrol_host, sizeof enrol_host, e))
        return false;
    (void)gethostname(own, sizeof own - 1);
    snprintf(ca, sizeof ca, "%s/pki/trust.pem", p->init.dir);
    snprintf(server, sizeof server, "%s/pki/server.pem", p->init.dir);
    snprintf(key, sizeof key, "%s/pki/server.key", p->init.dir);
    if (!init_server(&p->init, hosts, o->advertise == NULL ? 6 : 7, state_wall_ms(&p->state) / 1000,
                     e) ||
        !rpc_server_listen(p->server, &l, &port, e))
        return false;
    l.address = o->enrol;
    l.client_cert = RPC_CLIENT_CERT_NONE;
    if (!rpc_server_listen(p->server, &l, &enrol_port, e) ||
        !listen_http(p, o->http, http_at, sizeof http_at, e))
        return false;
    endpoint(api_at, sizeof api_at, reachable(host, o->advertise), port);
    endpoint(enrol_at, sizeof enrol_at, reachable(enrol_host, o->advertise), enrol_port);
    if (!api_serve(&p->state, p->server, 1, e) || !session_serve(&p->state, p->server, 1, e) ||
        !enrol_serve(&p->state, p->server, 2, e) || !identity_serve(&p->state, p->server, 1, e) ||
        !init_endpoints(&p->init, api_at, enrol_at, http_at, e) || !rpc_server_start(p->server, e))
        return false;
    access_watch(&p->state, p->server);
    log_info("ready", LOG_STR("api", api_at), LOG_STR("enrolment", enrol_at),
             LOG_STR("http", http_at), LOG_STR("cluster", p->init.cluster_id),
             LOG_INT("epoch", p->state.cluster->controller_epoch));
    return true;
}

static bool open_audit(struct program *p, struct err *e)
{
    struct state *st = &p->state;
    AUTO_BUF struct buf certificate = {0};
    EVP_PKEY *key;

    return audit_key_open(p->init.dir, p->init.ca, p->init.cluster_id, state_wall_ms(st) / 1000,
                          &key, &certificate, e) &&
           audit_open(st, key, buf_bytes(&certificate), e) && rollback_load(st, e);
}

/* The new epoch is durable before anything is served. */
static bool begin_epoch(struct program *p, bool accept_rollback, struct err *e)
{
    struct state *st = &p->state;

    if (st->cluster->cluster_id[0] == '\0')
        text_set(&st->cluster->cluster_id, p->init.cluster_id);
    if (strcmp(st->cluster->cluster_id, p->init.cluster_id) != 0)
        return err_set(e, ERR_CONFLICT, "init.cluster", "store and keys are of two clusters");
    st->cluster->controller_epoch++;
    if (st->cluster->policy_revision == 0)
        st->cluster->policy_revision = 1;
    if (accept_rollback)
        rollback_accept(st);
    audit_record(st, &(struct audit_entry){.v = {[AUDIT_ACTOR] = "controller",
                                                 [AUDIT_ACTION] = "controller.started",
                                                 [AUDIT_OBJECT] = "Cluster",
                                                 [AUDIT_BECAUSE] = "version " BAILEY_VERSION}});
    if (!user_adopt(st, buf_bytes(&p->init.admin_pem), e))
        return false;
    txn_put(st, "cluster", &st->cluster->base);
    txn_flush(st);
    while (!txn_idle(st))
        uv_run(p->loop, UV_RUN_ONCE);
    return true;
}

static bool start(struct program *p, const struct command_line *o, struct err *e)
{
    char path[640];

    if (!init_open(o->data, clock_system.wall_ms(&clock_system) / 1000, &p->init, e))
        return false;
    if (o->ca_key != NULL &&
        !str_copy(p->init.authorities->key_uri, sizeof p->init.authorities->key_uri, o->ca_key))
        return err_set(e, ERR_LIMIT, "ca.uri", "--ca-key: the URI is too long");
    snprintf(path, sizeof path, "%s/bailey.db", p->init.dir);
    if (!store_open_sqlite(p->loop, path, &p->store, e) ||
        !state_init(&p->state, p->loop, p->store, &clock_system, e))
        return false;
    p->state.options = o->options;
    p->state.metrics = metrics_new();
    if (p->state.metrics == NULL)
        return err_set(e, ERR_NOMEM, "main.memory", "no memory");
    p->state.ca = p->init.ca;
    p->state.access->authorities = p->init.authorities;
    p->state.access->reissue = init_server_again;
    p->state.access->reissue_user = &p->init;
    p->state.data_dir = p->init.dir;
    if (!state_load(&p->state, e) || !open_audit(p, e) || !begin_epoch(p, o->accept_rollback, e) ||
        !reconcile_init(&p->state, e) || !rpc_loop_init(&p->rpc, p->loop, e))
        return false;
    p->server = rpc_server_new(&p->rpc, NULL);
    if (p->server == NULL)
        return err_set(e, ERR_NOMEM, "main.memory", "no memory");
    rpc_server_observe(p->server, metrics_call, p->state.metrics);
    p->keeper = collateral_keeper_new(&p->state, o->fetch);
    if (p->keeper == NULL)
        return err_set(e, ERR_NOMEM, "main.memory", "no memory");
    return listen_on(p, o, e);
}

/* The store's handles are still open, so the loop does not end by itself. */
static void on_rpc_closed(struct rpc_loop *l, void *user)
{
    struct program *p = user;

    (void)l;
    uv_stop(p->loop);
}

static void on_server_stopped(void *user)
{
    struct program *p = user;

    rpc_loop_close(&p->rpc, on_rpc_closed, p);
}

/* Agents are told, so that they need not wait out the grace of open calls. */
static void end_sessions(struct state *st)
{
    struct err e = {0};
    struct node *n;

    err_set(&e, ERR_UNAVAIL, "session.controller-stops", "the controller stops");
    for (size_t i = 0; (n = map_next(&st->nodes, &i)) != NULL;)
        session_end(n->session, &e);
}

static void on_signal(uv_signal_t *sig, int number)
{
    struct program *p = sig->data;

    log_info("stopping", LOG_INT("signal", number));
    if (p->state.stopping)
        return;
    p->state.stopping = true;
    access_unwatch(&p->state);
    end_sessions(&p->state);
    collateral_keeper_close(STEAL(p->keeper));
    uv_close((uv_handle_t *)&p->sigterm, NULL);
    uv_close((uv_handle_t *)&p->sigint, NULL);
    http_server_close(STEAL(p->http));
    rpc_server_stop(STEAL(p->server), STOP_GRACE_MS, on_server_stopped, p);
}

static void finish(struct program *p)
{
    reconcile_fini(&p->state);
    (void)audit_head_now(&p->state);
    txn_flush(&p->state);
    while (!txn_idle(&p->state))
        uv_run(p->loop, UV_RUN_ONCE);
    audit_close(&p->state);
    txn_fini(&p->state);
    store_close(p->store);
    uv_run(p->loop, UV_RUN_DEFAULT);
    metrics_free(p->state.metrics);
    state_fini(&p->state);
    init_close(&p->init);
}

int main(int argc, char **argv)
{
    struct command_line o = {.listen = "127.0.0.1:8440",
                             .enrol = "127.0.0.1:8441",
                             .options = {.lease_ms = 10000,
                                         .renew_ms = 300000,
                                         .move_grace_ms = 600000,
                                         .guard_percent = 50},
                             .level = LOG_INFO,
                             .ready_fd = -1};
    static struct program p;
    struct err e = {0};
    int code;

    if (maintenance_wanted(argc, argv))
        return maintenance_main(argc, argv);
    code = parse_options(argc, argv, &o);
    if (code >= 0)
        return code;
    if (!failpoint_arm()) {
        fputs("bailey-controller: BAILEY_FAILPOINT names no place; see --failpoints\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    log_init("controller", o.level, LOG_AUTO);
    p.loop = uv_default_loop();
    if (!start(&p, &o, &e)) {
        log_error("cannot start", LOG_ERR(&e));
        return 1;
    }
    uv_signal_init(p.loop, &p.sigterm);
    uv_signal_init(p.loop, &p.sigint);
    p.sigterm.data = p.sigint.data = &p;
    uv_signal_start(&p.sigterm, on_signal, SIGTERM);
    uv_signal_start(&p.sigint, on_signal, SIGINT);
    if (o.ready_fd >= 0 && write(o.ready_fd, "READY\n", 6) != 6)
        log_warn("nobody reads --ready-fd");
    uv_run(p.loop, UV_RUN_DEFAULT);
    finish(&p);
    return 0;
}
