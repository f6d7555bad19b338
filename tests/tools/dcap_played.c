/* Intel's quote libraries as their callers see them (tdx_attest.h, sgx_dcap_ql_wrapper.h), for
 * tests/unit/test_source_dcap.c to load: a quote is the report data or the report between two
 * marks. What they answer with comes from the environment: DCAP_PLAYED is the code of the main
 * call. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT int tdx_att_get_quote(const void *report_data, const void *keys, uint32_t keys_n, void *key,
                             uint8_t **quote, uint32_t *size, uint32_t flags);
EXPORT int tdx_att_free_quote(uint8_t *quote);
EXPORT int sgx_qe_get_target_info(void *target_info);
EXPORT int sgx_qe_get_quote_size(uint32_t *size);
EXPORT int sgx_qe_get_quote(const void *report, uint32_t size, uint8_t *quote);

static int code(void)
{
    const char *text = getenv("DCAP_PLAYED");

    return text == NULL ? 0 : (int)strtol(text, NULL, 0);
}

int tdx_att_get_quote(const void *report_data, const void *keys, uint32_t keys_n, void *key,
                      uint8_t **quote, uint32_t *size, uint32_t flags)
{
    if (keys != NULL || keys_n != 0 || key == NULL || flags != 0)
        return 2; /* TDX_ATTEST_ERROR_INVALID_PARAMETER */
    if (code() != 0)
        return code();
    *quote = malloc(66);
    if (*quote == NULL)
        return 3;
    *size = 66;
    (*quote)[0] = '<', (*quote)[65] = '>';
    memcpy(*quote + 1, report_data, 64);
    return 0;
}

int tdx_att_free_quote(uint8_t *quote)
{
    free(quote);
    return 0;
}

int sgx_qe_get_target_info(void *target_info)
{
    memset(target_info, 't', 512);
    return 0;
}

int sgx_qe_get_quote_size(uint32_t *size)
{
    *size = 434;
    return 0;
}

int sgx_qe_get_quote(const void *report, uint32_t size, uint8_t *quote)
{
    if (size != 434)
        return 0xe002;
    quote[0] = '<', quote[433] = '>';
    memcpy(quote + 1, report, 432);
    return code();
}
