"""The audit log: complete, tamper-evident, and remembered by agents; backups and receipts."""

import json
import os
import select
import sqlite3
import subprocess
import time
import unittest

from cluster import BIN, GENOA, MILAN, Cluster, ClusterTest, Result, workload


def read(path, mode="r"):
    with open(path, mode) as f:
        return f.read()


def controller_command(*args):
    """bailey-controller backup, restore, fsck."""
    return Result(subprocess.run([f"{BIN}/bailey-controller", *args], capture_output=True,
                                 text=True, timeout=60))


def private_state(test, c):
    """What `bailey audit verify` remembers belongs to this test alone."""
    old = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = c.path("state")

    def back():
        if old is None:
            del os.environ["XDG_STATE_HOME"]
        else:
            os.environ["XDG_STATE_HOME"] = old
    test.addCleanup(back)


def entries(c, *options):
    out = c.run("audit", "tail", "--tail", "100000", "-o", "json", *options).out
    return [json.loads(line) for line in out.splitlines()]


class Audit(ClusterTest):
    fleet = {"g1": GENOA, "g2": GENOA}

    def setUp(self):
        private_state(self, self.c)

    def test_what_is_recorded(self):
        c = self.c
        c.apply(workload("said", c.program("said"), 2))
        c.wait("workload/said", "running")
        c.run("node", "cordon", "g1")
        c.run("node", "uncordon", "g1")
        c.run("delete", "workload", "said")
        c.wait("workload/said", "deleted")
        all_ = entries(c)
        self.assertEqual([int(e["sequence"]) for e in all_], list(range(len(all_))))
        revisions = [int(e["revision"]) for e in all_]
        self.assertEqual(revisions, sorted(revisions))
        seen = {(e["action"], e["actor"]) for e in all_}
        for wanted in (("controller.started", "controller"), ("token.created", "user/admin"),
                       ("node.enrolled", "controller"), ("evidence.verified", "controller"),
                       ("workload.created", "user/admin"), ("keep.placed", "controller"),
                       ("node.cordoned", "user/admin"), ("node.uncordoned", "user/admin"),
                       ("workload.deleting", "user/admin"), ("keep.stopping", "controller")):
            self.assertIn(wanted, seen)
        placed = [e for e in all_ if e["action"] == "keep.placed" and "said" in e["object"]]
        self.assertEqual(len(placed), 2)
        evidence = {e["evidence"] for e in all_ if e["action"] == "evidence.verified"}
        for e in placed:
            self.assertIn(e["evidence"], evidence)
            self.assertIn("genoa", e["facts"])
            self.assertRegex(e["policy"], "^[0-9a-f]{64}$")
        where = entries(c, "--where", "actor=user/*,action=node.cordoned")
        self.assertEqual({(e["actor"], e["action"]) for e in where}, {("user/admin", "node.cordoned")})
        self.assertIn("Node g1", {e["object"] for e in where})

    def test_verify_export_prove(self):
        c = self.c
        first = c.run("audit", "verify", "-o", "json").json()
        self.assertTrue(first["verified"])
        c.run("node", "cordon", "g2")
        c.run("node", "uncordon", "g2")
        again = c.run("audit", "verify", "-o", "json").json()
        self.assertGreaterEqual(int(again["entries"]), int(first["entries"]) + 2)
        self.assertEqual(again["seenBefore"], first["entries"])
        log, proof = c.path("audit.log"), c.path("entry.proof")
        c.run("audit", "export", log)
        ca = c.path("controller/pki/ca.pem")
        nowhere = "/nonexistent"  # files are verified without any cluster
        c.run("audit", "verify", log, "--ca", ca, context=nowhere)
        with open(proof, "w") as f:
            f.write(c.run("audit", "prove", "2").out)
        c.run("audit", "verify", proof, "--ca", ca, context=nowhere)
        text = read(log)
        for old, new, reason in (("action: node.cordoned", "action: node.reloaded", "audit.root"),
                                 ("actor: user/admin", "actor: user/nobod", "audit.root"),
                                 ("size: ", "size: 9", "audit.signature")):
            self.assertIn(old, text)
            with open(log, "w") as f:
                f.write(text.replace(old, new, 1))
            bad = c.run("audit", "verify", log, "--ca", ca, context=nowhere, check=False)
            self.assertEqual(bad.code, 6, bad)
            self.assertIn(reason, bad.err)
        last = text.rindex("bailey-audit-entry-v1")
        with open(log, "w") as f:
            f.write(text[:last])
        bad = c.run("audit", "verify", log, "--ca", ca, context=nowhere, check=False)
        self.assertEqual(bad.code, 6, bad)
        self.assertIn("audit.shorter", bad.err)

    def test_receipt(self):
        c = self.c
        c.apply(workload("proven", c.program("proven"), 1))
        c.wait("workload/proven", "running")
        keep = c.keeps("proven")[0]
        path, ca = c.path("keep.receipt"), c.path("controller/pki/ca.pem")
        c.run("receipt", keep["metadata"]["name"], path)
        said = c.run("receipt", "verify", path, "--ca", ca, "-o", "json",
                     context="/nonexistent").json()
        self.assertEqual(said["keep"], keep["metadata"]["uid"])
        self.assertEqual(said["node"], keep["spec"]["node"])
        self.assertEqual(said["artifact"], keep["spec"]["artifactDigest"])
        self.assertEqual(said["epoch"], str(keep["spec"]["epoch"]))
        c.run("receipt", "verify", path, "--key", c.path("controller/pki/audit.pem"),
              context="/nonexistent")
        text = read(path)
        lines = [l for l in text.splitlines() if l.startswith(("statement.", "head.", "inclusion."))]
        for line in lines:  # every field
            name, value = line.split(": ", 1)
            with open(path, "w") as f:
                f.write(text.replace(line, f"{name}: {'1' if value[0] == '0' else '0'}{value[1:]}", 1))
            bad = c.run("receipt", "verify", path, "--ca", ca, check=False)
            self.assertEqual(bad.code, 6, bad)
            self.assertIn(name, bad.err)
        c.run("delete", "workload", "proven")
        c.wait("workload/proven", "deleted")

    def test_survives_sigkill(self):
        c = self.c
        for round_ in range(5):
            for i in range(4):
                c.run("node", "cordon" if i % 2 == 0 else "uncordon", "g1")
            acknowledged = entries(c)
            c.kill_controller()
            c.start_controller()
            after = entries(c)
            self.assertEqual(after[:len(acknowledged)], acknowledged)
            self.assertIn("controller.started",
                          [e["action"] for e in after[len(acknowledged):]])
            c.run("audit", "verify")
        for node in ("g1", "g2"):
            c.wait(f"node/{node}", "connected")


class Stores(unittest.TestCase):
    """One cluster a test: they are damaged."""

    def setUp(self):
        self.c = Cluster()
        self.addCleanup(self.c.close)
        private_state(self, self.c)
        self.data = self.c.path("controller")
        self.store = self.c.path("controller/bailey.db")

    def stop(self):
        self.assertEqual(self.c.controller.end(), 0)

    def fsck(self):
        return controller_command("fsck", "--data", self.data)

    def edit(self, sql, *values):
        with sqlite3.connect(self.store) as db:
            self.assertGreater(db.execute(sql, values).rowcount, 0)
        db.close()

    def test_edited_store(self):
        c = self.c
        for _ in range(3):
            c.run("token", "create")
        c.run("audit", "verify")
        self.stop()
        self.assertEqual(self.fsck().code, 0)
        self.edit("UPDATE record SET value=CAST(REPLACE(CAST(value AS TEXT),'user/admin',"
                  "'user/nobod') AS BLOB) WHERE key=?", b"audit/e/%020d" % 2)
        bad = self.fsck()
        self.assertEqual(bad.code, 6, bad)
        self.assertIn("audit: the log is not the one that was signed", bad.out)
        c.start_controller()
        bad = c.run("audit", "verify", check=False)
        self.assertEqual(bad.code, 6, bad)
        self.assertIn("audit.root", bad.err)

    def test_fsck_finds(self):
        c = self.c
        c.start_node("g1")
        c.apply(workload("w", c.program("w"), 1))
        c.wait("workload/w", "running")
        for _ in range(8):  # until a node of the tree is stored
            c.run("node", "cordon", "g1")
            c.run("node", "uncordon", "g1")
        self.stop()
        self.assertEqual(self.fsck().code, 0, self.fsck())
        pristine = read(self.store, "rb")
        for sql, told in (
                ("DELETE FROM record WHERE key=CAST('workload/default/w' AS BLOB)",
                 "its workload w is not there"),
                ("UPDATE record SET value=CAST('x' AS BLOB) WHERE key=CAST('node/g1' AS BLOB)",
                 "node/g1: it cannot be read"),
                ("UPDATE record SET key=CAST('node/g2' AS BLOB) WHERE key=CAST('node/g1' AS BLOB)",
                 "it says it is node/g1"),
                ("DELETE FROM record WHERE key=CAST('cluster' AS BLOB)", "cluster: the record"),
                ("DELETE FROM record WHERE key=CAST('audit/e/00000000000000000001' AS BLOB)",
                 "audit: entry 1 is not there"),
                ("UPDATE record SET value=zeroblob(32) WHERE"
                 " key=CAST('audit/n/04/00000000000000000000' AS BLOB)",
                 "audit/n/04/00000000000000000000: not the hash"),
                ("UPDATE record SET value=zeroblob(40) WHERE key=CAST('audit/tree' AS BLOB)",
                 "audit/tree: it is not the tree"),
        ):
            self.edit(sql)
            bad = self.fsck()
            self.assertEqual(bad.code, 6, (sql, bad))
            self.assertIn(told, bad.out)
            with open(self.store, "wb") as f:
                f.write(pristine)
        self.assertEqual(self.fsck().code, 0)
        c.start_controller()

    def refused(self, reason):
        with self.assertRaises(AssertionError) as said:
            self.c.start_controller()
        self.assertIn(reason, str(said.exception))

    def test_other_versions(self):
        c = self.c
        self.stop()
        with sqlite3.connect(self.store) as db:
            db.execute("PRAGMA user_version=1")  # of before the log
        db.close()
        c.start_controller()
        self.stop()
        with sqlite3.connect(self.store) as db:
            self.assertEqual(db.execute("PRAGMA user_version").fetchone()[0], 2)
            db.execute("PRAGMA user_version=3")
        db.close()
        self.refused("store.newer")
        bad = self.fsck()
        self.assertEqual(bad.code, 1)
        self.assertIn("newer version", bad.err)
        with sqlite3.connect(self.store) as db:
            db.execute("PRAGMA user_version=2")
        db.close()
        c.start_controller()

    def test_damaged_pages(self):
        c = self.c
        for _ in range(40):
            c.run("token", "create")
        backup = c.path("backup")
        self.assertEqual(controller_command("backup", "--data", self.data, backup).code, 0)
        self.stop()
        size = os.path.getsize(self.store)
        with open(self.store, "r+b") as f:
            f.seek(4096)
            f.write(b"\xa5" * (size - 4096))
        self.assertNotEqual(self.fsck().code, 0)
        self.refused("store.corrupt")
        done = controller_command("restore", "--data", self.data, backup)
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.fsck().code, 0)
        c.start_controller()
        c.run("audit", "verify")

    def test_backup_while_running(self):
        c = self.c
        c.run("token", "create")
        backup = c.path("backup")
        self.assertEqual(controller_command("backup", "--data", self.data, backup).code, 0)
        twice = controller_command("backup", "--data", self.data, backup)
        self.assertEqual(twice.code, 1)
        self.assertIn("is there already", twice.err)
        busy = controller_command("restore", "--data", self.data, backup)
        self.assertEqual(busy.code, 1)
        self.assertIn("a controller runs on", busy.err)
        with open(backup, "r+b") as f:
            f.seek(0)
            f.write(b"no store")
        self.stop()
        bad = controller_command("restore", "--data", self.data, backup)
        self.assertEqual(bad.code, 1, bad)
        self.assertEqual(self.fsck().code, 0, "a bad backup leaves the store alone")
        c.start_controller()


class Rollback(unittest.TestCase):
    """A store that agents have seen more of."""

    def test_rollback(self):
        c = Cluster("--lease", "1s")
        self.addCleanup(c.close)
        private_state(self, c)
        c.start_node("g1")
        c.start_node("m1", MILAN)
        backup = c.path("backup")
        data = c.path("controller")
        self.assertEqual(controller_command("backup", "--data", data, backup).code, 0)
        for _ in range(5):
            c.run("node", "cordon", "m1")
            c.run("node", "uncordon", "m1")
        head = int(c.run("audit", "verify", "-o", "json").json()["entries"])
        self.wait_head(c, "g1", head)
        self.assertEqual(c.controller.end(), 0)
        self.assertEqual(controller_command("restore", "--data", data, backup).code, 0)

        c.start_controller()
        self.wait_log(c, "rollback-suspected")
        bad = c.run("node", "cordon", "g1", check=False)
        self.assertNotEqual(bad.code, 0)
        self.assertIn("audit.rollback-suspected", bad.err)
        c.run("get", "nodes")  # reading goes on
        self.assertRegex(c.run("status", "-o", "json").json()["suspended"],
                         "^rollback suspected: node (g1|m1) has seen")
        self.assertEqual(c.controller.end(), 0)

        c.options.append("--accept-rollback")
        c.start_controller()
        c.options.remove("--accept-rollback")
        for node in ("g1", "m1"):
            c.wait(f"node/{node}", "connected")
        actions = [e["action"] for e in entries(c)]
        self.assertIn("store.rollback-accepted", actions)
        self.assertIn("audit.head-forgotten", actions)
        c.apply(workload("after", c.program("after"), 1))
        c.wait("workload/after", "running")  # agents take the new numbers
        refused = c.run("audit", "verify", check=False)
        self.assertEqual(refused.code, 6, "the operator has seen more, too")
        c.run("audit", "verify", "--force")

        head = int(c.run("audit", "verify", "-o", "json").json()["entries"])
        self.wait_head(c, "g1", head)
        self.assertEqual(c.controller.end(), 0)
        c.start_controller()  # and no flag is needed any more
        c.wait("node/g1", "connected")
        c.run("node", "cordon", "g1")

    def wait_head(self, c, node, size):
        """Until the node's disk holds a head of that many entries: its file changes with each."""
        end = time.monotonic() + 60
        notify = subprocess.Popen(["tail", "-n", "0", "-F", c.path(f"node-{node}/tree-head")],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            while time.monotonic() < end:
                if self.head_size(c.path(f"node-{node}/tree-head")) >= size:
                    return
                select.select([notify.stdout], [], [], 0.2)
                if notify.stdout in select.select([notify.stdout], [], [], 0)[0]:
                    os.read(notify.stdout.fileno(), 65536)
        finally:
            notify.kill()
            notify.wait()
            notify.stdout.close()
        self.fail(f"node {node} never saw the head of {size} entries\n{c.controller.tail()}")

    @staticmethod
    def head_size(path):
        """Field 2 of the packed TreeHead."""
        try:
            data = read(path, "rb")
        except OSError:
            return 0
        at = 2 + data[1]  # behind the cluster's UUID
        value = shift = 0
        assert data[at] == 0x10
        while True:
            at += 1
            value |= (data[at] & 0x7f) << shift
            shift += 7
            if data[at] < 0x80:
                return value

    def wait_log(self, c, word):
        end = time.monotonic() + 60
        follow = subprocess.Popen(["tail", "-n", "+1", "-F", c.path("controller.log")],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        seen = b""
        try:
            while word.encode() not in seen:
                ready, _, _ = select.select([follow.stdout], [], [], max(0, end - time.monotonic()))
                self.assertTrue(ready, f"never said: {word}\n{c.controller.tail()}")
                seen += os.read(follow.stdout.fileno(), 65536)
        finally:
            follow.kill()
            follow.wait()
            follow.stdout.close()


if __name__ == "__main__":
    unittest.main()
