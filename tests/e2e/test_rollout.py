"""Rolling updates: under their budget, stopped by a new version that does not become well, paused,
resumed and undone."""

import unittest

from cluster import GENOA, LOOP, MILAN, ClusterTest, workload

EXTRA = ("  availability: {maxUnavailable: %d, maxSurge: %d}\n"
         "  runtime: {args: [%s]}\n"
         "  health: {kind: exec, command: [/bin/test, %s], interval: 200ms, threshold: 1000}\n")
GOOD, BAD = "-e, /bin/sh", "-e, /no/such/file"


class Rollout(ClusterTest):
    fleet = {"genoa": GENOA, "milan": MILAN}

    def update(self, name, arg, check=GOOD, unavailable=0, surge=1, replicas=3):
        self.c.apply(workload(name, self.c.program(name, LOOP), replicas,
                              EXTRA % (unavailable, surge, arg, check)))

    def rollout(self, name):
        return self.c.run("rollout", "status", name, "-o", "json", check=False).json()["rollout"]

    def until_done(self, name):
        self.c.run("rollout", "status", name, "--watch", "--timeout", "60s")

    def until(self, name, good):
        """Waits until the workload's rollout is so; told by the watch."""
        self.c.watch_until("workloads", lambda w: w["metadata"]["name"] == name and
                           good(w["status"].get("rollout", {})))

    def test_update_keeps_to_its_budget(self):
        c = self.c
        self.update("steady", "one")
        self.until_done("steady")
        first = {k["metadata"]["uid"] for k in c.keeps("steady")}
        self.assertEqual(len(first), 3)
        self.update("steady", "two")
        self.until_done("steady")
        last = c.keeps("steady")
        self.assertEqual({str(k["spec"]["workloadGeneration"]) for k in last}, {"2"})
        self.assertFalse(first & {k["metadata"]["uid"] for k in last})
        # Never more than four that were not told to stop, and never fewer than the three replicas.
        there = 0
        for event in c.items("events"):
            if not event.get("objectName", "").startswith("steady-"):
                continue
            there += (event["reason"] == "keep.scheduled") - (event["reason"] == "keep.stopping")
            self.assertLessEqual(there, 4)
            if event["reason"] == "keep.stopping":
                self.assertEqual(there, 3)
        self.assertEqual(there, 3)
        self.assertIn("done: 3 of 3 replicas updated, 3 ready",
                      c.run("rollout", "status", "steady").out)

    def test_bad_version_stops_and_is_undone(self):
        c = self.c
        self.update("broken", "one")
        self.until_done("broken")
        old = {k["metadata"]["uid"] for k in c.keeps("broken")}
        self.update("broken", "two", BAD)
        self.until("broken", lambda r: r.get("state") == "waiting" and r.get("updated") == 1)
        status = c.run("rollout", "status", "broken", check=False)
        self.assertEqual(status.code, 6)
        self.assertIn("1 of 1 new keeps are not well yet", status.out)
        # All that ran before runs on.
        now = c.keeps("broken")
        running = {k["metadata"]["uid"] for k in now if k["status"].get("health") == "healthy"}
        self.assertEqual(running, old)
        self.assertEqual(len(now), 4)
        # It is known after a restart, too: the previous spec is in the store.
        c.kill_controller()
        c.start_controller()
        for node in self.fleet:
            c.wait(f"node/{node}", "connected")
        c.run("rollout", "undo", "broken")
        self.until_done("broken")
        self.assertEqual({k["metadata"]["uid"] for k in c.keeps("broken")}, old)
        w = c.run("get", "workload", "broken", "-o", "json").json()
        w = w["items"][0] if "items" in w else w
        self.assertEqual(w["spec"]["runtime"]["args"], ["one"])
        self.assertNotIn("previous", w["status"]["rollout"])
        self.assertIn("rollout.undone", c.run("events", "-o", "json").out)

    def test_pause_and_resume(self):
        c = self.c
        self.update("held", "one", unavailable=1, surge=0)
        self.until_done("held")
        old = {k["metadata"]["uid"] for k in c.keeps("held")}
        self.assertIn("held paused", c.run("rollout", "pause", "held").out)
        self.update("held", "two", unavailable=1, surge=0)
        status = c.run("rollout", "status", "held", check=False)
        self.assertEqual(status.code, 6)
        self.assertIn("paused by", status.out)
        self.assertEqual({k["metadata"]["uid"] for k in c.keeps("held")}, old)
        # A fourth replica is started all the same, from the spec of now.
        self.update("held", "two", unavailable=1, surge=0, replicas=4)
        self.until("held", lambda r: r.get("updatedReady") == 1)
        self.assertEqual(self.rollout("held")["outdated"], 3)
        c.run("rollout", "resume", "held")
        self.until_done("held")
        self.assertFalse(old & {k["metadata"]["uid"] for k in c.keeps("held")})
        self.assertEqual(len(c.keeps("held")), 4)

    def test_nothing_to_undo(self):
        self.update("fresh", "one", replicas=1)
        r = self.c.run("rollout", "undo", "fresh", check=False)
        self.assertEqual(r.code, 5)
        self.assertIn("has had no change", r.err)
        self.assertEqual(self.c.run("rollout", "pause", "nobody", check=False).code, 3)


if __name__ == "__main__":
    unittest.main()
