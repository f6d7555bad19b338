"""Revocations as an operator meets them: plans, questions, the guard, a digest that is stale, reports;
and advisories that propose them."""

import os
import pty
import unittest

from cluster import BIN, GENOA, MILAN, ClusterTest, workload

CATALOG = os.path.join(os.path.dirname(__file__), "../../config/catalog/advisories.yaml")
TURIN = "vendor=amd,generation=turin,firmware=1.55.65,microcode=0x51"
MILANS = ("revoke", "--vendor", "amd", "--generation", "milan", "--because", "root key extracted")


class Base(ClusterTest):
    fleet = {"milan": MILAN, "genoa": GENOA, "turin": TURIN}

    def setUp(self):
        self.c.apply(workload("web", self.c.program("loop"), 3,
                              "  placement: {spread: [{over: node, maxSkew: 1}]}\n"))
        self.c.wait("workload/web", "running")

    def tearDown(self):
        for r in self.c.items("revocations"):
            name, state = r["metadata"]["name"], r["status"]["state"]
            if state not in ("lifted", "proposed"):
                self.c.run("lift", name, "--because", "the test is over")
            self.c.run("delete", "revocation", name)
        self.c.run("delete", "workload", "web")
        self.c.wait("workload/web", "deleted")
        for node in self.fleet:
            self.c.wait(f"node/{node}", "verified")

    def nodes(self):
        return sorted(k["spec"]["node"] for k in self.c.keeps("web"))

    def status(self):
        return self.c.run("status", "-o", "json").json()

    def at_terminal(self, answer, *args):
        """Runs the tool on a terminal, answers its question; (exit code, what was shown)."""
        pid, fd = pty.fork()
        if pid == 0:
            os.environ["NO_COLOR"] = "1"
            os.execv(f"{BIN}/bailey", ["bailey", "--context",
                                       self.c.path("controller/admin/context.yaml"), *args])
        seen, answered = b"", False
        while True:
            try:
                data = os.read(fd, 65536)
            except OSError:  # how the end of a terminal reads
                break
            if not data:
                break
            seen += data
            if not answered and b"ype " in seen.rsplit(b"\n", 1)[-1]:
                os.write(fd, answer.encode() + b"\n")
                answered = True
        _, status = os.waitpid(pid, 0)
        os.close(fd)
        return os.waitstatus_to_exitcode(status), seen.decode().replace("\r\n", "\n")


class Revoking(Base):
    def test_plan_changes_nothing_and_prints_its_commit(self):
        before, nodes = self.status(), self.nodes()
        plan = self.c.run(*MILANS, "--name", "m", "--plan")
        self.assertIn("1 node of 3 (34%), 1 keep of 1 workload; action drain, grace 10m", plan.out)
        self.assertRegex(plan.out, r"default/web-\S+ +milan +(genoa|turin) +1")
        commit = plan.out.rstrip().splitlines()[-1]
        self.assertIn("--because 'root key extracted'", commit)
        self.assertIn("--expect " + self.c.run(*MILANS, "--plan", "-o", "name").out.strip(), commit)
        self.assertEqual(self.status()["policyRevision"], before["policyRevision"])
        self.assertEqual(self.c.items("revocations"), [])
        self.assertEqual(self.nodes(), nodes)
        as_json = self.c.run(*MILANS, "--plan", "-o", "json").json()
        self.assertEqual((as_json["nodesRevoked"], as_json["keeps"], as_json["movable"]), (1, 1, 1))

    def test_commit_watch_report_lift(self):
        done = self.c.run(*MILANS, "--name", "m", "--reference", "arXiv 2605.12990, other", "--watch",
                          "--timeout", "60s")
        self.assertIn("revocation/m committed at revision ", done.out)
        self.assertIn("1 replaced first, 0 stopped without a place", done.out)
        self.assertRegex(done.out, r"all gone +\S+ +\(\+\d+\.\d+ s\)")
        self.assertNotIn("milan", self.nodes())
        r = self.c.run("get", "revocation", "m", "-o", "json").json()
        self.assertEqual(r["spec"]["references"], ["arXiv 2605.12990", "other"])
        self.assertEqual(r["status"]["state"], "done")
        self.assertIn("m", self.c.run("revocation", "list", "-o", "name").out)
        self.assertIn("revocation m", self.c.run("why", "web", "--node", "milan").out)
        again = self.c.run("revocation", "watch", "m")
        self.assertIn("done", again.out)
        self.c.run("lift", "m", "--because", "hosts were replaced")
        self.assertIn("hosts were replaced", self.c.run("revocation", "describe", "m").out)
        self.assertNotIn("milan", self.nodes())  # nothing moves back
        self.assertEqual(self.c.run("lift", "m", "--because", "again", check=False).code, 5)

    def test_stale_digest_says_what_changed(self):
        digest = self.c.run(*MILANS, "--name", "m", "--plan", "-o", "name").out.strip()
        self.c.apply(workload("more", self.c.program("loop"), 1,
                              "  trust: {accept: [{generation: milan}]}\n"))
        self.c.wait("workload/more", "running")
        late = self.c.run(*MILANS, "--name", "m", "--expect", digest, check=False)
        self.assertEqual(late.code, 5, late)
        self.assertIn("without another place: default/more-", late.err)
        self.assertIn("revocation.plan-changed", late.err)
        self.assertEqual(self.c.items("revocations"), [])
        # and now the guard has something to say: more would have no replica left
        stopped = self.c.run(*MILANS, "--name", "m", check=False)
        self.assertEqual(stopped.code, 6, stopped)
        self.assertIn('--override-guard "34%"', stopped.err)
        self.assertEqual(self.c.run(*MILANS, "--plan", check=False).code, 6)
        self.assertEqual(self.c.run(*MILANS, "--name", "m", "--override-guard", "33%", check=False).code, 6)
        self.assertEqual(self.c.items("revocations"), [])
        self.c.run(*MILANS, "--name", "m", "--override-guard", "34%", "--action", "stop", "--watch",
                   "--timeout", "60s")
        report = self.c.run("revocation", "describe", "m").out
        self.assertIn("overridden     34% by admin", report)
        self.assertRegex(report, r"keeps +2 at the commit, 0 left")
        self.assertRegex(report, r"0 replaced first, 2 stopped without a place")
        self.c.run("delete", "workload", "more")
        self.c.wait("workload/more", "deleted")

    def test_questions_on_a_terminal(self):
        args = (*MILANS, "--name", "m", "--action", "hold")
        code, seen = self.at_terminal("no", *args)
        self.assertEqual(code, 1, seen)
        self.assertIn("nothing was changed", seen)
        self.assertEqual(self.c.items("revocations"), [])
        code, seen = self.at_terminal("yes", *args)
        self.assertEqual(code, 0, seen)
        self.assertEqual(self.c.items("revocations")[0]["status"]["state"], "holding")
        self.assertIn("milan", self.nodes())
        everything = ("revoke", "--vendor", "amd", "--because", "all", "--name", "all")
        code, seen = self.at_terminal("yes", *everything)  # it wants the number
        self.assertEqual(code, 1, seen)
        self.assertIn("type 100%:", seen)
        self.assertEqual(len(self.c.items("revocations")), 1)

    def test_what_makes_no_sense_is_refused(self):
        for args, code, want in (
                (("revoke", "--because", "x"), 2, "name the platforms"),
                (("revoke", "--vendor", "amd"), 2, "--because"),
                (("revoke", "--generation", "milann", "--because", "x"), 2, "milan"),
                (("revoke", "--vendor", "intel", "--generation", "milan", "--because", "x"), 2, "milan"),
                ((*MILANS, "--action", "shoot"), 2, "drain"),
                ((*MILANS, "--grace", "soon"), 2, "grace"),
                ((*MILANS, "-f", "/dev/null"), 2, "does not go together"),
                (("revoke", "nobody"), 3, "nobody"),
                (("revocation", "describe", "nobody"), 3, "nobody"),
                (("revocation", "watch", "nobody"), 3, "nobody"),
                (("lift", "nobody", "--because", "x"), 3, "nobody"),
                (("lift", "nobody"), 2, "--because")):
            done = self.c.run(*args, check=False)
            self.assertEqual(done.code, code, (args, done))
            self.assertIn(want, done.err, args)
        self.assertEqual(self.c.items("revocations"), [])


class Advisories(Base):
    def test_import_proposes_and_decides_nothing(self):
        dry = self.c.run("advisory", "import", CATALOG, "--dry-run")
        self.assertRegex(dry.out, r"AMD-SB-3045 +1 +1 +0 +ok +amd-sb-3045 +would be proposed")
        self.assertEqual(self.c.items("revocations"), [])
        nodes, before = self.nodes(), self.status()
        done = self.c.run("advisory", "import", CATALOG)
        self.assertRegex(done.out, r"AMD-SB-3045 +1 +1 +0 +ok +amd-sb-3045 +proposed")
        self.assertRegex(done.out, r"AMD-SB-3019 .*not confirmed")
        self.assertNotIn("INTEL-SA-00088", done.out)
        self.assertIn("INTEL-SA-00088", self.c.run("advisory", "import", CATALOG, "--all").out)
        r = self.c.run("get", "revocation", "amd-sb-3045", "-o", "json").json()
        self.assertEqual((r["status"]["state"], r["spec"]["proposed"]), ("proposed", True))
        self.assertEqual(self.nodes(), nodes)
        self.assertEqual(self.status()["nodesVerified"], before["nodesVerified"])
        self.assertRegex(self.c.run("advisory", "list").out, r"amd-sb-3045 +AMD-SB-3045 +\S+ +1 +0")
        self.assertIn("amd-sb-3045", self.c.run("advisory", "describe", "amd-sb-3045").out)
        # It is committed by its name, and then it is no proposal any more.
        self.c.run("revoke", "amd-sb-3045", "--watch", "--timeout", "60s")
        self.assertNotIn("milan", self.nodes())
        self.assertEqual(self.c.run("revoke", "amd-sb-3045", check=False).code, 5)
        self.assertRegex(self.c.run("advisory", "import", CATALOG).out, r"was decided already")

    def test_wrong_files(self):
        path = self.c.path("wrong.yaml")
        with open(path, "w") as f:
            f.write("advisory:\n  AMD-SB-3045: {vendor: amd, affects: [milann], shows: nothing}\n")
        wrong = self.c.run("advisory", "import", path, check=False)
        self.assertEqual(wrong.code, 1)
        self.assertIn("wrong.yaml:2:", wrong.err)
        self.assertIn("milan", wrong.err)
        self.assertEqual(self.c.run("advisory", "import", "/nowhere", check=False).code, 3)


if __name__ == "__main__":
    unittest.main()
