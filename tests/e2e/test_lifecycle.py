"""Submit, scale, crash, delete."""

import unittest

from cluster import CRASH, GENOA, MILAN, ClusterTest, alive, workload


class Lifecycle(ClusterTest):
    fleet = {"g1": GENOA, "g2": GENOA, "m1": MILAN}

    def test_submit_scale_delete(self):
        c = self.c
        path = c.program("loop")
        c.apply(workload("web", path, 2))
        c.wait("workload/web", "running")
        self.assertEqual(len(c.keeps("web")), 2)
        self.assertIn("begun", c.run("logs", "web").out)

        self.assertIn("unchanged", c.apply(workload("web", path, 2)).out)
        c.apply(workload("web", path, 5))
        c.wait("workload/web", "running")
        keeps = c.keeps("web")
        self.assertEqual(sorted(k["spec"].get("replica", 0) for k in keeps), [0, 1, 2, 3, 4])

        pids = [k["status"]["pid"] for k in keeps]
        self.assertTrue(all(alive(p) for p in pids))
        c.apply(workload("web", path, 1))
        c.wait("workload/web", "running")
        self.assertEqual(len(c.keeps("web")), 1)
        self.assertEqual(sum(alive(p) for p in pids), 1)

        c.run("delete", "workload", "web")
        c.wait("workload/web", "deleted")
        self.assertEqual(c.keeps("web"), [])
        self.assertFalse(any(alive(p) for p in pids))
        self.assertEqual(c.run("get", "workload", "web", check=False).code, 3)

    def test_crash_backs_off(self):
        c = self.c
        c.apply(workload("crash", c.program("crash", CRASH), 1,
                         "  restart: {policy: always, backoff: 200ms, maxBackoff: 1s}\n"))
        keep = c.watch_until("keeps", lambda k: k["status"].get("restarts", 0) >= 3,
                             "--workload", "crash")
        self.assertEqual(keep["spec"]["workload"], "crash")
        self.assertIn("7", str(keep["status"].get("exitCode", "")) + keep["status"].get("reason", ""))
        c.run("delete", "workload", "crash")
        c.wait("workload/crash", "deleted")

    def test_keep_that_may_end(self):
        c = self.c
        c.apply(workload("job", c.program("job", "#!/bin/sh\necho done\n"), 1,
                         "  restart: {policy: never}\n"))
        c.watch_until("keeps", lambda k: k["status"].get("state") == "ended", "--workload", "job",
                      "--all")
        c.run("delete", "workload", "job")
        c.wait("workload/job", "deleted")

    def test_output_forms(self):
        c = self.c
        self.assertEqual(sorted(c.run("get", "nodes", "-o", "name").out.split()),
                         ["node/g1", "node/g2", "node/m1"])
        table = c.run("get", "nodes").out
        self.assertIn("simulated", table)
        self.assertIn("milan", table)
        self.assertNotIn("\x1b", table)
        yaml = c.run("get", "node", "g1", "-o", "yaml").out
        self.assertIn("kind: Node", yaml)
        self.assertIn("genoa", c.run("describe", "node", "g1").out)
        self.assertEqual(c.run("status", "-o", "json").json()["nodes"], 3)


if __name__ == "__main__":
    unittest.main()
