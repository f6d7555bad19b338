/* receipt, receipt verify: what was stated about a placement. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/audit_log.h"
#include "cli/files.h"

static bool write_file(const char *path, const char *text, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (!ok)
        err_errno(e, errno, "receipt.write", "%s", path);
    if (fd >= 0 && close(fd) != 0 && ok)
        ok = err_errno(e, errno, "receipt.write", "%s", path);
    return ok;
}

enum exit_code cmd_receipt(struct cli *c)
{
    Bailey__V1__ReceiptRequest req = BAILEY__V1__RECEIPT_REQUEST__INIT;
    ProtobufCMessage *reply;
    const char *text;

    req.namespace_ = (char *)(uintptr_t)cli_namespace(c);
    req.name = (char *)(uintptr_t)c->args.operand[0];
    if (!client_open(c) || !client_call(c, "GetReceipt", &req.base, &reply))
        return exit_code_of(&c->err);
    text = ((const Bailey__V1__ReceiptResponse *)reply)->receipt;
    if (c->args.n_operands < 2)
        output_printf(&c->out, "%s", text);
    else if (!write_file(c->args.operand[1], text, &c->err))
        return exit_code_of(&c->err);
    return EXIT_OK;
}

static void show(struct cli *c, const struct receipt *r)
{
    static const enum audit_field shown[] = {
        AUDIT_OBJECT,   AUDIT_KEEP,   AUDIT_WORKLOAD, AUDIT_ARTIFACT, AUDIT_NODE,   AUDIT_FACTS,
        AUDIT_EVIDENCE, AUDIT_POLICY, AUDIT_EPOCH,    AUDIT_REVISION, AUDIT_CLUSTER};
    AUTO_BUF struct buf out = {0};
    struct json j = {.out = &out};
    char at[TIME_TEXT];

    if (c->out.format == OUTPUT_JSON) {
        json_object(&j);
        json_key(&j, "verified"), json_bool(&j, true);
        for (int i = 0; i < AUDIT_FIELDS; i++)
            if (r->entry.v[i] != NULL) {
                json_key(&j, audit_field_name((enum audit_field)i));
                json_str(&j, r->entry.v[i]);
            }
        json_object_end(&j);
        buf_putc(&out, '\n');
    } else {
        buf_printf(&out,
                   "verified: placed at %s, entry %s of the audit log; tree head of %" PRIu64
                   " entries, signed %s\n",
                   r->entry.v[AUDIT_TIME], r->entry.v[AUDIT_SEQUENCE], r->head.size,
                   time_format(r->head.at_ms / 1000, at));
        for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
            if (r->entry.v[shown[i]] != NULL)
                buf_printf(&out, "  %-10s %s\n", audit_field_name(shown[i]), r->entry.v[shown[i]]);
    }
    output_put(&c->out, &out);
}

enum exit_code cmd_receipt_verify(struct cli *c)
{
    AUTO_BUF struct buf text = {0};
    struct audit_trust t = {0};
    struct receipt r;
    AUTO_ARENA struct arena a;
    bool ok;

    arena_init(&a, 1 << 20);
    if (!file_read(c->args.operand[0], RECEIPT_MAX, &text, &c->err))
        return exit_code_of(&c->err);
    ok = audit_trust_load(c, &t);
    if (!ok) {
        audit_trust_free(&t);
        return exit_code_of(&c->err);
    }
    ok = receipt_verify(buf_bytes(&text), &t.trust, &a, &r, &c->err);
    audit_trust_free(&t);
    if (!ok)
        return c->err.code == ERR_INPUT || c->err.code == ERR_LIMIT ? EXIT_REFUSED
                                                                    : exit_code_of(&c->err);
    if (r.kind != RECEIPT_PLACEMENT) {
        err_set(&c->err, ERR_INPUT, "receipt.kind", "this is the proof of an entry, no receipt");
        err_mend(&c->err, "bailey audit verify %.100s", c->args.operand[0]);
        return EXIT_REFUSED;
    }
    show(c, &r);
    return EXIT_OK;
}
