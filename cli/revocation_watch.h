/* revocation_watch.h - following a revocation until its run is over. */
#ifndef CLI_REVOCATION_WATCH_H
#define CLI_REVOCATION_WATCH_H

#include "cli/command.h"

/* Shows every change, then the report. EXIT_OK when nothing runs on its platforms any more, or when
 * nothing has to; EXIT_LATE when --timeout passed first. The client is open. */
enum exit_code revocation_watch(struct cli *c, const char *name);

#endif
