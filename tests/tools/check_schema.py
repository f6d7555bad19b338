#!/usr/bin/python3
"""Validates objects against the JSON Schema that the program writes.

Usage: check_schema.py PRINTER. A validator of the keywords that the schema uses, so that the test
needs no package; a keyword it does not know is an error.
"""
import copy
import json
import re
import subprocess
import sys
import tempfile

NOTES = {"$schema", "$defs", "title", "description", "default", "readOnly"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool}


def has_type(value, name):
    if name in ("integer", "number"):
        return isinstance(value, int if name == "integer" else (int, float)) \
            and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def valid(root, schema, value):
    def follow(inner, part):
        return valid(root, inner, part)

    for key, rule in schema.items():
        ok = True
        if key in NOTES:
            continue
        if key == "$ref":
            ok = follow(root["$defs"][rule.removeprefix("#/$defs/")], value)
        elif key == "oneOf":
            ok = sum(follow(s, value) for s in rule) == 1
        elif key == "anyOf":
            ok = any(follow(s, value) for s in rule)
        elif key == "type":
            ok = any(has_type(value, t) for t in ([rule] if isinstance(rule, str) else rule))
        elif key == "const":
            ok = value == rule
        elif key == "enum":
            ok = value in rule
        elif key == "pattern":
            ok = not isinstance(value, str) or re.search(rule, value) is not None
        elif key == "minimum":
            ok = not has_type(value, "number") or value >= rule
        elif key == "maximum":
            ok = not has_type(value, "number") or value <= rule
        elif key == "minItems":
            ok = not isinstance(value, list) or len(value) >= rule
        elif key == "minProperties":
            ok = len(value) >= rule
        elif key == "required":
            ok = not isinstance(value, dict) or all(name in value for name in rule)
        elif key == "propertyNames":
            ok = not isinstance(value, dict) or all(follow(rule, name) for name in value)
        elif key == "properties":
            ok = not isinstance(value, dict) or all(
                follow(s, value[name]) for name, s in rule.items() if name in value)
        elif key == "additionalProperties":
            known = schema.get("properties", {})
            ok = not isinstance(value, dict) or all(
                rule if isinstance(rule, bool) else follow(rule, part)
                for name, part in value.items() if name not in known)
        elif key == "items":
            ok = not isinstance(value, list) or all(follow(rule, part) for part in value)
        else:
            raise SystemExit(f"keyword {key} is not known here")
        if not ok:
            return False
    return True


with tempfile.NamedTemporaryFile() as out:
    subprocess.run([sys.argv[1], out.name], check=True)
    data = json.load(out)
schema = data["schema"]
for value in data["good"]:
    assert valid(schema, schema, value), value


def spoilt(change):
    value = copy.deepcopy(data["good"][2])
    change(value)
    return value


BAD = [
    lambda o: o.pop("kind"),
    lambda o: o.update(kind="Workloads"),
    lambda o: o.update(extra=1),
    lambda o: o["metadata"].update(name="Bad_Name"),
    lambda o: o["spec"].pop("artifact"),
    lambda o: o["spec"].update(replicas=-1),
    lambda o: o["spec"].update(replicas=1.5),
    lambda o: o["spec"]["placement"].update(priority=1001),
    lambda o: o["spec"]["runtime"].update(args="a"),
    lambda o: o["spec"]["restart"].update(policy="sometimes"),
    lambda o: o["spec"]["trust"].update(maxEvidenceAge="soon"),
    lambda o: o["spec"]["trust"]["accept"].append({}),
    lambda o: o["spec"]["trust"]["accept"].append({"vendor": "adm"}),
    lambda o: o["spec"]["trust"]["accept"].append({"vendor": ["amd", "adm"]}),
    lambda o: o["spec"]["trust"]["accept"].append({"tcb": {"microcde": 1}}),
]
for i, change in enumerate(BAD):
    assert not valid(schema, schema, spoilt(change)), f"taken: {i}"
print(f"{len(data['good'])} taken, {len(BAD)} refused")
