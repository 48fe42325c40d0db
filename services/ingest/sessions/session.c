#include "services/ingest/sessions/session.h"

#include <time.h>

#include "common/auth/auth.h"
#include "common/auth/seal.h"
#include "common/base/clock.h"
#include "common/json/write.h"
#include "services/ingest/refuse.h"
#include "services/ingest/sessions/cookies.h"
#include "services/ingest/sessions/ended.h"
#include "services/ingest/sessions/sessions.h"

enum { RENEW_S = 30 };
#define PURPOSE "fhirbus session 1"

/* --- cookies ---------------------------------------------------------------------------------- */

/* Several headers are taken as one. */
Str session_cookie(const Exchange *exchange, Str wanted)
{
    Str name, value, found = STR_NONE;
    for (size_t i = 0; http_request_field(exchange->request, i, &name, &value); i++) {
        if (str_eq_ignore_case(name, STR("cookie")))
            cookies_find(value, wanted, &found);
    }
    return found;
}

bool session_presented(const Exchange *exchange)
{
    return session_cookie(exchange, STR(SESSION_COOKIE)).ptr != NULL;
}

bool session_meant(const Exchange *exchange)
{
    const HttpRequest *request = exchange->request;
    return http_request_header_count(request, STR("x-csrf-token")) > 0 ||
           str_is(http_request_header(request, STR("sec-fetch-site")), "same-origin");
}

static void set_cookie(Exchange *exchange, Str value, long long life_s)
{
    http_reply_header(exchange->request, "Set-Cookie",
                      arena_format(exchange->arena,
                                   SESSION_COOKIE "=%.*s; Path=/; Secure; HttpOnly; "
                                                  "SameSite=Strict; Max-Age=%lld",
                                   STR_ARG(value), life_s));
}

static int64_t now_s(void)
{
    return clock_wall_ms() / 1000;
}

static void show(Exchange *exchange, const Session *session)
{
    const SessionConfig *config = &exchange->ingest->config->sessions;
    const SessionText kept = {session->account, session->oidc,  session->started_s,
                              session->seen_s,  session->stamp, session->csrf};
    Str text = session_text_write(&kept, exchange->arena);
    set_cookie(exchange, seal_close(str_from(config->key), PURPOSE, text, exchange->arena),
               (long long)config->life_s);
}

static bool read_cookie(const Exchange *exchange, Session *session)
{
    const char *key = exchange->ingest->config->sessions.key;
    SessionText kept;
    Str text;
    if (!key ||
        !seal_open(str_from(key), PURPOSE, session_cookie(exchange, STR(SESSION_COOKIE)),
                   exchange->arena, &text) ||
        !session_text_read(text, &kept))
        return false;
    session->account = kept.account;
    session->oidc = kept.oidc;
    session->started_s = kept.started_s;
    session->seen_s = kept.seen_s;
    session->stamp = kept.stamp;
    session->csrf = kept.csrf;
    return true;
}

/* --- the account ------------------------------------------------------------------------------ */

/* Changes whenever what opened the session would not open it any more. */
static Str stamp_of(const Account *account, bool oidc, Arena *arena)
{
    Str text = arena_format(arena, "%.*s\n%c", STR_ARG(account->name), oidc ? 'o' : 'l');
    if (!oidc)
        return seal_digest(ARENA_JOIN(arena, text, STR("\n"), account->argon2id), arena);
    for (size_t i = 0; i < account->oidc.count; i++)
        text = ARENA_JOIN(arena, text, STR("\n"), account->oidc.list[i]);
    return seal_digest(text, arena);
}

static bool is_all(AuthTexts tenants)
{
    for (size_t i = 0; i < tenants.count; i++)
        if (str_is(tenants.list[i], "*"))
            return true;
    return false;
}

static AuthTexts copied(AuthTexts texts, Arena *arena)
{
    AuthTexts copy = {ARENA_ARRAY(arena, Str, texts.count + 1), texts.count};
    for (size_t i = 0; i < texts.count && copy.list; i++)
        copy.list[i] = arena_copy(arena, texts.list[i]);
    return copy;
}

/* An account is a caller that sends nothing. */
static bool become_caller(Exchange *exchange, const Session *session)
{
    static const Permission permissions[ACCOUNT_RIGHT_COUNT] = {
        [ACCOUNT_READ] = PERMISSION_READ,
        [ACCOUNT_REVEAL] = PERMISSION_READ,
        [ACCOUNT_REPLAY] = PERMISSION_REPLAY,
        [ACCOUNT_ADMINISTER] = PERMISSION_ADMINISTER,
    };
    Caller *caller = arena_zero(exchange->arena, sizeof *caller);
    Str *everybody = arena_zero(exchange->arena, sizeof *everybody);
    if (!caller || !everybody)
        return false;
    *everybody = STR("*");
    caller->name = ARENA_JOIN(exchange->arena, STR("account:"), session->account);
    caller->tenants = session->tenants;
    for (size_t i = 0; i < ACCOUNT_RIGHT_COUNT; i++)
        if (session->rights[i])
            caller->may[permissions[i]] = (AuthTexts){everybody, 1};
    exchange->identity.result = AUTH_KNOWN;
    exchange->identity.caller = caller;
    exchange->caller = caller->name;
    return true;
}

static void take_rights(const Exchange *exchange, const Account *account, Session *session)
{
    for (AccountRight right = 0; right < ACCOUNT_RIGHT_COUNT; right++)
        session->rights[right] = account_may(account, right);
    session->tenants = copied(account->tenants, exchange->arena);
}

static bool only_reads(const Exchange *exchange)
{
    Str method = http_request_method(exchange->request);
    return str_is(method, "GET") || str_is(method, "HEAD");
}

static bool same_csrf(const Exchange *exchange, const Session *session)
{
    Str sent = http_request_header(exchange->request, STR("x-csrf-token"));
    return (only_reads(exchange) && !sent.ptr) || seal_same(sent, session->csrf);
}

StepNext session_take(Exchange *exchange)
{
    const SessionConfig *config = &exchange->ingest->config->sessions;
    Session *session = arena_zero(exchange->arena, sizeof *session);
    if (!session || !read_cookie(exchange, session))
        return session_refuse(exchange, "not-signed-in", "Sign in");
    int64_t now = now_s();
    if (now - session->started_s >= (int64_t)config->life_s ||
        now - session->seen_s >= (int64_t)config->idle_s)
        return session_refuse(exchange, "session-expired", "The session is over: sign in again");
    if (!auth_ready(exchange->ingest->auth))
        return refuse_unavailable(exchange, "callers", "Accounts cannot be told apart yet");
    const Account *account = book_account(exchange->book, session->account);
    if (!account || account->disabled ||
        !seal_same(stamp_of(account, session->oidc, exchange->arena), session->stamp))
        return session_refuse(exchange, "session-revoked", "The session is over: sign in again");
    Ended *ended = exchange->ingest->sessions->ended;
    if (!ended_ready(ended))
        return refuse_unavailable(exchange, "sessions", "Sessions cannot be told apart yet");
    if (ended_has(ended, session->csrf, exchange->arena))
        return session_refuse(exchange, "session-revoked", "The session is over: sign in again");
    if (!same_csrf(exchange, session) && only_reads(exchange))
        return session_refuse(exchange, "session-other", "Another session was begun: sign in");
    if (!same_csrf(exchange, session))
        return refuse(exchange, 403, "csrf", "X-CSRF-Token is missing or wrong");
    take_rights(exchange, account, session);
    exchange->session = session;
    if (!become_caller(exchange, session))
        return refuse(exchange, 500, "memory", "Out of memory");
    if (now - session->seen_s >= RENEW_S || now - session->seen_s >= (int64_t)config->idle_s / 4) {
        session->seen_s = now;
        show(exchange, session);
    }
    return STEP_NEXT;
}

void session_begin(Exchange *exchange, const Account *account, bool oidc)
{
    Session *session = arena_zero(exchange->arena, sizeof *session);
    if (!session)
        return;
    session->account = arena_copy(exchange->arena, account->name);
    session->oidc = oidc;
    session->started_s = session->seen_s = now_s();
    session->stamp = stamp_of(account, oidc, exchange->arena);
    session->csrf = seal_token(exchange->arena);
    take_rights(exchange, account, session);
    exchange->session = session;
    show(exchange, session);
}

void session_end(Exchange *exchange)
{
    const Session *session = exchange->session;
    if (session)
        ended_add(exchange->ingest->sessions->ended, session->csrf,
                  session->started_s + (int64_t)exchange->ingest->config->sessions.life_s,
                  exchange->arena);
    set_cookie(exchange, STR(""), 0);
}

bool session_may(const Exchange *exchange, AccountRight right)
{
    return exchange->session && exchange->session->rights[right];
}

/* --- telling ---------------------------------------------------------------------------------- */

Str session_time(Exchange *exchange, int64_t s)
{
    struct tm parts;
    time_t at = (time_t)s;
    if (!gmtime_r(&at, &parts))
        return STR("");
    return arena_format(exchange->arena, "%04d-%02d-%02dT%02d:%02d:%02d.000Z", parts.tm_year + 1900,
                        parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

StepNext session_refuse(Exchange *exchange, const char *code, const char *text)
{
    const SessionConfig *config = &exchange->ingest->config->sessions;
    Buf *body = http_reply_body(exchange->request);
    exchange->error_code = str_from(code);
    refuse_challenge(exchange);
    http_reply_status(exchange->request, 401);
    http_reply_header(exchange->request, "Content-Type", STR("application/json"));
    buf_reset(body);
    buf_add_format(body,
                   "{\"signIn\":{\"oidc\":%s,\"local\":%s},"
                   "\"error\":{\"status\":401,\"code\":\"%s\",\"text\":\"%s\"}}\n",
                   sessions_oidc(config) ? "true" : "false",
                   config->key && config->local ? "true" : "false", code, text);
    return STEP_REPLY;
}

static void add_tenants(Buf *out, AuthTexts tenants)
{
    if (is_all(tenants)) {
        buf_add(out, STR("\"*\""));
        return;
    }
    for (size_t i = 0; i < tenants.count; i++) {
        buf_add_char(out, i ? ',' : '[');
        json_write_string(out, tenants.list[i]);
    }
    buf_add(out, tenants.count ? STR("]") : STR("[]"));
}

StepNext session_tell(Exchange *exchange)
{
    const SessionConfig *config = &exchange->ingest->config->sessions;
    const Session *session = exchange->session;
    Buf *body = http_reply_body(exchange->request);
    int64_t idle_s = session->seen_s + (int64_t)config->idle_s;
    int64_t end_s = session->started_s + (int64_t)config->life_s;
    http_reply_status(exchange->request, 200);
    http_reply_header(exchange->request, "Content-Type", STR("application/json"));
    buf_add(body, STR("{\"name\":"));
    json_write_string(body, session->account);
    buf_add(body, STR(",\"tenants\":"));
    add_tenants(body, session->tenants);
    buf_add(body, STR(",\"rights\":{"));
    for (AccountRight right = 0; right < ACCOUNT_RIGHT_COUNT; right++)
        buf_add_format(body, "%s\"%s\":%s", right ? "," : "", account_right_name(right),
                       session->rights[right] ? "true" : "false");
    buf_add_format(body,
                   "},\"expires\":\"%s\",\"idle_expires\":\"%s\",\"csrf\":\"%.*s\","
                   "\"sign_in\":\"%s\"}\n",
                   session_time(exchange, end_s).ptr,
                   session_time(exchange, idle_s < end_s ? idle_s : end_s).ptr,
                   STR_ARG(session->csrf), session->oidc ? "oidc" : "local");
    return STEP_REPLY;
}
