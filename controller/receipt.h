/* receipt.h - placements in the audit log, and their receipts. */
#ifndef CONTROLLER_RECEIPT_H
#define CONTROLLER_RECEIPT_H

#include "controller/state.h"

/* Records that the keep was bound to its node, with what it rested on; the entry's number goes into
 * its status. Within the batch that makes the keep. */
void audit_placed(struct state *st, struct keep *k);

#endif
