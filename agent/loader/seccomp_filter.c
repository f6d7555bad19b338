#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/loader/sandbox.h"

/* What a program in a keep has no business with: other processes' memory, the mount table, keys,
 * kernel code, clocks, new namespaces. A kernel or libseccomp that lacks one skips it. */
static const char *const denied[] = {
    "mount",
    "umount",
    "umount2",
    "pivot_root",
    "chroot",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "pidfd_getfd",
    "kcmp",
    "add_key",
    "request_key",
    "keyctl",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "create_module",
    "reboot",
    "swapon",
    "swapoff",
    "setns",
    "unshare",
    "open_by_handle_at",
    "name_to_handle_at",
    "acct",
    "quotactl",
    "quotactl_fd",
    "syslog",
    "nfsservctl",
    "lookup_dcookie",
    "iopl",
    "ioperm",
    "vhangup",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "stime",
    "personality",
    "fanotify_init",
    "vm86",
    "vm86old",
    "modify_ldt",
    "sethostname",
    "setdomainname",
    "move_pages",
    "migrate_pages",
};

static int deny_arguments(scmp_filter_ctx f)
{
    const uint32_t eperm = SCMP_ACT_ERRNO(EPERM);
    const unsigned families[] = {AF_PACKET, AF_VSOCK, AF_ALG, AF_KEY, AF_BLUETOOTH};
    const scmp_datum_t type = 0xf; /* below SOCK_NONBLOCK and SOCK_CLOEXEC */
    const scmp_datum_t namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                                    CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    int rc = seccomp_rule_add(f, eperm, SCMP_SYS(socket), 1,
                              SCMP_A1(SCMP_CMP_MASKED_EQ, type, SOCK_RAW));

    for (size_t i = 0; rc == 0 && i < sizeof families / sizeof families[0]; i++)
        rc = seccomp_rule_add(f, eperm, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, families[i]));
    for (scmp_datum_t bit = 1; rc == 0 && bit <= namespaces; bit <<= 1)
        if ((namespaces & bit) != 0)
            rc = seccomp_rule_add(f, eperm, SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit));
    if (rc == 0) /* its flags are in memory, out of a filter's sight; libc falls back to clone */
        rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (rc == 0) /* types into the terminal of whoever started us */
        rc = seccomp_rule_add(f, eperm, SCMP_SYS(ioctl), 1,
                              SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, TIOCSTI));
    return rc;
}

const char *seccomp_denied(size_t i)
{
    return i < sizeof denied / sizeof denied[0] ? denied[i] : NULL;
}

bool seccomp_filter(int *out, struct err *e)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
    int rc = f == NULL ? -ENOMEM : 0, fd;

    for (size_t i = 0; rc == 0 && i < sizeof denied / sizeof denied[0]; i++) {
        int nr = seccomp_syscall_resolve_name(denied[i]);

        if (nr != __NR_SCMP_ERROR && nr >= 0)
            rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), nr, 0);
    }
    if (rc == 0)
        rc = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (rc == 0)
        rc = deny_arguments(f);
    fd = rc == 0 ? memfd_create("seccomp", MFD_CLOEXEC) : -1;
    if (rc == 0 && fd >= 0)
        rc = seccomp_export_bpf(f, fd);
    if (f != NULL)
        seccomp_release(f);
    if (rc != 0 || fd < 0 || lseek(fd, 0, SEEK_SET) != 0) {
        if (fd >= 0)
            (void)close(fd);
        return err_errno(e, rc != 0 ? -rc : errno, "sandbox.seccomp", "system call filter");
    }
    *out = fd;
    return true;
}
