"""`bailey evidence verify` on real evidence, as a user runs it. BAILEY_VECTORS names the folder."""

import csv
import json
import os
import subprocess
import unittest

from cluster import BIN

VECTORS = os.environ.get("BAILEY_VECTORS", "")


def verify(folder, *options):
    done = subprocess.run([f"{BIN}/bailey", "evidence", "verify", folder, "-o", "json", *options],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, json.loads(done.stdout)


@unittest.skipUnless(os.path.exists(os.path.join(VECTORS, "expected.tsv")), "no vectors here")
class Evidence(unittest.TestCase):
    def rows(self, kind):
        with open(os.path.join(VECTORS, "expected.tsv")) as f:
            return [r for r in csv.DictReader(f, delimiter="\t") if r["kind"] == kind]

    def test_snp_reports(self):
        rows = self.rows("snp-report")
        self.assertGreater(len(rows), 10)
        for row in rows:
            at = [] if row["verify_at"] == "-" else ["--at", row["verify_at"]]
            with self.subTest(row["#path"]):
                folder = os.path.join(VECTORS, row["#path"])
                code, got = verify(folder, *at)
                if row["expect"] == "valid":
                    self.assertEqual((code, got["verdict"]), (0, "verified"), got)
                    self.assertEqual(got["technology"], "sev-snp")
                    self.assertEqual(got["debug"], "debug" in got["findings"])
                    self.assertIn({"check": "snp.signature", "subject": "SIGNATURE"}, got["checks"])
                    for word in row["generation"].split("/"):
                        self.assertIn(word, got["generation"])
                else:
                    self.assertEqual((code, got["verdict"]), (6, "refused"), got)
                    self.assertTrue(got["reason"])


if __name__ == "__main__":
    unittest.main()
