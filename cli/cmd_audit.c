/* audit tail, verify, export, prove. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/audit_log.h"
#include "cli/files.h"

#define ENTRY_ARENA 65536

/* --- tail --- */

#define CONDITIONS 8

struct tail {
    struct {
        enum audit_field field;
        char value[128]; /* may end with '*' */
    } want[CONDITIONS];
    unsigned n;
    int64_t since_s;
};

static bool field_parse(const char *name, enum audit_field *out)
{
    for (int i = 0; i < AUDIT_FIELDS; i++)
        if (strcmp(audit_field_name((enum audit_field)i), name) == 0) {
            *out = (enum audit_field)i;
            return true;
        }
    return false;
}

static bool where_parse(struct cli *c, const char *text, struct tail *t)
{
    char copy[1024];
    char *save = NULL;

    if (!str_copy(copy, sizeof copy, text))
        return err_set(&c->err, ERR_INPUT, "usage.value", "--where is too long");
    for (char *p = strtok_r(copy, ",", &save); p != NULL; p = strtok_r(NULL, ",", &save)) {
        char *eq = strchr(p, '=');

        if (eq == NULL || t->n == CONDITIONS)
            return err_set(&c->err, ERR_INPUT, "usage.value", "--where wants FIELD=VALUE,..."),
                   err_found(&c->err, "%s", p);
        *eq = '\0';
        if (!field_parse(p, &t->want[t->n].field) ||
            !str_copy(t->want[t->n].value, sizeof t->want[0].value, eq + 1))
            return err_set(&c->err, ERR_INPUT, "usage.value", "entries have no field \"%s\"", p),
                   err_expected(&c->err, "actor, action, object, because, reason, keep, node, ...");
        t->n++;
    }
    return true;
}

static bool since_parse(struct cli *c, const char *text, int64_t *out)
{
    int64_t ms;

    if (duration_parse(text, &ms, NULL)) {
        *out = clock_system.wall_ms(&clock_system) / 1000 - ms / 1000;
        return true;
    }
    return time_parse(text, out, &c->err) || err_field(&c->err, "--since");
}

static bool matches(const struct tail *t, const struct audit_entry *en)
{
    int64_t at;

    for (unsigned i = 0; i < t->n; i++) {
        const char *v = en->v[t->want[i].field] == NULL ? "" : en->v[t->want[i].field];
        const char *w = t->want[i].value;
        size_t n = strlen(w);

        if (n > 0 && w[n - 1] == '*' ? strncmp(v, w, n - 1) != 0 : strcmp(v, w) != 0)
            return false;
    }
    return t->since_s == 0 || (en->v[AUDIT_TIME] != NULL &&
                               time_parse(en->v[AUDIT_TIME], &at, NULL) && at >= t->since_s);
}

static void put_json(const struct audit_entry *en, struct buf *out)
{
    struct json j = {.out = out};

    json_object(&j);
    for (int i = 0; i < AUDIT_FIELDS; i++)
        if (en->v[i] != NULL) {
            json_key(&j, audit_field_name((enum audit_field)i));
            json_str(&j, en->v[i]);
        }
    json_object_end(&j);
    buf_putc(out, '\n');
}

static void put_line(const struct audit_entry *en, bool wide, struct buf *out)
{
    buf_printf(out, "%s  %s  %s  %s  %s%s%s%s%s\n", en->v[AUDIT_SEQUENCE],
               en->v[AUDIT_TIME] == NULL ? "" : en->v[AUDIT_TIME],
               en->v[AUDIT_ACTOR] == NULL ? "" : en->v[AUDIT_ACTOR],
               en->v[AUDIT_ACTION] == NULL ? "" : en->v[AUDIT_ACTION],
               en->v[AUDIT_OBJECT] == NULL ? "" : en->v[AUDIT_OBJECT],
               en->v[AUDIT_NODE] == NULL ? "" : " on ",
               en->v[AUDIT_NODE] == NULL ? "" : en->v[AUDIT_NODE],
               en->v[AUDIT_BECAUSE] == NULL ? "" : ": ",
               en->v[AUDIT_BECAUSE] == NULL ? "" : en->v[AUDIT_BECAUSE]);
    for (int i = AUDIT_REASON; wide && i < AUDIT_FIELDS; i++)
        if (en->v[i] != NULL)
            buf_printf(out, "      %s: %s\n", audit_field_name((enum audit_field)i), en->v[i]);
}

static bool take_tail(struct cli *c, const ProtobufCMessage *m, void *user)
{
    const Bailey__V1__AuditResponse *r = (const Bailey__V1__AuditResponse *)m;
    struct audit_entry en;
    AUTO_BUF struct buf line = {0};
    AUTO_ARENA struct arena a;

    arena_init(&a, ENTRY_ARENA);
    if (!audit_entry_parse((struct bytes){r->entry.data, r->entry.len}, &a, &en, &c->err))
        return false;
    if (!matches(user, &en))
        return true;
    if (c->out.format == OUTPUT_JSON)
        put_json(&en, &line);
    else
        put_line(&en, c->out.format == OUTPUT_WIDE, &line);
    output_put(&c->out, &line);
    return !c->out.failed;
}

enum exit_code cmd_audit_tail(struct cli *c)
{
    Bailey__V1__AuditRequest req = BAILEY__V1__AUDIT_REQUEST__INIT;
    struct tail t = {0};
    uint64_t last = 20;

    if (!cli_number(c, OPT_TAIL, UINT32_MAX, &last) ||
        (cli_given(c, OPT_WHERE) && !where_parse(c, cli_value(c, OPT_WHERE, ""), &t)) ||
        (cli_given(c, OPT_SINCE) && !since_parse(c, cli_value(c, OPT_SINCE, ""), &t.since_s)))
        return EXIT_USAGE;
    if (cli_given(c, OPT_TAIL) || (t.n == 0 && t.since_s == 0))
        req.tail = (uint32_t)last;
    req.follow = cli_given(c, OPT_FOLLOW);
    if (!client_open(c) || !client_stream(c, "Audit", &req.base, 0, take_tail, &t) ||
        c->err.code != ERR_NONE)
        return exit_code_of(&c->err);
    return EXIT_OK;
}

/* --- the live log --- */

static bool head_of(struct cli *c, const Bailey__V1__TreeHead *m, struct audit_log *l)
{
    struct tree_head h = {.size = m->size, .at_ms = m->at_ms};

    if (m->root.len != sizeof h.root.b || m->key_id.len != sizeof h.key_id ||
        m->signature.len != sizeof h.signature ||
        !str_copy(h.cluster, sizeof h.cluster, m->cluster_id))
        return err_set(&c->err, ERR_INPUT, "audit.head-form", "not a tree head");
    memcpy(h.root.b, m->root.data, sizeof h.root.b);
    memcpy(h.key_id, m->key_id.data, sizeof h.key_id);
    memcpy(h.signature, m->signature.data, sizeof h.signature);
    return vec_push(&l->heads, h) || err_set(&c->err, ERR_NOMEM, "audit.memory", "no memory");
}

/* A fresh head and the kept ones. */
static bool fetch_heads(struct cli *c, struct audit_log *l, struct bytes *certificate)
{
    Bailey__V1__AuditHeadRequest req = BAILEY__V1__AUDIT_HEAD_REQUEST__INIT;
    const Bailey__V1__AuditHeadResponse *r;
    ProtobufCMessage *reply;
    bool there = false;

    req.kept = true;
    if (!client_open(c) || !client_call(c, "AuditHead", &req.base, &reply))
        return false;
    r = (const Bailey__V1__AuditHeadResponse *)reply;
    if (r->head == NULL)
        return err_set(&c->err, ERR_INTERNAL, "audit.head-form", "the answer has no tree head");
    for (size_t i = 0; i < r->n_kept; i++) {
        if (r->kept[i]->size > r->head->size)
            continue; /* signed while this one was on its way */
        there |= r->kept[i]->size == r->head->size;
        if (!head_of(c, r->kept[i], l))
            return false;
    }
    *certificate = (struct bytes){r->certificate.data, r->certificate.len};
    return there || head_of(c, r->head, l);
}

struct download {
    struct audit_log *log; /* NULL: only written */
    struct buf *out;       /* NULL: only verified */
    int fd;
};

static bool write_out(int fd, struct buf *b, struct err *e)
{
    for (size_t at = 0; at < b->n;) {
        ssize_t n = write(fd, b->p + at, b->n - at);

        if (n <= 0)
            return err_errno(e, errno, "audit.write", "the exported log");
        at += (size_t)n;
    }
    buf_clear(b);
    return true;
}

static bool take_entry(struct cli *c, const ProtobufCMessage *m, void *user)
{
    const Bailey__V1__AuditResponse *r = (const Bailey__V1__AuditResponse *)m;
    struct bytes text = {r->entry.data, r->entry.len};
    struct download *d = user;
    struct audit_entry en;
    AUTO_ARENA struct arena a;

    arena_init(&a, ENTRY_ARENA);
    if (d->log != NULL && !audit_check_entry(&d->log->check, text, &a, &en, &c->err))
        return false;
    if (d->out != NULL) {
        buf_put(d->out, text.p, text.n);
        if (d->out->n > 1 << 20)
            return write_out(d->fd, d->out, &c->err);
    }
    return true;
}

static bool download(struct cli *c, struct download *d, uint64_t size)
{
    Bailey__V1__AuditRequest req = BAILEY__V1__AUDIT_REQUEST__INIT;

    req.limit = size;
    return client_stream(c, "Audit", &req.base, 0, take_entry, d) && c->err.code == ERR_NONE;
}

static enum exit_code verdict(struct cli *c, const struct audit_log *l)
{
    const struct tree_head *newest = &l->heads.v[l->heads.n - 1];
    char at[TIME_TEXT];

    if (c->out.format == OUTPUT_JSON) {
        AUTO_BUF struct buf b = {0};
        struct json j = {.out = &b};

        json_object(&j);
        json_key(&j, "verified"), json_bool(&j, true);
        json_key(&j, "cluster"), json_str(&j, newest->cluster);
        json_key(&j, "entries"), json_uint(&j, newest->size);
        json_key(&j, "heads"), json_uint(&j, l->heads.n - l->has_seen);
        json_key(&j, "seenBefore"), json_uint(&j, l->has_seen ? l->seen.size : 0);
        json_object_end(&j);
        buf_putc(&b, '\n');
        output_put(&c->out, &b);
        return EXIT_OK;
    }
    output_printf(&c->out,
                  "verified: %" PRIu64 " entries of cluster %s, %zu signed heads, newest %s\n",
                  newest->size, newest->cluster, l->heads.n - l->has_seen,
                  time_format(newest->at_ms / 1000, at));
    if (l->has_seen)
        output_printf(&c->out, "consistent with the %" PRIu64 " entries verified here before\n",
                      l->seen.size);
    return EXIT_OK;
}

/* What does not verify is refused; everything else is the failure it is. */
static enum exit_code refused(struct cli *c)
{
    bool verdict_of_ours = c->err.code == ERR_INPUT || c->err.code == ERR_CONFLICT;

    return verdict_of_ours ? EXIT_REFUSED : exit_code_of(&c->err);
}

static enum exit_code verify_live(struct cli *c)
{
    struct audit_log l = {0};
    struct download d = {.log = &l};
    struct bytes certificate;
    enum exit_code code;

    if (fetch_heads(c, &l, &certificate) && audit_log_begin(c, &l, certificate) &&
        download(c, &d, l.heads.v[l.heads.n - 1].size) && audit_log_end(c, &l))
        code = verdict(c, &l);
    else
        code = refused(c);
    audit_log_free(&l);
    return code;
}

/* --- a file --- */

static bool starts(struct bytes b, const char *with)
{
    size_t n = strlen(with);

    return b.n >= n && memcmp(b.p, with, n) == 0;
}

/* The next block: from a line that begins with "bailey-" to before the next such line. */
static struct bytes take_block(struct bytes *rest)
{
    struct bytes b = *rest;
    const uint8_t *next = b.n == 0 ? NULL : memmem(b.p + 1, b.n - 1, "\nbailey-", 8);

    if (next != NULL)
        b.n = (size_t)(next + 1 - b.p);
    *rest = (struct bytes){rest->p + b.n, rest->n - b.n};
    return b;
}

static bool read_certificate(struct cli *c, struct bytes block, struct buf *der)
{
    static const char name[] = AUDIT_EXPORT_FIRST "certificate: ";
    char hex[8192];
    uint8_t out[4096];
    size_t n, len;

    if (!starts(block, name) || block.p[block.n - 1] != '\n')
        return err_set(&c->err, ERR_INPUT, "audit.export-form", "not an exported audit log");
    len = block.n - (sizeof name - 1) - 1;
    if (len >= sizeof hex)
        return err_set(&c->err, ERR_INPUT, "audit.export-form", "its certificate is too long");
    memcpy(hex, block.p + sizeof name - 1, len);
    hex[len] = '\0';
    if (!hex_parse(hex, out, sizeof out, &n, &c->err))
        return err_field(&c->err, "certificate");
    buf_put(der, out, n);
    return buf_ok(der, &c->err);
}

static bool verify_blocks(struct cli *c, struct audit_log *l, struct bytes rest)
{
    AUTO_BUF struct buf certificate = {0};
    struct bytes block = take_block(&rest);

    if (!read_certificate(c, block, &certificate))
        return false;
    while (rest.n > 0 && starts(rest, "bailey-tree-head-")) {
        struct tree_head h;

        block = take_block(&rest);
        if (!tree_head_parse(block, &h, &c->err))
            return false;
        if (!vec_push(&l->heads, h))
            return err_set(&c->err, ERR_NOMEM, "audit.memory", "no memory");
    }
    if (!audit_log_begin(c, l, buf_bytes(&certificate)))
        return false;
    while (rest.n > 0) {
        struct audit_entry en;
        AUTO_ARENA struct arena a;

        arena_init(&a, ENTRY_ARENA);
        block = take_block(&rest);
        if (!audit_check_entry(&l->check, block, &a, &en, &c->err))
            return false;
    }
    return audit_log_end(c, l);
}

static enum exit_code verify_proof(struct cli *c, struct bytes text)
{
    struct audit_trust t;
    struct receipt r;
    AUTO_BUF struct buf out = {0};
    AUTO_ARENA struct arena a;
    bool ok;

    arena_init(&a, 1 << 20);
    ok = audit_trust_load(c, &t) && receipt_verify(text, &t.trust, &a, &r, &c->err);
    audit_trust_free(&t);
    if (!ok)
        return refused(c);
    if (c->out.format == OUTPUT_JSON)
        put_json(&r.entry, &out);
    else {
        buf_printf(&out, "verified: entry %s is in the audit log of %" PRIu64 " entries\n",
                   r.entry.v[AUDIT_SEQUENCE], r.head.size);
        put_line(&r.entry, true, &out);
    }
    output_put(&c->out, &out);
    return EXIT_OK;
}

enum exit_code cmd_audit_verify(struct cli *c)
{
    const char *path = c->args.n_operands == 0 ? "live" : c->args.operand[0];
    AUTO_BUF struct buf text = {.limit = AUDIT_EXPORT_MAX + 1};
    struct audit_log l = {0};
    enum exit_code code;

    if (strcmp(path, "live") == 0)
        return verify_live(c);
    if (!file_read(path, AUDIT_EXPORT_MAX, &text, &c->err))
        return exit_code_of(&c->err);
    if (starts(buf_bytes(&text), "bailey-proof-") || starts(buf_bytes(&text), "bailey-receipt-"))
        return verify_proof(c, buf_bytes(&text));
    code = verify_blocks(c, &l, buf_bytes(&text)) ? verdict(c, &l) : refused(c);
    audit_log_free(&l);
    return code;
}

/* --- export, prove --- */

static bool export_to(struct cli *c, int fd)
{
    struct audit_log l = {0};
    AUTO_BUF struct buf out = {0};
    struct download d = {.out = &out, .fd = fd};
    struct bytes certificate;
    uint64_t size = 0;
    bool ok = fetch_heads(c, &l, &certificate);

    if (ok) {
        buf_puts(&out, AUDIT_EXPORT_FIRST "certificate: ");
        buf_hex(&out, certificate);
        buf_putc(&out, '\n');
        for (size_t i = 0; i < l.heads.n; i++) {
            tree_head_format(&l.heads.v[i], &out);
            size = l.heads.v[i].size > size ? l.heads.v[i].size : size;
        }
        ok = download(c, &d, size) && buf_ok(&out, &c->err) && write_out(fd, &out, &c->err);
    }
    audit_log_free(&l);
    return ok;
}

enum exit_code cmd_audit_export(struct cli *c)
{
    const char *path = c->args.operand[0];
    bool plain = strcmp(path, "-") == 0, ok;
    int fd = plain ? STDOUT_FILENO : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0) {
        err_errno(&c->err, errno, "audit.write", "%s", path);
        return exit_code_of(&c->err);
    }
    ok = export_to(c, fd);
    if (!plain && close(fd) != 0 && ok)
        ok = err_errno(&c->err, errno, "audit.write", "%s", path);
    return ok ? EXIT_OK : exit_code_of(&c->err);
}

enum exit_code cmd_audit_prove(struct cli *c)
{
    Bailey__V1__AuditProofRequest req = BAILEY__V1__AUDIT_PROOF_REQUEST__INIT;
    ProtobufCMessage *reply;

    if (!u64_parse(c->args.operand[0], &req.sequence))
        return cli_usage(c, "ENTRY is a number: %s", c->args.operand[0]);
    if (!client_open(c) || !client_call(c, "AuditProof", &req.base, &reply))
        return exit_code_of(&c->err);
    output_printf(&c->out, "%s", ((const Bailey__V1__AuditProofResponse *)reply)->proof);
    return EXIT_OK;
}
