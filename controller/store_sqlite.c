/* The default store: one SQLite file. Two connections: the commit thread writes with its own, the
 * loop thread reads with another (WAL lets both be). */
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "controller/store_format.h"
#include "controller/store_int.h"

struct store_sqlite {
    struct store base;
    sqlite3 *reader, *writer;
    sqlite3_stmt *put, *remove, *each;
    uv_async_t wake;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct store_batch *todo, **todo_end; /* under lock */
    struct store_batch *done, **done_end; /* under lock */
    bool stop;                            /* under lock */
};

/* The disk or the file is not to be trusted any more: end before anything is acknowledged. */
static void __attribute__((noreturn)) fail_stop(sqlite3 *db, const char *what)
{
    log_error("store failed, stopping", LOG_STR("doing", what),
              LOG_STR("cause", sqlite3_errmsg(db)));
    _exit(70);
}

static void step_or_stop(struct store_sqlite *s, sqlite3_stmt *st, const char *what)
{
    if (sqlite3_step(st) != SQLITE_DONE)
        fail_stop(s->writer, what);
    sqlite3_reset(st);
}

static void exec_or_stop(struct store_sqlite *s, const char *sql)
{
    if (sqlite3_exec(s->writer, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_stop(s->writer, sql);
}

static void write_batch(struct store_sqlite *s, const struct store_batch *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const struct store_op *op = &b->ops[i];
        sqlite3_stmt *st = op->remove ? s->remove : s->put;

        if (sqlite3_bind_blob64(st, 1, op->key, op->key_n, SQLITE_STATIC) != SQLITE_OK)
            fail_stop(s->writer, "bind key");
        if (!op->remove &&
            sqlite3_bind_blob64(st, 2, op->value, op->value_n, SQLITE_STATIC) != SQLITE_OK)
            fail_stop(s->writer, "bind value");
        step_or_stop(s, st, op->remove ? "delete" : "put");
    }
}

/* Takes everything that waits; NULL when it is time to end. */
static struct store_batch *take_work(struct store_sqlite *s)
{
    struct store_batch *list;

    pthread_mutex_lock(&s->lock);
    while (s->todo == NULL && !s->stop)
        pthread_cond_wait(&s->work, &s->lock);
    list = s->todo;
    s->todo = NULL;
    s->todo_end = &s->todo;
    pthread_mutex_unlock(&s->lock);
    return list;
}

static void hand_back(struct store_sqlite *s, struct store_batch *list)
{
    pthread_mutex_lock(&s->lock);
    *s->done_end = list;
    while (*s->done_end != NULL)
        s->done_end = &(*s->done_end)->next;
    pthread_mutex_unlock(&s->lock);
    uv_async_send(&s->wake);
}

static void *commit_thread(void *data)
{
    struct store_sqlite *s = data;
    struct store_batch *list;

    while ((list = take_work(s)) != NULL) {
        exec_or_stop(s, "BEGIN IMMEDIATE");
        for (struct store_batch *b = list; b != NULL; b = b->next)
            write_batch(s, b);
        exec_or_stop(s, "COMMIT");
        hand_back(s, list);
    }
    return NULL;
}

static void run_done(struct store_sqlite *s)
{
    struct store_batch *list;

    pthread_mutex_lock(&s->lock);
    list = s->done;
    s->done = NULL;
    s->done_end = &s->done;
    pthread_mutex_unlock(&s->lock);
    while (list != NULL) {
        struct store_batch *b = list;

        list = b->next;
        if (b->done != NULL)
            b->done(b->data);
        store_batch_free(b);
    }
}

static void on_wake(uv_async_t *a)
{
    run_done(a->data);
}

static void sqlite_commit(struct store *base, struct store_batch *b)
{
    struct store_sqlite *s = (struct store_sqlite *)base;

    b->next = NULL;
    pthread_mutex_lock(&s->lock);
    *s->todo_end = b;
    s->todo_end = &b->next;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
}

static bool sqlite_each(struct store *base, struct bytes prefix, struct bytes from,
                        store_each_fn *fn, void *data, struct err *e)
{
    struct store_sqlite *s = (struct store_sqlite *)base;
    bool ok = true;
    int rc = SQLITE_DONE;

    sqlite3_reset(s->each);
    sqlite3_bind_blob64(s->each, 1, from.n == 0 ? (const uint8_t *)"" : from.p, from.n,
                        SQLITE_STATIC);
    while (ok && (rc = sqlite3_step(s->each)) == SQLITE_ROW) {
        struct bytes key = {sqlite3_column_blob(s->each, 0),
                            (size_t)sqlite3_column_bytes(s->each, 0)};
        struct bytes value = {sqlite3_column_blob(s->each, 1),
                              (size_t)sqlite3_column_bytes(s->each, 1)};

        if (key.n < prefix.n || memcmp(key.p, prefix.p, prefix.n) != 0)
            break; /* past the prefix; what follows is greater */
        ok = fn(data, key, value, e);
    }
    if (ok && rc != SQLITE_DONE && rc != SQLITE_ROW)
        ok = err_set(e, ERR_IO, "store.read", "reading the store: %s", sqlite3_errmsg(s->reader));
    sqlite3_reset(s->each);
    return ok;
}

static void sqlite_free(struct store_sqlite *s)
{
    sqlite3_finalize(s->put);
    sqlite3_finalize(s->remove);
    sqlite3_finalize(s->each);
    sqlite3_close(s->reader);
    sqlite3_close(s->writer);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->work);
    free(s);
}

static void on_wake_closed(uv_handle_t *h)
{
    sqlite_free(h->data);
}

static void sqlite_close(struct store *base)
{
    struct store_sqlite *s = (struct store_sqlite *)base;

    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    run_done(s);
    uv_close((uv_handle_t *)&s->wake, on_wake_closed);
}

static const struct store_type sqlite_type = {sqlite_commit, sqlite_each, sqlite_close};

static bool open_files(struct store_sqlite *s, const char *path, struct err *e)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, version;

    if (sqlite3_open_v2(path, &s->writer, flags, NULL) != SQLITE_OK)
        return store_sql_fail(s->writer, path, e);
    if (sqlite3_exec(s->writer, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", NULL, NULL,
                     NULL) != SQLITE_OK)
        return store_sql_fail(s->writer, path, e);
    if (!store_version(s->writer, path, &version, e) ||
        (version > 0 && !store_quick_check(s->writer, path, e)) ||
        !store_upgrade(s->writer, path, version, e))
        return false;
    if (sqlite3_open_v2(path, &s->reader, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return store_sql_fail(s->reader, path, e);
    sqlite3_busy_timeout(s->reader, 2000);
    if (sqlite3_prepare_v2(s->writer, "INSERT OR REPLACE INTO record(key,value) VALUES(?1,?2)", -1,
                           &s->put, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(s->writer, "DELETE FROM record WHERE key=?1", -1, &s->remove, NULL) !=
            SQLITE_OK)
        return store_sql_fail(s->writer, path, e);
    if (sqlite3_prepare_v2(s->reader, "SELECT key,value FROM record WHERE key>=?1 ORDER BY key", -1,
                           &s->each, NULL) != SQLITE_OK)
        return store_sql_fail(s->reader, path, e);
    return true;
}

bool store_open_sqlite(uv_loop_t *loop, const char *path, struct store **out, struct err *e)
{
    struct store_sqlite *s = calloc(1, sizeof *s);

    if (s == NULL)
        return err_set(e, ERR_NOMEM, "store.memory", "no memory");
    s->base.type = &sqlite_type;
    s->todo_end = &s->todo;
    s->done_end = &s->done;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, NULL);
    if (!open_files(s, path, e)) {
        sqlite_free(s);
        return false;
    }
    s->wake.data = s;
    if (uv_async_init(loop, &s->wake, on_wake) != 0) {
        sqlite_free(s);
        return err_set(e, ERR_NOMEM, "store.memory", "no event handle");
    }
    if (pthread_create(&s->thread, NULL, commit_thread, s) != 0) {
        uv_close((uv_handle_t *)&s->wake, on_wake_closed);
        return err_set(e, ERR_NOMEM, "store.memory", "no thread");
    }
    *out = &s->base;
    return true;
}
