/* What the runtimes tell the tools that they drive: QEMU's command line, a container's
 * configuration, Enarx.toml. Golden texts: what stands here is what those tools' manuals want. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/loader/enarx.h"
#include "agent/loader/oci_config.h"
#include "agent/loader/vm_command.h"
#include "base/str.h"

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEAD                                                                                       \
    "qemu-system-x86_64 -name keep -nodefaults -no-user-config -no-reboot -display none "          \
    "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny "
#define CONSOLE                                                                                    \
    "-device virtio-serial-pci -chardev stdio,id=console0,signal=off "                             \
    "-device virtconsole,chardev=console0 "                                                        \
    "-object rng-random,id=rng0,filename=/dev/urandom -device virtio-rng-pci,rng=rng0 "
#define QMP "-chardev socket,id=qmp0,fd=105 -mon chardev=qmp0,mode=control "

static void expect(const struct vm_command *c, const char *want)
{
    AUTO_BUF struct buf b = {0};
    struct err e = {0};

    assert_true(vm_command(c, &b, &e));
    for (size_t i = 0; i + 1 < b.n; i++)
        if (b.p[i] == '\0')
            b.p[i] = ' ';
    assert_string_equal((const char *)b.p, want);
}

static struct vm_command machine(void)
{
    return (struct vm_command){.kernel = "/k",
                               .initrd = "/i",
                               .memory_bytes = 256u << 20,
                               .cpu_milli = 1500,
                               .qmp_fd = 105,
                               .digest = DIGEST,
                               .firmware = "/OVMF.fd"};
}

static void test_kernel(void **state)
{
    struct vm_command c = machine();
    char *words[] = {(char[]){"quiet"}, (char[]){"mode=prod"}};

    (void)state;
    c.words = words, c.words_n = 2;
    expect(&c, HEAD "-machine q35,accel=tcg -cpu max -m 192M -smp 2 " CONSOLE QMP
                    "-kernel /k -initrd /i -append console=hvc0 panic=-1 quiet mode=prod");
}

static void test_disk_with_network(void **state)
{
    struct vm_command c = machine();

    (void)state;
    c.kernel = c.initrd = NULL;
    c.disk = "/d";
    c.kvm = c.network = true;
    c.cpu_milli = 0;
    expect(&c, HEAD "-machine q35,accel=kvm -cpu host -m 192M -smp 1 " CONSOLE
                    "-netdev user,id=net0 -device virtio-net-pci,netdev=net0,romfile= " QMP
                    "-drive if=none,id=disk0,format=raw,readonly=on,file=/d "
                    "-device virtio-blk-pci,drive=disk0");
}

static void test_snp(void **state)
{
    struct vm_command c = machine();

    (void)state;
    c.guard = VM_SNP;
    c.kvm = true;
    c.cbit = 51;
    c.initrd = NULL;
    expect(&c, HEAD "-machine q35,accel=kvm,confidential-guest-support=guard0,memory-backend=ram0 "
                    "-cpu EPYC-v4 -m 192M -smp 2 "
                    "-object memory-backend-memfd,id=ram0,size=201326592,share=true,prealloc=false "
                    "-object sev-snp-guest,id=guard0,policy=0x30000,cbitpos=51,reduced-phys-bits=1,"
                    "host-data=ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=,kernel-hashes=on "
                    "-bios /OVMF.fd " CONSOLE QMP "-kernel /k -append console=hvc0 panic=-1");
}

static void test_tdx(void **state)
{
    struct vm_command c = machine();

    (void)state;
    c.guard = VM_TDX;
    c.kvm = true;
    expect(&c, HEAD "-machine q35,accel=kvm,kernel-irqchip=split,confidential-guest-support=guard0,"
                    "memory-backend=ram0 -cpu host -m 192M -smp 2 "
                    "-object memory-backend-memfd,id=ram0,size=201326592,share=true,prealloc=false "
                    "-object tdx-guest,id=guard0,"
                    "mrconfigid=ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8AAAAAAAAAAAAAAAAAAAAA "
                    "-bios /OVMF.fd " CONSOLE QMP
                    "-kernel /k -initrd /i -append console=hvc0 panic=-1");
}

static void test_machine_refused(void **state)
{
    AUTO_BUF struct buf b = {0};
    struct vm_command c = machine();
    char *words[] = {(char[]){"two words"}};
    struct err e = {0};

    (void)state;
    c.memory_bytes = 100u << 20;
    assert_false(vm_command(&c, &b, &e));
    assert_string_equal(e.reason, "vm.memory");
    c = machine();
    c.words = words, c.words_n = 1;
    assert_false(vm_command(&c, &b, &e));
    assert_string_equal(e.reason, "vm.words");
}

static void spec_make(Bailey__V1__StartKeep *s, Bailey__V1__Runtime *r,
                      Bailey__V1__Runtime__EnvEntry *v)
{
    static Bailey__V1__Runtime__EnvEntry *env[1];
    static char one[] = "a \"b\" \\c", *args[] = {one}, key[] = "MODE", value[] = "pro\nd";
    static char name[] = "pay-0", uid[] = "u", workload[] = "pay", space[] = "default";

    bailey__v1__start_keep__init(s);
    bailey__v1__runtime__init(r);
    bailey__v1__runtime__env_entry__init(v);
    v->key = key, v->value = value;
    env[0] = v;
    r->args = args, r->n_args = 1, r->env = env, r->n_env = 1;
    s->runtime = r;
    s->name = name, s->keep_uid = uid, s->workload = workload, s->namespace_ = space;
}

#define SPEC(s, r, v)                                                                              \
    Bailey__V1__StartKeep s;                                                                       \
    Bailey__V1__Runtime r;                                                                         \
    Bailey__V1__Runtime__EnvEntry v;                                                               \
    spec_make(&s, &r, &v)

static void test_enarx(void **state)
{
    AUTO_BUF struct buf b = {0};
    struct err e = {0};
    SPEC(s, r, v);

    (void)state;
    assert_true(enarx_config(&s, &b, &e));
    assert_string_equal(buf_str(&b),
                        "args = [\"a \\\"b\\\" \\\\c\"]\n"
                        "\n[[files]]\nkind = \"stdin\"\n\n[[files]]\nkind = \"stdout\"\n"
                        "\n[[files]]\nkind = \"stderr\"\n\n[env]\n"
                        "\"MODE\" = \"pro\\u000ad\"\n\"BAILEY_KEEP\" = \"pay-0\"\n"
                        "\"BAILEY_KEEP_UID\" = \"u\"\n\"BAILEY_NAMESPACE\" = \"default\"\n"
                        "\"BAILEY_WORKLOAD\" = \"pay\"\n\"BAILEY_REPLICA\" = \"0\"\n");
}

/* What an image may wish for and never gets: terminal, capabilities, mounts, privileges. */
static const char translated[] =
    "{\"process\": {\"terminal\": true, \"user\": {\"uid\": 7, \"gid\": 8}, \"args\": [\"/own\"],"
    "\"env\": [\"PATH=/bin\"], \"cwd\": \"/srv\", \"noNewPrivileges\": false,"
    "\"capabilities\": {\"effective\": [\"CAP_SYS_ADMIN\"]}},"
    "\"mounts\": [{\"destination\": \"/host\", \"type\": \"bind\", \"source\": \"/\"}],"
    "\"linux\": {\"namespaces\": []}, \"hooks\": {\"prestart\": [{\"path\": \"/bin/sh\"}]}}";

static void test_container(void **state)
{
    static const char image[] = "{\"config\": {\"Entrypoint\": [\"/entry\", \"-x\"]}}";
    static const char *const there[] = {
        "\"args\":[\"/entry\",\"-x\",\"a \\\"b\\\" \\\\c\"]",
        "\"noNewPrivileges\":true",
        "\"terminal\":false",
        "\"capabilities\":{}",
        "\"readonly\":true",
        "\"hostID\":1610612736",
        "\"type\":\"network\"",
        "\"type\":\"user\"",
        "\"cwd\":\"/srv\"",
        "\"MODE=pro\\nd\"",
        "\"uid\":7",
        "\"ptrace\"",
        "SCMP_CMP_MASKED_EQ",
    };
    static const char *const not_there[] = {"CAP_", "/host", "hooks", "/own"};
    AUTO_BUF struct buf b = {0};
    struct oci_config c = {
        .translated = bytes_str(translated), .image = bytes_str(image), .rootfs = "/r"};
    struct err e = {0};
    SPEC(s, r, v);

    (void)state;
    c.spec = &s;
    assert_true(oci_config(&c, &b, &e));
    for (size_t i = 0; i < sizeof there / sizeof there[0]; i++)
        if (strstr(buf_str(&b), there[i]) == NULL)
            fail_msg("no %s in %s", there[i], buf_str(&b));
    for (size_t i = 0; i < sizeof not_there / sizeof not_there[0]; i++)
        if (strstr(buf_str(&b), not_there[i]) != NULL)
            fail_msg("%s in %s", not_there[i], buf_str(&b));
    buf_clear(&b);
    r.network = (char[]){"host"};
    assert_true(oci_config(&c, &b, &e));
    assert_null(strstr(buf_str(&b), "\"type\":\"network\""));
    assert_non_null(strstr(buf_str(&b), "/etc/resolv.conf"));
}

static void test_container_refused(void **state)
{
    static const char *const wrong[] = {"", "[]", "{", "{\"process\": 3}",
                                        "{\"process\": {}, \"process\": {}}"};
    struct err e = {0};
    SPEC(s, r, v);

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        AUTO_BUF struct buf b = {0};
        struct oci_config c = {.spec = &s,
                               .translated = bytes_str(wrong[i]),
                               .image = bytes_str("{}"),
                               .rootfs = "/r"};

        assert_false(oci_config(&c, &b, &e));
        assert_string_equal(e.reason, "oci.config");
    }
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_kernel),
        cmocka_unit_test(test_disk_with_network),
        cmocka_unit_test(test_snp),
        cmocka_unit_test(test_tdx),
        cmocka_unit_test(test_machine_refused),
        cmocka_unit_test(test_enarx),
        cmocka_unit_test(test_container),
        cmocka_unit_test(test_container_refused),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
