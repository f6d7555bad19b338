"""The runtime vm: a kernel and an initial file system in QEMU, without hardware's help. Skipped without
QEMU, or without a kernel with virtio built in or beside it (Debian: linux-image-cloud-amd64)."""

import base64
import glob
import gzip
import os
import shutil
import subprocess
import unittest

from cluster import BIN, GENOA, PATIENCE, Cluster, alive, workload

KERNELS = sorted(glob.glob("/boot/vmlinuz-*-cloud-amd64"))
READY = os.geteuid() == 0 and KERNELS and shutil.which("qemu-system-x86_64") and \
    os.path.exists("/bin/busybox")
NEVER = "  restart: {policy: never}\n"
MEMORY = "  resources: {memory: 256Mi, cpu: 1}\n"
BOOT = 120  # seconds that an emulated machine may take on a busy host

# The first program of the guest. Its words come from the kernel's command line.
INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_console; do
  [ -e /$m.ko ] && /bin/busybox insmod /$m.ko 2>/dev/null
done
n=0
while [ ! -c /dev/hvc0 ] && [ $n -lt 100 ]; do n=$((n+1)); /bin/busybox usleep 100000; done
exec > /dev/hvc0 2>&1
echo "guest begun: $(/bin/busybox cat /proc/cmdline)"
case "$(/bin/busybox cat /proc/cmdline)" in
*mode=off*) /bin/busybox poweroff -f ;;
*mode=panic*) echo c > /proc/sysrq-trigger ;;
*mode=eat*) /bin/busybox mount -t tmpfs -o size=100% t /proc/.. 2>/dev/null; /bin/busybox tail /dev/zero ;;
esac
while :; do /bin/busybox sleep 1000; done
"""


def cpio(entries):
    """An archive in the "newc" format (Linux, early-userspace/buffer-format.rst)."""
    out = bytearray()
    for i, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")]):
        fields = (i + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08X" % f for f in fields) + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def initrd(path):
    with open("/bin/busybox", "rb") as f:
        entries = [("bin", 0o40755, b""), ("proc", 0o40755, b""), ("dev", 0o40755, b""),
                   ("bin/busybox", 0o100755, f.read()), ("init", 0o100755, INIT.encode())]
    release = KERNELS[-1].split("vmlinuz-")[1]
    for m in glob.glob(f"/lib/modules/{release}/kernel/drivers/**/virtio*.ko", recursive=True):
        if os.path.basename(m) in ("virtio.ko", "virtio_ring.ko", "virtio_pci.ko", "virtio_console.ko",
                                   "virtio_pci_legacy_dev.ko", "virtio_pci_modern_dev.ko"):
            with open(m, "rb") as f:
                entries.append((os.path.basename(m), 0o100644, f.read()))
    with open(path, "wb") as f:
        f.write(gzip.compress(cpio(entries), 1))


def machine(name, c, mode="wait", extra=NEVER, replicas=1):
    return workload(name, KERNELS[-1], replicas, MEMORY + extra +
                    f"  runtime: {{kind: vm, args: [quiet, mode={mode}], "
                    f"initrd: {{path: {c.path('initrd')}}}}}\n")


@unittest.skipUnless(READY, "needs root, qemu-system-x86, linux-image-cloud-amd64, busybox-static")
class Machine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.c = Cluster()
        cls.addClassCleanup(cls.c.close)
        initrd(cls.c.path("initrd"))
        cls.c.start_node("g1", GENOA)

    def ended(self, name):
        return self.c.watch_until("keeps", lambda k: k["status"].get("state") == "ended",
                                  "--workload", name, "--all")["status"]

    def gone(self, name):
        self.c.run("delete", "workload", name)
        self.c.wait(f"workload/{name}", "deleted")

    def output_until(self, name, word):
        seen = []

        def good(line):
            seen.append(base64.b64decode(line.get("data", "")).decode("utf-8", "replace"))
            return word in "".join(seen)

        self.c.follow_until(good, "logs", name, "-f")
        return "".join(seen)

    def test_boots_writes_and_stops(self):
        self.c.apply(machine("guest", self.c))
        self.c.wait("workload/guest", "running")
        self.assertIn("mode=wait", self.output_until("guest", "guest begun"))
        pid = self.c.keeps("guest")[0]["status"]["pid"]
        with open(f"/proc/{pid}/status") as f:
            status = f.read()
        self.assertIn("Uid:\t65534\t65534", status)
        self.assertIn("NoNewPrivs:\t1", status)
        with open(f"/proc/{pid}/cgroup") as f:
            self.assertIn("/bailey/", f.read())
        self.c.apply(machine("guest", self.c, replicas=0, extra=NEVER + "  stopGrace: 1s\n"))
        self.assertEqual(self.ended("guest")["exitReason"], "stopped")
        self.gone("guest")
        self.assertFalse(alive(pid))

    def test_ends_by_itself(self):
        self.c.apply(machine("off", self.c, "off"))
        status = self.ended("off")
        self.assertEqual((status["exitReason"], status.get("exitCode", 0)), ("exited", 0))
        self.gone("off")

    def test_panic_is_a_failure(self):
        self.c.apply(machine("panics", self.c, "panic"))
        self.assertEqual(self.ended("panics").get("exitCode"), 1)
        self.gone("panics")

    def test_what_is_no_machine(self):
        path = self.c.program("words", "x" * 4096)
        self.c.apply(workload("words", path, 1, MEMORY + NEVER + "  runtime: {kind: vm}\n"))
        self.assertIn("neither a Linux kernel", self.ended("words")["reason"])
        self.gone("words")

    def test_too_little_memory(self):
        text = machine("small", self.c).replace("256Mi", "96Mi")
        self.c.apply(text)
        self.assertIn("too little for a machine", self.ended("small")["reason"])
        self.gone("small")

    def test_doctor(self):
        done = subprocess.run([f"{BIN}/bailey-agent", "doctor"], capture_output=True, text=True,
                              timeout=PATIENCE)
        self.assertRegex(done.stdout, r"ok +vm +QEMU emulator version")


if __name__ == "__main__":
    unittest.main()
