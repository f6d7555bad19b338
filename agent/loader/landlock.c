#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/loader/entry.h"

/* Rights by ABI, as Linux' Documentation/userspace-api/landlock.rst lists them; Debian 12's header
 * ends at ABI 2. */
#define FS_ABI1 ((1ull << 13) - 1)
#define FS_REFER (1ull << 13)     /* ABI 2 */
#define FS_TRUNCATE (1ull << 14)  /* ABI 3 */
#define FS_IOCTL_DEV (1ull << 15) /* ABI 5 */
#define SCOPE_ABSTRACT_UNIX 1ull  /* ABI 6 */
#define SCOPE_SIGNAL 2ull

#define FS_READ                                                                                    \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_DEVICES (LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK)

struct ruleset { /* struct landlock_ruleset_attr, as it is since ABI 6 */
    uint64_t fs, net, scoped;
};

static size_t ruleset_size(int abi)
{
    return abi >= 6 ? sizeof(struct ruleset) : abi >= 4 ? 16 : 8;
}

static uint64_t rights(int abi)
{
    return FS_ABI1 | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) |
           (abi >= 5 ? FS_IOCTL_DEV : 0);
}

int landlock_abi(void)
{
    long n = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    return n > 0 ? (int)n : 0;
}

static bool allow(int set, const char *path, uint64_t what)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = what};
    long rc;

    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0)
        return errno == ENOENT;
    rc = syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    (void)close(rule.parent_fd);
    return rc == 0;
}

bool landlock_enter(void)
{
    static const char *const writable[] = {"/tmp", "/dev", "/proc", "/run"};
    int abi = landlock_abi(), set;
    struct ruleset r = {.fs = rights(abi),
                        .scoped = abi >= 6 ? SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL : 0};
    bool ok;

    if (abi == 0)
        return true;
    set = (int)syscall(SYS_landlock_create_ruleset, &r, ruleset_size(abi), 0);
    if (set < 0)
        return false;
    ok = allow(set, "/", FS_READ);
    for (size_t i = 0; ok && i < sizeof writable / sizeof writable[0]; i++)
        ok = allow(set, writable[i], r.fs & ~FS_DEVICES);
    ok = ok && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_landlock_restrict_self, set, 0) == 0;
    (void)close(set);
    return ok;
}
