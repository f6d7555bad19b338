/* /dev/sev-guest (Linux' Documentation/virt/coco/sev-guest.rst): reports of SEV-SNP guests whose
 * kernel has no configfs-tsm yet.
 *
 * SNP_GET_EXT_REPORT brings the host's table of certificates with it; a host without one, or with a
 * larger one than a guest has room for, still answers SNP_GET_REPORT. The structures are those of
 * the kernel's ABI, given here because their names changed between its versions. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/source.h"
#include "base/rd.h"

#define DEVICE "/dev/sev-guest"
#define MESSAGE_VERSION 1
#define CERTIFICATES_MAX 0x4000u /* SEV_FW_BLOB_MAX_SIZE */
#define RESPONSE_SIZE 4000
#define VMM_TOO_SHORT 1u /* GHCB 2.0, 4.1.8.1: the certificates need more room */
#define VMM_BUSY 2u

struct report_request {
    uint8_t user_data[SOURCE_REPORT_DATA];
    uint32_t vmpl;
    uint8_t reserved[28];
};

struct extended_request {
    struct report_request data;
    uint64_t certificates_address;
    uint32_t certificates_size;
};

struct guest_request {
    uint8_t message_version;
    uint64_t request, response; /* addresses */
    uint64_t exit_info;         /* low half: the firmware's error; high half: the host's */
};

_Static_assert(sizeof(struct report_request) == 96, "the kernel's ABI");
_Static_assert(sizeof(struct extended_request) == 112, "the kernel's ABI");
_Static_assert(sizeof(struct guest_request) == 32, "the kernel's ABI");

#define GET_REPORT _IOWR('S', 0x0, struct guest_request)
#define GET_EXTENDED_REPORT _IOWR('S', 0x2, struct guest_request)

static int system_ioctl(int fd, unsigned long request, void *argument)
{
    return ioctl(fd, request, argument);
}

static uint64_t address(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

struct call {
    const struct source *s;
    int fd;
    struct extended_request request;
    uint8_t response[RESPONSE_SIZE];
    uint32_t firmware_error, host_error;
    uint8_t *certificates; /* owned, page aligned */
};

static void call_fini(struct call *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    free(c->certificates);
}
#define AUTO_CALL __attribute__((cleanup(call_fini)))

static bool ask(struct call *c, unsigned long what, struct err *e)
{
    source_ioctl *call = c->s->o.ioctl == NULL ? system_ioctl : c->s->o.ioctl;
    struct guest_request g = {.message_version = MESSAGE_VERSION,
                              .request = address(&c->request),
                              .response = address(c->response)};
    int status, error;

    memset(c->response, 0, sizeof c->response);
    status = call(c->fd, what, &g);
    error = errno;
    c->firmware_error = (uint32_t)g.exit_info;
    c->host_error = (uint32_t)(g.exit_info >> 32);
    if (status == 0 && g.exit_info == 0)
        return true;
    if (c->host_error == VMM_BUSY || (status != 0 && (error == EAGAIN || error == EBUSY ||
                                                      error == EINTR || error == ETIMEDOUT)))
        return err_set(e, ERR_UNAVAIL, "sev-guest.busy", "the firmware is busy");
    err_set(e, ERR_IO, "sev-guest.refused",
            "the request was refused: %s, firmware error 0x%x, host error 0x%x",
            status == 0 ? "answered" : strerror(error), c->firmware_error, c->host_error);
    if (c->firmware_error != 0)
        err_mend(e, "another privilege level may be asked for: --privlevel");
    return false;
}

/* MSG_REPORT_RSP (AMD 56860, table 25): status, size, 24 reserved bytes, the report. */
static bool report_take(const struct call *c, struct buf *out, struct err *e)
{
    struct rd r = rd_init((struct bytes){c->response, sizeof c->response});
    uint32_t status = rd_le32(&r, "status"), size = rd_le32(&r, "report size");
    struct bytes report;

    (void)rd_take(&r, 24, "reserved");
    if (status != 0)
        return err_set(e, ERR_IO, "sev-guest.refused", "MSG_REPORT_RSP: status 0x%x", status);
    if (size == 0)
        return err_set(e, ERR_IO, "sev-guest.response", "MSG_REPORT_RSP: an empty report");
    report = rd_take(&r, size, "report");
    if (!rd_ok(&r, NULL))
        return err_set(e, ERR_IO, "sev-guest.response", "MSG_REPORT_RSP: a report of %u bytes",
                       size);
    buf_put(out, report.p, report.n);
    return buf_ok(out, e);
}

/* The table without the page's rest of zeros: everything up to its farthest entry's end. Broken
 * ones are carried whole: judging them is the verifier's. */
static size_t table_size(struct bytes table)
{
    struct rd r = rd_init(table);
    size_t end = 0;

    for (;;) {
        struct bytes guid = rd_take(&r, 16, "guid");
        uint64_t offset = rd_le32(&r, "offset"), length = rd_le32(&r, "length");

        if (!rd_ok(&r, NULL) || offset + length > table.n)
            return table.n;
        if (bytes_zero(guid) && offset == 0 && length == 0)
            return end == 0 ? 0 : end > r.off ? end : r.off;
        end = offset + length > end ? (size_t)(offset + length) : end;
    }
}

/* True with *size of the table, which may be 0; false: no extended report is to be had, *e says
 * why. */
static bool ask_extended(struct call *c, uint32_t *size, struct err *e)
{
    if (c->certificates == NULL) {
        c->certificates = aligned_alloc(4096, CERTIFICATES_MAX);
        if (c->certificates == NULL)
            return err_set(e, ERR_NOMEM, "memory", "no memory for certificates");
    }
    memset(c->certificates, 0, CERTIFICATES_MAX);
    c->request.certificates_address = address(c->certificates);
    c->request.certificates_size = CERTIFICATES_MAX;
    if (!ask(c, GET_EXTENDED_REPORT, e))
        return false;
    *size = CERTIFICATES_MAX;
    return true;
}

static bool collect(const struct source *s, const uint8_t report_data[SOURCE_REPORT_DATA],
                    struct source_evidence *out, struct err *e)
{
    const char *path = s->o.sev_device == NULL ? DEVICE : s->o.sev_device;
    AUTO_CALL struct call c = {.s = s, .fd = open(path, O_RDWR | O_CLOEXEC)};
    AUTO_SOURCE_EVIDENCE struct source_evidence got = {.evidence.limit = SOURCE_FILE_MAX};
    uint32_t size = 0;

    if (c.fd < 0)
        return err_errno(e, errno, "sev-guest.io", "%.100s", path);
    memcpy(c.request.data.user_data, report_data, SOURCE_REPORT_DATA);
    c.request.data.vmpl = s->o.privlevel < 0 ? 0 : (uint32_t)s->o.privlevel;
    if (!ask_extended(&c, &size, e)) {
        if (e->code != ERR_IO || (c.firmware_error != 0 && c.host_error != VMM_TOO_SHORT) ||
            !ask(&c, GET_REPORT, e))
            return false;
        size = 0;
    }
    if (!report_take(&c, &got.evidence, e))
        return false;
    size = size == 0 ? 0 : (uint32_t)table_size((struct bytes){c.certificates, size});
    if (size > 0) {
        struct buf *file = source_evidence_file(&got, "auxblob");

        buf_put(file, c.certificates, size);
        if (!buf_ok(file, e))
            return false;
    }
    *out = got;
    got = (struct source_evidence){0};
    return true;
}

/* A device may stand there that does not answer: only a report says that it works. */
static bool probe(struct source *s, struct err *e)
{
    const char *path = s->o.sev_device == NULL ? DEVICE : s->o.sev_device;
    const uint8_t nothing[SOURCE_REPORT_DATA] = {0};
    AUTO_SOURCE_EVIDENCE struct source_evidence trial = {0};
    struct err why = {0};

    if (access(path, F_OK) != 0)
        return err_set(e, ERR_MISSING, "source.absent", "no device %.100s", path),
               err_mend(e, "in a SEV-SNP guest: modprobe sev-guest");
    if (collect(s, nothing, &trial, &why) || source_again(&why))
        return true;
    *e = why;
    return false;
}

const struct source_kind source_sev_guest = {"sev-guest", "sev-guest", probe, collect};
