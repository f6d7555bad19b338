#!/usr/bin/python3
"""Each check must find the violation it is there for: here they are planted."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


def run(check, *args):
    done = subprocess.run([os.path.join(HERE, check), *args], capture_output=True, text=True,
                          check=False)
    return done.returncode, done.stdout + done.stderr


class Planted(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)

    def plant(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


class Layers(Planted):
    def judge(self, path, include):
        self.plant(path, "#include %s\n" % include)
        return run("check_layers", self.root)

    def test_arrows_of_the_house_pass(self):
        for path, include in [
                ("scheduler/a.c", '"attest/facts.h"'), ("agent/a.c", '"attest/sim/snp.h"'),
                ("cli/a.c", '"attest/evidence.h"'), ("rpc/a.c", "<grpc/grpc.h>"),
                ("config/a.c", '"bailey/v1/workload.pb-c.h"'), ("rpc/b.c", '"rpc/tls_int.h"'),
                ("rpc/c.c", '"grpc/health/v1/health.pb-c.h"'), ("base/a.c", "<stdio.h>")]:
            code, out = self.judge(path, include)
            self.assertEqual(code, 0, out)

    def test_other_arrows_fail(self):
        for path, include, want in [
                ("base/a.c", '"proto/unpack.h"', "no arrow base -> proto/unpack.h"),
                ("scheduler/a.c", '"attest/evidence.h"', "no arrow scheduler"),
                ("scheduler/a.c", '"config/yaml.h"', "no arrow scheduler"),
                ("scheduler/deep/a.c", '"bailey/v1/workload.pb-c.h"', "no arrow scheduler -> proto"),
                ("attest/a.h", '"rpc/loop.h"', "no arrow attest -> rpc/loop.h"),
                ("agent/a.c", '"attest/evidence.h"', "no arrow agent -> attest/evidence.h"),
                ("agent/a.c", '"attest/facts.hpp"', "no arrow agent"),
                ("config/a.c", '"scheduler/place.h"', "no arrow config"),
                ("rpc/a.c", '"controller/state.h"', "no arrow rpc"),
                ("controller/a.c", '"rpc/tls_int.h"', "private to rpc/"),
                ("controller/a.c", "<grpc/grpc.h>", "belongs to rpc"),
                ("attest/a.c", "<uv.h>", "belongs to"),
                ("attest/a.c", "<pthread.h>", "belongs to"),
                ("cli/a.c", '"table.h"', "write the room"),
                ("cli/a.c", '"nowhere/table.h"', "in no room")]:
            with self.subTest(path=path, include=include):
                code, out = self.judge(path, include)
                self.assertEqual(code, 1, out)
                self.assertIn(want, out)

    def test_nothing_to_read_is_a_failure(self):
        self.assertEqual(run("check_layers", self.root)[0], 1)


class Proto(Planted):
    def judge(self, body, package="bailey.v1"):
        self.plant("t.proto", 'syntax = "proto3";\npackage %s;\n%s' % (package, body))
        out = os.path.join(self.root, "set.bin")
        subprocess.run(["protoc", "-I", self.root, "--include_imports", "--include_source_info",
                        "--descriptor_set_out=" + out, "t.proto"], check=True, cwd=self.root)
        return run("check_proto", out)

    def test_a_plain_schema_passes(self):
        code, out = self.judge("// A.\nmessage A {\n  // b.\n  map<string, B> b = 1;\n"
                               "  // c.\n  B c = 2;\n}\n// B.\nmessage B {}\n")
        self.assertEqual(code, 0, out)

    def test_a_message_in_itself_fails(self):
        code, out = self.judge("// A.\nmessage A {\n  // a.\n  A a = 1;\n}\n")
        self.assertEqual(code, 1)
        self.assertIn("recursive: bailey.v1.A.a", out)

    def test_a_long_way_round_fails(self):
        code, out = self.judge("message A { B b = 1; }\nmessage B { message C { repeated A a = 1; }"
                               " C c = 1; }\n", "other")
        self.assertEqual(code, 1)
        self.assertIn("recursive: other.A.b -> other.B.c -> other.B.C.a", out)

    def test_recursion_through_a_map_or_oneof_fails(self):
        for body in ["message A { map<string, A> a = 1; }",
                     "message A { oneof k { A a = 1; int32 b = 2; } }"]:
            code, out = self.judge(body, "other")
            self.assertEqual(code, 1)
            self.assertIn("recursive", out)

    def test_optional_fails(self):
        code, out = self.judge("message A { optional int32 n = 1; }", "other")
        self.assertEqual(code, 1)
        self.assertIn("other.A.n is optional", out)

    def test_silence_fails(self):
        code, out = self.judge("// A.\nmessage A {\n  int32 n = 1;\n}\n// S.\nservice S {\n"
                               "  rpc Do(A) returns (A);\n}\n")
        self.assertEqual(code, 1)
        self.assertIn("no comment: A.n", out)
        self.assertIn("no comment: S.Do", out)


class Style(Planted):
    def judge(self, path, text):
        self.plant(path, text)
        shutil.copy(os.path.join(os.path.dirname(HERE), ".clang-format"), self.root)
        return run("check_style", self.root)

    def test_good_code_passes(self):
        code, out = self.judge("base/a.c", "int f(void); /* strcpy( in words is fine */\n")
        self.assertEqual(code, 0, out)

    def test_each_fault_is_found(self):
        mark = "TO" + "DO"
        for path, text, want in [
                ("base/a.c", "int f(void);\n" * 601, "601 lines"),
                ("base/a.c", "int  f( void );\n", "code should be clang-formatted"),
                ("base/a.c", "int f(char *a)\n{\n    return atoi(a);\n}\n", "atoi is not used here"),
                ("base/a.c", "int f(void); /* %s */\n" % mark, "unfinished"),
                ("deploy/x", "cd /wo" "rk/main\n", "somebody's machine")]:
            with self.subTest(want=want):
                self.setUp()
                code, out = self.judge(path, text)
                self.assertEqual(code, 1, out)
                self.assertIn(want, out)


class Purity(Planted):
    def judge(self, body):
        source = self.plant("a.c", body)
        library = os.path.join(self.root, "a.o")
        subprocess.run(["gcc", "-O0", "-c", source, "-o", library], check=True)
        return run("check_purity", library)

    def test_arithmetic_is_pure(self):
        code, out = self.judge("#include <string.h>\n"
                               "unsigned long f(const char *s) { return strlen(s) + 1; }\n")
        self.assertEqual(code, 0, out)

    def test_a_clock_a_file_and_the_environment_are_not(self):
        for body, want in [
                ("#include <time.h>\nlong f(void) { return time(0); }\n", ": time"),
                ("#include <stdio.h>\nvoid *f(void) { return fopen(\"x\", \"r\"); }\n", ": fopen"),
                ("#include <stdlib.h>\nchar *f(void) { return getenv(\"X\"); }\n", ": getenv"),
                ("int uv_run(int); int f(void) { return uv_run(1); }\n", ": uv_run")]:
            code, out = self.judge(body)
            self.assertEqual(code, 1, out)
            self.assertIn(want, out)


class Catalog(Planted):
    """Each row is planted into a copy of the real catalog."""

    def judge(self, file, old, new):
        catalog = os.path.join(self.root, "catalog")
        shutil.rmtree(catalog, ignore_errors=True)
        shutil.copytree(os.path.join(HERE, "../config/catalog"), catalog)
        with open(os.path.join(catalog, file), encoding="utf-8") as f:
            text = f.read()
        self.assertIn(old, text)
        self.plant("catalog/" + file, text.replace(old, new, 1))
        return run("check_catalog", catalog)

    def test_the_catalog_passes(self):
        code, out = self.judge("trust.yaml", "vendor:", "vendor:")
        self.assertEqual(code, 0, out)

    def test_what_the_schema_forbids_fails(self):
        for file, old, new, want in [
                ("anchors.yaml", "sha256: 69d063", "sha256: 69D063", "64 lower-case hex"),
                ("anchors.yaml", ", simulated: false", "", "simulated: missing"),
                ("anchors.yaml", "kind: snp-ark", "kind: snp-arc", "unknown kind"),
                ("platforms.yaml", 'generation: "milan"', 'generation: "milano"', "no generation of"),
                ("platforms.yaml", "model-first: 0x10", "model-first: 0x0f", "stands in"),
                ("platforms.yaml", "confirmed: true", "confirmed: perhaps", "confirmed: perhaps"),
                ("advisories.yaml", "affects: [milan]", "affects: [spr]", "no generation of amd"),
                ("advisories.yaml", ", confirmed: false", "", "go together"),
                ("advisories.yaml", "component: snp", "component: sgx", "no tcb-component"),
                ("advisories.yaml", "AMD-SB-3005:", "AMD-SB-05:", "no advisory's name"),
                ("trust.yaml", "aliases: [amazon]", "aliases: [amd]", "twice"),
                ("trust.yaml", "{vendor: intel, about: \"TDX", "{vendor: via, about: \"TDX",
                 "unknown vendor")]:
            code, out = self.judge(file, old, new)
            self.assertEqual(code, 1, (file, new))
            self.assertIn(want, out)


if __name__ == "__main__":
    sys.exit(unittest.main())
