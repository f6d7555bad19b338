/* store_format.h - which SQLite files are stores, and of which version.
 *
 * 1  records by key
 * 2  the audit log: a program of version 1 would decide without recording it */
#ifndef CONTROLLER_STORE_FORMAT_H
#define CONTROLLER_STORE_FORMAT_H

#include <sqlite3.h>

#include "base/err.h"

#define STORE_APPLICATION_ID 0x42594c31 /* "BYL1" */
#define STORE_VERSION 2

/* The error of the last call on db: store.busy, store.format (no SQLite file), store.corrupt,
 * store.open. */
bool store_sql_fail(sqlite3 *db, const char *path, struct err *e);

/* The version of an open file, 0 for an empty one. store.format: not ours; store.newer: of a newer
 * program. */
NODISCARD bool store_version(sqlite3 *db, const char *path, int *version, struct err *e);

/* Makes an empty file a store, and an older store one of STORE_VERSION: a transaction a step. */
NODISCARD bool store_upgrade(sqlite3 *db, const char *path, int version, struct err *e);

/* SQLite's own quick look at all pages; store.corrupt with what it found first. */
NODISCARD bool store_quick_check(sqlite3 *db, const char *path, struct err *e);

#endif
