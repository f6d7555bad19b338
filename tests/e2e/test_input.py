"""What operators and strangers may send by mistake or on purpose: refused, explained, survived."""

import os
import unittest

from cluster import GENOA, Cluster, ClusterTest, workload

HEAD = "apiVersion: bailey/v1\nkind: Workload\nmetadata: {name: bad}\n"
ARTIFACT = f"artifact: {{digest: 'sha256:{'a' * 64}', name: x}}"

BAD = [  # name, text, what the complaint must say
    ("unknown field", HEAD + f"spec:\n  replicsa: 2\n  {ARTIFACT}\n", ("replicas", "5:")),
    ("wrong type", HEAD + f"spec:\n  replicas: many\n  {ARTIFACT}\n", ("replicas",)),
    ("negative", HEAD + f"spec:\n  replicas: -1\n  {ARTIFACT}\n", ("replicas",)),
    ("no kind", "apiVersion: bailey/v1\nmetadata: {name: bad}\n", ("kind",)),
    ("unknown kind", "apiVersion: bailey/v1\nkind: Wrokload\nmetadata: {name: bad}\n", ("Workload",)),
    ("bad name", HEAD.replace("bad", "Bad_Name") + f"spec: {{{ARTIFACT}}}\n", ("name",)),
    ("no artifact", HEAD + "spec: {replicas: 1}\n", ("artifact",)),
    ("empty selector", HEAD + f"spec: {{{ARTIFACT}, trust: {{accept: [{{}}]}}}}\n", ("accept",)),
    ("unknown generation", HEAD + f"spec: {{{ARTIFACT}, trust: {{refuse: [{{generation: millan}}]}}}}\n",
     ("milan",)),
    ("1 MB", HEAD + "# " + "x" * (1 << 20) + "\n", ("256 KiB",)),
    ("deep", HEAD + "spec: " + "[" * 500 + "]" * 500 + "\n", ()),
    ("alias bomb", "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n", ()),
    ("duplicate key", HEAD + f"spec:\n  replicas: 1\n  replicas: 2\n  {ARTIFACT}\n", ("replicas",)),
    ("NUL", (HEAD + f"spec: {{{ARTIFACT}, runtime: {{args: [\"a\\0b\"]}}}}\n"), ()),
    ("raw NUL", (HEAD + "spec: {}\n").encode() + b"# \0\n", ()),
    ("not UTF-8", HEAD.encode() + b"spec: {runtime: {args: ['\xff\xfe']}}\n", ()),
    ("empty", "", ()),
    ("not YAML", "{[}", ()),
]


class Input(ClusterTest):
    fleet = {"g1": GENOA}

    def test_bad_files(self):
        c = self.c
        for name, text, says in BAD:
            with self.subTest(name):
                data = text if isinstance(text, bytes) else text.encode()
                done = c.run("apply", "-f", "-", stdin=data, check=False)
                err = done.err.decode("utf-8", "replace")
                self.assertEqual(done.code, 1, err[:2000])
                self.assertEqual(done.out, b"")
                for word in says:
                    self.assertIn(word, err)
        self.assertEqual(c.items("workloads", "-A"), [])

    def test_all_or_nothing(self):
        c = self.c
        good = workload("good", c.program("loop"), 0)
        self.assertEqual(c.apply(good + "---\n" + HEAD + "spec: {}\n", check=False).code, 1)
        self.assertEqual(c.items("workloads"), [])

    def test_command_lines(self):
        c = self.c
        for argv, code in ((["aply"], 2), (["get"], 2), (["get", "pods"], 2),
                           (["get", "node", "nowhere"], 3), (["delete", "workload", "nobody"], 3),
                           (["why", "nobody"], 3), (["apply", "-f", "/nonexistent"], 3),
                           (["wait", "node/g1", "--for", "happy"], 2),
                           (["logs", "nobody"], 3)):
            with self.subTest(argv):
                done = c.run(*argv, check=False)
                self.assertEqual(done.code, code, done)
                self.assertTrue(done.err.startswith("bailey: "), done)
                self.assertEqual(done.out, "")

    def context(self, name, **fields):
        path = self.c.path(name + ".yaml")
        with open(path, "w") as f:
            for key, value in fields.items():
                f.write(f"{key}: {value}\n")
        return path

    def test_strangers(self):
        c = self.c
        admin = c.path("controller/admin")
        other = Cluster()
        self.addCleanup(other.close)
        strangers = {
            "no-certificate": dict(server=c.api, ca=f"{admin}/ca.pem"),
            "foreign": dict(server=c.api, ca=f"{admin}/ca.pem",
                            certificate=other.path("controller/admin/client.pem"),
                            key=other.path("controller/admin/client.key")),
            "wrong-ca": dict(server=c.api, ca=other.path("controller/admin/ca.pem"),
                             certificate=f"{admin}/client.pem", key=f"{admin}/client.key"),
        }
        for name, fields in strangers.items():
            with self.subTest(name):
                done = c.run("get", "nodes", "--timeout", "5s", context=self.context(name, **fields),
                             check=False)
                self.assertIn(done.code, (4, 7, 8), done)
                self.assertEqual(done.out, "")
        self.assertEqual(c.run("get", "nodes", "-o", "name").out, "node/g1\n")

    def test_node_is_no_operator(self):
        c = self.c
        files = [os.path.join(d, f) for d, _, fs in os.walk(c.path("node-g1")) for f in fs]
        keys = [f for f in files if f.endswith((".key", "key.pem"))]
        certs = [f for f in files if "cert" in os.path.basename(f) or f.endswith("node.pem")]
        if not keys or not certs:
            self.skipTest(f"no key or certificate among {files}")
        done = c.run("get", "nodes", context=self.context(
            "node", server=c.api, ca=c.path("controller/admin/ca.pem"), certificate=certs[0],
            key=keys[0]), check=False)
        self.assertEqual(done.code, 4, done)

    def test_token_is_for_one(self):
        c = self.c
        token = c.run("token", "create", "--node", "lone").out.strip()
        c.node_options["lone"] = ()  # it brings its own token
        c.start_node("lone", GENOA, "--enrol", c.enrol, "--token", token)
        c.node_options["thief"] = ()
        c.start_node("thief", GENOA, "--enrol", c.enrol, "--token", token, wait=None)
        self.assertNotEqual(c.nodes["thief"].popen.wait(60), 0)
        self.assertNotIn("node/thief", c.run("get", "nodes", "-o", "name").out)
        del c.nodes["thief"]


if __name__ == "__main__":
    unittest.main()
