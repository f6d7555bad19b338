/* selector_int.h - the single conditions of a selector; private to the scheduler. */
#ifndef SCHEDULER_SELECTOR_INT_H
#define SCHEDULER_SELECTOR_INT_H

#include "scheduler/selector.h"

/* As platform_id_n: there is an id, but none that any rule names. Only in the facts of classes. */
#define PLATFORM_OTHER (FACT_ID + 1)

enum truth words_eval(const struct selector_words *w, const struct fact_words *f);
enum truth version_eval(const struct version_range *r, const struct fact_version *v);
enum truth tcb_eval(const struct selector_tcb *t, const struct facts *f);
enum truth tcb_status_eval(const struct selector_words *w, const struct facts *f);
enum truth tcb_date_eval(const struct time_range *r, const struct facts *f);
enum truth advisory_eval(const struct selector_words *w, const struct facts *f);
/* The same with what Advisory objects say (s->known). */
enum truth advisories_eval(const struct selector *s, const struct facts *f);
enum truth platform_eval(const struct selector *s, const struct facts *f);
enum truth assurance_eval(const struct selector *s, const struct facts *f, enum sense sense,
                          enum simulated simulated);
enum truth finding_eval(uint32_t findings, const struct facts *f);

const struct fact_svn *svn_find(const struct facts *f, const char *component);

#endif
