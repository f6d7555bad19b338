/* selector_text.h - a selector as it is typed on a command line:
 *
 *   vendor=amd, generation=milan|genoa, firmware>=1.55 , firmware<1.55.39, tcb.microcode<0x54
 *
 * Conditions between commas, all of which must hold; words between '|' are "any of these";
 * versions, numbers and dates take =, !=, <, <=, >, >=, and several conditions on one of them make
 * a range. The facts are the fields of Selector by their YAML names; "product-line" and the like
 * are taken for "productLine", and a TCB component's own name for "tcb." with that name. */
#ifndef CONFIG_SELECTOR_TEXT_H
#define CONFIG_SELECTOR_TEXT_H

#include "bailey/v1/selector.pb-c.h"
#include "base/arena.h"
#include "base/err.h"

/* Adds the text's conditions to *m, in memory of `a`. ERR_INPUT with the fact in e->field, what was
 * found and a suggestion; *m may then have some of them. The whole was checked by message_check().
 */
NODISCARD bool selector_text_parse(const char *text, struct arena *a, Bailey__V1__Selector *m,
                                   struct err *e);

/* Adds one condition: fact "vendor" with words between commas or '|', or "firmware" with a range
 * ("<1.55.39", ">=1.55 <2"), as options of a command give them. */
NODISCARD bool selector_text_add(const char *fact, const char *value, struct arena *a,
                                 Bailey__V1__Selector *m, struct err *e);

#endif
