#include "services/ingest/token.h"

#include "common/auth/base64url.h"
#include "common/auth/certificate.h"
#include "common/base/check.h"
#include "common/http/target.h"
#include "common/json/write.h"
#include "services/ingest/authenticate.h"
#include "services/ingest/hosts.h"
#include "services/ingest/lookups.h"
#include "services/ingest/refuse.h"
#include "services/ingest/routes.h"

enum { FORM_BYTES_MAX = 64 * 1024 };
#define JWT_BEARER "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/* One row: it was not used before, by any replica. What has expired long ago is cleared away. */
const DbStatement assertion_take = {
    "assertion-take",
    "WITH gone AS (DELETE FROM fhirbus.assertion WHERE ctid IN ("
    "  SELECT ctid FROM fhirbus.assertion WHERE expires_at < now() - interval '1 hour'"
    "  LIMIT 100 FOR UPDATE SKIP LOCKED))"
    " INSERT INTO fhirbus.assertion (client, jti, expires_at) VALUES ($1, $2, $3)"
    " ON CONFLICT DO NOTHING RETURNING true"};

/* --- saying no -------------------------------------------------------------------------------- */

/* spec: RFC 6749 §5.2 */
static StepNext refuse_oauth(Exchange *exchange, unsigned status, const char *error,
                             const char *text, const char *code)
{
    HttpRequest *request = exchange->request;
    Buf *body = http_reply_body(request);
    exchange->error_code = str_from(code);
    http_reply_status(request, status);
    http_reply_header(request, "Content-Type", STR("application/json"));
    if (status == 401)
        http_reply_header(request, "WWW-Authenticate", STR("Basic realm=\"fhirbus\""));
    buf_reset(body);
    buf_add_format(body, "{\"error\":\"%s\",\"error_description\":\"%s\"}\n", error, text);
    return STEP_REPLY;
}

static StepNext bad_request(Exchange *exchange, const char *text)
{
    return refuse_oauth(exchange, 400, "invalid_request", text, "token-request");
}

static StepNext bad_client(Exchange *exchange, const char *code)
{
    return refuse_oauth(exchange, 401, "invalid_client", "The client is not accepted", code);
}

/* --- the form --------------------------------------------------------------------------------- */

typedef struct TokenForm {
    Str grant_type, scope, client_id, client_secret, assertion_type, assertion;
} TokenForm;

/* Senders write blanks as they are (`curl -d 'scope=a b'`): no other meaning is possible. */
static Str with_plus(Str body, Arena *arena)
{
    char *to = body.len ? arena_alloc(arena, body.len) : NULL;
    for (size_t i = 0; to && i < body.len; i++)
        to[i] = (char)(body.ptr[i] == ' ' ? '+' : body.ptr[i]);
    return (Str){to, to ? body.len : 0};
}

/* False: it is there twice, or broken. A broken one is not an absent one: without `scope` a token
 * may all that its client may. */
static bool form_value(Str form, const char *name, Arena *arena, Str *ret_value)
{
    Str pair, found = STR_NONE;
    while (str_split(&form, '&', &pair)) {
        Str key = str_cut(pair, 0, str_find_char(pair, '='));
        if (!http_query_get(key, str_from(name), arena).ptr)
            continue;
        Str value = http_query_get(pair, str_from(name), arena);
        if (!value.ptr || found.ptr)
            return false;
        found = value;
    }
    *ret_value = found;
    return true;
}

/* spec: RFC 6749 §2.3.1: Basic holds the form-encoded id and secret */
static bool read_basic(Str header, Arena *arena, TokenForm *form)
{
    Str text, scheme = STR("Basic ");
    if (header.len < scheme.len || !str_eq_ignore_case(str_cut(header, 0, scheme.len), scheme) ||
        !base64_decode(str_trim(str_skip(header, scheme.len)), arena, &text))
        return false;
    size_t colon = str_find_char(text, ':');
    if (colon == text.len || form->client_secret.len)
        return false;
    Str id = http_query_get(ARENA_JOIN(arena, STR("v="), str_cut(text, 0, colon)), STR("v"), arena);
    Str secret =
        http_query_get(ARENA_JOIN(arena, STR("v="), str_skip(text, colon + 1)), STR("v"), arena);
    if (!id.len || !secret.len || (form->client_id.len && !str_eq(form->client_id, id)))
        return false;
    form->client_id = id;
    form->client_secret = secret;
    return true;
}

static bool read_form(Exchange *exchange, TokenForm *ret_form)
{
    Arena *arena = exchange->arena;
    TokenForm form = {0};
    if (http_request_body(exchange->request).len > FORM_BYTES_MAX)
        return false;
    Str body = with_plus(http_request_body(exchange->request), arena);
    if (!form_value(body, "grant_type", arena, &form.grant_type) ||
        !form_value(body, "scope", arena, &form.scope) ||
        !form_value(body, "client_id", arena, &form.client_id) ||
        !form_value(body, "client_secret", arena, &form.client_secret) ||
        !form_value(body, "client_assertion_type", arena, &form.assertion_type) ||
        !form_value(body, "client_assertion", arena, &form.assertion))
        return false;
    *ret_form = form;
    return true;
}

/* --- the assertion's id ----------------------------------------------------------------------- */

typedef struct TokenQuestion {
    Question base;
    AuthGrant grant;
    Str scope;
    bool fresh;
} TokenQuestion;

static bool run_take(Question *base, Db *db, Arena *arena, Err *err)
{
    TokenQuestion *question = (TokenQuestion *)base;
    DbParams params;
    DbResult *result = NULL;
    db_params_init(&params, arena);
    db_text(&params, question->grant.client->id);
    db_text(&params, question->grant.jti);
    db_time_us(&params, question->grant.jti_expires_s * 1000000);
    TRY(db_run(db, &assertion_take, &params, &result, err));
    question->fresh = db_rows(result) == 1;
    db_result_free(result);
    return true;
}

static void clear_take(Question *base)
{
    auth_grant_release(&((TokenQuestion *)base)->grant);
}

/* --- the answer ------------------------------------------------------------------------------- */

static StepNext issue(Exchange *exchange, const AuthGrant *grant, Str scope)
{
    HttpRequest *request = exchange->request;
    Buf *body = http_reply_body(request);
    const AuthIdentity *over = &exchange->identity;
    Str token;
    int64_t life_s = 0;
    Err err = {0};
    if (!auth_issue(exchange->ingest->auth, grant, scope,
                    over->has_certificate ? &over->certificate : NULL, exchange->arena, &token,
                    &life_s, &err)) {
        log_error(exchange->ingest->log, "token.not_issued", LOG_ERR(&err));
        return refuse_oauth(exchange, 500, "server_error", "No token could be made", err.code);
    }
    exchange->caller = arena_copy(exchange->arena, grant->caller->name);
    http_reply_status(request, 200);
    http_reply_header(request, "Content-Type", STR("application/json"));
    http_reply_header(request, "Pragma", STR("no-cache"));
    buf_add_format(body,
                   "{\"access_token\":\"%.*s\",\"token_type\":\"Bearer\",\"expires_in\":%lld,",
                   STR_ARG(token), (long long)life_s);
    buf_add(body, STR("\"scope\":"));
    json_write_string(body, scope);
    buf_add(body, STR("}\n"));
    return STEP_REPLY;
}

static StepNext tell(Exchange *exchange, const TokenQuestion *question)
{
    /* Without the database nobody knows whether the assertion was used before. */
    if (!question->base.ok)
        return refuse_unavailable(exchange, question->base.err.code, "No token can be issued now");
    if (!question->fresh)
        return bad_client(exchange, "jwt-replayed");
    return issue(exchange, &question->grant, question->scope);
}

/* Takes over the grant. */
static StepNext remember(Exchange *exchange, AuthGrant *grant, Str scope)
{
    TokenQuestion *question = calloc(1, sizeof *question);
    CHECK(question);
    question->base.run = run_take;
    question->base.clear = clear_take;
    question->grant = *grant;
    question->scope = scope;
    *grant = (AuthGrant){0};
    if (lookups_ask(exchange->ingest->asks, exchange, &question->base))
        return STEP_WAIT;
    return refuse_unavailable(exchange, "database-away", "No token can be issued now");
}

/* Under the name by which the client came, if that is one of ours; `iss` stays the issuer's. */
static Str endpoints(const Exchange *exchange)
{
    Str base = exchange->host ? host_base_url(exchange) : STR_NONE;
    return base.len ? base : str_from(exchange->ingest->config->token_issuer);
}

static StepNext decide(Exchange *exchange, const TokenForm *form, AuthGrant *grant)
{
    const Ingest *ingest = exchange->ingest;
    Str base = str_from(ingest->config->token_issuer), here = endpoints(exchange);
    const Str audiences[] = {base, ARENA_JOIN(exchange->arena, base, STR("/oauth2/token")),
                             ARENA_JOIN(exchange->arena, base, STR("/$ingest/auth")),
                             ARENA_JOIN(exchange->arena, here, STR("/oauth2/token")),
                             ARENA_JOIN(exchange->arena, here, STR("/$ingest/auth"))};
    const AuthClientProof proof = {.over = &exchange->identity,
                                   .id = form->client_id,
                                   .secret = form->client_secret,
                                   .assertion = form->assertion};
    AuthResult result = auth_client(ingest->auth, &proof, audiences,
                                    sizeof audiences / sizeof audiences[0], exchange->arena, grant);
    if (result == AUTH_NOT_READY)
        return refuse_unavailable(exchange, grant->why.code, "Clients cannot be told apart yet");
    if (result != AUTH_KNOWN)
        return bad_client(exchange, grant->why.code);
    Str scope = scope_grant(form->scope, grant->client->scopes, exchange->arena);
    if (!scope.ptr)
        return refuse_oauth(exchange, 400, "invalid_scope",
                            "None of these scopes is for the client", "token-scope");
    return grant->jti.len ? remember(exchange, grant, scope) : issue(exchange, grant, scope);
}

/* The certificate of the connection counts, if there is one; a token or key does not. */
static StepNext see_certificate(Exchange *exchange)
{
    Str chain[CERTIFICATE_CHAIN_MAX];
    AuthPresented presented = {
        .chain = chain,
        .chain_count = http_request_certificates(exchange->request, chain, CERTIFICATE_CHAIN_MAX)};
    auth_identify(exchange->ingest->auth, &presented, exchange->arena, &exchange->identity);
    if (exchange->identity.result == AUTH_REFUSED)
        return bad_client(exchange, exchange->identity.why.code);
    if (exchange->identity.result == AUTH_NOT_READY)
        return refuse_unavailable(exchange, exchange->identity.why.code,
                                  "Clients cannot be told apart yet");
    return STEP_NEXT;
}

static StepNext ask(Exchange *exchange)
{
    Str name = STR("authorization");
    Str header = http_request_header(exchange->request, name);
    TokenForm form;
    AuthGrant grant = {0};
    StepNext next = see_certificate(exchange);
    if (next != STEP_NEXT)
        return next;
    if (!read_form(exchange, &form))
        return bad_request(exchange, "A parameter is there twice or malformed, or it is too much");
    if (header.ptr && (http_request_header_count(exchange->request, name) > 1 ||
                       !read_basic(str_trim(header), exchange->arena, &form)))
        return bad_client(exchange, "client-basic");
    if (!str_is(form.grant_type, "client_credentials"))
        return form.grant_type.len ? refuse_oauth(exchange, 400, "unsupported_grant_type",
                                                  "grant_type is client_credentials", "token-grant")
                                   : bad_request(exchange, "grant_type is required");
    if ((form.assertion.len > 0) != (form.assertion_type.len > 0) ||
        (form.assertion.len && !str_is(form.assertion_type, JWT_BEARER)))
        return bad_request(exchange, "client_assertion_type is not that of a JWT");
    next = decide(exchange, &form, &grant);
    auth_grant_release(&grant);
    return next;
}

StepNext step_token(Exchange *exchange)
{
    if (!auth_has_issuer(exchange->ingest->auth))
        return refuse(exchange, 404, "no-issuer", "Resource not found");
    const Question *question = lookups_answered(exchange);
    if (question)
        return tell(exchange, (const TokenQuestion *)question);
    return ask(exchange);
}

/* --- /.well-known ----------------------------------------------------------------------------- */

StepNext step_jwks(Exchange *exchange)
{
    HttpRequest *request = exchange->request;
    Str json = auth_jwks_json(exchange->ingest->auth, exchange->arena);
    if (!json.ptr)
        return refuse(exchange, 404, "no-issuer", "Resource not found");
    http_reply_status(request, 200);
    http_reply_header(request, "Content-Type", STR("application/jwk-set+json"));
    buf_add(http_reply_body(request), json);
    return STEP_REPLY;
}

/* spec: SMART App Launch 2.2 "Conformance", RFC 8414, RFC 8705 §3.3 */
static const char smart_configuration[] =
    "\"grant_types_supported\":[\"client_credentials\"],"
    "\"token_endpoint_auth_methods_supported\":[\"private_key_jwt\",\"client_secret_basic\","
    "\"client_secret_post\"%s],"
    "\"token_endpoint_auth_signing_alg_values_supported\":[\"RS384\",\"ES384\",\"RS256\","
    "\"PS256\",\"ES256\",\"EdDSA\"],"
    "\"scopes_supported\":[\"system/*.cruds\",\"system/*.rs\",\"system/Bundle.c\","
    "\"fhirbus/replay\",\"fhirbus/administer\"],"
    "\"tls_client_certificate_bound_access_tokens\":%s,"
    "\"capabilities\":[\"client-confidential-asymmetric\",\"client-confidential-symmetric\","
    "\"permission-v2\"]}\n";

static void add_url(Exchange *exchange, const char *name, Str base, const char *path)
{
    Buf *body = http_reply_body(exchange->request);
    buf_add_format(body, "\"%s\":", name);
    json_write_string(body, ARENA_JOIN(exchange->arena, base, str_from(path)));
    buf_add_char(body, ',');
}

StepNext step_smart(Exchange *exchange)
{
    HttpRequest *request = exchange->request;
    Str issuer = str_from(exchange->ingest->config->token_issuer);
    Str here = endpoints(exchange);
    bool certificates = auth_wants_certificates(exchange->ingest->auth);
    if (!auth_has_issuer(exchange->ingest->auth))
        return refuse(exchange, 404, "no-issuer", "Resource not found");
    http_reply_status(request, 200);
    http_reply_header(request, "Content-Type", STR("application/json"));
    buf_add_char(http_reply_body(request), '{');
    add_url(exchange, "issuer", issuer, "");
    add_url(exchange, "jwks_uri", here, "/.well-known/jwks.json");
    add_url(exchange, "token_endpoint", here, "/oauth2/token");
    buf_add_format(http_reply_body(request), smart_configuration,
                   certificates ? ",\"tls_client_auth\"" : "", certificates ? "true" : "false");
    return STEP_REPLY;
}
