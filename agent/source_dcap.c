/* Intel's quote libraries, where they are installed; nothing is linked, dlopen(3) finds them.
 *
 * TDX: libtdx_attest.so.1, tdx_att_get_quote() (tdx_attest.h): a TDX guest whose kernel has no
 * configfs-tsm, by vsock or by the hypervisor.
 *
 * SGX: libsgx_dcap_ql.so.1, sgx_qe_get_target_info() and sgx_qe_get_quote()
 * (sgx_dcap_ql_wrapper.h). A quote signs a REPORT, and only an enclave can make one: its files are
 * the way to it that needs no enclave of ours. A library OS that runs the agent inside of SGX gives
 * them as /dev/attestation: target_info and user_report_data are written, report is read. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/source.h"
#include "base/str.h"

#define TDX_LIBRARY "libtdx_attest.so.1"
#define SGX_LIBRARY "libsgx_dcap_ql.so.1"
#define FILES "/dev/attestation"
#define TDX_BUSY 9      /* TDX_ATTEST_ERROR_BUSY */
#define TARGET_INFO 512 /* sgx_target_info_t */
#define REPORT 432      /* sgx_report_t */

typedef int tdx_get_quote(const void *report_data, const void *keys, uint32_t keys_n, void *key,
                          uint8_t **quote, uint32_t *size, uint32_t flags);
typedef int tdx_free_quote(uint8_t *quote);
typedef int sgx_get_target_info(void *target_info);
typedef int sgx_get_quote_size(uint32_t *size);
typedef int sgx_get_quote(const void *report, uint32_t size, uint8_t *quote);

/* What was found; for ever, since the libraries stay loaded. */
struct dcap {
    tdx_get_quote *tdx_get;
    tdx_free_quote *tdx_free;
    sgx_get_target_info *sgx_target;
    sgx_get_quote_size *sgx_size;
    sgx_get_quote *sgx_get;
};

/* POSIX lets an object pointer from dlsym() be a function's; ISO C wants it copied. */
static bool function(void *library, const char *name, void *out)
{
    void *p = dlsym(library, name);

    memcpy(out, &p, sizeof p);
    return p != NULL;
}

static bool tdx_load(const struct source_options *o, struct dcap *d)
{
    void *l = dlopen(o->dcap_tdx == NULL ? TDX_LIBRARY : o->dcap_tdx, RTLD_NOW | RTLD_LOCAL);

    return l != NULL && function(l, "tdx_att_get_quote", &d->tdx_get) &&
           function(l, "tdx_att_free_quote", &d->tdx_free);
}

static bool sgx_load(const struct source_options *o, struct dcap *d)
{
    void *l = dlopen(o->dcap_sgx == NULL ? SGX_LIBRARY : o->dcap_sgx, RTLD_NOW | RTLD_LOCAL);

    return l != NULL && function(l, "sgx_qe_get_target_info", &d->sgx_target) &&
           function(l, "sgx_qe_get_quote_size", &d->sgx_size) &&
           function(l, "sgx_qe_get_quote", &d->sgx_get);
}

static bool refused(struct err *e, const char *call, int code)
{
    return err_set(e, ERR_IO, "dcap.refused", "%s: 0x%x", call, (unsigned)code);
}

static bool tdx_collect(const struct dcap *d, const uint8_t report_data[SOURCE_REPORT_DATA],
                        struct buf *out, struct err *e)
{
    uint8_t key[16] = {0}, *quote = NULL;
    uint32_t size = 0;
    int code = d->tdx_get(report_data, NULL, 0, key, &quote, &size, 0);

    if (code == TDX_BUSY)
        return err_set(e, ERR_UNAVAIL, "dcap.busy", "tdx_att_get_quote: busy");
    if (code != 0 || quote == NULL)
        return refused(e, "tdx_att_get_quote", code);
    buf_put(out, quote, size);
    (void)d->tdx_free(quote);
    return buf_ok(out, e);
}

static bool file_io(const struct source_options *o, const char *name, void *p, size_t n,
                    bool writing, struct err *e)
{
    char path[256];
    int fd, error;
    ssize_t done;

    (void)snprintf(path, sizeof path, "%s/%s", o->dcap_files == NULL ? FILES : o->dcap_files, name);
    fd = open(path, (writing ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "dcap.files", "%s", path),
               err_mend(e, "only an enclave can have its report signed: run the agent in one");
    do {
        done = writing ? write(fd, p, n) : read(fd, p, n);
    } while (done < 0 && errno == EINTR);
    error = errno;
    (void)close(fd);
    if (done < 0)
        return err_errno(e, error, "dcap.files", "%s", path);
    return (size_t)done == n ||
           err_set(e, ERR_IO, "dcap.files", "%s: %zd bytes, want %zu", path, done, n);
}

static bool sgx_collect(const struct source *s, const struct dcap *d,
                        const uint8_t report_data[SOURCE_REPORT_DATA], struct buf *out,
                        struct err *e)
{
    uint8_t target[TARGET_INFO] = {0}, data[SOURCE_REPORT_DATA], report[REPORT];
    uint32_t size = 0;
    int code = d->sgx_target(target);

    if (code != 0)
        return refused(e, "sgx_qe_get_target_info", code);
    memcpy(data, report_data, sizeof data);
    if (!file_io(&s->o, "target_info", target, sizeof target, true, e) ||
        !file_io(&s->o, "user_report_data", data, sizeof data, true, e) ||
        !file_io(&s->o, "report", report, sizeof report, false, e))
        return false;
    code = d->sgx_size(&size);
    if (code != 0 || size == 0 || size > SOURCE_FILE_MAX)
        return refused(e, "sgx_qe_get_quote_size", code);
    buf_zero(out, size);
    if (!buf_ok(out, e))
        return false;
    code = d->sgx_get(report, size, out->p);
    return code == 0 || refused(e, "sgx_qe_get_quote", code);
}

static bool collect(const struct source *s, const uint8_t report_data[SOURCE_REPORT_DATA],
                    struct source_evidence *out, struct err *e)
{
    AUTO_SOURCE_EVIDENCE struct source_evidence got = {.evidence.limit = SOURCE_FILE_MAX};
    const struct dcap *d = s->state;

    if (d->tdx_get != NULL ? !tdx_collect(d, report_data, &got.evidence, e)
                           : !sgx_collect(s, d, report_data, &got.evidence, e))
        return false;
    *out = got;
    got = (struct source_evidence){0};
    return true;
}

static bool probe(struct source *s, struct err *e)
{
    static struct dcap found; /* a program has one */
    const uint8_t nothing[SOURCE_REPORT_DATA] = {0};
    AUTO_SOURCE_EVIDENCE struct source_evidence trial = {0};
    struct err why = {0};

    found = (struct dcap){0};
    s->state = &found;
    if (tdx_load(&s->o, &found)) {
        (void)str_copy(s->detail, sizeof s->detail, "tdx");
        if (collect(s, nothing, &trial, &why) || source_again(&why))
            return true;
        found = (struct dcap){0};
    }
    if (sgx_load(&s->o, &found)) {
        (void)str_copy(s->detail, sizeof s->detail, "sgx");
        if (collect(s, nothing, &trial, &why) || source_again(&why))
            return true;
    }
    if (why.code != ERR_NONE)
        return *e = why, false;
    return err_set(e, ERR_MISSING, "source.absent", "neither " TDX_LIBRARY " nor " SGX_LIBRARY),
           err_mend(e, "install Intel's libtdx-attest (in a TDX guest) or libsgx-dcap-ql");
}

const struct source_kind source_dcap = {"dcap", "dcap", probe, collect};
