/* GET, POST, DELETE /admin/api/session: whose session is it; by password; over.
 *
 * A name that is not known, an account without a password and a wrong password cost the same and
 * are answered with the same words. */
#include "common/auth/auth.h"
#include "common/auth/password.h"
#include "common/base/clock.h"
#include "common/json/json.h"
#include "services/ingest/refuse.h"
#include "services/ingest/sessions/session.h"
#include "services/ingest/sessions/sessions.h"

enum { NAME_BYTES_MAX = 200, BODY_BYTES_MAX = 4096 };

typedef struct SignIn {
    Question base;
    Str name, password; /* in the exchange's arena; the request outlives the question's run */
    Str kept;
    bool right;
} SignIn;

static int64_t now_s(void)
{
    return clock_wall_ms() / 1000;
}

static bool run_sign_in(Question *base, Db *db, Arena *arena, Err *err)
{
    SignIn *sign_in = (SignIn *)base;
    (void)db, (void)arena, (void)err;
    bool known = sign_in->kept.len > 0;
    bool right = password_right(sign_in->password, known ? sign_in->kept : password_nobody());
    sign_in->right = known && right;
    return true;
}

/* What the body says; false: it is no such thing. */
static bool read_body(Exchange *exchange, SignIn *sign_in)
{
    Str body = http_request_body(exchange->request);
    JsonDoc doc;
    Err err = {0};
    if (body.len > BODY_BYTES_MAX ||
        !json_read(body, NULL, NULL, exchange->arena, &doc, NULL, &err))
        return false;
    sign_in->name = json_get_text(&doc, json_root(&doc), "name");
    sign_in->password = json_get_text(&doc, json_root(&doc), "password");
    if (!sign_in->name.len || sign_in->name.len > NAME_BYTES_MAX || !sign_in->password.ptr)
        return false;
    sign_in->name = arena_copy(exchange->arena, sign_in->name);
    sign_in->password = arena_copy(exchange->arena, sign_in->password);
    return sign_in->name.ptr && sign_in->password.ptr;
}

static StepNext too_often(Exchange *exchange, uint64_t wait_s)
{
    http_reply_header(exchange->request, "Retry-After",
                      arena_format(exchange->arena, "%llu", (unsigned long long)wait_s));
    return refuse(exchange, 429, "sign-in-rate", "Too many failed sign-ins: wait a little");
}

static StepNext read_sign_in(Exchange *exchange, Question *base)
{
    SignIn *sign_in = (SignIn *)base;
    const Ingest *ingest = exchange->ingest;
    const SessionConfig *config = &ingest->config->sessions;
    Str site = http_request_header(exchange->request, STR("sec-fetch-site"));
    if (!config->key || !config->local)
        return session_refuse(exchange, "sign-in-off", "Nobody can sign in by password here");
    if (site.ptr && !str_is(site, "same-origin") && !str_is(site, "none"))
        return refuse(exchange, 403, "csrf", "That came from another site");
    if (!auth_ready(ingest->auth))
        return refuse_unavailable(exchange, "callers", "Accounts cannot be told apart yet");
    if (!read_body(exchange, sign_in))
        return refuse(exchange, 400, "sign-in-form", "{\"name\":...,\"password\":...} is needed");
    uint64_t wait_s = attempts_wait_s(ingest->sessions->attempts, sign_in->name,
                                      exchange->client_address, now_s());
    if (wait_s)
        return too_often(exchange, wait_s);
    const Account *account = book_account(exchange->book, sign_in->name);
    if (account && !account->disabled)
        sign_in->kept = arena_copy(exchange->arena, account->argon2id);
    return STEP_NEXT;
}

static StepNext tell_sign_in(Exchange *exchange, Question *base)
{
    const SignIn *sign_in = (const SignIn *)base;
    Attempts *attempts = exchange->ingest->sessions->attempts;
    const Account *account = book_account(exchange->book, sign_in->name);
    if (account) /* what was typed is anything at all, until it is the name of one of ours */
        exchange->caller = ARENA_JOIN(exchange->arena, STR("account:"), account->name);
    if (!sign_in->right || !account) {
        attempts_failed(attempts, sign_in->name, exchange->client_address, now_s());
        return session_refuse(exchange, "sign-in-wrong", "Name or password is wrong");
    }
    attempts_forgive(attempts, sign_in->name, exchange->client_address);
    session_begin(exchange, account, false);
    return session_tell(exchange);
}

StepNext step_session_sign_in(Exchange *exchange)
{
    static const LookupStep step = {sizeof(SignIn), run_sign_in, NULL, read_sign_in, tell_sign_in};
    return lookups_step(exchange->ingest->sessions->desk, exchange, &step);
}

static StepNext take(Exchange *exchange)
{
    return session_presented(exchange) ? session_take(exchange)
                                       : session_refuse(exchange, "not-signed-in", "Sign in");
}

StepNext step_session_look(Exchange *exchange)
{
    StepNext next = take(exchange);
    return next == STEP_NEXT ? session_tell(exchange) : next;
}

StepNext step_session_end(Exchange *exchange)
{
    StepNext next = take(exchange);
    if (next != STEP_NEXT && !str_is(exchange->error_code, "session-expired") &&
        !str_is(exchange->error_code, "session-revoked"))
        return next;
    buf_reset(http_reply_body(exchange->request));
    session_end(exchange);
    http_reply_status(exchange->request, 204);
    return STEP_REPLY;
}
