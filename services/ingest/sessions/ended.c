#include "services/ingest/sessions/ended.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/auth/seal.h"
#include "common/base/check.h"
#include "common/db/db.h"
#include "common/watch/watch.h"

enum { DIGEST_BYTES = 43, WAITING_MAX = 1000, ARENA_MAX = 64 * 1024 * 1024, CLOCKS_DIFFER_S = 300 };

typedef struct Digest {
    char text[DIGEST_BYTES + 1];
} Digest;

typedef struct Leaving {
    Digest session;
    int64_t until_s;
} Leaving;

struct Ended {
    Ingest *ingest;
    pthread_mutex_t lock;
    Digest *known; /* sorted */
    size_t known_count;
    Leaving waiting[WAITING_MAX];  /* to be written */
    size_t waiting_count, dropped; /* since they were taken to be written */
    bool ready;
    Watch *watch;
    /* The watch's, and when it has ended of whoever stops: */
    Leaving taken[WAITING_MAX]; /* what of `waiting` is being written */
    Arena *arena;
    DbConfig config;
    Db *db;
};

/* $1 digests, $2 until when */
static const DbStatement ended_write = {
    "ended-write", "INSERT INTO fhirbus.session_end (session, until)"
                   " SELECT * FROM unnest($1::text[], $2::timestamptz[]) ON CONFLICT DO NOTHING"};
static const DbStatement ended_forget = {"ended-forget",
                                         "DELETE FROM fhirbus.session_end WHERE until < now()"};
/* $1 rows */
static const DbStatement ended_read = {
    "ended-read", "SELECT session FROM (SELECT session, until FROM fhirbus.session_end"
                  " WHERE until >= now() ORDER BY until DESC LIMIT $1::integer) newest"
                  " ORDER BY session COLLATE \"C\""};

static int by_text(const void *a, const void *b)
{
    return strcmp(((const Digest *)a)->text, ((const Digest *)b)->text);
}

static bool digest_of(Str session, Arena *arena, Digest *ret)
{
    Str text = seal_digest(session, arena);
    *ret = (Digest){0};
    if (text.len != DIGEST_BYTES)
        return false;
    memcpy(ret->text, text.ptr, DIGEST_BYTES);
    return true;
}

/* --- asked by requests ------------------------------------------------------------------------ */

bool ended_ready(Ended *ended)
{
    pthread_mutex_lock(&ended->lock);
    bool ready = ended->ready;
    pthread_mutex_unlock(&ended->lock);
    return ready;
}

bool ended_has(Ended *ended, Str session, Arena *arena)
{
    Digest digest;
    if (!digest_of(session, arena, &digest))
        return true; /* nothing that cannot be looked for is let in */
    pthread_mutex_lock(&ended->lock);
    bool has = ended->known_count &&
               bsearch(&digest, ended->known, ended->known_count, sizeof(Digest), by_text) != NULL;
    for (size_t i = 0; i < ended->waiting_count && !has; i++)
        has = by_text(&ended->waiting[i].session, &digest) == 0;
    pthread_mutex_unlock(&ended->lock);
    return has;
}

void ended_add(Ended *ended, Str session, int64_t until_s, Arena *arena)
{
    Leaving leaving = {.until_s = until_s};
    if (!digest_of(session, arena, &leaving.session))
        return;
    pthread_mutex_lock(&ended->lock);
    if (ended->waiting_count == WAITING_MAX) { /* the database has been away for long */
        memmove(ended->waiting, ended->waiting + 1, --ended->waiting_count * sizeof(Leaving));
        ended->dropped++;
    }
    ended->waiting[ended->waiting_count++] = leaving;
    pthread_mutex_unlock(&ended->lock);
    watch_hasten(ended->watch);
}

/* --- the one who looks ------------------------------------------------------------------------ */

static size_t take_waiting(Ended *ended)
{
    pthread_mutex_lock(&ended->lock);
    size_t count = ended->waiting_count;
    memcpy(ended->taken, ended->waiting, count * sizeof(Leaving));
    ended->dropped = 0;
    pthread_mutex_unlock(&ended->lock);
    return count;
}

static bool write_waiting(const Leaving *leaving, size_t count, Db *db, Arena *arena, Err *err)
{
    Str *texts = ARENA_ARRAY(arena, Str, count + 1);
    int64_t *until_us = ARENA_ARRAY(arena, int64_t, count + 1);
    DbParams params, none;
    if (!count)
        return true;
    if (!texts || !until_us)
        return ERR(err, ERR_RETRY, "memory-limit", "no room");
    for (size_t i = 0; i < count; i++) {
        texts[i] = str_from(leaving[i].session.text);
        until_us[i] = (leaving[i].until_s + CLOCKS_DIFFER_S) * 1000000;
    }
    db_params_init(&params, arena);
    db_text_array(&params, texts, count);
    db_time_us_array(&params, until_us, count);
    db_params_init(&none, arena);
    return db_run_after(db, &ended_forget, &none, &ended_write, &params, NULL, err);
}

static bool read_known(Db *db, Arena *arena, Digest **ret_list, size_t *ret_count, Err *err)
{
    DbParams params;
    DbResult *result = NULL;
    size_t count = 0;
    db_params_init(&params, arena);
    db_int(&params, ENDED_MAX);
    TRY(db_run(db, &ended_read, &params, &result, err));
    Digest *list = calloc(db_rows(result) + 1, sizeof *list);
    CHECK(list);
    for (size_t i = 0; i < db_rows(result); i++) {
        Str text = db_get_text(result, i, 0);
        if (text.len == DIGEST_BYTES)
            memcpy(list[count++].text, text.ptr, DIGEST_BYTES);
    }
    db_result_free(result);
    *ret_list = list;
    *ret_count = count;
    return true;
}

/* What was written is among what is read then: it need not wait any more. */
static void look(const Watch *watch, void *opaque)
{
    Ended *ended = opaque;
    Err err = {0};
    Digest *list = NULL;
    size_t count = 0, written = take_waiting(ended);
    (void)watch;
    arena_reset(ended->arena);
    if (!write_waiting(ended->taken, written, ended->db, ended->arena, &err) ||
        !read_known(ended->db, ended->arena, &list, &count, &err)) {
        log_debug(ended->ingest->log, "sessions.away", LOG_ERR(&err));
        return;
    }
    pthread_mutex_lock(&ended->lock);
    Digest *old = ended->known;
    ended->known = list;
    ended->known_count = count;
    written -= written < ended->dropped ? written : ended->dropped;
    ended->waiting_count -= written;
    memmove(ended->waiting, ended->waiting + written, ended->waiting_count * sizeof(Leaving));
    ended->ready = true;
    pthread_mutex_unlock(&ended->lock);
    free(old);
}

static void let_go(Ended *ended)
{
    db_free(ended->db);
    arena_free(ended->arena);
    pthread_mutex_destroy(&ended->lock);
    free(ended->known);
    free(ended);
}

Ended *ended_start(Ingest *ingest, Err *err)
{
    static const DbStatement *const statements[] = {&ended_write, &ended_forget, &ended_read, NULL};
    Ended *ended = calloc(1, sizeof *ended);
    CHECK(ended);
    ended->ingest = ingest;
    ended->config = ingest->config->db;
    ended->config.timeout_ms = ended->config.connect_timeout_ms =
        ingest->config->read_connect_timeout_ms;
    CHECK(pthread_mutex_init(&ended->lock, NULL) == 0);
    ended->arena = arena_new(ARENA_MAX);
    CHECK(ended->arena);
    ended->db = db_new(&ended->config, statements, "fhirbus-ingest", ingest->log);
    ended->watch = watch_start("ended", ENDED_LOOK_MS, look, ended);
    if (ended->watch)
        return ended;
    let_go(ended);
    ERR(err, ERR_FATAL, "sessions", "no thread");
    return NULL;
}

void ended_stop(Ended *ended)
{
    if (!ended)
        return;
    watch_stop(ended->watch);
    look(NULL, ended); /* whoever left last */
    let_go(ended);
}
