"""Arm CCA realms and AWS Nitro enclaves as nodes: what they prove, where rules put work, and what is
refused by its name."""

import unittest

from cluster import ClusterTest, workload

CCA = "vendor=arm,technology=cca"
NITRO = "vendor=aws,technology=nitro"


class ArmAws(ClusterTest):
    fleet = {
        "realm": CCA + ",firmware=1.2.3",
        "realm-legacy": CCA + ",profile=legacy,chip=2",
        "enclave": NITRO,
        "enclave-tagged": NITRO + ",tagged=on,open-ended=on,chip=2,image=9",
    }

    def facts(self, name):
        return self.c.run("get", "node", name, "-o", "json").json()["status"]["facts"]

    def test_facts(self):
        realm, legacy = self.facts("realm"), self.facts("realm-legacy")
        self.assertEqual((realm["vendor"], realm["technology"]), (["arm"], ["cca"]))
        self.assertEqual((realm["firmware"], legacy["firmware"]), ("1.2.3", "1.0.0"))
        self.assertRegex(realm["platformId"], "^01[0-9a-f]{64}$")
        self.assertNotEqual(realm["platformId"], legacy["platformId"])
        enclave, tagged = self.facts("enclave"), self.facts("enclave-tagged")
        self.assertEqual((enclave["vendor"], enclave["technology"]), (["aws"], ["nitro"]))
        self.assertRegex(bytes.fromhex(enclave["platformId"]).decode(), "^i-0[0-9a-f]{16}$")
        self.assertNotEqual(enclave["platformId"], tagged["platformId"])
        self.assertNotEqual(enclave["measurement"], tagged["measurement"])
        for f in (realm, legacy, enclave, tagged):
            self.assertEqual(f["assurance"], "simulated")
            self.assertNotIn("generation", f)  # neither kind of evidence says any
            self.assertIn("debug", f["absentFindings"])

    def test_rules_by_technology(self):
        c = self.c
        c.apply(workload("realms", c.program("r"), 2, "  trust: {accept: [{technology: cca}]}\n"
                         "  placement: {spread: [{over: node, maxSkew: 1}]}\n"))
        c.apply(workload("enclaves", c.program("e"), 2, "  trust: {accept: [{vendor: aws}]}\n"
                         "  placement: {spread: [{over: node, maxSkew: 1}]}\n"))
        c.wait("workload/realms", "running")
        c.wait("workload/enclaves", "running")
        self.assertEqual({k["spec"]["node"] for k in c.keeps("realms")}, {"realm", "realm-legacy"})
        self.assertEqual({k["spec"]["node"] for k in c.keeps("enclaves")},
                         {"enclave", "enclave-tagged"})
        c.run("delete", "workload", "realms")
        c.run("delete", "workload", "enclaves")

    def test_unknown_generations_satisfy_no_rule(self):
        c = self.c
        done = c.apply(workload("picky", c.program("p"), 1,
                                "  trust: {accept: [{vendor: arm, firmware: '>=1.2.4'}]}\n"),
                       check=False)
        self.assertEqual(done.code, 6, done)
        self.assertIn("1.2.3", c.run("why", "picky", check=False).out)
        c.run("delete", "workload", "picky")

    def test_defects_are_refused_by_name(self):
        c = self.c
        for kind, defect, reason in (
                (NITRO, "stale-report-data", "evidence.report-data"),
                (NITRO, "debug", "nitro.debug"),
                (NITRO, "expired", "cert.validity"),
                (NITRO, "foreign-root", "anchor.unknown"),
                (NITRO, "long-chain", "cert.shape"),
                (CCA, "stale-report-data", "evidence.report-data"),
                (CCA, "debug", "cca.debug"),
                (CCA, "unsecured-lifecycle", "cca.lifecycle"),
                (CCA, "rak-mismatch", "cca.rak-binding"),
                (CCA, "foreign-root", "anchor.unknown")):
            name = "x-%s-%s" % (kind[-5:].replace("=", ""), defect)
            with self.subTest(name):
                c.start_node(name, kind + ",defect=" + defect, wait=None)
                c.wait("node/" + name, "refused")
                status = c.run("get", "node", name, "-o", "json").json()["status"]
                self.assertIn(reason, str(status))


if __name__ == "__main__":
    unittest.main()
