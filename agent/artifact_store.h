/* artifact_store.h - what lies in the folder of artifacts: which bytes were checked, what may go
 * when there is too little room. Loop thread only; hashing happens on a worker thread. */
#ifndef AGENT_ARTIFACT_STORE_H
#define AGENT_ARTIFACT_STORE_H

#include <sys/stat.h>
#include <uv.h>

#include "base/err.h"
#include "base/vec.h"

#define ARTIFACT_NAME 80 /* "sha256-<hex>" and its NUL */
#define ARTIFACT_PART ".part-"

struct artifact_known { /* a file whose bytes were hashed in this life of the agent */
    char name[ARTIFACT_NAME];
    struct stat st; /* when they were: a file that changed since is hashed again */
    uint64_t used;  /* order of use */
};

struct artifact_store {
    int dir_fd;
    uint64_t quota; /* bytes; 0: none */
    uint64_t uses;
    /* Whether a file may not go: a keep that has not ended needs it, or it is being fetched. */
    bool (*needed)(void *user, const char *name);
    void *user;
    VEC(struct artifact_known) known;
};

/* The file's bytes were found right: remembers so. */
void artifact_store_add(struct artifact_store *s, const char *name, const struct stat *st);
/* True when the file was found right before and is the same; counts as a use. */
bool artifact_store_fresh(struct artifact_store *s, const char *name, const struct stat *st);

/* Removes what is not needed, least recently used first, until `more` bytes fit. ERR_LIMIT
 * "artifact.quota": they do not, with all that is needed. */
NODISCARD bool artifact_store_room(struct artifact_store *s, uint64_t more, struct err *e);

/* SHA-256 of a file that nobody reads meanwhile; false: it could not be read. Any thread. */
bool artifact_hash(int fd, char hex[65]);

#endif
