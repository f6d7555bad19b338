/* tsm_fuse - Linux' configfs-tsm as a file system in user space, with the simulator behind it, for
 * trying programs that ask for evidence on machines that have no TEE:
 *
 *   tsm_fuse MOUNT CONTROL LOG
 *
 * The ABI is that of Documentation/ABI/testing/configfs-tsm-report: mkdir makes an entry; inblob
 * and privlevel raise the generation; outblob is made when it is read after a write; auxblob is the
 * SEV-SNP certificate table (GHCB 2.0, 4.1.8.1). Binary attributes are taken whole at the close,
 * and made whole at the first read of an open file.
 *
 * CONTROL has a `key=value` a line and is read again whenever it was replaced:
 *   simulate=PLATFORM   as attest/sim/sim.h has it
 *   provider=NAME       instead of the technology's own
 *   auxblob=none        the host gave no certificates
 *   floor=N             privlevel_floor
 * and faults, each for so many times:
 *   busy=N timeout=N again=N   outblob: EBUSY, ETIMEDOUT, EWOULDBLOCK
 *   race=N              another writer comes between our write and the end of our reading
 *   raceearly=N         another writer comes between our mkdir and our write
 *   nospace=N           mkdir: ENOSPC
 *   short=BYTES         no read gives more than that at once (for as long as it stands there)
 *   slow=MS             the firmware takes so long (for as long as it stands there)
 * LOG gets a line for every step and fault. It ends by SIGTERM, or when MOUNT is unmounted. */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fuse.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "attest/sim/sim.h"
#include "base/clock.h"
#include "base/str.h"

#define ENTRIES 64
#define INBLOB_MAX 64
#define LINES 16

enum attribute { INBLOB, OUTBLOB, AUXBLOB, GENERATION, PROVIDER, PRIVLEVEL, FLOOR, ATTRIBUTES };
static const struct {
    const char *name;
    mode_t mode;
} attributes[ATTRIBUTES] = {
    [INBLOB] = {"inblob", 0200},         [OUTBLOB] = {"outblob", 0400},
    [AUXBLOB] = {"auxblob", 0400},       [GENERATION] = {"generation", 0400},
    [PROVIDER] = {"provider", 0400},     [PRIVLEVEL] = {"privlevel", 0200},
    [FLOOR] = {"privlevel_floor", 0400},
};

struct entry {
    char name[128]; /* "": free */
    uint8_t inblob[INBLOB_MAX];
    size_t inblob_n;
    uint64_t written, made; /* generations */
    struct buf outblob, auxblob;
};

struct open_file {
    enum attribute attribute;
    struct buf content;
    bool loaded, dirty;
};

static struct entry entries[ENTRIES];
static struct {
    char key[24];
    char value[400];
} control[LINES];
static unsigned control_n;
static const char *control_path;
static struct timespec control_time;
static ino_t control_inode;
static FILE *log_file;

static void note(const char *what, const char *detail)
{
    (void)fprintf(log_file, "%s %s\n", what, detail);
    (void)fflush(log_file);
}

static void control_read(void)
{
    char line[512];
    struct stat st;
    FILE *f;

    if (stat(control_path, &st) != 0 ||
        (st.st_ino == control_inode && st.st_mtim.tv_sec == control_time.tv_sec &&
         st.st_mtim.tv_nsec == control_time.tv_nsec))
        return;
    f = fopen(control_path, "re");
    if (f == NULL)
        return;
    control_inode = st.st_ino;
    control_time = st.st_mtim;
    control_n = 0;
    while (control_n < LINES && fgets(line, sizeof line, f) != NULL) {
        char *equals = strchr(line, '=');

        line[strcspn(line, "\n")] = '\0';
        if (equals == NULL)
            continue;
        *equals = '\0';
        (void)str_copy(control[control_n].key, sizeof control[0].key, line);
        (void)str_copy(control[control_n++].value, sizeof control[0].value, equals + 1);
    }
    (void)fclose(f);
    note("control", "read");
}

static char *setting(const char *key)
{
    for (unsigned i = 0; i < control_n; i++)
        if (strcmp(control[i].key, key) == 0)
            return control[i].value;
    return NULL;
}

static uint64_t number(const char *key)
{
    const char *text = setting(key);
    uint64_t n = 0;

    return text != NULL && u64_parse(text, &n) ? n : 0;
}

/* True, and one less to come, while the fault's count lasts. */
static bool fault(const char *key)
{
    uint64_t left = number(key);

    if (left == 0)
        return false;
    (void)snprintf(setting(key), sizeof control[0].value, "%llu", (unsigned long long)left - 1);
    note("fault", key);
    return true;
}

static struct entry *entry_find(const char *name, size_t n)
{
    for (unsigned i = 0; i < ENTRIES; i++)
        if (strlen(entries[i].name) == n && n > 0 && memcmp(entries[i].name, name, n) == 0)
            return &entries[i];
    return NULL;
}

/* "/entry/attribute": 0, or an error; attribute is ATTRIBUTES for the entry itself, *entry NULL for
 * the root. */
static int path_find(const char *path, struct entry **entry, enum attribute *attribute)
{
    const char *slash = strchr(path + 1, '/');
    size_t n = slash == NULL ? strlen(path + 1) : (size_t)(slash - path - 1);

    *entry = NULL;
    *attribute = ATTRIBUTES;
    if (n == 0)
        return 0;
    *entry = entry_find(path + 1, n);
    if (*entry == NULL)
        return -ENOENT;
    if (slash == NULL)
        return 0;
    for (unsigned i = 0; i < ATTRIBUTES; i++)
        if (strcmp(attributes[i].name, slash + 1) == 0)
            return *attribute = (enum attribute)i, 0;
    return -ENOENT;
}

static int op_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
    struct entry *t;
    enum attribute a;
    int error = path_find(path, &t, &a);

    (void)fi;
    if (error != 0)
        return error;
    memset(st, 0, sizeof *st);
    st->st_mode = a == ATTRIBUTES ? S_IFDIR | 0755 : S_IFREG | attributes[a].mode;
    st->st_nlink = 1;
    st->st_size = a == ATTRIBUTES ? 0 : 4096;
    return 0;
}

static int op_readdir(const char *path, void *out, fuse_fill_dir_t fill, off_t offset,
                      struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
    struct entry *t;
    enum attribute a;
    int error = path_find(path, &t, &a);

    (void)offset, (void)fi, (void)flags;
    if (error != 0)
        return error;
    (void)fill(out, ".", NULL, 0, (enum fuse_fill_dir_flags)0);
    (void)fill(out, "..", NULL, 0, (enum fuse_fill_dir_flags)0);
    for (unsigned i = 0; t == NULL && i < ENTRIES; i++)
        if (entries[i].name[0] != '\0')
            (void)fill(out, entries[i].name, NULL, 0, (enum fuse_fill_dir_flags)0);
    for (unsigned i = 0; t != NULL && i < ATTRIBUTES; i++)
        (void)fill(out, attributes[i].name, NULL, 0, (enum fuse_fill_dir_flags)0);
    return 0;
}

static int op_mkdir(const char *path, mode_t mode)
{
    (void)mode;
    control_read();
    if (strchr(path + 1, '/') != NULL)
        return -EPERM;
    if (fault("nospace"))
        return -ENOSPC;
    for (unsigned i = 0; i < ENTRIES; i++)
        if (entries[i].name[0] == '\0') {
            struct entry *t = &entries[i];

            *t = (struct entry){0};
            if (!str_copy(t->name, sizeof t->name, path + 1))
                return t->name[0] = '\0', -ENAMETOOLONG;
            note("mkdir", t->name);
            return 0;
        }
    return -ENOSPC;
}

static int op_rmdir(const char *path)
{
    struct entry *t;
    enum attribute a;
    int error = path_find(path, &t, &a);

    if (error != 0 || t == NULL || a != ATTRIBUTES)
        return error != 0 ? error : -EPERM;
    note("rmdir", t->name);
    buf_fini(&t->outblob), buf_fini(&t->auxblob);
    *t = (struct entry){0};
    return 0;
}

static int op_open(const char *path, struct fuse_file_info *fi)
{
    struct open_file *f;
    struct entry *t;
    enum attribute a;
    int error = path_find(path, &t, &a);

    if (error != 0)
        return error;
    if ((fi->flags & O_ACCMODE) != (attributes[a].mode == 0200 ? O_WRONLY : O_RDONLY))
        return -EACCES;
    f = calloc(1, sizeof *f);
    if (f == NULL)
        return -ENOMEM;
    f->attribute = a;
    fi->fh = (uint64_t)(uintptr_t)f;
    fi->direct_io = 1;
    return 0;
}

/* The table of an extended guest request: GUID, offset, length, and a zero entry; then the files.
 */
static void table_put(struct buf *out, const struct sim_evidence *s)
{
    static const struct {
        const char *name, *guid;
    } known[] = {
        {"vcek.der", "63da758de6644564adc5f4b93be8accd"},
        {"vlek.der", "a8074bc2a25a483eaae639c045a0b8a1"},
        {"ask.der", "4ab7b379bbac4fe4a02f05aef327c782"},
        {"asvk.der", "4ab7b379bbac4fe4a02f05aef327c782"},
        {"ark.der", "c0b406a4a803495297433fb6014cd0ae"},
        {"ark_crl.der", "92f81bc358114d3d97ffd19f88dc67ea"},
    };
    size_t offset = (s->files_n + 1) * 24u;

    for (unsigned i = 0; i < s->files_n; i++)
        for (unsigned k = 0; k < sizeof known / sizeof known[0]; k++) {
            uint8_t guid[16];
            size_t n = 0;

            if (strcmp(known[k].name, s->files[i].name) != 0)
                continue;
            BUG_ON(!hex_parse(known[k].guid, guid, sizeof guid, &n, NULL));
            buf_put(out, guid, sizeof guid);
            buf_le(out, offset, 4);
            buf_le(out, s->files[i].bytes.n, 4);
            offset += s->files[i].bytes.n;
        }
    buf_zero(out, 24);
    for (unsigned i = 0; i < s->files_n; i++)
        buf_put(out, s->files[i].bytes.p, s->files[i].bytes.n);
}

static int report_make(struct entry *t)
{
    AUTO_SIM_EVIDENCE struct sim_evidence s = {0};
    struct sim_platform p;
    uint8_t report_data[64] = {0};
    struct err e = {0};
    const char *aux = setting("auxblob");

    if (t->inblob_n == 0)
        return -EINVAL;
    if (t->made == t->written && t->outblob.n > 0)
        return 0;
    if (fault("busy"))
        return -EBUSY;
    if (fault("timeout"))
        return -ETIMEDOUT;
    if (fault("again"))
        return -EWOULDBLOCK;
    if (number("slow") > 0) {
        note("slow", setting("slow"));
        (void)poll(NULL, 0, (int)number("slow"));
    }
    if (fault("race"))
        t->written++;
    memcpy(report_data, t->inblob, t->inblob_n);
    if (setting("simulate") == NULL || !sim_platform_parse(setting("simulate"), &p, &e) ||
        !sim_evidence(&p, report_data, clock_system.wall_ms(&clock_system) / 1000, &s, &e)) {
        note("error", e.msg);
        return -EIO;
    }
    buf_clear(&t->outblob), buf_clear(&t->auxblob);
    buf_put(&t->outblob, s.evidence.p, s.evidence.n);
    if (strcmp(sim_technology_name(&p), "sev-snp") == 0 &&
        (aux == NULL || strcmp(aux, "none") != 0))
        table_put(&t->auxblob, &s);
    t->made = t->written;
    note("report", setting("simulate"));
    return 0;
}

static const char *provider(void)
{
    const char *name = setting("provider");
    struct sim_platform p;

    if (name != NULL)
        return name;
    if (setting("simulate") == NULL || !sim_platform_parse(setting("simulate"), &p, NULL))
        return "none";
    return strcmp(sim_technology_name(&p), "tdx") == 0   ? "tdx_guest"
           : strcmp(sim_technology_name(&p), "cca") == 0 ? "arm_cca_guest"
                                                         : "sev_guest";
}

static int load(struct entry *t, struct open_file *f)
{
    int error = 0;

    control_read();
    if (f->attribute == GENERATION) {
        if (t->written == 0 && fault("raceearly")) {
            buf_printf(&f->content, "%llu\n", (unsigned long long)t->written);
            t->written++;
        } else {
            buf_printf(&f->content, "%llu\n", (unsigned long long)t->written);
        }
    } else if (f->attribute == PROVIDER) {
        buf_printf(&f->content, "%s\n", provider());
    } else if (f->attribute == FLOOR) {
        buf_printf(&f->content, "%llu\n", (unsigned long long)number("floor"));
    } else {
        const struct buf *from = f->attribute == OUTBLOB ? &t->outblob : &t->auxblob;

        error = report_make(t);
        if (error == 0)
            buf_put(&f->content, from->p, from->n);
    }
    f->loaded = error == 0;
    return error;
}

static int op_read(const char *path, char *out, size_t size, off_t offset,
                   struct fuse_file_info *fi)
{
    struct open_file *f = (struct open_file *)(uintptr_t)fi->fh;
    struct entry *t;
    enum attribute a;
    int error = path_find(path, &t, &a);
    size_t n;

    if (error == 0 && !f->loaded)
        error = load(t, f);
    if (error != 0)
        return error;
    if ((size_t)offset >= f->content.n)
        return 0;
    n = f->content.n - (size_t)offset < size ? f->content.n - (size_t)offset : size;
    if (number("short") > 0 && n > number("short")) {
        n = (size_t)number("short");
        note("short", attributes[a].name);
    }
    memcpy(out, f->content.p + offset, n);
    return (int)n;
}

static int op_write(const char *path, const char *data, size_t size, off_t offset,
                    struct fuse_file_info *fi)
{
    struct open_file *f = (struct open_file *)(uintptr_t)fi->fh;

    (void)path;
    if ((size_t)offset != f->content.n)
        return -EINVAL;
    if (f->content.n + size > INBLOB_MAX)
        return -EINVAL;
    buf_put(&f->content, data, size);
    f->dirty = true;
    return (int)size;
}

/* At the close: what was written is taken. */
static int op_flush(const char *path, struct fuse_file_info *fi)
{
    struct open_file *f = (struct open_file *)(uintptr_t)fi->fh;
    struct entry *t;
    enum attribute a;
    uint64_t level;
    int error = path_find(path, &t, &a);

    if (error != 0 || !f->dirty)
        return error;
    f->dirty = false;
    control_read();
    if (a == PRIVLEVEL) {
        if (!u64_parse(buf_str(&f->content), &level) || level < number("floor") || level > 3)
            return -EINVAL;
        note("privlevel", buf_str(&f->content));
    } else {
        t->inblob_n = f->content.n;
        memcpy(t->inblob, f->content.p, f->content.n);
        note("inblob", t->name);
    }
    t->written++;
    return 0;
}

static int op_release(const char *path, struct fuse_file_info *fi)
{
    struct open_file *f = (struct open_file *)(uintptr_t)fi->fh;

    (void)path;
    buf_fini(&f->content);
    free(f);
    return 0;
}

static int op_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
    (void)path, (void)size, (void)fi; /* O_TRUNC means nothing here, as in configfs */
    return 0;
}

static void *op_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
    (void)connection;
    config->attr_timeout = 0;
    config->entry_timeout = 0;
    config->negative_timeout = 0;
    note("ready", "");
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct fuse_operations operations = {
        .getattr = op_getattr,
        .readdir = op_readdir,
        .mkdir = op_mkdir,
        .rmdir = op_rmdir,
        .open = op_open,
        .read = op_read,
        .write = op_write,
        .flush = op_flush,
        .release = op_release,
        .truncate = op_truncate,
        .init = op_init,
    };
    char *args[] = {argv[0], (char[]){"-f"}, (char[]){"-s"}, argc > 1 ? argv[1] : NULL, NULL};

    if (argc != 4) {
        (void)fprintf(stderr, "usage: tsm_fuse MOUNT CONTROL LOG\n");
        return 2;
    }
    control_path = argv[2];
    log_file = fopen(argv[3], "ae");
    if (log_file == NULL) {
        perror(argv[3]);
        return 1;
    }
    return fuse_main(4, args, &operations, NULL);
}
