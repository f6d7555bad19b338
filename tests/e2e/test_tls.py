#!/usr/bin/python3
"""Every call, by everybody: made from the descriptors, so that a new call cannot be forgotten.

Each method of each service of bailey.v1 is tried without a certificate, with one of a foreign CA, an
expired one, one that is not valid yet, one that the cluster's CA signed and the controller does not
know, one that was revoked, a node's, and one of each role. Who may is what the rule beside the call
says; everybody else must be refused, and a refused user must be told which role is needed.

Then the transport itself: TLS 1.1 and older, and suites without forward secrecy or AEAD, on each
port. Needs python3-grpcio, openssl and faketime.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import BIN, ClusterTest, PATIENCE  # noqa: E402

DESCRIPTORS = os.path.join(BIN, "../proto/descriptors.bin")
ROLES = ["viewer", "operator", "security_officer", "admin"]
REFUSED = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)
ADMITTED_WAIT = 2  # an admitted stream may have nothing to say; a refusal is waited for longer


def calls():
    """(path, streams from the client, streams to the client, roles that the rule names)."""
    files = descriptor_pb2.FileDescriptorSet()
    with open(DESCRIPTORS, "rb") as f:
        files.ParseFromString(f.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    options = message_factory.MessageFactory(pool).GetPrototype(
        pool.FindMessageTypeByName("google.protobuf.MethodOptions"))
    rule = pool.FindExtensionByName("bailey.v1.rule")
    roles = pool.FindEnumTypeByName("bailey.v1.Role").values_by_number
    options.RegisterExtension(rule)
    for file in files.file:
        if file.package != "bailey.v1":
            continue
        for service in file.service:
            for method in service.method:
                o = options.FromString(method.options.SerializeToString())
                yield (f"/bailey.v1.{service.name}/{method.name}", method.client_streaming,
                       method.server_streaming,
                       [roles[r].name for r in o.Extensions[rule].role])


def sh(*args, **kw):
    done = subprocess.run(args, capture_output=True, text=True, **kw)
    if done.returncode != 0:
        raise AssertionError(f"{args}: {done.stderr}")
    return done.stdout


class Everybody(ClusterTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.c.start_node("n1")
        cls.c.nodes["n1"].end(signal.SIGTERM)  # only its certificate is wanted
        cls.pki = cls.c.path("controller/pki")
        cls.cluster = cls.c.run("status", "-o", "json").json()["clusterId"]
        cls.certs = {"nobody": None,
                     "node": (cls.c.path("node-n1/key.pem"), cls.c.path("node-n1/node.pem"))}
        for role in ROLES:
            cls.certs[role] = cls.user(role.replace("_", "-"))
        cls.certs["revoked"] = cls.user("viewer", "gone")
        cls.c.run("user", "revoke", "gone")
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
           "-nodes", "-days", "30", "-subj", f"/O=bailey/CN={cls.cluster}", "-keyout",
           cls.c.path("foreign.key"), "-out", cls.c.path("foreign.pem"))
        ours = (f"{cls.pki}/ca.pem", f"{cls.pki}/ca.key")
        cls.certs["foreign"] = cls.sign("foreign-user", cls.c.path("foreign.pem"),
                                        cls.c.path("foreign.key"))
        cls.certs["expired"] = cls.sign("expired", *ours, at="-400d")
        cls.certs["early"] = cls.sign("early", *ours, at="+400d")
        cls.certs["unlisted"] = cls.sign("unlisted", *ours)
        with open(f"{cls.pki}/trust.pem", "rb") as f:
            cls.roots = f.read()
        cls.channels = {}

    @classmethod
    def user(cls, role, name=None):
        into = cls.c.path("user-" + (name or role))
        cls.c.run("user", "create", name or "u-" + role, "--role", role, "--into", into)
        return into + "/client.key", into + "/client.pem"

    @classmethod
    def sign(cls, name, ca, ca_key, at=None):
        """A certificate for user admin, by whichever authority, for 30 days from then on."""
        key, csr, pem = (cls.c.path(f"{name}.{x}") for x in ("key", "csr", "crt"))
        ext = cls.c.path(name + ".ext")
        with open(ext, "w") as f:
            f.write(f"subjectAltName=URI:bailey://{cls.cluster}/user/admin\n"
                    "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n"
                    "keyUsage=critical,digitalSignature\nauthorityKeyIdentifier=keyid\n")
        sh("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
           "-nodes", "-subj", "/CN=admin", "-keyout", key, "-out", csr)
        when = ["faketime", "-f", at] if at else []
        sh(*when, "openssl", "x509", "-req", "-in", csr, "-CA", ca, "-CAkey", ca_key,
           "-set_serial", "0x4242", "-days", "30", "-extfile", ext, "-out", pem)
        return key, pem

    def channel(self, who, target):
        if (who, target) not in self.channels:
            key = cert = None
            if self.certs[who]:
                key, cert = (pathlib.Path(p).read_bytes() for p in self.certs[who])
            c = grpc.secure_channel(target, grpc.ssl_channel_credentials(self.roots, key, cert))
            self.channels[who, target] = c
            self.addClassCleanup(c.close)
        return self.channels[who, target]

    def status(self, who, call, timeout):
        """How an empty request ends: (code, words)."""
        path, up, down, roles = call
        target = self.c.enrol if roles == ["anybody"] else self.c.api
        ch = self.channel(who, target)
        kind = {(0, 0): ch.unary_unary, (0, 1): ch.unary_stream, (1, 0): ch.stream_unary,
                (1, 1): ch.stream_stream}[bool(up), bool(down)]
        f = kind(path, request_serializer=bytes, response_deserializer=bytes)
        try:
            answer = f(iter([b""]) if up else b"", timeout=timeout)
            if down:
                next(iter(answer), None)
                answer.cancel()
            return grpc.StatusCode.OK, ""
        except grpc.RpcError as e:
            return e.code(), e.details()

    def may(self, who, roles):
        if "anybody" in roles:
            return who in ROLES + ["nobody", "node", "revoked", "unlisted"]
        if who == "node":
            return "node" in roles
        return who in ROLES and roles != ["node"] and (
            who in roles or who == "admin" or "viewer" in roles)

    def test_every_call_by_everybody(self):
        every = list(calls())
        self.assertGreater(len(every), 20)
        tried = 0
        for call in every:
            path, _, _, roles = call
            self.assertTrue(roles, f"{path} has no rule")
            for who in self.certs:
                if roles == ["anybody"] and who in ("foreign", "expired", "early"):
                    continue  # that port asks for no certificate
                with self.subTest(call=path, who=who):
                    may = self.may(who, roles)
                    code, words = self.status(who, call, ADMITTED_WAIT if may else PATIENCE)
                    tried += 1
                    if may:
                        self.assertNotIn("needs the role", words)
                        if roles != ["anybody"]:  # Join itself refuses a wrong token
                            self.assertNotIn(code, REFUSED, words)
                        self.assertNotEqual(code, grpc.StatusCode.UNAVAILABLE, words)
                        self.assertNotEqual(code, grpc.StatusCode.UNIMPLEMENTED, words)
                    elif who in ("nobody", "foreign", "expired", "early"):
                        self.assertEqual(code, grpc.StatusCode.UNAVAILABLE, words)  # no handshake
                    else:
                        self.assertIn(code, REFUSED, f"{code} {words}")
                        if who in ROLES and roles != ["node"]:
                            self.assertIn("needs the role", words)
                            self.assertIn(roles[0].replace("_", "-"), words)
        print(f"{len(every)} calls, {tried} tries", file=sys.stderr)

    def test_calls_exist_only_on_their_port(self):
        for path, up, down, roles in calls():
            other = self.c.api if roles == ["anybody"] else self.c.enrol
            with self.subTest(call=path):
                ch = self.channel("admin", other)
                f = (ch.stream_stream if up and down else ch.stream_unary if up else
                     ch.unary_stream if down else ch.unary_unary)(
                         path, request_serializer=bytes, response_deserializer=bytes)
                with self.assertRaises(grpc.RpcError) as raised:
                    answer = f(iter([b""]) if up else b"", timeout=PATIENCE)
                    if down:
                        next(iter(answer))
                self.assertIn(raised.exception.code(),
                              (grpc.StatusCode.UNIMPLEMENTED, *REFUSED))

    def handshake(self, target, *options):
        key, pem = self.certs["admin"]
        done = subprocess.run(
            ["openssl", "s_client", "-connect", target, "-CAfile", f"{self.pki}/trust.pem", "-cert",
             pem, "-key", key, "-alpn", "h2", "-brief", *options], stdin=subprocess.DEVNULL,
            capture_output=True, timeout=PATIENCE)
        words = done.stderr.decode("utf-8", "replace")
        return "CONNECTION ESTABLISHED" in words, words

    def test_old_tls_and_weak_suites(self):
        """A handshake comes before any call, so each port is tried, not each call."""
        for target in self.c.api, self.c.enrol:
            for good in (["-tls1_3"], ["-tls1_2"],
                         ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"]):
                ok, words = self.handshake(target, *good)
                self.assertTrue(ok, f"{target} {good}: {words}")
            for bad in (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
                        ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
                        *(["-tls1_2", "-cipher", suite + ":@SECLEVEL=0"] for suite in
                          ("AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA",
                           "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-NULL-SHA", "aNULL", "3DES",
                           "DHE-RSA-AES128-SHA"))):
                ok, words = self.handshake(target, *bad)
                self.assertFalse(ok, f"{target} {bad}: {words}")


if __name__ == "__main__":
    if shutil.which("faketime") is None:
        sys.exit("faketime is not there")
    unittest.main(verbosity=2)
