/* selector_flags.h - platforms as a command's options name them: --where, --vendor, --generation,
 * --firmware, ... One grammar for get, forecast and revoke. */
#ifndef CLI_SELECTOR_FLAGS_H
#define CLI_SELECTOR_FLAGS_H

#include "bailey/v1/selector.pb-c.h"
#include "base/arena.h"
#include "cli/command.h"

/* The options that a command has to take. */
#define SELECTOR_OPTIONS                                                                           \
    (OPT(WHERE) | OPT(VENDOR) | OPT(TECHNOLOGY) | OPT(GENERATION) | OPT(PRODUCT_LINE) |            \
     OPT(FIRMWARE) | OPT(TCB) | OPT(TCB_STATUS) | OPT(TCB_DATE) | OPT(ADVISORY) |                  \
     OPT(PLATFORM_ID) | OPT(ASSURANCE) | OPT(FINDING))

/* All of them together in memory of `a`; *out is NULL when none was given. False: c->err is a
 * mistake in the command line. */
NODISCARD bool selector_flags(struct cli *c, struct arena *a, Bailey__V1__Selector **out);

#endif
