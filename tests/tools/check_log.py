#!/usr/bin/python3
"""Reads a controller's store, and says what in it breaks a revocation's promise.

    tests/tools/check_log.py STORE DESCRIPTORS

STORE is the SQLite file of a controller (a running one may go on writing), DESCRIPTORS the build's
FileDescriptorSet. Nothing of the controller's own code is used: the records are read as the bytes
that they are. Looked at are

  * the audit log, entry by entry in its order: while a revocation is in force (its revocation.begun
    to its lift) no keep.placed names a node that it names; and no keep is placed twice;
  * the keeps: none on a named node was decided under the revocation's policy revision or a later
    one; no two live keeps have the same replica of a workload;
  * revisions: those of the audit log never go back.

Which nodes a revocation names is computed here from the nodes' stored facts, for selectors of
vendor, technology, generation and firmware bounds ("<1.55"): another field is an error, not a pass.
"""

import re
import sqlite3
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def classes(path):
    files = descriptor_pb2.FileDescriptorSet()
    with open(path, "rb") as f:
        files.ParseFromString(f.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return lambda name: factory.GetPrototype(pool.FindMessageTypeByName("bailey.v1." + name))


def version(text):
    parts = [int(p) for p in text.split(".")]
    return parts + [0] * (4 - len(parts))


def bound_holds(bound, have):
    op, wanted = re.fullmatch(r"(>=|<=|<|>|=)?\s*([0-9.]+)", bound).groups()
    a, b = version(have), version(wanted)
    return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "=": a == b, None: a == b}[op]


def names(selector, facts):
    """Whether the selector surely names the platform."""
    for field, value in selector.ListFields():
        if field.name in ("vendor", "technology", "generation"):
            have = getattr(facts, field.name)
            if not have or not all(v in value for v in have):
                return False
        elif field.name == "firmware":
            if not facts.firmware or not all(bound_holds(b, facts.firmware)
                                             for b in value.replace(",", " ").split()):
                return False
        elif field.name != "because":
            raise SystemExit(f"check_log: no rule for selectors of {field.name}")
    return True


class Store:
    def __init__(self, path, descriptors):
        message = classes(descriptors)
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        with db:  # one snapshot
            db.execute("BEGIN")
            self.records = {bytes(k): bytes(v) for k, v in
                            db.execute("SELECT key, value FROM record ORDER BY key")}
        db.close()
        self.nodes = self.read(b"node/", message("Node"))
        self.keeps = self.read(b"keep/", message("Keep"))
        self.revocations = self.read(b"revocation/", message("Revocation"))
        self.audit = [self.entry(v) for k, v in self.records.items() if k.startswith(b"audit/e/")]

    def read(self, prefix, cls):
        out = {}
        for key, value in self.records.items():
            if key.startswith(prefix):
                out[key[len(prefix):].decode()] = cls.FromString(value)
        return out

    @staticmethod
    def entry(text):
        lines = text.decode().splitlines()
        return dict(line.split(": ", 1) for line in lines[1:] if ": " in line)


def check(store):
    """Lines that say what is wrong, and how much was looked at."""
    wrong, looked = [], 0
    named = {name: {n for n, node in store.nodes.items()
                    if any(names(s, node.status.facts) for s in r.spec.platforms)}
             for name, r in store.revocations.items()}
    force, placed, last = set(), {}, 0
    for e in store.audit:
        revision = int(e["revision"])
        if revision < last:
            wrong.append(f"audit {e['sequence']}: revision {revision} after {last}")
        last = revision
        subject = e.get("object", "").partition(" ")
        if e["action"] == "revocation.begun":
            force.add(subject[2])
        elif e["action"] == "revocation.lifted":
            force.discard(subject[2])
        elif e["action"] == "keep.placed":
            looked += 1
            for r in force:
                if e["node"] in named[r]:
                    wrong.append(f"audit {e['sequence']}: {e['workload']} placed on {e['node']}, "
                                 f"which revocation {r} names since an earlier entry")
            if e["keep"] in placed:
                wrong.append(f"audit {e['sequence']}: keep {e['keep']} placed twice")
            placed[e["keep"]] = e["sequence"]
    live = {}
    for key, k in store.keeps.items():
        looked += 1
        if k.metadata.uid not in placed:
            wrong.append(f"keep {key}: no placement of it is in the log")
        for name in force:
            r = store.revocations[name]
            if k.spec.node in named[name] and k.spec.policy_revision >= r.status.revision:
                wrong.append(f"keep {key} on {k.spec.node} was decided at policy revision "
                             f"{k.spec.policy_revision}, revocation {name} is of "
                             f"{r.status.revision}")
        replica = (k.metadata.namespace, k.spec.workload, k.spec.replica)
        if k.status.state != k.status.ended:
            if replica in live:
                wrong.append(f"keeps {key} and {live[replica]} are both replica {replica}")
            live[replica] = key
    return wrong, looked


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    wrong, looked = check(Store(sys.argv[1], sys.argv[2]))
    for line in wrong:
        print(line)
    print(f"{looked} placements and keeps, {len(wrong)} wrong things")
    return 1 if wrong or not looked else 0


if __name__ == "__main__":
    sys.exit(main())
