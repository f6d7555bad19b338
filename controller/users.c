/* Users and their certificates. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "config/convert_rules.h"
#include "controller/access.h"
#include "controller/ca.h"
#include "controller/roles.h"
#include "controller/txn.h"

static void user_store(struct state *st, const Bailey__V1__User *u)
{
    const Bailey__V1__UserRecord *m = map_get(&st->access->users, bytes_str(u->name));
    char key[96];

    snprintf(key, sizeof key, "user/%s", u->name);
    txn_put(st, key, &m->base);
}

Bailey__V1__User *user_find(const struct state *st, const char *name)
{
    const Bailey__V1__UserRecord *m = map_get(&st->access->users, bytes_str(name));

    return m == NULL ? NULL : m->user;
}

const Bailey__V1__UserCertificate *user_certificate(const Bailey__V1__User *u, const char *serial)
{
    for (size_t i = 0; serial[0] != '\0' && i < u->n_certificates; i++)
        if (strcmp(u->certificates[i]->serial, serial) == 0 &&
            u->certificates[i]->revoked_at[0] == '\0')
            return u->certificates[i];
    return NULL;
}

size_t users_admins(const struct state *st)
{
    const Bailey__V1__UserRecord *m;
    size_t n = 0;

    for (size_t i = 0; (m = map_next(&st->access->users, &i)) != NULL;)
        n += m->user->ended_at[0] == '\0' && m->user->role == ROLE(admin);
    return n;
}

static Bailey__V1__User *user_new(struct state *st, const char *name, Bailey__V1__Role role,
                                  const char *by)
{
    Bailey__V1__UserRecord m = BAILEY__V1__USER_RECORD__INIT, *copy;
    Bailey__V1__User u = BAILEY__V1__USER__INIT;
    char at[TIME_TEXT];

    u.name = (char *)(uintptr_t)name;
    u.role = role;
    u.created_by = (char *)(uintptr_t)by;
    u.created_at = (char *)(uintptr_t)time_format(state_wall_ms(st) / 1000, at);
    m.user = &u;
    copy = (Bailey__V1__UserRecord *)message_clone(&m.base);
    BUG_ON(copy == NULL || !map_put(&st->access->users, bytes_str(copy->user->name), copy));
    return copy->user;
}

static void certificate_free(Bailey__V1__UserCertificate *c)
{
    message_free(&c->base);
}

/* Makes room: certificates that ended go first, then the oldest. */
static void certificates_trim(struct state *st, Bailey__V1__User *u, size_t keep)
{
    size_t to = 0;
    int64_t until_s;

    for (size_t i = 0; i < u->n_certificates; i++) {
        bool over = !moment_parse(u->certificates[i]->expires_at, &until_s, NULL) ||
                    until_s < state_wall_ms(st) / 1000;

        if (over || u->n_certificates - i + to > keep + 8)
            certificate_free(u->certificates[i]);
        else
            u->certificates[to++] = u->certificates[i];
    }
    u->n_certificates = to;
}

static void certificate_add(struct state *st, Bailey__V1__User *u, const char *serial,
                            int64_t until_s)
{
    char issuer[64] = "";
    Bailey__V1__UserCertificate c = BAILEY__V1__USER_CERTIFICATE__INIT;
    Bailey__V1__UserCertificate **list;
    char at[TIME_TEXT];

    if (u->n_certificates >= USER_CERTS_MAX)
        certificates_trim(st, u, USER_CERTS_MAX / 2);
    list = realloc(u->certificates, (u->n_certificates + 1) * sizeof *list);
    BUG_ON(list == NULL);
    u->certificates = list;
    if (st->ca != NULL)
        (void)ca_key_id(st->ca, issuer, sizeof issuer);
    c.issuer = issuer;
    c.serial = (char *)(uintptr_t)serial;
    c.expires_at = (char *)(uintptr_t)time_format(until_s, at);
    list[u->n_certificates] = (Bailey__V1__UserCertificate *)message_clone(&c.base);
    BUG_ON(list[u->n_certificates] == NULL);
    u->n_certificates++;
}

bool user_adopt(struct state *st, struct bytes cert_pem, struct err *e)
{
    char serial[CERT_SERIAL_TEXT];
    Bailey__V1__User *u;
    int64_t until_s;

    if (user_find(st, "admin") != NULL)
        return true;
    if (!cert_serial(cert_pem, serial, e) || !cert_not_after(cert_pem, &until_s, e))
        return err_wrap(e, "the first operator's certificate");
    u = user_new(st, "admin", ROLE(admin), "controller");
    certificate_add(st, u, serial, until_s);
    user_store(st, u);
    return true;
}

static bool request_check(const struct state *st, const Bailey__V1__CreateUserRequest *r,
                          struct err *e)
{
    if (strcmp(r->name, "controller") == 0)
        return err_set(e, ERR_INPUT, "user.reserved-name",
                       "in the audit log this name means the controller itself"),
               err_field(e, "name"), err_mend(e, "take another name");
    if (!name_check(r->name, "name", e))
        return false;
    if (!role_is_user(r->role))
        return err_set(e, ERR_INPUT, "user.role", "a user needs a role"), err_field(e, "role"),
               err_found(e, "%s", role_name(r->role)),
               err_expected(e, "viewer, operator, security-officer or admin");
    if (r->n_namespaces > USER_NAMESPACES_MAX)
        return err_set(e, ERR_LIMIT, "user.namespaces", "too many namespaces"),
               err_field(e, "namespaces"), err_expected(e, "at most %d", USER_NAMESPACES_MAX);
    for (size_t i = 0; i < r->n_namespaces; i++)
        if (!name_check(r->namespaces[i], "namespaces", e))
            return false;
    if (r->role == ROLE(admin) && r->n_namespaces > 0)
        return err_set(e, ERR_INPUT, "user.namespaces", "an admin is one for the whole cluster"),
               err_field(e, "namespaces"), err_mend(e, "leave the namespaces out");
    if (r->ttl_s > USER_CERT_MAX_S)
        return err_set(e, ERR_INPUT, "user.ttl", "a certificate may live 365 days at most"),
               err_field(e, "ttl_s"), err_found(e, "%u", r->ttl_s),
               err_expected(e, "at most %d", USER_CERT_MAX_S);
    if (user_find(st, r->name) == NULL && st->access->users.n >= USERS_MAX)
        return err_set(e, ERR_LIMIT, "user.too-many", "more than %d users", USERS_MAX);
    return true;
}

static bool same_rights(const Bailey__V1__User *u, const Bailey__V1__CreateUserRequest *r)
{
    if (u->role != r->role || u->n_namespaces != r->n_namespaces)
        return false;
    for (size_t i = 0; i < r->n_namespaces; i++)
        if (strcmp(u->namespaces[i], r->namespaces[i]) != 0)
            return false;
    return true;
}

static void set_rights(Bailey__V1__User *u, const Bailey__V1__CreateUserRequest *r)
{
    for (size_t i = 0; i < u->n_namespaces; i++)
        free(u->namespaces[i]);
    free(u->namespaces);
    u->namespaces = NULL;
    u->n_namespaces = 0;
    u->role = r->role;
    if (r->n_namespaces == 0)
        return;
    u->namespaces = calloc(r->n_namespaces, sizeof *u->namespaces);
    BUG_ON(u->namespaces == NULL);
    for (size_t i = 0; i < r->n_namespaces; i++) {
        u->namespaces[i] = strdup(r->namespaces[i]);
        BUG_ON(u->namespaces[i] == NULL);
    }
    u->n_namespaces = r->n_namespaces;
}

static bool user_sign(struct state *st, const Bailey__V1__CreateUserRequest *r, int64_t until_s,
                      struct buf *pem, struct err *e)
{
    AUTO(pkey) EVP_PKEY *key = NULL;
    char uri[256];
    struct cert_order o = {.common_name = r->name,
                           .uri = uri,
                           .use = CERT_CLIENT,
                           .not_before_s = state_wall_ms(st) / 1000 - 3600,
                           .not_after_s = until_s};

    snprintf(uri, sizeof uri, "bailey://%s/user/%s", st->cluster->cluster_id, r->name);
    return csr_key((struct bytes){r->csr.data, r->csr.len}, &key, e) &&
           ca_issue(st->ca, key, &o, pem, e);
}

bool user_create(struct state *st, const Bailey__V1__CreateUserRequest *r, const char *by,
                 Bailey__V1__User **out, struct buf *pem, struct err *e)
{
    Bailey__V1__User *u = user_find(st, r->name);
    int64_t until_s = state_wall_ms(st) / 1000 + (r->ttl_s == 0 ? USER_CERT_S : r->ttl_s);
    char serial[CERT_SERIAL_TEXT];

    if (!request_check(st, r, e))
        return false;
    if (u != NULL && u->ended_at[0] != '\0')
        return err_set(e, ERR_EXISTS, "user.ended", "user %s was ended", r->name),
               err_field(e, "name"),
               err_mend(e, "take another name: the records of this one stay its own");
    if (u != NULL && !r->change && !same_rights(u, r))
        return err_set(e, ERR_EXISTS, "user.other-rights", "user %s has other rights", r->name),
               err_field(e, "role"), err_found(e, "%s", role_name(r->role)),
               err_expected(e, "%s", role_name(u->role)),
               err_mend(e, "with --change they become these");
    if (!user_sign(st, r, until_s, pem, e) || !cert_serial(buf_bytes(pem), serial, e))
        return false;
    if (u == NULL)
        u = user_new(st, r->name, r->role, by);
    set_rights(u, r);
    certificate_add(st, u, serial, until_s);
    user_store(st, u);
    event_add(st, NULL, "normal", "user.certified", by, "user %s, %s, certificate %s", u->name,
              role_name(u->role), serial);
    *out = u;
    return true;
}

static bool last_admin(const struct state *st, const Bailey__V1__User *u)
{
    const Bailey__V1__UserRecord *m;

    for (size_t i = 0; (m = map_next(&st->access->users, &i)) != NULL;)
        if (m->user != u && m->user->ended_at[0] == '\0' && m->user->role == ROLE(admin))
            return false;
    return u->role == ROLE(admin);
}

bool user_revoke(struct state *st, const char *name, const char *serial, const char *by,
                 Bailey__V1__User **out, struct err *e)
{
    Bailey__V1__User *u = user_find(st, name);
    int64_t now_s = state_wall_ms(st) / 1000;
    size_t n = 0;

    if (u == NULL)
        return err_set(e, ERR_MISSING, "user.missing", "there is no user %.63s", name);
    if (serial[0] == '\0' && last_admin(st, u))
        return err_set(e, ERR_CONFLICT, "user.last-admin", "%s is the last admin", name),
               err_mend(e, "make another one first");
    for (size_t i = 0; i < u->n_certificates; i++) {
        Bailey__V1__UserCertificate *c = u->certificates[i];

        if ((serial[0] != '\0' && strcmp(serial, c->serial) != 0) || c->revoked_at[0] != '\0')
            continue;
        text_set_time(&c->revoked_at, now_s);
        text_set(&c->revoked_by, by);
        n++;
    }
    if (serial[0] != '\0' && n == 0)
        return err_set(e, ERR_MISSING, "user.no-certificate",
                       "user %s has no certificate in force with this serial number", name),
               err_field(e, "serial"), err_found(e, "%.63s", serial);
    if (serial[0] == '\0')
        text_set_time(&u->ended_at, now_s);
    user_store(st, u);
    event_add(st, NULL, "normal", "user.revoked", by, "user %s, %zu certificates", name, n);
    access_recheck(st);
    *out = u;
    return true;
}
