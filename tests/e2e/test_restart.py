"""Agents and controllers die without warning; keeps do not, and nothing acknowledged is lost."""

import unittest

from cluster import GENOA, ClusterTest, alive, workload


def running(c, name):
    return {k["metadata"]["uid"]: (k["status"]["pid"], k["spec"].get("epoch"))
            for k in c.keeps(name)}


class Restart(ClusterTest):
    fleet = {"g1": GENOA, "g2": GENOA}

    def test_agent_killed(self):
        c = self.c
        c.apply(workload("stay", c.program("loop"), 2,
                         "  placement: {spread: [{over: node, maxSkew: 1}]}\n"
                         "  onDisconnect: {stopAfter: 5m, replaceAfter: 10m}\n"))
        c.wait("workload/stay", "running")
        before = running(c, "stay")
        c.kill_node("g1")
        self.assertTrue(all(alive(pid) for pid, _ in before.values()), "a keep died with its agent")
        c.restart_node("g1", wait="verified")
        c.wait("workload/stay", "running")
        self.assertEqual(running(c, "stay"), before)
        self.assertTrue(all(alive(pid) for pid, _ in before.values()))
        c.run("delete", "workload", "stay")
        c.wait("workload/stay", "deleted")
        self.assertFalse(any(alive(pid) for pid, _ in before.values()))

    def test_controller_killed(self):
        c = self.c
        path = c.program("loop2", "#!/bin/sh\ntrap 'exit 0' TERM\n"
                                  "while :; do sleep 1000 & wait $!; done\n")
        names = [f"keep-{i}" for i in range(5)]
        for name in names:
            c.apply(workload(name, path, 2, "  onDisconnect: {stopAfter: 5m, replaceAfter: 10m}\n"))
        for name in names[:4]:
            c.wait(f"workload/{name}", "running")
        before = {n: running(c, n) for n in names[:4]}
        epoch = c.run("status", "-o", "json").json()["epoch"]
        c.run("delete", "workload", names[4])
        c.kill_controller()
        for keeps in before.values():
            self.assertTrue(all(alive(pid) for pid, _ in keeps.values()))
        c.start_controller()
        self.assertGreater(int(c.run("status", "-o", "json").json()["epoch"]), int(epoch))
        self.assertTrue({f"workload/{n}" for n in names[:4]} <=
                        set(c.run("get", "workloads", "-o", "name").out.split()),
                        "an acknowledged workload is lost")
        for node in ("g1", "g2"):
            c.wait(f"node/{node}", "connected")
        for name in names[:4]:
            c.wait(f"workload/{name}", "running")
        self.assertEqual({n: running(c, n) for n in names[:4]}, before, "a keep was started twice")
        c.wait(f"workload/{names[4]}", "deleted")
        for name in names[:4]:
            c.run("delete", "workload", name)
        for name in names[:4]:
            c.wait(f"workload/{name}", "deleted")


if __name__ == "__main__":
    unittest.main()
