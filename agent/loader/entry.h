/* entry.h - the first program inside a sandbox: it narrows itself with Landlock, then becomes the
 * keep's program, and tells the loader whether that happened. It is a static program, opened
 * outside and executed through its descriptor, so that a sandbox needs nothing of ours in its
 * files. */
#ifndef LOADER_ENTRY_H
#define LOADER_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

/* Descriptors that the loader leaves open through bubblewrap. */
#define ENTRY_STATUS_FD 103
#define ENTRY_SELF_FD 104
#define ENTRY_SELF_PATH "/proc/self/fd/104"

/* What comes through the status pipe. ENTRY_READY alone and then its end: the program was executed.
 * ENTRY_READY and a struct entry_failure: it could not be. Its end alone: the sandbox was not set
 * up. */
#define ENTRY_READY 'r'
struct entry_failure {
    int32_t error; /* errno of execve(2) */
};

/* The kernel's Landlock ABI, or 0 (landlock_create_ruleset(2)). */
int landlock_abi(void);

/* Narrows the calling process and its children for good: files may be written only in /tmp, /dev,
 * /proc and /run; no device can be made; abstract sockets and signals do not leave (ABI 6). True
 * also where the kernel has no Landlock; false: it has, and refused. */
bool landlock_enter(void);

#endif
