#include "agent/source_nitro.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "attest/cbor.h"
#include "attest/sim/sim_cbor.h"
#include "base/str.h"

#define DEVICE "/dev/nsm"
#define RESPONSE_MAX 0x3000 /* NSM_RESPONSE_MAX_SIZE */

struct span { /* struct nsm_iovec of linux/nsm.h */
    uint64_t address, size;
};

struct message { /* struct nsm_raw; the kernel sets response.size */
    struct span request, response;
};
_Static_assert(sizeof(struct message) == 32, "the kernel's ABI");

#define NSM_RAW _IOWR(0x0A, 0x0, struct message)

void nitro_request(const uint8_t report_data[SOURCE_REPORT_DATA], struct buf *out)
{
    sim_cbor_head(out, CBOR_MAP, 1);
    sim_cbor_text(out, "Attestation");
    sim_cbor_head(out, CBOR_MAP, 3);
    sim_cbor_text(out, "user_data");
    sim_cbor_bytes(out, (struct bytes){report_data, SOURCE_REPORT_DATA});
    sim_cbor_text(out, "nonce");
    sim_cbor_null(out);
    sim_cbor_text(out, "public_key");
    sim_cbor_null(out);
}

static bool refused(struct cbor *c, struct err *e)
{
    struct bytes word;
    char shown[64];

    if (!cbor_text(c, "Error", 1, 64, &word, e))
        return false;
    return err_set(e, ERR_IO, "nitro.refused", "the Nitro secure module says %s",
                   str_printable(word, shown, sizeof shown));
}

static bool document_find(struct cbor *c, struct bytes *document, struct err *e)
{
    struct cbor_list fields;

    document->n = 0;
    if (!cbor_enter(c, CBOR_MAP, "Attestation", &fields, e))
        return false;
    while (cbor_more(c, &fields)) {
        struct bytes key;

        if (!cbor_text(c, "key", 0, 64, &key, e))
            return false;
        if (bytes_equal(key, bytes_str("document"))
                ? !cbor_bytes(c, "document", 1, RESPONSE_MAX, document, e)
                : !cbor_skip(c, "Attestation", e))
            return false;
    }
    return document->n > 0 || err_set(e, ERR_IO, "nitro.response", "the answer has no document");
}

bool nitro_response(struct bytes response, struct bytes *document, struct err *e)
{
    struct cbor c = {.all = response};
    struct bytes found = {0}, key;
    struct cbor_list answers;
    struct err why = {0};
    bool good;

    if (!cbor_check_all(response, CBOR_OPEN_ENDED, false, "NSM response", e) ||
        !cbor_enter(&c, CBOR_MAP, "NSM response", &answers, e))
        return false;
    if (!cbor_more(&c, &answers))
        return err_set(e, ERR_IO, "nitro.response", "an empty answer");
    if (!cbor_text(&c, "key", 0, 64, &key, e))
        return false;
    if (bytes_equal(key, bytes_str("Error")))
        return refused(&c, e);
    if (!bytes_equal(key, bytes_str("Attestation")))
        return err_set(e, ERR_IO, "nitro.response", "the answer is to another question");
    good = document_find(&c, &found, &why);
    if (!good)
        return *e = why, false;
    *document = found;
    return true;
}

static int system_ioctl(int fd, unsigned long request, void *argument)
{
    return ioctl(fd, request, argument);
}

static bool collect(const struct source *s, const uint8_t report_data[SOURCE_REPORT_DATA],
                    struct source_evidence *out, struct err *e)
{
    const char *path = s->o.nsm_device == NULL ? DEVICE : s->o.nsm_device;
    source_ioctl *call = s->o.ioctl == NULL ? system_ioctl : s->o.ioctl;
    AUTO_SOURCE_EVIDENCE struct source_evidence got = {.evidence.limit = SOURCE_FILE_MAX};
    AUTO_BUF struct buf request = {.limit = 0x1000};
    uint8_t response[RESPONSE_MAX];
    struct message m = {.response = {(uint64_t)(uintptr_t)response, sizeof response}};
    struct bytes document;
    int fd, status, error;

    nitro_request(report_data, &request);
    if (!buf_ok(&request, e))
        return false;
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "nitro.io", "%.100s", path);
    m.request = (struct span){(uint64_t)(uintptr_t)request.p, request.n};
    status = call(fd, NSM_RAW, &m);
    error = errno;
    (void)close(fd);
    if (status != 0 && (error == EINTR || error == EBUSY || error == EAGAIN || error == ETIMEDOUT))
        return err_set(e, ERR_UNAVAIL, "nitro.busy", "%.100s: %s", path, strerror(error));
    if (status != 0)
        return err_errno(e, error, "nitro.io", "%.100s", path);
    if (m.response.size > sizeof response)
        return err_set(e, ERR_IO, "nitro.response", "the answer has no size");
    if (!nitro_response((struct bytes){response, (size_t)m.response.size}, &document, e))
        return false;
    buf_put(&got.evidence, document.p, document.n);
    if (!buf_ok(&got.evidence, e))
        return false;
    *out = got;
    got = (struct source_evidence){0};
    return true;
}

static bool probe(struct source *s, struct err *e)
{
    const char *path = s->o.nsm_device == NULL ? DEVICE : s->o.nsm_device;
    const uint8_t nothing[SOURCE_REPORT_DATA] = {0};
    AUTO_SOURCE_EVIDENCE struct source_evidence trial = {0};
    struct err why = {0};

    if (access(path, F_OK) != 0)
        return err_set(e, ERR_MISSING, "source.absent", "no device %.100s", path),
               err_mend(e, "only a Nitro enclave has it, not its parent instance");
    if (collect(s, nothing, &trial, &why) || source_again(&why))
        return true;
    *e = why;
    return false;
}

const struct source_kind source_nitro = {"nitro", "nitro-nsm", probe, collect};
