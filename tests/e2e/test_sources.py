"""Evidence through the kernel's own interface: configfs-tsm in user space, with the simulator behind
it (tests/tools/tsm_fuse.c), and everything that can go wrong with it. BAILEY_TESTS names the folder
with tsm_fuse."""

import itertools
import json
import os
import signal
import subprocess
import threading
import unittest

from cluster import BIN, GENOA, PATIENCE, ClusterTest, workload

TESTS = os.environ.get("BAILEY_TESTS", os.path.join(BIN, "../tests"))
OLD = GENOA.replace("1.55.39", "1.51.9")
RECENT = """  trust:
    accept: [{assurance: [simulated], firmware: ">=1.55.0"}]
"""


class Tsm:
    """A mounted emulator; what it says is kept, and can be waited for."""

    def __init__(self, folder, **settings):
        self.folder, self.lines, self.more = folder, [], threading.Condition()
        self.mount = os.path.join(folder, "report")
        self.control = os.path.join(folder, "control")
        os.makedirs(self.mount)
        self.set(**settings)
        self.popen = subprocess.Popen([f"{TESTS}/tsm_fuse", self.mount, self.control, "/dev/stdout"],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()
        self.until("ready")

    def read(self):
        for line in self.popen.stdout:
            with self.more:
                self.lines.append(line.strip())
                self.more.notify_all()

    def set(self, **settings):
        with open(self.control + ".new", "w") as f:
            f.writelines(f"{k}={v}\n" for k, v in settings.items())
        os.replace(self.control + ".new", self.control)

    def mark(self):
        with self.more:
            return len(self.lines)

    def until(self, begin, since=0, count=1):
        """Waits for so many lines that begin like this, after the first `since` lines."""
        def there():
            return sum(line.startswith(begin) for line in self.lines[since:]) >= count
        with self.more:
            if not self.more.wait_for(there, PATIENCE):
                raise AssertionError(f"{begin!r} not seen in {self.lines[since:]}")

    def close(self):
        self.popen.terminate()
        self.popen.wait(PATIENCE)
        self.thread.join(PATIENCE)
        self.popen.stdout.close()


@unittest.skipUnless(os.path.exists("/dev/fuse") and os.geteuid() == 0,
                     "needs /dev/fuse, and root to mount")
class Sources(ClusterTest):
    options = ("--evidence-renew", "1s")

    chips = itertools.count(4711)

    def setUp(self):
        self.chip = f",chip={next(self.chips)}"  # one chip is one node's

    def tsm(self, **settings):
        t = Tsm(self.c.path("tsm-" + self._testMethodName),
                **{"simulate": GENOA + self.chip, **settings})
        self.addCleanup(t.close)
        return t

    def node(self, name, t, *options, wait="verified"):
        self.c.start_node(name, None, "--source", "tsm", "--tsm-path", t.mount, *options, wait=wait)
        self.addCleanup(self.c.nodes[name].end)

    def status(self, name):
        return self.c.run("get", "node", name, "-o", "json").json()["status"]

    def verified_after(self, name, digest):
        return self.c.watch_until(
            "nodes", lambda n: n["metadata"]["name"] == name and
            n["status"].get("trust") == "verified" and
            n["status"].get("evidenceDigest") not in (None, digest))["status"]

    def test_joins_is_verified_and_renews(self):
        t = self.tsm()
        self.node("plain", t)
        status = self.status("plain")
        self.assertEqual(status["declared"]["evidenceSource"], "configfs-tsm (sev_guest)")
        self.assertEqual(status["declared"]["evidenceSources"], {"tsm": "works"})
        self.assertEqual(status["facts"]["generation"], ["genoa"])
        self.assertEqual(status["facts"]["assurance"], "simulated")
        again = self.verified_after("plain", status["evidenceDigest"])
        self.assertEqual(again["facts"]["platformId"], status["facts"]["platformId"])
        self.c.nodes["plain"].end()
        self.assertEqual(os.listdir(t.mount), [])

    def test_passing_faults_are_tried_again(self):
        t = self.tsm()
        self.node("patient", t)
        for faults in ({"busy": 3}, {"timeout": 2}, {"again": 2}, {"race": 2}, {"raceearly": 2},
                       {"short": 7}, {"busy": 1, "race": 1, "short": 100}):
            since, digest = t.mark(), self.status("patient")["evidenceDigest"]
            t.set(simulate=GENOA + self.chip, **faults)
            for fault, count in faults.items():
                with self.subTest(faults):
                    if fault == "short":
                        t.until("short outblob", since, 1184 // count)
                    else:
                        t.until(f"fault {fault}", since, count)
            self.verified_after("patient", digest)
        self.assertNotIn("evidence refused", self.c.nodes["patient"].tail())

    def test_firmware_changes_under_a_running_workload(self):
        t = self.tsm()
        self.node("changing", t)
        c = self.c
        c.apply(workload("recent", c.program("recent"), 1, RECENT))
        c.wait("workload/recent", "running")
        t.set(simulate=OLD + self.chip)
        node = c.watch_until("nodes", lambda n: n["metadata"]["name"] == "changing" and
                             n["status"].get("facts", {}).get("firmware") == "1.51.9")
        self.assertEqual(node["status"]["trust"], "verified")
        c.run("delete", "workload", "recent")
        c.wait("workload/recent", "deleted")
        c.apply(workload("late", c.program("late"), 1, RECENT), check=False)
        c.wait("workload/late", "pending")
        self.assertIn("firmware", c.run("why", "late", check=False).out)
        t.set(simulate=GENOA + self.chip)
        c.wait("workload/late", "running")
        c.run("delete", "workload", "late")
        c.wait("workload/late", "deleted")

    def test_slow_firmware_does_not_stop_the_agent(self):
        """The loop goes on while a thread waits; heartbeats are a third of a lease apart."""
        t = self.tsm()
        self.node("slow", t)
        since = t.mark()
        t.set(simulate=GENOA + self.chip, slow=4000)
        t.until("slow", since)
        before = self.status("slow")["lastSeenAt"]
        self.c.watch_until("nodes", lambda n: n["metadata"]["name"] == "slow" and
                           n["status"]["lastSeenAt"] > before)
        self.assertEqual(self.status("slow")["link"], "connected")
        t.until("report", since)
        self.assertNotIn("no acknowledgement", self.c.nodes["slow"].tail())

    def test_what_a_killed_agent_left_is_removed(self):
        t = self.tsm()
        self.node("killed", t)
        since = t.mark()
        t.set(simulate=GENOA + self.chip, slow=1000)
        t.until("slow", since)
        self.c.nodes["killed"].end(signal.SIGKILL)
        left = os.listdir(t.mount)
        self.assertEqual(len(left), 1, left)
        os.mkdir(os.path.join(t.mount, "anothers"))
        t.set(simulate=GENOA + self.chip)
        self.c.restart_node("killed", wait="connected")
        t.until(f"rmdir {left[0]}", since)
        self.c.nodes["killed"].end()
        self.assertEqual(os.listdir(t.mount), ["anothers"])

    def test_privilege_level_is_the_lowest_that_may(self):
        t = self.tsm(floor=2)
        self.node("level", t)
        t.until("privlevel 2")
        self.c.nodes["level"].end()
        self.node("level", t, "--privlevel", "3")
        t.until("privlevel 3")
        self.c.nodes["level"].end()
        since = t.mark()
        self.node("level", t, "--privlevel", "1", wait="connected")
        t.until("rmdir", since, 2)  # the probe's, and that of the refused question
        self.assertEqual([line for line in t.lines[since:] if line.startswith("inblob")], [])

    def agent(self, name, *options):
        """The end of an agent that should not have begun."""
        argv = [f"{BIN}/bailey-agent", "--data", self.c.path("node-" + name), "--controller",
                self.c.api, "--name", name, *options]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE)
        return done.returncode, done.stderr

    def test_what_cannot_work_is_said_at_once(self):
        t = self.tsm(provider="warp_guest")
        code, said = self.agent("none", "--source", "tsm", "--tsm-path", t.mount)
        self.assertEqual(code, 1, said)
        self.assertIn("warp_guest", said)
        t.set(simulate=GENOA + self.chip, nospace=1)
        code, said = self.agent("none", "--source", "tsm", "--tsm-path", t.mount)
        self.assertEqual(code, 1, said)
        self.assertIn("No space left", said)
        code, said = self.agent("none", "--source", "tsm", "--tsm-path", self.c.path("nothing"))
        self.assertEqual(code, 1, said)
        self.assertIn("mount -t configfs", said)
        code, said = self.agent("none", "--source", "crystal-ball")
        self.assertEqual(code, 1, said)
        self.assertIn("crystal-ball", said)
        self.assertEqual(os.listdir(t.mount), [])

    def test_cca_through_the_same_interface(self):
        t = self.tsm(simulate="technology=cca" + self.chip)
        folder = self.c.path("cpak")
        os.makedirs(folder)
        subprocess.run([f"{TESTS}/sim_files", "technology=cca" + self.chip, folder], check=True,
                       timeout=PATIENCE)
        self.c.run("collateral", "import", folder)
        self.node("realm", t)
        self.assertEqual(self.status("realm")["declared"]["evidenceSource"],
                         "configfs-tsm (arm_cca_guest)")
        self.assertEqual(self.status("realm")["facts"]["vendor"], ["arm"])

    def test_doctor_says_which_sources_work(self):
        t = self.tsm(simulate="technology=cca" + self.chip)
        done = subprocess.run([f"{BIN}/bailey-agent", "doctor", "--tsm-path", t.mount, "-o", "json"],
                              capture_output=True, text=True, timeout=PATIENCE)
        found = {f["name"]: f for f in json.loads(done.stdout)["findings"]}
        self.assertEqual(found["source tsm"]["state"], "ok")
        self.assertIn("arm_cca_guest", found["source tsm"]["what"])
        self.assertEqual(found["source nitro"]["state"], "absent")
        self.assertIn("/dev/nsm", found["source nitro"]["what"])
        self.assertTrue(found["source nitro"]["mend"])

    def test_without_certificates_the_controller_has_them(self):
        """A host that gives no certificate table: the chip's certificate comes by import."""
        chip = GENOA + self.chip
        t = self.tsm(simulate=chip, auxblob="none")
        self.node("bare", t, wait=None)
        refused = self.c.watch_until("nodes", lambda n: n["metadata"]["name"] == "bare" and
                                     n["status"].get("trust") == "refused")
        self.assertTrue(refused["status"]["refusal"]["reason"].startswith("evidence.file-missing"),
                        refused["status"])
        folder = self.c.path("certificates")
        os.makedirs(folder)
        subprocess.run([f"{TESTS}/sim_files", chip, folder], check=True, timeout=PATIENCE)
        done = self.c.run("collateral", "import", folder, "-o", "json").json()
        self.assertIn("stored", {r["outcome"] for r in done["results"]}, done)
        self.c.nodes["bare"].end()
        self.c.restart_node("bare", wait="verified")
        self.assertEqual(self.status("bare")["facts"]["generation"], ["genoa"])

    def test_tdx_through_the_same_interface(self):
        tdx = "technology=tdx,generation=sapphire-rapids" + self.chip
        folder = self.c.path("tdx-collateral")
        os.makedirs(folder)
        subprocess.run([f"{TESTS}/sim_files", tdx, folder], check=True, timeout=PATIENCE)
        self.c.run("collateral", "import", folder, check=False)
        t = self.tsm(simulate=tdx)
        self.node("td", t)
        self.assertEqual(self.status("td")["declared"]["evidenceSource"], "configfs-tsm (tdx_guest)")
        self.assertEqual(self.status("td")["facts"]["technology"], ["tdx"])


if __name__ == "__main__":
    unittest.main()
