#include "controller/failpoint.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

unsigned failpoint_left[FAILPOINT_COUNT];

static const char *const names[FAILPOINT_COUNT] = {
#define X(id, name) [id] = name,
    FAILPOINTS(X)
#undef X
};

void failpoint_list(FILE *to)
{
    for (size_t i = 0; i < FAILPOINT_COUNT; i++)
        (void)fprintf(to, "%s\n", names[i]);
}

bool failpoint_arm(void)
{
    const char *wanted = getenv("BAILEY_FAILPOINT"), *colon;
    uint64_t count = 1;

    if (wanted == NULL || wanted[0] == '\0')
        return true;
    colon = strchr(wanted, ':');
    if (colon != NULL && (!u64_parse(colon + 1, &count) || count == 0 || count > 1000000))
        return false;
    for (size_t i = 0; i < FAILPOINT_COUNT; i++) {
        size_t n = colon == NULL ? strlen(wanted) : (size_t)(colon - wanted);

        if (strlen(names[i]) == n && strncmp(names[i], wanted, n) == 0) {
            failpoint_left[i] = (unsigned)count;
            return true;
        }
    }
    return false;
}

void failpoint_hit(enum failpoint at)
{
    if (--failpoint_left[at] == 0)
        (void)raise(SIGKILL);
}
