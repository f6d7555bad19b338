#!/usr/bin/python3
"""Users, roles, namespaces and second persons, over the real programs."""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import BIN, ClusterTest, LOOP, PATIENCE, workload  # noqa: E402

POLICY = """apiVersion: bailey/v1
kind: TrustPolicy
metadata: {name: %s}
spec:
  refuse:
    - {vendor: amd, generation: milan, because: "%s"}
"""


class Users(ClusterTest):
    def user(self, name, role, *options, check=True):
        into = self.c.path("user-" + name)
        r = self.c.run("user", "create", name, "--role", role, "--into", into, *options, check=check)
        return os.path.join(into, "context.yaml") if r.code == 0 else r

    def as_user(self, context, *args, stdin=None):
        return self.c.run(*args, context=context, stdin=stdin, check=False)

    def denied(self, result, *words):
        self.assertEqual(result.code, 4, result)
        for word in words:
            self.assertIn(word, result.err)


class Roles(Users):
    def test_each_role_may_what_it_says(self):
        viewer = self.user("vic", "viewer")
        operator = self.user("olga", "operator")
        officer = self.user("sam", "security-officer")
        path = self.c.program("roles-loop", LOOP)
        for who in viewer, operator, officer:
            self.assertEqual(self.as_user(who, "status").code, 0)
            self.assertEqual(self.as_user(who, "get", "nodes").code, 0)
        self.denied(self.as_user(viewer, "apply", "-f", "-", stdin=workload("w", path)),
                    "needs the role operator", "vic is viewer")
        self.denied(self.as_user(viewer, "token", "create"), "operator or security-officer")
        self.denied(self.as_user(operator, "apply", "-f", "-", stdin=POLICY % ("p", "x")),
                    "security-officer", "olga is operator")
        r = self.as_user(officer, "apply", "-f", "-", stdin=POLICY % ("p", "x"))
        self.assertEqual(r.code, 0, r)
        self.denied(self.as_user(officer, "apply", "-f", "-", stdin=workload("w", path)),
                    "needs the role operator")
        self.denied(self.as_user(officer, "user", "create", "eve", "--role", "admin", "--into",
                                 self.c.path("eve")), "needs the role admin")
        self.denied(self.as_user(operator, "delete", "policy", "p"), "security-officer")
        self.assertEqual(self.as_user(officer, "delete", "policy", "p").code, 0)

    def test_namespaces_bound_a_user(self):
        nina = self.user("nina", "operator", "--namespace", "red")
        path = self.c.program("ns-loop", LOOP)
        red = workload("n", path).replace("{name: n}", "{name: n, namespace: red}")
        blue = red.replace("red", "blue")
        r = self.as_user(nina, "apply", "-f", "-", stdin=red)
        self.assertIn(r.code, (0, 6), r)  # 6: no node has a place for it
        self.denied(self.as_user(nina, "apply", "-f", "-", stdin=blue), "blue", "nina")
        self.denied(self.as_user(nina, "get", "workloads", "-n", "blue"), "blue")
        self.denied(self.as_user(nina, "get", "workloads", "-A"), "all namespaces")
        self.assertEqual(self.as_user(nina, "get", "workloads", "-n", "red").code, 0)
        self.assertEqual(self.as_user(nina, "get", "nodes").code, 0)
        self.denied(self.as_user(nina, "token", "create"), "whole cluster")
        bea = self.user("bea", "viewer", "--namespace", "blue")
        event = self.c.items("events", "-n", "red")[0]["metadata"]["name"]
        self.assertEqual(self.as_user(nina, "get", "event", event, "-n", "red").code, 0)
        # knowing a name does not help past the namespace
        self.assertEqual(self.as_user(bea, "get", "event", event, "-n", "blue").code, 3)
        self.c.run("delete", "workload", "n", "-n", "red")

    def test_a_revoked_user_is_out_at_once_with_open_streams(self):
        rita = self.user("rita", "viewer")
        watch = subprocess.Popen([f"{BIN}/bailey", "--context", rita, "events", "-f"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(watch.kill)
        watch.stdout.readline()  # the stream is open
        self.c.run("user", "revoke", "rita")
        _, err = watch.communicate(timeout=PATIENCE)
        self.assertNotEqual(watch.returncode, 0)
        self.assertIn("counts no more", err)
        self.denied(self.as_user(rita, "status"), "counts no more")
        self.assertEqual(self.user("rita", "viewer", check=False).code, 5)

    def test_one_certificate_of_several_is_revoked(self):
        one = self.user("paul", "viewer")
        two = self.c.path("user-paul-2")
        self.c.run("user", "create", "paul", "--role", "viewer", "--into", two)
        serial = self.as_user(one, "whoami", "-o", "json").json()["serial"]
        self.c.run("user", "revoke", "paul", "--serial", serial)
        self.denied(self.as_user(one, "status"), serial)
        self.assertEqual(self.as_user(two + "/context.yaml", "status").code, 0)

    def test_the_last_admin_stays(self):
        self.assertEqual(self.c.run("user", "revoke", "admin", check=False).code, 5)


class SecondPerson(Users):
    def test_the_requester_cannot_approve_his_own(self):
        ann = self.user("ann", "security-officer")
        bob = self.user("bob", "security-officer")
        alone = self.c.run("settings", "set", "--require-approval", "policy", check=False)
        self.assertEqual(alone.code, 5, alone)  # it could never be taken back
        max_ = self.user("max", "admin")
        self.c.run("settings", "set", "--require-approval", "policy,exception")
        text = POLICY % ("two", "agreed")
        first = self.as_user(ann, "apply", "-f", "-", stdin=text)
        self.denied(first, "second person", "bailey approval approve a-")
        again = self.as_user(ann, "apply", "-f", "-", stdin=text)
        self.denied(again, "second person")  # asking twice is asking once
        waiting = self.as_user(bob, "approval", "list", "-o", "json").json()["approvals"]
        mine = [a for a in waiting if a["requestedBy"] == "ann"]
        self.assertEqual(len(mine), 1, waiting)
        name = mine[0]["id"]
        self.denied(self.as_user(ann, "approval", "approve", name), "cannot approve it")
        self.assertEqual(self.as_user(bob, "approval", "approve", name).code, 0)
        other = self.as_user(ann, "apply", "-f", "-", stdin=POLICY % ("two", "something else"))
        self.denied(other, "second person")  # what was approved is exactly what was asked
        done = self.as_user(ann, "apply", "-f", "-", stdin=text)
        self.assertEqual(done.code, 0, done)
        self.denied(self.as_user(ann, "delete", "policy", "two"), "second person")
        # the rule itself and new users need one, too
        self.denied(self.c.run("settings", "set", "--require-approval", "none", check=False),
                    "second person")
        self.denied(self.user("carl", "admin", check=False), "second person")
        waiting = self.as_user(bob, "approval", "list", "-o", "json").json()["approvals"]
        off = [a for a in waiting if a["change"] == "settings"]
        self.assertEqual(self.as_user(bob, "approval", "approve", off[0]["id"]).code, 4,
                         "a security officer cannot stand in for an admin")
        self.assertEqual(self.as_user(max_, "approval", "approve", off[0]["id"]).code, 0)
        self.c.run("settings", "set", "--require-approval", "none")
        self.assertEqual(self.as_user(ann, "delete", "policy", "two").code, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
