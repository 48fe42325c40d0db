#include "services/ingest/sessions/oidc.h"

#include "common/auth/auth.h"
#include "common/auth/seal.h"
#include "common/base/clock.h"
#include "common/http/target.h"
#include "services/ingest/hosts.h"
#include "services/ingest/refuse.h"
#include "services/ingest/sessions/form.h"
#include "services/ingest/sessions/provider.h"
#include "services/ingest/sessions/session.h"

#define COOKIE "__Host-fhirbus-sign-in"
#define PURPOSE "fhirbus sign-in 1"
#define HOME "/admin/diagnostics/"
#define CALLBACK "/admin/api/session/callback"
enum { TO_BYTES_MAX = 1500 };

typedef struct SignIn {
    Question base;
    Str to, state, nonce, verifier; /* of the cookie, or made for it */
    Str redirect, code;
    Str claim;
} SignIn;

static Str redirect_url(const Exchange *exchange)
{
    Str base = host_base_url(exchange);
    if (!base.len)
        base = ARENA_JOIN(exchange->arena, STR("https://"), exchange->host_sent);
    return ARENA_JOIN(exchange->arena, base, STR(CALLBACK));
}

static void set_cookie(Exchange *exchange, Str value, int life_s)
{
    /* Lax: the provider sends the browser back to us from another site. */
    http_reply_header(exchange->request, "Set-Cookie",
                      arena_format(exchange->arena,
                                   COOKIE "=%.*s; Path=/; Secure; HttpOnly; SameSite=Lax; "
                                          "Max-Age=%d",
                                   STR_ARG(value), life_s));
}

static StepNext go(Exchange *exchange, Str where)
{
    http_reply_status(exchange->request, 302);
    http_reply_header(exchange->request, "Location", where);
    return STEP_REPLY;
}

static StepNext go_wrong(Exchange *exchange, const char *code)
{
    exchange->error_code = str_from(code);
    return go(exchange, arena_format(exchange->arena, HOME "?sign_in_error=%s", code));
}

/* Only to a path below the pages: nobody else's address. */
static Str place(Exchange *exchange)
{
    Str to = http_query_get(http_request_query(exchange->request), STR("to"), exchange->arena);
    if (!str_starts(to, STR(HOME)) || to.len > TO_BYTES_MAX || str_find(to, STR("\\")) != SIZE_MAX)
        return STR(HOME);
    for (size_t i = 0; i < to.len; i++)
        if ((unsigned char)to.ptr[i] <= ' ' || (unsigned char)to.ptr[i] >= 0x7f)
            return STR(HOME);
    return to;
}

/* --- there ------------------------------------------------------------------------------------ */

static StepNext read_start(Exchange *exchange, Question *base)
{
    SignIn *sign_in = (SignIn *)base;
    if (!sessions_oidc(&exchange->ingest->config->sessions))
        return go_wrong(exchange, "sign-in-off");
    sign_in->to = place(exchange);
    sign_in->state = seal_token(exchange->arena);
    sign_in->nonce = seal_token(exchange->arena);
    sign_in->verifier = seal_token(exchange->arena);
    return STEP_NEXT;
}

static bool run_start(Question *base, Db *db, Arena *arena, Err *err)
{
    (void)db;
    return provider_discover(base->exchange->ingest->sessions, arena, err);
}

static StepNext tell_start(Exchange *exchange, Question *base)
{
    const SignIn *sign_in = (const SignIn *)base;
    const SessionConfig *config = &exchange->ingest->config->sessions;
    if (!base->ok) {
        log_warn(exchange->ingest->log, "oidc.away", LOG_ERR(&base->err));
        return go_wrong(exchange, "oidc-away");
    }
    Str url = provider_authorization_url(exchange->ingest->sessions, exchange->arena);
    BUF_AUTO out;
    buf_init(&out, 16 * 1024);
    buf_add(&out, url);
    buf_add(&out, str_find(url, STR("?")) == SIZE_MAX ? STR("?response_type=code")
                                                      : STR("&response_type=code"));
    form_add(&out, "client_id", str_from(config->oidc_client_id));
    form_add(&out, "redirect_uri", redirect_url(exchange));
    form_add(&out, "scope", str_from(config->oidc_scopes));
    form_add(&out, "state", sign_in->state);
    form_add(&out, "nonce", sign_in->nonce);
    form_add(&out, "code_challenge", seal_digest(sign_in->verifier, exchange->arena));
    buf_add(&out, STR("&code_challenge_method=S256"));
    Str kept =
        arena_format(exchange->arena, "%lld\n%.*s\n%.*s\n%.*s\n%.*s",
                     (long long)(clock_wall_ms() / 1000), STR_ARG(sign_in->state),
                     STR_ARG(sign_in->nonce), STR_ARG(sign_in->verifier), STR_ARG(sign_in->to));
    set_cookie(exchange, seal_close(str_from(config->key), PURPOSE, kept, exchange->arena),
               OIDC_LIFE_S);
    return go(exchange, arena_copy(exchange->arena, buf_str(&out)));
}

StepNext step_oidc_start(Exchange *exchange)
{
    static const LookupStep step = {sizeof(SignIn), run_start, NULL, read_start, tell_start};
    return lookups_step(exchange->ingest->sessions->desk, exchange, &step);
}

/* --- and back --------------------------------------------------------------------------------- */

static bool read_cookie(Exchange *exchange, SignIn *sign_in)
{
    const char *key = exchange->ingest->config->sessions.key;
    Str text, since;
    uint64_t since_s;
    if (!seal_open(str_from(key), PURPOSE, session_cookie(exchange, STR(COOKIE)), exchange->arena,
                   &text) ||
        !str_split(&text, '\n', &since) || !str_to_u64(since, &since_s) ||
        !str_split(&text, '\n', &sign_in->state) || !str_split(&text, '\n', &sign_in->nonce) ||
        !str_split(&text, '\n', &sign_in->verifier) || !str_split(&text, '\n', &sign_in->to))
        return false;
    return clock_wall_ms() / 1000 - (int64_t)since_s < OIDC_LIFE_S;
}

static StepNext read_back(Exchange *exchange, Question *base)
{
    SignIn *sign_in = (SignIn *)base;
    const SessionConfig *config = &exchange->ingest->config->sessions;
    Str query = http_request_query(exchange->request);
    if (!sessions_oidc(config))
        return go_wrong(exchange, "sign-in-off");
    set_cookie(exchange, STR(""), 0); /* good for one try */
    Str state = http_query_get(query, STR("state"), exchange->arena);
    Str iss = http_query_get(query, STR("iss"), exchange->arena);
    if (!read_cookie(exchange, sign_in) || !seal_same(state, sign_in->state) ||
        (iss.ptr && !str_is(iss, config->oidc_issuer)))
        return go_wrong(exchange, "oidc-state");
    sign_in->code = http_query_get(query, STR("code"), exchange->arena);
    if (!sign_in->code.len)
        return go_wrong(exchange, "oidc-refused"); /* or the person thought better of it */
    if (!auth_ready(exchange->ingest->auth))
        return go_wrong(exchange, "not-ready");
    sign_in->redirect = redirect_url(exchange);
    return STEP_NEXT;
}

static bool run_back(Question *base, Db *db, Arena *arena, Err *err)
{
    SignIn *sign_in = (SignIn *)base;
    Sessions *sessions = base->exchange->ingest->sessions;
    Str token, claim;
    (void)db;
    TRY(provider_discover(sessions, arena, err));
    TRY(provider_redeem(sessions, sign_in->code, sign_in->verifier, sign_in->redirect, arena,
                        &token, err));
    TRY(provider_check(sessions, token, sign_in->nonce, arena, &claim, err));
    sign_in->claim = arena_copy(base->exchange->arena, claim);
    return true;
}

static StepNext tell_back(Exchange *exchange, Question *base)
{
    const SignIn *sign_in = (const SignIn *)base;
    if (!base->ok) {
        log_warn(exchange->ingest->log, "oidc.refused", LOG_ERR(&base->err));
        return go_wrong(exchange, base->err.kind == ERR_RETRY ? "oidc-away" : "oidc-token");
    }
    const Account *account = book_account_of(exchange->book, sign_in->claim);
    if (!account || account->disabled)
        return go_wrong(exchange, "no-account");
    exchange->caller = ARENA_JOIN(exchange->arena, STR("account:"), account->name);
    session_begin(exchange, account, true);
    return go(exchange, sign_in->to);
}

StepNext step_oidc_back(Exchange *exchange)
{
    static const LookupStep step = {sizeof(SignIn), run_back, NULL, read_back, tell_back};
    return lookups_step(exchange->ingest->sessions->desk, exchange, &step);
}
