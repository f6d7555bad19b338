"""The runtime oci: images by digest, from a real registry and from a layout on disk; what a container
may and may not; what is left."""

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from cluster import BIN, GENOA, PATIENCE, Cluster, alive, workload

TOOLS = ("runc", "skopeo", "umoci", "busybox")
NEVER = "  restart: {policy: never}\n"
SOON = "  restart: {policy: always, backoff: 100ms, maxBackoff: 100ms}\n"
LOOP = "echo begun $BAILEY_KEEP $MODE; trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done"

ESCAPES = r"""
t() { if "$@" >/dev/null 2>&1; then echo "$* DONE"; else echo "$* refused"; fi; }
t mount -t tmpfs none /tmp
t mount -o remount,rw /
t unshare -m true
t chroot / true
t mknod /tmp/disk b 8 0
t touch /bin/other
t touch /proc/sys/kernel/hostname
t cat @SECRET@
t cat /proc/1/root@SECRET@
t kill -0 @PID@
t ping -c 1 127.0.0.1
t nc -w 1 127.0.0.1 @PORT@
t hostname other
t sh -c 'echo c > /proc/sysrq-trigger'
t test "$(ls -d /proc/[0-9]* | wc -l)" -gt 12
t grep -q 'CapEff:.*[1-9a-f]' /proc/self/status
echo end
exec sleep 1000
"""
BOMB = "tail /dev/zero; echo had it all"
FORKS = "n=0; while [ $n -lt 2000 ]; do sleep 1000 & n=$((n+1)); done; echo all forked; wait"


def tool(*argv, **more):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, **more)
    if done.returncode != 0:
        raise AssertionError(f"{argv}: {done.stderr}")
    return done.stdout


def image_make(layouts, name):
    """A layout with one image: busybox, its entry point /bin/sh. Returns the manifest's digest."""
    layout = os.path.join(layouts, name)
    tool("umoci", "init", "--layout", layout)
    tool("umoci", "new", "--image", f"{layout}:t")
    with tempfile.TemporaryDirectory() as work:
        bundle = os.path.join(work, "b")
        tool("umoci", "unpack", "--image", f"{layout}:t", bundle)
        root = os.path.join(bundle, "rootfs")
        for folder in ("bin", "etc", "tmp"):
            os.makedirs(os.path.join(root, folder), exist_ok=True)
        shutil.copy(shutil.which("busybox"), os.path.join(root, "bin/busybox"))
        for applet in tool("busybox", "--list").split():
            link = os.path.join(root, "bin", applet)
            if not os.path.lexists(link):
                os.symlink("busybox", link)
        tool("umoci", "repack", "--image", f"{layout}:t", bundle)
    tool("umoci", "config", "--image", f"{layout}:t", "--config.entrypoint", "/bin/sh")
    with open(os.path.join(layout, "index.json")) as f:
        return json.load(f)["manifests"][0]["digest"]


def oci(name, image, script, extra="", runtime=""):
    words = json.dumps(["-c", script])
    return f"""apiVersion: bailey/v1
kind: Workload
metadata: {{name: {name}}}
spec:
  artifact: {{oci: "{image}"}}
  runtime: {{kind: oci, args: {words}{runtime}}}
{extra}"""


def cgroups(word):
    return [d for d, _, _ in os.walk("/sys/fs/cgroup") if word in os.path.basename(d)]


@unittest.skipUnless(os.geteuid() == 0 and all(map(shutil.which, TOOLS)), f"needs root and {TOOLS}")
class Oci(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.c = Cluster()
        cls.addClassCleanup(cls.c.close)
        cls.layouts = cls.c.path("layouts")
        os.mkdir(cls.layouts)
        cls.digest = image_make(cls.layouts, "box")
        cls.image = f"layout:box@{cls.digest}"
        cls.c.start_node("g1", GENOA, "--oci-layouts", cls.layouts)

    def ended(self, name):
        return self.c.watch_until("keeps", lambda k: k["status"].get("state") == "ended",
                                  "--workload", name, "--all")["status"]

    def gone(self, name):
        self.c.run("delete", "workload", name)
        self.c.wait(f"workload/{name}", "deleted")

    def output_until(self, name, word):
        seen = []

        def good(line):
            seen.append(base64.b64decode(line.get("data", "")).decode())
            return word in "".join(seen)

        self.c.follow_until(good, "logs", name, "-f")
        return "".join(seen)

    def start(self, name, script, extra="", runtime="", image=None):
        self.c.apply(oci(name, image or self.image, script, extra, runtime))

    # -- life

    def test_runs_writes_and_stops(self):
        self.start("plain", LOOP, runtime=", env: {MODE: prod}")
        self.c.wait("workload/plain", "running")
        self.assertRegex(self.output_until("plain", "prod"), "begun plain-0-[a-z0-9]+ prod")
        keep = self.c.keeps("plain")[0]
        with open(f"/proc/{keep['status']['pid']}/cgroup") as f:
            group = re.search(r"/bailey/(\S+)", f.read()).group(1)
        self.c.apply(oci("plain", self.image, LOOP, "  replicas: 0\n", ", env: {MODE: prod}"))
        status = self.ended("plain")
        self.assertEqual(status["exitReason"], "stopped")
        self.assertEqual(status.get("exitSignal", 0), 0)
        self.gone("plain")
        self.assertFalse(alive(keep["status"]["pid"]))
        end = time.monotonic() + PATIENCE
        while cgroups(group) and time.monotonic() < end:
            pass  # the kernel lets go of them a moment later
        self.assertEqual(cgroups(group), [])

    def test_exit_code(self):
        self.start("seven", "exit 7", NEVER)
        self.assertEqual(self.ended("seven")["exitCode"], 7)
        self.gone("seven")

    def test_no_such_program(self):
        self.c.apply(oci("nope", self.image, "", NEVER).replace('["-c", ""]', '["/no/such/script"]'))
        self.assertNotEqual(self.ended("nope").get("exitCode", 0), 0)
        self.gone("nope")

    def test_unhealthy_is_started_again(self):
        self.start("fades", ": > /tmp/ok; sleep 1; rm /tmp/ok; sleep 1000", SOON +
                   "  health: {kind: exec, command: [/bin/test, -e, /tmp/ok], "
                   "interval: 200ms, threshold: 2}\n")
        self.c.watch_until("keeps", lambda k: k["status"].get("health") == "healthy",
                           "--workload", "fades")
        keep = self.c.watch_until("keeps", lambda k: k["status"].get("restarts", 0) >= 1,
                                  "--workload", "fades")
        self.assertEqual(keep["status"]["exitReason"], "unhealthy")
        self.gone("fades")

    def test_loader_killed(self):
        """Nothing of a container outlives its loader."""
        self.start("orphan", LOOP, NEVER)
        keep = self.c.watch_until("keeps", lambda k: k["status"].get("state") == "running",
                                  "--workload", "orphan")
        outer = keep["status"]["pid"]
        with open(f"/proc/{outer}/task/{outer}/children") as f:
            program = int(f.read().split()[0])
        with open(f"/proc/{outer}/stat") as f:
            loader = int(f.read().rsplit(")", 1)[1].split()[1])
        os.kill(loader, signal.SIGKILL)
        self.assertEqual(self.ended("orphan")["exitReason"], "loader-lost")
        end = time.monotonic() + PATIENCE
        while (alive(outer) or alive(program)) and time.monotonic() < end:
            pass
        self.assertFalse(alive(outer) or alive(program))
        self.gone("orphan")

    # -- walls

    def test_escapes_are_refused(self):
        text = ESCAPES.replace("@SECRET@", self.c.path("node-g1", "key.pem"))
        text = text.replace("@PID@", str(self.c.nodes["g1"].popen.pid))
        text = text.replace("@PORT@", self.c.api.rsplit(":", 1)[1])
        self.start("escape", text, NEVER)
        out = self.output_until("escape", "end\n")
        self.assertNotIn("DONE", out)
        self.assertEqual(out.count("refused"), 16, out)
        self.gone("escape")

    def test_users_are_the_containers_own(self):
        self.start("users", LOOP)
        keep = self.c.watch_until("keeps", lambda k: k["status"].get("state") == "running",
                                  "--workload", "users")
        outer = keep["status"]["pid"]
        with open(f"/proc/{outer}/task/{outer}/children") as f:
            program = f.read().split()[0]
        with open(f"/proc/{program}/status") as f:
            status = f.read()
        self.assertGreater(int(re.search(r"Uid:\s+(\d+)", status).group(1)), 600100000)
        self.assertIn("NoNewPrivs:\t1", status)
        self.assertIn("Seccomp:\t2", status)
        self.gone("users")

    def test_memory_bomb(self):
        self.start("bomb", BOMB, NEVER + "  resources: {memory: 64Mi}\n")
        self.assertEqual(self.ended("bomb")["exitReason"], "out-of-memory")
        self.gone("bomb")

    def test_fork_bomb(self):
        self.start("forks", FORKS, NEVER + "  resources: {memory: 1Gi}\n")
        self.assertNotIn("all forked", self.output_until("forks", "fork"))
        self.gone("forks")

    # -- where images come from

    def test_image_changed_on_disk(self):
        """A layout whose manifest is not what its name says is not run."""
        layout = os.path.join(self.layouts, "bad")
        shutil.copytree(os.path.join(self.layouts, "box"), layout, symlinks=True)
        path = os.path.join(layout, "blobs/sha256")
        victim = os.path.join(path, self.digest[7:])
        with open(victim) as f:
            manifest = json.load(f)
        manifest["annotations"] = {"changed": "yes"}
        fake = "f" * 64
        with open(os.path.join(path, fake), "w") as f:
            json.dump(manifest, f)
        self.start("bad", LOOP, NEVER, image=f"layout:bad@sha256:{fake}")
        self.assertIn("artifact.digest-mismatch", self.ended("bad")["reason"])
        self.gone("bad")
        for layer in manifest["layers"]:  # and a layer that is another
            with open(os.path.join(path, layer["digest"][7:]), "r+b") as f:
                f.seek(20)
                f.write(b"other")
        text = json.dumps({**manifest, "annotations": {"changed": "again"}}).encode()
        digest = hashlib.sha256(text).hexdigest()
        with open(os.path.join(path, digest), "wb") as f:
            f.write(text)
        self.start("layer", LOOP, NEVER, image=f"layout:bad@sha256:{digest}")
        self.assertIn("image.fetch", self.ended("layer")["reason"])
        self.gone("layer")
        left = [n for n in os.listdir(self.c.path("node-g1/images")) if digest in n or fake in n]
        end = time.monotonic() + PATIENCE
        while left and time.monotonic() < end:
            left = [n for n in os.listdir(self.c.path("node-g1/images")) if digest in n or fake in n]
        self.assertEqual(left, [])

    def test_no_such_image(self):
        self.start("missing", LOOP, NEVER, image=f"layout:nowhere@sha256:{'0' * 64}")
        self.assertIn("no such manifest", self.ended("missing")["reason"])
        self.gone("missing")

    def test_name_must_have_a_digest(self):
        for wrong in ("registry/box:latest", "box@sha256:12", "-x@sha256:" + "0" * 64):
            r = self.c.apply(oci("wrong", wrong, LOOP), check=False)
            self.assertNotEqual(r.code, 0, wrong)
            self.assertIn("digest", r.err)
        r = self.c.apply(oci("wrong", self.image, LOOP).replace("kind: oci", "kind: sandbox"),
                         check=False)
        self.assertIn("runtime oci", r.err)

    @unittest.skipUnless(shutil.which("docker-registry"), "needs docker-registry")
    def test_real_registry(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        config = self.c.path("registry.yml")
        with open(config, "w") as f:
            f.write("version: 0.1\nlog: {level: error}\n"
                    f"storage: {{filesystem: {{rootdirectory: {self.c.path('registry')}}}}}\n"
                    f"http: {{addr: '127.0.0.1:{port}'}}\n")
        server = subprocess.Popen(["docker-registry", "serve", config],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.wait_port(port)
            second = image_make(self.layouts, "second")
            to = f"127.0.0.1:{port}/team/box"
            tool("skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false",
                 f"oci:{self.layouts}/second:t", f"docker://{to}:t")
            self.start("pulled", LOOP, image=f"{to}@{second}")
            self.c.wait("workload/pulled", "running")
            self.assertIn("begun pulled-0", self.output_until("pulled", "begun"))
            self.gone("pulled")
            self.start("unknown", LOOP, NEVER, image=f"{to}@sha256:{'1' * 64}")
            self.assertIn("image.fetch", self.ended("unknown")["reason"])
            self.gone("unknown")
        finally:
            server.kill()
            server.wait()
        # what is here already needs no registry
        self.start("again", LOOP, image=f"{to}@{second}")
        self.c.wait("workload/again", "running")
        self.gone("again")

    def wait_port(self, port):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    return
        raise AssertionError("the registry does not answer")

    # -- nodes without it

    def test_waits_for_a_node_that_has_it(self):
        c = self.c
        r = c.apply(workload("module", c.program("module"), 1, "  runtime: {kind: enarx}\n"),
                    check=False)
        self.assertIn("0 of 1 have a place", r.out)
        self.assertIn("labels", r.err)
        self.assertIn("runtime/enarx", c.run("why", "module", check=False).out)
        self.gone("module")

    def test_doctor(self):
        done = subprocess.run([f"{BIN}/bailey-agent", "doctor", "-o", "json"], capture_output=True,
                              text=True, timeout=PATIENCE)
        found = {f["name"]: f for f in json.loads(done.stdout)["findings"]}
        self.assertEqual(found["oci"]["state"], "ok")
        self.assertIn("runc", found["oci"]["what"])


if __name__ == "__main__":
    unittest.main()
