/* label.c - the labels of nodes: one copy of each combination, and which keys the index knows. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "scheduler/fleet_int.h"

static int by_key(const void *a, const void *b)
{
    const struct label *x = a, *y = b;

    return strcmp(x->key, y->key);
}

static size_t set_cost(const struct label_set *s)
{
    return heap_cost(sizeof *s) + heap_cost(s->key_n) + heap_cost((s->n + 1) * sizeof *s->labels);
}

void label_set_release(struct fleet *f, struct label_set *s)
{
    if (--s->nodes > 0)
        return;
    (void)map_remove(&f->label_sets, (struct bytes){s->key, s->key_n});
    f->heap -= set_cost(s);
    free(s->labels);
    free(s->key);
    free(s);
}

/* Takes over key, whose texts the labels then point to. */
static struct label_set *set_new(struct fleet *f, uint8_t *key, size_t key_n, size_t n)
{
    struct label_set *s = calloc(1, sizeof *s);
    char *at = (char *)key;

    if (s != NULL)
        s->labels = calloc(n + 1, sizeof *s->labels);
    if (s == NULL || s->labels == NULL || !map_put(&f->label_sets, (struct bytes){key, key_n}, s)) {
        if (s != NULL)
            free(s->labels);
        free(s);
        free(key);
        return NULL;
    }
    s->key = key;
    s->key_n = key_n;
    s->n = n;
    for (size_t i = 0; i < n; i++) {
        s->labels[i].key = at;
        at += strlen(at) + 1;
        s->labels[i].value = at;
        at += strlen(at) + 1;
    }
    f->heap += set_cost(s);
    return s;
}

struct label_set *label_set_intern(struct fleet *f, const struct label *labels, size_t n,
                                   struct err *e)
{
    AUTO_BUF struct buf b = {0};
    struct label *sorted = calloc(n + 1, sizeof *sorted);
    struct label_set *s = NULL;
    bool twice = false;

    for (size_t i = 0; sorted != NULL && i < n; i++)
        sorted[i] = labels[i];
    if (sorted != NULL && n > 1)
        qsort(sorted, n, sizeof *sorted, by_key);
    for (size_t i = 0; sorted != NULL && i < n; i++) {
        twice = twice || (i > 0 && strcmp(sorted[i - 1].key, sorted[i].key) == 0);
        buf_put(&b, sorted[i].key, strlen(sorted[i].key) + 1);
        buf_put(&b, sorted[i].value, strlen(sorted[i].value) + 1);
    }
    if (n == 0)
        buf_putc(&b, '\0'); /* a map key of its own */
    if (twice) {
        free(sorted);
        err_set(e, ERR_INPUT, "scheduler.label-twice", "a label is given twice");
        return NULL;
    }
    if (sorted != NULL && buf_ok(&b, NULL)) {
        size_t key_n = b.n;

        s = map_get(&f->label_sets, buf_bytes(&b));
        if (s == NULL) {
            uint8_t *key = (uint8_t *)buf_steal(&b, NULL);

            s = key == NULL ? NULL : set_new(f, key, key_n, n);
        }
    }
    free(sorted);
    if (s == NULL)
        err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for labels");
    else
        s->nodes++;
    return s;
}

const char *label_set_get(const struct label_set *s, const char *key)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->labels[i].key, key) == 0)
            return s->labels[i].value;
    return NULL;
}

void fleet_forget_labels(struct fleet *f)
{
    for (size_t i = 0; i < f->indexed.n; i++)
        free(f->indexed.v[i]);
    f->indexed.n = 0;
}

bool fleet_index_label(struct fleet *f, const char *key, struct err *e)
{
    bool ok = true;
    char *copy;

    for (size_t i = 0; i < f->indexed.n; i++)
        if (strcmp(f->indexed.v[i], key) == 0)
            return true;
    if (f->indexed.n == INDEXED_LABELS)
        return err_set(e, ERR_LIMIT, "scheduler.label-keys",
                       "a demand speaks of more than %d label keys", INDEXED_LABELS);
    copy = strdup(key);
    if (copy == NULL || !vec_push(&f->indexed, copy)) {
        free(copy);
        return err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for a label key");
    }
    f->cells.revision++; /* keys mean something else now, even where a cell seems the same */
    for (uint32_t i = 0; i < f->nodes.n; i++) {
        if (fleet_node(f, i)->name == NULL)
            continue;
        node_leave(f, i);
        ok = node_enter(f, i) && ok;
    }
    return ok || err_set(e, ERR_NOMEM, "scheduler.no-memory", "no memory for the index");
}
