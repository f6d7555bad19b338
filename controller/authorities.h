/* authorities.h - the cluster's certificate authorities: one signs, more may be believed. Rotation
 * is in SPIRE's order, so that nobody ever meets an issuer he does not know:
 *
 *   prepare   a new one is made                                (prepared)
 *   publish   nodes and users are told to believe it, too      (published)
 *   activate  it signs; the one before is                      (old)
 *   taint     what the old one signed is replaced              (tainted)
 *   revoke    the old one is believed no more                  (revoked)
 *
 *   DIR/pki/ca.pem, ca.key      the first; ca-2.pem, ca-2.key the next, ...
 *   DIR/pki/ca.uri              instead of ca.key: where an OpenSSL provider has the key
 *   DIR/pki/authorities         a line each: its name and state
 *   DIR/pki/trust.pem           the certificates of all that are believed
 *
 * Keys are files of mode 0600. */
#ifndef CONTROLLER_AUTHORITIES_H
#define CONTROLLER_AUTHORITIES_H

#include "controller/ca.h"

enum authority_state {
    AUTHORITY_PREPARED,
    AUTHORITY_PUBLISHED,
    AUTHORITY_ACTIVE,
    AUTHORITY_OLD,
    AUTHORITY_TAINTED,
    AUTHORITY_REVOKED
};

#define AUTHORITIES_MAX 16 /* revoked ones make room */

struct authority {
    char name[16]; /* "ca-2": of its files */
    enum authority_state state;
    struct ca *ca; /* owned; of a revoked one only the certificate counts */
    char pin[2 * PIN_SIZE + 1];
    char key_id[64]; /* subject key identifier, hex: what certificates name their issuer by */
    bool provider;   /* the key is behind a URI */
};

struct authorities {
    char dir[512];
    char cluster_id[64];
    char key_uri[512]; /* of the next one's key; "": a file */
    struct authority v[AUTHORITIES_MAX];
    size_t n;
    struct buf bundle; /* PEM of all that are believed */
};

/* Reads DIR/pki; a folder from before there were several is one active authority. */
NODISCARD bool authorities_open(const char *dir, const char *cluster_id, const char *key_uri,
                                struct authorities **out, struct err *e);
void authorities_free(struct authorities *a);

struct authority *authorities_active(struct authorities *a);
/* Whether certificates of the issuer with this key identifier count. */
bool authorities_believe(const struct authorities *a, const char *key_id);
struct authority *authorities_find(struct authorities *a, enum authority_state state); /* or NULL */
const char *authority_state_name(enum authority_state state);

/* The step that comes next: "prepare", ... */
const char *authorities_next(struct authorities *a);

/* Does the step and writes it down. ca.step: another one is next. */
NODISCARD bool authorities_step(struct authorities *a, const char *step, int64_t now_s,
                                struct err *e);

DEFINE_CLEANUP(authorities, struct authorities *, authorities_free)

#endif
