#include "common/auth/jwt.h"

#include "common/auth/base64url.h"

enum { TEXT_MAX = 1000 };
#define TIME_MAX_S 100000000000LL /* far beyond any clock, and safe to add to */

static bool malformed(Err *err, const char *what)
{
    return ERR(err, ERR_INPUT, "jwt-form", "%s", what);
}

/* One part: base64url of a JSON object, in which nothing is there twice. */
static bool read_part(Str part, Arena *arena, JsonDoc *ret_doc, Err *err)
{
    static const JsonLimits limits = {.depth = 16, .nodes = 2000};
    Str json;
    Err unused;
    if (!part.len || !base64url_decode(part, arena, &json))
        return malformed(err, "a part is not base64url");
    if (!json_read(json, NULL, &limits, arena, ret_doc, NULL, &unused))
        return malformed(err, "a part is not JSON");
    if (json_root(ret_doc)->kind != JSON_KIND_OBJECT || ret_doc->duplicates)
        return malformed(err, "a part is no object, or says something twice");
    return true;
}

static bool read_text(const JsonDoc *doc, const char *name, Str *ret_text, Err *err)
{
    const JsonNode *node = json_get(doc, json_root(doc), name);
    if (!node)
        return true;
    if (node->kind != JSON_KIND_STRING || node->text_len > TEXT_MAX)
        return malformed(err, "a member has the wrong form");
    *ret_text = json_text(node);
    return true;
}

static bool read_header(Str part, Arena *arena, Jwt *jwt, Err *err)
{
    JsonDoc header;
    Str alg = STR_NONE;
    TRY(read_part(part, arena, &header, err));
    TRY(read_text(&header, "alg", &alg, err));
    TRY(read_text(&header, "kid", &jwt->kid, err));
    TRY(read_text(&header, "typ", &jwt->typ, err));
    /* spec: RFC 7515 §4.1.11: what must be understood is not */
    if (json_get(&header, json_root(&header), "crit") ||
        json_get(&header, json_root(&header), "b64"))
        return malformed(err, "it asks for an extension");
    jwt->algorithm = jws_algorithm(alg);
    if (!jwt->algorithm)
        return ERR(err, ERR_INPUT, "jwt-algorithm", "its algorithm is none of those accepted");
    return true;
}

/* spec: RFC 7519 §2: NumericDate; fractions are allowed and cut. */
static bool read_time(const JsonDoc *doc, const char *name, int64_t *ret_s, Err *err)
{
    const JsonNode *node = json_get(doc, json_root(doc), name);
    uint64_t value;
    if (!node)
        return true;
    Str text = json_text(node);
    Str whole = str_cut(text, 0, str_find_char(text, '.'));
    if (node->kind != JSON_KIND_NUMBER || !str_to_u64(whole, &value) || value == 0 ||
        value > (uint64_t)TIME_MAX_S)
        return malformed(err, "a time has the wrong form");
    for (size_t i = whole.len; i < text.len; i++)
        if (text.ptr[i] == 'e' || text.ptr[i] == 'E')
            return malformed(err, "a time has the wrong form");
    *ret_s = (int64_t)value;
    return true;
}

static bool read_audiences(Jwt *jwt, Err *err)
{
    const JsonNode *node = json_get(&jwt->claims, json_root(&jwt->claims), "aud");
    if (!node)
        return true;
    if (node->kind == JSON_KIND_STRING) {
        jwt->audiences[jwt->audience_count++] = json_text(node);
        return true;
    }
    if (node->kind != JSON_KIND_ARRAY || node->count > JWT_AUDIENCES_MAX)
        return malformed(err, "aud has the wrong form");
    JSON_EACH(&jwt->claims, child, node)
    {
        if (child->kind != JSON_KIND_STRING)
            return malformed(err, "aud has the wrong form");
        jwt->audiences[jwt->audience_count++] = json_text(child);
    }
    return true;
}

/* spec: RFC 8705 §3.1 */
static bool read_binding(Jwt *jwt, Err *err)
{
    const JsonNode *cnf = json_get(&jwt->claims, json_root(&jwt->claims), "cnf");
    if (!cnf)
        return true;
    jwt->certificate = json_get_text(&jwt->claims, cnf, "x5t#S256");
    /* Bound to something we cannot check: of no use to anybody. */
    return jwt->certificate.len > 0 || malformed(err, "it is bound in an unknown way");
}

static bool read_claims(Str part, Arena *arena, Jwt *jwt, Err *err)
{
    TRY(read_part(part, arena, &jwt->claims, err));
    const JsonDoc *doc = &jwt->claims;
    TRY(read_text(doc, "iss", &jwt->iss, err));
    TRY(read_text(doc, "sub", &jwt->sub, err));
    TRY(read_text(doc, "jti", &jwt->jti, err));
    TRY(read_text(doc, "client_id", &jwt->client_id, err));
    TRY(read_text(doc, "scope", &jwt->scope, err));
    TRY(read_time(doc, "exp", &jwt->exp_s, err));
    TRY(read_time(doc, "nbf", &jwt->nbf_s, err));
    TRY(read_time(doc, "iat", &jwt->iat_s, err));
    return read_audiences(jwt, err) && read_binding(jwt, err);
}

bool jwt_read(Str token, Arena *arena, Jwt *ret_jwt, Err *err)
{
    Jwt jwt = {0};
    if (token.len > JWT_BYTES_MAX)
        return malformed(err, "it is too long");
    size_t first = str_find_char(token, '.'), second = str_rfind_char(token, '.');
    if (first == token.len || second == first ||
        str_find_char(str_cut(token, first + 1, second), '.') < second - first - 1)
        return malformed(err, "it has not three parts");
    jwt.input = str_cut(token, 0, second);
    TRY(read_header(str_cut(token, 0, first), arena, &jwt, err));
    TRY(read_claims(str_cut(token, first + 1, second), arena, &jwt, err));
    Str signature = str_skip(token, second + 1);
    if (!signature.len || !base64url_decode(signature, arena, &jwt.signature))
        return malformed(err, "its signature is missing or not base64url");
    *ret_jwt = jwt;
    return true;
}

Str jwt_claim(const Jwt *jwt, Str name)
{
    const JsonNode *node = json_get_str(&jwt->claims, json_root(&jwt->claims), name);
    return node && node->kind == JSON_KIND_STRING ? json_text(node) : STR_NONE;
}

bool jwt_verify(const Jwt *jwt, const Jwks *jwks, unsigned allowed, Err *err)
{
    if (!jwt->algorithm || !(allowed & 1u << jwt->algorithm))
        return ERR(err, ERR_INPUT, "jwt-algorithm", "its algorithm is none of those accepted");
    if (!jwks_verify(jwks, jwt->algorithm, jwt->kid, jwt->input, jwt->signature))
        return ERR(err, ERR_INPUT, "jwt-signature", "its signature or key is wrong");
    return true;
}

/* spec: RFC 7515 §4.1.9: "application/" may be left out */
static bool typ_is(Str typ, const char *wanted)
{
    Str prefix = STR("application/");
    if (typ.len > prefix.len && str_eq_ignore_case(str_cut(typ, 0, prefix.len), prefix))
        typ = str_skip(typ, prefix.len);
    return str_eq_ignore_case(typ, str_from(wanted));
}

static bool is_for(const Jwt *jwt, const JwtExpected *expected)
{
    for (size_t i = 0; i < jwt->audience_count; i++)
        for (size_t k = 0; k < expected->audience_count; k++)
            if (str_eq(jwt->audiences[i], expected->audiences[k]))
                return true;
    return false;
}

static bool check_times(const Jwt *jwt, const JwtExpected *expected, Err *err)
{
    int64_t now_s = expected->now_s, leeway_s = expected->leeway_s;
    if (!jwt->exp_s || now_s >= jwt->exp_s + leeway_s)
        return ERR(err, ERR_INPUT, "jwt-expired", "it has expired, or never would");
    if (jwt->nbf_s > now_s + leeway_s || jwt->iat_s > now_s + leeway_s)
        return ERR(err, ERR_INPUT, "jwt-not-yet", "it is of the future");
    int64_t from_s = jwt->iat_s ? jwt->iat_s : now_s;
    if (jwt->exp_s - from_s > expected->life_max_s + leeway_s)
        return ERR(err, ERR_INPUT, "jwt-life", "it lives for too long");
    return true;
}

bool jwt_check(const Jwt *jwt, const JwtExpected *expected, Err *err)
{
    if (!jwt->iss.len || !str_eq(jwt->iss, expected->iss))
        return ERR(err, ERR_INPUT, "jwt-issuer", "it is of another issuer");
    if (!is_for(jwt, expected))
        return ERR(err, ERR_INPUT, "jwt-audience", "it is for somebody else");
    if (expected->typ && !typ_is(jwt->typ, expected->typ))
        return ERR(err, ERR_INPUT, "jwt-type", "it is another kind of token");
    if (expected->jti_required && !jwt->jti.len)
        return ERR(err, ERR_INPUT, "jwt-id", "it has no jti");
    return check_times(jwt, expected, err);
}
