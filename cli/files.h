/* files.h - what operators put into files: YAML documents, and the programs that they name. */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include "cli/command.h"
#include "config/yaml.h"

/* All of a file, or of standard input for "-", at most `limit` bytes. */
NODISCARD bool file_read(const char *path, size_t limit, struct buf *out, struct err *e);

/* Writes a file whole or not at all. */
NODISCARD bool file_put(const char *path, unsigned mode, struct bytes content, struct err *e);

/* Called with one YAML file's objects. */
typedef bool (*files_take)(struct cli *c, const char *file, Bailey__V1__Object **objects, size_t n,
                           void *user);

/* Reads FILE, every *.yaml and *.yml of a folder in order of their names, or "-", and gives each
 * file's objects (in memory of `a`) to `take`. Errors in the YAML are shown with their lines, and
 * all files are read before that ends with false and c->err set. */
NODISCARD bool files_each(struct cli *c, const char *path, struct arena *a, files_take take,
                          void *user);

#define DIGEST_TEXT 72 /* "sha256:" and 64 hex digits */
NODISCARD bool file_digest(int fd, char digest[DIGEST_TEXT], uint64_t *size, struct err *e);

#endif
