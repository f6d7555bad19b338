/* What a keep needs before it can begin: its artifact, and for a machine its initial file system.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/keeps_int.h"
#include "base/str.h"

struct wanted { /* a keep that waits; it may go meanwhile */
    struct keeps *all;
    char uid[40], digest[80];
};

static void on_artifact(void *user, const char *path, const struct err *why)
{
    struct wanted *w = user;

    keep_artifact(w->all, w->uid, path, why);
    free(w);
}

/* The loader finds the initial file system beside the artifact, so its path is not needed here. */
static void on_initrd(void *user, const char *path, const struct err *why)
{
    struct wanted *w = user;
    struct err e = {0};

    if (why != NULL)
        on_artifact(w, path, why);
    else if (!artifact_get(w->all->artifacts, w->digest, on_artifact, w, &e))
        on_artifact(w, "", &e);
}

void keep_fetch(struct keep *k)
{
    const Bailey__V1__StartKeep *s = k->spec;
    struct wanted *w = calloc(1, sizeof *w);
    struct err e = {0};
    bool ok;

    BUG_ON(w == NULL);
    w->all = k->all;
    (void)str_copy(w->uid, sizeof w->uid, s->keep_uid);
    (void)str_copy(w->digest, sizeof w->digest, s->artifact_digest);
    if (s->artifact_oci[0] != '\0')
        ok = image_get(k->all->images, s->artifact_oci, on_artifact, w, &e);
    else if (s->runtime != NULL && s->runtime->initrd != NULL)
        ok = artifact_get(k->all->artifacts, s->runtime->initrd->digest, on_initrd, w, &e);
    else
        ok = artifact_get(k->all->artifacts, s->artifact_digest, on_artifact, w, &e);
    if (!ok)
        on_artifact(w, "", &e);
}

static bool is(const char *digest, const char *name)
{
    return strncmp(digest, "sha256:", 7) == 0 && strncmp(name, "sha256-", 7) == 0 &&
           strcmp(digest + 7, name + 7) == 0;
}

bool keeps_need(void *user, const char *name)
{
    const struct keeps *all = user;

    for (size_t i = 0; i < all->all.n; i++) {
        const Bailey__V1__StartKeep *s = all->all.v[i]->spec;

        if (!all->all.v[i]->ended &&
            (is(s->artifact_digest, name) || (s->runtime != NULL && s->runtime->initrd != NULL &&
                                              is(s->runtime->initrd->digest, name))))
            return true;
    }
    return artifact_fetching(all->artifacts, name);
}
