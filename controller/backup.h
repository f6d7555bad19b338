/* backup.h - the store's care while no loop runs: `bailey-controller backup|restore|fsck`.
 *
 * A backup is a SQLite file made with SQLite's backup interface: one moment of the store, also
 * while a controller runs on it. Keys (DIR/pki) and contents (DIR/blobs) are not in it: copy them
 * once and keep them apart. */
#ifndef CONTROLLER_BACKUP_H
#define CONTROLLER_BACKUP_H

#include "base/err.h"

/* Writes the store of DIR into a new file, whole or not at all. backup.exists, store.*. */
NODISCARD bool backup_make(const char *dir, const char *file, struct err *e);

/* Puts a backup in place of DIR's store, which is kept as bailey.db.before-restore. No controller
 * may run on DIR (init.busy); the backup is checked first, as by fsck. */
NODISCARD bool backup_restore(const char *dir, const char *file, struct err *e);

/* The three commands with their options; what the process ends with. argv[1] names the command. */
bool maintenance_wanted(int argc, char **argv);
int maintenance_main(int argc, char **argv);

#endif
