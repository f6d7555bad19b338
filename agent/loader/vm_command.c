#include "agent/loader/vm_command.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static void word(struct buf *b, const char *name, const char *value)
{
    buf_put(b, name, strlen(name) + 1);
    if (value != NULL)
        buf_put(b, value, strlen(value) + 1);
}

/* RFC 4648, section 4. */
static void base64(const uint8_t *p, size_t n, char *out)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
                     (i + 2 < n ? p[i + 2] : 0u);

        *out++ = letters[v >> 18];
        *out++ = letters[v >> 12 & 63];
        *out++ = i + 1 < n ? letters[v >> 6 & 63] : '=';
        *out++ = i + 2 < n ? letters[v & 63] : '=';
    }
    *out = '\0';
}

static void guard(const struct vm_command *c, uint64_t memory, struct buf *b)
{
    uint8_t bytes[48] = {0};
    char digest[65], ram[120], object[240];

    for (size_t i = 0; i < 32; i++)
        (void)sscanf(c->digest + 2 * i, "%2hhx", &bytes[i]);
    base64(bytes, c->guard == VM_SNP ? 32 : 48, digest);
    (void)snprintf(ram, sizeof ram,
                   "memory-backend-memfd,id=ram0,size=%" PRIu64 ",share=true,prealloc=false",
                   memory);
    if (c->guard == VM_SNP) /* no debugging, no migration, SMT allowed */
        (void)snprintf(object, sizeof object,
                       "sev-snp-guest,id=guard0,policy=0x30000,cbitpos=%u,reduced-phys-bits=1,"
                       "host-data=%s%s",
                       c->cbit, digest, c->kernel != NULL ? ",kernel-hashes=on" : "");
    else
        (void)snprintf(object, sizeof object, "tdx-guest,id=guard0,mrconfigid=%s", digest);
    word(b, "-object", ram), word(b, "-object", object);
    word(b, "-bios", c->firmware);
}

static void machine(const struct vm_command *c, uint64_t memory, struct buf *b)
{
    static const char *const guards[] = {"", ",confidential-guest-support=guard0",
                                         ",kernel-irqchip=split,confidential-guest-support=guard0"};
    char text[160], size[32], cpus[16];

    (void)snprintf(text, sizeof text, "q35,accel=%s%s%s", c->kvm ? "kvm" : "tcg", guards[c->guard],
                   c->guard == VM_PLAIN ? "" : ",memory-backend=ram0");
    (void)snprintf(size, sizeof size, "%" PRIu64 "M", memory >> 20);
    (void)snprintf(cpus, sizeof cpus, "%" PRIu64, (c->cpu_milli + 999) / 1000 + !c->cpu_milli);
    word(b, "-machine", text);
    word(b, "-cpu", c->guard == VM_SNP ? "EPYC-v4" : c->kvm ? "host" : "max");
    word(b, "-m", size), word(b, "-smp", cpus);
    if (c->guard != VM_PLAIN)
        guard(c, memory, b);
}

static bool boot(const struct vm_command *c, struct buf *b, struct err *e)
{
    AUTO_BUF struct buf line = {.limit = 4096};

    if (c->kernel == NULL) {
        /* the path has no comma: it is one of ours */
        buf_printf(&line, "if=none,id=disk0,format=raw,readonly=on,file=%s", c->disk);
        word(b, "-drive", buf_str(&line));
        word(b, "-device", "virtio-blk-pci,drive=disk0");
        return buf_ok(&line, e);
    }
    buf_printf(&line, "console=hvc0 panic=-1");
    for (size_t i = 0; i < c->words_n; i++) {
        if (c->words[i][strcspn(c->words[i], " \t\r\n\"")] != '\0')
            return err_set(e, ERR_INPUT, "vm.words",
                           "\"%.60s\" is no word of a kernel's command line", c->words[i]);
        buf_printf(&line, " %s", c->words[i]);
    }
    word(b, "-kernel", c->kernel);
    if (c->initrd != NULL)
        word(b, "-initrd", c->initrd);
    word(b, "-append", buf_str(&line));
    return buf_ok(&line, e);
}

bool vm_command(const struct vm_command *c, struct buf *out, struct err *e)
{
    uint64_t memory = c->memory_bytes < VM_OVERHEAD ? 0 : c->memory_bytes - VM_OVERHEAD;
    char qmp[64];

    if (memory < VM_MEMORY_MIN)
        return err_set(e, ERR_INPUT, "vm.memory", "%" PRIu64 " MiB are too little for a machine",
                       c->memory_bytes >> 20),
               err_expected(e, "at least %llu MiB", (VM_OVERHEAD + VM_MEMORY_MIN) >> 20);
    word(out, VM_PROGRAM, NULL);
    word(out, "-name", "keep"), word(out, "-nodefaults", NULL);
    word(out, "-no-user-config", NULL), word(out, "-no-reboot", NULL);
    word(out, "-display", "none");
    word(out, "-sandbox",
         "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    machine(c, memory, out);
    word(out, "-device", "virtio-serial-pci");
    word(out, "-chardev", "stdio,id=console0,signal=off");
    word(out, "-device", "virtconsole,chardev=console0");
    word(out, "-object", "rng-random,id=rng0,filename=/dev/urandom");
    word(out, "-device", "virtio-rng-pci,rng=rng0");
    if (c->network) {
        word(out, "-netdev", "user,id=net0");
        word(out, "-device", "virtio-net-pci,netdev=net0,romfile=");
    }
    (void)snprintf(qmp, sizeof qmp, "socket,id=qmp0,fd=%d", c->qmp_fd);
    word(out, "-chardev", qmp), word(out, "-mon", "chardev=qmp0,mode=control");
    return boot(c, out, e) && buf_ok(out, e);
}
