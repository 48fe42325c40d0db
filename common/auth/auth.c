/* The process's one Auth: what it holds, and how it follows its files. */
#include <stdlib.h>

#include "common/auth/auth_inner.h"
#include "common/base/check.h"

enum { WATCH_MS = 250, CREDENTIAL_KEY_MIN = 32 };

/* --- files ------------------------------------------------------------------------------------ */

static uint64_t stamp_of(const AuthOptions *options)
{
    uint64_t folder = options->signing_folder ? ring_folder_stamp(options->signing_folder) : 0;
    return (watch_file_stamp(options->client_ca_file) * 31 +
            watch_file_stamp(options->client_crl_file)) *
               31 +
           folder;
}

static void files_free(AuthFiles *files)
{
    trust_free(files->trust);
    ring_free(files->ring);
    free(files);
}

static bool files_read(const AuthOptions *options, AuthFiles **ret_files, Err *err)
{
    AuthFiles *files = calloc(1, sizeof *files);
    CHECK(files);
    atomic_init(&files->refs, 1);
    files->stamp = stamp_of(options); /* before: a change meanwhile is seen next time */
    if ((options->client_ca_file &&
         !trust_read(options->client_ca_file, options->client_crl_file, &files->trust, err)) ||
        (options->signing_folder &&
         !ring_read(options->signing_folder, options->signing_publish_s, &files->ring, err))) {
        files_free(files);
        return false;
    }
    *ret_files = files;
    return true;
}

const AuthFiles *files_acquire(Auth *auth)
{
    pthread_mutex_lock(&auth->lock);
    AuthFiles *files = auth->files;
    atomic_fetch_add(&files->refs, 1);
    pthread_mutex_unlock(&auth->lock);
    return files;
}

void files_release(const AuthFiles *held)
{
    union {
        const AuthFiles *held;
        AuthFiles *files;
    } cast = {.held = held};
    if (cast.files && atomic_fetch_sub(&cast.files->refs, 1) == 1)
        files_free(cast.files);
}

/* What cannot be read leaves the last good ones in force, and is tried again when it has changed.
 */
static void follow_files(Auth *auth)
{
    uint64_t stamp = stamp_of(&auth->options);
    AuthFiles *files = NULL;
    Err err = {0};
    if (stamp == auth->tried)
        return;
    auth->tried = stamp;
    if (!files_read(&auth->options, &files, &err)) {
        log_error(auth->options.log, "auth.files_unusable", LOG_ERR(&err));
        return;
    }
    pthread_mutex_lock(&auth->lock);
    AuthFiles *old = auth->files;
    auth->files = files;
    pthread_mutex_unlock(&auth->lock);
    files_release(old);
    log_info(auth->options.log, "auth.files_changed");
}

/* --- others' keys ----------------------------------------------------------------------------- */

static size_t client_sources(const CallerBook *book, KeySource *sources, size_t count)
{
    for (size_t i = 0; book_caller_at(book, i); i++) {
        const Caller *caller = book_caller_at(book, i);
        for (size_t c = 0; c < caller->client_count && count < KEYS_SOURCES_MAX; c++)
            if (caller->clients[c].jwks_uri.len)
                sources[count++] =
                    (KeySource){.url = caller->clients[c].jwks_uri, .refresh_s = 600};
    }
    return count;
}

static void follow_keys(Auth *auth, const CallerBook *book)
{
    KeySource *sources = calloc(KEYS_SOURCES_MAX, sizeof *sources);
    size_t count = 0;
    CHECK(sources);
    for (size_t i = 0; book_issuer_at(book, i) && count < KEYS_SOURCES_MAX; i++) {
        const TokenIssuer *issuer = book_issuer_at(book, i);
        if (!issuer->disabled)
            sources[count++] = (KeySource){.url = issuer->jwks_uri,
                                           .literal = issuer->jwks,
                                           .ca_file = issuer->ca_file,
                                           .refresh_s = issuer->refresh_s};
    }
    keys_follow(auth->keys, sources, client_sources(book, sources, count));
    free(sources);
}

static void look(const Watch *watch, void *opaque)
{
    Auth *auth = opaque;
    (void)watch;
    const CallerBook *book = callers_acquire(auth->callers);
    if (book_generation(book) != auth->followed)
        follow_keys(auth, book);
    auth->followed = book_generation(book);
    callers_release(book);
    follow_files(auth);
}

/* --- its life --------------------------------------------------------------------------------- */

static bool check_options(const AuthOptions *options, Err *err)
{
    if (options->credential_key.len && options->credential_key.len < CREDENTIAL_KEY_MIN)
        return ERR(err, ERR_FATAL, "auth-settings", "the credential key has less than %d bytes",
                   CREDENTIAL_KEY_MIN);
    if (options->client_crl_file && !options->client_ca_file)
        return ERR(err, ERR_FATAL, "auth-settings", "a revocation list without authorities");
    if (options->signing_folder && (!options->issuer.len || !options->audience.len))
        return ERR(err, ERR_FATAL, "auth-settings", "signing keys without an issuer's name");
    return true;
}

bool auth_open(const AuthOptions *options, Auth **ret_auth, Err *err)
{
    AuthFiles *files = NULL;
    TRY(check_options(options, err));
    TRY(files_read(options, &files, err));
    Auth *auth = calloc(1, sizeof *auth);
    CHECK(auth);
    auth->options = *options;
    auth->files = files;
    CHECK(pthread_mutex_init(&auth->lock, NULL) == 0);
    auth->callers = callers_new(options->catalog, options->log);
    auth->keys = keys_start(options->log);
    auth->verified = verified_new();
    auth->known = known_new();
    auth->tried = files->stamp;
    auth->watch = watch_start("auth-watch", WATCH_MS, look, auth);
    CHECK(auth->watch);
    *ret_auth = auth;
    return true;
}

void auth_close(Auth *auth)
{
    if (!auth)
        return;
    watch_stop(auth->watch);
    keys_stop(auth->keys);
    callers_free(auth->callers);
    verified_free(auth->verified);
    known_free(auth->known);
    files_release(auth->files);
    pthread_mutex_destroy(&auth->lock);
    free(auth);
}

bool auth_ready(Auth *auth)
{
    return callers_ready(auth->callers);
}

const CallerBook *auth_book(Auth *auth)
{
    return callers_acquire(auth->callers);
}

bool auth_has_issuer(const Auth *auth)
{
    return auth->options.signing_folder != NULL;
}

bool auth_wants_certificates(const Auth *auth)
{
    return auth->options.client_ca_file != NULL;
}

Str auth_jwks_json(Auth *auth, Arena *arena)
{
    const AuthFiles *files = files_acquire(auth);
    Str json = files->ring ? arena_copy(arena, ring_json(files->ring)) : STR_NONE;
    files_release(files);
    return json;
}
