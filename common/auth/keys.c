#include "common/auth/keys.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/http/client.h"
#include "common/watch/watch.h"

enum { FETCH_MS = 5000, LOOK_MS = 200, URL_MAX = 2100, BACKOFF_MIN_MS = 1000 };

typedef struct Source {
    struct Source *next;
    char *name; /* url or literal */
    size_t name_len;
    char *ca_file; /* NULL: the system's */
    bool literal;
    bool followed; /* by the last keys_follow */
    int64_t refresh_ms;
    const Jwks *jwks;
    int64_t fetched_ms, due_ms, asked_ms;
    unsigned failures;
} Source;

struct KeyStore {
    const Log *log;
    Watch *watch;
    pthread_mutex_t lock;
    Source *sources;
    size_t count;
};

static char *copy(Str text)
{
    char *to = malloc(text.len + 1);
    CHECK(to);
    if (text.len)
        memcpy(to, text.ptr, text.len);
    to[text.len] = '\0';
    return to;
}

static void source_free(Source *source)
{
    jwks_free(source->jwks);
    free(source->name);
    free(source->ca_file);
    free(source);
}

static Source *find(const KeyStore *store, Str name)
{
    for (Source *source = store->sources; source; source = source->next)
        if (str_eq((Str){source->name, source->name_len}, name))
            return source;
    return NULL;
}

/* --- following -------------------------------------------------------------------------------- */

static bool same_authority(const Source *source, Str ca_file)
{
    return source->ca_file ? str_is(ca_file, source->ca_file) : !ca_file.len;
}

static Source *add(KeyStore *store, const KeySource *wanted, Str name)
{
    Source *source = calloc(1, sizeof *source);
    CHECK(source);
    source->name = copy(name);
    source->name_len = name.len;
    source->literal = wanted->literal.len > 0;
    if (source->literal) {
        Jwks *jwks = NULL;
        Err err = {0};
        if (jwks_read(name, &jwks, &err))
            source->jwks = jwks;
        else
            log_error(store->log, "keys.unreadable", LOG_ERR(&err));
    }
    source->next = store->sources;
    store->sources = source;
    store->count++;
    return source;
}

static void drop_others(KeyStore *store)
{
    for (Source **at = &store->sources; *at;) {
        Source *source = *at;
        if (source->followed) {
            at = &source->next;
            continue;
        }
        *at = source->next;
        store->count--;
        source_free(source);
    }
}

void keys_follow(KeyStore *store, const KeySource *sources, size_t count)
{
    pthread_mutex_lock(&store->lock);
    for (Source *source = store->sources; source; source = source->next)
        source->followed = false;
    for (size_t i = 0; i < count; i++) {
        Str name = sources[i].literal.len ? sources[i].literal : sources[i].url;
        Source *source = find(store, name);
        if (!source && store->count < KEYS_SOURCES_MAX)
            source = add(store, &sources[i], name);
        if (!source)
            continue;
        source->followed = true;
        source->refresh_ms = (int64_t)sources[i].refresh_s * 1000;
        if (!same_authority(source, sources[i].ca_file)) {
            free(source->ca_file);
            source->ca_file = sources[i].ca_file.len ? copy(sources[i].ca_file) : NULL;
            source->due_ms = 0;
        }
    }
    drop_others(store);
    pthread_mutex_unlock(&store->lock);
    watch_hasten(store->watch);
}

const Jwks *keys_acquire(KeyStore *store, Str name)
{
    const Jwks *jwks = NULL;
    pthread_mutex_lock(&store->lock);
    const Source *source = find(store, name);
    bool usable =
        source && source->jwks &&
        (source->literal || clock_mono_ms() - source->fetched_ms < (int64_t)KEYS_STALE_S * 1000);
    if (usable)
        jwks = jwks_hold(source->jwks);
    pthread_mutex_unlock(&store->lock);
    return jwks;
}

bool keys_want(KeyStore *store, Str url)
{
    int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&store->lock);
    Source *source = find(store, url);
    bool coming = source && !source->literal;
    if (coming && now_ms < source->due_ms) {
        coming = !source->failures && now_ms - source->asked_ms >= KEYS_PAUSE_S * 1000;
        if (coming)
            source->due_ms = now_ms;
    }
    pthread_mutex_unlock(&store->lock);
    if (coming)
        watch_hasten(store->watch);
    return coming;
}

/* --- fetching --------------------------------------------------------------------------------- */

typedef struct Fetch {
    char url[URL_MAX];
    char ca_file[URL_MAX];
    Jwks *jwks;
    Err err;
} Fetch;

static void fetched(void *context, const HttpResult *result)
{
    Fetch *fetch = context;
    if (result->failure != HTTP_FAILURE_NONE)
        ERR(&fetch->err, ERR_RETRY, "keys-away", "%s", http_failure_name(result->failure));
    else if (result->status != 200)
        ERR(&fetch->err, ERR_RETRY, "keys-away", "status %u", result->status);
    else if (jwks_read(result->body, &fetch->jwks, &fetch->err) && !jwks_count(fetch->jwks)) {
        jwks_free(fetch->jwks);
        fetch->jwks = NULL;
        ERR(&fetch->err, ERR_RETRY, "keys-none", "no key that could be used");
    }
}

static void run(Fetch *fetch)
{
    const HttpClientOptions options = {
        .ca_file = fetch->ca_file[0] ? fetch->ca_file : NULL,
        .timeout_ms = FETCH_MS,
        .response_max_bytes = JWKS_BYTES_MAX,
        .allow_plain_http = true, /* objects.c takes such addresses on loopback alone */
    };
    const HttpCall call = {.url = fetch->url, .done = fetched, .context = fetch};
    HttpClient *client = NULL;
    if (!http_client_new(&options, &client, &fetch->err))
        return;
    if (http_client_start(client, &call, &fetch->err))
        while (http_client_active(client))
            http_client_poll(client, LOOK_MS);
    http_client_free(client);
}

static int64_t backoff_ms(unsigned failures)
{
    int64_t ms = (int64_t)BACKOFF_MIN_MS << (failures < 10 ? failures : 10);
    return ms < KEYS_BACKOFF_MAX_S * 1000 ? ms : KEYS_BACKOFF_MAX_S * 1000;
}

static void note(KeyStore *store, Fetch *fetch)
{
    pthread_mutex_lock(&store->lock);
    Source *source = find(store, str_from(fetch->url));
    int64_t now_ms = clock_mono_ms();
    if (source && fetch->jwks) {
        jwks_free(source->jwks);
        source->jwks = fetch->jwks;
        fetch->jwks = NULL;
        source->fetched_ms = now_ms;
        source->failures = 0;
        source->due_ms = now_ms + source->refresh_ms;
    } else if (source) {
        source->due_ms = now_ms + backoff_ms(source->failures++);
    }
    size_t keys = source && source->jwks ? jwks_count(source->jwks) : 0;
    unsigned failures = source ? source->failures : 0;
    pthread_mutex_unlock(&store->lock);
    jwks_free(fetch->jwks);
    if (failures)
        log_warn(store->log, "keys.away", LOG_TEXT("url", fetch->url),
                 LOG_U64("failures", failures), LOG_ERR(&fetch->err));
    else
        log_info(store->log, "keys.fetched", LOG_TEXT("url", fetch->url), LOG_U64("keys", keys));
}

/* With the lock: the one that is due for the longest. */
static Source *due(const KeyStore *store, int64_t now_ms)
{
    Source *found = NULL;
    for (Source *source = store->sources; source; source = source->next)
        if (!source->literal && source->due_ms <= now_ms && source->name_len < URL_MAX &&
            (!found || source->due_ms < found->due_ms))
            found = source;
    return found;
}

static bool next(KeyStore *store, Fetch *fetch)
{
    *fetch = (Fetch){0};
    pthread_mutex_lock(&store->lock);
    Source *source = due(store, clock_mono_ms());
    if (source) {
        snprintf(fetch->url, sizeof fetch->url, "%s", source->name);
        snprintf(fetch->ca_file, sizeof fetch->ca_file, "%s",
                 source->ca_file ? source->ca_file : "");
        source->asked_ms = clock_mono_ms();
    }
    pthread_mutex_unlock(&store->lock);
    return source != NULL;
}

static void look(const Watch *watch, void *opaque)
{
    KeyStore *store = opaque;
    Fetch fetch;
    while (!watch_stopping(watch) && next(store, &fetch)) {
        run(&fetch);
        note(store, &fetch);
    }
}

KeyStore *keys_start(const Log *log)
{
    KeyStore *store = calloc(1, sizeof *store);
    CHECK(store);
    store->log = log;
    CHECK(pthread_mutex_init(&store->lock, NULL) == 0);
    store->watch = watch_start("keys", LOOK_MS, look, store);
    CHECK(store->watch);
    return store;
}

void keys_stop(KeyStore *store)
{
    if (!store)
        return;
    watch_stop(store->watch);
    for (Source *source = store->sources, *after; source; source = after) {
        after = source->next;
        source_free(source);
    }
    pthread_mutex_destroy(&store->lock);
    free(store);
}
