/* convert_facts.h - struct facts (attest/facts.h) to and from its wire message. */
#ifndef CONFIG_CONVERT_FACTS_H
#define CONFIG_CONVERT_FACTS_H

#include "attest/facts.h"
#include "bailey/v1/node.pb-c.h"
#include "base/arena.h"
#include "base/err.h"

/* The message in memory of `a`; NULL when the arena is full. */
Bailey__V1__Facts *facts_to_message(const struct facts *f, struct arena *a);

/* False (ERR_INPUT, facts.format) when a text does not fit or a word has the wrong form. */
NODISCARD bool facts_from_message(const Bailey__V1__Facts *m, struct facts *f, struct err *e);

#endif
