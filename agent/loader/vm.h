/* vm.h - the runtime `vm`: a virtual machine of QEMU from a Linux kernel (with or without an
 * initial file system) or a raw disk, its console in the keep's log. QEMU runs as nobody, in the
 * keep's cgroups, under its own system call filter, and ends with the loader. It is watched and
 * asked to end over QMP. What the guest writes to its disk is refused: a keep's artifact does not
 * change.
 *
 * Keeps that take TEE slots become confidential guests, where this QEMU and this host can. */
#ifndef LOADER_VM_H
#define LOADER_VM_H

#include "agent/runtime.h"

extern const struct runtime runtime_vm;

/* vm_probe.c: whether KVM runs a guest of this QEMU in 64-bit mode, found out by booting one; asked
 * once per start of the host, then remembered in VM_PROBED. version: QEMU's own line. */
#define VM_PROBED "/run/bailey-vm"
bool vm_kvm_works(const char *version);

#endif
