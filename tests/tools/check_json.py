#!/usr/bin/python3
"""Reads what print_json() wrote with Google's own proto3 JSON reader.

Usage: check_json.py PRINTER DESCRIPTORS: runs PRINTER with a file name, then parses the file as a
bailey.v1.Keep. Exits 77 (skipped) when python3-protobuf is not there.
"""
import subprocess
import sys
import tempfile

try:
    from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
except ImportError:
    print("skipped: no python3-protobuf")
    sys.exit(77)

printer, descriptors = sys.argv[1:]
files = descriptor_pb2.FileDescriptorSet()
with open(descriptors, "rb") as f:
    files.ParseFromString(f.read())
pool = descriptor_pool.DescriptorPool()
for file in files.file:
    pool.Add(file)
keep_type = message_factory.MessageFactory(pool).GetPrototype(
    pool.FindMessageTypeByName("bailey.v1.Keep"))

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
print("ok")
