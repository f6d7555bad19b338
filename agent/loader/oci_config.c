#include "agent/loader/oci_config.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "agent/loader/sandbox.h"
#include "base/cleanup.h"

/* base/json.c has a json_array() and a json_object() as well, and the linker takes that one: empty
 * ones are packed here. */
DEFINE_CLEANUP(tree, json_t *, json_decref)

static bool host_network(const struct oci_config *o)
{
    return o->spec->runtime != NULL && strcmp(o->spec->runtime->network, "host") == 0;
}

/* The image's entry point and the keep's own arguments; those of the image where it has none. */
static json_t *words(const struct oci_config *o, const json_t *image, const json_t *process)
{
    const json_t *config = json_object_get(image, "config");
    const json_t *entry = json_object_get(config, "Entrypoint");
    json_t *args;

    if (o->spec->runtime == NULL || o->spec->runtime->n_args == 0)
        return json_deep_copy(json_object_get(process, "args"));
    args = json_is_array(entry) ? json_deep_copy(entry) : json_pack("[]");
    for (size_t i = 0; i < o->spec->runtime->n_args; i++)
        (void)json_array_append_new(args, json_string(o->spec->runtime->args[i]));
    return args;
}

static void variable(json_t *env, const char *key, const char *value)
{
    (void)json_array_append_new(env, json_sprintf("%s=%s", key, value));
}

/* Later ones win (the runtime keeps the last of a name). */
static json_t *environment(const struct oci_config *o, const json_t *process)
{
    const json_t *of_image = json_object_get(process, "env");
    json_t *env = json_is_array(of_image) ? json_deep_copy(of_image) : json_pack("[]");
    char replica[16];

    for (size_t i = 0; o->spec->runtime != NULL && i < o->spec->runtime->n_env; i++)
        if (o->spec->runtime->env[i]->key[0] != '\0' &&
            strchr(o->spec->runtime->env[i]->key, '=') == NULL)
            variable(env, o->spec->runtime->env[i]->key, o->spec->runtime->env[i]->value);
    (void)snprintf(replica, sizeof replica, "%" PRIu32, o->spec->replica);
    variable(env, "BAILEY_KEEP", o->spec->name);
    variable(env, "BAILEY_KEEP_UID", o->spec->keep_uid);
    variable(env, "BAILEY_NAMESPACE", o->spec->namespace_);
    variable(env, "BAILEY_WORKLOAD", o->spec->workload);
    variable(env, "BAILEY_REPLICA", replica);
    return env;
}

static json_t *process(const struct oci_config *o, const json_t *image, const json_t *theirs)
{
    const json_t *cwd = json_object_get(theirs, "cwd"), *user = json_object_get(theirs, "user");
    json_t *limits = json_pack("[{s:s, s:i, s:i}]", "type", "RLIMIT_CORE", "hard", 0, "soft", 0);

    if (o->as_bytes > 0)
        (void)json_array_append_new(limits, json_pack("{s:s, s:I, s:I}", "type", "RLIMIT_AS",
                                                      "hard", (json_int_t)o->as_bytes, "soft",
                                                      (json_int_t)o->as_bytes));
    return json_pack("{s:b, s:b, s:o, s:o, s:s, s:O, s:{}, s:o}", "terminal", 0, "noNewPrivileges",
                     1, "args", words(o, image, theirs), "env", environment(o, theirs), "cwd",
                     json_is_string(cwd) ? json_string_value(cwd) : "/", "user", user,
                     "capabilities", "rlimits", limits);
}

static void mount_add(json_t *all, const char *where, const char *type, const char *from,
                      const char *options)
{
    json_t *list = json_pack("[]");
    char text[160], *save = NULL;

    (void)snprintf(text, sizeof text, "%s", options);
    for (char *p = strtok_r(text, ",", &save); p != NULL; p = strtok_r(NULL, ",", &save))
        (void)json_array_append_new(list, json_string(p));
    (void)json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:o}", "destination", where, "type",
                                               type, "source", from, "options", list));
}

/* A bind mount inside a user namespace has to keep what locks the host's own mounts. */
static json_t *mounts(const struct oci_config *o)
{
    static const char *const resolver[] = {"/etc/resolv.conf", "/etc/hosts"};
    const Bailey__V1__Capacity *limits = o->spec->limits;
    json_t *all = json_pack("[]");
    char tmp[96] = "nosuid,nodev,mode=1777";

    if (limits != NULL && limits->memory_bytes > 0)
        (void)snprintf(tmp, sizeof tmp, "nosuid,nodev,mode=1777,size=%" PRIu64,
                       limits->memory_bytes);
    mount_add(all, "/proc", "proc", "proc", "nosuid,noexec,nodev");
    mount_add(all, "/dev", "tmpfs", "tmpfs", "nosuid,noexec,strictatime,mode=755,size=65536k");
    mount_add(all, "/dev/pts", "devpts", "devpts",
              "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620");
    mount_add(all, "/dev/shm", "tmpfs", "shm", tmp);
    mount_add(all, "/tmp", "tmpfs", "tmpfs", tmp);
    for (size_t i = 0; host_network(o) && i < 2; i++)
        mount_add(all, resolver[i], "bind", resolver[i], "bind,ro,nosuid,nodev,noexec");
    return all;
}

static json_t *mapping(void)
{
    return json_pack("[{s:i, s:I, s:I}]", "containerID", 0, "hostID", (json_int_t)OCI_ID_BASE,
                     "size", (json_int_t)OCI_ID_COUNT);
}

static json_t *rule(const char *name, int error, unsigned index, uint64_t mask, uint64_t value)
{
    json_t *args = mask == 0 ? json_pack("[]")
                             : json_pack("[{s:i, s:I, s:I, s:s}]", "index", (int)index, "value",
                                         (json_int_t)mask, "valueTwo", (json_int_t)value, "op",
                                         "SCMP_CMP_MASKED_EQ");

    return json_pack("{s:[s], s:s, s:i, s:o}", "names", name, "action", "SCMP_ACT_ERRNO",
                     "errnoRet", error, "args", args);
}

/* The same as the sandbox's filter (seccomp_filter.c). */
static json_t *filter(void)
{
    static const int families[] = {AF_PACKET, AF_VSOCK, AF_ALG, AF_KEY, AF_BLUETOOTH};
    static const uint64_t namespaces[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,   CLONE_NEWNET,
                                          CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP};
    json_t *rules = json_pack("[]");
    const char *name;

    for (size_t i = 0; (name = seccomp_denied(i)) != NULL; i++)
        (void)json_array_append_new(rules, rule(name, EPERM, 0, 0, 0));
    (void)json_array_append_new(rules, rule("socket", EPERM, 1, 0xf, SOCK_RAW));
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        (void)json_array_append_new(rules, rule("socket", EPERM, 0, 0xffff, (uint64_t)families[i]));
    for (size_t i = 0; i < sizeof namespaces / sizeof namespaces[0]; i++)
        (void)json_array_append_new(rules, rule("clone", EPERM, 0, namespaces[i], namespaces[i]));
    (void)json_array_append_new(rules, rule("clone3", ENOSYS, 0, 0, 0));
    (void)json_array_append_new(rules, rule("ioctl", EPERM, 1, 0xffffffffu, TIOCSTI));
    return json_pack("{s:s, s:o}", "defaultAction", "SCMP_ACT_ALLOW", "syscalls", rules);
}

/* What of /proc says or changes something of the host. */
static json_t *hidden(void)
{
    return json_pack("[s, s, s, s, s, s, s]", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                     "/proc/timer_list", "/proc/sched_debug", "/proc/acpi", "/proc/scsi");
}

static json_t *linux_part(const struct oci_config *o)
{
    json_t *spaces =
        json_pack("[{s:s}, {s:s}, {s:s}, {s:s}, {s:s}, {s:s}]", "type", "pid", "type", "ipc",
                  "type", "uts", "type", "mount", "type", "user", "type", "cgroup");

    if (!host_network(o))
        (void)json_array_append_new(spaces, json_pack("{s:s}", "type", "network"));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:[s, s, s, s, s]}", "uidMappings", mapping(),
                     "gidMappings", mapping(), "namespaces", spaces, "seccomp", filter(),
                     "maskedPaths", hidden(), "readonlyPaths", "/proc/bus", "/proc/fs", "/proc/irq",
                     "/proc/sys", "/proc/sysrq-trigger");
}

static json_t *load(struct bytes b, const char *what, struct err *e)
{
    json_error_t why;
    json_t *t = json_loadb((const char *)b.p, b.n, JSON_REJECT_DUPLICATES, &why);

    if (!json_is_object(t)) {
        json_decref(t);
        (void)err_set(e, ERR_INPUT, "oci.config", "%s: %s", what, why.text);
        return NULL;
    }
    return t;
}

static int append(const char *text, size_t n, void *user)
{
    buf_put(user, text, n);
    return 0;
}

bool oci_config(const struct oci_config *o, struct buf *out, struct err *e)
{
    AUTO(tree) json_t *theirs = load(o->translated, "the image's translated configuration", e);
    AUTO(tree) json_t *image = theirs == NULL ? NULL : load(o->image, "the image", e);
    AUTO(tree) json_t *whole = NULL;
    const json_t *p = json_object_get(theirs, "process");

    if (image == NULL)
        return false;
    if (!json_is_object(json_object_get(p, "user")))
        return err_set(e, ERR_INPUT, "oci.config", "the image's configuration names no user");
    whole = json_pack("{s:s, s:o, s:{s:s, s:b}, s:s, s:o, s:o}", "ociVersion", "1.0.2", "process",
                      process(o, image, p), "root", "path", o->rootfs, "readonly", 1, "hostname",
                      "keep", "mounts", mounts(o), "linux", linux_part(o));
    if (whole == NULL)
        return err_set(e, ERR_INPUT, "oci.config", "a text of the keep or the image is not UTF-8");
    if (json_array_size(json_object_get(json_object_get(whole, "process"), "args")) == 0)
        return err_set(e, ERR_INPUT, "oci.no-program",
                       "neither the image nor the workload names a program"),
               err_mend(e, "give runtime.args, or an image with an entry point");
    (void)json_dump_callback(whole, append, out, JSON_COMPACT);
    return buf_ok(out, e);
}
