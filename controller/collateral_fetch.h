/* collateral_fetch.h - looks after the dates of what is kept, and runs the operator's fetcher.
 *
 * Bailey itself talks to no vendor. With --collateral-fetch COMMAND, a program is run for each
 * address that evidence needs and that is missing, expired or soon will be: COMMAND URL, without a
 * shell, one at a time. Its standard output (at most 512 KiB, within a minute) is judged like any
 * import: a fetcher cannot make anything true. An address that failed is tried again after ten
 * minutes. */
#ifndef CONTROLLER_COLLATERAL_FETCH_H
#define CONTROLLER_COLLATERAL_FETCH_H

#include "controller/collateral.h"

struct collateral_keeper;

/* command: NULL: dates are watched, nothing is fetched. Borrowed. NULL: no memory. */
struct collateral_keeper *collateral_keeper_new(struct state *st, const char *command);

/* Kills what runs; the loop must turn until it has closed. May be NULL. */
void collateral_keeper_close(struct collateral_keeper *k);

#endif
