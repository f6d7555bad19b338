/* user create, list, revoke; whoami: who may operate the cluster. */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bailey/v1/identity.pb-c.h"
#include "base/str.h"
#include "cli/client.h"
#include "cli/files.h"
#include "cli/identity.h"
#include "cli/rows.h"

#define NAMESPACES 256

DEFINE_CLEANUP(bio, BIO *, BIO_free_all)
DEFINE_CLEANUP(pkey, EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(req, X509_REQ *, X509_REQ_free)

bool identity_call(struct cli *c, const char *method, const ProtobufCMessage *req,
                   ProtobufCMessage **reply)
{
    return client_call_of(c, &bailey__v1__identity__descriptor, method, req, reply);
}

bool identity_printed(struct cli *c, const ProtobufCMessage *reply)
{
    if (c->out.format != OUTPUT_JSON && c->out.format != OUTPUT_YAML)
        return false;
    output_message(&c->out, reply, 0);
    return true;
}

static const char *role_word(Bailey__V1__Role role)
{
    const ProtobufCEnumValue *v =
        protobuf_c_enum_descriptor_get_value(&bailey__v1__role__descriptor, (int)role);

    return role == BAILEY__V1__ROLE__security_officer ? "security-officer"
           : v == NULL                                ? "unknown"
                                                      : v->name;
}

static bool role_parse(struct cli *c, const char *word, Bailey__V1__Role *out)
{
    static const Bailey__V1__Role roles[] = {BAILEY__V1__ROLE__viewer, BAILEY__V1__ROLE__operator,
                                             BAILEY__V1__ROLE__security_officer,
                                             BAILEY__V1__ROLE__admin};

    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (strcmp(word, role_word(roles[i])) == 0) {
            *out = roles[i];
            return true;
        }
    return err_set(&c->err, ERR_INPUT, "usage.role", "no such role: %.40s", word),
           err_expected(&c->err, "viewer, operator, security-officer or admin");
}

static bool take_pem(BIO *bio, struct buf *out, struct err *e)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);

    buf_put(out, p, n < 0 ? 0 : (size_t)n);
    return buf_ok(out, e);
}

/* The key in the folder, or a new one: a command that is repeated, once it is approved, keeps it.
 */
static bool key_open(const char *path, EVP_PKEY **out, struct err *e)
{
    AUTO_BUF struct buf pem = {0};
    AUTO(bio) BIO *bio = NULL;
    AUTO(pkey) EVP_PKEY *key = NULL;
    struct stat s;

    if (stat(path, &s) == 0) {
        if (!file_read(path, 65536, &pem, e))
            return false;
        bio = BIO_new_mem_buf(pem.p, (int)pem.n);
        *out = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
        return *out != NULL || err_set(e, ERR_INPUT, "user.key", "%s: not a private key", path);
    }
    key = EVP_EC_gen("P-256");
    bio = BIO_new(BIO_s_mem());
    if (key == NULL || bio == NULL ||
        PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        return err_set(e, ERR_INTERNAL, "user.key", "making a key failed");
    if (!take_pem(bio, &pem, e) || !file_put(path, 0600, buf_bytes(&pem), e))
        return false;
    *out = STEAL(key);
    return true;
}

static bool csr_make(EVP_PKEY *key, const char *name, struct buf *out, struct err *e)
{
    AUTO(req) X509_REQ *req = X509_REQ_new();
    uint8_t *der = NULL;
    int n;

    if (req == NULL || X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
        X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_ASC,
                                   (const unsigned char *)name, -1, -1, 0) != 1 ||
        X509_REQ_set_pubkey(req, key) != 1 || X509_REQ_sign(req, key, EVP_sha256()) <= 0 ||
        (n = i2d_X509_REQ(req, &der)) <= 0)
        return err_set(e, ERR_INTERNAL, "user.csr", "making a certificate request failed");
    buf_put(out, der, (size_t)n);
    OPENSSL_free(der);
    return buf_ok(out, e);
}

static bool path_in(const char *dir, const char *name, char out[CONTEXT_PATH], struct err *e)
{
    return snprintf(out, CONTEXT_PATH, "%s/%s", dir, name) < CONTEXT_PATH ||
           err_set(e, ERR_LIMIT, "user.path", "%s: path is too long", dir);
}

static bool store_answer(struct cli *c, const char *dir, const Bailey__V1__CreateUserResponse *r)
{
    char cert[CONTEXT_PATH], ca[CONTEXT_PATH], context[CONTEXT_PATH];
    AUTO_BUF struct buf text = {0};

    buf_printf(&text, "server: %s\nca: ca.pem\ncertificate: client.pem\nkey: client.key\n",
               c->client->context.server);
    return path_in(dir, "client.pem", cert, &c->err) && path_in(dir, "ca.pem", ca, &c->err) &&
           path_in(dir, "context.yaml", context, &c->err) && buf_ok(&text, &c->err) &&
           file_put(ca, 0644, bytes_str(r->ca), &c->err) &&
           file_put(cert, 0644, bytes_str(r->certificate), &c->err) &&
           file_put(context, 0644, buf_bytes(&text), &c->err);
}

/* "a,b,c" into list; the text is changed. */
size_t identity_list(char *text, char **list, size_t max)
{
    size_t n = 0;
    char *word;

    while ((word = strsep(&text, ",")) != NULL && n < max)
        if (word[0] != '\0')
            list[n++] = word;
    return n;
}

static enum exit_code create(struct cli *c, Bailey__V1__CreateUserRequest *req, const char *dir)
{
    AUTO(pkey) EVP_PKEY *key = NULL;
    AUTO_BUF struct buf csr = {0};
    char path[CONTEXT_PATH];
    ProtobufCMessage *reply;

    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        (void)err_errno(&c->err, errno, "user.folder", "%s", dir);
        return exit_code_of(&c->err);
    }
    if (!path_in(dir, "client.key", path, &c->err) || !key_open(path, &key, &c->err) ||
        !csr_make(key, req->name, &csr, &c->err))
        return exit_code_of(&c->err);
    req->csr = (ProtobufCBinaryData){csr.n, csr.p};
    if (!client_open(c) || !identity_call(c, "CreateUser", &req->base, &reply) ||
        !store_answer(c, dir, (const Bailey__V1__CreateUserResponse *)reply))
        return exit_code_of(&c->err);
    if (!identity_printed(c, reply))
        output_printf(&c->out, "%s/context.yaml\n", dir);
    output_say(&c->out, "user %s is %s; the key in %s is a secret", req->name,
               role_word(((const Bailey__V1__CreateUserResponse *)reply)->user->role), dir);
    return EXIT_OK;
}

enum exit_code cmd_user_create(struct cli *c)
{
    Bailey__V1__CreateUserRequest req = BAILEY__V1__CREATE_USER_REQUEST__INIT;
    char *namespaces[NAMESPACES], words[8192];
    int64_t ttl_ms = 0;

    if (!cli_given(c, OPT_ROLE))
        return cli_usage(c, "--role ROLE: viewer, operator, security-officer or admin");
    if (!role_parse(c, cli_value(c, OPT_ROLE, ""), &req.role) || !cli_duration(c, OPT_TTL, &ttl_ms))
        return EXIT_USAGE;
    if (!str_copy(words, sizeof words, cli_value(c, OPT_NAMESPACE, "")))
        return cli_usage(c, "--namespace: too long");
    if (!name_check(c->args.operand[0], "NAME", &c->err))
        return EXIT_USAGE;
    req.name = text(c->args.operand[0]);
    req.namespaces = namespaces;
    req.n_namespaces = identity_list(words, namespaces, NAMESPACES);
    req.ttl_s = (uint32_t)(ttl_ms / 1000);
    req.change = cli_given(c, OPT_CHANGE);
    return create(c, &req, cli_value(c, OPT_INTO, req.name));
}

static void show_user(struct table *t, const Bailey__V1__User *u)
{
    AUTO_BUF struct buf where = {0};
    size_t good = 0;
    const char *until = "";

    for (size_t i = 0; i < u->n_namespaces; i++)
        buf_printf(&where, "%s%s", i == 0 ? "" : ",", u->namespaces[i]);
    for (size_t i = 0; i < u->n_certificates; i++)
        if (u->certificates[i]->revoked_at[0] == '\0') {
            good++;
            if (strcmp(u->certificates[i]->expires_at, until) > 0)
                until = u->certificates[i]->expires_at;
        }
    table_cell(t, TONE_PLAIN, "%s", u->name);
    table_cell(t, u->ended_at[0] == '\0' ? TONE_PLAIN : TONE_DIM, "%s",
               u->ended_at[0] == '\0' ? role_word(u->role) : "ended");
    table_cell(t, TONE_PLAIN, "%s", u->n_namespaces == 0 ? "all" : buf_str(&where));
    table_cell(t, TONE_PLAIN, "%zu", good);
    table_cell(t, TONE_PLAIN, "%s", until);
    table_cell(t, TONE_DIM, "%s", u->created_by);
}

static void show_users(struct cli *c, Bailey__V1__User *const *users, size_t n)
{
    static const struct column columns[] = {{"NAME", false},          {"ROLE", false},
                                            {"NAMESPACES", false},    {"CERTIFICATES", false},
                                            {"LONGEST UNTIL", false}, {"MADE BY", true}};
    AUTO_BUF struct buf out = {0};
    struct table t;

    table_init(&t, columns, sizeof columns / sizeof columns[0], c->out.format == OUTPUT_WIDE);
    for (size_t i = 0; i < n; i++)
        show_user(&t, users[i]);
    table_print(&t, c->out.colour, true, &out);
    output_put(&c->out, &out);
    table_fini(&t);
}

enum exit_code cmd_user_list(struct cli *c)
{
    Bailey__V1__ListUsersRequest req = BAILEY__V1__LIST_USERS_REQUEST__INIT;
    const Bailey__V1__ListUsersResponse *r;
    ProtobufCMessage *reply;

    if (!client_open(c) || !identity_call(c, "ListUsers", &req.base, &reply))
        return exit_code_of(&c->err);
    r = (const Bailey__V1__ListUsersResponse *)reply;
    if (!identity_printed(c, reply))
        show_users(c, r->users, r->n_users);
    return EXIT_OK;
}

enum exit_code cmd_user_revoke(struct cli *c)
{
    Bailey__V1__RevokeUserRequest req = BAILEY__V1__REVOKE_USER_REQUEST__INIT;
    ProtobufCMessage *reply;

    req.name = text(c->args.operand[0]);
    req.serial = text(cli_value(c, OPT_SERIAL, ""));
    if (!client_open(c) || !identity_call(c, "RevokeUser", &req.base, &reply))
        return exit_code_of(&c->err);
    if (!identity_printed(c, reply))
        output_printf(&c->out, "user/%s %s\n", req.name,
                      req.serial[0] == '\0' ? "ended" : "certificate revoked");
    return EXIT_OK;
}

enum exit_code cmd_whoami(struct cli *c)
{
    Bailey__V1__WhoAmIRequest req = BAILEY__V1__WHO_AM_IREQUEST__INIT;
    Bailey__V1__WhoAmIResponse *r;
    ProtobufCMessage *reply;

    if (!client_open(c) || !identity_call(c, "WhoAmI", &req.base, &reply))
        return exit_code_of(&c->err);
    r = (Bailey__V1__WhoAmIResponse *)reply;
    if (!identity_printed(c, reply))
        show_users(c, &r->user, 1);
    return EXIT_OK;
}
