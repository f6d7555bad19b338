#include "agent/image_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/file.h"
#include "base/cleanup.h"
#include "base/str.h"

DEFINE_CLEANUP(tree, json_t *, json_decref)

#define BLOB "blobs/sha256/"
#define MANIFEST "application/vnd.oci.image.manifest.v1+json"

bool image_digest_check(struct bytes b, const char *digest, struct err *e)
{
    uint8_t md[32];
    char hex[65];

    if (EVP_Digest(b.p, b.n, md, NULL, EVP_sha256(), NULL) != 1)
        return err_set(e, ERR_NOMEM, "memory", "no memory for a hash");
    hex_format(BYTES_OF(md), hex);
    return strcmp(digest + 7, hex) == 0 ||
           err_set(e, ERR_INPUT, "artifact.digest-mismatch",
                   "the manifest has digest sha256:%s, want %s", hex, digest);
}

static json_t *parse(const struct buf *b)
{
    return json_loadb((const char *)b->p, b->n, JSON_REJECT_DUPLICATES, NULL);
}

static bool put_json(int dir, const char *name, const json_t *t, struct err *e)
{
    char *text = t == NULL ? NULL : json_dumps(t, JSON_COMPACT);
    bool ok = text != NULL ? file_replace(dir, name, bytes_str(text), 0600, e)
                           : err_set(e, ERR_NOMEM, "memory", "no memory for an image's index");

    free(text);
    return ok;
}

static bool pick_files(const char *from, const char *type, const char *digest, size_t size,
                       int into, struct err *e)
{
    AUTO(tree) json_t *version = json_pack("{s:s}", "imageLayoutVersion", "1.0.0");
    AUTO(tree)
    json_t *index =
        json_pack("{s:i, s:[{s:s, s:s, s:I, s:{s:s}}]}", "schemaVersion", 2, "manifests",
                  "mediaType", type, "digest", digest, "size", (json_int_t)size, "annotations",
                  "org.opencontainers.image.ref.name", IMAGE_REFERENCE);
    char blobs[700];

    (void)snprintf(blobs, sizeof blobs, "%s/blobs", from);
    if (symlinkat(blobs, into, "blobs") != 0)
        return err_errno(e, errno, "image.layout", "a layout to fetch from");
    return put_json(into, "oci-layout", version, e) && put_json(into, "index.json", index, e);
}

bool image_layout_pick(const char *from, const char *digest, int into, struct buf *manifest,
                       struct err *e)
{
    AUTO(tree) json_t *t = NULL;
    const char *type;
    char path[800];

    (void)snprintf(path, sizeof path, "%s/" BLOB "%s", from, digest + 7);
    if (!file_read(AT_FDCWD, path, manifest, e))
        return err_wrap(e, "the image layout has no such manifest");
    t = parse(manifest);
    type = json_string_value(json_object_get(t, "mediaType"));
    return pick_files(from, type == NULL ? MANIFEST : type, digest, manifest->n, into, e);
}

/* The blob that a descriptor names. */
static bool blob_read(int layout, const json_t *descriptor, struct buf *out, struct err *e)
{
    const char *digest = json_string_value(json_object_get(descriptor, "digest"));
    char path[128];

    if (digest == NULL || strncmp(digest, "sha256:", 7) != 0 || strlen(digest) != 71 ||
        strspn(digest + 7, "0123456789abcdef") != 64)
        return err_set(e, ERR_INPUT, "image.layout", "the image has no digest of a part");
    (void)snprintf(path, sizeof path, BLOB "%s", digest + 7);
    return file_read(layout, path, out, e);
}

bool image_layout_config(int layout, struct buf *out, struct err *e)
{
    AUTO_BUF struct buf b = {.limit = IMAGE_MANIFEST_MAX}, m = {.limit = IMAGE_MANIFEST_MAX};
    AUTO(tree) json_t *index = NULL, *manifest = NULL;

    if (!file_read(layout, "index.json", &b, e))
        return false;
    index = parse(&b);
    if (!blob_read(layout, json_array_get(json_object_get(index, "manifests"), 0), &m, e))
        return false;
    manifest = parse(&m);
    return blob_read(layout, json_object_get(manifest, "config"), out, e);
}
