#include "controller/authorities.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "controller/init.h"

#define PATH_SIZE 640
#define PEM_MAX 65536

static const char *const state_names[] = {"prepared", "published", "active",
                                          "old",      "tainted",   "revoked"};
#define STATES (sizeof state_names / sizeof state_names[0])

const char *authority_state_name(enum authority_state state)
{
    return state_names[state];
}

static bool believed(enum authority_state s)
{
    return s != AUTHORITY_PREPARED && s != AUTHORITY_REVOKED;
}

bool authorities_believe(const struct authorities *a, const char *key_id)
{
    for (size_t i = 0; key_id[0] != '\0' && i < a->n; i++)
        if (strcmp(a->v[i].key_id, key_id) == 0)
            return believed(a->v[i].state);
    return false;
}

struct authority *authorities_find(struct authorities *a, enum authority_state state)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->v[i].state == state)
            return &a->v[i];
    return NULL;
}

struct authority *authorities_active(struct authorities *a)
{
    return authorities_find(a, AUTHORITY_ACTIVE);
}

static const char *path_of(const struct authorities *a, const char *name, const char *suffix,
                           char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/pki/%s%s", a->dir, name, suffix);
    return out;
}

static bool key_read(const struct authorities *a, const char *name, bool *provider, EVP_PKEY **out,
                     struct err *e)
{
    char path[PATH_SIZE];
    AUTO_BUF struct buf uri = {0};
    struct stat s;

    path_of(a, name, ".uri", path);
    *provider = access(path, F_OK) == 0;
    if (*provider)
        return file_read(path, 1024, &uri, e) && key_from_uri(buf_str(&uri), out, e);
    path_of(a, name, ".key", path);
    if (stat(path, &s) != 0)
        return err_errno(e, errno, "init.read", "%s", path);
    if ((s.st_mode & 077) != 0)
        return err_set(e, ERR_DENIED, "init.permissions", "%s: others have access", path),
               err_found(e, "%o", (unsigned)(s.st_mode & 0777)), err_expected(e, "600"),
               err_mend(e, "chmod 600 %s, and consider who has seen it", path);
    return file_read(path, PEM_MAX, &uri, e) && key_from_pem(buf_bytes(&uri), out, e);
}

static bool fill(struct authority *v, struct err *e)
{
    uint8_t pin[PIN_SIZE];

    ca_pin(v->ca, pin);
    hex_format(BYTES_OF(pin), v->pin);
    return ca_key_id(v->ca, v->key_id, sizeof v->key_id) ||
           err_set(e, ERR_INPUT, "ca.files", "CA certificate without subject key identifier");
}

static bool authority_load(struct authorities *a, const char *name, enum authority_state state,
                           struct err *e)
{
    struct authority *v = &a->v[a->n];
    AUTO_BUF struct buf cert = {0};
    AUTO(pkey) EVP_PKEY *key = NULL;
    char path[PATH_SIZE];

    if (a->n == AUTHORITIES_MAX)
        return err_set(e, ERR_LIMIT, "ca.too-many", "more than %d authorities", AUTHORITIES_MAX);
    *v = (struct authority){.state = state};
    if (!str_copy(v->name, sizeof v->name, name))
        return err_set(e, ERR_INPUT, "ca.files", "%s: no name of an authority", name);
    if (!key_read(a, name, &v->provider, &key, e) ||
        !file_read(path_of(a, name, ".pem", path), PEM_MAX, &cert, e) ||
        !ca_from(STEAL(key), buf_bytes(&cert), &v->ca, e))
        return false;
    a->n++;
    return fill(v, e);
}

static bool parse(struct authorities *a, char *text, struct err *e)
{
    char *rest = text, *line;

    while ((line = strsep(&rest, "\n")) != NULL) {
        char *state = strchr(line, ' ');
        size_t i = 0;

        if (line[0] == '\0')
            continue;
        if (state != NULL)
            *state++ = '\0';
        while (state != NULL && i < STATES && strcmp(state, state_names[i]) != 0)
            i++;
        if (state == NULL || i == STATES || strchr(line, '/') != NULL)
            return err_set(e, ERR_INPUT, "ca.files", "pki/authorities: not a name and a state");
        if (!authority_load(a, line, (enum authority_state)i, e))
            return err_wrap(e, "authority %s", line);
    }
    return true;
}

/* What is believed, as one text. */
static bool bundle_make(struct authorities *a, struct err *e)
{
    char path[PATH_SIZE];

    buf_fini(&a->bundle);
    a->bundle = (struct buf){0};
    for (size_t i = 0; i < a->n; i++)
        if (believed(a->v[i].state))
            buf_puts(&a->bundle, ca_pem(a->v[i].ca));
    return buf_ok(&a->bundle, e) &&
           file_write(path_of(a, "trust", ".pem", path), 0644, buf_bytes(&a->bundle), e);
}

static bool save(struct authorities *a, struct err *e)
{
    AUTO_BUF struct buf text = {0};
    char path[PATH_SIZE];

    for (size_t i = 0; i < a->n; i++)
        buf_printf(&text, "%s %s\n", a->v[i].name, state_names[a->v[i].state]);
    return buf_ok(&text, e) &&
           file_write(path_of(a, "authorities", "", path), 0644, buf_bytes(&text), e) &&
           bundle_make(a, e);
}

bool authorities_open(const char *dir, const char *cluster_id, const char *key_uri,
                      struct authorities **out, struct err *e)
{
    AUTO(authorities) struct authorities *a = calloc(1, sizeof *a);
    AUTO_BUF struct buf text = {0};
    char path[PATH_SIZE];

    if (a == NULL)
        return err_set(e, ERR_NOMEM, "ca.memory", "no memory");
    if (!str_copy(a->dir, sizeof a->dir, dir) ||
        !str_copy(a->cluster_id, sizeof a->cluster_id, cluster_id) ||
        !str_copy(a->key_uri, sizeof a->key_uri, key_uri == NULL ? "" : key_uri))
        return err_set(e, ERR_LIMIT, "init.path", "path is too long: %s", dir);
    path_of(a, "authorities", "", path);
    if (access(path, F_OK) != 0)
        buf_puts(&text, "ca active\n");
    else if (!file_read(path, 4096, &text, e))
        return false;
    if (!buf_ok(&text, e) || !parse(a, (char *)(uintptr_t)buf_str(&text), e))
        return false;
    if (authorities_active(a) == NULL)
        return err_set(e, ERR_INPUT, "ca.files", "pki/authorities: none is active");
    if (!bundle_make(a, e))
        return false;
    *out = STEAL(a);
    return true;
}

void authorities_free(struct authorities *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->n; i++)
        ca_free(a->v[i].ca);
    buf_fini(&a->bundle);
    free(a);
}

const char *authorities_next(struct authorities *a)
{
    if (authorities_find(a, AUTHORITY_TAINTED) != NULL)
        return "revoke";
    if (authorities_find(a, AUTHORITY_OLD) != NULL)
        return "taint";
    if (authorities_find(a, AUTHORITY_PUBLISHED) != NULL)
        return "activate";
    return authorities_find(a, AUTHORITY_PREPARED) != NULL ? "publish" : "prepare";
}

/* Forgets the oldest revoked authority when there is no more room; its files stay. */
static bool make_room(struct authorities *a, struct err *e)
{
    if (a->n < AUTHORITIES_MAX)
        return true;
    for (size_t i = 0; i < a->n; i++)
        if (a->v[i].state == AUTHORITY_REVOKED) {
            ca_free(a->v[i].ca);
            memmove(&a->v[i], &a->v[i + 1], (a->n - i - 1) * sizeof a->v[0]);
            a->n--;
            return true;
        }
    return err_set(e, ERR_LIMIT, "ca.too-many", "more than %d authorities", AUTHORITIES_MAX);
}

static bool prepare(struct authorities *a, int64_t now_s, struct err *e)
{
    unsigned long highest = 1;
    AUTO(pkey) EVP_PKEY *key = NULL;
    AUTO(ca) struct ca *ca = NULL;
    AUTO_BUF struct buf pem = {0};
    char name[16], path[PATH_SIZE];
    bool provider = a->key_uri[0] != '\0';

    if (!make_room(a, e))
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strncmp(a->v[i].name, "ca-", 3) == 0 && strtoul(a->v[i].name + 3, NULL, 10) > highest)
            highest = strtoul(a->v[i].name + 3, NULL, 10);
    snprintf(name, sizeof name, "ca-%lu", highest + 1);
    if (provider ? !key_from_uri(a->key_uri, &key, e) : !key_new(&key, e))
        return false;
    if (provider)
        buf_puts(&pem, a->key_uri);
    else if (!key_pem(key, &pem, e))
        return false;
    if (!ca_make(STEAL(key), a->cluster_id, now_s, &ca, e))
        return false;
    for (size_t i = 0; i < a->n; i++) {
        uint8_t old[PIN_SIZE], fresh[PIN_SIZE];

        ca_pin(a->v[i].ca, old);
        ca_pin(ca, fresh);
        if (memcmp(old, fresh, PIN_SIZE) == 0)
            return err_set(e, ERR_CONFLICT, "ca.same-key",
                           "the new authority would have an old key"),
                   err_mend(e, "give the controller another --ca-key");
    }
    if (!file_write(path_of(a, name, provider ? ".uri" : ".key", path), 0600, buf_bytes(&pem), e) ||
        !file_write(path_of(a, name, ".pem", path), 0644, bytes_str(ca_pem(ca)), e))
        return false;
    return authority_load(a, name, AUTHORITY_PREPARED, e);
}

bool authorities_step(struct authorities *a, const char *step, int64_t now_s, struct err *e)
{
    const char *next = authorities_next(a);

    if (strcmp(step, next) != 0)
        return err_set(e, ERR_CONFLICT, "ca.step", "%s is not what comes next", step),
               err_field(e, "step"), err_found(e, "%.20s", step), err_expected(e, "%s", next);
    if (strcmp(step, "prepare") == 0) {
        if (!prepare(a, now_s, e))
            return false;
    } else if (strcmp(step, "publish") == 0) {
        authorities_find(a, AUTHORITY_PREPARED)->state = AUTHORITY_PUBLISHED;
    } else if (strcmp(step, "activate") == 0) {
        authorities_active(a)->state = AUTHORITY_OLD;
        authorities_find(a, AUTHORITY_PUBLISHED)->state = AUTHORITY_ACTIVE;
    } else if (strcmp(step, "taint") == 0) {
        authorities_find(a, AUTHORITY_OLD)->state = AUTHORITY_TAINTED;
    } else {
        authorities_find(a, AUTHORITY_TAINTED)->state = AUTHORITY_REVOKED;
    }
    return save(a, e);
}
