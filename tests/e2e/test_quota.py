"""Quotas of namespaces, and the cluster's strategy and reserve."""

import unittest

from cluster import GENOA, ClusterTest, workload


class Quota(ClusterTest):
    fleet = {"one": GENOA, "two": GENOA}

    def status(self, name):
        w = self.c.run("get", "workload", name, "-o", "json").json()
        return (w["items"][0] if "items" in w else w)["status"]

    def test_quota_holds_and_wakes(self):
        c = self.c
        self.assertIn("created", c.run("quota", "set", "default", "keeps=3", "cpu=1").out)
        self.assertRegex(c.run("quota", "list").out, r"default +3 +1 ")
        path = c.program("loop")
        c.apply(workload("first", path, 2))
        c.wait("workload/first", "running")
        c.apply(workload("second", path, 2), check=False)
        c.wait("workload/second", "pending")
        self.assertEqual(len(c.keeps("second")), 1)
        self.assertIn("quota of namespace default leaves no more keeps",
                      self.status("second")["pendingReason"])
        self.assertIn("quota of namespace default", c.run("why", "second", check=False).out)
        # A place is free again: the one that waits for it is placed by that.
        c.apply(workload("first", path, 1))
        c.wait("workload/second", "running")
        # A quota that is lowered ends nothing; one that is raised admits at once.
        c.run("quota", "set", "default", "keeps=1")
        self.assertEqual(len(c.keeps("second")), 2)
        c.apply(workload("second", path, 3), check=False)
        c.wait("workload/second", "pending")
        self.assertEqual(c.run("quota", "set", "default", "bread=1", check=False).code, 2)
        c.run("quota", "delete", "default")
        c.wait("workload/second", "running")
        self.assertEqual(c.run("quota", "delete", "default", check=False).code, 3)
        for name in ("first", "second"):
            c.run("delete", "workload", name)
            c.wait(f"workload/{name}", "deleted")

    def test_strategy_and_reserve(self):
        c = self.c
        path = c.program("loop")
        c.run("placement", "set", "strategy=spread")
        c.apply(workload("even", path, 2))
        c.wait("workload/even", "running")
        self.assertEqual({k["spec"]["node"] for k in c.keeps("even")}, {"one", "two"})
        self.assertNotIn("reserve", c.run("status").out)
        out = c.run("placement", "set", "strategy=pack", "reserve=1000000").out
        self.assertIn("1000000", out)
        self.assertRegex(c.run("status").out, r"reserve +.*the reserve is 1000000")
        self.assertIn("reserve.short", c.run("events", "-o", "json").out)
        c.apply(workload("waits", path, 1), check=False)
        c.wait("workload/waits", "pending")
        self.assertIn("kept free for evacuations", self.status("waits")["pendingReason"])
        # It is kept through a restart, and when it is lifted, what waited is placed.
        c.kill_controller()
        c.start_controller()
        for node in self.fleet:
            c.wait(f"node/{node}", "connected")
        self.assertIn("reserve   1000000", c.run("placement").out)
        c.run("placement", "set", "reserve=0")
        c.wait("workload/waits", "running")
        self.assertIn("pack or spread", c.run("placement", "set", "strategy=heap", check=False).err)


if __name__ == "__main__":
    unittest.main()
