"""Trust policies, floors with a date, exceptions that end, drains: what they do to running keeps."""

import datetime
import time
import unittest

from cluster import GENOA, MILAN, ClusterTest, workload

TURIN = "vendor=amd,generation=turin,firmware=1.55.65,microcode=0x51"


def soon(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def policy(name, spec):
    return f"apiVersion: bailey/v1\nkind: TrustPolicy\nmetadata: {{name: {name}}}\nspec:\n{spec}"


REFUSE_MILAN = "  refuse: [{vendor: amd, generation: milan, because: root key extracted}]\n"


class Base(ClusterTest):
    def nodes_of(self, name):
        return sorted(k["spec"]["node"] for k in self.c.keeps(name)
                      if k["status"].get("state") == "running")

    def until_on(self, name, nodes):
        """Waits until the workload's keeps run on these nodes and nowhere else."""
        end = time.monotonic() + 60
        good = lambda: self.nodes_of(name) == nodes and len(self.c.keeps(name)) == len(nodes)
        while not good():
            if time.monotonic() > end:
                self.fail(f"{name}: {self.nodes_of(name)}, wanted {nodes}\n"
                          f"{self.c.run('events').out}")
            self.c.run("get", "keeps", "--workload", name, "-w", "--timeout", "500ms", check=False)

    def delete(self, name):
        self.c.run("delete", "workload", name)
        self.c.wait(f"workload/{name}", "deleted")


class Policies(Base):
    fleet = {"milan": MILAN, "genoa": GENOA}

    def test_policy_moves_what_it_refuses(self):
        c = self.c
        c.apply(workload("moved", c.program("loop"), 1, "  trust: {accept: [{generation: milan}]}\n"))
        c.wait("workload/moved", "running")
        old = c.keeps("moved")[0]
        # Widened: it may be elsewhere, too, and stays; then the cluster's default refuses Milan.
        c.apply(workload("moved", c.program("loop"), 1))
        self.assertEqual([k["metadata"]["name"] for k in c.keeps("moved")], [old["metadata"]["name"]])
        before = c.run("status", "-o", "json").json().get("policyRevision", 0)
        text = policy("no-milan", "  clusterDefault: true\n" + REFUSE_MILAN)
        dry = c.apply(text, "--dry-run")
        self.assertIn("1 of 1 keeps have to leave", dry.err)
        self.assertEqual(c.run("status", "-o", "json").json().get("policyRevision", 0), before)
        self.assertEqual(c.run("get", "policies", "-o", "name").out, "")
        c.apply(text)
        self.assertGreater(c.run("status", "-o", "json").json()["policyRevision"], before)
        self.until_on("moved", ["genoa"])
        new = c.keeps("moved")[0]
        self.assertEqual(new["spec"]["replaces"], old["metadata"]["uid"])
        # The replacement ran before the old one was told to stop.
        events = c.run("events", "-o", "json").out
        self.assertLess(events.index(f'"running on node genoa"'), events.index("keep.stopping"))
        self.assertIn("no-milan", c.run("why", "moved").out)
        self.assertIn("root key extracted", c.run("why", "moved", "-o", "wide").out)
        row = c.run("get", "policies").out
        self.assertRegex(row, r"no-milan +yes +1 +0 +1 +1 +0")
        for word in ("trustpolicy", "trustpolicies", "policy", "tp", "TrustPolicy"):
            self.assertIn("no-milan", c.run("get", word).out)
        c.run("delete", "policy", "no-milan")
        self.delete("moved")

    def test_references(self):
        c = self.c
        path = c.program("loop")
        wrong = c.apply(workload("refers", path, 1, "  trust: {policies: [strict]}\n"), check=False)
        self.assertNotEqual(wrong.code, 0)
        self.assertIn("there is no policy strict", wrong.err)
        c.apply(policy("strict", REFUSE_MILAN) + "---\n" +
                workload("refers", path, 2, "  trust: {policies: [strict]}\n"))
        c.wait("workload/refers", "running")
        self.assertEqual(self.nodes_of("refers"), ["genoa", "genoa"])
        refused = c.run("delete", "policy", "strict", check=False)
        self.assertEqual(refused.code, 5, refused)
        self.assertIn("workload default/refers", refused.err)
        near = c.apply(workload("refers", path, 2, "  trust: {policies: [strikt]}\n"), check=False)
        self.assertIn("did you mean strict", near.err)
        self.delete("refers")
        c.run("delete", "policy", "strict")

    def test_own_tests_and_revisions(self):
        c = self.c
        bad = c.apply(policy("tested", REFUSE_MILAN + "  expect:\n"
                             "    - {platform: {vendor: amd, generation: genoa}, verdict: refused}\n"),
                      check=False)
        self.assertNotEqual(bad.code, 0)
        self.assertIn("own test", bad.err)
        self.assertNotIn("tested", c.run("get", "tp", "-o", "name").out)


class Exceptions(Base):
    fleet = {"milan": MILAN}
    options = ("--move-grace", "2s")

    def test_exception_ends(self):
        c = self.c
        c.apply(policy("strict", "  clusterDefault: true\n" + REFUSE_MILAN))
        self.assertEqual(c.apply(workload("late", c.program("loop")), check=False).code, 6)
        c.apply("apiVersion: bailey/v1\nkind: Exception\nmetadata: {name: spare-milan}\nspec:\n"
                f"  {{who: ops, why: no other host, until: '{soon(12)}', workload: late,\n"
                "   platforms: [{generation: milan}], passes: {policy: strict, rule: 'refuse[0]'}}\n")
        c.wait("workload/late", "running")
        self.assertIn("spare-milan", c.run("get", "workloads").out)
        self.assertIn("spare-milan", c.run("get", "keeps").out)
        self.assertIn("spare-milan", c.run("status").out)
        self.assertIn("spare-milan", c.run("describe", "workload", "late").out)
        self.assertRegex(c.run("get", "exceptions").out, r"spare-milan +late +policy strict")
        keep = c.keeps("late")[0]["metadata"]["name"]
        # The end has to come although nobody asks, and although the controller was away meanwhile.
        c.kill_controller()
        c.start_controller()
        c.event_until(lambda e: e["reason"] == "exception.ended" and e["objectKind"] == "Exception")
        c.wait(f"keep/{keep}", "ended")
        self.assertIn("keep.deadline", c.run("events").out)
        self.assertRegex(c.run("get", "exceptions").out, "ended")
        self.assertEqual(self.nodes_of("late"), [])
        self.delete("late")


class Floors(Base):
    fleet = {"milan": MILAN, "turin": TURIN}

    def test_stages(self):
        c = self.c
        c.apply(workload("paced", c.program("loop"), 1, "  trust: {accept: [{generation: milan}]}\n"))
        c.wait("workload/paced", "running")
        c.apply(workload("paced", c.program("loop"), 1))
        c.apply(policy("floor", "  clusterDefault: true\n  floors:\n"
                       "    - {name: snp, platforms: {generation: milan}, minimum: {firmware: 1.99.0},\n"
                       f"       enforceFrom: '{soon(6)}', grace: 6s, because: fixed there}}\n"))
        self.assertIn("floor", c.run("get", "workload", "paced").out)
        self.assertRegex(c.run("get", "tp", "-o", "wide").out, "snp warns")
        forecast = c.run("forecast", check=False).out
        self.assertIn("milan", forecast)
        self.assertIn("1.99", forecast)
        c.event_until(lambda e: e["reason"] == "policy.floor" and "holds" in e["message"])
        self.assertEqual(self.nodes_of("paced"), ["milan"])  # held: it may stay
        c.apply(workload("paced", c.program("loop"), 2))
        c.wait("workload/paced", "running")
        self.assertEqual(self.nodes_of("paced"), ["milan", "turin"])  # nothing new there
        c.event_until(lambda e: e["reason"] == "policy.floor" and "refuses" in e["message"])
        self.until_on("paced", ["turin", "turin"])
        self.delete("paced")


class Nodes(Base):
    fleet = {"a": GENOA, "b": MILAN}

    def test_cordon_and_drain(self):
        c = self.c
        c.run("node", "cordon", "b")
        c.apply(workload("w", c.program("loop"), 3))
        c.wait("workload/w", "running")
        self.assertEqual(self.nodes_of("w"), ["a", "a", "a"])
        self.assertIn("a", c.run("node", "describe", "a").out)
        late = c.run("node", "drain", "a", "--timeout", "1s", check=False)
        self.assertEqual(late.code, 7, late)
        self.assertIn("stays", late.err)
        self.assertEqual(self.nodes_of("w"), ["a", "a", "a"])  # no other place: they stay
        c.run("node", "uncordon", "b")
        c.run("node", "drain", "a", "--because", "new memory")
        self.until_on("w", ["b", "b", "b"])
        self.assertIn("(draining)", c.run("get", "nodes").out)
        self.assertIn("node.drained", c.run("events", "node/a").out)
        c.run("node", "uncordon", "a")
        c.run("node", "cordon", "a")
        forced = c.run("node", "drain", "b", "--force")
        self.assertIn("drained", forced.out)
        c.wait("workload/w", "pending")
        c.run("node", "uncordon", "a")
        self.until_on("w", ["a", "a", "a"])
        self.delete("w")

    def test_where(self):
        c = self.c
        self.assertEqual(c.run("get", "nodes", "-o", "name", "--where",
                               "vendor=amd,generation=milan|turin,firmware<1.99").out, "node/b\n")
        self.assertEqual(c.run("get", "nodes", "-o", "name", "--generation", "genoa",
                               "--tcb", "microcode>=0x54").out, "node/a\n")
        wrong = c.run("get", "nodes", "--where", "generation=milann", check=False)
        self.assertEqual(wrong.code, 2, wrong)
        self.assertIn("milan", wrong.err)

    def test_conflict_and_diff(self):
        c = self.c
        text = policy("shown", REFUSE_MILAN)
        self.assertEqual(c.run("diff", "-f", "-", stdin=text, check=False).code, 1)
        c.apply(text)
        self.assertEqual(c.run("diff", "-f", "-", stdin=text).out, "")
        other = c.run("diff", "-f", "-", stdin=text.replace("milan", "genoa"), check=False)
        self.assertEqual(other.code, 1)
        self.assertRegex(other.out, r"(?m)^-.*milan")
        self.assertRegex(other.out, r"(?m)^\+.*genoa")
        self.assertGreater(c.run("diff", "-f", "-", stdin="kind: Nothing\n", check=False).code, 1)
        revision = c.run("get", "tp", "shown", "-o", "json").json()["metadata"]["revision"]
        stale = c.run("apply", "-f", "-", "--expect-revision", str(int(revision) - 1),
                      stdin=text.replace("milan", "genoa"), check=False)
        self.assertEqual(stale.code, 5, stale)
        c.run("delete", "tp", "shown")


if __name__ == "__main__":
    unittest.main()
