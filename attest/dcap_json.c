#include "attest/dcap_json.h"

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
    return (unsigned)json_array_size(a.json);
}

const char *dcap_advisory(struct dcap_advisories a, unsigned i)
{
    return json_string_value(json_array_get(a.json, i));
}

bool dcap_json_bad(const struct dcap_reading *r, const char *path, const char *what)
{
    return err_set(r->e, ERR_INPUT, "dcap.collateral-malformed", "%s: %s: %s", r->name, path, what),
           err_field(r->e, "%s.%s", r->name, path), err_found(r->e, "%s", what),
           err_mend(r->e, "fetch the document again at api.trustedservices.intel.com");
}

bool dcap_json_text(const struct dcap_reading *r, const json_t *o, const char *key,
                    const char **out)
{
    const json_t *v = json_object_get(o, key);

    *out = json_string_value(v);
    if (*out == NULL)
        return dcap_json_bad(r, key, v == NULL ? "missing" : "not a text");
    if (strlen(*out) != json_string_length(v))
        return dcap_json_bad(r, key, "a text with NUL");
    return true;
}

bool dcap_json_number(const struct dcap_reading *r, const json_t *o, const char *key, uint32_t most,
                      uint32_t *out)
{
    const json_t *v = json_object_get(o, key);
    json_int_t n = json_integer_value(v);

    if (!json_is_integer(v))
        return dcap_json_bad(r, key, v == NULL ? "missing" : "not a whole number");
    if (n < 0 || n > (json_int_t)most)
        return dcap_json_bad(r, key, "out of range");
    *out = (uint32_t)n;
    return true;
}

bool dcap_json_hex(const struct dcap_reading *r, const json_t *o, const char *key, uint8_t *out,
                   size_t n)
{
    const char *text;
    size_t got = 0;

    if (!dcap_json_text(r, o, key, &text))
        return false;
    if (!hex_parse(text, out, n, &got, NULL) || got != n)
        return dcap_json_bad(r, key, "not hex of the right length");
    return true;
}

bool dcap_json_time(const struct dcap_reading *r, const json_t *o, const char *key, int64_t *out)
{
    const char *text;

    if (!dcap_json_text(r, o, key, &text))
        return false;
    return time_parse(text, out, NULL) || dcap_json_bad(r, key, "not a time");
}

bool dcap_json_status(const struct dcap_reading *r, const json_t *o, bool component,
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

static bool advisory_ok(const json_t *v)
{
    const char *s = json_string_value(v);

    if (s == NULL || s[0] == '\0' || json_string_length(v) >= FACT_WORD)
        return false;
    for (size_t i = 0; i < json_string_length(v); i++)
        if (s[i] <= ' ' || s[i] > '~')
            return false;
    return true;
}

bool dcap_json_advisories(const struct dcap_reading *r, const json_t *o,
                          struct dcap_advisories *out)
{
    const json_t *list = json_object_get(o, "advisoryIDs");

    out->json = NULL;
    if (list == NULL)
        return true;
    if (!json_is_array(list) || json_array_size(list) > DCAP_ADVISORIES_MAX)
        return dcap_json_bad(r, "advisoryIDs", "not a list, or too long");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!advisory_ok(json_array_get(list, i)))
            return dcap_json_bad(r, "advisoryIDs", "not the name of an advisory");
    out->json = list;
    return true;
}

bool dcap_json_objects(const struct dcap_reading *r, const json_t *o, const char *key,
                       unsigned most, const json_t **out, unsigned *n)
{
    const json_t *list = json_object_get(o, key);

    if (!json_is_array(list) || json_array_size(list) == 0)
        return dcap_json_bad(r, key, list == NULL ? "missing" : "not a list with something in it");
    if (json_array_size(list) > most)
        return dcap_json_bad(r, key, "too many");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_object(json_array_get(list, i)))
            return dcap_json_bad(r, key, "not a list of objects");
    *n = (unsigned)json_array_size(list);
    *out = list;
    return true;
}

static bool svn_level(const struct dcap_reading *r, const json_t *o, struct dcap_svn_level *out)
{
    const json_t *tcb = json_object_get(o, "tcb");
    uint32_t svn = 0;

    if (!json_is_object(tcb))
        return dcap_json_bad(r, "tcb", "missing");
    if (!dcap_json_number(r, tcb, "isvsvn", 0xffff, &svn) ||
        !dcap_json_time(r, o, "tcbDate", &out->date_s) ||
        !dcap_json_status(r, o, true, &out->status) ||
        !dcap_json_advisories(r, o, &out->advisories))
        return false;
    out->isvsvn = (uint16_t)svn;
    return true;
}

bool dcap_json_svn_levels(const struct dcap_reading *r, const json_t *o, struct dcap_svn_level *out,
                          unsigned *n)
{
    const json_t *list = NULL;

    if (!dcap_json_objects(r, o, "tcbLevels", DCAP_SVN_LEVELS, &list, n))
        return false;
    for (unsigned i = 0; i < *n; i++)
        if (!svn_level(r, json_array_get(list, i), &out[i]))
            return false;
    return true;
}

bool dcap_json_document(const struct dcap_reading *r, const json_t *o, struct dcap_document *out)
{
    return dcap_json_time(r, o, "issueDate", &out->issued_s) &&
           dcap_json_time(r, o, "nextUpdate", &out->next_update_s) &&
           dcap_json_number(r, o, "tcbEvaluationDataNumber", UINT32_MAX, &out->evaluation);
}

bool dcap_json_open(const struct dcap_reading *r, struct bytes inner, json_t **out)
{
    *out = json_loadb((const char *)inner.p, inner.n, JSON_REJECT_DUPLICATES, NULL);
    if (*out == NULL)
        return dcap_json_bad(r, "document", "not JSON, or a member twice");
    if (!json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        return dcap_json_bad(r, "document", "not an object");
    }
    return true;
}
