"""Nodes that vanish, freeze and come back; a controller that dies under load; uploads that break."""

import concurrent.futures
import os
import signal
import subprocess
import unittest

from cluster import BIN, GENOA, ClusterTest, alive, workload

SHORT = "  onDisconnect: {stopAfter: 2s, replaceAfter: 3s}\n"
LONG = "  onDisconnect: {stopAfter: 5m, replaceAfter: 10m}\n"


class Nodes(ClusterTest):
    options = ("--lease", "1s")
    fleet = {"a": GENOA, "b": GENOA}

    def start(self, name, extra):
        self.c.apply(workload(name, self.c.program(name), 1, extra))
        self.c.wait(f"workload/{name}", "running")
        keep = self.c.keeps(name)[0]
        return keep["metadata"]["uid"], keep["spec"]["node"], keep["status"]["pid"]

    def stop(self, name):
        self.c.run("delete", "workload", name)
        self.c.wait(f"workload/{name}", "deleted")

    def replaced(self, name, uid):
        """Waits until another keep runs for the workload, and returns its pid."""
        try:
            keep = self.c.watch_until("keeps", lambda k: k["metadata"]["uid"] != uid and
                                      k["status"].get("state") == "running", "--workload", name)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.c.run('get', 'nodes', '-o', 'wide').out}"
                                 f"{self.c.run('why', name, check=False).out}"
                                 f"{self.c.run('events', '--tail', '30').out}") from None
        return keep["status"]["pid"]

    def test_dead_agent_is_replaced_once_its_keep_has_stopped(self):
        uid, node, pid = self.start("vanish", SHORT)
        self.c.nodes[node].end(signal.SIGKILL)
        try:
            new = self.replaced("vanish", uid)
            self.assertFalse(alive(pid), "two instances of one replica")
            self.assertTrue(alive(new))
        finally:
            self.c.restart_node(node, wait="connected")
        self.c.wait("workload/vanish", "running")
        self.assertFalse(alive(pid))
        self.assertTrue(alive(new), "the replacement did not survive the return of the first node")
        self.stop("vanish")

    def test_frozen_agent_cannot_keep_its_keep(self):
        uid, node, pid = self.start("freeze", SHORT)
        os.kill(self.c.nodes[node].popen.pid, signal.SIGSTOP)
        try:
            new = self.replaced("freeze", uid)
            self.assertFalse(alive(pid), "two instances of one replica")
        finally:
            os.kill(self.c.nodes[node].popen.pid, signal.SIGCONT)
        self.c.wait(f"node/{node}", "connected")
        self.c.wait("workload/freeze", "running")
        self.assertTrue(alive(new))
        self.assertEqual(len(self.c.keeps("freeze")), 1)
        self.stop("freeze")

    def test_agent_ends_and_comes_back(self):
        uid, node, pid = self.start("calm", LONG)
        self.assertEqual(self.c.nodes[node].end(signal.SIGTERM), 0)
        self.c.wait(f"node/{node}", "lost")
        self.assertTrue(alive(pid))
        self.c.restart_node(node, wait="verified")
        self.c.wait("workload/calm", "running")
        keep = self.c.keeps("calm")[0]
        self.assertEqual((keep["metadata"]["uid"], keep["status"]["pid"]), (uid, pid))
        self.stop("calm")

    def test_keep_killed_is_started_again(self):
        uid, _, pid = self.start("hurt", LONG + "  restart: {backoff: 100ms}\n")
        os.kill(pid, signal.SIGKILL)
        keep = self.c.watch_until("keeps", lambda k: k["status"].get("restarts", 0) >= 1 and
                                  k["status"].get("state") == "running", "--workload", "hurt")
        self.assertEqual(keep["metadata"]["uid"], uid)
        self.assertNotEqual(keep["status"]["pid"], pid)
        self.stop("hurt")


class Controller(ClusterTest):
    def test_killed_under_load_loses_nothing_acknowledged(self):
        c = self.c
        path = c.program("idle")
        c.apply(workload("first", path, 0))  # the artifact is there from now on

        def one(i):
            return i, c.apply(workload(f"w-{i}", path, 0), check=False).code

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            futures = [pool.submit(one, i) for i in range(120)]
            done = concurrent.futures.wait(futures, return_when=concurrent.futures.FIRST_COMPLETED)
            while len([f for f in futures if f.done()]) < 30:
                done = concurrent.futures.wait(done.not_done,
                                               return_when=concurrent.futures.FIRST_COMPLETED)
            c.kill_controller()
            results = [f.result() for f in futures]
        acknowledged = {f"workload/w-{i}" for i, code in results if code == 0}
        self.assertGreaterEqual(len(acknowledged), 30)
        self.assertLess(len(acknowledged), 120, "the controller died too late to tell anything")
        c.start_controller()
        stored = set(c.run("get", "workloads", "-o", "name").out.split())
        self.assertEqual(acknowledged - stored, set(), "acknowledged and lost")

    def test_broken_upload_goes_on(self):
        c = self.c
        path = c.path("large")
        with open(path, "wb") as f:
            for i in range(64):
                f.write(bytes([i]) * (1 << 20))
        text = workload("large", path, 0)
        tool = subprocess.Popen([f"{BIN}/bailey", "--context",
                                 c.path("controller/admin/context.yaml"), "apply", "-f", "-"],
                                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        tool.stdin.write(text.encode())
        tool.stdin.close()
        while tool.poll() is None and not self.stored(1 << 20):
            os.sched_yield()
        tool.kill()
        tool.wait()
        c.apply(text)
        stored = c.run("get", "workload", "large", "-o", "json").json()["spec"]["artifact"]
        self.assertEqual(int(stored["size"]), 64 << 20)

    def stored(self, least):
        for folder, _, files in os.walk(self.c.path("controller/blobs")):
            for name in files:
                try:
                    if os.stat(os.path.join(folder, name)).st_size >= least:
                        return True
                except OSError:
                    pass
        return False


if __name__ == "__main__":
    unittest.main()
