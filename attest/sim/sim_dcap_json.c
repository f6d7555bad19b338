#include "attest/sim/sim_dcap_json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "attest/sim/sim_dcap_cert.h"

#define EVALUATION 19 /* tcbEvaluationDataNumber: the one most of the tables are from */
#define TIME_TEXT 32

const uint8_t sim_qe_signer[32] = {0x8c, 0x4f, 0x57, 0x75, 0xd7, 0x96, 0x50, 0x3e, 0x96, 0x13, 0x7f,
                                   0x77, 0xc6, 0x8a, 0x82, 0x9a, 0x00, 0x56, 0xac, 0x8d, 0xed, 0x70,
                                   0x14, 0x0b, 0x08, 0x1b, 0x09, 0x44, 0x90, 0xc5, 0x7b, 0xff};
const uint8_t sim_td_qe_signer[32] = {
    0xdc, 0x9e, 0x2a, 0x7c, 0x6f, 0x94, 0x8f, 0x17, 0x47, 0x4e, 0x34, 0xa7, 0xfc, 0x43, 0xed, 0x03,
    0x0f, 0x7c, 0x15, 0x63, 0xf1, 0xba, 0xbd, 0xdf, 0x63, 0x40, 0xc8, 0x2e, 0x0e, 0x54, 0xa8, 0xc5};

static const char *time_text(int64_t s, char out[TIME_TEXT])
{
    time_t t = (time_t)s;
    struct tm tm = {0};

    gmtime_r(&t, &tm);
    snprintf(out, TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return out;
}

static void hex_put(struct buf *b, struct bytes in)
{
    for (size_t i = 0; i < in.n; i++)
        buf_printf(b, "%02X", in.p[i]);
}

/* ,"advisoryIDs":["INTEL-SA-00615",...] where there are any, as in Intel's documents. */
static void advisories_put(struct buf *b, const char *list)
{
    if (*list == '\0')
        return;
    buf_puts(b, ",\"advisoryIDs\":[");
    while (*list != '\0') {
        size_t n = strcspn(list, " ");

        buf_printf(b, "\"INTEL-SA-%.*s\"", (int)n, list);
        list += n;
        if (*list == ' ') {
            buf_putc(b, ',');
            list++;
        }
    }
    buf_putc(b, ']');
}

static void verdict_put(struct buf *b, enum sim_dcap_status status, const char *date,
                        const char *advisories)
{
    buf_printf(b, "\"tcbDate\":\"%sT00:00:00Z\",\"tcbStatus\":\"%s\"", date,
               sim_dcap_statuses[status]);
    advisories_put(b, advisories);
}

static void svn_levels_put(struct buf *b, const struct sim_svn_level *levels, size_t n)
{
    buf_puts(b, "\"tcbLevels\":[");
    for (size_t i = 0; i < n; i++) {
        buf_printf(b, "%s{\"tcb\":{\"isvsvn\":%u},", i == 0 ? "" : ",", levels[i].isvsvn);
        verdict_put(b, levels[i].status, levels[i].date, levels[i].advisories);
        buf_putc(b, '}');
    }
    buf_putc(b, ']');
}

/* The module's signer is Intel, whose MRSIGNERSEAM is all zero. */
static void module_put(struct buf *b)
{
    static const uint8_t zero[48] = {0};

    buf_puts(b, "\"mrsigner\":\"");
    hex_put(b, BYTES_OF(zero));
    buf_puts(b, "\",\"attributes\":\"0000000000000000\",\"attributesMask\":\"FFFFFFFFFFFFFFFF\"");
}

static void modules_put(struct buf *b)
{
    buf_puts(b, "\"tdxModule\":{");
    module_put(b);
    buf_puts(b, "},\"tdxModuleIdentities\":[");
    for (size_t i = 0; i < sim_modules_n; i++) {
        buf_printf(b, "%s{\"id\":\"%s\",", i == 0 ? "" : ",", sim_modules[i].id);
        module_put(b);
        buf_putc(b, ',');
        svn_levels_put(b, sim_modules[i].levels, sim_modules[i].levels_n);
        buf_putc(b, '}');
    }
    buf_puts(b, "],");
}

static void components_put(struct buf *b, const struct sim_level *l, bool tdx)
{
    static const char *const kinds[16] = {
        [0] = ",\"category\":\"BIOS\",\"type\":\"Early Microcode Update\"",
        [1] = ",\"category\":\"OS/VMM\",\"type\":\"SGX Late Microcode Update\"",
        [2] = ",\"category\":\"OS/VMM\",\"type\":\"TXT SINIT\"",
        [3] = ",\"category\":\"BIOS\"",
        [4] = ",\"category\":\"BIOS\"",
        [5] = ",\"category\":\"BIOS\"",
    };
    static const char *const tdx_kinds[16] = {
        [0] = ",\"category\":\"OS/VMM\",\"type\":\"TDX Module\"",
        [1] = ",\"category\":\"OS/VMM\",\"type\":\"TDX Module\"",
        [2] = ",\"category\":\"OS/VMM\",\"type\":\"TDX Late Microcode Update\"",
    };

    buf_puts(b, "\"sgxtcbcomponents\":[");
    for (unsigned i = 0; i < 16; i++)
        buf_printf(b, "%s{\"svn\":%u%s}", i == 0 ? "" : ",", i < 8 ? l->sgx[i] : 0,
                   kinds[i] == NULL ? "" : kinds[i]);
    buf_printf(b, "],\"pcesvn\":%u", l->pcesvn);
    if (!tdx)
        return;
    buf_puts(b, ",\"tdxtcbcomponents\":[");
    for (unsigned i = 0; i < 16; i++)
        buf_printf(b, "%s{\"svn\":%u%s}", i == 0 ? "" : ",", i < 3 ? l->tdx[i] : 0,
                   tdx_kinds[i] == NULL ? "" : tdx_kinds[i]);
    buf_putc(b, ']');
}

/* {"NAME":INNER,"signature":"HEX"}: signed before the wanted digit is spoilt. */
static bool wrap(const char *name, struct buf *inner, const struct sim_collateral *c,
                 struct buf *out, struct err *e)
{
    uint8_t signature[64];

    if (!buf_ok(inner, e) || !sim_tcb_sign(buf_bytes(inner), signature, e))
        return false;
    if (c->spoilt) {
        char *at = strstr((char *)inner->p, "DataNumber\":1");

        BUG_ON(at == NULL); /* both documents have it */
        at[strlen("DataNumber\":")] = '2';
    }
    buf_printf(out, "{\"%s\":", name);
    buf_put(out, inner->p, inner->n);
    buf_puts(out, ",\"signature\":\"");
    buf_hex(out, BYTES_OF(signature));
    buf_puts(out, "\"}");
    return buf_ok(out, e);
}

bool sim_tcb_info(const struct sim_collateral *c, const uint8_t fmspc[6], uint8_t pceid,
                  const struct sim_level *levels, size_t levels_n, struct buf *out, struct err *e)
{
    AUTO_BUF struct buf b = {0};
    char issued[TIME_TEXT], next[TIME_TEXT];

    buf_printf(&b, "{\"id\":\"%s\",\"version\":3,\"issueDate\":\"%s\",\"nextUpdate\":\"%s\",",
               c->tdx ? "TDX" : "SGX", time_text(c->issued_s, issued), time_text(c->next_s, next));
    buf_puts(&b, "\"fmspc\":\"");
    hex_put(&b, (struct bytes){fmspc, 6});
    buf_printf(&b, "\",\"pceId\":\"%02X00\",\"tcbType\":0,\"tcbEvaluationDataNumber\":%d,", pceid,
               EVALUATION);
    if (c->tdx)
        modules_put(&b);
    buf_puts(&b, "\"tcbLevels\":[");
    for (size_t i = 0; i < levels_n; i++) {
        buf_puts(&b, i == 0 ? "{\"tcb\":{" : ",{\"tcb\":{");
        components_put(&b, &levels[i], c->tdx);
        buf_puts(&b, "},");
        verdict_put(&b, levels[i].status, levels[i].date, levels[i].advisories);
        buf_putc(&b, '}');
    }
    buf_puts(&b, "]}");
    (void)buf_str(&b); /* NUL-terminated, for wrap() */
    return wrap("tcbInfo", &b, c, out, e);
}

bool sim_qe_identity(const struct sim_collateral *c, struct buf *out, struct err *e)
{
    AUTO_BUF struct buf b = {0};
    char issued[TIME_TEXT], next[TIME_TEXT];

    buf_printf(&b,
               "{\"id\":\"%s\",\"version\":2,\"issueDate\":\"%s\",\"nextUpdate\":\"%s\","
               "\"tcbEvaluationDataNumber\":%d,\"miscselect\":\"00000000\","
               "\"miscselectMask\":\"FFFFFFFF\",\"attributes\":\"11000000000000000000000000000000\""
               ",\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\",\"mrsigner\":\"",
               c->tdx ? "TD_QE" : "QE", time_text(c->issued_s, issued), time_text(c->next_s, next),
               EVALUATION);
    hex_put(&b, c->tdx ? BYTES_OF(sim_td_qe_signer) : BYTES_OF(sim_qe_signer));
    buf_printf(&b, "\",\"isvprodid\":%d,", c->tdx ? 2 : 1);
    svn_levels_put(&b, c->tdx ? sim_td_qe_levels : sim_qe_levels,
                   c->tdx ? sim_td_qe_levels_n : sim_qe_levels_n);
    buf_putc(&b, '}');
    (void)buf_str(&b);
    return wrap("enclaveIdentity", &b, c, out, e);
}
