/* catalog.h - the words of the trust vocabulary: what vendors, technologies, generations and so on
 * exist, compiled in from the files in config/catalog/. A rule with a word that is not here is
 * refused: a typing error must not become a rule that never fires.
 *
 * Vocabularies: "vendor", "technology", "generation", "product-line", "tcb-component",
 * "tcb-status", "advisory", "finding", "assurance", "runtime", "network", "restart-policy",
 * "health-kind", "severity", "expected-verdict", "revocation-action". Thread safe. */
#ifndef CONFIG_CATALOG_H
#define CONFIG_CATALOG_H

#include <stdbool.h>
#include <stddef.h>

/* True for a word or an alias of it ("icelake-sp"). */
bool catalog_knows(const char *vocabulary, const char *word);

/* The word itself for a word, a spelling of it in other letter case, or an alias; NULL: unknown. */
const char *catalog_resolve(const char *vocabulary, const char *word);

/* All words in the catalog's order, without aliases; NULL and *n = 0 for an unknown vocabulary. */
const char *const *catalog_words(const char *vocabulary, size_t *n);

/* The word (or alias) that was probably meant, or NULL. */
const char *catalog_nearest(const char *vocabulary, const char *word);

/* A line about a word for people, "" if there is none; and the vendor it belongs to, "" for none.
 */
const char *catalog_about(const char *vocabulary, const char *word);
const char *catalog_vendor(const char *vocabulary, const char *word);

#endif
