"""Nodes of every vendor join with evidence of their own kind, and show what it proves."""

import unittest

from cluster import GENOA, ClusterTest, workload

FLEET = {
    "amd": GENOA,
    "tdx": "vendor=intel,technology=tdx,generation=emerald-rapids,version=5",
    "sgx": "vendor=intel,technology=sgx,generation=ice-lake-sp",
    "old": "vendor=intel,technology=tdx,generation=sapphire-rapids,tcb=OutOfDate",
    "arm": "vendor=arm,technology=cca",
    "aws": "vendor=aws,technology=nitro",
}


class Vendors(ClusterTest):
    fleet = FLEET

    def facts(self, name):
        return self.c.run("get", "node", name, "-o", "json").json()["status"]["facts"]

    def test_facts(self):
        want = {
            "amd": ("amd", "sev-snp", ["genoa"], None),
            "tdx": ("intel", "tdx", ["emerald-rapids"], "UpToDate"),
            "sgx": ("intel", "sgx", ["ice-lake-sp"], "SWHardeningNeeded"),
            "old": ("intel", "tdx", ["sapphire-rapids"], "OutOfDate"),
            "arm": ("arm", "cca", None, None),
            "aws": ("aws", "nitro", None, None),
        }
        for name, (vendor, technology, generation, status) in want.items():
            with self.subTest(name):
                f = self.facts(name)
                self.assertEqual(f["vendor"], [vendor])
                self.assertEqual(f["technology"], [technology])
                self.assertEqual(f.get("generation"), generation)
                self.assertEqual(f.get("tcbStatus"), status)
                self.assertEqual(f["assurance"], "simulated")
        self.assertIn("INTEL-SA-00615", self.facts("sgx")["advisories"])
        self.assertEqual(self.facts("tdx")["tcb"]["module"], 6)

    def test_wide(self):
        lines = self.c.run("get", "nodes", "-o", "wide").out.splitlines()
        rows = {line.split()[0]: line for line in lines[1:]}
        self.assertLessEqual(set(FLEET), set(rows))
        for name, words in {"tdx": ("intel", "tdx", "emerald-rapids"),
                            "sgx": ("intel", "sgx", "ice-lake-sp"),
                            "arm": ("arm", "cca"), "aws": ("aws", "nitro")}.items():
            for word in words:
                self.assertIn(word, rows[name].split(), lines[0])

    def test_rules_by_vendor(self):
        """A rule of Intel's statuses admits the two that have them, and nobody else."""
        self.c.apply(workload("intel-only", self.c.program("w"), replicas=2, extra="""  trust:
    accept:
      - {vendor: intel, tcbStatus: [UpToDate, SWHardeningNeeded], assurance: simulated}
  placement:
    spread: [{over: node, maxSkew: 1}]
"""))
        self.c.wait("workload/intel-only", "running")
        self.assertEqual({k["spec"]["node"] for k in self.c.keeps("intel-only")}, {"tdx", "sgx"})

    def test_a_defect_is_refused_by_its_name(self):
        self.c.start_node("revoked", FLEET["tdx"] + ",defect=revoked-pck", wait=None)
        self.c.wait("node/revoked", "refused")
        status = self.c.run("get", "node", "revoked", "-o", "json").json()["status"]
        self.assertIn("dcap.pck-revoked", str(status))


if __name__ == "__main__":
    unittest.main()
