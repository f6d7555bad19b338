"""A guest answers for its host: bailey-probe as the init of a real kernel in QEMU, emulated, with
simulated evidence. Skipped without QEMU or without a kernel (Debian: qemu-system-x86 and
linux-image-cloud-amd64; BAILEY_GUEST_ROOT names a folder with the package's files where it is not
installed)."""

import glob
import os
import shutil
import subprocess
import unittest

from cluster import BIN, MILAN, PATIENCE, ClusterTest

TESTS = os.environ.get("BAILEY_TESTS", os.path.join(BIN, "../tests"))
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
ROOT = os.environ.get("BAILEY_GUEST_ROOT", "")
KERNELS = sorted(glob.glob(ROOT + "/boot/vmlinuz-*-cloud-amd64"))
MODULES = ("virtio/virtio_ring", "virtio/virtio", "virtio/virtio_pci_modern_dev",
           "virtio/virtio_pci_legacy_dev", "virtio/virtio_pci", "char/virtio_console")


def initrd(path, probe):
    release = KERNELS[-1].split("vmlinuz-")[1]
    found = [f"{ROOT}/lib/modules/{release}/kernel/drivers/{m}.ko" for m in MODULES]
    subprocess.run([f"{SOURCE}/deploy/probe-initrd", "--probe", probe, "--output", path, *found],
                   check=True, timeout=PATIENCE)


@unittest.skipUnless(KERNELS and shutil.which("qemu-system-x86_64"),
                     "needs qemu-system-x86 and linux-image-cloud-amd64")
class Probe(ClusterTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        initrd(cls.c.path("simulates"), f"{TESTS}/bailey-probe-simulates")
        initrd(cls.c.path("real"), f"{BIN}/bailey-probe")

    def guest(self, initrd, append=""):
        return ("--probe-kernel", KERNELS[-1], "--probe-initrd", self.c.path(initrd),
                "--probe-machine", "plain", "--probe-append", append)

    def failed(self, *options):
        done = subprocess.run([f"{BIN}/bailey-agent", "--data", self.c.path("node-none"), "--controller",
                               self.c.api, "--name", "none", "--source", "probe", *options],
                              capture_output=True, text=True, timeout=4 * PATIENCE)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stderr

    def test_a_host_is_attested_by_its_guest(self):
        self.c.start_node("host", None, *self.guest("simulates", f"bailey.simulate={MILAN}"), wait=None)
        self.c.wait("node/host", "verified", 1.9 * PATIENCE)  # two boots, on a host that may be busy
        status = self.c.run("get", "node", "host", "-o", "json").json()["status"]
        self.assertEqual(status["declared"]["evidenceSource"], "probe guest (simulator)")
        self.assertEqual(status["facts"]["generation"], ["milan"])
        self.assertEqual(status["facts"]["assurance"], "simulated")

    def test_a_guest_without_a_tee_says_why(self):
        said = self.failed(*self.guest("real", f"bailey.simulate={MILAN}"))
        self.assertIn("the guest says", said)
        self.assertIn("no folder /sys/kernel/config/tsm/report", said)

    def test_files_that_are_not_there(self):
        said = self.failed("--probe-kernel", "/nothing", "--probe-initrd", "/nothing",
                           "--probe-machine", "plain")
        self.assertIn("probe.files", said)


if __name__ == "__main__":
    unittest.main()
