"""What vendors signed, as the controller keeps it: learned, imported, fetched, never made worse."""

import glob
import os
import unittest

from cluster import GENOA, ClusterTest

VECTORS = os.environ.get("BAILEY_VECTORS", "")


class Collateral(ClusterTest):
    fleet = {"genoa": GENOA}

    def keys(self):
        got = self.c.run("collateral", "list", "-o", "json").json()
        return {m["key"]: m for m in got.get("collateral", [])}

    def test_a_genuine_chain_is_learned_from_the_host(self):
        self.c.wait("node/genoa", "verified")
        kept = self.keys()
        for part in ("ark", "ask"):
            self.assertIn(f"simulated/amd/snp/Genoa/{part}", kept)
        chips = [k for k in kept if k.startswith("simulated/amd/snp/Genoa/vcek/")]
        self.assertEqual(len(chips), 1, kept)
        self.assertTrue(kept[chips[0]]["simulated"])
        self.assertEqual(kept[chips[0]]["source"], "evidence of node genoa")
        self.assertIn("freshness", kept[chips[0]])

    def test_what_is_not_signed_is_not_kept(self):
        before = set(self.keys())
        path = self.c.path("forged")
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, "tcb_info.json"), "w") as f:
            f.write('{"tcbInfo":{"id":"TDX"},"signature":"00"}')
        with open(os.path.join(path, "noise.bin"), "wb") as f:
            f.write(b"\x30\x82\xff\xff nothing of the kind")
        done = self.c.run("collateral", "import", path, "-o", "json", check=False)
        self.assertEqual(done.code, 6, done)
        self.assertEqual({r["outcome"] for r in done.json()["results"]}, {"refused"})
        self.assertTrue(all(r["reason"] for r in done.json()["results"]))
        self.assertEqual(set(self.keys()), before)

    @unittest.skipUnless(os.path.isdir(os.path.join(VECTORS, "roots/amd/genoa")), "no vectors here")
    def test_amds_own_are_taken_in_any_order_and_survive(self):
        roots = os.path.join(VECTORS, "roots/amd/genoa")
        leaf = glob.glob(os.path.join(VECTORS, "snp/genoa-v3-*e57e50/vcek.der"))[0]
        crls = sorted(glob.glob(os.path.join(roots, "*crl*.der")))
        files = [leaf, *crls, os.path.join(roots, "ask.der"), os.path.join(roots, "ark.der")]
        done = self.c.run("collateral", "import", *files, "-o", "json")
        self.assertEqual({r["outcome"] for r in done.json()["results"]}, {"stored"}, done)
        again = self.c.run("collateral", "import", *files, "-o", "json").json()
        self.assertEqual({r["outcome"] for r in again["results"]}, {"unchanged"})
        kept = self.keys()
        self.assertIn("amd/snp/Genoa/ark", kept)
        self.assertIn("amd/snp/Genoa/crl", kept)
        self.assertEqual(kept["amd/snp/Genoa/crl"]["freshness"], "expired")
        self.assertTrue([k for k in kept if k.startswith("amd/snp/Genoa/vcek/")])
        self.assertIn("collateral", self.c.run("status").out)
        self.c.kill_controller()
        self.c.start_controller()
        self.assertEqual(set(kept), set(self.keys()))


if __name__ == "__main__":
    unittest.main()
