#!/usr/bin/python3
"""How nodes come in, are put out and may come back; and a new CA while they run."""

import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import BIN, ClusterTest, GENOA, MILAN, Process, workload  # noqa: E402


class Joining(ClusterTest):
    def agent(self, name, token, simulate=GENOA, *options, folder=None):
        p = Process([f"{BIN}/bailey-agent", "--data", self.c.path(folder or "node-" + name),
                     "--controller", self.c.api, "--name", name, "--simulate", simulate, "--cpu",
                     "4", "--memory", "4Gi", "--enrol", self.c.enrol, "--token", token, *options],
                    self.c.path(f"{folder or name}.agent.log"))
        self.addCleanup(p.end)
        return p

    def token(self, *options):
        return self.c.run("token", "create", *options).out.strip()

    def node(self, name):
        return self.c.run("get", "node", name, "-o", "json").json()

    def refused(self, process, *words):
        process.popen.wait(60)
        self.assertNotEqual(process.popen.returncode, 0)
        for word in words:
            self.assertIn(word, process.tail())

    def test_a_token_lets_one_node_in_once(self):
        token = self.token()
        first = self.agent("once-a", token)
        self.c.wait("node/once-a", "verified")
        self.refused(self.agent("once-b", token), "token-used")
        first.end()
        self.refused(self.agent("once-c", self.token("--node", "somebody-else")),
                     "token-other-node")

    def test_two_race_for_one_token(self):
        token = self.token()
        agents = [self.agent(f"race-{i}", token) for i in range(4)]
        good = self.c.watch_until("nodes", lambda n: n["metadata"]["name"].startswith("race-"))
        for i, a in enumerate(agents):
            if f"race-{i}" != good["metadata"]["name"]:
                self.refused(a, "token-used")
        names = [n["metadata"]["name"] for n in self.c.items("nodes")]
        self.assertEqual(sum(n.startswith("race-") for n in names), 1, names)

    def test_a_name_is_not_taken_over(self):
        self.agent("mine", self.token())
        self.c.wait("node/mine", "verified")
        self.refused(self.agent("mine", self.token(), folder="thief"), "name-taken")

    def test_one_chip_is_one_node(self):
        self.agent("chip-a", self.token(), GENOA + ",chip=77")
        self.c.wait("node/chip-a", "verified")
        self.agent("chip-b", self.token(), GENOA + ",chip=77")
        self.c.wait("node/chip-b", "refused")
        self.assertIn("chip-bound", self.node("chip-b")["status"]["refusal"]["reason"])
        self.assertIn("chip-a", self.node("chip-b")["status"]["refusal"]["message"])
        events = self.c.run("events", "-o", "json").out
        self.assertIn("evidence.chip-bound", events)

    def test_evicted_may_come_back_and_banned_may_not(self):
        first = self.agent("out", self.token(), GENOA + ",chip=88")
        self.c.wait("node/out", "verified")
        self.c.run("node", "evict", "out", "--because", "sold")
        self.c.wait("node/out", "lost")
        first.end(signal.SIGKILL)
        again = self.agent("out", self.token(), GENOA + ",chip=88", folder="out-2")
        self.c.wait("node/out", "verified")
        self.assertEqual(self.node("out")["status"]["approval"], "approved")
        self.c.run("node", "ban", "out", "--because", "stolen")
        self.c.wait("node/out", "lost")
        again.end(signal.SIGKILL)
        self.refused(self.agent("out", self.token(), folder="out-3"), "banned-name", "stolen")
        self.agent("out-renamed", self.token(), GENOA + ",chip=88")
        self.c.wait("node/out-renamed", "refused")
        self.assertIn("chip-banned", self.node("out-renamed")["status"]["refusal"]["reason"])
        self.c.run("node", "unban", "out")
        self.agent("out", self.token(), GENOA + ",chip=89", folder="out-4")
        self.c.wait("node/out", "verified")


class Approval(ClusterTest):
    def test_new_nodes_wait_for_approval(self):
        self.c.run("settings", "set", "--approve-nodes", "on", "--where",
                   "vendor=amd,generation=genoa,assurance=simulated")
        self.c.start_node("ours", GENOA)
        self.c.watch_until("nodes", lambda n: n["status"].get("approval") == "approved", "--where",
                           "assurance=simulated")
        self.c.start_node("theirs", MILAN)
        status = self.c.run("get", "node", "theirs", "-o", "json").json()["status"]
        self.assertEqual(status["approval"], "pending")
        self.c.run("node", "cordon", "ours")
        path = self.c.program("waits")
        sim = "  trust: {accept: [{assurance: simulated}]}\n"
        r = self.c.apply(workload("waits", path, extra=sim), check=False)
        self.assertEqual(r.code, 6, r)
        self.c.run("node", "approve", "theirs", "--because", "seen in the rack")
        self.c.wait("workload/waits", "running")
        keeps = self.c.keeps("waits")
        self.assertEqual(keeps[0]["spec"]["node"], "theirs")


class Rotation(ClusterTest):
    fleet = {"r1": GENOA, "r2": GENOA}

    def pins(self):
        return {a["state"]: a for a in
                self.c.run("ca", "status", "-o", "json").json()["authorities"]}

    def test_a_new_ca_without_an_outage(self):
        sim = "  trust: {accept: [{assurance: simulated}]}\n"
        self.c.apply(workload("steady", self.c.program("steady"), replicas=2, extra=sim))
        self.c.wait("workload/steady", "running")
        before = {k["metadata"]["uid"] for k in self.c.keeps("steady")}
        old = self.pins()["active"]["pin"]
        wrong = self.c.run("ca", "rotate", "activate", check=False)
        self.assertEqual(wrong.code, 5, wrong)
        self.c.run("ca", "rotate", "prepare")
        self.c.run("ca", "rotate", "publish")
        self.known(2)
        self.c.run("ca", "rotate", "activate")
        self.assertNotEqual(self.pins()["active"]["pin"], old)
        self.c.start_node("r3", GENOA)  # joins under the new one
        self.c.run("ca", "rotate", "taint")
        admin = self.c.run("ca", "rotate", "revoke", check=False)
        self.assertIn("your own certificate", admin.err)
        self.c.run("user", "create", "admin", "--role", "admin", "--into",
                   self.c.path("controller/admin"))
        self.signed(old, 0)
        serials = [u for u in self.c.run("user", "list", "-o", "json").json()["users"]
                   if u["name"] == "admin"][0]["certificates"]
        self.c.run("user", "revoke", "admin", "--serial", serials[0]["serial"])
        self.c.run("ca", "rotate", "revoke")
        self.assertEqual(self.pins()["revoked"]["pin"], old)
        for name in ("r1", "r2", "r3"):  # connected anew, with certificates of the new one
            self.c.wait(f"node/{name}", "verified")
        after = {k["metadata"]["uid"] for k in self.c.keeps("steady")}
        self.assertEqual(before, after)  # no keep was lost on the way
        self.c.kill_controller()
        self.c.start_controller()
        for name in ("r1", "r2", "r3"):
            self.c.wait(f"node/{name}", "verified")

    def poll(self, good):
        """CA states have no watch: asks again after each event or evidence of the cluster."""
        for _ in range(2000):
            status = self.c.run("ca", "status", "-o", "json").json()
            if good(status):
                return
        raise AssertionError(status)

    def known(self, n):
        self.poll(lambda s: not s.get("waitsFor") and any(
            a["state"] == "published" and a.get("nodesKnow") == n for a in s["authorities"]))

    def signed(self, pin, n):
        self.poll(lambda s: any(a["pin"] == pin and a.get("nodesSigned", 0) == n
                                for a in s["authorities"]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
