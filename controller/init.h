/* init.h - the data folder: made at first start, checked at every other.
 *
 *   DIR/lock          held while a controller runs
 *   DIR/bailey.db     the store
 *   DIR/pki/          ca.key ca.pem trust.pem cluster-id server.key server.pem (keys 0600, folder
 * 0700) DIR/admin/        ca.pem client.key client.pem context.yaml: for the first operator
 *   DIR/blobs/        content by digest
 *   DIR/endpoint      host:port of the API, then of enrolment */
#ifndef CONTROLLER_INIT_H
#define CONTROLLER_INIT_H

#include "controller/ca.h"

struct init {
    char dir[512];
    char cluster_id[64];
    struct authorities *authorities; /* owned */
    struct ca *ca;                   /* the active one of them */
    struct buf admin_pem;            /* the certificate of the first operator */
    char hosts[8][256];              /* of the server's certificate */
    size_t hosts_n;
    int lock;
};

/* Makes what is missing, checks what is there. init.busy: another controller runs on it;
 * init.permissions: others may read a key. */
NODISCARD bool init_open(const char *dir, int64_t now_s, struct init *out, struct err *e);
void init_close(struct init *in);

/* A server certificate with these names, new with every start; the key stays. */
NODISCARD bool init_server(struct init *in, const char *const *hosts, size_t n, int64_t now_s,
                           struct err *e);

/* The same again, signed by another authority; user is a struct init. */
bool init_server_again(void *user, const struct ca *ca, int64_t now_s, struct err *e);

/* endpoint and admin/context.yaml, once the real ports are known. http: "" where nothing listens.
 */
NODISCARD bool init_endpoints(const struct init *in, const char *api, const char *enrolment,
                              const char *http, struct err *e);

/* Writes a file whole or not at all: temporary file, fsync, rename, fsync of the folder. */
NODISCARD bool file_write(const char *path, unsigned mode, struct bytes content, struct err *e);
NODISCARD bool file_read(const char *path, size_t limit, struct buf *out, struct err *e);

#endif
