#include "attest/snp_files.h"

#include "base/rd.h"

#define TABLE_ENTRIES 64 /* more than any host has reason to write */

static const struct {
    const char *name;
    uint8_t guid[16]; /* as the text reads from left to right */
} table_names[] = {
    {"vcek.der",
     {0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac,
      0xcd}},
    {"vlek.der",
     {0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8,
      0xa1}},
    {"ask.der",
     {0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7,
      0x82}},
    {"asvk.der",
     {0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7,
      0x82}},
    {"ark.der",
     {0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c, 0xd0,
      0xae}},
    {"ark_crl.der",
     {0x92, 0xf8, 0x1b, 0xc3, 0x58, 0x11, 0x4d, 0x3d, 0x97, 0xff, 0xd1, 0x9f, 0x88, 0xdc, 0x67,
      0xea}},
};

static bool table_bad(struct err *e, const char *what)
{
    return err_set(e, ERR_INPUT, "snp.cert-table", "auxblob: %s", what), err_field(e, "auxblob");
}

static bool table_find(struct bytes table, const uint8_t guid[16], struct bytes *out, struct err *e)
{
    struct rd rd = rd_init(table);

    for (unsigned i = 0; i < TABLE_ENTRIES; i++) {
        struct bytes id = rd_take(&rd, 16, "guid");
        uint64_t offset = rd_le(&rd, 4, "offset"), length = rd_le(&rd, 4, "length");

        if (!rd_ok(&rd, NULL))
            return table_bad(e, "ends without its last entry");
        if (bytes_zero(id) && offset == 0 && length == 0)
            return true;
        if (offset > table.n || length > table.n - offset)
            return table_bad(e, "an entry points outside of the table");
        if (memcmp(id.p, guid, 16) == 0) {
            *out = (struct bytes){table.p + offset, (size_t)length};
            return true;
        }
    }
    return table_bad(e, "too many entries");
}

bool snp_file_find(const struct evidence_input *in, const char *name, struct bytes *out,
                   struct err *e)
{
    const struct evidence_file *f = evidence_file(in, name);

    *out = (struct bytes){NULL, 0};
    if (f != NULL) {
        *out = f->bytes;
        return true;
    }
    f = evidence_file(in, "auxblob");
    if (f == NULL || f->bytes.n == 0)
        return true;
    for (size_t i = 0; i < sizeof table_names / sizeof table_names[0]; i++)
        if (strcmp(table_names[i].name, name) == 0)
            return table_find(f->bytes, table_names[i].guid, out, e);
    return true;
}
