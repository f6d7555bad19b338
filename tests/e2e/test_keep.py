"""One keep on one node: what it runs as, what it may not, how it is watched, how it ends."""

import base64
import os
import signal
import subprocess
import time
import unittest

from cluster import BIN, GENOA, LOOP, PATIENCE, ClusterTest, alive, workload

NEVER = "  restart: {policy: never}\n"
SOON = "  restart: {policy: always, backoff: 100ms, maxBackoff: 100ms}\n"

# Each line of its output is "<what> <refused|DONE>".
ESCAPES = r"""#!/usr/bin/python3
import ctypes, os, signal, socket
libc = ctypes.CDLL(None, use_errno=True)

def tried(what, done):
    print(what, "DONE" if done else "refused", flush=True)

def can(f):
    try:
        return f() is not False
    except OSError:
        return False

tried("mount", libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0)
tried("unshare", libc.unshare(0x10000000) == 0)
tried("ptrace", libc.ptrace(16, 1, 0, 0) == 0)
tried("raw-socket", can(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)))
tried("packet-socket", can(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)))
tried("write-usr", can(lambda: open("/usr/bin/bailey-was-here", "w")))
tried("write-app", can(lambda: open("/app/other", "w")))
tried("node-file", can(lambda: open("@SECRET@").read()))
tried("host-etc", can(lambda: open("/etc/shadow").read()))
tried("device", can(lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0))))
tried("other-processes", len([p for p in os.listdir("/proc") if p.isdigit()]) > 4)
tried("kill-outside", can(lambda: os.kill(@PID@, 0)))
tried("network", can(lambda: socket.create_connection(("127.0.0.1", @PORT@), 1)))
print("end", flush=True)
signal.pause()
"""

MEMORY = "#!/usr/bin/python3\nx = bytearray(256 << 20)\nprint('had it all', len(x), flush=True)\n"
FORKS = """#!/usr/bin/python3
import os, signal, time
n = 0
try:
    while n < 5000:
        if os.fork() == 0:
            time.sleep(1000)
        n += 1
    print("all forked at once", flush=True)
except OSError as e:
    print("stopped after", n, e.strerror, flush=True)
signal.pause()
"""
SERVE = """#!/usr/bin/python3
import http.server
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/good" else 500)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8080), H).serve_forever()
"""
FADES = "#!/bin/sh\n: > /tmp/ok\nsleep 1\nrm /tmp/ok\nsleep 1000 &\nwait\n"


def parent(pid):
    with open(f"/proc/{pid}/stat") as f:
        return int(f.read().rsplit(")", 1)[1].split()[1])


class Keep(ClusterTest):
    fleet = {"g1": GENOA}

    def ended(self, name):
        return self.c.watch_until("keeps", lambda k: k["status"].get("state") == "ended",
                                  "--workload", name, "--all")["status"]

    def gone(self, name):
        self.c.run("delete", "workload", name)
        self.c.wait(f"workload/{name}", "deleted")

    def output_until(self, name, word):
        """What the keep wrote, up to a record with that word."""
        seen = []

        def good(line):
            seen.append(base64.b64decode(line.get("data", "")).decode())
            return word in seen[-1]

        self.c.follow_until(good, "logs", name, "-f")
        return "".join(seen)

    def doctor(self, *args):
        return subprocess.run([f"{BIN}/bailey-agent", "doctor", *args], capture_output=True,
                              text=True, timeout=60)

    # -- what cannot be executed never counts as running

    def not_executed(self, name, program, reason):
        c = self.c
        path = c.path(name)
        with open(path, "wb") as f:
            f.write(program)
        c.apply(workload(name, path, 1, NEVER))
        status = self.ended(name)
        self.assertEqual(status["exitReason"], "not-started")
        self.assertIn(reason, status["reason"])
        self.assertNotIn("startedAt", status)
        self.gone(name)

    def test_interpreter_missing(self):
        self.not_executed("noint", b"#!/no/such/interpreter -x\n", "/no/such/interpreter")

    def test_no_program(self):
        self.not_executed("noprog", b"just words\n", "exec.format")

    def test_other_processor(self):
        with open("/bin/true", "rb") as f:
            elf = bytearray(f.read())
        elf[18:20] = (0x2a).to_bytes(2, "little")  # SuperH
        self.not_executed("sh4", bytes(elf), "exec.wrong-architecture")

    # -- walls

    def test_escapes_are_refused(self):
        c = self.c
        text = ESCAPES.replace("@SECRET@", c.path("node-g1", "key.pem"))
        text = text.replace("@PID@", str(c.nodes["g1"].popen.pid))
        text = text.replace("@PORT@", c.api.rsplit(":", 1)[1])
        c.apply(workload("escape", c.program("escape", text), 1, NEVER))
        c.wait("workload/escape", "running")
        out = self.output_until("escape", "end")
        self.assertNotIn("DONE", out)
        self.assertEqual(out.count("refused"), 13, out)
        self.gone("escape")

    def test_memory_bomb(self):
        c = self.c
        c.apply(workload("bomb", c.program("bomb", MEMORY), 1,
                         NEVER + "  resources: {memory: 32Mi}\n"))
        self.assertEqual(self.ended("bomb")["exitReason"], "out-of-memory")
        uid = c.keeps("bomb", "--all")[0]["metadata"]["uid"]
        with open(c.path("node-g1", "keeps", uid, "log")) as f:
            self.assertNotIn("had it all", f.read())
        self.gone("bomb")

    def test_fork_bomb(self):
        c = self.c
        c.apply(workload("forks", c.program("forks", FORKS), 1, "  resources: {memory: 1Gi}\n"))
        c.wait("workload/forks", "running")
        self.assertIn("stopped after", self.output_until("forks", "ed "))
        self.gone("forks")

    # -- health

    def test_unhealthy_is_started_again(self):
        c = self.c
        c.apply(workload("fades", c.program("fades", FADES), 1, SOON +
                         "  health: {kind: exec, command: [/bin/test, -e, /tmp/ok], "
                         "interval: 200ms, threshold: 2}\n"), check=False)
        c.watch_until("keeps", lambda k: k["status"].get("health") == "healthy",
                      "--workload", "fades")
        keep = c.watch_until("keeps", lambda k: k["status"].get("restarts", 0) >= 1,
                             "--workload", "fades")
        self.assertEqual(keep["status"]["exitReason"], "unhealthy")
        c.watch_until("keeps", lambda k: k["status"].get("health") == "healthy",
                      "--workload", "fades")  # and the next one is fine at first
        self.gone("fades")

    def test_http_health(self):
        c = self.c
        path = c.program("serve", SERVE)
        health = "  health: {{kind: http, port: 8080, path: {}, interval: 200ms, startPeriod: {}}}\n"
        c.apply(workload("good", path, 1, health.format("/good", "20s")))
        c.apply(workload("bad", path, 1, SOON + health.format("/bad", "0s")))
        c.apply(workload("tcp", path, 1, "  health: {kind: tcp, port: 8080, interval: 200ms, "
                         "startPeriod: 20s}\n"))
        for name in ("good", "tcp"):
            c.watch_until("keeps", lambda k: k["status"].get("health") == "healthy",
                          "--workload", name)
        c.watch_until("keeps", lambda k: "health check failed: http" in k["status"].get("reason", ""),
                      "--workload", "bad")
        for name in ("good", "bad", "tcp"):
            self.gone(name)

    def test_health_must_make_sense(self):
        c = self.c
        path = c.program("loop")
        for wrong, word in (("{kind: exec}", "command"), ("{kind: tcp}", "port"),
                            ("{kind: http, port: 1, path: x}", "path"),
                            ("{kind: htpp, port: 1}", "http")):
            r = c.apply(workload("wrong", path, 1, f"  health: {wrong}\n"), check=False)
            self.assertNotEqual(r.code, 0, wrong)
            self.assertIn(word, r.err)

    # -- ends

    def test_grace_is_kept(self):
        c = self.c
        slow = "#!/bin/sh\ntrap 'echo asked; sleep 1; echo tidied; exit 0' TERM\necho up\n" \
               "while :; do sleep 1000 & wait $!; done\n"
        c.apply(workload("slow", c.program("slow", slow), 1, "  stopGrace: 30s\n"))
        c.wait("workload/slow", "running")
        self.output_until("slow", "up")
        c.apply(workload("slow", c.path("slow"), 0, "  stopGrace: 30s\n"))
        status = self.ended("slow")
        self.assertEqual(status["exitReason"], "stopped")
        self.assertEqual(status.get("exitCode", 0), 0)
        self.assertEqual(status.get("exitSignal", 0), 0)
        self.gone("slow")

    def test_loader_killed(self):
        """Again and again, at once after the start: the keep goes with its loader, is reported, and
        another comes; nothing is left."""
        c = self.c
        c.apply(workload("orphan", c.program("loop", LOOP)))
        seen = set()
        for _ in range(4):
            keep = c.watch_until("keeps", lambda k: k["status"].get("state") == "running"
                                 and k["metadata"]["uid"] not in seen, "--workload", "orphan")
            inner = keep["status"]["pid"]
            seen.add(keep["metadata"]["uid"])
            os.kill(parent(parent(inner)), signal.SIGKILL)
            over = c.watch_until("keeps", lambda k: k["metadata"]["uid"] == keep["metadata"]["uid"]
                                 and k["status"].get("state") == "ended", "--workload", "orphan",
                                 "--all")
            self.assertEqual(over["status"]["exitReason"], "loader-lost")
            self.assertFalse(alive(inner))
        self.gone("orphan")
        end = time.monotonic() + PATIENCE  # a loader that is being made ready is not in its cgroups yet
        done = self.doctor("--leftovers", "--data", c.path("node-g1"))
        while done.returncode != 0 and time.monotonic() < end:
            done = self.doctor("--leftovers", "--data", c.path("node-g1"))
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_stopping_does_not_wait_for_watchers(self):
        """Ends with 0 although somebody watches; the figure itself is for the benchmark."""
        c = self.c
        watcher = subprocess.Popen(
            [f"{BIN}/bailey", "--context", c.path("controller/admin/context.yaml"), "get", "nodes",
             "--watch", "-o", "json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            self.assertIn(b"g1", watcher.stdout.readline())
            self.assertEqual(c.nodes["g1"].end(), 0)
            c.restart_node("g1")
            self.assertEqual(c.controller.end(), 0)
            self.assertNotEqual(watcher.wait(20), 0)  # and it says that the controller is away
        finally:
            watcher.kill()
            watcher.wait()
            watcher.stdout.close()
            c.start_controller()
            c.wait("node/g1", "verified")

    def test_doctor(self):
        done = self.doctor("--data", self.c.path("node-g1"), "-o", "json")
        self.assertIn('"name": "sandbox"', done.stdout)
        self.assertIn('"state": "ok"', done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(self.doctor("--leftovers").returncode, 2)


if __name__ == "__main__":
    unittest.main()
