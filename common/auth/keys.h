/* keys - others' public keys: key sets by address, fetched ahead and kept, never while a request
 * waits.
 *
 * Rule:    only addresses that an object names are ever asked (keys_follow), over https (plain http
 *          to loopback only), without following redirects. Fetched again after refresh_s, or sooner
 *          when a token names an unknown key (keys_want), but not within KEYS_PAUSE_S; after a
 * failure with growing pauses. The last good set is used meanwhile, for KEYS_STALE_S at most.
 * Owner:   a set acquired lives until jwks_free.
 * Threads: one of its own fetches; everything here may be called from any.
 * Limits:  KEYS_SOURCES_MAX addresses; JWKS_BYTES_MAX each. */
#pragma once
#include "common/auth/jwk.h"
#include "common/obs/log.h"

enum {
    KEYS_SOURCES_MAX = 1000,
    KEYS_PAUSE_S = 10,
    KEYS_BACKOFF_MAX_S = 300,
    KEYS_STALE_S = 86400,
};

typedef struct KeyStore KeyStore;

typedef struct KeySource {
    Str url;     /* or ... */
    Str literal; /* ... the set itself */
    Str ca_file; /* empty: the system's */
    uint64_t refresh_s;
} KeySource;

KeyStore *keys_start(const Log *log);
void keys_stop(KeyStore *store); /* NULL is fine */
/* What is to be known from now on. Texts are copied. */
void keys_follow(KeyStore *store, const KeySource *sources, size_t count);
/* By url or literal; NULL: none yet. */
const Jwks *keys_acquire(KeyStore *store, Str url_or_literal);
/* A key was not in the set: true when a newer set is on its way. */
bool keys_want(KeyStore *store, Str url);
