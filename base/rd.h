/* rd.h - sticky, bounds-checked reader: parse top to bottom as in the specification, ask once at
 * the end. The first misfit is kept; later reads give zeros. */
#ifndef BASE_RD_H
#define BASE_RD_H

#include "base/bytes.h"
#include "base/err.h"

struct rd {
    struct bytes rest;
    size_t off;        /* bytes consumed so far, for messages */
    const char *field; /* first field that misfitted, or NULL */
    size_t want;       /* its size if it was short, 0 if its value was bad */
};

static inline struct rd rd_init(struct bytes b)
{
    return (struct rd){.rest = b};
}

/* The next n bytes, borrowed from the input; empty after a misfit. */
static inline struct bytes rd_take(struct rd *r, size_t n, const char *field)
{
    struct bytes b = {r->rest.p, n};

    if (r->field != NULL)
        return (struct bytes){NULL, 0};
    if (n > r->rest.n) {
        r->field = field;
        r->want = n;
        return (struct bytes){NULL, 0};
    }
    r->rest = (struct bytes){r->rest.p == NULL ? NULL : r->rest.p + n, r->rest.n - n};
    r->off += n;
    return b;
}

/* Unsigned little-endian and big-endian integers of width 1 to 8 bytes. */
static inline uint64_t rd_le(struct rd *r, size_t width, const char *field)
{
    struct bytes b = rd_take(r, width, field);
    uint64_t v = 0;

    for (size_t i = b.n; i > 0; i--)
        v = v << 8 | b.p[i - 1];
    return v;
}

static inline uint64_t rd_be(struct rd *r, size_t width, const char *field)
{
    struct bytes b = rd_take(r, width, field);
    uint64_t v = 0;

    for (size_t i = 0; i < b.n; i++)
        v = v << 8 | b.p[i];
    return v;
}

static inline uint8_t rd_u8(struct rd *r, const char *field)
{
    return (uint8_t)rd_le(r, 1, field);
}

static inline uint16_t rd_le16(struct rd *r, const char *field)
{
    return (uint16_t)rd_le(r, 2, field);
}

static inline uint32_t rd_le32(struct rd *r, const char *field)
{
    return (uint32_t)rd_le(r, 4, field);
}

static inline uint64_t rd_le64(struct rd *r, const char *field)
{
    return rd_le(r, 8, field);
}

/* Copies exactly n bytes to `to`; after a misfit `to` is zeroed. */
static inline void rd_copy(struct rd *r, void *to, size_t n, const char *field)
{
    struct bytes b = rd_take(r, n, field);

    memset(to, 0, n);
    if (b.n != 0)
        memcpy(to, b.p, b.n);
}

/* n bytes that must be zero. */
static inline void rd_zero(struct rd *r, size_t n, const char *field)
{
    struct bytes b = rd_take(r, n, field);

    if (!bytes_zero(b) && r->field == NULL)
        r->field = field;
}

/* Marks a value already read as bad. */
static inline void rd_bad(struct rd *r, const char *field)
{
    if (r->field == NULL) {
        r->field = field;
        r->want = 0;
    }
}

/* False when a read misfitted; *e then names the field. Leftover bytes are fine. */
NODISCARD static inline bool rd_ok(const struct rd *r, struct err *e)
{
    if (r->field != NULL && r->want > 0)
        return err_set(e, ERR_INPUT, "bytes.truncated", "%s: need %zu bytes at %zu, %zu left",
                       r->field, r->want, r->off, r->rest.n),
               err_field(e, "%s", r->field), err_found(e, "%zu bytes", r->rest.n),
               err_expected(e, "%zu bytes", r->want);
    if (r->field != NULL)
        return err_set(e, ERR_INPUT, "bytes.reserved-not-zero", "%s: want zero", r->field),
               err_field(e, "%s", r->field), err_expected(e, "zero");
    return true;
}

/* True when everything fitted and nothing is left. */
NODISCARD static inline bool rd_end(const struct rd *r, struct err *e)
{
    if (!rd_ok(r, e))
        return false;
    if (r->rest.n != 0)
        return err_set(e, ERR_INPUT, "bytes.trailing", "%zu bytes too many at %zu", r->rest.n,
                       r->off);
    return true;
}

#endif
