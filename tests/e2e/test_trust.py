"""Where keeps may run: generations, firmware, the age of evidence, bytes that are what they say."""

import glob
import os
import unittest

from cluster import GENOA, MILAN, ClusterTest, workload

SENTENCE = """  trust:
    accept:
      - {vendor: amd, technology: sev-snp, generation: [genoa, bergamo, siena, turin], firmware: ">=1.55.39"}
      - {vendor: [intel, arm, aws]}
    refuse:
      - {vendor: amd, generation: milan, because: "root key extracted"}
"""


class Trust(ClusterTest):
    fleet = {
        "genoa": GENOA,
        "old": "vendor=amd,generation=genoa,firmware=1.55.21,microcode=0x48",
        "milan": MILAN,
        "bergamo": "vendor=amd,generation=bergamo,firmware=1.55.49,microcode=0x1b",
        "turin": "vendor=amd,generation=turin,firmware=1.55.65,microcode=0x51",
    }

    def test_the_sentence(self):
        c = self.c
        c.apply(workload("payroll", c.program("loop"), 6, SENTENCE))
        c.wait("workload/payroll", "running")
        nodes = {k["spec"]["node"] for k in c.keeps("payroll")}
        self.assertTrue(nodes <= {"genoa", "bergamo", "turin"}, nodes)
        why = c.run("why", "payroll").out
        self.assertIn("root key extracted", why)
        self.assertIn("1.55.21", why)
        classes = c.run("why", "payroll", "-o", "json").json()["classes"]
        admitted = {n["node"]: k.get("admitted", False) for k in classes for n in k["nodes"]}
        self.assertEqual(admitted, {"genoa": True, "bergamo": True, "turin": True, "old": False,
                                    "milan": False})
        c.run("delete", "workload", "payroll")
        c.wait("workload/payroll", "deleted")

    def test_nowhere_to_go(self):
        c = self.c
        text = workload("picky", c.program("loop"), 2,
                        "  trust: {accept: [{vendor: amd, generation: turin, firmware: '>=1.99.0'}]}\n")
        dry = c.apply(text, "--dry-run", check=False)
        self.assertEqual(dry.code, 6, dry)
        self.assertNotIn("workload/picky", c.run("get", "workloads", "-o", "name").out)
        self.assertEqual(c.apply(text, check=False).code, 6)
        c.wait("workload/picky", "pending")
        self.assertEqual(c.keeps("picky"), [])
        why = c.run("why", "picky", check=False)
        self.assertEqual(why.code, 6)
        self.assertIn("1.99", why.out)
        self.assertEqual(c.run("wait", "workload/picky", "--for", "running", "--timeout", "300ms",
                               check=False).code, 7)
        c.run("delete", "workload", "picky")

    def test_old_evidence_admits_nothing_new(self):
        c = self.c
        done = c.apply(workload("fresh", c.program("loop"), 1, "  trust: {maxEvidenceAge: 1ms}\n"),
                       check=False)
        self.assertEqual(done.code, 6, done)
        self.assertEqual(c.keeps("fresh"), [])
        self.assertRegex(c.run("why", "fresh", check=False).out, "(?i)evidence|age|old|stale")
        c.run("delete", "workload", "fresh")

    def test_unknown_digest(self):
        done = self.c.apply("apiVersion: bailey/v1\nkind: Workload\nmetadata: {name: ghost}\n"
                            f"spec: {{artifact: {{digest: 'sha256:{'0' * 64}', name: x}}}}\n",
                            check=False)
        self.assertIn(done.code, (1, 3), done)
        self.assertIn("digest", done.err)

    def test_changed_artifact_never_runs(self):
        """The content store's bytes are changed behind its back: no node may run them."""
        c = self.c
        path = c.program("victim", "#!/bin/sh\necho good\nexec sleep 1000\n")
        c.apply(workload("victim", path, 0))
        stored = [p for p in glob.glob(c.path("controller/blobs/**/*"), recursive=True)
                  if os.path.isfile(p)]
        self.assertTrue(stored, "the artifact is in no file of the store")
        for p in stored:
            os.chmod(p, 0o600)
            with open(p, "r+b") as f:
                f.seek(len("#!/bin/sh\necho "))
                f.write(b"evil")
        c.apply(workload("victim", path, 1), check=False)
        c.event_until(lambda v: v.get("type") == "warning" and "victim" in v.get("objectName", ""))
        self.assertNotIn("evil", c.run("logs", "victim", check=False).out)
        states = {k["status"].get("state") for k in c.keeps("victim")}
        self.assertNotIn("running", states)
        c.run("delete", "workload", "victim")
        c.wait("workload/victim", "deleted")


class Defects(ClusterTest):
    """Evidence with something wrong with it verifies nowhere."""

    def test_refused_nodes(self):
        c = self.c
        for defect in ("bad-signature", "wrong-key", "stale-report-data", "debug", "expired"):
            name = "n-" + defect
            c.start_node(name, GENOA + ",defect=" + defect, wait="refused")
            status = c.run("get", "node", name, "-o", "json").json()["status"]
            self.assertTrue(status["refusal"]["reason"], status)
        done = c.apply(workload("any", c.program("loop")), check=False)
        self.assertEqual(done.code, 6, done)
        self.assertEqual(c.keeps("any"), [])


if __name__ == "__main__":
    unittest.main()
