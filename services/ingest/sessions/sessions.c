#include "services/ingest/sessions/sessions.h"

#include "common/auth/seal.h"
#include "common/base/check.h"
#include "services/ingest/sessions/oidc.h"

bool sessions_oidc(const SessionConfig *config)
{
    return config->key && config->oidc_issuer;
}

bool sessions_check(const SessionConfig *config, Err *err)
{
    if (config->key && strlen(config->key) < SEAL_SECRET_MIN)
        return ERR(err, ERR_FATAL, "config-value", "SESSION_KEY needs %d bytes or more",
                   SEAL_SECRET_MIN);
    if (config->oidc_issuer && !config->key)
        return ERR(err, ERR_FATAL, "config-missing",
                   "OIDC_ISSUER needs SESSION_KEY or SESSION_KEY_FILE");
    if (config->oidc_issuer && !config->oidc_client_id)
        return ERR(err, ERR_FATAL, "config-missing", "OIDC_ISSUER needs OIDC_CLIENT_ID");
    if (config->oidc_issuer && !oidc_url_fits(str_from(config->oidc_issuer)))
        return ERR(err, ERR_FATAL, "config-value",
                   "OIDC_ISSUER must begin with https:// (http:// to loopback only)");
    return true;
}

bool sessions_start(Ingest *ingest, Sessions **ret_sessions, Err *err)
{
    static const LookupsOptions desk = {.threads = DESK_THREADS,
                                        .waiting_max = DESK_WAITING_MAX,
                                        .full_code = "sign-in-line",
                                        .full_text = "Too many people sign in at once"};
    Sessions *sessions = calloc(1, sizeof *sessions);
    CHECK(sessions);
    sessions->ingest = ingest;
    sessions->attempts = attempts_new();
    CHECK(pthread_mutex_init(&sessions->provider.lock, NULL) == 0);
    if (sessions_oidc(&ingest->config->sessions))
        sessions->keys = keys_start(ingest->log);
    *ret_sessions = sessions;
    sessions->desk = lookups_start(ingest, &desk, err);
    if (sessions->desk && ingest->config->sessions.key)
        sessions->ended = ended_start(ingest, err);
    return sessions->desk && (sessions->ended || !ingest->config->sessions.key);
}

void sessions_stop(Sessions *sessions)
{
    if (!sessions)
        return;
    lookups_stop(sessions->desk);
    ended_stop(sessions->ended);
    keys_stop(sessions->keys);
    attempts_free(sessions->attempts);
    pthread_mutex_destroy(&sessions->provider.lock);
    free(sessions);
}
