#include "cli/audit_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "attest/cert.h"
#include "cli/files.h"

static bool load_cas(const char *path, struct audit_trust *t, struct err *e)
{
    AUTO_BUF struct buf pem = {0};
    BIO *bio;
    X509 *x;

    if (!file_read(path, 1 << 20, &pem, e))
        return false;
    bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    while (bio != NULL && t->trust.ca_n < AUDIT_TRUST_CAS &&
           (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
        t->ca[t->trust.ca_n++] = x;
    BIO_free(bio);
    ERR_clear_error();
    return t->trust.ca_n > 0 || err_set(e, ERR_INPUT, "audit.ca", "%s: no certificate in it", path);
}

static bool load_key(const char *path, struct audit_trust *t, struct err *e)
{
    AUTO_BUF struct buf pem = {0};
    BIO *bio;
    X509 *x;

    if (!file_read(path, 1 << 20, &pem, e))
        return false;
    bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    t->trust.key = bio == NULL ? NULL : PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    BIO_free(bio);
    bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    x = t->trust.key != NULL || bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (x != NULL)
        t->trust.key = X509_get_pubkey(x);
    X509_free(x);
    BIO_free(bio);
    ERR_clear_error();
    return t->trust.key != NULL ||
           err_set(e, ERR_INPUT, "audit.key", "%s: no public key and no certificate in it", path);
}

bool audit_trust_load(struct cli *c, struct audit_trust *t)
{
    struct context context;

    memset(t, 0, sizeof *t);
    t->trust.ca = t->ca;
    if (cli_given(c, OPT_KEY) && !load_key(cli_value(c, OPT_KEY, ""), t, &c->err))
        return false;
    if (cli_given(c, OPT_CA))
        return load_cas(cli_value(c, OPT_CA, ""), t, &c->err);
    if (cli_given(c, OPT_KEY))
        return true;
    return (context_load(cli_given(c, OPT_CONTEXT) ? cli_value(c, OPT_CONTEXT, "") : NULL, &context,
                         &c->err) &&
            load_cas(context.ca, t, &c->err)) ||
           err_mend(&c->err, "say whom to believe: --ca FILE or --key FILE");
}

void audit_trust_free(struct audit_trust *t)
{
    for (size_t i = 0; i < t->trust.ca_n; i++)
        X509_free(t->ca[i]);
    EVP_PKEY_free(t->trust.key);
    memset(t, 0, sizeof *t);
}

/* Makes each folder of the path. */
static void make_folders(char *path)
{
    for (char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        (void)mkdir(path, 0700);
        *p = '/';
    }
}

static bool seen_path(const char *cluster, char *out, size_t size, struct err *e)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    bool set = state != NULL && state[0] != '\0';

    if ((!set && home == NULL) || strchr(cluster, '/') != NULL || cluster[0] == '\0' ||
        (size_t)snprintf(out, size, "%s%s/bailey/audit/%s", set ? state : home,
                         set ? "" : "/.local/state", cluster) >= size)
        return err_set(e, ERR_INPUT, "audit.state", "no folder for what was verified before"),
               err_mend(e, "set HOME or XDG_STATE_HOME");
    return true;
}

bool audit_seen_load(const char *cluster, struct tree_head *out, bool *found, struct err *e)
{
    AUTO_BUF struct buf b = {0};
    char path[4096];

    *found = false;
    if (!seen_path(cluster, path, sizeof path, e))
        return false;
    if (access(path, F_OK) != 0)
        return true;
    if (!file_read(path, 4096, &b, e) || !tree_head_parse(buf_bytes(&b), out, e))
        return err_wrap(e, "%s", path);
    *found = true;
    return true;
}

bool audit_seen_store(const struct tree_head *h, struct err *e)
{
    AUTO_BUF struct buf b = {0};
    char path[4096], fresh[4104];
    int fd;
    bool ok;

    if (!seen_path(h->cluster, path, sizeof path, e))
        return false;
    make_folders(path);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    tree_head_format(h, &b);
    if (!buf_ok(&b, e))
        return false;
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ok = fd >= 0 && write(fd, b.p, b.n) == (ssize_t)b.n && fsync(fd) == 0;
    if (!ok)
        err_errno(e, errno, "audit.state", "%s", fresh);
    if (fd >= 0)
        close(fd);
    return ok && (rename(fresh, path) == 0 || err_errno(e, errno, "audit.state", "%s", path));
}

static int by_size(const void *x, const void *y)
{
    const struct tree_head *a = x, *b = y;

    return a->size < b->size ? -1 : a->size > b->size;
}

static bool open_key(struct cli *c, struct audit_log *l, struct bytes certificate)
{
    const struct tree_head *newest = &l->heads.v[l->heads.n - 1];
    struct audit_trust t;
    bool ok = audit_trust_load(c, &t) && audit_key_from(certificate, &t.trust, newest->cluster,
                                                        newest->at_ms / 1000, &l->key, &c->err);

    audit_trust_free(&t);
    return ok;
}

bool audit_log_begin(struct cli *c, struct audit_log *l, struct bytes certificate)
{
    struct tree_head *newest;

    if (l->heads.n == 0)
        return err_set(&c->err, ERR_INPUT, "audit.head-form", "there is no signed tree head");
    qsort(l->heads.v, l->heads.n, sizeof l->heads.v[0], by_size);
    if (!open_key(c, l, certificate))
        return false;
    for (size_t i = 0; i < l->heads.n; i++)
        if (!tree_head_check(&l->heads.v[i], l->key, &c->err))
            return err_wrap(&c->err, "tree head of %" PRIu64 " entries", l->heads.v[i].size);
    newest = &l->heads.v[l->heads.n - 1];
    if (!cli_given(c, OPT_FORCE) &&
        !audit_seen_load(newest->cluster, &l->seen, &l->has_seen, &c->err))
        return false;
    if (l->has_seen && l->seen.size > newest->size)
        return err_set(&c->err, ERR_CONFLICT, "audit.shorter",
                       "the log is shorter than the one verified here before"),
               err_found(&c->err, "%" PRIu64 " entries", newest->size),
               err_expected(&c->err, "at least %" PRIu64, l->seen.size),
               err_mend(&c->err, "was the store put back? If that was meant: --force forgets what "
                                 "was verified before");
    if (l->has_seen && !vec_push(&l->heads, l->seen))
        return err_set(&c->err, ERR_NOMEM, "audit.memory", "no memory");
    qsort(l->heads.v, l->heads.n, sizeof l->heads.v[0], by_size);
    l->check.heads = l->heads.v;
    l->check.heads_n = l->heads.n;
    snprintf(l->check.cluster, sizeof l->check.cluster, "%s", l->heads.v[0].cluster);
    return true;
}

bool audit_log_end(struct cli *c, struct audit_log *l)
{
    const struct tree_head *newest = &l->heads.v[l->heads.n - 1];

    if (!audit_check_end(&l->check, &c->err))
        return false;
    if (l->check.tree.n != newest->size)
        return err_set(&c->err, ERR_INPUT, "audit.unsigned",
                       "entries from %" PRIu64 " on are covered by no signed head", newest->size);
    return audit_seen_store(newest, &c->err);
}

void audit_log_free(struct audit_log *l)
{
    vec_fini(&l->heads);
    EVP_PKEY_free(l->key);
}
