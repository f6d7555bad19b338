"""Calls the interop server with Python's gRPC, knowing nothing but what reflection tells.

Usage: client.py SERVER_PROGRAM. Exit status 77: skipped, a module is missing."""
import socket
import ssl
import subprocess
import sys

try:
    import grpc
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


def varint(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def fields(data):
    """The length-delimited fields of a message, as (number, bytes)."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            number()
            continue
        size = number()
        yield tag >> 3, data[at : at + size]
        at += size


def read(directory, name):
    with open(f"{directory}/{name}", "rb") as f:
        return f.read()


def identity(x):
    return x


class Client:
    def __init__(self, port, directory, name):
        ca = read(directory, "ca.pem")
        pair = (None, None)
        if name is not None:
            pair = (read(directory, name + ".key"), read(directory, name + ".pem"))
        creds = grpc.ssl_channel_credentials(ca, *pair)
        self.channel = grpc.secure_channel(
            f"127.0.0.1:{port}", creds, [("grpc.max_send_message_length", 8 << 20)]
        )
        self.pool = descriptor_pool.DescriptorPool()
        self.factory = message_factory.MessageFactory(self.pool)

    def reflect(self, version, number, text):
        call = self.channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo", identity, identity
        )
        answers = list(call(iter([field(number, text.encode())]), timeout=10))
        assert len(answers) == 1
        return dict(fields(answers[0]))

    def learn(self, version, symbol):
        """Adds the file of a symbol and all it imports to the pool."""
        files = [descriptor_pb2.FileDescriptorProto.FromString(data)
                 for _, data in fields(self.reflect(version, 4, symbol)[4])]
        todo = {f.name: f for f in files}
        done = set()

        def add(name):
            if name in done:
                return
            done.add(name)
            for needed in todo[name].dependency:
                add(needed)
            self.pool.Add(todo[name])

        for name in todo:
            add(name)

    def message(self, name):
        return self.factory.GetPrototype(self.pool.FindMessageTypeByName(name))

    def unary(self, method, request, reply, timeout=10, **values):
        call = self.channel.unary_unary(
            method, lambda m: m.SerializeToString(), self.message(reply).FromString
        )
        return call(self.message(request)(**values), timeout=timeout)


def expect(code, call):
    try:
        call()
    except grpc.RpcError as e:
        assert e.code() == code, (e.code(), e.details())
        return e
    raise AssertionError(f"expected {code}")


def check_reflection(c):
    for version in ("v1", "v1alpha"):
        names = {dict(fields(s))[1].decode() for _, s in fields(c.reflect(version, 7, "*")[6])}
        assert names == {
            "grpc.health.v1.Health",
            "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection",
            "bailey.v1.Operator",
            "bailey.v1.NodeSession",
        }, names
        assert 7 in c.reflect(version, 4, "no.such.Symbol")
    c.learn("v1", "bailey.v1.Operator")
    service = c.pool.FindServiceByName("bailey.v1.Operator")
    assert "Apply" in service.methods_by_name


def check_health(c):
    c.learn("v1alpha", "grpc.health.v1.Health")
    names = ("grpc.health.v1.HealthCheckRequest", "grpc.health.v1.HealthCheckResponse")
    assert c.unary("/grpc.health.v1.Health/Check", *names).status == 1
    e = expect(grpc.StatusCode.NOT_FOUND,
               lambda: c.unary("/grpc.health.v1.Health/Check", *names, service="nothing"))
    watch = c.channel.unary_stream(
        "/grpc.health.v1.Health/Watch", lambda m: m.SerializeToString(),
        c.message(names[1]).FromString)(c.message(names[0])(), timeout=10)
    assert next(watch).status == 1
    watch.cancel()
    return e


def check_unary(c):
    get = "/bailey.v1.Operator/Get"
    names = ("bailey.v1.GetRequest", "bailey.v1.GetResponse")
    assert c.unary(get, *names, kind="echo", name="h\u00e9las").revision == 6
    e = expect(grpc.StatusCode.ABORTED, lambda: c.unary(get, *names, kind="fail", name="\u00fc"))
    assert e.details() == "it failed: \u00fc", e.details()
    details = dict((k, v) for k, v in e.trailing_metadata())["grpc-status-details-bin"]
    c.learn("v1", "google.rpc.ErrorInfo")
    status = c.message("google.rpc.Status").FromString(details)
    assert status.code == 10
    info = c.message("google.rpc.ErrorInfo").FromString(status.details[0].value)
    assert info.reason == "test.reason" and info.domain == "bailey"
    assert info.metadata["found"] == "milano" and info.metadata["mend"] == "write milan"
    bad = c.message("google.rpc.BadRequest").FromString(status.details[1].value)
    assert bad.field_violations[0].field == "spec.trust[0]"
    expect(grpc.StatusCode.DEADLINE_EXCEEDED,
           lambda: c.unary(get, *names, timeout=0.3, kind="never"))
    expect(grpc.StatusCode.RESOURCE_EXHAUSTED,
           lambda: c.unary(get, *names, kind="echo", name="x" * (5 << 20)))
    call = c.channel.unary_unary("/bailey.v1.Operator/Nothing", identity, identity)
    expect(grpc.StatusCode.UNIMPLEMENTED, lambda: call(b"", timeout=10))
    call = c.channel.unary_unary(get, identity, identity)
    expect(grpc.StatusCode.INVALID_ARGUMENT, lambda: call(b"\x0a\x05ab", timeout=10))


def check_gzip(c):
    """A compressed message could grow beyond every limit: refused."""
    call = c.channel.unary_unary("/bailey.v1.Operator/Get", identity, identity)
    expect(grpc.StatusCode.UNIMPLEMENTED,
           lambda: call(field(1, b"echo") + field(3, b"x" * 4000), timeout=10,
                        compression=grpc.Compression.Gzip))


def handshake(port, directory, version, ciphers=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(f"{directory}/ca.pem")
    context.load_cert_chain(f"{directory}/node.pem", f"{directory}/node.key")
    context.set_alpn_protocols(["h2"])
    if ciphers is not None:
        context.set_ciphers(ciphers + ":@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", int(port)), 5) as raw:
        with context.wrap_socket(raw, server_hostname="127.0.0.1") as s:
            return s.version(), s.cipher()[0]


def check_tls(port, directory):
    v = ssl.TLSVersion
    assert handshake(port, directory, v.TLSv1_3)[0] == "TLSv1.3"
    good = handshake(port, directory, v.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256")
    assert good == ("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"), good
    for version, ciphers in ((v.TLSv1_2, "ECDHE-ECDSA-AES128-SHA"),
                             (v.TLSv1_2, "ECDHE-ECDSA-AES128-SHA256"),
                             (v.TLSv1_1, "ALL")):
        try:
            got = handshake(port, directory, version, ciphers)
        except (ssl.SSLError, ConnectionError):
            continue
        raise AssertionError(f"accepted {got}")


def check_stream(port, directory):
    c = Client(port, directory, "node")
    c.learn("v1", "bailey.v1.NodeSession")
    message = c.message("bailey.v1.AgentMessage")
    call = c.channel.stream_stream(
        "/bailey.v1.NodeSession/Connect", lambda m: m.SerializeToString(),
        c.message("bailey.v1.ControllerMessage").FromString)
    beats = [message(heartbeat={"sequence": i}) for i in range(100, 300)]
    acks = [m.heartbeat_ack.sequence for m in call(iter(beats), timeout=20)]
    assert acks == list(range(100, 300))


def main():
    server = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        _, port, enrol_port, directory = server.stdout.readline().decode().split()
        c = Client(port, directory, "operator")
        check_reflection(c)
        check_health(c)
        check_unary(c)
        check_gzip(c)
        check_tls(port, directory)
        check_stream(port, directory)
        stranger = Client(port, directory, None)
        call = stranger.channel.unary_unary("/bailey.v1.Operator/Get", identity, identity)
        expect(grpc.StatusCode.UNAVAILABLE, lambda: call(b"", timeout=5))
        enrol = Client(enrol_port, directory, None)
        call = enrol.channel.unary_unary("/bailey.v1.Enrolment/Join", identity, identity)
        assert dict(fields(call(b"", timeout=5)))[3] == b"welcome"
        for each in (c, stranger, enrol):
            each.channel.close()
    finally:
        server.stdin.close()
        status = server.wait(timeout=30)
    assert status == 0, status
    print("python: reflection v1 and v1alpha, health, error details, deadline, limits, gzip refused, "
          "TLS versions and ciphers, streams: ok")


main()
