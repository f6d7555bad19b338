#include "cli/cmd_evidence_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "attest/endorsement.h"
#include "base/str.h"
#include "cli/files.h"

#define FOLDER_FILES 256 /* of a folder, looked at */

/* Names by which folders of evidence call it. */
static bool is_evidence_name(const char *name)
{
    static const char *const names[] = {
        "report.bin",   "quote.bin",     "attestation_doc.cbor", "attestation_doc.bin",
        "document.bin", "document.cbor", "cca_token.cbor",       "token.cbor",
        "token.bin",    "evidence.bin",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static int visible(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

struct folder {
    const char *path;
    struct dirent **entry; /* owned; an entry that is no file becomes NULL */
    int n;
};

static void folder_close(struct folder *d)
{
    for (int i = 0; i < d->n; i++)
        free(d->entry[i]);
    free(d->entry);
}
#define AUTO_FOLDER __attribute__((cleanup(folder_close)))

static bool path_of(const struct folder *d, int i, char *out, size_t size)
{
    struct stat st;

    return snprintf(out, size, "%s/%s", d->path, d->entry[i]->d_name) < (int)size &&
           stat(out, &st) == 0 && S_ISREG(st.st_mode);
}

static bool folder_open(struct folder *d, const char *path, struct err *e)
{
    char file[4096];

    d->path = path;
    d->n = scandir(path, &d->entry, visible, alphasort);
    if (d->n < 0) {
        d->n = 0;
        return err_errno(e, errno, "evidence.open", "%s", path);
    }
    if (d->n > FOLDER_FILES)
        return err_set(e, ERR_LIMIT, "evidence.files", "%s: more than %d files", path,
                       FOLDER_FILES);
    for (int i = 0; i < d->n; i++)
        if (!path_of(d, i, file, sizeof file)) {
            free(d->entry[i]);
            d->entry[i] = NULL;
        }
    return true;
}

static bool have(const struct evidence_files *f, const char *name)
{
    for (unsigned i = 0; i < f->n; i++)
        if (strcmp(f->name[i], name) == 0)
            return true;
    return false;
}

static bool take_file(struct evidence_files *f, struct buf *bytes, const char *name, struct err *e)
{
    if (f->n == EVIDENCE_FILES)
        return err_set(e, ERR_LIMIT, "evidence.files", "more than %d files of collateral",
                       EVIDENCE_FILES);
    str_copy(f->name[f->n], EVIDENCE_NAME, name);
    f->file[f->n++] = *bytes;
    *bytes = (struct buf){0};
    return true;
}

/* The files of the right names; `known` decides which pass is made. */
static bool take_files(struct evidence_files *f, const struct folder *d, bool known, struct err *e)
{
    char path[4096];

    for (int i = 0; i < d->n; i++) {
        AUTO_BUF struct buf bytes = {0};
        struct endorsement what;
        const char *name;

        if (d->entry[i] == NULL || !path_of(d, i, path, sizeof path))
            continue;
        name = d->entry[i]->d_name;
        if (is_evidence_name(name) || strcmp(name, f->evidence_name) == 0)
            continue;
        if (known !=
            (endorsement_of_file(name) != ENDORSEMENT_NONE || strcmp(name, "auxblob") == 0))
            continue;
        if (!file_read(path, EVIDENCE_FILE_MAX, &bytes, known ? e : NULL)) {
            if (known)
                return false;
            continue; /* too large to be anything of ours */
        }
        if (!known) {
            if (!endorsement_recognise(buf_bytes(&bytes), &what))
                continue;
            name = endorsement_file(what.kind);
        }
        if (!have(f, name) && !take_file(f, &bytes, name, e))
            return false;
    }
    return true;
}

static bool several(struct err *e, const char *folder)
{
    return err_set(e, ERR_INPUT, "evidence.several", "%s: more than one piece of evidence", folder),
           err_mend(e, "name the file itself, and its folder with --collateral");
}

/* by_name: the file with one of the names; otherwise the one that looks like evidence. */
static bool take_evidence(struct evidence_files *f, const struct folder *d, bool by_name,
                          struct err *e)
{
    char path[4096];

    for (int i = 0; i < d->n; i++) {
        AUTO_BUF struct buf bytes = {0};
        struct endorsement what;
        const char *name;

        if (d->entry[i] == NULL || !path_of(d, i, path, sizeof path))
            continue;
        name = d->entry[i]->d_name;
        if (by_name != is_evidence_name(name))
            continue;
        if (!file_read(path, EVIDENCE_MAX, &bytes, by_name ? e : NULL)) {
            if (by_name)
                return false;
            continue;
        }
        if (!by_name && (evidence_technology(buf_bytes(&bytes)) == NULL ||
                         endorsement_of_file(name) != ENDORSEMENT_NONE ||
                         endorsement_recognise(buf_bytes(&bytes), &what)))
            continue;
        if (f->evidence.n > 0)
            return several(e, d->path);
        f->evidence = bytes;
        bytes = (struct buf){0};
        str_copy(f->evidence_name, sizeof f->evidence_name, name);
    }
    return true;
}

static bool read_collateral(struct evidence_files *f, const char *path, struct err *e)
{
    AUTO_FOLDER struct folder d = {0};

    return folder_open(&d, path, e) && take_files(f, &d, true, e) && take_files(f, &d, false, e);
}

static bool read_folder(struct evidence_files *f, const char *path, struct err *e)
{
    AUTO_FOLDER struct folder d = {0};

    if (!folder_open(&d, path, e) || !take_evidence(f, &d, true, e) ||
        (f->evidence.n == 0 && !take_evidence(f, &d, false, e)))
        return false;
    if (f->evidence.n == 0)
        return err_set(e, ERR_MISSING, "evidence.none", "%s: no evidence in this folder", path),
               err_expected(e, "report.bin, quote.bin, attestation_doc.cbor or cca_token.cbor");
    return take_files(f, &d, true, e) && take_files(f, &d, false, e);
}

bool evidence_files_read(struct evidence_files *f, const char *path, const char *collateral,
                         struct err *e)
{
    struct stat st;

    if (strcmp(path, "-") != 0 && stat(path, &st) != 0)
        return err_errno(e, errno, "evidence.open", "%s", path);
    if (collateral != NULL && !read_collateral(f, collateral, e))
        return false;
    if (strcmp(path, "-") != 0 && S_ISDIR(st.st_mode))
        return read_folder(f, path, e);
    return file_read(path, EVIDENCE_MAX, &f->evidence, e);
}

void evidence_files_fini(struct evidence_files *f)
{
    buf_fini(&f->evidence);
    for (unsigned i = 0; i < EVIDENCE_FILES; i++)
        buf_fini(&f->file[i]);
}

struct evidence_input evidence_files_input(const struct evidence_files *f)
{
    struct evidence_input in = {.evidence = buf_bytes(&f->evidence), .files_n = f->n};

    for (unsigned i = 0; i < f->n; i++)
        in.files[i] = (struct evidence_file){f->name[i], buf_bytes(&f->file[i])};
    return in;
}
