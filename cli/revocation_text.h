/* revocation_text.h - the screens of revocations: what one would do, what one did, and what changed
 * between two plans. */
#ifndef CLI_REVOCATION_TEXT_H
#define CLI_REVOCATION_TEXT_H

#include "bailey/v1/revocation.pb-c.h"
#include "base/buf.h"
#include "cli/table.h"

/* The plan as tables. commit: the command that commits exactly this, or NULL. */
void plan_text(const Bailey__V1__Revocation *r, const Bailey__V1__RevocationPlan *p,
               const char *commit, bool colour, struct buf *out);

/* The report of one that was committed, or the spec of one that was not. */
void report_text(const Bailey__V1__Revocation *r, bool colour, struct buf *out);

/* The report in a line: "moving  2 of 3 keeps left ...". */
void report_line(const Bailey__V1__Revocation *r, struct buf *out);

/* What is in `now` and was not in `then`, and the other way round, a line each; at most `most`
 * lines. Returns how many differences there are. */
size_t plan_changes(const Bailey__V1__RevocationPlan *then, const Bailey__V1__RevocationPlan *now,
                    size_t most, struct buf *out);

/* "3 keeps", "1 keep". */
#define COUNT_TEXT 64
const char *count_text(uint64_t n, const char *one, char *out);

/* The platforms in a line: "vendor=amd, generation=milan or ...". */
void platforms_text(const Bailey__V1__RevocationSpec *s, struct buf *out);

#endif
