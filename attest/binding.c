#include "attest/binding.h"

#include "attest/sha.h"
#include "base/buf.h"

static void put_field(struct buf *b, struct bytes f)
{
    buf_be(b, f.n, 4);
    buf_put(b, f.p, f.n);
}

static bool part_check(struct bytes part, size_t max, const char *name, struct err *e)
{
    if (part.n == 0)
        return err_set(e, ERR_INPUT, "binding.empty", "%s: empty", name), err_field(e, "%s", name);
    if (part.n > max)
        return err_set(e, ERR_LIMIT, "binding.too-long", "%s: got %zu bytes, want at most %zu",
                       name, part.n, max),
               err_field(e, "%s", name);
    return true;
}

bool binding_report_data(const struct binding *b, uint8_t out[REPORT_DATA_SIZE], struct err *e)
{
    AUTO_BUF struct buf text = {0};
    struct bytes all;

    if (b->nonce.n != BINDING_NONCE_SIZE)
        return err_set(e, ERR_INPUT, "binding.nonce", "nonce: got %zu bytes, want %d", b->nonce.n,
                       BINDING_NONCE_SIZE),
               err_field(e, "nonce");
    if (!part_check(b->node, 1024, "node", e) || !part_check(b->boot_id, 1024, "boot_id", e) ||
        !part_check(b->spki, 8192, "spki", e))
        return false;
    put_field(&text, BYTES_LIT("bailey-evidence-v1"));
    put_field(&text, b->nonce);
    put_field(&text, b->node);
    put_field(&text, b->boot_id);
    put_field(&text, b->spki);
    if (!buf_ok(&text, e))
        return false;
    all = buf_bytes(&text);
    sha(SHA_512, &all, 1, out);
    return true;
}
