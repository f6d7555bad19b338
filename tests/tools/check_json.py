#!/usr/bin/python3
"""Reads what print_json() wrote with Google's own proto3 JSON reader.

Usage: check_json.py PRINTER DESCRIPTORS MESSAGES: runs PRINTER with a file name, then parses the
file as a bailey.v1.Keep; runs MESSAGES (tests/prop/messages.c) for random objects of every kind, each
as JSON beside its bytes, and wants the reader to make the same message of both. Exits 77 (skipped) when python3-protobuf is not there.
"""
import subprocess
import sys
import tempfile

try:
    from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
except ImportError:
    print("skipped: no python3-protobuf")
    sys.exit(77)

printer, descriptors, messages = sys.argv[1:]
files = descriptor_pb2.FileDescriptorSet()
with open(descriptors, "rb") as f:
    files.ParseFromString(f.read())
pool = descriptor_pool.DescriptorPool()
for file in files.file:
    pool.Add(file)


def type_of(name):
    return message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName(name))


keep_type = type_of("bailey.v1.Keep")

with tempfile.NamedTemporaryFile() as out:
    subprocess.run([printer, out.name], check=True)
    text = out.read().decode()
keep = json_format.Parse(text, keep_type())
assert keep.kind == "Keep" and keep.api_version == "bailey/v1"
assert dict(keep.metadata.labels) == {"a": "1.10", "b": 'y: "no"\n\x01\x85'}
assert keep.spec.epoch == 2**53 and keep.spec.policy_revision == 2**64 - 1
assert keep.status.state == 3 and keep.status.exit_code == -9
again = json_format.Parse(json_format.MessageToJson(keep), keep_type())
assert again == keep

kinds = {}
with tempfile.NamedTemporaryFile() as out:
    subprocess.run([messages, "--cases", "1000", "--write", out.name], check=True)
    for line in out.read().decode().splitlines():
        name, text, data = line.split("\t")
        one = json_format.Parse(text, type_of(name)())
        other = type_of(name).FromString(bytes.fromhex(data))
        assert one == other, f"{name}\n{text}\n{one}\n----\n{other}"
        kinds[name] = kinds.get(name, 0) + 1
assert len(kinds) >= 7 and sum(kinds.values()) == 1000, kinds
print(", ".join(f"{n} {k.rsplit('.', 1)[1]}" for k, n in sorted(kinds.items())))
