"""What a controller tells programs that watch it: metrics, health, and how little it lets them do."""

import http.client
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import unittest

from cluster import GENOA, MILAN, PATIENCE, ClusterTest, workload

RULES = os.path.join(os.path.dirname(__file__), "../../deploy/prometheus/bailey.rules.yml")
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(r"([a-z_]+)(?:\{((?:" + LABEL + r")(?:," + LABEL + r")*)\})? (\S+)")


def parse(text):
    """The text format, read strictly: {(name, (label, ...)): value}; every sample under a family that
    was announced once, no series twice, histograms that add up."""
    families, series = {}, {}
    current = None
    if not text.endswith("\n"):
        raise AssertionError("the last line does not end")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current = line.split(" ", 3)[2]
            if current in families or not line.split(" ", 3)[3].strip():
                raise AssertionError(f"announced twice, or without help: {line}")
            families[current] = None
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if name != current or kind not in ("gauge", "counter", "histogram"):
                raise AssertionError(line)
            families[name] = kind
        elif line.startswith("#"):
            raise AssertionError(line)
        else:
            m = SAMPLE.fullmatch(line)
            if not m:
                raise AssertionError(f"no sample: {line}")
            name, labels, value = m.group(1), m.group(2) or "", float(m.group(3))
            base = re.sub("_(bucket|sum|count)$", "", name) if families[current] == "histogram" else name
            if base != current:
                raise AssertionError(f"{name} stands under {current}")
            key = (name, tuple(re.findall(LABEL, labels)))
            if key in series:
                raise AssertionError(f"twice: {line}")
            if families[current] == "counter" and not (name.endswith("_total") and value >= 0):
                raise AssertionError(line)
            series[key] = value
    check_histograms(families, series)
    return series


def check_histograms(families, series):
    for name in (n for n, kind in families.items() if kind == "histogram"):
        rows = {}
        for (sample, labels), value in series.items():
            if sample == name + "_bucket":
                rest = tuple(l for l in labels if not l.startswith("le="))
                rows.setdefault(rest, []).append(value)
        for rest, buckets in rows.items():
            if buckets != sorted(buckets) or buckets[-1] != series[(name + "_count", rest)]:
                raise AssertionError(f"{name} {rest}: {buckets}")


class Metrics(ClusterTest):
    options = ("--http-listen", "127.0.0.1:0")
    fleet = {"milan": MILAN, "genoa": GENOA}

    def get(self, path, method="GET", **headers):
        host, port = self.c.http.rsplit(":", 1)
        link = http.client.HTTPConnection(host, int(port), timeout=20)
        try:
            link.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            answer = link.getresponse()
            return answer.status, answer.read().decode(), answer.headers
        finally:
            link.close()

    def raw(self, data, half_close=False):
        """All that comes back for these bytes, until the controller ends the connection."""
        host, port = self.c.http.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=20) as s:
            s.sendall(data)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            got = b""
            while piece := s.recv(65536):
                got += piece
        return got

    def scrape(self):
        status, text, headers = self.get("/metrics")
        self.assertEqual(status, 200)
        self.assertEqual(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        return parse(text)

    def value(self, name, **labels):
        want = {f'{k}="{v}"' for k, v in labels.items()}
        found = [v for (n, l), v in self.scrape().items() if n == name and want <= set(l)]
        self.assertTrue(found, f"no {name} {labels}")
        return sum(found)

    def until(self, holds):
        """A page that took long to make is given again for a while: what it says comes true."""
        end = time.monotonic() + PATIENCE
        while not holds():
            self.assertLess(time.monotonic(), end, "the page does not come to say so")

    def reaches(self, want, name, **labels):
        wanted = {f'{k}="{v}"' for k, v in labels.items()}

        def found():
            return [v for (n, l), v in self.scrape().items() if n == name and wanted <= set(l)]
        self.until(lambda: found() and sum(found()) == want)

    def test_counts(self):
        c = self.c
        self.reaches(1, "bailey_nodes", trust="verified", vendor="amd", generation="milan",
                     assurance="simulated")
        self.reaches(2, "bailey_nodes")
        self.reaches(2, "bailey_sessions")
        self.assertGreaterEqual(self.value("bailey_evidence_verifications_total", verdict="verified"), 2)
        placed = self.value("bailey_placements_total")
        commits = self.value("bailey_store_commit_seconds_count")
        c.apply(workload("counted", c.program("loop"), 2, "  trust: {accept: [{generation: genoa}]}\n"))
        c.wait("workload/counted", "running")
        self.reaches(2, "bailey_keeps", state="running")
        self.reaches(placed + 2, "bailey_placements_total")
        self.assertGreater(self.value("bailey_store_commit_seconds_count"), commits)
        self.assertGreater(self.value("bailey_store_records_total"), 0)
        self.assertGreaterEqual(self.value("bailey_api_calls_total", method="Operator/Apply", code="OK"), 1)
        refused = self.value("bailey_api_calls_total", method="Operator/Get") if any(
            n == "bailey_api_calls_total" and 'code="NOT_FOUND"' in l
            for n, l in self.scrape()) else 0
        c.run("get", "workload", "nobody", check=False)
        self.until(lambda: any(n == "bailey_api_calls_total" and 'code="NOT_FOUND"' in l and v > refused
                               for (n, l), v in self.scrape().items()))
        c.apply(workload("waits", c.program("loop"), 3, "  trust: {accept: [{generation: turin}]}\n"),
                check=False)
        self.reaches(3, "bailey_keeps_pending", reason="not-accepted")
        self.reaches(2, "bailey_workloads")
        for name in ("counted", "waits"):
            c.run("delete", "workload", name)
            c.wait(f"workload/{name}", "deleted")

    def test_revocations(self):
        c = self.c
        c.apply(workload("leaves", c.program("loop"), 2,
                         "  placement: {spread: [{over: node, maxSkew: 1}]}\n"))
        c.wait("workload/leaves", "running")
        c.run("revoke", "--vendor", "amd", "--generation", "milan", "--because", "a test", "--name", "m",
              "--watch", "--timeout", "60s")
        m = {"revocation": "m"}
        self.reaches(1, "bailey_revocation_state", state="done", **m)
        self.reaches(1, "bailey_revocation_state", **m)
        self.reaches(0, "bailey_revocation_keeps_remaining", **m)
        self.reaches(1, "bailey_revocation_nodes", **m)
        self.assertGreater(self.value("bailey_revocation_exposure_seconds", **m), 0)
        zero = self.value("bailey_revocation_zero_seconds", **m)
        self.assertLessEqual(self.value("bailey_revocation_fenced_seconds", **m), zero)
        self.assertLessEqual(self.value("bailey_revocation_half_seconds", **m), zero)
        self.reaches(1, "bailey_nodes", trust="revoked")
        c.run("lift", "m", "--because", "the test is over")
        self.reaches(1, "bailey_revocation_state", state="lifted", **m)
        c.run("delete", "revocation", "m")
        self.until(lambda: "bailey_revocation_state" not in {n for n, _ in self.scrape()})
        c.run("delete", "workload", "leaves")
        c.wait("workload/leaves", "deleted")
        c.wait("node/milan", "verified")

    def test_refused_evidence_is_counted_by_reason(self):
        self.c.start_node("bad", MILAN + ",defect=bad-signature", wait=None)
        self.c.wait("node/bad", "refused")
        reasons = [l for (n, l), v in self.scrape().items()
                   if n == "bailey_evidence_verifications_total" and 'verdict="refused"' in l and v > 0]
        self.assertEqual(len(reasons), 1)
        self.assertEqual(self.value("bailey_nodes", trust="refused"), 1)
        self.c.nodes["bad"].end()

    def test_openmetrics(self):
        status, text, headers = self.get(
            "/metrics", Accept="application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3")
        self.assertEqual(status, 200)
        self.assertTrue(headers["Content-Type"].startswith("application/openmetrics-text"))
        self.assertTrue(text.endswith("\n# EOF\n"))
        self.assertIn("# TYPE bailey_placements counter\nbailey_placements_total ", text)

    def test_health(self):
        self.assertEqual(self.get("/healthz")[:2], (200, "ok\n"))
        self.assertEqual(self.get("/readyz")[:2], (200, "ready\n"))
        status, text, headers = self.get("/readyz", method="HEAD")
        self.assertEqual((status, text, headers["Content-Length"]), (200, "", "6"))
        self.assertIn("/metrics", self.get("/")[1])

    def test_nothing_else_is_let_through(self):
        for method, path, want in (("POST", "/metrics", 405), ("DELETE", "/", 405),
                                   ("GET", "/../etc/passwd", 404), ("GET", "/metrics/", 404)):
            self.assertEqual(self.get(path, method=method)[0], want, (method, path))
        # A page under a name that leads here (DNS rebinding) is told nothing.
        self.assertEqual(self.get("/metrics", Host="evil.example:8442")[0], 421)
        for data, want in ((b"GET / HTTP/1.1\r\n\r\n", 400), (b"\x16\x03\x01\x02\x00" * 40 + b"\r\n\r\n", 400),
                           (b"GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505),
                           (b"GET /" + b"a" * 9000, 431),
                           (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\n\r\nabc", 413)):
            self.assertTrue(self.raw(data).startswith(b"HTTP/1.1 %d " % want), data[:40])
        self.assertEqual(self.raw(b"GET / HT", half_close=True), b"")

    def test_pipelined_requests_are_answered_in_order(self):
        one = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        last = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        got = self.raw(one * 20 + last)
        self.assertEqual((got.count(b"HTTP/1.1 200"), got.count(b"ok\n")), (21, 20))
        self.assertTrue(got.endswith(b"ready\n"))

    def test_slow_clients_are_cut_and_do_not_hold_others_up(self):
        host, port = self.c.http.rsplit(":", 1)
        slow = [socket.create_connection((host, int(port)), timeout=30) for _ in range(20)]
        for s in slow:
            s.sendall(b"GET /metr")
        self.assertEqual(self.get("/healthz")[0], 200)
        for s in slow:  # the head's time is over: the end comes from the controller
            self.assertEqual(s.recv(100), b"")
            s.close()

    def test_many_idle_connections_make_room(self):
        host, port = self.c.http.rsplit(":", 1)
        idle = [socket.create_connection((host, int(port)), timeout=30) for _ in range(100)]
        self.assertEqual(self.get("/healthz")[0], 200)
        for s in idle:
            s.close()

    def test_scrapes_from_many_at_once(self):
        wrong = []

        def work():
            for _ in range(5):
                try:
                    parse(self.get("/metrics")[1])
                except Exception as e:  # noqa: BLE001 - told below
                    wrong.append(e)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_promtool_has_nothing_to_say(self):
        done = subprocess.run(["promtool", "check", "metrics"], input=self.get("/metrics")[1],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        done = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed")
    def test_rules_speak_of_metrics_that_exist(self):
        with open(RULES) as f:
            named = set(re.findall(r"\b(bailey_[a-z_]+)", f.read()))
        series = self.get("/metrics")[1]
        for name in named - {"bailey_controller"}:
            base = re.sub("_(bucket|sum|count)$", "", name)
            self.assertTrue(f"# TYPE {base} " in series, f"nothing is called {base}")


class Restart(ClusterTest):
    options = ("--http-listen", "127.0.0.1:0")

    def test_counts_after_a_restart(self):
        c = self.c
        c.kill_controller()
        c.start_controller()
        host, port = c.http.rsplit(":", 1)
        link = http.client.HTTPConnection(host, int(port), timeout=20)
        link.request("GET", "/metrics")
        series = parse(link.getresponse().read().decode())
        link.close()
        self.assertEqual(series[("bailey_controller_epoch", ())], 2)
        self.assertLessEqual(series[("bailey_start_time_seconds", ())], time.time() + 1)


if __name__ == "__main__":
    unittest.main()
