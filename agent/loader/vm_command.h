/* vm_command.h - QEMU's command line for a keep. Pure.
 *
 * Confidential guests follow QEMU's documents: system/i386/amd-memory-encryption.rst
 * (sev-snp-guest, since 9.1) and system/i386/tdx.rst (tdx-guest, since 10.1). The artifact's digest
 * goes into what the hardware signs: HOST_DATA of SNP (AMD 56860, 7.3), MRCONFIGID of TDX (its
 * first 32 bytes). */
#ifndef LOADER_VM_COMMAND_H
#define LOADER_VM_COMMAND_H

#include "base/buf.h"
#include "base/err.h"

#define VM_PROGRAM "qemu-system-x86_64"
#define VM_OVERHEAD (64ull << 20)   /* bytes of a keep's memory that QEMU itself takes */
#define VM_MEMORY_MIN (64ull << 20) /* of the guest */

enum vm_guard { VM_PLAIN, VM_SNP, VM_TDX };

struct vm_command {
    enum vm_guard guard;
    bool kvm;           /* else TCG */
    const char *kernel; /* path; NULL: disk */
    const char *initrd; /* path; NULL: none */
    const char *disk;   /* path of a raw image, which is not written; NULL: kernel */
    char *const *words; /* of the kernel's command line, after ours */
    size_t words_n;
    bool network;          /* out through the host, nothing comes in */
    uint64_t memory_bytes; /* of the keep */
    uint64_t cpu_milli;
    int qmp_fd;           /* a connected socket that QEMU inherits */
    unsigned cbit;        /* SNP: position of the encryption bit (CPUID 8000001Fh, EBX 5:0) */
    const char *digest;   /* of the artifact: 64 hex digits; confidential guests */
    const char *firmware; /* path of OVMF; confidential guests */
};

/* Appends the words, each with its NUL. ERR_INPUT "vm.memory": too little for a guest,
 * "vm.words": a word that cannot stand on a kernel's command line. */
NODISCARD bool vm_command(const struct vm_command *c, struct buf *out, struct err *e);

#endif
