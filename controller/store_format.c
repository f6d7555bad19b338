#include "controller/store_format.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

bool store_sql_fail(sqlite3 *db, const char *path, struct err *e)
{
    int code = sqlite3_errcode(db) & 0xff;

    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        return err_set(e, ERR_UNAVAIL, "store.busy", "%s: another process has it open", path),
               err_mend(e, "stop the other controller first");
    if (code == SQLITE_NOTADB)
        return err_set(e, ERR_INPUT, "store.format", "%s: not a store of this program", path);
    if (code == SQLITE_CORRUPT)
        return err_set(e, ERR_IO, "store.corrupt", "%s is damaged: %s", path, sqlite3_errmsg(db)),
               err_mend(e, "bailey-controller restore puts a backup in its place");
    return err_set(e, ERR_IO, "store.open", "%s: %s", path, sqlite3_errmsg(db));
}

static bool read_pragma(sqlite3 *db, const char *sql, int *out)
{
    sqlite3_stmt *st = NULL;
    bool ok =
        sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW;

    if (ok)
        *out = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    return ok;
}

bool store_version(sqlite3 *db, const char *path, int *version, struct err *e)
{
    int app = 0, got = 0;

    if (!read_pragma(db, "PRAGMA application_id", &app) ||
        !read_pragma(db, "PRAGMA user_version", &got))
        return store_sql_fail(db, path, e);
    if ((app != 0 || got != 0) && app != STORE_APPLICATION_ID)
        return err_set(e, ERR_INPUT, "store.format", "%s: not a store of this program", path),
               err_found(e, "application %x", (unsigned)app),
               err_expected(e, "application %x", STORE_APPLICATION_ID);
    if (got > STORE_VERSION)
        return err_set(e, ERR_INPUT, "store.newer", "%s is a store of a newer version", path),
               err_found(e, "version %d", got),
               err_expected(e, "version %d at most", STORE_VERSION),
               err_mend(e, "run that newer version, or restore a backup of before the upgrade");
    *version = got;
    return true;
}

/* [v]: from version v to the next. */
static const char *const steps[STORE_VERSION] = {
    "BEGIN IMMEDIATE;"
    "CREATE TABLE record(key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "PRAGMA application_id=1113148465; PRAGMA user_version=1; COMMIT",
    "BEGIN IMMEDIATE; PRAGMA user_version=2; COMMIT",
};

bool store_upgrade(sqlite3 *db, const char *path, int version, struct err *e)
{
    for (int v = version; v < STORE_VERSION; v++) {
        if (sqlite3_exec(db, steps[v], NULL, NULL, NULL) != SQLITE_OK) {
            bool failed = store_sql_fail(db, path, e);

            (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
            return failed;
        }
    }
    if (version > 0 && version < STORE_VERSION)
        log_info("store upgraded", LOG_STR("file", path), LOG_INT("from", version),
                 LOG_INT("to", STORE_VERSION));
    return true;
}

bool store_quick_check(sqlite3 *db, const char *path, struct err *e)
{
    sqlite3_stmt *st = NULL;
    char first[128] = "";
    bool ok = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &st, NULL) == SQLITE_OK &&
              sqlite3_step(st) == SQLITE_ROW;

    if (ok)
        snprintf(first, sizeof first, "%s", (const char *)sqlite3_column_text(st, 0));
    else
        store_sql_fail(db, path, e);
    sqlite3_finalize(st);
    if (!ok)
        return false;
    if (strcmp(first, "ok") == 0)
        return true;
    return err_set(e, ERR_IO, "store.corrupt", "%s is damaged", path), err_found(e, "%s", first),
           err_mend(e, "bailey-controller restore puts a backup in its place");
}
