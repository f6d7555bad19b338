"""The sentence the system exists for, on nodes of all four vendors: "refuse to deploy my workloads to
R-type CPUs from Q, but continue to deploy to S-type, T-type and U-type chips from Q and any CPUs
from vendors P, M and N." Q is AMD, R Milan, S Genoa, T Bergamo and Siena, U Turin; P Intel, M Arm,
N AWS."""

import os
import unittest

from cluster import GENOA, MILAN, ClusterTest, workload

EXAMPLES = os.path.join(os.path.dirname(__file__), "../../docs/examples")
EXAMPLE = os.path.join(EXAMPLES, "sentence.yaml")

REFUSE = "    refuse: [{vendor: amd, generation: milan, because: 'root key extracted'}]\n"
ACCEPT = ("    accept:\n"
          "      - {vendor: amd, generation: [genoa, bergamo, siena, turin]}\n"
          "      - {vendor: [intel, arm, aws]}\n")
SPREAD = "  placement: {spread: [{over: node, maxSkew: 1}]}\n"


class Sentence(ClusterTest):
    fleet = {
        "r-milan": MILAN,
        "s-genoa": GENOA,
        "t-bergamo": "vendor=amd,generation=bergamo,firmware=1.55.49,microcode=0x1b",
        "u-turin": "vendor=amd,generation=turin,firmware=1.55.65,microcode=0x51",
        "p-tdx": "vendor=intel,technology=tdx,generation=emerald-rapids,version=5",
        "p-sgx": "vendor=intel,technology=sgx,generation=ice-lake-sp",
        "m-cca": "vendor=arm,technology=cca",
        "n-nitro": "vendor=aws,technology=nitro",
    }
    good = sorted(set(fleet) - {"r-milan"})

    def place(self, name, trust):
        """Where the workload's keeps run, as many as there are nodes for, and which classes it may
        be placed on; the workload is gone afterwards."""
        c = self.c
        c.apply(workload(name, c.program("loop"), len(self.good), "  trust:\n" + trust + SPREAD))
        c.wait(f"workload/{name}", "running")
        nodes = sorted(k["spec"]["node"] for k in c.keeps(name))
        classes = c.run("why", name, "-o", "json").json()["classes"]
        admitted = {n["node"]: k.get("admitted", False) for k in classes for n in k["nodes"]}
        c.run("delete", "workload", name)
        c.wait(f"workload/{name}", "deleted")
        return nodes, admitted

    def test_both_spellings(self):
        refused, accepted = self.place("refusing", REFUSE), self.place("accepting", ACCEPT)
        self.assertEqual(refused, accepted)
        self.assertEqual(refused[0], self.good)
        self.assertEqual(refused[1], {n: n != "r-milan" for n in self.fleet})

    def test_as_policies(self):
        c = self.c
        c.run("policy", "test", EXAMPLE)
        c.run("apply", "-f", EXAMPLE)
        refused = self.place("by-refuse", "    policies: [no-milan]\n")
        accepted = self.place("by-accept", "    policies: [known-good]\n")
        self.assertEqual(refused, accepted)
        self.assertEqual(refused[0], self.good)
        for name in ("no-milan", "known-good"):
            c.run("delete", "policy", name)

    def test_example_files(self):
        """Four replicas over vendors: one on each, and of AMD's never on Milan."""
        c = self.c
        for name in ("mission", "mission-accept"):
            c.run("apply", "-f", os.path.join(EXAMPLES, name + ".yaml"))
            c.wait(f"workload/{name}", "running")
            nodes = {k["spec"]["node"] for k in c.keeps(name)}
            vendors = {c.run("get", "node", n, "-o", "json").json()["status"]["facts"]["vendor"][0]
                       for n in nodes}
            self.assertEqual(vendors, {"amd", "intel", "arm", "aws"})
            self.assertNotIn("r-milan", nodes)
            c.run("delete", "workload", name)
            c.wait(f"workload/{name}", "deleted")

    def test_no_place(self):
        """A keep without a place waits, and the explanation names the rule against R of Q."""
        c = self.c
        only = "  placement: {spread: [{over: node, maxSkew: 1}], nodes: {site: nowhere}}\n"
        done = c.apply(workload("picky", c.program("loop"), 1, "  trust:\n" + REFUSE + only),
                       check=False)
        self.assertEqual(done.code, 6)
        why = c.run("why", "picky", "--node", "r-milan", check=False).out
        self.assertIn("root key extracted", why)
        c.run("delete", "workload", "picky")


if __name__ == "__main__":
    unittest.main()
