"""Artifacts on a node: disks that are full, transfers that break off, bytes that change, too little room.
Errors say what happened, and nothing is left of what failed."""

import base64
import glob
import os
import signal
import subprocess
import time
import unittest

from cluster import BIN, GENOA, LOOP, PATIENCE, Cluster, workload

NEVER = "  restart: {policy: never}\n"


class Artifacts(unittest.TestCase):
    def setUp(self):
        self.c = Cluster()
        self.addCleanup(self.c.close)

    def ended(self, name):
        return self.c.watch_until("keeps", lambda k: k["status"].get("state") == "ended",
                                  "--workload", name, "--all")["status"]

    def gone(self, name):
        self.c.run("delete", "workload", name)
        self.c.wait(f"workload/{name}", "deleted")

    def big(self, name, mib, text=LOOP):
        """A script with so much behind it that it is not there at once."""
        path = self.c.program(name, text + "exit 0\n")
        with open(path, "ab") as f:
            f.write(os.urandom(1 << 20) * mib)
        return path

    def blobs(self, node):
        return [os.path.basename(p) for p in glob.glob(self.c.path(f"node-{node}", "blobs", "*")) +
                glob.glob(self.c.path(f"node-{node}", "blobs", ".part-*"))]

    def nothing_left(self, node):
        end = time.monotonic() + PATIENCE  # cgroups go a moment after their processes
        while True:
            done = subprocess.run([f"{BIN}/bailey-agent", "doctor", "--leftovers", "--data",
                                   self.c.path(f"node-{node}")], capture_output=True, text=True)
            if done.returncode == 0 or time.monotonic() > end:
                self.assertEqual(done.returncode, 0, done.stdout)
                return

    @unittest.skipUnless(os.geteuid() == 0, "mounts a small file system")
    def test_disk_full(self):
        data = self.c.path("node-g1")
        os.mkdir(data)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", data], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", data], check=False)
        self.c.start_node("g1", GENOA)
        self.c.apply(workload("large", self.big("large", 24), 1, NEVER))
        reason = self.ended("large")["reason"]
        self.assertIn("artifact.file", reason)
        self.assertIn("No space left", reason)
        self.assertEqual(self.blobs("g1"), [])
        self.gone("large")
        self.c.apply(workload("small", self.c.program("small")))  # and what fits still runs
        self.c.wait("workload/small", "running")
        self.gone("small")
        self.nothing_left("g1")

    def test_quota(self):
        c = self.c
        c.start_node("g1", GENOA, "--artifact-quota", "24Mi")
        c.apply(workload("first", self.big("first", 10)))
        c.wait("workload/first", "running")
        c.apply(workload("second", self.big("second", 30), 1, NEVER))
        self.assertIn("artifact.quota", self.ended("second")["reason"])
        self.assertEqual(len(self.blobs("g1")), 1)
        self.gone("first")
        c.apply(workload("third", self.big("third", 12)))  # the first makes room
        c.wait("workload/third", "running")
        c.apply(workload("fourth", self.big("fourth", 6)))
        c.wait("workload/fourth", "running")
        self.assertEqual(len(self.blobs("g1")), 2)

    def test_controller_killed_in_the_middle(self):
        c = self.c
        c.start_node("g1", GENOA)
        path = self.big("broken", 200)
        c.apply(workload("broken", path, 1))
        parts = c.path("node-g1", "blobs", ".part-*")
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = glob.glob(parts)
            if found and os.path.getsize(found[0]) > 0:
                break
        self.assertTrue(glob.glob(parts), "the transfer was never seen under way")
        c.kill_controller()
        whole = [b for b in self.blobs("g1") if b.startswith("sha256-")]
        self.assertEqual(whole, [], "a part counts as the whole")
        c.start_controller()
        c.wait("workload/broken", "running")
        self.assertEqual(len(self.blobs("g1")), 1)

    def test_bytes_on_disk_that_changed(self):
        """Also while the agent runs: what was right once is not believed for ever."""
        c = self.c
        good = "#!/bin/sh\necho right\nexec sleep 1000\n"
        c.start_node("g1", GENOA)
        path = c.program("says", good)
        for restart in (False, True):
            c.apply(workload("says", path))
            c.wait("workload/says", "running")
            self.gone("says")
            blob = glob.glob(c.path("node-g1", "blobs", "sha256-*"))[0]
            os.chmod(blob, 0o755)
            with open(blob, "w") as f:
                f.write(good.replace("right", "wrong"))
            if restart:
                c.kill_node("g1")
                c.restart_node("g1")
        c.apply(workload("says", path))
        out = []

        def said(line):
            out.append(base64.b64decode(line.get("data", "")).decode())
            return out[-1] != ""

        c.follow_until(said, "logs", "says", "-f")
        self.assertEqual("".join(out), "right\n")

    def test_many_wait_for_one_transfer(self):
        c = self.c
        c.start_node("g1", GENOA)
        c.apply(workload("many", self.big("many", 40), 6))
        c.wait("workload/many", "running")
        self.assertEqual(len(self.blobs("g1")), 1)
        self.assertEqual(len(c.keeps("many")), 6)

    def test_logs_of_what_ended(self):
        c = self.c
        c.start_node("g1", GENOA)
        c.apply(workload("once", c.program("once", "#!/bin/sh\necho last words\n"), 1, NEVER))
        self.ended("once")
        self.assertIn("last words", c.run("logs", "once").out)


if __name__ == "__main__":
    unittest.main()
