/* sessions - signing in: by password, by an OpenID Connect provider. One per process.
 *
 * Both take their time (Argon2id on purpose, the provider because it is far away), so they are
 * looked at by threads of their own, the desk: a server thread never waits for them.
 * Limits:  DESK_WAITING_MAX people in line; attempts.h says how often one may try.
 * Threads: any of the server's. */
#pragma once
#include "common/auth/keys.h"
#include "services/ingest/exchange.h"
#include "services/ingest/lookups.h"
#include "services/ingest/sessions/attempts.h"
#include "services/ingest/sessions/documents.h"
#include "services/ingest/sessions/ended.h"
#include "services/ingest/sessions/session_options.h"

enum { DESK_THREADS = 2, DESK_WAITING_MAX = 32 };

typedef struct Provider { /* what its discovery document says */
    pthread_mutex_t lock;
    bool known;
    int64_t known_ms;
    ProviderUrls urls;
} Provider;

typedef struct Sessions {
    Ingest *ingest;
    Lookups *desk; /* asks no database */
    Attempts *attempts;
    Ended *ended;   /* NULL: nobody can sign in */
    KeyStore *keys; /* the provider's; NULL: none */
    Provider provider;
} Sessions;

bool sessions_check(const SessionConfig *config, Err *err) MUST_USE;
bool sessions_start(Ingest *ingest, Sessions **ret_sessions, Err *err) MUST_USE;
void sessions_stop(Sessions *sessions); /* NULL is fine */
bool sessions_oidc(const SessionConfig *config);
