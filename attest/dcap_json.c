#include "attest/dcap_json.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

static const char *const status_names[DCAP_STATUSES] = {
    [DCAP_STATUS_NONE] = "",
    [DCAP_UP_TO_DATE] = "UpToDate",
    [DCAP_SW_HARDENING_NEEDED] = "SWHardeningNeeded",
    [DCAP_CONFIGURATION_NEEDED] = "ConfigurationNeeded",
    [DCAP_CONFIGURATION_AND_SW_HARDENING_NEEDED] = "ConfigurationAndSWHardeningNeeded",
    [DCAP_OUT_OF_DATE] = "OutOfDate",
    [DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED] = "OutOfDateConfigurationNeeded",
    [DCAP_REVOKED] = "Revoked",
    [DCAP_TD_RELAUNCH_ADVISED] = "TdRelaunchAdvised",
    [DCAP_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED] = "TdRelaunchAdvisedConfigurationNeeded",
};

const char *dcap_status_name(enum dcap_status s)
{
    return (unsigned)s < DCAP_STATUSES ? status_names[s] : "";
}

unsigned dcap_advisories_count(struct dcap_advisories a)
{
    return a.list == NULL ? 0 : a.list->count;
}

const char *dcap_advisory(struct dcap_advisories a, unsigned i)
{
    const struct json_value *v;

    if (i >= dcap_advisories_count(a))
        return NULL;
    for (v = json_value_first(a.list); i > 0; i--)
        v = json_value_next(v);
    return v->text;
}

bool dcap_json_bad(const struct dcap_reading *r, const char *path, const char *what)
{
    return err_set(r->e, ERR_INPUT, "dcap.collateral-malformed", "%s: %s: %s", r->name, path, what),
           err_field(r->e, "%s.%s", r->name, path), err_found(r->e, "%s", what),
           err_mend(r->e, "fetch the document again at api.trustedservices.intel.com");
}

bool dcap_json_text(const struct dcap_reading *r, const struct json_value *o, const char *key,
                    const char **out)
{
    const struct json_value *v = json_value_member(o, key);

    if (!json_value_is(v, VALUE_TEXT))
        return dcap_json_bad(r, key, v == NULL ? "missing" : "not a text");
    *out = v->text;
    return true;
}

bool dcap_json_number(const struct dcap_reading *r, const struct json_value *o, const char *key,
                      uint32_t most, uint32_t *out)
{
    const struct json_value *v = json_value_member(o, key);

    if (!json_value_is(v, VALUE_WHOLE))
        return dcap_json_bad(r, key, v == NULL ? "missing" : "not a whole number");
    if (v->whole < 0 || v->whole > (int64_t)most)
        return dcap_json_bad(r, key, "out of range");
    *out = (uint32_t)v->whole;
    return true;
}

bool dcap_json_hex(const struct dcap_reading *r, const struct json_value *o, const char *key,
                   uint8_t *out, size_t n)
{
    const char *text;
    size_t got = 0;

    if (!dcap_json_text(r, o, key, &text))
        return false;
    if (!hex_parse(text, out, n, &got, NULL) || got != n)
        return dcap_json_bad(r, key, "not hex of the right length");
    return true;
}

bool dcap_json_time(const struct dcap_reading *r, const struct json_value *o, const char *key,
                    int64_t *out)
{
    const char *text;

    if (!dcap_json_text(r, o, key, &text))
        return false;
    return time_parse(text, out, NULL) || dcap_json_bad(r, key, "not a time");
}

bool dcap_json_status(const struct dcap_reading *r, const struct json_value *o, bool component,
                      enum dcap_status *out)
{
    const char *text;

    if (!dcap_json_text(r, o, "tcbStatus", &text))
        return false;
    for (unsigned s = DCAP_UP_TO_DATE; s <= DCAP_REVOKED; s++)
        if (strcmp(text, status_names[s]) == 0 &&
            (!component || s == DCAP_UP_TO_DATE || s == DCAP_OUT_OF_DATE || s == DCAP_REVOKED)) {
            *out = (enum dcap_status)s;
            return true;
        }
    return dcap_json_bad(r, "tcbStatus", "a status that is not known here");
}

static bool advisory_ok(const struct json_value *v)
{
    const char *s = json_value_is(v, VALUE_TEXT) ? v->text : "";

    if (s[0] == '\0' || strlen(s) >= FACT_WORD)
        return false;
    for (; *s != '\0'; s++)
        if (*s <= ' ' || *s > '~')
            return false;
    return true;
}

bool dcap_json_advisories(const struct dcap_reading *r, const struct json_value *o,
                          struct dcap_advisories *out)
{
    const struct json_value *list = json_value_member(o, "advisoryIDs");

    const struct json_value *one;

    out->list = NULL;
    if (list == NULL)
        return true;
    if (!json_value_is(list, VALUE_LIST) || list->count > DCAP_ADVISORIES_MAX)
        return dcap_json_bad(r, "advisoryIDs", "not a list, or too long");
    one = json_value_first(list);
    for (uint32_t i = 0; i < list->count; i++, one = json_value_next(one))
        if (!advisory_ok(one))
            return dcap_json_bad(r, "advisoryIDs", "not the name of an advisory");
    out->list = list;
    return true;
}

bool dcap_json_objects(const struct dcap_reading *r, const struct json_value *o, const char *key,
                       unsigned most, const struct json_value **out, unsigned *n)
{
    const struct json_value *list = json_value_member(o, key), *one;

    if (!json_value_is(list, VALUE_LIST) || list->count == 0)
        return dcap_json_bad(r, key, list == NULL ? "missing" : "not a list with something in it");
    if (list->count > most)
        return dcap_json_bad(r, key, "too many");
    one = json_value_first(list);
    for (uint32_t i = 0; i < list->count; i++, one = json_value_next(one))
        if (!json_value_is(one, VALUE_OBJECT))
            return dcap_json_bad(r, key, "not a list of objects");
    *n = list->count;
    *out = json_value_first(list);
    return true;
}

static bool svn_level(const struct dcap_reading *r, const struct json_value *o,
                      struct dcap_svn_level *out)
{
    const struct json_value *tcb = json_value_member(o, "tcb");
    uint32_t svn = 0;

    if (!json_value_is(tcb, VALUE_OBJECT))
        return dcap_json_bad(r, "tcb", "missing");
    if (!dcap_json_number(r, tcb, "isvsvn", 0xffff, &svn) ||
        !dcap_json_time(r, o, "tcbDate", &out->date_s) ||
        !dcap_json_status(r, o, true, &out->status) ||
        !dcap_json_advisories(r, o, &out->advisories))
        return false;
    out->isvsvn = (uint16_t)svn;
    return true;
}

bool dcap_json_svn_levels(const struct dcap_reading *r, const struct json_value *o,
                          struct dcap_svn_level *out, unsigned *n)
{
    const struct json_value *one = NULL;

    if (!dcap_json_objects(r, o, "tcbLevels", DCAP_SVN_LEVELS, &one, n))
        return false;
    for (unsigned i = 0; i < *n; i++, one = json_value_next(one))
        if (!svn_level(r, one, &out[i]))
            return false;
    return true;
}

bool dcap_json_document(const struct dcap_reading *r, const struct json_value *o,
                        struct dcap_document *out)
{
    return dcap_json_time(r, o, "issueDate", &out->issued_s) &&
           dcap_json_time(r, o, "nextUpdate", &out->next_update_s) &&
           dcap_json_number(r, o, "tcbEvaluationDataNumber", UINT32_MAX, &out->evaluation);
}

bool dcap_json_open(const struct dcap_reading *r, struct bytes inner, struct json_value **out)
{
    *out = json_value_read(inner);
    if (*out == NULL)
        return dcap_json_bad(r, "document", "not JSON, or a member twice");
    if ((*out)->kind != VALUE_OBJECT) {
        free(*out);
        *out = NULL;
        return dcap_json_bad(r, "document", "not an object");
    }
    return true;
}
