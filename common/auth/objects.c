#include "common/auth/objects.h"

#include <assert.h>
#include <stdlib.h>

#include "common/auth/password.h"
#include "common/base/check.h"

enum { OBJECT_ARENA_BYTES = 16 << 20, TENANT_BYTES_MAX = 200 };

/* --- the members of each kind ----------------------------------------------------------------- */
/* clang-format off */

#define AT(member) .offset = offsetof(CertificateMatcher, member)
static const Field certificate_fields[] = {
    {"fingerprint", FIELD_BYTES32, AT(fingerprint)},
    {"subject",     FIELD_TEXT,    AT(subject)},
    {"san",         FIELD_TEXT,    AT(san)},
    {"issuer",      FIELD_TEXT,    AT(issuer)},
    {"expires",     FIELD_TIME,    AT(expires_us)},
    {"revoked",     FIELD_TIME,    AT(revoked_us)},
    {0},
};
#undef AT
#define AT(member) .offset = offsetof(StoredSecret, member)
static const Field secret_fields[] = {
    {"id",      FIELD_TEXT,    AT(id)},
    {"hmac",    FIELD_BYTES32, AT(hmac)},
    {"about",   FIELD_TEXT,    AT(about)},
    {"created", FIELD_TIME,    AT(created_us)},
    {"expires", FIELD_TIME,    AT(expires_us)},
    {"revoked", FIELD_TIME,    AT(revoked_us)},
    {0},
};
#undef AT
#define AT(member) .offset = offsetof(OAuthClient, member)
static const Field client_fields[] = {
    {"id",               FIELD_TEXT,  AT(id)},
    {"secrets",          FIELD_LIST,  AT(secrets), .fields = secret_fields, .item_bytes = sizeof(StoredSecret)},
    {"jwks",             FIELD_JSON,  AT(jwks)},
    {"jwksUri",          FIELD_TEXT,  AT(jwks_uri)},
    {"certificate",      FIELD_BOOL,  AT(certificate)},
    {"certificateBound", FIELD_BOOL,  AT(certificate_bound)},
    {"scopes",           FIELD_TEXTS, AT(scopes)},
    {"tokenLifeS",       FIELD_UINT,  AT(token_life_s), .initial = 300, .min = 10, .max = 3600},
    {0},
};
#undef AT
#define AT(member) .offset = offsetof(Caller, member)
static const Field permission_fields[] = {
    {"connectAs",      FIELD_TEXTS, AT(may[PERMISSION_CONNECT_AS])},
    {"sendAs",         FIELD_TEXTS, AT(may[PERMISSION_SEND_AS])},
    {"sendCategories", FIELD_TEXTS, AT(send_categories)},
    {"read",           FIELD_TEXTS, AT(may[PERMISSION_READ])},
    {"administer",     FIELD_TEXTS, AT(may[PERMISSION_ADMINISTER])},
    {"replay",         FIELD_TEXTS, AT(may[PERMISSION_REPLAY])},
    {0},
};
static const Field caller_fields[] = {
    {"about",        FIELD_TEXT,  AT(about)},
    {"disabled",     FIELD_BOOL,  AT(disabled)},
    {"gateway",      FIELD_BOOL,  AT(gateway)},
    {"plan",         FIELD_TEXT,  AT(plan)},
    {"tenants",      FIELD_TEXTS, AT(tenants)},
    {"permissions",  FIELD_GROUP, 0, .fields = permission_fields},
    {"certificates", FIELD_LIST,  AT(certificates), .fields = certificate_fields, .item_bytes = sizeof(CertificateMatcher)},
    {"clients",      FIELD_LIST,  AT(clients), .fields = client_fields, .item_bytes = sizeof(OAuthClient)},
    {"apiKeys",      FIELD_LIST,  AT(api_keys), .fields = secret_fields, .item_bytes = sizeof(StoredSecret)},
    {0},
};
#undef AT
#define AT(member) .offset = offsetof(TokenIssuer, member)
static const Field issuer_fields[] = {
    {"about",        FIELD_TEXT,  AT(about)},
    {"disabled",     FIELD_BOOL,  AT(disabled)},
    {"iss",          FIELD_TEXT,  AT(iss)},
    {"jwksUri",      FIELD_TEXT,  AT(jwks_uri)},
    {"jwks",         FIELD_JSON,  AT(jwks)},
    {"caFile",       FIELD_TEXT,  AT(ca_file)},
    {"audience",     FIELD_TEXTS, AT(audience)},
    {"algorithms",   FIELD_TEXTS, AT(algorithms)},
    {"claim",        FIELD_TEXT,  AT(claim)},
    {"callers",      FIELD_PAIRS, AT(callers)},
    {"typeRequired", FIELD_BOOL,  AT(type_required)},
    {"leewayS",      FIELD_UINT,  AT(leeway_s),   .initial = 60,    .min = 0,  .max = 300},
    {"lifeMaxS",     FIELD_UINT,  AT(life_max_s), .initial = 86400, .min = 60, .max = 604800},
    {"refreshS",     FIELD_UINT,  AT(refresh_s),  .initial = 600,   .min = 10, .max = 86400},
    {0},
};
#undef AT
#define AT(member) .offset = offsetof(UsagePlan, member)
static const Field plan_fields[] = {
    {"about",        FIELD_TEXT,   AT(about)},
    {"burst",        FIELD_UINT,   AT(burst),          .max = 1000000},
    {"ratePerS",     FIELD_UINT,   AT(rate_per_s),     .max = 1000000},
    {"quota",        FIELD_UINT,   AT(quota),          .max = 1000000000000},
    {"period",       FIELD_CHOICE, AT(period),         .choices = "DAY WEEK MONTH"},
    {"concurrency",  FIELD_UINT,   AT(concurrency),    .max = 1000000},
    {"bodyMaxBytes", FIELD_UINT,   AT(body_max_bytes), .max = 1099511627776},
    {0},
};
/* Of whatever AT stands for, which has a CorsPolicy `cors`. */
#define CORS_FIELDS                                                                                \
    {"origins", FIELD_TEXTS, AT(cors.origins)}, {"methods", FIELD_TEXTS, AT(cors.methods)},        \
        {"headers", FIELD_TEXTS, AT(cors.headers)},                                                \
        {"credentials", FIELD_BOOL, AT(cors.credentials)},                                         \
    {                                                                                              \
        "maxAgeS", FIELD_UINT, AT(cors.max_age_s), .initial = 600, .max = 86400                    \
    }
#undef AT
#define AT(member) .offset = offsetof(Organisation, member)
static const Field organisation_fields[] = {
    {"sourceDomain",     FIELD_TEXT, AT(source_domain)},
    {"organisationCode", FIELD_TEXT, AT(organisation_code)},
    {"about",            FIELD_TEXT, AT(about)},
    {0},
};
#undef AT
#define AT(member) .offset = offsetof(Tenant, member)
static const Field tenant_cors_fields[] = {CORS_FIELDS, {0}};
static const Field tenant_fields[] = {
    {"about",         FIELD_TEXT, AT(about)},
    {"disabled",      FIELD_BOOL, AT(disabled)},
    {"tenant",        FIELD_TEXT, AT(tenant)},
    {"plan",          FIELD_TEXT, AT(plan)},
    {"cors",          FIELD_GROUP, 0, .fields = tenant_cors_fields},
    {"organisations", FIELD_LIST, AT(organisations), .fields = organisation_fields, .item_bytes = sizeof(Organisation)},
    {0},
};
#undef AT
#define AT(member) .offset = offsetof(HostName, member)
static const Field host_cors_fields[] = {CORS_FIELDS, {0}};
static const Field host_fields[] = {
    {"about",     FIELD_TEXT,  AT(about)},
    {"tenant",    FIELD_TEXT,  AT(tenant)},
    {"certFile",  FIELD_TEXT,  AT(cert_file)},
    {"keyFile",   FIELD_TEXT,  AT(key_file)},
    {"cors",      FIELD_GROUP, 0, .fields = host_cors_fields},
    {"url",       FIELD_TEXT,  AT(url)},
    {"publisher", FIELD_TEXT,  AT(publisher)},
    {0},
};
#undef AT
#define AT(member) .offset = offsetof(Account, member)
static const Field account_fields[] = {
    {"about",    FIELD_TEXT,  AT(about)},
    {"disabled", FIELD_BOOL,  AT(disabled)},
    {"tenants",  FIELD_TEXTS, AT(tenants)},
    {"rights",   FIELD_TEXTS, AT(rights)},
    {"argon2id", FIELD_TEXT,  AT(argon2id)},
    {"oidc",     FIELD_TEXTS, AT(oidc)},
    {0},
};
#undef AT
/* clang-format on */

/* A list and its count lie side by side, as in FieldList. */
#define SIDE_BY_SIDE(Struct, first, second)                                                        \
    static_assert(offsetof(Struct, second) - offsetof(Struct, first) ==                            \
                      offsetof(FieldList, count),                                                  \
                  "fields.c fills both")
SIDE_BY_SIDE(OAuthClient, secrets, secret_count);
SIDE_BY_SIDE(Caller, certificates, certificate_count);
SIDE_BY_SIDE(Caller, clients, client_count);
SIDE_BY_SIDE(Caller, api_keys, api_key_count);
SIDE_BY_SIDE(Tenant, organisations, organisation_count);

/* --- what no single member can say ------------------------------------------------------------ */

static const char *const permission_names[] = {"connectAs", "sendAs", "read", "administer",
                                               "replay"};
static_assert(sizeof permission_names / sizeof permission_names[0] == PERMISSION_COUNT,
              "every permission has a name");

const char *permission_name(Permission permission)
{
    return permission_names[permission];
}

static bool among(AuthTexts texts, Str wanted)
{
    for (size_t i = 0; i < texts.count; i++)
        if (str_eq(texts.list[i], wanted))
            return true;
    return false;
}

/* "tenant#organisation" -> "tenant" */
static Str tenant_of(Str entry)
{
    return str_cut(entry, 0, str_find_char(entry, '#'));
}

static bool is_loopback(Str rest)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        Str host = str_from(hosts[i]);
        if (str_starts(rest, host) &&
            (rest.len == host.len || rest.ptr[host.len] == ':' || rest.ptr[host.len] == '/'))
            return true;
    }
    return false;
}

/* https, or plain http to this machine; no user, no fragment. */
static bool url_fits(Str url)
{
    bool secure = str_starts(url, STR("https://"));
    Str rest = str_skip(url, secure ? STR("https://").len : STR("http://").len);
    if (!secure && !(str_starts(url, STR("http://")) && is_loopback(rest)))
        return false;
    Str host = str_cut(rest, 0, str_find_char(rest, '/'));
    return host.len > 0 && str_find_char(host, '@') == host.len &&
           str_find_char(url, '#') == url.len && str_find_char(url, ' ') == url.len;
}

static bool category_fits(Str category)
{
    static const char *const formats[] = {"fhir:", "hl7v2:", "csv:"};
    size_t star = str_find_char(category, '*');
    if (star < category.len && star + 1 != category.len)
        return false; /* at the end only */
    if (str_is(category, "*") || str_is(category, "csv"))
        return true;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (str_starts(category, str_from(formats[i])) && category.len > strlen(formats[i]))
            return true;
    return false;
}

/* Nothing that is stored says which organisation a document was sent for: to see, replay or
 * administer what is one organisation's alone cannot be granted. */
static bool of_organisations(Permission permission)
{
    return permission == PERMISSION_CONNECT_AS || permission == PERMISSION_SEND_AS;
}

/* "fhir:Bundle/Patient,Observation", of category "fhir:Bundle": "Patient,Observation" */
static Str types_of(Str entry, Str category)
{
    bool is =
        str_starts(entry, category) && entry.len > category.len && entry.ptr[category.len] == '/';
    return is ? str_skip(entry, category.len + 1) : STR_NONE;
}

static bool is_type(Str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!(name.ptr[i] >= 'A' && name.ptr[i] <= 'Z') &&
            !(i && name.ptr[i] >= 'a' && name.ptr[i] <= 'z'))
            return false;
    return name.len > 0;
}

/* What routes ask for and a body can be held to; anything else would never be meant. */
static bool fhir_category_fits(Str category)
{
    Str bundle = STR("fhir:Bundle"), types = types_of(category, bundle), one;
    if (!str_starts(category, STR("fhir:")) || str_eq(category, bundle) ||
        str_is(category, "fhir:*"))
        return true;
    bool fits = types.len > 0;
    while (types.ptr && str_split(&types, ',', &one))
        fits = fits && is_type(one);
    return fits;
}

/* An older version published these; they grant nothing (caller_may), so they are read, but not
 * written again. */
static const char *grants_wrong(const Caller *caller)
{
    for (size_t i = 0; i < caller->send_categories.count; i++)
        if (!fhir_category_fits(caller->send_categories.list[i]))
            return "of FHIR sendCategories holds fhir:Bundle, fhir:Bundle/TYPE,TYPE... or fhir:*";
    for (Permission p = 0; p < PERMISSION_COUNT; p++)
        for (size_t i = 0; i < caller->may[p].count && !of_organisations(p); i++)
            if (str_find_char(caller->may[p].list[i], '#') < caller->may[p].list[i].len)
                return "read, replay and administer are of whole tenants: no \"#organisation\"";
    return NULL;
}

static const char *permissions_wrong(const Caller *caller)
{
    for (size_t i = 0; i < caller->tenants.count; i++)
        if (str_find_char(caller->tenants.list[i], '#') < caller->tenants.list[i].len ||
            caller->tenants.list[i].len > TENANT_BYTES_MAX)
            return "tenants holds tenants without organisation, of at most 200 bytes";
    for (size_t p = 0; p < PERMISSION_COUNT; p++)
        for (size_t i = 0; i < caller->may[p].count; i++) {
            Str entry = caller->may[p].list[i];
            if (!str_is(entry, "*") && !among(caller->tenants, STR("*")) &&
                !among(caller->tenants, tenant_of(entry)))
                return "permissions name a tenant that tenants does not";
        }
    for (size_t i = 0; i < caller->send_categories.count; i++)
        if (!category_fits(caller->send_categories.list[i]))
            return "sendCategories holds fhir:TYPE, hl7v2:MESSAGE^TRIGGER, csv; '*' at an end";
    return NULL;
}

static bool has_hmac(const StoredSecret *secret)
{
    static const uint8_t zeros[32];
    return memcmp(secret->hmac, zeros, sizeof zeros) != 0;
}

static const char *credentials_wrong(const Caller *caller)
{
    static const uint8_t zeros[32];
    for (size_t i = 0; i < caller->certificate_count; i++) {
        const CertificateMatcher *c = &caller->certificates[i];
        if (memcmp(c->fingerprint, zeros, sizeof zeros) == 0 && !c->subject.len && !c->san.len)
            return "a certificate needs fingerprint, subject or san";
        if (c->san.len && str_find_char(c->san, ':') == c->san.len)
            return "san says which kind: dns:, uri:, email: or ip:";
    }
    for (size_t i = 0; i < caller->api_key_count; i++)
        if (!caller->api_keys[i].id.len || !has_hmac(&caller->api_keys[i]))
            return "an API key needs id and hmac";
    for (size_t i = 0; i < caller->client_count; i++) {
        const OAuthClient *c = &caller->clients[i];
        if (!c->id.len || (!c->secret_count && !c->jwks.len && !c->jwks_uri.len && !c->certificate))
            return "a client needs id, and one of secrets, jwks, jwksUri, certificate";
        if (c->jwks_uri.len && (c->jwks.len || !url_fits(c->jwks_uri)))
            return "jwksUri is an https:// URL, and instead of jwks";
        for (size_t s = 0; s < c->secret_count; s++)
            if (!has_hmac(&c->secrets[s]))
                return "a secret needs hmac";
    }
    return NULL;
}

static const char *caller_wrong(void *object)
{
    const Caller *caller = object;
    const char *wrong = permissions_wrong(caller);
    return wrong ? wrong : credentials_wrong(caller);
}

static const char *issuer_wrong(void *object)
{
    static const char *const known[] = {"RS256", "PS256", "ES256", "EdDSA"};
    TokenIssuer *issuer = object;
    if (!issuer->iss.len || !issuer->audience.count || !issuer->algorithms.count)
        return "iss, audience and algorithms are required";
    if ((issuer->jwks_uri.len > 0) == (issuer->jwks.len > 0))
        return "either jwksUri or jwks is required";
    if (issuer->jwks_uri.len && !url_fits(issuer->jwks_uri))
        return "jwksUri is an https:// URL (http:// to loopback only)";
    for (size_t i = 0; i < issuer->algorithms.count; i++) {
        bool fits = false;
        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
            fits = fits || str_is(issuer->algorithms.list[i], known[k]);
        if (!fits)
            return "algorithms holds RS256, PS256, ES256 or EdDSA";
    }
    if (!issuer->claim.len)
        issuer->claim = STR("sub");
    return NULL;
}

static const char *plan_wrong(void *object)
{
    UsagePlan *plan = object;
    if (plan->burst && !plan->rate_per_s)
        return "burst needs ratePerS";
    if (plan->rate_per_s && !plan->burst)
        plan->burst = plan->rate_per_s;
    return NULL;
}

/* "https://a.example.org", "https://a.example.org:8443", "https://" "*.example.org" */
static bool origin_fits(Str origin)
{
    Str rest = str_starts(origin, STR("https://"))  ? str_skip(origin, STR("https://").len)
               : str_starts(origin, STR("http://")) ? str_skip(origin, STR("http://").len)
                                                    : STR_NONE;
    if (str_starts(rest, STR("*.")))
        rest = str_skip(rest, 2);
    return rest.len > 0 && str_find_char(rest, '/') == rest.len &&
           str_find_char(rest, '*') == rest.len;
}

static const char *cors_wrong(const CorsPolicy *cors)
{
    for (size_t i = 0; i < cors->origins.count; i++)
        if (!origin_fits(cors->origins.list[i]))
            return "origins holds scheme://host[:port]; the host may begin with \"*.\"";
    return NULL;
}

static const char *tenant_wrong(void *object)
{
    Tenant *tenant = object;
    if (!tenant->tenant.len)
        tenant->tenant = tenant->name;
    if (tenant->tenant.len > TENANT_BYTES_MAX || str_is(tenant->tenant, "*") ||
        str_find_char(tenant->tenant, '#') < tenant->tenant.len)
        return "tenant is at most 200 bytes, without '#', and not \"*\"";
    for (size_t i = 0; i < tenant->organisation_count; i++) {
        const Organisation *o = &tenant->organisations[i];
        if (!o->source_domain.len || !o->organisation_code.len)
            return "an organisation needs sourceDomain and organisationCode";
        if (str_find_char(o->source_domain, '/') < o->source_domain.len)
            return "sourceDomain holds no '/'";
    }
    return cors_wrong(&tenant->cors);
}

static const char *host_wrong(void *object)
{
    const HostName *host = object;
    for (size_t i = 0; i < host->name.len; i++)
        if (host->name.ptr[i] >= 'A' && host->name.ptr[i] <= 'Z')
            return "the name of a host is written in lower case";
    if ((host->cert_file.len > 0) != (host->key_file.len > 0))
        return "certFile and keyFile need each other";
    if (host->url.len && !url_fits(host->url))
        return "url is an https:// URL";
    return cors_wrong(&host->cors);
}

static const char *const right_names[] = {"read", "reveal", "replay", "administer"};
static_assert(sizeof right_names / sizeof right_names[0] == ACCOUNT_RIGHT_COUNT,
              "every right has a name");

const char *account_right_name(AccountRight right)
{
    return right_names[right];
}

static const char *account_wrong(void *object)
{
    const Account *account = object;
    for (size_t i = 0; i < account->rights.count; i++) {
        size_t r = 0;
        while (r < ACCOUNT_RIGHT_COUNT && !str_is(account->rights.list[i], right_names[r]))
            r++;
        if (r == ACCOUNT_RIGHT_COUNT)
            return "rights holds read, reveal, replay or administer";
    }
    for (size_t i = 0; i < account->tenants.count; i++)
        if (account->tenants.list[i].len > TENANT_BYTES_MAX ||
            str_find_char(account->tenants.list[i], '#') < account->tenants.list[i].len)
            return "tenants holds tenants of at most 200 bytes, or \"*\"";
    if (account->argon2id.len && !password_kept_fits(account->argon2id))
        return "argon2id is a text of fhirbus-keys account set-password";
    return NULL;
}

bool account_may(const Account *account, AccountRight right)
{
    return !account->disabled && among(account->rights, str_from(right_names[right]));
}

/* --- reading ---------------------------------------------------------------------------------- */

static const struct {
    const Field *fields;
    size_t bytes, name_at, version_at;  /* version_at 0: it keeps none */
    const char *(*wrong)(void *object); /* and fills in what follows from others */
} kinds[] = {
    [AUTH_CALLERS] = {caller_fields, sizeof(Caller), offsetof(Caller,   name),
                      offsetof(Caller,                                                                             version),                   caller_wrong},
    [AUTH_ISSUERS] = {issuer_fields,             sizeof(TokenIssuer),               offsetof(TokenIssuer, name),
                      offsetof(TokenIssuer, version),                                                                                                    issuer_wrong},
    [AUTH_PLANS] = {plan_fields, sizeof(UsagePlan),               offsetof(UsagePlan,                      name),                                       0,            plan_wrong},
    [AUTH_TENANTS] = {tenant_fields,   sizeof(Tenant),                 offsetof(Tenant,                      name),                                        0,   tenant_wrong                                                                                          },
    [AUTH_HOSTS] = {host_fields, sizeof(HostName),               offsetof(HostName,                      name),                                        0,            host_wrong},
    [AUTH_ACCOUNTS] = {account_fields,   sizeof(Account),                 offsetof(Account,                     name),                                      0,account_wrong                                                                               },
};

/* Each begins with its arena. */
static_assert(offsetof(Caller, arena) == 0 && offsetof(TokenIssuer, arena) == 0 &&
                  offsetof(UsagePlan, arena) == 0 && offsetof(Tenant, arena) == 0 &&
                  offsetof(HostName, arena) == 0 && offsetof(Account, arena) == 0,
              "auth_free finds it there");

/* --- HMACs that were not shown ---------------------------------------------------------------- */

static void keep_hmacs(StoredSecret *now, size_t count, const StoredSecret *before,
                       size_t before_count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < before_count && !has_hmac(&now[i]); k++)
            if (now[i].id.len && str_eq(now[i].id, before[k].id))
                memcpy(now[i].hmac, before[k].hmac, sizeof now[i].hmac);
}

static void keep_secrets(Caller *now, const Caller *before)
{
    keep_hmacs(now->api_keys, now->api_key_count, before->api_keys, before->api_key_count);
    for (size_t i = 0; i < now->client_count; i++)
        for (size_t k = 0; k < before->client_count; k++)
            if (str_eq(now->clients[i].id, before->clients[k].id))
                keep_hmacs(now->clients[i].secrets, now->clients[i].secret_count,
                           before->clients[k].secrets, before->clients[k].secret_count);
}

static void keep_password(Account *now, const Account *before, Arena *arena)
{
    if (!now->argon2id.len)
        now->argon2id = arena_copy(arena, before->argon2id);
}

bool auth_hides(AuthKind kind)
{
    return kind == AUTH_CALLERS || kind == AUTH_ACCOUNTS;
}

void auth_write_shown(AuthKind kind, void *object, Buf *out)
{
    Caller *caller = object;
    if (kind == AUTH_ACCOUNTS)
        ((Account *)object)->argon2id = STR_NONE;
    for (size_t i = 0; kind == AUTH_CALLERS && i < caller->api_key_count; i++)
        memset(caller->api_keys[i].hmac, 0, sizeof caller->api_keys[i].hmac);
    for (size_t i = 0; kind == AUTH_CALLERS && i < caller->client_count; i++)
        for (size_t k = 0; k < caller->clients[i].secret_count; k++)
            memset(caller->clients[i].secrets[k].hmac, 0, sizeof caller->api_keys[0].hmac);
    auth_write(kind, object, out);
}

/* --- objects ---------------------------------------------------------------------------------- */

static bool fill(AuthKind kind, Str data, const void *before, bool published, void *object,
                 Err *err)
{
    Arena *arena = *(Arena **)object;
    TRY(fields_read(kinds[kind].fields, data, arena, object, err));
    if (kind == AUTH_CALLERS && before)
        keep_secrets(object, before);
    if (kind == AUTH_ACCOUNTS && before)
        keep_password(object, before, arena);
    const char *wrong = kinds[kind].wrong(object);
    if (!wrong && !published && kind == AUTH_CALLERS)
        wrong = grants_wrong(object);
    return !wrong || ERR(err, ERR_INPUT, "object-field", "%s", wrong);
}

void *auth_new(AuthKind kind, Str name)
{
    Arena *arena = arena_new(OBJECT_ARENA_BYTES);
    void *object = arena ? arena_zero(arena, kinds[kind].bytes) : NULL;
    CHECK(object);
    Str copy = arena_copy(arena, name);
    *(Arena **)object = arena;
    memcpy((char *)object + kinds[kind].name_at, &copy, sizeof copy);
    fields_initial(kinds[kind].fields, object);
    return object;
}

bool auth_read_as_written(AuthKind kind, Str name, Str data, void **ret_object, Err *err)
{
    void *object = auth_new(kind, name);
    if (!fields_read(kinds[kind].fields, data, *(Arena **)object, object, err)) {
        auth_free(object);
        return false;
    }
    *ret_object = object;
    return true;
}

static bool read_object(AuthKind kind, Str name, Str data, const void *before, bool published,
                        void **ret_object, Err *err)
{
    void *object = auth_new(kind, name);
    if (!fill(kind, data, before, published, object, err)) {
        auth_free(object);
        return false;
    }
    *ret_object = object;
    return true;
}

bool auth_read_over(AuthKind kind, Str name, Str data, const void *before, void **ret_object,
                    Err *err)
{
    return read_object(kind, name, data, before, false, ret_object, err);
}

bool auth_read(AuthKind kind, Str name, Str data, void **ret_object, Err *err)
{
    return auth_read_over(kind, name, data, NULL, ret_object, err);
}

bool auth_read_published(AuthKind kind, Str name, Str data, void **ret_object, Err *err)
{
    return read_object(kind, name, data, NULL, true, ret_object, err);
}

void auth_free(void *object)
{
    if (object)
        arena_free(*(Arena **)object);
}

void auth_write(AuthKind kind, const void *object, Buf *out)
{
    fields_write(kinds[kind].fields, object, out);
}

static bool make(AuthKind kind, const CatalogObject *object, void **ret_made, Err *err)
{
    void *made;
    TRY(auth_read_published(kind, object->name, object->data, &made, err));
    if (kinds[kind].version_at)
        memcpy((char *)made + kinds[kind].version_at, &object->version, sizeof object->version);
    *ret_made = made;
    return true;
}

#define MAKE(name, kind)                                                                           \
    static bool name(void *opaque, const CatalogObject *object, void **ret_made, Err *err)         \
    {                                                                                              \
        (void)opaque;                                                                              \
        return make((kind), object, ret_made, err);                                                \
    }
MAKE(make_caller, AUTH_CALLERS)
MAKE(make_issuer, AUTH_ISSUERS)
MAKE(make_plan, AUTH_PLANS)
MAKE(make_tenant, AUTH_TENANTS)
MAKE(make_host, AUTH_HOSTS)
MAKE(make_account, AUTH_ACCOUNTS)

const CatalogKind auth_kinds[AUTH_KIND_COUNT] = {
    [AUTH_CALLERS] = {"callers",  make_caller,  auth_free, NULL},
    [AUTH_ISSUERS] = {"issuers",  make_issuer,  auth_free, NULL},
    [AUTH_PLANS] = {"plans",    make_plan,    auth_free, NULL},
    [AUTH_TENANTS] = {"tenants",  make_tenant,  auth_free, NULL},
    [AUTH_HOSTS] = {"hosts",    make_host,    auth_free, NULL},
    [AUTH_ACCOUNTS] = {"accounts", make_account, auth_free, NULL},
};

bool auth_kind_named(Str name, AuthKind *ret_kind)
{
    for (AuthKind kind = 0; kind < AUTH_KIND_COUNT; kind++)
        if (str_is(name, auth_kinds[kind].name)) {
            *ret_kind = kind;
            return true;
        }
    return false;
}

/* --- questions -------------------------------------------------------------------------------- */

static bool acts_for(const Caller *caller, Str tenant)
{
    return among(caller->tenants, tenant) || among(caller->tenants, STR("*"));
}

static bool covers(Str entry, Str tenant, Str organisation)
{
    if (str_is(entry, "*") || str_eq(entry, tenant))
        return true;
    return organisation.len && str_eq(tenant_of(entry), tenant) &&
           str_eq(str_skip(entry, tenant.len + 1), organisation);
}

bool caller_may(const Caller *caller, Permission permission, Str tenant, Str organisation)
{
    /* An entry is itself no tenant. */
    if (caller->disabled || !tenant.len || str_is(tenant, "*") ||
        str_find_char(tenant, '#') < tenant.len || !acts_for(caller, tenant))
        return false;
    AuthTexts entries = caller->may[permission];
    Str counts = of_organisations(permission) ? organisation : STR_NONE;
    for (size_t i = 0; i < entries.count; i++)
        if (covers(entries.list[i], tenant, counts))
            return true;
    return false;
}

bool caller_may_send(const Caller *caller, Str category)
{
    for (size_t i = 0; i < caller->send_categories.count && !caller->disabled; i++) {
        Str pattern = caller->send_categories.list[i];
        if (str_eq(pattern, category))
            return true;
        if (str_ends(pattern, STR("*")) &&
            str_starts(category, str_cut(pattern, 0, pattern.len - 1)))
            return true;
    }
    return false;
}

bool caller_may_send_type(const Caller *caller, Str category, Str type)
{
    if (caller_may_send(caller, category))
        return true;
    for (size_t i = 0; i < caller->send_categories.count && !caller->disabled; i++) {
        Str rest = types_of(caller->send_categories.list[i], category), one;
        while (rest.ptr && str_split(&rest, ',', &one))
            if (str_eq(one, type))
                return true;
    }
    return false;
}

bool caller_may_send_some(const Caller *caller, Str category)
{
    if (caller_may_send(caller, category))
        return true;
    for (size_t i = 0; i < caller->send_categories.count && !caller->disabled; i++)
        if (types_of(caller->send_categories.list[i], category).len)
            return true;
    return false;
}

bool caller_may_for_all(const Caller *caller, Permission permission)
{
    return !caller->disabled && among(caller->tenants, STR("*")) &&
           among(caller->may[permission], STR("*"));
}

Str caller_only_tenant(const Caller *caller, Permission permission)
{
    AuthTexts entries = caller->may[permission];
    if (among(entries, STR("*")))
        entries = caller->tenants;
    Str only = STR_NONE;
    for (size_t i = 0; i < entries.count; i++) {
        Str tenant = tenant_of(entries.list[i]);
        if (str_is(tenant, "*") || (only.ptr && !str_eq(only, tenant)))
            return STR_NONE;
        only = tenant;
    }
    return only;
}

bool secret_in_force(const StoredSecret *secret, int64_t now_us)
{
    return (!secret->revoked_us || now_us < secret->revoked_us) &&
           (!secret->expires_us || now_us < secret->expires_us);
}
