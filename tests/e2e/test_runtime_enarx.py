"""The runtime enarx, with a program in place of `enarx` that says how it was called and then does what
a module would: the real one needs hardware that a test machine has not."""

import base64
import os
import tempfile
import unittest

from cluster import GENOA, Cluster, workload

FAKE = """#!/bin/sh
[ "$1" = --version ] && { echo "enarx 0.7.1 (stand-in)"; exit 0; }
echo "called: $1 $2"
cat "$3"
echo "module: $(cat "$4")"
trap 'echo asked; exit 0' TERM
while :; do sleep 1000 & wait $!; done
"""


class Enarx(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        path = os.path.join(cls.folder.name, "enarx")
        with open(path, "w") as f:
            f.write(FAKE)
        os.chmod(path, 0o755)
        before = os.environ["PATH"]
        os.environ["PATH"] = f"{cls.folder.name}:{before}"
        cls.addClassCleanup(os.environ.__setitem__, "PATH", before)
        cls.c = Cluster()
        cls.addClassCleanup(cls.c.close)
        cls.c.start_node("g1", GENOA)

    def test_module(self):
        c = self.c
        runtime = "  runtime: {kind: enarx, args: [--port, '1'], env: {MODE: prod}}\n"
        path = c.program("module.wasm", "wasm bytes")
        c.apply(workload("module", path, 1, runtime))
        c.wait("workload/module", "running")
        seen = []

        def good(line):
            seen.append(base64.b64decode(line.get("data", "")).decode())
            return "module: " in seen[-1]

        c.follow_until(good, "logs", "module", "-f")
        out = "".join(seen)
        self.assertIn("called: run --wasmcfgfile", out)
        self.assertIn('args = ["--port", "1"]', out)
        self.assertIn('"MODE" = "prod"', out)
        self.assertIn("module: wasm bytes", out)
        c.apply(workload("module", path, 0, runtime))
        status = c.watch_until("keeps", lambda k: k["status"].get("state") == "ended",
                               "--workload", "module", "--all")["status"]
        self.assertEqual(status["exitReason"], "stopped")
        c.run("delete", "workload", "module")
        c.wait("workload/module", "deleted")


if __name__ == "__main__":
    unittest.main()
