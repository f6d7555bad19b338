#include "controller/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/log.h"
#include "controller/fsck.h"
#include "controller/store_format.h"

#define PATH_TEXT 640
#define STEP_PAGES 1024 /* between which a running controller may write */

static const char usage[] =
    "Usage: bailey-controller backup --data DIR FILE   copy the store, also while it is in use\n"
    "       bailey-controller restore --data DIR FILE  put a backup in its place\n"
    "       bailey-controller fsck --data DIR          check pages, records and the audit log\n"
    "\n"
    "A backup holds no keys and no contents: DIR/pki and DIR/blobs are copied apart. After a "
    "restore\n"
    "of anything but the newest state, agents have seen more than the store: the controller then\n"
    "wants --accept-rollback. fsck ends with 0 when nothing is wrong, with 6 when something is.\n";

/* --- backup --- */

/* Page by page; when the source changes meanwhile, SQLite begins anew by itself. */
static bool copy(sqlite3 *from, sqlite3 *to, const char *path, struct err *e)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    int rc = b == NULL ? SQLITE_ERROR : SQLITE_OK;

    while (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
        rc = sqlite3_backup_step(b, STEP_PAGES);
        if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
            (void)sqlite3_sleep(10); /* somebody commits */
    }
    (void)sqlite3_backup_finish(b);
    return rc == SQLITE_DONE || store_sql_fail(to, path, e);
}

static bool sync_file(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (!ok)
        err_errno(e, errno, "backup.write", "%s", path);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* A copy without a journal beside it: one file is the whole backup. */
static bool copy_file(const char *source, const char *fresh, struct err *e)
{
    sqlite3 *from = NULL, *to = NULL;
    int version;
    bool ok = (sqlite3_open_v2(source, &from, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK ||
               store_sql_fail(from, source, e)) &&
              store_version(from, source, &version, e) &&
              (version > 0 ||
               err_set(e, ERR_INPUT, "store.format", "%s: not a store of this program", source)) &&
              (sqlite3_open_v2(fresh, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) ==
                   SQLITE_OK ||
               store_sql_fail(to, fresh, e)) &&
              copy(from, to, fresh, e) &&
              (sqlite3_exec(to, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL) == SQLITE_OK ||
               store_sql_fail(to, fresh, e));

    sqlite3_close(from);
    sqlite3_close(to);
    return ok && sync_file(fresh, e);
}

bool backup_make(const char *dir, const char *file, struct err *e)
{
    char source[PATH_TEXT], fresh[PATH_TEXT];

    if (snprintf(source, sizeof source, "%s/bailey.db", dir) >= (int)sizeof source ||
        snprintf(fresh, sizeof fresh, "%s.new", file) >= (int)sizeof fresh)
        return err_set(e, ERR_LIMIT, "backup.path", "a path is too long");
    if (access(file, F_OK) == 0)
        return err_set(e, ERR_EXISTS, "backup.exists", "%s is there already", file),
               err_mend(e, "name a new file");
    (void)unlink(fresh);
    if (!copy_file(source, fresh, e)) {
        (void)unlink(fresh);
        return false;
    }
    return rename(fresh, file) == 0 || err_errno(e, errno, "backup.write", "%s", file);
}

/* --- restore --- */

static bool lock_folder(const char *dir, int *out, struct err *e)
{
    char path[PATH_TEXT];
    int fd;

    snprintf(path, sizeof path, "%s/lock", dir);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(e, errno, "init.lock", "%s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return err_set(e, ERR_UNAVAIL, "init.busy", "a controller runs on %s", dir),
               err_mend(e, "stop it first");
    }
    *out = fd;
    return true;
}

static bool swap(const char *dir, const char *fresh, struct err *e)
{
    static const char *const beside[] = {"bailey.db-wal", "bailey.db-shm"};
    char store[PATH_TEXT], before[PATH_TEXT], path[PATH_TEXT];

    snprintf(store, sizeof store, "%s/bailey.db", dir);
    snprintf(before, sizeof before, "%s/bailey.db.before-restore", dir);
    if (rename(store, before) != 0 && errno != ENOENT)
        return err_errno(e, errno, "backup.write", "%s", before);
    for (size_t i = 0; i < 2; i++) { /* they belong to the store that was */
        char to[PATH_TEXT + 32];

        snprintf(path, sizeof path, "%s/%s", dir, beside[i]);
        snprintf(to, sizeof to, "%s%s", before, strrchr(beside[i], '-'));
        if (rename(path, to) != 0 && errno != ENOENT)
            return err_errno(e, errno, "backup.write", "%s", to);
    }
    if (rename(fresh, store) != 0)
        return err_errno(e, errno, "backup.write", "%s", store);
    return sync_file(dir, e);
}

static EVP_PKEY *audit_key(const char *dir)
{
    char path[PATH_TEXT];
    EVP_PKEY *key;
    FILE *f;

    snprintf(path, sizeof path, "%s/pki/audit.key", dir);
    f = fopen(path, "r");
    if (f == NULL)
        return NULL;
    key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);
    ERR_clear_error();
    return key;
}

bool backup_restore(const char *dir, const char *file, struct err *e)
{
    char fresh[PATH_TEXT];
    struct fsck_report r;
    EVP_PKEY *key = NULL;
    int lock = -1;
    bool ok;

    if (snprintf(fresh, sizeof fresh, "%s/bailey.db.new", dir) >= (int)sizeof fresh)
        return err_set(e, ERR_LIMIT, "backup.path", "a path is too long");
    if (!lock_folder(dir, &lock, e))
        return false;
    key = audit_key(dir);
    ok = fsck_run(file, key, stderr, &r, e);
    EVP_PKEY_free(key);
    if (ok && r.faults > 0)
        ok = err_set(e, ERR_INPUT, "backup.damaged", "%s: %" PRIu64 " faults", file, r.faults);
    (void)unlink(fresh);
    ok = ok && copy_file(file, fresh, e) && swap(dir, fresh, e);
    close(lock);
    return ok;
}

/* --- the commands --- */

bool maintenance_wanted(int argc, char **argv)
{
    return argc > 1 && (strcmp(argv[1], "backup") == 0 || strcmp(argv[1], "restore") == 0 ||
                        strcmp(argv[1], "fsck") == 0);
}

static int failed(const struct err *e)
{
    fprintf(stderr, "bailey-controller: %s\n", e->msg);
    if (e->found[0] != '\0')
        fprintf(stderr, "  found:    %s\n", e->found);
    if (e->expected[0] != '\0')
        fprintf(stderr, "  expected: %s\n", e->expected);
    if (e->mend[0] != '\0')
        fprintf(stderr, "  mend:     %s\n", e->mend);
    return 1;
}

static int fsck_command(const char *dir)
{
    EVP_PKEY *key = audit_key(dir);
    char file[PATH_TEXT];
    struct fsck_report r;
    struct err e = {0};
    bool ok;

    snprintf(file, sizeof file, "%s/bailey.db", dir);
    ok = fsck_run(file, key, stdout, &r, &e);
    EVP_PKEY_free(key);
    if (!ok)
        return failed(&e);
    printf("%s: %" PRIu64 " records, %" PRIu64 " audit entries, %" PRIu64 " tree heads%s: %" PRIu64
           " faults\n",
           file, r.records, r.entries, r.heads, key == NULL ? " (signatures not checked)" : "",
           r.faults);
    return r.faults == 0 ? 0 : 6;
}

int maintenance_main(int argc, char **argv)
{
    static const struct option options[] = {{"data", required_argument, NULL, 'd'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *what = argv[1], *dir = NULL, *file;
    bool fsck = strcmp(what, "fsck") == 0, ok;
    struct err e = {0};
    int c;

    log_init("controller", LOG_INFO, LOG_AUTO);
    while ((c = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1) {
        if (c == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (c != 'd')
            return 2;
        dir = optarg;
    }
    file = optind + 1 < argc ? argv[optind + 1] : NULL;
    if (dir == NULL || (file == NULL) != fsck) {
        fputs(usage, stderr);
        return 2;
    }
    if (fsck)
        return fsck_command(dir);
    ok = strcmp(what, "backup") == 0 ? backup_make(dir, file, &e) : backup_restore(dir, file, &e);
    return ok ? 0 : failed(&e);
}
