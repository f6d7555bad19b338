#include "attest/pem.h"

static const char begin_line[] = "-----BEGIN CERTIFICATE-----";
static const char end_line[] = "-----END CERTIFICATE-----";

static bool bad(struct err *e, const char *name, const char *what)
{
    return err_set(e, ERR_INPUT, "cert.malformed", "%s: %s", name, what), err_field(e, "%s", name),
           err_found(e, "%s", what), err_expected(e, "certificates in PEM (RFC 7468)");
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(struct bytes *in)
{
    while (in->n > 0 && is_space(in->p[0]))
        *in = (struct bytes){in->p + 1, in->n - 1};
}

static bool skip_line(struct bytes *in, const char *line)
{
    size_t n = strlen(line);

    if (in->n < n || memcmp(in->p, line, n) != 0)
        return false;
    *in = (struct bytes){in->p + n, in->n - n};
    return true;
}

/* The values of the characters from '+' on; -1: not of base64. */
static const int8_t sextets[] = {62, -1, -1, -1, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, -1,
                                 -1, -1, -1, -1, -1, -1, 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,
                                 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
                                 -1, -1, -1, -1, -1, -1, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,
                                 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51};

static int sextet(uint8_t c)
{
    return c >= '+' && c <= 'z' ? sextets[c - '+'] : -1;
}

/* Whole groups of four characters, as far as there is nothing else: nearly all of a certificate. */
static void groups_read(struct bytes *in, uint8_t *out, size_t *n)
{
    const uint8_t *p = in->p, *end = in->p + in->n;

    for (; end - p >= 4; p += 4) {
        int a = sextet(p[0]), b = sextet(p[1]), c = sextet(p[2]), d = sextet(p[3]);
        uint32_t bits;

        if ((a | b | c | d) < 0)
            break;
        bits = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | (uint32_t)d;
        out[(*n)++] = (uint8_t)(bits >> 16);
        out[(*n)++] = (uint8_t)(bits >> 8);
        out[(*n)++] = (uint8_t)bits;
    }
    *in = (struct bytes){p, (size_t)(end - p)};
}

/* Base64 up to the next '-', with the padding and the zero bits that RFC 4648 asks for. */
static bool base64_read(struct bytes *in, uint8_t *out, size_t *n)
{
    uint32_t bits = 0;
    unsigned held = 0, pads = 0;

    for (*n = 0; in->n > 0 && in->p[0] != '-'; *in = (struct bytes){in->p + 1, in->n - 1}) {
        int v;

        if (held == 0 && pads == 0)
            groups_read(in, out, n);
        if (in->n == 0 || in->p[0] == '-')
            break;
        v = sextet(in->p[0]);
        if (v < 0 && is_space(in->p[0]))
            continue;
        if (in->p[0] == '=' && held >= 2 && pads < 2 && held + pads < 4) {
            pads++;
            continue;
        }
        if (v < 0 || pads > 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        if (++held == 4) {
            out[(*n)++] = (uint8_t)(bits >> 16);
            out[(*n)++] = (uint8_t)(bits >> 8);
            out[(*n)++] = (uint8_t)bits;
            held = 0;
            bits = 0;
        }
    }
    if (held == 0)
        return pads == 0;
    if (held + pads != 4)
        return false;
    bits <<= 6 * pads;
    out[(*n)++] = (uint8_t)(bits >> 16);
    if (held == 3)
        out[(*n)++] = (uint8_t)(bits >> 8);
    return held == 3 ? (bits & 0xff) == 0 : (bits & 0xffff) == 0;
}

bool pem_certificates(struct bytes text, uint8_t *store, struct bytes out[PEM_BLOCKS], unsigned *n,
                      const char *name, struct err *e)
{
    size_t size;

    while (text.n > 0 && text.p[text.n - 1] == '\0')
        text.n--;
    *n = 0;
    for (skip_space(&text); text.n > 0; skip_space(&text)) {
        if (*n == PEM_BLOCKS)
            return bad(e, name, "too many certificates");
        if (!skip_line(&text, begin_line))
            return bad(e, name, "something else than a certificate");
        if (!base64_read(&text, store, &size) || !skip_line(&text, end_line))
            return bad(e, name, "broken base64");
        out[(*n)++] = (struct bytes){store, size};
        store += size;
    }
    if (*n == 0)
        return bad(e, name, "no certificate");
    return true;
}
