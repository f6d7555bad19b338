/* A boot sector that enters 64-bit mode and says so: some hosts offer a /dev/kvm on which firmware
 * runs and 64-bit guests hang, which only trying tells. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/loader/vm.h"
#include "agent/loader/vm_command.h"

#define PATIENCE_MS 4000
#define SAID 0x2a                   /* written to the port of isa-debug-exit */
#define EXIT_CODE ((SAID << 1) | 1) /* what QEMU makes of it */

/* Page tables at 0x1000 map the first 2 MiB to themselves; then CR4.PAE, EFER.LME, CR0.PG and a far
 * jump (AMD 24593, 14.6.1). */
__asm__(".pushsection .rodata\n"
        ".globl vm_probe_sector\n"
        ".hidden vm_probe_sector\n"
        "vm_probe_sector:\n"
        ".code16\n"
        "  cli\n"
        "  xorw %ax, %ax\n"
        "  movw %ax, %ds\n"
        "  movw %ax, %es\n"
        "  movw $0x1000, %di\n"
        "  movw $0x1800, %cx\n"
        "  cld\n"
        "  rep stosw\n"
        "  movw $0x2003, 0x1000\n"
        "  movw $0x3003, 0x2000\n"
        "  movw $0x0083, 0x3000\n"
        "  movl $0x20, %eax\n"
        "  movl %eax, %cr4\n"
        "  movl $0x1000, %eax\n"
        "  movl %eax, %cr3\n"
        "  movl $0xc0000080, %ecx\n"
        "  rdmsr\n"
        "  orl $0x100, %eax\n"
        "  wrmsr\n"
        "  lgdt 0x7c00 + vm_probe_gdtr - vm_probe_sector\n"
        "  movl %cr0, %eax\n"
        "  orl $0x80000001, %eax\n"
        "  movl %eax, %cr0\n"
        "  ljmp $8, $(0x7c00 + vm_probe_long - vm_probe_sector)\n"
        ".code64\n"
        "vm_probe_long:\n"
        "  movabs $0x100000000, %rax\n"
        "  shrq $32, %rax\n" /* 1 in 64-bit mode only */
        "  addb $0x29, %al\n"
        "  movw $0xf4, %dx\n"
        "  outb %al, %dx\n"
        "1: hlt\n"
        "  jmp 1b\n"
        ".balign 8\n"
        "vm_probe_gdt:\n"
        "  .quad 0, 0x00209a0000000000\n"
        "vm_probe_gdtr:\n"
        "  .word 15\n"
        "  .long 0x7c00 + vm_probe_gdt - vm_probe_sector\n"
        "  .fill 510 - (. - vm_probe_sector), 1, 0\n"
        "  .word 0xaa55\n"
        ".popsection\n");

extern const uint8_t vm_probe_sector[512];

static void qemu_exec(int disk)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    char drive[80];

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)snprintf(drive, sizeof drive, "if=ide,format=raw,readonly=on,file=/proc/self/fd/%d",
                   disk);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
        _exit(126);
    (void)execlp(VM_PROGRAM, VM_PROGRAM, "-nodefaults", "-no-user-config", "-no-reboot", "-display",
                 "none", "-machine", "pc,accel=kvm", "-m", "16M", "-device",
                 "isa-debug-exit,iobase=0xf4,iosize=1", "-drive", drive, (char *)NULL);
    _exit(127);
}

static bool boots(void)
{
    int disk = memfd_create("disk", 0), status = 0, pidfd;
    bool ok =
        disk >= 0 && write(disk, vm_probe_sector, 512) == 512 && ftruncate(disk, 1 << 20) == 0;
    struct pollfd p = {.events = POLLIN};
    pid_t pid = ok ? fork() : -1;

    if (pid == 0)
        qemu_exec(disk);
    if (disk >= 0)
        (void)close(disk);
    if (pid < 0)
        return false;
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    p.fd = pidfd;
    if (pidfd < 0 || poll(&p, 1, PATIENCE_MS) != 1)
        (void)kill(pid, SIGKILL);
    if (pidfd >= 0)
        (void)close(pidfd);
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CODE;
}

bool vm_kvm_works(const char *version)
{
    char line[200] = "", want[200];
    bool works;
    FILE *f;

    if (access("/dev/kvm", R_OK | W_OK) != 0)
        return false;
    f = fopen(VM_PROBED, "re");
    if (f != NULL) {
        (void)!fgets(line, sizeof line, f);
        (void)fclose(f);
    }
    (void)snprintf(want, sizeof want, "%.150s: ", version);
    if (strncmp(line, want, strlen(want)) == 0)
        return strcmp(line + strlen(want), "kvm\n") == 0;
    works = boots();
    f = fopen(VM_PROBED, "we");
    if (f != NULL) {
        (void)fprintf(f, "%s%s\n", want, works ? "kvm" : "tcg");
        (void)fclose(f);
    }
    return works;
}
