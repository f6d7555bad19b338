"""A real cluster for tests: the built programs, on free ports, in a folder that goes away.

Nothing here waits by sleeping: readiness comes over --ready-fd, states over `bailey wait` and
`bailey get --watch`. BAILEY_BIN names the folder with the programs.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

BIN = os.environ.get("BAILEY_BIN", os.path.join(os.path.dirname(__file__), "../../build/dev/bin"))
PATIENCE = float(os.environ.get("BAILEY_PATIENCE", "60"))  # seconds; sanitizers need more

GENOA = "vendor=amd,generation=genoa,firmware=1.55.39,microcode=0x54"
MILAN = "vendor=amd,generation=milan,firmware=1.55.39,microcode=0xde"

LOOP = "#!/bin/sh\necho begun $BAILEY_KEEP\ntrap 'exit 0' TERM\nwhile :; do sleep 1000 & wait $!; done\n"
CRASH = "#!/bin/sh\necho once\nexit 7\n"


class Result:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def json(self):
        return json.loads(self.out)

    def __repr__(self):
        return f"exit {self.code}\nstdout: {self.out[:4000]}\nstderr: {self.err[:4000]}"


class Process:
    """A program of ours, with its output in a file."""

    def __init__(self, argv, log, pass_fds=()):
        self.log = log
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                          pass_fds=pass_fds, start_new_session=True)

    def end(self, how=signal.SIGTERM):
        if self.popen.poll() is None:
            self.popen.send_signal(how)
            try:
                self.popen.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        return self.popen.returncode

    def tail(self):
        with open(self.log, "rb") as f:
            return f.read()[-6000:].decode("utf-8", "replace")


class Cluster:
    def __init__(self, *controller_options):
        self.dir = tempfile.mkdtemp(prefix="bailey-e2e.")
        self.options = list(controller_options)
        self.controller = None
        self.nodes = {}
        self.node_options = {}
        self.start_controller()

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    # -- the controller

    def start_controller(self):
        listen = ["127.0.0.1:0", "127.0.0.1:0"]
        if os.path.exists(self.path("controller/endpoint")):  # agents know the old ports
            with open(self.path("controller/endpoint")) as f:
                listen = f.read().split()
        ready, told = os.pipe()
        self.controller = Process(
            [f"{BIN}/bailey-controller", "--data", self.path("controller"), "--listen", listen[0],
             "--enrol-listen", listen[1], "--allow-simulated", "--ready-fd", str(told),
             *self.options], self.path("controller.log"), (told,))
        os.close(told)
        readable, _, _ = select.select([ready], [], [], PATIENCE)
        word = os.read(ready, 64) if readable else b""
        os.close(ready)
        if word != b"READY\n":
            self.controller.end(signal.SIGKILL)
            raise AssertionError(f"the controller is not ready: {word}\n{self.controller.tail()}")
        with open(self.path("controller/endpoint")) as f:
            self.api, self.enrol, *http = f.read().split()  # http: with --http-listen
        self.http = http[0] if http else None

    def kill_controller(self):
        self.controller.end(signal.SIGKILL)

    # -- nodes

    def start_node(self, name, simulate=GENOA, *options, wait="verified"):
        data = self.path("node-" + name)
        argv = [f"{BIN}/bailey-agent", "--data", data, "--controller", self.api, "--name", name,
                *(["--simulate", simulate] if simulate else []), "--cpu", "4", "--memory", "4Gi", *options]
        if name not in self.node_options:
            token = self.run("token", "create", "--node", name).out.strip()
            argv += ["--enrol", self.enrol, "--token", token]
        self.node_options[name] = (simulate, *options)
        self.nodes[name] = Process(argv, self.path(f"node-{name}.log"))
        if wait:
            self.wait(f"node/{name}", wait)

    def kill_node(self, name):
        """Kills the agent, and only it; returns when the controller knows."""
        self.nodes[name].end(signal.SIGKILL)
        self.wait(f"node/{name}", "lost")

    def restart_node(self, name, wait="connected"):
        simulate, *options = self.node_options[name]
        self.start_node(name, simulate, *options, wait=wait)

    # -- the tool

    def run(self, *args, stdin=None, context=None, check=True, timeout=None):
        argv = [f"{BIN}/bailey", "--context",
                context or self.path("controller/admin/context.yaml"), *args]
        done = subprocess.run(argv, input=stdin, capture_output=True, timeout=timeout or 2 * PATIENCE,
                              text=not isinstance(stdin, bytes),
                              env={**os.environ, "NO_COLOR": "1"})
        result = Result(done)
        if check and done.returncode != 0:
            raise AssertionError(f"bailey {' '.join(args)}: {result!r}")
        return result

    def wait(self, what, state, timeout=None):
        try:
            self.run("wait", what, "--for", state, "--timeout", f"{int(timeout or PATIENCE)}s")
        except AssertionError as e:
            logs = "".join(f"\n-- {n}\n{p.tail()}" for n, p in self.nodes.items())
            raise AssertionError(f"{e}\n-- controller\n{self.controller.tail()}{logs}") from None

    def apply(self, text, *options, check=True):
        return self.run("apply", "-f", "-", *options, stdin=text, check=check)

    def items(self, kind, *options):
        return self.run("get", kind, "-o", "json", *options).json()["items"]

    def keeps(self, workload, *options):
        return self.items("keeps", "--workload", workload, *options)

    def follow_until(self, good, *args):
        """The first JSON line of a command that goes on, for which good(line) is true."""
        tool = subprocess.Popen(
            [f"{BIN}/bailey", "--context", self.path("controller/admin/context.yaml"), *args,
             "-o", "json"], stdout=subprocess.PIPE)
        end = time.monotonic() + PATIENCE
        rest, seen = b"", []
        try:
            while True:
                readable, _, _ = select.select([tool.stdout], [], [], max(0, end - time.monotonic()))
                data = os.read(tool.stdout.fileno(), 1 << 20) if readable else b""
                if data == b"":
                    raise AssertionError(f"not seen in time; last: {seen[-3:]}\n"
                                         f"{self.controller.tail()}")
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    seen.append(json.loads(line))
                    if good(seen[-1]):
                        return seen[-1]
        finally:
            tool.kill()
            tool.wait()
            tool.stdout.close()

    def watch_until(self, kind, good, *options):
        """The first object for which good(object) is true, as the watch tells of it."""
        return self.follow_until(lambda change: "object" in change and good(change["object"]),
                                 "get", kind, "--watch", *options)["object"]

    def event_until(self, good, *args):
        return self.follow_until(lambda e: good(e["event"]), "events", "-f", *args)["event"]

    def program(self, name, text=LOOP):
        path = self.path(name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o755)
        return path

    def close(self):
        try:
            for w in self.items("workloads", "-A"):
                m = w["metadata"]
                self.run("delete", "workload", m["name"], "-n", m.get("namespace", "default"))
                self.wait_deleted(m)
        except (AssertionError, ValueError, OSError):
            pass  # the test said what matters already
        wrong = [self.ended_badly(n, p) for n, p in self.nodes.items()]
        wrong.append(self.ended_badly("controller", self.controller))
        shutil.rmtree(self.dir, ignore_errors=True)
        if any(wrong):
            raise AssertionError("\n".join(w for w in wrong if w))

    def ended_badly(self, name, process):
        """Ends a program; says what was wrong with its end, if anything: it was killed or failed by
        itself, or a sanitizer complained."""
        ended_before = process.popen.poll()
        code = process.end()
        log = process.tail()
        if "Sanitizer" in log or "runtime error:" in log or (ended_before is None and code != 0):
            return f"-- {name} ended with {code}\n{log}"
        return ""

    def wait_deleted(self, metadata):
        self.run("wait", "workload/" + metadata["name"], "-n", metadata.get("namespace", "default"),
                 "--for", "deleted", "--timeout", "20s", check=False)


def workload(name, path, replicas=1, extra=""):
    return f"""apiVersion: bailey/v1
kind: Workload
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  artifact: {{path: {path}}}
{extra}"""


def alive(pid):
    """Whether the process runs (a zombie does not)."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class ClusterTest(unittest.TestCase):
    """One cluster for all tests of a class."""

    options = ()
    fleet = {}

    @classmethod
    def setUpClass(cls):
        cls.c = Cluster(*cls.options)
        cls.addClassCleanup(cls.c.close)
        for name, simulate in cls.fleet.items():
            cls.c.start_node(name, simulate, wait=None)
        for name in cls.fleet:
            cls.c.wait(f"node/{name}", "verified")
